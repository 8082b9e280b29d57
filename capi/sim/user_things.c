/* user_things.c - what the user's code locks and waits for: known by its address, with a name. */
#include "capi/sim/user.h"

#include <stdio.h>
#include <string.h>

#include "capi/sim/internal.h"
#include "capi/sim/user_access.h"
#include "core/os/sim/content.h"
#include "core/os/sim/watch.h"

#define THINGS 4096u

static struct tpi_user_thing things[THINGS];
static uint16_t known[THINGS]; /* those of this run, in order of first use */
static uint32_t thing_count, run;

static const char *const kinds[] = {"mutex",     "condition", "rwlock",
                                    "semaphore", "barrier",   "initialisation"};

/* ---- names ----------------------------------------------------------------------------------- */

void tpi_user_describe(const void *subject, char *text, size_t size)
{
    const char *name = tpi_sim_name_of(subject);
    size_t offset = 0;
    if (name == NULL)
        name = tpps_symbol_data_(subject, &offset);
    if (name == NULL)
        snprintf(text, size, "?");
    else if (offset == 0)
        snprintf(text, size, "\"%s\"", name);
    else
        snprintf(text, size, "\"%s\"+%zu", name, offset);
}

void tpi_user_thread(uint32_t slot, char *text, size_t size)
{
    if (slot < TPPS_FIBERS)
        snprintf(text, size, "\"%s\"", tpps_fibers_[slot].name);
    else
        snprintf(text, size, "nobody");
}

void tpi_user_thing_name(const struct tpi_user_thing *thing, char *text, size_t size)
{
    char name[64];
    tpi_user_describe(thing->address, name, sizeof name);
    if (name[0] == '?')
        snprintf(text, size, "%s #%u", kinds[thing->kind], thing->number);
    else
        snprintf(text, size, "%s %s", kinds[thing->kind], name);
}

void tpi_user_place(const void *pc, char *text, size_t size)
{
    const char *call = (const char *)pc - 1;
    const char *name = pc != NULL ? tpps_symbol(call) : "an operation", *file;
    uint32_t line;
    if (pc != NULL && tpps_line(call, &file, &line))
        snprintf(text, size, "%s (%s:%u)", name != NULL ? name : "?", file, line);
    else
        snprintf(text, size, "%s", name != NULL ? name : "?");
}

/* ---- the table ------------------------------------------------------------------------------- */

static struct tpi_user_thing *find(enum tpi_user_kind kind, const void *address)
{
    uint64_t hash = ((uintptr_t)address + kind) * 0x9E3779B97F4A7C15u;
    uint32_t i = (uint32_t)(hash >> 40) % THINGS;
    while (things[i].run == run && (things[i].address != address || things[i].kind != kind))
        i = (i + 1) % THINGS;
    if (things[i].run == run)
        return &things[i];
    if (thing_count >= THINGS / 4 * 3)
        tpps_fail("more than %u mutexes, conditions and the like in one run", THINGS / 4 * 3);
    memset(&things[i], 0, sizeof things[i]);
    things[i].address = address;
    things[i].kind = kind;
    things[i].run = run;
    known[thing_count] = (uint16_t)i;
    things[i].number = ++thing_count;
    things[i].owner = TPI_USER_NOBODY;
    return &things[i];
}

struct tpi_user_thing *tpi_user_thing(enum tpi_user_kind kind, const void *address,
                                      const char *call)
{
    struct tpi_user_thing *thing;
    tpps_point_(TPPS_OP_USER, address, call);
    thing = find(kind, address);
    if (thing->gone) {
        char name[80];
        tpi_user_thing_name(thing, name, sizeof name);
        tpps_fail("%s: %s has been destroyed", call, name);
    }
    return thing;
}

static void check_unused(const struct tpi_user_thing *thing, const char *call)
{
    char name[80], holder[40];
    tpi_user_thing_name(thing, name, sizeof name);
    if (tpi_user_waiters(thing) != 0)
        tpps_fail("%s: %u threads wait for %s", call, tpi_user_waiters(thing), name);
    if (thing->owner == TPI_USER_NOBODY && thing->readers == 0)
        return;
    tpi_user_thread(thing->readers != 0 ? (uint32_t)__builtin_ctzll(thing->readers) : thing->owner,
                    holder, sizeof holder);
    tpps_fail("%s: %s is held by %s", call, name, holder);
}

void tpi_user_made(enum tpi_user_kind kind, const void *address, const char *call)
{
    struct tpi_user_thing *thing;
    tpps_point_(TPPS_OP_USER, address, call);
    thing = find(kind, address);
    check_unused(thing, call);
    thing->gone = false;
    thing->count = thing->want = 0;
}

void tpi_user_ended(enum tpi_user_kind kind, const void *address, const char *call)
{
    struct tpi_user_thing *thing = tpi_user_thing(kind, address, call);
    check_unused(thing, call);
    thing->gone = true;
}

/* ---- who sleeps ------------------------------------------------------------------------------ */

