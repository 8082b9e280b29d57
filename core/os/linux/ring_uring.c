/* ring_uring.c - a ring is an io_uring.
 *
 * It has no thread of the kernel's that polls, and it is not bound to one thread: whoever flushes
 * hands its requests to the kernel as its own. What waits for a peer is finished in the name of the
 * thread that flushed it, between two of its instructions or system calls; if that thread has gone,
 * with ECANCELED and nothing done. What waits for a disk is done by threads of the kernel. */
#define _GNU_SOURCE
#include "core/os/os.h"
#include "core/os/linux/mute.h"
#include "core/os/linux/quiet.h"

#include <liburing.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef RWF_NOSIGNAL
#define RWF_NOSIGNAL 0x100 /* Linux 6.18 */
#endif

#define REQUESTS 256u     /* put between two flushes */
#define COMPLETIONS 4096u /* told of without a system call; the kernel keeps what is more */
#define ABORT_KEY 0       /* of the completions that only say whether an abort was in time */
#define POLL_BITS 0xffffu

/* Linux 5.7: no completion is lost, a request may go once it is flushed, files have positions, and
 * what waits for a peer keeps no thread. */
#define WANTED \
    (IORING_FEAT_NODROP | IORING_FEAT_SUBMIT_STABLE | IORING_FEAT_RW_CUR_POS | \
     IORING_FEAT_FAST_POLL)

struct tpp_ring {
    /* set at creation */
    struct io_uring uring; /* its two halves belong to who puts and who takes */
    pid_t owner;           /* the process that opened it */
    int stream_flags;      /* for a write to a stream */
    /* atomic */
    tpp_u32 flushes;
    /* of who puts and flushes */
    bool files, streams;              /* is there a write to one among what is not flushed yet */
    struct msghdr messages[REQUESTS]; /* of the request in that place of the queue */
};

static _Noreturn void closed(void)
{
    tpp_abort("BUG IN CLIENT OF TP: a descriptor that belongs to tp was closed (io_uring)");
}

/* ---- opening, closing ----------------------------------------------------------------------- */

/* A kernel refuses flags that it does not know; where it then stops at a request that makes no
 * sense, a flush begins anew behind it. Before 5.12 the shared memory counts as locked, of which a
 * process may have little. */
static const struct way {
    unsigned flags, completions;
} ways[] = {
    {IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP | IORING_SETUP_SUBMIT_ALL, COMPLETIONS},
    {IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP, COMPLETIONS},
    {IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP, REQUESTS * 2},
};

static int set_up_so(struct io_uring *uring, const struct way *way)
{
    struct io_uring_params params = {.flags = way->flags, .cq_entries = way->completions};
    int result = io_uring_queue_init_params(REQUESTS, uring, &params);

    if (result < 0)
        return -result;
    if ((params.features & WANTED) == WANTED && params.sq_entries <= REQUESTS &&
        io_uring_ring_dontfork(uring) == 0)
        return 0;
    io_uring_queue_exit(uring);
    return ENOSYS;
}

static int set_up(struct io_uring *uring)
{
    int result = EINVAL;
    size_t i;

    for (i = 0; i < sizeof ways / sizeof ways[0] && (result == EINVAL || result == ENOMEM); i++)
        result = set_up_so(uring, &ways[i]);
    return result;
}

/* Whether a write to a pipe that nobody reads can be told to raise no signal: asked of a pipe, as
 * the kernel knows the flag or not whatever it is used for. */
static int flags_for_streams(void)
{
    struct iovec byte = {"", 1};
    int flags = 0;
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) != 0)
        return 0;
    if (syscall(SYS_pwritev2, ends[1], &byte, 1, -1L, -1L, RWF_NOSIGNAL) == 1)
        flags = RWF_NOSIGNAL;
    (void)close(ends[0]);
    (void)close(ends[1]);
    return flags;
}

int tpp_ring_open(struct tpp_ring **ring_out)
{
    struct tpp_ring *ring = tpp_alloc(sizeof *ring, _Alignof(struct tpp_ring));
    struct tpl_quiet quiet;
    int result;

    *ring_out = NULL;
    if (ring == NULL)
        return ENOMEM;
    quiet = tpl_quiet_begin();
    ring->owner = getpid();
    ring->files = ring->streams = false;
    ring->stream_flags = flags_for_streams();
    tpp_init(&ring->flushes, 0);
    result = set_up(&ring->uring);
    if (result == 0)
        *ring_out = ring;
    else
        tpp_free(ring, sizeof *ring);
    tpl_quiet_end(quiet);
    return result;
}

