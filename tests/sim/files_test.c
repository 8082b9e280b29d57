/* files_test.c - in the simulator: numbers that name files, processes, and signals. */
#include <errno.h>
#include <poll.h>

#include "tests/sim/schedules.h"

static struct tpp_poller *poller;
static int keep(int number)
{
    int own = -1;
    tpps_check(tpp_file_keep(number, &own) == 0 && own != number);
    return own;
}

/* Again if it came for nothing. */
static uint32_t harvest(struct tpp_poller_event *event)
{
    for (int i = 0; i < 20; i++)
        if (tpp_poller_wait(poller, event, 1, 0) != 0)
            return 1;
    return 0;
}

static bool told_of(uint64_t key)
{
    struct tpp_poller_event event;
    for (int i = 0; i < 10; i++)
        if (harvest(&event) != 0 && event.key == key)
            return true;
    return false;
}

/* ---- numbers and files ----------------------------------------------------------------------- */

static void numbers(void *arg)
{
    int own, other;
    (void)arg;
    tpps_check(tpp_file_keep(3, &own) == EBADF && tpp_file_keep(-1, &own) == EBADF);
    tpps_check(tpps_descriptor_open(-1, TPPS_STREAM) == 3);
    tpps_check(tpps_descriptor_open(5, TPPS_STREAM) == 5);
    tpps_check(tpps_descriptor_open(-1, TPPS_STREAM) == 4);
    own = keep(3);
    other = keep(own);
    tpps_check(own != other && tpps_files_open() == 3 && tpps_files_kept() == 2);
    tpps_check(tpps_descriptor_names(3) == 3);
    tpps_check(tpp_file_same(3, own) && tpp_file_same(other, own) && !tpp_file_same(4, own));
    tpps_check(!tpp_file_same(6, own) && !tpp_file_same(-1, own)); /* these name nothing */
    tpps_descriptor_close(3);
    tpps_check(!tpp_file_same(3, own) && tpp_file_same(other, own) && tpps_files_open() == 3);
    tpps_check(tpp_file_keep(3, &other) == EBADF);
    tpps_check(tpps_descriptor_open(3, TPPS_STREAM) == 3); /* a stranger */
    tpps_check(!tpp_file_same(3, own) && tpps_files_open() == 4);
    tpps_descriptor_set_ready(3, POLLIN);
    tpps_check(tpps_descriptor_ready(3) == POLLIN && tpps_descriptor_ready(own) == 0);
    tpp_file_drop(own);
    tpps_check(tpps_files_open() == 4);
    tpp_file_drop(other);
    tpps_check(tpps_files_open() == 3 && tpps_files_kept() == 0); /* gone with the last number */
}

TAP_TEST(file__it_lives_as_long_as_a_number_names_it)
{
    passes(numbers);
}

static void copies(void *arg)
{
    int own;
    (void)arg;
    tpps_descriptor_open(3, TPPS_STREAM);
    tpps_check(tpps_descriptor_copy(3, -1) == 4 && tpps_descriptor_names(3) == 2);
    own = keep(4);
    tpps_descriptor_set_ready(3, POLLOUT);
    tpps_check(tpps_descriptor_ready(4) == POLLOUT && tpps_descriptor_ready(own) == POLLOUT);
    tpps_check(tpp_file_same(3, own) && tpp_file_same(4, own));
    tpps_descriptor_open(5, TPPS_STREAM);
    tpps_check(tpps_descriptor_copy(5, 4) == 4 && tpps_files_open() == 2); /* names another now */
    tpps_check(!tpp_file_same(4, own) && tpps_descriptor_ready(4) == 0);
    tpps_check(tpps_descriptor_copy(5, 5) == 5);
    tpps_descriptor_close(3);
    tpps_check(tpps_files_open() == 2);
    tpp_file_drop(own);
    tpps_check(tpps_files_open() == 1);
}

TAP_TEST(file__its_state_is_that_of_all_its_numbers)
{
    passes(copies);
}

