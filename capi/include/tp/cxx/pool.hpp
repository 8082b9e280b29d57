/* pool.hpp - pools: worker threads and the queues they empty. */
#ifndef TP_CXX_POOL_HPP
#define TP_CXX_POOL_HPP

#include <cstddef>
#include <utility>

#include "tp/cxx/error.hpp"
#include "tp/cxx/time.hpp"
#include "tp/instance.h"
#include "tp/pool.h"

namespace tp
{

/** What becomes of posts that are queued. */
enum class pending { run, cancel };

/** How a pool is made: tp_pool_config_t, whose fields may be set directly too. Throws nothing;
 *  what makes no sense is refused when the pool is made. */
class pool_config : public tp_pool_config_t
{
  public:
    pool_config() noexcept
    {
        tp_pool_config_init(this);
    }

    /** 0 for the maximum means the default, 500. */
    pool_config &set_threads(uint32_t minimum, uint32_t maximum) noexcept
    {
        thread_minimum = minimum;
        thread_maximum = maximum;
        return *this;
    }

    /** Bytes. */
    pool_config &set_stack(uint64_t reserve, uint64_t commit = 0) noexcept
    {
        stack_reserve = reserve;
        stack_commit = commit;
        return *this;
    }

    /** How long a surplus thread stays idle before it retires. */
    template <class Rep, class Period>
    pool_config &set_idle_timeout(std::chrono::duration<Rep, Period> time) noexcept
    {
        idle_timeout = detail::to_ns(time);
        return *this;
    }

    /** Simple callbacks pending before TP_ERR_BUSY; 0 = no limit. */
    pool_config &set_queue_limit(uint32_t limit) noexcept
    {
        queue_limit = limit;
        return *this;
    }

    /** TP_IO_BACKEND_*. */
    pool_config &set_io_backend(uint32_t backend) noexcept
    {
        io_backend = backend;
        return *this;
    }

    /** Borrowed until the pool is made. */
    pool_config &set_name(const char *text) noexcept
    {
        name = text;
        return *this;
    }

    /** First and last on each thread of the pool; they must not throw. */
    pool_config &set_thread_hooks(void (*start)(void *), void (*stop)(void *),
                                  void *context = nullptr) noexcept
    {
        on_thread_start = start;
        on_thread_stop = stop;
        hook_context = context;
        return *this;
    }

    /** No threads of its own: see pool_ref::run. */
    pool_config &set_caller_driven() noexcept
    {
        flags |= TP_POOL_CALLER_DRIVEN;
        return *this;
    }
};

struct stack_sizes {
    uint64_t reserve; /**< bytes */
    uint64_t commit;  /**< bytes */
};

/** A pool that somebody else keeps open. As cheap as the handle, and as safe: a stale one gives
 *  TP_ERR_HANDLE. All functions may be called on any thread; those that can fail throw tp::error,
 *  for the reasons that tp/pool.h tells. */
class pool_ref
{
  public:
    pool_ref() noexcept = default;

    explicit pool_ref(tp_pool_t *handle) noexcept : handle_(handle)
    {
    }

    /** The pool of the process, which objects use that are made without an environment. */
    static pool_ref process()
    {
        pool_ref result;
        detail::check(tp_pool_default(&result.handle_), "tp_pool_default");
        return result;
    }

    explicit operator bool() const noexcept
    {
        return handle_ != nullptr;
    }

    tp_pool_t *native_handle() const noexcept
    {
        return handle_;
    }

    /** The threads that are missing exist when this returns. */
    void set_thread_minimum(uint32_t minimum) const
    {
        detail::check(tp_pool_set_thread_minimum(handle_, minimum), "tp_pool_set_thread_minimum");
    }

    void set_thread_maximum(uint32_t maximum) const
    {
        detail::check(tp_pool_set_thread_maximum(handle_, maximum), "tp_pool_set_thread_maximum");
    }

    /** Of the threads that are started from now on. */
    void set_stack(stack_sizes sizes) const
    {
        detail::check(tp_pool_set_stack(handle_, sizes.reserve, sizes.commit), "tp_pool_set_stack");
    }

    stack_sizes stack() const
    {
        stack_sizes sizes;
        detail::check(tp_pool_get_stack(handle_, &sizes.reserve, &sizes.commit),
                      "tp_pool_get_stack");
        return sizes;
    }

