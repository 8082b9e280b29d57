/* pool_scene.h - what the tests of timers and those of waits in a pool share: letters that tell the
 * order, a thread that is never idle, and callbacks that meet. */
#ifndef TESTS_CONFORMANCE_POOL_SCENE_H
#define TESTS_CONFORMANCE_POOL_SCENE_H

#include "tests/support/stage.h"

/* ---- order ----------------------------------------------------------------------------------- */

/* The context of what tells by its letter that it has run. */
struct logger {
    struct stage_log *log;
    char letter;
};

static inline void log_letter(void *context)
{
    struct logger *logger = context;
    stage_log_add(logger->log, logger->letter);
}

static inline void log_work(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)work;
    log_letter(context);
}

/* ---- a thread that is never idle ------------------------------------------------------------- */

/* A work object that submits itself until something else has run, or somebody gives up. */
struct chain {
    stage_counter_t *until;
    stage_counter_t runs;
    int64_t end;
    tp_work_t *work;
};

static inline void submit_again(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct chain *chain = context;
    (void)instance;
    if (stage_in_simulator)
        stage_pass(STAGE_MS);
    stage_add(&chain->runs, 1);
    if (stage_value(chain->until) == 0 && stage_now() < chain->end)
        stage_expect_eq(tp_work_submit(work), TP_OK);
}

/* From here on what is made with the environment does not count its release. */
static inline void chain_begin(struct chain *chain, tp_env_t *env, stage_counter_t *until)
{
    *chain = (struct chain){.until = until, .end = stage_now() + 30 * STAGE_S};
    stage_expect_eq(tp_env_set_context_release(env, NULL), TP_OK);
    chain->work = stage_work(submit_again, chain, env);
}

/* It runs when this returns. */
static inline void chain_start(struct chain *chain)
{
    stage_expect_eq(tp_work_submit(chain->work), TP_OK);
    stage_await(&chain->runs, 1);
}

static inline void chain_end(struct chain *chain)
{
    stage_expect_eq(tp_work_wait(chain->work, false, TP_INFINITE), TP_OK);
    stage_expect(stage_now() < chain->end); /* nobody gave up */
    stage_expect_eq(tp_work_close(chain->work), TP_OK);
}

/* ---- callbacks that meet --------------------------------------------------------------------- */

/* Two of them are inside when this returns. */
static inline void meet(stage_counter_t *inside)
{
    stage_add(inside, 1);
    stage_await(inside, 2);
}

#endif
