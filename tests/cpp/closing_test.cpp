/* closing_test.cpp - how objects of C++ end: the three policies, moves, groups, in a callback. */
#include "tests/cpp/scene.hpp"

#include <fcntl.h>
#include <unistd.h>

/* ---- the policies ----------------------------------------------------------------------------- */

TAP_TEST(closing__cancel_and_wait_drops_what_is_queued)
{
    scene here(1);
    gate gate;
    std::atomic<int> ran{0};
    std::atomic<bool> over{false};
    tp::work holder(
        [&] {
            gate.hold();
            over = true;
        },
        here.env);
    holder.submit();
    gate.begun.acquire();
    {
        tp::work work([&ran, token = alive()] { ran++; }, here.env);
        work.submit_many(100);
    }
    check_eq(ran, 0);
    check_eq(alive::now, 0);
    gate.open.set();
    holder = tp::work(); /* running callbacks are waited for */
    check(over);
}

TAP_TEST(closing__wait_for_all_has_what_is_queued_run)
{
    scene here(1);
    std::atomic<int> ran{0};
    {
        tp::work_nocancel work([&ran, token = alive()] { ran++; }, here.env);
        work.submit_many(100);
    }
    check_eq(ran, 100);
    check_eq(alive::now, 0);
}

TAP_TEST(closing__no_wait_leaves_what_is_queued_to_run_later)
{
    scene here(1);
    gate gate;
    std::atomic<int> ran{0};
    tp::work holder([&] { gate.hold(); }, here.env);
    holder.submit();
    gate.begun.acquire();
    {
        tp::work_nowait work([&ran, token = alive()] { ran++; }, here.env);
        work.submit_many(100);
    }
    check_eq(ran, 0);
    check_eq(alive::now, 1);
    gate.open.set();
    here.pool.shutdown(tp::pending::run);
    check_eq(ran, 100);
    check_eq(alive::now, 0);
}

TAP_TEST(closing__stops_timers_and_disarms_waits)
{
    scene here;
    std::atomic<int> ran{0};
    tp::event never_set;
    auto count = [&ran](auto &&...) { ran++; };
    {
        tp::timer timer(count, here.env);
        tp::timer_nocancel timer_nocancel(count, here.env);
        tp::timer_nowait timer_nowait(count, here.env);
        timer.set(1h);
        timer_nocancel.set({1h, 1h});
        timer_nowait.set(std::chrono::steady_clock::now() + 1h);
        tp::wait wait(count, here.env);
        tp::wait_nocancel wait_nocancel(count, here.env);
        tp::wait_nowait wait_nowait(count, here.env);
        wait.set(never_set);
        wait_nocancel.set(never_set, 1h);
        wait_nowait.set(tp::waitable::never());
    }
    check_eq(here.pool.stats().timers_armed, 0);
    check_eq(here.pool.stats().waits_armed, 0);
    never_set.set();
    check_eq(ran, 0);
}

TAP_TEST(closing__of_io_waits_for_what_is_in_flight)
{
    scene here;
    int ends[2];
    require(pipe2(ends, O_CLOEXEC) == 0);
    std::atomic<int> told{0};
    char byte = 0;
    int32_t error = 0;
    auto note = [&](const tp::io_result &result) {
        error = result.error;
        told++; /* last: it lets go who waits for it */
    };
    {
        tp::io io(ends[0], note, here.env);
        io.submit(tp::io_op::read(&byte, &byte, 1));
        check(!io.wait_for(1ms));
        check(io.abort(&byte));
    }
    check_eq(told, 1);
    check_eq(error, ECANCELED);

    struct owner { /* of its buffer, which the system has for as long as it likes */
        std::atomic<int> *told;
        std::unique_ptr<char> buffer;
        alive token;

        void operator()(tp::io_result) const
        {
            ++*told;
        }
    };
    auto buffer = std::make_unique<char>();
    char *raw = buffer.get();
    tp::io_cancel forgetting(ends[0], owner{&told, std::move(buffer), {}}, here.env);
    forgetting.submit(tp::io_op::read(raw, raw, 1));
    forgetting.close();
    check_eq(write(ends[1], "x", 1), 1);
    while (alive::now != 0)
        usleep(1000);
    check_eq(told, 1);

    tp::io_nowait leaving(ends[0], note, here.env);
    leaving.submit(tp::io_op::read(&byte, &byte, 1));
    leaving.close();
    check_eq(write(ends[1], "y", 1), 1);
    while (told != 2)
        usleep(1000);
    check_eq(byte, 'y');
    close(ends[0]);
    close(ends[1]);
}

