/* blocked_glib.c - GThreadPool among the pools with blocked callbacks. */
#include <glib.h>

#include "bench/blocked.h"
#include "bench/measure.h"

static GThreadPool *pool;

struct call {
    void (*function)(void *context);
    void *context;
};

static void call(gpointer data, gpointer unused)
{
    struct call *made = data;
    (void)unused;
    made->function(made->context);
    g_free(made);
}

/* As many threads as processors, which is what a program says that knows no better. */
static void open_pool(unsigned threads_most)
{
    gint threads = threads_most > 0 ? (gint)threads_most : (gint)g_get_num_processors();
    pool = g_thread_pool_new(call, NULL, threads, FALSE, NULL);
    must(pool);
}

static void submit(void (*function)(void *context), void *context)
{
    struct call *made = g_new(struct call, 1);
    *made = (struct call){function, context};
    must(g_thread_pool_push(pool, made, NULL));
}

static void close_pool(void)
{
    g_thread_pool_free(pool, FALSE, TRUE);
}

const struct blocked_side glib_blocked = {
    .name = "glib",
    .about = "GThreadPool of as many threads as processors, for `meet` of 500",
    .threads = 2,
    .open = open_pool,
    .submit = submit,
    .close = close_pool,
    .meets = true,
};
