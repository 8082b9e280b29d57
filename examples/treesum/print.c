/* print.c - formats digests as sha256sum does, and never blocks where it cannot be stopped. */
#include "examples/treesum/print.h"

#include "examples/treesum/progress.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void output_init(struct output *output, int fd, int stop_fd, struct progress *progress)
{
    struct stat status;
    output->fd = fd;
    output->progress = isatty(fd) ? progress : NULL;
    output->stop_fd = stop_fd;
    output->is_file = fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
    output->failed = false;
    output->error = 0;
    output->used = 0;
}

void printer_init(struct printer *printer, int stop_fd, struct progress *progress)
{
    output_init(&printer->lines, STDOUT_FILENO, stop_fd, progress);
    output_init(&printer->complaints, STDERR_FILENO, stop_fd, progress);
    printer->files = 0;
    printer->bytes = 0;
    printer->errors = 0;
}

/* A pipe whose reader is slow would hold this thread for ever if written to carelessly: it is
 * written to when poll() says so, and then not more than surely fits. */
static ssize_t write_some(struct output *output, const char *data, size_t length)
{
    struct pollfd ready[2] = {{.fd = output->fd, .events = POLLOUT},
                              {.fd = output->stop_fd, .events = POLLIN}};
    for (;;) {
        if (poll(ready, 2, -1) < 0 && errno != EINTR)
            return -1;
        if (ready[1].revents != 0) {
            errno = 0;
            return -1;
        }
        if (ready[0].revents == 0)
            continue;
        size_t most = output->is_file || length < PIPE_BUF ? length : PIPE_BUF;
        ssize_t written = write(output->fd, data, most);
        if (written >= 0 || (errno != EINTR && errno != EAGAIN))
            return written;
    }
}

static void flush(struct output *output)
{
    size_t at = 0;
    if (output->used == 0)
        return;
    if (output->progress != NULL)
        progress_hide(output->progress);
    while (at < output->used && !output->failed) {
        ssize_t written = write_some(output, output->buffer + at, output->used - at);
        if (written < 0) {
            output->failed = true;
            output->error = errno;
        } else {
            at += (size_t)written;
        }
    }
    if (output->progress != NULL)
        progress_allow(output->progress);
    output->used = 0;
}

static void put(struct output *output, const char *text, size_t length)
{
    while (length > 0) {
        if (output->used == OUTPUT_BYTES)
            flush(output);
        size_t room = OUTPUT_BYTES - output->used;
        size_t part = length < room ? length : room;
        memcpy(output->buffer + output->used, text, part);
        output->used += part;
        text += part;
        length -= part;
    }
}

static bool is_odd(const char *text)
{
    return text[strcspn(text, "\\\n\r")] != '\0';
}

static void put_escaped(struct output *output, const char *text)
{
    for (;;) {
        size_t plain = strcspn(text, "\\\n\r");
        put(output, text, plain);
        text += plain;
        if (*text == '\0')
            return;
        put(output, *text == '\\' ? "\\\\" : *text == '\n' ? "\\n" : "\\r", 2);
        text++;
    }
}

static void put_name(struct output *output, const struct slot *slot)
{
    const struct place *place = slot->place;
    put_escaped(output, place->path);
    if (slot->name == NULL)
        return;
    if (place->length > 0 && place->path[place->length - 1] != '/')
        put(output, "/", 1);
    put_escaped(output, slot->name);
}

static void complain(struct output *output, const struct slot *slot)
{
    char text[256];
    const char *reason = text;
    if (slot->error == SLOT_NOT_REGULAR)
        reason = "Not a regular file or directory";
    else if (slot->error == SLOT_MOVED)
        reason = "Directory was moved while its subdirectories were read";
    else if (slot->error == SLOT_NO_DIGEST)
        reason = "libcrypto failed";
    else
        reason = strerror_r(slot->error, text, sizeof text);
    put(output, "treesum: ", 9);
    put_name(output, slot);
    put(output, ": ", 2);
    put(output, reason, strlen(reason));
    put(output, "\n", 1);
}

void printer_entry(struct printer *printer, const struct slot *slot)
{
    static const char digits[16] = "0123456789abcdef";
    char hex[2 * DIGEST_BYTES + 2];
    if (slot->error != 0) {
        complain(&printer->complaints, slot);
        printer->errors++;
        return;
    }
    for (size_t i = 0; i < DIGEST_BYTES; i++) {
        hex[2 * i] = digits[slot->digest[i] >> 4];
        hex[2 * i + 1] = digits[slot->digest[i] & 15];
    }
    hex[2 * DIGEST_BYTES] = ' ';
    hex[2 * DIGEST_BYTES + 1] = ' ';
    /* The backslash in front tells a reader of the list that the name is escaped. */
    if (is_odd(slot->place->path) || is_odd(slot->name))
        put(&printer->lines, "\\", 1);
    put(&printer->lines, hex, sizeof hex);
    put_name(&printer->lines, slot);
    put(&printer->lines, "\n", 1);
    printer->files++;
    printer->bytes += slot->bytes;
}

bool printer_flush(struct printer *printer)
{
    flush(&printer->lines);
    flush(&printer->complaints);
    return !printer->lines.failed;
}
