/* litmus_test.c - weak memory shows every outcome C allows (but load buffering) and no other. */
#include "core/os/sim/sim.h"
#include "tests/support/tap.h"

enum { SCHEDULES = 20000, THREADS_MAX = 4 };

static tpp_u32 x, y;
static uint32_t r[4]; /* what the loads saw; 9: did not get there */
static uint32_t threads;
static void (*body[THREADS_MAX])(void *);
static uint64_t seen; /* outcomes, as bits; an outcome is r[0] + 3 r[1] + 9 r[2] + 27 r[3] */
static const bool weak_build = !UNDER_TSAN; /* there the simulator's memory is not weak */

#define OUTCOME2(a, b) (UINT64_C(1) << ((a) + 3 * (b)))
#define ALL2 (OUTCOME2(0, 0) | OUTCOME2(0, 1) | OUTCOME2(1, 0) | OUTCOME2(1, 1))

static void entry(void *arg)
{
    tpps_thread thread[THREADS_MAX];
    (void)arg;
    tpp_init(&x, 0);
    tpp_init(&y, 0);
    r[0] = r[1] = r[2] = r[3] = 0;
    for (uint32_t i = 0; i < threads; i++)
        thread[i] = tpps_spawn(body[i], NULL);
    for (uint32_t i = 0; i < threads; i++)
        tpps_join(thread[i]);
}

static uint64_t outcomes(bool weak, uint32_t schedules)
{
    struct tpps_options options = {.quiet = true, .weak = weak, .k = 20};
    seen = 0;
    for (uint32_t i = 0; i < schedules; i++) {
        options.seed = i + 1;
        options.strategy = i % 2 != 0 ? TPPS_PCT : TPPS_RANDOM;
        if (!tpps_run(&options, entry, NULL, NULL))
            return ~UINT64_C(0);
        seen |= UINT64_C(1) << (r[0] + 3 * r[1] + 9 * r[2] + 27 * r[3]);
    }
    return seen;
}

/* The same by exhaustion: no schedule and no stale load is left out within the bound. */
static uint64_t outcomes_dfs(bool weak, uint32_t bound)
{
    struct tpps_options options = {.quiet = true, .weak = weak, .strategy = TPPS_DFS,
                                   .depth = bound};
    static struct tpps_result result;
    uint32_t runs = 0;
    seen = 0;
    tpps_dfs_reset();
    do {
        if (!tpps_run(&options, entry, NULL, &result))
            return ~UINT64_C(0);
        seen |= UINT64_C(1) << (r[0] + 3 * r[1] + 9 * r[2] + 27 * r[3]);
    } while (!result.exhausted && ++runs < 2000000);
    check(result.exhausted);
    return seen;
}

#define BODY(name, code)          \
    static void name(void *arg)   \
    {                             \
        (void)arg;                \
        code                      \
    }

static void use(uint32_t count, void (*a)(void *), void (*b)(void *), void (*c)(void *),
                void (*d)(void *))
{
    threads = count;
    body[0] = a;
    body[1] = b;
    body[2] = c;
    body[3] = d;
}

/* ---- store buffering ------------------------------------------------------------------------- */

BODY(sb_0, tpp_store_relaxed(&x, 1); r[0] = tpp_load_relaxed(&y);)
BODY(sb_1, tpp_store_relaxed(&y, 1); r[1] = tpp_load_relaxed(&x);)
BODY(sb_fence_0, tpp_store_relaxed(&x, 1); tpp_fence_seq_cst(); r[0] = tpp_load_relaxed(&y);)
BODY(sb_fence_1, tpp_store_relaxed(&y, 1); tpp_fence_seq_cst(); r[1] = tpp_load_relaxed(&x);)
BODY(sb_acq_rel_0, tpp_store_release(&x, 1); r[0] = tpp_load_acquire(&y);)
BODY(sb_acq_rel_1, tpp_store_release(&y, 1); r[1] = tpp_load_acquire(&x);)

TAP_TEST(litmus__store_buffering)
{
    use(2, sb_0, sb_1, NULL, NULL);
    check_eq(outcomes(false, SCHEDULES), ALL2 & ~OUTCOME2(0, 0));
    check_eq(outcomes_dfs(false, 3), ALL2 & ~OUTCOME2(0, 0));
    if (!weak_build)
        return;
    check_eq(outcomes(true, SCHEDULES), ALL2);
    check_eq(outcomes_dfs(true, 2), ALL2);
    use(2, sb_acq_rel_0, sb_acq_rel_1, NULL, NULL);
    check_eq(outcomes(true, SCHEDULES), ALL2);
    use(2, sb_fence_0, sb_1, NULL, NULL); /* one fence is not enough */
    check_eq(outcomes(true, SCHEDULES), ALL2);
    use(2, sb_fence_0, sb_fence_1, NULL, NULL);
    check_eq(outcomes(true, SCHEDULES), ALL2 & ~OUTCOME2(0, 0));
    check_eq(outcomes_dfs(true, 3), ALL2 & ~OUTCOME2(0, 0));
}

