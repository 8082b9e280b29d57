/* copy.c - copies a file, four blocks of it in flight: copy FROM TO */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "must.h"

enum { SLOTS = 4, BLOCK = 65536 };

/* A block on its way. Its address is the key of its operation: it has one at a time. */
static struct slot {
    int64_t offset;    /* of the block in the file */
    uint64_t end, pos; /* bytes of it that were read; of these, written */
    char buffer[BLOCK];
} slots[SLOTS];

static tp_io_t *from, *to;
static tp_semaphore_t *finished; /* slots that have no more to do */
static atomic_int_fast64_t next; /* where the first block begins that is nobody's */
static atomic_uint_fast64_t written;
static atomic_int failure; /* an errno */

static void start(tp_io_t *io, uint32_t opcode, struct slot *slot)
{
    tp_io_op_t op = TP_IO_OP_INIT;
    op.opcode = opcode;
    op.operation = slot;
    op.buffer = slot->buffer + slot->pos;
    op.length = (opcode == TP_IO_READ ? BLOCK : slot->end) - slot->pos;
    op.offset = slot->offset + (int64_t)slot->pos;
    must(tp_io_submit(io, &op));
}

static void start_next_block(struct slot *slot)
{
    slot->offset = atomic_fetch_add(&next, BLOCK);
    slot->pos = slot->end = 0;
    start(from, TP_IO_READ, slot);
}

static void completed(tp_callback_instance_t *instance, void *context, void *operation,
                      int32_t error, uint64_t bytes, tp_io_t *io)
{
    struct slot *slot = operation;
    (void)context;
    if (error != 0)
        failure = error;
    if (error != 0 || bytes == 0) { /* 0: the end of the file */
        must(tp_callback_release_semaphore_on_return(instance, finished, 1));
    } else if (io == from) {
        slot->end += bytes;
        start(to, TP_IO_WRITE, slot);
    } else {
        written += bytes;
        slot->pos += bytes;
        if (slot->pos < slot->end) /* transfers may be short */
            start(to, TP_IO_WRITE, slot);
        else if (slot->end < BLOCK)
            start(from, TP_IO_READ, slot);
        else
            start_next_block(slot);
    }
}

/* FNV-1a, to see that both files are the same. */
static uint64_t checksum(const char *path)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    FILE *file = fopen(path, "rb");
    int byte;
    while (file != NULL && (byte = getc(file)) != EOF)
        hash = (hash ^ (uint64_t)byte) * UINT64_C(0x100000001b3);
    if (file != NULL)
        fclose(file);
    return hash;
}

int main(int argc, char **argv)
{
    int in = argc == 3 ? open(argv[1], O_RDONLY) : -1;
    int out = in >= 0 ? open(argv[2], O_WRONLY | O_CREAT | O_TRUNC, 0666) : -1;
    if (out < 0) {
        fprintf(stderr, "usage: copy FROM TO, and both must be files\n");
        return 1;
    }
    must(tp_semaphore_create(0, SLOTS, &finished));
    must(tp_io_create(in, completed, NULL, NULL, &from));
    must(tp_io_create(out, completed, NULL, NULL, &to));
    for (int i = 0; i < SLOTS; i++)
        start_next_block(&slots[i]);
    for (int i = 0; i < SLOTS; i++)
        must_wait(tp_waitable_semaphore(finished));
    must(tp_io_close(from));
    must(tp_io_close(to));
    must(tp_semaphore_close(finished));
    close(in);
    if (close(out) != 0 || failure != 0) {
        fprintf(stderr, "copy: %s\n", strerror(failure != 0 ? failure : errno));
        return 1;
    }
    printf("%" PRIu64 " bytes\n", (uint64_t)written);
    printf("checksum of the one   %016" PRIx64 "\n", checksum(argv[1]));
    printf("checksum of the other %016" PRIx64 "\n", checksum(argv[2]));
    return 0;
}
