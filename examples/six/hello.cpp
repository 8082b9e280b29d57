/* hello.cpp - a callback that is asked for three times, and waited for. */
#include <atomic>
#include <cstdio>

#include <tp/tp.hpp>

int main()
{
    std::atomic<int> count{0};
    tp::work work([&] {
        std::puts("hello from the pool");
        count++;
    });
    work.submit_many(3);
    work.wait();
    std::printf("waited for %d callbacks\n", count.load());
}
