/* io_file_test.c - operations on files: offsets, position, end, vectors, errors, devices. */
#define _GNU_SOURCE
#include "tests/conformance/driven_scene.h"
#include "tests/conformance/io_kernel.h"

enum { PAGE = 4096 };

/* One operation, and what its callback was told. */
static void expect_one(tp_io_t *io, tp_io_op_t op, int32_t error, uint64_t bytes)
{
    struct act act = {.runs = {{0}}};
    op.operation = &act;
    submit(io, op);
    expect_act(&act, error, (int64_t)bytes);
}

/* ---- offsets --------------------------------------------------------------------------------- */

STAGE_TEST(io_file__c148_read_and_write_at_an_offset_leave_the_position)
{
    struct io_scene s;
    char bytes[16] = "";
    int fd = open_filled(3 * PAGE);
    stage_expect_eq(lseek(fd, 77, SEEK_SET), 77);
    io_begin(&s, 2, fd, note);
    expect_one(s.io, op_at(TP_IO_WRITE, NULL, (char[]){"hello"}, 5, PAGE - 2), 0, 5);
    expect_one(s.io, op_at(TP_IO_READ, NULL, bytes, 5, PAGE - 2), 0, 5);
    stage_expect(memcmp(bytes, "hello", 6) == 0);
    expect_one(s.io, op_at(TP_IO_READ, NULL, bytes, 1, 0), 0, 1);
    stage_expect(bytes_are((uint8_t *)bytes, 1, 0) && bytes[1] == 'e');
    expect_one(s.io, op_at(TP_IO_READ, NULL, bytes, 0, 0), 0, 0);
    stage_expect_eq(lseek(fd, 0, SEEK_CUR), 77);
    stage_expect_eq(pread(fd, bytes, 7, PAGE - 3), 7);
    stage_expect(memcmp(bytes + 1, "hello", 5) == 0);
    expect_balance(s.pool);
    io_end(&s);
    shut(fd);
}

/* -1 is the file's own position, which moves by what was transferred. */
STAGE_TEST(io_file__offset_of_minus_1_is_the_position_of_the_file)
{
    struct io_scene s;
    uint8_t bytes[100];
    char text[] = "abc";
    struct iovec vectors[2] = {{text, 1}, {text + 1, 2}};
    int fd = open_filled(3 * PAGE);
    stage_expect_eq(lseek(fd, PAGE - 50, SEEK_SET), PAGE - 50);
    io_begin(&s, 2, fd, note);
    for (int i = 0; i < 5; i++) {
        expect_one(s.io, op_at(TP_IO_READ, NULL, bytes, 20, -1), 0, 20);
        stage_expect(bytes_are(bytes, 20, (uint64_t)(PAGE - 50 + i * 20)));
        stage_expect_eq(lseek(fd, 0, SEEK_CUR), PAGE - 50 + (i + 1) * 20);
    }
    expect_one(s.io, op_at(TP_IO_WRITE, NULL, text, 3, -1), 0, 3);
    expect_one(s.io, op_at(TP_IO_WRITEV, NULL, vectors, 2, -1), 0, 3);
    stage_expect_eq(lseek(fd, 0, SEEK_CUR), PAGE + 56);
    stage_expect_eq(pread(fd, bytes, 6, PAGE + 50), 6);
    stage_expect(memcmp(bytes, "abcabc", 6) == 0);
    io_end(&s);
    shut(fd);
}

STAGE_TEST(io_file__writes_at_the_end_with_append)
{
    struct io_scene s;
    char bytes[8];
    int fd = open_file();
    stage_expect_eq(fcntl(fd, F_SETFL, O_APPEND), 0);
    io_begin(&s, 2, fd, note);
    expect_one(s.io, op_at(TP_IO_WRITE, NULL, (char[]){"one"}, 3, -1), 0, 3);
    expect_one(s.io, op_at(TP_IO_WRITE, NULL, (char[]){"two"}, 3, -1), 0, 3);
    stage_expect_eq(pread(fd, bytes, 8, 0), 6);
    stage_expect(memcmp(bytes, "onetwo", 6) == 0);
    io_end(&s);
    shut(fd);
}

