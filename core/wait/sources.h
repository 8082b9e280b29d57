/* sources.h - the descriptors that waits of one pool are armed on: one registration for each file.
 *
 * A source is an open file, a process or a signal. It keeps a descriptor of its own, so that one
 * that the application closes too early harms nobody; that descriptor is registered with the pool's
 * poller once, however many listeners there are. It goes with its last listener.
 *
 * The registration tells of a state for as long as it lasts, so that a listener that is armed again
 * before the next sleep in the poller costs no system call. When such a sleep ends for a source of
 * which nobody is armed, it is silenced, and told of once for each of the next armings: the more of
 * them, the more often somebody has been late.
 *
 *   [SO2]  Between a look into the poller and what follows from it somebody may have read what was
 *          there, and armed anew. So armings are numbered; a look begins by reading the number of
 *          the last one, and for a later one the state is asked for once more.
 *
 * No lock and no layer above is known here: all of it is under the lock of the pool's reactor but
 * tpi_source_make, tpi_source_drop and the poller itself. */
#ifndef TPI_WAIT_SOURCES_H
#define TPI_WAIT_SOURCES_H

#include "core/base/list.h"
#include "core/mem/slab.h"
#include "core/os/os.h"
#include "tpp_tune.h"

enum tpi_source_kind { TPI_SOURCE_FILE, TPI_SOURCE_PROCESS, TPI_SOURCE_SIGNAL, TPI_SOURCE_KINDS };

/* Late events name the slot, and its generation. */
struct tpi_source {
    struct tpi_slot slot;
    struct tpi_link listeners; /* who was armed last is last */
    enum tpi_source_kind kind;
    int number; /* what the application calls it: a descriptor, which may name another file by now,
                   or a signal */
    int own;    /* our descriptor; -1 in a slot that is free */
    uint32_t polled; /* states that the poller tells of */
    bool silent;     /* it tells of nothing */
    bool once;       /* it tells of them once */
    uint8_t wary;    /* armings left to be told of once each ... */
    uint8_t late;    /* ... of so many, for having been armed anew too late before */
};

struct tpi_listener {
    struct tpi_link link;
    struct tpi_source *source;
    uint32_t armed;  /* the states it is armed for, TPI_ALWAYS among them; 0: not armed */
    uint32_t number; /* of the arming, see [SO2]; comes round */
};

/* POLLERR and POLLHUP. */
#define TPI_ALWAYS 0x18u

/* All zero but for `poller`: none. */
struct tpi_sources {
    tpp_ptr poller; /* struct tpp_poller; made once for a life of the pool. [SO1] */
    struct tpi_source **by_number[TPI_SOURCE_KINDS]; /* the last one of each, or NULL */
    uint32_t capacity[TPI_SOURCE_KINDS];
    uint32_t count;
    tpp_u32 armings; /* atomic: the number of the last one; written under the lock. [SO2] */
};

/* Makes the poller, once. No lock held; 0 or a positive errno. */
int tpi_sources_open(struct tpi_sources *sources);

/* The pool ends; it has no source any more. */
void tpi_sources_close(struct tpi_sources *sources);

/* A source that is in no pool yet, and the end of one that never was. No lock held; 0 or a positive
 * errno. */
int tpi_source_make(enum tpi_source_kind kind, int number, struct tpi_source **source_out);
void tpi_source_drop(struct tpi_source *source);

/* The source that `number` names now, or NULL. */
struct tpi_source *tpi_sources_find(struct tpi_sources *sources, enum tpi_source_kind kind,
                                    int number);

/* Does `number` still name it? For whoever listens to it; the lock need not be held. */
bool tpi_source_is(const struct tpi_source *source, enum tpi_source_kind kind, int number);

/* Takes a new source in, polled for these states. 0 or a positive errno. */
int tpi_sources_add(struct tpi_sources *sources, struct tpi_source *source, uint32_t events);

/* Sees to it that it is polled for these states besides those that others are armed for. */
int tpi_source_want(struct tpi_sources *sources, struct tpi_source *source, uint32_t events);

/* A listener, armed or not, comes and goes. The source goes with the last one: returns its own
 * descriptor, to be dropped once the lock is dropped, or TPI_NO_DESCRIPTOR. */
#define TPI_NO_DESCRIPTOR (-1)
void tpi_listener_join(struct tpi_listener *listener, struct tpi_source *source);
int tpi_listener_leave(struct tpi_sources *sources, struct tpi_listener *listener);

/* Whom an event is about, or NULL: its source is gone. */
struct tpi_source *tpi_sources_of(const struct tpp_poller_event *event);

/* Was it armed after a look that began so? */
static inline bool tpi_listener_later(const struct tpi_listener *listener, uint32_t look)
{
    return (int32_t)(listener->number - look) > 0;
}

/* What a sleep in the poller, or a mere look into it, has brought. */
struct tpi_look {
    uint32_t begun; /* tpi_sources_look, before it */
    bool slept;     /* whoever sleeps next would be woken for the same at once */
    uint32_t count;
    struct tpp_poller_event events[TPP_POLL_BATCH];
};

/* What begins a look. */
static inline uint32_t tpi_sources_look(struct tpi_sources *sources)
{
    return tpp_load_acquire(&sources->armings); /* [SO2] before what the system says */
}

/* After the listeners have been told of these states, which somebody heard, or nobody had to: then,
 * after a sleep, it is silenced. 0, or a positive errno: its registration is broken. */
int tpi_source_told(struct tpi_sources *sources, struct tpi_source *source, uint32_t events,
                    bool heard, bool slept);

/* In the child of a fork, which has inherited them: gives the descriptors back. */
void tpi_source_inherited(struct tpi_slot *slot);
void tpi_sources_inherited(struct tpi_sources *sources);

static inline struct tpp_poller *tpi_sources_poller(struct tpi_sources *sources)
{
    return tpp_load_acquire(&sources->poller); /* [SO1] it is complete */
}

#endif
