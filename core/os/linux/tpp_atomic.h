/* tpp_atomic.h (linux) - the operations of core/os/atomic.h as the compiler's own atomics. */
#ifndef TPI_OS_LINUX_ATOMIC_H
#define TPI_OS_LINUX_ATOMIC_H

#include <stdatomic.h>

#define tpp_init(p, v) atomic_store_explicit(&(p)->raw, (v), memory_order_relaxed)
#define tpp_peek(p) atomic_load_explicit(&(p)->raw, memory_order_relaxed)
#define tpp_load_relaxed(p) atomic_load_explicit(&(p)->raw, memory_order_relaxed)
#define tpp_load_acquire(p) atomic_load_explicit(&(p)->raw, memory_order_acquire)
#define tpp_store_relaxed(p, v) atomic_store_explicit(&(p)->raw, (v), memory_order_relaxed)
#define tpp_store_release(p, v) atomic_store_explicit(&(p)->raw, (v), memory_order_release)
#define tpp_exchange_acq_rel(p, v) atomic_exchange_explicit(&(p)->raw, (v), memory_order_acq_rel)
#define tpp_add_relaxed(p, v) atomic_fetch_add_explicit(&(p)->raw, (v), memory_order_relaxed)
#define tpp_add_acq_rel(p, v) atomic_fetch_add_explicit(&(p)->raw, (v), memory_order_acq_rel)
#define tpp_sub_relaxed(p, v) atomic_fetch_sub_explicit(&(p)->raw, (v), memory_order_relaxed)
#define tpp_sub_acq_rel(p, v) atomic_fetch_sub_explicit(&(p)->raw, (v), memory_order_acq_rel)
#define tpp_or_acq_rel(p, v) atomic_fetch_or_explicit(&(p)->raw, (v), memory_order_acq_rel)
#define tpp_and_acq_rel(p, v) atomic_fetch_and_explicit(&(p)->raw, (v), memory_order_acq_rel)
#define tpp_cas_(p, e, v, success, failure) \
    atomic_compare_exchange_strong_explicit(&(p)->raw, (e), (v), (success), (failure))
#define tpp_cas_relaxed(p, e, v) tpp_cas_(p, e, v, memory_order_relaxed, memory_order_relaxed)
#define tpp_cas_acquire(p, e, v) tpp_cas_(p, e, v, memory_order_acquire, memory_order_acquire)
#define tpp_cas_release(p, e, v) tpp_cas_(p, e, v, memory_order_release, memory_order_relaxed)
#define tpp_cas_acq_rel(p, e, v) tpp_cas_(p, e, v, memory_order_acq_rel, memory_order_acquire)

/* ThreadSanitizer does not model fences: give it a read-modify-write that orders the same way. */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TPP_TSAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__) || defined(TPP_TSAN)
extern _Atomic(uint32_t) tpp_tsan_fence_word;
#define tpp_fence_seq_cst() \
    ((void)atomic_fetch_add_explicit(&tpp_tsan_fence_word, 1, memory_order_seq_cst))
#else
#define tpp_fence_seq_cst() atomic_thread_fence(memory_order_seq_cst)
#endif

#if defined(__x86_64__) || defined(__i386__)
#define tpp_cpu_relax() __builtin_ia32_pause()
#elif defined(__aarch64__)
#define tpp_cpu_relax() __asm__ volatile("yield")
#else
#define tpp_cpu_relax() ((void)0)
#endif

#endif
