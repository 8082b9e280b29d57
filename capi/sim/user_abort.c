/* user_abort.c - the program gives up: in a run that is how the run ends. */
#define _GNU_SOURCE 1 /* dladdr */
#include <assert.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "capi/sim/user.h"

/* A sanitizer that has found something ends the process. */
static bool is_sanitizer(const void *pc)
{
    const char *name = tpps_symbol(pc);
    Dl_info info;
    if (name != NULL)
        return strstr(name, "sanitizer") != NULL;
    return dladdr(pc, &info) != 0 && info.dli_fname != NULL &&
           strstr(info.dli_fname, "san.so") != NULL;
}

TPI_STANDS_IN _Noreturn void abort(void)
{
    if (tpi_user_here() != NULL && !is_sanitizer(__builtin_return_address(0)))
        tpps_fail("abort() was called");
    TPI_REAL(abort)();
    __builtin_unreachable();
}

TPI_STANDS_IN _Noreturn void __assert_fail(const char *expression, const char *file, unsigned line,
                                           const char *function)
{
    if (tpi_user_here() != NULL)
        tpps_fail("assertion failed: %s, %s:%u", expression, tpps_site_name(file), line);
    TPI_REAL(__assert_fail)(expression, file, line, function);
    __builtin_unreachable();
}
