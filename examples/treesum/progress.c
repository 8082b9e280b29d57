/* progress.c - looks at the counters ten times a second, on a timer, and draws the line anew.
 *
 *     1234 files, 5.67 GB of 8.90 GB found, 1.23 GB/s      while the walk is still finding files
 *     4321 files, 6.78 GB of 9.01 GB, 1.23 GB/s, 0:02 left    from then on
 *
 * The walk is never more than a window ahead (window.h), so before its end nobody knows how much
 * there is, and no time is told.
 *
 * The timer is on the pool of the process, not on treesum's own: there every thread may be in the
 * middle of a large file, where no priority helps. It needs no environment and no share of the
 * processors; ticks that meet drop one of them. */
#include "examples/treesum/progress.h"

#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { MS = 1000000, LINE_BYTES = 96, COLUMNS_DEFAULT = 80, HOURS_MAX = 100 };

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

bool progress_wanted(void)
{
    return isatty(STDERR_FILENO);
}

/* ---- What it says ---------------------------------------------------------------------------- */

struct amount {
    char text[16];
};

/* Three digits and a unit. */
static struct amount amount(double bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    struct amount amount;
    size_t unit = 0;
    for (; bytes >= 999.5 && unit < 6; unit++)
        bytes /= 1000;
    int decimals = unit == 0 || bytes >= 99.95 ? 0 : bytes >= 9.995 ? 1 : 2;
    snprintf(amount.text, sizeof amount.text, "%.*f %s", decimals, bytes, units[unit]);
    return amount;
}

/* The newest figures count most: what was a second ago, a third as much as what is now. */
static void measure(struct progress *progress)
{
    double time = now();
    double passed = time - progress->looked_at;
    uint64_t bytes = atomic_load(&progress->hasher->bytes);
    if (passed <= 0)
        return;
    double rate = (double)(bytes - progress->bytes) / passed;
    bool first = progress->looked_at == progress->start;
    progress->rate += (rate - progress->rate) * (first ? 1 : passed / (passed + 1));
    progress->looked_at = time;
    progress->bytes = bytes;
}

static void describe_time_left(const struct progress *progress, uint64_t bytes, char *text,
                               size_t size)
{
    double seconds = (double)bytes / progress->rate; /* may be infinite */
    text[0] = '\0';
    if (bytes == 0 || progress->looked_at - progress->start < 1 || !(seconds < HOURS_MAX * 3600.0))
        return;
    int left = (int)seconds + 1;
    if (left >= 3600)
        snprintf(text, size, ", %d:%02d:%02d left", left / 3600, left / 60 % 60, left % 60);
    else
        snprintf(text, size, ", %d:%02d left", left / 60, left % 60);
}

static void describe(struct progress *progress, char line[LINE_BYTES])
{
    struct window *window = &progress->job->window;
    char left[32] = "";
    measure(progress);
    /* In this order: once the walk is over, what is found is all. */
    bool walked = atomic_load(&progress->job->walked);
    uint64_t files = atomic_load(&window->done);
    uint64_t found = atomic_load(&window->bytes);
    if (found < progress->bytes)
        found = progress->bytes; /* a file has grown */
    if (walked)
        describe_time_left(progress, found - progress->bytes, left, sizeof left);
    snprintf(line, LINE_BYTES, "%llu file%s, %s of %s%s, %s/s%s", (unsigned long long)files,
             files == 1 ? "" : "s", amount((double)progress->bytes).text,
             amount((double)found).text, walked ? "" : " found", amount(progress->rate).text, left);
}

/* ---- Where it stands ------------------------------------------------------------------------- */

/* As much of the line as fits, and spaces up to where an earlier one may have reached. The last
 * column stays free, because some terminals go to the next line there. False: nothing was drawn,
 * because the terminal is stopped; that must not stop the run. */
static bool draw(const char *line)
{
    struct winsize size = {0};
    struct pollfd ready = {.fd = STDERR_FILENO, .events = POLLOUT};
    char text[LINE_BYTES + 2];
    ioctl(STDERR_FILENO, TIOCGWINSZ, &size);
    int columns = size.ws_col > 0 ? size.ws_col - 1 : COLUMNS_DEFAULT - 1;
    if (columns > LINE_BYTES - 1)
        columns = LINE_BYTES - 1;
    int length = snprintf(text, sizeof text, "\r%-*.*s\r", columns, columns, line);
    return poll(&ready, 1, 0) == 1 && (ready.revents & POLLOUT) != 0 &&
           write(STDERR_FILENO, text, (size_t)length) > 0;
}

static void on_tick(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    struct progress *progress = context;
    char line[LINE_BYTES];
    (void)instance;
    (void)timer;
    if (pthread_mutex_trylock(&progress->terminal) != 0)
        return; /* somebody writes to the terminal; the next tick is soon */
    describe(progress, line);
    if (draw(line))
        progress->shown = true;
    pthread_mutex_unlock(&progress->terminal);
}

void progress_hide(struct progress *progress)
{
    pthread_mutex_lock(&progress->terminal);
    if (progress->shown && draw(""))
        progress->shown = false;
}

void progress_allow(struct progress *progress)
{
    pthread_mutex_unlock(&progress->terminal);
}

/* ---- Its life -------------------------------------------------------------------------------- */

tp_status_t progress_start(struct progress *progress, struct job *job, struct hasher *hasher)
{
    tp_timer_spec_t spec = TP_TIMER_SPEC_INIT;
    spec.due = INT64_C(200) * MS; /* who is done by then shows nothing */
    spec.period = INT64_C(100) * MS;
    spec.window = INT64_C(20) * MS;
    spec.flags = TP_TIMER_SKIP_MISSED;
    progress->job = job;
    progress->hasher = hasher;
    progress->start = progress->looked_at = now();
    if (!progress_wanted())
        return TP_OK;
    tp_status_t status = tp_timer_create(on_tick, progress, NULL, &progress->timer);
    return status == TP_OK ? tp_timer_set(progress->timer, &spec, NULL) : status;
}

tp_status_t progress_end(struct progress *progress)
{
    if (progress->timer == NULL)
        return TP_OK;
    tp_status_t status = tp_timer_set(progress->timer, NULL, NULL);
    if (status == TP_OK)
        status = tp_timer_wait(progress->timer, true, TP_INFINITE);
    if (status == TP_OK)
        status = tp_timer_close(progress->timer);
    progress->timer = NULL;
    progress_hide(progress);
    progress_allow(progress);
    return status;
}
