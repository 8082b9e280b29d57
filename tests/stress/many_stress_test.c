/* many_stress_test.c - many threads make random calls about objects of all kinds at once.
 *
 * usage: many_stress_test [CALLS [SEED]]
 *
 * See many.h for what is counted. A call is one turn of a thread, which makes one call of the
 * library at least; callbacks make more. */
#define _GNU_SOURCE
#include "tests/stress/frame.h"
#include "tests/support/entries.h"

enum { THREADS = 16, MANY_TABLE = 64, MANY_MEMBERS = 4, MANY_PASSING = 8, MANY_PERIOD_US = 50 };

#include "tests/stress/many_files.h"
#include "tests/stress/many_whole.h"

static uint64_t calls = 100000;
static tpp_u32 driver_end;

/* ---- this world ------------------------------------------------------------------------------ */

static uint32_t many_roll(uint64_t *dice, uint32_t sides)
{
    return roll(dice, sides);
}

static uint64_t many_dice(const void *callback, uint32_t nth)
{
    return (((uintptr_t)callback + nth) ^ seed << 32) * 0x9e3779b97f4a7c15u | 1;
}

static bool many_lacks(tp_status_t status)
{
    must(status != TP_ERR_NO_MEMORY && status != TP_ERR_NO_THREAD);
    return false;
}

static void many_give_up(void)
{
    must(false);
}

static void many_pause(uint64_t *dice)
{
    if (roll(dice, 4))
        sched_yield();
    else
        usleep(1 + roll(dice, 100));
}

/* ---- the whole ------------------------------------------------------------------------------- */

static void act(struct actor *actor)
{
    struct many_hand hand = {.dice = &actor->dice, .env = actor->env};
    many_act(&hand);
}

static void *drive(void *argument)
{
    while (!tpp_load_acquire(&driver_end)) {
        tp_status_t status = tp_pool_run(argument, 0, 1000000, NULL);
        must(status == TP_OK || status == TP_ERR_TIMEOUT || status == TP_ERR_TOO_MANY_THREADS);
    }
    return NULL;
}

static void expect_all_gone(void)
{
    for (int kind = TPI_KIND_ENV; kind < TPI_KIND_COUNT; kind++)
        if (kind == TPI_KIND_WORK || kind == TPI_KIND_TIMER || kind == TPI_KIND_WAIT ||
            kind == TPI_KIND_IO || kind == TPI_KIND_OPERATION || kind == TPI_KIND_SIMPLE ||
            kind == TPI_KIND_BRIEF || kind == TPI_KIND_EXTRA || kind == TPI_KIND_SOURCE)
            check(falls_to((enum tpi_kind)kind, 0));
}

static void tell(void)
{
    printf("# %u calls, %u callbacks that called, %u objects, %u refused, %u deadlocks told,\n"
           "# %u groups, %u shutdowns, %u operations told, %u dropped\n",
           tpp_peek(&many.calls), tpp_peek(&many.meddled), tpp_peek(&many.thing_count),
           tpp_peek(&many.refused), tpp_peek(&many.deadlocks), tpp_peek(&many.groups),
           tpp_peek(&many.shutdowns), tpp_peek(&many.told), tpp_peek(&many.lost));
    for (int kind = 0; kind < MANY_KINDS; kind++) {
        printf("# %llu callbacks of kind %d\n", (unsigned long long)many.ran[kind], kind);
        check(many.ran[kind] > 100);
    }
    check(tpp_peek(&many.calls) >= calls && tpp_peek(&many.meddled) > 0);
    check(tpp_peek(&many.groups) > 0 && tpp_peek(&many.shutdowns) > 0);
    check(tpp_peek(&many.told) > 0 && tpp_peek(&many.deadlocks) > 0 && many.guarded > 0);
}

TAP_TEST(many_stress__c209_calls_about_all_kinds_of_objects_by_sixteen_threads)
{
    uint32_t capacity = (uint32_t)(calls / 2 + 10000), open_before = entries("/proc/self/fd");
    struct many_thing *things = calloc(capacity, sizeof *things);
    struct many_hand hand = {.dice = &seed};
    pthread_t threads[THREADS], driver;
    tap_timeout((uint32_t)(60 + calls / 10000));
    require(things);
    many_open_files();
    require(many_build(things, capacity, (uint32_t)(calls / 2)));
    require(pthread_create(&driver, NULL, drive, many.pools[MANY_DRIVEN]) == 0);
    require(let_act_so_often(threads, THREADS, calls / THREADS));
    many_end(&hand);
    expect_all_gone();
    tpp_store_release(&driver_end, 1);
    pthread_join(driver, NULL);
    many_close_sync();
    many_check();
    tell();
    many_close_pools();
    many_close_files();
    check(falls_to(TPI_KIND_POOL, 1)); /* the default pool stays */
    check(entries("/proc/self/fd") <= open_before + 12);
    check_eq(tpp_peek(&wrong), 0);
    free(things);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        calls = strtoull(argv[1], NULL, 10);
    if (argc > 2)
        seed = strtoull(argv[2], NULL, 10);
    tap_run(many_stress__c209_calls_about_all_kinds_of_objects_by_sixteen_threads);
    return tap_done();
}
