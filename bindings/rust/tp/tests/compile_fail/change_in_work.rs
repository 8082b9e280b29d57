// error: E0594
// A closure that runs in parallel may not change what it owns.
pub fn wrong(pool: &tp::Pool) -> tp::Result<tp::Work> {
    let mut number = 0;
    pool.work(move |_| number += 1)
}
