/* stress_test.c - many threads make random calls of everything; every post is accounted for.
 *
 * usage: stress_test [SECONDS [SEED]]
 *
 * Each object that is made has a record, which is its context. What must hold of each in the end:
 * released once; closed once, by its handle or by its group; as many runs as posts, less those that
 * were cancelled; and for a whole pool: posts = runs + cancelled, in its statistics and in the
 * records alike. Nothing of a group runs once close_members has returned. */
#define _GNU_SOURCE
#include "tests/stress/frame.h"

enum {
    THREADS = 12,
    TABLE = 48,        /* objects that every thread knows */
    POOLS = 3,         /* pools that live through it: one wide, one of one thread, the default */
    WIDE = 9,          /* threads of the wide pool at most */
    RECORDS = 1 << 19, /* then nothing new is made any more */
    UNITS = 3,         /* of the semaphore */
    TRANSIENT = POOLS, /* a record of a pool that came and went */
    MS = 1000000,
};

struct record {
    tpp_ptr handle;
    tpp_u32 submitted, ran, running, released, cancels;
    tpp_u32 sealed; /* its group has been closed: nothing may run */
    tpp_u32 budget; /* posts its callbacks may still make */
    uint32_t pool;
    bool cancellable, simple;
};

static struct record *records;
static tpp_u32 record_count, events_met;
static tpp_u32 table[TABLE]; /* one more than the number of a record, 0: none */
static tp_pool_t *pools[POOLS];
static tp_env_t *shared_env;
static tp_cleanup_group_t *shared_group;
static tp_event_t *event;
static tp_semaphore_t *semaphore;
static tp_mutex_t *mutex;
static tpp_ptr victim; /* an event that anybody may close */
static tpp_u32 holders;
static uint64_t guarded; /* by the mutex */

/* ---- records --------------------------------------------------------------------------------- */

static struct record *new_record(uint32_t pool, bool cancellable, bool simple)
{
    uint32_t number = tpp_add_relaxed(&record_count, 1);
    if (number >= RECORDS)
        return NULL;
    struct record *record = &records[number];
    record->pool = pool;
    record->cancellable = cancellable;
    record->simple = simple;
    tpp_init(&record->budget, 3);
    tpp_init(&record->submitted, simple);
    return record;
}

static void on_release(void *context)
{
    struct record *record = context;
    must(tpp_add_acq_rel(&record->released, 1) == 0);
    must(tpp_load_acquire(&record->running) == 0);
}

static void on_cancel(void *context, void *cleanup_context)
{
    struct record *record = context;
    must(cleanup_context == NULL || cleanup_context == &stop);
    must(tpp_load_acquire(&record->released) == 0);
    must(tpp_add_acq_rel(&record->cancels, 1) == 0);
}

static void post(struct record *record, uint32_t posts)
{
    tp_work_t *handle = tpp_load_acquire(&record->handle);
    tpp_add_relaxed(&record->submitted, posts);
    tp_status_t status = posts == 1 ? tp_work_submit(handle) : tp_work_submit_many(handle, posts);
    must(status == TP_OK || status == TP_ERR_HANDLE);
    if (status != TP_OK)
        tpp_sub_relaxed(&record->submitted, posts);
}

static struct record *pick(uint64_t *dice)
{
    uint32_t number = tpp_load_acquire(&table[roll(dice, TABLE)]);
    return number ? &records[number - 1] : NULL;
}

/* ---- inside callbacks ------------------------------------------------------------------------ */

static void wait_a_moment(struct record *other, bool cancel, int64_t timeout)
{
    tp_status_t status = tp_work_wait(tpp_load_acquire(&other->handle), cancel, timeout);
    must(status == TP_OK || status == TP_ERR_HANDLE || status == TP_ERR_TIMEOUT ||
         status == TP_ERR_DEADLOCK);
}

