package tp

// #include "shim.h"
import "C"

import (
	"os"
	"runtime/cgo"
	"sync"
	"syscall"
)

// QueueOptions are the choices of a Queue. The zero value means all defaults.
type QueueOptions struct {
	// Batch is how many events one call into C takes at most; 0 means 256.
	Batch int
	// Inline has callbacks run one after the other in the queue's own goroutine, in the order in
	// which the pool's threads got to them, instead of in a goroutine each. They must not block for
	// long, nor wait for an object of the same queue: that is ErrDeadlock if the wait is given the
	// callback's context, and a hang if not.
	Inline bool
}

// Queue carries events from the threads of a pool to Go: a thread appends what has happened and
// goes on, and one goroutine, which waits for a descriptor as for any file, takes what there is in
// one call. Objects use the process's own queue unless their Env names another.
type Queue struct {
	c      *C.tpgo_queue_t
	file   *os.File
	inline bool

	// Of the goroutine that reads it.
	events []C.tpgo_event_t
	taken  int
	next   int
	dead   []C.uintptr_t

	mu      sync.Mutex
	objects int
	closed  bool
	ended   chan struct{}
}

// NewQueue makes a queue and starts its goroutine. Close it once no object uses it.
func NewQueue(options QueueOptions) (*Queue, error) {
	batch := options.Batch
	if batch < 0 || batch > 1<<20 {
		return nil, refuse("NewQueue", ErrArgument)
	}
	if batch == 0 {
		batch = 256
	}
	var fd, errno C.int
	c := C.tpgo_queue_create(&fd, &errno)
	if c == nil {
		return nil, &Error{Op: "NewQueue", Status: ErrSystem, Errno: syscall.Errno(errno)}
	}
	q := &Queue{
		c:      c,
		file:   os.NewFile(uintptr(fd), "tp queue"),
		inline: options.Inline,
		events: make([]C.tpgo_event_t, batch),
		dead:   make([]C.uintptr_t, 0, batch),
		ended:  make(chan struct{}),
	}
	go q.read()
	return q, nil
}

// Close ends the queue. ErrBusy: objects that use it are not gone yet; an object that was closed is
// gone once its last callback has ended. Closing twice does nothing.
func (q *Queue) Close() error {
	if q == nil {
		return nil
	}
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return nil
	}
	if q.objects > 0 {
		q.mu.Unlock()
		return refuse("Queue.Close", ErrBusy)
	}
	q.closed = true
	q.mu.Unlock()
	q.file.Close()
	<-q.ended
	C.tpgo_queue_free(q.c)
	return nil
}

// enter counts an object that is about to be made; false if the queue is closed.
func (q *Queue) enter() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	q.objects++
	return true
}

func (q *Queue) leave() {
	q.mu.Lock()
	q.objects--
	q.mu.Unlock()
}

// read is the queue's goroutine.
func (q *Queue) read() {
	over := false
	defer func() {
		if over {
			close(q.ended)
		} else {
			go q.read() // an inline callback has called runtime.Goexit: go on behind it
		}
	}()
	for {
		for q.next < q.taken {
			e := &q.events[q.next]
			q.next++
			q.handle(e)
		}
		var dead *C.uintptr_t
		if len(q.dead) > 0 {
			dead = &q.dead[0]
		}
		q.next, q.taken = 0, int(C.tpgo_drain(q.c, &q.events[0], C.uint32_t(len(q.events)), dead,
			C.uint32_t(len(q.dead))))
		q.dead = q.dead[:0]
		if q.taken == 0 {
			var count [8]byte
			if _, err := q.file.Read(count[:]); err != nil {
				over = true
				return
			}
		}
	}
}

func (q *Queue) handle(e *C.tpgo_event_t) {
	handle := cgo.Handle(e.handle)
	o := handle.Value().(*object)
	if e.kind == C.TPGO_RELEASE {
		q.dead = append(q.dead, e.object)
		o.released(uint64(e.number))
		handle.Delete()
		return
	}
	o.deliver(event{
		number:    uint64(e.number),
		operation: uint64(e.operation),
		bytes:     uint64(e.bytes),
		result:    WaitResult(e.result),
		errno:     syscall.Errno(e.error),
	})
}

var (
	processQueue     *Queue
	processQueueErr  error
	processQueueOnce sync.Once
)

// theQueue is the queue of the process, made at the first use, never closed.
func theQueue() (*Queue, error) {
	processQueueOnce.Do(func() { processQueue, processQueueErr = NewQueue(QueueOptions{}) })
	return processQueue, processQueueErr
}
