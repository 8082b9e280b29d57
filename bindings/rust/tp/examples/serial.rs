//! serial - one persistent thread runs what is urgent first.

use std::error::Error;
use std::sync::{Arc, Mutex};
use std::thread;
use tp::{Event, Pool, Priority, Work};

fn main() -> Result<(), Box<dyn Error>> {
    let pool = Pool::builder().min_threads(1).max_threads(1).build()?;
    let ran = Arc::new(Mutex::new(Vec::new()));
    let (begun, gate) = (Arc::new(Event::manual()?), Arc::new(Event::manual()?));
    let (begins, held, list) = (begun.clone(), gate.clone(), ran.clone());
    let blocker = pool.object().persistent().work(move |_| {
        list.lock().unwrap().push((String::new(), thread::current().id()));
        begins.set();
        held.wait(None).expect("the gate is open until the end");
    })?;
    blocker.submit()?;
    begun.wait(None)?; // what comes now is queued

    let submit = |name: String, priority| -> tp::Result<Work> {
        let list = ran.clone();
        let work = pool.object().persistent().priority(priority).work(move |_| {
            list.lock().unwrap().push((name.clone(), thread::current().id()));
        })?;
        work.submit()?;
        Ok(work)
    };
    let mut works = vec![blocker];
    for number in 1..=3 {
        works.push(submit(format!("normal {number}"), Priority::Normal)?);
    }
    for number in 1..=2 {
        works.push(submit(format!("high {number}"), Priority::High)?);
    }
    gate.set();
    for work in &works {
        work.wait()?;
    }

    let ran = ran.lock().unwrap();
    for (name, _) in &ran[1..] {
        println!("{name}");
    }
    let one = ran.iter().all(|(_, thread)| *thread == ran[0].1);
    println!("on one thread: {}", if one { "yes" } else { "no" });
    Ok(())
}
