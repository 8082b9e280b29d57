package tp

// #include <stdlib.h>
// #include "shim.h"
import "C"

import (
	"context"
	"runtime/cgo"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"
)

// event is what a callback is told.
type event struct {
	number    uint64 // among those of its object, from 1; direct: 0
	operation uint64
	bytes     uint64
	result    WaitResult
	errno     syscall.Errno
}

// object is what all kinds have in common. libtp's own count of what is pending and running ends,
// for a batched object, where an event has been queued; from there on this one counts: pushed
// events, of which so many have ended (a wait looks at these) or are over (a group does; a callback
// that disassociated itself has ended before it is over).
type object struct {
	kind      C.uint32_t
	member    any // what a cancel function is given; nil for a simple callback
	body      func(*Instance)
	finalizer func(*Instance)
	onCancel  func(any)
	onPanic   func(*PanicError)
	completed func(key uint64) // I/O: the operation is over
	gone      func()           // I/O: so are all
	base      context.Context  // of the contexts of its instances
	direct    bool
	limit     uint32
	queue     *Queue
	pool      *Pool
	group     *Group
	step      func(cancel bool, timeout C.int64_t) C.tp_status_t // libtp's wait for it

	closed int32  // atomic
	drop   int32  // atomic: nothing of it runs any more
	stale  uint64 // atomic: events up to this number are dropped

	mu       sync.Mutex
	created  bool
	library  unsafe.Pointer // batched: a reference to it
	handle   cgo.Handle
	c        *C.tpgo_object_t // nil once it is gone
	last     uint64           // how many events there were, then
	ended    uint64
	over     uint64
	dropped  uint64
	cancels  uint64 // how often a cancel was asked for
	running  uint32
	backlog  []event // above the limit
	quiet    chan struct{}
	panicked *PanicError
	contexts map[*Instance]context.CancelFunc
}

// create makes the object of libtp; `op` is for errors. What it returns is libtp's handle.
func (o *object) create(op string, env *Env, fd int) (unsafe.Pointer, error) {
	if env == nil {
		env = &Env{}
	}
	if err := o.take(op, env); err != nil {
		return nil, err
	}
	choices := C.tpgo_choices_t{
		queue:      o.queue.c,
		priority:   env.Priority.c(),
		limit:      C.uint32_t(env.ConcurrencyLimit),
		library:    env.Library,
		runs_long:  C.bool(env.RunsLong),
		persistent: C.bool(env.Persistent),
		direct:     C.bool(o.direct),
		finalizer:  C.bool(o.direct && o.finalizer != nil),
		cancel:     C.bool(o.onCancel != nil),
	}
	if env.Pool != nil {
		choices.pool = env.Pool.c
	}
	if env.Group != nil {
		choices.group = env.Group.c
	}
	if env.Name != "" {
		choices.name = C.CString(env.Name)
		defer C.free(unsafe.Pointer(choices.name))
	}
	handle := cgo.NewHandle(o)
	o.handle = handle
	o.join()
	var created unsafe.Pointer
	var errno C.int
	o.mu.Lock() // an event may come before `c` is set
	status := C.tpgo_create(o.kind, &choices, C.uintptr_t(handle), C.int(fd), &created, &o.c,
		&errno)
	if status == C.TP_OK {
		o.created = true
		// libtp holds it until the last event is queued, this until the last callback has ended.
		o.library = o.c.library
	}
	o.mu.Unlock()
	if status != C.TP_OK {
		o.leave()
		handle.Delete()
		return nil, checkErrno(op, status, errno)
	}
	return created, nil
}

// take looks at the environment and keeps what it says.
func (o *object) take(op string, env *Env) error {
	if !env.Priority.valid() || env.Delivery > Direct || o.body == nil {
		return refuse(op, ErrArgument)
	}
	o.queue = env.Queue
	if o.queue == nil {
		var err error
		if o.queue, err = theQueue(); err != nil {
			return err
		}
	}
	o.direct = env.Delivery == Direct
	o.limit = env.ConcurrencyLimit
	o.finalizer = env.Finalizer
	o.onPanic = env.OnPanic
	o.pool = env.Pool
	o.group = env.Group
	if env.Group != nil {
		o.onCancel = env.Cancel
	}
	if !o.queue.enter() {
		return refuse(op, ErrHandle)
	}
	return nil
}

func (o *object) join() {
	if o.pool != nil {
		o.pool.objects.add(o)
	}
	if o.group != nil {
		o.group.members.add(o)
	}
}

func (o *object) leave() {
	if o.pool != nil {
		o.pool.objects.remove(o)
	}
	if o.group != nil {
		o.group.members.remove(o)
	}
	o.queue.leave()
	if o.library != nil {
		go closeLibrary(o.library) // its destructors may wait for callbacks
	}
}

// closeWith closes the object once; a group may have done so before.
func (o *object) closeWith(op string, shut func() C.tp_status_t) error {
	if !atomic.CompareAndSwapInt32(&o.closed, 0, 1) {
		return nil
	}
	status := shut()
	if status == C.TP_ERR_HANDLE && o.group != nil {
		return nil
	}
	return check(op, status)
}

