/* time_test.cpp - timers, waits, and what can be waited for, from C++. */
#include "tests/cpp/scene.hpp"

#include <csignal>
#include <mutex>
#include <poll.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using std::chrono::steady_clock;
using std::chrono::system_clock;

/* ---- timers ----------------------------------------------------------------------------------- */

TAP_TEST(timer__expires_on_every_clock_and_never_early)
{
    scene here;
    tp::event expired;
    tp::timer timer([&] { expired.set(); }, here.env);
    const tp::when times[] = {2ms, tp::when::boottime(2ms), steady_clock::now() + 2ms,
                              system_clock::now() + 2ms};
    for (const tp::when &time : times) {
        timer.set(time);
        expired.wait();
    }
    steady_clock::time_point due = steady_clock::now() + 3ms;
    timer.set(due);
    expired.wait();
    check(steady_clock::now() >= due);
    timer.set(steady_clock::now() - 1h); /* what is past is due at once */
    expired.wait();
    timer.set(system_clock::time_point(-1h));
    expired.wait();
}

TAP_TEST(timer__with_a_period_goes_on_until_it_is_stopped)
{
    scene here;
    tp::semaphore ticks(0, 1000);
    here.env.set_concurrency_limit(1);
    tp::timer timer([&] { ticks.try_release(); }, here.env);
    check(!timer.is_set());
    check(!timer.set({1ms, 1ms}));
    for (int i = 0; i < 5; i++)
        ticks.acquire();
    check(timer.is_set());
    timer.stop();
    timer.cancel_pending();
    check(!timer.is_set());
    check(!timer.stop());

    tp::schedule seldom(1h, 1h);
    seldom.window = 1min;
    seldom.if_missed = tp::missed::skip;
    check(!timer.set(seldom));
    check(timer.set(1h));
    check_eq(timer.try_stop(), TP_OK);
    bool was_armed = true;
    check_eq(timer.try_set(1h, &was_armed), TP_OK);
    check(!was_armed);
    check(timer.stop());
    seldom.period = -1ns;
    tp::set_misuse_hook(nullptr);
    check_eq(status_of([&] { timer.set(seldom); }), TP_ERR_ARGUMENT);
}

/* ---- waits ------------------------------------------------------------------------------------ */

/* Arms a wait and waits for its callback. */
struct awaited {
    tp::event told;
    tp::wait_result result = tp::wait_result::failed;
    uint32_t events = 0;
    tp::wait wait;

    explicit awaited(const tp::env &env)
        : wait(
              [this](tp::instance &now, tp::wait_result how) {
                  result = how;
                  events = now.wait_events();
                  now.set_on_return(told);
              },
              env)
    {
    }

    tp::wait_result operator()(const tp::waitable &source, tp::when timeout = tp::infinite)
    {
        wait.set(source, timeout);
        told.wait();
        return result;
    }
};

TAP_TEST(wait__ends_by_a_signal_or_by_the_time)
{
    scene here;
    awaited ended(here.env);
    tp::event set(tp::reset_mode::manual, true), unset;
    check(ended(set) == tp::wait_result::signaled);
    check(ended(unset, 1ms) == tp::wait_result::timeout);
    check(ended(unset, system_clock::now() + 1ms) == tp::wait_result::timeout);
    check(ended(unset, steady_clock::now() + 1ms) == tp::wait_result::timeout);
    check(ended(tp::waitable::never(), 1ms) == tp::wait_result::timeout);

    check(!ended.wait.set(unset));
    check(ended.wait.set(unset, 1h));
    check(ended.wait.stop());
    check(!ended.wait.stop());
    bool was_armed = true;
    check_eq(ended.wait.try_set(unset, tp::infinite, &was_armed), TP_OK);
    check(!was_armed);
    check_eq(ended.wait.try_stop(), TP_OK);
}

TAP_TEST(wait__takes_descriptors_processes_and_signals)
{
    scene here;
    awaited ended(here.env);
    int ends[2];
    require(pipe(ends) == 0);
    check_eq(write(ends[1], "x", 1), 1);
    check(ended(tp::waitable::fd(ends[0], POLLIN)) == tp::wait_result::signaled);
    check_eq(ended.events, POLLIN);

    kill(getpid(), SIGUSR1); /* blocked since main began */
    check(ended(tp::waitable::signal(SIGUSR1)) == tp::wait_result::signaled);
    check_eq(ended.events, 0);

    pid_t child = fork();
    if (child == 0)
        _exit(7);
    int process = static_cast<int>(syscall(SYS_pidfd_open, child, 0));
    int status = 0;
    check(ended(tp::waitable::process(process)) == tp::wait_result::signaled);
    check_eq(waitpid(child, &status, 0), child);
    check_eq(WEXITSTATUS(status), 7);
    close(process);
    close(ends[0]);
    close(ends[1]);
}