    tp_pool_stats_t stats() const
    {
        tp_pool_stats_t stats;
        tp_pool_stats_init(&stats);
        detail::check(tp_pool_get_stats(handle_, &stats), "tp_pool_get_stats");
        return stats;
    }

    /** What the pool is doing, as text for people. */
    void dump(int fd) const
    {
        detail::check(tp_pool_dump(handle_, fd), "tp_pool_dump");
    }

    /** Runs callbacks of a caller-driven pool on the calling thread: at most so many, 0 for all
     *  there are. Waits for the first as long as told, and returns how many ran. */
    template <class Rep, class Period>
    uint32_t run(uint32_t max_callbacks, std::chrono::duration<Rep, Period> timeout) const
    {
        uint32_t ran;
        tp_status_t status = try_run(max_callbacks, timeout, ran);
        if (status != TP_ERR_TIMEOUT)
            detail::check(status, "tp_pool_run");
        return ran;
    }

    /** Runs what there is, without waiting. */
    uint32_t run() const
    {
        return run(0, std::chrono::nanoseconds(0));
    }

    template <class Rep, class Period>
    tp_status_t try_run(uint32_t max_callbacks, std::chrono::duration<Rep, Period> timeout,
                        uint32_t &ran) const noexcept
    {
        return tp_pool_run(handle_, max_callbacks, detail::to_ns(timeout), &ran);
    }

    /** Readable whenever run would find something to do; the pool owns it. */
    int poll_fd() const
    {
        int fd;
        detail::check(tp_pool_poll_fd(handle_, &fd), "tp_pool_poll_fd");
        return fd;
    }

  protected:
    tp_pool_t *handle_ = nullptr;
};

/** A private pool. Closed with the object, without blocking: what has been made in it keeps working,
 *  and the last of it ends the threads. What a caller-driven pool has queued is dropped. */
class pool : public pool_ref
{
  public:
    /** Throws tp::error, for the reasons of tp_pool_create. */
    explicit pool(const pool_config &config = pool_config())
    {
        detail::check(try_create(config), "tp_pool_create");
    }

    /** No pool yet. */
    explicit pool(std::nullptr_t) noexcept
    {
    }

    pool(pool &&other) noexcept : pool_ref(std::exchange(other.handle_, nullptr))
    {
    }

    pool &operator=(pool &&other) noexcept
    {
        if (this != &other) {
            close();
            handle_ = std::exchange(other.handle_, nullptr);
        }
        return *this;
    }

    ~pool()
    {
        close();
    }

    [[nodiscard]] tp_status_t try_create(const pool_config &config) noexcept
    {
        tp_pool_t *made;
        tp_status_t status = tp_pool_create(&config, &made);
        if (status == TP_OK) {
            close();
            handle_ = made;
        }
        return status;
    }

    /** Runs or drops what is queued, and ends the threads. False if the time ran out first: the
     *  pool stays shut, call again. Throws tp::error: TP_ERR_DEADLOCK in a callback of the pool. */
    template <class Rep, class Period>
    bool shutdown(pending what, std::chrono::duration<Rep, Period> timeout)
    {
        tp_status_t status =
            tp_pool_shutdown(handle_, what == pending::cancel, detail::to_ns(timeout));
        if (status == TP_ERR_TIMEOUT)
            return false;
        detail::check(status, "tp_pool_shutdown");
        handle_ = nullptr;
        return true;
    }

    void shutdown(pending what)
    {
        shutdown(what, infinite);
    }

    void close() noexcept
    {
        tp_pool_t *closing = std::exchange(handle_, nullptr);
        tp_status_t status = tp_pool_close(closing);
        if (status == TP_ERR_BUSY)
            status = tp_pool_shutdown(closing, true, TP_INFINITE);
        (void)status;
    }
};

/** Around a stretch of a callback that blocks, so that the pool may use another thread meanwhile.
 *  Elsewhere it has no effect, but the misuse hook is told. */
class blocking
{
  public:
    blocking() noexcept : begun_(tp_blocking_begin() == TP_OK)
    {
    }

    blocking(const blocking &) = delete;
    blocking &operator=(const blocking &) = delete;

    ~blocking()
    {
        if (begun_)
            tp_blocking_end();
    }

  private:
    bool begun_;
};

} // namespace tp

#endif
