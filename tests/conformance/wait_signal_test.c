/* wait_signal_test.c - waits for signals of the process; threads that wait for what the kernel
 * has. */
#include <errno.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "tests/conformance/wait_scene.h"

/* ---- signals --------------------------------------------------------------------------------- */

/* They are blocked in every thread, since main has done it before there was another. */
static sigset_t blocked(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGUSR2);
    sigaddset(&set, SIGWINCH);
    for (int i = 0; i < 4; i++)
        sigaddset(&set, SIGRTMIN + i);
    return set;
}

static bool is_pending(int number)
{
    sigset_t set;
    stage_expect_eq(sigpending(&set), 0);
    return sigismember(&set, number);
}

static void send(int number)
{
    stage_expect_eq(kill(getpid(), number), 0);
}

static void queue(int number, int times)
{
    union sigval value = {.sival_int = 0};
    for (int i = 0; i < times; i++)
        stage_expect_eq(sigqueue(getpid(), number, value), 0);
}

/* How many there were; they are gone then. */
static uint32_t drain_signal(int number)
{
    uint32_t count = 0;
    while (take(tp_waitable_signal(number)) == TP_WAIT_SIGNALED)
        count++;
    stage_expect(!is_pending(number));
    return count;
}

/* ---- one wait -------------------------------------------------------------------------------- */

STAGE_TEST(wait_signal__one_signal_is_one_callback_and_consumed)
{
    struct wait_scene s;
    scene_begin(&s, 2, hit);
    for (uint32_t i = 1; i <= 3; i++) {
        stage_expect(!arm(s.wait, tp_waitable_signal(SIGUSR1)));
        linger();
        stage_expect_eq(stage_value(&s.hits.runs), i - 1);
        send(SIGUSR1);
        stage_await(&s.hits.runs, i);
        stage_expect(!is_pending(SIGUSR1));
        stage_expect_eq(tpp_load_acquire(&s.hits.events), 0);
    }
    send(SIGUSR1); /* it is armed no more */
    linger();
    stage_expect_eq(stage_value(&s.hits.runs), 3);
    stage_expect_eq(drain_signal(SIGUSR1), 1);
    scene_end(&s);
    stage_expect_eq(stage_value(&s.hits.signaled), 3);
}

STAGE_TEST(wait_signal__c123_pending_before_the_set_fires_at_once)
{
    struct wait_scene s;
    scene_begin(&s, 2, hit);
    send(SIGUSR1);
    send(SIGUSR2);
    stage_expect(!arm(s.wait, tp_waitable_signal(SIGUSR1)));
    stage_await(&s.hits.runs, 1);
    stage_expect(!is_pending(SIGUSR1));
    stage_expect(is_pending(SIGUSR2));
    stage_expect(!arm(s.wait, tp_waitable_signal(SIGUSR2)));
    stage_await(&s.hits.runs, 2);
    stage_expect(!is_pending(SIGUSR2));
    scene_end(&s);
    stage_expect_eq(stage_value(&s.hits.signaled), 2);
}

/* What is not real time is kept once, however often it came. */
STAGE_TEST(wait_signal__coalesced_signals_are_one_callback)
{
    struct wait_scene s;
    scene_begin(&s, 2, hit_again);
    s.hits.source = tp_waitable_signal(SIGUSR1);
    tpp_store_release(&s.hits.left, 10);
    for (int i = 0; i < 5; i++)
        send(SIGUSR1);
    stage_expect(!arm(s.wait, s.hits.source));
    stage_await(&s.hits.runs, 1);
    linger();
    stage_expect_eq(stage_value(&s.hits.runs), 1);
    stage_expect(disarm(s.wait));
    scene_end(&s);
}

STAGE_TEST(wait_signal__real_time_signals_are_queued_each_one_callback)
{
    struct wait_scene s;
    scene_begin(&s, 2, hit_again);
    s.hits.source = tp_waitable_signal(SIGRTMIN + 1);
    tpp_store_release(&s.hits.left, 1000);
    queue(SIGRTMIN + 1, 5);
    stage_expect(!arm(s.wait, s.hits.source));
    stage_await(&s.hits.runs, 5);
    queue(SIGRTMIN + 1, 20);
    stage_await(&s.hits.runs, 25);
    linger();
    stage_expect_eq(stage_value(&s.hits.runs), 25);
    stage_expect(!is_pending(SIGRTMIN + 1));
    stage_expect(disarm(s.wait));
    scene_end(&s);
    stage_expect_eq(stage_value(&s.hits.signaled), 25);
}

