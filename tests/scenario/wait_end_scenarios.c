/* wait_end_scenarios.c - waits at the end of a group, a pool, themselves or the process: nothing
 * comes after it, and nothing is taken. */
#include "core/object/process.h"
#include "tests/scenario/scene_fork.h"
#include "tests/scenario/scene_wait.h"

/* Words of scene.h beside the counts of the waits. */
enum { OPEN, BEGUN, MADE, CLOSED, CHILD, CANCELLED, RAN };

static tp_pool_t *pool;
static tp_cleanup_group_t *group;
static tp_event_t *event;
static tp_semaphore_t *semaphore;

static tp_waitable_t the_event(void)
{
    return tp_waitable_event(event);
}

static tp_waitable_t the_semaphore(void)
{
    return tp_waitable_semaphore(semaphore);
}

static void begin(void)
{
    pool = scene_pool(0, 2);
    group = scene_group();
    event = scene_event(false);
    semaphore = scene_semaphore(0);
}

static void end(void)
{
    scene_close_group(group);
    scene_event_close(event);
    scene_semaphore_close(semaphore);
    scene_close_pool(pool);
}

static void make_member(uint32_t number, tp_wait_fn function)
{
    struct scene_choice choice = {.pool = group ? pool : NULL,
                                  .group = group,
                                  .cancel = scene_count_cancel,
                                  .release = scene_count_release};
    scene_wait_chosen(number, function, &choice);
}

static void set_it(void *unused)
{
    (void)unused;
    scene_event_set(event);
}

static void give_two(void *unused)
{
    (void)unused;
    scene_semaphore_give(semaphore, 1);
    scene_semaphore_give(semaphore, 1);
}

/* ---- groups ---------------------------------------------------------------------------------- */

static void close_members(bool cancel)
{
    tpps_check(!group || tp_cleanup_group_close_members(group, cancel, NULL) == TP_OK);
}

/* The member is gone for good. */
static void check_gone(uint32_t number, bool cancel)
{
    bool was_armed, made = scene_wait_of(number);
    scene_hush(number);
    if (!made)
        return;
    tpps_check(scene_told(number, SCENE_RELEASED) == 1);
    tpps_check(scene_told(number, SCENE_CANCELLED) == cancel);
    tpps_check(tp_wait_close(scene_wait_of(number)) == TP_ERR_HANDLE);
    tpps_check(scene_wait_try(number, the_event(), 0, &was_armed) == TP_ERR_HANDLE);
}

/* [C-179] [C-178] The signal is consumed by a callback, or it is still there. */
static void members_against_signal(bool cancel)
{
    begin();
    make_member(0, scene_hit);
    scene_wait_on(0, the_event(), TP_INFINITE);
    if (scene_complete()) {
        tpps_thread other = tpps_spawn(set_it, NULL);
        close_members(cancel);
        check_gone(0, cancel);
        uint32_t dropped = (uint32_t)scene_stats(pool).cancelled;
        tpps_join(other);
        tpps_sleep(MS);
        tpps_check(scene_hits(0) + scene_event_was_set(event) + dropped == 1);
        tpps_check(cancel || dropped == 0);
    } else {
        close_members(cancel);
    }
    end();
}

SCENE(wait_end__c179_close_members_against_signal)
{
    members_against_signal(false);
}

SCENE(wait_end__c179_close_members_cancelling_against_signal)
{
    members_against_signal(true);
}

/* [C-179] Not armed any more when it returns: what comes later is not taken. */
SCENE(wait_end__c179_signals_after_close_members)
{
    begin();
    for (uint32_t i = 0; i < 3; i++) {
        make_member(i, scene_hit);
        if (tpps_choose(2))
            scene_wait_on(i, the_semaphore(), tpps_choose(2) ? TP_INFINITE : SECOND);
    }
    close_members(tpps_choose(2));
    scene_semaphore_give(semaphore, 3);
    for (uint32_t i = 0; i < 3; i++)
        scene_hush(i);
    tpps_check(scene_stats(pool).waits_armed == 0 && scene_drain(semaphore) == 3 * !!semaphore);
    end();
}

static void members_against_timeout(bool cancel)
{
    begin();
    make_member(0, scene_hit);
    scene_wait_on(0, the_event(), US);
    scene_about(US);
    close_members(cancel);
    scene_hush(0);
    tpps_sleep(MS);
    if (scene_complete())
        check_gone(0, cancel);
    end();
}

