/* tpp_local.h (linux) - the pointer that belongs to the calling thread, read without a call. */
#ifndef TPI_OS_LINUX_LOCAL_H
#define TPI_OS_LINUX_LOCAL_H

extern _Thread_local void *tpp_local_value __attribute__((tls_model("initial-exec")));

static inline void *tpp_local(void)
{
    return tpp_local_value;
}

#endif
