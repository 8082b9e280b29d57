/* tpp_probe.h (linux) - probes cost nothing here; the arguments are still type-checked. */
#ifndef TPI_OS_LINUX_PROBE_H
#define TPI_OS_LINUX_PROBE_H

#define tpp_probe(probe, subject, value) ((void)sizeof(probe), (void)(subject), (void)(value))

#define tpp_called(subject) ((void)(subject))

#endif
