/* memory.h - the heap of the process, pages, and filling memory. */
#ifndef TP_WIN32_MEMORY_H
#define TP_WIN32_MEMORY_H

#include <string.h>

#include "tp/win32/types.h"

TPW_EXTERN_C_BEGIN

#define HEAP_NO_SERIALIZE 0x1u
#define HEAP_GENERATE_EXCEPTIONS 0x4u
#define HEAP_ZERO_MEMORY 0x8u
#define HEAP_REALLOC_IN_PLACE_ONLY 0x10u
#define LMEM_FIXED 0x0u
#define LMEM_ZEROINIT 0x40u
#define LPTR 0x40u
#define GMEM_FIXED 0x0u
#define GMEM_ZEROINIT 0x40u
#define GPTR 0x40u
#define MEM_COMMIT 0x1000u
#define MEM_RESERVE 0x2000u
#define MEM_DECOMMIT 0x4000u
#define MEM_RELEASE 0x8000u
#define PAGE_NOACCESS 0x01u
#define PAGE_READONLY 0x02u
#define PAGE_READWRITE 0x04u

#define CopyMemory(to, from, bytes) memcpy((to), (from), (bytes))
#define MoveMemory(to, from, bytes) memmove((to), (from), (bytes))
#define FillMemory(to, bytes, value) memset((to), (value), (bytes))
#define ZeroMemory(to, bytes) memset((to), 0, (bytes))
#define RtlCopyMemory CopyMemory
#define RtlMoveMemory MoveMemory
#define RtlZeroMemory ZeroMemory
#define SecureZeroMemory(to, bytes) explicit_bzero((to), (bytes))

/** There is one heap, that of malloc; HeapCreate is not here. */
TPW_API HANDLE WINAPI GetProcessHeap(void);
TPW_API LPVOID WINAPI HeapAlloc(HANDLE heap, DWORD flags, SIZE_T bytes);
/** HEAP_REALLOC_IN_PLACE_ONLY: NULL unless the block becomes no larger. */
TPW_API LPVOID WINAPI HeapReAlloc(HANDLE heap, DWORD flags, LPVOID block, SIZE_T bytes);
/** FALSE and ERROR_INVALID_PARAMETER for what is no block of the heap. */
TPW_API BOOL WINAPI HeapFree(HANDLE heap, DWORD flags, LPVOID block);
/** (SIZE_T)-1 for what is no block of the heap. */
TPW_API SIZE_T WINAPI HeapSize(HANDLE heap, DWORD flags, LPCVOID block);
/** Is it a block of the heap, or a PTP_IO that is alive? TRUE for NULL. */
TPW_API BOOL WINAPI HeapValidate(HANDLE heap, DWORD flags, LPCVOID block);
/** Fixed memory only: a handle is the address. */
TPW_API HLOCAL WINAPI LocalAlloc(UINT flags, SIZE_T bytes);
/** NULL, or the handle itself after an error. */
TPW_API HLOCAL WINAPI LocalFree(HLOCAL memory);
TPW_API HGLOBAL WINAPI GlobalAlloc(UINT flags, SIZE_T bytes);
TPW_API HGLOBAL WINAPI GlobalFree(HGLOBAL memory);
/** Whole new regions: `address` must be NULL and `type` hold MEM_RESERVE, or lie in a region of
 *  this function and be MEM_COMMIT. Pages are without access, readable or writable. */
TPW_API LPVOID WINAPI VirtualAlloc(LPVOID address, SIZE_T bytes, DWORD type, DWORD protection);
/** MEM_RELEASE with the first address and 0 bytes, or MEM_DECOMMIT with a range, or with these for
 *  all of it. What was decommitted is 0 when it is committed again. */
TPW_API BOOL WINAPI VirtualFree(LPVOID address, SIZE_T bytes, DWORD type);

TPW_EXTERN_C_END

#endif
