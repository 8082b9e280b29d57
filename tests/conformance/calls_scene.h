/* calls_scene.h - what the tests of timers and those of waits share: the record of an object's
 * callbacks, and the pool and environment it is made with.
 *
 * A callback is never early, in either world. Whether it is late can be told in the simulator only,
 * in cases with .no_early: there the clock stands still while anybody can run. */
#ifndef TESTS_CONFORMANCE_CALLS_SCENE_H
#define TESTS_CONFORMANCE_CALLS_SCENE_H

#include "tests/support/stage.h"

#define CALLS_KEPT 64u
#define LATE INT64_C(10000) /* simulator: what spinning may take, ns */
#define FAR_AWAY (3600 * STAGE_S)

/* What has become of an object. All zero at first. Runs are counted last. */
#define CALLS_FIELDS \
    stage_counter_t started, open, runs, released, cancelled, told; \
    struct stage_peak peak; \
    tpp_u64 at[CALLS_KEPT]; /* when its first callbacks began */ \
    tpp_u64 thread;         /* the last to run one */ \
    tpp_u32 begun; \
    tpp_u32 over; /* 1: nothing may run any more */ \
    tp_pool_t *pool;

struct calls {
    CALLS_FIELDS
};

/* The first member of what is an object's context. It has no name: its fields are those of the
 * struct it stands in, and `calls` is all of them. */
#define CALLS \
    union { \
        struct calls calls; \
        struct { \
            CALLS_FIELDS \
        }; \
    }

/* ---- callbacks ------------------------------------------------------------------------------- */

static inline void calls_begin(struct calls *calls)
{
    uint32_t nth = tpp_add_acq_rel(&calls->begun, 1);
    if (nth < CALLS_KEPT)
        tpp_store_release(&calls->at[nth], (uint64_t)stage_now());
    stage_expect_eq(tpp_load_acquire(&calls->over), 0);
    tpp_store_release(&calls->thread, stage_self());
}

static inline void calls_enter(struct calls *calls)
{
    stage_enter(&calls->peak);
    stage_add(&calls->started, 1);
}

static inline void calls_leave(struct calls *calls)
{
    stage_leave(&calls->peak);
    stage_add(&calls->runs, 1);
}

static inline void count_release(void *context)
{
    struct calls *calls = context;
    stage_add(&calls->released, 1);
}

static inline void count_cancel(void *object_context, void *cleanup_context)
{
    struct calls *calls = object_context;
    (void)cleanup_context;
    stage_add(&calls->cancelled, 1);
}

/* At that time or after it; in the simulator exactly then. */
#define expect_at(actual, due) expect_within(actual, due, due)
#define expect_within(actual, from, to) \
    do { \
        stage_expect((actual) >= (from)); \
        stage_expect(!stage_in_simulator || (actual) <= (to) + LATE); \
    } while (0)

/* ---- pools and environments ------------------------------------------------------------------ */

/* Several threads are there from the start, however few the processors. */
static inline tp_pool_t *scene_pool(uint32_t threads)
{
    return stage_pool(threads > 1 ? threads : 0, threads);
}

/* What is made with it counts in its context when that is released. */
static inline tp_env_t *scene_env(tp_pool_t *pool)
{
    tp_env_t *env = stage_env(pool);
    stage_expect_eq(tp_env_set_context_release(env, count_release), TP_OK);
    return env;
}

/* The object that these are the calls of has been closed. */
static inline void scene_leave(struct calls *calls, tp_env_t *env, tp_pool_t *pool)
{
    stage_await(&calls->released, 1);
    stage_expect_eq(tp_env_destroy(env), TP_OK);
    stage_expect_eq(tp_pool_close(pool), TP_OK);
}

#endif
