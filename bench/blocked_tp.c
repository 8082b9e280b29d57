/* blocked_tp.c - tp among the pools with blocked callbacks, told of the blocking and not. */
#include <stdlib.h>

#include "bench/blocked.h"
#include "bench/measure.h"
#include "tp/tp.h"

static tp_pool_t *pool;
static tp_env_t *env;

struct call {
    void (*function)(void *context);
    void *context;
};

static void open_pool(unsigned threads_most)
{
    tp_pool_config_t config = TP_POOL_CONFIG_INIT;
    config.thread_maximum = threads_most;
    must(tp_pool_create(&config, &pool) == TP_OK);
    must(tp_env_create(&env) == TP_OK);
    must(tp_env_set_pool(env, pool) == TP_OK);
}

static void call(tp_callback_instance_t *instance, void *context)
{
    struct call *made = context;
    (void)instance;
    made->function(made->context);
    free(made);
}

static void submit(void (*function)(void *context), void *context)
{
    struct call *made = malloc(sizeof *made);
    must(made);
    *made = (struct call){function, context};
    must(tp_try_submit(call, made, env) == TP_OK);
}

static void block(void)
{
    must(tp_blocking_begin() == TP_OK);
}

static void close_pool(void)
{
    must(tp_pool_shutdown(pool, false, TP_INFINITE) == TP_OK);
    must(tp_env_destroy(env) == TP_OK);
}

/* A pool asks for a processor when it has a use for it, and so has its share once it has worked. */
static void check_and_close_pool(void)
{
    tp_pool_stats_t stats = TP_POOL_STATS_INIT;
    must(tp_pool_get_stats(pool, &stats) == TP_OK);
    must(stats.thread_target == tp_blocked.threads);
    close_pool();
}

const struct blocked_side tp_blocked = {
    .name = "tp",
    .about = "finds out by itself",
    .threads = 2,
    .open = open_pool,
    .submit = submit,
    .close = check_and_close_pool,
    .meets = true,
};

const struct blocked_side tp_told_blocked = {
    .name = "tp-told",
    .about = "told by tp_blocking_begin",
    .threads = 2,
    .open = open_pool,
    .submit = submit,
    .block = block,
    .close = close_pool,
    .meets = true,
};
