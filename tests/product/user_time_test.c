/* user_time_test.c - clocks, sleeps, threads and assertions of user code in a run. */
#define _GNU_SOURCE 1 /* pthread_setname_np */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#include "tests/product/user.h"

static int64_t real_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void run_exact(tp_sim_fn scenario)
{
    tp_sim_options_t options = TP_SIM_OPTIONS_INIT;
    options.flags |= TP_SIM_EXACT_TIME;
    options.schedules = 100;
    check_eq(tp_sim_run(&options, scenario, NULL, NULL), TP_OK);
}

/* ---- time ------------------------------------------------------------------------------------ */

#define HOUR INT64_C(3600000000000)

static void sleep_in_all_ways(void *context)
{
    struct timespec hour = {3600, 0}, wrong = {0, 1000000000}, until;
    int64_t start = tp_sim_now();
    (void)context;
    tp_sim_check(sleep(3600) == 0 && tp_sim_now() == start + HOUR);
    tp_sim_check(usleep(3600000000u) == 0 && tp_sim_now() == start + 2 * HOUR);
    tp_sim_check(nanosleep(&hour, NULL) == 0 && tp_sim_now() == start + 3 * HOUR);
    tp_sim_check(thrd_sleep(&hour, NULL) == 0 && tp_sim_now() == start + 4 * HOUR);
    tp_sim_check(clock_nanosleep(CLOCK_MONOTONIC, 0, &hour, NULL) == 0);
    tp_sim_check(tp_sim_now() == start + 5 * HOUR);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 3600;
    tp_sim_check(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &until, NULL) == 0);
    tp_sim_check(tp_sim_now() == start + 6 * HOUR);
    tp_sim_check(nanosleep(&wrong, NULL) == -1 && errno == EINVAL);
    tp_sim_check(clock_nanosleep(CLOCK_MONOTONIC, 0, &wrong, NULL) == EINVAL);
}

TAP_TEST(sleep__of_hours_takes_no_time)
{
    int64_t before = real_ns();
    run_exact(sleep_in_all_ways);
    check(real_ns() - before < INT64_C(60000000000));
}

static void look_at_clocks(void *context)
{
    struct timespec mono, boot, real, later;
    struct timeval day;
    (void)context;
    clock_gettime(CLOCK_MONOTONIC, &mono);
    clock_gettime(CLOCK_BOOTTIME, &boot);
    clock_gettime(CLOCK_REALTIME, &real);
    tp_sim_check((int64_t)mono.tv_sec * 1000000000 + mono.tv_nsec == tp_sim_now());
    tp_sim_check(time(NULL) == real.tv_sec);
    tp_sim_check(gettimeofday(&day, NULL) == 0 && day.tv_sec == real.tv_sec);
    tp_sim_step_realtime(-HOUR);
    clock_gettime(CLOCK_REALTIME, &later);
    tp_sim_check(later.tv_sec == real.tv_sec - 3600);
    tp_sim_suspend(HOUR);
    clock_gettime(CLOCK_BOOTTIME, &later);
    tp_sim_check(later.tv_sec == boot.tv_sec + 3600 && later.tv_nsec == boot.tv_nsec);
    clock_gettime(CLOCK_MONOTONIC, &later);
    tp_sim_check(later.tv_sec == mono.tv_sec && later.tv_nsec == mono.tv_nsec);
}

TAP_TEST(clocks__are_those_of_the_simulated_machine)
{
    run_exact(look_at_clocks);
}

/* ---- assertions ------------------------------------------------------------------------------ */

static int balance;

static void *withdraw(void *context)
{
    if (balance >= 10) {
        sched_yield();
        balance -= 10;
    }
    assert(balance >= 0);
    return context;
}

static void two_withdraw(void *context)
{
    pthread_t threads[2];
    (void)context;
    balance = 10;
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, withdraw, NULL);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
}

static void give_up(void *context)
{
    (void)context;
    abort();
}

