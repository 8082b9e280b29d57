/* census.c - what objects there are in a run, by kind and name, and what each of them is about. */
#include "capi/sim/report.h"

#include <string.h>

#include "capi/sim/internal.h"
#include "core/object/group.h"
#include "core/object/handle.h"
#include "core/object/instance.h"
#include "core/object/io.h"
#include "core/object/timer.h"
#include "core/object/wait.h"
#include "core/wait/waitable.h"

#define UNNAMED "tp-worker" /* pools, by themselves */
#define LISTED 40u     /* lines about objects */
#define LISTED_OPEN 4u /* names in a message */

/* In the order in which they are told of, if they are left open: what others hang on comes last. */
static const enum tpi_kind kinds[] = {TPI_KIND_WORK,  TPI_KIND_TIMER,  TPI_KIND_WAIT,
                                      TPI_KIND_IO,    TPI_KIND_SIMPLE, TPI_KIND_BRIEF,
                                      TPI_KIND_GROUP, TPI_KIND_EVENT,  TPI_KIND_SEMAPHORE,
                                      TPI_KIND_MUTEX, TPI_KIND_ENV,    TPI_KIND_POOL};

static const char *kind_name(enum tpi_kind kind)
{
    static const char *const names[TPI_KIND_COUNT] = {[TPI_KIND_POOL] = "pool",
                                                      [TPI_KIND_ENV] = "environment",
                                                      [TPI_KIND_WORK] = "work",
                                                      [TPI_KIND_GROUP] = "cleanup group",
                                                      [TPI_KIND_EVENT] = "event",
                                                      [TPI_KIND_SEMAPHORE] = "semaphore",
                                                      [TPI_KIND_MUTEX] = "mutex",
                                                      [TPI_KIND_TIMER] = "timer",
                                                      [TPI_KIND_WAIT] = "wait",
                                                      [TPI_KIND_IO] = "I/O object",
                                                      [TPI_KIND_SIMPLE] = "simple callback",
                                                      [TPI_KIND_BRIEF] = "simple callback"};
    return kind < TPI_KIND_COUNT && names[kind] != NULL ? names[kind] : "handle";
}

static bool is_object(enum tpi_kind kind)
{
    return kind == TPI_KIND_WORK || kind == TPI_KIND_TIMER || kind == TPI_KIND_WAIT ||
           kind == TPI_KIND_IO || kind == TPI_KIND_SIMPLE || kind == TPI_KIND_BRIEF;
}

/* ---- names ----------------------------------------------------------------------------------- */

/* The name that it was made with; NULL: none. */
static const char *own_name(enum tpi_kind kind, struct tpi_slot *slot)
{
    static char of_pool[TPI_POOL_NAME_SIZE];
    const char *name = NULL;
    if (kind == TPI_KIND_POOL) {
        tpi_pool_name(tpi_container(slot, struct tpi_pool, slot), of_pool);
        name = strcmp(of_pool, UNNAMED) != 0 ? of_pool : NULL;
    } else if (is_object(kind)) {
        struct tpi_extra *extra =
            tpi_object_extra(tpi_container(slot, struct tpi_object, task.slot));
        name = extra != NULL ? extra->name : NULL;
    }
    return name != NULL && name[0] != 0 ? name : NULL;
}

/* Nothing has a name: its number, and the callback if it has one, must do. */
static void say_number(struct tpi_sim_text *text, enum tpi_kind kind, struct tpi_slot *slot)
{
    const struct tpi_object *object = tpi_container(slot, struct tpi_object, task.slot);
    const char *function = NULL;
    if (is_object(kind))
        function = tpps_symbol((const void *)(uintptr_t)object->task.function);
    if (kind != TPI_KIND_SIMPLE && kind != TPI_KIND_BRIEF)
        tpi_sim_say(text, " #%u", tpi_slot_index(slot));
    if (function != NULL)
        tpi_sim_say(text, " (%s)", function);
}

