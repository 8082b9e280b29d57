/* walk.h - goes through directory trees in output order, one step at a time. */
#ifndef EXAMPLES_TREESUM_WALK_H
#define EXAMPLES_TREESUM_WALK_H

#include "examples/treesum/window.h"

struct frame;

/* Where the walk is. It needs memory for the names of the directories it is in (a fixed budget:
 * beyond it, the outermost forget theirs and are read again) and for the path itself, and a
 * fixed number of descriptors (beyond it, the outermost directories are closed and found again). */
struct walk {
    struct window *window;
    struct place *command_line; /* where the arguments are opened */
    char **roots;
    size_t root_count, root_next;
    bool sizes_wanted;    /* look at how large files are; set it after walk_init */
    struct frame *frames; /* from the argument inward */
    size_t depth, frames_size;
    size_t closed; /* the outermost frames of which this many have no place */
    size_t places_max;
    size_t forgotten; /* the outermost frames of which this many have no names */
    size_t names_bytes;
    char *path; /* of the innermost frame */
    size_t path_length, path_size;
};

enum walk_result { WALK_MORE, WALK_END, WALK_NO_MEMORY };

bool walk_init(struct walk *walk, struct window *window, char **roots, size_t count,
               size_t places_max);
void walk_fini(struct walk *walk);
/* Pushes at most one entry. The window must not be full. */
enum walk_result walk_step(struct walk *walk);

#endif
