/* sources.c - finding, making and polling the sources of sources.h. */
#include "core/wait/sources.h"

#include <errno.h>
#include <string.h>

#include "core/mem/token.h"

#define WARY_MAX 64u  /* armings that are told of once each */
#define POLL_KEPT 64u /* numbers for which there is room at first */

/* ---- the poller ------------------------------------------------------------------------------ */

int tpi_sources_open(struct tpi_sources *sources)
{
    struct tpp_poller *poller;
    void *found = NULL;
    if (tpi_sources_poller(sources))
        return 0;
    int failed = tpp_poller_open(&poller);
    /* [SO1] swap: the poller is complete before anybody finds it. Who was late looks it up anew, so
     * that relaxed would do for him. */
    if (!failed && !tpp_cas_acq_rel(&sources->poller, &found, poller))
        tpp_poller_close(poller); /* somebody was faster */
    return failed;
}

void tpi_sources_close(struct tpi_sources *sources)
{
    struct tpp_poller *poller = tpp_peek(&sources->poller);
    tpp_store_release(&sources->poller, NULL); /* [SO1] a NULL publishes nothing */
    if (poller)
        tpp_poller_close(poller);
    for (uint32_t kind = 0; kind < TPI_SOURCE_KINDS; kind++) {
        if (sources->by_number[kind])
            tpp_free(sources->by_number[kind],
                     sources->capacity[kind] * sizeof *sources->by_number[kind]);
        sources->by_number[kind] = NULL;
        sources->capacity[kind] = 0;
    }
}

/* ---- one source ------------------------------------------------------------------------------ */

static int open_own(enum tpi_source_kind kind, int number, int *own_out)
{
    if (kind == TPI_SOURCE_SIGNAL)
        return tpp_signal_open(number, own_out);
    int failed = kind == TPI_SOURCE_PROCESS ? tpp_file_is_process(number) : 0;
    return failed ? failed : tpp_file_keep(number, own_out);
}

int tpi_source_make(enum tpi_source_kind kind, int number, struct tpi_source **source_out)
{
    int own;
    int failed = open_own(kind, number, &own);
    if (failed)
        return failed;
    struct tpi_slot *slot = tpi_slab_new(TPI_KIND_SOURCE, sizeof(struct tpi_source), NULL);
    if (!slot) {
        tpp_file_drop(own);
        return ENOMEM;
    }
    struct tpi_source *source = tpi_container(slot, struct tpi_source, slot);
    tpi_list_init(&source->listeners);
    source->kind = kind;
    source->number = number;
    source->own = own;
    source->polled = 0;
    source->silent = source->once = false;
    source->wary = source->late = 0;
    *source_out = source;
    return 0;
}

void tpi_source_drop(struct tpi_source *source)
{
    int own = source->own;
    source->own = TPI_NO_DESCRIPTOR;
    tpi_slab_free(TPI_KIND_SOURCE, &source->slot, NULL);
    tpp_file_drop(own);
}

bool tpi_source_is(const struct tpi_source *source, enum tpi_source_kind kind, int number)
{
    return source->kind == kind && source->number == number &&
           (kind == TPI_SOURCE_SIGNAL || tpp_file_same(number, source->own));
}

/* ---- those of a pool ------------------------------------------------------------------------- */

struct tpi_source *tpi_sources_find(struct tpi_sources *sources, enum tpi_source_kind kind,
                                    int number)
{
    uint32_t at = (uint32_t)number;
    struct tpi_source *source = at < sources->capacity[kind] ? sources->by_number[kind][at] : NULL;
    return source && tpi_source_is(source, kind, number) ? source : NULL;
}

/* Room for that number. */
static bool grow(struct tpi_sources *sources, enum tpi_source_kind kind, uint32_t number)
{
    uint32_t before = sources->capacity[kind];
    uint64_t capacity = before ? before : POLL_KEPT;
    size_t size = sizeof *sources->by_number[kind];
    while (capacity <= number)
        capacity *= 2;
    if (capacity == before)
        return true;
    struct tpi_source **larger = tpp_alloc(capacity * size, _Alignof(struct tpi_source *));
    if (!larger)
        return false;
    memset(larger, 0, capacity * size);
    if (before > 0) {
        memcpy(larger, sources->by_number[kind], before * size);
        tpp_free(sources->by_number[kind], before * size);
    }
    sources->by_number[kind] = larger;
    sources->capacity[kind] = (uint32_t)capacity;
    return true;
}

static uint64_t key_of(struct tpi_source *source)
{
    /* peek: the source is in use, by us. */
    return (uint64_t)tpp_peek(&source->slot.generation) << 32 | tpi_slot_index(&source->slot);
}

