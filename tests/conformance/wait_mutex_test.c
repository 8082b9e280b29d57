/* wait_mutex_test.c - waits for mutexes: who owns them, when, and what becomes of those held. */
#include "tests/conformance/wait_scene.h"

/* What the callback of a wait on a mutex does with it. */
enum deed { RELEASE, RELEASE_ON_RETURN, KEEP };

struct owner {
    struct hits hits;
    stage_counter_t taken, go;
    tpp_u32 deed;
    tp_mutex_t *mutex;
    tp_wait_t *wait;
    tp_pool_t *pool;
    tp_env_t *env;
    int plain; /* not atomic: the mutex keeps the others out */
};

static void own(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                tp_wait_result_t result)
{
    struct owner *owner = context;
    uint32_t deed = tpp_load_acquire(&owner->deed);
    (void)wait;
    hit_begins(instance, &owner->hits, result);
    /* The thread owns it: it may take it again, and owes one release more for that. */
    stage_expect_eq(take(tp_waitable_mutex(owner->mutex)), TP_WAIT_SIGNALED);
    stage_expect_eq(tp_mutex_release(owner->mutex), TP_OK);
    owner->plain++;
    if (deed == RELEASE) {
        stage_expect_eq(tp_mutex_release(owner->mutex), TP_OK);
        stage_expect_eq(tp_mutex_release(owner->mutex), TP_ERR_NOT_OWNER);
    }
    if (deed == RELEASE_ON_RETURN)
        stage_expect_eq(tp_callback_release_mutex_on_return(instance, owner->mutex), TP_OK);
    hit_ends(&owner->hits);
}

static void owner_prepare(struct owner *o, tp_pool_t *pool, bool owned)
{
    *o = (struct owner){.mutex = make_mutex(owned), .pool = pool, .env = scene_env(pool)};
}

static void owner_make(struct owner *o, tp_wait_fn callback, enum deed deed)
{
    tpp_store_release(&o->deed, deed);
    o->wait = make_wait(callback, o, o->env);
}

static void owner_begin(struct owner *o, bool owned, enum deed deed)
{
    owner_prepare(o, stage_pool(2, 2), owned);
    owner_make(o, own, deed);
}

/* The pool is not closed: it is a gate's. The first of the struct is the record. */
static void owner_end_gated(struct owner *o)
{
    if (o->wait)
        finish_wait(o->wait);
    stage_await(&o->hits.released, 1);
    stage_expect_eq(tp_mutex_close(o->mutex), TP_OK);
    stage_expect_eq(tp_env_destroy(o->env), TP_OK);
}

static void owner_end(struct owner *o)
{
    owner_end_gated(o);
    stage_expect_eq(tp_pool_close(o->pool), TP_OK);
}

static bool arm_owner(struct owner *o)
{
    return arm(o->wait, tp_waitable_mutex(o->mutex));
}

static void settle(struct owner *o, uint32_t runs)
{
    stage_await(&o->hits.runs, runs);
    stage_expect_eq(tp_wait_wait(o->wait, false, TP_INFINITE), TP_OK);
    stage_expect_eq(stage_value(&o->hits.runs), runs);
}

/* It is nobody's, and was abandoned by nobody. */
static void expect_free(tp_mutex_t *mutex)
{
    stage_expect_eq(take(tp_waitable_mutex(mutex)), TP_WAIT_SIGNALED);
    stage_expect_eq(tp_mutex_release(mutex), TP_OK);
    stage_expect_eq(tp_mutex_release(mutex), TP_ERR_NOT_OWNER);
}

/* It was abandoned, which the next owner is told, and nobody after. */
static void expect_abandoned(tp_mutex_t *mutex)
{
    stage_expect_eq(take(tp_waitable_mutex(mutex)), TP_WAIT_ABANDONED);
    stage_expect_eq(tp_mutex_release(mutex), TP_OK);
    expect_free(mutex);
}

static void expect_taken(tp_mutex_t *mutex)
{
    stage_expect_eq(take(tp_waitable_mutex(mutex)), TP_WAIT_TIMEOUT);
    stage_expect_eq(tp_mutex_release(mutex), TP_ERR_NOT_OWNER);
}

/* ---- the callback owns it -------------------------------------------------------------------- */

