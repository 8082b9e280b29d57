/* idle.h - which workers of a pool are asleep and may be woken: a map with a summary word.
 *
 * Taking a worker's bit is the right to wake it: nobody else will, and it stays asleep, and alive,
 * until whoever took the bit has woken it. Any thread may call anything at any time. */
#ifndef TPI_SCHED_IDLE_H
#define TPI_SCHED_IDLE_H

#include "core/os/os.h"
#include "tpp_tune.h"

#define TPI_IDLE_WORDS 64u
#define TPI_IDLE_CAPACITY (TPI_IDLE_WORDS * TPP_IDLE_BITS)
#define TPI_IDLE_NONE UINT32_MAX

struct tpi_idle {
    _Alignas(128) tpp_u64 summary; /* bit g: words[g] may hold a bit; [ID1] */
    _Alignas(128) tpp_u64 words[TPI_IDLE_WORDS];
};

void tpi_idle_set(struct tpi_idle *idle, uint32_t id);

/* Takes the bit of one worker; false if somebody else has it. */
bool tpi_idle_take(struct tpi_idle *idle, uint32_t id);

/* Takes the lowest bit there is, so that workers with high numbers stay cold and retire; that of
 * `last`, unless it is TPI_IDLE_NONE, only if there is no other. May miss bits set meanwhile. */
uint32_t tpi_idle_take_lowest(struct tpi_idle *idle, uint32_t last);

/* How many bits are set, at some moment or other. */
uint32_t tpi_idle_count(struct tpi_idle *idle);

/* False only if no worker was asleep. After a full fence: see [PK1] in park.c. */
static inline bool tpi_idle_any(struct tpi_idle *idle)
{
    return tpp_load_relaxed(&idle->summary) != 0; /* relaxed: the fence before it orders it */
}

#endif
