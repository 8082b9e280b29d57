package tp

import (
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"unsafe"
)

func newBuffer(t testing.TB, n int) *Buffer {
	t.Helper()
	b, err := NewBuffer(n)
	must(t, err)
	return b
}

// bound makes an I/O object and the channel that its completions come through.
func bound(t testing.TB, fd int, env *Env) (*Io, chan Completion) {
	t.Helper()
	done := make(chan Completion, 100)
	io, err := NewIo(fd, env, func(_ *Instance, c Completion) { done <- c })
	must(t, err)
	return io, done
}

func TestFile(t *testing.T) {
	both(t, func(t *testing.T, env Env) {
		file, err := os.OpenFile(filepath.Join(t.TempDir(), "file"), os.O_RDWR|os.O_CREATE, 0o600)
		must(t, err)
		defer file.Close()
		io, done := bound(t, fdOf(t, file), &env)
		one, two := newBuffer(t, 5), newBuffer(t, 6)
		copy(one.Bytes(), "hello")
		copy(two.Bytes(), " world")
		vector, err := NewVector(one, two)
		must(t, err)
		must(t, io.Submit(Op{Opcode: Writev, Key: 1, Buffer: vector}))
		if c := <-done; c.Key != 1 || c.Err != nil || c.N != 11 {
			t.Error(c)
		}
		n, err := io.SubmitMany([]Op{{Opcode: Fsync, Key: 2}, {Opcode: Fdatasync, Key: 3}})
		if n != 2 || err != nil {
			t.Error(n, err)
		}
		if a, b := <-done, <-done; a.Err != nil || b.Err != nil || a.Key+b.Key != 5 {
			t.Error(a, b)
		}
		copy(one.Bytes(), "-----")
		must(t, io.Submit(Op{Opcode: Read, Key: 1 << 63, Buffer: one, Length: 4, Offset: 6}))
		if c := <-done; c.Key != 1<<63 || c.N != 4 || string(one.Bytes()) != "worl-" {
			t.Error(c, string(one.Bytes()))
		}
		must(t, io.Submit(Op{Opcode: Readv, Buffer: vector, Offset: 11}))
		if c := <-done; c.Err != nil || c.N != 0 {
			t.Error(c)
		}
		n, err = io.SubmitMany([]Op{
			{Opcode: Write, Key: 7, Buffer: one}, {Opcode: 99, Key: 8, Buffer: one}})
		want(t, err, ErrArgument)
		if c := <-done; n != 1 || c.Key != 7 || c.N != 5 {
			t.Error(n, c)
		}
		n, err = io.SubmitMany(nil)
		if n != 0 || err != nil {
			t.Error(n, err)
		}
		want(t, io.Submit(Op{Opcode: Read, Buffer: one, Length: 6}), ErrArgument)
		must(t, io.Wait(background))
		for _, b := range []*Buffer{vector, one, two} {
			b.Free()
			b.Free()
			if b.users != 0 {
				t.Errorf("%d operations still use the buffer", b.users)
			}
		}
		must(t, io.Close())
		must(t, io.Close())
		want(t, io.Submit(Op{Opcode: Fsync}), ErrHandle)
	})
	_, err := NewBuffer(0)
	want(t, err, ErrArgument)
}

func TestAbortAndForget(t *testing.T) {
	both(t, func(t *testing.T, env Env) {
		r, w, err := os.Pipe()
		must(t, err)
		defer r.Close()
		defer w.Close()
		io, done := bound(t, fdOf(t, r), &env)
		buffer := newBuffer(t, 8)
		read := Op{Opcode: Read, Key: 5, Buffer: buffer, Offset: -1}
		must(t, io.Submit(read))
		want(t, io.Submit(read), ErrExists)
		if idle, err := io.Idle(); idle || err != nil {
			t.Error("in flight counts as nothing", err)
		}
		must(t, io.Abort(5))
		if c := <-done; c.Err != syscall.ECANCELED {
			t.Error(c)
		}
		want(t, io.Abort(5), ErrArgument)
		must(t, io.Submit(read))
		ctx, cancel := context.WithCancel(background)
		cancel()
		want(t, io.Wait(ctx), context.Canceled)
		must(t, io.Cancel(background))
		must(t, io.Start()) // the key may be used again, and that is another operation
		must(t, io.Complete(5, 0, 0))
		<-done
		buffer.Free()
		if atomic.LoadInt32(&buffer.users) == 0 {
			t.Error("the buffer is free, and the system reads into it")
		}
		must(t, io.Close())
		_, err = w.Write([]byte("end"))
		must(t, err)
		eventually(t, func() bool { return atomic.LoadInt32(&buffer.users) == 0 })
		if len(done) != 0 {
			t.Error("the callback of what was forgotten came")
		}
		if counts := io.Counts(); env.Delivery == Batched && counts.Delivered != 2 {
			t.Error(counts)
		}
	})
}

