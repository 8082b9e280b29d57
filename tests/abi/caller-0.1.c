/* caller-0.1.c - a program written for tp 0.1: built with the headers of 0.1, run with today's tp.
 *
 * It uses every function of that release the way a program would, and never changes. What waits for
 * something, timers, waits and I/O, is in its second part, caller-0.1-events.c. */
#include <dlfcn.h>
#include <pthread.h>

#include "tests/abi/caller-0.1.h"

/* ---- The library ----------------------------------------------------------------------------- */

static size_t memory_calls;
static unsigned misuses;

static void *give_memory(void *context, size_t size, size_t alignment)
{
    void *memory = NULL;

    __atomic_add_fetch((size_t *)context, 1, __ATOMIC_RELAXED);
    if (alignment < sizeof(void *))
        alignment = sizeof(void *);
    return posix_memalign(&memory, alignment, size) == 0 ? memory : NULL;
}

static void take_memory(void *context, void *memory, size_t size)
{
    (void)context;
    (void)size;
    free(memory);
}

static void note_misuse(void *context, const char *function, tp_status_t status,
                        const char *message)
{
    if (function != NULL && message != NULL && status != TP_OK)
        __atomic_add_fetch((unsigned *)context, 1, __ATOMIC_RELAXED);
}

/* The first test: an allocator can only be given before anything is made. */
TAP_TEST(caller_0_1__library)
{
    tp_allocator_t allocator;
    tp_work_t *nothing = NULL;
    tp_event_t *event = NULL;

    check(tp_version() >= TP_VERSION_NUMBER);
    check(tp_version_string()[0] != '\0');
    check_eq(strcmp(tp_status_name(TP_ERR_NO_MEMORY), "TP_ERR_NO_MEMORY"), 0);
    check(strlen(tp_status_message(TP_ERR_TIMEOUT)) > 0);
    check_eq(tp_last_errno(), 0);

    tp_allocator_init(&allocator);
    check_eq(allocator.struct_size, sizeof allocator);
    allocator.alloc = give_memory;
    allocator.free = take_memory;
    allocator.context = &memory_calls;
    ok(tp_set_allocator(&allocator));
    ok(tp_event_create(false, false, &event));
    check_eq(tp_set_allocator(&allocator), TP_ERR_STATE);
    ok(tp_event_close(event));

    ok(tp_set_misuse_hook(note_misuse, &misuses));
    check_eq(tp_work_submit(nothing), TP_ERR_HANDLE);
    check_eq(misuses, 1);
    ok(tp_set_misuse_hook(NULL, NULL));
    check_eq(tp_work_submit(nothing), TP_ERR_HANDLE);
    check_eq(misuses, 1);
}

/* ---- Counting letters on a private pool ------------------------------------------------------ */

static const char *const lines[] = {
    "It was the best of times, it was the worst of times,",
    "it was the age of wisdom, it was the age of foolishness,",
    "it was the epoch of belief, it was the epoch of incredulity",
};

enum { LINE_COUNT = sizeof lines / sizeof lines[0], ROUNDS = 100 };

struct line {
    const char *text;
    unsigned long letters;
    unsigned finalized;
    unsigned released;
    unsigned cancelled;
};

