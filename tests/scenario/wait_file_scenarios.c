/* wait_file_scenarios.c - waits on descriptors: one registration, no stranger's events, no spin. */
#include "core/mem/token.h"
#include "core/object/wait.h"
#include "tests/scenario/scene_file.h"

enum { A, B, C, D, RAN, GO, DONE };

/* A set that was refused for lack of something is followed by nothing. */
static void await_hits(uint32_t number, uint32_t at_least)
{
    if (scene_complete())
        scene_await_hits(number, at_least);
}

static void await_told(uint32_t number, enum scene_count count, uint32_t at_least)
{
    if (scene_complete())
        scene_await_told(number, count, at_least);
}

/* They were few enough for so many callbacks. */
static void check_told(uint64_t before, uint32_t most, uint32_t callbacks)
{
    uint64_t told = tpps_events_told() - before;
    if (told > most)
        tpps_fail("%u callbacks, and %llu events", callbacks, (unsigned long long)told);
}

/* Two waits on one descriptor: A is armed for POLLIN, B for these states. */
static tp_pool_t *two_on_one(uint32_t events)
{
    tp_pool_t *pool = scene_small_pool();
    scene_fds_open(1);
    scene_wait_make(A, pool);
    scene_wait_make(B, pool);
    scene_listen(A, POLLIN);
    scene_wait_on(B, tp_waitable_fd(scene_fd(A), events), TP_INFINITE);
    return pool;
}

/* ---- one descriptor, one wait ---------------------------------------------------------------- */

/* [C-123] [C-124] One shot, at once if it is ready already, and again as soon as it is set again.
 */
SCENE(wait_file__c124_each_set_is_one_callback)
{
    tp_pool_t *pool = scene_small_pool();
    scene_fds_open(1);
    scene_wait_make(A, pool);
    if (tpps_choose(2))
        tpps_descriptor_set_ready(scene_fd(A), POLLIN | POLLOUT);
    tpps_check(!scene_listen(A, POLLIN));
    if (tpps_choose(2))
        tpps_sleep(MS);
    tpps_descriptor_set_ready(scene_fd(A), POLLIN | POLLOUT);
    await_hits(A, 1);
    tpps_sleep(10 * MS);
    if (scene_complete()) {
        tpps_check(scene_hits(A) == 1 && scene_events(A) == POLLIN && !scene_disarm(A));
        scene_listen(A, POLLIN | POLLOUT);
        await_hits(A, 2);
        tpps_check(!scene_complete() || scene_events(A) == (POLLIN | POLLOUT));
    }
    scene_files_end(pool, 1);
}

SCENE(wait_file__not_ready_for_what_was_asked)
{
    tp_pool_t *pool = scene_small_pool();
    scene_fds_open(1);
    scene_wait_make(A, pool);
    tpps_descriptor_set_ready(scene_fd(A), POLLOUT);
    scene_listen(A, POLLIN);
    tpps_sleep(20 * MS);
    tpps_check(scene_hits(A) == 0 && scene_disarm(A) == scene_complete());
    tpps_check(tpps_descriptor_interests(scene_fd(A)) == 0); /* nobody listens any more */
    tpps_descriptor_set_ready(scene_fd(A), POLLIN);
    tpps_sleep(20 * MS);
    tpps_check(scene_hits(A) == 0);
    scene_files_end(pool, 1);
}

/* Hang-up and error come unasked, also when nothing else is asked for. */
SCENE(wait_file__hang_up_and_error_always_count)
{
    static const uint32_t states[] = {POLLERR, POLLHUP, POLLERR | POLLHUP | POLLIN};
    tp_pool_t *pool = scene_small_pool();
    scene_fds_open(1);
    scene_wait_make(A, pool);
    uint32_t state = states[tpps_choose(3)], asked = tpps_choose(2) ? POLLOUT : 0;
    scene_listen(A, asked);
    if (tpps_choose(2))
        tpps_sleep(MS);
    tpps_descriptor_set_ready(scene_fd(A), state);
    if (scene_complete()) {
        await_hits(A, 1);
        tpps_check(scene_events(A) == (state & (POLLERR | POLLHUP)));
    }
    tpps_check(scene_told_in(SECOND) <= SCENE_SILENCE); /* and nobody spins on it */
    scene_listen(A, asked);
    await_hits(A, 2);
    tpps_check(scene_told_in(SECOND) <= SCENE_SILENCE);
    scene_files_end(pool, 1);
}

/* ---- several waits on one file --------------------------------------------------------------- */

