// error: E0277
// Nor does it go to another thread.
pub fn wrong(pool: &tp::Pool) -> tp::Result<()> {
    pool.spawn(|callback| {
        std::thread::scope(|scope| {
            scope.spawn(|| callback.disassociate());
        });
    })
}
