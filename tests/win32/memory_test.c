/* memory_test.c - no memory: every create fails with ERROR_NOT_ENOUGH_MEMORY, and nothing runs. */
#include "tests/win32/scene.h"

#include "tp/library.h"

static LONG refusing;

static void *allocate(void *context, size_t size, size_t alignment)
{
    void *memory = NULL;
    (void)context;
    if (value_of(&refusing) || posix_memalign(&memory, alignment < 8 ? 8 : alignment, size) != 0)
        return NULL;
    return memory;
}

static void give_back(void *context, void *memory, size_t size)
{
    (void)context;
    (void)size;
    free(memory);
}

static void CALLBACK simple(PTP_CALLBACK_INSTANCE instance, PVOID context)
{
    (void)instance;
    add_to(context, 1);
}

static void CALLBACK work(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK object)
{
    (void)object;
    simple(instance, context);
}

static DWORD refused(bool failed)
{
    DWORD error = GetLastError();
    check(failed);
    SetLastError(0);
    return error;
}

/* C-045. What is made of little memory may come out of what a pool has left over, so each create is
 * repeated until it is refused. */
#define UNTIL_REFUSED(create) \
    do { \
        int left = 100000; \
        while ((create) && --left) { \
        } \
        check_eq(refused(left != 0), ERROR_NOT_ENOUGH_MEMORY); \
    } while (0)

/* Behind a gate: what has run gives back its memory, for the next one. */
TAP_TEST(memory__c045_creates_are_refused)
{
    struct gate gate;
    LONG runs = 0, submitted = 1;
    PTP_CLEANUP_GROUP group = CreateThreadpoolCleanupGroup();
    gate_init(&gate);
    SetThreadpoolCallbackCleanupGroup(&gate.environment, group, NULL);
    check(TrySubmitThreadpoolCallback(simple, &runs, &gate.environment));
    add_to(&refusing, 1);
    UNTIL_REFUSED(CreateThreadpoolWork(work, &runs, &gate.environment));
    UNTIL_REFUSED(TrySubmitThreadpoolCallback(simple, &runs, &gate.environment) && ++submitted);
    check_eq(value_of(&runs), 0);
    gate_open(&gate);
    add_to(&refusing, -1);
    CloseThreadpoolCleanupGroupMembers(group, FALSE, NULL);
    check_eq(runs, submitted);
    check(TrySubmitThreadpoolCallback(simple, &runs, &gate.environment));
    CloseThreadpoolCleanupGroupMembers(group, FALSE, NULL);
    check_eq(runs, submitted + 1);
    gate_fini(&gate);
    CloseThreadpoolCleanupGroup(group);
}

TAP_TEST(memory__c011_pools_and_groups_are_refused)
{
    add_to(&refusing, 1);
    UNTIL_REFUSED(CreateThreadpool(NULL));
    UNTIL_REFUSED(CreateThreadpoolCleanupGroup());
    add_to(&refusing, -1);
    PTP_POOL pool = CreateThreadpool(NULL);
    check(pool != NULL);
    CloseThreadpool(pool);
}

int main(void)
{
    tp_allocator_t allocator = TP_ALLOCATOR_INIT;
    allocator.alloc = allocate;
    allocator.free = give_back;
    if (tp_set_allocator(&allocator) != TP_OK)
        return 1;
    tap_run(memory__c045_creates_are_refused);
    tap_run(memory__c011_pools_and_groups_are_refused);
    return tap_done();
}
