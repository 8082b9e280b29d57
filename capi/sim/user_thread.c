/* user_thread.c - the threads of the C library: in a run they are fibers. */
#define _GNU_SOURCE 1 /* pthread_setname_np */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <threads.h>

#include "capi/sim/user.h"

#define THREADS 1024u /* of one run */

/* In a run a pthread_t is the number of a fiber. */
static struct thread {
    tpps_thread id;
    void *(*start)(void *);
    thrd_start_t start_c11; /* the one or the other */
    void *argument, *result;
    bool detached, joined;
} threads[THREADS];
static uint32_t thread_count;

void tpi_user_threads_begin(void)
{
    thread_count = 0;
}

static struct thread *find(tpps_thread id)
{
    for (uint32_t i = 0; i < thread_count; i++)
        if (threads[i].id == id)
            return &threads[i];
    return NULL;
}

static struct tpps_fiber *fiber_of(tpps_thread id)
{
    for (uint32_t i = 0; i < tpps_sim_.high; i++)
        if (tpps_fibers_[i].id == id)
            return &tpps_fibers_[i];
    return NULL;
}

static void body(void *argument)
{
    struct thread *self = argument;
    if (self->start != NULL)
        self->result = self->start(self->argument);
    else
        self->result = (void *)(intptr_t)self->start_c11(self->argument);
    tpps_tsan_release_(self);
}

static int create(const struct thread *as, tpps_thread *id_out, const char *call)
{
    struct thread *thread;
    char name[16];
    tpps_point_(TPPS_OP_THREAD, NULL, call);
    if (tpps_sim_.hook)
        tpps_fail("a function of tp_sim_on_quiet must not start threads");
    if (thread_count == THREADS)
        tpps_fail("more than %u threads in one run", THREADS);
    if (tpps_fault_())
        return EAGAIN;
    thread = &threads[thread_count];
    *thread = *as;
    snprintf(name, sizeof name, "pthread-%u", thread_count + 1);
    thread->id = tpps_start_(body, thread, false, name);
    if (thread->id == 0)
        return EAGAIN;
    thread_count++;
    if (thread->detached)
        tpps_detach_(thread->id);
    *id_out = thread->id;
    return 0;
}

static int join(tpps_thread id, void **result_out)
{
    struct thread *thread = find(id);
    if (thread == NULL)
        return ESRCH;
    if (thread->detached || thread->joined)
        tpps_fail("pthread_join of a thread that %s",
                  thread->joined ? "has been joined" : "is detached");
    if (id == tpps_sim_.current->id)
        return EDEADLK;
    thread->joined = true;
    tpps_join(id);
    tpps_tsan_acquire_(thread);
    if (result_out != NULL)
        *result_out = thread->result;
    return 0;
}

static int detach(tpps_thread id)
{
    struct thread *thread = find(id);
    tpps_point_(TPPS_OP_THREAD, NULL, "pthread_detach");
    if (thread == NULL)
        return ESRCH;
    if (thread->detached || thread->joined)
        return EINVAL;
    thread->detached = true;
    tpps_detach_(id);
    return 0;
}

static _Noreturn void leave(void *result)
{
    struct thread *self = find(tpps_sim_.current->id);
    if (self != NULL) {
        self->result = result;
        tpps_tsan_release_(self);
    }
    tpps_thread_exit();
}

/* ---- POSIX ----------------------------------------------------------------------------------- */

TPI_STANDS_IN int pthread_create(pthread_t *thread_out, const pthread_attr_t *attributes,
                                 void *(*start)(void *), void *argument)
{
    struct thread thread = {.start = start, .argument = argument};
    tpps_thread id;
    int state = PTHREAD_CREATE_JOINABLE, error;
    if (tpi_user_here() == NULL)
        return TPI_REAL(pthread_create)(thread_out, attributes, start, argument);
    if (attributes != NULL)
        (void)pthread_attr_getdetachstate(attributes, &state);
    thread.detached = state == PTHREAD_CREATE_DETACHED;
    error = create(&thread, &id, "pthread_create");
    if (error == 0)
        *thread_out = (pthread_t)id;
    return error;
}

TPI_STANDS_IN int pthread_join(pthread_t thread, void **result_out)
{
    if (tpi_user_here() == NULL)
        return TPI_REAL(pthread_join)(thread, result_out);
    return join((tpps_thread)thread, result_out);
}

TPI_STANDS_IN int pthread_detach(pthread_t thread)
{
    if (tpi_user_here() == NULL)
        return TPI_REAL(pthread_detach)(thread);
    return detach((tpps_thread)thread);
}

TPI_STANDS_IN pthread_t pthread_self(void)
{
    const struct tpps_fiber *fiber = tpi_user_here();
    return fiber != NULL ? (pthread_t)fiber->id : TPI_REAL(pthread_self)();
}

TPI_STANDS_IN _Noreturn void pthread_exit(void *result)
{
    if (tpi_user_here() != NULL)
        leave(result);
    TPI_REAL(pthread_exit)(result);
    __builtin_unreachable();
}

TPI_STANDS_IN int pthread_setname_np(pthread_t thread, const char *name)
{
    struct tpps_fiber *fiber;
    if (tpi_user_here() == NULL)
        return TPI_REAL(pthread_setname_np)(thread, name);
    fiber = fiber_of((tpps_thread)thread);
    if (fiber == NULL)
        return ESRCH;
    if (strlen(name) >= sizeof fiber->name)
        return ERANGE;
    strcpy(fiber->name, name);
    return 0;
}

TPI_STANDS_IN int pthread_getname_np(pthread_t thread, char *name, size_t size)
{
    struct tpps_fiber *fiber;
    if (tpi_user_here() == NULL)
        return TPI_REAL(pthread_getname_np)(thread, name, size);
    fiber = fiber_of((tpps_thread)thread);
    if (fiber == NULL)
        return ESRCH;
    return (size_t)snprintf(name, size, "%s", fiber->name) < size ? 0 : ERANGE;
}

/* ---- C11 ------------------------------------------------------------------------------------- */

TPI_STANDS_IN int thrd_create(thrd_t *thread_out, thrd_start_t start, void *argument)
{
    const struct thread thread = {.start_c11 = start, .argument = argument};
    tpps_thread id;
    int error;
    if (tpi_user_here() == NULL)
        return TPI_REAL(thrd_create)(thread_out, start, argument);
    error = create(&thread, &id, "thrd_create");
    if (error == 0)
        *thread_out = (thrd_t)id;
    return error == 0 ? thrd_success : thrd_nomem;
}

TPI_STANDS_IN int thrd_join(thrd_t thread, int *result_out)
{
    void *result;
    if (tpi_user_here() == NULL)
        return TPI_REAL(thrd_join)(thread, result_out);
    if (join((tpps_thread)thread, &result) != 0)
        return thrd_error;
    if (result_out != NULL)
        *result_out = (int)(intptr_t)result;
    return thrd_success;
}

TPI_STANDS_IN int thrd_detach(thrd_t thread)
{
    if (tpi_user_here() == NULL)
        return TPI_REAL(thrd_detach)(thread);
    return detach((tpps_thread)thread) == 0 ? thrd_success : thrd_error;
}

TPI_STANDS_IN thrd_t thrd_current(void)
{
    return (thrd_t)pthread_self();
}

TPI_STANDS_IN _Noreturn void thrd_exit(int result)
{
    if (tpi_user_here() != NULL)
        leave((void *)(intptr_t)result);
    TPI_REAL(thrd_exit)(result);
    __builtin_unreachable();
}
