/* interrupt.c - waits for signals, whose callbacks may do what no signal handler may.
 *
 * They are on the pool of the process, not on treesum's own: there every thread may be in the
 * middle of a large file, and one that waits for a dead disk or a stopped terminal never comes
 * back. That is when somebody interrupts a second time. */
#include "examples/treesum/interrupt.h"

#include <signal.h>
#include <time.h>

/* timeout(1) sends every signal twice: what comes so soon after the first is still the first. */
enum { GRACE_NS = 500000000 };

static long long now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

void interrupt_block(struct interrupt *interrupt)
{
    static const int signals[CAUGHT_MOST] = {SIGINT, SIGTERM};
    struct sigaction before;
    sigset_t set;
    sigemptyset(&set);
    for (int i = 0; i < CAUGHT_MOST; i++) {
        if (sigaction(signals[i], NULL, &before) != 0 || before.sa_handler == SIG_IGN)
            continue;
        interrupt->caught[interrupt->count++] =
            (struct caught){.owner = interrupt, .signal = signals[i]};
        sigaddset(&set, signals[i]);
    }
    sigprocmask(SIG_BLOCK, &set, NULL);
}

/* By the signal itself, so that whoever waits for us sees why. */
static void end_at_once(int signal_number)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, signal_number);
    signal(signal_number, SIG_DFL);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    raise(signal_number);
}

static tp_status_t arm(struct caught *caught)
{
    tp_wait_spec_t spec = TP_WAIT_SPEC_INIT;
    spec.source = tp_waitable_signal(caught->signal);
    return tp_wait_set(caught->wait, &spec, NULL);
}

static void on_signal(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                      tp_wait_result_t result)
{
    struct caught *caught = context;
    struct interrupt *self = caught->owner;
    long long first_at = 0, at = now();
    (void)instance;
    (void)wait;
    (void)result;
    if (atomic_compare_exchange_strong(&self->first_at, &first_at, at)) {
        atomic_store(&self->signal, caught->signal);
        job_end(self->job);
    } else if (at - first_at > GRACE_NS) {
        end_at_once(caught->signal);
    }
    arm(caught); /* one shot; refused once interrupt_end() closes the group */
}

static tp_status_t start(struct interrupt *interrupt, const tp_env_t *env)
{
    for (int i = 0; i < interrupt->count; i++) {
        struct caught *caught = &interrupt->caught[i];
        tp_status_t status = tp_wait_create(on_signal, caught, env, &caught->wait);
        if (status == TP_OK)
            status = arm(caught);
        if (status != TP_OK)
            return status;
    }
    return TP_OK;
}

tp_status_t interrupt_start(struct interrupt *interrupt, struct job *job)
{
    tp_env_t *env = NULL;
    interrupt->job = job;
    tp_status_t status = tp_cleanup_group_create(&interrupt->group);
    if (status == TP_OK)
        status = tp_env_create(&env);
    if (status == TP_OK)
        status = tp_env_set_cleanup_group(env, interrupt->group, NULL);
    if (status == TP_OK)
        status = start(interrupt, env);
    tp_env_destroy(env);
    return status;
}

tp_status_t interrupt_end(struct interrupt *interrupt)
{
    if (interrupt->group == NULL)
        return TP_OK;
    tp_status_t status = tp_cleanup_group_close_members(interrupt->group, true, NULL);
    if (status == TP_OK)
        status = tp_cleanup_group_close(interrupt->group);
    interrupt->group = NULL;
    return status;
}
