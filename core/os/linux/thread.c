/* thread.c - threads: starting them, what belongs to one, what the kernel knows of them. */
#define _GNU_SOURCE
#include "core/os/os.h"
#include "core/os/linux/fork.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S 1000000000
#define NAME_SIZE 16 /* of a thread, as the kernel keeps it, with the final zero */
#define FAST_TLS __attribute__((tls_model("initial-exec")))

/* ---- starting ------------------------------------------------------------------------------ */

struct start {
    void (*body)(void *);
    void *argument;
    char name[NAME_SIZE];
};

/* Cancellation is made impossible at once: nobody outside may end this thread in the middle of the
 * library's own work. */
static void *thread_main(void *memory)
{
    struct start start = *(struct start *)memory;

    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    free(memory);
    if (start.name[0] != '\0')
        (void)pthread_setname_np(pthread_self(), start.name);
    start.body(start.argument);
    return NULL;
}

static uint64_t page_size(void)
{
    long size = sysconf(_SC_PAGESIZE);
    return size > 0 ? (uint64_t)size : 4096;
}

/* At least the minimum, and whole pages; 0 stays 0 and means the default of the process. */
static int set_stack_size(pthread_attr_t *attributes, uint64_t wanted)
{
    uint64_t page = page_size();
    uint64_t size = wanted > tpp_stack_minimum() ? wanted : tpp_stack_minimum();

    if (wanted == 0)
        return 0;
    if (size > SIZE_MAX - page)
        return EAGAIN; /* what pthread_create says when the system lacks the memory */
    size = (size + page - 1) / page * page;
    return pthread_attr_setstacksize(attributes, (size_t)size);
}

/* Signals for the process are the application's business and must not land on a thread it does not
 * know. The synchronous ones stay open: blocking a fault only makes the kernel kill the process
 * without the handler a debugger or a runtime has installed. */
static void worker_mask(sigset_t *mask)
{
    static const int open_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS};
    size_t i;

    sigfillset(mask);
    for (i = 0; i < sizeof open_signals / sizeof open_signals[0]; i++)
        sigdelset(mask, open_signals[i]);
}

/* A new thread inherits the mask of its creator, so the creator wears it meanwhile: the thread then
 * has no first moment in which a signal could reach it. */
static int create_masked(const pthread_attr_t *attributes, struct start *start)
{
    sigset_t wanted, before;
    pthread_t thread;
    int result;

    worker_mask(&wanted);
    result = pthread_sigmask(SIG_SETMASK, &wanted, &before);
    if (result != 0)
        return result;
    result = pthread_create(&thread, attributes, thread_main, start);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return result;
}

/* The start block comes from malloc, not from tpp_alloc: the C library's own allocations for a
 * thread (its stack, its thread-local storage) cannot be routed through an application's allocator
 * either, and a caller that starts a thread treats both failures the same. */
int tpp_thread_start(void (*body)(void *), void *argument, const struct tpp_thread_options *options)
{
    int saved = errno;
    pthread_attr_t attributes;
    struct start *start = malloc(sizeof *start);
    int result;

    if (start == NULL) {
        errno = saved;
        return ENOMEM;
    }
    *start = (struct start){.body = body, .argument = argument, .name = ""};
    if (options->name != NULL)
        memcpy(start->name, options->name, strnlen(options->name, NAME_SIZE - 1));
    result = pthread_attr_init(&attributes);
    if (result == 0) {
        result = set_stack_size(&attributes, options->stack_size);
        if (result == 0)
            result = pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
        if (result == 0)
            result = create_masked(&attributes, start);
        (void)pthread_attr_destroy(&attributes);
    }
    if (result != 0)
        free(start);
    errno = saved;
    return result;
}

uint64_t tpp_stack_default(void)
{
    pthread_attr_t attributes;
    size_t size = 0;

    if (pthread_attr_init(&attributes) == 0) {
        if (pthread_attr_getstacksize(&attributes, &size) != 0)
            size = 0;
        (void)pthread_attr_destroy(&attributes);
    }
    return size > 0 ? size : tpp_stack_minimum();
}

uint64_t tpp_stack_minimum(void)
{
    long minimum = sysconf(_SC_THREAD_STACK_MIN);
    uint64_t page = page_size();
    uint64_t size = minimum > 16384 ? (uint64_t)minimum : 16384;

    return (size + page - 1) / page * page;
}

