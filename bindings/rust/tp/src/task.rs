//! An executor: futures that run on the threads of a pool, each as a work object.

use crate::context::{Header, Shared};
use crate::error::{check, Panic, Result};
use crate::future::Slot;
use crate::pool::{Inner, Pool};
use crate::sync::Event;
use std::cell::UnsafeCell;
use std::collections::BTreeMap;
use std::ffi::c_void;
use std::future::Future;
use std::mem::ManuallyDrop;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::pin::Pin;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::task::{Context, Poll, Wake, Waker};
use std::{error, fmt};
use tp_sys as sys;

// The state of a task. Only who has set RUNNING may touch its future; SCHEDULED says that its work
// is queued or, beside RUNNING, that it must be queued again.
const SCHEDULED: u32 = 1;
const RUNNING: u32 = 2;
const DONE: u32 = 4;
const CANCELLED: u32 = 8;

/// Why a task has no result.
#[derive(Debug)]
pub enum JoinError {
    /// It was cancelled, or its pool was shut down.
    Cancelled,
    /// It panicked.
    Panicked(Panic),
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JoinError::Cancelled => f.write_str("the task was cancelled"),
            JoinError::Panicked(panic) => panic.fmt(f),
        }
    }
}

impl error::Error for JoinError {}

type Joined<T> = Result<T, JoinError>;

/// As a work object's context it begins with a header, as all do.
#[repr(C)]
struct Task<F: Future> {
    header: Header,
    number: u64,
    state: AtomicU32,
    work: AtomicPtr<sys::tp_work_t>,
    future: UnsafeCell<Option<F>>,
    slot: Arc<Slot<Joined<F::Output>>>,
    pool: Arc<Inner>,
}

// SAFETY: the future is touched only by whoever has set RUNNING, one thread at a time, and may go
// from thread to thread; all else is shared by design.
unsafe impl<F: Future + Send> Sync for Task<F> where F::Output: Send {}
// SAFETY: as above.
unsafe impl<F: Future + Send> Send for Task<F> where F::Output: Send {}

/// The tasks of a pool that are not done, by number: in the order of their making, so that a run of
/// the simulator can be repeated.
#[derive(Default)]
pub(crate) struct Tasks(Mutex<Numbered>);

#[derive(Default)]
struct Numbered {
    last: u64,
    tasks: BTreeMap<u64, Weak<dyn Control>>,
}

impl Tasks {
    fn lock(&self) -> MutexGuard<'_, Numbered> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn number(&self) -> u64 {
        let mut inside = self.lock();
        inside.last += 1;
        inside.last
    }

    fn add(&self, number: u64, task: &Arc<dyn Control>) {
        self.lock().tasks.insert(number, Arc::downgrade(task));
    }

    fn remove(&self, number: u64) {
        self.lock().tasks.remove(&number);
    }

    /// The pool is shut: none of them will run again.
    pub(crate) fn abandon(&self) {
        let left = std::mem::take(&mut self.lock().tasks);
        for task in left.into_values().filter_map(|task| task.upgrade()) {
            task.abandon();
        }
    }
}

/// What can be done to a task without knowing its future.
trait Control: Send + Sync {
    fn cancel(self: Arc<Self>);
    fn abandon(self: Arc<Self>);
    fn is_done(&self) -> bool;
}

impl<F> Control for Task<F>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn cancel(self: Arc<Self>) {
        self.schedule(CANCELLED);
    }

    fn abandon(self: Arc<Self>) {
        let claim = |state| (state & (RUNNING | DONE) == 0).then_some(state | RUNNING);
        let claimed = self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, claim);
        if claimed.is_ok() {
            self.finish(Err(JoinError::Cancelled));
        }
    }

    fn is_done(&self) -> bool {
        self.state.load(Ordering::Acquire) & DONE != 0
    }
}

impl<F> Wake for Task<F>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn wake(self: Arc<Self>) {
        self.schedule(0);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.schedule(0);
    }
}

