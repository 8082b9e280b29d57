/* wheel_test.c - each promise of the timer wheel, at the sizes it has in the library. */
#include "core/time/wheel.h"

#include <stdlib.h>

#include "tests/support/tap.h"

#define LAST (TPI_WHEEL_NEVER - 1)
#define WORK TPP_WHEEL_WORK
#define MANY (4 * WORK)

static struct tpi_wheel wheel;
static struct tpi_wheel_node many[MANY], *out[MANY];

static uint64_t dice;

static uint64_t roll(void)
{
    dice ^= dice << 13;
    dice ^= dice >> 7;
    dice ^= dice << 17;
    return dice;
}

/* All magnitudes are equally likely. */
static int64_t roll_delay(uint32_t bits)
{
    uint64_t size = roll() % bits;
    return (int64_t)(roll() & ((UINT64_C(1) << size) - 1));
}

static void add(struct tpi_wheel_node *node, int64_t due, int64_t latest)
{
    node->due = due;
    node->latest = latest;
    tpi_wheel_add(&wheel, node);
}

/* Until nothing more is due. */
static uint32_t expire(int64_t now, struct tpi_wheel_node **nodes, uint32_t most)
{
    uint32_t count = 0;
    bool done = false;
    while (!done && count < most)
        count += tpi_wheel_expire(&wheel, now, nodes + count, most - count, &done);
    return count;
}

/* One call: how many came out; *done_out is set first to what would be wrong. */
static uint32_t expire_once(int64_t now, uint32_t most, bool *done_out, bool expected)
{
    *done_out = !expected;
    return tpi_wheel_expire(&wheel, now, out, most, done_out);
}

/* Is nothing due at `now`, and is that said at once? */
static bool nothing_due(int64_t now)
{
    bool done;
    return expire_once(now, MANY, &done, true) == 0 && done;
}

/* Does exactly this node come out at `now`? */
static bool only(const struct tpi_wheel_node *node, int64_t now)
{
    return expire(now, out, MANY) == 1 && out[0] == node;
}

TAP_TEST(wheel__an_empty_one_has_nothing_due_and_never_wakes)
{
    memset(&wheel, 0xff, sizeof wheel);
    tpi_wheel_init(&wheel, 1000);
    check_eq(tpi_wheel_next(&wheel), TPI_WHEEL_NEVER);
    check(nothing_due(1000));
    check(nothing_due(INT64_C(1) << 60));
    check_eq(tpi_wheel_next(&wheel), TPI_WHEEL_NEVER);
    tpi_wheel_rewind(&wheel, -1000);
    check(nothing_due(1000));
    check_eq(tpi_wheel_next(&wheel), TPI_WHEEL_NEVER);
}

TAP_TEST(wheel__a_node_is_held_from_add_until_it_is_out)
{
    struct tpi_wheel_node a = {.tag = 7}, b = {.tag = 8};
    tpi_wheel_init(&wheel, 0);
    check(!tpi_wheel_holds(&a));
    add(&a, 10, 10);
    add(&b, 100000, 100000);
    check(tpi_wheel_holds(&a));
    check(tpi_wheel_holds(&b));
    check(only(&a, 10));
    check(!tpi_wheel_holds(&a));
    check(tpi_wheel_holds(&b));
    tpi_wheel_remove(&wheel, &b);
    check(!tpi_wheel_holds(&b));
    check(nothing_due(200000));
    add(&a, 300000, 300000); /* each may be added again */
    check(only(&a, 300000));
    check_eq(a.tag, 7);
    check_eq(b.tag, 8);
}

