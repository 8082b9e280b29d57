/* handle.c - the table of handles: which number means which object. */
#include <pthread.h>
#include <stdlib.h>

#include "capi/win32/base.h"

/* A handle is made of the place in the table and the generation of that place, which counts the
 * handles it has been. Places are never given back, so any number can be looked up; they are used
 * again in the order in which they became free. */
#define PLACE_BITS 20
#define CHUNK_BITS 10
#define CHUNK (1u << CHUNK_BITS)
#define CHUNKS (1u << (PLACE_BITS - CHUNK_BITS))
#define PLACES (CHUNK * CHUNKS - 1) /* numbered from 1, so that no handle is 0 */
#define LOCKS 64u

struct place {
    /* under the place's lock */
    struct tpw_object *object; /* NULL: free */
    uint64_t generation;
    /* under free_lock */
    uint32_t next_free; /* 0: none */
};

/* Each for every 64th place. */
static pthread_mutex_t locks[LOCKS] = {[0 ... LOCKS - 1] = PTHREAD_MUTEX_INITIALIZER};

static pthread_mutex_t free_lock = PTHREAD_MUTEX_INITIALIZER;
static struct place *chunks[CHUNKS]; /* set once each, under free_lock; read without */
static uint32_t used;                /* places that ever were in use: 1 .. used */
static uint32_t first_free, last_free;

static struct place *at(uint32_t number)
{
    struct place *chunk = __atomic_load_n(&chunks[number >> CHUNK_BITS], __ATOMIC_ACQUIRE);
    return chunk ? &chunk[number & (CHUNK - 1)] : NULL;
}

static HANDLE number_to_handle(uint32_t number, uint64_t generation)
{
    return (HANDLE)(uintptr_t)(generation << (PLACE_BITS + 2) | (uint64_t)number << 2);
}

/* The place, locked, if the handle means something there; else NULL, and nothing locked. */
static struct place *enter(HANDLE handle, enum tpw_kind kind, pthread_mutex_t **lock)
{
    uint64_t value = (uintptr_t)handle;
    uint32_t number = (uint32_t)(value >> 2) & ((1u << PLACE_BITS) - 1);
    struct place *place = at(number);
    if (!place || (value & 3) != 0)
        return NULL;
    *lock = &locks[number % LOCKS];
    pthread_mutex_lock(*lock);
    if (place->object && place->generation == value >> (PLACE_BITS + 2) &&
        (kind == TPW_ANY ? place->object->kind < TPW_NO_CLOSE_HANDLE : place->object->kind == kind))
        return place;
    pthread_mutex_unlock(*lock);
    return NULL;
}

/* A place nobody uses, or 0. */
static uint32_t reserve(void)
{
    uint32_t number = 0;
    pthread_mutex_lock(&free_lock);
    if (first_free != 0) {
        number = first_free;
        first_free = at(number)->next_free;
    } else if (used < PLACES) {
        struct place *chunk = at(used + 1);
        if (!chunk) {
            chunk = calloc(CHUNK, sizeof *chunk);
            __atomic_store_n(&chunks[(used + 1) >> CHUNK_BITS], chunk, __ATOMIC_RELEASE);
        }
        if (chunk)
            number = ++used;
    }
    pthread_mutex_unlock(&free_lock);
    return number;
}

static void give_back(uint32_t number)
{
    pthread_mutex_lock(&free_lock);
    at(number)->next_free = 0;
    if (first_free == 0)
        first_free = number;
    else
        at(last_free)->next_free = number;
    last_free = number;
    pthread_mutex_unlock(&free_lock);
}

HANDLE tpw_handle_open(struct tpw_object *object)
{
    uint32_t number = reserve();
    if (number == 0)
        return NULL;
    struct place *place = at(number);
    pthread_mutex_lock(&locks[number % LOCKS]);
    place->object = object;
    HANDLE handle = number_to_handle(number, place->generation);
    pthread_mutex_unlock(&locks[number % LOCKS]);
    return handle;
}

struct tpw_object *tpw_handle_get(HANDLE handle, enum tpw_kind kind)
{
    pthread_mutex_t *lock;
    struct place *place = enter(handle, kind, &lock);
    if (!place)
        return NULL;
    struct tpw_object *object = place->object;
    tpw_object_hold(object);
    pthread_mutex_unlock(lock);
    return object;
}

struct tpw_object *tpw_handle_take(HANDLE handle, enum tpw_kind kind)
{
    pthread_mutex_t *lock;
    struct place *place = enter(handle, kind, &lock);
    if (!place)
        return NULL;
    struct tpw_object *object = place->object;
    place->object = NULL;
    place->generation++;
    pthread_mutex_unlock(lock);
    give_back((uint32_t)((uintptr_t)handle >> 2) & ((1u << PLACE_BITS) - 1));
    return object;
}
