/* park_test.c - a sleeper in the poller, and who wakes it. */
#include "core/sched/park.h"

#include <pthread.h>
#include <sched.h>

#include "tests/support/tap.h"

static struct tpi_pool pool;
static struct tpi_chunk chunk;
static struct tpi_worker worker;
static tpp_u32 id; /* of the thread that sleeps */

static void begin(void)
{
    memset(&pool, 0, sizeof pool);
    memset(&worker, 0, sizeof worker);
    worker.pool = &pool;
    for (uint32_t priority = 0; priority < TPI_PRIORITY_COUNT; priority++) {
        tpi_inject_init(&pool.inject[priority], priority);
        tpi_inject_init(&pool.kept[priority], priority);
    }
    tpi_reactor_begin(&pool.reactor);
    tpp_init(&chunk.workers[0], &worker);
    tpp_init(&pool.chunks[0], &chunk);
    tpp_init(&pool.active, 1);
    tpp_init(&pool.maximum, 1);
    tpp_init(&pool.life, TPI_LIFE_THREAD + 1);
    tpp_init(&pool.reactor.listening, true);
    tpp_init(&id, 0);
}

static void *sleep_and_close(void *unused)
{
    (void)unused;
    tpp_store_release(&id, (uint32_t)tpp_thread_id());
    check(tpi_park_sleep_until(&worker, TPP_FOREVER));
    tpi_sources_close(&pool.reactor.sources);
    return NULL;
}

/* Whoever has kicked it is done with the poller, which is freed at once: ThreadSanitizer tells. */
TAP_TEST(park__who_was_woken_out_of_a_poller_may_close_it)
{
    for (int round = 0; round < 10; round++) {
        pthread_t sleeper;
        begin();
        require(tpi_sources_open(&pool.reactor.sources) == 0);
        require(pthread_create(&sleeper, NULL, sleep_and_close, NULL) == 0);
        while (tpi_idle_count(&pool.idle) == 0 || tpp_thread_state(tpp_load_acquire(&id)) != 'S')
            (void)sched_yield();
        tpi_park_kick(&pool, 0);
        check_eq(pthread_join(sleeper, NULL), 0);
    }
}

int main(void)
{
    tap_run(park__who_was_woken_out_of_a_poller_may_close_it);
    return tap_done();
}
