/* side.h - what a pool must be able to do to be measured: one table of functions for each. */
#ifndef BENCH_SIDE_H
#define BENCH_SIDE_H

#include <stdint.h>

#include "tp/tp.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One task body in the three shapes in which pools call it, so that none pays for a detour. */
struct body {
    void (*plain)(void *context);
    tp_simple_fn simple;
    tp_work_fn work;
};

#define BODY(name) \
    static void name##_simple(tp_callback_instance_t *instance, void *context) \
    { \
        (void)instance; \
        name(context); \
    } \
    static void name##_work(tp_callback_instance_t *instance, void *context, tp_work_t *work) \
    { \
        (void)instance; \
        (void)work; \
        name(context); \
    } \
    static const struct body name##_body = {name, name##_simple, name##_work}

/* A side is measured either with one-time tasks (submit) or with objects made before and submitted
 * again and again (prepare, post, discard). Functions it does not have are NULL. */
struct side {
    const char *name;
    /* `outside` threads beside the workers will submit, one after the other or at once. */
    void *(*open)(unsigned workers, unsigned outside);
    void (*close)(void *pool);
    /* Runs a function that submits from outside the pool, in whatever setting the pool wants. */
    void (*inside)(void *pool, void (*function)(void *argument), void *argument);

    void (*submit)(void *pool, const struct body *body, void *context);
    void (*submit_at)(void *pool, tp_priority_t priority, const struct body *body, void *context);

    void *(*prepare)(void *pool, const struct body *body, void *context);
    void (*post)(void *object, uint32_t posts);
    void (*discard)(void *object);

    /* Where a thread that waits for its tasks runs some of them itself: does that. */
    void (*help)(void *pool);
};

extern const struct side tp_side, tp_work_side, naive_side, naive_work_side;
extern const struct side glib_side, tbb_side; /* where their libraries are installed */

/* All sides that were built, NULL at the end; in the order in which they are measured. */
extern const struct side *const sides[];

#ifdef __cplusplus
}
#endif

#endif
