//! Timers and waits as futures.

use crate::error::Result;
use crate::pool::Pool;
use crate::sync::{WaitResult, Waitable};
use crate::timer::{Due, Timer};
use crate::wait::Wait;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// One value on its way from a callback to a future.
pub(crate) struct Slot<T>(Mutex<(Option<T>, Option<Waker>)>);

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Slot(Mutex::new((None, None)))
    }
}

impl<T> Slot<T> {
    fn lock(&self) -> MutexGuard<'_, (Option<T>, Option<Waker>)> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub(crate) fn put(&self, value: T) {
        self.change(|_| value);
    }

    /// Puts what follows from the value that is there. Wakers are called outside of the lock: they
    /// run code of whoever wrote the executor.
    fn change(&self, next: impl FnOnce(Option<T>) -> T) {
        let mut inside = self.lock();
        let old = inside.0.take();
        inside.0 = Some(next(old));
        let waker = inside.1.take();
        drop(inside);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(crate) fn poll(&self, context: &mut Context<'_>) -> Poll<T> {
        let waker = context.waker().clone();
        let mut inside = self.lock();
        if let Some(value) = inside.0.take() {
            return Poll::Ready(value);
        }
        let old = inside.1.replace(waker);
        drop(inside);
        drop(old);
        Poll::Pending
    }
}

/// Ready once, after a time; `Pool::sleep`. Dropped before that, it stops its timer and waits for
/// nothing.
#[must_use = "futures do nothing unless they are awaited"]
pub struct Sleep {
    timer: Option<Timer>,
    slot: Arc<Slot<()>>,
}

impl Sleep {
    pub(crate) fn new(pool: &Pool, time: Duration) -> Result<Self> {
        let slot = Arc::new(Slot::default());
        let put = slot.clone();
        let timer = pool.timer(move |_| put.put(()))?;
        let sleep = Sleep { timer: Some(timer), slot };
        sleep.timer.as_ref().map_or(Ok(false), |timer| timer.after(time))?;
        Ok(sleep)
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.slot.poll(context)
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(timer) = self.timer.take() {
            timer.detach();
        }
    }
}

/// Ready again and again; `Pool::interval`.
pub struct Interval {
    timer: Option<Timer>,
    slot: Arc<Slot<u64>>,
}

impl Interval {
    pub(crate) fn new(pool: &Pool, period: Duration) -> Result<Self> {
        let slot = Arc::new(Slot::default());
        let put = slot.clone();
        let timer = pool.timer(move |_| put.change(|ticks: Option<u64>| ticks.unwrap_or(0) + 1))?;
        timer.set(Due::after(period).every(period))?;
        Ok(Interval { timer: Some(timer), slot })
    }

    /// Ready at the next expiry, or at once if there was one since the last; tells how many.
    pub fn tick(&mut self) -> Tick<'_> {
        Tick(self)
    }
}

impl Drop for Interval {
    fn drop(&mut self) {
        if let Some(timer) = self.timer.take() {
            timer.detach();
        }
    }
}

/// One tick of an `Interval`.
#[must_use = "futures do nothing unless they are awaited"]
pub struct Tick<'a>(&'a mut Interval);

impl Future for Tick<'_> {
    type Output = u64;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<u64> {
        self.0.slot.poll(context)
    }
}

/// Ready when something is signaled, or a time has run out before; `Pool::wait_async`. Dropped
/// before that, it takes nothing.
#[must_use = "futures do nothing unless they are awaited"]
pub struct WaitFuture<'a> {
    wait: Option<Wait>,
    slot: Arc<Slot<WaitResult>>,
    source: PhantomData<Waitable<'a>>,
}

impl<'a> WaitFuture<'a> {
    pub(crate) fn new(
        pool: &Pool,
        source: Waitable<'a>,
        timeout: Option<Duration>,
    ) -> Result<Self> {
        let slot = Arc::new(Slot::default());
        let put = slot.clone();
        let wait = pool.wait(move |_, result| put.put(result))?;
        wait.set(source, timeout)?;
        Ok(WaitFuture { wait: Some(wait), slot, source: PhantomData })
    }
}

impl Future for WaitFuture<'_> {
    type Output = WaitResult;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<WaitResult> {
        self.slot.poll(context)
    }
}

impl Drop for WaitFuture<'_> {
    fn drop(&mut self) {
        if let Some(wait) = self.wait.take() {
            wait.detach();
        }
    }
}
