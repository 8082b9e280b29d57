/* treesum - prints the SHA-256 of every regular file below directories, on a pool of threads.
 *
 * Three work objects of one cleanup group pass entries along a bounded window (window.h):
 *
 *     walk ----published entries----> hash ----done entries----> print ----> standard output
 *       ^------------------------there is room again---------------'
 *
 * The hash work only opens an entry and asks for its first pieces; the callbacks of its I/O object
 * digest what has been read (hash.c, reading.c), so that many reads are in flight, of one file and
 * of several, while all threads compute.
 *
 * None of them ever waits for another: who has nothing to do returns, and who makes something to do
 * posts the work object concerned. So one thread is enough. The only thing that blocks is the
 * output. A timer beside them looks at the counters and tells how far they are (progress.c); a wait
 * for each signal ends them early (interrupt.c).
 *
 * Order: the arguments as given; in each directory the names in byte order, a subdirectory's files
 * at the place of its name. Neither the number of threads nor timing changes it. Symbolic links are
 * followed on the command line and nowhere else.
 *
 * Memory, whatever the tree: the window with its names (2 to 5 MB), 8 MiB for the names of the
 * directories the walk is in and half as much again while one is read, at most 8 MiB for paths,
 * 256 KiB for each of 32 files that are read at a time; only the path itself and 100 bytes per
 * level grow with the depth. A directory whose names take more than 4 MiB is read once for every
 * such part. */
#include "examples/treesum/hash.h"
#include "examples/treesum/interrupt.h"
#include "examples/treesum/job.h"
#include "examples/treesum/print.h"
#include "examples/treesum/progress.h"
#include "examples/treesum/walk.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { EXIT_USAGE = 2, PUBLISH_GROUP = 32, THREADS_MAX = 4000 };

struct treesum {
    struct job job;
    struct walk walk;
    struct hasher hasher;
    struct printer printer;
    struct progress progress;
    struct interrupt interrupt;
    bool printed_all;
    tp_pool_t *pool;
    tp_env_t *env;
    tp_cleanup_group_t *group;
    int signal; /* the one that ended the run, or 0 */
};

struct options {
    uint32_t threads;
    bool stats;
};

/* ---- The three callbacks --------------------------------------------------------------------- */

static void on_walk(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct treesum *self = context;
    struct job *job = &self->job;
    enum walk_result result = WALK_MORE;
    (void)work;
    if (atomic_load(&job->walked))
        return;
    for (uint32_t steps = 1; result == WALK_MORE && !window_full(&job->window); steps++) {
        if (job_cancelled(instance))
            return;
        result = walk_step(&self->walk);
        if (steps % PUBLISH_GROUP == 0)
            job_post(job, job->hash, window_publish(&job->window), instance);
    }
    job_post(job, job->hash, window_publish(&job->window), instance);
    if (result == WALK_MORE)
        return; /* the window is full; the printer posts us when it is not */
    if (result == WALK_NO_MEMORY)
        atomic_store(&job->out_of_memory, true);
    atomic_store(&job->walked, true);
    job_post(job, job->print, 1, instance);
}

static void on_hash(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct treesum *self = context;
    (void)work;
    hasher_begin(&self->hasher, instance);
}

static void on_print(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct treesum *self = context;
    struct job *job = &self->job;
    struct slot *slot;
    (void)work;
    while (!self->printed_all && (slot = window_oldest(&job->window)) != NULL) {
        if (job_cancelled(instance))
            return;
        printer_entry(&self->printer, slot);
        window_release(&job->window, slot);
    }
    if (self->printed_all || job_cancelled(instance))
        return;
    bool ok = printer_flush(&self->printer);
    /* In this order: once the walk is over, an empty window stays empty. */
    bool walked = atomic_load(&job->walked);
    if (!ok || (walked && window_empty(&job->window))) {
        self->printed_all = true;
        job_end(job);
    } else if (!walked && window_roomy(&job->window)) {
        job_post(job, job->walk, 1, instance);
    }
}

/* ---- Setting up and taking down -------------------------------------------------------------- */

static bool complain(const char *what, const char *reason)
{
    fprintf(stderr, "treesum: %s: %s\n", what, reason);
    return false;
}

static bool ok(const char *what, tp_status_t status)
{
    return status == TP_OK || complain(what, tp_status_message(status));
}

/* One for each file, and one more while it is opened: no more than an eighth of what there is. */
static uint32_t files_most(rlim_t descriptors)
{
    rlim_t most = descriptors / 16;
    return most > FILES_AT_ONCE_MOST ? FILES_AT_ONCE_MOST : most > 0 ? (uint32_t)most : 1;
}

/* A quarter of what the descriptor limit leaves may be the walker's own; the rest is for
 * directories that files of the window are yet to be opened in. */
static size_t places_most(rlim_t descriptors)
{
    rlim_t kept = 32 + 2 * files_most(descriptors);
    if (descriptors < kept + 16)
        return 4;
    rlim_t half = (descriptors - kept) / 2;
    return half > 256 ? 256 : (size_t)half;
}

