/* clock.h - what time it is, in the units of Windows, and what machine this is. */
#ifndef TP_WIN32_CLOCK_H
#define TP_WIN32_CLOCK_H

#include "tp/win32/types.h"

TPW_EXTERN_C_BEGIN

typedef struct _SYSTEMTIME {
    WORD wYear;
    WORD wMonth;
    WORD wDayOfWeek; /**< 0: Sunday */
    WORD wDay;
    WORD wHour;
    WORD wMinute;
    WORD wSecond;
    WORD wMilliseconds;
} SYSTEMTIME, *PSYSTEMTIME, *LPSYSTEMTIME;

typedef struct _SYSTEM_INFO {
    TPW_EXTENSION union {
        DWORD dwOemId;
        TPW_EXTENSION struct {
            WORD wProcessorArchitecture;
            WORD wReserved;
        };
    };
    DWORD dwPageSize;
    LPVOID lpMinimumApplicationAddress;
    LPVOID lpMaximumApplicationAddress;
    DWORD_PTR dwActiveProcessorMask; /**< of the first 64 */
    DWORD dwNumberOfProcessors;      /**< that this process may run on */
    DWORD dwProcessorType;
    DWORD dwAllocationGranularity;
    WORD wProcessorLevel;
    WORD wProcessorRevision;
} SYSTEM_INFO, *LPSYSTEM_INFO;

#define PROCESSOR_ARCHITECTURE_INTEL 0
#define PROCESSOR_ARCHITECTURE_ARM64 12
#define PROCESSOR_ARCHITECTURE_AMD64 9
#define PROCESSOR_ARCHITECTURE_UNKNOWN 0xffff

/** Milliseconds since the machine started, sleep included. */
TPW_API ULONGLONG WINAPI GetTickCount64(void);
TPW_API DWORD WINAPI GetTickCount(void);
/** Nanoseconds of CLOCK_MONOTONIC: the frequency is 1000000000. */
TPW_API BOOL WINAPI QueryPerformanceCounter(LARGE_INTEGER *count);
TPW_API BOOL WINAPI QueryPerformanceFrequency(LARGE_INTEGER *frequency);
TPW_API void WINAPI GetSystemTimeAsFileTime(LPFILETIME time);
TPW_API void WINAPI GetSystemTimePreciseAsFileTime(LPFILETIME time);
TPW_API void WINAPI GetSystemTime(LPSYSTEMTIME time);
TPW_API void WINAPI GetLocalTime(LPSYSTEMTIME time);
/** From 1601 to 30827; else ERROR_INVALID_PARAMETER. */
TPW_API BOOL WINAPI FileTimeToSystemTime(const FILETIME *time, LPSYSTEMTIME parts);
/** wDayOfWeek is not looked at; a date that does not exist is ERROR_INVALID_PARAMETER. */
TPW_API BOOL WINAPI SystemTimeToFileTime(const SYSTEMTIME *parts, LPFILETIME time);
TPW_API LONG WINAPI CompareFileTime(const FILETIME *one, const FILETIME *other);
TPW_API void WINAPI GetSystemInfo(LPSYSTEM_INFO info);
TPW_API void WINAPI GetNativeSystemInfo(LPSYSTEM_INFO info);

TPW_EXTERN_C_END

#endif
