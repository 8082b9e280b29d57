/* io_group_test.c - I/O objects in cleanup groups: waited for, told, refused, closed meanwhile. */
#include "tests/conformance/group_closer.h"
#include "tests/conformance/io_scene.h"

/* A pool, a group, and an environment whose objects join both; their context is the scene's. */
struct group_scene {
    struct flow flow;
    HOME;
};

static void group_begin(struct group_scene *s, uint32_t threads)
{
    *s = (struct group_scene){.flow = {.io = NULL}};
    home_begin(&s->home, stage_pool(threads, threads), count_cancel, count_release);
}

static void group_begin_gated(struct group_scene *s)
{
    *s = (struct group_scene){.flow = {.io = NULL}};
    home_begin_gated(&s->home, count_cancel, count_release);
}

static tp_io_t *member(struct group_scene *s, int fd, tp_io_fn callback)
{
    return make_io(fd, callback, &s->flow, s->env);
}

static void open_wires(int *fds, int count)
{
    for (int i = 0; i < count; i++)
        fds[i] = wire_open(i);
}

static void close_wires(const int *fds, int count)
{
    for (int i = 0; i < count; i++)
        wire_close(fds[i]);
}

static void announce_and_complete(tp_io_t *io, struct act *act)
{
    start_io(io);
    complete_io(io, act, 0, 1);
}

static void count_simple(tp_callback_instance_t *instance, void *context)
{
    struct flow *flow = context;
    (void)instance;
    stage_add(&flow->runs, 1);
}

static void count_work(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)work;
    count_simple(instance, context);
}

static void count_timer(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    (void)timer;
    count_simple(instance, context);
}

static void count_wait(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                       tp_wait_result_t result)
{
    (void)wait;
    (void)result;
    count_simple(instance, context);
}

/* ---- cancelled ------------------------------------------------------------------------------- */

STAGE_TEST(io_group__c167_cancel_behind_a_gate_tells_one_of_each_kind_and_runs_none)
{
    struct group_scene s;
    struct act act = {.runs = {{0}}};
    tp_timer_spec_t at_once = TP_TIMER_SPEC_INIT;
    tp_wait_spec_t in_vain = TP_WAIT_SPEC_INIT;
    tp_timer_t *timer = NULL;
    tp_wait_t *wait = NULL;
    int fd = wire_open(0);
    group_begin_gated(&s);
    stage_expect_eq(tp_try_submit(count_simple, &s.flow, s.env), TP_OK);
    stage_expect_eq(tp_work_submit(stage_work(count_work, &s.flow, s.env)), TP_OK);
    stage_expect_eq(tp_timer_create(count_timer, &s.flow, s.env, &timer), TP_OK);
    stage_expect_eq(tp_timer_set(timer, &at_once, NULL), TP_OK);
    stage_expect_eq(tp_wait_create(count_wait, &s.flow, s.env, &wait), TP_OK);
    in_vain.source = tp_waitable_never();
    in_vain.timeout = 0;
    stage_expect_eq(tp_wait_set(wait, &in_vain, NULL), TP_OK);
    announce_and_complete(member(&s, fd, note), &act);
    stage_expect_eq(stage_stats(s.gate.pool).pending[1], 5);
    home_close_members(&s.home, true);
    stage_expect_eq(stage_value(&s.flow.cancelled), 5);
    stage_expect_eq(stage_value(&s.flow.released), 5);
    stage_gate_open(&s.gate);
    home_end(&s.home);
    stage_expect_eq(stage_value(&s.flow.runs), 0);
    expect_no_act(&act);
    wire_close(fd);
}

