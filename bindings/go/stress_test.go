package tp

import (
	"context"
	"math/rand"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Many objects live and end in all ways at once; what each of them tells in the end must fit.
func TestStress(t *testing.T) {
	both(t, func(t *testing.T, env Env) {
		pool := newPool(t, PoolOptions{})
		var all sync.WaitGroup
		for seed := int64(1); seed <= 4; seed++ {
			all.Add(1)
			go func(random *rand.Rand) {
				defer all.Done()
				for i := 0; i < 60 && !t.Failed(); i++ {
					one(t, random, env, pool)
				}
			}(rand.New(rand.NewSource(seed)))
		}
		all.Wait()
		eventually(t, func() bool { return len(pool.objects.all()) == 0 })
		shutdown(t, pool)
	})
}

func one(t *testing.T, random *rand.Rand, env Env, pool *Pool) {
	env.Pool = pool
	env.ConcurrencyLimit = uint32(random.Intn(3))
	env.Priority = Priority(random.Intn(3) - 1)
	var submitted, begun, ended int64
	again := random.Intn(2) == 0
	var w *Work
	w, err := NewWork(&env, func(in *Instance) {
		n := atomic.AddInt64(&begun, 1)
		if again && n%3 == 0 {
			must(t, w.Submit())
			atomic.AddInt64(&submitted, 1)
		}
		atomic.AddInt64(&ended, 1)
	})
	must(t, err)
	defer w.Close()
	ctx, cancel := context.WithCancel(background)
	cancelled := false
	for i := random.Intn(3); i >= 0; i-- {
		n := random.Intn(100)
		atomic.AddInt64(&submitted, int64(n))
		must(t, w.SubmitMany(uint32(n)))
		switch random.Intn(4) {
		case 0:
			cancelled = true
			must(t, w.Cancel(background))
		case 1:
			cancelled = true
			time.AfterFunc(time.Duration(random.Intn(100))*time.Microsecond, cancel)
			if err := w.Wait(ctx); err != nil {
				want(t, err, context.Canceled)
			}
		default:
			must(t, w.Wait(background))
		}
		if b, e := atomic.LoadInt64(&begun), atomic.LoadInt64(&ended); b != e {
			t.Errorf("%d had begun and %d ended when the wait returned", b, e)
		}
	}
	cancel()
	counts, ran := w.Counts(), atomic.LoadInt64(&ended)
	if s := atomic.LoadInt64(&submitted); ran > s || !cancelled && ran != s {
		t.Errorf("%d of %d ran; cancelled: %v", ran, s, cancelled)
	}
	if env.Delivery == Batched && counts.Delivered != counts.Dropped+uint64(ran) {
		t.Errorf("%+v, and %d ran", counts, ran)
	}
}
