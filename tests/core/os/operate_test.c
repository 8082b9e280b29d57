/* operate_test.c - one operation on a descriptor, carried out now or not at all. */
#define _GNU_SOURCE
#include "core/os/os.h"

#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "tests/core/os/child.h"
#include "tests/core/os/request.h"
#include "tests/support/tap.h"

#ifndef RWF_NOWAIT
#define RWF_NOWAIT 0x8
#endif
#define BOTH_FLAGS 0x108 /* RWF_NOWAIT and RWF_NOSIGNAL, of which libc may not know */

/* Does it, sees that errno stays as it is and that an error has transferred nothing. */
static struct tpp_outcome outcome(struct tpp_request request, bool may_wait)
{
    struct tpp_outcome result;
    errno = 77;
    result = tpp_operate(&request, may_wait);
    check_eq(errno, 77);
    check(result.error >= 0 && (result.error == 0 || result.bytes == 0));
    return result;
}

#define check_done(request, may_wait, wanted) \
    do { \
        struct tpp_outcome result_ = outcome(request, may_wait); \
        check_eq(result_.error, 0); \
        check_eq(result_.bytes, wanted); \
    } while (0)

#define check_error(request, may_wait, wanted) check_eq(outcome(request, may_wait).error, wanted)

/* ---- kinds ----------------------------------------------------------------------------------- */

static int fifo_of_its_name(void)
{
    char name[] = "/tmp/tp-test-XXXXXX";
    char path[64];
    int descriptor;
    if (mkdtemp(name) == NULL)
        return -1;
    (void)snprintf(path, sizeof path, "%s/fifo", name);
    descriptor = mkfifo(path, 0600) == 0 ? open(path, O_RDWR | O_CLOEXEC) : -1;
    (void)unlink(path);
    (void)rmdir(name);
    return descriptor;
}

TAP_TEST(operate__kind_tells_who_is_waited_for)
{
    int file = file_of(1), folder = open("/", O_RDONLY), null = open("/dev/null", O_RDWR);
    int event = eventfd(0, 0), sockets[2], ends[2], fifo = fifo_of_its_name();
    int terminal = posix_openpt(O_RDWR | O_NOCTTY);
    require(file >= 0 && folder >= 0 && null >= 0 && event >= 0 && fifo >= 0);
    require(socketpair(AF_UNIX, SOCK_DGRAM, 0, sockets) == 0 && pipe(ends) == 0);
    check_eq(kind_of(file), TPP_DISK);
    check_eq(kind_of(folder), TPP_DISK);
    check_eq(kind_of(null), TPP_DISK); /* no epoll takes it */
    check_eq(kind_of(sockets[0]), TPP_SOCKET);
    check_eq(kind_of(ends[0]), TPP_STREAM);
    check_eq(kind_of(fifo), TPP_STREAM);
    check_eq(kind_of(event), TPP_STREAM);
    if (terminal >= 0)
        check_eq(kind_of(terminal), TPP_STREAM);
    (void)close(terminal);
    close(file), close(folder), close(null), close(event), close(fifo);
    close(sockets[0]), close(sockets[1]), close(ends[0]), close(ends[1]);
}

TAP_TEST(operate__kind_knows_a_file_without_a_cache)
{
    void *page = NULL;
    int file = file_of(2 * PAGE);
    require(file >= 0 && posix_memalign(&page, PAGE, PAGE) == 0);
    if (fcntl(file, F_SETFL, O_DIRECT) != 0) {
        free(page), close(file);
        tap_skip("this file system has no O_DIRECT");
    }
    check_eq(kind_of(file), TPP_DIRECT);
    check_done(request_at(TPP_READ, file, page, PAGE, PAGE), true, PAGE);
    check(bytes_from(page, PAGE, PAGE));
    check_error(request_of(TPP_FSYNC, file, NULL, 0), false, EAGAIN);
    check_done(request_of(TPP_FSYNC, file, NULL, 0), true, 0);
    free(page), close(file);
}

TAP_TEST(operate__kind_of_what_is_no_descriptor_is_ebadf)
{
    int path = open("/dev/null", O_PATH), gone = dup(0);
    enum tpp_file_kind kind;
    require(path >= 0 && gone >= 0 && close(gone) == 0);
    errno = 77;
    check_eq(tpp_file_kind(path, &kind), EBADF);
    check_eq(tpp_file_kind(gone, &kind), EBADF);
    check_eq(tpp_file_kind(-1, &kind), EBADF);
    check_eq(tpp_file_kind(AT_FDCWD, &kind), EBADF);
    check_eq(errno, 77);
    close(path);
}

TAP_TEST(operate__kind_keeps_no_descriptor)
{
    int null = open("/dev/null", O_RDWR), before = count_open("");
    require(null >= 0 && before > 0);
    check_eq(kind_of(null), TPP_DISK);
    check_eq(kind_of(null), TPP_DISK);
    check_eq(count_open(""), before);
    close(null);
}

static void kind_without_descriptors(void)
{
    enum tpp_file_kind kind;
    int ends[2], null = open("/dev/null", O_RDWR);
    require(null >= 0 && pipe(ends) == 0);
    (void)allow_more(0);
    check_eq(kind_of(ends[0]), TPP_STREAM);
    errno = 77;
    check_eq(tpp_file_kind(null, &kind), EMFILE);
    check_eq(errno, 77);
}

