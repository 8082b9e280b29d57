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
    /* [ID2] release: the park word says ASLEEP before the bit can be taken; else it would say so
     * over what the taker writes. */
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

/* Takes the lowest bit of one word, but not that of `last`; or tidies the summary away if the word
 * is empty. */
static uint32_t take_in_group(struct tpi_idle *idle, uint32_t group, uint32_t last)
{
    tpp_u64 *word = &idle->words[group];
    uint64_t spared = last / TPP_IDLE_BITS == group ? bit(last) : 0;
    for (;;) { /* ends: each turn, somebody has set a bit meanwhile */
        /* [ID2] More than it takes: the swap acquires, and has nothing to release, since the
         * sleeper is told by its park word. */
        uint64_t seen = tpp_load_acquire(word);
        while (seen & ~spared) { /* ends: a failed swap means another took or set a bit */
            uint64_t rest = seen & ~spared, lowest = rest & -rest;
            if (tpp_cas_acq_rel(word, &seen, seen & ~lowest)) /* [ID2] */
                return group * TPP_IDLE_BITS + (uint32_t)__builtin_ctzll(lowest);
        }
        if (seen != 0)
            return TPI_IDLE_NONE;
        tpp_and_acq_rel(&idle->summary, ~group_bit(group * TPP_IDLE_BITS)); /* [ID1] */
        if (tpp_load_acquire(word) == 0)                                    /* [ID1] */
            return TPI_IDLE_NONE;
        /* [ID1] Whoever looked meanwhile saw nobody asleep, and trusts in the one who hid that.
         * These two could be relaxed: the swap above acquires, and this one goes on with its
         * release. */
        tpp_or_acq_rel(&idle->summary, group_bit(group * TPP_IDLE_BITS));
    }
}

uint32_t tpi_idle_take_lowest(struct tpi_idle *idle, uint32_t last)
{
    /* [ID1] More than it takes: who finds a bit before its word tidies, and looks again. */
    uint64_t summary = tpp_load_acquire(&idle->summary);
    for (; summary != 0; summary &= summary - 1) {
        uint32_t id = take_in_group(idle, (uint32_t)__builtin_ctzll(summary), last);
        if (id != TPI_IDLE_NONE)
            return id;
    }
    return last != TPI_IDLE_NONE && tpi_idle_take(idle, last) ? last : TPI_IDLE_NONE;
}

uint32_t tpi_idle_count(struct tpi_idle *idle)
{
    uint32_t count = 0;
    for (uint32_t group = 0; group < TPI_IDLE_WORDS; group++)
        count += (uint32_t)__builtin_popcountll(tpp_peek(&idle->words[group]));
    return count;
}