static void hidden(void *arg)
{
    int own;
    (void)arg;
    tpps_descriptor_open(3, TPPS_STREAM);
    own = keep(3);
    tpps_check(tpp_file_same(3, own));
    tpps_hide_files(true);
    tpps_check(!tpp_file_same(3, own));
    tpps_hide_files(false);
    tpps_check(tpp_file_same(3, own));
    tpps_hide_files(true); /* for this run only */
    tpp_file_drop(own);
}

TAP_TEST(file__the_system_need_not_tell_which_are_the_same)
{
    passes(hidden);
}

static void own_numbers(void *arg)
{
    int first, second;
    (void)arg;
    tpps_descriptor_open(3, TPPS_STREAM);
    first = keep(3);
    tpp_file_drop(first);
    second = keep(3);
    saw(first == second ? 1 : 2);
    tpp_file_drop(second);
}

static void many_own_numbers(void *arg)
{
    (void)arg;
    tpps_descriptor_open(3, TPPS_STREAM);
    for (int i = 0; i < 3000; i++)
        tpp_file_drop(keep(3));
}

TAP_TEST(file__a_number_of_ones_own_is_new_or_one_given_back)
{
    passes_seeing(own_numbers, 3);
    passes_once(many_own_numbers);
}

/* ---- interests ------------------------------------------------------------------------------- */

/* Closed by the application, and the number used again, while the library has its own. */
static void own_interest(void *arg)
{
    int own;
    (void)arg;
    tpps_check(tpp_poller_open(&poller) == 0);
    tpps_descriptor_open(3, TPPS_STREAM);
    own = keep(3);
    tpps_check(tpp_poller_add(poller, own, POLLIN, 7) == 0);
    tpps_descriptor_copy(3, 4);
    tpps_descriptor_close(3);
    tpps_descriptor_open(3, TPPS_STREAM);
    tpps_check(tpps_descriptor_interests(own) == 1 && tpps_descriptor_interests(3) == 0);
    tpps_descriptor_set_ready(3, POLLIN); /* the stranger */
    tpps_check(!told_of(7));
    tpps_descriptor_set_ready(4, POLLIN);
    tpps_check(told_of(7));
    tpps_check(tpp_poller_modify(poller, own, POLLIN | TPP_POLL_ONCE, 8) == 0 && told_of(8));
    tpps_check(tpp_poller_remove(poller, own) == 0 && tpps_descriptor_interests(own) == 0);
    tpp_file_drop(own);
    tpp_poller_close(poller);
}

TAP_TEST(file__events_go_on_when_the_application_has_closed_its_number)
{
    passes(own_interest);
}

/* What must not happen to the library: the number is gone, the file is not, and nobody can say to
 * the poller what it is about any more. */
static void orphan(void *arg)
{
    int own;
    (void)arg;
    tpps_check(tpp_poller_open(&poller) == 0);
    tpps_descriptor_open(3, TPPS_STREAM);
    own = keep(3);
    tpps_check(tpp_poller_add(poller, 3, POLLIN, 7) == 0);
    tpps_descriptor_set_ready(3, POLLIN);
    tpps_descriptor_close(3);
    tpps_check(told_of(7) && tpp_poller_remove(poller, 3) == EBADF);
    tpps_descriptor_open(3, TPPS_STREAM);
    tpps_check(tpp_poller_modify(poller, 3, POLLIN, 7) == ENOENT);
    tpps_check(tpp_poller_add(poller, 3, POLLIN, 8) == 0 && told_of(7)); /* beside the other */
    tpps_check(tpp_poller_add(poller, own, POLLIN, 9) == 0 && told_of(7) && told_of(9));
    tpps_check(tpps_descriptor_interests(own) == 2 && tpps_descriptor_interests(3) == 1);
    tpp_file_drop(own); /* the last: now they go, removed or not */
    tpps_check(!told_of(7) && !told_of(9));
    tpp_poller_close(poller);
}

TAP_TEST(file__an_interest_lives_as_long_as_the_file_not_the_number)
{
    passes(orphan);
}

/* ---- faults, leaks, misuse ------------------------------------------------------------------- */

