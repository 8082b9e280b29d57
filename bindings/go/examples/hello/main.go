// hello has one work object run three times, and waits for it.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"sync/atomic"

	"tp"
)

func main() {
	log.SetFlags(0)
	var count int64
	work, err := tp.NewWork(nil, func(*tp.Instance) {
		fmt.Fprintln(os.Stdout, "hello from the pool")
		atomic.AddInt64(&count, 1)
	})
	if err != nil {
		log.Fatal(err)
	}
	defer work.Close()
	if err := work.SubmitMany(3); err != nil {
		log.Fatal(err)
	}
	if err := work.Wait(context.Background()); err != nil {
		log.Fatal(err)
	}
	fmt.Println("waited for", count, "callbacks")
}
