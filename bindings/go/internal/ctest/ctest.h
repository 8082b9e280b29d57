/* ctest.h - what the Go package's tests need of C: memory, a mutex, a library, a loop. */
#ifndef TPGO_CTEST_H
#define TPGO_CTEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void *ctest_alloc(void *context, size_t size, size_t alignment);
void ctest_free(void *context, void *memory, size_t size);

/* How often ctest_alloc was called. */
uint64_t ctest_allocations(void);

/* A pthread_mutex_t, locked by this thread; NULL if there is no memory. */
void *ctest_mutex_locked(void);

/* Whether another thread could lock it now; it is unlocked again. */
bool ctest_mutex_free(void *mutex);

/* Locks it in this thread. */
void ctest_mutex_lock(void *mutex);

/* A handle of this shared library, or NULL; and whether it is loaded. */
void *ctest_open(const char *name);
bool ctest_loaded(const char *name);

/* Nanoseconds for `rounds` times `many` submits of a work object in C, each with a wait; negative:
 * a status. */
int64_t ctest_loop(uint32_t rounds, uint32_t many);

#endif
