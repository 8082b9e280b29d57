/* refuse.h - one call of the library to the C library, the kernel or tp fails, whichever is due.
 *
 * The program is linked to the static library so that these calls pass through here (--wrap).
 * Refusing, the call number `left` has no memory, no descriptor, no thread; interrupting, it is
 * interrupted by a signal. Calls on any thread count. */
#ifndef TESTS_WIN32_REFUSE_H
#define TESTS_WIN32_REFUSE_H

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "tests/win32/scene.h"
#include "tp/tp.h"

enum fault { NO_FAULT, REFUSING, INTERRUPTING };

static struct {
    enum fault fault;
    LONG left;      /* so many calls, this one included */
    LONG hits;      /* calls that have failed */
    bool no_places; /* the table of handles cannot grow */
} refusal;

SCENE_UNUSED static void fail_from_now(enum fault fault, LONG number)
{
    __atomic_store_n(&refusal.left, number, __ATOMIC_SEQ_CST);
    __atomic_store_n(&refusal.hits, 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(&refusal.fault, fault, __ATOMIC_SEQ_CST);
}

static bool is_due(enum fault fault, int error)
{
    if (__atomic_load_n(&refusal.fault, __ATOMIC_SEQ_CST) != fault || add_to(&refusal.left, -1))
        return false;
    add_to(&refusal.hits, 1);
    errno = error;
    return true;
}

#define WRAPPED(fault, error, type, name, parameters, failed, arguments) \
    type __real_##name parameters; \
    type __wrap_##name parameters; \
    type __wrap_##name parameters \
    { \
        return is_due(fault, error) ? failed : __real_##name arguments; \
    }
#define REFUSABLE(type, name, parameters, failed, arguments) \
    WRAPPED(REFUSING, ENOMEM, type, name, parameters, failed, arguments)
#define REFUSABLE_CREATE(name, parameters, arguments) \
    REFUSABLE(tp_status_t, name, parameters, (*out = NULL, TP_ERR_NO_MEMORY), arguments)
#define INTERRUPTIBLE(type, name, parameters, failed, arguments) \
    WRAPPED(INTERRUPTING, EINTR, type, name, parameters, failed, arguments)

/* ---- the C library and the kernel ------------------------------------------------------------ */

REFUSABLE(void *, malloc, (size_t size), NULL, (size))
REFUSABLE(char *, strdup, (const char *text), NULL, (text))
REFUSABLE(char *, realpath, (const char *path, char *resolved), NULL, (path, resolved))
REFUSABLE(int, fstat64, (int file, void *status), -1, (file, status))
REFUSABLE(int, fsync, (int file), -1, (file))
REFUSABLE(int, ftruncate64, (int file, off_t size), -1, (file, size))
REFUSABLE(int, socketpair, (int domain, int type, int protocol, int *pair), -1,
          (domain, type, protocol, pair))
REFUSABLE(int, memfd_create, (const char *name, unsigned flags), -1, (name, flags))
REFUSABLE(void *, mmap64, (void *at, size_t size, int access, int flags, int file, off_t from),
          MAP_FAILED, (at, size, access, flags, file, from))
REFUSABLE(int, sched_getaffinity, (pid_t thread, size_t size, cpu_set_t *set), -1,
          (thread, size, set))
REFUSABLE(int, pthread_attr_init, (pthread_attr_t * attributes), errno, (attributes))
REFUSABLE(int, pthread_create,
          (pthread_t * thread, const pthread_attr_t *attributes, void *(*start)(void *),
           void *argument),
          errno, (thread, attributes, start, argument))
REFUSABLE(int, pthread_key_create, (pthread_key_t * key, void (*destroy)(void *)), errno,
          (key, destroy))
REFUSABLE(int, pthread_setspecific, (pthread_key_t key, const void *value), errno, (key, value))

/* Of the library's mutexes those of critical sections have attributes. */
int __real_pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes);
int __wrap_pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes);
int __wrap_pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes)
{
    return attributes && is_due(REFUSING, ENOMEM) ? ENOMEM
                                                  : __real_pthread_mutex_init(mutex, attributes);
}

/* The table of handles grows by a thousand places. */
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size)
{
    if (count > 1000 && __atomic_load_n(&refusal.no_places, __ATOMIC_SEQ_CST))
        return NULL;
    return is_due(REFUSING, ENOMEM) ? NULL : __real_calloc(count, size);
}

INTERRUPTIBLE(int, clock_nanosleep,
              (clockid_t clock, int flags, const struct timespec *time, struct timespec *left),
              EINTR, (clock, flags, time, left))
