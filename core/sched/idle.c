/* idle.c - the idle map described in idle.h. */
#include "core/sched/idle.h"

static uint64_t bit(uint32_t id)
{
    return UINT64_C(1) << (id % TPP_IDLE_BITS);
}

static uint64_t group_bit(uint32_t id)
{
    return UINT64_C(1) << (id / TPP_IDLE_BITS);
}

void tpi_idle_set(struct tpi_idle *idle, uint32_t id)
{
    tpp_or_acq_rel(&idle->words[id / TPP_IDLE_BITS], bit(id));
    /* [ID1] release: the bit is in its word before the summary says so. Pairs with the summary
     * update in take_in_group, which looks at the word again after clearing a summary bit. */
    tpp_or_acq_rel(&idle->summary, group_bit(id));
}

bool tpi_idle_take(struct tpi_idle *idle, uint32_t id)
{
    /* acq_rel: what the last owner of the bit did is visible to the next. [ID2] */
    return tpp_and_acq_rel(&idle->words[id / TPP_IDLE_BITS], ~bit(id)) & bit(id);
}

/* Takes the lowest bit of one word, or tidies the summary away if there is none. */
static uint32_t take_in_group(struct tpi_idle *idle, uint32_t group)
{
    tpp_u64 *word = &idle->words[group];
    uint64_t seen = tpp_load_acquire(word); /* [ID2] */
    while (seen != 0) { /* ends: a failed swap means another took or set a bit */
        uint64_t lowest = seen & -seen;
        if (tpp_cas_acq_rel(word, &seen, seen & ~lowest)) /* [ID2] */
            return group * TPP_IDLE_BITS + (uint32_t)__builtin_ctzll(lowest);
    }
    tpp_and_acq_rel(&idle->summary, ~(UINT64_C(1) << group)); /* [ID1] */
    if (tpp_load_acquire(word) != 0)                          /* [ID1] */
        tpp_or_acq_rel(&idle->summary, UINT64_C(1) << group); /* [ID1] */
    return TPI_IDLE_NONE;
}

uint32_t tpi_idle_take_lowest(struct tpi_idle *idle)
{
    uint64_t summary;
    /* Ends when the summary is empty; each turn takes a bit or clears a stale summary bit. */
    while ((summary = tpp_load_acquire(&idle->summary)) != 0) { /* [ID1] */
        uint32_t id = take_in_group(idle, (uint32_t)__builtin_ctzll(summary));
        if (id != TPI_IDLE_NONE)
            return id;
    }
    return TPI_IDLE_NONE;
}

uint32_t tpi_idle_count(struct tpi_idle *idle)
{
    uint32_t count = 0;
    for (uint32_t group = 0; group < TPI_IDLE_WORDS; group++)
        count += (uint32_t)__builtin_popcountll(tpp_peek(&idle->words[group]));
    return count;
}
