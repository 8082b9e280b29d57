//! I/O with buffers that the operation owns.

use crate::{held, until_freed, LONG};
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::io::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::time::Duration;
use tp::{block_on, poll, Error, Pool};

const CANCELED: i32 = 125;

fn file(name: &str) -> std::fs::File {
    let path = std::env::temp_dir().join(format!("tp-{name}-{}", std::process::id()));
    let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    file
}

#[test]
fn io__writes_and_reads_a_file() {
    let pool = Pool::new().unwrap();
    let io = pool.io(&file("io")).unwrap();
    let (send, receive) = mpsc::channel();
    let done = send.clone();
    let write = io.write(b"some bytes".to_vec(), Some(2), move |_, result, buffer| {
        done.send((result.unwrap(), buffer)).unwrap();
    });
    assert!(write.is_ok());
    assert_eq!(receive.recv_timeout(LONG).unwrap(), (10, b"some bytes".to_vec()));
    io.read(vec![1; 20], Some(0), move |_, result, buffer| {
        send.send((result.unwrap(), buffer)).unwrap();
    })
    .unwrap();
    let (bytes, buffer) = receive.recv_timeout(LONG).unwrap();
    assert_eq!(&buffer[..bytes], b"\0\0some bytes");
    io.wait().unwrap();
    io.wait_for(Duration::ZERO).unwrap();
    let refused = io.read(vec![0; 1], Some(u64::MAX), |_, _, _| ());
    assert_eq!(refused.err(), Some(Error::Argument));
}

#[test]
fn io__async_is_sequential_at_its_own_position() {
    let pool = Pool::new().unwrap();
    let text: Vec<u8> = (0..100_000u32).flat_map(|number| number.to_le_bytes()).collect();
    let (from, to) = (file("from"), file("to"));
    (&from).write_all(&text).unwrap();
    let (from, to) = (pool.io(&from).unwrap(), pool.io(&to).unwrap());
    let check = to.clone();
    let copied = pool.spawn_future(async move {
        let (mut buffer, mut at) = (vec![0; 65536], 0);
        loop {
            let (result, back) = from.read_async(buffer, Some(at)).await;
            buffer = back;
            let bytes = result.unwrap();
            if bytes == 0 {
                return at;
            }
            buffer.truncate(bytes);
            let (result, back) = to.write_async(buffer, Some(at)).await;
            at += result.unwrap() as u64;
            buffer = back;
            buffer.resize(65536, 0);
        }
    });
    assert_eq!(copied.unwrap().join().unwrap(), 400_000);
    block_on(check.sync_async(true)).unwrap();
    block_on(check.sync_async(false)).unwrap();
    let (result, buffer) = block_on(check.read_async(vec![0; 400_000], Some(0)));
    assert_eq!(result.unwrap(), 400_000);
    assert!(buffer == text);
}

#[test]
fn io__sockets_connect_accept_send_and_receive() {
    let pool = Pool::new().unwrap();
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let listener = match TcpListener::bind(address) {
            Ok(listener) => listener,
            Err(_) => continue, // a machine without IPv6
        };
        let address = listener.local_addr().unwrap();
        let listening = pool.io(&listener).unwrap();
        let accept = listening.accept_async();
        let client = socket(address.is_ipv6());
        let client = pool.io(&client).unwrap();
        block_on(client.connect_async(address)).unwrap();
        let server = TcpStream::from(block_on(accept).unwrap());
        let server = pool.io(&server).unwrap();
        let (sent, _) = block_on(client.send_async(b"hello".to_vec(), 0));
        assert_eq!(sent.unwrap(), 5);
        let found = block_on(server.poll_async(poll::IN)).unwrap();
        assert_eq!(found & poll::IN, poll::IN);
        let (received, buffer) = block_on(server.recv_async(vec![0; 9], 0));
        assert_eq!((received.unwrap(), &buffer[..5]), (5, &b"hello"[..]));

        let (send, receive) = mpsc::channel();
        listening.accept(move |_, socket| send.send(socket.is_ok()).unwrap()).unwrap();
        drop(TcpStream::connect(address).unwrap());
        assert!(receive.recv_timeout(LONG).unwrap());
    }
}

fn socket(six: bool) -> std::os::unix::io::OwnedFd {
    use std::os::unix::io::FromRawFd;
    extern "C" {
        fn socket(domain: i32, kind: i32, protocol: i32) -> i32;
    }
    // SAFETY: the descriptor is new, and nobody else's.
    unsafe {
        let fd = socket(if six { 10 } else { 2 }, 1 | 0o2000000, 0);
        assert!(fd >= 0);
        std::os::unix::io::OwnedFd::from_raw_fd(fd)
    }
}

#[test]
fn io__aborted_operations_give_their_buffers_back() {
    let pool = Pool::new().unwrap();
    let (reader, _writer) = UnixStream::pair().unwrap();
    let io = pool.io(&reader).unwrap();
    let (send, receive) = mpsc::channel();
    let read = io.read(vec![7; 3], None, move |_, result, buffer| {
        send.send((result.unwrap_err().raw_os_error(), buffer)).unwrap();
    });
    let read = read.unwrap();
    assert!(read.abort());
    assert_eq!(receive.recv_timeout(LONG).unwrap(), (Some(CANCELED), vec![7; 3]));
    assert!(!read.abort());
}

#[test]
fn io__dropped_futures_abort_and_leak_nothing() {
    let pool = Pool::new().unwrap();
    let (reader, mut writer) = UnixStream::pair().unwrap();
    let io = pool.io(&reader).unwrap();
    drop(io.read_async(vec![0; 3], None));
    io.wait_for(LONG).unwrap();
    writer.write_all(b"kept").unwrap();
    let (result, buffer) = block_on(io.read_async(vec![0; 9], None));
    assert_eq!(&buffer[..result.unwrap()], b"kept");
}

#[test]
fn io__drop_forgets_what_is_in_flight() {
    let pool = Pool::new().unwrap();
    let (alive, mine) = held();
    let (reader, _writer) = UnixStream::pair().unwrap();
    let io = pool.io(&reader).unwrap();
    io.read(vec![0; 1 << 20], None, move |_, _, _| drop(mine)).unwrap();
    drop(io);
    until_freed(&alive);
}

#[test]
fn io__completions_may_come_from_elsewhere() {
    let pool = Pool::new().unwrap();
    let io = pool.io(&UnixStream::pair().unwrap().0).unwrap();
    let (send, receive) = mpsc::channel();
    for result in [Ok(42), Err(std::io::Error::from_raw_os_error(2))] {
        let send = send.clone();
        let announced = io.announce(move |_, result| {
            send.send(result.map_err(|error| error.kind())).unwrap();
        });
        announced.unwrap().complete(result).unwrap();
    }
    let mut results: Vec<_> = (0..2).map(|_| receive.recv_timeout(LONG).unwrap()).collect();
    results.sort_by_key(Result::is_err);
    assert_eq!(results, [Ok(42), Err(ErrorKind::NotFound)]);
    let (alive, mine) = held();
    drop(io.announce(move |_, _| drop(mine)).unwrap());
    assert_eq!(std::sync::Arc::strong_count(&alive), 1);
    io.wait().unwrap();
}

#[test]
fn io__one_object_for_a_descriptor() {
    let pool = Pool::new().unwrap();
    let (socket, _other) = UnixStream::pair().unwrap();
    let io = pool.io(&socket).unwrap();
    assert!(!io.as_raw().is_null() && socket.as_raw_fd() >= 0);
    assert_eq!(pool.io(&socket).err(), Some(Error::Exists));
    drop(io);
    pool.io(&socket).unwrap();
}
