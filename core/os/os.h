/* os.h - the platform contract: everything the core may ask of the system beneath it.
 *
 * Two back ends keep it: core/os/linux is the product, core/os/sim runs the very same core on
 * fibers in one thread with a virtual clock. Apart from these functions and atomic.h the core makes
 * no system call, takes no libc lock and reads no clock. Preconditions everywhere: pointers are not
 * NULL, times are nanoseconds, TPP_FOREVER means no deadline. Nothing here sets errno for its
 * caller; a failure is a positive errno value as the result, 0 is success. */
#ifndef TPI_OS_H
#define TPI_OS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/os/atomic.h"

#define TPP_FOREVER INT64_MAX

/* ---- sleeping and waking ------------------------------------------------------------------ */

/* Sleeps while *word == expected, until woken or until the monotonic clock reaches `deadline_ns`.
 * Returns false only if the deadline was reached; true may be spurious: callers loop. Interruption
 * by a signal never shortens the sleep. No memory order is implied. */
bool tpp_wait(tpp_u32 *word, uint32_t expected, int64_t deadline_ns);

/* The same, and after the deadline it returns as soon as the system can make it; tpp_wait may be
 * later, so that the system can share wake-ups. Costs a few system calls more if there is a
 * deadline. */
bool tpp_wait_exact(tpp_u32 *word, uint32_t expected, int64_t deadline_ns);

/* Wakes up to `count` sleepers of `word`. The word's memory is not touched, so it may already
 * belong to somebody else: at worst a stranger wakes spuriously. */
void tpp_wake(tpp_u32 *word, uint32_t count);

/* ---- threads ------------------------------------------------------------------------------ */

struct tpp_thread_options {
    uint64_t stack_size; /* bytes, rounded up to what the system wants; 0: the process default */
    const char *name;    /* at most 15 characters are used; NULL: none */
};

/* Starts a detached thread that runs body(argument). All asynchronous signals are blocked in it
 * from its first instruction. Returns 0 or a positive errno (EAGAIN, ENOMEM ...). */
int tpp_thread_start(void (*body)(void *), void *argument,
                     const struct tpp_thread_options *options);

/* A number that no other thread of this process has now; never 0. */
uint64_t tpp_thread_id(void);

/* One pointer that belongs to the calling thread; NULL in a new thread. If it is not NULL when the
 * thread ends, the function given to tpp_local_at_exit runs with it, on that thread. The function
 * is one for the whole process: every call names the same. */
#include "tpp_local.h" /* void *tpp_local(void) */
void tpp_local_set(void *value);
void tpp_local_at_exit(void (*function)(void *value));

/* What the kernel says a thread is doing: runnable or running ('R'), asleep in the kernel ('S',
 * 'D'), stopped ('T'), or unknown ('?', also where the system hides it). */
char tpp_thread_state(uint64_t thread_id);

/* CPU time the thread has used so far, ns; -1 if it is gone or the system does not tell. */
int64_t tpp_thread_cpu_time(uint64_t thread_id);

/* The processor this thread runs on: a hint. */
uint32_t tpp_cpu(void);

/* How many processors this process may use, at least 1: its affinity, cut by the quotas of its
 * control groups and their ancestors, unless the environment variable TP_CPUS names a number. Read
 * anew at each call, which opens files: not for a hot path. */
uint32_t tpp_cpu_count(void);

/* The stack a thread gets when none is asked for, and the smallest one allowed, in bytes. */
uint64_t tpp_stack_default(void);
uint64_t tpp_stack_minimum(void);

/* Runs guard->body(argument) as if it were called.
 * - If the thread ends inside body (pthread_exit, or a cancellation that the code in body has made
 *   possible), guard->ended(argument) runs on that thread, innermost guard first, while the frames
 *   of whoever called tpp_guarded still stand; then the thread goes on to end: next the guard
 *   around this one, at last the function given to tpp_local_at_exit.
 * - If an exception of another language is thrown in body and not caught there, the process ends
 *   at once, before any frame is left: guard->describe(argument, text, size) says what was running,
 *   and that stands in the message on standard error.
 * Leaving body by longjmp is undefined. */
struct tpp_guard {
    void (*body)(void *argument);
    void (*ended)(void *argument);
    void (*describe)(void *argument, char *text, size_t size);
};
void tpp_guarded(const struct tpp_guard *guard, void *argument);

/* Names the function that runs in the child of a fork, on its only thread, before fork returns
 * there; what this layer keeps for itself (thread numbers, the alarm) is in order by then. No other
 * thread exists and none will let go of what it held. Every call names the same function. Nothing
 * runs in the parent. 0, or ENOMEM: then a child is not told. */
