/* timer_stress_test.c - many threads set, stop, wait for and close the same timers at random.
 *
 * usage: timer_stress_test [SECONDS [SEED]]
 *
 * Each timer that is made has a record, which is its context, and counts references as an
 * application would: one is taken whenever it is set; one is dropped by each callback, and by
 * whoever is told that an expiry was taken away. So none may be dropped that was not taken; and
 * once a timer without a period has been stopped and waited for, none may be left. Nothing runs
 * once a timer has been waited for and closed, its group closed or its pool shut down; and in the
 * end each pool has had as many posts as callbacks and cancellations, and has nothing armed. */
#define _GNU_SOURCE
#include "tests/stress/frame.h"

enum {
    THREADS = 8,
    TABLE = 1000,      /* timers that every thread knows */
    POOLS = 3,         /* pools that live through it: one wide, one of one thread, the default */
    TRANSIENT = POOLS, /* a record of a pool that came and went */
    RECORDS = 1 << 19, /* made at an even pace */
    MEMBERS = 8,       /* of a group or a pool of a thread's own */
    MS = 1000000,
    SLOW = UNDER_TSAN ? 10 : 1,
};

/* Once and never cancelled: exact. With periods and cancellations: neither lost nor too late. */
enum sort { ONCE, FREE };

struct record {
    tpp_ptr handle;
    tpp_u32 references; /* of a timer that is set once: see above */
    tpp_u32 ran, running, released, closed;
    tpp_u32 sealed;  /* nothing may run any more */
    tpp_u32 users;   /* inside tp_timer_set, or about to be */
    tpp_u32 leaving; /* nobody may set or stop it any more, but for one */
    uint32_t pool;
    enum sort sort;
    bool shared_fate; /* in a group or pool that ends: then armed ones are stopped in silence */
};

static struct record *records;
static tpp_u32 record_count;
static tpp_u32 allowed;      /* so many records for now, with room for what is being made */
static tpp_u32 table[TABLE]; /* one more than the number of a record, 0: none */
static tp_pool_t *pools[POOLS];

/* What happened how often: a run in which something never did has not tested it. */
static struct {
    tpp_u32 sets, taken, exact, groups, shutdowns, refused, deadlocks;
} seen;

static struct record *pick(uint64_t *dice)
{
    uint32_t number = tpp_load_acquire(&table[roll(dice, TABLE)]);
    return number ? &records[number - 1] : NULL;
}

/* ---- references ------------------------------------------------------------------------------ */

static void drop_reference(struct record *record)
{
    must(tpp_sub_acq_rel(&record->references, 1) > 0);
}

static void take_away(struct record *record, bool was_armed)
{
    if (!was_armed)
        return;
    tpp_add_relaxed(&seen.taken, 1);
    if (record->sort == ONCE)
        drop_reference(record);
}

static tp_timer_spec_t random_spec(enum sort sort, uint64_t *dice)
{
    static const enum tpp_clock clocks[] = {TPP_CLOCK_MONOTONIC, TPP_CLOCK_REALTIME,
                                            TPP_CLOCK_MONOTONIC, TPP_CLOCK_BOOTTIME};
    tp_timer_spec_t spec = TP_TIMER_SPEC_INIT;
    uint32_t choice = roll(dice, 20);
    spec.clock = roll(dice, 4);
    spec.due = roll(dice, choice < 4 ? 50000 : 3 * MS * SLOW);
    if (choice == 19)
        spec.due = 10000 * (int64_t)MS; /* nobody waits for that */
    if (spec.clock == TP_CLOCK_REALTIME || spec.clock == TP_CLOCK_MONOTONIC)
        spec.due += tpp_now(clocks[spec.clock]);
    if (choice == 18)
        spec.due = TP_INFINITE;
    if (choice == 17)
        spec.due = 0;
    if (roll(dice, 4) == 0)
        spec.window = roll(dice, 2 * MS);
    if (sort == FREE && roll(dice, 2)) {
        spec.period = (2 + (int64_t)roll(dice, 50)) * MS * SLOW;
        spec.flags = roll(dice, 3) ? 0 : TP_TIMER_SKIP_MISSED;
    }
    return spec;
}

