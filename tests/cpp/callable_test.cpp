/* callable_test.cpp - callables of every shape, where they live, and what they throw. */
#include "tests/cpp/scene.hpp"

#include <cstdlib>
#include <memory>
#include <new>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- one allocation, given back once ---------------------------------------------------------- */

static std::atomic<int> allocated, given_back;
static std::atomic<bool> refuse;

/* Aligned by hand, and freed the same way, whatever a sanitizer thinks of mixtures. */
static void *take(std::size_t size)
{
    void *memory = refuse ? nullptr : std::aligned_alloc(64, (size + 63) / 64 * 64);
    allocated += memory != nullptr;
    return memory;
}

void *operator new(std::size_t size)
{
    void *memory = take(size);
    if (memory == nullptr)
        throw std::bad_alloc();
    return memory;
}

void *operator new(std::size_t size, const std::nothrow_t &) noexcept
{
    return take(size);
}

void *operator new(std::size_t size, std::align_val_t, const std::nothrow_t &) noexcept
{
    return take(size);
}

void operator delete(void *memory) noexcept
{
    given_back += memory != nullptr;
    std::free(memory);
}

void operator delete(void *memory, std::size_t) noexcept
{
    operator delete(memory);
}

void operator delete(void *memory, const std::nothrow_t &) noexcept
{
    operator delete(memory);
}

void operator delete(void *memory, std::align_val_t, const std::nothrow_t &) noexcept
{
    operator delete(memory);
}

void operator delete(void *memory, std::align_val_t) noexcept
{
    operator delete(memory);
}

void operator delete(void *memory, std::size_t, std::align_val_t) noexcept
{
    operator delete(memory);
}

TAP_TEST(callable__lives_in_one_allocation_that_is_freed_once)
{
    scene here;
    allocated = given_back = 0;
    std::atomic<int> ran{0};
    {
        tp::work work([&ran, token = alive()] { ran++; }, here.env);
        check_eq(alive::now, 1);
        check_eq(allocated, 1);
        work.submit_many(3);
        work.wait();
        check_eq(ran, 3);
        check_eq(given_back, 0);
    }
    check_eq(given_back, 1);
    check_eq(allocated, 1);
    check_eq(alive::now, 0);
}

TAP_TEST(callable__of_a_simple_callback_lives_in_one_allocation_too)
{
    scene here;
    allocated = given_back = 0;
    tp::event ran;
    tp::submit([&ran, token = alive()] { ran.set(); }, here.env);
    ran.wait();
    here.pool.shutdown(tp::pending::run);
    check_eq(allocated, 1);
    check_eq(given_back, 1);
    check_eq(alive::now, 0);
}

TAP_TEST(callable__is_given_back_by_what_is_refused)
{
    scene here;
    tp::pool closed;
    tp::env choices;
    choices.set_pool(closed);
    closed.close();
    tp::set_misuse_hook(nullptr); /* this is misuse */
    allocated = given_back = 0;
    tp::work work;
    check_eq(work.try_create([token = alive()] {}, choices), TP_ERR_CLOSED);
    check_eq(tp::try_submit([token = alive()] {}, choices), TP_ERR_CLOSED);
    check(!work);
    check_eq(alive::now, 0);
    check_eq(allocated, 2);
    check_eq(given_back, 2);
    check_eq(tp::try_submit([] {}, tp::env(nullptr)), TP_ERR_HANDLE);
}

TAP_TEST(callable__without_memory_is_refused_and_not_lost)
{
    scene here;
    tp::work work;
    refuse = true;
    tp_status_t created = work.try_create([token = alive()] {}, here.env);
    tp_status_t submitted = tp::try_submit([token = alive()] {}, here.env);
    refuse = false;
    check_eq(created, TP_ERR_NO_MEMORY);
    check_eq(submitted, TP_ERR_NO_MEMORY);
    check_eq(alive::now, 0);
}

struct thrown_when_moved {
    alive token;

    thrown_when_moved() = default;

    thrown_when_moved(thrown_when_moved &&)
    {
        throw std::runtime_error("not to be moved");
    }

    void operator()() const
    {
    }
};

TAP_TEST(callable__that_throws_when_moved_leaves_nothing_behind)
{
    scene here;
    tp::work work;
    check(thrown_by([&] { (void)work.try_create(thrown_when_moved(), here.env); }) ==
          "not to be moved");
    check(!work);
    check_eq(alive::now, 0);
}

struct alignas(64) wide {
    alive token;
    std::atomic<bool> *aligned;

    void operator()() const
    {
        *aligned = reinterpret_cast<uintptr_t>(this) % 64 == 0;
    }
};

TAP_TEST(callable__keeps_its_alignment)
{
    scene here;
    std::atomic<bool> aligned{false};
    tp::work work(wide{{}, &aligned}, here.env);
    work.submit();
    work.wait();
    check(aligned);
}

