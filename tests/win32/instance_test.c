/* instance_test.c - what a callback asks of its instance, and the library that holds it. */
#include "tests/win32/plugin.h"
#include "tests/win32/scene.h"

struct scene;
typedef void (*body_fn)(struct scene *scene, PTP_CALLBACK_INSTANCE instance);

/* One callback that does what a test wants, on a pool of so many threads. */
struct scene {
    body_fn body;
    PTP_POOL pool;
    TP_CALLBACK_ENVIRON environment;
    PTP_WORK work;
    CRITICAL_SECTION section;
    HANDLE mutex, semaphore, event, other, go_on;
    BOOL may_run_long[2];
    DWORD error;
    LONG reached;
    PTP_CALLBACK_INSTANCE instance;
};

static void CALLBACK run_body(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
    struct scene *scene = context;
    (void)work;
    scene->body(scene, instance);
}

static void scene_init(struct scene *scene, DWORD threads, body_fn body)
{
    memset(scene, 0, sizeof *scene);
    scene->body = body;
    scene->pool = CreateThreadpool(NULL);
    SetThreadpoolThreadMaximum(scene->pool, threads);
    InitializeThreadpoolEnvironment(&scene->environment);
    SetThreadpoolCallbackPool(&scene->environment, scene->pool);
    InitializeCriticalSection(&scene->section);
    scene->mutex = CreateMutexA(NULL, FALSE, NULL);
    scene->semaphore = CreateSemaphoreA(NULL, 0, 5, NULL);
    scene->event = new_event();
    scene->other = new_event();
    scene->go_on = CreateEventA(NULL, TRUE, FALSE, NULL);
}

static void scene_submit(struct scene *scene)
{
    scene->work = CreateThreadpoolWork(run_body, scene, &scene->environment);
    SubmitThreadpoolWork(scene->work);
}

static void scene_fini(struct scene *scene)
{
    if (scene->work) {
        WaitForThreadpoolWorkCallbacks(scene->work, FALSE);
        CloseThreadpoolWork(scene->work);
    }
    DestroyThreadpoolEnvironment(&scene->environment);
    CloseThreadpool(scene->pool);
    DeleteCriticalSection(&scene->section);
    CloseHandle(scene->mutex);
    CloseHandle(scene->semaphore);
    CloseHandle(scene->event);
    CloseHandle(scene->other);
    CloseHandle(scene->go_on);
}

/* ---- completion actions ---------------------------------------------------------------------- */

static void all_kinds(struct scene *scene, PTP_CALLBACK_INSTANCE instance)
{
    EnterCriticalSection(&scene->section);
    check_eq(WaitForSingleObject(scene->mutex, INFINITE), WAIT_OBJECT_0);
    SetEventWhenCallbackReturns(instance, scene->event); /* the order of asking does not matter */
    ReleaseSemaphoreWhenCallbackReturns(instance, scene->semaphore, 2);
    ReleaseMutexWhenCallbackReturns(instance, scene->mutex);
    LeaveCriticalSectionWhenCallbackReturns(instance, &scene->section);
    check_eq(WaitForSingleObject(scene->event, 0), WAIT_TIMEOUT); /* C-197: not yet */
    check_eq(WaitForSingleObject(scene->semaphore, 0), WAIT_TIMEOUT);
}

/* C-198, C-199, C-201: all done when the wait for the callback returns; the event is the last of
 * them, so when it comes the others are done. */
