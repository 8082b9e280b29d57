/* init.c - the exported twins of the TP_..._INIT macros, for languages that see only symbols. */
#include "tp/io.h"
#include "tp/library.h"
#include "tp/timer.h"
#include "tp/wait.h"

/* A caller hands over a struct of the version it was compiled with. Each function here writes the
 * struct of TP_1.0 and must never write more: when a struct grows, the larger twin gets a symbol
 * version of its own (name@@TP_1.1) and this one stays for the programs bound to TP_1.0. */

void tp_allocator_init(tp_allocator_t *allocator)
{
    static const tp_allocator_t initial = TP_ALLOCATOR_INIT;

    if (allocator != NULL)
        *allocator = initial;
}

void tp_pool_config_init(tp_pool_config_t *config)
{
    static const tp_pool_config_t initial = TP_POOL_CONFIG_INIT;

    if (config != NULL)
        *config = initial;
}

void tp_timer_spec_init(tp_timer_spec_t *spec)
{
    static const tp_timer_spec_t initial = TP_TIMER_SPEC_INIT;

    if (spec != NULL)
        *spec = initial;
}

void tp_wait_spec_init(tp_wait_spec_t *spec)
{
    static const tp_wait_spec_t initial = TP_WAIT_SPEC_INIT;

    if (spec != NULL)
        *spec = initial;
}

void tp_io_op_init(tp_io_op_t *op)
{
    static const tp_io_op_t initial = TP_IO_OP_INIT;

    if (op != NULL)
        *op = initial;
}

void tp_pool_stats_init(tp_pool_stats_t *stats)
{
    static const tp_pool_stats_t initial = TP_POOL_STATS_INIT;

    if (stats != NULL)
        *stats = initial;
}