/* The reference is there before the callback that drops it. */
static void set_now(struct record *record, uint64_t *dice)
{
    tp_timer_spec_t spec = random_spec(record->sort, dice);
    bool was_armed = false;
    tpp_add_acq_rel(&record->references, record->sort == ONCE);
    tp_status_t status = tp_timer_set(tpp_load_acquire(&record->handle), &spec, &was_armed);
    must(status == TP_OK || status == TP_ERR_HANDLE || status == TP_ERR_CLOSED);
    tpp_add_relaxed(&seen.sets, 1);
    if (status == TP_OK) {
        take_away(record, was_armed);
        return;
    }
    must(!was_armed);
    tpp_add_relaxed(&seen.refused, 1);
    if (record->sort == ONCE)
        drop_reference(record);
}

static tp_status_t halt_now(struct record *record)
{
    bool was_armed = false;
    tp_status_t status = tp_timer_set(tpp_load_acquire(&record->handle), NULL, &was_armed);
    must(status == TP_OK || status == TP_ERR_HANDLE);
    take_away(record, was_armed);
    return status;
}

/* Whoever gets rid of a timer has to know that nobody sets it any more, nor is about to drop a
 * reference. */
static bool enter(struct record *record)
{
    tpp_add_acq_rel(&record->users, 1);
    tpp_fence_seq_cst();
    if (!tpp_load_acquire(&record->leaving))
        return true;
    tpp_sub_acq_rel(&record->users, 1);
    return false;
}

static void leave(struct record *record)
{
    tpp_sub_acq_rel(&record->users, 1);
}

static void set(struct record *record, uint64_t *dice)
{
    if (!enter(record))
        return;
    set_now(record, dice);
    leave(record);
}

static void halt(struct record *record)
{
    if (!enter(record))
        return;
    (void)halt_now(record);
    leave(record);
}

static void let_nobody_enter(struct record *record)
{
    tpp_store_release(&record->leaving, 1);
    tpp_fence_seq_cst();
    while (tpp_load_acquire(&record->users) > 0)
        sched_yield();
}

static bool close_record(struct record *record)
{
    tp_status_t status = tp_timer_close(tpp_load_acquire(&record->handle));
    must(status == TP_OK || status == TP_ERR_HANDLE);
    if (status == TP_OK)
        must(tpp_add_acq_rel(&record->closed, 1) == 0);
    return status == TP_OK;
}

static void seal(struct record *record)
{
    must(tpp_load_acquire(&record->running) == 0);
    tpp_store_release(&record->sealed, 1);
}

/* As it is to be done: stopped, waited for, closed. Then it is certain that nothing runs. */
static void get_rid(struct record *record, uint64_t *dice)
{
    bool cancel = record->sort == FREE && roll(dice, 2);
    let_nobody_enter(record);
    tp_status_t status = halt_now(record);
    status |= tp_timer_wait(tpp_load_acquire(&record->handle), cancel, TP_INFINITE);
    if (status != TP_OK)
        return; /* somebody has closed it */
    seal(record);
    if (!close_record(record) || record->sort != ONCE || record->shared_fate)
        return;
    must(tpp_load_acquire(&record->references) == 0);
    tpp_add_relaxed(&seen.exact, 1);
}

/* ---- callbacks ------------------------------------------------------------------------------- */

static void on_release(void *context)
{
    struct record *record = context;
    must(tpp_add_acq_rel(&record->released, 1) == 0);
    must(tpp_load_acquire(&record->running) == 0);
}

static void on_cancel(void *context, void *cleanup_context)
{
    struct record *record = context;
    must(cleanup_context == NULL);
    must(tpp_load_acquire(&record->released) == 0);
}

