package tp

import (
	"context"
	"errors"
	"runtime"
	"runtime/cgo"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

var background = context.Background()

// must ends the test on an error.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// want fails the test unless the error is that.
func want(t testing.TB, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Errorf("got %v, not %v", err, target)
	}
}

// both runs a test in both modes of delivery, and batched with callbacks inline.
func both(t *testing.T, test func(t *testing.T, env Env)) {
	t.Run("batched", func(t *testing.T) { test(t, Env{}) })
	t.Run("direct", func(t *testing.T) { test(t, Env{Delivery: Direct}) })
	t.Run("inline", func(t *testing.T) {
		q, err := NewQueue(QueueOptions{Inline: true, Batch: 4})
		must(t, err)
		test(t, Env{Queue: q})
		eventually(t, func() bool { return q.Close() == nil })
	})
}

// eventually waits for what comes without anything to wait for.
func eventually(t testing.TB, f func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !f(); runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatal("it did not come")
		}
		time.Sleep(100 * time.Microsecond)
	}
}

func newPool(t testing.TB, options PoolOptions) *Pool {
	t.Helper()
	p, err := NewPool(options)
	must(t, err)
	return p
}

func shutdown(t testing.TB, p *Pool) {
	t.Helper()
	must(t, p.Shutdown(background, false))
}

func TestWorkRunsAsOftenAsSubmitted(t *testing.T) {
	both(t, func(t *testing.T, env Env) {
		var ran int64
		w, err := NewWork(&env, func(*Instance) { atomic.AddInt64(&ran, 1) })
		must(t, err)
		must(t, w.Submit())
		must(t, w.SubmitMany(999))
		must(t, w.Wait(background))
		if got := atomic.LoadInt64(&ran); got != 1000 {
			t.Errorf("%d of 1000 had run when Wait returned", got)
		}
		idle, err := w.Idle()
		if !idle || err != nil {
			t.Error("not idle", err)
		}
		must(t, w.Close())
		must(t, w.Close())
		want(t, w.Submit(), ErrHandle)
	})
}

func TestWaitCoversWhatCallbacksSubmit(t *testing.T) {
	both(t, func(t *testing.T, env Env) {
		var left int64 = 500
		var w *Work
		w, err := NewWork(&env, func(*Instance) {
			if atomic.AddInt64(&left, -1) > 0 {
				if err := w.Submit(); err != nil {
					t.Error(err)
				}
			}
		})
		must(t, err)
		defer w.Close()
		must(t, w.Submit())
		must(t, w.Wait(background))
		if left != 0 {
			t.Errorf("%d were still to come", left)
		}
	})
}

func TestCancelDropsWhatIsPendingAndWaitsForWhatRuns(t *testing.T) {
	both(t, func(t *testing.T, env Env) {
		env.ConcurrencyLimit = 1
		var ran, ended int64
		begun, gate := make(chan bool, 100), make(chan bool)
		w, err := NewWork(&env, func(in *Instance) {
			atomic.AddInt64(&ran, 1)
			if asked, err := in.CancelRequested(); asked || err != nil {
				t.Error("a cancel is requested", err)
			}
			begun <- true
			<-in.Context().Done()
			if asked, err := in.CancelRequested(); !asked || err != nil {
				t.Error("no cancel requested", err)
			}
			<-gate
			atomic.AddInt64(&ended, 1)
		})
		must(t, err)
		defer w.Close()
		must(t, w.SubmitMany(50))
		<-begun
		ctx, cancel := context.WithCancel(background)
		time.AfterFunc(time.Millisecond, cancel)
		time.AfterFunc(5*time.Millisecond, func() { close(gate) })
		want(t, w.Wait(ctx), context.Canceled)
		if ran != 1 || ended != 1 {
			t.Errorf("%d ran and %d ended", ran, ended)
		}
		if counts := w.Counts(); counts.Delivered != counts.Dropped+uint64(ran) &&
			env.Delivery == Batched {
			t.Errorf("the counts are %+v", counts)
		}
		must(t, w.Cancel(background)) // the object stays usable, and there is nothing to do
	})
}

