/* legacy.h - what registered waits, timer queues and work items share. */
#ifndef CAPI_WIN32_LEGACY_H
#define CAPI_WIN32_LEGACY_H

#include "capi/win32/win32.h"

#include <pthread.h>

/** Makes an environment of WT_* flags. */
void tpw_environ_of_flags(TP_CALLBACK_ENVIRON *environment, ULONG flags);

/** How something tells that it is gone: under a lock of that thing. */
struct tpw_ending {
    bool begun, done;
    struct tpw_object *event; /* to be set when it is done; with a reference */
};

/** The event of a completion argument, with a reference; NULL if that is none. false: it is neither
 *  an event, NULL nor INVALID_HANDLE_VALUE. */
bool tpw_ending_event(HANDLE completion, struct tpw_object **event);
/** Takes over the event. */
void tpw_ending_begin(struct tpw_ending *ending, pthread_mutex_t *lock, struct tpw_object *event);
void tpw_ending_done(struct tpw_ending *ending, pthread_mutex_t *lock);
/** What a deletion says at its end; `waited` is what waiting came to, if it did. */
DWORD tpw_ending_error(struct tpw_ending *ending, pthread_mutex_t *lock, HANDLE completion,
                       tp_status_t waited);

#endif