SCENE(wait_end__c178_close_members_against_timeout)
{
    members_against_timeout(false);
}

SCENE(wait_end__c178_close_members_cancelling_against_timeout)
{
    members_against_timeout(true);
}

static void blocker(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    scene_add(BEGUN, 1);
    scene_await(OPEN, 1);
}

/* [C-167] What has not begun is dropped, though its time comes just now: the pool's only thread is
 * busy until close_members has returned. */
SCENE(wait_end__c167_close_members_cancelling_in_a_busy_pool)
{
    begin();
    tp_pool_t *narrow = scene_pool(1, 1);
    tp_work_t *work = scene_pool_work(narrow, blocker, NULL);
    struct scene_choice choice = {.pool = narrow, .group = group, .cancel = scene_count_cancel};
    scene_submit(work, 1);
    for (uint32_t i = 0; i < 2; i++)
        if (group)
            scene_wait_chosen(i, scene_hit, &choice);
    if (work)
        scene_await(BEGUN, 1);
    scene_wait_on(0, the_event(), US);
    scene_wait_on(1, the_semaphore(), TP_INFINITE);
    scene_semaphore_give(semaphore, 1);
    tpps_sleep(US + (int64_t)tpps_choose(2) * 5 * MS);
    close_members(true);
    scene_hush(0);
    scene_hush(1);
    scene_add(OPEN, 1);
    if (scene_complete()) {
        tpps_check(scene_told(0, SCENE_CANCELLED) == 1 && scene_hits(0) == 0);
        tpps_check(scene_told(1, SCENE_CANCELLED) == 1 && scene_hits(1) == 0);
        tpps_check(scene_drain(semaphore) == 0); /* it was taken with the post */
    }
    scene_finish(work);
    end();
    scene_close_pool(narrow);
}

/* Whoever sets it meanwhile is told that it is too late, or was just in time. */
static void set_member(void *unused)
{
    bool was_armed;
    (void)unused;
    for (int i = 0; i < 3; i++) {
        tp_waitable_t source = tpps_choose(2) ? the_semaphore() : tp_waitable_never();
        tp_status_t status = scene_wait_try(0, source, (int64_t)tpps_choose(3) * US, &was_armed);
        tpps_check(status == TP_OK || status == TP_ERR_CLOSED || status == TP_ERR_HANDLE);
    }
}

static void members_against_set(bool cancel)
{
    begin();
    make_member(0, scene_hit);
    if (scene_complete()) {
        tpps_thread setter = tpps_spawn(set_member, NULL), giver = tpps_spawn(give_two, NULL);
        tpps_point();
        close_members(cancel);
        scene_hush(0);
        uint32_t dropped = (uint32_t)scene_stats(pool).cancelled;
        tpps_join(setter);
        tpps_join(giver);
        tpps_check(scene_told(0, SCENE_SIGNALED) + scene_drain(semaphore) + dropped >= 2);
        tpps_check(scene_stats(pool).waits_armed == 0);
        tpps_sleep(MS);
    }
    close_members(cancel);
    end();
}

SCENE(wait_end__close_members_against_set)
{
    members_against_set(false);
}

SCENE(wait_end__close_members_cancelling_against_set)
{
    members_against_set(true);
}

/* A callback of it is running: it is barred, though its handle is still good. */
static void linger(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                   tp_wait_result_t result)
{
    bool was_armed;
    scene_hit(instance, context, wait, result);
    scene_add(BEGUN, 1);
    tp_status_t status;
    do { /* ends once the members are being closed */
        tpps_sleep(US);
        status = scene_wait_try(0, the_semaphore(), TP_INFINITE, &was_armed);
    } while (status == TP_OK);
    tpps_check(status == TP_ERR_CLOSED && !was_armed);
    (void)scene_disarm(0); /* the last one, if close_members has not come so far yet */
}

SCENE(wait_end__r08_close_members_bars_a_running_callback)
{
    begin();
    make_member(0, linger);
    scene_wait_on(0, the_event(), 0);
    if (scene_complete()) {
        scene_await(BEGUN, 1);
        close_members(tpps_choose(2));
        scene_hush(0);
        scene_semaphore_give(semaphore, 1);
        tpps_check(scene_drain(semaphore) == 1);
    } else {
        close_members(false);
    }
    end();
}

