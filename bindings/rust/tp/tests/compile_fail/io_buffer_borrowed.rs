// error: E0308
// A buffer belongs to its operation, and comes back with its result.
pub fn wrong(io: &tp::Io, buffer: &mut [u8]) {
    let _ = io.read(buffer, None, |_, _, _| ());
}
