/* refuse_scenes.h - runs a few calls of Windows again and again, each time one call below fails. */
#ifndef TESTS_WIN32_REFUSE_SCENES_H
#define TESTS_WIN32_REFUSE_SCENES_H

#include <dirent.h>

#include "tests/win32/refuse.h"

/* A scene is a few calls of Windows. It is repeated: the first time its first call below fails, the
 * second time its second one, until nothing was left to fail. Each time it must fail with
 * ERROR_NOT_ENOUGH_MEMORY and leave no descriptor and no handle; in the end it succeeds. */
struct scene {
    const char *name;
    bool (*run)(void);
    DWORD also;    /* what it may say instead */
    bool survives; /* there are calls below that it can do without */
};

/* The error of the first call of a scene that failed. */
static _Thread_local DWORD told;

SCENE_UNUSED static bool got(bool succeeded)
{
    if (!succeeded && !told)
        told = GetLastError();
    return succeeded;
}

SCENE_UNUSED static bool got_status(NTSTATUS status)
{
    SetLastError(RtlNtStatusToDosError(status));
    return got(status == STATUS_SUCCESS);
}

SCENE_UNUSED static HANDLE got_handle(HANDLE handle)
{
    (void)got(handle != NULL && handle != INVALID_HANDLE_VALUE);
    return handle == INVALID_HANDLE_VALUE ? NULL : handle;
}

SCENE_UNUSED static void discard(HANDLE handle)
{
    if (handle)
        check(CloseHandle(handle));
}

struct attempt {
    bool (*run)(void);
    enum fault fault;
    LONG number;
    bool succeeded, hit;
    DWORD error;
};

static bool threads_are_known;

/* On a thread of its own, which the library does not know yet, unless it is told to. */
static void *make_attempt(void *argument)
{
    struct attempt *attempt = argument;
    if (threads_are_known)
        (void)GetCurrentThreadId();
    fail_from_now(attempt->fault, attempt->number);
    attempt->succeeded = attempt->run();
    __atomic_store_n(&refusal.fault, NO_FAULT, __ATOMIC_SEQ_CST);
    attempt->hit = value_of(&refusal.hits) != 0;
    attempt->error = told;
    return NULL;
}

static struct attempt try_once(const struct scene *scene, enum fault fault, LONG number)
{
    struct attempt attempt = {.run = scene->run, .fault = fault, .number = number};
    pthread_t thread;
    check_eq(__real_pthread_create(&thread, NULL, make_attempt, &attempt), 0);
    pthread_join(thread, NULL);
    return attempt;
}

/* A pool's poller, ring and timer come when it first needs them, which is a matter of time. */
static bool is_of_a_pool(int folder, const char *name)
{
    static const char *const kinds[] = {"[eventpoll]", "[io_uring]", "[timerfd]"};
    char kind[32] = "";
    (void)!readlinkat(folder, name, kind, sizeof kind - 1);
    for (size_t i = 0; i < ARRAYSIZE(kinds); i++)
        if (strstr(kind, kinds[i]))
            return true;
    return false;
}

static unsigned open_descriptors(void)
{
    unsigned count = 0;
    DIR *folder = opendir("/proc/self/fd");
    for (struct dirent *entry; folder && (entry = readdir(folder)) != NULL;)
        count += !is_of_a_pool(dirfd(folder), entry->d_name);
    closedir(folder);
    return count;
}

/* What tp has of a file is closed a moment later. */
static bool no_more_descriptors_than(unsigned before)
{
    for (unsigned i = 0; i < LONG_MS && open_descriptors() > before; i++)
        usleep(1000);
    return open_descriptors() <= before;
}

/* What the library makes once and keeps is made in the first round. */
static void refuse_each_call(const struct scene *scene)
{
    bool succeeded = false;
    for (int round = 0; round < 2; round++) {
        unsigned before = open_descriptors();
        for (LONG number = 1; !succeeded && number < 1000; number++) {
            struct attempt attempt = try_once(scene, REFUSING, number);
            succeeded = !attempt.hit;
            if (!scene->survives && attempt.succeeded != succeeded)
                printf("# %s: refused call %d\n", scene->name, (int)number);
            check(attempt.succeeded == succeeded || (attempt.succeeded && scene->survives));
            if (attempt.succeeded || attempt.error != scene->also)
                check_eq(attempt.error, attempt.succeeded ? 0 : ERROR_NOT_ENOUGH_MEMORY);
        }
        check(succeeded);
        check(round == 0 || no_more_descriptors_than(before));
        succeeded = false;
    }
}

/* An interrupted call is made again, and nobody hears of it. */
static void interrupt_each_call(const struct scene *scene)
{
    for (LONG number = 1, hit = 1; hit && number < 1000; number++) {
        struct attempt attempt = try_once(scene, INTERRUPTING, number);
        hit = attempt.hit;
        if (!attempt.succeeded)
            printf("# %s: interrupted call %d, error %u\n", scene->name, (int)number,
                   attempt.error);
        check(attempt.succeeded);
    }
}

/* The table of handles is full but for so many places. */
static void refuse_each_handle(const struct scene *scene)
{
    static HANDLE fill[4096];
    size_t filled = 0;
    bool succeeded = false;
    HANDLE event = new_event();
    __atomic_store_n(&refusal.no_places, true, __ATOMIC_SEQ_CST);
    while (filled < ARRAYSIZE(fill) &&
           DuplicateHandle(GetCurrentProcess(), event, GetCurrentProcess(), &fill[filled], 0, FALSE,
                           0))
        filled++;
    check_eq(GetLastError(), ERROR_NOT_ENOUGH_MEMORY);
    check(filled < ARRAYSIZE(fill)); /* it is full */
    for (unsigned places = 0; !succeeded && places < 20; places++) {
        struct attempt attempt = try_once(scene, NO_FAULT, 0);
        succeeded = attempt.succeeded;
        if (!succeeded && attempt.error != ERROR_NOT_ENOUGH_MEMORY)
            printf("# %s: with %u places\n", scene->name, places);
        check_eq(attempt.error, succeeded ? 0 : ERROR_NOT_ENOUGH_MEMORY);
        if (filled > 0)
            CloseHandle(fill[--filled]);
    }
    check(succeeded);
    while (filled > 0)
        CloseHandle(fill[--filled]);
    __atomic_store_n(&refusal.no_places, false, __ATOMIC_SEQ_CST);
    CloseHandle(event);
}

/* ---- each of them ---------------------------------------------------------------------------- */

static const struct scene *all_scenes;
static size_t scene_count;

TAP_TEST(refuse__each_call)
{
    for (size_t i = 0; i < scene_count; i++)
        refuse_each_call(&all_scenes[i]);
}

TAP_TEST(refuse__each_handle)
{
    for (size_t i = 0; i < scene_count; i++)
        refuse_each_handle(&all_scenes[i]);
}

TAP_TEST(interrupt__each_call)
{
    for (size_t i = 0; i < scene_count; i++)
        interrupt_each_call(&all_scenes[i]);
}

SCENE_UNUSED static void run_scenes(const struct scene *scenes, size_t count)
{
    all_scenes = scenes;
    scene_count = count;
    tap_run(refuse__each_call);
    tap_run(refuse__each_handle);
    tap_run(interrupt__each_call);
}

#endif