/* Queued, announced, both, and neither: each is told once. What is queued is dropped. */
STAGE_TEST(io_group__c167_cancel_tells_each_object_whatever_its_state)
{
    struct group_scene s;
    struct act act = {.runs = {{0}}};
    tp_io_t *ios[4];
    int fds[4];
    open_wires(fds, 4);
    group_begin_gated(&s);
    for (int i = 0; i < 4; i++)
        ios[i] = member(&s, fds[i], note);
    for (int i = 0; i < 3; i++)
        announce_and_complete(ios[i % 2], &act);
    start_io(ios[1]);
    start_io(ios[2]);
    stage_expect_eq(stage_stats(s.gate.pool).io_in_flight, 2);
    home_close_members(&s.home, true);
    stage_expect_eq(stage_value(&s.flow.cancelled), 4);
    stage_expect_eq(stage_value(&s.flow.released), 4);
    stage_expect_eq(stage_stats(s.gate.pool).cancelled, 3);
    stage_expect_eq(stage_stats(s.gate.pool).io_in_flight, 0);
    for (int i = 0; i < 4; i++) {
        stage_expect_eq(tp_io_complete(ios[i], &act, 0, 0), TP_ERR_HANDLE);
        stage_expect_eq(tp_io_close(ios[i]), TP_ERR_HANDLE);
    }
    stage_gate_open(&s.gate);
    home_end(&s.home);
    expect_no_act(&act);
    close_wires(fds, 4);
}

/* ---- waited for ------------------------------------------------------------------------------ */

/* The close returns after the callback of what was announced before it, be it completed long after
 * the close began. */
STAGE_TEST(io_group__c180_close_waits_for_the_callback_of_what_is_announced)
{
    struct group_scene s;
    struct act act = {.runs = {{0}}};
    int fd = wire_open(0);
    group_begin(&s, 2);
    tp_io_t *io = member(&s, fd, note);
    start_io(io);
    struct closing closing = {&s.home, &s.flow.calls, false, 1};
    stage_thread_t thread = stage_start(closer, &closing);
    settle();
    stage_expect_eq(stage_value(&s.flow.told), 0);
    stage_expect_eq(stage_value(&s.flow.released), 0);
    complete_io(io, &act, 0, 4);
    stage_join(thread);
    expect_act(&act, 0, 4);
    stage_expect_eq(stage_value(&s.flow.cancelled), 0);
    stage_expect_eq(stage_value(&s.flow.released), 1);
    home_end(&s.home);
    wire_close(fd);
}

/* or until it is taken back. */
STAGE_TEST(io_group__r32_c180_close_waits_until_the_last_announcement_is_taken_back)
{
    struct group_scene s;
    int fd = wire_open(0);
    group_begin(&s, 2);
    tp_io_t *io = member(&s, fd, note);
    start_io(io);
    start_io(io);
    struct closing closing = {&s.home, &s.flow.calls, false, 0};
    stage_thread_t thread = stage_start(closer, &closing);
    settle();
    stage_expect_eq(tp_io_cancel(io), TP_OK);
    settle();
    stage_expect_eq(stage_value(&s.flow.told), 0);
    stage_expect_eq(tp_io_cancel(io), TP_OK);
    stage_join(thread);
    stage_expect_eq(stage_value(&s.flow.released), 1);
    home_end(&s.home);
    wire_close(fd);
}

STAGE_TEST(io_group__c180_cancelling_close_takes_announcements_back)
{
    struct group_scene s;
    struct act act = {.runs = {{0}}};
    int fd = wire_open(0);
    group_begin(&s, 2);
    tp_io_t *io = member(&s, fd, note);
    for (int i = 0; i < 3; i++)
        start_io(io);
    home_close_members(&s.home, true);
    tpp_store_release(&s.flow.over, 1);
    stage_expect_eq(stage_value(&s.flow.cancelled), 1);
    stage_expect_eq(stage_value(&s.flow.released), 1);
    stage_expect_eq(tp_io_complete(io, &act, 0, 1), TP_ERR_HANDLE);
    stage_expect_eq(stage_stats(s.pool).io_in_flight, 0);
    home_end(&s.home);
    expect_no_act(&act);
    wire_close(fd);
}

