/* refuse_test.c - waits, wakes and threads where the system refuses a call, or interrupts it. */
#define _GNU_SOURCE
#include "core/os/os.h"

#include <dlfcn.h>
#include <sys/eventfd.h>
#include <unwind.h>

#include "core/os/linux/cgroup.h"
#include "tests/core/os/refuse.h"

#define MS INT64_C(1000000)
#define DAY (INT64_C(86400000) * MS)
#define CAPACITY 4

static int64_t in(int64_t delay)
{
    return tpp_now(TPP_CLOCK_MONOTONIC) + delay;
}

/* A poller, and a descriptor in it that is always ready. */
static struct tpp_poller *poller;
static struct tpp_poller_event events[CAPACITY];

static void open_poller(void)
{
    int ready = eventfd(1, EFD_CLOEXEC);
    check_eq(tpp_poller_open(&poller), 0);
    check_eq(tpp_poller_add(poller, ready, POLLIN, 7), 0);
}

/* ---- the alarm ------------------------------------------------------------------------------- */

static void arm_while_the_clock_jumps(void)
{
    refuse("timerfd_settime", 1, ECANCELED);
    check(tpp_alarm_tells_jumps());
    check(all_refused());
    check_eq(count_open("timerfd"), 2);
}

static void arm_in_vain(void)
{
    refuse("timerfd_settime", 1, EINVAL);
    check(!tpp_alarm_tells_jumps());
    check(all_refused());
    check_eq(count_open("timerfd"), 1);
    tpp_alarm_set(0);
    check_eq(tpp_alarm_wait(), TPP_ALARM_TIME);
}

TAP_TEST(alarm__notice_of_jumps_is_had_or_done_without)
{
    run_in_child(arm_while_the_clock_jumps);
    run_in_child(arm_in_vain);
}

/* poll is refused, so that each timer is read: first the one that tells of jumps. */
static void be_told_of_a_jump_first(void)
{
    rlim_t before;
    tpp_alarm_set(0);
    before = allow_below(0);
    refuse("read", 1, ECANCELED);
    check_eq(tpp_alarm_wait(), TPP_ALARM_CLOCK);
    check(all_refused());
    check_eq(tpp_alarm_wait(), TPP_ALARM_TIME);
    (void)allow_below(before);
}

static void cancel(void)
{
    refuse("read", 1, ECANCELED);
}

static void be_told_of_a_jump_by_poll(void)
{
    tpp_alarm_set(0);
    pretend_ready(1);
    refusal.hook = cancel;
    check_eq(tpp_alarm_wait(), TPP_ALARM_CLOCK);
    check(all_refused());
    check_eq(tpp_alarm_wait(), TPP_ALARM_TIME);
}

TAP_TEST(alarm__jump_leaves_the_time_to_the_next_wait)
{
    if (!tpp_alarm_tells_jumps())
        tap_skip("timerfds do not tell of jumps here");
    run_in_child(be_told_of_a_jump_first);
    run_in_child(be_told_of_a_jump_by_poll);
}

static void wait_interrupted(void)
{
    tpp_alarm_set(0);
    refuse("poll", 1, EINTR);
    check_eq(tpp_alarm_wait(), TPP_ALARM_TIME);
    check(all_refused());
    tpp_alarm_set(0);
    pass(MS);
    refuse("read", 1, EINTR);
    check_eq(tpp_alarm_wait(), TPP_ALARM_TIME);
    check(all_refused());
}

static void watch_interrupted(void)
{
    open_poller();
    check(tpp_alarm_watch(poller));
    refuse("epoll_wait", 1, EINTR);
    check_eq(tpp_alarm_wait(), TPP_ALARM_READY);
    check(all_refused());
}

TAP_TEST(alarm__interrupted_anywhere_is_told_all_the_same)
{
    run_in_child(wait_interrupted);
    run_in_child(watch_interrupted);
}

static void set_while_closed(void)
{
    tpp_alarm_set(TPP_FOREVER);
    refuse("timerfd_settime", 1, EBADF);
    tpp_alarm_set(0);
}

