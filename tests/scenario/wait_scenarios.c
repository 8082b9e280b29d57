/* wait_scenarios.c - waits on events, semaphores and nothing: each arming ends in one way, and each
 * unit goes to one callback, or to one thread. */
#include "core/mem/slab.h"
#include "tests/scenario/scene_wait.h"

/* Words of scene.h beside the counts of the waits. */
enum { THREADS, OPEN, ORDER, GIVEN, BLOCKED };

static tp_pool_t *pool;
static tp_event_t *event, *second;
static tp_semaphore_t *semaphore;

static tp_waitable_t the_event(void)
{
    return tp_waitable_event(event);
}

static tp_waitable_t the_semaphore(void)
{
    return tp_waitable_semaphore(semaphore);
}

/* A pool, an automatic event, a semaphore, and one wait whose callback this is. */
static void begin_with(uint32_t minimum, uint32_t threads, tp_wait_fn function)
{
    pool = scene_pool(minimum, threads);
    event = scene_event(false);
    second = scene_event(false);
    semaphore = scene_semaphore(0);
    scene_wait_calls(0, pool, function);
}

static void begin(uint32_t threads, tp_wait_fn function)
{
    begin_with(0, threads, function);
}

/* Closes all but the wait. */
static void end(void)
{
    scene_event_close(event);
    scene_event_close(second);
    scene_semaphore_close(semaphore);
    scene_close_pool(pool);
}

static void finish(void)
{
    scene_wait_finish(0);
    end();
}

static void set_it(void *one)
{
    scene_event_set(one);
}

static void give_one(void *one)
{
    (void)one;
    scene_semaphore_give(semaphore, 1);
    scene_add(GIVEN, 1);
}

/* Sets itself on the semaphore again. */
static void again(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                  tp_wait_result_t result)
{
    scene_hit(instance, context, wait, result);
    tpps_check(!scene_wait_on((uint32_t)(uintptr_t)context, the_semaphore(), TP_INFINITE));
}

/* ---- signal against timeout ------------------------------------------------------------------ */

/* [C-141] One callback, and if that tells of the timeout nothing was taken. */
static void signal_against_timeout(uint32_t clock, int64_t timeout)
{
    begin(2, scene_hit);
    scene_wait_by(0, the_event(), clock, timeout);
    scene_about(US);
    scene_event_set(event);
    scene_await_hits(0, 1);
    scene_wait_wait(0);
    if (scene_complete()) {
        tpps_check(scene_hits(0) == 1);
        tpps_check(scene_event_was_set(event) == (scene_told(0, SCENE_TIMED_OUT) == 1));
        tpps_check(!scene_disarm(0));
    }
    finish();
}

SCENE(wait__c141_signal_against_timeout)
{
    signal_against_timeout(TP_CLOCK_RELATIVE, US);
}

SCENE(wait__c141_signal_against_timeout_by_the_wall_clock)
{
    signal_against_timeout(TP_CLOCK_REALTIME, tpp_now(TPP_CLOCK_REALTIME) + US);
}

SCENE(wait__c141_signal_against_timeout_by_boottime)
{
    signal_against_timeout(TP_CLOCK_BOOTTIME, US);
}

SCENE(wait__c141_units_against_timeouts_of_two)
{
    begin(2, scene_hit);
    scene_wait_make(1, pool);
    scene_wait_on(0, the_semaphore(), US);
    scene_wait_on(1, the_semaphore(), US);
    scene_about(US);
    scene_semaphore_give(semaphore, 1);
    scene_await_hits(0, 1);
    scene_await_hits(1, 1);
    if (scene_complete()) {
        uint32_t signaled = scene_told(0, SCENE_SIGNALED) + scene_told(1, SCENE_SIGNALED);
        tpps_check(scene_hits(0) == 1 && scene_hits(1) == 1);
        tpps_check(signaled + scene_drain(semaphore) == 1);
    }
    scene_wait_finish(1);
    finish();
}

/* [C-120] [C-121] It has run out already: signaled or not, nothing is taken. */
SCENE(wait__c121_no_time_against_signal)
{
    begin(2, scene_hit);
    if (scene_complete()) {
        tpps_thread other = tpps_spawn(set_it, event);
        tpps_check(!scene_wait_on(0, the_event(), 0));
        tpps_join(other);
        scene_wait_wait(0);
        tpps_check(scene_told(0, SCENE_TIMED_OUT) == 1 && scene_hits(0) == 1);
        tpps_check(scene_event_was_set(event));
    }
    finish();
}

/* ---- signal against disarm, replacement and close -------------------------------------------- */

/* [C-143] [C-122] True: the signal stays. False: its callback comes. */
SCENE(wait__c143_disarm_against_signal)
{
    begin(2, scene_hit);
    scene_wait_on(0, the_event(), TP_INFINITE);
    if (scene_complete()) {
        tpps_thread other = tpps_spawn(set_it, event);
        bool armed = scene_disarm(0);
        tpps_join(other);
        scene_wait_wait(0);
        tpps_check(scene_hits(0) == !armed);
        tpps_check(scene_event_was_set(event) == armed);
    }
    finish();
}

