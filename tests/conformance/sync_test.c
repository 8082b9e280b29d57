/* sync_test.c - events, semaphores and mutexes, and waiting for one of them. */
#include "tests/support/stage.h"

static tp_event_t *make_event(bool manual_reset, bool signaled)
{
    tp_event_t *event = NULL;
    stage_expect_eq(tp_event_create(manual_reset, signaled, &event), TP_OK);
    return event;
}

static tp_semaphore_t *make_semaphore(uint32_t initial, uint32_t maximum)
{
    tp_semaphore_t *semaphore = NULL;
    stage_expect_eq(tp_semaphore_create(initial, maximum, &semaphore), TP_OK);
    return semaphore;
}

static tp_mutex_t *make_mutex(bool owned)
{
    tp_mutex_t *mutex = NULL;
    stage_expect_eq(tp_mutex_create(owned, &mutex), TP_OK);
    return mutex;
}

/* How a wait that is expected to succeed ended. */
static tp_wait_result_t wait_for(tp_waitable_t source, int64_t timeout)
{
    tp_wait_result_t result = TP_WAIT_FAILED;
    stage_expect_eq(tp_waitable_wait(source, timeout, &result), TP_OK);
    return result;
}

/* ---- one thread ------------------------------------------------------------------------------ */

STAGE_TEST(event__manual_stays_signaled_until_reset)
{
    tp_event_t *event = make_event(true, false);
    stage_expect_eq(wait_for(tp_waitable_event(event), 0), TP_WAIT_TIMEOUT);
    stage_expect_eq(tp_event_set(event), TP_OK);
    stage_expect_eq(tp_event_set(event), TP_OK);
    stage_expect_eq(wait_for(tp_waitable_event(event), 0), TP_WAIT_SIGNALED);
    stage_expect_eq(wait_for(tp_waitable_event(event), TP_INFINITE), TP_WAIT_SIGNALED);
    stage_expect_eq(tp_event_reset(event), TP_OK);
    stage_expect_eq(wait_for(tp_waitable_event(event), 0), TP_WAIT_TIMEOUT);
    stage_expect_eq(tp_event_close(event), TP_OK);
}

STAGE_TEST(event__automatic_lets_one_wait_go_and_resets_itself)
{
    tp_event_t *event = make_event(false, true);
    stage_expect_eq(wait_for(tp_waitable_event(event), 0), TP_WAIT_SIGNALED);
    stage_expect_eq(wait_for(tp_waitable_event(event), 0), TP_WAIT_TIMEOUT);
    stage_expect_eq(tp_event_set(event), TP_OK);
    stage_expect_eq(tp_event_set(event), TP_OK); /* a set event does not count */
    stage_expect_eq(wait_for(tp_waitable_event(event), TP_INFINITE), TP_WAIT_SIGNALED);
    stage_expect_eq(wait_for(tp_waitable_event(event), 0), TP_WAIT_TIMEOUT);
    stage_expect_eq(tp_event_close(event), TP_OK);
}

STAGE_TEST(semaphore__counts_and_tells_the_previous_count)
{
    tp_semaphore_t *semaphore = make_semaphore(1, 3);
    uint32_t previous = 99;
    stage_expect_eq(tp_semaphore_release(semaphore, 2, &previous), TP_OK);
    stage_expect_eq(previous, 1);
    for (int i = 0; i < 3; i++)
        stage_expect_eq(wait_for(tp_waitable_semaphore(semaphore), 0), TP_WAIT_SIGNALED);
    stage_expect_eq(wait_for(tp_waitable_semaphore(semaphore), 0), TP_WAIT_TIMEOUT);
    stage_expect_eq(tp_semaphore_release(semaphore, 1, NULL), TP_OK);
    stage_expect_eq(wait_for(tp_waitable_semaphore(semaphore), TP_INFINITE), TP_WAIT_SIGNALED);
    stage_expect_eq(tp_semaphore_close(semaphore), TP_OK);
}

