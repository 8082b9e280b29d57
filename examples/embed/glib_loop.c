/* glib_loop.c - prints the SHA-256 of files, on worker threads under a GLib main loop.
 *
 * usage: find DIR -type f | glib_loop     (a line for each file, in the order of the names)
 *
 * There are two pools. One has threads and reads the files. The other is caller-driven: it has no
 * thread, and its callbacks run where the main loop calls tp_pool_run, whenever the pool's
 * descriptor is readable. A worker hands its result over by posting it there. So the queue of files
 * and standard output belong to the main loop's thread, and nothing here is locked. */
#include <glib-unix.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tp/tp.h"

enum { BATCH = 64 };

struct file {
    tp_work_t *read; /* made before the file is read, so that handing over cannot fail */
    gchar *name, *digest;
    GError *error; /* why there is no digest */
    bool done;
};

static struct {
    GMainLoop *main_loop;
    GQueue files;  /* named and not yet printed */
    GString *line; /* the last name, as far as it has been read */
    tp_env_t *on_loop, *on_workers;
    unsigned printed;
    bool input_ended;
} summer = {.files = G_QUEUE_INIT};

static void must(tp_status_t status, const char *what)
{
    if (status != TP_OK)
        g_error("%s: %s", what, tp_status_message(status));
}

/* Runs on a worker and may block, then posts the file back to the main loop. */
static void on_file(tp_callback_instance_t *instance, void *context)
{
    struct file *file = context;
    gchar *data;
    gsize size;
    (void)instance;
    g_assert(!g_main_context_is_owner(NULL));
    if (g_file_get_contents(file->name, &data, &size, &file->error)) {
        file->digest = g_compute_checksum_for_data(G_CHECKSUM_SHA256, (guchar *)data, size);
        g_free(data);
    }
    tp_work_submit(file->read);
}

/* From here on everything runs on the main loop's thread. */
static void print_what_is_done(void)
{
    struct file *file;
    for (; (file = g_queue_peek_head(&summer.files)) != NULL && file->done; summer.printed++) {
        if (file->error)
            g_printerr("%s\n", file->error->message);
        else
            printf("%s  %s\n", file->digest, file->name);
        g_queue_pop_head(&summer.files);
        g_clear_error(&file->error);
        g_free(file->digest);
        g_free(file->name);
        g_free(file);
    }
    if (summer.input_ended && !file)
        g_main_loop_quit(summer.main_loop);
}

static void on_read(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct file *file = context;
    (void)instance;
    g_assert(g_main_context_is_owner(NULL));
    tp_work_close(work);
    file->done = true;
    print_what_is_done();
}

static void name_came(void)
{
    struct file *file = g_new0(struct file, 1);
    file->name = g_string_free(summer.line, FALSE);
    summer.line = g_string_new(NULL);
    g_queue_push_tail(&summer.files, file);
    must(tp_work_create(on_read, file, summer.on_loop, &file->read), "work");
    must(tp_try_submit(on_file, file, summer.on_workers), "submit");
}

static gboolean on_input(gint fd, GIOCondition condition, gpointer context)
{
    char data[4096];
    ssize_t size = read(fd, data, sizeof data);
    (void)condition, (void)context;
    for (ssize_t i = 0; i < size; i++)
        if (data[i] != '\n')
            g_string_append_c(summer.line, data[i]);
        else
            name_came();
    summer.input_ended = size <= 0;
    if (summer.input_ended && summer.line->len > 0)
        name_came();
    print_what_is_done();
    return !summer.input_ended;
}

static gboolean on_pool(gint fd, GIOCondition condition, gpointer pool)
{
    (void)fd, (void)condition;
    tp_pool_run(pool, BATCH, 0, NULL);
    return G_SOURCE_CONTINUE;
}

static tp_env_t *open_pool(const tp_pool_config_t *config, tp_pool_t **pool)
{
    tp_env_t *env;
    must(tp_pool_create(config, pool), "pool");
    must(tp_env_create(&env), "environment");
    tp_env_set_pool(env, *pool);
    return env;
}

int main(void)
{
    tp_pool_config_t driven = TP_POOL_CONFIG_INIT;
    tp_pool_t *loop, *workers;
    int loop_fd;
    summer.main_loop = g_main_loop_new(NULL, FALSE);
    summer.line = g_string_new(NULL);
    driven.flags = TP_POOL_CALLER_DRIVEN;
    summer.on_loop = open_pool(&driven, &loop);
    summer.on_workers = open_pool(NULL, &workers);
    must(tp_pool_poll_fd(loop, &loop_fd), "descriptor");
    guint pool_source = g_unix_fd_add(loop_fd, G_IO_IN, on_pool, loop);
    g_unix_fd_add(STDIN_FILENO, G_IO_IN | G_IO_HUP, on_input, NULL);
    g_main_loop_run(summer.main_loop);
    g_source_remove(pool_source);
    must(tp_pool_shutdown(workers, false, TP_INFINITE), "shutdown");
    must(tp_pool_shutdown(loop, false, TP_INFINITE), "shutdown");
    tp_env_destroy(summer.on_workers);
    tp_env_destroy(summer.on_loop);
    g_string_free(summer.line, TRUE);
    g_main_loop_unref(summer.main_loop);
    g_printerr("%u files, each handed over on the main loop's thread\n", summer.printed);
    return 0;
}