// ---- events --------------------------------------------------------------------------------------

// pushed is how many events there are. mu held.
func (o *object) pushed() uint64 {
	if o.c == nil {
		return o.last
	}
	return atomic.LoadUint64((*uint64)(unsafe.Pointer(&o.c.pushed)))
}

// count adds to what has ended and what is over, and tells whoever waits. mu held.
func (o *object) count(ended, over uint64) {
	o.ended += ended
	o.over += over
	if o.c == nil && o.over == o.last {
		o.leave()
	}
	if o.quiet != nil {
		close(o.quiet)
		o.quiet = nil
	}
}

// discard drops n events. mu held.
func (o *object) discard(n uint64) {
	o.dropped += n
	o.begun(n)
	o.count(n, n)
}

// begun takes n events off those that are pending. mu held.
func (o *object) begun(n uint64) {
	if o.c != nil {
		atomic.AddUint64((*uint64)(unsafe.Pointer(&o.c.pending)), -n)
	}
}

func (o *object) isStale(e event) bool {
	return e.number <= atomic.LoadUint64(&o.stale) || atomic.LoadInt32(&o.drop) != 0
}

// deliver has the callback of an event run, now or when the limit allows it.
func (o *object) deliver(e event) {
	if o.completed != nil {
		o.completed(e.operation)
	}
	o.mu.Lock()
	switch {
	case o.isStale(e):
		o.discard(1)
		o.mu.Unlock()
		return
	case o.limit > 0 && o.running >= o.limit:
		o.backlog = append(o.backlog, e)
		o.mu.Unlock()
		return
	}
	o.running++
	o.mu.Unlock()
	if o.queue.inline {
		o.run(e)
	} else {
		go o.run(e)
	}
}

// run runs the callback of an event, and of those behind it that had to wait for its end.
func (o *object) run(e event) {
	for more := true; more; {
		e, more = o.runOne(e)
	}
}

func (o *object) runOne(e event) (next event, more bool) {
	o.mu.Lock()
	if o.isStale(e) {
		o.discard(1)
		next, more = o.nextEvent()
		o.mu.Unlock()
		return next, more
	}
	in := &Instance{o: o, e: e, cancels: o.cancels}
	o.begun(1)
	o.mu.Unlock()
	exited := true
	defer func() {
		next, more = o.finish(in)
		if exited && more { // runtime.Goexit: this goroutine goes no further
			go o.run(next)
		}
	}()
	o.guard(in, o.body)
	if o.finalizer != nil {
		o.guard(in, o.finalizer)
	}
	exited = false
	return
}

// finish ends a batched callback: what it asked for on its return, then the counts.
func (o *object) finish(in *Instance) (next event, more bool) {
	in.actions.perform()
	if in.actions.library != nil { // once waits for the callback are let go
		defer closeLibrary(in.actions.library)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.end(in)
	if in.disassociated {
		o.count(0, 1)
	} else {
		o.count(1, 1)
	}
	return o.nextEvent()
}

// end makes the instance one that is over. mu held.
func (o *object) end(in *Instance) {
	in.over = true
	if cancel := o.contexts[in]; cancel != nil {
		delete(o.contexts, in)
		cancel()
	}
}

// nextEvent takes the next event that waited for the limit, or gives the place up. mu held.
func (o *object) nextEvent() (event, bool) {
	if len(o.backlog) == 0 {
		o.backlog = nil
		o.running--
		return event{}, false
	}
	e := o.backlog[0]
	o.backlog = o.backlog[1:]
	return e, true
}

// guard calls f and keeps its panic.
func (o *object) guard(in *Instance, f func(*Instance)) {
	returned, recovered := false, false
	var value any
	var stack []byte
	func() {
		defer func() {
			if !returned {
				if value = recover(); value != nil {
					stack = debug.Stack()
				}
			}
		}()
		f(in)
		returned = true
	}()
	recovered = !returned // panic(nil) comes here too, runtime.Goexit does not
	if recovered {
		o.panics(&PanicError{Value: value, Stack: stack})
	}
}

func (o *object) panics(p *PanicError) {
	if o.onPanic != nil {
		o.onPanic(p)
	}
	switch {
	case o.member == nil && o.group != nil:
		o.group.panics(p)
	case o.member == nil && o.onPanic == nil:
		// Nobody will ever wait for it: it ends the program, as that of a goroutine does.
		go panic(p)
	case o.member != nil:
		o.mu.Lock()
		if o.panicked == nil {
			o.panicked = p
		}
		o.mu.Unlock()
	}
}

func (o *object) takePanic() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	p := o.panicked
	o.panicked = nil
	if p == nil {
		return nil
	}
	return p
}

// released is told by the queue, after all events of the object, that libtp has no more of it.
func (o *object) released(number uint64) {
	if o.gone != nil {
		o.gone()
	}
	o.mu.Lock()
	o.c = nil
	o.last = number
	leave := o.over == number
	o.mu.Unlock()
	if leave {
		o.leave()
	}
}

// ---- cancelling and waiting ----------------------------------------------------------------------

