/* capi.h - what the files of the target for the whole interface share: the model of a run.
 *
 * The simulator runs on one thread of the system, and nothing here is a schedule point, so all of
 * this is plain data in the order of what really happened. What a call did while it ran beside
 * others is known within bounds only: whatever is counted is counted up before a call that may do
 * it and, where that matters, once more after it (`started`, `returned`).
 *
 * Each thing made has a `thing` and one of the structs that begin with one. A thing is surely open
 * until a close of it has begun, and surely closed once one has returned; in between either is
 * right. */
#ifndef FUZZ_CAPI_H
#define FUZZ_CAPI_H

#include <errno.h>
#include <poll.h>

#include "core/mem/slab.h"
#include "fuzz/script.h"
#include "tp/tp.h"

enum {
    PLACES = 4,   /* of a kind */
    POOLS = 7,    /* in one run, with the default pool; the oracle knows no more than eight */
    OBJECTS = 48, /* in one run */
    GROUPS = 4,
    SYNCS = 12,
    ENVS = 2 + SCRIPT_THREADS, /* two for everybody, one for each thread */
    FILES = 6,
    FIRST_FILE = 40,
    REQUESTS = 48, /* I/O operations in one run */
    REQUEST_SIZE = 8,
    ACQUIRED = 4, /* mutexes in one callback */
    ACTORS = 256, /* threads in one run */
    FRAMES = 8,
    BUDGET = 24, /* operations that bodies carry out in one run */
    US = 1000,
    MS = 1000000
};

struct thing {
    enum tpi_kind kind;
    uint32_t number;
    void *handle;     /* NULL: not made yet, refused, or it has none */
    uint32_t closing; /* calls that may close it, and have not failed */
    bool made, closed;
};

struct pool {
    struct thing thing;
    tp_pool_config_t config;
    bool driven, is_default;
    uint32_t shutting; /* calls of shutdown that may have begun to */
    bool shut, sealed; /* surely; and nothing may run any more */
    bool limited;      /* its maximum may have been set */
};

struct group {
    struct thing thing;
    uint32_t closing; /* calls of close_members that run */
    uint32_t rounds;  /* ... that have ended */
    bool crowded;     /* some of those that run were not alone */
    uint32_t members; /* made so far */
    bool has_io;      /* or had */
};

/* An event, semaphore or mutex. */
struct sync {
    struct thing thing;
    bool vague; /* something is to happen when a callback returns: times are not known */
    /* event */
    bool manual, maybe, surely;
    uint32_t sets, sets_done, resets, resets_done;
    /* semaphore: units; of all: who may be about to take it (claims), and how often (takes) */
    uint32_t maximum, initial, given, given_done, taken, claims, takes;
    /* mutex */
    uint64_t owner; /* thread, 0: nobody for sure */
    uint32_t depth;
    bool abandoned;
};

/* How objects come to be: what an environment says. */
struct choice {
    struct pool *pool;
    struct group *group;
    uint32_t limit;
    bool release, cancel, finalizer, persistent;
};

struct env {
    struct thing thing;
    struct choice choice;
};

/* What an armed wait was to wait for; it counts while it is the only arming. */
struct arming {
    struct sync *sync;
    bool was_maybe;
    uint32_t sets;
};

/* A callback object, or a simple callback. */
struct object {
    struct thing thing;
    struct choice choice;
    uint32_t body;
    /* Posts (of timers and waits: armings) and callbacks. `surplus`: how many more callbacks may
     * have begun than were posted and not dropped, 0 or less. `safe`: posts that nobody drops, made
     * since `begun` was `mark`. `done`: callbacks that no wait waits for any more. */
    uint64_t started, returned, begun, ended, done, safe, mark;
    int64_t surplus;
    uint32_t cancelling; /* calls that may be dropping posts */
    bool dropped;        /* some may have been */
    bool barred;         /* its armings may have been taken away unheard */
    bool sealed;         /* nothing may begin any more */
    uint32_t running, finalized, cancels, releases;
    /* timers, waits */
    uint64_t taken; /* armings that somebody took away */
    bool periodic, skips;
    int64_t first_boot, period; /* of the periodic ones */
    uint32_t periodic_sets;
    int64_t not_before;
    uint32_t results; /* bits: what callbacks of it may be told */
    struct arming arming;
    struct sync *mutex; /* the only thing it is ever armed on, but for nothing */
    bool plain;         /* it has been armed on something else */
    /* I/O */
    uint32_t file, file_life;
    uint32_t announced, announced_done, retracted, retracted_done;
};

