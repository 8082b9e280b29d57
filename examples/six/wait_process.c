/* wait_process.c - a callback when a child process has ended. */
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "must.h"

static void child_ended(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                        tp_wait_result_t result)
{
    tp_event_t *ended = context;
    (void)wait;
    if (result == TP_WAIT_SIGNALED)
        puts("signaled");
    must(tp_callback_set_event_on_return(instance, ended));
}

static pid_t start_child(void)
{
    pid_t child = fork();
    if (child == 0) {
        execl("/bin/sh", "sh", "-c", "exit 7", (char *)NULL);
        _exit(127);
    }
    return child;
}

int main(void)
{
    tp_wait_spec_t spec = TP_WAIT_SPEC_INIT;
    tp_event_t *ended;
    tp_wait_t *wait;
    int status;

    pid_t child = start_child();
    int process = (int)syscall(SYS_pidfd_open, child, 0);
    if (process < 0) {
        perror("wait_process: no child to wait for");
        return 1;
    }
    must(tp_event_create(true, false, &ended));
    must(tp_wait_create(child_ended, ended, NULL, &wait));
    spec.source = tp_waitable_process(process);
    must(tp_wait_set(wait, &spec, NULL));

    must_wait(tp_waitable_event(ended));
    if (waitpid(child, &status, 0) == child && WIFEXITED(status))
        printf("exit code %d\n", WEXITSTATUS(status));
    must(tp_wait_close(wait));
    must(tp_event_close(ended));
    close(process);
    return 0;
}
