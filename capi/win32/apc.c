/* apc.c - calls that are queued to a thread, which makes them when it waits alertably. */
#include <stdlib.h>

#include "capi/win32/base.h"
#include "tp/win32/thread.h"

struct tpw_call {
    struct tpw_call *next;
    tpw_call_fn caller;
    void *function;
    ULONG_PTR arguments[3];
};

DWORD tpw_call_queue(struct tpw_thread *thread, tpw_call_fn caller, void *function,
                     const ULONG_PTR arguments[3])
{
    struct tpw_call *call = malloc(sizeof *call);
    if (!call)
        return ERROR_NOT_ENOUGH_MEMORY;
    *call = (struct tpw_call){NULL, caller, function, {arguments[0], arguments[1], arguments[2]}};
    pthread_mutex_lock(&thread->call_lock);
    bool refused = thread->refuses_calls;
    if (!refused) {
        *thread->last_call = call;
        thread->last_call = &call->next;
    }
    pthread_mutex_unlock(&thread->call_lock);
    if (refused)
        free(call);
    else
        sem_post(&thread->woken);
    return refused ? ERROR_GEN_FAILURE : 0;
}

bool tpw_calls_pending(struct tpw_thread *thread)
{
    pthread_mutex_lock(&thread->call_lock);
    bool pending = thread->first_call != NULL;
    pthread_mutex_unlock(&thread->call_lock);
    return pending;
}

static struct tpw_call *take(struct tpw_thread *thread)
{
    pthread_mutex_lock(&thread->call_lock);
    struct tpw_call *call = thread->first_call;
    if (call && !(thread->first_call = call->next))
        thread->last_call = &thread->first_call;
    pthread_mutex_unlock(&thread->call_lock);
    return call;
}

/* Also those that are queued meanwhile, as on Windows. */
unsigned tpw_calls_make(struct tpw_thread *thread)
{
    struct tpw_call *call;
    unsigned made = 0;
    for (; (call = take(thread)) != NULL; made++) {
        struct tpw_call now = *call;
        free(call);
        now.caller(now.arguments[0], now.arguments[1], now.arguments[2], now.function);
    }
    return made;
}

void tpw_calls_refuse(struct tpw_thread *thread)
{
    struct tpw_call *call;
    pthread_mutex_lock(&thread->call_lock);
    thread->refuses_calls = true;
    pthread_mutex_unlock(&thread->call_lock);
    while ((call = take(thread)) != NULL)
        free(call);
}

union function {
    void *raw;
    PAPCFUNC call;
};

static void call_user(ULONG_PTR one, ULONG_PTR two, ULONG_PTR three, void *function)
{
    UNREFERENCED_PARAMETER(two);
    UNREFERENCED_PARAMETER(three);
    (union function){.raw = function}.call(one);
}

DWORD WINAPI QueueUserAPC(PAPCFUNC function, HANDLE thread, ULONG_PTR data)
{
    struct tpw_sync *sync = tpw_sync_get(thread);
    DWORD error = ERROR_INVALID_HANDLE;
    if (sync && sync->object.kind == TPW_THREAD)
        error = tpw_call_queue((struct tpw_thread *)sync, call_user,
                               (union function){.call = function}.raw, (ULONG_PTR[3]){data});
    tpw_object_drop(sync ? &sync->object : NULL);
    return error ? (DWORD)tpw_fail(error) : 1;
}
