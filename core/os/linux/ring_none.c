/* ring_none.c - there is no ring: the library was built without liburing. */
#include "core/os/os.h"

#include <errno.h>

static _Noreturn void none(void)
{
    tpp_abort("tp: a ring was used that was never opened");
}

int tpp_ring_open(struct tpp_ring **ring_out)
{
    *ring_out = NULL;
    return ENOSYS;
}

void tpp_ring_close(struct tpp_ring *ring)
{
    (void)ring;
    none();
}

int tpp_ring_descriptor(struct tpp_ring *ring)
{
    (void)ring;
    none();
}

bool tpp_ring_put(struct tpp_ring *ring, const struct tpp_request *request, uint64_t key)
{
    (void)ring;
    (void)request;
    (void)key;
    none();
}

bool tpp_ring_abort(struct tpp_ring *ring, uint64_t key)
{
    (void)ring;
    (void)key;
    none();
}

bool tpp_ring_flush(struct tpp_ring *ring)
{
    (void)ring;
    none();
}

uint32_t tpp_ring_take(struct tpp_ring *ring, struct tpp_completion *completions, uint32_t capacity)
{
    (void)ring;
    (void)completions;
    (void)capacity;
    none();
}
