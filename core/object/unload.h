/* unload.h - closes a library where no code of it can be returned to. */
#ifndef TPI_OBJECT_UNLOAD_H
#define TPI_OBJECT_UNLOAD_H

/* Closes the reference here if no code of the library is on the calling thread's stack, else on a
 * thread of its own. What cannot be done is told to the misuse hook in the name of `function`, and
 * the library stays loaded. No lock held: destructors of the library run. */
void tpi_unload(void *library, const char *function);

#endif
