/* task.c - the beginning of a task, and waking who waits for it. */
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

void tpi_task_wake(struct tpi_task *task)
{
    /* [ST2] release (as part of acq_rel): pairs with the acquire in the waiter's loop, which looks
     * at the word only after it has read done_seq. */
    tpp_add_acq_rel(&task->done_seq, 1);
    tpp_wake(&task->done_seq, UINT32_MAX);
}
