package tp

// #include "shim.h"
import "C"

import (
	"runtime/cgo"
	"sync/atomic"
	"syscall"
)

// What C calls. Its callers stand in shim.c.

//export tpgoDirect
func tpgoDirect(instance *C.tp_callback_instance_t, e *C.tpgo_event_t) {
	o := cgo.Handle(e.handle).Value().(*object)
	o.runDirect(instance, o.body, event{
		operation: uint64(e.operation),
		bytes:     uint64(e.bytes),
		result:    WaitResult(e.result),
		errno:     syscall.Errno(e.error),
	})
}

//export tpgoFinalizer
func tpgoFinalizer(instance *C.tp_callback_instance_t, handle C.uintptr_t) {
	o := cgo.Handle(handle).Value().(*object)
	o.runDirect(instance, o.finalizer, event{})
}

func (o *object) runDirect(c *C.tp_callback_instance_t, f func(*Instance), e event) {
	if o.completed != nil {
		o.completed(e.operation)
	}
	o.mu.Lock()
	in := &Instance{o: o, c: c, e: e, cancels: o.cancels}
	o.mu.Unlock()
	if atomic.LoadInt32(&o.drop) == 0 {
		o.guard(in, f)
	}
	o.mu.Lock()
	o.end(in)
	o.mu.Unlock()
}

//export tpgoCancelled
func tpgoCancelled(handle, list C.uintptr_t) {
	members := cgo.Handle(list).Value().(*[]*object)
	*members = append(*members, cgo.Handle(handle).Value().(*object))
}

//export tpgoThreadHook
func tpgoThreadHook(hooks C.uintptr_t, start C.bool) {
	h := cgo.Handle(hooks).Value().(*threadHooks)
	if start && h.start != nil {
		h.start()
	} else if !start && h.stop != nil {
		h.stop()
	}
}

//export tpgoMisuse
func tpgoMisuse(function *C.char, status C.tp_status_t, message *C.char) {
	if hook, _ := misuseHook.Load().(func(string, Status, string)); hook != nil {
		hook(C.GoString(function), Status(status), C.GoString(message))
	}
}
