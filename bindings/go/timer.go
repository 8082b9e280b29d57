package tp

// #include "shim.h"
import "C"

import (
	"context"
	"time"
)

// Clock tells what the times of a TimerSpec or a WaitSpec mean.
type Clock uint32

// Infinite is no time limit, where a duration is asked for.
const Infinite time.Duration = infinite

// TimerSpec says when a timer expires.
type TimerSpec struct {
	Clock      Clock
	Due        time.Duration // from now, or since the clock's beginning; what is past expires at once
	Period     time.Duration // from one expiry to the next; 0: it expires once
	Window     time.Duration // by how much each expiry may be delayed
	SkipMissed bool          // an expiry that finds an earlier one pending adds none
}

// Timer is a callback that runs when its time has come, once or again and again.
type Timer struct {
	o object
	c *C.tp_timer_t
}

// NewTimer makes a timer, not set.
func NewTimer(env *Env, f func(*Instance)) (*Timer, error) {
	t := &Timer{o: object{kind: C.TPGO_TIMER, body: f}}
	t.o.member = t
	t.o.step = func(cancel bool, timeout C.int64_t) C.tp_status_t {
		return C.tp_timer_wait(t.c, C.bool(cancel), timeout)
	}
	created, err := t.o.create("tp_timer_create", env, 0)
	if err != nil {
		return nil, err
	}
	t.c = (*C.tp_timer_t)(created)
	return t, nil
}

// Set arms the timer anew; wasArmed tells whether that took away an expiry still to come.
func (t *Timer) Set(spec TimerSpec) (wasArmed bool, err error) {
	var s C.tp_timer_spec_t
	C.tp_timer_spec_init(&s)
	s.clock = C.uint32_t(spec.Clock)
	s.due = C.int64_t(spec.Due)
	s.period = C.int64_t(spec.Period)
	s.window = C.int64_t(spec.Window)
	if spec.SkipMissed {
		s.flags = timerSkipMissed
	}
	t.o.setSkip(spec.SkipMissed)
	var was C.bool
	err = check("tp_timer_set", C.tp_timer_set(t.c, &s, &was))
	return bool(was), err
}

// setSkip has expiries left out while an earlier one is pending here: libtp thinks it is over.
func (o *object) setSkip(skip bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.direct || o.c == nil {
		return
	}
	value := C.int(0)
	if skip {
		value = 1
	}
	C.tpgo_skip_missed(o.c, value)
}

// After sets the timer to expire once, d from now.
func (t *Timer) After(d time.Duration) error {
	_, err := t.Set(TimerSpec{Due: d})
	return err
}

// Every sets it to expire d from now, and every d from then on.
func (t *Timer) Every(d time.Duration) error {
	_, err := t.Set(TimerSpec{Due: d, Period: d})
	return err
}

// At sets it to expire once, when the wall clock shows this time.
func (t *Timer) At(when time.Time) error {
	_, err := t.Set(TimerSpec{Clock: ClockRealtime, Due: time.Duration(when.UnixNano())})
	return err
}

// Stop stops the timer; wasArmed tells whether an expiry was still to come. What is pending runs.
func (t *Timer) Stop() (wasArmed bool, err error) {
	var was C.bool
	err = check("tp_timer_set", C.tp_timer_set(t.c, nil, &was))
	return bool(was), err
}

// IsSet tells whether the timer was set last, or stopped last.
func (t *Timer) IsSet() (bool, error) {
	var set C.bool
	err := check("tp_timer_is_set", C.tp_timer_is_set(t.c, &set))
	return bool(set), err
}

// Wait waits for callbacks as Work.Wait does; it does not wait for an expiry, nor stop the timer.
func (t *Timer) Wait(ctx context.Context) error { return t.o.wait(ctx, "tp_timer_wait", false) }

// Cancel drops what is pending, asks what runs to end early, and waits as Wait does.
func (t *Timer) Cancel(ctx context.Context) error { return t.o.wait(ctx, "tp_timer_wait", true) }

// Idle tells whether nothing is pending or running now.
func (t *Timer) Idle() (bool, error) { return t.o.idle("tp_timer_wait") }

// Counts tells what happened to the events of the object.
func (t *Timer) Counts() Counts { return t.o.counts() }

// Close stops and closes the timer without waiting. Closing twice does nothing.
func (t *Timer) Close() error {
	if t == nil {
		return nil
	}
	return t.o.closeWith("tp_timer_close", func() C.tp_status_t { return C.tp_timer_close(t.c) })
}
