/* slots.c - a fuzz target: bytes arm, bar and find wait slots, beside arrays of flags. */
#include <string.h>

#include "core/wait/bitmap.h"
#include "core/wait/slots.h"
#include "fuzz/platform.h"
#include "fuzz/steps.h"

/* An input is steps until it ends. A step is one byte, its kind in the lower three bits and a
 * number n from 0 to 31 in the upper five, and the bytes of its places. A place is two bytes: a
 * window (modulo 8), and a slot in it; what has not been reserved is passed over. GROUP does what
 * the end of a cleanup group does with its members, which are a bitmap (object/wait.c). */
enum kind {
    RESERVE, /* place: and so many slots from there on as n says */
    ARM,     /* place: and the same */
    DISARM,  /* place: and the same */
    BAR,     /* place, byte: in one call so many from there on, n + 1 apart, without gaps */
    KEEP,    /* place, byte: of the same, those that are armed */
    JOIN,    /* place: n slots become members, or (odd n) are members no more */
    GROUP,   /* n + 1 at a time the members are barred, and those found that are armed */
    SPECIAL, /* n = 31: all is forgotten; n = 30: no member; else n more allocations succeed */
};

/* Where the windows begin; ascending, and none reaches into the next. A chunk has 1,024 slots, a
 * table 512 chunks. */
#define WINDOW 256u
#define WINDOWS 8u
static const uint32_t bases[WINDOWS] = {
    0,
    4096 - 100,      /* chunks */
    (1 << 19) - 128, /* tables */
    (1 << 24) - 77,
    (1 << 27) + 123,
    TPI_BITMAP_END - 3 * WINDOW,
    TPI_BITMAP_END - 128, /* half of them too large */
    TPI_BITMAP_END + 128, /* all */
};

struct slot {
    bool reserved, armed, barred, member;
};

static struct slot slots[WINDOWS * WINDOW];
static struct tpi_bitmap members;
static uint32_t places[256], numbers[256], wanted[256];

MODEL_BEGIN

static uint32_t number_at(uint32_t place)
{
    return bases[place / WINDOW] + place % WINDOW;
}

static uint32_t take_place(struct steps *steps)
{
    uint32_t window = take(steps) % WINDOWS;
    return window * WINDOW + take(steps);
}

static void look(const struct steps *steps, uint32_t place)
{
    if (!slots[place].reserved)
        return;
    EXPECT(steps, tpi_slots_armed(number_at(place)) == slots[place].armed);
    EXPECT(steps, tpi_slots_barred(number_at(place)) == slots[place].barred);
}

static void look_at_all(const struct steps *steps)
{
    for (uint32_t place = 0; place < WINDOWS * WINDOW; place++)
        look(steps, place);
}

/* ---- single slots ---------------------------------------------------------------------------- */

static void reserve(const struct steps *steps, uint32_t place)
{
    uint32_t failures = platform_failures();
    bool reserved = tpi_slots_reserve(number_at(place));
    bool too_large = number_at(place) >= TPI_BITMAP_END;
    EXPECT(steps, reserved == (!too_large && platform_failures() == failures));
    if (reserved)
        slots[place] = (struct slot){.reserved = true, .member = slots[place].member};
}

static void join(const struct steps *steps, uint32_t place, bool leaves)
{
    uint32_t failures = platform_failures(), number = number_at(place);
    if (!slots[place].reserved)
        return;
    if (leaves)
        tpi_bitmap_remove(&members, number);
    else if (!tpi_bitmap_add(&members, number)) {
        EXPECT(steps, platform_failures() > failures);
        return;
    }
    slots[place].member = !leaves;
    EXPECT(steps, tpi_bitmap_has(&members, number) == !leaves);
}

static void change(const struct steps *steps, enum kind kind, uint32_t place, bool odd)
{
    if (kind == RESERVE)
        reserve(steps, place);
    else if (kind == JOIN)
        join(steps, place, odd);
    else if (slots[place].reserved) {
        (kind == ARM ? tpi_slots_arm : tpi_slots_disarm)(number_at(place));
        slots[place].armed = kind == ARM;
    }
}

