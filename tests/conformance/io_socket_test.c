/* io_socket_test.c - operations on sockets: messages, accept, connect, resets, both ways. */
#define _GNU_SOURCE
#include "tests/conformance/io_kernel.h"

static const int modes[] = {0, SOCK_NONBLOCK}; /* to the caller it is the same */

/* One operation, and what its callback was told. */
static void expect_one(tp_io_t *io, tp_io_op_t op, int32_t error, uint64_t bytes)
{
    struct act act = {.runs = {{0}}};
    op.operation = &act;
    submit(io, op);
    expect_act(&act, error, (int64_t)bytes);
}

static tp_io_op_t with_flags(tp_io_op_t op, int flags)
{
    op.flags = (uint32_t)flags;
    return op;
}

static tp_io_op_t op_name(uint32_t opcode, void *key, void *address, uint32_t *length)
{
    tp_io_op_t op = op_of(opcode, key);
    op.address = address;
    op.address_length = length;
    return op;
}

/* Nobody has told this process what to do with signals: a SIGPIPE would end it. */

/* ---- streams --------------------------------------------------------------------------------- */

static void open_stream(int ends[2], int way, int mode)
{
    if (way == 0)
        open_pair(ends, SOCK_STREAM | mode);
    else
        open_tcp(ends, mode);
}

/* Every opcode that transfers: waiting first, and at once. */
static void to_and_fro(int way, int mode)
{
    static const uint32_t ins[] = {TP_IO_READ, TP_IO_READV, TP_IO_RECV, TP_IO_RECVMSG};
    static const uint32_t outs[] = {TP_IO_WRITE, TP_IO_WRITEV, TP_IO_SEND, TP_IO_SENDMSG};
    struct io_scene s;
    char in[8], out[8] = "abcdefg";
    struct iovec in_vectors[2] = {{in, 3}, {in + 3, 4}}, out_vectors[2] = {{out, 2}, {out + 2, 5}};
    struct msghdr in_message = {.msg_iov = in_vectors, .msg_iovlen = 2};
    struct msghdr out_message = {.msg_iov = out_vectors, .msg_iovlen = 2};
    void *in_buffers[] = {in, in_vectors, in, &in_message};
    void *out_buffers[] = {out, out_vectors, out, &out_message};
    uint64_t lengths[] = {7, 2, 7, 0};
    int ends[2];
    open_stream(ends, way, mode);
    io_begin(&s, 1, ends[0], note);
    for (int i = 0; i < 4; i++) {
        struct act act = {.runs = {{0}}};
        memset(in, 0, sizeof in);
        submit(s.io, op_bytes(ins[i], &act, in_buffers[i], lengths[i]));
        stage_expect_eq(tp_io_wait(s.io, false, STAGE_MS / 2), TP_ERR_TIMEOUT);
        put(ends[1], "1234567");
        expect_act(&act, 0, 7);
        stage_expect(memcmp(in, "1234567", 7) == 0);
        expect_one(s.io, op_bytes(outs[i], NULL, out_buffers[i], lengths[i]), 0, 7);
        stage_expect(got(ends[1], out));
        put(ends[1], "7654321"); /* which is there when it is asked for; over TCP, most likely */
        expect_one(s.io, op_bytes(ins[i], NULL, in_buffers[i], lengths[i]), 0, 7);
        stage_expect(memcmp(in, "7654321", 7) == 0);
    }
    expect_balance(s.pool);
    io_end(&s);
    shut(ends[0]);
    shut(ends[1]);
}

STAGE_TEST(io_socket__c148_every_transfer_over_a_pair)
{
    for (size_t i = 0; i < COUNT(modes); i++)
        to_and_fro(0, modes[i]);
}

STAGE_TEST(io_socket__c148_every_transfer_over_tcp)
{
    for (size_t i = 0; i < COUNT(modes); i++)
        to_and_fro(1, modes[i]);
}

