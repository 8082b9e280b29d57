/* wait_signal_scenarios.c - waits on signals and processes: each signal is one callback. */
#include "tests/scenario/scene_file.h"

enum { A, B, C, D, RAN };
enum { ONCE = 10, QUEUED = 40 }; /* signals: one that is pending once at most, one that queues */

static bool listen_to(uint32_t number, int signal)
{
    return scene_wait_on(number, tp_waitable_signal(signal), TP_INFINITE);
}

static void await_hits(uint32_t number, uint32_t at_least)
{
    if (scene_complete())
        scene_await_hits(number, at_least);
}

static void await_sum(uint32_t at_least)
{
    if (scene_complete())
        scene_await(RAN, at_least);
}

/* A callback that counts for all of them together. */
static void count(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                  tp_wait_result_t result)
{
    scene_hit(instance, context, wait, result);
    tpps_check(result == TP_WAIT_TIMEOUT || scene_events((uint32_t)(uintptr_t)context) == 0);
    scene_add(RAN, 1);
}

/* And one that sets its wait again. */
static void count_on(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                     tp_wait_result_t result)
{
    tpps_check(!listen_to((uint32_t)(uintptr_t)context, QUEUED));
    count(instance, context, wait, result);
}

static void finish(tp_pool_t *pool, uint32_t waits)
{
    scene_files_finish(waits);
    scene_close_pool(pool);
}

static bool taken(int signal)
{
    bool found = false;
    tpps_check(tpp_signal_wait(signal, 0, &found) == 0);
    return found;
}

/* ---- one wait -------------------------------------------------------------------------------- */

/* [C-125] Each signal is consumed with its callback; without a wait that is armed it stays
 * pending. */
SCENE(wait_signal__c125_one_signal_is_one_callback)
{
    tp_pool_t *pool = scene_small_pool();
    int signal = tpps_choose(2) ? ONCE : QUEUED;
    scene_wait_calls(A, pool, count);
    if (tpps_choose(2))
        tpps_signal_raise(signal);
    listen_to(A, signal);
    if (tpps_choose(2))
        tpps_sleep(MS);
    if (tpps_signal_pending(signal) == 0 && scene_hits(A) == 0 && scene_stats(pool).waits_armed > 0)
        tpps_signal_raise(signal);
    await_hits(A, 1);
    if (scene_complete()) {
        scene_wait_wait(A);
        uint32_t left = tpps_signal_pending(signal);
        tpps_check(left <= 1); /* it came between two looks of this thread */
        if (left == 0)
            tpps_signal_raise(signal);
        tpps_sleep(20 * MS);
        tpps_check(scene_hits(A) == 1 && tpps_signal_pending(signal) == 1);
        listen_to(A, signal);
        await_hits(A, 2);
        tpps_check(tpps_signal_pending(signal) == 0);
    }
    finish(pool, 1);
}

/* As many callbacks as there were signals, where these queue. */
static void raise_some(void *signal)
{
    for (int i = 0; i < 3; i++) {
        tpps_signal_raise((int)(uintptr_t)signal);
        if (tpps_choose(2))
            tpps_sleep(US);
    }
}

SCENE(wait_signal__c125_as_many_callbacks_as_queued_signals)
{
    tp_pool_t *pool = scene_small_pool();
    scene_wait_calls(A, pool, count_on);
    listen_to(A, QUEUED);
    tpps_thread other = tpps_spawn(raise_some, SCENE_WORD(QUEUED));
    raise_some(SCENE_WORD(QUEUED));
    tpps_join(other);
    await_sum(6);
    tpps_sleep(10 * MS);
    tpps_check(!scene_complete() || (scene_latest(RAN) == 6 && !taken(QUEUED)));
    finish(pool, 1);
}

/* Two waits are armed on the signal that queues. */
static tp_pool_t *two_on_one(void)
{
    tp_pool_t *pool = scene_small_pool();
    scene_wait_calls(A, pool, count);
    scene_wait_calls(B, pool, count);
    listen_to(A, QUEUED);
    listen_to(B, QUEUED);
    return pool;
}

