/* tpp_tune.h (simulator) - small sizes, so that wrap, overflow and refill happen in short runs. */
#ifndef TPI_OS_SIM_TUNE_H
#define TPI_OS_SIM_TUNE_H

#define TPP_LOCK_SPINS 1
#define TPP_SEARCH_SPINS 1
#define TPP_PATIENCE 2
#define TPP_RING_CAPACITY 4u
#define TPP_BATCH 2u
#define TPP_SHARED_EVERY 3u
#define TPP_MAGAZINE 2u
#define TPP_IDLE_BITS 2u
#define TPP_SLAB_SIZE 8192u
#define TPP_SLAB_LARGE 2u /* slabs made at once when there are as many already */
#define TPP_SHARDS 2u
#define TPP_IDLE_TIMEOUT_NS INT64_C(10000000000)
#define TPP_GATE_PERIOD_NS INT64_C(4000000) /* between two looks at pools whose work is stuck */
#define TPP_TIMER_BATCH 2u                  /* expiries posted at once */
#define TPP_POLL_BATCH 2u                   /* events taken from a poller at once */
#define TPP_GLANCE_EVERY 1u                 /* claims between two looks at the clock, at most */

#ifndef TPP_WHEEL_BITS    /* the tests of the wheel bring sizes of their own */
#define TPP_WHEEL_BITS 2u /* in a digit of a time: log2 of the slots of a level; 6 at most */
#define TPP_WHEEL_WORK 2u /* nodes of the timer wheel filed anew at once */
#endif

#endif