static void disarm_it(void *unused)
{
    (void)unused;
    scene_disarm(0);
}

static void disarm_about_then(void *unused)
{
    scene_about(US);
    disarm_it(unused);
}

SCENE(wait__c143_two_disarms_against_signal_and_timeout)
{
    begin(2, scene_hit);
    scene_wait_on(0, the_event(), US);
    if (scene_complete()) {
        tpps_thread a = tpps_spawn(disarm_about_then, NULL);
        tpps_thread b = tpps_spawn(disarm_about_then, NULL);
        scene_about(US);
        scene_event_set(event);
        tpps_join(a);
        tpps_join(b);
        scene_wait_wait(0);
        tpps_check(scene_hits(0) + scene_told(0, SCENE_TAKEN) == 1);
        tpps_check(scene_event_was_set(event) == (scene_told(0, SCENE_SIGNALED) == 0));
    }
    finish();
}

/* [R-01] [C-131] The old signal is consumed by a callback or not at all, and the new one, which
 * comes meanwhile or later, is never lost. */
static void replaced_against_signal(bool later)
{
    begin(2, scene_hit);
    scene_wait_on(0, the_event(), TP_INFINITE);
    if (scene_complete()) {
        tpps_thread a = tpps_spawn(set_it, event), b = 0;
        if (!later)
            b = tpps_spawn(set_it, second);
        bool armed = scene_wait_on(0, tp_waitable_event(second), TP_INFINITE);
        if (later)
            b = tpps_spawn(set_it, second);
        tpps_join(a);
        tpps_join(b);
        scene_wait_wait(0);
        tpps_check(scene_hits(0) == 2u - armed);
        tpps_check(scene_event_was_set(event) == armed && !scene_event_was_set(second));
    }
    finish();
}

SCENE(wait__r01_replaced_against_the_old_signal)
{
    replaced_against_signal(true);
}

SCENE(wait__r01_replaced_against_both_signals)
{
    replaced_against_signal(false);
}

/* Set on the same once more: one signal, one callback. */
SCENE(wait__r01_set_anew_against_signal)
{
    begin(2, scene_hit);
    scene_wait_on(0, the_event(), TP_INFINITE);
    if (scene_complete()) {
        tpps_thread other = tpps_spawn(set_it, event);
        bool armed = scene_wait_on(0, the_event(), TP_INFINITE);
        tpps_join(other);
        scene_wait_wait(0);
        tpps_check(scene_hits(0) == 1 && !scene_event_was_set(event));
        tpps_check(scene_disarm(0) == !armed);
    }
    finish();
}

/* A new timeout: the old one is void. */
SCENE(wait__r01_longer_timeout_against_the_old)
{
    begin(2, scene_hit);
    int64_t began = tpps_now();
    scene_wait_on(0, the_event(), US);
    scene_about(US);
    bool armed = scene_wait_on(0, the_event(), SECOND);
    scene_await_hits(0, 2 - armed);
    scene_wait_wait(0);
    if (scene_complete())
        tpps_check(scene_hits(0) == 2u - armed && tpps_now() - began >= SECOND);
    finish();
}

static void begin_released(void)
{
    begin(2, scene_hit);
    scene_wait_chosen(1, scene_hit,
                      &(struct scene_choice){.pool = pool, .release = scene_count_release});
}

/* [C-139] Closed, it takes nothing any more. */
SCENE(wait__c139_close_against_signal)
{
    begin_released();
    scene_wait_on(1, the_event(), TP_INFINITE);
    if (scene_complete()) {
        tpps_thread other = tpps_spawn(set_it, event);
        scene_wait_close(1);
        tpps_join(other);
        scene_await_told(1, SCENE_RELEASED, 1);
        tpps_check(scene_hits(1) + scene_event_was_set(event) == 1);
    }
    finish();
}

SCENE(wait__c139_close_against_timeout)
{
    begin_released();
    scene_wait_on(1, the_event(), US);
    scene_about(US);
    scene_wait_close(1);
    scene_await_told(1, SCENE_RELEASED, 1);
    tpps_sleep(MS);
    finish();
}

/* ---- each arming ends in one way ------------------------------------------------------------- */

static void set_some(void *unused)
{
    (void)unused;
    for (int i = 0; i < 2; i++) {
        int64_t timeout = tpps_choose(2) ? TP_INFINITE : (int64_t)tpps_choose(3) * US;
        if (tpps_choose(4) == 0)
            scene_wait_on(0, tp_waitable_never(), timeout);
        else
            scene_wait_on(0, the_semaphore(), timeout);
        tpps_sleep((int64_t)tpps_choose(2) * US);
    }
}

static void disarm_some(void *unused)
{
    (void)unused;
    for (int i = 0; i < 2; i++) {
        tpps_sleep((int64_t)tpps_choose(3) * US);
        scene_disarm(0);
    }
}

