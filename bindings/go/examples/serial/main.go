// serial has a pool of one thread run what is urgent first.
package main

import (
	"context"
	"fmt"
	"log"
	"syscall"

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
	pool, err := tp.NewPool(tp.PoolOptions{ThreadMinimum: 1, ThreadMaximum: 1})
	check(err)

	// Direct: one after the other on the pool's thread, in the order of their priorities.
	env := tp.Env{Pool: pool, Delivery: tp.Direct, Persistent: true}
	var order []string
	threads := make(map[int]bool)
	begun, open := make(chan bool), make(chan bool)
	gate, err := tp.NewWork(&env, func(*tp.Instance) {
		threads[syscall.Gettid()] = true
		close(begun)
		<-open
	})
	check(err)
	check(gate.Submit())
	<-begun

	works := []*tp.Work{gate}
	add := func(priority tp.Priority, name string) {
		env := env
		env.Priority = priority
		work, err := tp.NewWork(&env, func(*tp.Instance) {
			order = append(order, name)
			threads[syscall.Gettid()] = true
		})
		check(err)
		check(work.Submit())
		works = append(works, work)
	}
	for i := 1; i <= 3; i++ {
		add(tp.Normal, fmt.Sprint("normal ", i))
	}
	for i := 1; i <= 2; i++ {
		add(tp.High, fmt.Sprint("high ", i))
	}
	close(open)
	for _, work := range works {
		check(work.Wait(background))
		check(work.Close())
	}
	for _, name := range order {
		fmt.Println(name)
	}
	same := "no"
	if len(threads) == 1 {
		same = "yes"
	}
	fmt.Println("on one thread:", same)
	check(pool.Close())
}
