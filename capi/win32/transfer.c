/* transfer.c - reading and writing: at once, or as operations of tp that complete later. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "capi/win32/file.h"
#include "tp/win32/thread.h"

/* ---- Operations ------------------------------------------------------------------------------ */

/* The lowest bit says that no completion port shall hear of it. */
static HANDLE event_of(const OVERLAPPED *overlapped)
{
    return (HANDLE)((ULONG_PTR)overlapped->hEvent & ~(ULONG_PTR)3);
}

static bool is_silent(const OVERLAPPED *overlapped)
{
    return ((ULONG_PTR)overlapped->hEvent & 1) != 0;
}

struct tpw_operation *tpw_operation_begin(struct tpw_file *file, OVERLAPPED *overlapped)
{
    struct tpw_operation *operation = calloc(1, sizeof *operation);
    struct tpw_object *event = NULL;
    HANDLE handle = event_of(overlapped);
    if (!operation || (handle && !(event = tpw_handle_get(handle, TPW_EVENT)))) {
        tpw_fail(operation ? ERROR_INVALID_HANDLE : ERROR_NOT_ENOUGH_MEMORY);
        free(operation);
        return NULL;
    }
    operation->overlapped = overlapped;
    operation->event = (struct tpw_sync *)event;
    operation->thread = GetCurrentThreadId();
    operation->file = file;
    __atomic_fetch_add(&file->users, 1, __ATOMIC_RELAXED);
    overlapped->InternalHigh = 0;
    __atomic_store_n(&overlapped->Internal, (ULONG_PTR)STATUS_PENDING, __ATOMIC_RELEASE);
    tpw_sync_reset_event(operation->event ? operation->event : &file->sync);
    pthread_mutex_lock(&file->lock);
    struct tpw_io *bound = is_silent(overlapped) ? NULL : file->bound;
    pthread_mutex_unlock(&file->lock);
    tpw_io_begin(bound, &operation->ticket);
    return operation;
}

static uint32_t modes_of(const struct tpw_file *file)
{
    return __atomic_load_n(&file->modes, __ATOMIC_ACQUIRE);
}

static void free_operation(struct tpw_operation *operation)
{
    struct tpw_file *file = operation->file;
    tpw_object_drop(operation->event ? &operation->event->object : NULL);
    free(operation);
    tpw_file_unuse(file);
}

/* From here on the OVERLAPPED may be the caller's again. */
static void tell(struct tpw_operation *operation, DWORD error, DWORD bytes)
{
    struct tpw_file *file = operation->file;
    OVERLAPPED *overlapped = operation->overlapped;
    overlapped->InternalHigh = bytes;
    __atomic_store_n(&overlapped->Internal, (ULONG_PTR)(ULONG)tpw_ntstatus_of_error(error),
                     __ATOMIC_RELEASE);
    if (operation->event)
        tpw_sync_set_event(operation->event);
    else if ((modes_of(file) & FILE_SKIP_SET_EVENT_ON_HANDLE) == 0)
        tpw_sync_set_event(&file->sync);
}

/* A failure at once sets no event and sends no packet, as on Windows. */
BOOL tpw_operation_end_now(struct tpw_operation *operation, DWORD error, DWORD bytes)
{
    bool skips = (modes_of(operation->file) & FILE_SKIP_COMPLETION_PORT_ON_SUCCESS) != 0;
    OVERLAPPED *overlapped = operation->overlapped;
    if (error) {
        overlapped->InternalHigh = bytes;
        __atomic_store_n(&overlapped->Internal, (ULONG_PTR)(ULONG)tpw_ntstatus_of_error(error),
                         __ATOMIC_RELEASE);
        tpw_io_forget(&operation->ticket);
    } else {
        tell(operation, 0, bytes);
        if (skips)
            tpw_io_forget(&operation->ticket);
        else
            tpw_io_end(&operation->ticket, overlapped, 0, bytes);
    }
    free_operation(operation);
    return error ? tpw_fail(error) : TRUE;
}