TAP_TEST(operate__kind_of_a_device_needs_one_descriptor_for_a_moment)
{
    run_in_child(kind_without_descriptors);
}

/* ---- files ----------------------------------------------------------------------------------- */

/* Not every file system can do without waiting what it could do at once: then nothing is done. */
static void done_somehow(struct tpp_request request, uint64_t length)
{
    struct tpp_outcome now = outcome(request, false);
    if (now.error == EAGAIN)
        now = outcome(request, true);
    check_eq(now.error, 0);
    check_eq(now.bytes, length);
}

TAP_TEST(operate__reads_a_file_at_an_offset_and_at_its_position)
{
    char bytes[PAGE];
    int file = file_of(PAGE + 100);
    require(file >= 0);
    done_somehow(request_at(TPP_READ, file, bytes, PAGE, 50), PAGE);
    check(bytes_from(bytes, PAGE, 50));
    done_somehow(request_at(TPP_READ, file, bytes, PAGE, 200), PAGE - 100);
    check(bytes_from(bytes, PAGE - 100, 200));
    done_somehow(request_at(TPP_READ, file, bytes, PAGE, PAGE + 100), 0);
    check_done(request_at(TPP_READ, file, bytes, PAGE, INT64_C(1) << 40), true, 0);
    check_eq(lseek(file, 0, SEEK_CUR), 0);
    done_somehow(request_of(TPP_READ, file, bytes, 70), 70);
    check_done(request_of(TPP_READ, file, bytes, PAGE), true, PAGE);
    check(bytes_from(bytes, PAGE, 70));
    done_somehow(request_of(TPP_READ, file, bytes, PAGE), 30);
    done_somehow(request_of(TPP_READ, file, bytes, PAGE), 0);
    check_eq(lseek(file, 0, SEEK_CUR), PAGE + 100);
    close(file);
}

TAP_TEST(operate__reads_vectors_of_a_file)
{
    char bytes[300];
    struct iovec parts[] = {{bytes, 100}, {NULL, 0}, {bytes + 100, 200}};
    int file = file_of(1000);
    require(file >= 0);
    done_somehow(request_at(TPP_READV, file, parts, 3, 20), 300);
    check(bytes_from(bytes, 300, 20));
    done_somehow(request_at(TPP_READV, file, parts, 3, 850), 150); /* its end */
    check(bytes_from(bytes, 150, 850));
    check_done(request_at(TPP_READV, file, parts, 3, 30), true, 300);
    check(bytes_from(bytes, 300, 30));
    done_somehow(request_of(TPP_READV, file, parts, 1), 100);
    done_somehow(request_at(TPP_READV, file, parts, 0, 0), 0);
    close(file);
}

TAP_TEST(operate__writes_a_file_at_an_offset_and_at_its_position)
{
    char bytes[] = "abcdefgh", found[32] = "";
    struct iovec parts[] = {{bytes, 3}, {bytes + 3, 5}};
    int file = file_of(0), append;
    require(file >= 0);
    done_somehow(request_at(TPP_WRITE, file, bytes, 4, 2), 4);
    done_somehow(request_at(TPP_WRITEV, file, parts, 2, 6), 8);
    done_somehow(request_of(TPP_WRITE, file, bytes + 6, 1), 1);
    check_done(request_of(TPP_WRITEV, file, parts, 1), true, 3);
    check_eq(pread(file, found, sizeof found, 0), 14);
    check(memcmp(found, "gabccdabcdefgh", 14) == 0);
    append = fcntl(file, F_GETFL);
    check_eq(fcntl(file, F_SETFL, append | O_APPEND), 0);
    done_somehow(request_at(TPP_WRITE, file, bytes, 2, 0), 2);
    check_eq(pread(file, found, sizeof found, 14), 2);
    close(file);
}

TAP_TEST(operate__says_what_the_system_says_of_a_file)
{
    char byte = 0;
    struct tpp_request none = request_at(TPP_READ, 0, &byte, 1, 0);
    int file = open("/proc/self/exe", O_RDONLY), folder = open("/", O_RDONLY), gone = dup(0);
    require(file >= 0 && folder >= 0 && gone >= 0 && close(gone) == 0);
    none.descriptor = gone;
    none.kind = TPP_DISK;
    check_error(none, false, EBADF);
    check_error(none, true, EBADF);
    check_error(request_at(TPP_WRITE, file, &byte, 1, 0), false, EBADF);
    check_error(request_at(TPP_READ, folder, &byte, 1, 0), true, EISDIR);
    check_error(request_at(TPP_READ, file, NULL, 1, 0), true, EFAULT);
    check_error(request_with(TPP_RECV, file, &byte, 1, 0), false, ENOTSOCK);
    check_error(request_with(TPP_OPCODE_COUNT, file, &byte, 1, 0), false, EINVAL);
    close(file), close(folder);
}

/* The kernel's own files know no reading without waiting. */
TAP_TEST(operate__reads_a_file_that_cannot_tell_only_if_it_may_wait)
{
    char bytes[64];
    int file = open("/proc/self/stat", O_RDONLY);
    require(file >= 0);
    check_error(request_at(TPP_READ, file, bytes, sizeof bytes, 0), false, EAGAIN);
    check_done(request_at(TPP_READ, file, bytes, 4, 0), true, 4);
    close(file);
}

