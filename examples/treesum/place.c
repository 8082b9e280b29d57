/* place.c - counts who still opens files in a directory, and who still prints its name. */
#include "examples/treesum/place.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct place *place_create(int fd, const char *path, size_t length, struct place_costs *costs)
{
    struct place *place = malloc(sizeof *place + length + 1);
    if (place == NULL) {
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    place->costs = costs;
    atomic_init(&place->openers, 1);
    atomic_init(&place->holders, 1);
    place->fd = fd;
    place->length = length;
    memcpy(place->path, path, length);
    place->path[length] = '\0';
    if (fd >= 0)
        atomic_fetch_add(&costs->descriptors, 1);
    atomic_fetch_add(&costs->bytes, sizeof *place + length + 1);
    return place;
}

void place_hold(struct place *place)
{
    atomic_fetch_add_explicit(&place->openers, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&place->holders, 1, memory_order_relaxed);
}

void place_end_opening(struct place *place)
{
    if (atomic_fetch_sub(&place->openers, 1) != 1 || place->fd < 0)
        return;
    close(place->fd);
    atomic_fetch_sub(&place->costs->descriptors, 1);
}

void place_drop(struct place *place)
{
    if (atomic_fetch_sub(&place->holders, 1) != 1)
        return;
    atomic_fetch_sub(&place->costs->bytes, sizeof *place + place->length + 1);
    free(place);
}