TAP_TEST(instance__c198_c199_c201_all_kinds_of_actions)
{
    struct scene scene;
    scene_init(&scene, 2, all_kinds);
    scene_submit(&scene);
    check(comes(scene.event));
    check_eq(TryEnterCriticalSection(&scene.section), TRUE);
    LeaveCriticalSection(&scene.section);
    check_eq(WaitForSingleObject(scene.mutex, 0), WAIT_OBJECT_0);
    ReleaseMutex(scene.mutex);
    check_eq(WaitForSingleObject(scene.semaphore, 0), WAIT_OBJECT_0);
    check_eq(WaitForSingleObject(scene.semaphore, 0), WAIT_OBJECT_0);
    check_eq(WaitForSingleObject(scene.semaphore, 0), WAIT_TIMEOUT);
    SubmitThreadpoolWork(scene.work);
    WaitForThreadpoolWorkCallbacks(scene.work, FALSE);
    check_eq(WaitForSingleObject(scene.event, 0), WAIT_OBJECT_0);
    scene_fini(&scene);
}

static void twice(struct scene *scene, PTP_CALLBACK_INSTANCE instance)
{
    SetEventWhenCallbackReturns(instance, scene->event);
    SetEventWhenCallbackReturns(instance, scene->other);
}

TAP_TEST(instance__c200_the_last_of_a_kind_counts)
{
    struct scene scene;
    scene_init(&scene, 1, twice);
    scene_submit(&scene);
    WaitForThreadpoolWorkCallbacks(scene.work, FALSE);
    check_eq(WaitForSingleObject(scene.event, 0), WAIT_TIMEOUT);
    check_eq(WaitForSingleObject(scene.other, 0), WAIT_OBJECT_0);
    scene_fini(&scene);
}

static void too_much(struct scene *scene, PTP_CALLBACK_INSTANCE instance)
{
    DisassociateCurrentThreadFromCallback(instance);         /* C-202: actions all the same */
    ReleaseMutexWhenCallbackReturns(instance, scene->mutex); /* not owned */
    ReleaseSemaphoreWhenCallbackReturns(instance, scene->semaphore, 6);
    SetEventWhenCallbackReturns(instance, scene->event);
}

TAP_TEST(instance__c204_c202_a_failing_action_stops_no_other)
{
    struct scene scene;
    scene_init(&scene, 1, too_much);
    scene_submit(&scene);
    check(comes(scene.event));
    check_eq(WaitForSingleObject(scene.semaphore, 0), WAIT_TIMEOUT);
    scene_fini(&scene);
}

/* ---- running long, disassociating ------------------------------------------------------------ */

static void ask(struct scene *scene, PTP_CALLBACK_INSTANCE instance)
{
    SetLastError(0);
    scene->may_run_long[0] = CallbackMayRunLong(instance);
    scene->error = GetLastError();
    scene->may_run_long[1] = CallbackMayRunLong(instance);
}

TAP_TEST(instance__c189_no_thread_to_spare)
{
    struct scene scene;
    scene_init(&scene, 1, ask);
    scene_submit(&scene);
    WaitForThreadpoolWorkCallbacks(scene.work, FALSE);
    check_eq(scene.may_run_long[0], FALSE);
    check_eq(scene.error, 565);
    check_eq(scene.may_run_long[1], FALSE);
    scene_fini(&scene);
}

/* C-037, C-190: with an environment that says so as well. */
TAP_TEST(instance__c190_c037_a_thread_to_spare)
{
    struct scene scene;
    scene_init(&scene, 2, ask);
    SetThreadpoolCallbackRunsLong(&scene.environment);
    scene_submit(&scene);
    WaitForThreadpoolWorkCallbacks(scene.work, FALSE);
    check_eq(scene.may_run_long[0], TRUE);
    check_eq(scene.error, 0);
    check_eq(scene.may_run_long[1], TRUE);
    scene_fini(&scene);
}

static void lend(struct scene *scene, PTP_CALLBACK_INSTANCE instance)
{
    scene->instance = instance;
    SetEvent(scene->event);
    WaitForSingleObject(scene->go_on, INFINITE);
}

