/* file.c - files by their names, their size and position. */
#define _GNU_SOURCE
#include "capi/win32/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- As an object ---------------------------------------------------------------------------- */

static void destroy(struct tpw_object *object)
{
    struct tpw_file *file = (struct tpw_file *)object;
    tpw_pipe_leave(file);
    tpw_file_abort_all(file, ERROR_OPERATION_ABORTED);
    if (file->shape == TPW_SHAPE_PIPE) /* tp may hold it a moment longer */
        shutdown(file->fd, SHUT_RDWR);
    if (file->delete_path)
        unlink(file->delete_path);
    tpw_file_unuse(file);
}

void tpw_file_unuse(struct tpw_file *file)
{
    if (__atomic_fetch_sub(&file->users, 1, __ATOMIC_ACQ_REL) != 1)
        return;
    tp_io_close(file->io);
    tpw_object_drop((struct tpw_object *)file->bound);
    close(file->fd);
    if (file->client >= 0)
        close(file->client);
    tpw_sync_fini(&file->sync);
    pthread_mutex_destroy(&file->lock);
    pthread_cond_destroy(&file->moved);
    free(file->delete_path);
    free(file);
}

DWORD tpw_file_make(int fd, enum tpw_file_shape shape, DWORD access, bool overlapped,
                    struct tpw_file **file_out)
{
    struct tpw_file *file = calloc(1, sizeof *file);
    DWORD error = ERROR_NOT_ENOUGH_MEMORY;
    *file_out = NULL;
    if (file)
        error = tpw_sync_init_event(&file->sync, TPW_FILE, true, false, destroy);
    if (error) {
        free(file);
        return error;
    }
    file->users = 1;
    file->shape = shape;
    file->overlapped = overlapped;
    file->may_read = (access & (GENERIC_READ | GENERIC_ALL | FILE_READ_DATA)) != 0;
    file->may_write =
        (access & (GENERIC_WRITE | GENERIC_ALL | FILE_WRITE_DATA | FILE_APPEND_DATA)) != 0;
    file->fd = fd;
    file->client = -1;
    pthread_mutex_init(&file->lock, NULL);
    pthread_cond_init(&file->moved, NULL);
    *file_out = file;
    return 0;
}

HANDLE tpw_file_publish(struct tpw_file *file, DWORD error)
{
    HANDLE handle = tpw_sync_publish(&file->sync, error);
    return handle ? handle : INVALID_HANDLE_VALUE;
}

struct tpw_file *tpw_file_get(HANDLE handle)
{
    struct tpw_object *object = tpw_handle_get(handle, TPW_FILE);
    if (!object)
        tpw_fail(ERROR_INVALID_HANDLE);
    return (struct tpw_file *)object;
}

void tpw_file_drop(struct tpw_file *file)
{
    tpw_object_drop(&file->sync.object);
}

/* ---- Names ----------------------------------------------------------------------------------- */

static char *to_linux(const char *name)
{
    char *path = strdup(strcasecmp(name, "NUL") == 0 ? "/dev/null" : name);
    for (char *at = path; at && (at = strchr(at, '\\')) != NULL;)
        *at = '/';
    return path;
}

static int open_flags(DWORD access, DWORD flags)
{
    bool read = (access & (GENERIC_READ | GENERIC_ALL | FILE_READ_DATA)) != 0;
    bool write = (access & (GENERIC_WRITE | GENERIC_ALL | FILE_WRITE_DATA | FILE_APPEND_DATA)) != 0;
    bool append = (access & FILE_APPEND_DATA) != 0 &&
                  (access & (GENERIC_WRITE | GENERIC_ALL | FILE_WRITE_DATA)) == 0;
    int how = O_CLOEXEC | O_NOCTTY | (write ? read ? O_RDWR : O_WRONLY : O_RDONLY);
    return how | (append ? O_APPEND : 0) | ((flags & FILE_FLAG_WRITE_THROUGH) != 0 ? O_SYNC : 0);
}

/* errno, and whether the file was there before. */
static int open_as(const char *path, int how, DWORD disposition, bool *existed)
{
    bool creates =
        disposition == CREATE_NEW || disposition == CREATE_ALWAYS || disposition == OPEN_ALWAYS;
    int fd = creates ? open(path, how | O_CREAT | O_EXCL, 0666) : -1;
    *existed = fd < 0;
    if (fd >= 0 || disposition == CREATE_NEW || (creates && errno != EEXIST))
        return fd;
    bool empties = disposition == CREATE_ALWAYS || disposition == TRUNCATE_EXISTING;
    return open(path, how | (empties ? O_TRUNC : 0) | (creates ? O_CREAT : 0), 0666);
}

static DWORD shape_of(int fd, DWORD flags, enum tpw_file_shape *shape)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return tpw_error_of_errno(errno);
    if (S_ISDIR(status.st_mode)) {
        *shape = TPW_SHAPE_FOLDER;
        return (flags & FILE_FLAG_BACKUP_SEMANTICS) != 0 ? 0 : ERROR_ACCESS_DENIED;
    }
    *shape = S_ISREG(status.st_mode) || S_ISBLK(status.st_mode) ? TPW_SHAPE_DISK : TPW_SHAPE_OTHER;
    return 0;
}

