//! Pools: threads and the queues they empty.

use crate::callback::Callback;
use crate::context::{leaves_everything, release};
use crate::error::{check, Result};
use crate::future::{Interval, Sleep, WaitFuture};
use crate::io::Io;
use crate::objects::{Builder, Env};
use crate::sync::{limit, nanoseconds, Waitable};
use crate::task::{JoinHandle, Tasks};
use crate::timer::Timer;
use crate::wait::Wait;
use crate::work::Work;
use crate::WaitResult;
use std::ffi::{c_void, CString};
use std::future::Future;
use std::os::unix::io::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::Duration;
use tp_sys as sys;

/// A set of worker threads and their queues. A clone is the same pool.
///
/// Dropping the last one closes it without waiting: what is queued still runs, and objects made in
/// it go on working and keep it alive. To wait for its end, call `shutdown`.
#[derive(Clone)]
pub struct Pool {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    /// NULL is the default pool.
    pub(crate) raw: *mut sys::tp_pool_t,
    /// What most objects of the pool are created with; nobody changes it, so all may use it.
    pub(crate) env: Env,
    pub(crate) tasks: Tasks,
    /// It was shut down, and the handle is gone with that.
    over: AtomicBool,
}

// SAFETY: handles are numbers, judged by the library on any thread.
unsafe impl Send for Inner {}
// SAFETY: as above.
unsafe impl Sync for Inner {}

/// How `Pool::builder` makes a pool.
#[must_use]
pub struct PoolBuilder {
    config: sys::tp_pool_config_t,
    name: Option<CString>,
    start: Option<Hook>,
    stop: Option<Hook>,
}

type Hook = Box<dyn Fn() + Send + Sync>;

/// What carries out I/O.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IoBackend {
    /// io_uring where the system allows it, else epoll.
    Auto,
    /// epoll, and the pool's own threads for files.
    Epoll,
    /// io_uring, or an error.
    Uring,
}

/// What `Pool::stats` tells; see `tp_pool_stats_t` of `tp/types.h`.
pub type Stats = sys::tp_pool_stats_t;

impl PoolBuilder {
    /// Threads kept for ever, 0 to 4000.
    pub fn min_threads(mut self, threads: u32) -> Self {
        self.config.thread_minimum = threads;
        self
    }

    /// Threads at most, 1 to 4000; 500 if not told.
    pub fn max_threads(mut self, threads: u32) -> Self {
        self.config.thread_maximum = threads;
        self
    }

    /// Bytes of stack of a new thread.
    pub fn stack_size(mut self, bytes: u64) -> Self {
        self.config.stack_reserve = bytes;
        self
    }

    /// How long a surplus thread stays idle before it ends.
    pub fn idle_timeout(mut self, time: Duration) -> Self {
        self.config.idle_timeout = nanoseconds(time);
        self
    }

    /// Simple callbacks (`spawn`) that may be queued before `Err(Busy)`.
    pub fn queue_limit(mut self, callbacks: u32) -> Self {
        self.config.queue_limit = callbacks;
        self
    }

    /// What carries out I/O.
    pub fn io_backend(mut self, backend: IoBackend) -> Self {
        self.config.io_backend = match backend {
            IoBackend::Auto => sys::TP_IO_BACKEND_AUTO,
            IoBackend::Epoll => sys::TP_IO_BACKEND_EPOLL,
            IoBackend::Uring => sys::TP_IO_BACKEND_URING,
        };
        self
    }

    /// What the names of the threads begin with, up to a NUL.
    pub fn name(mut self, name: &str) -> Self {
        self.name = Some(c_string(name));
        self
    }

    /// No threads: callbacks run in `Pool::run`.
    pub fn caller_driven(mut self) -> Self {
        self.config.flags |= sys::TP_POOL_CALLER_DRIVEN;
        self
    }

    /// Called first on each new thread. A panic in it ends the process. As nobody can know which
    /// thread is the last, such a closure is kept until the process ends.
    pub fn on_thread_start(mut self, hook: impl Fn() + Send + Sync + 'static) -> Self {
        self.start = Some(Box::new(hook));
        self
    }

    /// Called last on each ending thread; otherwise as `on_thread_start`.
    pub fn on_thread_stop(mut self, hook: impl Fn() + Send + Sync + 'static) -> Self {
        self.stop = Some(Box::new(hook));
        self
    }

