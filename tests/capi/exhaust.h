/* exhaust.h - a world in which memory and threads run out where a test says so.
 *
 * Each case runs in a process of its own, forked before the library was used, so that no slot is
 * there yet and the first allocation of everything can be made to fail. Programs are linked so that
 * malloc and its kin and pthread_create pass through here (--wrap). */
#ifndef TESTS_CAPI_EXHAUST_H
#define TESTS_CAPI_EXHAUST_H

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "core/mem/slab.h"
#include "tests/support/tap.h"
#include "tp/tp.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- the allocator --------------------------------------------------------------------------- */

enum { BLOCKS = 4096, NEVER = 0 };

static struct {
    pthread_mutex_t lock;
    struct {
        void *memory;
        size_t size;
    } blocks[BLOCKS];
    size_t outstanding;
    uint32_t calls;
    uint32_t fail_at; /* this call and, if fail_on, all after it fail; NEVER: none */
    bool fail_on;
    bool forbidden;        /* on every thread */
    unsigned violations;   /* allocations where none is allowed */
    uint32_t thread_calls; /* of pthread_create */
    uint32_t threads_left; /* so many more may be created */
} world = {.lock = PTHREAD_MUTEX_INITIALIZER, .threads_left = UINT32_MAX};

TAP_UNUSED_ static _Thread_local bool forbidden_here;

static void violation(void)
{
    if (forbidden_here || __atomic_load_n(&world.forbidden, __ATOMIC_SEQ_CST))
        __atomic_fetch_add(&world.violations, 1, __ATOMIC_SEQ_CST);
}

static bool refused(void)
{
    world.calls++;
    if (world.fail_at == NEVER)
        return false;
    return world.fail_on ? world.calls >= world.fail_at : world.calls == world.fail_at;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
int __real_posix_memalign(void **memory, size_t alignment, size_t size);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*body)(void *), void *argument);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
int __wrap_posix_memalign(void **memory, size_t alignment, size_t size);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*body)(void *), void *argument);

void *__wrap_malloc(size_t size)
{
    violation();
    return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    violation();
    return __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
    violation();
    return __real_realloc(memory, size);
}

int __wrap_posix_memalign(void **memory, size_t alignment, size_t size)
{
    violation();
    return __real_posix_memalign(memory, alignment, size);
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*body)(void *), void *argument)
{
    violation();
    __atomic_fetch_add(&world.thread_calls, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&world.threads_left, __ATOMIC_SEQ_CST) == 0)
        return EAGAIN;
    __atomic_fetch_sub(&world.threads_left, 1, __ATOMIC_SEQ_CST);
    return __real_pthread_create(thread, attributes, body, argument);
}

static void note_block(void *memory, size_t size)
{
    size_t at = 0;
    while (at < BLOCKS && world.blocks[at].memory)
        at++;
    if (at == BLOCKS)
        abort();
    world.blocks[at].memory = memory;
    world.blocks[at].size = size;
    world.outstanding += size;
}

static void *allocate(void *context, size_t size, size_t alignment)
{
    void *memory = NULL;
    violation();
    check(context == &world);
    check(size > 0 && alignment > 0 && (alignment & (alignment - 1)) == 0);
    pthread_mutex_lock(&world.lock);
    bool fail = refused();
    if (alignment < sizeof(void *))
        alignment = sizeof(void *);
    if (!fail && __real_posix_memalign(&memory, alignment, size) == 0) {
        memset(memory, 0xa5, size);
        note_block(memory, size);
    }
    pthread_mutex_unlock(&world.lock);
    return memory;
}

static void release(void *context, void *memory, size_t size)
{
    size_t at = 0;
    check(context == &world && memory);
    pthread_mutex_lock(&world.lock);
    while (at < BLOCKS && world.blocks[at].memory != memory)
        at++;
    check(at < BLOCKS); /* else it is freed twice, or never was ours */
    if (at < BLOCKS) {
        check_eq(world.blocks[at].size, size);
        world.blocks[at].memory = NULL;
        world.outstanding -= size;
    }
    pthread_mutex_unlock(&world.lock);
    free(memory);
}

/* From now on the nth allocation fails, or the nth and all after it. */
TAP_UNUSED_ static void fail_at(uint32_t nth, bool and_on)
{
    pthread_mutex_lock(&world.lock);
    world.calls = 0;
    world.fail_at = nth;
    world.fail_on = and_on;
    pthread_mutex_unlock(&world.lock);
}

/* ---- a process for each case ----------------------------------------------------------------- */

/* What the child tells the parent. */
static struct {
    bool succeeded;     /* there were fewer allocations than that */
    size_t outstanding; /* bytes at the end */
} * shared;

TAP_UNUSED_ static void install(void)
{
    tp_allocator_t allocator = TP_ALLOCATOR_INIT;
    allocator.alloc = allocate;
    allocator.free = release;
    allocator.context = &world;
    check_eq(tp_set_allocator(&allocator), TP_OK);
}