struct tpi_source *tpi_sources_of(const struct tpp_poller_event *event)
{
    struct tpi_slot *slot = tpi_slab_at(TPI_KIND_SOURCE, (uint32_t)event->key);
    if (!slot || tpi_slot_generation(slot) != event->key >> 32)
        return NULL;
    return tpi_container(slot, struct tpi_source, slot);
}

/* What the poller was asked for, with success. */
static void note(struct tpi_source *source, uint32_t events, bool once)
{
    source->polled = events | TPI_ALWAYS;
    source->once = once;
    source->silent = false;
}

int tpi_sources_add(struct tpi_sources *sources, struct tpi_source *source, uint32_t events)
{
    if (!grow(sources, source->kind, (uint32_t)source->number))
        return ENOMEM;
    int failed = tpp_poller_add(tpi_sources_poller(sources), source->own, events, key_of(source));
    if (failed)
        return failed;
    note(source, events, false);
    sources->by_number[source->kind][source->number] = source;
    sources->count++;
    return 0;
}

/* ---- polling --------------------------------------------------------------------------------- */

static uint32_t armed_for(const struct tpi_source *source)
{
    uint32_t events = 0;
    for (struct tpi_link *link = source->listeners.next; link != &source->listeners;
         link = link->next)
        events |= tpi_container(link, struct tpi_listener, link)->armed;
    return events;
}

static int poll_for(struct tpi_sources *sources, struct tpi_source *source, uint32_t events,
                    bool once)
{
    int failed =
        tpp_poller_modify(tpi_sources_poller(sources), source->own,
                          (events & ~TPI_ALWAYS) | (once ? TPP_POLL_ONCE : 0), key_of(source));
    if (!failed)
        note(source, events, once);
    return failed;
}

int tpi_source_want(struct tpi_sources *sources, struct tpi_source *source, uint32_t events)
{
    if (!source->silent && (events & ~source->polled) == 0) {
        if (source->late > 0)
            source->late--;
        return 0;
    }
    bool once = source->wary > 0;
    int failed = poll_for(sources, source, events | armed_for(source), once);
    if (!failed && once)
        source->wary--;
    return failed;
}

int tpi_source_told(struct tpi_sources *sources, struct tpi_source *source, uint32_t events,
                    bool heard, bool slept)
{
    uint32_t wanted = armed_for(source);
    if (source->once)
        source->silent = true;
    if (source->silent)
        return wanted ? poll_for(sources, source, wanted, source->wary > 0) : 0;
    if (heard || !slept || (events & ~wanted) == 0)
        return 0; /* who was told may arm again in time */
    source->late = (uint8_t)(source->late < WARY_MAX / 2 ? 2u * source->late + 1 : WARY_MAX);
    source->wary = source->late;
    if (wanted)
        return poll_for(sources, source, wanted, false);
    /* Once more, perhaps: of an error or a hang-up. */
    int failed = poll_for(sources, source, 0, true);
    source->silent = true;
    return failed;
}

/* ---- listeners ------------------------------------------------------------------------------- */

void tpi_listener_join(struct tpi_listener *listener, struct tpi_source *source)
{
    listener->source = source;
    listener->armed = 0;
    tpi_list_push_back(&source->listeners, &listener->link);
}

int tpi_listener_leave(struct tpi_sources *sources, struct tpi_listener *listener)
{
    struct tpi_source *source = listener->source;
    int own = source->own;
    listener->armed = 0;
    tpi_list_remove(&listener->link);
    if (!tpi_list_empty(&source->listeners))
        return TPI_NO_DESCRIPTOR;
    (void)tpp_poller_remove(tpi_sources_poller(sources), source->own);
    if (sources->by_number[source->kind][source->number] == source)
        sources->by_number[source->kind][source->number] = NULL;
    sources->count--;
    source->own = TPI_NO_DESCRIPTOR;
    tpi_slab_free(TPI_KIND_SOURCE, &source->slot, NULL); /* late events do not find it any more */
    return own;
}

/* ---- the child of a fork --------------------------------------------------------------------- */

void tpi_source_inherited(struct tpi_slot *slot)
{
    struct tpi_source *source = tpi_container(slot, struct tpi_source, slot);
    if (tpi_slot_live(tpp_peek(&slot->generation)) && source->own >= 0)
        tpp_file_drop(source->own);
    source->own = TPI_NO_DESCRIPTOR; /* a child of the child inherits it as well */
}

void tpi_sources_inherited(struct tpi_sources *sources)
{
    struct tpp_poller *poller = tpp_peek(&sources->poller);
    if (poller)
        tpp_poller_close(poller);
    tpp_init(&sources->poller, NULL);
}