static bool is_cached(int file, size_t page)
{
    unsigned char cached[64] = {1};
    void *map = mmap(NULL, sizeof cached * PAGE, PROT_READ, MAP_SHARED, file, 0);
    bool told = map != MAP_FAILED && mincore(map, sizeof cached * PAGE, cached) == 0;
    (void)munmap(map, sizeof cached * PAGE);
    return !told || (cached[page] & 1) != 0;
}

/* A file of which the first page alone is cached; -1 where the system cannot be brought to that. A
 * read without waiting may have the system fetch what it lacks: it serves for one. */
static int half_cached(void)
{
    char bytes[PAGE];
    struct iovec page = {bytes, PAGE};
    int file = file_of(64 * PAGE);
    if (file >= 0 && fsync(file) == 0 && posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED) == 0 &&
        posix_fadvise(file, 0, 0, POSIX_FADV_RANDOM) == 0 && pread(file, bytes, PAGE, 0) == PAGE &&
        preadv2(file, &page, 1, 0, RWF_NOWAIT) == PAGE && is_cached(file, 0) && !is_cached(file, 1))
        return file;
    (void)close(file);
    return -1;
}

/* Nothing, or all of it: a disk may be so fast that what was not there has come meanwhile. */
static void check_all_or_again(struct tpp_request request, uint64_t bytes)
{
    struct tpp_outcome result = tpp_operate(&request, false);
    check((result.error == EAGAIN && result.bytes == 0) ||
          (result.error == 0 && result.bytes == bytes));
}

TAP_TEST(operate__reads_what_is_not_cached_only_if_it_may_wait)
{
    char bytes[2 * PAGE];
    struct iovec parts[] = {{bytes, 100}, {bytes + 100, 2 * PAGE - 100}};
    int files[5], i;
    for (i = 0; i < 5; i++)
        if ((files[i] = half_cached()) < 0)
            tap_skip("the cache of this file system does as it likes");
    check_all_or_again(request_at(TPP_READ, files[0], bytes, PAGE, PAGE), PAGE);
    check_all_or_again(request_at(TPP_READ, files[1], bytes, 2 * PAGE, 0), 2 * PAGE);
    check_all_or_again(request_at(TPP_READV, files[2], parts, 2, 0), 2 * PAGE);
    struct tpp_request here = request_of(TPP_READ, files[3], bytes, 2 * PAGE);
    struct tpp_outcome moved = tpp_operate(&here, false); /* the position: not to be undone */
    check(moved.error == 0 && (moved.bytes == PAGE || moved.bytes == 2 * PAGE));
    check_done(request_at(TPP_READ, files[4], bytes, PAGE, 0), false, PAGE);
    check_done(request_at(TPP_READV, files[4], parts, 2, 0), true, 2 * PAGE);
    check(bytes_from(bytes, 2 * PAGE, 0));
    check_done(request_at(TPP_READV, files[4], parts, 2, 0), false, 2 * PAGE);
    for (i = 0; i < 5; i++)
        close(files[i]);
}

TAP_TEST(operate__synchronises_a_file_only_if_it_may_wait)
{
    int file = file_of(10), ends[2];
    require(file >= 0 && pipe(ends) == 0);
    check_error(request_of(TPP_FSYNC, file, NULL, 0), false, EAGAIN);
    check_error(request_of(TPP_FDATASYNC, file, NULL, 0), false, EAGAIN);
    check_done(request_of(TPP_FSYNC, file, NULL, 0), true, 0);
    check_done(request_of(TPP_FDATASYNC, file, NULL, 0), true, 0);
    check_error(request_of(TPP_FSYNC, ends[0], NULL, 0), false, EINVAL);
    close(file), close(ends[0]), close(ends[1]);
}

static void write_beyond_the_limit(void)
{
    char bytes[8] = "";
    int file = file_of(0);
    require(file >= 0);
    limit_files(PAGE);
    check_error(request_at(TPP_WRITE, file, bytes, 8, PAGE), true, EFBIG);
    check(!is_pending(SIGXFSZ) && !is_blocked(SIGXFSZ) && !is_blocked(SIGPIPE));
    check_done(request_at(TPP_WRITE, file, bytes, 8, PAGE - 4), true, 4);
    block(SIGXFSZ);
    check_error(request_at(TPP_WRITE, file, bytes, 8, PAGE), true, EFBIG);
    check(!is_pending(SIGXFSZ) && is_blocked(SIGXFSZ) && !is_blocked(SIGPIPE));
}

TAP_TEST(operate__a_write_beyond_the_limit_raises_no_signal)
{
    run_in_child(write_beyond_the_limit);
}

/* ---- pipes ----------------------------------------------------------------------------------- */

