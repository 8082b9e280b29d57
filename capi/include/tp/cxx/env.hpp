/* env.hpp - environments: the choices an object copies when it is made; and cleanup groups. */
#ifndef TP_CXX_ENV_HPP
#define TP_CXX_ENV_HPP

#include <cstddef>
#include <utility>

#include "tp/cxx/callable.hpp"
#include "tp/cxx/pool.hpp"
#include "tp/env.h"
#include "tp/group.h"

namespace tp
{

namespace detail
{

/* The cleanup_context of a group that is closed from C++: what to call for each member. */
struct on_cancel {
    void (*call)(void *callable);
    void *callable;
};

inline void cancelled(void *, void *cleanup_context) noexcept
{
    if (cleanup_context != nullptr) {
        const on_cancel *told = static_cast<const on_cancel *>(cleanup_context);
        told->call(told->callable);
    }
}

/* An environment whose objects have a box for their context. */
inline tp_status_t make_env(tp_env_t **env_out) noexcept
{
    tp_status_t status = tp_env_create(env_out);
    if (status == TP_OK)
        tp_env_set_context_release(*env_out, box_base::given_back);
    return status;
}

} // namespace detail

/** Many objects that are waited for, cancelled and closed together. With the object the members are
 *  cancelled, waited for and closed, then the group; that may not be in a callback of a member.
 *
 *  An object of C++ that was a member may outlive this; it has nothing to close any more. All
 *  functions may be called on any thread. */
class group
{
  public:
    /** Throws tp::error: TP_ERR_NO_MEMORY. */
    group()
    {
        detail::check(try_create(), "tp_cleanup_group_create");
    }

    /** No group yet. */
    explicit group(std::nullptr_t) noexcept
    {
    }

    group(group &&other) noexcept : handle_(std::exchange(other.handle_, nullptr))
    {
    }

    group &operator=(group &&other) noexcept
    {
        if (this != &other) {
            close();
            handle_ = std::exchange(other.handle_, nullptr);
        }
        return *this;
    }

    ~group()
    {
        close();
    }

    [[nodiscard]] tp_status_t try_create() noexcept
    {
        tp_cleanup_group_t *made;
        tp_status_t status = tp_cleanup_group_create(&made);
        if (status == TP_OK) {
            close();
            handle_ = made;
        }
        return status;
    }

    /** Closes the members there are, when all that was queued has run or been dropped, and what
     *  was running is over. The group may be used again. Blocks. Throws tp::error: TP_ERR_DEADLOCK
     *  in a callback of a member. */
    void close_members(pending what) const
    {
        detail::check(try_close_members(what), "tp_cleanup_group_close_members");
    }

    /** Cancels what is queued, and has `cancelled` called on this thread for each member that was
     *  not closed on its own. It must not throw. */
    template <class Callable> void cancel_members(Callable &&cancelled) const
    {
        using plain = std::remove_reference_t<Callable>;
        detail::on_cancel told = {
            [](void *callable) { (*static_cast<plain *>(callable))(); },
            const_cast<void *>(static_cast<const void *>(std::addressof(cancelled)))};
        detail::check(tp_cleanup_group_close_members(handle_, true, &told),
                      "tp_cleanup_group_close_members");
    }

    tp_status_t try_close_members(pending what) const noexcept
    {
        return tp_cleanup_group_close_members(handle_, what == pending::cancel, nullptr);
    }

    void close() noexcept
    {
        if (handle_ == nullptr)
            return;
        tp_cleanup_group_close_members(handle_, true, nullptr);
        tp_cleanup_group_close(std::exchange(handle_, nullptr));
    }

    explicit operator bool() const noexcept
    {
        return handle_ != nullptr;
    }

    tp_cleanup_group_t *native_handle() const noexcept
    {
        return handle_;
    }

  private:
    tp_cleanup_group_t *handle_ = nullptr;
};

enum class priority : uint32_t {
    high = TP_PRIORITY_HIGH,
    normal = TP_PRIORITY_NORMAL,
    low = TP_PRIORITY_LOW
};

/** The choices that objects copy when they are made with it: `tp::env().set_pool(pool)`. It owns
 *  nothing it names, and may end before the objects. The setters throw tp::error, TP_ERR_HANDLE for
 *  a pool or group that is not open. Setters are to be kept apart from everything else that is done
 *  with the same environment; objects may be made with it on several threads at once. */
class env
{
  public:
    /** All defaults: the pool of the process, normal priority. Throws tp::error. */
    env()
    {
        detail::check(try_create(), "tp_env_create");
    }

    /** No environment yet. */
    explicit env(std::nullptr_t) noexcept
    {
    }

    env(env &&other) noexcept : handle_(std::exchange(other.handle_, nullptr))
    {
    }

    env &operator=(env &&other) noexcept
    {
        if (this != &other)
            tp_env_destroy(std::exchange(handle_, std::exchange(other.handle_, nullptr)));
        return *this;
    }

    ~env()
    {
        tp_env_destroy(handle_);
    }

    [[nodiscard]] tp_status_t try_create() noexcept
    {
        tp_env_t *made;
        tp_status_t status = detail::make_env(&made);
        if (status == TP_OK)
            tp_env_destroy(std::exchange(handle_, made));
        return status;
    }

    env &set_pool(pool_ref pool)
    {
        return checked(tp_env_set_pool(handle_, pool.native_handle()), "tp_env_set_pool");
    }

    env &set_priority(priority level)
    {
        return checked(tp_env_set_priority(handle_, static_cast<tp_priority_t>(level)),
                       "tp_env_set_priority");
    }

    env &set_runs_long(bool runs_long = true)
    {
        return checked(tp_env_set_runs_long(handle_, runs_long), "tp_env_set_runs_long");
    }

    /** On the one thread of the pool that never retires. */
    env &set_persistent(bool persistent = true)
    {
        return checked(tp_env_set_persistent(handle_, persistent), "tp_env_set_persistent");
    }

    /** What dlopen returned for the library that holds the callbacks; NULL = none. */
    env &set_library(void *dlopen_handle)
    {
        return checked(tp_env_set_library(handle_, dlopen_handle), "tp_env_set_library");
    }

    env &set_group(const group &members)
    {
        return checked(
            tp_env_set_cleanup_group(handle_, members.native_handle(), detail::cancelled),
            "tp_env_set_cleanup_group");
    }

    /** `env.set_finalizer<function>()`: called with the tp::instance& after each callback, before
     *  the completion actions. What it throws ends the process. */
    template <void (*Finalizer)(instance &)> env &set_finalizer()
    {
        return checked(tp_env_set_finalizer(handle_,
                                            [](tp_callback_instance_t *handle, void *) {
                                                instance current(handle);
                                                Finalizer(current);
                                            }),
                       "tp_env_set_finalizer");
    }

    /** How many callbacks of one object run at a time; 0 = no limit. */
    env &set_concurrency_limit(uint32_t limit)
    {
        return checked(tp_env_set_concurrency_limit(handle_, limit),
                       "tp_env_set_concurrency_limit");
    }

    /** For messages, probes and dumps; copied. */
    env &set_name(const char *name)
    {
        return checked(tp_env_set_name(handle_, name), "tp_env_set_name");
    }

    /** Its tp_env_set_context_release is taken: the contexts are C++'s. */
    tp_env_t *native_handle() const noexcept
    {
        return handle_;
    }

  private:
    env &checked(tp_status_t status, const char *function)
    {
        detail::check(status, function);
        return *this;
    }

    tp_env_t *handle_ = nullptr;
};

} // namespace tp

#endif
