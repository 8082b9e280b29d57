package tp

// #include "shim.h"
import "C"

import "unsafe"

// Delivery is the way in which callbacks come to Go.
type Delivery uint32

const (
	// Batched: a thread of the pool puts what has happened into a queue, and the callback runs in a
	// goroutine. The pool's thread is free meanwhile; see docs/GO.md for what that means.
	Batched Delivery = iota
	// Direct: the callback runs on the thread of the pool, which enters Go for it. All promises of
	// libtp hold as they are; each callback costs that entry.
	Direct
)

// Priority is the order in which a free thread of a pool takes what is queued.
type Priority int32

const (
	Low    Priority = -1
	Normal Priority = 0
	High   Priority = 1
)

func (p Priority) valid() bool { return Low <= p && p <= High }

func (p Priority) c() C.uint32_t {
	switch p {
	case High:
		return priorityHigh
	case Low:
		return priorityLow
	default:
		return priorityNormal
	}
}

// Env is what an object is created with; it is copied then. A nil Env and the zero value mean all
// defaults.
type Env struct {
	Delivery Delivery // Batched or Direct
	Queue    *Queue   // for Batched; nil: that of the process

	Pool             *Pool          // nil: the default pool
	Group            *Group         // nil: none
	Cancel           func(any)      // with Group: called for each object cancelled (simple: nil)
	Priority         Priority       // of its callbacks in the pool
	RunsLong         bool           // each callback begins with MayRunLong, so to speak
	Persistent       bool           // on a thread of the pool that never retires
	Library          unsafe.Pointer // of dlopen, kept loaded
	ConcurrencyLimit uint32         // how many callbacks of the object run at a time; 0: no limit
	Name             string         // for messages and dumps

	// Finalizer runs after each callback, before what the callback asked for on its return.
	Finalizer func(*Instance)
	// OnPanic is told of each panic of a callback, in its goroutine. Without it a panic in a simple
	// callback (Submit) without a group ends the program.
	OnPanic func(*PanicError)
}
