/* environ.h - the objects of a pool, their callbacks, and the environments of winnt.h. */
#ifndef TP_WIN32_ENVIRON_H
#define TP_WIN32_ENVIRON_H

#include "tp/win32/types.h"

TPW_EXTERN_C_BEGIN

/* ---- Objects and callbacks ------------------------------------------------------------------- */

typedef DWORD TP_VERSION, *PTP_VERSION;
typedef struct _TP_CALLBACK_INSTANCE TP_CALLBACK_INSTANCE, *PTP_CALLBACK_INSTANCE;
typedef struct _TP_POOL TP_POOL, *PTP_POOL;
typedef struct _TP_WORK TP_WORK, *PTP_WORK;
typedef struct _TP_TIMER TP_TIMER, *PTP_TIMER;
typedef struct _TP_WAIT TP_WAIT, *PTP_WAIT;
typedef struct _TP_IO TP_IO, *PTP_IO;
typedef struct _TP_CLEANUP_GROUP TP_CLEANUP_GROUP, *PTP_CLEANUP_GROUP;
typedef struct _ACTIVATION_CONTEXT *PACTIVATION_CONTEXT;

/** WAIT_OBJECT_0, WAIT_TIMEOUT, or for a mutex WAIT_ABANDONED_0. */
typedef DWORD TP_WAIT_RESULT;

typedef void(NTAPI *PTP_SIMPLE_CALLBACK)(PTP_CALLBACK_INSTANCE instance, PVOID context);
typedef void(NTAPI *PTP_WORK_CALLBACK)(PTP_CALLBACK_INSTANCE instance, PVOID context,
                                       PTP_WORK work);
typedef void(NTAPI *PTP_TIMER_CALLBACK)(PTP_CALLBACK_INSTANCE instance, PVOID context,
                                        PTP_TIMER timer);
typedef void(NTAPI *PTP_WAIT_CALLBACK)(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WAIT wait,
                                       TP_WAIT_RESULT result);
typedef void(WINAPI *PTP_WIN32_IO_CALLBACK)(PTP_CALLBACK_INSTANCE instance, PVOID context,
                                            PVOID overlapped, ULONG result, ULONG_PTR transferred,
                                            PTP_IO io);
typedef void(NTAPI *PTP_CLEANUP_GROUP_CANCEL_CALLBACK)(PVOID object_context, PVOID cleanup_context);

/* ---- Environments ---------------------------------------------------------------------------- */

typedef enum _TP_CALLBACK_PRIORITY {
    TP_CALLBACK_PRIORITY_HIGH,
    TP_CALLBACK_PRIORITY_NORMAL,
    TP_CALLBACK_PRIORITY_LOW,
    TP_CALLBACK_PRIORITY_INVALID,
    TP_CALLBACK_PRIORITY_COUNT = TP_CALLBACK_PRIORITY_INVALID
} TP_CALLBACK_PRIORITY;

/** What SetThreadpoolStackInformation takes, in bytes. */
typedef struct _TP_POOL_STACK_INFORMATION {
    SIZE_T StackReserve;
    SIZE_T StackCommit;
} TP_POOL_STACK_INFORMATION, *PTP_POOL_STACK_INFORMATION;

/** The environment of Windows Vista: 64 bytes. */
typedef struct _TP_CALLBACK_ENVIRON_V1 {
    TP_VERSION Version;
    PTP_POOL Pool;
    PTP_CLEANUP_GROUP CleanupGroup;
    PTP_CLEANUP_GROUP_CANCEL_CALLBACK CleanupGroupCancelCallback;
    PVOID RaceDll;
    PACTIVATION_CONTEXT ActivationContext;
    PTP_SIMPLE_CALLBACK FinalizationCallback;
    union {
        DWORD Flags;
        struct {
            DWORD LongFunction : 1;
            DWORD Persistent : 1;
            DWORD Private : 30;
        } s;
    } u;
} TP_CALLBACK_ENVIRON_V1;

/** The environment from Windows 7 on: 72 bytes. */
typedef struct _TP_CALLBACK_ENVIRON_V3 {
    TP_VERSION Version;
    PTP_POOL Pool;
    PTP_CLEANUP_GROUP CleanupGroup;
    PTP_CLEANUP_GROUP_CANCEL_CALLBACK CleanupGroupCancelCallback;
    PVOID RaceDll;
    PACTIVATION_CONTEXT ActivationContext;
    PTP_SIMPLE_CALLBACK FinalizationCallback;
    union {
        DWORD Flags;
        struct {
            DWORD LongFunction : 1;
            DWORD Persistent : 1;
            DWORD Private : 30;
        } s;
    } u;
    TP_CALLBACK_PRIORITY CallbackPriority;
    DWORD Size;
} TP_CALLBACK_ENVIRON_V3;

