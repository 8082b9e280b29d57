/* tap.h - the whole test harness: test functions, checks, a watchdog, output in TAP. */
#ifndef TESTS_SUPPORT_TAP_H
#define TESTS_SUPPORT_TAP_H

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/sanitizer.h"

/* A test program is one .c file:
 *
 *     TAP_TEST(deque__steal_from_empty_is_empty) { ... check_eq(count, 0); ... }
 *     int main(void) { tap_run(deque__steal_from_empty_is_empty); return tap_done(); }
 *
 * Checks may be made on any thread; require and tap_skip leave the function they stand in, so they
 * belong on the test function itself (require also in any helper that returns nothing). */

static unsigned tap_count_;
static unsigned tap_failed_;
static unsigned tap_failures_; /* of the running test; atomic, because threads check too */
static unsigned tap_seconds_ = 60;
static const char *tap_skipped_;
static const char *volatile tap_running_;

#define TAP_UNUSED_ __attribute__((unused))

#define TAP_TEST(name) static void name(void)
#define tap_run(name) tap_run_(#name, name)

/* Async-signal-safe: the process hangs, so no lock of stdio may be wanted here. */
static void tap_hung_(int signal_number)
{
    static const char before[] = "\nBail out! watchdog: still running: ";
    const char *name = tap_running_ != NULL ? tap_running_ : "(no test)";
    (void)signal_number;
    if (write(1, before, sizeof before - 1) < 0 || write(1, name, strlen(name)) < 0 ||
        write(1, "\n", 1) < 0)
        _exit(3);
    abort();
}

/* The last resort, for processes whose SIGALRM is never delivered: the kernel kills them itself. */
static void tap_kill_after_(unsigned seconds)
{
    static timer_t timer;
    static bool made;
    struct itimerspec when;
    struct sigevent event;
    memset(&when, 0, sizeof when); /* also for C++, which names no fields */
    when.it_value.tv_sec = (time_t)seconds;
    if (!made) {
        memset(&event, 0, sizeof event);
        event.sigev_notify = SIGEV_SIGNAL;
        event.sigev_signo = SIGKILL;
        made = timer_create(CLOCK_MONOTONIC, &event, &timer) == 0;
    }
    if (made)
        (void)timer_settime(timer, 0, &when, NULL);
}

/* Under a sanitizer or an emulator TAP_SLOWDOWN=4 gives every test four times as long. */
static int tap_slowdown_(void)
{
    const char *slowdown = getenv("TAP_SLOWDOWN");
    int factor = slowdown != NULL ? atoi(slowdown) : 1;
    return factor > 1 ? factor : 1;
}

TAP_UNUSED_ static void tap_timeout(unsigned seconds)
{
    tap_seconds_ = seconds;
    seconds *= (unsigned)tap_slowdown_();
    alarm(seconds);
    tap_kill_after_(seconds != 0 ? seconds + 5 : 0);
}

TAP_UNUSED_ static void tap_run_(const char *name, void (*function)(void))
{
    unsigned failures;
    if (tap_count_ == 0 && signal(SIGALRM, tap_hung_) == SIG_ERR)
        exit(3);
    tap_count_++;
    tap_running_ = name;
    tap_skipped_ = NULL;
    __atomic_store_n(&tap_failures_, 0, __ATOMIC_SEQ_CST);
    tap_timeout(tap_seconds_);
    function();
    alarm(0);
    tap_kill_after_(0);
    failures = __atomic_load_n(&tap_failures_, __ATOMIC_SEQ_CST);
    if (failures != 0) {
        tap_failed_++;
        printf("not ok %u - %s\n", tap_count_, name);
    } else if (tap_skipped_ != NULL) {
        printf("ok %u - %s # SKIP %s\n", tap_count_, name, tap_skipped_);
    } else {
        printf("ok %u - %s\n", tap_count_, name);
    }
    fflush(stdout);
}

/* A program that ran no test at all has proved nothing: that is a failure too. */
TAP_UNUSED_ static int tap_done(void)
{
    printf("1..%u\n", tap_count_);
    fflush(stdout);
    return tap_failed_ != 0 || tap_count_ == 0;
}

TAP_UNUSED_ static bool tap_check_(bool held, const char *file, int line, const char *expression)
{
    if (held)
        return true;
    __atomic_fetch_add(&tap_failures_, 1, __ATOMIC_SEQ_CST);
    printf("# %s:%d: check failed: %s\n", file, line, expression);
    fflush(stdout);
    return false;
}

TAP_UNUSED_ static bool tap_check_eq_(long long a, long long b, const char *file, int line,
                                      const char *expression)
{
    if (a == b)
        return true;
    __atomic_fetch_add(&tap_failures_, 1, __ATOMIC_SEQ_CST);
    printf("# %s:%d: check failed: %s: %lld (0x%llx) is not %lld (0x%llx)\n", file, line,
           expression, a, (unsigned long long)a, b, (unsigned long long)b);
    fflush(stdout);
    return false;
}

#define check(cond) ((void)tap_check_((cond) ? true : false, __FILE__, __LINE__, #cond))
#define check_eq(a, b) \
    ((void)tap_check_eq_((long long)(a), (long long)(b), __FILE__, __LINE__, #a " == " #b))
#define require(cond) \
    do { \
        if (!tap_check_((cond) ? true : false, __FILE__, __LINE__, #cond)) \
            return; \
    } while (0)
#define tap_skip(reason) \
    do { \
        tap_skipped_ = (reason); \
        return; \
    } while (0)

#endif
