/* own.c - pools of one thread, for the callbacks that the library itself has to make. */
#include "capi/win32/base.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static tp_env_t *own_env, *file_env; /* for as long as the process lives */

static tp_env_t *make(void)
{
    tp_pool_config_t config = TP_POOL_CONFIG_INIT;
    tp_pool_t *pool;
    tp_env_t *env = NULL;
    config.thread_maximum = 1;
    config.name = "tp-win32";
    if (tp_pool_create(&config, &pool) != TP_OK)
        return NULL;
    if (tp_env_create(&env) != TP_OK || tp_env_set_pool(env, pool) != TP_OK) {
        (void)tp_env_destroy(env);
        (void)tp_pool_close(pool);
        return NULL;
    }
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
