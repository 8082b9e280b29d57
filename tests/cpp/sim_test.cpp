/* sim_test.cpp - the ends of objects of C++, in every order: on the simulated machine. */
#include <tp/sim.h>
#include <tp/tp.hpp>

#include <memory>
#include <optional>
#include <stdexcept>

#include "tests/support/tap.h"

using namespace std::chrono_literals;

/* Runs a scenario in so many schedules; what fails says so itself. */
static bool holds(tp_sim_fn scenario)
{
    tp_sim_options_t options = TP_SIM_OPTIONS_INIT;
    options.schedules = 1000;
    return tp_sim_run(&options, scenario, nullptr, nullptr) == TP_OK;
}

/* What callbacks use, and must not use any more. */
struct user {
    bool over = false;
    int runs = 0;

    bool use()
    {
        tp_sim_check(!over);
        return ++runs < 12; /* not for ever: time passes when nobody has anything to do */
    }
};

struct two_threads {
    tp::pool pool{tp::pool_config().set_threads(0, 2)};
    tp::env env;

    two_threads()
    {
        env.set_pool(pool);
    }

    ~two_threads()
    {
        pool.shutdown(tp::pending::run);
    }
};

template <class Work, class Timer, class Wait> static void set_themselves(void *)
{
    two_threads here;
    user user;
    {
        tp::event set(tp::reset_mode::manual, true);
        Work work(
            [&](tp::instance &, tp::work_ref self) {
                if (user.use())
                    self.submit();
            },
            here.env);
        Timer timer(
            [&](tp::instance &, tp::timer_ref self) {
                if (user.use())
                    self.set(0ns);
            },
            here.env);
        Wait wait(
            [&](tp::instance &, tp::wait_ref self, tp::wait_result) {
                if (user.use())
                    self.set(set);
            },
            here.env);
        work.submit_many(2);
        timer.set(0ns);
        wait.set(set);
    }
    user.over = true;
    tp_sim_sleep(1000);
}

template <class Timer> static void set_once_more(void *)
{
    two_threads here;
    user user;
    {
        Timer timer(
            [&](tp::instance &, tp::timer_ref self) {
                if (user.use())
                    self.set(1ns);
            },
            here.env);
        timer.set(0ns);
    }
    if (std::is_same_v<Timer, tp::timer_nocancel>)
        tp_sim_check(user.runs >= 1);
    user.over = true;
    tp_sim_sleep(1000);
}

TAP_TEST(sim__nothing_is_called_after_an_object_that_cancels)
{
    check(holds(set_once_more<tp::timer>));
    check(holds(set_themselves<tp::work, tp::timer, tp::wait>));
}

TAP_TEST(sim__nothing_is_called_after_an_object_that_waits_for_all)
{
    check(holds(set_once_more<tp::timer_nocancel>));
    check(holds(set_themselves<tp::work_nocancel, tp::timer_nocancel, tp::wait_nocancel>));
}

/* The object ends on one thread, its group closes it on another. */
static void close_twice(void *)
{
    two_threads here;
    user user;
    tp::group group;
    tp::work closer([&] { group.close_members(tp::pending::cancel); }, here.env);
    here.env.set_group(group);
    std::optional<tp::work> work;
    work.emplace([&, owned = std::make_unique<int>(0)] { user.runs += *owned; }, here.env);
    work->submit_many(2);
    closer.submit();
    work.reset();
    closer.wait();
}

TAP_TEST(sim__an_object_and_its_group_may_end_at_the_same_time)
{
    check(holds(close_twice));
}

static void throw_and_wait(void *)
{
    two_threads here;
    tp::work work([] { throw std::runtime_error("thrown"); }, here.env);
    work.submit_many(3);
    int caught = 0;
    try {
        work.wait();
    } catch (const std::runtime_error &) {
        caught++;
    }
    tp_sim_check(caught == 1);
    tp_sim_check(!work.take_exception());
}

TAP_TEST(sim__what_is_thrown_reaches_the_waiter)
{
    check(holds(throw_and_wait));
}

int main()
{
    tap_run(sim__nothing_is_called_after_an_object_that_cancels);
    tap_run(sim__nothing_is_called_after_an_object_that_waits_for_all);
    tap_run(sim__an_object_and_its_group_may_end_at_the_same_time);
    tap_run(sim__what_is_thrown_reaches_the_waiter);
    return tap_done();
}