TAP_TEST(instance__c191_from_another_thread)
{
    struct scene scene;
    scene_init(&scene, 4, lend);
    scene_submit(&scene);
    check(comes(scene.event));
    SetLastError(0);
    check_eq(CallbackMayRunLong(scene.instance), FALSE);
    check_eq(GetLastError(), ERROR_GEN_FAILURE);
    SetEventWhenCallbackReturns(scene.instance, scene.other);
    SetEvent(scene.go_on);
    WaitForThreadpoolWorkCallbacks(scene.work, FALSE);
    check_eq(WaitForSingleObject(scene.other, 0), WAIT_TIMEOUT);
    scene_fini(&scene);
}

static void leave_early(struct scene *scene, PTP_CALLBACK_INSTANCE instance)
{
    DisassociateCurrentThreadFromCallback(instance);
    DisassociateCurrentThreadFromCallback(instance);    /* C-193 */
    WaitForThreadpoolWorkCallbacks(scene->work, FALSE); /* C-194 */
    SetEvent(scene->event);
    WaitForSingleObject(scene->go_on, INFINITE);
    add_to(&scene->reached, 1);
}

static DWORD WINAPI close_group(LPVOID group)
{
    CloseThreadpoolCleanupGroupMembers(group, FALSE, NULL);
    return 0;
}

/* C-181, C-192: the wait for the object does not wait for it, the group does. */
TAP_TEST(instance__c192_c181_disassociated)
{
    struct scene scene;
    PTP_CLEANUP_GROUP group = CreateThreadpoolCleanupGroup();
    scene_init(&scene, 2, leave_early);
    SetThreadpoolCallbackCleanupGroup(&scene.environment, group, NULL);
    scene_submit(&scene);
    WaitForThreadpoolWorkCallbacks(scene.work, FALSE);
    check(comes(scene.event));
    WaitForThreadpoolWorkCallbacks(scene.work, FALSE);
    check_eq(value_of(&scene.reached), 0);
    HANDLE thread = CreateThread(NULL, 0, close_group, group, 0, NULL);
    check(stays_away(thread));
    SetEvent(scene.go_on);
    check(comes(thread));
    check_eq(value_of(&scene.reached), 1);
    scene.work = NULL; /* closed with its group */
    CloseThreadpoolCleanupGroup(group);
    CloseHandle(thread);
    scene_fini(&scene);
}

/* ---- finalizer ------------------------------------------------------------------------------- */

static void quick(struct scene *scene, PTP_CALLBACK_INSTANCE instance)
{
    SetEventWhenCallbackReturns(instance, scene->event);
}

static void CALLBACK finalize(PTP_CALLBACK_INSTANCE instance, PVOID context)
{
    struct scene *scene = context;
    check(instance != NULL);
    check_eq(WaitForSingleObject(scene->event, 0), WAIT_TIMEOUT); /* before the actions */
    add_to(&scene->reached, 1);
}

/* C-039, C-040: after each callback, and not for what was cancelled. */
TAP_TEST(instance__c039_c040_finalizer)
{
    struct scene scene;
    struct gate gate;
    gate_init(&gate);
    scene_init(&scene, 1, quick);
    TpSetCallbackFinalizationCallback(&gate.environment, finalize);
    scene.work = CreateThreadpoolWork(run_body, &scene, &gate.environment);
    SubmitThreadpoolWork(scene.work);
    SubmitThreadpoolWork(scene.work);
    WaitForThreadpoolWorkCallbacks(scene.work, TRUE);
    gate_open(&gate);
    check_eq(value_of(&scene.reached), 0);
    for (int i = 1; i <= 3; i++) {
        SubmitThreadpoolWork(scene.work);
        WaitForThreadpoolWorkCallbacks(scene.work, FALSE);
        check_eq(value_of(&scene.reached), i);
        check_eq(WaitForSingleObject(scene.event, 0), WAIT_OBJECT_0);
    }
    scene_fini(&scene);
    gate_fini(&gate);
}

/* ---- libraries ------------------------------------------------------------------------------- */

static const char *plugin_path;

typedef void (*init_fn)(struct plugin_notes *notes);

union entry {
    FARPROC found;
    init_fn init;
    PTP_WORK_CALLBACK work;
};