TAP_TEST(wheel__comes_out_by_due_time_then_by_order_of_adding)
{
    static const int64_t dues[] = {70, 5, 5000, 5, 70, 0, 1 << 30, 64, 5, 63, 5000, 1 << 30};
    static const uint32_t expected[] = {5, 1, 3, 8, 9, 7, 0, 4, 2, 10, 6, 11};
    enum { COUNT = sizeof dues / sizeof *dues };
    for (uint32_t most = 1; most <= COUNT; most++) { /* so many at once */
        struct tpi_wheel_node nodes[COUNT];
        uint32_t taken = 0;
        bool done = false;
        tpi_wheel_init(&wheel, 0);
        for (uint32_t i = 0; i < COUNT; i++)
            add(&nodes[i], dues[i], dues[i]);
        for (uint32_t calls = 0; !done && calls < 2 * COUNT; calls++) {
            uint32_t count = tpi_wheel_expire(&wheel, 1 << 30, out, most, &done);
            require(count <= most && taken + count <= COUNT);
            for (uint32_t i = 0; i < count; i++)
                check_eq(out[i] - nodes, expected[taken++]);
        }
        check(done);
        check_eq(taken, COUNT);
    }
}

/* From every kind of beginning to every distance: all levels, all carries. */
TAP_TEST(wheel__is_never_early_and_never_late)
{
    static const int64_t begins[] = {0,       1,  -1,        63,        64,     4095, -4096,
                                     1 << 18, -2, INT64_MIN, 999999999, 0x3fff, -64,  -65};
    for (size_t i = 0; i < sizeof begins / sizeof *begins; i++) {
        for (uint32_t bit = 0; bit < 63; bit++) {
            for (int64_t more = -1; more <= 1; more++) {
                struct tpi_wheel_node node;
                int64_t due;
                if (__builtin_add_overflow(begins[i], (INT64_C(1) << bit) + more, &due))
                    continue;
                if (due <= begins[i] || due == TPI_WHEEL_NEVER)
                    continue;
                tpi_wheel_init(&wheel, begins[i]);
                add(&node, due, due);
                check_eq(tpi_wheel_next(&wheel), due);
                check(nothing_due(begins[i] + (due - begins[i]) / 2));
                check(nothing_due(due - 1));
                check_eq(tpi_wheel_next(&wheel), due);
                check(only(&node, due));
                check_eq(tpi_wheel_next(&wheel), TPI_WHEEL_NEVER);
            }
        }
    }
}

TAP_TEST(wheel__equal_due_times_keep_the_order_of_adding_from_far_and_near)
{
    struct tpi_wheel_node nodes[6];
    const int64_t due = (INT64_C(1) << 40) + 12345;
    static const int64_t before[] = {INT64_C(1) << 39, 1 << 20, 5000, 65, 1, 0};
    tpi_wheel_init(&wheel, 0);
    for (uint32_t i = 0; i < 6; i++) {
        check(nothing_due(due - before[i] - 1));
        add(&nodes[i], due, due + i);
    }
    check_eq(expire(due, out, MANY), 6);
    for (uint32_t i = 0; i < 6; i++)
        check(out[i] == &nodes[i]);
}

TAP_TEST(wheel__a_late_node_comes_out_as_if_due_at_the_time_seen)
{
    struct tpi_wheel_node a, b, c, d;
    tpi_wheel_init(&wheel, 0);
    check(nothing_due(1000));
    add(&a, 1000, 1000);
    add(&b, 3, 2000);
    add(&c, INT64_MIN, INT64_MIN);
    add(&d, 1001, 1001);
    check(tpi_wheel_next(&wheel) <= 1000);
    check_eq(expire(1000, out, MANY), 3);
    check(out[0] == &a);
    check(out[1] == &b);
    check(out[2] == &c);
    check_eq(tpi_wheel_next(&wheel), 1001);
    check(only(&d, 1001));
}

/* Asked about a time before the one it has seen, it answers for that one. */
TAP_TEST(wheel__an_earlier_time_changes_nothing)
{
    struct tpi_wheel_node late, later;
    tpi_wheel_init(&wheel, 0);
    check(nothing_due(1000));
    check(nothing_due(10));
    check(nothing_due(INT64_MIN));
    add(&late, 500, 500);
    add(&later, 1001, 1001);
    check(only(&late, 600));
    check(nothing_due(999));
    check_eq(tpi_wheel_next(&wheel), 1001);
    check(tpi_wheel_ahead(&wheel, 999));
    check(!tpi_wheel_ahead(&wheel, 1000));
    check(only(&later, 1001));
}

/* ---- windows --------------------------------------------------------------------------------- */

