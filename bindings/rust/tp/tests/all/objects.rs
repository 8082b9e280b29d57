//! Work, timers, waits, simple callbacks, and the choices they are made with.

use crate::LONG;
use std::fs::File;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{mpsc, Arc, Mutex};
use std::time::{Duration, SystemTime};
use tp::{poll, Due, Error, Event, Group, Pool, Priority, Process, WaitResult, Waitable};

#[test]
fn work__runs_once_for_each_submit() {
    let pool = Pool::new().unwrap();
    let count = Arc::new(AtomicU32::new(0));
    let counting = count.clone();
    let work = pool.work(move |_| {
        counting.fetch_add(1, SeqCst);
    });
    let work = work.unwrap();
    work.submit().unwrap();
    work.submit_many(999).unwrap();
    work.wait().unwrap();
    assert_eq!(count.load(SeqCst), 1000);
    work.wait_for(Duration::ZERO).unwrap();
}

#[test]
fn work__can_be_detached_with_callbacks_queued() {
    let pool = Pool::new().unwrap();
    let (send, receive) = mpsc::channel();
    let send = Mutex::new(send);
    let work = pool.work(move |_| send.lock().unwrap().send(()).unwrap()).unwrap();
    work.submit_many(3).unwrap();
    work.detach();
    for _ in 0..3 {
        receive.recv_timeout(LONG).unwrap();
    }
    assert!(receive.recv_timeout(LONG).is_err()); // the closure is freed, its sender too
}

#[test]
fn work__serial_closures_may_change_what_they_own() {
    let pool = Pool::new().unwrap();
    let (send, receive) = mpsc::channel();
    let mut count = 0;
    let work = pool.object().serial().work(move |_| {
        count += 1;
        send.send(count).unwrap();
    });
    let work = work.unwrap();
    work.submit_many(100).unwrap();
    work.wait().unwrap();
    assert!(receive.try_iter().eq(1..=100));
}

#[test]
fn work__high_priority_goes_first() {
    let pool = Pool::builder().max_threads(1).build().unwrap();
    let (order, gate) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Event::manual().unwrap()));
    let begun = Arc::new(Event::manual().unwrap());
    let (held, begins) = (gate.clone(), begun.clone());
    pool.spawn(move |_| {
        begins.set();
        held.wait(None).unwrap();
    })
    .unwrap();
    begun.wait(Some(LONG)).unwrap();
    let mut works = Vec::new();
    for (priority, name) in
        [(Priority::Low, 3), (Priority::Normal, 2), (Priority::High, 1), (Priority::High, 1)]
    {
        let list = order.clone();
        let push = move |_: &tp::Callback<'_>| list.lock().unwrap().push(name);
        let work = pool.object().priority(priority).name("in order").work(push).unwrap();
        work.submit().unwrap();
        works.push(work);
    }
    gate.set();
    works.iter().for_each(|work| work.wait().unwrap());
    assert_eq!(*order.lock().unwrap(), [1, 1, 2, 3]);
}

#[test]
fn work__limit_and_persistence_and_long_runs_can_be_asked_for() {
    let pool = Pool::builder().max_threads(4).build().unwrap();
    let (now, most) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let (running, seen) = (now.clone(), most.clone());
    let work = pool.object().concurrency_limit(2).runs_long().work(move |_| {
        seen.fetch_max(running.fetch_add(1, SeqCst) + 1, SeqCst);
        std::thread::yield_now();
        running.fetch_sub(1, SeqCst);
    });
    let work = work.unwrap();
    work.submit_many(200).unwrap();
    work.wait().unwrap();
    assert!((1..=2).contains(&most.load(SeqCst)));

    let threads = Arc::new(Mutex::new(Vec::new()));
    let list = threads.clone();
    let note = move |_: &tp::Callback<'_>| list.lock().unwrap().push(std::thread::current().id());
    let work = pool.object().persistent().work(note).unwrap();
    for _ in 0..20 {
        work.submit().unwrap();
        work.wait().unwrap();
    }
    let threads = threads.lock().unwrap();
    assert!(threads.iter().all(|thread| *thread == threads[0]));
}

