/* transfer.c - bytes that go in and out of files that exist only here, and connections. */
#define _GNU_SOURCE 1 /* POLLRDHUP */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "core/os/sim/content.h"
#include "core/os/sim/transfer.h"

#define DATA ((uint32_t)(POLLIN | POLLRDNORM))
#define ROOM ((uint32_t)(POLLOUT | POLLWRNORM))

struct tpps_traffic tpps_traffic_[TPPS_FILES];
bool tpps_calm_;
static uint32_t transfers;

/* ---- the state of a file that comes of it ---------------------------------------------------- */

static uint32_t states(const struct tpps_traffic *t)
{
    uint32_t events = 0;
    if (t->unread != 0 || t->offered != 0 || t->ended || t->hung_up)
        events |= DATA;
    if (t->room != 0 || t->answered || t->hung_up)
        events |= ROOM;
    if (t->ended || t->hung_up)
        events |= POLLRDHUP;
    if (t->hung_up)
        events |= POLLHUP;
    if (t->error != 0 || (t->answered && t->answer != 0))
        events |= DATA | ROOM | POLLERR;
    return events;
}

static bool is_disk(uint32_t file)
{
    uint32_t kind = tpps_file_kind_(file);
    return kind == TPPS_REGULAR || kind == TPPS_DIRECT;
}

void tpps_traffic_changed_(uint32_t file)
{
    if (!is_disk(file))
        tpps_file_traffic_(file, states(&tpps_traffic_[file]));
}

/* ---- what a request says --------------------------------------------------------------------- */

static enum tpp_file_kind kind_of(uint32_t file)
{
    switch (tpps_file_kind_(file)) {
    case TPPS_REGULAR:
        return TPP_DISK;
    case TPPS_DIRECT:
        return TPP_DIRECT;
    case TPPS_SOCKET:
        return TPP_SOCKET;
    default:
        return TPP_STREAM;
    }
}

static void take_vector(struct tpps_transfer *t, const struct iovec *vector, uint64_t count)
{
    if (count > TPPS_PARTS)
        tpps_fail("more than %d vectors in one request", TPPS_PARTS);
    tpps_touch_(vector, count * sizeof *vector);
    for (uint64_t i = 0; i < count; i++) {
        t->part[i] = vector[i];
        t->length += vector[i].iov_len;
    }
    t->parts = (uint32_t)count;
}

/* Copies what need not stay until the end. */
void tpps_transfer_take_(struct tpps_transfer *t, const struct tpp_request *request)
{
    const struct msghdr *message = request->buffer;
    t->request = *request;
    t->length = 0;
    t->parts = 0;
    switch ((enum tpp_opcode)request->opcode) {
    case TPP_READ:
    case TPP_WRITE:
    case TPP_RECV:
    case TPP_SEND:
        t->part[0] = (struct iovec){request->buffer, request->length};
        t->length = request->length;
        t->parts = 1;
        break;
    case TPP_READV:
    case TPP_WRITEV:
        take_vector(t, request->buffer, request->length);
        break;
    case TPP_RECVMSG:
    case TPP_SENDMSG:
        tpps_touch_(message, sizeof *message);
        take_vector(t, message->msg_iov, message->msg_iovlen);
        break;
    case TPP_ACCEPT:
    case TPP_CONNECT:
    case TPP_FSYNC:
    case TPP_FDATASYNC:
    case TPP_POLL:
        break;
    case TPP_OPCODE_COUNT:
    default:
        tpps_fail("a request with opcode %u", request->opcode);
    }
}

/* The file of a request, or TPPS_NO_FILE. */
uint32_t tpps_transfer_file_(const struct tpp_request *request)
{
    uint32_t file = tpps_file_named_(request->descriptor, "operation");
    if (file != TPPS_NO_FILE && request->kind != kind_of(file))
        tpps_fail("request for descriptor %d says that its kind is %u, not %u", request->descriptor,
                  request->kind, kind_of(file));
    return file;
}

