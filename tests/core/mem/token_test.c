/* token_test.c - handles as numbers: what goes in comes out, and what is stale does not match. */
#include "core/mem/token.h"

#include "tests/support/tap.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const enum tpi_kind kinds[] = {
    TPI_KIND_POOL,  TPI_KIND_ENV,       TPI_KIND_WORK,  TPI_KIND_GROUP,  TPI_KIND_INSTANCE,
    TPI_KIND_EVENT, TPI_KIND_SEMAPHORE, TPI_KIND_MUTEX, TPI_KIND_SIMPLE,
};
static const uint32_t generations[] = {
    1, 3, 0x7fffffff, 0xffffffff, TPI_TOKEN_GENERATION_MASK, TPI_TOKEN_GENERATION_MASK - 2};
static const uint32_t indexes[] = {0, 1, 0x3ff, 0x400, 0xfffff};

TAP_TEST(token__parts_survive_the_round_trip)
{
    for (size_t k = 0; k < COUNT(kinds); k++)
        for (size_t g = 0; g < COUNT(generations); g++)
            for (size_t i = 0; i < COUNT(indexes); i++) {
                uintptr_t token = tpi_token_make(kinds[k], generations[g], indexes[i]);
                check(token != 0);
                check_eq(tpi_token_kind(token), kinds[k]);
                check_eq(tpi_token_index(token), indexes[i]);
                check(tpi_token_matches(token, generations[g]));
            }
}

TAP_TEST(token__no_two_of_them_are_equal)
{
    enum { TOKENS = COUNT(kinds) * COUNT(indexes) * 4 };
    uintptr_t tokens[TOKENS];
    size_t count = 0;
    for (size_t k = 0; k < COUNT(kinds); k++)
        for (size_t i = 0; i < COUNT(indexes); i++)
            for (uint32_t generation = 1; generation < 9; generation += 2)
                tokens[count++] = tpi_token_make(kinds[k], generation, indexes[i]);
    check_eq(count, TOKENS);
    for (size_t a = 0; a < count; a++)
        for (size_t b = 0; b < a; b++)
            check(tokens[a] != tokens[b]);
}

TAP_TEST(token__matches_its_own_generation_only)
{
    for (size_t g = 0; g < COUNT(generations); g++) {
        uint32_t generation = generations[g];
        uintptr_t token = tpi_token_make(TPI_KIND_WORK, generation, 5);
        check(!tpi_token_matches(token, generation + 2));
        check(!tpi_token_matches(token, generation - 2));
        check(!tpi_token_matches(token, generation + 1));
        check(!tpi_token_matches(token, generation - 1));
    }
}

/* An even generation is that of a slot nobody uses: no number matches it. */
TAP_TEST(token__a_free_slot_matches_nothing)
{
    for (uint32_t generation = 0; generation < 64; generation += 2)
        check(!tpi_token_matches(tpi_token_make(TPI_KIND_WORK, generation, 5), generation));
}

/* The generation is cut to what the token can carry: it comes round after that many lives. */
TAP_TEST(token__generation_comes_round_behind_the_mask)
{
    uintptr_t token = tpi_token_make(TPI_KIND_EVENT, 1, 7);
    check(tpi_token_matches(token, 1 + TPI_TOKEN_GENERATION_MASK + 1));
    check(!tpi_token_matches(token, 1 + (TPI_TOKEN_GENERATION_MASK + 1) / 2));
}

int main(void)
{
    tap_run(token__parts_survive_the_round_trip);
    tap_run(token__no_two_of_them_are_equal);
    tap_run(token__matches_its_own_generation_only);
    tap_run(token__a_free_slot_matches_nothing);
    tap_run(token__generation_comes_round_behind_the_mask);
    return tap_done();
}
