/* bitmap_words.c - the back end of bitmap.h on plain words, under names of its own. */
#define BACKEND(name) words_##name
#include "fuzz/bitmap_backend.h"

#include "core/wait/bitmap_words.c"

const struct backend backend_words = {"words", BACKEND_FUNCTIONS};
