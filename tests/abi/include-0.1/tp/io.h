/* io.h - I/O objects: a callback for each read, write, accept ... that is completed. */
#ifndef TP_IO_H
#define TP_IO_H

#include "tp/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What tp_io_submit() can do: the opcodes of tp_io_op_t. */
enum {
    TP_IO_READ = 1,
    TP_IO_WRITE = 2,
    TP_IO_READV = 3,
    TP_IO_WRITEV = 4,
    TP_IO_RECV = 5,
    TP_IO_SEND = 6,
    TP_IO_RECVMSG = 7,
    TP_IO_SENDMSG = 8,
    TP_IO_ACCEPT = 9,
    TP_IO_CONNECT = 10,
    TP_IO_FSYNC = 11,
    TP_IO_FDATASYNC = 12,
    TP_IO_POLL = 13
};

/** One operation for tp_io_submit(). Initialise with TP_IO_OP_INIT or tp_io_op_init.
 *
 *  opcode     TP_IO_*, each as the system call of that name:
 *             TP_IO_READ, TP_IO_WRITE        buffer, length, offset
 *             TP_IO_READV, TP_IO_WRITEV      buffer: array of struct iovec; length: its elements;
 *                                            offset
 *             TP_IO_RECV, TP_IO_SEND         buffer, length, flags (MSG_*)
 *             TP_IO_RECVMSG, TP_IO_SENDMSG   buffer: struct msghdr; flags (MSG_*)
 *             TP_IO_ACCEPT                   address, address_length (both may be NULL); flags:
 *                                            SOCK_NONBLOCK or 0; SOCK_CLOEXEC is always set
 *             TP_IO_CONNECT                  address, address_length
 *             TP_IO_FSYNC, TP_IO_FDATASYNC   nothing else
 *             TP_IO_POLL                     flags: states of poll(2); completes once with those
 *                                            found
 *  operation  the key: handed to the callback and to tp_io_abort; any value, unique among the
 *             operations of the object that are in flight.
 *  offset     bytes from the start of the file; -1 for the file's own position, and for whatever
 *             has none.
 *  flags is 0 where the opcode names none; reserved is 0. Other fields that the opcode does not
 *  name are not looked at.
 *
 *  What buffer, address and address_length point to belongs to the system until the operation has
 *  completed, whatever was cancelled meanwhile; struct iovec and struct msghdr too. */
typedef struct tp_io_op {
    uint32_t struct_size; /**< sizeof(tp_io_op_t) */
    uint32_t opcode;      /**< TP_IO_* */
    void *operation;
    void *buffer;
    uint64_t length;
    int64_t offset;
    uint32_t flags;
    uint32_t reserved; /**< 0 */
    void *address;
    uint32_t *address_length; /**< bytes */
} tp_io_op_t;

/* clang-format off */
#define TP_IO_OP_INIT \
    {(uint32_t)sizeof(tp_io_op_t), 0, NULL, NULL, 0, -1, 0, 0, NULL, NULL}
/* clang-format on */

/** Does what TP_IO_OP_INIT does: no opcode yet, the offset is -1.
 *
 *  Mirrors: nothing; for languages that see no macros.
 *  op       receives the defaults; NULL does nothing.
 *  Returns: nothing.
 *  Threads: any.
 *  Blocks:  never; allocates nothing; callable from a callback; async-signal-safe.
 *  Owns:    borrows `op` for the call.
 *  Since:   0.1 */
TP_API void tp_io_op_init(tp_io_op_t *op);

/** Binds a descriptor to callbacks: a file, a pipe, a socket or a terminal.
 *
 *  The first object of a pool chooses the pool's back end: io_uring where the system allows it,
 *  else epoll and the pool's own threads; see tp_pool_config_t and the environment variable
 *  TP_IO_BACKEND: if that is epoll or uring, it has the last word.
 *
 *  Mirrors: CreateThreadpoolIo. Differs: status; any descriptor will do; MIRROR.md#io-create.
 *  fd        the descriptor. The library keeps a duplicate of it until the object has ended, so it
 *            may be closed at any time; but files and sockets stay open as long as the object.
 *  callback  what to run for each completed operation.
 *  context   handed to the callback; may be NULL.
 *  env       choices, see tp/env.h, copied; NULL = defaults.
 *  io_out    the object; NULL on any error.
 *  Returns: TP_OK; TP_ERR_ARGUMENT if callback or io_out is NULL; TP_ERR_HANDLE if env is no
 *           environment; TP_ERR_SYSTEM: EBADF for what is no descriptor, EMFILE, ENFILE, ENOSPC;
 *           TP_ERR_EXISTS if an open I/O object is bound to this descriptor; TP_ERR_CLOSED if the
 *           pool or the group it names is closed; TP_ERR_UNSUPPORTED if TP_IO_BACKEND_URING is
 *           demanded and cannot be had; TP_ERR_LIMIT at 2^32-1 objects in the pool;
 *           TP_ERR_NO_MEMORY; TP_ERR_NO_THREAD as tp_wait_create.
 *  Threads: any.
 *  Blocks:  never for a callback; allocates; callable from a callback; not async-signal-safe.
 *  Owns:    borrows `fd` and `env` for the call. The caller owns the object: close it with
 *           tp_io_close or with its group. On TP_OK `context` moves to the object; after an error
 *           it is still the caller's.
 *  Since:   0.1 */
