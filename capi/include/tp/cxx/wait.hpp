/* wait.hpp - waits: a callable that runs when something is signaled, or a time has run out. */
#ifndef TP_CXX_WAIT_HPP
#define TP_CXX_WAIT_HPP

#include "tp/cxx/object.hpp"
#include "tp/cxx/sync.hpp"
#include "tp/wait.h"

namespace tp
{

/** A wait that somebody else keeps open: as cheap as the handle, and as safe. All functions may be
 *  called on any thread, also in its own callback. */
class wait_ref
{
  public:
    wait_ref() noexcept = default;

    explicit wait_ref(tp_wait_t *handle) noexcept : handle_(handle)
    {
    }

    explicit operator bool() const noexcept
    {
        return handle_ != nullptr;
    }

    /** Arms the wait on something, for one callback: when that is signaled, or at the timeout. True
     *  if that took away what was armed before. Throws tp::error, for the reasons of
     *  tp_wait_set. */
    bool set(const waitable &source, when timeout = infinite) const
    {
        bool was_armed;
        detail::check(try_set(source, timeout, &was_armed), "tp_wait_set");
        return was_armed;
    }

    /** was_armed may be NULL. */
    tp_status_t try_set(const waitable &source, when timeout = infinite,
                        bool *was_armed = nullptr) const noexcept
    {
        tp_wait_spec_t spec;
        tp_wait_spec_init(&spec);
        spec.clock = timeout.clock();
        spec.source = source.native();
        spec.timeout = timeout.ns();
        return tp_wait_set(handle_, &spec, was_armed);
    }

    /** Disarms it. What is queued already still runs. True if it was armed. */
    bool stop() const
    {
        bool was_armed;
        detail::check(tp_wait_set(handle_, nullptr, &was_armed), "tp_wait_set");
        return was_armed;
    }

    tp_status_t try_stop() const noexcept
    {
        return tp_wait_set(handle_, nullptr, nullptr);
    }

    tp_wait_t *native_handle() const noexcept
    {
        return handle_;
    }

  protected:
    tp_wait_t *handle_ = nullptr;
};

namespace detail
{

struct wait_kind {
    using handle = tp_wait_t;
    using ref = wait_ref;
    static constexpr const char *wait_name = "tp_wait_wait";

    template <class Box>
    static void callback(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                         tp_wait_result_t result)
    {
        Box::run(context, instance, wait_ref(wait), static_cast<wait_result>(result));
    }

    static tp_status_t create(tp_wait_fn callback, void *context, const tp_env_t *env,
                              tp_wait_t **wait_out) noexcept
    {
        return tp_wait_create(callback, context, env, wait_out);
    }

    static void stop(tp_wait_t *wait) noexcept
    {
        tp_wait_set(wait, nullptr, nullptr);
    }

    static tp_status_t wait(tp_wait_t *wait, bool cancel_pending, int64_t timeout) noexcept
    {
        return tp_wait_wait(wait, cancel_pending, timeout);
    }

    static void close(tp_wait_t *wait) noexcept
    {
        tp_wait_close(wait);
    }
};

} // namespace detail

/** A callable that runs when what the wait is armed on is signaled. It takes
 *  (tp::instance &, tp::wait_ref, tp::wait_result), the same without the second, the result alone,
 *  (tp::instance &) or nothing. To wait for the next, it sets the wait_ref again. */
template <class Closing = cancel_and_wait, class OnThrow = rethrow_to_waiter>
class basic_wait : public detail::owner<detail::wait_kind, Closing>
{
  public:
    /** None yet. */
    basic_wait() noexcept = default;

    /** A wait, not armed. Throws tp::error, for the reasons of tp_wait_create. */
    template <class Callable, class = detail::if_callable<basic_wait, Callable>>
    explicit basic_wait(Callable &&callable)
    {
        detail::check(try_create(std::forward<Callable>(callable)), "tp_wait_create");
    }

    template <class Callable> basic_wait(Callable &&callable, const env &choices)
    {
        detail::check(try_create(std::forward<Callable>(callable), choices), "tp_wait_create");
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

using wait = basic_wait<cancel_and_wait>;
using wait_nocancel = basic_wait<wait_for_all>;
using wait_nowait = basic_wait<no_wait>;

} // namespace tp

#endif
