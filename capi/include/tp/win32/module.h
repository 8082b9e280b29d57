/* module.h - shared libraries: dlopen under the names of Windows. */
#ifndef TP_WIN32_MODULE_H
#define TP_WIN32_MODULE_H

#include "tp/win32/types.h"

TPW_EXTERN_C_BEGIN

typedef INT_PTR(WINAPI *FARPROC)(void);
typedef FARPROC PROC;

#define DONT_RESOLVE_DLL_REFERENCES 0x1u
#define LOAD_LIBRARY_AS_DATAFILE 0x2u
#define LOAD_LIBRARY_SEARCH_DEFAULT_DIRS 0x1000u
#define GET_MODULE_HANDLE_EX_FLAG_PIN 0x1u
#define GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT 0x2u
#define GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS 0x4u

/* kernel32, kernelbase and ntdll, with or without .dll and in any case, mean this library. What is
 * there is what GetProcAddress finds in the process. */

/** The name is one for dlopen: libm.so.6, ./plugin.so. Binds all symbols at once. */
TPW_API HMODULE WINAPI LoadLibraryA(LPCSTR name);
TPW_API HMODULE WINAPI LoadLibraryW(LPCWSTR name);
/** `flags` are not looked at. */
TPW_API HMODULE WINAPI LoadLibraryExA(LPCSTR name, HANDLE file, DWORD flags);
TPW_API HMODULE WINAPI LoadLibraryExW(LPCWSTR name, HANDLE file, DWORD flags);
/** Of what is no library that is loaded: ERROR_MOD_NOT_FOUND. */
TPW_API BOOL WINAPI FreeLibrary(HMODULE module);
/** ERROR_PROC_NOT_FOUND; a number in place of a name is not supported. */
TPW_API FARPROC WINAPI GetProcAddress(HMODULE module, LPCSTR name);
/** Of a library that is loaded; NULL: of the program. Adds no reference. */
TPW_API HMODULE WINAPI GetModuleHandleA(LPCSTR name);
TPW_API HMODULE WINAPI GetModuleHandleW(LPCWSTR name);
/** Adds a reference, unless flags say UNCHANGED_REFCOUNT. */
TPW_API BOOL WINAPI GetModuleHandleExA(DWORD flags, LPCSTR name, HMODULE *module);
TPW_API BOOL WINAPI GetModuleHandleExW(DWORD flags, LPCWSTR name, HMODULE *module);

#ifdef UNICODE
#define LoadLibrary LoadLibraryW
#define LoadLibraryEx LoadLibraryExW
#define GetModuleHandle GetModuleHandleW
#define GetModuleHandleEx GetModuleHandleExW
#else
#define LoadLibrary LoadLibraryA
#define LoadLibraryEx LoadLibraryExA
#define GetModuleHandle GetModuleHandleA
#define GetModuleHandleEx GetModuleHandleExA
#endif

TPW_EXTERN_C_END

#endif