impl<F> Task<F>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn schedule(self: &Arc<Self>, more: u32) {
        let before = self.state.fetch_or(SCHEDULED | more, Ordering::AcqRel);
        if before & (SCHEDULED | RUNNING | DONE) == 0 {
            self.submit();
        }
    }

    fn submit(self: &Arc<Self>) {
        // SAFETY: the work is open until the task is done.
        let status = unsafe { sys::tp_work_submit(self.work.load(Ordering::Acquire)) };
        if status != sys::TP_OK {
            self.clone().abandon(); // the pool is being shut down
        }
    }

    fn run(self: &Arc<Self>) {
        // It is scheduled and not running, or done by an abandon.
        let claim =
            |state| (state & (RUNNING | DONE) == 0).then_some((state | RUNNING) & !SCHEDULED);
        let before = match self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, claim) {
            Ok(before) => before,
            Err(_) => return,
        };
        if before & CANCELLED != 0 {
            return self.finish(Err(JoinError::Cancelled));
        }
        let waker = Waker::from(self.clone());
        let poll = catch_unwind(AssertUnwindSafe(|| {
            // SAFETY: RUNNING was set by this thread. The future is never moved: it is in an `Arc`
            // and dropped in place.
            let future = unsafe { (*self.future.get()).as_mut().map(|f| Pin::new_unchecked(f)) };
            future.map_or(Poll::Pending, |future| future.poll(&mut Context::from_waker(&waker)))
        }));
        match poll {
            Ok(Poll::Ready(output)) => self.finish(Ok(output)),
            Err(payload) => self.finish(Err(JoinError::Panicked(Panic(payload)))),
            Ok(Poll::Pending) => {
                if self.state.fetch_and(!RUNNING, Ordering::AcqRel) & SCHEDULED != 0 {
                    self.submit();
                }
            }
        }
    }

    /// The caller has set RUNNING, which is never taken back.
    fn finish(self: &Arc<Self>, result: Joined<F::Output>) {
        // SAFETY: see run. The place is empty from now on.
        let end = || unsafe { *self.future.get() = None };
        let ended = catch_unwind(AssertUnwindSafe(end));
        let result = match ended {
            Ok(()) => result,
            Err(payload) => Err(JoinError::Panicked(Panic(payload))),
        };
        self.state.fetch_or(DONE, Ordering::AcqRel);
        self.pool.tasks.remove(self.number);
        // SAFETY: once, as RUNNING was set once for good; nobody submits what is done.
        unsafe { sys::tp_work_close(self.work.load(Ordering::Acquire)) };
        self.slot.put(result);
    }
}

unsafe extern "C" fn run<F>(
    _: *mut sys::tp_callback_instance_t,
    context: *mut c_void,
    _: *mut sys::tp_work_t,
) where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    // SAFETY: the work object's own reference, which it keeps until `release`.
    let task = ManuallyDrop::new(Arc::from_raw(context as *const Task<F>));
    // What a waker or the result's destructor panics with has no other place to go.
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| task.run())) {
        let shared: &Shared = &task.header.shared;
        shared.keep(payload);
    }
}

/// SAFETY: as every `release` of a header: once, with the work object's own reference.
unsafe fn release<F: Future>(context: *mut c_void) {
    drop(Arc::from_raw(context as *const Task<F>));
}

/// A task that was spawned. As a future it is ready when the task is done. Dropped, the task goes
/// on.
pub struct JoinHandle<T> {
    slot: Arc<Slot<Joined<T>>>,
    task: Arc<dyn Control>,
}

impl<T> JoinHandle<T> {
    /// Drops the future at the next place where it waits, unless it is done before.
    pub fn cancel(&self) {
        self.task.clone().cancel();
    }

    /// Whether it is done, or was cancelled.
    pub fn is_done(&self) -> bool {
        self.task.is_done()
    }

    /// Blocks this thread until it is done.
    pub fn join(self) -> Result<T, JoinError> {
        block_on(self)
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Joined<T>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Joined<T>> {
        self.slot.poll(context)
    }
}

/// Runs a future in a pool. The environment is one that releases contexts.
pub(crate) fn spawn<F>(
    pool: &Pool,
    env: *mut sys::tp_env_t,
    future: F,
) -> Result<JoinHandle<F::Output>>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let slot = Arc::new(Slot::default());
    let task = Arc::new(Task {
        header: Header::new(release::<F>, None),
        number: pool.inner.tasks.number(),
        state: AtomicU32::new(0),
        work: AtomicPtr::new(null_mut()),
        future: UnsafeCell::new(Some(future)),
        slot: slot.clone(),
        pool: pool.inner.clone(),
    });
    let context = Arc::into_raw(task.clone());
    let mut work = null_mut();
    // SAFETY: the context begins with a header and is a reference to the task, as `run` and
    // `release` expect.
    let status =
        unsafe { sys::tp_work_create(Some(run::<F>), context as *mut c_void, env, &mut work) };
    if let Err(error) = check(status) {
        // SAFETY: the library did not take it.
        drop(unsafe { Arc::from_raw(context) });
        return Err(error);
    }
    task.work.store(work, Ordering::Release);
    let control: Arc<dyn Control> = task.clone();
    pool.inner.tasks.add(task.number, &control);
    task.schedule(0);
    Ok(JoinHandle { slot, task: control })
}

struct Alarm(Event);

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.0.set();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.set();
    }
}

/// Runs a future on this thread until it is ready. Panics if there is no memory for the event it
/// waits for. In a callback, or a task, it is better to await: the thread is lacking meanwhile.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = future;
    // SAFETY: shadowed, so that it is not moved any more.
    let mut future = unsafe { Pin::new_unchecked(&mut future) };
    let alarm = Arc::new(Alarm(Event::automatic().expect("no memory for an event")));
    let waker = Waker::from(alarm.clone());
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        alarm.0.wait(None).expect("the event is open");
    }
}
