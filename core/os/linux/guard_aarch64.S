/* guard_aarch64.S - tpp_guarded: a call whose frame sees threads end and exceptions pass.
 *
 * The frame keeps the guard in x19 and the argument in x20, where the personality routine
 * (guard.c) finds them again. Nothing else is done: what it costs is a second call. */
        .text
        .p2align 4
        .globl  tpp_guarded
        .hidden tpp_guarded
        .hidden tpp_guard_personality
        .type   tpp_guarded, %function
tpp_guarded:
        .cfi_startproc
        .cfi_personality 0x1b, tpp_guard_personality /* 0x1b: relative to its place, 4 bytes */
        hint    #34 /* bti c, where the processor knows it */
        stp     x29, x30, [sp, #-32]!
        .cfi_def_cfa_offset 32
        .cfi_offset x29, -32
        .cfi_offset x30, -24
        stp     x19, x20, [sp, #16]
        .cfi_offset x19, -16
        .cfi_offset x20, -8
        mov     x29, sp
        mov     x19, x0
        mov     x20, x1
        ldr     x2, [x0]
        mov     x0, x1
        blr     x2
        ldp     x19, x20, [sp, #16]
        .cfi_restore x19
        .cfi_restore x20
        ldp     x29, x30, [sp], #32
        .cfi_restore x29
        .cfi_restore x30
        .cfi_def_cfa_offset 0
        ret
        .cfi_endproc
        .size   tpp_guarded, .-tpp_guarded

#if defined(__ARM_FEATURE_BTI_DEFAULT)
        /* Says that every target of an indirect branch in here is marked. */
        .section .note.gnu.property, "a", %note
        .p2align 3
        .long   4, 16, 5 /* sizes of name and contents, NT_GNU_PROPERTY_TYPE_0 */
        .asciz  "GNU"
        .long   0xc0000000, 4, 1, 0 /* GNU_PROPERTY_AARCH64_FEATURE_1_AND: 4 bytes, BTI, padding */
#endif
        .section .note.GNU-stack, "", %progbits