static void meddle(struct record *record, uint64_t *dice)
{
    struct record *other = pick(dice);
    switch (roll(dice, 12)) {
    case 0:
    case 1:
        set(record, dice); /* again */
        break;
    case 2:
        halt(record);
        break;
    case 3:
        (void)close_record(record);
        break;
    case 4:
        if (tp_timer_wait(tpp_load_acquire(&record->handle), true, 0) == TP_ERR_DEADLOCK)
            tpp_add_relaxed(&seen.deadlocks, 1);
        break;
    case 5:
        if (other)
            set(other, dice);
        break;
    case 6:
        if (other)
            (void)!tp_timer_wait(tpp_load_acquire(&other->handle), false, roll(dice, 50000));
        break;
    default:
        break;
    }
}

static void tick(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    struct record *record = context;
    uint64_t dice = ((uintptr_t)instance ^ (uintptr_t)timer) * 0x9e3779b97f4a7c15u | 1;
    must(tpp_load_acquire(&record->released) == 0);
    must(tpp_load_acquire(&record->sealed) == 0);
    must(timer == tpp_load_acquire(&record->handle));
    tpp_add_acq_rel(&record->running, 1);
    dice += (uint64_t)tpp_add_relaxed(&record->ran, 1) << 20;
    if (record->sort == ONCE)
        drop_reference(record);
    if (roll(&dice, 3) == 0 && !tpp_load_relaxed(&stop))
        meddle(record, &dice);
    must(tpp_load_acquire(&record->sealed) == 0);
    tpp_sub_acq_rel(&record->running, 1);
}

/* ---- what threads do ------------------------------------------------------------------------- */

/* Where `pool` is NULL one of those that stay is chosen. */
static struct record *make(struct actor *actor, tp_pool_t *pool, tp_cleanup_group_t *group)
{
    uint32_t number = tpp_add_relaxed(&record_count, 1), limit = roll(&actor->dice, 6);
    tp_timer_t *handle = NULL;
    if (number >= RECORDS)
        abort(); /* there was room for so many */
    struct record *record = &records[number];
    record->pool = pool ? TRANSIENT : roll(&actor->dice, POOLS);
    record->sort = roll(&actor->dice, 4) ? ONCE : FREE;
    record->shared_fate = pool || group;
    if (!pool && record->pool < 2)
        pool = pools[record->pool];
    must(tp_env_set_pool(actor->env, pool) == TP_OK);
    must(tp_env_set_priority(actor->env, roll(&actor->dice, 3)) == TP_OK);
    must(tp_env_set_concurrency_limit(actor->env, limit > 2 ? 0 : limit) == TP_OK);
    must(tp_env_set_context_release(actor->env, on_release) == TP_OK);
    must(tp_env_set_cleanup_group(actor->env, group, on_cancel) == TP_OK);
    must(tp_timer_create(tick, record, actor->env, &handle) == TP_OK);
    tpp_store_release(&record->handle, handle);
    return record;
}

/* Known to all from now on; returns who was in its place. */
static struct record *show(struct actor *actor, struct record *record)
{
    uint32_t number = (uint32_t)(record - records) + 1;
    number = tpp_exchange_acq_rel(&table[roll(&actor->dice, TABLE)], number);
    return number ? &records[number - 1] : NULL;
}

static void end(struct actor *actor, struct record *record)
{
    if (roll(&actor->dice, 3))
        get_rid(record, &actor->dice);
    else
        (void)close_record(record); /* armed, perhaps, or with posts to come */
}

static bool has_room(void)
{
    return tpp_load_relaxed(&record_count) < tpp_load_relaxed(&allowed);
}

static void replace(struct actor *actor)
{
    struct record *record, *old;
    if (!has_room())
        return;
    record = make(actor, NULL, NULL);
    if ((old = show(actor, record)))
        end(actor, old);
}

