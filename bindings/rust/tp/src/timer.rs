//! Timers: a callback when its time has come, once or again and again.

use crate::callback::Callback;
use crate::context::{Context, OnCancel};
use crate::error::{check, Result, WaitError};
use crate::objects::{Kind, Object};
use crate::sync::nanoseconds;
use std::ffi::c_void;
use std::ptr::{null, null_mut};
use std::time::{Duration, SystemTime};
use tp_sys as sys;

pub(crate) struct TimerKind;

impl Kind for TimerKind {
    type Raw = sys::tp_timer_t;
    unsafe fn wait(raw: *mut Self::Raw, cancel: bool, timeout: i64) -> sys::tp_status_t {
        sys::tp_timer_wait(raw, cancel, timeout)
    }
    unsafe fn close(raw: *mut Self::Raw) -> sys::tp_status_t {
        sys::tp_timer_close(raw)
    }
    unsafe fn stop(raw: *mut Self::Raw) {
        sys::tp_timer_set(raw, null(), null_mut());
    }
}

/// When a timer expires.
#[derive(Clone, Copy)]
#[must_use]
pub struct Due(sys::tp_timer_spec_t);

impl Due {
    fn new(clock: u32, due: i64) -> Self {
        let mut spec = sys::tp_timer_spec_t::default();
        // SAFETY: writes the struct.
        unsafe { sys::tp_timer_spec_init(&mut spec) };
        spec.clock = clock;
        spec.due = due;
        Due(spec)
    }

    /// After a time, in which the sleep of the machine does not count.
    pub fn after(time: Duration) -> Self {
        Self::new(sys::TP_CLOCK_RELATIVE, nanoseconds(time))
    }

    /// After a time, in which the sleep of the machine counts.
    pub fn after_boottime(time: Duration) -> Self {
        Self::new(sys::TP_CLOCK_BOOTTIME, nanoseconds(time))
    }

    /// At a point in time, which follows the wall clock when that is set; at once if it is past.
    pub fn at(time: SystemTime) -> Self {
        let since = time.duration_since(SystemTime::UNIX_EPOCH);
        Self::new(sys::TP_CLOCK_REALTIME, since.map_or(0, nanoseconds))
    }

    /// At a point on CLOCK_MONOTONIC.
    pub fn at_monotonic(time: Duration) -> Self {
        Self::new(sys::TP_CLOCK_MONOTONIC, nanoseconds(time))
    }

    /// And again after each such time, on a grid, however late a callback runs.
    pub fn every(mut self, period: Duration) -> Self {
        self.0.period = nanoseconds(period);
        self
    }

    /// It may be so much later, so that timers share a wake-up.
    pub fn window(mut self, time: Duration) -> Self {
        self.0.window = nanoseconds(time);
        self
    }

    /// An expiry that finds an earlier one still queued adds none.
    pub fn skip_missed(mut self) -> Self {
        self.0.flags |= sys::TP_TIMER_SKIP_MISSED;
        self
    }
}

/// A closure that runs at each expiry; an expiry may overlap with the one before.
///
/// Dropping it stops it, drops what is queued and waits for callbacks that run; in its own callback
/// it does not wait, and the closure is freed afterwards.
pub struct Timer(Object<TimerKind>);

unsafe extern "C" fn run<F: Fn(&Callback<'_>)>(
    instance: *mut sys::tp_callback_instance_t,
    context: *mut c_void,
    _: *mut sys::tp_timer_t,
) {
    Context::<F>::run(instance, context, |function, callback| function(callback));
}

impl Timer {
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
            sys::tp_timer_create(Some(run::<F>), context, env, out)
        })
        .map(Timer)
    }

    /// Sets it anew, and tells whether that took away an expiry that had not been queued.
    pub fn set(&self, due: Due) -> Result<bool> {
        let mut was_armed = false;
        // SAFETY: the library judges the handle; both structs outlive the call.
        check(unsafe { sys::tp_timer_set(self.0.raw, &due.0, &mut was_armed) })?;
        Ok(was_armed)
    }

    /// Expires once, after a time.
    pub fn after(&self, time: Duration) -> Result<bool> {
        self.set(Due::after(time))
    }

    /// Stops it, and tells whether that took away an expiry that had not been queued.
    pub fn stop(&self) -> Result<bool> {
        let mut was_armed = false;
        // SAFETY: see set.
        check(unsafe { sys::tp_timer_set(self.0.raw, null(), &mut was_armed) })?;
        Ok(was_armed)
    }

    /// Whether it was set last, or stopped last; not whether it will expire again.
    pub fn is_set(&self) -> Result<bool> {
        let mut is_set = false;
        // SAFETY: see set.
        check(unsafe { sys::tp_timer_is_set(self.0.raw, &mut is_set) })?;
        Ok(is_set)
    }

    /// Waits until nothing is queued and nothing runs, and hands over the first panic since the
    /// last wait. It neither waits for an expiry to come nor stops the timer.
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

    /// Stops and ends it without waiting: what is queued still runs, then the closure is freed.
    pub fn detach(self) {
        self.0.detach();
    }

    /// The handle, for the functions of `tp_sys`.
    pub fn as_raw(&self) -> *mut sys::tp_timer_t {
        self.0.raw
    }
}
