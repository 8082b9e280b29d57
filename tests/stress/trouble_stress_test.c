/* trouble_stress_test.c - calls about all kinds of objects, while the system gives trouble.
 *
 * usage: trouble_stress_test [CALLS], or a mode below, with the calls in TROUBLE_CALLS
 *
 * Each trouble has a process of its own, and two rounds in it. What must hold is what holds without
 * (many.h): nothing is lost or done twice. And in the end threads and descriptors are what they
 * were, and the second round needs hardly more memory than the first. */
#define _GNU_SOURCE
#include "tests/stress/troubles.h"

enum { THREADS = 16, SKIPPED = 77, MORE_KB = 48 << 10 };

static uint64_t calls(void)
{
    const char *text = getenv("TROUBLE_CALLS");
    return text ? strtoull(text, NULL, 10) : 10000;
}

/* ---- in a process of its own ----------------------------------------------------------------- */

/* Is it one of the kernel's own, which works for a ring? */
static bool works_for_ring(const char *thread)
{
    char path[300], name[16] = "";
    snprintf(path, sizeof path, "/proc/self/task/%s/comm", thread);
    FILE *file = fopen(path, "r");
    if (file && !fgets(name, sizeof name, file))
        name[0] = 0;
    if (file)
        fclose(file);
    return strncmp(name, "iou-", 4) == 0;
}

static uint32_t own_threads(void)
{
    uint32_t count = 0;
    DIR *folder = opendir("/proc/self/task");
    for (struct dirent *entry; folder && (entry = readdir(folder));)
        count += entry->d_name[0] != '.' && !works_for_ring(entry->d_name);
    if (folder)
        closedir(folder);
    return count;
}

/* But for the gate, and those of the default pool that are still idle. */
static void expect_as_before(uint32_t open_before)
{
    tp_pool_t *pool = NULL;
    int64_t end = now() + 10000 * MS * patience();
    must(tp_pool_default(&pool) == TP_OK);
    while (own_threads() > THREADS_BEFORE + 1 + stats_of(pool).threads && now() < end)
        usleep(1000);
    must(own_threads() <= THREADS_BEFORE + 1 + stats_of(pool).threads);
    must(entries("/proc/self/fd") <= open_before + 12);
}

static int64_t memory_kb(void)
{
    return status_line("/proc/self/status", "VmRSS", 10);
}

static void rounds(uint32_t threads, void *(*trouble)(void *))
{
    uint32_t open_before = entries("/proc/self/fd");
    int64_t memory[2];
    for (int i = 0; i < 2; i++) {
        let_many_act(threads, calls(), trouble);
        expect_as_before(open_before);
        memory[i] = memory_kb();
    }
    printf("# trouble %u times, %u signals; %lld and %lld KiB in use\n", tpp_peek(&done),
           tpp_peek(&handled), (long long)memory[0], (long long)memory[1]);
    must(SANITIZED || memory[1] < memory[0] + MORE_KB);
    must(!trouble || tpp_peek(&done) > 0);
    must(tpp_peek(&many.calls) >= calls() / threads * threads);
    check_eq(tpp_peek(&wrong), 0);
}

static uint32_t processors(void)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count < 1 ? 1 : count > 16 ? 16 : (uint32_t)count;
}

static void four_to_one(void)
{
    rounds(4 * processors(), NULL);
}

static void sixteen_to_one(void)
{
    rounds(16 * processors(), NULL);
}

static void signals_without_restart(void)
{
    listen_to_storm(0);
    many_thread_starts = bare_thread;
    rounds(THREADS, send_signals);
    must(tpp_peek(&handled) > 0);
}

static void signals_with_restart(void)
{
    listen_to_storm(SA_RESTART);
    many_thread_starts = bare_thread;
    rounds(THREADS, send_signals);
    must(tpp_peek(&handled) > 0);
}

static void priorities(void)
{
    rounds(THREADS, change_priorities);
}

static void affinity(void)
{
    rounds(THREADS, shrink_affinity);
}

