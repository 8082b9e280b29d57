//! Making objects: the environment they are created with, and their closing.

use crate::callback::Callback;
use crate::context::{cancel, leaves_everything, release, Context, OnCancel, Shared};
use crate::error::{check, Error, Result, WaitError};
use crate::group::Group;
use crate::io::Io;
use crate::pool::{c_string, Pool};
use crate::sync::{limit, WaitResult};
use crate::task::JoinHandle;
use crate::timer::Timer;
use crate::wait::Wait;
use crate::work::{spawn, Work};
use std::cell::UnsafeCell;
use std::ffi::{c_void, CString};
use std::future::Future;
use std::os::unix::io::AsFd;
use std::process::abort;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::Duration;
use tp_sys as sys;

/// An environment of the C interface.
pub(crate) struct Env(*mut sys::tp_env_t);

// SAFETY: a handle is a number; the library judges it, on any thread.
unsafe impl Send for Env {}
// SAFETY: as above; whoever makes one is done with setting before others see it.
unsafe impl Sync for Env {}

impl Env {
    pub(crate) fn new() -> Result<Self> {
        let mut raw = null_mut();
        // SAFETY: the result outlives the call.
        check(unsafe { sys::tp_env_create(&mut raw) })?;
        Ok(Env(raw))
    }

    pub(crate) fn raw(&self) -> *mut sys::tp_env_t {
        self.0
    }
}

impl Drop for Env {
    fn drop(&mut self) {
        if !leaves_everything() {
            // SAFETY: the handle is this one's; objects keep copies.
            unsafe { sys::tp_env_destroy(self.0) };
        }
    }
}

/// Which queued callback a free thread takes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    /// Before all others.
    High,
    /// What is not told.
    Normal,
    /// After all others.
    Low,
}

/// Makes objects with other than the defaults; it may be used for several.
#[must_use]
pub struct Builder<'a> {
    pool: &'a Pool,
    group: Option<&'a Group>,
    priority: Priority,
    runs_long: bool,
    persistent: bool,
    concurrency_limit: u32,
    name: Option<CString>,
    on_cancel: Option<OnCancel>,
}

impl<'a> Builder<'a> {
    pub(crate) fn new(pool: &'a Pool) -> Self {
        Builder {
            pool,
            group: None,
            priority: Priority::Normal,
            runs_long: false,
            persistent: false,
            concurrency_limit: 0,
            name: None,
            on_cancel: None,
        }
    }

    /// Which queued callback a free thread takes first.
    pub fn priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// Callbacks run long, as if each began with `Callback::may_run_long`.
    pub fn runs_long(mut self) -> Self {
        self.runs_long = true;
        self
    }

    /// Callbacks run on the one thread of the pool that never ends.
    pub fn persistent(mut self) -> Self {
        self.persistent = true;
        self
    }

    /// How many callbacks of the object run at a time; 0 is no limit.
    pub fn concurrency_limit(mut self, callbacks: u32) -> Self {
        self.concurrency_limit = callbacks;
        self
    }

    /// A name for messages and dumps.
    pub fn name(mut self, name: &str) -> Self {
        self.name = Some(c_string(name));
        self
    }

    /// Makes the object a member of a group.
    pub fn group(mut self, group: &'a Group) -> Self {
        self.group = Some(group);
        self
    }

    /// Called once when `Group::close_members` cancels the next object that is made. A panic in it
    /// goes to whoever waits for the object.
    pub fn on_cancel(mut self, f: impl Fn() + Send + Sync + 'static) -> Self {
        self.on_cancel = Some(Box::new(f));
        self
    }

