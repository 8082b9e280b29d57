/* close_test.c - two threads close one handle; one guesses what another is just creating. */
#include <sched.h>

#include "tests/capi/calls.h"

/* ---- two threads close the same handle ------------------------------------------------------- */

static tpp_ptr contested; /* the handle of this round; NULL: the round is over */
static tpp_u32 round_number, answers, won, stop;
static tp_status_t (*closer)(void *);

static void contend(void *handle)
{
    tp_status_t status = closer(handle);
    if (status == TP_OK)
        tpp_add_acq_rel(&won, 1);
    else if (status != TP_ERR_HANDLE)
        tpp_add_acq_rel(&won, 1000);
    tpp_add_acq_rel(&answers, 1);
}

static void *second_closer(void *memory)
{
    uint32_t seen = 0;
    (void)memory;
    while (!tpp_load_acquire(&stop)) {
        uint32_t now = tpp_load_acquire(&round_number);
        if (now == seen) {
            sched_yield();
            continue;
        }
        seen = now;
        contend(tpp_load_acquire(&contested));
    }
    return NULL;
}

static void *make(const struct row *row)
{
    union {
        tp_pool_t *pool;
        tp_env_t *env;
        tp_work_t *work;
        tp_cleanup_group_t *group;
        tp_event_t *event;
        tp_semaphore_t *semaphore;
        tp_mutex_t *mutex;
        void *any;
    } made = {.any = NULL};
    tp_status_t status = TP_ERR_STATE;
    if (row->kind == TPI_KIND_POOL)
        status = tp_pool_create(NULL, &made.pool);
    else if (row->kind == TPI_KIND_ENV)
        status = tp_env_create(&made.env);
    else if (row->kind == TPI_KIND_WORK)
        status = tp_work_create(count_run, NULL, live.env, &made.work);
    else if (row->kind == TPI_KIND_GROUP)
        status = tp_cleanup_group_create(&made.group);
    else if (row->kind == TPI_KIND_EVENT)
        status = tp_event_create(true, false, &made.event);
    else if (row->kind == TPI_KIND_SEMAPHORE)
        status = tp_semaphore_create(0, 1, &made.semaphore);
    else
        status = tp_mutex_create(true, &made.mutex);
    check_eq(status, TP_OK);
    return made.any;
}

static void contest(const struct row *row, uint32_t rounds)
{
    unsigned wrong = 0;
    closer = row->call;
    for (uint32_t i = 0; i < rounds; i++) {
        void *handle = make(row);
        bool busy = row->kind == TPI_KIND_WORK && i % 2 && tp_work_submit(handle) == TP_OK;
        tpp_store_relaxed(&won, 0);
        tpp_store_relaxed(&answers, 0);
        tpp_store_relaxed(&contested, handle);
        tpp_add_acq_rel(&round_number, 1);
        for (uint32_t turns = i * 7 % 50; turns > 0; turns--)
            tpp_cpu_relax();
        contend(handle);
        while (tpp_load_acquire(&answers) < 2)
            sched_yield();
        wrong += tpp_load_acquire(&won) != 1;
        (void)busy;
    }
    check_eq(wrong, 0);
}

TAP_TEST(close__two_close_at_once_exactly_one_succeeds)
{
    uint32_t rounds = TAP_UNDER_TSAN ? 2000 : 10000, before[TPI_KIND_COUNT], after[TPI_KIND_COUNT];
    pthread_t other;
    tap_timeout(120);
    require(pthread_create(&other, NULL, second_closer, NULL) == 0);
    in_use(before);
    for (size_t r = 0; r < COUNT(rows); r++)
        if (rows[r].null_allowed && strstr(rows[r].function, "_set_") == NULL &&
            (strstr(rows[r].function, "_close") || strstr(rows[r].function, "_destroy")))
            contest(&rows[r], rows[r].kind == TPI_KIND_WORK ? 4 * rounds : rounds);
    tpp_store_release(&stop, 1);
    pthread_join(other, NULL);
    check_eq(tp_work_wait(live.work, false, TP_INFINITE), TP_OK);
    for (int i = 0; i < 1000 && tpi_slab_in_use(TPI_KIND_WORK) > before[TPI_KIND_WORK]; i++)
        usleep(10000); /* a callback of a closed object may still be at its end */
    in_use(after);
    check_eq(after[TPI_KIND_WORK], before[TPI_KIND_WORK]);
    check_eq(after[TPI_KIND_POOL], before[TPI_KIND_POOL]);
    check_eq(after[TPI_KIND_EVENT], before[TPI_KIND_EVENT]);
    check_eq(after[TPI_KIND_MUTEX], before[TPI_KIND_MUTEX]);
}
/* ---- a handle that is guessed while its object is being made --------------------------------- */

static tpp_ptr last_made;
static tpp_u32 made_all;

/* What follows the last handle will be a handle soon, or is one just now. */
static void *guess(void *memory)
{
    (void)memory;
    for (uint32_t i = 0; !tpp_load_acquire(&made_all); i++) {
        uintptr_t token = (uintptr_t)tpp_load_relaxed(&last_made);
        tp_work_t *guessed = (tp_work_t *)(token + i % 8);
        tp_status_t status = tp_work_submit(guessed);
        check(status == TP_OK || status == TP_ERR_HANDLE);
        status = i % 64 ? tp_work_wait(guessed, true, 0) : tp_work_close(guessed);
        check(status == TP_OK || status == TP_ERR_HANDLE || status == TP_ERR_TIMEOUT);
    }
    return NULL;
}

TAP_TEST(close__a_guessed_handle_is_of_a_whole_object_or_of_none)
{
    uint32_t before[TPI_KIND_COUNT], count = TAP_UNDER_TSAN ? 5000 : 50000;
    pthread_t other;
    tap_timeout(120);
    in_use(before);
    require(pthread_create(&other, NULL, guess, NULL) == 0);
    tp_work_t **made = calloc(count, sizeof(tp_work_t *));
    require(made);
    for (uint32_t i = 0; i < count; i++) {
        check_eq(tp_work_create(count_run, NULL, live.env, &made[i]), TP_OK);
        tpp_store_relaxed(&last_made, made[i]);
    }
    tpp_store_release(&made_all, 1);
    pthread_join(other, NULL);
    for (uint32_t i = 0; i < count; i++) {
        tp_status_t status = tp_work_close(made[i]);
        check(status == TP_OK || status == TP_ERR_HANDLE);
    }
    free(made);
    for (int i = 0; i < 1000 && tpi_slab_in_use(TPI_KIND_WORK) > before[TPI_KIND_WORK]; i++)
        usleep(10000);
    check_eq(tpi_slab_in_use(TPI_KIND_WORK), before[TPI_KIND_WORK]);
}

int main(void)
{
    build_live();
    tap_run(close__two_close_at_once_exactly_one_succeeds);
    tap_run(close__a_guessed_handle_is_of_a_whole_object_or_of_none);
    use_live();
    close_live();
    return tap_done();
}
