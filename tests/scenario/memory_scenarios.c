/* memory_scenarios.c - slots used again and again, magazines, stale handles, the default pool. */
#include "tests/scenario/scene.h"

static tp_pool_t *the_pool;
static tp_work_t *the_work;

static void post_simples(void *count)
{
    for (uintptr_t i = 0; i < (uintptr_t)count; i++)
        scene_add(1, scene_simple(scene_count_simple, SCENE_WORD(0),
                                  &(struct scene_choice){.pool = the_pool}));
}

/* Simple callbacks travel between the magazines of posters and workers. */
SCENE(memory__simple_callbacks_between_magazines)
{
    the_pool = scene_pool(0, 2);
    tpps_thread a = tpps_spawn(post_simples, SCENE_WORD(3));
    tpps_thread b = tpps_spawn(post_simples, SCENE_WORD(3));
    tpps_join(a);
    tpps_join(b);
    scene_await(0, scene_value(1));
    scene_close_pool(the_pool);
}

static void fan_out(tp_callback_instance_t *instance, void *context)
{
    uintptr_t depth = (uintptr_t)context;
    (void)instance;
    for (int i = 0; depth > 0 && i < 2; i++) {
        scene_add(1, 1);
        if (!scene_simple(fan_out, SCENE_WORD(depth - 1), &(struct scene_choice){.pool = the_pool}))
            scene_add(0, 1);
    }
    scene_add(0, 1);
}

/* Callbacks post callbacks: a tree of seven. */
SCENE(memory__simple_callbacks_fan_out)
{
    the_pool = scene_pool(0, 3);
    if (scene_simple(fan_out, SCENE_WORD(2), &(struct scene_choice){.pool = the_pool})) {
        scene_await(0, 1);
        while (scene_value(0) < 1 + scene_value(1))
            scene_await(0, 1 + scene_value(1));
    }
    scene_close_pool(the_pool);
}

static void use_and_close(void *arg)
{
    (void)arg;
    for (int i = 0; i < 3; i++) {
        tp_work_t *work = scene_pool_work(the_pool, scene_count, SCENE_WORD(2));
        scene_submit(work, 1);
        scene_close(work);
    }
}

static void use_stale(void *work)
{
    if (!work)
        return;
    for (int i = 0; i < 3; i++) {
        scene_or_stale(tp_work_submit(work));
        scene_or_stale(tp_work_wait(work, true, TP_INFINITE));
    }
}

/* A handle goes stale while others make objects in the same slots. */
SCENE(memory__stale_handle_of_a_slot_used_again)
{
    the_pool = scene_pool(1, 2);
    tp_work_t *work = scene_pool_work(the_pool, scene_count, SCENE_WORD(0));
    tpps_thread a = tpps_spawn(use_stale, work), b = tpps_spawn(use_and_close, NULL);
    scene_close(work);
    tpps_join(a);
    tpps_join(b);
    if (work)
        tpps_check(tp_work_submit(work) == TP_ERR_HANDLE);
    scene_close_pool(the_pool);
}

static bool count_free(struct tpi_slot *slot, void *count)
{
    if (!tpi_slot_live(tpp_peek(&slot->generation)))
        ++*(uint32_t *)count;
    return true;
}

enum { FILL = 80 };
static tp_work_t *fill[FILL];

/* Makes work objects until no slot is free: the next one that is closed is the next one made. */
static uint32_t fill_slots(void)
{
    uint32_t made = 0, unused;
    do {
        fill[made++] = scene_pool_work(the_pool, scene_count, SCENE_WORD(5));
        unused = 0;
        tpi_slab_each(TPI_KIND_WORK, count_free, &unused);
    } while (unused > 0 && made < FILL && scene_complete());
    return made;
}

static void use_once(void *work)
{
    if (work && scene_or_stale(tp_work_submit(work)))
        scene_add(1, 1);
}

static void cancel_once(void *work)
{
    if (work)
        scene_or_stale(tp_work_wait(work, true, TP_INFINITE));
}

/* A late submit, a late cancel, and the next object in the very same slot: it must not notice. */
SCENE(memory__latecomers_in_the_same_slot)
{
    the_pool = scene_pool(0, 1);
    uint32_t made = fill_slots();
    tp_work_t *work = fill[--made];
    tpps_thread poster = tpps_spawn(use_once, work), canceller = tpps_spawn(cancel_once, work);
    scene_close(work);
    tp_work_t *next = scene_pool_work(the_pool, scene_count, SCENE_WORD(4));
    tpps_point();
    scene_submit(next, 1);
    tpps_join(poster);
    tpps_join(canceller);
    scene_finish(next);
    tpps_check(!next || scene_value(4) == 1);
    tpps_check(scene_value(5) <= scene_value(1));
    while (made > 0)
        scene_close(fill[--made]);
    scene_close_pool(the_pool);
}

