/* error_test.c - which number of Windows each failure has. */
#include "capi/win32/win32.h"

#include <errno.h>

#include "tests/support/tap.h"

TAP_TEST(error__of_errno)
{
    static const struct {
        int number;
        DWORD error;
    } known[] = {
        {0, ERROR_SUCCESS},
        {ENOENT, ERROR_FILE_NOT_FOUND},
        {ENOTDIR, ERROR_PATH_NOT_FOUND},
        {EMFILE, ERROR_TOO_MANY_OPEN_FILES},
        {ENFILE, ERROR_TOO_MANY_OPEN_FILES},
        {EACCES, ERROR_ACCESS_DENIED},
        {EPERM, ERROR_ACCESS_DENIED},
        {EROFS, ERROR_ACCESS_DENIED},
        {EISDIR, ERROR_ACCESS_DENIED},
        {EBADF, ERROR_INVALID_HANDLE},
        {ENOMEM, ERROR_NOT_ENOUGH_MEMORY},
        {EEXIST, ERROR_FILE_EXISTS},
        {EINVAL, ERROR_INVALID_PARAMETER},
        {EPIPE, ERROR_NO_DATA},
        {ECONNRESET, ERROR_BROKEN_PIPE},
        {ENOSPC, ERROR_DISK_FULL},
        {EDQUOT, ERROR_DISK_FULL},
        {ENAMETOOLONG, ERROR_INVALID_NAME},
        {ECANCELED, ERROR_OPERATION_ABORTED},
        {EAGAIN, ERROR_NOT_READY},
        {EBUSY, ERROR_BUSY},
        {EFAULT, ERROR_NOACCESS},
        {EIO, ERROR_IO_DEVICE},
        {EDEADLK, ERROR_POSSIBLE_DEADLOCK},
        {ETIMEDOUT, ERROR_SEM_TIMEOUT},
        {ENOSYS, ERROR_NOT_SUPPORTED},
        {EOPNOTSUPP, ERROR_NOT_SUPPORTED},
        {EXDEV, ERROR_GEN_FAILURE},
        {-1, ERROR_GEN_FAILURE},
    };
    for (size_t i = 0; i < ARRAYSIZE(known); i++)
        check_eq(tpw_error_of_errno(known[i].number), known[i].error);
}

TAP_TEST(error__of_status)
{
    static const struct {
        tp_status_t status;
        DWORD error;
        NTSTATUS native;
    } known[] = {
        {TP_OK, ERROR_SUCCESS, STATUS_SUCCESS},
        {TP_ERR_ARGUMENT, ERROR_INVALID_PARAMETER, STATUS_INVALID_PARAMETER},
        {TP_ERR_VERSION, ERROR_INVALID_PARAMETER, STATUS_INVALID_PARAMETER},
        {TP_ERR_CLOSED, ERROR_INVALID_PARAMETER, STATUS_INVALID_PARAMETER},
        {TP_ERR_EXISTS, ERROR_INVALID_PARAMETER, STATUS_INVALID_PARAMETER},
        {TP_ERR_HANDLE, ERROR_INVALID_HANDLE, STATUS_INVALID_HANDLE},
        {TP_ERR_FORKED, ERROR_INVALID_HANDLE, STATUS_INVALID_HANDLE},
        {TP_ERR_NO_MEMORY, ERROR_NOT_ENOUGH_MEMORY, STATUS_NO_MEMORY},
        {TP_ERR_NO_THREAD, ERROR_TOO_MANY_THREADS, STATUS_TOO_MANY_THREADS},
        {TP_ERR_TOO_MANY_THREADS, ERROR_TOO_MANY_THREADS, STATUS_TOO_MANY_THREADS},
        {TP_ERR_BUSY, ERROR_BUSY, STATUS_UNSUCCESSFUL},
        {TP_ERR_DEADLOCK, ERROR_POSSIBLE_DEADLOCK, STATUS_POSSIBLE_DEADLOCK},
        {TP_ERR_TIMEOUT, WAIT_TIMEOUT, STATUS_TIMEOUT},
        {TP_ERR_NOT_OWNER, ERROR_NOT_OWNER, STATUS_MUTANT_NOT_OWNED},
        {TP_ERR_LIMIT, ERROR_TOO_MANY_POSTS, STATUS_SEMAPHORE_LIMIT_EXCEEDED},
        {TP_ERR_UNSUPPORTED, ERROR_NOT_SUPPORTED, STATUS_NOT_SUPPORTED},
        {TP_ERR_STATE, ERROR_GEN_FAILURE, STATUS_UNSUCCESSFUL},
    };
    for (size_t i = 0; i < ARRAYSIZE(known); i++) {
        check_eq(tpw_error_of(known[i].status), known[i].error);
        check_eq(tpw_ntstatus_of(known[i].status), known[i].native);
    }
}

static void never(tp_callback_instance_t *instance, void *context, void *operation, int32_t error,
                  uint64_t bytes, tp_io_t *io)
{
    (void)instance, (void)context, (void)operation, (void)error, (void)bytes, (void)io;
}

/* It is that of errno. */
TAP_TEST(error__of_the_system)
{
    tp_io_t *io;
    tp_status_t status = tp_io_create(-1, never, NULL, NULL, &io);
    check_eq(status, TP_ERR_SYSTEM);
    check_eq(tpw_error_of(status), ERROR_INVALID_HANDLE);
    check_eq(tpw_ntstatus_of(status), STATUS_INVALID_HANDLE);
}

TAP_TEST(error__without_another_spelling)
{
    check_eq(RtlNtStatusToDosError((NTSTATUS)0xc0ffffff), ERROR_GEN_FAILURE);
    check_eq(tpw_ntstatus_of_error(0xfffffff), STATUS_UNSUCCESSFUL);
}

int main(void)
{
    tap_run(error__of_errno);
    tap_run(error__of_status);
    tap_run(error__of_the_system);
    tap_run(error__without_another_spelling);
    return tap_done();
}