static void wait_while_closed(void)
{
    tpp_alarm_set(0);
    pass(MS);
    refuse("read", 1, EBADF);
    (void)tpp_alarm_wait();
}

static void refuse_to_arm(void)
{
    refuse("timerfd_settime", 1, EBADF);
}

static void jump_while_closed(void)
{
    tpp_alarm_set(TPP_FOREVER);
    if (!tpp_alarm_tells_jumps())
        abort();
    (void)allow_below(0);
    meanwhile("read", refuse_to_arm, ECANCELED);
    (void)tpp_alarm_wait();
}

static void read_watches_while_closed(void)
{
    open_poller();
    check(tpp_alarm_watch(poller));
    refuse("epoll_wait", 1, EBADF);
    (void)tpp_alarm_wait();
}

TAP_TEST(alarm__closed_by_the_application_ends_the_process)
{
    expect_abort(set_while_closed);
    expect_abort(wait_while_closed);
    expect_abort(jump_while_closed);
    expect_abort(read_watches_while_closed);
}

static void refuse_to_add(void)
{
    refuse("epoll_ctl", 1, ENOSPC);
}

static void refuse_as_known(void)
{
    refuse("epoll_ctl", 1, EEXIST);
}

static void watch_in_vain(void)
{
    open_poller();
    refuse("epoll_ctl", 1, ENOMEM);
    check(!tpp_alarm_watch(poller));
    check(all_refused());
    meanwhile("epoll_ctl", refuse_to_add, ENOENT);
    check(!tpp_alarm_watch(poller));
    check(all_refused());
    meanwhile("epoll_ctl", refuse_as_known, ENOENT); /* another thread was faster, and so on */
    check(tpp_alarm_watch(poller));
    check(all_refused());
    check_eq(tpp_alarm_wait(), TPP_ALARM_READY);
}

TAP_TEST(alarm__poller_that_cannot_be_watched_now_can_be_later)
{
    run_in_child(watch_in_vain);
}

static void watch_meanwhile(void)
{
    check(tpp_alarm_watch(poller));
}

/* Of two threads that make it the second one finds what the first has made. */
static void watch_second(int error)
{
    int before;
    open_poller();
    tpp_alarm_set(TPP_FOREVER);
    before = count_open("eventpoll");
    meanwhile("epoll_create1", watch_meanwhile, error);
    check(tpp_alarm_watch(poller));
    check(all_refused());
    check_eq(count_open("eventpoll"), before + 1);
    check_eq(tpp_alarm_wait(), TPP_ALARM_READY);
}

static void watch_second_with_one_too_many(void)
{
    watch_second(0);
}

static void watch_second_with_none(void)
{
    watch_second(EMFILE);
}

TAP_TEST(alarm__watched_first_by_two_is_watched_once)
{
    run_in_child(watch_second_with_one_too_many);
    run_in_child(watch_second_with_none);
}

/* Another thread is the first to use it, which nothing but the alarm's own order tells this one. */
static pthread_t first;
static tpp_u32 first_is_done;

static void *set_first(void *unused)
{
    (void)unused;
    tpp_alarm_set(DAY);
    tpp_store_relaxed(&first_is_done, 1); /* relaxed: it orders nothing */
    return NULL;
}

static void *watch_first(void *unused)
{
    watch_meanwhile();
    return set_first(unused);
}

static int told; /* stands for the time, which is atomic: who knows of a set knows it */

static void *set_now(void *unused)
{
    (void)unused;
    told = 1;
    tpp_alarm_set(0);
    tpp_store_relaxed(&first_is_done, 1); /* relaxed: as above */
    return NULL;
}

static void be_second_to(void *(*body)(void *))
{
    check_eq(pthread_create(&first, NULL, body, NULL), 0);
    while (tpp_load_relaxed(&first_is_done) == 0)
        (void)sched_yield();
}

static void be_second_to_set(void)
{
    be_second_to(set_first);
}

static void be_second_to_watch(void)
{
    be_second_to(watch_first);
}

static void set_at_last(void)
{
    tpp_alarm_set(0);
    check_eq(tpp_alarm_wait(), TPP_ALARM_TIME);
    check(all_refused());
    check_eq(pthread_join(first, NULL), 0);
}

