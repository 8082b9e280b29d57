/* bitmap_backend.h - gives the functions of a back end of core/wait/bitmap.h names of its own. */
#ifndef FUZZ_BITMAP_BACKEND_H
#define FUZZ_BITMAP_BACKEND_H

/* A file with one back end in it defines BACKEND(name) before it includes this. */
#ifdef BACKEND
#define tpi_bitmap_add BACKEND(add)
#define tpi_bitmap_remove BACKEND(remove)
#define tpi_bitmap_has BACKEND(has)
#define tpi_bitmap_read BACKEND(read)
#define tpi_bitmap_clear BACKEND(clear)
#define tpi_bitmap_bytes BACKEND(bytes)
#endif
#include "core/wait/bitmap.h"

struct backend {
    const char *name;
    bool (*add)(struct tpi_bitmap *, uint32_t);
    void (*remove)(struct tpi_bitmap *, uint32_t);
    bool (*has)(const struct tpi_bitmap *, uint32_t);
    uint32_t (*read)(const struct tpi_bitmap *, uint32_t, uint32_t *, uint32_t);
    void (*clear)(struct tpi_bitmap *);
    size_t (*bytes)(const struct tpi_bitmap *);
};
extern const struct backend backend_roaring, backend_words;

#ifdef BACKEND
#define BACKEND_FUNCTIONS \
    tpi_bitmap_add, tpi_bitmap_remove, tpi_bitmap_has, tpi_bitmap_read, tpi_bitmap_clear, \
        tpi_bitmap_bytes
#endif

#endif
