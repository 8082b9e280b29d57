/* planted.c - a little library on the public types, for abidiff.sh to break on purpose. */
#include "tp/types.h"

#define EXPORT __attribute__((visibility("default")))

EXPORT uint64_t planted_limits(const tp_pool_config_t *config);
uint64_t planted_limits(const tp_pool_config_t *config)
{
    return (uint64_t)config->thread_maximum + config->queue_limit;
}

#ifndef PLANTED_REMOVED
EXPORT int planted_compare(tp_status_t one, tp_status_t two);
int planted_compare(tp_status_t one, tp_status_t two)
{
    return one < two;
}
#endif

#ifdef PLANTED_ADDED
EXPORT uint32_t planted_kind(tp_waitable_t source);
uint32_t planted_kind(tp_waitable_t source)
{
    return source.kind;
}
#endif
