/* types.h - the basic types of Windows, as wide as there: a DWORD has 32 bits on Linux too. */
#ifndef TP_WIN32_TYPES_H
#define TP_WIN32_TYPES_H

#include <stddef.h>
#include <stdint.h>
#include <wchar.h>

#ifndef _WIN32_WINNT
#define _WIN32_WINNT 0x0A00
#endif
#ifndef WINVER
#define WINVER _WIN32_WINNT
#endif
#define _WIN32_WINNT_VISTA 0x0600
#define _WIN32_WINNT_WIN7 0x0601
#define _WIN32_WINNT_WIN8 0x0602
#define _WIN32_WINNT_WINBLUE 0x0603
#define _WIN32_WINNT_WIN10 0x0A00

/* ---- Words of the compiler and of the headers ------------------------------------------------ */

#if defined(__GNUC__)
#define TPW_API __attribute__((visibility("default")))
#define TPW_EXTENSION __extension__
#else
#define TPW_API
#define TPW_EXTENSION
#endif

#ifdef __cplusplus
#define TPW_EXTERN_C_BEGIN extern "C" {
#define TPW_EXTERN_C_END }
#define EXTERN_C extern "C"
#else
#define TPW_EXTERN_C_BEGIN
#define TPW_EXTERN_C_END
#define EXTERN_C extern
#endif

/* Sources that ask for names where Windows has none get them. */
#ifdef NONAMELESSUNION
#define DUMMYUNIONNAME u
#define DUMMYSTRUCTNAME s
#else
#define DUMMYUNIONNAME
#define DUMMYSTRUCTNAME
#endif

/* Linux has one calling convention for all. */
#define WINAPI
#define WINAPIV
#define APIENTRY
#define CALLBACK
#define NTAPI
#define __stdcall
#define __cdecl
#define __fastcall
#define _cdecl
#define _stdcall
#define WINBASEAPI
#define NTSYSAPI
#define DECLSPEC_IMPORT
#define DECLSPEC_NORETURN

#ifndef FORCEINLINE
#define FORCEINLINE static inline
#endif
#ifndef CONST
#define CONST const
#endif
#ifndef IN
#define IN
#endif
#ifndef OUT
#define OUT
#endif
#ifndef OPTIONAL
#define OPTIONAL
#endif
#define UNREFERENCED_PARAMETER(parameter) ((void)(parameter))
#define UNREFERENCED_LOCAL_VARIABLE(variable) ((void)(variable))
#ifndef NOMINMAX
#ifndef __cplusplus
#ifndef max
#define max(a, b) (((a) > (b)) ? (a) : (b))
#endif
#ifndef min
#define min(a, b) (((a) < (b)) ? (a) : (b))
#endif
#endif
#endif

/* Annotations of parameters, which say nothing to other compilers. */
#define _In_
#define _In_opt_
#define _Inout_
#define _Inout_opt_
#define _Out_
#define _Out_opt_
#define _Outptr_
#define _Reserved_
#define _Use_decl_annotations_
#define _Must_inspect_result_
#define _Success_(expression)
#define _Ret_maybenull_

/* ---- Numbers, texts, pointers ---------------------------------------------------------------- */

#ifndef VOID
#define VOID void
#endif
typedef void *PVOID, *LPVOID;
typedef const void *PCVOID, *LPCVOID;
typedef void *HANDLE, **PHANDLE, **LPHANDLE;
/** What dlopen returns. */
typedef HANDLE HMODULE;
typedef HANDLE HINSTANCE;
typedef HANDLE HLOCAL, HGLOBAL;

typedef char CHAR, *PCHAR, *LPSTR, *PSTR;
typedef const char *LPCSTR, *PCSTR;
/** 32 bits, so that L"" is one; on Windows it has 16. */
typedef wchar_t WCHAR, *PWCHAR, *LPWSTR, *PWSTR;
typedef const wchar_t *LPCWSTR, *PCWSTR;

typedef unsigned char BYTE, UCHAR, BOOLEAN, *PBYTE, *LPBYTE, *PUCHAR, *PBOOLEAN;
typedef signed char INT8, *PINT8;
typedef short SHORT, INT16, *PSHORT;
typedef unsigned short WORD, USHORT, UINT16, *PWORD, *LPWORD, *PUSHORT;
typedef int BOOL, INT, LONG, INT32, LONG32, *PBOOL, *LPBOOL, *PINT, *LPINT, *PLONG, *LPLONG;
typedef unsigned int UINT, DWORD, ULONG, UINT32, ULONG32, DWORD32;
typedef unsigned int *PUINT, *PDWORD, *LPDWORD, *PULONG;
typedef LONG HRESULT, NTSTATUS, *PNTSTATUS;
typedef float FLOAT;
typedef double DOUBLE;

TPW_EXTENSION typedef long long LONGLONG, LONG64, INT64, *PLONGLONG, *PLONG64;
TPW_EXTENSION typedef unsigned long long ULONGLONG, DWORDLONG, ULONG64, UINT64, DWORD64;
typedef ULONGLONG *PULONGLONG, *PULONG64, *PDWORDLONG, *PDWORD64;
#ifndef __int64
#define __int64 long long
#endif
#ifndef __int32
#define __int32 int
#endif

