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

/* No thread at all: where callers drive the pool, where it is over, at the maximum. */
TAP_TEST(policy__room_for_another_thread)
{
    for (size_t t = 0; t < COUNT(numbers); t++)
        for (size_t m = 0; m < COUNT(numbers); m++)
            for (uint32_t bits = 0; bits < 16; bits++) {
                bool driven = bits & 1, ending = bits & 2, closed = bits & 4, empty = bits & 8;
                struct tpi_demand demand = {.threads = numbers[t],
                                            .maximum = numbers[m],
                                            .target = UINT32_MAX,
                                            .objects = empty ? 0 : 2,
                                            .closed = closed,
                                            .driven = driven,
                                            .ending = ending};
                bool over = ending || (closed && empty);
                bool room = !driven && !over && numbers[t] < numbers[m];
                check_eq(tpi_policy_over(&demand), over);
                check_eq(tpi_policy_room(&demand), room);
                check_eq(tpi_policy_grow(&demand), room); /* the target allows any number */
                check_eq(tpi_policy_surplus(&demand), numbers[t] > numbers[m] || ending);
                if (driven)
                    check_eq(tpi_policy_floor(&demand), 0);
            }
}

/* One processor more would make a thread, and one less would not. */
TAP_TEST(policy__full_is_one_processor_short_of_a_thread)
{
    for (uint32_t threads = 0; threads < 8; threads++)
        for (uint32_t target = 0; target < 6; target++)
            for (uint32_t blocked = 0; blocked < 3; blocked++) {
                struct tpi_demand demand = {
                    .threads = threads, .maximum = 7, .target = target, .blocked = blocked};
                uint64_t share = larger(target, 1);
                bool full = threads < 7 && threads == share + blocked;
                check_eq(tpi_policy_full(&demand), full);
                demand.target = (uint32_t)share + 1;
                check(!full || tpi_policy_grow(&demand));
            }
}

/* ---- what the gate adds ---------------------------------------------------------------------- */

#define PLENTY 4000u
#define START (1000 * TPI_MS)

/* One look at a pool with room and posts enough. */
static uint32_t inject(struct tpi_pace *pace, uint32_t target, uint32_t threads, uint32_t runnable,
                       int64_t now)
{
    struct tpi_demand demand = {.threads = threads, .maximum = PLENTY, .target = target};
    struct tpi_census census = {.queued = PLENTY, .runnable = runnable};
    return tpi_policy_inject(&demand, &census, pace, now);
}

TAP_TEST(policy__inject_doubles_while_all_are_blocked)
{
    for (uint32_t target = 0; target < 70; target++) {
        struct tpi_pace pace = {0};
        uint64_t expected = larger(target, 1);
        for (int64_t look = 0; look < 10; look++) {
            expected = smaller(expected, TPI_INJECT_BATCH);
            check_eq(inject(&pace, target, 100, 0, START + look * 4 * TPI_MS), expected);
            expected *= 2;
        }
    }
    struct tpi_pace pace = {0}; /* never fewer than a share that has become larger */
    check_eq(inject(&pace, 1, 100, 0, START), 1);
    check_eq(inject(&pace, 7, 100, 0, START + 4 * TPI_MS), 7);
}

/* Whatever the policy wants: no more than posts wait, no more than the maximum leaves. */
TAP_TEST(policy__inject_keeps_to_posts_and_maximum)
{
    static const uint32_t queued[] = {1, 2, 3, 63, 64, 65, 4000};
    for (size_t q = 0; q < COUNT(queued); q++)
        for (size_t t = 0; t < COUNT(numbers); t++)
            for (size_t m = 0; m < COUNT(numbers); m++)
                for (size_t p = 0; p < COUNT(numbers); p++) {
                    struct tpi_demand demand = {
                        .threads = numbers[t], .maximum = numbers[m], .target = numbers[p]};
                    struct tpi_census census = {.queued = queued[q]};
                    struct tpi_pace pace = {0};
                    uint64_t room = numbers[m] > numbers[t] ? numbers[m] - numbers[t] : 0;
                    uint64_t batch = smaller(larger(numbers[p], 1), TPI_INJECT_BATCH);
                    check_eq(tpi_policy_inject(&demand, &census, &pace, START),
                             smaller(smaller(batch, queued[q]), room));
                }
}

/* In doubt is who may turn out blocked at the next look: the steps go on from where they were. As
 * soon as as many as the share run beyond doubt, they begin anew. */
TAP_TEST(policy__inject_begins_anew_once_enough_run)
{
    for (uint32_t share = 1; share < 6; share++)
        for (uint32_t doubtful = 0; doubtful < 6; doubtful++)
            for (uint32_t sure = 0; sure < 8; sure++) {
                struct tpi_pace pace = {0};
                struct tpi_demand demand = {.threads = 20, .maximum = PLENTY, .target = share};
                struct tpi_census census = {
                    .queued = PLENTY, .runnable = sure + doubtful, .doubtful = doubtful};
                if (sure + doubtful == 0)
                    continue;
                check_eq(inject(&pace, share, 20, 0, START), share);
                tpi_policy_inject(&demand, &census, &pace, START + 4 * TPI_MS);
                check_eq(inject(&pace, share, 20, 0, START + 8 * TPI_MS),
                         sure >= share ? share : 2 * share);
            }
}