struct file {
    bool open, busy, bound, broken;
    uint32_t life;    /* which file it is */
    uint32_t creates; /* of objects bound to it, begun so far */
    uint32_t users;
    enum tpps_file kind;
};

struct request {
    struct object *io; /* NULL: unused */
    uintptr_t key;
    uint32_t opcode;
    enum { SENDING, SENT, TOLD, REFUSED } state;
    bool asked;  /* to end early */
    bool shared; /* another one has its key */
    struct memory *memory;
};

struct frame {
    struct object *object;
    tp_callback_instance_t *instance;
    bool detached, errand; /* errand: a cancel callback */
    struct sync *acquired[ACQUIRED];
    uint32_t acquired_count;
    struct sync *release; /* on return */
    uint32_t blocking;
};

struct actor {
    uint32_t lane; /* of a thread of the script; LANES: of somebody else */
    struct frame frames[FRAMES];
    uint32_t depth;
    struct pool *inside; /* a driven pool that it runs */
    uint32_t heard;      /* misuses */
    tp_status_t heard_status;
};

struct place {
    struct thing *now, *before;
};

struct world {
    const struct script *script;
    uint32_t budget;
    bool over; /* callbacks only count */
    bool faults;
    struct place table[TPI_KIND_COUNT][PLACES];
    struct pool pools[POOLS];
    struct object objects[OBJECTS];
    struct group groups[GROUPS];
    struct sync syncs[SYNCS];
    struct env envs[ENVS];
    struct file files[FILES];
    struct request requests[REQUESTS];
    uint32_t pool_count, object_count, group_count, sync_count, request_count;
    int64_t suspended, real; /* time asleep so far; what the wall clock is ahead of the clock */
    tp_callback_instance_t *old_instance; /* of some callback that began */
    bool default_used, driving;
    tpps_thread driver;
};
extern struct world world;
extern struct actor actors[ACTORS];

/* ---- model: what is allowed (capi_model.c) --------------------------------------------------- */

void learn(void); /* what other threads know */
struct actor *actor_self(void);
struct frame *frame_self(void);                /* NULL: in no callback */
bool frames_have(const struct object *object); /* not detached */
bool frames_in_group(const struct group *group);
bool frames_in_pool(const struct pool *pool);

#define BIT(status) (UINT64_C(1) << -(status))
#define RESOURCES (BIT(TP_ERR_NO_MEMORY) | BIT(TP_ERR_NO_THREAD))

/* Fails the run, or says so after it and aborts. */
_Noreturn void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Fails the run if the status is none of `allowed`. */
void expect(const char *function, tp_status_t status, uint64_t allowed);

/* A call on a handle: begun before it, judged after. `allowed` is what an open thing may give. */
struct call {
    struct thing *thing;
    bool was_closed;
    uint32_t heard;
};
struct call call_begin(struct thing *thing);
void call_end(const struct call *call, const char *function, tp_status_t status, uint64_t allowed);
void thing_ended(struct thing *thing);            /* a close has returned */
bool is_open(const struct thing *thing);          /* surely */
bool object_refuses(const struct object *object); /* its pool or group may be ending */
bool pool_may_be_shut(const struct pool *pool);

void posts_begin(struct object *object, uint32_t posts);
void posts_end(struct object *object, uint32_t posts, bool made);
void cancel_begins(struct object *object);
void cancel_ends(struct object *object, uint64_t seen, bool quiet); /* seen: `returned` before it */
void object_begins(struct object *object);
void object_ends(struct object *object, bool detached);
void pool_ends(struct pool *pool, bool cancel); /* a shutdown begins */
void pool_ended(struct pool *pool);
/* The members that it closes: bits by number. */
uint64_t members_begin(struct group *group, bool cancel);
void members_end(struct group *group, bool cancel, uint64_t members, bool closed);
bool model_balance(bool last); /* at the end, with everything quiet; complains the last time */
void model_after(void);        /* once the run is over */
void model_forget(void);       /* before the next */

/* ---- table ----------------------------------------------------------------------------------- */

/* The thing whose handle is passed, NULL if it is nobody's; *handle_out is the handle. */
struct thing *target_of(const struct op *op, enum tpi_kind kind, void **handle_out);
void put_in_table(enum tpi_kind kind, uint32_t place, struct thing *thing);
struct thing *in_table(enum tpi_kind kind, uint32_t place);
bool wants_current(const struct op *op);

int64_t some_time(uint32_t argument); /* never infinite */
int64_t boot_time(void);              /* no schedule point */
uint32_t lane_self(void);

#endif