/* One registration, whatever each asks for; each is told of what it has asked for. */
SCENE(wait_file__r35_one_registration_for_several_waits)
{
    tp_pool_t *pool = scene_small_pool();
    int fd = scene_fd(A);
    scene_fds_open(1);
    for (uint32_t i = 0; i < 3; i++)
        scene_wait_make(i, pool);
    scene_listen(A, POLLIN);
    scene_wait_on(B, tp_waitable_fd(fd, POLLOUT), TP_INFINITE);
    if (tpps_choose(2))
        tpps_sleep(MS);
    scene_wait_on(C, tp_waitable_fd(fd, POLLIN | POLLOUT), TP_INFINITE);
    if (scene_complete()) {
        tpps_check(tpps_descriptor_interests(fd) == 1 && tpps_descriptor_names(fd) == 2);
        tpps_descriptor_set_ready(fd, POLLIN);
        await_hits(A, 1);
        await_hits(C, 1);
        tpps_sleep(10 * MS);
        tpps_check(scene_hits(B) == 0 && scene_events(A) == POLLIN && scene_events(C) == POLLIN);
        tpps_descriptor_set_ready(fd, POLLIN | POLLOUT);
        await_hits(B, 1);
        tpps_check(scene_events(B) == POLLOUT);
        scene_wait_on(B, tp_waitable_fd(fd, POLLIN), TP_INFINITE);
        await_hits(B, 2);
        tpps_check(tpps_descriptor_interests(fd) == 1);
        for (uint32_t i = 0; i < 3; i++) {
            scene_disarm(i);
            tpps_check(tpps_descriptor_interests(fd) == (i < 2));
        }
    }
    for (uint32_t i = 1; i < 3; i++)
        scene_file_finish(i);
    scene_files_end(pool, 1);
}

/* Four at once ask for the same file for the first time, each for something else. */
static void listen_to_first(void *number)
{
    static const uint32_t asked[] = {POLLIN, POLLOUT, POLLPRI, POLLIN | POLLPRI};
    uint32_t i = (uint32_t)(uintptr_t)number;
    scene_wait_on(i, tp_waitable_fd(scene_fd(A), asked[i]), TP_INFINITE);
}

SCENE(wait_file__r35_several_at_once_are_the_first)
{
    tp_pool_t *pool = scene_small_pool();
    tpps_thread threads[4];
    scene_fds_open(1);
    for (uint32_t i = 0; i < 4; i++)
        scene_wait_make(i, pool);
    if (tpps_choose(2))
        tpps_descriptor_set_ready(scene_fd(A), POLLIN);
    for (uint32_t i = 0; i < 4; i++)
        threads[i] = tpps_spawn(listen_to_first, SCENE_WORD(i));
    for (uint32_t i = 0; i < 4; i++)
        tpps_join(threads[i]);
    tpps_descriptor_set_ready(scene_fd(A), POLLIN | POLLOUT | POLLPRI);
    tpps_check(tpps_descriptor_interests(scene_fd(A)) <= 1);
    for (uint32_t i = 0; i < 4; i++)
        await_hits(i, 1);
    for (uint32_t i = 1; i < 4; i++)
        scene_file_finish(i);
    scene_files_end(pool, 1);
}

/* Two pools have a registration each. */
SCENE(wait_file__two_pools_wait_for_one_file)
{
    tp_pool_t *pool = scene_small_pool(), *other = scene_small_pool();
    scene_fds_open(1);
    scene_wait_make(A, pool);
    scene_wait_make(B, other);
    scene_listen(A, POLLIN);
    scene_wait_on(B, tp_waitable_fd(scene_fd(A), POLLIN), TP_INFINITE);
    tpps_check(!scene_complete() || tpps_descriptor_interests(scene_fd(A)) == 2);
    tpps_descriptor_set_ready(scene_fd(A), POLLIN);
    if (scene_complete()) {
        await_hits(A, 1);
        await_hits(B, 1);
    }
    scene_file_finish(B);
    scene_close_pool(other);
    scene_files_end(pool, 1);
}

/* ---- numbers that are closed and used again -------------------------------------------------- */

/* [C-144] The application closes its number too early: that harms nobody, and the file, which
 * another number of its still names, is told of all the same. */
SCENE(wait_file__c144_number_closed_while_armed)
{
    tp_pool_t *pool = scene_small_pool();
    int fd = scene_fd(A), copy = scene_fd(B);
    scene_fds_open(1);
    scene_wait_make(A, pool);
    tpps_descriptor_copy(fd, copy);
    scene_listen(A, POLLIN);
    bool before = tpps_choose(2);
    if (before)
        tpps_descriptor_set_ready(copy, POLLIN);
    tpps_descriptor_close(fd);
    tpps_descriptor_set_ready(copy, POLLIN);
    await_hits(A, 1);
    bool armed;
    if (scene_complete())
        tpps_check(scene_wait_try(A, tp_waitable_fd(fd, POLLIN), TP_INFINITE, &armed) ==
                   TP_ERR_SYSTEM); /* EBADF */
    scene_file_finish(A);
    tpps_check(tpps_files_kept() == 0 && tpps_descriptor_names(copy) == 1);
    tpps_descriptor_close(copy);
    tpps_check(tpps_files_open() == 0);
    scene_close_pool(pool);
}

/* The number that the wait A is armed on is another file by now. */
static void reuse(void *unused)
{
    (void)unused;
    tpps_descriptor_close(scene_fd(A));
    tpps_descriptor_open(scene_fd(A), TPPS_STREAM);
    tpps_descriptor_set_ready(scene_fd(A), POLLIN);
}

