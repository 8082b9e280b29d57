/* misuse_test.c - a million wrong handles, spread over every function that takes one. */
#include <inttypes.h>

#include "tests/capi/calls.h"

/* How many values each function gets; the stress suite gives a million as the second argument. The
 * first is the version script, against which the table is held. */
static uint64_t values_each = 20000;
static const char *map_path;
static tp_work_t *stage; /* its callback makes all the wrong calls */

/* Exported, and without a handle among the parameters; or tried through tp_waitable_wait. */
static const char *const without_handle[] = {
    "tp_version",          "tp_version_string",       "tp_status_name",     "tp_status_message",
    "tp_last_errno",       "tp_set_allocator",        "tp_set_misuse_hook", "tp_allocator_init",
    "tp_pool_config_init", "tp_pool_stats_init",      "tp_pool_create",     "tp_pool_default",
    "tp_env_create",       "tp_cleanup_group_create", "tp_blocking_begin",  "tp_blocking_end",
    "tp_event_create",     "tp_semaphore_create",     "tp_mutex_create",    "tp_waitable_never",
    "tp_waitable_event",   "tp_waitable_semaphore",   "tp_waitable_mutex",  "tp_timer_spec_init",
    "tp_waitable_fd",      "tp_waitable_process",     "tp_waitable_signal", "tp_wait_spec_init",
    "tp_io_op_init",
};

static bool is_listed(const char *name)
{
    for (size_t i = 0; i < COUNT(rows); i++)
        if (strcmp(rows[i].function, name) == 0)
            return true;
    for (size_t i = 0; i < COUNT(without_handle); i++)
        if (strcmp(without_handle[i], name) == 0)
            return true;
    return false;
}

TAP_TEST(misuse__the_table_covers_every_exported_function)
{
    char line[128], name[128];
    unsigned found = 0;
    if (!map_path)
        tap_skip("no version script was given");
    FILE *map = fopen(map_path, "r");
    require(map);
    while (fgets(line, sizeof line, map))
        if (sscanf(line, " tp_%100[a-z_];", name + 3) == 1) {
            memcpy(name, "tp_", 3);
            found++;
            check(is_listed(name));
            if (!is_listed(name))
                printf("# %s is not in the table\n", name);
        }
    fclose(map);
    check(found > 90);
}

/* ---- values ---------------------------------------------------------------------------------- */

static uint64_t dice = 88172645463325252u;

static uint64_t roll(void)
{
    dice ^= dice << 13;
    dice ^= dice >> 7;
    dice ^= dice << 17;
    return dice;
}

static uintptr_t stale[80];
static size_t stale_count;

static const void *const *live_handles(size_t *count)
{
    static const void *handles[14];
    size_t n = 0;
    handles[n++] = live.pool;
    handles[n++] = live.default_pool;
    handles[n++] = live.env;
    handles[n++] = live.work;
    handles[n++] = live.timer;
    handles[n++] = live.wait;
    handles[n++] = live.io;
    handles[n++] = stage;
    handles[n++] = live.group;
    handles[n++] = live.event;
    handles[n++] = live.semaphore;
    handles[n++] = live.mutex;
    handles[n++] = live.instance;
    *count = n;
    return handles;
}

/* A value that may come from a confused, stale, mistyped or broken program. */
static uintptr_t draw(enum tpi_kind kind)
{
    size_t count;
    const void *const *handles = live_handles(&count);
    uint64_t noise = roll();
    uintptr_t some = (uintptr_t)handles[noise % count];
    switch (roll() % 9) {
    case 0:
        return (uintptr_t)noise;
    case 1:
        return (uintptr_t)(noise & 0xffff); /* small numbers */
    case 2:
        return some; /* perhaps of another kind */
    case 3:
        return some ^ (uintptr_t)1 << noise % (8 * sizeof some); /* one bit has toppled */
    case 4: /* the right kind, an index that exists or nearly, any generation */
        return tpi_token_make(kind, (uint32_t)(noise >> 32), (uint32_t)noise & 0x3fff);
    case 5: /* ... a generation that may have been */
        return tpi_token_make(kind, (uint32_t)(noise >> 32) % 64, (uint32_t)noise & 0x1fff);
    case 6:
        return stale_count ? stale[noise % stale_count] : 0;
    case 7:
        return (uintptr_t)&live + noise % 4096; /* an address */
    default:                                    /* another kind, also one that no handle has */
        return tpi_token_make((enum tpi_kind)(noise % 16), 1, (uint32_t)(noise >> 32) & 0xfff);
    }
}

