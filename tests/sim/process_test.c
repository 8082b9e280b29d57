/* process_test.c - in the simulator: threads that exit under guards, forks, exits. */
#include <errno.h>

#include "tests/sim/schedules.h"

static tpp_u32 word, lock, done;
static char order[32];

static void note(char what)
{
    size_t length = strlen(order);
    if (length + 1 < sizeof order)
        order[length] = what;
}

static void begin(void)
{
    memset(order, 0, sizeof order);
    tpp_init(&word, 0);
    tpp_init(&lock, 0);
    tpp_init(&done, 0);
}

static void park(tpp_u32 *on)
{
    while (tpp_load_acquire(on) == 0)
        tpp_wait(on, 0, TPP_FOREVER);
}

static void set(tpp_u32 *on)
{
    tpp_store_release(on, 1);
    tpp_wake(on, TPPS_FIBERS);
}

/* ---- guards ---------------------------------------------------------------------------------- */

struct layer {
    char name;
    bool exits; /* in its body, or else it goes on inwards */
    bool exits_again;
    struct layer *inner;
};

static void layer_ended(void *argument)
{
    struct layer *layer = argument;
    note(layer->name);
    tpp_add_relaxed(&word, 1); /* others may run meanwhile */
    if (layer->exits_again)
        tpps_thread_exit();
}

static void layer_describe(void *argument, char *text, size_t size)
{
    const struct layer *layer = argument;
    snprintf(text, size, "the callback %c", layer->name);
}

static void layer_body(void *argument);
static const struct tpp_guard guard = {layer_body, layer_ended, layer_describe};

static void layer_body(void *argument)
{
    struct layer *layer = argument;
    tpps_point();
    if (layer->inner != NULL)
        tpp_guarded(&guard, layer->inner);
    else if (layer->exits)
        tpps_thread_exit();
    note('-');
}

static void at_exit(void *value)
{
    tpps_check(tpp_local() == value);
    note(*(char *)value);
}

static void run_layers(struct layer *outer)
{
    static char local = 'L';
    tpp_local_at_exit(at_exit);
    tpp_local_set(&local);
    tpp_guarded(&guard, outer);
    note('/');
}

static void two_guards(void *arg)
{
    struct layer inner = {.name = 'i', .exits = true};
    struct layer outer = {.name = 'o', .inner = &inner}; /* these frames stand until the end */
    (void)arg;
    run_layers(&outer);
}

static void ends_again(void *arg)
{
    struct layer inner = {.name = 'i', .exits = true, .exits_again = true};
    struct layer outer = {.name = 'o', .inner = &inner, .exits_again = true};
    (void)arg;
    run_layers(&outer);
}

static void returns(void *arg)
{
    struct layer inner = {.name = 'i'};
    struct layer outer = {.name = 'o', .inner = &inner};
    (void)arg;
    run_layers(&outer);
}

static void returns_then_exits(void *arg)
{
    returns(arg);
    tpps_thread_exit();
}

static void joined(void *arg)
{
    static const struct {
        void (*body)(void *);
        const char *order;
    } cases[] = {
        {two_guards, "ioL"},
        {ends_again, "ioL"},
        {returns, "--/L"},
        {returns_then_exits, "--/L"},
    };
    (void)arg;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin();
        tpps_join(tpps_spawn(cases[i].body, NULL));
        if (strcmp(order, cases[i].order) != 0)
            tpps_fail("case %zu: %s, not %s", i, order, cases[i].order);
    }
}

TAP_TEST(guard__thread_exit_ends_them_innermost_first_then_the_local)
{
    passes(joined);
}

static void service_exits(void *arg)
{
    begin();
    tpps_check(tpp_thread_start(two_guards, NULL, NULL) == 0);
    (void)arg;
}

static void entry_exits(void *arg)
{
    begin();
    two_guards(arg);
}

TAP_TEST(guard__services_and_the_entry_may_exit_too)
{
    passes_with((struct tpps_options){.no_fibers_left = true}, service_exits);
    check(strcmp(order, "ioL") == 0);
    passes_with((struct tpps_options){.no_fibers_left = true}, entry_exits);
    check(strcmp(order, "ioL") == 0);
    begin();
    tpp_guarded(&guard, &(struct layer){.name = 'x'}); /* outside a run it is a call */
    check(strcmp(order, "-") == 0);
}

/* Leaves frames with arrays in them behind; whoever gets the stack next writes over all of it. */
__attribute__((noinline)) static uint32_t deep(uint32_t depth)
{
    unsigned char frame[256];
    memset(frame, (int)depth, sizeof frame);
    if (depth == 0 && tpps_running())
        tpps_thread_exit();
    return depth == 0 ? 0u : deep(depth - 1) + frame[depth];
}

