package tp

import (
	"sync/atomic"
	"testing"
	"time"
)

func TestTimerOnceAndAtATime(t *testing.T) {
	both(t, func(t *testing.T, env Env) {
		ticks := make(chan time.Time, 100)
		timer, err := NewTimer(&env, func(*Instance) { ticks <- time.Now() })
		must(t, err)
		begin := time.Now()
		must(t, timer.After(2*time.Millisecond))
		if early := (<-ticks).Sub(begin) < 2*time.Millisecond; early {
			t.Error("it came early")
		}
		must(t, timer.At(time.Now().Add(time.Millisecond)))
		<-ticks
		must(t, timer.At(time.Now().Add(-time.Hour))) // at once
		<-ticks
		if set, err := timer.IsSet(); !set || err != nil {
			t.Error("not set", err)
		}
		must(t, timer.After(time.Hour))
		if was, err := timer.Stop(); !was || err != nil {
			t.Error("nothing was taken away", err)
		}
		if was, err := timer.Stop(); was || err != nil {
			t.Error("something was taken away", err)
		}
		if set, _ := timer.IsSet(); set {
			t.Error("set")
		}
		_, err = timer.Set(TimerSpec{Period: -1})
		want(t, err, ErrArgument)
		must(t, timer.Wait(background))
		must(t, timer.Cancel(background))
		if idle, err := timer.Idle(); !idle {
			t.Error("not idle", err)
		}
		must(t, timer.Close())
		must(t, timer.Close())
		want(t, timer.After(0), ErrHandle)
	})
}

func TestTimerAgainAndAgain(t *testing.T) {
	both(t, func(t *testing.T, env Env) {
		env.ConcurrencyLimit = 1
		var n int64
		enough := make(chan bool)
		timer, err := NewTimer(&env, func(*Instance) {
			if atomic.AddInt64(&n, 1) == 5 {
				close(enough)
			}
		})
		must(t, err)
		must(t, timer.Every(time.Millisecond))
		<-enough
		_, err = timer.Stop()
		must(t, err)
		must(t, timer.Cancel(background))
		before := atomic.LoadInt64(&n)
		if counts := timer.Counts(); env.Delivery == Batched && counts.Delivered < 5 {
			t.Error(counts)
		}
		must(t, timer.Close())
		if n != before {
			t.Error("it went on")
		}
	})
}

// However slow its callback, a timer that skips has one expiry pending at most.
func TestSkipMissed(t *testing.T) {
	for _, inline := range []bool{false, true} {
		q, err := NewQueue(QueueOptions{Inline: inline})
		must(t, err)
		begun, gate := make(chan bool, 100000), make(chan bool, 10)
		timer, err := NewTimer(&Env{Queue: q, ConcurrencyLimit: 1}, func(*Instance) {
			begun <- true
			<-gate
		})
		must(t, err)
		spec := TimerSpec{Period: 200 * time.Microsecond, SkipMissed: true}
		// Has a callback run, and one expiry behind it pending: the others are missed.
		block := func() {
			_, err := timer.Set(spec)
			must(t, err)
			<-begun
			missed := timer.Counts().Missed
			eventually(t, func() bool { return timer.Counts().Missed >= missed+5 })
			_, err = timer.Stop()
			must(t, err)
		}
		end := func() {
			must(t, timer.Wait(background))
			if more := len(begun); more > 0 {
				t.Errorf("%d more were pending", more)
			}
		}
		block()
		gate <- true
		<-begun
		gate <- true
		end()
		block()
		timer.o.cancelPending()
		gate <- true
		end()
		if counts := timer.Counts(); counts.Dropped != 1 {
			t.Errorf("%+v", counts)
		}
		close(gate)
		_, err = timer.Set(spec)
		must(t, err)
		for i := 0; i < 3; i++ {
			<-begun
		}
		_, err = timer.Stop()
		must(t, err)
		must(t, timer.Wait(background))
		must(t, timer.Close())
		eventually(t, func() bool { return q.Close() == nil })
	}
}