/* Sent each time the one before has been told: none is lost. */
STAGE_TEST(wait_signal__c125_many_signals_to_and_fro)
{
    struct wait_scene s;
    uint32_t times = 200;
    scene_begin(&s, 2, hit_again);
    s.hits.source = tp_waitable_signal(SIGUSR2);
    tpp_store_release(&s.hits.left, times);
    stage_expect(!arm(s.wait, s.hits.source));
    for (uint32_t i = 1; i <= times; i++) {
        send(SIGUSR2);
        stage_await(&s.hits.runs, i);
    }
    stage_expect(disarm(s.wait));
    scene_end(&s);
    stage_expect_eq(stage_value(&s.hits.signaled), times);
}

STAGE_TEST(wait_signal__c117_c121_timeouts_take_nothing)
{
    struct wait_scene s;
    scene_begin(&s, 2, hit);
    int64_t due = stage_now() + 5 * STAGE_MS;
    stage_expect(!arm_for(s.wait, tp_waitable_signal(SIGUSR1), 5 * STAGE_MS));
    stage_await(&s.hits.runs, 1);
    stage_expect(hit_at(&s.hits, 0) >= due);
    send(SIGUSR1);
    linger();
    stage_expect(is_pending(SIGUSR1));
    stage_expect(!arm_for(s.wait, tp_waitable_signal(SIGUSR1), 0));
    stage_await(&s.hits.runs, 2);
    linger();
    stage_expect_eq(stage_value(&s.hits.timed_out), 2);
    stage_expect_eq(drain_signal(SIGUSR1), 1);
    scene_end(&s);
}

STAGE_TEST(wait_signal__c122_c131_c139_disarmed_replaced_or_closed_takes_nothing)
{
    struct wait_scene s;
    tp_event_t *event = make_event(false, false);
    scene_begin(&s, 2, hit);
    stage_expect(!arm(s.wait, tp_waitable_signal(SIGUSR1)));
    stage_expect(disarm(s.wait));
    send(SIGUSR1);
    linger();
    stage_expect_eq(drain_signal(SIGUSR1), 1);
    stage_expect(!arm(s.wait, tp_waitable_signal(SIGUSR1)));
    stage_expect(arm(s.wait, tp_waitable_signal(SIGUSR2)));
    send(SIGUSR1);
    linger();
    stage_expect_eq(stage_value(&s.hits.runs), 0);
    stage_expect(arm(s.wait, tp_waitable_event(event)));
    send(SIGUSR2);
    linger();
    stage_expect_eq(drain_signal(SIGUSR1) + drain_signal(SIGUSR2), 2);
    stage_expect(arm(s.wait, tp_waitable_signal(SIGUSR1)));
    stage_expect_eq(tp_wait_close(s.wait), TP_OK);
    send(SIGUSR1);
    linger();
    stage_expect_eq(drain_signal(SIGUSR1), 1);
    s.wait = NULL;
    scene_end(&s);
    stage_expect_eq(stage_value(&s.hits.runs), 0);
    stage_expect_eq(tp_event_close(event), TP_OK);
}

/* Disarmed while it comes: told that it was armed, and the signal is still there; or one callback
 * has it. */
STAGE_TEST(wait_signal__r01_c143_disarm_against_the_signal)
{
    struct wait_scene s;
    uint32_t runs = 0;
    scene_begin(&s, 2, hit);
    for (uint32_t i = 0; i < 1000; i++) {
        stage_expect(!arm(s.wait, tp_waitable_signal(SIGUSR1)));
        send(SIGUSR1);
        dawdle();
        bool won = disarm(s.wait);
        runs += !won;
        stage_expect_eq(tp_wait_wait(s.wait, false, TP_INFINITE), TP_OK);
        stage_expect_eq(stage_value(&s.hits.runs), runs);
        stage_expect_eq(drain_signal(SIGUSR1), won);
    }
    scene_end(&s);
}