static void own_object(tp_callback_instance_t *instance, struct record *record, tp_work_t *work,
                       uint64_t *dice)
{
    tp_status_t status = tp_work_wait(work, true, TP_INFINITE);
    must(status == TP_ERR_DEADLOCK || status == TP_ERR_HANDLE); /* it may be closed already */
    if (roll(dice, 3) != 0)
        return;
    must(tp_callback_disassociate(instance) == TP_OK);
    must(tp_callback_disassociate(instance) == TP_OK);
    tpp_sub_relaxed(&record->running, 1); /* a wait goes on without it */
    status = tp_work_wait(work, false, 1000);
    must(status != TP_ERR_DEADLOCK && status != TP_ERR_ARGUMENT);
    tpp_add_relaxed(&record->running, 1);
}

static void on_return(tp_callback_instance_t *instance, uint64_t *dice)
{
    tp_wait_result_t result;
    uint32_t choice = roll(dice, 3);
    bool requested;
    must(tp_callback_cancel_requested(instance, &requested) == TP_OK);
    if (choice == 0)
        must(tp_callback_set_event_on_return(instance, event) == TP_OK);
    if (choice == 1 && tp_waitable_wait(tp_waitable_mutex(mutex), 0, &result) == TP_OK &&
        result == TP_WAIT_SIGNALED) {
        guarded++;
        must(tp_callback_release_mutex_on_return(instance, mutex) == TP_OK);
    }
    if (choice == 2) {
        must(tp_waitable_wait(tp_waitable_semaphore(semaphore), 0, &result) == TP_OK);
        if (result == TP_WAIT_SIGNALED)
            must(tp_callback_release_semaphore_on_return(instance, semaphore, 1) == TP_OK);
    }
}

static void long_calls(tp_callback_instance_t *instance, uint64_t *dice)
{
    tp_status_t status;
    if (roll(dice, 2)) {
        status = tp_callback_may_run_long(instance);
        must(status == TP_OK || status == TP_ERR_TOO_MANY_THREADS);
    } else {
        must(tp_blocking_begin() == TP_OK);
        sched_yield();
        must(tp_blocking_end() == TP_OK);
    }
}

static void begin_run(struct record *record)
{
    must(tpp_load_acquire(&record->released) == 0);
    must(tpp_load_acquire(&record->sealed) == 0);
    tpp_add_acq_rel(&record->running, 1);
    tpp_add_relaxed(&record->ran, 1);
}

static void end_run(struct record *record)
{
    must(tpp_load_acquire(&record->sealed) == 0);
    tpp_sub_acq_rel(&record->running, 1);
}

static void run_work(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct record *record = context, *other;
    uint64_t dice = ((uintptr_t)instance ^ (uintptr_t)work) * 0x9e3779b97f4a7c15u | 1;
    begin_run(record);
    dice += tpp_load_relaxed(&record->ran);
    switch (roll(&dice, 24)) {
    case 0:
        own_object(instance, record, work, &dice);
        break;
    case 1:
        on_return(instance, &dice);
        break;
    case 2:
        long_calls(instance, &dice);
        break;
    case 3:
        if ((other = pick(&dice)))
            wait_a_moment(other, other->cancellable && roll(&dice, 2), roll(&dice, 50000));
        break;
    case 4:
        if (!tpp_load_relaxed(&stop) && (other = pick(&dice)))
            post(other, 1);
        break;
    case 5:
        if (tpp_load_relaxed(&record->budget) > 0 && !tpp_load_relaxed(&stop)) {
            tpp_sub_relaxed(&record->budget, 1);
            post(record, 1);
        }
        break;
    default:
        break;
    }
    end_run(record);
}

static void run_simple(tp_callback_instance_t *instance, void *context)
{
    uint64_t dice = (uintptr_t)instance * 0x9e3779b97f4a7c15u | 1;
    begin_run(context);
    if (roll(&dice, 16) == 0)
        on_return(instance, &dice);
    end_run(context);
}

/* ---- what threads do ------------------------------------------------------------------------- */

