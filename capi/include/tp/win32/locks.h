/* locks.h - locks that are no handles: critical sections, slim locks, conditions, once. */
#ifndef TP_WIN32_LOCKS_H
#define TP_WIN32_LOCKS_H

#include "tp/win32/types.h"

TPW_EXTERN_C_BEGIN

/* ---- Critical sections ----------------------------------------------------------------------- */

#define CRITICAL_SECTION_NO_DEBUG_INFO 0x01000000u

TPW_API void WINAPI InitializeCriticalSection(LPCRITICAL_SECTION section);
/** Spins a little, or not, as it sees fit; the count is not looked at. */
TPW_API BOOL WINAPI InitializeCriticalSectionAndSpinCount(LPCRITICAL_SECTION section, DWORD spins);
TPW_API BOOL WINAPI InitializeCriticalSectionEx(LPCRITICAL_SECTION section, DWORD spins,
                                                DWORD flags);
TPW_API DWORD WINAPI SetCriticalSectionSpinCount(LPCRITICAL_SECTION section, DWORD spins);
TPW_API void WINAPI EnterCriticalSection(LPCRITICAL_SECTION section);
TPW_API BOOL WINAPI TryEnterCriticalSection(LPCRITICAL_SECTION section);
/** Of a thread that is not in it: does nothing; on Windows it breaks the section. */
TPW_API void WINAPI LeaveCriticalSection(LPCRITICAL_SECTION section);
TPW_API void WINAPI DeleteCriticalSection(LPCRITICAL_SECTION section);

/* ---- Slim reader/writer locks ---------------------------------------------------------------- */

/** Larger than the one pointer it is on Windows. */
typedef struct _RTL_SRWLOCK {
    uint64_t tpw_lock[7];
} RTL_SRWLOCK, *PRTL_SRWLOCK, SRWLOCK, *PSRWLOCK;
/* clang-format off */
#define RTL_SRWLOCK_INIT {{0}}
/* clang-format on */
#define SRWLOCK_INIT RTL_SRWLOCK_INIT

TPW_API void WINAPI InitializeSRWLock(PSRWLOCK lock);
TPW_API void WINAPI AcquireSRWLockExclusive(PSRWLOCK lock);
TPW_API void WINAPI AcquireSRWLockShared(PSRWLOCK lock);
TPW_API BOOLEAN WINAPI TryAcquireSRWLockExclusive(PSRWLOCK lock);
TPW_API BOOLEAN WINAPI TryAcquireSRWLockShared(PSRWLOCK lock);
TPW_API void WINAPI ReleaseSRWLockExclusive(PSRWLOCK lock);
TPW_API void WINAPI ReleaseSRWLockShared(PSRWLOCK lock);

/* ---- Conditions ------------------------------------------------------------------------------ */

typedef struct _RTL_CONDITION_VARIABLE {
    PVOID Ptr;
} RTL_CONDITION_VARIABLE, *PRTL_CONDITION_VARIABLE, CONDITION_VARIABLE, *PCONDITION_VARIABLE;
/* clang-format off */
#define RTL_CONDITION_VARIABLE_INIT {0}
/* clang-format on */
#define CONDITION_VARIABLE_INIT RTL_CONDITION_VARIABLE_INIT
#define RTL_CONDITION_VARIABLE_LOCKMODE_SHARED 0x1u
#define CONDITION_VARIABLE_LOCKMODE_SHARED RTL_CONDITION_VARIABLE_LOCKMODE_SHARED

TPW_API void WINAPI InitializeConditionVariable(PCONDITION_VARIABLE condition);
/** The section must be entered once, not more. FALSE and ERROR_TIMEOUT when the time ran out. May
 *  return early, as on Windows. */
TPW_API BOOL WINAPI SleepConditionVariableCS(PCONDITION_VARIABLE condition,
                                             LPCRITICAL_SECTION section, DWORD milliseconds);
TPW_API BOOL WINAPI SleepConditionVariableSRW(PCONDITION_VARIABLE condition, PSRWLOCK lock,
                                              DWORD milliseconds, ULONG flags);
TPW_API void WINAPI WakeConditionVariable(PCONDITION_VARIABLE condition);
TPW_API void WINAPI WakeAllConditionVariable(PCONDITION_VARIABLE condition);

/* ---- Once ------------------------------------------------------------------------------------ */

typedef union _RTL_RUN_ONCE {
    PVOID Ptr;
} RTL_RUN_ONCE, *PRTL_RUN_ONCE, *LPRTL_RUN_ONCE, INIT_ONCE, *PINIT_ONCE, *LPINIT_ONCE;
/* clang-format off */
#define RTL_RUN_ONCE_INIT {0}
/* clang-format on */
#define INIT_ONCE_STATIC_INIT RTL_RUN_ONCE_INIT
#define INIT_ONCE_CTX_RESERVED_BITS 2
#define INIT_ONCE_CHECK_ONLY 0x1u
#define INIT_ONCE_ASYNC 0x2u
#define INIT_ONCE_INIT_FAILED 0x4u

typedef BOOL(WINAPI *PINIT_ONCE_FN)(PINIT_ONCE once, PVOID parameter, PVOID *context);

TPW_API void WINAPI InitOnceInitialize(PINIT_ONCE once);
/** FALSE if `function` said FALSE: then the next caller tries. */
TPW_API BOOL WINAPI InitOnceExecuteOnce(PINIT_ONCE once, PINIT_ONCE_FN function, PVOID parameter,
                                        PVOID *context);
/** INIT_ONCE_ASYNC is ERROR_NOT_SUPPORTED. */
TPW_API BOOL WINAPI InitOnceBeginInitialize(PINIT_ONCE once, DWORD flags, PBOOL pending,
                                            PVOID *context);
TPW_API BOOL WINAPI InitOnceComplete(PINIT_ONCE once, DWORD flags, PVOID context);

TPW_EXTERN_C_END

#endif
