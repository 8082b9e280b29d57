/* default_pool.c - the pool of the process, made by whoever needs it first. */
#include "core/object/default_pool.h"

static tpp_ptr default_pool; /* [DP1] */

tp_status_t tpi_default_pool(tpi_run_fn run, struct tpi_pool **pool_out)
{
    static const tp_pool_config_t defaults = TP_POOL_CONFIG_INIT;
    /* [DP1] acquire: a pool that is found is complete. */
    void *found = tpp_load_acquire(&default_pool);
    if (!found) {
        struct tpi_pool *made;
        void *handle;
        tp_status_t status = tpi_pool_create(&defaults, true, run, &made, &handle);
        if (status != TP_OK)
            return status;
        /* [DP1] release on success: the first wins, the others throw theirs away. */
        if (tpp_cas_acq_rel(&default_pool, &found, made))
            found = made;
        else
            tpi_pool_close(made);
    }
    *pool_out = found;
    return TP_OK;
}

void tpi_default_pool_reset(void)
{
    tpp_init(&default_pool, NULL);
}
