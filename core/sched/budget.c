/* budget.c - divides the processors of the process among its pools, as told in budget.h. */
#include "core/sched/budget.h"

/* A quota or an affinity that changed is noticed after so long, if anybody asks. */
#define FRESH_NS INT64_C(1000000000)

static struct {
    struct tpi_lock lock;
    /* under lock */
    struct tpi_link pools; /* those that have a share; all zero at first */
    uint32_t granted;      /* the sum of their targets */
    uint32_t processors;
    int64_t read_at;
} budget;

static struct tpi_pool *pool_of(struct tpi_link *link)
{
    return tpi_container(link, struct tpi_pool, share);
}

/* Under lock. */
static void change_target(struct tpi_pool *pool, uint32_t target)
{
    uint32_t before = tpp_peek(&pool->target);
    budget.granted += target - before;
    if (before == 0 && target > 0)
        tpi_list_push_back(&budget.pools, &pool->share);
    if (before > 0 && target == 0)
        tpi_list_remove(&pool->share);
    /* relaxed: written under the lock; whoever decides on it decides again, see tpi_pool_limits. */
    tpp_store_relaxed(&pool->target, target);
}

/* The pool with the largest share, among those with idle threads if `idle`. NULL if none. */
static struct tpi_pool *richest(bool idle)
{
    struct tpi_pool *found = NULL;
    for (struct tpi_link *link = budget.pools.next; link != &budget.pools; link = link->next) {
        struct tpi_pool *pool = pool_of(link);
        if (idle && !tpi_idle_any(&pool->idle))
            continue;
        if (!found || tpp_peek(&pool->target) > tpp_peek(&found->target))
            found = pool;
    }
    return found;
}

void tpi_budget_refresh(void)
{
    int64_t now = tpp_now(TPP_CLOCK_MONOTONIC);
    tpi_lock_take(&budget.lock);
    bool fresh = budget.processors > 0 && now - budget.read_at < FRESH_NS;
    tpi_lock_drop(&budget.lock);
    if (fresh)
        return;
    uint32_t processors = tpp_cpu_count();
    tpi_lock_take(&budget.lock);
    if (!budget.pools.next)
        tpi_list_init(&budget.pools);
    budget.processors = processors;
    budget.read_at = now;
    while (budget.granted > budget.processors) { /* ends: each turn takes one back */
        struct tpi_pool *pool = richest(false);
        change_target(pool, tpp_peek(&pool->target) - 1);
    }
    tpi_lock_drop(&budget.lock);
}

/* One of those that are given away already, or NULL. */
static struct tpi_pool *donor(struct tpi_pool *asking, bool level)
{
    struct tpi_pool *found = richest(true);
    if (found && found != asking)
        return found;
    found = level ? richest(false) : NULL;
    return found && tpp_peek(&found->target) >= tpp_peek(&asking->target) + 2 ? found : NULL;
}

bool tpi_budget_ask(struct tpi_pool *pool, bool level)
{
    tpi_lock_take(&budget.lock);
    bool given = budget.granted < budget.processors;
    if (!given) {
        struct tpi_pool *from = donor(pool, level);
        given = from != NULL;
        if (given)
            change_target(from, tpp_peek(&from->target) - 1);
    }
    if (given)
        change_target(pool, tpp_peek(&pool->target) + 1);
    tpi_lock_drop(&budget.lock);
    return given;
}

void tpi_budget_return(struct tpi_pool *pool, uint32_t keep)
{
    /* relaxed: only its own asking raises it, and then the next return brings it down. */
    if (tpp_load_relaxed(&pool->target) <= keep)
        return;
    tpi_lock_take(&budget.lock);
    if (tpp_peek(&pool->target) > keep)
        change_target(pool, keep);
    tpi_lock_drop(&budget.lock);
}

void tpi_budget_reset(void)
{
    tpp_init(&budget.lock.word, 0);
    budget.pools.next = budget.pools.prev = NULL;
    budget.granted = budget.processors = 0;
}
