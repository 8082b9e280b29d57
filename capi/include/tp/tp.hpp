/* tp.hpp - the C++ face of tp, for C++17 and later: nothing but headers over tp/tp.h.
 *
 *   tp/cxx/pool.hpp      tp::pool, pool_ref, pool_config, blocking
 *   tp/cxx/env.hpp       tp::env, group, priority           the choices objects are made with
 *   tp/cxx/work.hpp      tp::submit, work, work_ref         callbacks to ask for
 *   tp/cxx/timer.hpp     tp::timer, timer_ref, schedule     callbacks at a time
 *   tp/cxx/wait.hpp      tp::wait, wait_ref                 when something is signaled
 *   tp/cxx/io.hpp        tp::io, io_ref, io_op, io_result   when an operation is completed
 *   tp/cxx/instance.hpp  tp::instance                       in a callback
 *   tp/cxx/sync.hpp      tp::event, semaphore, mutex
 *   tp/cxx/waitable.hpp  tp::waitable, wait_on, wait_result
 *   tp/cxx/time.hpp      tp::when, infinite                 durations and points in time
 *   tp/cxx/error.hpp     tp::error, category, version, set_misuse_hook, set_allocator
 *   tp/cxx/object.hpp    tp::cancel_and_wait, wait_for_all, no_wait: how objects end
 *   tp/cxx/callable.hpp  tp::rethrow_to_waiter, end_the_process: what callbacks throw
 *
 * What holds for all of it: the verbs are those of C, and do what tp/tp.h says of them. Objects own
 * their handles, are moved and not copied, and close them; ..._ref do not own, are copied, and a
 * stale one is an error, not a crash. Callables are moved in, need not be copied, and are stored
 * with one allocation, which ends with the object of C. What can fail throws tp::error, for the
 * reasons the function of C has; try_... forms return its status instead, and are all there is
 * without exceptions (-fno-exceptions: what would throw ends the process). Type information at run
 * time (-frtti) is not needed. All sources of a program must agree on -fno-exceptions. */
#ifndef TP_TP_HPP
#define TP_TP_HPP

#include "tp/cxx/callable.hpp"
#include "tp/cxx/env.hpp"
#include "tp/cxx/error.hpp"
#include "tp/cxx/instance.hpp"
#include "tp/cxx/io.hpp"
#include "tp/cxx/object.hpp"
#include "tp/cxx/pool.hpp"
#include "tp/cxx/sync.hpp"
#include "tp/cxx/time.hpp"
#include "tp/cxx/timer.hpp"
#include "tp/cxx/wait.hpp"
#include "tp/cxx/waitable.hpp"
#include "tp/cxx/work.hpp"

#endif
