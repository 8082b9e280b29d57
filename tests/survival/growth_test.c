/* growth_test.c - pools grow when callbacks block, as far as allowed, and soon. */
#define _GNU_SOURCE
#include "tests/survival/scene.h"

enum { ROUNDS = 31, CROWD = 500, STACK = 256 << 10, PROCESSORS = 2 };

/* ---- barriers, which the library cannot see -------------------------------------------------- */

static pthread_barrier_t barrier;
static tpp_u32 arrived, left;

static void meet(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    tpp_add_acq_rel(&arrived, 1);
    pthread_barrier_wait(&barrier);
    tpp_add_acq_rel(&left, 1);
}

static void begin_meeting(uint32_t parties)
{
    tpp_store_release(&arrived, 0);
    tpp_store_release(&left, 0);
    check_eq(pthread_barrier_init(&barrier, NULL, parties), 0);
}

/* So many callbacks that all must meet, on a pool that may have just as many threads. */
static void expect_meeting(uint32_t parties)
{
    struct scene scene = scene_plan(0, parties);
    scene.config.stack_reserve = STACK;
    scene_build(&scene);
    begin_meeting(parties);
    tp_work_t *work = scene_work(&scene, meet, NULL);
    int64_t begun = now();
    check_eq(tp_work_submit_many(work, parties), TP_OK);
    check(reaches(&left, parties));
    int64_t took = now() - begun;
    tp_pool_stats_t stats = stats_of(scene.pool);
    printf("# %u callbacks met after %.1f ms; target %u, %llu threads injected\n", parties,
           (double)took / 1e6, stats.thread_target, (unsigned long long)stats.threads_injected);
    check(took < 2000 * MS * patience());
    check_eq(stats.threads_peak, parties);
    check(stats.threads_injected > 0);
    check(stats.threads_injected <= stats.threads_created);
    finish_work(work);
    scene_end(&scene);
    pthread_barrier_destroy(&barrier);
}

TAP_TEST(growth__c006_four_callbacks_meet_at_a_barrier)
{
    expect_meeting(4);
}

TAP_TEST(growth__c006_five_hundred_callbacks_meet_at_a_barrier)
{
    expect_meeting(SANITIZED ? CROWD / 5 : CROWD);
}

TAP_TEST(growth__c007_three_callbacks_cannot_meet_on_two_threads_until_the_maximum_is_three)
{
    struct scene scene = scene_plan(0, 2);
    scene_build(&scene);
    begin_meeting(3);
    tp_work_t *work = scene_work(&scene, meet, NULL);
    check_eq(tp_work_submit_many(work, 3), TP_OK);
    check(reaches(&arrived, 2));
    usleep(200000);
    check_eq(tpp_load_acquire(&arrived), 2);
    check_eq(tpp_load_acquire(&left), 0);
    tp_pool_stats_t stats = stats_of(scene.pool);
    check_eq(stats.threads, 2);
    check_eq(stats.pending[TP_PRIORITY_NORMAL], 1);
    check(stats.thread_cap_reached > 0);
    check_eq(tp_pool_set_thread_maximum(scene.pool, 3), TP_OK);
    check(reaches(&left, 3));
    finish_work(work);
    scene_end(&scene);
    pthread_barrier_destroy(&barrier);
}

/* ---- read(2) --------------------------------------------------------------------------------- */

static int hose[2]; /* a pipe in which nothing comes until the end of the round */
static tpp_u32 inside, done;

static void drink(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    char byte;
    (void)instance;
    (void)context;
    (void)work;
    tpp_add_acq_rel(&inside, 1);
    check_eq(read(hose[0], &byte, 1), 1);
    tpp_add_acq_rel(&done, 1);
}

static void begin_drinking(void)
{
    tpp_store_release(&inside, 0);
    tpp_store_release(&done, 0);
    check_eq(pipe(hose), 0);
}

static void pour(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        check_eq(write(hose[1], "", 1), 1);
}

static void end_drinking(void)
{
    close(hose[0]);
    close(hose[1]);
}

static tpp_u64 third_at;

static void third(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    tpp_store_release(&third_at, (uint64_t)now());
    tpp_add_acq_rel(&done, 1);
}

/* How long a third callback waits while two are blocked on a pool whose target is two, `rest` us
 * after they came in. */
static int64_t delay_of_third(useconds_t rest)
{
    struct scene scene = scene_plan(0, 0);
    scene_build(&scene);
    begin_drinking();
    tp_work_t *drinker = scene_work(&scene, drink, NULL), *other = scene_work(&scene, third, NULL);
    check_eq(tp_work_submit_many(drinker, PROCESSORS), TP_OK);
    check(reaches(&inside, PROCESSORS));
    check_eq(stats_of(scene.pool).thread_target, PROCESSORS);
    check_eq(stats_of(scene.pool).threads, PROCESSORS);
    usleep(rest);
    int64_t posted = now();
    check_eq(tp_work_submit(other), TP_OK);
    check(reaches(&done, 1));
    int64_t delay = (int64_t)tpp_load_acquire(&third_at) - posted;
    pour(PROCESSORS);
    finish_work(drinker);
    finish_work(other);
    scene_end(&scene);
    end_drinking();
    return delay;
}

static int compare(const void *a, const void *b)
{
    int64_t left_one = *(const int64_t *)a, right_one = *(const int64_t *)b;
    return (left_one > right_one) - (left_one < right_one);
}

/* What the library adds is in every round, what a loaded machine adds comes on top of that: so the
 * quick ones tell of the library, and the middle one that it is not quick by luck. */