static void say_slot(struct tpi_sim_text *text, enum tpi_kind kind, struct tpi_slot *slot)
{
    const char *given = tpi_sim_name_of(tpi_handle_make(kind, slot));
    const char *name = given != NULL ? given : own_name(kind, slot);
    if (name == NULL && kind == TPI_KIND_POOL &&
        tpi_container(slot, struct tpi_pool, slot)->is_default) {
        tpi_sim_say(text, "the default pool");
        return;
    }
    tpi_sim_say(text, "%s", kind_name(kind));
    if (name != NULL)
        tpi_sim_say(text, " \"%s\"", name);
    else
        say_number(text, kind, slot);
}

void tpi_sim_say_label(struct tpi_sim_text *text, const void *handle)
{
    enum tpi_kind kind = tpi_token_kind((uintptr_t)handle);
    uint32_t generation;
    struct tpi_slot *slot = NULL;
    if (kind > TPI_KIND_NONE && kind < TPI_KIND_SIMPLE && kind != TPI_KIND_INSTANCE)
        slot = tpi_handle_slot(kind, handle, &generation);
    if (slot != NULL)
        say_slot(text, kind, slot);
    else if (tpi_sim_name_of(handle) != NULL)
        tpi_sim_say(text, "\"%s\"", tpi_sim_name_of(handle));
    else if (kind == TPI_KIND_INSTANCE)
        tpi_sim_say(text, "its callback");
    else
        tpi_sim_say(text, "%s %p, which is closed", kind_name(kind), handle);
}

bool tpi_sim_say_callback(struct tpi_sim_text *text, const void *local)
{
    extern char tpi_thread_marker;
    const struct tpi_thread *thread = local == &tpi_thread_marker ? NULL : local;
    const struct tpi_instance *instance = thread != NULL ? thread->instance : NULL;
    if (instance == NULL)
        return false;
    say_slot(text, tpi_task_kind(&instance->object->task), &instance->object->task.slot);
    return true;
}

/* ---- what they do ---------------------------------------------------------------------------- */

static const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

static void say_time(struct tpi_sim_text *text, int64_t ns)
{
    if (ns >= 1000000000)
        tpi_sim_say(text, "%.6g s", (double)ns / 1e9);
    else if (ns >= 1000000)
        tpi_sim_say(text, "%.6g ms", (double)ns / 1e6);
    else
        tpi_sim_say(text, "%lld ns", (long long)ns);
}

static bool armed(const struct tpi_arming *arming)
{
    return (arming->node.tag & TPI_ARMING_SET && tpi_wheel_holds(&arming->node)) ||
           arming->node.tag & TPI_ARMING_NEVER;
}

static void say_timer(struct tpi_sim_text *text, const struct tpi_timer *timer)
{
    const struct tpi_arming *arming = &timer->arming;
    uint32_t clock = arming->node.tag >> TPI_ARMING_CLOCK_SHIFT & 3u;
    if (!armed(arming))
        return;
    tpi_sim_say(text, ", armed");
    if (arming->node.tag & TPI_ARMING_NEVER)
        tpi_sim_say(text, " for ever");
    else if (clock == TPP_CLOCK_MONOTONIC && arming->node.due >= tpps_now()) {
        tpi_sim_say(text, ", due in ");
        say_time(text, arming->node.due - tpps_now());
    }
    if (arming->period > 0) {
        tpi_sim_say(text, ", every ");
        say_time(text, arming->period);
    }
}

static void say_wait(struct tpi_sim_text *text, const struct tpi_wait *wait)
{
    const struct tpi_vigil *vigil = &wait->vigil;
    if (!vigil->armed)
        return;
    tpi_sim_say(text, ", armed");
    if (vigil->stand != TPI_STAND_WAITABLE)
        return;
    tpi_sim_say(text, " on ");
    say_slot(text, vigil->waitable->kind, &vigil->waitable->slot);
}

