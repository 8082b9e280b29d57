package tp

// #include "shim.h"
import "C"

import "context"

// Work is a callback that each submit has run once more.
type Work struct {
	o object
	c *C.tp_work_t
}

// NewWork makes a work object.
func NewWork(env *Env, f func(*Instance)) (*Work, error) {
	return newWork(nil, env, f)
}

func newWork(base context.Context, env *Env, f func(*Instance)) (*Work, error) {
	w := &Work{o: object{kind: C.TPGO_WORK, body: f, base: base}}
	w.o.member = w
	w.o.step = func(cancel bool, timeout C.int64_t) C.tp_status_t {
		return C.tp_work_wait(w.c, C.bool(cancel), timeout)
	}
	created, err := w.o.create("tp_work_create", env, 0)
	if err != nil {
		return nil, err
	}
	w.c = (*C.tp_work_t)(created)
	return w, nil
}

// Submit has the callback run once more, along with others of it.
func (w *Work) Submit() error { return check("tp_work_submit", C.tp_work_submit(w.c)) }

// SubmitMany has it run n times more.
func (w *Work) SubmitMany(n uint32) error {
	return check("tp_work_submit_many", C.tp_work_submit_many(w.c, C.uint32_t(n)))
}

// Wait waits until nothing of the object is pending and no callback of it is running. When the
// context is done, what is pending is dropped, and its error returned once what runs has ended. The
// first panic of a callback since the last Wait is returned as a *PanicError.
func (w *Work) Wait(ctx context.Context) error { return w.o.wait(ctx, "tp_work_wait", false) }

// Cancel drops what is pending, asks what runs to end early, and waits as Wait does.
func (w *Work) Cancel(ctx context.Context) error { return w.o.wait(ctx, "tp_work_wait", true) }

// Idle tells whether nothing is pending or running now.
func (w *Work) Idle() (bool, error) { return w.o.idle("tp_work_wait") }

// Counts tells what happened to the events of the object.
func (w *Work) Counts() Counts { return w.o.counts() }

// Close closes the object without waiting: what is pending still runs. Closing twice does nothing.
func (w *Work) Close() error {
	if w == nil {
		return nil
	}
	return w.o.closeWith("tp_work_close", func() C.tp_status_t { return C.tp_work_close(w.c) })
}

// Submit has f run once on a pool. If the context is done before f begins, f does not run; the
// Context of its instance derives from it. A panic goes to the group of the environment, which
// CloseMembers returns; without one, and without OnPanic, it ends the program.
func Submit(ctx context.Context, env *Env, f func(*Instance)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	o := &object{kind: C.TPGO_SIMPLE, base: ctx}
	if f != nil {
		o.body = func(in *Instance) {
			if ctx.Err() == nil {
				f(in)
			}
		}
	}
	_, err := o.create("tp_try_submit", env, 0)
	return err
}

// Run has f run once on a pool and waits for it. If the context is done before f begins, f does not
// run; if it is done later, f is asked to end early, and waited for. In either case the context's
// error is returned. A panic is returned as a *PanicError.
func Run(ctx context.Context, env *Env, f func(*Instance)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w, err := newWork(ctx, env, f)
	if err != nil {
		return err
	}
	defer w.Close()
	if err := w.Submit(); err != nil {
		return err
	}
	if err := w.Wait(ctx); err != nil {
		return err
	}
	return ctx.Err()
}