static bool set_up(struct treesum *self, char **roots, size_t count)
{
    struct rlimit limit = {.rlim_cur = 256};
    getrlimit(RLIMIT_NOFILE, &limit);
    size_t places = places_most(limit.rlim_cur);
    interrupt_block(&self->interrupt); /* first: later there may be other threads */
    signal(SIGPIPE, SIG_IGN);          /* a closed pipe is an error of write(), which is told */
    if (!hasher_init(&self->hasher, &self->job, files_most(limit.rlim_cur)))
        return complain("libcrypto", "no SHA-256");
    self->job.stop_fd = eventfd(0, EFD_CLOEXEC);
    if (self->job.stop_fd < 0)
        return complain("eventfd", strerror(errno));
    printer_init(&self->printer, self->job.stop_fd, &self->progress);
    self->job.print_each = isatty(STDOUT_FILENO);
    if (!window_init(&self->job.window, places) ||
        !walk_init(&self->walk, &self->job.window, roots, count, places / 4))
        return complain("start", strerror(ENOMEM));
    self->walk.sizes_wanted = progress_wanted();
    return true;
}

static bool set_up_pool(struct treesum *self, const struct options *options)
{
    tp_pool_config_t config = TP_POOL_CONFIG_INIT;
    config.thread_maximum = options->threads;
    config.name = "treesum";
    /* Printing first, because it makes room; then walking, because it gives everybody work; then
     * digesting what has been read; and only then the next file. */
    if (!ok("event", tp_event_create(true, false, &self->job.over)) ||
        !ok("pool", tp_pool_create(&config, &self->pool)) ||
        !ok("environment", tp_env_create(&self->env)) ||
        !ok("cleanup group", tp_cleanup_group_create(&self->group)) ||
        !ok("environment", tp_env_set_pool(self->env, self->pool)) ||
        !ok("environment", tp_env_set_cleanup_group(self->env, self->group, NULL)) ||
        !ok("environment", tp_env_set_priority(self->env, TP_PRIORITY_LOW)) ||
        !ok("hash", tp_work_create(on_hash, self, self->env, &self->job.hash)) ||
        !ok("environment", tp_env_set_priority(self->env, TP_PRIORITY_HIGH)) ||
        !ok("environment", tp_env_set_concurrency_limit(self->env, 1)) ||
        !ok("print", tp_work_create(on_print, self, self->env, &self->job.print)) ||
        !ok("walk", tp_work_create(on_walk, self, self->env, &self->job.walk)) ||
        !ok("environment", tp_env_set_priority(self->env, TP_PRIORITY_NORMAL)))
        return false;
    self->hasher.env = self->env;
    return true;
}

/* Drops what is queued, tells what is running to stop, waits for it, and closes the work
 * objects. Then the progress line goes: what is written from here on stands alone. */
static bool end_callbacks(struct treesum *self)
{
    tp_status_t status = TP_OK;
    if (self->job.stop_fd >= 0)
        eventfd_write(self->job.stop_fd, 1);
    if (self->group != NULL)
        status = tp_cleanup_group_close_members(self->group, true, NULL);
    return ok("progress", progress_end(&self->progress)) && ok("cleanup group", status);
}

static bool take_down(struct treesum *self)
{
    bool fine = ok("signals", interrupt_end(&self->interrupt));
    /* Reads that were in flight when the group was closed end before the pool does. */
    if (self->pool != NULL)
        fine = ok("pool", tp_pool_shutdown(self->pool, true, TP_INFINITE)) && fine;
    fine = ok("cleanup group", tp_cleanup_group_close(self->group)) && fine;
    fine = ok("environment", tp_env_destroy(self->env)) && fine;
    fine = ok("event", tp_event_close(self->job.over)) && fine;
    walk_fini(&self->walk);
    window_fini(&self->job.window);
    hasher_fini(&self->hasher);
    if (self->job.stop_fd >= 0)
        close(self->job.stop_fd);
    return fine;
}

/* ---- The run --------------------------------------------------------------------------------- */

/* Sleeps until all is printed, something failed, or a signal came. */
static bool run(struct treesum *self)
{
    tp_wait_result_t result;
    if (!ok("signals", interrupt_start(&self->interrupt, &self->job)) ||
        !ok("progress", progress_start(&self->progress, &self->job, &self->hasher)) ||
        !ok("start", tp_work_submit(self->job.walk)) ||
        !ok("end", tp_waitable_wait(tp_waitable_event(self->job.over), TP_INFINITE, &result)))
        return false;
    self->signal = atomic_load(&self->interrupt.signal);
    return true;
}

static bool judge(struct treesum *self)
{
    const struct output *lines = &self->printer.lines;
    bool fine = self->printer.errors == 0;
    if (lines->failed && lines->error != 0)
        fine = complain("write error", strerror(lines->error));
    if (atomic_load(&self->job.out_of_memory))
        fine = complain("walk", strerror(ENOMEM));
    fine = ok("submit", atomic_load(&self->job.status)) && fine;
    if (!lines->failed && close(STDOUT_FILENO) != 0)
        fine = complain("write error", strerror(errno));
    return fine;
}

