//! cost - what a callback costs from Rust, beside the same through the C interface.
//!
//! Rounds alternate in one process, and the processor's time is measured, so that what else the
//! machine does meets both and counts little. The callback adds to a counter; the C one is a bare `extern "C"` function without a closure, a release or a
//! landing pad.

use std::ffi::c_void;
use std::os::raw::{c_int, c_long};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::Arc;
use tp::sys;
use tp::Pool;

const CALLS: u32 = 100_000;
const ROUNDS: usize = 301;

unsafe extern "C" fn add(
    _: *mut sys::tp_callback_instance_t,
    sum: *mut c_void,
    _: *mut sys::tp_work_t,
) {
    (*(sum as *const AtomicU64)).fetch_add(1, Relaxed);
}

extern "C" {
    fn clock_gettime(clock: c_int, time: *mut [c_long; 2]) -> c_int;
}

/// Nanoseconds of processor that all threads of this process have used.
fn used() -> f64 {
    let mut time = [0; 2];
    // SAFETY: a struct timespec is two longs; the clock is CLOCK_PROCESS_CPUTIME_ID.
    assert_eq!(unsafe { clock_gettime(2, &mut time) }, 0);
    time[0] as f64 * 1e9 + time[1] as f64
}

/// Nanoseconds per callback.
fn measure(round: impl FnOnce()) -> f64 {
    let begun = used();
    round();
    (used() - begun) / f64::from(CALLS)
}

fn compare(what: &str, pool: &Pool, submit_c: fn(*mut sys::tp_work_t), submit_rust: fn(&tp::Work)) {
    let sum = Arc::new(AtomicU64::new(0));
    let adding = sum.clone();
    let work = pool
        .work(move |_| {
            adding.fetch_add(1, Relaxed);
        })
        .unwrap();
    let (mut env, mut twin) = (null_mut(), null_mut());
    // SAFETY: the handles are open, the counter outlives the object.
    unsafe {
        assert_eq!(sys::tp_env_create(&mut env), sys::TP_OK);
        assert_eq!(sys::tp_env_set_pool(env, pool.as_raw()), sys::TP_OK);
        let context = Arc::as_ptr(&sum) as *mut c_void;
        assert_eq!(sys::tp_work_create(Some(add), context, env, &mut twin), sys::TP_OK);
        assert_eq!(sys::tp_env_destroy(env), sys::TP_OK);
    }
    let mut c = Vec::new();
    let mut rust = Vec::new();
    for _ in 0..ROUNDS {
        c.push(measure(|| {
            submit_c(twin);
            // SAFETY: the handle is open.
            let status = unsafe { sys::tp_work_wait(twin, false, sys::TP_INFINITE as i64) };
            assert_eq!(status, sys::TP_OK);
        }));
        rust.push(measure(|| {
            submit_rust(&work);
            work.wait().unwrap();
        }));
    }
    // SAFETY: the handle is not used any more.
    unsafe { sys::tp_work_close(twin) };
    assert_eq!(sum.load(Relaxed), 2 * ROUNDS as u64 * u64::from(CALLS));
    let mut differences: Vec<_> = rust.iter().zip(&c).map(|(rust, c)| rust - c).collect();
    for list in [&mut c, &mut rust, &mut differences] {
        list.sort_by(f64::total_cmp);
    }
    let (low, middle, high) = (ROUNDS / 4, ROUNDS / 2, ROUNDS * 3 / 4);
    println!(
        "{what:<32} C {:6.1} ns   Rust {:6.1} ns   difference {:+5.1} ns ({:+.1} to {:+.1})",
        c[middle], rust[middle], differences[middle], differences[low], differences[high]
    );
}

fn main() {
    println!(
        "processor time per callback, medians of {ROUNDS} rounds of {CALLS}; \
              of the differences of neighbours the quartiles too"
    );
    let pools = [("one thread", 1), ("as many as it likes", 500)];
    for (name, threads) in pools {
        let pool = Pool::builder().max_threads(threads).build().unwrap();
        // SAFETY: the handle is open, here as below.
        let many = |work| assert_eq!(unsafe { sys::tp_work_submit_many(work, CALLS) }, sys::TP_OK);
        compare(&format!("submit_many, {name}"), &pool, many, |work| {
            work.submit_many(CALLS).unwrap()
        });
        let each = |work| {
            for _ in 0..CALLS {
                assert_eq!(unsafe { sys::tp_work_submit(work) }, sys::TP_OK);
            }
        };
        compare(&format!("submit, {name}"), &pool, each, |work| {
            (0..CALLS).for_each(|_| work.submit().unwrap())
        });
    }
}