    /// Makes the pool.
    pub fn build(mut self) -> Result<Pool> {
        let env = Env::new()?;
        self.config.name = self.name.as_ref().map_or(null(), |name| name.as_ptr());
        let hooked = self.start.is_some() || self.stop.is_some();
        let hooks = Box::into_raw(Box::new((self.start, self.stop)));
        if hooked {
            self.config.on_thread_start = Some(thread_start);
            self.config.on_thread_stop = Some(thread_stop);
            self.config.hook_context = hooks as *mut c_void;
        }
        let mut raw = null_mut();
        // SAFETY: what the configuration names outlives the call, and the hooks everything.
        let made = check(unsafe { sys::tp_pool_create(&self.config, &mut raw) });
        if made.is_err() || !hooked {
            // SAFETY: made above, and the library does not know it.
            drop(unsafe { Box::from_raw(hooks) });
        }
        made.and_then(|()| Pool::new_in(env, raw))
    }
}

type Hooks = (Option<Hook>, Option<Hook>);

unsafe extern "C" fn thread_start(hooks: *mut c_void) {
    if let Some(hook) = &(*(hooks as *const Hooks)).0 {
        crate::context::never_unwind(hook);
    }
}

unsafe extern "C" fn thread_stop(hooks: *mut c_void) {
    if let Some(hook) = &(*(hooks as *const Hooks)).1 {
        crate::context::never_unwind(hook);
    }
}

/// The text up to its first NUL.
pub(crate) fn c_string(text: &str) -> CString {
    let end = text.find('\0').unwrap_or(text.len());
    CString::new(&text[..end]).unwrap_or_default()
}

impl Pool {
    /// A private pool with all defaults.
    pub fn new() -> Result<Self> {
        Self::builder().build()
    }

    /// A private pool, made to measure.
    pub fn builder() -> PoolBuilder {
        let mut config = sys::tp_pool_config_t::default();
        // SAFETY: writes the struct.
        unsafe { sys::tp_pool_config_init(&mut config) };
        PoolBuilder { config, name: None, start: None, stop: None }
    }

    /// The pool of the process, which is never closed. Its limits cannot be set.
    pub fn process() -> Result<Self> {
        let mut raw = null_mut();
        // SAFETY: the result outlives the call.
        check(unsafe { sys::tp_pool_default(&mut raw) })?;
        Self::new_in(Env::new()?, null_mut())
    }

    fn new_in(env: Env, raw: *mut sys::tp_pool_t) -> Result<Self> {
        let inner = Inner { raw, env, tasks: Tasks::default(), over: AtomicBool::new(false) };
        // SAFETY: both handles are open, and nobody else knows the environment yet.
        unsafe {
            check(sys::tp_env_set_pool(inner.env.raw(), raw))?;
            check(sys::tp_env_set_context_release(inner.env.raw(), Some(release)))?;
        }
        Ok(Pool { inner: Arc::new(inner) })
    }

    /// The handle, for the functions of `tp_sys`.
    pub fn as_raw(&self) -> *mut sys::tp_pool_t {
        let mut raw = self.inner.raw;
        if raw.is_null() {
            // SAFETY: the result outlives the call.
            unsafe { sys::tp_pool_default(&mut raw) };
        }
        raw
    }

    // ---- objects --------------------------------------------------------------------------------

