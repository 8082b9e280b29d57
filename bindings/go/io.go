package tp

// #include <stdlib.h>
// #include <sys/uio.h>
// #include "shim.h"
import "C"

import (
	"context"
	"sync/atomic"
	"syscall"
	"unsafe"
)

// Backend tells how a pool does I/O.
type Backend uint32

// Opcode tells what an operation does: that of the system call of its name.
type Opcode uint32

// Buffer is memory of C, because the system uses it after a call of Go has returned. Free it; that
// may be done at any time: operations in flight keep it.
type Buffer struct {
	bytes []byte
	users int32 // the owner, and operations in flight
	freed int32
}

// NewBuffer makes a buffer of n bytes, all 0. ErrNoMemory.
func NewBuffer(n int) (*Buffer, error) {
	if n <= 0 {
		return nil, refuse("NewBuffer", ErrArgument)
	}
	memory := C.calloc(1, C.size_t(n))
	if memory == nil {
		return nil, refuse("NewBuffer", ErrNoMemory)
	}
	return &Buffer{bytes: unsafe.Slice((*byte)(memory), n), users: 1}, nil
}

// NewVector makes a buffer that holds an array of struct iovec, one for each of the buffers, for
// Readv and Writev: its length there is the number of buffers. They must be freed after it.
func NewVector(buffers ...*Buffer) (*Buffer, error) {
	v, err := NewBuffer(len(buffers) * C.sizeof_struct_iovec)
	if err != nil {
		return nil, err
	}
	for i, iov := range unsafe.Slice((*C.struct_iovec)(v.Pointer()), len(buffers)) {
		iov.iov_base = buffers[i].Pointer()
		iov.iov_len = C.size_t(len(buffers[i].bytes))
		unsafe.Slice((*C.struct_iovec)(v.Pointer()), len(buffers))[i] = iov
	}
	return v, nil
}

// Bytes is the memory. It must not be used after Free.
func (b *Buffer) Bytes() []byte { return b.bytes }

// Pointer is its address.
func (b *Buffer) Pointer() unsafe.Pointer { return unsafe.Pointer(&b.bytes[0]) }

// Free gives the memory back, at once or when the last operation that uses it has ended. Freeing
// twice does nothing.
func (b *Buffer) Free() {
	if b != nil && atomic.CompareAndSwapInt32(&b.freed, 0, 1) {
		b.drop()
	}
}

func (b *Buffer) drop() {
	if b != nil && atomic.AddInt32(&b.users, -1) == 0 {
		C.free(b.Pointer())
	}
}

func (b *Buffer) take() {
	if b != nil {
		atomic.AddInt32(&b.users, 1)
	}
}

// Op is one operation. Fields that the opcode does not name are not looked at.
type Op struct {
	Opcode Opcode
	Key    uint64  // told to the callback and to Abort; unique among what is in flight
	Buffer *Buffer // Readv, Writev: of NewVector; Recvmsg, Sendmsg: a struct msghdr
	Length uint64  // bytes, or elements of a vector; 0: all of the buffer
	Offset int64   // Read, Write, Readv, Writev: from the start; -1: at the file's own position
	Flags  uint32  // Recv, Send, Recvmsg, Sendmsg: MSG_*; Accept: SOCK_NONBLOCK; Poll: POLL*
	// Address is a sockaddr for Connect, and for Accept, where AddressLength may be nil with it;
	// AddressLength holds its length in bytes, as 32 bits.
	Address, AddressLength *Buffer
}

func (op *Op) c() C.tpgo_operation_t {
	c := C.tpgo_operation_t{
		opcode: C.uint32_t(op.Opcode),
		flags:  C.uint32_t(op.Flags),
		key:    C.uint64_t(op.Key),
		length: C.uint64_t(op.Length),
		offset: C.int64_t(op.Offset),
	}
	if op.Buffer != nil {
		c.buffer = op.Buffer.Pointer()
		if op.Length == 0 {
			c.length = C.uint64_t(len(op.Buffer.bytes))
			if op.Opcode == Readv || op.Opcode == Writev {
				c.length /= C.sizeof_struct_iovec
			}
		}
	}
	if op.Address != nil {
		c.address = op.Address.Pointer()
	}
	if op.AddressLength != nil {
		c.address_length = (*C.uint32_t)(op.AddressLength.Pointer())
	}
	return c
}

// overreaches tells whether the operation would use more than its buffer.
func (op *Op) overreaches() bool {
	switch op.Opcode {
	case Read, Write, Recv, Send:
		return op.Buffer != nil && op.Length > uint64(len(op.Buffer.bytes))
	case Readv, Writev:
		return op.Buffer != nil && op.Length > uint64(len(op.Buffer.bytes))/C.sizeof_struct_iovec
	default:
		return false
	}
}

// Completion is what an operation came to.
type Completion struct {
	Key uint64
	Err error  // nil or a syscall.Errno; ECANCELED after Abort
	N   uint64 // what was transferred; Accept: the new descriptor; Poll: the states
}

// Io is a callback for each operation on a descriptor that is completed.
type Io struct {
	o object
	c *C.tp_io_t

	users map[uint64][][3]*Buffer // by key; o.mu
	late  []*Buffer               // of what a cancel forgot, in flight until the object is gone; o.mu
}

