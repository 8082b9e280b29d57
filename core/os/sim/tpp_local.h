/* tpp_local.h (simulator) - the pointer that belongs to the calling fiber. */
#ifndef TPI_OS_SIM_LOCAL_H
#define TPI_OS_SIM_LOCAL_H

void *tpp_local(void);

#endif
