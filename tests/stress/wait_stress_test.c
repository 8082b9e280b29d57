/* wait_stress_test.c - many threads set, signal, stop, wait for and close the same waits.
 *
 * usage: wait_stress_test [SECONDS [SEED]]
 *
 * Descriptors are closed and their numbers used again all the time, also by the files that waits
 * are armed on: a callback that was signaled finds that the file it was armed on has been made
 * readable (see wait_record.h). Units of native sources are counted, and in the end as many have
 * been taken as were given (wait_units.h). There is one callback for each arming that nobody was
 * told to have taken away, and none after a wait has been disarmed and waited for, its group closed
 * or its pool shut down. In the end all that is still open is armed once more, and signaled. */
#define _GNU_SOURCE
#include "tests/stress/wait_arming.h"
#include "tests/support/entries.h"

enum {
    THREADS = 6,
    TABLE = 300,       /* waits that every thread knows */
    POOLS = 4,         /* pools that live through it: see build */
    TRANSIENT = POOLS, /* a record of a pool that came and went */
    DRIVEN = 3,
    RECORDS = 1 << 18, /* made at an even pace */
};

static struct record *records;
static tpp_u32 record_count, member_count;
static tpp_u32 allowed;      /* so many records for now, with room for what is being made */
static tpp_u32 table[TABLE]; /* one more than the number of a record, 0: none */
static tp_pool_t *pools[POOLS];
static pthread_t driver;
static tpp_u32 driver_end;

static struct record *pick(uint64_t *dice)
{
    uint32_t number = tpp_load_acquire(&table[roll(dice, TABLE)]);
    return number ? &records[number - 1] : NULL;
}

/* ---- the end of a record --------------------------------------------------------------------- */

static tp_status_t halt_now(struct life *life)
{
    struct record *record = record_of(life);
    pthread_mutex_lock(&record->lock);
    tp_status_t status = disarm(record);
    pthread_mutex_unlock(&record->lock);
    return status;
}

static tp_status_t wait_handle(void *handle, bool cancel, int64_t timeout)
{
    return tp_wait_wait(handle, cancel, timeout);
}

static tp_status_t close_handle(void *handle)
{
    return tp_wait_close(handle);
}

/* Once the wait is closed, its file may be closed at once. */
static void close_own(struct record *record, uint64_t *dice)
{
    pthread_mutex_lock(&record->lock);
    if (record->diet == OWN && !record->gone)
        close_ends(&record->own, dice);
    record->gone = true;
    pthread_mutex_unlock(&record->lock);
}

static void expect_none_outstanding(struct record *record)
{
    pthread_mutex_lock(&record->lock);
    must(record->outstanding == 0);
    pthread_mutex_unlock(&record->lock);
    tpp_add_relaxed(&seen.exact, 1);
}

static void end(struct record *record, uint64_t *dice)
{
    if (roll(dice, 3) == 0)
        (void)close_life(&record->life); /* armed, perhaps, or with posts to come */
    else if (get_rid(&record->life, dice))
        expect_none_outstanding(record);
    close_own(record, dice);
}

/* ---- callbacks ------------------------------------------------------------------------------- */

static void meddle(struct record *record, uint64_t *dice)
{
    struct record *other = pick(dice);
    switch (roll(dice, 12)) {
    case 0:
    case 1:
        poke(record, dice); /* again */
        break;
    case 2:
        if (roll(dice, 4) == 0)
            (void)close_life(&record->life);
        break;
    case 3:
        if (tp_wait_wait(handle_of(&record->life), true, 0) == TP_ERR_DEADLOCK)
            tpp_add_relaxed(&seen.deadlocks, 1);
        break;
    case 4:
        if (other)
            poke(other, dice);
        break;
    case 5:
        if (other)
            (void)!tp_wait_wait(handle_of(&other->life), false, roll(dice, 50000));
        break;
    default:
        break;
    }
}

