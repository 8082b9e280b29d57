package tp

// #cgo pkg-config: tp
// #cgo CFLAGS: -D_GNU_SOURCE
// #cgo LDFLAGS: -ldl
// #include "shim.h"
import "C"

import (
	"fmt"
	"syscall"
)

// Status is what a call failed with: one of the Err constants. Functions of this package return an
// *Error that wraps it, so compare with errors.Is:
//
//	if errors.Is(err, tp.ErrClosed) { ... }
type Status int32

// Error is a sentence of English, as libtp has it.
func (s Status) Error() string { return C.GoString(C.tp_status_message(C.tp_status_t(s))) }

// Name is the constant of C, such as "TP_ERR_CLOSED".
func (s Status) Name() string { return C.GoString(C.tp_status_name(C.tp_status_t(s))) }

// Error is what functions of this package return: which call failed, and with what. It wraps a
// Status, and with ErrSystem a syscall.Errno too.
type Error struct {
	Op     string // the function of libtp, or of this package
	Status Status
	Errno  syscall.Errno // 0 unless Status is ErrSystem
}

func (e *Error) Error() string {
	if e.Errno != 0 {
		return fmt.Sprintf("%s: %s", e.Op, e.Errno.Error())
	}
	return fmt.Sprintf("%s: %s", e.Op, e.Status.Error())
}

// Unwrap gives the Status.
func (e *Error) Unwrap() error { return e.Status }

// Is compares with an errno too.
func (e *Error) Is(target error) bool {
	errno, ok := target.(syscall.Errno)
	return ok && e.Errno != 0 && e.Errno.Is(errno) || ok && e.Errno != 0 && e.Errno == errno
}

// PanicError is what a Wait returns if a callback has panicked: the first panic since the last
// Wait of the object.
type PanicError struct {
	Value any    // what panic was called with
	Stack []byte // of the callback's goroutine
}

func (e *PanicError) Error() string { return fmt.Sprintf("panic in a callback: %v", e.Value) }

// Unwrap gives the panic's value, if that is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

func check(op string, status C.tp_status_t) error {
	if status == C.TP_OK {
		return nil
	}
	return &Error{Op: op, Status: Status(status)}
}

func checkErrno(op string, status C.tp_status_t, errno C.int) error {
	if status == C.TP_OK {
		return nil
	}
	return &Error{Op: op, Status: Status(status), Errno: syscall.Errno(errno)}
}

func refuse(op string, status Status) error { return &Error{Op: op, Status: status} }

// LastErrno is the errno behind the last ErrSystem of the calling thread. An Error has it already.
func LastErrno() syscall.Errno { return syscall.Errno(C.tp_last_errno()) }
