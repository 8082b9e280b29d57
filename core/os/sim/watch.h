/* watch.h - for whoever reports on runs in words of his own: when to look, and what there is. */
#ifndef TPI_OS_SIM_WATCH_H
#define TPI_OS_SIM_WATCH_H

#include "core/os/sim/sim.h"

/* What is called: by a run that fails, before anything of it is gone (its platform calls are no
 * schedule points); at the end of one that has passed so far, outside of it, where tpps_fail_ended
 * may make it fail; and at each decision that `record` keeps, when it is made. They stay. */
struct tpps_watch {
    void (*failed)(const char *message);
    void (*ended)(void);
    void (*decided)(const struct tpps_decision *decision);
};
void tpps_set_watch(const struct tpps_watch *watch);
void tpps_fail_ended(const char *message);

#define TPPS_VIEW_FRAMES 32
struct tpps_view { /* of one thread */
    const char *name;
    uint64_t id;
    void *local;        /* tpp_local there */
    const void *called; /* what the call of the interface is about in which it is, if it is */
    bool service, here, alive, asleep, sleeps;
    tpps_thread joins; /* 0: nobody */
    const void *thing; /* of tpps_user, on which it sleeps; or NULL */
    int64_t deadline;  /* TPP_FOREVER: none */
    uint32_t frames;
    void *pcs[TPPS_VIEW_FRAMES]; /* return addresses, innermost first */
};
bool tpps_view(uint32_t number, struct tpps_view *out); /* false: there are not so many */
const char *tpps_symbol(const void *address);           /* NULL: unknown */
bool tpps_line(const void *address, const char **file_out, uint32_t *line_out); /* of the source */
bool tpps_is_library(const void *address);              /* code of the library, or of the user? */

#endif