TAP_TEST(wait__tells_of_an_abandoned_mutex)
{
    scene here;
    tp::mutex left;
    std::thread([&] { left.lock(); }).join();
    check(tp::wait_on(left) == tp::wait_result::abandoned);
    left.unlock();
    std::thread([&] { left.lock(); }).join();
    check(left.try_lock()); /* abandoned counts as locked */
    left.unlock();
    check(!tp::event(nullptr));
}

/* ---- events, semaphores, mutexes -------------------------------------------------------------- */

TAP_TEST(sync__events_let_one_go_or_all)
{
    tp::event one, all(tp::reset_mode::manual);
    one.set();
    check(one.wait_for(0ns));
    check(!one.wait_for(0ns));
    all.set();
    all.wait();
    check(all.wait_for(1h));
    all.reset();
    check(!all.wait_for(1ms));
    check_eq(all.try_set(), TP_OK);

    tp::event none(nullptr);
    check_eq(none.try_set(), TP_ERR_HANDLE);
    check_eq(status_of([&] { none.set(); }), TP_ERR_HANDLE);
    check_eq(status_of([&] { none.wait(); }), TP_ERR_HANDLE);
    check_eq(none.try_create(tp::reset_mode::automatic, true), TP_OK);
    tp::event moved(std::move(none));
    check(moved && !none);
    none = std::move(moved);
    none.wait();
}

TAP_TEST(sync__semaphores_count_up_to_their_maximum)
{
    tp::semaphore units(1, 3);
    units.acquire();
    check(!units.try_acquire());
    check(!units.try_acquire_for(1ms));
    check_eq(units.release(), 0);
    check_eq(units.release(2), 1);
    check_eq(units.try_release(), TP_ERR_LIMIT);
    check_eq(status_of([&] { units.release(); }), TP_ERR_LIMIT);
    check(units.try_acquire());
    tp::semaphore none(nullptr);
    check_eq(none.try_create(2, 1), TP_ERR_ARGUMENT);
    check_eq(none.try_create(1, 2), TP_OK);
    check(none.try_acquire());
}

TAP_TEST(sync__mutexes_are_locks_of_the_standard)
{
    tp::mutex lock;
    std::atomic<int> inside{0};
    int count = 0;
    auto body = [&] {
        for (int i = 0; i < 1000; i++) {
            std::unique_lock<tp::mutex> held(lock);
            check_eq(++inside, 1);
            count++;
            inside--;
        }
    };
    std::thread other(body);
    body();
    other.join();
    check_eq(count, 2000);

    tp::mutex owned(true);
    check(owned.try_lock()); /* recursive */
    std::thread([&] { check(!owned.try_lock_for(1ms)); }).join();
    std::thread([&] { check_eq(status_of([&] { owned.unlock(); }), TP_ERR_NOT_OWNER); }).join();
    owned.unlock();
    owned.unlock();
    tp::mutex none(nullptr);
    check_eq(none.try_create(false), TP_OK);
    std::lock_guard<tp::mutex> held(none);
}

TAP_TEST(sync__waiting_without_exceptions_gives_the_status)
{
    tp::wait_result result = tp::wait_result::failed;
    check_eq(tp::try_wait_on(tp::waitable::never(), 1ms, result), TP_OK);
    check(result == tp::wait_result::timeout);
    check_eq(tp::try_wait_on(tp::waitable::fd(-1, POLLIN), 1ms, result), TP_ERR_SYSTEM);
    check(result == tp::wait_result::timeout);
    check(tp::wait_on(tp::event(tp::reset_mode::automatic, true)) == tp::wait_result::signaled);
}

int main()
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    tap_run(timer__expires_on_every_clock_and_never_early);
    tap_run(timer__with_a_period_goes_on_until_it_is_stopped);
    tap_run(wait__ends_by_a_signal_or_by_the_time);
    tap_run(wait__takes_descriptors_processes_and_signals);
    tap_run(wait__tells_of_an_abandoned_mutex);
    tap_run(sync__events_let_one_go_or_all);
    tap_run(sync__semaphores_count_up_to_their_maximum);
    tap_run(sync__mutexes_are_locks_of_the_standard);
    tap_run(sync__waiting_without_exceptions_gives_the_status);
    return tap_done();
}