static void set_env(void *env)
{
    if (!env)
        return;
    for (uint32_t i = 0; i < 2; i++)
        scene_or_stale(tp_env_set_priority(env, TP_PRIORITY_HIGH));
}

static void destroy_env(void *env)
{
    if (env)
        scene_add(3, scene_or_stale(tp_env_destroy(env)));
}

/* An environment is set, read and destroyed at once, and its slot used again. */
SCENE(memory__environment_goes_while_used)
{
    the_pool = scene_pool(0, 1);
    tp_env_t *env = scene_env(&(struct scene_choice){.pool = the_pool});
    tp_work_t *work = NULL;
    tpps_thread a = tpps_spawn(set_env, env), b = tpps_spawn(destroy_env, env);
    tpps_thread c = tpps_spawn(destroy_env, env);
    if (env) {
        tp_status_t status = tp_work_create(scene_count, SCENE_WORD(0), env, &work);
        if (status != TP_ERR_HANDLE)
            scene_made(status);
    }
    tp_env_t *next = scene_env(&(struct scene_choice){.pool = the_pool});
    tpps_join(a);
    tpps_join(b);
    tpps_join(c);
    tpps_check(!env || scene_value(3) == 1);
    tpps_check(!next || tp_env_destroy(next) == TP_OK);
    scene_close(work);
    scene_close_pool(the_pool);
}

static void post_and_close(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    scene_or_stale(tp_work_submit(the_work));
    scene_or_stale(tp_work_close(the_work));
}

/* A ticket in a ring outlives its object, and the slot's next life has its own. */
SCENE(memory__ticket_outlives_its_object)
{
    the_pool = scene_pool(2, 2);
    the_work = scene_pool_work(the_pool, scene_count, SCENE_WORD(0));
    tp_work_t *root = scene_pool_work(the_pool, post_and_close, NULL);
    tp_work_t *old = the_work;
    scene_submit(root, 1);
    if (old)
        scene_or_stale(tp_work_wait(old, true, TP_INFINITE));
    tp_work_t *next = scene_pool_work(the_pool, scene_count, SCENE_WORD(1));
    scene_submit(next, 2);
    scene_wait(root);
    scene_close(root);
    if (old && !root)
        scene_close(old);
    scene_finish(next);
    tpps_check(!next || scene_value(1) == 2);
    scene_close_pool(the_pool);
}

/* ---- the default pool ------------------------------------------------------------------------ */

static void ask_for_default(void *arg)
{
    (void)arg;
    if (scene_simple(scene_count_simple, SCENE_WORD(0),
                     &(struct scene_choice){.default_pool = true}))
        scene_await(0, 1);
}

/* several first users, one pool. */
SCENE(memory__r37_default_pool_made_by_three)
{
    tpps_thread a = tpps_spawn(ask_for_default, NULL), b = tpps_spawn(ask_for_default, NULL);
    tp_pool_t *first = NULL, *again = NULL;
    tp_status_t status = tp_pool_default(&first);
    tpps_join(a);
    tpps_join(b);
    if (scene_made(status)) {
        tpps_check(tp_pool_default(&again) == TP_OK && again == first);
        tpps_check(tp_pool_close(first) == TP_ERR_UNSUPPORTED);
    }
    scene_keeps(tpi_slab_in_use(TPI_KIND_POOL));
    tpps_check(tpi_slab_in_use(TPI_KIND_POOL) == 1 || !scene_complete());
}

static const struct tpps_scenario table[] = {
    {SCENE_ROW(memory__simple_callbacks_between_magazines)},
    {SCENE_ROW(memory__simple_callbacks_fan_out)},
    {SCENE_ROW(memory__stale_handle_of_a_slot_used_again)},
    {SCENE_ROW(memory__latecomers_in_the_same_slot), .max_steps = 400000},
    {SCENE_ROW(memory__environment_goes_while_used)},
    {SCENE_ROW(memory__ticket_outlives_its_object)},
    {SCENE_ROW(memory__r37_default_pool_made_by_three)},
};

int main(int argc, char **argv)
{
    return scene_main(argc, argv, table, SCENE_COUNT(table));
}
