/* world_test.c - what surrounds the core in the simulator: failing calls, memory, libraries. */
#include <pthread.h>

#include "core/os/sim/sim.h"
#include "tests/support/tap.h"

static struct tpps_options options;
static struct tpps_result result;
static tpp_u32 other;
static uint32_t count, first;

/* Runs with `options` as the test left them, afterwards back to plain ones. */
static bool run(void (*entry)(void *))
{
    bool ok;
    options.quiet = true;
    ok = tpps_run(&options, entry, NULL, &result);
    options = (struct tpps_options){0};
    return ok;
}

static void must_pass(void (*entry)(void *))
{
    bool ok = run(entry);
    check(ok);
    if (!ok)
        printf("%s", tpps_report());
}

static void at_once(void *arg)
{
    (void)arg;
}

static void four_faults(void *arg)
{
    void *own, *memory = tpp_alloc(10, 64);
    struct tpp_poller *poller = NULL;
    (void)arg;
    tpps_check(memory == NULL || (uintptr_t)memory % 64 == 0);
    count = memory == NULL;
    tpp_free(memory, 10);
    count |= (tpp_thread_start(at_once, NULL, NULL) != 0) * 2u;
    count |= (tpp_poller_open(&poller) != 0) * 4u;
    count |= (tpp_library_pin(&other, &own) != 0) * 8u;
    if (poller != NULL)
        tpp_poller_close(poller);
    if ((count & 8) == 0)
        tpps_check(tpp_library_close(own) == 0);
}

TAP_TEST(world__the_nth_fallible_call_fails)
{
    for (uint32_t nth = 0; nth <= 5; nth++) {
        options.fail_nth = nth;
        must_pass(four_faults);
        check_eq(count, nth % 5 == 0 ? 0 : 1u << (nth - 1));
        check_eq(result.fault_points, 4);
    }
    options.fail_nth = 2;
    options.fail_on = true;
    must_pass(four_faults);
    check_eq(count, 14);
}

static size_t hooked;

static void *hook_alloc(void *context, size_t size, size_t alignment)
{
    void *memory = NULL;
    hooked += size;
    check(context == &hooked);
    return posix_memalign(&memory, alignment, size) == 0 ? memory : NULL;
}

static void hook_free(void *context, void *memory, size_t size)
{
    hooked -= size;
    check(context == &hooked);
    free(memory);
}

static void with_hooks(void *arg)
{
    static const struct tpp_memory_hooks hooks = {hook_alloc, hook_free, &hooked};
    void *memory;
    (void)arg;
    tpp_memory_hooks(&hooks);
    memory = tpp_alloc(100, 16);
    tpps_check(hooked == 100 && tpps_alloc_count() == 1);
    tpp_free(memory, 100);
}

static void without_hooks(void *arg)
{
    (void)arg;
    tpp_free(tpp_alloc(100, 16), 100);
    tpps_check(hooked == 0);
}

TAP_TEST(world__memory_hooks_last_for_one_run)
{
    must_pass(with_hooks);
    check_eq(hooked, 0);
    must_pass(without_hooks);
}

static void library_and_mutex(void *arg)
{
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    void *own;
    (void)arg;
    tpps_library_set_refs(&other, 1);
    tpps_check(tpp_library_pin(&other, &own) == 0);
    tpps_check(tpps_library_refs(&other) == 2);
    tpp_library_close(own);
    tpp_library_close(&other);
    tpps_check(tpps_library_refs(&other) == 0);
    pthread_mutex_lock(&mutex);
    tpps_check(tpp_user_mutex_unlock(&mutex) == 0);
    tpps_check(pthread_mutex_trylock(&mutex) == 0);
    pthread_mutex_unlock(&mutex);
    tpp_library_close(&other);
}

TAP_TEST(world__libraries_are_counted_and_mutexes_unlocked)
{
    check(!run(library_and_mutex));
    check(strstr(result.message, "closed more often") != NULL);
}

static void stands_on_stack(void *arg)
{
    (void)arg;
    tpps_check(!tpp_library_on_stack(&other)); /* what a run has set is over with it */
    tpps_library_set_on_stack(&other, true);
    tpps_check(tpp_library_on_stack(&other) && !tpp_library_on_stack(&count));
    tpps_library_set_on_stack(&other, false);
    tpps_check(!tpp_library_on_stack(&other));
    tpps_library_set_on_stack(&other, true);
}

TAP_TEST(world__a_library_is_on_the_stack_if_a_scenario_says_so)
{
    must_pass(stands_on_stack);
    must_pass(stands_on_stack);
}

static void processors(void *arg)
{
    (void)arg;
    tpps_check(tpp_cpu_count() == 3);
    for (int i = 0; i < 200; i++) {
        tpps_check(tpp_cpu() < 3);
        count |= 1u << tpp_cpu();
    }
    first ^= tpp_random();
}

TAP_TEST(world__fibers_move_between_processors)
{
    count = first = 0;
    options.cpus = 3;
    options.seed = 4;
    must_pass(processors);
    check_eq(count, 7);
    check(first != 0);
    options.cpus = 3;
    options.seed = 4;
    must_pass(processors);
    check_eq(first, 0); /* the same seed, the same numbers */
}

int main(void)
{
    tap_run(world__the_nth_fallible_call_fails);
    tap_run(world__memory_hooks_last_for_one_run);
    tap_run(world__libraries_are_counted_and_mutexes_unlocked);
    tap_run(world__a_library_is_on_the_stack_if_a_scenario_says_so);
    tap_run(world__fibers_move_between_processors);
    return tap_done();
}
