// error: E0521
// Nor what its caller has borrowed.
pub fn wrong(pool: &tp::Pool, text: &str) -> tp::Result<()> {
    pool.spawn(move |_| println!("{text}"))
}
