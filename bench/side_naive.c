/* side_naive.c - the mutex-and-condition pool as a side. */
#include "bench/measure.h"
#include "bench/naive_pool.h"
#include "bench/side.h"

static void *open_pool(unsigned workers, unsigned outside)
{
    (void)outside;
    return naive_pool_create(workers);
}

static void close_pool(void *pool)
{
    naive_pool_destroy(pool);
}

static void inside(void *pool, void (*function)(void *argument), void *argument)
{
    (void)pool;
    function(argument);
}

static void submit(void *pool, const struct body *body, void *context)
{
    naive_pool_submit(pool, NAIVE_NORMAL, body->plain, context);
}

static void submit_at(void *pool, tp_priority_t priority, const struct body *body, void *context)
{
    naive_pool_submit(pool, priority, body->plain, context);
}

static void *prepare(void *pool, const struct body *body, void *context)
{
    return naive_work_create(pool, body->plain, context);
}

static void post(void *object, uint32_t posts)
{
    naive_work_submit(object, posts);
}

static void discard(void *object)
{
    naive_work_destroy(object);
}

const struct side naive_side = {
    .name = "naive",
    .open = open_pool,
    .close = close_pool,
    .inside = inside,
    .submit = submit,
    .submit_at = submit_at,
};

const struct side naive_work_side = {
    .name = "naive-work",
    .open = open_pool,
    .close = close_pool,
    .inside = inside,
    .prepare = prepare,
    .post = post,
    .discard = discard,
};
