/* cgroup.c - reads the CPU quotas of this process's control groups, v1 and v2. */
#define _GNU_SOURCE
#include "core/os/linux/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

/* All of it lies on the stack of whoever asks, and what exceeds it is passed over: a longer line
 * of mountinfo is a file system with many options and no control groups. */
#define LINE_SIZE 4096
#define GROUP_SIZE 2048

/* The work has an end whatever the files contain: the lines of some ten thousand mounts, and as
 * many mounts of control groups as there is any use for. */
#define BYTES_MAX (4u << 20)
#define MOUNTS_MAX 16

/* A machine may have both: the controller belongs to one of them, and its files exist only there,
 * so both are looked at. */
enum version { V1, V2, VERSIONS };

/* The lines of a file, one after the other. */
struct lines {
    int descriptor;
    bool overlong; /* the rest of a line that did not fit is still to come */
    size_t start, end, bytes_left;
    char text[LINE_SIZE];
};

struct search {
    int root;
    uint32_t limit;
    uint32_t mounts;
    bool unsure; /* something could not be opened or read that may well be there */
    char group[VERSIONS][GROUP_SIZE]; /* below the root of its hierarchy; "": has none */
    struct lines lines;
};

/* ---- files --------------------------------------------------------------------------------- */

static void note_failure(struct search *search)
{
    if (errno == EMFILE || errno == ENFILE || errno == ENOMEM)
        search->unsure = true;
}

static int open_in(struct search *search, int folder, const char *path, int flags)
{
    int descriptor = openat(folder, path, flags | O_CLOEXEC);

    if (descriptor < 0)
        note_failure(search);
    return descriptor;
}

/* The thread's own entry comes first, because that of the process speaks of its first thread, which
 * may have ended: it then has no mounts. New threads start in the group of the one that asks. */
static int open_either(struct search *search, const char *of_thread, const char *of_process)
{
    int descriptor = open_in(search, search->root, of_thread, O_RDONLY);

    return descriptor >= 0 ? descriptor : open_in(search, search->root, of_process, O_RDONLY);
}

static size_t read_some(struct search *search, int descriptor, char *to, size_t size)
{
    ssize_t length;

    do
        length = read(descriptor, to, size);
    while (length < 0 && errno == EINTR);
    if (length < 0)
        note_failure(search);
    return length > 0 ? (size_t)length : 0;
}

static void first_line(struct lines *lines, int descriptor)
{
    lines->descriptor = descriptor;
    lines->overlong = false;
    lines->start = 0;
    lines->end = 0;
    lines->bytes_left = BYTES_MAX;
}

/* Adds to the text; false at the end of the file. One byte stays free for a final zero. */
static bool more_text(struct search *search)
{
    struct lines *lines = &search->lines;
    size_t room, length;

    if (lines->start > 0) {
        lines->end -= lines->start;
        memmove(lines->text, lines->text + lines->start, lines->end);
        lines->start = 0;
    }
    if (lines->end == LINE_SIZE - 1) {
        lines->overlong = true;
        lines->end = 0;
    }
    room = LINE_SIZE - 1 - lines->end;
    room = room < lines->bytes_left ? room : lines->bytes_left;
    length = room > 0 ? read_some(search, lines->descriptor, lines->text + lines->end, room) : 0;
    lines->end += length;
    lines->bytes_left -= length;
    return length > 0;
}

/* NULL after the last one. What follows the last newline is no line: these files end with one. */
static char *next_line(struct search *search)
{
    struct lines *lines = &search->lines;

    for (;;) {
        char *line = lines->text + lines->start;
        char *newline = memchr(line, '\n', lines->end - lines->start);
        bool overlong = lines->overlong;

        if (newline == NULL) {
            if (!more_text(search))
                return NULL;
            continue;
        }
        *newline = '\0';
        lines->start = (size_t)(newline + 1 - lines->text);
        lines->overlong = false;
        if (!overlong)
            return line;
    }
}

/* ---- text ---------------------------------------------------------------------------------- */

bool tpl_decimal(const char **text, uint64_t *value_out)
{
    const char *at = *text;
    uint64_t value = 0;

    for (; *at >= '0' && *at <= '9'; at++) {
        if (at - *text == 18)
            return false;
        value = value * 10 + (uint64_t)(*at - '0');
    }
    if (at == *text)
        return false;
    *text = at;
    *value_out = value;
    return true;
}

