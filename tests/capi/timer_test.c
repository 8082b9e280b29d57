/* timer_test.c - what the functions of timers refuse, and that a refusal changes nothing. */
#include "core/object/handle.h"
#include "core/object/object.h"
#include "tests/capi/live.h"

static void listen(void)
{
    heard.calls = 0;
    tp_set_misuse_hook(hear, NULL);
}

static bool is_set(tp_timer_t *timer)
{
    bool answer = false;
    check_eq(tp_timer_is_set(timer, &answer), TP_OK);
    return answer;
}

/* ---- the spec -------------------------------------------------------------------------------- */

/* Refused, and told so; the timer is set and armed as before, and nothing was posted. */
static void refuse(const tp_timer_spec_t *spec, tp_status_t expected)
{
    bool was_armed = true;
    tp_pool_stats_t before = statistics();
    expect(tp_timer_set(live.timer, spec, &was_armed), expected, "tp_timer_set");
    check(!was_armed);
    expect(tp_timer_set(live.timer, spec, NULL), expected, "tp_timer_set");
    tp_pool_stats_t then = statistics();
    check_eq(then.submitted, before.submitted);
    check_eq(then.timers_armed, before.timers_armed);
    check(is_set(live.timer));
}

TAP_TEST(timer__a_spec_of_wrong_size)
{
    tp_timer_spec_t spec = after(0);
    listen();
    for (uint32_t size = 0; size < sizeof spec; size++) {
        spec.struct_size = size;
        refuse(&spec, TP_ERR_VERSION);
    }
    use_live();
    check_eq(heard.calls, 0);
    tp_set_misuse_hook(NULL, NULL);
}

/* A spec of a later release: longer, and good only if what is not known here is zero. */
TAP_TEST(timer__a_spec_of_a_later_release)
{
    struct {
        tp_timer_spec_t spec;
        unsigned char more[40];
    } longer = {after(TP_INFINITE), {0}};
    bool was_armed = false;
    longer.spec.struct_size = sizeof longer;
    check_eq(tp_timer_set(live.timer, &longer.spec, &was_armed), TP_OK);
    check(was_armed);
    listen();
    for (size_t i = 0; i < sizeof longer.more; i++) {
        longer.more[i] = 0x80;
        refuse(&longer.spec, TP_ERR_VERSION);
        longer.more[i] = 0;
    }
    use_live();
    tp_set_misuse_hook(NULL, NULL);
}

TAP_TEST(timer__a_spec_with_fields_out_of_range)
{
    static const uint32_t clocks[] = {TP_CLOCK_BOOTTIME + 1, 5, 0x100, 0x80000000, UINT32_MAX};
    static const int64_t negative[] = {-1, INT32_MIN, -INT64_MAX, INT64_MIN};
    tp_timer_spec_t spec = after(0);
    listen();
    for (size_t i = 0; i < COUNT(clocks); i++) {
        spec = after(0);
        spec.clock = clocks[i];
        refuse(&spec, TP_ERR_ARGUMENT);
    }
    for (size_t i = 0; i < COUNT(negative); i++) {
        spec = after(0);
        spec.period = negative[i];
        refuse(&spec, TP_ERR_ARGUMENT);
        spec = after(0);
        spec.window = negative[i];
        refuse(&spec, TP_ERR_ARGUMENT);
    }
    for (uint32_t bit = 0; bit < 32; bit++) {
        spec = after(0);
        spec.reserved = UINT32_C(1) << bit;
        refuse(&spec, TP_ERR_ARGUMENT);
        spec.reserved = 0;
        spec.flags = UINT32_C(1) << bit;
        if (spec.flags == TP_TIMER_SKIP_MISSED)
            continue;
        refuse(&spec, TP_ERR_ARGUMENT);
        spec.flags |= TP_TIMER_SKIP_MISSED;
        refuse(&spec, TP_ERR_ARGUMENT);
    }
    use_live();
    tp_set_misuse_hook(NULL, NULL);
}