STAGE_TEST(wait_mutex__c137_free_mutex_fires_at_once_and_the_callback_owns_it)
{
    struct owner o;
    owner_begin(&o, false, RELEASE);
    for (uint32_t i = 1; i <= 3; i++) {
        stage_expect(!arm_owner(&o));
        settle(&o, i);
        expect_free(o.mutex);
    }
    owner_end(&o);
    stage_expect_eq(stage_value(&o.hits.signaled), 3);
}

/* Not while it is owned, be it by the thread that armed; and not before the last release. */
STAGE_TEST(wait_mutex__c137_fires_when_the_owner_has_released_it)
{
    struct owner o;
    owner_begin(&o, true, RELEASE);
    stage_expect_eq(take(tp_waitable_mutex(o.mutex)), TP_WAIT_SIGNALED); /* twice */
    stage_expect(!arm_owner(&o));
    linger();
    stage_expect_eq(stage_value(&o.hits.runs), 0);
    stage_expect_eq(tp_mutex_release(o.mutex), TP_OK);
    linger();
    stage_expect_eq(stage_value(&o.hits.runs), 0);
    stage_expect_eq(stage_stats(o.pool).waits_armed, 1);
    stage_expect_eq(tp_mutex_release(o.mutex), TP_OK);
    stage_expect_eq(tp_mutex_release(o.mutex), TP_ERR_NOT_OWNER); /* it is the wait's now */
    settle(&o, 1);
    expect_free(o.mutex);
    owner_end(&o);
    stage_expect_eq(stage_value(&o.hits.signaled), 1);
}

STAGE_TEST(wait_mutex__c137_release_on_return_is_after_not_during_the_callback)
{
    struct owner o;
    owner_begin(&o, false, RELEASE_ON_RETURN);
    for (uint32_t i = 1; i <= 2; i++) {
        stage_expect(!arm_owner(&o));
        settle(&o, i);
        expect_free(o.mutex); /* before the wait for the callback returned */
    }
    owner_end(&o);
    stage_expect_eq(stage_value(&o.hits.signaled), 2);
    stage_expect_eq(stage_misuses(), 2); /* those of expect_free */
}

/* It times out like another, and the owner keeps it. */
STAGE_TEST(wait_mutex__timeout_takes_nothing)
{
    struct owner o;
    struct hits hits = {0};
    owner_begin(&o, true, RELEASE);
    tp_wait_t *wait = make_wait(hit, &hits, o.env);
    int64_t due = stage_now() + 5 * STAGE_MS;
    stage_expect(!arm_for(wait, tp_waitable_mutex(o.mutex), 5 * STAGE_MS));
    stage_await(&hits.runs, 1);
    expect_at(hit_at(&hits, 0), due);
    stage_expect(!arm_for(wait, tp_waitable_mutex(o.mutex), 0));
    stage_await(&hits.runs, 2);
    stage_expect_eq(stage_value(&hits.timed_out), 2);
    stage_expect_eq(tp_mutex_release(o.mutex), TP_OK);
    expect_free(o.mutex);
    finish_wait(wait);
    owner_end(&o);
    stage_await(&hits.released, 1);
}

STAGE_TEST(wait_mutex__disarmed_or_closed_takes_nothing)
{
    struct owner o;
    owner_begin(&o, true, KEEP);
    tpp_store_release(&o.hits.over, 1);
    stage_expect(!arm_owner(&o));
    stage_expect(disarm(o.wait));
    stage_expect(!arm_owner(&o));
    stage_expect_eq(tp_wait_close(o.wait), TP_OK);
    stage_expect_eq(tp_mutex_release(o.mutex), TP_OK);
    expect_free(o.mutex);
    o.wait = NULL;
    owner_end(&o);
    stage_expect_eq(stage_value(&o.hits.runs), 0);
}

static void own_again(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                      tp_wait_result_t result)
{
    struct owner *owner = context;
    uint32_t left = tpp_load_acquire(&owner->hits.left);
    if (left > 0) {
        tpp_store_release(&owner->hits.left, left - 1);
        stage_expect(!arm(wait, tp_waitable_mutex(owner->mutex))); /* while it is its own */
    }
    own(instance, context, wait, result);
}

