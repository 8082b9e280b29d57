//! Events, semaphores and mutexes of the Windows kind, and whatever else can be waited for.

use crate::error::{check, Result};
use std::io;
use std::marker::PhantomData;
use std::os::raw::{c_int, c_long};
use std::os::unix::io::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::process::Child;
use std::ptr::null_mut;
use std::time::Duration;
use tp_sys as sys;

/// Nanoseconds as the library counts them; for ever is `i64::MAX`.
pub(crate) fn nanoseconds(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(sys::TP_INFINITE as i64)
}

pub(crate) fn limit(time: Option<Duration>) -> i64 {
    time.map_or(sys::TP_INFINITE as i64, nanoseconds)
}

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaitResult {
    /// It was signaled; a semaphore gave one count, a mutex is now owned.
    Signaled,
    /// The mutex is now owned, and its former owner ended without releasing it.
    Abandoned,
    /// The time ran out first; nothing was taken.
    Timeout,
    /// The descriptor went bad.
    Failed,
}

impl WaitResult {
    pub(crate) fn new(result: sys::tp_wait_result_t) -> Self {
        match result {
            sys::TP_WAIT_SIGNALED => WaitResult::Signaled,
            sys::TP_WAIT_ABANDONED => WaitResult::Abandoned,
            sys::TP_WAIT_TIMEOUT => WaitResult::Timeout,
            _ => WaitResult::Failed,
        }
    }
}

/// Something to wait for.
#[derive(Clone, Copy)]
pub struct Waitable<'a> {
    pub(crate) raw: sys::tp_waitable_t,
    source: PhantomData<&'a ()>,
}

/// States of `poll`, for `Waitable::fd`.
pub mod poll {
    /// There is something to read.
    pub const IN: u32 = 1;
    /// There is urgent data.
    pub const PRI: u32 = 2;
    /// Something can be written.
    pub const OUT: u32 = 4;
    /// An error; always looked for.
    pub const ERR: u32 = 8;
    /// The other side has hung up; always looked for.
    pub const HUP: u32 = 16;
    /// The other side writes no more.
    pub const RDHUP: u32 = 0x2000;
}

impl<'a> Waitable<'a> {
    fn new(raw: sys::tp_waitable_t) -> Self {
        Waitable { raw, source: PhantomData }
    }

    /// A descriptor, once it is in one of the states asked for, see `poll`.
    pub fn fd(fd: &'a impl AsFd, events: u32) -> Self {
        // SAFETY: a number that is looked at when it is waited for, here as below.
        Self::new(unsafe { sys::tp_waitable_fd(fd.as_fd().as_raw_fd(), events) })
    }

    /// A signal sent to this process, which all threads must have blocked: see `block_signals`.
    pub fn signal(number: i32) -> Waitable<'static> {
        // SAFETY: see fd.
        Waitable::new(unsafe { sys::tp_waitable_signal(number) })
    }

    /// Nothing: only the time can run out.
    pub fn never() -> Waitable<'static> {
        // SAFETY: takes nothing.
        Waitable::new(unsafe { sys::tp_waitable_never() })
    }

    /// Waits on this thread until it is signaled, and takes what it gives; `None` is for ever.
    pub fn wait(self, timeout: Option<Duration>) -> Result<WaitResult> {
        let mut result = 0;
        // SAFETY: the value was made by the library, which judges it; the result outlives the call.
        check(unsafe { sys::tp_waitable_wait(self.raw, limit(timeout), &mut result) })?;
        Ok(WaitResult::new(result))
    }
}

macro_rules! object {
    ($name:ident, $raw:ident, $close:ident, $waitable:ident) => {
        // SAFETY: a handle is a number; the library judges it, on any thread.
        unsafe impl Send for $name {}
        // SAFETY: as above.
        unsafe impl Sync for $name {}

        impl $name {
            /// The handle, for the functions of `tp_sys`.
            pub fn as_raw(&self) -> *mut sys::$raw {
                self.raw
            }

            /// Waits on this thread until it is signaled; `None` is for ever.
            pub fn wait(&self, timeout: Option<Duration>) -> Result<WaitResult> {
                Waitable::from(self).wait(timeout)
            }
        }

        impl<'a> From<&'a $name> for Waitable<'a> {
            fn from(object: &'a $name) -> Self {
                // SAFETY: the handle is judged when it is waited for.
                Waitable::new(unsafe { sys::$waitable(object.raw) })
            }
        }

        impl Drop for $name {
            fn drop(&mut self) {
                if crate::context::leaves_everything() {
                    return;
                }
                // SAFETY: the handle is this one's, and is not used again.
                unsafe { sys::$close(self.raw) };
            }
        }
    };
}

/// A flag to wait for.
#[derive(Debug)]
pub struct Event {
    raw: *mut sys::tp_event_t,
}

impl Event {
    fn new(manual_reset: bool) -> Result<Self> {
        let mut raw = null_mut();
        // SAFETY: the result outlives the call.
        check(unsafe { sys::tp_event_create(manual_reset, false, &mut raw) })?;
        Ok(Event { raw })
    }

