/* wait_poll_end_scenarios.c - who looks at the descriptors once the pool ends, has no threads of
 * its own, or is a parent's.
 *
 * Time passes only while everybody sleeps, see wait_poll_scenarios.c. */
#include "tests/scenario/scene_file.h"
#include "tests/scenario/scene_fork.h"

enum { A, B, RAN = SCENE_SERIES, GO };

/* ---- the thread ends ------------------------------------------------------------------------- */

static void make_ready(void *ignored)
{
    (void)ignored;
    scene_ready(A);
}

/* It woke up with news for a wait that had just been closed, and nobody in the pool waits for
 * anything any more. It retires all the same. */
SCENE(wait_poll__g_thread_with_news_for_nobody_retires)
{
    tp_pool_t *pool = scene_pool_idle(0, 1, MS);
    scene_fds_open(1);
    scene_wait_make(A, pool);
    scene_listen(A, POLLIN);
    tpps_sleep(100 * US);
    tpps_thread other = tpps_spawn(make_ready, NULL);
    if (scene_wait_of(A))
        scene_wait_close(A);
    tpps_join(other);
    tpps_sleep(20 * MS);
    tpps_check(scene_stats(pool).threads == 0);
    if (pool)
        scene_close_pool(pool);
    scene_fd_close(A);
}

/* ---- the pool ends --------------------------------------------------------------------------- */

/* Whoever kicks the sleeper out of the poller is done with it before the pool closes it. */
static void submit_and_close(void *work)
{
    scene_submit(work, 1);
    scene_close(work);
}

SCENE(wait_poll__g_pool_ends_while_the_sleeper_is_kicked)
{
    tp_pool_t *pool = scene_small_pool();
    tp_work_t *work = scene_pool_work(pool, scene_count, SCENE_WORD(RAN));
    tp_work_t *more = scene_pool_work(pool, scene_count, SCENE_WORD(RAN));
    scene_fds_open(1);
    scene_wait_make(A, pool);
    scene_listen(A, POLLIN);
    if (tpps_choose(2))
        tpps_sleep(MS);
    scene_close_pool(pool);
    tpps_thread one = tpps_spawn(submit_and_close, work);
    tpps_thread other = tpps_spawn(submit_and_close, more);
    if (tpps_choose(2))
        scene_ready(A);
    scene_wait_close(A);
    tpps_join(one);
    tpps_join(other);
    scene_await(RAN, more ? 2 : work ? 1 : 0);
    scene_fd_close(A);
}

/* Shut down with waits armed: they are armed no more, and no callback comes. */
static void shut_down(tp_pool_t *pool, bool cancel)
{
    tpps_check(!pool || tp_pool_shutdown(pool, cancel, TP_INFINITE) == TP_OK);
}

static void close_after_shutdown(void)
{
    for (uint32_t i = 0; i < 2; i++)
        if (scene_wait_of(i))
            scene_wait_close(i);
    tpps_check(tpps_files_kept() == 0);
    scene_fds_close(2);
}

static void end_pool(bool cancel)
{
    tp_pool_t *pool = scene_small_pool();
    scene_fds_open(2);
    scene_reader(A, pool, 0);
    scene_reader(B, pool, 0);
    scene_listen(A, POLLIN);
    scene_write(A, 1);
    scene_listen(A, POLLIN);
    scene_listen(B, POLLIN);
    if (tpps_choose(2))
        tpps_sleep(MS);
    shut_down(pool, cancel);
    if (scene_complete()) {
        bool armed = true;
        uint32_t hits = scene_hits(A) + scene_hits(B);
        scene_ready(A);
        scene_ready(B);
        tpps_check(scene_wait_try(A, tp_waitable_fd(scene_fd(A), POLLIN), TP_INFINITE, &armed) ==
                   TP_ERR_CLOSED);
        tpps_sleep(20 * MS);
        tpps_check(!armed && scene_hits(A) + scene_hits(B) == hits);
    }
    close_after_shutdown();
}

SCENE(wait_poll__g_shutdown_with_armed_waits)
{
    end_pool(false);
}

SCENE(wait_poll__g_shutdown_that_cancels)
{
    end_pool(true);
}