/* Armed again by the callback that owns it, it fires when that has given it back. */
STAGE_TEST(wait_mutex__c137_set_again_from_the_callback_that_owns_it)
{
    struct owner o;
    uint32_t times = (uint32_t)stage_times(500, 4);
    owner_prepare(&o, stage_pool(2, 2), false);
    tpp_store_release(&o.hits.left, times);
    owner_make(&o, own_again, RELEASE_ON_RETURN);
    stage_expect(!arm_owner(&o));
    settle(&o, times + 1);
    stage_expect_eq(stage_most(&o.hits.peak), 1);
    stage_expect_eq(o.plain, times + 1);
    stage_expect_eq(stage_stats(o.pool).waits_armed, 0);
    expect_free(o.mutex);
    owner_end(&o);
    stage_expect_eq(stage_value(&o.hits.signaled), times + 1);
}

/* ---- threads and waits ----------------------------------------------------------------------- */

static void take_turns(void *context)
{
    struct owner *owner = context;
    for (int i = 0; i < stage_times(500, 3); i++) {
        stage_expect_eq(take_for(tp_waitable_mutex(owner->mutex), TP_INFINITE), TP_WAIT_SIGNALED);
        owner->plain++;
        stage_expect_eq(tp_mutex_release(owner->mutex), TP_OK);
    }
}

STAGE_TEST(wait_mutex__c137_keeps_threads_and_callbacks_apart)
{
    struct owner o;
    uint32_t times = (uint32_t)stage_times(500, 3);
    owner_prepare(&o, stage_pool(2, 2), false);
    tpp_store_release(&o.hits.left, times);
    owner_make(&o, own_again, RELEASE);
    stage_expect(!arm_owner(&o));
    stage_thread_t thread = stage_start(take_turns, &o);
    take_turns(&o);
    stage_join(thread);
    settle(&o, times + 1);
    stage_expect_eq(o.plain, 3 * times + 1);
    expect_free(o.mutex);
    owner_end(&o);
    stage_expect_eq(stage_value(&o.hits.signaled), times + 1);
}

/* Two waits on one mutex: one after the other, in the order they came. */
STAGE_TEST(wait_mutex__c137_two_waits_own_it_one_after_the_other)
{
    struct owner o;
    struct hits hits = {0};
    owner_begin(&o, true, KEEP);
    tp_wait_t *second = make_wait(hit, &hits, o.env);
    stage_expect(!arm_owner(&o));
    stage_expect(!arm(second, tp_waitable_mutex(o.mutex)));
    stage_expect_eq(tp_mutex_release(o.mutex), TP_OK);
    stage_await(&hits.runs, 1);
    stage_expect_eq(stage_value(&o.hits.signaled), 1);
    stage_expect_eq(stage_value(&hits.abandoned), 1); /* the first kept it */
    finish_wait(second);
    expect_abandoned(o.mutex); /* and so did the second */
    owner_end(&o);
    stage_await(&hits.released, 1);
}

/* ---- abandoned ------------------------------------------------------------------------------- */

static void take_and_end(void *context)
{
    struct owner *owner = context;
    stage_expect_eq(take_for(tp_waitable_mutex(owner->mutex), TP_INFINITE), TP_WAIT_SIGNALED);
    stage_add(&owner->taken, 1);
    stage_await(&owner->go, 1);
}

/* Armed before the owner's end. */
STAGE_TEST(wait_mutex__c137_end_of_the_owner_thread_fires_abandoned)
{
    struct owner o;
    owner_begin(&o, false, RELEASE);
    stage_thread_t thread = stage_start(take_and_end, &o);
    stage_await(&o.taken, 1);
    stage_expect(!arm_owner(&o));
    linger();
    stage_expect_eq(stage_value(&o.hits.runs), 0);
    stage_add(&o.go, 1);
    settle(&o, 1);
    stage_join(thread);
    stage_expect_eq(stage_value(&o.hits.abandoned), 1);
    stage_expect(!arm_owner(&o)); /* only the next owner is told */
    settle(&o, 2);
    stage_expect_eq(stage_value(&o.hits.signaled), 1);
    expect_free(o.mutex);
    owner_end(&o);
}

