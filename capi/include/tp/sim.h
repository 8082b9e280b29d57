/* sim.h - runs code that uses tp through many schedules, and repeats the one that failed.
 *
 * A test is linked with libtp-sim instead of libtp (pkg-config: tp-sim). It has the same functions
 * on a simulated machine: threads are fibers of one thread, clocks are numbers, descriptors are
 * scripted, calls fail when told to, and who runs next is drawn from a seed. So a run can be
 * repeated, to the last step, from a token of one line.
 *
 *     static void scenario(void *context)     // makes pools and objects, checks, closes them all
 *     int main(void)
 *     {
 *         return tp_sim_run(NULL, scenario, NULL, NULL) == TP_OK ? 0 : 1;
 *     }
 *
 * What fails a run: tp_sim_check() and tp_sim_fail(), assert() and abort(); a deadlock; a spin
 * without end; posts that never run; an object that is still open at the end; a data race, in code
 * that is instrumented; and, where TP_SIM_MISUSE_FAILS says so, a call that the misuse hook would
 * be told of. docs/SIMULATION.md tells the story.
 *
 * Where another thread may come in between: at each call of tp; at the beginning and end of each
 * callback; at each call of the C library that locks, waits or makes threads; at TP_SIM_POINT();
 * and, in code that is compiled with -fsanitize=thread and linked without it, at each access to
 * memory that others can see. Thread-local variables are shared by all threads of a run, other
 * system calls that block stop all of them, and global variables keep their values from run to run:
 * put them back in `reset`. A handle of an earlier run is no handle, or that of something else.
 *
 * This header is not frozen: it may change in any release before 1.0. */
#ifndef TP_SIM_H
#define TP_SIM_H

#include "tp/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Nouns ----------------------------------------------------------------------------------- */

/** What a search found: some run failed. Not an error of the call; all other results are TP_*. */
#define TP_SIM_FAILED 1

/** A scenario, the body of a thread, or something else to call; `context` is what came with it. */
typedef void (*tp_sim_fn)(void *context);

/** How schedules are chosen. MIX: PCT of depth 2 and 3 and random walks, by turns. PCT: random
 *  priorities with `depth` - 1 changes at random points; finds a bug that needs few preemptions
 *  with a known probability. RANDOM: any thread next. EXHAUSTIVE: every schedule with at most
 *  `depth` preemptions between the program's own steps, for small scenarios. BYTES: the caller's
 *  bytes decide, for fuzzers. */
enum { TP_SIM_MIX = 0, TP_SIM_PCT = 1, TP_SIM_RANDOM = 2, TP_SIM_EXHAUSTIVE = 3, TP_SIM_BYTES = 4 };

/** Flags of tp_sim_options_t.
 *  WEAK_MEMORY: the library's own atomic words may be read late, as C11 allows.
 *  FAULTS: each schedule is repeated with the 1st, 2nd ... call that may fail (for want of memory,
 *  threads, descriptors) failing, then with all from there on. Not with EXHAUSTIVE.
 *  EXACT_TIME: no deadline passes early, so virtual time can be checked to the nanosecond.
 *  OBJECTS_MAY_STAY: open objects at the end are no failure.
 *  MISUSE_FAILS: a call that the misuse hook hears of fails the run.
 *  NO_SHRINK: a failing schedule is not made smaller.
 *  PRINT: the report goes to standard error when a run has failed.
 *  FINE: threads change within calls of tp, too, in every schedule; else in one of four, and the
 *  others change them only between steps of the program itself, where its own bugs are.
 *  NO_RACES: data races of instrumented code fail no run. */
enum {
    TP_SIM_WEAK_MEMORY = 1,
    TP_SIM_FAULTS = 2,
    TP_SIM_EXACT_TIME = 4,
    TP_SIM_OBJECTS_MAY_STAY = 8,
    TP_SIM_MISUSE_FAILS = 16,
    TP_SIM_NO_SHRINK = 32,
    TP_SIM_PRINT = 64,
    TP_SIM_FINE = 128,
    TP_SIM_NO_RACES = 256
};

/** What to search, and how. Zero in each field is a sensible default; start from
 *  TP_SIM_OPTIONS_INIT or tp_sim_options_init, which ask for TP_SIM_PRINT besides. */
