/* search_test.c - strategies, tokens and shrinking: what is searched, repeated and made small. */
#include "core/os/sim/sim.h"
#include "tests/support/tap.h"

static struct tpps_result result;
static tpp_u32 word, ended;
static uint32_t outcomes;

static void add_badly(void *arg)
{
    uint32_t times = (uint32_t)(uintptr_t)arg;
    for (uint32_t i = 0; i < times; i++)
        tpp_store_relaxed(&word, tpp_load_relaxed(&word) + 1);
}

/* Two fibers, two bad additions each: the sum is 4, with one preemption also 2, with two also 3. */
static void race(void *arg)
{
    tpps_thread a, b;
    (void)arg;
    tpp_init(&word, 0);
    a = tpps_spawn(add_badly, (void *)2);
    b = tpps_spawn(add_badly, (void *)2);
    tpps_join(a);
    tpps_join(b);
    outcomes |= 1u << tpp_peek(&word);
}

static void race_to_two(void *arg)
{
    race(arg);
    tpps_check(tpp_peek(&word) != 2);
}

static uint32_t exhaust(void (*entry)(void *), uint32_t bound, bool *failed)
{
    struct tpps_options options = {.strategy = TPPS_DFS, .depth = bound, .quiet = true};
    uint32_t runs = 0;
    outcomes = 0;
    *failed = false;
    tpps_dfs_reset();
    do {
        runs++;
        if (!tpps_run(&options, entry, NULL, &result)) {
            *failed = true;
            return runs;
        }
    } while (!result.exhausted && runs < 1000000);
    check(result.exhausted);
    return runs;
}

TAP_TEST(search__dfs_ends_and_more_preemptions_show_more)
{
    bool failed;
    uint32_t runs[4];
    const uint32_t expected[] = {1u << 4, 1u << 2 | 1u << 4, 7u << 2, 7u << 2};
    for (uint32_t bound = 0; bound < 4; bound++) {
        runs[bound] = exhaust(race, bound, &failed);
        check(!failed);
        check_eq(outcomes, expected[bound]);
        check(bound == 0 || runs[bound] > runs[bound - 1]);
    }
    check_eq(runs[3], exhaust(race, 3, &failed)); /* the same search again */
    printf("#   schedules: %u %u %u %u\n", runs[0], runs[1], runs[2], runs[3]);
}

static void replay(const char *token, void (*entry)(void *))
{
    struct tpps_options options;
    static struct tpps_result again;
    check(tpps_token_parse(token, &options));
    options.quiet = true;
    check(!tpps_run(&options, entry, NULL, &again));
    check(again.trace == result.trace);
    check_eq(again.steps, result.steps);
    check(strcmp(again.token, token) == 0);
}

TAP_TEST(search__a_dfs_path_replays)
{
    bool failed;
    exhaust(race_to_two, 3, &failed);
    require(failed);
    check(strncmp(result.token, "tp1:path:", 9) == 0);
    replay(result.token, race_to_two);
}

TAP_TEST(search__bytes_decide_and_replay)
{
    uint8_t bytes[32];
    struct tpps_options options = {
        .strategy = TPPS_BYTES, .quiet = true, .bytes = bytes, .bytes_size = sizeof bytes};
    uint32_t state = 1, tries = 0;
    bool ok = true;
    for (; ok && tries < 20000; tries++) {
        for (size_t i = 0; i < sizeof bytes; i++) {
            state = state * 1664525u + 1013904223u;
            bytes[i] = (uint8_t)(state >> 24);
        }
        ok = tpps_run(&options, race_to_two, NULL, &result);
    }
    require(!ok);
    check(strncmp(result.token, "tp1:bytes:", 10) == 0);
    replay(result.token, race_to_two);
    options.bytes_size = 0;
    check(tpps_run(&options, race, NULL, &result)); /* no bytes: still a whole run */
}

/* What PCT promises: a bug of depth d is met with probability 1/(n k^(d-1)) at least. */
TAP_TEST(search__pct_keeps_its_promise)
{
    struct tpps_options options = {.depth = 3, .k = 24, .quiet = true};
    uint32_t hits = 0, runs = 20000;
    for (options.seed = 1; options.seed <= runs; options.seed++)
        hits += !tpps_run(&options, race_to_two, NULL, &result);
    printf("#   %u of %u\n", hits, runs);
    check(hits > runs / (3 * 24 * 24));
}

static void order(void *arg)
{
    tpp_init(&word, tpp_peek(&word) * 4 + (uint32_t)(uintptr_t)arg); /* no point in between */
}

static void three_in_order(void *arg)
{
    tpps_thread thread[3];
    (void)arg;
    tpp_init(&word, 0);
    for (uintptr_t i = 0; i < 3; i++)
        thread[i] = tpps_spawn(order, (void *)(i + 1));
    for (int i = 0; i < 3; i++)
        tpps_join(thread[i]);
}