    /// An event that stays signaled until it is reset, and lets everybody go.
    pub fn manual() -> Result<Self> {
        Self::new(true)
    }

    /// An event that lets one go and resets itself.
    pub fn automatic() -> Result<Self> {
        Self::new(false)
    }

    /// Signals it.
    pub fn set(&self) {
        // SAFETY: the handle is open; here as below.
        let status = unsafe { sys::tp_event_set(self.raw) };
        debug_assert!(status == sys::TP_OK || status == sys::TP_ERR_FORKED);
    }

    /// Makes it not signaled.
    pub fn reset(&self) {
        // SAFETY: see set.
        let status = unsafe { sys::tp_event_reset(self.raw) };
        debug_assert!(status == sys::TP_OK || status == sys::TP_ERR_FORKED);
    }
}

object!(Event, tp_event_t, tp_event_close, tp_waitable_event);

/// A counter to wait for: each wait takes one.
#[derive(Debug)]
pub struct Semaphore {
    raw: *mut sys::tp_semaphore_t,
}

impl Semaphore {
    /// A semaphore with a first and a highest count.
    pub fn new(initial: u32, maximum: u32) -> Result<Self> {
        let mut raw = null_mut();
        // SAFETY: the result outlives the call.
        check(unsafe { sys::tp_semaphore_create(initial, maximum, &mut raw) })?;
        Ok(Semaphore { raw })
    }

    /// Adds to the count and tells what it was; `Err(Limit)` above the maximum.
    pub fn release(&self, count: u32) -> Result<u32> {
        let mut previous = 0;
        // SAFETY: the handle is open, the result outlives the call.
        check(unsafe { sys::tp_semaphore_release(self.raw, count, &mut previous) })?;
        Ok(previous)
    }
}

object!(Semaphore, tp_semaphore_t, tp_semaphore_close, tp_waitable_semaphore);

/// A lock that can be waited for, owned by a thread, which may take it again; it guards nothing by
/// itself. For data of a Rust program there is `std::sync::Mutex`.
#[derive(Debug)]
pub struct Mutex {
    raw: *mut sys::tp_mutex_t,
}

impl Mutex {
    /// A mutex; if `owned`, the calling thread's at once.
    pub fn new(owned: bool) -> Result<Self> {
        let mut raw = null_mut();
        // SAFETY: the result outlives the call.
        check(unsafe { sys::tp_mutex_create(owned, &mut raw) })?;
        Ok(Mutex { raw })
    }

    /// Releases it once; `Err(NotOwner)` on a thread that does not own it.
    pub fn release(&self) -> Result<()> {
        // SAFETY: the handle is open.
        check(unsafe { sys::tp_mutex_release(self.raw) })
    }
}

object!(Mutex, tp_mutex_t, tp_mutex_close, tp_waitable_mutex);

/// A process to wait for: signaled once it has ended.
#[derive(Debug)]
pub struct Process(OwnedFd);

extern "C" {
    fn syscall(number: c_long, ...) -> c_long;
    fn sigemptyset(set: *mut u64) -> c_int;
    fn sigaddset(set: *mut u64, signal: c_int) -> c_int;
    fn pthread_sigmask(how: c_int, set: *const u64, old: *mut u64) -> c_int;
}

impl Process {
    /// The process with that number. A child that was not reaped yet has it for sure.
    pub fn open(id: u32) -> io::Result<Self> {
        const PIDFD_OPEN: c_long = 434;
        // SAFETY: takes two numbers, and gives a new descriptor.
        match unsafe { syscall(PIDFD_OPEN, id as c_int, 0 as c_int) } {
            -1 => Err(io::Error::last_os_error()),
            // SAFETY: the descriptor is new, and nobody else's.
            fd => Ok(Process(unsafe { OwnedFd::from_raw_fd(fd as c_int) })),
        }
    }

    /// A child; waiting does not reap it: that is for `Child::wait`, afterwards.
    pub fn of(child: &Child) -> io::Result<Self> {
        Self::open(child.id())
    }

    /// Waits on this thread until it has ended; `None` is for ever.
    pub fn wait(&self, timeout: Option<Duration>) -> Result<WaitResult> {
        Waitable::from(self).wait(timeout)
    }
}

impl AsFd for Process {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl<'a> From<&'a Process> for Waitable<'a> {
    fn from(process: &'a Process) -> Self {
        // SAFETY: a number that is looked at when it is waited for.
        Waitable::new(unsafe { sys::tp_waitable_process(process.0.as_raw_fd()) })
    }
}

/// Blocks signals on this thread and those it will start: to be called in `main`, before there are
/// others, so that a `Waitable::signal` gets them.
pub fn block_signals(numbers: &[i32]) -> io::Result<()> {
    const BLOCK: c_int = 0;
    let mut set = [0u64; 16];
    // SAFETY: a sigset_t has 128 bytes on Linux, and is filled before it is used.
    let error = unsafe {
        sigemptyset(set.as_mut_ptr());
        for &number in numbers {
            if sigaddset(set.as_mut_ptr(), number) != 0 {
                return Err(io::Error::last_os_error());
            }
        }
        pthread_sigmask(BLOCK, set.as_ptr(), null_mut())
    };
    match error {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}
