/* many_scenarios.c - sixteen threads make random calls about objects of all kinds at once. */
#include "tests/scenario/scene.h"

#include "tests/scenario/scene_file.h"
#include "tests/scenario/scene_timer.h"

#define must tpps_check

enum { THREADS = 16, RECORDS = 160, BUDGET = 12, SIGNAL = 10, FIRST_PLACE = 900 };

/* Time may run fast here, while others stand still: a short period would keep them busy. */
enum { MANY_TABLE = 8, MANY_MEMBERS = 3, MANY_PASSING = 1, MANY_PERIOD_US = 100000 };

static void (*const many_thread_starts)(void *) = NULL;

#include "tests/stress/many_whole.h"

/* Scripts are drawn by the seed: a token repeats them. */
static struct many_thing things[RECORDS];
static tpp_u32 place_locks[MANY_PLACES];
static int places[MANY_PLACES], process;
static uint64_t no_dice;

/* ---- this world ------------------------------------------------------------------------------ */

static uint32_t many_roll(uint64_t *dice, uint32_t sides)
{
    (void)dice;
    return tpps_choose(sides);
}

static uint64_t many_dice(const void *callback, uint32_t nth)
{
    (void)callback;
    return nth;
}

static bool many_lacks(tp_status_t status)
{
    return scene_sweeps() && (status == TP_ERR_NO_MEMORY || status == TP_ERR_NO_THREAD ||
                              status == TP_ERR_SYSTEM || status == TP_ERR_TOO_MANY_THREADS);
}

static void many_give_up(void)
{
    tpps_check(scene_sweeps());
    tpps_exit();
}

static void many_pause(uint64_t *dice)
{
    (void)dice;
    if (tpps_choose(4) == 0)
        tpps_sleep(20000);
    else
        tpps_point();
}

static void many_open(enum many_file kind, int *fd, int *peer)
{
    static const enum tpps_file kinds[MANY_FILES] = {TPPS_STREAM, TPPS_SOCKET, TPPS_REGULAR};
    *fd = tpps_descriptor_open(-1, kinds[kind]);
    *peer = -1;
    if (kind == MANY_DISK)
        tpps_disk_set(*fd, 200, tpps_choose(2), 100000);
}

static void many_close(int fd, int peer)
{
    (void)peer;
    tpps_descriptor_close(fd);
}

static void many_talk(enum many_file kind, int fd, int peer, uint64_t *dice)
{
    (void)peer;
    (void)dice;
    if (kind == MANY_DISK)
        return;
    if (tpps_choose(2))
        tpps_stream_feed(fd, 10);
    else
        tpps_stream_room(fd, 10);
}

static void many_hang_up(enum many_file kind, int fd, int peer)
{
    (void)peer;
    if (kind == MANY_DISK)
        return;
    tpps_stream_end(fd);
    tpps_stream_hang_up(fd);
}

static int many_place(uint32_t place)
{
    return places[place];
}

static void many_stir(uint32_t place, uint64_t *dice)
{
    (void)dice;
    if (tpp_exchange_acq_rel(&place_locks[place], 1))
        return;
    if (tpps_choose(3)) {
        tpps_descriptor_set_ready(places[place], tpps_choose(2) ? POLLIN : 0);
    } else {
        tpps_descriptor_close(places[place]);
        tpps_descriptor_open(places[place], TPPS_STREAM);
    }
    tpp_store_release(&place_locks[place], 0);
}

static tp_waitable_t many_process(void)
{
    if (tpps_choose(8) == 0)
        tpps_process_end(process);
    return tp_waitable_process(process);
}

static tp_waitable_t many_signals(void)
{
    return tp_waitable_signal(SIGNAL);
}

static void many_signal(void)
{
    tpps_signal_raise(SIGNAL);
}

/* ---- the whole ------------------------------------------------------------------------------- */

