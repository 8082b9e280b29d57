/* queue.c - the queue of events between the threads of tp and one goroutine. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "shim.h"

enum { RING_FIRST = 256 }; /* a power of two */

struct tpgo_queue {
    pthread_mutex_t lock;
    pthread_cond_t room; /* waited for only when there is no memory for a larger ring */
    tpgo_event_t *ring;
    size_t size; /* a power of two */
    size_t first;
    size_t count;
    int fd;
    bool idle; /* the reader has found nothing and waits for the descriptor */
};

tpgo_queue_t *tpgo_queue_create(int *fd_out, int *errno_out)
{
    *errno_out = ENOMEM;
    tpgo_queue_t *queue = calloc(1, sizeof *queue);
    if (!queue)
        return NULL;
    queue->ring = calloc(RING_FIRST, sizeof *queue->ring);
    if (!queue->ring)
        goto free_queue;
    queue->size = RING_FIRST;
    queue->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (queue->fd < 0) {
        *errno_out = errno;
        goto free_ring;
    }
    pthread_mutex_init(&queue->lock, NULL);
    pthread_cond_init(&queue->room, NULL);
    *fd_out = queue->fd;
    return queue;

free_ring:
    free(queue->ring);
free_queue:
    free(queue);
    return NULL;
}

void tpgo_queue_free(tpgo_queue_t *queue)
{
    /* Whoever pushed last may still be about to drop the lock. */
    pthread_mutex_lock(&queue->lock);
    pthread_mutex_unlock(&queue->lock);
    pthread_mutex_destroy(&queue->lock);
    pthread_cond_destroy(&queue->room);
    free(queue->ring);
    free(queue);
}

static bool grow(tpgo_queue_t *queue)
{
    tpgo_event_t *ring = malloc(2 * queue->size * sizeof *ring);
    if (!ring)
        return false;
    for (size_t i = 0; i < queue->count; i++)
        ring[i] = queue->ring[(queue->first + i) & (queue->size - 1)];
    free(queue->ring);
    queue->ring = ring;
    queue->size *= 2;
    queue->first = 0;
    return true;
}

/* The number of the event, or 0 if it is an expiry to leave out. Lock held. */
static uint64_t number(tpgo_object_t *object, uint32_t kind)
{
    if (kind == TPGO_RELEASE)
        return object->pushed;
    if (object->skip_missed && __atomic_load_n(&object->pending, __ATOMIC_SEQ_CST) > 0) {
        object->missed++;
        return 0;
    }
    __atomic_add_fetch(&object->pending, 1, __ATOMIC_SEQ_CST);
    return __atomic_add_fetch(&object->pushed, 1, __ATOMIC_SEQ_CST);
}

void tpgo_push(tpgo_object_t *object, tpgo_event_t event)
{
    tpgo_queue_t *queue = object->queue;
    pthread_mutex_lock(&queue->lock);
    while (queue->count == queue->size && !grow(queue))
        pthread_cond_wait(&queue->room, &queue->lock);
    event.handle = object->handle;
    event.object = (uintptr_t)object;
    event.number = number(object, event.kind);
    if (event.number > 0 || event.kind == TPGO_RELEASE) {
        queue->ring[(queue->first + queue->count++) & (queue->size - 1)] = event;
        if (queue->idle) {
            queue->idle = false;
            /* Under the lock, so that the descriptor is still the queue's. It cannot fail: the
             * count is 0 or, if the reader has been quick, 1. */
            uint64_t one = 1;
            (void)!write(queue->fd, &one, sizeof one);
        }
    }
    pthread_mutex_unlock(&queue->lock);
}

uint32_t tpgo_drain(tpgo_queue_t *queue, tpgo_event_t *events, uint32_t max, uintptr_t *dead,
                    uint32_t dead_count)
{
    for (uint32_t i = 0; i < dead_count; i++)
        free((void *)dead[i]); /* NOLINT: it was one */
    pthread_mutex_lock(&queue->lock);
    uint32_t taken = 0;
    for (; taken < max && queue->count > 0; taken++) {
        events[taken] = queue->ring[queue->first];
        queue->first = (queue->first + 1) & (queue->size - 1);
        queue->count--;
    }
    queue->idle = taken == 0;
    if (taken > 0)
        pthread_cond_broadcast(&queue->room);
    pthread_mutex_unlock(&queue->lock);
    return taken;
}

uint64_t tpgo_skip_missed(tpgo_object_t *object, int skip)
{
    pthread_mutex_lock(&object->queue->lock);
    if (skip >= 0)
        object->skip_missed = skip > 0;
    uint64_t missed = object->missed;
    pthread_mutex_unlock(&object->queue->lock);
    return missed;
}
