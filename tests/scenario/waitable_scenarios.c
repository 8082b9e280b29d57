/* waitable_scenarios.c - events, semaphores and mutexes: each signal goes to exactly one waiter. */
#include "tests/scenario/scene.h"

static tp_event_t *event;
static tp_semaphore_t *semaphore;
static tp_mutex_t *mutex;

/* ---- events ---------------------------------------------------------------------------------- */

static bool make_event(bool manual)
{
    event = NULL;
    return scene_made(tp_event_create(manual, false, &event));
}

static void wait_for_event(void *arg)
{
    tp_wait_result_t result;
    (void)arg;
    tpps_check(tp_waitable_wait(tp_waitable_event(event), TP_INFINITE, &result) == TP_OK);
    tpps_check(result == TP_WAIT_SIGNALED);
    scene_add(0, 1);
}

static void wait_a_while_for_event(void *arg)
{
    tp_wait_result_t result;
    (void)arg;
    tpps_check(tp_waitable_wait(tp_waitable_event(event), 1000, &result) == TP_OK);
    scene_add(result == TP_WAIT_SIGNALED ? 0 : 1, 1);
}

/* Two signals, two waiters of an automatic event: each takes one, whoever came between. */
SCENE(waitable__automatic_event_one_each)
{
    if (!make_event(false))
        return;
    tpps_thread a = tpps_spawn(wait_for_event, NULL), b = tpps_spawn(wait_for_event, NULL);
    tpps_check(tp_event_set(event) == TP_OK);
    scene_await(0, 1);
    tpps_check(tp_event_set(event) == TP_OK);
    tpps_join(a);
    tpps_join(b);
    tpps_check(tp_event_close(event) == TP_OK);
}

/* A waiter gives up as the signal comes: it has it, or the next one has. */
SCENE(waitable__automatic_event_and_a_timeout)
{
    tp_wait_result_t result;
    if (!make_event(false))
        return;
    tpps_thread a = tpps_spawn(wait_a_while_for_event, NULL);
    tpps_sleep(1000);
    tpps_check(tp_event_set(event) == TP_OK);
    tpps_join(a);
    tpps_check(tp_waitable_wait(tp_waitable_event(event), 0, &result) == TP_OK);
    tpps_check((result == TP_WAIT_SIGNALED) == (scene_value(0) == 0));
    tpps_check(tp_event_close(event) == TP_OK);
}

SCENE(waitable__manual_event_frees_all)
{
    if (!make_event(true))
        return;
    tpps_thread waiter[3];
    for (int i = 0; i < 3; i++)
        waiter[i] = tpps_spawn(wait_for_event, NULL);
    tpps_check(tp_event_set(event) == TP_OK);
    for (int i = 0; i < 3; i++)
        tpps_join(waiter[i]);
    tpps_check(tp_event_close(event) == TP_OK);
}

static void wait_until_closed(void *arg)
{
    tp_wait_result_t result;
    (void)arg;
    tp_status_t status = tp_waitable_wait(tp_waitable_event(event), TP_INFINITE, &result);
    tpps_check(status == TP_ERR_HANDLE || (status == TP_OK && result == TP_WAIT_SIGNALED));
    scene_add(status == TP_OK, 1);
}

/* Closed under two waiters, signalled once: at most one has the signal, both go. */
SCENE(waitable__closed_under_its_waiters)
{
    if (!make_event(false))
        return;
    tpps_thread a = tpps_spawn(wait_until_closed, NULL), b = tpps_spawn(wait_until_closed, NULL);
    tpps_check(tp_event_set(event) == TP_OK);
    tpps_check(tp_event_close(event) == TP_OK);
    tpps_join(a);
    tpps_join(b);
    tpps_check(scene_value(1) <= 1 && scene_value(0) + scene_value(1) == 2);
}

/* ---- semaphores ------------------------------------------------------------------------------ */

static void take_unit(void *arg)
{
    tp_wait_result_t result;
    (void)arg;
    tpps_check(tp_waitable_wait(tp_waitable_semaphore(semaphore), 1000, &result) == TP_OK);
    scene_add(result == TP_WAIT_SIGNALED ? 0 : 1, 1);
}

static void give_unit(void *arg)
{
    (void)arg;
    tpps_sleep(1000);
    tpps_check(tp_semaphore_release(semaphore, 1, NULL) == TP_OK);
}

/* Units are neither lost nor doubled: three waiters with timeouts, two units. */
SCENE(waitable__semaphore_keeps_its_units)
{
    tp_wait_result_t result;
    tpps_thread taker[3];
    semaphore = NULL;
    if (!scene_made(tp_semaphore_create(0, 2, &semaphore)))
        return;
    for (int i = 0; i < 3; i++)
        taker[i] = tpps_spawn(take_unit, NULL);
    tpps_thread giver = tpps_spawn(give_unit, NULL);
    tpps_check(tp_semaphore_release(semaphore, 1, NULL) == TP_OK);
    for (int i = 0; i < 3; i++)
        tpps_join(taker[i]);
    tpps_join(giver);
    for (;;) {
        tpps_check(tp_waitable_wait(tp_waitable_semaphore(semaphore), 0, &result) == TP_OK);
        if (result != TP_WAIT_SIGNALED)
            break;
        scene_add(0, 1);
    }
    tpps_check(scene_value(0) == 2);
    tpps_check(tp_semaphore_close(semaphore) == TP_OK);
}

