/* tbb.cpp - oneTBB as a side: a task_group in an arena of its own. */
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_group.h>

#include "bench/side.h"

namespace {

/* Threads that submit from outside get slots of their own in the arena beside the workers', and
 * keep the arena for as long as they submit, as a TBB program would; where the workload waits for
 * all tasks they wait in TBB, and so run some of them themselves. */
struct sided {
    tbb::global_control limit;
    tbb::task_arena arena;
    tbb::task_group group;

    sided(unsigned workers, unsigned outside)
        : limit(tbb::global_control::max_allowed_parallelism, workers + 1),
          arena(static_cast<int>(workers + outside), outside)
    {
    }
};

void *open_pool(unsigned workers, unsigned outside)
{
    return new sided(workers, outside);
}

void help(void *pool)
{
    auto *own = static_cast<sided *>(pool);
    own->arena.execute([own] { own->group.wait(); });
}

void close_pool(void *pool)
{
    help(pool);
    delete static_cast<sided *>(pool);
}

void inside(void *pool, void (*function)(void *), void *argument)
{
    static_cast<sided *>(pool)->arena.execute([=] { function(argument); });
}

void submit(void *pool, const struct body *body, void *context)
{
    auto *plain = body->plain;
    static_cast<sided *>(pool)->group.run([=] { plain(context); });
}

} // namespace

extern "C" const struct side tbb_side = {
    "tbb", open_pool, close_pool, inside, submit, nullptr, nullptr, nullptr, nullptr, help,
};
