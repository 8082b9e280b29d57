/* peer.c - what the other side of a file does, as the scenario has it. */
#include "core/os/sim/content.h"
#include "core/os/sim/transfer.h"

#define LATENCY_NS INT64_C(1000000) /* of a device, if the scenario says nothing */

/* ---- the other side -------------------------------------------------------------------------- */

static struct tpps_traffic *of(int number, const char *what, bool disk, uint32_t *file_out)
{
    uint32_t kind;
    tpps_point_(TPPS_OP_POLLER, NULL, NULL);
    *file_out = tpps_file_outside_(number, what);
    kind = tpps_file_kind_(*file_out);
    if (disk ? kind != TPPS_REGULAR && kind != TPPS_DIRECT
             : kind != TPPS_STREAM && kind != TPPS_SOCKET)
        tpps_fail("%s of descriptor %d, which is of another kind", what, number);
    return &tpps_traffic_[*file_out];
}

void tpps_stream_send(int number, const void *data, uint64_t size)
{
    uint32_t file;
    struct tpps_traffic *t = of(number, "feeding", false, &file);
    tpps_content_feed_(file, t->taken + t->unread, data, size);
    t->unread += size;
    tpps_traffic_changed_(file);
}

void tpps_stream_feed(int number, uint64_t bytes)
{
    tpps_stream_send(number, NULL, bytes);
}

void tpps_stream_room(int number, uint64_t bytes)
{
    uint32_t file;
    of(number, "giving room", false, &file)->room += bytes;
    tpps_traffic_changed_(file);
}

void tpps_stream_end(int number)
{
    uint32_t file;
    of(number, "end", false, &file)->ended = true;
    tpps_traffic_changed_(file);
}

void tpps_stream_hang_up(int number)
{
    uint32_t file;
    of(number, "hanging up", false, &file)->hung_up = true;
    tpps_traffic_changed_(file);
}

void tpps_stream_nonblocking(int number, bool nonblocking)
{
    uint32_t file;
    of(number, "O_NONBLOCK", false, &file)->nonblocking = nonblocking;
}

void tpps_socket_offer(int number, uint32_t connections)
{
    uint32_t file;
    struct tpps_traffic *t = of(number, "connecting to", false, &file);
    t->listens = true;
    t->offered += connections;
    tpps_traffic_changed_(file);
}

void tpps_socket_answer(int number, int error)
{
    uint32_t file;
    struct tpps_traffic *t = of(number, "answering", false, &file);
    t->answered = true;
    t->answer = error;
    tpps_traffic_changed_(file);
}

void tpps_disk_set(int number, uint64_t size, bool cached, int64_t latency_ns)
{
    uint32_t file;
    struct tpps_traffic *t = of(number, "setting up", true, &file);
    t->size = size;
    t->cached = cached;
    t->latency = latency_ns;
}

void tpps_next_error(int number, int error)
{
    uint32_t file;
    tpps_point_(TPPS_OP_POLLER, NULL, NULL);
    file = tpps_file_outside_(number, "an error");
    tpps_traffic_[file].error = error;
    tpps_traffic_changed_(file);
}

uint64_t tpps_bytes_read(int number)
{
    uint32_t file = tpps_file_of_(number);
    return file != TPPS_NO_FILE ? tpps_traffic_[file].taken : 0;
}

uint64_t tpps_bytes_written(int number)
{
    uint32_t file = tpps_file_of_(number);
    return file != TPPS_NO_FILE ? tpps_traffic_[file].given : 0;
}

/* ---- a file is made ------------------------------------------------------------------------- */

void tpps_transfer_new_(uint32_t file)
{
    tpps_traffic_[file] = (struct tpps_traffic){.latency = LATENCY_NS};
    tpps_content_new_(file);
}