static void refused(void *arg)
{
    int own = 7;
    (void)arg;
    tpps_descriptor_open(3, TPPS_STREAM);
    tpps_check(tpp_file_keep(4, &own) == EBADF && tpps_fault_points() == 0);
    tpps_check(tpp_file_keep(3, &own) == EMFILE && own == 7 && tpps_files_kept() == 0);
    tpps_check(tpp_signal_open(99, &own) == EINVAL && tpps_fault_points() == 1);
    tpps_check(tpp_signal_open(10, &own) == EMFILE && own == 7 && tpps_files_open() == 1);
}

TAP_TEST(file__descriptors_may_run_out)
{
    passes_with((struct tpps_options){.fail_nth = 1, .fail_on = true}, refused);
}

static void forgets_file(void *arg)
{
    (void)arg;
    tpps_descriptor_open(3, TPPS_STREAM);
    tpps_descriptor_open(4, TPPS_STREAM); /* the application may */
    keep(3);
}

static void forgets_signal(void *arg)
{
    int own;
    (void)arg;
    tpps_check(tpp_signal_open(10, &own) == 0);
}

TAP_TEST(file__what_is_kept_at_the_end_is_a_leak)
{
    fails(forgets_file, "1 files kept");
    fails(forgets_signal, "1 files kept");
    passes_with((struct tpps_options){.leaks_allowed = true}, forgets_file);
}

static int dropped(void)
{
    int own;
    tpps_check(tpp_poller_open(&poller) == 0);
    tpps_descriptor_open(3, TPPS_STREAM);
    own = keep(3);
    tpp_file_drop(own);
    return own;
}

static void drops_twice(void *arg)
{
    (void)arg;
    tpp_file_drop(dropped());
}

static void compares_dropped(void *arg)
{
    (void)arg;
    tpp_file_same(3, dropped());
}

static void adds_dropped(void *arg)
{
    int own = dropped();
    (void)arg;
    tpp_poller_add(poller, own, POLLIN, 1);
}

static void modifies_dropped(void *arg)
{
    int own = dropped();
    (void)arg;
    tpp_poller_modify(poller, own, POLLIN, 1);
}

static void removes_dropped(void *arg)
{
    int own = dropped();
    (void)arg;
    tpp_poller_remove(poller, own);
}

static void takes_dropped(void *arg)
{
    (void)arg;
    tpp_signal_take(dropped());
}

static void drops_what_is_not_its_own(void *arg)
{
    (void)arg;
    tpps_descriptor_open(3, TPPS_STREAM);
    tpp_file_drop(3);
}

static void takes_from_a_stream(void *arg)
{
    (void)arg;
    tpps_descriptor_open(3, TPPS_STREAM);
    tpp_signal_take(keep(3));
}

TAP_TEST(file__the_library_misusing_its_numbers_fails_the_run)
{
    fails(drops_twice, "drop of own descriptor");
    fails(compares_dropped, "comparison of own descriptor");
    fails(adds_dropped, "adding of descriptor 1000000, which the library has given back");
    fails(modifies_dropped, "modifying of descriptor");
    fails(removes_dropped, "removing of descriptor");
    fails(takes_dropped, "taking a signal of own descriptor");
    fails(drops_what_is_not_its_own, "drop of own descriptor 3, which is not open");
    fails(takes_from_a_stream, "which is for none");
}

static void closes_twice(void *arg)
{
    (void)arg;
    tpps_descriptor_open(3, TPPS_STREAM);
    tpps_descriptor_close(3);
    tpps_descriptor_close(3);
}

static void closes_the_librarys(void *arg)
{
    (void)arg;
    tpps_descriptor_open(3, TPPS_STREAM);
    tpps_descriptor_close(keep(3));
}

static void opens_twice(void *arg)
{
    (void)arg;
    tpps_descriptor_open(3, TPPS_STREAM);
    tpps_descriptor_open(3, TPPS_STREAM);
}

static void sets_nothing(void *arg)
{
    (void)arg;
    tpps_descriptor_set_ready(3, POLLIN);
}

