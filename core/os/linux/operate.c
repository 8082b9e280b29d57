/* operate.c - one operation on a descriptor, carried out now if it need not wait.
 *
 * Transfers are system calls through libc's general door, which is no cancellation point. What may
 * wait says so to the kernel: MSG_DONTWAIT for a socket, RWF_NOWAIT for a file, a pipe, and much
 * else. Where the kernel does not know how not to wait (terminals, pipes with a name) it is asked
 * first whether it would have to. */
#define _GNU_SOURCE
#include "core/os/os.h"
#include "core/os/linux/mute.h"
#include "core/os/linux/quiet.h"

#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef RWF_NOWAIT
#define RWF_NOWAIT 0x8 /* Linux 4.14 */
#endif
#ifndef RWF_NOSIGNAL
#define RWF_NOSIGNAL 0x100 /* Linux 6.18 */
#endif

#define POLL_BITS 0xffffu

/* ---- kinds ---------------------------------------------------------------------------------- */

/* Character devices may be anything, and what has no kind (an eventfd ...) too: a file that no
 * epoll takes has nobody to wait for. Being refused for another reason says that it could be taken;
 * whoever tries that in earnest will hear of it. */
static int ask_epoll(int descriptor, enum tpp_file_kind *kind_out)
{
    struct epoll_event event = {.events = 0};
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    int result;

    if (epoll < 0)
        return errno;
    result = epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) == 0 ? 0 : errno;
    (void)close(epoll);
    *kind_out = result == EPERM ? TPP_DISK : TPP_STREAM;
    return result == EBADF ? EBADF : 0;
}

static int kind_of(int descriptor, enum tpp_file_kind *kind_out)
{
    int flags = fcntl(descriptor, F_GETFL);
    struct stat status;

    if (flags < 0 || (flags & O_PATH) != 0 || fstat(descriptor, &status) != 0)
        return EBADF;
    switch (status.st_mode & S_IFMT) {
    case S_IFREG:
    case S_IFBLK:
    case S_IFDIR:
        *kind_out = (flags & O_DIRECT) != 0 ? TPP_DIRECT : TPP_DISK;
        return 0;
    case S_IFSOCK:
        *kind_out = TPP_SOCKET;
        return 0;
    case S_IFIFO:
        *kind_out = TPP_STREAM;
        return 0;
    default:
        return ask_epoll(descriptor, kind_out);
    }
}

int tpp_file_kind(int descriptor, enum tpp_file_kind *kind_out)
{
    struct tpl_quiet quiet = tpl_quiet_begin();
    int result;

    *kind_out = TPP_STREAM;
    result = kind_of(descriptor, kind_out);
    tpl_quiet_end(quiet);
    return result;
}

static bool on_disk(const struct tpp_request *request)
{
    return request->kind == TPP_DISK || request->kind == TPP_DIRECT;
}

/* ---- asking without waiting ----------------------------------------------------------------- */

/* A call that a signal handler has cut short is made again. The loops end: each turn needs one more
 * handler to have run. */
static bool interrupted(long result)
{
    return result < 0 && errno == EINTR;
}

static long fail(int error)
{
    errno = error;
    return -1;
}

/* The states of `events` that the descriptor is in; -1 if none, or for what is no descriptor. */
static long look(int descriptor, uint32_t events)
{
    static const int64_t at_once[2]; /* the kernel's timespec, of whatever size */
    struct pollfd polled = {.fd = descriptor, .events = (short)(uint16_t)(events & POLL_BITS)};
    long count;

    do
        count = syscall(SYS_ppoll, &polled, 1, at_once, NULL, (size_t)0);
    while (interrupted(count));
    if (count > 0 && (polled.revents & POLLNVAL) != 0)
        return fail(EBADF);
    return count > 0 ? (uint16_t)polled.revents : count < 0 ? -1 : fail(EAGAIN);
}

/* ---- files and streams ---------------------------------------------------------------------- */

static bool writes(const struct tpp_request *request)
{
    return request->opcode == TPP_WRITE || request->opcode == TPP_WRITEV;
}

struct vectors {
    const struct iovec *first;
    unsigned long count;
};

/* `one` is where a plain buffer becomes a vector of one. */
static struct vectors vectors_of(const struct tpp_request *request, struct iovec *one)
{
    if (request->opcode == TPP_READV || request->opcode == TPP_WRITEV)
        return (struct vectors){request->buffer, (unsigned long)request->length};
    *one = (struct iovec){request->buffer, (size_t)request->length};
    return (struct vectors){one, 1};
}