/* Every number that is in range is good, the ends of it too; nothing overflows. */
TAP_TEST(timer__a_spec_with_numbers_at_the_ends_of_their_range)
{
    static const int64_t dues[] = {INT64_MIN, INT64_MIN + 1, -1, 0, TP_INFINITE - 1, TP_INFINITE};
    static const int64_t spans[] = {0, 1000000000, INT64_MAX - 1, INT64_MAX};
    bool was_armed = false;
    listen();
    for (uint32_t i = 0; i < 4 * COUNT(dues) * COUNT(spans) * COUNT(spans); i++) {
        tp_timer_spec_t spec = after(dues[i / 4 % COUNT(dues)]);
        uint32_t runs = tpp_load_acquire(&live.runs), expiries = spec.due <= 0;
        spec.clock = i % 4;
        spec.period = spans[i / 4 / COUNT(dues) % COUNT(spans)];
        spec.window = spans[i / 4 / COUNT(dues) / COUNT(spans)];
        check_eq(tp_timer_set(live.timer, &spec, &was_armed), TP_OK);
        check(is_set(live.timer));
        check_eq(tp_timer_wait(live.timer, false, TP_INFINITE), TP_OK);
        check_eq(tp_timer_set(live.timer, NULL, &was_armed), TP_OK);
        check_eq(was_armed, !expiries || spec.period != 0);
        check(spec.period == 1000000000 || tpp_load_acquire(&live.runs) == runs + expiries);
    }
    check_eq(heard.calls, 0);
    tp_timer_spec_t spec = after(TP_INFINITE);
    check_eq(tp_timer_set(live.timer, &spec, NULL), TP_OK);
    tp_set_misuse_hook(NULL, NULL);
    use_live();
}

/* What may be NULL: the spec, which stops, and the answer. */
TAP_TEST(timer__null_where_it_is_allowed)
{
    bool was_armed = false;
    tp_timer_spec_t for_ever = after(TP_INFINITE);
    listen();
    check_eq(tp_timer_set(live.timer, NULL, &was_armed), TP_OK);
    check(was_armed && !is_set(live.timer));
    check_eq(tp_timer_set(live.timer, NULL, &was_armed), TP_OK);
    check(!was_armed);
    check_eq(tp_timer_set(live.timer, NULL, NULL), TP_OK);
    check_eq(tp_timer_set(live.timer, &for_ever, NULL), TP_OK);
    check(is_set(live.timer));
    check_eq(heard.calls, 0);
    tp_set_misuse_hook(NULL, NULL);
    use_live();
}

/* ---- the handle ------------------------------------------------------------------------------ */

TAP_TEST(timer__a_second_close_is_refused_and_so_is_all_after_it)
{
    tp_timer_t *timer = NULL;
    tp_timer_spec_t spec = after(TP_INFINITE);
    bool flag = true;
    require(tp_timer_create(never_timer, NULL, live.env, &timer) == TP_OK);
    check_eq(tp_timer_set(timer, &spec, NULL), TP_OK);
    check_eq(statistics().timers_armed, 2);
    check_eq(tp_timer_close(timer), TP_OK);
    check_eq(statistics().timers_armed, 1);
    listen();
    expect(tp_timer_close(timer), TP_ERR_HANDLE, "tp_timer_close");
    check(strstr(heard.message, "it was closed") != NULL);
    expect(tp_timer_set(timer, &spec, &flag), TP_ERR_HANDLE, "tp_timer_set");
    check(!flag);
    expect(tp_timer_set(timer, NULL, NULL), TP_ERR_HANDLE, "tp_timer_set");
    flag = true;
    expect(tp_timer_is_set(timer, &flag), TP_ERR_HANDLE, "tp_timer_is_set");
    check(!flag);
    expect(tp_timer_wait(timer, true, -1), TP_ERR_HANDLE, "tp_timer_wait");
    /* A wrong handle is told before a wrong spec. */
    spec.struct_size = 0;
    expect(tp_timer_set(timer, &spec, NULL), TP_ERR_HANDLE, "tp_timer_set");
    tp_set_misuse_hook(NULL, NULL);
    use_live();
}

/* ---- statuses that come from what goes on ---------------------------------------------------- */

/* What a callback that holds the pool's only thread waits for, and tells when it runs. */
static struct {
    tp_event_t *running, *go;
} hold;

static void await(tp_event_t *event)
{
    tp_wait_result_t result = 0;
    check_eq(tp_waitable_wait(tp_waitable_event(event), TP_INFINITE, &result), TP_OK);
    check_eq(result, TP_WAIT_SIGNALED);
}

static void hold_thread(tp_callback_instance_t *instance, void *context)
{
    (void)instance;
    (void)context;
    check_eq(tp_event_set(hold.running), TP_OK);
    await(hold.go);
}

