/* refuse_ring_test.c - a ring on a system that does without some of it, refuses, or interrupts. */
#define _GNU_SOURCE
#include "core/os/os.h"

#include <liburing.h>
#include <sys/eventfd.h>

#include "tests/core/os/child.h"
#include "tests/core/os/request.h"

/* ---- calls of liburing, and others, that fail ------------------------------------------------ */

static struct {
    uint32_t inits;    /* so many fail, */
    int init_error;    /* with this; 0: what they tell is changed */
    uint32_t lacking;  /* features that the kernel does not have */
    uint32_t entries;  /* how many it says it has; 0: the truth */
    bool no_dontfork;  /* memory cannot be kept from children */
    uint32_t submits;  /* so many do not submit, */
    int submit_result; /* but say this */
    uint32_t fetches;  /* so many do not fetch, */
    int fetch_result;  /* but say this */
    bool no_memory, no_limits;
} refused;

int __real_io_uring_queue_init_params(unsigned entries, struct io_uring *ring,
                                      struct io_uring_params *params);
int __wrap_io_uring_queue_init_params(unsigned entries, struct io_uring *ring,
                                      struct io_uring_params *params);
int __wrap_io_uring_queue_init_params(unsigned entries, struct io_uring *ring,
                                      struct io_uring_params *params)
{
    int result;
    if (refused.inits > 0 && refused.init_error != 0) {
        refused.inits--;
        return -refused.init_error;
    }
    result = __real_io_uring_queue_init_params(entries, ring, params);
    params->features &= ~refused.lacking;
    params->sq_entries = refused.entries != 0 ? refused.entries : params->sq_entries;
    return result;
}

int __real_io_uring_ring_dontfork(struct io_uring *ring);
int __wrap_io_uring_ring_dontfork(struct io_uring *ring);
int __wrap_io_uring_ring_dontfork(struct io_uring *ring)
{
    return refused.no_dontfork ? -EINVAL : __real_io_uring_ring_dontfork(ring);
}

int __real_io_uring_submit(struct io_uring *ring);
int __wrap_io_uring_submit(struct io_uring *ring);
int __wrap_io_uring_submit(struct io_uring *ring)
{
    if (refused.submits == 0)
        return __real_io_uring_submit(ring);
    refused.submits--;
    return refused.submit_result;
}

int __real_io_uring_get_events(struct io_uring *ring);
int __wrap_io_uring_get_events(struct io_uring *ring);
int __wrap_io_uring_get_events(struct io_uring *ring)
{
    if (refused.fetches == 0)
        return __real_io_uring_get_events(ring);
    refused.fetches--;
    return refused.fetch_result;
}

int __real_getrlimit64(int which, void *limit);
int __wrap_getrlimit64(int which, void *limit);
int __wrap_getrlimit64(int which, void *limit)
{
    return refused.no_limits ? -1 : __real_getrlimit64(which, limit);
}

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
    return refused.no_memory ? NULL : __real_malloc(size);
}

/* ---- opening --------------------------------------------------------------------------------- */

static struct tpp_ring *the_ring;

static int opened(void)
{
    int result = tpp_ring_open(&the_ring);
    check_eq(the_ring != NULL, result == 0);
    if (result == 0)
        tpp_ring_close(the_ring);
    memset(&refused, 0, sizeof refused);
    return result;
}

static void fail_inits(uint32_t count, int error)
{
    refused.inits = count;
    refused.init_error = error;
}

TAP_TEST(ring__is_had_in_another_way_where_the_best_is_unknown_or_memory_short)
{
    fail_inits(2, EINVAL);
    check_eq(opened(), 0);
    fail_inits(2, ENOMEM);
    check_eq(opened(), 0);
    fail_inits(3, EINVAL);
    check_eq(opened(), EINVAL);
    fail_inits(3, ENOMEM);
    check_eq(opened(), ENOMEM);
    fail_inits(1, EMFILE);
    check_eq(opened(), EMFILE);
}

TAP_TEST(ring__that_lacks_what_is_needed_is_none)
{
    int before = count_open("");
    refused.lacking = IORING_FEAT_NODROP;
    check_eq(opened(), ENOSYS);
    refused.entries = 4096;
    check_eq(opened(), ENOSYS);
    refused.no_dontfork = true;
    check_eq(opened(), ENOSYS);
    refused.no_memory = true;
    check_eq(opened(), ENOMEM);
    check_eq(count_open(""), before);
}

/* ---- flushing -------------------------------------------------------------------------------- */

static void put_a_poll(void)
{
    struct tpp_request request = request_with(TPP_POLL, eventfd(1, EFD_CLOEXEC), NULL, 0, POLLIN);
    check(tpp_ring_put(the_ring, &request, 7));
}

