/* types.h - every noun of the interface: handles, status codes, constants, structs, callback types.
 *
 * Declares no function. Includes nothing but stddef.h, stdint.h and stdbool.h. */
#ifndef TP_TYPES_H
#define TP_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Marks what the library exports. */
#if defined(__GNUC__)
#define TP_API __attribute__((visibility("default")))
#else
#define TP_API
#endif

/** Marks results that must be looked at. Define it empty before the first include to be rid of the
 *  warning. */
#ifndef TP_NODISCARD
#if defined(__GNUC__)
#define TP_NODISCARD __attribute__((warn_unused_result))
#else
#define TP_NODISCARD
#endif
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Status ---------------------------------------------------------------------------------- */

/** Result of a call: 0 is success, every error is a negative constant that keeps its meaning. */
typedef int32_t tp_status_t;

/** The one list of status codes: X(name, value, one English sentence). It gives the constants
 *  below, tp_status_name(), tp_status_message(), and the constants of the language bindings. */
#define TP_STATUS_MAP(X) \
    X(TP_OK, 0, "The call succeeded.") \
    X(TP_ERR_ARGUMENT, -1, "An argument is out of range, NULL or an unknown flag.") \
    X(TP_ERR_HANDLE, -2, "The handle is not an open object of the kind the function wants.") \
    X(TP_ERR_VERSION, -3, "The struct_size belongs to no version of the struct known here.") \
    X(TP_ERR_NO_MEMORY, -4, "There was not enough memory.") \
    X(TP_ERR_NO_THREAD, -5, "A thread could not be created.") \
    X(TP_ERR_CLOSED, -6, "The pool or the cleanup group is closed or shutting down.") \
    X(TP_ERR_BUSY, -7, "The cleanup group still has members, or a queue limit is reached.") \
    X(TP_ERR_DEADLOCK, -8, "The call would wait for the callback that made it.") \
    X(TP_ERR_TIMEOUT, -9, "The time allowed ran out first.") \
    X(TP_ERR_TOO_MANY_THREADS, -10, "The pool has no thread to spare and may not add one.") \
    X(TP_ERR_NOT_OWNER, -11, "The calling thread does not own the mutex.") \
    X(TP_ERR_LIMIT, -12, "A counter would exceed its maximum.") \
    X(TP_ERR_UNSUPPORTED, -13, "This object or this release does not support the operation.") \
    X(TP_ERR_FORKED, -14, "The handle belongs to the process from which this one was forked.") \
    X(TP_ERR_STATE, -15, "The call is not allowed now, here or on this thread.") \
    X(TP_ERR_SYSTEM, -16, "The operating system refused; tp_last_errno() tells why.") \
    X(TP_ERR_EXISTS, -17, "The operation key is in flight, or the descriptor bound, already.")

#define TP_STATUS_ENUMERATOR_(name, value, message) name = value,
enum { TP_STATUS_MAP(TP_STATUS_ENUMERATOR_) };
#undef TP_STATUS_ENUMERATOR_

/* ---- Handles --------------------------------------------------------------------------------- */

/* A handle is a token with the shape of a pointer. It is never an address and must not be
 * dereferenced. NULL, garbage, a handle of another kind or of a closed object give TP_ERR_HANDLE,
 * from every function, on any thread, at any time, and change nothing; only closing NULL is
 * TP_OK. */

/** A set of worker threads and their queues (PTP_POOL). */
typedef struct tp_pool tp_pool_t;
/** The choices copied into an object at its creation (TP_CALLBACK_ENVIRON). */
typedef struct tp_env tp_env_t;
/** A callback that can be submitted again and again (PTP_WORK). */
typedef struct tp_work tp_work_t;
typedef struct tp_timer tp_timer_t;
/** A callback when something is signaled, or a time has run out before (PTP_WAIT). */
typedef struct tp_wait tp_wait_t;
/** A callback for each operation on a descriptor that is completed (PTP_IO). */
typedef struct tp_io tp_io_t;
/** Objects that are waited for and closed together (PTP_CLEANUP_GROUP). */
typedef struct tp_cleanup_group tp_cleanup_group_t;
/** One run of one callback, valid in it and on its thread only (PTP_CALLBACK_INSTANCE). */
typedef struct tp_callback_instance tp_callback_instance_t;
/** A flag to wait for, manual or automatic reset (an event HANDLE). */
typedef struct tp_event tp_event_t;
/** A counter to wait for (a semaphore HANDLE). */
typedef struct tp_semaphore tp_semaphore_t;
/** A recursive lock owned by a thread, which knows when its owner ended (a mutex HANDLE). */
typedef struct tp_mutex tp_mutex_t;

