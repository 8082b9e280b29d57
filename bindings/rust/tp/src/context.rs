//! What stands behind the `context` of an object: its closure, freed when the object is gone.

use crate::callback::Callback;
use crate::error::Panic;
use std::any::Any;
use std::ffi::c_void;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::process::abort;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tp_sys as sys;

/// What the handle of an object and its callbacks have in common.
#[derive(Default)]
pub(crate) struct Shared {
    /// The handle was dropped: what is still queued is not to run.
    pub(crate) dropped: AtomicBool,
    /// The object is gone: its group closed it, and the handle says nothing any more.
    gone: AtomicBool,
    panic: Mutex<Option<Panic>>,
}

impl Shared {
    pub(crate) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }

    /// Keeps the first panic for whoever waits.
    pub(crate) fn keep(&self, payload: Box<dyn Any + Send>) {
        let mut first = self.panic.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let unwanted = if first.is_none() {
            *first = Some(Panic(payload));
            None
        } else {
            Some(payload)
        };
        drop(first);
        never_unwind(|| drop(unwanted));
    }

    pub(crate) fn take_panic(&self) -> Option<Panic> {
        self.panic.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take()
    }
}

/// Told when `Group::close_members` cancels the object.
pub(crate) type OnCancel = Box<dyn Fn() + Send + Sync>;

/// Every context begins with this, so that one function serves to release and one to cancel them.
#[repr(C)]
pub(crate) struct Header {
    release: unsafe fn(*mut c_void),
    pub(crate) shared: Arc<Shared>,
    on_cancel: Option<OnCancel>,
}

impl Header {
    pub(crate) fn new(release: unsafe fn(*mut c_void), on_cancel: Option<OnCancel>) -> Self {
        Header { release, shared: Arc::default(), on_cancel }
    }
}

/// The context of an object whose callback is `F`.
#[repr(C)]
pub(crate) struct Context<F> {
    header: Header,
    pub(crate) function: F,
}

impl<F> Context<F> {
    /// The context, and what the handle keeps of it.
    pub(crate) fn let_go(function: F, on_cancel: Option<OnCancel>) -> (*mut c_void, Arc<Shared>) {
        let header = Header::new(free::<Context<F>>, on_cancel);
        let shared = header.shared.clone();
        let context = Box::into_raw(Box::new(Context { header, function }));
        (context as *mut c_void, shared)
    }

    /// Runs one callback. SAFETY: `context` is of `Context::<F>::let_go`, not yet released, and
    /// `instance` is the running callback's.
    pub(crate) unsafe fn run(
        instance: *mut sys::tp_callback_instance_t,
        context: *mut c_void,
        body: impl FnOnce(&F, &Callback<'_>),
    ) {
        let context = &*(context as *const Self);
        if context.header.shared.dropped.load(Ordering::Relaxed) {
            return;
        }
        let callback = Callback::new(instance);
        let run = AssertUnwindSafe(|| body(&context.function, &callback));
        if let Err(payload) = catch_unwind(run) {
            context.header.shared.keep(payload);
        }
    }
}

/// SAFETY: `context` is a `Box<T>` that was let go, and nobody looks at it any more.
unsafe fn free<T>(context: *mut c_void) {
    drop(Box::from_raw(context as *mut T));
}

/// `context_release` of every object. SAFETY: the library calls it once, when the object is gone,
/// with a context that begins with a `Header`.
pub(crate) unsafe extern "C" fn release(context: *mut c_void) {
    let header = &*(context as *const Header);
    header.shared.gone.store(true, Ordering::Release);
    let release = header.release;
    never_unwind(|| release(context));
}

/// The cancel callback of every object. SAFETY: as `release`, which is yet to come.
pub(crate) unsafe extern "C" fn cancel(context: *mut c_void, _: *mut c_void) {
    let header = &*(context as *const Header);
    if let Some(on_cancel) = &header.on_cancel {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(on_cancel)) {
            header.shared.keep(payload);
        }
    }
}

/// Runs something of the program's, a destructor mostly, from which no panic may come out: there
/// is nobody to hand it to, and C below.
pub(crate) fn never_unwind<T>(body: impl FnOnce() -> T) -> T {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(value) => value,
        Err(_) => abort(), // the panic hook has said what it was
    }
}

/// Whether destructors are to call nothing: a scenario of the simulator has panicked. The run is
/// lost with that, and on the way out of it no other of its threads may go on.
pub(crate) fn leaves_everything() -> bool {
    #[cfg(feature = "sim")]
    return std::thread::panicking() && crate::sim::running();
    #[cfg(not(feature = "sim"))]
    false
}
