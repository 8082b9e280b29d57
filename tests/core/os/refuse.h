/* refuse.h - calls of the C library and the kernel that fail where a test says so.
 *
 * The program is linked so that the functions below pass through here (--wrap). A refusal names the
 * function and says how many of its calls fail, with which errno, on this thread. A hook runs in a
 * call before that: what another thread could do at this moment, or the next refusal. */
#ifndef TESTS_CORE_OS_REFUSE_H
#define TESTS_CORE_OS_REFUSE_H

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>

#include "tests/core/os/child.h"

#define ALWAYS UINT32_MAX

static _Thread_local struct {
    const char *name; /* NULL: nothing fails */
    long number;      /* of "syscall" and "fcntl64": which of them */
    uint32_t calls;   /* so many fail, or all */
    int error;        /* 0: they are made, after the hook */
    long result;      /* of a call that fails: -1, or what is pretended */
    const char *text; /* what a read that is pretended finds */
    void (*hook)(void);
} refusal;

/* From here on so many calls fail. */
TAP_UNUSED_ static void refuse_number(const char *name, long number, uint32_t calls, int error)
{
    memset(&refusal, 0, sizeof refusal);
    refusal.name = name;
    refusal.number = number;
    refusal.calls = calls;
    refusal.error = error;
    refusal.result = -1;
}

TAP_UNUSED_ static void refuse(const char *name, uint32_t calls, int error)
{
    refuse_number(name, -1, calls, error);
}

TAP_UNUSED_ static void refuse_call(long number, int error)
{
    refuse_number("syscall", number, 1, error);
}

/* The next call is made after this; or fails after this, if there is an error. */
TAP_UNUSED_ static void meanwhile(const char *name, void (*hook)(void), int error)
{
    refuse(name, 1, error);
    refusal.hook = hook;
}

/* The next system call of that number is not made, but says so. */
TAP_UNUSED_ static void pretend(long number, long result)
{
    refuse_call(number, EINTR);
    refusal.result = result;
}

/* poll finds the descriptor in that place ready, and no other. */
TAP_UNUSED_ static void pretend_ready(long place)
{
    refuse("poll", 1, EINTR);
    refusal.result = place;
}

TAP_UNUSED_ static void pretend_text(const char *text)
{
    refuse("read", 1, EINTR);
    refusal.text = text;
    refusal.result = (long)strlen(text);
}

/* Whether all that was to fail has been called. */
TAP_UNUSED_ static bool all_refused(void)
{
    return refusal.calls == 0;
}

static bool is_refused(const char *name, long number)
{
    void (*hook)(void) = refusal.hook;
    int error = refusal.error;
    if (refusal.name == NULL || refusal.calls == 0 || strcmp(refusal.name, name) != 0 ||
        number != refusal.number)
        return false;
    if (refusal.calls != ALWAYS)
        refusal.calls--;
    refusal.hook = NULL;
    if (hook != NULL)
        hook();
    if (error != 0)
        errno = error;
    return error != 0;
}

/* ---- what passes through here ---------------------------------------------------------------- */

