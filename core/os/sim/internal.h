/* internal.h - what the files of the simulator share; nobody else includes it. */
#ifndef TPI_OS_SIM_INTERNAL_H
#define TPI_OS_SIM_INTERNAL_H

#include "core/os/sim/watch.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TPPS_ASAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) && !defined(TPPS_ASAN)
#define TPPS_ASAN 1
#endif

/* The simulator itself is compiled without -fsanitize=thread, so the build says -DTPPS_TSAN_BUILD
 * for these files. */
#if defined(TPPS_TSAN_BUILD) || defined(TPPS_ASAN)
#define TPPS_REAL_MALLOC 1 /* the sanitizer watches the heap better than the arena could */
#else
#define TPPS_REAL_MALLOC 0
#endif

enum tpps_state {
    TPPS_FREE,
    TPPS_RUN,
    TPPS_WAIT,  /* tpp_wait */
    TPPS_SLEEP, /* tpps_sleep */
    TPPS_JOIN,  /* tpps_join */
    TPPS_POLL,  /* tpp_poller_wait, tpp_file_wait, tpp_signal_wait, tpps_poll */
    TPPS_ALARM, /* tpp_alarm_wait */
    TPPS_USER,  /* a call of the C library that the simulator stands in for */
    TPPS_BUSY,  /* tpps_busy: nothing to schedule, but its thread computes */
    TPPS_REST,  /* no thread: what carries out requests of rings, and has none to complete now */
    TPPS_DONE,
};

/* What 0 means in struct tpps_options. */
#define TPPS_STEPS 200000u
#define TPPS_CLOCK0 INT64_C(1000000000000)
#define TPPS_SETTLE_NS INT64_C(60000000000)
#define TPPS_RELAX_NS INT64_C(40)

struct tpps_context; /* where a fiber stopped, see switch_*.c */

/* A tpp_guarded that runs; it lies in that function's frame. */
struct tpps_guarded {
    const struct tpp_guard *guard;
    void *argument;
    struct tpps_guarded *outer;
};

struct tpps_fiber {
    /* the thread it plays */
    void (*body)(void *);
    void *argument;
    uint64_t id;
    bool service; /* from tpp_thread_start, not from the scenario */
    bool system;  /* no thread of the process at all */
    uint32_t cpu;
    void *local;
    struct tpps_guarded *guarded; /* innermost */
    char name[16];
    /* what it does */
    enum tpps_state state;
    enum tpps_op op;
    const char *site;
    const volatile void *wait; /* futex word, poller, file, signal or joined thread */
    int64_t deadline;
    bool timed_out;
    uint32_t forbid;
    const void *called; /* what the call of the interface is about in which it is, if it is */
    int64_t busy_ns;    /* tpps_busy in all, with what is left of the one that runs */
    bool vanished;      /* it stayed behind in a fork */
    /* choices */
    uint32_t points;  /* schedule points and parks so far: the index of schedule decisions */
    uint32_t choices; /* other choices so far */
    int64_t priority; /* PCT */
    uint32_t script_at, script_other_at; /* cursors into the script, SCRIPT */
    /* the machine */
    struct tpps_context *context;
    char *stack;
    void *fake_stack; /* ASan */
    void *tsan;
    bool abandoned; /* it ended with frames on its stack: TSan's fiber is of no more use */
    char token;     /* TSan: acquired and released at start, end and join */
};

/* It said `value` when the monotonic clock said `at`, and has gone on with that one since. */
struct tpps_clock {
    int64_t value, at;
};

struct tpps_sim {
    struct tpps_options options;
    struct tpps_result result;
    struct tpps_fiber *current; /* NULL: outside a run */
    bool running, over, hook;
    uint64_t runnable, timed; /* masks of slots */
    uint32_t high;            /* slots used so far in this run */
    uint32_t scenario_alive;
    uint64_t next_id;
    int64_t clock, next_deadline, settle_until, scenario_ran;
    uint32_t jumps; /* of the clock, since a scenario fiber ran */
    struct tpps_clock realtime, boottime;
    /* the process */
    int64_t alarm; /* TPP_FOREVER: off */
    bool alarm_waited;
    uint32_t alarm_waiter; /* slot, if alarm_waited */
    bool jumped;           /* a clock, and no wait for the alarm has told of it yet */
    bool jumps_hidden;
    uint32_t cpus; /* as tpp_cpu_count tells */
    bool threads_hidden;
    bool forked, exited; /* what was alive then is given back by nobody */
    /* choices */
    uint64_t rng, rng_core;
    uint32_t steps, stop, progress, last_switch;
    uint32_t user_points;
    uint32_t change[TPPS_DEPTH_MAX], changes, change_at;
    int64_t lowest;
    uint32_t early_at, early_passed, preemptions, run_left;
    size_t byte_at;
    bool every, dirty;
    uint64_t trace;
    /* hooks */
    void (*on_quiet)(void *);
    void *quiet_context;
    void (*on_probe)(enum tpp_probe, const void *, uint64_t);
    void (*at_exit)(void *);
    void (*at_fork)(void);
    struct tpps_watch watch;
};
extern struct tpps_sim tpps_sim_;
extern struct tpps_fiber tpps_fibers_[TPPS_FIBERS];

