/* wait_fd_test.c - waits on descriptors of the kernel: readiness, hang-ups, sharing, reuse. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "tests/conformance/driven_scene.h"
#include "tests/conformance/wait_scene.h"

/* ---- descriptors ----------------------------------------------------------------------------- */

static int open_event(unsigned initial)
{
    int fd = eventfd(initial, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE);
    stage_expect(fd >= 0);
    return fd;
}

static void signal_event(int fd, uint64_t times)
{
    stage_expect_eq(write(fd, &times, sizeof times), sizeof times);
}

static bool read_event(int fd)
{
    uint64_t one;
    return read(fd, &one, sizeof one) == sizeof one;
}

static void open_pipe(int ends[2])
{
    stage_expect_eq(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
}

static void open_pair(int ends[2])
{
    stage_expect_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
}

static void shut(int fd)
{
    stage_expect_eq(close(fd), 0);
}

static void put(int fd)
{
    stage_expect_eq(write(fd, "x", 1), 1);
}

static void get(int fd)
{
    char byte;
    stage_expect_eq(read(fd, &byte, 1), 1);
}

static tp_waitable_t readable_of(int fd)
{
    return tp_waitable_fd(fd, POLLIN);
}

static uint32_t open_descriptors(void)
{
    uint32_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    if (!folder)
        return 0;
    for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder))
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

/* It fires, and is told of these events. */
static void expect_events(struct wait_scene *s, uint32_t runs, uint32_t events)
{
    stage_await(&s->hits.runs, runs);
    stage_expect_eq(stage_value(&s->hits.signaled), runs);
    stage_expect_eq(tpp_load_acquire(&s->hits.events), events);
}

/* ---- readiness ------------------------------------------------------------------------------- */

/* A wait consumes nothing: what is readable still fires again as soon as it is set again. */
STAGE_TEST(wait_fd__c123_c124_readable_fires_once_for_each_set)
{
    struct wait_scene s;
    int fd = open_event(0);
    scene_begin(&s, 2, hit);
    stage_expect(!arm(s.wait, readable_of(fd)));
    linger();
    stage_expect_eq(stage_value(&s.hits.runs), 0);
    signal_event(fd, 2);
    expect_events(&s, 1, POLLIN);
    linger();
    stage_expect_eq(stage_value(&s.hits.runs), 1);
    stage_expect_eq(stage_stats(s.pool).waits_armed, 0);
    for (uint32_t i = 2; i <= 4; i++) {
        stage_expect(!arm(s.wait, readable_of(fd)));
        expect_events(&s, i, POLLIN);
    }
    stage_expect(read_event(fd) && read_event(fd) && !read_event(fd));
    stage_expect(!arm(s.wait, readable_of(fd)));
    linger();
    stage_expect_eq(stage_value(&s.hits.runs), 4);
    signal_event(fd, 1);
    expect_events(&s, 5, POLLIN);
    scene_end(&s);
    shut(fd);
}

/* Reads one and sets itself again, `left` times. */
static void read_again(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                       tp_wait_result_t result)
{
    struct hits *hits = context;
    stage_expect(read_event(hits->fd));
    hit_again(instance, context, wait, result);
}

STAGE_TEST(wait_fd__c125_each_of_many_is_read_by_its_own_callback)
{
    struct wait_scene s;
    uint32_t times = 5000;
    int fd = open_event(0);
    scene_begin(&s, 2, read_again);
    s.hits.fd = fd;
    s.hits.source = readable_of(fd);
    tpp_store_release(&s.hits.left, times - 1);
    stage_expect(!arm(s.wait, s.hits.source));
    for (uint32_t i = 1; i <= times / 2; i++) {
        signal_event(fd, 1);
        if (i % 50 == 0)
            stage_await(&s.hits.runs, i);
    }
    signal_event(fd, times / 2);
    stage_await(&s.hits.runs, times);
    stage_expect(!read_event(fd));
    linger();
    scene_end(&s);
    stage_expect_eq(stage_value(&s.hits.signaled), times);
    shut(fd);
}