static DWORD open_path(const char *path, DWORD access, DWORD disposition, DWORD flags,
                       struct tpw_file **file, bool *existed)
{
    enum tpw_file_shape shape = TPW_SHAPE_OTHER;
    if (disposition < CREATE_NEW || disposition > TRUNCATE_EXISTING ||
        (disposition == TRUNCATE_EXISTING && (access & (GENERIC_WRITE | GENERIC_ALL)) == 0))
        return ERROR_INVALID_PARAMETER;
    int fd = open_as(path, open_flags(access, flags), disposition, existed);
    if (fd < 0)
        return tpw_error_of_errno(errno);
    char *delete_path = NULL;
    DWORD error = shape_of(fd, flags, &shape);
    if (!error && (flags & FILE_FLAG_DELETE_ON_CLOSE) != 0)
        error = (delete_path = realpath(path, NULL)) ? 0 : tpw_error_of_errno(errno);
    if (!error)
        error = tpw_file_make(fd, shape, access, (flags & FILE_FLAG_OVERLAPPED) != 0, file);
    if (error) {
        free(delete_path);
        close(fd);
        return error;
    }
    (*file)->delete_path = delete_path;
    return 0;
}

HANDLE WINAPI CreateFileA(LPCSTR name, DWORD access, DWORD share, LPSECURITY_ATTRIBUTES security,
                          DWORD disposition, DWORD flags, HANDLE pattern)
{
    struct tpw_file *file = NULL;
    bool existed = true;
    UNREFERENCED_PARAMETER(share);
    UNREFERENCED_PARAMETER(security);
    UNREFERENCED_PARAMETER(pattern);
    if (name && tpw_pipe_name(name))
        return tpw_pipe_open(tpw_pipe_name(name), access, (flags & FILE_FLAG_OVERLAPPED) != 0);
    char *path = name ? to_linux(name) : NULL;
    DWORD error = name ? ERROR_NOT_ENOUGH_MEMORY : ERROR_PATH_NOT_FOUND;
    if (path)
        error = open_path(path, access, disposition, flags, &file, &existed);
    bool tells = existed && (disposition == CREATE_ALWAYS || disposition == OPEN_ALWAYS);
    HANDLE handle = INVALID_HANDLE_VALUE;
    if (error)
        SetLastError(error);
    else
        handle = tpw_file_publish(file, tells ? ERROR_ALREADY_EXISTS : 0);
    if (handle == INVALID_HANDLE_VALUE && !existed) /* what was made here goes again */
        unlink(path);
    free(path);
    return handle;
}

HANDLE WINAPI CreateFileW(LPCWSTR name, DWORD access, DWORD share, LPSECURITY_ATTRIBUTES security,
                          DWORD disposition, DWORD flags, HANDLE pattern)
{
    char *narrow;
    if (!tpw_narrow(name, &narrow))
        return INVALID_HANDLE_VALUE;
    HANDLE handle = CreateFileA(narrow, access, share, security, disposition, flags, pattern);
    free(narrow);
    return handle;
}

BOOL WINAPI DeleteFileA(LPCSTR name)
{
    char *path = name ? to_linux(name) : NULL;
    if (!path)
        return tpw_fail(name ? ERROR_NOT_ENOUGH_MEMORY : ERROR_PATH_NOT_FOUND);
    int failed = unlink(path) == 0 ? 0 : errno;
    free(path);
    return failed ? tpw_fail(tpw_error_of_errno(failed)) : TRUE;
}

BOOL WINAPI DeleteFileW(LPCWSTR name)
{
    char *narrow;
    if (!tpw_narrow(name, &narrow))
        return FALSE;
    BOOL deleted = DeleteFileA(narrow);
    free(narrow);
    return deleted;
}

DWORD WINAPI GetTempPathA(DWORD size, LPSTR path)
{
    const char *folder = getenv("TMPDIR");
    if (!folder || !*folder)
        folder = "/tmp";
    size_t length = strlen(folder);
    bool slash = folder[length - 1] != '/';
    if (length + slash + 1 > size)
        return (DWORD)(length + slash + 1);
    snprintf(path, size, "%s%s", folder, slash ? "/" : "");
    return (DWORD)(length + slash);
}

DWORD WINAPI GetTempPathW(DWORD size, LPWSTR path)
{
    char narrow[MAX_PATH + 1];
    DWORD length = GetTempPathA(sizeof narrow, narrow);
    if (length >= size || length > MAX_PATH)
        return length + 1;
    for (DWORD i = 0; i <= length; i++)
        path[i] = (unsigned char)narrow[i];
    return length;
}

