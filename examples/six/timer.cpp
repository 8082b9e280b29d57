/* timer.cpp - a timer that ticks every 10 ms, until it is stopped. */
#include <cstdio>

#include <tp/tp.hpp>

using namespace std::chrono_literals;

int main()
{
    tp::env one_by_one; /* one tick after the other: no lock is needed */
    one_by_one.set_concurrency_limit(1);
    tp::event enough;
    int count = 0;

    tp::timer timer(
        [&](tp::instance &callback) {
            if (++count <= 3)
                std::printf("tick %d\n", count);
            if (count == 3)
                callback.set_on_return(enough);
        },
        one_by_one);
    timer.set({10ms, 10ms});
    enough.wait();

    timer.stop();
    timer.cancel_pending();
    if (!timer.is_set())
        std::puts("stopped");
}