TAP_TEST(wheel__next_is_the_earliest_latest_time)
{
    int64_t earliest = TPI_WHEEL_NEVER;
    dice = 11;
    tpi_wheel_init(&wheel, 0);
    for (uint32_t i = 0; i < MANY; i++) {
        int64_t due = roll_delay(55), latest = due + roll_delay(55);
        add(&many[i], due, latest);
        earliest = latest < earliest ? latest : earliest;
        check_eq(tpi_wheel_next(&wheel), earliest);
    }
}

TAP_TEST(wheel__a_node_with_a_window_may_come_out_once_due)
{
    struct tpi_wheel_node wide, narrow;
    tpi_wheel_init(&wheel, 0);
    add(&wide, 100, 1000000);
    add(&narrow, 70000, 70000);
    check_eq(tpi_wheel_next(&wheel), 70000); /* behind the slot of the other, and yet earlier */
    check(nothing_due(99));
    check_eq(expire(70000, out, MANY), 2);
    check(out[0] == &wide);
    tpi_wheel_init(&wheel, 0);
    add(&wide, 100, 1000000);
    check_eq(tpi_wheel_next(&wheel), 1000000);
    check(only(&wide, 100));
}

static int by_latest(const void *a, const void *b)
{
    const struct tpi_wheel_node *x = a, *y = b;
    return (x->latest > y->latest) - (x->latest < y->latest);
}

/* The fewest times that hit each window: always the end of the first window not hit yet. */
static uint32_t fewest_wakes(uint32_t count)
{
    static struct tpi_wheel_node sorted[MANY];
    uint32_t wakes = 0;
    int64_t last = INT64_MIN;
    memcpy(sorted, many, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, by_latest);
    for (uint32_t i = 0; i < count; i++) {
        if (sorted[i].due > last) {
            last = sorted[i].latest;
            wakes++;
        }
    }
    return wakes;
}

TAP_TEST(wheel__windows_share_the_fewest_possible_wakes)
{
    dice = 5;
    for (uint32_t round = 0; round < 300; round++) {
        uint32_t count = 1 + (uint32_t)(roll() % (round < 200 ? 20 : MANY));
        uint32_t taken = 0, wakes = 0, bits = 4 + (uint32_t)(roll() % 40);
        tpi_wheel_init(&wheel, 0);
        for (uint32_t i = 0; i < count; i++) {
            int64_t due = 1 + (int64_t)(roll() & ((UINT64_C(1) << bits) - 1));
            add(&many[i], due, due + roll_delay(bits));
        }
        uint32_t fewest = fewest_wakes(count);
        for (; taken < count && wakes <= fewest; wakes++) {
            int64_t now = tpi_wheel_next(&wheel);
            uint32_t found = expire(now, out, MANY);
            for (uint32_t i = 0; i < found; i++)
                check(out[i]->due <= now && now <= out[i]->latest);
            check(found > 0);
            taken += found;
        }
        check_eq(taken, count);
        check_eq(wakes, fewest);
    }
}

TAP_TEST(wheel__next_after_a_removal_may_be_early_but_not_late)
{
    struct tpi_wheel_node a, b, c;
    tpi_wheel_init(&wheel, 0);
    add(&a, 5000, 5000);
    add(&b, 5010, 5010);
    add(&c, 900000, 900000);
    tpi_wheel_remove(&wheel, &a);
    check(tpi_wheel_next(&wheel) >= 5000);
    check(tpi_wheel_next(&wheel) <= 5010);
    check(nothing_due(5000)); /* a wake-up for nothing, and then it knows */
    check(tpi_wheel_next(&wheel) > 5000);
    check(tpi_wheel_next(&wheel) <= 5010);
    tpi_wheel_remove(&wheel, &b);
    check_eq(tpi_wheel_next(&wheel), 900000); /* nobody is left where they were */
    tpi_wheel_remove(&wheel, &c);
    check_eq(tpi_wheel_next(&wheel), TPI_WHEEL_NEVER);
}

