/* poller_test.c - the simulated poller keeps the contract of os.h and uses the room it leaves. */
#include <errno.h>
#include <poll.h>

#include "core/os/sim/sim.h"
#include "tests/support/tap.h"

#define SECOND INT64_C(1000000000)
enum { SEEDS = 300 };

static struct tpp_poller *poller;
static uint32_t seen; /* bits of what happened in any of the runs */

static void must_pass(void (*entry)(void *))
{
    struct tpps_options options = {.quiet = true};
    bool ok = true;
    seen = 0;
    for (options.seed = 1; options.seed <= SEEDS && ok; options.seed++) {
        options.strategy = options.seed % 2 != 0 ? TPPS_PCT : TPPS_RANDOM;
        ok = tpps_run(&options, entry, NULL, NULL);
    }
    check(ok);
    if (!ok)
        printf("%s", tpps_report());
}

static void must_fail(void (*entry)(void *), const char *message)
{
    static struct tpps_result result;
    struct tpps_options options = {.quiet = true};
    bool ok = true;
    for (options.seed = 1; options.seed <= SEEDS && ok; options.seed++)
        ok = tpps_run(&options, entry, NULL, &result);
    check(!ok);
    check(strstr(result.message, message) != NULL);
}

static void open_poller(void)
{
    tpps_check(tpp_poller_open(&poller) == 0);
}

static uint32_t take(struct tpp_poller_event *event, int64_t ns)
{
    return tpp_poller_wait(poller, event, 1, tpps_now() + ns);
}

static void errors(void *arg)
{
    (void)arg;
    open_poller();
    tpps_check(tpp_poller_add(poller, 3, POLLIN, 1) == 0);
    tpps_check(tpp_poller_add(poller, 3, POLLIN, 1) == EEXIST);
    tpps_check(tpp_poller_modify(poller, 4, POLLIN, 1) == ENOENT);
    tpps_check(tpp_poller_remove(poller, 4) == ENOENT);
    tpps_descriptor_close(3);
    tpps_check(tpp_poller_remove(poller, 3) == ENOENT);
    tpps_check(tpp_poller_add(poller, 3, POLLIN, 1) == EBADF);
    tpp_poller_close(poller);
}

TAP_TEST(poller__errors_are_those_of_epoll)
{
    must_pass(errors);
}

static void one_shot(void *arg)
{
    struct tpp_poller_event event = {0};
    (void)arg;
    open_poller();
    tpps_check(tpp_poller_add(poller, 3, POLLIN, 7) == 0);
    tpps_check(take(&event, SECOND) == 0);
    tpps_check(tpps_now() == 1001 * SECOND);
    tpps_descriptor_set_ready(3, POLLIN | POLLOUT);
    tpps_check(take(&event, SECOND) == 1 && event.key == 7 && event.events == POLLIN);
    tpps_check(take(&event, SECOND) == 0); /* silent until armed again */
    tpps_check(tpp_poller_modify(poller, 3, POLLOUT, 8) == 0);
    tpps_check(take(&event, SECOND) == 1 && event.key == 8 && event.events == POLLOUT);
    tpps_descriptor_set_ready(3, POLLHUP);
    tpps_check(tpp_poller_modify(poller, 3, POLLIN, 8) == 0);
    tpps_check(take(&event, SECOND) == 1 && event.events == POLLHUP); /* always told */
    tpp_poller_close(poller);
}

TAP_TEST(poller__interest_is_one_shot)
{
    must_pass(one_shot);
}

static void ready_later(void *arg)
{
    tpps_sleep(SECOND);
    tpps_descriptor_set_ready((int)(uintptr_t)arg, POLLIN);
}

static void several(void *arg)
{
    struct tpp_poller_event events[4];
    tpps_thread thread[3];
    uint32_t got = 0, keys = 0;
    (void)arg;
    open_poller();
    for (uintptr_t i = 0; i < 3; i++) {
        tpps_check(tpp_poller_add(poller, (int)i, POLLIN, i) == 0);
        thread[i] = tpps_spawn(ready_later, (void *)i);
    }
    while (got < 3) {
        uint32_t n = tpp_poller_wait(poller, events, 4, TPP_FOREVER);
        seen |= 1u << n;
        for (uint32_t i = 0; i < n; i++)
            keys |= 1u << events[i].key;
        got += n;
    }
    tpps_check(got == 3 && keys == 7);
    for (int i = 0; i < 3; i++)
        tpps_join(thread[i]);
    tpp_poller_close(poller);
}

TAP_TEST(poller__events_come_together_or_one_by_one_and_none_is_lost)
{
    must_pass(several);
    check_eq(seen & 14, 14);
}

static void kick(void *arg)
{
    (void)arg;
    tpp_poller_kick(poller);
    tpp_poller_kick(poller);
}

static void kicks(void *arg)
{
    struct tpp_poller_event event;
    tpps_thread thread;
    int64_t start = tpps_now();
    uint32_t rounds = 0;
    (void)arg;
    open_poller();
    thread = tpps_spawn(kick, NULL);
    while (take(&event, SECOND) == 0 && tpps_now() == start)
        rounds++;
    tpps_check(rounds == 1 || rounds == 2); /* two kicks end one wait or two, but at least one */
    seen |= rounds;
    tpps_join(thread);
    tpp_poller_close(poller);
}

TAP_TEST(poller__kicks_end_a_wait_now_or_the_next_one)
{
    must_pass(kicks);
    check_eq(seen, 3);
}

static void removed(void *arg)
{
    struct tpp_poller_event event;
    (void)arg;
    open_poller();
    tpps_descriptor_set_ready(3, POLLIN);
    tpps_check(tpp_poller_add(poller, 3, POLLIN, 7) == 0);
    tpps_check(tpp_poller_remove(poller, 3) == 0);
    if (take(&event, SECOND) != 0) {
        tpps_check(event.key == 7);
        seen |= 1;
    } else {
        seen |= 2;
    }
    tpps_check(take(&event, SECOND) == 0);
    tpp_poller_close(poller);
}

