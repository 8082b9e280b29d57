/* user_atomic.c - atomic operations of instrumented code: schedule points, with their orders. */
#include <string.h>

#include "capi/sim/user_access.h"

#define HERE __builtin_return_address(0)

/* What a compiler passes is the order, perhaps with a hint for the processor. */
static memory_order order_of(int order)
{
    order &= 7;
    return order == __ATOMIC_CONSUME ? memory_order_acquire : (memory_order)order;
}

static bool begin(const volatile void *word, size_t size, enum tpi_user_access kind, const void *pc)
{
    return tpi_user_access(word, size, kind | TPI_USER_ATOMIC, pc) != NULL && tpps_weak_;
}

/* In a run there is one thread: what the operation itself needs is only to be one for real threads
 * outside of it. */
#define DECLARE(result, name, ...) \
    result name(__VA_ARGS__); \
    TPI_OF_TSAN result name(__VA_ARGS__)

#define DEFINE_LOAD_AND_STORE(bits, type) \
    DECLARE(type, __tsan_atomic##bits##_load, const volatile void *at, int order) \
    { \
        const volatile type *word = at; \
        bool known = begin(word, sizeof *word, TPI_USER_READ, HERE); \
        type value = __atomic_load_n(word, __ATOMIC_SEQ_CST); \
        if (known) \
            value = (type)tpps_weak_load_(word, value, order_of(order)); \
        return value; \
    } \
    DECLARE(void, __tsan_atomic##bits##_store, volatile void *at, type value, int order) \
    { \
        volatile type *word = at; \
        if (begin(word, sizeof *word, TPI_USER_WRITE, HERE)) \
            tpps_weak_store_(word, *word, value, order_of(order)); \
        __atomic_store_n(word, value, __ATOMIC_SEQ_CST); \
    }

#define DEFINE_CHANGE(bits, type, name, operation, new_value) \
    DECLARE(type, __tsan_atomic##bits##_##name, volatile void *at, type value, int order) \
    { \
        volatile type *word = at; \
        bool known = begin(word, sizeof *word, TPI_USER_WRITE, HERE); \
        type old = operation(word, value, __ATOMIC_SEQ_CST); \
        if (known) \
            tpps_weak_rmw_(word, old, (type)(new_value), order_of(order)); \
        return old; \
    }

/* One that fails has changed nothing, so whoever repeats it gets no further. */
#define DEFINE_COMPARE(bits, type) \
    static bool compare##bits(volatile type *word, type *expected, type value, int order, \
                              int failure, const void *pc) \
    { \
        bool swaps = *word == *expected, known, swapped; \
        known = begin(word, sizeof *word, swaps ? TPI_USER_WRITE : TPI_USER_READ, pc); \
        swapped = __atomic_compare_exchange_n(word, expected, value, false, __ATOMIC_SEQ_CST, \
                                              __ATOMIC_SEQ_CST); \
        if (swapped) \
            tpps_progress_(); \
        if (known && swapped) \
            tpps_weak_rmw_(word, *expected, value, order_of(order)); \
        else if (known) \
            *expected = (type)tpps_weak_load_(word, *expected, \
                                              (memory_order)(order_of(failure) | TPPS_NEWEST)); \
        return swapped; \
    } \
    DECLARE(bool, __tsan_atomic##bits##_compare_exchange_strong, volatile void *at, \
            void *expected, type value, int order, int failure) \
    { \
        return compare##bits(at, expected, value, order, failure, HERE); \
    } \
    DECLARE(bool, __tsan_atomic##bits##_compare_exchange_weak, volatile void *at, void *expected, \
            type value, int order, int failure) \
    { \
        return compare##bits(at, expected, value, order, failure, HERE); \
    } \
    DECLARE(type, __tsan_atomic##bits##_compare_exchange_val, volatile void *at, type expected, \
            type value, int order, int failure) \
    { \
        (void)compare##bits(at, &expected, value, order, failure, HERE); \
        return expected; \
    }

#define DEFINE_ALL(bits, type) \
    DEFINE_LOAD_AND_STORE(bits, type) \
    DEFINE_CHANGE(bits, type, exchange, __atomic_exchange_n, value) \
    DEFINE_CHANGE(bits, type, fetch_add, __atomic_fetch_add, old + value) \
    DEFINE_CHANGE(bits, type, fetch_sub, __atomic_fetch_sub, old - value) \
    DEFINE_CHANGE(bits, type, fetch_and, __atomic_fetch_and, old &value) \
    DEFINE_CHANGE(bits, type, fetch_or, __atomic_fetch_or, old | value) \
    DEFINE_CHANGE(bits, type, fetch_xor, __atomic_fetch_xor, old ^ value) \
    DEFINE_CHANGE(bits, type, fetch_nand, __atomic_fetch_nand, ~(old & value)) \
    DEFINE_COMPARE(bits, type)

DEFINE_ALL(8, uint8_t)
DEFINE_ALL(16, uint16_t)
DEFINE_ALL(32, uint32_t)
DEFINE_ALL(64, uint64_t)

/* ---- fences ---------------------------------------------------------------------------------- */

void __tsan_atomic_thread_fence(int order);
TPI_OF_TSAN void __tsan_atomic_thread_fence(int order)
{
    struct tpps_fiber *self = tpi_user_here();
    if (self == NULL || tpps_sim_.hook) {
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        return;
    }
    tpps_point_(TPPS_OP_USER_LOAD, NULL, NULL);
    if (!tpps_weak_)
        return;
    if (order_of(order) == memory_order_seq_cst)
        tpps_weak_fence_(tpps_slot_(self));
    else
        tpps_weak_half_fence_(tpps_slot_(self), order_of(order));
}

void __tsan_atomic_signal_fence(int order);
TPI_OF_TSAN void __tsan_atomic_signal_fence(int order)
{
    (void)order;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}
