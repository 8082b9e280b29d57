// error: E0373
// A callback of a scope may borrow from around the scope, not from within it.
pub fn wrong(pool: &tp::Pool) {
    let _ = pool.scope(|scope| {
        let number = 7;
        scope.spawn(|_| println!("{number}")).unwrap();
    });
}
