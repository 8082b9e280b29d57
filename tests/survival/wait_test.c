/* wait_test.c - waits while all else rests, in great numbers, and without descriptors. */
#define _GNU_SOURCE
#include "tests/survival/switches.h"
#include "tests/survival/wait_scene.h"

/* ---- rest ------------------------------------------------------------------------------------ */

/* Three seconds without a single switch. Somebody who sets the wall clock may wake the library, so
 * there are a few tries; a library that looked now and then would fail them all. */
static void expect_rest(void)
{
    struct switches before, after;
    struct timespec nap = {.tv_sec = 3};
    int64_t passed = 0;
    for (int tries = 0; tries < 3; tries++) {
        before = settled(2); /* a worker, the driver, and the gate */
        check_eq(nanosleep(&nap, NULL), 0);
        after = look();
        passed = after.voluntary - before.voluntary + after.involuntary - before.involuntary;
        printf("# 3 s: %lld switches\n", (long long)passed);
        if (passed == 0)
            break;
    }
    check_eq(after.ids, before.ids);
    check_eq(passed, 0);
}

enum { RESTING = 48 };

/* Of every sort there is one in eight; those with a limit wait for an hour. */
struct resting {
    tp_wait_t *waits[RESTING];
    int fds[RESTING];
    tp_event_t *event;
    tp_semaphore_t *semaphore;
    tp_mutex_t *mutex;
    int self;
};

static tp_waitable_t resting_source(struct resting *resting, uint32_t number)
{
    switch (number % 8) {
    case 0:
        return tp_waitable_event(resting->event);
    case 1:
        return tp_waitable_semaphore(resting->semaphore);
    case 2:
        return tp_waitable_mutex(resting->mutex);
    case 3:
        return tp_waitable_process(resting->self);
    case 4:
        return tp_waitable_signal(SIGUSR2);
    case 5:
        return tp_waitable_never();
    case 6:
        return tp_waitable_fd(resting->fds[0], POLLIN | POLLPRI);
    default:
        return tp_waitable_fd(resting->fds[number], POLLIN);
    }
}

static void begin_rest(struct resting *resting, struct scene *scene)
{
    check_eq(tp_event_create(true, false, &resting->event), TP_OK);
    check_eq(tp_semaphore_create(0, 1, &resting->semaphore), TP_OK);
    check_eq(tp_mutex_create(true, &resting->mutex), TP_OK);
    resting->self = open_process(getpid());
    for (uint32_t i = 0; i < RESTING; i++) {
        resting->waits[i] = scene_wait(scene, count_run, NULL);
        resting->fds[i] = new_eventfd();
    }
    for (uint32_t i = 0; i < RESTING; i++) {
        tp_waitable_t source = resting_source(resting, i);
        arm(resting->waits[i], source, i % 3 ? TP_INFINITE : HOUR + i * 7 * 1000 * MS);
    }
}

static void end_rest(struct resting *resting)
{
    for (uint32_t i = 0; i < RESTING; i++) {
        check_eq(tp_wait_close(resting->waits[i]), TP_OK);
        close(resting->fds[i]);
    }
    close(resting->self);
    check_eq(tp_event_close(resting->event) | tp_semaphore_close(resting->semaphore), TP_OK);
    check_eq(tp_mutex_close(resting->mutex), TP_OK);
}

/* Descriptors that are ready, but on which nobody is armed any more, wake nobody either. */
TAP_TEST(wait__armed_far_away_and_on_quiet_sources_they_let_the_process_rest)
{
    struct resting resting;
    struct scene scene = used_pool();
    int bell = new_eventfd();
    begin_count();
    begin_rest(&resting, &scene);
    tp_wait_t *soon = scene_wait(&scene, count_run, NULL);
    expect_rest();
    arm_on(soon, bell);
    ring(bell); /* it wakes, rests again, and the bell goes on ringing */
    check(reaches(&runs, 1));
    expect_rest();
    check_eq(tpp_load_acquire(&runs), 1);
    check_eq(stats_of(scene.pool).waits_armed, RESTING);
    end_rest(&resting);
    finish(soon);
    close(bell);
    scene_end(&scene);
}

/* ---- many ------------------------------------------------------------------------------------ */

struct one_of_many {
    tp_wait_t *wait;
    int fd;
    tpp_u32 fired, wrong;
};

static void fire_one(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                     tp_wait_result_t result)
{
    struct one_of_many *one = context;
    if (wait != one->wait || result != TP_WAIT_SIGNALED || taken_from(one->fd) != 1)
        tpp_add_acq_rel(&one->wrong, 1);
    arm_on(wait, one->fd);
    tpp_add_acq_rel(&one->fired, 1);
    count_run(instance, context, wait, result);
}