static inline uint32_t tpps_slot_(const struct tpps_fiber *fiber)
{
    return (uint32_t)(fiber - tpps_fibers_);
}

static inline int64_t tpps_add_time_(int64_t a, int64_t b)
{
    int64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? (b > 0 ? INT64_MAX : INT64_MIN) : sum;
}

static inline void tpps_mix_(uint64_t value)
{
    tpps_sim_.trace = (tpps_sim_.trace ^ value) * 0x100000001b3u;
    tpps_sim_.trace ^= tpps_sim_.trace >> 29;
}

/* choice.c: one place for everything that could go one way or another */
uint64_t tpps_draw_(uint64_t *state);
void tpps_choice_begin_(void);
void tpps_choice_end_(void); /* steps DFS on to its next path */
uint32_t tpps_choose_(uint32_t n);
uint32_t tpps_choose_user_(uint32_t n); /* the scenario's own */
bool tpps_rarely_(uint32_t odds);       /* one in `odds`; never if 0 */
bool tpps_choose_early_(void);          /* does a deadline pass now, with others runnable? */
uint32_t tpps_choose_fiber_(bool may_stay, bool relax);
uint32_t tpps_choice_record_(const struct tpps_decision **list_out);
size_t tpps_choice_path_(const uint8_t **picks_out); /* DFS: of the running schedule */

/* schedule.c: who runs, when the clock moves, when a run is over */
bool tpps_park_(enum tpps_state state, const volatile void *wait, int64_t deadline);
void tpps_make_runnable_(uint32_t slot, bool timed_out);
void tpps_move_deadline_(uint32_t slot, int64_t deadline); /* of a fiber that is parked */
void tpps_alone_(void); /* no other fiber exists any more; the current one is the scenario's */
void tpps_fire_due_(void);
void tpps_clock_add_(int64_t ns);
bool tpps_hook_begin_(void); /* what the scenario's oracle does is no schedule point */
void tpps_hook_end_(bool began);
_Noreturn void tpps_fiber_end_(void);
_Noreturn void tpps_over_(void);
void tpps_begin_(void (*entry)(void *), void *arg);

/* run.c */
bool tpps_fault_(void); /* counts a fallible call; true if it must fail */
tpps_thread tpps_start_(void (*body)(void *), void *arg, bool service, const char *name);
uint32_t tpps_start_system_(void (*body)(void *)); /* its slot */

/* fiber.c: stacks and switching */
void tpps_fiber_make_(struct tpps_fiber *fiber);
void tpps_fiber_go_(struct tpps_fiber *to);      /* NULL: back to the caller of tpps_run */
void tpps_fiber_join_(struct tpps_fiber *fiber); /* its accesses so far come before the next */
void tpps_fiber_join_all_(void);                 /* after a run: their accesses are over */
void tpps_fiber_drop_all_(void); /* last of all: who was left standing is given up */
void tpps_stack_check_(const volatile void *word);
bool tpps_on_stack_(const struct tpps_fiber *fiber, const void *address);
uint32_t tpps_backtrace_(const struct tpps_fiber *fiber, void **pcs, uint32_t capacity);
void tpps_tsan_acquire_(void *token);
void tpps_tsan_release_(void *token);
void tpps_tsan_access_(void *memory, size_t size, bool write); /* by the current fiber */
void tpps_tsan_ignore_(bool ignore); /* an oracle's own data is no part of what is tested */
extern char *tpps_stacks_;
extern size_t tpps_stacks_size_;

/* switch_x86_64.c or switch_ucontext.c */
struct tpps_context *tpps_context_new_(void);
void tpps_context_prepare_(struct tpps_context *context, char *stack, size_t size,
                           void (*run)(void));
