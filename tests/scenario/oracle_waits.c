/* oracle_waits.c - what must be true of waits, of what they are armed on, and of the sets that
 * their groups keep, whenever nobody can run. */
#include "core/object/group.h"
#include "core/object/wait.h"
#include "core/wait/slots.h"
#include "tests/scenario/oracle_state.h"

/* The waits of one pool, counted. */
struct waits {
    struct tpi_pool *pool;
    uint64_t armed, timeouts;
    bool neglected; /* a descriptor is ready, somebody is armed for it, and has not been told */
};

static struct tpi_task *task_of(struct tpi_vigil *vigil)
{
    return vigil->timeout.task;
}

static struct tpi_vigil *vigil_of(struct tpi_slot *slot)
{
    return &tpi_container(slot, struct tpi_wait, object.task.slot)->vigil;
}

/* The slot has an object with or without a handle. A slot that never had one has no task. */
BLIND static bool in_use(struct tpi_vigil *vigil)
{
    return task_of(vigil) && tpi_slot_live(tpp_peek(&task_of(vigil)->slot.generation));
}

BLIND static bool in_list(const struct tpi_link *head, const struct tpi_link *wanted)
{
    for (const struct tpi_link *link = head->next; link != head; link = link->next)
        if (link == wanted)
            return true;
    return false;
}

/* ---- one wait -------------------------------------------------------------------------------- */

/* What is still to be told is as much as is still to begin. */
BLIND static void check_results(struct tpi_vigil *vigil)
{
    uint32_t results = vigil->mutex != TPI_MUTEX_NONE;
    uint32_t pending = tpi_state_pending(tpp_peek(&task_of(vigil)->word));
    for (uint32_t code = 0; code < TPI_RESULTS; code++)
        results += vigil->results[code];
    if (results != pending)
        tpps_fail("oracle: a wait has %u posts pending, but %u results to tell", pending, results);
}

/* A mutex that a queued result brings is reserved for it, unless it was closed meanwhile. */
BLIND static void check_inheritance(struct tpi_vigil *vigil)
{
    struct tpi_slot *slot = tpi_slab_at(TPI_KIND_MUTEX, vigil->mutex_index);
    struct tpi_waitable *mutex = tpi_container(slot, struct tpi_waitable, slot);
    if (tpp_peek(&slot->generation) == vigil->mutex_generation && mutex->heir != &vigil->waiter)
        tpps_fail("oracle: a wait has a mutex to hand on that is not reserved for it");
}

BLIND static void check_armed(struct tpi_vigil *vigil)
{
    uint32_t number = tpi_slot_index(&task_of(vigil)->slot);
    bool grouped = tpp_peek(&task_of(vigil)->traits) & TPI_TRAIT_GROUPED;
    uint64_t word = tpp_peek(&task_of(vigil)->word);
    bool timed = tpi_arming_armed(&vigil->timeout);
    if (vigil->armed && word & (TPI_STATE_CLOSED | TPI_STATE_SHUT))
        tpps_fail("oracle: a wait is armed that was closed, or whose pool was shut down");
    if (timed && !vigil->armed)
        tpps_fail("oracle: the timeout of a wait runs that is not armed");
    if (grouped && tpi_slots_armed(number) != vigil->armed)
        tpps_fail("oracle: a wait is %sarmed, and its slot says otherwise",
                  vigil->armed ? "" : "not ");
    if (grouped && vigil->armed && tpi_slots_barred(number))
        tpps_fail("oracle: a wait is armed whose group is being closed");
}

/* Armed, it stands where signals find it: on a waitable that was not closed meanwhile. */
BLIND static void check_stand(struct tpi_vigil *vigil)
{
    if (vigil->stand == TPI_STAND_WAITABLE && vigil->armed && !oracle.waitables_closed &&
        !in_list(&vigil->waitable->waiters, &vigil->waiter.link))
        tpps_fail("oracle: LOST: an armed wait stands in no list");
    if (vigil->stand == TPI_STAND_SOURCE &&
        !in_list(&vigil->listener.source->listeners, &vigil->listener.link))
        tpps_fail("oracle: LOST: a wait listens to a source that does not know it");
    if (vigil->stand == TPI_STAND_SOURCE && (vigil->listener.armed != 0) != vigil->armed)
        tpps_fail("oracle: a wait and its place at the source disagree about being armed");
}