static void ends_a_stream(void *arg)
{
    (void)arg;
    tpps_descriptor_open(3, TPPS_STREAM);
    tpps_process_end(3);
}

static void polls_nothing(void *arg)
{
    (void)arg;
    tpps_poll(3, 0);
}

TAP_TEST(file__a_scenario_misusing_numbers_fails_the_run)
{
    fails(closes_twice, "close of descriptor 3, which the application has not open");
    fails(closes_the_librarys, "which the application has not open");
    fails(opens_twice, "which is open");
    fails(sets_nothing, "which the application has not open");
    fails(ends_a_stream, "which is no process");
    fails(polls_nothing, "poll of the closed descriptor");
}

/* ---- waiting for one file -------------------------------------------------------------------- */

static void set_later(void *arg)
{
    tpps_sleep(SECOND);
    tpps_descriptor_set_ready(3, (uint32_t)(uintptr_t)arg);
}

static void file_wait(void *arg)
{
    int64_t start = tpps_now();
    tpps_thread thread;
    uint32_t found = 9;
    (void)arg;
    tpps_check(tpp_file_wait(3, POLLIN, TPP_FOREVER, &found) == EBADF && found == 9);
    tpps_descriptor_open(3, TPPS_STREAM);
    tpps_check(tpp_file_wait(3, POLLIN, start + SECOND, &found) == 0 && found == 0);
    tpps_check(tpps_now() == start + SECOND);
    tpps_check(tpp_file_wait(3, POLLIN, 0, &found) == 0 && found == 0); /* a look */
    tpps_descriptor_set_ready(3, POLLOUT);
    thread = tpps_spawn(set_later, (void *)(POLLIN | POLLOUT));
    tpps_check(tpp_file_wait(3, POLLIN, TPP_FOREVER, &found) == 0 && found == POLLIN);
    tpps_join(thread);
    tpps_check(tpp_file_wait(3, POLLOUT, 0, &found) == 0 && found == POLLOUT);
    tpps_descriptor_set_ready(3, 0);
    thread = tpps_spawn(set_later, (void *)POLLHUP);
    tpps_check(tpp_file_wait(3, 0, TPP_FOREVER, &found) == 0 && found == POLLHUP);
    tpps_join(thread);
}

TAP_TEST(file__a_thread_waits_for_one_until_it_is_ready_or_the_deadline)
{
    passes_once(file_wait);
}

static void closed_by_others(void *arg)
{
    (void)arg;
    tpps_sleep(1);
    tpps_descriptor_copy(3, 4);
    tpps_descriptor_close(3);
    tpps_descriptor_open(3, TPPS_STREAM);
    tpps_descriptor_set_ready(3, POLLIN); /* a stranger's */
    tpps_sleep(SECOND);
    tpps_descriptor_set_ready(4, POLLIN | POLLHUP);
}

static void closed_meanwhile(void *arg)
{
    uint32_t found;
    (void)arg;
    tpps_descriptor_open(3, TPPS_STREAM);
    tpps_spawn(closed_by_others, NULL);
    tpps_check(tpp_file_wait(3, POLLIN, TPP_FOREVER, &found) == 0);
    tpps_check(found == (POLLIN | POLLHUP) && tpps_now() == 1001 * SECOND + 1);
}

TAP_TEST(file__who_waits_for_it_keeps_it)
{
    passes_once(closed_meanwhile);
}

static void processes(void *arg)
{
    uint32_t found;
    int own;
    (void)arg;
    tpps_descriptor_open(3, TPPS_PROCESS);
    tpps_descriptor_open(4, TPPS_STREAM);
    own = keep(3);
    tpps_check(tpp_file_is_process(3) == 0 && tpp_file_is_process(own) == 0);
    tpps_check(tpp_file_is_process(4) == EBADF && tpp_file_is_process(5) == EBADF);
    tpps_check(tpp_file_wait(own, POLLIN, 0, &found) == 0 && found == 0);
    tpps_process_end(3);
    tpps_check(tpp_file_wait(own, POLLIN, TPP_FOREVER, &found) == 0 && found == POLLIN);
    tpp_file_drop(own);
}

