/* wait_memory_test.c - waits while memory is out: what allocates nothing, what fails cleanly. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>

#include "tests/capi/exhaust.h"

static tp_wait_spec_t on(tp_waitable_t source, int64_t timeout)
{
    tp_wait_spec_t spec = TP_WAIT_SPEC_INIT;
    spec.source = source;
    spec.timeout = timeout;
    return spec;
}

static void light(int fd)
{
    uint64_t one = 1;
    check_eq(write(fd, &one, sizeof one), sizeof one);
}

static void darken(int fd)
{
    uint64_t taken;
    check_eq(read(fd, &taken, sizeof taken), sizeof taken);
}

CHILD_TEST(wait_memory__what_needs_no_descriptor_allocates_nothing)
{
    tp_wait_t *wait = NULL, *other = NULL;
    tp_event_t *event = NULL;
    tp_mutex_t *mutex = NULL;
    bool flag;
    (void)argument;
    prepare();
    tp_pool_t *pool = settled_pool(2);
    check_eq(tp_env_set_pool(stand.env, pool), TP_OK);
    check_eq(tp_wait_create(run_wait, &runs, stand.env, &wait), TP_OK);
    check_eq(tp_wait_create(run_wait, &runs, stand.env, &other), TP_OK);
    check_eq(tp_event_create(false, false, &event) | tp_mutex_create(false, &mutex), TP_OK);
    tp_wait_spec_t signal = on(tp_waitable_event(event), 1000000000);
    tp_wait_spec_t owner = on(tp_waitable_mutex(mutex), TP_INFINITE);
    tp_wait_spec_t brief = on(tp_waitable_never(), 1000), never = on(tp_waitable_never(), 1 << 30);
    for (uint32_t i = 0; i < 500; i++) {
        FREELY(tp_wait_set(wait, &signal, &flag));
        FREELY(tp_wait_set(other, i % 3 ? &brief : &owner, NULL));
        FREELY(tp_event_set(event));
        FREELY(tp_wait_wait(wait, i % 2, TP_INFINITE));
        FREELY(tp_wait_wait(other, true, TP_INFINITE));
        FREELY(tp_wait_set(other, i % 2 ? &never : NULL, &flag));
    }
    FREELY(tp_wait_set(wait, &signal, NULL));
    FREELY(tp_wait_close(wait));
    FREELY(tp_wait_set(other, &never, NULL));
    FREELY(tp_cleanup_group_close_members(stand.group, true, &cancels));
    FREELY(tp_event_close(event));
    FREELY(tp_mutex_close(mutex));
    FREELY(tp_pool_close(pool));
    check(becomes(&releases, 2));
}

CHILD_TEST(wait_memory__a_descriptor_that_is_known_is_armed_and_fires_without_allocating)
{
    tp_wait_t *wait = NULL;
    int fd = eventfd(0, EFD_CLOEXEC);
    tp_wait_spec_t spec = on(tp_waitable_fd(fd, POLLIN), TP_INFINITE);
    (void)argument;
    prepare();
    tp_pool_t *pool = settled_pool(1);
    check_eq(tp_env_set_pool(stand.env, pool), TP_OK);
    check_eq(tp_wait_create(run_wait, &runs, stand.env, &wait), TP_OK);
    check_eq(tp_wait_set(wait, &spec, NULL), TP_OK);
    __atomic_store_n(&world.forbidden, true, __ATOMIC_SEQ_CST);
    for (uint32_t i = 0; i < 300; i++) {
        light(fd);
        check(becomes(&runs, i + 1));
        darken(fd);
        FREELY(tp_wait_set(wait, &spec, NULL));
    }
    FREELY(tp_wait_close(wait));
    __atomic_store_n(&world.forbidden, false, __ATOMIC_SEQ_CST);
    check(becomes(&releases, 1));
    check_eq(tp_pool_close(pool), TP_OK);
    close_stand();
    close(fd);
}

/* Each allocation of the first set on a descriptor fails in turn, alone or with all that follow. */
static void fail_in_turn(bool and_on)
{
    tp_wait_t *wait = NULL;
    tp_event_t *event = NULL;
    tp_status_t status = TP_ERR_NO_MEMORY;
    int fd = fcntl(0, F_DUPFD_CLOEXEC, 700); /* a number for which there is no room yet */
    check(fd >= 700 && dup3(eventfd(1, EFD_CLOEXEC), fd, O_CLOEXEC) == fd);
    prepare();
    check_eq(tp_wait_create(run_wait, &runs, stand.env, &wait), TP_OK);
    check_eq(tp_event_create(false, false, &event), TP_OK);
    tp_wait_spec_t old = on(tp_waitable_event(event), TP_INFINITE);
    tp_wait_spec_t spec = on(tp_waitable_fd(fd, POLLIN), TP_INFINITE);
    check_eq(tp_wait_set(wait, &old, NULL), TP_OK);
    uint32_t refusals = 0;
    while (status != TP_OK && refusals < 100) {
        bool was_armed = true;
        fail_at(refusals + 1, and_on);
        status = tp_wait_set(wait, &spec, &was_armed);
        fail_at(NEVER, false);
        check_eq(was_armed, status == TP_OK);
        refusals += status != TP_OK;
        check(status == TP_OK || status == TP_ERR_NO_MEMORY);
        check(status == TP_OK || statistics(stand.pool).waits_armed == 1);
    }
    check(refusals >= 2); /* a poller that was made stays for the next try */
    check(becomes(&runs, 1));
    check_eq(tp_wait_set(wait, &old, NULL) | tp_event_set(event), TP_OK);
    check(becomes(&runs, 2));
    check_eq(tp_wait_close(wait) | tp_event_close(event), TP_OK);
    check(becomes(&releases, 1));
    check(none_in_use(TPI_KIND_SOURCE));
    close_stand();
    close(fd);
}

CHILD_TEST(wait_memory__first_set_on_a_descriptor_fails_with_everything_as_it_was)
{
    fail_in_turn(argument != 0);
}

CHILD_TEST(wait_memory__first_set_on_a_descriptor_fails_while_all_memory_is_out)
{
    fail_in_turn(argument == 0);
}

int main(void)
{
    share();
    tap_run(wait_memory__what_needs_no_descriptor_allocates_nothing);
    tap_run(wait_memory__a_descriptor_that_is_known_is_armed_and_fires_without_allocating);
    tap_run(wait_memory__first_set_on_a_descriptor_fails_with_everything_as_it_was);
    tap_run(wait_memory__first_set_on_a_descriptor_fails_while_all_memory_is_out);
    return tap_done();
}
