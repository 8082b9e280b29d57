// error: E0521
// Work of a scope does not leave it.
pub fn wrong(pool: &tp::Pool) {
    let mut kept = None;
    let _ = pool.scope(|scope| kept = scope.work(|_| ()).ok());
}
