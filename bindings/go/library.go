// Package tp is the Windows thread pool for Linux, libtp, from Go.
//
// Work, timers, waits for descriptors, processes and synchronisation objects, and I/O run callbacks
// on a Pool; a Group waits for many of them at once; contexts cancel. docs/GO.md of the repository
// tells what callbacks cost and what Batched and Direct delivery promise.
//
// Nothing here has a finalizer: whatever a New function returns is to be closed, by its Close or by
// its group. What an object's callback refers to is let go of once the object is gone for good.
package tp

// #include <dlfcn.h>
// #include "shim.h"
import "C"

import (
	"sync/atomic"
	"unsafe"
)

// Version is that of the library that is running: major<<16 | minor<<8 | patch.
func Version() uint32 { return uint32(C.tp_version()) }

// VersionString is the same as text.
func VersionString() string { return C.GoString(C.tp_version_string()) }

var misuseHook atomic.Value

// SetMisuseHook has f told of every misuse that libtp detects: which function, what it returned,
// and why. Nil removes it.
func SetMisuseHook(f func(function string, status Status, message string)) error {
	misuseHook.Store(f)
	return check("tp_set_misuse_hook", C.tpgo_set_misuse_hook(f != nil))
}

// SetAllocator has libtp take its memory from functions of C, before anything else of this package
// is used: void *alloc(void *context, size_t size, size_t alignment) and
// void free(void *context, void *memory, size_t size). They must not enter Go.
func SetAllocator(alloc, free, context unsafe.Pointer) error {
	return check("tp_set_allocator", C.tpgo_set_allocator(alloc, free, context))
}

func closeLibrary(dlopenHandle unsafe.Pointer) { C.dlclose(dlopenHandle) }
