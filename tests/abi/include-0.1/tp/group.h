/* group.h - cleanup groups: waiting for, cancelling and closing many objects at once. */
#ifndef TP_GROUP_H
#define TP_GROUP_H

#include "tp/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Makes an empty cleanup group. Objects join it through tp_env_set_cleanup_group.
 *
 *  Mirrors: CreateThreadpoolCleanupGroup. Differs: status; MIRROR.md#cleanup-group-create.
 *  group_out the group; NULL on any error.
 *  Returns: TP_OK; TP_ERR_ARGUMENT if group_out is NULL; TP_ERR_NO_MEMORY.
 *  Threads: any.
 *  Blocks:  never; allocates; callable from a callback; not async-signal-safe.
 *  Owns:    the caller owns the group: close it with tp_cleanup_group_close.
 *  Since:   0.1 */
TP_API TP_NODISCARD tp_status_t tp_cleanup_group_create(tp_cleanup_group_t **group_out);

/** Takes the members the group has now, waits until nothing of them is pending or running, and
 *  closes them. The group is then empty and may be used again.
 *
 *  With cancel_pending every member that was not closed on its own gets the cancel callback given
 *  with its environment, once, on this thread, after its last callback; a simple callback that has
 *  begun does not. Members made meanwhile are either closed too or left alone.
 *
 *  Mirrors: CloseThreadpoolCleanupGroupMembers. Differs: deadlock detected, a second concurrent
 *  call waits; MIRROR.md#cleanup-group-close-members.
 *  group            the group.
 *  cancel_pending   true drops what is pending and calls the cancel callbacks; false has all that
 *                   is pending run and calls none.
 *  cleanup_context  handed to the cancel callbacks; may be NULL.
 *  Returns: TP_OK; TP_ERR_HANDLE if not an open group; TP_ERR_DEADLOCK from a callback of a member,
 *           disassociated or not: nothing is changed.
 *  Threads: any; several at once each return when what they and the others took is closed.
 *  Blocks:  yes, for running callbacks, also disassociated ones; allocates nothing; callable from a
 *           callback that is no member's; not async-signal-safe.
 *  Owns:    ends the caller's ownership of the members: their handles are stale and must not be
 *           closed again. `cleanup_context` stays the caller's.
 *  Since:   0.1 */
TP_API tp_status_t tp_cleanup_group_close_members(tp_cleanup_group_t *group, bool cancel_pending,
                                                  void *cleanup_context);

/** Closes an empty group.
 *
 *  Mirrors: CloseThreadpoolCleanupGroup. Differs: refuses a group with members;
 *  MIRROR.md#cleanup-group-close.
 *  group    the group; NULL does nothing.
 *  Returns: TP_OK, also for NULL; TP_ERR_HANDLE if not an open group; TP_ERR_BUSY while it has
 *           members, or members closed on their own still have callbacks to come, or its members
 *           are being closed.
 *  Threads: any.
 *  Blocks:  never; allocates nothing; callable from a callback; not async-signal-safe.
 *  Owns:    ends the caller's ownership. An environment that still names the group makes creates
 *           fail with TP_ERR_CLOSED.
 *  Since:   0.1 */
TP_API tp_status_t tp_cleanup_group_close(tp_cleanup_group_t *group);

#ifdef __cplusplus
}
#endif

#endif
