/* complain.c - puts a name to what failed, and the reason behind it. */
#include "examples/echo_server/complain.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void complain_errno(const char *format, ...)
{
    int error = errno;
    va_list values;
    char what[128];
    va_start(values, format);
    vsnprintf(what, sizeof what, format, values);
    va_end(values);
    fprintf(stderr, "echo_server: %s: %s\n", what, strerror(error));
}

void complain_status(tp_status_t status, const char *what)
{
    const char *reason =
        status == TP_ERR_SYSTEM ? strerror(tp_last_errno()) : tp_status_message(status);
    fprintf(stderr, "echo_server: %s: %s\n", what, reason);
}

bool fine(tp_status_t status, const char *what)
{
    if (status != TP_OK)
        complain_status(status, what);
    return status == TP_OK;
}