TAP_TEST(wheel__next_is_later_than_a_time_that_is_done)
{
    int64_t now = 0;
    uint32_t left = MANY;
    dice = 77;
    tpi_wheel_init(&wheel, now);
    for (uint32_t i = 0; i < MANY; i++) {
        int64_t due = roll_delay(40);
        add(&many[i], due, due + roll_delay(10));
    }
    for (uint32_t i = 0; i < MANY; i += 3, left--) /* their times stay behind in the slots */
        tpi_wheel_remove(&wheel, &many[i]);
    for (uint32_t wakes = 0; left > 0 && wakes < 2 * MANY; wakes++) {
        int64_t next = tpi_wheel_next(&wheel);
        check(next > now || wakes == 0);
        now = next;
        left -= expire(now, out, MANY);
    }
    check_eq(left, 0);
}

/* ---- the clock is set back ------------------------------------------------------------------- */

TAP_TEST(wheel__rewind_files_everything_around_the_new_time)
{
    struct tpi_wheel_node near, far, late, first;
    tpi_wheel_init(&wheel, 1000000);
    add(&far, INT64_C(1) << 50, INT64_C(1) << 50);
    add(&near, 1000100, 1000100);
    check(nothing_due(1000099));
    add(&late, 70, 500000);
    check(tpi_wheel_ahead(&wheel, 60));
    tpi_wheel_rewind(&wheel, 60);
    check(!tpi_wheel_ahead(&wheel, 60));
    check(tpi_wheel_ahead(&wheel, 59));
    check_eq(tpi_wheel_next(&wheel), 500000); /* it is not late any more */
    add(&first, 65, 65);
    check_eq(tpi_wheel_next(&wheel), 65);
    check(nothing_due(64));
    check(only(&first, 65));
    check(nothing_due(69));
    check(only(&late, 70));
    check(nothing_due(1000099));
    check(only(&near, 1000100));
    check(nothing_due((INT64_C(1) << 50) - 1));
    check(only(&far, INT64_C(1) << 50));
}

TAP_TEST(wheel__rewind_forgets_those_that_were_removed)
{
    struct tpi_wheel_node a, b;
    tpi_wheel_init(&wheel, 0);
    check(nothing_due(100));
    add(&a, 5000, 5000);
    add(&b, 5010, 5010);
    tpi_wheel_remove(&wheel, &a);
    tpi_wheel_rewind(&wheel, 50);
    check_eq(tpi_wheel_next(&wheel), 5010);
    check(only(&b, 5010));
}

/* Whatever had been filed anew and whatever had not. */
TAP_TEST(wheel__rewind_keeps_the_order_of_those_due_at_the_same_time)
{
    for (uint32_t count = 2; count <= MANY; count += count < 10 ? 1 : WORK / 2 - 1) {
        bool done;
        tpi_wheel_init(&wheel, 0);
        for (uint32_t i = 0; i < count; i++)
            add(&many[i], 100 + i % 2, 100 + i % 2);
        check_eq(expire_once(99, MANY, &done, count <= WORK), 0);
        check_eq(done, count <= WORK);
        tpi_wheel_rewind(&wheel, 10);
        check_eq(expire(101, out, MANY), count);
        for (uint32_t i = 0; i < count; i++) {
            uint32_t evens = (count + 1) / 2;
            check(out[i] == &many[i < evens ? 2 * i : 2 * (i - evens) + 1]);
        }
    }
}

/* ---- the ends of time ------------------------------------------------------------------------ */

TAP_TEST(wheel__holds_the_first_and_the_last_time)
{
    struct tpi_wheel_node first, last, zero, before;
    tpi_wheel_init(&wheel, INT64_MIN);
    add(&last, LAST, LAST);
    add(&zero, 0, 0);
    add(&before, -1, -1);
    add(&first, INT64_MIN, INT64_MIN);
    check_eq(tpi_wheel_next(&wheel), INT64_MIN);
    check(only(&first, INT64_MIN));
    check_eq(tpi_wheel_next(&wheel), -1);
    check(nothing_due(-2));
    check(only(&before, -1));
    check_eq(tpi_wheel_next(&wheel), 0);
    check(only(&zero, 0));
    check_eq(tpi_wheel_next(&wheel), LAST);
    check(nothing_due(LAST - 1));
    check(only(&last, LAST));
    check_eq(tpi_wheel_next(&wheel), TPI_WHEEL_NEVER);
    add(&last, LAST, LAST);
    add(&first, INT64_MIN, LAST);
    check(tpi_wheel_ahead(&wheel, INT64_MIN));
    tpi_wheel_rewind(&wheel, INT64_MIN);
    check(only(&first, INT64_MIN));
    check(only(&last, LAST));
}