static void give_some(void *unused)
{
    (void)unused;
    for (int i = 0; i < 2; i++) {
        scene_semaphore_give(semaphore, 1);
        tpps_sleep((int64_t)tpps_choose(2) * US);
    }
}

/* [C-143] [C-142] Armings = callbacks + those taken away; units = callbacks that got one + rest. */
static void balance(void (*first)(void *), void (*other)(void *))
{
    begin(2, scene_hit);
    if (scene_complete()) {
        tpps_thread a = tpps_spawn(first, NULL), b = tpps_spawn(other, NULL);
        give_some(NULL);
        tpps_join(a);
        tpps_join(b);
        scene_disarm(0);
        scene_wait_wait(0);
        scene_balance(0, 0);
        tpps_check(scene_told(0, SCENE_SIGNALED) + scene_drain(semaphore) == 2);
        tpps_sleep(MS);
    }
    finish();
}

SCENE(wait__c143_two_setters)
{
    balance(set_some, set_some);
}

SCENE(wait__c143_a_setter_and_a_disarmer)
{
    balance(set_some, disarm_some);
}

/* ---- who gets what --------------------------------------------------------------------------- */

/* [C-127] One unit, two waits: one callback, and the other stays armed. */
SCENE(wait__c127_one_unit_for_two)
{
    begin(2, scene_hit);
    scene_wait_make(1, pool);
    scene_wait_on(0, the_semaphore(), TP_INFINITE);
    scene_wait_on(1, the_semaphore(), TP_INFINITE);
    if (scene_complete()) {
        scene_semaphore_give(semaphore, 1);
        scene_wait_wait(0);
        scene_wait_wait(1);
        tpps_check(scene_hits(0) == 1 && scene_hits(1) == 0); /* first come, first served */
        tpps_check(scene_stats(pool).waits_armed == 1);
        scene_semaphore_give(semaphore, 1);
        scene_await_hits(1, 1);
        tpps_check(scene_drain(semaphore) == 0);
    }
    scene_wait_finish(1);
    finish();
}

/* [C-128] Units given by two at once, in two pools: each of them is one callback. */
SCENE(wait__c128_two_pools_share_the_units)
{
    begin(2, again);
    tp_pool_t *other = scene_pool(0, 1);
    scene_wait_calls(1, other, again);
    scene_wait_on(0, the_semaphore(), TP_INFINITE);
    scene_wait_on(1, the_semaphore(), TP_INFINITE);
    if (scene_complete()) {
        tpps_thread a = tpps_spawn(give_some, NULL), b = tpps_spawn(give_some, NULL);
        tpps_join(a);
        tpps_join(b);
        while (scene_hits(0) + scene_hits(1) < 4)
            tpps_sleep(US);
        scene_wait_wait(0);
        scene_wait_wait(1);
        tpps_check(scene_told(0, SCENE_SIGNALED) + scene_told(1, SCENE_SIGNALED) == 4);
        tpps_check(scene_drain(semaphore) == 0);
    }
    scene_wait_finish(1);
    finish();
    scene_close_pool(other);
}

/* Two waits change places, each taking the lock of the other's semaphore. */
static void to_and_fro(void *number)
{
    uint32_t wait = (uint32_t)(uintptr_t)number;
    for (int i = 0; i < 2; i++) {
        scene_wait_on(wait, wait == 0 ? the_semaphore() : tp_waitable_event(second), TP_INFINITE);
        scene_wait_on(wait, wait == 0 ? tp_waitable_event(second) : the_semaphore(), TP_INFINITE);
    }
}

SCENE(wait__c131_two_change_places_against_signals)
{
    begin(2, scene_hit);
    scene_wait_make(1, pool);
    if (scene_complete()) {
        tpps_thread a = tpps_spawn(to_and_fro, SCENE_WORD(0));
        tpps_thread b = tpps_spawn(to_and_fro, SCENE_WORD(1));
        give_one(NULL);
        scene_event_set(second);
        tpps_join(a);
        tpps_join(b);
        scene_disarm(0);
        scene_disarm(1);
        scene_wait_wait(0);
        scene_wait_wait(1);
        uint32_t hits = scene_hits(0) + scene_hits(1);
        tpps_check(hits + scene_drain(semaphore) + scene_event_was_set(second) == 2);
    }
    scene_wait_finish(1);
    finish();
}

/* Threads and waits stand in one line. */
static void take_one(void *place)
{
    tpps_check(scene_take(the_semaphore(), TP_INFINITE) == TP_WAIT_SIGNALED);
    tpps_check(scene_next(ORDER) == (uint32_t)(uintptr_t)place);
    scene_add(THREADS, 1);
}

static void served(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                   tp_wait_result_t result)
{
    scene_hit(instance, context, wait, result);
    tpps_check(scene_next(ORDER) == 2 * (uint32_t)(uintptr_t)context + 1);
}

/* As long as nothing ends a sleep early, it has then gone to sleep. */
static tpps_thread taker(uint32_t place)
{
    tpps_thread thread = tpps_spawn(take_one, SCENE_WORD(place));
    tpps_sleep(MS);
    return thread;
}