static void set_second(void)
{
    be_second_to_set();
    set_at_last();
}

static void set_second_with_timers_too_many(void)
{
    meanwhile("timerfd_create", be_second_to_set, 0);
    set_at_last();
}

static void watch_second_on_another_thread(void)
{
    open_poller();
    tpp_alarm_set(TPP_FOREVER);
    meanwhile("epoll_create1", be_second_to_watch, 0);
    check(tpp_alarm_watch(poller));
    check_eq(tpp_alarm_wait(), TPP_ALARM_READY);
    check(all_refused());
    check_eq(pthread_join(first, NULL), 0);
}

static void sleep_second(void)
{
    refuse("timerfd_create", 1, EMFILE);
    tpp_alarm_set(TPP_FOREVER);
    check(all_refused());
    be_second_to(set_now);
    check_eq(tpp_alarm_wait(), TPP_ALARM_TIME);
    check_eq(told, 1);
    check_eq(pthread_join(first, NULL), 0);
}

TAP_TEST(alarm__who_is_second_finds_what_the_first_has_made)
{
    run_in_child(sleep_second);
    run_in_child(set_second);
    run_in_child(set_second_with_timers_too_many);
    run_in_child(watch_second_on_another_thread);
}

static void set_again(void)
{
    tpp_alarm_set(MS);
}

static void sleep_while_it_is_set_again(void)
{
    int64_t since = in(0);
    refuse("timerfd_create", 1, EMFILE);
    tpp_alarm_set(0);
    check(all_refused());
    meanwhile("clock_gettime", set_again, 0);
    check_eq(tpp_alarm_wait(), TPP_ALARM_TIME);
    check(in(0) - since >= MS);
}

TAP_TEST(alarm__without_a_timer_the_last_set_is_the_one_that_counts)
{
    run_in_child(sleep_while_it_is_set_again);
}

/* ---- the poller ------------------------------------------------------------------------------ */

static void refuse_nanoseconds(void)
{
    refuse_call(SYS_epoll_pwait2, ENOSYS);
}

/* Milliseconds in an int hold 24 days. */
TAP_TEST(poller__deadline_may_be_further_away_than_the_kernel_can_wait)
{
    open_poller();
    meanwhile("timerfd_create", refuse_nanoseconds, EMFILE);
    check_eq(tpp_poller_wait(poller, events, CAPACITY, in(30 * DAY)), 1);
    check(all_refused());
    tpp_poller_close(poller);
}

static void refuse_nanoseconds_with_a_signal(void)
{
    refuse_call(SYS_epoll_pwait2, EINTR);
}

TAP_TEST(poller__interrupted_while_the_kernel_keeps_the_time_waits_on)
{
    open_poller();
    meanwhile("timerfd_create", refuse_nanoseconds_with_a_signal, EMFILE);
    check_eq(tpp_poller_wait(poller, events, CAPACITY, in(DAY)), 1);
    check(all_refused());
    tpp_poller_close(poller);
}

TAP_TEST(poller__timer_that_cannot_be_added_is_done_without)
{
    int before = count_open("timerfd");
    open_poller();
    refuse("epoll_ctl", 1, ENOSPC);
    check_eq(tpp_poller_wait(poller, events, CAPACITY, in(DAY)), 1);
    check(all_refused());
    check_eq(count_open("timerfd"), before);
    tpp_poller_close(poller);
}

static void kick_full(void)
{
    refuse("write", 1, EAGAIN);
    tpp_poller_kick(poller);
}

static void kick_interrupted(void)
{
    refuse("write", 1, EINTR);
    tpp_poller_kick(poller);
}

static void expect_kick(void (*kick)(void))
{
    check_eq(tpp_poller_open(&poller), 0);
    meanwhile("epoll_wait", kick, 0);
    check_eq(tpp_poller_wait(poller, events, CAPACITY, TPP_FOREVER), 0);
    check(all_refused());
    tpp_poller_close(poller);
}

