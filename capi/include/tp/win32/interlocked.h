/* interlocked.h - the atomic operations of Windows, each a full barrier. */
#ifndef TP_WIN32_INTERLOCKED_H
#define TP_WIN32_INTERLOCKED_H

#include "tp/win32/types.h"

#define MemoryBarrier() __sync_synchronize()
#define _ReadWriteBarrier() __atomic_signal_fence(__ATOMIC_SEQ_CST)

static inline void YieldProcessor(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* For a type: Interlocked<Op><suffix>. Those that count give the new value, the others the old. */
#define TPW_INTERLOCKED_(suffix, type) \
    static inline type InterlockedIncrement##suffix(type volatile *target) \
    { \
        return (type)(__atomic_add_fetch(target, 1, __ATOMIC_SEQ_CST)); \
    } \
    static inline type InterlockedDecrement##suffix(type volatile *target) \
    { \
        return (type)(__atomic_sub_fetch(target, 1, __ATOMIC_SEQ_CST)); \
    } \
    static inline type InterlockedExchange##suffix(type volatile *target, type value) \
    { \
        return __atomic_exchange_n(target, value, __ATOMIC_SEQ_CST); \
    } \
    static inline type InterlockedExchangeAdd##suffix(type volatile *target, type value) \
    { \
        return __atomic_fetch_add(target, value, __ATOMIC_SEQ_CST); \
    } \
    static inline type InterlockedAdd##suffix(type volatile *target, type value) \
    { \
        return (type)(__atomic_add_fetch(target, value, __ATOMIC_SEQ_CST)); \
    } \
    static inline type InterlockedAnd##suffix(type volatile *target, type value) \
    { \
        return __atomic_fetch_and(target, value, __ATOMIC_SEQ_CST); \
    } \
    static inline type InterlockedOr##suffix(type volatile *target, type value) \
    { \
        return __atomic_fetch_or(target, value, __ATOMIC_SEQ_CST); \
    } \
    static inline type InterlockedXor##suffix(type volatile *target, type value) \
    { \
        return __atomic_fetch_xor(target, value, __ATOMIC_SEQ_CST); \
    } \
    static inline type InterlockedCompareExchange##suffix(type volatile *target, type value, \
                                                          type expected) \
    { \
        __atomic_compare_exchange_n(target, &expected, value, 0, __ATOMIC_SEQ_CST, \
                                    __ATOMIC_SEQ_CST); \
        return expected; \
    }

TPW_INTERLOCKED_(, LONG)
TPW_INTERLOCKED_(64, LONG64)
TPW_INTERLOCKED_(16, SHORT)
#undef TPW_INTERLOCKED_

static inline PVOID InterlockedExchangePointer(PVOID volatile *target, PVOID value)
{
    return __atomic_exchange_n(target, value, __ATOMIC_SEQ_CST);
}

static inline PVOID InterlockedCompareExchangePointer(PVOID volatile *target, PVOID value,
                                                      PVOID expected)
{
    __atomic_compare_exchange_n(target, &expected, value, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    return expected;
}

/* More than they ask for. */
#define InterlockedIncrementNoFence InterlockedIncrement
#define InterlockedDecrementNoFence InterlockedDecrement
#define InterlockedIncrementAcquire InterlockedIncrement
#define InterlockedDecrementRelease InterlockedDecrement
#define InterlockedCompareExchangeAcquire InterlockedCompareExchange
#define InterlockedCompareExchangeRelease InterlockedCompareExchange
#define InterlockedExchangeAddSizeT(target, value) \
    ((SIZE_T)InterlockedExchangeAdd64((LONG64 volatile *)(target), (LONG64)(value)))

#endif
