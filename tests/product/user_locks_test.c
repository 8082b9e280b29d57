/* user_locks_test.c - locks and conditions of user code: bugs are found, correct twins pass. */
#define _GNU_SOURCE 1 /* pthread_mutex_clocklock */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <threads.h>
#include <time.h>

#include "tests/product/user.h"

static bool broken;

/* The bug is found, and without it nothing is. */
static void both(tp_sim_fn scenario, const char *part)
{
    broken = true;
    must_fail(scenario, NULL, NULL, part);
    broken = false;
    must_pass(scenario, NULL, NULL);
}

/* Two threads of the program itself. */
static void side_by_side(void *(*first)(void *), void *(*second)(void *))
{
    pthread_t threads[2];
    tp_sim_check(pthread_create(&threads[0], NULL, first, NULL) == 0);
    tp_sim_check(pthread_create(&threads[1], NULL, second, NULL) == 0);
    for (int i = 0; i < 2; i++)
        tp_sim_check(pthread_join(threads[i], NULL) == 0);
}

/* ---- two locks, taken both ways round -------------------------------------------------------- */

static pthread_mutex_t cache_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;

static void lock_both(pthread_mutex_t *first, pthread_mutex_t *second)
{
    pthread_mutex_lock(first);
    pthread_mutex_lock(second);
    pthread_mutex_unlock(second);
    pthread_mutex_unlock(first);
}

static void on_timer(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    (void)instance;
    (void)context;
    (void)timer;
    if (broken)
        lock_both(&log_lock, &cache_lock);
    else
        lock_both(&cache_lock, &log_lock);
}

static void on_work(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    lock_both(&cache_lock, &log_lock);
}

static void two_locks(void *context)
{
    tp_timer_spec_t at_once = TP_TIMER_SPEC_INIT;
    tp_pool_config_t two_threads = TP_POOL_CONFIG_INIT;
    tp_env_t *env;
    tp_pool_t *pool;
    tp_timer_t *timer;
    tp_work_t *work;
    (void)context;
    two_threads.thread_minimum = 2;
    tp_sim_name(&cache_lock, "cache lock");
    tp_sim_check(tp_pool_create(&two_threads, &pool) == TP_OK);
    tp_sim_check(tp_env_create(&env) == TP_OK && tp_env_set_pool(env, pool) == TP_OK);
    tp_sim_check(tp_timer_create(on_timer, NULL, env, &timer) == TP_OK);
    tp_sim_check(tp_work_create(on_work, NULL, env, &work) == TP_OK);
    tp_sim_check(tp_timer_set(timer, &at_once, NULL) == TP_OK);
    tp_sim_check(tp_work_submit(work) == TP_OK);
    tp_sim_check(tp_work_wait(work, false, TP_INFINITE) == TP_OK);
    tp_sim_check(tp_timer_wait(timer, false, TP_INFINITE) == TP_OK);
    tp_work_close(work);
    tp_timer_close(timer);
    tp_env_destroy(env);
    tp_pool_close(pool);
}

/* One name was given, the other is the variable's. */
TAP_TEST(locks__taken_in_two_orders_deadlock_and_both_are_named)
{
    both(two_locks, "waits for mutex \"log_lock\"");
    both(two_locks, "waits for mutex \"cache lock\"");
}

/* ---- a condition ----------------------------------------------------------------------------- */

static pthread_mutex_t queue_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t not_empty = PTHREAD_COND_INITIALIZER;
static int items;

static void *put_two(void *context)
{
    for (int i = 0; i < 2; i++) {
        pthread_mutex_lock(&queue_lock);
        items++;
        if (!broken || items == 1) /* as if one signal would do for both */
            pthread_cond_signal(&not_empty);
        pthread_mutex_unlock(&queue_lock);
    }
    return context;
}

static void *take_one(void *context)
{
    pthread_mutex_lock(&queue_lock);
    while (items == 0)
        pthread_cond_wait(&not_empty, &queue_lock);
    items--;
    pthread_mutex_unlock(&queue_lock);
    return context;
}

static void takers_and_putter(void *context)
{
    pthread_t putter;
    (void)context;
    items = 0;
    tp_sim_check(pthread_create(&putter, NULL, put_two, NULL) == 0);
    side_by_side(take_one, take_one);
    tp_sim_check(pthread_join(putter, NULL) == 0);
}

TAP_TEST(condition__a_signal_that_is_left_out_is_a_deadlock)
{
    both(takers_and_putter, "waits for condition \"not_empty\"");
}

static cnd_t ready;
static mtx_t ready_lock;
static bool is_ready;

static int make_ready(void *context)
{
    (void)context;
    if (!broken)
        mtx_lock(&ready_lock);
    is_ready = true;
    cnd_signal(&ready);
    if (!broken)
        mtx_unlock(&ready_lock);
    return 7;
}