SCENE(wait__threads_and_waits_take_turns)
{
    begin(2, served);
    scene_wait_calls(1, pool, served);
    if (scene_complete()) {
        tpps_thread a = taker(0);
        scene_wait_on(0, the_semaphore(), TP_INFINITE);
        tpps_thread b = taker(2);
        scene_wait_on(1, the_semaphore(), TP_INFINITE);
        for (uint32_t units = 1; units <= 4; units++) {
            scene_semaphore_give(semaphore, 1);
            scene_await(ORDER, units);
        }
        tpps_join(a);
        tpps_join(b);
        tpps_check(scene_hits(0) == 1 && scene_hits(1) == 1 && scene_drain(semaphore) == 0);
    }
    scene_wait_finish(1);
    finish();
}

static void take_in_time(void *unused)
{
    (void)unused;
    if (scene_take(the_semaphore(), US) == TP_WAIT_SIGNALED)
        scene_add(THREADS, 1);
}

/* Waits, threads that give up, and units from two sides: none is lost, none doubled. */
SCENE(wait__r02_threads_and_waits_share_the_units)
{
    begin(2, again);
    scene_wait_on(0, the_semaphore(), TP_INFINITE);
    if (scene_complete()) {
        tpps_thread a = tpps_spawn(take_in_time, NULL), b = tpps_spawn(give_one, NULL);
        scene_about(US);
        give_one(NULL);
        scene_disarm(0);
        tpps_join(a);
        tpps_join(b);
        scene_wait_wait(0);
        scene_disarm(0);
        scene_wait_wait(0);
        tpps_check(scene_hits(0) + scene_value(THREADS) + scene_drain(semaphore) == 2);
    }
    finish();
}

/* ---- manual events --------------------------------------------------------------------------- */

/* [C-129] All that are armed, in whatever pool. */
SCENE(wait__c129_manual_event_fires_all)
{
    tp_event_t *gong = scene_event(true);
    begin(2, scene_hit);
    tp_pool_t *other = scene_pool(0, 1);
    scene_wait_make(1, other);
    scene_wait_make(2, pool);
    for (uint32_t i = 0; i < 3; i++)
        scene_wait_on(i, tp_waitable_event(gong), TP_INFINITE);
    if (scene_complete()) {
        tpps_thread a = tpps_spawn(set_it, gong);
        scene_event_set(gong);
        tpps_check(tp_event_reset(gong) == TP_OK);
        for (uint32_t i = 0; i < 3; i++)
            scene_await_hits(i, 1);
        tpps_join(a);
    }
    for (uint32_t i = 1; i < 3; i++)
        scene_wait_finish(i);
    finish();
    scene_event_close(gong);
    scene_close_pool(other);
}

/* More of them than are posted at once; each on its own. */
enum { MANY = 20 };

static void count_one(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                      tp_wait_result_t result)
{
    (void)instance;
    (void)context;
    (void)wait;
    tpps_check(result == TP_WAIT_SIGNALED);
    scene_add(ORDER, 1);
}

SCENE(wait__c129_manual_event_fires_many)
{
    tp_wait_t *waits[MANY] = {NULL};
    tp_wait_spec_t spec = TP_WAIT_SPEC_INIT;
    tp_event_t *gong = scene_event(true);
    begin(2, scene_hit);
    spec.source = tp_waitable_event(gong);
    for (uint32_t i = 0; i < MANY && scene_complete(); i++) {
        tp_env_t *env = scene_env(&(struct scene_choice){.pool = pool});
        if (env && scene_made(tp_wait_create(count_one, NULL, env, &waits[i])))
            tpps_check(tp_wait_set(waits[i], &spec, NULL) == TP_OK);
        tpps_check(tp_env_destroy(env) == TP_OK);
    }
    scene_event_set(gong);
    if (scene_complete())
        scene_await(ORDER, MANY);
    for (uint32_t i = 0; i < MANY; i++)
        tpps_check(tp_wait_close(waits[i]) == TP_OK);
    finish();
    scene_event_close(gong);
}

static tp_event_t *open_gate;

static void while_open(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                       tp_wait_result_t result)
{
    scene_hit(instance, context, wait, result);
    if (scene_hits(0) < 3)
        scene_wait_on(0, tp_waitable_event(open_gate), TP_INFINITE);
}

/* [C-124] It stays set: once for each arming, from whatever thread, and not more. */
SCENE(wait__c124_manual_event_fires_once_an_arming)
{
    open_gate = scene_event(true);
    begin(2, while_open);
    scene_wait_on(0, tp_waitable_event(open_gate), TP_INFINITE);
    scene_event_set(open_gate);
    scene_await_hits(0, 3);
    scene_wait_wait(0);
    tpps_sleep(MS);
    tpps_check(scene_hits(0) == (scene_complete() ? 3 : 0));
    finish();
    scene_event_close(open_gate);
}

/* ---- set again from the callback ------------------------------------------------------------- */

