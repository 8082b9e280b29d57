/* idle_test.c - the map of sleepers against a plain array, and among threads. */
#include "core/sched/idle.h"

#include <pthread.h>
#include <sched.h>

#include "tests/support/tap.h"

static uint32_t dice = 4711;

static uint32_t roll(uint32_t sides)
{
    dice = dice * 1664525u + 1013904223u;
    return (dice >> 8) % sides;
}

TAP_TEST(idle__nobody_sleeps_at_first)
{
    static struct tpi_idle idle;
    check(!tpi_idle_any(&idle));
    check_eq(tpi_idle_count(&idle), 0);
    check(!tpi_idle_take(&idle, 0));
    check(!tpi_idle_take(&idle, TPI_IDLE_CAPACITY - 1));
    check_eq(tpi_idle_take_lowest(&idle, TPI_IDLE_NONE), TPI_IDLE_NONE);
}

TAP_TEST(idle__every_number_has_a_bit_of_its_own)
{
    static struct tpi_idle idle;
    for (uint32_t id = 0; id < TPI_IDLE_CAPACITY; id++) {
        tpi_idle_set(&idle, id);
        check(tpi_idle_any(&idle));
        check_eq(tpi_idle_count(&idle), 1);
        check_eq(tpi_idle_take_lowest(&idle, TPI_IDLE_NONE), id);
        check(!tpi_idle_take(&idle, id));
        check_eq(tpi_idle_count(&idle), 0);
    }
    /* That tidies the summary away. */
    check_eq(tpi_idle_take_lowest(&idle, TPI_IDLE_NONE), TPI_IDLE_NONE);
    check(!tpi_idle_any(&idle));
}

TAP_TEST(idle__the_lowest_is_taken_first)
{
    static struct tpi_idle idle;
    for (uint32_t id = TPI_IDLE_CAPACITY; id-- > 0;)
        tpi_idle_set(&idle, id);
    check_eq(tpi_idle_count(&idle), TPI_IDLE_CAPACITY);
    for (uint32_t id = 0; id < TPI_IDLE_CAPACITY; id++)
        check_eq(tpi_idle_take_lowest(&idle, TPI_IDLE_NONE), id);
}

TAP_TEST(idle__one_is_spared_until_it_is_the_last)
{
    static struct tpi_idle idle;
    static const uint32_t spared[] = {0, 5, TPP_IDLE_BITS, TPI_IDLE_CAPACITY - 1};
    for (uint32_t i = 0; i < sizeof spared / sizeof *spared; i++) {
        tpi_idle_set(&idle, 5);
        tpi_idle_set(&idle, TPP_IDLE_BITS);
        tpi_idle_set(&idle, spared[i]);
        if (spared[i] != 5)
            check_eq(tpi_idle_take_lowest(&idle, spared[i]), 5);
        if (spared[i] != TPP_IDLE_BITS)
            check_eq(tpi_idle_take_lowest(&idle, spared[i]), TPP_IDLE_BITS);
        check_eq(tpi_idle_take_lowest(&idle, spared[i]), spared[i]);
        check_eq(tpi_idle_take_lowest(&idle, spared[i]), TPI_IDLE_NONE);
    }
}

static uint32_t lowest(const bool *asleep)
{
    for (uint32_t id = 0; id < TPI_IDLE_CAPACITY; id++)
        if (asleep[id])
            return id;
    return TPI_IDLE_NONE;
}

TAP_TEST(idle__behaves_as_an_array_of_flags)
{
    static struct tpi_idle idle;
    static bool asleep[TPI_IDLE_CAPACITY];
    uint32_t count = 0;
    for (uint32_t i = 0; i < 100000; i++) {
        uint32_t id = roll(4) ? roll(130) : roll(TPI_IDLE_CAPACITY);
        uint32_t choice = roll(100);
        if (choice < 45 && !asleep[id]) {
            tpi_idle_set(&idle, id);
            asleep[id] = true;
            count++;
        } else if (choice < 70) {
            check_eq(tpi_idle_take(&idle, id), asleep[id]);
            count -= asleep[id];
            asleep[id] = false;
        } else {
            uint32_t expected = lowest(asleep);
            check_eq(tpi_idle_take_lowest(&idle, TPI_IDLE_NONE), expected);
            count -= expected != TPI_IDLE_NONE;
            if (expected != TPI_IDLE_NONE)
                asleep[expected] = false;
        }
        check_eq(tpi_idle_count(&idle), count);
        check(tpi_idle_any(&idle) || count == 0);
    }
}

/* ---- among threads: whoever takes a bit is the only one, and none gets lost ------------------ */

#define SLEEPERS 4
#define ROUNDS 20000u
static struct tpi_idle shared;
static tpp_u32 woken[SLEEPERS], twice, finished;

/* A sleeper sets its bit and waits until a waker has it, or takes it back itself. */
static void *sleeper_main(void *memory)
{
    uint32_t self = (uint32_t)(uintptr_t)memory;
    uint32_t id = self * 67 % TPI_IDLE_CAPACITY; /* they lie in different words */
    for (uint32_t i = 0; i < ROUNDS; i++) {
        tpp_store_relaxed(&woken[self], 0);
        tpi_idle_set(&shared, id);
        if (i % 3 == 0 && tpi_idle_take(&shared, id))
            continue;
        while (!tpp_load_acquire(&woken[self]))
            sched_yield();
    }
    tpp_add_acq_rel(&finished, 1);
    return NULL;
}

static void *waker_main(void *memory)
{
    (void)memory;
    while (tpp_load_acquire(&finished) < SLEEPERS) {
        uint32_t id = tpi_idle_take_lowest(&shared, TPI_IDLE_NONE);
        if (id == TPI_IDLE_NONE)
            sched_yield();
        else if (tpp_exchange_acq_rel(&woken[id / 67], 1) != 0)
            tpp_add_relaxed(&twice, 1);
    }
    return NULL;
}

TAP_TEST(idle__a_bit_has_one_taker_and_none_is_lost)
{
    pthread_t sleepers[SLEEPERS], wakers[2];
    for (uintptr_t i = 0; i < SLEEPERS; i++)
        check_eq(pthread_create(&sleepers[i], NULL, sleeper_main, (void *)i), 0);
    for (uint32_t i = 0; i < 2; i++)
        check_eq(pthread_create(&wakers[i], NULL, waker_main, NULL), 0);
    for (uint32_t i = 0; i < SLEEPERS; i++)
        pthread_join(sleepers[i], NULL);
    for (uint32_t i = 0; i < 2; i++)
        pthread_join(wakers[i], NULL);
    check_eq(tpp_load_acquire(&twice), 0);
    check_eq(tpi_idle_count(&shared), 0);
}

int main(void)
{
    tap_run(idle__nobody_sleeps_at_first);
    tap_run(idle__every_number_has_a_bit_of_its_own);
    tap_run(idle__the_lowest_is_taken_first);
    tap_run(idle__one_is_spared_until_it_is_the_last);
    tap_run(idle__behaves_as_an_array_of_flags);
    tap_run(idle__a_bit_has_one_taker_and_none_is_lost);
    return tap_done();
}
