package tp

// #include "shim.h"
import "C"

import (
	"context"
	"time"
)

// WaitResult tells how a wait ended.
type WaitResult uint32

// WaitSpec says what a wait is armed on, and for how long.
type WaitSpec struct {
	Source  Waitable
	Clock   Clock
	Timeout time.Duration // Infinite: none; 0, or what is past: WaitTimeout at once
}

// Wait is a callback when something is signaled, or a time has run out before.
type Wait struct {
	o object
	c *C.tp_wait_t
}

// NewWait makes a wait, not armed.
func NewWait(env *Env, f func(*Instance, WaitResult)) (*Wait, error) {
	w := &Wait{o: object{kind: C.TPGO_WAIT}}
	if f != nil {
		w.o.body = func(in *Instance) { f(in, in.e.result) }
	}
	w.o.member = w
	w.o.step = func(cancel bool, timeout C.int64_t) C.tp_status_t {
		return C.tp_wait_wait(w.c, C.bool(cancel), timeout)
	}
	created, err := w.o.create("tp_wait_create", env, 0)
	if err != nil {
		return nil, err
	}
	w.c = (*C.tp_wait_t)(created)
	return w, nil
}

// Set arms the wait for one callback; wasArmed tells whether that took an earlier arming away. A
// mutex as source is ErrUnsupported unless the wait is Direct: it would belong to a thread that
// does not run the callback.
func (w *Wait) Set(spec WaitSpec) (wasArmed bool, err error) {
	if spec.Source.mutex && !w.o.direct {
		return false, refuse("tp_wait_set", ErrUnsupported)
	}
	var s C.tp_wait_spec_t
	C.tp_wait_spec_init(&s)
	s.clock = C.uint32_t(spec.Clock)
	s.source = spec.Source.c
	s.timeout = C.int64_t(spec.Timeout)
	var was C.bool
	var errno C.int
	status := C.tpgo_wait_set(w.c, &s, &was, &errno)
	return bool(was), checkErrno("tp_wait_set", status, errno)
}

// On arms the wait without a timeout.
func (w *Wait) On(source Waitable) error {
	_, err := w.Set(WaitSpec{Source: source, Timeout: Infinite})
	return err
}

// Disarm disarms the wait; wasArmed tells whether it was armed and nothing had been posted.
func (w *Wait) Disarm() (wasArmed bool, err error) {
	var was C.bool
	err = check("tp_wait_set", C.tp_wait_set(w.c, nil, &was))
	return bool(was), err
}

// Wait waits for callbacks as Work.Wait does; it does not wait for a signal, nor disarm.
func (w *Wait) Wait(ctx context.Context) error { return w.o.wait(ctx, "tp_wait_wait", false) }

// Cancel drops what is pending, asks what runs to end early, and waits as Wait does.
func (w *Wait) Cancel(ctx context.Context) error { return w.o.wait(ctx, "tp_wait_wait", true) }

// Idle tells whether nothing is pending or running now.
func (w *Wait) Idle() (bool, error) { return w.o.idle("tp_wait_wait") }

// Counts tells what happened to the events of the object.
func (w *Wait) Counts() Counts { return w.o.counts() }

// Close disarms and closes the wait without waiting. Closing twice does nothing.
func (w *Wait) Close() error {
	if w == nil {
		return nil
	}
	return w.o.closeWith("tp_wait_close", func() C.tp_status_t { return C.tp_wait_close(w.c) })
}
