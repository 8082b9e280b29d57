package tp

import (
	"context"
	"errors"
	"os"
	"sync/atomic"
	"testing"
	"time"
)

func newGroup(t testing.TB) *Group {
	t.Helper()
	g, err := NewGroup()
	must(t, err)
	return g
}

func TestGroupWaitsForAllAndClosesThem(t *testing.T) {
	both(t, func(t *testing.T, env Env) {
		g := newGroup(t)
		env.Group = g
		var ran int64
		count := func(*Instance) { atomic.AddInt64(&ran, 1) }
		w, err := NewWork(&env, count)
		must(t, err)
		must(t, w.SubmitMany(100))
		closed, err := NewWork(&env, count)
		must(t, err)
		must(t, closed.SubmitMany(100))
		must(t, closed.Close())
		for i := 0; i < 100; i++ {
			must(t, Submit(background, &env, count))
		}
		want(t, g.Close(), ErrBusy)
		must(t, g.CloseMembers(background, false))
		if ran != 300 {
			t.Errorf("%d of 300 ran", ran)
		}
		must(t, w.Close()) // the group has done so
		want(t, w.Submit(), ErrHandle)
		must(t, g.CloseMembers(background, true))
		must(t, g.Close())
		must(t, g.Close())
		_, err = NewWork(&env, count)
		want(t, err, ErrHandle)
	})
}

func TestGroupCancelsItsMembers(t *testing.T) {
	both(t, func(t *testing.T, env Env) {
		p := newPool(t, PoolOptions{ThreadMaximum: 1})
		g := newGroup(t)
		env.Pool, env.Group = p, g
		begun, gate := make(chan bool), make(chan bool)
		hold, err := NewWork(&Env{Pool: p, Delivery: Direct}, func(*Instance) {
			close(begun)
			<-gate
		})
		must(t, err)
		must(t, hold.Submit())
		<-begun // the pool's only thread
		var cancelled []any
		env.Cancel = func(member any) { cancelled = append(cancelled, member) }
		var ran int64
		w, err := NewWork(&env, func(*Instance) { atomic.AddInt64(&ran, 1) })
		must(t, err)
		must(t, w.SubmitMany(100))
		timer, err := NewTimer(&env, func(*Instance) { atomic.AddInt64(&ran, 1) })
		must(t, err)
		must(t, timer.After(time.Hour))
		must(t, Submit(background, &env, func(*Instance) { atomic.AddInt64(&ran, 1) }))
		must(t, g.CloseMembers(background, true))
		close(gate)
		must(t, hold.Close())
		if ran != 0 || len(cancelled) != 3 {
			t.Errorf("%d ran, cancelled are %v", ran, cancelled)
		}
		seen := make(map[any]bool)
		for _, member := range cancelled {
			seen[member] = true
		}
		if !seen[w] || !seen[timer] || !seen[nil] {
			t.Error(seen)
		}
		must(t, g.Close())
		shutdown(t, p)
	})
}

func TestGroupWithAContext(t *testing.T) {
	both(t, func(t *testing.T, env Env) {
		g := newGroup(t)
		env.Group = g
		env.ConcurrencyLimit = 1
		var ran int64
		begun := make(chan bool, 100)
		w, err := NewWork(&env, func(in *Instance) {
			atomic.AddInt64(&ran, 1)
			begun <- true
			<-in.Context().Done()
		})
		must(t, err)
		must(t, w.SubmitMany(100))
		r, pipe, err := os.Pipe()
		must(t, err)
		defer r.Close()
		defer pipe.Close()
		buffer, err := NewBuffer(8)
		must(t, err)
		reading, err := NewIo(fdOf(t, r), &env, func(*Instance, Completion) {})
		must(t, err)
		must(t, reading.Submit(Op{Opcode: Read, Buffer: buffer, Offset: -1}))
		buffer.Free()
		<-begun
		ctx, cancel := context.WithCancel(background)
		time.AfterFunc(time.Millisecond, cancel)
		want(t, g.CloseMembers(ctx, false), context.Canceled)
		if ran != 1 {
			t.Errorf("%d ran", ran)
		}
		must(t, pipe.Close()) // the read ends
		must(t, g.Close())
	})
}

