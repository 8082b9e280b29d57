/* shared_test.c - the pools of a process share its processors, and each one tells what it got. */
#include "core/sched/pool.h"
#include "tests/support/stage.h"

#define POOLS 3

struct busy {
    tp_pool_t *pool;
    tp_work_t *work;
    stage_counter_t started, open;
};

static void hold(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct busy *busy = context;
    (void)instance;
    (void)work;
    stage_add(&busy->started, 1);
    stage_await(&busy->open, 1);
}

static void begin(struct busy *busy, uint32_t minimum, uint32_t posts)
{
    *busy = (struct busy){.pool = stage_pool(minimum, 0)};
    tp_env_t *env = stage_env(busy->pool);
    busy->work = stage_work(hold, busy, env);
    tp_env_destroy(env);
    stage_expect_eq(tp_work_submit_many(busy->work, posts), TP_OK);
    stage_await(&busy->started, 1);
}

static void end(struct busy *busy)
{
    stage_add(&busy->open, 1);
    stage_finish(busy->work);
    stage_expect_eq(tp_pool_shutdown(busy->pool, false, TP_INFINITE), TP_OK);
}

struct all {
    struct busy pools[POOLS];
    uint32_t count, processors, least;
};

/* The shares are read one after the other: while one moves, the sum may seem too large. */
static bool share_fairly(void *arg)
{
    const struct all *all = arg;
    uint32_t sum = 0;
    for (uint32_t i = 0; i < all->count; i++)
        sum += stage_stats(all->pools[i].pool).thread_target;
    return sum <= all->processors && sum >= all->least;
}

STAGE_TEST(shared__targets_of_busy_pools_do_not_exceed_the_processors)
{
    struct all all = {.count = POOLS, .processors = tpp_cpu_count()};
    for (uint32_t i = 0; i < POOLS; i++)
        begin(&all.pools[i], 0, all.processors);
    stage_expect(stage_eventually(share_fairly, &all));
    for (uint32_t i = 0; i < POOLS; i++)
        stage_await(&all.pools[i].started, all.processors); /* the gate sees to those that wait */
    stage_expect(stage_eventually(share_fairly, &all));
    for (uint32_t i = 0; i < POOLS; i++)
        end(&all.pools[i]);
}

/* One that has the machine for itself gets a share, and gives it back at its end. How much of it is
 * told by the budget's scenarios: threads that the gate adds for blocked ones need no share. */
STAGE_TEST(shared__what_one_pool_gives_back_the_next_gets)
{
    struct all all = {.count = 1, .processors = tpp_cpu_count(), .least = 1};
    for (int round = 0; round < 2; round++) {
        begin(&all.pools[0], 0, all.processors + 1);
        stage_expect(stage_eventually(share_fairly, &all));
        end(&all.pools[0]);
    }
}

/* A minimum is kept however small the share is. */
STAGE_TEST(shared__minimum_may_exceed_the_processors)
{
    struct all all = {.count = 2, .processors = tpp_cpu_count()};
    uint32_t many = all.processors + 2;
    begin(&all.pools[0], many, many);
    begin(&all.pools[1], 0, 1);
    stage_await(&all.pools[0].started, many);
    stage_expect(stage_stats(all.pools[0].pool).threads >= many);
    stage_expect(stage_eventually(share_fairly, &all));
    end(&all.pools[0]);
    end(&all.pools[1]);
}

STAGE_MAIN(STAGE_CASE(shared__targets_of_busy_pools_do_not_exceed_the_processors),
           STAGE_CASE(shared__what_one_pool_gives_back_the_next_gets),
           STAGE_CASE(shared__minimum_may_exceed_the_processors))