typedef struct tp_sim_options {
    uint32_t struct_size;  /**< sizeof(tp_sim_options_t) */
    uint32_t flags;        /**< TP_SIM_WEAK_MEMORY ... */
    uint32_t strategy;     /**< TP_SIM_MIX ... */
    uint32_t depth;        /**< of PCT, 1 to 16, 0 = 3; preemptions of EXHAUSTIVE, 0 = 2 */
    uint32_t cpus;         /**< processors, at most 64; 0 = 1 to 4 by the seed */
    uint32_t max_steps;    /**< a run that takes more fails; 0 = 200,000 */
    uint64_t seed;         /**< of the first schedule, the next has seed + 1; 0 = 1 */
    uint64_t schedules;    /**< at most; 0 = 1000, or with EXHAUSTIVE all */
    int64_t time_limit_ns; /**< real time after which no further schedule is begun; 0 = none */
    const char *token;     /**< repeats this one run: of the fields above, only flags count; NULL */
    const uint8_t *bytes;  /**< BYTES: the choices of the one run */
    size_t bytes_size;
    tp_sim_fn reset; /**< puts the program's globals back before each run; NULL = nothing to do */
    void *reset_context;
} tp_sim_options_t;

/** What a search did. Set struct_size before the call; the texts live until the next tp_sim_run of
 *  the process. */
typedef struct tp_sim_report {
    uint32_t struct_size; /**< sizeof(tp_sim_report_t), set by the caller */
    uint32_t decisions;   /**< preemptions and other choices that the shrunk run still needs */
    uint64_t schedules;   /**< runs, those that shrinking took not counted */
    uint64_t steps;       /**< points at which another thread might have gone on */
    uint64_t faults;      /**< calls that were made to fail */
    uint64_t trace;       /**< hash of the last run counted: the same token gives the same */
    const char *message;  /**< what was wrong, one line; NULL if nothing */
    const char *token;    /**< repeats the run that failed; NULL if none did */
    const char *shrunk;   /**< token of the smallest run that fails so; NULL if not shrunk */
    const char *text;     /**< the whole report: objects, threads, stacks, the decisions; NULL */
} tp_sim_report_t;

/* Initialisers: C names the fields; C++11 has no names there and lists all of them in order. */
#ifdef __cplusplus
#define TP_SIM_OPTIONS_INIT \
    { \
        sizeof(tp_sim_options_t), TP_SIM_PRINT, 0, 0, 0, 0, 0, 0, 0, NULL, NULL, 0, NULL, NULL \
    }
#define TP_SIM_REPORT_INIT \
    { \
        sizeof(tp_sim_report_t), 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL \
    }
#else
#define TP_SIM_OPTIONS_INIT \
    { \
        .struct_size = sizeof(tp_sim_options_t), .flags = TP_SIM_PRINT, .strategy = 0, .depth = 0, \
        .cpus = 0, .max_steps = 0, .seed = 0, .schedules = 0, .time_limit_ns = 0, .token = NULL, \
        .bytes = NULL, .bytes_size = 0, .reset = NULL, .reset_context = NULL \
    }
#define TP_SIM_REPORT_INIT \
    { \
        .struct_size = sizeof(tp_sim_report_t), .decisions = 0, .schedules = 0, .steps = 0, \
        .faults = 0, .trace = 0, .message = NULL, .token = NULL, .shrunk = NULL, .text = NULL \
    }
#endif

/* ---- Running --------------------------------------------------------------------------------- */

/** Writes TP_SIM_OPTIONS_INIT, for languages that see only symbols.
 *
 *  Mirrors: nothing on Windows.
 *  options  what is to be written; NULL does nothing.
 *  Returns: nothing.
 *  Threads: any.
 *  Blocks:  never.
 *  Owns:    borrows `options` for the call.
 *  Since:   0.1 */
TP_API void tp_sim_options_init(tp_sim_options_t *options);

/** Writes TP_SIM_REPORT_INIT, for languages that see only symbols.
 *
 *  Mirrors: nothing on Windows.
 *  report   what is to be written; NULL does nothing.
 *  Returns: nothing.
 *  Threads: any.
 *  Blocks:  never.
 *  Owns:    borrows `report` for the call.
 *  Since:   0.1 */
TP_API void tp_sim_report_init(tp_sim_report_t *report);

