/* tchar.h - texts that are narrow or wide by _UNICODE. */
#ifndef TP_WIN32_TCHAR_H
#define TP_WIN32_TCHAR_H

#include "tp/win32.h"

#include <stdio.h>
#include <string.h>

#ifdef _UNICODE
#define TPW_T(quoted) L##quoted
typedef wchar_t _TCHAR;
#define _tmain wmain
#define _tprintf wprintf
#define _ftprintf fwprintf
#define _tcslen wcslen
#define _tcscmp wcscmp
#define _tcscpy wcscpy
#else
#define TPW_T(quoted) quoted
typedef char _TCHAR;
#define _tmain main
#define _tprintf printf
#define _ftprintf fprintf
#define _tcslen strlen
#define _tcscmp strcmp
#define _tcscpy strcpy
#endif
#define _T(quoted) TPW_T(quoted)
#define _TEXT(quoted) TPW_T(quoted)

#endif