static void keep_writing(void *unused)
{
    (void)unused;
    for (int i = 0; i < 6; i++) {
        tpps_descriptor_set_ready(scene_fd(A), POLLIN);
        tpps_descriptor_set_ready(scene_fd(B), POLLIN | POLLOUT);
        if (tpps_choose(2))
            tpps_sleep(US);
    }
}

SCENE(wait_poll__g_shutdown_while_events_come)
{
    tp_pool_t *pool = scene_small_pool();
    scene_fds_open(2);
    scene_wait_make(A, pool);
    scene_wait_make(B, pool);
    scene_listen(A, POLLIN);
    scene_listen(B, POLLIN);
    tpps_thread writer = tpps_spawn(keep_writing, NULL);
    if (tpps_choose(2))
        tpps_sleep(US);
    shut_down(pool, tpps_choose(2));
    scene_hush(A);
    scene_hush(B);
    tpps_join(writer);
    tpps_sleep(MS);
    close_after_shutdown();
}

/* The slot of a pool is another pool's at once, with another poller. */
SCENE(wait_poll__g_one_pool_after_another)
{
    scene_fds_open(1);
    for (uint32_t round = 0; round < 3 && scene_complete(); round++) {
        tp_pool_t *pool = scene_pool(0, 1 + tpps_choose(2));
        scene_waits_begin();
        scene_reader(A, pool, 1);
        scene_listen(A, POLLIN);
        scene_write(A, 1);
        scene_close_pool(pool);
        scene_write(A, 1); /* it lives on as long as the wait is there */
        scene_file_finish(A);
    }
    scene_fds_close(1);
}

/* ---- pools without threads ------------------------------------------------------------------- */

static uint32_t turn(tp_pool_t *pool, int64_t timeout)
{
    uint32_t ran = 9;
    tp_status_t status = tp_pool_run(pool, 0, timeout, &ran);
    if (status != TP_OK && status != TP_ERR_TIMEOUT && status != TP_ERR_TOO_MANY_THREADS &&
        status != TP_ERR_CLOSED)
        tpps_check(scene_sweeps() && status == TP_ERR_NO_MEMORY);
    return status == TP_OK ? ran : 0;
}

static void driven_end(tp_pool_t *pool, uint32_t waits)
{
    for (uint32_t i = 0; i < waits; i++)
        if (scene_wait_of(i)) {
            scene_disarm(i);
            while (turn(pool, 0) > 0)
                ;
            scene_wait_close(i);
        }
    tpps_check(tpps_files_kept() == 0);
    scene_fds_close(waits);
    scene_close_pool(pool);
}

/* Once in a while it is up in vain: then a turn finds nothing, and lowers it. */
static void expect_lowered(tp_pool_t *pool, int fd)
{
    for (int looks = 0; looks < 3 && tpps_flag_raised(fd); looks++)
        tpps_check(turn(pool, 0) == 0);
    tpps_check(!tpps_flag_raised(fd));
}

/* Nobody is inside: the gate looks, and raises the flag. */
static void flag_tells(bool hidden)
{
    tp_pool_t *pool = scene_driven(2);
    tpps_hide_watch(hidden);
    int fd = scene_flag_of(pool);
    scene_fds_open(2);
    scene_reader(A, pool, 0);
    scene_reader(B, pool, 0);
    if (scene_complete()) {
        bool armed;
        tp_status_t first =
            scene_wait_try(A, tp_waitable_fd(scene_fd(A), POLLIN), TP_INFINITE, &armed);
        tp_status_t second =
            scene_wait_try(B, tp_waitable_fd(scene_fd(B), POLLIN), TP_INFINITE, &armed);
        tpps_check(scene_sweeps() || (first == TP_OK && second == TP_OK));
        for (uint32_t i = 0; i < 2 && first == TP_OK && second == TP_OK; i++) {
            bool settled = tpps_choose(2);
            if (settled)
                tpps_sleep(50 * MS);
            int64_t since = tpps_now(), grace = settled ? SCENE_SPIN : SCENE_GRACE;
            scene_ready(i);
            tpps_check(tpps_poll(fd, since + (hidden ? SCENE_UNWATCHED : grace)));
            while (scene_hits(i) == 0)
                turn(pool, 0);
            while (turn(pool, 0) > 0)
                ;
            expect_lowered(pool, fd);
        }
        tpps_sleep(SECOND);
        expect_lowered(pool, fd);
        uint64_t rests = oracle_rests();
        tpps_sleep(SECOND); /* nothing is armed, nothing happens */
        tpps_check((oracle_rests() - rests <= 1 || hidden) && !tpps_flag_raised(fd));
    }
    driven_end(pool, 2);
}

