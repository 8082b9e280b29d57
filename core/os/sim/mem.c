/* mem.c - memory whose every block is known: what it holds when freed, and who forgot it. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "core/os/sim/internal.h"

#define BLOCKS 65536u
#define TABLE (2 * BLOCKS)
#define FRAMES 6
#define FRESH 0xA5
#define FREED 0xDD
#define FREED_CHECKED ((size_t)4096) /* of a freed block at most so much is looked at again */
#define ARENA ((size_t)64 << 20)
#define GRAIN 16

/* In plain builds blocks come one after the other from an arena and an address is used only once in
 * a run, so an access through a stale pointer always meets the freed block. */
uintptr_t tpps_arena_, tpps_arena_size_;

enum block_state { BLOCK_ALIVE, BLOCK_FREED, BLOCK_HOOKED };

struct block {
    char *memory;
    size_t size;
    enum block_state state;
    uint32_t fiber, step;
    const char *site, *freed_site;
    void *frames[FRAMES];
};

static struct block blocks[BLOCKS];
static uint32_t block_count, alive_count;
static uint32_t table[TABLE]; /* index + 1 of a block, by address; entries of this run only */
static uint32_t table_run[TABLE], run_number;
static size_t arena_used;
static uint8_t gone[ARENA / GRAIN / 8]; /* a bit for each grain: its block was freed */
static struct tpp_memory_hooks hooks;

/* ---- the table of blocks --------------------------------------------------------------------- */

static uint32_t hash(const void *memory)
{
    return (uint32_t)(((uintptr_t)memory >> 4) * 0x9E3779B97F4A7C15u >> 40) % TABLE;
}

/* The newest block that began at this address. */
static struct block *find(const void *memory)
{
    struct block *found = NULL;
    for (uint32_t i = hash(memory); table_run[i] == run_number; i = (i + 1) % TABLE)
        if (blocks[table[i]].memory == memory)
            found = &blocks[table[i]];
    return found;
}

static struct block *add(char *memory, size_t size)
{
    struct tpps_fiber *self = tpps_sim_.current;
    struct block *block;
    uint32_t i = hash(memory);
    if (block_count == BLOCKS)
        tpps_fail("more than %u allocations in one run", BLOCKS);
    while (table_run[i] == run_number)
        i = (i + 1) % TABLE;
    table_run[i] = run_number;
    table[i] = block_count;
    block = &blocks[block_count++];
    block->memory = memory;
    block->size = size;
    block->state = hooks.alloc != NULL ? BLOCK_HOOKED : BLOCK_ALIVE;
    block->fiber = tpps_slot_(self);
    block->step = tpps_sim_.steps;
    block->site = self->site;
    block->freed_site = NULL;
    for (uint32_t k = tpps_backtrace_(self, block->frames, FRAMES); k < FRAMES; k++)
        block->frames[k] = NULL;
    alive_count++;
    return block;
}

/* ---- where the bytes come from --------------------------------------------------------------- */

