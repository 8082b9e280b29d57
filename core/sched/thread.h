/* thread.h - what the library knows of one thread, its own workers' and others'.
 *
 * A worker has one from its start; another thread gets one when it first needs to remember
 * something (objects kept at hand), and does without when memory is out. */
#ifndef TPI_SCHED_THREAD_H
#define TPI_SCHED_THREAD_H

#include "core/base/profile.h"
#include "core/mem/slab.h"

struct tpi_worker;

/* The environment that this thread used last, as it was then: object/env.c. */
struct tpi_env_copy {
    const void *handle;
    void *env;
    uint32_t version;
    struct tpi_profile profile;
};

/* Code of the application runs for an object, or a thread, that has not left its pool yet and
 * cannot leave it before that code returns. On the stack of the thread. */
struct tpi_errand {
    const void *pool;
    struct tpi_errand *outer;
};

struct tpi_thread {
    struct tpi_slot slot;
    /* owner thread only */
    struct tpi_worker *worker; /* NULL for a thread that is not ours */
    void *instance;            /* innermost callback running here: object/instance.h */
    struct tpi_errand *errand; /* innermost */
    int last_errno;            /* of the last TP_ERR_SYSTEM */
    uint32_t index;            /* of the slot */
    uint64_t instances;        /* callbacks begun here so far */
    struct tpi_env_copy env;
    struct tpi_magazine simples, briefs, operations; /* slots at hand */
};

/* How often this process began as the child of a fork. */
extern tpp_u32 tpi_fork_count;

static inline uint32_t tpi_forks(void)
{
    return tpp_peek(&tpi_fork_count); /* it changes only while the process has one thread */
}

/* Has code of the application, called since `forks` was read, forked, and is this the child? Then
 * nothing of the parent's may be touched, and no lock is held that anybody would miss. */
static inline bool tpi_forked(uint32_t forks)
{
    return tpi_forks() != forks;
}

/* The calling thread's record, or NULL if it has none. */
static inline struct tpi_thread *tpi_thread_self(void)
{
    void *local = tpp_local();
    extern char tpi_thread_marker;
    return local == &tpi_thread_marker ? NULL : local;
}

/* ... or a new one; NULL when memory is out. */
struct tpi_thread *tpi_thread_ensure(void);

/* Begins an errand, and ends it. Of a thread without a record nobody knows it. */
void tpi_errand_begin(struct tpi_errand *errand, const void *pool);
void tpi_errand_end(struct tpi_errand *errand);

/* A record that a new thread will adopt as its own, first thing; NULL when memory is out. */
struct tpi_thread *tpi_thread_new(struct tpi_worker *worker);
void tpi_thread_adopt(struct tpi_thread *thread);
void tpi_thread_drop(struct tpi_thread *thread); /* of a thread that could not be started */

/* Makes sure that the exit function runs when the calling thread ends, without allocating. */
void tpi_thread_watch(void);

#endif
