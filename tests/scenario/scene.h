/* scene.h - what the engine's scenarios are written with: short calls that fail the run at once.
 *
 * A scenario runs on the simulator, watched by the oracle, and closes all it made before it ends:
 *
 *     SCENE(park__one_post_wakes_the_sleeper)
 *     {
 *         tp_pool_t *pool = scene_pool(0, 2);
 *         tp_work_t *work = scene_work(count_up, NULL, &(struct scene_choice){.pool = pool});
 *         scene_submit(work, 1);
 *         scene_finish(work);
 *         scene_close_pool(pool);
 *         tpps_check(scene_value(0) == 1);
 *     }
 *
 * Where faults are swept, a creation may fail for lack of memory or threads. Then it and all that
 * follow give NULL, and every call here accepts a NULL and does nothing. */
#ifndef TESTS_SCENARIO_SCENE_H
#define TESTS_SCENARIO_SCENE_H

#include "core/os/sim/sim.h"
#include "tests/scenario/oracle.h"
#include "tests/sim/runner.h"
#include "tp/tp.h"

#define SCENE(name) \
    static void name(void); \
    static void name##_entry(void *arg) \
    { \
        (void)arg; \
        scene_begin(); \
        name(); \
        scene_end(); \
    } \
    static void name(void)

/* A row of the table of scenarios. The memory of slabs dies with the run; threads do not. */
#define SCENE_ROW(scene) \
    .name = #scene, .entry = scene##_entry, .leaks_allowed = true, .no_fibers_left = true
#define SCENE_COUNT(table) (sizeof(table) / sizeof *(table))

void scene_begin(void);
void scene_end(void);
int scene_main(int argc, char **argv, const struct tpps_scenario *table, size_t count);

/* The scenario leaves so many pools alive: the default pool. */
void scene_keeps(uint32_t pools);

/* True if all went well so far: no creation has failed. */
bool scene_complete(void);

/* ---- making and closing ---------------------------------------------------------------------- */

struct scene_choice {
    tp_pool_t *pool; /* NULL: the default pool, if `default_pool` */
    bool default_pool;
    tp_priority_t priority_plus_one; /* 0: normal */
    uint32_t limit;
    tp_cleanup_group_t *group;
    tp_cancel_fn cancel;
    tp_release_fn release;
    bool runs_long;
    bool persistent;
    tp_simple_fn finalizer;
};
#define SCENE_HIGH (TP_PRIORITY_HIGH + 1)
#define SCENE_NORMAL (TP_PRIORITY_NORMAL + 1)
#define SCENE_LOW (TP_PRIORITY_LOW + 1)

tp_pool_t *scene_pool(uint32_t minimum, uint32_t maximum);
tp_pool_t *scene_pool_idle(uint32_t minimum, uint32_t maximum, int64_t idle_timeout);
tp_pool_t *scene_pool_config(const tp_pool_config_t *config);
tp_pool_t *scene_driven(uint32_t maximum); /* by its callers; 0: as many as may be */
int scene_flag_of(tp_pool_t *pool);        /* the descriptor of such a pool */
void scene_close_pool(tp_pool_t *pool);
void scene_minimum(tp_pool_t *pool, uint32_t minimum);
void scene_maximum(tp_pool_t *pool, uint32_t maximum);
tp_env_t *scene_env(const struct scene_choice *choice);
tp_work_t *scene_work(tp_work_fn function, void *context, const struct scene_choice *choice);
tp_work_t *scene_pool_work(tp_pool_t *pool, tp_work_fn function, void *context);
bool scene_simple(tp_simple_fn function, void *context, const struct scene_choice *choice);
tp_cleanup_group_t *scene_group(void);
void scene_close_group(tp_cleanup_group_t *group);

/* Creations may fail: the command line sweeps faults. */
bool scene_sweeps(void);

/* True: made. False: a resource failed, as may be where faults are swept. Else the run fails. */
bool scene_made(tp_status_t status);

/* ---- using ----------------------------------------------------------------------------------- */

void scene_submit(tp_work_t *work, uint32_t posts);
void scene_wait(tp_work_t *work);
void scene_cancel(tp_work_t *work); /* and waits */
void scene_close(tp_work_t *work);
void scene_finish(tp_work_t *work); /* waits, then closes */

tp_pool_stats_t scene_stats(tp_pool_t *pool); /* all zero for NULL */

/* TP_OK, or TP_ERR_HANDLE because somebody else closed it: true if TP_OK. */
bool scene_or_stale(tp_status_t status);

/* ---- silence --------------------------------------------------------------------------------- */

/* Events that pollers tell of in that time, while nothing changes: a few, until each thread has
 * looked once more. Who spins is told hundreds of times. */
#define SCENE_SILENCE 20
uint64_t scene_told_in(int64_t ns);

/* ---- words that scenarios share with their callbacks, zero at the start ---------------------- */

enum { SCENE_WORDS = 18 };
void scene_add(uint32_t word, uint32_t amount);
uint32_t scene_next(uint32_t word); /* adds one; returns the value before */
uint32_t scene_value(uint32_t word);
void scene_await(uint32_t word, uint32_t at_least);
bool scene_await_for(uint32_t word, uint32_t at_least, int64_t ns); /* false: it took longer */

/* From now on the word counts what the misuse hook is told. */
void scene_count_misuses(uint32_t word);

/* A callback: adds one to the word whose number is its context. */
void scene_count(tp_callback_instance_t *instance, void *context, tp_work_t *work);
void scene_count_simple(tp_callback_instance_t *instance, void *context);
void scene_count_release(void *context);
void scene_count_cancel(void *context, void *cleanup_context);
#define SCENE_WORD(number) ((void *)(uintptr_t)(number))

#endif