/* C-165: all that is queued runs before the close returns. */
STAGE_TEST(io_group__c165_without_cancel_what_is_queued_runs)
{
    struct group_scene s;
    struct act acts[3] = {{.runs = {{0}}}};
    int fd = wire_open(0);
    group_begin_gated(&s);
    tp_io_t *io = member(&s, fd, note);
    for (int i = 0; i < 3; i++)
        announce_and_complete(io, &acts[i]);
    struct closing closing = {&s.home, &s.flow.calls, false, 3};
    stage_thread_t thread = stage_start(closer, &closing);
    stage_gate_open(&s.gate);
    stage_join(thread);
    stage_expect_eq(stage_value(&s.flow.cancelled), 0);
    stage_expect_eq(stage_value(&s.flow.released), 1);
    home_end(&s.home);
    wire_close(fd);
}

static bool one_was_dropped(void *pool)
{
    return stage_stats(pool).cancelled == 1;
}

/* C-170: the cancel callback comes after the running one. */
STAGE_TEST(io_group__c170_cancelling_close_waits_for_the_running_callback)
{
    struct group_scene s;
    struct act acts[2] = {{.runs = {{0}}}};
    int fd = wire_open(0);
    group_begin(&s, 1);
    tp_io_t *io = member(&s, fd, note_held);
    announce_and_complete(io, &acts[0]);
    stage_await(&s.flow.started, 1);
    announce_and_complete(io, &acts[1]);
    start_io(io);
    struct closing closing = {&s.home, &s.flow.calls, true, 1};
    stage_thread_t thread = stage_start(closer, &closing);
    stage_expect(stage_eventually(one_was_dropped, s.pool)); /* it has begun */
    settle();
    stage_expect_eq(stage_value(&s.flow.cancelled), 0);
    stage_add(&s.flow.open, 1);
    stage_join(thread);
    stage_expect_eq(stage_value(&s.flow.cancelled), 1);
    expect_act(&acts[0], 0, 1);
    expect_no_act(&acts[1]);
    home_end(&s.home);
    wire_close(fd);
}

static void leave_waits(tp_callback_instance_t *instance, void *context, void *operation,
                        int32_t error, uint64_t bytes, tp_io_t *io)
{
    stage_expect_eq(tp_callback_disassociate(instance), TP_OK);
    note_held(instance, context, operation, error, bytes, io);
}

STAGE_TEST(io_group__c181_disassociated_callback_is_waited_for_by_the_group_only)
{
    struct group_scene s;
    struct act act = {.runs = {{0}}};
    int fd = wire_open(0);
    group_begin(&s, 2);
    tp_io_t *io = member(&s, fd, leave_waits);
    announce_and_complete(io, &act);
    stage_await(&s.flow.started, 1);
    wait_io(io, false);
    stage_expect_eq(stage_value(&s.flow.runs), 0);
    struct closing closing = {&s.home, &s.flow.calls, false, 1};
    stage_thread_t thread = stage_start(closer, &closing);
    stage_expect(!stage_await_for(&s.flow.told, 1, 2 * STAGE_MS));
    stage_add(&s.flow.open, 1);
    stage_join(thread);
    home_end(&s.home);
    wire_close(fd);
}

/* ---- members on their own -------------------------------------------------------------------- */

static void close_itself(tp_callback_instance_t *instance, void *context, void *operation,
                         int32_t error, uint64_t bytes, tp_io_t *io)
{
    struct flow *flow = context;
    stage_add(&flow->told, 1);
    stage_await(&flow->open, 1);
    close_io(io);
    note(instance, context, operation, error, bytes, io);
}

STAGE_TEST(io_group__c176_callback_that_closes_its_object_spares_it_the_cancel)
{
    struct group_scene s;
    struct act act = {.runs = {{0}}};
    int fd = wire_open(0);
    group_begin(&s, 2);
    tp_io_t *io = member(&s, fd, close_itself);
    announce_and_complete(io, &act);
    start_io(io); /* and one more that never comes */
    stage_await(&s.flow.told, 1);
    struct closing closing = {&s.home, &s.flow.calls, true, 1};
    stage_thread_t thread = stage_start(closer, &closing);
    stage_add(&s.flow.open, 1);
    stage_join(thread);
    stage_expect_eq(stage_value(&s.flow.cancelled), 0);
    stage_expect_eq(stage_value(&s.flow.released), 1);
    home_end(&s.home);
    wire_close(fd);
}

