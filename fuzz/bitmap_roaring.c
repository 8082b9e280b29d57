/* bitmap_roaring.c - the back end of bitmap.h on CRoaring, under names of its own. */
#define BACKEND(name) roaring_##name
#include "fuzz/bitmap_backend.h"

#include "core/wait/bitmap_roaring.c"

const struct backend backend_roaring = {"roaring", BACKEND_FUNCTIONS};
