/* toys_small.c - the classic mistakes of waiting, publishing and locking, one toy for each. */
#include "tests/sim/toys.h"

static tpp_u32 word[8];

static void clear_words(void)
{
    for (int i = 0; i < 8; i++)
        tpp_init(&word[i], 0);
}

/* ---- two fibers add without a read-modify-write ---------------------------------------------- */

static void add_one(void *arg)
{
    (void)arg;
    if (toy_bug == 0)
        tpp_add_relaxed(&word[0], 1);
    else
        tpp_store_relaxed(&word[0], tpp_load_relaxed(&word[0]) + 1);
}

static void lost_update(void *arg)
{
    tpps_thread a, b;
    (void)arg;
    clear_words();
    a = tpps_spawn(add_one, NULL);
    b = tpps_spawn(add_one, NULL);
    tpps_join(a);
    tpps_join(b);
    tpps_check(tpp_load_relaxed(&word[0]) == 2);
}

/* ---- locks ----------------------------------------------------------------------------------- */

static void lock(tpp_u32 *l)
{
    uint32_t seen = 0;
    if (tpp_cas_acquire(l, &seen, 1))
        return;
    while (tpp_exchange_acq_rel(l, 2) != 0)
        tpp_wait(l, 2, TPP_FOREVER);
}

static void unlock(tpp_u32 *l)
{
    if (tpp_exchange_acq_rel(l, 0) == 2)
        tpp_wake(l, 1);
}

static void lock_both(void *arg)
{
    uint32_t first = (uint32_t)(uintptr_t)arg;
    lock(&word[first]);
    lock(&word[1 - first]);
    unlock(&word[1 - first]);
    unlock(&word[first]);
}

static void two_locks(void *arg)
{
    tpps_thread a;
    (void)arg;
    clear_words();
    a = tpps_spawn(lock_both, (void *)(uintptr_t)(toy_bug != 0));
    lock_both(NULL);
    tpps_join(a);
}

static void with_lock(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2; i++) {
        lock(&word[0]);
        tpps_check(tpp_add_relaxed(&word[1], 1) == 0);
        tpp_sub_relaxed(&word[1], 1);
        unlock(&word[0]);
        if (toy_bug != 0)
            unlock(&word[0]);
    }
}

static void double_unlock(void *arg)
{
    tpps_thread a, b;
    (void)arg;
    clear_words();
    a = tpps_spawn(with_lock, NULL);
    b = tpps_spawn(with_lock, NULL);
    tpps_join(a);
    tpps_join(b);
}

/* ---- a timed-out waiter keeps the token it was given ----------------------------------------- */

static struct {
    tpp_u32 granted;
    bool queued;
} waiter[2];
static tpp_u32 waiter_lock;

static void notify_one(void)
{
    lock(&waiter_lock);
    for (int i = 0; i < 2; i++)
        if (waiter[i].queued) {
            waiter[i].queued = false;
            tpp_store_release(&waiter[i].granted, 1);
            unlock(&waiter_lock);
            tpp_wake(&waiter[i].granted, 1);
            return;
        }
    unlock(&waiter_lock);
}

static void wait_for_token(void *arg)
{
    uint32_t me = (uint32_t)(uintptr_t)arg;
    int64_t deadline = me == 0 ? tpp_now(TPP_CLOCK_MONOTONIC) + 1000000 : TPP_FOREVER;
    while (tpp_load_acquire(&waiter[me].granted) == 0)
        if (!tpp_wait(&waiter[me].granted, 0, deadline)) {
            bool chosen;
            lock(&waiter_lock);
            chosen = !waiter[me].queued;
            waiter[me].queued = false;
            unlock(&waiter_lock);
            if (chosen && toy_bug == 0)
                notify_one();
            return;
        }
    if (me == 0)
        notify_one();
}

static void token_eater(void *arg)
{
    tpps_thread a, b;
    (void)arg;
    tpp_init(&waiter_lock, 0);
    for (int i = 0; i < 2; i++) {
        tpp_init(&waiter[i].granted, 0);
        waiter[i].queued = true;
    }
    a = tpps_spawn(wait_for_token, (void *)0);
    b = tpps_spawn(wait_for_token, (void *)1);
    tpps_sleep(1000000);
    notify_one();
    tpps_join(a);
    tpps_join(b);
}

/* ---- a stack of nodes used again at once ----------------------------------------------------- */

static struct node {
    tpp_ptr next;
    int owners;
} node[3];
static tpp_ptr top;
static tpp_u32 stack_lock;

static struct node *pop(void)
{
    void *first;
    struct node *taken;
    if (toy_bug == 0)
        lock(&stack_lock);
    first = tpp_load_acquire(&top);
    while (first != NULL) {
        taken = first;
        if (tpp_cas_acq_rel(&top, &first, tpp_load_relaxed(&taken->next)))
            break;
    }
    if (toy_bug == 0)
        unlock(&stack_lock);
    if (first != NULL)
        tpps_check(((struct node *)first)->owners++ == 0);
    return first;
}

static void push(struct node *given)
{
    void *first;
    given->owners--;
    if (toy_bug == 0)
        lock(&stack_lock);
    first = tpp_load_relaxed(&top);
    do
        tpp_store_relaxed(&given->next, first);
    while (!tpp_cas_release(&top, &first, given));
    if (toy_bug == 0)
        unlock(&stack_lock);
}

static void pop_two(void *arg)
{
    (void)arg;
    pop();
    pop();
}

