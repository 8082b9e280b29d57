/* tpp_probe.h (sim) - probes call the scenario's oracle; calls of the platform name their line. */
#ifndef TPI_OS_SIM_PROBE_H
#define TPI_OS_SIM_PROBE_H

void tpps_probe_(enum tpp_probe probe, const void *subject, uint64_t value);
void tpps_at_(const char *site);

void tpps_called_(const void *subject);
#define tpp_called(subject) tpps_called_(subject)
#define tpp_probe(probe, subject, value) tpps_probe_((probe), (subject), (value))

/* os.h has declared these by now, so a macro of the same name can tell the reports where the call
 * stands. A definition or a pointer to one writes the name in parentheses, or without any. */
#define tpp_wait(word, expected, deadline_ns) \
    (tpps_at_(TPPS_SITE), (tpp_wait)((word), (expected), (deadline_ns)))
#define tpp_wait_exact(word, expected, deadline_ns) \
    (tpps_at_(TPPS_SITE), (tpp_wait_exact)((word), (expected), (deadline_ns)))
#define tpp_wake(word, count) (tpps_at_(TPPS_SITE), (tpp_wake)((word), (count)))
#define tpp_thread_start(body, argument, options) \
    (tpps_at_(TPPS_SITE), (tpp_thread_start)((body), (argument), (options)))
#define tpp_alloc(size, alignment) (tpps_at_(TPPS_SITE), (tpp_alloc)((size), (alignment)))
#define tpp_alloc_large(size, alignment) \
    (tpps_at_(TPPS_SITE), (tpp_alloc_large)((size), (alignment)))
#define tpp_free(memory, size) (tpps_at_(TPPS_SITE), (tpp_free)((memory), (size)))
#define tpp_now(clock) (tpps_at_(TPPS_SITE), (tpp_now)(clock))
#define tpp_alarm_set(delay_ns) (tpps_at_(TPPS_SITE), (tpp_alarm_set)(delay_ns))
#define tpp_alarm_wait() (tpps_at_(TPPS_SITE), (tpp_alarm_wait)())
#define tpp_alarm_tells_jumps() (tpps_at_(TPPS_SITE), (tpp_alarm_tells_jumps)())

#endif
