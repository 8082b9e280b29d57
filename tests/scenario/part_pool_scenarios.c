/* part_pool_scenarios.c - what a pool's workers, its gate and its callers do together, two or three
 * of them at a time, in a pool of which little else is there. */
#include <poll.h>
#include <string.h>

#include "core/mem/token.h"
#include "core/object/object.h"
#include "core/object/shutdown.h"
#include "core/sched/monitor.h"
#include "core/sched/operations.h"
#include "core/sched/park.h"
#include "core/sched/port.h"
#include "tests/scenario/scene_part.h"
#include "tests/scenario/scene_wait.h"

/* ---- a pool of which only the words are there ------------------------------------------------ */

static struct tpi_pool pool;
static struct tpi_chunk chunk;
static struct tpi_worker workers[3];
static struct tpi_thread record;
static struct tpi_task *task, *low;

static void begin_pool(uint32_t threads, uint32_t maximum)
{
    memset(&pool, 0, sizeof pool);
    memset(&chunk, 0, sizeof chunk);
    memset(workers, 0, sizeof workers);
    for (uint32_t priority = 0; priority < TPI_PRIORITY_COUNT; priority++) {
        tpi_inject_init(&pool.inject[priority], priority);
        tpi_inject_init(&pool.kept[priority], priority);
    }
    tpi_reactor_begin(&pool.reactor);
    tpi_port_begin(&pool.port);
    for (uint32_t id = 0; id < SCENE_COUNT(workers); id++) {
        workers[id].pool = &pool;
        workers[id].id = workers[id].random = id;
        workers[id].thread = &record;
        tpp_init(&chunk.workers[id], &workers[id]);
    }
    tpp_init(&pool.chunks[0], &chunk);
    tpp_init(&pool.active, SCENE_COUNT(workers));
    tpp_init(&pool.threads, threads);
    tpp_init(&pool.maximum, maximum);
    tpp_init(&pool.target, maximum);
    tpp_init(&pool.watched, 1); /* there is no gate to ask */
    tpp_init(&pool.life, threads * TPI_LIFE_THREAD + 1);
}

static uint64_t new_ticket(struct tpi_task *of)
{
    struct tpi_applied applied = tpi_task_apply(of, TPI_EVENT_SUBMIT, 1);
    return tpi_ticket(of, tpi_state_epoch(applied.after));
}

static void queue_low(void)
{
    low = part_task(0);
    tpi_inject_push(&pool.inject[TPI_PRIORITY_LOW], low, tpi_ticket_epoch(new_ticket(low)));
}

static void publish(uint32_t priority, bool kept)
{
    struct tpi_target target = {.home = &pool, .priority = priority, .kept = kept};
    tpi_pool_publish(&target, task, tpi_ticket_epoch(new_ticket(task)), NULL);
}

/* ---- LOW, while tickets are on their way ----------------------------------------------------- */

static void take_above_low(void *worker)
{
    struct tpi_task *taken = tpi_worker_take(worker);
    tpps_check(taken && taken != low);
}

static void take_late(void *worker)
{
    if (tpps_choose(2))
        tpps_sleep(1); /* the others have theirs by then */
    take_above_low(worker);
}

/* One ticket for each, wherever a thief has brought it. */
PART(part_pool__low_waits_for_a_ticket_in_a_thiefs_ring)
{
    begin_pool(3, 3);
    for (int i = 0; i < 3; i++)
        tpps_check(tpi_ring_push(&workers[0].ring, new_ticket(part_task(0))));
    queue_low();
    tpps_thread thief = tpps_spawn(take_above_low, &workers[1]),
                other = tpps_spawn(take_late, &workers[2]);
    take_above_low(&workers[0]);
    tpps_join(thief);
    tpps_join(other);
}

static void hand_over(void *worker)
{
    tpi_worker_hand_over(worker);
}

PART(part_pool__low_waits_for_a_ticket_between_two_queues)
{
    begin_pool(3, 3);
    tpps_check(tpi_ring_push(&workers[0].ring, new_ticket(part_task(0))));
    queue_low();
    tpps_thread leaving = tpps_spawn(hand_over, &workers[0]);
    take_above_low(&workers[1]);
    tpps_join(leaving);
}

/* ---- falling asleep, leaving, and who trusts in it ------------------------------------------- */

static void leave_as_searcher(void *unused)
{
    (void)unused;
    tpps_check(tpi_pool_thread_leaves(&pool, &workers[0], false));
}