static void fire(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                 tp_wait_result_t result)
{
    struct record *record = context;
    uint64_t dice = begin_run(&record->life, instance, wait);
    uint32_t events = 77;
    must(result == TP_WAIT_SIGNALED || result == TP_WAIT_TIMEOUT || record->diet == PINNED);
    must(tp_callback_wait_events(instance, &events) == TP_OK);
    tpp_u32 *counts = result == TP_WAIT_TIMEOUT ? seen.timeouts : seen.signaled;
    tpp_add_relaxed(&counts[record->diet], 1);
    if (record->diet == PINNED) {
        fired_pinned(record, instance, result, events, &dice);
    } else {
        pthread_mutex_lock(&record->lock);
        if (record->diet == SHARED)
            fired_shared(record, result, events);
        else
            fired_own(record, result, events);
        pthread_mutex_unlock(&record->lock);
    }
    if (roll(&dice, 3) == 0 && !tpp_load_relaxed(&stop))
        meddle(record, &dice);
    end_run(&record->life);
}

/* ---- what threads do ------------------------------------------------------------------------- */

/* Where `pool` is NULL one of those that stay is chosen. */
static struct record *make(struct actor *actor, tp_pool_t *pool, tp_cleanup_group_t *group,
                           bool lossy)
{
    uint32_t number = tpp_add_relaxed(&record_count, 1);
    tp_wait_t *handle = NULL;
    if (number >= RECORDS)
        abort(); /* there was room for so many */
    struct record *record = &records[number];
    record->life.pool = pool ? TRANSIENT : roll(&actor->dice, POOLS);
    record->diet = roll(&actor->dice, 3);
    record->life.shared_fate = pool || group;
    record->life.lossy = lossy || (record->diet == PINNED && roll(&actor->dice, 6) == 0);
    if (record->diet == PINNED && roll(&actor->dice, 6))
        record->source = random_source(record->life.lossy, &actor->dice);
    if (record->diet == OWN)
        record->own = open_ends(roll(&actor->dice, FILE_KINDS));
    must(pthread_mutex_init(&record->lock, NULL) == 0);
    if (!pool && record->life.pool != 2)
        pool = pools[record->life.pool];
    must(tp_wait_create(fire, record, choose_env(actor, pool, group), &handle) == TP_OK);
    tpp_store_release(&record->life.handle, handle);
    return record;
}

/* Known to all from now on; whoever was in its place ends. */
static void show(struct actor *actor, tpp_u32 *place, struct record *record)
{
    uint32_t number = (uint32_t)(record - records) + 1;
    number = tpp_exchange_acq_rel(place, number);
    if (number)
        end(&records[number - 1], &actor->dice);
}

/* Half of the room is for members. */
static bool has_room(bool for_members)
{
    uint32_t members = tpp_load_relaxed(&member_count);
    uint32_t used = for_members ? members : tpp_load_relaxed(&record_count) - members;
    return used < tpp_load_relaxed(&allowed) / 2;
}

static void replace(struct actor *actor, tpp_u32 *place)
{
    if (has_room(false))
        show(actor, place, make(actor, NULL, NULL, false));
}

static void make_members(struct actor *actor, tp_pool_t *pool, tp_cleanup_group_t *group,
                         bool lossy, struct record *members[MEMBERS])
{
    tpp_add_relaxed(&member_count, MEMBERS);
    for (uint32_t i = 0; i < MEMBERS; i++) {
        members[i] = make(actor, pool, group, lossy);
        for (int times = 0; times < 3; times++)
            poke(members[i], &actor->dice);
    }
    for (uint32_t i = 0; i < 2; i++)
        show(actor, &table[roll(&actor->dice, TABLE)], members[i]);
}