STAGE_TEST(wait_fd__hang_up_and_end_of_file_are_delivered)
{
    struct wait_scene s;
    int pipe_ends[2], pair[2], pair2[2];
    open_pipe(pipe_ends);
    open_pair(pair);
    open_pair(pair2);
    scene_begin(&s, 2, hit);
    stage_expect(!arm(s.wait, tp_waitable_fd(pipe_ends[0], 0))); /* asked for nothing at all */
    put(pipe_ends[1]);
    linger();
    stage_expect_eq(stage_value(&s.hits.runs), 0);
    shut(pipe_ends[1]);
    expect_events(&s, 1, POLLHUP);
    stage_expect(!arm(s.wait, readable_of(pipe_ends[0])));
    expect_events(&s, 2, POLLIN | POLLHUP);
    get(pipe_ends[0]);
    stage_expect(!arm(s.wait, readable_of(pipe_ends[0])));
    expect_events(&s, 3, POLLHUP);
    stage_expect(!arm(s.wait, tp_waitable_fd(pair[0], POLLRDHUP)));
    stage_expect_eq(shutdown(pair[1], SHUT_WR), 0);
    expect_events(&s, 4, POLLRDHUP);
    stage_expect(!arm(s.wait, tp_waitable_fd(pair[0], POLLIN | POLLRDHUP)));
    expect_events(&s, 5, POLLIN | POLLRDHUP);
    stage_expect(!arm(s.wait, tp_waitable_fd(pair2[0], 0)));
    shut(pair2[1]);
    expect_events(&s, 6, POLLHUP);
    scene_end(&s);
    shut(pipe_ends[0]);
    shut(pair[0]);
    shut(pair[1]);
    shut(pair2[0]);
}

STAGE_TEST(wait_fd__error_is_delivered)
{
    struct wait_scene s;
    int ends[2];
    open_pipe(ends);
    scene_begin(&s, 2, hit);
    stage_expect(!arm(s.wait, tp_waitable_fd(ends[1], 0)));
    linger();
    stage_expect_eq(stage_value(&s.hits.runs), 0);
    shut(ends[0]);
    expect_events(&s, 1, POLLERR);
    stage_expect(!arm(s.wait, tp_waitable_fd(ends[1], POLLOUT)));
    expect_events(&s, 2, POLLOUT | POLLERR);
    scene_end(&s);
    shut(ends[1]);
}

static int64_t cpu_time(void)
{
    struct timespec used;
    stage_expect_eq(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used), 0);
    return used.tv_sec * STAGE_S + used.tv_nsec;
}

/* Nobody is armed on it any more: that it stays as it is costs nothing. */
static void expect_no_spinning(void)
{
    stage_pass(20 * STAGE_MS);
    int64_t used = cpu_time();
    stage_pass(80 * STAGE_MS);
    stage_expect(cpu_time() - used < 4 * STAGE_MS);
}

STAGE_TEST(wait_fd__what_stays_ready_is_not_spun_on)
{
    struct wait_scene s;
    struct hits other = {0};
    int ends[2], pair[2], fd = open_event(1);
    open_pipe(ends);
    open_pair(pair);
    scene_begin(&s, 2, hit);
    tp_wait_t *second = make_wait(hit, &other, s.env);
    shut(ends[1]);
    stage_expect(!arm(s.wait, readable_of(ends[0]))); /* hung up for ever */
    stage_await(&s.hits.runs, 1);
    stage_expect(!arm(s.wait, readable_of(fd)));
    stage_await(&s.hits.runs, 2);
    expect_no_spinning();
    /* Writable for ever, and one is armed on what it is not. */
    stage_expect(!arm(s.wait, readable_of(pair[0])));
    stage_expect(!arm(second, tp_waitable_fd(pair[0], POLLOUT)));
    stage_await(&other.runs, 1);
    expect_no_spinning();
    stage_expect_eq(stage_value(&s.hits.runs), 2);
    put(pair[1]);
    stage_await(&s.hits.runs, 3);
    stage_expect(!arm(s.wait, readable_of(pair[0]))); /* armed, disarmed, and readable on */
    (void)disarm(s.wait);
    expect_no_spinning();
    finish_wait(second);
    stage_await(&other.released, 1);
    scene_end(&s);
    shut(ends[0]);
    shut(pair[0]);
    shut(pair[1]);
    shut(fd);
}

/* Nobody but the gate looks, since the only thread is inside a callback. */
STAGE_TEST(wait_fd__what_stays_ready_is_not_spun_on_while_every_thread_is_blocked)
{
    struct gated_scene s;
    int fd = open_event(0);
    scene_begin_gated(&s);
    stage_expect(!arm(s.wait, readable_of(fd)));
    signal_event(fd, 1);
    for (int look = 0; look < 20000 && stage_stats(s.gate.pool).pending[1] == 0; look++)
        stage_pass(STAGE_MS);
    stage_expect_eq(stage_stats(s.gate.pool).pending[1], 1);
    expect_no_spinning();
    stage_expect_eq(stage_stats(s.gate.pool).pending[1], 1);
    scene_end_gated(&s);
    stage_expect_eq(stage_value(&s.hits.signaled), 1);
    shut(fd);
}

