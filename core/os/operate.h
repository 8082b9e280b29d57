/* operate.h - the part of the platform contract about I/O: operations on descriptors, and rings
 * that carry them out later. Included by os.h, whose preconditions hold here. */
#ifndef TPI_OS_OPERATE_H
#define TPI_OS_OPERATE_H

#include <stdbool.h>
#include <stdint.h>

/* What can be done with a descriptor; numbered as TP_IO_*. */
enum tpp_opcode {
    TPP_READ = 1,
    TPP_WRITE,
    TPP_READV,
    TPP_WRITEV,
    TPP_RECV,
    TPP_SEND,
    TPP_RECVMSG,
    TPP_SENDMSG,
    TPP_ACCEPT,
    TPP_CONNECT,
    TPP_FSYNC,
    TPP_FDATASYNC,
    TPP_POLL,
    TPP_OPCODE_COUNT
};

/* TPP_DISK: operations wait for a device only, no poller takes it; with TPP_DIRECT they always do
 * (O_DIRECT). TPP_SOCKET and TPP_STREAM wait for a peer; the latter is a pipe, a terminal, an
 * eventfd ... */
enum tpp_file_kind { TPP_DISK, TPP_DIRECT, TPP_SOCKET, TPP_STREAM };
int tpp_file_kind(int descriptor, enum tpp_file_kind *kind_out); /* 0 or EBADF */

/* Judged by the interface; tp_io_op_t says what the fields mean. READ and WRITE of a socket are
 * carried out as RECV and SEND. */
struct tpp_request {
    int descriptor;
    uint8_t opcode; /* enum tpp_opcode */
    uint8_t kind;   /* enum tpp_file_kind, of the descriptor */
    uint32_t flags;
    void *buffer;
    uint64_t length;
    int64_t offset;
    void *address;
    uint32_t *address_length;
};

/* The outcome of a request: 0 or a positive errno, and what was transferred; with an error 0. */
struct tpp_outcome {
    int32_t error;
    uint64_t bytes;
};

/* Carries it out on this thread, if it need not wait for a peer or, unless `may_wait`, for a
 * device; else the error is EAGAIN, and it has not been begun. CONNECT is begun, once: EAGAIN
 * means that the next call will tell once the descriptor is ready. Interrupted calls go on. No
 * signal is raised. A descriptor that comes of ACCEPT is closed on exec. */
struct tpp_outcome tpp_operate(const struct tpp_request *request, bool may_wait);

/* The states, of those of poll(2), that it waits for where it waits for a peer. */
uint32_t tpp_operation_states(const struct tpp_request *request);

/* Closes what an ACCEPT has brought that nobody wants. */
void tpp_file_close(int descriptor);

/* A ring takes requests and tells of their outcomes later, in any order, each once. It has no
 * lock: put, abort and flush are for one thread at a time, and so is take; the two may go on at
 * once. What was put goes to the system with the next flush at the latest. */
struct tpp_ring;
struct tpp_completion {
    uint64_t key;
    struct tpp_outcome outcome;
};

/* 0, or a positive errno: ENOSYS, EPERM, ENOMEM, EMFILE ... where the system has none, or forbids
 * it. */
int tpp_ring_open(struct tpp_ring **ring_out);

/* Every request put has been told of, or this is the child of a fork. */
void tpp_ring_close(struct tpp_ring *ring);

/* Readable while there are outcomes to take. For a poller; the ring's own. */
int tpp_ring_descriptor(struct tpp_ring *ring);

/* Queues a request; false if there is no room before the next flush. `key` is neither 0 nor
 * UINT64_MAX. What the request points to is the system's until it is told of; the request itself
 * and a vector's elements must stay until it was flushed. */
bool tpp_ring_put(struct tpp_ring *ring, const struct tpp_request *request, uint64_t key);

/* Queues a wish: that the request with that key, flushed earlier, ends soon. It may come too
 * late or be in vain. False if there is no room. */
bool tpp_ring_abort(struct tpp_ring *ring, uint64_t key);

/* Hands what is queued to the system. True if nothing is left; else the system is short of
 * something, and it is to be tried again later. */
bool tpp_ring_flush(struct tpp_ring *ring);

/* At most `capacity` outcomes; returns how many. An outcome of EAGAIN, EINTR or ECANCELED may be
 * one of the system's own making (a descriptor that does not block; the end of the thread that
 * flushed): nothing was begun then, and the request can be put again, after its states have been
 * waited for if it was EAGAIN. */
uint32_t tpp_ring_take(struct tpp_ring *ring, struct tpp_completion *completions,
                       uint32_t capacity);

/* What the environment asks for: 0 nothing, 1 no ring, 2 a ring (numbered as TP_IO_BACKEND_*). */
uint32_t tpp_ring_wish(void);

#endif