static bool reads(const struct tpp_request *request)
{
    return request->opcode == TPP_READ || request->opcode == TPP_READV ||
           request->opcode == TPP_RECV || request->opcode == TPP_RECVMSG;
}

static bool writes(const struct tpp_request *request)
{
    return request->opcode == TPP_WRITE || request->opcode == TPP_WRITEV ||
           request->opcode == TPP_SEND || request->opcode == TPP_SENDMSG;
}

/* ---- what would come of it now --------------------------------------------------------------- */

static struct tpp_outcome failure(int error)
{
    return (struct tpp_outcome){.error = error};
}

static struct tpp_outcome up_to(uint64_t a, uint64_t b)
{
    return (struct tpp_outcome){.bytes = a < b ? a : b};
}

static uint64_t disk_offset(const struct tpps_traffic *t, const struct tpps_transfer *what)
{
    return what->request.offset < 0 ? t->position : (uint64_t)what->request.offset;
}

static struct tpp_outcome found_states(uint32_t events)
{
    return events != 0 ? up_to(events, UINT32_MAX) : failure(EAGAIN);
}

static struct tpp_outcome judge_disk(const struct tpps_traffic *t, const struct tpps_transfer *what)
{
    uint64_t offset = disk_offset(t, what);
    switch ((enum tpp_opcode)what->request.opcode) {
    case TPP_READ:
    case TPP_READV:
        if (t->error != 0)
            return failure(t->error);
        return up_to(what->length, offset < t->size ? t->size - offset : 0);
    case TPP_WRITE:
    case TPP_WRITEV:
    case TPP_FSYNC:
    case TPP_FDATASYNC:
        return t->error != 0 ? failure(t->error) : up_to(what->length, UINT64_MAX);
    case TPP_POLL:
        return found_states(what->request.flags & (DATA | ROOM));
    case TPP_RECV:
    case TPP_SEND:
    case TPP_RECVMSG:
    case TPP_SENDMSG:
    case TPP_ACCEPT:
    case TPP_CONNECT:
    case TPP_OPCODE_COUNT:
    default:
        return failure(ENOTSOCK);
    }
}

static struct tpp_outcome judge_read(const struct tpps_traffic *t, uint64_t length)
{
    if (t->error != 0)
        return failure(t->error);
    if (t->unread != 0 || length == 0)
        return up_to(length, t->unread);
    return t->ended || t->hung_up ? up_to(0, 0) : failure(EAGAIN);
}

static struct tpp_outcome judge_write(const struct tpps_traffic *t, uint64_t length)
{
    if (t->error != 0)
        return failure(t->error);
    if (t->hung_up)
        return failure(EPIPE);
    return t->room != 0 || length == 0 ? up_to(length, t->room) : failure(EAGAIN);
}

static struct tpp_outcome judge_connection(const struct tpps_traffic *t, enum tpp_opcode opcode)
{
    if (opcode == TPP_ACCEPT && t->error != 0)
        return failure(t->error);
    if (opcode == TPP_ACCEPT)
        return failure(!t->listens ? EINVAL : t->offered == 0 ? EAGAIN : 0);
    if (t->connecting == TPPS_CONNECTED)
        return failure(EISCONN);
    return failure(t->answered ? t->answer : EAGAIN);
}

static struct tpp_outcome judge_stream(uint32_t file, const struct tpps_transfer *what)
{
    const struct tpps_traffic *t = &tpps_traffic_[file];
    enum tpp_opcode opcode = (enum tpp_opcode)what->request.opcode;
    uint32_t kind = tpps_file_kind_(file);
    if (opcode == TPP_POLL)
        return found_states(tpps_file_ready_(file) & (what->request.flags | POLLERR | POLLHUP));
    if (opcode == TPP_FSYNC || opcode == TPP_FDATASYNC)
        return failure(EINVAL);
    if (kind != TPPS_SOCKET && opcode >= TPP_RECV)
        return failure(ENOTSOCK);
    if (opcode == TPP_ACCEPT || opcode == TPP_CONNECT)
        return judge_connection(t, opcode);
    if (kind != TPPS_SOCKET && kind != TPPS_STREAM)
        return failure(EINVAL);
    if (kind == TPPS_STREAM && what->request.offset >= 0)
        return failure(ESPIPE);
    return reads(&what->request) ? judge_read(t, what->length) : judge_write(t, what->length);
}

