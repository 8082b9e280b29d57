// error: E0277
// What is not Send may not go to another thread.
use std::rc::Rc;

pub fn wrong(pool: &tp::Pool, number: Rc<u32>) -> tp::Result<()> {
    pool.spawn(move |_| println!("{number}"))
}
