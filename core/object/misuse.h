/* misuse.h - telling the application what it did wrong. */
#ifndef TPI_OBJECT_MISUSE_H
#define TPI_OBJECT_MISUSE_H

#include "tp/types.h"

void tpi_misuse_hook(tp_misuse_fn hook, void *context);

/* Calls the hook, if there is one. With no lock held. */
void tpi_misuse(const char *function, tp_status_t status, const char *message);

void tpi_misuse_reset(void); /* no hook, as in a new process */
void tpi_misuse_fork(void);  /* in a child: the hook stays */

#endif
