/* refuse_test.c - a library that cannot be closed stays loaded, and the misuse hook hears of it. */
#define _GNU_SOURCE
#include <dlfcn.h>

#include "core/object/unload.h"
#include "tests/core/os/refuse.h"
#include "tp/library.h"

static tp_status_t heard;

static void hear(void *context, const char *function, tp_status_t status, const char *message)
{
    (void)context;
    check(strcmp(function, "tp_test") == 0 && *message != '\0');
    heard = status;
}

/* This program's own code is on the stack. */
TAP_TEST(unload__without_a_thread_is_told)
{
    void *program = dlopen(NULL, RTLD_NOW);
    require(program != NULL);
    heard = TP_OK;
    refuse("pthread_create", ALWAYS, EAGAIN);
    tpi_unload(program, "tp_test");
    refuse("", 0, 0);
    check_eq(heard, TP_ERR_NO_THREAD);
    heard = TP_OK;
    tpi_unload(program, "tp_test"); /* now there is one */
    check_eq(heard, TP_OK);
}

TAP_TEST(unload__that_the_loader_refuses_is_told)
{
    void *library = dlopen("libm.so.6", RTLD_NOW);
    require(library != NULL);
    heard = TP_OK;
    refuse("dlclose", 1, EINVAL);
    tpi_unload(library, "tp_test");
    check(all_refused());
    check_eq(heard, TP_ERR_ARGUMENT);
    heard = TP_OK;
    tpi_unload(library, "tp_test");
    check_eq(heard, TP_OK);
}

int main(void)
{
    if (tp_set_misuse_hook(hear, NULL) != TP_OK)
        return 1;
    tap_run(unload__without_a_thread_is_told);
    tap_run(unload__that_the_loader_refuses_is_told);
    return tap_done();
}
