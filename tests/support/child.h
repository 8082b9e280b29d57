/* child.h - waits for a child process, but not for ever: says where one hangs, and kills it. */
#ifndef TESTS_SUPPORT_CHILD_H
#define TESTS_SUPPORT_CHILD_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/wait.h>

#include "tests/support/tap.h"

/* So long may a child take, times TAP_SLOWDOWN; less than the watchdog of a test allows. */
enum { CHILD_SECONDS = 25 };

/* ---- where it hangs: as far as the kernel tells, with no debugger at hand -------------------- */

/* The loaded file that has code at the address, and where in it; false if there is none. */
static bool child_code_(pid_t child, uint64_t address, char *name, size_t size)
{
    char path[64], line[512], file[400];
    bool found = false;
    snprintf(path, sizeof path, "/proc/%d/maps", (int)child);
    FILE *maps = fopen(path, "r");
    while (maps && !found && fgets(line, sizeof line, maps)) {
        unsigned long long from, to, offset;
        char rights[5];
        if (sscanf(line, "%llx-%llx %4s %llx %*s %*s %399s", &from, &to, rights, &offset, file) < 5)
            continue;
        found = address >= from && address < to && rights[2] == 'x' && file[0] == '/';
        if (found)
            snprintf(name, size, "%s+0x%llx", strrchr(file, '/') + 1, address - from + offset);
    }
    if (maps)
        fclose(maps);
    return found;
}

/* What on the stack may be return addresses, a few of those next to its top. */
static void child_stack_(pid_t child, uint64_t stack)
{
    uint64_t words[512];
    char path[64], name[256];
    snprintf(path, sizeof path, "/proc/%d/mem", (int)child);
    int memory = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = memory < 0 ? -1 : pread(memory, words, sizeof words, (off_t)stack);
    for (ssize_t i = 0, told = 0; i < got / (ssize_t)sizeof *words && told < 16; i++)
        if (child_code_(child, words[i], name, sizeof name)) {
            printf("#       %s\n", name);
            told++;
        }
    if (memory >= 0)
        close(memory);
}

/* One thread: its name, and the system call that it is in ("running": none). */
static void child_thread_(pid_t child, const char *thread)
{
    char path[320], text[256] = "", name[256] = "?";
    unsigned long long call = 0, first = 0, stack = 0, at = 0;
    snprintf(path, sizeof path, "/proc/%d/task/%s/comm", (int)child, thread);
    FILE *file = fopen(path, "r");
    if (file && fgets(text, sizeof text, file))
        text[strcspn(text, "\n")] = 0;
    if (file)
        fclose(file);
    printf("#   thread %s %s: ", thread, text);
    snprintf(path, sizeof path, "/proc/%d/task/%s/syscall", (int)child, thread);
    file = fopen(path, "r");
    if (!file || !fgets(text, sizeof text, file))
        snprintf(text, sizeof text, "not to be seen");
    if (file)
        fclose(file);
    if (sscanf(text, "%llu %llx %*s %*s %*s %*s %*s %llx %llx", &call, &first, &stack, &at) != 4) {
        printf("%s\n", text);
        return;
    }
    (void)child_code_(child, at, name, sizeof name);
    printf("system call %llu(0x%llx, ...) at %s, on its stack:\n", call, first, name);
    child_stack_(child, stack);
}

static void child_tell_(pid_t child)
{
    char path[64];
    printf("# child %d hangs, and is killed\n", (int)child);
    snprintf(path, sizeof path, "/proc/%d/task", (int)child);
    DIR *folder = opendir(path);
    for (struct dirent *entry; folder && (entry = readdir(folder));)
        if (entry->d_name[0] != '.')
            child_thread_(child, entry->d_name);
    if (folder)
        closedir(folder);
    fflush(stdout);
}

/* ---- the wait -------------------------------------------------------------------------------- */

/* How a child ended: its status, or 1000 and the signal. */
TAP_UNUSED_ static int end_of_within(pid_t child, time_t seconds_allowed)
{
    int status = 0;
    time_t limit = time(NULL) + seconds_allowed * tap_slowdown_();
    pid_t ended;
    bool told = false;
    if (child < 0)
        return -1;
    for (useconds_t nap = 100; (ended = waitpid(child, &status, WNOHANG)) != child;) {
        if (ended < 0 && errno != EINTR)
            return -1;
        if (!told && time(NULL) > limit) {
            child_tell_(child);
            kill(child, SIGKILL);
            told = true;
        }
        usleep(nap);
        nap = nap < 5000 ? 2 * nap : nap;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

TAP_UNUSED_ static int end_of(pid_t child)
{
    return end_of_within(child, CHILD_SECONDS);
}

#endif