int tpp_at_fork(void (*child)(void));

/* ---- time --------------------------------------------------------------------------------- */

enum tpp_clock { TPP_CLOCK_MONOTONIC, TPP_CLOCK_REALTIME, TPP_CLOCK_BOOTTIME };
#define TPP_CLOCK_COUNT 3u
int64_t tpp_now(enum tpp_clock clock);

/* The alarm of the process: one thread waits for it, any thread sets it. Setting costs a system
 * call at most and does not wake the waiter before the time; the last set counts, and replaces one
 * that has not ended a wait yet. A wait returns once the time has come (never earlier), and the
 * alarm is off until it is set again; while it is off the wait costs nothing. Neither can fail:
 * what the system refuses is made up for by a sleep that setting interrupts.
 * A wait returns TPP_ALARM_CLOCK, which may come early, for nothing, and with the alarm still set,
 * once REALTIME or BOOTTIME has jumped against MONOTONIC: the wall clock was set, or the machine
 * has slept. Where the system cannot tell of that (ask tpp_alarm_tells_jumps) it never does. */
enum tpp_alarm { TPP_ALARM_TIME, TPP_ALARM_CLOCK, TPP_ALARM_READY };
void tpp_alarm_set(int64_t delay_ns);
enum tpp_alarm tpp_alarm_wait(void);
bool tpp_alarm_tells_jumps(void);

/* Has a wait return TPP_ALARM_READY, with the alarm still set, as soon as a wait in that poller
 * would find an event: once for each call, also if there is one already; once may do for several
 * pollers, and it may come for nothing. False if the system cannot: then it never does. Undone by
 * tpp_alarm_unwatch and by closing the poller. Any thread. */
struct tpp_poller;
bool tpp_alarm_watch(struct tpp_poller *poller);
void tpp_alarm_unwatch(struct tpp_poller *poller);

/* ---- memory ------------------------------------------------------------------------------- */

/* `alignment` is a power of two. NULL when memory is out. The memory is not zeroed. tpp_free wants
 * the size given to tpp_alloc. Both pass through the allocator set by tpp_memory_hooks, if any. */
void *tpp_alloc(size_t size, size_t alignment);
void tpp_free(void *memory, size_t size);

/* The same for memory that will all be used and never be given back: the system may map it in
 * larger pages. NULL too where the application brought an allocator of its own, which may not like
 * such sizes. */
void *tpp_alloc_large(size_t size, size_t alignment);
struct tpp_memory_hooks {
    void *(*alloc)(void *context, size_t size, size_t alignment);
    void (*free)(void *context, void *memory, size_t size);
    void *context;
};
void tpp_memory_hooks(const struct tpp_memory_hooks *hooks); /* before the first tpp_alloc */

/* ---- foreign things an application hands in ------------------------------------------------ */

/* Unlocks a pthread_mutex_t that the calling thread has locked. 0 or a positive errno. */
int tpp_user_mutex_unlock(void *pthread_mutex);

/* Takes a reference of one's own on a loaded library; gives one back. 0 or a positive errno. */
int tpp_library_pin(void *dlopen_handle, void **own_handle);
int tpp_library_close(void *dlopen_handle);

/* False only if it is sure that no code of the library is on the calling thread's stack, so that
 * closing its last reference here takes nothing away that somebody would return to. */
bool tpp_library_on_stack(void *dlopen_handle);

/* ---- odds and ends ------------------------------------------------------------------------- */

uint32_t tpp_random(void); /* good enough to spread load; never a secret */

/* Tells observers that something happened at this very place: nothing on Linux but a static probe,
 * in the simulator a call of the scenario's oracle without a schedule point in between. */
enum tpp_probe {
    TPP_PROBE_PUBLISH,    /* task, priority: now in a queue where any claim can see it */
    TPP_PROBE_SCAN,       /* pool, worker: a look through the queues begins */
    TPP_PROBE_DEQUEUE,    /* task, priority: taken out of its queue in order to be claimed */
    TPP_PROBE_CLAIM,      /* task, runs: a callback of it is about to run, `runs` at once now */
    TPP_PROBE_DROP,       /* task, posts: that many pending posts were cancelled */
    TPP_PROBE_UNPUBLISH,  /* task, priority: taken out of its queue because it was cancelled */
    TPP_PROBE_FINISH,     /* task, 0: a callback of it is over, waiters may have been let go */
    TPP_PROBE_IDLE,       /* pool, worker: its idle bit is set */
    TPP_PROBE_WAKE,       /* pool, worker: its idle bit was taken in order to wake it */
    TPP_PROBE_SPAWN,      /* pool, threads now */
    TPP_PROBE_RETIRE,     /* pool, threads now */
    TPP_PROBE_USER_ENTER, /* task, 0: user code begins (no lock of the library may be held) */
    TPP_PROBE_USER_LEAVE, /* task, 0 */
    TPP_PROBE_LOCK,       /* lock, 0 */
    TPP_PROBE_UNLOCK,     /* lock, 0 */
    TPP_PROBE_FREE,       /* object, kind: gone for good */
};
/* tpp_called(const void *subject): user code calls the interface about this, or, NULL, has done. */
#include "tpp_probe.h" /* tpp_probe(enum tpp_probe, const void *subject, uint64_t value) */