static void aba(void *arg)
{
    tpps_thread a;
    struct node *first;
    (void)arg;
    for (int i = 0; i < 3; i++) {
        node[i].owners = 0;
        tpp_init(&node[i].next, i < 2 ? &node[i + 1] : NULL);
    }
    tpp_init(&top, &node[0]);
    tpp_init(&stack_lock, 0);
    a = tpps_spawn(pop_two, NULL);
    first = pop();
    pop();
    if (first != NULL)
        push(first);
    tpps_join(a);
}

/* ---- orders: only weak memory or ThreadSanitizer can see these ------------------------------- */

static void cross(void *arg)
{
    uint32_t me = (uint32_t)(uintptr_t)arg;
    tpp_store_relaxed(&word[me], 1);
    if (toy_bug == 0)
        tpp_fence_seq_cst();
    if (tpp_load_relaxed(&word[1 - me]) == 0)
        tpp_add_relaxed(&word[2], 1);
}

static void store_buffer(void *arg)
{
    tpps_thread a, b;
    (void)arg;
    clear_words();
    a = tpps_spawn(cross, (void *)0);
    b = tpps_spawn(cross, (void *)1);
    tpps_join(a);
    tpps_join(b);
    tpps_check(tpp_load_relaxed(&word[2]) < 2);
}

static void publish_word(void *arg)
{
    (void)arg;
    tpp_store_relaxed(&word[0], 7);
    if (toy_bug == 0)
        tpp_store_release(&word[1], 1);
    else
        tpp_store_relaxed(&word[1], 1);
}

static void weak_publication(void *arg)
{
    tpps_thread a;
    (void)arg;
    clear_words();
    a = tpps_spawn(publish_word, NULL);
    if (tpp_load_acquire(&word[1]) != 0)
        tpps_check(tpp_load_relaxed(&word[0]) == 7);
    tpps_join(a);
}

static int plain_data;

static void publish_plain(void *arg)
{
    (void)arg;
    plain_data = 7;
    if (toy_bug == 0)
        tpp_store_release(&word[0], 1);
    else
        tpp_store_relaxed(&word[0], 1);
    tpp_wake(&word[0], 1); /* orders nothing */
}

static void plain_publication(void *arg)
{
    tpps_thread a;
    (void)arg;
    clear_words();
    plain_data = 0;
    a = tpps_spawn(publish_plain, NULL);
    while (tpp_load_acquire(&word[0]) == 0)
        tpp_wait(&word[0], 0, TPP_FOREVER);
    tpps_check(plain_data == 7);
    tpps_join(a);
}

/* ---- waits that mean less than was believed, spins that never end ---------------------------- */

static void set_word(void *arg)
{
    (void)arg;
    tpp_store_release(&word[0], 1);
    tpp_wake(&word[0], 1);
}

static void wait_once(void *arg)
{
    tpps_thread a;
    (void)arg;
    clear_words();
    a = tpps_spawn(set_word, NULL);
    if (toy_bug != 0)
        tpp_wait(&word[0], 0, TPP_FOREVER);
    else
        while (tpp_load_acquire(&word[0]) == 0)
            tpp_wait(&word[0], 0, TPP_FOREVER);
    tpps_check(tpp_load_acquire(&word[0]) == 1);
    tpps_join(a);
}

/* A second is long enough for the other one? Never. */
static void trusts_time(void *arg)
{
    tpps_thread a;
    (void)arg;
    clear_words();
    a = tpps_spawn(set_word, NULL);
    tpps_sleep(1000000000);
    if (toy_bug == 0)
        tpps_join(a);
    tpps_check(tpp_load_acquire(&word[0]) == 1);
    if (toy_bug != 0)
        tpps_join(a);
}

static void polite(void *arg)
{
    uint32_t me = (uint32_t)(uintptr_t)arg;
    tpp_store_release(&word[me], 1);
    tpp_fence_seq_cst();
    while (tpp_load_acquire(&word[1 - me]) != 0) {
        if (toy_bug == 0)
            tpp_store_release(&word[me], 0);
        tpp_cpu_relax();
    }
    tpp_store_release(&word[me], 0);
}

static void after_you(void *arg)
{
    tpps_thread a;
    (void)arg;
    clear_words();
    a = tpps_spawn(polite, (void *)0);
    polite((void *)1);
    tpps_join(a);
}

const struct toy toys_small[] = {
    {"lost update", lost_update, 1, TOY_PLAIN, "check failed", 200, 0, 0},
    {"two locks in both orders", two_locks, 1, TOY_PLAIN, "deadlock", 200, 0, 0},
    {"lock dropped twice", double_unlock, 1, TOY_PLAIN, "check failed", 2000, 0, 0},
    {"timed-out waiter eats the token", token_eater, 1, TOY_PLAIN, "deadlock", 5000, 0, 0},
    {"stack with ABA", aba, 1, TOY_PLAIN, "check failed", 5000, 0, 0},
    {"store buffer without fence", store_buffer, 1, TOY_WEAK, "check failed", 500, 0, 0},
    {"relaxed publication of a word", weak_publication, 1, TOY_WEAK, "check failed", 500, 0, 0},
    {"relaxed publication of plain data", plain_publication, 1, TOY_RACE, NULL, 100, 0, 0},
    {"a wait that is not in a loop", wait_once, 1, TOY_PLAIN, "check failed", 500, 4, 0},
    {"time taken for order", trusts_time, 1, TOY_PLAIN, "check failed", 500, 0, 4},
    {"two spinners wait for each other", after_you, 1, TOY_PLAIN, "livelock", 500, 0, 0},
};
const size_t toys_small_count = sizeof toys_small / sizeof *toys_small;