/* ---- Constants ------------------------------------------------------------------------------- */

/** No time limit. Times are int64_t nanoseconds; 0 is "at once", a negative timeout is refused. */
#define TP_INFINITE 0x7fffffffffffffff

/** TP_PRIORITY_HIGH, TP_PRIORITY_NORMAL or TP_PRIORITY_LOW. */
typedef uint32_t tp_priority_t;

/** Order in which a free thread of a pool takes what is queued. */
enum { TP_PRIORITY_HIGH = 0, TP_PRIORITY_NORMAL = 1, TP_PRIORITY_LOW = 2 };

/** Flags of tp_pool_config_t. TP_POOL_CALLER_DRIVEN: no threads of its own, see tp_pool_run(). */
enum { TP_POOL_CALLER_DRIVEN = 1 };

/** The clocks of tp_timer_spec_t and tp_wait_spec_t. */
enum {
    TP_CLOCK_RELATIVE = 0,
    TP_CLOCK_REALTIME = 1,
    TP_CLOCK_MONOTONIC = 2,
    TP_CLOCK_BOOTTIME = 3
};

/** Flags of tp_timer_spec_t. */
enum { TP_TIMER_SKIP_MISSED = 1 };

/** I/O back ends, in tp_pool_config_t and tp_pool_stats_t. */
enum { TP_IO_BACKEND_AUTO = 0, TP_IO_BACKEND_EPOLL = 1, TP_IO_BACKEND_URING = 2 };

/** How a wait ended: one of TP_WAIT_*. */
typedef uint32_t tp_wait_result_t;

/** The object was signaled; a semaphore gave one count, a mutex is now owned. */
#define TP_WAIT_SIGNALED 0u
/** The mutex is now owned, and its former owner ended without releasing it. */
#define TP_WAIT_ABANDONED 0x80u
/** The time ran out first; nothing was taken. */
#define TP_WAIT_TIMEOUT 0x102u
/** The descriptor went bad. */
#define TP_WAIT_FAILED 0xFFFFFFFFu

/* ---- Callbacks ------------------------------------------------------------------------------- */

/* Callbacks must not unwind (C++ exception, Rust panic, longjmp) into the library. `context` is
 * what was given when the object was created; `instance` serves the functions of tp/instance.h. */

/** Body of tp_try_submit(), and the finalizer of an environment. */
typedef void (*tp_simple_fn)(tp_callback_instance_t *instance, void *context);

/** Body of a work object. `work` keeps its value after a close, though only for comparing. */
typedef void (*tp_work_fn)(tp_callback_instance_t *instance, void *context, tp_work_t *work);
typedef void (*tp_timer_fn)(tp_callback_instance_t *instance, void *context, tp_timer_t *timer);
/** Body of a wait; `result` is one of TP_WAIT_*. */
typedef void (*tp_wait_fn)(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                           tp_wait_result_t result);

/** Body of an I/O object, for one completed operation: its key; 0 or a positive errno; and what
 *  was transferred (the new descriptor for TP_IO_ACCEPT, the mask for TP_IO_POLL). */
typedef void (*tp_io_fn)(tp_callback_instance_t *instance, void *context, void *operation,
                         int32_t error, uint64_t bytes, tp_io_t *io);

/** Called once for each member that tp_cleanup_group_close_members() cancels. */
typedef void (*tp_cancel_fn)(void *object_context, void *cleanup_context);

/** Gives back the context of an object: called once, when the object is gone for good. */
typedef void (*tp_release_fn)(void *context);

/** Told of every detected misuse: the function called, what it returned, and which handle and why.
 *  The strings are valid during the call only. */
typedef void (*tp_misuse_fn)(void *context, const char *function, tp_status_t status,
                             const char *message);

/* ---- Structs --------------------------------------------------------------------------------- */

