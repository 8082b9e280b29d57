/* capi_files.c - what happens around the library: files, signals, clocks, time. */
#include "fuzz/capi_calls.h"

/* Files up to PLACES are streams, sockets and disks, for I/O objects and waits. Of those behind
 * them only states are known, which nothing moves: they are for waits. */

static bool is_stream(const struct file *file)
{
    return file->kind == TPPS_STREAM || file->kind == TPPS_SOCKET;
}

static int number_of(const struct file *file)
{
    return FIRST_FILE + (int)(file - world.files);
}

/* Others must not close it meanwhile. NULL: it is not open, or just being opened or closed. */
static struct file *take_file(const struct op *op)
{
    struct file *file = &world.files[(op_place(op) + (op->target & 8u) / 2) % FILES];
    if (!file->open || file->busy)
        return NULL;
    file->busy = true;
    return file;
}

static void open_file(const struct op *op)
{
    static const enum tpps_file kinds[] = {TPPS_STREAM, TPPS_SOCKET, TPPS_REGULAR, TPPS_DIRECT};
    uint32_t index = (op_place(op) + (op->target & 8u) / 2) % FILES;
    struct file *file = &world.files[index];
    if (file->open || file->busy)
        return;
    file->busy = true;
    file->life++;
    file->kind = kinds[op->argument & 3];
    if (index >= PLACES)
        file->kind = op->argument & 1 ? TPPS_PROCESS : TPPS_STREAM;
    file->bound = file->broken = false;
    (void)tpps_descriptor_open(number_of(file), file->kind);
    if (file->kind == TPPS_REGULAR || file->kind == TPPS_DIRECT)
        tpps_disk_set(number_of(file), 256, op->argument & 4, op->argument & 8 ? MS : 0);
    else if (op->argument & 16 && index < PLACES)
        tpps_stream_nonblocking(number_of(file), true);
    file->open = true;
    file->busy = false;
}

/* All that is in flight can come to its end. */
static void let_go(struct file *file)
{
    if (file->kind == TPPS_PROCESS)
        tpps_process_end(number_of(file));
    else if (is_stream(file) && file < &world.files[PLACES])
        tpps_stream_hang_up(number_of(file));
    if (file->kind == TPPS_SOCKET)
        tpps_socket_answer(number_of(file), ECONNREFUSED);
}

static void close_file(struct file *file)
{
    let_go(file);
    file->open = false;
    tpps_descriptor_close(number_of(file));
}

void files_let_go(void)
{
    for (uint32_t i = 0; i < FILES; i++)
        if (world.files[i].open)
            let_go(&world.files[i]);
}

void files_close(void)
{
    for (uint32_t i = 0; i < FILES; i++)
        if (world.files[i].open)
            close_file(&world.files[i]);
}

static void feed(const struct file *file, uint32_t argument)
{
    if (!is_stream(file) || file >= &world.files[PLACES])
        return;
    tpps_stream_feed(number_of(file), argument & 7);
    tpps_stream_room(number_of(file), argument >> 3 & 7);
    if (file->kind == TPPS_SOCKET && argument & 64)
        tpps_socket_offer(number_of(file), 1);
    if (file->kind == TPPS_SOCKET && argument & 128)
        tpps_socket_answer(number_of(file), 0);
}

static void ready(const struct file *file, uint32_t argument)
{
    if (file < &world.files[PLACES])
        return;
    if (file->kind == TPPS_PROCESS)
        tpps_process_end(number_of(file));
    else
        tpps_descriptor_set_ready(number_of(file), argument & 1 ? POLLIN : 0);
}

static void hang_up(const struct file *file, uint32_t argument)
{
    if (!is_stream(file) || file >= &world.files[PLACES])
        return;
    if (argument & 1)
        tpps_stream_end(number_of(file));
    else
        tpps_stream_hang_up(number_of(file));
}

static void spoil(struct file *file, uint32_t argument)
{
    if (argument >= 0xf0) {
        file->broken = true;
        tpps_descriptor_break(number_of(file));
    } else {
        tpps_next_error(number_of(file), argument & 1 ? EIO : ENOSPC);
    }
}

static bool file_operation(const struct op *op)
{
    if (op->code < CODE_file_open || op->code > CODE_file_error)
        return false;
    if (op->code == CODE_file_open) {
        open_file(op);
        return true;
    }
    struct file *file = take_file(op);
    if (!file)
        return true;
    if (op->code == CODE_file_close && file->users == 0)
        close_file(file);
    else if (op->code == CODE_file_feed)
        feed(file, op->argument);
    else if (op->code == CODE_file_ready)
        ready(file, op->argument);
    else if (op->code == CODE_file_hang_up)
        hang_up(file, op->argument);
    else if (op->code == CODE_file_error)
        spoil(file, op->argument);
    file->busy = false;
    return true;
}

bool world_operation(const struct op *op)
{
    static const int signals[] = {10, 34, 35};
    int64_t ns = (op->argument - INT64_C(128)) * MS;
    switch ((int)op->code) {
    case CODE_raise:
        tpps_signal_raise(signals[op->argument % 3]);
        return true;
    case CODE_sleep:
        tpps_sleep(some_time(op->argument));
        return true;
    case CODE_busy:
        tpps_busy(some_time(op->argument));
        return true;
    case CODE_step_clock:
        tpps_step_realtime(ns);
        world.real += ns;
        return true;
    case CODE_suspend:
        ns = (op->argument & 63) * MS;
        world.suspended += ns;
        world.real += ns;
        tpps_suspend(ns);
        return true;
    case CODE_processors:
        tpps_set_cpus(1 + (op->argument & 3u));
        return true;
    default:
        return file_operation(op);
    }
}