STAGE_TEST(semaphore__release_over_the_maximum_changes_nothing)
{
    tp_semaphore_t *semaphore = make_semaphore(1, 3), *none = semaphore;
    uint32_t previous = 99;
    stage_expect_eq(tp_semaphore_release(semaphore, 3, &previous), TP_ERR_LIMIT);
    stage_expect_eq(previous, 0);
    stage_expect_eq(tp_semaphore_release(semaphore, UINT32_MAX, NULL), TP_ERR_LIMIT);
    stage_expect_eq(tp_semaphore_release(semaphore, 0, NULL), TP_ERR_ARGUMENT);
    stage_expect_eq(wait_for(tp_waitable_semaphore(semaphore), 0), TP_WAIT_SIGNALED);
    stage_expect_eq(wait_for(tp_waitable_semaphore(semaphore), 0), TP_WAIT_TIMEOUT);
    stage_expect_eq(tp_semaphore_create(0, 0, &none), TP_ERR_ARGUMENT);
    stage_expect(none == NULL);
    none = semaphore;
    stage_expect_eq(tp_semaphore_create(4, 3, &none), TP_ERR_ARGUMENT);
    stage_expect(none == NULL);
    stage_expect_eq(tp_semaphore_close(semaphore), TP_OK);
}

static void try_mutex(void *context)
{
    tp_mutex_t *mutex = context;
    stage_expect_eq(wait_for(tp_waitable_mutex(mutex), 0), TP_WAIT_TIMEOUT);
    stage_expect_eq(tp_mutex_release(mutex), TP_ERR_NOT_OWNER);
}

STAGE_TEST(mutex__is_recursive_and_released_as_often_as_taken)
{
    tp_mutex_t *mutex = make_mutex(true);
    stage_expect_eq(wait_for(tp_waitable_mutex(mutex), 0), TP_WAIT_SIGNALED);
    stage_expect_eq(wait_for(tp_waitable_mutex(mutex), TP_INFINITE), TP_WAIT_SIGNALED);
    for (int i = 0; i < 3; i++) {
        stage_join(stage_start(try_mutex, mutex));
        stage_expect_eq(tp_mutex_release(mutex), TP_OK);
    }
    stage_expect_eq(tp_mutex_release(mutex), TP_ERR_NOT_OWNER);
    stage_expect_eq(wait_for(tp_waitable_mutex(mutex), 0), TP_WAIT_SIGNALED);
    stage_expect_eq(tp_mutex_release(mutex), TP_OK);
    stage_expect_eq(tp_mutex_close(mutex), TP_OK);
}

STAGE_TEST(sync__bad_arguments_are_refused)
{
    tp_event_t *event = make_event(true, true);
    tp_wait_result_t result = 7;
    stage_expect_eq(tp_waitable_wait(tp_waitable_event(event), -1, &result), TP_ERR_ARGUMENT);
    stage_expect_eq(result, 0);
    stage_expect_eq(tp_waitable_wait(tp_waitable_never(), INT64_MIN, &result), TP_ERR_ARGUMENT);
    stage_expect_eq(tp_waitable_wait(tp_waitable_event(event), 0, NULL), TP_ERR_ARGUMENT);
    stage_expect_eq(tp_event_create(true, true, NULL), TP_ERR_ARGUMENT);
    stage_expect_eq(tp_semaphore_create(0, 1, NULL), TP_ERR_ARGUMENT);
    stage_expect_eq(tp_mutex_create(true, NULL), TP_ERR_ARGUMENT);
    stage_expect_eq(stage_misuses(), 6);
    stage_expect_eq(tp_event_close(event), TP_OK);
}

/* Whatever the source, it is refused and the result set to 0. */
static void expect_bad(tp_waitable_t source)
{
    tp_wait_result_t result = 7;
    stage_expect_eq(tp_waitable_wait(source, 0, &result), TP_ERR_HANDLE);
    stage_expect_eq(result, 0);
}