STAGE_TEST(wait_mutex__c137_abandoned_before_it_is_armed)
{
    struct owner o;
    struct hits hits = {0};
    owner_begin(&o, false, RELEASE);
    tp_wait_t *wait = make_wait(hit, &hits, o.env);
    stage_add(&o.go, 1);
    stage_join(stage_start(take_and_end, &o));
    stage_expect(!arm_for(wait, tp_waitable_mutex(o.mutex), 0)); /* takes nothing: it stays so */
    finish_wait(wait);
    stage_expect_eq(stage_value(&hits.timed_out), 1);
    stage_expect(!arm_owner(&o));
    settle(&o, 1);
    stage_expect_eq(stage_value(&o.hits.abandoned), 1);
    expect_free(o.mutex);
    owner_end(&o);
    stage_await(&hits.released, 1);
}

/* A callback that returns and owns it yet has abandoned it there and then. */
STAGE_TEST(wait_mutex__c137_held_at_return_is_abandoned_there_and_then)
{
    struct owner o;
    owner_begin(&o, false, KEEP);
    stage_expect(!arm_owner(&o));
    settle(&o, 1);
    expect_abandoned(o.mutex);
    stage_expect(!arm_owner(&o));
    settle(&o, 2);
    tpp_store_release(&o.deed, RELEASE);
    stage_expect(!arm_owner(&o));
    settle(&o, 3);
    stage_expect_eq(stage_value(&o.hits.signaled), 2);
    stage_expect_eq(stage_value(&o.hits.abandoned), 1);
    expect_free(o.mutex);
    owner_end(&o);
}

/* Taken again in the callback and not released as often: abandoned as well. */
static void own_thrice(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                       tp_wait_result_t result)
{
    struct owner *owner = context;
    for (int i = 0; i < 2; i++)
        stage_expect_eq(take(tp_waitable_mutex(owner->mutex)), TP_WAIT_SIGNALED);
    own(instance, context, wait, result);
}

STAGE_TEST(wait_mutex__c137_released_too_few_times_is_abandoned)
{
    struct owner o;
    owner_prepare(&o, stage_pool(1, 1), false);
    owner_make(&o, own_thrice, RELEASE_ON_RETURN);
    stage_expect(!arm_owner(&o));
    settle(&o, 1);
    expect_abandoned(o.mutex);
    owner_end(&o);
}

/* What another callback of the thread took by itself is not given up by this one's return. */
struct both {
    struct owner o; /* first: it is the context */
    tp_mutex_t *other;
};

static void take_other_too(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                           tp_wait_result_t result)
{
    struct both *both = context;
    if (stage_value(&both->o.hits.runs) == 0)
        stage_expect_eq(take(tp_waitable_mutex(both->other)), TP_WAIT_SIGNALED);
    else
        stage_expect_eq(tp_mutex_release(both->other), TP_OK);
    own(instance, context, wait, result);
}

STAGE_TEST(wait_mutex__a_mutex_that_the_callback_took_itself_stays_its_threads)
{
    struct both both = {.other = make_mutex(false)};
    owner_prepare(&both.o, stage_pool(1, 1), false); /* one thread runs both callbacks */
    owner_make(&both.o, take_other_too, RELEASE);
    stage_expect(!arm_owner(&both.o));
    settle(&both.o, 1);
    expect_taken(both.other);
    stage_expect(!arm_owner(&both.o));
    settle(&both.o, 2);
    expect_free(both.other);
    stage_expect_eq(tp_mutex_close(both.other), TP_OK);
    owner_end(&both.o);
}

/* ---- granted, and not yet run ---------------------------------------------------------------- */

struct gated {
    struct stage_gate gate;
    struct owner o;
};

/* With a wait that has been granted the mutex and is queued behind the gate. */
static void gated_begin(struct gated *g, enum deed deed)
{
    stage_gate_init(&g->gate, NULL);
    owner_prepare(&g->o, g->gate.pool, false);
    owner_make(&g->o, own, deed);
}

static void grant(struct gated *g)
{
    stage_expect(!arm_owner(&g->o));
    stage_expect_eq(stage_stats(g->gate.pool).pending[1], 1);
    expect_taken(g->o.mutex);
}

static void gated_end(struct gated *g)
{
    if (stage_value(&g->gate.opened) == 0)
        stage_gate_open(&g->gate);
    owner_end_gated(&g->o);
    stage_gate_fini(&g->gate);
}

