/* place.h - a directory that entries of the window are opened in and named after. */
#ifndef EXAMPLES_TREESUM_PLACE_H
#define EXAMPLES_TREESUM_PLACE_H

#include <stdatomic.h>
#include <stddef.h>

/* What all places together cost; the walker pauses when it becomes too much. */
struct place_costs {
    atomic_size_t descriptors;
    atomic_size_t bytes;
};

/* The descriptor is closed as soon as nobody will open anything in it any more, the memory (the
 * path is needed for printing) goes later. Hence two counts. */
struct place {
    struct place_costs *costs;
    atomic_uint openers; /* the walker, and each entry not hashed yet: they need fd */
    atomic_uint holders; /* the walker, and each entry not printed yet: they need path */
    int fd; /* AT_FDCWD for names given on the command line; -1 if it cannot be opened */
    size_t length;
    char path[]; /* as printed, without the slash before the entry's name; "" on the command line */
};

/* Takes over fd also when it fails (NULL: no memory). The caller is the first opener and holder. */
struct place *place_create(int fd, const char *path, size_t length, struct place_costs *costs);
void place_hold(struct place *place);
void place_end_opening(struct place *place);
void place_drop(struct place *place);

#endif
