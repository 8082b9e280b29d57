/* user_races.c - finds accesses of user code that race, whether or not they met in this run.
 *
 * For each eight bytes the last few accesses are kept, with the time that their fiber's clock had.
 * The clocks (weak.c) know what comes before what: by atomic operations with their orders, the
 * library's among them, by locks, by threads that start and end. Two accesses, one of them a write
 * and one of them plain, of which neither comes before the other are a race, on any schedule. */
#include <stdio.h>
#include <string.h>

#include "capi/sim/user_access.h"
#include "core/os/sim/watch.h"

#define CELLS 32768u /* of eight bytes; a program that touches more is watched in part */
#define KEPT 6u
#define CALLERS 3u

struct access {
    uint32_t time;
    uint8_t slot, bytes; /* a bit for each byte */
    uint8_t kind;        /* enum tpi_user_access */
    const void *pc;
    const void *callers[CALLERS];
};

static struct cell {
    uintptr_t grain;
    uint32_t run, count, next;
    struct access list[KEPT];
} cells[CELLS];
static uint32_t run, used;

void tpi_user_races_begin(void)
{
    run++;
    used = 0;
}

/* NULL if there is none, or no room to make one. */
static struct cell *find(uintptr_t grain, bool make)
{
    uint32_t i = (uint32_t)(grain * 0x9E3779B97F4A7C15u >> 40) % CELLS;
    while (cells[i].run == run && cells[i].grain != grain)
        i = (i + 1) % CELLS;
    if (cells[i].run == run)
        return &cells[i];
    if (!make || used >= CELLS / 4 * 3)
        return NULL;
    used++;
    cells[i].run = run;
    cells[i].grain = grain;
    cells[i].count = cells[i].next = 0;
    return &cells[i];
}

/* ---- telling --------------------------------------------------------------------------------- */

static void say_access(const struct access *access, char *text, size_t size)
{
    static const char *const what[] = {"read",  "write", "atomic read", "atomic write",
                                       "freed", "freed", "freed",       "freed"};
    char who[40], where[80];
    size_t length;
    tpi_user_thread(access->slot, who, sizeof who);
    tpi_user_place(access->pc, where, sizeof where);
    length = (size_t)snprintf(text, size, "%s by %s in %s", what[access->kind & 7], who, where);
    for (uint32_t i = 0; i < CALLERS && access->callers[i] != NULL && length < size; i++) {
        if (tpps_is_library((const char *)access->callers[i] - 1))
            break;
        tpi_user_place(access->callers[i], where, sizeof where);
        length += (size_t)snprintf(text + length, size - length, " < %s", where);
    }
}

static _Noreturn void tell(uintptr_t address, const struct access *first,
                           const struct access *second)
{
    char name[80], one[200], two[200];
    tpi_user_describe((const void *)address, name, sizeof name);
    say_access(first, one, sizeof one);
    say_access(second, two, sizeof two);
    tpps_fail("data race on %s: %s; %s", name, one, two);
}

/* ---- keeping --------------------------------------------------------------------------------- */

static bool before(const struct access *access, uint32_t self)
{
    return access->slot == self || tpps_order_knows_(self, access->slot, access->time);
}

static bool conflict(const struct access *a, const struct access *b)
{
    return (a->bytes & b->bytes) != 0 && ((a->kind | b->kind) & TPI_USER_WRITE) != 0 &&
           (a->kind & b->kind & TPI_USER_ATOMIC) == 0;
}

/* Whatever races with the old one, races with the new one that comes after it, too. */
static bool covers(const struct access *new, const struct access *old)
{
    return (old->bytes & ~new->bytes) == 0 &&
           (new->kind &TPI_USER_WRITE) >= (old->kind & TPI_USER_WRITE) &&
           (new->kind &TPI_USER_ATOMIC) <= (old->kind & TPI_USER_ATOMIC);
}

static void add(struct cell *cell, const struct access *access)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < cell->count; i++) {
        const struct access *old = &cell->list[i];
        bool known = before(old, access->slot);
        if (!known && conflict(old, access))
            tell(cell->grain * 8 + (uint32_t)__builtin_ctz(old->bytes & access->bytes), old,
                 access);
        if (!known || !covers(access, old))
            cell->list[kept++] = *old;
    }
    cell->count = kept;
    if (kept < KEPT)
        cell->list[cell->count++] = *access;
    else
        cell->list[cell->next++ % KEPT] = *access;
}

void tpi_user_races_access(const volatile void *memory, size_t size, enum tpi_user_access kind,
                           const void *pc)
{
    uint32_t self = tpps_slot_(tpps_sim_.current);
    const struct tpi_user_calls *calls = &tpi_user_calls[self];
    struct access access = {
        .time = tpps_order_time_(self), .slot = (uint8_t)self, .kind = (uint8_t)kind, .pc = pc};
    uintptr_t from = (uintptr_t)memory, end = from + size;
    for (uint32_t i = 0; i < CALLERS && i < calls->depth; i++)
        if (calls->depth - 1 - i < TPI_USER_DEPTH)
            access.callers[i] = calls->pcs[calls->depth - 1 - i];
    while (from < end) {
        uintptr_t grain = from / 8, next = (grain + 1) * 8;
        struct cell *cell = find(grain, (kind & TPI_USER_FREE) == 0);
        access.bytes = (uint8_t)(0xffu << from % 8);
        if (end < next)
            access.bytes &= (uint8_t)(0xffu >> (next - end));
        if (cell != NULL)
            add(cell, &access);
        from = next;
    }
}

void tpi_user_races_forget(const void *memory, size_t size)
{
    uintptr_t from = (uintptr_t)memory / 8, end = ((uintptr_t)memory + size + 7) / 8;
    if (end - from < CELLS) {
        for (; from < end; from++) {
            struct cell *cell = find(from, false);
            if (cell != NULL)
                cell->count = 0;
        }
        return;
    }
    for (uint32_t i = 0; i < CELLS; i++)
        if (cells[i].run == run && cells[i].grain - from < end - from)
            cells[i].count = 0;
}

void tpi_user_races_forget_stack(const struct tpps_fiber *fiber)
{
    for (uint32_t i = 0; i < CELLS; i++)
        if (cells[i].run == run && tpps_on_stack_(fiber, (const void *)(cells[i].grain * 8)))
            cells[i].count = 0;
}

void tpi_user_races_of_system(const void *memory, size_t size, bool write)
{
    if (tpps_sim_.options.races && tpps_sim_.current != NULL && size != 0)
        tpi_user_races_access(memory, size, write ? TPI_USER_WRITE : TPI_USER_READ, NULL);
}