/* Sets the environment anew; says in which pool the object will be. */
static uint32_t choose_env(struct actor *actor, tp_cleanup_group_t *group)
{
    uint32_t pool = roll(&actor->dice, POOLS), limit = roll(&actor->dice, 8);
    must(tp_env_set_pool(actor->env, pool == 2 ? NULL : pools[pool]) == TP_OK);
    must(tp_env_set_priority(actor->env, roll(&actor->dice, 3)) == TP_OK);
    must(tp_env_set_concurrency_limit(actor->env, limit > 3 ? 0 : limit) == TP_OK);
    must(tp_env_set_runs_long(actor->env, roll(&actor->dice, 30) == 0) == TP_OK);
    must(tp_env_set_context_release(actor->env, on_release) == TP_OK);
    must(tp_env_set_cleanup_group(actor->env, group, on_cancel) == TP_OK);
    must(tp_env_set_name(actor->env, roll(&actor->dice, 2) ? "stress" : NULL) == TP_OK);
    return pool;
}

static struct record *make_work(tp_env_t *env, uint32_t pool, bool cancellable)
{
    tp_work_t *handle;
    struct record *record = new_record(pool, cancellable, false);
    if (!record)
        return NULL;
    tp_status_t status = tp_work_create(run_work, record, env, &handle);
    must(status == TP_OK);
    tpp_store_release(&record->handle, handle);
    return status == TP_OK ? record : NULL;
}

static struct record *make_simple(tp_env_t *env, uint32_t pool)
{
    struct record *record = new_record(pool, true, true);
    if (record)
        must(tp_try_submit(run_simple, record, env) == TP_OK);
    return record;
}

static void close_record(struct record *record)
{
    tp_status_t status = tp_work_close(tpp_load_acquire(&record->handle));
    must(status == TP_OK || status == TP_ERR_HANDLE);
}

/* A new object for the table; whoever was in its place is closed, perhaps with posts to come. */
static void replace(struct actor *actor, tp_cleanup_group_t *group)
{
    uint32_t pool = choose_env(actor, group);
    bool cancellable = group || roll(&actor->dice, 3) == 0;
    struct record *record = make_work(actor->env, pool, cancellable);
    if (!record)
        return;
    uint32_t number = (uint32_t)(record - records) + 1;
    number = tpp_exchange_acq_rel(&table[roll(&actor->dice, TABLE)], number);
    if (number)
        close_record(&records[number - 1]);
}

/* A group of this thread's own: others post its members, too, while it is being closed. */
static void group_life(struct actor *actor)
{
    struct record *members[8] = {NULL};
    tp_cleanup_group_t *group;
    bool cancel = roll(&actor->dice, 2);
    if (tpp_load_relaxed(&record_count) > RECORDS - 10000)
        return;
    must(tp_cleanup_group_create(&group) == TP_OK);
    for (uint32_t i = 0; i < 8; i++) {
        uint32_t pool = choose_env(actor, group);
        members[i] = i < 5 ? make_work(actor->env, pool, true) : make_simple(actor->env, pool);
        if (!members[i])
            abort(); /* there was room for so many records */
        if (i < 5)
            post(members[i], 1 + roll(&actor->dice, 4));
    }
    uint32_t number = (uint32_t)(members[0] - records) + 1;
    number = tpp_exchange_acq_rel(&table[roll(&actor->dice, TABLE)], number);
    if (number)
        close_record(&records[number - 1]);
    if (roll(&actor->dice, 2))
        close_record(members[1]);
    must(tp_cleanup_group_close_members(group, cancel, roll(&actor->dice, 2) ? &stop : NULL) ==
         TP_OK);
    for (uint32_t i = 0; i < 8; i++) {
        must(tpp_load_acquire(&members[i]->running) == 0);
        must(tpp_load_acquire(&members[i]->released) == 1);
        tpp_store_release(&members[i]->sealed, 1);
    }
    must(tp_cleanup_group_close(group) == TP_OK);
}