STAGE_TEST(sync__bad_handles_are_refused)
{
    tp_event_t *event = make_event(true, true);
    tp_mutex_t *mutex = make_mutex(true);
    tp_waitable_t stale = tp_waitable_event(event);
    stage_expect_eq(tp_event_set((tp_event_t *)mutex), TP_ERR_HANDLE);
    stage_expect_eq(tp_mutex_release((tp_mutex_t *)event), TP_ERR_HANDLE);
    stage_expect_eq(tp_semaphore_release((tp_semaphore_t *)event, 1, NULL), TP_ERR_HANDLE);
    expect_bad(tp_waitable_mutex((tp_mutex_t *)event));
    expect_bad(tp_waitable_semaphore(NULL));
    stage_expect_eq(tp_event_close(event), TP_OK);
    stage_expect_eq(tp_mutex_close(mutex), TP_OK); /* though it is owned */
    stage_expect_eq(tp_event_close(event), TP_ERR_HANDLE);
    stage_expect_eq(tp_event_set(event), TP_ERR_HANDLE);
    stage_expect_eq(tp_event_reset(event), TP_ERR_HANDLE);
    stage_expect_eq(tp_mutex_release(mutex), TP_ERR_HANDLE);
    expect_bad(stale);
    expect_bad(tp_waitable_event(event));
    expect_bad((tp_waitable_t){0, 0, 0});
    stage_expect_eq(tp_event_close(NULL), TP_OK);
    stage_expect_eq(tp_semaphore_close(NULL), TP_OK);
    stage_expect_eq(tp_mutex_close(NULL), TP_OK);
}

/* What could not be made, for want of memory, is NULL. */
STAGE_TEST(sync__what_could_not_be_made_is_null)
{
    tp_event_t *event = (tp_event_t *)&event;
    tp_semaphore_t *semaphore = (tp_semaphore_t *)&semaphore;
    tp_mutex_t *mutex = (tp_mutex_t *)&mutex;
    tp_status_t status[3] = {tp_event_create(true, true, &event),
                             tp_semaphore_create(1, 1, &semaphore), tp_mutex_create(true, &mutex)};
    const void *made[3] = {event, semaphore, mutex};
    for (int i = 0; i < 3; i++) {
        stage_expect(status[i] == TP_OK || status[i] == TP_ERR_NO_MEMORY);
        stage_expect_eq(made[i] != NULL, status[i] == TP_OK);
        stage_expect(stage_in_simulator || status[i] == TP_OK);
    }
    stage_expect_eq(tp_event_close(event), TP_OK);
    stage_expect_eq(tp_semaphore_close(semaphore), TP_OK);
    stage_expect_eq(tp_mutex_close(mutex), TP_OK);
    stage_expect_eq(stage_misuses(), 0);
}

/* ---- time ------------------------------------------------------------------------------------ */

/* A wait that times out takes its time: exactly in the simulator, at least elsewhere. */
static void expect_timeout(tp_waitable_t source, int64_t timeout)
{
    int64_t begin = stage_now();
    stage_expect_eq(wait_for(source, timeout), TP_WAIT_TIMEOUT);
    int64_t passed = stage_now() - begin;
    stage_expect(passed >= timeout);
    if (stage_in_simulator)
        stage_expect_eq(passed, timeout);
}

STAGE_TEST(sync__timeouts_expire_on_time)
{
    tp_event_t *event = make_event(false, false);
    tp_semaphore_t *semaphore = make_semaphore(0, 1);
    expect_timeout(tp_waitable_event(event), 20 * STAGE_MS);
    expect_timeout(tp_waitable_semaphore(semaphore), 1);
    expect_timeout(tp_waitable_never(), 20 * STAGE_MS);
    expect_timeout(tp_waitable_never(), 0);
    stage_expect_eq(tp_event_close(event), TP_OK);
    stage_expect_eq(tp_semaphore_close(semaphore), TP_OK);
}

struct held_mutex {
    tp_mutex_t *mutex;
    stage_counter_t taken, go;
};

static void hold_mutex(void *context)
{
    struct held_mutex *held = context;
    stage_expect_eq(wait_for(tp_waitable_mutex(held->mutex), TP_INFINITE), TP_WAIT_SIGNALED);
    stage_add(&held->taken, 1);
    stage_await(&held->go, 1);
    stage_expect_eq(tp_mutex_release(held->mutex), TP_OK);
}

STAGE_TEST(mutex__wait_for_anothers_times_out_and_takes_nothing)
{
    struct held_mutex held = {.mutex = make_mutex(false)};
    stage_thread_t thread = stage_start(hold_mutex, &held);
    stage_await(&held.taken, 1);
    stage_expect_eq(wait_for(tp_waitable_mutex(held.mutex), 5 * STAGE_MS), TP_WAIT_TIMEOUT);
    stage_expect_eq(tp_mutex_release(held.mutex), TP_ERR_NOT_OWNER);
    stage_add(&held.go, 1);
    stage_join(thread);
    stage_expect_eq(wait_for(tp_waitable_mutex(held.mutex), 0), TP_WAIT_SIGNALED);
    stage_expect_eq(tp_mutex_release(held.mutex), TP_OK);
    stage_expect_eq(tp_mutex_close(held.mutex), TP_OK);
}