/* The same in a pool that nobody turns, but for its descriptor. */
STAGE_TEST(wait_fd__what_stays_ready_is_not_spun_on_in_a_pool_without_threads)
{
    struct wait_scene s;
    int fd = open_event(0), own = -1;
    scene_prepare_on(&s, driven(0));
    scene_make(&s, hit);
    stage_expect_eq(tp_pool_poll_fd(s.pool, &own), TP_OK);
    stage_expect(!arm(s.wait, readable_of(fd)));
    signal_event(fd, 1);
    stage_expect(wait_readable(own));
    expect_no_spinning();
    for (int turns = 0; stage_value(&s.hits.runs) == 0 && turns < 100; turns++)
        (void)!tp_pool_run(s.pool, 0, 10 * STAGE_MS, NULL);
    expect_events(&s, 1, POLLIN);
    expect_no_spinning(); /* it is readable still, and nobody is armed */
    scene_end(&s);
    shut(fd);
}

/* Of several callbacks that were queued together each is told of the latest. */
STAGE_TEST(wait_fd__events_of_several_queued_callbacks_are_the_latest)
{
    struct gated_scene s;
    int fd = open_event(1), pair[2];
    open_pair(pair);
    scene_begin_gated(&s);
    for (uint64_t i = 1; i <= 2; i++) {
        stage_expect(!arm(s.wait, i == 1 ? tp_waitable_fd(pair[0], POLLOUT) : readable_of(fd)));
        for (int look = 0; look < 20000 && stage_stats(s.gate.pool).pending[1] < i; look++)
            stage_pass(STAGE_MS);
        stage_expect_eq(stage_stats(s.gate.pool).pending[1], i);
    }
    stage_gate_open(&s.gate);
    stage_await(&s.hits.runs, 1);
    stage_expect_eq(tpp_load_acquire(&s.hits.events), POLLIN);
    scene_end_gated(&s);
    stage_expect_eq(tpp_load_acquire(&s.hits.events), POLLIN);
    stage_expect_eq(stage_value(&s.hits.signaled), 2);
    shut(fd);
    shut(pair[0]);
    shut(pair[1]);
}

/* Anything that poll(2) can wait for. */
STAGE_TEST(wait_fd__timer_descriptor)
{
    struct wait_scene s;
    struct itimerspec soon = {.it_value = {.tv_nsec = 5 * STAGE_MS}};
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    stage_require(fd >= 0);
    scene_begin(&s, 1, hit);
    stage_expect(!arm(s.wait, readable_of(fd)));
    int64_t due = stage_now() + 5 * STAGE_MS;
    stage_expect_eq(timerfd_settime(fd, 0, &soon, NULL), 0);
    expect_events(&s, 1, POLLIN);
    stage_expect(hit_at(&s.hits, 0) >= due);
    scene_end(&s);
    shut(fd);
}

/* ---- timeouts -------------------------------------------------------------------------------- */

STAGE_TEST(wait_fd__c117_c121_timeouts)
{
    struct wait_scene s;
    int fd = open_event(0);
    scene_begin(&s, 2, hit);
    int64_t due = stage_now() + 5 * STAGE_MS;
    stage_expect(!arm_for(s.wait, readable_of(fd), 5 * STAGE_MS));
    stage_await(&s.hits.runs, 1);
    stage_expect(hit_at(&s.hits, 0) >= due);
    stage_expect_eq(tpp_load_acquire(&s.hits.events), 0);
    signal_event(fd, 1);
    linger();
    stage_expect_eq(stage_value(&s.hits.runs), 1);
    stage_expect(!arm_for(s.wait, readable_of(fd), 0)); /* readable or not */
    stage_await(&s.hits.runs, 2);
    stage_expect_eq(stage_value(&s.hits.timed_out), 2);
    stage_expect(!arm_for(s.wait, readable_of(fd), FAR_AWAY));
    stage_await(&s.hits.runs, 3);
    stage_expect_eq(stage_value(&s.hits.signaled), 1);
    stage_expect_eq(tpp_load_acquire(&s.hits.events), POLLIN);
    scene_end(&s);
    shut(fd);
}

