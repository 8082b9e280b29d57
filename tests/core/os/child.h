/* child.h - what these tests do to a process: limit it, filter it, count what it has. */
#ifndef TESTS_CORE_OS_CHILD_H
#define TESTS_CORE_OS_CHILD_H

#include "core/os/os.h"

#include <dirent.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "tests/support/child.h"

/* Runs a part of a test in a process of its own, which it may ruin. */
TAP_UNUSED_ static void run_in_child(void (*function)(void))
{
    pid_t child = fork();
    require(child >= 0);
    if (child == 0) {
        tap_timeout(tap_seconds_); /* the watchdog of the parent does not end it */
        function();
        _exit(__atomic_load_n(&tap_failures_, __ATOMIC_SEQ_CST) == 0 ? 0 : 1);
    }
    check_eq(end_of(child), 0);
}

/* Lets the process have descriptors below `limit` only. Returns what it could have before. */
TAP_UNUSED_ static rlim_t allow_below(rlim_t limit)
{
    struct rlimit now;
    rlim_t before;
    check_eq(getrlimit(RLIMIT_NOFILE, &now), 0);
    before = now.rlim_cur;
    now.rlim_cur = limit;
    check_eq(setrlimit(RLIMIT_NOFILE, &now), 0);
    return before;
}

/* Leaves the process `count` more descriptors, if those it has are numbered without a gap. */
TAP_UNUSED_ static rlim_t allow_more(rlim_t count)
{
    int lowest = dup(0);
    check(lowest >= 0 && close(lowest) == 0);
    return allow_below((rlim_t)lowest + count);
}

/* How many descriptors this process has whose names hold `part`; the one that looks is not among
 * them. */
TAP_UNUSED_ static int count_open(const char *part)
{
    DIR *folder = opendir("/proc/self/fd");
    struct dirent *entry;
    int count = 0;
    if (folder == NULL)
        return -1;
    while ((entry = readdir(folder)) != NULL) {
        char target[64] = "";
        if (atoi(entry->d_name) != dirfd(folder) &&
            readlinkat(dirfd(folder), entry->d_name, target, sizeof target - 1) > 0 &&
            strstr(target, part) != NULL)
            count++;
    }
    (void)closedir(folder);
    return count;
}

/* From here on a system call answers with `error`, whose argument of that number is `value`; with
 * any arguments where that is -1. A filter can be added but not taken away. Of several that say the
 * same kind of thing the newest counts. */
TAP_UNUSED_ static bool forbid_argument(long number, int argument, int64_t value, uint32_t error)
{
    unsigned where = (unsigned)offsetof(struct seccomp_data, args) +
                     8u * (unsigned)(argument >= 0 ? argument : 0);
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)number, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, where),
        BPF_JUMP(BPF_JMP | (argument >= 0 ? BPF_JEQ : BPF_JGE) | BPF_K,
                 argument >= 0 ? (unsigned)value : 0, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof code / sizeof code[0], code};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}

TAP_UNUSED_ static bool forbid(long number, uint32_t error)
{
    return forbid_argument(number, -1, 0, error);
}

/* How often the thread has gone to sleep; -1 where the system does not tell. */
TAP_UNUSED_ static long count_sleeps(uint64_t thread_id)
{
    char path[64], line[256];
    long count = -1;
    FILE *file;
    (void)snprintf(path, sizeof path, "/proc/self/task/%llu/status", (unsigned long long)thread_id);
    file = fopen(path, "r");
    if (file == NULL)
        return -1;
    while (fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, "voluntary_ctxt_switches:", 24) == 0)
            count = atol(line + 24);
    (void)fclose(file);
    return count;
}

/* Lets time pass, at least so much. */
TAP_UNUSED_ static void pass(int64_t ns)
{
    int64_t until = tpp_now(TPP_CLOCK_MONOTONIC) + ns;
    while (tpp_now(TPP_CLOCK_MONOTONIC) < until)
        (void)usleep(1000);
}

#endif
