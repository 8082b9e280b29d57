//! The simulated machine: runs a scenario through many schedules, and repeats the one that failed.
//!
//! Feature `sim` links `libtp-sim` instead of libtp. In a run, threads are fibers of one thread,
//! clocks are numbers, and who goes on is drawn from a seed: at each call of this crate, where a
//! callback begins and ends, and at [`point`]. `docs/SIMULATION.md` tells the story.
//!
//! A scenario makes its pools and objects, lets them do something, checks with `assert!` what came
//! of it, and drops everything. Threads of its own it starts with [`spawn`]. It must not block in
//! `std`: a `std::sync::Mutex` held across a call of this crate, a channel or a `std::thread` stop
//! the whole machine. What is `thread_local!` all threads of a run share. Outside of [`Search::run`]
//! a program that has this feature must not use pools.

use crate::error::{check, Error, Result};
use std::ffi::{c_void, CStr, CString};
use std::fmt;
use std::os::raw::c_char;
use std::panic::{catch_unwind, set_hook, take_hook, AssertUnwindSafe};
use std::ptr::null;
use std::sync::Mutex;
use std::time::Duration;
use tp_sys::sim as sys;

/// How schedules are chosen; see `docs/SIMULATION.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// Priorities and random walks by turns.
    Mix,
    /// Random priorities with that many changes, less one, at random points.
    Pct(u32),
    /// Any thread next.
    Random,
    /// Every schedule with at most so many preemptions.
    Exhaustive(u32),
}

/// A search for a schedule that fails.
#[must_use]
pub struct Search {
    options: sys::tp_sim_options_t,
    token: Option<CString>,
}

impl Default for Search {
    fn default() -> Self {
        Self::new()
    }
}

impl Search {
    /// A thousand schedules, from seed 1.
    pub fn new() -> Self {
        let mut options = sys::tp_sim_options_t::default();
        // SAFETY: writes the struct.
        unsafe { sys::tp_sim_options_init(&mut options) };
        options.flags &= !sys::TP_SIM_PRINT;
        Search { options, token: None }
    }

    fn flag(mut self, flag: u32) -> Self {
        self.options.flags |= flag;
        self
    }

    /// How many schedules at most.
    pub fn schedules(mut self, count: u64) -> Self {
        self.options.schedules = count;
        self
    }

    /// The seed of the first one; the next has one more.
    pub fn seed(mut self, seed: u64) -> Self {
        self.options.seed = seed;
        self
    }

    /// How they are chosen.
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        let (number, depth) = match strategy {
            Strategy::Mix => (sys::TP_SIM_MIX, 0),
            Strategy::Pct(depth) => (sys::TP_SIM_PCT, depth),
            Strategy::Random => (sys::TP_SIM_RANDOM, 0),
            Strategy::Exhaustive(depth) => (sys::TP_SIM_EXHAUSTIVE, depth),
        };
        self.options.strategy = number;
        self.options.depth = depth;
        self
    }

    /// Repeats the one run that a report has the token of.
    pub fn replay(mut self, token: &str) -> Self {
        self.token = CString::new(token).ok();
        self
    }

    /// Real time after which no further schedule is begun.
    pub fn time_limit(mut self, time: Duration) -> Self {
        self.options.time_limit_ns = crate::sync::nanoseconds(time);
        self
    }

    /// Calls that may fail for want of something do so, one after the other.
    pub fn faults(self) -> Self {
        self.flag(sys::TP_SIM_FAULTS)
    }

    /// No deadline passes early, so that time can be checked to the nanosecond.
    pub fn exact_time(self) -> Self {
        self.flag(sys::TP_SIM_EXACT_TIME)
    }

    /// Threads change within calls of the library too, in every schedule.
    pub fn fine(self) -> Self {
        self.flag(sys::TP_SIM_FINE)
    }

    /// A call that the misuse hook hears of fails the run.
    pub fn misuse_fails(self) -> Self {
        self.flag(sys::TP_SIM_MISUSE_FAILS)
    }

    /// Objects that are left at the end are no failure.
    pub fn objects_may_stay(self) -> Self {
        self.flag(sys::TP_SIM_OBJECTS_MAY_STAY)
    }

    /// A failing schedule is not made smaller.
    pub fn no_shrink(self) -> Self {
        self.flag(sys::TP_SIM_NO_SHRINK)
    }

    /// The report of a failure goes to standard error.
    pub fn print(self) -> Self {
        self.flag(sys::TP_SIM_PRINT)
    }

    /// Runs the scenario until it fails, which is not an error of this call, or has passed often
    /// enough. A panic fails it; nothing is printed of it but in the report. One search at a time
    /// runs in a process, others wait.
    pub fn run<F: Fn()>(mut self, scenario: F) -> Result<Report> {
        static ONE: Mutex<()> = Mutex::new(());
        let _one = ONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        self.options.token = self.token.as_ref().map_or(null(), |token| token.as_ptr());
        let mut report = sys::tp_sim_report_t::default();
        let hook = take_hook();
        // Each run that fails would print, those too that only make the schedule smaller.
        set_hook(Box::new(|info| {
            let place = info.location().map(|at| format!("{}:{}", at.file(), at.line()));
            *PLACE.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = place;
        }));
        // SAFETY: everything outlives the call; `enter` takes the context for what it is.
        let status = unsafe {
            sys::tp_sim_report_init(&mut report);
            let context = &scenario as *const F as *mut c_void;
            sys::tp_sim_run(&self.options, Some(enter::<F>), context, &mut report)
        };
        set_hook(hook);
        if status != sys::TP_SIM_FAILED as i32 {
            check(status)?;
        }
        // SAFETY: the texts live until the next search, which waits for this one.
        Ok(unsafe { Report::new(status != 0, &report) })
    }
}

