/* inject_test.c - the shared queue against a plain list of tasks, and among threads. */
#include "core/queue/inject.h"

#include <pthread.h>
#include <sched.h>

#include "tests/support/tap.h"

#define TASKS 12u
#define LIMIT_OF(task) (tpp_peek(&(task)->traits) >> TPI_TRAIT_LIMIT_SHIFT)

static uint32_t dice = 99;

static uint32_t roll(uint32_t sides)
{
    dice = dice * 1664525u + 1013904223u;
    return (dice >> 8) % sides;
}

static struct tpi_task *new_task(uint32_t limit)
{
    struct tpi_slot *slot = tpi_slab_new(TPI_KIND_WORK, sizeof(struct tpi_task), NULL);
    if (!slot)
        abort();
    struct tpi_task *task = tpi_container(slot, struct tpi_task, slot);
    tpi_task_init(task, TPI_PRIORITY_NORMAL | limit << TPI_TRAIT_LIMIT_SHIFT, NULL, 0, false);
    return task;
}

static uint32_t generation_of(struct tpi_task *task)
{
    return tpi_slot_generation(&task->slot);
}

/* What a submit does: the event, and the queue if the event says so. */
static void post(struct tpi_inject *queue, struct tpi_task *task, uint32_t posts)
{
    struct tpi_applied applied = tpi_task_apply(task, TPI_EVENT_SUBMIT, posts);
    if (applied.effects & TPI_EFFECT_ENQUEUE)
        tpi_inject_push(queue, task, tpi_state_epoch(applied.after));
}

/* What a callback's end does. */
static void finish(struct tpi_inject *queue, struct tpi_task *task)
{
    struct tpi_applied applied = tpi_task_apply(task, TPI_EVENT_FINISH, 0);
    if (applied.effects & TPI_EFFECT_ENQUEUE)
        tpi_inject_push(queue, task, tpi_state_epoch(applied.after));
}

static struct tpi_task *claim(struct tpi_inject *queue)
{
    struct tpi_applied claimed;
    return tpi_inject_claim(queue, NULL, 0, &claimed);
}

TAP_TEST(inject__empty_gives_nothing)
{
    static struct tpi_inject queue;
    tpi_inject_init(&queue, TPI_PRIORITY_HIGH);
    check_eq(tpi_inject_length(&queue), 0);
    check(claim(&queue) == NULL);
    check_eq(tpi_inject_length(&queue), 0);
}

TAP_TEST(inject__first_in_first_out)
{
    static struct tpi_inject queue;
    struct tpi_task *tasks[TASKS];
    tpi_inject_init(&queue, TPI_PRIORITY_NORMAL);
    for (uint32_t i = 0; i < TASKS; i++)
        post(&queue, tasks[i] = new_task(0), 1);
    check_eq(tpi_inject_length(&queue), TASKS);
    for (uint32_t i = 0; i < TASKS; i++)
        check(claim(&queue) == tasks[i]);
    check(claim(&queue) == NULL);
    check_eq(tpi_inject_length(&queue), 0);
}

/* C-071: an object with more posts goes to the tail, so that others have their turn. */
TAP_TEST(inject__c071_objects_with_many_posts_take_turns)
{
    static struct tpi_inject queue;
    struct tpi_task *a = new_task(0), *b = new_task(0);
    tpi_inject_init(&queue, TPI_PRIORITY_NORMAL);
    post(&queue, a, 4);
    post(&queue, b, 2);
    struct tpi_task *const order[] = {a, b, a, b, a, a};
    for (uint32_t i = 0; i < 6; i++) {
        check(tpi_inject_length(&queue) > 0);
        check(claim(&queue) == order[i]);
    }
    check(claim(&queue) == NULL);
}

TAP_TEST(inject__a_push_that_came_too_late_is_left_alone)
{
    static struct tpi_inject queue;
    struct tpi_task *task = new_task(0);
    tpi_inject_init(&queue, TPI_PRIORITY_NORMAL);
    struct tpi_applied applied = tpi_task_apply(task, TPI_EVENT_SUBMIT, 1);
    check_eq(applied.effects, TPI_EFFECT_ENQUEUE);
    uint32_t epoch = tpi_state_epoch(applied.after);
    check(!(tpi_inject_cancel(&queue, task, generation_of(task)).effects & TPI_EFFECT_REFUSED));
    tpi_inject_push(&queue, task, epoch); /* it was cancelled on its way */
    check_eq(tpi_inject_length(&queue), 0);
    post(&queue, task, 1);
    tpi_inject_push(&queue, task, epoch); /* the old push, later still */
    tpi_inject_push(&queue, task, tpi_state_epoch(tpp_peek(&task->word))); /* or twice */
    check_eq(tpi_inject_length(&queue), 1);
    check(claim(&queue) == task);
    check(claim(&queue) == NULL);
}

