//! Scopes: callbacks that borrow.

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use tp::{Event, Pool, WaitError};

#[test]
fn scope__callbacks_borrow_and_change_locals() {
    let pool = Pool::new().unwrap();
    let mut numbers = [0; 64];
    let sum = AtomicU32::new(0);
    let answer = pool.scope(|scope| {
        for (index, number) in numbers.iter_mut().enumerate() {
            let sum = &sum;
            scope
                .spawn(move |_| {
                    *number = index;
                    sum.fetch_add(index as u32, SeqCst);
                })
                .unwrap();
        }
        42
    });
    assert_eq!(answer.unwrap(), 42);
    assert_eq!(sum.load(SeqCst), 63 * 32);
    assert!(numbers.iter().enumerate().all(|(index, number)| index == *number));
}

#[test]
fn scope__work_runs_to_its_end() {
    let pool = Pool::new().unwrap();
    let count = AtomicU32::new(0);
    let ended = pool.scope(|scope| {
        let work = scope
            .work(|_| {
                count.fetch_add(1, SeqCst);
            })
            .unwrap();
        work.submit().unwrap();
        work.wait().unwrap();
        assert_eq!(count.load(SeqCst), 1);
        work.submit_many(99).unwrap();
    });
    ended.unwrap();
    assert_eq!(count.load(SeqCst), 100);
}

#[test]
fn scope__callbacks_make_more_callbacks() {
    let pool = Pool::new().unwrap();
    let count = AtomicU32::new(0);
    let counting = &count;
    let ended = pool.scope(|scope| {
        for _ in 0..8 {
            let first = move |_: &tp::Callback<'_>| {
                for _ in 0..8 {
                    scope
                        .spawn(move |_| {
                            counting.fetch_add(1, SeqCst);
                        })
                        .unwrap();
                }
            };
            scope.spawn(first).unwrap();
        }
    });
    ended.unwrap();
    assert_eq!(count.load(SeqCst), 64);
}

#[test]
fn scope__a_panic_of_a_callback_is_the_result() {
    let pool = Pool::new().unwrap();
    let ended = pool.scope(|scope| scope.spawn(|_| panic!("in a callback")).unwrap());
    assert!(matches!(ended, Err(WaitError::Panicked(panic)) if panic.message().is_some()));
}

#[test]
fn scope__a_panic_of_the_scope_waits_for_what_runs() {
    let pool = Pool::builder().max_threads(1).build().unwrap();
    let (begun, over, ran) = (Event::manual().unwrap(), AtomicBool::new(false), AtomicU32::new(0));
    let result = catch_unwind(AssertUnwindSafe(|| {
        pool.scope(|scope| {
            let running = |callback: &tp::Callback<'_>| {
                begun.set();
                while !callback.cancel_requested() {
                    std::thread::yield_now();
                }
                over.store(true, SeqCst);
            };
            scope.spawn(running).unwrap();
            begun.wait(None).unwrap();
            let work = scope
                .work(|_| {
                    ran.fetch_add(1, SeqCst);
                })
                .unwrap();
            work.submit_many(5).unwrap();
            std::mem::forget(work);
            panic!("in the scope");
        })
    }));
    assert_eq!(result.unwrap_err().downcast_ref::<&str>(), Some(&"in the scope"));
    assert!(over.load(SeqCst));
    assert_eq!(ran.load(SeqCst), 0);
}

#[test]
fn scope__nests() {
    let pool = Pool::new().unwrap();
    let count = AtomicU32::new(0);
    let ended = pool.scope(|outer| {
        for _ in 0..4 {
            let nested = |_: &tp::Callback<'_>| {
                let local = AtomicU32::new(0);
                let ended = pool.scope(|inner| {
                    for _ in 0..4 {
                        inner
                            .spawn(|_| {
                                local.fetch_add(1, SeqCst);
                            })
                            .unwrap();
                    }
                });
                ended.unwrap();
                count.fetch_add(local.load(SeqCst), SeqCst);
            };
            outer.spawn(nested).unwrap();
        }
    });
    ended.unwrap();
    assert_eq!(count.load(SeqCst), 16);
}

#[test]
fn scope__closures_are_freed_before_it_ends() {
    struct Told<'a>(&'a AtomicU32);
    impl Drop for Told<'_> {
        fn drop(&mut self) {
            self.0.fetch_add(1, SeqCst);
        }
    }
    let pool = Pool::new().unwrap();
    for _ in 0..200 {
        let freed = AtomicU32::new(0);
        let ended = pool.scope(|scope| {
            let (first, second) = (Told(&freed), Told(&freed));
            scope.spawn(move |_| drop(first)).unwrap();
            let borrowing = move |_: &tp::Callback<'_>| {
                let second = &second;
                assert!(second.0.load(SeqCst) < 2);
            };
            let work = scope.work(borrowing).unwrap();
            work.submit().unwrap();
        });
        ended.unwrap();
        assert_eq!(freed.load(SeqCst), 2);
    }
}
