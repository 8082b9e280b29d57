/* guard_test.c - the frame around user code: threads that end in it, exceptions that leave it. */
#define _GNU_SOURCE
#include "core/os/os.h"

#include <errno.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unwind.h>

#include "tests/support/tap.h"

#if defined(__x86_64__) || defined(__aarch64__)
#define GUARD_SEES_EXCEPTIONS true
#else
#define GUARD_SEES_EXCEPTIONS false
#endif

/* From guard_throw.cpp, which is there if a C++ compiler is. */
__attribute__((weak)) void guard_throw(void *unused);
__attribute__((weak)) void guard_catch(void (*function)(void *), void *argument);

/* What happened, in order, one letter each. */
static char story[32];

static void tell(char letter)
{
    size_t length = strlen(story);
    if (length + 1 < sizeof story)
        story[length] = letter;
}

static bool told(const char *expected)
{
    if (strcmp(story, expected) != 0)
        printf("# told \"%s\", not \"%s\"\n", story, expected);
    return strcmp(story, expected) == 0;
}

/* One guarded call: what it runs, and what stands in the frame of its caller. */
struct call {
    void (*body)(struct call *call);
    char letter;              /* told when ended runs */
    int *local;               /* in the frame of whoever called tpp_guarded */
    int seen;                 /* what stood there when ended ran */
    const struct call *inner; /* the call that body makes, if it makes one */
};

static void run_body(void *argument)
{
    struct call *call = argument;
    call->body(call);
}

static void ended(void *argument)
{
    struct call *call = argument;
    tell(call->letter);
    if (call->local != NULL)
        call->seen = (*call->local)++;
}

static void describe(void *argument, char *text, size_t size)
{
    struct call *call = argument;
    (void)snprintf(text, size, "work \"%c\"", call->letter);
}

static const struct tpp_guard guard = {run_body, ended, describe};

/* ---- nothing happens ----------------------------------------------------------------------- */

static void add_one(struct call *call)
{
    tell('b');
    ++*call->local;
}

TAP_TEST(guard__body_runs_with_its_argument_and_returns)
{
    int local = 5;
    struct call call = {.body = add_one, .letter = 'e', .local = &local};
    memset(story, 0, sizeof story);
    tpp_guarded(&guard, &call);
    tpp_guarded(&guard, &call);
    check_eq(local, 7);
    check(told("bb"));
}

static void look_at_alignment(struct call *call)
{
    _Alignas(16) volatile char here[16];
    here[0] = 1;
    call->seen = (uintptr_t)here % 16 == 0 && (uintptr_t)__builtin_frame_address(0) % 16 == 0;
}

TAP_TEST(guard__body_finds_an_aligned_stack)
{
    struct call call = {.body = look_at_alignment};
    tpp_guarded(&guard, &call);
    check_eq(call.seen, 1);
}

/* ---- the thread ends ----------------------------------------------------------------------- */

static void exit_thread(struct call *call)
{
    (void)call;
    pthread_exit(NULL);
}

/* The frame keeps a value that only its own code could have put there, and changes it last. */
static __attribute__((noinline)) void call_guarded(struct call *call, int value)
{
    volatile int guarded_by_nobody = value;
    int local = value;
    call->local = &local;
    tpp_guarded(&guard, call);
    tell('r'); /* body has returned */
    check_eq(guarded_by_nobody, value);
    call->local = NULL;
}

static struct call outer, inner;

static void call_inner(struct call *call)
{
    (void)call;
    call_guarded(&inner, 100);
}

static void tell_exit(void *value)
{
    tell(*(char *)value);
}

static void *run_outer(void *unused)
{
    static char letter = 'x';
    (void)unused;
    tpp_local_at_exit(tell_exit);
    tpp_local_set(&letter);
    call_guarded(&outer, 200);
    tpp_local_set(NULL);
    return &outer;
}

/* Runs `outer` on a thread of its own; true if it came to an end by itself. */
static bool run_thread(void)
{
    pthread_t thread;
    void *result = NULL;
    memset(story, 0, sizeof story);
    check_eq(pthread_create(&thread, NULL, run_outer, NULL), 0);
    check_eq(pthread_join(thread, &result), 0);
    return result == &outer;
}

TAP_TEST(guard__pthread_exit_runs_ended_and_then_the_threads_own)
{
    outer = (struct call){.body = exit_thread, .letter = 'o'};
    check(!run_thread());
    check(told("ox"));
    check_eq(outer.seen, 200);
}