/* Between the grant and the callback it is nobody's that could release it. */
STAGE_TEST(wait_mutex__granted_it_is_taken_until_the_callback_has_run)
{
    struct gated g;
    gated_begin(&g, RELEASE);
    grant(&g);
    stage_expect_eq(take_for(tp_waitable_mutex(g.o.mutex), 2 * STAGE_MS), TP_WAIT_TIMEOUT);
    stage_expect(!disarm(g.o.wait));
    expect_taken(g.o.mutex);
    stage_gate_open(&g.gate);
    settle(&g.o, 1);
    expect_free(g.o.mutex);
    gated_end(&g);
}

STAGE_TEST(wait_mutex__set_on_a_mutex_while_one_is_granted_is_busy)
{
    struct gated g;
    tp_mutex_t *other = make_mutex(false);
    tp_event_t *event = make_event(false, false);
    gated_begin(&g, RELEASE);
    grant(&g);
    stage_expect_eq(refused(g.o.wait, tp_waitable_mutex(g.o.mutex)), TP_ERR_BUSY);
    stage_expect_eq(refused(g.o.wait, tp_waitable_mutex(other)), TP_ERR_BUSY);
    stage_expect(!arm(g.o.wait, tp_waitable_event(event))); /* other things may be waited for */
    stage_expect_eq(refused(g.o.wait, tp_waitable_mutex(other)), TP_ERR_BUSY);
    stage_expect_eq(stage_stats(g.gate.pool).waits_armed, 1); /* as it was: on the event */
    expect_free(other);
    stage_expect(disarm(g.o.wait));
    stage_gate_open(&g.gate);
    settle(&g.o, 1);
    stage_expect(!arm_owner(&g.o));
    settle(&g.o, 2);
    gated_end(&g);
    stage_expect_eq(stage_value(&g.o.hits.signaled), 2);
    stage_expect_eq(tp_mutex_close(other) | tp_event_close(event), TP_OK);
}

/* C-137: a post that is dropped gives it back, free for whoever comes. */
STAGE_TEST(wait_mutex__c137_cancel_gives_it_back)
{
    struct gated g;
    gated_begin(&g, RELEASE);
    for (uint32_t i = 1; i <= 2; i++) {
        grant(&g);
        stage_expect_eq(tp_wait_wait(g.o.wait, true, TP_INFINITE), TP_OK);
        stage_expect_eq(stage_stats(g.gate.pool).cancelled, i);
        expect_free(g.o.mutex);
    }
    grant(&g); /* it is not busy either */
    stage_gate_open(&g.gate);
    settle(&g.o, 1);
    gated_end(&g);
}

STAGE_TEST(wait_mutex__c137_cancel_gives_it_back_abandoned_as_it_was)
{
    struct gated g;
    gated_begin(&g, RELEASE);
    stage_add(&g.o.go, 1);
    stage_join(stage_start(take_and_end, &g.o));
    grant(&g);
    stage_expect_eq(tp_wait_wait(g.o.wait, true, TP_INFINITE), TP_OK);
    expect_abandoned(g.o.mutex);
    gated_end(&g);
    stage_expect_eq(stage_value(&g.o.hits.runs), 0);
}

static void take_and_tell(void *context)
{
    struct owner *owner = context;
    stage_add(&owner->go, 1);
    stage_expect_eq(take_for(tp_waitable_mutex(owner->mutex), TP_INFINITE), TP_WAIT_SIGNALED);
    stage_add(&owner->taken, 1);
    stage_expect_eq(tp_mutex_release(owner->mutex), TP_OK);
}

/* Given back, it goes to who waits: here a thread, then a wait of another pool. */
STAGE_TEST(wait_mutex__c137_cancel_gives_it_to_the_next_in_line)
{
    struct gated g;
    struct wait_scene other;
    gated_begin(&g, RELEASE);
    grant(&g);
    stage_thread_t thread = stage_start(take_and_tell, &g.o);
    stage_await(&g.o.go, 1);
    stage_rest();
    stage_expect_eq(stage_value(&g.o.taken), 0);
    stage_expect_eq(tp_wait_wait(g.o.wait, true, TP_INFINITE), TP_OK);
    stage_await(&g.o.taken, 1);
    stage_join(thread);
    scene_begin(&other, 1, hit);
    grant(&g);
    stage_expect(!arm(other.wait, tp_waitable_mutex(g.o.mutex)));
    stage_expect_eq(tp_wait_wait(g.o.wait, true, TP_INFINITE), TP_OK);
    stage_await(&other.hits.runs, 1);
    stage_expect_eq(stage_value(&other.hits.signaled), 1);
    scene_end(&other);
    expect_abandoned(g.o.mutex); /* that callback did not release it */
    gated_end(&g);
    stage_expect_eq(stage_value(&g.o.hits.runs), 0);
}

