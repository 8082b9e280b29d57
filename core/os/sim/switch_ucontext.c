/* switch_ucontext.c - stops one fiber and goes on with another on any processor, only slower. */
#include <ucontext.h>

#include "core/os/sim/internal.h"

struct tpps_context {
    ucontext_t machine;
    void *frame, *pc; /* of the switch that left this fiber; NULL before it has run */
};

struct tpps_context *tpps_context_new_(void)
{
    static struct tpps_context contexts[TPPS_FIBERS + 1];
    static uint32_t used;
    return &contexts[used++];
}

void tpps_context_prepare_(struct tpps_context *context, char *stack, size_t size,
                           void (*run)(void))
{
    getcontext(&context->machine);
    context->machine.uc_stack.ss_sp = stack;
    context->machine.uc_stack.ss_size = size;
    context->machine.uc_link = NULL;
    context->frame = context->pc = NULL;
    makecontext(&context->machine, run, 0);
}

void tpps_context_switch_(struct tpps_context *from, struct tpps_context *to)
{
    from->frame = __builtin_frame_address(0);
    from->pc = __builtin_return_address(0);
    swapcontext(&from->machine, &to->machine);
}

/* Nothing of interest lives below the frame of the switch. */
char *tpps_context_top_(const struct tpps_context *context)
{
    return context->frame;
}

bool tpps_context_frame_(const struct tpps_context *context, void **pc, void **frame)
{
    void **words = context->frame;
    if (words == NULL)
        return false;
    *pc = context->pc;
    *frame = words[0];
    return true;
}
