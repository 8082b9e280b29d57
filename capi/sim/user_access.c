/* user_access.c - which accesses to memory others can see: there another thread may come in. */
#define _GNU_SOURCE 1 /* dl_iterate_phdr */
#include "capi/sim/user_access.h"

#include <link.h>
#include <string.h>
#include <sys/mman.h>

bool tpi_user_instrumented;
struct tpi_user_calls tpi_user_calls[TPPS_FIBERS];

/* ---- memory that nobody else can see --------------------------------------------------------- */

/* Thread-local variables are those of the one thread that plays all. */
static uintptr_t local_from, local_to;

/* Grains of the fibers' stacks that another fiber has touched in this run. */
#define GRAIN 8u
static uint8_t *shared;
static bool any_shared;
static uint64_t slots_used; /* in this run */

static uint8_t *map_shared(void)
{
    void *memory = mmap(NULL, tpps_stacks_size_ / GRAIN / 8, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        tpp_abort("the simulator cannot map what it knows of its stacks");
    return memory;
}

static int find_local(struct dl_phdr_info *info, size_t size, void *context)
{
    (void)size;
    (void)context;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        uintptr_t from = (uintptr_t)info->dlpi_tls_data;
        if (info->dlpi_phdr[i].p_type != PT_TLS || from == 0)
            continue;
        local_from = local_from == 0 || from < local_from ? from : local_from;
        if (from + info->dlpi_phdr[i].p_memsz > local_to)
            local_to = from + info->dlpi_phdr[i].p_memsz;
    }
    return 0;
}

/* On its own stack a fiber is alone, but for what it has shown to another. */
static bool is_private(const struct tpps_fiber *self, const volatile void *memory)
{
    uintptr_t offset = (uintptr_t)memory - (uintptr_t)tpps_stacks_;
    uint8_t bit;
    if ((uintptr_t)memory - local_from < local_to - local_from)
        return true;
    if (offset >= tpps_stacks_size_)
        return false;
    offset /= GRAIN;
    bit = (uint8_t)(1u << offset % 8);
    if (tpps_on_stack_(self, (const void *)(uintptr_t)memory))
        return (shared[offset / 8] & bit) == 0;
    shared[offset / 8] |= bit;
    any_shared = true;
    return false;
}

void tpi_user_access_begin(void)
{
    if (!tpi_user_instrumented)
        return;
    local_from = local_to = 0;
    dl_iterate_phdr(find_local, NULL);
    if (shared != NULL && any_shared)
        memset(shared, 0, tpps_stacks_size_ / GRAIN / 8);
    any_shared = false;
    slots_used = 0;
    tpi_user_races_begin();
}

void tpi_user_access_start(struct tpps_fiber *fiber)
{
    uint64_t bit = UINT64_C(1) << tpps_slot_(fiber);
    tpi_user_calls[tpps_slot_(fiber)].depth = 0;
    if (tpps_sim_.options.races && (slots_used & bit) != 0)
        tpi_user_races_forget_stack(fiber);
    slots_used |= bit;
    if (tpi_user_instrumented && shared == NULL)
        shared = map_shared();
}

struct tpps_fiber *tpi_user_access(const volatile void *memory, size_t size,
                                   enum tpi_user_access kind, const void *pc)
{
    struct tpps_fiber *self = tpi_user_here();
    enum tpps_op op = kind & TPI_USER_WRITE ? TPPS_OP_USER : TPPS_OP_USER_LOAD;
    if (self == NULL || tpps_sim_.hook || size == 0 || is_private(self, memory))
        return NULL;
    tpps_point_(op, memory, NULL);
    if (tpps_sim_.options.races)
        tpi_user_races_access(memory, size, kind, pc);
    return self;
}
