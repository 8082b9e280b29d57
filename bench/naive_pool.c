/* naive_pool.c - the mutex-and-condition pool of naive_pool.h. */
#include "bench/naive_pool.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "bench/measure.h"

/* What a list carries: a node made for one run, or a work object. */
struct item {
    struct item *next;
    naive_fn function;
    void *context;
    bool is_work;
};

struct naive_work {
    struct item item;
    struct naive_pool *pool;
    uint32_t pending; /* under the pool's mutex; queued while not 0 */
};

struct list {
    struct item *first, **last;
};

struct naive_pool {
    pthread_mutex_t mutex;
    pthread_cond_t some;
    struct list lists[NAIVE_PRIORITIES];
    bool closing;
    unsigned thread_count;
    pthread_t threads[];
};

static void append(struct list *list, struct item *item)
{
    item->next = NULL;
    *list->last = item;
    list->last = &item->next;
}

static struct item *take_first(struct naive_pool *pool)
{
    for (int priority = 0; priority < NAIVE_PRIORITIES; priority++) {
        struct list *list = &pool->lists[priority];
        struct item *item = list->first;
        if (!item)
            continue;
        list->first = item->next;
        if (!list->first)
            list->last = &list->first;
        return item;
    }
    return NULL;
}

/* One post of a work object is taken; the rest go to the tail, for others to take meanwhile. */
static void take_post(struct naive_pool *pool, struct item *item)
{
    struct naive_work *work = (struct naive_work *)item;
    if (--work->pending > 0)
        append(&pool->lists[NAIVE_NORMAL], item);
}

static void *worker(void *argument)
{
    struct naive_pool *pool = argument;
    pthread_mutex_lock(&pool->mutex);
    for (;;) {
        struct item *item = take_first(pool);
        if (!item) {
            if (pool->closing)
                break;
            pthread_cond_wait(&pool->some, &pool->mutex);
            continue;
        }
        naive_fn function = item->function;
        void *context = item->context;
        bool is_work = item->is_work;
        if (is_work)
            take_post(pool, item);
        pthread_mutex_unlock(&pool->mutex);
        if (!is_work)
            free(item);
        function(context);
        pthread_mutex_lock(&pool->mutex);
    }
    pthread_mutex_unlock(&pool->mutex);
    return NULL;
}

struct naive_pool *naive_pool_create(unsigned threads)
{
    struct naive_pool *pool = calloc(1, sizeof *pool + threads * sizeof pool->threads[0]);
    must(pool);
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->some, NULL);
    for (int priority = 0; priority < NAIVE_PRIORITIES; priority++)
        pool->lists[priority].last = &pool->lists[priority].first;
    pool->thread_count = threads;
    for (unsigned i = 0; i < threads; i++)
        must(pthread_create(&pool->threads[i], NULL, worker, pool) == 0);
    return pool;
}

void naive_pool_destroy(struct naive_pool *pool)
{
    pthread_mutex_lock(&pool->mutex);
    pool->closing = true;
    pthread_mutex_unlock(&pool->mutex);
    pthread_cond_broadcast(&pool->some);
    for (unsigned i = 0; i < pool->thread_count; i++)
        pthread_join(pool->threads[i], NULL);
    pthread_cond_destroy(&pool->some);
    pthread_mutex_destroy(&pool->mutex);
    free(pool);
}

void naive_pool_submit(struct naive_pool *pool, unsigned priority, naive_fn function, void *context)
{
    struct item *item = malloc(sizeof *item);
    must(item);
    item->function = function;
    item->context = context;
    item->is_work = false;
    pthread_mutex_lock(&pool->mutex);
    append(&pool->lists[priority], item);
    pthread_mutex_unlock(&pool->mutex);
    pthread_cond_signal(&pool->some);
}

struct naive_work *naive_work_create(struct naive_pool *pool, naive_fn function, void *context)
{
    struct naive_work *work = calloc(1, sizeof *work);
    must(work);
    work->item.function = function;
    work->item.context = context;
    work->item.is_work = true;
    work->pool = pool;
    return work;
}

void naive_work_submit(struct naive_work *work, uint32_t posts)
{
    struct naive_pool *pool = work->pool;
    pthread_mutex_lock(&pool->mutex);
    if (work->pending == 0)
        append(&pool->lists[NAIVE_NORMAL], &work->item);
    work->pending += posts;
    pthread_mutex_unlock(&pool->mutex);
    if (posts == 1)
        pthread_cond_signal(&pool->some);
    else
        pthread_cond_broadcast(&pool->some);
}

void naive_work_destroy(struct naive_work *work)
{
    free(work);
}