static void map_arena(void)
{
    void *memory = mmap(NULL, ARENA, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        tpp_abort("the simulator cannot map its arena");
    tpps_arena_ = (uintptr_t)memory;
    tpps_arena_size_ = ARENA;
}

static char *raw_alloc(size_t size, size_t alignment)
{
    uintptr_t at;
    void *memory = NULL;
    if (hooks.alloc != NULL)
        return hooks.alloc(hooks.context, size, alignment);
    if (TPPS_REAL_MALLOC)
        return posix_memalign(&memory, alignment < GRAIN ? GRAIN : alignment, size) == 0 ? memory
                                                                                         : NULL;
    if (tpps_arena_ == 0)
        map_arena();
    alignment = alignment < GRAIN ? GRAIN : alignment;
    at = (tpps_arena_ + arena_used + alignment - 1) & ~(uintptr_t)(alignment - 1);
    if (at + size > tpps_arena_ + ARENA)
        tpps_fail("more than %zu bytes allocated in one run", ARENA);
    arena_used = at + size + GRAIN - tpps_arena_; /* a gap: neighbours never share a grain */
    return (char *)at;
}

/* ---- what the core calls --------------------------------------------------------------------- */

void tpp_memory_hooks(const struct tpp_memory_hooks *given)
{
    hooks = *given;
}

void *(tpp_alloc)(size_t size, size_t alignment)
{
    char *memory;
    if (tpps_sim_.current == NULL)
        return posix_memalign((void **)&memory, alignment < GRAIN ? GRAIN : alignment, size) == 0
                   ? memory
                   : NULL;
    tpps_point_(TPPS_OP_ALLOC, NULL, NULL);
    if (tpps_sim_.current->forbid != 0)
        tpps_fail("allocation of %zu bytes where none is allowed", size);
    if (tpps_fault_())
        return NULL;
    memory = raw_alloc(size != 0 ? size : 1, alignment);
    if (memory == NULL)
        return NULL;
    add(memory, size);
    memset(memory, FRESH, size);
    return memory;
}

void *(tpp_alloc_large)(size_t size, size_t alignment)
{
    return (tpp_alloc)(size, alignment);
}

/* Its last grain may be shared with nothing: raw_alloc leaves a gap. */
static void mark_gone(const struct block *block)
{
    size_t first = ((uintptr_t)block->memory - tpps_arena_) / GRAIN;
    size_t end = first + (block->size + GRAIN - 1) / GRAIN;
    for (; first < end && first % 8 != 0; first++)
        gone[first / 8] |= (uint8_t)(1u << first % 8);
    if (first < end)
        memset(&gone[first / 8], 0xff, (end - first) / 8);
    for (first += (end - first) / 8 * 8; first < end; first++)
        gone[first / 8] |= (uint8_t)(1u << first % 8);
}

static void check_free(const struct block *block, const void *memory, size_t size)
{
    if (block == NULL)
        tpps_fail("free of %p, which no tpp_alloc has returned", memory);
    if (block->state == BLOCK_FREED)
        tpps_fail("block freed twice, first at %s", tpps_site_name(block->freed_site));
    if (block->size != size)
        tpps_fail("block of %zu bytes freed as one of %zu", block->size, size);
}

void(tpp_free)(void *memory, size_t size)
{
    struct block *block;
    bool hooked;
    if (memory == NULL)
        return;
    tpps_point_(TPPS_OP_FREE, NULL, NULL);
    block = find(memory);
    if (tpps_sim_.current == NULL && block == NULL) {
        if ((uintptr_t)memory - tpps_arena_ >= tpps_arena_size_)
            free(memory); /* made outside a run, too; what a run left went with that run */
        return;
    }
    check_free(block, memory, size);
    hooked = block->state == BLOCK_HOOKED;
    block->state = BLOCK_FREED;
    block->freed_site = tpps_sim_.current != NULL ? tpps_sim_.current->site : NULL;
    alive_count--;
    if (hooked)
        hooks.free(hooks.context, memory, size);
    else if (TPPS_REAL_MALLOC)
        free(memory);
    else {
        memset(memory, FREED, size);
        mark_gone(block);
    }
}

void tpps_forbid_alloc(bool forbidden)
{
    struct tpps_fiber *self = tpps_sim_.current;
    if (self == NULL)
        return;
    if (forbidden)
        self->forbid++;
    else if (self->forbid-- == 0)
        tpps_fail("tpps_forbid_alloc(false) without a true before");
}

size_t tpps_alloc_count(void)
{
    return alive_count;
}

/* ---- looking after --------------------------------------------------------------------------- */

/* The word lies in the arena. This is on the path of every atomic operation, the loop is not. */
void tpps_mem_check_(const volatile void *word)
{
    size_t grain = ((uintptr_t)word - tpps_arena_) / GRAIN;
    if (!(gone[grain / 8] >> grain % 8 & 1))
        return;
    for (uint32_t i = 0; i < block_count; i++)
        if ((uintptr_t)word - (uintptr_t)blocks[i].memory < blocks[i].size)
            tpps_fail("access to a block of %zu bytes after it was freed at %s", blocks[i].size,
                      tpps_site_name(blocks[i].freed_site));
}

/* Every byte is read, for the sanitizer's eyes. */
void tpps_touch_(const void *memory, size_t size)
{
    const volatile char *bytes = memory;
    if (size == 0)
        return;
    tpps_check_word_(bytes);
    tpps_check_word_(bytes + size - 1);
    for (size_t i = 0; i < size; i++)
        (void)bytes[i];
}

static void check_untouched(const struct block *block)
{
    size_t size = block->size < FREED_CHECKED ? block->size : FREED_CHECKED;
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)block->memory[i] != FREED) {
            tpps_note_failure_("byte %zu of a block of %zu was written after it was freed at %s", i,
                               block->size, tpps_site_name(block->freed_site));
            return;
        }
}

bool tpps_mem_report_(void)
{
    for (uint32_t i = 0; i < block_count; i++) {
        const struct block *block = &blocks[i];
        if (block->state == BLOCK_FREED)
            continue;
        tpps_report_add_("  alive: %zu bytes at %p, made at %s by fiber %u in step %u\n",
                         block->size, (void *)block->memory, tpps_site_name(block->site),
                         block->fiber, block->step);
        for (uint32_t k = 0; k < FRAMES && block->frames[k] != NULL; k++)
            tpps_report_pc_("      ", block->frames[k]);
    }
    return alive_count != 0;
}

void tpps_mem_begin_(void)
{
    run_number++;
    block_count = alive_count = 0;
    memset(gone, 0, (arena_used + GRAIN * 8 - 1) / (GRAIN * 8));
    arena_used = 0;
}

void tpps_mem_end_(void)
{
    for (uint32_t i = 0; i < block_count; i++) {
        struct block *block = &blocks[i];
        if (block->state == BLOCK_ALIVE && TPPS_REAL_MALLOC)
            free(block->memory);
        else if (block->state == BLOCK_HOOKED && hooks.free != NULL)
            hooks.free(hooks.context, block->memory, block->size);
        else if (block->state == BLOCK_FREED && !TPPS_REAL_MALLOC && !tpps_sim_.result.failed &&
                 (uintptr_t)block->memory - tpps_arena_ < tpps_arena_size_)
            check_untouched(block);
    }
    block_count = alive_count = 0;
    run_number++;
    hooks = (struct tpp_memory_hooks){0};
}