static void ring_all(struct one_of_many *many, uint32_t count, uint32_t step, uint32_t times)
{
    int64_t begun = now();
    for (uint32_t i = 0; i < count; i++)
        ring(many[(uint64_t)i * step % count].fd);
    check(reaches(&runs, count * times));
    check_eq(tpp_load_acquire(&runs), count * times);
    printf("# %u eventfds rung: %.1f ms\n", count, (double)(now() - begun) / 1e6);
    for (uint32_t i = 0; i < count; i++)
        check(tpp_load_acquire(&many[i].fired) == times && !tpp_load_acquire(&many[i].wrong));
}

/* The library keeps a descriptor of its own for each. */
TAP_TEST(wait__c133_ten_thousand_eventfds_each_with_its_own_callback)
{
    uint32_t limit = raise_descriptors(25000), count = SANITIZED ? 3000 : 12000;
    uint32_t before = descriptors_now();
    struct scene scene = scene_plan(0, 2);
    if ((limit - before - 100) / 2 < count)
        count = (limit - before - 100) / 2;
    count |= 1; /* no common factor with the steps */
    while (count % 7 == 0 || count % 11 == 0)
        count -= 2;
    struct one_of_many *many = calloc(count, sizeof *many);
    require(many);
    begin_count();
    scene_build(&scene);
    for (uint32_t i = 0; i < count; i++) {
        many[i].fd = new_eventfd();
        many[i].wait = scene_wait(&scene, fire_one, &many[i]);
    }
    int64_t begun = now();
    for (uint32_t i = 0; i < count; i++)
        arm_on(many[i].wait, many[i].fd);
    printf("# n = %u armed, limit %u: %.1f ms\n", count, limit, (double)(now() - begun) / 1e6);
    check_eq(stats_of(scene.pool).waits_armed, count);
    ring_all(many, count, 7, 1);
    ring_all(many, count, 11, 2);
    check_eq(stats_of(scene.pool).waits_armed, count);
    for (uint32_t i = 0; i < count; i++) {
        finish(many[i].wait);
        close(many[i].fd);
    }
    check_eq(stats_of(scene.pool).waits_armed, 0);
    scene_end(&scene);
    free(many);
    printf("# %u descriptors before, %u after\n", before, descriptors_now());
    check(descriptors_now() <= before + 4); /* the gate's */
}

/* ---- pools that come and go ------------------------------------------------------------------ */

enum { COMING = 12 };

/* Armed when its pool ends, in one of four ways. */
static void come_and_go(uint32_t way)
{
    struct scene scene = scene_plan(0, 2);
    tp_wait_t *waits[COMING];
    tp_cleanup_group_t *group = NULL;
    int fds[COMING], pipes[2];
    bool is_member = way % 4 == 3;
    scene_build(&scene);
    if (is_member) {
        check_eq(tp_cleanup_group_create(&group), TP_OK);
        check_eq(tp_env_set_cleanup_group(scene.env, group, NULL), TP_OK);
    }
    check_eq(pipe2(pipes, O_CLOEXEC | O_NONBLOCK), 0);
    for (uint32_t i = 0; i < COMING; i++) {
        fds[i] = i ? new_eventfd() : pipes[0];
        waits[i] = scene_wait(&scene, count_run, NULL);
        arm(waits[i], i == 1 ? tp_waitable_signal(SIGUSR2) : tp_waitable_fd(fds[i / 2 * 2], POLLIN),
            i % 3 ? TP_INFINITE : HOUR);
    }
    ring(fds[COMING - 2]); /* two of them are fired, the others never */
    if (way % 4 == 0)
        check_eq(tp_pool_shutdown(scene.pool, way % 8 == 0, TP_INFINITE), TP_OK);
    if (way % 4 == 1)
        check_eq(tp_pool_close(scene.pool), TP_OK);
    if (is_member)
        check_eq(tp_cleanup_group_close_members(group, way % 8 == 3, NULL), TP_OK);
    for (uint32_t i = 0; i < COMING; i++) {
        if (way % 2)
            close(fds[i]); /* the library keeps its own */
        if (!is_member)
            check_eq(tp_wait_close(waits[i]), TP_OK);
        if (way % 2 == 0)
            close(fds[i]);
    }
    close(pipes[1]);
    check_eq(tp_env_destroy(scene.env), TP_OK);
    check_eq(tp_cleanup_group_close(group), TP_OK);
    if (way % 4 >= 2)
        check_eq(tp_pool_shutdown(scene.pool, false, TP_INFINITE), TP_OK);
}