/* Readable at about the time when the time runs out: one callback, whichever it says. */
STAGE_TEST(wait_fd__c141_readable_when_the_time_runs_out)
{
    struct wait_scene s;
    int fd = open_event(0);
    scene_begin(&s, 2, hit);
    for (uint32_t i = 1; i <= 300; i++) {
        int64_t span = 50000 + (int64_t)(tpp_random() % 100000), due = stage_now() + span;
        stage_expect(!arm_clock(s.wait, readable_of(fd), TP_CLOCK_MONOTONIC, due));
        while (stage_now() < due - 20000 + (int64_t)(tpp_random() % 40000))
            ;
        signal_event(fd, 1);
        stage_await(&s.hits.runs, i);
        stage_expect_eq(tp_wait_wait(s.wait, false, TP_INFINITE), TP_OK);
        stage_expect_eq(stage_value(&s.hits.runs), i);
        stage_expect(!disarm(s.wait));
        stage_expect(read_event(fd));
    }
    scene_end(&s);
    stage_expect_eq(stage_value(&s.hits.signaled) + stage_value(&s.hits.timed_out), 300);
    shut(fd);
}

/* ---- disarmed, replaced ---------------------------------------------------------------------- */

STAGE_TEST(wait_fd__c122_c131_disarmed_or_replaced)
{
    struct wait_scene s;
    int a = open_event(0), b = open_event(0);
    tp_event_t *event = make_event(false, false);
    scene_begin(&s, 2, hit);
    stage_expect(!arm(s.wait, readable_of(a)));
    stage_expect(disarm(s.wait));
    signal_event(a, 1);
    linger();
    stage_expect_eq(stage_value(&s.hits.runs), 0);
    stage_expect(!arm(s.wait, readable_of(b)));
    stage_expect(arm(s.wait, tp_waitable_event(event)));
    signal_event(b, 1);
    linger();
    stage_expect_eq(stage_value(&s.hits.runs), 0);
    stage_expect(read_event(b));
    stage_expect(arm(s.wait, readable_of(b)));
    stage_expect_eq(tp_event_set(event), TP_OK);
    linger();
    stage_expect_eq(stage_value(&s.hits.runs), 0);
    stage_expect(is_set(event));
    signal_event(b, 1);
    expect_events(&s, 1, POLLIN);
    scene_end(&s);
    stage_expect_eq(tp_event_close(event), TP_OK);
    shut(a);
    shut(b);
}

/* Disarmed while it becomes readable: told that it was armed, and no callback; or one. */
STAGE_TEST(wait_fd__c143_r01_disarm_against_readiness)
{
    struct wait_scene s;
    uint32_t runs = 0, rounds = 1000;
    int fd = open_event(0);
    scene_begin(&s, 2, hit);
    for (uint32_t i = 0; i < rounds; i++) {
        stage_expect(!arm(s.wait, readable_of(fd)));
        signal_event(fd, 1);
        dawdle();
        runs += !disarm(s.wait);
        stage_expect_eq(tp_wait_wait(s.wait, false, TP_INFINITE), TP_OK);
        stage_expect_eq(stage_value(&s.hits.runs), runs);
        stage_expect(read_event(fd));
    }
    linger();
    scene_end(&s);
    stage_expect_eq(stage_value(&s.hits.runs), runs);
    shut(fd);
}

/* ---- several waits on one -------------------------------------------------------------------- */

/* by one number or several, in one pool or two. */
STAGE_TEST(wait_fd__r35_several_waits_on_one_descriptor)
{
    struct wait_scene s, second;
    struct hits hits[3] = {{.wait = NULL}};
    tp_wait_t *waits[3];
    int fd = open_event(0), again = dup(fd);
    scene_begin(&s, 2, hit);
    scene_begin(&second, 1, hit);
    for (int i = 0; i < 3; i++) {
        waits[i] = make_wait(hit, &hits[i], s.env);
        stage_expect(!arm(waits[i], readable_of(i == 1 ? again : fd)));
    }
    stage_expect(!arm(s.wait, readable_of(fd)));
    stage_expect(!arm(second.wait, readable_of(fd)));
    stage_expect(disarm(waits[0]));
    linger();
    stage_expect_eq(stage_stats(s.pool).waits_armed, 3);
    signal_event(fd, 1);
    stage_await(&s.hits.runs, 1);
    stage_await(&second.hits.runs, 1);
    stage_await(&hits[1].runs, 1);
    stage_await(&hits[2].runs, 1);
    linger();
    stage_expect_eq(stage_value(&hits[0].runs), 0);
    stage_expect(!arm(waits[0], readable_of(fd))); /* it is readable still */
    stage_await(&hits[0].runs, 1);
    for (int i = 0; i < 3; i++) {
        finish_wait(waits[i]);
        stage_expect_eq(stage_value(&hits[i].signaled), 1);
        stage_await(&hits[i].released, 1);
    }
    scene_end(&s);
    scene_end(&second);
    shut(fd);
    shut(again);
}