/* Who publishes trusts in a searcher that is one too many, and leaves: somebody is woken. */
PART(part_pool__a_searcher_that_leaves_looks_once_more)
{
    begin_pool(2, 1);
    task = part_task(0);
    workers[0].searching = true;
    tpp_init(&pool.searching, 1);
    tpi_idle_set(&pool.idle, 1);
    tpps_thread thread = tpps_spawn(leave_as_searcher, NULL);
    publish(TPI_PRIORITY_NORMAL, false);
    tpps_join(thread);
    tpps_check(tpi_idle_count(&pool.idle) == 0);
}

static void publish_kept(void *unused)
{
    (void)unused;
    publish(TPI_PRIORITY_NORMAL, true);
}

static void keep(void *worker)
{
    while (!tpi_worker_take(worker)) /* ends, or it sleeps for ever */
        tpps_check(tpi_park_sleep_until(worker, TPP_FOREVER));
}

/* The keeper was lost and no thread could be had in its place, so that another worker becomes it,
 * while a post comes: three steps of tpi_pool_thread_lost by hand, of which the fence stands for
 * pass_work_on's. */
PART(part_pool__the_next_keeper_finds_what_the_last_was_told_of)
{
    begin_pool(3, 3);
    task = part_task(0);
    tpp_init(&pool.keeper, 1);
    tpps_thread publisher = tpps_spawn(publish_kept, NULL), keeper = tpps_spawn(keep, &workers[2]);
    tpp_store_relaxed(&pool.keeper, 3);
    tpp_fence_seq_cst();
    tpi_park_notify_keeper(&pool);
    tpps_join(publisher);
    tpps_join(keeper);
}

/* ---- what is handed on ----------------------------------------------------------------------- */

static void sit_down(void *unused)
{
    struct tpi_worker *worker;
    (void)unused;
    part_do();
    tpps_check(tpi_pool_sit(&pool, &record, &worker) == TP_OK);
}

PART(part_pool__who_finds_a_worker_finds_it_made)
{
    part_begin();
    begin_pool(2, 3);
    tpp_init(&pool.active, 2);
    tpp_init(&workers[0].alive, true);
    tpp_init(&workers[1].alive, true);
    tpp_init(&chunk.workers[2], NULL);
    tpps_thread thread = tpps_spawn(sit_down, NULL);
    while (!tpi_pool_worker(&pool, 2)) /* ends: it comes */
        tpp_cpu_relax();
    part_check_done();
    tpps_join(thread);
}

static void rise(void *worker)
{
    part_do();
    tpi_reactor_rise(worker, false);
}

PART(part_pool__who_takes_the_role_finds_all_that_the_last_has_done)
{
    struct tpp_poller *poller;
    part_begin();
    begin_pool(2, 2);
    workers[0].driving = workers[1].summoned = true;
    tpp_init(&pool.reactor.driver, 1);
    tpp_init(&pool.reactor.wake, 1);
    tpp_init(&pool.reactor.cover, 1);
    tpps_thread thread = tpps_spawn(rise, &workers[0]);
    while (!workers[1].driving) { /* ends: the role is vacant */
        tpp_cpu_relax();
        (void)tpi_reactor_sit(&workers[1], &poller);
    }
    part_check_done();
    tpps_join(thread);
}

static void sleep_on(void *worker)
{
    tpps_check(tpi_park_sleep_until(worker, TPP_FOREVER));
}

static void sleep_and_look(void *worker)
{
    sleep_on(worker);
    part_check_done();
}

PART(part_pool__who_is_woken_finds_why)
{
    part_begin();
    begin_pool(1, 1);
    tpps_thread thread = tpps_spawn(sleep_and_look, &workers[0]);
    while (tpi_idle_count(&pool.idle) == 0) /* ends: it falls asleep */
        tpp_cpu_relax();
    part_do();
    tpi_park_kick(&pool, 0);
    tpps_join(thread);
}

static void begin_to_listen(void *unused)
{
    (void)unused;
    tpps_check(tpi_sources_open(&pool.reactor.sources) == 0);
    pool.reactor.channels = 1;
    tpps_check(tpi_reactor_listens(&pool.reactor));
}

/* Whoever made the poller has told nobody else of it. */
PART(part_pool__who_wakes_a_sleeper_finds_the_poller_it_lies_in)
{
    begin_pool(1, 1);
    /* A timer ends its sleep in any case. */
    tpp_init(&pool.reactor.wake, (uint64_t)tpps_now() + 1000000);
    tpps_thread listening = tpps_spawn(begin_to_listen, NULL),
                sleeper = tpps_spawn(sleep_on, &workers[0]);
    if (tpps_choose(2))
        tpps_sleep(1); /* it lies in one by then, if it has found it */
    tpi_park_kick(&pool, 0);
    tpps_join(listening);
    tpps_join(sleeper);
}