TP_API TP_NODISCARD tp_status_t tp_io_create(int fd, tp_io_fn callback, void *context,
                                             const tp_env_t *env, tp_io_t **io_out);

/** Announces one completion that will come from elsewhere, through tp_io_complete.
 *
 *  For operations that the library does not carry out itself. tp_io_submit needs no such call.
 *
 *  Mirrors: StartThreadpoolIo. Differs: status; only for completions from elsewhere;
 *  MIRROR.md#io-start.
 *  io       the object.
 *  Returns: TP_OK; TP_ERR_HANDLE if not an open I/O object; TP_ERR_CLOSED if its pool is shut down
 *           or its group is closing members; TP_ERR_NO_MEMORY.
 *  Threads: any, also from its own callback.
 *  Blocks:  never; may allocate; callable from a callback; not async-signal-safe.
 *  Owns:    borrows `io` for the call.
 *  Since:   0.1 */
TP_API tp_status_t tp_io_start(tp_io_t *io);

/** Takes one announcement of tp_io_start back: the operation failed to start, or ended at once.
 *
 *  Mirrors: CancelThreadpoolIo. Differs: one too many is an error, not corruption;
 *  MIRROR.md#io-cancel.
 *  io       the object.
 *  Returns: TP_OK; TP_ERR_HANDLE if not an open I/O object; TP_ERR_STATE if nothing is announced.
 *  Threads: any, also from its own callback.
 *  Blocks:  never; allocates nothing; callable from a callback; not async-signal-safe.
 *  Owns:    borrows `io` for the call.
 *  Since:   0.1 */
TP_API tp_status_t tp_io_cancel(tp_io_t *io);

/** Queues the callback for an operation that was completed elsewhere and announced by tp_io_start.
 *
 *  Announcements carry no identity: after a tp_io_wait that has dropped one, a late completion of
 *  the operation behind it counts for a newer one.
 *
 *  Mirrors: a packet queued to the completion port. Differs: it must have been announced;
 *  MIRROR.md#io-complete.
 *  io         the object.
 *  operation  handed to the callback; any value.
 *  error      handed to the callback: 0 or a positive errno.
 *  bytes      handed to the callback.
 *  Returns: TP_OK; TP_ERR_HANDLE if not an open I/O object; TP_ERR_ARGUMENT if error is negative;
 *           TP_ERR_STATE if nothing is announced.
 *  Threads: any, also from its own callback.
 *  Blocks:  never; allocates nothing, but like tp_work_submit it may start a thread; callable from
 *           a callback; not async-signal-safe.
 *  Owns:    borrows `io` for the call; `operation` is passed on.
 *  Since:   0.1 */
TP_API tp_status_t tp_io_complete(tp_io_t *io, void *operation, int32_t error, uint64_t bytes);

/** Starts one operation, whose completion is one callback.
 *
 *  The callback comes exactly once, with the operation's own result, unless tp_io_wait or a group
 *  drops it; never from within this call, though what need not wait is done here and now. Transfers
 *  may be short, as those of the system calls. End of file is 0 bytes and no error. Nothing is
 *  promised of the order of operations in flight at the same time.
 *
 *  Mirrors: StartThreadpoolIo with ReadFile, WriteFile, WSARecv, AcceptEx ... Differs: one step;
 *  MIRROR.md#io-submit.
 *  io       the object.
 *  op       what to do, read for the call.
 *  Returns: TP_OK; TP_ERR_HANDLE if not an open I/O object; TP_ERR_VERSION; TP_ERR_ARGUMENT for an
 *           unknown opcode, an offset below -1, unknown flags, a reserved field that is not 0, a
 *           NULL buffer of a length, more than 2^31-1 bytes or 1024 vectors, or an address without
 *           a length; TP_ERR_EXISTS if the key is in flight; TP_ERR_CLOSED if its pool is shut down
 *           or its group is closing members; TP_ERR_NO_MEMORY; TP_ERR_SYSTEM if the system takes no
 *           interest in the descriptor (ENOSPC, ENOMEM). After an error there is no callback and
 *           everything is as it was. What the operation itself fails with comes to the callback.
 *  Threads: any, also from its own callback.
 *  Blocks:  never, but it may copy what is at hand; may allocate; like tp_work_submit it may start
 *           a thread; callable from a callback; not async-signal-safe.
 *  Owns:    borrows `io` and `op` for the call, and what the operation works on until it has
 *           completed.
 *  Since:   0.1 */
