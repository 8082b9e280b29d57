/* many.h - objects of all kinds that many threads use at random: what is known of each.
 *
 * One set of operations for two worlds: real threads (many_stress_test.c), and the fibers of the
 * simulator (../scenario/many_scenarios.c), each of which brings what is declared first, and a
 * macro `must`, which any thread may use. Then it calls many_build, has its threads call many_act,
 * and calls many_end.
 *
 * What is due is counted as an application would: one for each post, each time a timer or a wait is
 * set, each operation started, each completion announced. One less for each callback, and whenever
 * a call tells that it took an arming away. It never falls below zero. In the end nothing is due of
 * an object, unless it was allowed to lose something; it was released once, closed once at most;
 * nothing of it ran after its end; and each pool has begun as many callbacks as there were. */
#ifndef TESTS_STRESS_MANY_H
#define TESTS_STRESS_MANY_H

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "core/mem/slab.h"
#include "core/mem/token.h"
#include "core/os/os.h"
#include "tp/tp.h"

/* ---- what each world brings ------------------------------------------------------------------ */

/* MANY_TABLE: objects that all know; MANY_MEMBERS: of a group of one's own; MANY_PASSING: pools
 * that come and go at a time; MANY_PERIOD_US. */
enum {
    MANY_POOLS = 5,
    MANY_DEFAULT = 2,
    MANY_DRIVEN = 3,
    MANY_OPS = 6,
    MANY_BYTES = 16,
    MANY_PLACES = 4
};

enum many_file { MANY_STREAM, MANY_SOCKET, MANY_DISK, MANY_FILES };

static uint32_t many_roll(uint64_t *dice, uint32_t sides); /* 0 .. sides - 1 */
static uint64_t many_dice(const void *callback, uint32_t nth);
static bool many_lacks(tp_status_t status); /* a resource was refused, and that may be here */
static void many_give_up(void);             /* so much that nobody can go on: ends the run */
static void many_pause(uint64_t *dice);     /* some time passes, or none */

/* A file to operate on and its other side, -1 if it has none. */
static void many_open(enum many_file kind, int *fd, int *peer);
static void many_close(int fd, int peer);
static void many_talk(enum many_file kind, int fd, int peer, uint64_t *dice);
static void many_hang_up(enum many_file kind, int fd, int peer); /* what is in flight can end now */

/* Descriptors to wait for: some are closed and opened anew all the time, under the same numbers. */
static int many_place(uint32_t place);
static void many_stir(uint32_t place, uint64_t *dice);
static tp_waitable_t many_process(void); /* ended or not */
static tp_waitable_t many_signals(void);
static void many_signal(void);

/* ---- records --------------------------------------------------------------------------------- */

enum many_kind { MANY_WORK, MANY_SIMPLE, MANY_TIMER, MANY_WAIT, MANY_IO, MANY_KINDS };
enum many_source {
    MANY_SEMAPHORE, /* not for those that may lose a unit */
    MANY_AUTOMATIC,
    MANY_MANUAL,
    MANY_MUTEX,
    MANY_NEVER,
    MANY_PLACE,
    MANY_PROCESS,
    MANY_SIGNAL,
    MANY_SOURCES
};
enum many_state { MANY_UNUSED, MANY_STARTED, MANY_TOLD };

struct many_op {
    struct many_thing *owner;
    tpp_u32 state;
    char bytes[MANY_BYTES];
};

/* An object, whose context this is. */
struct many_thing {
    enum many_kind kind;
    uint32_t pool; /* MANY_POOLS: one that came and went */
    bool lossy;    /* what is due may be dropped */
    bool grouped;  /* and it may be closed by its group, or by a shutdown of its pool */
    bool periodic; /* a timer that expires by itself: nobody knows how often */
    bool made;
    enum many_source source; /* of a wait */
    enum many_file file;     /* of an I/O object */
    int fd, peer;
    tpp_ptr handle;
    tpp_u32 due, ran, running, finalized, released, closed, cancels;
    tpp_u32 sealed;         /* nothing may run any more */
    tpp_u32 detached;       /* a callback of it was disassociated */
    tpp_u32 users, leaving; /* inside a call with it; none may begin any more */
    tpp_u32 holds;          /* of its files: the object's and the table's */
    tpp_u32 ops_used;
    struct many_op ops[MANY_OPS];
};

