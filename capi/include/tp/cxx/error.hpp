/* error.hpp - statuses as exceptions, and what concerns the library as a whole. */
#ifndef TP_CXX_ERROR_HPP
#define TP_CXX_ERROR_HPP

#include <exception>
#include <new>
#include <string>
#include <system_error>
#include <utility>

#include "tp/library.h"
#include "tp/version.h"

namespace tp
{

namespace detail
{

class status_category final : public std::error_category
{
  public:
    const char *name() const noexcept override
    {
        return "tp";
    }

    std::string message(int status) const override
    {
        return tp_status_message(status);
    }

    std::error_condition default_error_condition(int status) const noexcept override
    {
        switch (status) {
        case TP_ERR_ARGUMENT:
        case TP_ERR_VERSION:
            return std::errc::invalid_argument;
        case TP_ERR_NO_MEMORY:
            return std::errc::not_enough_memory;
        case TP_ERR_NO_THREAD:
        case TP_ERR_TOO_MANY_THREADS:
            return std::errc::resource_unavailable_try_again;
        case TP_ERR_BUSY:
            return std::errc::device_or_resource_busy;
        case TP_ERR_DEADLOCK:
            return std::errc::resource_deadlock_would_occur;
        case TP_ERR_TIMEOUT:
            return std::errc::timed_out;
        case TP_ERR_NOT_OWNER:
            return std::errc::operation_not_permitted;
        case TP_ERR_UNSUPPORTED:
            return std::errc::operation_not_supported;
        default:
            return std::error_condition(status, *this);
        }
    }
};

} // namespace detail

/** The category of std::error_code whose values are tp_status_t. It is there for as long as any
 *  thread runs, also while the process ends. */
inline const std::error_category &category() noexcept
{
    alignas(detail::status_category) static unsigned char place[sizeof(detail::status_category)];
    static const detail::status_category &the_one = *new (place) detail::status_category;
    return the_one;
}

/** What a call throws that has failed. what() begins with the function of C that refused.
 *
 *  `code() == std::errc::timed_out` and the like hold where the standard has a word for it. */
class error : public std::system_error
{
  public:
    error(tp_status_t status, const char *function)
        : error(status, function, status == TP_ERR_SYSTEM ? tp_last_errno() : 0)
    {
    }

    /** TP_ERR_*. */
    tp_status_t status() const noexcept
    {
        return code().value();
    }

    /** The errno behind TP_ERR_SYSTEM, else 0. */
    int system_errno() const noexcept
    {
        return errno_;
    }

  private:
    error(tp_status_t status, const char *function, int system_errno)
        : std::system_error(status, category(), text(function, system_errno)), errno_(system_errno)
    {
    }

    static std::string text(const char *function, int system_errno)
    {
        if (system_errno == 0)
            return function;
        return function + (": " + std::generic_category().message(system_errno));
    }

    int errno_;
};

namespace detail
{

#if defined(__cpp_exceptions)
[[noreturn]] inline void fail(tp_status_t status, const char *function)
{
    throw error(status, function);
}

[[noreturn]] inline void fail(std::exception_ptr kept)
{
    std::rethrow_exception(std::move(kept));
}
#else
[[noreturn]] inline void fail(tp_status_t, const char *)
{
    std::terminate();
}

[[noreturn]] inline void fail(std::exception_ptr)
{
    std::terminate();
}
#endif

inline void check(tp_status_t status, const char *function)
{
    if (status != TP_OK)
        fail(status, function);
}

} // namespace detail

/** The version of the library that is running, comparable with TP_VERSION_NUMBER. */
inline uint32_t version() noexcept
{
    return tp_version();
}

inline const char *version_string() noexcept
{
    return tp_version_string();
}

/** "TP_ERR_TIMEOUT" and the like; never NULL. */
inline const char *status_name(tp_status_t status) noexcept
{
    return tp_status_name(status);
}

/** tp_set_allocator: before anything else of the library is called. Throws tp::error. */
inline void set_allocator(const tp_allocator_t &allocator)
{
    detail::check(tp_set_allocator(&allocator), "tp_set_allocator");
}

/** An allocator of which nothing is set but its size. */
inline tp_allocator_t empty_allocator() noexcept
{
    tp_allocator_t allocator;
    tp_allocator_init(&allocator);
    return allocator;
}

/** tp_set_misuse_hook: who hears of every detected misuse; NULL for nobody. It must not throw. */
inline void set_misuse_hook(tp_misuse_fn hook, void *context = nullptr) noexcept
{
    tp_set_misuse_hook(hook, context);
}

} // namespace tp

#endif
