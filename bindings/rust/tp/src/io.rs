//! I/O: operations on a descriptor, each with a closure, or a future, for its completion.

use crate::callback::Callback;
use crate::context::{leaves_everything, Context, OnCancel};
use crate::error::{check, Error, Result, WaitError};
use crate::future::Slot;
use crate::objects::{Kind, Object};
use std::collections::BTreeMap;
use std::ffi::c_void;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::os::unix::io::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::task;
use std::time::Duration;
use tp_sys as sys;

pub(crate) struct IoKind;

impl Kind for IoKind {
    type Raw = sys::tp_io_t;
    const SKIPS: bool = false; // an accepted connection would be lost
    unsafe fn wait(raw: *mut Self::Raw, cancel: bool, timeout: i64) -> sys::tp_status_t {
        sys::tp_io_wait(raw, cancel, timeout)
    }
    unsafe fn close(raw: *mut Self::Raw) -> sys::tp_status_t {
        sys::tp_io_close(raw)
    }
}

/// An operation that was begun, or announced: its buffer, which is the system's until it is
/// completed, and what to do then.
trait Operation: Send {
    /// With the callback, or with None if it was not begun after all.
    fn complete(self: Box<Self>, callback: Option<&Callback<'_>>, result: io::Result<u64>);
}

struct Op<D, F> {
    data: D,
    done: F,
}

impl<D, F> Operation for Op<D, F>
where
    D: Send,
    F: FnOnce(Option<&Callback<'_>>, io::Result<u64>, D) + Send,
{
    fn complete(self: Box<Self>, callback: Option<&Callback<'_>>, result: io::Result<u64>) {
        (self.done)(callback, result, self.data)
    }
}

/// The operations of one object, by their keys. What a wait with cancel has forgotten stays here
/// until the object is gone, and the system with it.
#[derive(Default)]
struct Ops {
    last: AtomicUsize,
    in_flight: Mutex<BTreeMap<usize, Box<dyn Operation>>>,
}

impl Ops {
    fn put(&self, op: Box<dyn Operation>) -> usize {
        let key = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        self.lock().insert(key, op);
        key
    }

    fn take(&self, key: usize) -> Option<Box<dyn Operation>> {
        self.lock().remove(&key)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<usize, Box<dyn Operation>>> {
        self.in_flight.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

unsafe extern "C" fn run(
    instance: *mut sys::tp_callback_instance_t,
    context: *mut c_void,
    key: *mut c_void,
    error: i32,
    bytes: u64,
    _: *mut sys::tp_io_t,
) {
    Context::<Arc<Ops>>::run(instance, context, |ops, callback| {
        if let Some(op) = ops.take(key as usize) {
            op.complete(Some(callback), result(error, bytes));
        }
    });
}

fn result(error: i32, bytes: u64) -> io::Result<u64> {
    match error {
        0 => Ok(bytes),
        errno => Err(io::Error::from_raw_os_error(errno)),
    }
}

/// Operations on one descriptor, of which the library keeps a duplicate. A clone is the same
/// object.
///
/// Each operation owns its buffer and gives it back with its result. Transfers may be short. What
/// is in flight may overlap, in any order.
///
/// Dropping the last clone aborts what is in flight and waits for callbacks that run; others do not
/// come any more. Buffers are freed when the system is done with them.
#[derive(Clone)]
pub struct Io {
    inner: Arc<Inner>,
}

struct Inner {
    object: Object<IoKind>,
    ops: Arc<Ops>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        if leaves_everything() {
            return;
        }
        let keys: Vec<usize> = self.ops.lock().keys().copied().collect();
        for key in keys {
            // SAFETY: the library judges the handle and the key.
            unsafe { sys::tp_io_abort(self.object.raw, key as *mut c_void) };
        }
    }
}

/// An operation in flight.
#[derive(Clone)]
pub struct InFlight {
    io: Weak<Inner>,
    key: usize,
}

impl InFlight {
    /// Asks for its end, and tells whether it was still in flight. Its closure is called all the
    /// same, with `ECANCELED` or its own result.
    pub fn abort(&self) -> bool {
        self.io.upgrade().map_or(false, |io| io.abort(self.key))
    }
}

impl Inner {
    fn abort(&self, key: usize) -> bool {
        let in_flight = self.ops.lock().contains_key(&key); // the lock is not held any more
                                                            // SAFETY: the library judges the handle and the key.
        in_flight && unsafe { sys::tp_io_abort(self.object.raw, key as *mut c_void) } == sys::TP_OK
    }
}

/// An operation that something else carries out, announced with `Io::announce`. Dropped without
/// `complete`, the announcement is taken back.
#[must_use]
pub struct Announcement {
    io: Io,
    key: usize,
}

impl Announcement {
    /// Queues the callback.
    pub fn complete(self, result: io::Result<u64>) -> Result<()> {
        let (error, bytes) = match result {
            Ok(bytes) => (0, bytes),
            Err(error) => (error.raw_os_error().unwrap_or(5 /* EIO */), 0),
        };
        let this = std::mem::ManuallyDrop::new(self);
        // SAFETY: read once, as it is not dropped.
        let io = unsafe { std::ptr::read(&this.io) };
        let key = this.key as *mut c_void;
        // SAFETY: the library judges the handle; the key is only a number.
        let status = unsafe { sys::tp_io_complete(io.inner.object.raw, key, error, bytes) };
        check(status).map_err(|refused| {
            drop(io.inner.ops.take(this.key));
            refused
        })
    }
}

impl Drop for Announcement {
    fn drop(&mut self) {
        drop(self.io.inner.ops.take(self.key));
        // SAFETY: the library judges the handle.
        unsafe { sys::tp_io_cancel(self.io.inner.object.raw) };
    }
}

/// The refusal of an operation, as the result of one.
type Refused = (Error, Box<dyn Operation>);

impl Io {
    pub(crate) fn new(
        env: *mut sys::tp_env_t,
        fd: BorrowedFd<'_>,
        on_cancel: Option<OnCancel>,
    ) -> Result<Self> {
        let ops = Arc::<Ops>::default();
        // SAFETY: the context is an `Arc<Ops>`, which borrows nothing, as `run` expects.
        let object = unsafe {
            Object::new(ops.clone(), on_cancel, |context, out| {
                sys::tp_io_create(fd.as_raw_fd(), Some(run), context, env, out)
            })
        }?;
        let inner = Arc::new(Inner { object, ops });
        Ok(Io { inner })
    }

    /// Waits until nothing is in flight, queued or running, and hands over the first panic since
    /// the last wait.
    pub fn wait(&self) -> Result<(), WaitError> {
        self.inner.object.wait(false, None)
    }

    /// As `wait`, for at most so long.
    pub fn wait_for(&self, time: Duration) -> Result<(), WaitError> {
        self.inner.object.wait(false, Some(time))
    }

    /// The handle, for the functions of `tp_sys`.
    pub fn as_raw(&self) -> *mut sys::tp_io_t {
        self.inner.object.raw
    }

    /// Begins an operation. `describe` says what it is, with pointers into what the data keep on
    /// the heap, where they stay until it is completed.
    fn begin<D: Send + 'static>(
        &self,
        opcode: u32,
        mut data: D,
        describe: impl FnOnce(&mut D, &mut sys::tp_io_op_t),
        done: impl FnOnce(Option<&Callback<'_>>, io::Result<u64>, D) + Send + 'static,
    ) -> Result<usize, Refused> {
        let mut op = sys::tp_io_op_t::default();
        // SAFETY: writes the struct.
        unsafe { sys::tp_io_op_init(&mut op) };
        op.opcode = opcode;
        describe(&mut data, &mut op);
        let key = self.inner.ops.put(Box::new(Op { data, done }));
        op.operation = key as *mut c_void;
        // SAFETY: what the operation works on is kept in `ops` until it is completed, or the object
        // is gone; the library judges the rest.
        match check(unsafe { sys::tp_io_submit(self.inner.object.raw, &op) }) {
            Ok(()) => Ok(key),
            // It was not begun, so nobody but this thread has taken it out.
            Err(error) => Err((error, self.inner.ops.take(key).expect("never begun"))),
        }
    }

    /// As `begin`, with a closure for the completion.
    fn call<D: Send + 'static>(
        &self,
        opcode: u32,
        data: D,
        describe: impl FnOnce(&mut D, &mut sys::tp_io_op_t),
        done: impl FnOnce(&Callback<'_>, io::Result<u64>, D) + Send + 'static,
    ) -> Result<InFlight> {
        let begun = self.begin(opcode, data, describe, |callback, result, data| {
            if let Some(callback) = callback {
                done(callback, result, data);
            }
        });
        let io = Arc::downgrade(&self.inner);
        begun.map(|key| InFlight { io, key }).map_err(|(error, _)| error)
    }

    /// As `begin`, with a future for the completion.
    fn future<D: Send + 'static, T: Send + 'static>(
        &self,
        opcode: u32,
        data: D,
        describe: impl FnOnce(&mut D, &mut sys::tp_io_op_t),
        finish: impl FnOnce(io::Result<u64>, D) -> T + Send + 'static,
    ) -> IoFuture<T> {
        let slot = Arc::new(Slot::default());
        let put = slot.clone();
        let begun = self.begin(opcode, data, describe, move |_, result, data| {
            put.put(finish(result, data));
        });
        let key = begun.unwrap_or_else(|(error, op)| {
            op.complete(None, Err(error.into()));
            0
        });
        let io = self.clone();
        IoFuture { io, key, slot }
    }

    /// Reads up to the length of the buffer, from that byte of a file on, or from its own position.
    /// 0 bytes are the end.
    pub fn read(
        &self,
        buffer: Vec<u8>,
        offset: Option<u64>,
        done: impl FnOnce(&Callback<'_>, io::Result<usize>, Vec<u8>) + Send + 'static,
    ) -> Result<InFlight> {
        self.call(sys::TP_IO_READ, buffer, transfer(offset), |callback, result, buffer| {
            done(callback, result.map(|bytes| bytes as usize), buffer)
        })
    }

    /// Writes the buffer, to that byte of a file on, or to its own position.
    pub fn write(
        &self,
        buffer: Vec<u8>,
        offset: Option<u64>,
        done: impl FnOnce(&Callback<'_>, io::Result<usize>, Vec<u8>) + Send + 'static,
    ) -> Result<InFlight> {
        self.call(sys::TP_IO_WRITE, buffer, transfer(offset), |callback, result, buffer| {
            done(callback, result.map(|bytes| bytes as usize), buffer)
        })
    }

    /// Accepts a connection on a socket that listens.
    pub fn accept(
        &self,
        done: impl FnOnce(&Callback<'_>, io::Result<OwnedFd>) + Send + 'static,
    ) -> Result<InFlight> {
        self.call(
            sys::TP_IO_ACCEPT,
            (),
            |_, _| (),
            |callback, result, ()| done(callback, result.map(accepted)),
        )
    }

    /// As `read`, as a future.
    pub fn read_async(&self, buffer: Vec<u8>, offset: Option<u64>) -> IoFuture<Transferred> {
        self.future(sys::TP_IO_READ, buffer, transfer(offset), transferred)
    }

    /// As `write`, as a future.
    pub fn write_async(&self, buffer: Vec<u8>, offset: Option<u64>) -> IoFuture<Transferred> {
        self.future(sys::TP_IO_WRITE, buffer, transfer(offset), transferred)
    }

    /// Receives from a socket, up to the length of the buffer; flags are `MSG_*`.
    pub fn recv_async(&self, buffer: Vec<u8>, flags: u32) -> IoFuture<Transferred> {
        self.future(sys::TP_IO_RECV, buffer, message(flags), transferred)
    }

    /// Sends the buffer to a socket; flags are `MSG_*`.
    pub fn send_async(&self, buffer: Vec<u8>, flags: u32) -> IoFuture<Transferred> {
        self.future(sys::TP_IO_SEND, buffer, message(flags), transferred)
    }

    /// As `accept`, as a future.
    pub fn accept_async(&self) -> IoFuture<io::Result<OwnedFd>> {
        self.future(sys::TP_IO_ACCEPT, (), |_, _| (), |result, ()| result.map(accepted))
    }

    /// Connects a socket.
    pub fn connect_async(&self, address: SocketAddr) -> IoFuture<io::Result<()>> {
        let address = encode(address);
        let length = vec![address.len() as u32];
        let describe = |data: &mut (Vec<u8>, Vec<u32>), op: &mut sys::tp_io_op_t| {
            op.address = data.0.as_mut_ptr() as *mut c_void;
            op.address_length = data.1.as_mut_ptr();
        };
        self.future(sys::TP_IO_CONNECT, (address, length), describe, |result, _| result.map(|_| ()))
    }

    /// Has what was written reach the device; `data_only` without times and the like.
    pub fn sync_async(&self, data_only: bool) -> IoFuture<io::Result<()>> {
        let opcode = match data_only {
            true => sys::TP_IO_FDATASYNC,
            false => sys::TP_IO_FSYNC,
        };
        self.future(opcode, (), |_, _| (), |result, ()| result.map(|_| ()))
    }

    /// Waits for states of `poll` and tells which were found.
    pub fn poll_async(&self, events: u32) -> IoFuture<io::Result<u32>> {
        let describe = |_: &mut (), op: &mut sys::tp_io_op_t| op.flags = events;
        self.future(sys::TP_IO_POLL, (), describe, |result, ()| result.map(|events| events as u32))
    }

    /// Announces an operation that something else carries out.
    pub fn announce(
        &self,
        done: impl FnOnce(&Callback<'_>, io::Result<u64>) + Send + 'static,
    ) -> Result<Announcement> {
        // SAFETY: the library judges the handle.
        check(unsafe { sys::tp_io_start(self.inner.object.raw) })?;
        let done = |callback: Option<&Callback<'_>>, result, ()| {
            if let Some(callback) = callback {
                done(callback, result);
            }
        };
        let key = self.inner.ops.put(Box::new(Op { data: (), done }));
        let io = self.clone();
        Ok(Announcement { io, key })
    }
}

/// What a transfer comes to: how many bytes, and the buffer.
pub type Transferred = (io::Result<usize>, Vec<u8>);

fn transferred(result: io::Result<u64>, buffer: Vec<u8>) -> Transferred {
    (result.map(|bytes| bytes as usize), buffer)
}

fn transfer(offset: Option<u64>) -> impl FnOnce(&mut Vec<u8>, &mut sys::tp_io_op_t) {
    move |buffer, op| {
        op.buffer = buffer.as_mut_ptr() as *mut c_void;
        op.length = buffer.len() as u64;
        // What is out of range becomes so for the library too, which refuses it.
        op.offset = offset.map_or(-1, |offset| i64::try_from(offset).unwrap_or(i64::MIN));
    }
}

fn message(flags: u32) -> impl FnOnce(&mut Vec<u8>, &mut sys::tp_io_op_t) {
    move |buffer, op| {
        transfer(None)(buffer, op);
        op.flags = flags;
    }
}

fn accepted(fd: u64) -> OwnedFd {
    // SAFETY: the descriptor is new, and nobody else's.
    unsafe { OwnedFd::from_raw_fd(fd as RawFd) }
}

/// An address as the system has it, `struct sockaddr_in` or `sockaddr_in6`.
fn encode(address: SocketAddr) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(28);
    match address {
        SocketAddr::V4(v4) => {
            bytes.extend_from_slice(&2u16.to_ne_bytes());
            bytes.extend_from_slice(&v4.port().to_be_bytes());
            bytes.extend_from_slice(&v4.ip().octets());
            bytes.extend_from_slice(&[0; 8]);
        }
        SocketAddr::V6(v6) => {
            bytes.extend_from_slice(&10u16.to_ne_bytes());
            bytes.extend_from_slice(&v6.port().to_be_bytes());
            bytes.extend_from_slice(&v6.flowinfo().to_be_bytes());
            bytes.extend_from_slice(&v6.ip().octets());
            bytes.extend_from_slice(&v6.scope_id().to_ne_bytes());
        }
    }
    bytes
}

/// The completion of an operation. Dropped before that, it aborts the operation.
#[must_use = "an operation whose future is dropped is aborted"]
pub struct IoFuture<T> {
    io: Io,
    key: usize,
    slot: Arc<Slot<T>>,
}

impl<T> Future for IoFuture<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut task::Context<'_>) -> task::Poll<T> {
        self.slot.poll(context)
    }
}

impl<T> Drop for IoFuture<T> {
    fn drop(&mut self) {
        if !leaves_everything() {
            self.io.inner.abort(self.key);
        }
    }
}
