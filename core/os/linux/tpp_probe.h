/* tpp_probe.h (linux) - probes are static ones, for bpftrace, perf and gdb: docs/TRACING.md.
 *
 * Each is one instruction that does nothing until somebody looks. Without <sys/sdt.h> there are
 * none; the arguments are still type-checked. */
#ifndef TPI_OS_LINUX_PROBE_H
#define TPI_OS_LINUX_PROBE_H

#ifdef TPL_SDT
#include <sys/sdt.h>

/* What they are called outside. */
#define TPL_NAME_TPP_PROBE_PUBLISH publish
#define TPL_NAME_TPP_PROBE_SCAN scan
#define TPL_NAME_TPP_PROBE_DEQUEUE dequeue
#define TPL_NAME_TPP_PROBE_CLAIM claim
#define TPL_NAME_TPP_PROBE_DROP drop
#define TPL_NAME_TPP_PROBE_UNPUBLISH unpublish
#define TPL_NAME_TPP_PROBE_FINISH finish
#define TPL_NAME_TPP_PROBE_IDLE idle
#define TPL_NAME_TPP_PROBE_WAKE wake
#define TPL_NAME_TPP_PROBE_SPAWN spawn
#define TPL_NAME_TPP_PROBE_RETIRE retire
#define TPL_NAME_TPP_PROBE_USER_ENTER enter
#define TPL_NAME_TPP_PROBE_USER_LEAVE leave
#define TPL_NAME_TPP_PROBE_LOCK lock
#define TPL_NAME_TPP_PROBE_UNLOCK unlock
#define TPL_NAME_TPP_PROBE_FREE free

#define TPL_PROBE(name, subject, value) STAP_PROBE2(tp, name, subject, value)
#define tpp_probe(probe, subject, value) TPL_PROBE(TPL_NAME_##probe, (subject), (value))
#else
#define tpp_probe(probe, subject, value) ((void)sizeof(probe), (void)(subject), (void)(value))
#endif

#define tpp_called(subject) ((void)(subject))

#endif