/* The kernel takes an offset in two halves, and puts them together again on any machine. */
static long transfer(const struct tpp_request *request, struct vectors vectors, int64_t offset,
                     int flags)
{
    long number = writes(request) ? SYS_pwritev2 : SYS_preadv2;
    long result;

    do
        result = syscall(number, request->descriptor, vectors.first, vectors.count, (long)offset,
                         (long)((uint64_t)offset >> 32), flags);
    while (interrupted(result));
    return result;
}

/* The kernel, or the file, does not know how not to wait. */
static bool cannot_tell(long result)
{
    return result < 0 && (errno == EOPNOTSUPP || errno == ENOSYS);
}

/* ---- files ---------------------------------------------------------------------------------- */

static uint64_t length_of(struct vectors vectors)
{
    uint64_t length = 0;
    unsigned long i;

    for (i = 0; i < vectors.count; i++)
        length += vectors.first[i].iov_len;
    return length;
}

/* Nothing but the end of the file may make a transfer short, as in a call that waits: what ends
 * where the cached part does is to be done again, all of it. That does no harm, unless it moved the
 * position of the file or its end. */
static bool again(const struct tpp_request *request, uint64_t done)
{
    char byte;
    struct iovec one = {&byte, 1};
    struct tpp_request next = {.descriptor = request->descriptor, .opcode = TPP_READ};

    if (request->offset < 0)
        return false;
    if (writes(request))
        return (fcntl(request->descriptor, F_GETFL) & O_APPEND) == 0;
    return transfer(&next, (struct vectors){&one, 1}, request->offset + (int64_t)done,
                    RWF_NOWAIT) != 0;
}

static long file_now(const struct tpp_request *request, struct vectors vectors)
{
    long result = transfer(request, vectors, request->offset, RWF_NOWAIT);

    if (result > 0 && (uint64_t)result < length_of(vectors) && again(request, (uint64_t)result))
        return fail(EAGAIN);
    return cannot_tell(result) ? fail(EAGAIN) : result;
}

/* Calls that wait have existed for longer, and some emulators know no others. */
static long file_waiting(const struct tpp_request *request, struct vectors vectors)
{
    int64_t offset = request->offset;
    long number = writes(request) ? SYS_pwritev : SYS_preadv;
    long result;

    if (offset < 0)
        number = writes(request) ? SYS_writev : SYS_readv;
    do
        result = syscall(number, request->descriptor, vectors.first, vectors.count, (long)offset,
                         (long)((uint64_t)offset >> 32));
    while (interrupted(result));
    return result;
}

static long file(const struct tpp_request *request, bool may_wait)
{
    struct iovec one;
    struct vectors vectors = vectors_of(request, &one);

    return may_wait ? file_waiting(request, vectors) : file_now(request, vectors);
}

/* A write beyond the limit of the process would raise a signal; most processes have none. */
static long file_write(const struct tpp_request *request, bool may_wait)
{
    struct rlimit limit;
    struct tpl_mute mute;
    long result;

    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur == RLIM_INFINITY)
        return file(request, may_wait);
    mute = tpl_mute_begin();
    result = file(request, may_wait);
    tpl_mute_end(&mute, result < 0 && errno == EFBIG);
    return result;
}

/* ---- pipes, terminals, eventfds ... --------------------------------------------------------- */

/* A transfer of nothing finds what is wrong at any time: what would be waited for never came. */
static long stream_asked_in_vain(const struct tpp_request *request)
{
    static const struct iovec nothing;
    int error = errno;

    if (error != EAGAIN || file_waiting(request, (struct vectors){&nothing, 0}) == 0)
        errno = error;
    return -1;
}

/* Whoever reads when there is something, or writes at most this much when there is room, need not
 * wait; unless another reader or writer comes first: then this waits until it is its turn, and
 * nothing can be done about it. (A descriptor that does not block says EAGAIN.) Vectors would be
 * read one by one by some files, so it is the first only. */
static long stream_asked(const struct tpp_request *request, struct vectors vectors)
{
    struct iovec one = {NULL, 0};
    unsigned long i;

    for (i = 0; i < vectors.count && one.iov_len == 0; i++)
        one = vectors.first[i];
    if (writes(request) && one.iov_len > PIPE_BUF)
        one.iov_len = PIPE_BUF;
    if (look(request->descriptor, tpp_operation_states(request)) < 0)
        return stream_asked_in_vain(request);
    return file_waiting(request, (struct vectors){&one, 1});
}

static long stream(const struct tpp_request *request, struct vectors vectors)
{
    long result = transfer(request, vectors, request->offset, RWF_NOWAIT);

    return cannot_tell(result) ? stream_asked(request, vectors) : result;
}

static long stream_read(const struct tpp_request *request)
{
    struct iovec one;

    return stream(request, vectors_of(request, &one));
}

