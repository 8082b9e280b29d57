/* slab_large_test.c - slabs cut from large pieces of memory are slabs like any other. */
#include "core/mem/slab.h"

#include "tests/support/tap.h"

/* So large that a slab holds one. */
struct thing {
    struct tpi_slot slot;
    char rest[TPP_SLAB_SIZE / 2];
};

enum { THINGS = 3 * (int)TPP_SLAB_LARGE };

static struct thing *things[THINGS];

TAP_TEST(slab_large__every_slot_is_zero_and_its_own_and_found)
{
    for (uint32_t i = 0; i < THINGS; i++) {
        struct tpi_slot *slot = tpi_slab_new(TPI_KIND_WORK, sizeof(struct thing), NULL);
        require(slot);
        things[i] = tpi_container(slot, struct thing, slot);
        check_eq((uintptr_t)slot % TPI_SLOT_ALIGNMENT, 0);
        for (size_t at = 0; at < sizeof things[i]->rest; at += 512)
            check_eq(things[i]->rest[at], 0);
        memset(things[i]->rest, (int)(i % 100) + 1, sizeof things[i]->rest);
    }
    for (uint32_t i = 0; i < THINGS; i++) {
        check(tpi_slab_at(TPI_KIND_WORK, tpi_slot_index(&things[i]->slot)) == &things[i]->slot);
        check_eq(things[i]->rest[0], (int)(i % 100) + 1);
        check_eq(things[i]->rest[sizeof things[i]->rest - 1], (int)(i % 100) + 1);
    }
    check_eq(tpi_slab_in_use(TPI_KIND_WORK), THINGS);
}

/* A slab of another kind in the same piece. */
TAP_TEST(slab_large__kinds_may_share_a_piece)
{
    struct tpi_slot *slot = tpi_slab_new(TPI_KIND_ENV, 64, NULL);
    require(slot);
    check(tpi_slab_at(TPI_KIND_ENV, tpi_slot_index(slot)) == slot);
    check(tpi_slab_at(TPI_KIND_WORK, tpi_slot_index(slot)) == NULL);
}

int main(void)
{
    tap_run(slab_large__every_slot_is_zero_and_its_own_and_found);
    tap_run(slab_large__kinds_may_share_a_piece);
    return tap_done();
}