static double seconds(const struct timeval *time)
{
    return (double)time->tv_sec + (double)time->tv_usec / 1e6;
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void print_stats(const struct treesum *self, double elapsed)
{
    struct rusage usage;
    tp_pool_stats_t pool = TP_POOL_STATS_INIT;
    getrusage(RUSAGE_SELF, &usage);
    fprintf(stderr, "files %" PRIu64 "\nbytes %" PRIu64 "\nerrors %" PRIu64 "\n",
            self->printer.files, self->printer.bytes, self->printer.errors);
    fprintf(stderr, "seconds %.3f\ncpu_seconds %.3f\npeak_kib %ld\n", elapsed,
            seconds(&usage.ru_utime) + seconds(&usage.ru_stime), usage.ru_maxrss);
    if (!ok("statistics", tp_pool_get_stats(self->pool, &pool)))
        return;
    fprintf(
        stderr,
        "pool.threads %u\npool.threads_peak %u\npool.thread_maximum %u\npool.thread_target %u\n",
        pool.threads, pool.threads_peak, pool.thread_maximum, pool.thread_target);
    fprintf(stderr,
            "pool.submitted %" PRIu64 "\npool.executed %" PRIu64 "\npool.cancelled %" PRIu64
            "\npool.stolen %" PRIu64 "\n",
            pool.submitted, pool.executed, pool.cancelled, pool.stolen);
    fprintf(stderr,
            "pool.threads_created %" PRIu64 "\npool.threads_injected %" PRIu64
            "\npool.threads_retired %" PRIu64 "\npool.thread_create_failures %" PRIu64
            "\npool.thread_cap_reached %" PRIu64 "\n",
            pool.threads_created, pool.threads_injected, pool.threads_retired,
            pool.thread_create_failures, pool.thread_cap_reached);
}

/* ---- The command line ------------------------------------------------------------------------ */

static const char usage[] =
    "Usage: treesum [-j N] [--stats] DIR...\n"
    "Print the SHA-256 of every regular file below each DIR in the format of sha256sum,\n"
    "in the order of the names. A DIR that is a file is printed itself. If standard error is a\n"
    "terminal, a line there tells how far it is.\n"
    "\n"
    "  -j N      hash on at most N threads (default: one per CPU)\n"
    "  --stats   print figures about the run and its thread pool on standard error\n"
    "  -h        print this help\n"
    "\n"
    "Exit status: 0 if all were printed, 1 if some could not be read or written, 2 for wrong\n"
    "arguments, 128 + N after signal N (130: interrupted). A second signal ends it at once.\n";

static uint32_t cpu_count(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
        return (uint32_t)CPU_COUNT(&set);
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count > 0 && count <= THREADS_MAX ? (uint32_t)count : 1;
}

static bool parse_threads(const char *text, uint32_t *threads)
{
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value < 1 || value > THREADS_MAX)
        return complain(text, "not a number of threads (1 to 4000)");
    *threads = (uint32_t)value;
    return true;
}

/* Returns the exit status, or -1 to go on. */
static int parse(int argc, char **argv, struct options *options)
{
    static const struct option names[] = {
        {"stats", no_argument, NULL, 's'}, {"help", no_argument, NULL, 'h'}, {0}};
    int option;
    *options = (struct options){.threads = cpu_count()};
    while ((option = getopt_long(argc, argv, "hj:", names, NULL)) != -1) {
        if (option == 'h')
            return fputs(usage, stdout) < 0 || fflush(stdout) != 0 ? EXIT_FAILURE : EXIT_SUCCESS;
        if (option == 's')
            options->stats = true;
        else if (option != 'j' || !parse_threads(optarg, &options->threads))
            return EXIT_USAGE;
    }
    if (optind < argc)
        return -1;
    fputs(usage, stderr);
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    static struct treesum self = {.job = {.stop_fd = -1},
                                  .progress = {.terminal = PTHREAD_MUTEX_INITIALIZER}};
    static char dash[] = "./-";
    struct options options;
    double start = now();
    int status = parse(argc, argv, &options);
    if (status >= 0)
        return status;
    /* To sha256sum -c a lone "-" would mean standard input. */
    for (int i = optind; i < argc; i++)
        if (strcmp(argv[i], "-") == 0)
            argv[i] = dash;
    bool fine = set_up(&self, argv + optind, (size_t)(argc - optind)) &&
                set_up_pool(&self, &options) && run(&self);
    fine = end_callbacks(&self) && fine;
    if (self.signal != 0 && (!self.printed_all || self.printer.lines.failed))
        complain(strsignal(self.signal), "the list is not complete");
    if (self.signal == 0 && fine)
        fine = judge(&self);
    if (options.stats && self.pool != NULL)
        print_stats(&self, now() - start);
    if (!take_down(&self))
        fine = false;
    if (self.signal != 0)
        return 128 + self.signal;
    return fine ? EXIT_SUCCESS : EXIT_FAILURE;
}
