/* serial.cpp - a pool of one thread that takes what is urgent first. */
#include <cstdio>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <tp/tp.hpp>

int main()
{
    tp::pool pool(tp::pool_config().set_threads(1, 1));
    tp::env env;
    env.set_pool(pool).set_persistent();

    tp::event begun, gate;
    std::thread::id holding_thread;
    tp::work holder(
        [&] {
            holding_thread = std::this_thread::get_id();
            begun.set();
            gate.wait();
        },
        env);
    holder.submit();
    begun.wait();

    /* Who ran, and on which thread. Only one callback runs at a time, so no lock is needed. */
    std::vector<std::pair<std::string, std::thread::id>> history;
    std::vector<tp::work> jobs;
    auto submit = [&](const char *name, tp::priority priority) {
        env.set_priority(priority);
        jobs.emplace_back(
            [&history, name] { history.emplace_back(name, std::this_thread::get_id()); }, env);
        jobs.back().submit();
    };
    for (const char *name : {"normal 1", "normal 2", "normal 3"})
        submit(name, tp::priority::normal);
    for (const char *name : {"high 1", "high 2"})
        submit(name, tp::priority::high);
    gate.set();
    for (tp::work &job : jobs)
        job.wait();

    bool on_one_thread = true;
    for (const auto &[name, thread] : history) {
        std::puts(name.c_str());
        on_one_thread = on_one_thread && thread == holding_thread;
    }
    std::printf("on one thread: %s\n", on_one_thread ? "yes" : "no");
}