/* Closed between grant and callback: that runs, and what it does to the mutex is refused. */
static void find_it_closed(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                           tp_wait_result_t result)
{
    struct owner *owner = context;
    (void)wait;
    hit_begins(instance, &owner->hits, result);
    stage_expect_eq(tp_mutex_release(owner->mutex), TP_ERR_HANDLE);
    stage_expect_eq(tp_callback_release_mutex_on_return(instance, owner->mutex), TP_ERR_HANDLE);
    hit_ends(&owner->hits);
}

STAGE_TEST(wait_mutex__closed_while_it_is_granted)
{
    struct gated g;
    stage_gate_init(&g.gate, NULL);
    owner_prepare(&g.o, g.gate.pool, false);
    g.o.wait = make_wait(find_it_closed, &g.o, g.o.env);
    for (uint32_t i = 1; i <= 2; i++) {
        grant(&g);
        stage_expect_eq(tp_mutex_close(g.o.mutex), TP_OK);
        if (i == 2) /* dropped instead: nothing to give back */
            stage_expect_eq(tp_wait_wait(g.o.wait, true, TP_INFINITE), TP_OK);
        tp_mutex_t *next = make_mutex(false); /* perhaps in the same place */
        stage_gate_open(&g.gate);
        settle(&g.o, 1);
        expect_free(next);
        g.o.mutex = next;
        if (i == 1)
            stage_gate_shut(&g.gate);
    }
    gated_end(&g);
    stage_expect_eq(stage_value(&g.o.hits.signaled), 1);
}

static void own_and_close(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                          tp_wait_result_t result)
{
    struct owner *owner = context;
    (void)wait;
    hit_begins(instance, &owner->hits, result);
    stage_expect_eq(tp_callback_release_mutex_on_return(instance, owner->mutex), TP_OK);
    stage_expect_eq(tp_mutex_close(owner->mutex), TP_OK);
    owner->mutex = make_mutex(false); /* perhaps in the same place */
    hit_ends(&owner->hits);
}

STAGE_TEST(wait_mutex__closed_by_the_callback_that_owns_it)
{
    struct owner o;
    owner_prepare(&o, stage_pool(1, 1), false);
    o.wait = make_wait(own_and_close, &o, o.env);
    stage_expect(!arm_owner(&o));
    settle(&o, 1);
    stage_expect_eq(stage_misuses(), 1); /* the release on return found it closed */
    expect_free(o.mutex);
    owner_end(&o);
}

STAGE_TEST(wait_mutex__wait_closed_while_the_mutex_is_granted_still_runs)
{
    struct gated g;
    gated_begin(&g, RELEASE);
    grant(&g);
    stage_expect_eq(tp_wait_close(g.o.wait), TP_OK);
    g.o.wait = NULL;
    expect_taken(g.o.mutex);
    stage_gate_open(&g.gate);
    stage_await(&g.o.hits.released, 1);
    expect_free(g.o.mutex);
    gated_end(&g);
    stage_expect_eq(stage_value(&g.o.hits.signaled), 1);
}

/* ---- groups and pools give it back too ------------------------------------------------------- */

STAGE_TEST(wait_mutex__c137_group_cancel_gives_it_back)
{
    struct gated g;
    tp_cleanup_group_t *group;
    stage_gate_init(&g.gate, NULL);
    owner_prepare(&g.o, g.gate.pool, false);
    stage_expect_eq(tp_cleanup_group_create(&group), TP_OK);
    stage_expect_eq(tp_env_set_cleanup_group(g.o.env, group, count_cancel), TP_OK);
    g.o.wait = make_wait(own, &g.o, g.o.env);
    grant(&g);
    stage_expect_eq(tp_cleanup_group_close_members(group, true, NULL), TP_OK);
    stage_expect_eq(stage_value(&g.o.hits.cancelled), 1);
    expect_free(g.o.mutex);
    g.o.wait = NULL;
    stage_expect_eq(tp_cleanup_group_close(group), TP_OK);
    gated_end(&g);
    stage_expect_eq(stage_value(&g.o.hits.runs), 0);
}