/* Is the value by chance what the function may have? */
static bool is_good(const struct row *row, uintptr_t value)
{
    size_t count;
    const void *const *handles = live_handles(&count);
    enum tpi_kind kind = tpi_token_kind(value);
    for (size_t i = 0; i < count; i++)
        if (value == (uintptr_t)handles[i] && row->kind == TPI_KIND_NONE)
            return kind == TPI_KIND_EVENT || kind == TPI_KIND_SEMAPHORE || kind == TPI_KIND_MUTEX;
        else if (value == (uintptr_t)handles[i] && kind == row->kind)
            return true;
    return value == 0 && row->null_allowed;
}

static unsigned failures;

static void fail(const struct row *row, uintptr_t value, const char *what)
{
    if (failures++ < 20)
        printf("# %s(%#" PRIxPTR "): %s; status %d, hook %u times: %s\n", row->function, value,
               what, heard.status, heard.calls, heard.message);
}

static void try_value(const struct row *row, uintptr_t value)
{
    char text[32];
    tp_status_t expected = TP_ERR_HANDLE;
    if (is_good(row, value))
        return;
    if (row->kind == TPI_KIND_INSTANCE && tpi_token_kind(value) == TPI_KIND_INSTANCE)
        expected = TP_ERR_STATE; /* over, or of another thread */
    heard.calls = 0;
    if (row->call((void *)value) != expected)
        fail(row, value, "wrong status");
    if (heard.calls != 1 || heard.status != expected || strcmp(heard.function, row->function) != 0)
        fail(row, value, "wrong report");
    snprintf(text, sizeof text, "%p", (void *)value);
    if (!strstr(heard.message, text))
        fail(row, value, "the message lacks the handle");
}

/* ---- the sweep ------------------------------------------------------------------------------- */

static void make_stale(void)
{
    tp_pool_t *pool;
    tp_env_t *env;
    tp_work_t *work;
    tp_timer_t *timer;
    tp_wait_t *wait;
    tp_io_t *io;
    tp_cleanup_group_t *group;
    tp_event_t *event;
    tp_semaphore_t *semaphore;
    tp_mutex_t *mutex;
    for (int i = 0; i < 7; i++) {
        require(tp_pool_create(NULL, &pool) == TP_OK && tp_env_create(&env) == TP_OK);
        require(tp_work_create(never_work, NULL, live.env, &work) == TP_OK);
        require(tp_timer_create(never_timer, NULL, live.env, &timer) == TP_OK);
        require(tp_wait_create(never_wait, NULL, live.env, &wait) == TP_OK);
        require(tp_io_create(live.ends[1], never_io, NULL, live.env, &io) == TP_OK);
        require(tp_cleanup_group_create(&group) == TP_OK);
        require(tp_event_create(true, true, &event) == TP_OK);
        require(tp_semaphore_create(1, 1, &semaphore) == TP_OK);
        require(tp_mutex_create(i % 2, &mutex) == TP_OK);
        uintptr_t const made[] = {(uintptr_t)pool,  (uintptr_t)env,   (uintptr_t)work,
                                  (uintptr_t)group, (uintptr_t)event, (uintptr_t)semaphore,
                                  (uintptr_t)mutex, (uintptr_t)timer, (uintptr_t)wait,
                                  (uintptr_t)io};
        for (size_t m = 0; m < COUNT(made); m++)
            stale[stale_count++] = made[m];
        check_eq(tp_pool_close(pool) | tp_env_destroy(env) | tp_work_close(work), TP_OK);
        check_eq(tp_cleanup_group_close(group) | tp_event_close(event), TP_OK);
        check_eq(tp_semaphore_close(semaphore) | tp_mutex_close(mutex), TP_OK);
        check_eq(tp_timer_close(timer) | tp_wait_close(wait) | tp_io_close(io), TP_OK);
    }
}

static void sweep(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    uint32_t before[TPI_KIND_COUNT] = {0}, after[TPI_KIND_COUNT] = {0};
    (void)context;
    (void)work;
    live.instance = instance;
    tp_set_misuse_hook(hear, NULL);
    in_use(before);
    tp_pool_stats_t first = statistics();
    for (size_t r = 0; r < COUNT(rows); r++) {
        try_value(&rows[r], 0);
        for (size_t i = 0; i < stale_count; i++)
            try_value(&rows[r], stale[i]);
        for (uint64_t i = 0; i < values_each; i++)
            try_value(&rows[r], draw(rows[r].kind));
    }
    tp_pool_stats_t last = statistics();
    in_use(after);
    check_eq(memcmp(&first, &last, sizeof first), 0);
    check_eq(memcmp(before, after, sizeof before), 0);
    check_eq(failures, 0);
    tp_set_misuse_hook(NULL, NULL);
    live.instance = NULL;
}