TAP_TEST(inject__cancel_takes_it_out_of_the_middle)
{
    static struct tpi_inject queue;
    struct tpi_task *tasks[3];
    tpi_inject_init(&queue, TPI_PRIORITY_NORMAL);
    for (uint32_t i = 0; i < 3; i++)
        post(&queue, tasks[i] = new_task(0), 5);
    struct tpi_applied refused = tpi_inject_cancel(&queue, tasks[1], generation_of(tasks[1]) + 2);
    check(refused.effects & TPI_EFFECT_REFUSED);
    check_eq(tpi_inject_length(&queue), 3);
    struct tpi_applied dropped = tpi_inject_cancel(&queue, tasks[1], generation_of(tasks[1]));
    check_eq(tpi_state_pending(dropped.before), 5);
    check_eq(tpi_state_pending(dropped.after), 0);
    check_eq(tpi_inject_length(&queue), 2);
    check(claim(&queue) == tasks[0]);
    check(claim(&queue) == tasks[2]);
    check(claim(&queue) == tasks[0]);
}

TAP_TEST(inject__help_takes_the_last_post_out_of_the_queue)
{
    static struct tpi_inject queue;
    struct tpi_task *task = new_task(0);
    tpi_inject_init(&queue, TPI_PRIORITY_NORMAL);
    check(tpi_inject_help(&queue, task, generation_of(task)).effects & TPI_EFFECT_REFUSED);
    post(&queue, task, 2);
    check_eq(tpi_inject_help(&queue, task, generation_of(task)).effects, 0);
    check_eq(tpi_inject_length(&queue), 1);
    check_eq(tpi_inject_help(&queue, task, generation_of(task)).effects, TPI_EFFECT_UNLINK);
    check_eq(tpi_inject_length(&queue), 0);
    check(claim(&queue) == NULL);
}

TAP_TEST(inject__a_limit_keeps_posts_until_there_is_room)
{
    static struct tpi_inject queue;
    struct tpi_task *task = new_task(1);
    tpi_inject_init(&queue, TPI_PRIORITY_NORMAL);
    post(&queue, task, 3);
    check(claim(&queue) == task);
    check_eq(tpi_inject_length(&queue), 0);
    check_eq(tpi_inject_disassociate(&queue, task).effects, 0);
    check_eq(tpp_peek(&task->detached), 1);
    check(claim(&queue) == NULL); /* a disassociated callback still counts */
    struct tpi_applied back = tpi_inject_rejoin(&queue, task);
    check_eq(back.effects, TPI_EFFECT_ENQUEUE);
    tpi_inject_push(&queue, task, tpi_state_epoch(back.after));
    check(claim(&queue) == task);
    finish(&queue, task);
    check(claim(&queue) == task);
    finish(&queue, task);
    check(claim(&queue) == NULL);
}

TAP_TEST(inject__a_batch_moves_into_the_ring_as_valid_tickets)
{
    static struct tpi_inject queue;
    static struct tpi_ring ring;
    struct tpi_task *tasks[TASKS];
    struct tpi_applied claimed;
    uint64_t ticket, tickets[TASKS];
    tpi_inject_init(&queue, TPI_PRIORITY_NORMAL);
    for (uint32_t i = 0; i < TASKS; i++)
        post(&queue, tasks[i] = new_task(0), 1);
    check(tpi_inject_claim(&queue, &ring, 5, &claimed) == tasks[0]);
    check_eq(tpi_state_running(claimed.after), 1);
    check_eq(tpi_inject_length(&queue), TASKS - 6);
    check_eq(tpi_ring_size(&ring), 5);
    for (uint32_t i = 0; i < 5; i++) {
        check(tpi_ring_pop(&ring, &ticket));
        check(tpi_ticket_task(ticket) == tasks[i + 1]);
        check_eq(tpi_ticket_epoch(ticket), tpi_state_epoch(tpp_peek(&tasks[i + 1]->word)));
        tickets[i] = ticket;
    }
    /* Back they go, all but the one that was cancelled meanwhile. */
    tpi_inject_cancel(&queue, tasks[2], generation_of(tasks[2]));
    tpi_inject_push_tickets(&queue, tickets, 5);
    check_eq(tpi_inject_length(&queue), TASKS - 6 + 4);
    for (uint32_t i = 6; i < TASKS; i++)
        check(claim(&queue) == tasks[i]);
    uint32_t const back[] = {1, 3, 4, 5};
    for (uint32_t i = 0; i < 4; i++)
        check(claim(&queue) == tasks[back[i]]);
    check(claim(&queue) == NULL);
}

