/* time.hpp - std::chrono as the nanoseconds of C. */
#ifndef TP_CXX_TIME_HPP
#define TP_CXX_TIME_HPP

#include <chrono>

#include "tp/types.h"

namespace tp
{

/** No time limit. Every duration that the nanoseconds of C cannot hold means the same. */
inline constexpr std::chrono::nanoseconds infinite = std::chrono::nanoseconds::max();

namespace detail
{

/* Rounded up, for a timeout is not to end early; what is negative is over. */
template <class Rep, class Period>
constexpr int64_t to_ns(std::chrono::duration<Rep, Period> duration) noexcept
{
    using roughly = std::chrono::duration<double, std::nano>;
    if (duration <= duration.zero())
        return 0;
    if (!(roughly(duration) < roughly(9.2e18)))
        return TP_INFINITE;
    return static_cast<int64_t>(std::chrono::ceil<std::chrono::nanoseconds>(duration).count());
}

} // namespace detail

/** When a timer expires, or the time of a wait runs out.
 *
 *  A duration counts from now, and not while the machine sleeps. A point on std::chrono's
 *  steady_clock is one on CLOCK_MONOTONIC. A point on system_clock follows the wall clock when that
 *  is set. What is past is due at once. */
class when
{
  public:
    template <class Rep, class Period>
    constexpr when(std::chrono::duration<Rep, Period> from_now) noexcept
        : clock_(TP_CLOCK_RELATIVE), ns_(detail::to_ns(from_now))
    {
    }

    template <class Duration>
    constexpr when(std::chrono::time_point<std::chrono::steady_clock, Duration> point) noexcept
        : clock_(TP_CLOCK_MONOTONIC), ns_(detail::to_ns(point.time_since_epoch()))
    {
    }

    template <class Duration>
    constexpr when(std::chrono::time_point<std::chrono::system_clock, Duration> point) noexcept
        : clock_(TP_CLOCK_REALTIME), ns_(detail::to_ns(point.time_since_epoch()))
    {
    }

    /** So long from now, the time in which the machine sleeps included. */
    template <class Rep, class Period>
    static constexpr when boottime(std::chrono::duration<Rep, Period> from_now) noexcept
    {
        when result(from_now);
        result.clock_ = TP_CLOCK_BOOTTIME;
        return result;
    }

    /** TP_CLOCK_*. */
    constexpr uint32_t clock() const noexcept
    {
        return clock_;
    }

    constexpr int64_t ns() const noexcept
    {
        return ns_;
    }

  private:
    uint32_t clock_;
    int64_t ns_;
};

} // namespace tp

#endif