/* A pipe that nobody reads raises a signal, unless the kernel knows the flag against that. Where it
 * takes the one flag but refuses the two together, it does not know the other. */
static long stream_write(const struct tpp_request *request)
{
    static tpp_u32 no_flag;
    struct iovec one;
    struct vectors vectors = vectors_of(request, &one);
    struct tpl_mute mute;
    /* relaxed: a fact about the kernel; who misses it asks the kernel once more. */
    bool ask = tpp_load_relaxed(&no_flag) == 0;
    long result = ask ? transfer(request, vectors, request->offset, RWF_NOWAIT | RWF_NOSIGNAL) : -1;

    if (ask && !cannot_tell(result))
        return result;
    mute = tpl_mute_begin();
    result = transfer(request, vectors, request->offset, RWF_NOWAIT);
    if (cannot_tell(result))
        result = stream_asked(request, vectors);
    else if (ask) /* relaxed: as above. */
        tpp_store_relaxed(&no_flag, 1);
    tpl_mute_end(&mute, result < 0 && errno == EPIPE);
    return result;
}

/* ---- sockets -------------------------------------------------------------------------------- */

#define QUIETLY ((unsigned)MSG_DONTWAIT | (unsigned)MSG_NOSIGNAL)

static long receive(const struct tpp_request *request, uint32_t flags)
{
    long result;

    do
        result = syscall(SYS_recvfrom, request->descriptor, request->buffer,
                         (size_t)request->length, flags | QUIETLY, NULL, NULL);
    while (interrupted(result));
    return result;
}

static long send_out(const struct tpp_request *request, uint32_t flags)
{
    long result;

    do
        result = syscall(SYS_sendto, request->descriptor, request->buffer, (size_t)request->length,
                         flags | QUIETLY, NULL, (size_t)0);
    while (interrupted(result));
    return result;
}

static long message(int descriptor, long number, const struct msghdr *header, uint32_t flags)
{
    long result;

    do
        result = syscall(number, descriptor, header, flags | QUIETLY);
    while (interrupted(result));
    return result;
}

static long socket_vectors(const struct tpp_request *request)
{
    struct msghdr header = {.msg_iov = request->buffer, .msg_iovlen = (size_t)request->length};

    return message(request->descriptor, writes(request) ? SYS_sendmsg : SYS_recvmsg, &header, 0);
}

/* ---- connections ---------------------------------------------------------------------------- */

/* No flag of these calls keeps them from waiting, so the descriptor has to. Whoever else uses it at
 * this moment may notice. */
static long without_waiting(const struct tpp_request *request,
                            long (*call)(const struct tpp_request *request))
{
    int flags = fcntl(request->descriptor, F_GETFL);
    bool blocks = flags >= 0 && (flags & O_NONBLOCK) == 0;
    int on = 1, off = 0, saved;
    long result;

    if (blocks)
        (void)ioctl(request->descriptor, FIONBIO, &on);
    result = call(request);
    saved = errno;
    if (blocks)
        (void)ioctl(request->descriptor, FIONBIO, &off);
    errno = saved;
    return result;
}

static long accept_one(const struct tpp_request *request)
{
    unsigned flags = (request->flags & (unsigned)SOCK_NONBLOCK) | (unsigned)SOCK_CLOEXEC;
    long result;

    do
        result = syscall(SYS_accept4, request->descriptor, request->address,
                         request->address_length, flags);
    while (interrupted(result));
    return result;
}

/* A socket that does not listen has nothing to wait for, only an error. */
static bool listens(int descriptor)
{
    int answer = 0;
    socklen_t length = sizeof answer;

    return getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &answer, &length) == 0 && answer != 0;
}

static long accept_now(const struct tpp_request *request)
{
    if (look(request->descriptor, POLLIN) < 0 && listens(request->descriptor))
        return fail(EAGAIN);
    return without_waiting(request, accept_one);
}

static long connect_one(const struct tpp_request *request)
{
    long result;

    do
        result = syscall(SYS_connect, request->descriptor, request->address,
                         (size_t)*request->address_length);
    while (interrupted(result));
    return result;
}

static int socket_option(int descriptor, int option)
{
    int value = 0;
    socklen_t length = sizeof value;

    return getsockopt(descriptor, SOL_SOCKET, option, &value, &length) == 0 ? value : -1;
}

/* A local socket whose listener has no room begins nothing, and is ready all the while: other
 * systems call that refused. Whoever connects twice is told so, as by TCP; but others tell by that
 * how the first call has ended, once the socket is ready. */
