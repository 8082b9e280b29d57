/* object.hpp - what work, timers, waits and I/O have in common: their making, waiting, closing. */
#ifndef TP_CXX_OBJECT_HPP
#define TP_CXX_OBJECT_HPP

#include <new>
#include <type_traits>
#include <utility>

#include "tp/cxx/callable.hpp"
#include "tp/cxx/env.hpp"

namespace tp
{

/* How an object of C++ ends. Each way stops it first: a timer does not expire any more, a wait is
 * disarmed. After the two that wait the callable is not called any more, even if it has set or
 * submitted its own object again; but in a callback of the object itself nothing is waited for, and
 * the misuse hook is told. */

/** Drops what is queued, and waits for what is running. Of I/O it forgets what is in flight: the
 *  buffers must then belong to the callable, which lives until the system is done with them. */
struct cancel_and_wait {
};
/** Waits until all that is queued, or in flight, has run. What has itself run again without end
 *  is waited for as long. */
struct wait_for_all {
};
/** Does not wait. What is queued still runs; the callable lives until then. */
struct no_wait {
};

namespace detail
{

/* Has an object of C made whose context is a box with the callable. */
template <class Kind, class OnThrow, class Callable, class... Before>
tp_status_t make(const env *choices, Callable &&callable, typename Kind::handle **handle_out,
                 box_base **box_out, Before... before)
{
    using box_type = box<std::decay_t<Callable>, OnThrow>;
    env defaults(nullptr);
    if (choices == nullptr || choices->native_handle() == nullptr) {
        tp_status_t status = defaults.try_create();
        if (status != TP_OK)
            return status;
        choices = &defaults;
    }
    box_type *made = new (std::nothrow) box_type(2, std::forward<Callable>(callable));
    if (made == nullptr)
        return TP_ERR_NO_MEMORY;
    tp_status_t status =
        Kind::create(before..., Kind::template callback<box_type>, static_cast<box_base *>(made),
                     choices->native_handle(), handle_out);
    if (status == TP_OK)
        *box_out = made;
    else
        made->drop();
    return status;
}

/* The owner of an object of C; Kind::ref, from which it is derived, has the verbs of its kind. */
template <class Kind, class Closing> class owner : public Kind::ref
{
    static_assert(std::is_same_v<Closing, cancel_and_wait> ||
                  std::is_same_v<Closing, wait_for_all> || std::is_same_v<Closing, no_wait>);

  public:
    owner(owner &&other) noexcept
        : Kind::ref(std::exchange(other.handle_, nullptr)), box_(std::exchange(other.box_, nullptr))
    {
    }

    owner &operator=(owner &&other) noexcept
    {
        if (this != &other) {
            close();
            this->handle_ = std::exchange(other.handle_, nullptr);
            box_ = std::exchange(other.box_, nullptr);
        }
        return *this;
    }

    ~owner()
    {
        close();
    }

    /** Waits until nothing is queued and nothing is running. Throws what a callback threw, see
     *  rethrow_to_waiter, and tp::error: TP_ERR_DEADLOCK in a callback of the object. */
    void wait()
    {
        finish(try_wait(pending::run, infinite));
    }

    /** As wait; false if the time ran out first. */
    template <class Rep, class Period> bool wait_for(std::chrono::duration<Rep, Period> timeout)
    {
        tp_status_t status = try_wait(pending::run, timeout);
        if (status == TP_ERR_TIMEOUT)
            return false;
        finish(status);
        return true;
    }

    /** Drops what is queued, then as wait. The object stays usable. */
    void cancel_pending()
    {
        finish(try_wait(pending::cancel, infinite));
    }

    /** The wait of C. Throws nothing, and takes no exception of a callback. */
    template <class Rep, class Period>
    [[nodiscard]] tp_status_t try_wait(pending what,
                                       std::chrono::duration<Rep, Period> timeout) const noexcept
    {
        return Kind::wait(this->handle_, what == pending::cancel, to_ns(timeout));
    }

    /** What a callback threw and nobody has taken yet, else nullptr. */
    std::exception_ptr take_exception() noexcept
    {
        return box_ != nullptr ? box_->thrown.take() : nullptr;
    }

    /** As the destructor does. */
    void close() noexcept
    {
        if (box_ == nullptr)
            return;
        if (!box_->is_given_back()) {
            if constexpr (std::is_same_v<Closing, cancel_and_wait>)
                end_callbacks();
            Kind::stop(this->handle_);
            if constexpr (std::is_same_v<Closing, wait_for_all>)
                if (Kind::wait(this->handle_, false, TP_INFINITE) == TP_OK)
                    end_callbacks();
            Kind::close(this->handle_);
        }
        this->handle_ = nullptr;
        std::exchange(box_, nullptr)->let_go();
    }

    /** Leaves the object of C to its group, or to whoever closes it. */
    typename Kind::ref release() noexcept
    {
        if (box_ != nullptr)
            std::exchange(box_, nullptr)->let_go();
        return typename Kind::ref(std::exchange(this->handle_, nullptr));
    }

  protected:
    owner() noexcept = default;

    template <class OnThrow, class Callable, class... Before>
    tp_status_t renew(const env *choices, Callable &&callable, Before... before)
    {
        typename Kind::handle *handle;
        box_base *box;
        tp_status_t status = make<Kind, OnThrow>(choices, std::forward<Callable>(callable), &handle,
                                                 &box, before...);
        if (status == TP_OK) {
            close();
            this->handle_ = handle;
            box_ = box;
        }
        return status;
    }

  private:
    /* Who runs meanwhile may set the object again. That comes to nothing: a callback that begins
     * after this finds the callable muted, and one that has begun is waited for. */
    void end_callbacks() noexcept
    {
        box_->mute();
        Kind::stop(this->handle_);
        tp_status_t status = Kind::wait(this->handle_, true, TP_INFINITE);
        (void)status;
    }

    void finish(tp_status_t status)
    {
        check(status, Kind::wait_name);
        if (std::exception_ptr thrown = take_exception())
            fail(std::move(thrown));
    }

    box_base *box_ = nullptr;
};

/* For constructors that take a callable, but not what copies and moves take. */
template <class Self, class Callable>
using if_callable = std::enable_if_t<!std::is_base_of_v<Self, std::decay_t<Callable>> &&
                                     !std::is_same_v<std::decay_t<Callable>, std::nullptr_t>>;

} // namespace detail

} // namespace tp

#endif