void tpw_operation_join(struct tpw_operation *operation)
{
    struct tpw_operation **link = &operation->file->operations;
    while (*link)
        link = &(*link)->next;
    *link = operation;
}

void tpw_operation_end(struct tpw_operation *operation, DWORD error, DWORD bytes)
{
    struct tpw_file *file = operation->file;
    OVERLAPPED *overlapped = operation->overlapped;
    pthread_mutex_lock(&file->lock);
    operation->finishing = true;
    pthread_mutex_unlock(&file->lock);
    tell(operation, error, bytes);
    pthread_mutex_lock(&file->lock);
    struct tpw_operation **link = &file->operations;
    while (*link != operation)
        link = &(*link)->next;
    *link = operation->next;
    pthread_cond_broadcast(&file->moved);
    pthread_mutex_unlock(&file->lock);
    tpw_io_end(&operation->ticket, overlapped, error, bytes);
    free_operation(operation);
}

/* ---- Those of tp ----------------------------------------------------------------------------- */

static tp_status_t submit(struct tpw_operation *operation)
{
    struct tpw_file *file = operation->file;
    tp_io_op_t op = TP_IO_OP_INIT;
    bool socket = file->shape == TPW_SHAPE_PIPE;
    if (operation->reads)
        op.opcode = socket ? TP_IO_RECV : TP_IO_READ;
    else
        op.opcode = socket ? TP_IO_SEND : TP_IO_WRITE;
    op.operation = operation;
    op.buffer = operation->buffer + operation->done;
    op.length = operation->bytes - operation->done;
    if (socket && !operation->reads)
        op.flags = MSG_NOSIGNAL;
    if (file->shape == TPW_SHAPE_DISK)
        op.offset = operation->offset + operation->done;
    return tp_io_submit(file->io, &op);
}

/* Of one that is over. Lock held. */
static DWORD outcome(const struct tpw_operation *operation, int32_t error)
{
    DWORD enough = operation->reads ? 1 : operation->bytes;
    bool ended = operation->reads && operation->bytes > 0 && operation->done == 0;
    if (operation->aborted && (error == ECANCELED || operation->done < enough))
        return operation->aborted;
    if (error)
        return tpw_error_of_errno(error);
    if (!ended || operation->file->shape == TPW_SHAPE_OTHER)
        return 0;
    return operation->file->shape == TPW_SHAPE_DISK ? ERROR_HANDLE_EOF : ERROR_BROKEN_PIPE;
}

/* The rest of a write goes on under the lock: whoever aborts meanwhile finds it in flight. */
static DWORD go_on(struct tpw_operation *operation, int32_t error, bool moved)
{
    struct tpw_file *file = operation->file;
    DWORD ended = ERROR_IO_PENDING;
    __atomic_fetch_add(&file->users, 1, __ATOMIC_RELAXED); /* it may be over before the unlock */
    pthread_mutex_lock(&file->lock);
    bool more = moved && !error && !operation->reads && !operation->aborted &&
                operation->done < operation->bytes;
    tp_status_t status = more ? submit(operation) : TP_OK;
    if (status != TP_OK)
        ended = tpw_error_of(status);
    else if (!more)
        ended = outcome(operation, error);
    pthread_mutex_unlock(&file->lock);
    tpw_file_unuse(file);
    return ended;
}

static void completed(tp_callback_instance_t *instance, void *context, void *key, int32_t error,
                      uint64_t bytes, tp_io_t *io)
{
    struct tpw_operation *operation = key;
    (void)instance;
    (void)context;
    (void)io;
    operation->done += (DWORD)bytes;
    DWORD ended = go_on(operation, error, bytes > 0);
    if (ended != ERROR_IO_PENDING)
        tpw_operation_end(operation, ended, operation->done);
}

/* Lock held. */
static bool has_io(struct tpw_file *file)
{
    tp_env_t *env = file->io ? NULL : tpw_file_env();
    return file->io || (env && tp_io_create(file->fd, completed, file, env, &file->io) == TP_OK);
}

