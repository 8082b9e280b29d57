/* poller_test.c - the simulated poller keeps the contract of os.h and uses the room it leaves. */
#include <errno.h>
#include <poll.h>

#include "core/os/sim/sim.h"
#include "tests/support/tap.h"

#define SECOND INT64_C(1000000000)
enum { SEEDS = 300, FIRST = 3 }; /* the number of the first file that a scenario opens */

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

static void open_streams(int count)
{
    for (int i = 0; i < count; i++)
        tpps_check(tpps_descriptor_open(-1, TPPS_STREAM) == FIRST + i);
}

static uint32_t take(struct tpp_poller_event *event, int64_t ns)
{
    return tpp_poller_wait(poller, event, 1, tpps_now() + ns);
}

static uint32_t look(struct tpp_poller_event *event)
{
    return take(event, 0);
}

static void errors(void *arg)
{
    (void)arg;
    open_poller();
    tpps_check(tpp_poller_add(poller, 3, POLLIN, 1) == EBADF);
    open_streams(2);
    tpps_check(tpp_poller_add(poller, 3, POLLIN, 1) == 0);
    tpps_check(tpp_poller_add(poller, 3, POLLIN, 1) == EEXIST);
    tpps_check(tpp_poller_modify(poller, 4, POLLIN, 1) == ENOENT);
    tpps_check(tpp_poller_remove(poller, 4) == ENOENT);
    tpps_descriptor_close(3);
    tpps_check(tpp_poller_modify(poller, 3, POLLIN, 1) == EBADF);
    tpps_check(tpp_poller_remove(poller, 3) == EBADF);
    tpps_check(tpp_poller_add(poller, 3, POLLIN, 1) == EBADF);
    tpps_check(tpp_poller_add(poller, -1, POLLIN, 1) == EBADF);
    tpps_check(tpps_descriptor_open(7, TPPS_REGULAR) == 7);
    tpps_check(tpp_poller_add(poller, 7, POLLIN, 1) == EPERM);
    tpps_check(tpp_poller_add(poller, 4, POLLIN, 1) == 0);
    tpps_descriptor_break(4);
    tpps_check(tpp_poller_modify(poller, 4, POLLIN, 1) == ENOMEM);
    tpps_check(tpp_poller_remove(poller, 4) == 0);
    tpps_check(tpp_poller_add(poller, 4, POLLIN, 1) == ENOMEM);
    tpp_poller_close(poller);
}

TAP_TEST(poller__errors_are_those_of_epoll)
{
    must_pass(errors);
}

static void refused(void *arg)
{
    struct tpp_poller_event event;
    int error;
    (void)arg;
    open_poller();
    open_streams(1);
    tpps_descriptor_set_ready(3, POLLIN);
    error = tpp_poller_add(poller, 3, POLLIN, 1);
    seen |= error == ENOMEM ? 1 : error == ENOSPC ? 2 : 4;
    tpps_check(look(&event) == 0 && tpp_poller_remove(poller, 3) == ENOENT);
    tpp_poller_close(poller);
}

static void refused_poller(void *arg)
{
    tpps_check(tpp_poller_open(arg) == EMFILE && *(struct tpp_poller **)arg == NULL);
}

TAP_TEST(poller__memory_and_room_may_run_out)
{
    struct tpps_options options = {.quiet = true, .fail_nth = 2};
    struct tpp_poller *none = NULL;
    seen = 0;
    for (options.seed = 1; options.seed <= SEEDS; options.seed++)
        check(tpps_run(&options, refused, NULL, NULL));
    check_eq(seen, 3);
    options.fail_nth = 1;
    check(tpps_run(&options, refused_poller, &none, NULL));
}

/* ---- how often ------------------------------------------------------------------------------- */

