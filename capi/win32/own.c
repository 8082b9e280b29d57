/* own.c - pools of one thread, for the callbacks that the library itself has to make. */
#include "capi/win32/base.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static tp_env_t *own_env, *file_env; /* for as long as the process lives */
static uint32_t forks;               /* changes only where there is one thread */

/* In the child of a fork the pools are the parent's; the next who needs one makes it anew. */
static void begin_child(void)
{
    pthread_mutex_init(&lock, NULL);
    own_env = file_env = NULL;
    forks++;
    tpw_watch_fork();
}

__attribute__((constructor)) static void watch_forks(void)
{
    (void)pthread_atfork(NULL, NULL, begin_child);
}

uint32_t tpw_forks(void)
{
    return forks;
}

static tp_env_t *make(void)
{
    tp_pool_config_t config = TP_POOL_CONFIG_INIT;
    tp_pool_t *pool;
    tp_env_t *env = NULL;
    config.thread_maximum = 1;
    config.name = "tp-win32";
    if (tp_pool_create(&config, &pool) != TP_OK)
        return NULL;
    if (tp_env_create(&env) == TP_OK)
        (void)tp_env_set_pool(env, pool);
    else
        (void)tp_pool_close(pool);
    return env;
}

static tp_env_t *get(tp_env_t **kept)
{
    pthread_mutex_lock(&lock);
    if (!*kept)
        *kept = make();
    tp_env_t *env = *kept;
    pthread_mutex_unlock(&lock);
    return env;
}

tp_env_t *tpw_own_env(void)
{
    return get(&own_env);
}

tp_env_t *tpw_file_env(void)
{
    return get(&file_env);
}
