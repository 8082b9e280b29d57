/* report.c - what a failed run looked like: message, fibers, stacks. */
#define _GNU_SOURCE 1 /* dladdr */
#include <dlfcn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "core/os/sim/user.h"

const struct tpps_user *tpps_user_;

static char text[65536];
static size_t used;

void tpps_report_begin_(void)
{
    used = 0;
    text[0] = 0;
}

const char *tpps_report(void)
{
    return text;
}

void tpps_report_add_(const char *format, ...)
{
    va_list list;
    int length;
    va_start(list, format);
    length = vsnprintf(text + used, sizeof text - used, format, list);
    va_end(list);
    if (length > 0)
        used += (size_t)length < sizeof text - used ? (size_t)length : sizeof text - used - 1;
}

const char *tpps_site_name(const char *site)
{
    if (site == NULL)
        return "?";
    while (site[0] == '.' && site[1] == '.' && site[2] == '/')
        site += 3;
    return site;
}

/* The first failure of a run is the one that counts. */
void tpps_note_failure_(const char *format, ...)
{
    struct tpps_result *result = &tpps_sim_.result;
    va_list list;
    if (result->failed)
        return;
    result->failed = true;
    va_start(list, format);
    vsnprintf(result->message, sizeof result->message, format, list);
    va_end(list);
    tpps_report_add_("simulator: %s\n  step %u, clock %+.9f s, %u faults possible so far\n",
                     result->message, tpps_sim_.steps,
                     (double)(tpps_sim_.clock - tpps_sim_.options.clock0) / 1e9,
                     result->fault_points);
}

/* A return address belongs to the call before it. */
void tpps_report_pc_(const char *indent, void *pc)
{
    Dl_info info;
    char *call = (char *)pc - 1;
    const char *name = tpps_symbol(call);
    if (dladdr(call, &info) == 0) {
        tpps_report_add_("%s%p\n", indent, pc);
        return;
    }
    if (name == NULL)
        name = info.dli_sname != NULL ? info.dli_sname : "?";
    tpps_report_add_("%s%s (+0x%zx)\n", indent, name,
                     (size_t)((uintptr_t)call - (uintptr_t)info.dli_fbase));
}

static const char *state_name(enum tpps_state state)
{
    static const char *const names[] = {
        "free",    "runnable",     "in tpp_wait", "asleep", "joining",
        "polling", "at the alarm", "in a wait",   "busy",   "with nothing to do",
        "ended"};
    return names[state];
}

/* The word a fiber sleeps on may be freed by now: it is looked at all the same. */
__attribute__((no_sanitize("address"))) static void report_fiber(const struct tpps_fiber *fiber)
{
    char thing[160];
    void *pcs[24];
    uint32_t count;
    tpps_report_add_("  fiber %u %s \"%s\" id %llu: %s%s, last at %s\n", tpps_slot_(fiber),
                     fiber->service ? "service" : "scenario", fiber->name,
                     (unsigned long long)fiber->id, state_name(fiber->state),
                     fiber == tpps_sim_.current ? " (here)" : "", tpps_site_name(fiber->site));
    if (fiber->state == TPPS_DONE)
        return;
    if (fiber->state == TPPS_WAIT)
        tpps_report_add_("      word %p, now %u\n", (const void *)(uintptr_t)fiber->wait,
                         __atomic_load_n((const volatile uint32_t *)fiber->wait, __ATOMIC_RELAXED));
    if (fiber->state != TPPS_RUN && fiber->deadline != TPP_FOREVER)
        tpps_report_add_("      until clock %+.9f s\n",
                         (double)(fiber->deadline - tpps_sim_.options.clock0) / 1e9);
    if (fiber->state == TPPS_USER) {
        tpps_user_->tell((const void *)(uintptr_t)fiber->wait, thing, sizeof thing);
        tpps_report_add_("      for %s\n", thing);
    }
    count = tpps_backtrace_(fiber, pcs, 24);
    for (uint32_t i = 0; i < count; i++)
        tpps_report_pc_("      ", pcs[i]);
}

const char *tpps_user_waits_(void)
{
    static char all[TPPS_MESSAGE_SIZE / 2];
    size_t length = 0;
    all[0] = 0;
    for (uint32_t i = 0; i < tpps_sim_.high && length < sizeof all; i++) {
        const struct tpps_fiber *fiber = &tpps_fibers_[i];
        char thing[160];
        if (fiber->state != TPPS_USER)
            continue;
        tpps_user_->tell((const void *)(uintptr_t)fiber->wait, thing, sizeof thing);
        length += (size_t)snprintf(all + length, sizeof all - length, "; \"%s\" waits for %s",
                                   fiber->name, thing);
    }
    return all;
}

/* Whoever watches looks at a run that fails before anything of it is gone. */
static bool watched(void)
{
    bool began;
    if (tpps_sim_.watch.failed == NULL)
        return false;
    began = tpps_hook_begin_();
    tpps_sim_.watch.failed(tpps_sim_.result.message);
    tpps_hook_end_(began);
    return true;
}

void tpps_report_fibers_(void)
{
    if (watched())
        return;
    for (uint32_t i = 0; i < tpps_sim_.high; i++)
        if (tpps_fibers_[i].state != TPPS_FREE)
            report_fiber(&tpps_fibers_[i]);
}