static void level(void *arg)
{
    struct tpp_poller_event event = {0};
    (void)arg;
    open_poller();
    open_streams(1);
    tpps_check(tpp_poller_add(poller, 3, POLLIN, 7) == 0);
    tpps_check(take(&event, SECOND) == 0);
    tpps_check(tpps_now() == 1001 * SECOND); /* at the deadline */
    tpps_descriptor_set_ready(3, POLLIN | POLLOUT);
    for (int i = 0; i < 5; i++)
        tpps_check((i % 2 == 0 ? look(&event) : take(&event, SECOND)) == 1 && event.key == 7 &&
                   event.events == POLLIN);
    tpps_check(tpps_now() == 1001 * SECOND && tpps_events_told() == 5);
    tpps_check(tpp_poller_modify(poller, 3, POLLOUT, 7) == 0);
    tpps_check(look(&event) == 1 && event.events == POLLOUT);
    tpps_descriptor_set_ready(3, POLLIN);
    tpps_check(look(&event) == 0);
    tpps_check(tpp_poller_modify(poller, 3, 0, 7) == 0);
    tpps_descriptor_set_ready(3, POLLHUP | POLLERR | POLLIN);
    tpps_check(look(&event) == 1 && event.events == (POLLHUP | POLLERR)); /* asked for or not */
    tpps_check(look(&event) == 1);
    tpp_poller_close(poller);
}

TAP_TEST(poller__a_state_is_told_of_in_every_wait_while_it_lasts)
{
    must_pass(level);
}

static void one_shot(void *arg)
{
    struct tpp_poller_event event = {0};
    (void)arg;
    open_poller();
    open_streams(1);
    tpps_check(tpp_poller_add(poller, 3, POLLIN | TPP_POLL_ONCE, 7) == 0);
    tpps_check(take(&event, SECOND) == 0);
    tpps_descriptor_set_ready(3, POLLIN | POLLOUT);
    tpps_check(take(&event, SECOND) == 1 && event.key == 7 && event.events == POLLIN);
    tpps_check(take(&event, SECOND) == 0 && look(&event) == 0); /* silent until it is modified */
    tpps_check(tpp_poller_modify(poller, 3, POLLOUT | TPP_POLL_ONCE, 8) == 0);
    tpps_check(take(&event, SECOND) == 1 && event.key == 8 && event.events == POLLOUT);
    tpps_descriptor_set_ready(3, POLLHUP);
    tpps_check(look(&event) == 0); /* that too */
    tpps_check(tpp_poller_modify(poller, 3, TPP_POLL_ONCE, 8) == 0);
    tpps_check(take(&event, SECOND) == 1 && event.events == POLLHUP);
    tpps_check(look(&event) == 0);
    tpps_check(tpp_poller_modify(poller, 3, POLLIN, 8) == 0);
    tpps_check(look(&event) == 1 && look(&event) == 1); /* no longer once */
    tpp_poller_close(poller);
}

