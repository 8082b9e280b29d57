/* wait_busy_test.c - under signals, beside callbacks that block or never stop coming, and in a
 * foreign event loop no wait starves and none is lost. */
#define _GNU_SOURCE
#include <sys/epoll.h>

#include "tests/survival/storm.h"
#include "tests/survival/wait_scene.h"

/* ---- bells: each time one is rung is heard --------------------------------------------------- */

struct bell {
    tp_wait_t *wait;
    int fd;
    int64_t limit; /* armed for so long at a time */
    tpp_u32 rung, heard, early;
    tpp_u64 armed_at;
    tpp_u32 *again; /* it is armed anew in its callback until this is 0; NULL: for ever */
};

static void arm_bell(struct bell *bell)
{
    tpp_store_release(&bell->armed_at, (uint64_t)now());
    arm(bell->wait, tp_waitable_fd(bell->fd, POLLIN), bell->limit);
}

static void hear(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                 tp_wait_result_t result)
{
    struct bell *bell = context;
    if (result == TP_WAIT_SIGNALED)
        tpp_add_acq_rel(&bell->heard, (uint32_t)taken_from(bell->fd));
    else if (now() < (int64_t)tpp_load_acquire(&bell->armed_at) + bell->limit)
        tpp_add_acq_rel(&bell->early, 1);
    if (!bell->again || tpp_load_acquire(bell->again))
        arm_bell(bell);
    count_run(instance, context, wait, result);
}

static void begin_bells(struct bell *bells, uint32_t count, struct scene *scene, int64_t limit,
                        tpp_u32 *again)
{
    for (uint32_t i = 0; i < count; i++) {
        bells[i] = (struct bell){.fd = new_eventfd(), .limit = limit, .again = again};
        bells[i].wait = scene_wait(scene, hear, &bells[i]);
        arm_bell(&bells[i]);
    }
}

static void ring_bell(struct bell *bell)
{
    tpp_add_acq_rel(&bell->rung, 1);
    ring(bell->fd);
}

static bool silent; /* one was not heard: there is no sense in listening for hours */

/* Within a time that is far more than enough; returns what it took. */
static int64_t is_heard(struct bell *bell)
{
    int64_t begun = now();
    silent = silent || !reaches(&bell->heard, tpp_load_acquire(&bell->rung));
    check(!silent && now() - begun < 5000 * MS * patience());
    return now() - begun;
}

static int64_t ring_and_listen(struct bell *bell)
{
    ring_bell(bell);
    return is_heard(bell);
}

static void end_bells(struct bell *bells, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        finish(bells[i].wait);
        check_eq(tpp_load_acquire(&bells[i].heard), tpp_load_acquire(&bells[i].rung));
        check_eq(tpp_load_acquire(&bells[i].early), 0);
        close(bells[i].fd);
    }
}

/* ---- a storm of signals ---------------------------------------------------------------------- */

/* A second of ringing; the waits of this thread are interrupted too, but none ends early. */
static void ring_in_storm(struct bell *bells, uint32_t count)
{
    int quiet = new_eventfd();
    uint32_t i = 0;
    for (int64_t end = now() + 1000 * MS; now() < end;) {
        tp_wait_result_t result;
        int64_t begun = now(), limit = 1 * MS + (int64_t)(i % 7) * MS;
        for (uint32_t k = 0; k < 20; k++, i++)
            ring_bell(&bells[i % count]);
        check_eq(tp_waitable_wait(tp_waitable_fd(quiet, POLLIN), limit, &result), TP_OK);
        check_eq(result, TP_WAIT_TIMEOUT);
        check(now() - begun >= limit);
    }
    close(quiet);
}

