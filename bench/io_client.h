/* io_client.h - the other side of a connection: a process that sends and wants it back. */
#ifndef BENCH_IO_CLIENT_H
#define BENCH_IO_CLIENT_H

#include <stddef.h>
#include <stdint.h>

/* The process to be started gets the last of the processors for itself, and this one keeps to the
 * others, as all threads do that it starts from now on. Nothing where there is only one. */
void io_client_apart(void);

/* Starts a process that has so many TCP connections to this one, and on each so many messages of so
 * many bytes on their way, all the time; it ends with this process at the latest. The descriptors
 * are this side's ends; they do not block. */
void io_client_connect(int *descriptors, unsigned count, size_t bytes, unsigned in_flight);
uint64_t io_client_messages(void); /* that came back so far */
void io_client_end(void);

/* Starts a process that sends a byte over a socketpair and waits for it, so often. */
void io_client_pair(int *descriptor, unsigned times);

/* Waits for the end of that process, and tells how long each time took, in us. */
double *io_client_trips(void);

#endif
