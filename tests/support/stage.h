/* stage.h - one test body, two worlds: real threads, or the simulator's fibers and clock.
 *
 * A conformance test is written once and built twice. On real threads it is a TAP program against
 * the static library; on the simulator each case is a scenario that runs through many schedules.
 *
 *     STAGE_TEST(work__c052_five_submits_then_wait_runs_five) { ... stage_expect_eq(a, b); ... }
 *     STAGE_MAIN(STAGE_CASE(work__c052_five_submits_then_wait_runs_five),
 *                STAGE_CASE_X(work__other, .real_only = true))
 *
 * What a body must keep to:
 *  - no _Thread_local, no sleeping system call, no real time: wait by a counter, let time pass by
 *    stage_pass. Words shared between threads are tpp_ words or stage_ things, or ordered by them.
 *  - before it returns it has closed every object it made, and nothing touches its stack any more:
 *    a simple callback's last act on it is a stage_add that the body has awaited.
 *  - globals must be set again at the start of the body: it runs thousands of times.
 * After each body the stage waits until every object, pool and environment is gone; what stays is a
 * failure. In the simulator it also looks, whenever nobody can run, for work that lies in a pool of
 * which a worker sleeps. */
#ifndef TESTS_SUPPORT_STAGE_H
#define TESTS_SUPPORT_STAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/os/os.h"
#include "tests/support/sanitizer.h"
#include "tp/tp.h"

#ifdef TPP_SIM
#define stage_in_simulator true
#else
#define stage_in_simulator false
#endif

#define STAGE_MS INT64_C(1000000)
#define STAGE_S INT64_C(1000000000)

/* How often something is done: few times in each of many schedules, many times on real threads. */
#define stage_times(real, simulated) (stage_in_simulator ? (simulated) : (real))

/* The same of something that is done over and over: a sanitizer, which is slow, sees in some rounds
 * what it would see in all of them. */
#define stage_rounds(real, simulated) stage_times(SANITIZED ? (real) / 5 : (real), simulated)

/* ---- cases ----------------------------------------------------------------------------------- */

struct stage_case {
    const char *name;
    void (*body)(void);
    bool real_only;     /* says nothing in the simulator, or cannot run there */
    bool sim_only;      /* needs the virtual clock or the sweep of faults */
    bool no_early;      /* simulator: no deadline passes before its time */
    bool faults;        /* simulator: the body copes with failing allocations and threads */
    bool no_weak;       /* simulator: not in weak memory */
    uint32_t cpus;      /* simulator: processors; 0: 1 to 4 by seed */
    uint32_t max_steps; /* simulator: 0: its default */
    uint32_t seconds;   /* real threads: of the watchdog; 0: 60 */
};

#define STAGE_TEST(name) static void name(void)
#define STAGE_CASE(name_) \
    { \
        .name = #name_, .body = name_ \
    }
#define STAGE_CASE_X(name_, ...) \
    { \
        .name = #name_, .body = name_, __VA_ARGS__ \
    }
#define STAGE_MAIN(...) \
    int main(int argc, char **argv) \
    { \
        static const struct stage_case cases[] = {__VA_ARGS__}; \
        return stage_main(argc, argv, cases, sizeof cases / sizeof *cases); \
    }

/* On real threads the arguments are names of cases, none: all. */
int stage_main(int argc, char **argv, const struct stage_case *cases, size_t count);

/* ---- checks: any thread; on real threads the body goes on after a failure -------------------- */

bool stage_check_(bool held, const char *file, int line, const char *expression);
bool stage_check_eq_(int64_t a, int64_t b, const char *file, int line, const char *expression);

