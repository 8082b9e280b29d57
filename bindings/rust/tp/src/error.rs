//! What calls fail with: statuses of the C interface, and panics of callbacks.

use std::any::Any;
use std::ffi::CStr;
use std::os::raw::c_char;
use std::{fmt, io, panic};
use tp_sys as sys;

/// A status of libtp that is not success.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Error {
    /// An argument is out of range.
    Argument,
    /// The object is not open any more: its group or scope has closed it.
    Handle,
    /// A struct has a version that the library does not know: the crate is newer than it.
    Version,
    /// There was not enough memory.
    NoMemory,
    /// A thread could not be created.
    NoThread,
    /// The pool or the group is closed or shutting down.
    Closed,
    /// The group still has members, or a queue limit is reached.
    Busy,
    /// The call would wait for the callback that made it.
    Deadlock,
    /// The time allowed ran out first.
    Timeout,
    /// The pool has no thread to spare and may not add one.
    TooManyThreads,
    /// The calling thread does not own the mutex.
    NotOwner,
    /// A counter would exceed its maximum.
    Limit,
    /// This object or this release does not support the operation.
    Unsupported,
    /// The object belongs to the process from which this one was forked.
    Forked,
    /// The call is not allowed now, here or on this thread.
    State,
    /// The operating system refused, for the reason of this errno.
    System(i32),
    /// The descriptor is bound already.
    Exists,
    /// A status of a newer library.
    Unknown(i32),
}

/// What most functions return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A status as a result.
pub(crate) fn check(status: sys::tp_status_t) -> Result<()> {
    match status {
        sys::TP_OK => Ok(()),
        status => Err(Error::from_status(status)),
    }
}

impl Error {
    /// The error that a status other than `TP_OK` stands for. Of `TP_ERR_SYSTEM` the errno is
    /// asked for here, so this is to be called at once, on the thread that got it.
    pub fn from_status(status: sys::tp_status_t) -> Self {
        match status {
            sys::TP_ERR_ARGUMENT => Error::Argument,
            sys::TP_ERR_HANDLE => Error::Handle,
            sys::TP_ERR_VERSION => Error::Version,
            sys::TP_ERR_NO_MEMORY => Error::NoMemory,
            sys::TP_ERR_NO_THREAD => Error::NoThread,
            sys::TP_ERR_CLOSED => Error::Closed,
            sys::TP_ERR_BUSY => Error::Busy,
            sys::TP_ERR_DEADLOCK => Error::Deadlock,
            sys::TP_ERR_TIMEOUT => Error::Timeout,
            sys::TP_ERR_TOO_MANY_THREADS => Error::TooManyThreads,
            sys::TP_ERR_NOT_OWNER => Error::NotOwner,
            sys::TP_ERR_LIMIT => Error::Limit,
            sys::TP_ERR_UNSUPPORTED => Error::Unsupported,
            sys::TP_ERR_FORKED => Error::Forked,
            sys::TP_ERR_STATE => Error::State,
            // SAFETY: reads a number that belongs to this thread.
            sys::TP_ERR_SYSTEM => Error::System(unsafe { sys::tp_last_errno() }),
            sys::TP_ERR_EXISTS => Error::Exists,
            other => Error::Unknown(other),
        }
    }