TAP_TEST(wheel__a_window_may_be_all_of_time)
{
    struct tpi_wheel_node all, some;
    tpi_wheel_init(&wheel, 0);
    add(&all, INT64_MIN, LAST);
    check_eq(tpi_wheel_next(&wheel), LAST);
    add(&some, 17, 20);
    check_eq(tpi_wheel_next(&wheel), 20);
    check_eq(expire(20, out, MANY), 2);
    check(out[0] == &all);
    check(out[1] == &some);
}

/* ---- bounded work ---------------------------------------------------------------------------- */

/* MANY nodes in one slot far above level 0, of which so many are due at the same time. */
static void fill_one_slot(int64_t begin, uint32_t same)
{
    tpi_wheel_init(&wheel, 0);
    for (uint32_t i = 0; i < MANY; i++) {
        int64_t due = begin + (i < same ? 0 : (int64_t)(i - same + 1));
        add(&many[i], due, due);
    }
}

/* How many nodes came to lie elsewhere in this call, and how many came out. */
static uint32_t expire_and_see(int64_t now, uint32_t most, uint32_t *moved, bool *done_out)
{
    static uint32_t places[MANY];
    for (uint32_t i = 0; i < MANY; i++)
        places[i] = many[i].place;
    uint32_t count = tpi_wheel_expire(&wheel, now, out, most, done_out);
    *moved = 0;
    for (uint32_t i = 0; i < MANY; i++)
        *moved += places[i] != many[i].place;
    return count;
}

TAP_TEST(wheel__a_call_files_only_so_many_nodes_anew)
{
    const int64_t begin = INT64_C(1) << 36;
    static const uint32_t sames[] = {1, WORK + 1, MANY};
    for (uint32_t which = 0; which < 3; which++) {
        uint32_t taken = 0, calls = 0, moved;
        bool done = false;
        fill_one_slot(begin, sames[which]);
        for (; !done && calls < 4 * MANY; calls++) {
            uint32_t count = expire_and_see(begin + MANY, 16, &moved, &done);
            check(count <= 16);
            check(moved <= WORK);
            check(done || count == 16 || moved == WORK); /* it stops for a reason */
            for (uint32_t i = 0; i < count; i++)
                check(out[i] == &many[taken + i]);
            taken += count;
        }
        check(done);
        check_eq(taken, MANY);
        check(calls >= MANY / 16);
    }
}

TAP_TEST(wheel__a_call_that_may_take_none_takes_none)
{
    struct tpi_wheel_node node;
    bool done;
    tpi_wheel_init(&wheel, 0);
    add(&node, 5000, 5000);
    check_eq(expire_once(6000, 0, &done, false), 0);
    check(!done);
    check(tpi_wheel_holds(&node));
    check(tpi_wheel_next(&wheel) <= 5000);
    check(only(&node, 6000));
    check_eq(expire_once(6000, 0, &done, true), 0);
    check(done);
}

/* Puts the wheel into the midst of filing a slot anew: WORK nodes are further down, others not. */
static bool half_way(int64_t begin)
{
    uint32_t moved;
    bool done = true;
    fill_one_slot(begin, MANY);
    return expire_and_see(begin, MANY, &moved, &done) == 0 && !done && moved == WORK;
}

static void check_rest_in_order(const bool *gone)
{
    uint32_t count = expire(INT64_C(1) << 40, out, MANY), expected = 0;
    for (uint32_t i = 0; i < MANY; i++) {
        if (gone[i])
            continue;
        check(expected < count && out[expected] == &many[i]);
        expected++;
    }
    check_eq(count, expected);
}

