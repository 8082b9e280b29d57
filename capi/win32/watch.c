/* watch.c - waiting for several things at once, and for mutexes that are not free.
 *
 * The truth about events, semaphores and mutexes is in libtp, where it changes without us: a
 * completion action signals, a thread ends and abandons, a thread-pool wait takes. The only way to
 * hear of a signal there is to stand in its queue, and then the signal is taken. So a thread that
 * has to wait arms one wait of libtp (tp_wait_t, in a small pool of our own) on each thing, and
 * whatever their callbacks find, all decisions are made here, under one lock, the dispatch lock:
 *
 *   - A waiter stands in the list of watchers of each of its things before it arms anything, and
 *     until it has its answer. Functions that work on a thing that is watched (tpw_sync_do,
 *     tpw_try) do so under the dispatch lock, and settle the waiters of that thing before: if a
 *     wait of one has fired, all its waits are disarmed; it keeps the unit of one of those that
 *     fired, its answer, and units of the others are handed back. So nobody who asks by handle sees
 *     a unit missing that no waiter is going to keep; and libtp hands a unit that comes back on to
 *     whoever else waits there, threads or waits of a thread pool. Disarming tells exactly which
 *     waits have fired (was_armed), so no unit is forgotten, and none is handed back that was not
 *     taken.
 *   - Who waits for all things takes, under the lock, what there is, one by one; if one is missing
 *     it puts the others back before it lets go of the lock, and arms a wait on the missing one.
 *     When that fires its unit is handed back and all are tried again.
 *   - The callback of a wait only wakes the waiting thread. It takes no lock of ours, so it can be
 *     waited for under the dispatch lock. If the signal came through a function of ours, that
 *     settles the waiters afterwards and wakes them itself.
 *   - A mutex cannot be taken for another thread, so its wait is a sentinel: what it gets is put
 *     back by the callback, or when it is cancelled, and the waiting thread takes the mutex itself.
 *     One waiter at a time has a sentinel there, the first, so that a release wakes one; who is
 *     settled with it gets a claim, so that nobody else takes it in between: mutexes are handed
 *     over in the order of arrival. All threads that wait for a mutex wait here, none in libtp. A
 *     wait of a thread pool may come in between all the same; then who has the claim waits again.
 *     The mark of an abandoned mutex that is put back is kept in owes_abandoned, for the next who
 *     takes it here.
 *
 * Units can come and go unseen, though none is lost: one that is on its way through a waiter looks
 * taken to a thread-pool wait that is armed meanwhile, and reaches it when it is handed back. */
#include <stdlib.h>
#include <string.h>

#include "capi/win32/base.h"
#include "tp/win32/base.h"

/* Of one place of a waiter. */
struct arm {
    struct tpw_watcher watcher;
    struct tpw_sync *sync; /* under the dispatch lock */
    tp_wait_t *wait;
    tp_mutex_t *mutex;        /* before it is armed; NULL: no mutex */
    uint32_t *owes_abandoned; /* likewise */
    bool armed;               /* under the dispatch lock */
    bool wants;   /* under the dispatch lock: would be armed, but for another sentinel */
    uint32_t ran; /* atomic: its callback has run since it was armed */
};

enum state {
    RUNNING, /* looks for itself */
    ARMED,
    TAKEN, /* has the unit of `taken`, or a claim on that mutex */
    RETRY  /* is to look again */
};

struct tpw_waiter {
    struct tpw_thread *thread;
    /* under the dispatch lock */
    enum state state;
    bool all;
    DWORD count, taken;
    uint32_t forks; /* the thread's own: its waits are of a process so many forks from the first */
    struct arm arms[MAXIMUM_WAIT_OBJECTS];
};

static pthread_mutex_t dispatch = PTHREAD_MUTEX_INITIALIZER;

void tpw_watch_fork(void)
{
    pthread_mutex_init(&dispatch, NULL);
}

/* ---- The waits of libtp ---------------------------------------------------------------------- */

static void fired(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                  tp_wait_result_t result)
{
    struct arm *arm = context;
    (void)instance;
    (void)wait;
    if (arm->mutex) {
        if (result == TP_WAIT_ABANDONED) /* before it is free */
            __atomic_store_n(arm->owes_abandoned, 1, __ATOMIC_SEQ_CST);
        (void)tp_mutex_release(arm->mutex);
    }
    sem_post(&arm->watcher.waiter->thread->woken);
    __atomic_store_n(&arm->ran, 1, __ATOMIC_RELEASE);
}

