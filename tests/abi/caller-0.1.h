/* caller-0.1.h - what the parts of the program written for tp 0.1 share. */
#ifndef TESTS_ABI_CALLER_0_1_H
#define TESTS_ABI_CALLER_0_1_H

#include <stdint.h>
#include <stdlib.h>

#include "tests/support/tap.h"
#include "tp/tp.h"

#if TP_VERSION_NUMBER != 0x000100
#error "to be compiled with the frozen headers of 0.1"
#endif

#define SECONDS(n) ((int64_t)(n) * 1000000000)
#define ok(call) check_eq(call, TP_OK)

static tp_wait_result_t wait_for(tp_waitable_t source, int64_t timeout)
{
    tp_wait_result_t result = TP_WAIT_FAILED;

    ok(tp_waitable_wait(source, timeout, &result));
    return result;
}

#endif
