/* part_scenarios.c - parts of the engine by themselves: what memory orders are for there, between
 * threads that nothing else orders. */
#include <string.h>

#include "core/object/wait.h"
#include "core/queue/inject.h"
#include "core/sched/idle.h"
#include "core/wait/slots.h"
#include "core/wait/sources.h"
#include "tests/scenario/scene_part.h"

/* ---- slots ----------------------------------------------------------------------------------- */

static void make_slot(void *kind)
{
    (void)tpi_slab_new((enum tpi_kind)(uintptr_t)kind, PART_LARGE, NULL);
}

static bool look_at(struct tpi_slot *slot, void *unused)
{
    (void)unused;
    (void)tpi_slot_generation(slot);
    return true;
}

/* Handles that were guessed, and who looks at all there are, while the first slabs are made. */
PART(part__a_guess_finds_a_whole_slab_or_none)
{
    tpps_thread one = tpps_spawn(make_slot, SCENE_WORD(TPI_KIND_EVENT)),
                other = tpps_spawn(make_slot, SCENE_WORD(TPI_KIND_MUTEX));
    for (uint32_t guess = 0; guess < 6; guess++) {
        struct tpi_slot *slot = tpi_slab_at(TPI_KIND_NONE, (guess & 1u) << 10);
        if (slot)
            (void)tpi_slot_generation(slot);
        tpi_slab_each(TPI_KIND_EVENT, look_at, NULL);
    }
    tpps_join(one);
    tpps_join(other);
}

/* ---- tasks and queues ------------------------------------------------------------------------ */

static struct tpi_inject here, elsewhere;
static struct tpi_task *task;
static uint32_t old_generation;

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
    (void)part_task(0); /* the other place of the slab */
    task = part_task(0);
    old_generation = tpp_peek(&task->slot.generation);
    (void)tpi_task_apply(task, TPI_EVENT_CLOSE, 0);
    tpps_thread thread = tpps_spawn(late, NULL);
    tpi_slab_free(TPI_KIND_WORK, &task->slot, NULL);
    tpps_check(part_task(0) == task);
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
    task = part_task(1);
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

static struct tpi_pool home;
static struct tpi_bitmap waits;

static struct tpi_wait *make_member(void)
{
    memset(&home, 0, sizeof home);
    memset(&waits, 0, sizeof waits);
    tpi_reactor_begin(&home.reactor);
    struct tpi_slot *reserved = tpi_slab_reserve(TPI_KIND_WAIT, sizeof(struct tpi_wait), NULL);
    tpps_check(reserved);
    struct tpi_wait *made = tpi_container(reserved, struct tpi_wait, object.task.slot);
    tpi_task_init(&made->object.task, TPI_PRIORITY_NORMAL | TPI_TRAIT_GROUPED, &home, 0, false);
    tpi_vigil_init(&made->vigil, &made->object.task);
    (void)tpi_slab_publish(reserved, tpp_peek(&reserved->generation) + 1);
    tpps_check(tpi_wait_join(&waits, &made->object));
    return made;
}

static void bar(void *unused)
{
    (void)unused;
    tpi_waits_bar(&waits);
}

/* A wait is set while its group closes its members. */
PART(part__a_wait_that_is_armed_against_its_bar_is_stopped_by_one_of_the_two)
{
    struct tpi_wanted wanted = {.what = TPI_WANT_NEVER, .timeout = TP_INFINITE};
    struct tpi_wait *made = make_member();
    bool was_armed;
    int error;
    tpps_thread thread = tpps_spawn(bar, NULL);
    tp_status_t status = tpi_vigil_set(&made->vigil, tpp_peek(&made->object.task.slot.generation),
                                       &wanted, &was_armed, &error);
    tpps_join(thread);
    tpps_check(status == TP_OK || status == TP_ERR_CLOSED);
    tpps_check(!made->vigil.armed && home.reactor.waits_armed == 0);
}

/* ---- what is handed on ----------------------------------------------------------------------- */

static struct tpi_idle idle;

static void fall_asleep(void *id)
{
    part_do();
    tpi_idle_set(&idle, (uint32_t)(uintptr_t)id);
}

PART(part__who_takes_a_bit_finds_all_that_was_done_before)
{
    part_begin();
    memset(&idle, 0, sizeof idle);
    tpps_thread thread = tpps_spawn(fall_asleep, SCENE_WORD(0));
    while (!tpi_idle_take(&idle, 0)) /* ends: it is set */
        tpp_cpu_relax();
    part_check_done();
    tpps_join(thread);
}

/* Also if it took another for the lowest at first. */
PART(part__who_takes_the_lowest_bit_finds_all_that_was_done_before)
{
    part_begin();
    memset(&idle, 0, sizeof idle);
    tpi_idle_set(&idle, 1);
    tpps_thread thread = tpps_spawn(fall_asleep, SCENE_WORD(0));
    if (tpi_idle_take_lowest(&idle, TPI_IDLE_NONE) == 0)
        part_check_done();
    tpps_join(thread);
}

static struct tpi_ring ring, thiefs, others;

static void steal(void *unused)
{
    (void)unused;
    part_do();
    tpps_check(tpi_ring_steal(&thiefs, &ring) > 0);
}

