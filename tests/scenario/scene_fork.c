/* scene_fork.c - the short calls of scene_fork.h. */
#include "tests/scenario/scene_fork.h"

#define US INT64_C(1000)
#define MS (1000 * US)

static void (*goes_on)(bool inside);

void scene_child(bool inside)
{
    if (inside) {
        tpps_on_probe(NULL);
        tpps_on_quiet(NULL, NULL);
    } else {
        oracle_begin();
        oracle_allow_hooks();
        scene_keeps(1);
    }
}

static void fork_here(void *unused)
{
    (void)unused;
    tpps_fork();
    goes_on(false);
    scene_end();
}

void scene_fork_beside(void (*child)(bool inside))
{
    goes_on = child;
    tpps_spawn(fork_here, NULL);
    scene_wait_for_the_fork();
}

void scene_wait_for_the_fork(void)
{
    for (;;)
        tpps_sleep(MS);
}

void scene_drive(void *pool)
{
    for (int i = 0; i < 6; i++)
        (void)tp_pool_run(pool, 0, 10 * US, NULL);
}

void scene_drive_until_forked(tp_pool_t *pool)
{
    while (tp_pool_run(pool, 0, MS, NULL) != TP_ERR_FORKED)
        ;
}
