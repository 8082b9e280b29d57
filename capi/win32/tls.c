/* tls.c - slots of thread-local storage, each a key of the C library. */
#include <limits.h>

#include "capi/win32/base.h"
#include "tp/win32/thread.h"

/* Each slot has a key, so that while there is a key there is a slot. */
#define SLOTS (PTHREAD_KEYS_MAX + 1)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_key_t keys[SLOTS]; /* under lock, but for whoever has the slot */
static bool used[SLOTS];          /* atomic */

static bool is_slot(DWORD slot)
{
    return slot < SLOTS && __atomic_load_n(&used[slot], __ATOMIC_ACQUIRE);
}

DWORD WINAPI TlsAlloc(void)
{
    DWORD slot = 0;
    pthread_mutex_lock(&lock);
    while (used[slot])
        slot++;
    bool made = pthread_key_create(&keys[slot], NULL) == 0;
    if (made)
        __atomic_store_n(&used[slot], true, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&lock);
    if (made)
        return slot;
    SetLastError(ERROR_NOT_ENOUGH_MEMORY);
    return TLS_OUT_OF_INDEXES;
}

BOOL WINAPI TlsFree(DWORD slot)
{
    pthread_mutex_lock(&lock);
    bool was = is_slot(slot);
    if (was) {
        __atomic_store_n(&used[slot], false, __ATOMIC_RELEASE);
        pthread_key_delete(keys[slot]);
    }
    pthread_mutex_unlock(&lock);
    return was ? TRUE : tpw_fail(ERROR_INVALID_PARAMETER);
}

LPVOID WINAPI TlsGetValue(DWORD slot)
{
    bool is = is_slot(slot);
    SetLastError(is ? ERROR_SUCCESS : ERROR_INVALID_PARAMETER);
    return is ? pthread_getspecific(keys[slot]) : NULL;
}

BOOL WINAPI TlsSetValue(DWORD slot, LPVOID value)
{
    if (!is_slot(slot))
        return tpw_fail(ERROR_INVALID_PARAMETER);
    return pthread_setspecific(keys[slot], value) == 0 ? TRUE : tpw_fail(ERROR_NOT_ENOUGH_MEMORY);
}
