/* group.cpp - a cleanup group: its members cancelled and closed at once. */
#include <atomic>
#include <cstdio>

#include <tp/tp.hpp>

using namespace std::chrono_literals;

int main()
{
    std::atomic<int> ran{0};
    int cancelled = 0;
    tp::event begun, gate, never_set;

    /* Holds the only thread of the pool until the gate is open. */
    tp::pool pool(tp::pool_config().set_threads(0, 1));
    tp::env env;
    env.set_pool(pool);
    tp::work holder(
        [&] {
            begun.set();
            gate.wait();
        },
        env);
    holder.submit();
    begun.wait();

    tp::group group;
    env.set_group(group);
    tp::work work([&] { ran++; }, env);
    work.submit_many(100);
    tp::timer timer([&] { ran++; }, env);
    timer.set(1h);
    tp::wait wait([&](tp::wait_result) { ran++; }, env);
    wait.set(never_set);
    group.cancel_members([&] { cancelled++; });
    std::printf("members cancelled: %d\n", cancelled);
    std::printf("callbacks that ran: %d\n", ran.load());

    gate.set();
    holder.wait();
}