/* ---- several waits --------------------------------------------------------------------------- */

STAGE_TEST(wait_signal__c127_two_waits_and_one_signal)
{
    struct wait_scene s;
    struct hits other = {0};
    scene_begin(&s, 2, hit);
    tp_wait_t *second = make_wait(hit, &other, s.env);
    for (uint32_t i = 1; i <= 20; i++) {
        stage_expect(!arm(s.wait, tp_waitable_signal(SIGUSR1)));
        stage_expect(!arm(second, tp_waitable_signal(SIGUSR1)));
        for (uint32_t k = 1; k <= 2; k++) {
            send(SIGUSR1);
            uint32_t wanted = 2 * (i - 1) + k;
            for (int look = 0;
                 look < 20000 && stage_value(&s.hits.runs) + stage_value(&other.runs) < wanted;
                 look++)
                stage_pass(STAGE_MS / 20);
            stage_expect(!is_pending(SIGUSR1));
            stage_expect_eq(stage_value(&s.hits.runs) + stage_value(&other.runs), wanted);
            stage_expect_eq(stage_stats(s.pool).waits_armed, 2 - k);
        }
    }
    stage_expect_eq(stage_value(&s.hits.signaled), 20);
    stage_expect_eq(stage_value(&other.signaled), 20);
    finish_wait(second);
    stage_await(&other.released, 1);
    scene_end(&s);
}

/* both pools see it pending, one takes it, and the other's wait stays armed. */
STAGE_TEST(wait_signal__r36_two_pools_and_one_signal)
{
    struct wait_scene a, b;
    scene_begin(&a, 1, hit);
    scene_begin(&b, 1, hit);
    for (uint32_t i = 1; i <= 40; i++) {
        stage_expect(!arm(a.wait, tp_waitable_signal(SIGUSR1)));
        stage_expect(!arm(b.wait, tp_waitable_signal(SIGUSR1)));
        for (uint32_t k = 1; k <= 2; k++) {
            send(SIGUSR1);
            uint32_t wanted = 2 * (i - 1) + k;
            for (int look = 0;
                 look < 20000 && stage_value(&a.hits.runs) + stage_value(&b.hits.runs) < wanted;
                 look++)
                stage_pass(STAGE_MS / 20);
            if (k == 1 && i % 10 == 0)
                linger();
            stage_expect_eq(stage_value(&a.hits.runs) + stage_value(&b.hits.runs), wanted);
            stage_expect_eq(stage_stats(a.pool).waits_armed + stage_stats(b.pool).waits_armed,
                            2 - k);
        }
    }
    stage_expect_eq(stage_value(&a.hits.signaled), 40);
    stage_expect_eq(stage_value(&b.hits.signaled), 40);
    scene_end(&a);
    scene_end(&b);
}

/* Each hears of its own only. */
STAGE_TEST(wait_signal__different_signals)
{
    int numbers[] = {SIGUSR1, SIGUSR2, SIGWINCH, SIGRTMIN};
    struct hits hits[4] = {{.wait = NULL}};
    tp_wait_t *waits[4];
    tp_pool_t *pool = stage_pool(2, 2);
    tp_env_t *env = stage_env(pool);
    for (int i = 0; i < 4; i++) {
        waits[i] = make_wait(hit, &hits[i], env);
        stage_expect(!arm(waits[i], tp_waitable_signal(numbers[i])));
    }
    for (int i = 3; i >= 0; i--) {
        send(numbers[i]);
        stage_await(&hits[i].runs, 1);
        for (int k = 0; k < i; k++)
            stage_expect_eq(stage_value(&hits[k].runs), 0);
    }
    for (int i = 0; i < 4; i++) {
        finish_wait(waits[i]);
        stage_expect_eq(stage_value(&hits[i].signaled), 1);
    }
    stage_expect_eq(tp_env_destroy(env) | tp_pool_close(pool), TP_OK);
}

