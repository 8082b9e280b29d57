/* timer_stress_test.c - many threads set, stop, wait for and close the same timers at random.
 *
 * usage: timer_stress_test [SECONDS [SEED]]
 *
 * Each timer that is made has a record, which is its context, and counts references as an
 * application would (see life.h). So none may be dropped that was not taken; and once a timer
 * without a period has been stopped and waited for, none may be left. Nothing runs
 * once a timer has been waited for and closed, its group closed or its pool shut down; and in the
 * end each pool has had as many posts as callbacks and cancellations, and has nothing armed. */
#define _GNU_SOURCE
#include "tests/stress/life.h"

enum {
    THREADS = 8,
    TABLE = 1000,      /* timers that every thread knows */
    POOLS = 3,         /* pools that live through it: one wide, one of one thread, the default */
    TRANSIENT = POOLS, /* a record of a pool that came and went */
    RECORDS = 1 << 19, /* made at an even pace */
};

/* Where they are lossy they may have periods, too, and their references are not counted. */
static struct life *records;
static tpp_u32 record_count;
static tpp_u32 allowed;      /* so many records for now, with room for what is being made */
static tpp_u32 table[TABLE]; /* one more than the number of a record, 0: none */
static tp_pool_t *pools[POOLS];

/* What happened how often: a run in which something never did has not tested it. */
static struct {
    tpp_u32 sets, taken, exact, groups, shutdowns, refused, deadlocks;
} seen;

static struct life *pick(uint64_t *dice)
{
    uint32_t number = tpp_load_acquire(&table[roll(dice, TABLE)]);
    return number ? &records[number - 1] : NULL;
}

/* ---- references ------------------------------------------------------------------------------ */

static void take_away(struct life *life, bool was_armed)
{
    if (!was_armed)
        return;
    tpp_add_relaxed(&seen.taken, 1);
    if (!life->lossy)
        drop_reference(life);
}

static tp_timer_spec_t random_spec(bool periodic, uint64_t *dice)
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
    if (periodic && roll(dice, 2)) {
        spec.period = (2 + (int64_t)roll(dice, 50)) * MS * SLOW;
        spec.flags = roll(dice, 3) ? 0 : TP_TIMER_SKIP_MISSED;
    }
    return spec;
}

/* The reference is there before the callback that drops it. */
static void set_now(struct life *life, uint64_t *dice)
{
    tp_timer_spec_t spec = random_spec(life->lossy, dice);
    bool was_armed = false;
    tpp_add_acq_rel(&life->references, !life->lossy);
    tp_status_t status = tp_timer_set(handle_of(life), &spec, &was_armed);
    must(status == TP_OK || status == TP_ERR_HANDLE || status == TP_ERR_CLOSED);
    tpp_add_relaxed(&seen.sets, 1);
    if (status == TP_OK) {
        take_away(life, was_armed);
        return;
    }
    must(!was_armed);
    tpp_add_relaxed(&seen.refused, 1);
    if (!life->lossy)
        drop_reference(life);
}

static void set(struct life *life, uint64_t *dice)
{
    if (!enter(life))
        return;
    set_now(life, dice);
    leave(life);
}

static tp_status_t halt_now(struct life *life)
{
    bool was_armed = false;
    tp_status_t status = tp_timer_set(handle_of(life), NULL, &was_armed);
    must(status == TP_OK || status == TP_ERR_HANDLE);
    take_away(life, was_armed);
    return status;
}

static void halt(struct life *life)
{
    if (!enter(life))
        return;
    (void)halt_now(life);
    leave(life);
}

static tp_status_t wait_handle(void *handle, bool cancel, int64_t timeout)
{
    return tp_timer_wait(handle, cancel, timeout);
}

static tp_status_t close_handle(void *handle)
{
    return tp_timer_close(handle);
}

static void end(struct life *life, uint64_t *dice)
{
    if (roll(dice, 3))
        tpp_add_relaxed(&seen.exact, get_rid(life, dice));
    else
        (void)close_life(life); /* armed, perhaps, or with posts to come */
}

/* ---- callbacks ------------------------------------------------------------------------------- */

static void meddle(struct life *life, uint64_t *dice)
{
    struct life *other = pick(dice);
    switch (roll(dice, 12)) {
    case 0:
    case 1:
        set(life, dice); /* again */
        break;
    case 2:
        halt(life);
        break;
    case 3:
        (void)close_life(life);
        break;
    case 4:
        if (tp_timer_wait(handle_of(life), true, 0) == TP_ERR_DEADLOCK)
            tpp_add_relaxed(&seen.deadlocks, 1);
        break;
    case 5:
        if (other)
            set(other, dice);
        break;
    case 6:
        if (other)
            (void)!tp_timer_wait(handle_of(other), false, roll(dice, 50000));
        break;
    default:
        break;
    }
}

static void tick(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    struct life *life = context;
    uint64_t dice = begin_run(life, instance, timer);
    if (!life->lossy)
        drop_reference(life);
    if (roll(&dice, 3) == 0 && !tpp_load_relaxed(&stop))
        meddle(life, &dice);
    end_run(life);
}