func TestEventsInTheQueueAreDroppedByCancel(t *testing.T) {
	q, err := NewQueue(QueueOptions{Inline: true})
	must(t, err)
	begun, gate := make(chan bool), make(chan bool)
	blocker, err := NewWork(&Env{Queue: q}, func(*Instance) { close(begun); <-gate })
	must(t, err)
	var ran int64
	w, err := NewWork(&Env{Queue: q}, func(*Instance) { atomic.AddInt64(&ran, 1) })
	must(t, err)
	must(t, blocker.Submit())
	<-begun           // the queue's goroutine is busy
	const many = 1000 // more than the queue has room for at first
	must(t, w.SubmitMany(many))
	eventually(t, func() bool { return w.Counts().Delivered == many })
	if idle, err := w.Idle(); idle || err != nil {
		t.Error("events in the queue count as nothing", err)
	}
	w.o.cancelPending() // what Cancel does once nothing is pending in the pool
	close(gate)
	must(t, w.Wait(background))
	if counts := w.Counts(); ran != 0 || counts.Dropped != many {
		t.Errorf("%d ran; %+v", ran, counts)
	}
	must(t, w.Submit())
	must(t, w.Wait(background))
	if ran != 1 {
		t.Error("what was submitted after the cancel is dropped too")
	}
	want(t, q.Close(), ErrBusy)
	must(t, w.Close())
	must(t, blocker.Close())
	eventually(t, func() bool { return q.Close() == nil })
	must(t, q.Close())
	_, err = NewWork(&Env{Queue: q}, func(*Instance) {})
	want(t, err, ErrHandle)
}

func TestWaitForOneselfIsADeadlock(t *testing.T) {
	both(t, func(t *testing.T, env Env) {
		var w *Work
		result, disassociated := make(chan error, 1), make(chan error, 1)
		w, err := NewWork(&env, func(in *Instance) {
			result <- w.Wait(in.Context())
			must(t, in.Disassociate())
			disassociated <- w.Wait(in.Context())
		})
		must(t, err)
		must(t, w.Submit())
		want(t, <-result, ErrDeadlock)
		must(t, <-disassociated)
		must(t, w.Wait(background))
		must(t, w.Close())
	})
}

func TestInlineCallbackThatWaitsForItsQueueIsADeadlock(t *testing.T) {
	q, err := NewQueue(QueueOptions{Inline: true})
	must(t, err)
	env := &Env{Queue: q}
	other, err := NewWork(env, func(*Instance) {})
	must(t, err)
	result := make(chan error, 1)
	w, err := NewWork(env, func(in *Instance) {
		must(t, other.Submit())
		result <- other.Wait(in.Context())
	})
	must(t, err)
	must(t, w.Submit())
	want(t, <-result, ErrDeadlock)
	must(t, other.Wait(background))
	must(t, w.Wait(background))
	must(t, w.Close())
	must(t, other.Close())
	eventually(t, func() bool { return q.Close() == nil })
}

func TestLimitHoldsForGoCallbacks(t *testing.T) {
	both(t, func(t *testing.T, env Env) {
		env.ConcurrencyLimit = 2
		var running, most, ran int64
		w, err := NewWork(&env, func(*Instance) {
			now := atomic.AddInt64(&running, 1)
			for {
				seen := atomic.LoadInt64(&most)
				if now <= seen || atomic.CompareAndSwapInt64(&most, seen, now) {
					break
				}
			}
			runtime.Gosched()
			atomic.AddInt64(&running, -1)
			atomic.AddInt64(&ran, 1)
		})
		must(t, err)
		defer w.Close()
		must(t, w.SubmitMany(300))
		must(t, w.Wait(background))
		if most > 2 || ran != 300 {
			t.Errorf("%d ran, %d at a time", ran, most)
		}
	})
}