/* [C-125] No unit is lost between two armings, and no wait either. */
SCENE(wait__c125_set_again_against_two_givers)
{
    begin(2, again);
    scene_wait_on(0, the_semaphore(), TP_INFINITE);
    if (scene_complete()) {
        tpps_thread a = tpps_spawn(give_some, NULL);
        give_some(NULL);
        tpps_join(a);
        scene_await_told(0, SCENE_SIGNALED, 4);
        scene_wait_wait(0);
        tpps_check(scene_hits(0) == 4 && scene_drain(semaphore) == 0);
        tpps_check(scene_disarm(0));
    }
    finish();
}

static void in_time(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                    tp_wait_result_t result)
{
    scene_hit(instance, context, wait, result);
    if (scene_hits(0) < 4)
        scene_wait_on(0, the_event(), US);
}

/* As a periodic timer that signals hurry on. */
SCENE(wait__c125_set_again_with_timeout)
{
    begin(2, in_time);
    scene_wait_on(0, the_event(), US);
    scene_about(US);
    scene_event_set(event);
    scene_await_hits(0, 4);
    scene_wait_wait(0);
    if (scene_complete())
        tpps_check(scene_told(0, SCENE_SIGNALED) + scene_event_was_set(event) == 1);
    finish();
}

/* ---- several results at once ----------------------------------------------------------------- */

static void blocker(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    scene_add(BLOCKED, 1);
    scene_await(OPEN, 1);
}

/* [C-140] Each post is told what it was posted for, also if it was posted long before. */
static void several(bool cancel)
{
    begin(1, scene_hit);
    tp_work_t *work = scene_pool_work(pool, blocker, NULL);
    scene_submit(work, 1);
    if (scene_complete()) {
        scene_event_set(event);
        tpps_check(!scene_wait_on(0, the_event(), TP_INFINITE));
        tpps_check(!scene_wait_on(0, the_event(), 0));
        tpps_check(!scene_wait_on(0, the_event(), TP_INFINITE));
        tpps_thread other = tpps_spawn(set_it, event);
        bool armed = scene_disarm(0);
        tpps_join(other);
        scene_add(OPEN, 1);
        if (cancel)
            scene_wait_cancel(0);
        scene_wait_wait(0);
        uint32_t dropped = (uint32_t)scene_stats(pool).cancelled;
        tpps_check(cancel || dropped == 0);
        scene_balance(0, dropped);
        tpps_check(scene_told(0, SCENE_TIMED_OUT) <= 1);
        if (!cancel)
            tpps_check(scene_told(0, SCENE_SIGNALED) == 2u - armed);
        tpps_check(scene_event_was_set(event) == armed);
    }
    scene_add(OPEN, 1);
    scene_wait_wait(0);
    scene_wait_close(0);
    scene_finish(work);
    end();
}

SCENE(wait__c140_queued_results_are_told)
{
    several(false);
}

SCENE(wait__cancel_drops_queued_results)
{
    several(true);
}

/* What was dropped stays taken; what comes later is not dropped. */
SCENE(wait__cancel_against_signal)
{
    begin(2, scene_hit);
    scene_wait_on(0, the_semaphore(), TP_INFINITE);
    if (scene_complete()) {
        tpps_thread other = tpps_spawn(give_one, NULL);
        scene_wait_cancel(0);
        tpps_join(other);
        scene_wait_wait(0);
        uint32_t dropped = (uint32_t)scene_stats(pool).cancelled;
        tpps_check(scene_hits(0) + dropped == 1 && scene_drain(semaphore) == 0);
        scene_wait_on(0, the_semaphore(), US); /* the next one is told what it is due */
        scene_await_hits(0, 2 - dropped);
        tpps_check(scene_told(0, SCENE_TIMED_OUT) == 1);
        scene_balance(0, dropped);
    }
    scene_wait_close(0);
    end();
}

/* Of two results the older is dropped; the one that comes just then is not taken for it. */
SCENE(wait__cancel_drops_the_older_result)
{
    begin(1, scene_hit);
    tp_work_t *work = scene_pool_work(pool, blocker, NULL);
    scene_submit(work, 1);
    if (work)
        scene_await(BLOCKED, 1);
    if (scene_complete()) {
        scene_wait_on(0, the_event(), 0);
        scene_wait_on(0, the_event(), TP_INFINITE);
        tpps_thread other = tpps_spawn(set_it, event);
        tp_status_t status = tp_wait_wait(scene_wait_of(0), true, 0);
        tpps_check(status == TP_OK || status == TP_ERR_TIMEOUT);
        tpps_join(other);
        scene_add(OPEN, 1);
        scene_wait_wait(0);
        tpps_check(scene_told(0, SCENE_TIMED_OUT) == 0);
        scene_balance(0, (uint32_t)scene_stats(pool).cancelled);
    }
    scene_add(OPEN, 1);
    scene_wait_wait(0);
    scene_wait_close(0);
    scene_finish(work);
    end();
}