/* Fewer than the share run: one, and the next not before its time. */
TAP_TEST(policy__inject_adds_one_by_one_where_some_run)
{
    for (uint32_t share = 2; share < 10; share++)
        for (uint32_t runnable = 1; runnable < share; runnable++) {
            struct tpi_pace pace = {0};
            int64_t now = START;
            for (int turn = 0; turn < 5; turn++) {
                check_eq(inject(&pace, share, 8 * share - 1, runnable, now), 1);
                check_eq(inject(&pace, share, 8 * share - 1, runnable, now), 0);
                check_eq(inject(&pace, share, 8 * share - 1, runnable, now + 4 * TPI_MS - 1), 0);
                now += 4 * TPI_MS;
            }
        }
}

/* The same in a crowd: more and more slowly, and again fast when the crowd has gone. */
TAP_TEST(policy__inject_is_slow_in_a_crowd)
{
    static const int64_t steps[] = {16 * TPI_MS, 64 * TPI_MS, 64 * TPI_MS, 64 * TPI_MS};
    for (uint32_t share = 2; share < 10; share++) {
        struct tpi_pace pace = {0};
        int64_t now = START;
        check_eq(inject(&pace, share, 8 * share - 1, 1, now), 1);
        now += 4 * TPI_MS;
        for (size_t i = 0; i < COUNT(steps); i++) {
            check_eq(inject(&pace, share, 8 * share + (uint32_t)i, 1, now), 1);
            check_eq(inject(&pace, share, 8 * share, 1, now + steps[i] - 1), 0);
            now += steps[i];
        }
        check_eq(inject(&pace, share, 8 * share - 1, 1, now), 1);
        check_eq(inject(&pace, share, 8 * share - 1, 1, now + 4 * TPI_MS - 1), 0);
        check_eq(inject(&pace, share, 8 * share - 1, 1, now + 4 * TPI_MS), 1);
    }
}

/* Enough run, and nothing is taken: one after 500 ms, then after twice as long, up to 8 s. */
TAP_TEST(policy__inject_waits_for_hogs)
{
    static const int64_t patience[] = {500, 1000, 2000, 4000, 8000, 8000, 8000};
    for (uint32_t share = 1; share < 5; share++)
        for (uint32_t runnable = share; runnable < share + 3; runnable++) {
            struct tpi_pace pace = {0};
            int64_t now = START;
            check_eq(inject(&pace, share, runnable, runnable, now), 0);
            for (size_t i = 0; i < COUNT(patience); i++) {
                int64_t due = now + patience[i] * TPI_MS;
                check_eq(inject(&pace, share, runnable, runnable, due - 1), 0);
                check_eq(inject(&pace, share, runnable, runnable, due), 1);
                check_eq(inject(&pace, share, runnable, runnable, due), 0);
                now = due;
            }
        }
}

/* Whenever something was taken, the 500 ms begin again, however long it had become. */
TAP_TEST(policy__inject_is_patient_while_work_moves)
{
    struct tpi_demand demand = {.threads = 2, .maximum = PLENTY, .target = 2};
    struct tpi_census moving = {.queued = 9, .runnable = 2, .claimed = true};
    struct tpi_pace pace = {0};
    int64_t now = START;
    check_eq(inject(&pace, 2, 2, 2, now), 0);
    for (int turn = 0; turn < 3; turn++) {
        check_eq(inject(&pace, 2, 2, 2, now + 500 * TPI_MS), 1);
        check_eq(inject(&pace, 2, 2, 2, now + 1500 * TPI_MS), 1);
        for (int look = 0; look < 500; look++) {
            now += 400 * TPI_MS;
            check_eq(tpi_policy_inject(&demand, &moving, &pace, now), 0);
        }
        check_eq(inject(&pace, 2, 2, 2, now + 500 * TPI_MS - 1), 0);
    }
    /* A thread that was added for another reason counts as if something had been taken. */
    check_eq(inject(&pace, 2, 2, 1, now + 500 * TPI_MS - 1), 1);
    check_eq(inject(&pace, 2, 2, 2, now + 500 * TPI_MS), 0);
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
    tap_run(policy__room_for_another_thread);
    tap_run(policy__full_is_one_processor_short_of_a_thread);
    tap_run(policy__inject_doubles_while_all_are_blocked);
    tap_run(policy__inject_keeps_to_posts_and_maximum);
    tap_run(policy__inject_begins_anew_once_enough_run);
    tap_run(policy__inject_adds_one_by_one_where_some_run);
    tap_run(policy__inject_is_slow_in_a_crowd);
    tap_run(policy__inject_waits_for_hogs);
    tap_run(policy__inject_is_patient_while_work_moves);
    tap_run(policy__the_default_maximum_is_500);
    return tap_done();
}
