package tp

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"tp/internal/ctest"
)

// What must have a process of its own: `inChild` starts this program again for it.
var children = map[string]func() error{
	"allocator": childAllocator,
	"signal":    childSignal,
	"panic":     childPanic,
}

func TestMain(m *testing.M) {
	if f := children[os.Getenv("TPGO_CHILD")]; f != nil {
		if err := f(); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func inChild(name string, before ...string) (string, error) {
	args := append(before, os.Args[0])
	child := exec.Command(args[0], args[1:]...)
	child.Env = append(os.Environ(), "TPGO_CHILD="+name)
	out, err := child.CombinedOutput()
	return string(out), err
}

func childAllocator() error {
	alloc, free := ctest.Allocator()
	if err := SetAllocator(alloc, free, nil); err != nil {
		return err
	}
	if err := Run(background, nil, func(*Instance) {}); err != nil {
		return err
	}
	if ctest.Allocations() == 0 {
		return fmt.Errorf("it was not asked")
	}
	if err := SetAllocator(alloc, free, nil); err == nil {
		return fmt.Errorf("it can be changed later")
	}
	return nil
}

func TestAllocator(t *testing.T) {
	if out, err := inChild("allocator"); err != nil {
		t.Error(err, out)
	}
	want(t, SetAllocator(nil, nil, nil), ErrArgument)
}

func childPanic() error {
	if err := Submit(background, nil, func(*Instance) { panic("nobody waits") }); err != nil {
		return err
	}
	select {}
}

func TestPanicNobodyWaitsForEndsTheProgram(t *testing.T) {
	out, err := inChild("panic")
	if err == nil || !strings.Contains(out, "nobody waits") {
		t.Error(err, out)
	}
}

func TestVersion(t *testing.T) {
	if Version() != versionNumber || VersionString() == "" {
		t.Errorf("running with %x, %s", Version(), VersionString())
	}
}

func TestStatusTexts(t *testing.T) {
	for status := statusOK; status >= ErrExists; status-- {
		if !strings.HasPrefix(status.Name(), "TP_") || status.Name() == "TP_ERR_UNKNOWN" ||
			len(status.Error()) < 10 {
			t.Errorf("%d is %s: %s", status, status.Name(), status.Error())
		}
		err := error(&Error{Op: "f", Status: status})
		want(t, err, status)
		if err.Error() != "f: "+status.Error() {
			t.Error(err)
		}
	}
	if Status(-99).Name() != "TP_ERR_UNKNOWN" {
		t.Error(Status(-99).Name())
	}
}

func TestMisuseHook(t *testing.T) {
	type told struct {
		function string
		status   Status
		message  string
	}
	var heard []told
	must(t, SetMisuseHook(func(function string, status Status, message string) {
		heard = append(heard, told{function, status, message})
	}))
	w, err := NewWork(nil, func(*Instance) {})
	must(t, err)
	must(t, w.Close())
	want(t, w.Submit(), ErrHandle)
	must(t, SetMisuseHook(nil))
	want(t, w.Submit(), ErrHandle)
	if len(heard) != 1 || heard[0].function != "tp_work_submit" || heard[0].status != ErrHandle ||
		heard[0].message == "" {
		t.Errorf("heard %+v", heard)
	}
}

func TestLastErrno(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	_, err := NewIo(-1, nil, func(*Instance, Completion) {})
	want(t, err, ErrSystem)
	if errno := LastErrno(); errno != syscall.EBADF {
		t.Error(errno)
	}
}

// A library that nothing here needs; each object keeps it loaded, and one lets go of it on return.
const anyLibrary = "libBrokenLocale.so.1"

func TestLibrary(t *testing.T) {
	both(t, func(t *testing.T, env Env) {
		library := ctest.Open(anyLibrary)
		if library == nil {
			t.Skip("no " + anyLibrary)
		}
		pool := newPool(t, PoolOptions{})
		env.Pool = pool
		env.Library = library
		loaded := false
		w, err := NewWork(&env, func(in *Instance) {
			loaded = ctest.Loaded(anyLibrary)
			must(t, in.CloseLibraryOnReturn(library))
		})
		must(t, err)
		must(t, w.Submit())
		must(t, w.Wait(background))
		must(t, w.Close())
		eventually(t, func() bool { return !ctest.Loaded(anyLibrary) })
		if !loaded {
			t.Error("it was not loaded")
		}
		shutdown(t, pool)
	})
}

// The library is kept for callbacks of Go also once libtp is through with the object.
func TestLibraryOutlivesTheLastCallback(t *testing.T) {
	library := ctest.Open(anyLibrary)
	if library == nil {
		t.Skip("no " + anyLibrary)
	}
	begun, gate := make(chan bool), make(chan bool)
	w, err := NewWork(&Env{Library: library}, func(in *Instance) {
		close(begun)
		<-gate
		if !ctest.Loaded(anyLibrary) {
			t.Error("it was unloaded under the callback")
		}
	})
	must(t, err)
	must(t, w.Submit())
	<-begun
	must(t, w.Close())
	must(t, Run(background, &Env{Delivery: Direct}, func(in *Instance) {
		must(t, in.CloseLibraryOnReturn(library)) // the test's own reference
	}))
	eventually(t, func() bool {
		w.o.mu.Lock()
		defer w.o.mu.Unlock()
		return w.o.c == nil
	})
	close(gate)
	eventually(t, func() bool { return !ctest.Loaded(anyLibrary) })
}
