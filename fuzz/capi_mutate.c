/* capi_mutate.c - libFuzzer's mutator for scripts: whole operations come, go, move and change. */
#include <string.h>

#include "fuzz/script.h"
#include "fuzz/target.h"

/* What the tool's own header would declare. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

#define OP sizeof(struct op)

static uint32_t dice;

static uint32_t roll(uint32_t sides)
{
    dice = dice * 1664525u + 1013904223u;
    return (dice >> 8) % sides;
}

/* Most operations are on what is there; few on the same things, or races would be rare. */
static struct op some_op(void)
{
    struct op op = {.lane = (uint8_t)roll(LANES), .code = (uint8_t)roll(CODES)};
    op.target = (uint8_t)(roll(2) | roll(4) << 2);
    if (roll(8) == 0)
        op.target |= (uint8_t)((WHICH_CURRENT + 1 + roll(5)) << 4);
    op.argument = (uint8_t)roll(256);
    return op;
}

/* Puts one in; there is room for it. */
static void insert(uint8_t *ops, size_t count, size_t at, const struct op *op)
{
    memmove(ops + (at + 1) * OP, ops + at * OP, (count - at) * OP);
    memcpy(ops + at * OP, op, OP);
}

static size_t change(uint8_t *ops, size_t count, size_t room)
{
    struct op op = some_op(), other;
    size_t at = roll((uint32_t)count + 1), from = count > 0 ? roll((uint32_t)count) : 0;
    switch (roll(count == 0 ? 1 : 6)) {
    case 0: /* a new one */
        if (count < room)
            insert(ops, count++, at, &op);
        break;
    case 1: /* one once more, perhaps elsewhere */
        memcpy(&op, ops + from * OP, OP);
        if (roll(2))
            op.lane = (uint8_t)roll(LANES);
        if (count < room)
            insert(ops, count++, at, &op);
        break;
    case 2: /* one less */
        memmove(ops + from * OP, ops + (from + 1) * OP, (count - from - 1) * OP);
        count--;
        break;
    case 3: /* two change places */
        at %= count;
        memcpy(&op, ops + from * OP, OP);
        memcpy(&other, ops + at * OP, OP);
        memcpy(ops + from * OP, &other, OP);
        memcpy(ops + at * OP, &op, OP);
        break;
    default: /* a part of one is another */
        ops[from * OP + roll(OP)] = ((const uint8_t *)&op)[roll(OP)];
        break;
    }
    return count;
}

/* A weak memory shows much that is new, and costs more than twice the time: few inputs keep it. */
static void calm(uint8_t *header)
{
    if (header[3] >> 5 == 7 && roll(4) != 0)
        header[3] &= 0x1f;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    dice = seed;
    if (size < SCRIPT_HEADER || max_size < SCRIPT_HEADER + OP || roll(8) == 0)
        return LLVMFuzzerMutate(data, size, max_size);
    calm(data);
    if (roll(4) == 0) { /* another schedule, or world */
        data[roll(4) ? roll(3) : roll(SCRIPT_HEADER)] = (uint8_t)roll(256);
        return size;
    }
    size_t count = (size - SCRIPT_HEADER) / OP, room = (max_size - SCRIPT_HEADER) / OP;
    for (uint32_t changes = 1 + roll(3); changes > 0; changes--)
        count = change(data + SCRIPT_HEADER, count, room < SCRIPT_OPS ? room : SCRIPT_OPS);
    return SCRIPT_HEADER + count * OP;
}
