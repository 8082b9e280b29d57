/* internal.h - what the files behind tp/sim.h share. */
#ifndef TPI_CAPI_SIM_INTERNAL_H
#define TPI_CAPI_SIM_INTERNAL_H

#include "core/os/sim/search.h"
#include "tp/sim.h"

/* run.c */
struct tpi_sim_job { /* what the runs of one tp_sim_run have in common */
    uint32_t flags;
    tp_sim_fn scenario, reset;
    void *context, *reset_context;
};
extern struct tpi_sim_job tpi_sim_job;

/* report.c: what is told of the run that failed last since; and of its decisions, if asked for */
void tpi_sim_listen(bool to_failures, bool to_decisions);
const char *tpi_sim_message(void);
void tpi_sim_print(FILE *out);

/* names.c */
void tpi_sim_names_reset(void);
const char *tpi_sim_name_of(const void *subject); /* NULL: it has none */

#endif
