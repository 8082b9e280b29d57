/* system.c - odds and ends of the process: random numbers, and the end of it. */
#define _GNU_SOURCE
#include "core/os/os.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* See tpp_atomic.h: stands for the fence in builds with ThreadSanitizer, unused in all others. */
extern _Atomic(uint32_t) tpp_tsan_fence_word;
_Atomic(uint32_t) tpp_tsan_fence_word;

static _Thread_local uint64_t random_state __attribute__((tls_model("initial-exec")));

/* Mixes what differs between threads and between runs; one step of splitmix64 spreads it over all
 * bits. Zero is the one state xorshift never leaves, so it means "not seeded yet". */
static __attribute__((noinline)) uint64_t random_seed(void)
{
    uint64_t seed = (uint64_t)tpp_now(TPP_CLOCK_MONOTONIC) ^ (tpp_thread_id() << 32);

    seed += UINT64_C(0x9e3779b97f4a7c15);
    seed = (seed ^ (seed >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    seed = (seed ^ (seed >> 27)) * UINT64_C(0x94d049bb133111eb);
    seed ^= seed >> 31;
    return seed != 0 ? seed : 1;
}

/* Marsaglia's xorshift64; the upper half is the better one. */
uint32_t tpp_random(void)
{
    uint64_t state = random_state != 0 ? random_state : random_seed();

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    random_state = state;
    return (uint32_t)(state >> 32);
}

_Noreturn void tpp_exit(void)
{
    exit(0);
}

int tpp_print(int descriptor, const char *text, size_t size)
{
    int saved = errno, error = 0;

    while (size > 0 && error == 0) {
        ssize_t written = write(descriptor, text, size);

        if (written > 0) {
            text += written;
            size -= (size_t)written;
        } else if (written == 0 || errno != EINTR) {
            error = written == 0 ? EIO : errno;
        }
    }
    errno = saved;
    return error;
}

/* Straight to the descriptor: the process may be here because stdio, or the heap, is broken. */
_Noreturn void tpp_abort(const char *message)
{
    (void)tpp_print(STDERR_FILENO, message, strlen(message));
    (void)tpp_print(STDERR_FILENO, "\n", 1);
    abort();
}