#[test]
fn spawn__runs_closures_that_can_be_called_once() {
    let pool = Pool::new().unwrap();
    let (send, receive) = mpsc::channel();
    for number in 0..10 {
        let (send, text) = (send.clone(), format!("number {number}"));
        pool.spawn(move |_| send.send(text).unwrap()).unwrap();
    }
    drop(send);
    let mut texts: Vec<_> = receive.iter().collect();
    texts.sort();
    assert_eq!(texts.len(), 10);
    assert_eq!(texts[9], "number 9");
}

#[test]
fn callback__tells_and_is_told() {
    let pool = Pool::builder().max_threads(1).build().unwrap();
    let event = Arc::new(Event::manual().unwrap());
    let semaphore = Arc::new(tp::Semaphore::new(0, 5).unwrap());
    let (setting, releasing) = (event.clone(), semaphore.clone());
    let work = pool.work(move |callback| {
        assert_eq!(callback.may_run_long(), Err(Error::TooManyThreads));
        assert_eq!(callback.blocking(|| 5), 5);
        assert!(!callback.cancel_requested());
        assert_eq!(callback.wait_events(), Err(Error::State));
        assert!(!callback.as_raw().is_null());
        callback.set_event_on_return(&setting).unwrap();
        callback.release_semaphore_on_return(&releasing, 2).unwrap();
    });
    let work = work.unwrap();
    work.submit().unwrap();
    work.wait().unwrap();
    assert_eq!(event.wait(Some(Duration::ZERO)), Ok(WaitResult::Signaled));
    assert_eq!(semaphore.release(1), Ok(2));
}

#[test]
fn callback__cancel_is_requested_of_what_runs() {
    let pool = Pool::new().unwrap();
    let begun = Arc::new(Event::manual().unwrap());
    let begins = begun.clone();
    let work = pool.work(move |callback| {
        begins.set();
        while !callback.cancel_requested() {
            std::thread::yield_now();
        }
    });
    let work = work.unwrap();
    work.submit_many(1).unwrap();
    begun.wait(Some(LONG)).unwrap();
    work.cancel().unwrap();
}

#[test]
fn callback__disassociated_may_wait_for_its_own_object() {
    let pool = Pool::new().unwrap();
    let slot = Arc::new(Mutex::new(None::<Arc<tp::Work>>));
    let (mine, told) = (slot.clone(), Arc::new(Mutex::new(Vec::new())));
    let tell = told.clone();
    let work = pool.work(move |callback| {
        let own = mine.lock().unwrap().take().unwrap();
        let mut results = tell.lock().unwrap();
        results.push(matches!(own.wait(), Err(tp::WaitError::Failed(Error::Deadlock))));
        callback.disassociate().unwrap();
        results.push(own.wait().is_ok());
    });
    let work = Arc::new(work.unwrap());
    *slot.lock().unwrap() = Some(work.clone());
    work.submit().unwrap();
    drop(pool);
    while Arc::strong_count(&work) > 1 {
        std::thread::yield_now();
    }
    assert_eq!(*told.lock().unwrap(), [true, true]);
}

#[test]
fn timer__expires_once_or_again_and_again() {
    let pool = Pool::new().unwrap();
    let (send, receive) = mpsc::channel();
    let timer = pool
        .object()
        .serial()
        .timer(move |_| {
            let _ = send.send(());
        })
        .unwrap();
    assert_eq!(timer.is_set(), Ok(false));
    for due in [
        Due::after(Duration::from_millis(1)).window(Duration::from_millis(1)),
        Due::after_boottime(Duration::from_millis(1)),
        Due::at(SystemTime::now()),
        Due::at_monotonic(Duration::from_nanos(1)),
    ] {
        timer.set(due).unwrap();
        receive.recv_timeout(LONG).unwrap();
    }
    timer.set(Due::after(Duration::ZERO).every(Duration::from_millis(1)).skip_missed()).unwrap();
    for _ in 0..3 {
        receive.recv_timeout(LONG).unwrap();
    }
    assert_eq!(timer.is_set(), Ok(true));
    timer.stop().unwrap();
    timer.cancel().unwrap();
    assert_eq!(timer.is_set(), Ok(false));
    assert_eq!(timer.after(LONG), Ok(false));
    assert_eq!(timer.stop(), Ok(true));
    timer.wait().unwrap();
}