#if _WIN32_WINNT >= _WIN32_WINNT_WIN7
typedef TP_CALLBACK_ENVIRON_V3 TP_CALLBACK_ENVIRON, *PTP_CALLBACK_ENVIRON;
#else
typedef TP_CALLBACK_ENVIRON_V1 TP_CALLBACK_ENVIRON, *PTP_CALLBACK_ENVIRON;
#endif

FORCEINLINE void TpInitializeCallbackEnviron(PTP_CALLBACK_ENVIRON environ)
{
    environ->Pool = NULL;
    environ->CleanupGroup = NULL;
    environ->CleanupGroupCancelCallback = NULL;
    environ->RaceDll = NULL;
    environ->ActivationContext = NULL;
    environ->FinalizationCallback = NULL;
    environ->u.Flags = 0;
#if _WIN32_WINNT >= _WIN32_WINNT_WIN7
    environ->Version = 3;
    environ->CallbackPriority = TP_CALLBACK_PRIORITY_NORMAL;
    environ->Size = (DWORD)sizeof *environ;
#else
    environ->Version = 1;
#endif
}

FORCEINLINE void TpSetCallbackThreadpool(PTP_CALLBACK_ENVIRON environ, PTP_POOL pool)
{
    environ->Pool = pool;
}

FORCEINLINE void TpSetCallbackCleanupGroup(PTP_CALLBACK_ENVIRON environ, PTP_CLEANUP_GROUP group,
                                           PTP_CLEANUP_GROUP_CANCEL_CALLBACK cancel)
{
    environ->CleanupGroup = group;
    environ->CleanupGroupCancelCallback = cancel;
}

FORCEINLINE void TpSetCallbackActivationContext(PTP_CALLBACK_ENVIRON environ,
                                                PACTIVATION_CONTEXT context)
{
    environ->ActivationContext = context;
}

FORCEINLINE void TpSetCallbackNoActivationContext(PTP_CALLBACK_ENVIRON environ)
{
    environ->ActivationContext = (PACTIVATION_CONTEXT)(LONG_PTR)-1;
}

FORCEINLINE void TpSetCallbackLongFunction(PTP_CALLBACK_ENVIRON environ)
{
    environ->u.s.LongFunction = 1;
}

FORCEINLINE void TpSetCallbackRaceWithDll(PTP_CALLBACK_ENVIRON environ, PVOID module)
{
    environ->RaceDll = module;
}

FORCEINLINE void TpSetCallbackFinalizationCallback(PTP_CALLBACK_ENVIRON environ,
                                                   PTP_SIMPLE_CALLBACK finalizer)
{
    environ->FinalizationCallback = finalizer;
}

FORCEINLINE void TpSetCallbackPersistent(PTP_CALLBACK_ENVIRON environ)
{
    environ->u.s.Persistent = 1;
}

FORCEINLINE void TpDestroyCallbackEnviron(PTP_CALLBACK_ENVIRON environ)
{
    (void)environ; /* it owns nothing */
}

FORCEINLINE void InitializeThreadpoolEnvironment(PTP_CALLBACK_ENVIRON environ)
{
    TpInitializeCallbackEnviron(environ);
}

FORCEINLINE void SetThreadpoolCallbackPool(PTP_CALLBACK_ENVIRON environ, PTP_POOL pool)
{
    TpSetCallbackThreadpool(environ, pool);
}

FORCEINLINE void SetThreadpoolCallbackCleanupGroup(PTP_CALLBACK_ENVIRON environ,
                                                   PTP_CLEANUP_GROUP group,
                                                   PTP_CLEANUP_GROUP_CANCEL_CALLBACK cancel)
{
    TpSetCallbackCleanupGroup(environ, group, cancel);
}

FORCEINLINE void SetThreadpoolCallbackRunsLong(PTP_CALLBACK_ENVIRON environ)
{
    TpSetCallbackLongFunction(environ);
}

FORCEINLINE void SetThreadpoolCallbackLibrary(PTP_CALLBACK_ENVIRON environ, PVOID module)
{
    TpSetCallbackRaceWithDll(environ, module);
}

#if _WIN32_WINNT >= _WIN32_WINNT_WIN7
FORCEINLINE void TpSetCallbackPriority(PTP_CALLBACK_ENVIRON environ, TP_CALLBACK_PRIORITY priority)
{
    environ->CallbackPriority = priority;
}

FORCEINLINE void SetThreadpoolCallbackPriority(PTP_CALLBACK_ENVIRON environ,
                                               TP_CALLBACK_PRIORITY priority)
{
    TpSetCallbackPriority(environ, priority);
}

FORCEINLINE void SetThreadpoolCallbackPersistent(PTP_CALLBACK_ENVIRON environ)
{
    TpSetCallbackPersistent(environ);
}
#endif

FORCEINLINE void DestroyThreadpoolEnvironment(PTP_CALLBACK_ENVIRON environ)
{
    TpDestroyCallbackEnviron(environ);
}

TPW_EXTERN_C_END

#endif