SCENE(wait_file__r34_number_is_another_file_while_armed)
{
    tp_pool_t *pool = scene_small_pool();
    int copy = scene_fd(C);
    scene_fds_open(1);
    scene_wait_make(A, pool);
    scene_wait_make(B, pool);
    tpps_descriptor_copy(scene_fd(A), copy);
    scene_listen(A, POLLIN);
    reuse(NULL);
    tpps_sleep(10 * MS);
    tpps_check(scene_hits(A) == 0); /* it waits for the old one */
    scene_wait_on(B, tp_waitable_fd(scene_fd(A), POLLIN), TP_INFINITE);
    if (scene_complete()) {
        await_hits(B, 1);
        tpps_check(scene_hits(A) == 0);
        tpps_check(tpps_descriptor_interests(scene_fd(A)) == 1);
        tpps_check(tpps_descriptor_interests(copy) == 1);
        if (tpps_choose(2)) { /* the old one, or the new one */
            tpps_descriptor_set_ready(copy, POLLIN);
        } else {
            tpps_check(scene_listen(A, POLLIN));
            tpps_check(tpps_descriptor_interests(copy) == 0);
        }
        await_hits(A, 1);
    }
    scene_file_finish(B);
    scene_files_end(pool, 1);
    tpps_check(tpps_descriptor_names(copy) == 1);
    tpps_descriptor_close(copy);
}

/* Between events, sets and a close the number gets another file all the time. What a callback is
 * told is so: of the file that the number named when the wait was set. */
static tpp_u32 life; /* of the number */

static void told_of_life(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                         tp_wait_result_t result)
{
    scene_hit(instance, context, wait, result);
    /* Only the second life is ever ready; whoever listens to the first hears nothing. */
    tpps_check(tpp_load_acquire(&life) == 2);
}

SCENE(wait_file__r34_old_registration_is_not_the_new_files)
{
    tp_pool_t *pool = scene_small_pool();
    scene_fds_open(1);
    tpp_init(&life, 1);
    scene_wait_calls(A, pool, told_of_life);
    scene_listen(A, POLLIN);
    if (tpps_choose(2))
        scene_disarm(A);
    tpps_thread other = tpps_spawn(reuse, NULL);
    if (tpps_choose(2))
        tpps_sleep(MS);
    tpps_join(other);
    tpps_sleep(5 * MS);
    tpps_check(scene_hits(A) == 0);
    tpp_store_release(&life, 2);
    scene_listen(A, POLLIN);
    await_hits(A, 1);
    scene_files_end(pool, 1);
}

/* What the wait listens to. */
static const struct tpi_source *source_of(uint32_t number)
{
    uintptr_t handle = (uintptr_t)scene_wait_of(number);
    if (!handle)
        return NULL;
    struct tpi_slot *slot = tpi_slab_at(TPI_KIND_WAIT, tpi_token_index(handle));
    return tpi_container(slot, struct tpi_wait, object.task.slot)->vigil.listener.source;
}

/* An event was on its way when its source went, and another has that one's place by now: nobody is
 * told. */
SCENE(wait_file__r34_late_event_meets_another_in_the_place_of_its_source)
{
    tp_pool_t *pool = scene_driven(1);
    tpps_hide_watch(true); /* else the gate takes the event at once */
    scene_fds_open(2);
    scene_wait_make(A, pool);
    scene_wait_make(B, pool);
    scene_listen(A, POLLIN);
    const struct tpi_source *place = source_of(A);
    scene_ready(A);
    scene_disarm(A);
    scene_listen(B, POLLIN);
    for (int i = 0; i < 256 && scene_complete() && source_of(B) != place; i++) {
        scene_disarm(B);
        scene_listen(B, POLLIN);
    }
    tpps_check(!scene_complete() || source_of(B) == place);
    while (pool && tp_pool_run(pool, 0, 10 * MS, NULL) == TP_OK) /* what A was told before, if so */
        ;
    tpps_check(scene_hits(B) == 0);
    scene_files_end(pool, 2);
}

/* Close the wait, and the number at once: it is another file's then, for which another wait
 * is armed. */
static void write_and_wait(void *unused)
{
    (void)unused;
    scene_ready(A);
}

/* A callback whose wait is closed goes on for a while after it was counted. */
static void let_callbacks_end(tp_pool_t *pool)
{
    while (scene_stats(pool).running > 0)
        tpps_sleep(US);
}

SCENE(wait_file__r34_close_wait_then_number)
{
    tp_pool_t *pool = scene_small_pool();
    int fd = scene_fd(A);
    for (uint32_t round = 0; round < 3; round++) {
        scene_fds_open(1);
        scene_wait_make(A, pool);
        scene_listen(A, POLLIN);
        tpps_thread writer = tpps_spawn(write_and_wait, NULL);
        if (tpps_choose(2))
            tpps_sleep(US);
        bool armed = scene_disarm(A);
        tpps_join(writer);
        if (armed)
            scene_hush(A);
        scene_wait_close(A);
        scene_fd_close(A);
        if (!armed) /* its callback is on its way */
            await_hits(A, 1);
        scene_fds_open(1);
        scene_wait_make(B, pool);
        scene_wait_on(B, tp_waitable_fd(fd, POLLIN), TP_INFINITE);
        tpps_sleep(MS);
        tpps_check(scene_hits(B) == 0);
        scene_ready(A);
        await_hits(B, 1);
        scene_file_finish(B);
        scene_fd_close(A);
        if (!scene_complete())
            break;
        let_callbacks_end(pool);
        scene_waits_begin();
    }
    tpps_check(tpps_files_kept() == 0);
    scene_close_pool(pool);
}

