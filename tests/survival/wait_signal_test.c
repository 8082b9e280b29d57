/* wait_signal_test.c - waits for processes and signals, and callbacks that end their thread. */
#define _GNU_SOURCE
#include "tests/survival/wait_scene.h"

/* ---- processes ------------------------------------------------------------------------------- */

enum { CHILDREN = UNDER_TSAN ? 30 : 100 };

struct watched {
    pid_t child;
    int pidfd;
    tp_wait_t *wait;
    tpp_u32 fired, too_early;
    tpp_u32 ends; /* set before it may end */
    int word;     /* it ends when this pipe is closed */
};

static pid_t start_waiting_child(int status, int *word_out)
{
    int word[2];
    char byte;
    check_eq(pipe2(word, O_CLOEXEC), 0);
    pid_t child = fork();
    if (child == 0) {
        child_begin();
        close(word[1]);
        _exit(read(word[0], &byte, 1) == 0 ? status : 99);
    }
    close(word[0]);
    *word_out = word[1];
    return child;
}

static void see_end(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                    tp_wait_result_t result)
{
    struct watched *watched = context;
    uint32_t events = 77;
    check_eq(tp_callback_wait_events(instance, &events), TP_OK);
    if (!tpp_load_acquire(&watched->ends))
        tpp_add_acq_rel(&watched->too_early, 1);
    count_run(instance, context, wait, result);
    tpp_add_acq_rel(&watched->fired, 1);
}

/* Later children hold the words of earlier ones, and so they end from the last one on. */
static void begin_children(struct watched *watched, struct scene *scene)
{
    for (int i = 0; i < CHILDREN; i++) {
        watched[i].child = start_waiting_child(i, &watched[i].word);
        watched[i].pidfd = open_process(watched[i].child);
        watched[i].wait = scene_wait(scene, see_end, &watched[i]);
        arm(watched[i].wait, tp_waitable_process(watched[i].pidfd), i % 3 ? TP_INFINITE : HOUR);
    }
}

static void end_children(struct watched *watched)
{
    for (int i = CHILDREN - 1; i >= 0; i--) {
        tpp_store_release(&watched[i].ends, 1);
        close(watched[i].word);
        if (i % 10 == 0)
            check(reaches(&runs, (uint32_t)(CHILDREN - i)));
    }
}

/* Nobody has reaped them: each can still be asked how it ended. */
TAP_TEST(wait_signal__c136_a_hundred_children_end_and_are_not_reaped)
{
    static struct watched watched[CHILDREN];
    struct scene scene = scene_plan(0, 2);
    begin_count();
    scene_build(&scene);
    begin_children(watched, &scene);
    check_eq(stats_of(scene.pool).waits_armed, CHILDREN);
    check_eq(tpp_load_acquire(&runs), 0);
    end_children(watched);
    check(reaches(&runs, CHILDREN));
    check_eq(tpp_load_acquire(&signals), CHILDREN);
    for (int i = 0; i < CHILDREN; i++) { /* once more, at once; ended it stays */
        if (i % 2)
            check_eq(end_of(watched[i].child), i);
        arm(watched[i].wait, tp_waitable_process(watched[i].pidfd), TP_INFINITE);
        check(reaches(&watched[i].fired, 2));
        if (i % 2 == 0)
            check_eq(end_of(watched[i].child), i);
        check_eq(tpp_load_acquire(&watched[i].too_early), 0);
        finish(watched[i].wait);
        check_eq(tpp_load_acquire(&watched[i].fired), 2);
        close(watched[i].pidfd);
    }
    scene_end(&scene);
}

/* What it was armed on is ended by its number: the next process gets a wait of its own. */
TAP_TEST(wait_signal__only_what_names_a_process_is_a_process)
{
    struct scene scene = scene_plan(0, 1);
    int fd = new_eventfd(), self = open_process(getpid());
    bool was_armed = true;
    begin_count();
    scene_build(&scene);
    tp_wait_t *wait = scene_wait(&scene, count_run, NULL);
    ring(fd);
    check_eq(try_arm(wait, tp_waitable_process(fd), TP_INFINITE, &was_armed), TP_ERR_SYSTEM);
    check_eq(tp_last_errno(), EBADF);
    check(!was_armed);
    check_eq(try_arm(wait, tp_waitable_process(-1), 0, NULL), TP_ERR_SYSTEM);
    check_eq(tp_last_errno(), EBADF);
    arm(wait, tp_waitable_process(self), 20 * MS);
    check(reaches(&timeouts, 1));
    check_eq(tpp_load_acquire(&runs), 1);
    finish(wait);
    close(fd);
    close(self);
    scene_end(&scene);
}

