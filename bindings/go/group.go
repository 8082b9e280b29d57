package tp

// #include "shim.h"
import "C"

import (
	"context"
	"errors"
	"runtime/cgo"
	"sync"
	"sync/atomic"
)

// Group is objects that are waited for, cancelled and closed together. They join it by their Env.
type Group struct {
	c       *C.tp_cleanup_group_t
	members objects
	closed  int32

	mu       sync.Mutex
	panicked *PanicError
}

// NewGroup makes an empty group.
func NewGroup() (*Group, error) {
	g := &Group{}
	if err := check("tp_cleanup_group_create", C.tp_cleanup_group_create(&g.c)); err != nil {
		return nil, err
	}
	return g, nil
}

func (g *Group) panics(p *PanicError) {
	g.mu.Lock()
	if g.panicked == nil {
		g.panicked = p
	}
	g.mu.Unlock()
}

// CloseMembers waits until nothing of the members the group has now is pending or running, and
// closes them; the group may be used again. With cancel it drops what is pending, asks what runs to
// end early, and in the end calls the Cancel function of each member, in this goroutine, after the
// member's last callback. When the context is done, what is still pending is dropped, no Cancel
// function being called for that, and its error returned once what runs has ended. A panic of a
// member's callback that no Wait has returned comes back as a *PanicError.
func (g *Group) CloseMembers(ctx context.Context, cancel bool) error {
	const op = "tp_cleanup_group_close_members"
	if in := instanceOf(ctx); in != nil && in.o.group == g && in.runs() {
		return refuse(op, ErrDeadlock)
	}
	late := ctx.Err() != nil
	cancel = cancel || late
	// Those that exist by now are taken for sure; of those that are being made it is not known.
	var taken []*object
	for _, o := range g.members.all() {
		if o.exists() {
			taken = append(taken, o)
		}
	}
	if cancel {
		for _, o := range taken {
			o.cancelPending()
		}
	}
	stop := watch(ctx, late, func() {
		for _, o := range g.members.all() {
			o.dropAll()
			if o.step != nil {
				o.step(true, 0) // operations in flight are not waited for either
			}
		}
	})
	cancelled := new([]*object)
	list := cgo.NewHandle(cancelled)
	status := C.tpgo_group_close_members(g.c, C.bool(cancel), C.uintptr_t(list))
	list.Delete()
	if status == C.TP_OK {
		taken = append(taken, *cancelled...)
		for _, o := range taken {
			if cancel {
				o.cancelPending() // what has come to the queue meanwhile
			}
			atomic.StoreInt32(&o.closed, 1)
		}
		for _, o := range append(taken, g.members.all()...) {
			o.waitQuiet(true)
		}
	}
	late = stop() || late
	if status != C.TP_OK {
		return check(op, status)
	}
	for _, o := range *cancelled {
		o.guard(nil, func(*Instance) { o.onCancel(o.member) })
	}
	if err := g.takePanic(taken); err != nil {
		return err
	}
	if late {
		return ctx.Err()
	}
	return nil
}

func (o *object) exists() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.created
}

func (g *Group) takePanic(members []*object) error {
	var first error
	for _, o := range members {
		if err := o.takePanic(); err != nil && first == nil {
			first = err
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if p := g.panicked; p != nil && first == nil {
		first = p
	}
	g.panicked = nil
	return first
}

// runs tells whether the callback has not returned yet.
func (in *Instance) runs() bool {
	in.o.mu.Lock()
	defer in.o.mu.Unlock()
	return !in.over
}

// Close closes an empty group: ErrBusy while it has members, or callbacks of members to come.
// Closing twice does nothing.
func (g *Group) Close() error {
	if g == nil || atomic.LoadInt32(&g.closed) != 0 {
		return nil
	}
	for _, o := range g.members.all() {
		o.mu.Lock()
		busy := o.over != o.pushed()
		o.mu.Unlock()
		if busy {
			return refuse("tp_cleanup_group_close", ErrBusy)
		}
	}
	if !atomic.CompareAndSwapInt32(&g.closed, 0, 1) {
		return nil
	}
	status := C.tp_cleanup_group_close(g.c)
	if status != C.TP_OK {
		atomic.StoreInt32(&g.closed, 0)
	}
	return check("tp_cleanup_group_close", status)
}

// Scope is a group with a context, for as long as a call of WithScope.
type Scope struct {
	env Env
	ctx context.Context
	end context.CancelFunc

	mu  sync.Mutex
	err error
}

// WithScope calls f with a scope and then waits for all that f made or started in it: nothing of
// it is left when this returns. If f or a function given to Go returns an error or panics, or the
// context is done, what is pending is dropped and what runs asked to end. The first error is
// returned, a panic of a callback as a *PanicError.
func WithScope(ctx context.Context, env *Env, f func(*Scope) error) error {
	group, err := NewGroup()
	if err != nil {
		return err
	}
	defer group.Close()
	s := &Scope{}
	if env != nil {
		s.env = *env
	}
	s.env.Group = group
	s.ctx, s.end = context.WithCancel(ctx)
	defer s.end()
	returned := false
	defer func() {
		if !returned { // f panicked: it goes on once nothing refers to f's variables any more
			s.end()
			group.CloseMembers(context.Background(), true)
		}
	}()
	err = f(s)
	returned = true
	if err != nil {
		s.fail(err)
	}
	err = group.CloseMembers(s.ctx, false)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	var p *PanicError
	if errors.As(err, &p) {
		return err
	}
	return ctx.Err()
}

// fail keeps the first error and ends the scope.
func (s *Scope) fail(err error) {
	s.mu.Lock()
	if s.err == nil {
		s.err = err
	}
	s.mu.Unlock()
	s.end()
}

// Env makes objects members of the scope. They need not be closed.
func (s *Scope) Env() *Env {
	env := s.env
	return &env
}

// Context is done once the scope is to end early.
func (s *Scope) Context() context.Context { return s.ctx }

// Go has f run once on the pool. It is dropped if the scope is to end before f begins.
func (s *Scope) Go(f func(ctx context.Context) error) error {
	env := s.env
	outer := env.OnPanic
	env.OnPanic = func(p *PanicError) {
		if outer != nil {
			outer(p)
		}
		s.fail(p)
	}
	return Submit(s.ctx, &env, func(in *Instance) {
		if err := f(in.Context()); err != nil {
			s.fail(err)
		}
	})
}
