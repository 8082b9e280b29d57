/* foreign_test.c - mutexes and libraries of the application; random numbers; the abort. */
#define _GNU_SOURCE
#include "core/os/os.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <sys/wait.h>

#include "tests/support/tap.h"

static const char *plugin_path;

TAP_TEST(foreign__mutex_is_unlocked)
{
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    check_eq(pthread_mutex_lock(&mutex), 0);
    check_eq(tpp_user_mutex_unlock(&mutex), 0);
    check_eq(pthread_mutex_trylock(&mutex), 0);
    check_eq(pthread_mutex_unlock(&mutex), 0);
}

TAP_TEST(foreign__mutex_of_another_is_refused)
{
    pthread_mutexattr_t attributes;
    pthread_mutex_t mutex;
    if (UNDER_TSAN)
        tap_skip("ThreadSanitizer objects to the misuse itself");
    check_eq(pthread_mutexattr_init(&attributes), 0);
    check_eq(pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK), 0);
    check_eq(pthread_mutex_init(&mutex, &attributes), 0);
    errno = 77;
    check_eq(tpp_user_mutex_unlock(&mutex), EPERM);
    check_eq(errno, 77);
}

static bool plugin_is_loaded(void)
{
    void *found = dlopen(plugin_path, RTLD_NOLOAD | RTLD_LAZY);
    if (found != NULL)
        dlclose(found);
    return found != NULL;
}

TAP_TEST(foreign__pinned_library_outlives_its_handle)
{
    union {
        void *raw;
        int (*answer)(void);
    } symbol;
    void *handle, *own = NULL;
    if (plugin_path == NULL)
        tap_skip("no plugin named on the command line");
    handle = dlopen(plugin_path, RTLD_NOW);
    require(handle != NULL);
    symbol.raw = dlsym(handle, "foreign_plugin_answer");
    require(symbol.raw != NULL);
    errno = 77;
    check_eq(tpp_library_pin(handle, &own), 0);
    require(own != NULL);
    check_eq(dlclose(handle), 0);
    check(plugin_is_loaded());
    check_eq(symbol.answer(), 42);
    check_eq(tpp_library_close(own), 0);
    check_eq(errno, 77);
    check(!plugin_is_loaded());
}

TAP_TEST(foreign__library_is_pinned_though_its_file_is_gone)
{
    char path[] = "foreign_test_plugin_XXXXXX", real[64];
    char command[4096];
    void *handle, *own = NULL;
    int descriptor;
    if (plugin_path == NULL)
        tap_skip("no plugin named on the command line");
    descriptor = mkstemp(path);
    require(descriptor >= 0);
    close(descriptor);
    snprintf(real, sizeof real, "./%s", path);
    snprintf(command, sizeof command, "cp '%s' '%s'", plugin_path, real);
    check_eq(system(command), 0);
    handle = dlopen(real, RTLD_NOW);
    check_eq(unlink(path), 0);
    require(handle != NULL);
    check_eq(tpp_library_pin(handle, &own), 0);
    check(own != NULL);
    check_eq(dlclose(handle), 0);
    check_eq(own != NULL ? tpp_library_close(own) : -1, 0);
}

TAP_TEST(foreign__the_program_itself_can_be_pinned)
{
    void *handle = dlopen(NULL, RTLD_NOW);
    void *own = NULL;
    require(handle != NULL);
    check_eq(tpp_library_pin(handle, &own), 0);
    require(own != NULL);
    check_eq(tpp_library_close(own), 0);
    check_eq(dlclose(handle), 0);
}

TAP_TEST(foreign__what_is_no_library_is_not_pinned)
{
    char stray[4096] = {0};
    void *own = stray;
    void *const handles[] = {stray, (void *)(uintptr_t)0x1234, (void *)UINTPTR_MAX};
    for (size_t i = 0; i < sizeof handles / sizeof *handles; i++) {
        check_eq(tpp_library_pin(handles[i], &own), EINVAL);
        check(own == NULL);
    }
}

TAP_TEST(foreign__library_that_was_closed_is_not_pinned)
{
    void *handle, *own = NULL;
    if (plugin_path == NULL)
        tap_skip("no plugin named on the command line");
    handle = dlopen(plugin_path, RTLD_NOW);
    require(handle != NULL);
    check_eq(dlclose(handle), 0);
    check_eq(tpp_library_pin(handle, &own), EINVAL);
}

TAP_TEST(foreign__library_of_another_namespace_is_pinned)
{
    void *handle, *own = NULL;
    if (plugin_path == NULL)
        tap_skip("no plugin named on the command line");
    if (SANITIZED)
        tap_skip("a second namespace would need the sanitizer's runtime once more");
    handle = dlmopen(LM_ID_NEWLM, plugin_path, RTLD_NOW);
    if (handle == NULL)
        tap_skip("no second namespace here");
    check_eq(tpp_library_pin(handle, &own), 0);
    check_eq(dlclose(handle), 0);
    check_eq(own != NULL ? tpp_library_close(own) : -1, 0);
}