TAP_TEST(file__a_process_is_readable_once_it_has_ended)
{
    passes(processes);
}

/* ---- signals --------------------------------------------------------------------------------- */

static void which_signals(void *arg)
{
    static const int wrong[] = {-1, 0, 9, 19, 32, 33, 65, 1000};
    bool taken;
    int own;
    (void)arg;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        tpps_check(tpp_signal_open(wrong[i], &own) == EINVAL &&
                   tpp_signal_wait(wrong[i], TPP_FOREVER, &taken) == EINVAL);
    for (int signal = 1; signal <= 64; signal += signal == 31 ? 3 : 1) {
        if (signal == 9 || signal == 19)
            continue;
        tpps_check(tpp_signal_open(signal, &own) == 0);
        tpp_file_drop(own);
    }
}

static void pending_counts(void *arg)
{
    int standard, queued;
    (void)arg;
    for (int i = 0; i < 3; i++)
        tpps_signal_raise(10);
    tpps_check(tpp_signal_open(10, &standard) == 0 && tpp_signal_open(34, &queued) == 0);
    tpps_check(tpps_descriptor_ready(standard) == POLLIN && tpps_descriptor_ready(queued) == 0);
    for (int i = 0; i < 3; i++)
        tpps_signal_raise(34);
    tpps_check(tpps_signal_pending(10) == 1 && tpps_signal_pending(34) == 3);
    tpps_check(tpp_signal_take(standard) && !tpp_signal_take(standard));
    for (int i = 0; i < 3; i++)
        tpps_check(tpps_descriptor_ready(queued) == POLLIN && tpp_signal_take(queued));
    tpps_check(tpps_descriptor_ready(queued) == 0 && !tpp_signal_take(queued));
    tpps_check(tpps_descriptor_ready(standard) == 0 && tpps_files_kept() == 2);
    tpps_signal_raise(10); /* the next run knows nothing of it */
    tpp_file_drop(standard);
    tpp_file_drop(queued);
}

static void two_readers(void *arg)
{
    int first, second;
    (void)arg;
    tpps_check(tpp_signal_open(10, &first) == 0 && tpp_signal_open(10, &second) == 0);
    tpps_check(!tpp_file_same(first, second));
    tpps_check(tpp_poller_open(&poller) == 0 && tpp_poller_add(poller, first, POLLIN, 1) == 0);
    tpps_check(tpp_poller_add(poller, second, POLLIN, 2) == 0 && !told_of(1));
    tpps_signal_raise(10);
    tpps_check(told_of(1) && told_of(2));
    tpps_check(tpp_signal_take(second) && !tpp_signal_take(first)); /* one of them loses */
    tpps_check(!told_of(1) && !told_of(2));
    tpp_file_drop(first);
    tpp_file_drop(second);
    tpp_poller_close(poller);
}

TAP_TEST(signal__a_descriptor_is_readable_while_it_is_pending)
{
    passes_once(which_signals);
    passes(pending_counts);
    passes(two_readers);
}

static void takes_one(void *arg)
{
    bool taken = false;
    tpps_check(tpp_signal_wait((int)(uintptr_t)arg, TPP_FOREVER, &taken) == 0 && taken);
}

/* Sleepers, and one who reads: each signal is consumed once, and wakes somebody. */
static void signals_are_shared(void *arg)
{
    tpps_thread threads[2];
    bool taken;
    int own;
    (void)arg;
    tpps_check(tpp_signal_open(40, &own) == 0);
    for (int i = 0; i < 2; i++)
        threads[i] = tpps_spawn(takes_one, (void *)40);
    tpps_signal_raise(40);
    tpps_signal_raise(40);
    taken = tpp_signal_take(own);
    saw(taken ? 1 : 2);
    if (taken)
        tpps_signal_raise(40);
    for (int i = 0; i < 2; i++)
        tpps_join(threads[i]);
    tpps_check(tpps_signal_pending(40) == 0 && !tpp_signal_take(own));
    tpp_file_drop(own);
}

