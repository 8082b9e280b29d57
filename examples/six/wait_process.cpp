/* wait_process.cpp - a callback when a child process has ended. */
#include <cstdio>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tp/tp.hpp>

static pid_t start_child()
{
    pid_t child = fork();
    if (child == 0) {
        execl("/bin/sh", "sh", "-c", "exit 7", static_cast<char *>(nullptr));
        _exit(127);
    }
    return child;
}

int main()
{
    pid_t child = start_child();
    int process = static_cast<int>(syscall(SYS_pidfd_open, child, 0));
    int status = 0;
    if (process < 0) {
        std::perror("wait_process: no child to wait for");
        return 1;
    }

    tp::event ended;
    tp::wait wait([&](tp::instance &callback, tp::wait_result result) {
        if (result == tp::wait_result::signaled)
            std::puts("signaled");
        callback.set_on_return(ended);
    });
    wait.set(tp::waitable::process(process));

    ended.wait();
    if (waitpid(child, &status, 0) == child && WIFEXITED(status))
        std::printf("exit code %d\n", WEXITSTATUS(status));
    close(process);
}
