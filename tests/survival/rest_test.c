/* rest_test.c - an idle process rests: once the surplus is gone, no thread of it wakes at all. */
#include "tests/survival/scene.h"

enum { THREADS_MAX = 64 };

/* What the kernel counts of a thread. Each sleep is a voluntary switch; a system call that does not
 * sleep costs time of the processor. */
struct task {
    uint64_t id;
    int64_t voluntary, involuntary, cpu_ns;
    char name[20];
};

static unsigned seconds = 2;

/* Then the default pool is used too. Its thread stays, but finds that out only at the end of its
 * idle time, which is 10 s. */
static bool at_length(void)
{
    return seconds > 5;
}

static void read_name(const char *path, char name[20])
{
    char line[64] = "";
    FILE *file = fopen(path, "r");
    if (file && fgets(line, sizeof line, file))
        line[strcspn(line, "\n")] = 0;
    if (file)
        fclose(file);
    snprintf(name, 20, "%.19s", line);
}

/* The other threads of the process, but for the one of a sanitizer: it has the program's name. */
static uint32_t look(struct task tasks[THREADS_MAX])
{
    uint32_t count = 0;
    char path[320];
    DIR *folder = opendir("/proc/self/task");
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        struct task task = {.id = strtoull(entry->d_name, NULL, 10)};
        if (task.id == 0 || task.id == tpp_thread_id() || count == THREADS_MAX)
            continue;
        snprintf(path, sizeof path, "/proc/self/task/%s/comm", entry->d_name);
        read_name(path, task.name);
        if (SANITIZED && strncmp(task.name, "tp-", 3) != 0)
            continue;
        snprintf(path, sizeof path, "/proc/self/task/%s/status", entry->d_name);
        task.voluntary = status_line(path, "voluntary_ctxt_switches", 10);
        task.involuntary = status_line(path, "nonvoluntary_ctxt_switches", 10);
        task.cpu_ns = tpp_thread_cpu_time(task.id);
        tasks[count++] = task;
    }
    if (folder)
        closedir(folder);
    return count;
}

static void expect_rest(uint32_t threads)
{
    struct task before[THREADS_MAX], after[THREADS_MAX];
    struct timespec nap = {.tv_sec = (time_t)seconds};
    check_eq(look(before), threads);
    check_eq(nanosleep(&nap, NULL), 0);
    require(look(after) == threads);
    for (uint32_t i = 0; i < threads; i++) {
        printf("# %u s of %s: %lld switches, %lld ns of a processor\n", seconds, after[i].name,
               (long long)(after[i].voluntary - before[i].voluntary + after[i].involuntary -
                           before[i].involuntary),
               (long long)(after[i].cpu_ns - before[i].cpu_ns));
        check_eq(after[i].id, before[i].id);
        check(before[i].voluntary >= 0 && before[i].cpu_ns >= 0);
        check_eq(after[i].voluntary, before[i].voluntary);
        check_eq(after[i].involuntary, before[i].involuntary);
        check_eq(after[i].cpu_ns, before[i].cpu_ns);
    }
}

/* ---- a process that has had a lot to do ------------------------------------------------------ */

static int hose[2];
static tpp_u32 inside;

static void drink(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    char byte;
    (void)instance;
    (void)context;
    (void)work;
    tpp_add_acq_rel(&inside, 1);
    check_eq(read(hose[0], &byte, 1), 1);
}

/* More callbacks block than there are processors, so that the gate has to add threads. */
static void use(tp_pool_t *pool, tp_work_t *work)
{
    tp_pool_stats_t before = stats_of(pool);
    tpp_store_release(&inside, 0);
    check_eq(tp_work_submit_many(work, 12), TP_OK);
    check(reaches(&inside, 12));
    check(stats_of(pool).threads_injected > before.threads_injected);
    for (int i = 0; i < 12; i++)
        check_eq(write(hose[1], "", 1), 1);
    check_eq(tp_work_wait(work, false, TP_INFINITE), TP_OK);
}

static bool settles(uint32_t threads)
{
    struct task tasks[THREADS_MAX];
    int64_t end = now() + 30000 * MS * patience();
    while (look(tasks) > threads && now() < end)
        usleep(10000);
    usleep(200000); /* the gate lets go of its last pool, the last one that retires is gone */
    if (at_length())
        sleep(11);
    return look(tasks) == threads;
}

TAP_TEST(rest__an_idle_process_makes_no_system_call)
{
    tp_work_t *used[3], *plain = NULL;
    struct scene pools[3] = {scene_plan(0, 0), scene_plan(2, 40), scene_plan(0, 12)};
    check_eq(pipe(hose), 0);
    for (int i = 0; i < 3; i++) {
        pools[i].config.idle_timeout = 50 * MS;
        scene_build(&pools[i]);
        used[i] = scene_work(&pools[i], drink, NULL);
        use(pools[i].pool, used[i]);
    }
    check_eq(tp_work_close(used[2]), TP_OK); /* a pool without an object needs no thread */
    if (at_length())
        check_eq(tp_work_create(drink, NULL, NULL, &plain), TP_OK);
    /* One of the first pool, two that the second keeps, the gate's, and one of the default pool. */
    uint32_t threads = at_length() ? 5 : 4;
    check(settles(threads));
    expect_rest(threads);
    use(pools[1].pool, used[1]); /* all of it wakes again, and rests again */
    check(settles(threads));
    expect_rest(threads);
    check_eq(tp_work_close(used[0]) | tp_work_close(used[1]) | tp_work_close(plain), TP_OK);
    for (int i = 0; i < 3; i++)
        scene_end(&pools[i]);
}

/* usage: rest_test [SECONDS] */
int main(int argc, char **argv)
{
    if (argc > 1)
        seconds = (unsigned)atoi(argv[1]);
    setenv("TP_CPUS", "2", 1);
    tap_timeout(120);
    tap_run(rest__an_idle_process_makes_no_system_call);
    return tap_done();
}