/* Reads wait for what comes and writes for room, at the same time on the same descriptor. */
STAGE_TEST(io_socket__c149_both_ways_at_once)
{
    for (size_t i = 0; i < 2 * COUNT(modes); i++) {
        struct io_scene s;
        struct act reads[3] = {{.runs = {{0}}}}, writes[3] = {{.runs = {{0}}}};
        char in[3] = "", out[3] = "xyz";
        int ends[2];
        open_stream(ends, i / 2 != 0, modes[i % 2]);
        io_begin(&s, 1, ends[0], note);
        cram(ends[0]);
        for (int k = 0; k < 3; k++) {
            submit(s.io, op_bytes(TP_IO_RECV, &reads[k], &in[k], 1));
            submit(s.io, op_bytes(TP_IO_SEND, &writes[k], &out[k], 1));
        }
        settle();
        put(ends[1], "123");
        for (int k = 0; k < 3; k++)
            expect_act(&reads[k], 0, 1);
        stage_expect_eq(in[0] + in[1] + in[2], '1' + '2' + '3');
        while (stage_value(&s.flow.runs) < 6) {
            (void)soak(ends[1]);
            stage_pass(STAGE_MS / 10);
        }
        for (int k = 0; k < 3; k++)
            expect_act(&writes[k], 0, 1);
        expect_balance(s.pool);
        io_end(&s);
        shut(ends[0]);
        shut(ends[1]);
    }
}

/* The other side says no more: 0 bytes, now and for ever; this side may still write. */
STAGE_TEST(io_socket__half_closed_peer)
{
    for (int way = 0; way < 2; way++) {
        struct io_scene s;
        struct act acts[2] = {{.runs = {{0}}}};
        char in[4];
        int ends[2];
        open_stream(ends, way, 0);
        io_begin(&s, 2, ends[0], note);
        submit(s.io, op_bytes(TP_IO_RECV, &acts[0], in, 4));
        submit(s.io, op_poll(&acts[1], POLLRDHUP));
        settle();
        expect_no_act(&acts[0]);
        expect_no_act(&acts[1]);
        stage_expect_eq(shutdown(ends[1], SHUT_WR), 0);
        expect_act(&acts[0], 0, 0);
        expect_act(&acts[1], 0, POLLRDHUP);
        expect_one(s.io, op_bytes(TP_IO_READ, NULL, in, 4), 0, 0);
        expect_one(s.io, op_bytes(TP_IO_WRITE, NULL, (char[]){"back"}, 4), 0, 4);
        stage_expect(got(ends[1], "back"));
        io_end(&s);
        shut(ends[0]);
        shut(ends[1]);
    }
}

/* This side itself says that it reads no more while it does. */
STAGE_TEST(io_socket__own_shutdown_ends_what_is_in_flight)
{
    for (int way = 0; way < 2; way++) {
        struct io_scene s;
        struct act act = {.runs = {{0}}};
        char in[4];
        int ends[2];
        open_stream(ends, way, 0);
        io_begin(&s, 2, ends[0], note);
        submit(s.io, op_bytes(TP_IO_RECV, &act, in, 4));
        settle();
        stage_expect_eq(shutdown(ends[0], SHUT_RDWR), 0);
        expect_act(&act, 0, 0);
        expect_one(s.io, op_bytes(TP_IO_SEND, NULL, in, 4), EPIPE, 0);
        io_end(&s);
        shut(ends[0]);
        shut(ends[1]);
    }
}

STAGE_TEST(io_socket__every_write_to_a_closed_peer_is_epipe_and_no_signal)
{
    for (size_t i = 0; i < COUNT(modes); i++) {
        struct io_scene s;
        struct iovec vector = {(char[]){"x"}, 1};
        struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
        int ends[2];
        open_pair(ends, SOCK_STREAM | modes[i]);
        io_begin(&s, 2, ends[0], note);
        shut(ends[1]);
        expect_one(s.io, op_bytes(TP_IO_WRITE, NULL, vector.iov_base, 1), EPIPE, 0);
        expect_one(s.io, op_bytes(TP_IO_SEND, NULL, vector.iov_base, 1), EPIPE, 0);
        expect_one(s.io, op_bytes(TP_IO_WRITEV, NULL, &vector, 1), EPIPE, 0);
        expect_one(s.io, op_bytes(TP_IO_SENDMSG, NULL, &message, 0), EPIPE, 0);
        expect_one(s.io, op_bytes(TP_IO_READ, NULL, vector.iov_base, 1), 0, 0);
        io_end(&s);
        shut(ends[0]);
    }
}