/* ---- signals, in processes of their own ------------------------------------------------------ */

enum { QUEUED = 40 };

struct heard {
    int number;
    tpp_u32 count, wrong, again;
};

static void hear_signal(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                        tp_wait_result_t result)
{
    struct heard *heard = context;
    uint32_t events = 77;
    check_eq(tp_callback_wait_events(instance, &events), TP_OK);
    if (result != TP_WAIT_SIGNALED || events != 0)
        tpp_add_acq_rel(&heard->wrong, 1);
    if (tpp_load_acquire(&heard->again))
        arm(wait, tp_waitable_signal(heard->number), TP_INFINITE);
    tpp_add_acq_rel(&heard->count, 1);
}

static bool pending(int number)
{
    sigset_t set;
    return sigpending(&set) == 0 && sigismember(&set, number) == 1;
}

/* One that says that it is ready, by its end of a pipe that is its standard error, and is then
 * told to end by a signal; the status says that the wait saw it. */
static void wait_for_the_end(void)
{
    struct scene scene = scene_plan(0, 2);
    struct heard heard = {.number = SIGTERM};
    scene_build(&scene);
    tp_wait_t *wait = scene_wait(&scene, hear_signal, &heard);
    arm(wait, tp_waitable_signal(SIGTERM), TP_INFINITE);
    check_eq(write(2, "!", 1), 1);
    check(reaches(&heard.count, 1));
    check_eq(tpp_load_acquire(&heard.wrong), 0);
    check(!pending(SIGTERM));
    finish(wait);
    scene_end(&scene);
    fflush(stdout);
    if (__atomic_load_n(&tap_failures_, __ATOMIC_SEQ_CST) == 0)
        _exit(43);
}

/* A callback for each child that ends; of ends that came together there may be one. */
static void wait_for_children(void)
{
    struct scene scene = scene_plan(0, 2);
    struct heard heard = {.number = SIGCHLD};
    uint32_t reaped = 0;
    tpp_init(&heard.again, 1);
    scene_build(&scene);
    tp_wait_t *wait = scene_wait(&scene, hear_signal, &heard);
    arm(wait, tp_waitable_signal(SIGCHLD), TP_INFINITE);
    for (uint32_t i = 0; i < 5; i++) { /* one by one */
        pid_t child = fork();
        if (child == 0)
            _exit(7);
        check(reaches(&heard.count, i + 1));
        check_eq(end_of(child), 7);
    }
    check_eq(tpp_load_acquire(&heard.count), 5);
    for (uint32_t i = 0; i < 20; i++)
        if (fork() == 0)
            _exit(8);
    for (uint32_t heard_before = 5; reaped < 20;) { /* as an application would: when it is told */
        require(reaches(&heard.count, heard_before + 1));
        heard_before = tpp_load_acquire(&heard.count);
        while (waitpid(-1, NULL, WNOHANG) > 0)
            reaped++;
    }
    check(tpp_load_acquire(&heard.count) <= 25);
    check_eq(tpp_load_acquire(&heard.wrong), 0);
    tpp_store_release(&heard.again, 0);
    finish(wait);
    scene_end(&scene);
}

