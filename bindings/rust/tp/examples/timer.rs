//! timer - three ticks of a periodic timer, then it is stopped.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use tp::{Due, Event, Pool};

const TEN_MS: Duration = Duration::from_millis(10);

fn main() -> Result<(), Box<dyn Error>> {
    let pool = Pool::process()?;
    let third = Arc::new(Event::manual()?);
    let setting = third.clone();
    let mut ticks = 0;
    // One callback after the other: so the closure may count in a variable of its own.
    let timer = pool.object().serial().timer(move |_| {
        ticks += 1;
        if ticks <= 3 {
            println!("tick {ticks}");
        }
        if ticks == 3 {
            setting.set();
        }
    })?;
    timer.set(Due::after(TEN_MS).every(TEN_MS))?;
    third.wait(None)?;
    timer.stop()?;
    timer.cancel()?;
    if !timer.is_set()? {
        println!("stopped");
    }
    Ok(())
}
