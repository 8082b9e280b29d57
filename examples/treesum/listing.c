/* listing.c - selects the next names of a directory, whatever its size, in bounded memory. */
#include "examples/treesum/listing.h"

#include <dirent.h>
#include <errno.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { READ_BYTES = 32 << 10 };

static int by_name(const void *left, const void *right, void *text)
{
    const char *base = text;
    return strcmp(base + *(const uint32_t *)left + 1, base + *(const uint32_t *)right + 1);
}

static void sort(struct listing *listing)
{
    if (listing->count > 1)
        qsort_r(listing->entries, listing->count, sizeof *listing->entries, by_name, listing->text);
}

static bool reserve(void **memory, size_t *size, size_t needed, size_t unit)
{
    if (needed <= *size)
        return true;
    size_t larger = *size < 512 ? 512 : *size * 2;
    while (larger < needed)
        larger *= 2;
    void *moved = realloc(*memory, larger * unit);
    if (moved == NULL)
        return false;
    *memory = moved;
    *size = larger;
    return true;
}

static bool append(struct listing *listing, const char *name, unsigned char type)
{
    size_t length = strlen(name) + 1;
    void *text = listing->text;
    bool ok = reserve(&text, &listing->text_size, listing->text_used + 1 + length, 1);
    listing->text = text;
    void *entries = listing->entries;
    ok = ok && reserve(&entries, &listing->entries_size, listing->count + 1, sizeof(uint32_t));
    listing->entries = entries;
    if (!ok)
        return false;
    listing->entries[listing->count++] = (uint32_t)listing->text_used;
    listing->text[listing->text_used] = (char)type;
    memcpy(listing->text + listing->text_used + 1, name, length);
    listing->text_used += 1 + length;
    return true;
}

/* Keeps the smaller half of the names. The rest comes with a later piece. */
static bool halve(struct listing *listing)
{
    sort(listing);
    struct listing half = {0};
    for (size_t i = 0; i < listing->count / 2; i++) {
        const char *entry = listing->text + listing->entries[i];
        if (!append(&half, entry + 1, (unsigned char)entry[0])) {
            listing_clear(&half);
            return false;
        }
    }
    listing_clear(listing);
    *listing = half;
    return true;
}

static bool wanted(const struct listing *listing, const struct dirent64 *entry, const char *after)
{
    const char *name = entry->d_name;
    if (entry->d_type != DT_DIR && entry->d_type != DT_REG && entry->d_type != DT_UNKNOWN)
        return false;
    if (name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0')))
        return false;
    if (after != NULL && strcmp(name, after) <= 0)
        return false;
    /* Once halved, the first half of the entries is sorted and the last of it was the greatest. */
    return listing->complete ||
           strcmp(name, listing->text + listing->entries[listing->next] + 1) < 0;
}

static int take_entries(struct listing *listing, const char *buffer, size_t length,
                        const char *after)
{
    for (size_t at = 0; at < length;) {
        const struct dirent64 *entry = (const void *)(buffer + at);
        at += entry->d_reclen;
        if (!wanted(listing, entry, after))
            continue;
        if (!append(listing, entry->d_name, entry->d_type))
            return ENOMEM;
        if (listing->text_used + listing->count * sizeof(uint32_t) < LISTING_BYTES_MAX)
            continue;
        if (!halve(listing))
            return ENOMEM;
        /* While filling, next remembers where the greatest name that is still wanted stands. */
        listing->complete = false;
        listing->next = listing->count - 1;
    }
    return 0;
}

int listing_fill(struct listing *listing, int fd, const char *after)
{
    alignas(struct dirent64) char buffer[READ_BYTES];
    int error = 0;
    *listing = (struct listing){.complete = true};
    if (lseek(fd, 0, SEEK_SET) < 0)
        return errno;
    for (;;) {
        ssize_t length = getdents64(fd, buffer, sizeof buffer);
        if (length < 0)
            error = errno;
        if (length <= 0)
            break;
        error = take_entries(listing, buffer, (size_t)length, after);
        if (error != 0) {
            listing_clear(listing);
            return error;
        }
    }
    sort(listing);
    listing->next = 0;
    if (error != 0)
        listing->complete = true;
    return error;
}

void listing_clear(struct listing *listing)
{
    free(listing->text);
    free(listing->entries);
    *listing = (struct listing){.complete = true};
}

const char *listing_next(struct listing *listing, unsigned char *type)
{
    if (listing->next == listing->count)
        return NULL;
    const char *entry = listing->text + listing->entries[listing->next++];
    *type = (unsigned char)entry[0];
    return entry + 1;
}

const char *listing_last(const struct listing *listing)
{
    return listing->text + listing->entries[listing->next - 1] + 1;
}

size_t listing_bytes(const struct listing *listing)
{
    return listing->text_size + listing->entries_size * sizeof *listing->entries;
}