/* ---- who am I ------------------------------------------------------------------------------ */

static _Thread_local uint64_t cached_id FAST_TLS;

/* The thread that returns from fork in the child is a new one to the kernel. */
void tpp_thread_forked(void)
{
    cached_id = 0;
}

/* If there is no memory to be told of a fork, a child only keeps its parent's number, which no
 * other thread of the child has: still what os.h promises. */
static __attribute__((noinline)) uint64_t look_up_id(void)
{
    int saved = errno;

    (void)tpp_fork_watch();
    cached_id = (uint64_t)gettid();
    errno = saved;
    return cached_id;
}

uint64_t tpp_thread_id(void)
{
    return cached_id != 0 ? cached_id : look_up_id();
}

/* ---- the thread's own pointer -------------------------------------------------------------- */

/* The pointer itself is plain thread-local storage, because it is read on every submit; the key
 * exists only for its destructor. */
_Thread_local void *tpp_local_value FAST_TLS;
static pthread_once_t local_once = PTHREAD_ONCE_INIT;
static pthread_key_t local_key;
static tpp_ptr exit_function;

/* Data pointers and function pointers have one size and shape on every Linux. */
union exit_pointer {
    void *raw;
    void (*function)(void *value);
};

/* The value is taken away first: destructors of others may still call in after this one, which
 * sets a new value and brings the C library here again. */
static void local_destroy(void *value)
{
    /* [LX1] acquire: sees what the caller of tpp_local_at_exit prepared. Pairs with its release.
     * For tp more than it takes: each of its threads was that caller itself. */
    union exit_pointer at_exit = {.raw = tpp_load_acquire(&exit_function)};

    tpp_local_value = NULL;
    if (at_exit.function != NULL)
        at_exit.function(value);
}

static void local_create_key(void)
{
    if (pthread_key_create(&local_key, local_destroy) != 0)
        tpp_abort("tp: no thread-specific data key is left in this process (PTHREAD_KEYS_MAX)");
}

/* pthread_setspecific can want memory (a key beyond the 32nd); without it the pointer still works
 * and only the call at the end of the thread is lost. */
void tpp_local_set(void *value)
{
    int saved = errno;

    (void)pthread_once(&local_once, local_create_key);
    tpp_local_value = value;
    (void)pthread_setspecific(local_key, value);
    errno = saved;
}

void tpp_local_at_exit(void (*function)(void *value))
{
    union exit_pointer at_exit = {.function = function};

    /* [LX1] release: what the function needs was prepared before. Pairs with local_destroy. */
    tpp_store_release(&exit_function, at_exit.raw);
}

/* ---- what the kernel knows ----------------------------------------------------------------- */

/* The second field, the name, stands in parentheses and may contain any character, so the state is
 * what follows the last one. */
static char parse_state(const char *line, size_t length)
{
    const char *close = memrchr(line, ')', length);
    char letter;

    if (close == NULL || close + 2 >= line + length)
        return '?';
    letter = close[2];
    if (letter == 't')
        return 'T'; /* stopped by a tracer */
    return memchr("RSDT", letter, 4) != NULL ? letter : '?';
}

char tpp_thread_state(uint64_t thread_id)
{
    int saved = errno;
    char path[64], line[128];
    ssize_t length = -1;
    int descriptor;

    (void)snprintf(path, sizeof path, "/proc/self/task/%llu/stat", (unsigned long long)thread_id);
    descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor >= 0) {
        length = read(descriptor, line, sizeof line);
        (void)close(descriptor);
    }
    errno = saved;
    return length > 0 ? parse_state(line, (size_t)length) : '?';
}

/* The kernel keeps a clock for each thread of the process, whose number is made like this: all bits
 * of the thread's id inverted, then "of one thread" and "time it ran". (pthread_getcpuclockid does
 * the same, but wants a pthread_t, and one that is sure to be alive.) */
int64_t tpp_thread_cpu_time(uint64_t thread_id)
{
    int saved = errno;
    clockid_t clock = (clockid_t)(~(uint32_t)thread_id << 3 | 6u);
    struct timespec used = {0, 0};
    bool told = clock_gettime(clock, &used) == 0;

    errno = saved;
    return told ? (int64_t)used.tv_sec * NS_PER_S + used.tv_nsec : -1;
}