// Simple callbacks have no handle by which libtp could drop them: they are passed over here.
func TestGroupWithAContextAndSimpleCallbacks(t *testing.T) {
	both(t, func(t *testing.T, env Env) {
		pool := newPool(t, PoolOptions{ThreadMaximum: 1})
		g := newGroup(t)
		env.Pool, env.Group = pool, g
		begun, gate := make(chan bool), make(chan bool)
		hold := Env{Pool: pool, Delivery: Direct}
		must(t, Submit(background, &hold, func(*Instance) { close(begun); <-gate }))
		<-begun // the pool's only thread
		var ran int64
		env.Finalizer = func(*Instance) { atomic.AddInt64(&ran, 1) }
		for i := 0; i < 10; i++ {
			must(t, Submit(background, &env, func(*Instance) { atomic.AddInt64(&ran, 1) }))
		}
		ctx, cancel := context.WithCancel(background)
		members := g.members.all()
		go func() {
			time.Sleep(time.Millisecond) // the group is being closed, most likely
			cancel()
			eventually(t, func() bool {
				for _, o := range members {
					o.mu.Lock()
					asked := o.cancels > 0
					o.mu.Unlock()
					if !asked {
						return false
					}
				}
				return true
			})
			close(gate)
		}()
		want(t, g.CloseMembers(ctx, false), context.Canceled)
		if ran != 0 {
			t.Errorf("%d ran", ran)
		}
		must(t, g.Close())
		shutdown(t, pool)
	})
}

func TestGroupFromItsOwnMember(t *testing.T) {
	both(t, func(t *testing.T, env Env) {
		g := newGroup(t)
		env.Group = g
		result := make(chan error, 1)
		must(t, Submit(background, &env, func(in *Instance) {
			result <- g.CloseMembers(in.Context(), false)
		}))
		want(t, <-result, ErrDeadlock)
		must(t, g.CloseMembers(background, false))
		must(t, g.Close())
	})
}

func TestGroupReturnsPanics(t *testing.T) {
	both(t, func(t *testing.T, env Env) {
		g := newGroup(t)
		env.Group = g
		must(t, Submit(background, &env, func(in *Instance) { panic("simple") }))
		var p *PanicError
		if err := g.CloseMembers(background, false); !errors.As(err, &p) || p.Value != "simple" {
			t.Error(err)
		}
		w, err := NewWork(&env, func(in *Instance) { panic("work") })
		must(t, err)
		must(t, w.Submit())
		if err := g.CloseMembers(background, false); !errors.As(err, &p) || p.Value != "work" {
			t.Error(err)
		}
		must(t, g.Close())
	})
}

func TestScope(t *testing.T) {
	both(t, func(t *testing.T, env Env) {
		var ran int64
		must(t, WithScope(background, &env, func(s *Scope) error {
			w, err := NewWork(s.Env(), func(*Instance) { atomic.AddInt64(&ran, 1) })
			must(t, err)
			must(t, w.SubmitMany(10))
			for i := 0; i < 10; i++ {
				must(t, s.Go(func(context.Context) error { atomic.AddInt64(&ran, 1); return nil }))
			}
			return nil
		}))
		if ran != 20 {
			t.Errorf("%d of 20 ran", ran)
		}

		failure := errors.New("the failure")
		ended := env.Queue != nil // one at a time: the second would wait for the first
		want(t, WithScope(background, &env, func(s *Scope) error {
			begun := make(chan bool)
			if !ended {
				must(t, s.Go(func(ctx context.Context) error {
					close(begun)
					<-ctx.Done()
					ended = true
					return nil
				}))
				<-begun
			}
			must(t, s.Go(func(context.Context) error { return failure }))
			<-s.Context().Done()
			return nil
		}), failure)
		if !ended {
			t.Error("the scope did not wait for what ran")
		}
		var p *PanicError
		if err := WithScope(background, &env, func(s *Scope) error {
			return s.Go(func(context.Context) error { panic("in a scope") })
		}); !errors.As(err, &p) || p.Value != "in a scope" {
			t.Error(err)
		}
		ctx, cancel := context.WithCancel(background)
		want(t, WithScope(ctx, &env, func(s *Scope) error {
			timer, err := NewTimer(s.Env(), func(*Instance) { t.Error("it expired") })
			must(t, err)
			must(t, timer.After(time.Hour))
			cancel()
			return nil
		}), context.Canceled)
		for i := 0; i < 50; i++ { // the end of the last callback and of the context meet
			ctx, cancel := context.WithCancel(background)
			want(t, WithScope(ctx, &env, func(s *Scope) error {
				return s.Go(func(context.Context) error { cancel(); return nil })
			}), context.Canceled)
		}
		func() {
			defer func() {
				if recover() != "of f" {
					t.Error("the panic of f is lost")
				}
			}()
			WithScope(background, &env, func(*Scope) error { panic("of f") })
		}()
	})
}