/* [C-130] It is no disarm. */
SCENE(wait__c130_cancel_leaves_it_armed)
{
    begin(2, scene_hit);
    scene_wait_on(0, the_event(), TP_INFINITE);
    scene_wait_cancel(0);
    if (scene_complete()) {
        tpps_thread other = tpps_spawn(set_it, event);
        scene_wait_wait(0);
        tpps_join(other);
        scene_wait_wait(0);
        tpps_check(scene_told(0, SCENE_SIGNALED) == 1);
    }
    finish();
}

static void cancel_it(void *unused)
{
    (void)unused;
    scene_wait_cancel(0);
}

SCENE(wait__cancel_against_timeouts_and_signals)
{
    begin(2, scene_hit);
    if (scene_complete()) {
        tpps_thread a = tpps_spawn(set_some, NULL), b = tpps_spawn(cancel_it, NULL);
        give_some(NULL);
        tpps_join(a);
        tpps_join(b);
        scene_disarm(0);
        scene_wait_wait(0);
        scene_balance(0, (uint32_t)scene_stats(pool).cancelled);
    }
    scene_wait_close(0);
    end();
}

/* ---- limits, priorities, and callbacks that leave -------------------------------------------- */

static void alone(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                  tp_wait_result_t result)
{
    scene_hit(instance, context, wait, result);
    tpps_check(scene_next(THREADS) % 2 == 0);
    tpps_sleep(US);
    tpps_check(scene_next(THREADS) % 2 == 1);
}

/* Posts that find no room wait for it, and each is told its own result. */
SCENE(wait__limit_of_one)
{
    begin(3, scene_hit);
    scene_wait_chosen(1, alone, &(struct scene_choice){.pool = pool, .limit = 1});
    if (scene_complete()) {
        scene_event_set(event);
        scene_wait_on(1, the_event(), TP_INFINITE);
        scene_wait_on(1, the_event(), US);
        scene_about(US);
        scene_wait_on(1, the_event(), 0);
        scene_event_set(event);
        scene_wait_wait(1);
        scene_disarm(1);
        scene_wait_wait(1);
        tpps_check(scene_told(1, SCENE_TIMED_OUT) >= 1 && scene_told(1, SCENE_SIGNALED) >= 1);
        tpps_check(scene_hits(1) == 3 || scene_told(1, SCENE_TAKEN) == 1);
    }
    scene_wait_finish(1);
    finish();
}

static void leave(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                  tp_wait_result_t result)
{
    scene_hit(instance, context, wait, result);
    tpps_check(tp_callback_disassociate(instance) == TP_OK);
    if (scene_hits(0) == 1)
        scene_wait_on(0, the_semaphore(), TP_INFINITE);
    scene_await(OPEN, 1);
}

/* [C-181] A wait for it does not wait for one that has left, and the next arming is its own. */
SCENE(wait__c181_disassociated_callback)
{
    begin_with(2, 3, leave);
    scene_wait_on(0, the_semaphore(), TP_INFINITE);
    if (scene_complete()) {
        tpps_thread other = tpps_spawn(give_one, NULL);
        scene_semaphore_give(semaphore, 1);
        tpps_join(other);
        scene_await_hits(0, 1);
        scene_wait_wait(0); /* and not for ever */
        scene_add(OPEN, 1);
        scene_await_hits(0, 2);
        tpps_check(scene_drain(semaphore) == 0);
    }
    scene_add(OPEN, 1);
    finish();
}

static void comes_second(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    tpps_check(scene_hits(1) == 1);
}

/* One thread: a signalled wait of high priority goes before work that was queued earlier. */
SCENE(wait__high_wait_overtakes_queued_work)
{
    begin(1, scene_hit);
    struct scene_choice high = {.pool = pool, .priority_plus_one = SCENE_HIGH};
    scene_wait_chosen(1, scene_hit, &high);
    tp_work_t *work = scene_pool_work(pool, blocker, NULL);
    tp_work_t *late = scene_pool_work(pool, comes_second, NULL);
    scene_wait_on(1, the_event(), TP_INFINITE);
    if (scene_complete()) {
        scene_submit(work, 1);
        scene_submit(late, 1);
        scene_event_set(event);
        scene_add(OPEN, 1);
    }
    scene_finish(work);
    scene_finish(late);
    scene_wait_finish(1);
    finish();
}

/* What a callback asked to be done when it has returned fires a wait as well. */
static void signal_on_return(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)context;
    (void)work;
    tpps_check(tp_callback_set_event_on_return(instance, event) == TP_OK);
    tpps_check(tp_callback_release_semaphore_on_return(instance, semaphore, 2) == TP_OK);
}

SCENE(wait__signaled_on_return)
{
    begin(2, scene_hit);
    tp_work_t *work = scene_pool_work(pool, signal_on_return, NULL);
    scene_wait_calls(1, pool, again);
    scene_wait_on(0, the_event(), TP_INFINITE);
    scene_wait_on(1, the_semaphore(), TP_INFINITE);
    scene_submit(work, 1);
    scene_await_hits(0, scene_complete() ? 1 : 0);
    scene_await_hits(1, scene_complete() ? 2 : 0);
    scene_wait_wait(1);
    scene_finish(work);
    scene_wait_finish(1);
    finish();
}

