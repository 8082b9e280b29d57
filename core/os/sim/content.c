/* content.c - the bytes that are fed to files that exist only here, and written to them. */
#include "core/os/sim/content.h"

#include <stdlib.h>
#include <string.h>

#define DISK_MAX ((uint64_t)16 << 20) /* beyond it what is written to a regular file is lost */

/* What is not here is tpps_byte of its position. */
struct bytes {
    unsigned char *at;
    uint64_t from, size, capacity; /* the position of the first; how many */
};

/* The memory is kept from run to run. */
static struct {
    struct bytes in;  /* to be read; of a regular file all that there is */
    struct bytes out; /* written to a stream, and not taken yet */
} contents[TPPS_FILES];
static bool kept;

void tpps_content_keep(void)
{
    kept = true;
}

static unsigned char *add(struct bytes *bytes, uint64_t size)
{
    uint64_t need = bytes->size + size;
    if (need > bytes->capacity) {
        unsigned char *grown = realloc(bytes->at, need * 2);
        if (grown == NULL)
            tpp_abort("no memory for what files hold");
        bytes->at = grown;
        bytes->capacity = need * 2;
    }
    bytes->size = need;
    return bytes->at + need - size;
}

/* Up to this position, with what would be there. */
static void fill(struct bytes *bytes, uint64_t end)
{
    uint64_t position = bytes->from + bytes->size;
    unsigned char *at;
    if (end <= position)
        return;
    at = add(bytes, end - position);
    for (; position < end; position++)
        *at++ = tpps_byte(position);
}

static bool is_disk(uint32_t file)
{
    uint32_t kind = tpps_file_kind_(file);
    return kind == TPPS_REGULAR || kind == TPPS_DIRECT;
}

void tpps_content_new_(uint32_t file)
{
    contents[file].in.size = contents[file].in.from = 0;
    contents[file].out.size = contents[file].out.from = 0;
}

void tpps_content_feed_(uint32_t file, uint64_t position, const void *data, uint64_t size)
{
    struct bytes *in = &contents[file].in;
    if (size == 0 || (data == NULL && in->size == 0))
        return;
    if (in->size == 0)
        in->from = position;
    if (data == NULL)
        fill(in, position + size);
    else
        memcpy(add(in, size), data, size);
}

void tpps_content_read_(uint32_t file, uint64_t position, unsigned char *to, uint64_t size)
{
    struct bytes *in = &contents[file].in;
    for (uint64_t i = 0; i < size; i++) {
        uint64_t at = position + i - in->from;
        to[i] = at < in->size ? in->at[at] : tpps_byte(position + i);
    }
    if (in->size != 0 && !is_disk(file) && position + size == in->from + in->size)
        in->size = 0; /* all of it has been read */
}

void tpps_content_write_(uint32_t file, uint64_t position, const void *from, uint64_t size)
{
    struct bytes *in = &contents[file].in;
    if (!kept || size == 0)
        return;
    if (!is_disk(file)) {
        memcpy(add(&contents[file].out, size), from, size);
        return;
    }
    if (position + size > DISK_MAX)
        return;
    fill(in, position + size);
    memcpy(in->at + position, from, size);
}

uint64_t tpps_stream_take(int number, void *buffer, uint64_t size)
{
    uint32_t file = tpps_file_outside_(number, "taking what was written");
    struct bytes *out = &contents[file].out;
    uint64_t left = out->size - out->from;
    if (buffer == NULL)
        return left;
    size = size < left ? size : left;
    if (size != 0)
        memcpy(buffer, out->at + out->from, size);
    out->from += size;
    if (out->from == out->size)
        out->from = out->size = 0;
    return size;
}
