/* user_real.c - finds the functions of the C library that those of the simulator hide. */
#define _GNU_SOURCE 1 /* RTLD_NEXT */
#include <dlfcn.h>
#include <stdio.h>
#include <unistd.h>

#include "capi/sim/user.h"

void __sanitizer_print_stack_trace(void) __attribute__((weak));

/* A sanitizer that is linked into the program has its own, under another name, and comes before the
 * C library's; one that is a library of its own comes next by itself. */
static void *of_sanitizer(const char *name)
{
    char full[64];
    Dl_info other, own;
    if (__sanitizer_print_stack_trace == NULL ||
        dladdr((void *)(uintptr_t)__sanitizer_print_stack_trace, &other) == 0 ||
        dladdr((void *)(uintptr_t)tpi_user_real, &own) == 0 || other.dli_fbase != own.dli_fbase)
        return NULL; /* looking in vain takes memory, which a sanitizer may have locked */
    snprintf(full, sizeof full, "__interceptor_%s", name);
    return dlsym(RTLD_DEFAULT, full);
}

tpi_user_function tpi_user_real(const char *name, const char *version)
{
    void *function = of_sanitizer(name);
    if (function == NULL && version != NULL)
        function = dlvsym(RTLD_NEXT, name, version);
    if (function == NULL)
        function = dlsym(RTLD_NEXT, name);
    if (function == NULL) {
        dprintf(2, "simulator: the C library has no %s\n", name);
        _exit(127);
    }
    return (tpi_user_function)(uintptr_t)function;
}