static void say_object(struct tpi_sim_text *text, enum tpi_kind kind, struct tpi_slot *slot)
{
    struct tpi_object *object = tpi_container(slot, struct tpi_object, task.slot);
    uint64_t word = tpp_peek(&object->task.word);
    uint32_t pending = tpi_state_pending(word), running = tpi_state_running(word);
    struct tpi_pool *pool = (struct tpi_pool *)tpp_peek(&object->task.home);
    uint32_t limit = tpp_peek(&object->task.traits) >> TPI_TRAIT_LIMIT_SHIFT;
    tpi_sim_say(text, ": %u post%s pending, %u callback%s running", pending, plural(pending),
                running, plural(running));
    if (limit != 0)
        tpi_sim_say(text, " of at most %u", limit);
    if (kind == TPI_KIND_TIMER)
        say_timer(text, tpi_container(object, struct tpi_timer, object));
    if (kind == TPI_KIND_WAIT)
        say_wait(text, tpi_container(object, struct tpi_wait, object));
    if (kind == TPI_KIND_IO)
        tpi_sim_say(text, ", %u completion%s to come",
                    tpi_container(object, struct tpi_io, object)->channel.expected,
                    plural(tpi_container(object, struct tpi_io, object)->channel.expected));
    if (word & TPI_STATE_CLOSED && kind != TPI_KIND_SIMPLE && kind != TPI_KIND_BRIEF)
        tpi_sim_say(text, ", closed");
    tpi_sim_say(text, "; in ");
    say_slot(text, TPI_KIND_POOL, &pool->slot);
}

/* The callbacks that run on its threads. */
static void say_busy(struct tpi_sim_text *text, const struct tpi_pool *pool)
{
    const char *between = ", busy in ";
    struct tpps_view view;
    extern char tpi_thread_marker;
    for (uint32_t i = 0; tpps_view(i, &view); i++) {
        const struct tpi_thread *thread = view.local == &tpi_thread_marker ? NULL : view.local;
        if (!view.alive || thread == NULL || thread->worker == NULL ||
            thread->worker->pool != pool || thread->instance == NULL)
            continue;
        tpi_sim_say(text, "%s", between);
        tpi_sim_say_callback(text, thread);
        between = ", ";
    }
}

static void say_pool(struct tpi_sim_text *text, struct tpi_pool *pool)
{
    uint32_t threads = tpp_peek(&pool->threads), maximum = tpp_peek(&pool->maximum);
    if (tpp_peek(&pool->driven))
        tpi_sim_say(text, ": driven by callers of tp_pool_run, %u now", threads);
    else
        tpi_sim_say(text, ": %u of at most %u thread%s", threads, maximum, plural(maximum));
    say_busy(text, pool);
    if (tpp_peek(&pool->shut) != TPI_SHUT_NOT)
        tpi_sim_say(text, ", shut down");
    if (tpp_peek(&pool->life) & TPI_LIFE_CLOSED)
        tpi_sim_say(text, ", closed");
}

static void say_waitable(struct tpi_sim_text *text, struct tpi_waitable *waitable)
{
    uint32_t waiters = 0;
    for (struct tpi_link *link = waitable->waiters.next; link != &waitable->waiters;
         link = link->next)
        waiters++;
    if (waitable->kind == TPI_KIND_SEMAPHORE)
        tpi_sim_say(text, ": %u of %u", waitable->count, waitable->maximum);
    else if (waitable->kind == TPI_KIND_EVENT)
        tpi_sim_say(text, ": %s", waitable->count != 0 ? "set" : "not set");
    else
        tpi_sim_say(text, ": %s", waitable->owner != 0 ? "owned" : "free");
    if (waitable->kind == TPI_KIND_MUTEX && waitable->owner != 0) {
        struct tpps_view view;
        for (uint32_t i = 0; tpps_view(i, &view); i++)
            if (view.id == waitable->owner)
                tpi_sim_say(text, " by thread \"%s\"", view.name);
    }
    if (waiters != 0)
        tpi_sim_say(text, ", %u wait%s for it", waiters, waiters == 1 ? "s" : "");
}

