/* afl.c - runs a fuzz target under AFL++: many inputs in one process, handed over in memory. */
#include <unistd.h>

#include "fuzz/target.h"

/* What afl-clang-fast makes of these names is declared by the first; they are its own. */
__AFL_FUZZ_INIT();

#define INPUTS 100000u /* then the process begins anew */

int main(void)
{
    __AFL_INIT();
    unsigned char *input = __AFL_FUZZ_TESTCASE_BUF; /* before the loop, as AFL++ wants it */
    while (__AFL_LOOP(INPUTS))
        (void)LLVMFuzzerTestOneInput(input, (size_t)__AFL_FUZZ_TESTCASE_LEN);
    return 0;
}
