/* io_test.cpp - every operation of an I/O object, from C++. */
#include "tests/cpp/scene.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>
#include <vector>

/* An I/O object whose operations come one by one. The key is the object itself. */
struct stepwise {
    tp::event told;
    tp::io_result last{};
    tp::io io;

    stepwise(int fd, const tp::env &env)
        : io(
              fd,
              [this](tp::instance &now, const tp::io_result &result) {
                  last = result;
                  now.set_on_return(told);
              },
              env)
    {
    }

    /* What the operation transferred, or minus an errno. */
    int64_t operator()(const tp::io_op &op)
    {
        io.submit(op);
        told.wait();
        check(last.operation == op.operation);
        return last.error != 0 ? -int64_t(last.error) : int64_t(last.bytes);
    }
};

TAP_TEST(io__files_are_read_written_and_synchronised)
{
    scene here;
    FILE *file = tmpfile();
    require(file != nullptr);
    stepwise step(fileno(file), here.env);
    char text[16] = "", more[4] = "";
    iovec parts[] = {{text, 4}, {more, 3}};
    check_eq(step(tp::io_op::write(&step, "0123456789", 10, 0)), 10);
    check_eq(step(tp::io_op::read(&step, text, sizeof text, 2)), 8);
    check(std::strcmp(text, "23456789") == 0);
    check_eq(step(tp::io_op::readv(&step, parts, 2, 3)), 7);
    check(std::memcmp(text, "3456", 4) == 0 && std::memcmp(more, "789", 3) == 0);
    check_eq(step(tp::io_op::writev(&step, parts, 2, 10)), 7);
    check_eq(step(tp::io_op::fsync(&step)), 0);
    check_eq(step(tp::io_op::fdatasync(&step)), 0);
    check_eq(step(tp::io_op::read(&step, text, sizeof text, 17)), 0); /* the end */
    check(!step.last.code());
    fclose(file);
}

TAP_TEST(io__sockets_connect_accept_send_and_receive)
{
    scene here;
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address = {};
    address.sun_family = AF_UNIX; /* a name of its own, given by the kernel */
    socklen_t length = sizeof(sa_family_t);
    require(bind(listener, reinterpret_cast<sockaddr *>(&address), length) == 0);
    length = sizeof address;
    require(getsockname(listener, reinterpret_cast<sockaddr *>(&address), &length) == 0);
    require(listen(listener, 1) == 0);

    stepwise accepting(listener, here.env), connecting(client, here.env);
    uint32_t address_length = length;
    check_eq(connecting(tp::io_op::connect(&client, &address, &address_length)), 0);
    int server = static_cast<int>(accepting(tp::io_op::accept(&listener)));
    require(server >= 0);
    stepwise serving(server, here.env);

    char text[16] = "";
    check_eq(connecting(tp::io_op::send(&client, "hello", 5, MSG_NOSIGNAL)), 5);
    check_eq(serving(tp::io_op::poll(&server, POLLIN)), POLLIN);
    check_eq(serving(tp::io_op::recv(&server, text, sizeof text)), 5);
    check(std::strcmp(text, "hello") == 0);
    iovec part = {text, 5};
    msghdr message = {};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    check_eq(serving(tp::io_op::sendmsg(&server, &message)), 5);
    check_eq(connecting(tp::io_op::recvmsg(&client, &message)), 5);
    close(client);
    close(server);
    close(listener);
}

TAP_TEST(io__an_error_is_a_result)
{
    scene here;
    int ends[2];
    require(pipe(ends) == 0);
    stepwise step(ends[0], here.env);
    char byte = 0;
    check_eq(step(tp::io_op::fsync(&byte)), -EINVAL);
    check(step.last.code() == std::errc::invalid_argument);
    tp::set_misuse_hook(nullptr);
    check_eq(status_of([&] { step.io.submit(tp::io_op(99, &byte)); }), TP_ERR_ARGUMENT);
    close(ends[0]);
    close(ends[1]);
}

TAP_TEST(io__several_are_started_at_once_and_ended_by_key)
{
    scene here;
    int ends[2];
    require(pipe(ends) == 0);
    std::atomic<int> told{0}, aborted{0};
    tp::io io(
        ends[0],
        [&](tp::instance &, tp::io_ref self, const tp::io_result &result) {
            told++;
            aborted += result.code() == std::errc::operation_canceled && self;
        },
        here.env);
    char bytes[3];
    std::vector<tp::io_op> ops;
    for (char &byte : bytes)
        ops.push_back(tp::io_op::read(&byte, &byte, 1));
    ops.push_back(ops[0]); /* its key is in flight */
    uint32_t started = 9;
    check_eq(io.try_submit_many(ops.data(), 4, &started), TP_ERR_EXISTS);
    check_eq(started, 3);
    for (char &byte : bytes)
        check(io.abort(&byte));
    io.wait();
    check_eq(aborted, 3);
    tp::set_misuse_hook(nullptr);
    check(!io.abort(&bytes[0]));
    close(ends[0]);
    close(ends[1]);
}

TAP_TEST(io__completions_come_from_elsewhere_too)
{
    scene here;
    int ends[2];
    require(pipe(ends) == 0);
    int key = 0;
    tp::io_result told{};
    tp::io io(
        ends[0], [&](const tp::io_result &result) { told = result; }, here.env);
    io.start();
    io.complete({&key, ENOSPC, 12});
    io.wait();
    check(told.operation == &key && told.error == ENOSPC && told.bytes == 12);
    io.start();
    io.cancel();
    tp::set_misuse_hook(nullptr);
    check_eq(io.try_complete({&key, 0, 0}), TP_ERR_STATE);
    check_eq(status_of([&] { io.cancel(); }), TP_ERR_STATE);
    tp::io same;
    check_eq(same.try_create(
                 ends[0], [](tp::io_result) {}, here.env),
             TP_ERR_EXISTS);
    check_eq(same.try_create(ends[1], [](tp::io_result) {}), TP_OK);
    close(ends[0]);
    close(ends[1]);
}

int main()
{
    tap_run(io__files_are_read_written_and_synchronised);
    tap_run(io__sockets_connect_accept_send_and_receive);
    tap_run(io__an_error_is_a_result);
    tap_run(io__several_are_started_at_once_and_ended_by_key);
    tap_run(io__completions_come_from_elsewhere_too);
    return tap_done();
}