/* Disarmed, replaced or closed in time it consumes nothing. */
SCENE(wait_signal__unconsumed_by_what_is_not_armed)
{
    tp_pool_t *pool = two_on_one();
    tpps_thread other = tpps_spawn(raise_some, SCENE_WORD(QUEUED));
    bool first = scene_disarm(A);
    bool second = listen_to(B, ONCE);
    tpps_join(other);
    tpps_sleep(5 * MS);
    uint32_t hits = scene_latest(RAN);
    if (scene_complete())
        tpps_check(hits == 2u - first - second && tpps_signal_pending(QUEUED) == 3 - hits);
    while (taken(QUEUED))
        hits++;
    tpps_check(!scene_complete() || hits == 3);
    finish(pool, 2);
}

/* Timeout or signal: one of the two, and a timeout consumes nothing. */
SCENE(wait_signal__r02_timeout_or_signal)
{
    tp_pool_t *pool = scene_small_pool();
    scene_wait_calls(A, pool, count);
    int64_t due = tpps_now() + MS;
    scene_wait_on(A, tp_waitable_signal(ONCE), MS);
    scene_until(due - 1 + (int64_t)tpps_choose(3));
    tpps_signal_raise(ONCE);
    await_hits(A, 1);
    tpps_sleep(5 * MS);
    if (scene_complete()) {
        tpps_check(scene_hits(A) == 1);
        tpps_check(tpps_signal_pending(ONCE) == scene_told(A, SCENE_TIMED_OUT));
    }
    finish(pool, 1);
}

/* ---- several waits --------------------------------------------------------------------------- */

/* One signal is for one of them; the others stay armed. */
static void one_of_three(tp_pool_t *first, tp_pool_t *second)
{
    scene_wait_calls(A, first, count);
    scene_wait_calls(B, second, count);
    scene_wait_calls(C, first, count);
    for (uint32_t i = 0; i < 3; i++)
        listen_to(i, QUEUED);
    if (tpps_choose(2))
        tpps_sleep(MS);
    for (uint32_t i = 1; i <= 3; i++) {
        tpps_signal_raise(QUEUED);
        await_sum(i);
        tpps_sleep(5 * MS);
        if (!scene_complete())
            break;
        tpps_check(scene_latest(RAN) == i && tpps_signal_pending(QUEUED) == 0);
        uint64_t armed = scene_stats(first).waits_armed;
        if (first != second)
            armed += scene_stats(second).waits_armed;
        tpps_check(armed == 3 - i);
    }
    tpps_check(tpps_events_told() <= 16);
}

SCENE(wait_signal__r36_one_signal_and_three_waits)
{
    tp_pool_t *pool = scene_small_pool();
    one_of_three(pool, pool);
    finish(pool, 3);
}

SCENE(wait_signal__r36_one_signal_and_waits_of_two_pools)
{
    tp_pool_t *pool = scene_small_pool(), *other = scene_small_pool();
    one_of_three(pool, other);
    for (uint32_t i = 0; i < 2; i++)
        if (scene_wait_of(i))
            scene_wait_finish(i);
    tpps_check(!scene_complete() || tpps_files_kept() == 1);
    if (scene_wait_of(C))
        scene_wait_finish(C);
    tpps_check(tpps_files_kept() == 0);
    scene_close_pool(other);
    scene_close_pool(pool);
}

/* The application waits for it as well, and takes some. */
static void take_some(void *unused)
{
    (void)unused;
    for (int i = 0; i < 3; i++) {
        if (taken(QUEUED))
            scene_add(D, 1);
        if (tpps_choose(2))
            tpps_sleep(US);
    }
}