TAP_TEST(poller__kick_that_cannot_be_written_at_once_is_not_lost)
{
    expect_kick(kick_full);
    expect_kick(kick_interrupted);
}

static void kick_while_closed(void)
{
    refuse("write", 1, EBADF);
    tpp_poller_kick(poller);
}

static void expect_kick_while_closed(void)
{
    expect_kick(kick_while_closed);
}

static void look_while_closed(void)
{
    open_poller();
    refuse("epoll_wait", 1, EBADF);
    (void)tpp_poller_wait(poller, events, CAPACITY, 0);
}

static void set_a_deadline_while_closed(void)
{
    open_poller();
    refuse("timerfd_settime", 1, EBADF);
    (void)tpp_poller_wait(poller, events, CAPACITY, in(DAY));
}

TAP_TEST(poller__closed_by_the_application_ends_the_process)
{
    expect_abort(expect_kick_while_closed);
    expect_abort(look_while_closed);
    expect_abort(set_a_deadline_while_closed);
}

static void kick(void)
{
    tpp_poller_kick(poller);
}

static void look(void)
{
    check_eq(tpp_poller_wait(poller, events, CAPACITY, 0), 1);
}

/* With room for one the sleep ends with the descriptor, and the kick stays where it is: a look
 * finds it, while somebody sleeps whom it is not for. */
TAP_TEST(poller__kick_that_is_answered_wakes_nobody_else)
{
    int round;
    open_poller();
    meanwhile("epoll_wait", kick, 0);
    check_eq(tpp_poller_wait(poller, events, 1, TPP_FOREVER), 1);
    meanwhile("epoll_wait", look, 0);
    check_eq(tpp_poller_wait(poller, events, 1, TPP_FOREVER), 1);
    for (round = 0; round < 3; round++)
        check_eq(tpp_poller_wait(poller, events, 1, TPP_FOREVER), 1);
    tpp_poller_close(poller);
}

/* ---- flags, signals, files ------------------------------------------------------------------- */

static void raise_while_closed(void)
{
    int flag;
    check_eq(tpp_flag_open(&flag), 0);
    refuse("write", 1, EBADF);
    tpp_flag_raise(flag);
}

TAP_TEST(flag__closed_by_the_application_ends_the_process)
{
    expect_abort(raise_while_closed);
}

static void take_while_closed(void)
{
    int own;
    check_eq(tpp_signal_open(SIGUSR1, &own), 0);
    refuse("read", 1, EBADF);
    (void)tpp_signal_take(own);
}

TAP_TEST(signal__interrupted_is_taken_and_closed_ends_the_process)
{
    int own;
    check_eq(tpp_signal_open(SIGUSR1, &own), 0);
    refuse("read", 1, EINTR);
    check(!tpp_signal_take(own));
    check(all_refused());
    tpp_file_drop(own);
    expect_abort(take_while_closed);
}

TAP_TEST(file__number_out_of_range_is_a_lack_of_numbers)
{
    int own;
    refuse_number("fcntl64", F_DUPFD_CLOEXEC, 1, EINVAL);
    check_eq(tpp_file_keep(0, &own), EMFILE);
    check_eq(own, -1);
    refuse_number("fcntl64", F_DUPFD_CLOEXEC, 1, ENFILE);
    check_eq(tpp_file_keep(0, &own), ENFILE);
    check(all_refused());
}

TAP_TEST(file__process_that_is_there_and_cannot_be_asked_is_one)
{
    refuse_call(SYS_waitid, EAGAIN);
    check_eq(tpp_file_is_process(0), 0);
    check(all_refused());
}

TAP_TEST(file__wait_that_is_interrupted_goes_on)
{
    int ready = eventfd(1, EFD_CLOEXEC);
    uint32_t found = 0;
    refuse("ppoll", 2, EINTR);
    check_eq(tpp_file_wait(ready, POLLIN, TPP_FOREVER, &found), 0);
    check_eq(found, POLLIN);
    check(all_refused());
    close(ready);
}

/* ---- threads --------------------------------------------------------------------------------- */

static tpp_u32 started;