/* True if body(arg) went through in a child without a failed check. */
TAP_UNUSED_ static bool in_child(void (*body)(uintptr_t), uintptr_t argument)
{
    int status = 0;
    fflush(stdout);
    shared->succeeded = false;
    shared->outstanding = 0;
    pid_t child = fork();
    if (child == 0) {
        tap_failures_ = 0; /* those of the parent so far are not its own */
        alarm(100);
        install();
        body(argument);
        fflush(stdout);
        _exit(__atomic_load_n(&tap_failures_, __ATOMIC_SEQ_CST) ? 1 : 0);
    }
    if (child < 0 || waitpid(child, &status, 0) != child)
        return false;
    if (WIFSIGNALED(status))
        printf("# the child died of signal %d\n", WTERMSIG(status));
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

#define CHILD_TEST(name) \
    static void name##_body(uintptr_t argument); \
    TAP_TEST(name) \
    { \
        tap_timeout(120); \
        check(in_child(name##_body, 0)); \
    } \
    static void name##_body(uintptr_t argument)

/* ---- callbacks ------------------------------------------------------------------------------- */

static tpp_u32 runs, releases, cancels;

TAP_UNUSED_ static void run_work(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    tpp_add_acq_rel(&runs, 1);
}

TAP_UNUSED_ static void run_simple(tp_callback_instance_t *instance, void *context)
{
    (void)instance;
    (void)context;
    tpp_add_acq_rel(&runs, 1);
}

TAP_UNUSED_ static void run_wait(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                                 tp_wait_result_t result)
{
    (void)instance;
    (void)wait;
    (void)result;
    tpp_add_acq_rel((tpp_u32 *)context, 1);
}

TAP_UNUSED_ static void run_io(tp_callback_instance_t *instance, void *context, void *operation,
                               int32_t error, uint64_t bytes, tp_io_t *io)
{
    (void)instance;
    (void)operation;
    (void)error;
    (void)bytes;
    (void)io;
    tpp_add_acq_rel((tpp_u32 *)context, 1);
}

TAP_UNUSED_ static void run_timer(tp_callback_instance_t *instance, void *context,
                                  tp_timer_t *timer)
{
    (void)instance;
    (void)context;
    (void)timer;
    tpp_add_acq_rel(&runs, 1);
}

TAP_UNUSED_ static void release_context(void *context)
{
    check(context == &runs);
    tpp_add_acq_rel(&releases, 1);
}

TAP_UNUSED_ static void cancel_member(void *context, void *cleanup_context)
{
    check(context == &runs && cleanup_context == &cancels);
    tpp_add_acq_rel(&cancels, 1);
}

/* Generous: what is waited for comes at once, or never. */
TAP_UNUSED_ static bool becomes(tpp_u32 *word, uint32_t value)
{
    for (int i = 0; i < 20000 && tpp_load_acquire(word) != value; i++)
        usleep(1000);
    return tpp_load_acquire(word) == value;
}

TAP_UNUSED_ static bool none_in_use(enum tpi_kind kind)
{
    for (int i = 0; i < 20000 && tpi_slab_in_use(kind) > 0; i++)
        usleep(1000);
    return tpi_slab_in_use(kind) == 0;
}

TAP_UNUSED_ static tp_pool_stats_t statistics(tp_pool_t *pool)
{
    tp_pool_stats_t stats = TP_POOL_STATS_INIT;
    check_eq(tp_pool_get_stats(pool, &stats), TP_OK);
    return stats;
}

TAP_UNUSED_ static tp_pool_t *new_pool(uint32_t minimum, uint32_t maximum)
{
    tp_pool_t *pool = NULL;
    tp_pool_config_t config = TP_POOL_CONFIG_INIT;
    config.thread_minimum = minimum;
    config.thread_maximum = maximum;
    check_eq(tp_pool_create(&config, &pool), TP_OK);
    return pool;
}

/* ---- what the cases are made with ------------------------------------------------------------ */

static struct {
    tp_pool_t *pool;
    tp_env_t *env;
    tp_cleanup_group_t *group;
    union {
        tp_pool_t *pool;
        tp_env_t *env;
        tp_work_t *work;
        tp_timer_t *timer;
        tp_wait_t *wait;
        tp_io_t *io;
        tp_cleanup_group_t *group;
        tp_event_t *event;
        tp_semaphore_t *semaphore;
        tp_mutex_t *mutex;
        void *any;
    } made;
} stand;

TAP_UNUSED_ static void prepare(void)
{
    stand.pool = new_pool(0, 1);
    check_eq(tp_env_create(&stand.env), TP_OK);
    check_eq(tp_cleanup_group_create(&stand.group), TP_OK);
    check_eq(tp_env_set_pool(stand.env, stand.pool), TP_OK);
    check_eq(tp_env_set_context_release(stand.env, release_context), TP_OK);
    check_eq(tp_env_set_name(stand.env, "swept"), TP_OK);
    check_eq(tp_env_set_cleanup_group(stand.env, stand.group, cancel_member), TP_OK);
}

TAP_UNUSED_ static void close_stand(void)
{
    check_eq(tp_cleanup_group_close_members(stand.group, true, &cancels), TP_OK);
    check_eq(tp_cleanup_group_close(stand.group), TP_OK);
    check_eq(tp_env_destroy(stand.env), TP_OK);
    check_eq(tp_pool_close(stand.pool), TP_OK);
}

/* Before all tests. */
TAP_UNUSED_ static void share(void)
{
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        abort();
}

/* ---- what never allocates -------------------------------------------------------------------- */

#define FREELY(call) \
    do { \
        forbidden_here = true; \
        tp_status_t status_ = (call); \
        forbidden_here = false; \
        check_eq(status_, TP_OK); \
        if (world.violations) \
            printf("# allocated: %s\n", #call); \
        check_eq(__atomic_exchange_n(&world.violations, 0, __ATOMIC_SEQ_CST), 0); \
    } while (0)

/* A pool whose threads are all there: then nothing at all is allocated, on no thread. */
TAP_UNUSED_ static tp_pool_t *settled_pool(uint32_t threads)
{
    tp_pool_t *pool = new_pool(threads, threads);
    for (int i = 0; i < 20000 && statistics(pool).idle_threads < threads; i++)
        usleep(1000);
    check_eq(statistics(pool).idle_threads, threads);
    return pool;
}

#endif
