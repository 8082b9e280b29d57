/* must.h - ends a small program that met an error, with the reason. */
#ifndef EXAMPLES_SIX_MUST_H
#define EXAMPLES_SIX_MUST_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tp/tp.h>

static inline void must(tp_status_t status)
{
    if (status == TP_OK)
        return;
    fprintf(stderr, "%s: %s", tp_status_name(status), tp_status_message(status));
    if (status == TP_ERR_SYSTEM)
        fprintf(stderr, " (%s)", strerror(tp_last_errno()));
    fprintf(stderr, "\n");
    exit(1);
}

/* Waits for ever; what is waited for here is neither taken away nor abandoned. */
static inline void must_wait(tp_waitable_t source)
{
    tp_wait_result_t result;
    must(tp_waitable_wait(source, TP_INFINITE, &result));
}

#endif
