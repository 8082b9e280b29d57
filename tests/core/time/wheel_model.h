/* wheel_model.h - a timer wheel beside a naive sorted list, which says what the wheel must do. */
#ifndef TESTS_CORE_TIME_WHEEL_MODEL_H
#define TESTS_CORE_TIME_WHEEL_MODEL_H

#include <string.h>

#include "core/time/wheel.h"

/* Every function makes one step on both and compares them; `complaint` is the first difference.
 * A model is one flat value that may be saved, and restored at the same address. */

#ifndef MODEL_NODES
#define MODEL_NODES 8u
#endif
#define MODEL_GHOSTS (2u * MODEL_NODES)

struct model_ghost {
    int64_t latest;
    bool handed_out; /* by expire, which was not done yet */
};

struct model {
    struct tpi_wheel wheel;
    struct tpi_wheel_node nodes[MODEL_NODES];
    int64_t at[MODEL_NODES];      /* when a node is due: its due time, or later if added later */
    uint32_t order[MODEL_NODES];  /* of adding */
    uint32_t sorted[MODEL_NODES]; /* which nodes are in the wheel, in order; behind them the rest */
    uint32_t count, added;
    uint32_t used; /* so many from the beginning of `sorted` have been in the wheel */
    int64_t now;                             /* what the caller said last */
    int64_t seen;                            /* what the wheel has seen */
    struct model_ghost ghosts[MODEL_GHOSTS]; /* taken out: next may be as early as them */
    uint32_t ghosts_count;
    bool ghosts_many; /* more than fit */
    const char *complaint;
};

static inline void model_complain(struct model *model, const char *text)
{
    if (model->complaint == NULL)
        model->complaint = text;
}

#define MODEL_EXPECT(model, condition, text) \
    do { \
        if (!(condition)) \
            model_complain(model, text); \
    } while (0)

static inline int64_t model_cursor(const struct model *model)
{
    return (int64_t)(model->wheel.cursor ^ UINT64_C(1) << 63);
}

static inline void model_init(struct model *model, int64_t now)
{
    memset(model, 0, sizeof *model);
    memset(&model->wheel, 0xa5, sizeof model->wheel); /* init must suffice */
    for (uint32_t i = 0; i < MODEL_NODES; i++)
        model->sorted[i] = i;
    model->now = model->seen = now;
    tpi_wheel_init(&model->wheel, now);
}

/* ---- what must hold between any two steps ---------------------------------------------------- */

static inline bool model_knows_ghost(const struct model *model, int64_t latest)
{
    for (uint32_t i = 0; i < model->ghosts_count; i++) {
        if (model->ghosts[i].latest == latest)
            return true;
    }
    return model->ghosts_many;
}

static inline void model_check_next(struct model *model)
{
    int64_t next = tpi_wheel_next(&model->wheel), earliest = TPI_WHEEL_NEVER;
    for (uint32_t i = 0; i < model->count; i++) {
        int64_t latest = model->nodes[model->sorted[i]].latest;
        earliest = latest < earliest ? latest : earliest;
    }
    MODEL_EXPECT(model, next <= earliest, "next is late");
    MODEL_EXPECT(model, next >= earliest || (model->count > 0 && model_knows_ghost(model, next)),
                 "next is early without a reason");
}

/* `seen` may have become any time up to `until`, but nothing may be left behind. */
static inline void model_check(struct model *model, int64_t until)
{
    int64_t seen = model_cursor(model);
    MODEL_EXPECT(model, seen >= model->seen && seen <= until, "the cursor is out of bounds");
    MODEL_EXPECT(model, model->count == 0 || model->at[model->sorted[0]] >= seen,
                 "the cursor has passed a node");
    MODEL_EXPECT(model, !tpi_wheel_ahead(&model->wheel, seen), "ahead of what it has seen");
    MODEL_EXPECT(model, seen == INT64_MIN || tpi_wheel_ahead(&model->wheel, seen - 1),
                 "not ahead of an earlier time");
    for (uint32_t i = 0; i < model->used; i++)
        MODEL_EXPECT(model, tpi_wheel_holds(&model->nodes[model->sorted[i]]) == (i < model->count),
                     "a node is in the wheel and should not be, or the other way round");
    model->seen = seen;
    if (model->count == 0) {
        model->ghosts_count = 0;
        model->ghosts_many = false;
    }
    model_check_next(model);
}

