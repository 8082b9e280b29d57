/* poller.h (linux) - what the other files of this layer may know of a poller. */
#ifndef TPI_OS_LINUX_POLLER_H
#define TPI_OS_LINUX_POLLER_H

struct tpp_poller;

/* Readable while a wait in the poller would find an event; also for a kick or a deadline that has
 * not reached its sleeper yet. */
int tpl_poller_descriptor(const struct tpp_poller *poller);

#endif
