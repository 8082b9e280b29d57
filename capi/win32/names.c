/* names.c - the names of objects, which are those of this process. */
#include <stdlib.h>
#include <string.h>

#include "capi/win32/base.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct tpw_sync *first;

/* The same for the session and for the machine: there is only this process. */
static const char *without_prefix(const char *name)
{
    static const char *const prefixes[] = {"Local\\", "Global\\"};
    for (unsigned i = 0; i < 2; i++) {
        if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
            return name + strlen(prefixes[i]);
    }
    return name;
}

/* With a reference. What is being destroyed is not found any more. Lock held. */
static struct tpw_sync *find(const char *name)
{
    for (struct tpw_sync *sync = first; sync; sync = sync->next_name) {
        if (strcmp(sync->name, name) == 0 && tpw_object_try_hold(&sync->object))
            return sync;
    }
    return NULL;
}

DWORD tpw_name_join(struct tpw_sync *sync, enum tpw_kind kind, const char *name,
                    struct tpw_sync **found)
{
    DWORD error = 0;
    char *copy = NULL;
    name = without_prefix(name);
    *found = NULL;
    if (strchr(name, '\\'))
        return ERROR_PATH_NOT_FOUND;
    if (sync && !(copy = strdup(name)))
        return ERROR_NOT_ENOUGH_MEMORY;
    pthread_mutex_lock(&lock);
    struct tpw_sync *other = find(name);
    if (!other && sync) {
        sync->name = copy;
        sync->next_name = first;
        first = sync;
        copy = NULL;
    } else if (other && other->object.kind == kind) {
        *found = other;
    } else {
        error = other ? ERROR_INVALID_HANDLE : ERROR_FILE_NOT_FOUND;
    }
    pthread_mutex_unlock(&lock);
    if (other && !*found)
        tpw_object_drop(&other->object);
    free(copy);
    return error;
}

void tpw_name_leave(struct tpw_sync *sync)
{
    pthread_mutex_lock(&lock);
    struct tpw_sync **link = &first;
    while (*link != sync)
        link = &(*link)->next_name;
    *link = sync->next_name;
    pthread_mutex_unlock(&lock);
    free(sync->name);
    sync->name = NULL;
}

/* What is no character becomes the one that says so. */
static size_t put(uint32_t character, char *out)
{
    if (character > 0x10ffff || (character >= 0xd800 && character < 0xe000))
        character = 0xfffd;
    if (character < 0x80) {
        out[0] = (char)character;
        return 1;
    }
    if (character < 0x800) {
        out[0] = (char)(0xc0 | character >> 6);
        out[1] = (char)(0x80 | (character & 0x3f));
        return 2;
    }
    if (character < 0x10000) {
        out[0] = (char)(0xe0 | character >> 12);
        out[1] = (char)(0x80 | (character >> 6 & 0x3f));
        out[2] = (char)(0x80 | (character & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | character >> 18);
    out[1] = (char)(0x80 | (character >> 12 & 0x3f));
    out[2] = (char)(0x80 | (character >> 6 & 0x3f));
    out[3] = (char)(0x80 | (character & 0x3f));
    return 4;
}

bool tpw_narrow(LPCWSTR text, char **narrow_out)
{
    size_t length = 0, at = 0;
    *narrow_out = NULL;
    if (!text)
        return true;
    while (text[length] != 0)
        length++;
    char *narrow = malloc(length * 4 + 1);
    if (!narrow)
        return tpw_fail(ERROR_NOT_ENOUGH_MEMORY);
    for (size_t i = 0; i < length; i++)
        at += put((uint32_t)text[i], narrow + at);
    narrow[at] = '\0';
    *narrow_out = narrow;
    return true;
}