/* With nothing changed: an error, EAGAIN if it has to wait, or how much there is. Who waits while
 * the poller tells what it waits for would be woken again and again: that is for another kind
 * of request, and this one does not fit the file. */
static struct tpp_outcome judge(uint32_t file, const struct tpps_transfer *what)
{
    struct tpp_outcome outcome;
    if (is_disk(file))
        return judge_disk(&tpps_traffic_[file], what);
    outcome = judge_stream(file, what);
    if (outcome.error != EAGAIN || what->request.opcode == TPP_POLL ||
        !(tpps_file_ready_(file) & tpp_operation_states(&what->request)))
        return outcome;
    if (what->request.opcode == TPP_ACCEPT)
        return failure(EINVAL);
    return failure(what->request.opcode == TPP_CONNECT ? EISCONN : ENOTCONN);
}

bool tpps_transfer_due_(uint32_t file, const struct tpps_transfer *what)
{
    return judge(file, what).error != EAGAIN;
}

bool tpps_transfer_nonblocking_(uint32_t file, const struct tpps_transfer *what)
{
    return tpps_traffic_[file].nonblocking && what->request.opcode != TPP_POLL &&
           what->request.opcode != TPP_CONNECT;
}

/* ---- doing it -------------------------------------------------------------------------------- */

uint8_t tpps_byte(uint64_t position)
{
    return (uint8_t)(position * 7 + position / 251 + 1);
}

/* Some of it, if the system likes, but never nothing. */
static uint64_t cut(uint64_t bytes)
{
    if (tpps_calm_ || bytes < 2 || !tpps_rarely_(4))
        return bytes;
    return tpps_choose_(2) == 0 ? 1 : bytes - 1;
}

/* Reading writes the buffers and writing reads them: what is not theirs any more shows. */
static void copy(uint32_t file, const struct tpps_transfer *what, uint64_t bytes, uint64_t position)
{
    for (uint32_t i = 0; i < what->parts && bytes != 0; i++) {
        unsigned char *to = what->part[i].iov_base;
        uint64_t n = what->part[i].iov_len < bytes ? what->part[i].iov_len : bytes;
        tpps_touch_(to, n);
        if (reads(&what->request))
            tpps_content_read_(file, position, to, n);
        else
            tpps_content_write_(file, position, to, n);
        position += n;
        bytes -= n;
    }
}

/* To ThreadSanitizer, which does not see the simulator's own accesses: what the system has done to
 * the memory, as if whoever learns of the outcome had done it. */
void tpps_transfer_show_(const struct tpps_transfer *what, struct tpp_outcome outcome)
{
    bool written = reads(&what->request) && outcome.error == 0;
    uint64_t left = written ? outcome.bytes : UINT64_MAX;
    for (uint32_t i = 0; i < what->parts && left != 0; i++) {
        uint64_t n = what->part[i].iov_len < left ? what->part[i].iov_len : left;
        tpps_tsan_access_(what->part[i].iov_base, n, written);
        left -= n;
    }
}

/* All of the memory that was lent to the system is still there. */
void tpps_transfer_check_(const struct tpps_transfer *what)
{
    const struct tpp_request *request = &what->request;
    for (uint32_t i = 0; i < what->parts; i++)
        tpps_touch_(what->part[i].iov_base, what->part[i].iov_len);
    if (request->opcode == TPP_RECVMSG || request->opcode == TPP_SENDMSG)
        tpps_touch_(request->buffer, sizeof(struct msghdr));
    if ((request->opcode != TPP_ACCEPT && request->opcode != TPP_CONNECT) ||
        request->address == NULL)
        return;
    tpps_touch_(request->address_length, sizeof *request->address_length);
    tpps_touch_(request->address, *request->address_length);
}