func TestPanicIsReturnedByWait(t *testing.T) {
	both(t, func(t *testing.T, env Env) {
		cause := errors.New("the cause")
		var value any = cause
		w, err := NewWork(&env, func(*Instance) { panic(value) })
		must(t, err)
		defer w.Close()
		must(t, w.Submit())
		err = w.Wait(background)
		var p *PanicError
		if !errors.As(err, &p) || p.Value != cause || len(p.Stack) == 0 {
			t.Errorf("Wait returned %v", err)
		}
		want(t, err, cause)
		must(t, w.Wait(background)) // told once
		value = nil
		must(t, w.Submit())
		if !errors.As(w.Wait(background), &p) || p.Value != nil {
			t.Error("panic(nil) is lost")
		}
	})
}

func TestGoexitEndsACallback(t *testing.T) {
	for _, inline := range []bool{false, true} {
		q, err := NewQueue(QueueOptions{Inline: inline})
		must(t, err)
		var ran int64
		w, err := NewWork(&Env{Queue: q, ConcurrencyLimit: 1}, func(*Instance) {
			atomic.AddInt64(&ran, 1)
			runtime.Goexit()
		})
		must(t, err)
		must(t, w.SubmitMany(20))
		must(t, w.Wait(background))
		if ran != 20 {
			t.Errorf("%d of 20 ran", ran)
		}
		must(t, w.Close())
		eventually(t, func() bool { return q.Close() == nil })
	}
}

func TestFinalizerAndActionsComeBeforeTheWaitReturns(t *testing.T) {
	both(t, func(t *testing.T, env Env) {
		event, err := NewEvent(true, false)
		must(t, err)
		defer event.Close()
		semaphore, err := NewSemaphore(0, 100)
		must(t, err)
		defer semaphore.Close()
		var order []string
		var once sync.Mutex
		env.Finalizer = func(in *Instance) {
			once.Lock()
			order = append(order, "finalizer")
			once.Unlock()
			if result, _ := event.Waitable().Wait(0); result != WaitTimeout {
				t.Error("the event came before the finalizer")
			}
		}
		var kept *Instance
		w, err := NewWork(&env, func(in *Instance) {
			kept = in
			once.Lock()
			order = append(order, "callback")
			once.Unlock()
			must(t, in.MayRunLong())
			must(t, in.SetEventOnReturn(event))
			must(t, in.ReleaseSemaphoreOnReturn(semaphore, 3))
			want(t, in.SetEventOnReturn(nil), ErrArgument)
			want(t, in.ReleaseSemaphoreOnReturn(semaphore, 0), ErrArgument)
			want(t, in.CloseLibraryOnReturn(nil), ErrArgument)
			_, err := in.WaitEvents()
			want(t, err, ErrState)
		})
		must(t, err)
		defer w.Close()
		must(t, w.Submit())
		must(t, w.Wait(background))
		if len(order) != 2 || order[1] != "finalizer" {
			t.Errorf("the order was %v", order)
		}
		if result, err := event.Waitable().Wait(0); result != WaitSignaled {
			t.Error("the event is not set", err)
		}
		if before, err := semaphore.Release(1); before != 3 {
			t.Errorf("the count was %d, %v", before, err)
		}
		want(t, kept.MayRunLong(), ErrState)
		want(t, kept.SetEventOnReturn(event), ErrState)
		_, err = kept.CancelRequested()
		want(t, err, ErrState)
		if kept.Context().Err() == nil {
			t.Error("the context outlives the callback")
		}
	})
}

func TestActionIsDoneWheneverTheWaitReturns(t *testing.T) {
	both(t, func(t *testing.T, env Env) {
		event, err := NewEvent(false, false)
		must(t, err)
		defer event.Close()
		w, err := NewWork(&env, func(in *Instance) { must(t, in.SetEventOnReturn(event)) })
		must(t, err)
		defer w.Close()
		for i := 0; i < 300; i++ {
			must(t, w.Submit())
			must(t, w.Wait(background))
			if result, err := event.Waitable().Wait(0); result != WaitSignaled {
				t.Fatal(i, result, err)
			}
		}
	})
}