/* Who calls: a thread, or a callback on it. */
struct many_hand {
    uint64_t *dice;
    tp_env_t *env;             /* NULL: makes one when it needs it */
    struct many_thing *inside; /* the callback's */
    tp_callback_instance_t *instance;
};

static struct {
    struct many_thing *things;
    uint32_t capacity;
    tpp_u32 thing_count;
    tpp_u32 table[MANY_TABLE]; /* one more than the number of a thing; 0: none */
    tp_pool_t *pools[MANY_POOLS];
    tp_cleanup_group_t *group; /* whose members anybody closes */
    tp_env_t *env;             /* which all share */
    tp_event_t *automatic, *manual;
    tp_semaphore_t *semaphore;
    tp_mutex_t *mutex;
    tpp_ptr victim; /* an event that anybody closes */
    uint64_t guarded, ran[MANY_KINDS];
    uint64_t before; /* callbacks of the default pool, which is older than this */
    tpp_u32 units;   /* of the semaphore that somebody has */
    tpp_u32 budget;  /* of callbacks that may still do something */
    tpp_u32 meddling, alive, passing;
    tpp_u32 calls, meddled, deadlocks, groups, shutdowns, refused, told, lost;
} many;

enum { MANY_UNITS = 3 };

static struct many_thing *many_pick(struct many_hand *hand)
{
    uint32_t number = tpp_load_acquire(&many.table[many_roll(hand->dice, MANY_TABLE)]);
    return number ? &many.things[number - 1] : NULL;
}

static void *many_handle(struct many_thing *thing)
{
    return tpp_load_acquire(&thing->handle);
}

/* Whoever wants to be sure of its end has to know that nobody is in a call with it. */
static bool many_enter(struct many_thing *thing)
{
    tpp_add_acq_rel(&thing->users, 1);
    tpp_fence_seq_cst();
    if (!tpp_load_acquire(&thing->leaving))
        return true;
    tpp_sub_acq_rel(&thing->users, 1);
    tpp_wake(&thing->users, 1);
    return false;
}

static void many_leave(struct many_thing *thing)
{
    tpp_sub_acq_rel(&thing->users, 1);
    tpp_wake(&thing->users, 1);
}

/* False: somebody else does. */
static bool many_let_nobody_enter(struct many_thing *thing)
{
    uint32_t users;
    if (tpp_exchange_acq_rel(&thing->leaving, 1))
        return false;
    tpp_fence_seq_cst();
    while ((users = tpp_load_acquire(&thing->users)) > 0)
        tpp_wait(&thing->users, users, TPP_FOREVER);
    return true;
}

/* ---- what is due ----------------------------------------------------------------------------- */

static void many_owe(struct many_thing *thing, uint32_t count)
{
    tpp_add_acq_rel(&thing->due, count);
}

static void many_settle(struct many_thing *thing, uint32_t count)
{
    must(tpp_sub_acq_rel(&thing->due, count) >= count);
}

static void many_drop_hold(struct many_thing *thing)
{
    if (tpp_sub_acq_rel(&thing->holds, 1) == 1 && thing->kind == MANY_IO)
        many_close(thing->fd, thing->peer);
}

/* What a call said that may meet a closed object, group or pool; true: TP_OK. */
static bool many_went(struct many_thing *thing, tp_status_t status)
{
    if (status != TP_OK)
        tpp_add_relaxed(&many.refused, 1);
    must(status == TP_OK || status == TP_ERR_HANDLE || many_lacks(status) ||
         (status == TP_ERR_CLOSED && thing->grouped));
    return status == TP_OK;
}

/* ---- its end, as the library tells ----------------------------------------------------------- */

static void many_on_release(void *context)
{
    struct many_thing *thing = context;
    must(tpp_add_acq_rel(&thing->released, 1) == 0);
    must(tpp_load_acquire(&thing->running) == 0);
    many_drop_hold(thing);
    tpp_sub_acq_rel(&many.alive, 1);
    tpp_wake(&many.alive, 1);
}

static void many_on_cancel(void *context, void *cleanup_context)
{
    struct many_thing *thing = context;
    must(cleanup_context == NULL || cleanup_context == &many);
    must(thing->lossy && tpp_load_acquire(&thing->released) == 0);
    must(tpp_add_acq_rel(&thing->cancels, 1) == 0);
}

#endif
