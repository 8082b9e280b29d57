//! Tasks on a pool.

use crate::futures::{First, Select};
use crate::{held, until_freed, LONG};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{mpsc, Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tp::{block_on, Error, Event, Group, JoinError, Pool, Priority};

/// Pending so many times; it wakes itself while it is polled.
struct Yield(u32);

impl Future for Yield {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.0 == 0 {
            return Poll::Ready(());
        }
        self.0 -= 1;
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Pending until somebody else says so, who gets the waker through a channel.
struct Signal(Arc<Mutex<bool>>, mpsc::Sender<Waker>);

impl Future for Signal {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let set = self.0.lock().unwrap();
        if *set {
            return Poll::Ready(());
        }
        self.1.send(context.waker().clone()).unwrap();
        Poll::Pending
    }
}

fn signal() -> (Signal, Arc<Mutex<bool>>, mpsc::Receiver<Waker>) {
    let (set, (send, receive)) = (Arc::new(Mutex::new(false)), mpsc::channel());
    (Signal(set.clone(), send), set, receive)
}

#[test]
fn task__result_comes_to_whoever_joins() {
    let pool = Pool::new().unwrap();
    let text = pool.spawn_future(async { String::from("result") }).unwrap();
    assert_eq!(text.join().unwrap(), "result");
    let nested = pool.clone();
    let outer = pool.spawn_future(async move {
        let inner = nested.spawn_future(async { 6 }).unwrap();
        inner.await.unwrap() * 7
    });
    assert_eq!(block_on(outer.unwrap()).unwrap(), 42);
}

#[test]
fn task__woken_from_another_thread() {
    let pool = Pool::new().unwrap();
    let (signal, set, wakers) = signal();
    let task = pool.spawn_future(signal).unwrap();
    let waker = wakers.recv_timeout(LONG).unwrap();
    assert!(!task.is_done());
    *set.lock().unwrap() = true;
    std::thread::spawn(move || waker.wake()).join().unwrap();
    task.join().unwrap();
}

#[test]
fn task__woken_while_it_is_polled() {
    let pool = Pool::new().unwrap();
    let tasks: Vec<_> = (0..50).map(|times| pool.spawn_future(Yield(times)).unwrap()).collect();
    for task in tasks {
        task.join().unwrap();
    }
}

#[test]
fn task__no_wake_of_many_threads_is_lost() {
    struct Until(u32, Arc<Mutex<(u32, Option<Waker>)>>);
    impl Future for Until {
        type Output = ();
        fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
            let mut inside = self.1.lock().unwrap();
            if inside.0 == self.0 {
                return Poll::Ready(());
            }
            inside.1 = Some(context.waker().clone());
            Poll::Pending
        }
    }
    let pool = Pool::new().unwrap();
    let count = Arc::new(Mutex::new((0, None::<Waker>)));
    let task = pool.spawn_future(Until(8000, count.clone())).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..2000 {
                    let mut inside = count.lock().unwrap();
                    inside.0 += 1;
                    let waker = inside.1.take();
                    drop(inside);
                    if let Some(waker) = waker {
                        waker.wake();
                    }
                }
            });
        }
    });
    task.join().unwrap();
}

#[test]
fn task__late_and_spurious_wakes_do_nothing() {
    let pool = Pool::new().unwrap();
    let (signal, set, wakers) = signal();
    let task = pool.spawn_future(signal).unwrap();
    wakers.recv_timeout(LONG).unwrap().wake_by_ref(); // for nothing: it asks again
    let waker = wakers.recv_timeout(LONG).unwrap();
    *set.lock().unwrap() = true;
    for _ in 0..100 {
        waker.wake_by_ref();
    }
    task.join().unwrap();
    waker.wake();
}

#[test]
fn task__dropped_while_pending_frees_its_future() {
    let pool = Pool::new().unwrap();
    let (alive, mine) = held();
    let (signal, _set, wakers) = signal();
    let task = pool.spawn_future(async move {
        let _mine = mine;
        signal.await;
    });
    let task = task.unwrap();
    let waker = wakers.recv_timeout(LONG).unwrap();
    task.cancel();
    assert!(matches!(task.join(), Err(JoinError::Cancelled)));
    assert_eq!(Arc::strong_count(&alive), 1); // though a waker of it is left
    waker.wake();
}

#[test]
fn task__goes_on_without_its_handle() {
    let pool = Pool::new().unwrap();
    let (send, receive) = mpsc::channel();
    let sleeper = pool.clone();
    let task = pool.spawn_future(async move {
        sleeper.sleep(Duration::from_millis(2)).unwrap().await;
        send.send(()).unwrap();
    });
    drop(task.unwrap());
    drop(pool);
    receive.recv_timeout(LONG).unwrap();
}