/* Lock held. */
static unsigned mark(struct tpw_file *file, DWORD thread, const OVERLAPPED *overlapped, DWORD error)
{
    unsigned found = 0;
    for (struct tpw_operation *operation = file->operations; operation;
         operation = operation->next) {
        if (operation->finishing || (thread && operation->thread != thread) ||
            (overlapped && operation->overlapped != overlapped))
            continue;
        found++;
        if (!operation->aborted)
            operation->aborted = error;
        if (!operation->connects)
            (void)tp_io_abort(file->io, operation);
    }
    return found;
}

/* ---- At once --------------------------------------------------------------------------------- */

/* Where a transfer goes to, if to no offset. */
enum { AT_POSITION = -1, AT_END = -2 };

static ssize_t transfer(const struct tpw_file *file, bool reads, char *buffer, size_t bytes,
                        int64_t offset, int flags)
{
    if (file->shape == TPW_SHAPE_PIPE)
        return reads ? recv(file->fd, buffer, bytes, flags)
                     : send(file->fd, buffer, bytes, flags | MSG_NOSIGNAL);
    if (offset == AT_END)
        return pwritev2(file->fd, &(struct iovec){buffer, bytes}, 1, AT_POSITION, RWF_APPEND);
    if (offset >= 0)
        return reads ? pread(file->fd, buffer, bytes, offset)
                     : pwrite(file->fd, buffer, bytes, offset);
    return reads ? read(file->fd, buffer, bytes) : write(file->fd, buffer, bytes);
}

/* All of it when writing; what there is when reading. */
static DWORD transfer_all(const struct tpw_file *file, bool reads, char *buffer, DWORD bytes,
                          int64_t offset, DWORD *done)
{
    ssize_t moved;
    *done = 0;
    (void)tp_blocking_begin();
    do {
        moved = transfer(file, reads, buffer + *done, bytes - *done,
                         offset < 0 ? offset : offset + *done, 0);
        *done += moved > 0 ? (DWORD)moved : 0;
    } while ((moved < 0 && errno == EINTR) || (moved > 0 && !reads && *done < bytes));
    int failed = moved < 0 ? errno : 0;
    (void)tp_blocking_end();
    if (reads && !failed && bytes > 0 && *done == 0 && file->shape == TPW_SHAPE_PIPE)
        return ERROR_BROKEN_PIPE;
    return failed ? tpw_error_of_errno(failed) : 0;
}

static int64_t offset_of(const struct tpw_file *file, const OVERLAPPED *overlapped)
{
    if (!overlapped || file->shape != TPW_SHAPE_DISK)
        return AT_POSITION;
    int64_t offset = (int64_t)((uint64_t)overlapped->OffsetHigh << 32 | overlapped->Offset);
    return offset == -1 ? AT_END : offset;
}

/* Others than the end are not negative, and nothing is read there. */
static bool has_place(const struct tpw_file *file, bool reads, const OVERLAPPED *overlapped)
{
    if (!overlapped || file->shape != TPW_SHAPE_DISK)
        return true;
    if (overlapped->OffsetHigh == UINT32_MAX && overlapped->Offset == UINT32_MAX)
        return !reads;
    return overlapped->OffsetHigh <= INT32_MAX;
}

/* Of a file that is not overlapped; an OVERLAPPED says where, and is told the outcome. The position
 * follows, as on Windows. */
static BOOL transfer_now(struct tpw_file *file, bool reads, char *buffer, DWORD bytes, DWORD *done,
                         OVERLAPPED *overlapped)
{
    int64_t offset = offset_of(file, overlapped);
    struct tpw_operation *operation = overlapped ? tpw_operation_begin(file, overlapped) : NULL;
    if (overlapped && !operation)
        return FALSE;
    DWORD moved, error = transfer_all(file, reads, buffer, bytes, offset, &moved);
    if (overlapped && reads && !error && bytes > 0 && moved == 0)
        error = ERROR_HANDLE_EOF;
    if (offset >= 0 && moved > 0)
        (void)lseek(file->fd, offset + moved, SEEK_SET);
    if (done)
        *done = moved;
    if (operation)
        return tpw_operation_end_now(operation, error, moved);
    return error ? tpw_fail(error) : TRUE;
}