/* ---- shapes ----------------------------------------------------------------------------------- */

static std::atomic<int> plain_ran;

static void plain()
{
    plain_ran++;
}

TAP_TEST(callable__may_be_a_function_a_mutable_lambda_or_a_shared_object)
{
    scene here;
    tp::work function(plain, here.env);
    function.submit();
    function.wait();
    check_eq(plain_ran, 1);

    int last = 0;
    tp::env one_by_one;
    one_by_one.set_pool(here.pool).set_concurrency_limit(1);
    tp::work counting([&last, n = 0]() mutable { last = ++n; }, one_by_one);
    counting.submit_many(10);
    counting.wait();
    check_eq(last, 10);

    std::atomic<int> called{0};
    auto object = [&called] { called++; };
    tp::work by_reference(std::ref(object), here.env);
    by_reference.submit();
    by_reference.wait();
    check_eq(called, 1);
}

TAP_TEST(callable__takes_what_it_wants_to_know)
{
    scene here;
    std::atomic<int> ran{0};
    tp_work_t *told = nullptr;
    tp::work all(
        [&](tp::instance &now, tp::work_ref self) {
            ran += now.native_handle() != nullptr;
            told = self.native_handle();
        },
        here.env);
    all.submit();
    all.wait();
    check(told == all.native_handle());
    tp::work some([&](tp::instance &) { ran++; }, here.env);
    some.submit();
    some.wait();
    check_eq(ran, 2);

    tp::event flag;
    std::atomic<int> results{0};
    tp::wait result([&](tp::wait_result) { results++; }, here.env);
    tp::wait with_instance([&](tp::instance &, tp::wait_result) { results++; }, here.env);
    tp::wait with_itself([&](tp::instance &, tp::wait_ref, tp::wait_result) { results++; },
                         here.env);
    tp::wait only_instance([&](tp::instance &) { results++; }, here.env);
    tp::wait nothing([&] { results++; }, here.env);
    for (tp::wait_ref wait :
         {tp::wait_ref(result), tp::wait_ref(with_instance), tp::wait_ref(with_itself),
          tp::wait_ref(only_instance), tp::wait_ref(nothing)})
        wait.set(flag, 0ns);
    for (tp::wait *wait : {&result, &with_instance, &with_itself, &only_instance, &nothing})
        wait->wait();
    check_eq(results, 5);
}

/* What must not compile, or need not, is known without trying. */
static_assert(!std::is_copy_constructible_v<tp::work> && !std::is_copy_assignable_v<tp::work>);
static_assert(std::is_nothrow_move_constructible_v<tp::work>);
static_assert(std::is_nothrow_move_assignable_v<tp::io_nowait>);
static_assert(std::is_trivially_copyable_v<tp::work_ref> && sizeof(tp::work_ref) == sizeof(void *));
static_assert(!std::is_convertible_v<void (*)(), tp::work>);
static_assert(!std::is_constructible_v<tp::work, std::nullptr_t>);
static_assert(!std::is_copy_constructible_v<tp::instance>);
static_assert(!std::is_default_constructible_v<tp::instance>);
static_assert(!std::is_copy_constructible_v<tp::env> && !std::is_copy_constructible_v<tp::event>);
static_assert(noexcept(std::declval<tp::work &>().try_submit()));
static_assert(noexcept(std::declval<tp::timer &>().try_set(tp::infinite)));
static_assert(noexcept(std::declval<tp::wait &>().try_set(tp::waitable::never())));
static_assert(noexcept(std::declval<tp::io &>().try_submit(tp::io_op())));
static_assert(noexcept(std::declval<tp::work &>().try_wait(tp::pending::run, tp::infinite)));

/* ---- exceptions ------------------------------------------------------------------------------- */

TAP_TEST(throw__is_handed_to_the_waiter_once)
{
    scene here;
    tp::work work([] { throw std::runtime_error("thrown in a callback"); }, here.env);
    work.submit();
    check(thrown_by([&] { work.wait(); }) == "thrown in a callback");
    work.wait();
    work.submit();
    check(thrown_by([&] { (void)work.wait_for(60s); }) == "thrown in a callback");
    work.submit();
    while (work.try_wait(tp::pending::run, 0ns) != TP_OK)
        check_eq(work.try_wait(tp::pending::run, tp::infinite), TP_OK);
    check(thrown_by([&] { work.cancel_pending(); }) == "thrown in a callback");
}

TAP_TEST(throw__the_first_of_several_is_kept)
{
    scene here(1);
    tp::work work([n = 0]() mutable { throw std::runtime_error("number " + std::to_string(++n)); },
                  here.env);
    work.submit_many(5);
    check(thrown_by([&] { work.wait(); }) == "number 1");
    check(!work.take_exception());
    work.submit();
    check_eq(work.try_wait(tp::pending::run, tp::infinite), TP_OK);
    check(work.take_exception() != nullptr);
    check(!work.take_exception());
}

