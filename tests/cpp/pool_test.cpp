/* pool_test.cpp - pools, environments, instances, errors and the library as a whole, from C++. */
#include "tests/cpp/scene.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <fcntl.h>
#include <mutex>
#include <poll.h>
#include <set>
#include <thread>
#include <unistd.h>
#include <vector>

/* ---- the library ------------------------------------------------------------------------------ */

static std::atomic<int> blocks;

/* Runs first: the allocator is chosen before anything else is asked of the library. */
TAP_TEST(library__takes_its_memory_from_the_allocator_it_is_given)
{
    tp_allocator_t allocator = tp::empty_allocator();
    check_eq(allocator.struct_size, sizeof allocator);
    allocator.alloc = [](void *, size_t size, size_t alignment) {
        void *memory = nullptr;
        blocks += posix_memalign(&memory, std::max(alignment, sizeof(void *)), size) == 0;
        return memory;
    };
    allocator.free = [](void *, void *memory, size_t) { std::free(memory); };
    tp::set_allocator(allocator);
    scene here;
    check(blocks > 0);
    tp::set_misuse_hook(nullptr);
    check_eq(status_of([&] { tp::set_allocator(allocator); }), TP_ERR_STATE);
}

TAP_TEST(library__tells_its_version)
{
    check_eq(tp::version(), TP_VERSION_NUMBER);
    check(std::strcmp(tp::version_string(), TP_VERSION_STRING) == 0);
}

TAP_TEST(error__tells_the_function_the_status_and_the_reason)
{
    try {
        tp::semaphore(1, 0);
        check(false); /* it is refused */
    } catch (const tp::error &failed) {
        check_eq(failed.status(), TP_ERR_ARGUMENT);
        check_eq(failed.system_errno(), 0);
        check(failed.code() == std::errc::invalid_argument);
        check(failed.code().category() == tp::category());
        check(std::string(failed.what()).find("tp_semaphore_create") == 0);
        check(failed.code().message() == tp_status_message(TP_ERR_ARGUMENT));
    }
    try {
        tp::io(-1, [](tp::io_result) {});
        check(false); /* it is refused */
    } catch (const std::system_error &failed) {
        const tp::error &same = dynamic_cast<const tp::error &>(failed);
        check_eq(same.status(), TP_ERR_SYSTEM);
        check_eq(same.system_errno(), EBADF);
    }
    check(std::strcmp(tp::status_name(TP_ERR_BUSY), "TP_ERR_BUSY") == 0);
}

TAP_TEST(error__means_what_the_standard_has_a_word_for)
{
    const struct {
        tp_status_t status;
        std::errc same;
    } table[] = {
        {TP_ERR_ARGUMENT, std::errc::invalid_argument},
        {TP_ERR_VERSION, std::errc::invalid_argument},
        {TP_ERR_NO_MEMORY, std::errc::not_enough_memory},
        {TP_ERR_NO_THREAD, std::errc::resource_unavailable_try_again},
        {TP_ERR_BUSY, std::errc::device_or_resource_busy},
        {TP_ERR_DEADLOCK, std::errc::resource_deadlock_would_occur},
        {TP_ERR_TIMEOUT, std::errc::timed_out},
        {TP_ERR_NOT_OWNER, std::errc::operation_not_permitted},
        {TP_ERR_UNSUPPORTED, std::errc::operation_not_supported},
    };
    for (const auto &row : table)
        check(std::error_code(row.status, tp::category()) == row.same);
    check(std::error_code(TP_ERR_CLOSED, tp::category()) != std::errc::invalid_argument);
    check(std::strcmp(tp::category().name(), "tp") == 0);
}

/* ---- durations -------------------------------------------------------------------------------- */