static uint64_t sleepers(const struct tpi_user_thing *thing)
{
    uint64_t mask = 0;
    for (uint32_t i = 0; i < tpps_sim_.high; i++)
        if (tpps_fibers_[i].state == TPPS_USER && tpps_fibers_[i].wait == thing)
            mask |= UINT64_C(1) << i;
    return mask;
}

uint32_t tpi_user_waiters(const struct tpi_user_thing *thing)
{
    return (uint32_t)__builtin_popcountll(sleepers(thing));
}

/* Whose release a fiber waits for that sleeps for ever; TPI_USER_NOBODY if that is not known. */
static uint32_t holder_waited_for(const struct tpps_fiber *fiber)
{
    const struct tpi_user_thing *thing = (const void *)(uintptr_t)fiber->wait;
    if (fiber->state != TPPS_USER || fiber->deadline != TPP_FOREVER || thing == NULL ||
        thing->kind == TPI_USER_COND)
        return TPI_USER_NOBODY;
    return thing->owner;
}

/* Each holds what the one before waits for: told if the chain comes back to this fiber. */
static void check_circle(const struct tpi_user_thing *thing, uint32_t self)
{
    char text[TPPS_MESSAGE_SIZE / 2], name[80], who[40];
    size_t length = 0;
    uint32_t at = thing->owner, links = 0;
    if (thing->kind == TPI_USER_COND)
        return;
    for (; at != TPI_USER_NOBODY && at != self && links < TPPS_FIBERS; links++)
        at = holder_waited_for(&tpps_fibers_[at]);
    if (at != self)
        return;
    tpi_user_thread(self, who, sizeof who);
    text[0] = 0;
    for (at = self; length < sizeof text;
         at = thing->owner, thing = (const void *)(uintptr_t)tpps_fibers_[at].wait) {
        tpi_user_thing_name(thing, name, sizeof name);
        tpi_user_thread(thing->owner, who, sizeof who);
        length += (size_t)snprintf(text + length, sizeof text - length,
                                   ", which waits for %s of %s", name, who);
        if (thing->owner == self)
            break;
    }
    tpi_user_thread(self, who, sizeof who);
    tpps_fail("deadlock: %s%s", who, text + sizeof ", which" - 1);
}

bool tpi_user_sleep(const struct tpi_user_thing *thing, int64_t deadline)
{
    if (tpps_sim_.hook)
        tpps_fail("a function of tp_sim_on_quiet must not wait for a mutex or the like");
    if (deadline <= tpps_sim_.clock)
        return false;
    if (deadline == TPP_FOREVER)
        check_circle(thing, tpps_slot_(tpps_sim_.current));
    return !tpps_park_(TPPS_USER, (const volatile void *)thing, deadline);
}

void tpi_user_wake(const struct tpi_user_thing *thing, bool all)
{
    uint64_t mask = sleepers(thing);
    if (!all && mask != 0) {
        uint32_t n = tpps_choose_((uint32_t)__builtin_popcountll(mask));
        while (n-- > 0)
            mask &= mask - 1;
        mask &= -mask;
    }
    for (; mask != 0; mask &= mask - 1)
        tpps_make_runnable_((uint32_t)__builtin_ctzll(mask), false);
}

void tpi_user_acquire(const struct tpi_user_thing *thing)
{
    tpps_tsan_acquire_((void *)(uintptr_t)thing);
}

void tpi_user_release(const struct tpi_user_thing *thing)
{
    tpps_tsan_release_((void *)(uintptr_t)thing);
}

/* ---- what the simulator asks ----------------------------------------------------------------- */

void tpi_user_tell(const void *what, char *text, size_t size)
{
    const struct tpi_user_thing *thing = what;
    char name[80], who[40];
    tpi_user_thing_name(thing, name, sizeof name);
    tpi_user_thread(thing->owner, who, sizeof who);
    if (thing->owner != TPI_USER_NOBODY)
        snprintf(text, size, "%s of %s", name, who);
    else
        snprintf(text, size, "%s", name);
}

static void begin(void)
{
    run++;
    thing_count = 0;
    tpi_user_threads_begin();
    tpi_user_access_begin();
}

static void end(void)
{
    for (uint32_t i = 0; i < thing_count; i++) {
        const struct tpi_user_thing *thing = &things[known[i]];
        char name[80], who[40];
        if (thing->kind == TPI_USER_ONCE ||
            (thing->owner == TPI_USER_NOBODY && thing->readers == 0))
            continue;
        tpi_user_thing_name(thing, name, sizeof name);
        tpi_user_thread(thing->readers != 0 ? (uint32_t)__builtin_ctzll(thing->readers)
                                            : thing->owner,
                        who, sizeof who);
        tpps_note_failure_("at the end of the run %s is still held by %s", name, who);
        tpps_report_fibers_();
        return;
    }
}

void tpi_user_install(void)
{
    static const struct tpps_user functions = {.begin = begin,
                                               .end = end,
                                               .fiber_start = tpi_user_access_start,
                                               .tell = tpi_user_tell,
                                               .access = tpi_user_races_of_system};
    tpps_user_ = &functions;
    tpps_content_keep();
}