STAGE_TEST(wait_fd__r35_different_states_of_one_descriptor)
{
    struct wait_scene in, out;
    struct hits both_hits = {0};
    int pair[2];
    open_pair(pair);
    scene_begin(&in, 2, hit);
    scene_prepare_on(&out, in.pool);
    scene_make(&out, hit);
    tp_wait_t *both = make_wait(hit, &both_hits, in.env);
    stage_expect(!arm(in.wait, readable_of(pair[0])));
    stage_expect(!arm(out.wait, tp_waitable_fd(pair[0], POLLOUT)));
    expect_events(&out, 1, POLLOUT); /* what was asked for, and no more */
    linger();
    stage_expect_eq(stage_value(&in.hits.runs), 0);
    put(pair[1]);
    expect_events(&in, 1, POLLIN);
    stage_expect(!arm(out.wait, tp_waitable_fd(pair[0], POLLOUT)));
    expect_events(&out, 2, POLLOUT);
    stage_expect(!arm(both, tp_waitable_fd(pair[0], POLLIN | POLLOUT)));
    stage_await(&both_hits.runs, 1);
    stage_expect_eq(tpp_load_acquire(&both_hits.events), POLLIN | POLLOUT);
    get(pair[0]);
    stage_expect(!arm(in.wait, readable_of(pair[0])));
    stage_expect(!arm(both, tp_waitable_fd(pair[0], POLLRDHUP)));
    linger();
    stage_expect_eq(stage_value(&in.hits.runs), 1);
    stage_expect_eq(stage_value(&both_hits.runs), 1);
    shut(pair[1]); /* a hang-up is everybody's */
    expect_events(&in, 2, POLLIN | POLLHUP);
    stage_await(&both_hits.runs, 2);
    stage_expect_eq(tpp_load_acquire(&both_hits.events), POLLRDHUP | POLLHUP);
    finish_wait(both);
    finish_wait(out.wait);
    stage_await(&both_hits.released, 1);
    stage_await(&out.hits.released, 1);
    stage_expect_eq(tp_env_destroy(out.env), TP_OK);
    scene_end(&in);
    shut(pair[0]);
}

enum { MANY = 200 };

/* How many descriptors there are afterwards. */
static uint32_t many_on_one(void)
{
    static struct hits hits[MANY];
    struct wait_scene s;
    tp_wait_t *waits[MANY];
    int fd = open_event(0);
    scene_begin(&s, 2, hit);
    uint32_t before = open_descriptors();
    for (int i = 0; i < MANY; i++) {
        hits[i] = (struct hits){.wait = NULL};
        waits[i] = make_wait(hit, &hits[i], s.env);
        stage_expect(!arm(waits[i], readable_of(fd)));
    }
    stage_expect(open_descriptors() < before + 20);
    signal_event(fd, 1);
    for (int i = 0; i < MANY; i++)
        stage_await(&hits[i].runs, 1);
    linger();
    for (int i = 0; i < MANY; i++) {
        stage_expect_eq(stage_value(&hits[i].signaled), 1);
        finish_wait(waits[i]);
        stage_await(&hits[i].released, 1);
    }
    scene_end(&s);
    shut(fd);
    stage_expect(stage_library_threads_fall_to(0));
    return open_descriptors();
}

/* However many waits name it, the library needs but a few descriptors for one file, and has given
 * them all back in the end. */
STAGE_TEST(wait_fd__r35_many_waits_on_one_descriptor)
{
    uint32_t first = many_on_one(), second = many_on_one();
    for (int look = 0; look < 2000 && second > first; look++) {
        stage_pass(STAGE_MS);
        second = open_descriptors();
    }
    stage_expect(second <= first);
}

/* ---- closed by its owner --------------------------------------------------------------------- */

/* C-144: the number is gone, the file is not: who holds another end or copy of it may signal. */
STAGE_TEST(wait_fd__c144_closed_while_armed)
{
    struct wait_scene s;
    int ends[2], fd = open_event(0);
    open_pipe(ends);
    scene_begin(&s, 2, hit);
    stage_expect(!arm(s.wait, readable_of(fd)));
    shut(fd);
    linger();
    stage_expect_eq(stage_stats(s.pool).waits_armed, 1);
    stage_expect(arm(s.wait, readable_of(ends[0])));
    shut(ends[0]);
    linger();
    stage_expect_eq(stage_value(&s.hits.runs), 0);
    put(ends[1]); /* there is still a reader: no EPIPE */
    expect_events(&s, 1, POLLIN);
    stage_expect(!disarm(s.wait));
    scene_end(&s);
    shut(ends[1]);
}