#[test]
fn task__many_of_them_with_a_result_each() {
    let pool = Pool::new().unwrap();
    let tasks: Vec<_> = (0..5000u64)
        .map(|number| {
            let future = async move {
                Yield((number % 4) as u32).await;
                number
            };
            pool.spawn_future(future).unwrap()
        })
        .collect();
    let sum = block_on(async {
        let mut sum = 0;
        for task in tasks {
            sum += task.await.unwrap();
        }
        sum
    });
    assert_eq!(sum, 4999 * 2500);
}

#[test]
fn task__panic_goes_to_whoever_joins() {
    let pool = Pool::new().unwrap();
    let (alive, mine) = held();
    let task = pool.spawn_future(async move {
        let _mine = mine;
        Yield(2).await;
        panic!("in a task")
    });
    let task = task.unwrap();
    match task.join() {
        Err(JoinError::Panicked(panic)) => assert_eq!(panic.message(), Some("in a task")),
        Err(other) => panic!("{other}"),
        Ok(()) => unreachable!(),
    }
    until_freed(&alive);
}

#[test]
fn task__cancelled_at_once_never_runs_on() {
    let pool = Pool::builder().max_threads(1).build().unwrap();
    let (gate, begun) = (Arc::new(Event::manual().unwrap()), Arc::new(Event::manual().unwrap()));
    let (held, begins) = (gate.clone(), begun.clone());
    pool.spawn(move |_| {
        begins.set();
        held.wait(None).unwrap();
    })
    .unwrap();
    begun.wait(Some(LONG)).unwrap();
    let polled = Arc::new(AtomicU32::new(0));
    let counting = polled.clone();
    let task = pool
        .spawn_future(async move {
            counting.fetch_add(1, SeqCst);
        })
        .unwrap();
    task.cancel();
    gate.set();
    assert!(matches!(task.join(), Err(JoinError::Cancelled)));
    assert_eq!(polled.load(SeqCst), 0);
}

#[test]
fn task__two_of_them_talk() {
    let pool = Pool::new().unwrap();
    let (ping, pong) =
        (Arc::new(Event::automatic().unwrap()), Arc::new(Event::automatic().unwrap()));
    let player = |mine: Arc<Event>, yours: Arc<Event>| {
        let pool = pool.clone();
        async move {
            for _ in 0..100 {
                pool.wait_async(&*mine, Some(LONG)).unwrap().await;
                yours.set();
            }
        }
    };
    let first = pool.spawn_future(player(ping.clone(), pong.clone())).unwrap();
    let second = pool.spawn_future(player(pong, ping.clone())).unwrap();
    ping.set();
    first.join().unwrap();
    second.join().unwrap();
}

#[test]
fn task__select_of_a_task_and_a_sleep() {
    let pool = Pool::new().unwrap();
    let (signal, _set, _wakers) = signal();
    let task = pool.spawn_future(signal).unwrap();
    let sleep = pool.sleep(Duration::from_millis(2)).unwrap();
    let mut both = Select(task, sleep);
    assert!(matches!(block_on(&mut both), First::Right(())));
    both.0.cancel();
    assert!(matches!(both.0.join(), Err(JoinError::Cancelled)));
}

#[test]
fn task__shutdown_of_the_pool_ends_it() {
    let pool = Pool::new().unwrap();
    let (alive, mine) = held();
    let (signal, _set, wakers) = signal();
    let task = pool.spawn_future(async move {
        let _mine = mine;
        signal.await;
    });
    let task = task.unwrap();
    let waker = wakers.recv_timeout(LONG).unwrap();
    pool.shutdown(true, Some(LONG)).unwrap();
    assert!(matches!(task.join(), Err(JoinError::Cancelled)));
    until_freed(&alive);
    waker.wake();
}

#[test]
fn task__can_have_a_priority_but_no_group() {
    let pool = Pool::new().unwrap();
    let mut builder = pool.object().priority(Priority::High).name("a task");
    assert_eq!(builder.spawn_future(async { 1 }).unwrap().join().unwrap(), 1);
    let group = Group::new().unwrap();
    let refused = pool.object().group(&group).spawn_future(async { 1 });
    assert_eq!(refused.err(), Some(Error::Unsupported));
}

#[test]
fn block_on__may_be_called_in_callbacks() {
    let pool = Pool::builder().max_threads(2).build().unwrap();
    let inside = pool.clone();
    let (send, receive) = mpsc::channel();
    let wait = move |_: &tp::Callback<'_>| {
        let task = inside.spawn_future(Yield(3)).unwrap();
        send.send(block_on(task).is_ok()).unwrap();
    };
    pool.spawn(wait).unwrap();
    assert!(receive.recv_timeout(LONG).unwrap());
}
