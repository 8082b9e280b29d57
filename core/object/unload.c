/* unload.c - closes a library where no code of it can be returned to. */
#include "core/object/unload.h"

#include "core/object/misuse.h"
#include "core/os/os.h"

static void unload_main(void *library)
{
    (void)tpp_library_close(library);
}

void tpi_unload(void *library, const char *function)
{
    static const struct tpp_thread_options options = {.stack_size = 0, .name = "tp-unload"};
    if (tpp_library_on_stack(library)) {
        if (tpp_thread_start(unload_main, library, &options) != 0)
            tpi_misuse(function, TP_ERR_NO_THREAD,
                       "the library stays loaded: its code is on the stack, and there is no thread "
                       "to close it on");
    } else if (tpp_library_close(library) != 0) {
        tpi_misuse(function, TP_ERR_ARGUMENT, "the library could not be closed");
    }
}