static void *load_and_close(void *over)
{
    for (int i = 0; i < 200; i++) {
        void *handle = dlopen(plugin_path, RTLD_NOW);
        if (handle != NULL)
            dlclose(handle);
    }
    tpp_store_release((tpp_u32 *)over, 1);
    return NULL;
}

TAP_TEST(foreign__library_is_found_while_another_is_loaded_and_closed)
{
    tpp_u32 over;
    char stray[64] = {0};
    pthread_t thread;
    void *handle = dlopen("libm.so.6", RTLD_NOW);
    if (plugin_path == NULL)
        tap_skip("no plugin named on the command line");
    require(handle != NULL);
    tpp_init(&over, 0);
    check_eq(pthread_create(&thread, NULL, load_and_close, &over), 0);
    while (!tpp_load_acquire(&over)) {
        void *own = NULL;
        check_eq(tpp_library_pin(stray, &own), EINVAL);
        check_eq(tpp_library_pin(handle, &own), 0);
        check(!tpp_library_on_stack(handle));
        check_eq(own != NULL ? tpp_library_close(own) : -1, 0);
    }
    check_eq(pthread_join(thread, NULL), 0);
    check_eq(dlclose(handle), 0);
}

/* ---- the library on the stack --------------------------------------------------------------- */

struct stack_look {
    void *handle;
    bool found;
};

static void look_for_library(void *memory)
{
    struct stack_look *look = memory;
    errno = 77;
    look->found = tpp_library_on_stack(look->handle);
    check_eq(errno, 77);
}

typedef void (*plugin_call_t)(void (*function)(void *), void *argument);

static plugin_call_t find_plugin_call(void *handle)
{
    union {
        void *raw;
        plugin_call_t call;
    } symbol;
    symbol.raw = dlsym(handle, "foreign_plugin_call");
    return symbol.call;
}

static void *look_on_a_thread(void *memory)
{
    look_for_library(memory);
    return NULL;
}

TAP_TEST(foreign__library_that_is_not_on_the_stack_is_not_found_there)
{
    struct stack_look look = {.found = true};
    pthread_t thread;
    if (plugin_path == NULL)
        tap_skip("no plugin named on the command line");
    look.handle = dlopen(plugin_path, RTLD_NOW);
    require(look.handle != NULL);
    look_for_library(&look);
    check(!look.found);
    look.found = true;
    check_eq(pthread_create(&thread, NULL, look_on_a_thread, &look), 0);
    check_eq(pthread_join(thread, NULL), 0);
    check(!look.found);
    check_eq(dlclose(look.handle), 0);
}

TAP_TEST(foreign__library_on_the_stack_is_found)
{
    struct stack_look look = {.found = false};
    plugin_call_t call;
    if (plugin_path == NULL)
        tap_skip("no plugin named on the command line");
    look.handle = dlopen(plugin_path, RTLD_NOW);
    require(look.handle != NULL);
    call = find_plugin_call(look.handle);
    require(call != NULL);
    call(look_for_library, &look);
    check(look.found);
    look_for_library(&look);
    check(!look.found);
    check_eq(dlclose(look.handle), 0);
}

/* Through the stack of a signal handler, on a stack of its own, to what was interrupted. */
static struct stack_look signal_look;

static void look_in_handler(int signal_number)
{
    (void)signal_number;
    look_for_library(&signal_look);
}

static void raise_signal(void *unused)
{
    (void)unused;
    check_eq(raise(SIGUSR1), 0);
}

TAP_TEST(foreign__library_interrupted_by_a_signal_is_found)
{
    static _Alignas(16) char memory[256 * 1024];
    const stack_t stack = {.ss_sp = memory, .ss_size = sizeof memory};
    struct sigaction action = {.sa_handler = look_in_handler, .sa_flags = SA_ONSTACK};
    plugin_call_t call;
    if (plugin_path == NULL)
        tap_skip("no plugin named on the command line");
    signal_look.handle = dlopen(plugin_path, RTLD_NOW);
    require(signal_look.handle != NULL);
    call = find_plugin_call(signal_look.handle);
    require(call != NULL);
    check_eq(sigaltstack(&stack, NULL), 0);
    check_eq(sigaction(SIGUSR1, &action, NULL), 0);
    signal_look.found = false;
    call(raise_signal, NULL);
    check(signal_look.found);
    check_eq(dlclose(signal_look.handle), 0);
}

