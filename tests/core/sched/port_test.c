/* port_test.c - a pool's ring, and who finds it. */
#include "core/sched/port.h"

#include <pthread.h>
#include <sched.h>

#include "core/sched/pool.h"
#include "tests/support/tap.h"

static struct tpi_pool pool;
static tpp_u32 refused; /* there is none */

static void *prepare(void *unused)
{
    int error = 0;
    (void)unused;
    tp_status_t status = tpi_port_prepare(&pool, &error);
    check_eq(status, TP_OK);
    if (status != TP_OK)
        tpp_store_relaxed(&refused, 1);
    return NULL;
}

/* Nothing else says that the ring is made: ThreadSanitizer tells whether who takes finds it so. */
TAP_TEST(port__who_finds_the_ring_finds_it_made)
{
    pthread_t maker;
    tpi_reactor_begin(&pool.reactor);
    tpi_port_begin(&pool.port);
    require(pthread_create(&maker, NULL, prepare, NULL) == 0);
    /* peek, relaxed: they order nothing. */
    while (tpp_peek(&pool.port.backend) == 0 && !tpp_load_relaxed(&refused))
        (void)sched_yield();
    check(!tpi_port_harvest(&pool, false));
    check_eq(pthread_join(maker, NULL), 0);
    bool with_ring = tpi_port_has_ring(&pool.port);
    tpi_port_end(&pool.port);
    tpi_sources_close(&pool.reactor.sources);
    if (!with_ring)
        tap_skip("there is no io_uring");
}

int main(void)
{
    tap_run(port__who_finds_the_ring_finds_it_made);
    return tap_done();
}
