// error: E0521
// The token of a callback stays in it.
use std::cell::RefCell;

thread_local!(static KEPT: RefCell<Option<&'static tp::Callback<'static>>> = RefCell::new(None));

pub fn wrong(pool: &tp::Pool) -> tp::Result<()> {
    pool.spawn(|callback| KEPT.with(|kept| *kept.borrow_mut() = Some(callback)))
}