/* ---- what threads do ------------------------------------------------------------------------- */

/* Where `pool` is NULL one of those that stay is chosen. */
static struct life *make(struct actor *actor, tp_pool_t *pool, tp_cleanup_group_t *group)
{
    uint32_t number = tpp_add_relaxed(&record_count, 1);
    tp_timer_t *handle = NULL;
    if (number >= RECORDS)
        abort(); /* there was room for so many */
    struct life *life = &records[number];
    life->pool = pool ? TRANSIENT : roll(&actor->dice, POOLS);
    life->lossy = roll(&actor->dice, 4) == 0;
    life->shared_fate = pool || group;
    if (!pool && life->pool < 2)
        pool = pools[life->pool];
    must(tp_timer_create(tick, life, choose_env(actor, pool, group), &handle) == TP_OK);
    tpp_store_release(&life->handle, handle);
    return life;
}

/* Known to all from now on; whoever was in its place ends. */
static void show(struct actor *actor, struct life *life)
{
    uint32_t number = (uint32_t)(life - records) + 1;
    number = tpp_exchange_acq_rel(&table[roll(&actor->dice, TABLE)], number);
    if (number)
        end(&records[number - 1], &actor->dice);
}

static bool has_room(void)
{
    return tpp_load_relaxed(&record_count) < tpp_load_relaxed(&allowed);
}

static void replace(struct actor *actor)
{
    if (has_room())
        show(actor, make(actor, NULL, NULL));
}

static void make_members(struct actor *actor, tp_pool_t *pool, tp_cleanup_group_t *group,
                         struct life *members[MEMBERS])
{
    for (uint32_t i = 0; i < MEMBERS; i++) {
        members[i] = make(actor, pool, group);
        set(members[i], &actor->dice);
    }
    for (uint32_t i = 0; i < 2; i++)
        show(actor, members[i]);
}

/* Others set its members, too, while it is being closed. */
static void group_life(struct actor *actor)
{
    struct life *members[MEMBERS];
    tp_cleanup_group_t *group = NULL;
    if (!has_room())
        return;
    must(tp_cleanup_group_create(&group) == TP_OK);
    make_members(actor, NULL, group, members);
    if (roll(&actor->dice, 2))
        (void)get_rid(members[2], &actor->dice);
    must(tp_cleanup_group_close_members(group, roll(&actor->dice, 2), NULL) == TP_OK);
    for (uint32_t i = 0; i < MEMBERS; i++)
        expect_closed_by_group(members[i]);
    must(tp_cleanup_group_close(group) == TP_OK);
    tpp_add_relaxed(&seen.groups, 1);
}

/* A pool that comes and is shut down while its timers are armed and being set. */
static void pool_life(struct actor *actor)
{
    struct life *members[MEMBERS];
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
        tp_status_t status = tp_timer_set(handle_of(members[i]), &spec, NULL);
        must(status == TP_ERR_CLOSED || status == TP_ERR_HANDLE);
        close_after_shutdown(members[i]);
    }
    tpp_add_relaxed(&seen.shutdowns, 1);
}

static void look(struct actor *actor, struct life *life)
{
    tp_pool_stats_t stats = TP_POOL_STATS_INIT;
    bool is_set;
    tp_status_t status = tp_timer_is_set(handle_of(life), &is_set);
    must(status == TP_OK || status == TP_ERR_HANDLE);
    must(tp_pool_get_stats(pools[roll(&actor->dice, POOLS)], &stats) == TP_OK);
}

static void act(struct actor *actor)
{
    struct life *life = pick(&actor->dice);
    uint32_t choice = roll(&actor->dice, 1000);
    if (!life)
        replace(actor);
    else if (choice < 800)
        set(life, &actor->dice);
    else if (choice < 880)
        halt(life);
    else if (choice < 920)
        wait_for(actor, life);
    else if (choice < 940)
        look(actor, life);
    else if (choice < 992)
        replace(actor);
    else if (choice < 997)
        group_life(actor);
    else
        pool_life(actor);
}

/* ---- the whole ------------------------------------------------------------------------------- */

static void end_all(void)
{
    struct actor actor = {.dice = seed * 2 + 1};
    for (uint32_t i = 0; i < TABLE; i++)
        if (tpp_load_acquire(&table[i]))
            end(&records[tpp_load_acquire(&table[i]) - 1], &actor.dice);
    expect_none_left(TPI_KIND_TIMER);
}

static void check_pool(uint32_t pool)
{
    uint64_t ran = 0;
    for (uint32_t i = 0; i < tpp_peek(&record_count); i++)
        if (records[i].pool == pool)
            ran += tpp_peek(&records[i].ran);
    tp_pool_stats_t stats = expect_used(pools[pool], pool, ran, 100);
    check_eq(stats.timers_armed, 0);
}

static void check_records(void)
{
    for (uint32_t i = 0; i < tpp_peek(&record_count); i++)
        expect_ended(&records[i]);
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
    make_pools(pools);
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