/* A struct that starts with struct_size may be shorter than the library's own (missing fields count
 * as zero; shorter than its first published size is TP_ERR_VERSION) or longer (the rest must be
 * zero, else TP_ERR_VERSION). Start from TP_..._INIT or tp_..._init(): both set struct_size and
 * make every other field zero, which means the default. Unknown flags and reserved fields that are
 * not zero give TP_ERR_ARGUMENT. */

/** Where the library takes its memory from, see tp_set_allocator(). */
typedef struct tp_allocator {
    uint32_t struct_size; /**< sizeof(tp_allocator_t) */
    uint32_t reserved;    /**< 0 */
    /** Returns `size` bytes aligned to `alignment`, a power of two, or NULL. Any thread. */
    void *(*alloc)(void *context, size_t size, size_t alignment);
    /** Takes back what alloc gave, with the same size; `memory` is never NULL. Any thread. */
    void (*free)(void *context, void *memory, size_t size);
    void *context; /**< handed to both */
} tp_allocator_t;

/** How tp_pool_create() makes a pool. */
typedef struct tp_pool_config {
    uint32_t struct_size;    /**< sizeof(tp_pool_config_t) */
    uint32_t flags;          /**< 0, or TP_POOL_CALLER_DRIVEN: see tp_pool_run() */
    uint32_t thread_minimum; /**< threads kept for ever, 0..4000 */
    uint32_t thread_maximum; /**< threads at most, 1..4000; 0 = 500; at least the minimum */
    uint64_t stack_reserve;  /**< bytes of stack of a new thread; 0 = process default */
    uint64_t stack_commit;   /**< bytes; kept and told, no other effect; 0 = process default */
    int64_t idle_timeout;    /**< ns a surplus thread stays idle before it retires; 0 = default */
    uint32_t queue_limit;    /**< simple callbacks pending before TP_ERR_BUSY; 0 = no limit */
    uint32_t io_backend;     /**< TP_IO_BACKEND_* */
    const char *name;        /**< prefix of the threads' names, copied; NULL = "tp-worker" */
    void (*on_thread_start)(void *hook_context); /**< first on each new thread; NULL = none */
    void (*on_thread_stop)(void *hook_context);  /**< last on each ending thread; NULL = none */
    void *hook_context;                          /**< handed to both */
    int64_t stall_threshold; /**< 0 = never; another value gives TP_ERR_UNSUPPORTED in 0.1 */
} tp_pool_config_t;

/** When a timer expires: tp_timer_set(). Initialise with TP_TIMER_SPEC_INIT or tp_timer_spec_init.
 *
 *  clock    What `due` means. TP_CLOCK_RELATIVE: from now; time in which the machine sleeps does
 *           not count. TP_CLOCK_REALTIME: a point in time, ns since 1970 UTC; the timer follows the
 *           wall clock when that is set. TP_CLOCK_MONOTONIC: a point on CLOCK_MONOTONIC.
 *           TP_CLOCK_BOOTTIME: from now; time in which the machine sleeps counts.
 *  due      What is past, or relative and not above 0, expires at once, within tp_timer_set.
 *           TP_INFINITE: the timer is armed and never expires.
 *  period   From one expiry to the next; 0: it expires once. The times form a grid, due + k *
 *           period, however late a callback runs. Who wakes up late by several periods finds one
 *           expiry, and the next at the next time of the grid. After the first expiry the grid
 *           counts on the monotonic clock (TP_CLOCK_BOOTTIME: on that one).
 *  window   By how much each expiry may be delayed, so that timers share a wake-up: it comes in
 *           [due, due + window], never early. What is due at once is not delayed.
 *  flags    TP_TIMER_SKIP_MISSED: an expiry that finds an earlier post of this timer still pending
 *           adds none. Without it posts of a slow callback pile up, and all run. */
typedef struct tp_timer_spec {
    uint32_t struct_size; /**< sizeof(tp_timer_spec_t) */
    uint32_t clock;       /**< TP_CLOCK_* */
    int64_t due;          /**< ns */
    int64_t period;       /**< ns, not negative */
    int64_t window;       /**< ns, not negative */
    uint32_t flags;       /**< 0, or TP_TIMER_SKIP_MISSED */
    uint32_t reserved;    /**< 0 */
} tp_timer_spec_t;

