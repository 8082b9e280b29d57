/* stage.c - the part of the stage that is the same in both worlds. */
#include "tests/support/stage.h"

#include <string.h>

#include "core/mem/slab.h"
#include "core/os/lock.h"
#include "core/sched/pool.h"

#define LOOKS 35 /* with growing pauses, about 25 s in all */

/* ---- counters -------------------------------------------------------------------------------- */

void stage_add(stage_counter_t *counter, uint32_t amount)
{
    tpp_add_acq_rel(&counter->value, amount);
    tpp_wake(&counter->value, UINT32_MAX);
}

uint32_t stage_value(stage_counter_t *counter)
{
    return tpp_load_acquire(&counter->value);
}

bool stage_await_for(stage_counter_t *counter, uint32_t at_least, int64_t timeout)
{
    int64_t deadline = timeout == TP_INFINITE ? TPP_FOREVER : stage_now() + timeout;
    uint32_t seen = stage_value(counter);
    while (seen < at_least) {
        if (!tpp_wait(&counter->value, seen, deadline))
            return stage_value(counter) >= at_least;
        seen = stage_value(counter);
    }
    return true;
}

void stage_await(stage_counter_t *counter, uint32_t at_least)
{
    (void)stage_await_for(counter, at_least, TP_INFINITE);
}

uint32_t stage_enter(struct stage_peak *peak)
{
    uint32_t inside = tpp_add_acq_rel(&peak->inside, 1) + 1;
    uint32_t most = tpp_load_acquire(&peak->most);
    while (most < inside && !tpp_cas_acq_rel(&peak->most, &most, inside))
        ;
    return inside;
}

void stage_leave(struct stage_peak *peak)
{
    tpp_sub_acq_rel(&peak->inside, 1);
}

uint32_t stage_most(struct stage_peak *peak)
{
    return tpp_load_acquire(&peak->most);
}

/* ---- order ----------------------------------------------------------------------------------- */

void stage_log_add(struct stage_log *log, char letter)
{
    uint32_t at = tpp_add_acq_rel(&log->count, 1);
    if (at < STAGE_LOG_MAX)
        tpp_store_release(&log->letters[at], (unsigned char)letter);
}

const char *stage_log_text(struct stage_log *log)
{
    uint32_t count = tpp_load_acquire(&log->count);
    if (count > STAGE_LOG_MAX)
        count = STAGE_LOG_MAX;
    for (uint32_t i = 0; i < count; i++)
        log->text[i] = (char)tpp_load_acquire(&log->letters[i]);
    log->text[count] = 0;
    return log->text;
}

bool stage_log_is(struct stage_log *log, const char *expected)
{
    return strcmp(stage_log_text(log), expected) == 0;
}

/* ---- short ways ------------------------------------------------------------------------------ */

tp_pool_t *stage_pool(uint32_t minimum, uint32_t maximum)
{
    tp_pool_config_t config = TP_POOL_CONFIG_INIT;
    tp_pool_t *pool;
    config.thread_minimum = minimum;
    config.thread_maximum = maximum;
    stage_expect_eq(tp_pool_create(&config, &pool), TP_OK);
    return pool;
}

tp_env_t *stage_env(tp_pool_t *pool)
{
    tp_env_t *env;
    stage_expect_eq(tp_env_create(&env), TP_OK);
    stage_expect_eq(tp_env_set_pool(env, pool), TP_OK);
    return env;
}

tp_work_t *stage_work(tp_work_fn callback, void *context, const tp_env_t *env)
{
    tp_work_t *work;
    stage_expect_eq(tp_work_create(callback, context, env, &work), TP_OK);
    return work;
}

tp_pool_stats_t stage_stats(tp_pool_t *pool)
{
    tp_pool_stats_t stats = TP_POOL_STATS_INIT;
    stage_expect_eq(tp_pool_get_stats(pool, &stats), TP_OK);
    return stats;
}

void stage_finish(tp_work_t *work)
{
    stage_expect_eq(tp_work_wait(work, false, TP_INFINITE), TP_OK);
    stage_expect_eq(tp_work_close(work), TP_OK);
}

/* ---- the gate -------------------------------------------------------------------------------- */

static void block(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct stage_gate *gate = context;
    (void)instance;
    (void)work;
    uint32_t round = gate->rounds;
    stage_add(&gate->entered, 1);
    stage_await(&gate->opened, round);
}

void stage_gate_shut(struct stage_gate *gate)
{
    stage_expect_eq(tp_work_wait(gate->blocker, false, TP_INFINITE), TP_OK);
    gate->rounds++;
    stage_expect_eq(tp_work_submit(gate->blocker), TP_OK);
    stage_await(&gate->entered, gate->rounds);
}