/* The kernel queues them, and each is one callback. */
static void wait_for_queued_signals(void)
{
    struct scene scene = scene_plan(0, 2);
    struct heard heard = {.number = SIGRTMIN + 1};
    const union sigval value = {.sival_int = 5};
    tpp_init(&heard.again, 1);
    scene_build(&scene);
    tp_wait_t *wait = scene_wait(&scene, hear_signal, &heard);
    for (int i = 0; i < QUEUED / 2; i++)
        check_eq(sigqueue(getpid(), heard.number, value), 0);
    arm(wait, tp_waitable_signal(heard.number), TP_INFINITE);
    for (int i = 0; i < QUEUED / 2; i++)
        check_eq(sigqueue(getpid(), heard.number, value), 0);
    check(reaches(&heard.count, QUEUED));
    check(!pending(heard.number));
    check_eq(sigqueue(getpid(), heard.number, value), 0);
    check(reaches(&heard.count, QUEUED + 1));
    check_eq(tpp_load_acquire(&heard.wrong), 0);
    tpp_store_release(&heard.again, 0);
    bool was_armed = false;
    check_eq(tp_wait_set(wait, NULL, &was_armed), TP_OK);
    check(was_armed);
    check_eq(sigqueue(getpid(), heard.number, value), 0);
    check(pending(heard.number)); /* nobody is armed: it stays */
    finish(wait);
    check_eq(tpp_load_acquire(&heard.count), QUEUED + 1);
    scene_end(&scene);
}

/* of several waits, in two pools, one gets a signal, and the others stay armed. */
static void share_a_signal(void)
{
    enum { SHARING = 6 };
    struct scene scenes[2] = {scene_plan(0, 2), scene_plan(0, 1)};
    struct heard heard = {.number = SIGUSR1};
    tp_wait_t *waits[SHARING];
    for (int i = 0; i < 2; i++)
        scene_build(&scenes[i]);
    for (int i = 0; i < SHARING; i++)
        arm(waits[i] = scene_wait(&scenes[i % 2], hear_signal, &heard), tp_waitable_signal(SIGUSR1),
            TP_INFINITE);
    for (uint32_t i = 0; i < SHARING; i++) {
        check_eq(kill(getpid(), SIGUSR1), 0);
        check(reaches(&heard.count, i + 1));
        usleep(5000); /* a second callback of it would have time */
        check_eq(tpp_load_acquire(&heard.count), i + 1);
        check_eq(stats_of(scenes[0].pool).waits_armed + stats_of(scenes[1].pool).waits_armed,
                 SHARING - i - 1);
    }
    check_eq(kill(getpid(), SIGUSR1), 0);
    check(pending(SIGUSR1));
    for (int i = 0; i < SHARING; i++)
        finish(waits[i]);
    check_eq(tpp_load_acquire(&heard.wrong), 0);
    scene_end(&scenes[0]);
    scene_end(&scenes[1]);
}

static const struct mode modes[] = {
    {"end", wait_for_the_end},
    {"children", wait_for_children},
    {"queued", wait_for_queued_signals},
    {"share", share_a_signal},
};