    /// Callbacks one after the other, so that closures may change what they own: `FnMut`, and not
    /// `Sync`.
    pub fn serial(self) -> Serial<'a> {
        Serial(self.concurrency_limit(1))
    }

    /// As `Pool::spawn`.
    pub fn spawn(mut self, f: impl FnOnce(&Callback<'_>) + Send + 'static) -> Result<()> {
        let (env, on_cancel) = (self.env()?, self.on_cancel.take());
        // SAFETY: the closure borrows nothing.
        unsafe { spawn(env.as_raw(), f, on_cancel) }
    }

    /// As `Pool::work`.
    pub fn work(&mut self, f: impl Fn(&Callback<'_>) + Send + Sync + 'static) -> Result<Work> {
        let (env, on_cancel) = (self.env()?, self.on_cancel.take());
        // SAFETY: the closure borrows nothing.
        unsafe { Work::new(env.as_raw(), f, on_cancel) }
    }

    /// As `Pool::timer`.
    pub fn timer(&mut self, f: impl Fn(&Callback<'_>) + Send + Sync + 'static) -> Result<Timer> {
        let (env, on_cancel) = (self.env()?, self.on_cancel.take());
        // SAFETY: the closure borrows nothing.
        unsafe { Timer::new(env.as_raw(), f, on_cancel) }
    }

    /// As `Pool::wait`.
    pub fn wait(
        &mut self,
        f: impl Fn(&Callback<'_>, WaitResult) + Send + Sync + 'static,
    ) -> Result<Wait> {
        let (env, on_cancel) = (self.env()?, self.on_cancel.take());
        // SAFETY: the closure borrows nothing.
        unsafe { Wait::new(env.as_raw(), f, on_cancel) }
    }

    /// As `Pool::io`.
    pub fn io(&mut self, fd: &impl AsFd) -> Result<Io> {
        let (env, on_cancel) = (self.env()?, self.on_cancel.take());
        Io::new(env.as_raw(), fd.as_fd(), on_cancel)
    }

    /// As `Pool::spawn_future`; `Err(Unsupported)` for members of a group.
    pub fn spawn_future<F>(&mut self, future: F) -> Result<JoinHandle<F::Output>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        if self.group.is_some() {
            return Err(Error::Unsupported);
        }
        crate::task::spawn(self.pool, self.env()?.as_raw(), future)
    }

    /// The environment of these choices: the pool's own if there are none.
    fn env(&self) -> Result<Chosen<'a>> {
        let plain = self.group.is_none()
            && self.on_cancel.is_none()
            && self.name.is_none()
            && self.priority == Priority::Normal
            && self.concurrency_limit == 0
            && !self.runs_long
            && !self.persistent;
        if plain {
            return Ok(Chosen::Pools(&self.pool.inner.env));
        }
        let env = Env::new()?;
        let priority = match self.priority {
            Priority::High => sys::TP_PRIORITY_HIGH,
            Priority::Normal => sys::TP_PRIORITY_NORMAL,
            Priority::Low => sys::TP_PRIORITY_LOW,
        };
        // SAFETY: all handles are open, and the name outlives the call.
        unsafe {
            check(sys::tp_env_set_pool(env.raw(), self.pool.inner.raw))?;
            check(sys::tp_env_set_context_release(env.raw(), Some(release)))?;
            check(sys::tp_env_set_priority(env.raw(), priority))?;
            check(sys::tp_env_set_runs_long(env.raw(), self.runs_long))?;
            check(sys::tp_env_set_persistent(env.raw(), self.persistent))?;
            check(sys::tp_env_set_concurrency_limit(env.raw(), self.concurrency_limit))?;
            if let Some(name) = &self.name {
                check(sys::tp_env_set_name(env.raw(), name.as_ptr()))?;
            }
            if let Some(group) = self.group {
                check(sys::tp_env_set_cleanup_group(env.raw(), group.as_raw(), Some(cancel)))?;
            }
        }
        Ok(Chosen::Own(env))
    }
}

enum Chosen<'a> {
    Pools(&'a Env),
    Own(Env),
}

impl Chosen<'_> {
    fn as_raw(&self) -> *mut sys::tp_env_t {
        match self {
            Chosen::Pools(env) => env.raw(),
            Chosen::Own(env) => env.raw(),
        }
    }
}

/// Makes objects whose callbacks run one after the other.
#[must_use]
pub struct Serial<'a>(Builder<'a>);

