/* object.h - what the functions of all callback objects with a handle have in common. */
#ifndef TPI_CAPI_OBJECT_H
#define TPI_CAPI_OBJECT_H

#include "core/mem/slab.h"
#include "tp/types.h"

/* TP_ERR_ARGUMENT if `function` is NULL, TP_ERR_HANDLE if `env` is no environment, or what creating
 * it comes to; then *handle_out is NULL. */
tp_status_t tpi_capi_create(enum tpi_kind kind, void (*function)(void), void *context,
                            const tp_env_t *env, void **handle_out);

/* tp_X_wait and tp_X_close, but for the report of misuse. */
tp_status_t tpi_capi_wait(enum tpi_kind kind, const void *handle, bool cancel_pending,
                          int64_t timeout);
tp_status_t tpi_capi_close(enum tpi_kind kind, const void *handle);

#endif