/* The same of whoever sets one just then, while a callback of another keeps close_members waiting.
 */
static void held(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                 tp_wait_result_t result)
{
    scene_hit(instance, context, wait, result);
    scene_add(BEGUN, 1);
    scene_await(OPEN, 1);
}

static void close_members_thread(void *unused)
{
    (void)unused;
    close_members(tpps_choose(2));
}

SCENE(wait_end__r08_close_members_bars_against_set)
{
    begin();
    make_member(0, held);
    make_member(1, scene_hit);
    scene_wait_on(0, the_event(), 0);
    if (scene_complete()) {
        bool was_armed;
        scene_await(BEGUN, 1);
        tpps_thread closer = tpps_spawn(close_members_thread, NULL);
        tp_status_t status = TP_OK;
        for (int i = 0; i < 5 && status == TP_OK; i++)
            status = scene_wait_try(1, the_semaphore(), TP_INFINITE, &was_armed);
        tpps_check(status == TP_OK || status == TP_ERR_CLOSED);
        tpps_sleep(US); /* while the oracle looks */
        scene_add(OPEN, 1);
        tpps_join(closer);
        scene_semaphore_give(semaphore, 1);
        tpps_check(scene_hits(1) == 0 && scene_drain(semaphore) == 1);
    } else {
        close_members(false);
    }
    end();
}

/* [C-188] It sets itself again and again, and is over all the same. */
static void set_own(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                    tp_wait_result_t result)
{
    bool was_armed;
    scene_hit(instance, context, wait, result);
    (void)scene_wait_try((uint32_t)(uintptr_t)context, the_event(), US, &was_armed);
}

SCENE(wait_end__c188_close_members_against_its_own_set)
{
    begin();
    make_member(0, set_own);
    make_member(1, set_own);
    scene_wait_on(0, the_event(), US);
    scene_wait_on(1, the_event(), 0);
    scene_about((1 + tpps_choose(3)) * US);
    close_members(tpps_choose(2));
    scene_hush(0);
    scene_hush(1);
    tpps_sleep(MS);
    end();
}

/* [C-176] Whoever closes himself gets no cancel callback. */
static void close_own(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                      tp_wait_result_t result)
{
    scene_hit(instance, context, wait, result);
    if (scene_or_stale(tp_wait_close(wait)))
        scene_add(CLOSED, 1);
}

SCENE(wait_end__c176_close_members_against_its_own_close)
{
    bool cancel = tpps_choose(2);
    begin();
    make_member(0, close_own);
    scene_wait_on(0, the_event(), US);
    scene_about((1 + tpps_choose(2)) * US);
    close_members(cancel);
    scene_hush(0);
    if (scene_complete())
        tpps_check(scene_told(0, SCENE_CANCELLED) + scene_value(CLOSED) ==
                   (cancel ? 1 : scene_value(CLOSED)));
    tpps_sleep(MS);
    end();
}

static void close_it(void *unused)
{
    (void)unused;
    scene_or_stale(tp_wait_close(scene_wait_of(0)));
}

SCENE(wait_end__close_members_against_close_and_signal)
{
    begin();
    make_member(0, scene_hit);
    scene_wait_on(0, the_event(), US);
    if (scene_complete()) {
        tpps_thread closer = tpps_spawn(close_it, NULL), setter = tpps_spawn(set_it, NULL);
        scene_about(US);
        close_members(tpps_choose(2));
        scene_hush(0);
        tpps_join(closer);
        tpps_join(setter);
        tpps_check(scene_told(0, SCENE_RELEASED) == 1);
    } else {
        close_members(false);
    }
    end();
}

/* [C-181] It waits for callbacks that have left their object. */
static void leave(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                  tp_wait_result_t result)
{
    scene_hit(instance, context, wait, result);
    tpps_check(tp_callback_disassociate(instance) == TP_OK);
    scene_add(BEGUN, 1);
    tpps_sleep(US);
    scene_add(RAN, 1);
}

SCENE(wait_end__c181_close_members_waits_for_disassociated)
{
    begin();
    make_member(0, leave);
    scene_wait_on(0, the_event(), US);
    if (scene_complete()) {
        scene_await(BEGUN, 1);
        scene_wait_wait(0);
    }
    close_members(tpps_choose(2));
    tpps_check(scene_value(RAN) == scene_complete());
    end();
}

