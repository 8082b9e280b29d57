/* scene_wait.c - the short calls of scene_wait.h. */
#include "tests/scenario/scene_wait.h"

#include "core/mem/token.h"

/* Slots that a kind may have before a new one comes to the place of the last. */
#define PLACES 256

struct record {
    tpp_ptr wait; /* tp_wait_t */
    tpp_u32 counts[SCENE_COUNTS];
    tpp_u32 hits, events;
};
static struct record records[SCENE_WAITS];

void scene_waits_begin(void)
{
    for (uint32_t i = 0; i < SCENE_WAITS; i++) {
        tpp_init(&records[i].wait, NULL);
        tpp_init(&records[i].hits, 0);
        tpp_init(&records[i].events, 0);
        for (uint32_t count = 0; count < SCENE_COUNTS; count++)
            tpp_init(&records[i].counts[count], 0);
    }
}

static struct record *record_of(uint32_t number)
{
    tpps_check(number < SCENE_WAITS);
    return &records[number];
}

/* ---- things to wait for ---------------------------------------------------------------------- */

tp_event_t *scene_event(bool manual_reset)
{
    tp_event_t *event = NULL;
    if (scene_complete())
        scene_made(tp_event_create(manual_reset, false, &event));
    return event;
}

tp_semaphore_t *scene_semaphore(uint32_t initial)
{
    tp_semaphore_t *semaphore = NULL;
    if (scene_complete())
        scene_made(tp_semaphore_create(initial, UINT32_MAX, &semaphore));
    return semaphore;
}

tp_mutex_t *scene_mutex(bool owned)
{
    tp_mutex_t *mutex = NULL;
    if (scene_complete())
        scene_made(tp_mutex_create(owned, &mutex));
    return mutex;
}

/* Or there is none yet. */
static bool same_place(const void *one, const void *other)
{
    return !one || !other || tpi_token_index((uintptr_t)one) == tpi_token_index((uintptr_t)other);
}

tp_event_t *scene_event_in_place(const tp_event_t *closed, bool manual_reset)
{
    for (int i = 0; i < PLACES; i++) {
        tp_event_t *event = scene_event(manual_reset);
        if (same_place(event, closed))
            return event;
        scene_event_close(event);
    }
    tpps_fail("scene: no event came to the place of the closed one");
}

tp_mutex_t *scene_mutex_in_place(const tp_mutex_t *closed)
{
    for (int i = 0; i < PLACES; i++) {
        tp_mutex_t *mutex = scene_mutex(false);
        if (same_place(mutex, closed))
            return mutex;
        scene_mutex_close(mutex);
    }
    tpps_fail("scene: no mutex came to the place of the closed one");
}

void scene_event_set(tp_event_t *event)
{
    tpps_check(!event || tp_event_set(event) == TP_OK);
}

void scene_event_close(tp_event_t *event)
{
    tpps_check(tp_event_close(event) == TP_OK);
}

void scene_semaphore_give(tp_semaphore_t *semaphore, uint32_t units)
{
    tpps_check(!semaphore || tp_semaphore_release(semaphore, units, NULL) == TP_OK);
}

void scene_semaphore_close(tp_semaphore_t *semaphore)
{
    tpps_check(tp_semaphore_close(semaphore) == TP_OK);
}

void scene_mutex_release(tp_mutex_t *mutex)
{
    tpps_check(!mutex || tp_mutex_release(mutex) == TP_OK);
}

void scene_mutex_close(tp_mutex_t *mutex)
{
    tpps_check(tp_mutex_close(mutex) == TP_OK);
}

tp_wait_result_t scene_take(tp_waitable_t source, int64_t timeout)
{
    tp_wait_result_t result = TP_WAIT_FAILED;
    tpps_check(tp_waitable_wait(source, timeout, &result) == TP_OK);
    return result;
}

bool scene_event_was_set(tp_event_t *event)
{
    return event && scene_take(tp_waitable_event(event), 0) == TP_WAIT_SIGNALED;
}

uint32_t scene_drain(tp_semaphore_t *semaphore)
{
    uint32_t units = 0;
    while (semaphore && scene_take(tp_waitable_semaphore(semaphore), 0) == TP_WAIT_SIGNALED)
        units++;
    return units;
}