    /// The status of the C interface.
    pub fn status(self) -> sys::tp_status_t {
        match self {
            Error::Argument => sys::TP_ERR_ARGUMENT,
            Error::Handle => sys::TP_ERR_HANDLE,
            Error::Version => sys::TP_ERR_VERSION,
            Error::NoMemory => sys::TP_ERR_NO_MEMORY,
            Error::NoThread => sys::TP_ERR_NO_THREAD,
            Error::Closed => sys::TP_ERR_CLOSED,
            Error::Busy => sys::TP_ERR_BUSY,
            Error::Deadlock => sys::TP_ERR_DEADLOCK,
            Error::Timeout => sys::TP_ERR_TIMEOUT,
            Error::TooManyThreads => sys::TP_ERR_TOO_MANY_THREADS,
            Error::NotOwner => sys::TP_ERR_NOT_OWNER,
            Error::Limit => sys::TP_ERR_LIMIT,
            Error::Unsupported => sys::TP_ERR_UNSUPPORTED,
            Error::Forked => sys::TP_ERR_FORKED,
            Error::State => sys::TP_ERR_STATE,
            Error::System(_) => sys::TP_ERR_SYSTEM,
            Error::Exists => sys::TP_ERR_EXISTS,
            Error::Unknown(status) => status,
        }
    }

    /// The constant of the C interface, such as `TP_ERR_CLOSED`.
    pub fn name(self) -> &'static str {
        // SAFETY: takes any number.
        unsafe { text(sys::tp_status_name(self.status())) }
    }
}

/// SAFETY: `text` is one of the library's own, which live as long as it, and are ASCII.
unsafe fn text(text: *const c_char) -> &'static str {
    CStr::from_ptr(text).to_str().unwrap_or("?")
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::System(errno) => write!(f, "{}", io::Error::from_raw_os_error(*errno)),
            // SAFETY: takes any number.
            _ => f.write_str(unsafe { text(sys::tp_status_message(self.status())) }),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::System(errno) => write!(f, "TP_ERR_SYSTEM({errno})"),
            Error::Unknown(status) => write!(f, "status {status}"),
            _ => f.write_str(self.name()),
        }
    }
}

impl std::error::Error for Error {}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::System(errno) => io::Error::from_raw_os_error(errno),
            Error::Timeout => io::Error::new(io::ErrorKind::TimedOut, error),
            Error::NoMemory => io::Error::new(io::ErrorKind::OutOfMemory, error),
            Error::Argument => io::Error::new(io::ErrorKind::InvalidInput, error),
            Error::Unsupported => io::Error::new(io::ErrorKind::Unsupported, error),
            _ => io::Error::new(io::ErrorKind::Other, error),
        }
    }
}

/// What a callback panicked with.
pub struct Panic(pub(crate) Box<dyn Any + Send>);

// SAFETY: through a reference only texts are looked at, which are `Sync`.
unsafe impl Sync for Panic {}

impl Panic {
    /// The message, if it was panicked with one.
    pub fn message(&self) -> Option<&str> {
        let payload = &*self.0;
        let text = payload.downcast_ref::<&str>().copied();
        text.or_else(|| payload.downcast_ref::<String>().map(|text| text.as_str()))
    }

    /// What was given to `panic!`, as of `std::thread::JoinHandle::join`.
    pub fn into_payload(self) -> Box<dyn Any + Send> {
        self.0
    }

    /// Goes on with the panic on this thread.
    pub fn resume(self) -> ! {
        panic::resume_unwind(self.0)
    }
}

impl fmt::Debug for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Panic({:?})", self.message().unwrap_or("..."))
    }
}

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a callback panicked: {}", self.message().unwrap_or("not with a text"))
    }
}

/// Why a wait for callbacks did not end well.
#[derive(Debug)]
pub enum WaitError {
    /// All is over, and a callback has panicked since the last wait; of several this is the first.
    Panicked(Panic),
    /// The wait failed: `Timeout`, `Deadlock`, `Handle`.
    Failed(Error),
}

impl WaitError {
    /// Goes on with the panic, if it was one, on this thread.
    pub fn resume(self) -> Error {
        match self {
            WaitError::Panicked(panic) => panic.resume(),
            WaitError::Failed(error) => error,
        }
    }
}

impl From<Error> for WaitError {
    fn from(error: Error) -> Self {
        WaitError::Failed(error)
    }
}

impl fmt::Display for WaitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WaitError::Panicked(panic) => panic.fmt(f),
            WaitError::Failed(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for WaitError {}