/* ---- moves ------------------------------------------------------------------------------------ */

TAP_TEST(closing__a_moved_object_is_closed_once_by_the_last_to_have_it)
{
    scene here;
    std::atomic<int> ran{0};
    tp::work first([&ran, token = alive()] { ran++; }, here.env);
    tp::work second(std::move(first));
    check(!first && second);
    second.submit();
    first = std::move(second);
    check(first && !second);
    first.submit();
    first.wait();
    check_eq(ran, 2);
    first = tp::work([token = alive()] {}, here.env); /* the old one ends here */
    check_eq(alive::now, 1);
    tp::work &same = first;
    first = std::move(same);
    check(static_cast<bool>(first));
    first.close();
    first.close();
    check(!first);
    check_eq(alive::now, 0);
    check_eq(first.try_wait(tp::pending::run, 0ns), TP_ERR_HANDLE);
    misuses = 0;
}

TAP_TEST(closing__what_is_made_anew_replaces_the_old)
{
    scene here;
    std::atomic<int> ran{0};
    tp::timer timer([token = alive()] {}, here.env);
    timer.set(1h);
    check_eq(timer.try_create([&ran, token = alive()] { ran++; }, here.env), TP_OK);
    check_eq(alive::now, 1);
    check(!timer.is_set());
    timer.set(0ns);
    timer.wait();
    check_eq(ran, 1);
}

/* ---- in a callback ---------------------------------------------------------------------------- */

TAP_TEST(closing__in_its_own_callback_does_not_wait)
{
    scene here;
    tp::event ran;
    auto own = std::make_shared<tp::work>();
    *own = tp::work(
        [&ran, own, token = alive()]() mutable {
            own->close();
            own.reset();
            ran.set();
        },
        here.env);
    own->submit();
    own.reset();
    ran.wait();
    here.pool.shutdown(tp::pending::run);
    check_eq(alive::now, 0);
    misuses = 0; /* a wait there would be a deadlock, and the library says so */
}

TAP_TEST(closing__its_own_callback_may_submit_set_and_stop)
{
    scene here;
    tp::event enough;
    std::atomic<int> runs{0};
    tp::work again(
        [&](tp::instance &, tp::work_ref self) {
            if (++runs < 10)
                self.submit();
        },
        here.env);
    again.submit();
    again.wait();
    check_eq(runs, 10);

    int ticks = 0;
    tp::timer timer(
        [&](tp::instance &now, tp::timer_ref self) {
            if (++ticks < 10)
                self.set(100us);
            else
                now.set_on_return(enough);
        },
        here.env);
    timer.set(0ns);
    enough.wait();
    check_eq(ticks, 10);

    tp::semaphore units(10, 10);
    int taken = 0;
    tp::wait wait(
        [&](tp::instance &now, tp::wait_ref self, tp::wait_result result) {
            if (result != tp::wait_result::signaled)
                now.set_on_return(enough);
            else if (++taken)
                self.set(units, 10ms);
        },
        here.env);
    wait.set(units, 10ms);
    enough.wait();
    check_eq(taken, 10);
}

/* Each goes on for ever, or until it is told, and uses what is gone after its object: a sanitizer
 * would see it. */
template <class Work, class Timer, class Wait> static void end_what_goes_on(scene &here)
{
    for (int i = 0; i < 100; i++) {
        tp::event set(tp::reset_mode::manual, true);
        auto begun = std::make_unique<std::atomic<int>>(0);
        auto closing = std::make_unique<std::atomic<bool>>(false);
        Work work(
            [&](tp::instance &, tp::work_ref self) {
                ++*begun;
                if (!*closing)
                    self.submit();
            },
            here.env);
        Timer timer(
            [&](tp::instance &, tp::timer_ref self) {
                ++*begun;
                self.set(*closing ? tp::when(1h) : tp::when(1us));
            },
            here.env);
        Wait wait(
            [&](tp::instance &, tp::wait_ref self, tp::wait_result) {
                ++*begun;
                self.set(*closing ? tp::waitable::never() : tp::waitable(set));
            },
            here.env);
        work.submit();
        timer.set(0ns);
        wait.set(set);
        while (*begun < i)
            usleep(10);
        if (std::is_same_v<Work, tp::work_nocancel>)
            *closing = true;
    }
}

