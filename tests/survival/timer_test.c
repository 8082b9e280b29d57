/* timer_test.c - timers while all else rests, under signals, and where callbacks end threads. */
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <sys/timerfd.h>

#include "tests/survival/timer_scene.h"

#define HOUR (3600 * 1000 * MS)

enum { SHOTS = 200, TARGETS_MAX = 8, MOST = 6 /* threads of a pool */ };

/* ---- did somebody set the wall clock meanwhile? ---------------------------------------------- */

/* Another test may: then the library has to wake, whatever its timers. */
static int witness = -1;

static void watch_wall_clock(void)
{
    struct itimerspec never = {.it_value = {.tv_sec = INT64_C(1) << 33}};
    if (witness >= 0)
        close(witness);
    witness = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    (void)timerfd_settime(witness, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL);
}

static bool wall_clock_was_set(void)
{
    uint64_t expiries;
    return read(witness, &expiries, sizeof expiries) < 0 && errno == ECANCELED;
}

/* Of a clock that was set back in between nobody can tell. */
static bool nobody_can_tell(void)
{
    return tpp_load_acquire(&early) > 0 && wall_clock_was_set();
}

TAP_TEST(timer__c101_two_hundred_on_each_clock_and_none_early)
{
    static struct shot shots[SHOTS * CLOCKS];
    struct scene scene = scene_plan(0, 4);
    watch_wall_clock();
    begin_count();
    scene_build(&scene);
    begin_shots(shots, COUNT(shots), 700 * MS, &scene, NULL);
    end_shots(shots, COUNT(shots));
    check_eq(tpp_load_acquire(&runs), COUNT(shots));
    check_eq(stats_of(scene.pool).timers_armed, 0);
    scene_end(&scene);
    if (nobody_can_tell())
        tap_skip("somebody set the wall clock");
    check_eq(tpp_load_acquire(&early), 0);
}

/* ---- rest ------------------------------------------------------------------------------------ */

/* What the kernel counts of the library's threads, all together. */
struct switches {
    uint64_t threads, ids;
    int64_t voluntary, involuntary;
};

static struct switches look(void)
{
    struct switches sum = {.threads = 0};
    char path[320], name[64];
    DIR *folder = opendir("/proc/self/task");
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        snprintf(path, sizeof path, "/proc/self/task/%s/comm", entry->d_name);
        FILE *file = fopen(path, "r");
        if (!file)
            continue;
        bool ours = fgets(name, sizeof name, file) && strncmp(name, "tp-", 3) == 0;
        fclose(file);
        if (!ours)
            continue;
        snprintf(path, sizeof path, "/proc/self/task/%s/status", entry->d_name);
        sum.threads++;
        sum.ids += strtoull(entry->d_name, NULL, 10);
        sum.voluntary += status_line(path, "voluntary_ctxt_switches", 10);
        sum.involuntary += status_line(path, "nonvoluntary_ctxt_switches", 10);
    }
    if (folder)
        closedir(folder);
    return sum;
}

static bool undisturbed; /* nobody set the wall clock in the time last measured */

static bool same(const struct switches *a, const struct switches *b)
{
    return a->threads == b->threads && a->ids == b->ids && a->voluntary == b->voluntary &&
           a->involuntary == b->involuntary;
}

/* Until just so many threads are left, and none of them has been scheduled for a while, or it is
 * plain that they will not come to rest. */
static struct switches settled(uint64_t threads)
{
    struct switches before = look(), after = before;
    int64_t begun = now();
    while (now() - begun < 30000 * MS) {
        usleep(500000);
        after = look();
        if (after.threads == threads && (same(&before, &after) || now() - begun > 5000 * MS))
            break;
        before = after;
    }
    check_eq(after.threads, threads);
    return after;
}

enum { PERIOD_MS = 200 };

static int64_t times; /* of the grid, in the time last measured */