/* Closed without a set in between, and while events come. */
SCENE(wait_file__r34_close_of_an_armed_wait_is_its_end)
{
    tp_pool_t *pool = scene_small_pool();
    scene_fds_open(2);
    scene_reader(A, pool, 2);
    scene_reader(B, pool, 2);
    scene_listen(A, POLLIN);
    scene_listen(B, POLLIN);
    tpps_thread writer = tpps_spawn(write_and_wait, NULL);
    scene_ready(B);
    if (tpps_choose(2))
        tpps_sleep(US);
    scene_await_read(B, 1);
    tpps_join(writer);
    scene_await_read(A, 1);
    if (!scene_complete())
        scene_disarm(A);
    scene_wait_wait(A); /* it has set itself again */
    scene_wait_close(A);
    tpps_check(tpps_descriptor_interests(scene_fd(A)) == 0);
    if (scene_complete())
        scene_hush(A);
    scene_ready(A);
    scene_write(B, 1);
    tpps_sleep(MS);
    scene_fd_close(A);
    scene_file_finish(B);
    scene_fd_close(B);
    scene_close_pool(pool);
}

/* Its own callback closes it, and the number at once. */
static void close_own(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                      tp_wait_result_t result)
{
    scene_hit(instance, context, wait, result);
    scene_wait_close(A);
    scene_fd_close(A);
    scene_fds_open(1);
    scene_add(DONE, 1);
}

SCENE(wait_file__r34_closed_in_its_own_callback)
{
    tp_pool_t *pool = scene_small_pool();
    scene_fds_open(1);
    scene_wait_calls(A, pool, close_own);
    scene_listen(A, POLLIN);
    scene_ready(A);
    if (scene_complete())
        scene_await(DONE, 1);
    else if (scene_wait_of(A))
        scene_wait_close(A);
    scene_ready(A); /* it is another file by now */
    tpps_sleep(MS);
    tpps_check(scene_hits(A) <= 1);
    scene_fd_close(A);
    tpps_check(tpps_files_kept() == 0);
    scene_close_pool(pool);
}

/* Its callback sets it on the next file, round and round; each is told in its turn. */
static void go_round(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                     tp_wait_result_t result)
{
    uint32_t turn = scene_next(RAN);
    scene_hit(instance, context, wait, result);
    tpps_check(tpps_descriptor_ready(scene_fd(turn % 3)) == POLLIN);
    tpps_descriptor_set_ready(scene_fd(turn % 3), 0);
    if (scene_complete())
        tpps_check(
            !scene_wait_on(A, tp_waitable_fd(scene_fd((turn + 1) % 3), POLLIN), TP_INFINITE));
    scene_add(DONE, 1);
}

SCENE(wait_file__from_file_to_file_in_its_callback)
{
    enum { TURNS = 6 };
    tp_pool_t *pool = scene_small_pool();
    scene_fds_open(3);
    scene_wait_calls(A, pool, go_round);
    scene_listen(A, POLLIN);
    for (uint32_t i = 0; i < TURNS && scene_complete(); i++) {
        scene_ready(i % 3);
        while (scene_latest(DONE) <= i && scene_complete())
            scene_await_for(DONE, i + 1, 100 * MS);
    }
    scene_disarm(A);
    scene_wait_wait(A);
    scene_files_end(pool, 3);
}

/* A number above those for which there is room at first. */
SCENE(wait_file__numbers_far_apart)
{
    static const int numbers[] = {0, 63, 64, 700, 1023};
    tp_pool_t *pool = scene_small_pool();
    for (uint32_t i = 0; i < 5; i++) {
        tpps_descriptor_open(numbers[i], TPPS_STREAM);
        scene_wait_make(i, pool);
        scene_wait_on(i, tp_waitable_fd(numbers[i], POLLIN), TP_INFINITE);
    }
    for (uint32_t i = 5; i-- > 0;) {
        tpps_descriptor_set_ready(numbers[i], POLLIN);
        await_hits(i, 1);
    }
    for (uint32_t i = 0; i < 5; i++) {
        scene_file_finish(i);
        tpps_check(tpps_descriptor_names(numbers[i]) == 1);
        tpps_descriptor_close(numbers[i]);
    }
    scene_close_pool(pool);
}

/* ---- levels, and silence --------------------------------------------------------------------- */