static bool arm_one(struct arm *arm)
{
    tp_wait_spec_t spec = TP_WAIT_SPEC_INIT;
    spec.source = arm->sync->source;
    arm->ran = 0;
    arm->wants = false;
    arm->mutex = NULL;
    if (arm->sync->gives == TPW_GIVES_OWNERSHIP) {
        arm->mutex = arm->sync->u.mutex;
        arm->owes_abandoned = &arm->sync->owes_abandoned;
        arm->sync->sentinel = arm->watcher.waiter;
    }
    arm->armed = tp_wait_set(arm->wait, &spec, NULL) == TP_OK;
    if (!arm->armed && arm->mutex)
        arm->sync->sentinel = NULL;
    return arm->armed;
}

/* Has it fired? It may do so at any time, and stays armed if not. */
static bool has_fired(struct arm *arm)
{
    return arm->armed && (__atomic_load_n(&arm->ran, __ATOMIC_ACQUIRE) ||
                          tp_wait_wait(arm->wait, false, 0) != TP_OK ||
                          __atomic_load_n(&arm->ran, __ATOMIC_ACQUIRE));
}

/* True if it had fired: then the unit is ours, unless it is a mutex, which is free again. */
static bool disarm(struct arm *arm)
{
    bool was_armed = false;
    if (!arm->armed)
        return false;
    arm->armed = false;
    (void)tp_wait_set(arm->wait, NULL, &was_armed);
    if (!was_armed) /* its callback is over, or will not run */
        (void)!tp_wait_wait(arm->wait, true, TP_INFINITE);
    if (arm->mutex)
        arm->sync->sentinel = NULL;
    return !was_armed;
}

static void hand_back(struct tpw_sync *sync)
{
    if (sync->gives == TPW_GIVES_SIGNAL)
        (void)tp_event_set(sync->u.event);
    else if (sync->gives == TPW_GIVES_COUNT)
        (void)tp_semaphore_release(sync->u.semaphore, 1, NULL);
}

/* ---- Settling. The dispatch lock is held from here on ---------------------------------------- */

/* The mutex has no sentinel: the next who wants to be it becomes it. */
static void pass_on(struct tpw_sync *sync)
{
    struct tpw_watcher *watcher = sync->first_watcher;
    if (sync->gives != TPW_GIVES_OWNERSHIP || sync->sentinel || sync->claim)
        return;
    for (; watcher; watcher = watcher->next) {
        struct arm *arm = (struct arm *)watcher;
        if (arm->wants && arm_one(arm))
            return;
    }
}

/* Ends what is armed: the waiter has its answer now, or looks again. */
static void recall(struct tpw_waiter *waiter)
{
    waiter->state = RETRY;
    for (DWORD i = 0; i < waiter->count; i++) {
        struct arm *arm = &waiter->arms[i];
        arm->wants = false;
        if (!disarm(arm))
            continue;
        if (waiter->all || waiter->state == TAKEN) {
            hand_back(arm->sync);
        } else {
            waiter->state = TAKEN;
            waiter->taken = i;
            if (arm->mutex)
                arm->sync->claim = waiter;
        }
    }
    for (DWORD i = 0; i < waiter->count; i++)
        pass_on(waiter->arms[i].sync);
    sem_post(&waiter->thread->woken);
}

static bool settle_one(struct tpw_waiter *waiter)
{
    if (waiter->state != ARMED)
        return false;
    for (DWORD i = 0; i < waiter->count; i++) {
        if (has_fired(&waiter->arms[i])) {
            recall(waiter);
            return true;
        }
    }
    return false;
}

/* What one hands back may be what another waits for, so until nothing moves. */
static void settle(struct tpw_sync *sync)
{
    bool moved = true;
    while (moved) {
        moved = false;
        for (struct tpw_watcher *watcher = sync->first_watcher; watcher; watcher = watcher->next)
            moved = settle_one(watcher->waiter) || moved;
    }
}

/* ---- What others do with a thing ------------------------------------------------------------- */

tp_status_t tpw_sync_do(struct tpw_sync *sync, tpw_step_fn step, void *argument)
{
    tp_status_t status;
    pthread_mutex_lock(&sync->lock);
    bool watched = sync->first_watcher != NULL;
    if (!watched)
        status = step(sync, argument);
    pthread_mutex_unlock(&sync->lock);
    if (!watched)
        return status;
    pthread_mutex_lock(&dispatch);
    settle(sync);
    status = step(sync, argument);
    settle(sync);
    pthread_mutex_unlock(&dispatch);
    return status;
}