static bool descriptors_fall_to(uint32_t count)
{
    int64_t end = now() + 10000 * MS * patience();
    while (descriptors_now() > count && now() < end)
        usleep(1000);
    return descriptors_now() <= count;
}

TAP_TEST(wait__two_hundred_pools_with_armed_waits_leave_no_descriptor_behind)
{
    begin_count();
    for (uint32_t way = 0; way < 8; way++)
        come_and_go(way); /* what the process makes once, it has made */
    check(threads_fall_to(THREADS_BEFORE + 1));
    uint32_t before = descriptors_now();
    for (uint32_t i = 0; i < (SANITIZED ? 48 : 200); i++)
        come_and_go(i);
    printf("# %u descriptors before, %u after; %u callbacks\n", before, descriptors_now(),
           tpp_load_acquire(&runs));
    check(descriptors_fall_to(before));
    check(threads_fall_to(THREADS_BEFORE + 1));
}

/* ---- refused --------------------------------------------------------------------------------- */

static void expect_refused(tp_wait_t *wait, tp_waitable_t source, int error)
{
    bool was_armed = true;
    errno = 0;
    check_eq(try_arm(wait, source, TP_INFINITE, &was_armed), TP_ERR_SYSTEM);
    check_eq(tp_last_errno(), error);
    check(!was_armed);
}

/* Whatever the system has against a source, the wait stays armed on what it was armed on. */
TAP_TEST(wait__what_is_refused_leaves_the_wait_armed_as_it_was)
{
    struct scene scene = scene_plan(0, 2);
    int always_ready = open("/dev/null", O_RDWR | O_CLOEXEC), bell = new_eventfd();
    int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    uint32_t before = descriptors_now(), most = 0;
    bool was_armed = false;
    begin_count();
    scene_build(&scene);
    tp_wait_t *wait = scene_wait(&scene, count_run, NULL);
    check(always_ready >= 0 && file >= 0);
    for (uint32_t i = 0; i < 10; i++) {
        arm(wait, tp_waitable_fd(bell, POLLIN), i % 2 ? HOUR : TP_INFINITE);
        if (i == 0)
            most = descriptors_now() + 1; /* a sleeper makes a timer when it first needs one */
        expect_refused(wait, tp_waitable_fd(always_ready, POLLIN), EPERM);
        expect_refused(wait, tp_waitable_fd(file, POLLIN), EPERM);
        expect_refused(wait, tp_waitable_fd(-1, POLLIN), EBADF);
        expect_refused(wait, tp_waitable_fd((int)before + 1000, POLLIN), EBADF);
        expect_refused(wait, tp_waitable_process(bell), EBADF);
        expect_refused(wait, tp_waitable_signal(SIGKILL), EINVAL);
        check(descriptors_now() <= most);
        check_eq(stats_of(scene.pool).waits_armed, 1);
        ring(bell);
        require(reaches(&signals, i + 1));
        check_eq(taken_from(bell), 1);
    }
    arm(wait, tp_waitable_never(), HOUR);
    expect_refused(wait, tp_waitable_fd(always_ready, POLLIN), EPERM);
    check_eq(tp_wait_set(wait, NULL, &was_armed), TP_OK);
    check(was_armed);
    finish(wait);
    scene_end(&scene);
    close(always_ready);
    close(bell);
    close(file);
}

/* ---- no descriptors -------------------------------------------------------------------------- */

static void expect_native(struct scene *scene)
{
    tp_semaphore_t *semaphore = NULL;
    tp_wait_t *wait = scene_wait(scene, count_run, NULL);
    check_eq(tp_semaphore_create(0, 1, &semaphore), TP_OK);
    for (int i = 0; i < 20; i++) {
        uint32_t before = tpp_load_acquire(&signals);
        arm(wait, tp_waitable_semaphore(semaphore), HOUR);
        check_eq(tp_semaphore_release(semaphore, 1, NULL), TP_OK);
        check(reaches(&signals, before + 1));
    }
    uint32_t before = tpp_load_acquire(&timeouts);
    arm(wait, tp_waitable_semaphore(semaphore), 5 * MS);
    check(reaches(&timeouts, before + 1));
    finish(wait);
    check_eq(tp_semaphore_close(semaphore), TP_OK);
}

