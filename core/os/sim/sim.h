/* sim.h - drives the simulator: one operating system thread, many fibers, every order by choice.
 *
 * The core is compiled a second time against this back end. Its threads become fibers of one
 * thread, its clock is a number, its memory, descriptors and failures are made here. Before each
 * atomic operation, sleep, wake, allocation and other call of the platform there is a schedule
 * point where another fiber may go on. Whatever the system could decide one way or another (who
 * runs, who is woken, whether a sleep ends early, whether a relaxed load is stale) is drawn from
 * one place, and a token of one line holds all that is needed to draw the same again.
 *
 * What is promised
 *  - The same program with the same token makes the same run, in this process or another one.
 *  - Nobody runnable, work still there: the scenario's oracle (tpps_on_quiet) looks before the
 *    virtual clock moves, so a lost wake-up cannot hide behind an idle timeout.
 *  - A deadlock (also one behind services that only tick), an endless spin, an access
 *    through tpp_ words to freed memory or to a stack frame that is gone, a block freed twice, with
 *    another size or not at all, a block written after it was freed, and an allocation where none
 *    is allowed: each fails the run, with a report.
 *  - The nth call that may fail fails, for each n one cares to name.
 *  - weak mode: a load may return an older store where C++20 lets it (six stores of a word are
 *    kept, at most two loads of it in a row are stale), with release sequences and seq_cst fences.
 *    It shows nothing that C++20 forbids, see weak.c.
 *  - With ThreadSanitizer a switch of fibers orders nothing, nor does tpp_wait or tpp_wake: only
 *    declared orders do, so a missing one is a reported race on the first schedule that meets it.
 *
 * What this cannot see
 *  - In plain mode all memory is sequentially consistent: a clean run says nothing about orders.
 *    Weak mode shows wrong values of words, not races on plain data; ThreadSanitizer shows races
 *    but keeps words consistent. Use all three.
 *  - Load buffering and values out of thin air, what a compiler makes of a race, cost, caches,
 *    fairness of the real scheduler, signal handlers, the real futex and epoll, anything that does
 *    not pass through os.h and atomic.h. Plain memory accesses are no schedule points.
 *  - A dead stack frame that newer calls of its fiber already cover: its words look alive again.
 *    AddressSanitizer with detect_stack_use_after_return=1 knows better.
 *  - A bug deeper than the depth, bound or number of schedules that was paid for.
 *
 * Rules for code that runs here: no _Thread_local (fibers share it), no blocking system call, no
 * wish to know real time, and globals that a reset function can put back between two runs. */
#ifndef TPI_OS_SIM_H
#define TPI_OS_SIM_H

#include <stdio.h>

#include "core/os/os.h"

#define TPPS_FIBERS 64       /* alive at once */
#define TPPS_DEPTH_MAX 16    /* of PCT */
#define TPPS_TOKEN_SIZE 4096 /* bytes of a token at most, with its end */
#define TPPS_MESSAGE_SIZE 512

enum tpps_strategy {
    TPPS_PCT,    /* priorities with depth-1 changes at random points: finds bugs of that depth */
    TPPS_RANDOM, /* a random walk */
    TPPS_DFS,    /* every schedule with at most `depth` preemptions, one a run; tpps_dfs_reset */
    TPPS_PATH,   /* the choices of one DFS run once more: only tokens have it */
    TPPS_BYTES,  /* choices from the caller's bytes, for fuzzers */
    TPPS_SCRIPT, /* a list of what differs from "stay and take the first", see tpps_shrink */
};

enum tpps_kind {
    TPPS_KIND_EARLY,    /* a deadline passes although somebody could run */
    TPPS_KIND_SCHEDULE, /* value: the fiber that goes on; after EARLY at the same point */
    TPPS_KIND_OTHER,    /* anything else: value is the choice */
};

/* One choice that was not the default, at the nth point (or nth other choice) of a fiber. */
struct tpps_decision {
    uint8_t fiber, kind; /* enum tpps_kind */
    uint16_t value;
    uint32_t index;
    const char *site; /* where the fiber stood; NULL if read from a token */
};