UINT WINAPI GetTempFileNameA(LPCSTR folder, LPCSTR prefix, UINT unique, LPSTR path)
{
    struct timespec now;
    struct stat status;
    if (!folder || strlen(folder) > MAX_PATH - 14)
        return (UINT)tpw_fail(folder ? ERROR_BUFFER_OVERFLOW : ERROR_INVALID_PARAMETER);
    if (stat(folder, &status) != 0 || !S_ISDIR(status.st_mode))
        return (UINT)tpw_fail(ERROR_DIRECTORY);
    clock_gettime(CLOCK_MONOTONIC, &now);
    for (UINT i = 0; i < 65536; i++) {
        UINT number = unique ? unique : ((UINT)now.tv_nsec / 64 + i) % 65535 + 1;
        snprintf(path, MAX_PATH, "%s/%.3s%x.tmp", folder, prefix ? prefix : "", number & 0xffff);
        int fd = unique ? -1 : open(path, O_CREAT | O_EXCL | O_CLOEXEC | O_RDWR, 0600);
        if (fd >= 0)
            close(fd);
        if (fd >= 0 || unique)
            return number;
        if (errno != EEXIST)
            break;
    }
    return (UINT)tpw_fail(tpw_error_of_errno(errno));
}

/* ---- Size and position ----------------------------------------------------------------------- */

BOOL WINAPI SetFilePointerEx(HANDLE handle, LARGE_INTEGER distance, PLARGE_INTEGER position,
                             DWORD method)
{
    static const int whence[] = {SEEK_SET, SEEK_CUR, SEEK_END};
    struct tpw_file *file = tpw_file_get(handle);
    if (!file)
        return FALSE;
    off_t to = -1;
    DWORD error = ERROR_INVALID_PARAMETER;
    if (method <= FILE_END) {
        to = lseek(file->fd, distance.QuadPart, whence[method]);
        error = errno == EINVAL ? ERROR_NEGATIVE_SEEK : ERROR_INVALID_FUNCTION;
    }
    tpw_file_drop(file);
    if (to < 0)
        return tpw_fail(error);
    if (position)
        position->QuadPart = to;
    return TRUE;
}

DWORD WINAPI SetFilePointer(HANDLE handle, LONG distance, PLONG high, DWORD method)
{
    LARGE_INTEGER by, to;
    by.QuadPart = distance;
    if (high)
        by.QuadPart = (LONGLONG)((uint64_t)(uint32_t)*high << 32 | (uint32_t)distance);
    if (!SetFilePointerEx(handle, by, &to, method))
        return INVALID_SET_FILE_POINTER;
    if (high)
        *high = (LONG)(to.QuadPart >> 32);
    SetLastError(0); /* the number may be that of an error */
    return (DWORD)to.QuadPart;
}

BOOL WINAPI SetEndOfFile(HANDLE handle)
{
    struct tpw_file *file = tpw_file_get(handle);
    if (!file)
        return FALSE;
    DWORD error = ERROR_ACCESS_DENIED;
    if (file->may_write) {
        off_t at = lseek(file->fd, 0, SEEK_CUR);
        error = at < 0 ? ERROR_INVALID_FUNCTION : 0;
        if (!error && ftruncate(file->fd, at) != 0)
            error = tpw_error_of_errno(errno);
    }
    tpw_file_drop(file);
    return error ? tpw_fail(error) : TRUE;
}

BOOL WINAPI GetFileSizeEx(HANDLE handle, PLARGE_INTEGER size)
{
    struct stat status;
    struct tpw_file *file = tpw_file_get(handle);
    if (!file)
        return FALSE;
    bool known = file->shape == TPW_SHAPE_DISK && fstat(file->fd, &status) == 0;
    tpw_file_drop(file);
    if (!known)
        return tpw_fail(ERROR_INVALID_FUNCTION);
    size->QuadPart = status.st_size;
    return TRUE;
}

DWORD WINAPI GetFileSize(HANDLE handle, LPDWORD high)
{
    LARGE_INTEGER size;
    if (!GetFileSizeEx(handle, &size))
        return INVALID_FILE_SIZE;
    if (high)
        *high = (DWORD)size.HighPart;
    SetLastError(0); /* the number may be that of an error */
    return size.LowPart;
}

DWORD WINAPI GetFileType(HANDLE handle)
{
    struct tpw_file *file = tpw_file_get(handle);
    DWORD type = FILE_TYPE_UNKNOWN;
    if (!file)
        return type;
    if (file->shape == TPW_SHAPE_PIPE)
        type = FILE_TYPE_PIPE;
    else
        type = file->shape == TPW_SHAPE_OTHER ? FILE_TYPE_CHAR : FILE_TYPE_DISK;
    SetLastError(0);
    tpw_file_drop(file);
    return type;
}

BOOL WINAPI FlushFileBuffers(HANDLE handle)
{
    struct tpw_file *file = tpw_file_get(handle);
    if (!file)
        return FALSE;
    (void)tp_blocking_begin();
    int failed = file->shape == TPW_SHAPE_DISK && fsync(file->fd) != 0 ? errno : 0;
    (void)tp_blocking_end();
    tpw_file_drop(file);
    return failed ? tpw_fail(tpw_error_of_errno(failed)) : TRUE;
}