/* C-175: it is not told, but what it has queued is waited for. */
STAGE_TEST(io_group__c175_member_closed_on_its_own)
{
    struct group_scene s;
    struct act act = {.runs = {{0}}};
    int fds[2];
    open_wires(fds, 2);
    group_begin_gated(&s);
    tp_io_t *queued = member(&s, fds[0], note);
    announce_and_complete(queued, &act);
    close_io(queued);
    close_io(member(&s, fds[1], note));
    stage_expect_eq(tp_cleanup_group_close(s.group), TP_ERR_BUSY);
    struct closing closing = {&s.home, &s.flow.calls, false, 1};
    stage_thread_t thread = stage_start(closer, &closing);
    stage_gate_open(&s.gate);
    stage_join(thread);
    stage_expect_eq(stage_value(&s.flow.cancelled), 0);
    stage_expect_eq(stage_value(&s.flow.released), 2);
    home_end(&s.home);
    close_wires(fds, 2);
}

STAGE_TEST(io_group__is_busy_while_an_object_is_a_member)
{
    struct group_scene s;
    struct act act = {.runs = {{0}}};
    int fd = wire_open(0);
    group_begin(&s, 1);
    tp_io_t *io = member(&s, fd, note);
    stage_expect_eq(tp_cleanup_group_close(s.group), TP_ERR_BUSY);
    start_io(io);
    stage_expect_eq(tp_cleanup_group_close(s.group), TP_ERR_BUSY);
    complete_io(io, &act, 0, 1); /* it is announced as before */
    wait_io(io, false);
    expect_act(&act, 0, 1);
    close_io(io);
    home_end(&s.home);
    wire_close(fd);
}

static void close_its_group(tp_callback_instance_t *instance, void *context, void *operation,
                            int32_t error, uint64_t bytes, tp_io_t *io)
{
    struct group_scene *s = context;
    stage_expect_eq(tp_cleanup_group_close_members(s->group, true, NULL), TP_ERR_DEADLOCK);
    stage_expect_eq(tp_callback_disassociate(instance), TP_OK);
    stage_expect_eq(tp_cleanup_group_close_members(s->group, true, NULL), TP_ERR_DEADLOCK);
    note(instance, context, operation, error, bytes, io);
}

STAGE_TEST(io_group__c205_closing_it_from_a_member_is_a_deadlock)
{
    struct group_scene s;
    struct act acts[2] = {{.runs = {{0}}}};
    int fds[2];
    open_wires(fds, 2);
    group_begin(&s, 2);
    tp_io_t *io = member(&s, fds[0], close_its_group), *other = member(&s, fds[1], note);
    start_io(other);
    announce_and_complete(io, &acts[0]);
    expect_act(&acts[0], 0, 1);
    complete_io(other, &acts[1], 0, 2); /* nothing was taken back */
    expect_act(&acts[1], 0, 2);
    home_close_members(&s.home, true);
    stage_expect_eq(stage_value(&s.flow.cancelled), 2);
    home_end(&s.home);
    close_wires(fds, 2);
}

/* C-183, C-188: members of two pools, a number of them, some announced and some queued. */
STAGE_TEST(io_group__c183_closes_many_members_of_two_pools)
{
    enum { MANY = 64 };
    struct group_scene s;
    struct act act = {.runs = {{0}}};
    int count = stage_times(MANY, 6), fds[MANY];
    open_wires(fds, count);
    group_begin(&s, 1);
    tp_pool_t *second = stage_pool(1, 1);
    for (int i = 0; i < count; i++) {
        stage_expect_eq(tp_env_set_pool(s.env, i % 3 ? s.pool : second), TP_OK);
        tp_io_t *io = member(&s, fds[i], note);
        for (int k = i % 4; k > 0; k--)
            start_io(io);
        if (i % 4 > 1)
            complete_io(io, &act, 0, 0);
    }
    home_close_members(&s.home, true);
    tpp_store_release(&s.flow.over, 1);
    stage_expect_eq(stage_value(&s.flow.cancelled), count);
    stage_expect_eq(stage_value(&s.flow.released), count);
    expect_balance(s.pool);
    expect_balance(second);
    stage_expect_eq(tp_pool_close(second), TP_OK);
    home_end(&s.home);
    close_wires(fds, count);
}

