/* policy_test.c - the pure decisions about threads, against the rules in words, cell by cell. */
#include "core/sched/policy.h"

#include "tests/support/tap.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const uint32_t numbers[] = {0, 1, 2, 3, 4, 500, 4000, UINT32_MAX};

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

TAP_TEST(policy__grow_up_to_the_target_and_those_that_block)
{
    for (size_t t = 0; t < COUNT(numbers); t++)
        for (size_t m = 0; m < COUNT(numbers); m++)
            for (size_t p = 0; p < COUNT(numbers); p++)
                for (size_t b = 0; b < COUNT(numbers); b++) {
                    struct tpi_demand demand = {.threads = numbers[t],
                                                .maximum = numbers[m],
                                                .target = numbers[p],
                                                .blocked = numbers[b]};
                    uint64_t wanted = larger(numbers[p], 1) + numbers[b];
                    check_eq(tpi_policy_grow(&demand), numbers[t] < smaller(numbers[m], wanted));
                }
}

TAP_TEST(policy__surplus_is_what_exceeds_the_maximum)
{
    for (size_t t = 0; t < COUNT(numbers); t++)
        for (size_t m = 0; m < COUNT(numbers); m++) {
            struct tpi_demand demand = {.threads = numbers[t], .maximum = numbers[m]};
            check_eq(tpi_policy_surplus(&demand), numbers[t] > numbers[m]);
        }
}

/* Who stays: the minimum; one thread as long as there is an object; nobody once closed and empty,
 * and then not even the minimum. */
static uint64_t stays(const struct tpi_demand *demand)
{
    if (demand->objects > 0)
        return larger(demand->minimum, 1);
    if (demand->closed)
        return 0;
    return demand->minimum;
}

TAP_TEST(policy__an_idle_thread_leaves_down_to_the_floor)
{
    for (size_t t = 0; t < COUNT(numbers); t++)
        for (size_t m = 0; m < COUNT(numbers); m++)
            for (size_t o = 0; o < COUNT(numbers); o++)
                for (int closed = 0; closed < 2; closed++) {
                    struct tpi_demand demand = {.threads = numbers[t],
                                                .minimum = numbers[m],
                                                .objects = numbers[o],
                                                .closed = closed};
                    check_eq(tpi_policy_floor(&demand), stays(&demand));
                    check_eq(tpi_policy_retire(&demand), numbers[t] > stays(&demand));
                }
}

/* Whatever the numbers: a thread just added need not leave at once, and the other way round. */
TAP_TEST(policy__growing_and_leaving_do_not_chase_each_other)
{
    for (uint32_t threads = 0; threads < 8; threads++)
        for (uint32_t maximum = 1; maximum < 8; maximum++)
            for (uint32_t target = 1; target < 4; target++) {
                struct tpi_demand demand = {
                    .threads = threads, .maximum = maximum, .target = target, .objects = 1};
                if (!tpi_policy_grow(&demand))
                    continue;
                demand.threads++;
                check(!tpi_policy_surplus(&demand));
            }
    struct tpi_demand last = {.threads = 1, .maximum = 1, .target = 1, .objects = 1};
    check(!tpi_policy_retire(&last));
    check(!tpi_policy_surplus(&last));
}

TAP_TEST(policy__the_default_maximum_is_500)
{
    check_eq(TPI_THREADS_DEFAULT_MAXIMUM, 500);
    check_eq(TPI_THREADS_MAXIMUM, 4000);
}

int main(void)
{
    tap_run(policy__grow_up_to_the_target_and_those_that_block);
    tap_run(policy__surplus_is_what_exceeds_the_maximum);
    tap_run(policy__an_idle_thread_leaves_down_to_the_floor);
    tap_run(policy__growing_and_leaving_do_not_chase_each_other);
    tap_run(policy__the_default_maximum_is_500);
    return tap_done();
}
