package tp

import (
	"bytes"
	"context"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"tp/internal/ctest"
)

func TestPoolLimitsAndStats(t *testing.T) {
	var started, stopped int64
	p := newPool(t, PoolOptions{
		ThreadMinimum: 1, ThreadMaximum: 3, StackReserve: 1 << 20, StackCommit: 4096,
		IdleTimeout: time.Second, QueueLimit: 1000, Backend: BackendEpoll, Name: "gopher",
		OnThreadStart: func() { atomic.AddInt64(&started, 1) },
		OnThreadStop:  func() { atomic.AddInt64(&stopped, 1) },
	})
	must(t, p.SetThreadMinimum(2))
	must(t, p.SetThreadMaximum(4))
	want(t, p.SetThreadMaximum(5000), ErrArgument)
	stats, err := p.Stats()
	must(t, err)
	if stats.Threads != 2 || stats.ThreadMinimum != 2 || stats.ThreadMaximum != 4 {
		t.Errorf("%+v", stats)
	}
	reserve, commit, err := p.Stack()
	if reserve != 1<<20 || commit != 4096 || err != nil {
		t.Error(reserve, commit, err)
	}
	must(t, p.SetStack(2<<20, 8192))
	if reserve, _, _ := p.Stack(); reserve != 2<<20 {
		t.Error(reserve)
	}
	w, err := NewWork(&Env{Pool: p, Name: "digging"}, func(*Instance) {})
	must(t, err)
	must(t, w.SubmitMany(100))
	must(t, w.Wait(background))
	must(t, w.Close())
	eventually(t, func() bool {
		stats, err := p.Stats()
		must(t, err)
		return stats.Submitted == 100 && stats.Executed == 100 && stats.Running == 0
	})
	shutdown(t, p)
	if started < 2 || started != stopped {
		t.Errorf("%d threads started and %d stopped", started, stopped)
	}
	must(t, p.Close())
	_, err = p.Stats()
	want(t, err, ErrHandle)
	_, err = NewPool(PoolOptions{StallThreshold: 1})
	want(t, err, ErrUnsupported)
}

func TestDefaultPool(t *testing.T) {
	p, err := DefaultPool()
	must(t, err)
	want(t, p.SetThreadMinimum(3), ErrUnsupported)
	must(t, Run(background, &Env{Pool: p}, func(*Instance) {}))
	want(t, p.Close(), ErrUnsupported)
}

func TestDump(t *testing.T) {
	p := newPool(t, PoolOptions{Name: "mole"})
	defer shutdown(t, p)
	file, err := os.CreateTemp(t.TempDir(), "dump")
	must(t, err)
	defer file.Close()
	must(t, Run(background, &Env{Pool: p, Delivery: Direct, Name: "burrow"}, func(*Instance) {
		must(t, p.Dump(file))
	}))
	text, err := os.ReadFile(file.Name())
	must(t, err)
	if !bytes.Contains(text, []byte("burrow")) {
		t.Errorf("the dump says %q", text)
	}
	reader, err := os.Open(file.Name())
	must(t, err)
	defer reader.Close()
	want(t, p.Dump(reader), syscall.EBADF)
}

func TestCallerDriven(t *testing.T) {
	both(t, func(t *testing.T, env Env) {
		p := newPool(t, PoolOptions{CallerDriven: true})
		env.Pool = p
		ready, err := p.PollFD()
		must(t, err)
		if result, _ := FD(ready, 1).Wait(0); result != WaitTimeout {
			t.Error("readable while there is nothing to do")
		}
		_, err = p.Run(0, 0)
		want(t, err, ErrTimeout)
		var ran int64
		w, err := NewWork(&env, func(*Instance) { atomic.AddInt64(&ran, 1) })
		must(t, err)
		must(t, w.SubmitMany(5))
		want(t, p.Close(), ErrBusy)
		if result, err := FD(ready, 1).Wait(time.Minute); result != WaitSignaled {
			t.Error("not readable", err)
		}
		if n, err := p.Run(3, Infinite); n != 3 {
			t.Error(n, err)
		}
		if n, err := p.Run(0, 0); n != 2 {
			t.Error(n, err)
		}
		must(t, w.Wait(background))
		if ran != 5 {
			t.Errorf("%d of 5 ran", ran)
		}
		must(t, w.Close())
		shutdown(t, p)
	})
}