static struct switches measure(tp_timer_t *ticking)
{
    struct switches before = settled(2), after; /* a worker, the driver, and the gate */
    struct timespec nap = {.tv_sec = 3};
    int64_t begun = now();
    watch_wall_clock();
    begin_count();
    if (ticking)
        set(ticking, spec_of(TP_CLOCK_RELATIVE, PERIOD_MS * MS, PERIOD_MS * MS));
    check_eq(nanosleep(&nap, NULL), 0);
    check(!ticking || reaches(&runs, 10));
    after = look();
    times = (now() - begun) / (PERIOD_MS * MS);
    if (ticking)
        check_eq(tp_timer_set(ticking, NULL, NULL), TP_OK);
    check_eq(after.threads, before.threads);
    check_eq(after.ids, before.ids);
    after.voluntary -= before.voluntary;
    after.involuntary -= before.involuntary;
    return after;
}

/* How often the library's threads slept and were interrupted in a time in which nobody set the wall
 * clock, if that is to be had. */
static struct switches measure_undisturbed(tp_timer_t *ticking)
{
    struct switches passed;
    for (int tries = 0; tries < 3; tries++) {
        passed = measure(ticking);
        undisturbed = !wall_clock_was_set();
        if (undisturbed)
            break;
    }
    return passed;
}

static void expect_rest(void)
{
    struct switches passed = measure_undisturbed(NULL);
    printf("# 3 s: %lld switches\n", (long long)(passed.voluntary + passed.involuntary));
    if (!undisturbed)
        tap_skip("somebody sets the wall clock all the time");
    check_eq(passed.voluntary, 0);
    check_eq(passed.involuntary, 0);
}

static void meet(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)work;
    pthread_barrier_wait(context);
}

/* A pool that has had several threads, most of which soon go. */
static struct scene used_pool(void)
{
    struct scene scene = scene_plan(0, MOST);
    pthread_barrier_t barrier;
    scene.config.idle_timeout = 50 * MS;
    check_eq(pthread_barrier_init(&barrier, NULL, MOST), 0);
    scene_build(&scene);
    tp_work_t *work = scene_work(&scene, meet, &barrier);
    check_eq(tp_work_submit_many(work, 2 * MOST), TP_OK);
    finish_work(work);
    check_eq(pthread_barrier_destroy(&barrier), 0);
    return scene;
}

/* In an hour, each clock in its own way; where nobody tells that the wall clock was set, somebody
 * must look now and then. */
static void arm_far_away(tp_timer_t *timer, uint32_t number)
{
    uint32_t clock = tpp_alarm_tells_jumps() ? number % CLOCKS : TP_CLOCK_RELATIVE;
    bool absolute = clock == TP_CLOCK_REALTIME || clock == TP_CLOCK_MONOTONIC;
    int64_t due = HOUR + (int64_t)number * 7 * 1000 * MS;
    tp_timer_spec_t spec = spec_of(clock, due, number % 3 ? 0 : 1000 * MS);
    if (absolute)
        spec.due += tpp_now(clock_of(clock));
    if (number % 5 == 0)
        spec.window = 60000 * MS;
    if (number == 1)
        spec.due = TP_INFINITE;
    set(timer, spec);
}

TAP_TEST(timer__far_away_ones_let_the_process_rest)
{
    struct scene scene = used_pool();
    tp_timer_t *far[40], *soon = scene_timer(&scene, count_run, NULL);
    begin_count();
    for (uint32_t i = 0; i < COUNT(far); i++)
        arm_far_away(far[i] = scene_timer(&scene, count_run, NULL), i);
    expect_rest();
    set(soon, spec_of(TP_CLOCK_RELATIVE, 20 * MS, 0)); /* it wakes, and rests again */
    check(reaches(&runs, 1));
    expect_rest();
    check_eq(stats_of(scene.pool).timers_armed, COUNT(far));
    for (uint32_t i = 0; i < COUNT(far); i++)
        check_eq(tp_timer_close(far[i]), TP_OK);
    finish(soon);
    scene_end(&scene);
}