/* ---- Overlapped ------------------------------------------------------------------------------ */

/* Is one waiting that goes the same way? Then nobody overtakes it. Lock held. */
static bool queued(const struct tpw_file *file, bool reads)
{
    for (const struct tpw_operation *other = file->operations; other; other = other->next) {
        if (!other->connects && !other->finishing && other->reads == reads)
            return true;
    }
    return false;
}

/* A pipe that nobody has connected to has nothing to say. Lock held. */
static DWORD judge_state(const struct tpw_file *file)
{
    if (file->state == TPW_PIPE_LISTENING)
        return ERROR_PIPE_LISTENING;
    return file->state == TPW_PIPE_DISCONNECTED ? ERROR_PIPE_NOT_CONNECTED : 0;
}

/* 0, ERROR_IO_PENDING, or what failed. Lock held. */
static DWORD attempt(struct tpw_file *file, struct tpw_operation *operation)
{
    DWORD error = judge_state(file); /* once more: it may have changed */
    if (error)
        return error;
    if (file->shape == TPW_SHAPE_PIPE && !queued(file, operation->reads)) {
        ssize_t moved = transfer(file, operation->reads, operation->buffer, operation->bytes,
                                 AT_POSITION, MSG_DONTWAIT);
        if (moved < 0 && errno != EAGAIN && errno != EINTR)
            return tpw_error_of_errno(errno);
        if (moved == 0 && operation->reads && operation->bytes > 0)
            return ERROR_BROKEN_PIPE;
        operation->done = moved > 0 ? (DWORD)moved : 0;
        if (moved >= 0 && (operation->reads || operation->done == operation->bytes))
            return 0;
    }
    if (!has_io(file))
        return ERROR_NOT_ENOUGH_MEMORY;
    tpw_operation_join(operation);
    tp_status_t status = submit(operation);
    if (status == TP_OK)
        return ERROR_IO_PENDING;
    struct tpw_operation **link = &file->operations;
    while (*link != operation)
        link = &(*link)->next;
    *link = operation->next;
    return tpw_error_of(status);
}

static BOOL transfer_later(struct tpw_file *file, bool reads, char *buffer, DWORD bytes,
                           DWORD *done, OVERLAPPED *overlapped)
{
    struct tpw_operation *operation = tpw_operation_begin(file, overlapped);
    if (!operation)
        return FALSE;
    operation->reads = reads;
    operation->buffer = buffer;
    operation->bytes = bytes;
    operation->offset = offset_of(file, overlapped);
    DWORD error;
    if (operation->offset == AT_END) { /* which no operation of tp can */
        error = transfer_all(file, false, buffer, bytes, AT_END, &operation->done);
    } else {
        pthread_mutex_lock(&file->lock);
        error = attempt(file, operation);
        pthread_mutex_unlock(&file->lock);
    }
    DWORD moved = error != ERROR_IO_PENDING ? operation->done : 0; /* pending, it may be gone */
    if (done)
        *done = moved;
    if (error == ERROR_IO_PENDING)
        return tpw_fail(error);
    return tpw_operation_end_now(operation, error, moved);
}

static DWORD judge(struct tpw_file *file, bool reads, bool buffered, const OVERLAPPED *overlapped)
{
    if (reads ? !file->may_read : !file->may_write)
        return ERROR_ACCESS_DENIED;
    if ((file->overlapped && !overlapped) || !has_place(file, reads, overlapped))
        return ERROR_INVALID_PARAMETER;
    if (!buffered)
        return ERROR_NOACCESS;
    pthread_mutex_lock(&file->lock);
    DWORD error = judge_state(file);
    pthread_mutex_unlock(&file->lock);
    return error;
}

