//! What the safe crate has no word for: memory, shared libraries, pthread mutexes, finalizers.

#![allow(non_snake_case)] // part__what_is_promised, as in the other tests of tp

use std::alloc::Layout;
use std::ffi::{c_void, CStr};
use std::os::raw::{c_char, c_int};
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering::SeqCst};
use std::sync::Once;
use tp_sys::*;

const FOR_EVER: i64 = TP_INFINITE as i64;

extern "C" {
    fn dlopen(name: *const c_char, flags: c_int) -> *mut c_void;
    fn dlclose(handle: *mut c_void) -> c_int;
    fn pthread_mutex_lock(mutex: *mut c_void) -> c_int;
    fn pthread_mutex_trylock(mutex: *mut c_void) -> c_int;
    fn pthread_mutex_unlock(mutex: *mut c_void) -> c_int;
    fn pthread_mutex_init(mutex: *mut c_void, attributes: *const c_void) -> c_int;
}

static IN_USE: AtomicI64 = AtomicI64::new(0);
static GIVEN: AtomicU32 = AtomicU32::new(0);

unsafe extern "C" fn give(_: *mut c_void, size: usize, alignment: usize) -> *mut c_void {
    IN_USE.fetch_add(size as i64, SeqCst);
    GIVEN.fetch_add(1, SeqCst);
    // The way back is not told the alignment, so all have the same, in front of the block none.
    let mut memory = null_mut();
    if posix_memalign(&mut memory, alignment.max(8), size) != 0 {
        return null_mut();
    }
    memory
}

unsafe extern "C" fn take_back(_: *mut c_void, memory: *mut c_void, size: usize) {
    IN_USE.fetch_sub(size as i64, SeqCst);
    free(memory);
}

extern "C" {
    fn posix_memalign(memory: *mut *mut c_void, alignment: usize, size: usize) -> c_int;
    fn free(memory: *mut c_void);
}

/// Every test begins with this: the allocator can be chosen only before anything was made.
fn begin() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| unsafe {
        let mut allocator = tp_allocator_t::default();
        tp_allocator_init(&mut allocator);
        assert_eq!(allocator.struct_size as usize, Layout::new::<tp_allocator_t>().size());
        allocator.alloc = Some(give);
        allocator.free = Some(take_back);
        assert_eq!(tp_set_allocator(&allocator), TP_OK);
    });
}

struct Log {
    ran: AtomicU32,
    finalized: AtomicU32,
    released: AtomicU32,
}

impl Log {
    fn new() -> Self {
        Log { ran: AtomicU32::new(0), finalized: AtomicU32::new(0), released: AtomicU32::new(0) }
    }
}

unsafe extern "C" fn run(_: *mut tp_callback_instance_t, log: *mut c_void, _: *mut tp_work_t) {
    (*(log as *const Log)).ran.fetch_add(1, SeqCst);
}

unsafe extern "C" fn finalize(_: *mut tp_callback_instance_t, log: *mut c_void) {
    (*(log as *const Log)).finalized.fetch_add(1, SeqCst);
}

unsafe extern "C" fn release(log: *mut c_void) {
    (*(log as *const Log)).released.fetch_add(1, SeqCst);
}

#[test]
fn raw__memory_comes_from_the_allocator() {
    begin();
    unsafe {
        let mut pool = null_mut();
        assert_eq!(tp_pool_create(null(), &mut pool), TP_OK);
        assert!(GIVEN.load(SeqCst) > 0 && IN_USE.load(SeqCst) > 0);
        let mut allocator = tp_allocator_t::default();
        tp_allocator_init(&mut allocator);
        allocator.alloc = Some(give);
        allocator.free = Some(take_back);
        assert_eq!(tp_set_allocator(&allocator), TP_ERR_STATE);
        assert_eq!(tp_pool_close(pool), TP_OK);
    }
}

#[test]
fn raw__finalizer_runs_each_time_and_release_once() {
    begin();
    let log = Log::new();
    unsafe {
        let (mut env, mut work) = (null_mut(), null_mut());
        assert_eq!(tp_env_create(&mut env), TP_OK);
        assert_eq!(tp_env_set_finalizer(env, Some(finalize)), TP_OK);
        assert_eq!(tp_env_set_context_release(env, Some(release)), TP_OK);
        let context = &log as *const Log as *mut c_void;
        assert_eq!(tp_work_create(Some(run), context, env, &mut work), TP_OK);
        assert_eq!(tp_env_destroy(env), TP_OK);
        assert_eq!(tp_work_submit_many(work, 3), TP_OK);
        assert_eq!(tp_work_wait(work, false, FOR_EVER), TP_OK);
        assert_eq!((log.ran.load(SeqCst), log.finalized.load(SeqCst)), (3, 3));
        assert_eq!(log.released.load(SeqCst), 0);
        assert_eq!(tp_work_close(work), TP_OK);
    }
    assert_eq!(log.released.load(SeqCst), 1);
}

unsafe extern "C" fn lock(instance: *mut tp_callback_instance_t, mutex: *mut c_void) {
    assert_eq!(tp_callback_unlock_on_return(instance, mutex), TP_OK);
    assert_eq!(pthread_mutex_lock(mutex), 0);
}