/* What is ready and nobody is armed for is not told of again and again. */
SCENE(wait_file__ready_for_nobody_is_silent)
{
    tp_pool_t *pool = scene_small_pool();
    scene_fds_open(1);
    scene_wait_make(A, pool);
    scene_listen(A, POLLIN);
    scene_ready(A);
    await_hits(A, 1);
    tpps_check(scene_told_in(SECOND) <= SCENE_SILENCE);
    tpps_sleep(60 * SECOND); /* those who may retire do */
    uint64_t rests = oracle_rests();
    tpps_check(scene_told_in(HOUR) == 0);
    tpps_check(oracle_rests() - rests <= 1);                  /* this thread's own */
    tpps_descriptor_set_ready(scene_fd(A), POLLIN | POLLHUP); /* perhaps it is told of, once */
    tpps_check(scene_told_in(SECOND) <= SCENE_SILENCE);
    tpps_check(scene_hits(A) == (scene_complete() ? 1 : 0));
    scene_listen(A, POLLIN);
    if (scene_complete()) {
        await_hits(A, 2);
        tpps_check(scene_events(A) == (POLLIN | POLLHUP));
    }
    scene_files_end(pool, 1);
}

/* Another state comes while somebody is armed for one that does not. */
SCENE(wait_file__ready_for_another_state_does_not_spin)
{
    tp_pool_t *pool = two_on_one(POLLOUT);
    int fd = scene_fd(A);
    tpps_descriptor_set_ready(fd, POLLOUT);
    await_hits(B, 1);
    tpps_check(scene_told_in(SECOND) <= SCENE_SILENCE); /* it stays ready for POLLOUT */
    tpps_check(scene_hits(A) == 0);
    if (scene_complete()) {
        scene_wait_on(B, tp_waitable_fd(fd, POLLOUT), TP_INFINITE);
        await_hits(B, 2);
        tpps_check(scene_told_in(SECOND) <= SCENE_SILENCE);
        tpps_descriptor_set_ready(fd, POLLIN | POLLOUT);
        await_hits(A, 1);
    }
    scene_file_finish(B);
    scene_files_end(pool, 1);
}

/* Whoever sets his wait again late each time is told each time, and few events are lost on him. */
SCENE(wait_file__set_again_late)
{
    enum { ROUNDS = 8 };
    tp_pool_t *pool = scene_small_pool();
    scene_fds_open(1);
    scene_wait_make(A, pool);
    scene_ready(A);
    uint64_t before = tpps_events_told();
    for (uint32_t i = 1; i <= ROUNDS && scene_complete(); i++) {
        scene_listen(A, POLLIN);
        await_hits(A, i);
        tpps_sleep((int64_t)tpps_choose(2) * 10 * MS);
    }
    check_told(before, 3 * ROUNDS, ROUNDS);
    scene_files_end(pool, 1);
}

/* Whoever sets it in time, too. */
SCENE(wait_file__set_again_in_time)
{
    enum { ROUNDS = 6 };
    tp_pool_t *pool = scene_small_pool();
    scene_fds_open(1);
    scene_reader(A, pool, ROUNDS);
    uint64_t before = tpps_events_told();
    scene_listen(A, POLLIN);
    scene_write(A, ROUNDS);
    check_told(before, 4 * ROUNDS, ROUNDS);
    tpps_check(scene_told_in(SECOND) <= 1);
    scene_files_end(pool, 1);
}

/* [SO2] Whoever is told finds it so, however many look at once: others in the poller, after their
 * callbacks, and the gate. */
static void write_some(void *number)
{
    uint32_t which = (uint32_t)(uintptr_t)number;
    for (int i = 0; i < 4; i++) {
        scene_ready(which);
        if (tpps_choose(2))
            tpps_sleep((int64_t)tpps_choose(3) * US);
    }
}

static void only_true_events(tp_pool_t *pool, uint32_t works)
{
    tpps_thread threads[2];
    tp_work_t *work = scene_pool_work(pool, scene_compute, SCENE_WORD(works > 4 ? 1100 : 1));
    scene_fds_open(2);
    for (uint32_t i = 0; i < 2; i++) {
        scene_reader(i, pool, 16);
        if (tpps_choose(2))
            scene_be_late(i);
        scene_listen(i, POLLIN);
    }
    for (uint32_t i = 0; i < 2; i++)
        threads[i] = tpps_spawn(write_some, SCENE_WORD(i));
    for (uint32_t i = 0; i < works; i++)
        scene_submit(work, 1);
    for (uint32_t i = 0; i < 2; i++) {
        tpps_join(threads[i]);
        scene_await_dry(i);
    }
    scene_finish(work);
    scene_files_end(pool, 2);
}

SCENE(wait_file__so2_nobody_is_told_of_what_was_two_workers)
{
    only_true_events(scene_settled(2, 2), 0);
}

SCENE(wait_file__so2_nobody_is_told_of_what_was_busy_workers)
{
    only_true_events(scene_settled(0, 2), 4);
}

SCENE(wait_file__so2_nobody_is_told_of_what_was_one_worker_and_the_gate)
{
    only_true_events(scene_settled(0, 1), 12);
}

SCENE(wait_file__so2_nobody_is_told_of_what_was_three_workers)
{
    only_true_events(scene_settled(3, 3), 3);
}