/* Others set its members, too, while it is being closed. */
static void group_life(struct actor *actor)
{
    struct record *members[MEMBERS];
    tp_cleanup_group_t *group = NULL;
    bool cancel = roll(&actor->dice, 2);
    if (!has_room(true))
        return;
    must(tp_cleanup_group_create(&group) == TP_OK);
    make_members(actor, NULL, group, cancel, members);
    if (roll(&actor->dice, 2))
        end(members[2], &actor->dice);
    must(tp_cleanup_group_close_members(group, cancel, NULL) == TP_OK);
    for (uint32_t i = 0; i < MEMBERS; i++) {
        close_own(members[i], &actor->dice);
        expect_closed_by_group(&members[i]->life);
    }
    must(tp_cleanup_group_close(group) == TP_OK);
    tpp_add_relaxed(&seen.groups, 1);
}

/* A pool that comes and is shut down while its waits are armed and being set. */
static void pool_life(struct actor *actor)
{
    struct record *members[MEMBERS];
    tp_pool_config_t config = TP_POOL_CONFIG_INIT;
    tp_wait_spec_t spec = TP_WAIT_SPEC_INIT;
    tp_pool_t *pool = NULL;
    bool cancel = roll(&actor->dice, 2);
    if (!has_room(true))
        return;
    spec.source = tp_waitable_never();
    config.thread_maximum = 1 + roll(&actor->dice, 3);
    must(tp_pool_create(&config, &pool) == TP_OK);
    make_members(actor, pool, NULL, cancel, members);
    must(tp_pool_shutdown(pool, cancel, TP_INFINITE) == TP_OK);
    for (uint32_t i = 0; i < MEMBERS; i++) {
        tp_status_t status = tp_wait_set(handle_of(&members[i]->life), &spec, NULL);
        must(status == TP_ERR_CLOSED || status == TP_ERR_HANDLE);
        close_after_shutdown(&members[i]->life);
        close_own(members[i], &actor->dice);
    }
    tpp_add_relaxed(&seen.shutdowns, 1);
}

/* What it is armed on is closed first: only its owner ends the arming. */
static void source_life(struct actor *actor)
{
    tp_wait_spec_t spec = TP_WAIT_SPEC_INIT;
    tp_semaphore_t *semaphore = NULL;
    bool was_armed = false;
    if (!has_room(false))
        return;
    must(tp_semaphore_create(0, 1, &semaphore) == TP_OK);
    struct record *record = make(actor, NULL, NULL, false);
    spec.source = tp_waitable_semaphore(semaphore);
    must(tp_wait_set(handle_of(&record->life), &spec, NULL) == TP_OK);
    must(tp_semaphore_close(semaphore) == TP_OK);
    must(tp_wait_set(handle_of(&record->life), &spec, &was_armed) == TP_ERR_HANDLE);
    must(!was_armed);
    must(tp_wait_set(handle_of(&record->life), NULL, &was_armed) == TP_OK);
    must(was_armed && tpp_load_acquire(&record->life.ran) == 0);
    end(record, &actor->dice);
}

static void act(struct actor *actor)
{
    tpp_u32 *place = &table[roll(&actor->dice, TABLE)];
    uint32_t number = tpp_load_acquire(place), choice = roll(&actor->dice, 1000);
    struct record *record = number ? &records[number - 1] : NULL;
    if (!record || tpp_load_acquire(&record->life.released))
        replace(actor, place);
    else if (choice < 720)
        poke(record, &actor->dice);
    else if (choice < 800)
        light(&places[roll(&actor->dice, PLACES)]);
    else if (choice < 880)
        change_some_file(&actor->dice);
    else if (choice < 920)
        give(&sources[roll(&actor->dice, SOURCES)], &actor->dice);
    else if (choice < 940)
        (void)take(&sources[roll(&actor->dice, SOURCES)], roll(&actor->dice, 100000));
    else if (choice < 965)
        wait_for(actor, &record->life);
    else if (choice < 988)
        replace(actor, place);
    else if (choice < 993)
        group_life(actor);
    else if (choice < 997)
        source_life(actor);
    else
        pool_life(actor);
}

/* ---- in the end ------------------------------------------------------------------------------ */

