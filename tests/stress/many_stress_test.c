/* many_stress_test.c - many threads make random calls about objects of all kinds at once.
 *
 * usage: many_stress_test [CALLS [SEED]]
 *
 * See many.h for what is counted. A call is one turn of a thread, which makes one call of the
 * library at least; callbacks make more. */
#define _GNU_SOURCE
#include "tests/stress/many_real.h"

enum { THREADS = 16 };

static uint64_t calls = 100000;

TAP_TEST(many_stress__c209_calls_about_all_kinds_of_objects_by_sixteen_threads)
{
    uint32_t open_before = entries("/proc/self/fd");
    tap_timeout((uint32_t)(60 + calls / 10000));
    let_many_act(THREADS, calls, NULL);
    check(tpp_peek(&many.calls) >= calls && tpp_peek(&many.meddled) > 0);
    check(tpp_peek(&many.groups) > 0 && tpp_peek(&many.shutdowns) > 0);
    check(tpp_peek(&many.told) > 0 && tpp_peek(&many.deadlocks) > 0 && many.guarded > 0);
    for (int kind = 0; kind < MANY_KINDS; kind++)
        check(many.ran[kind] > 100);
    check(entries("/proc/self/fd") <= open_before + 12);
}

int main(int argc, char **argv)
{
    leave_rings_out();
    if (argc > 1)
        calls = strtoull(argv[1], NULL, 10);
    if (argc > 2)
        seed = strtoull(argv[2], NULL, 10);
    tap_run(many_stress__c209_calls_about_all_kinds_of_objects_by_sixteen_threads);
    return tap_done();
}
