/* file.c - the functions of tp/sim_file.h. */
#include "capi/sim/internal.h"
#include "core/os/sim/content.h"

int tp_sim_open(uint32_t kind)
{
    if (!tpps_running())
        return -1;
    if (kind > TP_SIM_FILE_DIRECT)
        tpps_fail("tp_sim_open: no kind has the number %u", kind);
    return tpps_descriptor_open(-1, (enum tpps_file)kind);
}

int tp_sim_dup(int fd)
{
    return tpps_running() ? tpps_descriptor_copy(fd, -1) : -1;
}

void tp_sim_close(int fd)
{
    if (tpps_running())
        tpps_descriptor_close(fd);
}

void tp_sim_set_ready(int fd, uint32_t poll_events)
{
    if (tpps_running())
        tpps_descriptor_set_ready(fd, poll_events);
}

void tp_sim_process_end(int fd)
{
    if (tpps_running())
        tpps_process_end(fd);
}

void tp_sim_feed(int fd, const void *data, size_t size)
{
    if (tpps_running())
        tpps_stream_send(fd, data, size);
}

void tp_sim_room(int fd, size_t size)
{
    if (tpps_running())
        tpps_stream_room(fd, size);
}

size_t tp_sim_written(int fd, void *buffer, size_t size)
{
    return tpps_running() ? (size_t)tpps_stream_take(fd, buffer, size) : 0;
}

void tp_sim_end(int fd)
{
    if (tpps_running())
        tpps_stream_end(fd);
}

void tp_sim_hang_up(int fd)
{
    if (tpps_running())
        tpps_stream_hang_up(fd);
}

void tp_sim_next_error(int fd, int error)
{
    if (tpps_running())
        tpps_next_error(fd, error);
}

void tp_sim_offer(int fd, uint32_t connections)
{
    if (tpps_running())
        tpps_socket_offer(fd, connections);
}

void tp_sim_answer(int fd, int error)
{
    if (tpps_running())
        tpps_socket_answer(fd, error);
}

void tp_sim_disk(int fd, uint64_t size, bool cached, int64_t latency_ns)
{
    if (tpps_running())
        tpps_disk_set(fd, size, cached, latency_ns);
}