static void make_members(struct actor *actor, tp_pool_t *pool, tp_cleanup_group_t *group,
                         struct record *members[MEMBERS])
{
    for (uint32_t i = 0; i < MEMBERS; i++) {
        members[i] = make(actor, pool, group);
        set(members[i], &actor->dice);
    }
    for (uint32_t i = 0; i < 2; i++) {
        struct record *old = show(actor, members[i]);
        if (old)
            end(actor, old);
    }
}

/* Others set its members, too, while it is being closed. */
static void group_life(struct actor *actor)
{
    struct record *members[MEMBERS];
    tp_cleanup_group_t *group = NULL;
    if (!has_room())
        return;
    must(tp_cleanup_group_create(&group) == TP_OK);
    make_members(actor, NULL, group, members);
    if (roll(&actor->dice, 2))
        get_rid(members[2], &actor->dice);
    must(tp_cleanup_group_close_members(group, roll(&actor->dice, 2), NULL) == TP_OK);
    for (uint32_t i = 0; i < MEMBERS; i++) {
        must(tpp_load_acquire(&members[i]->released) == 1);
        seal(members[i]);
        must(!close_record(members[i]));
    }
    must(tp_cleanup_group_close(group) == TP_OK);
    tpp_add_relaxed(&seen.groups, 1);
}

/* A pool that comes and is shut down while its timers are armed and being set. */
static void pool_life(struct actor *actor)
{
    struct record *members[MEMBERS];
    tp_pool_config_t config = TP_POOL_CONFIG_INIT;
    tp_timer_spec_t spec = TP_TIMER_SPEC_INIT;
    tp_pool_t *pool = NULL;
    if (!has_room())
        return;
    config.thread_maximum = 1 + roll(&actor->dice, 3);
    must(tp_pool_create(&config, &pool) == TP_OK);
    make_members(actor, pool, NULL, members);
    must(tp_pool_shutdown(pool, roll(&actor->dice, 2), TP_INFINITE) == TP_OK);
    for (uint32_t i = 0; i < MEMBERS; i++) {
        tp_status_t status = tp_timer_set(tpp_load_acquire(&members[i]->handle), &spec, NULL);
        must(status == TP_ERR_CLOSED || status == TP_ERR_HANDLE);
        seal(members[i]);
        (void)close_record(members[i]);
        must(tp_timer_close(tpp_load_acquire(&members[i]->handle)) == TP_ERR_HANDLE);
    }
    tpp_add_relaxed(&seen.shutdowns, 1);
}

static void wait_for(struct actor *actor, struct record *record)
{
    bool cancel = record->sort == FREE && roll(&actor->dice, 2);
    int64_t timeout = roll(&actor->dice, 8) ? roll(&actor->dice, MS) : TP_INFINITE;
    tp_status_t status = tp_timer_wait(tpp_load_acquire(&record->handle), cancel, timeout);
    must(status == TP_OK || status == TP_ERR_HANDLE || status == TP_ERR_TIMEOUT);
}

static void look(struct actor *actor, struct record *record)
{
    tp_pool_stats_t stats = TP_POOL_STATS_INIT;
    bool is_set;
    tp_status_t status = tp_timer_is_set(tpp_load_acquire(&record->handle), &is_set);
    must(status == TP_OK || status == TP_ERR_HANDLE);
    must(tp_pool_get_stats(pools[roll(&actor->dice, POOLS)], &stats) == TP_OK);
}

static void act(struct actor *actor)
{
    struct record *record = pick(&actor->dice);
    uint32_t choice = roll(&actor->dice, 1000);
    if (!record)
        replace(actor);
    else if (choice < 800)
        set(record, &actor->dice);
    else if (choice < 880)
        halt(record);
    else if (choice < 920)
        wait_for(actor, record);
    else if (choice < 940)
        look(actor, record);
    else if (choice < 992)
        replace(actor);
    else if (choice < 997)
        group_life(actor);
    else
        pool_life(actor);
}

