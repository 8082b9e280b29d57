/* serial.c - a pool of one thread that takes what is urgent first. */
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "must.h"

static const char *names[] = {"normal 1", "normal 2", "normal 3", "high 1", "high 2"};
enum { JOBS = sizeof names / sizeof *names, HIGH = 3 /* the first of these */ };

static tp_event_t *begun, *gate;
static long holding_thread;

/* Who ran, and on which thread. Only one callback runs at a time, so no lock is needed. */
static struct {
    const char *name;
    long thread;
} history[JOBS];
static int length;

static void hold(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance, (void)context, (void)work;
    holding_thread = syscall(SYS_gettid);
    must(tp_event_set(begun));
    must_wait(tp_waitable_event(gate));
}

static void note(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance, (void)work;
    history[length].name = context;
    history[length].thread = syscall(SYS_gettid);
    length++;
}

static void submit_all(tp_env_t *env, tp_work_t *jobs[])
{
    for (int i = 0; i < JOBS; i++) {
        must(tp_env_set_priority(env, i < HIGH ? TP_PRIORITY_NORMAL : TP_PRIORITY_HIGH));
        must(tp_work_create(note, (void *)names[i], env, &jobs[i]));
        must(tp_work_submit(jobs[i]));
    }
}

int main(void)
{
    tp_pool_config_t config = TP_POOL_CONFIG_INIT;
    tp_pool_t *pool;
    tp_env_t *env;
    tp_work_t *holder, *jobs[JOBS];
    bool on_one_thread = true;

    must(tp_event_create(true, false, &begun));
    must(tp_event_create(true, false, &gate));
    config.thread_minimum = 1;
    config.thread_maximum = 1;
    must(tp_pool_create(&config, &pool));
    must(tp_env_create(&env));
    must(tp_env_set_pool(env, pool));
    must(tp_env_set_persistent(env, true));
    must(tp_work_create(hold, NULL, env, &holder));
    must(tp_work_submit(holder));
    must_wait(tp_waitable_event(begun));

    submit_all(env, jobs);
    must(tp_event_set(gate));
    for (int i = 0; i < JOBS; i++) {
        must(tp_work_wait(jobs[i], false, TP_INFINITE));
        must(tp_work_close(jobs[i]));
    }
    for (int i = 0; i < length; i++) {
        puts(history[i].name);
        on_one_thread = on_one_thread && history[i].thread == holding_thread;
    }
    printf("on one thread: %s\n", on_one_thread ? "yes" : "no");

    must(tp_work_close(holder));
    must(tp_env_destroy(env));
    must(tp_pool_close(pool));
    must(tp_event_close(gate));
    must(tp_event_close(begun));
    return 0;
}