/* [C-185] It is made and usable, or not made at all. */
static void create_one(void *number)
{
    struct scene_choice choice = {.pool = pool, .group = group, .cancel = scene_count_cancel};
    bool was_armed;
    if (scene_wait_chosen((uint32_t)(uintptr_t)number, scene_hit, &choice)) {
        scene_add(MADE, 1);
        (void)scene_wait_try((uint32_t)(uintptr_t)number, the_semaphore(), US, &was_armed);
    }
}

SCENE(wait_end__c185_creation_against_close_members)
{
    begin();
    if (scene_complete()) {
        tpps_thread a = tpps_spawn(create_one, SCENE_WORD(0));
        tpps_thread b = tpps_spawn(create_one, SCENE_WORD(1));
        tpps_sleep((int64_t)tpps_choose(3) * US);
        close_members(true);
        scene_semaphore_give(semaphore, 1);
        tpps_join(a);
        tpps_join(b);
        close_members(true);
        scene_hush(0);
        scene_hush(1);
        tpps_check(scene_told(0, SCENE_CANCELLED) + scene_told(1, SCENE_CANCELLED) ==
                   scene_value(MADE));
        tpps_sleep(MS);
    }
    end();
}

/* Who comes after it, in the place of one that was closed with the group, is not barred. */
SCENE(wait_end__new_member_in_the_place_of_a_closed_one)
{
    begin();
    make_member(0, scene_hit);
    scene_wait_on(0, the_event(), TP_INFINITE);
    close_members(true);
    scene_hush(0);
    struct scene_choice choice = {.pool = group ? pool : NULL, .group = group};
    if (scene_wait_of(0))
        scene_wait_in_place(1, 0, scene_hit, &choice);
    scene_wait_on(1, the_event(), TP_INFINITE);
    scene_event_set(event);
    scene_await_hits(1, 1);
    close_members(false);
    tpps_check(scene_hits(1) == scene_complete());
    end();
}

/* Waits of two pools and other members; one is not in the group, and goes on. */
SCENE(wait_end__close_members_of_two_pools)
{
    begin();
    tp_pool_t *other = scene_pool(0, 1);
    make_member(0, scene_hit);
    if (group)
        scene_wait_chosen(1, scene_hit, &(struct scene_choice){.pool = other, .group = group});
    scene_wait_make(2, other);
    make_member(3, scene_hit);
    for (uint32_t i = 0; i < 4; i++)
        scene_wait_on(i, the_semaphore(), TP_INFINITE);
    if (scene_complete()) {
        tpps_thread giver = tpps_spawn(give_two, NULL);
        close_members(true);
        uint32_t dropped = (uint32_t)(scene_stats(pool).cancelled + scene_stats(other).cancelled);
        scene_hush(0);
        scene_hush(1);
        scene_hush(3);
        tpps_join(giver);
        scene_semaphore_give(semaphore, 1);
        scene_await_hits(2, 1);
        uint32_t hits = scene_hits(0) + scene_hits(1) + scene_hits(3);
        tpps_check(hits + dropped + scene_drain(semaphore) == 2);
    } else {
        close_members(true);
    }
    scene_wait_finish(2);
    end();
    scene_close_pool(other);
}

/* ---- itself ---------------------------------------------------------------------------------- */

/* Closed by its own callback: what is pending still comes. */
SCENE(wait_end__closed_by_its_callback)
{
    begin();
    struct scene_choice choice = {.pool = pool, .release = scene_count_release};
    scene_wait_chosen(0, close_own, &choice);
    scene_wait_on(0, the_event(), 0);
    if (scene_complete()) {
        tpps_thread setter = tpps_spawn(set_it, NULL);
        bool was_armed;
        tp_status_t status = scene_wait_try(0, the_event(), TP_INFINITE, &was_armed);
        tpps_check(status == TP_OK || status == TP_ERR_HANDLE);
        tpps_join(setter);
        scene_await_told(0, SCENE_RELEASED, 1);
        tpps_check(scene_told(0, SCENE_SIGNALED) + scene_event_was_set(event) == 1);
        tpps_check(scene_value(CLOSED) == 1);
    }
    end();
}

