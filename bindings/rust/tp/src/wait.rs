//! Waits: a callback when something is signaled, or a time has run out before.

use crate::callback::Callback;
use crate::context::{Context, OnCancel};
use crate::error::{check, Result, WaitError};
use crate::objects::{Kind, Object};
use crate::sync::{limit, WaitResult, Waitable};
use std::ffi::c_void;
use std::ptr::{null, null_mut};
use std::time::Duration;
use tp_sys as sys;

pub(crate) struct WaitKind;

impl Kind for WaitKind {
    type Raw = sys::tp_wait_t;
    unsafe fn wait(raw: *mut Self::Raw, cancel: bool, timeout: i64) -> sys::tp_status_t {
        sys::tp_wait_wait(raw, cancel, timeout)
    }
    unsafe fn close(raw: *mut Self::Raw) -> sys::tp_status_t {
        sys::tp_wait_close(raw)
    }
    unsafe fn stop(raw: *mut Self::Raw) {
        sys::tp_wait_set(raw, null(), null_mut());
    }
}

/// A closure that runs when what it is armed on is signaled, or the time has run out before.
///
/// Dropping it disarms it, drops what is queued and waits for callbacks that run; in its own
/// callback it does not wait, and the closure is freed afterwards.
pub struct Wait(Object<WaitKind>);

unsafe extern "C" fn run<F: Fn(&Callback<'_>, WaitResult)>(
    instance: *mut sys::tp_callback_instance_t,
    context: *mut c_void,
    _: *mut sys::tp_wait_t,
    result: sys::tp_wait_result_t,
) {
    Context::<F>::run(instance, context, |function, callback| {
        function(callback, WaitResult::new(result))
    });
}

impl Wait {
    /// SAFETY: the environment releases contexts, and what the closure borrows outlives the object.
    pub(crate) unsafe fn new<F>(
        env: *mut sys::tp_env_t,
        function: F,
        on_cancel: Option<OnCancel>,
    ) -> Result<Self>
    where
        F: Fn(&Callback<'_>, WaitResult) + Send + Sync,
    {
        Object::new(function, on_cancel, |context, out| {
            sys::tp_wait_create(Some(run::<F>), context, env, out)
        })
        .map(Wait)
    }

    /// Arms it anew, for one callback, and tells whether that took away an arming that had not
    /// been queued. Of a descriptor the library keeps a reference. An event, semaphore or mutex
    /// that is dropped leaves it armed, for nothing but the timeout (`None`: none).
    pub fn set<'a>(
        &self,
        source: impl Into<Waitable<'a>>,
        timeout: Option<Duration>,
    ) -> Result<bool> {
        let mut spec = sys::tp_wait_spec_t::default();
        let mut was_armed = false;
        // SAFETY: the library judges the handle; the structs outlive the call.
        unsafe {
            sys::tp_wait_spec_init(&mut spec);
            spec.source = source.into().raw;
            spec.timeout = limit(timeout);
            check(sys::tp_wait_set(self.0.raw, &spec, &mut was_armed))?;
        }
        Ok(was_armed)
    }

    /// Disarms it, and tells whether that took away an arming that had not been queued.
    pub fn disarm(&self) -> Result<bool> {
        let mut was_armed = false;
        // SAFETY: see set.
        check(unsafe { sys::tp_wait_set(self.0.raw, null(), &mut was_armed) })?;
        Ok(was_armed)
    }

    /// Waits until nothing is queued and nothing runs, and hands over the first panic since the
    /// last wait. It neither waits for a signal to come nor disarms.
    pub fn wait(&self) -> Result<(), WaitError> {
        self.0.wait(false, None)
    }

    /// As `wait`, for at most so long.
    pub fn wait_for(&self, time: Duration) -> Result<(), WaitError> {
        self.0.wait(false, Some(time))
    }

    /// Drops what is queued, and waits for what runs.
    pub fn cancel(&self) -> Result<(), WaitError> {
        self.0.wait(true, None)
    }

    /// Disarms and ends it without waiting: what is queued still runs, then the closure is freed.
    pub fn detach(self) {
        self.0.detach();
    }

    /// The handle, for the functions of `tp_sys`.
    pub fn as_raw(&self) -> *mut sys::tp_wait_t {
        self.0.raw
    }
}
