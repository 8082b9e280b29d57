// error: E0277
// Callbacks that run one after the other still run on several threads.
use std::rc::Rc;

pub fn wrong(pool: &tp::Pool, number: Rc<u32>) -> tp::Result<tp::Work> {
    pool.object().serial().work(move |_| println!("{number}"))
}