TAP_TEST(guard__pthread_exit_runs_ended_innermost_first)
{
    outer = (struct call){.body = call_inner, .letter = 'o'};
    inner = (struct call){.body = exit_thread, .letter = 'i'};
    check(!run_thread());
    check(told("iox"));
    check_eq(outer.seen, 200);
    check_eq(inner.seen, 100);
}

TAP_TEST(guard__that_was_left_is_not_ended_later)
{
    static struct call left;
    int local = 0;
    left = (struct call){.body = add_one, .letter = 'l', .local = &local};
    inner = left;
    outer = (struct call){.body = call_inner, .letter = 'o'};
    check(run_thread());
    check(told("brr"));
    tpp_guarded(&guard, &left);
    outer = (struct call){.body = exit_thread, .letter = 'o'};
    check(!run_thread());
    check(told("ox"));
}

static void clean_up(void *letter)
{
    tell(*(char *)letter);
}

/* A handler of the C library on either side: the unwinding stops there and starts anew. */
static void exit_behind_a_handler(struct call *call)
{
    pthread_cleanup_push(clean_up, "2");
    exit_thread(call);
    pthread_cleanup_pop(0);
}

static void call_inner_behind_a_handler(struct call *call)
{
    pthread_cleanup_push(clean_up, "1");
    call_inner(call);
    pthread_cleanup_pop(0);
}

TAP_TEST(guard__ends_once_between_cleanup_handlers)
{
    outer = (struct call){.body = call_inner_behind_a_handler, .letter = 'o'};
    inner = (struct call){.body = exit_behind_a_handler, .letter = 'i'};
    check(!run_thread());
    check(told("2i1ox"));
}

static tpp_u32 ready;

static void wait_for_cancellation(struct call *call)
{
    (void)call;
    check_eq(pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL), 0);
    tpp_store_release(&ready, 1);
    for (;;)
        (void)pause();
}

TAP_TEST(guard__cancellation_inside_body_runs_ended)
{
    pthread_t thread;
    void *result = NULL;
    memset(story, 0, sizeof story);
    tpp_store_release(&ready, 0);
    outer = (struct call){.body = call_inner, .letter = 'o'};
    inner = (struct call){.body = wait_for_cancellation, .letter = 'i'};
    check_eq(pthread_create(&thread, NULL, run_outer, NULL), 0);
    while (tpp_load_acquire(&ready) == 0)
        (void)usleep(100);
    check_eq(pthread_cancel(thread), 0);
    check_eq(pthread_join(thread, &result), 0);
    check(result == PTHREAD_CANCELED);
    check(told("iox"));
    check_eq(inner.seen, 100);
}

static int cancel_state;
static tpp_u32 state_known;

static void ask_cancel_state(void *unused)
{
    (void)unused;
    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
    tpp_store_release(&state_known, 1);
    tpp_wake(&state_known, 1);
}

TAP_TEST(guard__threads_of_the_library_cannot_be_cancelled)
{
    const struct tpp_thread_options options = {0, NULL};
    cancel_state = PTHREAD_CANCEL_ENABLE;
    require(tpp_thread_start(ask_cancel_state, NULL, &options) == 0);
    while (tpp_load_acquire(&state_known) == 0)
        (void)tpp_wait(&state_known, 0, TPP_FOREVER);
    check_eq(cancel_state, PTHREAD_CANCEL_DISABLE);
}

static void run_outer_detached(void *done)
{
    static char letter = 'x';
    (void)done;
    tpp_local_set(&letter);
    call_guarded(&outer, 200);
}

static tpp_u32 detached_ended;

static void tell_detached(void *value)
{
    tell_exit(value);
    tpp_store_release(&detached_ended, 1);
    tpp_wake(&detached_ended, 1);
}

TAP_TEST(guard__pthread_exit_ends_a_thread_of_the_library)
{
    const struct tpp_thread_options options = {0, NULL};
    memset(story, 0, sizeof story);
    tpp_local_at_exit(tell_detached);
    outer = (struct call){.body = exit_thread, .letter = 'o'};
    require(tpp_thread_start(run_outer_detached, NULL, &options) == 0);
    while (tpp_load_acquire(&detached_ended) == 0)
        (void)tpp_wait(&detached_ended, 0, TPP_FOREVER);
    check(told("ox"));
}

/* ---- exceptions ---------------------------------------------------------------------------- */

