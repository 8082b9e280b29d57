// error: E0277
// What is not Sync may not be seen by two callbacks at once.
use std::cell::Cell;

pub fn wrong(pool: &tp::Pool, number: Cell<u32>) -> tp::Result<tp::Work> {
    pool.work(move |_| number.set(number.get() + 1))
}