/* The end of the file is 0 bytes and no error; what is next to it is short. */
STAGE_TEST(io_file__end_of_file_is_no_bytes_and_no_error)
{
    struct io_scene s;
    uint8_t bytes[100] = {0};
    struct iovec vectors[2] = {{bytes, 6}, {bytes + 6, 6}};
    int fd = open_filled(10);
    io_begin(&s, 2, fd, note);
    expect_one(s.io, op_at(TP_IO_READ, NULL, bytes, 100, 10), 0, 0);
    expect_one(s.io, op_at(TP_IO_READ, NULL, bytes, 100, INT64_C(1) << 40), 0, 0);
    expect_one(s.io, op_at(TP_IO_READ, NULL, bytes, 100, 7), 0, 3);
    stage_expect(bytes_are(bytes, 3, 7));
    expect_one(s.io, op_at(TP_IO_READV, NULL, vectors, 2, 0), 0, 10);
    stage_expect(bytes_are(bytes, 10, 0));
    expect_one(s.io, op_at(TP_IO_READV, NULL, vectors, 2, 11), 0, 0);
    stage_expect_eq(lseek(fd, 0, SEEK_END), 10);
    expect_one(s.io, op_at(TP_IO_READ, NULL, bytes, 100, -1), 0, 0);
    io_end(&s);
    shut(fd);
}

STAGE_TEST(io_file__vectors)
{
    enum { MANY = 1024 };
    struct io_scene s;
    static uint8_t bytes[MANY * 3], back[MANY * 3];
    static struct iovec out[MANY], in[MANY];
    int fd = open_file();
    fill_bytes(bytes, sizeof bytes, 0);
    for (int i = 0; i < MANY; i++) {
        out[i] = (struct iovec){bytes + 3 * i, 3};
        in[i] = (struct iovec){back + 3 * i, 3};
    }
    out[5].iov_len = 0; /* nothing of this one */
    in[5].iov_len = 0;
    io_begin(&s, 2, fd, note);
    expect_one(s.io, op_at(TP_IO_WRITEV, NULL, out, MANY, 100), 0, 3 * MANY - 3);
    expect_one(s.io, op_at(TP_IO_READV, NULL, in, MANY, 100), 0, 3 * MANY - 3);
    stage_expect(memcmp(bytes, back, 15) == 0 && memcmp(bytes + 18, back + 18, 3 * MANY - 18) == 0);
    stage_expect(back[15] == 0 && back[16] == 0);
    expect_one(s.io, op_at(TP_IO_WRITEV, NULL, out, 0, 100), 0, 0);
    io_end(&s);
    shut(fd);
}

/* ---- many, large, not in memory -------------------------------------------------------------- */

enum { READS = 64, EACH = 1500 };

static void read_side_by_side(int fd, tp_pool_t *pool)
{
    struct io_scene s;
    static uint8_t bytes[READS][EACH];
    static struct act acts[READS];
    memset(bytes, 0, sizeof bytes);
    memset(acts, 0, sizeof acts);
    io_begin_on(&s, pool, fd, note);
    for (int i = 0; i < READS; i++)
        submit(s.io, op_at(TP_IO_READ, &acts[i], bytes[i], EACH, (READS - 1 - i) * EACH));
    wait_io(s.io, false);
    for (int i = 0; i < READS; i++) {
        expect_act(&acts[i], 0, EACH);
        stage_expect(bytes_are(bytes[i], EACH, (uint64_t)((READS - 1 - i) * EACH)));
    }
    stage_expect_eq(stage_value(&s.flow.runs), READS);
    expect_balance(s.pool);
    io_end(&s);
}

STAGE_TEST(io_file__c149_many_reads_in_flight)
{
    int fd = open_filled(READS * EACH);
    read_side_by_side(fd, scene_pool(2));
    read_side_by_side(fd, scene_pool(1));
    shut(fd);
}

