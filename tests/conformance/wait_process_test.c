/* wait_process_test.c - waits for the end of a process. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/conformance/wait_scene.h"

/* A child that lives until it is told, and its descriptor. It makes system calls only. */
struct child {
    pid_t pid;
    int fd;
    int tell;
};

static bool child_begin(struct child *child)
{
    int ends[2];
    char byte;
    stage_expect_eq(pipe2(ends, O_CLOEXEC), 0);
    child->pid = fork();
    if (child->pid == 0) {
        close(ends[1]);
        while (read(ends[0], &byte, 1) < 0 && errno == EINTR)
            ;
        _exit(7);
    }
    stage_expect(child->pid > 0);
    close(ends[0]);
    child->tell = ends[1];
    child->fd = (int)syscall(SYS_pidfd_open, child->pid, 0);
    return child->fd >= 0;
}

static void child_stop(struct child *child)
{
    stage_expect_eq(close(child->tell), 0);
}

/* Nobody has taken its exit status: it was not reaped. */
static void child_reap(struct child *child)
{
    int status = 0;
    pid_t pid;
    do
        pid = waitpid(child->pid, &status, 0);
    while (pid < 0 && errno == EINTR);
    stage_expect_eq(pid, child->pid);
    stage_expect(WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

#define begin_or_skip(child) \
    do { \
        if (!child_begin(child)) { \
            child_stop(child); \
            child_reap(child); \
            stage_skip("the system has no pidfd_open"); \
            return; \
        } \
    } while (0)

/* ---- the end --------------------------------------------------------------------------------- */

/* C-136: signaled after the end, and again as soon as it is set again. */
STAGE_TEST(wait_process__c136_fires_at_the_end_and_at_once_when_set_again)
{
    struct wait_scene s;
    struct child child;
    begin_or_skip(&child);
    scene_begin(&s, 2, hit);
    stage_expect(!arm(s.wait, tp_waitable_process(child.fd)));
    linger();
    stage_expect_eq(stage_value(&s.hits.runs), 0);
    child_stop(&child);
    stage_await(&s.hits.runs, 1);
    linger();
    stage_expect_eq(stage_value(&s.hits.runs), 1);
    for (uint32_t i = 2; i <= 3; i++) {
        stage_expect(!arm(s.wait, tp_waitable_process(child.fd)));
        stage_await(&s.hits.runs, i);
    }
    child_reap(&child);
    stage_expect(!arm(s.wait, tp_waitable_process(child.fd))); /* ended, reaped or not */
    stage_await(&s.hits.runs, 4);
    scene_end(&s);
    stage_expect_eq(stage_value(&s.hits.signaled), 4);
    stage_expect_eq(close(child.fd), 0);
}

STAGE_TEST(wait_process__c136_ended_before_the_set)
{
    struct wait_scene s;
    struct child child;
    siginfo_t info;
    begin_or_skip(&child);
    child_stop(&child);
    stage_expect_eq(waitid(P_PID, (id_t)child.pid, &info, WEXITED | WNOWAIT), 0);
    scene_begin(&s, 1, hit);
    stage_expect(!arm(s.wait, tp_waitable_process(child.fd)));
    stage_await(&s.hits.runs, 1);
    scene_end(&s);
    stage_expect_eq(stage_value(&s.hits.signaled), 1);
    child_reap(&child);
    stage_expect_eq(close(child.fd), 0);
}

STAGE_TEST(wait_process__killed_and_its_descriptor_closed_while_armed)
{
    struct wait_scene s;
    struct child child;
    int status = 0;
    begin_or_skip(&child);
    scene_begin(&s, 1, hit);
    stage_expect(!arm_for(s.wait, tp_waitable_process(child.fd), FAR_AWAY));
    stage_expect_eq(close(child.fd), 0);
    stage_expect_eq(kill(child.pid, SIGKILL), 0);
    stage_await(&s.hits.runs, 1);
    stage_expect_eq(stage_value(&s.hits.signaled), 1);
    stage_expect_eq(waitpid(child.pid, &status, 0), child.pid);
    stage_expect(WIFSIGNALED(status));
    scene_end(&s);
    child_stop(&child);
}

/* ---- more than one --------------------------------------------------------------------------- */

STAGE_TEST(wait_process__r35_two_waits_and_two_pools_on_one_process)
{
    struct wait_scene s, other;
    struct hits hits = {0};
    struct child child;
    begin_or_skip(&child);
    scene_begin(&s, 2, hit);
    scene_begin(&other, 1, hit);
    tp_wait_t *second = make_wait(hit, &hits, s.env);
    stage_expect(!arm(s.wait, tp_waitable_process(child.fd)));
    stage_expect(!arm(second, tp_waitable_process(child.fd)));
    stage_expect(!arm(other.wait, tp_waitable_process(child.fd)));
    child_stop(&child);
    stage_await(&s.hits.runs, 1);
    stage_await(&hits.runs, 1);
    stage_await(&other.hits.runs, 1);
    finish_wait(second);
    stage_await(&hits.released, 1);
    stage_expect_eq(stage_value(&hits.signaled), 1);
    scene_end(&s);
    scene_end(&other);
    child_reap(&child);
    stage_expect_eq(close(child.fd), 0);
}

/* Several processes, which end in another order than they were armed in. */
STAGE_TEST(wait_process__several_processes)
{
    enum { CHILDREN = 4 };
    struct child children[CHILDREN];
    struct hits hits[CHILDREN] = {{.wait = NULL}};
    tp_wait_t *waits[CHILDREN];
    for (int i = 0; i < CHILDREN; i++)
        begin_or_skip(&children[i]);
    tp_pool_t *pool = stage_pool(1, 1);
    tp_env_t *env = stage_env(pool);
    for (int i = 0; i < CHILDREN; i++) {
        waits[i] = make_wait(hit, &hits[i], env);
        stage_expect(!arm(waits[i], tp_waitable_process(children[i].fd)));
    }
    for (int i = CHILDREN - 1; i >= 0; i--) {
        child_stop(&children[i]);
        stage_await(&hits[i].runs, 1);
        for (int k = 0; k < i; k++)
            stage_expect_eq(stage_value(&hits[k].runs), 0);
    }
    for (int i = 0; i < CHILDREN; i++) {
        finish_wait(waits[i]);
        child_reap(&children[i]);
        stage_expect_eq(close(children[i].fd), 0);
    }
    stage_expect_eq(tp_env_destroy(env) | tp_pool_close(pool), TP_OK);
}

/* ---- what does not end ----------------------------------------------------------------------- */

STAGE_TEST(wait_process__c117_timeout_disarm_and_close)
{
    struct wait_scene s;
    struct child child;
    begin_or_skip(&child);
    scene_begin(&s, 2, hit);
    stage_expect(!arm_for(s.wait, tp_waitable_process(child.fd), 5 * STAGE_MS));
    stage_await(&s.hits.runs, 1);
    stage_expect(!arm_for(s.wait, tp_waitable_process(child.fd), 0));
    stage_await(&s.hits.runs, 2);
    stage_expect_eq(stage_value(&s.hits.timed_out), 2);
    stage_expect(!arm(s.wait, tp_waitable_process(child.fd)));
    stage_expect(disarm(s.wait));
    stage_expect(!arm(s.wait, tp_waitable_process(child.fd)));
    tpp_store_release(&s.hits.over, 1);
    stage_expect_eq(tp_wait_close(s.wait), TP_OK);
    stage_expect_eq(close(child.fd), 0);
    child_stop(&child);
    child_reap(&child);
    linger();
    s.wait = NULL;
    scene_end(&s);
    stage_expect_eq(stage_value(&s.hits.runs), 2);
}

/* What names no process is refused, though it can be waited for; the arming stays. */
STAGE_TEST(wait_process__what_is_no_process_leaves_the_arming_as_it_was)
{
    struct wait_scene s;
    tp_event_t *event = make_event(false, false);
    int fd = eventfd(1, EFD_CLOEXEC), closed = eventfd(0, EFD_CLOEXEC);
    int wrong[] = {fd, closed, -1, INT32_MAX};
    stage_expect_eq(close(closed), 0);
    scene_begin(&s, 2, hit);
    stage_expect(!arm(s.wait, tp_waitable_event(event)));
    for (int i = 0; i < 4; i++)
        expect_no_source(s.wait, tp_waitable_process(wrong[i]), EBADF);
    stage_expect_eq(stage_stats(s.pool).waits_armed, 1);
    stage_expect_eq(tp_event_set(event), TP_OK);
    stage_await(&s.hits.runs, 1);
    scene_end(&s);
    stage_expect_eq(stage_value(&s.hits.signaled), 1);
    stage_expect_eq(tp_event_close(event), TP_OK);
    stage_expect_eq(close(fd), 0);
}

/* ---- threads --------------------------------------------------------------------------------- */

static void wait_for_end(void *context)
{
    struct child *child = context;
    stage_expect_eq(take_for(tp_waitable_process(child->fd), TP_INFINITE), TP_WAIT_SIGNALED);
}

STAGE_TEST(wait_process__c136_threads_wait_for_it)
{
    struct child child;
    begin_or_skip(&child);
    tp_waitable_t source = tp_waitable_process(child.fd);
    stage_expect_eq(take(source), TP_WAIT_TIMEOUT);
    int64_t due = stage_now() + 2 * STAGE_MS;
    stage_expect_eq(take_for(source, 2 * STAGE_MS), TP_WAIT_TIMEOUT);
    stage_expect(stage_now() >= due);
    stage_thread_t one = stage_start(wait_for_end, &child), two = stage_start(wait_for_end, &child);
    stage_pass(STAGE_MS);
    child_stop(&child);
    stage_join(one);
    stage_join(two);
    stage_expect_eq(take(source), TP_WAIT_SIGNALED);
    child_reap(&child);
    stage_expect_eq(take_for(source, TP_INFINITE), TP_WAIT_SIGNALED);
    stage_expect_eq(close(child.fd), 0);
}

#define REAL(name) STAGE_CASE_X(name, .real_only = true)

STAGE_MAIN(REAL(wait_process__c136_fires_at_the_end_and_at_once_when_set_again),
           REAL(wait_process__c136_ended_before_the_set),
           REAL(wait_process__killed_and_its_descriptor_closed_while_armed),
           REAL(wait_process__r35_two_waits_and_two_pools_on_one_process),
           REAL(wait_process__several_processes), REAL(wait_process__c117_timeout_disarm_and_close),
           REAL(wait_process__what_is_no_process_leaves_the_arming_as_it_was),
           REAL(wait_process__c136_threads_wait_for_it))