static void change_row(struct steps *steps, enum kind kind, uint32_t n)
{
    uint32_t place = take_place(steps);
    for (uint32_t i = 0; i <= n && place + i < WINDOWS * WINDOW; i++) {
        change(steps, kind, place + i, n & 1);
        look(steps, place + i);
    }
    for (uint32_t i = 0; i < 8; i++) /* what stands beside them is as it was */
        look(steps, (place + n + 1 + 23 * i) % (WINDOWS * WINDOW));
}

/* ---- many in one call ------------------------------------------------------------------------ */

static void bar_listed(uint32_t count)
{
    tpi_slots_bar(numbers, count);
    for (uint32_t i = 0; i < count; i++)
        slots[places[i]].barred = true;
}

static void keep_listed(const struct steps *steps, uint32_t count)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++)
        if (slots[places[i]].armed)
            wanted[kept++] = numbers[i];
    EXPECT(steps, tpi_slots_keep_armed(numbers, count) == kept);
    EXPECT(steps, memcmp(numbers, wanted, kept * sizeof *numbers) == 0);
}

static uint32_t list(uint32_t place, uint32_t most, uint32_t apart, bool only_members)
{
    uint32_t count = 0;
    for (; place < WINDOWS * WINDOW && count < most; place += apart) {
        if (!slots[place].reserved || (only_members && !slots[place].member))
            continue;
        places[count] = place;
        numbers[count++] = number_at(place);
    }
    return count;
}

static void many(struct steps *steps, enum kind kind, uint32_t n)
{
    uint32_t place = take_place(steps), most = take(steps);
    uint32_t count = list(place, most, n + 1, false);
    if (kind == BAR)
        bar_listed(count);
    else
        keep_listed(steps, count);
    for (uint32_t i = 0; i < count; i += 7)
        look(steps, places[i]);
}

/* The next members as the bitmap has them, and as the array has; in both from `place` on. */
static uint32_t read_on(const struct steps *steps, uint32_t *place, uint32_t batch)
{
    uint32_t count, from = *place < WINDOWS * WINDOW ? number_at(*place) : TPI_BITMAP_END;
    uint32_t read = tpi_bitmap_read(&members, from, wanted, batch);
    count = list(*place, batch, 1, true);
    EXPECT(steps, count == read && memcmp(numbers, wanted, count * sizeof *numbers) == 0);
    if (count > 0)
        *place = places[count - 1] + 1;
    return count;
}

static void close_group(const struct steps *steps, uint32_t batch)
{
    uint32_t place = 0, count;
    while ((count = read_on(steps, &place, batch)) > 0)
        bar_listed(count);
    place = 0;
    while ((count = read_on(steps, &place, batch)) > 0)
        keep_listed(steps, count);
}

static void leave_group(const struct steps *steps)
{
    tpi_bitmap_clear(&members);
    EXPECT(steps, members.count == 0 && members.body == NULL);
    for (uint32_t i = 0; i < WINDOWS * WINDOW; i++)
        slots[i].member = false;
}

/* As in a new process. */
static void forget(const struct steps *steps)
{
    leave_group(steps);
    tpi_slots_reset();
    memset(slots, 0, sizeof slots);
}

MODEL_END

static void step(struct steps *steps)
{
    uint8_t first = take(steps);
    enum kind kind = (enum kind)(first & 7);
    uint32_t n = first >> 3;
    switch (kind) {
    case RESERVE:
    case ARM:
    case DISARM:
    case JOIN:
        change_row(steps, kind, n);
        break;
    case BAR:
    case KEEP:
        many(steps, kind, n);
        break;
    case GROUP:
        close_group(steps, n + 1);
        break;
    case SPECIAL:
        if (n == 31)
            forget(steps);
        else if (n == 30)
            leave_group(steps);
        else
            platform_fail_after(n);
        break;
    }
    steps->count++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct steps steps = {"slots", data, size, 0};
    platform_begin();
    while (steps.left > 0)
        step(&steps);
    look_at_all(&steps);
    close_group(&steps, 200);
    forget(&steps);
    platform_end();
    return 0;
}