    /// Makes objects with other than the defaults: a priority, a name, a group ...
    pub fn object(&self) -> Builder<'_> {
        Builder::new(self)
    }

    /// Runs a closure once, as soon as a thread is free. Nobody waits for it: for that there are
    /// `scope`, `work` and `spawn_future`. What it panics with only the panic hook hears of.
    pub fn spawn(&self, f: impl FnOnce(&Callback<'_>) + Send + 'static) -> Result<()> {
        self.object().spawn(f)
    }

    /// A closure that runs once for each `Work::submit`, in parallel with itself.
    pub fn work(&self, f: impl Fn(&Callback<'_>) + Send + Sync + 'static) -> Result<Work> {
        self.object().work(f)
    }

    /// A closure that runs whenever a timer expires.
    pub fn timer(&self, f: impl Fn(&Callback<'_>) + Send + Sync + 'static) -> Result<Timer> {
        self.object().timer(f)
    }

    /// A closure that runs when something is signaled, or a time has run out before.
    pub fn wait(
        &self,
        f: impl Fn(&Callback<'_>, WaitResult) + Send + Sync + 'static,
    ) -> Result<Wait> {
        self.object().wait(f)
    }

    /// Operations on a descriptor.
    pub fn io(&self, fd: &impl AsFd) -> Result<Io> {
        self.object().io(fd)
    }

    /// A future that is ready after a time.
    pub fn sleep(&self, time: Duration) -> Result<Sleep> {
        Sleep::new(self, time)
    }

    /// A future again and again, each `period` from now on.
    pub fn interval(&self, period: Duration) -> Result<Interval> {
        Interval::new(self, period)
    }

    /// A future that is ready when something is signaled, or the time has run out before; not for
    /// mutexes, which belong to a thread.
    pub fn wait_async<'a>(
        &self,
        source: impl Into<Waitable<'a>>,
        timeout: Option<Duration>,
    ) -> Result<WaitFuture<'a>> {
        WaitFuture::new(self, source.into(), timeout)
    }

    /// Runs a future on the pool's threads, from now on, whether the handle is kept or not.
    pub fn spawn_future<F>(&self, future: F) -> Result<JoinHandle<F::Output>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        crate::task::spawn(self, self.inner.env.raw(), future)
    }

    // ---- the pool itself ------------------------------------------------------------------------

    /// Sets how many threads it keeps for ever, and starts those that are missing.
    pub fn set_min_threads(&self, threads: u32) -> Result<()> {
        // SAFETY: the library judges the handle, here as below.
        check(unsafe { sys::tp_pool_set_thread_minimum(self.as_raw(), threads) })
    }

    /// Sets how many threads it has at most.
    pub fn set_max_threads(&self, threads: u32) -> Result<()> {
        // SAFETY: see above.
        check(unsafe { sys::tp_pool_set_thread_maximum(self.as_raw(), threads) })
    }

    /// Sets the stack, in bytes, of the threads it starts from now on.
    pub fn set_stack_size(&self, bytes: u64) -> Result<()> {
        // SAFETY: see above.
        check(unsafe { sys::tp_pool_set_stack(self.as_raw(), bytes, 0) })
    }

    /// The stack, in bytes, of the threads it starts from now on.
    pub fn stack_size(&self) -> Result<u64> {
        let (mut reserve, mut commit) = (0, 0);
        // SAFETY: see above; the results outlive the call.
        check(unsafe { sys::tp_pool_get_stack(self.as_raw(), &mut reserve, &mut commit) })?;
        Ok(reserve)
    }

    /// Its threads, posts, callbacks and times.
    pub fn stats(&self) -> Result<Stats> {
        let mut stats = Stats::default();
        // SAFETY: writes the struct, whose size it was told.
        unsafe {
            sys::tp_pool_stats_init(&mut stats);
            check(sys::tp_pool_get_stats(self.as_raw(), &mut stats))?;
        }
        Ok(stats)
    }

    /// Writes what each of its threads runs, as text for people.
    pub fn dump(&self, to: &impl AsFd) -> Result<()> {
        // SAFETY: the descriptor is open during the call.
        check(unsafe { sys::tp_pool_dump(self.as_raw(), to.as_fd().as_raw_fd()) })
    }

    /// Ends the pool, for all its clones: nothing new is accepted, what is queued runs, or is
    /// dropped if `cancel`, and its threads end. Tasks that are not done then are dropped, and
    /// whoever awaits them is told. `Err(Timeout)`: it is still on its way; call again.
    pub fn shutdown(&self, cancel: bool, timeout: Option<Duration>) -> Result<()> {
        // SAFETY: the library judges the handle.
        check(unsafe { sys::tp_pool_shutdown(self.as_raw(), cancel, limit(timeout)) })?;
        self.inner.over.store(true, Ordering::Relaxed);
        self.inner.tasks.abandon();
        Ok(())
    }

    /// Runs callbacks of a caller-driven pool on this thread until none is left, at most `most` (0:
    /// no limit), and tells how many. Waits up to `timeout` for the first: `Err(Timeout)`.
    pub fn run(&self, most: u32, timeout: Option<Duration>) -> Result<u32> {
        let mut ran = 0;
        // SAFETY: the library judges the handle; the result outlives the call.
        check(unsafe { sys::tp_pool_run(self.as_raw(), most, limit(timeout), &mut ran) })?;
        Ok(ran)
    }

    /// A descriptor that is readable whenever `run` would find something to do.
    pub fn poll_fd(&self) -> Result<BorrowedFd<'_>> {
        let mut fd: RawFd = -1;
        // SAFETY: the library judges the handle; the result outlives the call.
        check(unsafe { sys::tp_pool_poll_fd(self.as_raw(), &mut fd) })?;
        // SAFETY: the pool owns it, and lives as long as the borrow.
        Ok(unsafe { BorrowedFd::borrow_raw(fd) })
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if self.raw.is_null() || *self.over.get_mut() || leaves_everything() {
            return;
        }
        // SAFETY: the handle is this one's.
        unsafe {
            if sys::tp_pool_close(self.raw) == sys::TP_ERR_BUSY {
                // Driven by its caller, with objects left: what is queued there nobody can run.
                let _ = sys::tp_pool_shutdown(self.raw, true, 0);
            }
        }
    }
}