/* ---- who trusts in whom ---------------------------------------------------------------------- */

static void inject(void *unused)
{
    (void)unused;
    tpps_check(tpi_pool_inject(&pool));
}

/* The gate has the role of searcher for a moment, and adds nobody. */
PART(part_pool__the_gate_that_gives_up_the_role_looks_once_more)
{
    begin_pool(1, 1);
    task = part_task(0);
    tpi_idle_set(&pool.idle, 1);
    tpps_thread thread = tpps_spawn(inject, NULL);
    publish(TPI_PRIORITY_NORMAL, false);
    tpps_join(thread);
    tpps_check(tpi_idle_count(&pool.idle) == 0);
}

static void as_worker(void (*body)(void))
{
    tpp_local_set(&record);
    body();
    tpp_local_set(NULL);
}

static void block(void *unused)
{
    (void)unused;
    as_worker(tpi_blocking_enter);
}

static void run_nothing(struct tpi_task *taken, struct tpi_worker *worker)
{
    tpps_check(taken == task && worker == &workers[1]);
}

/* The only worker blocks, while a post comes: another thread is added by one of the two. */
PART(part_pool__who_blocks_looks_for_work_that_others_left_to_it)
{
    begin_pool(1, 2);
    task = part_task(0);
    record.worker = &workers[0];
    pool.idle_timeout = TPP_FOREVER;
    pool.run = run_nothing;
    tpp_init(&pool.target, 1);
    tpp_init(&workers[0].alive, true);
    tpps_thread thread = tpps_spawn(block, NULL);
    publish(TPI_PRIORITY_NORMAL, false);
    tpps_join(thread);
    tpps_check(tpp_peek(&pool.threads) == 2);
}

static void publish_soon(void *unused)
{
    struct tpi_ready ready = {.target = {&pool, 1, TPI_PRIORITY_NORMAL, false}, .task = task};
    (void)unused;
    ready.epoch = tpi_ticket_epoch(new_ticket(task));
    tpi_pool_publish_soon(&ready, &workers[0]);
}

/* A worker posts, and wakes nobody since the gate comes; another tells the gate to stay away. */
PART(part_pool__who_sends_the_gate_away_looks_once_more)
{
    begin_pool(2, 2);
    task = part_task(0);
    workers[1].rested = true;
    tpp_init(&pool.reactor.listening, true);
    tpp_init(&pool.reactor.cover, 1);
    tpp_init(&pool.watch.soon, true);
    tpps_thread worker = tpps_spawn(publish_soon, NULL),
                sleeper = tpps_spawn(sleep_on, &workers[1]);
    tpps_join(worker);
    tpps_join(sleeper); /* or it sleeps for ever */
}

/* ---- the end of a pool ----------------------------------------------------------------------- */

static struct tpi_pool *real;

static void make_real(uint32_t flags)
{
    tp_pool_config_t config = TP_POOL_CONFIG_INIT;
    void *handle;
    config.flags = flags;
    config.thread_maximum = 1;
    config.idle_timeout = TPP_FOREVER;
    tpps_check(tpi_pool_create(&config, false, NULL, &real, &handle) == TP_OK);
}

static void close_real(void)
{
    tpps_check(tpi_slab_retire(&real->slot, tpi_slot_generation(&real->slot)));
    tpi_pool_close(real);
}

/* An object goes, and then another one, of which only the count tells. */
static void leave_one_by_one(void *unused)
{
    (void)unused;
    (void)tpi_task_apply(task, TPI_EVENT_CLOSE, 0);
    tpi_slab_free(TPI_KIND_WORK, &task->slot, NULL);
    tpi_pool_leave(real, 1);
    part_do();
    tpi_pool_leave(real, 1);
}

PART(part_pool__a_shutdown_waits_for_what_only_the_count_tells_of)
{
    part_begin();
    make_real(0);
    task = part_task(0);
    tpi_task_init(task, TPI_PRIORITY_NORMAL | TPI_KIND_WORK << TPI_TRAIT_KIND_SHIFT, real,
                  tpp_peek(&real->birth), false);
    tpp_add_acq_rel(&real->life, 2);
    tpps_thread thread = tpps_spawn(leave_one_by_one, NULL);
    tpps_check(tpi_shutdown(real, tpp_peek(&real->slot.generation), false, TP_INFINITE) == TP_OK);
    part_check_done();
    tpps_join(thread);
}

