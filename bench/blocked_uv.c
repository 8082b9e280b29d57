/* blocked_uv.c - libuv's pool among those with blocked callbacks, of four threads and of two. */
#include <stdlib.h>
#include <uv.h>

#include "bench/blocked.h"
#include "bench/measure.h"

struct call {
    uv_work_t work;
    void (*function)(void *context);
    void *context;
};

static void call(uv_work_t *work)
{
    struct call *made = work->data;
    made->function(made->context);
}

static void called(uv_work_t *work, int status)
{
    must(status == 0);
    free(work->data);
}

static void open_pool(unsigned threads_most)
{
    (void)threads_most;
    must(unsetenv("UV_THREADPOOL_SIZE") == 0); /* the default is 4 */
}

static void open_pool_of_two(unsigned threads_most)
{
    (void)threads_most;
    must(setenv("UV_THREADPOOL_SIZE", "2", 1) == 0);
}

static void submit(void (*function)(void *context), void *context)
{
    struct call *made = malloc(sizeof *made);
    must(made);
    made->work.data = made;
    made->function = function;
    made->context = context;
    must(uv_queue_work(uv_default_loop(), &made->work, call, called) == 0);
}

static void close_pool(void)
{
    must(uv_run(uv_default_loop(), UV_RUN_DEFAULT) == 0);
}

const struct blocked_side uv_blocked = {
    .name = "uv",
    .about = "libuv's pool with its default of four threads, all blocked",
    .threads = 4,
    .open = open_pool,
    .submit = submit,
    .close = close_pool,
};

const struct blocked_side uv_two_blocked = {
    .name = "uv-2",
    .about = "libuv's pool with UV_THREADPOOL_SIZE=2",
    .threads = 2,
    .open = open_pool_of_two,
    .submit = submit,
    .close = close_pool,
};
