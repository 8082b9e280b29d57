/* cpu.c - the processors: which one this is, and how many there are for this process. */
#define _GNU_SOURCE
#include "core/os/os.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "core/os/linux/cgroup.h"

#define CPUS_MAX 8192
#define OVERRIDE_MAX 4000

uint32_t tpp_cpu(void)
{
    int saved = errno;
    int cpu = sched_getcpu();

    errno = saved;
    return cpu >= 0 ? (uint32_t)cpu : 0;
}

/* What the user wants, whatever the machine has; 0 if nothing or nonsense stands there. */
static uint32_t overridden(void)
{
    const char *text = getenv("TP_CPUS");
    uint64_t value;

    if (text == NULL || !tpl_decimal(&text, &value) || *text != '\0')
        return 0;
    return value <= OVERRIDE_MAX ? (uint32_t)value : 0;
}

/* That of the calling thread: the threads it starts inherit it. */
static uint32_t affinity(void)
{
    union {
        cpu_set_t set;
        unsigned char bytes[CPUS_MAX / 8];
    } mask;
    int count = 0;

    memset(&mask, 0, sizeof mask);
    if (sched_getaffinity(0, sizeof mask, &mask.set) == 0)
        count = CPU_COUNT_S(sizeof mask, &mask.set);
    return count > 0 ? (uint32_t)count : 1;
}

/* A process that has run out of descriptors for a moment has not got the whole machine back: until
 * the files can be read again the last answer holds. */
static uint32_t quota(void)
{
    static tpp_u32 last;
    uint32_t cpus = tpl_cgroup_cpus("");

    /* relaxed: the number stands for itself, and who comes later reads anew. */
    if (cpus == 0)
        cpus = tpp_load_relaxed(&last);
    else
        tpp_store_relaxed(&last, cpus); /* relaxed: as above */
    return cpus != 0 ? cpus : TPL_CGROUP_NO_LIMIT;
}

/* The caller may hold a lock, and reading files is where a pending cancellation would strike. */
uint32_t tpp_cpu_count(void)
{
    int saved = errno, cancel_state = PTHREAD_CANCEL_ENABLE;
    uint32_t count = overridden();

    if (count == 0) {
        uint32_t limit;

        (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
        count = affinity();
        limit = quota();
        (void)pthread_setcancelstate(cancel_state, NULL);
        count = count < limit ? count : limit;
    }
    errno = saved;
    return count;
}
