/* ctest.c - what the Go package's tests need of C: memory, a mutex, a library, a loop. */
#include "ctest.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <tp/tp.h>

static uint64_t allocations;

void *ctest_alloc(void *context, size_t size, size_t alignment)
{
    (void)context;
    void *memory = NULL;
    __atomic_fetch_add(&allocations, 1, __ATOMIC_RELAXED);
    if (alignment < sizeof(void *))
        alignment = sizeof(void *);
    return posix_memalign(&memory, alignment, size) == 0 ? memory : NULL;
}

void ctest_free(void *context, void *memory, size_t size)
{
    (void)context;
    (void)size;
    free(memory);
}

uint64_t ctest_allocations(void)
{
    return __atomic_load_n(&allocations, __ATOMIC_RELAXED);
}

void *ctest_mutex_locked(void)
{
    pthread_mutex_t *mutex = malloc(sizeof *mutex);
    if (mutex) {
        pthread_mutex_init(mutex, NULL);
        pthread_mutex_lock(mutex);
    }
    return mutex;
}

bool ctest_mutex_free(void *mutex)
{
    if (pthread_mutex_trylock(mutex) != 0)
        return false;
    pthread_mutex_unlock(mutex);
    return true;
}

void ctest_mutex_lock(void *mutex)
{
    pthread_mutex_lock(mutex);
}

void *ctest_open(const char *name)
{
    return dlopen(name, RTLD_NOW);
}

bool ctest_loaded(const char *name)
{
    void *handle = dlopen(name, RTLD_NOW | RTLD_NOLOAD);
    if (handle)
        dlclose(handle);
    return handle != NULL;
}

static void nothing(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
}

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000ll + time.tv_nsec;
}

int64_t ctest_loop(uint32_t rounds, uint32_t many)
{
    tp_work_t *work;
    tp_status_t status = tp_work_create(nothing, NULL, NULL, &work);
    if (status != TP_OK)
        return status;
    int64_t begin = now();
    for (uint32_t i = 0; i < rounds && status == TP_OK; i++) {
        tp_work_submit_many(work, many);
        status = tp_work_wait(work, false, TP_INFINITE);
    }
    int64_t end = now();
    tp_work_close(work);
    return status == TP_OK ? end - begin : status;
}