static tp_status_t look(struct tpw_sync *sync, void *argument)
{
    DWORD *result = argument;
    *result = tpw_try_locked(sync, NULL);
    return TP_OK;
}

DWORD tpw_try(struct tpw_sync *sync)
{
    DWORD result = WAIT_FAILED;
    (void)tpw_sync_do(sync, look, &result);
    return result;
}

DWORD tpw_try_locked(struct tpw_sync *sync, const struct tpw_waiter *waiter)
{
    tp_wait_result_t result;
    if (sync->claim && sync->claim != waiter)
        return WAIT_TIMEOUT;
    tp_status_t status = tp_waitable_wait(sync->source, 0, &result);
    if (status != TP_OK) {
        SetLastError(tpw_error_of(status));
        return WAIT_FAILED;
    }
    if (sync->gives == TPW_GIVES_OWNERSHIP && result != TP_WAIT_TIMEOUT &&
        __atomic_exchange_n(&sync->owes_abandoned, 0, __ATOMIC_SEQ_CST))
        result = TP_WAIT_ABANDONED;
    return result;
}

/* ---- Waiting --------------------------------------------------------------------------------- */

static bool prepare(struct tpw_waiter *waiter, DWORD count)
{
    tp_env_t *env = tpw_own_env();
    for (DWORD i = 0; i < count; i++) {
        struct arm *arm = &waiter->arms[i];
        arm->watcher.waiter = waiter;
        if (!env || (!arm->wait && tp_wait_create(fired, arm, env, &arm->wait) != TP_OK))
            return false;
    }
    return true;
}

static struct tpw_waiter *waiter_self(DWORD count)
{
    struct tpw_thread *thread = tpw_thread_self();
    if (!thread)
        return NULL;
    if (!thread->waiter)
        thread->waiter = calloc(1, sizeof *thread->waiter);
    if (!thread->waiter)
        return NULL;
    if (thread->waiter->forks != tpw_forks()) { /* what it has is the parent's */
        memset(thread->waiter, 0, sizeof *thread->waiter);
        thread->waiter->forks = tpw_forks();
    }
    thread->waiter->thread = thread;
    while (sem_trywait(&thread->woken) == 0)
        ; /* what is left of earlier waits */
    return prepare(thread->waiter, count) ? thread->waiter : NULL;
}

void tpw_waiter_free(struct tpw_waiter *waiter)
{
    for (DWORD i = 0; waiter && i < MAXIMUM_WAIT_OBJECTS; i++) {
        tp_wait_t *wait = waiter->arms[i].wait;
        if (wait) {
            (void)!tp_wait_wait(wait, true, TP_INFINITE);
            tp_wait_close(wait);
        }
    }
    free(waiter);
}

static void join(struct tpw_waiter *waiter)
{
    for (DWORD i = 0; i < waiter->count; i++) {
        struct tpw_watcher *watcher = &waiter->arms[i].watcher;
        struct tpw_sync *sync = waiter->arms[i].sync;
        pthread_mutex_lock(&sync->lock);
        watcher->next = NULL;
        watcher->before = sync->last_watcher;
        if (watcher->before)
            watcher->before->next = watcher;
        else
            sync->first_watcher = watcher;
        sync->last_watcher = watcher;
        pthread_mutex_unlock(&sync->lock);
    }
}

static void leave(struct tpw_waiter *waiter)
{
    for (DWORD i = 0; i < waiter->count; i++) {
        struct tpw_watcher *watcher = &waiter->arms[i].watcher;
        struct tpw_sync *sync = waiter->arms[i].sync;
        pthread_mutex_lock(&sync->lock);
        if (watcher->before)
            watcher->before->next = watcher->next;
        else
            sync->first_watcher = watcher->next;
        if (watcher->next)
            watcher->next->before = watcher->before;
        else
            sync->last_watcher = watcher->before;
        pthread_mutex_unlock(&sync->lock);
        pass_on(sync);
    }
    waiter->count = 0;
}

static void put_back(struct tpw_sync *sync, DWORD result)
{
    if (sync->gives == TPW_GIVES_OWNERSHIP) {
        if (result == WAIT_ABANDONED_0)
            __atomic_store_n(&sync->owes_abandoned, 1, __ATOMIC_SEQ_CST);
        (void)tp_mutex_release(sync->u.mutex);
    } else {
        hand_back(sync);
    }
}

