/* sides.c - the list of the sides that this build can measure. */
#include "bench/side.h"
#include "bench/side_peers.h"

const struct side *const sides[] = {
    &tp_side, &naive_side, BENCH_PEERS &tp_work_side, &naive_work_side, NULL,
};