static int connect_error(int descriptor, int error)
{
    bool local = socket_option(descriptor, SO_DOMAIN) == AF_UNIX;

    if (error == EAGAIN && local)
        return ECONNREFUSED;
    if (error == EISCONN && !local && socket_option(descriptor, SO_PROTOCOL) != IPPROTO_TCP)
        return 0;
    return error == EINPROGRESS || error == EALREADY ? EAGAIN : error;
}

/* A second call tells how the first has ended. */
static long connect_now(const struct tpp_request *request)
{
    long result = without_waiting(request, connect_one);
    int error = result == 0 ? 0 : connect_error(request->descriptor, errno);

    return error == 0 ? 0 : fail(error);
}

/* ---- all of them ---------------------------------------------------------------------------- */

static long synchronise(const struct tpp_request *request, bool may_wait)
{
    long number = request->opcode == TPP_FSYNC ? SYS_fsync : SYS_fdatasync;
    long result;

    if (on_disk(request) && !may_wait)
        return fail(EAGAIN);
    do
        result = syscall(number, request->descriptor);
    while (interrupted(result));
    return result;
}

/* A file on a disk that is not in a state will never be: so says an epoll of it, too. */
static long poll_now(const struct tpp_request *request)
{
    long result = look(request->descriptor, request->flags);

    if (result < 0 && errno == EAGAIN && on_disk(request))
        return fail(EPERM);
    return result;
}

static long read_now(const struct tpp_request *request, bool may_wait)
{
    if (on_disk(request))
        return file(request, may_wait);
    if (request->kind == TPP_STREAM)
        return stream_read(request);
    return request->opcode == TPP_READ ? receive(request, 0) : socket_vectors(request);
}

static long write_now(const struct tpp_request *request, bool may_wait)
{
    if (on_disk(request))
        return file_write(request, may_wait);
    if (request->kind == TPP_STREAM)
        return stream_write(request);
    return request->opcode == TPP_WRITE ? send_out(request, 0) : socket_vectors(request);
}

static long carry_out(const struct tpp_request *request, bool may_wait)
{
    switch ((enum tpp_opcode)request->opcode) {
    case TPP_READ:
    case TPP_READV:
        return read_now(request, may_wait);
    case TPP_WRITE:
    case TPP_WRITEV:
        return write_now(request, may_wait);
    case TPP_RECV:
        return receive(request, request->flags);
    case TPP_SEND:
        return send_out(request, request->flags);
    case TPP_RECVMSG:
        return message(request->descriptor, SYS_recvmsg, request->buffer, request->flags);
    case TPP_SENDMSG:
        return message(request->descriptor, SYS_sendmsg, request->buffer, request->flags);
    case TPP_ACCEPT:
        return accept_now(request);
    case TPP_CONNECT:
        return connect_now(request);
    case TPP_FSYNC:
    case TPP_FDATASYNC:
        return synchronise(request, may_wait);
    case TPP_POLL:
        return poll_now(request);
    case TPP_OPCODE_COUNT:
    default:
        return fail(EINVAL);
    }
}

struct tpp_outcome tpp_operate(const struct tpp_request *request, bool may_wait)
{
    int saved = errno;
    long result = carry_out(request, may_wait);
    struct tpp_outcome outcome = {0, 0};

    if (result >= 0)
        outcome.bytes = (uint64_t)result;
    else
        outcome.error = errno;
    errno = saved;
    return outcome;
}

/* What stands in a socket's queue of errors, or came out of band, is told by other states; who
 * waited for the usual one would be told of it for nothing, again and again. */
static uint32_t receive_states(uint32_t flags)
{
    if ((flags & (uint32_t)MSG_ERRQUEUE) != 0)
        return 0;
    return (flags & (uint32_t)MSG_OOB) != 0 ? POLLPRI : POLLIN;
}

uint32_t tpp_operation_states(const struct tpp_request *request)
{
    switch ((enum tpp_opcode)request->opcode) {
    case TPP_READ:
    case TPP_READV:
    case TPP_ACCEPT:
        return POLLIN;
    case TPP_RECV:
    case TPP_RECVMSG:
        return receive_states(request->flags);
    case TPP_WRITE:
    case TPP_WRITEV:
    case TPP_SEND:
    case TPP_SENDMSG:
    case TPP_CONNECT:
        return POLLOUT;
    case TPP_POLL:
        return request->flags & POLL_BITS;
    case TPP_FSYNC:
    case TPP_FDATASYNC:
    case TPP_OPCODE_COUNT:
    default:
        return 0;
    }
}

void tpp_file_close(int descriptor)
{
    struct tpl_quiet quiet = tpl_quiet_begin();

    (void)close(descriptor);
    tpl_quiet_end(quiet);
}
