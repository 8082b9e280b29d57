/* user_guard.c - static variables of C++ functions: one simulated thread initialises, others wait.
 *
 * The C++ library takes all of them for one thread, and a second one for a recursion. */
#include "capi/sim/user_access.h"

int __cxa_guard_acquire(uint8_t *guard);
void __cxa_guard_release(uint8_t *guard);
void __cxa_guard_abort(uint8_t *guard);

static void let_go(struct tpi_user_thing *thing)
{
    tpi_user_release(thing);
    thing->owner = TPI_USER_NOBODY;
    tpi_user_wake(thing, true);
}

/* The first byte tells that it has been done, also to code that does not ask here. */
TPI_OF_TSAN int __cxa_guard_acquire(uint8_t *guard)
{
    struct tpi_user_thing *thing;
    uint32_t self;
    if (tpi_user_here() == NULL)
        return TPI_REAL(__cxa_guard_acquire)(guard);
    self = tpps_slot_(tpps_sim_.current);
    thing = tpi_user_thing(TPI_USER_ONCE, guard, "__cxa_guard_acquire");
    if (thing->owner == self)
        tpps_fail("a static variable is needed to initialise itself");
    while (thing->owner != TPI_USER_NOBODY)
        (void)tpi_user_sleep(thing, TPP_FOREVER);
    tpi_user_acquire(thing);
    if (*guard != 0)
        return 0;
    thing->owner = self;
    return 1;
}

TPI_OF_TSAN void __cxa_guard_release(uint8_t *guard)
{
    if (tpi_user_here() == NULL) {
        TPI_REAL(__cxa_guard_release)(guard);
        return;
    }
    if (tpps_weak_)
        tpps_weak_store_(guard, *guard, 1, memory_order_release);
    *guard = 1;
    let_go(tpi_user_thing(TPI_USER_ONCE, guard, "__cxa_guard_release"));
}

TPI_OF_TSAN void __cxa_guard_abort(uint8_t *guard)
{
    if (tpi_user_here() == NULL)
        TPI_REAL(__cxa_guard_abort)(guard);
    else
        let_go(tpi_user_thing(TPI_USER_ONCE, guard, "__cxa_guard_abort"));
}
