package tp

// #include <stdlib.h>
// #include "shim.h"
import "C"

import (
	"context"
	"os"
	"runtime/cgo"
	"sync/atomic"
	"time"
	"unsafe"
)

// PoolOptions is how NewPool makes a pool. The zero value means all defaults.
type PoolOptions struct {
	ThreadMinimum  uint32        // threads kept for ever, at most 4000
	ThreadMaximum  uint32        // threads at most, up to 4000; 0: 500
	StackReserve   uint64        // bytes of a new thread's stack; 0: the process's default
	StackCommit    uint64        // bytes; kept and told
	IdleTimeout    time.Duration // a surplus thread stays idle so long; 0: the default
	QueueLimit     uint32        // simple callbacks pending before Submit is ErrBusy; 0: no limit
	Backend        Backend       // for I/O
	Name           string        // prefix of the threads' names
	CallerDriven   bool          // no threads: see Pool.Run
	StallThreshold time.Duration // 0; another value is ErrUnsupported in 0.1

	// OnThreadStart and OnThreadStop run first and last on each thread of the pool.
	OnThreadStart, OnThreadStop func()
}

type threadHooks struct{ start, stop func() }

// Pool is a set of threads and what is queued for them.
type Pool struct {
	c       *C.tp_pool_t
	hooks   cgo.Handle
	objects objects
	closed  int32
}

// NewPool makes a private pool. Close it, or shut it down.
func NewPool(options PoolOptions) (*Pool, error) {
	var config C.tp_pool_config_t
	C.tp_pool_config_init(&config)
	config.thread_minimum = C.uint32_t(options.ThreadMinimum)
	config.thread_maximum = C.uint32_t(options.ThreadMaximum)
	config.stack_reserve = C.uint64_t(options.StackReserve)
	config.stack_commit = C.uint64_t(options.StackCommit)
	config.idle_timeout = C.int64_t(options.IdleTimeout)
	config.queue_limit = C.uint32_t(options.QueueLimit)
	config.io_backend = C.uint32_t(options.Backend)
	config.stall_threshold = C.int64_t(options.StallThreshold)
	if options.CallerDriven {
		config.flags = poolCallerDriven
	}
	if options.Name != "" {
		config.name = C.CString(options.Name)
		defer C.free(unsafe.Pointer(config.name))
	}
	p := &Pool{}
	if options.OnThreadStart != nil || options.OnThreadStop != nil {
		p.hooks = cgo.NewHandle(&threadHooks{options.OnThreadStart, options.OnThreadStop})
	}
	status := C.tpgo_pool_create(&config, C.uintptr_t(p.hooks), &p.c)
	if status != C.TP_OK {
		p.freeHooks()
		return nil, check("tp_pool_create", status)
	}
	return p, nil
}

// freeHooks lets go of the hooks, once no thread of the pool is left.
func (p *Pool) freeHooks() {
	if p.hooks != 0 {
		p.hooks.Delete()
		p.hooks = 0
	}
}

// DefaultPool is the pool of the process, which is meant wherever none is named. It cannot be
// closed, and its limits cannot be set.
func DefaultPool() (*Pool, error) {
	p := &Pool{}
	return p, check("tp_pool_default", C.tp_pool_default(&p.c))
}

// SetThreadMinimum sets how many threads the pool keeps for ever, and starts those that are missing.
func (p *Pool) SetThreadMinimum(n uint32) error {
	return check("tp_pool_set_thread_minimum", C.tp_pool_set_thread_minimum(p.c, C.uint32_t(n)))
}

// SetThreadMaximum sets how many threads the pool has at most.
func (p *Pool) SetThreadMaximum(n uint32) error {
	return check("tp_pool_set_thread_maximum", C.tp_pool_set_thread_maximum(p.c, C.uint32_t(n)))
}

// SetStack sets the stack, in bytes, of the threads that the pool starts from now on.
func (p *Pool) SetStack(reserve, commit uint64) error {
	return check("tp_pool_set_stack",
		C.tp_pool_set_stack(p.c, C.uint64_t(reserve), C.uint64_t(commit)))
}

// Stack tells the stack, in bytes, of the threads that the pool starts from now on.
func (p *Pool) Stack() (reserve, commit uint64, err error) {
	var r, c C.uint64_t
	err = check("tp_pool_get_stack", C.tp_pool_get_stack(p.c, &r, &c))
	return uint64(r), uint64(c), err
}

// PoolStats is what Pool.Stats tells: tp_pool_stats_t, with its numbers of posts and callbacks as
// libtp counts them. For batched objects a callback is what puts an event into the queue.
type PoolStats struct {
	Backend              Backend
	Threads              uint32
	IdleThreads          uint32
	Running              uint32
	ThreadMinimum        uint32
	ThreadMaximum        uint32
	ThreadsPeak          uint32
	ThreadTarget         uint32
	ThreadsBlocked       uint32
	PendingHigh          uint64
	PendingNormal        uint64
	PendingLow           uint64
	Submitted            uint64
	Executed             uint64
	Cancelled            uint64
	Stolen               uint64
	ThreadsCreated       uint64
	ThreadsRetired       uint64
	ThreadsInjected      uint64
	ThreadCreateFailures uint64
	ThreadCapReached     uint64
	TimersArmed          uint64
	WaitsArmed           uint64
	IoInFlight           uint64
	RunTime              time.Duration
}