TAP_TEST(foreign__program_itself_is_always_on_the_stack)
{
    struct stack_look look = {.found = false};
    look.handle = dlopen(NULL, RTLD_NOW);
    require(look.handle != NULL);
    look_for_library(&look);
    check(look.found);
    check_eq(dlclose(look.handle), 0);
}

/* Calls a function from one that has no unwind tables. */
void foreign_call_unwindless(void (*function)(void *), void *argument);
#if defined(__x86_64__)
#define UNWINDLESS true
__asm__(".text\n"
        "foreign_call_unwindless:\n"
        "    pushq %rbp\n"
        "    movq %rdi, %rax\n"
        "    movq %rsi, %rdi\n"
        "    call *%rax\n"
        "    popq %rbp\n"
        "    ret\n");
#elif defined(__aarch64__)
#define UNWINDLESS true
__asm__(".text\n"
        "foreign_call_unwindless:\n"
        "    stp x29, x30, [sp, #-16]!\n"
        "    mov x2, x0\n"
        "    mov x0, x1\n"
        "    blr x2\n"
        "    ldp x29, x30, [sp], #16\n"
        "    ret\n");
#else
#define UNWINDLESS false
void foreign_call_unwindless(void (*function)(void *), void *argument)
{
    function(argument);
}
#endif

TAP_TEST(foreign__library_may_be_beyond_a_frame_that_cannot_be_unwound)
{
    struct stack_look look = {.found = false};
    if (plugin_path == NULL || !UNWINDLESS)
        tap_skip("no plugin named on the command line, or no such frame on this processor");
    look.handle = dlopen(plugin_path, RTLD_NOW);
    require(look.handle != NULL);
    foreign_call_unwindless(look_for_library, &look);
    check(look.found);
    check_eq(dlclose(look.handle), 0);
}

static void *first_random(void *memory)
{
    *(uint32_t *)memory = tpp_random();
    return NULL;
}

TAP_TEST(random__bits_are_balanced_and_threads_differ)
{
    enum { DRAWS = 10000 };
    pthread_t thread;
    uint32_t mine, theirs = 0;
    int ones[32] = {0};
    int draw, bit;
    for (draw = 0; draw < DRAWS; draw++) {
        uint32_t value = tpp_random();
        for (bit = 0; bit < 32; bit++)
            ones[bit] += (int)(value >> bit & 1);
    }
    /* Five hundred from the mean is ten standard deviations. */
    for (bit = 0; bit < 32; bit++)
        check(ones[bit] > DRAWS / 2 - 500 && ones[bit] < DRAWS / 2 + 500);
    mine = tpp_random();
    check_eq(pthread_create(&thread, NULL, first_random, &theirs), 0);
    check_eq(pthread_join(thread, NULL), 0);
    check(mine != theirs);
}

TAP_TEST(abort__says_why_and_ends_the_process)
{
    char text[128];
    size_t length = 0;
    ssize_t got;
    int pipes[2], status;
    pid_t child;
    require(pipe(pipes) == 0);
    child = fork();
    require(child >= 0);
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        dup2(pipes[1], STDERR_FILENO);
        close(pipes[0]);
        close(pipes[1]);
        tpp_abort("BUG IN CLIENT OF TP: as an example");
    }
    close(pipes[1]);
    while ((got = read(pipes[0], text + length, sizeof text - 1 - length)) > 0)
        length += (size_t)got;
    close(pipes[0]);
    text[length] = '\0';
    require(waitpid(child, &status, 0) == child);
    check(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    check(strncmp(text, "BUG IN CLIENT OF TP: as an example\n", 35) == 0);
}

int main(int count, char **arguments)
{
    plugin_path = count > 1 ? arguments[1] : NULL;
    tap_run(foreign__mutex_is_unlocked);
    tap_run(foreign__mutex_of_another_is_refused);
    tap_run(foreign__pinned_library_outlives_its_handle);
    tap_run(foreign__library_is_pinned_though_its_file_is_gone);
    tap_run(foreign__the_program_itself_can_be_pinned);
    tap_run(foreign__what_is_no_library_is_not_pinned);
    tap_run(foreign__library_that_was_closed_is_not_pinned);
    tap_run(foreign__library_of_another_namespace_is_pinned);
    tap_run(foreign__library_is_found_while_another_is_loaded_and_closed);
    tap_run(foreign__library_that_is_not_on_the_stack_is_not_found_there);
    tap_run(foreign__library_on_the_stack_is_found);
    tap_run(foreign__library_interrupted_by_a_signal_is_found);
    tap_run(foreign__library_may_be_beyond_a_frame_that_cannot_be_unwound);
    tap_run(foreign__program_itself_is_always_on_the_stack);
    tap_run(random__bits_are_balanced_and_threads_differ);
    tap_run(abort__says_why_and_ends_the_process);
    return tap_done();
}
