/* together.c - runs commands side by side; prints how each one ended, and its output in one piece.
 *
 * usage: together SECONDS COMMAND... (each is run by sh; whoever is out of time is killed)
 *
 * Everything is a wait: for output (a descriptor), for the end of a command (a process, with a
 * timeout), for SIGINT, which ends them all (a signal). One thread runs all callbacks, so nothing
 * is locked. Exit status: 0 if all of them ended with 0, else 1. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tp/tp.h"

struct command {
    const char *text, *verdict;
    pid_t pid; /* 0: it has ended */
    int pidfd, output_fd, status;
    int to_come; /* its end, and the end of its output */
    char *output;
    size_t length;
    FILE *memory;
};

static struct command *commands;
static int count, running;
static bool all_good = true;
static tp_event_t *over;

static void must(bool good, const char *what)
{
    if (!good) {
        perror(what);
        exit(2);
    }
}

/* A wait is one shot: each callback arms its own again for as long as there is more to come. Then
 * it closes it, before the descriptor: until then the library keeps that open, too. */
static void arm(tp_wait_t *wait, tp_waitable_t source, int64_t timeout)
{
    tp_wait_spec_t spec = TP_WAIT_SPEC_INIT;
    spec.source = source;
    spec.timeout = timeout;
    must(tp_wait_set(wait, &spec, NULL) == TP_OK, "tp_wait_set");
}

static void one_less_to_come(struct command *self)
{
    bool exited = WIFEXITED(self->status);
    if (--self->to_come > 0)
        return;
    fclose(self->memory);
    printf("%s: %s, %s %d\n", self->text, self->verdict, exited ? "status" : "signal",
           exited ? WEXITSTATUS(self->status) : WTERMSIG(self->status));
    fwrite(self->output, 1, self->length, stdout);
    free(self->output);
    all_good = all_good && self->status == 0;
    if (--running == 0)
        tp_event_set(over);
}

static void on_output(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                      tp_wait_result_t result)
{
    struct command *self = context;
    char buffer[4096];
    ssize_t length = read(self->output_fd, buffer, sizeof buffer);
    (void)instance, (void)result;
    if (length > 0) {
        fwrite(buffer, 1, (size_t)length, self->memory);
        arm(wait, tp_waitable_fd(self->output_fd, POLLIN), TP_INFINITE);
        return;
    }
    tp_wait_close(wait);
    close(self->output_fd);
    one_less_to_come(self);
}

static void on_end(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                   tp_wait_result_t result)
{
    struct command *self = context;
    (void)instance;
    if (result == TP_WAIT_TIMEOUT) {
        self->verdict = "out of time";
        kill(-self->pid, SIGKILL);
        arm(wait, tp_waitable_process(self->pidfd), TP_INFINITE);
        return;
    }
    waitpid(self->pid, &self->status, 0);
    self->pid = 0;
    tp_wait_close(wait);
    close(self->pidfd);
    one_less_to_come(self);
}

static void on_interrupt(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                         tp_wait_result_t result)
{
    (void)instance, (void)context, (void)result;
    for (int i = 0; i < count; i++)
        if (commands[i].pid > 0)
            kill(-commands[i].pid, SIGTERM);
    arm(wait, tp_waitable_signal(SIGINT), TP_INFINITE);
}

/* In a process group of its own, which is killed as a whole, and with the signals as we found them:
 * a child inherits what is blocked. */
static void start(struct command *self, const char *text, const sigset_t *signals)
{
    int ends[2];
    must(pipe2(ends, O_CLOEXEC) == 0, "pipe2");
    *self = (struct command){.text = text, .verdict = "ended", .to_come = 2};
    self->pid = fork();
    if (self->pid == 0) {
        setpgid(0, 0);
        dup2(ends[1], STDOUT_FILENO);
        sigprocmask(SIG_SETMASK, signals, NULL);
        execl("/bin/sh", "sh", "-c", text, (char *)NULL);
        _exit(127);
    }
    setpgid(self->pid, self->pid); /* whoever of us two is first */
    close(ends[1]);
    self->output_fd = ends[0];
    self->pidfd = (int)syscall(SYS_pidfd_open, self->pid, 0);
    self->memory = open_memstream(&self->output, &self->length);
    must(self->pidfd >= 0 && self->memory != NULL, "start");
}

static tp_wait_t *make(tp_wait_fn callback, struct command *command, const tp_env_t *env)
{
    tp_wait_t *wait;
    must(tp_wait_create(callback, command, env, &wait) == TP_OK, "tp_wait_create");
    return wait;
}

int main(int argc, char **argv)
{
    int64_t timeout = argc > 2 ? strtoll(argv[1], NULL, 10) * 1000000000 : 0;
    tp_pool_config_t config = TP_POOL_CONFIG_INIT;
    tp_wait_result_t result;
    tp_pool_t *pool;
    tp_env_t *env;
    sigset_t interrupt, before;
    if (timeout <= 0) {
        fputs("usage: together SECONDS COMMAND...\n", stderr);
        return 2;
    }
    sigemptyset(&interrupt);
    sigaddset(&interrupt, SIGINT);
    sigprocmask(SIG_BLOCK, &interrupt, &before); /* while there is no other thread */
    running = count = argc - 2;
    commands = calloc((size_t)count, sizeof *commands);
    must(commands != NULL, "memory");
    for (int i = 0; i < count; i++)
        start(&commands[i], argv[i + 2], &before);
    config.thread_maximum = 1;
    must(tp_pool_create(&config, &pool) == TP_OK && tp_env_create(&env) == TP_OK &&
             tp_env_set_pool(env, pool) == TP_OK && tp_event_create(true, false, &over) == TP_OK,
         "tp");
    arm(make(on_interrupt, NULL, env), tp_waitable_signal(SIGINT), TP_INFINITE);
    for (struct command *self = commands; self < commands + count; self++) {
        arm(make(on_output, self, env), tp_waitable_fd(self->output_fd, POLLIN), TP_INFINITE);
        arm(make(on_end, self, env), tp_waitable_process(self->pidfd), timeout);
    }
    must(tp_waitable_wait(tp_waitable_event(over), TP_INFINITE, &result) == TP_OK, "over");
    must(tp_pool_shutdown(pool, true, TP_INFINITE) == TP_OK, "tp_pool_shutdown");
    return all_good ? 0 : 1;
}