static void signal_deadline(void *arg)
{
    bool taken = true;
    (void)arg;
    tpps_check(tpp_signal_wait(10, 1002 * SECOND, &taken) == 0 && !taken);
    tpps_check(tpps_now() == 1002 * SECOND);
    tpps_check(tpp_signal_wait(10, 0, &taken) == 0 && !taken);
    tpps_signal_raise(10);
    tpps_check(tpp_signal_wait(10, 0, &taken) == 0 && taken);
}

TAP_TEST(signal__each_is_taken_once_by_whoever_is_first)
{
    passes_seeing(signals_are_shared, 3);
    passes_once(signal_deadline);
}

static void raises_what_cannot_be_blocked(void *arg)
{
    (void)arg;
    tpps_signal_raise(9);
}

TAP_TEST(signal__some_cannot_be_raised)
{
    fails(raises_what_cannot_be_blocked, "cannot be blocked");
}

/* ---- what a child inherits ------------------------------------------------------------------- */

static int prepare_fork(void)
{
    int own;
    tpps_check(tpp_poller_open(&poller) == 0);
    tpps_descriptor_open(3, TPPS_STREAM);
    own = keep(3);
    tpps_check(tpp_poller_add(poller, own, POLLIN, 7) == 0);
    return own;
}

static void forks(void *arg)
{
    int own = prepare_fork(), signals;
    (void)arg;
    tpps_check(tpp_signal_open(34, &signals) == 0);
    tpps_signal_raise(34);
    tpps_fork();
    tpps_check(tpps_signal_pending(34) == 0 && !tpp_signal_take(signals)); /* the parent's */
    tpps_check(tpp_file_same(3, own) && tpps_files_open() == 2 && tpps_files_kept() == 2);
    tpps_descriptor_close(3);
    tpp_file_drop(own);
    tpp_file_drop(signals);
    tpps_check(tpps_files_open() == 2 && tpps_files_kept() == 0); /* it has them open still */
    tpp_poller_close(poller);
    own = prepare_fork(); /* and begins again */
    tpps_descriptor_set_ready(3, POLLIN);
    tpps_check(told_of(7));
}

static void child_waits(void *arg)
{
    struct tpp_poller_event event;
    (void)arg;
    prepare_fork();
    tpps_fork();
    tpp_poller_wait(poller, &event, 1, 0);
}

static void child_removes(void *arg)
{
    int own = prepare_fork();
    (void)arg;
    tpps_fork();
    tpp_poller_remove(poller, own);
}

static void child_watches(void *arg)
{
    (void)arg;
    prepare_fork();
    tpps_fork();
    tpp_alarm_watch(poller);
}

TAP_TEST(fork__files_and_pollers_are_the_parents_too)
{
    passes(forks);
    fails(child_waits, "the parent of this process uses too");
    fails(child_removes, "the parent of this process uses too");
    fails(child_watches, "the parent of this process uses too");
}

int main(void)
{
    tap_run(file__it_lives_as_long_as_a_number_names_it);
    tap_run(file__its_state_is_that_of_all_its_numbers);
    tap_run(file__the_system_need_not_tell_which_are_the_same);
    tap_run(file__a_number_of_ones_own_is_new_or_one_given_back);
    tap_run(file__events_go_on_when_the_application_has_closed_its_number);
    tap_run(file__an_interest_lives_as_long_as_the_file_not_the_number);
    tap_run(file__descriptors_may_run_out);
    tap_run(file__what_is_kept_at_the_end_is_a_leak);
    tap_run(file__the_library_misusing_its_numbers_fails_the_run);
    tap_run(file__a_scenario_misusing_numbers_fails_the_run);
    tap_run(file__a_thread_waits_for_one_until_it_is_ready_or_the_deadline);
    tap_run(file__who_waits_for_it_keeps_it);
    tap_run(file__a_process_is_readable_once_it_has_ended);
    tap_run(signal__a_descriptor_is_readable_while_it_is_pending);
    tap_run(signal__each_is_taken_once_by_whoever_is_first);
    tap_run(signal__some_cannot_be_raised);
    tap_run(fork__files_and_pollers_are_the_parents_too);
    return tap_done();
}
