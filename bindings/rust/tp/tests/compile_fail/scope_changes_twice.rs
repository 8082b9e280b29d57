// error: E0499
// Two callbacks may not change one variable.
pub fn wrong(pool: &tp::Pool) {
    let mut number = 0;
    let _ = pool.scope(|scope| {
        scope.spawn(|_| number += 1).unwrap();
        scope.spawn(|_| number += 1).unwrap();
    });
}