/* ---- steps ----------------------------------------------------------------------------------- */

/* Into the list, by time and order. */
static inline void model_insert(struct model *model, uint32_t index)
{
    uint32_t place = model->count++;
    for (; place > 0; place--) {
        uint32_t before = model->sorted[place - 1];
        if (model->at[before] < model->at[index] ||
            (model->at[before] == model->at[index] && model->order[before] < model->order[index]))
            break;
        model->sorted[place] = before;
    }
    model->sorted[place] = index;
}

/* False if there is no node left. Compares nothing yet: for many in a row. */
static inline bool model_put(struct model *model, int64_t due, int64_t latest)
{
    if (model->count == MODEL_NODES)
        return false;
    uint32_t index = model->sorted[model->count];
    struct tpi_wheel_node *node = &model->nodes[index];
    model->used = model->used > model->count ? model->used : model->count + 1;
    node->due = due;
    node->latest = latest;
    node->tag = ~index;
    model->at[index] = due > model->seen ? due : model->seen;
    model->order[index] = model->added++;
    model_insert(model, index);
    tpi_wheel_add(&model->wheel, node);
    return true;
}

static inline bool model_add(struct model *model, int64_t due, int64_t latest)
{
    bool put = model_put(model, due, latest);
    if (put)
        model_check(model, model->seen);
    return put;
}

/* The k-th of the list leaves it. */
static inline void model_drop(struct model *model, uint32_t k, bool handed_out)
{
    uint32_t index = model->sorted[k];
    model->count--;
    memmove(&model->sorted[k], &model->sorted[k + 1], (model->count - k) * sizeof *model->sorted);
    model->sorted[model->count] = index;
    if (model->ghosts_count == MODEL_GHOSTS)
        model->ghosts_many = true;
    else
        model->ghosts[model->ghosts_count++] =
            (struct model_ghost){model->nodes[index].latest, handed_out};
}

static inline bool model_remove(struct model *model, uint32_t k)
{
    if (k >= model->count)
        return false;
    struct tpi_wheel_node *node = &model->nodes[model->sorted[k]];
    model_drop(model, k, false);
    tpi_wheel_remove(&model->wheel, node);
    model_check(model, model->seen);
    return true;
}

/* Slots are emptied as time passes them, so what lay in them is forgotten. */
static inline void model_lay_ghosts(struct model *model)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < model->ghosts_count; i++) {
        if (!model->ghosts[i].handed_out && model->ghosts[i].latest > model->seen)
            model->ghosts[kept++] = model->ghosts[i];
    }
    model->ghosts_count = kept;
}

/* How many nodes came to lie elsewhere; each step down is one to another place. */
static inline uint32_t model_moved(const struct model *model, const uint32_t *places)
{
    uint32_t moved = 0;
    for (uint32_t i = 0; i < model->used; i++)
        moved += places[i] != model->nodes[i].place;
    return moved;
}

