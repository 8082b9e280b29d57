/* dump.c - a pool in words: its limits, its queues, its threads and what each of them runs. */
#include "core/object/dump.h"

#include <string.h>

#include "core/mem/token.h"
#include "core/object/trade.h"
#include "core/sched/worker.h"

/* What is put goes out when a line ends, or there is no room for more of it. */
struct text {
    int descriptor, error;
    size_t used;
    char bytes[240];
};

static void flush(struct text *text)
{
    if (text->error == 0)
        text->error = tpp_print(text->descriptor, text->bytes, text->used);
    text->used = 0;
}

static void put(struct text *text, const char *words)
{
    for (; *words; words++) {
        text->bytes[text->used++] = *words;
        if (*words == '\n' || text->used == sizeof text->bytes)
            flush(text);
    }
}

/* printf is not for signal handlers. */
static void put_number(struct text *text, uint64_t number, uint64_t base)
{
    char digits[24];
    size_t at = sizeof digits - 1;
    digits[at] = 0;
    do
        digits[--at] = "0123456789abcdef"[number % base];
    while ((number /= base) > 0);
    put(text, digits + at);
}

static void put_count(struct text *text, const char *before, uint64_t number, const char *after)
{
    put(text, before);
    put_number(text, number, 10);
    put(text, after);
}

static void put_address(struct text *text, const char *before, const void *address)
{
    put(text, before);
    put(text, "0x");
    put_number(text, (uintptr_t)address, 16);
}

static void put_pool(struct text *text, struct tpi_pool *pool, const tp_pool_stats_t *stats)
{
    char name[TPI_POOL_NAME_SIZE];
    uint32_t shut = tpp_peek(&pool->shut);
    tpi_pool_name(pool, name);
    put(text, "pool \"");
    put(text, name);
    put_count(text, "\": ", stats->threads, " threads of ");
    put_count(text, "", stats->thread_minimum, "");
    put_count(text, "..", stats->thread_maximum, ", ");
    put_count(text, "", stats->idle_threads, " idle, ");
    put_count(text, "", stats->threads_blocked, " known to block, ");
    put_count(text, "", stats->thread_target, " processors");
    put(text, tpi_pool_driven(pool) ? ", driven by its callers" : "");
    put(text, shut != TPI_SHUT_NOT ? ", shutting down\n" : "\n");
    put_count(text, "  queued: ", stats->pending[TPI_PRIORITY_HIGH], " high, ");
    put_count(text, "", stats->pending[TPI_PRIORITY_NORMAL], " normal, ");
    put_count(text, "", stats->pending[TPI_PRIORITY_LOW], " low; ");
    put_count(text, "running: ", stats->running, "; ");
    put_count(text, "finished: ", stats->executed, "\n");
}

/* The owner changes it while it is read: then the name is one callback's and the rest another's. */
static void put_callback(struct text *text, struct tpi_runs *runs)
{
    void *function = tpp_peek(&runs->function), *handle = tpp_peek(&runs->handle);
    char name[TPI_NAME_SIZE];
    if (!function)
        return;
    put(text, ", runs ");
    put(text, handle ? tpi_trade(tpi_token_kind((uintptr_t)handle))->name
                     : tpi_trade(TPI_KIND_SIMPLE)->name);
    for (uint32_t i = 0; i < sizeof name / sizeof(uint64_t); i++) {
        uint64_t word = tpp_peek(&runs->name[i]);
        memcpy(name + i * sizeof word, &word, sizeof word);
    }
    name[sizeof name - 1] = 0;
    if (name[0]) {
        put(text, " \"");
        put(text, name);
        put(text, "\"");
    }
    if (handle)
        put_address(text, " ", handle);
    put_address(text, ", callback ", function);
}

static void put_thread(struct text *text, struct tpi_worker *worker)
{
    uint64_t id = tpp_peek(&worker->thread_id);
    char state[2] = {0};
    if (id == 0)
        return; /* it has not begun, or is leaving */
    state[0] = tpp_thread_state(id);
    put_count(text, "  thread ", id, " ");
    put(text, state);
    put_callback(text, &worker->runs);
    put(text, tpp_peek(&worker->declared) > 0 ? ", known to block\n" : "\n");
}

tp_status_t tpi_dump(struct tpi_pool *pool, uint32_t generation, int descriptor, int *errno_out)
{
    struct text text = {.descriptor = descriptor};
    tp_pool_stats_t stats = TP_POOL_STATS_INIT;
    tpi_pool_stats_unlocked(pool, &stats);
    put_pool(&text, pool, &stats);
    uint32_t active = tpp_load_acquire(&pool->active); /* [PL2] */
    for (uint32_t id = 0; id < active; id++) {
        struct tpi_worker *worker = tpi_pool_worker(pool, id);
        if (worker && tpp_peek(&worker->alive))
            put_thread(&text, worker);
    }
    *errno_out = text.error;
    if (tpi_slot_generation(&pool->slot) != generation)
        return TP_ERR_HANDLE;
    return text.error == 0 ? TP_OK : TP_ERR_SYSTEM;
}
