//! The token a callback gets: what it may ask of its pool while it runs.

use crate::error::{check, Result};
use crate::sync::{Event, Mutex, Semaphore};
use std::marker::PhantomData;
use tp_sys as sys;

/// One run of one callback. It cannot leave its callback or its thread.
///
/// The actions `..._on_return` are done by the pool after the closure has returned, or panicked,
/// and before a wait for the object ends. There is one of each kind: the last call wins. The object
/// they are done to must not be dropped before; if it is, nothing happens to it.
pub struct Callback<'a> {
    raw: *mut sys::tp_callback_instance_t,
    here: PhantomData<&'a *mut ()>,
}

impl Callback<'_> {
    pub(crate) fn new(raw: *mut sys::tp_callback_instance_t) -> Self {
        Callback { raw, here: PhantomData }
    }

    /// For the functions of `tp_sys` that this crate does not wrap.
    pub fn as_raw(&self) -> *mut sys::tp_callback_instance_t {
        self.raw
    }

    /// Tells that this callback will run long. `Err(TooManyThreads)`: the pool has no other thread
    /// meanwhile, and may not start one.
    pub fn may_run_long(&self) -> Result<()> {
        // SAFETY: the library judges the instance, here as in the functions below.
        check(unsafe { sys::tp_callback_may_run_long(self.raw) })
    }

    /// Lets waits for the object no longer wait for this callback, which may then itself wait for
    /// it. Groups and scopes go on waiting for it.
    pub fn disassociate(&self) -> Result<()> {
        // SAFETY: see may_run_long.
        check(unsafe { sys::tp_callback_disassociate(self.raw) })
    }

    /// Whether somebody waits for this callback who has cancelled the others: it may end early.
    pub fn cancel_requested(&self) -> bool {
        let mut requested = false;
        // SAFETY: see may_run_long; the flag lives as long as the call.
        let status = unsafe { sys::tp_callback_cancel_requested(self.raw, &mut requested) };
        status == sys::TP_OK && requested
    }

    /// Has an event set after the callback.
    pub fn set_event_on_return(&self, event: &Event) -> Result<()> {
        // SAFETY: see may_run_long; it judges the other handle too.
        check(unsafe { sys::tp_callback_set_event_on_return(self.raw, event.as_raw()) })
    }

    /// Has a semaphore released by `count` after the callback.
    pub fn release_semaphore_on_return(&self, semaphore: &Semaphore, count: u32) -> Result<()> {
        let semaphore = semaphore.as_raw();
        // SAFETY: see set_event_on_return.
        check(unsafe { sys::tp_callback_release_semaphore_on_return(self.raw, semaphore, count) })
    }

    /// Has a mutex released after the callback, whose thread must own it then: that of a `Wait`
    /// armed on it does.
    pub fn release_mutex_on_return(&self, mutex: &Mutex) -> Result<()> {
        // SAFETY: see set_event_on_return.
        check(unsafe { sys::tp_callback_release_mutex_on_return(self.raw, mutex.as_raw()) })
    }

    /// In which states (of `poll`) the descriptor was that satisfied this callback's wait.
    pub fn wait_events(&self) -> Result<u32> {
        let mut events = 0;
        // SAFETY: see may_run_long; the number lives as long as the call.
        check(unsafe { sys::tp_callback_wait_events(self.raw, &mut events) })?;
        Ok(events)
    }

    /// Runs something that blocks: meanwhile the pool may use another thread. It would find out by
    /// itself, a few milliseconds later.
    pub fn blocking<T>(&self, body: impl FnOnce() -> T) -> T {
        struct End(bool);
        impl Drop for End {
            fn drop(&mut self) {
                if self.0 {
                    // SAFETY: takes nothing, and refuses where nothing was begun.
                    unsafe { sys::tp_blocking_end() };
                }
            }
        }
        // SAFETY: takes nothing; this is the thread of a callback, as the token cannot leave it.
        let _end = End(unsafe { sys::tp_blocking_begin() } == sys::TP_OK);
        body()
    }
}