static void start(void *unused)
{
    (void)unused;
    tpp_store_release(&started, 1);
    tpp_wake(&started, 1);
}

TAP_TEST(thread__that_cannot_be_prepared_is_an_error_and_changes_nothing)
{
    static const struct tpp_thread_options options = {.name = "tp-test"};
    refuse("malloc", 1, EIO);
    check_eq(tpp_thread_start(start, NULL, &options), ENOMEM);
    refuse("pthread_attr_init", 1, ENOMEM);
    check_eq(tpp_thread_start(start, NULL, &options), ENOMEM);
    refuse("pthread_sigmask", 1, EINVAL);
    check_eq(tpp_thread_start(start, NULL, &options), EINVAL);
    check(all_refused());
    check_eq(tpp_load_acquire(&started), 0);
    check_eq(tpp_thread_start(start, NULL, &options), 0);
    while (tpp_load_acquire(&started) == 0)
        (void)tpp_wait(&started, 0, TPP_FOREVER);
}

TAP_TEST(thread__stack_that_is_not_told_is_the_least)
{
    uint64_t least = tpp_stack_minimum();
    refuse("pthread_attr_init", 1, ENOMEM);
    check_eq(tpp_stack_default(), least);
    refuse("pthread_attr_getstacksize", 1, EINVAL);
    check_eq(tpp_stack_default(), least);
    check(all_refused());
    check(tpp_stack_default() >= least);
    refuse("sysconf", 2, EINVAL);
    check(tpp_stack_minimum() >= 16384);
    check_eq(tpp_stack_minimum() % 4096, 0);
    check(all_refused());
}

TAP_TEST(thread_state__is_what_follows_the_name)
{
    static const struct {
        const char *line;
        char state;
    } lines[] = {{"7 (a) b) S 1", 'S'}, {"7 (a) t 1", 'T'}, {"7 (a) Z 1", '?'}, {"7 (a) ", '?'},
                 {"7 (a", '?'},         {"7", '?'},         {"", '?'}};
    size_t i;
    for (i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        pretend_text(lines[i].line);
        check_eq(tpp_thread_state(tpp_thread_id()), lines[i].state);
        check(all_refused());
    }
    check_eq(tpp_thread_state(tpp_thread_id()), 'R');
}

/* A thread ends whose value nobody wants to hear of. */
static void *have_a_value(void *value)
{
    tpp_local_set(value);
    return NULL;
}

static void end_unheard(void)
{
    pthread_t thread;
    check_eq(pthread_create(&thread, NULL, have_a_value, &started), 0);
    check_eq(pthread_join(thread, NULL), 0);
}

static void have_no_key(void)
{
    refuse("pthread_key_create", 1, EAGAIN);
    tpp_local_set(&poller);
}

TAP_TEST(local__without_a_key_ends_the_process_and_without_a_function_nothing)
{
    expect_abort(have_no_key); /* before anybody had one */
    end_unheard();
}

static void refuse_to_change(void)
{
    refuse_call(SYS_prctl, EPERM);
}

TAP_TEST(futex__waits_exactly_as_far_as_the_slack_can_be_changed)
{
    tpp_u32 word = {0};
    int64_t until = in(MS);
    refuse_call(SYS_prctl, 0);
    refusal.hook = refuse_to_change;
    check(!tpp_wait_exact(&word, 0, until));
    check(all_refused());
    check(in(0) >= until);
}

/* ---- processors ------------------------------------------------------------------------------ */

/* The first question of the process, and nothing can be read. */
static void count_without_files(void)
{
    check_eq(unsetenv("TP_CPUS"), 0);
    refuse("openat64", ALWAYS, EMFILE);
    check(tpp_cpu_count() >= 1);
    refuse("sched_getaffinity", 1, EINVAL);
    check_eq(tpp_cpu_count(), 1);
    check(all_refused());
}

TAP_TEST(cpu__count_is_at_least_one_whatever_is_not_told)
{
    run_in_child(count_without_files);
}