SCENE(wait_signal__r36_the_application_takes_some)
{
    tp_pool_t *pool = scene_small_pool();
    scene_wait_calls(A, pool, count_on);
    scene_wait_calls(B, pool, count_on);
    listen_to(A, QUEUED);
    listen_to(B, QUEUED);
    tpps_thread other = tpps_spawn(take_some, NULL);
    raise_some(SCENE_WORD(QUEUED));
    tpps_join(other);
    while (scene_complete() && tpps_signal_pending(QUEUED) > 0)
        tpps_sleep(MS);
    for (uint32_t i = 0; i < 2; i++) {
        scene_disarm(i);
        scene_wait_wait(i);
        scene_disarm(i);
    }
    tpps_check(!scene_complete() || scene_latest(RAN) + scene_latest(D) == 3);
    finish(pool, 2);
}

/* It is pending, and nobody is armed: nobody spins. */
SCENE(wait_signal__pending_for_nobody_is_silent)
{
    tp_pool_t *pool = scene_small_pool();
    scene_wait_calls(A, pool, count);
    listen_to(A, QUEUED);
    raise_some(SCENE_WORD(QUEUED));
    await_hits(A, 1);
    tpps_sleep(SECOND);
    uint64_t told = tpps_events_told(), rests = oracle_rests();
    tpps_check(told <= SCENE_SILENCE);
    tpps_sleep(60 * SECOND);
    tpps_check(tpps_events_told() == told);
    rests = oracle_rests();
    tpps_sleep(HOUR);
    tpps_check(oracle_rests() - rests <= 1);
    if (scene_complete())
        tpps_check(tpps_signal_pending(QUEUED) == 2);
    listen_to(A, QUEUED);
    await_hits(A, 2);
    finish(pool, 1);
}

/* A shutdown with signals pending consumes none of them. */
SCENE(wait_signal__shutdown_takes_none)
{
    tp_pool_t *pool = two_on_one();
    tpps_thread other = tpps_spawn(raise_some, SCENE_WORD(QUEUED));
    bool cancel = tpps_choose(2);
    uint64_t dropped = 0;
    tpps_check(!pool || tp_pool_shutdown(pool, cancel, TP_INFINITE) == TP_OK);
    tpps_join(other);
    uint32_t hits = scene_latest(RAN);
    if (scene_complete()) {
        dropped = 3 - hits - tpps_signal_pending(QUEUED); /* posted, and cancelled */
        if (dropped > (cancel ? 2 : 0))
            tpps_fail("%u callbacks, %u pending, cancel %d", hits, tpps_signal_pending(QUEUED),
                      cancel);
    }
    tpps_sleep(5 * MS);
    tpps_check(scene_latest(RAN) == hits);
    for (uint32_t i = 0; i < 2; i++)
        if (scene_wait_of(i))
            scene_wait_close(i);
    tpps_check(tpps_files_kept() == 0);
}

/* ---- processes ------------------------------------------------------------------------------- */

static void end_process(void *unused)
{
    (void)unused;
    tpps_process_end(scene_fd(A));
}

/* [C-136] Its end is told to everybody, and again to whoever asks again. */
SCENE(wait_signal__c136_process_ends)
{
    tp_pool_t *pool = scene_small_pool();
    int fd = scene_fd(A);
    tp_waitable_t process = tp_waitable_process(fd);
    tpps_descriptor_open(fd, TPPS_PROCESS);
    for (uint32_t i = 0; i < 2; i++)
        scene_wait_calls(i, pool, count);
    tpps_thread other = tpps_spawn(end_process, NULL);
    scene_wait_on(A, process, TP_INFINITE);
    scene_wait_on(B, process, TP_INFINITE);
    tpps_check(!scene_complete() || tpps_descriptor_interests(fd) == 1);
    await_hits(A, 1);
    await_hits(B, 1);
    tpps_join(other);
    scene_wait_on(A, process, TP_INFINITE);
    await_hits(A, 2);
    tpps_sleep(SECOND);
    if (tpps_events_told() > 12)
        tpps_fail("3 callbacks, and %llu events", (unsigned long long)tpps_events_told());
    finish(pool, 2);
    tpps_check(tpps_descriptor_names(fd) == 1);
    tpps_descriptor_close(fd);
}

