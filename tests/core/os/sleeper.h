/* sleeper.h - threads that are seen to sleep, and are interrupted there, or cancelled. */
#ifndef TESTS_CORE_OS_SLEEPER_H
#define TESTS_CORE_OS_SLEEPER_H

#include "core/os/os.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include "tests/support/tap.h"

/* Until a thread sleeps, which says its id before it does. */
TAP_UNUSED_ static void await_asleep(tpp_u32 *id)
{
    while (tpp_load_acquire(id) == 0 || tpp_thread_state(tpp_load_acquire(id)) != 'S')
        (void)sched_yield();
}

/* ---- interrupted ----------------------------------------------------------------------------- */

static tpp_u32 interruptions;

static void count_interruption(int signal_number)
{
    (void)signal_number;
    (void)tpp_add_acq_rel(&interruptions, 1);
}

/* From here on the signal interrupts threads. Without SA_RESTART: their system calls do return
 * EINTR. Gives what it did before; false if it cannot be changed. */
TAP_UNUSED_ static bool let_interrupt(int signal_number, struct sigaction *before)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = count_interruption;
    return sigaction(signal_number, &action, before) == 0;
}

/* So many times, whenever the thread sleeps; and until it sleeps once more after that. */
TAP_UNUSED_ static void interrupt(pthread_t thread, tpp_u32 *id, uint32_t times, int signal_number)
{
    uint32_t i;
    tpp_store_release(&interruptions, 0);
    for (i = 0; i < times; i++) {
        await_asleep(id);
        check_eq(pthread_kill(thread, signal_number), 0);
        while (tpp_load_acquire(&interruptions) <= i)
            (void)sched_yield();
    }
    await_asleep(id);
}

/* ---- cancelled ------------------------------------------------------------------------------- */

struct use {
    void (*function)(void *argument);
    void *argument;
    bool came_through;
};

static void *use_while_cancelled(void *memory)
{
    struct use *use = memory;
    (void)pthread_cancel(pthread_self());
    use->function(use->argument);
    use->came_through = true;
    pthread_testcancel();
    return NULL;
}

/* Nothing that the function calls is a cancellation point; after it the thread does end. */
TAP_UNUSED_ static void expect_not_cancelled_in(void (*function)(void *argument), void *argument)
{
    struct use use = {function, argument, false};
    pthread_t thread;
    void *result = NULL;
    check_eq(pthread_create(&thread, NULL, use_while_cancelled, &use), 0);
    check_eq(pthread_join(thread, &result), 0);
    check(result == PTHREAD_CANCELED);
    check(use.came_through);
}

#endif