/* Zero in each field is a sensible default, so {0} runs one PCT schedule. */
struct tpps_options {
    enum tpps_strategy strategy;
    uint64_t seed;
    uint32_t depth;       /* PCT: 0 means 3; DFS: preemption bound */
    uint32_t k;           /* PCT: about how many points a run has; 0: 500 */
    uint32_t max_steps;   /* 0: 200,000 */
    bool weak;            /* weak memory; ignored under ThreadSanitizer */
    bool races;           /* what comes before what is kept track of; no schedule differs by it */
    uint32_t fail_nth;    /* this fallible call fails (the first is 1); 0: none */
    bool fail_on;         /* with fail_nth: all from there on fail */
    uint32_t fail_also;   /* with fail_nth: this later one fails too; 0: none */
    uint32_t cpus;        /* 0: 2 */
    int64_t clock0;       /* monotonic clock at the start; 0: 1000 s */
    uint32_t early;       /* about every so many points a deadline passes early; 0: never */
    uint32_t early_most;  /* but so often in a run at most: time that runs away keeps those busy who
                             have a period, for ever; 0: no limit */
    uint32_t spurious;    /* one in so many waits returns for nothing; 0: never */
    int64_t settle_ns;    /* how long service fibers may go on after the scenario; 0: 60 s */
    int64_t relax_ns;     /* time one tpp_cpu_relax takes; 0: 40 ns */
    bool leaks_allowed;   /* what is alive at the end (memory, pollers, flags, kept files, rings) is
                             no failure */
    bool no_fibers_left;  /* service fibers still parked at the end are a failure, but for the one
                             in tpp_alarm_wait */
    bool quiet;           /* no report on standard error; tpps_report() has it in any case */
    bool record;          /* keep the decisions of the run for tpps_shrink */
    bool coarse;          /* others go on only where user code stands: at tpps_point, and where it
                             calls the library or is called by it; DFS: nothing else varies */
    const uint8_t *bytes; /* BYTES */
    size_t bytes_size;
    const struct tpps_decision *script; /* SCRIPT */
    size_t script_count;
};

struct tpps_result {
    bool failed;
    bool exhausted; /* DFS: this was the last schedule within the bound */
    uint32_t steps, switches, fault_points;
    uint32_t fibers_left; /* service fibers still parked at the end, not in tpp_alarm_wait */
    uint32_t fibers_made;
    uint32_t user_points; /* steps at which user code stood */
    int64_t clock_ns;     /* virtual time at the end */
    uint64_t trace;       /* hash of the whole run */
    char message[TPPS_MESSAGE_SIZE];
    char token[TPPS_TOKEN_SIZE]; /* set if the run failed */
};

/* Runs entry(arg) and all it starts, once. Not from within a run. False if the run failed. */
bool tpps_run(const struct tpps_options *options, void (*entry)(void *), void *arg,
              struct tpps_result *result);
void tpps_dfs_reset(void);         /* before the first DFS run of a search */
const char *tpps_report(void);     /* of the last failed run: fibers, stacks, leaks */
void tpps_print_current(int file); /* the running token, from a signal handler; nothing if none */

/* ---- tokens ---------------------------------------------------------------------------------- */

/* False if the text did not fit (a long DFS path). */
bool tpps_token_format(const struct tpps_options *options, char *text, size_t size);
/* The bytes, script or path of the token live in static memory until the next call. */
bool tpps_token_parse(const char *text, struct tpps_options *options_out);

/* Repeats a failing run with fewer and fewer decisions while it still fails, at most `runs` times,
 * and prints what is left to `out`, if not NULL. The result is that of the shortest failing run.
 * Returns how many decisions are left, or -1 if the run did not fail when repeated. */
bool tpps_same_message(const char *a, const char *b); /* but for numbers */
int tpps_shrink(const struct tpps_options *options, void (*entry)(void *), void *arg,
                void (*reset)(void), uint32_t runs, FILE *out, struct tpps_result *result);

/* ---- for scenarios, inside a run ------------------------------------------------------------- */

