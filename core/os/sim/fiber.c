/* fiber.c - the stacks of the fibers and the way from one to another, told to the sanitizers. */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/os/sim/user.h"

#define STACK_SIZE ((size_t)128 << 10)
#define GUARD_SIZE ((size_t)16 << 10)
#define STRIDE (STACK_SIZE + GUARD_SIZE)

char *tpps_stacks_;
size_t tpps_stacks_size_;

/* The caller of tpps_run: no fiber, but a place to switch back to. */
static struct {
    struct tpps_context *context;
    void *fake_stack, *tsan;
    const void *stack;
    size_t size;
} harness;

/* ---- what each sanitizer wants to know ------------------------------------------------------- */

#ifdef TPPS_ASAN
void __sanitizer_start_switch_fiber(void **save, const void *bottom, size_t size);
void __sanitizer_finish_switch_fiber(void *save, const void **bottom_old, size_t *size_old);
void __asan_unpoison_memory_region(void const volatile *address, size_t size);

static void asan_leave(void **save, const void *bottom, size_t size)
{
    __sanitizer_start_switch_fiber(save, bottom, size);
}
static void asan_arrive(void *save, const void **bottom_old, size_t *size_old)
{
    __sanitizer_finish_switch_fiber(save, bottom_old, size_old);
}
static void asan_clean(char *stack, size_t size)
{
    __asan_unpoison_memory_region(stack, size);
}
#else
static void asan_leave(void **save, const void *bottom, size_t size)
{
    (void)save;
    (void)bottom;
    (void)size;
}
static void asan_arrive(void *save, const void **bottom_old, size_t *size_old)
{
    (void)save;
    (void)bottom_old;
    (void)size_old;
}
static void asan_clean(char *stack, size_t size)
{
    (void)stack;
    (void)size;
}
#endif

#ifdef TPPS_TSAN_BUILD
void *__tsan_get_current_fiber(void);
void *__tsan_create_fiber(unsigned flags);
void __tsan_destroy_fiber(void *fiber);
void __tsan_switch_to_fiber(void *fiber, unsigned flags);
void __tsan_acquire(void *address);
void __tsan_release(void *address);
void __tsan_read_range(void *address, unsigned long size);
void __tsan_write_range(void *address, unsigned long size);
void AnnotateIgnoreReadsBegin(const char *file, int line);
void AnnotateIgnoreReadsEnd(const char *file, int line);
void AnnotateIgnoreWritesBegin(const char *file, int line);
void AnnotateIgnoreWritesEnd(const char *file, int line);
void AnnotateIgnoreSyncBegin(const char *file, int line);
void AnnotateIgnoreSyncEnd(const char *file, int line);

static void *tsan_here(void)
{
    return __tsan_get_current_fiber();
}
static void *tsan_new(void)
{
    return __tsan_create_fiber(0);
}
static void tsan_drop(void *fiber)
{
    __tsan_destroy_fiber(fiber);
}
/* Flag 1: the switch itself orders nothing. */
static void tsan_go(void *fiber)
{
    __tsan_switch_to_fiber(fiber, 1);
}
void tpps_tsan_acquire_(void *token)
{
    __tsan_acquire(token);
}
void tpps_tsan_release_(void *token)
{
    __tsan_release(token);
}
void tpps_tsan_access_(void *memory, size_t size, bool write)
{
    if (write)
        __tsan_write_range(memory, size);
    else
        __tsan_read_range(memory, size);
}
void tpps_tsan_ignore_(bool ignore)
{
    if (ignore) {
        AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
        AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
        AnnotateIgnoreSyncBegin(__FILE__, __LINE__);
    } else {
        AnnotateIgnoreSyncEnd(__FILE__, __LINE__);
        AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
        AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
    }
}
#else
static void *tsan_here(void)
{
    return NULL;
}
static void *tsan_new(void)
{
    return NULL;
}
static void tsan_drop(void *fiber)
{
    (void)fiber;
}
static void tsan_go(void *fiber)
{
    (void)fiber;
}
void tpps_tsan_acquire_(void *token)
{
    tpps_order_acquire_(token);
}
void tpps_tsan_release_(void *token)
{
    tpps_order_release_(token);
}
void tpps_tsan_access_(void *memory, size_t size, bool write)
{
    if (tpps_user_ != NULL)
        tpps_user_->access(memory, size, write);
}
void tpps_tsan_ignore_(bool ignore)
{
    (void)ignore;
}
#endif

/* ---- stacks ---------------------------------------------------------------------------------- */

