// group makes three objects that have much to do, and takes all of them down at once.
package main

import (
	"context"
	"fmt"
	"log"
	"sync/atomic"
	"time"

	"tp"
)

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	log.SetFlags(0)
	background := context.Background()
	pool, err := tp.NewPool(tp.PoolOptions{ThreadMaximum: 1})
	check(err)

	// A direct callback holds the pool's only thread, so that nothing else can run there.
	begun, open := make(chan bool), make(chan bool)
	gate, err := tp.NewWork(&tp.Env{Pool: pool, Delivery: tp.Direct}, func(*tp.Instance) {
		close(begun)
		<-open
	})
	check(err)
	check(gate.Submit())
	<-begun

	group, err := tp.NewGroup()
	check(err)
	cancelled := 0
	env := &tp.Env{Pool: pool, Group: group, Cancel: func(any) { cancelled++ }}
	var ran int64
	count := func(*tp.Instance) { atomic.AddInt64(&ran, 1) }
	work, err := tp.NewWork(env, count)
	check(err)
	check(work.SubmitMany(100))
	timer, err := tp.NewTimer(env, count)
	check(err)
	check(timer.After(time.Hour))
	event, err := tp.NewEvent(false, false)
	check(err)
	wait, err := tp.NewWait(env, func(in *tp.Instance, _ tp.WaitResult) { count(in) })
	check(err)
	check(wait.On(event.Waitable()))

	check(group.CloseMembers(background, true))
	fmt.Println("members cancelled:", cancelled)
	fmt.Println("callbacks that ran:", atomic.LoadInt64(&ran))

	close(open)
	check(gate.Wait(background))
	check(gate.Close())
	check(event.Close())
	check(group.Close())
	check(pool.Shutdown(background, false))
}
