/* pool_io.c - I/O objects under their names on Windows: the files complete,
 * these deliver.
 *
 * A PTP_IO is an object of tp whose completions come from elsewhere:
 * StartThreadpoolIo announces one, the file reports it. Beside it stands a
 * struct tpw_io, which lives as long as the file or an operation on it; it
 * tells operations from before a WaitForThreadpoolIoCallbacks with cancel,
 * whose announcements are gone, from those after. */
#define _GNU_SOURCE
#include "capi/win32/win32.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct tpw_io {
    struct tpw_object object;
    tp_io_t *io;         /* never changes */
    struct tpw_io *next; /* in its chain */
    /* Under the table's lock: */
    uint64_t epoch;      /* grows with each wait that cancels */
    uint64_t in_flight;  /* operations of this epoch */
    uint64_t operations; /* of all epochs */
    uint64_t announced;  /* completions to come */
    uint64_t owed;       /* announced and forgotten: they come all the same */
    bool closed;
    bool closing; /* by the last operation of this epoch */
};

/* From a PTP_IO to its struct tpw_io. A wrong or stale one is found in no
 * chain. */
#define CHAINS 64
static struct {
    pthread_mutex_t lock;
    struct tpw_io *chains[CHAINS];
} table = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct tpw_io **chain_of(const tp_io_t *io)
{
    uint64_t value = (uint64_t)(uintptr_t)io;
    return &table.chains[(value ^ value >> 32) * UINT64_C(0x9e3779b97f4a7c15) >> 58];
}

static tp_io_t *io_of(PTP_IO io)
{
    return (tp_io_t *)io;
}

/* Lock held. NULL: its file is gone, and with it all that could be in flight.
 */
static struct tpw_io *find(const tp_io_t *io)
{
    struct tpw_io *found = *chain_of(io);
    while (found && found->io != io)
        found = found->next;
    return found;
}

static void destroy(struct tpw_object *object)
{
    struct tpw_io *own = (struct tpw_io *)object;
    pthread_mutex_lock(&table.lock);
    struct tpw_io **link = chain_of(own->io);
    while (*link != own)
        link = &(*link)->next;
    *link = own->next;
    pthread_mutex_unlock(&table.lock);
    free(own);
}

static struct tpw_io *open_own(tp_io_t *io)
{
    struct tpw_io *own = calloc(1, sizeof *own);
    if (!own)
        return NULL;
    tpw_object_init(&own->object, TPW_IO, destroy);
    own->io = io;
    pthread_mutex_lock(&table.lock);
    own->next = *chain_of(io);
    *chain_of(io) = own;
    pthread_mutex_unlock(&table.lock);
    return own;
}

/* It needs a descriptor, though not the file's: that would stay open as long as
 * the object. */
static DWORD create(tp_io_fn callback, void *context, const tp_env_t *env, tp_io_t **io)
{
    int fd = memfd_create("tp-win32-io", MFD_CLOEXEC);
    if (fd < 0)
        return tpw_error_of_errno(errno);
    tp_status_t status = tp_io_create(fd, callback, context, env, io);
    close(fd);
    return tpw_error_of(status);
}

DWORD tpw_io_create(HANDLE file, tp_io_fn callback, void *context, const tp_env_t *env,
                    tp_io_t **io_out, bool *context_moved)
{
    *io_out = NULL;
    *context_moved = false;
    struct tpw_object *object = tpw_handle_get(file, TPW_FILE);
    if (!object)
        return ERROR_INVALID_HANDLE;
    tp_io_t *io = NULL;
    DWORD error = create(callback, context, env, &io);
    *context_moved = error == ERROR_SUCCESS;
    struct tpw_io *own = io ? open_own(io) : NULL;
    if (io)
        error = own ? tpw_file_bind(object, own) : ERROR_NOT_ENOUGH_MEMORY;
    if (own)
        tpw_object_drop(&own->object); /* the file has one of its own */
    tpw_object_drop(object);
    if (error == ERROR_SUCCESS)
        *io_out = io;
    else
        (void)tp_io_close(io);
    return error;
}

PTP_IO WINAPI CreateThreadpoolIo(HANDLE file, PTP_WIN32_IO_CALLBACK callback, PVOID context,
                                 PTP_CALLBACK_ENVIRON environment)
{
    tp_env_t *env;
    tp_io_t *io = NULL;
    bool ignored;
    DWORD error = tpw_error_of(tpw_environ_open(environment, &env));
    if (error == ERROR_SUCCESS)
        error = tpw_io_create(file, (tp_io_fn)callback, context, env, &io, &ignored);
    (void)tp_env_destroy(env);
    if (error != ERROR_SUCCESS)
        tpw_fail(error);
    return (PTP_IO)io;
}

