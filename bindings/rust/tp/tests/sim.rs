//! Scenarios on the simulated machine: a race in code that uses the crate, and the crate's own.
#![allow(non_snake_case)]

use std::future::Future;
use std::os::unix::io::BorrowedFd;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tp::sim::{self, Search};
use tp::sys::sim as machine;
use tp::{Error, Pool};

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

/// A scripted descriptor that is a stream, and closes itself.
struct Stream(i32);

impl Stream {
    fn open() -> Self {
        // SAFETY: a number of the run, here as below.
        Stream(unsafe { machine::tp_sim_open(machine::TP_SIM_FILE_STREAM) })
    }
    fn fd(&self) -> BorrowedFd<'_> {
        // SAFETY: open as long as the borrow.
        unsafe { BorrowedFd::borrow_raw(self.0) }
    }
    fn feed(fd: i32, data: &[u8]) {
        // SAFETY: the data outlive the call.
        unsafe { machine::tp_sim_feed(fd, data.as_ptr().cast(), data.len()) }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // SAFETY: see above.
        unsafe { machine::tp_sim_close(self.0) }
    }
}

#[test]
fn sim__reads_are_completed_aborted_or_forgotten() {
    let report = Search::new().schedules(500).misuse_fails().run(|| {
        let pool = Pool::builder().max_threads(2).build().unwrap();
        let stream = Stream::open();
        let io = pool.io(&stream.fd()).unwrap();
        let alive = Arc::new(());
        let (called, freed) = (alive.clone(), alive.clone());
        let fd = stream.0;
        let feeder = sim::spawn(move || Stream::feed(fd, b"abc")).unwrap();
        let read = io.read(vec![0; 3], None, move |_, result, buffer| {
            let _called = called;
            match result {
                Ok(bytes) => assert_eq!(&buffer[..bytes], &b"abc"[..bytes]),
                Err(error) => assert_eq!(error.raw_os_error(), Some(125)),
            }
        });
        let read = read.unwrap();
        let reading = io.clone();
        let task = pool.spawn_future(async move {
            let _freed = freed;
            let _ = reading.read_async(vec![0; 2], None).await;
        });
        let task = task.unwrap();
        match sim::choose(3) {
            0 => drop(read.abort()),
            1 => task.cancel(),
            _ => sim::point(),
        }
        feeder.join();
        drop(io);
        task.cancel();
        let _ = task.join();
        pool.shutdown(false, None).unwrap();
        assert_eq!(Arc::strong_count(&alive), 1);
    });
    report.unwrap().unwrap();
}

#[test]
fn sim__failed_creates_leave_nothing_behind() {
    fn some(alive: &Arc<()>) -> tp::Result<()> {
        let pool = Pool::builder().min_threads(1).max_threads(2).build()?;
        let (mine, other, third) = (alive.clone(), alive.clone(), alive.clone());
        let group = tp::Group::new()?;
        let member = move |_: &tp::Callback<'_>| drop(mine.clone());
        let work = pool.object().group(&group).name("member").work(member)?;
        work.submit_many(2)?;
        let task = pool.spawn_future(async move {
            step().await;
            drop(other);
        })?;
        let sleep = pool.sleep(Duration::from_millis(1))?;
        pool.spawn(move |_| drop(third))?;
        let mut number = 0;
        match pool.scope(|scope| scope.spawn(|_| number = 1)) {
            Ok(spawned) => spawned?,
            Err(error) => return Err(error.resume()),
        }
        assert_eq!(number, 1);
        group.close_members(false)?;
        drop((task, sleep));
        pool.shutdown(false, None)
    }
    let report = Search::new().schedules(40).faults().run(|| {
        let alive = Arc::new(());
        let result = some(&alive);
        assert!(matches!(result, Ok(()) | Err(Error::NoMemory | Error::NoThread)), "{result:?}");
        // A pool that was only dropped goes on for a while.
        while Arc::strong_count(&alive) > 1 {
            sim::sleep(Duration::from_millis(1));
        }
    });
    let report = report.unwrap();
    report.unwrap();
    assert!(report.faults > 100, "{} calls failed", report.faults);
}

#[test]
fn sim__threads_of_the_scenario_panic_into_the_report() {
    let found = Search::new().run(|| sim::spawn(|| panic!("on purpose")).unwrap().join()).unwrap();
    assert!(found.failed && found.message.ends_with("on purpose"), "{found}");
    assert!(matches!(sim::spawn(|| ()), Err(Error::State)));
}