TAP_TEST(poller__a_removed_key_may_still_come_once)
{
    must_pass(removed);
    check_eq(seen, 3);
}

static void waits(void *arg)
{
    struct tpp_poller_event event;
    (void)arg;
    take(&event, SECOND);
}

static void two_waiters(void *arg)
{
    open_poller();
    tpps_spawn(waits, NULL);
    waits(arg);
}

static void closes_too_early(void *arg)
{
    (void)arg;
    open_poller();
    tpps_spawn(waits, NULL);
    tpps_sleep(1);
    tpp_poller_close(poller);
}

static void forgets(void *arg)
{
    (void)arg;
    open_poller();
}

TAP_TEST(poller__misuse_fails_the_run)
{
    must_fail(two_waiters, "two threads wait");
    must_fail(closes_too_early, "closed while a thread waits");
    must_fail(forgets, "1 pollers alive");
}

/* ---- flags ----------------------------------------------------------------------------------- */

static void raises(void *arg)
{
    tpps_sleep(SECOND);
    tpp_flag_raise((int)(uintptr_t)arg);
    tpp_flag_raise((int)(uintptr_t)arg);
}

static void flags(void *arg)
{
    struct tpp_poller_event event = {0};
    tpps_thread thread;
    int flag, other;
    (void)arg;
    open_poller();
    tpps_check(tpp_flag_open(&flag) == 0 && tpp_flag_open(&other) == 0 && flag != other);
    tpps_check(tpp_poller_add(poller, flag, POLLIN, 7) == 0);
    tpps_check(!tpps_flag_raised(flag) && !tpps_poll(flag, tpps_now()));
    thread = tpps_spawn(raises, (void *)(uintptr_t)(unsigned)flag);
    tpps_check(!tpps_poll(other, tpps_now() + 3 * SECOND) && tpps_now() == 1003 * SECOND);
    tpps_check(tpps_flag_raised(flag) && !tpps_flag_raised(other));
    tpps_check(tpps_poll(flag, TPP_FOREVER) && tpps_poll(flag, 0)); /* as long as it is raised */
    tpps_check(take(&event, SECOND) == 1 && event.key == 7 && event.events == POLLIN);
    tpp_flag_clear(flag);
    tpp_flag_clear(flag);
    tpps_check(!tpps_flag_raised(flag) && !tpps_poll(flag, tpps_now() + SECOND));
    tpps_check(tpp_poller_modify(poller, flag, POLLIN, 8) == 0 && take(&event, SECOND) == 0);
    tpps_join(thread);
    tpp_flag_close(other);
    tpp_flag_raise(flag);
    tpp_flag_close(flag);
    tpps_check(!tpps_flag_raised(flag) && tpp_poller_remove(poller, flag) == ENOENT);
    tpp_poller_close(poller);
}

TAP_TEST(poller__a_flag_is_readable_while_it_is_raised)
{
    must_pass(flags);
}

static void await_flag(void *arg)
{
    tpps_check(tpps_poll((int)(uintptr_t)arg, TPP_FOREVER));
    tpp_flag_clear((int)(uintptr_t)arg);
}

static void raised_in_any_order(void *arg)
{
    tpps_thread thread;
    int flag;
    (void)arg;
    for (int i = 0; i < 100; i++) { /* more than are open at once */
        tpps_check(tpp_flag_open(&flag) == 0);
        thread = tpps_spawn(await_flag, (void *)(uintptr_t)(unsigned)flag);
        tpp_flag_raise(flag);
        tpps_join(thread);
        tpp_flag_close(flag);
    }
}

TAP_TEST(poller__raising_ends_a_poll_before_or_after_it_begins)
{
    must_pass(raised_in_any_order);
}

static void refused_flag(void *arg)
{
    int flag = -1;
    (void)arg;
    tpps_check(tpp_flag_open(&flag) == EMFILE && flag == -1);
}

TAP_TEST(poller__a_flag_may_be_refused)
{
    struct tpps_options options = {.quiet = true, .fail_nth = 1};
    check(tpps_run(&options, refused_flag, NULL, NULL));
}

static void forgets_flag(void *arg)
{
    int flag;
    (void)arg;
    tpps_check(tpp_flag_open(&flag) == 0);
}

static void uses_closed_flag(void *arg)
{
    int flag;
    (void)arg;
    tpps_check(tpp_flag_open(&flag) == 0);
    tpp_flag_close(flag);
    tpp_flag_raise(flag);
}

static void closes_what_is_no_flag(void *arg)
{
    (void)arg;
    tpp_flag_close(3);
}

TAP_TEST(poller__misused_flags_fail_the_run)
{
    must_fail(forgets_flag, "1 flags");
    must_fail(uses_closed_flag, "not open");
    must_fail(closes_what_is_no_flag, "not open");
}

int main(void)
{
    tap_run(poller__errors_are_those_of_epoll);
    tap_run(poller__interest_is_one_shot);
    tap_run(poller__events_come_together_or_one_by_one_and_none_is_lost);
    tap_run(poller__kicks_end_a_wait_now_or_the_next_one);
    tap_run(poller__a_removed_key_may_still_come_once);
    tap_run(poller__misuse_fails_the_run);
    tap_run(poller__a_flag_is_readable_while_it_is_raised);
    tap_run(poller__raising_ends_a_poll_before_or_after_it_begins);
    tap_run(poller__a_flag_may_be_refused);
    tap_run(poller__misused_flags_fail_the_run);
    return tap_done();
}