TAP_TEST(assert__and_abort_fail_the_run)
{
    must_fail(two_withdraw, NULL, NULL,
              "assertion failed: balance >= 0, tests/product/user_time_test.c:");
    must_fail(give_up, NULL, NULL, "abort() was called");
}

/* ---- threads --------------------------------------------------------------------------------- */

static pthread_t own_number;

static void *leave_in_the_middle(void *context)
{
    own_number = pthread_self();
    errno = EBADF;
    sched_yield();
    tp_sim_check(errno == EBADF);
    pthread_exit(context);
}

static void *sleep_for_ever(void *context)
{
    sleep(1000000);
    return context;
}

static void threads_of_all_sorts(void *context)
{
    pthread_t thread;
    void *result;
    char name[16];
    errno = ENOENT;
    tp_sim_check(pthread_create(&thread, NULL, leave_in_the_middle, &own_number) == 0);
    tp_sim_check(!pthread_equal(thread, pthread_self()));
    tp_sim_check(pthread_setname_np(thread, "leaver") == 0);
    tp_sim_check(pthread_getname_np(thread, name, sizeof name) == 0 && strcmp(name, "leaver") == 0);
    tp_sim_check(pthread_join(thread, &result) == 0 && result == &own_number);
    tp_sim_check(pthread_equal(thread, own_number));
    tp_sim_check(errno == ENOENT);
    tp_sim_check(pthread_create(&thread, NULL, sleep_for_ever, context) == 0);
    tp_sim_check(pthread_detach(thread) == 0);
}

TAP_TEST(threads__are_started_joined_and_detached)
{
    must_pass(threads_of_all_sorts, NULL, NULL);
}

/* ---- outside a run --------------------------------------------------------------------------- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int turn;

static void *other_half(void *context)
{
    pthread_mutex_lock(&lock);
    for (int i = 0; i < 1000; i++) {
        while (turn != 1)
            pthread_cond_wait(&changed, &lock);
        turn = 0;
        pthread_cond_signal(&changed);
    }
    pthread_mutex_unlock(&lock);
    return context;
}

TAP_TEST(outside__real_threads_are_real)
{
    struct timespec until;
    pthread_t thread;
    void *result;
    check_eq(pthread_create(&thread, NULL, other_half, &turn), 0);
    pthread_mutex_lock(&lock);
    for (int i = 0; i < 1000; i++) {
        turn = 1;
        pthread_cond_broadcast(&changed);
        while (turn != 0)
            pthread_cond_wait(&changed, &lock);
    }
    clock_gettime(CLOCK_REALTIME, &until);
    check_eq(pthread_cond_timedwait(&changed, &lock, &until), ETIMEDOUT);
    pthread_mutex_unlock(&lock);
    check_eq(pthread_join(thread, &result), 0);
    check(result == &turn);
    check(pthread_self() != 0);
}

/* Another thread goes on for real while this one runs a simulation. */
static volatile bool begun, enough;

static void *count_for_real(void *context)
{
    int64_t before = real_ns(), rounds = 0;
    while (!enough) {
        pthread_mutex_lock(&lock);
        rounds += real_ns() >= before;
        pthread_mutex_unlock(&lock);
        begun = true;
    }
    *(int64_t *)context = rounds;
    return NULL;
}

TAP_TEST(outside__a_thread_that_is_no_part_of_the_run_goes_on)
{
    pthread_t thread;
    int64_t rounds = 0;
    check_eq(pthread_create(&thread, NULL, count_for_real, &rounds), 0);
    while (!begun)
        sched_yield();
    run_exact(sleep_in_all_ways);
    enough = true;
    check_eq(pthread_join(thread, NULL), 0);
    check(rounds > 0);
}

int main(void)
{
    tap_run(sleep__of_hours_takes_no_time);
    tap_run(clocks__are_those_of_the_simulated_machine);
    tap_run(assert__and_abort_fail_the_run);
    tap_run(threads__are_started_joined_and_detached);
    tap_run(outside__real_threads_are_real);
    tap_run(outside__a_thread_that_is_no_part_of_the_run_goes_on);
    return tap_done();
}
