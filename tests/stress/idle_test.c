/* idle_test.c - a pool at rest really rests: its threads are not scheduled even once. */
#include <dirent.h>

#include "core/os/os.h"
#include "tests/support/tap.h"
#include "tp/tp.h"

enum { MS = 1000000, OBJECTS = 20, THREADS_MAX = 64 };

/* What the kernel knows of a thread: each sleep in a system call is a voluntary switch. */
struct task {
    unsigned long id, voluntary, involuntary, ticks;
};

static bool read_switches(const char *folder, struct task *task)
{
    char path[300], line[200];
    unsigned found = 0;
    snprintf(path, sizeof path, "/proc/self/task/%s/status", folder);
    FILE *file = fopen(path, "r");
    if (!file)
        return false;
    while (fgets(line, sizeof line, file)) {
        found += sscanf(line, "voluntary_ctxt_switches: %lu", &task->voluntary) == 1;
        found += sscanf(line, "nonvoluntary_ctxt_switches: %lu", &task->involuntary) == 1;
    }
    fclose(file);
    return found == 2;
}

/* The name of the thread, and the processor time it has used, in ticks of the clock. */
static bool read_stat(const char *folder, char *name, struct task *task)
{
    char path[300], line[1000] = "";
    unsigned long user = 0, kernel = 0;
    snprintf(path, sizeof path, "/proc/self/task/%s/stat", folder);
    FILE *file = fopen(path, "r");
    bool read = file && fgets(line, sizeof line, file);
    if (file)
        fclose(file);
    char *open = strchr(line, '('), *close = strrchr(line, ')');
    if (!read || !open || !close || close - open > 30)
        return false;
    memcpy(name, open + 1, (size_t)(close - open) - 1);
    name[close - open - 1] = 0;
    sscanf(close + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &kernel);
    task->ticks = user + kernel;
    return true;
}

/* The threads whose name begins so, in the order of their numbers; how many there are. */
static uint32_t look(const char *prefix, struct task tasks[THREADS_MAX])
{
    uint32_t count = 0;
    char name[64];
    DIR *folder = opendir("/proc/self/task");
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        struct task task = {.id = strtoul(entry->d_name, NULL, 10)};
        if (task.id > 0 && count < THREADS_MAX && read_stat(entry->d_name, name, &task) &&
            strncmp(name, prefix, strlen(prefix)) == 0 && read_switches(entry->d_name, &task))
            tasks[count++] = task;
    }
    if (folder)
        closedir(folder);
    return count;
}

static tpp_u32 runs, inside;

static void run(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)context;
    (void)work;
    tpp_add_acq_rel(&inside, 1);
    (void)tp_callback_may_run_long(instance); /* so that more threads come than processors */
    for (int i = 0; i < 100 && tpp_load_acquire(&inside) < 4; i++)
        usleep(100);
    tpp_sub_acq_rel(&inside, 1);
    tpp_add_acq_rel(&runs, 1);
}

static tp_pool_stats_t statistics(tp_pool_t *pool)
{
    tp_pool_stats_t stats = TP_POOL_STATS_INIT;
    check_eq(tp_pool_get_stats(pool, &stats), TP_OK);
    return stats;
}

static void use_all(tp_work_t *const *work)
{
    uint32_t before = tpp_load_acquire(&runs);
    for (uint32_t i = 0; i < OBJECTS; i++)
        check_eq(tp_work_submit_many(work[i], 3), TP_OK);
    for (uint32_t i = 0; i < OBJECTS; i++)
        check_eq(tp_work_wait(work[i], false, TP_INFINITE), TP_OK);
    check_eq(tpp_load_acquire(&runs), before + 3 * OBJECTS);
}

/* Until so many threads are left, all asleep, and have been for a moment. */
static bool settles(tp_pool_t *pool, uint32_t threads)
{
    uint32_t calm = 0;
    for (int i = 0; i < 3000 && calm < 30; i++) {
        tp_pool_stats_t stats = statistics(pool);
        calm = stats.threads == threads && stats.idle_threads == threads ? calm + 1 : 0;
        usleep(10000);
    }
    return calm >= 30;
}

/* Two seconds in which the main thread sleeps too. */
static void expect_rest(const char *prefix, uint32_t threads)
{
    struct task before[THREADS_MAX], after[THREADS_MAX];
    check_eq(look(prefix, before), threads);
    sleep(2);
    check_eq(look(prefix, after), threads);
    for (uint32_t i = 0; i < threads; i++) {
        check_eq(after[i].id, before[i].id);
        check_eq(after[i].voluntary, before[i].voluntary);
        check_eq(after[i].involuntary, before[i].involuntary);
        check_eq(after[i].ticks, before[i].ticks);
    }
}

static void rest(uint32_t minimum, const char *name)
{
    tp_pool_config_t config = TP_POOL_CONFIG_INIT;
    tp_pool_t *pool = NULL;
    tp_env_t *env = NULL;
    tp_work_t *work[OBJECTS] = {NULL};
    uint32_t stay = minimum > 0 ? minimum : 1; /* one stays as long as there are objects */
    config.thread_minimum = minimum;
    config.thread_maximum = 8;
    config.idle_timeout = 50 * MS;
    config.name = name;
    require(tp_pool_create(&config, &pool) == TP_OK && tp_env_create(&env) == TP_OK);
    require(tp_env_set_pool(env, pool) == TP_OK);
    for (uint32_t i = 0; i < OBJECTS; i++)
        require(tp_work_create(run, NULL, env, &work[i]) == TP_OK);
    use_all(work);
    check(statistics(pool).threads_peak > stay);
    check(settles(pool, stay));
    expect_rest(name, stay);
    use_all(work); /* and it wakes again */
    check(settles(pool, stay));
    expect_rest(name, stay);
    for (uint32_t i = 0; i < OBJECTS; i++)
        check_eq(tp_work_close(work[i]), TP_OK);
    check_eq(tp_env_destroy(env) | tp_pool_close(pool), TP_OK);
}

TAP_TEST(idle__a_pool_at_rest_makes_no_system_call)
{
    rest(0, "rest");
}

TAP_TEST(idle__the_minimum_at_rest_makes_no_system_call)
{
    rest(3, "floor");
}

int main(void)
{
    tap_run(idle__a_pool_at_rest_makes_no_system_call);
    tap_run(idle__the_minimum_at_rest_makes_no_system_call);
    return tap_done();
}