TAP_TEST(misuse__wrong_handles_are_refused_everywhere_and_change_nothing)
{
    tap_timeout(100 + (unsigned)(values_each / 5000));
    build_live();
    require(tp_work_create(sweep, NULL, live.env, &stage) == TP_OK);
    make_stale();
    use_live();
    check_eq(tp_work_submit(stage), TP_OK);
    check_eq(tp_work_wait(stage, false, TP_INFINITE), TP_OK);
    use_live();
}

TAP_TEST(misuse__closing_null_is_fine_and_not_reported)
{
    tp_set_misuse_hook(hear, NULL);
    heard.calls = 0;
    check_eq(tp_pool_close(NULL), TP_OK);
    check_eq(tp_env_destroy(NULL), TP_OK);
    check_eq(tp_work_close(NULL), TP_OK);
    check_eq(tp_timer_close(NULL), TP_OK);
    check_eq(tp_wait_close(NULL), TP_OK);
    check_eq(tp_io_close(NULL), TP_OK);
    check_eq(tp_cleanup_group_close(NULL), TP_OK);
    check_eq(tp_event_close(NULL), TP_OK);
    check_eq(tp_semaphore_close(NULL), TP_OK);
    check_eq(tp_mutex_close(NULL), TP_OK);
    check_eq(heard.calls, 0);
    tp_set_misuse_hook(NULL, NULL);
}

/* Callback objects are the same inside, so only the kind in the handle tells them apart. */
TAP_TEST(misuse__work_timers_waits_and_io_are_not_taken_for_each_other)
{
    void *const objects[] = {live.work, live.timer, live.wait, live.io};
    const enum tpi_kind kinds[] = {TPI_KIND_WORK, TPI_KIND_TIMER, TPI_KIND_WAIT, TPI_KIND_IO};
    unsigned tried = 0;
    tp_set_misuse_hook(hear, NULL);
    for (size_t r = 0; r < COUNT(rows) * COUNT(objects); r++) {
        const struct row *row = &rows[r / COUNT(objects)];
        size_t other = r % COUNT(objects);
        bool of_these = row->kind == TPI_KIND_WORK || row->kind == TPI_KIND_TIMER ||
                        row->kind == TPI_KIND_WAIT || row->kind == TPI_KIND_IO;
        if (!of_these || row->kind == kinds[other])
            continue;
        tried++;
        heard.calls = 0;
        check_eq(row->call(objects[other]), TP_ERR_HANDLE);
        check_eq(heard.calls, 1);
        check(strcmp(heard.function, row->function) == 0);
        check(strstr(heard.message, "of another kind") != NULL);
    }
    check_eq(tried, 3 * (4 + 5 + 4 + 9));
    tp_set_misuse_hook(NULL, NULL);
    use_live();
}

/* The handle of a callback that is over, and one used on another thread. */
static tp_callback_instance_t *kept;

static void keep_instance(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)context;
    (void)work;
    check(kept != instance);
    kept = instance;
}

TAP_TEST(misuse__an_instance_that_is_over_gives_state)
{
    tp_work_t *work = NULL;
    require(tp_work_create(keep_instance, NULL, live.env, &work) == TP_OK);
    tp_set_misuse_hook(hear, NULL);
    for (int i = 0; i < 3; i++) {
        bool requested;
        uint32_t events;
        check_eq(tp_work_submit(work), TP_OK);
        check_eq(tp_work_wait(work, false, TP_INFINITE), TP_OK);
        heard.calls = 0;
        check_eq(tp_callback_may_run_long(kept), TP_ERR_STATE);
        check_eq(tp_callback_disassociate(kept), TP_ERR_STATE);
        check_eq(tp_callback_set_event_on_return(kept, live.event), TP_ERR_STATE);
        check_eq(tp_callback_cancel_requested(kept, &requested), TP_ERR_STATE);
        check_eq(tp_callback_wait_events(kept, &events), TP_ERR_STATE);
        check_eq(heard.calls, 5);
    }
    tp_set_misuse_hook(NULL, NULL);
    check_eq(tp_work_close(work), TP_OK);
}

TAP_TEST(misuse__everything_still_works_at_the_end)
{
    use_live();
    check_eq(tp_work_close(stage), TP_OK);
    close_live();
}

int main(int argc, char **argv)
{
    map_path = argc > 1 ? argv[1] : NULL;
    if (argc > 2)
        values_each = strtoull(argv[2], NULL, 10);
    tap_run(misuse__the_table_covers_every_exported_function);
    tap_run(misuse__wrong_handles_are_refused_everywhere_and_change_nothing);
    tap_run(misuse__closing_null_is_fine_and_not_reported);
    tap_run(misuse__work_timers_waits_and_io_are_not_taken_for_each_other);
    tap_run(misuse__an_instance_that_is_over_gives_state);
    tap_run(misuse__everything_still_works_at_the_end);
    return tap_done();
}