// NewIo binds a descriptor to callbacks. libtp keeps a duplicate of it.
func NewIo(fd int, env *Env, f func(*Instance, Completion)) (*Io, error) {
	i := &Io{o: object{kind: C.TPGO_IO}, users: make(map[uint64][][3]*Buffer)}
	if f != nil {
		i.o.body = func(in *Instance) { f(in, in.completion()) }
	}
	i.o.member = i
	i.o.completed = i.completed
	i.o.gone = i.gone
	i.o.step = func(cancel bool, timeout C.int64_t) C.tp_status_t {
		if cancel {
			i.forget()
		}
		return C.tp_io_wait(i.c, C.bool(cancel), timeout)
	}
	created, err := i.o.create("tp_io_create", env, fd)
	if err != nil {
		return nil, err
	}
	i.c = (*C.tp_io_t)(created)
	return i, nil
}

func (in *Instance) completion() Completion {
	c := Completion{Key: in.e.operation, N: in.e.bytes}
	if in.e.errno != 0 {
		c.Err = in.e.errno
	}
	return c
}

// Submit starts one operation.
func (i *Io) Submit(op Op) error {
	_, err := i.SubmitMany([]Op{op})
	return err
}

// SubmitMany starts operations in order until one is refused, and tells how many it has started.
func (i *Io) SubmitMany(ops []Op) (int, error) {
	if len(ops) == 0 {
		return 0, nil
	}
	operations := make([]C.tpgo_operation_t, len(ops))
	for n := range ops {
		if ops[n].overreaches() {
			return 0, refuse("tp_io_submit", ErrArgument)
		}
		operations[n] = ops[n].c()
	}
	i.hold(ops)
	var submitted C.uint32_t
	var errno C.int
	status := C.tpgo_io_submit(i.c, &operations[0], C.uint32_t(len(ops)), &submitted, &errno)
	i.unhold(ops[submitted:])
	return int(submitted), checkErrno("tp_io_submit", status, errno)
}

// hold keeps the buffers of operations that are about to start.
func (i *Io) hold(ops []Op) {
	i.o.mu.Lock()
	defer i.o.mu.Unlock()
	for n := range ops {
		buffers := [3]*Buffer{ops[n].Buffer, ops[n].Address, ops[n].AddressLength}
		for _, b := range buffers {
			b.take()
		}
		i.users[ops[n].Key] = append(i.users[ops[n].Key], buffers)
	}
}

// unhold takes hold back for operations that have not started, the last one first.
func (i *Io) unhold(ops []Op) {
	i.o.mu.Lock()
	defer i.o.mu.Unlock()
	for n := len(ops) - 1; n >= 0; n-- {
		i.release(ops[n].Key, len(i.users[ops[n].Key])-1)
	}
}

// release lets go of the buffers of one operation. o.mu held.
func (i *Io) release(key uint64, n int) {
	list := i.users[key]
	if n < 0 || n >= len(list) {
		return
	}
	for _, b := range list[n] {
		b.drop()
	}
	list = append(list[:n], list[n+1:]...)
	if len(list) == 0 {
		delete(i.users, key)
	} else {
		i.users[key] = list
	}
}

// completed is told of each completion that comes out of the pool.
func (i *Io) completed(key uint64) {
	i.o.mu.Lock()
	i.release(key, 0)
	i.o.mu.Unlock()
}

// forget is for a cancel: of what is in flight no callback will tell. Only the end of the object
// does, so the buffers are kept until then.
func (i *Io) forget() {
	i.o.mu.Lock()
	defer i.o.mu.Unlock()
	for key, list := range i.users {
		for _, buffers := range list {
			i.late = append(i.late, buffers[:]...)
		}
		delete(i.users, key)
	}
}

func (i *Io) gone() {
	i.forget()
	i.o.mu.Lock()
	defer i.o.mu.Unlock()
	for _, b := range i.late {
		b.drop()
	}
	i.late = nil
}

// Abort asks for the end of an operation, whose callback comes all the same. ErrArgument: no
// operation of this key is in flight.
func (i *Io) Abort(key uint64) error {
	return check("tp_io_abort", C.tpgo_io_abort(i.c, C.uint64_t(key)))
}

// Start announces a completion that will come from elsewhere, by Complete.
func (i *Io) Start() error { return check("tp_io_start", C.tp_io_start(i.c)) }

// Retract takes one announcement of Start back. ErrState: nothing is announced.
func (i *Io) Retract() error { return check("tp_io_cancel", C.tp_io_cancel(i.c)) }

// Complete queues the callback for an announced operation. ErrState: nothing is announced.
func (i *Io) Complete(key uint64, errno syscall.Errno, n uint64) error {
	return check("tp_io_complete",
		C.tpgo_io_complete(i.c, C.uint64_t(key), C.int32_t(errno), C.uint64_t(n)))
}

// Wait waits until nothing is announced, in flight, queued or running. When the context is done,
// what is queued is dropped and what is in flight forgotten: it goes on, without a callback.
func (i *Io) Wait(ctx context.Context) error { return i.o.wait(ctx, "tp_io_wait", false) }

// Cancel drops and forgets so at once, asks what runs to end early, and waits as Wait does.
func (i *Io) Cancel(ctx context.Context) error { return i.o.wait(ctx, "tp_io_wait", true) }

// Idle tells whether nothing is announced, in flight, queued or running now.
func (i *Io) Idle() (bool, error) { return i.o.idle("tp_io_wait") }

// Counts tells what happened to the events of the object.
func (i *Io) Counts() Counts { return i.o.counts() }

// Close closes the object without waiting: what is in flight goes on and has its callback. Closing
// twice does nothing.
func (i *Io) Close() error {
	if i == nil {
		return nil
	}
	return i.o.closeWith("tp_io_close", func() C.tp_status_t { return C.tp_io_close(i.c) })
}
