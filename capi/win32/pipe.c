/* pipe.c - pipes, with and without a name: pairs of sockets. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "capi/win32/file.h"

/* A name, as long as it has an end that is, or was, to be connected to. */
struct tpw_pipe_name {
    struct tpw_pipe_name *next;
    struct tpw_file *instances; /* without references: each leaves when its last handle goes */
    DWORD count, most, mode;
    char text[];
};

/* Before the lock of a file. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct tpw_pipe_name *names;

const char *tpw_pipe_name(const char *path)
{
    static const char prefix[] = "\\\\.\\pipe\\";
    return strncasecmp(path, prefix, sizeof prefix - 1) == 0 ? path + sizeof prefix - 1 : NULL;
}

static DWORD open_pair(DWORD size, int fds[2])
{
    int bytes = size > 0x40000000 ? 0x40000000 : (int)size;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
        return tpw_error_of_errno(errno);
    for (int i = 0; bytes > 0 && i < 2; i++)
        (void)setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    return 0;
}

/* ---- Without a name -------------------------------------------------------------------------- */

BOOL WINAPI CreatePipe(PHANDLE read, PHANDLE write, LPSECURITY_ATTRIBUTES security, DWORD size)
{
    int fds[2];
    struct tpw_file *files[2] = {NULL, NULL};
    UNREFERENCED_PARAMETER(security);
    DWORD error = open_pair(size, fds);
    if (error)
        return tpw_fail(error);
    shutdown(fds[0], SHUT_WR);
    error = tpw_file_make(fds[0], TPW_SHAPE_PIPE, GENERIC_READ, false, &files[0]);
    if (!error)
        error = tpw_file_make(fds[1], TPW_SHAPE_PIPE, GENERIC_WRITE, false, &files[1]);
    for (int i = 0; error && i < 2; i++) {
        if (files[i])
            tpw_file_drop(files[i]);
        else
            close(fds[i]);
    }
    if (error)
        return tpw_fail(error);
    *read = tpw_file_publish(files[0], 0);
    *write = tpw_file_publish(files[1], 0);
    if (*read != INVALID_HANDLE_VALUE && *write != INVALID_HANDLE_VALUE)
        return TRUE;
    CloseHandle(*read); /* a pseudo handle if it is none */
    CloseHandle(*write);
    return tpw_fail(ERROR_NOT_ENOUGH_MEMORY);
}

/* ---- Names. The lock is held ----------------------------------------------------------------- */

static struct tpw_pipe_name *find(const char *text)
{
    struct tpw_pipe_name *name = names;
    while (name && strcasecmp(name->text, text) != 0)
        name = name->next;
    return name;
}

static DWORD join(struct tpw_file *file, const char *text, DWORD most, DWORD mode)
{
    struct tpw_pipe_name *name = find(text);
    if (name && (mode & FILE_FLAG_FIRST_PIPE_INSTANCE) != 0)
        return ERROR_ACCESS_DENIED;
    if (name && name->count >= name->most)
        return ERROR_PIPE_BUSY;
    if (!name) {
        name = calloc(1, sizeof *name + strlen(text) + 1);
        if (!name)
            return ERROR_NOT_ENOUGH_MEMORY;
        strcpy(name->text, text);
        name->most = most == PIPE_UNLIMITED_INSTANCES ? UINT32_MAX : most;
        name->mode = mode & PIPE_ACCESS_DUPLEX;
        name->next = names;
        names = name;
    }
    name->count++;
    file->name = name;
    file->next_instance = name->instances;
    name->instances = file;
    return 0;
}

static void leave(struct tpw_file *file)
{
    struct tpw_pipe_name *name = file->name;
    struct tpw_file **link = &name->instances;
    while (*link != file)
        link = &(*link)->next_instance;
    *link = file->next_instance;
    file->name = NULL;
    if (--name->count > 0)
        return;
    struct tpw_pipe_name **own = &names;
    while (*own != name)
        own = &(*own)->next;
    *own = name->next;
    free(name);
}

/* ---- Making and opening ---------------------------------------------------------------------- */

void tpw_pipe_leave(struct tpw_file *file)
{
    pthread_mutex_lock(&lock);
    if (file->name)
        leave(file);
    pthread_mutex_unlock(&lock);
}

