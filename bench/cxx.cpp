/* cxx.cpp - what a callback costs from C++, beside the same from C: rounds in turn, one process. */
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <vector>

#include "tp/tp.hpp"

namespace
{

uint64_t count; /* callbacks; the thread that submits runs them too */

void count_in_c(tp_callback_instance_t *, void *context, tp_work_t *)
{
    ++*static_cast<uint64_t *>(context);
}

void count_once_in_c(tp_callback_instance_t *, void *context)
{
    ++**static_cast<uint64_t **>(context);
}

/* As whoever has something to tell the callback must do it in C. */
void submit_once_in_c(const tp_env_t *env)
{
    uint64_t **context = static_cast<uint64_t **>(std::malloc(sizeof *context));
    *context = &count;
    tp::detail::check(tp_try_submit(count_once_in_c, context, env), "tp_try_submit");
}

double thread_time_ns()
{
    timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return double(now.tv_sec) * 1e9 + double(now.tv_nsec);
}

template <class Call> double ns_each(uint32_t calls, Call call)
{
    uint64_t before = count;
    double begun = thread_time_ns();
    call();
    double time = thread_time_ns() - begun;
    if (count - before != calls) {
        std::fprintf(stderr, "cxx: %u callbacks, not %u\n", unsigned(count - before), calls);
        std::exit(1);
    }
    return time / calls;
}

double median(std::vector<double> values)
{
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

struct row {
    const char *name;
    std::vector<double> c, cxx;

    void print() const
    {
        std::vector<double> more;
        for (size_t i = 0; i < c.size(); i++)
            more.push_back(cxx[i] - c[i]);
        std::printf("cxx/%s/c %.2f ns\ncxx/%s/cxx %.2f ns\n", name, median(c), name, median(cxx));
        std::printf("cxx/%s/more %.2f ns (%.2f..%.2f)\n", name, median(more),
                    *std::min_element(more.begin(), more.end()),
                    *std::max_element(more.begin(), more.end()));
    }
};

} // namespace

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? std::atoi(argv[1]) : 401;
    uint32_t calls = argc > 2 ? uint32_t(std::atoi(argv[2])) : 20000;
    tp::pool pool(tp::pool_config().set_caller_driven());
    tp::env env;
    env.set_pool(pool);

    tp_work_t *in_c;
    tp_env_t *plain;
    tp::detail::check(tp_env_create(&plain), "tp_env_create");
    tp::detail::check(tp_env_set_pool(plain, pool.native_handle()), "tp_env_set_pool");
    tp::detail::check(tp_work_create(count_in_c, &count, plain, &in_c), "tp_work_create");
    tp::work in_cxx([] { ++count; }, env);

    tp_env_set_context_release(plain, std::free);
    row callback{"callback", {}, {}}, simple{"simple", {}, {}};
    auto work_in_c = [&] {
        callback.c.push_back(ns_each(calls, [&] {
            tp::detail::check(tp_work_submit_many(in_c, calls), "tp_work_submit_many");
            pool.run();
        }));
    };
    auto work_in_cxx = [&] {
        callback.cxx.push_back(ns_each(calls, [&] {
            in_cxx.submit_many(calls);
            pool.run();
        }));
    };
    auto simple_in_c = [&] {
        simple.c.push_back(ns_each(calls / 10, [&] {
            for (uint32_t n = 0; n < calls / 10; n++)
                submit_once_in_c(plain);
            pool.run();
        }));
    };
    auto simple_in_cxx = [&] {
        simple.cxx.push_back(ns_each(calls / 10, [&] {
            for (uint32_t n = 0; n < calls / 10; n++)
                tp::submit([at = &count] { ++*at; }, env);
            pool.run();
        }));
    };
    for (int i = 0; i < rounds; i++) { /* each is first as often as the other */
        i % 2 ? work_in_c() : work_in_cxx();
        i % 2 ? work_in_cxx() : work_in_c();
        i % 2 ? simple_in_c() : simple_in_cxx();
        i % 2 ? simple_in_cxx() : simple_in_c();
    }
    callback.print();
    simple.print();
    tp_env_destroy(plain);
    tp_work_close(in_c);
    return 0;
}
