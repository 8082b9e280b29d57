/* timer.hpp - timers: a callable that runs when its time has come. */
#ifndef TP_CXX_TIMER_HPP
#define TP_CXX_TIMER_HPP

#include "tp/cxx/object.hpp"
#include "tp/timer.h"

namespace tp
{

/** Whether each missed time of a periodic timer is one more run. */
enum class missed : uint32_t { run = 0, skip = TP_TIMER_SKIP_MISSED };

/** When a timer expires, and again: `{10ms, 10ms}`, or the fields one by one. */
struct schedule {
    when due;
    std::chrono::nanoseconds period{0}; /**< 0: once */
    std::chrono::nanoseconds window{0}; /**< by how much it may be late, to share wake-ups */
    missed if_missed = missed::run;

    template <class When> schedule(When first) noexcept : due(first)
    {
    }

    schedule(when first, std::chrono::nanoseconds then_every) noexcept
        : due(first), period(then_every)
    {
    }
};

/** A timer that somebody else keeps open: as cheap as the handle, and as safe. All functions may be
 *  called on any thread, also in its own callback; none blocks or allocates. */
class timer_ref
{
  public:
    timer_ref() noexcept = default;

    explicit timer_ref(tp_timer_t *handle) noexcept : handle_(handle)
    {
    }

    explicit operator bool() const noexcept
    {
        return handle_ != nullptr;
    }

    /** Arms the timer anew: `set(10ms)`, `set({10ms, 10ms})`, `set(system_clock::now() + 1h)`. True
     *  if that took away an expiry to come. Throws tp::error: TP_ERR_HANDLE, TP_ERR_CLOSED,
     *  TP_ERR_LIMIT; TP_ERR_ARGUMENT for a negative period or window. */
    bool set(const schedule &times) const
    {
        bool was_armed;
        detail::check(try_set(times, &was_armed), "tp_timer_set");
        return was_armed;
    }

    /** was_armed may be NULL. */
    tp_status_t try_set(const schedule &times, bool *was_armed = nullptr) const noexcept
    {
        tp_timer_spec_t spec;
        tp_timer_spec_init(&spec);
        spec.clock = times.due.clock();
        spec.due = times.due.ns();
        spec.period = times.period.count();
        spec.window = times.window.count();
        spec.flags = static_cast<uint32_t>(times.if_missed);
        return tp_timer_set(handle_, &spec, was_armed);
    }

    /** What is queued already still runs. True if an expiry was to come. */
    bool stop() const
    {
        bool was_armed;
        detail::check(tp_timer_set(handle_, nullptr, &was_armed), "tp_timer_set");
        return was_armed;
    }

    tp_status_t try_stop() const noexcept
    {
        return tp_timer_set(handle_, nullptr, nullptr);
    }

    /** Whether it was set last, or stopped last. */
    bool is_set() const
    {
        bool set;
        detail::check(tp_timer_is_set(handle_, &set), "tp_timer_is_set");
        return set;
    }

    tp_timer_t *native_handle() const noexcept
    {
        return handle_;
    }

  protected:
    tp_timer_t *handle_ = nullptr;
};

namespace detail
{

struct timer_kind {
    using handle = tp_timer_t;
    using ref = timer_ref;
    static constexpr const char *wait_name = "tp_timer_wait";

    template <class Box>
    static void callback(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
    {
        Box::run(context, instance, timer_ref(timer));
    }

    static tp_status_t create(tp_timer_fn callback, void *context, const tp_env_t *env,
                              tp_timer_t **timer_out) noexcept
    {
        return tp_timer_create(callback, context, env, timer_out);
    }

    static void stop(tp_timer_t *timer) noexcept
    {
        tp_timer_set(timer, nullptr, nullptr);
    }

    static tp_status_t wait(tp_timer_t *timer, bool cancel_pending, int64_t timeout) noexcept
    {
        return tp_timer_wait(timer, cancel_pending, timeout);
    }

    static void close(tp_timer_t *timer) noexcept
    {
        tp_timer_close(timer);
    }
};

} // namespace detail

/** A callable that runs at each expiry. It takes (tp::instance &, tp::timer_ref),
 *  (tp::instance &) or nothing, and may overlap with itself (see env::set_concurrency_limit). */
template <class Closing = cancel_and_wait, class OnThrow = rethrow_to_waiter>
class basic_timer : public detail::owner<detail::timer_kind, Closing>
{
  public:
    /** None yet. */
    basic_timer() noexcept = default;

    /** A timer, not set. Throws tp::error, for the reasons of tp_timer_create. */
    template <class Callable, class = detail::if_callable<basic_timer, Callable>>
    explicit basic_timer(Callable &&callable)
    {
        detail::check(try_create(std::forward<Callable>(callable)), "tp_timer_create");
    }

    template <class Callable> basic_timer(Callable &&callable, const env &choices)
    {
        detail::check(try_create(std::forward<Callable>(callable), choices), "tp_timer_create");
    }

    /** Replaces what was there; after an error that is as it was. */
    template <class Callable> [[nodiscard]] tp_status_t try_create(Callable &&callable)
    {
        return this->template renew<OnThrow>(nullptr, std::forward<Callable>(callable));
    }

    template <class Callable>
    [[nodiscard]] tp_status_t try_create(Callable &&callable, const env &choices)
    {
        return this->template renew<OnThrow>(&choices, std::forward<Callable>(callable));
    }
};

using timer = basic_timer<cancel_and_wait>;
using timer_nocancel = basic_timer<wait_for_all>;
using timer_nowait = basic_timer<no_wait>;

} // namespace tp

#endif