func TestCompletionsFromElsewhere(t *testing.T) {
	both(t, func(t *testing.T, env Env) {
		r, w, err := os.Pipe()
		must(t, err)
		defer r.Close()
		defer w.Close()
		io, done := bound(t, fdOf(t, r), &env)
		want(t, io.Complete(1, 0, 0), ErrState)
		want(t, io.Retract(), ErrState)
		must(t, io.Start())
		must(t, io.Start())
		must(t, io.Retract())
		must(t, io.Complete(42, syscall.EPIPE, 17))
		if c := <-done; c.Key != 42 || c.Err != syscall.EPIPE || c.N != 17 {
			t.Error(c)
		}
		must(t, io.Submit(Op{Opcode: Poll, Key: 1, Flags: pollIn}))
		_, err = w.Write([]byte("x"))
		must(t, err)
		if c := <-done; c.Err != nil || c.N&pollIn == 0 {
			t.Error(c)
		}
		must(t, io.Wait(background))
		must(t, io.Close())
	})
	_, err := NewIo(0, nil, nil)
	want(t, err, ErrArgument)
}

// sockaddr is 127.0.0.1 and a port.
func sockaddr(t testing.TB, port int) *Buffer {
	b := newBuffer(t, 16)
	binary.LittleEndian.PutUint16(b.Bytes(), syscall.AF_INET)
	binary.BigEndian.PutUint16(b.Bytes()[2:], uint16(port))
	copy(b.Bytes()[4:], []byte{127, 0, 0, 1})
	return b
}

func uint32Buffer(t testing.TB, n uint32) *Buffer {
	b := newBuffer(t, 4)
	*(*uint32)(b.Pointer()) = n
	return b
}

// A connection, its data and a message, by operations alone.
func TestSockets(t *testing.T) {
	both(t, func(t *testing.T, env Env) {
		listener, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
		must(t, err)
		defer syscall.Close(listener)
		must(t, syscall.Bind(listener, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
		must(t, syscall.Listen(listener, 1))
		name, err := syscall.Getsockname(listener)
		must(t, err)
		client, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
		must(t, err)
		defer syscall.Close(client)

		accept, accepted := bound(t, listener, &env)
		connect, connected := bound(t, client, &env)
		peer, length := newBuffer(t, 16), uint32Buffer(t, 16)
		must(t, accept.Submit(Op{Opcode: Accept, Address: peer, AddressLength: length}))
		to, toLength := sockaddr(t, name.(*syscall.SockaddrInet4).Port), uint32Buffer(t, 16)
		must(t, connect.Submit(Op{Opcode: Connect, Address: to, AddressLength: toLength}))
		if c := <-connected; c.Err != nil {
			t.Fatal(c)
		}
		c := <-accepted
		if c.Err != nil || peer.Bytes()[4] != 127 {
			t.Fatal(c, peer.Bytes())
		}
		server := int(c.N)
		defer syscall.Close(server)
		serve, served := bound(t, server, &env)

		out, in := newBuffer(t, 4), newBuffer(t, 4)
		copy(out.Bytes(), "ping")
		must(t, serve.Submit(Op{Opcode: Recv, Buffer: in}))
		must(t, connect.Submit(Op{Opcode: Send, Buffer: out}))
		if a, b := <-connected, <-served; a.N != 4 || b.N != 4 || string(in.Bytes()) != "ping" {
			t.Error(a, b, in.Bytes())
		}
		// struct msghdr: two of them, each with one struct iovec
		vectors := make([]*Buffer, 2)
		messages := make([]*Buffer, 2)
		for n, b := range []*Buffer{in, out} {
			vectors[n], err = NewVector(b)
			must(t, err)
			messages[n] = newBuffer(t, int(unsafe.Sizeof(syscall.Msghdr{})))
			header := (*syscall.Msghdr)(messages[n].Pointer())
			header.Iov, header.Iovlen = (*syscall.Iovec)(vectors[n].Pointer()), 1
		}
		copy(out.Bytes(), "pong")
		must(t, serve.Submit(Op{Opcode: Recvmsg, Buffer: messages[0]}))
		must(t, connect.Submit(Op{Opcode: Sendmsg, Buffer: messages[1]}))
		if a, b := <-connected, <-served; a.N != 4 || b.N != 4 || string(in.Bytes()) != "pong" {
			t.Error(a, b, in.Bytes())
		}
		for _, io := range []*Io{accept, connect, serve} {
			must(t, io.Wait(background))
			must(t, io.Close())
		}
		for _, b := range append(append(vectors, messages...), peer, length, to, toLength, out, in) {
			b.Free()
		}
	})
}
