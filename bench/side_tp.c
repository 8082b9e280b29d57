/* side_tp.c - tp as a side: simple callbacks and work objects on a private pool. */
#include <stdlib.h>

#include "bench/measure.h"
#include "bench/side.h"

struct tp_sided {
    tp_pool_t *pool;
    tp_env_t *envs[3]; /* by priority */
};

static void *open_pool(unsigned workers, unsigned outside)
{
    struct tp_sided *sided = malloc(sizeof *sided);
    tp_pool_config_t config = TP_POOL_CONFIG_INIT;
    (void)outside;
    must(sided);
    config.thread_maximum = workers;
    /* On its own the pool grows to the number of processors; more have to be asked for. */
    config.thread_minimum = workers > processor_count() ? workers : 0;
    must(tp_pool_create(&config, &sided->pool) == TP_OK);
    for (tp_priority_t priority = 0; priority < 3; priority++) {
        must(tp_env_create(&sided->envs[priority]) == TP_OK);
        must(tp_env_set_pool(sided->envs[priority], sided->pool) == TP_OK);
        must(tp_env_set_priority(sided->envs[priority], priority) == TP_OK);
    }
    return sided;
}

static void close_pool(void *pool)
{
    struct tp_sided *sided = pool;
    for (tp_priority_t priority = 0; priority < 3; priority++)
        must(tp_env_destroy(sided->envs[priority]) == TP_OK);
    must(tp_pool_close(sided->pool) == TP_OK);
    free(sided);
}

static void inside(void *pool, void (*function)(void *argument), void *argument)
{
    (void)pool;
    function(argument);
}

static void submit(void *pool, const struct body *body, void *context)
{
    struct tp_sided *sided = pool;
    must(tp_try_submit(body->simple, context, sided->envs[TP_PRIORITY_NORMAL]) == TP_OK);
}

static void submit_at(void *pool, tp_priority_t priority, const struct body *body, void *context)
{
    struct tp_sided *sided = pool;
    must(tp_try_submit(body->simple, context, sided->envs[priority]) == TP_OK);
}

static void *prepare(void *pool, const struct body *body, void *context)
{
    struct tp_sided *sided = pool;
    tp_work_t *work;
    must(tp_work_create(body->work, context, sided->envs[TP_PRIORITY_NORMAL], &work) == TP_OK);
    return work;
}

static void post(void *object, uint32_t posts)
{
    if (posts == 1)
        must(tp_work_submit(object) == TP_OK);
    else
        must(tp_work_submit_many(object, posts) == TP_OK);
}

static void discard(void *object)
{
    must(tp_work_close(object) == TP_OK);
}

const struct side tp_side = {
    .name = "tp",
    .open = open_pool,
    .close = close_pool,
    .inside = inside,
    .submit = submit,
    .submit_at = submit_at,
};

const struct side tp_work_side = {
    .name = "tp-work",
    .open = open_pool,
    .close = close_pool,
    .inside = inside,
    .prepare = prepare,
    .post = post,
    .discard = discard,
};