void tpps_context_switch_(struct tpps_context *from, struct tpps_context *to);
char *tpps_context_top_(const struct tpps_context *context); /* lowest live byte; NULL: unknown */
bool tpps_context_frame_(const struct tpps_context *context, void **pc, void **frame);

/* mem.c */
void tpps_mem_begin_(void);
void tpps_mem_end_(void);
bool tpps_mem_report_(void); /* adds what is alive to the report; true if anything is */
void tpps_mem_check_(const volatile void *word);
void tpps_touch_(const void *memory, size_t size); /* it must be there */
extern uintptr_t tpps_arena_, tpps_arena_size_;

/* A word that is about to be used must be there. */
static inline void tpps_check_word_(const volatile void *word)
{
    if ((uintptr_t)word - (uintptr_t)tpps_stacks_ < tpps_stacks_size_)
        tpps_stack_check_(word);
    else if ((uintptr_t)word - tpps_arena_ < tpps_arena_size_)
        tpps_mem_check_(word);
}

/* poller.c */
void tpps_poller_begin_(void);
void tpps_poller_fork_(void);    /* nobody waits any more, and they are the parent's too */
uint32_t tpps_poller_end_(void); /* how many were left open */
void tpps_poller_changed_(void); /* a file has another state */
void tpps_poller_forget_(uint32_t file);
bool tpps_watch_due_(void);  /* would a wait for the alarm return TPP_ALARM_READY? */
void tpps_watch_told_(void); /* it has */

/* file.c: open files, and the numbers that name them */
#define TPPS_NO_FILE 0xffffu
#define TPPS_FILES 512
void tpps_file_begin_(void);
void tpps_file_fork_(void); /* the parent has them open too */
/* How many numbers the library has left open: flags, others. */
void tpps_file_end_(uint32_t *flags_out, uint32_t *own_out);
uint32_t tpps_file_of_(int number);                      /* TPPS_NO_FILE: it names none */
uint32_t tpps_file_named_(int number, const char *what); /* the same; one dropped fails the run */
uint32_t tpps_file_ready_(uint32_t file);
int tpps_file_refusal_(uint32_t file, bool modify); /* why a poller does not want it; 0 */
int tpps_file_signal_(int signal, bool pending);    /* makes one; the library's number of it */
int tpps_file_is_signal_(int own);                  /* which one; fails the run if it is none */
void tpps_file_signals_(int signal, bool pending);  /* for all of them */
uint32_t tpps_file_kind_(uint32_t file);            /* enum tpps_file, or one of the library's */
uint32_t tpps_file_outside_(int number, const char *what); /* fails the run if it is none */
void tpps_file_hold_(uint32_t file);
void tpps_file_let_go_(uint32_t file);
void tpps_file_traffic_(uint32_t file, uint32_t events); /* its state, as far as transfers decide */
int tpps_file_accept_(void);       /* a new socket; the application's number of it */
void tpps_file_close_(int number); /* of one accepted */
int tpps_file_ring_(void);         /* makes one; the library's number of it */
void tpps_file_ring_ready_(int number, bool ready);
void tpps_file_ring_close_(int number);
void *tpps_poll_key_(uint32_t number, bool signal); /* what a fiber that polls waits for */
void tpps_poll_wake_(const void *key);

/* transfer.c, peer.c: see transfer.h */
void tpps_transfer_begin_(void);
void tpps_transfer_new_(uint32_t file);

/* ring.c */
void tpps_ring_begin_(void);
void tpps_ring_fork_(void);
uint32_t tpps_ring_end_(void); /* how many were left open */
void tpps_ring_changed_(void); /* a file has another state */

/* signal.c */
void tpps_signal_begin_(void);

/* os_sim.c */
void tpps_os_begin_(void);
void tpps_alarm_come_(void); /* whoever waits for the alarm looks why */

/* weak.c */
void tpps_weak_begin_(void);
void tpps_weak_start_(uint32_t parent, uint32_t child); /* parent TPPS_FIBERS: none */
void tpps_weak_join_(uint32_t joiner, uint32_t ended);
void tpps_weak_fence_(uint32_t slot);

/* report.c */
void tpps_report_begin_(void);
void tpps_report_add_(const char *format, ...) __attribute__((format(printf, 1, 2)));
void tpps_report_pc_(const char *indent, void *pc);
void tpps_report_fibers_(void);
bool tpps_is_code_(const void *address); /* symbol.c: of the program, or of what it has loaded */
void tpps_note_failure_(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
