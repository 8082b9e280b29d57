/* source.h - what a tp_waitable_t means. */
#ifndef TPI_CAPI_SOURCE_H
#define TPI_CAPI_SOURCE_H

#include "core/sched/waits.h"

/* The values of tp_waitable_t.kind. */
enum {
    TPI_WAITABLE_INVALID,
    TPI_WAITABLE_NEVER,
    TPI_WAITABLE_OBJECT,  /* value: the handle */
    TPI_WAITABLE_FILE,    /* value: the descriptor; detail: states */
    TPI_WAITABLE_PROCESS, /* value: the descriptor */
    TPI_WAITABLE_SIGNAL,  /* value: its number */
};

/* Fills in what of `wanted` is about the source. TP_ERR_HANDLE for one that is of no open object,
 * TP_ERR_ARGUMENT for states that poll(2) does not know. */
tp_status_t tpi_source_judge(const tp_waitable_t *source, struct tpi_wanted *wanted);

#endif
