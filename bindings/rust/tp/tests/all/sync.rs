//! Events, semaphores, mutexes, signals.

use crate::LONG;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;
use tp::{Error, Event, Mutex, Pool, Semaphore, WaitResult, Waitable};

const NOW: Option<Duration> = Some(Duration::ZERO);

#[test]
fn sync__events_signal() {
    let event = Event::manual().unwrap();
    assert_eq!(event.wait(NOW), Ok(WaitResult::Timeout));
    event.set();
    assert_eq!(event.wait(NOW), Ok(WaitResult::Signaled));
    assert_eq!(event.wait(NOW), Ok(WaitResult::Signaled));
    event.reset();
    assert_eq!(event.wait(NOW), Ok(WaitResult::Timeout));
    let event = Event::automatic().unwrap();
    event.set();
    assert_eq!(event.wait(NOW), Ok(WaitResult::Signaled));
    assert_eq!(event.wait(NOW), Ok(WaitResult::Timeout));
}

#[test]
fn sync__semaphores_count() {
    let semaphore = Semaphore::new(1, 2).unwrap();
    assert_eq!(semaphore.wait(NOW), Ok(WaitResult::Signaled));
    assert_eq!(semaphore.wait(NOW), Ok(WaitResult::Timeout));
    assert_eq!(semaphore.release(2), Ok(0));
    assert_eq!(semaphore.release(1), Err(Error::Limit));
    assert_eq!(Semaphore::new(3, 2).err(), Some(Error::Argument));
}

#[test]
fn sync__mutexes_know_their_owner() {
    let mutex = Mutex::new(true).unwrap();
    assert_eq!(mutex.wait(NOW), Ok(WaitResult::Signaled)); // again
    std::thread::scope(|scope| {
        scope.spawn(|| {
            assert_eq!(mutex.wait(NOW), Ok(WaitResult::Timeout));
            assert_eq!(mutex.release(), Err(Error::NotOwner));
        });
    });
    mutex.release().unwrap();
    mutex.release().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| assert_eq!(mutex.wait(NOW), Ok(WaitResult::Signaled)));
    });
    assert_eq!(mutex.wait(Some(LONG)), Ok(WaitResult::Abandoned));
}

#[test]
fn sync__waits_can_be_for_nothing() {
    let wait = Waitable::never().wait(Some(Duration::from_millis(1)));
    assert_eq!(wait, Ok(WaitResult::Timeout));
}

/// In a process of its own, all threads of which block the signal from the beginning.
#[test]
fn sync__signals_are_callbacks() {
    const USR1: i32 = 10;
    if std::env::var_os("TP_SIGNAL_TEST").is_none() {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "sync::sync__signals_are_callbacks"]).env("TP_SIGNAL_TEST", "1");
        // SAFETY: it calls only functions that may be called after a fork.
        unsafe { child.pre_exec(|| tp::block_signals(&[USR1])) };
        let output = child.output().unwrap();
        return assert!(output.status.success(), "{output:?}");
    }
    let pool = Pool::new().unwrap();
    let (send, receive) = mpsc::sync_channel(1);
    let wait = pool.wait(move |_, result| send.send(result).unwrap()).unwrap();
    wait.set(Waitable::signal(USR1), None).unwrap();
    let kill = format!("kill -USR1 {}", std::process::id());
    assert!(Command::new("/bin/sh").args(["-c", &kill]).status().unwrap().success());
    assert_eq!(receive.recv_timeout(LONG), Ok(WaitResult::Signaled));
    assert!(tp::block_signals(&[1000]).is_err());
}
