/* toys_memory.c - mistakes with memory and with calls that fail, one toy for each. */
#include <poll.h>
#include <string.h>

#include "tests/sim/toys.h"

/* ---- somebody who wakes touches the waiter's memory after letting it go ---------------------- */

struct waiter {
    tpp_u32 released;
    tpp_u32 woken; /* statistics, kept one access too long */
};

static tpp_ptr slot;

static void release_waiter(void *arg)
{
    struct waiter *w;
    (void)arg;
    while ((w = tpp_load_acquire(&slot)) == NULL)
        tpp_cpu_relax();
    if (toy_bug == 0)
        tpp_add_relaxed(&w->woken, 1);
    tpp_store_release(&w->released, 1);
    tpp_wake(&w->released, 1); /* the word may be gone by now: that is allowed */
    if (toy_bug != 0)
        tpp_add_relaxed(&w->woken, 1);
}

static void wait_in(struct waiter *w)
{
    tpp_init(&w->released, 0);
    tpp_init(&w->woken, 0);
    tpp_store_release(&slot, w);
    while (tpp_load_acquire(&w->released) == 0)
        tpp_wait(&w->released, 0, TPP_FOREVER);
}

static void heap_waiter(void *arg)
{
    struct waiter *w;
    tpps_thread a;
    (void)arg;
    tpp_init(&slot, NULL);
    a = tpps_spawn(release_waiter, NULL);
    w = tpp_alloc(sizeof *w, _Alignof(struct waiter));
    wait_in(w);
    tpp_free(w, sizeof *w);
    tpps_join(a);
}

/* Deep enough that what the fiber calls afterwards does not reach down to where the waiter was. */
__attribute__((noinline)) static void wait_on_stack(void)
{
    struct {
        struct waiter waiter;
        char above[8192];
    } deep;
    deep.above[0] = 0;
    wait_in(&deep.waiter);
}

static void stack_waiter(void *arg)
{
    tpps_thread a;
    (void)arg;
    tpp_init(&slot, NULL);
    a = tpps_spawn(release_waiter, NULL);
    wait_on_stack();
    tpps_join(a);
}

/* ---- plain blocks ---------------------------------------------------------------------------- */

static void leak(void *arg)
{
    void *a = tpp_alloc(32, 8), *b = tpp_alloc(48, 64);
    (void)arg;
    tpps_check((uintptr_t)b % 64 == 0);
    tpp_free(a, 32);
    if (toy_bug == 0)
        tpp_free(b, 48);
}

static void double_free(void *arg)
{
    void *a = tpp_alloc(32, 8);
    (void)arg;
    tpp_free(a, 32);
    if (toy_bug != 0)
        tpp_free(a, 32);
}

static void wrong_size(void *arg)
{
    void *a = tpp_alloc(32, 8);
    (void)arg;
    tpp_free(a, toy_bug != 0 ? 16 : 32);
}

/* Under AddressSanitizer this dies at once, and rightly so. */
static void write_after_free(void *arg)
{
    char *a = tpp_alloc(32, 8);
    (void)arg;
    if (toy_bug == 0)
        memset(a, 1, 32);
    tpp_free(a, 32);
    if (toy_bug != 0)
        __atomic_store_n(&a[5], 1, __ATOMIC_RELAXED);
}

static void forbidden(void *arg)
{
    void *a;
    (void)arg;
    if (toy_bug != 0)
        tpps_forbid_alloc(true);
    a = tpp_alloc(8, 8);
    tpp_free(a, 8);
    if (toy_bug != 0)
        tpps_forbid_alloc(false);
}

/* ---- calls that fail ------------------------------------------------------------------------- */

static tpp_u32 pending;

static void finish_one(void)
{
    if (tpp_sub_acq_rel(&pending, 1) == 1)
        tpp_wake(&pending, 1);
}

static void job(void *arg)
{
    void *memory = tpp_alloc(32, 8);
    (void)arg;
    if (memory == NULL) {
        if (toy_bug == 0)
            finish_one();
        return;
    }
    tpp_free(memory, 32);
    finish_one();
}

static void forgotten_completion(void *arg)
{
    uint32_t seen;
    (void)arg;
    tpp_init(&pending, 2);
    for (int i = 0; i < 2; i++)
        if (tpp_thread_start(job, NULL, NULL) != 0)
            finish_one();
    while ((seen = tpp_load_acquire(&pending)) != 0)
        tpp_wait(&pending, seen, TPP_FOREVER);
}

/* Three steps to make an object; the way back must undo the first when the third fails. */
static void half_built(void *arg)
{
    void *object = tpp_alloc(64, 8), *table;
    struct tpp_poller *poller;
    (void)arg;
    if (object == NULL)
        return;
    table = tpp_alloc(256, 8);
    if (table == NULL) {
        tpp_free(object, 64);
        return;
    }
    if (tpp_poller_open(&poller) == 0)
        tpp_poller_close(poller);
    else if (toy_bug != 0)
        return;
    tpp_free(table, 256);
    tpp_free(object, 64);
}

/* ---- an event of somebody who left ----------------------------------------------------------- */

static void stale_event(void *arg)
{
    struct tpp_poller *poller;
    struct tpp_poller_event event;
    uint64_t generation = 1;
    (void)arg;
    tpps_check(tpp_poller_open(&poller) == 0);
    tpps_descriptor_open(5, TPPS_STREAM);
    tpps_descriptor_set_ready(5, POLLIN);
    tpps_check(tpp_poller_add(poller, 5, POLLIN, generation) == 0);
    tpps_check(tpp_poller_remove(poller, 5) == 0);
    tpps_descriptor_set_ready(5, 0);
    generation++;
    tpps_check(tpp_poller_add(poller, 5, POLLIN, generation) == 0);
    if (tpp_poller_wait(poller, &event, 1, tpp_now(TPP_CLOCK_MONOTONIC)) == 1 &&
        (toy_bug != 0 || event.key == generation))
        tpps_fail("an event although nothing is ready");
    tpp_poller_close(poller);
}

const struct toy toys_memory[] = {
    {"waker touches a freed waiter", heap_waiter, 1, TOY_HEAP, "after it was freed", 2000, 0, 0},
    {"waker touches a waiter on a stack", stack_waiter, 1, TOY_PLAIN, "stack", 2000, 0, 0},
    {"leak", leak, 1, TOY_PLAIN, "leak", 1, 0, 0},
    {"double free", double_free, 1, TOY_PLAIN, "freed twice", 1, 0, 0},
    {"freed with another size", wrong_size, 1, TOY_PLAIN, "freed as one of", 1, 0, 0},
    {"write after free", write_after_free, 1, TOY_HEAP, "was written after it was freed", 1, 0, 0},
    {"allocation where none may be", forbidden, 1, TOY_PLAIN, "where none is allowed", 1, 0, 0},
    {"failed allocation forgets its completion", forgotten_completion, 1, TOY_SWEEP, "deadlock",
     100, 0, 0},
    {"failed open leaks what came before", half_built, 1, TOY_SWEEP, "leak", 100, 0, 0},
    {"event of a removed key is believed", stale_event, 1, TOY_PLAIN, "nothing is ready", 100, 0,
     0},
};
const size_t toys_memory_count = sizeof toys_memory / sizeof *toys_memory;