/* Two closes, and a set: one closes. */
static void close_and_count(void *unused)
{
    (void)unused;
    if (scene_or_stale(tp_wait_close(scene_wait_of(0))))
        scene_add(CLOSED, 1);
}

SCENE(wait_end__two_closes_against_set_and_signal)
{
    begin();
    struct scene_choice choice = {.pool = pool, .release = scene_count_release};
    scene_wait_chosen(0, scene_hit, &choice);
    if (scene_complete()) {
        bool was_armed;
        tpps_thread a = tpps_spawn(close_and_count, NULL), b = tpps_spawn(set_it, NULL);
        tp_status_t status = scene_wait_try(0, the_event(), TP_INFINITE, &was_armed);
        tpps_check(status == TP_OK || status == TP_ERR_HANDLE);
        close_and_count(NULL);
        tpps_join(a);
        tpps_join(b);
        scene_await_told(0, SCENE_RELEASED, 1);
        tpps_check(scene_hits(0) + scene_event_was_set(event) == 1 && scene_value(CLOSED) == 1);
    } else {
        scene_wait_close(0);
    }
    end();
}

/* ---- pools ----------------------------------------------------------------------------------- */

static void begin_released(tp_wait_fn function)
{
    begin();
    scene_wait_chosen(0, function,
                      &(struct scene_choice){.pool = pool, .release = scene_count_release});
}

static void shut(bool cancel)
{
    tpps_check(!pool || tp_pool_shutdown(pool, cancel, TP_INFINITE) == TP_OK);
    scene_hush(0);
}

/* Afterwards it is disarmed for good, and all but a disarm is refused. */
static void check_shut(void)
{
    bool was_armed;
    pool = NULL;
    if (scene_wait_of(0)) {
        tpps_check(!scene_disarm(0));
        tpps_check(scene_wait_try(0, the_event(), TP_INFINITE, &was_armed) == TP_ERR_CLOSED);
        tpps_check(scene_wait_try(0, the_event(), 0, &was_armed) == TP_ERR_CLOSED);
        scene_event_set(event);
        tpps_check(scene_wait_try(0, the_event(), US, &was_armed) == TP_ERR_CLOSED);
        tpps_check(scene_event_was_set(event));
        scene_wait_wait(0);
        tpps_sleep(MS);
        scene_wait_close(0);
        scene_await_told(0, SCENE_RELEASED, 1);
    }
    end();
}

static void shutdown_against(tp_wait_fn function)
{
    begin_released(function);
    scene_wait_on(0, the_event(), US);
    if (scene_complete()) {
        tpps_thread setter = tpps_spawn(set_it, NULL);
        scene_about((1 + tpps_choose(2)) * US);
        shut(tpps_choose(2));
        tpps_join(setter);
    } else {
        shut(false);
    }
    check_shut();
}

SCENE(wait_end__shutdown_against_signal_and_timeout)
{
    shutdown_against(scene_hit);
}

SCENE(wait_end__shutdown_against_its_own_set)
{
    shutdown_against(set_own);
}

/* What was posted by then runs, or is dropped; units that were taken stay taken. */
static void shutdown_against_set(bool cancel)
{
    begin_released(scene_hit);
    if (scene_complete()) {
        tpps_thread setter = tpps_spawn(set_member, NULL), giver = tpps_spawn(give_two, NULL);
        tpps_sleep((int64_t)tpps_choose(3) * US);
        shut(cancel);
        tpps_join(setter);
        tpps_join(giver);
        uint32_t told = scene_told(0, SCENE_SIGNALED), left = scene_drain(semaphore);
        tpps_check(cancel ? told + left <= 2 : told + left == 2);
    } else {
        shut(cancel);
    }
    check_shut();
}

SCENE(wait_end__shutdown_against_set)
{
    shutdown_against_set(false);
}

SCENE(wait_end__shutdown_dropping_against_set)
{
    shutdown_against_set(true);
}

SCENE(wait_end__shutdown_against_close)
{
    begin_released(scene_hit);
    scene_wait_on(0, the_event(), US);
    if (scene_complete()) {
        tpps_thread closer = tpps_spawn(close_it, NULL), setter = tpps_spawn(set_it, NULL);
        shut(tpps_choose(2));
        tpps_join(closer);
        tpps_join(setter);
        scene_await_told(0, SCENE_RELEASED, 1);
    } else {
        scene_wait_close(0);
        shut(false);
    }
    pool = NULL;
    end();
}