/* ---- refused while it is closing ------------------------------------------------------------- */

struct refusal {
    struct group_scene s; /* first: its record is the context's */
    tp_io_t *other;
    tpp_u32 itself, others, complete;
};

static tp_status_t start_until_refused(tp_io_t *io)
{
    tp_status_t status;
    while ((status = tp_io_start(io)) == TP_OK) {
        stage_expect_eq(tp_io_cancel(io), TP_OK);
        stage_pass(1000);
    }
    return status;
}

static void try_to_start(tp_callback_instance_t *instance, void *context, void *operation,
                         int32_t error, uint64_t bytes, tp_io_t *io)
{
    struct refusal *r = context;
    struct act late = {.runs = {{0}}};
    (void)instance;
    flow_begins(&r->s.flow, io);
    tpp_store_release(&r->itself, (uint32_t)-start_until_refused(io));
    tpp_store_release(&r->others, (uint32_t)-start_until_refused(r->other));
    tpp_store_release(&r->complete, (uint32_t)-tp_io_complete(io, &late, 0, 0));
    act_note(operation, error, bytes);
    calls_leave(&r->s.flow.calls);
}

STAGE_TEST(io_group__start_is_refused_while_it_is_closing)
{
    struct refusal r;
    struct act act = {.runs = {{0}}};
    int fds[2];
    open_wires(fds, 2);
    group_begin(&r.s, 2);
    tp_io_t *io = member(&r.s, fds[0], try_to_start);
    r.other = member(&r.s, fds[1], note);
    announce_and_complete(io, &act);
    stage_await(&r.s.flow.started, 1);
    home_close_members(&r.s.home, false);
    tpp_store_release(&r.s.flow.over, 1);
    stage_expect_eq(tpp_load_acquire(&r.itself), (uint32_t)-TP_ERR_CLOSED);
    uint32_t others = tpp_load_acquire(&r.others); /* it may be closed by now */
    stage_expect(others == (uint32_t)-TP_ERR_CLOSED || others == (uint32_t)-TP_ERR_HANDLE);
    stage_expect_eq(tpp_load_acquire(&r.complete), (uint32_t)-TP_ERR_STATE);
    home_end(&r.s.home);
    stage_expect_eq(stage_value(&r.s.flow.runs), 1);
    close_wires(fds, 2);
}

/* ---- meanwhile ------------------------------------------------------------------------------- */

enum { MADE = 100 };

struct making {
    struct group_scene s;
    bool cancel;
    int fds[MADE];
    struct act acts[MADE];
};

/* C-185: what was made while the group is being closed is a member to the end, or closed by
 * somebody meanwhile. If it could be announced it can be completed, unless that is dropped. */
static void maker(void *context)
{
    struct making *m = context;
    for (int i = 0; i < stage_times(MADE, 3); i++) {
        tp_io_t *io = member(&m->s, m->fds[i], note);
        tp_status_t status = tp_io_start(io);
        stage_expect(status == TP_OK || status == TP_ERR_HANDLE || status == TP_ERR_CLOSED);
        tp_status_t second = tp_io_complete(io, &m->acts[i], 0, 1);
        if (status == TP_OK && !m->cancel)
            stage_expect_eq(second, TP_OK);
        stage_expect(second == TP_OK || second == TP_ERR_HANDLE || second == TP_ERR_STATE);
        stage_expect(status == TP_OK || second != TP_OK);
        stage_add(&m->s.flow.told, second == TP_OK);
    }
}