/* A write in flight, to a peer that goes without having read. */
STAGE_TEST(io_socket__peer_goes_while_a_write_waits)
{
    for (size_t i = 0; i < COUNT(modes); i++) {
        struct io_scene s;
        struct act act = {.runs = {{0}}};
        int ends[2];
        open_pair(ends, SOCK_STREAM | modes[i]);
        cram(ends[0]);
        io_begin(&s, 2, ends[0], note);
        submit(s.io, op_bytes(TP_IO_WRITE, &act, (char[]){"x"}, 1));
        settle();
        expect_no_act(&act);
        shut(ends[1]);
        stage_await(&act.runs, 1);
        int32_t error = (int32_t)tpp_load_acquire(&act.error);
        stage_expect(error == EPIPE || error == ECONNRESET);
        stage_expect_eq(tpp_load_acquire(&act.bytes), 0);
        io_end(&s);
        shut(ends[0]);
    }
}

/* A peer that resets the connection: who reads is told. */
STAGE_TEST(io_socket__reset)
{
    for (size_t i = 0; i < COUNT(modes); i++) {
        struct io_scene s;
        struct act acts[2] = {{.runs = {{0}}}};
        struct linger at_once = {.l_onoff = 1};
        char in[4];
        int ends[2];
        open_tcp(ends, modes[i]);
        io_begin(&s, 2, ends[0], note);
        submit(s.io, op_bytes(TP_IO_RECV, &acts[0], in, 4));
        submit(s.io, op_poll(&acts[1], 0));
        settle();
        stage_expect_eq(setsockopt(ends[1], SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
        shut(ends[1]);
        expect_act(&acts[0], ECONNRESET, 0);
        stage_await(&acts[1].runs, 1);
        stage_expect_eq(tpp_load_acquire(&acts[1].error), 0);
        stage_expect(tpp_load_acquire(&acts[1].bytes) & POLLHUP);
        expect_one(s.io, op_bytes(TP_IO_SEND, NULL, in, 4), EPIPE, 0);
        io_end(&s);
        shut(ends[0]);
    }
}

STAGE_TEST(io_socket__flags)
{
    struct io_scene s;
    char in[8] = "";
    int ends[2];
    open_pair(ends, SOCK_STREAM);
    io_begin(&s, 2, ends[0], note);
    put(ends[1], "peek");
    expect_one(s.io, with_flags(op_bytes(TP_IO_RECV, NULL, in, 8), MSG_PEEK), 0, 4);
    expect_one(s.io, op_bytes(TP_IO_RECV, NULL, in, 8), 0, 4);
    stage_expect(memcmp(in, "peek", 5) == 0);
    expect_one(s.io, with_flags(op_bytes(TP_IO_SEND, NULL, in, 4), MSG_NOSIGNAL), 0, 4);
    stage_expect(got(ends[1], "peek"));
    io_end(&s);
    shut(ends[0]);
    shut(ends[1]);
}

/* A descriptor travels in a message; what it names is the same file. */
STAGE_TEST(io_socket__message_with_a_descriptor)
{
    struct io_scene s;
    struct flow flow = {.io = NULL};
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } out = {.header = {.cmsg_len = CMSG_LEN(sizeof(int)),
                        .cmsg_level = SOL_SOCKET,
                        .cmsg_type = SCM_RIGHTS}},
      in = {.room = ""};
    char byte = 'x', back = 0;
    struct iovec vectors[2] = {{&byte, 1}, {&back, 1}};
    struct msghdr sent = {
        .msg_iov = &vectors[0], .msg_iovlen = 1, .msg_control = &out, .msg_controllen = sizeof out};
    struct msghdr received = {
        .msg_iov = &vectors[1], .msg_iovlen = 1, .msg_control = &in, .msg_controllen = sizeof in};
    struct act act = {.runs = {{0}}};
    int ends[2], counter = open_counter(7, 0), passed = -1;
    uint64_t count = 0;
    memcpy(CMSG_DATA(&out.header), &counter, sizeof counter);
    open_pair(ends, SOCK_STREAM);
    io_begin(&s, 2, ends[0], note);
    tp_io_t *other = make_io(ends[1], note, &flow, s.env);
    submit(other, with_flags(op_bytes(TP_IO_RECVMSG, &act, &received, 0), MSG_CMSG_CLOEXEC));
    expect_one(s.io, op_bytes(TP_IO_SENDMSG, NULL, &sent, 0), 0, 1);
    expect_act(&act, 0, 1);
    stage_require(received.msg_controllen >= CMSG_LEN(sizeof(int)));
    memcpy(&passed, CMSG_DATA(CMSG_FIRSTHDR(&received)), sizeof passed);
    stage_expect_eq(read(passed, &count, 8), 8);
    stage_expect_eq(count, 7);
    stage_expect(fcntl(passed, F_GETFD) & FD_CLOEXEC);
    wait_io(other, false);
    close_io(other);
    stage_await(&flow.released, 1);
    io_end(&s);
    shut(passed);
    shut(counter);
    shut(ends[0]);
    shut(ends[1]);
}

/* ---- datagrams ------------------------------------------------------------------------------- */

STAGE_TEST(io_socket__datagrams)
{
    struct io_scene s;
    struct sockaddr_in here, there, from;
    struct act act = {.runs = {{0}}};
    char in[4] = "", out[] = "datagram";
    struct iovec in_vector = {in, 4}, out_vector = {out, 8};
    int near = bound_inet(SOCK_DGRAM, &here), far = bound_inet(SOCK_DGRAM, &there);
    struct msghdr received = {
        .msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &in_vector, .msg_iovlen = 1};
    struct msghdr sent = {
        .msg_name = &there, .msg_namelen = sizeof there, .msg_iov = &out_vector, .msg_iovlen = 1};
    io_begin(&s, 2, near, note);
    expect_one(s.io, op_bytes(TP_IO_SENDMSG, NULL, &sent, 0), 0, 8);
    stage_expect(got(far, "datagram"));
    submit(s.io, op_bytes(TP_IO_RECVMSG, &act, &received, 0));
    settle();
    expect_no_act(&act);
    stage_expect_eq(sendto(far, out, 8, 0, (struct sockaddr *)&here, sizeof here), 8);
    expect_act_again(&act, 0, 4);
    stage_expect(received.msg_flags & MSG_TRUNC);
    stage_expect(received.msg_namelen == sizeof from && from.sin_port == there.sin_port);
    submit(s.io, op_bytes(TP_IO_RECV, &act, in, 4)); /* one without content */
    stage_expect_eq(sendto(far, out, 0, 0, (struct sockaddr *)&here, sizeof here), 0);
    expect_act_again(&act, 0, 0);
    stage_expect_eq(connect(near, (struct sockaddr *)&there, sizeof there), 0);
    expect_one(s.io, op_bytes(TP_IO_WRITE, NULL, out, 0), 0, 0);
    stage_expect_eq(recv(far, in, 4, MSG_DONTWAIT), 0);
    shut(far); /* nobody is there any more: the next but one is told */
    expect_one(s.io, op_bytes(TP_IO_SEND, NULL, out, 8), 0, 8);
    expect_one(s.io, op_bytes(TP_IO_RECV, NULL, in, 4), ECONNREFUSED, 0);
    io_end(&s);
    shut(near);
}

STAGE_TEST(io_socket__message_that_is_too_long)
{
    struct io_scene s;
    static uint8_t bytes[1 << 20];
    int ends[2];
    open_pair(ends, SOCK_SEQPACKET);
    io_begin(&s, 2, ends[0], note);
    expect_one(s.io, op_bytes(TP_IO_SEND, NULL, bytes, sizeof bytes), EMSGSIZE, 0);
    expect_one(s.io, op_bytes(TP_IO_SEND, NULL, bytes, 10), 0, 10);
    io_end(&s);
    shut(ends[0]);
    shut(ends[1]);
}

/* ---- accept ---------------------------------------------------------------------------------- */

static int connected_to(const struct sockaddr_in *address)
{
    int fd = open_inet(SOCK_STREAM);
    stage_expect_eq(connect(fd, (const struct sockaddr *)address, sizeof *address), 0);
    return fd;
}

static int accepted(struct act *act)
{
    stage_await(&act->runs, 1);
    stage_expect_eq(stage_value(&act->runs), 1);
    stage_expect_eq(tpp_load_acquire(&act->error), 0);
    return (int)tpp_load_acquire(&act->bytes);
}

/* The new descriptor is closed on exec, and blocks or does not as the flags say, whatever the
 * listening one does. */
STAGE_TEST(io_socket__accept_gives_descriptor_flags_and_address)
{
    for (size_t i = 0; i < 2 * COUNT(modes); i++) {
        struct io_scene s;
        struct sockaddr_in here, peer = {.sin_family = 0}, name;
        uint32_t length = sizeof peer;
        socklen_t name_length = sizeof name;
        struct act act = {.runs = {{0}}};
        int flags = i / 2 ? SOCK_NONBLOCK : 0, listener = listen_inet(&here, 5, modes[i % 2]);
        io_begin(&s, 1, listener, note);
        submit(s.io, with_flags(op_name(TP_IO_ACCEPT, &act, &peer, &length), flags));
        stage_expect_eq(tp_io_wait(s.io, false, STAGE_MS), TP_ERR_TIMEOUT);
        int near = connected_to(&here), far = accepted(&act);
        stage_expect(fcntl(far, F_GETFD) & FD_CLOEXEC);
        stage_expect_eq((fcntl(far, F_GETFL) & O_NONBLOCK) != 0, flags != 0);
        stage_expect_eq(getsockname(near, (struct sockaddr *)&name, &name_length), 0);
        stage_expect_eq(length, sizeof peer);
        stage_expect(peer.sin_family == AF_INET && peer.sin_port == name.sin_port);
        put(near, "hello");
        stage_expect(got(far, "hello"));
        shut(near);
        shut(far);
        near = connected_to(&here); /* one that is there already; nobody asks for its name */
        act = (struct act){.runs = {{0}}};
        submit(s.io, op_of(TP_IO_ACCEPT, &act));
        far = accepted(&act);
        stage_expect(fcntl(far, F_GETFD) & FD_CLOEXEC);
        shut(near);
        shut(far);
        io_end(&s);
        shut(listener);
    }
}

STAGE_TEST(io_socket__c149_many_accepts_in_flight)
{
    enum { MANY = 20 };
    struct io_scene s;
    struct sockaddr_in here;
    struct act acts[MANY] = {{.runs = {{0}}}};
    int nears[MANY], fars[MANY], listener = listen_inet(&here, MANY, 0);
    io_begin(&s, 2, listener, note);
    for (int i = 0; i < MANY; i++)
        submit(s.io, op_of(TP_IO_ACCEPT, &acts[i]));
    for (int i = 0; i < MANY; i++) {
        nears[i] = connected_to(&here);
        stage_await(&s.flow.runs, (uint32_t)i + 1);
    }
    for (int i = 0; i < MANY; i++) {
        fars[i] = accepted(&acts[i]);
        for (int k = 0; k < i; k++)
            stage_expect(fars[k] != fars[i]);
    }
    settle();
    stage_expect_eq(stage_value(&s.flow.runs), MANY);
    for (int i = 0; i < MANY; i++) {
        shut(nears[i]);
        shut(fars[i]);
    }
    expect_balance(s.pool);
    io_end(&s);
    shut(listener);
}

STAGE_TEST(io_socket__accept_where_nobody_listens)
{
    struct io_scene s;
    struct sockaddr_in here;
    int fd = bound_inet(SOCK_STREAM, &here), ends[2];
    open_pair(ends, SOCK_DGRAM);
    io_begin(&s, 2, fd, note);
    expect_one(s.io, op_of(TP_IO_ACCEPT, NULL), EINVAL, 0);
    io_end(&s);
    io_begin(&s, 2, ends[0], note);
    expect_one(s.io, op_of(TP_IO_ACCEPT, NULL), EOPNOTSUPP, 0);
    io_end(&s);
    shut(fd);
    shut(ends[0]);
    shut(ends[1]);
}

/* ---- connect --------------------------------------------------------------------------------- */

STAGE_TEST(io_socket__connect_succeeds)
{
    for (size_t i = 0; i < COUNT(modes); i++) {
        struct io_scene s;
        struct sockaddr_in here;
        uint32_t length = sizeof here;
        char in[4] = "";
        int listener = listen_inet(&here, 5, 0), fd = open_inet(SOCK_STREAM | modes[i]);
        io_begin(&s, 2, fd, note);
        expect_one(s.io, op_name(TP_IO_CONNECT, NULL, &here, &length), 0, 0);
        int far = accept(listener, NULL, NULL);
        put(far, "abc");
        expect_one(s.io, op_bytes(TP_IO_RECV, NULL, in, 4), 0, 3);
        expect_one(s.io, op_name(TP_IO_CONNECT, NULL, &here, &length), EISCONN, 0);
        stage_expect_eq((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0, modes[i] != 0); /* as it was */
        io_end(&s);
        shut(far);
        shut(fd);
        shut(listener);
    }
}

STAGE_TEST(io_socket__connect_is_refused)
{
    for (size_t i = 0; i < COUNT(modes); i++) {
        struct io_scene s;
        struct sockaddr_in nobody;
        struct sockaddr_un nowhere = {.sun_family = AF_UNIX, .sun_path = "/nonexistent/socket"};
        uint32_t length = sizeof nobody, name_length = sizeof nowhere;
        int listener = bound_inet(SOCK_STREAM, &nobody), fd = open_inet(SOCK_STREAM | modes[i]);
        int local = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | modes[i], 0);
        io_begin(&s, 2, fd, note);
        expect_one(s.io, op_name(TP_IO_CONNECT, NULL, &nobody, &length), ECONNREFUSED, 0);
        stage_expect_eq(listen(listener, 1), 0); /* it may try again */
        expect_one(s.io, op_name(TP_IO_CONNECT, NULL, &nobody, &length), 0, 0);
        io_end(&s);
        io_begin(&s, 2, local, note);
        expect_one(s.io, op_name(TP_IO_CONNECT, NULL, &nowhere, &name_length), ENOENT, 0);
        expect_one(s.io, op_name(TP_IO_CONNECT, NULL, &nobody, &length), EINVAL, 0);
        io_end(&s);
        shut(fd);
        shut(local);
        shut(listener);
    }
}

STAGE_TEST(io_socket__what_is_not_connected)
{
    struct io_scene s;
    char in[4] = "abc";
    int fd = open_inet(SOCK_STREAM);
    io_begin(&s, 2, fd, note);
    expect_one(s.io, op_bytes(TP_IO_RECV, NULL, in, 4), ENOTCONN, 0);
    expect_one(s.io, op_bytes(TP_IO_SEND, NULL, in, 4), EPIPE, 0);
    io_end(&s);
    shut(fd);
}

/* A name without a file (abstract), and a listener whose queue is full: the connect waits until it
 * is accepted, and no thread of the pool with it; or it is told at once, where that cannot be. */
STAGE_TEST(io_socket__connect_to_a_full_queue)
{
    struct io_scene s;
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    struct act act = {.runs = {{0}}};
    uint32_t length = sizeof(sa_family_t);
    socklen_t name_length = sizeof name;
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), queued[8], count = 0, fd;
    stage_expect_eq(bind(listener, (struct sockaddr *)&name, (socklen_t)length), 0);
    stage_expect_eq(getsockname(listener, (struct sockaddr *)&name, &name_length), 0);
    stage_expect_eq(listen(listener, 1), 0);
    length = name_length;
    do
        queued[count] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    while (connect(queued[count++], (struct sockaddr *)&name, name_length) == 0 && count < 8);
    stage_expect(count < 8);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    io_begin(&s, 2, fd, note);
    submit(s.io, op_name(TP_IO_CONNECT, &act, &name, &length));
    stage_pass(2 * STAGE_MS);
    while (stage_value(&act.runs) == 0) { /* one by one there is room */
        int far = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        stage_expect(far >= 0);
        shut(far);
        stage_await_for(&act.runs, 1, 5 * STAGE_S);
    }
    int32_t error = (int32_t)tpp_load_acquire(&act.error);
    stage_expect(error == 0 || error == ECONNREFUSED);
    io_end(&s);
    while (count > 0)
        shut(queued[--count]);
    shut(fd);
    shut(listener);
}

IO_MAIN(REAL(io_socket__c148_every_transfer_over_a_pair),
        REAL(io_socket__c148_every_transfer_over_tcp), REAL(io_socket__c149_both_ways_at_once),
        REAL(io_socket__half_closed_peer), REAL(io_socket__own_shutdown_ends_what_is_in_flight),
        REAL(io_socket__every_write_to_a_closed_peer_is_epipe_and_no_signal),
        REAL(io_socket__peer_goes_while_a_write_waits), REAL(io_socket__reset),
        REAL(io_socket__flags), REAL(io_socket__message_with_a_descriptor),
        REAL(io_socket__datagrams), REAL(io_socket__message_that_is_too_long),
        REAL(io_socket__accept_gives_descriptor_flags_and_address),
        REAL(io_socket__c149_many_accepts_in_flight), REAL(io_socket__accept_where_nobody_listens),
        REAL(io_socket__connect_succeeds), REAL(io_socket__connect_is_refused),
        REAL(io_socket__what_is_not_connected), REAL(io_socket__connect_to_a_full_queue))
