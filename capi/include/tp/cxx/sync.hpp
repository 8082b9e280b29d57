/* sync.hpp - events, semaphores and mutexes. */
#ifndef TP_CXX_SYNC_HPP
#define TP_CXX_SYNC_HPP

#include <cstddef>
#include <utility>

#include "tp/cxx/error.hpp"
#include "tp/cxx/time.hpp"
#include "tp/cxx/waitable.hpp"
#include "tp/sync.h"

namespace tp
{

namespace detail
{

/* What event, semaphore and mutex have in common: one handle, closed once. */
template <class Handle, tp_status_t (*Close)(Handle *), tp_waitable_t (*Source)(Handle *)>
class sync_object
{
  public:
    sync_object(sync_object &&other) noexcept : handle_(std::exchange(other.handle_, nullptr))
    {
    }

    sync_object &operator=(sync_object &&other) noexcept
    {
        if (this != &other)
            reset_handle(std::exchange(other.handle_, nullptr));
        return *this;
    }

    ~sync_object()
    {
        reset_handle(nullptr);
    }

    explicit operator bool() const noexcept
    {
        return handle_ != nullptr;
    }

    Handle *native_handle() const noexcept
    {
        return handle_;
    }

    operator waitable() const noexcept
    {
        return waitable(Source(handle_));
    }

  protected:
    sync_object() noexcept = default;

    void reset_handle(Handle *handle) noexcept
    {
        Close(std::exchange(handle_, handle));
    }

    Handle *handle_ = nullptr;
};

} // namespace detail

/** Whether an event lets every waiter go until it is reset, or one, and resets itself. */
enum class reset_mode { automatic, manual };

/** A flag to wait for. Closed with the object; threads that wait for it then get TP_ERR_HANDLE.
 *  All functions may be called on any thread. */
class event : public detail::sync_object<tp_event_t, tp_event_close, tp_waitable_event>
{
  public:
    /** Throws tp::error: TP_ERR_NO_MEMORY. */
    explicit event(reset_mode mode = reset_mode::automatic, bool signaled = false)
    {
        detail::check(try_create(mode, signaled), "tp_event_create");
    }

    /** No event yet. */
    explicit event(std::nullptr_t) noexcept
    {
    }

    [[nodiscard]] tp_status_t try_create(reset_mode mode, bool signaled = false) noexcept
    {
        tp_event_t *made;
        tp_status_t status = tp_event_create(mode == reset_mode::manual, signaled, &made);
        if (status == TP_OK)
            reset_handle(made);
        return status;
    }

    /** Never blocks; throws tp::error only without an event. */
    void set() const
    {
        detail::check(try_set(), "tp_event_set");
    }

    tp_status_t try_set() const noexcept
    {
        return tp_event_set(handle_);
    }

    void reset() const
    {
        detail::check(tp_event_reset(handle_), "tp_event_reset");
    }

    /** Blocks until the event is signaled. Throws tp::error. */
    void wait() const
    {
        wait_on(*this);
    }

    /** False if the time ran out first. Throws tp::error. */
    template <class Rep, class Period>
    bool wait_for(std::chrono::duration<Rep, Period> timeout) const
    {
        return wait_on(*this, timeout) == wait_result::signaled;
    }
};

/** A counter to wait for. */
class semaphore
    : public detail::sync_object<tp_semaphore_t, tp_semaphore_close, tp_waitable_semaphore>
{
  public:
    /** Throws tp::error: TP_ERR_NO_MEMORY; TP_ERR_ARGUMENT if maximum is 0 or below initial. */
    semaphore(uint32_t initial, uint32_t maximum)
    {
        detail::check(try_create(initial, maximum), "tp_semaphore_create");
    }

    /** No semaphore yet. */
    explicit semaphore(std::nullptr_t) noexcept
    {
    }

    [[nodiscard]] tp_status_t try_create(uint32_t initial, uint32_t maximum) noexcept
    {
        tp_semaphore_t *made;
        tp_status_t status = tp_semaphore_create(initial, maximum, &made);
        if (status == TP_OK)
            reset_handle(made);
        return status;
    }

    /** Adds to the count and returns the one before. Never blocks. Throws tp::error: TP_ERR_LIMIT
     *  above the maximum, TP_ERR_ARGUMENT for 0. */
    uint32_t release(uint32_t count = 1) const
    {
        uint32_t previous;
        detail::check(tp_semaphore_release(handle_, count, &previous), "tp_semaphore_release");
        return previous;
    }

    tp_status_t try_release(uint32_t count = 1) const noexcept
    {
        return tp_semaphore_release(handle_, count, nullptr);
    }

    /** Takes one; blocks until there is one. Throws tp::error. */
    void acquire() const
    {
        wait_on(*this);
    }

    bool try_acquire() const
    {
        return try_acquire_for(std::chrono::nanoseconds(0));
    }

    /** False if the time ran out first. Throws tp::error. */
    template <class Rep, class Period>
    bool try_acquire_for(std::chrono::duration<Rep, Period> timeout) const
    {
        return wait_on(*this, timeout) == wait_result::signaled;
    }
};

/** A recursive lock owned by a thread, which knows when its owner ended. It is BasicLockable and
 *  TimedLockable by durations: std::unique_lock<tp::mutex> will do. */
class mutex : public detail::sync_object<tp_mutex_t, tp_mutex_close, tp_waitable_mutex>
{
  public:
    /** owned: the calling thread owns it at once. Throws tp::error: TP_ERR_NO_MEMORY. */
    explicit mutex(bool owned = false)
    {
        detail::check(try_create(owned), "tp_mutex_create");
    }

    /** No mutex yet. */
    explicit mutex(std::nullptr_t) noexcept
    {
    }

    [[nodiscard]] tp_status_t try_create(bool owned) noexcept
    {
        tp_mutex_t *made;
        tp_status_t status = tp_mutex_create(owned, &made);
        if (status == TP_OK)
            reset_handle(made);
        return status;
    }

    /** wait_result::abandoned if the former owner ended without unlocking it. Throws tp::error. */
    wait_result lock() const
    {
        return wait_on(*this);
    }

    bool try_lock() const
    {
        return try_lock_for(std::chrono::nanoseconds(0));
    }

    /** False if the time ran out first. Throws tp::error. */
    template <class Rep, class Period>
    bool try_lock_for(std::chrono::duration<Rep, Period> timeout) const
    {
        return wait_on(*this, timeout) != wait_result::timeout;
    }

    /** Throws tp::error: TP_ERR_NOT_OWNER. */
    void unlock() const
    {
        detail::check(tp_mutex_release(handle_), "tp_mutex_release");
    }
};

} // namespace tp

#endif