static void map_stacks(void)
{
    void *memory;
    tpps_stacks_size_ = STRIDE * TPPS_FIBERS;
    memory = mmap(NULL, tpps_stacks_size_, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        tpp_abort("the simulator cannot map its stacks");
    tpps_stacks_ = memory;
    for (size_t i = 0; i < TPPS_FIBERS; i++) {
        tpps_fibers_[i].stack = tpps_stacks_ + i * STRIDE + GUARD_SIZE;
        tpps_fibers_[i].context = tpps_context_new_();
        if (mprotect(tpps_stacks_ + i * STRIDE, GUARD_SIZE, PROT_NONE) != 0)
            tpp_abort("the simulator cannot guard its stacks");
    }
    harness.context = tpps_context_new_();
}

/* First words of every fiber. Where the previous one stood is learned here for the way back. */
static void root(void)
{
    struct tpps_fiber *self = tpps_sim_.current;
    const void *bottom = NULL;
    size_t size = 0;
    asan_arrive(NULL, &bottom, &size);
    if (harness.stack == NULL) {
        harness.stack = bottom; /* the first fiber of all is entered from the harness */
        harness.size = size;
    }
    tpps_tsan_acquire_(&self->token);
    self->body(self->argument);
    tpps_fiber_end_();
}

void tpps_fiber_make_(struct tpps_fiber *fiber)
{
    if (tpps_stacks_ == NULL)
        map_stacks();
    asan_clean(fiber->stack, STACK_SIZE);
    if (fiber->abandoned && fiber->tsan != NULL) {
        tsan_drop(fiber->tsan);
        fiber->tsan = NULL;
    }
    fiber->abandoned = false;
    if (fiber->tsan == NULL)
        fiber->tsan = tsan_new();
    tpps_context_prepare_(fiber->context, fiber->stack, STACK_SIZE, root);
    tpps_tsan_release_(&fiber->token);
}

void tpps_fiber_go_(struct tpps_fiber *to)
{
    struct tpps_fiber *from = tpps_sim_.current;
    struct tpps_context *here = from != NULL ? from->context : harness.context;
    struct tpps_context *there = to != NULL ? to->context : harness.context;
    void **save = from != NULL ? &from->fake_stack : &harness.fake_stack;
    bool last = from != NULL && from->state == TPPS_DONE;
    int error = errno; /* of this thread, though all have one word for it */
    if (from == NULL)
        harness.tsan = tsan_here();
    tpps_sim_.current = to;
    tpps_sim_.result.switches++;
    asan_leave(last ? NULL : save, to != NULL ? to->stack : harness.stack,
               to != NULL ? STACK_SIZE : harness.size);
    tsan_go(to != NULL ? to->tsan : harness.tsan);
    tpps_context_switch_(here, there);
    asan_arrive(*save, NULL, NULL);
    errno = error;
}

/* All that the fiber did comes before what the caller does next. */
void tpps_fiber_join_(struct tpps_fiber *fiber)
{
    void *here = tsan_here();
    tsan_go(fiber->tsan);
    tpps_tsan_release_(&fiber->token);
    tsan_go(here);
    tpps_tsan_acquire_(&fiber->token);
}

void tpps_fiber_join_all_(void)
{
    for (uint32_t i = 0; i < tpps_sim_.high; i++)
        tpps_fiber_join_(&tpps_fibers_[i]);
}

/* A fiber that was left in the middle never returns from its functions, so its sanitizer state
 * cannot be used again. */
void tpps_fiber_drop_all_(void)
{
    for (uint32_t i = 0; i < tpps_sim_.high; i++) {
        struct tpps_fiber *fiber = &tpps_fibers_[i];
        if ((fiber->state != TPPS_DONE || fiber->abandoned) && fiber->tsan != NULL) {
            tsan_drop(fiber->tsan);
            fiber->tsan = NULL;
        }
        fiber->abandoned = false;
        fiber->fake_stack = NULL;
        fiber->state = TPPS_FREE;
    }
}

bool tpps_on_stack_(const struct tpps_fiber *fiber, const void *address)
{
    return (uintptr_t)address - (uintptr_t)fiber->stack < STACK_SIZE;
}

/* A word on a stack is gone with its frame: below where its fiber stopped nothing is alive. */
void tpps_stack_check_(const volatile void *word)
{
    size_t offset = (uintptr_t)word - (uintptr_t)tpps_stacks_;
    struct tpps_fiber *fiber = &tpps_fibers_[offset / STRIDE];
    const char *top;
    if (fiber->state == TPPS_DONE && fiber->vanished)
        tpps_fail("access to the stack of a thread that did not survive the fork");
    if (fiber->state == TPPS_FREE || fiber->state == TPPS_DONE)
        tpps_fail("access to the stack of a thread that has ended");
    if (fiber == tpps_sim_.current)
        return;
    top = tpps_context_top_(fiber->context);
    if (top != NULL && (const volatile char *)word < top)
        tpps_fail("access to a stack frame of fiber %u that has returned", tpps_slot_(fiber));
}

/* ---- backtraces ------------------------------------------------------------------------------ */

__attribute__((no_sanitize("address"))) uint32_t tpps_backtrace_(const struct tpps_fiber *fiber,
                                                                 void **pcs, uint32_t capacity)
{
    void *pc, *frame;
    uint32_t count = 0;
    if (fiber == tpps_sim_.current)
        frame = __builtin_frame_address(0);
    else if (tpps_context_frame_(fiber->context, &pc, &frame) && capacity > 0)
        pcs[count++] = pc;
    else
        return 0;
    while (count < capacity && tpps_on_stack_(fiber, frame) && (uintptr_t)frame % 8 == 0 &&
           tpps_on_stack_(fiber, (char *)frame + 15)) {
        void **words = frame;
        if (words[1] == NULL)
            break;
        pcs[count++] = words[1];
        if ((uintptr_t)words[0] <= (uintptr_t)frame)
            break;
        frame = words[0];
    }
    return count;
}