static BOOL read_or_write(HANDLE handle, bool reads, char *buffer, DWORD bytes, DWORD *done,
                          OVERLAPPED *overlapped)
{
    struct tpw_file *file = tpw_file_get(handle);
    if (!file)
        return FALSE;
    DWORD error = judge(file, reads, buffer || bytes == 0, overlapped);
    BOOL ok;
    if (done)
        *done = 0;
    if (error)
        ok = tpw_fail(error);
    else if (file->overlapped)
        ok = transfer_later(file, reads, buffer, bytes, done, overlapped);
    else
        ok = transfer_now(file, reads, buffer, bytes, done, overlapped);
    error = GetLastError();
    tpw_file_drop(file);
    if (!ok)
        SetLastError(error); /* what the drop may have changed */
    return ok;
}

BOOL WINAPI ReadFile(HANDLE file, LPVOID buffer, DWORD bytes, LPDWORD read, LPOVERLAPPED overlapped)
{
    return read_or_write(file, true, buffer, bytes, read, overlapped);
}

union written {
    const void *given;
    char *used; /* send and write do not change it */
};

BOOL WINAPI WriteFile(HANDLE file, LPCVOID buffer, DWORD bytes, LPDWORD written,
                      LPOVERLAPPED overlapped)
{
    return read_or_write(file, false, (union written){.given = buffer}.used, bytes, written,
                         overlapped);
}

/* ---- The outcome ----------------------------------------------------------------------------- */

/* Lock held. */
static bool waits(const struct tpw_file *file, const OVERLAPPED *overlapped)
{
    const struct tpw_operation *operation = file->operations;
    while (operation && operation->overlapped != overlapped)
        operation = operation->next;
    return operation != NULL;
}

/* Until it has left the list, which is after its event was set. */
static bool wait_over(struct tpw_file *file, const OVERLAPPED *overlapped, int64_t deadline)
{
    struct timespec until = {.tv_sec = deadline / 1000000000, .tv_nsec = deadline % 1000000000};
    int failed = 0;
    (void)tp_blocking_begin();
    pthread_mutex_lock(&file->lock);
    while (!failed && waits(file, overlapped))
        failed = deadline == TP_INFINITE
                     ? pthread_cond_wait(&file->moved, &file->lock)
                     : pthread_cond_clockwait(&file->moved, &file->lock, CLOCK_MONOTONIC, &until);
    pthread_mutex_unlock(&file->lock);
    (void)tp_blocking_end();
    return !failed;
}

static BOOL read_outcome(const OVERLAPPED *overlapped, DWORD *transferred)
{
    ULONG_PTR status = __atomic_load_n(&overlapped->Internal, __ATOMIC_ACQUIRE);
    if (status == (ULONG_PTR)STATUS_PENDING)
        return tpw_fail(ERROR_IO_INCOMPLETE);
    if (transferred)
        *transferred = (DWORD)overlapped->InternalHigh;
    DWORD error = RtlNtStatusToDosError((NTSTATUS)status);
    return error ? tpw_fail(error) : TRUE;
}

BOOL WINAPI GetOverlappedResult(HANDLE file, LPOVERLAPPED overlapped, LPDWORD transferred,
                                BOOL wait)
{
    return GetOverlappedResultEx(file, overlapped, transferred, wait ? INFINITE : 0, FALSE);
}