/* The library's own reference ends with the arming's end: then the other side is told. */
static void expect_gone(int end)
{
    struct pollfd one = {.fd = end, .events = 0};
    stage_expect_eq(poll(&one, 1, 20000), 1);
    stage_expect((one.revents & POLLERR) != 0);
}

STAGE_TEST(wait_fd__c144_its_reference_ends_with_disarm_replace_or_close)
{
    struct wait_scene s;
    scene_begin(&s, 2, hit);
    for (int how = 0; how < 3; how++) {
        int ends[2];
        struct pollfd one = {.events = 0};
        open_pipe(ends);
        stage_expect(!arm(s.wait, readable_of(ends[0])));
        shut(ends[0]);
        one.fd = ends[1];
        stage_expect_eq(poll(&one, 1, 2), 0);
        if (how == 0)
            stage_expect(disarm(s.wait));
        if (how == 1)
            stage_expect(arm(s.wait, tp_waitable_never()));
        if (how == 2) {
            stage_expect_eq(tp_wait_close(s.wait), TP_OK);
            s.wait = NULL;
        }
        expect_gone(ends[1]);
        shut(ends[1]);
        if (how == 1)
            stage_expect(disarm(s.wait));
    }
    scene_end(&s);
    stage_expect_eq(stage_value(&s.hits.runs), 0);
}

/* the number names another file now. Each wait hears of its own. */
STAGE_TEST(wait_fd__r34_number_reused_while_armed)
{
    struct wait_scene s;
    struct hits hits = {0};
    int first[2], second[2];
    open_pipe(first);
    open_pipe(second);
    scene_begin(&s, 2, hit);
    tp_wait_t *other = make_wait(hit, &hits, s.env);
    stage_expect(!arm(s.wait, readable_of(first[0])));
    stage_expect_eq(dup2(second[0], first[0]), first[0]); /* closes the one and opens the other */
    shut(second[0]);
    put(second[1]);
    linger();
    stage_expect_eq(stage_value(&s.hits.runs), 0); /* a stranger's */
    stage_expect(!arm(other, readable_of(first[0])));
    stage_await(&hits.runs, 1);
    get(first[0]);
    stage_expect(!arm(other, readable_of(first[0])));
    linger();
    stage_expect_eq(stage_value(&hits.runs), 1);
    put(first[1]);
    expect_events(&s, 1, POLLIN);
    linger();
    stage_expect_eq(stage_value(&hits.runs), 1);
    put(second[1]);
    stage_await(&hits.runs, 2);
    linger();
    stage_expect_eq(stage_value(&s.hits.runs), 1);
    finish_wait(other);
    stage_await(&hits.released, 1);
    scene_end(&s);
    shut(first[0]);
    shut(first[1]);
    shut(second[1]);
}

/* R-34, C-135: the wait is closed, at once the descriptor, at once its number is another's. */
STAGE_TEST(wait_fd__r34_c135_number_reused_after_the_wait_is_closed)
{
    struct wait_scene s;
    int kept = open_event(0);
    scene_prepare(&s, 2);
    for (uint32_t i = 1; i <= 500; i++) {
        int fd = open_event(0);
        tp_wait_t *wait = make_wait(hit, &s.hits, s.env);
        stage_expect(!arm_for(wait, readable_of(fd), i % 2 ? FAR_AWAY : TP_INFINITE));
        if (i % 3 == 0)
            dawdle();
        stage_expect_eq(i % 5 ? tp_wait_close(wait) : tp_wait_set(wait, NULL, NULL), TP_OK);
        shut(fd);
        int next = open_event(1); /* readable, and most likely of the same number */
        if (i % 5 == 0)
            stage_expect_eq(tp_wait_close(wait), TP_OK);
        stage_await(&s.hits.released, i);
        shut(next);
    }
    linger();
    s.wait = make_wait(hit, &s.hits, s.env);
    stage_expect_eq(stage_value(&s.hits.runs), 0);
    scene_end(&s);
    shut(kept);
}

/* Re-armed by number after the number has changed its file: the new file counts. */
STAGE_TEST(wait_fd__r34_set_again_by_number_means_the_new_file)
{
    struct wait_scene s;
    scene_begin(&s, 2, hit);
    for (uint32_t i = 0; i < 100; i++) {
        int fd = open_event(1);
        stage_expect(!arm(s.wait, readable_of(fd)));
        stage_await(&s.hits.runs, i + 1);
        shut(fd);
        int next = open_event(0);
        stage_expect(!arm(s.wait, readable_of(next)));
        if (i % 10 == 0) {
            linger();
            stage_expect_eq(stage_value(&s.hits.runs), i + 1);
        }
        stage_expect(disarm(s.wait));
        shut(next);
    }
    scene_end(&s);
}

