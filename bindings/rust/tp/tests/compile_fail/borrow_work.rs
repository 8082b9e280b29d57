// error: E0373
// A closure that outlives the function may not borrow from it.
pub fn wrong(pool: &tp::Pool) -> tp::Result<tp::Work> {
    let number = 7;
    pool.work(|_| println!("{number}"))
}
