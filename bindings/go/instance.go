package tp

// #include "shim.h"
import "C"

import (
	"context"
	"unsafe"
)

// Instance is one run of one callback. It is good until the callback returns; after that its
// methods give ErrState. Those of a Direct callback must be called in the callback's own goroutine.
type Instance struct {
	o       *object
	c       *C.tp_callback_instance_t // direct
	e       event
	cancels uint64 // how often the object had been asked to cancel when this began

	// Under the object's mu.
	over          bool
	disassociated bool
	actions       actions
}

// actions is what a batched callback asked for on its return.
type actions struct {
	semaphore *Semaphore
	count     uint32
	event     *Event
	library   unsafe.Pointer
}

// perform does what comes before a wait for the callback returns.
func (a *actions) perform() {
	if a.semaphore != nil {
		a.semaphore.Release(a.count)
	}
	if a.event != nil {
		a.event.Set()
	}
}

type instanceKey struct{}

// instanceOf is the callback whose Context this is, or nil.
func instanceOf(ctx context.Context) *Instance {
	in, _ := ctx.Value(instanceKey{}).(*Instance)
	return in
}

// holds tells whether a wait for o waits for this callback.
func (in *Instance) holds(o *object) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return in.o == o && !o.direct && !in.over && !in.disassociated
}

// blocks tells whether callbacks of o cannot come before this one has returned.
func (in *Instance) blocks(o *object) bool {
	if in.o.direct || o.direct || in.o.queue != o.queue || !o.queue.inline {
		return false
	}
	in.o.mu.Lock()
	defer in.o.mu.Unlock()
	return !in.over
}

// Context is cancelled when the callback is asked to end early (a Wait, Group or Pool cancels it)
// and when it has returned. A Wait that is given it knows who waits, so that waiting for oneself is
// ErrDeadlock in every mode. In a callback of Submit or Run it derives from the context given
// there.
func (in *Instance) Context() context.Context {
	base := in.o.base
	if base == nil {
		base = context.Background()
	}
	ctx, cancel := context.WithCancel(context.WithValue(base, instanceKey{}, in))
	in.o.mu.Lock()
	defer in.o.mu.Unlock()
	if in.over || in.o.cancels != in.cancels {
		cancel()
		return ctx
	}
	if in.o.contexts == nil {
		in.o.contexts = make(map[*Instance]context.CancelFunc)
	}
	before := in.o.contexts[in]
	in.o.contexts[in] = func() {
		cancel()
		if before != nil {
			before()
		}
	}
	return ctx
}

// CancelRequested tells whether somebody wants this callback to end early.
func (in *Instance) CancelRequested() (bool, error) {
	in.o.mu.Lock()
	over, asked := in.over, in.o.cancels != in.cancels
	in.o.mu.Unlock()
	if over {
		return false, refuse("CancelRequested", ErrState)
	}
	if in.c == nil || asked {
		return asked, nil
	}
	var requested C.bool
	err := check("tp_callback_cancel_requested", C.tp_callback_cancel_requested(in.c, &requested))
	return bool(requested), err
}

// batched has f change the instance if it is one of a batched callback and not over. It tells
// whether it is a direct one, which libtp is to be asked about.
func (in *Instance) batched(op string, f func()) (direct bool, err error) {
	in.o.mu.Lock()
	defer in.o.mu.Unlock()
	if in.over {
		return false, refuse(op, ErrState)
	}
	if in.c != nil {
		return true, nil
	}
	f()
	return false, nil
}

// MayRunLong asks whether the pool can do without this callback's thread: ErrTooManyThreads if not.
// A batched callback occupies none.
func (in *Instance) MayRunLong() error {
	direct, err := in.batched("MayRunLong", func() {})
	if !direct {
		return err
	}
	return check("tp_callback_may_run_long", C.tp_callback_may_run_long(in.c))
}