static void come_to_rest(struct record *record)
{
    tp_status_t status = halt_now(&record->life);
    status |= tp_wait_wait(handle_of(&record->life), false, TP_INFINITE);
    must(status == TP_OK || tpp_load_acquire(&record->life.closed) || record->life.shared_fate);
}

static bool empties(struct record *record)
{
    for (int i = 0; i < 20000; i++) {
        pthread_mutex_lock(&record->lock);
        bool empty = record->outstanding == 0;
        pthread_mutex_unlock(&record->lock);
        if (empty)
            return true;
        usleep(i < 100 ? 50 : 1000);
    }
    return false;
}

/* Nothing else is armed, so who is armed once more and signaled fires. */
static void expect_alive(struct record *record)
{
    struct place *place = &places[0];
    uint64_t dice = seed;
    if (record->life.lossy || record->life.shared_fate || halt_now(&record->life) != TP_OK)
        return;
    must(tpp_load_acquire(&record->life.references) == 0);
    must(empties(record));
    if (record->diet == SHARED)
        change_file(place, false, &dice);
    pthread_mutex_lock(&record->lock);
    if (record->diet == SHARED)
        set_shared(record, place, NULL);
    else if (record->diet == OWN)
        set_own(record, NULL);
    else if (record->source)
        set_pinned(record, NULL);
    pthread_mutex_unlock(&record->lock);
    light(place);
    if (record->diet == OWN) {
        pthread_mutex_lock(&record->lock);
        write_own(record);
        pthread_mutex_unlock(&record->lock);
    } else if (record->source && record->source->kind == SEMAPHORE) {
        give_units(record->source, 1);
    } else if (record->source && record->source->kind != MUTEX) {
        give_signal(record->source);
    }
    must(empties(record));
    for (int i = 0; i < 20000 && tpp_load_acquire(&record->life.references) > 0; i++)
        usleep(i < 100 ? 50 : 1000);
    must(tpp_load_acquire(&record->life.references) == 0);
}

static void *drive(void *argument)
{
    while (!tpp_load_acquire(&driver_end)) {
        tp_status_t status = tp_pool_run(argument, 0, MS, NULL);
        must(status == TP_OK || status == TP_ERR_TIMEOUT);
    }
    return NULL;
}

/* With one more pool, which a thread of this test drives. */
static void build(void)
{
    tp_pool_config_t config = TP_POOL_CONFIG_INIT;
    records = calloc(RECORDS, sizeof *records);
    must(records != NULL);
    make_pools(pools);
    config.flags = TP_POOL_CALLER_DRIVEN;
    must(tp_pool_create(&config, &pools[DRIVEN]) == TP_OK);
    must(pthread_create(&driver, NULL, drive, pools[DRIVEN]) == 0);
    make_places();
    make_sources();
}

static void end_all(void)
{
    struct actor actor = {.dice = seed * 2 + 1};
    tpp_store_release(&files_allowed, FILES_MAX);
    for (uint32_t i = 0; i < TABLE; i++)
        if (tpp_load_acquire(&table[i]))
            come_to_rest(&records[tpp_load_acquire(&table[i]) - 1]);
    for (uint32_t i = 0; i < TABLE; i++)
        if (tpp_load_acquire(&table[i]))
            expect_alive(&records[tpp_load_acquire(&table[i]) - 1]);
    for (uint32_t i = 0; i < TABLE; i++)
        if (tpp_load_acquire(&table[i]))
            end(&records[tpp_load_acquire(&table[i]) - 1], &actor.dice);
    expect_none_left(TPI_KIND_WAIT);
    end_places();
    end_sources();
    tpp_store_release(&driver_end, 1);
    must(pthread_join(driver, NULL) == 0);
    check_eq(tpi_slab_in_use(TPI_KIND_EVENT) + tpi_slab_in_use(TPI_KIND_SEMAPHORE) +
                 tpi_slab_in_use(TPI_KIND_MUTEX),
             0);
}