/* Cuts off what comes before `separator`, which may be nothing; at the end the rest, then NULL. */
static char *cut(char **rest, char separator)
{
    char *piece = *rest;
    char *end = piece != NULL ? strchr(piece, separator) : NULL;

    if (end != NULL)
        *end++ = '\0';
    *rest = end;
    return piece;
}

/* Whether `word` is one of the words between commas. */
static bool has_word(char *list, const char *word)
{
    const char *piece;

    while ((piece = cut(&list, ',')) != NULL) {
        if (strcmp(piece, word) == 0)
            return true;
    }
    return false;
}

static bool is_octal(char letter)
{
    return letter >= '0' && letter <= '7';
}

/* mountinfo writes blanks and backslashes in paths as three octal digits. */
static void unescape(char *text)
{
    char *to = text;

    for (; *text != '\0'; text++, to++) {
        *to = *text;
        if (text[0] == '\\' && is_octal(text[1]) && is_octal(text[2]) && is_octal(text[3])) {
            *to = (char)((text[1] - '0') * 64 + (text[2] - '0') * 8 + (text[3] - '0'));
            text += 3;
        }
    }
    *to = '\0';
}

/* ---- limits -------------------------------------------------------------------------------- */

/* The one line of a small file; false if there is none. */
static bool read_value(struct search *search, int folder, const char *name, char *text, size_t size)
{
    int descriptor = open_in(search, folder, name, O_RDONLY);
    size_t length;

    if (descriptor < 0)
        return false;
    length = read_some(search, descriptor, text, size - 1);
    (void)close(descriptor);
    text[length] = '\0';
    return length > 0;
}

static bool ends(const char *text)
{
    return text[0] == '\0' || (text[0] == '\n' && text[1] == '\0');
}

/* "50000 100000", or "max 100000". */
static bool read_v2(struct search *search, int folder, uint64_t *quota, uint64_t *period)
{
    char text[64];
    const char *at = text;

    return read_value(search, folder, "cpu.max", text, sizeof text) && tpl_decimal(&at, quota) &&
           *at++ == ' ' && tpl_decimal(&at, period) && ends(at);
}

/* A quota of -1 is none, and no number to tpl_decimal. */
static bool read_v1(struct search *search, int folder, uint64_t *quota, uint64_t *period)
{
    char text[64];
    const char *at = text;

    if (!read_value(search, folder, "cpu.cfs_quota_us", text, sizeof text) ||
        !tpl_decimal(&at, quota) || !ends(at))
        return false;
    at = text;
    return read_value(search, folder, "cpu.cfs_period_us", text, sizeof text) &&
           tpl_decimal(&at, period) && ends(at);
}

static void apply_limit(struct search *search, enum version version, int folder)
{
    uint64_t quota = 0, period = 0, cpus;
    bool found = version == V1 ? read_v1(search, folder, &quota, &period)
                               : read_v2(search, folder, &quota, &period);

    if (!found || quota == 0 || period == 0)
        return;
    cpus = quota / period + (quota % period != 0);
    if (cpus < search->limit)
        search->limit = (uint32_t)cpus;
}

/* ---- from a mount down to the group -------------------------------------------------------- */

/* How many "/.." a path begins with: so many levels it lies above the root of the namespace. */
static size_t levels_above(const char *path, const char **rest)
{
    size_t count = 0;

    while (strncmp(path, "/..", 3) == 0 && (path[3] == '/' || path[3] == '\0')) {
        path += 3;
        count++;
    }
    *rest = path;
    return count;
}

/* The part of `group` that lies below the mount's root. NULL if the mount shows another part of the
 * hierarchy. "" also if the way down is not known: a root above that of the namespace is surely
 * above the group, or the group would begin with it, but nobody tells the names in between. */
static char *below(const char *root, char *group)
{
    const char *names, *rest;
    size_t length = strcmp(root, "/") == 0 ? 0 : strlen(root);

    (void)levels_above(root, &names);
    if (strncmp(root, group, length) == 0 && (group[length] == '/' || group[length] == '\0'))
        return levels_above(group + length, &rest) == 0 ? group + length : NULL;
    if (*names == '\0')
        return group + strlen(group);
    return NULL;
}

