/* counters.h - what the server counts, for the metrics and for the totals at the end. */
#ifndef EXAMPLES_ECHO_SERVER_COUNTERS_H
#define EXAMPLES_ECHO_SERVER_COUNTERS_H

#include <stdalign.h>
#include <stdatomic.h>

/* How a connection ended. */
enum ending {
    ENDED_FINISHED,  /* the peer closed it, and was sent all of its bytes */
    ENDED_IDLE,      /* no byte moved for the idle timeout */
    ENDED_RESET,     /* the peer broke it off */
    ENDED_ERROR,     /* the network failed */
    ENDED_LIMIT,     /* there were as many as are served at a time */
    ENDED_RESOURCES, /* there was no memory for an operation */
    ENDED_DRAINED,   /* the server was told to end, and owed it nothing */
    ENDED_CUT,       /* the server was told to end, and could not wait any longer */
    ENDING_COUNT
};

extern const char *const ending_names[ENDING_COUNT];

/* accepted = open + the sum of ended. */
struct counters {
    alignas(64) atomic_ullong received; /* bytes */
    atomic_ullong sent;                 /* bytes */
    atomic_ullong messages;             /* pieces received, and sent back in full */
    alignas(64) atomic_ullong accepted;
    atomic_ullong open;
    atomic_ullong ended[ENDING_COUNT];
    atomic_ullong accept_pauses; /* for lack of descriptors or memory */
};

static inline void count(atomic_ullong *counter, unsigned long long by)
{
    atomic_fetch_add_explicit(counter, by, memory_order_relaxed);
}

#endif