/* Each sleep of a thread is a voluntary switch, so there is one for each wake-up. */
TAP_TEST(timer__a_tick_costs_few_wake_ups)
{
    struct scene scene = used_pool();
    tp_timer_t *timer = scene_timer(&scene, count_run, NULL);
    struct switches passed = measure_undisturbed(timer);
    int64_t ticks = tpp_load_acquire(&runs);
    printf("# %lld ticks: %lld wake-ups\n", (long long)ticks, (long long)passed.voluntary);
    check(ticks <= times);
    if (undisturbed)
        check(passed.voluntary <= 4 * times + 20);
    finish(timer);
    scene_end(&scene);
}

/* ---- a storm of signals ---------------------------------------------------------------------- */

static tpp_u32 storming, handled, handled_by_workers, stay_on;
static tpp_u64 targets[TARGETS_MAX];
static tpp_u32 target_count;
static _Thread_local bool of_library;

static void handle(int number)
{
    (void)number;
    tpp_add_relaxed(&handled, 1);
    if (of_library)
        tpp_add_relaxed(&handled_by_workers, 1);
}

static void become_target(void)
{
    uint32_t place = tpp_add_acq_rel(&target_count, 1);
    if (place < TARGETS_MAX)
        tpp_store_release(&targets[place], tpp_thread_id());
}

/* The library blocks the signal on its threads. Here the application takes that back, so that
 * their sleep is interrupted as well. */
static void bare_thread(void *context)
{
    sigset_t signals;
    (void)context;
    sigemptyset(&signals);
    sigaddset(&signals, SIGUSR1);
    check_eq(pthread_sigmask(SIG_UNBLOCK, &signals, NULL), 0);
    of_library = true;
    become_target();
}

/* All threads that it hits stay for as long as it lasts. */
static void *storm(void *argument)
{
    sigset_t all;
    (void)argument;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    while (tpp_load_acquire(&storming)) {
        for (uint32_t i = 0; i < TARGETS_MAX; i++) {
            uint64_t id = tpp_load_acquire(&targets[i]);
            if (id)
                check_eq(syscall(SYS_tgkill, getpid(), (pid_t)id, SIGUSR1), 0);
        }
        usleep(1000);
    }
    return NULL;
}

/* Timers run on a thread of the application, which sleeps in the library until they are due. */
static void *drive(void *argument)
{
    struct scene *driven = argument;
    become_target();
    while (tpp_load_acquire(&stay_on)) {
        int64_t begun = now();
        tp_status_t status = tp_pool_run(driven->pool, 0, 20 * MS, NULL);
        check(status == TP_OK || status == TP_ERR_TIMEOUT);
        if (status == TP_ERR_TIMEOUT)
            check(now() - begun >= 20 * MS);
    }
    return NULL;
}

static void stay(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    (void)instance;
    (void)context;
    (void)timer;
    while (tpp_load_acquire(&stay_on))
        usleep(500);
}

/* A second of it; the waits of this thread are interrupted too. */
static void wait_in_storm(tp_timer_t *busy)
{
    for (int64_t end = now() + 1000 * MS; now() < end;) {
        int64_t begun = now();
        check_eq(tp_timer_wait(busy, false, 20 * MS), TP_ERR_TIMEOUT);
        check(now() - begun >= 20 * MS);
    }
}

static void begin_storm(struct sigaction *before, pthread_t *thread)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = handle; /* without SA_RESTART: every system call is interrupted */
    check_eq(sigaction(SIGUSR1, &action, before), 0);
    tpp_store_release(&storming, 1);
    become_target();
    check_eq(pthread_create(thread, NULL, storm, NULL), 0);
}