// Stats tells what the pool has and has had.
func (p *Pool) Stats() (PoolStats, error) {
	var s C.tp_pool_stats_t
	C.tp_pool_stats_init(&s)
	if err := check("tp_pool_get_stats", C.tp_pool_get_stats(p.c, &s)); err != nil {
		return PoolStats{}, err
	}
	return PoolStats{
		Backend:              Backend(s.io_backend),
		Threads:              uint32(s.threads),
		IdleThreads:          uint32(s.idle_threads),
		Running:              uint32(s.running),
		ThreadMinimum:        uint32(s.thread_minimum),
		ThreadMaximum:        uint32(s.thread_maximum),
		ThreadsPeak:          uint32(s.threads_peak),
		ThreadTarget:         uint32(s.thread_target),
		ThreadsBlocked:       uint32(s.threads_blocked),
		PendingHigh:          uint64(s.pending[priorityHigh]),
		PendingNormal:        uint64(s.pending[priorityNormal]),
		PendingLow:           uint64(s.pending[priorityLow]),
		Submitted:            uint64(s.submitted),
		Executed:             uint64(s.executed),
		Cancelled:            uint64(s.cancelled),
		Stolen:               uint64(s.stolen),
		ThreadsCreated:       uint64(s.threads_created),
		ThreadsRetired:       uint64(s.threads_retired),
		ThreadsInjected:      uint64(s.threads_injected),
		ThreadCreateFailures: uint64(s.thread_create_failures),
		ThreadCapReached:     uint64(s.thread_cap_reached),
		TimersArmed:          uint64(s.timers_armed),
		WaitsArmed:           uint64(s.waits_armed),
		IoInFlight:           uint64(s.io_in_flight),
		RunTime:              time.Duration(s.run_ns_total),
	}, nil
}

// Dump writes what the pool is doing, as text for people.
func (p *Pool) Dump(file *os.File) error {
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var status C.tp_status_t
	var errno C.int
	if err := raw.Control(func(fd uintptr) {
		status = C.tpgo_pool_dump(p.c, C.int(fd), &errno)
	}); err != nil {
		return err
	}
	return checkErrno("tp_pool_dump", status, errno)
}

// Close closes the pool. Its objects keep working and keep it alive; what is queued runs. Closing
// twice does nothing. Thread hooks are kept: a thread of it may still end.
func (p *Pool) Close() error {
	if p == nil || !atomic.CompareAndSwapInt32(&p.closed, 0, 1) {
		return nil
	}
	status := C.tp_pool_close(p.c)
	if status == C.TP_ERR_BUSY {
		atomic.StoreInt32(&p.closed, 0)
	}
	return check("tp_pool_close", status)
}

// Shutdown has the pool accept nothing new, run what is queued (with cancel: drop it) and end its
// threads; then it waits for callbacks that run in goroutines. When the context is done what is
// still queued is dropped, and its error returned once the rest has ended.
func (p *Pool) Shutdown(ctx context.Context, cancel bool) error {
	const op = "tp_pool_shutdown"
	if in := instanceOf(ctx); in != nil && in.o.pool == p && in.c == nil && in.holds(in.o) {
		return refuse(op, ErrDeadlock)
	}
	late := ctx.Err() != nil
	cancel = cancel || late
	objects := p.objects.all()
	drop := func() {
		for _, o := range p.objects.all() {
			o.cancelPending()
		}
	}
	if cancel {
		drop()
	}
	stop := watch(ctx, late, func() {
		C.tp_pool_shutdown(p.c, true, 0)
		drop()
	})
	status := C.tp_pool_shutdown(p.c, C.bool(cancel), C.TP_INFINITE)
	if status == C.TP_OK || status == C.TP_ERR_HANDLE {
		if cancel && status == C.TP_OK {
			drop()
		}
		for _, o := range append(objects, p.objects.all()...) {
			o.waitQuiet(true)
		}
	}
	fired := stop()
	late = late || fired
	if status == C.TP_ERR_HANDLE && fired {
		status = C.TP_OK // the call that the context caused was the one that ended it
	}
	if status != C.TP_OK {
		return check(op, status)
	}
	atomic.StoreInt32(&p.closed, 1)
	p.freeHooks()
	if late {
		return ctx.Err()
	}
	return nil
}

// Run runs callbacks of a caller-driven pool in this thread: at most max (0: no limit), waiting
// for the first of them up to timeout (Infinite: for ever). ErrTimeout: none came.
func (p *Pool) Run(max uint32, timeout time.Duration) (ran uint32, err error) {
	var n C.uint32_t
	err = check("tp_pool_run", C.tp_pool_run(p.c, C.uint32_t(max), C.int64_t(timeout), &n))
	return uint32(n), err
}

// PollFD is a descriptor, the pool's, that is readable whenever Run would find something to do.
func (p *Pool) PollFD() (int, error) {
	var fd, errno C.int
	status := C.tpgo_pool_poll_fd(p.c, &fd, &errno)
	return int(fd), checkErrno("tp_pool_poll_fd", status, errno)
}
