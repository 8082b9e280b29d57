/* user.h - for what stands in for the C library while the user's own code runs: capi/sim. */
#ifndef TPI_OS_SIM_USER_H
#define TPI_OS_SIM_USER_H

#include "core/os/sim/internal.h"

/* It lies above, so it brings its functions. */
struct tpps_user {
    void (*begin)(void);                         /* a run begins */
    void (*end)(void);                           /* it has passed so far; may note a failure */
    void (*fiber_start)(struct tpps_fiber *new); /* its stack is new */
    /* What it is that a fiber with the state TPPS_USER waits for, and who has it. */
    void (*tell)(const void *thing, char *text, size_t size);
    /* The system has done this to memory, as if the current fiber had. */
    void (*access)(const void *memory, size_t size, bool write);
};
extern const struct tpps_user *tpps_user_; /* NULL: nothing does */
const char *tpps_user_waits_(void);        /* who waits so for what, "" if nobody does */

void tpps_detach_(tpps_thread thread);     /* the run's end does not wait for it any more */
int64_t tpps_clock_(enum tpp_clock clock); /* what it says; no schedule point */
const char *tpps_symbol_data_(const void *address, size_t *offset_out); /* of a variable */

const uint8_t *tpps_section_(const void *address, const char *name, size_t *size_out,
                             uintptr_t *bias_out);

/* weak.c, where the run keeps track of what comes before what */
void tpps_weak_half_fence_(uint32_t slot, memory_order order);
void tpps_order_release_(const void *token); /* what this fiber did is seen by who acquires */
void tpps_order_acquire_(const void *token);
uint32_t tpps_order_time_(uint32_t slot); /* of what this fiber does now */
bool tpps_order_knows_(uint32_t slot, uint32_t other, uint32_t time); /* did it come before? */

#endif
