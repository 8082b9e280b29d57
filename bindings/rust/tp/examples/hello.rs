//! hello - runs a closure three times on the threads of the process.

use std::error::Error;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;

fn main() -> Result<(), Box<dyn Error>> {
    let pool = tp::Pool::process()?;
    let count = Arc::new(AtomicU32::new(0));
    let counting = count.clone();
    let work = pool.work(move |_| {
        println!("hello from the pool");
        counting.fetch_add(1, Ordering::Relaxed);
    })?;
    work.submit_many(3)?;
    work.wait()?;
    println!("waited for {} callbacks", count.load(Ordering::Relaxed));
    Ok(())
}