/* Takes over the descriptor. A group that has been removed keeps its name with a mark behind it, so
 * the last folders may not exist; those above do. */
static void walk(struct search *search, enum version version, int folder, char *path)
{
    while (folder >= 0) {
        size_t length;
        char after;
        int next;

        apply_limit(search, version, folder);
        path += strspn(path, "/");
        length = strcspn(path, "/");
        if (length == 0) {
            (void)close(folder);
            return;
        }
        after = path[length];
        path[length] = '\0';
        next = open_in(search, folder, path, O_PATH | O_DIRECTORY);
        path[length] = after;
        path += length;
        (void)close(folder);
        folder = next;
    }
}

/* The names in /proc are absolute; here they begin at the root of the search. */
static void walk_mount(struct search *search, enum version version, char *root, char *point)
{
    char *path;

    unescape(root);
    unescape(point);
    path = below(root, search->group[version]);
    if (path == NULL || point[0] != '/' || search->mounts == MOUNTS_MAX)
        return;
    search->mounts++;
    point += strspn(point, "/");
    walk(search, version,
         open_in(search, search->root, *point != '\0' ? point : ".", O_PATH | O_DIRECTORY), path);
}

/* ---- the files that tell where to look ----------------------------------------------------- */

/* "4:cpu,cpuacct:/a/b" in v1, "0::/a/b" in v2. */
static void take_group(struct search *search, char *line)
{
    char *controllers;
    enum version version;

    (void)cut(&line, ':');
    controllers = cut(&line, ':');
    if (controllers == NULL || line == NULL || line[0] != '/' || strlen(line) >= GROUP_SIZE)
        return;
    version = controllers[0] == '\0' ? V2 : V1;
    if (version == V1 && !has_word(controllers, "cpu"))
        return;
    memcpy(search->group[version], line, strlen(line) + 1);
}

/* "32 31 0:29 /root /mount/point rw,relatime shared:1 - cgroup source rw,cpu". */
static void take_mount(struct search *search, char *line)
{
    char *field[5] = {NULL}, *type, *options;
    size_t i;

    for (i = 0; i < 5; i++)
        field[i] = cut(&line, ' ');
    do
        type = cut(&line, ' ');
    while (type != NULL && strcmp(type, "-") != 0);
    type = cut(&line, ' ');
    (void)cut(&line, ' ');
    options = cut(&line, ' ');
    if (options == NULL)
        return;
    if (strcmp(type, "cgroup2") == 0 && search->group[V2][0] != '\0')
        walk_mount(search, V2, field[3], field[4]);
    else if (strcmp(type, "cgroup") == 0 && search->group[V1][0] != '\0' &&
             has_word(options, "cpu"))
        walk_mount(search, V1, field[3], field[4]);
}

/* Takes over the descriptor. */
static void for_each_line(struct search *search, int descriptor,
                          void (*take)(struct search *search, char *line))
{
    char *line;

    if (descriptor < 0)
        return;
    first_line(&search->lines, descriptor);
    while ((line = next_line(search)) != NULL)
        take(search, line);
    (void)close(descriptor);
}

uint32_t tpl_cgroup_cpus(const char *root)
{
    int saved = errno;
    struct search search;

    search.limit = TPL_CGROUP_NO_LIMIT;
    search.mounts = 0;
    search.unsure = false;
    search.group[V1][0] = '\0';
    search.group[V2][0] = '\0';
    search.root = open_in(&search, AT_FDCWD, root[0] != '\0' ? root : "/", O_PATH | O_DIRECTORY);
    if (search.root >= 0) {
        for_each_line(&search, open_either(&search, "proc/thread-self/cgroup", "proc/self/cgroup"),
                      take_group);
        if (search.group[V1][0] != '\0' || search.group[V2][0] != '\0')
            for_each_line(&search,
                          open_either(&search, "proc/thread-self/mountinfo", "proc/self/mountinfo"),
                          take_mount);
        (void)close(search.root);
    }
    errno = saved;
    return search.unsure ? 0 : search.limit;
}
