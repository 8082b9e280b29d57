/* scene.hpp - what the tests of tp.hpp share: counted callables, gates, misuse that is noticed. */
#ifndef TESTS_CPP_SCENE_HPP
#define TESTS_CPP_SCENE_HPP

#include "tp/tp.hpp"

#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>

#include "tests/support/tap.h" /* after the library: its check is a macro */

using namespace std::chrono_literals;

/* Lives as often as it was made and not ended, whatever moved meanwhile: it cannot be copied. */
struct alive {
    static inline std::atomic<int> now{0};

    alive() noexcept
    {
        now++;
    }

    alive(alive &&) noexcept
    {
        now++;
    }

    alive &operator=(alive &&) = delete;

    ~alive()
    {
        now--;
    }
};

/* Calls that were wrong, as the library tells; nothing in the tests should be. */
static std::atomic<int> misuses;

TAP_UNUSED_ static void count_misuse(void *, const char *function, tp_status_t, const char *message)
{
    misuses++;
    printf("# misuse of %s: %s\n", function, message);
}

/* A pool of so many threads, and an environment that names it. */
struct scene {
    tp::pool pool;
    tp::env env;

    explicit scene(uint32_t threads = 2) : pool(tp::pool_config().set_threads(0, threads))
    {
        misuses = 0;
        tp::set_misuse_hook(count_misuse);
        env.set_pool(pool);
    }

    scene(const scene &) = delete;
    scene &operator=(const scene &) = delete;

    ~scene()
    {
        if (pool)
            pool.shutdown(tp::pending::run);
        tp::set_misuse_hook(nullptr);
        check_eq(misuses, 0);
        check_eq(alive::now, 0);
    }
};

/* Holds the threads of callbacks until it is opened. */
struct gate {
    tp::semaphore begun{0, 100}; /* so many are held */
    tp::event open{tp::reset_mode::manual};

    void hold() const
    {
        begun.release();
        open.wait();
    }
};

/* The status with which the call fails; TP_OK if it does not. */
template <class Call> tp_status_t status_of(Call call)
{
    try {
        call();
    } catch (const tp::error &failed) {
        return failed.status();
    }
    return TP_OK;
}

/* What a call throws, as text; empty if nothing. */
template <class Call> std::string thrown_by(Call call)
{
    try {
        call();
    } catch (const std::exception &thrown) {
        return thrown.what();
    }
    return "";
}

#endif