TAP_TEST(cgroup__what_is_short_for_a_moment_is_no_answer)
{
    uint32_t limit = tpl_cgroup_cpus("");
    refuse("openat64", 1, ENFILE);
    check_eq(tpl_cgroup_cpus(""), 0);
    refuse("openat64", 1, ENOMEM);
    check_eq(tpl_cgroup_cpus(""), 0);
    refuse("openat64", 1, EACCES);
    check_eq(tpl_cgroup_cpus(""), TPL_CGROUP_NO_LIMIT);
    refuse("read", 1, EINTR);
    check_eq(tpl_cgroup_cpus(""), limit);
    check(all_refused());
}

/* Descriptors that would pass to another program. */
static uint32_t passed_on(void)
{
    uint32_t count = 0;
    for (int descriptor = 0; descriptor < 256; descriptor++) {
        int flags = fcntl(descriptor, F_GETFD);
        count += flags >= 0 && !(flags & FD_CLOEXEC);
    }
    return count;
}

static uint32_t passed_on_meanwhile;

static void look_at_descriptors(void)
{
    passed_on_meanwhile = passed_on();
}

TAP_TEST(cgroup__what_is_read_does_not_pass_to_another_program)
{
    uint32_t before = passed_on();
    passed_on_meanwhile = UINT32_MAX;
    meanwhile("read", look_at_descriptors, 0);
    (void)tpl_cgroup_cpus("");
    check(all_refused());
    check_eq(passed_on_meanwhile, before);
}

/* ---- libraries, the guard, the end ----------------------------------------------------------- */

static void refuse_the_next(void)
{
    refuse("dlinfo", 1, EINVAL);
}

TAP_TEST(library__that_is_not_told_of_is_not_pinned_and_may_be_on_the_stack)
{
    void *library = dlopen(NULL, RTLD_LAZY), *own = library;
    refuse("dlinfo", 1, EINVAL);
    check_eq(tpp_library_pin(library, &own), EINVAL);
    check(own == NULL);
    meanwhile("dlinfo", refuse_the_next, 0);
    check_eq(tpp_library_pin(library, &own), EINVAL);
    refuse("dlmopen", 1, EINVAL);
    check_eq(tpp_library_pin(library, &own), ENOENT);
    check(own == NULL);
    refuse("dlinfo", 1, EINVAL);
    check(tpp_library_on_stack(library));
    refuse("dl_iterate_phdr", 1, EINVAL);
    check(tpp_library_on_stack(library));
    refuse("dlclose", 1, EINVAL);
    check_eq(tpp_library_close(library), EINVAL);
    check(all_refused());
    check_eq(tpp_library_close(library), 0);
}

/* Where the guard is written in C it has none. */
_Unwind_Reason_Code tpp_guard_personality(int version, _Unwind_Action actions,
                                          _Unwind_Exception_Class exception_class,
                                          struct _Unwind_Exception *exception,
                                          struct _Unwind_Context *context) __attribute__((weak));

static void unwind_in_another_way(void)
{
    (void)tpp_guard_personality(2, 0, 0, NULL, NULL);
}

static void nothing(void *unused)
{
    (void)unused;
}

TAP_TEST(guard__unknown_unwinder_ends_the_process)
{
    static const struct tpp_guard guard = {nothing, nothing, NULL};
    tpp_guarded(&guard, NULL);
    if (tpp_guard_personality == NULL)
        tap_skip("the guard is written in C here, and sees no unwinder");
    expect_abort(unwind_in_another_way);
}

static void end_interrupted(void)
{
    refuse("write", 1, EINTR);
    tpp_abort("interrupted");
}

static void end_silently(void)
{
    refuse("write", 1, EBADF);
    tpp_abort("silent");
}

TAP_TEST(print__goes_on_where_it_was_interrupted_and_says_what_is_wrong)
{
    int ends[2];
    char text[8];
    require(pipe(ends) == 0);
    refuse("write", 1, EINTR);
    check_eq(tpp_print(ends[1], "text", 4), 0);
    check_eq(read(ends[0], text, sizeof text), 4);
    refuse("write", 1, EBADF);
    check_eq(tpp_print(ends[1], "text", 4), EBADF);
    refuse("write", 1, EINTR);
    refusal.result = 0; /* nothing, and no reason */
    check_eq(tpp_print(ends[1], "text", 4), EIO);
    check(all_refused());
    close(ends[0]), close(ends[1]);
}

