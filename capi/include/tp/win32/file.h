/* file.h - files and pipes, and operations on them that complete later. */
#ifndef TP_WIN32_FILE_H
#define TP_WIN32_FILE_H

#include "tp/win32/types.h"

TPW_EXTERN_C_BEGIN

#define GENERIC_READ 0x80000000u
#define GENERIC_WRITE 0x40000000u
#define GENERIC_EXECUTE 0x20000000u
#define GENERIC_ALL 0x10000000u
#define FILE_READ_DATA 0x0001u
#define FILE_WRITE_DATA 0x0002u
#define FILE_APPEND_DATA 0x0004u
#define FILE_GENERIC_READ 0x00120089u
#define FILE_GENERIC_WRITE 0x00120116u
#define FILE_SHARE_READ 0x1u
#define FILE_SHARE_WRITE 0x2u
#define FILE_SHARE_DELETE 0x4u
#define CREATE_NEW 1u
#define CREATE_ALWAYS 2u
#define OPEN_EXISTING 3u
#define OPEN_ALWAYS 4u
#define TRUNCATE_EXISTING 5u
#define FILE_ATTRIBUTE_READONLY 0x01u
#define FILE_ATTRIBUTE_HIDDEN 0x02u
#define FILE_ATTRIBUTE_DIRECTORY 0x10u
#define FILE_ATTRIBUTE_NORMAL 0x80u
#define FILE_ATTRIBUTE_TEMPORARY 0x100u
#define FILE_FLAG_FIRST_PIPE_INSTANCE 0x00080000u
#define FILE_FLAG_BACKUP_SEMANTICS 0x02000000u
#define FILE_FLAG_DELETE_ON_CLOSE 0x04000000u
#define FILE_FLAG_SEQUENTIAL_SCAN 0x08000000u
#define FILE_FLAG_RANDOM_ACCESS 0x10000000u
#define FILE_FLAG_NO_BUFFERING 0x20000000u
#define FILE_FLAG_OVERLAPPED 0x40000000u
#define FILE_FLAG_WRITE_THROUGH 0x80000000u
#define FILE_BEGIN 0u
#define FILE_CURRENT 1u
#define FILE_END 2u
#define INVALID_FILE_SIZE 0xffffffffu
#define INVALID_SET_FILE_POINTER 0xffffffffu
#define FILE_TYPE_UNKNOWN 0u
#define FILE_TYPE_DISK 1u
#define FILE_TYPE_CHAR 2u
#define FILE_TYPE_PIPE 3u
#define FILE_SKIP_COMPLETION_PORT_ON_SUCCESS 0x1
#define FILE_SKIP_SET_EVENT_ON_HANDLE 0x2
#define PIPE_ACCESS_INBOUND 0x1u
#define PIPE_ACCESS_OUTBOUND 0x2u
#define PIPE_ACCESS_DUPLEX 0x3u
#define PIPE_TYPE_BYTE 0x0u
#define PIPE_TYPE_MESSAGE 0x4u
#define PIPE_READMODE_BYTE 0x0u
#define PIPE_READMODE_MESSAGE 0x2u
#define PIPE_WAIT 0x0u
#define PIPE_NOWAIT 0x1u
#define PIPE_REJECT_REMOTE_CLIENTS 0x8u
#define PIPE_UNLIMITED_INSTANCES 255u

#define HasOverlappedIoCompleted(overlapped) \
    (__atomic_load_n(&(overlapped)->Internal, __ATOMIC_ACQUIRE) != 0x103)

/* ---- Files ----------------------------------------------------------------------------------- */

/** A path of Linux; backslashes count as slashes. NUL is /dev/null, and \\.\pipe\NAME the other end
 *  of a pipe of this process. Sharing is not restricted, attributes are not looked at. */
TPW_API HANDLE WINAPI CreateFileA(LPCSTR name, DWORD access, DWORD share,
                                  LPSECURITY_ATTRIBUTES security, DWORD disposition, DWORD flags,
                                  HANDLE pattern);
TPW_API HANDLE WINAPI CreateFileW(LPCWSTR name, DWORD access, DWORD share,
                                  LPSECURITY_ATTRIBUTES security, DWORD disposition, DWORD flags,
                                  HANDLE pattern);
