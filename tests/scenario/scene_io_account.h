/* scene_io_account.h - what the files behind scene_io.h share: what is known of each object and of
 * each operation. */
#ifndef TESTS_SCENARIO_SCENE_IO_ACCOUNT_H
#define TESTS_SCENARIO_SCENE_IO_ACCOUNT_H

#include "core/object/io.h"
#include "tests/scenario/scene_io.h"

/* Plain fields are for one fiber at a time, and no schedule points: nothing is ordered by them. */
#define BLIND __attribute__((no_sanitize("thread")))

/* What a buffer is full of, keys of completions from elsewhere, and how many of those there are. */
enum { UNTOUCHED = 0xee, ELSEWHERE = 1000, VALUES = 32 };

/* OUT: its submit may still be under way. */
enum state { UNUSED, OUT, SENT, REFUSED, TOLD, FORGOTTEN };

struct op {
    enum state state;
    uint32_t io, key, opcode, turn;
    bool asked; /* to end */
    unsigned char *buffer;
    int32_t error;
    uint64_t bytes;
};
extern struct op scene_ops[SCENE_OPS];

struct record {
    tpp_ptr io; /* tp_io_t */
    tpp_u32 told, released, cancelled;
    struct tpi_io *slot;
    uint32_t generation;
    enum tpps_file kind;
    bool may_drop, may_abort, hushed;
    uint32_t announced, retracted, foreign;   /* how many; the last: told of */
    uint32_t completed, sure, heard, dropped; /* by value */
    uint32_t order[VALUES];
};
extern struct record scene_ios[SCENE_IOS];

static inline struct record *record_of(uint32_t number)
{
    tpps_check(number < SCENE_IOS);
    return &scene_ios[number];
}

static inline struct op *op_of(uint32_t op)
{
    tpps_check(op < SCENE_OPS);
    return &scene_ops[op];
}

static inline void add(tpp_u32 *word)
{
    tpp_add_acq_rel(word, 1);
    tpp_wake(word, UINT32_MAX);
}

/* Changing a word is not possible on an old value of it. */
static inline uint32_t latest(tpp_u32 *word)
{
    return tpp_add_acq_rel(word, 0);
}

/* Do all operations of the object balance, as far as nothing may have dropped some? */
void scene_io_balance(uint32_t number);

/* True: done. False: not made, or a resource failed. */
bool scene_io_went(uint32_t number, tp_status_t status);

/* Is it one of a file on a disk? */
bool scene_io_on_disk(uint32_t number);

/* The object is over: frees the buffers of its operations, whether they were told of or not. */
void scene_io_free_buffers(uint32_t number);

#endif