STAGE_TEST(wait_mutex__c137_shutdown_with_cancel_gives_it_back)
{
    struct gated g;
    gated_begin(&g, RELEASE);
    grant(&g);
    stage_expect_eq(tp_pool_shutdown(g.gate.pool, true, 0), TP_ERR_TIMEOUT);
    expect_free(g.o.mutex);
    stage_gate_open(&g.gate);
    stage_expect_eq(tp_pool_shutdown(g.gate.pool, true, TP_INFINITE), TP_OK);
    stage_expect_eq(stage_value(&g.o.hits.runs), 0);
    stage_expect_eq(tp_wait_close(g.o.wait) | tp_work_close(g.gate.blocker), TP_OK);
    g.o.wait = NULL;
    owner_end_gated(&g.o);
}

/* ---- several threads ------------------------------------------------------------------------- */

struct canceller {
    struct owner *o;
    uint32_t rounds;
};

static void cancel_again_and_again(void *context)
{
    struct canceller *canceller = context;
    for (uint32_t i = 0; i < canceller->rounds; i++) {
        stage_expect_eq(tp_wait_wait(canceller->o->wait, true, TP_INFINITE), TP_OK);
        dawdle();
    }
}

/* Cancelled or run, it is never lost: in the end it is free, and was never two's. */
STAGE_TEST(wait_mutex__c137_cancel_against_the_callback)
{
    struct owner o;
    struct canceller canceller = {&o, (uint32_t)stage_times(1000, 4)};
    owner_begin(&o, false, RELEASE);
    stage_thread_t thread = stage_start(cancel_again_and_again, &canceller);
    for (int i = 0; i < stage_times(1000, 4); i++) {
        tp_wait_spec_t spec = spec_of(tp_waitable_mutex(o.mutex), TP_CLOCK_RELATIVE, TP_INFINITE);
        tp_status_t status = tp_wait_set(o.wait, &spec, NULL);
        stage_expect(status == TP_OK || status == TP_ERR_BUSY);
        dawdle();
        stage_expect_eq(take_for(tp_waitable_mutex(o.mutex), TP_INFINITE), TP_WAIT_SIGNALED);
        o.plain++;
        stage_expect_eq(tp_mutex_release(o.mutex), TP_OK);
    }
    stage_join(thread);
    stage_expect_eq(tp_wait_wait(o.wait, false, TP_INFINITE), TP_OK);
    stage_expect_eq(o.plain, stage_times(1000, 4) + (int)stage_value(&o.hits.runs));
    stage_expect_eq(stage_value(&o.hits.signaled), stage_value(&o.hits.runs));
    owner_end(&o);
}

/* A callback of another object that waits for it may run it: its thread is the owner then. */
static void wait_for_owner(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct owner *owner = context;
    (void)instance;
    (void)work;
    stage_expect(!arm_owner(owner));
    stage_expect_eq(tp_wait_wait(owner->wait, false, TP_INFINITE), TP_OK);
    stage_expect_eq(stage_value(&owner->hits.runs), 1);
    expect_free(owner->mutex);
}

STAGE_TEST(wait_mutex__a_thread_that_helps_owns_it_for_the_callback)
{
    struct owner o;
    owner_prepare(&o, stage_pool(0, 1), false);
    owner_make(&o, own, RELEASE);
    stage_expect_eq(tp_env_set_context_release(o.env, NULL), TP_OK);
    tp_work_t *work = stage_work(wait_for_owner, &o, o.env);
    stage_expect_eq(tp_work_submit(work), TP_OK);
    stage_finish(work);
    owner_end(&o);
    stage_expect_eq(stage_value(&o.hits.signaled), 1);
}

/* ---- every result ---------------------------------------------------------------------------- */