/* A pool that comes and goes; its objects outlive its handle. */
static void pool_life(struct actor *actor)
{
    tp_pool_config_t config = TP_POOL_CONFIG_INIT;
    tp_pool_t *pool;
    tp_work_t *none;
    config.thread_minimum = roll(&actor->dice, 3);
    config.thread_maximum = 1 + roll(&actor->dice, 4);
    config.idle_timeout = 1 + roll(&actor->dice, MS);
    must(tp_pool_create(&config, &pool) == TP_OK);
    choose_env(actor, NULL);
    must(tp_env_set_pool(actor->env, pool) == TP_OK);
    struct record *one = make_work(actor->env, TRANSIENT, false);
    struct record *two = make_work(actor->env, TRANSIENT, false);
    if (one && two)
        post(one, 1 + roll(&actor->dice, 9));
    must(tp_pool_close(pool) == TP_OK);
    must(tp_work_create(run_work, &wrong, actor->env, &none) == TP_ERR_CLOSED && !none);
    if (one && two) {
        post(two, 2);
        if (roll(&actor->dice, 2))
            wait_a_moment(two, false, TP_INFINITE);
        close_record(two);
    }
    if (one)
        close_record(one);
}

static void set_limits(struct actor *actor)
{
    uint32_t maximum = 1 + roll(&actor->dice, WIDE);
    if (roll(&actor->dice, 4) == 0)
        maximum = WIDE;
    must(tp_pool_set_thread_maximum(pools[0], maximum) == TP_OK);
    if (roll(&actor->dice, 3) == 0)
        must(tp_pool_set_thread_minimum(pools[0], roll(&actor->dice, 3)) == TP_OK);
}

static void use_sync(struct actor *actor)
{
    tp_wait_result_t result = 9;
    int64_t timeout = roll(&actor->dice, 3) ? 0 : (int64_t)roll(&actor->dice, MS);
    switch (roll(&actor->dice, 4)) {
    case 0:
        must(tp_waitable_wait(tp_waitable_mutex(mutex), 5 * MS, &result) == TP_OK);
        if (result != TP_WAIT_SIGNALED)
            break;
        guarded++;
        must(tp_mutex_release(mutex) == TP_OK);
        break;
    case 1:
        must(tp_waitable_wait(tp_waitable_semaphore(semaphore), timeout, &result) == TP_OK);
        if (result != TP_WAIT_SIGNALED)
            break;
        must(tpp_add_acq_rel(&holders, 1) < UNITS);
        tpp_sub_acq_rel(&holders, 1);
        must(tp_semaphore_release(semaphore, 1, NULL) == TP_OK);
        break;
    case 2:
        must(tp_event_set(event) == TP_OK);
        break;
    default:
        must(tp_waitable_wait(tp_waitable_event(event), timeout, &result) == TP_OK);
        tpp_add_relaxed(&events_met, result == TP_WAIT_SIGNALED);
    }
}

/* An event closed under those who wait for it. */
static void use_victim(struct actor *actor)
{
    tp_wait_result_t result;
    tp_event_t *mine = NULL, *old = tpp_load_acquire(&victim);
    tp_status_t status;
    if (roll(&actor->dice, 3)) {
        status = tp_waitable_wait(tp_waitable_event(old), roll(&actor->dice, MS), &result);
        must(status == TP_OK || status == TP_ERR_HANDLE);
        return;
    }
    must(tp_event_create(roll(&actor->dice, 2), false, &mine) == TP_OK);
    status = tp_event_close(tpp_exchange_acq_rel(&victim, mine));
    must(status == TP_OK);
}

