/* walk.c - a depth-first walk on its own stack, by descriptors, so that no path is too long. */
#include "examples/treesum/walk.h"

#include "examples/treesum/listing.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    NAMES_BYTES_MAX = 2 * LISTING_BYTES_MAX,
    OPEN_DIRECTORY = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK
};

struct frame {
    struct place *place; /* NULL while closed */
    struct listing names;
    char *after; /* the names up to this one are behind us; NULL: none is */
    size_t path_length;
    dev_t device; /* device and inode are set when it is closed */
    ino_t inode;
};

bool walk_init(struct walk *walk, struct window *window, char **roots, size_t count,
               size_t places_max)
{
    *walk = (struct walk){
        .window = window, .roots = roots, .root_count = count, .places_max = places_max};
    walk->command_line = place_create(AT_FDCWD, "", 0, &window->costs);
    return walk->command_line != NULL;
}

static void give_up_place(struct place *place)
{
    if (place == NULL)
        return;
    place_end_opening(place);
    place_drop(place);
}

static void forget_names(struct walk *walk, struct frame *frame)
{
    walk->names_bytes -= listing_bytes(&frame->names);
    listing_clear(&frame->names);
}

static void free_frame(struct walk *walk, struct frame *frame)
{
    give_up_place(frame->place);
    forget_names(walk, frame);
    free(frame->after);
}

void walk_fini(struct walk *walk)
{
    while (walk->depth > 0)
        free_frame(walk, &walk->frames[--walk->depth]);
    free(walk->frames);
    free(walk->path);
    give_up_place(walk->command_line);
    *walk = (struct walk){0};
}

static uint64_t size_of(const struct place *place, const char *name, bool follow)
{
    struct stat status;
    bool known = fstatat(place->fd, name, &status, follow ? 0 : AT_SYMLINK_NOFOLLOW) == 0;
    return known && S_ISREG(status.st_mode) ? (uint64_t)status.st_size : 0;
}

static enum walk_result push(struct walk *walk, struct place *place, const char *name, int error)
{
    bool follow = place == walk->command_line;
    uint64_t size = 0;
    char *copy = name != NULL ? strdup(name) : NULL;
    if (name != NULL && copy == NULL)
        return WALK_NO_MEMORY;
    if (walk->sizes_wanted && name != NULL && error == 0)
        size = size_of(place, name, follow);
    window_push(walk->window, place, copy, size, error, follow);
    return WALK_MORE;
}

static bool append_to_path(struct walk *walk, const char *name)
{
    size_t length = strlen(name);
    size_t needed = walk->path_length + length + 2;
    if (needed > walk->path_size) {
        char *path = realloc(walk->path, needed * 2);
        if (path == NULL)
            return false;
        walk->path = path;
        walk->path_size = needed * 2;
    }
    if (walk->path_length > 0 && walk->path[walk->path_length - 1] != '/')
        walk->path[walk->path_length++] = '/';
    memcpy(walk->path + walk->path_length, name, length + 1);
    walk->path_length += length;
    return true;
}

/* Keeps the descriptors within bounds: the outermost open frame gives up its own, and remembers
 * what it was, to be sure when it is found again. */
static void close_outermost(struct walk *walk)
{
    struct frame *frame = &walk->frames[walk->closed];
    struct stat status;
    if (frame->place->fd >= 0 && fstat(frame->place->fd, &status) == 0) {
        frame->device = status.st_dev;
        frame->inode = status.st_ino;
    }
    give_up_place(frame->place);
    frame->place = NULL;
    walk->closed++;
}

static bool grow_stack(struct walk *walk)
{
    if (walk->depth < walk->frames_size)
        return true;
    size_t size = walk->frames_size == 0 ? 64 : walk->frames_size * 2;
    struct frame *frames = realloc(walk->frames, size * sizeof *frames);
    if (frames == NULL)
        return false;
    walk->frames = frames;
    walk->frames_size = size;
    return true;
}

/* Takes over fd. */
static enum walk_result enter(struct walk *walk, int fd, const char *name)
{
    size_t outer_length = walk->path_length;
    if (!grow_stack(walk) || !append_to_path(walk, name)) {
        close(fd);
        return WALK_NO_MEMORY;
    }
    struct place *place = place_create(fd, walk->path, walk->path_length, &walk->window->costs);
    if (place == NULL) {
        walk->path_length = outer_length;
        return WALK_NO_MEMORY;
    }
    walk->frames[walk->depth++] = (struct frame){.place = place, .path_length = walk->path_length};
    if (walk->depth - walk->closed > walk->places_max)
        close_outermost(walk);
    return WALK_MORE;
}

static bool is_finished(const struct frame *frame)
{
    return frame->names.complete && frame->names.next == frame->names.count;
}

static bool remember_name(struct frame *frame)
{
    if (frame->names.next == 0)
        return true;
    char *after = strdup(listing_last(&frame->names));
    if (after == NULL)
        return false;
    free(frame->after);
    frame->after = after;
    return true;
}

/* Keeps the names within bounds: the outermost frames that have names forget them, and remember
 * where they were. Never the innermost, which is about to be read: there is room for one piece
 * beside it. */
