/* guard.c - what the frame of tpp_guarded does when a thread ends in it or an exception comes by.
 *
 * Every unwinder walks up the stack and asks each frame's personality routine what it wants; this
 * is that of tpp_guarded, which stands in guard_x86_64.S and guard_aarch64.S and costs nothing
 * until then. An exception, of whatever language, is first looked up in a phase that leaves no
 * frame: there the process ends, before a handler further out or std::terminate could hear of it.
 * The end of a thread (pthread_exit, cancellation) is a forced unwind, which has only the second
 * phase; the C library then goes through the frames from the innermost to the start of the
 * thread. */
#include "core/os/os.h"

#include <stdio.h>
#include <unwind.h>

/* DWARF's numbers of the registers in which the frame keeps what it was given. */
#if defined(__x86_64__)
enum { GUARD_REGISTER = 3, ARGUMENT_REGISTER = 12 }; /* rbx, r12 */
#elif defined(__aarch64__)
enum { GUARD_REGISTER = 19, ARGUMENT_REGISTER = 20 }; /* x19, x20 */
#else
#error "this processor wants guard_generic.c"
#endif

_Static_assert(offsetof(struct tpp_guard, body) == 0, "the assembly calls the first pointer");
_Static_assert(sizeof(void *) == 8, "the assembly loads 64 bits");

/* Only the assembly names it. */
_Unwind_Reason_Code tpp_guard_personality(int version, _Unwind_Action actions,
                                          _Unwind_Exception_Class exception_class,
                                          struct _Unwind_Exception *exception,
                                          struct _Unwind_Context *context)
    __attribute__((used, visibility("hidden")));

static _Noreturn void end_process(const struct tpp_guard *guard, void *argument)
{
    char what[256] = "";
    char message[sizeof what + 64];

    guard->describe(argument, what, sizeof what);
    (void)snprintf(message, sizeof message, "tp: an exception left the callback of %s", what);
    tpp_abort(message);
}

/* In a forced unwind each frame is asked once: the frames further in are gone for good by then, and
 * this one, which has no more to do, is left right after. */
_Unwind_Reason_Code tpp_guard_personality(int version, _Unwind_Action actions,
                                          _Unwind_Exception_Class exception_class,
                                          struct _Unwind_Exception *exception,
                                          struct _Unwind_Context *context)
{
    const struct tpp_guard *guard;
    void *argument;

    (void)exception_class;
    (void)exception;
    if (version != 1)
        tpp_abort("tp: the unwinder of this process is one that tp does not know");
    guard = (const struct tpp_guard *)(uintptr_t)_Unwind_GetGR(context, GUARD_REGISTER);
    argument = (void *)(uintptr_t)_Unwind_GetGR(context, ARGUMENT_REGISTER);
    if ((actions & _UA_FORCE_UNWIND) == 0)
        end_process(guard, argument);
    guard->ended(argument);
    return _URC_CONTINUE_UNWIND;
}