/* What is not in memory is waited for elsewhere, not by the threads of the pool alone. */
STAGE_TEST(io_file__c149_many_reads_of_what_is_not_cached)
{
    int fd = open_filled(READS * EACH);
    for (int threads = 1; threads <= 3; threads += 2) {
        stage_expect_eq(fsync(fd), 0);
        stage_expect_eq(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
        read_side_by_side(fd, scene_pool((uint32_t)threads));
    }
    shut(fd);
}

STAGE_TEST(io_file__transfers_of_megabytes)
{
    enum { SIZE = 3 << 20 };
    struct io_scene s;
    uint8_t *bytes = malloc(SIZE), *back = calloc(1, SIZE);
    int fd = open_file();
    if (!bytes || !back)
        abort();
    fill_bytes(bytes, SIZE, 0);
    io_begin(&s, 2, fd, note);
    for (uint64_t done = 0; done < SIZE;) {
        struct act act = {.runs = {{0}}};
        submit(s.io, op_at(TP_IO_WRITE, &act, bytes + done, SIZE - done, (int64_t)done));
        stage_await(&act.runs, 1);
        stage_require(tpp_load_acquire(&act.error) == 0 && tpp_load_acquire(&act.bytes) > 0);
        done += tpp_load_acquire(&act.bytes);
    }
    stage_expect_eq(lseek(fd, 0, SEEK_END), SIZE);
    for (uint64_t done = 0; done < SIZE;) {
        struct act act = {.runs = {{0}}};
        submit(s.io, op_at(TP_IO_READ, &act, back + done, SIZE - done, (int64_t)done));
        stage_await(&act.runs, 1);
        stage_require(tpp_load_acquire(&act.error) == 0 && tpp_load_acquire(&act.bytes) > 0);
        done += tpp_load_acquire(&act.bytes);
    }
    stage_expect(memcmp(bytes, back, SIZE) == 0);
    io_end(&s);
    free(bytes);
    free(back);
    shut(fd);
}

STAGE_TEST(io_file__syncs)
{
    struct io_scene s;
    struct act acts[8] = {{.runs = {{0}}}};
    char text[] = "x";
    int fd = open_file(), pipe_ends[2];
    open_pipe(pipe_ends, 0);
    io_begin(&s, 2, fd, note);
    for (int i = 0; i < 8; i++)
        if (i % 2 == 0)
            submit(s.io, op_at(TP_IO_WRITE, &acts[i], text, 1, i));
        else
            submit(s.io, op_of(i % 4 == 1 ? TP_IO_FSYNC : TP_IO_FDATASYNC, &acts[i]));
    for (int i = 0; i < 8; i++)
        expect_act(&acts[i], 0, i % 2 == 0);
    io_end(&s);
    io_begin(&s, 2, pipe_ends[0], note); /* what cannot be synchronised */
    expect_one(s.io, op_of(TP_IO_FSYNC, NULL), EINVAL, 0);
    expect_one(s.io, op_of(TP_IO_FDATASYNC, NULL), EINVAL, 0);
    io_end(&s);
    shut(pipe_ends[0]);
    shut(pipe_ends[1]);
    shut(fd);
}

STAGE_TEST(io_file__memory_file)
{
    struct io_scene s;
    char bytes[4] = "";
    int fd = memfd_create("tp", MFD_CLOEXEC);
    stage_expect(fd >= 0);
    io_begin(&s, 2, fd, note);
    expect_one(s.io, op_at(TP_IO_WRITE, NULL, (char[]){"abc"}, 3, 5), 0, 3);
    expect_one(s.io, op_at(TP_IO_READ, NULL, bytes, 4, 5), 0, 3);
    stage_expect(memcmp(bytes, "abc", 3) == 0);
    expect_one(s.io, op_of(TP_IO_FSYNC, NULL), 0, 0);
    io_end(&s);
    shut(fd);
}

/* O_DIRECT: what the file system refuses is told; what it takes is right. */
STAGE_TEST(io_file__direct)
{
    struct io_scene s;
    uint8_t *page = aligned_alloc(PAGE, PAGE);
    int fd = open_filled(2 * PAGE);
    if (!page)
        abort();
    stage_expect_eq(fsync(fd), 0);
    if (fcntl(fd, F_SETFL, O_DIRECT) != 0) {
        stage_skip("the file system has no O_DIRECT");
        free(page);
        shut(fd);
        return;
    }
    io_begin(&s, 2, fd, note);
    expect_one(s.io, op_at(TP_IO_READ, NULL, page, PAGE, PAGE), 0, PAGE);
    stage_expect(bytes_are(page, PAGE, PAGE));
    expect_one(s.io, op_at(TP_IO_WRITE, NULL, page, PAGE, 0), 0, PAGE);
    expect_one(s.io, op_at(TP_IO_READ, NULL, page, PAGE, 0), 0, PAGE);
    stage_expect(bytes_are(page, PAGE, PAGE));
    io_end(&s);
    free(page);
    shut(fd);
}

/* ---- errors ---------------------------------------------------------------------------------- */

static int reopened(int fd, int flags)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int other = open(path, flags | O_CLOEXEC);
    stage_expect(other >= 0);
    return other;
}

