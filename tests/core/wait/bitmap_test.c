/* bitmap_test.c - one back end of the sets of wait slots, beside a flat map of bits. */
#include <errno.h>
#include <limits.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "core/wait/bitmap.h"
#include "tests/support/tap.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- the heap, and how often it is asked ----------------------------------------------------- */

/* While `watched`, allocations are counted, and refused from number `refuse_from` on up to, not
 * including, `refuse_until`. */
static struct {
    bool watched;
    unsigned long calls, refuse_from, refuse_until;
    long blocks; /* taken and not given back */
} heap;

static void heap_watch(unsigned long refuse_from, unsigned long refuse_until)
{
    heap.calls = 0;
    heap.refuse_from = refuse_from;
    heap.refuse_until = refuse_until;
    heap.watched = true;
}

#ifdef TEST_OWNS_MALLOC
/* The functions of malloc are this program's own, so that those of a shared library find them too:
 * no sanitizer would stand that. */
#define HEAP_SEEN true

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *memory);

static bool heap_grants(void)
{
    if (!heap.watched)
        return true;
    heap.calls++;
    if (heap.calls >= heap.refuse_from && heap.calls < heap.refuse_until) {
        errno = ENOMEM;
        return false;
    }
    return true;
}

static void *heap_taken(void *memory)
{
    heap.blocks += heap.watched && memory != NULL;
    return memory;
}

void *malloc(size_t size)
{
    return heap_grants() ? heap_taken(__libc_malloc(size)) : NULL;
}

void *calloc(size_t count, size_t size)
{
    return heap_grants() ? heap_taken(__libc_calloc(count, size)) : NULL;
}