TAP_TEST(wait_busy__r41_signals_on_every_thread_make_none_early_and_lose_none)
{
    enum { BELLS = 24, OF_WORKERS = 16 };
    static struct bell bells[BELLS], limited[8];
    struct scene scene = scene_plan(2, 2), driven = scene_plan(0, 0);
    struct storm storm;
    begin_count();
    scene.config.on_thread_start = bare_thread;
    driven.config.flags = TP_POOL_CALLER_DRIVEN;
    begin_storm(&storm);
    scene_build(&scene);
    scene_build(&driven);
    begin_bells(bells, OF_WORKERS, &scene, TP_INFINITE, NULL);
    begin_bells(bells + OF_WORKERS, BELLS - OF_WORKERS, &driven, TP_INFINITE, NULL);
    begin_bells(limited, COUNT(limited), &scene, 7 * MS, NULL);
    drive_in_storm(&storm, &driven);
    ring_in_storm(bells, BELLS);
    for (uint32_t i = 0; i < BELLS; i++)
        (void)is_heard(&bells[i]);
    end_storm(&storm);
    uint32_t rung = 0;
    for (uint32_t i = 0; i < BELLS; i++) {
        check_eq(tp_wait_set(bells[i].wait, NULL, NULL), TP_OK);
        rung += tpp_load_acquire(&bells[i].rung);
    }
    check_eq(tp_pool_run(driven.pool, 0, 0, NULL), TP_ERR_TIMEOUT); /* nothing is left */
    end_bells(bells, BELLS);
    end_bells(limited, COUNT(limited));
    scene_end(&driven);
    scene_end(&scene);
    expect_stormy(&storm);
    printf("# rung %u times, %u callbacks, %u timeouts\n", rung, tpp_load_acquire(&runs),
           tpp_load_acquire(&timeouts));
    check(tpp_load_acquire(&timeouts) > 8 && tpp_load_acquire(&signals) > BELLS);
}

/* ---- callbacks that block -------------------------------------------------------------------- */

enum { BLOCKERS = 12, WAITING = 10 };

static int hose[2];
static tpp_u32 inside;

static void drink(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                  tp_wait_result_t result)
{
    char byte;
    (void)instance;
    (void)context;
    (void)wait;
    check_eq(result, TP_WAIT_SIGNALED);
    tpp_add_acq_rel(&inside, 1);
    check_eq(read(hose[0], &byte, 1), 1);
}

struct blockers {
    tp_wait_t *waits[BLOCKERS];
    int fds[BLOCKERS];
    uint32_t count;
};

/* Callbacks of waits that block in the kernel until end_blocking. */
static void begin_blocking(struct blockers *blockers, struct scene *scene, uint32_t count)
{
    check_eq(pipe(hose), 0);
    tpp_store_release(&inside, 0);
    blockers->count = count;
    for (uint32_t i = 0; i < count; i++) {
        blockers->fds[i] = new_eventfd();
        blockers->waits[i] = scene_wait(scene, drink, NULL);
        arm_on(blockers->waits[i], blockers->fds[i]);
    }
    for (uint32_t i = 0; i < count; i++)
        ring(blockers->fds[i]);
    check(reaches(&inside, count));
}

static void stop_blocking(struct blockers *blockers)
{
    for (uint32_t i = 0; i < blockers->count; i++)
        check_eq(write(hose[1], "", 1), 1);
}

static void end_blocking(struct blockers *blockers)
{
    for (uint32_t i = 0; i < blockers->count; i++) {
        finish(blockers->waits[i]);
        close(blockers->fds[i]);
    }
    close(hose[0]);
    close(hose[1]);
}