func TestPoolCloseLetsWhatIsQueuedRun(t *testing.T) {
	both(t, func(t *testing.T, env Env) {
		p := newPool(t, PoolOptions{})
		env.Pool = p
		var ran int64
		w, err := NewWork(&env, func(*Instance) { atomic.AddInt64(&ran, 1) })
		must(t, err)
		must(t, w.SubmitMany(10))
		must(t, p.Close())
		must(t, p.Close())
		must(t, w.Wait(background))
		if ran != 10 {
			t.Errorf("%d of 10 ran", ran)
		}
		must(t, w.Close())
		_, err = NewWork(&env, func(*Instance) {})
		want(t, err, ErrHandle)
	})
}

func TestShutdownWaitsForGoCallbacks(t *testing.T) {
	both(t, func(t *testing.T, env Env) {
		p := newPool(t, PoolOptions{ThreadMaximum: 1})
		env.Pool = p
		env.ConcurrencyLimit = 1
		var ran int64
		begun := make(chan bool, 100)
		w, err := NewWork(&env, func(in *Instance) {
			atomic.AddInt64(&ran, 1)
			begun <- true
			if env.Delivery == Batched {
				want(t, p.Shutdown(in.Context(), false), ErrDeadlock)
			}
			<-in.Context().Done()
		})
		must(t, err)
		must(t, w.SubmitMany(20))
		<-begun
		ctx, cancel := context.WithCancel(background)
		time.AfterFunc(time.Millisecond, cancel)
		want(t, p.Shutdown(ctx, false), context.Canceled)
		if ran != 1 {
			t.Errorf("%d ran", ran)
		}
		must(t, w.Close())
		want(t, p.Shutdown(background, true), ErrHandle)
	})
}

// With one thread, what is submitted while it is busy runs in the order of the priorities.
func TestPriorityAndPersistence(t *testing.T) {
	p := newPool(t, PoolOptions{ThreadMinimum: 1, ThreadMaximum: 1})
	begun, gate := make(chan bool), make(chan bool)
	must(t, Submit(background, &Env{Pool: p, Delivery: Direct, RunsLong: true},
		func(*Instance) { close(begun); <-gate }))
	<-begun
	var order []Priority
	threads := make(map[int]bool)
	for _, priority := range []Priority{Low, Normal, High} {
		priority := priority
		must(t, Submit(background,
			&Env{Pool: p, Delivery: Direct, Priority: priority, Persistent: true},
			func(*Instance) {
				order = append(order, priority)
				threads[syscall.Gettid()] = true
			}))
	}
	close(gate)
	shutdown(t, p)
	if len(order) != 3 || order[0] != High || order[2] != Low || len(threads) != 1 {
		t.Error(order, threads)
	}
}

func TestQueueLimit(t *testing.T) {
	p := newPool(t, PoolOptions{ThreadMaximum: 1, QueueLimit: 2})
	begun, gate := make(chan bool), make(chan bool)
	env := &Env{Pool: p, Delivery: Direct}
	must(t, Submit(background, env, func(*Instance) { close(begun); <-gate }))
	<-begun
	must(t, Submit(background, env, func(*Instance) {}))
	must(t, Submit(background, env, func(*Instance) {}))
	want(t, Submit(background, env, func(*Instance) {}), ErrBusy)
	close(gate)
	shutdown(t, p)
}

func TestWhatOnlyDirectCallbacksCan(t *testing.T) {
	mutex := ctest.LockedMutex()
	defer mutex.Free()
	must(t, Run(background, nil, func(in *Instance) {
		want(t, in.UnlockOnReturn(mutex.Pointer), ErrUnsupported)
		want(t, in.ReleaseMutexOnReturn(nil), ErrUnsupported)
	}))
	want(t, BlockingBegin(), ErrState)
	want(t, BlockingEnd(), ErrState)

	other, err := NewMutex(false)
	must(t, err)
	defer other.Close()
	env := &Env{Delivery: Direct}
	second := ctest.LockedMutex()
	defer second.Free()
	unlocked := make(chan bool, 1)
	must(t, Run(background, env, func(in *Instance) {
		must(t, BlockingBegin())
		must(t, BlockingEnd())
		third := ctest.LockedMutex() // by this thread
		must(t, in.UnlockOnReturn(third.Pointer))
		want(t, in.ReleaseMutexOnReturn(nil), ErrArgument)
		if result, err := other.Waitable().Wait(0); result != WaitSignaled {
			t.Error("the mutex is taken", err)
		}
		must(t, in.ReleaseMutexOnReturn(other))
		go func() {
			for !third.IsFree() {
				time.Sleep(100 * time.Microsecond)
			}
			third.Free()
			unlocked <- true
		}()
	}))
	<-unlocked
	if result, err := other.Waitable().Wait(0); result != WaitSignaled {
		t.Error("the mutex was not released", err)
	}
}