static void count_letters(struct line *line)
{
    unsigned long letters = 0;

    for (const char *c = line->text; *c != '\0'; c++)
        letters += (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z');
    __atomic_add_fetch(&line->letters, letters, __ATOMIC_RELAXED);
}

static void count_in_work(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    bool requested = true;
    tp_status_t status = tp_callback_may_run_long(instance);

    check(work != NULL);
    check(status == TP_OK || status == TP_ERR_TOO_MANY_THREADS);
    ok(tp_callback_cancel_requested(instance, &requested));
    check(!requested);
    ok(tp_blocking_begin());
    ok(tp_blocking_end());
    count_letters(context);
}

static void count_once(tp_callback_instance_t *instance, void *context)
{
    ok(tp_callback_disassociate(instance));
    count_letters(context);
}

static void finalize(tp_callback_instance_t *instance, void *context)
{
    (void)instance;
    __atomic_add_fetch(&((struct line *)context)->finalized, 1, __ATOMIC_RELAXED);
}

/* The context is given back on any thread, perhaps after the wait that saw its last callback. */
static tp_semaphore_t *releases;

static void release_line(void *context)
{
    __atomic_add_fetch(&((struct line *)context)->released, 1, __ATOMIC_RELAXED);
    ok(tp_semaphore_release(releases, 1, NULL));
}

static void await_releases(unsigned count)
{
    tp_wait_result_t result = TP_WAIT_FAILED;

    for (unsigned i = 0; i < count; i++) {
        ok(tp_waitable_wait(tp_waitable_semaphore(releases), SECONDS(30), &result));
        check_eq(result, TP_WAIT_SIGNALED);
    }
}

static void cancel_line(void *object_context, void *cleanup_context)
{
    check(cleanup_context == &lines);
    ((struct line *)object_context)->cancelled++;
}

static unsigned started;
static unsigned stopped;

static void note_thread(void *context)
{
    __atomic_add_fetch((unsigned *)context, 1, __ATOMIC_RELAXED);
}

static void note_start(void *context)
{
    (void)context;
    note_thread(&started);
}

static void note_stop(void *context)
{
    (void)context;
    note_thread(&stopped);
}

static tp_pool_t *make_pool(void)
{
    tp_pool_config_t config;
    tp_pool_t *pool = NULL;
    uint64_t reserve = 0;
    uint64_t commit = 0;

    tp_pool_config_init(&config);
    config.thread_maximum = 4;
    config.idle_timeout = SECONDS(1);
    config.name = "caller";
    config.on_thread_start = note_start;
    config.on_thread_stop = note_stop;
    ok(tp_pool_create(&config, &pool));
    ok(tp_pool_set_stack(pool, 1 << 20, 1 << 16));
    ok(tp_pool_get_stack(pool, &reserve, &commit));
    check_eq(reserve, 1 << 20);
    check_eq(commit, 1 << 16);
    ok(tp_pool_set_thread_maximum(pool, 3));
    ok(tp_pool_set_thread_minimum(pool, 2));
    return pool;
}

static tp_env_t *make_env(tp_pool_t *pool, tp_cleanup_group_t *group)
{
    tp_env_t *env = NULL;

    ok(tp_env_create(&env));
    ok(tp_env_set_pool(env, pool));
    ok(tp_env_set_priority(env, TP_PRIORITY_HIGH));
    ok(tp_env_set_runs_long(env, false));
    ok(tp_env_set_persistent(env, false));
    ok(tp_env_set_library(env, NULL));
    ok(tp_env_set_cleanup_group(env, group, cancel_line));
    ok(tp_env_set_finalizer(env, finalize));
    ok(tp_env_set_context_release(env, release_line));
    ok(tp_env_set_concurrency_limit(env, 2));
    ok(tp_env_set_name(env, "line"));
    return env;
}

static void check_stats(tp_pool_t *pool, uint64_t callbacks)
{
    tp_pool_stats_t stats;

    tp_pool_stats_init(&stats);
    ok(tp_pool_get_stats(pool, &stats));
    ok(tp_pool_dump(pool, 2));
    check_eq(stats.struct_size, sizeof stats);
    check(stats.threads >= 2 && stats.threads <= 3);
    check_eq(stats.thread_minimum, 2);
    check_eq(stats.thread_maximum, 3);
    check_eq(stats.submitted, callbacks);
    check_eq(stats.executed, callbacks);
    check_eq(stats.cancelled, 0);
}

static unsigned long letters_of(const char *text)
{
    struct line line = { text, 0, 0, 0, 0 };

    count_letters(&line);
    return line.letters;
}

TAP_TEST(caller_0_1__letters_are_counted)
{
    struct line counted[LINE_COUNT + 1] = { { NULL, 0, 0, 0, 0 } };
    tp_work_t *works[LINE_COUNT] = { NULL };
    tp_cleanup_group_t *group = NULL;
    tp_pool_t *pool = make_pool();
    tp_env_t *env;
    struct line *once = &counted[LINE_COUNT];

    require(pool != NULL);
    ok(tp_semaphore_create(0, 100, &releases));
    ok(tp_cleanup_group_create(&group));
    env = make_env(pool, group);
    for (int i = 0; i < LINE_COUNT; i++) {
        counted[i].text = lines[i];
        ok(tp_work_create(count_in_work, &counted[i], env, &works[i]));
    }
    for (int i = 0; i < LINE_COUNT; i++) {
        ok(tp_work_submit(works[i]));
        ok(tp_work_submit_many(works[i], ROUNDS - 1));
    }
    for (int i = 0; i < LINE_COUNT; i++) {
        ok(tp_work_wait(works[i], false, TP_INFINITE));
        check_eq(counted[i].letters, ROUNDS * letters_of(lines[i]));
        check_eq(counted[i].finalized, ROUNDS);
    }
    once->text = lines[0];
    ok(tp_try_submit(count_once, once, env));
    check_eq(tp_cleanup_group_close(group), TP_ERR_BUSY);
    ok(tp_work_close(works[0]));
    ok(tp_cleanup_group_close_members(group, false, NULL));
    check_eq(once->letters, letters_of(lines[0]));
    check_eq(once->finalized, 1);
    check_eq(tp_work_close(works[1]), TP_ERR_HANDLE);
    check_stats(pool, LINE_COUNT * ROUNDS + 1);
    await_releases(LINE_COUNT + 1);
    for (int i = 0; i <= LINE_COUNT; i++) {
        check_eq(counted[i].released, 1);
        check_eq(counted[i].cancelled, 0);
    }

    ok(tp_work_create(count_in_work, &counted[0], env, &works[0]));
    ok(tp_cleanup_group_close_members(group, true, (void *)&lines));
    check_eq(counted[0].cancelled, 1);
    await_releases(1);
    check_eq(counted[0].released, 2);
    ok(tp_cleanup_group_close(group));
    ok(tp_env_destroy(env));
    ok(tp_semaphore_close(releases));
    ok(tp_pool_close(pool));
    check_eq(tp_pool_close(pool), TP_ERR_HANDLE);
    check(__atomic_load_n(&started, __ATOMIC_RELAXED) >= 2);
    check(memory_calls > 0);
}

/* ---- Completion actions and waiting ---------------------------------------------------------- */

struct meeting {
    tp_event_t *done;
    tp_semaphore_t *counted;
    tp_mutex_t *owned;
    pthread_mutex_t locked;
    unsigned runs;
};

static void meet(tp_callback_instance_t *instance, void *context)
{
    struct meeting *meeting = context;
    tp_wait_result_t result = TP_WAIT_FAILED;

    ok(tp_waitable_wait(tp_waitable_mutex(meeting->owned), SECONDS(30), &result));
    check_eq(result, TP_WAIT_SIGNALED);
    check_eq(pthread_mutex_lock(&meeting->locked), 0);
    meeting->runs++;
    ok(tp_callback_unlock_on_return(instance, &meeting->locked));
    ok(tp_callback_release_mutex_on_return(instance, meeting->owned));
    ok(tp_callback_release_semaphore_on_return(instance, meeting->counted, 2));
    ok(tp_callback_set_event_on_return(instance, meeting->done));
    ok(tp_callback_close_library_on_return(instance, dlopen(NULL, RTLD_NOW)));
}

TAP_TEST(caller_0_1__completion_actions_are_done)
{
    struct meeting meeting = { NULL, NULL, NULL, PTHREAD_MUTEX_INITIALIZER, 0 };
    uint32_t previous = 99;

    ok(tp_event_create(false, false, &meeting.done));
    ok(tp_semaphore_create(0, 3, &meeting.counted));
    ok(tp_mutex_create(true, &meeting.owned));
    ok(tp_try_submit(meet, &meeting, NULL));
    check_eq(wait_for(tp_waitable_event(meeting.done), 0), TP_WAIT_TIMEOUT);
    ok(tp_mutex_release(meeting.owned));
    check_eq(tp_mutex_release(meeting.owned), TP_ERR_NOT_OWNER);

    check_eq(wait_for(tp_waitable_event(meeting.done), SECONDS(30)), TP_WAIT_SIGNALED);
    check_eq(wait_for(tp_waitable_event(meeting.done), 0), TP_WAIT_TIMEOUT);
    check_eq(wait_for(tp_waitable_semaphore(meeting.counted), 0), TP_WAIT_SIGNALED);
    ok(tp_semaphore_release(meeting.counted, 2, &previous));
    check_eq(previous, 1);
    check_eq(tp_semaphore_release(meeting.counted, 1, NULL), TP_ERR_LIMIT);
    check_eq(wait_for(tp_waitable_mutex(meeting.owned), 0), TP_WAIT_SIGNALED);
    ok(tp_mutex_release(meeting.owned));
    check_eq(pthread_mutex_trylock(&meeting.locked), 0);
    check_eq(meeting.runs, 1);
    check_eq(pthread_mutex_unlock(&meeting.locked), 0);

    ok(tp_event_set(meeting.done));
    ok(tp_event_reset(meeting.done));
    check_eq(wait_for(tp_waitable_event(meeting.done), 0), TP_WAIT_TIMEOUT);
    check_eq(wait_for(tp_waitable_never(), 1000000), TP_WAIT_TIMEOUT);
    ok(tp_event_close(meeting.done));
    ok(tp_semaphore_close(meeting.counted));
    ok(tp_mutex_close(meeting.owned));
    check_eq(tp_event_set(meeting.done), TP_ERR_HANDLE);
}

/* ---- A pool driven by the program ------------------------------------------------------------ */

static void count_one(tp_callback_instance_t *instance, void *context)
{
    if (instance != NULL)
        ++*(unsigned *)context;
}

/* A pool without threads in a loop of the program's own, which it shuts down in the end. */
TAP_TEST(caller_0_1__a_pool_is_driven_and_shut_down)
{
    tp_pool_config_t config = TP_POOL_CONFIG_INIT;
    tp_pool_t *pool = NULL;
    tp_env_t *env = NULL;
    unsigned count = 0;
    uint32_t ran = 0;
    int fd = -1;

    config.flags = TP_POOL_CALLER_DRIVEN;
    ok(tp_pool_create(&config, &pool));
    ok(tp_env_create(&env));
    ok(tp_env_set_pool(env, pool));
    ok(tp_pool_poll_fd(pool, &fd));
    check(fd >= 0);
    check_eq(tp_pool_run(pool, 0, 0, &ran), TP_ERR_TIMEOUT);
    ok(tp_try_submit(count_one, &count, env));
    ok(tp_try_submit(count_one, &count, env));
    ok(tp_pool_run(pool, 0, SECONDS(10), &ran));
    check_eq(ran, 2);
    ok(tp_try_submit(count_one, &count, env));
    ok(tp_pool_shutdown(pool, false, SECONDS(10)));
    check_eq(count, 3);
    ok(tp_env_destroy(env));
}

TAP_TEST(caller_0_1__default_pool_is_one)
{
    tp_pool_t *one = NULL;
    tp_pool_t *two = NULL;

    ok(tp_pool_default(&one));
    ok(tp_pool_default(&two));
    check(one != NULL && one == two);
    check_eq(tp_pool_close(one), TP_ERR_UNSUPPORTED);
    check_eq(tp_pool_set_thread_maximum(one, 1), TP_ERR_UNSUPPORTED);
}

int main(void)
{
    tap_run(caller_0_1__library);
    tap_run(caller_0_1__letters_are_counted);
    tap_run(caller_0_1__completion_actions_are_done);
    tap_run(caller_0_1__a_pool_is_driven_and_shut_down);
    tap_run(caller_0_1__default_pool_is_one);
    return tap_done();
}
