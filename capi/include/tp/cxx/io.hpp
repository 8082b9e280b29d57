/* io.hpp - I/O: a callable that runs for each read, write, accept ... that is completed. */
#ifndef TP_CXX_IO_HPP
#define TP_CXX_IO_HPP

#include <system_error>

#include "tp/cxx/object.hpp"
#include "tp/io.h"

namespace tp
{

/** One operation: tp_io_op_t, made by the function of its name. The key is handed to the callable,
 *  and unique among the operations of an object that are in flight. What the pointers point to
 *  belongs to the system until the operation has completed. Lengths and offsets are bytes; the
 *  offset -1 is the file's own position, and for whatever has none. */
class io_op : public tp_io_op_t
{
  public:
    explicit io_op(uint32_t opcode_of_c = 0, void *key = nullptr) noexcept
    {
        tp_io_op_init(this);
        opcode = opcode_of_c;
        operation = key;
    }

    static io_op read(void *key, void *to, uint64_t size, int64_t at = -1) noexcept
    {
        return transfer(TP_IO_READ, key, to, size, at);
    }

    static io_op write(void *key, const void *from, uint64_t size, int64_t at = -1) noexcept
    {
        return transfer(TP_IO_WRITE, key, const_cast<void *>(from), size, at);
    }

    /** vectors: an array of struct iovec. */
    static io_op readv(void *key, const void *vectors, uint64_t count, int64_t at = -1) noexcept
    {
        return transfer(TP_IO_READV, key, const_cast<void *>(vectors), count, at);
    }

    static io_op writev(void *key, const void *vectors, uint64_t count, int64_t at = -1) noexcept
    {
        return transfer(TP_IO_WRITEV, key, const_cast<void *>(vectors), count, at);
    }

    /** flags: MSG_*. */
    static io_op recv(void *key, void *to, uint64_t size, uint32_t msg_flags = 0) noexcept
    {
        return transfer(TP_IO_RECV, key, to, size, -1, msg_flags);
    }

    static io_op send(void *key, const void *from, uint64_t size, uint32_t msg_flags = 0) noexcept
    {
        return transfer(TP_IO_SEND, key, const_cast<void *>(from), size, -1, msg_flags);
    }

    /** message: a struct msghdr. */
    static io_op recvmsg(void *key, void *message, uint32_t msg_flags = 0) noexcept
    {
        return transfer(TP_IO_RECVMSG, key, message, 0, -1, msg_flags);
    }

    static io_op sendmsg(void *key, const void *message, uint32_t msg_flags = 0) noexcept
    {
        return transfer(TP_IO_SENDMSG, key, const_cast<void *>(message), 0, -1, msg_flags);
    }

    /** The new descriptor comes as `bytes`. sock_flags: SOCK_NONBLOCK or 0. */
    static io_op accept(void *key, void *peer = nullptr, uint32_t *peer_length = nullptr,
                        uint32_t sock_flags = 0) noexcept
    {
        io_op op(TP_IO_ACCEPT, key);
        op.address = peer;
        op.address_length = peer_length;
        op.flags = sock_flags;
        return op;
    }

    static io_op connect(void *key, const void *peer, uint32_t *peer_length) noexcept
    {
        io_op op(TP_IO_CONNECT, key);
        op.address = const_cast<void *>(peer);
        op.address_length = peer_length;
        return op;
    }

    static io_op fsync(void *key) noexcept
    {
        return io_op(TP_IO_FSYNC, key);
    }

    static io_op fdatasync(void *key) noexcept
    {
        return io_op(TP_IO_FDATASYNC, key);
    }

    /** poll_events: POLLIN ...; those found come as `bytes`. */
    static io_op poll(void *key, uint32_t poll_events) noexcept
    {
        io_op op(TP_IO_POLL, key);
        op.flags = poll_events;
        return op;
    }

  private:
    static io_op transfer(uint32_t opcode, void *key, void *buffer, uint64_t length, int64_t offset,
                          uint32_t flags = 0) noexcept
    {
        io_op op(opcode, key);
        op.buffer = buffer;
        op.length = length;
        op.offset = offset;
        op.flags = flags;
        return op;
    }
};

static_assert(sizeof(io_op) == sizeof(tp_io_op_t), "an array of one is an array of the other");

/** What one operation has come to. */
struct io_result {
    void *operation; /**< the key */
    int32_t error;   /**< 0 or an errno */
    uint64_t bytes;  /**< transferred; see TP_IO_ACCEPT and TP_IO_POLL for what else it may be */

    std::error_code code() const noexcept
    {
        return std::error_code(error, std::generic_category());
    }
};

/** An I/O object that somebody else keeps open: as cheap as the handle, and as safe. All functions
 *  may be called on any thread, also in its own callback; none blocks. */
class io_ref
{
  public:
    io_ref() noexcept = default;

