/* inside.c - what a scenario calls in a run: tp/sim.h, and the machine of tp/sim_world.h. */
#include <stdarg.h>
#include <stdio.h>

#include "capi/sim/internal.h"

/* ---- tp/sim.h -------------------------------------------------------------------------------- */

bool tp_sim_running(void)
{
    return tpps_running();
}

void tp_sim_point(void)
{
    tpps_point();
}

uint32_t tp_sim_choose(uint32_t n)
{
    if (!tpps_running() || n < 2)
        return 0;
    return tpps_choose(n < 65536 ? n : 65536);
}

void tp_sim_fail(const char *format, ...)
{
    char text[TPPS_MESSAGE_SIZE];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    tpps_fail("%s", text);
}

void tp_sim_on_quiet(tp_sim_fn function, void *context)
{
    if (tpps_running())
        tpps_on_quiet(function, context);
}

/* ---- threads --------------------------------------------------------------------------------- */

tp_sim_thread_t tp_sim_thread_start(tp_sim_fn body, void *context, const char *name)
{
    if (!tpps_running() || body == NULL)
        return 0;
    return tpps_spawn_named(body, context, name != NULL ? name : "thread");
}

void tp_sim_thread_join(tp_sim_thread_t thread)
{
    if (tpps_running())
        tpps_join(thread);
}

/* ---- time ------------------------------------------------------------------------------------ */

int64_t tp_sim_now(void)
{
    return tpps_running() ? tpps_now() : 0;
}

void tp_sim_sleep(int64_t ns)
{
    if (!tpps_running())
        return;
    if (ns > 0)
        tpps_sleep(ns);
    else
        tpps_point();
}

void tp_sim_busy(int64_t ns)
{
    if (tpps_running())
        tpps_busy(ns);
}

void tp_sim_step_realtime(int64_t ns)
{
    if (tpps_running())
        tpps_step_realtime(ns);
}

void tp_sim_suspend(int64_t ns)
{
    if (tpps_running())
        tpps_suspend(ns);
}

/* ---- the machine ----------------------------------------------------------------------------- */

void tp_sim_set_cpus(uint32_t cpus)
{
    if (tpps_running())
        tpps_set_cpus(cpus);
}

void tp_sim_signal_raise(int signal)
{
    if (tpps_running())
        tpps_signal_raise(signal);
}

void tp_sim_set_io_backend(uint32_t backend)
{
    if (tpps_running())
        tpps_wish_ring(backend);
}
