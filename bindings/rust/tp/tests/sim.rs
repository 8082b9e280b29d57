//! Scenarios on the simulated machine: a race in code that uses the crate, and the crate's own.
#![allow(non_snake_case)]

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tp::sim::{self, Search};
use tp::Pool;

/// Two callbacks count, as if they were alone.
fn lost_update() {
    let pool = Pool::builder().max_threads(2).name("counters").build().unwrap();
    let count = Arc::new(AtomicU32::new(0));
    let counting = count.clone();
    let add_one = move |_: &tp::Callback<'_>| {
        let seen = counting.load(SeqCst);
        sim::point();
        counting.store(seen + 1, SeqCst);
    };
    let work = pool.object().name("add one").work(add_one).unwrap();
    work.submit_many(2).unwrap();
    work.wait().unwrap();
    let count = count.load(SeqCst);
    assert!(count == 2, "counted {count} of 2");
}

#[test]
fn sim__finds_and_repeats_a_lost_update() {
    let found = Search::new().run(lost_update).unwrap();
    assert!(found.failed, "{found}");
    assert!(found.message.ends_with("counted 1 of 2"), "{}", found.message);
    assert!(found.message.contains("sim.rs:"), "{}", found.message);
    assert!(found.text.contains("work \"add one\""), "{found}");
    for token in [&found.token, &found.shrunk] {
        let repeated = Search::new().replay(token).no_shrink().run(lost_update).unwrap();
        assert!(repeated.failed && repeated.schedules == 1, "{repeated}");
        assert_eq!(repeated.message, found.message);
        let again = Search::new().replay(token).no_shrink().run(lost_update).unwrap();
        assert_eq!(again.trace, repeated.trace);
    }
}

#[test]
fn sim__correct_counting_passes() {
    let report = Search::new().schedules(300).misuse_fails().run(|| {
        let pool = Pool::builder().max_threads(3).build().unwrap();
        let count = Arc::new(AtomicU32::new(0));
        let counting = count.clone();
        let add_one = move |_: &tp::Callback<'_>| {
            sim::point();
            counting.fetch_add(1, SeqCst);
        };
        let work = pool.work(add_one).unwrap();
        work.submit_many(3).unwrap();
        work.wait().unwrap();
        assert_eq!(count.load(SeqCst), 3);
    });
    let report = report.unwrap();
    report.unwrap();
    assert_eq!(report.schedules, 300);
}

#[test]
fn sim__closures_may_change_what_they_own_if_serial() {
    let report = Search::new().schedules(300).misuse_fails().run(|| {
        let pool = Pool::builder().max_threads(3).build().unwrap();
        let last = Arc::new(AtomicU32::new(0));
        let told = last.clone();
        let mut count = 0;
        let work = pool.object().serial().work(move |_| {
            let seen = count;
            sim::point();
            count = seen + 1;
            told.store(count, SeqCst);
        });
        let work = work.unwrap();
        work.submit_many(4).unwrap();
        work.wait().unwrap();
        assert_eq!(last.load(SeqCst), 4);
    });
    report.unwrap().unwrap();
}

/// Yields once: it wakes itself while it is being polled.
struct Step(bool);

fn step() -> Step {
    Step(true)
}

impl Future for Step {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if !std::mem::take(&mut self.0) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        sim::point();
        Poll::Pending
    }
}

#[test]
fn sim__tasks_sleep_and_wake_each_other() {
    let report = Search::new().schedules(300).exact_time().misuse_fails().run(|| {
        let pool = Pool::builder().max_threads(2).build().unwrap();
        let event = Arc::new(tp::Event::automatic().unwrap());
        let (waits, sets) = (pool.clone(), pool.clone());
        let setting = event.clone();
        let waiting = pool.spawn_future(async move {
            step().await;
            let wait = waits.wait_async(&*event, Some(Duration::from_secs(3600))).unwrap();
            wait.await
        });
        let setter = pool.spawn_future(async move {
            sets.sleep(Duration::from_secs(60)).unwrap().await;
            step().await;
            setting.set();
            7
        });
        assert_eq!(setter.unwrap().join().unwrap(), 7);
        assert_eq!(waiting.unwrap().join().unwrap(), tp::WaitResult::Signaled);
        assert!(sim::now() >= Duration::from_secs(60));
        pool.shutdown(false, None).unwrap();
    });
    report.unwrap().unwrap();
}

#[test]
fn sim__tasks_can_be_cancelled_at_any_time() {
    let report = Search::new().schedules(500).misuse_fails().run(|| {
        let pool = Pool::builder().max_threads(2).build().unwrap();
        let task = pool.spawn_future(async {
            for _ in 0..3 {
                step().await;
            }
        });
        let task = task.unwrap();
        sim::point();
        task.cancel();
        assert!(matches!(task.join(), Ok(()) | Err(tp::JoinError::Cancelled)));
        pool.shutdown(false, None).unwrap();
    });
    report.unwrap().unwrap();
}

#[test]
fn sim__shutdown_tells_whoever_awaits_a_task() {
    let report = Search::new().schedules(500).run(|| {
        let pool = Pool::builder().max_threads(2).build().unwrap();
        let sleeper = pool.clone();
        let task = pool.spawn_future(async move {
            step().await;
            if let Ok(sleep) = sleeper.sleep(Duration::from_secs(1)) {
                drop(sleeper);
                sleep.await;
            }
            step().await;
        });
        let task = task.unwrap();
        sim::point();
        pool.shutdown(true, None).unwrap();
        let _ = task.join(); // returns
    });
    report.unwrap().unwrap();
}

#[test]
fn sim__scopes_end_after_what_they_borrow_for() {
    let report = Search::new().schedules(500).misuse_fails().run(|| {
        let pool = Pool::builder().max_threads(3).build().unwrap();
        let (mut left, right) = (0, AtomicU32::new(0));
        let ended = pool.scope(|scope| {
            scope.spawn(|_| left = 1).unwrap();
            let more = |_: &tp::Callback<'_>| {
                right.fetch_add(1, SeqCst);
            };
            let work = scope.work(move |_| {
                scope.spawn(more).unwrap();
            });
            let work = work.unwrap();
            work.submit_many(2).unwrap();
        });
        ended.unwrap();
        assert_eq!((left, right.load(SeqCst)), (1, 2));
    });
    report.unwrap().unwrap();
}

#[test]
fn sim__drops_race_with_callbacks() {
    let report = Search::new().schedules(500).misuse_fails().run(|| {
        let pool = Pool::builder().max_threads(2).build().unwrap();
        let alive = Arc::new(());
        let held = alive.clone();
        let timer = pool.timer(move |_| {
            let _held = &held;
            sim::point();
        });
        let timer = timer.unwrap();
        timer
            .set(tp::Due::after(Duration::from_millis(1)).every(Duration::from_millis(1)))
            .unwrap();
        let dropper = sim::spawn(move || {
            sim::sleep(Duration::from_millis(u64::from(sim::choose(4))));
            drop(timer);
        });
        dropper.unwrap().join();
        assert_eq!(Arc::strong_count(&alive), 1);
    });
    report.unwrap().unwrap();
}

#[test]
fn sim__threads_of_the_scenario_panic_into_the_report() {
    let found = Search::new().run(|| sim::spawn(|| panic!("on purpose")).unwrap().join()).unwrap();
    assert!(found.failed && found.message.ends_with("on purpose"), "{found}");
    assert!(matches!(sim::spawn(|| ()), Err(tp::Error::State)));
}