/* C-138: 0, 0x80 for mutexes, 0x102, and nothing else: each as often as it was due. */
STAGE_TEST(wait_mutex__c138_only_the_known_results_are_delivered)
{
    struct owner o;
    tp_event_t *event = make_event(true, true);
    uint32_t rounds = (uint32_t)stage_times(50, 2);
    stage_expect_eq(TP_WAIT_SIGNALED, 0);
    stage_expect_eq(TP_WAIT_ABANDONED, 0x80);
    stage_expect_eq(TP_WAIT_TIMEOUT, 0x102);
    owner_prepare(&o, stage_pool(2, 2), false);
    o.wait = make_wait(hit, &o.hits, o.env); /* which keeps every mutex it gets */
    for (uint32_t i = 0; i < rounds; i++) {
        stage_expect(!arm(o.wait, tp_waitable_event(event)));
        settle(&o, 5 * i + 1);
        stage_expect(!arm_for(o.wait, tp_waitable_never(), 1000));
        settle(&o, 5 * i + 2);
        stage_expect(!arm_owner(&o)); /* free */
        settle(&o, 5 * i + 3);
        stage_expect(!arm_owner(&o)); /* abandoned by the last callback */
        settle(&o, 5 * i + 4);
        stage_expect(!arm_for(o.wait, tp_waitable_mutex(o.mutex), 0)); /* abandoned, and left so */
        settle(&o, 5 * i + 5);
        expect_abandoned(o.mutex);
    }
    stage_expect_eq(stage_value(&o.hits.signaled), 2 * rounds);
    stage_expect_eq(stage_value(&o.hits.abandoned), rounds);
    stage_expect_eq(stage_value(&o.hits.timed_out), 2 * rounds);
    owner_end(&o);
    stage_expect_eq(tp_event_close(event), TP_OK);
}

#define TIMED(name) STAGE_CASE_X(name, .no_early = true)

STAGE_MAIN(STAGE_CASE(wait_mutex__c137_free_mutex_fires_at_once_and_the_callback_owns_it),
           STAGE_CASE(wait_mutex__c137_fires_when_the_owner_has_released_it),
           STAGE_CASE(wait_mutex__c137_release_on_return_is_after_not_during_the_callback),
           TIMED(wait_mutex__timeout_takes_nothing),
           STAGE_CASE(wait_mutex__disarmed_or_closed_takes_nothing),
           STAGE_CASE(wait_mutex__c137_set_again_from_the_callback_that_owns_it),
           STAGE_CASE(wait_mutex__c137_keeps_threads_and_callbacks_apart),
           STAGE_CASE(wait_mutex__c137_two_waits_own_it_one_after_the_other),
           STAGE_CASE(wait_mutex__c137_end_of_the_owner_thread_fires_abandoned),
           STAGE_CASE(wait_mutex__c137_abandoned_before_it_is_armed),
           STAGE_CASE(wait_mutex__c137_held_at_return_is_abandoned_there_and_then),
           STAGE_CASE(wait_mutex__c137_released_too_few_times_is_abandoned),
           STAGE_CASE(wait_mutex__a_mutex_that_the_callback_took_itself_stays_its_threads),
           STAGE_CASE(wait_mutex__granted_it_is_taken_until_the_callback_has_run),
           STAGE_CASE(wait_mutex__set_on_a_mutex_while_one_is_granted_is_busy),
           STAGE_CASE(wait_mutex__c137_cancel_gives_it_back),
           STAGE_CASE(wait_mutex__c137_cancel_gives_it_back_abandoned_as_it_was),
           STAGE_CASE(wait_mutex__c137_cancel_gives_it_to_the_next_in_line),
           STAGE_CASE(wait_mutex__closed_while_it_is_granted),
           STAGE_CASE(wait_mutex__closed_by_the_callback_that_owns_it),
           STAGE_CASE(wait_mutex__wait_closed_while_the_mutex_is_granted_still_runs),
           STAGE_CASE(wait_mutex__c137_group_cancel_gives_it_back),
           STAGE_CASE(wait_mutex__c137_shutdown_with_cancel_gives_it_back),
           STAGE_CASE(wait_mutex__c137_cancel_against_the_callback),
           STAGE_CASE(wait_mutex__a_thread_that_helps_owns_it_for_the_callback),
           STAGE_CASE(wait_mutex__c138_only_the_known_results_are_delivered))