TAP_TEST(wheel__nodes_can_be_removed_while_their_slot_is_half_filed_anew)
{
    /* From which to which: of those further down, of the rest, and where they meet. */
    static const uint32_t ranges[][2] = {
        {0, 1},    {WORK - 1, WORK}, {WORK, WORK + 1}, {MANY - 1, MANY}, {WORK - 3, WORK + 3},
        {0, WORK}, {WORK, MANY},     {1, MANY},        {0, MANY - 1},    {0, MANY},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        bool gone[MANY] = {false};
        require(half_way(INT64_C(1) << 36));
        for (uint32_t k = ranges[i][0]; k < ranges[i][1]; k++) {
            tpi_wheel_remove(&wheel, &many[k]);
            gone[k] = true;
            check(!tpi_wheel_holds(&many[k]));
        }
        check(tpi_wheel_next(&wheel) >= INT64_C(1) << 36);
        check_rest_in_order(gone);
        check_eq(tpi_wheel_next(&wheel), TPI_WHEEL_NEVER);
    }
}

TAP_TEST(wheel__nodes_can_be_removed_from_among_those_due)
{
    for (uint32_t taken = 1; taken < 20; taken += 6) {
        bool gone[MANY] = {false}, done = true;
        tpi_wheel_init(&wheel, 100);
        for (uint32_t i = 0; i < MANY; i++)
            add(&many[i], 90, 90);
        check_eq(expire_once(100, taken, &done, false), taken);
        check(!done);
        for (uint32_t i = 0; i < MANY; i++)
            gone[i] = i < taken;
        for (uint32_t i = taken; i < MANY; i += i == taken ? 5 : 7) {
            tpi_wheel_remove(&wheel, &many[i]);
            gone[i] = true;
        }
        check_rest_in_order(gone);
    }
    bool done = true;
    tpi_wheel_init(&wheel, 100);
    add(&many[0], 100, 100);
    add(&many[1], 100, 100);
    check_eq(expire_once(100, 1, &done, false), 1);
    tpi_wheel_remove(&wheel, &many[1]); /* the last of them */
    check(nothing_due(100));
    check_eq(tpi_wheel_next(&wheel), TPI_WHEEL_NEVER);
}

TAP_TEST(wheel__a_node_added_half_way_comes_after_those_due_at_its_time)
{
    const int64_t begin = INT64_C(1) << 36;
    struct tpi_wheel_node same, late, later, far;
    require(half_way(begin));
    add(&far, 2 * begin, 2 * begin);
    tpi_wheel_remove(&wheel, &far); /* alone in another slot: this one is half filed anew still */
    add(&later, begin + 1, begin + 1);
    add(&same, begin, begin);
    add(&late, 5, 5);
    check_eq(tpi_wheel_next(&wheel), 5);
    for (uint32_t taken = 0; taken < MANY;) {
        uint32_t count = expire(begin, out, taken == 0 ? MANY - 1 : 1);
        require(count > 0);
        for (uint32_t i = 0; i < count; i++)
            check(out[i] == &many[taken + i]);
        taken += count;
    }
    check_eq(expire(begin, out, MANY), 2);
    check(out[0] == &same);
    check(out[1] == &late);
    check(only(&later, begin + 1));
}

/* ---- a million, against a sorted array ------------------------------------------------------- */

#define MILLION 1000000u

struct million {
    struct tpi_wheel_node *nodes;
    uint32_t *sorted; /* those in the wheel, from `first` on */
    uint32_t first, count;
    int64_t now;
};

static struct million million;

/* Numbers grow with adding. Nobody is added late here, so due times are what counts. */
static int by_due_and_number(const void *a, const void *b)
{
    uint32_t i = *(const uint32_t *)a, k = *(const uint32_t *)b;
    const struct tpi_wheel_node *x = &million.nodes[i], *y = &million.nodes[k];
    if (x->due != y->due)
        return x->due < y->due ? -1 : 1;
    return (i > k) - (i < k);
}

static void million_add(uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++) {
        int64_t delay = i % 4 ? roll_delay(45) : (int64_t)(roll() % 50) * 1000000;
        add(&million.nodes[i], million.now + delay, million.now + delay + roll_delay(20));
        million.sorted[million.count++] = i;
    }
    qsort(million.sorted + million.first, million.count - million.first, sizeof *million.sorted,
          by_due_and_number);
}