BLIND static void check_heard(struct waits *waits, struct tpi_vigil *vigil)
{
    struct tpi_source *source = vigil->listener.source;
    uint32_t armed = vigil->listener.armed;
    if (source->own < 0 || tpps_descriptor_interests(source->own) == 0)
        tpps_fail("oracle: LOST: a wait is armed on a descriptor that no poller looks at");
    if (source->silent || (armed & ~source->polled))
        tpps_fail("oracle: LOST: a wait is armed for what the poller does not tell");
    if (source->kind != TPI_SOURCE_SIGNAL && (tpps_descriptor_ready(source->own) & armed))
        waits->neglected = true;
}

BLIND static bool visit_wait(struct tpi_slot *slot, void *context)
{
    struct waits *waits = context;
    struct tpi_vigil *vigil = vigil_of(slot);
    if (!in_use(vigil) || tpp_peek(&task_of(vigil)->home) != waits->pool)
        return true;
    check_results(vigil);
    if (vigil->mutex != TPI_MUTEX_NONE)
        check_inheritance(vigil);
    check_armed(vigil);
    check_stand(vigil);
    waits->armed += vigil->armed;
    waits->timeouts += tpi_arming_armed(&vigil->timeout);
    if (vigil->armed && vigil->stand == TPI_STAND_SOURCE)
        check_heard(waits, vigil);
    return true;
}

/* ---- one waitable ---------------------------------------------------------------------------- */

struct places {
    const struct tpi_waitable *waitable;
    const struct tpi_link *link;
};

/* Does the link belong to a wait, and then to one that is open and stands here? */
BLIND static bool visit_place(struct tpi_slot *slot, void *context)
{
    struct places *places = context;
    struct tpi_vigil *vigil = vigil_of(slot);
    if (&vigil->waiter.link != places->link)
        return true;
    if (!in_use(vigil) || (tpp_peek(&task_of(vigil)->word) & TPI_STATE_CLOSED) ||
        vigil->stand != TPI_STAND_WAITABLE || vigil->waitable != places->waitable)
        tpps_fail("oracle: a wait that was closed or set on something else stands in a list");
    return true;
}

BLIND static void check_waiters(const struct tpi_waitable *waitable)
{
    const struct tpi_link *head = &waitable->waiters;
    if (waitable->count > 0 && head->next != head)
        tpps_fail("oracle: STRANDED: somebody waits for a unit, and there is one");
    for (const struct tpi_link *link = head->next; link != head; link = link->next) {
        struct places places = {waitable, link};
        if (link->next->prev != link || link->prev->next != link)
            tpps_fail("oracle: the list of a waitable is broken");
        tpi_slab_each(TPI_KIND_WAIT, visit_place, &places);
    }
}

/* It is free, or has one owner, or is reserved for one wait, which will make its thread the owner.
 */
BLIND static void check_mutex(const struct tpi_waitable *mutex)
{
    bool free = mutex->count > 0, owned = mutex->owner != 0, reserved = mutex->heir;
    if (free + owned + reserved != 1 || mutex->count > 1)
        tpps_fail("oracle: a mutex is %sfree, %sowned, %sreserved", free ? "" : "not ",
                  owned ? "" : "not ", reserved ? "" : "not ");
    if (free == (mutex->recursion > 0) || (reserved && mutex->recursion != 1))
        tpps_fail("oracle: a mutex is owed %u releases", mutex->recursion);
    if (!reserved)
        return;
    const struct tpi_vigil *heir = tpi_container(mutex->heir, struct tpi_vigil, waiter);
    if (heir->mutex == TPI_MUTEX_NONE || heir->mutex_index != tpi_slot_index(&mutex->slot) ||
        heir->mutex_generation != tpp_peek(&mutex->slot.generation))
        tpps_fail("oracle: a mutex is reserved for a wait that does not know it");
}

BLIND static bool visit_waitable(struct tpi_slot *slot, void *context)
{
    const struct tpi_waitable *waitable = tpi_container(slot, struct tpi_waitable, slot);
    (void)context;
    if (!tpi_slot_live(tpp_peek(&slot->generation)))
        return true;
    check_waiters(waitable);
    if (waitable->kind == TPI_KIND_MUTEX)
        check_mutex(waitable);
    return true;
}