impl Serial<'_> {
    /// As `Pool::work`.
    pub fn work(&mut self, mut f: impl FnMut(&Callback<'_>) + Send + 'static) -> Result<Work> {
        let turn = Turn::new(move |callback: &Callback<'_>, ()| f(callback));
        self.0.work(move |callback| turn.take(callback, ()))
    }

    /// As `Pool::timer`.
    pub fn timer(&mut self, mut f: impl FnMut(&Callback<'_>) + Send + 'static) -> Result<Timer> {
        let turn = Turn::new(move |callback: &Callback<'_>, ()| f(callback));
        self.0.timer(move |callback| turn.take(callback, ()))
    }

    /// As `Pool::wait`.
    pub fn wait(
        &mut self,
        f: impl FnMut(&Callback<'_>, WaitResult) + Send + 'static,
    ) -> Result<Wait> {
        let turn = Turn::new(f);
        self.0.wait(move |callback, result| turn.take(callback, result))
    }
}

/// A closure that one callback at a time may run.
struct Turn<F> {
    taken: AtomicBool,
    function: UnsafeCell<F>,
}

// SAFETY: `take` lets one thread at a time have the closure, which may go to other threads.
unsafe impl<F: Send> Sync for Turn<F> {}

impl<F> Turn<F> {
    fn new(function: F) -> Self {
        Turn { taken: AtomicBool::new(false), function: UnsafeCell::new(function) }
    }

    fn take<T>(&self, callback: &Callback<'_>, argument: T)
    where
        F: FnMut(&Callback<'_>, T),
    {
        struct Back<'a>(&'a AtomicBool);
        impl Drop for Back<'_> {
            fn drop(&mut self) {
                self.0.store(false, Ordering::Release);
            }
        }
        if self.taken.swap(true, Ordering::Acquire) {
            abort(); // the library has a limit of 1 and keeps it
        }
        let _back = Back(&self.taken);
        // SAFETY: nobody else is between the swap and the end of `_back`.
        unsafe { (*self.function.get())(callback, argument) };
    }
}

/// What differs between the kinds of objects when one ends.
pub(crate) trait Kind {
    type Raw;
    /// Whether what is queued when the handle is dropped in its own callback is skipped.
    const SKIPS: bool = true;
    /// SAFETY of all: the handle is judged by the library.
    unsafe fn wait(raw: *mut Self::Raw, cancel: bool, timeout: i64) -> sys::tp_status_t;
    unsafe fn close(raw: *mut Self::Raw) -> sys::tp_status_t;
    /// Has nothing come of its own accord any more.
    unsafe fn stop(_: *mut Self::Raw) {}
}

/// The handle of an object with callbacks.
pub(crate) struct Object<K: Kind> {
    pub(crate) raw: *mut K::Raw,
    pub(crate) shared: Arc<Shared>,
}

// SAFETY: a handle is a number; the library judges it, on any thread.
unsafe impl<K: Kind> Send for Object<K> {}
// SAFETY: as above; what is shared is atomic or locked.
unsafe impl<K: Kind> Sync for Object<K> {}

impl<K: Kind> Object<K> {
    /// Creates an object whose context is `function`. SAFETY: `create` hands the context to the
    /// library, in an environment that releases it, and tells whether it took it; and all that the
    /// function borrows outlives the object.
    pub(crate) unsafe fn new<F>(
        function: F,
        on_cancel: Option<OnCancel>,
        create: impl FnOnce(*mut c_void, *mut *mut K::Raw) -> sys::tp_status_t,
    ) -> Result<Self> {
        let (context, shared) = Context::let_go(function, on_cancel);
        let mut raw = null_mut();
        let made = check(create(context, &mut raw));
        if made.is_err() {
            drop(Box::from_raw(context as *mut Context<F>));
        }
        made.map(|()| Object { raw, shared })
    }

    pub(crate) fn wait(&self, cancel: bool, timeout: Option<Duration>) -> Result<(), WaitError> {
        // SAFETY: the library judges the handle.
        check(unsafe { K::wait(self.raw, cancel, limit(timeout)) })?;
        match self.shared.take_panic() {
            Some(panic) => Err(WaitError::Panicked(panic)),
            None => Ok(()),
        }
    }

    /// Ends it without waiting; what is queued still runs.
    pub(crate) fn detach(self) {
        let this = std::mem::ManuallyDrop::new(self);
        // SAFETY: the handle is not used after this; what is shared is dropped once.
        let shared = unsafe { std::ptr::read(&this.shared) };
        if !shared.is_gone() && !leaves_everything() {
            // SAFETY: the handle is this one's, or stale if a group was faster.
            unsafe {
                K::stop(this.raw);
                K::close(this.raw);
            }
        }
    }
}

impl<K: Kind> Drop for Object<K> {
    fn drop(&mut self) {
        if self.shared.is_gone() || leaves_everything() {
            return;
        }
        // SAFETY: the handle is this one's, or stale if a group was faster.
        unsafe {
            K::stop(self.raw);
            if K::wait(self.raw, true, limit(None)) == sys::TP_ERR_DEADLOCK {
                // In its own callback, which cannot wait: what is queued finds the flag.
                self.shared.dropped.store(K::SKIPS, Ordering::Relaxed);
            }
            K::close(self.raw);
        }
    }
}