/** Runs the scenario through schedule after schedule until one fails or enough have passed.
 *
 *  Each run begins as in a new process, as far as tp goes: no object exists, the default pool has
 *  yet to be made, no hook is set. It ends when the scenario has returned, its threads have ended
 *  and the pools have come to rest. A schedule that failed is repeated with fewer and fewer
 *  preemptions, unless TP_SIM_NO_SHRINK forbids it. One seed in a hundred is run twice: if the two
 *  differ, something that `reset` does not put back has made the difference, and that is told.
 *
 *  Mirrors: nothing on Windows.
 *  options    see tp_sim_options_t; NULL = TP_SIM_OPTIONS_INIT.
 *  scenario   called on a thread of each run.
 *  context    for the scenario.
 *  report_out what came of it; NULL = not wanted. On an error all of it is 0.
 *  Returns: TP_OK: no run failed; TP_SIM_FAILED: one did; TP_ERR_ARGUMENT if scenario is NULL, a
 *           flag or strategy unknown, a field out of range, or the token is none; TP_ERR_VERSION;
 *           TP_ERR_STATE while the process is in a run.
 *  Threads: one at a time.
 *  Blocks:  for as long as it takes; allocates; not callable from a run; not async-signal-safe.
 *  Owns:    borrows everything for the call.
 *  Since:   0.1 */
TP_API TP_NODISCARD tp_status_t tp_sim_run(const tp_sim_options_t *options, tp_sim_fn scenario,
                                           void *context, tp_sim_report_t *report_out);

/* ---- In a run -------------------------------------------------------------------------------- */

/* Outside a run these do nothing and return 0 or false, but for tp_sim_fail. */
#if defined(__GNUC__)
#define TP_SIM_FAILS_ __attribute__((noreturn, format(printf, 1, 2)))
#else
#define TP_SIM_FAILS_
#endif

/** Tells whether the caller is in a run.
 *
 *  Mirrors: nothing on Windows.
 *  Returns: true on a thread of a run.
 *  Threads: any.
 *  Blocks:  never.
 *  Owns:    nothing.
 *  Since:   0.1 */
TP_API bool tp_sim_running(void);

/** A point at which another thread may go on. TP_SIM_POINT() is this in a program compiled with
 *  -DTP_SIM (pkg-config tp-sim says so), and nothing elsewhere.
 *
 *  Mirrors: nothing on Windows.
 *  Returns: nothing.
 *  Threads: those of a run.
 *  Blocks:  as the schedule has it.
 *  Owns:    nothing.
 *  Since:   0.1 */
TP_API void tp_sim_point(void);
#ifdef TP_SIM
#define TP_SIM_POINT() tp_sim_point()
#else
#define TP_SIM_POINT() ((void)0)
#endif

/** Draws a number: for what is random in the scenario, and repeated with it.
 *
 *  Mirrors: nothing on Windows.
 *  n        how many values are possible, at most 65,536; 0 counts as 1.
 *  Returns: 0 to n - 1, by the schedule.
 *  Threads: those of a run.
 *  Blocks:  never.
 *  Owns:    nothing.
 *  Since:   0.1 */
TP_API uint32_t tp_sim_choose(uint32_t n);

/** Fails the run, which is over with that. Outside a run it prints the text and aborts.
 *
 *  Mirrors: nothing on Windows.
 *  format   as of printf; what it gives is the message of the report, cut at 500 bytes.
 *  Returns: never.
 *  Threads: any.
 *  Blocks:  no.
 *  Owns:    borrows its arguments for the call.
 *  Since:   0.1 */
TP_API void tp_sim_fail(const char *format, ...) TP_SIM_FAILS_;

/** Fails the run if the condition does not hold. */
#define tp_sim_check(condition) \
    ((condition) ? (void)0 \
                 : tp_sim_fail("check failed at %s:%d: %s", __FILE__, __LINE__, #condition))

/** Gives something a name for the reports of this run: the handle of an object, or the address of a
 *  variable or lock.
 *
 *  Mirrors: nothing on Windows.
 *  subject  a handle, or an address.
 *  name     at most 31 bytes are kept; NULL takes the name away.
 *  Returns: nothing.
 *  Threads: those of a run.
 *  Blocks:  never.
 *  Owns:    copies the name.
 *  Since:   0.1 */
TP_API void tp_sim_name(const void *subject, const char *name);

/** Has the function called whenever nobody can run, before time passes: the place for invariants
 *  that hold at rest. It may call tp_sim_check, tp_sim_fail, tp_sim_now and the functions of
 *  tp/sim_world.h and tp/sim_file.h; of tp only tp_pool_get_stats and what tells without waiting.
 *
 *  Mirrors: nothing on Windows.
 *  function for this run, in place of the last one; NULL: none.
 *  context  for the function.
 *  Returns: nothing.
 *  Threads: those of a run.
 *  Blocks:  never.
 *  Owns:    borrows `context` for the run.
 *  Since:   0.1 */
TP_API void tp_sim_on_quiet(tp_sim_fn function, void *context);

#ifdef __cplusplus
}
#endif

#include "tp/sim_file.h"
#include "tp/sim_world.h"

#endif