// Disassociate lets a Wait for the object no longer wait for this callback. A group still does, and
// it still counts against the concurrency limit.
func (in *Instance) Disassociate() error {
	direct, err := in.batched("Disassociate", func() {
		if !in.disassociated {
			in.disassociated = true
			in.o.count(1, 0)
		}
	})
	if !direct {
		return err
	}
	return check("tp_callback_disassociate", C.tp_callback_disassociate(in.c))
}

// WaitEvents is the states of poll(2) in which the descriptor was that satisfied this wait.
func (in *Instance) WaitEvents() (uint32, error) {
	direct, err := in.batched("WaitEvents", func() {})
	if err == nil && in.o.kind != C.TPGO_WAIT {
		return 0, refuse("WaitEvents", ErrState)
	}
	if !direct {
		return uint32(in.e.bytes), err
	}
	var events C.uint32_t
	err = check("tp_callback_wait_events", C.tp_callback_wait_events(in.c, &events))
	return uint32(events), err
}

// ReleaseSemaphoreOnReturn has a semaphore released once the callback has returned.
func (in *Instance) ReleaseSemaphoreOnReturn(s *Semaphore, count uint32) error {
	if s == nil || count == 0 {
		return refuse("ReleaseSemaphoreOnReturn", ErrArgument)
	}
	direct, err := in.batched("ReleaseSemaphoreOnReturn", func() {
		in.actions.semaphore, in.actions.count = s, count
	})
	if !direct {
		return err
	}
	return check("tp_callback_release_semaphore_on_return",
		C.tp_callback_release_semaphore_on_return(in.c, s.c, C.uint32_t(count)))
}

// SetEventOnReturn has an event set once the callback has returned.
func (in *Instance) SetEventOnReturn(e *Event) error {
	if e == nil {
		return refuse("SetEventOnReturn", ErrArgument)
	}
	direct, err := in.batched("SetEventOnReturn", func() { in.actions.event = e })
	if !direct {
		return err
	}
	return check("tp_callback_set_event_on_return", C.tp_callback_set_event_on_return(in.c, e.c))
}

// CloseLibraryOnReturn has a shared library closed once the callback has returned.
func (in *Instance) CloseLibraryOnReturn(dlopenHandle unsafe.Pointer) error {
	if dlopenHandle == nil {
		return refuse("CloseLibraryOnReturn", ErrArgument)
	}
	direct, err := in.batched("CloseLibraryOnReturn", func() { in.actions.library = dlopenHandle })
	if !direct {
		return err
	}
	return check("tp_callback_close_library_on_return",
		C.tp_callback_close_library_on_return(in.c, dlopenHandle))
}

// UnlockOnReturn has a pthread_mutex_t of C unlocked once the callback has returned. Only Direct:
// such a mutex belongs to a thread.
func (in *Instance) UnlockOnReturn(pthreadMutex unsafe.Pointer) error {
	if in.c == nil {
		return refuse("UnlockOnReturn", ErrUnsupported)
	}
	return check("tp_callback_unlock_on_return",
		C.tp_callback_unlock_on_return(in.c, pthreadMutex))
}

// ReleaseMutexOnReturn has a mutex released once the callback has returned. Only Direct: a mutex
// belongs to a thread.
func (in *Instance) ReleaseMutexOnReturn(m *Mutex) error {
	if in.c == nil {
		return refuse("ReleaseMutexOnReturn", ErrUnsupported)
	}
	if m == nil {
		return refuse("ReleaseMutexOnReturn", ErrArgument)
	}
	return check("tp_callback_release_mutex_on_return",
		C.tp_callback_release_mutex_on_return(in.c, m.c))
}

// BlockingBegin tells the pool that this Direct callback is about to block. ErrState elsewhere.
func BlockingBegin() error { return check("tp_blocking_begin", C.tp_blocking_begin()) }

// BlockingEnd tells it that the stretch is over.
func BlockingEnd() error { return check("tp_blocking_end", C.tp_blocking_end()) }
