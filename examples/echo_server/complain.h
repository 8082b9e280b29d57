/* complain.h - one line on standard error for what went wrong. */
#ifndef EXAMPLES_ECHO_SERVER_COMPLAIN_H
#define EXAMPLES_ECHO_SERVER_COMPLAIN_H

#include "tp/tp.h"

#include <stdbool.h>

/* "echo_server: what: reason", where the reason is that of errno or of the status. */
void complain_errno(const char *format, ...) __attribute__((format(printf, 1, 2)));
void complain_status(tp_status_t status, const char *what);

/* Is it TP_OK? If not, complains. */
bool fine(tp_status_t status, const char *what);

#endif
