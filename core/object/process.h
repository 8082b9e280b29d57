/* process.h - what the engine keeps for the whole process. */
#ifndef TPI_OBJECT_PROCESS_H
#define TPI_OBJECT_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

/* Is it the handle of something, or a callback instance, that belonged to the parent when this
 * process was forked? */
bool tpi_process_inherited(const void *handle);

/* Forgets everything, as in a new process. For tests whose memory dies with them. */
void tpi_process_reset(void);

#endif
