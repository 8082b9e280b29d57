//! Timers and waits as futures, with wakers of whoever polls them.

use crate::LONG;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};
use tp::{block_on, poll, Event, Pool, WaitResult, Waitable};

const SHORT: Duration = Duration::from_millis(5);

/// Counts how often it was woken.
#[derive(Default)]
struct Count(AtomicU32);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// The first of two that is ready.
pub struct Select<A, B>(pub A, pub B);

#[derive(Debug, PartialEq)]
pub enum First<A, B> {
    Left(A),
    Right(B),
}

impl<A: Future + Unpin, B: Future + Unpin> Future for Select<A, B> {
    type Output = First<A::Output, B::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Poll::Ready(value) = Pin::new(&mut self.0).poll(context) {
            return Poll::Ready(First::Left(value));
        }
        Pin::new(&mut self.1).poll(context).map(First::Right)
    }
}

#[test]
fn future__sleep_takes_its_time() {
    let pool = Pool::new().unwrap();
    let begun = Instant::now();
    block_on(pool.sleep(SHORT).unwrap());
    assert!(begun.elapsed() >= SHORT);
    block_on(pool.sleep(Duration::ZERO).unwrap());
}

#[test]
fn future__only_the_last_waker_is_woken_and_once() {
    let pool = Pool::new().unwrap();
    let event = Event::manual().unwrap();
    let (early, late) = (Arc::new(Count::default()), Arc::new(Count::default()));
    let mut wait = pool.wait_async(&event, None).unwrap();
    for count in [&early, &late] {
        let waker = Waker::from(count.clone());
        let polled = Pin::new(&mut wait).poll(&mut Context::from_waker(&waker));
        assert!(polled.is_pending());
    }
    event.set();
    while late.0.load(SeqCst) == 0 {
        std::thread::yield_now();
    }
    let waker = Waker::from(early.clone());
    let polled = Pin::new(&mut wait).poll(&mut Context::from_waker(&waker));
    assert_eq!(polled, Poll::Ready(WaitResult::Signaled));
    drop(wait);
    assert_eq!((early.0.load(SeqCst), late.0.load(SeqCst)), (0, 1));
}

#[test]
fn future__interval_ticks() {
    let pool = Pool::new().unwrap();
    let begun = Instant::now();
    let mut interval = pool.interval(SHORT).unwrap();
    let ticks = block_on(async {
        let mut ticks = 0;
        while ticks < 4 {
            ticks += interval.tick().await;
        }
        ticks
    });
    assert!(ticks >= 4 && begun.elapsed() >= 4 * SHORT);
}

#[test]
fn future__select_takes_the_first_and_drops_the_other() {
    let pool = Pool::new().unwrap();
    let event = Event::automatic().unwrap();
    let long = pool.wait_async(&event, None).unwrap();
    let first = block_on(Select(pool.sleep(SHORT).unwrap(), long));
    assert_eq!(first, First::Left(()));
    event.set(); // nobody is there any more to take it
    assert_eq!(event.wait(Some(Duration::ZERO)), Ok(WaitResult::Signaled));
    event.set();
    let wait = pool.wait_async(&event, None).unwrap();
    let first = block_on(Select(pool.sleep(LONG).unwrap(), wait));
    assert_eq!(first, First::Right(WaitResult::Signaled));
}

#[test]
fn future__waits_time_out_and_see_descriptors() {
    let pool = Pool::new().unwrap();
    let timed = pool.wait_async(Waitable::never(), Some(SHORT)).unwrap();
    assert_eq!(block_on(timed), WaitResult::Timeout);
    let (reader, writer) = std::os::unix::net::UnixStream::pair().unwrap();
    let readable = pool.wait_async(Waitable::fd(&reader, poll::IN), Some(LONG)).unwrap();
    drop(writer);
    assert_eq!(block_on(readable), WaitResult::Signaled);
}

#[test]
fn future__many_sleeps_end() {
    let pool = Pool::new().unwrap();
    let times = (0..500).map(|number| Duration::from_micros(number * 20));
    let sleeps: Vec<_> = times.map(|time| pool.sleep(time).unwrap()).collect();
    block_on(async {
        for sleep in sleeps {
            sleep.await;
        }
    });
    assert_eq!(pool.stats().unwrap().timers_armed, 0);
}