static void use_pipe(void)
{
    char bytes[64] = "0123456789";
    struct iovec parts[] = {{bytes + 20, 4}, {bytes + 30, 20}};
    static char page[2 * PAGE];
    struct tpp_outcome part;
    size_t size;
    int ends[2];
    require(pipe(ends) == 0);
    check_error(request_of(TPP_READ, ends[0], bytes, 9), false, EAGAIN);
    check_error(request_of(TPP_READ, ends[0], bytes, 9), true, EAGAIN); /* a peer: never */
    check_error(request_of(TPP_READ, ends[1], bytes, 9), false, EBADF);
    check_error(request_at(TPP_READ, ends[0], bytes, 9, 0), false, ESPIPE);
    check_done(request_of(TPP_WRITE, ends[1], bytes, 10), false, 10);
    check_done(request_of(TPP_READ, ends[0], bytes + 20, 3), false, 3);
    check(memcmp(bytes + 20, "012", 3) == 0);
    part = outcome(request_of(TPP_READV, ends[0], parts, 2), false);
    check_eq(part.error, 0);
    check(part.bytes == 7 || part.bytes == 4); /* one vector, where the kernel is an older one */
    check(memcmp(bytes + 20, "3456", 4) == 0);
    size = fill(ends[1]);
    check_error(request_of(TPP_WRITE, ends[1], page, 1), false, EAGAIN);
    check_error(request_of(TPP_WRITE, ends[1], page, 2 * PAGE), true, EAGAIN);
    check(size >= PAGE && read(ends[0], page, PAGE) > 0);
    part = outcome(request_of(TPP_WRITE, ends[1], page, sizeof page), false);
    check(part.error == EAGAIN || (part.error == 0 && part.bytes <= PAGE)); /* no room but that */
    check(blocks(ends[0]) && blocks(ends[1]));
    close(ends[1]);
    while (read(ends[0], page, sizeof page) > 0)
        ;
    check_done(request_of(TPP_READ, ends[0], bytes, 9), false, 0);
    close(ends[0]);
}

/* By default the signal would end this process. */
static void write_to_nobody(void)
{
    char bytes[8] = "";
    struct iovec part = {bytes, 8};
    int ends[2];
    require(pipe(ends) == 0 && close(ends[0]) == 0 && signal(SIGPIPE, SIG_DFL) != SIG_ERR);
    check_error(request_of(TPP_WRITE, ends[1], bytes, 8), false, EPIPE);
    check_error(request_of(TPP_WRITEV, ends[1], &part, 1), true, EPIPE);
    check(!is_pending(SIGPIPE) && !is_blocked(SIGPIPE) && !is_blocked(SIGXFSZ));
    block(SIGPIPE);
    check_error(request_of(TPP_WRITE, ends[1], bytes, 8), false, EPIPE);
    check(!is_pending(SIGPIPE) && is_blocked(SIGPIPE) && !is_blocked(SIGXFSZ));
    check_eq(raise(SIGPIPE), 0); /* the application's own: it stays */
    check_error(request_of(TPP_WRITE, ends[1], bytes, 8), false, EPIPE);
    check(is_pending(SIGPIPE) && is_blocked(SIGPIPE));
    close(ends[1]);
}

TAP_TEST(operate__a_pipe_never_waits_for_its_other_end)
{
    use_pipe();
}

TAP_TEST(operate__a_write_that_nobody_reads_raises_no_signal)
{
    run_in_child(write_to_nobody);
}

/* All that there is room for at once, where the kernel can be asked for that, as it can if it knows
 * one of the flags. */
static void write_at_length(void)
{
    static char bytes[3 * PIPE_BUF];
    int ends[2];
    struct iovec all = {bytes, sizeof bytes};
    require(pipe2(ends, O_CLOEXEC) == 0);
    if (syscall(SYS_pwritev2, ends[1], &all, 1L, -1L, -1L, (long)RWF_NOWAIT) > 0) {
        check_eq(read(ends[0], bytes, sizeof bytes), (ssize_t)sizeof bytes);
        check_done(request_of(TPP_WRITE, ends[1], bytes, sizeof bytes), false, sizeof bytes);
    }
    close(ends[0]), close(ends[1]);
}

/* Before 6.18 there was no flag against the signal. */
static void pipe_without_nosignal(void)
{
    if (!forbid_argument(SYS_pwritev2, 5, BOTH_FLAGS, EOPNOTSUPP))
        return;
    use_pipe();
    write_to_nobody();
    write_at_length();
}

/* And before that no pipe knew how not to wait, or no call asked it. */
static void pipe_without_nowait(void)
{
    if (!forbid(SYS_pwritev2, EOPNOTSUPP) || !forbid(SYS_preadv2, EOPNOTSUPP))
        return;
    use_pipe();
    write_to_nobody();
}

static void pipe_without_calls(void)
{
    if (!forbid(SYS_pwritev2, ENOSYS) || !forbid(SYS_preadv2, ENOSYS))
        return;
    use_pipe();
    write_to_nobody();
}

TAP_TEST(operate__a_pipe_is_the_same_on_older_kernels)
{
    run_in_child(pipe_without_nosignal);
    run_in_child(pipe_without_nowait);
    run_in_child(pipe_without_calls);
}

static void file_without_calls(void)
{
    char bytes[8] = "abcdefg";
    int file = file_of(100);
    if (!forbid(SYS_pwritev2, ENOSYS) || !forbid(SYS_preadv2, ENOSYS))
        return;
    check_error(request_at(TPP_READ, file, bytes, 8, 10), false, EAGAIN);
    check_error(request_at(TPP_WRITE, file, bytes, 8, 10), false, EAGAIN);
    check_done(request_at(TPP_WRITE, file, bytes, 4, 10), true, 4);
    check_done(request_at(TPP_READ, file, bytes, 8, 10), true, 8);
    check(memcmp(bytes, "abcd\16\17\20\21", 8) == 0);
    check_done(request_of(TPP_READ, file, bytes, 8), true, 8);
    check(bytes_from(bytes, 8, 0));
}