static void tell_message(const struct tpps_transfer *what)
{
    struct msghdr *message = what->request.buffer;
    if (what->request.opcode != TPP_RECVMSG)
        return;
    message->msg_namelen = 0;
    message->msg_controllen = 0;
    message->msg_flags = 0;
}

static uint32_t file_of(const struct tpps_traffic *t)
{
    return (uint32_t)(t - tpps_traffic_);
}

static uint64_t do_disk(struct tpps_traffic *t, const struct tpps_transfer *what, uint64_t bytes)
{
    uint64_t offset = disk_offset(t, what);
    copy(file_of(t), what, bytes, offset);
    if (writes(&what->request)) {
        t->given += bytes;
        t->size = offset + bytes > t->size ? offset + bytes : t->size;
    } else if (reads(&what->request))
        t->taken += bytes;
    if (what->request.offset < 0 && (reads(&what->request) || writes(&what->request)))
        t->position += bytes;
    return bytes;
}

static uint64_t do_accept(struct tpps_traffic *t, const struct tpp_request *request)
{
    const uint16_t family = AF_UNIX;
    t->offered--;
    if (request->address != NULL) {
        memcpy(request->address, &family,
               *request->address_length < sizeof family ? *request->address_length : sizeof family);
        *request->address_length = sizeof family;
    }
    return (uint64_t)tpps_file_accept_();
}

static uint64_t do_stream(struct tpps_traffic *t, const struct tpps_transfer *what, uint64_t bytes)
{
    if (what->request.opcode == TPP_ACCEPT)
        return do_accept(t, &what->request);
    if (reads(&what->request)) {
        copy(file_of(t), what, bytes, t->taken);
        tell_message(what);
        t->taken += bytes;
        t->unread -= bytes;
    } else if (writes(&what->request)) {
        copy(file_of(t), what, bytes, t->given);
        t->given += bytes;
        t->room -= bytes;
    }
    return bytes;
}

static void note_error(struct tpps_traffic *t, const struct tpps_transfer *what, int error)
{
    if (what->request.opcode == TPP_CONNECT && t->answered && t->connecting != TPPS_CONNECTED) {
        t->answered = false;
        t->connecting = TPPS_UNCONNECTED;
    } else if (t->error == error)
        t->error = 0;
}

/* False if it was begun before, and not answered yet. */
bool tpps_transfer_connect_(uint32_t file)
{
    struct tpps_traffic *t = &tpps_traffic_[file];
    if (t->connecting == TPPS_BEGUN)
        return t->answered;
    if (t->connecting == TPPS_UNCONNECTED)
        t->connecting = TPPS_BEGUN;
    return true;
}

/* Carries it out on the present state of the file. */
struct tpp_outcome tpps_transfer_make_(uint32_t file, const struct tpps_transfer *what)
{
    struct tpps_traffic *t = &tpps_traffic_[file];
    struct tpp_outcome outcome = judge(file, what);
    tpps_transfer_check_(what);
    if (what->request.opcode == TPP_CONNECT && outcome.error == EAGAIN)
        (void)tpps_transfer_connect_(file);
    if (outcome.error == EAGAIN || what->request.opcode == TPP_POLL)
        return outcome;
    if (outcome.error != 0) {
        note_error(t, what, outcome.error);
    } else if (what->request.opcode == TPP_CONNECT) {
        t->answered = false;
        t->connecting = TPPS_CONNECTED;
    } else if (reads(&what->request) || writes(&what->request) ||
               what->request.opcode == TPP_ACCEPT) {
        outcome.bytes = cut(outcome.bytes);
        outcome.bytes =
            is_disk(file) ? do_disk(t, what, outcome.bytes) : do_stream(t, what, outcome.bytes);
    }
    t->transfers++;
    transfers++;
    tpps_traffic_changed_(file);
    return outcome;
}