/* ---- who looks at the clock ------------------------------------------------------------------ */

/* The only thread is in a callback; the timeout comes to the gate, the signal as ever. */
SCENE(wait__busy_pool_is_told_in_time)
{
    begin(2, scene_hit);
    tp_work_t *work = scene_pool_work(pool, blocker, NULL);
    scene_submit(work, 1);
    int64_t began = tpps_now();
    scene_wait_on(0, the_event(), 10 * MS);
    if (scene_complete()) {
        scene_await_hits(0, 1);
        tpps_check(scene_told(0, SCENE_TIMED_OUT) == 1 && tpps_now() - began >= 10 * MS);
        scene_wait_on(0, the_event(), SECOND);
        scene_event_set(event);
        scene_await_hits(0, 2);
    }
    scene_add(OPEN, 1);
    scene_finish(work);
    finish();
}

/* [C-132] Nothing but time. */
SCENE(wait__c132_never_waits_for_its_time)
{
    begin(1, scene_hit);
    int64_t began = tpps_now();
    scene_wait_on(0, tp_waitable_never(), MS);
    scene_await_hits(0, 1);
    int64_t took = tpps_now() - began;
    tpps_check(!scene_complete() ||
               (scene_told(0, SCENE_TIMED_OUT) == 1 && took >= MS && took <= 2 * MS));
    finish();
}

/* A pool without threads: a signal raises its flag, and a caller runs what is posted. */
static void driven(bool timeout)
{
    pool = scene_driven(0);
    event = scene_event(false);
    scene_wait_make(0, pool);
    if (scene_complete()) {
        tp_status_t status = tp_pool_run(pool, 1, 0, NULL); /* the record of the thread is made */
        scene_made(status == TP_ERR_TIMEOUT ? TP_OK : status);
    }
    scene_wait_on(0, the_event(), timeout ? US : TP_INFINITE);
    if (scene_complete()) {
        uint32_t ran = 0;
        tpps_thread other = tpps_spawn(set_it, event);
        tpps_check(tp_pool_run(pool, 1, TP_INFINITE, &ran) == TP_OK && ran == 1);
        tpps_join(other);
        tpps_check(scene_hits(0) == 1);
        tpps_check(scene_event_was_set(event) == (scene_told(0, SCENE_TIMED_OUT) == 1));
    }
    scene_wait_finish(0);
    scene_event_close(event);
    scene_close_pool(pool);
}

SCENE(wait__h_caller_runs_what_is_signaled)
{
    driven(false);
}

SCENE(wait__h_caller_is_told_in_time)
{
    driven(true);
}

/* ---- closed under an armed wait -------------------------------------------------------------- */

static void close_event(void *unused)
{
    (void)unused;
    scene_event_close(event);
    event = NULL;
}

/* The wait stays armed, or was refused; it hears of the event no more. */
SCENE(wait__event_closes_against_set)
{
    bool was_armed;
    begin(2, scene_hit);
    if (scene_complete()) {
        tp_waitable_t source = the_event();
        tpps_thread other = tpps_spawn(close_event, NULL);
        tp_status_t first = scene_wait_try(0, source, TP_INFINITE, &was_armed);
        tp_status_t again = scene_wait_try(0, source, US, &was_armed);
        tpps_join(other);
        tpps_check(first == TP_OK || first == TP_ERR_HANDLE);
        tpps_check(again == TP_OK || again == TP_ERR_HANDLE);
        if (again == TP_OK) {
            scene_await_hits(0, 1);
            tpps_check(scene_told(0, SCENE_TIMED_OUT) == 1);
        } else {
            tpps_check(scene_disarm(0) == (first == TP_OK));
        }
        tpps_check(scene_wait_try(0, source, US, &was_armed) == TP_ERR_HANDLE);
    }
    finish();
}

/* A new event in the old one's place is another one, which the wait may be set on in turn. */
SCENE(wait__event_in_the_place_of_a_closed_one)
{
    begin(2, scene_hit);
    scene_wait_on(0, the_event(), TP_INFINITE);
    tpps_check(!scene_complete() || scene_stats(pool).waits_armed == 1);
    tp_event_t *closed = event;
    close_event(NULL);
    event = scene_event_in_place(closed, true);
    scene_event_set(event);
    tpps_sleep(MS);
    tpps_check(scene_hits(0) == 0);
    if (scene_complete()) {
        tpps_check(tp_event_reset(event) == TP_OK);
        tpps_check(scene_wait_on(0, the_event(), TP_INFINITE));
        scene_event_set(event);
        scene_await_hits(0, 1);
    }
    finish();
}

