/* timer.h - a timer: an object that expiries post. */
#ifndef TPI_OBJECT_TIMER_H
#define TPI_OBJECT_TIMER_H

#include "core/object/object.h"
#include "core/time/timers.h"

struct tpi_timer {
    struct tpi_object object;
    struct tpi_arming arming; /* under the lock of its pool's reactor */
};

/* The functions behind a handle. TP_ERR_HANDLE if it went stale meanwhile. */
tp_status_t tpi_timer_set(struct tpi_timer *timer, uint32_t generation, const tp_timer_spec_t *spec,
                          bool *was_armed_out);
tp_status_t tpi_timer_is_set(struct tpi_timer *timer, uint32_t generation, bool *is_set_out);

#endif
