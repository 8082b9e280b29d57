//! wait_process - a callback when a child process has ended.

use std::error::Error;
use std::process::Command;
use std::sync::Arc;
use tp::{Event, Pool, Process, WaitResult};

fn main() -> Result<(), Box<dyn Error>> {
    let pool = Pool::process()?;
    let done = Arc::new(Event::manual()?);
    let setting = done.clone();
    let wait = pool.wait(move |_, result| {
        if result == WaitResult::Signaled {
            println!("signaled");
        }
        setting.set();
    })?;
    let mut child = Command::new("/bin/sh").args(["-c", "exit 7"]).spawn()?;
    wait.set(&Process::of(&child)?, None)?;
    done.wait(None)?;
    println!("exit code {}", child.wait()?.code().unwrap_or(-1));
    Ok(())
}
