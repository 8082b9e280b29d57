package tp

// #include "shim.h"
import "C"

import (
	"sync/atomic"
	"syscall"
	"time"
)

// Waitable is something to wait for: a value, which keeps nothing open.
type Waitable struct {
	c     C.tp_waitable_t
	mutex bool
}

// FD is a descriptor that poll(2) can wait for, in one of these states (POLLIN, ...). Take it from
// a file by SyscallConn: File.Fd makes the file block.
func FD(fd int, events uint32) Waitable {
	return Waitable{c: C.tp_waitable_fd(C.int(fd), C.uint32_t(events))}
}

// Process is a process, by its pidfd, signaled once it has ended.
func Process(pidfd int) Waitable { return Waitable{c: C.tp_waitable_process(C.int(pidfd))} }

// PidfdOpen gives a descriptor of a process, for Process. Close it with syscall.Close.
func PidfdOpen(pid int) (int, error) {
	const number = 434 // of pidfd_open, on all architectures
	fd, _, errno := syscall.Syscall(number, uintptr(pid), 0, 0)
	if errno != 0 {
		return -1, &Error{Op: "pidfd_open", Status: ErrSystem, Errno: errno}
	}
	return int(fd), nil
}

// Signal is a signal sent to this process. It must be blocked in all threads, which for a program of
// Go means that it was started so: see docs/GO.md.
func Signal(signal syscall.Signal) Waitable {
	return Waitable{c: C.tp_waitable_signal(C.int(signal))}
}

// Never is never signaled: only a timeout ends a wait for it.
func Never() Waitable { return Waitable{c: C.tp_waitable_never()} }

// Wait blocks the calling thread until it is signaled, and takes what that gives; or the time has
// run out, which is WaitTimeout and no error. For a mutex the goroutine must be locked to its
// thread.
func (w Waitable) Wait(timeout time.Duration) (WaitResult, error) {
	var result C.tp_wait_result_t
	var errno C.int
	status := C.tpgo_waitable_wait(w.c, C.int64_t(timeout), &result, &errno)
	return WaitResult(result), checkErrno("tp_waitable_wait", status, errno)
}

// Event is a flag to wait for.
type Event struct {
	c      *C.tp_event_t
	closed int32
}

// NewEvent makes an event. With manual it stays signaled until Reset, and lets everybody go;
// without it lets one go and resets itself.
func NewEvent(manual, signaled bool) (*Event, error) {
	e := &Event{}
	err := check("tp_event_create", C.tp_event_create(C.bool(manual), C.bool(signaled), &e.c))
	if err != nil {
		return nil, err
	}
	return e, nil
}

// Set signals the event.
func (e *Event) Set() error { return check("tp_event_set", C.tp_event_set(e.c)) }

// Reset makes it not signaled.
func (e *Event) Reset() error { return check("tp_event_reset", C.tp_event_reset(e.c)) }

// Waitable is the event as something to wait for.
func (e *Event) Waitable() Waitable { return Waitable{c: C.tp_waitable_event(e.c)} }

// Close closes the event; who waits for it gets ErrHandle. Closing twice does nothing.
func (e *Event) Close() error {
	if e == nil || !atomic.CompareAndSwapInt32(&e.closed, 0, 1) {
		return nil
	}
	return check("tp_event_close", C.tp_event_close(e.c))
}

// Semaphore is a counter to wait for.
type Semaphore struct {
	c      *C.tp_semaphore_t
	closed int32
}

// NewSemaphore makes a semaphore.
func NewSemaphore(initial, maximum uint32) (*Semaphore, error) {
	s := &Semaphore{}
	err := check("tp_semaphore_create",
		C.tp_semaphore_create(C.uint32_t(initial), C.uint32_t(maximum), &s.c))
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Release adds to the count and tells what it was. ErrLimit: it would exceed the maximum.
func (s *Semaphore) Release(count uint32) (previous uint32, err error) {
	var before C.uint32_t
	err = check("tp_semaphore_release", C.tp_semaphore_release(s.c, C.uint32_t(count), &before))
	return uint32(before), err
}

// Waitable is the semaphore as something to wait for.
func (s *Semaphore) Waitable() Waitable { return Waitable{c: C.tp_waitable_semaphore(s.c)} }

// Close closes the semaphore; who waits for it gets ErrHandle. Closing twice does nothing.
func (s *Semaphore) Close() error {
	if s == nil || !atomic.CompareAndSwapInt32(&s.closed, 0, 1) {
		return nil
	}
	return check("tp_semaphore_close", C.tp_semaphore_close(s.c))
}

// Mutex is a recursive lock that belongs to a thread. A goroutine that takes or releases one must
// be locked to its thread (runtime.LockOSThread), as that of a Direct callback is.
type Mutex struct {
	c      *C.tp_mutex_t
	closed int32
}

// NewMutex makes a mutex; with owned it is the calling thread's at once.
func NewMutex(owned bool) (*Mutex, error) {
	m := &Mutex{}
	if err := check("tp_mutex_create", C.tp_mutex_create(C.bool(owned), &m.c)); err != nil {
		return nil, err
	}
	return m, nil
}

// Release releases the mutex once. ErrNotOwner: the calling thread does not own it.
func (m *Mutex) Release() error { return check("tp_mutex_release", C.tp_mutex_release(m.c)) }

// Waitable is the mutex as something to wait for.
func (m *Mutex) Waitable() Waitable {
	return Waitable{c: C.tp_waitable_mutex(m.c), mutex: true}
}

// Close closes the mutex, owned or not. Closing twice does nothing.
func (m *Mutex) Close() error {
	if m == nil || !atomic.CompareAndSwapInt32(&m.closed, 0, 1) {
		return nil
	}
	return check("tp_mutex_close", C.tp_mutex_close(m.c))
}