/* ---- message passing ------------------------------------------------------------------------- */

BODY(mp_relaxed, tpp_store_relaxed(&x, 1); tpp_store_relaxed(&y, 1);)
BODY(mp_release, tpp_store_relaxed(&x, 1); tpp_store_release(&y, 1);)
BODY(mp_fence, tpp_store_relaxed(&x, 1); tpp_fence_seq_cst(); tpp_store_relaxed(&y, 1);)
BODY(mp_rmw, tpp_store_relaxed(&x, 1); tpp_add_acq_rel(&y, 1);)
BODY(mp_cas, uint32_t e = 0; tpp_store_relaxed(&x, 1); (void)tpp_cas_release(&y, &e, 1);)
BODY(mp_read_relaxed, r[0] = tpp_load_relaxed(&y); r[1] = tpp_load_relaxed(&x);)
BODY(mp_read_acquire, r[0] = tpp_load_acquire(&y); r[1] = tpp_load_relaxed(&x);)
BODY(mp_read_fence, r[0] = tpp_load_relaxed(&y); tpp_fence_seq_cst(); r[1] = tpp_load_relaxed(&x);)
BODY(mp_read_rmw, r[0] = tpp_or_acq_rel(&y, 0); r[1] = tpp_load_relaxed(&x);)
BODY(mp_read_cas, r[0] = 5; (void)tpp_cas_acquire(&y, &r[0], 5); r[1] = tpp_load_relaxed(&x);)

TAP_TEST(litmus__message_passing)
{
    static void (*const writers[])(void *) = {mp_release, mp_fence, mp_rmw, mp_cas};
    static void (*const readers[])(void *) = {mp_read_acquire, mp_read_fence, mp_read_rmw,
                                              mp_read_cas};
    const uint64_t good = ALL2 & ~OUTCOME2(1, 0);
    use(2, mp_relaxed, mp_read_relaxed, NULL, NULL);
    check_eq(outcomes(false, SCHEDULES), good);
    for (int w = 0; w < 4; w++)
        for (int k = 0; k < 4; k++) {
            use(2, writers[w], readers[k], NULL, NULL);
            check_eq(outcomes(weak_build, SCHEDULES / 4), good);
        }
    if (!weak_build)
        return;
    for (int w = 0; w < 4; w++) {
        use(2, writers[w], mp_read_relaxed, NULL, NULL);
        check_eq(outcomes(true, SCHEDULES / 4), ALL2);
        use(2, mp_relaxed, readers[w], NULL, NULL);
        check_eq(outcomes(true, SCHEDULES / 4), ALL2);
    }
}

/* ---- load buffering is not shown ------------------------------------------------------------- */

BODY(lb_0, r[0] = tpp_load_relaxed(&x); tpp_store_relaxed(&y, 1);)
BODY(lb_1, r[1] = tpp_load_relaxed(&y); tpp_store_relaxed(&x, 1);)

TAP_TEST(litmus__load_buffering_is_not_shown)
{
    use(2, lb_0, lb_1, NULL, NULL);
    check_eq(outcomes(weak_build, SCHEDULES), ALL2 & ~OUTCOME2(1, 1));
}

/* ---- coherence ------------------------------------------------------------------------------- */

BODY(co_write, tpp_store_relaxed(&x, 1); tpp_store_relaxed(&x, 2);)
BODY(co_read, r[0] = tpp_load_relaxed(&x); r[1] = tpp_load_relaxed(&x);)

TAP_TEST(litmus__one_word_never_goes_back)
{
    const uint64_t expected = OUTCOME2(0, 0) | OUTCOME2(0, 1) | OUTCOME2(0, 2) | OUTCOME2(1, 1) |
                              OUTCOME2(1, 2) | OUTCOME2(2, 2);
    use(2, co_write, co_read, NULL, NULL);
    check_eq(outcomes(false, SCHEDULES), expected);
    check_eq(outcomes(weak_build, SCHEDULES), expected);
}

/* What somebody saw is seen by whoever synchronises with him, although he only read it. */
BODY(wrc_0, tpp_store_relaxed(&x, 1);)
BODY(wrc_1, r[0] = tpp_load_relaxed(&x); tpp_store_release(&y, 1);)
BODY(wrc_2, r[1] = tpp_load_acquire(&y); r[2] = tpp_load_relaxed(&x);)

TAP_TEST(litmus__what_was_read_is_handed_on)
{
    const uint64_t wrong = UINT64_C(1) << (1 + 3);
    use(3, wrc_0, wrc_1, wrc_2, NULL);
    check_eq(outcomes(weak_build, SCHEDULES) & wrong, 0);
    check_eq(outcomes(weak_build, SCHEDULES), 0x361b & ~wrong);
}

/* ---- independent reads of independent writes ------------------------------------------------- */