static void say_state(struct tpi_sim_text *text, enum tpi_kind kind, struct tpi_slot *slot)
{
    if (is_object(kind))
        say_object(text, kind, slot);
    else if (kind == TPI_KIND_POOL)
        say_pool(text, tpi_container(slot, struct tpi_pool, slot));
    else if (kind == TPI_KIND_EVENT || kind == TPI_KIND_SEMAPHORE || kind == TPI_KIND_MUTEX)
        say_waitable(text, tpi_container(slot, struct tpi_waitable, slot));
}

/* ---- going round ----------------------------------------------------------------------------- */

struct walk {
    struct tpi_sim_text *text;
    enum tpi_kind kind;
    uint32_t count;
};

static struct walk walk_all(struct tpi_sim_text *text, bool (*visit)(struct tpi_slot *, void *))
{
    struct walk walk = {.text = text};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        walk.kind = kinds[i];
        tpi_slab_each(walk.kind, visit, &walk);
    }
    return walk;
}

static bool lives(enum tpi_kind kind, struct tpi_slot *slot)
{
    struct tpi_pool *pool = tpi_container(slot, struct tpi_pool, slot);
    if (kind == TPI_KIND_POOL) /* also one whose handle is closed, while it has something */
        return tpp_peek(&pool->birth) & 1;
    return tpi_slot_live(tpp_peek(&slot->generation));
}

static bool list(struct tpi_slot *slot, void *context)
{
    struct walk *walk = context;
    if (!lives(walk->kind, slot) || walk->kind == TPI_KIND_ENV || walk->count++ >= LISTED)
        return true;
    tpi_sim_say(walk->text, "  ");
    say_slot(walk->text, walk->kind, slot);
    say_state(walk->text, walk->kind, slot);
    tpi_sim_say(walk->text, "\n");
    return true;
}

void tpi_sim_say_objects(struct tpi_sim_text *text)
{
    struct walk walk = walk_all(text, list);
    if (walk.count > LISTED)
        tpi_sim_say(text, "  and %u more\n", walk.count - LISTED);
    if (walk.count == 0)
        tpi_sim_say(text, "  none\n");
}

static bool is_open(enum tpi_kind kind, struct tpi_slot *slot)
{
    struct tpi_object *object = tpi_container(slot, struct tpi_object, task.slot);
    struct tpi_pool *pool = tpi_container(slot, struct tpi_pool, slot);
    if (kind == TPI_KIND_POOL && (pool->is_default || tpp_peek(&pool->life) & TPI_LIFE_CLOSED))
        return false;
    if (kind == TPI_KIND_SIMPLE || kind == TPI_KIND_BRIEF)
        return tpi_slot_live(tpp_peek(&slot->generation)); /* it has not run: that is as bad */
    if (is_object(kind) && tpp_peek(&object->task.word) & TPI_STATE_CLOSED)
        return false;
    return tpi_slot_live(tpp_peek(&slot->generation));
}

static bool list_open(struct tpi_slot *slot, void *context)
{
    struct walk *walk = context;
    struct tpi_object *object = tpi_container(slot, struct tpi_object, task.slot);
    uint32_t pending;
    if (!is_open(walk->kind, slot) || walk->count++ >= LISTED_OPEN)
        return true;
    tpi_sim_say(walk->text, walk->count > 1 ? ", " : "");
    say_slot(walk->text, walk->kind, slot);
    pending = is_object(walk->kind) ? tpi_state_pending(tpp_peek(&object->task.word)) : 0;
    if (pending != 0)
        tpi_sim_say(walk->text, " (stranded: %u post%s of it never ran)", pending, plural(pending));
    return true;
}

uint32_t tpi_sim_say_open(struct tpi_sim_text *text)
{
    struct walk walk = walk_all(text, list_open);
    if (walk.count > LISTED_OPEN)
        tpi_sim_say(text, " and %u more", walk.count - LISTED_OPEN);
    if (walk.count != 0)
        tpi_sim_say(text, " %s still open", walk.count == 1 ? "is" : "are");
    return walk.count;
}