static_assert(tp::detail::to_ns(1ms) == 1000000);
static_assert(tp::detail::to_ns(-1ms) == 0);
static_assert(tp::detail::to_ns(0ns) == 0);
static_assert(tp::detail::to_ns(std::chrono::duration<double, std::nano>(1.25)) == 2);
static_assert(tp::detail::to_ns(std::chrono::duration<int64_t, std::pico>(1)) == 1);
static_assert(tp::detail::to_ns(std::chrono::hours::max()) == TP_INFINITE);
static_assert(tp::detail::to_ns(std::chrono::duration<float>(1e30f)) == TP_INFINITE);
static_assert(tp::detail::to_ns(tp::infinite) == TP_INFINITE);
static_assert(tp::detail::to_ns(std::chrono::hours(24 * 365 * 100)) == 3153600000000000000);
static_assert(tp::when(1us).clock() == TP_CLOCK_RELATIVE && tp::when(1us).ns() == 1000);
static_assert(tp::when::boottime(1us).clock() == TP_CLOCK_BOOTTIME);
static_assert(tp::when(std::chrono::system_clock::time_point(1s)).clock() == TP_CLOCK_REALTIME);
static_assert(tp::when(std::chrono::steady_clock::time_point(1s)).clock() == TP_CLOCK_MONOTONIC);
static_assert(tp::when(std::chrono::steady_clock::time_point(-1s)).ns() == 0);

/* ---- pools ------------------------------------------------------------------------------------ */

static std::atomic<int> started, stopped;

TAP_TEST(pool__is_made_as_it_is_asked_for)
{
    started = stopped = 0;
    tp::pool pool(tp::pool_config()
                      .set_threads(1, 3)
                      .set_stack(1 << 20, 1 << 16)
                      .set_idle_timeout(1s)
                      .set_queue_limit(2)
                      .set_io_backend(TP_IO_BACKEND_EPOLL)
                      .set_name("mine")
                      .set_thread_hooks([](void *) { started++; }, [](void *) { stopped++; }));
    tp_pool_stats_t stats = pool.stats();
    check_eq(stats.thread_minimum, 1);
    check_eq(stats.thread_maximum, 3);
    check_eq(pool.stack().reserve, 1 << 20);
    pool.set_stack({1 << 21, 0});
    check_eq(pool.stack().reserve, 1 << 21);
    pool.set_thread_minimum(2);
    pool.set_thread_maximum(2);
    check_eq(pool.stats().thread_maximum, 2);
    check(pool.stats().threads >= 2);

    gate gate;
    tp::env choices;
    choices.set_pool(pool);
    tp::work holder([&] { gate.hold(); }, choices);
    holder.submit_many(2);
    gate.begun.acquire();
    gate.begun.acquire();
    check_eq(tp::try_submit([] {}, choices), TP_OK);
    check_eq(tp::try_submit([] {}, choices), TP_OK);
    check_eq(tp::try_submit([] {}, choices), TP_ERR_BUSY);
    check_eq(status_of([&] { tp::submit([] {}, choices); }), TP_ERR_BUSY);
    check(!pool.shutdown(tp::pending::cancel, 1ms));
    gate.open.set();
    check(pool.shutdown(tp::pending::cancel, tp::infinite));
    check(!pool);
    check_eq(started, stopped);
}

TAP_TEST(pool__of_the_process_is_the_default)
{
    tp::pool_ref process = tp::pool_ref::process();
    uint64_t before = process.stats().executed;
    std::atomic<int> ran{0}, told{0};
    tp::event done(tp::reset_mode::manual);
    tp::work work([&] { ran++; });
    tp::timer timer([&] { ran++; });
    tp::wait wait([&](tp::wait_result) { ran++; });
    auto tell = [&] {
        if (++told == 2) /* the other one is through with all that is on this stack */
            done.set();
    };
    tp::submit(tell);
    check_eq(tp::try_submit(tell), TP_OK);
    work.submit();
    timer.set(0ns);
    wait.set(done, 0ns);
    work.wait();
    timer.wait();
    wait.wait();
    done.wait();
    check_eq(ran, 3);
    check(process.stats().executed >= before + 3);
    tp::work unset;
    check_eq(unset.try_create([&] { ran++; }, tp::env(nullptr)), TP_OK); /* as without one */
    unset.submit();
    unset.wait();
    check_eq(ran, 4);
    check(!tp::pool_ref());
    check_eq(status_of([] { tp::pool_ref().set_thread_maximum(1); }), TP_ERR_HANDLE);
}