static DWORD make_instance(const char *text, DWORD open_mode, DWORD instances, DWORD size,
                           struct tpw_file **file)
{
    int fds[2];
    DWORD error = open_pair(size, fds);
    DWORD access = ((open_mode & PIPE_ACCESS_INBOUND) != 0 ? GENERIC_READ : 0) |
                   ((open_mode & PIPE_ACCESS_OUTBOUND) != 0 ? GENERIC_WRITE : 0);
    if (error)
        return error;
    bool overlapped = (open_mode & FILE_FLAG_OVERLAPPED) != 0;
    error = tpw_file_make(fds[0], TPW_SHAPE_PIPE, access, overlapped, file);
    if (error) {
        close(fds[0]);
        close(fds[1]);
        return error;
    }
    (*file)->client = fds[1];
    (*file)->listens = true;
    (*file)->state = TPW_PIPE_LISTENING;
    pthread_mutex_lock(&lock);
    error = join(*file, text, instances, open_mode);
    pthread_mutex_unlock(&lock);
    if (error)
        tpw_file_drop(*file);
    return error;
}

HANDLE WINAPI CreateNamedPipeA(LPCSTR path, DWORD open_mode, DWORD pipe_mode, DWORD instances,
                               DWORD out_size, DWORD in_size, DWORD default_timeout,
                               LPSECURITY_ATTRIBUTES security)
{
    const char *text = path ? tpw_pipe_name(path) : NULL;
    struct tpw_file *file = NULL;
    DWORD error = 0;
    UNREFERENCED_PARAMETER(default_timeout);
    UNREFERENCED_PARAMETER(security);
    if (!text || !*text)
        error = ERROR_INVALID_NAME;
    else if ((open_mode & PIPE_ACCESS_DUPLEX) == 0 || instances == 0 || instances > 255)
        error = ERROR_INVALID_PARAMETER;
    else if ((pipe_mode & (PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE | PIPE_NOWAIT)) != 0)
        error = ERROR_NOT_SUPPORTED;
    if (!error)
        error = make_instance(text, open_mode, instances, out_size > in_size ? out_size : in_size,
                              &file);
    if (!error)
        return tpw_file_publish(file, 0);
    SetLastError(error);
    return INVALID_HANDLE_VALUE;
}

HANDLE WINAPI CreateNamedPipeW(LPCWSTR path, DWORD open_mode, DWORD pipe_mode, DWORD instances,
                               DWORD out_size, DWORD in_size, DWORD default_timeout,
                               LPSECURITY_ATTRIBUTES security)
{
    char *narrow;
    if (!tpw_narrow(path, &narrow))
        return INVALID_HANDLE_VALUE;
    HANDLE handle = CreateNamedPipeA(narrow, open_mode, pipe_mode, instances, out_size, in_size,
                                     default_timeout, security);
    free(narrow);
    return handle;
}

/* Takes the client's end of an instance that listens; `connect` is what waits for that there, if
 * anything. Names' lock held. */
static int take_client(struct tpw_file *file, struct tpw_operation **connect)
{
    pthread_mutex_lock(&file->lock);
    int client = file->state == TPW_PIPE_LISTENING ? file->client : -1;
    *connect = NULL;
    if (client >= 0) {
        file->client = -1;
        file->state = TPW_PIPE_CONNECTED;
        for (struct tpw_operation *other = file->operations; other && !*connect;) {
            if (!other->finishing) /* while it listens they all wait for clients */
                *connect = other;
            other = other->next;
        }
        if (*connect)
            (*connect)->finishing = true;
        pthread_cond_broadcast(&file->moved);
    }
    pthread_mutex_unlock(&file->lock);
    return client;
}

static DWORD connect_to(const char *text, DWORD access, int *client, struct tpw_operation **connect)
{
    DWORD error = ERROR_FILE_NOT_FOUND;
    pthread_mutex_lock(&lock);
    struct tpw_pipe_name *name = find(text);
    bool reads = (access & (GENERIC_READ | GENERIC_ALL)) != 0;
    bool writes = (access & (GENERIC_WRITE | GENERIC_ALL)) != 0;
    if (name)
        error = ERROR_PIPE_BUSY;
    if (name && ((reads && (name->mode & PIPE_ACCESS_OUTBOUND) == 0) ||
                 (writes && (name->mode & PIPE_ACCESS_INBOUND) == 0)))
        error = ERROR_ACCESS_DENIED;
    struct tpw_file *instance = error == ERROR_PIPE_BUSY ? name->instances : NULL;
    for (; instance && error; instance = instance->next_instance) {
        *client = take_client(instance, connect);
        if (*client >= 0)
            error = 0;
    }
    pthread_mutex_unlock(&lock);
    return error;
}

HANDLE tpw_pipe_open(const char *text, DWORD access, bool overlapped)
{
    struct tpw_operation *connect = NULL;
    struct tpw_file *file = NULL;
    int client = -1;
    DWORD error = connect_to(text, access, &client, &connect);
    if (!error)
        error = tpw_file_make(client, TPW_SHAPE_PIPE, access, overlapped, &file);
    if (connect)
        tpw_operation_end(connect, 0, 0);
    if (!error)
        return tpw_file_publish(file, 0);
    if (client >= 0)
        close(client);
    SetLastError(error);
    return INVALID_HANDLE_VALUE;
}