/* Ends the process as the return of its last thread would: exit handlers run, the status is 0. */
_Noreturn void tpp_exit(void);

/* Writes all of the text, also in a signal handler. Returns 0 or a positive errno. */
int tpp_print(int descriptor, const char *text, size_t size);

/* The process cannot go on: says so on standard error and aborts. */
_Noreturn void tpp_abort(const char *message);

/* ---- readiness ----------------------------------------------------------------------------- */

/* A poller waits for descriptors. One thread sleeps in it at a time; others may look, which is a
 * wait whose deadline has passed, and may add, modify, remove and kick, at any time, also while one
 * sleeps. Masks are those of poll(2); POLLERR and POLLHUP are always among them. A descriptor is
 * told of in every wait for as long as its state lasts, or, with TPP_POLL_ONCE in the mask, in one
 * wait: then it is silent until it is modified. `key` comes back with each event; an event for a
 * removed key may still come once, late: keys carry their own generation. */
#define TPP_POLL_ONCE 0x10000u
struct tpp_poller_event {
    uint64_t key;
    uint32_t events;
};
int tpp_poller_open(struct tpp_poller **poller_out);
void tpp_poller_close(struct tpp_poller *poller);
int tpp_poller_add(struct tpp_poller *poller, int descriptor, uint32_t events, uint64_t key);
int tpp_poller_modify(struct tpp_poller *poller, int descriptor, uint32_t events, uint64_t key);
int tpp_poller_remove(struct tpp_poller *poller, int descriptor);

/* Waits until an event, a kick or the monotonic deadline, whichever is first, and returns as soon
 * after the deadline as the system can make it; fills at most `capacity` events and returns how
 * many (0: kick or deadline, or for nothing). A kick that comes while nobody waits ends the next
 * sleep at once; several may end one. */
uint32_t tpp_poller_wait(struct tpp_poller *poller, struct tpp_poller_event *events,
                         uint32_t capacity, int64_t deadline_ns);
void tpp_poller_kick(struct tpp_poller *poller);

/* A flag that poll(2) can wait for: the descriptor is readable while it is raised. Raising and
 * clearing are idempotent; any thread. Opening can fail (EMFILE, ENFILE, ENOMEM). */
int tpp_flag_open(int *descriptor_out);
void tpp_flag_raise(int descriptor);
void tpp_flag_clear(int descriptor);
void tpp_flag_close(int descriptor);

/* ---- descriptors and signals of the application --------------------------------------------- */

/* A descriptor of one's own for the open file behind another, which may be closed then. 0, EBADF,
 * EMFILE ... Dropping the last one for a file may take as long as closing a file may. */
int tpp_file_keep(int descriptor, int *own_out);
void tpp_file_drop(int own);

/* True if both surely name one open file; false if not, or if the system does not tell. */
bool tpp_file_same(int descriptor, int own);

/* 0 if the descriptor names a process (pidfd_open), else EBADF. */
int tpp_file_is_process(int descriptor);

/* Sleeps until the descriptor is in one of these states, or until the deadline; what was found, or
 * 0 at the deadline. 0 or EBADF. */
int tpp_file_wait(int descriptor, uint32_t events, int64_t deadline_ns, uint32_t *found_out);

/* A descriptor that is readable while the signal is pending for this process; it must be blocked in
 * all threads. 0, EINVAL for what is no signal or cannot be waited for, EMFILE ... Dropped like a
 * file. Taking consumes the signal once; false if none is pending (any more). */
int tpp_signal_open(int signal, int *own_out);
bool tpp_signal_take(int own);

/* Sleeps until it has taken the signal, once, or until the deadline. 0 or EINVAL. */
int tpp_signal_wait(int signal, int64_t deadline_ns, bool *taken_out);

#include "core/os/operate.h" /* operations on descriptors, and rings of them */

#endif