#define WRAPPED(type, name, parameters, failed, arguments) \
    type __real_##name parameters; \
    type __wrap_##name parameters; \
    type __wrap_##name parameters \
    { \
        return is_refused(#name, -1) ? failed : __real_##name arguments; \
    }
#define REFUSED(type, name, parameters, arguments) \
    WRAPPED(type, name, parameters, (type)-1, arguments)
/* These have the error as their result. */
#define REFUSED_RESULT(name, parameters, arguments) WRAPPED(int, name, parameters, errno, arguments)

REFUSED(int, clock_gettime, (clockid_t clock, struct timespec *now), (clock, now))
REFUSED(int, dl_iterate_phdr,
        (int (*function)(struct dl_phdr_info *, size_t, void *), void *argument),
        (function, argument))
REFUSED(int, dlclose, (void *handle), (handle))
REFUSED(int, dlinfo, (void *handle, int request, void *result), (handle, request, result))
WRAPPED(void *, dlmopen, (Lmid_t space, const char *name, int flags), NULL, (space, name, flags))
REFUSED(int, epoll_create1, (int flags), (flags))
REFUSED(int, epoll_ctl, (int epoll, int operation, int descriptor, struct epoll_event *event),
        (epoll, operation, descriptor, event))
REFUSED(int, epoll_wait, (int epoll, struct epoll_event *events, int most, int ms),
        (epoll, events, most, ms))
REFUSED(int, fstat64, (int descriptor, void *status), (descriptor, status))
REFUSED(int, getrlimit64, (int which, void *limit), (which, limit))
WRAPPED(void *, malloc, (size_t size), NULL, (size))
REFUSED(int, openat64, (int folder, const char *path, int flags), (folder, path, flags))
REFUSED(int, ppoll,
        (struct pollfd * files, nfds_t count, const struct timespec *timeout, const sigset_t *mask),
        (files, count, timeout, mask))
REFUSED_RESULT(pthread_attr_getstacksize, (const pthread_attr_t *attributes, size_t *size),
               (attributes, size))
REFUSED_RESULT(pthread_attr_init, (pthread_attr_t * attributes), (attributes))
REFUSED_RESULT(pthread_create,
               (pthread_t * thread, const pthread_attr_t *attributes, void *(*start)(void *),
                void *argument),
               (thread, attributes, start, argument))
REFUSED_RESULT(pthread_key_create, (pthread_key_t * key, void (*destroy)(void *)), (key, destroy))
REFUSED_RESULT(pthread_sigmask, (int how, const sigset_t *set, sigset_t *before),
               (how, set, before))
REFUSED(int, sched_getaffinity, (pid_t thread, size_t size, cpu_set_t *set), (thread, size, set))
REFUSED(int, sigpending, (sigset_t * set), (set))
REFUSED(int, sigtimedwait, (const sigset_t *set, siginfo_t *info, const struct timespec *timeout),
        (set, info, timeout))
REFUSED(long, sysconf, (int name), (name))
WRAPPED(ssize_t, write, (int descriptor, const void *buffer, size_t length), refusal.result,
        (descriptor, buffer, length))

/* What is known of a timer is plain memory, so that ThreadSanitizer, which knows of none, sees one
 * used by a thread that need not find it made. */
static int timers_made[1024];

int __real_timerfd_create(clockid_t clock, int flags);
int __wrap_timerfd_create(clockid_t clock, int flags);
int __wrap_timerfd_create(clockid_t clock, int flags)
{
    int timer = is_refused("timerfd_create", -1) ? -1 : __real_timerfd_create(clock, flags);
    if (timer >= 0 && timer < 1024)
        timers_made[timer] = 1;
    return timer;
}

int __real_timerfd_settime(int timer, int flags, const struct itimerspec *when,
                           struct itimerspec *before);
int __wrap_timerfd_settime(int timer, int flags, const struct itimerspec *when,
                           struct itimerspec *before);
int __wrap_timerfd_settime(int timer, int flags, const struct itimerspec *when,
                           struct itimerspec *before)
{
    check(timer < 0 || timer >= 1024 || timers_made[timer] == 1);
    return is_refused("timerfd_settime", -1) ? -1
                                             : __real_timerfd_settime(timer, flags, when, before);
}

int __real_poll(struct pollfd *files, nfds_t count, int ms);
int __wrap_poll(struct pollfd *files, nfds_t count, int ms);
int __wrap_poll(struct pollfd *files, nfds_t count, int ms)
{
    long ready = refusal.result;
    if (!is_refused("poll", -1))
        return __real_poll(files, count, ms);
    for (nfds_t i = 0; ready >= 0 && i < count; i++)
        files[i].revents = (short)(i == (nfds_t)ready ? POLLIN : 0);
    return ready >= 0 ? 1 : -1;
}

ssize_t __real_read(int descriptor, void *buffer, size_t length);
ssize_t __wrap_read(int descriptor, void *buffer, size_t length);
ssize_t __wrap_read(int descriptor, void *buffer, size_t length)
{
    if (!is_refused("read", -1))
        return __real_read(descriptor, buffer, length);
    if (refusal.text != NULL)
        memcpy(buffer, refusal.text, (size_t)refusal.result);
    return refusal.result;
}

int __real_fcntl64(int descriptor, int command, void *argument);
int __wrap_fcntl64(int descriptor, int command, void *argument);
int __wrap_fcntl64(int descriptor, int command, void *argument)
{
    return is_refused("fcntl64", command) ? -1 : __real_fcntl64(descriptor, command, argument);
}

long __real_syscall(long number, long a, long b, long c, long d, long e, long f);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f)
{
    return is_refused("syscall", number) ? refusal.result
                                         : __real_syscall(number, a, b, c, d, e, f);
}

/* The library registers before main runs, so the environment has to say it. */
int __real_pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void));
int __wrap_pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void));
int __wrap_pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void))
{
    return getenv("REFUSE_ATFORK") != NULL ? ENOMEM : __real_pthread_atfork(prepare, parent, child);
}

/* In a child, which is ended by an abort. What it says is not shown. */
TAP_UNUSED_ static void expect_abort(void (*function)(void))
{
    pid_t child = fork();
    require(child >= 0);
    if (child == 0) {
        int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
        tap_timeout(tap_seconds_);
        check_eq(dup2(nowhere, 2), 2);
        function();
        _exit(0);
    }
    check_eq(end_of(child), 1000 + SIGABRT);
}

#endif
