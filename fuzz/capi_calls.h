/* capi_calls.h - the calls that a script makes, by kind of object. */
#ifndef FUZZ_CAPI_CALLS_H
#define FUZZ_CAPI_CALLS_H

#include "fuzz/capi.h"

void lane_run(uint32_t lane);

/* True: the code is one of theirs. */
bool object_operation(const struct op *op); /* capi_objects.c */
bool arming_operation(const struct op *op); /* capi_arming.c: timers and waits */
bool io_operation(const struct op *op);     /* capi_io.c */
bool sync_operation(const struct op *op);   /* capi_sync.c */
bool pool_operation(const struct op *op);   /* capi_pools.c */
bool group_operation(const struct op *op);  /* capi_groups.c: groups and environments */
bool world_operation(const struct op *op);  /* capi_files.c: files, signals, clocks */

/* capi_pools.c */
void pools_begin(void); /* of them the default one is known */
void pools_over(void);  /* closes them, groups and environments */
struct pool *pool_make(uint32_t place, uint32_t variant);
struct pool *pool_at(uint32_t place); /* made if it is not there; the last is the default one */
struct pool *pool_target(const struct op *op, void **handle_out);

/* capi_groups.c */
void envs_begin(void);
void groups_over(void);
struct group *group_at(uint32_t place);
struct env *env_for(uint32_t which); /* NULL: none, the default pool */

/* capi_objects.c */
struct object *object_new(enum tpi_kind kind, const struct env *env, uint32_t body);
void object_make(enum tpi_kind kind, uint32_t place, uint32_t env, uint32_t body);
struct object *object_target(const struct op *op, enum tpi_kind kind, void **handle_out);
void object_wait(const struct op *op, enum tpi_kind kind, const char *function,
                 tp_status_t (*wait)(void *handle, bool cancel, int64_t timeout));
void object_close(const struct op *op, enum tpi_kind kind, const char *function,
                  tp_status_t (*close)(void *handle));
void callback_begin(tp_callback_instance_t *instance, struct object *object, const void *handle);
void callback_end(void); /* its body runs first */
extern const tp_simple_fn capi_finalizer;
extern const tp_release_fn capi_release;
extern const tp_cancel_fn capi_cancel;

/* capi_arming.c */
void timer_called(tp_callback_instance_t *instance, void *context, tp_timer_t *timer);
void wait_called(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                 tp_wait_result_t result);
void timer_halt(struct object *timer);
void wait_halt(struct object *wait);

/* capi_io.c */
tp_status_t io_create(struct object *io, uint32_t file, const tp_env_t *env, void **handle_out,
                      uint64_t *allowed_out);
void io_halt(struct object *io);
void io_free_buffers(const struct object *io);

/* capi_sync.c */
struct sync *sync_make(enum tpi_kind kind, uint32_t place, uint32_t argument);
struct sync *sync_at(enum tpi_kind kind, uint32_t place);
tp_waitable_t source_of(const struct op *op, uint32_t choice, struct sync **sync_out,
                        uint64_t *allowed_out);
void sync_claim(struct sync *sync);
void sync_unclaim(struct sync *sync);
void sync_taken(struct sync *sync);
bool sync_may_acquire(void); /* there is room to remember it */
void sync_acquired(struct sync *sync, bool abandoned);
void sync_releases(struct sync *sync);
void sync_check_maybe(const struct sync *sync, const struct arming *arming, const char *who);
void syncs_abandon(void); /* the thread is about to end */
void syncs_over(void);    /* closes all */

/* capi_files.c */
void files_let_go(void);
void files_close(void);

#endif
