// error: E0277
// A task goes from thread to thread, with all that it keeps while it waits.
use std::rc::Rc;

struct Keeps(Rc<u32>);

impl std::future::Future for Keeps {
    type Output = u32;
    fn poll(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<u32> {
        std::task::Poll::Ready(*self.0)
    }
}

pub fn wrong(pool: &tp::Pool) {
    let _ = pool.spawn_future(Keeps(Rc::new(7)));
}
