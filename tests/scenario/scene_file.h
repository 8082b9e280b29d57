/* scene_file.h - descriptors in scenarios: each with a wait that reads it, and a tidy end.
 *
 * The wait with a number has the descriptor with that number. Its callback reads, see
 * scene_reader; when it began stands in the series of that number, if there is one. */
#ifndef TESTS_SCENARIO_SCENE_FILE_H
#define TESTS_SCENARIO_SCENE_FILE_H

#include "tests/scenario/scene_wait.h"

/* What spinning may take, and the gate if it has to be asked first. */
#define SCENE_SPIN (20 * US)
#define SCENE_GRACE (4 * MS + SCENE_SPIN)

/* Where pollers cannot be watched it looks each time, and some looks are for nothing. */
#define SCENE_UNWATCHED (60 * MS)

/* The descriptor with that number. */
int scene_fd(uint32_t number);

/* Opens them all, from 0 on. */
void scene_fds_open(uint32_t count);

/* Closes them: the library has let go of each, if all waits on it are closed. */
void scene_fds_close(uint32_t count);
void scene_fd_close(uint32_t number);

/* Arms the wait on its descriptor; true if it was armed. */
bool scene_listen(uint32_t number, uint32_t events);
bool scene_listen_for(uint32_t number, uint32_t events, int64_t timeout);

/* Makes a wait whose callback takes what is there, which nobody else does: the descriptor is not
 * ready any more; and arms the wait for POLLIN again, so many times. What it is told of must be
 * there. */
bool scene_reader(uint32_t number, tp_pool_t *pool, uint32_t again);

/* The same with another callback, which calls this one. */
bool scene_reader_calls(uint32_t number, tp_pool_t *pool, uint32_t again, tp_wait_fn function);
void scene_read(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                tp_wait_result_t result);

/* Until it has read so often. */
void scene_await_read(uint32_t number, uint32_t at_least);

/* Makes its descriptor readable, and waits until that has been read, so many times. */
void scene_write(uint32_t number, uint32_t times);

/* Has the reader, which is not armed, been late a few times: from now on it is told of its
 * descriptor once for each arming. */
void scene_be_late(uint32_t number);

/* Readable from now on. */
void scene_ready(uint32_t number);

/* Waits until its descriptor is not ready any more, since the reader has read. */
void scene_await_dry(uint32_t number);

/* Fails unless the reader, whose number must be a series, begins for the nth time, from 0 on, at
 * `since` or up to so much later. */
void scene_in_time(uint32_t number, uint32_t nth, int64_t since, int64_t late);

/* The same with its descriptor made readable now. */
void scene_ready_in_time(uint32_t number, uint32_t nth, int64_t late);

/* As scene_wait_finish, of a wait that may arm itself again. Nothing if it was not made. */
void scene_file_finish(uint32_t number);

/* The same of so many waits, after which nothing of their files is left. */
void scene_files_finish(uint32_t waits);

/* Then closes their descriptors, too, and the pool. */
void scene_files_end(tp_pool_t *pool, uint32_t waits);

/* A pool of one or two threads, which may be there or come and go, but for the first. */
tp_pool_t *scene_small_pool(void);

#endif
