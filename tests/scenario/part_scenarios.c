/* part_scenarios.c - slots, tasks, queues and bits by themselves: what memory orders are for there,
 * between threads that nothing else orders. */
#include <string.h>

#include "core/mem/slab.h"
#include "core/queue/inject.h"
#include "core/wait/slots.h"
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

enum { LARGE = TPP_SLAB_SIZE / 2 - 256 }; /* two to a slab */

/* ---- slots ----------------------------------------------------------------------------------- */

static void make_slot(void *kind)
{
    (void)tpi_slab_new((enum tpi_kind)(uintptr_t)kind, LARGE, NULL);
}

/* Handles that were guessed, while the first slabs are made. */
PART(part__a_guess_finds_a_whole_slab_or_none)
{
    tpps_thread one = tpps_spawn(make_slot, SCENE_WORD(TPI_KIND_EVENT)),
                other = tpps_spawn(make_slot, SCENE_WORD(TPI_KIND_MUTEX));
    for (uint32_t guess = 0; guess < 6; guess++) {
        struct tpi_slot *slot = tpi_slab_at(TPI_KIND_NONE, (guess & 1u) << 10);
        if (slot)
            (void)tpi_slot_generation(slot);
    }
    tpps_join(one);
    tpps_join(other);
}

/* ---- tasks and queues ------------------------------------------------------------------------ */

static struct tpi_inject here, elsewhere;
static struct tpi_task *task;
static uint32_t old_generation;

static struct tpi_task *new_task(uint32_t limit)
{
    struct tpi_slot *slot = tpi_slab_reserve(TPI_KIND_WORK, LARGE, NULL);
    if (!slot)
        tpps_fail("no memory");
    struct tpi_task *made = tpi_container(slot, struct tpi_task, slot);
    tpi_task_init(made, TPI_PRIORITY_NORMAL | limit << TPI_TRAIT_LIMIT_SHIFT, NULL, 0, false);
    (void)tpi_slab_publish(slot, tpp_peek(&slot->generation) + 1);
    return made;
}

static void begin(void)
{
    memset(&here, 0, sizeof here);
    memset(&elsewhere, 0, sizeof elsewhere);
    tpi_inject_init(&here, TPI_PRIORITY_NORMAL);
    tpi_inject_init(&elsewhere, TPI_PRIORITY_NORMAL);
}

static void queue_up(const struct tpi_applied *applied)
{
    if (applied->effects & TPI_EFFECT_ENQUEUE)
        tpi_inject_push(&here, task, tpi_state_epoch(applied->after));
}

static void post(void *posts)
{
    struct tpi_applied applied = tpi_task_apply(task, TPI_EVENT_SUBMIT, (uint32_t)(uintptr_t)posts);
    queue_up(&applied);
}

static struct tpi_task *claim(void)
{
    struct tpi_applied claimed;
    return tpi_inject_claim(&here, NULL, 0, &claimed);
}

static void cancel_late(void *unused)
{
    (void)unused;
    tpps_check(tpi_inject_cancel(&elsewhere, task, old_generation).effects & TPI_EFFECT_REFUSED);
}

static void close_late(void *unused)
{
    (void)unused;
    tpps_check(tpi_task_apply_handle(task, old_generation, TPI_EVENT_CLOSE, 0).effects &
               TPI_EFFECT_REFUSED);
}

/* The place of an object that is closed becomes another one's, of another pool, whose posts wait in
 * another queue, while somebody comes with the old handle. */
static void meet_the_next_life(void (*late)(void *), uint32_t posts, uint32_t claims)
{
    begin();
    (void)new_task(0); /* the other place of the slab */
    task = new_task(0);
    old_generation = tpp_peek(&task->slot.generation);
    (void)tpi_task_apply(task, TPI_EVENT_CLOSE, 0);
    tpps_thread thread = tpps_spawn(late, NULL);
    tpi_slab_free(TPI_KIND_WORK, &task->slot, NULL);
    tpps_check(new_task(0) == task);
    if (posts > 0)
        post(SCENE_WORD(posts));
    for (uint32_t i = 0; i < claims; i++)
        tpps_check(claim() == task);
    tpps_join(thread);
    tpps_check(!(tpp_peek(&task->word) & TPI_STATE_CLOSED));
    for (uint32_t i = claims; i < posts; i++)
        tpps_check(claim() == task);
    tpps_check(tpi_inject_length(&here) == 0 && tpi_inject_length(&elsewhere) == 0);
}

PART(part__a_late_cancel_leaves_the_next_life_in_its_queue)
{
    meet_the_next_life(cancel_late, 1, 0);
}

PART(part__a_late_cancel_leaves_what_went_back_to_its_queue)
{
    meet_the_next_life(cancel_late, 3, 1);
}

PART(part__a_late_close_leaves_the_next_life_open)
{
    meet_the_next_life(close_late, 0, 0);
}

static void rejoin(void *unused)
{
    (void)unused;
    struct tpi_applied applied = tpi_inject_rejoin(&here, task);
    queue_up(&applied);
}

/* The last detached callback ends, and so makes room, beside a post. */
PART(part__a_post_beside_room_that_is_made_is_queued)
{
    begin();
    task = new_task(1);
    post(SCENE_WORD(1));
    tpps_check(claim() == task);
    (void)tpi_inject_disassociate(&here, task);
    tpps_thread other = tpps_spawn(rejoin, NULL), poster = tpps_spawn(post, SCENE_WORD(1));
    tpps_join(other);
    tpps_join(poster);
    tpps_check(claim() == task);
}

/* ---- bits of waits --------------------------------------------------------------------------- */

static void make_room(void *number)
{
    uint32_t mine = (uint32_t)(uintptr_t)number;
    if (!tpi_slots_reserve(mine))
        return;
    tpi_slots_arm(mine);
    tpps_check(tpi_slots_armed(mine) && !tpi_slots_barred(mine));
}

/* Two members of two groups. */
PART(part__room_that_two_make_at_once)
{
    tpps_thread other = tpps_spawn(make_room, SCENE_WORD(1));
    make_room(SCENE_WORD(2));
    tpps_join(other);
}

#define PART_ROW(part) \
    .name = #part, .entry = part##_entry, .leaks_allowed = true, .no_faults = true

static const struct tpps_scenario table[] = {
    {PART_ROW(part__a_guess_finds_a_whole_slab_or_none)},
    {PART_ROW(part__a_late_cancel_leaves_the_next_life_in_its_queue)},
    {PART_ROW(part__a_late_cancel_leaves_what_went_back_to_its_queue)},
    {PART_ROW(part__a_late_close_leaves_the_next_life_open)},
    {PART_ROW(part__a_post_beside_room_that_is_made_is_queued)},
    {PART_ROW(part__room_that_two_make_at_once)},
};

int main(int argc, char **argv)
{
    return scene_main(argc, argv, table, SCENE_COUNT(table));
}
