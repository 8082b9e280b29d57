//! Pools themselves, the library, statuses.

use crate::LONG;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::io::AsRawFd;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tp::{Error, Event, IoBackend, Pool};

#[test]
fn pool__is_as_it_was_built() {
    let (started, stopped) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let (starts, stops) = (started.clone(), stopped.clone());
    let pool = Pool::builder()
        .min_threads(2)
        .max_threads(3)
        .stack_size(1 << 20)
        .idle_timeout(Duration::from_secs(5))
        .io_backend(IoBackend::Epoll)
        .name("built")
        .on_thread_start(move || {
            starts.fetch_add(1, SeqCst);
        })
        .on_thread_stop(move || {
            stops.fetch_add(1, SeqCst);
        })
        .build()
        .unwrap();
    let stats = pool.stats().unwrap();
    assert_eq!((stats.thread_minimum, stats.thread_maximum, stats.threads), (2, 3, 2));
    assert_eq!(pool.stack_size(), Ok(1 << 20));
    pool.set_stack_size(2 << 20).unwrap();
    assert_eq!(pool.stack_size(), Ok(2 << 20));
    pool.set_min_threads(3).unwrap();
    pool.set_max_threads(1).unwrap();
    assert_eq!(pool.stats().unwrap().thread_minimum, 1);
    pool.shutdown(false, Some(LONG)).unwrap();
    assert_eq!((started.load(SeqCst), stopped.load(SeqCst)), (3, 3));
    assert_eq!(pool.stats().err(), Some(Error::Handle));
}

#[test]
fn pool__of_the_process_is_one() {
    let (pool, same) = (Pool::process().unwrap(), Pool::process().unwrap());
    assert_eq!(pool.as_raw(), same.as_raw());
    let work = pool.work(|_| ()).unwrap();
    work.submit().unwrap();
    work.wait().unwrap();
    assert_eq!(pool.set_max_threads(3), Err(Error::Unsupported));
    assert_eq!(pool.shutdown(true, None), Err(Error::Unsupported));
}

#[test]
fn pool__driven_runs_where_it_is_told() {
    let pool = Pool::builder().caller_driven().build().unwrap();
    assert!(pool.poll_fd().unwrap().as_raw_fd() >= 0);
    let here = std::thread::current().id();
    let work = pool.work(move |_| assert_eq!(std::thread::current().id(), here)).unwrap();
    assert_eq!(pool.run(0, Some(Duration::ZERO)), Err(Error::Timeout));
    work.submit_many(3).unwrap();
    assert_eq!(pool.run(2, None), Ok(2));
    assert_eq!(pool.run(0, None), Ok(1));
    work.wait().unwrap();
    work.submit().unwrap();
    drop(pool); // objects are left: what is queued is dropped
    assert_eq!(work.submit(), Err(Error::Closed));
}

#[test]
fn pool__dump_names_what_runs() {
    let pool = Pool::builder().name("dumped").build().unwrap();
    let (gate, begun) = (Arc::new(Event::manual().unwrap()), Arc::new(Event::manual().unwrap()));
    let (held, begins) = (gate.clone(), begun.clone());
    let work = pool.object().name("held").work(move |_| {
        begins.set();
        held.wait(None).unwrap();
    });
    let work = work.unwrap();
    work.submit().unwrap();
    begun.wait(Some(LONG)).unwrap();
    let path = std::env::temp_dir().join(format!("tp-dump-{}", std::process::id()));
    let mut file = std::fs::OpenOptions::new();
    let mut file = file.read(true).write(true).create_new(true).open(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    pool.dump(&file).unwrap();
    gate.set();
    let mut text = String::new();
    file.seek(SeekFrom::Start(0)).unwrap();
    file.read_to_string(&mut text).unwrap();
    assert!(text.contains("dumped") && text.contains("held"), "{text}");
}

#[test]
fn pool__shutdown_ends_it_for_all_clones() {
    let pool = Pool::new().unwrap();
    let clone = pool.clone();
    let (gate, begun) = (Arc::new(Event::manual().unwrap()), Arc::new(Event::manual().unwrap()));
    let (held, begins) = (gate.clone(), begun.clone());
    let work = pool.work(move |_| {
        begins.set();
        held.wait(None).unwrap();
    });
    let work = work.unwrap();
    work.submit().unwrap();
    begun.wait(Some(LONG)).unwrap();
    assert_eq!(pool.shutdown(false, Some(Duration::ZERO)), Err(Error::Timeout));
    assert_eq!(work.submit(), Err(Error::Closed));
    gate.set();
    clone.shutdown(false, None).unwrap();
    assert_eq!(pool.shutdown(false, None), Err(Error::Handle));
}

#[test]
fn pool__queue_limit_refuses_more() {
    let pool = Pool::builder().max_threads(1).queue_limit(1).build().unwrap();
    let (gate, begun) = (Arc::new(Event::manual().unwrap()), Arc::new(Event::manual().unwrap()));
    let (held, begins) = (gate.clone(), begun.clone());
    pool.spawn(move |_| {
        begins.set();
        held.wait(None).unwrap();
    })
    .unwrap();
    begun.wait(Some(LONG)).unwrap();
    pool.spawn(|_| ()).unwrap();
    assert_eq!(pool.spawn(|_| ()), Err(Error::Busy));
    gate.set();
}

#[test]
fn error__has_every_status() {
    let names: Vec<_> = (-17..0).map(|status| Error::from_status(status).name()).collect();
    assert_eq!(names[0], "TP_ERR_EXISTS");
    assert_eq!(names[16], "TP_ERR_ARGUMENT");
    for status in -17..0 {
        let error = Error::from_status(status);
        assert_eq!(error.status(), status);
        assert!(!matches!(error, Error::Unknown(_)) && !error.to_string().is_empty());
    }
    assert_eq!(format!("{:?}", Error::Closed), "TP_ERR_CLOSED");
    assert_eq!(Error::from_status(-99), Error::Unknown(-99));
    let io = std::io::Error::from(Error::System(2));
    assert_eq!(io.kind(), std::io::ErrorKind::NotFound);
}

static TOLD: Mutex<Vec<String>> = Mutex::new(Vec::new());

#[test]
fn library__tells_of_misuse() {
    assert_eq!(tp::version(), (0, 1, 0));
    tp::set_misuse_hook(Some(|misuse| {
        TOLD.lock().unwrap().push(format!("{} {:?}", misuse.function, misuse.error));
    }));
    // SAFETY: a handle that is none is an error.
    let status = unsafe { tp::sys::tp_work_submit(std::ptr::null_mut()) };
    tp::set_misuse_hook(None);
    assert_eq!(status, tp::sys::TP_ERR_HANDLE);
    assert!(TOLD.lock().unwrap().contains(&"tp_work_submit TP_ERR_HANDLE".to_owned()));
}
