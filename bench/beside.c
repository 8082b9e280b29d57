/* beside.c - processes that run beside a measurement, one on each processor. */
#define _GNU_SOURCE
#include "bench/beside.h"

#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/measure.h"

enum { MOST = 64 };

static pid_t processes[MOST];
static unsigned count;

static pid_t start_on(unsigned processor, void (*run)(void))
{
    pid_t parent = getpid(), child = fork();
    must(child >= 0);
    if (child > 0)
        return child;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(processor, &set);
    must(sched_setaffinity(0, sizeof set, &set) == 0);
    must(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent);
    run();
    _exit(1);
}

void beside_begin(void (*run)(void))
{
    cpu_set_t set;
    must(sched_getaffinity(0, sizeof set, &set) == 0);
    for (unsigned i = 0; i < CPU_SETSIZE && count < MOST; i++)
        if (CPU_ISSET(i, &set))
            processes[count++] = start_on(i, run);
}

/* It gives way to everybody at once, also to who only yields. */
void beside_keep_awake(void)
{
    must(sched_setscheduler(0, SCHED_IDLE, &(struct sched_param){0}) == 0);
    for (;;)
        sched_yield();
}

void beside_end(void)
{
    while (count > 0) {
        pid_t process = processes[--count];
        must(kill(process, SIGKILL) == 0 && waitpid(process, NULL, 0) == process);
    }
}
