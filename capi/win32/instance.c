/* instance.c - what a running callback may ask for, under its names on Windows. */
#include "capi/win32/base.h"

static tp_callback_instance_t *instance_of(PTP_CALLBACK_INSTANCE instance)
{
    return (tp_callback_instance_t *)instance;
}

/* What is no handle of the wanted kind goes on as NULL, which tp refuses and the misuse hook hears
 * of: these functions have no other way to fail. */

void WINAPI LeaveCriticalSectionWhenCallbackReturns(PTP_CALLBACK_INSTANCE instance,
                                                    PCRITICAL_SECTION section)
{
    (void)tp_callback_unlock_on_return(instance_of(instance),
                                       section ? tpw_section_mutex(section) : NULL);
}

void WINAPI ReleaseMutexWhenCallbackReturns(PTP_CALLBACK_INSTANCE instance, HANDLE mutex)
{
    struct tpw_object *object = tpw_handle_get(mutex, TPW_MUTEX);
    struct tpw_sync *sync = (struct tpw_sync *)object;
    (void)tp_callback_release_mutex_on_return(instance_of(instance), sync ? sync->u.mutex : NULL);
    tpw_object_drop(object);
}

void WINAPI ReleaseSemaphoreWhenCallbackReturns(PTP_CALLBACK_INSTANCE instance, HANDLE semaphore,
                                                DWORD count)
{
    struct tpw_object *object = tpw_handle_get(semaphore, TPW_SEMAPHORE);
    struct tpw_sync *sync = (struct tpw_sync *)object;
    (void)tp_callback_release_semaphore_on_return(instance_of(instance),
                                                  sync ? sync->u.semaphore : NULL, count);
    tpw_object_drop(object);
}

void WINAPI SetEventWhenCallbackReturns(PTP_CALLBACK_INSTANCE instance, HANDLE event)
{
    struct tpw_object *object = tpw_handle_get(event, TPW_EVENT);
    struct tpw_sync *sync = (struct tpw_sync *)object;
    (void)tp_callback_set_event_on_return(instance_of(instance), sync ? sync->u.event : NULL);
    tpw_object_drop(object);
}

void WINAPI FreeLibraryWhenCallbackReturns(PTP_CALLBACK_INSTANCE instance, HMODULE module)
{
    (void)tp_callback_close_library_on_return(instance_of(instance),
                                              tpw_module_is_loaded(module) ? module : NULL);
}

BOOL WINAPI CallbackMayRunLong(PTP_CALLBACK_INSTANCE instance)
{
    tp_status_t status = tp_callback_may_run_long(instance_of(instance));
    return status == TP_OK ? TRUE : tpw_fail(tpw_error_of(status));
}

void WINAPI DisassociateCurrentThreadFromCallback(PTP_CALLBACK_INSTANCE instance)
{
    (void)tp_callback_disassociate(instance_of(instance));
}