INTERRUPTIBLE(ssize_t, pread64, (int file, void *to, size_t size, off_t at), -1,
              (file, to, size, at))
INTERRUPTIBLE(ssize_t, pwrite64, (int file, const void *from, size_t size, off_t at), -1,
              (file, from, size, at))
INTERRUPTIBLE(ssize_t, read, (int file, void *to, size_t size), -1, (file, to, size))
INTERRUPTIBLE(ssize_t, send, (int file, const void *from, size_t size, int flags), -1,
              (file, from, size, flags))
INTERRUPTIBLE(int, sem_clockwait, (sem_t * word, clockid_t clock, const struct timespec *until), -1,
              (word, clock, until))
INTERRUPTIBLE(int, sem_wait, (sem_t * word), -1, (word))
INTERRUPTIBLE(ssize_t, write, (int file, const void *from, size_t size), -1, (file, from, size))

/* Who only peeks does not wait. */
ssize_t __real_recv(int file, void *to, size_t size, int flags);
ssize_t __wrap_recv(int file, void *to, size_t size, int flags);
ssize_t __wrap_recv(int file, void *to, size_t size, int flags)
{
    return (flags & MSG_PEEK) == 0 && is_due(INTERRUPTING, EINTR)
               ? -1
               : __real_recv(file, to, size, flags);
}

/* ---- tp -------------------------------------------------------------------------------------- */

REFUSABLE_CREATE(tp_cleanup_group_create, (tp_cleanup_group_t * *out), (out))
REFUSABLE_CREATE(tp_env_create, (tp_env_t * *out), (out))
REFUSABLE_CREATE(tp_event_create, (bool manual, bool set, tp_event_t **out), (manual, set, out))
REFUSABLE_CREATE(tp_io_create,
                 (int file, tp_io_fn callback, void *context, const tp_env_t *env, tp_io_t **out),
                 (file, callback, context, env, out))
REFUSABLE_CREATE(tp_mutex_create, (bool owned, tp_mutex_t **out), (owned, out))
REFUSABLE_CREATE(tp_pool_create, (const tp_pool_config_t *config, tp_pool_t **out), (config, out))
REFUSABLE_CREATE(tp_semaphore_create, (uint32_t count, uint32_t most, tp_semaphore_t **out),
                 (count, most, out))
REFUSABLE_CREATE(tp_timer_create,
                 (tp_timer_fn callback, void *context, const tp_env_t *env, tp_timer_t **out),
                 (callback, context, env, out))
REFUSABLE(tp_status_t, tp_try_submit, (tp_simple_fn callback, void *context, const tp_env_t *env),
          TP_ERR_NO_MEMORY, (callback, context, env))
REFUSABLE_CREATE(tp_wait_create,
                 (tp_wait_fn callback, void *context, const tp_env_t *env, tp_wait_t **out),
                 (callback, context, env, out))
REFUSABLE_CREATE(tp_work_create,
                 (tp_work_fn callback, void *context, const tp_env_t *env, tp_work_t **out),
                 (callback, context, env, out))

/* What happens once, just before an operation is handed over; and how much of it is, at most: the
 * system might take more at once. */
static void (*before_submit)(void);
static LONG part_most = INT32_MAX;

tp_status_t __real_tp_io_submit(tp_io_t *io, const tp_io_op_t *operation);
tp_status_t __wrap_tp_io_submit(tp_io_t *io, const tp_io_op_t *operation);
tp_status_t __wrap_tp_io_submit(tp_io_t *io, const tp_io_op_t *operation)
{
    void (*before)(void) = __atomic_exchange_n(&before_submit, NULL, __ATOMIC_SEQ_CST);
    tp_io_op_t part = *operation;
    if (before)
        before();
    if (part.length > (ULONG)value_of(&part_most))
        part.length = (ULONG)value_of(&part_most);
    return is_due(REFUSING, ENOMEM) ? TP_ERR_NO_MEMORY : __real_tp_io_submit(io, &part);
}

/* Only an object whose pool is shut down refuses to be set. */
tp_status_t __real_tp_wait_set(tp_wait_t *wait, const tp_wait_spec_t *spec, bool *was_armed);
tp_status_t __wrap_tp_wait_set(tp_wait_t *wait, const tp_wait_spec_t *spec, bool *was_armed);
tp_status_t __wrap_tp_wait_set(tp_wait_t *wait, const tp_wait_spec_t *spec, bool *was_armed)
{
    return spec && is_due(REFUSING, ENOMEM) ? TP_ERR_NO_MEMORY
                                            : __real_tp_wait_set(wait, spec, was_armed);
}

#endif