static void expect_served_while(uint32_t maximum, uint32_t blocked)
{
    static struct bell bells[WAITING], limited[2];
    struct scene scene = scene_plan(0, maximum);
    struct blockers blockers;
    int64_t worst = 0;
    scene_build(&scene);
    begin_count();
    begin_bells(bells, WAITING, &scene, TP_INFINITE, NULL);
    begin_blocking(&blockers, &scene, blocked);
    usleep(50000); /* the gate has looked, and has gone to sleep */
    for (uint32_t i = 0; i < 3 * WAITING; i++) {
        if (i == WAITING)
            begin_bells(limited, COUNT(limited), &scene, 10 * MS, NULL);
        int64_t took = ring_and_listen(&bells[i % WAITING]);
        worst = took > worst ? took : worst;
        if (i % 4 == 0)
            usleep(3000); /* all go to sleep meanwhile */
    }
    check(reaches(&timeouts, 6));
    check_eq(tpp_load_acquire(&inside), blocked);
    printf("# at most %u threads, %u blocked: heard after at most %.2f ms\n", maximum, blocked,
           (double)worst / 1e6);
    stop_blocking(&blockers);
    end_blocking(&blockers);
    end_bells(bells, WAITING);
    end_bells(limited, COUNT(limited));
    scene_end(&scene);
}

TAP_TEST(wait_busy__a_callback_that_blocks_keeps_no_other_descriptor_waiting)
{
    expect_served_while(2, 1);
    expect_served_while(4, 3);
    expect_served_while(0, BLOCKERS);
}

/* What becomes ready while the only thread is blocked is served as soon as it is not. */
TAP_TEST(wait_busy__c145_one_thread_that_is_blocked_serves_all_afterwards)
{
    static struct bell bells[WAITING];
    struct scene scene = scene_plan(0, 1);
    struct blockers blockers;
    begin_count();
    scene_build(&scene);
    begin_bells(bells, WAITING, &scene, TP_INFINITE, NULL);
    for (int times = 0; times < 10; times++) {
        begin_blocking(&blockers, &scene, 1);
        uint32_t before = tpp_load_acquire(&runs);
        for (uint32_t i = 0; i < WAITING; i++)
            ring_bell(&bells[i]);
        if (times % 2)
            usleep(20000); /* the gate has looked, or not */
        check_eq(tpp_load_acquire(&runs), before);
        stop_blocking(&blockers);
        for (uint32_t i = 0; i < WAITING; i++)
            (void)is_heard(&bells[i]);
        end_blocking(&blockers);
    }
    end_bells(bells, WAITING);
    scene_end(&scene);
}

struct dependent {
    struct bell bell; /* rung by the callback that then waits until it is heard */
    tpp_u32 done;
};

static void depend(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                   tp_wait_result_t result)
{
    struct dependent *dependent = context;
    (void)ring_and_listen(&dependent->bell);
    count_run(instance, context, wait, result);
    tpp_add_acq_rel(&dependent->done, 1);
}

TAP_TEST(wait_busy__a_callback_waits_for_another_waits_callback)
{
    struct scene scene = scene_plan(0, 2);
    static struct dependent dependent;
    int start = new_eventfd();
    begin_count();
    scene_build(&scene);
    begin_bells(&dependent.bell, 1, &scene, TP_INFINITE, NULL);
    tp_wait_t *wait = scene_wait(&scene, depend, &dependent);
    for (uint32_t i = 0; i < 30; i++) {
        arm_on(wait, start);
        ring(start);
        check(reaches(&dependent.done, i + 1));
        check_eq(taken_from(start), 1);
    }
    finish(wait);
    end_bells(&dependent.bell, 1);
    close(start);
    scene_end(&scene);
}

/* ---- callbacks that never stop coming -------------------------------------------------------- */

static tpp_u32 spinning;

static void spin(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    for (volatile int i = 0; i < 5000; i++)
        ;
    if (tpp_load_acquire(&spinning))
        check_eq(tp_work_submit(work), TP_OK);
}

/* Its descriptor is always ready. */
static void blare(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                  tp_wait_result_t result)
{
    int *fd = context;
    (void)instance;
    check_eq(result, TP_WAIT_SIGNALED);
    if (tpp_load_acquire(&spinning))
        arm_on(wait, *fd);
}