static void expect_short_delay(useconds_t rest)
{
    int64_t delays[ROUNDS];
    for (int i = 0; i < ROUNDS; i++)
        delays[i] = delay_of_third(rest);
    qsort(delays, ROUNDS, sizeof *delays, compare);
    printf("# delay of a third callback, %u us after the others blocked: 10th percentile %.2f ms, "
           "median %.2f ms, longest %.2f ms\n",
           (unsigned)rest, (double)delays[ROUNDS / 10] / 1e6, (double)delays[ROUNDS / 2] / 1e6,
           (double)delays[ROUNDS - 1] / 1e6);
    check(delays[ROUNDS / 10] < 20 * MS * patience());
    check(delays[ROUNDS / 2] < 1000 * MS * patience());
}

TAP_TEST(growth__two_callbacks_in_read_delay_a_third_by_little)
{
    expect_short_delay(0);
}

TAP_TEST(growth__two_callbacks_long_in_read_delay_a_third_by_little)
{
    expect_short_delay(30000);
}

/* ---- five hundred and one -------------------------------------------------------------------- */

TAP_TEST(growth__c017_of_501_blockers_500_run_and_one_waits)
{
    struct scene scene = scene_plan(0, 0);
    scene.config.stack_reserve = STACK;
    scene_build(&scene);
    begin_drinking();
    tp_work_t *work = scene_work(&scene, drink, NULL);
    check_eq(stats_of(scene.pool).thread_maximum, CROWD);
    int64_t begun = now();
    check_eq(tp_work_submit_many(work, CROWD + 1), TP_OK);
    check(reaches(&inside, CROWD));
    printf("# 500 blocked after %.1f ms\n", (double)(now() - begun) / 1e6);
    usleep(100000);
    tp_pool_stats_t stats = stats_of(scene.pool);
    check_eq(tpp_load_acquire(&inside), CROWD);
    check_eq(stats.threads, CROWD);
    check_eq(stats.running, CROWD);
    check_eq(stats.pending[TP_PRIORITY_NORMAL], 1);
    check(stats.thread_cap_reached > 0);
    pour(1); /* one goes, and the last one comes in */
    check(reaches(&inside, CROWD + 1));
    pour(CROWD);
    finish_work(work);
    check_eq(tpp_load_acquire(&done), CROWD + 1);
    check_eq(stats_of(scene.pool).threads_peak, CROWD);
    scene_end(&scene);
    end_drinking();
}

/* ---- processor hogs -------------------------------------------------------------------------- */

static tpp_u32 hogs_end;

static void hog(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    tpp_add_acq_rel(&inside, 1);
    while (!tpp_load_acquire(&hogs_end))
        ;
}

TAP_TEST(growth__hogs_on_all_threads_do_not_freeze_the_pool)
{
    struct scene scene = scene_plan(0, 8);
    scene_build(&scene);
    tpp_store_release(&inside, 0);
    tpp_store_release(&done, 0);
    tpp_store_release(&hogs_end, 0);
    tp_work_t *hogs = scene_work(&scene, hog, NULL), *other = scene_work(&scene, third, NULL);
    check_eq(tp_work_submit_many(hogs, PROCESSORS), TP_OK);
    check(reaches(&inside, PROCESSORS));
    int64_t posted = now();
    check_eq(tp_work_submit(other), TP_OK);
    check(reaches(&done, 1));
    printf("# a callback behind hogs ran after %.1f ms\n",
           (double)((int64_t)tpp_load_acquire(&third_at) - posted) / 1e6);
    check((int64_t)tpp_load_acquire(&third_at) - posted < 5000 * MS * patience());
    check(stats_of(scene.pool).threads_injected > 0);
    tpp_store_release(&hogs_end, 1);
    finish_work(hogs);
    finish_work(other);
    scene_end(&scene);
}

/* ---- no explosion ---------------------------------------------------------------------------- */

static void nap(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    usleep(1000);
}

/* Callbacks that sleep a little all get on: a pool with hundreds of them queued adds threads with
 * care. */
TAP_TEST(growth__two_thousand_naps_do_not_take_as_many_threads_as_are_allowed)
{
    struct scene scene = scene_plan(0, 0);
    scene_build(&scene);
    tp_work_t *work = scene_work(&scene, nap, NULL);
    int64_t begun = now();
    check_eq(tp_work_submit_many(work, 2000), TP_OK);
    finish_work(work);
    tp_pool_stats_t stats = stats_of(scene.pool);
    printf("# 2000 naps of 1 ms: %.1f ms, at most %u threads\n", (double)(now() - begun) / 1e6,
           stats.threads_peak);
    check(stats.threads_peak < CROWD / 2);
    scene_end(&scene);
}

int main(void)
{
    setenv("TP_CPUS", "2", 1); /* PROCESSORS: the figures are those of two everywhere */
    tap_run(growth__c006_four_callbacks_meet_at_a_barrier);
    tap_run(growth__c006_five_hundred_callbacks_meet_at_a_barrier);
    tap_run(growth__c007_three_callbacks_cannot_meet_on_two_threads_until_the_maximum_is_three);
    tap_run(growth__two_callbacks_in_read_delay_a_third_by_little);
    tap_run(growth__two_callbacks_long_in_read_delay_a_third_by_little);
    tap_run(growth__c017_of_501_blockers_500_run_and_one_waits);
    tap_run(growth__hogs_on_all_threads_do_not_freeze_the_pool);
    tap_run(growth__two_thousand_naps_do_not_take_as_many_threads_as_are_allowed);
    return tap_done();
}