/* First come, first served: who came later may not pass by. */
static void come_second(void *arg)
{
    tp_wait_result_t result;
    (void)arg;
    tpps_check(tp_waitable_wait(tp_waitable_semaphore(semaphore), TP_INFINITE, &result) == TP_OK);
    tpps_check(scene_next(2) == 1);
}

static void come_first(void *arg)
{
    tp_wait_result_t result;
    (void)arg;
    tpps_check(tp_waitable_wait(tp_waitable_semaphore(semaphore), TP_INFINITE, &result) == TP_OK);
    tpps_check(scene_next(2) == 0);
    tpps_check(tp_semaphore_release(semaphore, 1, NULL) == TP_OK);
}

SCENE(waitable__first_come_first_served)
{
    semaphore = NULL;
    if (!scene_made(tp_semaphore_create(0, 1, &semaphore)))
        return;
    tpps_thread a = tpps_spawn(come_first, NULL);
    tpps_sleep(1000000); /* no deadline passes early here: it waits by now */
    tpps_thread b = tpps_spawn(come_second, NULL);
    tpps_sleep(1000000);
    tpps_check(tp_semaphore_release(semaphore, 1, NULL) == TP_OK);
    tpps_join(a);
    tpps_join(b);
    tpps_check(tp_semaphore_close(semaphore) == TP_OK);
}

/* ---- mutexes --------------------------------------------------------------------------------- */

static void enter_twice(void *arg)
{
    tp_wait_result_t result;
    for (int i = 0; i < 2; i++) {
        tpps_check(tp_waitable_wait(tp_waitable_mutex(mutex), TP_INFINITE, &result) == TP_OK);
        tpps_check(scene_next(0) == 0);
        tpps_point();
        scene_add(0, (uint32_t)-1);
        if (arg && i == 1)
            return; /* ends as its owner */
        tpps_check(tp_mutex_release(mutex) == TP_OK);
    }
}

SCENE(waitable__mutex_one_owner_at_a_time)
{
    mutex = NULL;
    if (!scene_made(tp_mutex_create(false, &mutex)))
        return;
    tpps_thread a = tpps_spawn(enter_twice, NULL), b = tpps_spawn(enter_twice, NULL);
    tpps_check(tp_mutex_release(mutex) == TP_ERR_NOT_OWNER);
    enter_twice(NULL);
    tpps_join(a);
    tpps_join(b);
    tpps_check(tp_mutex_close(mutex) == TP_OK);
}

/* An owner ends without releasing: exactly one next owner is told. */
static void take_and_tell(void *arg)
{
    tp_wait_result_t result;
    (void)arg;
    tpps_check(tp_waitable_wait(tp_waitable_mutex(mutex), TP_INFINITE, &result) == TP_OK);
    scene_add(3, result == TP_WAIT_ABANDONED);
    tpps_check(tp_mutex_release(mutex) == TP_OK);
}

SCENE(waitable__abandoned_mutex_tells_one)
{
    mutex = NULL;
    if (!scene_made(tp_mutex_create(false, &mutex)))
        return;
    tpps_thread a = tpps_spawn(enter_twice, &mutex), b = tpps_spawn(take_and_tell, NULL);
    tpps_thread c = tpps_spawn(take_and_tell, NULL);
    tpps_join(a);
    tpps_join(b);
    tpps_join(c);
    take_and_tell(NULL);
    tpps_check(scene_value(3) == 1);
    tpps_check(tp_mutex_close(mutex) == TP_OK);
}

/* ---- on return ------------------------------------------------------------------------------- */

static void signal_on_return(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)context;
    (void)work;
    tpps_check(tp_callback_set_event_on_return(instance, event) == TP_OK);
    scene_add(5, 1);
}

/* the action comes before the wait is let go: the event may be closed then. */
SCENE(waitable__r21_action_before_the_wait_ends)
{
    tp_wait_result_t result;
    tp_pool_t *pool = scene_pool(0, 2);
    tp_work_t *work = scene_pool_work(pool, signal_on_return, NULL);
    if (!work || !make_event(true)) {
        scene_close(work);
        scene_close_pool(pool);
        return;
    }
    scene_submit(work, 2);
    tpps_check(tp_waitable_wait(tp_waitable_event(event), TP_INFINITE, &result) == TP_OK);
    tpps_check(scene_value(5) >= 1);
    scene_wait(work);
    tpps_check(tp_event_close(event) == TP_OK);
    scene_close(work);
    scene_close_pool(pool);
}

static const struct tpps_scenario table[] = {
    {SCENE_ROW(waitable__automatic_event_one_each)},
    {SCENE_ROW(waitable__automatic_event_and_a_timeout)},
    {SCENE_ROW(waitable__manual_event_frees_all)},
    {SCENE_ROW(waitable__closed_under_its_waiters)},
    {SCENE_ROW(waitable__semaphore_keeps_its_units)},
    {SCENE_ROW(waitable__first_come_first_served), .no_early = true},
    {SCENE_ROW(waitable__mutex_one_owner_at_a_time)},
    {SCENE_ROW(waitable__abandoned_mutex_tells_one)},
    {SCENE_ROW(waitable__r21_action_before_the_wait_ends)},
};

int main(int argc, char **argv)
{
    return scene_main(argc, argv, table, SCENE_COUNT(table));
}