static bool make_room_for_names(struct walk *walk)
{
    while (walk->names_bytes > NAMES_BYTES_MAX - LISTING_BYTES_MAX &&
           walk->forgotten + 1 < walk->depth) {
        struct frame *frame = &walk->frames[walk->forgotten];
        if (!is_finished(frame) && !remember_name(frame))
            return false;
        bool complete = is_finished(frame);
        forget_names(walk, frame);
        frame->names.complete = complete;
        walk->forgotten++;
    }
    return true;
}

static enum walk_result read_names(struct walk *walk, struct frame *frame)
{
    if (!remember_name(frame))
        return WALK_NO_MEMORY;
    forget_names(walk, frame);
    if (walk->forgotten >= walk->depth)
        walk->forgotten = walk->depth - 1;
    if (!make_room_for_names(walk))
        return WALK_NO_MEMORY;
    int error = listing_fill(&frame->names, frame->place->fd, frame->after);
    walk->names_bytes += listing_bytes(&frame->names);
    return error == 0 ? WALK_MORE : push(walk, frame->place, NULL, error);
}

static bool is_frame(int fd, const struct frame *frame)
{
    struct stat status;
    return fstat(fd, &status) == 0 && status.st_dev == frame->device &&
           status.st_ino == frame->inode;
}

/* Goes down from the argument again, by the path of which the frames know the parts. */
static int find_from_root(struct walk *walk, size_t target)
{
    char *path = strdup(walk->path);
    if (path == NULL)
        return -1;
    path[walk->frames[0].path_length] = '\0';
    int fd = open(path, OPEN_DIRECTORY);
    for (size_t i = 1; i <= target && fd >= 0; i++) {
        const char *name = walk->path + walk->frames[i - 1].path_length;
        size_t length = walk->frames[i].path_length - walk->frames[i - 1].path_length;
        if (*name == '/')
            name++, length--;
        memcpy(path, name, length);
        path[length] = '\0';
        int inner = openat(fd, path, OPEN_DIRECTORY | O_NOFOLLOW);
        close(fd);
        fd = inner;
    }
    free(path);
    return fd;
}

/* Opens the closed frame `target` again, from its subdirectory that we are about to leave. If
 * either was moved meanwhile, ".." may be elsewhere; then by its path; if that fails too, what
 * is left of its names cannot be hashed and that is said. */
static enum walk_result open_again(struct walk *walk, size_t target)
{
    struct frame *frame = &walk->frames[target];
    int inner = walk->frames[target + 1].place->fd;
    int fd = inner >= 0 ? openat(inner, "..", OPEN_DIRECTORY) : -1;
    if (fd >= 0 && !is_frame(fd, frame)) {
        close(fd);
        fd = -1;
    }
    if (fd < 0)
        fd = find_from_root(walk, target);
    if (fd >= 0 && !is_frame(fd, frame)) {
        close(fd);
        fd = -1;
    }
    frame->place = place_create(fd, walk->path, frame->path_length, &walk->window->costs);
    if (frame->place == NULL)
        return WALK_NO_MEMORY;
    walk->closed = target;
    if (fd >= 0 || is_finished(frame))
        return WALK_MORE;
    forget_names(walk, frame);
    return push(walk, frame->place, NULL, SLOT_MOVED);
}

static enum walk_result leave(struct walk *walk)
{
    size_t inner = walk->depth - 1;
    enum walk_result result = WALK_MORE;
    if (inner > 0 && walk->closed == inner)
        result = open_again(walk, inner - 1);
    if (result == WALK_NO_MEMORY)
        return result;
    free_frame(walk, &walk->frames[inner]);
    walk->depth = inner;
    walk->path_length = inner > 0 ? walk->frames[inner - 1].path_length : 0;
    if (walk->path != NULL)
        walk->path[walk->path_length] = '\0';
    return result;
}

static enum walk_result next_root(struct walk *walk)
{
    if (walk->root_next == walk->root_count)
        return WALK_END;
    const char *root = walk->roots[walk->root_next++];
    int fd = open(root, OPEN_DIRECTORY);
    if (fd >= 0)
        return enter(walk, fd, root);
    /* What is no directory may be a file; the hasher will see. */
    return push(walk, walk->command_line, root, errno == ENOTDIR ? 0 : errno);
}

static enum walk_result visit(struct walk *walk, struct frame *frame, const char *name,
                              unsigned char type)
{
    int directory = frame->place->fd;
    if (type == DT_UNKNOWN) {
        struct stat status;
        if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
            return push(walk, frame->place, name, errno);
        if (!S_ISDIR(status.st_mode) && !S_ISREG(status.st_mode))
            return WALK_MORE;
        type = S_ISDIR(status.st_mode) ? DT_DIR : DT_REG;
    }
    if (type == DT_REG)
        return push(walk, frame->place, name, 0);
    int fd = openat(directory, name, OPEN_DIRECTORY | O_NOFOLLOW);
    return fd >= 0 ? enter(walk, fd, name) : push(walk, frame->place, name, errno);
}

enum walk_result walk_step(struct walk *walk)
{
    if (walk->depth == 0)
        return next_root(walk);
    struct frame *frame = &walk->frames[walk->depth - 1];
    unsigned char type;
    const char *name = listing_next(&frame->names, &type);
    if (name != NULL)
        return visit(walk, frame, name, type);
    return frame->names.complete ? leave(walk) : read_names(walk, frame);
}