/// What a search did.
#[derive(Clone, Debug)]
pub struct Report {
    /// Whether a run failed.
    pub failed: bool,
    /// What was wrong, in one line.
    pub message: String,
    /// Repeats the run that failed.
    pub token: String,
    /// Repeats the smallest run that fails so; empty if none was looked for.
    pub shrunk: String,
    /// The whole report: objects, threads, stacks, what it takes.
    pub text: String,
    /// How many schedules were run.
    pub schedules: u64,
    /// How many points there were at which another thread might have gone on.
    pub steps: u64,
    /// How many calls were made to fail.
    pub faults: u64,
    /// Hash of the last run; the same token gives the same.
    pub trace: u64,
}

impl Report {
    /// SAFETY: the texts are NULL or valid.
    unsafe fn new(failed: bool, report: &sys::tp_sim_report_t) -> Self {
        let text = |text: *const c_char| match text.is_null() {
            true => String::new(),
            false => CStr::from_ptr(text).to_string_lossy().into_owned(),
        };
        Report {
            failed,
            message: text(report.message),
            token: text(report.token),
            shrunk: text(report.shrunk),
            text: text(report.text),
            schedules: report.schedules,
            steps: report.steps,
            faults: report.faults,
            trace: report.trace,
        }
    }

    /// Panics with the report if a run failed: for tests.
    pub fn unwrap(&self) {
        assert!(!self.failed, "{self}");
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.failed {
            true => f.write_str(&self.text),
            false => write!(f, "{} schedules passed", self.schedules),
        }
    }
}

/// Where the last panic of a run came from.
static PLACE: Mutex<Option<String>> = Mutex::new(None);

/// SAFETY: the context is an `F`.
unsafe extern "C" fn enter<F: Fn()>(context: *mut c_void) {
    guard(&*(context as *const F));
}

/// Runs what may panic, which fails the run.
fn guard(body: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(body)) {
        let panic = crate::Panic(payload);
        let text = panic.message().unwrap_or("a panic without a text");
        let place = PLACE.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
        fail(&place.map_or_else(|| text.to_owned(), |place| format!("{place}: {text}")));
    }
}

/// Fails the run, which is over with that. Values that live on the stacks of its threads are not
/// dropped. Outside of a run it ends the process.
pub fn fail(message: &str) -> ! {
    let text = crate::pool::c_string(message);
    // SAFETY: the format has one text. It does not return, and the memory of the text is lost.
    unsafe { sys::tp_sim_fail(b"%s\0".as_ptr() as *const c_char, text.as_ptr()) };
    std::process::abort()
}

/// Whether the caller is in a run.
pub fn running() -> bool {
    // SAFETY: takes nothing, as the functions below.
    unsafe { sys::tp_sim_running() }
}

/// A point at which another thread of the run may go on: between the reading and the writing of
/// what is shared.
pub fn point() {
    // SAFETY: see running.
    unsafe { sys::tp_sim_point() }
}

/// A number below `n`, at most 65,536, drawn by the schedule.
pub fn choose(n: u32) -> u32 {
    // SAFETY: see running.
    unsafe { sys::tp_sim_choose(n) }
}

/// The monotonic clock of the run.
pub fn now() -> Duration {
    // SAFETY: see running.
    Duration::from_nanos(unsafe { sys::tp_sim_now() }.max(0) as u64)
}

/// Sleeps in the time of the run.
pub fn sleep(time: Duration) {
    // SAFETY: see running.
    unsafe { sys::tp_sim_sleep(crate::sync::nanoseconds(time)) }
}

/// Gives an address a name in reports.
pub fn name<T>(subject: &T, name: &str) {
    let name = crate::pool::c_string(name);
    // SAFETY: the name is copied, the subject only a number.
    unsafe { sys::tp_sim_name(subject as *const T as *const c_void, name.as_ptr()) }
}

/// A thread of a run.
#[must_use]
pub struct Thread(sys::tp_sim_thread_t);

/// Starts a thread of the run, which is of no pool. `Err(State)` outside of a run.
pub fn spawn(body: impl FnOnce() + Send + 'static) -> Result<Thread> {
    unsafe extern "C" fn run<F: FnOnce()>(context: *mut c_void) {
        guard(*Box::from_raw(context as *mut F));
    }
    fn start<F: FnOnce()>(body: F) -> sys::tp_sim_thread_t {
        let context = Box::into_raw(Box::new(body)) as *mut c_void;
        // SAFETY: the context is what `run` takes it for, which is called once.
        unsafe { sys::tp_sim_thread_start(Some(run::<F>), context, null()) }
    }
    if !running() {
        return Err(Error::State);
    }
    Ok(Thread(start(body)))
}

impl Thread {
    /// Waits until it has ended.
    pub fn join(self) {
        // SAFETY: a number that was given for a thread.
        unsafe { sys::tp_sim_thread_join(self.0) }
    }
}