TAP_TEST(closing__ends_what_sets_itself_again_and_again)
{
    scene here(3);
    end_what_goes_on<tp::work, tp::timer, tp::wait>(here);
    tp_pool_stats_t stats = here.pool.stats();
    check_eq(stats.timers_armed, 0);
    check_eq(stats.waits_armed, 0);
}

TAP_TEST(closing__for_all_leaves_nothing_set_that_was_set_meanwhile)
{
    scene here(3);
    end_what_goes_on<tp::work_nocancel, tp::timer_nocancel, tp::wait_nocancel>(here);
}

/* ---- groups ----------------------------------------------------------------------------------- */

TAP_TEST(closing__members_that_their_group_has_closed_have_nothing_to_close)
{
    scene here(1);
    gate gate;
    std::atomic<int> ran{0};
    int cancelled = 0;
    tp::work holder([&] { gate.hold(); }, here.env);
    holder.submit();
    gate.begun.acquire();
    tp::group group;
    here.env.set_group(group);
    tp::work work([&ran, token = alive()] { ran++; }, here.env);
    tp::timer timer([&ran, token = alive()] { ran++; }, here.env);
    tp::wait_nocancel wait([&ran, token = alive()] { ran++; }, here.env);
    work.submit_many(100);
    timer.set(1h);
    wait.set(tp::waitable::never());
    tp::submit([&ran, token = alive()] { ran++; }, here.env);
    group.cancel_members([&] { cancelled++; });
    check_eq(cancelled, 4);
    check_eq(alive::now, 0);
    group.close_members(tp::pending::cancel); /* it is empty, and may be used again */
    gate.open.set();
    holder.wait();
    check_eq(ran, 0);
}

TAP_TEST(closing__a_group_ends_what_was_left_to_it)
{
    scene here;
    std::atomic<int> ran{0};
    tp::work_ref left;
    {
        tp::group group;
        here.env.set_group(group);
        left = tp::work([&ran, token = alive()] { ran++; }, here.env).release();
        left.submit();
        tp::timer([token = alive()] {}, here.env).release().set(1h);
        tp::group same(std::move(group));
        check(!group && same);
        same.close_members(tp::pending::run);
        check_eq(ran, 1);
        check_eq(alive::now, 0);
        tp::wait([token = alive()] {}, here.env).release().set(tp::waitable::never());
        group = std::move(same);
        check_eq(alive::now, 1);
    }
    check_eq(alive::now, 0);
    check_eq(left.try_submit(), TP_ERR_HANDLE);
    misuses = 0;
}

TAP_TEST(closing__of_a_group_in_a_member_is_a_deadlock_and_changes_nothing)
{
    scene here;
    tp::group group;
    here.env.set_group(group);
    tp_status_t status = TP_OK;
    tp::work work([&] { status = status_of([&] { group.close_members(tp::pending::run); }); },
                  here.env);
    work.submit();
    work.wait();
    check_eq(status, TP_ERR_DEADLOCK);
    misuses = 0;
}

int main()
{
    tap_run(closing__cancel_and_wait_drops_what_is_queued);
    tap_run(closing__wait_for_all_has_what_is_queued_run);
    tap_run(closing__no_wait_leaves_what_is_queued_to_run_later);
    tap_run(closing__stops_timers_and_disarms_waits);
    tap_run(closing__of_io_waits_for_what_is_in_flight);
    tap_run(closing__a_moved_object_is_closed_once_by_the_last_to_have_it);
    tap_run(closing__what_is_made_anew_replaces_the_old);
    tap_run(closing__in_its_own_callback_does_not_wait);
    tap_run(closing__its_own_callback_may_submit_set_and_stop);
    tap_run(closing__ends_what_sets_itself_again_and_again);
    tap_run(closing__for_all_leaves_nothing_set_that_was_set_meanwhile);
    tap_run(closing__members_that_their_group_has_closed_have_nothing_to_close);
    tap_run(closing__a_group_ends_what_was_left_to_it);
    tap_run(closing__of_a_group_in_a_member_is_a_deadlock_and_changes_nothing);
    return tap_done();
}
