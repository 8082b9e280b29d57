/* bitmap.c - a fuzz target: bytes become steps on sets of numbers in both back ends. */
#include <string.h>

#include "fuzz/bitmap_backend.h"
#include "fuzz/steps.h"

/* An input is steps until it ends. A step is one byte, its kind in the lower three bits and a
 * number n from 0 to 31 in the upper five, and the bytes of its places. A place is two bytes,
 * little end first: the upper three bits name a window, the lower 13 a number in it. */
enum kind {
    ADD,     /* place */
    REMOVE,  /* place */
    ADD_ROW, /* place, byte: a quarter as many from there on, n + 1 apart; 2,040 if 255, 1 apart */
    REMOVE_ROW, /* the same */
    READ,       /* place: from there on, n members */
    READ_MANY,  /* place: from there on, 512 n members */
    ALL,        /* 64 (n + 1) members at a time, from the first to the last */
    CLEAR,      /* if n is 31; else has, place */
};

/* Where the windows begin; ascending, and none reaches into the next. */
#define WINDOW 8192u
#define WINDOWS 8u
static const uint32_t bases[WINDOWS] = {
    0,
    61440, /* 65536 in the middle */
    1 << 20,
    (1 << 24) - 512, /* 512 numbers on this side of where a key has a digit more */
    (1 << 27) + 123,
    TPI_BITMAP_END - 2 * WINDOW,
    TPI_BITMAP_END - WINDOW,
    TPI_BITMAP_END, /* all too large */
};

static const struct backend *const backends[] = {&backend_words, &backend_roaring};
#define BACKENDS (sizeof backends / sizeof *backends)

struct state {
    bool members[WINDOWS * WINDOW];
    uint64_t count;
    struct tpi_bitmap sets[BACKENDS];
    struct steps steps;
};

static uint32_t expected[32 * 512], found[32 * 512 + 1];

/* Which back end it was can be seen in the debugger. */
#define MUST(state, condition) EXPECT(&(state)->steps, condition)

MODEL_BEGIN

static uint32_t take_place(struct state *state)
{
    return take_bytes(&state->steps, 2);
}

static uint32_t number_at(uint32_t place)
{
    return bases[place / WINDOW] + place % WINDOW;
}

static void change(struct state *state, uint32_t place, bool member)
{
    uint32_t number = number_at(place);
    bool allowed = number < TPI_BITMAP_END;
    if (allowed && state->members[place] != member) {
        state->members[place] = member;
        state->count = member ? state->count + 1 : state->count - 1;
    }
    for (size_t i = 0; i < BACKENDS; i++) {
        const struct backend *backend = backends[i];
        struct tpi_bitmap *set = &state->sets[i];
        if (member)
            MUST(state, backend->add(set, number) == allowed);
        else
            backend->remove(set, number);
        MUST(state, set->count == state->count);
        if (place % 8 == 0) /* of a long row some will do: each is read again later */
            MUST(state, backend->has(set, number) == (member && allowed));
    }
}

static void change_row(struct state *state, uint32_t apart, bool member)
{
    uint32_t place = take_place(state), count = take(&state->steps);
    count = count == 255 && apart == 1 ? 2040 : count / 4;
    for (; count > 0 && place < WINDOWS * WINDOW; count--, place += apart)
        change(state, place, member);
}

/* The next place is behind the last member read. */
static uint32_t read(struct state *state, uint32_t place, uint32_t capacity)
{
    uint32_t count = 0, next = place;
    while (next < WINDOWS * WINDOW && count < capacity) {
        const bool *member = memchr(&state->members[next], true, WINDOWS * WINDOW - next);
        next = member != NULL ? (uint32_t)(member - state->members) : WINDOWS * WINDOW;
        if (member != NULL)
            expected[count++] = number_at(next++);
    }
    for (size_t i = 0; i < BACKENDS; i++) {
        const struct backend *backend = backends[i];
        const struct tpi_bitmap *set = &state->sets[i];
        found[count] = 1;
        MUST(state, backend->read(set, number_at(place), found, capacity) == count);
        MUST(state, memcmp(found, expected, count * sizeof *found) == 0);
        MUST(state, found[count] == 1);
    }
    return next;
}

static void read_all(struct state *state, uint32_t capacity)
{
    for (uint32_t place = 0; place < WINDOWS * WINDOW;)
        place = read(state, place, capacity);
}

static void clear(struct state *state)
{
    for (size_t i = 0; i < BACKENDS; i++) {
        const struct backend *backend = backends[i];
        struct tpi_bitmap *set = &state->sets[i];
        MUST(state, state->count == 0 || backend->bytes(set) > state->count / 8);
        backend->clear(set);
        MUST(state, set->body == NULL && set->count == 0);
        MUST(state, backend->bytes(set) == 0);
    }
    memset(state->members, 0, sizeof state->members);
    state->count = 0;
}

static void look(struct state *state, uint32_t place)
{
    for (size_t i = 0; i < BACKENDS; i++)
        MUST(state, backends[i]->has(&state->sets[i], number_at(place)) == state->members[place]);
}

MODEL_END

static void step(struct state *state)
{
    uint8_t first = take(&state->steps);
    uint32_t n = first >> 3;
    switch ((enum kind)(first & 7)) {
    case ADD:
    case REMOVE:
        change(state, take_place(state), (first & 7) == ADD);
        break;
    case ADD_ROW:
    case REMOVE_ROW:
        change_row(state, n + 1, (first & 7) == ADD_ROW);
        break;
    case READ:
        read(state, take_place(state), n);
        break;
    case READ_MANY:
        read(state, take_place(state), 512 * n);
        break;
    case ALL:
        read_all(state, 64 * (n + 1));
        break;
    case CLEAR:
        if (n == 31)
            clear(state);
        else
            look(state, take_place(state));
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct state state; /* not on the stack: too large; clear leaves it as it was */
    for (state.steps = (struct steps){"bitmap", data, size, 0}; state.steps.left > 0;
         state.steps.count++)
        step(&state);
    read_all(&state, 1000);
    clear(&state);
    return 0;
}
