// user_cxx_test.cpp - threads, locks and static variables of C++, instrumented, in a run.
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <thread>

#include "tp/sim.h"

static std::mutex lock;
static std::condition_variable changed;
static bool ready;
static int made;

struct slow_to_make {
    slow_to_make()
    {
        std::this_thread::sleep_for(std::chrono::seconds(1));
        made++;
    }
    int value = 7;
};

static int value_of_static()
{
    static slow_to_make one;
    return one.value;
}

static void wait_until_ready()
{
    std::unique_lock<std::mutex> held(lock);
    changed.wait(held, [] { return ready; });
    held.unlock();
    tp_sim_check(value_of_static() == 7);
}

static void make_ready()
{
    {
        std::lock_guard<std::mutex> held(lock);
        ready = true;
    }
    changed.notify_one();
    tp_sim_check(value_of_static() == 7);
}

static void two_threads(void *)
{
    ready = false;
    std::thread waiter(wait_until_ready), maker(make_ready);
    waiter.join();
    maker.join();
    tp_sim_check(made == 1);
    std::unique_lock<std::mutex> held(lock);
    auto before = std::chrono::steady_clock::now();
    while (changed.wait_for(held, std::chrono::hours(1)) != std::cv_status::timeout) {
    }
    tp_sim_check(std::chrono::steady_clock::now() - before >= std::chrono::hours(1));
}

static void forgotten(void *)
{
    std::unique_lock<std::mutex> held(lock);
    changed.wait(held, [] { return false; });
}

int main()
{
    tp_sim_options_t options = TP_SIM_OPTIONS_INIT;
    options.flags |= TP_SIM_EXACT_TIME;
    options.schedules = 500;
    bool passed = tp_sim_run(&options, two_threads, nullptr, nullptr) == TP_OK;
    std::printf("%s 1 - cxx__threads_locks_and_statics_are_simulated\n", passed ? "ok" : "not ok");
    options.flags = 0;
    bool found = tp_sim_run(&options, forgotten, nullptr, nullptr) == TP_SIM_FAILED;
    std::printf("%s 2 - cxx__a_wait_for_nothing_is_a_deadlock\n1..2\n", found ? "ok" : "not ok");
    return passed && found ? 0 : 1;
}
