/* file.h - what the sources of files and pipes share. */
#ifndef TPW_FILE_H
#define TPW_FILE_H

#include "capi/win32/base.h"
#include "tp/win32/base.h"
#include "tp/win32/file.h"

enum tpw_file_shape {
    TPW_SHAPE_DISK,  /* has positions, and an end */
    TPW_SHAPE_PIPE,  /* a socket */
    TPW_SHAPE_OTHER, /* terminals, FIFOs ... */
    TPW_SHAPE_FOLDER
};

enum tpw_pipe_state {
    TPW_PIPE_NONE, /* no end of a named pipe that listens */
    TPW_PIPE_LISTENING,
    TPW_PIPE_CONNECTED,
    TPW_PIPE_DISCONNECTED
};

struct tpw_pipe_name;

/* One operation that completes later. */
struct tpw_operation {
    struct tpw_operation *next;
    struct tpw_file *file; /* a user */
    OVERLAPPED *overlapped;
    struct tpw_sync *event; /* with a reference; NULL: the file's own, or none */
    struct tpw_io_ticket ticket;
    DWORD thread;
    bool reads, connects;
    bool finishing; /* it has its outcome */
    DWORD aborted;  /* 0, or the error it then ends with */
    char *buffer;
    DWORD bytes, done;
    int64_t offset;
};

struct tpw_file {
    struct tpw_sync sync; /* a manual event: the last operation without one of its own is over */
    uint32_t users;       /* atomic: the object, and each operation. The last one frees it. */
    enum tpw_file_shape shape;
    bool overlapped, may_read, may_write;
    bool listens;      /* the end of a named pipe that others connect to */
    char *delete_path; /* when the last handle is closed; NULL: not */
    pthread_mutex_t lock;
    pthread_cond_t moved; /* an operation has left the list; a client has come */
    /* under lock */
    int fd;
    tp_io_t *io;          /* made for the first operation that has to wait */
    struct tpw_io *bound; /* set once, and then kept */
    uint32_t modes;       /* FILE_SKIP_*; atomic */
    struct tpw_operation *operations;
    enum tpw_pipe_state state;
    int client; /* of an end that listens: the other one, while nobody has it */
    /* under the lock of pipe.c */
    struct tpw_pipe_name *name;
    struct tpw_file *next_instance;
};

/* Takes over the descriptor, on success only. */
DWORD tpw_file_make(int fd, enum tpw_file_shape shape, DWORD access, bool overlapped,
                    struct tpw_file **file_out);
HANDLE tpw_file_publish(struct tpw_file *file, DWORD error); /* INVALID_HANDLE_VALUE */
struct tpw_file *tpw_file_get(HANDLE handle);                /* sets the last error */
void tpw_file_drop(struct tpw_file *file);                   /* the reference of tpw_file_get */
void tpw_file_unuse(struct tpw_file *file);
/* Aborts all operations, with that error, and waits until they are over: what they worked on may be
 * on the stack of the caller's caller. */
void tpw_file_abort_all(struct tpw_file *file, DWORD error);

/* Begins an operation: the OVERLAPPED is pending, its event reset. On error NULL and the last
 * error. */
struct tpw_operation *tpw_operation_begin(struct tpw_file *file, OVERLAPPED *overlapped);
/* It is over, at once and as told: TRUE or FALSE and the last error. */
BOOL tpw_operation_end_now(struct tpw_operation *operation, DWORD error, DWORD bytes);
/* It waits: in the list. Lock held. */
void tpw_operation_join(struct tpw_operation *operation);
/* It has waited, and is over. Frees it. No lock held. */
void tpw_operation_end(struct tpw_operation *operation, DWORD error, DWORD bytes);

/* CreateFile of \\.\pipe\..., with what follows the prefix. */
HANDLE tpw_pipe_open(const char *name, DWORD access, bool overlapped);
const char *tpw_pipe_name(const char *path); /* that; NULL for other paths */
void tpw_pipe_leave(struct tpw_file *file);

#endif
