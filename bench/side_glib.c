/* side_glib.c - GThreadPool as a side: exclusive threads, one function for all tasks. */
#include <glib.h>

#include "bench/measure.h"
#include "bench/side.h"

/* GLib's pools have one function; the workloads that fit have one body at a time, so the task is
 * the context alone, as a GLib program would have it, and nothing is allocated for it here. */
struct glib_sided {
    GThreadPool *pool;
    void (*_Atomic function)(void *context);
};

static void call(gpointer context, gpointer user_data)
{
    struct glib_sided *sided = user_data;
    atomic_load_explicit(&sided->function, memory_order_acquire)(context);
}

static void *open_pool(unsigned workers, unsigned outside)
{
    struct glib_sided *sided = g_new0(struct glib_sided, 1);
    (void)outside;
    sided->pool = g_thread_pool_new(call, sided, (gint)workers, TRUE, NULL);
    must(sided->pool);
    return sided;
}

static void close_pool(void *pool)
{
    struct glib_sided *sided = pool;
    g_thread_pool_free(sided->pool, FALSE, TRUE);
    g_free(sided);
}

static void inside(void *pool, void (*function)(void *argument), void *argument)
{
    (void)pool;
    function(argument);
}

static void submit(void *pool, const struct body *body, void *context)
{
    struct glib_sided *sided = pool;
    if (atomic_load_explicit(&sided->function, memory_order_relaxed) != body->plain)
        atomic_store_explicit(&sided->function, body->plain, memory_order_release);
    must(g_thread_pool_push(sided->pool, context, NULL));
}

const struct side glib_side = {
    .name = "glib",
    .open = open_pool,
    .close = close_pool,
    .inside = inside,
    .submit = submit,
};
