/* reading.h - one file read from front to back, several pieces of it at a time. */
#ifndef EXAMPLES_TREESUM_READING_H
#define EXAMPLES_TREESUM_READING_H

#include "tp/tp.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* So that a file that comes from a disk is read while what has come is digested; and small enough
 * that what has just been copied out of the page cache is still near when it is. */
enum { READS_AHEAD = 4, PIECE_BYTES = 64 << 10 };

struct piece {
    uint64_t offset;
    size_t wanted, filled;
    int error;
    bool complete; /* filled, or there is no more: then it is the last */
    unsigned char bytes[PIECE_BYTES];
};

struct reading {
    tp_io_t *io;
    uint64_t size;      /* what fstat promised, and all that is read; 0 promises nothing */
    uint64_t ahead;     /* where the next piece begins that is not asked for yet */
    uint32_t asked;     /* pieces asked for so far; the number of a piece is counted like that */
    uint32_t taken;     /* pieces taken so far */
    uint32_t in_flight; /* operations */
    bool over;          /* the last piece was taken: what comes now is of no interest */
    int error;
    struct piece pieces[READS_AHEAD]; /* piece N is at N % READS_AHEAD */

    /* Set by the owner. Called in order, one after the other: take() for each piece, then ended()
     * with 0 or an errno; the reading may then be started again. */
    void (*take)(struct reading *reading, const unsigned char *bytes, size_t length);
    void (*ended)(struct reading *reading, int error, tp_callback_instance_t *instance);
};

/* Takes over the descriptor. Returns 0, or an errno: then nothing is called. The environment
 * limits the callbacks of an object to one at a time. Until ended() is called, or the pool is
 * shut down, the memory is the system's. */
int reading_start(struct reading *reading, int fd, uint64_t size, const tp_env_t *env);

#endif