TAP_TEST(throw__that_nobody_takes_is_gone_with_the_object)
{
    scene here;
    auto held = std::make_shared<int>(0);
    {
        struct holding : std::exception {
            std::shared_ptr<int> held;
        };
        tp::work work(
            [held] {
                holding thrown;
                thrown.held = held;
                throw thrown;
            },
            here.env);
        work.submit_many(3);
        check_eq(work.try_wait(tp::pending::run, tp::infinite), TP_OK);
        check(held.use_count() > 2);
    }
    check_eq(held.use_count(), 1);
}

TAP_TEST(throw__that_was_kept_outlives_the_group_of_the_object)
{
    scene here;
    tp::group group;
    here.env.set_group(group);
    tp::work work([] { throw std::runtime_error("in a member"); }, here.env);
    work.submit();
    group.close_members(tp::pending::run);
    check(work.take_exception() != nullptr);
}

TAP_TEST(throw__comes_from_timers_waits_and_io_too)
{
    scene here;
    int ends[2];
    require(pipe(ends) == 0);
    auto throwing = [](auto &&...) { throw std::runtime_error("thrown"); };
    tp::timer timer(throwing, here.env);
    tp::wait wait(throwing, here.env);
    tp::io io(ends[0], throwing, here.env);
    tp::event set(tp::reset_mode::manual, true);
    timer.set(0ns);
    wait.set(set);
    io.start();
    io.complete({nullptr, 0, 0});
    check(thrown_by([&] { timer.wait(); }) == "thrown");
    check(thrown_by([&] { wait.wait(); }) == "thrown");
    check(thrown_by([&] { io.wait(); }) == "thrown");
    close(ends[0]);
    close(ends[1]);
}

/* A child in which `body` runs: how it ended, and what it said on standard error. */
static int end_of_child(void (*body)(), std::string &said)
{
    int ends[2], status = 0;
    char text[512];
    if (pipe(ends) != 0)
        return -1;
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], 2);
        body();
        _exit(0);
    }
    close(ends[1]);
    for (ssize_t size; (size = read(ends[0], text, sizeof text)) > 0;)
        said.append(text, static_cast<size_t>(size));
    close(ends[0]);
    waitpid(child, &status, 0);
    return status;
}

template <class Work> static void throw_in_named()
{
    tp::env named;
    named.set_name("mishap");
    Work work([] { throw std::runtime_error("thrown"); }, named);
    work.submit();
    work.wait();
}

TAP_TEST(throw__ends_the_process_by_policy_and_from_simple_callbacks)
{
    if (UNDER_TSAN) /* which wants no threads in a child */
        tap_skip("ThreadSanitizer");
    std::string said;
    int status = end_of_child(
        throw_in_named<tp::basic_work<tp::cancel_and_wait, tp::end_the_process>>, said);
    check(WIFSIGNALED(status));
    check(said.find("mishap") != said.npos);

    said = "";
    status = end_of_child(
        [] {
            tp::env named;
            named.set_name("once");
            tp::submit([] { throw std::runtime_error("thrown"); }, named);
            pause();
        },
        said);
    check(WIFSIGNALED(status));
    check(said.find("once") != said.npos);
}

TAP_TEST(throw__pthread_exit_is_none_and_stays_contained)
{
    scene here;
    tp::set_misuse_hook(nullptr); /* it is told of this, rightly */
    tp::work work([] { pthread_exit(nullptr); }, here.env);
    work.submit();
    work.wait();
    tp::work next([] { throw std::runtime_error("the pool goes on"); }, here.env);
    next.submit();
    check(thrown_by([&] { next.wait(); }) == "the pool goes on");
}

int main()
{
    tap_run(callable__lives_in_one_allocation_that_is_freed_once);
    tap_run(callable__of_a_simple_callback_lives_in_one_allocation_too);
    tap_run(callable__is_given_back_by_what_is_refused);
    tap_run(callable__without_memory_is_refused_and_not_lost);
    tap_run(callable__that_throws_when_moved_leaves_nothing_behind);
    tap_run(callable__keeps_its_alignment);
    tap_run(callable__may_be_a_function_a_mutable_lambda_or_a_shared_object);
    tap_run(callable__takes_what_it_wants_to_know);
    tap_run(throw__is_handed_to_the_waiter_once);
    tap_run(throw__the_first_of_several_is_kept);
    tap_run(throw__that_nobody_takes_is_gone_with_the_object);
    tap_run(throw__that_was_kept_outlives_the_group_of_the_object);
    tap_run(throw__comes_from_timers_waits_and_io_too);
    tap_run(throw__ends_the_process_by_policy_and_from_simple_callbacks);
    tap_run(throw__pthread_exit_is_none_and_stays_contained);
    return tap_done();
}