/* ---- counts ---------------------------------------------------------------------------------- */

static void add(tpp_u32 *word, uint32_t amount)
{
    tpp_add_acq_rel(word, amount);
    tpp_wake(word, UINT32_MAX);
}

/* Changing a word is not possible on an old value of it. */
static uint32_t latest(tpp_u32 *word)
{
    return tpp_add_acq_rel(word, 0);
}

static void await(tpp_u32 *word, uint32_t at_least)
{
    uint32_t seen;
    while ((seen = tpp_load_acquire(word)) < at_least)
        tpp_wait(word, seen, TPP_FOREVER);
}

uint32_t scene_told(uint32_t number, enum scene_count count)
{
    return latest(&record_of(number)->counts[count]);
}

uint32_t scene_hits(uint32_t number)
{
    return latest(&record_of(number)->hits);
}

void scene_await_told(uint32_t number, enum scene_count count, uint32_t at_least)
{
    if (scene_wait_of(number))
        await(&record_of(number)->counts[count], at_least);
}

void scene_await_hits(uint32_t number, uint32_t at_least)
{
    if (scene_wait_of(number))
        await(&record_of(number)->hits, at_least);
}

uint32_t scene_events(uint32_t number)
{
    return latest(&record_of(number)->events);
}

/* Whoever looks sees the ends first: then there cannot be more of them than sets. */
static void check_ends(struct record *record)
{
    uint32_t ends = latest(&record->hits) + latest(&record->counts[SCENE_TAKEN]);
    uint32_t sets = latest(&record->counts[SCENE_SETS]);
    if (ends > sets)
        tpps_fail("scene: wait %u was set %u times, and %u armings have ended",
                  (unsigned)(record - records), sets, ends);
}

void scene_taken(uint32_t number)
{
    add(&record_of(number)->counts[SCENE_TAKEN], 1);
    check_ends(record_of(number));
}

void scene_hush(uint32_t number)
{
    add(&record_of(number)->counts[SCENE_HUSHED], 1);
}

void scene_balance(uint32_t number, uint32_t dropped)
{
    struct record *record = record_of(number);
    uint32_t hits = latest(&record->hits), taken = latest(&record->counts[SCENE_TAKEN]);
    uint32_t sets = latest(&record->counts[SCENE_SETS]);
    if (sets != hits + taken + dropped)
        tpps_fail("scene: wait %u: %u sets, but %u callbacks, %u taken away, %u dropped", number,
                  sets, hits, taken, dropped);
}

static enum scene_count count_of(tp_wait_result_t result)
{
    switch (result) {
    case TP_WAIT_SIGNALED:
        return SCENE_SIGNALED;
    case TP_WAIT_ABANDONED:
        return SCENE_ABANDONED;
    case TP_WAIT_TIMEOUT:
        return SCENE_TIMED_OUT;
    case TP_WAIT_FAILED:
        return SCENE_FAILED;
    default:
        tpps_fail("scene: a wait was told %u", result);
    }
}

void scene_hit(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
               tp_wait_result_t result)
{
    uint32_t number = (uint32_t)(uintptr_t)context, events = 0;
    struct record *record = record_of(number);
    (void)wait;
    if (latest(&record->counts[SCENE_HUSHED]) + latest(&record->counts[SCENE_RELEASED]) > 0)
        tpps_fail("scene: wait %u was called after its end", number);
    tpps_check(tp_callback_wait_events(instance, &events) == TP_OK);
    tpp_store_release(&record->events, events);
    add(&record->counts[count_of(result)], 1);
    add(&record->hits, 1);
    check_ends(record);
}

static void count_release(void *context)
{
    add(&record_of((uint32_t)(uintptr_t)context)->counts[SCENE_RELEASED], 1);
}

static void count_cancel(void *context, void *cleanup_context)
{
    (void)cleanup_context;
    add(&record_of((uint32_t)(uintptr_t)context)->counts[SCENE_CANCELLED], 1);
}

/* ---- waits ----------------------------------------------------------------------------------- */