static void garbage(struct actor *actor)
{
    static const enum tpi_kind kinds[] = {TPI_KIND_POOL,  TPI_KIND_ENV,   TPI_KIND_WORK,
                                          TPI_KIND_GROUP, TPI_KIND_EVENT, TPI_KIND_MUTEX};
    enum tpi_kind kind = kinds[roll(&actor->dice, 6)];
    bool flag;
    void *handle =
        (void *)tpi_token_make(kind, roll(&actor->dice, 99), 1 << 24 | roll(&actor->dice, 1 << 24));
    must(tp_work_submit(handle) == TP_ERR_HANDLE);
    must(tp_work_close(handle) == TP_ERR_HANDLE);
    must(tp_pool_close(handle) == TP_ERR_HANDLE);
    must(tp_env_set_pool(shared_env, handle) == TP_ERR_HANDLE);
    must(tp_cleanup_group_close_members(handle, true, NULL) == TP_ERR_HANDLE);
    must(tp_event_set(handle) == TP_ERR_HANDLE);
    must(tp_mutex_release(handle) == TP_ERR_HANDLE);
    must(tp_callback_cancel_requested(handle, &flag) == TP_ERR_HANDLE);
}

static void shared_env_calls(struct actor *actor)
{
    must(tp_env_set_priority(shared_env, roll(&actor->dice, 3)) == TP_OK);
    must(tp_env_set_concurrency_limit(shared_env, roll(&actor->dice, 3)) == TP_OK);
    make_simple(shared_env, 0);
}

static void wait_for_one(struct actor *actor)
{
    struct record *record = pick(&actor->dice);
    if (!record)
        return;
    bool cancel = record->cancellable && roll(&actor->dice, 2);
    uint32_t choice = roll(&actor->dice, 40);
    wait_a_moment(record, cancel,
                  choice == 0   ? TP_INFINITE
                  : choice < 10 ? 0
                                : (int64_t)roll(&actor->dice, MS));
}

static void look(struct actor *actor)
{
    tp_pool_stats_t stats = TP_POOL_STATS_INIT;
    must(tp_pool_get_stats(pools[roll(&actor->dice, POOLS)], &stats) == TP_OK);
    must(stats.threads <= stats.threads_peak);
}

static void act(struct actor *actor)
{
    struct record *record = pick(&actor->dice);
    uint32_t choice = roll(&actor->dice, 1000);
    if (choice < 450 && record)
        post(record, choice % 4 ? 1 : roll(&actor->dice, 6));
    else if (choice < 560)
        replace(actor, choice % 3 ? NULL : shared_group);
    else if (choice < 640)
        wait_for_one(actor);
    else if (choice < 760)
        use_sync(actor);
    else if (choice < 800)
        use_victim(actor);
    else if (choice < 860)
        make_simple(actor->env, choose_env(actor, choice % 2 ? NULL : shared_group));
    else if (choice < 880)
        shared_env_calls(actor);
    else if (choice < 910)
        group_life(actor);
    else if (choice < 920)
        pool_life(actor);
    else if (choice < 930)
        must(tp_cleanup_group_close_members(shared_group, choice % 2, NULL) == TP_OK);
    else if (choice < 950)
        set_limits(actor);
    else if (choice < 980)
        garbage(actor);
    else
        look(actor);
}

/* ---- the whole ------------------------------------------------------------------------------- */

static void build(void)
{
    tp_pool_config_t config = TP_POOL_CONFIG_INIT;
    tp_event_t *first;
    config.thread_minimum = 2;
    config.thread_maximum = WIDE;
    config.idle_timeout = 2 * MS;
    must(tp_pool_create(&config, &pools[0]) == TP_OK);
    config.thread_minimum = 0;
    config.thread_maximum = 1;
    must(tp_pool_create(&config, &pools[1]) == TP_OK);
    must(tp_pool_default(&pools[2]) == TP_OK);
    must(tp_env_create(&shared_env) == TP_OK);
    must(tp_env_set_pool(shared_env, pools[0]) == TP_OK);
    must(tp_env_set_context_release(shared_env, on_release) == TP_OK);
    must(tp_cleanup_group_create(&shared_group) == TP_OK);
    must(tp_event_create(false, false, &event) == TP_OK);
    must(tp_event_create(true, false, &first) == TP_OK);
    tpp_init(&victim, first);
    must(tp_semaphore_create(UNITS, UNITS, &semaphore) == TP_OK);
    must(tp_mutex_create(false, &mutex) == TP_OK);
}

