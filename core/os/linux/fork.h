/* fork.h (linux) - what the files of this layer owe each other when the process forks. */
#ifndef TPI_OS_LINUX_FORK_H
#define TPI_OS_LINUX_FORK_H

/* To be called before there is anything that a child would have to put in order. 0 or ENOMEM. */
int tpp_fork_watch(void);

/* Called in the child, in this order, before the function given to tpp_at_fork. */
void tpp_thread_forked(void); /* thread.c */
void tpp_alarm_forked(void);  /* alarm.c */

#endif
