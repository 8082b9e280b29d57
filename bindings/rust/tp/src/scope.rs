//! Callbacks that borrow from the stack: all of them are over when the scope ends.

use crate::callback::Callback;
use crate::context::Shared;
use crate::error::{check, Result, WaitError};
use crate::group::Group;
use crate::objects::Env;
use crate::pool::Pool;
use crate::sync::Event;
use crate::work::{spawn, Work};
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::panic::{catch_unwind, resume_unwind, AssertUnwindSafe};
use std::process::abort;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::Duration;
use tp_sys as sys;

/// What `Pool::scope` hands to its closure.
pub struct Scope<'scope, 'env: 'scope> {
    env: Env,
    group: Group,
    members: Arc<Members>,
    scope: PhantomData<&'scope mut &'scope ()>,
    borrows: PhantomData<&'env mut &'env ()>,
}

/// How many closures are not freed yet, and what they have panicked with.
struct Members {
    alive: AtomicUsize,
    none: Event,
    shared: Shared,
}

/// A closure that is counted until it has been dropped.
struct Member<F> {
    function: F,
    ticket: Ticket, // after the function: fields are dropped in order
}

struct Ticket(Arc<Members>);

impl Ticket {
    fn new(members: &Arc<Members>) -> Self {
        members.alive.fetch_add(1, Ordering::Relaxed);
        Ticket(members.clone())
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.0.alive.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.none.set();
        }
    }
}

impl Members {
    fn guard(&self, body: impl FnOnce()) {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(body)) {
            self.shared.keep(payload);
        }
    }
}

impl<'scope, 'env> Scope<'scope, 'env> {
    fn new(pool: &Pool) -> Result<Self> {
        let (env, group) = (Env::new()?, Group::new()?);
        let none = Event::automatic()?;
        // SAFETY: all handles are open.
        unsafe {
            let release = crate::context::release;
            check(sys::tp_env_set_pool(env.raw(), pool.inner.raw))?;
            check(sys::tp_env_set_context_release(env.raw(), Some(release)))?;
            check(sys::tp_env_set_cleanup_group(env.raw(), group.as_raw(), None))?;
        }
        let members =
            Arc::new(Members { alive: AtomicUsize::new(0), none, shared: Shared::default() });
        Ok(Scope { env, group, members, scope: PhantomData, borrows: PhantomData })
    }

    /// Runs a closure once, as soon as a thread is free, and before the scope ends.
    pub fn spawn<F>(&'scope self, f: F) -> Result<()>
    where
        F: FnOnce(&Callback<'_>) + Send + 'scope,
    {
        let member = Member { function: f, ticket: Ticket::new(&self.members) };
        let run = move |callback: &Callback<'_>| {
            let Member { function, ticket } = { member }; // captured as one, as below
            ticket.0.guard(|| function(callback));
        };
        // SAFETY: the scope does not end before the closure is dropped.
        unsafe { spawn(self.env.raw(), run, None) }
    }

    /// A closure that runs once for each submit, and before the scope ends.
    pub fn work<F>(&'scope self, f: F) -> Result<ScopedWork<'scope>>
    where
        F: Fn(&Callback<'_>) + Send + Sync + 'scope,
    {
        let member = Member { function: f, ticket: Ticket::new(&self.members) };
        let run = move |callback: &Callback<'_>| {
            let member = &member; // all of it, so that its fields are dropped in order
            member.ticket.0.guard(|| (member.function)(callback));
        };
        // SAFETY: the scope does not end before the closure is dropped.
        let work = unsafe { Work::new(self.env.raw(), run, None) }?;
        Ok(ScopedWork { work: ManuallyDrop::new(work), scope: PhantomData })
    }

    /// Has all members end. There must be none that could touch what was borrowed, whatever
    /// happens.
    fn end(&self, cancel: bool) {
        loop {
            if self.group.close_members(cancel).is_err() {
                abort();
            }
            // [acquire] pairs with the release of the last ticket. What members have spawned
            // meanwhile is taken care of by another round.
            if self.members.alive.load(Ordering::Acquire) == 0 {
                return;
            }
            let _ = self.members.none.wait(Some(Duration::from_millis(10)));
        }
    }
}

/// A work object of a scope. What its closure panics with is told at the end of the scope. Dropped,
/// what is queued still runs.
pub struct ScopedWork<'scope> {
    work: ManuallyDrop<Work>,
    scope: PhantomData<&'scope mut &'scope ()>,
}

impl ScopedWork<'_> {
    /// As `Work::submit`.
    pub fn submit(&self) -> Result<()> {
        self.work.submit()
    }

    /// As `Work::submit_many`.
    pub fn submit_many(&self, count: u32) -> Result<()> {
        self.work.submit_many(count)
    }

    /// Waits until nothing is queued and nothing runs.
    pub fn wait(&self) -> Result<(), WaitError> {
        self.work.wait()
    }
}

impl Drop for ScopedWork<'_> {
    fn drop(&mut self) {
        // SAFETY: taken once, as this is the end.
        unsafe { ManuallyDrop::take(&mut self.work) }.detach();
    }
}

impl Pool {
    /// Calls a closure that may have callbacks run which borrow from around it, and returns when
    /// all of them are over and freed. If one of them panicked, that is an error; if the closure
    /// itself panics, what is queued is dropped, what runs is waited for, and the panic goes on.
    ///
    /// A callback may itself make callbacks in the scope. I/O does not belong here: its buffers may
    /// be the system's for longer.
    pub fn scope<'env, F, T>(&self, f: F) -> Result<T, WaitError>
    where
        F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> T,
    {
        let scope = Scope::new(self)?;
        let result = catch_unwind(AssertUnwindSafe(|| f(&scope)));
        scope.end(result.is_err());
        match (result, scope.members.shared.take_panic()) {
            (Err(payload), _) => resume_unwind(payload),
            (Ok(_), Some(panic)) => Err(WaitError::Panicked(panic)),
            (Ok(value), None) => Ok(value),
        }
    }
}