/* The child of a fork has the descriptor, but not the memory that the kernel shares: something else
 * may be there by now. The descriptor is closed here and not by liburing, whose own system call
 * ThreadSanitizer does not see: it would hold the use of this one against whoever gets the number
 * next. */
void tpp_ring_close(struct tpp_ring *ring)
{
    struct tpl_quiet quiet = tpl_quiet_begin();
    int descriptor = ring->uring.ring_fd;

    ring->uring.ring_fd = -1;
    if (ring->owner == getpid())
        io_uring_queue_exit(&ring->uring);
    (void)close(descriptor);
    tpp_free(ring, sizeof *ring);
    tpl_quiet_end(quiet);
}

int tpp_ring_descriptor(struct tpp_ring *ring)
{
    return ring->uring.ring_fd;
}

/* ---- requests ------------------------------------------------------------------------------- */

/* A vector written to a socket wants a flag that only messages have. */
static void prepare_message(struct tpp_ring *ring, struct io_uring_sqe *entry,
                            const struct tpp_request *request)
{
    struct msghdr *header = &ring->messages[entry - ring->uring.sq.sqes];

    *header = (struct msghdr){.msg_iov = request->buffer, .msg_iovlen = (size_t)request->length};
    io_uring_prep_sendmsg(entry, request->descriptor, header, MSG_NOSIGNAL);
}

/* A vector is read from a socket as from any file. */
static void prepare_read(struct io_uring_sqe *entry, const struct tpp_request *request)
{
    bool socket = request->kind == TPP_SOCKET;

    if (request->opcode == TPP_READV)
        io_uring_prep_readv(entry, request->descriptor, request->buffer, (unsigned)request->length,
                            socket ? UINT64_MAX : (uint64_t)request->offset);
    else if (socket)
        io_uring_prep_recv(entry, request->descriptor, request->buffer, request->length, 0);
    else
        io_uring_prep_read(entry, request->descriptor, request->buffer, (unsigned)request->length,
                           (uint64_t)request->offset);
}

static void prepare_write(struct tpp_ring *ring, struct io_uring_sqe *entry,
                          const struct tpp_request *request)
{
    bool vector = request->opcode == TPP_WRITEV;

    if (request->kind == TPP_SOCKET && vector) {
        prepare_message(ring, entry, request);
    } else if (request->kind == TPP_SOCKET) {
        io_uring_prep_send(entry, request->descriptor, request->buffer, request->length,
                           MSG_NOSIGNAL);
    } else {
        io_uring_prep_rw(vector ? IORING_OP_WRITEV : IORING_OP_WRITE, entry, request->descriptor,
                         request->buffer, (unsigned)request->length, (uint64_t)request->offset);
        entry->rw_flags = request->kind == TPP_STREAM ? ring->stream_flags : 0;
        ring->streams = ring->streams || request->kind == TPP_STREAM;
        ring->files = ring->files || request->kind == TPP_DISK || request->kind == TPP_DIRECT;
    }
}

static void prepare(struct tpp_ring *ring, struct io_uring_sqe *entry,
                    const struct tpp_request *request)
{
    int descriptor = request->descriptor;
    unsigned flags = request->flags;

    switch ((enum tpp_opcode)request->opcode) {
    case TPP_READ:
    case TPP_READV:
        prepare_read(entry, request);
        break;
    case TPP_WRITE:
    case TPP_WRITEV:
        prepare_write(ring, entry, request);
        break;
    case TPP_RECV:
        io_uring_prep_recv(entry, descriptor, request->buffer, request->length, (int)flags);
        break;
    case TPP_SEND:
        io_uring_prep_send(entry, descriptor, request->buffer, request->length,
                           (int)(flags | MSG_NOSIGNAL));
        break;
    case TPP_RECVMSG:
        io_uring_prep_recvmsg(entry, descriptor, request->buffer, flags);
        break;
    case TPP_SENDMSG:
        io_uring_prep_sendmsg(entry, descriptor, request->buffer, flags | MSG_NOSIGNAL);
        break;
    case TPP_ACCEPT:
        io_uring_prep_accept(entry, descriptor, request->address, request->address_length,
                             (int)((flags & (unsigned)SOCK_NONBLOCK) | (unsigned)SOCK_CLOEXEC));
        break;
    case TPP_CONNECT:
        io_uring_prep_connect(entry, descriptor, request->address, *request->address_length);
        break;
    case TPP_FSYNC:
    case TPP_FDATASYNC:
        io_uring_prep_fsync(entry, descriptor,
                            request->opcode == TPP_FSYNC ? 0 : IORING_FSYNC_DATASYNC);
        break;
    case TPP_POLL:
    case TPP_OPCODE_COUNT:
    default:
        io_uring_prep_poll_add(entry, descriptor, flags & POLL_BITS);
        break;
    }
}