PART(part__who_finds_room_in_a_ring_finds_it_read)
{
    part_begin();
    memset(&ring, 0, sizeof ring);
    memset(&thiefs, 0, sizeof thiefs);
    while (tpi_ring_push(&ring, 1)) /* ends: it is full */
        ;
    tpps_thread thread = tpps_spawn(steal, NULL);
    while (!tpi_ring_push(&ring, 2)) /* ends: some are stolen */
        tpp_cpu_relax();
    part_check_done();
    tpps_join(thread);
}

/* A ticket is stolen twice. */
PART(part__who_steals_from_a_thief_finds_what_was_stolen)
{
    uint64_t ticket;
    part_begin();
    memset(&ring, 0, sizeof ring);
    memset(&thiefs, 0, sizeof thiefs);
    memset(&others, 0, sizeof others);
    for (ticket = 1; ticket <= 3; ticket++)
        tpps_check(tpi_ring_push(&ring, ticket));
    tpps_thread thread = tpps_spawn(steal, NULL);
    while (tpi_ring_steal(&others, &thiefs) == 0) /* ends: the first thief has some */
        tpp_cpu_relax();
    tpps_check(tpi_ring_pop(&others, &ticket) && ticket == 1);
    tpps_join(thread);
}

static struct tpi_slot *slot;
static uint32_t before;

static void publish_slot(void *unused)
{
    (void)unused;
    (void)tpi_slab_publish(slot, before + 1);
}

static void make_and_publish(void *unused)
{
    part_do();
    publish_slot(unused);
}

static void free_slot(void *unused)
{
    (void)unused;
    part_do();
    tpi_slab_free(TPI_KIND_WORK, slot, NULL);
}

static void reserve(void)
{
    part_begin();
    slot = tpi_slab_reserve(TPI_KIND_WORK, PART_LARGE, NULL);
    tpps_check(slot);
    before = tpp_peek(&slot->generation);
}

static void await_generation(uint32_t generation)
{
    while (tpi_slot_generation(slot) != generation) /* ends: it gets there */
        tpp_cpu_relax();
    part_check_done();
}

/* Also who has guessed it. */
PART(part__who_sees_a_slot_live_finds_all_that_it_was_made)
{
    reserve();
    tpps_thread thread = tpps_spawn(make_and_publish, NULL);
    await_generation(before + 1);
    tpps_join(thread);
}

/* A slot is published while somebody gives it back: one of the two is late. */
PART(part__who_sees_a_slot_given_back_finds_it_done_with)
{
    reserve();
    tpps_thread publisher = tpps_spawn(publish_slot, NULL), other = tpps_spawn(free_slot, NULL);
    await_generation(before + 2);
    tpps_join(publisher);
    tpps_join(other);
}

static void disarm(void *number)
{
    part_do();
    tpi_slots_disarm((uint32_t)(uintptr_t)number);
}

PART(part__who_finds_a_wait_disarmed_finds_what_came_of_it)
{
    uint32_t number = 5;
    part_begin();
    tpps_check(tpi_slots_reserve(number));
    tpi_slots_arm(number);
    tpps_thread thread = tpps_spawn(disarm, SCENE_WORD(number));
    while (tpi_slots_keep_armed(&number, 1) > 0) /* ends: it is disarmed */
        tpp_cpu_relax();
    part_check_done();
    tpps_join(thread);
}

static struct tpi_sources sources;

static void open_poller(void *unused)
{
    (void)unused;
    part_do();
    tpps_check(tpi_sources_open(&sources) == 0);
}

PART(part__who_finds_a_poller_finds_it_made)
{
    part_begin();
    memset(&sources, 0, sizeof sources);
    tpps_thread thread = tpps_spawn(open_poller, NULL);
    while (!tpi_sources_poller(&sources)) /* ends: it is made */
        tpp_cpu_relax();
    part_check_done();
    tpps_join(thread);
}

static const struct tpps_scenario table[] = {
    {PART_ROW(part__a_guess_finds_a_whole_slab_or_none)},
    {PART_ROW(part__a_late_cancel_leaves_the_next_life_in_its_queue)},
    {PART_ROW(part__a_late_cancel_leaves_what_went_back_to_its_queue)},
    {PART_ROW(part__a_late_close_leaves_the_next_life_open)},
    {PART_ROW(part__a_post_beside_room_that_is_made_is_queued)},
    {PART_ROW(part__room_that_two_make_at_once)},
    {PART_ROW(part__a_wait_that_is_armed_against_its_bar_is_stopped_by_one_of_the_two)},
    {PART_ROW(part__who_takes_a_bit_finds_all_that_was_done_before)},
    {PART_ROW(part__who_takes_the_lowest_bit_finds_all_that_was_done_before)},
    {PART_ROW(part__who_finds_room_in_a_ring_finds_it_read)},
    {PART_ROW(part__who_steals_from_a_thief_finds_what_was_stolen)},
    {PART_ROW(part__who_sees_a_slot_live_finds_all_that_it_was_made)},
    {PART_ROW(part__who_sees_a_slot_given_back_finds_it_done_with)},
    {PART_ROW(part__who_finds_a_wait_disarmed_finds_what_came_of_it)},
    {PART_ROW(part__who_finds_a_poller_finds_it_made)},
};

int main(int argc, char **argv)
{
    return scene_main(argc, argv, table, SCENE_COUNT(table));
}
