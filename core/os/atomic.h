/* atomic.h - the atomic operations the core may use, each named by its memory order.
 *
 * The core never writes `_Atomic`, `__atomic_*` or a default order. It declares its words with the
 * wrapper types below, so that a plain access does not compile, and touches them only through the
 * operations listed here. The back end (`tpp_atomic.h`, found in core/os/linux or core/os/sim by
 * include path) supplies them as macros, because the simulator makes each one a schedule point and
 * wants to know the line that made it.
 *
 *   types         tpp_u32, tpp_u64, tpp_ptr (a void *)
 *   before shared tpp_init(p, v)              plain store; nobody else may know the word yet
 *   to look       tpp_peek(p)                 relaxed load, no schedule point: asserts, dumps
 *   loads         tpp_load_relaxed(p)         tpp_load_acquire(p)
 *   stores        tpp_store_relaxed(p, v)     tpp_store_release(p, v)
 *   exchange      tpp_exchange_acq_rel(p, v)  returns the old value
 *   arithmetic    tpp_add_relaxed(p, v)       tpp_add_acq_rel(p, v)      return the old value
 *                 tpp_sub_relaxed(p, v)       tpp_sub_acq_rel(p, v)
 *   bits          tpp_or_acq_rel(p, v)        tpp_and_acq_rel(p, v)      return the old value
 *   compare-swap  tpp_cas_relaxed(p, &e, v)   tpp_cas_acquire(p, &e, v)
 *                 tpp_cas_release(p, &e, v)   tpp_cas_acq_rel(p, &e, v)
 *                 strong; true if swapped; on failure e is the value found, loaded with acquire
 *                 order for the acquire forms and relaxed otherwise
 *   fence         tpp_fence_seq_cst()
 *   spin hint     tpp_cpu_relax()             one turn of a spin loop; others may run
 *
 * Every operation that is not relaxed carries a tag such as [PK1] where it is used, and names the
 * access it pairs with; every relaxed one says why that is enough. */
#ifndef TPI_OS_ATOMIC_H
#define TPI_OS_ATOMIC_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    _Atomic(uint32_t) raw;
} tpp_u32;

typedef struct {
    _Atomic(uint64_t) raw;
} tpp_u64;

typedef struct {
    _Atomic(void *) raw;
} tpp_ptr;

#include "tpp_atomic.h"

#endif
