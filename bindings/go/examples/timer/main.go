// timer has a timer tick every ten milliseconds, three times.
package main

import (
	"context"
	"fmt"
	"log"
	"time"

	"tp"
)

func run() error {
	enough := make(chan bool)
	ticks := 0
	// One callback at a time, so that they may share a variable.
	timer, err := tp.NewTimer(&tp.Env{ConcurrencyLimit: 1}, func(*tp.Instance) {
		ticks++
		if ticks <= 3 {
			fmt.Println("tick", ticks)
		}
		if ticks == 3 {
			close(enough)
		}
	})
	if err != nil {
		return err
	}
	defer timer.Close()
	if err := timer.Every(10 * time.Millisecond); err != nil {
		return err
	}
	<-enough
	if _, err := timer.Stop(); err != nil {
		return err
	}
	if err := timer.Cancel(context.Background()); err != nil {
		return err
	}
	if set, err := timer.IsSet(); set || err != nil {
		return err
	}
	fmt.Println("stopped")
	return nil
}

func main() {
	log.SetFlags(0)
	if err := run(); err != nil {
		log.Fatal(err)
	}
}