/* Without the lock the signal may come between the look and the sleep. */
static void wait_until_ready(void *context)
{
    thrd_t thread;
    int result;
    (void)context;
    is_ready = false;
    tp_sim_check(mtx_init(&ready_lock, mtx_plain) == thrd_success);
    tp_sim_check(cnd_init(&ready) == thrd_success);
    tp_sim_check(thrd_create(&thread, make_ready, NULL) == thrd_success);
    mtx_lock(&ready_lock);
    while (!is_ready) {
        tp_sim_point();
        cnd_wait(&ready, &ready_lock);
    }
    mtx_unlock(&ready_lock);
    tp_sim_check(thrd_join(thread, &result) == thrd_success && result == 7);
    cnd_destroy(&ready);
    mtx_destroy(&ready_lock);
}

TAP_TEST(condition__of_c11_loses_a_signal_without_the_lock)
{
    both(wait_until_ready, "waits for condition \"ready\"");
}

static void wait_a_minute(void *context)
{
    struct timespec deadline;
    int64_t before = tp_sim_now();
    int error = 0;
    (void)context;
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += 60;
    pthread_mutex_lock(&queue_lock);
    while (error == 0)
        error = pthread_cond_timedwait(&not_empty, &queue_lock, &deadline);
    pthread_mutex_unlock(&queue_lock);
    tp_sim_check(error == ETIMEDOUT);
    tp_sim_check(tp_sim_now() - before == INT64_C(60000000000));
}

TAP_TEST(condition__a_wait_ends_at_its_deadline)
{
    tp_sim_options_t options = TP_SIM_OPTIONS_INIT;
    options.flags |= TP_SIM_EXACT_TIME;
    check_eq(tp_sim_run(&options, wait_a_minute, NULL, NULL), TP_OK);
}

/* ---- misuse of a mutex ----------------------------------------------------------------------- */

static pthread_mutex_t plain = PTHREAD_MUTEX_INITIALIZER;

static void *lock_it(void *context)
{
    pthread_mutex_lock(&plain);
    return context;
}

static void unlock_of_another(void *context)
{
    pthread_t thread;
    (void)context;
    pthread_create(&thread, NULL, lock_it, NULL);
    pthread_join(thread, NULL);
    pthread_mutex_unlock(&plain);
}

static void held_at_the_end(void *context)
{
    (void)context;
    pthread_mutex_lock(&plain);
}

static void destroyed_while_held(void *context)
{
    pthread_mutex_t mutex;
    (void)context;
    pthread_mutex_init(&mutex, NULL);
    tp_sim_name(&mutex, "short-lived");
    pthread_mutex_lock(&mutex);
    pthread_mutex_destroy(&mutex);
}

static void used_after_it_was_destroyed(void *context)
{
    pthread_mutex_t mutex;
    (void)context;
    pthread_mutex_init(&mutex, NULL);
    pthread_mutex_destroy(&mutex);
    pthread_mutex_lock(&mutex);
}

static void locked_twice(void *context)
{
    (void)context;
    pthread_mutex_lock(&plain);
    pthread_mutex_lock(&plain);
}

TAP_TEST(mutex__misuse_fails_the_run)
{
    must_fail(unlock_of_another, NULL, NULL, "mutex \"plain\" is held by \"pthread-1\"");
    must_fail(held_at_the_end, NULL, NULL, "end of the run mutex \"plain\" is still held by");
    must_fail(destroyed_while_held, NULL, NULL, "mutex \"short-lived\" is held by \"entry\"");
    must_fail(used_after_it_was_destroyed, NULL, NULL, "has been destroyed");
    must_fail(locked_twice, NULL, NULL, "mutex \"plain\" is already held by \"entry\"");
}

/* ---- the kinds of mutexes -------------------------------------------------------------------- */

static void *try_it(void *mutex)
{
    return pthread_mutex_trylock(mutex) == EBUSY ? mutex : NULL;
}

static void kinds_of_mutexes(void *context)
{
    static pthread_mutex_t recursive = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
    static pthread_mutex_t checking = PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP;
    struct timespec time = {0, 0};
    pthread_t thread;
    void *busy;
    (void)context;
    for (int i = 0; i < 2; i++)
        tp_sim_check(pthread_mutex_lock(&recursive) == 0);
    tp_sim_check(pthread_mutex_trylock(&recursive) == 0);
    tp_sim_check(pthread_create(&thread, NULL, try_it, &recursive) == 0);
    tp_sim_check(pthread_join(thread, &busy) == 0 && busy == &recursive);
    for (int i = 0; i < 3; i++)
        tp_sim_check(pthread_mutex_unlock(&recursive) == 0);
    tp_sim_check(pthread_mutex_unlock(&recursive) == EPERM);
    tp_sim_check(pthread_mutex_lock(&checking) == 0);
    tp_sim_check(pthread_mutex_lock(&checking) == EDEADLK);
    tp_sim_check(pthread_mutex_timedlock(&plain, &time) == 0);
    tp_sim_check(pthread_mutex_clocklock(&plain, CLOCK_MONOTONIC, &time) == ETIMEDOUT);
    tp_sim_check(pthread_mutex_unlock(&plain) == 0);
    tp_sim_check(pthread_mutex_unlock(&checking) == 0);
    tp_sim_check(pthread_mutex_unlock(&checking) == EPERM);
}

