/* report.h - the words in which a run of tp/sim.h is told of. */
#ifndef TPI_CAPI_SIM_REPORT_H
#define TPI_CAPI_SIM_REPORT_H

#include "core/mem/slab.h"
#include "core/os/sim/watch.h"

/* report.c: a text that grows, and is cut where it gets too long. */
struct tpi_sim_text {
    char *bytes;
    size_t size, used;
};
void tpi_sim_say(struct tpi_sim_text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* census.c: what there is. */
void tpi_sim_say_label(struct tpi_sim_text *text, const void *handle); /* work "resize" */
void tpi_sim_say_objects(struct tpi_sim_text *text); /* one line each, with what they do */
/* What is still open, with a handle of the application's: how many, and the first few by name. */
uint32_t tpi_sim_say_open(struct tpi_sim_text *text);
/* The callback that a thread runs, given its tpp_local; false if none. */
bool tpi_sim_say_callback(struct tpi_sim_text *text, const void *local);

/* threads.c: who runs, who waits for what. */
void tpi_sim_say_threads(struct tpi_sim_text *text);
void tpi_sim_say_waiting(struct tpi_sim_text *text); /* the same of those that wait, in one line */
void tpi_sim_say_decision(struct tpi_sim_text *text, const struct tpps_decision *decision);

#endif
