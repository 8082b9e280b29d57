/* tpp_tune.h (small) - the simulator's sizes for targets without it. */
#include "core/os/sim/tpp_tune.h"