/* Its owner has closed the pool: the wait keeps it, and fires. */
SCENE(wait_end__closed_pool_fires_on)
{
    begin();
    scene_close_pool(pool);
    pool = scene_pool_idle(0, 2, US);
    scene_wait_chosen(0, set_own,
                      &(struct scene_choice){.pool = pool, .release = scene_count_release});
    scene_close_pool(pool);
    pool = NULL;
    scene_wait_on(0, the_event(), TP_INFINITE);
    tpps_sleep((int64_t)tpps_choose(2) * MS); /* its threads may be gone by then */
    scene_event_set(event);
    scene_await_hits(0, 2);
    scene_wait_close(0);
    if (scene_complete())
        scene_await_told(0, SCENE_RELEASED, 1);
    end();
}

/* ---- where things fail ----------------------------------------------------------------------- */

/* A wait that could not be made, in a group or not, leaves nothing; one that was needs no memory
 * any more. */
SCENE(wait_end__failed_creation_leaves_nothing)
{
    begin();
    make_member(0, scene_hit);
    make_member(1, scene_hit);
    scene_wait_make(2, pool);
    tpps_forbid_alloc(true);
    for (uint32_t i = 0; i < 3; i++)
        scene_wait_on(i, the_semaphore(), SECOND);
    scene_disarm(1);
    tpps_forbid_alloc(false);
    scene_semaphore_give(semaphore, 2);
    tpps_forbid_alloc(true);
    scene_await_hits(0, 1);
    scene_await_hits(2, 1);
    scene_wait_finish(2);
    close_members(true);
    tpps_forbid_alloc(false);
    end();
}

/* ---- forks ----------------------------------------------------------------------------------- */

static struct {
    tp_pool_t *driven;
    tp_event_t *event;
    tp_mutex_t *mutex;
} old;

/* Waits 0 to 3 are the parent's. */
static void make_old(void)
{
    tpi_process_reset();
    oracle_allow_hooks();
    old.driven = scene_driven(0);
    pool = scene_pool_idle(0, 2, MS);
    group = scene_group();
    event = old.event = scene_event(false);
    old.mutex = scene_mutex(true);
    scene_wait_make(0, pool);
    make_member(1, set_own);
    scene_wait_make(2, old.driven);
    scene_wait_make(3, pool);
    scene_wait_on(0, the_event(), 20 * US);
    scene_wait_on(1, the_event(), 30 * US);
    scene_wait_on(2, the_event(), 10 * US);
    scene_wait_on(3, tp_waitable_mutex(old.mutex), TP_INFINITE);
}

/* In the child: what was armed never fires, and every call says why. */
static void old_waits(void)
{
    for (uint32_t i = 0; i < 4; i++) {
        tp_wait_spec_t spec = TP_WAIT_SPEC_INIT;
        bool was_armed = true;
        scene_hush(i);
        spec.source = tp_waitable_never();
        scene_forked(tp_wait_set(scene_wait_of(i), &spec, &was_armed));
        tpps_check(!was_armed);
        scene_forked(tp_wait_set(scene_wait_of(i), NULL, NULL));
        scene_forked(tp_wait_wait(scene_wait_of(i), true, TP_INFINITE));
        scene_forked(tp_wait_close(scene_wait_of(i)));
    }
    scene_forked(tp_event_set(old.event));
    scene_forked(tp_mutex_release(old.mutex));
    tpps_sleep(SECOND);
}

/* Numbers of slots and of waits begin anew, and nothing of the old ones shows. */
static void new_waits(tp_pool_t *young, uint32_t number)
{
    bool was_armed;
    event = scene_event(false);
    group = scene_group();
    scene_wait_chosen(
        number, scene_hit,
        &(struct scene_choice){.pool = young, .default_pool = !young, .group = group});
    tp_wait_spec_t spec = TP_WAIT_SPEC_INIT;
    spec.source = tp_waitable_event(old.event);
    scene_forked(tp_wait_set(scene_wait_of(number), &spec, &was_armed));
    scene_wait_on(number, the_event(), MS);
    scene_await_hits(number, 1);
    scene_wait_on(number, the_event(), TP_INFINITE);
    scene_event_set(event);
    scene_await_told(number, SCENE_SIGNALED, 1);
    scene_wait_on(number, the_event(), TP_INFINITE);
    close_members(true);
    scene_event_set(event);
    tpps_check(scene_event_was_set(event) && scene_hits(number) == 2);
    scene_close_group(group);
    scene_event_close(event);
}

