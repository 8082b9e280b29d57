/* switch_x86_64.c - stops one fiber and goes on with another: six registers and a stack pointer. */
#include "core/os/sim/internal.h"

struct tpps_context {
    void **sp; /* points at the saved registers: r15 r14 r13 r12 rbx rbp, then the return address */
};

enum { SAVED_RBP = 5, SAVED_PC = 6 };

void tpps_swap_(void ***save, void **to);

__asm__(".text\n"
        ".p2align 4\n"
        ".globl tpps_swap_\n"
        ".type tpps_swap_, @function\n"
        "tpps_swap_:\n"
        "    push %rbp\n"
        "    push %rbx\n"
        "    push %r12\n"
        "    push %r13\n"
        "    push %r14\n"
        "    push %r15\n"
        "    mov %rsp, (%rdi)\n"
        "    mov %rsi, %rsp\n"
        "    pop %r15\n"
        "    pop %r14\n"
        "    pop %r13\n"
        "    pop %r12\n"
        "    pop %rbx\n"
        "    pop %rbp\n"
        "    ret\n"
        ".size tpps_swap_, . - tpps_swap_\n");

struct tpps_context *tpps_context_new_(void)
{
    static struct tpps_context contexts[TPPS_FIBERS + 1];
    static uint32_t used;
    return &contexts[used++];
}

/* A zero frame pointer and a zero return address end every backtrace at the root. */
void tpps_context_prepare_(struct tpps_context *context, char *stack, size_t size,
                           void (*run)(void))
{
    void **sp = (void **)(void *)(stack + size);
    *--sp = NULL;
    *--sp = (void *)run;
    for (uint32_t i = 0; i < 6; i++)
        *--sp = NULL;
    context->sp = sp;
}

void tpps_context_switch_(struct tpps_context *from, struct tpps_context *to)
{
    tpps_swap_(&from->sp, to->sp);
}

char *tpps_context_top_(const struct tpps_context *context)
{
    return (char *)context->sp;
}

bool tpps_context_frame_(const struct tpps_context *context, void **pc, void **frame)
{
    *pc = context->sp[SAVED_PC];
    *frame = context->sp[SAVED_RBP];
    return true;
}
