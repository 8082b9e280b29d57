/* work.hpp - callbacks the program asks for: simple ones, and work to submit repeatedly. */
#ifndef TP_CXX_WORK_HPP
#define TP_CXX_WORK_HPP

#include "tp/cxx/object.hpp"
#include "tp/work.h"

namespace tp
{

/** A work object that somebody else keeps open: as cheap as the handle, and as safe. All functions
 *  may be called on any thread, also in its own callback; none blocks or allocates. */
class work_ref
{
  public:
    work_ref() noexcept = default;

    explicit work_ref(tp_work_t *handle) noexcept : handle_(handle)
    {
    }

    explicit operator bool() const noexcept
    {
        return handle_ != nullptr;
    }

    /** Has the callable run once more, in parallel with other runs of it. Cannot fail for lack of
     *  anything. Throws tp::error: TP_ERR_HANDLE, TP_ERR_CLOSED, TP_ERR_LIMIT. */
    void submit() const
    {
        detail::check(try_submit(), "tp_work_submit");
    }

    tp_status_t try_submit() const noexcept
    {
        return tp_work_submit(handle_);
    }

    /** Has it run so many times more, with one decision about waking threads. */
    void submit_many(uint32_t count) const
    {
        detail::check(try_submit_many(count), "tp_work_submit_many");
    }

    tp_status_t try_submit_many(uint32_t count) const noexcept
    {
        return tp_work_submit_many(handle_, count);
    }

    tp_work_t *native_handle() const noexcept
    {
        return handle_;
    }

  protected:
    tp_work_t *handle_ = nullptr;
};

namespace detail
{

struct work_kind {
    using handle = tp_work_t;
    using ref = work_ref;
    static constexpr const char *wait_name = "tp_work_wait";

    template <class Box>
    static void callback(tp_callback_instance_t *instance, void *context, tp_work_t *work)
    {
        Box::run(context, instance, work_ref(work));
    }

    template <class Box> static void simple(tp_callback_instance_t *instance, void *context)
    {
        Box::run(context, instance, nullptr);
    }

    static tp_status_t create(tp_work_fn callback, void *context, const tp_env_t *env,
                              tp_work_t **work_out) noexcept
    {
        return tp_work_create(callback, context, env, work_out);
    }

    static void stop(tp_work_t *) noexcept
    {
    }

    static tp_status_t wait(tp_work_t *work, bool cancel_pending, int64_t timeout) noexcept
    {
        return tp_work_wait(work, cancel_pending, timeout);
    }

    static void close(tp_work_t *work) noexcept
    {
        tp_work_close(work);
    }
};

} // namespace detail

/** A callable that each submit has run once. It takes (tp::instance &, tp::work_ref),
 *  (tp::instance &) or nothing; it is moved into the object, may run on several threads at once
 *  (see env::set_concurrency_limit), and ends when the object is gone. */
template <class Closing = cancel_and_wait, class OnThrow = rethrow_to_waiter>
class basic_work : public detail::owner<detail::work_kind, Closing>
{
  public:
    /** None yet. */
    basic_work() noexcept = default;

    /** All that can fail for lack of resources fails here. Throws tp::error, for the reasons of
     *  tp_work_create, and what the move of the callable throws. */
    template <class Callable, class = detail::if_callable<basic_work, Callable>>
    explicit basic_work(Callable &&callable)
    {
        detail::check(try_create(std::forward<Callable>(callable)), "tp_work_create");
    }

    template <class Callable> basic_work(Callable &&callable, const env &choices)
    {
        detail::check(try_create(std::forward<Callable>(callable), choices), "tp_work_create");
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

using work = basic_work<cancel_and_wait>;
using work_nocancel = basic_work<wait_for_all>;
using work_nowait = basic_work<no_wait>;

/** Has a callable run once, without an object to wait for or cancel it by; it takes
 *  (tp::instance &) or nothing. What it throws ends the process: nobody could be told.
 *
 *  Returns the status of tp_try_submit, after an error nothing runs; or throws what the move of the
 *  callable throws. Allocates, and never blocks. */
template <class Callable>
[[nodiscard]] tp_status_t try_submit(Callable &&callable, const env &choices)
{
    using box_type = detail::box<std::decay_t<Callable>, end_the_process>;
    if (choices.native_handle() == nullptr)
        return TP_ERR_HANDLE;
    box_type *made = new (std::nothrow) box_type(1, std::forward<Callable>(callable));
    if (made == nullptr)
        return TP_ERR_NO_MEMORY;
    tp_status_t status =
        tp_try_submit(detail::work_kind::simple<box_type>, static_cast<detail::box_base *>(made),
                      choices.native_handle());
    if (status != TP_OK)
        made->drop();
    return status;
}

template <class Callable> [[nodiscard]] tp_status_t try_submit(Callable &&callable)
{
    env defaults(nullptr);
    tp_status_t status = defaults.try_create();
    return status != TP_OK ? status : try_submit(std::forward<Callable>(callable), defaults);
}

/** As try_submit, but throws tp::error. */
template <class Callable> void submit(Callable &&callable, const env &choices)
{
    detail::check(try_submit(std::forward<Callable>(callable), choices), "tp_try_submit");
}

template <class Callable> void submit(Callable &&callable)
{
    detail::check(try_submit(std::forward<Callable>(callable)), "tp_try_submit");
}

} // namespace tp

#endif