/* The file is open, but not for this: the operation itself fails, and the callback is told. */
STAGE_TEST(io_file__mode_that_does_not_allow_it_is_ebadf)
{
    struct io_scene s;
    char bytes[4] = "abc";
    struct iovec vector = {bytes, 3};
    int fd = open_filled(10), ends[2];
    int read_only = reopened(fd, O_RDONLY), write_only = reopened(fd, O_WRONLY);
    open_pipe(ends, 0);
    int writers[2] = {write_only, ends[1]}, readers[2] = {read_only, ends[0]};
    for (int i = 0; i < 2; i++) {
        int64_t offset = i ? -1 : 0;
        io_begin(&s, 2, writers[i], note);
        expect_one(s.io, op_at(TP_IO_READ, NULL, bytes, 3, offset), EBADF, 0);
        expect_one(s.io, op_at(TP_IO_READV, NULL, &vector, 1, offset), EBADF, 0);
        expect_one(s.io, op_at(TP_IO_WRITE, NULL, bytes, 3, offset), 0, 3);
        io_end(&s);
        io_begin(&s, 2, readers[i], note);
        expect_one(s.io, op_at(TP_IO_WRITE, NULL, bytes, 3, offset), EBADF, 0);
        expect_one(s.io, op_at(TP_IO_WRITEV, NULL, &vector, 1, offset), EBADF, 0);
        expect_one(s.io, op_at(TP_IO_READ, NULL, bytes, 3, offset), 0, 3);
        io_end(&s);
    }
    shut(read_only);
    shut(write_only);
    shut(ends[0]);
    shut(ends[1]);
    shut(fd);
}

STAGE_TEST(io_file__what_wants_a_socket_is_enotsock)
{
    struct io_scene s;
    struct sockaddr_in address = loopback();
    uint32_t length = sizeof address;
    char bytes[4] = "abc";
    struct iovec vector = {bytes, 3};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
    int file = open_file(), ends[2];
    open_pipe(ends, 0);
    int fds[3] = {file, ends[0], ends[1]};
    for (int i = 0; i < 3; i++) {
        tp_io_op_t connect_op = op_of(TP_IO_CONNECT, NULL);
        connect_op.address = &address;
        connect_op.address_length = &length;
        io_begin(&s, 2, fds[i], note);
        expect_one(s.io, op_bytes(TP_IO_RECV, NULL, bytes, 3), ENOTSOCK, 0);
        expect_one(s.io, op_bytes(TP_IO_SEND, NULL, bytes, 3), ENOTSOCK, 0);
        expect_one(s.io, op_bytes(TP_IO_RECVMSG, NULL, &message, 0), ENOTSOCK, 0);
        expect_one(s.io, op_bytes(TP_IO_SENDMSG, NULL, &message, 0), ENOTSOCK, 0);
        expect_one(s.io, op_of(TP_IO_ACCEPT, NULL), ENOTSOCK, 0);
        expect_one(s.io, connect_op, ENOTSOCK, 0);
        io_end(&s);
    }
    shut(file);
    shut(ends[0]);
    shut(ends[1]);
}

