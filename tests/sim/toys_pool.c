/* toys_pool.c - a pool of two workers with an idle bitmap, one searcher at most, and four bugs. */
#include "tests/sim/toys.h"

enum { WORKERS = 2, SUBMITTERS = 2, TASKS_EACH = 2, TASKS = SUBMITTERS * TASKS_EACH };
enum {
    RECHECK_TOO_EARLY = 1, /* looks again before its idle bit is set */
    NO_FENCE,              /* store-load order left to luck */
    SEARCHING_TOO_LONG,    /* gives up searching only after it has looked again */
    BIT_WITHOUT_CAS,       /* takes an idle bit by load and store */
};

#define KEEP_ALIVE INT64_C(10000000000)

int toy_bug;

static tpp_u32 queued, done, idle, searching, stopping;
static tpp_u32 park[WORKERS];

/* With tasks queued and all asleep somebody was not woken; the keep-alive time would hide it. */
static void oracle(void *context)
{
    (void)context;
    if (tpp_peek(&queued) != 0)
        tpps_fail("stranded: %u tasks queued and everybody asleep", tpp_peek(&queued));
}

static bool take_idle_bit(uint32_t *worker)
{
    uint32_t bits = tpp_load_relaxed(&idle);
    while (bits != 0) {
        *worker = (uint32_t)__builtin_ctz(bits);
        if (toy_bug == BIT_WITHOUT_CAS) {
            tpp_store_relaxed(&idle, bits & (bits - 1));
            return true;
        }
        if (tpp_cas_acq_rel(&idle, &bits, bits & (bits - 1)))
            return true;
    }
    return false;
}

static void wake_one(void)
{
    uint32_t none = 0, worker;
    while (tpp_load_relaxed(&idle) != 0 && tpp_cas_acq_rel(&searching, &none, 1)) {
        if (take_idle_bit(&worker)) {
            tpp_store_release(&park[worker], 1);
            tpp_wake(&park[worker], 1);
            return;
        }
        tpp_store_release(&searching, 0);
        tpp_fence_seq_cst();
        if (tpp_load_relaxed(&queued) == 0)
            return; /* while it searched, others with something new left the waking to it */
    }
}

static void submit(void)
{
    tpp_add_acq_rel(&queued, 1);
    if (toy_bug != NO_FENCE)
        tpp_fence_seq_cst();
    wake_one();
}

static bool take(void)
{
    uint32_t count = tpp_load_relaxed(&queued);
    while (count != 0)
        if (tpp_cas_acq_rel(&queued, &count, count - 1))
            return true;
    return false;
}

static bool anything(void)
{
    return tpp_load_relaxed(&queued) != 0 || tpp_load_acquire(&stopping) != 0;
}

/* Sleeps until woken, or not at all if there is something to do. True: it was woken as searcher. */
static bool rest(uint32_t me, bool searcher)
{
    uint32_t mine = 1u << me;
    bool found = false;
    tpp_store_relaxed(&park[me], 0);
    if (toy_bug == RECHECK_TOO_EARLY)
        found = anything();
    tpp_or_acq_rel(&idle, mine);
    if (searcher && toy_bug != SEARCHING_TOO_LONG)
        tpp_store_release(&searching, 0);
    if (toy_bug != NO_FENCE)
        tpp_fence_seq_cst();
    if (toy_bug != RECHECK_TOO_EARLY)
        found = anything();
    if (searcher && toy_bug == SEARCHING_TOO_LONG)
        tpp_store_release(&searching, 0);
    if (found && (tpp_and_acq_rel(&idle, ~mine) & mine) != 0)
        return false;
    while (tpp_load_acquire(&park[me]) == 0)
        tpp_wait(&park[me], 0, tpp_now(TPP_CLOCK_MONOTONIC) + KEEP_ALIVE);
    return true;
}

static void run_one(void)
{
    if (tpp_add_acq_rel(&done, 1) + 1 == TASKS)
        tpp_wake(&done, 1);
}

static void worker(void *argument)
{
    uint32_t me = (uint32_t)(uintptr_t)argument;
    bool searcher = false;
    for (;;) {
        if (take()) {
            if (searcher) {
                searcher = false;
                tpp_store_release(&searching, 0);
                tpp_fence_seq_cst();
                wake_one();
            }
            run_one();
        } else if (tpp_load_acquire(&stopping) != 0) {
            return;
        } else {
            searcher = rest(me, searcher);
        }
    }
}

static void submitter(void *argument)
{
    (void)argument;
    for (int i = 0; i < TASKS_EACH; i++)
        submit();
}

static void pool(void *arg)
{
    static const struct tpp_thread_options options = {.name = "worker"};
    tpps_thread threads[SUBMITTERS];
    uint32_t seen;
    (void)arg;
    tpp_init(&queued, 0);
    tpp_init(&done, 0);
    tpp_init(&idle, 0);
    tpp_init(&searching, 0);
    tpp_init(&stopping, 0);
    tpps_on_quiet(oracle, NULL);
    for (uint32_t i = 0; i < WORKERS; i++)
        tpp_init(&park[i], 0);
    for (uintptr_t i = 0; i < WORKERS; i++)
        tpps_check(tpp_thread_start(worker, (void *)i, &options) == 0);
    for (int i = 0; i < SUBMITTERS; i++)
        threads[i] = tpps_spawn(submitter, NULL);
    while ((seen = tpp_load_acquire(&done)) != TASKS)
        tpp_wait(&done, seen, TPP_FOREVER);
    for (int i = 0; i < SUBMITTERS; i++)
        tpps_join(threads[i]);
    tpp_store_release(&stopping, 1);
    tpp_fence_seq_cst();
    for (int i = 0; i < WORKERS; i++) {
        tpp_store_release(&park[i], 1);
        tpp_wake(&park[i], 1);
    }
}

const struct toy toys_pool[] = {
    {"pool: looks again before it is idle", pool, RECHECK_TOO_EARLY, TOY_PLAIN, "stranded", 5000, 0,
     0},
    {"pool: no fence between bit and look", pool, NO_FENCE, TOY_WEAK, "stranded", 5000, 0, 0},
    {"pool: searcher steps back after its last look", pool, SEARCHING_TOO_LONG, TOY_PLAIN,
     "stranded", 20000, 0, 0},
    {"pool: idle bit taken without compare-swap", pool, BIT_WITHOUT_CAS, TOY_PLAIN, NULL, 20000, 0,
     0},
};
const size_t toys_pool_count = sizeof toys_pool / sizeof *toys_pool;