#[test]
fn wait__comes_for_whatever_is_signaled() {
    let pool = Pool::new().unwrap();
    let (send, receive) = mpsc::channel();
    let wait = pool.object().serial().wait(move |callback, result| {
        send.send((result, callback.wait_events().unwrap())).unwrap();
    });
    let wait = wait.unwrap();
    let next = || receive.recv_timeout(LONG).unwrap();

    let event = Event::automatic().unwrap();
    assert_eq!(wait.set(&event, None), Ok(false));
    event.set();
    assert_eq!(next(), (WaitResult::Signaled, 0));
    wait.set(&event, Some(Duration::from_millis(1))).unwrap();
    assert_eq!(next(), (WaitResult::Timeout, 0));
    wait.set(Waitable::never(), None).unwrap();
    assert_eq!(wait.disarm(), Ok(true));

    let semaphore = tp::Semaphore::new(2, 2).unwrap();
    wait.set(&semaphore, None).unwrap();
    assert_eq!(next().0, WaitResult::Signaled);
    assert_eq!(semaphore.release(1), Ok(1));

    let mut child = Command::new("/bin/sh");
    let mut child = child.args(["-c", "read line; exit 7"]).stdin(Stdio::piped()).spawn().unwrap();
    let process = Process::of(&child).unwrap();
    wait.set(&process, None).unwrap();
    drop(child.stdin.take());
    assert_eq!(next().0, WaitResult::Signaled);
    assert_eq!(child.wait().unwrap().code(), Some(7));
    assert_eq!(process.wait(Some(LONG)), Ok(WaitResult::Signaled));

    let (reader, mut writer) = std::os::unix::net::UnixStream::pair().unwrap();
    wait.set(Waitable::fd(&reader, poll::IN), None).unwrap();
    std::io::Write::write_all(&mut writer, b"!").unwrap();
    assert_eq!(next(), (WaitResult::Signaled, poll::IN));

    let file = File::open("/proc/self/maps").unwrap();
    let refused = wait.set(Waitable::fd(&file, poll::IN), None);
    assert_eq!(refused, Err(Error::System(1 /* EPERM: always ready */)));
    wait.wait().unwrap();
}

#[test]
fn wait__owns_the_mutex_in_its_callback() {
    let pool = Pool::new().unwrap();
    let mutex = Arc::new(tp::Mutex::new(true).unwrap());
    let (releasing, done) = (mutex.clone(), Arc::new(Event::manual().unwrap()));
    let setting = done.clone();
    let wait = pool.wait(move |callback, result| {
        assert_eq!(result, WaitResult::Signaled);
        callback.release_mutex_on_return(&releasing).unwrap();
        callback.set_event_on_return(&setting).unwrap();
    });
    let wait = wait.unwrap();
    wait.set(&*mutex, None).unwrap();
    mutex.release().unwrap();
    done.wait(Some(LONG)).unwrap();
    wait.wait().unwrap();
    assert_eq!(mutex.wait(Some(LONG)), Ok(WaitResult::Signaled));
    mutex.release().unwrap();
}

#[test]
fn group__closes_and_cancels_its_members() {
    let pool = Pool::builder().max_threads(1).build().unwrap();
    let (gate, begun) = (Arc::new(Event::manual().unwrap()), Arc::new(Event::manual().unwrap()));
    let (held, begins) = (gate.clone(), begun.clone());
    pool.spawn(move |_| {
        begins.set();
        held.wait(None).unwrap();
    })
    .unwrap();
    begun.wait(Some(LONG)).unwrap();

    let group = Group::new().unwrap();
    let count = Arc::new(AtomicU32::new(0));
    let cancelled = || {
        let count = count.clone();
        move || {
            count.fetch_add(1, SeqCst);
        }
    };
    let member = || pool.object().group(&group).on_cancel(cancelled());
    let work = member().work(|_| panic!("nothing is to run")).unwrap();
    let timer = member().timer(|_| panic!("nothing is to run")).unwrap();
    member().spawn(|_| panic!("nothing is to run")).unwrap();
    work.submit_many(100).unwrap();
    timer.after(LONG).unwrap();
    group.close_members(true).unwrap();
    assert_eq!(count.load(SeqCst), 3);
    assert_eq!(work.submit(), Err(Error::Handle));
    assert_eq!(timer.stop(), Err(Error::Handle));

    let work = pool.object().group(&group).work(|_| ()).unwrap();
    work.submit().unwrap();
    gate.set();
    group.close_members(false).unwrap();
    assert_eq!(work.submit(), Err(Error::Handle));
}
