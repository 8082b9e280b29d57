/* child.c - one measurement in a fresh process of the measuring program itself. */
#include "bench/child.h"

#include <sys/wait.h>
#include <unistd.h>

#include "bench/measure.h"

struct child child_start(char *const arguments[], void (*prepare)(void))
{
    struct child child;
    int ends[2];
    must(pipe(ends) == 0);
    child.pid = fork();
    must(child.pid >= 0);
    if (child.pid == 0) {
        if (prepare)
            prepare();
        if (dup2(ends[1], STDOUT_FILENO) >= 0)
            execv("/proc/self/exe", arguments);
        _exit(127);
    }
    close(ends[1]);
    child.output = fdopen(ends[0], "r");
    must(child.output);
    return child;
}

bool child_ended_well(struct child *child, const char *workload, const char *side)
{
    int status = 1;
    fclose(child->output);
    must(waitpid(child->pid, &status, 0) == child->pid);
    if (status != 0)
        fprintf(stderr, "bench: %s on %s failed, status %#x\n", workload, side, (unsigned)status);
    return status == 0;
}