/* A wait is set by two others while its file is written, and what is there stays there. */
static void set_again(void *number)
{
    uint32_t which = (uint32_t)(uintptr_t)number;
    for (int i = 0; i < 3; i++) {
        scene_listen(which, tpps_choose(2) ? POLLIN : POLLIN | POLLPRI);
        if (tpps_choose(2))
            tpps_point();
    }
}

SCENE(wait_file__r01_two_threads_set_and_one_writes)
{
    tp_pool_t *pool = scene_settled(2, 2);
    scene_fds_open(1);
    scene_wait_make(A, pool);
    tpps_thread setter = tpps_spawn(set_again, SCENE_WORD(A));
    tpps_thread other = tpps_spawn(set_again, SCENE_WORD(A));
    for (int i = 0; i < 3; i++) {
        scene_ready(A);
        tpps_sleep((int64_t)tpps_choose(2) * US);
        tpps_descriptor_set_ready(scene_fd(A), 0);
    }
    tpps_join(setter);
    tpps_join(other);
    scene_disarm(A);
    scene_wait_wait(A);
    uint32_t hits = scene_hits(A);
    scene_listen(A, POLLIN);
    scene_ready(A);
    await_hits(A, hits + 1);
    scene_files_end(pool, 1);
}

/* ---- what the system cannot or will not tell ------------------------------------------------- */

/* Nobody knows which numbers are one file: each set gets a registration of its own, and the last
 * one goes. */
SCENE(wait_file__files_cannot_be_compared)
{
    tp_pool_t *pool = scene_small_pool();
    tpps_hide_files(true);
    scene_fds_open(2);
    scene_reader(A, pool, 4);
    scene_reader(B, pool, 4);
    scene_listen(A, POLLIN);
    scene_listen(B, POLLIN);
    tpps_thread writer = tpps_spawn(write_some, SCENE_WORD(A));
    scene_write(B, 3);
    tpps_join(writer);
    scene_await_dry(A);
    tpps_check(tpps_files_kept() <= 4); /* new ones beside old ones */
    scene_files_end(pool, 2);
}

SCENE(wait_file__files_cannot_be_compared_any_more)
{
    tp_pool_t *pool = two_on_one(POLLIN);
    int fd = scene_fd(A);
    tpps_hide_files(true);
    scene_wait_on(B, tp_waitable_fd(fd, POLLIN), TP_INFINITE);
    tpps_check(!scene_complete() || tpps_descriptor_interests(fd) == 2);
    tpps_hide_files(false);
    scene_ready(A);
    if (scene_complete()) {
        await_hits(A, 1);
        await_hits(B, 1);
        scene_listen(A, POLLIN);
        scene_wait_on(B, tp_waitable_fd(fd, POLLIN), TP_INFINITE);
        await_hits(A, 2);
        await_hits(B, 2);
    }
    scene_file_finish(B);
    scene_files_end(pool, 1);
}

/* The registration cannot be changed any more: whoever is armed learns of it, whoever arms is
 * refused and stays as he was. */
SCENE(wait_file__registration_breaks)
{
    tp_pool_t *pool = two_on_one(POLLOUT);
    int fd = scene_fd(A);
    if (scene_complete()) {
        bool armed = true;
        tpps_descriptor_break(fd);
        tpps_check(scene_wait_try(B, tp_waitable_fd(fd, POLLOUT | POLLPRI), TP_INFINITE, &armed) ==
                   TP_ERR_NO_MEMORY);
        tpps_check(!armed && scene_hits(B) == 0);
        tpps_descriptor_set_ready(fd, POLLOUT); /* B is told; and it stays so for nobody */
        await_told(B, SCENE_SIGNALED, 1);
        await_told(A, SCENE_FAILED, 1);
        tpps_check(scene_told(A, SCENE_SIGNALED) == 0 && !scene_disarm(A));
        tpps_check(scene_events(A) == 0 || scene_events(A) == POLLOUT); /* whoever was last */
    }
    scene_file_finish(B);
    scene_files_end(pool, 1);
}

/* ---- sets that fail -------------------------------------------------------------------------- */

/* What is refused leaves the wait armed on what it was armed on, and keeps nothing. */
static void refused(tp_waitable_t source, uint32_t number, uint64_t kept, int error)
{
    bool armed = true;
    tpps_check(scene_wait_try(number, source, MS, &armed) == TP_ERR_SYSTEM && !armed);
    tpps_check(tp_last_errno() == error || scene_sweeps());
    tpps_check(tpps_files_kept() == kept);
}