static void close_all(void)
{
    for (uint32_t i = 0; i < TABLE; i++)
        if (tpp_load_acquire(&table[i]))
            close_record(&records[tpp_load_acquire(&table[i]) - 1]);
    must(tp_cleanup_group_close_members(shared_group, false, NULL) == TP_OK);
    must(tp_cleanup_group_close(shared_group) == TP_OK);
    must(tp_env_destroy(shared_env) == TP_OK);
    must(tp_event_close(tpp_load_acquire(&victim)) == TP_OK);
    check(falls_to(TPI_KIND_WORK, 0));
    check(falls_to(TPI_KIND_SIMPLE, 0));
    check(falls_to(TPI_KIND_BRIEF, 0));
    check(falls_to(TPI_KIND_EXTRA, 0));
    must(tp_event_close(event) == TP_OK); /* callbacks used these to their end */
    must(tp_semaphore_close(semaphore) == TP_OK);
    must(tp_mutex_close(mutex) == TP_OK);
    for (int kind = TPI_KIND_ENV; kind < TPI_KIND_SIMPLE; kind++)
        check_eq(tpi_slab_in_use((enum tpi_kind)kind), 0);
}

static void check_pool(uint32_t pool)
{
    uint64_t submitted = 0, ran = 0;
    uint32_t count = tpp_load_acquire(&record_count);
    for (uint32_t i = 0; i < count && i < RECORDS; i++)
        if (records[i].pool == pool) {
            submitted += tpp_peek(&records[i].submitted);
            ran += tpp_peek(&records[i].ran);
        }
    tp_pool_stats_t stats = expect_settled(pools[pool], ran);
    check_eq(stats.submitted, submitted);
    printf("# pool %u: %llu posts, %llu cancelled, %llu stolen, %u threads at most\n", pool,
           (unsigned long long)stats.submitted, (unsigned long long)stats.cancelled,
           (unsigned long long)stats.stolen, stats.threads_peak);
    check(submitted > 100);
}

static void check_records(void)
{
    uint32_t count = tpp_load_acquire(&record_count);
    if (count > RECORDS)
        count = RECORDS;
    for (uint32_t i = 0; i < count; i++) {
        struct record *record = &records[i];
        uint32_t submitted = tpp_peek(&record->submitted), ran = tpp_peek(&record->ran);
        must(tpp_peek(&record->released) == 1);
        must(tpp_peek(&record->running) == 0);
        must(record->cancellable ? ran <= submitted : ran == submitted);
        if (record->simple) /* cancelled or run */
            must(ran + tpp_peek(&record->cancels) == 1);
    }
    printf("# %u objects\n", count);
    check(count > 100);
}

TAP_TEST(stress__c209_random_calls_of_everything_by_many_threads)
{
    pthread_t threads[THREADS];
    tap_timeout(60 + 3 * seconds);
    records = calloc(RECORDS, sizeof *records);
    require(records);
    build();
    require(let_act(threads, THREADS, NULL));
    close_all();
    check_records();
    for (uint32_t pool = 0; pool < POOLS; pool++)
        check_pool(pool);
    check(guarded > 0 && tpp_peek(&events_met) > 0);
    check_eq(tp_pool_close(pools[0]) | tp_pool_close(pools[1]), TP_OK);
    check(falls_to(TPI_KIND_POOL, 1)); /* the default pool stays */
    check_eq(tpp_peek(&wrong), 0);
    free(records);
}

int main(int argc, char **argv)
{
    read_arguments(argc, argv);
    tap_run(stress__c209_random_calls_of_everything_by_many_threads);
    return tap_done();
}
