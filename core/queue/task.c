/* task.c - carries events out on the state word of a task. */
#include "core/queue/task.h"

void tpi_task_init(struct tpi_task *task, uint32_t traits, void *home, uint32_t home_generation,
                   bool submitted)
{
    tpp_store_relaxed(&task->traits, traits); /* relaxed, all: released with the word below */
    tpp_store_relaxed(&task->home, home);
    tpp_store_relaxed(&task->home_generation, home_generation);
    uint64_t epoch = tpp_peek(&task->word) & ~((UINT64_C(1) << TPI_STATE_EPOCH_SHIFT) - 1);
    /* [ST1] release: a latecomer that finds this life's word finds its generation and home too. */
    tpp_store_release(&task->word,
                      submitted ? epoch | TPI_STATE_QUEUED | TPI_STATE_CLOSED | 1 : epoch);
}

/* How many callbacks may run associated at once, given how many run detached now. */
static uint32_t room(struct tpi_task *task)
{
    /* relaxed: read after the acquire of the word; a change in between changes the word's epoch
     * unless the task is queued, and then a claim that misses it is tried again (RETRY). */
    uint32_t limit = tpp_load_relaxed(&task->traits) >> TPI_TRAIT_LIMIT_SHIFT;
    if (limit == 0)
        return TPI_STATE_ROOM_MAX;
    uint32_t detached = tpp_load_relaxed(&task->detached);
    return limit > detached ? limit - detached : 0;
}

/* One try; true when the event took effect, or was refused for good. */
static bool try_event(struct tpi_task *task, enum tpi_event event, uint32_t count,
                      struct tpi_applied *applied)
{
    uint64_t word = applied->before;
    struct tpi_step step = tpi_state_step(word, event, count, room(task));
    applied->after = step.next;
    applied->effects = step.effects;
    applied->cancels = 0;
    /* [CN1] relaxed, but before the swap, whose release keeps it there: a cancel that finds the
     * claim counts afterwards, so the callback that was claimed sees a change. */
    if ((event == TPI_EVENT_CLAIM || event == TPI_EVENT_HELP) &&
        tpi_task_kind(task) != TPI_KIND_BRIEF)
        applied->cancels = tpp_load_relaxed(&task->cancels);
    if (step.next == word)
        return true;
    /* [ST1] acq_rel: each transition sees everything that led to the word it found and hands it on:
     * a submit to the callback it causes, a finish to whoever waits. */
    return tpp_cas_acq_rel(&task->word, &applied->before, step.next);
}

struct tpi_applied tpi_task_apply(struct tpi_task *task, enum tpi_event event, uint32_t count)
{
    struct tpi_applied applied = {.before = tpp_load_acquire(&task->word)}; /* [ST1] */
    while (!try_event(task, event, count, &applied))
        ; /* ends: a failed swap means that somebody else's event took effect */
    return applied;
}

struct tpi_target tpi_task_target(struct tpi_task *task)
{
    /* relaxed: set before the word was released in tpi_task_init, constant for a life. */
    return (struct tpi_target){
        .home = tpp_load_relaxed(&task->home),
        .home_generation = tpp_load_relaxed(&task->home_generation),
        .priority = tpi_traits_priority(tpp_load_relaxed(&task->traits)),
    };
}

struct tpi_applied tpi_task_apply_handle(struct tpi_task *task, uint32_t generation,
                                         enum tpi_event event, uint32_t count)
{
    struct tpi_applied applied = {.before = tpp_load_acquire(&task->word)}; /* [ST1] */
    do {
        /* The word was read before the generation, so a word of a later life comes with a later
         * generation; and a life that ends after this look changes the epoch: the swap fails. */
        if (tpi_slot_generation(&task->slot) != generation) {
            applied.effects = TPI_EFFECT_REFUSED;
            applied.after = applied.before;
            return applied;
        }
    } while (!try_event(task, event, count, &applied));
    return applied;
}

void tpi_task_wake(struct tpi_task *task)
{
    /* [ST2] release (as part of acq_rel): pairs with the acquire in the waiter's loop, which looks
     * at the word only after it has read done_seq. */
    tpp_add_acq_rel(&task->done_seq, 1);
    tpp_wake(&task->done_seq, UINT32_MAX);
}
