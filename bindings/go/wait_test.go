package tp

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

const pollIn = 1

func fdOf(t testing.TB, f *os.File) (fd int) {
	raw, err := f.SyscallConn()
	must(t, err)
	must(t, raw.Control(func(n uintptr) { fd = int(n) }))
	return fd
}

func TestWaitForADescriptor(t *testing.T) {
	both(t, func(t *testing.T, env Env) {
		r, w, err := os.Pipe()
		must(t, err)
		defer r.Close()
		defer w.Close()
		type told struct {
			result WaitResult
			events uint32
		}
		results := make(chan told, 10)
		wait, err := NewWait(&env, func(in *Instance, result WaitResult) {
			events, err := in.WaitEvents()
			must(t, err)
			results <- told{result, events}
		})
		must(t, err)
		source := FD(fdOf(t, r), pollIn)
		_, err = wait.Set(WaitSpec{Source: source, Timeout: time.Millisecond})
		must(t, err)
		if got := <-results; got.result != WaitTimeout || got.events != 0 {
			t.Error(got)
		}
		must(t, wait.On(source))
		if was, err := wait.Disarm(); !was || err != nil {
			t.Error("it was not armed", err)
		}
		must(t, wait.On(source))
		_, err = w.Write([]byte("x"))
		must(t, err)
		if got := <-results; got.result != WaitSignaled || got.events&pollIn == 0 {
			t.Error(got)
		}
		must(t, wait.Wait(background))
		must(t, wait.Cancel(background))
		if idle, err := wait.Idle(); !idle {
			t.Error("not idle", err)
		}
		want(t, wait.On(FD(-1, pollIn)), syscall.EBADF)
		must(t, wait.Close())
		must(t, wait.Close())
		if counts := wait.Counts(); env.Delivery == Batched && counts.Delivered != 2 {
			t.Error(counts)
		}
	})
	_, err := NewWait(nil, nil)
	want(t, err, ErrArgument)
}

func TestWaitForAProcess(t *testing.T) {
	both(t, func(t *testing.T, env Env) {
		child := exec.Command("/bin/sh", "-c", "exit 7")
		must(t, child.Start())
		pidfd, err := PidfdOpen(child.Process.Pid)
		if errors.Is(err, syscall.ENOSYS) {
			must(t, child.Process.Kill())
			t.Skip("no pidfd_open")
		}
		must(t, err)
		defer syscall.Close(pidfd)
		results := make(chan WaitResult, 1)
		wait, err := NewWait(&env, func(_ *Instance, result WaitResult) { results <- result })
		must(t, err)
		must(t, wait.On(Process(pidfd)))
		if result := <-results; result != WaitSignaled {
			t.Error(result)
		}
		var exit *exec.ExitError
		if err := child.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 7 {
			t.Error(err)
		}
		must(t, wait.Close())
	})
	_, err := PidfdOpen(-1)
	want(t, err, syscall.EINVAL)
}

func TestWaitForEventsAndSemaphores(t *testing.T) {
	both(t, func(t *testing.T, env Env) {
		event, err := NewEvent(false, false)
		must(t, err)
		semaphore, err := NewSemaphore(0, 10)
		must(t, err)
		var wait *Wait
		var ran int64
		done := make(chan bool)
		wait, err = NewWait(&env, func(_ *Instance, result WaitResult) {
			if result != WaitSignaled {
				t.Error(result)
			}
			switch n := atomic.AddInt64(&ran, 1); {
			case n < 6:
				must(t, wait.On(semaphore.Waitable()))
			default:
				close(done)
			}
		})
		must(t, err)
		must(t, wait.On(event.Waitable()))
		must(t, event.Set())
		_, err = semaphore.Release(5)
		must(t, err)
		<-done
		if result, err := semaphore.Waitable().Wait(0); result != WaitTimeout {
			t.Error("a unit is left", err)
		}
		_, err = semaphore.Release(11)
		want(t, err, ErrLimit)
		must(t, event.Set())
		must(t, event.Reset())
		if result, err := event.Waitable().Wait(time.Millisecond); result != WaitTimeout {
			t.Error(result, err)
		}
		must(t, event.Close())
		must(t, event.Close())
		must(t, semaphore.Close())
		must(t, semaphore.Close())
		_, err = event.Waitable().Wait(0)
		want(t, err, ErrHandle)
		must(t, wait.Close())
	})
	_, err := NewSemaphore(2, 1)
	want(t, err, ErrArgument)
}

func TestMutexBelongsToTheThread(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	mutex, err := NewMutex(true)
	must(t, err)
	batched, err := NewWait(nil, func(*Instance, WaitResult) {})
	must(t, err)
	want(t, batched.On(mutex.Waitable()), ErrUnsupported)
	must(t, batched.Close())
	owner := make(chan error, 1)
	wait, err := NewWait(&Env{Delivery: Direct}, func(_ *Instance, result WaitResult) {
		owner <- mutex.Release()
	})
	must(t, err)
	must(t, wait.On(mutex.Waitable()))
	must(t, mutex.Release())
	must(t, <-owner)
	want(t, mutex.Release(), ErrNotOwner)
	must(t, wait.Wait(background))
	must(t, wait.Close())
	must(t, mutex.Close())
	must(t, mutex.Close())
}

func TestNever(t *testing.T) {
	if result, err := Never().Wait(time.Millisecond); result != WaitTimeout || err != nil {
		t.Error(result, err)
	}
}

func childSignal() error {
	signals := make(chan WaitResult, 1)
	wait, err := NewWait(nil, func(_ *Instance, result WaitResult) { signals <- result })
	if err != nil {
		return err
	}
	if err := wait.On(Signal(syscall.SIGUSR1)); err != nil {
		return err
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGUSR1); err != nil {
		return err
	}
	if result := <-signals; result != WaitSignaled {
		return fmt.Errorf("the result is %d", result)
	}
	return wait.Close()
}

// A program of Go waits for a signal with which it was started blocked: the threads of the runtime
// keep it so.
func TestSignal(t *testing.T) {
	if out, err := exec.Command("env", "--block-signal=USR1", "true").CombinedOutput(); err != nil {
		t.Skip("env cannot block signals: ", strings.TrimSpace(string(out)))
	}
	if out, err := inChild("signal", "env", "--block-signal=USR1"); err != nil {
		t.Error(err, out)
	}
	wait, err := NewWait(nil, func(*Instance, WaitResult) {})
	must(t, err)
	want(t, wait.On(Signal(syscall.SIGKILL)), syscall.EINVAL)
	must(t, wait.Close())
}