static void million_remove(uint32_t one_in)
{
    uint32_t kept = million.first;
    for (uint32_t i = million.first; i < million.count; i++) {
        if (roll() % one_in == 0)
            tpi_wheel_remove(&wheel, &million.nodes[million.sorted[i]]);
        else
            million.sorted[kept++] = million.sorted[i];
    }
    million.count = kept;
}

/* Lets time pass in steps of all sizes, until so many are left; false at the first difference. */
static bool million_expire(uint32_t left)
{
    while (million.count - million.first > left) {
        bool done = false;
        int64_t next = tpi_wheel_next(&wheel), step = roll_delay(40);
        million.now = roll() % 2 ? million.now + step : next;
        while (!done) {
            uint32_t count = tpi_wheel_expire(&wheel, million.now, out, 1 + roll() % MANY, &done);
            for (uint32_t i = 0; i < count; i++) {
                if (million.first == million.count || out[i]->due > million.now ||
                    out[i] != &million.nodes[million.sorted[million.first++]])
                    return false;
            }
        }
        if (million.first < million.count &&
            million.nodes[million.sorted[million.first]].due <= million.now)
            return false;
    }
    return true;
}

TAP_TEST(wheel__a_million_come_out_as_from_a_sorted_array)
{
    million.nodes = calloc(MILLION, sizeof *million.nodes);
    million.sorted = calloc(MILLION, sizeof *million.sorted);
    require(million.nodes != NULL && million.sorted != NULL);
    dice = 4711;
    million.now = INT64_C(1700000000000000000);
    tpi_wheel_init(&wheel, million.now);
    for (uint32_t part = 0; part < 4; part++) {
        million_add(part * (MILLION / 4), (part + 1) * (MILLION / 4));
        require(million_expire((million.count - million.first) / 2));
        million_remove(5);
        if (part == 2) {
            million.now -= INT64_C(3600000000000);
            tpi_wheel_rewind(&wheel, million.now);
        }
    }
    require(million_expire(0));
    check_eq(tpi_wheel_next(&wheel), TPI_WHEEL_NEVER);
    free(million.nodes);
    free(million.sorted);
}

int main(void)
{
    tap_run(wheel__an_empty_one_has_nothing_due_and_never_wakes);
    tap_run(wheel__a_node_is_held_from_add_until_it_is_out);
    tap_run(wheel__comes_out_by_due_time_then_by_order_of_adding);
    tap_run(wheel__is_never_early_and_never_late);
    tap_run(wheel__equal_due_times_keep_the_order_of_adding_from_far_and_near);
    tap_run(wheel__a_late_node_comes_out_as_if_due_at_the_time_seen);
    tap_run(wheel__an_earlier_time_changes_nothing);
    tap_run(wheel__next_is_the_earliest_latest_time);
    tap_run(wheel__a_node_with_a_window_may_come_out_once_due);
    tap_run(wheel__windows_share_the_fewest_possible_wakes);
    tap_run(wheel__next_after_a_removal_may_be_early_but_not_late);
    tap_run(wheel__next_is_later_than_a_time_that_is_done);
    tap_run(wheel__rewind_files_everything_around_the_new_time);
    tap_run(wheel__rewind_forgets_those_that_were_removed);
    tap_run(wheel__rewind_keeps_the_order_of_those_due_at_the_same_time);
    tap_run(wheel__holds_the_first_and_the_last_time);
    tap_run(wheel__a_window_may_be_all_of_time);
    tap_run(wheel__a_call_files_only_so_many_nodes_anew);
    tap_run(wheel__a_call_that_may_take_none_takes_none);
    tap_run(wheel__nodes_can_be_removed_while_their_slot_is_half_filed_anew);
    tap_run(wheel__nodes_can_be_removed_from_among_those_due);
    tap_run(wheel__a_node_added_half_way_comes_after_those_due_at_its_time);
    tap_run(wheel__a_million_come_out_as_from_a_sorted_array);
    return tap_done();
}