TAP_TEST(pool__driven_by_its_caller_runs_in_the_callers_loop)
{
    scene unused;
    tp::pool pool(tp::pool_config().set_caller_driven());
    tp::env choices;
    choices.set_pool(pool);
    auto here = std::this_thread::get_id();
    int ran = 0;
    tp::work work([&] { ran += std::this_thread::get_id() == here; }, choices);
    check_eq(pool.run(), 0);
    work.submit_many(5);
    pollfd readable = {pool.poll_fd(), POLLIN, 0};
    check_eq(poll(&readable, 1, 10000), 1);
    check_eq(pool.run(2, tp::infinite), 2);
    check_eq(pool.run(), 3);
    check_eq(ran, 5);
    uint32_t more = 1;
    check_eq(pool.try_run(0, 1us, more), TP_ERR_TIMEOUT);
    check_eq(more, 0);
    check_eq(pool.run(0, 1us), 0);
    tp::submit([&, token = alive()] { ran++; }, choices);
    work.close();
    tp::pool other(std::move(pool)); /* its queue is not empty when it ends */
    pool = std::move(other);
    check(pool && !other);
    pool.close();
    check_eq(ran, 5);
    check_eq(alive::now, 0);
}

TAP_TEST(pool__dumps_what_it_is_doing)
{
    scene here;
    int ends[2];
    char text[4096] = "";
    require(pipe(ends) == 0);
    here.pool.dump(ends[1]);
    check(read(ends[0], text, sizeof text - 1) > 0);
    check(std::strstr(text, "threads") != nullptr);
    close(ends[0]);
    close(ends[1]);
}

/* ---- environments ----------------------------------------------------------------------------- */

TAP_TEST(env__priority_decides_who_is_first)
{
    scene here(1);
    gate gate;
    std::string order;
    here.env.set_persistent().set_name("ordered");
    tp::work holder([&] { gate.hold(); }, here.env);
    holder.submit();
    gate.begun.acquire();
    std::vector<tp::work_nocancel> jobs;
    const std::pair<char, tp::priority> wanted[] = {
        {'l', tp::priority::low}, {'n', tp::priority::normal}, {'h', tp::priority::high}};
    for (auto [letter, level] : wanted) {
        here.env.set_priority(level);
        jobs.emplace_back([&order, told = letter] { order += told; }, here.env);
        jobs.back().submit();
    }
    gate.open.set();
    jobs.clear();
    check(order == "hnl");
}

static std::atomic<int> finalized;

static void finalize(tp::instance &now)
{
    finalized += now.native_handle() != nullptr;
}

TAP_TEST(env__carries_the_other_choices)
{
    scene here;
    std::atomic<int> together{0}, most{0};
    void *self = dlopen(nullptr, RTLD_NOW);
    here.env.set_runs_long().set_concurrency_limit(1).set_library(self).set_finalizer<finalize>();
    {
        tp::work work(
            [&] {
                int now = ++together;
                most = std::max(most.load(), now);
                --together;
            },
            here.env);
        work.submit_many(100);
        work.wait();
    }
    check_eq(most, 1);
    check_eq(finalized, 100);
    dlclose(self);

    tp::env moved(std::move(here.env));
    check(here.env.native_handle() == nullptr);
    here.env = std::move(moved);
    check(here.env.native_handle() != nullptr);
    tp::set_misuse_hook(nullptr);
    check_eq(status_of([&] { here.env.set_priority(static_cast<tp::priority>(9)); }),
             TP_ERR_ARGUMENT);
    check_eq(status_of([&] { here.env.set_pool(tp::pool(nullptr)); }), TP_OK); /* the default */
}