/* ---- several threads ------------------------------------------------------------------------- */

struct waiters {
    tp_waitable_t source;
    int64_t timeout;
    stage_counter_t signaled, timed_out, refused;
    tp_mutex_t *mutex;
    int plain;
};

static void wait_and_count(void *context)
{
    struct waiters *w = context;
    tp_wait_result_t result = 7;
    tp_status_t status = tp_waitable_wait(w->source, w->timeout, &result);
    if (status == TP_OK)
        stage_add(result == TP_WAIT_SIGNALED ? &w->signaled : &w->timed_out, 1);
    if (status == TP_ERR_HANDLE)
        stage_add(&w->refused, result == 0);
}

STAGE_TEST(event__manual_lets_every_waiter_go)
{
    tp_event_t *event = make_event(true, false);
    struct waiters w = {.source = tp_waitable_event(event), .timeout = TP_INFINITE};
    stage_thread_t first = stage_start(wait_and_count, &w);
    stage_thread_t second = stage_start(wait_and_count, &w);
    stage_expect_eq(tp_event_set(event), TP_OK);
    stage_join(first);
    stage_join(second);
    stage_expect_eq(stage_value(&w.signaled), 2);
    stage_expect_eq(tp_event_close(event), TP_OK);
}

STAGE_TEST(event__automatic_lets_one_waiter_go_for_each_set)
{
    tp_event_t *event = make_event(false, false);
    struct waiters w = {.source = tp_waitable_event(event), .timeout = TP_INFINITE};
    stage_thread_t first = stage_start(wait_and_count, &w);
    stage_thread_t second = stage_start(wait_and_count, &w);
    stage_expect_eq(tp_event_set(event), TP_OK);
    stage_await(&w.signaled, 1);
    stage_expect_eq(stage_value(&w.signaled), 1);
    stage_expect_eq(wait_for(tp_waitable_event(event), 0), TP_WAIT_TIMEOUT);
    stage_expect_eq(tp_event_set(event), TP_OK);
    stage_join(first);
    stage_join(second);
    stage_expect_eq(stage_value(&w.signaled), 2);
    stage_expect_eq(wait_for(tp_waitable_event(event), 0), TP_WAIT_TIMEOUT);
    stage_expect_eq(tp_event_close(event), TP_OK);
}

STAGE_TEST(semaphore__signal_against_timeout_loses_no_unit)
{
    tp_semaphore_t *semaphore = make_semaphore(0, 2);
    struct waiters w = {.source = tp_waitable_semaphore(semaphore), .timeout = STAGE_MS};
    stage_thread_t first = stage_start(wait_and_count, &w);
    stage_thread_t second = stage_start(wait_and_count, &w);
    stage_pass(STAGE_MS);
    stage_expect_eq(tp_semaphore_release(semaphore, 1, NULL), TP_OK);
    stage_join(first);
    stage_join(second);
    bool left = wait_for(tp_waitable_semaphore(semaphore), 0) == TP_WAIT_SIGNALED;
    stage_expect_eq(stage_value(&w.signaled) + left, 1);
    stage_expect_eq(stage_value(&w.signaled) + stage_value(&w.timed_out), 2);
    stage_expect_eq(tp_semaphore_close(semaphore), TP_OK);
}

STAGE_TEST(sync__close_sends_blocked_threads_away)
{
    tp_semaphore_t *semaphore = make_semaphore(0, 1);
    struct waiters w = {.source = tp_waitable_semaphore(semaphore), .timeout = TP_INFINITE};
    stage_thread_t first = stage_start(wait_and_count, &w);
    stage_thread_t second = stage_start(wait_and_count, &w);
    stage_expect_eq(tp_semaphore_close(semaphore), TP_OK);
    stage_join(first);
    stage_join(second);
    stage_expect_eq(stage_value(&w.refused), 2);
}

/* ---- order of service ------------------------------------------------------------------------ */

struct line {
    tp_semaphore_t *semaphore;
    stage_counter_t there, served;
    struct stage_log log;
    uint64_t thread;
};