/* ---- groups and sources ---------------------------------------------------------------------- */

/* The set holds the waits on the list. */
BLIND static bool visit_group(struct tpi_slot *slot, void *context)
{
    const struct tpi_group *group = tpi_container(slot, struct tpi_group, slot);
    uint64_t waits = 0;
    (void)context;
    if (!tpi_slot_live(tpp_peek(&slot->generation)))
        return true;
    for (const struct tpi_link *link = group->members.next; link != &group->members;
         link = link->next) {
        struct tpi_object *object = tpi_container(link, struct tpi_object, member);
        if (tpi_task_kind(&object->task) != TPI_KIND_WAIT)
            continue;
        waits++;
        if (!tpi_bitmap_has(&group->waits, tpi_slot_index(&object->task.slot)))
            tpps_fail("oracle: a wait of a group is not in its set");
    }
    if (group->waits.count != waits)
        tpps_fail("oracle: the set of a group has %llu waits, its list %llu",
                  (unsigned long long)group->waits.count, (unsigned long long)waits);
    return true;
}

/* How many sources have a listener in the pool; each has one at least. */
struct counted {
    struct tpi_pool *pool;
    uint32_t count;
};

BLIND static bool visit_source(struct tpi_slot *slot, void *context)
{
    const struct tpi_source *source = tpi_container(slot, struct tpi_source, slot);
    struct counted *counted = context;
    if (!tpi_slot_live(tpp_peek(&slot->generation)))
        return true;
    if (source->listeners.next == &source->listeners)
        tpps_fail("oracle: a source is kept to which nobody listens");
    struct tpi_vigil *vigil =
        tpi_container(source->listeners.next, struct tpi_vigil, listener.link);
    counted->count += tpp_peek(&task_of(vigil)->home) == counted->pool;
    return true;
}

/* ---- pools ----------------------------------------------------------------------------------- */

/* The driver sleeps in the poller, and wakes for what is ready; or the gate will. */
BLIND static void check_poller(const struct waits *waits)
{
    struct tpi_pool *pool = waits->pool;
    struct tpi_reactor *reactor = &pool->reactor;
    int64_t cover = (int64_t)tpp_peek(&reactor->cover);
    struct counted counted = {.pool = pool};
    tpi_slab_each(TPI_KIND_SOURCE, visit_source, &counted);
    if (counted.count != reactor->sources.count)
        tpps_fail("oracle: a pool counts %u sources, but has %u", reactor->sources.count,
                  counted.count);
    if ((counted.count + reactor->channels > 0) != tpp_peek(&reactor->listening))
        tpps_fail("oracle: a pool has %u sources, %u I/O objects and does not know", counted.count,
                  reactor->channels);
    if (waits->neglected && tpp_peek(&reactor->driver))
        tpps_fail("oracle: LATE: a descriptor is ready, and who sleeps in the poller sleeps on");
    if (waits->neglected && cover == TPP_FOREVER)
        tpps_fail("oracle: STRANDED: a descriptor is ready, and nobody will look");
}

BLIND void oracle_waits(struct tpi_pool *pool, bool alive)
{
    struct waits waits = {.pool = pool};
    struct tpi_reactor *reactor = &pool->reactor;
    tpi_slab_each(TPI_KIND_WAIT, visit_wait, &waits);
    if (waits.armed != reactor->waits_armed || waits.timeouts != reactor->timeouts)
        tpps_fail("oracle: the pool counts %llu armed waits and %llu timeouts, but there are %llu "
                  "and %llu",
                  (unsigned long long)reactor->waits_armed, (unsigned long long)reactor->timeouts,
                  (unsigned long long)waits.armed, (unsigned long long)waits.timeouts);
    if (alive)
        check_poller(&waits);
    else if (waits.armed != 0 || reactor->sources.count != 0)
        tpps_fail("oracle: in a dead pool waits are armed, or sources are polled");
}

BLIND void oracle_waitables(void)
{
    tpi_slab_each(TPI_KIND_EVENT, visit_waitable, NULL);
    tpi_slab_each(TPI_KIND_SEMAPHORE, visit_waitable, NULL);
    tpi_slab_each(TPI_KIND_MUTEX, visit_waitable, NULL);
    tpi_slab_each(TPI_KIND_GROUP, visit_group, NULL);
}