/* This program anew with all signals blocked that it waits for. */
static pid_t start_blocked(const char *mode, int error_fd)
{
    sigset_t all, before;
    sigfillset(&all);
    sigdelset(&all, SIGALRM);
    check_eq(pthread_sigmask(SIG_BLOCK, &all, &before), 0);
    pid_t child = start_again(mode, 30, error_fd); /* a mask outlives exec */
    check_eq(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
    return child;
}

TAP_TEST(wait_signal__sigterm_ends_a_process_that_waits_for_it)
{
    for (int i = 0; i < 3; i++) {
        int word[2];
        char byte;
        check_eq(pipe2(word, O_CLOEXEC), 0);
        pid_t child = start_blocked("end", word[1]);
        close(word[1]);
        check_eq(read(word[0], &byte, 1), 1);
        usleep(i == 1 ? 50000 : 0); /* it is asleep, or about to fall asleep */
        check_eq(kill(child, SIGTERM), 0);
        check_eq(end_of(child), 43);
        close(word[0]);
    }
}

TAP_TEST(wait_signal__sigchld_comes_for_children_that_end)
{
    check_eq(end_of(start_blocked("children", -1)), 0);
}

TAP_TEST(wait_signal__queued_signals_are_one_callback_each)
{
    check_eq(end_of(start_blocked("queued", -1)), 0);
}

TAP_TEST(wait_signal__r36_one_signal_for_one_of_several_waits)
{
    check_eq(end_of(start_blocked("share", -1)), 0);
}

/* ---- callbacks that end their thread --------------------------------------------------------- */

static tpp_u32 ended, misuses;

static void end_thread(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                       tp_wait_result_t result)
{
    int *fd = context;
    if (fd) {
        check_eq(taken_from(*fd), 1);
        arm_on(wait, *fd);
    }
    count_run(instance, context, wait, result);
    tpp_add_acq_rel(&ended, 1);
    pthread_exit(NULL);
}

TAP_TEST(wait_signal__waits_go_on_when_every_callback_ends_its_thread)
{
    check_eq(tp_set_misuse_hook(hear_thread_end, &misuses), TP_OK);
    for (uint32_t maximum = 1; maximum <= 4; maximum += 3) {
        struct scene scene = scene_plan(0, maximum);
        int fd = new_eventfd();
        begin_count();
        tpp_store_release(&ended, 0);
        tpp_store_release(&misuses, 0);
        scene_build(&scene);
        tp_wait_t *wait = scene_wait(&scene, end_thread, &fd);
        arm_on(wait, fd);
        for (uint32_t i = 0; i < 30; i++) {
            ring(fd);
            check(reaches(&ended, i + 1));
        }
        finish(wait);
        check_eq(tpp_load_acquire(&misuses), 30);
        check_eq(tpp_load_acquire(&signals), 30);
        check(stats_of(scene.pool).threads <= maximum);
        close(fd);
        scene_end(&scene);
    }
    check_eq(tp_set_misuse_hook(NULL, NULL), TP_OK);
}

static void release_mutex(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                          tp_wait_result_t result)
{
    check_eq(tp_mutex_release(context), TP_OK);
    count_run(instance, context, wait, result);
}

/* The next owner is told: a wait that was armed before, and a thread that comes later. */
TAP_TEST(wait_signal__c137_a_callback_that_ends_its_thread_abandons_its_mutex)
{
    check_eq(tp_set_misuse_hook(hear_thread_end, &misuses), TP_OK);
    for (uint32_t maximum = 1; maximum <= 2; maximum++) {
        struct scene scene = scene_plan(0, maximum);
        tp_mutex_t *mutex = NULL;
        tp_wait_result_t result;
        begin_count();
        tpp_store_release(&ended, 0);
        scene_build(&scene);
        check_eq(tp_mutex_create(true, &mutex), TP_OK);
        tp_wait_t *first = scene_wait(&scene, end_thread, NULL);
        tp_wait_t *second = scene_wait(&scene, release_mutex, mutex);
        arm(first, tp_waitable_mutex(mutex), TP_INFINITE);
        arm(second, tp_waitable_mutex(mutex), HOUR);
        check_eq(tpp_load_acquire(&runs), 0);
        check_eq(tp_mutex_release(mutex), TP_OK);
        check(reaches(&runs, 2));
        check_eq(tpp_load_acquire(&signals), 1); /* the first */
        check_eq(tpp_load_acquire(&others), 1);  /* the second */
        arm(first, tp_waitable_mutex(mutex), TP_INFINITE);
        check(reaches(&ended, 2));
        check_eq(tp_waitable_wait(tp_waitable_mutex(mutex), TP_INFINITE, &result), TP_OK);
        check_eq(result, TP_WAIT_ABANDONED);
        check_eq(tp_mutex_release(mutex), TP_OK);
        finish(first);
        finish(second);
        check_eq(tp_mutex_close(mutex), TP_OK);
        scene_end(&scene);
    }
    check_eq(tp_set_misuse_hook(NULL, NULL), TP_OK);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return run_mode_of(modes, COUNT(modes), argv[1]);
    tap_run(wait_signal__c136_a_hundred_children_end_and_are_not_reaped);
    tap_run(wait_signal__only_what_names_a_process_is_a_process);
    tap_run(wait_signal__sigterm_ends_a_process_that_waits_for_it);
    tap_run(wait_signal__sigchld_comes_for_children_that_end);
    tap_run(wait_signal__queued_signals_are_one_callback_each);
    tap_run(wait_signal__r36_one_signal_for_one_of_several_waits);
    tap_run(wait_signal__waits_go_on_when_every_callback_ends_its_thread);
    tap_run(wait_signal__c137_a_callback_that_ends_its_thread_abandons_its_mutex);
    return tap_done();
}