    explicit io_ref(tp_io_t *handle) noexcept : handle_(handle)
    {
    }

    explicit operator bool() const noexcept
    {
        return handle_ != nullptr;
    }

    /** Starts one operation, whose completion is one callback. Throws tp::error, for the reasons of
     *  tp_io_submit; what the operation itself fails with comes to the callable. */
    void submit(const io_op &op) const
    {
        detail::check(try_submit(op), "tp_io_submit");
    }

    tp_status_t try_submit(const io_op &op) const noexcept
    {
        return tp_io_submit(handle_, &op);
    }

    /** Starts several in order and stops at the first that is refused; `submitted`, which may be
     *  NULL, receives how many were started. */
    tp_status_t try_submit_many(const io_op *ops, uint32_t count,
                                uint32_t *submitted = nullptr) const noexcept
    {
        return tp_io_submit_many(handle_, ops, count, submitted);
    }

    /** Asks for the end of an operation: its callback comes all the same. False if it is not in
     *  flight any more. */
    bool abort(void *key) const
    {
        tp_status_t status = tp_io_abort(handle_, key);
        if (status == TP_ERR_ARGUMENT)
            return false;
        detail::check(status, "tp_io_abort");
        return true;
    }

    /** Announces one completion that will come from elsewhere, through complete. */
    void start() const
    {
        detail::check(tp_io_start(handle_), "tp_io_start");
    }

    /** Takes one announcement back. */
    void cancel() const
    {
        detail::check(tp_io_cancel(handle_), "tp_io_cancel");
    }

    /** Queues the callback for what was announced by start. */
    void complete(const io_result &result) const
    {
        detail::check(try_complete(result), "tp_io_complete");
    }

    tp_status_t try_complete(const io_result &result) const noexcept
    {
        return tp_io_complete(handle_, result.operation, result.error, result.bytes);
    }

    tp_io_t *native_handle() const noexcept
    {
        return handle_;
    }

  protected:
    tp_io_t *handle_ = nullptr;
};

namespace detail
{

struct io_kind {
    using handle = tp_io_t;
    using ref = io_ref;
    static constexpr const char *wait_name = "tp_io_wait";

    template <class Box>
    static void callback(tp_callback_instance_t *instance, void *context, void *operation,
                         int32_t error, uint64_t bytes, tp_io_t *io)
    {
        Box::run(context, instance, io_ref(io), io_result{operation, error, bytes});
    }

    static tp_status_t create(int fd, tp_io_fn callback, void *context, const tp_env_t *env,
                              tp_io_t **io_out) noexcept
    {
        return tp_io_create(fd, callback, context, env, io_out);
    }

    static void stop(tp_io_t *) noexcept
    {
    }

    static tp_status_t wait(tp_io_t *io, bool cancel_pending, int64_t timeout) noexcept
    {
        return tp_io_wait(io, cancel_pending, timeout);
    }

    static void close(tp_io_t *io) noexcept
    {
        tp_io_close(io);
    }
};

} // namespace detail

/** A callable that runs for each completed operation on a descriptor. It takes
 *  (tp::instance &, tp::io_ref, tp::io_result), the same without the second, or the result alone.
 *
 *  tp::io waits at its end for what is in flight, so that no buffer is in use any more: abort what
 *  might take long. With io_cancel and io_nowait the buffers must belong to the callable. */
template <class Closing = wait_for_all, class OnThrow = rethrow_to_waiter>
class basic_io : public detail::owner<detail::io_kind, Closing>
{
  public:
    /** None yet. */
    basic_io() noexcept = default;

    /** The library keeps a duplicate of fd. Throws tp::error, for the reasons of tp_io_create. */
    template <class Callable> basic_io(int fd, Callable &&callable)
    {
        detail::check(try_create(fd, std::forward<Callable>(callable)), "tp_io_create");
    }

    template <class Callable> basic_io(int fd, Callable &&callable, const env &choices)
    {
        detail::check(try_create(fd, std::forward<Callable>(callable), choices), "tp_io_create");
    }

    /** Replaces what was there; after an error that is as it was. */
    template <class Callable> [[nodiscard]] tp_status_t try_create(int fd, Callable &&callable)
    {
        return this->template renew<OnThrow>(nullptr, std::forward<Callable>(callable), fd);
    }

    template <class Callable>
    [[nodiscard]] tp_status_t try_create(int fd, Callable &&callable, const env &choices)
    {
        return this->template renew<OnThrow>(&choices, std::forward<Callable>(callable), fd);
    }
};

using io = basic_io<wait_for_all>;
using io_cancel = basic_io<cancel_and_wait>;
using io_nowait = basic_io<no_wait>;

} // namespace tp

#endif