/** Something to wait for. Built only by the functions tp_waitable_*(); the fields are private. */
typedef struct tp_waitable {
    uint32_t kind, detail;
    uint64_t value;
} tp_waitable_t;

/** What tp_pool_get_stats() tells. Set struct_size before the call. Each number is exact by itself;
 *  together they fit exactly once the pool is idle: submitted = executed + cancelled. */
typedef struct tp_pool_stats {
    uint32_t struct_size;            /**< sizeof(tp_pool_stats_t), set by the caller */
    uint32_t io_backend;             /**< TP_IO_BACKEND_* in use; AUTO while none is */
    uint32_t threads;                /**< threads alive */
    uint32_t idle_threads;           /**< of these, asleep for lack of work */
    uint32_t running;                /**< callbacks running */
    uint32_t thread_minimum;         /**< as set */
    uint32_t thread_maximum;         /**< as set */
    uint32_t threads_peak;           /**< most threads alive at once so far */
    uint64_t pending[3];             /**< posts queued, by priority */
    uint64_t submitted;              /**< posts queued so far */
    uint64_t executed;               /**< callbacks finished so far */
    uint64_t cancelled;              /**< posts dropped so far */
    uint64_t stolen;                 /**< posts one thread took from another's queue */
    uint64_t threads_created;        /**< threads started so far */
    uint64_t threads_retired;        /**< threads ended so far */
    uint64_t threads_injected;       /**< threads added because callbacks blocked */
    uint64_t thread_create_failures; /**< attempts to start a thread that failed */
    uint64_t timers_armed;           /**< timers that are set and have an expiry to come */
    uint64_t waits_armed;            /**< waits that are armed */
    uint64_t io_in_flight;           /**< I/O operations announced or in flight */
    uint64_t oldest_pending_ns;      /**< age of the oldest post queued; 0 in 0.1 */
    uint64_t queue_wait_ns_total;    /**< sum of times between post and start; 0 in 0.1 */
    uint64_t run_ns_total;           /**< time threads were awake, up to each one's last sleep */
    uint32_t thread_target;          /**< processors it may fill now: its share; 0 if none yet */
    uint32_t threads_blocked;        /**< threads in callbacks that are known to block now */
    uint64_t thread_cap_reached;     /**< times a thread was wanted and the maximum forbade it */
} tp_pool_stats_t;

/* Initialisers: C names the fields; C++11 has no names there and lists all of them in order. */
#ifdef __cplusplus
#define TP_POOL_CONFIG_INIT \
    { \
        sizeof(tp_pool_config_t), 0, 0, 0, 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL, 0 \
    }
#define TP_POOL_STATS_INIT \
    { \
        sizeof(tp_pool_stats_t), 0, 0, 0, 0, 0, 0, 0, {0, 0, 0}, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, \
            0, 0, 0, 0, 0, 0 \
    }
#else
#define TP_POOL_CONFIG_INIT \
    { \
        .struct_size = sizeof(tp_pool_config_t), .flags = 0, .thread_minimum = 0, \
        .thread_maximum = 0, .stack_reserve = 0, .stack_commit = 0, .idle_timeout = 0, \
        .queue_limit = 0, .io_backend = 0, .name = NULL, .on_thread_start = NULL, \
        .on_thread_stop = NULL, .hook_context = NULL, .stall_threshold = 0 \
    }
#define TP_POOL_STATS_INIT \
    { \
        .struct_size = sizeof(tp_pool_stats_t), .io_backend = 0, .threads = 0, .idle_threads = 0, \
        .running = 0, .thread_minimum = 0, .thread_maximum = 0, .threads_peak = 0, \
        .pending = {0, 0, 0}, .submitted = 0, .executed = 0, .cancelled = 0, .stolen = 0, \
        .threads_created = 0, .threads_retired = 0, .threads_injected = 0, \
        .thread_create_failures = 0, .timers_armed = 0, .waits_armed = 0, .io_in_flight = 0, \
        .oldest_pending_ns = 0, .queue_wait_ns_total = 0, .run_ns_total = 0, .thread_target = 0, \
        .threads_blocked = 0, .thread_cap_reached = 0 \
    }
#endif

#ifdef __cplusplus
}
#endif

#endif