TAP_TEST(mutex__kinds_are_those_of_their_initialisers)
{
    must_pass(kinds_of_mutexes, NULL, NULL);
}

/* ---- reader-writer locks --------------------------------------------------------------------- */

static pthread_rwlock_t table_lock = PTHREAD_RWLOCK_INITIALIZER;
static int table_version, readers_inside;

static void *write_table(void *context)
{
    if (broken)
        pthread_rwlock_rdlock(&table_lock);
    else
        pthread_rwlock_wrlock(&table_lock);
    table_version++;
    tp_sim_point();
    table_version++;
    pthread_rwlock_unlock(&table_lock);
    return context;
}

static void *read_table(void *context)
{
    pthread_rwlock_rdlock(&table_lock);
    readers_inside++;
    tp_sim_point();
    if (table_version % 2 != 0)
        tp_sim_fail("half a version");
    readers_inside--;
    pthread_rwlock_unlock(&table_lock);
    return context;
}

static void table(void *context)
{
    pthread_t writer;
    (void)context;
    table_version = readers_inside = 0;
    tp_sim_check(pthread_create(&writer, NULL, write_table, NULL) == 0);
    side_by_side(read_table, read_table);
    tp_sim_check(pthread_join(writer, NULL) == 0);
    tp_sim_check(readers_inside == 0);
    tp_sim_check(pthread_rwlock_trywrlock(&table_lock) == 0);
    tp_sim_check(pthread_rwlock_tryrdlock(&table_lock) == EBUSY);
    tp_sim_check(pthread_rwlock_unlock(&table_lock) == 0);
}

TAP_TEST(rwlock__a_writer_that_only_reads_is_seen_halfway)
{
    both(table, "half a version");
}

/* ---- semaphores, barriers, once -------------------------------------------------------------- */

static sem_t slots;
static int inside;

static void *use_slot(void *context)
{
    sem_wait(&slots);
    if (++inside > 1)
        tp_sim_fail("two inside");
    tp_sim_point();
    inside--;
    sem_post(&slots);
    return context;
}

/* The semaphore was made before the run and keeps its count. */
static void slots_for_one(void *context)
{
    struct timespec past = {0, 0};
    (void)context;
    inside = 0;
    if (broken)
        sem_post(&slots);
    side_by_side(use_slot, use_slot);
    if (broken)
        tp_sim_check(sem_trywait(&slots) == 0);
    tp_sim_check(sem_wait(&slots) == 0);
    tp_sim_check(sem_timedwait(&slots, &past) == -1 && errno == ETIMEDOUT);
    tp_sim_check(sem_post(&slots) == 0);
}

static void put_slots_back(void *context)
{
    (void)context;
    sem_init(&slots, 0, 1);
}

TAP_TEST(semaphore__one_too_many_lets_two_in)
{
    broken = true;
    must_fail(slots_for_one, NULL, put_slots_back, "two inside");
    broken = false;
    must_pass(slots_for_one, NULL, put_slots_back);
}

static pthread_barrier_t barrier;
static pthread_once_t once;
static int prepared, arrived;

static void prepare(void)
{
    tp_sim_point();
    prepared++;
}

static void *meet(void *context)
{
    pthread_once(&once, prepare);
    tp_sim_check(prepared == 1);
    arrived++;
    pthread_barrier_wait(&barrier);
    if (arrived != 2)
        tp_sim_fail("left before both had come");
    return context;
}

static void meeting(void *context)
{
    (void)context;
    arrived = prepared = 0;
    once = PTHREAD_ONCE_INIT;
    tp_sim_check(pthread_barrier_init(&barrier, NULL, broken ? 1 : 2) == 0);
    side_by_side(meet, meet);
    tp_sim_check(pthread_barrier_destroy(&barrier) == 0);
}

TAP_TEST(barrier__for_one_too_few_opens_early_and_once_is_once)
{
    both(meeting, "left before both");
}

static pthread_barrier_t made_outside;

static void *meet_outside(void *context)
{
    pthread_barrier_wait(&made_outside);
    return context;
}

static void use_what_was_made_outside(void *context)
{
    (void)context;
    side_by_side(meet_outside, meet_outside);
}

TAP_TEST(barrier__made_outside_keeps_its_number)
{
    check_eq(pthread_barrier_init(&made_outside, NULL, 2), 0);
    must_pass(use_what_was_made_outside, NULL, NULL);
}

int main(void)
{
    tap_run(locks__taken_in_two_orders_deadlock_and_both_are_named);
    tap_run(condition__a_signal_that_is_left_out_is_a_deadlock);
    tap_run(condition__of_c11_loses_a_signal_without_the_lock);
    tap_run(condition__a_wait_ends_at_its_deadline);
    tap_run(mutex__misuse_fails_the_run);
    tap_run(mutex__kinds_are_those_of_their_initialisers);
    tap_run(rwlock__a_writer_that_only_reads_is_seen_halfway);
    tap_run(semaphore__one_too_many_lets_two_in);
    tap_run(barrier__for_one_too_few_opens_early_and_once_is_once);
    tap_run(barrier__made_outside_keeps_its_number);
    return tap_done();
}