SCENE(wait_poll__h_gate_raises_the_flag)
{
    flag_tells(false);
}

SCENE(wait_poll__h_gate_raises_the_flag_without_a_watch)
{
    flag_tells(true);
}

/* What is ready already when somebody begins to listen: the gate is told while it is being told to
 * watch. */
SCENE(wait_poll__h_flag_for_what_was_ready_before)
{
    tp_pool_t *pool = scene_driven(2);
    int fd = scene_flag_of(pool);
    scene_fds_open(1);
    scene_reader(A, pool, 0);
    for (uint32_t i = 0; i < 4; i++) {
        if (tpps_choose(2))
            tpps_sleep(5 * MS);
        scene_ready(A);
        scene_listen(A, POLLIN);
        /* It may be up for the last time still. */
        for (int looks = 0; looks < 3 && scene_hits(A) == i; looks++) {
            tpps_check(tpps_poll(fd, tpps_now() + SCENE_GRACE));
            while (turn(pool, 0) > 0)
                ;
        }
        tpps_check(scene_hits(A) == i + 1);
        scene_disarm(A); /* the next time it is the first one again */
    }
    driven_end(pool, 1);
}

/* The gate knew of one pool and is woken for another: with a weak memory it is to see that one. */
SCENE(wait_poll__h_gate_is_woken_for_a_pool_made_since)
{
    tp_pool_t *before = scene_pool(1, 1);
    tp_pool_t *pool = scene_driven(2);
    int fd = scene_flag_of(pool);
    scene_fds_open(1);
    scene_reader(A, pool, 0);
    scene_listen(A, POLLIN);
    scene_ready(A);
    tpps_check(tpps_poll(fd, tpps_now() + SCENE_GRACE));
    while (turn(pool, 0) > 0)
        ;
    tpps_check(scene_hits(A) == 1);
    driven_end(pool, 1);
    scene_close_pool(before);
}

/* The pool goes, with its poller, while somebody is still busy setting its last wait. */
static void set_whatever_comes(void *unused)
{
    bool armed;
    (void)unused;
    tp_status_t status =
        scene_wait_try(A, tp_waitable_fd(scene_fd(A), POLLIN), TP_INFINITE, &armed);
    tpps_check(status == TP_OK || status == TP_ERR_HANDLE || status == TP_ERR_CLOSED ||
               scene_sweeps());
}

static void ends_while_it_is_set(tp_pool_t *pool, bool shut)
{
    tpps_hide_watch(tpps_choose(4) == 0);
    scene_fds_open(1);
    scene_wait_make(A, pool);
    if (tpps_choose(2))
        scene_ready(A);
    tpps_thread setter = tpps_spawn(set_whatever_comes, NULL);
    if (tpps_choose(2))
        tpps_point();
    if (shut)
        shut_down(pool, true);
    else
        scene_close_pool(pool);
    if (tpps_choose(2))
        tpps_point();
    if (scene_wait_of(A))
        scene_wait_close(A);
    tpps_join(setter);
    tpps_sleep(5 * MS);
    scene_fd_close(A);
}

SCENE(wait_poll__g_pool_ends_while_a_wait_is_set)
{
    ends_while_it_is_set(scene_pool(0, 1), tpps_choose(2));
}

SCENE(wait_poll__h_pool_ends_while_a_wait_is_set)
{
    ends_while_it_is_set(scene_driven(2), true);
}

/* Whoever has a seat sleeps in the poller. */
static void sit_and_run(void *pool)
{
    while (scene_latest(GO) == 0)
        (void)turn(pool, 50 * MS);
}

