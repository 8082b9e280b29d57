// Package ctest is what the tests of package tp need of C; test files cannot use cgo themselves.
package ctest

// #cgo pkg-config: tp
// #cgo LDFLAGS: -ldl
// #include <stdlib.h>
// #include "ctest.h"
import "C"

import (
	"time"
	"unsafe"
)

// Allocator gives the two functions for tp.SetAllocator.
func Allocator() (alloc, free unsafe.Pointer) { return C.ctest_alloc, C.ctest_free }

// Allocations is how often the first of them was called.
func Allocations() uint64 { return uint64(C.ctest_allocations()) }

// Mutex is a pthread_mutex_t.
type Mutex struct{ Pointer unsafe.Pointer }

// LockedMutex makes one that the calling thread has locked.
func LockedMutex() Mutex { return Mutex{C.ctest_mutex_locked()} }

// Lock locks it.
func (m Mutex) Lock() { C.ctest_mutex_lock(m.Pointer) }

// IsFree tells whether nobody has locked it.
func (m Mutex) IsFree() bool { return bool(C.ctest_mutex_free(m.Pointer)) }

// Free gives it back.
func (m Mutex) Free() { C.free(m.Pointer) }

// Open opens a shared library; nil if it cannot.
func Open(name string) unsafe.Pointer {
	s := C.CString(name)
	defer C.free(unsafe.Pointer(s))
	return C.ctest_open(s)
}

// Loaded tells whether a shared library is loaded.
func Loaded(name string) bool {
	s := C.CString(name)
	defer C.free(unsafe.Pointer(s))
	return bool(C.ctest_loaded(s))
}

// Loop submits an empty callback of C many times in each of so many rounds, waiting after each.
func Loop(rounds, many int) time.Duration {
	return time.Duration(C.ctest_loop(C.uint32_t(rounds), C.uint32_t(many)))
}