/* The pool has waited for no descriptor yet, nor has the process. */
static void no_descriptors_from_the_beginning(void)
{
    struct scene scene = scene_plan(0, 2);
    int bell = new_eventfd();
    begin_count();
    scene_build(&scene);
    tp_wait_t *wait = scene_wait(&scene, count_run, NULL);
    allow_no_descriptor();
    for (int i = 0; i < 3; i++)
        expect_refused(wait, tp_waitable_fd(bell, POLLIN), EMFILE);
    expect_refused(wait, tp_waitable_signal(SIGUSR2), EMFILE);
    check_eq(stats_of(scene.pool).waits_armed, 0);
    expect_native(&scene);
    allow_descriptors();
    uint32_t before = tpp_load_acquire(&signals);
    arm_on(wait, bell);
    ring(bell);
    check(reaches(&signals, before + 1));
    finish(wait);
    scene_end(&scene);
}

/* What is armed stays so, and works; what is known to the pool needs no descriptor. */
static void no_descriptors_later(void)
{
    struct scene scene = scene_plan(0, 2);
    int bell = new_eventfd(), stranger = new_eventfd(), self = open_process(getpid());
    bool was_armed = false;
    begin_count();
    scene_build(&scene);
    tp_wait_t *wait = scene_wait(&scene, count_run, NULL);
    tp_wait_t *second = scene_wait(&scene, count_run, NULL);
    arm_on(wait, bell);
    allow_no_descriptor();
    expect_refused(wait, tp_waitable_fd(stranger, POLLIN), EMFILE);
    expect_refused(wait, tp_waitable_process(self), EMFILE);
    expect_refused(wait, tp_waitable_signal(SIGUSR2), EMFILE);
    check_eq(stats_of(scene.pool).waits_armed, 1);
    ring(stranger);
    expect_native(&scene);
    uint32_t before = tpp_load_acquire(&runs);
    arm_on(second, bell);
    ring(bell);
    check(reaches(&runs, before + 2));
    check_eq(taken_from(bell), 1);
    arm_on(wait, bell);
    check_eq(tp_wait_set(wait, NULL, &was_armed), TP_OK);
    check(was_armed);
    check_eq(tpp_load_acquire(&runs), before + 2);
    allow_descriptors();
    arm_on(wait, stranger);
    check(reaches(&runs, before + 3));
    finish(wait);
    finish(second);
    scene_end(&scene);
}

static void no_descriptors_while_driven(void)
{
    struct scene driven = scene_plan(0, 0);
    int bell = new_eventfd(), other = new_eventfd();
    begin_count();
    driven.config.flags = TP_POOL_CALLER_DRIVEN;
    scene_build(&driven);
    tp_wait_t *wait = scene_wait(&driven, count_run, NULL);
    tp_wait_t *second = scene_wait(&driven, count_run, NULL);
    arm_on(wait, bell);
    allow_no_descriptor();
    expect_refused(second, tp_waitable_fd(other, POLLIN), EMFILE);
    arm(second, tp_waitable_never(), 30 * MS);
    int64_t begun = now();
    check_eq(tp_pool_run(driven.pool, 1, TP_INFINITE, NULL), TP_OK);
    check(now() - begun >= 30 * MS && tpp_load_acquire(&timeouts) == 1);
    ring(bell);
    check_eq(tp_pool_run(driven.pool, 1, TP_INFINITE, NULL), TP_OK);
    check_eq(tpp_load_acquire(&signals), 1);
    allow_descriptors();
    finish(wait);
    finish(second);
    scene_end(&driven);
}

static const struct mode modes[] = {
    {"beginning", no_descriptors_from_the_beginning},
    {"later", no_descriptors_later},
    {"driven", no_descriptors_while_driven},
};

TAP_TEST(wait__without_descriptors_a_set_fails_and_all_is_as_it_was)
{
    if (SANITIZED)
        tap_skip("a sanitizer wants descriptors");
    for (size_t i = 0; i < COUNT(modes); i++)
        check_eq(end_of(start_again(modes[i].name, 30, -1)), 0);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return run_mode_of(modes, COUNT(modes), argv[1]);
    setenv("TP_CPUS", "2", 1);
    tap_timeout(120);
    tap_run(wait__armed_far_away_and_on_quiet_sources_they_let_the_process_rest);
    tap_run(wait__c133_ten_thousand_eventfds_each_with_its_own_callback);
    tap_run(wait__two_hundred_pools_with_armed_waits_leave_no_descriptor_behind);
    tap_run(wait__what_is_refused_leaves_the_wait_armed_as_it_was);
    tap_run(wait__without_descriptors_a_set_fails_and_all_is_as_it_was);
    return tap_done();
}