TP_API tp_status_t tp_io_submit(tp_io_t *io, const tp_io_op_t *op);

/** Starts several operations, in order, and stops at the first that is refused.
 *
 *  Mirrors: nothing.
 *  io            the object.
 *  ops           their stride is the struct_size of the first; all must be equal.
 *  count         how many; 0 is TP_OK.
 *  submitted_out receives how many were started; may be NULL.
 *  Returns: TP_OK if all were started; TP_ERR_VERSION if the sizes differ; else as tp_io_submit of
 *           the one that was refused.
 *  Threads: any, also from its own callback.
 *  Blocks:  as tp_io_submit; callable from a callback; not async-signal-safe.
 *  Owns:    as tp_io_submit.
 *  Since:   0.1 */
TP_API tp_status_t tp_io_submit_many(tp_io_t *io, const tp_io_op_t *ops, uint32_t count,
                                     uint32_t *submitted_out);

/** Asks for the end of an operation in flight.
 *
 *  Its callback comes all the same, exactly once: with ECANCELED, or with the operation's own
 *  result if it completes first.
 *
 *  Mirrors: CancelIoEx with an OVERLAPPED. Differs: by key; MIRROR.md#io-abort.
 *  io         the object.
 *  operation  the key.
 *  Returns: TP_OK; TP_ERR_HANDLE if not an open I/O object; TP_ERR_ARGUMENT if no operation with
 *           this key is in flight (any more).
 *  Threads: any, also from its own callback.
 *  Blocks:  never; allocates nothing; callable from a callback; not async-signal-safe.
 *  Owns:    borrows `io` for the call.
 *  Since:   0.1 */
TP_API tp_status_t tp_io_abort(tp_io_t *io, void *operation);

/** Waits until nothing is announced, in flight, queued or running.
 *
 *  Mirrors: WaitForThreadpoolIoCallbacks. Differs: timeout, deadlock detected; operations are told
 *  apart; MIRROR.md#io-wait.
 *  io              the object.
 *  cancel_pending  true drops what is queued, takes all announcements back, and forgets what is in
 *                  flight: that goes on, and what it works on stays the system's, but no callback
 *                  comes of it and no wait waits for it. Running callbacks are never interrupted.
 *                  To know when the system is done: tp_io_abort, then wait without this; or
 *                  context_release. The object stays usable.
 *  timeout         nanoseconds; 0 = only look, TP_INFINITE = no limit.
 *  Returns: TP_OK; TP_ERR_HANDLE if not an open I/O object; TP_ERR_ARGUMENT if timeout is negative;
 *           TP_ERR_DEADLOCK from the object's own callback, unless disassociated: nothing is
 *           cancelled; TP_ERR_TIMEOUT: what was cancelled stays cancelled.
 *  Threads: any, several at once; a concurrent close is harmless.
 *  Blocks:  yes; allocates nothing; callable from a callback of another object, where with
 *           TP_INFINITE it may run callbacks of `io` on the calling thread; not async-signal-safe.
 *  Owns:    borrows `io` for the call.
 *  Since:   0.1 */
TP_API TP_NODISCARD tp_status_t tp_io_wait(tp_io_t *io, bool cancel_pending, int64_t timeout);

/** Closes the object.
 *
 *  Nothing can be started any more, and announcements of tp_io_start are taken back. What is in
 *  flight goes on, and what it comes to is delivered, with the old handle value. The object is
 *  freed, and context_release called, after the last callback and the last operation in flight: so
 *  that is the place to free buffers. A group member closed on its own gets no cancel callback.
 *
 *  Mirrors: CloseThreadpoolIo. Differs: a second close is an error, not a crash;
 *  MIRROR.md#io-close.
 *  io       the object; NULL does nothing.
 *  Returns: TP_OK, also for NULL; TP_ERR_HANDLE if not an open I/O object. Of two concurrent closes
 *           exactly one gets TP_OK.
 *  Threads: any, also from the object's own callback.
 *  Blocks:  never, but giving up the last reference to a file takes as long as closing it;
 *           context_release may run in this call; allocates nothing; callable from a callback; not
 *           async-signal-safe.
 *  Owns:    ends the caller's ownership.
 *  Since:   0.1 */
TP_API tp_status_t tp_io_close(tp_io_t *io);

#ifdef __cplusplus
}
#endif

#endif