/* ---- refused --------------------------------------------------------------------------------- */

static void expect_system(struct wait_scene *s, tp_waitable_t source, int expected)
{
    /* What is no descriptor at all is refused with a timeout of 0, too. */
    for (int i = 0; i < (expected == EBADF ? 2 : 1); i++) {
        stage_expect_eq(refused_for(s->wait, source, i ? 0 : TP_INFINITE), TP_ERR_SYSTEM);
        stage_expect_eq(tp_last_errno(), expected);
        stage_expect_eq(stage_stats(s->pool).waits_armed, 1);
    }
}

/* What cannot be waited for; the wait stays armed on what it was, a descriptor or not. */
static void refuse_all(struct wait_scene *s)
{
    FILE *file = tmpfile();
    int folder = open("/", O_RDONLY | O_CLOEXEC | O_DIRECTORY), fd = open_event(1);
    int closed = fcntl(fd, F_DUPFD_CLOEXEC, 200); /* no number that the library takes meanwhile */
    shut(closed);
    stage_require(folder >= 0 && file != NULL);
    expect_system(s, readable_of(closed), EBADF);
    expect_system(s, readable_of(-1), EBADF);
    expect_system(s, readable_of(INT32_MAX), EBADF);
    expect_system(s, readable_of(fileno(file)), EPERM);
    expect_system(s, readable_of(folder), EPERM);
    for (uint32_t bit = 16; bit < 32; bit++)
        stage_expect_eq(refused(s->wait, tp_waitable_fd(fd, POLLIN | UINT32_C(1) << bit)),
                        TP_ERR_ARGUMENT);
    shut(fd);
    shut(folder);
    fclose(file);
}

STAGE_TEST(wait_fd__what_cannot_be_waited_for_leaves_the_arming_as_it_was)
{
    struct wait_scene s;
    tp_event_t *event = make_event(false, false);
    int fd = open_event(0);
    scene_begin(&s, 2, hit);
    stage_expect(!arm(s.wait, tp_waitable_event(event)));
    refuse_all(&s);
    stage_expect_eq(tp_event_set(event), TP_OK);
    stage_await(&s.hits.runs, 1);
    stage_expect_eq(stage_value(&s.hits.signaled), 1);
    stage_expect(!arm_for(s.wait, readable_of(fd), FAR_AWAY));
    refuse_all(&s);
    signal_event(fd, 1);
    expect_events(&s, 2, POLLIN);
    stage_expect(!arm_for(s.wait, tp_waitable_never(), 20 * STAGE_MS));
    tp_wait_spec_t spec = spec_of(readable_of(-1), TP_CLOCK_RELATIVE, TP_INFINITE);
    stage_expect_eq(tp_wait_set(s.wait, &spec, NULL), TP_ERR_SYSTEM);
    stage_await(&s.hits.timed_out, 1);
    scene_end(&s);
    stage_expect_eq(tp_event_close(event), TP_OK);
    shut(fd);
}