BOOL WINAPI GetOverlappedResultEx(HANDLE handle, LPOVERLAPPED overlapped, LPDWORD transferred,
                                  DWORD milliseconds, BOOL alertable)
{
    ULONG_PTR status = __atomic_load_n(&overlapped->Internal, __ATOMIC_ACQUIRE);
    DWORD waited = WAIT_OBJECT_0;
    if (status != (ULONG_PTR)STATUS_PENDING || milliseconds == 0)
        return read_outcome(overlapped, transferred);
    struct tpw_file *file = tpw_file_get(handle);
    if (!file)
        return FALSE;
    if (event_of(overlapped))
        waited = WaitForSingleObjectEx(event_of(overlapped), milliseconds, alertable);
    else if (!wait_over(file, overlapped, tpw_deadline(tpw_timeout_of(milliseconds))))
        waited = WAIT_TIMEOUT;
    tpw_file_drop(file);
    if (waited == WAIT_OBJECT_0)
        return read_outcome(overlapped, transferred);
    return waited == WAIT_FAILED ? FALSE : tpw_fail(waited); /* WAIT_TIMEOUT, WAIT_IO_COMPLETION */
}

/* ---- Taking back ----------------------------------------------------------------------------- */

/* What waits for a client has no descriptor to complete it. */
static void end_connects(struct tpw_file *file)
{
    struct tpw_operation *operation = NULL;
    do {
        pthread_mutex_lock(&file->lock);
        for (operation = file->operations; operation; operation = operation->next) {
            if (operation->connects && operation->aborted && !operation->finishing)
                break;
        }
        if (operation)
            operation->finishing = true;
        pthread_mutex_unlock(&file->lock);
        if (operation)
            tpw_operation_end(operation, operation->aborted, 0);
    } while (operation);
}

static unsigned abort_some(struct tpw_file *file, DWORD thread, const OVERLAPPED *overlapped,
                           DWORD error)
{
    pthread_mutex_lock(&file->lock);
    unsigned found = mark(file, thread, overlapped, error);
    pthread_mutex_unlock(&file->lock);
    end_connects(file);
    return found;
}

void tpw_file_abort_all(struct tpw_file *file, DWORD error)
{
    (void)abort_some(file, 0, NULL, error);
    (void)tp_blocking_begin();
    pthread_mutex_lock(&file->lock);
    while (file->operations)
        pthread_cond_wait(&file->moved, &file->lock);
    pthread_mutex_unlock(&file->lock);
    (void)tp_blocking_end();
}

BOOL WINAPI CancelIo(HANDLE handle)
{
    struct tpw_file *file = tpw_file_get(handle);
    if (!file)
        return FALSE;
    (void)abort_some(file, GetCurrentThreadId(), NULL, ERROR_OPERATION_ABORTED);
    tpw_file_drop(file);
    return TRUE;
}

BOOL WINAPI CancelIoEx(HANDLE handle, LPOVERLAPPED overlapped)
{
    struct tpw_file *file = tpw_file_get(handle);
    if (!file)
        return FALSE;
    unsigned found = abort_some(file, 0, overlapped, ERROR_OPERATION_ABORTED);
    tpw_file_drop(file);
    return found ? TRUE : tpw_fail(ERROR_NOT_FOUND);
}

BOOL WINAPI SetFileCompletionNotificationModes(HANDLE handle, UCHAR flags)
{
    struct tpw_file *file = tpw_file_get(handle);
    if (!file)
        return FALSE;
    bool known =
        (flags & ~(FILE_SKIP_COMPLETION_PORT_ON_SUCCESS | FILE_SKIP_SET_EVENT_ON_HANDLE)) == 0;
    if (known) /* they cannot be taken back */
        __atomic_fetch_or(&file->modes, flags, __ATOMIC_ACQ_REL);
    tpw_file_drop(file);
    return known ? TRUE : tpw_fail(ERROR_INVALID_PARAMETER);
}

/* ---- For the thread pool --------------------------------------------------------------------- */

DWORD tpw_file_bind(struct tpw_object *object, struct tpw_io *io)
{
    struct tpw_file *file = (struct tpw_file *)object;
    pthread_mutex_lock(&file->lock);
    bool fits = file->overlapped && !file->bound;
    if (fits) {
        tpw_object_hold((struct tpw_object *)io);
        file->bound = io;
    }
    pthread_mutex_unlock(&file->lock);
    return fits ? 0 : ERROR_INVALID_PARAMETER;
}