TPW_API BOOL WINAPI DeleteFileA(LPCSTR name);
TPW_API BOOL WINAPI DeleteFileW(LPCWSTR name);
/** TMPDIR, or /tmp, with a slash behind it. */
TPW_API DWORD WINAPI GetTempPathA(DWORD size, LPSTR path);
TPW_API DWORD WINAPI GetTempPathW(DWORD size, LPWSTR path);
/** `unique` other than 0 becomes part of the name, and no file is made. */
TPW_API UINT WINAPI GetTempFileNameA(LPCSTR folder, LPCSTR prefix, UINT unique, LPSTR path);
TPW_API BOOL WINAPI SetFilePointerEx(HANDLE file, LARGE_INTEGER distance, PLARGE_INTEGER position,
                                     DWORD method);
TPW_API DWORD WINAPI SetFilePointer(HANDLE file, LONG distance, PLONG high, DWORD method);
TPW_API BOOL WINAPI SetEndOfFile(HANDLE file);
TPW_API BOOL WINAPI GetFileSizeEx(HANDLE file, PLARGE_INTEGER size);
TPW_API DWORD WINAPI GetFileSize(HANDLE file, LPDWORD high);
TPW_API DWORD WINAPI GetFileType(HANDLE file);
/** Of a pipe: TRUE, and does not wait for the other end to read. */
TPW_API BOOL WINAPI FlushFileBuffers(HANDLE file);

/* ---- Reading and writing --------------------------------------------------------------------- */

/* With FILE_FLAG_OVERLAPPED what is not done at once is ERROR_IO_PENDING and completes later, in
 * the order in which it can; files on a disk always do. Buffer and OVERLAPPED belong to the system
 * until then. When the last handle is closed what is pending is aborted, and CloseHandle returns
 * when that is over. */

TPW_API BOOL WINAPI ReadFile(HANDLE file, LPVOID buffer, DWORD bytes, LPDWORD read,
                             LPOVERLAPPED overlapped);
TPW_API BOOL WINAPI WriteFile(HANDLE file, LPCVOID buffer, DWORD bytes, LPDWORD written,
                              LPOVERLAPPED overlapped);
TPW_API BOOL WINAPI GetOverlappedResult(HANDLE file, LPOVERLAPPED overlapped, LPDWORD transferred,
                                        BOOL wait);
/** `alertable` counts only if the OVERLAPPED has an event. */
TPW_API BOOL WINAPI GetOverlappedResultEx(HANDLE file, LPOVERLAPPED overlapped, LPDWORD transferred,
                                          DWORD milliseconds, BOOL alertable);
/** What the calling thread began; it completes with ERROR_OPERATION_ABORTED. */
TPW_API BOOL WINAPI CancelIo(HANDLE file);
/** One operation, or all; ERROR_NOT_FOUND if there is none. */
TPW_API BOOL WINAPI CancelIoEx(HANDLE file, LPOVERLAPPED overlapped);
TPW_API BOOL WINAPI SetFileCompletionNotificationModes(HANDLE file, UCHAR flags);

/* ---- Pipes ----------------------------------------------------------------------------------- */

/** `size`: bytes, 0 what the system gives. */
TPW_API BOOL WINAPI CreatePipe(PHANDLE read, PHANDLE write, LPSECURITY_ATTRIBUTES security,
                               DWORD size);
/** A name of this process. Bytes, not messages: PIPE_TYPE_MESSAGE is ERROR_NOT_SUPPORTED, and so is
 *  PIPE_NOWAIT. */
TPW_API HANDLE WINAPI CreateNamedPipeA(LPCSTR name, DWORD open_mode, DWORD pipe_mode,
                                       DWORD instances, DWORD out_size, DWORD in_size,
                                       DWORD default_timeout, LPSECURITY_ATTRIBUTES security);
TPW_API HANDLE WINAPI CreateNamedPipeW(LPCWSTR name, DWORD open_mode, DWORD pipe_mode,
                                       DWORD instances, DWORD out_size, DWORD in_size,
                                       DWORD default_timeout, LPSECURITY_ATTRIBUTES security);
TPW_API BOOL WINAPI ConnectNamedPipe(HANDLE pipe, LPOVERLAPPED overlapped);
TPW_API BOOL WINAPI DisconnectNamedPipe(HANDLE pipe);
TPW_API BOOL WINAPI PeekNamedPipe(HANDLE pipe, LPVOID buffer, DWORD size, LPDWORD read,
                                  LPDWORD available, LPDWORD left);

#ifdef UNICODE
#define CreateFile CreateFileW
#define DeleteFile DeleteFileW
#define GetTempPath GetTempPathW
#define CreateNamedPipe CreateNamedPipeW
#else
#define CreateFile CreateFileA
#define DeleteFile DeleteFileA
#define GetTempPath GetTempPathA
#define GetTempFileName GetTempFileNameA
#define CreateNamedPipe CreateNamedPipeA
#endif

TPW_EXTERN_C_END

#endif