static void stand_in_line(struct line *line, char name)
{
    line->thread = stage_self();
    stage_add(&line->there, 1);
    stage_expect_eq(wait_for(tp_waitable_semaphore(line->semaphore), TP_INFINITE),
                    TP_WAIT_SIGNALED);
    stage_log_add(&line->log, name);
    stage_add(&line->served, 1);
}

static void stand_first(void *context)
{
    stand_in_line(context, '1');
}

static void stand_second(void *context)
{
    stand_in_line(context, '2');
}

static bool is_asleep(void *context)
{
    struct line *line = context;
    return tpp_thread_state(line->thread) == 'S';
}

/* The thread has nothing to sleep on any more but the semaphore. */
static stage_thread_t line_up(struct line *line, void (*body)(void *), uint32_t place)
{
    stage_thread_t thread = stage_start(body, line);
    stage_await(&line->there, place);
    stage_expect(stage_eventually(is_asleep, line));
    return thread;
}

STAGE_TEST(sync__waiters_are_served_in_the_order_they_came)
{
    struct line line = {.semaphore = make_semaphore(0, 2)};
    stage_thread_t first = line_up(&line, stand_first, 1);
    stage_thread_t second = line_up(&line, stand_second, 2);
    stage_expect_eq(tp_semaphore_release(line.semaphore, 1, NULL), TP_OK);
    /* It was handed to the first in line: a newcomer finds nothing. */
    stage_expect_eq(wait_for(tp_waitable_semaphore(line.semaphore), 0), TP_WAIT_TIMEOUT);
    stage_await(&line.served, 1);
    stage_expect_eq(tp_semaphore_release(line.semaphore, 1, NULL), TP_OK);
    stage_join(first);
    stage_join(second);
    stage_expect(stage_log_is(&line.log, "12"));
    stage_expect_eq(tp_semaphore_close(line.semaphore), TP_OK);
}

static void take_turns(void *context)
{
    struct waiters *w = context;
    for (int i = 0; i < stage_times(2000, 3); i++) {
        stage_expect_eq(wait_for(w->source, TP_INFINITE), TP_WAIT_SIGNALED);
        w->plain++; /* not atomic: the mutex keeps the others out */
        stage_expect_eq(tp_mutex_release(w->mutex), TP_OK);
    }
}

STAGE_TEST(mutex__keeps_others_out)
{
    tp_mutex_t *mutex = make_mutex(false);
    struct waiters w = {.source = tp_waitable_mutex(mutex), .mutex = mutex};
    stage_thread_t first = stage_start(take_turns, &w);
    stage_thread_t second = stage_start(take_turns, &w);
    take_turns(&w);
    stage_join(first);
    stage_join(second);
    stage_expect_eq(w.plain, 3 * stage_times(2000, 3));
    stage_expect_eq(tp_mutex_close(mutex), TP_OK);
}

/* ---- abandonment ----------------------------------------------------------------------------- */

static void take_twice_and_end(void *context)
{
    struct held_mutex *held = context;
    for (int i = 0; i < 2; i++)
        stage_expect_eq(wait_for(tp_waitable_mutex(held->mutex), TP_INFINITE), TP_WAIT_SIGNALED);
    stage_add(&held->taken, 1);
}

STAGE_TEST(mutex__owner_thread_that_ends_abandons_it_to_the_next)
{
    struct held_mutex held = {.mutex = make_mutex(false)};
    stage_thread_t thread = stage_start(take_twice_and_end, &held);
    stage_await(&held.taken, 1);
    /* Still alive, just ending, or gone: the next owner is told in each case, and nobody after. */
    stage_expect_eq(wait_for(tp_waitable_mutex(held.mutex), TP_INFINITE), TP_WAIT_ABANDONED);
    stage_expect_eq(wait_for(tp_waitable_mutex(held.mutex), 0), TP_WAIT_SIGNALED);
    stage_join(thread);
    stage_join(stage_start(try_mutex, held.mutex));
    stage_expect_eq(tp_mutex_release(held.mutex), TP_OK);
    stage_expect_eq(tp_mutex_release(held.mutex), TP_OK);
    stage_expect_eq(tp_mutex_release(held.mutex), TP_ERR_NOT_OWNER);
    stage_add(&held.go, 1);
    hold_mutex(&held);
    stage_expect_eq(tp_mutex_close(held.mutex), TP_OK);
}