TAP_TEST(timer__r41_signals_on_every_thread_make_none_early_and_lose_none)
{
    static struct shot shots[40], driven_shots[20];
    struct scene scene = scene_plan(2, 2), driven = scene_plan(0, 0);
    struct sigaction before;
    pthread_t storm_thread, driver;
    tpp_u32 again;
    tpp_init(&again, 1);
    begin_count();
    watch_wall_clock();
    scene.config.on_thread_start = bare_thread;
    driven.config.flags = TP_POOL_CALLER_DRIVEN;
    tpp_store_release(&stay_on, 1);
    begin_storm(&before, &storm_thread);
    scene_build(&scene);
    scene_build(&driven);
    tp_timer_t *busy = scene_timer(&scene, stay, NULL);
    set(busy, spec_of(TP_CLOCK_RELATIVE, 0, 0));
    begin_shots(shots, COUNT(shots), 8 * MS, &scene, &again);
    begin_shots(driven_shots, COUNT(driven_shots), 30 * MS, &driven, &again);
    check_eq(pthread_create(&driver, NULL, drive, &driven), 0);
    wait_in_storm(busy);
    tpp_store_release(&again, 0);
    end_shots(shots, COUNT(shots));
    end_shots(driven_shots, COUNT(driven_shots));
    tpp_store_release(&storming, 0);
    check_eq(pthread_join(storm_thread, NULL), 0);
    tpp_store_release(&stay_on, 0);
    check_eq(pthread_join(driver, NULL), 0);
    finish(busy);
    scene_end(&driven);
    scene_end(&scene);
    printf("# %u signals, %u of them on workers; %u expiries\n", tpp_load_acquire(&handled),
           tpp_load_acquire(&handled_by_workers), tpp_load_acquire(&runs));
    check(tpp_load_acquire(&runs) > COUNT(shots) + COUNT(driven_shots));
    check(tpp_load_acquire(&handled) > (SANITIZED ? 20 : 100));
    check(UNDER_TSAN || tpp_load_acquire(&handled_by_workers) > 20);
    check_eq(sigaction(SIGUSR1, &before, NULL), 0);
    if (nobody_can_tell())
        tap_skip("somebody set the wall clock");
    check_eq(tpp_load_acquire(&early), 0);
}

/* ---- callbacks that end their thread --------------------------------------------------------- */

static tpp_u32 ended, misuses;

static void end_thread(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    count_run(instance, context, timer);
    tpp_add_acq_rel(&ended, 1);
    pthread_exit(NULL);
}

TAP_TEST(timer__a_period_goes_on_when_every_callback_ends_its_thread)
{
    check_eq(tp_set_misuse_hook(hear_thread_end, &misuses), TP_OK);
    for (uint32_t maximum = 1; maximum <= 4; maximum += 3) {
        struct scene scene = scene_plan(0, maximum);
        tp_timer_spec_t spec = spec_of(TP_CLOCK_RELATIVE, 0, 2 * MS);
        bool was_armed = false;
        begin_count();
        tpp_store_release(&ended, 0);
        tpp_store_release(&misuses, 0);
        scene_build(&scene);
        tp_timer_t *timer = scene_timer(&scene, end_thread, NULL);
        set(timer, spec);
        check(reaches(&ended, 30));
        spec.period = 0;
        check_eq(tp_timer_set(timer, &spec, &was_armed), TP_OK);
        check(was_armed);
        check_eq(tp_timer_wait(timer, false, TP_INFINITE), TP_OK);
        check_eq(tpp_load_acquire(&misuses), tpp_load_acquire(&ended));
        check(stats_of(scene.pool).threads <= maximum);
        finish(timer);
        scene_end(&scene);
    }
    check_eq(tp_set_misuse_hook(NULL, NULL), TP_OK);
}

int main(void)
{
    setenv("TP_CPUS", "2", 1);
    tap_timeout(120);
    tap_run(timer__far_away_ones_let_the_process_rest);
    tap_run(timer__a_tick_costs_few_wake_ups);
    tap_run(timer__c101_two_hundred_on_each_clock_and_none_early);
    tap_run(timer__r41_signals_on_every_thread_make_none_early_and_lose_none);
    tap_run(timer__a_period_goes_on_when_every_callback_ends_its_thread);
    return tap_done();
}
