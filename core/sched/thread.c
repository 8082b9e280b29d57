/* thread.c - the per-thread records of thread.h. */
#include "core/sched/thread.h"

#include <string.h>

#include "core/sched/waits.h"
#include "core/sched/worker.h"

char tpi_thread_marker; /* the local value of a thread that is watched but has no record */

tpp_u32 tpi_fork_count;

static void thread_ends(void *local)
{
    struct tpi_posts posts;
    posts.count = 0;
    tpi_waitable_abandon_all(tpp_thread_id(), &posts);
    tpi_posts_publish(&posts);
    if (local == &tpi_thread_marker)
        return;
    struct tpi_thread *thread = local;
    if (thread->worker)
        tpi_pool_thread_lost(thread->worker);
    tpi_slab_flush(TPI_KIND_SIMPLE, &thread->simples);
    tpi_slab_flush(TPI_KIND_BRIEF, &thread->briefs);
    tpi_slab_flush(TPI_KIND_OPERATION, &thread->operations);
    tpi_slab_free(TPI_KIND_THREAD, &thread->slot, NULL);
}

void tpi_thread_watch(void)
{
    if (tpp_local())
        return;
    tpp_local_at_exit(thread_ends);
    tpp_local_set(&tpi_thread_marker);
}

struct tpi_thread *tpi_thread_new(struct tpi_worker *worker)
{
    struct tpi_slot *slot = tpi_slab_new(TPI_KIND_THREAD, sizeof(struct tpi_thread), NULL);
    if (!slot)
        return NULL;
    struct tpi_thread *thread = tpi_container(slot, struct tpi_thread, slot);
    thread->index = tpi_slot_index(slot);
    thread->worker = worker;
    thread->instance = NULL;
    thread->errand = NULL;
    thread->last_errno = 0;
    thread->env.handle = NULL;
    memset(&thread->simples, 0, sizeof thread->simples);
    memset(&thread->briefs, 0, sizeof thread->briefs);
    memset(&thread->operations, 0, sizeof thread->operations);
    return thread;
}

void tpi_thread_adopt(struct tpi_thread *thread)
{
    tpp_local_at_exit(thread_ends);
    tpp_local_set(thread);
}

void tpi_thread_drop(struct tpi_thread *thread)
{
    tpi_slab_free(TPI_KIND_THREAD, &thread->slot, NULL);
}

struct tpi_thread *tpi_thread_ensure(void)
{
    struct tpi_thread *thread = tpi_thread_self();
    if (thread)
        return thread;
    thread = tpi_thread_new(NULL);
    if (thread)
        tpi_thread_adopt(thread);
    return thread;
}

void tpi_errand_begin(struct tpi_errand *errand, const void *pool)
{
    struct tpi_thread *thread = tpi_thread_self(); /* a close must not allocate */
    errand->pool = pool;
    errand->outer = thread ? thread->errand : NULL;
    if (thread)
        thread->errand = errand;
}

void tpi_errand_end(struct tpi_errand *errand)
{
    struct tpi_thread *thread = tpi_thread_self();
    if (thread && thread->errand == errand)
        thread->errand = errand->outer;
}