static void child(bool inside)
{
    scene_child(inside);
    old_waits();
    tp_pool_t *young = scene_pool(1, 2);
    new_waits(young, 4);
    new_waits(NULL, 5);
    tpps_check(tp_pool_shutdown(young, false, TP_INFINITE) == TP_OK);
}

static void signal_on(void *unused)
{
    (void)unused;
    for (int i = 0; i < 6; i++) {
        scene_event_set(old.event);
        scene_wait_on(0, tp_waitable_event(old.event), 5 * US);
        tpps_sleep(5 * US);
    }
}

SCENE(wait_end__r39_fork_with_armed_waits)
{
    make_old();
    tpps_spawn(signal_on, NULL);
    tpps_spawn(scene_drive, old.driven);
    if (tpps_choose(2))
        tpps_sleep(US * (int64_t)tpps_choose(40));
    scene_fork_beside(child);
}

static void fork_inside(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                        tp_wait_result_t result)
{
    scene_hit(instance, context, wait, result);
    tpps_fork();
    scene_forked(tp_wait_set(wait, NULL, NULL));
    child(true);
}

SCENE(wait_end__r39_fork_in_a_callback)
{
    make_old();
    scene_wait_calls(6, tpps_choose(2) ? pool : old.driven, fork_inside);
    scene_wait_on(6, tp_waitable_event(old.event), 25 * US);
    tpps_spawn(signal_on, NULL);
    scene_drive_until_forked(old.driven);
}

/* While it is set again and again, time must not pass before all that is due has been done. */
#define SET_ON .no_early = true

static const struct tpps_scenario table[] = {
    {SCENE_ROW(wait_end__c179_close_members_against_signal)},
    {SCENE_ROW(wait_end__c179_close_members_cancelling_against_signal)},
    {SCENE_ROW(wait_end__c179_signals_after_close_members)},
    {SCENE_ROW(wait_end__c178_close_members_against_timeout)},
    {SCENE_ROW(wait_end__c178_close_members_cancelling_against_timeout)},
    {SCENE_ROW(wait_end__c167_close_members_cancelling_in_a_busy_pool)},
    {SCENE_ROW(wait_end__close_members_against_set)},
    {SCENE_ROW(wait_end__close_members_cancelling_against_set)},
    {SCENE_ROW(wait_end__r08_close_members_bars_a_running_callback)},
    {SCENE_ROW(wait_end__r08_close_members_bars_against_set)},
    {SCENE_ROW(wait_end__c188_close_members_against_its_own_set), SET_ON},
    {SCENE_ROW(wait_end__c176_close_members_against_its_own_close)},
    {SCENE_ROW(wait_end__close_members_against_close_and_signal)},
    {SCENE_ROW(wait_end__c181_close_members_waits_for_disassociated)},
    {SCENE_ROW(wait_end__c185_creation_against_close_members)},
    {SCENE_ROW(wait_end__new_member_in_the_place_of_a_closed_one)},
    {SCENE_ROW(wait_end__close_members_of_two_pools)},
    {SCENE_ROW(wait_end__closed_by_its_callback)},
    {SCENE_ROW(wait_end__two_closes_against_set_and_signal)},
    {SCENE_ROW(wait_end__shutdown_against_signal_and_timeout)},
    {SCENE_ROW(wait_end__shutdown_against_its_own_set), SET_ON},
    {SCENE_ROW(wait_end__shutdown_against_set)},
    {SCENE_ROW(wait_end__shutdown_dropping_against_set)},
    {SCENE_ROW(wait_end__shutdown_against_close)},
    {SCENE_ROW(wait_end__closed_pool_fires_on), SET_ON},
    {SCENE_ROW(wait_end__failed_creation_leaves_nothing)},
    {SCENE_ROW(wait_end__r39_fork_with_armed_waits), SET_ON, .no_faults = true},
    {SCENE_ROW(wait_end__r39_fork_in_a_callback), SET_ON, .no_faults = true},
};

int main(int argc, char **argv)
{
    return scene_main(argc, argv, table, SCENE_COUNT(table));
}