TAP_TEST(env__serves_several_threads_at_once)
{
    scene here;
    std::atomic<int> ran{0};
    auto make = [&] {
        for (int i = 0; i < 200; i++) {
            tp::work_nocancel work([&] { ran++; }, here.env);
            work.submit();
        }
    };
    std::thread other(make);
    make();
    other.join();
    check_eq(ran, 400);
}

/* ---- instances -------------------------------------------------------------------------------- */

TAP_TEST(instance__releases_what_it_is_told_to_on_return)
{
    scene here;
    std::mutex lock;
    tp::mutex owned;
    tp::semaphore counter(0, 5);
    tp::event flag;
    tp::work work(
        [&](tp::instance &now) {
            std::unique_lock<std::mutex> held(lock);
            owned.lock();
            now.unlock_on_return(std::move(held));
            now.release_on_return(owned);
            now.release_on_return(counter, 3);
            now.set_on_return(flag);
            now.close_library_on_return(dlopen(nullptr, RTLD_NOW));
        },
        here.env);
    work.submit();
    flag.wait();
    work.wait();
    check(lock.try_lock());
    lock.unlock();
    check(owned.try_lock());
    owned.unlock();
    check_eq(counter.release(), 3);
}

TAP_TEST(instance__knows_of_the_pool_and_of_who_waits)
{
    scene here(1);
    gate gate;
    bool spare = true, may_wait_for_itself = false;
    std::atomic<bool> requested{false};
    tp_status_t unlocked = TP_OK;
    tp::work work;
    require(work.try_create(
                [&](tp::instance &now) {
                    spare = now.may_run_long();
                    unlocked = status_of([&] { now.unlock_on_return({}); });
                    gate.begun.release();
                    while (!now.cancel_requested())
                        std::this_thread::yield();
                    requested = true;
                    now.disassociate();
                    may_wait_for_itself = work.try_wait(tp::pending::run, 0ns) == TP_OK;
                    tp::blocking around;
                },
                here.env) == TP_OK);
    work.submit();
    gate.begun.acquire();
    work.cancel_pending();
    here.pool.shutdown(tp::pending::run);
    check(!spare);
    check(requested);
    check(may_wait_for_itself);
    check_eq(unlocked, TP_ERR_ARGUMENT);
    tp::blocking outside; /* has no effect, but it is told of */
    misuses = 0;
}

TAP_TEST(instance__outside_its_callback_is_an_error)
{
    scene here;
    tp_callback_instance_t *kept = nullptr;
    tp::work work([&](tp::instance &now) { kept = now.native_handle(); }, here.env);
    work.submit();
    work.wait();
    tp::set_misuse_hook(nullptr);
    tp::instance late(kept);
    check_eq(status_of([&] { late.disassociate(); }), TP_ERR_STATE);
    check_eq(status_of([&] { late.may_run_long(); }), TP_ERR_STATE);
    check_eq(status_of([&] { late.cancel_requested(); }), TP_ERR_STATE);
    check_eq(status_of([&] { late.wait_events(); }), TP_ERR_STATE);
}

int main()
{
    tap_run(library__takes_its_memory_from_the_allocator_it_is_given);
    tap_run(library__tells_its_version);
    tap_run(error__tells_the_function_the_status_and_the_reason);
    tap_run(error__means_what_the_standard_has_a_word_for);
    tap_run(pool__is_made_as_it_is_asked_for);
    tap_run(pool__of_the_process_is_the_default);
    tap_run(pool__driven_by_its_caller_runs_in_the_callers_loop);
    tap_run(pool__dumps_what_it_is_doing);
    tap_run(env__priority_decides_who_is_first);
    tap_run(env__carries_the_other_choices);
    tap_run(env__serves_several_threads_at_once);
    tap_run(instance__releases_what_it_is_told_to_on_return);
    tap_run(instance__knows_of_the_pool_and_of_who_waits);
    tap_run(instance__outside_its_callback_is_an_error);
    return tap_done();
}