SCENE(wait_file__refused_sets_change_nothing)
{
    tp_pool_t *pool = scene_small_pool();
    scene_fds_open(2);
    tpps_descriptor_open(5, TPPS_REGULAR);
    scene_wait_make(A, pool);
    scene_wait_make(B, pool);
    scene_listen_for(A, POLLIN, 20 * MS);
    scene_listen(B, POLLIN);
    uint64_t kept = tpps_files_kept();
    if (scene_complete()) {
        refused(tp_waitable_fd(6, POLLIN), A, kept, 9 /* EBADF */);
        refused(tp_waitable_fd(-1, POLLIN), A, kept, 9);
        refused(tp_waitable_process(scene_fd(A)), A, kept, 9);
        refused(tp_waitable_process(6), B, kept, 9);
        refused(tp_waitable_fd(5, POLLIN), A, kept, 1 /* EPERM */);
        refused(tp_waitable_signal(9), B, kept, 22 /* EINVAL */);
        refused(tp_waitable_signal(65), A, kept, 22);
        tpps_check(tpps_descriptor_interests(scene_fd(A)) == 1);
        tpps_check(scene_stats(pool).waits_armed == 2);
        scene_ready(B);
        await_told(B, SCENE_SIGNALED, 1);
        await_told(A, SCENE_TIMED_OUT, 1);
    }
    tpps_descriptor_close(5);
    scene_files_end(pool, 2);
}

/* Any of what a set needs is refused: the descriptor, the registration, memory, the poller. */
SCENE(wait_file__set_fails_for_lack_of_something)
{
    tp_pool_t *pool = scene_small_pool();
    scene_fds_open(3);
    scene_wait_make(A, pool);
    scene_wait_make(B, pool);
    scene_listen(A, POLLIN);
    if (scene_complete()) {
        bool armed = true, other;
        uint32_t kept = tpps_files_kept();
        tp_status_t status =
            scene_wait_try(A, tp_waitable_fd(scene_fd(B), POLLIN), TP_INFINITE, &armed);
        tpps_check(status == TP_OK || status == TP_ERR_NO_MEMORY || status == TP_ERR_SYSTEM);
        tpps_check(armed == (status == TP_OK) && tpps_files_kept() == kept);
        tpps_check(tpps_descriptor_interests(scene_fd(A)) == (status != TP_OK));
        tpps_check(tpps_descriptor_interests(scene_fd(B)) == (status == TP_OK));
        scene_ready(status == TP_OK ? B : A);
        await_hits(A, 1);
        status = scene_wait_try(B, tp_waitable_signal(35), 2 * MS, &other);
        tpps_check(!other);
        if (status == TP_OK)
            await_told(B, SCENE_TIMED_OUT, 1);
        else
            tpps_check(scene_stats(pool).waits_armed == 0);
    }
    scene_files_end(pool, 3);
}

/* ---- timeouts -------------------------------------------------------------------------------- */

/* Exactly one of the two; after a timeout nothing is lost of what is ready. */
SCENE(wait_file__r02_timeout_or_readiness)
{
    tp_pool_t *pool = scene_small_pool();
    scene_fds_open(1);
    scene_reader(A, pool, 0);
    for (uint32_t i = 1; i <= 3 && scene_complete(); i++) {
        int64_t due = tpps_now() + MS;
        uint32_t late = scene_told(A, SCENE_TIMED_OUT);
        scene_listen_for(A, POLLIN, MS);
        scene_until(due - 1 + (int64_t)tpps_choose(3));
        scene_ready(A);
        await_hits(A, i);
        scene_wait_wait(A);
        tpps_check(!scene_disarm(A));
        tpps_check(scene_hits(A) <= i);
        if (scene_told(A, SCENE_TIMED_OUT) > late) {
            tpps_check(tpps_descriptor_ready(scene_fd(A)) != 0);
            tpps_descriptor_set_ready(scene_fd(A), 0);
        }
    }
    scene_files_end(pool, 1);
}

/* [C-121] Timeout 0 or in the past: at once, whatever is ready; a bad descriptor is refused all the
 * same. */
SCENE(wait_file__c121_timeout_that_is_over)
{
    tp_pool_t *pool = scene_small_pool();
    bool armed = false;
    scene_fds_open(1);
    scene_wait_make(A, pool);
    scene_ready(A);
    scene_listen(A, 0);
    bool was = scene_listen_for(A, POLLIN, 0);
    if (scene_complete()) {
        tpps_check(was);
        await_told(A, SCENE_TIMED_OUT, 1);
        tpps_check(scene_events(A) == 0);
        tpps_check(scene_wait_try(A, tp_waitable_fd(99, POLLIN), 0, &armed) == TP_ERR_SYSTEM);
        scene_wait_by(A, tp_waitable_fd(scene_fd(A), POLLIN), TP_CLOCK_MONOTONIC, 1);
        await_told(A, SCENE_TIMED_OUT, 2);
    }
    tpps_sleep(MS);
    tpps_check(scene_told(A, SCENE_SIGNALED) == 0);
    scene_files_end(pool, 1);
}

/* From one source to another and back while all of them are signaled. */
static void turn_round(void *event)
{
    for (int i = 0; i < 4; i++) {
        bool armed;
        uint32_t kind = tpps_choose(4);
        tp_waitable_t source = kind == 0   ? tp_waitable_event(event)
                               : kind == 1 ? tp_waitable_fd(scene_fd(B), POLLIN)
                               : kind == 2 ? tp_waitable_never()
                                           : tp_waitable_fd(scene_fd(A), POLLIN);
        scene_wait_try(A, source, tpps_choose(2) ? TP_INFINITE : US, &armed);
    }
}