TAP_TEST(search__every_order_of_three_comes_up)
{
    struct tpps_options options = {.quiet = true, .k = 10};
    uint64_t orders = 0;
    for (int strategy = 0; strategy < 2; strategy++) {
        options.strategy = strategy == 0 ? TPPS_PCT : TPPS_RANDOM;
        orders = 0;
        for (options.seed = 1; options.seed < 2000; options.seed++) {
            check(tpps_run(&options, three_in_order, NULL, &result));
            orders |= UINT64_C(1) << tpp_peek(&word);
        }
        check_eq(__builtin_popcountll(orders), 6);
    }
}

/* ---- tokens ---------------------------------------------------------------------------------- */

TAP_TEST(token__holds_everything)
{
    const struct tpps_options all = {.strategy = TPPS_RANDOM,
                                     .seed = UINT64_MAX,
                                     .depth = 7,
                                     .k = 901,
                                     .max_steps = 77,
                                     .weak = true,
                                     .fail_nth = 12,
                                     .fail_on = true,
                                     .fail_also = 13,
                                     .cpus = 5,
                                     .clock0 = INT64_MAX - 5,
                                     .early = 33,
                                     .spurious = 9,
                                     .settle_ns = 123456789012,
                                     .relax_ns = 17,
                                     .leaks_allowed = true,
                                     .no_fibers_left = true};
    struct tpps_options back;
    char text[512], again[512];
    check(tpps_token_format(&all, text, sizeof text));
    check(tpps_token_parse(text, &back));
    check(tpps_token_format(&back, again, sizeof again));
    check(strcmp(text, again) == 0);
    check(back.seed == all.seed && back.depth == 7 && back.k == 901 && back.max_steps == 77);
    check(back.fail_nth == 12 && back.fail_on && back.fail_also == 13);
    check(back.weak && back.cpus == 5);
    check(back.clock0 == all.clock0 && back.early == 33 && back.spurious == 9);
    check(back.settle_ns == all.settle_ns && back.relax_ns == 17);
    check(back.leaks_allowed && back.no_fibers_left);
    check(!tpps_token_format(&all, text, 20));
}

TAP_TEST(token__refuses_what_is_none)
{
    static const char *const bad[] = {"",
                                      "tp1",
                                      "tp1:",
                                      "tp2:pct",
                                      "tp1:nothing",
                                      "tp1:pct:seed",
                                      "tp1:pct:seed=x",
                                      "tp1:pct:what=1",
                                      "tp1:pct:d=-1",
                                      "tp1:path:x=1x",
                                      "tp1:path:x=300",
                                      "tp1:bytes:x=0g",
                                      "tp1:script:x=1.2.3",
                                      "tp1:pct:x=1"};
    struct tpps_options options;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        check(!tpps_token_parse(bad[i], &options));
    check(tpps_token_parse("tp1:path:x=1.0x300.2", &options));
    check_eq(options.bytes_size, 302);
}

/* ---- shrinking ------------------------------------------------------------------------------- */

static void busy(void *arg)
{
    add_badly(arg);
    tpp_add_relaxed(&ended, 1);
}

/* Much noise and one thing that matters: the last adder loses an addition. */
static void noisy(void *arg)
{
    tpps_thread thread[4];
    (void)arg;
    tpp_init(&word, 0);
    tpp_init(&ended, 0);
    for (int i = 0; i < 4; i++)
        thread[i] = tpps_spawn(busy, (void *)5);
    for (int i = 0; i < 4; i++)
        tpps_join(thread[i]);
    tpps_check(tpp_peek(&word) == 20);
}

TAP_TEST(shrink__a_random_walk_comes_down_to_a_few_switches)
{
    struct tpps_options options = {.strategy = TPPS_RANDOM, .seed = 3, .quiet = true};
    struct tpps_options small;
    static char text[16384];
    FILE *out = fmemopen(text, sizeof text, "w");
    int left;
    require(out != NULL);
    left = tpps_shrink(&options, noisy, NULL, NULL, 3000, out, &result);
    fclose(out);
    check(left >= 1 && left <= 3);
    check(strstr(text, "search_test.c:") != NULL);
    check(strstr(text, "goes on") != NULL);
    check(result.failed);
    check(tpps_token_parse(result.token, &small));
    check_eq(small.script_count, (size_t)left);
    replay(result.token, noisy);
}

TAP_TEST(shrink__a_clean_run_is_refused)
{
    struct tpps_options options = {.strategy = TPPS_RANDOM, .seed = 3, .quiet = true};
    check_eq(tpps_shrink(&options, three_in_order, NULL, NULL, 100, NULL, &result), -1);
}

int main(void)
{
    tap_run(search__dfs_ends_and_more_preemptions_show_more);
    tap_run(search__a_dfs_path_replays);
    tap_run(search__bytes_decide_and_replay);
    tap_run(search__pct_keeps_its_promise);
    tap_run(search__every_order_of_three_comes_up);
    tap_run(token__holds_everything);
    tap_run(token__refuses_what_is_none);
    tap_run(shrink__a_random_walk_comes_down_to_a_few_switches);
    tap_run(shrink__a_clean_run_is_refused);
    return tap_done();
}