TAP_TEST(operate__a_file_is_waited_for_on_older_kernels)
{
    run_in_child(file_without_calls);
}

TAP_TEST(operate__a_pipe_with_a_name_never_waits_either)
{
    static char page[2 * PAGE];
    struct iovec parts[] = {{NULL, 0}, {page, 3}, {page + 3, 3}};
    int fifo = fifo_of_its_name();
    size_t size;
    require(fifo >= 0);
    check_error(request_at(TPP_READ, fifo, page, 9, 0), false, ESPIPE);
    check_error(request_of(TPP_READ, fifo, page, 9), false, EAGAIN);
    check_done(request_of(TPP_WRITE, fifo, "0123456789", 10), false, 10);
    check_done(request_of(TPP_READV, fifo, parts, 3), false, 3);
    check(memcmp(page, "012", 3) == 0);
    check_done(request_of(TPP_READ, fifo, page, 100), true, 7);
    size = fill(fifo);
    check_error(request_of(TPP_WRITE, fifo, page, 2 * PAGE), false, EAGAIN);
    check(size > 2 * PAGE && read(fifo, page, PAGE) == PAGE);
    check_done(request_of(TPP_WRITE, fifo, page, 2 * PAGE), false, PAGE);
    check_eq(fcntl(fifo, F_SETFL, O_NONBLOCK), 0);
    check_error(request_of(TPP_WRITE, fifo, page, 1), false, EAGAIN);
    close(fifo);
}

TAP_TEST(operate__a_terminal_never_waits_for_whoever_types)
{
    char line[16];
    int keyboard = posix_openpt(O_RDWR | O_NOCTTY), terminal;
    if (keyboard < 0 || grantpt(keyboard) != 0 || unlockpt(keyboard) != 0)
        tap_skip("no terminals here");
    terminal = open(ptsname(keyboard), O_RDWR | O_NOCTTY);
    require(terminal >= 0);
    check_error(request_of(TPP_READ, terminal, line, sizeof line), false, EAGAIN);
    check_done(request_of(TPP_WRITE, keyboard, "half", 4), false, 4);
    check_error(request_of(TPP_READ, terminal, line, sizeof line), false, EAGAIN);
    check_done(request_of(TPP_WRITE, keyboard, " line\n", 6), false, 6);
    check_done(request_of(TPP_READ, terminal, line, sizeof line), false, 10);
    check(memcmp(line, "half line\n", 10) == 0);
    check(blocks(terminal));
    close(terminal), close(keyboard);
}

/* Its vectors are read one by one, and the second would have to wait. */
TAP_TEST(operate__a_counter_is_read_once_whatever_the_vectors)
{
    uint64_t values[2] = {0, 0};
    struct iovec parts[] = {{&values[0], 8}, {&values[1], 8}};
    int event = eventfd(5, 0);
    require(event >= 0);
    check_done(request_of(TPP_READV, event, parts, 2), false, 8);
    check(values[0] == 5 && values[1] == 0);
    check_error(request_of(TPP_READ, event, values, 8), false, EAGAIN);
    check_done(request_of(TPP_WRITE, event, parts[0].iov_base, 8), false, 8);
    close(event);
}

/* ---- sockets --------------------------------------------------------------------------------- */

static void socket_pair(int type, int ends[2])
{
    check_eq(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends), 0);
}

TAP_TEST(operate__a_socket_never_waits_for_its_peer)
{
    char bytes[32] = "0123456789", found[32];
    struct iovec parts[] = {{found, 2}, {found + 2, 30}}, out[] = {{bytes, 3}, {bytes + 3, 7}};
    static char page[PAGE];
    int ends[2];
    socket_pair(SOCK_STREAM, ends);
    check_error(request_of(TPP_READ, ends[0], found, 32), false, EAGAIN);
    check_error(request_of(TPP_READV, ends[0], parts, 2), true, EAGAIN);
    check_error(request_of(TPP_RECV, ends[0], found, 32), true, EAGAIN);
    check_done(request_of(TPP_WRITE, ends[1], bytes, 10), false, 10);
    check_done(request_of(TPP_READ, ends[0], found, 4), false, 4);
    check_done(request_at(TPP_READV, ends[0], parts, 2, 77), false, 6);
    check(memcmp(found, "456789", 6) == 0);
    check_done(request_of(TPP_WRITEV, ends[1], out, 2), false, 10);
    check_done(request_with(TPP_RECV, ends[0], found, 32, MSG_PEEK), false, 10);
    check_done(request_with(TPP_RECV, ends[0], found, 32, 0), false, 10);
    check(memcmp(found, "0123456789", 10) == 0);
    check_done(request_with(TPP_SEND, ends[1], bytes, 5, 0), false, 5);
    check_done(request_of(TPP_READ, ends[0], found, 32), true, 5);
    (void)fill(ends[1]);
    check_error(request_of(TPP_WRITE, ends[1], page, PAGE), true, EAGAIN);
    check_error(request_of(TPP_WRITEV, ends[1], out, 2), true, EAGAIN);
    check_error(request_with(TPP_SEND, ends[1], page, PAGE, 0), false, EAGAIN);
    check(blocks(ends[0]) && blocks(ends[1]));
    close(ends[0]), close(ends[1]);
}

