/* many_real.h - one round of calls about objects of all kinds, by real threads. */
#ifndef TESTS_STRESS_MANY_REAL_H
#define TESTS_STRESS_MANY_REAL_H

#include "tests/stress/frame.h"
#include "tests/support/entries.h"

enum { MANY_TABLE = 64, MANY_MEMBERS = 4, MANY_PASSING = 8, MANY_PERIOD_US = 50 };
enum { MANY_THREADS_MOST = 256 };

static bool poor;                          /* the system may refuse threads, memory, descriptors */
static void (*many_thread_starts)(void *); /* first on each thread of pools that stay; NULL: none */

#include "tests/stress/many_files.h"
#include "tests/stress/many_whole.h"

static tpp_u32 round_over;
static uint32_t round_threads;

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
    return poor &&
           (status == TP_ERR_NO_MEMORY || status == TP_ERR_NO_THREAD || status == TP_ERR_SYSTEM);
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

static void act(struct actor *actor)
{
    struct many_hand hand = {.dice = &actor->dice, .env = actor->env};
    many_act(&hand);
}

/* ThreadSanitizer does not see a ring being closed, and takes whoever gets its number next for a
 * thread that meddles with the ring. First in main. */
static inline void leave_rings_out(void)
{
    if (UNDER_TSAN)
        setenv("TP_IO_BACKEND", "epoll", 1);
}

/* ---- one round ------------------------------------------------------------------------------- */

static void *drive(void *argument)
{
    while (!tpp_load_acquire(&round_over)) {
        tp_status_t status = tp_pool_run(argument, 0, 1000000, NULL);
        must(status == TP_OK || status == TP_ERR_TIMEOUT || status == TP_ERR_TOO_MANY_THREADS ||
             many_lacks(status));
    }
    return NULL;
}

static inline void expect_all_gone(void)
{
    static const enum tpi_kind kinds[] = {TPI_KIND_WORK,      TPI_KIND_TIMER,  TPI_KIND_WAIT,
                                          TPI_KIND_IO,        TPI_KIND_SIMPLE, TPI_KIND_BRIEF,
                                          TPI_KIND_OPERATION, TPI_KIND_EXTRA,  TPI_KIND_SOURCE};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        check(falls_to(kinds[i], 0));
}

static inline void tell(void)
{
    printf("# %u calls, %u callbacks that called, %u objects, %u refused, %u deadlocks told,\n"
           "# %u groups, %u shutdowns, %u operations told, %u dropped; callbacks:",
           tpp_peek(&many.calls), tpp_peek(&many.meddled), tpp_peek(&many.thing_count),
           tpp_peek(&many.refused), tpp_peek(&many.deadlocks), tpp_peek(&many.groups),
           tpp_peek(&many.shutdowns), tpp_peek(&many.told), tpp_peek(&many.lost));
    for (int kind = 0; kind < MANY_KINDS; kind++)
        printf(" %llu", (unsigned long long)many.ran[kind]);
    printf("\n");
}

/* So many threads, so many calls in all, beside `trouble`, which goes on until round_over. */
static inline void let_many_act(uint32_t threads, uint64_t calls, void *(*trouble)(void *))
{
    static pthread_t all[MANY_THREADS_MOST];
    uint32_t capacity = (uint32_t)(calls / 2 + 10000);
    struct many_thing *things = calloc(capacity, sizeof *things);
    uint64_t dice = seed | 1;
    struct many_hand hand = {.dice = &dice};
    pthread_t driver, troubler;
    require(things);
    tpp_store_release(&stop, 0);
    tpp_store_release(&round_over, 0);
    tpp_store_release(&acting, 0);
    round_threads = threads;
    many_open_files();
    require(many_build(things, capacity, (uint32_t)(calls / 2)));
    require(pthread_create(&driver, NULL, drive, many.pools[MANY_DRIVEN]) == 0);
    if (trouble)
        require(pthread_create(&troubler, NULL, trouble, NULL) == 0);
    require(let_act_so_often(all, threads, calls / threads));
    many_end(&hand);
    expect_all_gone();
    tpp_store_release(&round_over, 1);
    pthread_join(driver, NULL);
    if (trouble)
        pthread_join(troubler, NULL);
    many_close_sync();
    many_check();
    tell();
    many_close_pools();
    many_close_files();
    check(falls_to(TPI_KIND_POOL, 1)); /* the default pool stays */
    check_eq(tpp_peek(&wrong), 0);
    free(things);
}

#endif
