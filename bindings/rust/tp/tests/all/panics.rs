//! Panics in callbacks: caught, kept for the waiter, never lost in C.

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::Arc;
use std::time::Duration;
use tp::{Event, Panic, Pool, WaitError};

fn panic_of(result: Result<(), WaitError>) -> Panic {
    match result {
        Err(WaitError::Panicked(panic)) => panic,
        other => panic!("no panic but {other:?}"),
    }
}

#[test]
fn panic__goes_to_the_waiter_once() {
    let pool = Pool::new().unwrap();
    let number = pool.stats().unwrap().thread_maximum;
    let work = pool.work(move |_| panic!("number {number}")).unwrap();
    work.submit().unwrap();
    assert_eq!(panic_of(work.wait()).message(), Some("number 500"));
    work.wait().unwrap();
    work.submit_many(3).unwrap();
    let resumed = catch_unwind(AssertUnwindSafe(|| panic_of(work.wait()).resume()));
    assert_eq!(resumed.unwrap_err().downcast_ref::<String>().unwrap(), "number 500");
}

#[test]
fn panic__of_timers_waits_and_io_too() {
    let pool = Pool::new().unwrap();
    let event = Event::manual().unwrap();
    let begun = Arc::new(Event::manual().unwrap());
    let (from_timer, from_wait) = (begun.clone(), begun.clone());
    let timer = pool.timer(move |callback| {
        callback.set_event_on_return(&from_timer).unwrap();
        panic!("timer");
    });
    let timer = timer.unwrap();
    timer.after(Duration::ZERO).unwrap();
    begun.wait(None).unwrap(); // also done after a panic
    begun.reset();
    assert_eq!(panic_of(timer.wait()).message(), Some("timer"));

    let wait = pool.wait(move |callback, _| {
        callback.set_event_on_return(&from_wait).unwrap();
        panic!("wait");
    });
    let wait = wait.unwrap();
    wait.set(&event, None).unwrap();
    event.set();
    begun.wait(None).unwrap();
    assert_eq!(panic_of(wait.wait()).message(), Some("wait"));

    let io = pool.io(&std::fs::File::open("/proc/self/exe").unwrap()).unwrap();
    io.read(vec![0; 4], Some(0), |_, _, _| panic!("read")).unwrap();
    let panic = panic_of(io.wait());
    assert_eq!(format!("{panic} {panic:?}"), "a callback panicked: read Panic(\"read\")");
}

#[test]
fn panic__of_a_simple_callback_harms_nobody() {
    let pool = Pool::builder().max_threads(1).build().unwrap();
    pool.spawn(|_| panic!("nobody waits")).unwrap();
    let work = pool.work(|_| ()).unwrap();
    work.submit().unwrap();
    work.wait().unwrap();
    assert_eq!(pool.stats().unwrap().executed, 2);
}

#[test]
fn panic__with_anything_can_be_taken() {
    let pool = Pool::new().unwrap();
    let work = pool.work(|_| std::panic::panic_any(vec![1, 2])).unwrap();
    work.submit().unwrap();
    let panic = panic_of(work.wait());
    assert_eq!(panic.message(), None);
    assert_eq!(panic.into_payload().downcast_ref::<Vec<i32>>().unwrap(), &[1, 2]);
}

#[test]
fn panic__of_a_serial_closure_lets_the_next_run() {
    let pool = Pool::new().unwrap();
    let mut count = 0;
    let work = pool.object().serial().work(move |_| {
        count += 1;
        assert!(count > 2, "run {count}");
    });
    let work = work.unwrap();
    work.submit_many(4).unwrap();
    assert_eq!(panic_of(work.wait()).message(), Some("run 1"));
}