/* Signalled as it is closed: the callback comes or does not, and nothing else. */
SCENE(wait__event_closes_against_its_signal)
{
    begin(2, scene_hit);
    scene_wait_on(0, the_event(), TP_INFINITE);
    if (scene_complete()) {
        tp_event_t *one = event;
        tpps_thread other = tpps_spawn(close_event, NULL);
        bool set = scene_or_stale(tp_event_set(one));
        tpps_join(other);
        scene_wait_wait(0);
        tpps_check(scene_hits(0) == set && scene_disarm(0) == !set);
    }
    finish();
}

/* A new wait in the old one's place has its own arming only. */
SCENE(wait__wait_in_the_place_of_a_closed_one)
{
    begin(2, scene_hit);
    scene_wait_on(0, the_event(), US);
    scene_about(US);
    scene_wait_close(0);
    if (scene_wait_of(0))
        scene_wait_in_place(1, 0, scene_hit, &(struct scene_choice){.pool = pool});
    scene_event_set(event);
    tpps_sleep(MS);
    tpps_check(scene_hits(1) == 0);
    scene_wait_on(1, the_event(), TP_INFINITE);
    scene_await_hits(1, 1);
    scene_wait_wait(1);
    tpps_check(!scene_complete() || !scene_event_was_set(event));
    scene_wait_finish(1);
    end();
}

SCENE(wait__default_pool)
{
    pool = NULL;
    event = scene_event(false);
    scene_wait_chosen(0, scene_hit, &(struct scene_choice){.default_pool = true});
    scene_wait_on(0, the_event(), TP_INFINITE);
    scene_event_set(event);
    scene_await_hits(0, 1);
    scene_wait_finish(0);
    scene_event_close(event);
    scene_keeps(tpi_slab_in_use(TPI_KIND_POOL));
}

static const struct tpps_scenario table[] = {
    {SCENE_ROW(wait__c141_signal_against_timeout)},
    {SCENE_ROW(wait__c141_signal_against_timeout_by_the_wall_clock)},
    {SCENE_ROW(wait__c141_signal_against_timeout_by_boottime)},
    {SCENE_ROW(wait__c141_units_against_timeouts_of_two)},
    {SCENE_ROW(wait__c121_no_time_against_signal)},
    {SCENE_ROW(wait__c143_disarm_against_signal)},
    {SCENE_ROW(wait__c143_two_disarms_against_signal_and_timeout)},
    {SCENE_ROW(wait__r01_replaced_against_the_old_signal)},
    {SCENE_ROW(wait__r01_replaced_against_both_signals)},
    {SCENE_ROW(wait__r01_set_anew_against_signal)},
    {SCENE_ROW(wait__r01_longer_timeout_against_the_old)},
    {SCENE_ROW(wait__c139_close_against_signal)},
    {SCENE_ROW(wait__c139_close_against_timeout)},
    {SCENE_ROW(wait__c143_two_setters)},
    {SCENE_ROW(wait__c143_a_setter_and_a_disarmer)},
    {SCENE_ROW(wait__c127_one_unit_for_two)},
    {SCENE_ROW(wait__c128_two_pools_share_the_units)},
    {SCENE_ROW(wait__c131_two_change_places_against_signals)},
    {SCENE_ROW(wait__threads_and_waits_take_turns), .no_early = true},
    {SCENE_ROW(wait__r02_threads_and_waits_share_the_units)},
    {SCENE_ROW(wait__c129_manual_event_fires_all)},
    {SCENE_ROW(wait__c129_manual_event_fires_many)},
    {SCENE_ROW(wait__c124_manual_event_fires_once_an_arming)},
    {SCENE_ROW(wait__c125_set_again_against_two_givers)},
    {SCENE_ROW(wait__c125_set_again_with_timeout)},
    {SCENE_ROW(wait__c140_queued_results_are_told)},
    {SCENE_ROW(wait__cancel_drops_queued_results)},
    {SCENE_ROW(wait__cancel_against_signal)},
    {SCENE_ROW(wait__cancel_drops_the_older_result)},
    {SCENE_ROW(wait__c130_cancel_leaves_it_armed)},
    {SCENE_ROW(wait__cancel_against_timeouts_and_signals)},
    {SCENE_ROW(wait__limit_of_one)},
    {SCENE_ROW(wait__c181_disassociated_callback)},
    {SCENE_ROW(wait__high_wait_overtakes_queued_work)},
    {SCENE_ROW(wait__signaled_on_return)},
    {SCENE_ROW(wait__busy_pool_is_told_in_time), .no_faults = true},
    {SCENE_ROW(wait__c132_never_waits_for_its_time), .no_early = true},
    {SCENE_ROW(wait__h_caller_runs_what_is_signaled)},
    {SCENE_ROW(wait__h_caller_is_told_in_time)},
    {SCENE_ROW(wait__event_closes_against_set)},
    {SCENE_ROW(wait__event_in_the_place_of_a_closed_one)},
    {SCENE_ROW(wait__event_closes_against_its_signal)},
    {SCENE_ROW(wait__wait_in_the_place_of_a_closed_one)},
    {SCENE_ROW(wait__default_pool)},
};

int main(int argc, char **argv)
{
    return scene_main(argc, argv, table, SCENE_COUNT(table));
}
