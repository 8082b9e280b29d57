/* guard_x86_64.S - tpp_guarded: a call whose frame sees threads end and exceptions pass.
 *
 * The frame keeps the guard in rbx and the argument in r12, where the personality routine
 * (guard.c) finds them again. Nothing else is done: what it costs is a second call. */
#if defined(__CET__)
#include <cet.h>
#else
#define _CET_ENDBR
#endif

        .text
        .p2align 4
        .globl  tpp_guarded
        .hidden tpp_guarded
        .hidden tpp_guard_personality
        .type   tpp_guarded, @function
tpp_guarded:
        .cfi_startproc
        .cfi_personality 0x1b, tpp_guard_personality /* 0x1b: relative to its place, 4 bytes */
        _CET_ENDBR
        pushq   %rbp
        .cfi_def_cfa_offset 16
        .cfi_offset %rbp, -16
        movq    %rsp, %rbp
        .cfi_def_cfa_register %rbp
        pushq   %rbx
        .cfi_offset %rbx, -24
        pushq   %r12 /* with the return address four words: the stack is aligned to 16 */
        .cfi_offset %r12, -32
        movq    %rdi, %rbx
        movq    %rsi, %r12
        movq    %rsi, %rdi
        call    *(%rbx)
        popq    %r12
        .cfi_restore %r12
        popq    %rbx
        .cfi_restore %rbx
        popq    %rbp
        .cfi_restore %rbp
        .cfi_def_cfa %rsp, 8
        ret
        .cfi_endproc
        .size   tpp_guarded, .-tpp_guarded

        .section .note.GNU-stack, "", @progbits
