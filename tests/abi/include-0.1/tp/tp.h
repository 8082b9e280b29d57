/* tp.h - the whole interface of tp, a thread pool of the Windows Vista design, on one page.
 *
 * Version and status (tp/library.h, tp/version.h, tp/types.h)
 *   tp_version  tp_version_string                    the library that is running
 *   tp_status_name  tp_status_message                a status as constant and as sentence
 *   tp_last_errno                                    the errno behind TP_ERR_SYSTEM
 *   tp_set_allocator  tp_set_misuse_hook             whose memory; who hears of misuse
 *   tp_allocator_init  tp_pool_config_init  tp_pool_stats_init
 *                                                    twins of the TP_..._INIT macros
 * Pool (tp/pool.h)
 *   tp_pool_create  tp_pool_default  tp_pool_close   a private one; that of the process; its end
 *   tp_pool_set_thread_minimum  tp_pool_set_thread_maximum
 *   tp_pool_set_stack  tp_pool_get_stack             for threads started from now on
 *   tp_pool_get_stats                                threads, posts, callbacks, times
 *   tp_pool_dump                                     what each thread runs, as text
 *   tp_pool_shutdown                                 empties it and ends its threads
 *   tp_pool_run  tp_pool_poll_fd                     a pool without threads, in a loop of one's own
 * Environment (tp/env.h): what an object copies when it is created
 *   tp_env_create  tp_env_destroy
 *   tp_env_set_pool  tp_env_set_priority  tp_env_set_cleanup_group
 *   tp_env_set_runs_long  tp_env_set_persistent  tp_env_set_library
 *   tp_env_set_finalizer  tp_env_set_context_release
 *   tp_env_set_concurrency_limit  tp_env_set_name
 * Callbacks to ask for (tp/work.h)
 *   tp_try_submit                                    once, no handle, may fail
 *   tp_work_create  tp_work_submit  tp_work_submit_many  tp_work_wait  tp_work_close
 * Cleanup group (tp/group.h): many objects waited for, cancelled and closed at once
 *   tp_cleanup_group_create  tp_cleanup_group_close_members  tp_cleanup_group_close
 * In a callback (tp/instance.h)
 *   tp_callback_may_run_long  tp_callback_disassociate  tp_callback_cancel_requested
 *   tp_callback_unlock_on_return  tp_callback_release_mutex_on_return
 *   tp_callback_release_semaphore_on_return  tp_callback_set_event_on_return
 *   tp_callback_close_library_on_return  tp_callback_wait_events
 *   tp_blocking_begin  tp_blocking_end               around a stretch that blocks
 * Timers (tp/timer.h): a callback when its time has come
 *   tp_timer_create  tp_timer_set  tp_timer_is_set  tp_timer_wait  tp_timer_close
 *   tp_timer_spec_init                               twin of TP_TIMER_SPEC_INIT
 * Waits (tp/wait.h): a callback when something is signaled, or a time has run out before
 *   tp_wait_create  tp_wait_set  tp_wait_wait  tp_wait_close
 *   tp_wait_spec_init                                twin of TP_WAIT_SPEC_INIT
 * I/O (tp/io.h): a callback for each operation on a descriptor that is completed
 *   tp_io_create  tp_io_wait  tp_io_close
 *   tp_io_submit  tp_io_submit_many  tp_io_abort     read, write, receive, send, accept ...
 *   tp_io_start  tp_io_cancel  tp_io_complete        completions that come from elsewhere
 *   tp_io_op_init                                    twin of TP_IO_OP_INIT
 * Synchronisation (tp/sync.h)
 *   tp_event_create  tp_event_set  tp_event_reset  tp_event_close
 *   tp_semaphore_create  tp_semaphore_release  tp_semaphore_close
 *   tp_mutex_create  tp_mutex_release  tp_mutex_close
 *   tp_waitable_event  tp_waitable_semaphore  tp_waitable_mutex  tp_waitable_never
 *   tp_waitable_fd  tp_waitable_process  tp_waitable_signal
 *   tp_waitable_wait                                 until it is signaled, or a time ran out
 *
 * What holds for every function: it returns a status, 0 or a negative constant, and never prints or
 * ends the process. A wrong, stale or NULL handle is TP_ERR_HANDLE and changes nothing. An
 * out-parameter is set to NULL or 0 first. Times are int64_t nanoseconds. What "TP_ERR_VERSION"
 * means stands in tp/types.h. Only a create, tp_try_submit, tp_wait_set on a descriptor,
 * tp_io_start and tp_io_submit can fail for lack of resources. In a child made by fork every handle
 * of the parent is TP_ERR_FORKED; new objects, and the default pool, can be made there. */
#ifndef TP_TP_H
#define TP_TP_H

#include "tp/env.h"
#include "tp/group.h"
#include "tp/instance.h"
#include "tp/io.h"
#include "tp/library.h"
#include "tp/pool.h"
#include "tp/sync.h"
#include "tp/timer.h"
#include "tp/types.h"
#include "tp/version.h"
#include "tp/wait.h"
#include "tp/work.h"

#endif