/* The end of a group or a pool takes no signal with it. */
STAGE_TEST(wait_signal__c179_group_and_shutdown_take_nothing)
{
    struct wait_scene s;
    tp_cleanup_group_t *group;
    scene_prepare(&s, 1);
    stage_expect_eq(tp_cleanup_group_create(&group), TP_OK);
    stage_expect_eq(tp_env_set_cleanup_group(s.env, group, count_cancel), TP_OK);
    stage_expect(!arm(make_wait(hit, &s.hits, s.env), tp_waitable_signal(SIGUSR1)));
    stage_expect_eq(tp_cleanup_group_close_members(group, true, NULL), TP_OK);
    send(SIGUSR1);
    linger();
    stage_expect_eq(drain_signal(SIGUSR1), 1);
    stage_expect_eq(tp_env_set_cleanup_group(s.env, NULL, NULL), TP_OK);
    s.wait = make_wait(hit, &s.hits, s.env);
    stage_expect(!arm(s.wait, tp_waitable_signal(SIGUSR1)));
    stage_expect_eq(tp_pool_shutdown(s.pool, false, TP_INFINITE), TP_OK);
    send(SIGUSR1);
    linger();
    stage_expect_eq(drain_signal(SIGUSR1), 1);
    stage_expect_eq(tp_wait_close(s.wait), TP_OK);
    stage_await(&s.hits.released, 2);
    stage_expect_eq(stage_value(&s.hits.cancelled), 1);
    stage_expect_eq(stage_value(&s.hits.runs), 0);
    stage_expect_eq(tp_cleanup_group_close(group) | tp_env_destroy(s.env), TP_OK);
}

/* ---- refused --------------------------------------------------------------------------------- */

STAGE_TEST(wait_signal__bad_numbers_leave_the_arming_as_it_was)
{
    static const int wrong[] = {SIGKILL, SIGSTOP, 0, 65, -1, INT32_MAX, INT32_MIN};
    struct wait_scene s;
    scene_begin(&s, 2, hit);
    stage_expect(!arm(s.wait, tp_waitable_signal(SIGUSR1)));
    for (int i = 0; i < 7; i++)
        expect_no_source(s.wait, tp_waitable_signal(wrong[i]), EINVAL);
    stage_expect_eq(stage_stats(s.pool).waits_armed, 1);
    send(SIGUSR1);
    stage_await(&s.hits.runs, 1);
    scene_end(&s);
    stage_expect_eq(stage_value(&s.hits.signaled), 1);
}

/* ---- threads that wait for what the kernel has ----------------------------------------------- */

struct waiter {
    tp_waitable_t source;
    stage_counter_t there, signaled;
};

static void wait_once(void *context)
{
    struct waiter *waiter = context;
    stage_add(&waiter->there, 1);
    stage_expect_eq(take_for(waiter->source, TP_INFINITE), TP_WAIT_SIGNALED);
    stage_add(&waiter->signaled, 1);
}

static void expect_timeout(tp_waitable_t source)
{
    int64_t due = stage_now() + 2 * STAGE_MS;
    stage_expect_eq(take(source), TP_WAIT_TIMEOUT);
    stage_expect_eq(take_for(source, 2 * STAGE_MS), TP_WAIT_TIMEOUT);
    stage_expect(stage_now() >= due);
}

STAGE_TEST(wait_signal__a_thread_waits_for_a_signal)
{
    struct waiter waiter = {.source = tp_waitable_signal(SIGUSR1)};
    expect_timeout(waiter.source);
    send(SIGUSR1);
    stage_expect_eq(take(waiter.source), TP_WAIT_SIGNALED);
    expect_timeout(waiter.source);
    stage_thread_t one = stage_start(wait_once, &waiter), two = stage_start(wait_once, &waiter);
    stage_await(&waiter.there, 2);
    stage_pass(STAGE_MS);
    send(SIGUSR1);
    stage_await(&waiter.signaled, 1);
    stage_pass(STAGE_MS);
    stage_expect_eq(stage_value(&waiter.signaled), 1);
    send(SIGUSR1);
    stage_join(one);
    stage_join(two);
    stage_expect(!is_pending(SIGUSR1));
}

