//! What a drop does: no closure is freed too early, too late, or twice.

use crate::{held, until_freed, LONG};
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{mpsc, Arc, Mutex};
use std::time::Duration;
use tp::{Due, Event, Group, Pool, Work};

#[test]
fn drop__frees_closures_of_every_kind() {
    let pool = Pool::new().unwrap();
    let (alive, mine) = held();
    let (for_timer, for_wait, for_io, once) =
        (alive.clone(), alive.clone(), alive.clone(), alive.clone());
    drop(pool.work(move |_| drop(mine.clone())).unwrap());
    drop(pool.timer(move |_| drop(for_timer.clone())).unwrap());
    drop(pool.wait(move |_, _| drop(for_wait.clone())).unwrap());
    let io = pool.io(&std::os::unix::net::UnixStream::pair().unwrap().0).unwrap();
    drop(io.announce(move |_, _| drop(for_io)).unwrap());
    pool.spawn(move |_| drop(once)).unwrap();
    until_freed(&alive);
}

#[test]
fn drop__cancels_what_is_queued_and_waits_for_what_runs() {
    let pool = Pool::builder().max_threads(1).build().unwrap();
    let (alive, mine) = held();
    let (begun, ran) = (Arc::new(Event::manual().unwrap()), Arc::new(AtomicU32::new(0)));
    let (begins, counting) = (begun.clone(), ran.clone());
    let work = pool.work(move |callback| {
        let _mine = &mine;
        begins.set();
        while !callback.cancel_requested() {
            std::thread::yield_now();
        }
        counting.fetch_add(1, SeqCst);
    });
    let work = work.unwrap();
    work.submit_many(10).unwrap();
    begun.wait(Some(LONG)).unwrap();
    drop(work);
    assert_eq!(ran.load(SeqCst), 1);
    until_freed(&alive);
}

#[test]
fn drop__in_its_own_callback_does_not_wait() {
    let pool = Pool::builder().max_threads(1).build().unwrap();
    let (alive, mine) = held();
    let (slot, ran) = (Arc::new(Mutex::new(None::<Work>)), Arc::new(AtomicU32::new(0)));
    let (own, counting) = (slot.clone(), ran.clone());
    let work = pool.work(move |_| {
        counting.fetch_add(1, SeqCst);
        drop(own.lock().unwrap().take());
        assert_eq!(Arc::strong_count(&mine), 2); // still here
    });
    *slot.lock().unwrap() = Some(work.unwrap());
    let guard = slot.lock().unwrap();
    guard.as_ref().unwrap().submit_many(5).unwrap();
    drop(guard);
    until_freed(&alive);
    assert_eq!(ran.load(SeqCst), 1);
}

#[test]
fn drop__of_the_pool_lets_its_objects_go_on() {
    let pool = Pool::new().unwrap();
    let (alive, mine) = held();
    let work = pool.work(move |_| drop(mine.clone())).unwrap();
    drop(pool);
    work.submit_many(10).unwrap();
    work.wait().unwrap();
    drop(work);
    until_freed(&alive);
}

#[test]
fn drop__of_a_group_ends_its_members() {
    let pool = Pool::new().unwrap();
    let (alive, mine) = held();
    let group = Group::new().unwrap();
    let timer = pool.object().group(&group).timer(move |_| drop(mine.clone())).unwrap();
    timer.set(Due::after(Duration::ZERO).every(Duration::from_micros(100))).unwrap();
    drop(group);
    assert_eq!(Arc::strong_count(&alive), 1);
    assert_eq!(timer.stop(), Err(tp::Error::Handle));
}

#[test]
fn drop__of_a_closure_may_drop_other_objects() {
    let pool = Pool::new().unwrap();
    let (alive, mine) = held();
    let inner = pool.work(move |_| drop(mine.clone())).unwrap();
    inner.submit_many(3).unwrap();
    let outer = pool.work(move |_| inner.submit().unwrap()).unwrap();
    outer.submit_many(3).unwrap();
    drop(outer);
    until_freed(&alive);
}

#[test]
fn drop__while_a_timer_fires_many_times() {
    let pool = Pool::new().unwrap();
    for _ in 0..200 {
        let (alive, mine) = held();
        let (send, receive) = mpsc::sync_channel(1);
        let timer = pool.timer(move |_| {
            let _mine = &mine;
            let _ = send.try_send(());
        });
        let timer = timer.unwrap();
        timer.set(Due::after(Duration::ZERO).every(Duration::from_micros(20))).unwrap();
        receive.recv_timeout(LONG).unwrap();
        drop(timer);
        until_freed(&alive);
    }
}

#[test]
fn drop__refused_creates_free_their_closures() {
    let pool = Pool::new().unwrap();
    pool.shutdown(true, None).unwrap();
    let (alive, mine) = held();
    let (other, third) = (alive.clone(), alive.clone());
    assert_eq!(pool.work(move |_| drop(mine.clone())).err(), Some(tp::Error::Closed));
    assert_eq!(pool.spawn(move |_| drop(other)), Err(tp::Error::Closed));
    let task = async move { drop(third) };
    assert_eq!(pool.spawn_future(task).err(), Some(tp::Error::Closed));
    assert_eq!(Arc::strong_count(&alive), 1);
}