static void exits_deep(void *arg)
{
    tpps_point();
    deep(200);
    (void)arg;
}

__attribute__((noinline)) static void writes_its_stack(void *arg)
{
    char frame[60000];
    memset(frame, 1, sizeof frame);
    tpps_point();
    tpps_check(frame[tpps_choose(60000)] == 1);
    (void)arg;
}

static void one_exits_deep(void *arg)
{
    (void)arg;
    tpps_join(tpps_spawn(exits_deep, NULL));
}

static void exit_and_use_again(void *arg)
{
    (void)arg;
    for (int i = 0; i < 450; i++) {
        tpps_thread one = tpps_spawn(exits_deep, NULL);
        tpps_thread other = tpps_spawn(i % 2 == 0 ? writes_its_stack : exits_deep, NULL);
        tpps_join(one);
        tpps_join(other);
    }
}

TAP_TEST(guard__stacks_of_threads_that_exited_are_used_again)
{
    passes_once(exit_and_use_again);
    check_eq(result.fibers_made, 901);
    for (int i = 0; i < 400; i++)
        passes_once(one_exits_deep);
}

/* ---- exceptions ------------------------------------------------------------------------------ */

static void throws(void *arg)
{
    (void)arg;
    tpps_escape();
}

static void throws_in_two(void *arg)
{
    static const struct tpp_guard throwing = {throws, layer_ended, layer_describe};
    begin();
    if (arg == NULL)
        tpp_guarded(&throwing, &(struct layer){.name = 'q'});
    else
        tpp_guarded(&guard, arg);
}

TAP_TEST(guard__an_escaped_exception_fails_the_run_with_a_name)
{
    fails(throws_in_two, "abort: an exception left the callback q");
    check(strcmp(order, "") == 0); /* nothing is ended: the process is */
    fails(throws, "abort: an exception left a thread that has no guard");
}

/* ---- fork ------------------------------------------------------------------------------------ */

static uint64_t told_on; /* the thread that the fork handler ran on */
static uint32_t told;

static void told_of_fork(void)
{
    tpps_point();
    told++;
    told_on = tpp_thread_id();
}

static void holds_the_lock(void *arg)
{
    set(&lock);
    park(&word);
    tpp_store_release(&lock, 0);
    (void)arg;
}

static void sleeps(void *arg)
{
    tpps_sleep(5 * SECOND);
    set(&done);
    (void)arg;
}

static void spins(void *arg)
{
    while (tpp_load_acquire(&word) == 0)
        tpp_cpu_relax();
    (void)arg;
}

static void adds(void *arg)
{
    tpp_add_acq_rel((tpp_u32 *)arg, 1);
}

static tpps_thread others[3];

static void start_others(void)
{
    begin();
    told = 0;
    tpps_check(tpp_at_fork(told_of_fork) == 0 && tpp_at_fork(told_of_fork) == 0);
    others[0] = tpps_spawn(holds_the_lock, NULL);
    others[1] = tpps_spawn(sleeps, NULL);
    others[2] = tpps_spawn(spins, NULL);
    park(&lock);
}

static void forks(void *arg)
{
    uint64_t before = tpp_thread_id();
    tpps_thread mine;
    (void)arg;
    start_others();
    tpp_alarm_set(SECOND);
    tpps_fork();
    tpps_check(told == 1 && told_on == tpp_thread_id() && told_on != before);
    tpps_check(tpp_thread_state(before) == '?' && tpp_thread_state(told_on) == 'R');
    for (int i = 0; i < 3; i++)
        tpps_check(tpp_thread_state(others[i]) == '?' && tpp_thread_cpu_time(others[i]) == -1);
    tpps_check(tpps_fibers_parked() == 0 && tpps_service_fibers() == 0);
    mine = tpps_spawn(adds, &word);
    tpps_join(mine);
    tpps_check(tpp_load_acquire(&word) == 1);
    tpps_sleep(100 * SECOND); /* nobody sets `done` after 5 */
    tpps_check(tpp_peek(&done) == 0 || tpps_now() >= 1005 * SECOND);
    saw(tpp_peek(&done) == 0 ? 1 : 2);
    tpps_check(tpp_load_acquire(&lock) == 1); /* nobody let go of it */
    tpp_alloc(16, 16);                        /* nobody minds in a child */
}

TAP_TEST(fork__the_child_is_alone_with_what_the_others_held)
{
    tpp_init(&seen, 0);
    passes(forks);
    check((tpp_peek(&seen) & 1) != 0);
}