static void expect_a_flush(int said)
{
    struct tpp_completion told = {0, {0, 0}};
    check_eq(tpp_ring_open(&the_ring), 0);
    put_a_poll();
    refused.submits = 1;
    refused.submit_result = said;
    check(tpp_ring_flush(the_ring));
    check_eq(refused.submits, 0);
    while (tpp_ring_take(the_ring, &told, 1) == 0)
        continue;
    check_eq(told.key, 7);
    check_eq(told.outcome.bytes, POLLIN);
    tpp_ring_close(the_ring);
}

/* A kernel that stops at a request says how many it took before: the flush goes on behind it. */
TAP_TEST(ring__flush_that_was_cut_short_begins_anew)
{
    expect_a_flush(-EINTR);
    expect_a_flush(1);
}

static int said_of_a_closed_one;

static void flush_while_closed(void)
{
    check_eq(tpp_ring_open(&the_ring), 0);
    put_a_poll();
    refused.submits = 1;
    refused.submit_result = -said_of_a_closed_one;
    (void)tpp_ring_flush(the_ring);
}

static void expect_abort(void (*function)(void))
{
    pid_t child = fork();
    require(child >= 0);
    if (child == 0) {
        check_eq(dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), 2), 2);
        function();
        _exit(0);
    }
    check_eq(end_of(child), 1000 + SIGABRT);
}

TAP_TEST(ring__closed_by_the_application_ends_the_process)
{
    static const int errors[] = {EBADF, EINVAL, EOPNOTSUPP, ENXIO};
    size_t i;
    for (i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        said_of_a_closed_one = errors[i];
        expect_abort(flush_while_closed);
    }
}

TAP_TEST(ring__writes_to_two_pipes_and_a_file_whose_limit_is_not_known)
{
    struct tpp_completion told[3];
    struct tpp_request request;
    uint32_t count = 0, i;
    int ends[2], files[] = {-1, -1, file_of(0)};
    require(pipe(ends) == 0);
    files[0] = files[1] = ends[1];
    check_eq(tpp_ring_open(&the_ring), 0);
    for (i = 0; i < 3; i++) {
        request = request_of(TPP_WRITE, files[i], "1234", 4);
        request.offset = i < 2 ? -1 : 0;
        check(tpp_ring_put(the_ring, &request, 1 + i));
    }
    refused.no_limits = true;
    check(tpp_ring_flush(the_ring));
    refused.no_limits = false;
    while (count < 3)
        count += tpp_ring_take(the_ring, told + count, 3 - count);
    for (i = 0; i < 3; i++) {
        check_eq(told[i].outcome.error, 0);
        check_eq(told[i].outcome.bytes, 4);
    }
    tpp_ring_close(the_ring);
    close(ends[0]), close(ends[1]), close(files[2]);
}

/* ---- more than there is room for ------------------------------------------------------------- */

enum { MORE = 5000 };

static void overflow(void)
{
    struct tpp_request request = request_with(TPP_POLL, eventfd(1, EFD_CLOEXEC), NULL, 0, POLLIN);
    uint32_t count = 0;
    check_eq(tpp_ring_open(&the_ring), 0);
    while (count < MORE)
        if (tpp_ring_put(the_ring, &request, 1 + count))
            count++;
        else
            check(tpp_ring_flush(the_ring));
    check(tpp_ring_flush(the_ring));
}

TAP_TEST(ring__what_had_no_room_is_there_once_the_system_gives_it)
{
    static struct tpp_completion told[MORE];
    uint32_t count, more;
    overflow();
    refused.fetches = 1;
    refused.fetch_result = -EAGAIN;
    count = tpp_ring_take(the_ring, told, MORE);
    check(count > 0 && count < MORE);
    check_eq(refused.fetches, 0);
    while (count < MORE && (more = tpp_ring_take(the_ring, told, MORE)) > 0)
        count += more;
    check_eq(count, MORE);
    tpp_ring_close(the_ring);
}

static void fetch_while_closed(void)
{
    static struct tpp_completion told[MORE];
    overflow();
    refused.fetches = 1;
    refused.fetch_result = -EBADF;
    (void)tpp_ring_take(the_ring, told, MORE);
}

TAP_TEST(ring__closed_by_the_application_ends_the_process_at_a_take_too)
{
    expect_abort(fetch_while_closed);
}

int main(void)
{
    if (opened() != 0) {
        printf("1..0 # SKIP the system has no ring, or forbids it\n");
        return 0;
    }
    tap_run(ring__is_had_in_another_way_where_the_best_is_unknown_or_memory_short);
    tap_run(ring__that_lacks_what_is_needed_is_none);
    tap_run(ring__flush_that_was_cut_short_begins_anew);
    tap_run(ring__closed_by_the_application_ends_the_process);
    tap_run(ring__writes_to_two_pipes_and_a_file_whose_limit_is_not_known);
    tap_run(ring__what_had_no_room_is_there_once_the_system_gives_it);
    tap_run(ring__closed_by_the_application_ends_the_process_at_a_take_too);
    return tap_done();
}
