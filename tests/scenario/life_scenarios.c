/* life_scenarios.c - objects and pools close while others post, run, retire and come anew. */
#include "core/mem/token.h"
#include "tests/scenario/scene.h"

enum { IDLE_NS = 1000000 };

static tp_pool_t *the_pool;
static tp_work_t *the_work;

static void post_or_stale(void *work)
{
    if (work && scene_or_stale(tp_work_submit(work)))
        scene_add(1, 1);
}

static void close_or_stale(void *work)
{
    if (work && scene_or_stale(tp_work_close(work)))
        scene_add(2, 1);
}

static void close_pool(void *pool)
{
    scene_close_pool(pool);
}

/* Pool close, the last object and a worker at its idle timeout, all at once. */
static void finish_late(void *work)
{
    tpps_sleep(IDLE_NS);
    scene_finish(work);
}

SCENE(life__pool_close_last_object_and_retiring_worker)
{
    tp_pool_t *pool = scene_pool_idle(0, 2, IDLE_NS);
    tp_work_t *work = scene_pool_work(pool, scene_count, SCENE_WORD(0));
    scene_submit(work, 1);
    tpps_thread closer = tpps_spawn(finish_late, work);
    tpps_sleep(IDLE_NS);
    scene_close_pool(pool);
    tpps_join(closer);
    tpps_check(!work || scene_value(0) == 1);
}

/* What was posted runs, what was refused does not. */
SCENE(life__submit_and_close)
{
    tp_pool_t *pool = scene_pool(0, 2);
    tp_work_t *work = scene_work(scene_count, SCENE_WORD(0), &(struct scene_choice){.pool = pool});
    tpps_thread poster = tpps_spawn(post_or_stale, work), closer = tpps_spawn(close_or_stale, work);
    post_or_stale(work);
    tpps_join(poster);
    tpps_join(closer);
    scene_close_pool(pool);
    if (work)
        scene_await(0, scene_value(1));
}

static void close_all(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    scene_close(work);
    scene_close_pool(the_pool);
}

/* The callback closes itself and its pool while whoever posted it is still about to wake somebody;
 * and another pool takes the slot. */
SCENE(life__callback_closes_itself_and_the_pool)
{
    the_pool = scene_pool(0, 2);
    tp_work_t *work =
        scene_work(close_all, SCENE_WORD(3),
                   &(struct scene_choice){.pool = the_pool, .release = scene_count_release});
    if (!work) {
        scene_close_pool(the_pool);
        return;
    }
    scene_submit(work, 1);
    tp_pool_t *next = scene_pool(0, 1);
    tp_work_t *other = scene_pool_work(next, scene_count, SCENE_WORD(0));
    scene_submit(other, 1);
    scene_finish(other);
    scene_close_pool(next);
    scene_await(3, 1);
}

/* As before, with two posters, one of whom may come too late. */
SCENE(life__callback_closes_under_two_posters)
{
    the_pool = scene_pool(1, 2);
    tp_work_t *work = scene_pool_work(the_pool, close_all, NULL);
    if (!work) {
        scene_close_pool(the_pool);
        return;
    }
    /* The first run closes; runs of posts made before that would close again: one post is enough,
     * the other poster only tries another object of the pool. */
    tp_work_t *other = scene_pool_work(the_pool, scene_count, SCENE_WORD(0));
    tpps_thread poster = tpps_spawn(post_or_stale, other);
    scene_submit(work, 1);
    post_or_stale(other);
    tpps_join(poster);
    scene_finish(other);
    tpps_check(!other || scene_value(0) == 2);
    if (!other)
        tpps_sleep(1000);
}

SCENE(life__two_closers_one_wins)
{
    tp_pool_t *pool = scene_pool(0, 1);
    tp_work_t *work = scene_pool_work(pool, scene_count, SCENE_WORD(0));
    scene_submit(work, 1);
    tpps_thread a = tpps_spawn(close_or_stale, work), b = tpps_spawn(close_or_stale, work);
    tpps_join(a);
    tpps_join(b);
    scene_close_pool(pool);
    tpps_check(!work || scene_value(2) == 1);
    if (work)
        scene_await(0, 1);
}

static void create_or_closed(void *env)
{
    tp_work_t *work = NULL;
    if (!env)
        return;
    tp_status_t status = tp_work_create(scene_count, SCENE_WORD(0), env, &work);
    if (status == TP_ERR_CLOSED || !scene_made(status))
        return;
    scene_submit(work, 1);
    scene_finish(work);
    scene_add(1, 1);
}