/* As a descriptor and as a process: two sources, one file. */
SCENE(wait_signal__process_as_a_descriptor)
{
    tp_pool_t *pool = scene_small_pool();
    int fd = scene_fd(A);
    tpps_descriptor_open(fd, TPPS_PROCESS);
    scene_wait_make(A, pool);
    scene_wait_make(B, pool);
    scene_wait_on(A, tp_waitable_process(fd), TP_INFINITE);
    scene_wait_on(B, tp_waitable_fd(fd, POLLIN), TP_INFINITE);
    tpps_sleep(5 * MS);
    tpps_check(scene_hits(A) + scene_hits(B) == 0);
    tpps_process_end(fd);
    await_hits(A, 1);
    await_hits(B, 1);
    if (scene_complete())
        tpps_check(scene_events(A) == 0 && scene_events(B) == POLLIN);
    finish(pool, 2);
    tpps_check(tpps_descriptor_names(fd) == 1);
    tpps_descriptor_close(fd);
}

/* An event of a file on which the wait was armed comes late, once it is armed on a process:
 * that has not ended. */
static void write_file(void *unused)
{
    (void)unused;
    scene_ready(B);
}

SCENE(wait_signal__r34_late_event_of_a_file_is_no_process)
{
    tp_pool_t *pool = scene_small_pool();
    int process = scene_fd(C), fd = scene_fd(B);
    scene_fds_open(2);
    tpps_descriptor_open(process, TPPS_PROCESS);
    scene_wait_make(A, pool);
    scene_wait_make(D, pool);
    scene_wait_on(D, tp_waitable_fd(scene_fd(A), POLLIN), TP_INFINITE); /* somebody sleeps */
    for (uint32_t round = 0; round < 3 && scene_complete(); round++) {
        uint32_t hits = scene_hits(A);
        scene_wait_on(A, tp_waitable_fd(fd, POLLIN), TP_INFINITE);
        tpps_thread writer = tpps_spawn(write_file, NULL);
        if (tpps_choose(2))
            tpps_point();
        bool armed = scene_disarm(A);
        scene_wait_on(A, tp_waitable_process(process), TP_INFINITE);
        tpps_join(writer);
        tpps_sleep(MS);
        scene_wait_wait(A);
        tpps_check(!scene_complete() || scene_hits(A) == hits + !armed);
        tpps_descriptor_set_ready(fd, 0);
        scene_disarm(A);
    }
    for (uint32_t i = 0; i < 4; i += 3)
        if (scene_wait_of(i))
            scene_wait_finish(i);
    tpps_check(tpps_files_kept() == 0 && tpps_descriptor_names(process) == 1);
    tpps_descriptor_close(process);
    scene_fds_close(2);
    scene_close_pool(pool);
}

/* Exact only if no deadline passes early. */
#define EXACT .no_early = true

static const struct tpps_scenario table[] = {
    {SCENE_ROW(wait_signal__c125_one_signal_is_one_callback)},
    {SCENE_ROW(wait_signal__c125_as_many_callbacks_as_queued_signals)},
    {SCENE_ROW(wait_signal__unconsumed_by_what_is_not_armed), EXACT},
    {SCENE_ROW(wait_signal__r02_timeout_or_signal), EXACT},
    {SCENE_ROW(wait_signal__r36_one_signal_and_three_waits)},
    {SCENE_ROW(wait_signal__r36_one_signal_and_waits_of_two_pools)},
    {SCENE_ROW(wait_signal__r36_the_application_takes_some)},
    {SCENE_ROW(wait_signal__pending_for_nobody_is_silent), EXACT},
    {SCENE_ROW(wait_signal__shutdown_takes_none)},
    {SCENE_ROW(wait_signal__c136_process_ends)},
    {SCENE_ROW(wait_signal__process_as_a_descriptor)},
    {SCENE_ROW(wait_signal__r34_late_event_of_a_file_is_no_process)},
};

int main(int argc, char **argv)
{
    return scene_main(argc, argv, table, SCENE_COUNT(table));
}