/* ---- model: a list of objects, each with a number of posts and a limit ----------------------- */

struct model {
    uint32_t order[TASKS]; /* who stands in the queue, oldest first */
    uint32_t length;
    struct {
        uint32_t pending, running, limit;
        bool queued;
    } objects[TASKS];
};

static bool room(const struct model *model, uint32_t object)
{
    uint32_t limit = model->objects[object].limit;
    return model->objects[object].running < (limit ? limit : TPI_STATE_ROOM_MAX);
}

static void model_queue(struct model *model, uint32_t object)
{
    if (model->objects[object].queued || model->objects[object].pending == 0 ||
        !room(model, object))
        return;
    model->objects[object].queued = true;
    model->order[model->length++] = object;
}

static void model_unqueue(struct model *model, uint32_t object)
{
    uint32_t at = 0;
    if (!model->objects[object].queued)
        return;
    while (model->order[at] != object)
        at++;
    memmove(&model->order[at], &model->order[at + 1],
            (model->length - at - 1) * sizeof model->order[0]);
    model->length--;
    model->objects[object].queued = false;
}

/* Who is claimed next: whoever has no room loses the slot on the way. TASKS: nobody. */
static uint32_t model_claim(struct model *model)
{
    while (model->length > 0) {
        uint32_t first = model->order[0];
        model_unqueue(model, first);
        if (!room(model, first))
            continue;
        model->objects[first].pending--;
        model->objects[first].running++;
        model_queue(model, first);
        return first;
    }
    return TASKS;
}

static void random_step(struct tpi_inject *queue, struct tpi_task **tasks, struct model *model)
{
    uint32_t object = roll(TASKS), posts = 1 + roll(3);
    switch (roll(6)) {
    case 0:
    case 1:
        post(queue, tasks[object], posts);
        model->objects[object].pending += posts;
        model_queue(model, object);
        break;
    case 2:
    case 3: {
        struct tpi_task *got = claim(queue);
        uint32_t expected = model_claim(model);
        check(got == (expected < TASKS ? tasks[expected] : NULL));
        break;
    }
    case 4:
        if (model->objects[object].running == 0)
            break;
        finish(queue, tasks[object]);
        model->objects[object].running--;
        model_queue(model, object);
        break;
    default:
        if (roll(4))
            break;
        tpi_inject_cancel(queue, tasks[object], generation_of(tasks[object]));
        model_unqueue(model, object);
        model->objects[object].pending = 0;
    }
}

/* A helped claim may leave an object queued without room: only then does a claim meet one. */
static void random_help(struct tpi_inject *queue, struct tpi_task **tasks, struct model *model)
{
    uint32_t object = roll(TASKS);
    bool possible = model->objects[object].pending > 0 && room(model, object);
    struct tpi_applied helped = tpi_inject_help(queue, tasks[object], generation_of(tasks[object]));
    check_eq(!(helped.effects & TPI_EFFECT_REFUSED), possible);
    if (!possible)
        return;
    model->objects[object].running++;
    if (--model->objects[object].pending == 0)
        model_unqueue(model, object);
}

