//! group - a cleanup group cancels work, a timer and a wait before any of them could run.

use std::error::Error;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::Arc;
use std::time::Duration;
use tp::{Event, Group, Pool};

fn main() -> Result<(), Box<dyn Error>> {
    let pool = Pool::builder().max_threads(1).build()?;
    let (begun, gate) = (Arc::new(Event::manual()?), Arc::new(Event::manual()?));
    let (begins, held) = (begun.clone(), gate.clone());
    let blocker = pool.work(move |_| {
        begins.set();
        held.wait(None).expect("the gate is open until the end");
    })?;
    blocker.submit()?;
    begun.wait(None)?; // from here on the only thread of the pool is taken

    let (ran, cancelled) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let group = Group::new()?;
    let member = || {
        let cancelled = cancelled.clone();
        let count = move || {
            cancelled.fetch_add(1, SeqCst);
        };
        pool.object().group(&group).on_cancel(count)
    };
    let counter = || {
        let ran = ran.clone();
        move || {
            ran.fetch_add(1, SeqCst);
        }
    };
    let (by_work, by_timer, by_wait) = (counter(), counter(), counter());
    let work = member().work(move |_| by_work())?;
    let timer = member().timer(move |_| by_timer())?;
    let wait = member().wait(move |_, _| by_wait())?;
    let never_set = Event::manual()?;
    work.submit_many(100)?;
    timer.after(Duration::from_secs(3600))?;
    wait.set(&never_set, None)?;

    group.close_members(true)?;
    println!("members cancelled: {}", cancelled.load(SeqCst));
    println!("callbacks that ran: {}", ran.load(SeqCst));
    gate.set();
    blocker.wait()?;
    Ok(())
}