bool scene_wait_chosen(uint32_t number, tp_wait_fn function, const struct scene_choice *choice)
{
    struct scene_choice own = *choice;
    tp_wait_t *wait = NULL;
    own.release = choice->release ? count_release : NULL;
    own.cancel = choice->cancel ? count_cancel : NULL;
    tp_env_t *env = scene_env(&own);
    if (!env)
        return false;
    scene_made(tp_wait_create(function, SCENE_WORD(number), env, &wait));
    tpps_check(tp_env_destroy(env) == TP_OK);
    tpp_store_release(&record_of(number)->wait, wait);
    return wait;
}

bool scene_wait_in_place(uint32_t number, uint32_t closed, tp_wait_fn function,
                         const struct scene_choice *choice)
{
    for (int i = 0; i < PLACES; i++) {
        bool made = scene_wait_chosen(number, function, choice);
        if (!made || same_place(scene_wait_of(number), scene_wait_of(closed)))
            return made;
        scene_wait_close(number);
    }
    tpps_fail("scene: no wait came to the place of the closed one");
}

bool scene_wait_calls(uint32_t number, tp_pool_t *pool, tp_wait_fn function)
{
    return scene_wait_chosen(number, function, &(struct scene_choice){.pool = pool});
}

bool scene_wait_make(uint32_t number, tp_pool_t *pool)
{
    return scene_wait_calls(number, pool, scene_hit);
}

tp_wait_t *scene_wait_of(uint32_t number)
{
    return tpp_load_acquire(&record_of(number)->wait);
}

/* ---- setting --------------------------------------------------------------------------------- */

/* A set counts before it is made, since its callback may begin within it. */
static tp_status_t set(uint32_t number, tp_waitable_t source, uint32_t clock, int64_t timeout,
                       bool *was_armed)
{
    struct record *record = record_of(number);
    tp_wait_spec_t spec = TP_WAIT_SPEC_INIT;
    spec.source = source;
    spec.clock = clock;
    spec.timeout = timeout;
    tpp_add_acq_rel(&record->counts[SCENE_SETS], 1);
    tp_status_t status = tp_wait_set(scene_wait_of(number), &spec, was_armed);
    if (status != TP_OK && *was_armed)
        tpps_fail("scene: tp_wait_set gave %s and an arming", tp_status_name(status));
    if (status != TP_OK)
        tpp_sub_acq_rel(&record->counts[SCENE_SETS], 1);
    if (*was_armed)
        scene_taken(number);
    return status;
}

tp_status_t scene_wait_try(uint32_t number, tp_waitable_t source, int64_t timeout, bool *was_armed)
{
    *was_armed = false;
    if (!scene_wait_of(number))
        return TP_ERR_HANDLE;
    return set(number, source, TP_CLOCK_RELATIVE, timeout, was_armed);
}

bool scene_wait_by(uint32_t number, tp_waitable_t source, uint32_t clock, int64_t timeout)
{
    bool was_armed = false;
    if (!scene_wait_of(number) || !scene_complete())
        return false;
    tp_status_t status = set(number, source, clock, timeout, &was_armed);
    /* A descriptor, process or signal needs what may be refused. */
    bool resource = status == TP_ERR_SYSTEM && scene_sweeps();
    scene_made(resource ? TP_ERR_NO_MEMORY : status);
    return was_armed;
}

bool scene_wait_on(uint32_t number, tp_waitable_t source, int64_t timeout)
{
    return scene_wait_by(number, source, TP_CLOCK_RELATIVE, timeout);
}

bool scene_disarm(uint32_t number)
{
    bool was_armed = false;
    if (!scene_wait_of(number))
        return false;
    tpps_check(tp_wait_set(scene_wait_of(number), NULL, &was_armed) == TP_OK);
    if (was_armed)
        scene_taken(number);
    return was_armed;
}

void scene_wait_wait(uint32_t number)
{
    if (scene_wait_of(number))
        tpps_check(tp_wait_wait(scene_wait_of(number), false, TP_INFINITE) == TP_OK);
}

void scene_wait_cancel(uint32_t number)
{
    if (scene_wait_of(number))
        tpps_check(tp_wait_wait(scene_wait_of(number), true, TP_INFINITE) == TP_OK);
}

void scene_wait_close(uint32_t number)
{
    tpps_check(tp_wait_close(scene_wait_of(number)) == TP_OK);
}

void scene_wait_finish(uint32_t number)
{
    scene_disarm(number);
    scene_wait_wait(number);
    scene_balance(number, 0);
    scene_wait_close(number);
}