BODY(iriw_x, tpp_store_release(&x, 1);)
BODY(iriw_y, tpp_store_release(&y, 1);)
BODY(iriw_xy, r[0] = tpp_load_acquire(&x); r[1] = tpp_load_acquire(&y);)
BODY(iriw_yx, r[2] = tpp_load_acquire(&y); r[3] = tpp_load_acquire(&x);)
BODY(iriw_fence_xy, r[0] = tpp_load_relaxed(&x); tpp_fence_seq_cst(); r[1] = tpp_load_relaxed(&y);)
BODY(iriw_fence_yx, r[2] = tpp_load_relaxed(&y); tpp_fence_seq_cst(); r[3] = tpp_load_relaxed(&x);)

TAP_TEST(litmus__two_readers_may_disagree_without_fences)
{
    const uint64_t disagree = UINT64_C(1) << (1 + 9);
    use(4, iriw_x, iriw_y, iriw_xy, iriw_yx);
    check_eq(outcomes(false, SCHEDULES) & disagree, 0);
    check_eq((outcomes(weak_build, SCHEDULES) & disagree) != 0, weak_build);
    use(4, iriw_x, iriw_y, iriw_fence_xy, iriw_fence_yx);
    check_eq(outcomes(weak_build, SCHEDULES) & disagree, 0);
}

/* ---- release sequences ----------------------------------------------------------------------- */

BODY(rs_head, tpp_store_relaxed(&x, 1); tpp_store_release(&y, 1);)
BODY(rs_rmw, uint32_t e = 1; (void)tpp_cas_relaxed(&y, &e, 2);)
BODY(rs_store, if (tpp_load_relaxed(&y) == 1) tpp_store_relaxed(&y, 2);)
BODY(rs_tail, r[0] = tpp_load_acquire(&y); r[1] = tpp_load_relaxed(&x);)
BODY(rs_own, tpp_store_relaxed(&x, 1); tpp_store_release(&y, 1); tpp_store_relaxed(&y, 2);)

TAP_TEST(litmus__release_sequences_go_through_read_modify_writes_only)
{
    const uint64_t broken = OUTCOME2(2, 0);
    use(3, rs_head, rs_rmw, rs_tail, NULL);
    check_eq(outcomes(weak_build, SCHEDULES) & (broken | OUTCOME2(1, 0)), 0);
    check((outcomes(weak_build, SCHEDULES) & OUTCOME2(2, 1)) != 0);
    if (!weak_build)
        return;
    use(3, rs_head, rs_store, rs_tail, NULL);
    check((outcomes(true, SCHEDULES) & broken) != 0);
    use(2, rs_own, rs_tail, NULL, NULL);
    check((outcomes(true, SCHEDULES) & broken) != 0);
    check_eq(seen & OUTCOME2(1, 0), 0);
}

/* ---- read-modify-writes, spawn and join, wait ------------------------------------------------ */

BODY(add_twice, tpp_add_relaxed(&x, 1); tpp_add_relaxed(&x, 1);)
BODY(join_child, tpp_store_relaxed(&y, 1);)
BODY(join_parent, tpps_thread t; tpp_store_relaxed(&x, 1); t = tpps_spawn(join_child, NULL);
     tpps_join(t); r[0] = tpp_load_relaxed(&y);)
BODY(count_reader, r[0] = tpp_add_relaxed(&x, 0);)

TAP_TEST(litmus__read_modify_writes_see_the_newest)
{
    use(2, add_twice, count_reader, NULL, NULL);
    check_eq(outcomes(weak_build, SCHEDULES), OUTCOME2(0, 0) | OUTCOME2(1, 0) | OUTCOME2(2, 0));
}

TAP_TEST(litmus__spawn_and_join_synchronise)
{
    use(1, join_parent, NULL, NULL, NULL);
    check_eq(outcomes(weak_build, SCHEDULES), OUTCOME2(1, 0));
}

/* A load that goes stale at most twice in a row lets every spin end. */
BODY(spin_writer, tpp_store_relaxed(&x, 1);)
BODY(spin_reader, while (tpp_load_relaxed(&x) == 0) tpp_cpu_relax(); r[0] = 1;)

TAP_TEST(litmus__spins_end)
{
    use(2, spin_writer, spin_reader, NULL, NULL);
    check_eq(outcomes(weak_build, SCHEDULES), OUTCOME2(1, 0));
    check_eq(outcomes_dfs(weak_build, 2), OUTCOME2(1, 0));
}

int main(void)
{
    tap_run(litmus__store_buffering);
    tap_run(litmus__message_passing);
    tap_run(litmus__load_buffering_is_not_shown);
    tap_run(litmus__one_word_never_goes_back);
    tap_run(litmus__what_was_read_is_handed_on);
    tap_run(litmus__two_readers_may_disagree_without_fences);
    tap_run(litmus__release_sequences_go_through_read_modify_writes_only);
    tap_run(litmus__read_modify_writes_see_the_newest);
    tap_run(litmus__spawn_and_join_synchronise);
    tap_run(litmus__spins_end);
    return tap_done();
}