STAGE_TEST(io_file__directory_and_a_bad_address)
{
    struct io_scene s;
    char bytes[16];
    int folder = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd = open_filled(100), ends[2];
    void *nowhere = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    stage_expect(nowhere != MAP_FAILED);
    io_begin(&s, 2, folder, note);
    expect_one(s.io, op_at(TP_IO_READ, NULL, bytes, 16, 0), EISDIR, 0);
    io_end(&s);
    io_begin(&s, 2, fd, note);
    expect_one(s.io, op_at(TP_IO_READ, NULL, nowhere, 16, 0), EFAULT, 0);
    expect_one(s.io, op_at(TP_IO_WRITE, NULL, nowhere, 16, 0), EFAULT, 0);
    io_end(&s);
    open_pair(ends, SOCK_STREAM);
    put(ends[1], "x");
    io_begin(&s, 2, ends[0], note);
    expect_one(s.io, op_bytes(TP_IO_RECV, NULL, nowhere, 16), EFAULT, 0);
    expect_one(s.io, op_bytes(TP_IO_SEND, NULL, nowhere, 16), EFAULT, 0);
    io_end(&s);
    munmap(nowhere, PAGE);
    shut(folder);
    shut(fd);
    shut(ends[0]);
    shut(ends[1]);
}

/* Devices that no poller takes, and that never wait. */
STAGE_TEST(io_file__devices_that_are_always_ready)
{
    struct io_scene s;
    char bytes[16] = "abc", zeroes[16] = "";
    int null = open("/dev/null", O_RDWR | O_CLOEXEC), zero = open("/dev/zero", O_RDWR | O_CLOEXEC);
    int full = open("/dev/full", O_RDWR | O_CLOEXEC);
    stage_expect(null >= 0 && zero >= 0 && full >= 0);
    io_begin(&s, 2, null, note);
    expect_one(s.io, op_bytes(TP_IO_WRITE, NULL, bytes, 16), 0, 16);
    expect_one(s.io, op_bytes(TP_IO_READ, NULL, bytes, 16), 0, 0);
    io_end(&s);
    io_begin(&s, 2, zero, note);
    expect_one(s.io, op_bytes(TP_IO_READ, NULL, bytes, 16), 0, 16);
    stage_expect(memcmp(bytes, zeroes, 16) == 0);
    io_end(&s);
    io_begin(&s, 2, full, note);
    expect_one(s.io, op_bytes(TP_IO_WRITE, NULL, bytes, 16), ENOSPC, 0);
    io_end(&s);
    shut(null);
    shut(zero);
    shut(full);
}

STAGE_TEST(io_file__poll_finds_a_file_ready)
{
    struct io_scene s;
    int fd = open_filled(10);
    io_begin(&s, 2, fd, note);
    expect_one(s.io, op_poll(NULL, POLLIN), 0, POLLIN);
    expect_one(s.io, op_poll(NULL, POLLIN | POLLOUT), 0, POLLIN | POLLOUT);
    io_end(&s);
    shut(fd);
}

STAGE_TEST(io_file__c163_path_descriptor_is_refused)
{
    int fd = open("/", O_PATH | O_CLOEXEC);
    stage_expect(fd >= 0);
    stage_expect_eq(refused_io(fd, NULL), TP_ERR_SYSTEM);
    stage_expect_eq(tp_last_errno(), EBADF);
    shut(fd);
}

/* ---- who runs it ----------------------------------------------------------------------------- */

/* C-150: what is done at once is a callback like any other, queued and never within the submit. */
STAGE_TEST(io_file__c150_r31_done_at_once_is_one_callback_though)
{
    struct io_gated s;
    struct act acts[5] = {{.runs = {{0}}}};
    uint8_t bytes[5];
    int fd = open_filled(10);
    io_begin_gated(&s, fd, note);
    for (int i = 0; i < 5; i++)
        submit(s.io, op_at(TP_IO_READ, &acts[i], &bytes[i], 1, i));
    stage_expect_eq(stage_value(&s.flow.runs), 0);
    stage_gate_open(&s.gate);
    for (int i = 0; i < 5; i++)
        expect_act(&acts[i], 0, 1);
    stage_expect(bytes_are(bytes, 5, 0));
    io_end_gated(&s);
    stage_expect_eq(stage_value(&s.flow.runs), 5);
    shut(fd);
}

/* C-206: the only thread waits, in a callback of another object, for what needs the disk. */
struct waiter {
    struct io_scene s;
    struct act acts[3];
    uint8_t bytes[2 * PAGE];
};