static void begin_hold(void)
{
    require(tp_event_create(false, false, &hold.running) == TP_OK);
    require(tp_event_create(false, false, &hold.go) == TP_OK);
}

static void end_hold(void)
{
    check_eq(tp_event_close(hold.running) | tp_event_close(hold.go), TP_OK);
}

/* 2^32-1 posts, made at one go as tp_work_submit_many makes them: one more is refused, whether or
 * not the timer was armed, and it stays so. Neither this nor a timeout is misuse. */
TAP_TEST(timer__a_post_beyond_the_limit_is_refused_and_a_timeout_told)
{
    uint32_t generation = 0;
    bool was_armed = true;
    tp_timer_spec_t at_once = after(0), first = after(TP_INFINITE), period = after(0);
    period.period = 3600000000000;
    begin_hold();
    struct tpi_object *object = tpi_handle_slot(TPI_KIND_TIMER, live.timer, &generation);
    require(object);
    listen();
    check_eq(tp_try_submit(hold_thread, NULL, live.env), TP_OK);
    await(hold.running);
    check_eq(tp_timer_set(live.timer, &at_once, NULL), TP_OK);
    check_eq(tp_timer_wait(live.timer, false, 0), TP_ERR_TIMEOUT);
    check_eq(tp_timer_set(live.timer, &first, &was_armed), TP_OK);
    check(!was_armed);
    check_eq(tpi_object_submit(object, generation, UINT32_MAX - 1), TP_OK);
    was_armed = true;
    check_eq(tp_timer_set(live.timer, &at_once, &was_armed), TP_ERR_LIMIT);
    check(!was_armed);
    check_eq(tp_timer_set(live.timer, &period, NULL), TP_ERR_LIMIT);
    check_eq(statistics().timers_armed, 1);
    check_eq(tp_timer_set(live.timer, NULL, &was_armed), TP_OK);
    check(was_armed); /* for ever, as before the refusals */
    check_eq(tp_timer_set(live.timer, &at_once, NULL), TP_ERR_LIMIT);
    check(!is_set(live.timer));
    at_once.flags = TP_TIMER_SKIP_MISSED; /* a post is pending: none is added */
    check_eq(tp_timer_set(live.timer, &at_once, NULL), TP_OK);
    check_eq(tp_timer_wait(live.timer, true, 0), TP_OK);
    check_eq(tp_event_set(hold.go), TP_OK);
    check_eq(tp_timer_set(live.timer, &first, NULL), TP_OK);
    check_eq(heard.calls, 0);
    tp_set_misuse_hook(NULL, NULL);
    use_live();
    end_hold();
}

static tp_status_t own_wait;

static void wait_for_itself(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    (void)instance;
    (void)context;
    own_wait = tp_timer_wait(timer, true, TP_INFINITE);
}

TAP_TEST(timer__a_wait_in_its_own_callback_is_a_deadlock)
{
    tp_timer_t *timer = NULL;
    tp_timer_spec_t at_once = after(0);
    require(tp_timer_create(wait_for_itself, NULL, live.env, &timer) == TP_OK);
    listen();
    check_eq(tp_timer_set(timer, &at_once, NULL), TP_OK);
    check_eq(tp_timer_wait(timer, false, TP_INFINITE), TP_OK);
    expect(own_wait, TP_ERR_DEADLOCK, "tp_timer_wait");
    tp_set_misuse_hook(NULL, NULL);
    check_eq(tp_timer_close(timer), TP_OK);
}

/* A world of its own, which is closed in parts. */
static struct {
    tp_pool_t *pool;
    tp_env_t *env;
    tp_cleanup_group_t *group;
    tp_timer_t *timer, *other;
} own;

static void build_own(tp_timer_fn callback)
{
    require(tp_pool_create(NULL, &own.pool) == TP_OK && tp_env_create(&own.env) == TP_OK);
    require(tp_cleanup_group_create(&own.group) == TP_OK);
    require(tp_env_set_pool(own.env, own.pool) == TP_OK);
    require(tp_env_set_cleanup_group(own.env, own.group, NULL) == TP_OK);
    require(tp_timer_create(callback, NULL, own.env, &own.timer) == TP_OK);
    require(tp_timer_create(never_timer, NULL, own.env, &own.other) == TP_OK);
}