STAGE_TEST(wait_signal__a_thread_waits_for_a_descriptor)
{
    int fd = eventfd(0, EFD_CLOEXEC), ends[2];
    uint64_t one_more = 1;
    tp_wait_result_t result = 7;
    struct waiter waiter = {.source = tp_waitable_fd(fd, POLLIN)};
    expect_timeout(waiter.source);
    stage_expect_eq(take(tp_waitable_fd(fd, POLLIN | POLLOUT)), TP_WAIT_SIGNALED);
    stage_thread_t one = stage_start(wait_once, &waiter), two = stage_start(wait_once, &waiter);
    stage_await(&waiter.there, 2);
    stage_pass(STAGE_MS);
    stage_expect_eq(stage_value(&waiter.signaled), 0);
    stage_expect_eq(write(fd, &one_more, sizeof one_more), sizeof one_more);
    stage_join(one);
    stage_join(two);
    stage_expect_eq(take(waiter.source), TP_WAIT_SIGNALED); /* nothing was consumed */
    stage_expect_eq(close(fd), 0);
    stage_expect_eq(tp_waitable_wait(waiter.source, 0, &result), TP_ERR_SYSTEM);
    stage_expect_eq(tp_last_errno(), EBADF);
    stage_expect_eq(result, 0);
    stage_expect_eq(tp_waitable_wait(tp_waitable_fd(-1, POLLIN), TP_INFINITE, &result),
                    TP_ERR_SYSTEM);
    stage_expect_eq(tp_last_errno(), EBADF);
    stage_expect_eq(pipe(ends), 0);
    expect_timeout(tp_waitable_fd(ends[0], 0));
    stage_expect_eq(close(ends[1]), 0);
    stage_expect_eq(take(tp_waitable_fd(ends[0], 0)), TP_WAIT_SIGNALED); /* hung up */
    stage_expect_eq(tp_waitable_wait(tp_waitable_fd(ends[0], 0x10000), 0, &result),
                    TP_ERR_ARGUMENT);
    stage_expect_eq(tp_waitable_wait(tp_waitable_fd(ends[0], POLLIN), -1, &result),
                    TP_ERR_ARGUMENT);
    stage_expect_eq(close(ends[0]), 0);
}

/* A thread and a wait on one signal: one of them has it, the other the next. */
STAGE_TEST(wait_signal__a_thread_and_a_wait_share_signals)
{
    struct wait_scene s;
    struct waiter waiter = {.source = tp_waitable_signal(SIGRTMIN + 2)};
    scene_begin(&s, 1, hit);
    stage_expect(!arm(s.wait, waiter.source));
    stage_thread_t thread = stage_start(wait_once, &waiter);
    stage_await(&waiter.there, 1);
    queue(SIGRTMIN + 2, 2);
    stage_join(thread);
    stage_await(&s.hits.runs, 1);
    scene_end(&s);
    stage_expect_eq(stage_value(&s.hits.signaled), 1);
    stage_expect_eq(drain_signal(SIGRTMIN + 2), 0);
}

#define REAL(name) STAGE_CASE_X(name, .real_only = true)

int main(int argc, char **argv)
{
    static const struct stage_case cases[] = {
        REAL(wait_signal__one_signal_is_one_callback_and_consumed),
        REAL(wait_signal__c123_pending_before_the_set_fires_at_once),
        REAL(wait_signal__coalesced_signals_are_one_callback),
        REAL(wait_signal__real_time_signals_are_queued_each_one_callback),
        REAL(wait_signal__c125_many_signals_to_and_fro),
        REAL(wait_signal__c117_c121_timeouts_take_nothing),
        REAL(wait_signal__c122_c131_c139_disarmed_replaced_or_closed_takes_nothing),
        REAL(wait_signal__r01_c143_disarm_against_the_signal),
        REAL(wait_signal__c127_two_waits_and_one_signal),
        REAL(wait_signal__r36_two_pools_and_one_signal),
        REAL(wait_signal__different_signals),
        REAL(wait_signal__c179_group_and_shutdown_take_nothing),
        REAL(wait_signal__bad_numbers_leave_the_arming_as_it_was),
        REAL(wait_signal__a_thread_waits_for_a_signal),
        REAL(wait_signal__a_thread_waits_for_a_descriptor),
        REAL(wait_signal__a_thread_and_a_wait_share_signals),
    };
    sigset_t set = blocked();
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return 1;
    return stage_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
