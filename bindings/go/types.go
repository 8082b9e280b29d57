//go:build ignore

// This file is the input of cgo -godefs; `generate` makes zconst.go of it.

package tp

/*
#include <tp/tp.h>
*/
import "C"

const (
	statusOK          Status = C.TP_OK
	ErrArgument       Status = C.TP_ERR_ARGUMENT
	ErrHandle         Status = C.TP_ERR_HANDLE
	ErrVersion        Status = C.TP_ERR_VERSION
	ErrNoMemory       Status = C.TP_ERR_NO_MEMORY
	ErrNoThread       Status = C.TP_ERR_NO_THREAD
	ErrClosed         Status = C.TP_ERR_CLOSED
	ErrBusy           Status = C.TP_ERR_BUSY
	ErrDeadlock       Status = C.TP_ERR_DEADLOCK
	ErrTimeout        Status = C.TP_ERR_TIMEOUT
	ErrTooManyThreads Status = C.TP_ERR_TOO_MANY_THREADS
	ErrNotOwner       Status = C.TP_ERR_NOT_OWNER
	ErrLimit          Status = C.TP_ERR_LIMIT
	ErrUnsupported    Status = C.TP_ERR_UNSUPPORTED
	ErrForked         Status = C.TP_ERR_FORKED
	ErrState          Status = C.TP_ERR_STATE
	ErrSystem         Status = C.TP_ERR_SYSTEM
	ErrExists         Status = C.TP_ERR_EXISTS
)

const (
	WaitSignaled  WaitResult = C.TP_WAIT_SIGNALED
	WaitAbandoned WaitResult = C.TP_WAIT_ABANDONED
	WaitTimeout   WaitResult = C.TP_WAIT_TIMEOUT
	WaitFailed    WaitResult = C.TP_WAIT_FAILED
)

const (
	ClockRelative  Clock = C.TP_CLOCK_RELATIVE
	ClockRealtime  Clock = C.TP_CLOCK_REALTIME
	ClockMonotonic Clock = C.TP_CLOCK_MONOTONIC
	ClockBoottime  Clock = C.TP_CLOCK_BOOTTIME
)

const (
	BackendAuto  Backend = C.TP_IO_BACKEND_AUTO
	BackendEpoll Backend = C.TP_IO_BACKEND_EPOLL
	BackendUring Backend = C.TP_IO_BACKEND_URING
)

const (
	Read      Opcode = C.TP_IO_READ
	Write     Opcode = C.TP_IO_WRITE
	Readv     Opcode = C.TP_IO_READV
	Writev    Opcode = C.TP_IO_WRITEV
	Recv      Opcode = C.TP_IO_RECV
	Send      Opcode = C.TP_IO_SEND
	Recvmsg   Opcode = C.TP_IO_RECVMSG
	Sendmsg   Opcode = C.TP_IO_SENDMSG
	Accept    Opcode = C.TP_IO_ACCEPT
	Connect   Opcode = C.TP_IO_CONNECT
	Fsync     Opcode = C.TP_IO_FSYNC
	Fdatasync Opcode = C.TP_IO_FDATASYNC
	Poll      Opcode = C.TP_IO_POLL
)

const infinite = C.TP_INFINITE

const (
	priorityHigh     = C.TP_PRIORITY_HIGH
	priorityNormal   = C.TP_PRIORITY_NORMAL
	priorityLow      = C.TP_PRIORITY_LOW
	poolCallerDriven = C.TP_POOL_CALLER_DRIVEN
	timerSkipMissed  = C.TP_TIMER_SKIP_MISSED
	versionNumber    = C.TP_VERSION_NUMBER
)

const (
	sizeofPoolConfig = C.sizeof_tp_pool_config_t
	sizeofPoolStats  = C.sizeof_tp_pool_stats_t
	sizeofTimerSpec  = C.sizeof_tp_timer_spec_t
	sizeofWaitSpec   = C.sizeof_tp_wait_spec_t
	sizeofIoOp       = C.sizeof_tp_io_op_t
	sizeofAllocator  = C.sizeof_tp_allocator_t
)