static void add_first_thread(void *unused)
{
    bool searching = false;
    (void)unused;
    tpps_check(tpi_pool_first_thread(real, &searching) == TP_OK);
}

/* The last steps of a shutdown, while a thread is added for a post that came too late. The word is
 * stored by hand: a whole one hardly ever meets a thread so late. What orders it is the library's.
 */
PART(part_pool__a_thread_that_comes_at_the_end_goes)
{
    make_real(0);
    tpp_or_acq_rel(&real->life, TPI_LIFE_SHUT);
    tpps_thread thread = tpps_spawn(add_first_thread, NULL);
    if (tpps_choose(2))
        tpps_sleep(1);                            /* it is asleep by then */
    tpp_store_relaxed(&real->shut, TPI_SHUT_END); /* relaxed: a fence follows */
    tpi_park_wake_all(real);
    tpps_join(thread);
    for (int i = 0; i < 100 && tpi_pool_threads_left(real) > 0; i++)
        tpps_sleep(1000000);
    tpps_check(tpi_pool_threads_left(real) == 0);
    close_real();
}

static void let_go(void *held)
{
    struct tpi_pool *first = held;
    tpps_check(first->idle_timeout == TPP_FOREVER);
    tpi_pool_unhold(first);
}

/* What one of two that hold it has read, the other, who lets go last, writes anew. */
PART(part_pool__a_pool_is_another_once_all_have_let_go)
{
    make_real(TP_POOL_CALLER_DRIVEN);
    struct tpi_pool *first = real;
    tpps_check(tpi_pool_hold(first) && tpi_pool_hold(first));
    close_real();
    tpps_thread thread = tpps_spawn(let_go, first);
    tpi_pool_unhold(first);
    make_real(TP_POOL_CALLER_DRIVEN);
    tpps_join(thread);
}

/* ---- requests on their way to the system ----------------------------------------------------- */

static int file;

static void begin_io(void)
{
    begin_pool(2, 2);
    tpps_wish_ring(TP_IO_BACKEND_URING);
    tpps_calm_io(true);
    file = tpps_descriptor_open(-1, TPPS_REGULAR);
}

static void put(void)
{
    struct tpi_operation *operation = tpi_operation_new();
    tpps_check(operation);
    operation->request =
        (struct tpp_request){.descriptor = file, .opcode = TPP_FSYNC, .kind = TPP_DISK};
    tpi_port_put(&pool.port, operation);
}

static void prepare(void)
{
    int error;
    tpps_check(tpi_port_prepare(&pool, &error) == TP_OK);
}

static void put_first(void *unused)
{
    (void)unused;
    part_do();
    prepare();
    put();
}

PART(part_pool__who_finds_the_ring_finds_it_made)
{
    part_begin();
    begin_io();
    tpps_thread thread = tpps_spawn(put_first, NULL);
    while (!tpi_port_has_ring(&pool.port)) /* ends: it is made */
        tpp_cpu_relax();
    part_check_done();
    tpps_join(thread);
}

/* The ring is made, and gets its first request. */
PART(part_pool__who_finds_a_request_finds_the_ring)
{
    begin_io();
    tpps_thread thread = tpps_spawn(put_first, NULL);
    while (!tpi_port_unflushed(&pool.port)) /* ends: it is put */
        tpp_cpu_relax();
    tpi_port_flush(&pool);
    tpps_check(tpps_requests_queued() == 0 && tpps_ring_flushes() == 1);
    tpps_join(thread);
}

static void put_and_flush(void *unused)
{
    (void)unused;
    put();
    tpi_port_flush(&pool);
}

/* Of several that flush all but one may leave it to him. */
PART(part_pool__who_has_flushed_looks_once_more)
{
    begin_io();
    prepare();
    tpps_thread thread = tpps_spawn(put_and_flush, NULL), other = tpps_spawn(put_and_flush, NULL);
    put_and_flush(NULL);
    tpps_join(thread);
    tpps_join(other);
    tpps_check(tpp_peek(&pool.port.unflushed) == 0 && tpps_requests_queued() == 0);
}

static void put_as_worker(void *unused)
{
    (void)unused;
    put();
    as_worker(tpi_operations_flush);
}

/* A worker that has more to run puts a request, and flushes nothing since the gate comes: which it
 * does just then, and not again. */