TAP_TEST(abort__ends_the_process_whether_it_can_say_why_or_not)
{
    expect_abort(end_interrupted);
    expect_abort(end_silently);
}

static void ask_another_clock(void)
{
    (void)tpp_now((enum tpp_clock)9);
}

TAP_TEST(clock__that_does_not_exist_ends_the_process)
{
    expect_abort(ask_another_clock);
}

/* ---- forks ----------------------------------------------------------------------------------- */

/* In a process that had no memory to be told of forks: no timer, which a child would share. */
static int without_forks(void)
{
    check_eq(tpp_at_fork(refuse_to_arm), ENOMEM);
    tpp_alarm_set(0);
    check_eq(count_open("timerfd"), 0);
    check_eq(tpp_alarm_wait(), TPP_ALARM_TIME);
    return tap_failures_ == 0 ? 0 : 1;
}

TAP_TEST(fork__that_would_not_be_told_leaves_no_timer_to_be_shared)
{
    pid_t child = fork();
    if (child == 0) {
        check_eq(setenv("REFUSE_ATFORK", "1", 1), 0);
        (void)execl("/proc/self/exe", "refuse", "without_forks", (char *)NULL);
        _exit(9);
    }
    check_eq(end_of(child), 0);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "without_forks") == 0)
        return without_forks();
    tap_run(alarm__notice_of_jumps_is_had_or_done_without);
    tap_run(alarm__jump_leaves_the_time_to_the_next_wait);
    tap_run(alarm__interrupted_anywhere_is_told_all_the_same);
    tap_run(alarm__closed_by_the_application_ends_the_process);
    tap_run(alarm__poller_that_cannot_be_watched_now_can_be_later);
    tap_run(alarm__watched_first_by_two_is_watched_once);
    tap_run(alarm__who_is_second_finds_what_the_first_has_made);
    tap_run(alarm__without_a_timer_the_last_set_is_the_one_that_counts);
    tap_run(poller__deadline_may_be_further_away_than_the_kernel_can_wait);
    tap_run(poller__interrupted_while_the_kernel_keeps_the_time_waits_on);
    tap_run(poller__timer_that_cannot_be_added_is_done_without);
    tap_run(poller__kick_that_cannot_be_written_at_once_is_not_lost);
    tap_run(poller__closed_by_the_application_ends_the_process);
    tap_run(poller__kick_that_is_answered_wakes_nobody_else);
    tap_run(flag__closed_by_the_application_ends_the_process);
    tap_run(signal__interrupted_is_taken_and_closed_ends_the_process);
    tap_run(file__number_out_of_range_is_a_lack_of_numbers);
    tap_run(file__process_that_is_there_and_cannot_be_asked_is_one);
    tap_run(file__wait_that_is_interrupted_goes_on);
    tap_run(thread__that_cannot_be_prepared_is_an_error_and_changes_nothing);
    tap_run(thread__stack_that_is_not_told_is_the_least);
    tap_run(thread_state__is_what_follows_the_name);
    tap_run(local__without_a_key_ends_the_process_and_without_a_function_nothing);
    tap_run(futex__waits_exactly_as_far_as_the_slack_can_be_changed);
    tap_run(cpu__count_is_at_least_one_whatever_is_not_told);
    tap_run(cgroup__what_is_short_for_a_moment_is_no_answer);
    tap_run(cgroup__what_is_read_does_not_pass_to_another_program);
    tap_run(library__that_is_not_told_of_is_not_pinned_and_may_be_on_the_stack);
    tap_run(guard__unknown_unwinder_ends_the_process);
    tap_run(print__goes_on_where_it_was_interrupted_and_says_what_is_wrong);
    tap_run(abort__ends_the_process_whether_it_can_say_why_or_not);
    tap_run(clock__that_does_not_exist_ends_the_process);
    tap_run(fork__that_would_not_be_told_leaves_no_timer_to_be_shared);
    return tap_done();
}
