/* scene_part.h - scenarios of single parts of the engine, with no pool that the oracle knows. */
#ifndef TESTS_SCENARIO_SCENE_PART_H
#define TESTS_SCENARIO_SCENE_PART_H

#include "core/mem/slab.h"
#include "core/queue/task.h"
#include "tests/scenario/scene.h"

/* A pool is behind all else that the oracle watches: here it has nothing to look at. */
#define PART(name) \
    static void name(void); \
    static void name##_entry(void *unused) \
    { \
        (void)unused; \
        name(); \
    } \
    static void name(void)

#define PART_ROW(part) \
    .name = #part, .entry = part##_entry, .leaks_allowed = true, .no_faults = true

enum { PART_LARGE = TPP_SLAB_SIZE / 2 - 256 }; /* bytes: two to a slab */

/* Of that size, with so many callbacks at once. */
static inline struct tpi_task *part_task(uint32_t limit)
{
    struct tpi_slot *slot = tpi_slab_reserve(TPI_KIND_WORK, PART_LARGE, NULL);
    if (!slot)
        tpps_fail("no memory");
    struct tpi_task *made = tpi_container(slot, struct tpi_task, slot);
    tpi_task_init(made, TPI_PRIORITY_NORMAL | limit << TPI_TRAIT_LIMIT_SHIFT, NULL, 0, false);
    (void)tpi_slab_publish(slot, tpp_peek(&slot->generation) + 1);
    return made;
}

/* What one thread does before it hands something on, and whoever gets that finds done: a word that
 * orders nothing by itself. */
static tpp_u32 part_done;

static inline void part_begin(void)
{
    tpp_init(&part_done, 0);
}

static inline void part_do(void)
{
    tpp_store_relaxed(&part_done, 1);
}

static inline void part_check_done(void)
{
    tpps_check(tpp_load_relaxed(&part_done) == 1);
}

#endif
