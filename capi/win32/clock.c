/* clock.c - clocks and calendars of Windows, and what machine this is. */
#define _GNU_SOURCE
#include <sched.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "capi/win32/base.h"
#include "tp/win32/clock.h"

#define TICKS_PER_S 10000000
#define SECONDS_PER_DAY 86400
#define EPOCH_TICKS 116444736000000000 /* 1970 in FILETIME */

static int64_t now_of(clockid_t clock, int64_t per_second)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * per_second + now.tv_nsec / (1000000000 / per_second);
}

ULONGLONG WINAPI GetTickCount64(void)
{
    return (ULONGLONG)now_of(CLOCK_BOOTTIME, 1000);
}

DWORD WINAPI GetTickCount(void)
{
    return (DWORD)GetTickCount64();
}

BOOL WINAPI QueryPerformanceCounter(LARGE_INTEGER *count)
{
    if (!count)
        return tpw_fail(ERROR_NOACCESS);
    count->QuadPart = now_of(CLOCK_MONOTONIC, 1000000000);
    return TRUE;
}

BOOL WINAPI QueryPerformanceFrequency(LARGE_INTEGER *frequency)
{
    if (!frequency)
        return tpw_fail(ERROR_NOACCESS);
    frequency->QuadPart = 1000000000;
    return TRUE;
}

/* ---- Points in time -------------------------------------------------------------------------- */

static FILETIME filetime_of(int64_t ticks)
{
    return (FILETIME){(DWORD)ticks, (DWORD)((uint64_t)ticks >> 32)};
}

static int64_t ticks_of(const FILETIME *time)
{
    return (int64_t)((uint64_t)time->dwHighDateTime << 32 | time->dwLowDateTime);
}

void WINAPI GetSystemTimeAsFileTime(LPFILETIME time)
{
    *time = filetime_of(now_of(CLOCK_REALTIME, TICKS_PER_S) + EPOCH_TICKS);
}

void WINAPI GetSystemTimePreciseAsFileTime(LPFILETIME time)
{
    GetSystemTimeAsFileTime(time);
}

static void fill(const struct tm *tm, int64_t ticks, LPSYSTEMTIME parts)
{
    parts->wYear = (WORD)(tm->tm_year + 1900);
    parts->wMonth = (WORD)(tm->tm_mon + 1);
    parts->wDayOfWeek = (WORD)tm->tm_wday;
    parts->wDay = (WORD)tm->tm_mday;
    parts->wHour = (WORD)tm->tm_hour;
    parts->wMinute = (WORD)tm->tm_min;
    parts->wSecond = (WORD)tm->tm_sec;
    parts->wMilliseconds = (WORD)(ticks % TICKS_PER_S / 10000);
}

BOOL WINAPI FileTimeToSystemTime(const FILETIME *time, LPSYSTEMTIME parts)
{
    struct tm tm;
    int64_t ticks = ticks_of(time);
    time_t seconds = ticks / TICKS_PER_S - EPOCH_TICKS / TICKS_PER_S;
    if (ticks < 0)
        return tpw_fail(ERROR_INVALID_PARAMETER);
    (void)gmtime_r(&seconds, &tm); /* the last year is the 30828th */
    fill(&tm, ticks, parts);
    return TRUE;
}

/* The day must come back as it was: the C library takes the 31st of June for the 1st of July. */
BOOL WINAPI SystemTimeToFileTime(const SYSTEMTIME *parts, LPFILETIME time)
{
    struct tm tm = {.tm_year = parts->wYear - 1900,
                    .tm_mon = parts->wMonth - 1,
                    .tm_mday = parts->wDay,
                    .tm_hour = parts->wHour,
                    .tm_min = parts->wMinute,
                    .tm_sec = parts->wSecond};
    time_t seconds = timegm(&tm);
    if (parts->wYear < 1601 || parts->wYear > 30827 || parts->wHour > 23 || parts->wMinute > 59 ||
        parts->wSecond > 59 || parts->wMilliseconds > 999 || tm.tm_mon != parts->wMonth - 1 ||
        tm.tm_mday != parts->wDay)
        return tpw_fail(ERROR_INVALID_PARAMETER);
    *time = filetime_of(seconds * TICKS_PER_S + EPOCH_TICKS + parts->wMilliseconds * 10000);
    return TRUE;
}

void WINAPI GetSystemTime(LPSYSTEMTIME time)
{
    FILETIME now;
    GetSystemTimeAsFileTime(&now);
    (void)FileTimeToSystemTime(&now, time);
}

void WINAPI GetLocalTime(LPSYSTEMTIME time)
{
    struct tm tm;
    int64_t ticks = now_of(CLOCK_REALTIME, TICKS_PER_S);
    time_t seconds = ticks / TICKS_PER_S;
    (void)localtime_r(&seconds, &tm);
    fill(&tm, ticks, time);
}

LONG WINAPI CompareFileTime(const FILETIME *one, const FILETIME *other)
{
    uint64_t first = (uint64_t)ticks_of(one), second = (uint64_t)ticks_of(other);
    return first < second ? -1 : first > second;
}

/* ---- The machine ----------------------------------------------------------------------------- */

#if defined(__x86_64__)
#define ARCHITECTURE PROCESSOR_ARCHITECTURE_AMD64
#elif defined(__aarch64__)
#define ARCHITECTURE PROCESSOR_ARCHITECTURE_ARM64
#else
#define ARCHITECTURE PROCESSOR_ARCHITECTURE_UNKNOWN
#endif

void WINAPI GetSystemInfo(LPSYSTEM_INFO info)
{
    cpu_set_t allowed;
    memset(info, 0, sizeof *info);
    info->wProcessorArchitecture = ARCHITECTURE;
    info->dwPageSize = (DWORD)sysconf(_SC_PAGESIZE);
    info->lpMinimumApplicationAddress = (LPVOID)(uintptr_t)0x10000;
    info->lpMaximumApplicationAddress = (LPVOID)(uintptr_t)0x7ffffffeffff;
    info->dwAllocationGranularity = 0x10000;
    info->dwNumberOfProcessors = 1;
    info->dwActiveProcessorMask = 1;
    if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) {
        info->dwNumberOfProcessors = (DWORD)CPU_COUNT(&allowed);
        info->dwActiveProcessorMask = 0;
        for (unsigned i = 0; i < 64; i++)
            info->dwActiveProcessorMask |= (DWORD_PTR)(CPU_ISSET(i, &allowed) ? 1 : 0) << i;
    }
}

void WINAPI GetNativeSystemInfo(LPSYSTEM_INFO info)
{
    GetSystemInfo(info);
}
