/* platform.h - what a part asks of the system where a target has no system: see platform.c. */
#ifndef FUZZ_PLATFORM_H
#define FUZZ_PLATFORM_H

#include "core/os/os.h"

/* Between these two the part may allocate; what it has not freed is taken back at the end. */
void platform_begin(void);
void platform_end(void);

/* The allocation after so many more fails, and all that follow, until it is set anew; UINT32_MAX:
 * none. */
void platform_fail_after(uint32_t allocations);

/* How many have failed since the beginning. */
uint32_t platform_failures(void);

#endif
