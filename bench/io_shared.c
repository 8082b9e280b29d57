/* io_shared.c - what the sides of io.h share: threads, memory, connections of loops. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "bench/io.h"
#include "bench/measure.h"

void io_tell(const char *metric, double value, const char *unit)
{
    printf("%s %.6f %s\n", metric, value, unit);
}

void io_start_thread(void *(*function)(void *), void *argument)
{
    pthread_t thread;
    must(pthread_create(&thread, NULL, function, argument) == 0);
    must(pthread_detach(thread) == 0);
}

void *io_room(size_t count, size_t size)
{
    size_t bytes = (count * size + IO_BLOCK - 1) / IO_BLOCK * IO_BLOCK;
    void *memory = aligned_alloc(IO_BLOCK, bytes);
    must(memory);
    memset(memory, 0, bytes);
    return memory;
}

struct io_connection *io_connections(const int *descriptors, unsigned count)
{
    struct io_connection *connections = io_room(count, sizeof *connections);
    unsigned char *rooms = io_room(count, IO_ROOM);
    for (unsigned i = 0; i < count; i++) {
        connections[i].descriptor = descriptors[i];
        connections[i].room = rooms + (size_t)i * IO_ROOM;
    }
    return connections;
}

enum io_wish io_connection_ready(struct io_connection *connection)
{
    if (connection->sent == connection->held) {
        ssize_t received = recv(connection->descriptor, connection->room, IO_ROOM, 0);
        if (received < 0 && errno == EAGAIN)
            return IO_READABLE;
        if (received <= 0)
            return IO_NOTHING;
        connection->sent = 0;
        connection->held = (size_t)received;
    }
    ssize_t sent = send(connection->descriptor, connection->room + connection->sent,
                        connection->held - connection->sent, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN)
        return IO_NOTHING;
    connection->sent += sent > 0 ? (size_t)sent : 0;
    return connection->sent == connection->held ? IO_READABLE : IO_WRITABLE;
}
