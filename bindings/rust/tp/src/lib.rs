//! The Windows thread-pool API for Linux, from Rust.
//!
//! A [`Pool`] has threads. Objects made in it call closures on them: [`Work`] when it is submitted,
//! [`Timer`] when its time has come, [`Wait`] when something is signaled, [`Io`] when an operation
//! on a descriptor is completed. Futures run there too.
//!
//! ```
//! use std::sync::atomic::{AtomicU32, Ordering};
//! use std::sync::Arc;
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let pool = tp::Pool::new()?;
//!     let sum = Arc::new(AtomicU32::new(0));
//!     let adding = sum.clone();
//!     let work = pool.work(move |_| {
//!         adding.fetch_add(1, Ordering::Relaxed);
//!     })?;
//!     work.submit_many(1000)?;
//!     work.wait()?;
//!     assert_eq!(sum.load(Ordering::Relaxed), 1000);
//!     Ok(())
//! }
//! ```
//!
//! What would go wrong does not compile: callbacks that run in parallel may not change what they
//! own, nor borrow what may be gone before them.
//!
//! ```compile_fail
//! let mut sum = 0;
//! let work = tp::Pool::new().unwrap().work(|_| sum += 1);
//! ```
//!
//! What holds everywhere: closures are freed exactly once, when their object is gone; a panic in
//! one goes to whoever waits for its object, never into C; dropping a handle cancels what is queued
//! and waits for what runs, unless it is dropped in the object's own callback. `docs/RUST.md` of
//! the repository tells more.

#![warn(missing_docs)]

mod callback;
mod context;
mod error;
mod future;
mod group;
mod io;
mod objects;
mod pool;
mod scope;
#[cfg(feature = "sim")]
pub mod sim;
mod sync;
mod task;
mod timer;
mod wait;
mod work;

pub use callback::Callback;
pub use error::{Error, Panic, Result, WaitError};
pub use future::{Interval, Sleep, Tick, WaitFuture};
pub use group::Group;
pub use io::{Announcement, InFlight, Io, IoFuture, Transferred};
pub use objects::{Builder, Priority, Serial};
pub use pool::{IoBackend, Pool, PoolBuilder, Stats};
pub use scope::{Scope, ScopedWork};
pub use sync::{block_signals, poll, Event, Mutex, Process, Semaphore, WaitResult, Waitable};
pub use task::{block_on, JoinError, JoinHandle};
pub use timer::{Due, Timer};
pub use tp_sys as sys;
pub use wait::Wait;
pub use work::Work;

use std::ffi::{c_void, CStr};
use std::os::raw::c_char;

/// The version of the library that is running: major, minor, patch.
pub fn version() -> (u32, u32, u32) {
    // SAFETY: takes nothing.
    let version = unsafe { sys::tp_version() };
    (version >> 16, version >> 8 & 0xff, version & 0xff)
}

/// A call that no correct program makes; see `set_misuse_hook`.
#[derive(Clone, Copy, Debug)]
pub struct Misuse<'a> {
    /// The function of the C interface.
    pub function: &'a str,
    /// What it returned.
    pub error: Error,
    /// Which handle, and why.
    pub message: &'a str,
}

/// Has a function told of every detected misuse, for the whole process, on the thread that made
/// the call.
pub fn set_misuse_hook(hook: Option<fn(&Misuse<'_>)>) {
    unsafe extern "C" fn told(
        hook: *mut c_void,
        function: *const c_char,
        status: sys::tp_status_t,
        message: *const c_char,
    ) {
        // SAFETY: it was made from such a pointer below; the texts are valid during the call.
        let hook: fn(&Misuse<'_>) = std::mem::transmute(hook);
        let text = |text| CStr::from_ptr(text).to_str().unwrap_or("?");
        let misuse = Misuse {
            function: text(function),
            error: Error::from_status(status),
            message: text(message),
        };
        context::never_unwind(|| hook(&misuse));
    }
    let context = hook.map_or(std::ptr::null_mut(), |hook| hook as *mut c_void);
    // SAFETY: the context is what `told` takes it for.
    unsafe { sys::tp_set_misuse_hook(hook.map(|_| told as _), context) };
}
