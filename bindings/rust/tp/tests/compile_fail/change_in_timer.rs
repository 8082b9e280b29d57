// error: E0594
// An expiry may overlap with the one before.
pub fn wrong(pool: &tp::Pool) -> tp::Result<tp::Timer> {
    let mut number = 0;
    pool.timer(move |_| number += 1)
}