static void waits_for_the_lock(void *arg)
{
    (void)arg;
    start_others();
    tpps_fork();
    while (tpp_load_acquire(&lock) != 0)
        tpp_wait(&lock, 1, TPP_FOREVER);
}

TAP_TEST(fork__waiting_for_a_vanished_owner_is_a_deadlock)
{
    fails(waits_for_the_lock, "deadlock");
}

static void joins_a_vanished(void *arg)
{
    (void)arg;
    start_others();
    tpps_fork();
    tpps_join(others[0]);
}

static tpp_u32 *on_stack;

static void has_a_word(void *arg)
{
    tpp_u32 mine;
    tpp_init(&mine, 0);
    on_stack = &mine;
    set(&lock);
    park(&mine);
    (void)arg;
}

static void touches_a_vanished_stack(void *arg)
{
    (void)arg;
    begin();
    tpps_spawn(has_a_word, NULL);
    park(&lock);
    tpp_load_relaxed(on_stack);
    tpps_fork();
    tpp_load_relaxed(on_stack);
}

TAP_TEST(fork__what_is_gone_is_not_to_be_touched)
{
    fails(joins_a_vanished, "join of a thread that did not survive");
    fails(touches_a_vanished_stack, "stack of a thread that did not survive");
}

/* A worker forks in a callback: it is the scenario's from then on, and the entry is none. */
static void worker_forks(void *arg)
{
    tpps_fork();
    tpps_check(tpps_service_fibers() == 0);
    set(&done);
    if (arg != NULL)
        tpps_exit();
    tpps_sleep(1000 * SECOND); /* as a service it would not live so long */
    note('c');
    tpps_thread_exit();
}

static void worker_describe(void *arg, char *text, size_t size)
{
    (void)arg;
    snprintf(text, size, "worker");
}

static void worker_ended(void *arg)
{
    tpps_check(arg == NULL);
    note('e');
}

static void worker(void *arg)
{
    static const struct tpp_guard worker_guard = {worker_forks, worker_ended, worker_describe};
    tpp_guarded(&worker_guard, arg);
}

static void worker_forks_entry(void *arg)
{
    begin();
    tpps_check(tpp_thread_start(worker, arg, NULL) == 0);
    park(&done);
    tpps_fail("the entry went on in the child");
}

TAP_TEST(fork__a_worker_that_forks_is_the_scenario)
{
    passes_with((struct tpps_options){.no_fibers_left = true}, worker_forks_entry);
    check(strcmp(order, "ce") == 0);
}

static void many_vanish(void *arg)
{
    tpps_thread thread[TPPS_FIBERS];
    (void)arg;
    begin();
    for (int i = 0; i < 40; i++)
        tpps_spawn(i % 2 == 0 ? spins : sleeps, NULL);
    for (int round = 0; round < 2; round++) { /* a grandchild, too */
        tpps_fork();
        tpp_init(&word, 0);
        for (int i = 0; i < TPPS_FIBERS - 1; i++)
            thread[i] = tpps_spawn(adds, &word);
        for (int i = 0; i < TPPS_FIBERS - 1; i++)
            tpps_join(thread[i]);
        tpps_check(tpp_load_acquire(&word) == TPPS_FIBERS - 1);
        tpp_thread_start(sleeps, NULL, NULL);
    }
}

TAP_TEST(fork__slots_of_the_vanished_are_used_again)
{
    for (int i = 0; i < 5; i++)
        passes_once(many_vanish);
}

static uint32_t plain;

static void writes_plain(void *arg)
{
    plain++;
    tpp_store_relaxed(&word, 1);
    tpp_store_relaxed(&lock, 1);
    park(&done);
    (void)arg;
}

/* All was written before the copy was made: no race and no stale value in the child. */
static void reads_in_child(void *arg)
{
    uint32_t before;
    (void)arg;
    begin();
    plain = 0;
    tpps_spawn(writes_plain, NULL);
    tpps_point();
    tpps_point();
    tpps_fork();
    before = plain;
    tpps_check(tpp_load_relaxed(&lock) == tpp_peek(&lock));
    tpps_check(tpp_load_relaxed(&word) == tpp_peek(&word));
    tpps_check(tpp_peek(&word) <= before);
    plain = before + 5;
    saw(1u << (tpp_peek(&word) + tpp_peek(&lock)));
}

TAP_TEST(fork__the_child_sees_all_that_was_written)
{
    struct tpps_options options = {.weak = true, .quiet = true, .strategy = TPPS_RANDOM};
    passes_seeing(reads_in_child, 7);
    for (options.seed = 1; options.seed < 500; options.seed++)
        check(tpps_run(&options, reads_in_child, NULL, NULL));
}