static HMODULE load(struct plugin_notes *notes, union entry *work)
{
    union entry init;
    HMODULE module = LoadLibraryA(plugin_path);
    if (!module)
        return NULL;
    init.found = GetProcAddress(module, "plugin_init");
    work->found = GetProcAddress(module, "plugin_work");
    init.init(notes);
    return module;
}

/* C-041, D-20: the object keeps it loaded. */
TAP_TEST(instance__c041_library_of_an_environment)
{
    struct plugin_notes notes = {0, 0, NULL, CreateEventA(NULL, TRUE, FALSE, NULL)};
    union entry entry;
    TP_CALLBACK_ENVIRON environment;
    HMODULE module = load(&notes, &entry);
    require(module != NULL);
    InitializeThreadpoolEnvironment(&environment);
    SetThreadpoolCallbackLibrary(&environment, module);
    PTP_WORK work = CreateThreadpoolWork(entry.work, NULL, &environment);
    check(work != NULL);
    FreeLibrary(module);
    check_eq(value_of(&notes.loaded), 1);
    SubmitThreadpoolWork(work);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    check_eq(notes.runs, 1);
    check_eq(value_of(&notes.loaded), 1);
    CloseThreadpoolWork(work);
    check(comes(notes.unloaded));
    SetLastError(0);
    check(CreateThreadpoolWork(entry.work, NULL, &environment) == NULL); /* it is gone */
    check_eq(GetLastError(), ERROR_INVALID_PARAMETER);
    CloseHandle(notes.unloaded);
}

/* C-203: freed by its own callback; its destructor waits for the object. */
TAP_TEST(instance__c203_library_frees_itself)
{
    struct plugin_notes notes = {0, 0, NULL, CreateEventA(NULL, TRUE, FALSE, NULL)};
    union entry entry;
    HMODULE module = load(&notes, &entry);
    require(module != NULL);
    notes.work = CreateThreadpoolWork(entry.work, module, NULL);
    SubmitThreadpoolWork(notes.work);
    check(comes(notes.unloaded));
    check_eq(notes.runs, 1);
    check_eq(value_of(&notes.loaded), 0);
    CloseThreadpoolWork(notes.work);
    CloseHandle(notes.unloaded);
}

static DWORD WINAPI load_and_free(void *argument)
{
    (void)argument;
    for (int i = 0; i < 200; i++)
        FreeLibrary(LoadLibraryA(plugin_path));
    return 0;
}

TAP_TEST(instance__library_is_found_while_another_is_loaded_and_freed)
{
    char stray[64] = {0};
    HMODULE math = LoadLibraryA("libm.so.6");
    HANDLE thread = CreateThread(NULL, 0, load_and_free, NULL, 0, NULL);
    require(math != NULL && thread != NULL);
    while (WaitForSingleObject(thread, 0) == WAIT_TIMEOUT) {
        check(!FreeLibrary((HMODULE)(void *)stray));
        check(GetProcAddress(math, "sin") != NULL);
    }
    check(FreeLibrary(math));
    CloseHandle(thread);
}

int main(int argc, char **argv)
{
    plugin_path = argc > 1 ? argv[1] : "";
    tap_run(instance__c198_c199_c201_all_kinds_of_actions);
    tap_run(instance__c200_the_last_of_a_kind_counts);
    tap_run(instance__c204_c202_a_failing_action_stops_no_other);
    tap_run(instance__c189_no_thread_to_spare);
    tap_run(instance__c190_c037_a_thread_to_spare);
    tap_run(instance__c191_from_another_thread);
    tap_run(instance__c192_c181_disassociated);
    tap_run(instance__c039_c040_finalizer);
    tap_run(instance__c041_library_of_an_environment);
    tap_run(instance__c203_library_frees_itself);
    tap_run(instance__library_is_found_while_another_is_loaded_and_freed);
    return tap_done();
}