TAP_TEST(operate__messages_carry_what_messages_carry)
{
    char bytes[] = "abc", found[8], control[CMSG_SPACE(sizeof(int))] = "";
    struct iovec out = {bytes, 3}, in = {found, 8};
    struct msghdr sent = {.msg_iov = &out, .msg_iovlen = 1, .msg_control = control};
    struct msghdr received = {.msg_iov = &in, .msg_iovlen = 1, .msg_control = control};
    struct cmsghdr *rights;
    int ends[2], passed = eventfd(7, 0);
    sent.msg_controllen = received.msg_controllen = sizeof control;
    socket_pair(SOCK_DGRAM, ends);
    rights = CMSG_FIRSTHDR(&sent);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof passed);
    memcpy(CMSG_DATA(rights), &passed, sizeof passed);
    check_error(request_with(TPP_RECVMSG, ends[0], &received, 0, 0), true, EAGAIN);
    check_done(request_with(TPP_SENDMSG, ends[1], &sent, 0, 0), false, 3);
    memset(control, 0, sizeof control);
    check_done(request_with(TPP_RECVMSG, ends[0], &received, 0, MSG_CMSG_CLOEXEC), false, 3);
    rights = CMSG_FIRSTHDR(&received);
    require(rights != NULL && rights->cmsg_type == SCM_RIGHTS);
    close(passed);
    memcpy(&passed, CMSG_DATA(rights), sizeof passed);
    check_eq(fcntl(passed, F_GETFD), FD_CLOEXEC);
    close(passed), close(ends[0]), close(ends[1]);
}

static void send_to_nobody(void)
{
    char bytes[8] = "";
    struct iovec part = {bytes, 8};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    int ends[2];
    socket_pair(SOCK_STREAM, ends);
    require(close(ends[0]) == 0 && signal(SIGPIPE, SIG_DFL) != SIG_ERR);
    check_error(request_of(TPP_WRITE, ends[1], bytes, 8), false, EPIPE);
    check_error(request_of(TPP_WRITEV, ends[1], &part, 1), false, EPIPE);
    check_error(request_with(TPP_SEND, ends[1], bytes, 8, 0), false, EPIPE);
    check_error(request_with(TPP_SENDMSG, ends[1], &message, 0, 0), false, EPIPE);
    check_done(request_of(TPP_READ, ends[1], bytes, 8), false, 0); /* the end */
    block(SIGPIPE);
    check_error(request_of(TPP_WRITE, ends[1], bytes, 8), false, EPIPE);
    check(!is_pending(SIGPIPE));
}

TAP_TEST(operate__sending_to_nobody_raises_no_signal)
{
    run_in_child(send_to_nobody);
}

/* ---- connections ----------------------------------------------------------------------------- */

