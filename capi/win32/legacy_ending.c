/* legacy_ending.c - how registered waits, timers and their queues tell that they are gone. */
#include "capi/win32/base.h"
#include "capi/win32/legacy.h"

bool tpw_ending_event(HANDLE completion, struct tpw_object **event)
{
    *event = NULL;
    if (!completion || completion == INVALID_HANDLE_VALUE)
        return true;
    *event = tpw_handle_get(completion, TPW_EVENT);
    return *event != NULL;
}

void tpw_ending_begin(struct tpw_ending *ending, pthread_mutex_t *lock, struct tpw_object *event)
{
    pthread_mutex_lock(lock);
    ending->begun = true;
    ending->event = event;
    pthread_mutex_unlock(lock);
}

void tpw_ending_done(struct tpw_ending *ending, pthread_mutex_t *lock)
{
    pthread_mutex_lock(lock);
    struct tpw_object *event = ending->event;
    ending->event = NULL;
    ending->done = true;
    pthread_mutex_unlock(lock);
    if (event)
        tpw_sync_set_event((struct tpw_sync *)event);
    tpw_object_drop(event);
}

DWORD tpw_ending_error(struct tpw_ending *ending, pthread_mutex_t *lock, HANDLE completion,
                       tp_status_t waited)
{
    if (completion == INVALID_HANDLE_VALUE)
        return tpw_error_of(waited);
    pthread_mutex_lock(lock);
    bool done = ending->done;
    pthread_mutex_unlock(lock);
    return done ? ERROR_SUCCESS : ERROR_IO_PENDING;
}