/* So many descriptors and no more, this thread's next one included. */
static void allow_descriptors(rlim_t count)
{
    struct rlimit limit;
    stage_expect_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = count;
    stage_expect_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* With none left, then one, two ...: the first set is refused whole until there are enough, and
 * then it works. */
STAGE_TEST(wait_fd__too_many_open_files_leave_the_arming_as_it_was)
{
    struct wait_scene s;
    struct rlimit limit;
    tp_semaphore_t *semaphore = make_semaphore(0);
    int fd = open_event(0), last = open_event(0), more = 0;
    tp_status_t status = TP_ERR_SYSTEM;
    stage_require(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    scene_begin(&s, 1, hit);
    stage_expect(!arm(s.wait, tp_waitable_semaphore(semaphore)));
    uint32_t before = open_descriptors();
    for (; status != TP_OK && more < 20; more++) {
        tp_wait_spec_t spec = spec_of(readable_of(fd), TP_CLOCK_RELATIVE, TP_INFINITE);
        bool was_armed = false;
        allow_descriptors(more == 0 ? 0 : (rlim_t)(last + 1 + more));
        status = tp_wait_set(s.wait, &spec, &was_armed);
        int error = tp_last_errno();
        allow_descriptors(limit.rlim_cur);
        stage_expect_eq(was_armed, status == TP_OK);
        stage_expect_eq(stage_stats(s.pool).waits_armed, 1);
        if (status == TP_OK)
            break;
        stage_expect_eq(status, TP_ERR_SYSTEM);
        stage_expect_eq(error, EMFILE);
        give(semaphore, 1); /* it fires for what it was armed on */
        stage_await(&s.hits.runs, (uint32_t)more + 1);
        stage_expect(!arm(s.wait, tp_waitable_semaphore(semaphore)));
    }
    stage_expect(more > 0);
    stage_expect_eq(status, TP_OK);
    signal_event(fd, 1);
    expect_events(&s, (uint32_t)more + 1, POLLIN);
    stage_expect(open_descriptors() <= before + 8); /* the refused ones left nothing behind */
    scene_end(&s);
    stage_expect_eq(tp_semaphore_close(semaphore), TP_OK);
    shut(fd);
    shut(last);
}

/* ---- churn ----------------------------------------------------------------------------------- */

/* Each round a new file of a number that others use too, its own wait, signaled or not. An event
 * that comes must find its own file readable; the files of strangers are never signaled twice. */
struct churn {
    struct wait_scene *s;
    stage_counter_t *signals;
};

static void check_own(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                      tp_wait_result_t result)
{
    tpp_u32 *state = context; /* 1: signaled by its owner */
    (void)instance;
    (void)wait;
    stage_expect_eq(result, TP_WAIT_SIGNALED);
    stage_expect_eq(tpp_load_acquire(state), 1);
}

static void churn(void *context)
{
    struct churn *c = context;
    for (int i = 0; i < 400; i++) {
        tpp_u32 state = {0};
        int fd = open_event(0);
        tp_wait_t *wait = make_wait(check_own, &state, c->s->env);
        stage_expect(!arm(wait, readable_of(fd)));
        if (tpp_random() % 2) {
            tpp_store_release(&state, 1);
            signal_event(fd, 1);
            stage_add(c->signals, 1);
        }
        if (tpp_random() % 2)
            dawdle();
        bool early = tpp_random() % 2;
        if (early)
            shut(fd);
        finish_wait(wait);
        if (!early)
            shut(fd);
    }
}

STAGE_TEST(wait_fd__r34_no_strangers_event_while_numbers_are_reused)
{
    struct wait_scene s;
    stage_counter_t signals = {0};
    struct churn c = {&s, &signals};
    scene_prepare(&s, 2);
    stage_expect_eq(tp_env_set_context_release(s.env, NULL), TP_OK);
    stage_thread_t one = stage_start(churn, &c), two = stage_start(churn, &c);
    churn(&c);
    stage_join(one);
    stage_join(two);
    stage_expect(stage_value(&signals) > 0);
    stage_expect_eq(stage_stats(s.pool).waits_armed, 0);
    stage_expect_eq(tp_env_destroy(s.env) | tp_pool_close(s.pool), TP_OK);
}

#define REAL(name) STAGE_CASE_X(name, .real_only = true)

STAGE_MAIN(REAL(wait_fd__c123_c124_readable_fires_once_for_each_set),
           REAL(wait_fd__c125_each_of_many_is_read_by_its_own_callback),
           REAL(wait_fd__hang_up_and_end_of_file_are_delivered), REAL(wait_fd__error_is_delivered),
           REAL(wait_fd__what_stays_ready_is_not_spun_on),
           REAL(wait_fd__what_stays_ready_is_not_spun_on_while_every_thread_is_blocked),
           REAL(wait_fd__what_stays_ready_is_not_spun_on_in_a_pool_without_threads),
           REAL(wait_fd__events_of_several_queued_callbacks_are_the_latest),
           REAL(wait_fd__timer_descriptor), REAL(wait_fd__c117_c121_timeouts),
           REAL(wait_fd__c141_readable_when_the_time_runs_out),
           REAL(wait_fd__c122_c131_disarmed_or_replaced),
           REAL(wait_fd__c143_r01_disarm_against_readiness),
           REAL(wait_fd__r35_several_waits_on_one_descriptor),
           REAL(wait_fd__r35_different_states_of_one_descriptor),
           REAL(wait_fd__r35_many_waits_on_one_descriptor), REAL(wait_fd__c144_closed_while_armed),
           REAL(wait_fd__c144_its_reference_ends_with_disarm_replace_or_close),
           REAL(wait_fd__r34_number_reused_while_armed),
           REAL(wait_fd__r34_c135_number_reused_after_the_wait_is_closed),
           REAL(wait_fd__r34_set_again_by_number_means_the_new_file),
           REAL(wait_fd__what_cannot_be_waited_for_leaves_the_arming_as_it_was),
           REAL(wait_fd__too_many_open_files_leave_the_arming_as_it_was),
           REAL(wait_fd__r34_no_strangers_event_while_numbers_are_reused))