bool tpp_ring_put(struct tpp_ring *ring, const struct tpp_request *request, uint64_t key)
{
    struct io_uring_sqe *entry = io_uring_get_sqe(&ring->uring);

    if (entry == NULL)
        return false;
    prepare(ring, entry, request);
    entry->user_data = key;
    return true;
}

bool tpp_ring_abort(struct tpp_ring *ring, uint64_t key)
{
    struct io_uring_sqe *entry = io_uring_get_sqe(&ring->uring);

    if (entry == NULL)
        return false;
    io_uring_prep_cancel64(entry, key, 0);
    entry->user_data = ABORT_KEY;
    return true;
}

/* ---- flushing ------------------------------------------------------------------------------- */

/* Begins anew behind an interruption, and behind a request at which the kernel has stopped. What
 * else may be is a shortage: of memory, or of room for what was told of and not taken yet. */
static bool submit(struct io_uring *uring)
{
    int result;

    do
        result = io_uring_submit(uring);
    while (result == -EINTR || (result > 0 && io_uring_sq_ready(uring) > 0));
    if (result == -EBADF || result == -EINVAL || result == -EOPNOTSUPP || result == -ENXIO)
        closed();
    return io_uring_sq_ready(uring) == 0;
}

/* A write that is carried out at once raises its signals here. */
static bool loud(const struct tpp_ring *ring)
{
    struct rlimit limit;

    if (ring->streams && ring->stream_flags == 0)
        return true;
    return ring->files && (getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur != RLIM_INFINITY);
}

static bool submit_muted(struct io_uring *uring)
{
    struct tpl_mute mute = tpl_mute_begin();
    bool done = submit(uring);

    tpl_mute_end(&mute, true);
    return done;
}

bool tpp_ring_flush(struct tpp_ring *ring)
{
    int saved = errno;
    bool done;

    if (io_uring_sq_ready(&ring->uring) == 0)
        return true;
    /* [LX6] release: whoever takes an outcome sees what was done before its request was flushed.
     * The kernel sees to that, but no language knows. Pairs with tpp_ring_take.
     * relaxed: only who flushes changes it. */
    tpp_store_release(&ring->flushes, tpp_load_relaxed(&ring->flushes) + 1);
    done = loud(ring) ? submit_muted(&ring->uring) : submit(&ring->uring);
    if (done)
        ring->files = ring->streams = false;
    errno = saved;
    return done;
}

/* ---- outcomes ------------------------------------------------------------------------------- */

/* A connection that has been begun already is to be waited for like any other. */
static struct tpp_outcome outcome_of(int32_t result)
{
    if (result >= 0)
        return (struct tpp_outcome){0, (uint64_t)result};
    return (struct tpp_outcome){result == -EALREADY ? EAGAIN : -result, 0};
}

/* What is in the part of the ring that both sides see. */
static uint32_t take_told(struct io_uring *uring, struct tpp_completion *completions,
                          uint32_t capacity)
{
    struct io_uring_cqe *entry;
    uint32_t count = 0;
    unsigned seen = 0;
    unsigned head;

    io_uring_for_each_cqe(uring, head, entry)
    {
        if (count == capacity)
            break;
        if (entry->user_data != ABORT_KEY)
            completions[count++] =
                (struct tpp_completion){entry->user_data, outcome_of(entry->res)};
        seen++;
    }
    io_uring_cq_advance(uring, seen);
    return count;
}

/* The kernel keeps what had no room until it is asked. */
static bool fetch_more(struct io_uring *uring)
{
    int saved = errno;
    int result = io_uring_get_events(uring);

    if (result == -EBADF)
        closed();
    errno = saved;
    return io_uring_cq_ready(uring) > 0;
}

uint32_t tpp_ring_take(struct tpp_ring *ring, struct tpp_completion *completions, uint32_t capacity)
{
    uint32_t count = take_told(&ring->uring, completions, capacity);

    while (count < capacity && io_uring_cq_has_overflow(&ring->uring) && fetch_more(&ring->uring))
        count += take_told(&ring->uring, completions + count, capacity - count);
    /* [LX6] acquire: as in tpp_ring_flush. */
    if (count > 0)
        (void)tpp_load_acquire(&ring->flushes);
    return count;
}