TAP_TEST(poller__or_once_and_then_silent_until_it_is_modified)
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
    open_streams(3);
    for (uintptr_t i = 0; i < 3; i++) {
        tpps_check(tpp_poller_add(poller, FIRST + (int)i, POLLIN | TPP_POLL_ONCE, i) == 0);
        thread[i] = tpps_spawn(ready_later, (void *)(FIRST + i));
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

static void crowd(void *arg)
{
    static struct tpp_poller_event events[500];
    static bool told[500];
    uint32_t got = 0;
    (void)arg;
    open_poller();
    open_streams(500);
    for (int i = 0; i < 500; i++) {
        told[i] = false;
        tpps_check(tpp_poller_add(poller, FIRST + i, POLLIN | TPP_POLL_ONCE, (uint64_t)i) == 0);
        tpps_descriptor_set_ready(FIRST + i, POLLIN);
    }
    while (got < 500) {
        uint32_t n = tpp_poller_wait(poller, events, 500, 0);
        tpps_check(n != 0);
        for (uint32_t i = 0; i < n; i++) {
            tpps_check(!told[events[i].key]);
            told[events[i].key] = true;
        }
        if (got == 0)
            seen |= (events[0].key < 250 ? 1u : 2u) | (n < 500 ? 4u : 0u);
        got += n;
    }
    tpp_poller_close(poller);
}

TAP_TEST(poller__hundreds_are_told_of_in_any_order)
{
    struct tpps_options options = {.quiet = true};
    seen = 0;
    for (options.seed = 1; options.seed <= 20; options.seed++)
        check(tpps_run(&options, crowd, NULL, NULL));
    check_eq(seen, 7); /* and not all together */
}

/* A state that lasts does not hide another one, however few events are taken at a time. */
static void fair(void *arg)
{
    uint32_t since[4] = {0};
    struct tpp_poller_event event;
    (void)arg;
    open_poller();
    open_streams(4);
    for (uint64_t i = 0; i < 4; i++) {
        tpps_check(tpp_poller_add(poller, FIRST + (int)i, POLLIN, i) == 0);
        tpps_descriptor_set_ready(FIRST + (int)i, POLLIN);
    }
    for (int turn = 0; turn < 12; turn++) {
        tpps_check(look(&event) == 1);
        for (uint32_t i = 0; i < 4; i++)
            since[i] = event.key == i ? 0 : since[i] + 1;
        for (uint32_t i = 0; i < 4; i++) {
            tpps_check(since[i] < 8);
            seen |= since[i] > 3 ? 1 : 0;
        }
    }
    tpp_poller_close(poller);
}

TAP_TEST(poller__nothing_is_passed_over_for_ever)
{
    static const uint8_t bytes[1];
    struct tpps_options options = {.quiet = true, .strategy = TPPS_BYTES, .bytes = bytes};
    check(tpps_run(&options, fair, NULL, NULL)); /* always the first choice */
    must_pass(fair);
    check_eq(seen, 1); /* but it need not be taken in turns either */
}

/* ---- looks and sleeps ------------------------------------------------------------------------ */

static uint32_t slept, looked;

static void sleeper(void *arg)
{
    struct tpp_poller_event event;
    (void)arg;
    slept = take(&event, SECOND);
}

static void looker(void *arg)
{
    struct tpp_poller_event event;
    (void)arg;
    looked = look(&event);
    tpps_check(looked == 0 || event.key == 7);
}

static void look_beside_sleep(uint32_t events)
{
    tpps_thread threads[2];
    open_poller();
    open_streams(1);
    slept = looked = 0;
    tpps_check(tpp_poller_add(poller, 3, events, 7) == 0);
    threads[0] = tpps_spawn(sleeper, NULL);
    threads[1] = tpps_spawn(looker, NULL);
    tpps_descriptor_set_ready(3, POLLIN);
    tpps_join(threads[0]);
    tpps_join(threads[1]);
    seen |= 1u << (slept * 2 + looked);
    tpp_poller_close(poller);
}

static void looks_level(void *arg)
{
    (void)arg;
    look_beside_sleep(POLLIN);
    tpps_check(slept == 1);
}

static void looks_once(void *arg)
{
    (void)arg;
    look_beside_sleep(POLLIN | TPP_POLL_ONCE);
    tpps_check(slept + looked == 1);
}

TAP_TEST(poller__others_look_while_one_sleeps_and_both_see_what_lasts)
{
    must_pass(looks_level);
    check_eq(seen, 1u << 3 | 1u << 2); /* both, or the look was too early */
    must_pass(looks_once);
    check_eq(seen, 1u << 2 | 1u << 1); /* the one or the other */
}

static void changes_meanwhile(void *arg)
{
    (void)arg;
    tpps_check(tpp_poller_add(poller, 3, 0, 6) == 0);
    tpps_check(tpp_poller_modify(poller, 3, POLLIN, 7) == 0); /* ready by now, or later */
}

static void added_beside_sleep(void *arg)
{
    struct tpp_poller_event event;
    tpps_thread threads[2];
    (void)arg;
    open_poller();
    open_streams(1);
    threads[0] = tpps_spawn(changes_meanwhile, NULL);
    threads[1] = tpps_spawn(ready_later, (void *)FIRST);
    tpps_check(take(&event, 5 * SECOND) == 1 && event.key == 7);
    tpps_check(tpps_now() <= 1001 * SECOND);
    tpps_join(threads[0]);
    tpps_join(threads[1]);
    tpp_poller_close(poller);
}

TAP_TEST(poller__what_is_added_or_modified_meanwhile_ends_a_sleep)
{
    must_pass(added_beside_sleep);
}

static void often_for_nothing(void *arg)
{
    struct tpp_poller_event event;
    uint32_t turns = 1;
    (void)arg;
    open_poller();
    open_streams(1);
    tpps_descriptor_set_ready(3, POLLIN);
    tpps_check(tpp_poller_add(poller, 3, POLLIN | TPP_POLL_ONCE, 7) == 0);
    while (take(&event, SECOND) == 0)
        turns++;
    tpps_check(event.key == 7 && tpps_now() == 1000 * SECOND);
    seen |= turns > 1 ? 2 : 1;
    tpp_poller_close(poller);
}

TAP_TEST(poller__a_wait_may_return_for_nothing_and_the_event_comes_later)
{
    struct tpps_options options = {.quiet = true, .spurious = 3};
    seen = 0;
    for (options.seed = 1; options.seed <= SEEDS; options.seed++)
        check(tpps_run(&options, often_for_nothing, NULL, NULL));
    check_eq(seen, 3);
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

static void kick_and_look(void *arg)
{
    struct tpp_poller_event event;
    int64_t start = tpps_now();
    (void)arg;
    open_poller();
    tpp_poller_kick(poller);
    tpps_check(look(&event) == 0 && look(&event) == 0); /* they leave it alone */
    tpps_check(take(&event, SECOND) == 0 && tpps_now() == start);
    tpps_check(take(&event, SECOND) == 0 && tpps_now() == start + SECOND);
    tpp_poller_close(poller);
}

static void kick_beside_look(void *arg)
{
    struct tpp_poller_event event;
    tpps_thread threads[2];
    int64_t start = tpps_now();
    (void)arg;
    open_poller();
    threads[0] = tpps_spawn(kick, NULL);
    threads[1] = tpps_spawn(looker, NULL);
    tpps_check(tpp_poller_wait(poller, &event, 1, TPP_FOREVER) == 0 && tpps_now() == start);
    tpps_join(threads[0]);
    tpps_join(threads[1]);
    tpp_poller_close(poller);
}

TAP_TEST(poller__a_look_takes_no_kick_away)
{
    must_pass(kick_and_look);
    must_pass(kick_beside_look);
}

static void removed(void *arg)
{
    struct tpp_poller_event event;
    (void)arg;
    open_poller();
    open_streams(1);
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

static void another_key(void *arg)
{
    struct tpp_poller_event events[2];
    uint32_t count;
    (void)arg;
    open_poller();
    open_streams(1);
    tpps_descriptor_set_ready(3, POLLIN);
    tpps_check(tpp_poller_add(poller, 3, POLLIN, 7) == 0);
    tpps_check(tpp_poller_modify(poller, 3, POLLIN, 8) == 0);
    count = tpp_poller_wait(poller, events, 2, 0);
    tpps_check(count != 0);
    for (uint32_t i = 0; i < count; i++)
        seen |= events[i].key == 7 ? 1 : events[i].key == 8 ? 2 : 4;
    tpps_check(tpp_poller_wait(poller, events, 2, 0) == 1 && events[0].key == 8);
    tpp_poller_close(poller);
}

TAP_TEST(poller__a_removed_key_may_still_come_once)
{
    must_pass(removed);
    check_eq(seen, 3);
    must_pass(another_key);
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
    tpps_check(tpp_poller_add(poller, flag, POLLIN | TPP_POLL_ONCE, 7) == 0);
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
    tpps_check(!tpps_flag_raised(flag) && look(&event) == 0); /* it has left its poller */
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
    int own;
    (void)arg;
    open_streams(1);
    tpps_check(tpp_file_keep(3, &own) == 0);
    tpp_flag_close(own);
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
    tap_run(poller__memory_and_room_may_run_out);
    tap_run(poller__a_state_is_told_of_in_every_wait_while_it_lasts);
    tap_run(poller__or_once_and_then_silent_until_it_is_modified);
    tap_run(poller__events_come_together_or_one_by_one_and_none_is_lost);
    tap_run(poller__hundreds_are_told_of_in_any_order);
    tap_run(poller__nothing_is_passed_over_for_ever);
    tap_run(poller__others_look_while_one_sleeps_and_both_see_what_lasts);
    tap_run(poller__what_is_added_or_modified_meanwhile_ends_a_sleep);
    tap_run(poller__a_wait_may_return_for_nothing_and_the_event_comes_later);
    tap_run(poller__kicks_end_a_wait_now_or_the_next_one);
    tap_run(poller__a_look_takes_no_kick_away);
    tap_run(poller__a_removed_key_may_still_come_once);
    tap_run(poller__misuse_fails_the_run);
    tap_run(poller__a_flag_is_readable_while_it_is_raised);
    tap_run(poller__raising_ends_a_poll_before_or_after_it_begins);
    tap_run(poller__a_flag_may_be_refused);
    tap_run(poller__misused_flags_fail_the_run);
    return tap_done();
}