static int tcp_socket(void)
{
    return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

/* Takes the connection that is there, sees that it is new, and shuts it. */
static void accept_with(struct tpp_request request, bool wants_nonblocking)
{
    struct tpp_outcome accepted = outcome(request, false);
    int descriptor = (int)accepted.bytes;
    check_eq(accepted.error, 0);
    check_eq(fcntl(descriptor, F_GETFD), FD_CLOEXEC);
    check_eq(blocks(descriptor), !wants_nonblocking);
    errno = 77;
    tpp_file_close(descriptor);
    check_eq(errno, 77);
    check_eq(fcntl(descriptor, F_GETFD), -1);
}

TAP_TEST(operate__accepts_who_is_there_and_waits_for_nobody)
{
    struct sockaddr_in address, from;
    uint32_t length = sizeof from;
    int door = listener(&address), guests[3], i;
    struct tpp_request plain = request_to(TPP_ACCEPT, door, NULL, NULL);
    struct tpp_request full = request_to(TPP_ACCEPT, door, &from, &length);
    full.flags = SOCK_NONBLOCK;
    check_error(plain, true, EAGAIN);
    for (i = 0; i < 3; i++) {
        guests[i] = tcp_socket();
        require(connect(guests[i], (struct sockaddr *)&address, sizeof address) == 0);
    }
    accept_with(plain, false);
    memset(&from, 0, sizeof from);
    accept_with(full, true);
    check(length == sizeof from && from.sin_family == AF_INET);
    check(blocks(door));
    check_eq(fcntl(door, F_SETFL, O_NONBLOCK), 0);
    accept_with(plain, false);
    check(!blocks(door));
    check_error(full, false, EAGAIN);
    for (i = 0; i < 3; i++)
        close(guests[i]);
    close(door);
}

TAP_TEST(operate__accepts_nobody_where_nobody_can_come)
{
    int fresh = tcp_socket(), ends[2], file = file_of(1);
    socket_pair(SOCK_STREAM, ends);
    require(fresh >= 0 && file >= 0);
    check_error(request_to(TPP_ACCEPT, fresh, NULL, NULL), false, EINVAL);
    check_error(request_to(TPP_ACCEPT, ends[0], NULL, NULL), false, EINVAL);
    check_error(request_to(TPP_ACCEPT, file, NULL, NULL), false, ENOTSOCK);
    check(blocks(ends[0]));
    close(fresh), close(file), close(ends[0]), close(ends[1]);
}

/* Begins it if it has not ended at once, waits until it is ready, and asks again. */
static int connect_error(struct tpp_request request)
{
    struct tpp_outcome result = outcome(request, true);
    uint32_t found = 0;
    if (result.error == EAGAIN) {
        check_eq(
            tpp_file_wait(request.descriptor, tpp_operation_states(&request), TPP_FOREVER, &found),
            0);
        result = outcome(request, false);
    }
    check_eq(result.bytes, 0);
    check(blocks(request.descriptor));
    return result.error;
}

TAP_TEST(operate__connects_in_two_steps)
{
    struct sockaddr_in address, peer;
    socklen_t peer_length = sizeof peer;
    uint32_t length = sizeof address;
    int door = listener(&address), guest = tcp_socket();
    struct tpp_request request = request_to(TPP_CONNECT, guest, &address, &length);
    check_eq(connect_error(request), 0);
    check_eq(getpeername(guest, (struct sockaddr *)&peer, &peer_length), 0);
    check_eq(peer.sin_port, address.sin_port);
    check_error(request, false, EISCONN);
    close(guest);
    close(door); /* so that nobody listens there */
    guest = tcp_socket();
    request = request_to(TPP_CONNECT, guest, &address, &length);
    check_eq(connect_error(request), ECONNREFUSED);
    close(guest);
}

static socklen_t local_address(struct sockaddr_un *address, const char *name)
{
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    (void)snprintf(address->sun_path + 1, sizeof address->sun_path - 1, "tp-%s-%d", name,
                   (int)getpid()); /* abstract: no file */
    return sizeof *address;
}

TAP_TEST(operate__connects_to_a_local_socket_or_is_refused)
{
    struct sockaddr_un address;
    uint32_t length = local_address(&address, "door");
    int door = socket(AF_UNIX, SOCK_STREAM, 0), guests[8], i, error = 0;
    require(door >= 0 && bind(door, (struct sockaddr *)&address, length) == 0);
    require(listen(door, 1) == 0);
    for (i = 0; i < 8 && error == 0; i++) {
        guests[i] = socket(AF_UNIX, SOCK_STREAM, 0);
        error = outcome(request_to(TPP_CONNECT, guests[i], &address, &length), false).error;
        check(blocks(guests[i]));
        if (i == 0)
            check_error(request_to(TPP_CONNECT, guests[0], &address, &length), true, EISCONN);
    }
    check(i > 1 && i < 8);
    check_eq(error, ECONNREFUSED); /* no room, and no end to tell of it */
    while (i > 0)
        close(guests[--i]);
    close(door);
}

TAP_TEST(operate__connects_a_socket_that_has_no_connections)
{
    struct sockaddr_in address;
    uint32_t length = sizeof address;
    int door = listener(&address), guest = socket(AF_INET, SOCK_DGRAM, 0);
    check_done(request_to(TPP_CONNECT, guest, &address, &length), false, 0);
    check_done(request_to(TPP_CONNECT, guest, &address, &length), false, 0);
    close(guest), close(door);
}

/* ---- states ---------------------------------------------------------------------------------- */

TAP_TEST(operate__poll_finds_states_and_waits_for_none)
{
    int event = eventfd(1, 0), file = file_of(1), gone = dup(0);
    struct tpp_request none = request_with(TPP_POLL, event, NULL, 0, POLLIN);
    require(event >= 0 && file >= 0 && gone >= 0 && close(gone) == 0);
    check_done(request_with(TPP_POLL, event, NULL, 0, POLLIN | POLLOUT), false, POLLIN | POLLOUT);
    check_done(request_with(TPP_POLL, event, NULL, 0, POLLIN | TPP_POLL_ONCE), false, POLLIN);
    check_error(request_with(TPP_POLL, event, NULL, 0, POLLPRI), true, EAGAIN);
    check_done(request_with(TPP_POLL, file, NULL, 0, POLLIN), false, POLLIN);
    check_error(request_with(TPP_POLL, file, NULL, 0, POLLPRI), false, EPERM); /* will never be */
    check_error(request_with(TPP_POLL, file, NULL, 0, POLLPRI), true, EPERM);
    none.descriptor = gone;
    check_error(none, false, EBADF);
    close(event), close(file);
}

static uint32_t states(enum tpp_opcode opcode, uint32_t flags)
{
    struct tpp_request request = {.opcode = (uint8_t)opcode, .flags = flags, .kind = TPP_SOCKET};
    return tpp_operation_states(&request);
}

TAP_TEST(operate__states_are_those_that_each_operation_waits_for)
{
    static const struct {
        enum tpp_opcode opcode;
        uint32_t flags, wanted;
    } cases[] = {
        {TPP_READ, 0, POLLIN},
        {TPP_READV, 0, POLLIN},
        {TPP_RECV, 0, POLLIN},
        {TPP_RECV, MSG_OOB, POLLPRI},
        {TPP_RECVMSG, MSG_ERRQUEUE, 0},
        {TPP_RECVMSG, MSG_PEEK, POLLIN},
        {TPP_ACCEPT, SOCK_NONBLOCK, POLLIN},
        {TPP_WRITE, 0, POLLOUT},
        {TPP_WRITEV, 0, POLLOUT},
        {TPP_SEND, 0, POLLOUT},
        {TPP_SENDMSG, 0, POLLOUT},
        {TPP_CONNECT, 0, POLLOUT},
        {TPP_FSYNC, 0, 0},
        {TPP_FDATASYNC, 0, 0},
        {TPP_POLL, POLLIN | POLLRDHUP, POLLIN | POLLRDHUP},
        {TPP_POLL, POLLPRI | TPP_POLL_ONCE, POLLPRI},
    };
    size_t i;
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check_eq(states(cases[i].opcode, cases[i].flags), cases[i].wanted);
}

/* What waits in the queue of errors makes a socket ready for those who ask for it, and no other. */
TAP_TEST(operate__errors_of_a_socket_are_received_when_asked_for)
{
    char bytes[8], control[512];
    struct iovec part = {bytes, 8};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control};
    struct tpp_request request;
    struct sockaddr_in address;
    uint32_t found = 0;
    int one = 1, guest = socket(AF_INET, SOCK_DGRAM, 0), door = listener(&address);
    message.msg_controllen = sizeof control;
    require(setsockopt(guest, IPPROTO_IP, IP_RECVERR, &one, sizeof one) == 0);
    require(connect(guest, (struct sockaddr *)&address, sizeof address) == 0);
    request = request_with(TPP_RECVMSG, guest, &message, 0, MSG_ERRQUEUE);
    check_error(request, false, EAGAIN);
    check_eq(send(guest, "x", 1, 0), 1); /* nobody has that port */
    check_eq(tpp_file_wait(guest, tpp_operation_states(&request), TPP_FOREVER, &found), 0);
    check(found == POLLERR);
    check_done(request, false, 1);
    close(guest), close(door);
}