static void own_from_birth(void *context)
{
    tp_mutex_t **mutex = context;
    *mutex = make_mutex(true);
}

STAGE_TEST(mutex__owned_from_its_creation_is_abandoned_too)
{
    tp_mutex_t *mutex = NULL;
    stage_join(stage_start(own_from_birth, &mutex));
    stage_expect_eq(wait_for(tp_waitable_mutex(mutex), 0), TP_WAIT_ABANDONED);
    stage_expect_eq(tp_mutex_release(mutex), TP_OK);
    stage_expect_eq(wait_for(tp_waitable_mutex(mutex), 0), TP_WAIT_SIGNALED);
    stage_expect_eq(tp_mutex_close(mutex), TP_OK);
}

static void take_in_callback(tp_callback_instance_t *instance, void *context)
{
    struct held_mutex *held = context;
    (void)instance;
    stage_expect_eq(wait_for(tp_waitable_mutex(held->mutex), TP_INFINITE), TP_WAIT_SIGNALED);
    stage_add(&held->taken, 1);
}

STAGE_TEST(mutex__worker_that_ends_abandons_it)
{
    struct held_mutex held = {.mutex = make_mutex(false)};
    tp_pool_t *pool = stage_pool(0, 1);
    tp_env_t *env = stage_env(pool);
    stage_expect_eq(tp_try_submit(take_in_callback, &held, env), TP_OK);
    stage_await(&held.taken, 1);
    stage_expect_eq(tp_env_destroy(env), TP_OK);
    stage_expect_eq(tp_pool_close(pool), TP_OK); /* with it goes its only thread */
    stage_expect_eq(wait_for(tp_waitable_mutex(held.mutex), TP_INFINITE), TP_WAIT_ABANDONED);
    stage_expect_eq(tp_mutex_release(held.mutex), TP_OK);
    stage_expect_eq(tp_mutex_close(held.mutex), TP_OK);
}

STAGE_TEST(mutex__closed_while_owned_does_not_matter_to_its_owners_end)
{
    struct held_mutex held = {.mutex = make_mutex(false)};
    stage_thread_t thread = stage_start(take_twice_and_end, &held);
    stage_await(&held.taken, 1);
    stage_expect_eq(tp_mutex_close(held.mutex), TP_OK);
    tp_mutex_t *next = make_mutex(true); /* perhaps in the same place */
    stage_join(thread);
    stage_expect_eq(wait_for(tp_waitable_mutex(next), 0), TP_WAIT_SIGNALED);
    stage_expect_eq(tp_mutex_close(next), TP_OK);
}

STAGE_MAIN(STAGE_CASE(event__manual_stays_signaled_until_reset),
           STAGE_CASE(event__automatic_lets_one_wait_go_and_resets_itself),
           STAGE_CASE(semaphore__counts_and_tells_the_previous_count),
           STAGE_CASE(semaphore__release_over_the_maximum_changes_nothing),
           STAGE_CASE(mutex__is_recursive_and_released_as_often_as_taken),
           STAGE_CASE(sync__bad_arguments_are_refused), STAGE_CASE(sync__bad_handles_are_refused),
           STAGE_CASE_X(sync__what_could_not_be_made_is_null, .faults = true),
           STAGE_CASE_X(sync__timeouts_expire_on_time, .no_early = true),
           STAGE_CASE(mutex__wait_for_anothers_times_out_and_takes_nothing),
           STAGE_CASE(event__manual_lets_every_waiter_go),
           STAGE_CASE(event__automatic_lets_one_waiter_go_for_each_set),
           STAGE_CASE(semaphore__signal_against_timeout_loses_no_unit),
           STAGE_CASE(sync__close_sends_blocked_threads_away),
           STAGE_CASE(sync__waiters_are_served_in_the_order_they_came),
           STAGE_CASE(mutex__keeps_others_out),
           STAGE_CASE(mutex__owner_thread_that_ends_abandons_it_to_the_next),
           STAGE_CASE(mutex__owned_from_its_creation_is_abandoned_too),
           STAGE_CASE(mutex__worker_that_ends_abandons_it),
           STAGE_CASE(mutex__closed_while_owned_does_not_matter_to_its_owners_end))