static void act(void *arg)
{
    struct many_hand hand = {.dice = &no_dice};
    for (uint32_t left = 1 + tpps_choose((uint32_t)(uintptr_t)arg); left > 0; left--)
        many_act(&hand);
}

/* Until the pool is closed. */
static void drive(void *pool)
{
    tp_status_t status = TP_OK;
    while (status != TP_ERR_CLOSED && status != TP_ERR_HANDLE) {
        status = tp_pool_run(pool, 0, TP_INFINITE, NULL);
        if (status == TP_ERR_NO_MEMORY)
            many_give_up();
        must(status != TP_ERR_TIMEOUT && status != TP_ERR_STATE);
        if (status == TP_ERR_TOO_MANY_THREADS)
            tpps_sleep(MS);
    }
}

static void begin_files(void)
{
    for (uint32_t i = 0; i < MANY_PLACES; i++) {
        places[i] = tpps_descriptor_open(FIRST_PLACE + (int)i, TPPS_STREAM);
        tpp_init(&place_locks[i], 0);
    }
    process = tpps_descriptor_open(-1, TPPS_PROCESS);
}

static void end_files(void)
{
    for (uint32_t i = 0; i < MANY_PLACES; i++)
        tpps_descriptor_close(places[i]);
    tpps_descriptor_close(process);
}

/* The last one to give a context back has something left to do, in as many looks as it takes. */
static void rest(void)
{
    uint64_t before = oracle_rests();
    while (oracle_rests() == before)
        tpps_sleep(MS);
}

static void all_kinds(uint32_t acts)
{
    struct many_hand hand = {.dice = &no_dice};
    tpps_thread threads[THREADS], driver;
    memset(things, 0, sizeof things);
    begin_files();
    if (!many_build(things, RECORDS, BUDGET))
        tpps_exit();
    driver = tpps_spawn(drive, many.pools[MANY_DRIVEN]);
    for (uint32_t i = 0; i < THREADS; i++)
        threads[i] = tpps_spawn(act, (void *)(uintptr_t)acts);
    for (uint32_t i = 0; i < THREADS; i++)
        tpps_join(threads[i]);
    many_end(&hand);
    rest();
    many_close_sync();
    many_check();
    many_close_pools();
    tpps_join(driver);
    end_files();
    scene_keeps(1);
}

SCENE(many__c209_two_calls_of_each_thread)
{
    all_kinds(2);
}

SCENE(many__c209_eight_calls_of_each_thread)
{
    all_kinds(8);
}

/* ---- what they have found -------------------------------------------------------------------- */

static void make_ready(void *arg)
{
    (void)arg;
    scene_ready(0);
}

/* The worker that slept in the poller was told of a descriptor, and by then nobody listens any
 * more. What it was told is dealt with all the same: else its sleeps would not count as idleness,
 * and it never leaves; and an event that is told once would lie with it. */
SCENE(many__told_when_nobody_listens_any_more)
{
    tp_pool_t *pool = scene_pool_idle(0, 1, MS);
    scene_fds_open(1);
    scene_reader(0, pool, 0);
    scene_listen(0, POLLIN);
    tpps_sleep(MS / 2); /* the worker is in the poller */
    tpps_thread thread = tpps_spawn(make_ready, NULL);
    scene_files_finish(1);
    tpps_sleep(1000 * MS);
    tpps_check(scene_stats(pool).threads == 0);
    tpps_join(thread);
    scene_fds_close(1);
    scene_close_pool(pool);
}

static const struct tpps_scenario table[] = {
    {SCENE_ROW(many__c209_two_calls_of_each_thread), .max_steps = 2000000, .no_early = true},
    {SCENE_ROW(many__c209_eight_calls_of_each_thread), .max_steps = 2000000, .no_early = true},
    {SCENE_ROW(many__told_when_nobody_listens_any_more), .no_early = true},
};

int main(int argc, char **argv)
{
    return scene_main(argc, argv, table, SCENE_COUNT(table));
}