/* All at once or none. `missing`: which was not to be had. */
static DWORD try_all(struct tpw_waiter *waiter, DWORD *missing)
{
    DWORD results[MAXIMUM_WAIT_OBJECTS], worst = WAIT_OBJECT_0, i;
    for (i = 0; i < waiter->count; i++) {
        results[i] = tpw_try_locked(waiter->arms[i].sync, waiter);
        if (results[i] == WAIT_TIMEOUT || results[i] == WAIT_FAILED)
            break;
        if (results[i] == WAIT_ABANDONED_0)
            worst = WAIT_ABANDONED_0;
    }
    if (i == waiter->count)
        return worst;
    *missing = i;
    for (DWORD j = i; j-- > 0;)
        put_back(waiter->arms[j].sync, results[j]);
    return results[i];
}

static DWORD try_any(struct tpw_waiter *waiter)
{
    for (DWORD i = 0; i < waiter->count; i++) {
        DWORD result = tpw_try_locked(waiter->arms[i].sync, waiter);
        if (result != WAIT_TIMEOUT)
            return result == WAIT_FAILED ? result : result + i;
    }
    return WAIT_TIMEOUT;
}

/* What it was given while it slept; a mutex it has yet to take, which nobody can forestall. */
static DWORD take_taken(struct tpw_waiter *waiter)
{
    struct tpw_sync *sync = waiter->arms[waiter->taken].sync;
    DWORD result = WAIT_OBJECT_0;
    waiter->state = RUNNING;
    if (sync->gives == TPW_GIVES_OWNERSHIP) {
        result = tpw_try_locked(sync, waiter);
        sync->claim = NULL;
    }
    if (result == WAIT_FAILED || result == WAIT_TIMEOUT)
        return result;
    return result + waiter->taken;
}

static bool arm_all(struct tpw_waiter *waiter, DWORD missing)
{
    DWORD first = waiter->all ? missing : 0, end = waiter->all ? missing + 1 : waiter->count;
    waiter->state = ARMED;
    for (DWORD i = first; i < end; i++) {
        struct arm *arm = &waiter->arms[i];
        struct tpw_sync *sync = arm->sync;
        if (sync->gives == TPW_GIVES_OWNERSHIP && (sync->sentinel || sync->claim))
            arm->wants = true;
        else if (!arm_one(arm))
            return false;
    }
    return true;
}

/* Each turn looks, arms and sleeps. Only what was taken while it slept, or a look, ends it well. */
static DWORD wait_registered(struct tpw_waiter *waiter, int64_t deadline, bool alertable)
{
    bool expired = false;
    for (;;) {
        DWORD missing = 0;
        DWORD result = waiter->all ? try_all(waiter, &missing) : try_any(waiter);
        if (result != WAIT_TIMEOUT)
            return result;
        if (alertable && tpw_calls_pending(waiter->thread))
            return WAIT_IO_COMPLETION;
        if (expired || deadline <= tpw_now())
            return WAIT_TIMEOUT;
        if (arm_all(waiter, missing)) {
            pthread_mutex_unlock(&dispatch);
            expired = !tpw_sleep_until(waiter->thread, deadline);
            pthread_mutex_lock(&dispatch);
        } else {
            recall(waiter);
            SetLastError(ERROR_NOT_ENOUGH_MEMORY);
            return waiter->state == TAKEN ? take_taken(waiter) : WAIT_FAILED;
        }
        if (waiter->state == ARMED)
            recall(waiter);
        if (waiter->state == TAKEN && (result = take_taken(waiter)) != WAIT_TIMEOUT)
            return result;
        waiter->state = RUNNING;
    }
}

DWORD tpw_wait_many(struct tpw_sync *const *things, DWORD count, bool all, int64_t deadline,
                    bool alertable)
{
    struct tpw_waiter *waiter = waiter_self(count);
    if (!waiter) {
        SetLastError(ERROR_NOT_ENOUGH_MEMORY);
        return WAIT_FAILED;
    }
    pthread_mutex_lock(&dispatch);
    waiter->state = RUNNING;
    waiter->all = all;
    waiter->count = count;
    for (DWORD i = 0; i < count; i++) {
        waiter->arms[i].sync = things[i];
        settle(things[i]); /* what fired for others is theirs */
    }
    join(waiter);
    DWORD result = wait_registered(waiter, deadline, alertable);
    leave(waiter);
    pthread_mutex_unlock(&dispatch);
    return result;
}
