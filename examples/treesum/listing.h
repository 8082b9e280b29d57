/* listing.h - the names of a directory in byte order, a bounded piece at a time. */
#ifndef EXAMPLES_TREESUM_LISTING_H
#define EXAMPLES_TREESUM_LISTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Largest piece, in bytes. A directory with more names is read again for every further piece. */
enum { LISTING_BYTES_MAX = 4 << 20 };

/* An entry is one byte of type (DT_DIR, DT_REG or DT_UNKNOWN) and the name. Other types are left
 * out. */
struct listing {
    char *text;
    uint32_t *entries; /* offsets into text, sorted by name once filled */
    size_t text_used, text_size, count, entries_size;
    size_t next;
    bool complete; /* nothing follows the last entry in the directory */
};

/* Fills an empty listing with the smallest names after `after` (NULL: from the start). Returns 0
 * or an errno; after an error in reading, what came before it is there and complete is true. */
int listing_fill(struct listing *listing, int fd, const char *after);
void listing_clear(struct listing *listing);
const char *listing_next(struct listing *listing, unsigned char *type); /* NULL at the end */
const char *listing_last(const struct listing *listing);                /* what next gave last */
size_t listing_bytes(const struct listing *listing);

#endif
