/* guard_generic.c - tpp_guarded for processors without an assembly of their own.
 *
 * The end of a thread is seen like everywhere, at the price of a setjmp for each call. Exceptions
 * are not: one that leaves the body ends as its language lets it end, in most cases in
 * std::terminate, without a word of what was running; describe is never called. */
#include "core/os/os.h"

#include <pthread.h>

void tpp_guarded(const struct tpp_guard *guard, void *argument)
{
    pthread_cleanup_push(guard->ended, argument);
    guard->body(argument);
    pthread_cleanup_pop(0);
}