/* Made before the pool closed, or refused; a pool without threads may die between. */
SCENE(life__create_and_pool_close)
{
    tp_pool_t *pool = scene_pool(0, 2);
    tp_env_t *env = scene_env(&(struct scene_choice){.pool = pool});
    tpps_thread a = tpps_spawn(create_or_closed, env), b = tpps_spawn(close_pool, pool);
    create_or_closed(env);
    tpps_join(a);
    tpps_join(b);
    tpps_check(tp_env_destroy(env) == TP_OK || !env);
    tpps_check(scene_value(0) == scene_value(1));
}

static void cancel_or_stale(void *work)
{
    if (work)
        scene_or_stale(tp_work_wait(work, true, TP_INFINITE));
}

/* Latecomers hold a handle while object and pool die and both slots begin another life. */
static void dump_some(void *pool)
{
    for (uint32_t i = 0; i < 3; i++) {
        tp_status_t status = tp_pool_dump(pool, 1000); /* names nothing: EBADF */
        tpps_check(status == TP_ERR_SYSTEM || status == TP_ERR_HANDLE);
    }
}

/* A dump holds nothing: the pool may go while it is looked at. */
SCENE(life__dumped_while_it_ends)
{
    tp_pool_t *pool = scene_pool_idle(0, 2, IDLE_NS);
    tp_work_t *work = scene_pool_work(pool, scene_count, SCENE_WORD(0));
    scene_submit(work, 1);
    if (!pool)
        return;
    tpps_thread dumper = tpps_spawn(dump_some, pool);
    scene_finish(work);
    scene_close_pool(pool);
    tpps_join(dumper);
}

SCENE(life__latecomers_and_the_next_life)
{
    tp_pool_t *pool = scene_pool(0, 2);
    tp_work_t *work = scene_pool_work(pool, scene_count, SCENE_WORD(0));
    tpps_thread poster = tpps_spawn(post_or_stale, work);
    tpps_thread canceller = tpps_spawn(cancel_or_stale, work);
    scene_close(work);
    scene_close_pool(pool);
    tp_pool_t *next = scene_pool(0, 1);
    tp_work_t *other = scene_pool_work(next, scene_count, SCENE_WORD(4));
    scene_submit(other, 2);
    tpps_join(poster);
    tpps_join(canceller);
    scene_finish(other);
    tpps_sleep(1000);
    tpps_check(!other || scene_value(4) == 2);
    scene_close_pool(next);
}

static void close_itself(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    scene_close(work);
    scene_add(0, 1);
}

static void post_once(void *work)
{
    scene_submit(work, 1);
}

/* The post may run, object and pool be gone, and a pool be in that one's place, before the poster
 * has returned: it has counted what it posted before. */
SCENE(life__posted_and_the_pool_is_another_by_then)
{
    tp_pool_t *pool = scene_pool(0, 1);
    tp_work_t *work = scene_pool_work(pool, close_itself, NULL);
    scene_close_pool(pool);
    tpps_thread poster = tpps_spawn(post_once, work);
    if (work)
        scene_await(0, 1);
    tp_pool_t *next = scene_pool(0, 1);
    for (int i = 0;
         i < 8 && next && tpi_token_index((uintptr_t)next) != tpi_token_index((uintptr_t)pool);
         i++) {
        scene_close_pool(next);
        next = scene_pool(0, 1);
    }
    tp_work_t *other = scene_pool_work(next, scene_count, SCENE_WORD(4));
    scene_submit(other, 2);
    tpps_join(poster);
    scene_wait(other);
    tpps_sleep(1000); /* the oracle looks */
    if (other)
        scene_close(other);
    scene_close_pool(next);
}

static void meet_late(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    scene_add(4, 1);
    scene_await(4, 2);
}

/* A latecomer of the last life must not keep the next life from adding a thread. */
SCENE(life__latecomer_and_growth_of_the_next_life)
{
    tp_pool_t *pool = scene_pool(0, 2);
    tp_work_t *work = scene_pool_work(pool, scene_count, SCENE_WORD(0));
    tpps_thread poster = tpps_spawn(post_or_stale, work);
    scene_close(work);
    scene_close_pool(pool);
    tp_pool_t *next = scene_pool(0, 2);
    tp_work_t *a = scene_pool_work(next, meet_late, NULL);
    tp_work_t *b = scene_pool_work(next, meet_late, NULL);
    scene_submit(a, 1);
    scene_submit(b, 1);
    scene_finish(a);
    scene_finish(b);
    tpps_join(poster);
    scene_close_pool(next);
}

