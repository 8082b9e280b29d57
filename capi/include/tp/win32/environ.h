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

FORCEINLINE void TpInitializeCallbackEnviron(PTP_CALLBACK_ENVIRON environment)
{
    environment->Pool = NULL;
    environment->CleanupGroup = NULL;
    environment->CleanupGroupCancelCallback = NULL;
    environment->RaceDll = NULL;
    environment->ActivationContext = NULL;
    environment->FinalizationCallback = NULL;
    environment->u.Flags = 0;
#if _WIN32_WINNT >= _WIN32_WINNT_WIN7
    environment->Version = 3;
    environment->CallbackPriority = TP_CALLBACK_PRIORITY_NORMAL;
    environment->Size = (DWORD)sizeof *environment;
#else
    environment->Version = 1;
#endif
}

FORCEINLINE void TpSetCallbackThreadpool(PTP_CALLBACK_ENVIRON environment, PTP_POOL pool)
{
    environment->Pool = pool;
}

FORCEINLINE void TpSetCallbackCleanupGroup(PTP_CALLBACK_ENVIRON environment,
                                           PTP_CLEANUP_GROUP group,
                                           PTP_CLEANUP_GROUP_CANCEL_CALLBACK cancel)
{
    environment->CleanupGroup = group;
    environment->CleanupGroupCancelCallback = cancel;
}

FORCEINLINE void TpSetCallbackActivationContext(PTP_CALLBACK_ENVIRON environment,
                                                PACTIVATION_CONTEXT context)
{
    environment->ActivationContext = context;
}

FORCEINLINE void TpSetCallbackNoActivationContext(PTP_CALLBACK_ENVIRON environment)
{
    environment->ActivationContext = (PACTIVATION_CONTEXT)(LONG_PTR)-1;
}

FORCEINLINE void TpSetCallbackLongFunction(PTP_CALLBACK_ENVIRON environment)
{
    environment->u.s.LongFunction = 1;
}

FORCEINLINE void TpSetCallbackRaceWithDll(PTP_CALLBACK_ENVIRON environment, PVOID module)
{
    environment->RaceDll = module;
}

FORCEINLINE void TpSetCallbackFinalizationCallback(PTP_CALLBACK_ENVIRON environment,
                                                   PTP_SIMPLE_CALLBACK finalizer)
{
    environment->FinalizationCallback = finalizer;
}

FORCEINLINE void TpSetCallbackPersistent(PTP_CALLBACK_ENVIRON environment)
{
    environment->u.s.Persistent = 1;
}

FORCEINLINE void TpDestroyCallbackEnviron(PTP_CALLBACK_ENVIRON environment)
{
    (void)environment; /* it owns nothing */
}

FORCEINLINE void InitializeThreadpoolEnvironment(PTP_CALLBACK_ENVIRON environment)
{
    TpInitializeCallbackEnviron(environment);
}

FORCEINLINE void SetThreadpoolCallbackPool(PTP_CALLBACK_ENVIRON environment, PTP_POOL pool)
{
    TpSetCallbackThreadpool(environment, pool);
}

FORCEINLINE void SetThreadpoolCallbackCleanupGroup(PTP_CALLBACK_ENVIRON environment,
                                                   PTP_CLEANUP_GROUP group,
                                                   PTP_CLEANUP_GROUP_CANCEL_CALLBACK cancel)
{
    TpSetCallbackCleanupGroup(environment, group, cancel);
}

FORCEINLINE void SetThreadpoolCallbackRunsLong(PTP_CALLBACK_ENVIRON environment)
{
    TpSetCallbackLongFunction(environment);
}

FORCEINLINE void SetThreadpoolCallbackLibrary(PTP_CALLBACK_ENVIRON environment, PVOID module)
{
    TpSetCallbackRaceWithDll(environment, module);
}

#if _WIN32_WINNT >= _WIN32_WINNT_WIN7
FORCEINLINE void TpSetCallbackPriority(PTP_CALLBACK_ENVIRON environment,
                                       TP_CALLBACK_PRIORITY priority)
{
    environment->CallbackPriority = priority;
}

FORCEINLINE void SetThreadpoolCallbackPriority(PTP_CALLBACK_ENVIRON environment,
                                               TP_CALLBACK_PRIORITY priority)
{
    TpSetCallbackPriority(environment, priority);
}

FORCEINLINE void SetThreadpoolCallbackPersistent(PTP_CALLBACK_ENVIRON environment)
{
    TpSetCallbackPersistent(environment);
}
#endif

FORCEINLINE void DestroyThreadpoolEnvironment(PTP_CALLBACK_ENVIRON environment)
{
    TpDestroyCallbackEnviron(environment);
}

TPW_EXTERN_C_END

#endif