static int64_t listen_often(struct bell *bells, uint32_t count)
{
    int64_t worst = 0;
    for (uint32_t i = 0; i < (SANITIZED ? 30 : 200); i++) {
        int64_t took = ring_and_listen(&bells[i % count]);
        worst = took > worst ? took : worst;
    }
    return worst;
}

TAP_TEST(wait_busy__descriptors_are_looked_at_while_all_threads_are_busy)
{
    enum { WORKS = 6 };
    static struct bell bells[WAITING], limited[2];
    for (uint32_t maximum = 1; maximum <= 2; maximum++) {
        struct scene scene = scene_plan(0, maximum);
        tp_work_t *works[WORKS];
        begin_count();
        scene_build(&scene);
        tpp_store_release(&spinning, 1);
        begin_bells(bells, WAITING, &scene, TP_INFINITE, NULL);
        begin_bells(limited, COUNT(limited), &scene, 10 * MS, NULL);
        for (uint32_t i = 0; i < WORKS; i++) {
            works[i] = scene_work(&scene, spin, NULL);
            check_eq(tp_work_submit(works[i]), TP_OK);
        }
        int64_t worst = listen_often(bells, WAITING);
        check(reaches(&timeouts, 6));
        printf("# %u busy threads: heard after at most %.2f ms\n", maximum, (double)worst / 1e6);
        tpp_store_release(&spinning, 0);
        for (uint32_t i = 0; i < WORKS; i++)
            finish_work(works[i]);
        end_bells(bells, WAITING);
        end_bells(limited, COUNT(limited));
        scene_end(&scene);
    }
}

TAP_TEST(wait_busy__descriptors_that_are_always_ready_starve_no_other)
{
    enum { BLARING = 16 };
    static struct bell bells[WAITING];
    for (uint32_t maximum = 1; maximum <= 2; maximum++) {
        struct scene scene = scene_plan(0, maximum);
        tp_wait_t *blaring[BLARING];
        int fd = new_eventfd();
        begin_count();
        scene_build(&scene);
        ring(fd);
        tpp_store_release(&spinning, 1);
        begin_bells(bells, WAITING, &scene, TP_INFINITE, NULL);
        for (uint32_t i = 0; i < BLARING; i++)
            arm_on(blaring[i] = scene_wait(&scene, blare, &fd), fd);
        int64_t worst = listen_often(bells, WAITING);
        printf("# %u threads: heard after at most %.2f ms\n", maximum, (double)worst / 1e6);
        tpp_store_release(&spinning, 0);
        for (uint32_t i = 0; i < BLARING; i++)
            finish(blaring[i]);
        end_bells(bells, WAITING);
        close(fd);
        scene_end(&scene);
    }
}

/* ---- a foreign event loop -------------------------------------------------------------------- */

enum { RINGS = SANITIZED ? 300 : 2000 };

static void *ring_for_a_while(void *argument)
{
    struct bell *bells = argument;
    for (uint32_t i = 0; i < RINGS; i++) {
        ring_bell(&bells[i % WAITING]);
        if (i % 16 == 0)
            usleep(1000);
    }
    return NULL;
}

struct loop {
    struct scene scene;
    int epoll, pool_fd, foreign;
    uint32_t turns, for_nothing, foreign_turns;
};

static void begin_loop(struct loop *loop)
{
    struct epoll_event event = {.events = EPOLLIN};
    *loop = (struct loop){.scene = scene_plan(0, 0), .foreign = new_eventfd()};
    loop->scene.config.flags = TP_POOL_CALLER_DRIVEN;
    scene_build(&loop->scene);
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    check_eq(tp_pool_poll_fd(loop->scene.pool, &loop->pool_fd), TP_OK);
    event.data.fd = loop->pool_fd;
    check_eq(epoll_ctl(loop->epoll, EPOLL_CTL_ADD, loop->pool_fd, &event), 0);
    event.data.fd = loop->foreign;
    check_eq(epoll_ctl(loop->epoll, EPOLL_CTL_ADD, loop->foreign, &event), 0);
}

