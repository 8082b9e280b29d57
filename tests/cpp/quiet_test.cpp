/* quiet_test.cpp - tp.hpp without exceptions and without type information. */
#include "tp/tp.hpp"

#include <atomic>
#include <csignal>
#include <memory>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/tap.h"

TAP_TEST(quiet__everything_can_be_had_by_status)
{
    tp::pool pool(nullptr);
    tp::env env(nullptr);
    tp::event event(nullptr);
    require(pool.try_create(tp::pool_config().set_threads(0, 2)) == TP_OK);
    require(env.try_create() == TP_OK);
    env.set_pool(pool);
    require(event.try_create(tp::reset_mode::automatic) == TP_OK);

    std::atomic<int> ran{0};
    auto count = [&ran, unique = std::make_unique<int>(1)](auto &&...) { ran += *unique; };
    auto signal = [&event] { event.try_set(); };
    tp::work work;
    require(work.try_create(std::move(count), env) == TP_OK);
    check_eq(work.try_submit_many(3), TP_OK);
    check_eq(work.try_wait(tp::pending::run, tp::infinite), TP_OK);
    check_eq(ran, 3);

    tp::wait_result result = tp::wait_result::failed;
    tp::timer timer;
    require(timer.try_create(signal, env) == TP_OK);
    check_eq(timer.try_set(std::chrono::milliseconds(1)), TP_OK);
    check_eq(tp::try_wait_on(event, tp::infinite, result), TP_OK);
    tp::wait wait;
    require(wait.try_create(signal, env) == TP_OK);
    check_eq(wait.try_set(tp::waitable::never(), std::chrono::milliseconds(1)), TP_OK);
    check_eq(tp::try_wait_on(event, tp::infinite, result), TP_OK);
    tp::io io;
    check_eq(io.try_create(
                 -1, [](tp::io_result) {}, env),
             TP_ERR_SYSTEM);
    check_eq(tp::try_submit(signal, env), TP_OK);
    check_eq(tp::try_wait_on(event, tp::infinite, result), TP_OK);
    check(result == tp::wait_result::signaled);
    check(pool.shutdown(tp::pending::run, tp::infinite));
}

TAP_TEST(quiet__what_would_throw_ends_the_process)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        if (freopen("/dev/null", "w", stderr) == nullptr)
            _exit(1);
        tp::work().submit();
        _exit(0);
    }
    check_eq(waitpid(child, &status, 0), child);
    check(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

int main()
{
    tap_run(quiet__everything_can_be_had_by_status);
    tap_run(quiet__what_would_throw_ends_the_process);
    return tap_done();
}