TAP_TEST(timer__a_pool_that_is_shut_down_arms_nothing_and_lets_stop)
{
    bool was_armed = true;
    tp_timer_spec_t specs[] = {after(0), after(3600000000000), after(TP_INFINITE)};
    build_own(never_timer);
    check_eq(tp_timer_set(own.timer, &specs[1], NULL), TP_OK);
    check_eq(tp_pool_shutdown(own.pool, false, TP_INFINITE), TP_OK);
    listen();
    for (size_t i = 0; i < COUNT(specs); i++) {
        expect(tp_timer_set(own.timer, &specs[i], &was_armed), TP_ERR_CLOSED, "tp_timer_set");
        expect(tp_timer_set(own.other, &specs[i], &was_armed), TP_ERR_CLOSED, "tp_timer_set");
        check(!was_armed && !is_set(own.other));
    }
    check_eq(tp_timer_set(own.timer, NULL, &was_armed), TP_OK);
    check(!was_armed && !is_set(own.timer));
    check_eq(tp_timer_wait(own.timer, true, TP_INFINITE), TP_OK);
    tp_timer_t *timer = own.timer;
    expect(tp_timer_create(never_timer, NULL, own.env, &timer), TP_ERR_CLOSED, "tp_timer_create");
    check(timer == NULL);
    check_eq(tp_timer_close(own.timer) | tp_timer_close(own.other), TP_OK);
    check_eq(heard.calls, 0);
    tp_set_misuse_hook(NULL, NULL);
    check_eq(tp_cleanup_group_close_members(own.group, false, NULL), TP_OK);
    check_eq(tp_cleanup_group_close(own.group) | tp_env_destroy(own.env), TP_OK);
}

static struct {
    tp_status_t itself, other, stop;
    bool was_armed;
} seen;

/* Sets the members of its group until that is refused: the group is closing them. */
static void set_until_refused(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    tp_timer_spec_t later = after(3600000000000);
    (void)instance;
    (void)context;
    check_eq(tp_event_set(hold.running), TP_OK);
    do
        seen.itself = tp_timer_set(timer, &later, NULL);
    while (seen.itself == TP_OK);
    do
        seen.other = tp_timer_set(own.other, &later, NULL);
    while (seen.other == TP_OK);
    seen.was_armed = true;
    seen.stop = tp_timer_set(timer, NULL, &seen.was_armed);
}

TAP_TEST(timer__a_group_that_closes_its_members_arms_nothing_and_lets_stop)
{
    tp_timer_spec_t at_once = after(0);
    begin_hold();
    build_own(set_until_refused);
    listen();
    check_eq(tp_timer_set(own.timer, &at_once, NULL), TP_OK);
    await(hold.running);
    check_eq(tp_cleanup_group_close_members(own.group, false, NULL), TP_OK);
    check_eq(seen.itself, TP_ERR_CLOSED);
    check(seen.other == TP_ERR_CLOSED || seen.other == TP_ERR_HANDLE); /* it may be closed by now */
    check_eq(seen.stop, TP_OK);
    check(!seen.was_armed);
    check_eq(heard.calls, 2);
    tp_set_misuse_hook(NULL, NULL);
    check_eq(tp_timer_close(own.timer), TP_ERR_HANDLE);
    check_eq(tp_cleanup_group_close(own.group) | tp_env_destroy(own.env), TP_OK);
    check_eq(tp_pool_close(own.pool), TP_OK);
    end_hold();
}

int main(void)
{
    build_live();
    tap_run(timer__a_spec_of_wrong_size);
    tap_run(timer__a_spec_of_a_later_release);
    tap_run(timer__a_spec_with_fields_out_of_range);
    tap_run(timer__a_spec_with_numbers_at_the_ends_of_their_range);
    tap_run(timer__null_where_it_is_allowed);
    tap_run(timer__a_second_close_is_refused_and_so_is_all_after_it);
    tap_run(timer__a_post_beyond_the_limit_is_refused_and_a_timeout_told);
    tap_run(timer__a_wait_in_its_own_callback_is_a_deadlock);
    tap_run(timer__a_pool_that_is_shut_down_arms_nothing_and_lets_stop);
    tap_run(timer__a_group_that_closes_its_members_arms_nothing_and_lets_stop);
    use_live();
    close_live();
    return tap_done();
}
