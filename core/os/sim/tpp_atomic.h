/* tpp_atomic.h (sim) - the operations of core/os/atomic.h, each one a schedule point.
 *
 * The operation itself is done here, in the code that uses it, and not in the simulator: in a build
 * with ThreadSanitizer the simulator is not instrumented but this code is, so the sanitizer sees a
 * real atomic access with the declared order and judges by that order alone. In any other build
 * there is one thread, a relaxed access is enough, and weak mode may replace what a load found by
 * an older value that the declared orders allow. */
#ifndef TPI_OS_SIM_ATOMIC_H
#define TPI_OS_SIM_ATOMIC_H

#include <stdatomic.h>

/* What a schedule point is about; kept small, it goes into the trace hash. */
enum tpps_op {
    TPPS_OP_NONE,
    TPPS_OP_LOAD,
    TPPS_OP_STORE,
    TPPS_OP_RMW,
    TPPS_OP_CAS,
    TPPS_OP_FENCE,
    TPPS_OP_RELAX,
    TPPS_OP_WAIT,
    TPPS_OP_WAKE,
    TPPS_OP_THREAD,
    TPPS_OP_JOIN,
    TPPS_OP_SLEEP,
    TPPS_OP_CLOCK,
    TPPS_OP_ALLOC,
    TPPS_OP_FREE,
    TPPS_OP_POLLER,
    TPPS_OP_USER,
    TPPS_OP_USER_LOAD, /* the same, but nothing has come of it yet */
    TPPS_OP_COUNT
};

#define TPPS_TEXT_2(x) #x
#define TPPS_TEXT(x) TPPS_TEXT_2(x)
#define TPPS_SITE __FILE__ ":" TPPS_TEXT(__LINE__)

void tpps_point_(enum tpps_op op, const volatile void *word, const char *site);
void tpps_relax_(const char *site);
void tpps_progress_(void);
void tpps_fence_(const char *site);

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TPPS_TSAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__) && !defined(TPPS_TSAN)
#define TPPS_TSAN 1
#endif

#ifdef TPPS_TSAN
#define TPPS_ORDER(order) (order)
#define TPPS_WEAK 0
#else
#define TPPS_ORDER(order) memory_order_relaxed
#define TPPS_WEAK __builtin_expect(tpps_weak_, 0)
#endif
extern int tpps_weak_; /* 1: the run has a weak memory */
uint64_t tpps_weak_load_(const volatile void *word, uint64_t newest, memory_order order);
void tpps_weak_store_(const volatile void *word, uint64_t old, uint64_t value, memory_order order);
void tpps_weak_rmw_(const volatile void *word, uint64_t old, uint64_t value, memory_order order);
void tpps_weak_init_(const volatile void *word, uint64_t value);

#define TPPS_INLINE static inline __attribute__((always_inline, unused))

/* IN and OUT carry a value to and from the 64 bits that weak mode keeps. */
#define TPPS_DEFINE_ACCESS(T, word_t, value_t, IN, OUT) \
    TPPS_INLINE void tpps_##T##_init(word_t *p, value_t v) \
    { \
        atomic_store_explicit(&p->raw, v, memory_order_relaxed); \
        if (TPPS_WEAK) \
            tpps_weak_init_(&p->raw, IN v); \
    } \
    TPPS_INLINE value_t tpps_##T##_peek(const word_t *p) \
    { \
        return atomic_load_explicit(&p->raw, memory_order_relaxed); \
    } \
    TPPS_INLINE value_t tpps_##T##_load(const word_t *p, memory_order order, const char *site) \
    { \
        value_t v; \
        tpps_point_(TPPS_OP_LOAD, &p->raw, site); \
        v = atomic_load_explicit(&p->raw, TPPS_ORDER(order)); \
        if (TPPS_WEAK) \
            v = OUT tpps_weak_load_(&p->raw, IN v, order); \
        return v; \
    } \
    TPPS_INLINE void tpps_##T##_store(word_t *p, value_t v, memory_order order, const char *site) \
    { \
        tpps_point_(TPPS_OP_STORE, &p->raw, site); \
        if (TPPS_WEAK) \
            tpps_weak_store_(&p->raw, IN tpps_##T##_peek(p), IN v, order); \
        atomic_store_explicit(&p->raw, v, TPPS_ORDER(order)); \
    } \
    TPPS_INLINE value_t tpps_##T##_exchange(word_t *p, value_t v, memory_order order, \
                                            const char *site) \
    { \
        value_t old; \
        tpps_point_(TPPS_OP_RMW, &p->raw, site); \
        old = atomic_exchange_explicit(&p->raw, v, TPPS_ORDER(order)); \
        if (TPPS_WEAK) \
            tpps_weak_rmw_(&p->raw, IN old, IN v, order); \
        return old; \
    } \
    TPPS_INLINE bool tpps_##T##_cas(word_t *p, value_t *e, value_t v, memory_order success, \
                                    memory_order failure, const char *site) \
    { \
        bool swapped; \
        tpps_point_(TPPS_OP_CAS, &p->raw, site); \
        swapped = atomic_compare_exchange_strong_explicit(&p->raw, e, v, TPPS_ORDER(success), \
                                                          TPPS_ORDER(failure)); \
        if (swapped) \
            tpps_progress_(); \
        if (TPPS_WEAK && swapped) \
            tpps_weak_rmw_(&p->raw, IN *e, IN v, success); \
        else if (TPPS_WEAK) \
            *e = OUT tpps_weak_load_(&p->raw, IN * e, (memory_order)(failure | TPPS_NEWEST)); \
        return swapped; \
    }