/* False if nothing came for so many milliseconds. */
static bool turn(struct loop *loop, int timeout_ms)
{
    struct epoll_event events[4];
    int count = epoll_wait(loop->epoll, events, 4, timeout_ms);
    for (int i = 0; i < count; i++) {
        if (events[i].data.fd == loop->foreign) {
            loop->foreign_turns++;
            check(taken_from(loop->foreign) > 0);
            continue;
        }
        tp_status_t status = tp_pool_run(loop->scene.pool, 0, 0, NULL);
        check(status == TP_OK || status == TP_ERR_TIMEOUT);
        loop->turns++;
        loop->for_nothing += status == TP_ERR_TIMEOUT;
    }
    return count > 0;
}

static uint32_t heard_by_all(struct bell *bells)
{
    uint32_t heard = 0;
    for (uint32_t i = 0; i < WAITING; i++)
        heard += tpp_load_acquire(&bells[i].heard);
    return heard;
}

static void expect_quiet(struct loop *loop)
{
    uint32_t woken = 0;
    for (int64_t end = now() + 300 * MS; now() < end;)
        woken += turn(loop, 100);
    printf("# woken for nothing %u times in 0.3 s of quiet\n", woken);
    check(woken < 20);
}

TAP_TEST(wait_busy__a_foreign_epoll_loop_drives_waits_on_descriptors)
{
    static struct bell bells[WAITING], limited;
    struct loop loop;
    pthread_t ringer;
    tpp_u32 again;
    tpp_init(&again, 1);
    begin_count();
    begin_loop(&loop);
    begin_bells(bells, WAITING, &loop.scene, TP_INFINITE, NULL);
    begin_bells(&limited, 1, &loop.scene, 5 * MS, &again);
    check_eq(pthread_create(&ringer, NULL, ring_for_a_while, bells), 0);
    int64_t end = now() + 20000 * MS * patience();
    for (uint32_t i = 0;
         (heard_by_all(bells) < RINGS || tpp_load_acquire(&timeouts) < 10) && now() < end; i++) {
        if (i % 16 == 0)
            ring(loop.foreign);
        (void)turn(&loop, 1000);
    }
    check_eq(pthread_join(ringer, NULL), 0);
    check_eq(heard_by_all(bells), RINGS);
    printf("# %u turns of the loop, %u for nothing, %u foreign; %u callbacks, %u timeouts\n",
           loop.turns, loop.for_nothing, loop.foreign_turns, tpp_load_acquire(&runs),
           tpp_load_acquire(&timeouts));
    check(loop.foreign_turns > 0 && tpp_load_acquire(&timeouts) >= 10);
    check(loop.turns - loop.for_nothing > 10);
    tpp_store_release(&again, 0);
    check_eq(tp_wait_set(limited.wait, NULL, NULL), TP_OK);
    while (turn(&loop, 20))
        ;
    expect_quiet(&loop);
    end_bells(bells, WAITING);
    end_bells(&limited, 1);
    close(loop.epoll);
    close(loop.foreign);
    scene_end(&loop.scene);
}

int main(void)
{
    setenv("TP_CPUS", "2", 1);
    tap_timeout(120);
    tap_run(wait_busy__r41_signals_on_every_thread_make_none_early_and_lose_none);
    tap_run(wait_busy__a_callback_that_blocks_keeps_no_other_descriptor_waiting);
    tap_run(wait_busy__c145_one_thread_that_is_blocked_serves_all_afterwards);
    tap_run(wait_busy__a_callback_waits_for_another_waits_callback);
    tap_run(wait_busy__descriptors_are_looked_at_while_all_threads_are_busy);
    tap_run(wait_busy__descriptors_that_are_always_ready_starve_no_other);
    tap_run(wait_busy__a_foreign_epoll_loop_drives_waits_on_descriptors);
    return tap_done();
}
