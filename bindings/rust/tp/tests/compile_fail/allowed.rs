// What the other files forbid is allowed in this form.
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;

pub fn works(pool: &tp::Pool) -> tp::Result<tp::Work> {
    let count = Arc::new(AtomicU32::new(0));
    pool.work(move |callback| {
        let _ = callback.may_run_long();
        count.fetch_add(1, Ordering::Relaxed);
    })
}

pub fn serial(pool: &tp::Pool) -> tp::Result<tp::Work> {
    let mut count = 0;
    pool.object().serial().work(move |_| count += 1)
}

pub fn scoped(pool: &tp::Pool) -> Result<u32, tp::WaitError> {
    let mut number = 0;
    pool.scope(|scope| scope.spawn(|_| number = 7).unwrap())?;
    Ok(number)
}

pub fn everywhere<T: Send + Sync>() {}

pub fn handles() {
    everywhere::<(tp::Pool, tp::Work, tp::Timer, tp::Wait, tp::Io, tp::Group)>();
    everywhere::<(tp::WaitError, tp::JoinError, tp::JoinHandle<u32>, tp::Sleep)>();
    everywhere::<(tp::Event, tp::Semaphore, tp::Mutex, tp::Process)>();
}