/* ---- the calling thread ---------------------------------------------------------------------- */

static void *operate_cancelled(void *memory)
{
    int *ends = memory;
    char bytes[4];
    struct sockaddr_in address;
    int door = listener(&address);
    check_eq(pthread_cancel(pthread_self()), 0);
    check_done(request_of(TPP_WRITE, ends[1], "abc", 4), false, 4);
    check_done(request_of(TPP_READ, ends[0], bytes, 4), true, 4);
    check_error(request_of(TPP_READ, ends[0], bytes, 4), true, EAGAIN);
    check_error(request_to(TPP_ACCEPT, door, NULL, NULL), false, EAGAIN);
    check_error(request_with(TPP_POLL, ends[0], NULL, 0, POLLIN), false, EAGAIN);
    check_eq(kind_of(door), TPP_SOCKET);
    tpp_file_close(door);
    check_eq(pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL), 0);
    return ends;
}

TAP_TEST(operate__is_no_place_where_a_thread_is_cancelled)
{
    int ends[2];
    pthread_t thread;
    void *result = NULL;
    require(pipe(ends) == 0);
    require(pthread_create(&thread, NULL, operate_cancelled, ends) == 0);
    check_eq(pthread_join(thread, &result), 0);
    check(result == ends);
    close(ends[0]), close(ends[1]);
}

int main(void)
{
    tap_run(operate__kind_tells_who_is_waited_for);
    tap_run(operate__kind_knows_a_file_without_a_cache);
    tap_run(operate__kind_of_what_is_no_descriptor_is_ebadf);
    tap_run(operate__kind_keeps_no_descriptor);
    tap_run(operate__kind_of_a_device_needs_one_descriptor_for_a_moment);
    tap_run(operate__reads_a_file_at_an_offset_and_at_its_position);
    tap_run(operate__reads_vectors_of_a_file);
    tap_run(operate__writes_a_file_at_an_offset_and_at_its_position);
    tap_run(operate__says_what_the_system_says_of_a_file);
    tap_run(operate__reads_a_file_that_cannot_tell_only_if_it_may_wait);
    tap_run(operate__reads_what_is_not_cached_only_if_it_may_wait);
    tap_run(operate__synchronises_a_file_only_if_it_may_wait);
    tap_run(operate__a_write_beyond_the_limit_raises_no_signal);
    tap_run(operate__a_pipe_never_waits_for_its_other_end);
    tap_run(operate__a_write_that_nobody_reads_raises_no_signal);
    tap_run(operate__a_pipe_is_the_same_on_older_kernels);
    tap_run(operate__a_file_is_waited_for_on_older_kernels);
    tap_run(operate__a_pipe_with_a_name_never_waits_either);
    tap_run(operate__a_terminal_never_waits_for_whoever_types);
    tap_run(operate__a_counter_is_read_once_whatever_the_vectors);
    tap_run(operate__a_socket_never_waits_for_its_peer);
    tap_run(operate__messages_carry_what_messages_carry);
    tap_run(operate__sending_to_nobody_raises_no_signal);
    tap_run(operate__accepts_who_is_there_and_waits_for_nobody);
    tap_run(operate__accepts_nobody_where_nobody_can_come);
    tap_run(operate__connects_in_two_steps);
    tap_run(operate__connects_to_a_local_socket_or_is_refused);
    tap_run(operate__connects_a_socket_that_has_no_connections);
    tap_run(operate__poll_finds_states_and_waits_for_none);
    tap_run(operate__states_are_those_that_each_operation_waits_for);
    tap_run(operate__errors_of_a_socket_are_received_when_asked_for);
    tap_run(operate__is_no_place_where_a_thread_is_cancelled);
    return tap_done();
}