void *realloc(void *memory, size_t size)
{
    if (!heap_grants())
        return NULL;
    return memory == NULL ? heap_taken(__libc_malloc(size)) : __libc_realloc(memory, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
    *memory = heap_grants() ? heap_taken(__libc_memalign(alignment, size)) : NULL;
    return *memory != NULL ? 0 : ENOMEM;
}

void free(void *memory)
{
    heap.blocks -= heap.watched && memory != NULL;
    __libc_free(memory);
}
#else
#define HEAP_SEEN false
#endif

/* ---- the model ------------------------------------------------------------------------------- */

static uint64_t flat[TPI_BITMAP_END / 64 + 1]; /* touched where there are members */
static uint64_t flat_count;

static bool flat_has(uint32_t number)
{
    return number < TPI_BITMAP_END && (flat[number / 64] >> number % 64 & 1) != 0;
}

static void flat_put(uint32_t number, bool member)
{
    if (flat_has(number) == member)
        return;
    flat[number / 64] ^= UINT64_C(1) << number % 64;
    flat_count = member ? flat_count + 1 : flat_count - 1;
}

/* The members from `from` on and below `end`. */
static uint32_t flat_read(uint32_t from, uint32_t end, uint32_t *numbers, uint32_t capacity)
{
    uint32_t count = 0;
    for (uint32_t word = from / 64; word < end / 64 + 1 && count < capacity; word++)
        for (uint64_t bits = flat[word]; bits != 0 && count < capacity; bits &= bits - 1) {
            uint32_t number = word * 64 + (uint32_t)__builtin_ctzll(bits);
            if (number >= from && number < end)
                numbers[count++] = number;
        }
    return count;
}

static uint64_t random_state;

static uint32_t random_below(uint32_t end)
{
    random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (uint32_t)((random_state >> 32) * end >> 32);
}

/* ---- a set and the model, changed alike ------------------------------------------------------ */

#define READ_MAX 70000u
static uint32_t expected[READ_MAX], found[READ_MAX + 1];

static void begin(uint64_t seed)
{
    random_state = seed;
    check_eq(flat_count, 0);
}

static void add(struct tpi_bitmap *set, uint32_t number)
{
    check(tpi_bitmap_add(set, number));
    flat_put(number, true);
}

static void take(struct tpi_bitmap *set, uint32_t number)
{
    tpi_bitmap_remove(set, number);
    flat_put(number, false);
}

/* Reads from `from`, `capacity` members at most; the model knows of members below `end` only. */
static void expect_read(const struct tpi_bitmap *set, uint32_t from, uint32_t end,
                        uint32_t capacity)
{
    uint32_t count = flat_read(from, end, expected, capacity);
    for (uint32_t i = 0; i <= capacity; i++)
        found[i] = 0xdeadbeef;
    check_eq(tpi_bitmap_read(set, from, found, capacity), count);
    check(memcmp(found, expected, count * sizeof *found) == 0);
    for (uint32_t i = count; i <= capacity; i++)
        if (found[i] != 0xdeadbeef) {
            check_eq(i, count); /* written behind what it says to have read */
            return;
        }
}

/* Everything by reading it all, `capacity` at a time. */
static void expect_equal(const struct tpi_bitmap *set, uint32_t capacity)
{
    uint64_t seen = 0;
    uint32_t from = 0, count;
    check_eq(set->count, flat_count);
    do {
        count = tpi_bitmap_read(set, from, found, capacity);
        for (uint32_t i = 0; i < count; i++) {
            if (found[i] < from || !flat_has(found[i]) || !tpi_bitmap_has(set, found[i])) {
                check_eq(found[i], from); /* out of order, or no member */
                return;
            }
            from = found[i] + 1;
        }
        seen += count;
    } while (count == capacity);
    check_eq(seen, flat_count);
}

/* Clears both; the model by what the set holds, which was compared before. */
static void end(struct tpi_bitmap *set)
{
    uint32_t count;
    expect_equal(set, 1000);
    for (uint32_t from = 0; (count = tpi_bitmap_read(set, from, found, READ_MAX)) > 0;
         from = found[count - 1] + 1)
        for (uint32_t i = 0; i < count; i++)
            flat_put(found[i], false);
    tpi_bitmap_clear(set);
    check(set->body == NULL);
    check_eq(set->count, 0);
    check_eq(tpi_bitmap_bytes(set), 0);
    check_eq(flat_count, 0);
}

/* Numbers where something begins or ends in either back end, counted from either end. */
static const uint32_t low_edges[] = {
    0,     1,     62,     63,     64,      127,     1023,          1024, 1025,
    2047,  2048,  4094,   4095,   4096,    4097,    8191,          8192, 65535,
    65536, 65537, 131071, 131072, 1 << 20, 1 << 24, (1 << 27) - 1,
};
#define EDGES (2 * (uint32_t)COUNT(low_edges))

static uint32_t edge(uint32_t i)
{
    return i % 2 == 0 ? low_edges[i / 2] : TPI_BITMAP_END - 1 - low_edges[i / 2];
}

static const uint32_t too_large[] = {
    TPI_BITMAP_END,          TPI_BITMAP_END + 1, TPI_BITMAP_END + 4096, 2 * TPI_BITMAP_END,
    3 * TPI_BITMAP_END + 63, UINT32_C(1) << 31,  UINT32_MAX - 1,        UINT32_MAX,
};

/* ---- one thing at a time --------------------------------------------------------------------- */

TAP_TEST(bitmap__the_empty_set)
{
    struct tpi_bitmap set = {0};
    uint32_t number = 7;
    check_eq(tpi_bitmap_bytes(&set), 0);
    check(!tpi_bitmap_has(&set, 0));
    check(!tpi_bitmap_has(&set, TPI_BITMAP_END - 1));
    check_eq(tpi_bitmap_read(&set, 0, &number, 1), 0);
    check_eq(tpi_bitmap_read(&set, UINT32_MAX, &number, 1), 0);
    tpi_bitmap_remove(&set, 0);
    tpi_bitmap_remove(&set, UINT32_MAX);
    tpi_bitmap_clear(&set);
    check_eq(number, 7);
    check_eq(set.count, 0);
    check(set.body == NULL);
}

TAP_TEST(bitmap__numbers_at_the_edges)
{
    struct tpi_bitmap set = {0};
    begin(1);
    for (uint32_t i = EDGES; i-- > 0;) { /* not in order */
        check(!tpi_bitmap_has(&set, edge(i)));
        add(&set, edge(i));
        check(tpi_bitmap_has(&set, edge(i)));
        add(&set, edge(i)); /* once more changes nothing */
        check_eq(set.count, EDGES - i);
    }
    expect_equal(&set, 100);
    for (uint32_t i = 0; i < EDGES; i++) {
        check_eq(tpi_bitmap_has(&set, edge(i) + 1), flat_has(edge(i) + 1));
        check_eq(tpi_bitmap_read(&set, edge(i), found, 1), 1);
        check_eq(found[0], edge(i));
    }
    for (uint32_t i = 0; i < EDGES; i++) {
        take(&set, edge(i));
        take(&set, edge(i));
        check(!tpi_bitmap_has(&set, edge(i)));
        check_eq(set.count, EDGES - i - 1);
        expect_equal(&set, 3);
    }
    end(&set);
}

TAP_TEST(bitmap__numbers_too_large)
{
    struct tpi_bitmap set = {0};
    begin(1);
    for (size_t i = 0; i < COUNT(too_large); i++)
        check(!tpi_bitmap_add(&set, too_large[i]));
    check_eq(tpi_bitmap_bytes(&set), 0);
    for (uint32_t i = 0; i < EDGES; i++)
        add(&set, edge(i));
    for (size_t i = 0; i < COUNT(too_large); i++) {
        check(!tpi_bitmap_add(&set, too_large[i]));
        check(!tpi_bitmap_has(&set, too_large[i]));
        tpi_bitmap_remove(&set, too_large[i]);
        check_eq(tpi_bitmap_read(&set, too_large[i], found, 1), 0);
    }
    expect_equal(&set, 100);
    end(&set);
}

TAP_TEST(bitmap__reading_from_anywhere_any_number)
{
    static const uint32_t gaps[] = {1, 2, 63, 1024, 4096, 4097};
    for (size_t g = 0; g < COUNT(gaps); g++) {
        struct tpi_bitmap set = {0};
        uint32_t number = 60000;
        begin(g);
        for (uint32_t i = 0; i < 20; i++, number += gaps[g])
            add(&set, number);
        for (uint32_t from = 60000 - 2; from <= number; from += gaps[g] / 2 + 1)
            for (uint32_t capacity = 0; capacity < 23; capacity++)
                expect_read(&set, from, number, capacity);
        expect_read(&set, 0, number, 50);
        check_eq(tpi_bitmap_read(&set, number, found, 50), 0);
        check_eq(tpi_bitmap_read(&set, TPI_BITMAP_END - 1, found, 50), 0);
        end(&set);
    }
}

TAP_TEST(bitmap__clear_gives_all_back_and_it_goes_on)
{
    struct tpi_bitmap set = {0};
    begin(1);
    for (int round = 0; round < 3; round++) {
        for (uint32_t number = 0; number < 20000; number += 3)
            add(&set, number << round * 6);
        check(tpi_bitmap_bytes(&set) >= 20000 / 3 / 8);
        end(&set);
    }
}

/* ---- many ------------------------------------------------------------------------------------ */

/* All, then all but few, then few, then all again: everything fills, empties and fills. */
TAP_TEST(bitmap__a_hundred_thousand_in_a_row)
{
    struct tpi_bitmap set = {0};
    const uint32_t members = 100000;
    begin(1);
    for (uint32_t number = 0; number < members; number++)
        add(&set, number);
    expect_equal(&set, 256);
    size_t bytes = tpi_bitmap_bytes(&set);
    check(bytes <= members * 3);
    for (uint32_t number = 0; number < members; number++)
        if (number % 5000 != 4095)
            take(&set, number);
    expect_equal(&set, 7);
    for (uint32_t number = members; number-- > 0;)
        add(&set, number);
    check(tpi_bitmap_bytes(&set) <= bytes);
    expect_equal(&set, READ_MAX);
    for (uint32_t number = members; number-- > 0;)
        take(&set, number);
    check_eq(set.count, 0);
    end(&set);
}

TAP_TEST(bitmap__ten_thousand_of_64_million)
{
    struct tpi_bitmap set = {0};
    begin(7);
    for (int i = 0; i < 10000; i++)
        add(&set, random_below(UINT32_C(64) << 20));
    check(tpi_bitmap_bytes(&set) < UINT32_C(2) << 20); /* a flat map has 8 MiB */
    expect_equal(&set, 256);
    for (uint32_t from = 0; from < UINT32_C(60) << 20; from += 9999999)
        expect_read(&set, from, UINT32_C(64) << 20, 100);
    end(&set);
}

/* One number in each part of the whole range; then room for the last part. */
TAP_TEST(bitmap__members_everywhere)
{
    struct tpi_bitmap set = {0};
    begin(1);
    for (uint32_t number = 0; number < TPI_BITMAP_END; number += 4096)
        add(&set, number + number / 4096 % 4096);
    check_eq(set.count, 65536);
    add(&set, TPI_BITMAP_END - 1);
    expect_equal(&set, 4096);
    end(&set);
}

/* What random steps are confined to: a base, and how many numbers above it. */
struct region {
    uint32_t base, size;
};

/* Adds, removes, looks and reads; every stretch of steps prefers one or the other, so that the set
 * fills and empties. */
static void random_steps(const struct region *regions, uint32_t count, uint64_t seed, int steps)
{
    struct tpi_bitmap set = {0};
    uint32_t end_of_all = 0;
    begin(seed);
    for (uint32_t i = 0; i < count; i++)
        if (regions[i].base + regions[i].size > end_of_all)
            end_of_all = regions[i].base + regions[i].size;
    for (int i = 0; i < steps; i++) {
        const struct region *region = &regions[random_below(count)];
        uint32_t number = region->base + random_below(region->size);
        bool filling = i / 20000 % 2 == 0;
        if (random_below(100) < 10)
            check_eq(tpi_bitmap_has(&set, number), flat_has(number));
        else if ((random_below(100) < 70) == filling)
            add(&set, number);
        else
            take(&set, number);
        check_eq(set.count, flat_count);
        if (i % 999 == 0)
            expect_read(&set, number, end_of_all, random_below(300));
        if (i % 19997 == 0)
            expect_equal(&set, 1 + random_below(1000));
    }
    end(&set);
}

TAP_TEST(bitmap__random_steps_dense)
{
    static const struct region regions[] = {{0, 30000}};
    random_steps(regions, 1, 1, 100000);
}

TAP_TEST(bitmap__random_steps_sparse)
{
    struct tpi_bitmap set = {0};
    begin(2);
    for (int i = 0; i < 20000; i++) {
        uint32_t number = random_below(TPI_BITMAP_END);
        uint32_t other = random_below(TPI_BITMAP_END);
        add(&set, number);
        check_eq(tpi_bitmap_has(&set, other), flat_has(other));
        if (tpi_bitmap_read(&set, other, found, 1) == 1 && i % 2 == 0)
            take(&set, found[0]);
        check_eq(set.count, flat_count);
    }
    end(&set);
}

TAP_TEST(bitmap__random_steps_at_the_edges)
{
    static const struct region regions[] = {
        {1020, 8},
        {4092, 8},
        {65532, 8},
        {(1 << 24) - 2048, 4096},
        {131072 - 6000, 12000},
        {3 << 20, 64},
        {3 << 21, 1},
        {0, 2},
        {TPI_BITMAP_END - 5000, 5000},
    };
    random_steps(regions, COUNT(regions), 3, 100000);
}

/* ---- no memory ------------------------------------------------------------------------------- */

/* An order of adding in which all that can grow grows, and more than once. */
static uint32_t growing(uint32_t step)
{
    if (step < 40)
        return (step * 7 % 40) << 12; /* new parts, among one another */
    if (step < 240)
        return 5 << 12 | (step * 37 % 200); /* in one of them */
    return (step - 239) << 16 | 7;
}
#define GROWING_STEPS 330u

TAP_TEST(bitmap__each_allocation_may_fail)
{
    if (!HEAP_SEEN)
        tap_skip("a sanitizer has the heap");
    unsigned long refused = 0, refuse = 1;
    for (bool again = true; again; refuse++) {
        struct tpi_bitmap set = {0};
        begin(1);
        again = false;
        heap.blocks = 0;
        heap_watch(refuse, refuse + 1);
        for (uint32_t step = 0; step < GROWING_STEPS; step++) {
            uint64_t count = set.count;
            bool added = tpi_bitmap_add(&set, growing(step));
            heap.watched = false;
            if (!added) {
                again = true;
                refused++;
                check_eq(set.count, count);
                check(count > 0 || set.body == NULL);
                check(!tpi_bitmap_has(&set, growing(step)));
                expect_equal(&set, 50);
            }
            heap.watched = true;
            check(added || tpi_bitmap_add(&set, growing(step)));
            flat_put(growing(step), true);
        }
        heap.watched = false;
        expect_equal(&set, 50);
        heap.watched = true;
        end(&set);
        heap.watched = false;
        check_eq(heap.blocks, 0);
    }
    printf("# %lu allocations refused\n", refused);
    check_eq(refused, refuse - 2); /* each but the first one too many led to a refusal */
    check(refused > 40);
}

TAP_TEST(bitmap__only_add_takes_memory)
{
    struct tpi_bitmap set = {0};
    if (!HEAP_SEEN)
        tap_skip("a sanitizer has the heap");
    begin(1);
    for (uint32_t step = 0; step < GROWING_STEPS; step++)
        add(&set, growing(step));
    for (uint32_t number = 1 << 20; number < (1 << 20) + 10000; number++)
        add(&set, number);
    heap_watch(1, ULONG_MAX); /* all refused */
    expect_equal(&set, 77);
    check(tpi_bitmap_bytes(&set) > 0);
    for (uint32_t step = 0; step < GROWING_STEPS; step++)
        check(tpi_bitmap_add(&set, growing(step))); /* they are members */
    for (uint32_t number = (1 << 20) + 10000; number-- > 1 << 20;)
        take(&set, number);
    for (uint32_t step = 0; step < GROWING_STEPS; step += 2)
        take(&set, growing(step));
    check_eq(heap.calls, 0);
    expect_equal(&set, 77);
    check(!tpi_bitmap_add(&set, 77 << 20));
    check(heap.calls > 0);
    for (uint32_t step = 1; step < GROWING_STEPS; step += 2)
        take(&set, growing(step));
    heap.watched = false;
    check_eq(set.count, 0);
    end(&set);
}

/* The size of this process, bytes. */
static rlim_t address_space(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file != NULL) {
        check_eq(fscanf(file, "%lu", &pages), 1);
        fclose(file);
    }
    return pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

/* Adds until memory is out, in the way `next` says; then nothing is lost, and all can go. */
static void fill_and_empty(uint32_t (*next)(uint32_t step))
{
    struct tpi_bitmap set = {0};
    struct rlimit limit;
    uint32_t steps = 0, more = 0;
    check_eq(getrlimit(RLIMIT_AS, &limit), 0);
    limit.rlim_cur = address_space() + (1 << 20);
    check_eq(setrlimit(RLIMIT_AS, &limit), 0);
    while (tpi_bitmap_add(&set, next(steps)))
        steps++;
    check(steps > 1000);
    check_eq(set.count, steps);
    /* Here and there is room left. */
    for (uint32_t step = steps; step < steps + 3000; step++)
        more += tpi_bitmap_add(&set, next(step));
    check_eq(set.count, steps + more);
    for (uint32_t step = 0; step < steps; step++)
        check(tpi_bitmap_has(&set, next(step)));
    for (uint32_t step = 0; step < steps; step += 2)
        tpi_bitmap_remove(&set, next(step));
    for (uint32_t step = 0; step < steps; step++)
        check_eq(tpi_bitmap_has(&set, next(step)), step % 2);
    check_eq(set.count, steps / 2 + more);
    tpi_bitmap_clear(&set);
    for (uint32_t step = 0; step < steps / 2; step++)
        check(tpi_bitmap_add(&set, next(step)));
    tpi_bitmap_clear(&set);
}

static uint32_t one_in_each_part(uint32_t step)
{
    return step * 40503 % 65536 << 12 | step % 5 << 10 | step / 65536;
}

static uint32_t in_one_row(uint32_t step)
{
    return step * 31;
}

static uint32_t in_thirty_rows(uint32_t step)
{
    return step % 30 << 23 | step / 30;
}

TAP_TEST(bitmap__a_process_without_memory_goes_on)
{
    static uint32_t (*const ways[])(uint32_t) = {one_in_each_part, in_one_row, in_thirty_rows};
    if (!HEAP_SEEN)
        tap_skip("a sanitizer needs address space of its own");
    for (size_t i = 0; i < COUNT(ways); i++) {
        int status = -1;
        fflush(stdout);
        pid_t child = fork();
        require(child >= 0);
        if (child == 0) {
            fill_and_empty(ways[i]);
            fflush(stdout);
            _exit(tap_failures_ != 0);
        }
        check_eq(waitpid(child, &status, 0), child);
        check(WIFEXITED(status));
        check_eq(WEXITSTATUS(status), 0);
    }
}

int main(void)
{
    tap_run(bitmap__a_process_without_memory_goes_on); /* while the heap is small */
    tap_run(bitmap__the_empty_set);
    tap_run(bitmap__numbers_at_the_edges);
    tap_run(bitmap__numbers_too_large);
    tap_run(bitmap__reading_from_anywhere_any_number);
    tap_run(bitmap__clear_gives_all_back_and_it_goes_on);
    tap_run(bitmap__a_hundred_thousand_in_a_row);
    tap_run(bitmap__ten_thousand_of_64_million);
    tap_run(bitmap__members_everywhere);
    tap_run(bitmap__random_steps_dense);
    tap_run(bitmap__random_steps_sparse);
    tap_run(bitmap__random_steps_at_the_edges);
    tap_run(bitmap__each_allocation_may_fail);
    tap_run(bitmap__only_add_takes_memory);
    return tap_done();
}
