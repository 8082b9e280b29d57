//! Cleanup groups: objects that are waited for, cancelled and closed together.

use crate::context::leaves_everything;
use crate::error::{check, Result};
use std::ptr::null_mut;
use tp_sys as sys;

/// Objects that end together. They join it with `Builder::group`.
///
/// Dropping it drops what is queued of its members, waits for those that run and closes them; in a
/// callback of a member it does nothing, and the members go on.
pub struct Group {
    raw: *mut sys::tp_cleanup_group_t,
}

// SAFETY: a handle is a number; the library judges it, on any thread.
unsafe impl Send for Group {}
// SAFETY: as above.
unsafe impl Sync for Group {}

impl Group {
    /// An empty group.
    pub fn new() -> Result<Self> {
        let mut raw = null_mut();
        // SAFETY: the result outlives the call.
        check(unsafe { sys::tp_cleanup_group_create(&mut raw) })?;
        Ok(Group { raw })
    }

    /// Closes all members, when what is queued has run, or, if `cancel`, was dropped, and what runs
    /// has ended. Their handles then give `Err(Handle)`. If `cancel`, what `Builder::on_cancel`
    /// was given is called for each.
    pub fn close_members(&self, cancel: bool) -> Result<()> {
        // SAFETY: the library judges the handle.
        check(unsafe { sys::tp_cleanup_group_close_members(self.raw, cancel, null_mut()) })
    }

    /// The handle, for the functions of `tp_sys`.
    pub fn as_raw(&self) -> *mut sys::tp_cleanup_group_t {
        self.raw
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if leaves_everything() {
            return;
        }
        let _ = self.close_members(true);
        // SAFETY: the handle is this one's, and is not used again.
        unsafe { sys::tp_cleanup_group_close(self.raw) };
    }
}
