/* error.c - the last error of each thread, and which number of Windows a failure has. */
#include "capi/win32/win32.h"

#include <errno.h>

static _Thread_local DWORD last_error;

DWORD WINAPI GetLastError(void)
{
    return last_error;
}

void WINAPI SetLastError(DWORD error)
{
    last_error = error;
}

BOOL tpw_fail(DWORD error)
{
    last_error = error;
    return FALSE;
}

/** One failure: errors and native statuses are two spellings of it. The first row that has one
 *  gives the other. */
static const struct {
    DWORD error;
    NTSTATUS status;
} spellings[] = {
    {ERROR_SUCCESS, STATUS_SUCCESS},
    {WAIT_TIMEOUT, STATUS_TIMEOUT},
    {ERROR_IO_PENDING, STATUS_PENDING},
    {ERROR_MORE_DATA, STATUS_BUFFER_OVERFLOW},
    {ERROR_GEN_FAILURE, STATUS_UNSUCCESSFUL},
    {ERROR_INVALID_FUNCTION, STATUS_NOT_IMPLEMENTED},
    {ERROR_NOACCESS, STATUS_ACCESS_VIOLATION},
    {ERROR_INVALID_HANDLE, STATUS_INVALID_HANDLE},
    {ERROR_INVALID_HANDLE, STATUS_OBJECT_TYPE_MISMATCH},
    {ERROR_INVALID_PARAMETER, STATUS_INVALID_PARAMETER},
    {ERROR_FILE_NOT_FOUND, STATUS_NO_SUCH_FILE},
    {ERROR_FILE_NOT_FOUND, STATUS_OBJECT_NAME_NOT_FOUND},
    {ERROR_ALREADY_EXISTS, STATUS_OBJECT_NAME_COLLISION},
    {ERROR_INVALID_FUNCTION, STATUS_INVALID_DEVICE_REQUEST},
    {ERROR_HANDLE_EOF, STATUS_END_OF_FILE},
    {ERROR_NOT_ENOUGH_MEMORY, STATUS_NO_MEMORY},
    {ERROR_ACCESS_DENIED, STATUS_ACCESS_DENIED},
    {ERROR_NOT_OWNER, STATUS_MUTANT_NOT_OWNED},
    {ERROR_TOO_MANY_POSTS, STATUS_SEMAPHORE_LIMIT_EXCEEDED},
    {ERROR_DISK_FULL, STATUS_DISK_FULL},
    {ERROR_SEM_TIMEOUT, STATUS_IO_TIMEOUT},
    {ERROR_BROKEN_PIPE, STATUS_PIPE_BROKEN},
    {ERROR_PIPE_NOT_CONNECTED, STATUS_PIPE_DISCONNECTED},
    {ERROR_NO_DATA, STATUS_PIPE_CLOSING},
    {ERROR_PIPE_CONNECTED, STATUS_PIPE_CONNECTED},
    {ERROR_PIPE_LISTENING, STATUS_PIPE_LISTENING},
    {ERROR_NOT_SUPPORTED, STATUS_NOT_SUPPORTED},
    {ERROR_TOO_MANY_OPEN_FILES, STATUS_TOO_MANY_OPENED_FILES},
    {ERROR_OPERATION_ABORTED, STATUS_CANCELLED},
    {ERROR_TOO_MANY_THREADS, STATUS_TOO_MANY_THREADS},
    {ERROR_IO_DEVICE, STATUS_IO_DEVICE_ERROR},
    {ERROR_POSSIBLE_DEADLOCK, STATUS_POSSIBLE_DEADLOCK},
    {ERROR_NOT_FOUND, STATUS_NOT_FOUND},
};

ULONG NTAPI RtlNtStatusToDosError(NTSTATUS status)
{
    for (size_t i = 0; i < ARRAYSIZE(spellings); i++)
        if (spellings[i].status == status)
            return spellings[i].error;
    return ERROR_GEN_FAILURE;
}

NTSTATUS tpw_ntstatus_of_error(DWORD error)
{
    for (size_t i = 0; i < ARRAYSIZE(spellings); i++)
        if (spellings[i].error == error)
            return spellings[i].status;
    return STATUS_UNSUCCESSFUL;
}

DWORD tpw_error_of(tp_status_t status)
{
    switch (status) {
    case TP_OK:
        return ERROR_SUCCESS;
    case TP_ERR_ARGUMENT:
    case TP_ERR_VERSION:
    case TP_ERR_CLOSED: /* an environment names what is closed */
    case TP_ERR_EXISTS:
        return ERROR_INVALID_PARAMETER;
    case TP_ERR_HANDLE:
    case TP_ERR_FORKED:
        return ERROR_INVALID_HANDLE;
    case TP_ERR_NO_MEMORY:
        return ERROR_NOT_ENOUGH_MEMORY;
    case TP_ERR_NO_THREAD:
    case TP_ERR_TOO_MANY_THREADS:
        return ERROR_TOO_MANY_THREADS;
    case TP_ERR_BUSY:
        return ERROR_BUSY;
    case TP_ERR_DEADLOCK:
        return ERROR_POSSIBLE_DEADLOCK;
    case TP_ERR_TIMEOUT:
        return WAIT_TIMEOUT;
    case TP_ERR_NOT_OWNER:
        return ERROR_NOT_OWNER;
    case TP_ERR_LIMIT:
        return ERROR_TOO_MANY_POSTS;
    case TP_ERR_UNSUPPORTED:
        return ERROR_NOT_SUPPORTED;
    case TP_ERR_SYSTEM:
        return tpw_error_of_errno(tp_last_errno());
    default:
        return ERROR_GEN_FAILURE; /* TP_ERR_STATE: another thread's instance (C-191) */
    }
}

NTSTATUS tpw_ntstatus_of(tp_status_t status)
{
    return tpw_ntstatus_of_error(tpw_error_of(status));
}

DWORD tpw_error_of_errno(int number)
{
    switch (number) {
    case 0:
        return ERROR_SUCCESS;
    case ENOENT:
        return ERROR_FILE_NOT_FOUND;
    case ENOTDIR:
        return ERROR_PATH_NOT_FOUND;
    case EMFILE:
    case ENFILE:
        return ERROR_TOO_MANY_OPEN_FILES;
    case EACCES:
    case EPERM:
    case EROFS:
    case EISDIR:
        return ERROR_ACCESS_DENIED;
    case EBADF:
        return ERROR_INVALID_HANDLE;
    case ENOMEM:
        return ERROR_NOT_ENOUGH_MEMORY;
    case EEXIST:
        return ERROR_FILE_EXISTS;
    case EINVAL:
        return ERROR_INVALID_PARAMETER;
    case EPIPE:
        return ERROR_NO_DATA;
    case ECONNRESET:
        return ERROR_BROKEN_PIPE;
    case ENOSPC:
    case EDQUOT:
        return ERROR_DISK_FULL;
    case ENAMETOOLONG:
        return ERROR_INVALID_NAME;
    case ECANCELED:
        return ERROR_OPERATION_ABORTED;
    case EAGAIN:
        return ERROR_NOT_READY;
    case EBUSY:
        return ERROR_BUSY;
    case EFAULT:
        return ERROR_NOACCESS;
    case EIO:
        return ERROR_IO_DEVICE;
    case EDEADLK:
        return ERROR_POSSIBLE_DEADLOCK;
    case ETIMEDOUT:
        return ERROR_SEM_TIMEOUT;
    case ENOSYS:
    case EOPNOTSUPP:
        return ERROR_NOT_SUPPORTED;
    default:
        return ERROR_GEN_FAILURE;
    }
}