static void close_the_work(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    close_or_stale(the_work);
}

/* Closed by another callback while its own last post finishes: freed once, released once. */
SCENE(life__r06_close_and_last_completion)
{
    tp_pool_t *pool = scene_pool(2, 2);
    the_work = scene_work(scene_count, SCENE_WORD(0),
                          &(struct scene_choice){.pool = pool, .release = scene_count_release});
    tp_work_t *closer = scene_pool_work(pool, close_the_work, NULL);
    bool made = the_work && closer;
    scene_submit(the_work, 1);
    scene_submit(closer, 1);
    scene_finish(closer);
    if (the_work && !closer)
        scene_close(the_work);
    scene_close_pool(pool);
    if (made)
        scene_await(0, 2); /* the run and the release */
    tpps_sleep(1000);
    tpps_check(!made || scene_value(0) == 2);
}

static void post_and_leave(tp_callback_instance_t *instance, void *context)
{
    (void)instance;
    (void)context;
    if (!scene_simple(scene_count_simple, SCENE_WORD(0), &(struct scene_choice){.pool = the_pool}))
        scene_add(0, 1);
    scene_close_pool(the_pool);
}

/* A simple callback posts another and closes the pool behind it. */
SCENE(life__simple_callbacks_outlive_the_handle)
{
    the_pool = scene_pool(0, 2);
    if (scene_simple(post_and_leave, NULL, &(struct scene_choice){.pool = the_pool}))
        scene_await(0, 1);
    else
        scene_close_pool(the_pool);
}

/* ---- libraries ------------------------------------------------------------------------------- */

/* An object keeps its library until it is gone. The simulator sees to it that the thread that has
 * code of it to return to, if `on_stack` the one that closes the object, does not close it. */
static void pin_and_close(bool on_stack)
{
    static char library;
    tp_pool_t *pool = scene_pool(0, 1);
    tp_env_t *env = scene_env(&(struct scene_choice){.pool = pool});
    tp_work_t *work = NULL;
    tpps_library_set_refs(&library, 1);
    tpps_library_set_on_stack(&library, on_stack);
    tpps_check(tp_env_set_library(env, &library) == TP_OK);
    tpps_check(tp_work_create(scene_count, SCENE_WORD(0), env, &work) == TP_OK);
    tpps_check(tp_env_destroy(env) == TP_OK);
    scene_submit(work, 2);
    tpps_check(tpps_library_refs(&library) == 2);
    tpps_check(tp_work_wait(work, false, TP_INFINITE) == TP_OK);
    tpps_check(tpps_library_refs(&library) == 2);
    scene_submit(work, 1);
    scene_close(work);
    while (tpps_library_refs(&library) > 1) /* ends: who is last, or a thread for it, closes it */
        tpps_sleep(1000);
    scene_await(0, 3);
    scene_close_pool(pool);
}

SCENE(life__c041_library_stays_until_the_last_object_is_gone)
{
    pin_and_close(false);
}

SCENE(life__c042_library_is_not_closed_where_its_code_is_on_the_stack)
{
    pin_and_close(true);
}

static const struct tpps_scenario table[] = {
    {SCENE_ROW(life__pool_close_last_object_and_retiring_worker)},
    {SCENE_ROW(life__submit_and_close)},
    {SCENE_ROW(life__callback_closes_itself_and_the_pool)},
    {SCENE_ROW(life__callback_closes_under_two_posters)},
    {SCENE_ROW(life__two_closers_one_wins)},
    {SCENE_ROW(life__create_and_pool_close)},
    {SCENE_ROW(life__dumped_while_it_ends)},
    {SCENE_ROW(life__latecomers_and_the_next_life)},
    {SCENE_ROW(life__posted_and_the_pool_is_another_by_then), .cpus = 1},
    {SCENE_ROW(life__latecomer_and_growth_of_the_next_life), .cpus = 4, .no_faults = true},
    {SCENE_ROW(life__r06_close_and_last_completion)},
    {SCENE_ROW(life__simple_callbacks_outlive_the_handle)},
    {SCENE_ROW(life__c041_library_stays_until_the_last_object_is_gone), .no_faults = true},
    {SCENE_ROW(life__c042_library_is_not_closed_where_its_code_is_on_the_stack), .no_faults = true},
};

int main(int argc, char **argv)
{
    return scene_main(argc, argv, table, SCENE_COUNT(table));
}