static void alarm_thread(void *arg)
{
    (void)arg;
    for (;;) {
        (void)tpp_alarm_wait();
        tpp_add_acq_rel(&word, 1);
    }
}

static void polls(void *arg)
{
    struct tpp_poller_event event;
    set(&lock);
    tpp_poller_wait(arg, &event, 1, TPP_FOREVER);
}

static void forks_beside_waiters(void *arg)
{
    struct tpp_poller *poller;
    (void)arg;
    begin();
    tpps_check(tpp_poller_open(&poller) == 0);
    tpps_check(tpp_thread_start(alarm_thread, NULL, NULL) == 0);
    tpps_spawn(polls, poller);
    park(&lock);
    tpp_alarm_set(SECOND);
    tpps_fork();
    tpp_init(&word, 0);
    tpps_check(tpp_thread_start(alarm_thread, NULL, NULL) == 0); /* nobody else waits */
    tpp_poller_close(poller);
    tpps_sleep(5 * SECOND);
    tpps_check(tpp_peek(&word) == 0); /* the alarm was off */
    tpp_alarm_set(SECOND);
    tpps_sleep(1000 * SECOND);
    tpps_check(tpps_service_fibers() <= 1);
}

TAP_TEST(fork__alarm_and_pollers_have_no_waiters_any_more)
{
    passes(forks_beside_waiters);
}

static void told_even_if_refused(void *arg)
{
    int error;
    (void)arg;
    told = 0;
    error = tpp_at_fork(told_of_fork);
    tpps_check(error == 0 || error == ENOMEM);
    tpps_fork();
    tpps_check(told == 1); /* once named, it stays */
    saw(error == 0 ? 1 : 2);
}

static void still_told(void *arg)
{
    (void)arg;
    told = 0;
    tpps_fork();
    tpps_check(told == 1);
}

TAP_TEST(fork__its_handler_lasts_from_run_to_run_and_may_be_refused)
{
    tpp_init(&seen, 0);
    passes_once(told_even_if_refused);
    check_eq(result.fault_points, 1);
    passes_with((struct tpps_options){.fail_nth = 1}, told_even_if_refused);
    check_eq(tpp_peek(&seen), 3);
    passes_once(still_told);
}

/* ---- exit ------------------------------------------------------------------------------------ */

static void exits_the_process(void *arg)
{
    struct tpp_poller *poller;
    int flag;
    (void)arg;
    start_others();
    tpp_thread_start(spins, NULL, NULL);
    tpp_alloc(16, 16);
    tpp_poller_open(&poller);
    tpp_flag_open(&flag);
    tpps_exit();
}

TAP_TEST(exit__the_run_has_passed_whatever_goes_on)
{
    struct tpps_options options = {.no_fibers_left = true, .quiet = true};
    passes_with(options, exits_the_process);
    check_eq(told, 0);
    for (options.seed = 0; options.seed < 50; options.seed++) {
        check(tpps_run(&options, worker_forks_entry, &done, &result)); /* _exit in the child */
        check(strcmp(order, "") == 0);
    }
}

static void fork_in_oracle(void *context)
{
    (void)context;
    tpps_fork();
}

static void quiet_forks(void *arg)
{
    (void)arg;
    tpps_on_quiet(fork_in_oracle, NULL);
    tpps_sleep(1);
}

TAP_TEST(exit__oracles_do_not_fork)
{
    fails(quiet_forks, "tpps_fork outside a fiber");
}

int main(void)
{
    tap_run(guard__thread_exit_ends_them_innermost_first_then_the_local);
    tap_run(guard__services_and_the_entry_may_exit_too);
    tap_run(guard__stacks_of_threads_that_exited_are_used_again);
    tap_run(guard__an_escaped_exception_fails_the_run_with_a_name);
    tap_run(fork__the_child_is_alone_with_what_the_others_held);
    tap_run(fork__waiting_for_a_vanished_owner_is_a_deadlock);
    tap_run(fork__what_is_gone_is_not_to_be_touched);
    tap_run(fork__a_worker_that_forks_is_the_scenario);
    tap_run(fork__slots_of_the_vanished_are_used_again);
    tap_run(fork__the_child_sees_all_that_was_written);
    tap_run(fork__alarm_and_pollers_have_no_waiters_any_more);
    tap_run(fork__its_handler_lasts_from_run_to_run_and_may_be_refused);
    tap_run(exit__the_run_has_passed_whatever_goes_on);
    tap_run(exit__oracles_do_not_fork);
    return tap_done();
}
