/* ring_wish.c - which way of doing I/O the environment asks for. */
#define _GNU_SOURCE
#include "core/os/os.h"

#include <stdlib.h>
#include <string.h>

static uint32_t read_wish(void)
{
    static const char *const names[] = {"auto", "epoll", "uring"};
    const char *text = getenv("TP_IO_BACKEND");
    uint32_t i;

    for (i = 0; text != NULL && i < sizeof names / sizeof names[0]; i++)
        if (strcmp(text, names[i]) == 0)
            return i;
    return 0;
}

/* Once: a process may change its environment while others read it. */
uint32_t tpp_ring_wish(void)
{
    static tpp_u32 known; /* 0: not read yet; else one more than the wish */
    /* relaxed: the number stands for itself; two may read it, and find the same. */
    uint32_t wish = tpp_load_relaxed(&known);

    if (wish == 0) {
        wish = read_wish() + 1;
        /* relaxed: as above. */
        tpp_store_relaxed(&known, wish);
    }
    return wish - 1;
}