/* As the scenario says, whatever the file's state. */
void tpps_transfer_pretend_(uint32_t file, const struct tpps_transfer *what, uint64_t bytes)
{
    tpps_transfer_check_(what);
    if (reads(&what->request) || writes(&what->request)) {
        if (bytes > what->length)
            tpps_fail("completion with more bytes than were asked for");
        copy(file, what, bytes, tpps_traffic_[file].taken);
    }
    tpps_traffic_[file].transfers++;
    transfers++;
}

/* How long the device takes for it; 0 if it need not be asked. */
int64_t tpps_transfer_latency_(uint32_t file, const struct tpps_transfer *what)
{
    const struct tpps_traffic *t = &tpps_traffic_[file];
    bool sync = what->request.opcode == TPP_FSYNC || what->request.opcode == TPP_FDATASYNC;
    if (!is_disk(file) || (!sync && !reads(&what->request) && !writes(&what->request)))
        return 0;
    if (t->cached && kind_of(file) == TPP_DISK && !sync && (tpps_calm_ || !tpps_rarely_(8)))
        return 0;
    return tpps_calm_ ? t->latency : t->latency * (1 + (int64_t)tpps_choose_(3));
}

/* ---- the contract of os.h -------------------------------------------------------------------- */

int tpp_file_kind(int descriptor, enum tpp_file_kind *kind_out)
{
    uint32_t file;
    tpps_point_(TPPS_OP_POLLER, NULL, NULL);
    file = tpps_file_named_(descriptor, "asking for the kind");
    if (file == TPPS_NO_FILE)
        return EBADF;
    if (kind_of(file) == TPP_STREAM && tpps_fault_())
        return EMFILE; /* the system has to ask a poller what it is */
    *kind_out = kind_of(file);
    return 0;
}

/* Without waiting, the system may always say that it would have to. */
struct tpp_outcome tpp_operate(const struct tpp_request *request, bool may_wait)
{
    struct tpps_transfer what;
    struct tpp_outcome outcome;
    int64_t latency;
    uint32_t file;
    tpps_point_(TPPS_OP_POLLER, NULL, NULL);
    file = tpps_transfer_file_(request);
    if (file == TPPS_NO_FILE)
        return failure(EBADF);
    tpps_transfer_take_(&what, request);
    latency = tpps_transfer_latency_(file, &what);
    if (latency != 0 && !may_wait)
        return failure(EAGAIN);
    if (!is_disk(file) && request->opcode != TPP_CONNECT && !tpps_calm_ && tpps_rarely_(16))
        return failure(EAGAIN);
    tpps_file_hold_(file);
    if (latency != 0)
        tpps_park_(TPPS_SLEEP, NULL, tpps_add_time_(tpps_sim_.clock, latency));
    outcome = tpps_transfer_make_(file, &what);
    tpps_transfer_show_(&what, outcome);
    if (outcome.error == EAGAIN && may_wait && is_disk(file))
        outcome.error = EPERM; /* it will never be in that state */
    tpps_file_let_go_(file);
    return outcome;
}

uint32_t tpp_operation_states(const struct tpp_request *request)
{
    if (request->opcode == TPP_POLL)
        return request->flags;
    if (reads(request) || request->opcode == TPP_ACCEPT)
        return POLLIN;
    return writes(request) || request->opcode == TPP_CONNECT ? POLLOUT : 0;
}

void tpp_file_close(int descriptor)
{
    tpps_point_(TPPS_OP_POLLER, NULL, NULL);
    tpps_file_close_(descriptor);
}

/* ---- for scenarios --------------------------------------------------------------------------- */

void tpps_calm_io(bool is_calm)
{
    tpps_calm_ = is_calm;
}

uint32_t tpps_transfers_made(int number)
{
    uint32_t file = tpps_file_of_(number);
    return number < 0 ? transfers : file != TPPS_NO_FILE ? tpps_traffic_[file].transfers : 0;
}

/* ---- a run begins ---------------------------------------------------------------------------- */

void tpps_transfer_begin_(void)
{
    transfers = 0;
    tpps_calm_ = false;
}