#define TPPS_DEFINE_FETCH(T, word_t, value_t, name, new_value) \
    TPPS_INLINE value_t tpps_##T##_##name(word_t *p, value_t v, memory_order order, \
                                          const char *site) \
    { \
        value_t old; \
        tpps_point_(TPPS_OP_RMW, &p->raw, site); \
        old = atomic_fetch_##name##_explicit(&p->raw, v, TPPS_ORDER(order)); \
        if (TPPS_WEAK) \
            tpps_weak_rmw_(&p->raw, (uint64_t)old, (uint64_t)(value_t)(new_value), order); \
        return old; \
    }

#define TPPS_DEFINE_NUMBER(T, word_t, value_t) \
    TPPS_DEFINE_ACCESS(T, word_t, value_t, (uint64_t), (value_t)) \
    TPPS_DEFINE_FETCH(T, word_t, value_t, add, old + v) \
    TPPS_DEFINE_FETCH(T, word_t, value_t, sub, old - v) \
    TPPS_DEFINE_FETCH(T, word_t, value_t, or, old | v) \
    TPPS_DEFINE_FETCH(T, word_t, value_t, and, old &v)

/* A failed compare-and-swap reads the newest value: the strong form never fails on a stale one. */
#define TPPS_NEWEST 0x100

TPPS_DEFINE_NUMBER(u32, tpp_u32, uint32_t)
TPPS_DEFINE_NUMBER(u64, tpp_u64, uint64_t)
TPPS_DEFINE_ACCESS(ptr, tpp_ptr, void *, (uint64_t)(uintptr_t), (void *)(uintptr_t))

#define TPPS_NUMBER(p, name) _Generic((p), tpp_u32 * : tpps_u32_##name, tpp_u64 * : tpps_u64_##name)
#define TPPS_ANY(p, name) \
    _Generic((p), tpp_u32 *            \
             : tpps_u32_##name,        \
               const tpp_u32 *         \
             : tpps_u32_##name,        \
               tpp_u64 *               \
             : tpps_u64_##name,        \
               const tpp_u64 *         \
             : tpps_u64_##name,        \
               tpp_ptr *               \
             : tpps_ptr_##name,        \
               const tpp_ptr *         \
             : tpps_ptr_##name)

#define tpp_init(p, v) TPPS_ANY(p, init)((p), (v))
#define tpp_peek(p) TPPS_ANY(p, peek)(p)
#define tpp_load_relaxed(p) TPPS_ANY(p, load)((p), memory_order_relaxed, TPPS_SITE)
#define tpp_load_acquire(p) TPPS_ANY(p, load)((p), memory_order_acquire, TPPS_SITE)
#define tpp_store_relaxed(p, v) TPPS_ANY(p, store)((p), (v), memory_order_relaxed, TPPS_SITE)
#define tpp_store_release(p, v) TPPS_ANY(p, store)((p), (v), memory_order_release, TPPS_SITE)
#define tpp_exchange_acq_rel(p, v) TPPS_ANY(p, exchange)((p), (v), memory_order_acq_rel, TPPS_SITE)
#define tpp_add_relaxed(p, v) TPPS_NUMBER(p, add)((p), (v), memory_order_relaxed, TPPS_SITE)
#define tpp_add_acq_rel(p, v) TPPS_NUMBER(p, add)((p), (v), memory_order_acq_rel, TPPS_SITE)
#define tpp_sub_relaxed(p, v) TPPS_NUMBER(p, sub)((p), (v), memory_order_relaxed, TPPS_SITE)
#define tpp_sub_acq_rel(p, v) TPPS_NUMBER(p, sub)((p), (v), memory_order_acq_rel, TPPS_SITE)
#define tpp_or_acq_rel(p, v) TPPS_NUMBER(p, or)((p), (v), memory_order_acq_rel, TPPS_SITE)
#define tpp_and_acq_rel(p, v) TPPS_NUMBER(p, and)((p), (v), memory_order_acq_rel, TPPS_SITE)
#define tpp_cas_relaxed(p, e, v) \
    TPPS_ANY(p, cas)((p), (e), (v), memory_order_relaxed, memory_order_relaxed, TPPS_SITE)
#define tpp_cas_acquire(p, e, v) \
    TPPS_ANY(p, cas)((p), (e), (v), memory_order_acquire, memory_order_acquire, TPPS_SITE)
#define tpp_cas_release(p, e, v) \
    TPPS_ANY(p, cas)((p), (e), (v), memory_order_release, memory_order_relaxed, TPPS_SITE)
#define tpp_cas_acq_rel(p, e, v) \
    TPPS_ANY(p, cas)((p), (e), (v), memory_order_acq_rel, memory_order_acquire, TPPS_SITE)

/* ThreadSanitizer does not model fences: give it a read-modify-write that orders the same way. */
#ifdef TPPS_TSAN
extern _Atomic(uint32_t) tpps_tsan_fence_word_;
#define tpp_fence_seq_cst() \
    (tpps_fence_(TPPS_SITE), \
     (void)atomic_fetch_add_explicit(&tpps_tsan_fence_word_, 1, memory_order_seq_cst))
#else
#define tpp_fence_seq_cst() tpps_fence_(TPPS_SITE)
#endif

#define tpp_cpu_relax() tpps_relax_(TPPS_SITE)

#endif