static void seats(uint32_t count)
{
    tp_pool_t *pool = scene_driven(2);
    tpps_thread threads[2];
    scene_fds_open(2);
    scene_reader(A, pool, 3);
    scene_reader(B, pool, 3);
    for (uint32_t i = 0; i < count && scene_complete(); i++)
        threads[i] = tpps_spawn(sit_and_run, pool);
    bool sat = scene_complete();
    scene_listen(A, POLLIN);
    scene_listen(B, POLLIN);
    tpps_sleep((int64_t)tpps_choose(2) * 10 * MS);
    for (uint32_t i = 0; i < 3; i++) {
        scene_ready_in_time(A, i, SCENE_GRACE);
        tpps_sleep((int64_t)tpps_choose(2) * 20 * MS);
        scene_ready_in_time(B, i, SCENE_GRACE);
    }
    scene_add(GO, 1);
    for (uint32_t i = 0; i < count && sat; i++)
        tpps_join(threads[i]);
    driven_end(pool, 2);
}

SCENE(wait_poll__h_one_seat_sleeps_in_the_poller)
{
    seats(1);
}

SCENE(wait_poll__h_two_seats)
{
    seats(2);
}

/* ---- the process forks ----------------------------------------------------------------------- */

/* The child has nothing of the parent's poller, and begins anew with the same descriptor. */
static void fork_then(tp_pool_t *pool)
{
    scene_fds_open(2);
    scene_reader(A, pool, 4);
    scene_reader(B, pool, 4);
    scene_listen(A, POLLIN);
    scene_listen(B, POLLIN);
    if (tpps_choose(2))
        scene_write(A, 1);
    if (tpps_choose(2))
        scene_ready(B);
    if (tpps_choose(2))
        tpps_sleep((int64_t)tpps_choose(3) * US);
    tp_wait_t *old = scene_wait_of(A);
    if (!scene_complete() || !old)
        tpps_exit();
    tpps_fork();
    scene_begin();
    tpps_check(tpps_files_kept() == 0); /* the child keeps nobody's file open */
    scene_forked(tp_wait_set(old, NULL, NULL));
    scene_forked(tp_wait_close(old));
    tpps_descriptor_set_ready(scene_fd(A), 0);
    tp_pool_t *own = scene_settled(0, 2);
    scene_reader(A, own, 4);
    scene_listen(A, POLLIN);
    tpps_check(!scene_complete() || tpps_files_kept() >= 1);
    scene_write(A, 2);
    tpps_sleep(10 * MS);
    scene_write(A, 1);
    scene_file_finish(A);
    scene_close_pool(own);
    tpps_exit();
}

SCENE(wait_poll__i_fork_with_a_sleeper_in_the_poller)
{
    fork_then(scene_small_pool());
}

/* Exact only if no deadline passes early. */
#define EXACT .no_early = true

static const struct tpps_scenario table[] = {
    {SCENE_ROW(wait_poll__g_thread_with_news_for_nobody_retires), EXACT},
    {SCENE_ROW(wait_poll__g_pool_ends_while_the_sleeper_is_kicked)},
    {SCENE_ROW(wait_poll__g_shutdown_with_armed_waits)},
    {SCENE_ROW(wait_poll__g_shutdown_that_cancels)},
    {SCENE_ROW(wait_poll__g_shutdown_while_events_come)},
    {SCENE_ROW(wait_poll__g_one_pool_after_another)},
    {SCENE_ROW(wait_poll__h_gate_raises_the_flag), EXACT, .no_faults = true},
    {SCENE_ROW(wait_poll__h_gate_raises_the_flag_without_a_watch), EXACT, .no_faults = true},
    {SCENE_ROW(wait_poll__h_flag_for_what_was_ready_before), EXACT, .no_faults = true},
    {SCENE_ROW(wait_poll__h_gate_is_woken_for_a_pool_made_since), EXACT, .no_faults = true},
    {SCENE_ROW(wait_poll__g_pool_ends_while_a_wait_is_set)},
    {SCENE_ROW(wait_poll__h_pool_ends_while_a_wait_is_set), .no_faults = true},
    {SCENE_ROW(wait_poll__h_one_seat_sleeps_in_the_poller), EXACT, .no_faults = true},
    {SCENE_ROW(wait_poll__h_two_seats), EXACT, .no_faults = true},
    {SCENE_ROW(wait_poll__i_fork_with_a_sleeper_in_the_poller)},
};

int main(int argc, char **argv)
{
    return scene_main(argc, argv, table, SCENE_COUNT(table));
}