static void forks(void)
{
    rounds(THREADS, fork_again);
}

static void stops(void)
{
    rounds(THREADS, be_stopped);
}

/* As a user whom nobody else is, so that the limit counts this process only. */
static void few_threads(void)
{
    if (setgid(65534) != 0 || setuid((uid_t)(1000000 + getpid())) != 0)
        _exit(SKIPPED);
    poor = true;
    rounds(THREADS, refuse_threads);
}

static void little_memory(void)
{
    poor = true;
    rounds(THREADS, refuse_memory);
}

static void few_descriptors(void)
{
    poor = true;
    rounds(THREADS, refuse_descriptors);
}

static const struct mode modes[] = {
    {"four", four_to_one},
    {"sixteen", sixteen_to_one},
    {"signals", signals_without_restart},
    {"restart", signals_with_restart},
    {"nice", priorities},
    {"affinity", affinity},
    {"fork", forks},
    {"stop", stops},
    {"threads", few_threads},
    {"memory", little_memory},
    {"descriptors", few_descriptors},
};

/* ---- the tests ------------------------------------------------------------------------------- */

static void expect_success(const char *mode)
{
    tap_timeout((unsigned)(60 + calls() / 2000));
    int end = end_of_within(start_again(mode, (unsigned)(50 + calls() / 2000), -1),
                            (time_t)(40 + calls() / 2000));
    if (end == SKIPPED)
        tap_skip("only root may become a user of its own");
    check_eq(end, 0);
}

TAP_TEST(trouble__four_threads_for_each_processor)
{
    expect_success("four");
}

TAP_TEST(trouble__sixteen_threads_for_each_processor)
{
    expect_success("sixteen");
}

TAP_TEST(trouble__each_thread_is_interrupted_a_thousand_times_a_second)
{
    expect_success("signals");
}

TAP_TEST(trouble__and_its_system_calls_are_begun_again)
{
    expect_success("restart");
}

TAP_TEST(trouble__priorities_change_all_the_time)
{
    expect_success("nice");
}

TAP_TEST(trouble__the_processors_are_one_or_all)
{
    expect_success("affinity");
}

TAP_TEST(trouble__the_process_forks_in_the_middle_of_it_all)
{
    if (SANITIZED)
        tap_skip(NEEDS_ORDER_AFTER_FORK);
    expect_success("fork");
}

TAP_TEST(trouble__a_stopped_process_goes_on_and_nothing_has_piled_up)
{
    expect_success("stop");
}

TAP_TEST(trouble__threads_are_refused_now_and_then)
{
    expect_success("threads");
}

TAP_TEST(trouble__memory_is_refused_now_and_then)
{
    if (SANITIZED)
        tap_skip("a sanitizer wants all of the address space");
    expect_success("memory");
}

TAP_TEST(trouble__descriptors_are_refused_now_and_then)
{
    if (SANITIZED)
        tap_skip("a sanitizer wants descriptors");
    expect_success("descriptors");
}

int main(int argc, char **argv)
{
    leave_rings_out();
    if (argc > 1 && !strtoull(argv[1], NULL, 10))
        return run_mode_of(modes, COUNT(modes), argv[1]);
    if (argc > 1)
        setenv("TROUBLE_CALLS", argv[1], 1);
    tap_run(trouble__four_threads_for_each_processor);
    tap_run(trouble__sixteen_threads_for_each_processor);
    tap_run(trouble__each_thread_is_interrupted_a_thousand_times_a_second);
    tap_run(trouble__and_its_system_calls_are_begun_again);
    tap_run(trouble__priorities_change_all_the_time);
    tap_run(trouble__the_processors_are_one_or_all);
    tap_run(trouble__the_process_forks_in_the_middle_of_it_all);
    tap_run(trouble__a_stopped_process_goes_on_and_nothing_has_piled_up);
    tap_run(trouble__threads_are_refused_now_and_then);
    tap_run(trouble__memory_is_refused_now_and_then);
    tap_run(trouble__descriptors_are_refused_now_and_then);
    return tap_done();
}
