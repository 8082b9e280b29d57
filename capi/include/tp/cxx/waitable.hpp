/* waitable.hpp - what can be waited for, and waiting for it. */
#ifndef TP_CXX_WAITABLE_HPP
#define TP_CXX_WAITABLE_HPP

#include "tp/cxx/error.hpp"
#include "tp/cxx/time.hpp"
#include "tp/sync.h"

namespace tp
{

/** How a wait ended. */
enum class wait_result : uint32_t {
    signaled = TP_WAIT_SIGNALED,
    abandoned = TP_WAIT_ABANDONED,
    timeout = TP_WAIT_TIMEOUT,
    failed = TP_WAIT_FAILED
};

/** Something to wait for: a value that owns nothing and keeps nothing open. Events, semaphores and
 *  mutexes turn into one where it is wanted. */
class waitable
{
  public:
    explicit waitable(tp_waitable_t source) noexcept : source_(source)
    {
    }

    /** poll_events: POLLIN, POLLOUT ... as poll(2) has them. */
    static waitable fd(int fd, uint32_t poll_events) noexcept
    {
        return waitable(tp_waitable_fd(fd, poll_events));
    }

    /** Signaled once the process of this pidfd has ended. */
    static waitable process(int pidfd) noexcept
    {
        return waitable(tp_waitable_process(pidfd));
    }

    /** The signal must be blocked in every thread: see tp_waitable_signal. */
    static waitable signal(int signo) noexcept
    {
        return waitable(tp_waitable_signal(signo));
    }

    static waitable never() noexcept
    {
        return waitable(tp_waitable_never());
    }

    tp_waitable_t native() const noexcept
    {
        return source_;
    }

  private:
    tp_waitable_t source_;
};

/** tp_waitable_wait, with its status; `result` is set on TP_OK only. */
template <class Rep, class Period>
[[nodiscard]] tp_status_t try_wait_on(const waitable &source,
                                      std::chrono::duration<Rep, Period> timeout,
                                      wait_result &result) noexcept
{
    tp_wait_result_t found;
    tp_status_t status = tp_waitable_wait(source.native(), detail::to_ns(timeout), &found);
    if (status == TP_OK)
        result = static_cast<wait_result>(found);
    return status;
}

/** Waits until the source is signaled, and takes what it gives: the signal of an automatic event,
 *  one count of a semaphore, the mutex. Blocks, and allocates nothing. Throws tp::error. */
template <class Rep, class Period>
wait_result wait_on(const waitable &source, std::chrono::duration<Rep, Period> timeout)
{
    wait_result result = wait_result::failed;
    detail::check(try_wait_on(source, timeout, result), "tp_waitable_wait");
    return result;
}

inline wait_result wait_on(const waitable &source)
{
    return wait_on(source, infinite);
}

} // namespace tp

#endif