static void wait_in_callback(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct waiter *w = context;
    (void)instance;
    (void)work;
    submit(w->s.io, op_of(TP_IO_FSYNC, &w->acts[0]));
    for (int i = 0; i < 2; i++)
        submit(w->s.io, op_at(TP_IO_READ, &w->acts[i + 1], &w->bytes[i * PAGE], PAGE, i * PAGE));
    wait_io(w->s.io, false);
    stage_expect_eq(stage_value(&w->s.flow.runs), 3);
}

STAGE_TEST(io_file__c206_only_thread_waits_for_what_needs_the_disk)
{
    static struct waiter w;
    int fd = open_filled(2 * PAGE);
    w = (struct waiter){.bytes = {0}};
    stage_expect_eq(fsync(fd), 0);
    stage_expect_eq(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
    io_begin(&w.s, 1, fd, note);
    stage_expect_eq(tp_env_set_context_release(w.s.env, NULL), TP_OK);
    tp_work_t *work = stage_work(wait_in_callback, &w, w.s.env);
    stage_expect_eq(tp_work_submit(work), TP_OK);
    stage_finish(work);
    expect_act(&w.acts[0], 0, 0);
    expect_act(&w.acts[1], 0, PAGE);
    expect_act(&w.acts[2], 0, PAGE);
    stage_expect(bytes_are(w.bytes, 2 * PAGE, 0));
    io_end(&w.s);
    shut(fd);
}

/* A pool without threads, for a file too: whoever turns does it. */
STAGE_TEST(io_file__driven_pool)
{
    struct io_scene s;
    struct act acts[3] = {{.runs = {{0}}}};
    uint8_t bytes[10];
    int fd = open_filled(100), poll_fd = -1;
    stage_expect_eq(fsync(fd), 0);
    stage_expect_eq(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
    io_begin_on(&s, driven(1), fd, note);
    stage_expect_eq(tp_pool_poll_fd(s.pool, &poll_fd), TP_OK);
    submit(s.io, op_at(TP_IO_READ, &acts[0], bytes, 10, 20));
    submit(s.io, op_of(TP_IO_FSYNC, &acts[1]));
    submit(s.io, op_at(TP_IO_WRITE, &acts[2], (char[]){"x"}, 1, 50));
    for (int i = 0; stage_value(&s.flow.runs) < 3 && i < 100; i++) {
        stage_expect(wait_readable(poll_fd));
        (void)turn(s.pool, 0);
    }
    expect_act(&acts[0], 0, 10);
    stage_expect(bytes_are(bytes, 10, 20));
    expect_act(&acts[1], 0, 0);
    expect_act(&acts[2], 0, 1);
    stage_expect_eq(tpp_load_acquire(&s.flow.thread), stage_self());
    stage_expect_eq(stage_stats(s.pool).threads, 0);
    expect_balance(s.pool);
    io_end(&s);
    shut(fd);
}

IO_MAIN(REAL(io_file__c148_read_and_write_at_an_offset_leave_the_position),
        REAL(io_file__offset_of_minus_1_is_the_position_of_the_file),
        REAL(io_file__writes_at_the_end_with_append),
        REAL(io_file__end_of_file_is_no_bytes_and_no_error), REAL(io_file__vectors),
        REAL(io_file__c149_many_reads_in_flight),
        REAL(io_file__c149_many_reads_of_what_is_not_cached), REAL(io_file__transfers_of_megabytes),
        REAL(io_file__syncs), REAL(io_file__memory_file), REAL(io_file__direct),
        REAL(io_file__mode_that_does_not_allow_it_is_ebadf),
        REAL(io_file__what_wants_a_socket_is_enotsock), REAL(io_file__directory_and_a_bad_address),
        REAL(io_file__devices_that_are_always_ready), REAL(io_file__poll_finds_a_file_ready),
        REAL(io_file__c163_path_descriptor_is_refused),
        REAL(io_file__c150_r31_done_at_once_is_one_callback_though),
        REAL(io_file__c206_only_thread_waits_for_what_needs_the_disk), REAL(io_file__driven_pool))