#define stage_expect(cond) ((void)stage_check_((cond) ? true : false, __FILE__, __LINE__, #cond))
#define stage_expect_eq(a, b) \
    ((void)stage_check_eq_((int64_t)(a), (int64_t)(b), __FILE__, __LINE__, #a " == " #b))
#define stage_require(cond) \
    do { \
        if (!stage_check_((cond) ? true : false, __FILE__, __LINE__, #cond)) \
            return; \
    } while (0)

/* Real threads: marks the case as skipped, the body returns after it. */
void stage_skip(const char *reason);

/* ---- threads and time ------------------------------------------------------------------------ */

typedef uint64_t stage_thread_t;
stage_thread_t stage_start(void (*body)(void *),
                           void *arg); /* a thread that is not the library's */
void stage_join(stage_thread_t thread);
uint64_t stage_self(void); /* the calling thread, never 0 */

int64_t stage_now(void);        /* monotonic ns, virtual in the simulator */
void stage_until(int64_t when); /* until stage_now() >= when */
void stage_pass(int64_t duration);

/* Simulator: until nobody else can run. Real threads: does nothing. */
void stage_rest(void);

/* Waits some 25 s until condition(arg) holds, and says whether it does. */
bool stage_eventually(bool (*condition)(void *), void *arg);

/* Threads of the library alive now, all pools together. */
uint32_t stage_library_threads(void);
/* Waits until at most so many are left; false after some 25 s. */
bool stage_library_threads_fall_to(uint32_t most);

/* From here on every allocation of the library fails, until called with false. */
void stage_fail_allocations(bool fail);

/* ---- counters: to count and to wait without sleeping ----------------------------------------- */

typedef struct {
    tpp_u32 value;
} stage_counter_t; /* all zero at first */

void stage_add(stage_counter_t *counter, uint32_t amount); /* releases what was written before */
uint32_t stage_value(stage_counter_t *counter);
void stage_await(stage_counter_t *counter, uint32_t at_least);
bool stage_await_for(stage_counter_t *counter, uint32_t at_least, int64_t timeout);

/* How many are inside at once, and the most that ever were. All zero at first. */
struct stage_peak {
    tpp_u32 inside, most;
};
uint32_t stage_enter(struct stage_peak *peak); /* how many are inside now */
void stage_leave(struct stage_peak *peak);
uint32_t stage_most(struct stage_peak *peak);

/* ---- order: an append-only log of letters. All zero at first --------------------------------- */

#define STAGE_LOG_MAX 256u
struct stage_log {
    tpp_u32 count;
    tpp_u32 letters[STAGE_LOG_MAX];
    char text[STAGE_LOG_MAX + 1];
};
void stage_log_add(struct stage_log *log, char letter);
const char *stage_log_text(struct stage_log *log); /* lives as long as the log; not concurrent */
bool stage_log_is(struct stage_log *log, const char *expected);

/* ---- a pool whose only worker is busy -------------------------------------------------------- */

struct stage_gate {
    tp_pool_t *pool;
    tp_work_t *blocker;
    stage_counter_t entered, opened;
    uint32_t rounds;
};
/* A pool of one thread, which is inside the blocker when this returns. */
void stage_gate_init(struct stage_gate *gate, const tp_pool_config_t *config_or_null);
void stage_gate_open(struct stage_gate *gate);
void stage_gate_shut(struct stage_gate *gate);     /* after an open: parks the worker again */
tp_env_t *stage_gate_env(struct stage_gate *gate); /* names the pool; destroyed by the caller */
void stage_gate_fini(struct stage_gate *gate);     /* opens it if need be, closes the pool */

/* ---- short ways ------------------------------------------------------------------------------ */

tp_pool_t *stage_pool(uint32_t minimum, uint32_t maximum); /* 0: the default */
tp_env_t *stage_env(tp_pool_t *pool_or_null);
tp_work_t *stage_work(tp_work_fn callback, void *context, const tp_env_t *env);
tp_pool_stats_t stage_stats(tp_pool_t *pool);
void stage_finish(tp_work_t *work); /* waits for ever, without cancel, and closes it */

/* ---- misuse: what the hook has heard since the case began ------------------------------------ */

uint32_t stage_misuses(void);
tp_status_t stage_misuse_status(void);   /* of the last */
const char *stage_misuse_function(void); /* of the last; "" if none */

/* ---- between stage.c and the two worlds ------------------------------------------------------ */

void stage_begin_(void); /* before a body */
void stage_end_(void);   /* after it: nothing may be left */

#endif
