/* instance.hpp - what a running callback may tell its pool: long, done, release this on return. */
#ifndef TP_CXX_INSTANCE_HPP
#define TP_CXX_INSTANCE_HPP

#include <mutex>

#include "tp/cxx/error.hpp"
#include "tp/cxx/sync.hpp"
#include "tp/instance.h"

namespace tp
{

/** One run of one callback, valid in it and on its thread. No function blocks. Those that are
 *  called on another thread, or too late, throw tp::error: TP_ERR_STATE.
 *
 *  The completion actions (..._on_return) are done after the callback in the order of
 *  tp/instance.h, one of each kind: the last call of a kind counts. */
class instance
{
  public:
    explicit instance(tp_callback_instance_t *handle) noexcept : handle_(handle)
    {
    }

    instance(const instance &) = delete;
    instance &operator=(const instance &) = delete;

    tp_callback_instance_t *native_handle() const noexcept
    {
        return handle_;
    }

    /** True if another thread is idle or could be started; false: the pool has none to spare. */
    bool may_run_long()
    {
        tp_status_t status = tp_callback_may_run_long(handle_);
        if (status == TP_ERR_TOO_MANY_THREADS)
            return false;
        detail::check(status, "tp_callback_may_run_long");
        return true;
    }

    /** Waits for the object no longer wait for this callback. */
    void disassociate()
    {
        detail::check(tp_callback_disassociate(handle_), "tp_callback_disassociate");
    }

    /** Whether somebody wants this callback to end early. */
    bool cancel_requested() const
    {
        bool requested;
        detail::check(tp_callback_cancel_requested(handle_, &requested),
                      "tp_callback_cancel_requested");
        return requested;
    }

    /** The mutex that `held` has locked is unlocked after the callback. Without an error `held` has
     *  let go of it, and the mutex must live until then. */
    void unlock_on_return(std::unique_lock<std::mutex> &&held)
    {
        std::mutex *locked = held.mutex();
        void *native = held.owns_lock() ? locked->native_handle() : nullptr;
        detail::check(tp_callback_unlock_on_return(handle_, native),
                      "tp_callback_unlock_on_return");
        held.release();
    }

    void release_on_return(const mutex &owned)
    {
        detail::check(tp_callback_release_mutex_on_return(handle_, owned.native_handle()),
                      "tp_callback_release_mutex_on_return");
    }

    void release_on_return(const semaphore &counter, uint32_t count = 1)
    {
        detail::check(
            tp_callback_release_semaphore_on_return(handle_, counter.native_handle(), count),
            "tp_callback_release_semaphore_on_return");
    }

    void set_on_return(const event &flag)
    {
        detail::check(tp_callback_set_event_on_return(handle_, flag.native_handle()),
                      "tp_callback_set_event_on_return");
    }

    /** Takes over one reference to what dlopen returned. */
    void close_library_on_return(void *dlopen_handle)
    {
        detail::check(tp_callback_close_library_on_return(handle_, dlopen_handle),
                      "tp_callback_close_library_on_return");
    }

    /** In a callback of a wait for a descriptor: the states of poll(2) that it was in, else 0. */
    uint32_t wait_events() const
    {
        uint32_t events;
        detail::check(tp_callback_wait_events(handle_, &events), "tp_callback_wait_events");
        return events;
    }

  private:
    tp_callback_instance_t *handle_;
};

} // namespace tp

#endif