void stage_gate_init(struct stage_gate *gate, const tp_pool_config_t *config_or_null)
{
    tp_pool_config_t config = TP_POOL_CONFIG_INIT;
    memset(gate, 0, sizeof *gate);
    if (config_or_null)
        config = *config_or_null;
    config.thread_maximum = 1;
    stage_expect_eq(tp_pool_create(&config, &gate->pool), TP_OK);
    tp_env_t *env = stage_gate_env(gate);
    gate->blocker = stage_work(block, gate, env);
    stage_expect_eq(tp_env_destroy(env), TP_OK);
    stage_gate_shut(gate);
}

void stage_gate_open(struct stage_gate *gate)
{
    stage_add(&gate->opened, 1);
}

tp_env_t *stage_gate_env(struct stage_gate *gate)
{
    return stage_env(gate->pool);
}

void stage_gate_fini(struct stage_gate *gate)
{
    if (stage_value(&gate->opened) < gate->rounds)
        stage_gate_open(gate);
    stage_finish(gate->blocker);
    stage_expect_eq(tp_pool_close(gate->pool), TP_OK);
}

/* ---- waiting for what the library does by and by --------------------------------------------- */

void stage_pass(int64_t duration)
{
    stage_until(stage_now() + duration);
}

/* Counted in looks, not in time: the simulator's clock may leap. */
bool stage_eventually(bool (*condition)(void *), void *arg)
{
    int64_t pause = STAGE_MS / 8;
    for (uint32_t look = 0; look < LOOKS; look++) {
        if (condition(arg))
            return true;
        stage_rest();
        if (condition(arg))
            return true;
        stage_pass(pause);
        if (pause < STAGE_S)
            pause += pause;
    }
    return condition(arg);
}

static bool few_threads(void *arg)
{
    return stage_library_threads() <= *(uint32_t *)arg;
}

bool stage_library_threads_fall_to(uint32_t most)
{
    return stage_eventually(few_threads, &most);
}

/* ---- misuse ---------------------------------------------------------------------------------- */

static struct {
    struct tpi_lock lock;
    uint32_t count;
    tp_status_t status;
    char function[64];
} misuse;

static void heard(void *context, const char *function, tp_status_t status, const char *message)
{
    (void)context;
    (void)message;
    tpi_lock_take(&misuse.lock);
    misuse.count++;
    misuse.status = status;
    strncpy(misuse.function, function, sizeof misuse.function - 1);
    tpi_lock_drop(&misuse.lock);
}

uint32_t stage_misuses(void)
{
    tpi_lock_take(&misuse.lock);
    uint32_t count = misuse.count;
    tpi_lock_drop(&misuse.lock);
    return count;
}

tp_status_t stage_misuse_status(void)
{
    tpi_lock_take(&misuse.lock);
    tp_status_t status = misuse.status;
    tpi_lock_drop(&misuse.lock);
    return status;
}

const char *stage_misuse_function(void)
{
    return misuse.function;
}

/* ---- before and after ------------------------------------------------------------------------ */

void stage_begin_(void)
{
    memset(&misuse, 0, sizeof misuse);
    stage_expect_eq(tp_set_misuse_hook(heard, NULL), TP_OK);
}

/* The default pool stays; every other object goes, though its last thread may take its time. */
static const char *left_over(void)
{
    static const struct {
        enum tpi_kind kind;
        const char *name;
    } kinds[] = {
        {TPI_KIND_WORK, "a work object"},
        {TPI_KIND_TIMER, "a timer"},
        {TPI_KIND_WAIT, "a wait"},
        {TPI_KIND_IO, "an I/O object"},
        {TPI_KIND_OPERATION, "an I/O operation"},
        {TPI_KIND_SOURCE, "a source"},
        {TPI_KIND_SIMPLE, "a simple callback"},
        {TPI_KIND_GROUP, "a group"},
        {TPI_KIND_ENV, "an environment"},
        {TPI_KIND_EVENT, "an event"},
        {TPI_KIND_SEMAPHORE, "a semaphore"},
        {TPI_KIND_MUTEX, "a mutex"},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (tpi_slab_in_use(kinds[i].kind) != 0)
            return kinds[i].name;
    return NULL;
}

struct pools {
    uint32_t of_the_process, others;
};

static bool count_pool(struct tpi_slot *slot, void *arg)
{
    struct tpi_pool *pool = tpi_container(slot, struct tpi_pool, slot);
    struct pools *pools = arg;
    if (!(tpp_load_acquire(&pool->birth) & 1))
        return true; /* it has no life now */
    if (pool->is_default)
        pools->of_the_process++;
    else
        pools->others++;
    return true;
}

static bool nothing_left(void *arg)
{
    struct pools pools = {0, 0};
    const char *left = left_over();
    tpi_slab_each(TPI_KIND_POOL, count_pool, &pools);
    if (!left && pools.others > 0)
        left = "a pool";
    if (!left && pools.of_the_process > 1)
        left = "a second default pool";
    *(const char **)arg = left;
    return left == NULL;
}

void stage_end_(void)
{
    const char *left = NULL;
    (void)stage_eventually(nothing_left, &left);
    stage_check_(left == NULL, "after the test", 0, left ? left : "");
    (void)tp_set_misuse_hook(NULL, NULL);
}
