//! The safe crate on real threads, part by part.
#![allow(non_snake_case)]

mod drops;
mod executor;
mod futures;
mod io;
mod objects;
mod panics;
mod pool;
mod scope;
mod sync;

use std::sync::Arc;
use std::time::{Duration, Instant};

/// Longer than anything here takes: what is waited for this long hangs.
pub const LONG: Duration = Duration::from_secs(60);

/// A value whose owners can be counted: by one more than this function's caller while a closure
/// has it.
pub fn held() -> (Arc<()>, Arc<()>) {
    let alive = Arc::new(());
    (alive.clone(), alive)
}

/// Waits until a closure that held the value is freed, which may be a moment after its object.
pub fn until_freed(alive: &Arc<()>) {
    let begun = Instant::now();
    while Arc::strong_count(alive) > 1 {
        assert!(begun.elapsed() < LONG, "a closure was not freed");
        std::thread::yield_now();
    }
}