static void made_meanwhile(bool cancel)
{
    static struct making m;
    m = (struct making){.cancel = cancel};
    open_wires(m.fds, stage_times(MADE, 3));
    group_begin(&m.s, 2);
    stage_thread_t thread = stage_start(maker, &m);
    for (int i = 0; i < stage_times(50, 2); i++)
        home_close_members(&m.s.home, cancel);
    stage_join(thread);
    home_close_members(&m.s.home, cancel);
    if (!cancel)
        stage_expect_eq(stage_value(&m.s.flow.runs), stage_value(&m.s.flow.told));
    stage_expect_eq(stage_value(&m.s.flow.cancelled), cancel ? stage_times(MADE, 3) : 0);
    stage_expect_eq(stage_value(&m.s.flow.released), stage_times(MADE, 3));
    expect_balance(m.s.pool);
    home_end(&m.s.home);
    close_wires(m.fds, stage_times(MADE, 3));
}

STAGE_TEST(io_group__c185_objects_made_meanwhile_are_closed_or_usable)
{
    made_meanwhile(false);
}

STAGE_TEST(io_group__c185_objects_made_meanwhile_are_cancelled_or_usable)
{
    made_meanwhile(true);
}

/* Announces and completes the next as long as it may. */
static void note_for_ever(tp_callback_instance_t *instance, void *context, void *operation,
                          int32_t error, uint64_t bytes, tp_io_t *io)
{
    struct flow *flow = context;
    (void)instance;
    (void)error;
    (void)bytes;
    flow_begins(flow, io);
    if (stage_in_simulator)
        stage_pass(100000);
    tp_status_t status = tp_io_start(io);
    stage_expect(status == TP_OK || status == TP_ERR_CLOSED);
    if (status == TP_OK) {
        status = tp_io_complete(io, operation, 0, 1);
        stage_expect(status == TP_OK || status == TP_ERR_STATE); /* dropped meanwhile */
    }
    calls_leave(&flow->calls);
}

/* C-188: callbacks all the time, and none after the close has returned. */
STAGE_TEST(io_group__c188_no_callback_starts_after_close_members)
{
    for (int i = 0; i < stage_times(20, 1); i++) {
        struct group_scene s;
        int fds[4];
        open_wires(fds, 4);
        group_begin(&s, 2);
        for (int k = 0; k < stage_times(4, 2); k++) {
            tp_io_t *io = member(&s, fds[k], note_for_ever);
            start_io(io);
            complete_io(io, NULL, 0, 1);
        }
        stage_await(&s.flow.runs, 5);
        home_close_members(&s.home, i % 2 || stage_in_simulator);
        tpp_store_release(&s.flow.over, 1);
        stage_expect_eq(stage_value(&s.flow.released), stage_times(4, 2));
        stage_pass(100000);
        expect_balance(s.pool);
        home_end(&s.home);
        close_wires(fds, 4);
    }
}

#define TIMED(name) STAGE_CASE_X(name, .no_early = true)

IO_MAIN(STAGE_CASE(io_group__c167_cancel_behind_a_gate_tells_one_of_each_kind_and_runs_none),
        STAGE_CASE(io_group__c167_cancel_tells_each_object_whatever_its_state),
        TIMED(io_group__c180_close_waits_for_the_callback_of_what_is_announced),
        TIMED(io_group__r32_c180_close_waits_until_the_last_announcement_is_taken_back),
        STAGE_CASE(io_group__c180_cancelling_close_takes_announcements_back),
        STAGE_CASE(io_group__c165_without_cancel_what_is_queued_runs),
        TIMED(io_group__c170_cancelling_close_waits_for_the_running_callback),
        TIMED(io_group__c181_disassociated_callback_is_waited_for_by_the_group_only),
        STAGE_CASE(io_group__c176_callback_that_closes_its_object_spares_it_the_cancel),
        STAGE_CASE(io_group__c175_member_closed_on_its_own),
        STAGE_CASE(io_group__is_busy_while_an_object_is_a_member),
        STAGE_CASE(io_group__c205_closing_it_from_a_member_is_a_deadlock),
        STAGE_CASE(io_group__c183_closes_many_members_of_two_pools),
        TIMED(io_group__start_is_refused_while_it_is_closing),
        STAGE_CASE(io_group__c185_objects_made_meanwhile_are_closed_or_usable),
        STAGE_CASE(io_group__c185_objects_made_meanwhile_are_cancelled_or_usable),
        TIMED(io_group__c188_no_callback_starts_after_close_members))