// cancelPending drops what is in the queue, or above the limit, when its turn comes, and asks what
// runs to end early.
func (o *object) cancelPending() {
	o.mu.Lock()
	if n := o.pushed(); n > o.stale {
		atomic.StoreUint64(&o.stale, n)
	}
	o.cancels++
	for in, cancel := range o.contexts {
		delete(o.contexts, in)
		cancel()
	}
	o.mu.Unlock()
}

// dropAll drops all that is pending and all that will be.
func (o *object) dropAll() {
	atomic.StoreInt32(&o.drop, 1)
	o.cancelPending()
}

// waitQuiet waits until as many events are over (or have ended) as there are, and says how many.
func (o *object) waitQuiet(over bool) uint64 {
	for {
		o.mu.Lock()
		n, done := o.pushed(), o.ended
		if over {
			done = o.over
		}
		if done == n {
			o.mu.Unlock()
			return n
		}
		if o.quiet == nil {
			o.quiet = make(chan struct{})
		}
		quiet := o.quiet
		o.mu.Unlock()
		<-quiet
	}
}

func (o *object) isQuiet() (uint64, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := o.pushed()
	return n, n == o.ended
}

// wait waits until nothing of the object is pending or running, in libtp and here at once; or, once
// the context is done, until nothing is running.
func (o *object) wait(ctx context.Context, op string, cancel bool) error {
	in := instanceOf(ctx)
	if in != nil && in.holds(o) {
		return refuse(op, ErrDeadlock)
	}
	late := ctx.Err() != nil
	cancel = cancel || late
	status := o.step(cancel, 0)
	if status != C.TP_OK && status != C.TP_ERR_TIMEOUT {
		return check(op, status)
	}
	if cancel {
		o.cancelPending()
	}
	if status != C.TP_OK || !o.settled() {
		if in != nil && in.blocks(o) {
			return refuse(op, ErrDeadlock)
		}
		stop := watch(ctx, late, func() {
			o.step(true, 0)
			o.cancelPending()
		})
		status = o.settle()
		late = stop() || late
		if status != C.TP_OK {
			return check(op, status)
		}
	}
	if err := o.takePanic(); err != nil {
		return err
	}
	if late {
		return ctx.Err()
	}
	return nil
}

// settled tells whether nothing of the object, that libtp has just called idle, is left here.
func (o *object) settled() bool {
	if o.direct {
		return true
	}
	n, quiet := o.isQuiet()
	return quiet && o.still(n)
}

// still tells whether libtp calls the object idle, and no event has come since there were n: then
// there was a moment at which nothing was pending or running on either side.
func (o *object) still(n uint64) bool {
	if o.step(false, 0) != C.TP_OK {
		return false
	}
	now, quiet := o.isQuiet()
	return quiet && now == n
}

func (o *object) settle() C.tp_status_t {
	for {
		if status := o.step(false, C.TP_INFINITE); status != C.TP_OK || o.direct {
			return status
		}
		if o.still(o.waitQuiet(false)) {
			return C.TP_OK
		}
	}
}

// idle tells whether nothing is pending or running now.
func (o *object) idle(op string) (bool, error) {
	status := o.step(false, 0)
	if status == C.TP_ERR_TIMEOUT {
		return false, nil
	}
	return status == C.TP_OK && o.settled(), check(op, status)
}

// watch calls f when the context is done, unless that was acted on already, until it is stopped;
// stop tells whether it did.
func watch(ctx context.Context, late bool, f func()) (stop func() bool) {
	if late || ctx.Done() == nil {
		return func() bool { return false }
	}
	quit, fired := make(chan struct{}), make(chan bool, 1)
	go func() {
		select {
		case <-ctx.Done():
			f()
			fired <- true
		case <-quit:
			fired <- false
		}
	}()
	return func() bool {
		close(quit)
		return <-fired
	}
}

// counts is what happened to the events of an object.
func (o *object) counts() Counts {
	o.mu.Lock()
	defer o.mu.Unlock()
	counts := Counts{Delivered: o.pushed(), Dropped: o.dropped}
	if o.c != nil {
		counts.Missed = uint64(C.tpgo_skip_missed(o.c, -1))
	}
	return counts
}

// Counts tells what happened to the events of a batched object. Those of a direct one are 0.
type Counts struct {
	Delivered uint64 // events that came out of the pool
	Dropped   uint64 // of these, dropped by a cancel before their callback began
	Missed    uint64 // expiries left out because an earlier one was pending (TimerSpec.SkipMissed)
}

// objects is a set of them.
type objects struct {
	mu  sync.Mutex
	set map[*object]struct{}
}

func (s *objects) add(o *object) {
	s.mu.Lock()
	if s.set == nil {
		s.set = make(map[*object]struct{})
	}
	s.set[o] = struct{}{}
	s.mu.Unlock()
}

func (s *objects) remove(o *object) {
	s.mu.Lock()
	delete(s.set, o)
	s.mu.Unlock()
}

func (s *objects) all() []*object {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*object, 0, len(s.set))
	for o := range s.set {
		list = append(list, o)
	}
	return list
}