/* ---- Connecting ------------------------------------------------------------------------------ */

/* A new pair for the next client. What waited on the old one has been aborted, and it is gone with
 * the last of that. Lock of the file held. */
static DWORD listen_again(struct tpw_file *file)
{
    int fds[2];
    DWORD error = file->operations ? ERROR_PIPE_BUSY : open_pair(0, fds);
    if (error)
        return error;
    tp_io_close(file->io);
    file->io = NULL;
    close(file->fd);
    file->fd = fds[0];
    file->client = fds[1];
    file->state = TPW_PIPE_LISTENING;
    return 0;
}

static DWORD connect_now(struct tpw_file *file)
{
    (void)tp_blocking_begin();
    pthread_mutex_lock(&file->lock);
    DWORD error = file->state == TPW_PIPE_CONNECTED ? ERROR_PIPE_CONNECTED : 0;
    if (file->state == TPW_PIPE_DISCONNECTED)
        error = listen_again(file);
    while (!error && file->state == TPW_PIPE_LISTENING)
        pthread_cond_wait(&file->moved, &file->lock);
    pthread_mutex_unlock(&file->lock);
    (void)tp_blocking_end();
    return error;
}

static BOOL connect_later(struct tpw_file *file, OVERLAPPED *overlapped)
{
    struct tpw_operation *operation = tpw_operation_begin(file, overlapped);
    if (!operation)
        return FALSE;
    operation->connects = true;
    pthread_mutex_lock(&file->lock);
    DWORD error = file->state == TPW_PIPE_CONNECTED ? ERROR_PIPE_CONNECTED : 0;
    if (file->state == TPW_PIPE_DISCONNECTED)
        error = listen_again(file);
    if (!error)
        tpw_operation_join(operation);
    pthread_mutex_unlock(&file->lock);
    return error ? tpw_operation_end_now(operation, error, 0) : tpw_fail(ERROR_IO_PENDING);
}

BOOL WINAPI ConnectNamedPipe(HANDLE pipe, LPOVERLAPPED overlapped)
{
    struct tpw_file *file = tpw_file_get(pipe);
    BOOL connected;
    if (!file)
        return FALSE;
    if (!file->listens) {
        connected = tpw_fail(ERROR_INVALID_FUNCTION);
    } else if (file->overlapped && overlapped) {
        connected = connect_later(file, overlapped);
    } else {
        DWORD error = connect_now(file);
        connected = error ? tpw_fail(error) : TRUE;
    }
    tpw_file_drop(file);
    return connected;
}

BOOL WINAPI DisconnectNamedPipe(HANDLE pipe)
{
    struct tpw_file *file = tpw_file_get(pipe);
    if (!file)
        return FALSE;
    DWORD error = file->listens ? 0 : ERROR_INVALID_FUNCTION;
    pthread_mutex_lock(&file->lock);
    if (!error && file->state == TPW_PIPE_DISCONNECTED)
        error = ERROR_PIPE_NOT_CONNECTED;
    bool connected = !error && file->state == TPW_PIPE_CONNECTED;
    if (connected)
        file->state = TPW_PIPE_DISCONNECTED;
    pthread_mutex_unlock(&file->lock);
    if (connected) {
        tpw_file_abort_all(file, ERROR_PIPE_NOT_CONNECTED);
        shutdown(file->fd, SHUT_RDWR);
    }
    tpw_file_drop(file);
    return error ? tpw_fail(error) : TRUE;
}

BOOL WINAPI PeekNamedPipe(HANDLE pipe, LPVOID buffer, DWORD size, LPDWORD read, LPDWORD available,
                          LPDWORD left)
{
    struct tpw_file *file = tpw_file_get(pipe);
    int waiting = 0;
    if (!file)
        return FALSE;
    ssize_t got = -1;
    if (file->shape == TPW_SHAPE_PIPE && ioctl(file->fd, FIONREAD, &waiting) == 0) {
        char one;
        got = recv(file->fd, buffer && size ? buffer : &one, buffer && size ? size : 1,
                   MSG_PEEK | MSG_DONTWAIT);
        if (got < 0 && errno == EAGAIN)
            got = 0, waiting = 0;
        else if (got == 0)
            got = -1; /* the other end is closed */
    }
    tpw_file_drop(file);
    if (got < 0)
        return tpw_fail(ERROR_BROKEN_PIPE);
    if (read)
        *read = buffer ? (DWORD)got : 0;
    if (available)
        *available = (DWORD)waiting;
    if (left)
        *left = 0;
    return TRUE;
}