typedef intptr_t INT_PTR, LONG_PTR, SSIZE_T, *PINT_PTR, *PLONG_PTR;
typedef uintptr_t UINT_PTR, ULONG_PTR, DWORD_PTR, SIZE_T, *PULONG_PTR, *PDWORD_PTR, *PSIZE_T;
typedef ULONG_PTR KAFFINITY;
typedef LONG_PTR LPARAM, LRESULT;
typedef UINT_PTR WPARAM;

#ifdef UNICODE
typedef WCHAR TCHAR, *PTCHAR, *LPTSTR, *PTSTR;
typedef LPCWSTR LPCTSTR, PCTSTR;
#define TPW_TEXT(quoted) L##quoted
#else
typedef CHAR TCHAR, *PTCHAR, *LPTSTR, *PTSTR;
typedef LPCSTR LPCTSTR, PCTSTR;
#define TPW_TEXT(quoted) quoted
#endif
#define TEXT(quoted) TPW_TEXT(quoted)

#ifndef FALSE
#define FALSE 0
#endif
#ifndef TRUE
#define TRUE 1
#endif

#define MAXBYTE 0xff
#define MAXWORD 0xffff
#define MAXDWORD 0xffffffffu
#define MAXLONG 0x7fffffff
#define MAXULONG 0xffffffffu
#define MINLONG (-0x7fffffff - 1)
#define MAX_PATH 260
#define MAXIMUM_WAIT_OBJECTS 64

#define LOWORD(value) ((WORD)((DWORD_PTR)(value)&0xffff))
#define HIWORD(value) ((WORD)(((DWORD_PTR)(value) >> 16) & 0xffff))
#define ARRAYSIZE(array) (sizeof(array) / sizeof((array)[0]))
#define _countof ARRAYSIZE
#define CONTAINING_RECORD(address, type, field) ((type *)((char *)(address)-offsetof(type, field)))
#define HandleToULong(handle) ((ULONG)(ULONG_PTR)(handle))
#define ULongToHandle(number) ((HANDLE)(ULONG_PTR)(ULONG)(number))
#define PtrToUlong(pointer) ((ULONG)(ULONG_PTR)(pointer))
#define UlongToPtr(number) ((PVOID)(ULONG_PTR)(ULONG)(number))

#define INVALID_HANDLE_VALUE ((HANDLE)(LONG_PTR)-1)
#define INFINITE 0xffffffffu

/* ---- Structs that more than one part uses ---------------------------------------------------- */

/** A count of 100 ns in two halves: since 1601 in UTC, or negative and from now. Not aligned for a
 *  64-bit access: go through LARGE_INTEGER. */
typedef struct _FILETIME {
    DWORD dwLowDateTime;
    DWORD dwHighDateTime;
} FILETIME, *PFILETIME, *LPFILETIME;

typedef union _LARGE_INTEGER {
    TPW_EXTENSION struct {
        DWORD LowPart;
        LONG HighPart;
    } DUMMYSTRUCTNAME;
    struct {
        DWORD LowPart;
        LONG HighPart;
    } u;
    LONGLONG QuadPart;
} LARGE_INTEGER, *PLARGE_INTEGER;

typedef union _ULARGE_INTEGER {
    TPW_EXTENSION struct {
        DWORD LowPart;
        DWORD HighPart;
    } DUMMYSTRUCTNAME;
    struct {
        DWORD LowPart;
        DWORD HighPart;
    } u;
    ULONGLONG QuadPart;
} ULARGE_INTEGER, *PULARGE_INTEGER;

typedef struct _SECURITY_ATTRIBUTES {
    DWORD nLength;
    LPVOID lpSecurityDescriptor;
    BOOL bInheritHandle;
} SECURITY_ATTRIBUTES, *PSECURITY_ATTRIBUTES, *LPSECURITY_ATTRIBUTES;

/** How an operation ended, for the native functions. An OVERLAPPED begins with one. */
typedef struct _IO_STATUS_BLOCK {
    TPW_EXTENSION union {
        NTSTATUS Status;
        PVOID Pointer;
    } DUMMYUNIONNAME;
    ULONG_PTR Information;
} IO_STATUS_BLOCK, *PIO_STATUS_BLOCK;

/** One overlapped operation. Internal is its NTSTATUS, InternalHigh what was transferred. */
typedef struct _OVERLAPPED {
    ULONG_PTR Internal;
    ULONG_PTR InternalHigh;
    TPW_EXTENSION union {
        TPW_EXTENSION struct {
            DWORD Offset;
            DWORD OffsetHigh;
        } DUMMYSTRUCTNAME;
        PVOID Pointer;
    } DUMMYUNIONNAME;
    HANDLE hEvent;
} OVERLAPPED, *POVERLAPPED, *LPOVERLAPPED;

/** A recursive lock of one thread. It holds a lock of the system: never copy it. */
typedef struct _RTL_CRITICAL_SECTION {
    PVOID DebugInfo;
    uint64_t tpw_lock[7];
} RTL_CRITICAL_SECTION, *PRTL_CRITICAL_SECTION;
typedef RTL_CRITICAL_SECTION CRITICAL_SECTION;
typedef PRTL_CRITICAL_SECTION PCRITICAL_SECTION, LPCRITICAL_SECTION;

typedef DWORD(WINAPI *PTHREAD_START_ROUTINE)(LPVOID parameter);
typedef PTHREAD_START_ROUTINE LPTHREAD_START_ROUTINE;

#endif