/* Runs the function in a child whose standard error is read; the child's end is checked. */
static void run_child(void (*function)(void), char *text, size_t size)
{
    size_t length = 0;
    ssize_t got;
    int pipes[2], status;
    pid_t child;
    text[0] = '\0';
    require(pipe(pipes) == 0);
    child = fork();
    require(child >= 0);
    if (child == 0) {
        (void)signal(SIGABRT, SIG_DFL);
        (void)dup2(pipes[1], STDERR_FILENO);
        (void)close(pipes[0]);
        (void)close(pipes[1]);
        function();
        _exit(0);
    }
    (void)close(pipes[1]);
    while (length < size - 1 && (got = read(pipes[0], text + length, size - 1 - length)) > 0)
        length += (size_t)got;
    (void)close(pipes[0]);
    text[length] = '\0';
    require(waitpid(child, &status, 0) == child);
    check(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static const char expected_message[] = "tp: an exception left the callback of work \"i\"\n";

static void check_child(void (*function)(void))
{
    char text[1024];
    run_child(function, text, sizeof text);
    if (strncmp(text, expected_message, sizeof expected_message - 1) != 0)
        printf("# it said: %s\n", text);
    check(strncmp(text, expected_message, sizeof expected_message - 1) == 0);
}

/* The exception of no language at all: what every runtime does in the end. */
static void raise_exception(struct call *call)
{
    static struct _Unwind_Exception exception;
    (void)call;
    memcpy(&exception.exception_class, "TPTSTEST", sizeof exception.exception_class);
    (void)_Unwind_RaiseException(&exception);
}

static void throw_exception(struct call *call)
{
    guard_throw(call);
}

static void raise_here(void)
{
    outer = (struct call){.body = call_inner, .letter = 'o'};
    inner = (struct call){.body = raise_exception, .letter = 'i'};
    call_guarded(&outer, 200);
}

static void throw_here(void)
{
    inner.body = throw_exception;
    inner.letter = 'i';
    outer = (struct call){.body = call_inner, .letter = 'o'};
    call_guarded(&outer, 200);
}

static void throw_on_a_thread(void)
{
    inner = (struct call){.body = throw_exception, .letter = 'i'};
    outer = (struct call){.body = call_inner, .letter = 'o'};
    (void)run_thread();
}

static void throw_as_argument(void *unused)
{
    (void)unused;
    throw_here();
}

static void throw_under_a_handler(void)
{
    guard_catch(throw_as_argument, NULL);
}

TAP_TEST(guard__exception_of_any_language_ends_the_process_with_a_name)
{
    if (!GUARD_SEES_EXCEPTIONS)
        tap_skip("exceptions are not seen on this processor");
    check_child(raise_here);
}

TAP_TEST(guard__cxx_exception_ends_the_process_with_a_name)
{
    if (guard_throw == NULL || !GUARD_SEES_EXCEPTIONS)
        tap_skip("no C++ compiler, or exceptions are not seen on this processor");
    check_child(throw_here);
    check_child(throw_on_a_thread);
}

TAP_TEST(guard__cxx_handler_further_out_hears_nothing)
{
    if (guard_catch == NULL || !GUARD_SEES_EXCEPTIONS)
        tap_skip("no C++ compiler, or exceptions are not seen on this processor");
    check_child(throw_under_a_handler);
}

static void throw_and_catch(struct call *call)
{
    guard_catch(guard_throw, NULL);
    tell('c');
    (void)call;
}

TAP_TEST(guard__exception_caught_inside_body_is_nobodys_business)
{
    struct call call = {.body = throw_and_catch, .letter = 'e'};
    if (guard_catch == NULL)
        tap_skip("no C++ compiler");
    memset(story, 0, sizeof story);
    tpp_guarded(&guard, &call);
    check(told("c"));
}

int main(void)
{
    tap_run(guard__body_runs_with_its_argument_and_returns);
    tap_run(guard__body_finds_an_aligned_stack);
    tap_run(guard__pthread_exit_runs_ended_and_then_the_threads_own);
    tap_run(guard__pthread_exit_runs_ended_innermost_first);
    tap_run(guard__that_was_left_is_not_ended_later);
    tap_run(guard__ends_once_between_cleanup_handlers);
    tap_run(guard__cancellation_inside_body_runs_ended);
    tap_run(guard__threads_of_the_library_cannot_be_cancelled);
    tap_run(guard__pthread_exit_ends_a_thread_of_the_library);
    tap_run(guard__exception_of_any_language_ends_the_process_with_a_name);
    tap_run(guard__cxx_exception_ends_the_process_with_a_name);
    tap_run(guard__cxx_handler_further_out_hears_nothing);
    tap_run(guard__exception_caught_inside_body_is_nobodys_business);
    return tap_done();
}