#[test]
fn raw__pthread_mutex_is_unlocked_on_return() {
    begin();
    let mut mutex = [0u64; 16];
    let mutex = mutex.as_mut_ptr() as *mut c_void;
    unsafe {
        let (mut env, mut group) = (null_mut(), null_mut());
        assert_eq!(pthread_mutex_init(mutex, null()), 0);
        assert_eq!(tp_cleanup_group_create(&mut group), TP_OK);
        assert_eq!(tp_env_create(&mut env), TP_OK);
        assert_eq!(tp_env_set_cleanup_group(env, group, None), TP_OK);
        assert_eq!(tp_try_submit(Some(lock), mutex, env), TP_OK);
        assert_eq!(tp_cleanup_group_close_members(group, false, null_mut()), TP_OK);
        assert_eq!(tp_cleanup_group_close(group), TP_OK);
        assert_eq!(tp_env_destroy(env), TP_OK);
        assert_eq!(pthread_mutex_trylock(mutex), 0);
        assert_eq!(pthread_mutex_unlock(mutex), 0);
    }
}

unsafe extern "C" fn close_library(instance: *mut tp_callback_instance_t, library: *mut c_void) {
    assert_eq!(tp_callback_close_library_on_return(instance, library), TP_OK);
}

#[test]
fn raw__libraries_are_kept_and_closed() {
    begin();
    unsafe {
        let libm = dlopen(b"libm.so.6\0".as_ptr() as *const c_char, 2 /* RTLD_NOW */);
        assert!(!libm.is_null());
        let (mut env, mut group) = (null_mut(), null_mut());
        assert_eq!(tp_cleanup_group_create(&mut group), TP_OK);
        assert_eq!(tp_env_create(&mut env), TP_OK);
        assert_eq!(tp_env_set_cleanup_group(env, group, None), TP_OK);
        assert_eq!(tp_env_set_library(env, libm), TP_OK);
        let second = dlopen(b"libm.so.6\0".as_ptr() as *const c_char, 2);
        assert_eq!(tp_try_submit(Some(close_library), second, env), TP_OK);
        assert_eq!(tp_cleanup_group_close_members(group, false, null_mut()), TP_OK);
        assert_eq!(tp_env_destroy(env), TP_OK);
        assert_eq!(tp_cleanup_group_close(group), TP_OK);
        assert_eq!(dlclose(libm), 0);
    }
}

unsafe extern "C" fn add_bytes(
    _: *mut tp_callback_instance_t,
    sum: *mut c_void,
    _: *mut c_void,
    error: i32,
    bytes: u64,
    _: *mut tp_io_t,
) {
    assert_eq!(error, 0);
    (*(sum as *const AtomicU32)).fetch_add(bytes as u32, SeqCst);
}

#[test]
fn raw__several_operations_begin_at_once() {
    use std::os::unix::io::AsRawFd;
    begin();
    let file = std::fs::File::open(std::env::current_exe().unwrap()).unwrap();
    let sum = AtomicU32::new(0);
    let mut buffers = [[0u8; 16]; 4];
    unsafe {
        let mut io = null_mut();
        let context = &sum as *const AtomicU32 as *mut c_void;
        assert_eq!(
            tp_io_create(file.as_raw_fd(), Some(add_bytes), context, null(), &mut io),
            TP_OK
        );
        let mut ops = [tp_io_op_t::default(); 4];
        for (number, (op, buffer)) in ops.iter_mut().zip(buffers.iter_mut()).enumerate() {
            tp_io_op_init(op);
            op.opcode = TP_IO_READ;
            op.operation = number as *mut c_void;
            op.buffer = buffer.as_mut_ptr() as *mut c_void;
            op.length = 16;
            op.offset = 16 * number as i64;
        }
        let mut begun = 0;
        assert_eq!(tp_io_submit_many(io, ops.as_ptr(), 4, &mut begun), TP_OK);
        assert_eq!(begun, 4);
        assert_eq!(tp_io_wait(io, false, FOR_EVER), TP_OK);
        assert_eq!(tp_io_close(io), TP_OK);
    }
    assert_eq!(sum.load(SeqCst), 64);
    assert_eq!(&buffers[0][..4], b"\x7fELF");
}

#[test]
fn raw__versions_agree() {
    unsafe {
        assert_eq!(tp_version(), TP_VERSION_NUMBER);
        assert_eq!(CStr::from_ptr(tp_version_string()).to_bytes_with_nul(), TP_VERSION_STRING);
        assert_eq!(CStr::from_ptr(tp_status_name(TP_ERR_CLOSED)).to_bytes(), b"TP_ERR_CLOSED");
    }
}

#[test]
fn raw__init_functions_set_sizes() {
    unsafe {
        let mut config = tp_pool_config_t::default();
        tp_pool_config_init(&mut config);
        assert_eq!(config.struct_size as usize, Layout::new::<tp_pool_config_t>().size());
        let mut stats = tp_pool_stats_t::default();
        tp_pool_stats_init(&mut stats);
        assert_eq!(stats.struct_size as usize, Layout::new::<tp_pool_stats_t>().size());
        let mut timer = tp_timer_spec_t::default();
        tp_timer_spec_init(&mut timer);
        assert_eq!(timer.struct_size as usize, Layout::new::<tp_timer_spec_t>().size());
        let mut wait = tp_wait_spec_t::default();
        tp_wait_spec_init(&mut wait);
        assert_eq!(wait.struct_size as usize, Layout::new::<tp_wait_spec_t>().size());
        assert_eq!(wait.timeout, FOR_EVER);
    }
}
