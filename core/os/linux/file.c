/* file.c - descriptors of the application: keeping, comparing, and waiting for one of them. */
#define _GNU_SOURCE
#include "core/os/os.h"
#include "core/os/linux/quiet.h"

#include <fcntl.h>
#include <linux/kcmp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef F_DUPFD_QUERY
#define F_DUPFD_QUERY 1027 /* Linux 6.10 */
#endif
#define PIDFD_ID 3 /* P_PIDFD, Linux 5.4 */

#define NS_PER_S 1000000000
#define POLL_BITS 0xffffu
#define NUMBER_MIN 3 /* below are the standard streams, also of a program that has closed them */

/* ---- keeping -------------------------------------------------------------------------------- */

/* Where fewer numbers than these three are allowed the kernel says that ours is out of range. */
int tpp_file_keep(int descriptor, int *own_out)
{
    int saved = errno;
    int own = fcntl(descriptor, F_DUPFD_CLOEXEC, NUMBER_MIN);
    int result = own >= 0 ? 0 : errno == EINVAL ? EMFILE : errno;

    *own_out = own;
    errno = saved;
    return result;
}

void tpp_file_drop(int own)
{
    struct tpl_quiet quiet = tpl_quiet_begin();

    (void)close(own);
    tpl_quiet_end(quiet);
}

/* ---- comparing ------------------------------------------------------------------------------ */

/* Kernels before 6.10 do not know the question; they may know the older one, which needs more of
 * the kernel and is often forbidden in containers. */
static bool same(int descriptor, int own)
{
    static tpp_u32 no_query;
    pid_t self;
    int answer;

    /* relaxed: a fact about the kernel; who misses it asks the kernel once more. */
    if (tpp_load_relaxed(&no_query) == 0) {
        answer = fcntl(descriptor, F_DUPFD_QUERY, own);
        if (answer >= 0 || errno == EBADF)
            return answer == 1;
        /* relaxed: as above. */
        tpp_store_relaxed(&no_query, 1);
    }
    self = getpid();
    return syscall(SYS_kcmp, self, self, KCMP_FILE, (unsigned long)(unsigned int)descriptor,
                   (unsigned long)(unsigned int)own) == 0;
}

bool tpp_file_same(int descriptor, int own)
{
    int saved = errno;
    bool is_same = same(descriptor, own);

    errno = saved;
    return is_same;
}

/* ---- processes ------------------------------------------------------------------------------ */

/* The kernel describes a descriptor of a process with a line of its own. */
static bool described_as_process(int descriptor)
{
    char text[1024];
    ssize_t length;
    int file;

    (void)snprintf(text, sizeof text, "/proc/self/fdinfo/%d", descriptor);
    file = open(text, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    length = read(file, text, sizeof text - 1);
    (void)close(file);
    text[length > 0 ? length : 0] = '\0';
    return strstr(text, "\nPid:\t") != NULL;
}

/* Asks whether the process is a child that has ended, and takes no notice of the answer: unlike a
 * signal of number 0 that needs no permission, and accepts no folder of /proc. A kernel that does
 * not know processes by descriptor says EINVAL, and a filter something else. */
static bool names_process(int descriptor)
{
    if (syscall(SYS_waitid, PIDFD_ID, descriptor, NULL, WEXITED | WNOHANG | WNOWAIT, NULL) == 0 ||
        errno == ECHILD || errno == EAGAIN)
        return true;
    return errno != EBADF && described_as_process(descriptor);
}

/* The kernel has negative numbers for oneself, which are no descriptors. */
int tpp_file_is_process(int descriptor)
{
    struct tpl_quiet quiet = tpl_quiet_begin();
    int result = descriptor >= 0 && names_process(descriptor) ? 0 : EBADF;

    tpl_quiet_end(quiet);
    return result;
}

/* ---- waiting for one ------------------------------------------------------------------------ */

static int wait_once(struct pollfd *polled, int64_t deadline_ns)
{
    int64_t now = deadline_ns > 0 && deadline_ns != TPP_FOREVER ? tpp_now(TPP_CLOCK_MONOTONIC) : 0;
    int64_t left = deadline_ns > now ? deadline_ns - now : 0;
    struct timespec timeout = {.tv_sec = left / NS_PER_S, .tv_nsec = left % NS_PER_S};

    return ppoll(polled, 1, deadline_ns == TPP_FOREVER ? NULL : &timeout, NULL);
}

/* The loop ends: each turn needs one more signal handler to have run. Whatever else the system has
 * against it (a process that may have no descriptors may not wait for one), it cannot be waited
 * for. */
int tpp_file_wait(int descriptor, uint32_t events, int64_t deadline_ns, uint32_t *found_out)
{
    struct tpl_quiet quiet = tpl_quiet_begin();
    struct pollfd polled = {.fd = descriptor, .events = (short)(uint16_t)(events & POLL_BITS)};
    int count = -1;

    if (descriptor >= 0)
        do
            count = wait_once(&polled, deadline_ns);
        while (count < 0 && errno == EINTR);
    tpl_quiet_end(quiet);
    *found_out = 0;
    if (count < 0 || (polled.revents & POLLNVAL) != 0)
        return EBADF;
    *found_out = (uint16_t)polled.revents;
    return 0;
}
