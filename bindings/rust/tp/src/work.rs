//! Callbacks that the program asks for.

use crate::callback::Callback;
use crate::context::{Context, OnCancel};
use crate::error::{check, Result, WaitError};
use crate::objects::{Kind, Object};
use std::cell::UnsafeCell;
use std::ffi::c_void;
use std::time::Duration;
use tp_sys as sys;

pub(crate) struct WorkKind;

impl Kind for WorkKind {
    type Raw = sys::tp_work_t;
    unsafe fn wait(raw: *mut Self::Raw, cancel: bool, timeout: i64) -> sys::tp_status_t {
        sys::tp_work_wait(raw, cancel, timeout)
    }
    unsafe fn close(raw: *mut Self::Raw) -> sys::tp_status_t {
        sys::tp_work_close(raw)
    }
}

/// A closure that runs once for each submit.
///
/// Dropping it drops what is queued and waits for callbacks that run; in its own callback it does
/// not wait, and the closure is freed afterwards.
pub struct Work(Object<WorkKind>);

unsafe extern "C" fn run<F: Fn(&Callback<'_>)>(
    instance: *mut sys::tp_callback_instance_t,
    context: *mut c_void,
    _: *mut sys::tp_work_t,
) {
    Context::<F>::run(instance, context, |function, callback| function(callback));
}

impl Work {
    /// SAFETY: the environment releases contexts, and what the closure borrows outlives the object.
    pub(crate) unsafe fn new<F>(
        env: *mut sys::tp_env_t,
        function: F,
        on_cancel: Option<OnCancel>,
    ) -> Result<Self>
    where
        F: Fn(&Callback<'_>) + Send + Sync,
    {
        Object::new(function, on_cancel, |context, out| {
            sys::tp_work_create(Some(run::<F>), context, env, out)
        })
        .map(Work)
    }

    /// Has the closure run once more, in parallel with other runs of it. Cannot fail for lack of
    /// anything.
    pub fn submit(&self) -> Result<()> {
        // SAFETY: the library judges the handle, here as below.
        check(unsafe { sys::tp_work_submit(self.0.raw) })
    }

    /// As many submits, with one decision about waking threads.
    pub fn submit_many(&self, count: u32) -> Result<()> {
        // SAFETY: see submit.
        check(unsafe { sys::tp_work_submit_many(self.0.raw, count) })
    }

    /// Waits until nothing is queued and nothing runs, and hands over the first panic since the
    /// last wait.
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

    /// Ends the object without waiting: what is queued still runs, then the closure is freed.
    pub fn detach(self) {
        self.0.detach();
    }

    /// The handle, for the functions of `tp_sys`.
    pub fn as_raw(&self) -> *mut sys::tp_work_t {
        self.0.raw
    }
}

struct Once<F>(UnsafeCell<Option<F>>);

unsafe extern "C" fn run_once<F: FnOnce(&Callback<'_>)>(
    instance: *mut sys::tp_callback_instance_t,
    context: *mut c_void,
) {
    // SAFETY of the cell: a simple callback runs once, and nobody else looks into it.
    Context::<Once<F>>::run(instance, context, |once, callback| {
        if let Some(function) = (*once.0.get()).take() {
            function(callback);
        }
    });
}

/// Runs a closure once. SAFETY: as `Work::new`.
pub(crate) unsafe fn spawn<F>(
    env: *mut sys::tp_env_t,
    function: F,
    on_cancel: Option<OnCancel>,
) -> Result<()>
where
    F: FnOnce(&Callback<'_>) + Send,
{
    let once = Once(UnsafeCell::new(Some(function)));
    let (context, _) = Context::let_go(once, on_cancel);
    let submitted = check(sys::tp_try_submit(Some(run_once::<F>), context, env));
    if submitted.is_err() {
        drop(Box::from_raw(context as *mut Context<Once<F>>));
    }
    submitted
}