/* ---- the whole ------------------------------------------------------------------------------- */

static void build(void)
{
    tp_pool_config_t config = TP_POOL_CONFIG_INIT;
    config.thread_maximum = 6;
    config.idle_timeout = 2 * MS;
    must(tp_pool_create(&config, &pools[0]) == TP_OK);
    config.thread_maximum = 1;
    must(tp_pool_create(&config, &pools[1]) == TP_OK);
    must(tp_pool_default(&pools[2]) == TP_OK);
}

static void end_all(void)
{
    struct actor actor = {.dice = seed * 2 + 1};
    for (uint32_t i = 0; i < TABLE; i++)
        if (tpp_load_acquire(&table[i]))
            end(&actor, &records[tpp_load_acquire(&table[i]) - 1]);
    check(falls_to(TPI_KIND_TIMER, 0));
    check(falls_to(TPI_KIND_EXTRA, 0));
    check_eq(tpi_slab_in_use(TPI_KIND_ENV), 0);
    check_eq(tpi_slab_in_use(TPI_KIND_GROUP), 0);
}

static void check_pool(uint32_t pool)
{
    uint64_t ran = 0;
    for (uint32_t i = 0; i < tpp_peek(&record_count); i++)
        if (records[i].pool == pool)
            ran += tpp_peek(&records[i].ran);
    tp_pool_stats_t stats = expect_settled(pools[pool], ran);
    check_eq(stats.timers_armed, 0);
    printf("# pool %u: %llu posts, %llu cancelled, %u threads at most\n", pool,
           (unsigned long long)stats.submitted, (unsigned long long)stats.cancelled,
           stats.threads_peak);
    check(ran > 100);
}

static void check_records(void)
{
    for (uint32_t i = 0; i < tpp_peek(&record_count); i++) {
        must(tpp_peek(&records[i].released) == 1);
        must(tpp_peek(&records[i].running) == 0);
        must(tpp_peek(&records[i].closed) <= 1);
    }
    printf("# %u timers, %u sets of which %u were refused, %u expiries taken away,\n"
           "# %u timers without a period ended in order, %u groups, %u shutdowns, %u deadlocks\n",
           tpp_peek(&record_count), tpp_peek(&seen.sets), tpp_peek(&seen.refused),
           tpp_peek(&seen.taken), tpp_peek(&seen.exact), tpp_peek(&seen.groups),
           tpp_peek(&seen.shutdowns), tpp_peek(&seen.deadlocks));
    check(tpp_peek(&seen.sets) > 1000 && tpp_peek(&seen.taken) > 100);
    check(tpp_peek(&seen.exact) > 20 && tpp_peek(&seen.refused) > 0);
    check(tpp_peek(&seen.groups) > 0 && tpp_peek(&seen.shutdowns) > 0);
}

static void allow_more(uint32_t tenth)
{
    tpp_store_relaxed(&allowed, (uint32_t)((RECORDS - 1000) * (uint64_t)tenth / (10 * seconds)));
}

TAP_TEST(timer_stress__c111_references_balance_and_nothing_runs_too_late)
{
    pthread_t threads[THREADS];
    tap_timeout(60 + 3 * seconds);
    records = calloc(RECORDS, sizeof *records);
    require(records);
    build();
    require(let_act(threads, THREADS, allow_more));
    end_all();
    check_records();
    for (uint32_t pool = 0; pool < POOLS; pool++)
        check_pool(pool);
    for (uint32_t pool = 0; pool < 2; pool++)
        check_eq(tp_pool_shutdown(pools[pool], false, TP_INFINITE), TP_OK);
    check(falls_to(TPI_KIND_POOL, 1)); /* the default pool stays */
    check_eq(tpp_peek(&wrong), 0);
    free(records);
}

int main(int argc, char **argv)
{
    read_arguments(argc, argv);
    tap_run(timer_stress__c111_references_balance_and_nothing_runs_too_late);
    return tap_done();
}
