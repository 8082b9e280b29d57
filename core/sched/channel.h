/* channel.h - an I/O object's accounts: which completions are to come, and which are to be told.
 *
 * A credit is one completion to come: announced by tp_io_start, or that of an operation. Credits
 * are records with a life of their own, so that a completion belongs to its operation whatever was
 * cancelled meanwhile. [CH1] Under the channel's lock the counts and the flags of the object's word
 * say the same:
 *
 *   expected   credits that somebody waits for; > 0: EXPECTED
 *   held       operations in flight, forgotten ones too, and holds; > 0: HELD
 *
 * A completion queues its record and posts the object, both under the lock, so that who drops
 * posts drops as many records. What must be queued is published after it.
 *
 * Locks, outermost first: group > channel > reactor, port > queues. */
#ifndef TPI_SCHED_CHANNEL_H
#define TPI_SCHED_CHANNEL_H

#include "core/os/lock.h"
#include "core/queue/task.h"
#include "tp/types.h"

struct tpi_pool;
struct tpi_worker;

/* Where an operation is. Under its channel's lock. */
enum tpi_place {
    TPI_PLACE_NOWHERE, /* free, announced, or to be told of */
    TPI_PLACE_THREAD,  /* some thread is at it */
    TPI_PLACE_QUEUE,   /* as a task, for a worker of the pool to carry it out */
    TPI_PLACE_RING,    /* the port has it */
    TPI_PLACE_WAITING, /* in the channel's list, until its descriptor is ready */
};

struct tpi_operation {
    struct tpi_task task; /* for workers: object/io.h says what they do with it */
    struct tpi_channel *channel;
    struct tpi_operation *next; /* in the chain of its key */
    struct tpi_link link;       /* in a list of its channel, or of its port */
    struct tpi_link flight;     /* in its channel's list of those in flight, or forgotten */
    void *key;
    struct tpp_request request;
    struct tpp_outcome outcome;
    uint32_t states; /* of poll(2), that it waits for */
    uint8_t place;   /* enum tpi_place */
    bool forgotten;  /* nobody is to be told of it */
    bool aborted;    /* it is to end */
    bool by_thread;  /* the ring would not have it */
};

#define TPI_CHAINS_FEW 4u

struct tpi_channel {
    /* set at creation, then read-only */
    struct tpi_task *task;
    int own; /* our descriptor */
    enum tpp_file_kind kind;

    /* atomic: hints whether trying at once is worth a system call */
    tpp_u32 eager; /* the last read filled its buffer, or failed, or somebody was accepted: the next
                      may not have to wait either */
    tpp_u32 shun;  /* so many more tries are left out ... */
    tpp_u32 wary;  /* ... and so many after the next failure */

    _Alignas(64) struct tpi_lock lock; /* kept when the slot is freed: latecomers look */

    /* under lock */
    bool barred; /* its group closes: nothing begins */
    bool polled; /* the poller knows the descriptor ... */
    bool silent; /* ... and tells of nothing, but once of an error or a hang-up */
    uint32_t announced_count, lost_count, expected, held;
    uint32_t helpers;     /* workers that wait for the object, and may have to run what comes */
    uint32_t listens_for; /* states that the poller tells of */
    uint32_t chain_mask;  /* chains - 1 */
    struct tpi_link announced;
    struct tpi_link done; /* in the order in which they came */
    struct tpi_link waiting;
    struct tpi_link flight; /* operations, in the order in which they were begun; by key, too */
    struct tpi_link lost;   /* the same of forgotten ones */
    struct tpi_operation **chains; /* operations in flight, by key; forgotten ones are in none */
    struct tpi_operation *few[TPI_CHAINS_FEW];
};

/* Before an object is known to others. */
void tpi_channel_init(struct tpi_channel *channel, struct tpi_task *task, int own,
                      enum tpp_file_kind kind);

/* Its end: no credit is left, and nobody knows it. Returns `own`, for the caller to drop. */
int tpi_channel_end(struct tpi_channel *channel);

/* A record, and giving it back. */
struct tpi_operation *tpi_operation_new(void);
void tpi_operation_free(struct tpi_operation *operation);

/* The same for one that nobody will be told of. */
void tpi_operation_discard(struct tpi_operation *operation);

/* ---- credits --------------------------------------------------------------------------------- */

/* Takes the operation, on its way to begin, into the accounts: TP_ERR_HANDLE, TP_ERR_CLOSED,
 * TP_ERR_EXISTS; and out again, since it could not begin: it is freed. The request's descriptor and
 * kind are filled in. */
tp_status_t tpi_channel_admit(struct tpi_channel *channel, uint32_t generation,
                              struct tpi_operation *operation);
void tpi_channel_withdraw(struct tpi_operation *operation, struct tpi_posts *posts);

/* tp_io_start, tp_io_cancel, tp_io_complete. */
tp_status_t tpi_channel_announce(struct tpi_channel *channel, uint32_t generation);
tp_status_t tpi_channel_retract(struct tpi_channel *channel, uint32_t generation);
tp_status_t tpi_channel_complete(struct tpi_channel *channel, uint32_t generation, void *key,
                                 const struct tpp_outcome *outcome);

/* The operation, at which this thread is, has come to its end. What is to be queued is added to the
 * posts. */
void tpi_operation_complete(struct tpi_operation *operation, struct tpp_outcome outcome,
                            struct tpi_posts *posts);

/* Is the object open, in that generation? Takes the lock if it is. */
bool tpi_channel_open(struct tpi_channel *channel, uint32_t generation);
bool tpi_channel_enter(struct tpi_channel *channel, uint32_t generation);

/* Adds a post; publishes what there is first if there is no room. */
void tpi_posts_add(struct tpi_posts *posts, const struct tpi_ready *ready);

/* The operation in flight with that key, or NULL. Lock held. */
struct tpi_operation *tpi_channel_find(struct tpi_channel *channel, const void *key);

/* A worker of the pool that may be its only one is about to wait for the object, and has ceased to:
 * meanwhile each completion wakes it. */
void tpi_channel_await(struct tpi_channel *channel, uint32_t generation, bool begins);

/* ---- the object's life ----------------------------------------------------------------------- */

/* What the callback that is about to begin is told. */
struct tpi_completion {
    void *key;
    struct tpp_outcome outcome;
};
void tpi_channel_tell(struct tpi_channel *channel, struct tpi_completion *completion_out);

/* CANCEL, of what is queued in that generation; credits are taken back, operations forgotten. */
struct tpi_applied tpi_channel_cancel(struct tpi_channel *channel, uint32_t generation);

/* CLOSE, after tpi_channel_enter: drops the lock. SHUT of one that may be gone; and that nothing
 * begins any more, its group being closed. */
struct tpi_applied tpi_channel_close(struct tpi_channel *channel);
void tpi_channel_shut(struct tpi_channel *channel, uint32_t generation);
void tpi_channel_bar(struct tpi_channel *channel);

/* RELEASE of one that the caller holds. With PART the caller has a hold on it, besides the
 * operations; undone by tpi_channel_let_go, whose effects are those of the last holder. */
struct tpi_applied tpi_channel_release(struct tpi_channel *channel);
struct tpi_applied tpi_channel_let_go(struct tpi_channel *channel);

#endif