typedef uint64_t tpps_thread; /* the same number as tpp_thread_id there */
tpps_thread tpps_spawn(void (*body)(void *), void *arg); /* a foreign thread; never fails */
tpps_thread tpps_spawn_named(void (*body)(void *), void *arg, const char *name); /* 15 bytes */
void tpps_join(tpps_thread thread);
void tpps_sleep(int64_t ns);
void tpps_busy(int64_t ns);                   /* computes for so long: the state stays 'R' */
void tpps_point(void);                        /* others may go first here */
int64_t tpps_now(void);                       /* monotonic, no schedule point */
uint32_t tpps_choose(uint32_t n);             /* 0 .. n-1 */
bool tpps_running(void);                      /* inside a run, on a fiber */
const char *tpps_site_name(const char *site); /* a __FILE__:__LINE__ without leading ../ */
_Noreturn void tpps_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
#define tpps_check(condition) \
    ((condition) ? (void)0 : tpps_fail("check failed at %s: %s", TPPS_SITE, #condition))

/* Called with nobody runnable, before the clock moves or the run ends. It may fail the run or make
 * something happen (set a descriptor ready, wake); its platform calls are no schedule points. */
void tpps_on_quiet(void (*function)(void *context), void *context);
/* Called at each probe, at once, on the fiber that passes it. Both end with the run; they may be
 * set before it or within. ThreadSanitizer does not look at what they do, so an oracle may keep
 * plain data of its own. */
void tpps_on_probe(void (*function)(enum tpp_probe probe, const void *subject, uint64_t value));

/* ---- the world around the core --------------------------------------------------------------- */

/* Each of the first three is a jump of the clocks, which ends a wait for the alarm, the present one
 * or the next; any number of them may end one. No schedule points. A clock stands still at the ends
 * of int64_t, and a step goes from what the clock says. */
void tpps_step_realtime(int64_t ns); /* somebody sets the wall clock: so much further or back */
void tpps_set_realtime(int64_t ns);  /* or to this time, whatever the distance */
void tpps_suspend(int64_t ns);       /* the machine sleeps: only BOOTTIME and REALTIME go on */
void tpps_hide_jumps(bool hidden);   /* from now on the system tells nobody of them */

void tpps_forbid_alloc(bool forbidden); /* on this fiber, nests: an allocation fails the run */
size_t tpps_alloc_count(void);          /* blocks alive now */
uint32_t tpps_fault_points(void);       /* fallible calls so far */
uint32_t tpps_fibers_parked(void);      /* fibers that sleep now, scenario ones included */
uint32_t tpps_service_fibers(void);     /* threads started with tpp_thread_start, alive now and not
                                           in tpp_alarm_wait */
uint32_t tpps_service_fibers_but(const char *name); /* alive now, whatever they do, but for those */
void tpps_set_cpus(uint32_t cpus);                  /* what tpp_cpu_count says from now on */
void tpps_hide_threads(bool hidden);                /* tpp_thread_state knows nothing: '?' */

/* Files. A number names an open file or none (EBADF); several may name one. Readiness is of the
 * file, a poller's interest lives as long as the file, and the file goes with its last number. The
 * application has the numbers from 0 to 1023, the library others, which it may get again once it
 * has given them back; one that it uses in between fails the run. A call about a number that names
 * nothing, or is not the application's to close, fails the run too. No poller takes a regular file,
 * also if it is opened as a direct one, which nothing is cached of. */
enum tpps_file { TPPS_STREAM, TPPS_REGULAR, TPPS_PROCESS, TPPS_SOCKET, TPPS_DIRECT };

/* Opens a file that is not ready, under this number, which names none; -1: the lowest such from 3
 * on. Returns the number. A number that was closed may be used again, for another file. */
int tpps_descriptor_open(int number, enum tpps_file kind);
int tpps_descriptor_copy(int from, int number); /* as dup2: names another file then; -1: as dup */
void tpps_descriptor_close(int number);
void tpps_descriptor_set_ready(int number, uint32_t events); /* level; 0: not ready */
void tpps_process_end(int number);                           /* readable from now on */
void tpps_descriptor_break(int number); /* pollers refuse to add or modify its file from now on */
void tpps_hide_files(bool hidden);      /* tpp_file_same is sure of nothing */
void tpps_hide_watch(bool hidden);      /* tpp_alarm_watch cannot */
/* As poll(2) of one descriptor by a foreign loop, for whatever was set: false at the deadline. */
bool tpps_poll(int descriptor, int64_t deadline_ns);

/* No schedule points. A number that names nothing has no state, other names or interests. */
bool tpps_flag_raised(int descriptor); /* false also once it is closed */
uint32_t tpps_descriptor_ready(int number);
uint32_t tpps_descriptor_names(int number);     /* how many numbers its file has, with this one */
uint32_t tpps_descriptor_interests(int number); /* of all pollers in its file */
uint32_t tpps_files_open(void);                 /* everybody's */
uint32_t tpps_files_kept(void);  /* numbers the library holds: files, signals, no flags */
uint64_t tpps_events_told(void); /* by pollers, so far: it grows fast where somebody spins */

/* What is transferred. A stream (or socket) has as many bytes to read as the scenario has fed to it
 * and takes as many as it has made room for, a new one none; its state follows, beside what
 * tpps_descriptor_set_ready says, which moves nothing. The nth byte that comes out of a stream, or
 * lies in a regular file, is tpps_byte(n). Operations may be short, find nothing although there is
 * something, or, on a device, take up to three times its latency, all as the seed has it. */
void tpps_stream_feed(int number, uint64_t bytes);
void tpps_stream_room(int number, uint64_t bytes);          /* so much more */
void tpps_stream_end(int number);                           /* nothing comes after what is fed */
void tpps_stream_hang_up(int number);                       /* nor can anything be written: EPIPE */
void tpps_stream_nonblocking(int number, bool nonblocking); /* O_NONBLOCK: rings tell of EAGAIN */
void tpps_socket_offer(int number, uint32_t connections);   /* it listens, if it be for 0 */
void tpps_socket_answer(int number, int error); /* its connect, begun or not, comes to this */
/* A regular file (at first: 0 bytes, 1 ms, not cached). What is cached needs no device, but for a
 * sync. */
void tpps_disk_set(int number, uint64_t size, bool cached, int64_t latency_ns);
void tpps_next_error(int number, int error); /* of the next read, write, accept or sync: once */
uint8_t tpps_byte(uint64_t position);
void tpps_calm_io(bool calm); /* nothing is as the seed has it, here and in rings; flushed first,
                                 done first; tpp_ring_take in the order of completion */
/* No schedule points. Number -1: of all. A poll is no transfer. */
uint64_t tpps_bytes_read(int number);
uint64_t tpps_bytes_written(int number);
uint32_t tpps_transfers_made(int number); /* also those that failed, but not in vain or aborted */
uint32_t tpps_files_closed(void);         /* by the library, of what it had accepted */

/* Rings. A request is done as soon as the system gets round to it after its file is ready or its
 * device has answered. Unless it is calm the system may leave some of a flush, be late with an
 * abort, and end a few requests itself with EINTR, ECANCELED (also when the thread that flushed is
 * over) or EAGAIN. What fails the run: a key that is 0, all ones or in flight; an abort of what was
 * not flushed; two threads that put, abort or flush at once, or take at once; a request that is
 * changed before the flush; memory that is gone when its request is done; a ring closed with a
 * request not told of, or left open at the end. After tpps_fork a ring may only be closed. Whoever
 * takes sees what was done before a flush that has returned; nothing else is ordered. */
void tpps_wish_ring(uint32_t backend);  /* what tpp_ring_wish says, in this run */
void tpps_forbid_rings(bool forbidden); /* tpp_ring_open: ENOSYS */
void tpps_ring_refuse(bool refused);    /* flushes hand nothing over */
void tpps_ring_hold(bool held);         /* nothing is done any more, but by tpps_ring_complete */
/* The nth, from 0, of the requests in flight for the file, or for all (-1), in the order in which
 * they were flushed, is done with this outcome, whatever the state of the file, which stays. */
void tpps_ring_complete(int number, uint32_t nth, int32_t error, uint64_t bytes);
/* No schedule points. */
uint32_t tpps_requests_queued(void);          /* put and not flushed */
uint32_t tpps_requests_in_flight(int number); /* flushed and not done; -1: all */
uint32_t tpps_requests_landed(void);          /* done and not taken */
uint32_t tpps_ring_flushes(void);             /* that handed something over */
uint32_t tpps_rings_open(void);

/* Signals, blocked in all threads: one below 34 is pending once at most, the others queue. */
void tpps_signal_raise(int signal);       /* for the process, from outside */
uint32_t tpps_signal_pending(int signal); /* no schedule point */

int tpps_library_refs(const void *handle); /* references, pinned or set, minus closed */
void tpps_library_set_refs(const void *handle, int references);
/* Has the calling thread code of it to return to? For this run; it must not close it then. */
void tpps_library_set_on_stack(const void *handle, bool on_stack);

/* ---- ends and copies ------------------------------------------------------------------------- */

/* Each acts on the fiber that calls it; none may be called from an oracle. */

/* As pthread_exit: the guards' `ended` run innermost first, then the function of tpp_local_at_exit,
 * and the fiber is over. It can be joined. */
_Noreturn void tpps_thread_exit(void);

/* As an exception that nobody catches: the run fails with "abort: an exception left ..." and what
 * the innermost guard's `describe` says. */
_Noreturn void tpps_escape(void);

/* As fork, seen from the child: every other fiber is gone at once and lets go of nothing, the alarm
 * is off and knows of no jump and no poller, no signal is pending, and the function of tpp_at_fork
 * has run when this returns. The caller has a new thread number and counts as the scenario's, also
 * if it was a service; the run ends when it and what it starts have ended. What is alive at the end
 * (memory, pollers, flags, kept files) is no failure any more. What the others wrote is seen, their
 * stacks are not to be touched, joining one fails the run. Files are the parent's too, so they stay
 * open whatever the child closes; so are the pollers, and using one but for closing it fails the
 * run. */
void tpps_fork(void);

/* As _exit: the run ends here and has passed, whatever goes on elsewhere. */
_Noreturn void tpps_exit(void);

#endif