PART(part_pool__the_gate_that_goes_looks_for_requests)
{
    begin_io();
    prepare();
    record.worker = &workers[0];
    tpps_check(tpi_ring_push(&workers[0].ring, new_ticket(part_task(0))));
    tpp_init(&pool.reactor.driver, 2);
    tpp_init(&pool.reactor.listening, true);
    tpp_init(&pool.reactor.cover, 1);
    tpp_init(&pool.watch.soon, true);
    tpps_thread thread = tpps_spawn(put_as_worker, NULL);
    tpi_monitor_uncover(&pool);
    tpi_reactor_attend(&pool, 0);
    tpps_join(thread);
    tpps_check(tpp_peek(&pool.port.unflushed) == 0);
}

static void arm(void *number)
{
    part_do();
    scene_wait_on(0, tp_waitable_fd((int)(uintptr_t)number, POLLIN), TP_INFINITE);
}

SCENE(part_pool__who_looks_finds_what_was_armed_before)
{
    int number = tpps_descriptor_open(-1, TPPS_STREAM);
    tp_pool_t *handle = scene_pool(0, 1);
    struct tpi_slot *slot = tpi_slab_at(TPI_KIND_POOL, tpi_token_index((uintptr_t)handle));
    real = tpi_container(slot, struct tpi_pool, slot);
    part_begin();
    tpps_check(scene_wait_make(0, handle));
    tpps_thread thread = tpps_spawn(arm, SCENE_WORD(number));
    while (tpi_sources_look(&real->reactor.sources) == 0) /* ends: it is armed */
        tpp_cpu_relax();
    part_check_done();
    tpps_join(thread);
    scene_wait_finish(0);
    scene_close_pool(handle);
    tpps_descriptor_close(number);
}

/* ---- the places of pools, whether there is one or not ---------------------------------------- */

static bool hold_and_let_go(struct tpi_slot *slot, void *context)
{
    struct tpi_pool *found = tpi_container(slot, struct tpi_pool, slot);
    (void)context;
    if (tpi_pool_hold(found))
        tpi_pool_unhold(found);
    return true;
}

static void visit_places(void *arg)
{
    (void)arg;
    for (uint32_t rounds = 0; rounds < 30; rounds++)
        tpi_slab_each(TPI_KIND_POOL, hold_and_let_go, NULL);
}

/* As the gate does. Who held the place before it had a pool lets go of it all the same. */
SCENE(part_pool__held_before_it_begins)
{
    tpps_thread thread = tpps_spawn(visit_places, NULL);
    tp_pool_t *pool_of_one = scene_pool(1, 1);
    tpps_join(thread);
    scene_close_pool(pool_of_one); /* nobody holds it: it ends with its thread */
}

static const struct tpps_scenario table[] = {
    {PART_ROW(part_pool__low_waits_for_a_ticket_in_a_thiefs_ring)},
    {PART_ROW(part_pool__low_waits_for_a_ticket_between_two_queues)},
    {PART_ROW(part_pool__a_searcher_that_leaves_looks_once_more)},
    {PART_ROW(part_pool__the_next_keeper_finds_what_the_last_was_told_of)},
    {PART_ROW(part_pool__who_finds_a_worker_finds_it_made)},
    {PART_ROW(part_pool__who_takes_the_role_finds_all_that_the_last_has_done)},
    {PART_ROW(part_pool__who_is_woken_finds_why)},
    {PART_ROW(part_pool__who_wakes_a_sleeper_finds_the_poller_it_lies_in)},
    {PART_ROW(part_pool__the_gate_that_gives_up_the_role_looks_once_more)},
    {PART_ROW(part_pool__who_blocks_looks_for_work_that_others_left_to_it)},
    {PART_ROW(part_pool__who_sends_the_gate_away_looks_once_more)},
    {PART_ROW(part_pool__a_shutdown_waits_for_what_only_the_count_tells_of)},
    {PART_ROW(part_pool__a_thread_that_comes_at_the_end_goes)},
    {PART_ROW(part_pool__a_pool_is_another_once_all_have_let_go)},
    {PART_ROW(part_pool__who_finds_the_ring_finds_it_made)},
    {PART_ROW(part_pool__who_finds_a_request_finds_the_ring)},
    {PART_ROW(part_pool__who_has_flushed_looks_once_more)},
    {PART_ROW(part_pool__the_gate_that_goes_looks_for_requests)},
    {SCENE_ROW(part_pool__who_looks_finds_what_was_armed_before), .no_faults = true},
    {SCENE_ROW(part_pool__held_before_it_begins)},
};

int main(int argc, char **argv)
{
    return scene_main(argc, argv, table, SCENE_COUNT(table));
}