TAP_TEST(inject__behaves_as_a_list_of_objects)
{
    static struct tpi_inject queue;
    struct tpi_task *tasks[TASKS];
    struct model model = {.length = 0};
    tpi_inject_init(&queue, TPI_PRIORITY_NORMAL);
    for (uint32_t i = 0; i < TASKS; i++) {
        model.objects[i].limit = i % 4;
        tasks[i] = new_task(model.objects[i].limit);
    }
    for (uint32_t i = 0; i < 200000; i++) {
        if (roll(12) == 0)
            random_help(&queue, tasks, &model);
        else
            random_step(&queue, tasks, &model);
        check_eq(tpi_inject_length(&queue), model.length);
    }
    for (uint32_t i = 0; i < TASKS; i++) {
        check_eq(tpi_state_pending(tpp_peek(&tasks[i]->word)), model.objects[i].pending);
        check_eq(tpi_state_running(tpp_peek(&tasks[i]->word)), model.objects[i].running);
    }
}

/* ---- among threads: each post is claimed or cancelled once ----------------------------------- */

#define POSTERS 2
#define TAKERS 2
#define POSTS 40000u
static struct tpi_inject stress;
static struct tpi_task *stressed[TASKS];
static tpp_u32 claimed, dropped, running_peak, posters_done;

static void *poster_main(void *memory)
{
    uint32_t own = (uint32_t)(uintptr_t)memory * 7919u;
    for (uint32_t i = 0; i < POSTS; i++) {
        own = own * 1664525u + 1013904223u;
        struct tpi_task *task = stressed[(own >> 8) % TASKS];
        post(&stress, task, 1);
        if (own % 64 == 0) {
            struct tpi_applied gone = tpi_inject_cancel(&stress, task, generation_of(task));
            if (!(gone.effects & TPI_EFFECT_REFUSED))
                tpp_add_relaxed(&dropped, tpi_state_pending(gone.before));
        }
    }
    tpp_add_acq_rel(&posters_done, 1);
    return NULL;
}

static void *taker_main(void *memory)
{
    (void)memory;
    for (;;) {
        bool over = tpp_load_acquire(&posters_done) == POSTERS;
        struct tpi_task *task = claim(&stress);
        if (!task && over)
            return NULL;
        if (!task) {
            sched_yield();
            continue;
        }
        uint32_t limit = LIMIT_OF(task);
        if (limit > 0 && tpi_state_running(tpp_load_acquire(&task->word)) > limit)
            tpp_add_relaxed(&running_peak, 1);
        tpp_add_relaxed(&claimed, 1);
        finish(&stress, task);
    }
}

TAP_TEST(inject__threads_claim_or_cancel_each_post_once)
{
    pthread_t threads[POSTERS + TAKERS];
    tpi_inject_init(&stress, TPI_PRIORITY_NORMAL);
    for (uint32_t i = 0; i < TASKS; i++)
        stressed[i] = new_task(i % 3);
    for (uintptr_t i = 0; i < POSTERS + TAKERS; i++)
        check_eq(pthread_create(&threads[i], NULL, i < POSTERS ? poster_main : taker_main,
                                (void *)(i + 1)),
                 0);
    for (uint32_t i = 0; i < POSTERS + TAKERS; i++)
        check_eq(pthread_join(threads[i], NULL), 0);
    /* The last finish of one taker may queue what the other no longer came for. */
    for (struct tpi_task *task; (task = claim(&stress)); finish(&stress, task))
        tpp_add_relaxed(&claimed, 1);
    check_eq(tpp_load_acquire(&claimed) + tpp_load_acquire(&dropped), POSTERS * POSTS);
    check_eq(tpp_load_acquire(&running_peak), 0);
    check_eq(tpi_inject_length(&stress), 0);
    for (uint32_t i = 0; i < TASKS; i++)
        check(tpi_state_quiet(tpp_peek(&stressed[i]->word)));
}

int main(void)
{
    tap_run(inject__empty_gives_nothing);
    tap_run(inject__first_in_first_out);
    tap_run(inject__c071_objects_with_many_posts_take_turns);
    tap_run(inject__a_push_that_came_too_late_is_left_alone);
    tap_run(inject__cancel_takes_it_out_of_the_middle);
    tap_run(inject__help_takes_the_last_post_out_of_the_queue);
    tap_run(inject__a_limit_keeps_posts_until_there_is_room);
    tap_run(inject__a_batch_moves_into_the_ring_as_valid_tickets);
    tap_run(inject__behaves_as_a_list_of_objects);
    tap_run(inject__threads_claim_or_cancel_each_post_once);
    return tap_done();
}
