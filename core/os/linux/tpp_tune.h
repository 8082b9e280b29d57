/* tpp_tune.h (linux) - the sizes that the simulator shrinks so that rare paths become common. */
#ifndef TPI_OS_LINUX_TUNE_H
#define TPI_OS_LINUX_TUNE_H

#define TPP_LOCK_SPINS 60      /* turns before a contended lock sleeps: about 1.5 us */
#define TPP_SEARCH_SPINS 200   /* turns the one searcher looks before it sleeps: about 5 us */
#define TPP_PATIENCE 48        /* looks at a single ticket, and turns between them: 1.2 us each */
#define TPP_RING_CAPACITY 256u /* tickets in a worker's ring, a power of two */
#define TPP_BATCH 64u          /* tickets moved from the shared queue at once */
#define TPP_SHARED_EVERY 61u   /* claims between two looks at the shared queue before the ring */
#define TPP_MAGAZINE 32u       /* objects a thread keeps at hand */
#define TPP_IDLE_BITS 64u      /* workers in one word of the idle map */
#define TPP_SLAB_SIZE 65536u   /* bytes in a slab */
#define TPP_SLAB_LARGE \
    32u /* slabs made at once when there are as many already: 2 MB, as much as one large page */
#define TPP_SHARDS 8u /* counters that foreign threads spread over */
#define TPP_IDLE_TIMEOUT_NS INT64_C(10000000000)
#define TPP_GATE_PERIOD_NS INT64_C(4000000) /* between two looks at pools whose work is stuck */
#define TPP_TIMER_BATCH 64u                 /* expiries posted at once */
#define TPP_POLL_BATCH 64u                  /* events taken from a poller at once */
#define TPP_GLANCE_EVERY 63u                /* claims between two looks at the clock, at most */

#ifndef TPP_WHEEL_BITS      /* the tests of the wheel bring sizes of their own */
#define TPP_WHEEL_BITS 6u   /* in a digit of a time: log2 of the slots of a level; 6 at most */
#define TPP_WHEEL_WORK 256u /* nodes of the timer wheel filed anew at once */
#endif

#endif
