// waitprocess starts a process, and has a callback run when that has ended.
package main

import (
	"fmt"
	"log"
	"os/exec"
	"syscall"

	"tp"
)

func run() error {
	child := exec.Command("/bin/sh", "-c", "exit 7")
	if err := child.Start(); err != nil {
		return err
	}
	pidfd, err := tp.PidfdOpen(child.Process.Pid)
	if err != nil {
		return err
	}
	defer syscall.Close(pidfd)

	ended := make(chan bool)
	wait, err := tp.NewWait(nil, func(_ *tp.Instance, result tp.WaitResult) {
		if result == tp.WaitSignaled {
			fmt.Println("signaled")
		}
		close(ended)
	})
	if err != nil {
		return err
	}
	defer wait.Close()
	if err := wait.On(tp.Process(pidfd)); err != nil {
		return err
	}
	<-ended
	if _, failed := child.Wait().(*exec.ExitError); !failed {
		return fmt.Errorf("the child did not fail")
	}
	fmt.Println("exit code", child.ProcessState.ExitCode())
	return nil
}

func main() {
	log.SetFlags(0)
	if err := run(); err != nil {
		log.Fatal(err)
	}
}
