/* object.c - references to objects, and the functions that take any handle. */
#include "capi/win32/base.h"
#include "tp/win32/base.h"
#include "tp/win32/thread.h"

void tpw_object_init(struct tpw_object *object, enum tpw_kind kind,
                     void (*destroy)(struct tpw_object *object))
{
    object->references = 1;
    object->kind = kind;
    object->destroy = destroy;
}

/* relaxed: whoever adds a reference has one, or a lock behind which one is kept. */
void tpw_object_hold(struct tpw_object *object)
{
    __atomic_fetch_add(&object->references, 1, __ATOMIC_RELAXED);
}

bool tpw_object_try_hold(struct tpw_object *object)
{
    uint32_t now = __atomic_load_n(&object->references, __ATOMIC_RELAXED);
    while (now != 0) {
        if (__atomic_compare_exchange_n(&object->references, &now, now + 1, true, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED))
            return true;
    }
    return false;
}

/* The last one sees what the others did. */
void tpw_object_drop(struct tpw_object *object)
{
    if (object && __atomic_fetch_sub(&object->references, 1, __ATOMIC_ACQ_REL) == 1)
        object->destroy(object);
}

/* -1 to -6: this process, this thread, and what tokens are on Windows. */
static bool is_pseudo(HANDLE handle)
{
    intptr_t value = (intptr_t)handle;
    return value < 0 && value >= -6;
}

BOOL WINAPI CloseHandle(HANDLE handle)
{
    if (is_pseudo(handle))
        return TRUE;
    struct tpw_object *object = tpw_handle_take(handle, TPW_ANY);
    if (!object)
        return tpw_fail(ERROR_INVALID_HANDLE);
    tpw_object_drop(object);
    return TRUE;
}

static struct tpw_object *get_any(HANDLE handle)
{
    if (!is_pseudo(handle))
        return tpw_handle_get(handle, TPW_ANY);
    struct tpw_sync *sync = tpw_sync_get(handle);
    return sync ? &sync->object : NULL;
}

static bool is_this_process(HANDLE process)
{
    struct tpw_object *object = get_any(process);
    bool is = object && object->kind == TPW_PROCESS;
    tpw_object_drop(object);
    return is;
}

BOOL WINAPI DuplicateHandle(HANDLE source_process, HANDLE source, HANDLE target_process,
                            HANDLE *target, DWORD access, BOOL inherit, DWORD options)
{
    UNREFERENCED_PARAMETER(access);
    UNREFERENCED_PARAMETER(inherit);
    if (!is_this_process(source_process))
        return tpw_fail(ERROR_NOT_SUPPORTED);
    struct tpw_object *object = get_any(source);
    BOOL done = object != NULL;
    if (!object) {
        tpw_fail(ERROR_INVALID_HANDLE);
    } else if (target && !is_this_process(target_process)) {
        done = tpw_fail(ERROR_NOT_SUPPORTED);
    } else if (target) {
        tpw_object_hold(object);
        *target = tpw_handle_open(object);
        if (!*target) {
            tpw_object_drop(object);
            done = tpw_fail(ERROR_NOT_ENOUGH_MEMORY);
        }
    }
    tpw_object_drop(object);
    if (object && (options & DUPLICATE_CLOSE_SOURCE) != 0) /* whatever became of the rest */
        CloseHandle(source);
    return done;
}

BOOL WINAPI GetHandleInformation(HANDLE handle, DWORD *flags)
{
    struct tpw_object *object = get_any(handle);
    if (!object)
        return tpw_fail(ERROR_INVALID_HANDLE);
    tpw_object_drop(object);
    if (!flags)
        return tpw_fail(ERROR_INVALID_PARAMETER);
    *flags = 0;
    return TRUE;
}

BOOL WINAPI SetHandleInformation(HANDLE handle, DWORD mask, DWORD flags)
{
    struct tpw_object *object = get_any(handle);
    if (!object)
        return tpw_fail(ERROR_INVALID_HANDLE);
    tpw_object_drop(object);
    return (mask & flags) == 0 ? TRUE : tpw_fail(ERROR_NOT_SUPPORTED);
}

BOOL WINAPI CompareObjectHandles(HANDLE one, HANDLE other)
{
    struct tpw_object *first = get_any(one), *second = get_any(other);
    BOOL same = first && first == second;
    tpw_object_drop(first);
    tpw_object_drop(second);
    return same;
}
