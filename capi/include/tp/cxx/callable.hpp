/* callable.hpp - a callable as the context of an object of C: where it lives, and what it throws.
 *
 * Nothing here is for users but the two policies for exceptions. */
#ifndef TP_CXX_CALLABLE_HPP
#define TP_CXX_CALLABLE_HPP

#include <atomic>
#include <exception>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include "tp/cxx/instance.hpp"

namespace tp
{

namespace detail
{

/* The first exception of several, until a waiter takes it. */
class failure
{
  public:
    void keep(std::exception_ptr thrown) noexcept
    {
        unsigned char expected = EMPTY;
        if (!state_.compare_exchange_strong(expected, BUSY, std::memory_order_acquire))
            return;
        thrown_ = std::move(thrown);
        state_.store(FULL, std::memory_order_release);
    }

    std::exception_ptr take() noexcept
    {
        unsigned char expected = FULL;
        if (!state_.compare_exchange_strong(expected, BUSY, std::memory_order_acquire))
            return nullptr;
        std::exception_ptr taken = std::exchange(thrown_, nullptr);
        state_.store(EMPTY, std::memory_order_release);
        return taken;
    }

  private:
    enum : unsigned char { EMPTY, BUSY, FULL };

    std::atomic<unsigned char> state_{EMPTY};
    std::exception_ptr thrown_;
};

/* The context of an object. The library and the object of C++ hold it, each once; the callable in
 * it ends when the library gives the context back, the rest with the last holder. */
class box_base
{
  public:
    explicit box_base(unsigned holders) noexcept : holders_(holders)
    {
    }

    box_base(const box_base &) = delete;
    box_base &operator=(const box_base &) = delete;

    /* The function of tp_env_set_context_release. */
    static void given_back(void *context) noexcept
    {
        box_base *self = static_cast<box_base *>(context);
        self->end_callable();
        self->given_back_.store(true, std::memory_order_relaxed);
        self->let_go();
    }

    /* The object of C is gone, closed by its group: a hint, of which nothing else depends. */
    bool is_given_back() const noexcept
    {
        return given_back_.load(std::memory_order_relaxed);
    }

    void let_go() noexcept
    {
        if (holders_.fetch_sub(1, std::memory_order_acq_rel) == 1)
            delete this;
    }

    /* From now on the callable is not called any more, whatever callbacks are still to come. */
    void mute() noexcept
    {
        muted_.store(true);
    }

    bool is_muted() const noexcept
    {
        return muted_.load();
    }

    /* Where the library never had it. */
    void drop() noexcept
    {
        end_callable();
        delete this;
    }

    failure thrown;

  protected:
    virtual ~box_base() = default;
    virtual void end_callable() noexcept = 0;

  private:
    std::atomic<unsigned> holders_;
    std::atomic<bool> given_back_{false}, muted_{false};
};

template <class> inline constexpr bool never = false;

/* A callable takes all there is to tell, or less. */
template <class Callable, class Ref, class... Facts>
void invoke(Callable &callable, instance &current, Ref object, Facts... facts)
{
    if constexpr (std::is_invocable_v<Callable &, instance &, Ref, Facts...>)
        callable(current, object, facts...);
    else if constexpr (std::is_invocable_v<Callable &, instance &, Facts...>)
        callable(current, facts...);
    else if constexpr (std::is_invocable_v<Callable &, Facts...>)
        callable(facts...);
    else if constexpr (std::is_invocable_v<Callable &, instance &>)
        callable(current);
    else if constexpr (std::is_invocable_v<Callable &>)
        callable();
    else
        static_assert(never<Callable>, "the callable does not take what this callback is told");
}

} // namespace detail

/** What a callback throws is kept, the first of several, and thrown again by the next wait() for
 *  the object. Who never waits never hears of it. */
struct rethrow_to_waiter {
    template <class Call> static void run(detail::failure &thrown, Call call);
};

/** An exception that leaves a callback ends the process, with a message that holds the name of the
 *  object's environment. */
struct end_the_process {
    template <class Call> static void run(detail::failure &, Call call)
    {
        call();
    }
};

#if defined(__cpp_exceptions)
/* A thread that ends in a callback (pthread_exit) unwinds too: that is no exception, and cannot be
 * kept. One that can is handed on when it is handled here, so that its last holder is the waiter. */
template <class Call> void rethrow_to_waiter::run(detail::failure &thrown, Call call)
{
    std::exception_ptr caught;
    try {
        call();
    } catch (...) {
        caught = std::current_exception();
        if (!caught)
            throw;
    }
    if (caught)
        thrown.keep(std::move(caught));
}
#else
template <class Call> void rethrow_to_waiter::run(detail::failure &, Call call)
{
    call();
}
#endif

namespace detail
{

template <class Callable, class OnThrow> class box final : public box_base
{
  public:
    template <class From>
    box(unsigned holders, From &&from) : box_base(holders), callable_(std::forward<From>(from))
    {
    }

    ~box() override
    {
    }

    template <class Ref, class... Facts>
    static void run(void *context, tp_callback_instance_t *handle, Ref object, Facts... facts)
    {
        box *self = static_cast<box *>(static_cast<box_base *>(context));
        if (self->is_muted())
            return;
        instance current(handle);
        OnThrow::run(self->thrown,
                     [&] { detail::invoke(self->callable_, current, object, facts...); });
    }

  private:
    void end_callable() noexcept override
    {
        std::destroy_at(std::addressof(callable_));
    }

    union {
        Callable callable_; /* it ends before the box */
    };
};

} // namespace detail

} // namespace tp

#endif
