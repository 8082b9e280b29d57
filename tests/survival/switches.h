/* switches.h - how often the library's threads are scheduled, which tells whether they rest. */
#ifndef TESTS_SURVIVAL_SWITCHES_H
#define TESTS_SURVIVAL_SWITCHES_H

#include "tests/survival/scene.h"

/* What the kernel counts of the library's threads, all together. */
struct switches {
    uint64_t threads, ids;
    int64_t voluntary, involuntary;
};

static bool is_ours(const char *thread_id)
{
    char path[320], name[64];
    snprintf(path, sizeof path, "/proc/self/task/%s/comm", thread_id);
    FILE *file = fopen(path, "r");
    bool ours = file && fgets(name, sizeof name, file) && strncmp(name, "tp-", 3) == 0;
    if (file)
        fclose(file);
    return ours;
}

static struct switches look(void)
{
    struct switches sum = {.threads = 0};
    char path[320];
    DIR *folder = opendir("/proc/self/task");
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        if (!is_ours(entry->d_name))
            continue;
        snprintf(path, sizeof path, "/proc/self/task/%s/status", entry->d_name);
        sum.threads++;
        sum.ids += strtoull(entry->d_name, NULL, 10);
        sum.voluntary += status_line(path, "voluntary_ctxt_switches", 10);
        sum.involuntary += status_line(path, "nonvoluntary_ctxt_switches", 10);
    }
    if (folder)
        closedir(folder);
    return sum;
}

static bool same(const struct switches *a, const struct switches *b)
{
    return a->threads == b->threads && a->ids == b->ids && a->voluntary == b->voluntary &&
           a->involuntary == b->involuntary;
}

/* Until just so many threads are left, and none of them has been scheduled for a while, or it is
 * plain that they will not come to rest. */
TAP_UNUSED_ static struct switches settled(uint64_t threads)
{
    struct switches before = look(), after = before;
    int64_t begun = now();
    while (now() - begun < 30000 * MS) {
        usleep(500000);
        after = look();
        if (after.threads == threads && (same(&before, &after) || now() - begun > 5000 * MS))
            break;
        before = after;
    }
    check_eq(after.threads, threads);
    return after;
}

static void meet(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)work;
    pthread_barrier_wait(context);
}

/* A pool that has had several threads, most of which soon go. */
TAP_UNUSED_ static struct scene used_pool(void)
{
    enum { MOST = 6 };
    struct scene scene = scene_plan(0, MOST);
    pthread_barrier_t barrier;
    scene.config.idle_timeout = 50 * MS;
    check_eq(pthread_barrier_init(&barrier, NULL, MOST), 0);
    scene_build(&scene);
    tp_work_t *work = scene_work(&scene, meet, &barrier);
    check_eq(tp_work_submit_many(work, 2 * MOST), TP_OK);
    finish_work(work);
    check_eq(pthread_barrier_destroy(&barrier), 0);
    return scene;
}

#endif
