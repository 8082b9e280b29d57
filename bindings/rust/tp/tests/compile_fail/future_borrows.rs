// error: E0373
// A task outlives the function that spawns it.
pub fn wrong(pool: &tp::Pool) {
    let number = 7;
    let _ = pool.spawn_future(async { number + 1 });
}