func TestSubmitAndRun(t *testing.T) {
	both(t, func(t *testing.T, env Env) {
		done := make(chan bool)
		must(t, Submit(background, &env, func(in *Instance) { close(done) }))
		<-done
		type key struct{}
		ctx := context.WithValue(background, key{}, 7)
		must(t, Run(ctx, &env, func(in *Instance) {
			if in.Context().Value(key{}) != 7 {
				t.Error("the context is another")
			}
		}))
		var p *PanicError
		if err := Run(ctx, &env, func(*Instance) { panic("x") }); !errors.As(err, &p) {
			t.Error(err)
		}
		panics := make(chan *PanicError, 1)
		env.OnPanic = func(p *PanicError) { panics <- p }
		must(t, Submit(ctx, &env, func(*Instance) { panic("y") }))
		if p := <-panics; p.Value != "y" {
			t.Error(p)
		}
		ended, cancel := context.WithCancel(background)
		cancel()
		want(t, Submit(ended, &env, func(*Instance) { t.Error("ran") }), context.Canceled)
		want(t, Run(ended, &env, func(*Instance) { t.Error("ran") }), context.Canceled)
	})
}

func TestSubmitIsDroppedWithItsContext(t *testing.T) {
	both(t, func(t *testing.T, env Env) {
		pool := newPool(t, PoolOptions{ThreadMaximum: 1})
		begun, gate := make(chan bool), make(chan bool)
		hold := Env{Pool: pool, Delivery: Direct}
		must(t, Submit(background, &hold, func(*Instance) { close(begun); <-gate }))
		<-begun // the pool's only thread
		env.Pool = pool
		ctx, cancel := context.WithCancel(background)
		must(t, Submit(ctx, &env, func(*Instance) { t.Error("it ran") }))
		cancel()
		close(gate)
		shutdown(t, pool)
	})
}

func TestRunIsCancelledByItsContext(t *testing.T) {
	both(t, func(t *testing.T, env Env) {
		ctx, cancel := context.WithCancel(background)
		ended := false
		err := Run(ctx, &env, func(in *Instance) {
			cancel()
			<-in.Context().Done()
			ended = true
		})
		want(t, err, context.Canceled)
		if !ended {
			t.Error("Run did not wait")
		}
	})
}

func TestBadArguments(t *testing.T) {
	_, err := NewWork(nil, nil)
	want(t, err, ErrArgument)
	want(t, Submit(background, nil, nil), ErrArgument)
	_, err = NewWork(&Env{Priority: 7}, func(*Instance) {})
	want(t, err, ErrArgument)
	_, err = NewWork(&Env{Delivery: 7}, func(*Instance) {})
	want(t, err, ErrArgument)
	_, err = NewQueue(QueueOptions{Batch: -1})
	want(t, err, ErrArgument)
	var w *Work
	must(t, w.Close())
	var e *Error
	if _, err = NewIo(-1, nil, func(*Instance, Completion) {}); !errors.As(err, &e) ||
		e.Errno != syscall.EBADF || e.Op != "tp_io_create" {
		t.Error(err)
	}
	want(t, err, syscall.EBADF)
	want(t, err, ErrSystem)
}

// What a callback refers to is let go of once (cgo panics the second time), when its object is gone.
func TestHandlesAreFreed(t *testing.T) {
	both(t, func(t *testing.T, env Env) {
		pool := newPool(t, PoolOptions{})
		env.Pool = pool
		var handles []cgo.Handle
		for i := 0; i < 20; i++ {
			must(t, Submit(background, &env, func(*Instance) {}))
			w, err := NewWork(&env, func(*Instance) {})
			must(t, err)
			must(t, w.SubmitMany(3))
			handles = append(handles, w.o.handle)
			must(t, w.Close())
		}
		eventually(t, func() bool { return len(pool.objects.all()) == 0 })
		for _, h := range handles {
			eventually(t, func() (freed bool) {
				defer func() { freed = recover() != nil }()
				h.Value()
				return false
			})
		}
		shutdown(t, pool)
	})
}