SCENE(wait_file__r01_from_one_source_to_another)
{
    tp_pool_t *pool = scene_small_pool();
    tp_event_t *event = scene_event(false);
    scene_fds_open(2);
    scene_wait_make(A, pool);
    scene_wait_make(B, pool);
    scene_wait_on(B, tp_waitable_fd(scene_fd(A), POLLIN), TP_INFINITE);
    tpps_thread one = tpps_spawn(turn_round, event), other = tpps_spawn(turn_round, event);
    scene_ready(A);
    scene_event_set(event);
    tpps_sleep((int64_t)tpps_choose(2) * US);
    scene_ready(B);
    tpps_join(one);
    tpps_join(other);
    if (scene_wait_of(B))
        await_hits(B, scene_complete());
    if (event)
        scene_event_close(event);
    scene_files_end(pool, 2);
}

/* ---- groups ---------------------------------------------------------------------------------- */

/* The group's end is the end of its waits, and of their registrations. */
SCENE(wait_file__group_closes_while_events_come)
{
    tp_pool_t *pool = scene_small_pool();
    tp_cleanup_group_t *group = scene_group();
    struct scene_choice choice = {.pool = pool, .group = group};
    scene_fds_open(3);
    for (uint32_t i = 0; i < 3; i++) {
        if (scene_complete())
            scene_wait_chosen(i, scene_hit, &choice);
        scene_listen(i, POLLIN);
    }
    tpps_thread writer = tpps_spawn(write_and_wait, NULL);
    scene_ready(B);
    if (group)
        tpps_check(tp_cleanup_group_close_members(group, tpps_choose(2), NULL) == TP_OK);
    for (uint32_t i = 0; i < 3; i++)
        scene_hush(i);
    scene_ready(C);
    tpps_join(writer);
    tpps_check(tpps_files_kept() == 0);
    tpps_sleep(MS);
    scene_fds_close(3);
    if (group)
        scene_close_group(group);
    scene_close_pool(pool);
}

/* Exact only if no deadline passes early. */
#define EXACT .no_early = true

static const struct tpps_scenario table[] = {
    {SCENE_ROW(wait_file__c124_each_set_is_one_callback)},
    {SCENE_ROW(wait_file__not_ready_for_what_was_asked)},
    {SCENE_ROW(wait_file__hang_up_and_error_always_count)},
    {SCENE_ROW(wait_file__r35_one_registration_for_several_waits)},
    {SCENE_ROW(wait_file__r35_several_at_once_are_the_first)},
    {SCENE_ROW(wait_file__two_pools_wait_for_one_file)},
    {SCENE_ROW(wait_file__c144_number_closed_while_armed)},
    {SCENE_ROW(wait_file__r34_number_is_another_file_while_armed)},
    {SCENE_ROW(wait_file__r34_old_registration_is_not_the_new_files)},
    {SCENE_ROW(wait_file__r34_late_event_meets_another_in_the_place_of_its_source),
     .no_faults = true},
    {SCENE_ROW(wait_file__r34_close_wait_then_number)},
    {SCENE_ROW(wait_file__r34_close_of_an_armed_wait_is_its_end)},
    {SCENE_ROW(wait_file__r34_closed_in_its_own_callback)},
    {SCENE_ROW(wait_file__from_file_to_file_in_its_callback)},
    {SCENE_ROW(wait_file__numbers_far_apart)},
    {SCENE_ROW(wait_file__ready_for_nobody_is_silent), EXACT},
    {SCENE_ROW(wait_file__ready_for_another_state_does_not_spin)},
    {SCENE_ROW(wait_file__set_again_late)},
    {SCENE_ROW(wait_file__set_again_in_time)},
    {SCENE_ROW(wait_file__so2_nobody_is_told_of_what_was_two_workers)},
    {SCENE_ROW(wait_file__so2_nobody_is_told_of_what_was_busy_workers)},
    {SCENE_ROW(wait_file__so2_nobody_is_told_of_what_was_one_worker_and_the_gate)},
    {SCENE_ROW(wait_file__so2_nobody_is_told_of_what_was_three_workers)},
    {SCENE_ROW(wait_file__r01_two_threads_set_and_one_writes)},
    {SCENE_ROW(wait_file__files_cannot_be_compared), .no_faults = true},
    {SCENE_ROW(wait_file__files_cannot_be_compared_any_more)},
    {SCENE_ROW(wait_file__registration_breaks)},
    {SCENE_ROW(wait_file__refused_sets_change_nothing), EXACT},
    {SCENE_ROW(wait_file__set_fails_for_lack_of_something)},
    {SCENE_ROW(wait_file__r02_timeout_or_readiness), EXACT},
    {SCENE_ROW(wait_file__c121_timeout_that_is_over)},
    {SCENE_ROW(wait_file__r01_from_one_source_to_another)},
    {SCENE_ROW(wait_file__group_closes_while_events_come)},
};

int main(int argc, char **argv)
{
    return scene_main(argc, argv, table, SCENE_COUNT(table));
}
