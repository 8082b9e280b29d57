/* target.h - what a fuzz target is: one function that is given bytes. */
#ifndef FUZZ_TARGET_H
#define FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>

/* The name is libFuzzer's; replay.c calls it too. It aborts if the bytes show an error, else
 * returns 0. It keeps nothing from one call to the next. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