void WINAPI StartThreadpoolIo(PTP_IO io)
{
    pthread_mutex_lock(&table.lock);
    struct tpw_io *own = find(io_of(io));
    if (tp_io_start(io_of(io)) == TP_OK && own)
        own->announced++;
    pthread_mutex_unlock(&table.lock);
}

void WINAPI CancelThreadpoolIo(PTP_IO io)
{
    pthread_mutex_lock(&table.lock);
    struct tpw_io *own = find(io_of(io));
    if (tp_io_cancel(io_of(io)) == TP_OK && own)
        own->announced--;
    pthread_mutex_unlock(&table.lock);
}

/* What is in flight is forgotten: it completes all the same, and nobody hears
 * of it (D-26). */
void WINAPI WaitForThreadpoolIoCallbacks(PTP_IO io, BOOL cancel_pending)
{
    if (cancel_pending) {
        pthread_mutex_lock(&table.lock);
        struct tpw_io *own = find(io_of(io));
        if (own) {
            own->epoch++;
            own->in_flight = 0;
            own->owed += own->announced;
            own->announced = 0;
        }
        pthread_mutex_unlock(&table.lock);
    }
    tp_status_t ignored = tp_io_wait(io_of(io), cancel_pending != FALSE, TP_INFINITE);
    (void)ignored; /* the misuse hook has heard of it */
}

/* With operations in flight it is closed after the last of them, whose callback
 * still comes (C-159); tp would take the announcements back. */
void WINAPI CloseThreadpoolIo(PTP_IO io)
{
    pthread_mutex_lock(&table.lock);
    struct tpw_io *own = find(io_of(io));
    bool later = own && !own->closed && own->in_flight != 0;
    if (own && !own->closed)
        own->closed = true, own->closing = later;
    pthread_mutex_unlock(&table.lock);
    if (!later)
        (void)tp_io_close(io_of(io));
}

bool tpw_io_is_live(const void *io)
{
    pthread_mutex_lock(&table.lock);
    const struct tpw_io *own = find(io);
    bool live = own && (!own->closed || own->operations != 0 || own->owed != 0);
    pthread_mutex_unlock(&table.lock);
    return live;
}

/* ---- for the files
 * ---------------------------------------------------------------------------
 */

void tpw_io_begin(struct tpw_io *io, struct tpw_io_ticket *ticket)
{
    *ticket = (struct tpw_io_ticket){io, 0};
    if (!io)
        return;
    tpw_object_hold(&io->object);
    pthread_mutex_lock(&table.lock);
    ticket->epoch = io->epoch;
    io->in_flight++;
    io->operations++;
    pthread_mutex_unlock(&table.lock);
}

/* Returns whether the ticket is of this epoch; `last`, whether it closes the
 * object. Lock held. */
static bool leave(const struct tpw_io_ticket *ticket, bool *last)
{
    struct tpw_io *io = ticket->io;
    bool counts = ticket->epoch == io->epoch;
    io->operations--;
    if (counts)
        io->in_flight--;
    *last = io->closing && io->in_flight == 0;
    if (*last)
        io->closing = false;
    return counts;
}

void tpw_io_end(struct tpw_io_ticket *ticket, OVERLAPPED *overlapped, DWORD error,
                ULONG_PTR transferred)
{
    struct tpw_io *io = ticket->io;
    bool last;
    if (!io)
        return;
    pthread_mutex_lock(&table.lock);
    if (leave(ticket, &last) &&
        tp_io_complete(io->io, overlapped, (int32_t)error, transferred) == TP_OK)
        io->announced--;
    else if (io->owed != 0) /* not announced any more, or never: nobody hears of it (C-155) */
        io->owed--;
    pthread_mutex_unlock(&table.lock);
    if (last)
        (void)tp_io_close(io->io);
    tpw_object_drop(&io->object);
    ticket->io = NULL;
}

void tpw_io_forget(struct tpw_io_ticket *ticket)
{
    struct tpw_io *io = ticket->io;
    bool last;
    if (!io)
        return;
    pthread_mutex_lock(&table.lock);
    (void)leave(ticket, &last);
    pthread_mutex_unlock(&table.lock);
    if (last)
        (void)tp_io_close(io->io);
    tpw_object_drop(&io->object);
    ticket->io = NULL;
}
