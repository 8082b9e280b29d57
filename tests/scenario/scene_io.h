/* scene_io.h - I/O in scenarios: short calls, and an account of every operation.
 *
 * A scenario knows its I/O objects by numbers below SCENE_IOS, each has the descriptor of that
 * number; and operations by numbers below SCENE_OPS, each of which is begun once. An operation has
 * a buffer of its own, which is freed when the operation is told of, or with its object: a system
 * that writes to it later, or a result that belongs to another one, fails the run.
 *
 *     scene_io_open(0, TPPS_SOCKET);
 *     scene_io_make(0, pool);
 *     scene_io_read(0, 5); // operation 5, and its key
 *     tpps_stream_feed(scene_io_fd(0), 3);
 *     scene_io_await(0, 1);
 *     tpps_check(scene_op_bytes(5) > 0);
 *     scene_io_end(0); // waits, closes; all that was begun was told of, nothing is left
 *
 * Whenever nobody can run: begun = told + taken back + out + queued, or less only if something was
 * there to drop it. As in scene.h each call fails the run at once, and does nothing where what it
 * is about was not made. */
#ifndef TESTS_SCENARIO_SCENE_IO_H
#define TESTS_SCENARIO_SCENE_IO_H

#include <errno.h>
#include <poll.h>

#include "tests/scenario/scene_timer.h"

enum { SCENE_IOS = 4, SCENE_OPS = 32, SCENE_IO_LENGTH = 8, SCENE_DISK = 256 };

/* ---- descriptors ----------------------------------------------------------------------------- */

/* A regular file has SCENE_DISK bytes, which are not cached, and a device that takes 1 ms. */
int scene_io_fd(uint32_t number);
void scene_io_open(uint32_t number, enum tpps_file kind);
bool scene_is_disk(enum tpps_file kind);

/* One or the other way, as it is. */
enum tpps_file scene_any_stream(void);
enum tpps_file scene_any_file(void);

/* Makes room for a moment: at some time from now on what waits on it can go on. */
void scene_io_serve(uint32_t number, uint64_t bytes);

/* The library has let go of it, and the scenario does, too. */
void scene_io_fd_close(uint32_t number);

/* ---- objects --------------------------------------------------------------------------------- */

/* Each has scene_io_hit as its callback, or one whose context is SCENE_WORD(number) and which
 * begins by calling it. A release or cancel function of the choice is replaced by one that counts:
 * say scene_count_release or scene_count_cancel. False: not made. */
bool scene_io_make(uint32_t number, tp_pool_t *pool);
bool scene_io_calls(uint32_t number, tp_pool_t *pool, tp_io_fn function);
bool scene_io_chosen(uint32_t number, tp_io_fn function, const struct scene_choice *choice);
bool scene_io_released(uint32_t number, tp_pool_t *pool); /* its release counts */
tp_io_t *scene_io_of(uint32_t number);                    /* NULL: not made */

/* Checks the result against the operation, and counts. */
void scene_io_hit(tp_callback_instance_t *instance, void *context, void *operation, int32_t error,
                  uint64_t bytes, tp_io_t *io);

/* Which operation a callback has been told of; SCENE_OPS: it came from elsewhere. */
uint32_t scene_op_of(const void *operation);

void scene_io_wait(uint32_t number);
void scene_io_cancel(
    uint32_t number);                /* drops and forgets, and waits: what was begun is not told */
void scene_io_drop(uint32_t number); /* the same, but does not wait for what begins meanwhile */
void scene_io_close(uint32_t number);
void scene_io_end(uint32_t number);  /* waits, all is told; closes; nothing is left of it */
void scene_io_over(uint32_t number); /* the same of one that was closed before */

/* Runs a callback of a pool that its callers drive; false if there was none. Where the call itself
 * is refused what it needs, the run ends here: nobody could go on. */
bool scene_io_drive(tp_pool_t *pool);

/* No file is left, nor will be soon, but those of rings whose pool is still there. */
void scene_io_no_files(void);

/* As scene_made, of a call that needs descriptors, pollers or rings: these are refused like
 * memory. */
bool scene_resource(tp_status_t status);

/* Until no operation of the pool is in flight, forgotten ones included. */
void scene_io_settle(tp_pool_t *pool);

/* From now on what is out may be dropped, or aborted by the pool; no callback may begin. */
void scene_io_may_drop(uint32_t number);
void scene_io_may_abort(uint32_t number);
void scene_io_hush(uint32_t number);

/* ---- operations ------------------------------------------------------------------------------ */

/* TP_OK, or that status, which may be one of those that `or_refused` names. */
tp_status_t scene_io_try(uint32_t number, uint32_t op, uint32_t opcode);
tp_status_t scene_io_try_as(uint32_t number, uint32_t op, uint32_t key, uint32_t opcode);
bool scene_io_put(uint32_t number, uint32_t op, uint32_t opcode); /* TP_OK, or memory is short */
bool scene_io_put_as(uint32_t number, uint32_t op, uint32_t key, uint32_t opcode);
bool scene_io_read(uint32_t number, uint32_t op);
bool scene_io_write(uint32_t number, uint32_t op);

/* True: it was in flight. */
bool scene_io_abort(uint32_t number, uint32_t op);

/* Closed, stale, shut down: or done. */
bool scene_refused(tp_status_t status);

/* ---- completions from elsewhere -------------------------------------------------------------- */

tp_status_t scene_io_announce(uint32_t number);
tp_status_t scene_io_retract(uint32_t number);
tp_status_t scene_io_complete(uint32_t number, uint32_t value); /* below 32, each once */
bool scene_io_start(uint32_t number);                           /* TP_OK, or memory is short */

/* ---- what came of it ------------------------------------------------------------------------- */

void scene_io_await(uint32_t number, uint32_t callbacks);
uint32_t scene_io_told(uint32_t number);
uint32_t scene_io_releases(uint32_t number);
uint32_t scene_io_cancels(uint32_t number);
void scene_io_await_release(uint32_t number); /* and that the file is let go of */

bool scene_op_told(uint32_t op);
int32_t scene_op_error(uint32_t op);
uint64_t scene_op_bytes(uint32_t op);
bool scene_op_went(uint32_t op, int32_t error); /* told, with that error; or the scene broke off */

/* The values told of, in order: the nth, from 0. */
uint32_t scene_io_nth(uint32_t number, uint32_t nth);

/* scene.c, at the start of a run; the oracle, whenever nobody can run. */
void scene_ios_begin(void);
void scene_ios_rest(void);

#endif