static void check_pool(uint32_t pool)
{
    uint64_t ran = 0;
    for (uint32_t i = 0; i < tpp_peek(&record_count); i++)
        if (records[i].life.pool == pool)
            ran += tpp_peek(&records[i].life.ran);
    tp_pool_stats_t stats = expect_used(pools[pool], pool, ran, 20);
    check_eq(stats.waits_armed, 0);
}

static void check_records(void)
{
    static const char *const names[] = {"native", "shared", "own"};
    for (uint32_t i = 0; i < tpp_peek(&record_count); i++)
        expect_ended(&records[i].life);
    for (int i = 0; i < 3; i++) {
        printf("# %s: %u signaled, %u timed out\n", names[i], tpp_peek(&seen.signaled[i]),
               tpp_peek(&seen.timeouts[i]));
        check(tpp_peek(&seen.signaled[i]) > 20 && tpp_peek(&seen.timeouts[i]) > 10);
    }
    printf("# %u waits, %u sets of which %u were refused and %u busy, %u armings taken away,\n"
           "# %u waits ended in order, %u groups, %u shutdowns, %u deadlocks; %u hung up,\n"
           "# %u replaced for certain, %u times a stranger was ready at the number armed on,\n"
           "# %u timeouts of one of two that could not be told\n",
           tpp_peek(&record_count), tpp_peek(&seen.sets), tpp_peek(&seen.refused),
           tpp_peek(&seen.busy), tpp_peek(&seen.taken), tpp_peek(&seen.exact),
           tpp_peek(&seen.groups), tpp_peek(&seen.shutdowns), tpp_peek(&seen.deadlocks),
           tpp_peek(&seen.hung), tpp_peek(&seen.replaced), tpp_peek(&seen.strangers_near),
           tpp_peek(&seen.untold));
    check(tpp_peek(&seen.sets) > 1000 && tpp_peek(&seen.taken) > 50);
    check(tpp_peek(&seen.exact) > 20 && tpp_peek(&seen.refused) > 0);
    check(tpp_peek(&seen.groups) > 0 && tpp_peek(&seen.shutdowns) > 0);
    check(tpp_peek(&seen.hung) > 0 && tpp_peek(&seen.strangers_near) > 0);
}

static uint32_t descriptors(void)
{
    return entries("/proc/self/fd");
}

static void allow_more(uint32_t tenth)
{
    uint64_t tenths = 10 * seconds;
    tpp_store_relaxed(&allowed, (uint32_t)((RECORDS - 1000) * (uint64_t)tenth / tenths));
    tpp_store_relaxed(&files_allowed, (uint32_t)((FILES_MAX - 2000) * (uint64_t)tenth / tenths));
}

TAP_TEST(wait_stress__c142_c143_r01_r34_no_strangers_event_and_every_unit_taken_once)
{
    pthread_t threads[THREADS];
    uint32_t open_before = descriptors();
    tap_timeout(60 + 3 * seconds);
    build();
    require(let_act(threads, THREADS, allow_more));
    end_all();
    check_records();
    for (uint32_t pool = 0; pool < POOLS; pool++)
        check_pool(pool);
    for (uint32_t pool = 0; pool < POOLS; pool++)
        if (pool != 2)
            check_eq(tp_pool_shutdown(pools[pool], false, TP_INFINITE), TP_OK);
    check(falls_to(TPI_KIND_POOL, 1)); /* the default pool stays */
    printf("# %u descriptors before, %u after\n", open_before, descriptors());
    check(descriptors() <= open_before + 12); /* of the default pool, and of the gate */
    check_eq(tpp_peek(&wrong), 0);
    free(records);
    free(files);
}

int main(int argc, char **argv)
{
    read_arguments(argc, argv);
    tap_run(wait_stress__c142_c143_r01_r34_no_strangers_event_and_every_unit_taken_once);
    return tap_done();
}