static inline bool model_expire(struct model *model, int64_t now, uint32_t most)
{
    struct tpi_wheel_node *out[MODEL_NODES + 1], *untouched = (struct tpi_wheel_node *)&out;
    uint32_t places[MODEL_NODES], moved;
    int64_t until = now > model->seen ? now : model->seen;
    bool done = (most & 1) == 0; /* either must be overwritten */
    most = most < MODEL_NODES ? most : MODEL_NODES;
    for (uint32_t i = 0; i < model->used; i++)
        places[i] = model->nodes[i].place;
    for (uint32_t i = 0; i <= most; i++)
        out[i] = untouched;
    model->now = now;
    uint32_t count = tpi_wheel_expire(&model->wheel, now, out, most, &done);
    MODEL_EXPECT(model, count <= most, "more handed out than wanted");
    for (uint32_t i = 0; i < count && model->complaint == NULL; i++) {
        uint32_t index = model->sorted[0];
        MODEL_EXPECT(model, model->count > 0 && out[i] == &model->nodes[index], "not in order");
        MODEL_EXPECT(model, model->at[index] <= until && model->nodes[index].due <= until, "early");
        MODEL_EXPECT(model, model->nodes[index].tag == ~index, "the tag is not the caller's own");
        if (model->complaint == NULL)
            model_drop(model, 0, true);
    }
    MODEL_EXPECT(model, out[count <= most ? count : 0] == untouched, "written behind the end");
    moved = model_moved(model, places);
    MODEL_EXPECT(model, moved <= TPP_WHEEL_WORK, "more filed anew than is allowed at once");
    MODEL_EXPECT(model, done || count == most || moved > 0, "not done, and nothing was done");
    model_check(model, until);
    if (done) {
        MODEL_EXPECT(model, model->count == 0 || model->at[model->sorted[0]] > until,
                     "done, and more is due");
        MODEL_EXPECT(model, model->seen == until, "done, and has not seen the time");
        MODEL_EXPECT(model, tpi_wheel_next(&model->wheel) > until, "done, and next is not later");
        model_lay_ghosts(model);
        model_check_next(model);
    }
    return done;
}

/* Until nothing more is due at `now`; each call must get on, so their number has a limit. */
static inline void model_expire_all(struct model *model, int64_t now, uint32_t most)
{
    uint32_t calls = model->count * (TPI_WHEEL_LEVELS + 1) + 1;
    while (model->complaint == NULL && !model_expire(model, now, most) && --calls > 0)
        ;
    MODEL_EXPECT(model, calls > 0, "never done");
}

/* Sleeps till the wheel wants to be asked. Nobody who came in time is handed out too late. */
static inline void model_wake(struct model *model, uint32_t most)
{
    int64_t next = tpi_wheel_next(&model->wheel);
    int64_t now = next > model->seen ? next : model->seen;
    if (next == TPI_WHEEL_NEVER)
        return;
    for (uint32_t i = 0; i < model->count; i++) {
        int64_t latest = model->nodes[model->sorted[i]].latest;
        MODEL_EXPECT(model, latest >= now || latest < model->seen, "woken too late");
    }
    model_expire_all(model, now, most);
}

static inline void model_drain(struct model *model, uint32_t most)
{
    /* A removed node can be the cause of a wake-up, and nothing more than the one. */
    uint32_t wakes = 2 * MODEL_NODES + model->ghosts_count;
    while (model->complaint == NULL && model->count > 0 && (wakes-- > 0 || model->ghosts_many))
        model_wake(model, most);
    MODEL_EXPECT(model, model->count == 0, "a node never comes out");
    MODEL_EXPECT(model, tpi_wheel_next(&model->wheel) == TPI_WHEEL_NEVER, "empty, and yet to wake");
}

/* False if the wheel has not seen a later time. */
static inline bool model_rewind(struct model *model, int64_t now)
{
    uint32_t count = model->count, nodes[MODEL_NODES];
    if (!tpi_wheel_ahead(&model->wheel, now))
        return false;
    tpi_wheel_rewind(&model->wheel, now);
    memcpy(nodes, model->sorted, sizeof nodes);
    model->count = 0;
    for (uint32_t i = 0; i < count; i++) {
        int64_t due = model->nodes[nodes[i]].due;
        model->at[nodes[i]] = due > now ? due : now;
        model_insert(model, nodes[i]);
    }
    model->now = model->seen = now;
    model->ghosts_count = 0;
    model->ghosts_many = false;
    model_check(model, now);
    return true;
}

#endif
