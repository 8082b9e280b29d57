/* print.h - lines in the format of sha256sum on standard output, complaints on standard error. */
#ifndef EXAMPLES_TREESUM_PRINT_H
#define EXAMPLES_TREESUM_PRINT_H

#include "examples/treesum/window.h"

enum { OUTPUT_BYTES = 64 << 10 };

struct progress;

/* Where one stream goes. Used by one callback at a time. */
struct output {
    int fd;
    struct progress *progress; /* stands where this goes; NULL: this goes to no terminal */
    int stop_fd;               /* readable: give up */
    bool is_file;              /* where a write of any size is fine */
    bool failed;
    int error; /* why it failed; 0 if it was told to stop */
    size_t used;
    char buffer[OUTPUT_BYTES];
};

struct printer {
    struct output lines;
    struct output complaints;
    uint64_t files, bytes, errors;
};

void printer_init(struct printer *printer, int stop_fd, struct progress *progress);
void printer_entry(struct printer *printer, const struct slot *slot);
bool printer_flush(struct printer *printer); /* false: no use to go on */

#endif
