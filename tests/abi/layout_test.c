/* layout_test.c - sizes, offsets and constants of the public structs against the stored list.
 *
 * Built twice: with the frozen headers of 0.1, which must match the list to the byte, and with
 * today's, whose structs may only have grown at the end. argv[1] is the list. */
#include <stddef.h>
#include <stdint.h>

#include "tests/support/tap.h"
#include "tp/tp.h"

struct entry {
    const char *name;
    long long offset; /* or the value of a constant */
    long long size;   /* 0 for a constant */
};

#define STRUCT(type) { #type, -1, (long long)sizeof(type) }
#define FIELD(type, field) \
    { #type "." #field, (long long)offsetof(type, field), (long long)sizeof(((type *)0)->field) }
#define CONSTANT(name) { #name, (long long)(name), 0 }
#define STATUS_CONSTANT(name, value, message) CONSTANT(name),

static const struct entry entries[] = {
    STRUCT(tp_allocator_t),
    FIELD(tp_allocator_t, struct_size),
    FIELD(tp_allocator_t, reserved),
    FIELD(tp_allocator_t, alloc),
    FIELD(tp_allocator_t, free),
    FIELD(tp_allocator_t, context),
    STRUCT(tp_pool_config_t),
    FIELD(tp_pool_config_t, struct_size),
    FIELD(tp_pool_config_t, flags),
    FIELD(tp_pool_config_t, thread_minimum),
    FIELD(tp_pool_config_t, thread_maximum),
    FIELD(tp_pool_config_t, stack_reserve),
    FIELD(tp_pool_config_t, stack_commit),
    FIELD(tp_pool_config_t, idle_timeout),
    FIELD(tp_pool_config_t, queue_limit),
    FIELD(tp_pool_config_t, io_backend),
    FIELD(tp_pool_config_t, name),
    FIELD(tp_pool_config_t, on_thread_start),
    FIELD(tp_pool_config_t, on_thread_stop),
    FIELD(tp_pool_config_t, hook_context),
    FIELD(tp_pool_config_t, stall_threshold),
    STRUCT(tp_timer_spec_t),
    FIELD(tp_timer_spec_t, struct_size),
    FIELD(tp_timer_spec_t, clock),
    FIELD(tp_timer_spec_t, due),
    FIELD(tp_timer_spec_t, period),
    FIELD(tp_timer_spec_t, window),
    FIELD(tp_timer_spec_t, flags),
    FIELD(tp_timer_spec_t, reserved),
    STRUCT(tp_wait_spec_t),
    FIELD(tp_wait_spec_t, struct_size),
    FIELD(tp_wait_spec_t, clock),
    FIELD(tp_wait_spec_t, source),
    FIELD(tp_wait_spec_t, timeout),
    STRUCT(tp_io_op_t),
    FIELD(tp_io_op_t, struct_size),
    FIELD(tp_io_op_t, opcode),
    FIELD(tp_io_op_t, operation),
    FIELD(tp_io_op_t, buffer),
    FIELD(tp_io_op_t, length),
    FIELD(tp_io_op_t, offset),
    FIELD(tp_io_op_t, flags),
    FIELD(tp_io_op_t, reserved),
    FIELD(tp_io_op_t, address),
    FIELD(tp_io_op_t, address_length),
    STRUCT(tp_pool_stats_t),
    FIELD(tp_pool_stats_t, struct_size),
    FIELD(tp_pool_stats_t, io_backend),
    FIELD(tp_pool_stats_t, threads),
    FIELD(tp_pool_stats_t, idle_threads),
    FIELD(tp_pool_stats_t, running),
    FIELD(tp_pool_stats_t, thread_minimum),
    FIELD(tp_pool_stats_t, thread_maximum),
    FIELD(tp_pool_stats_t, threads_peak),
    FIELD(tp_pool_stats_t, pending),
    FIELD(tp_pool_stats_t, submitted),
    FIELD(tp_pool_stats_t, executed),
    FIELD(tp_pool_stats_t, cancelled),
    FIELD(tp_pool_stats_t, stolen),
    FIELD(tp_pool_stats_t, threads_created),
    FIELD(tp_pool_stats_t, threads_retired),
    FIELD(tp_pool_stats_t, threads_injected),
    FIELD(tp_pool_stats_t, thread_create_failures),
    FIELD(tp_pool_stats_t, timers_armed),
    FIELD(tp_pool_stats_t, waits_armed),
    FIELD(tp_pool_stats_t, io_in_flight),
    FIELD(tp_pool_stats_t, oldest_pending_ns),
    FIELD(tp_pool_stats_t, queue_wait_ns_total),
    FIELD(tp_pool_stats_t, run_ns_total),
    FIELD(tp_pool_stats_t, thread_target),
    FIELD(tp_pool_stats_t, threads_blocked),
    FIELD(tp_pool_stats_t, thread_cap_reached),
    STRUCT(tp_waitable_t),
    FIELD(tp_waitable_t, kind),
    FIELD(tp_waitable_t, detail),
    FIELD(tp_waitable_t, value),
    STRUCT(tp_status_t),
    STRUCT(tp_priority_t),
    STRUCT(tp_wait_result_t),
    TP_STATUS_MAP(STATUS_CONSTANT)
    CONSTANT(TP_PRIORITY_HIGH),
    CONSTANT(TP_PRIORITY_NORMAL),
    CONSTANT(TP_PRIORITY_LOW),
    CONSTANT(TP_POOL_CALLER_DRIVEN),
    CONSTANT(TP_CLOCK_RELATIVE),
    CONSTANT(TP_CLOCK_REALTIME),
    CONSTANT(TP_CLOCK_MONOTONIC),
    CONSTANT(TP_CLOCK_BOOTTIME),
    CONSTANT(TP_TIMER_SKIP_MISSED),
    CONSTANT(TP_IO_BACKEND_AUTO),
    CONSTANT(TP_IO_BACKEND_EPOLL),
    CONSTANT(TP_IO_BACKEND_URING),
    CONSTANT(TP_IO_READ),
    CONSTANT(TP_IO_WRITE),
    CONSTANT(TP_IO_READV),
    CONSTANT(TP_IO_WRITEV),
    CONSTANT(TP_IO_RECV),
    CONSTANT(TP_IO_SEND),
    CONSTANT(TP_IO_RECVMSG),
    CONSTANT(TP_IO_SENDMSG),
    CONSTANT(TP_IO_ACCEPT),
    CONSTANT(TP_IO_CONNECT),
    CONSTANT(TP_IO_FSYNC),
    CONSTANT(TP_IO_FDATASYNC),
    CONSTANT(TP_IO_POLL),
    CONSTANT(TP_WAIT_SIGNALED),
    CONSTANT(TP_WAIT_ABANDONED),
    CONSTANT(TP_WAIT_TIMEOUT),
    CONSTANT(TP_WAIT_FAILED),
    CONSTANT(TP_INFINITE),
};

enum { ENTRY_COUNT = sizeof entries / sizeof entries[0] };

static const char *list_path;

static const struct entry *find(const char *name)
{
    for (size_t i = 0; i < ENTRY_COUNT; i++)
        if (strcmp(entries[i].name, name) == 0)
            return &entries[i];
    return NULL;
}

static bool is_struct(const struct entry *entry)
{
    return entry->offset == -1 && entry->size != 0;
}

static void compare(const char *name, long long offset, long long size)
{
    const struct entry *now = find(name);

    if (now == NULL) {
        printf("# %s is gone\n", name);
        check(now != NULL);
        return;
    }
    if (now->offset != offset || now->size != size)
        printf("# %s: was %lld %lld, is %lld %lld\n", name, offset, size, now->offset, now->size);
    check_eq(now->offset, offset);
#ifdef TP_LAYOUT_FROZEN
    check_eq(now->size, size);
#else
    check(is_struct(now) ? now->size >= size : now->size == size);
#endif
}

TAP_TEST(layout__agrees_with_the_stored_list)
{
    FILE *list = fopen(list_path, "r");
    char name[80];
    long long offset;
    long long size;
    int lines = 0;

    if (sizeof(void *) != 8)
        tap_skip("the list is of 64-bit targets");
    require(list != NULL);
    while (fscanf(list, "%79s %lld %lld", name, &offset, &size) == 3) {
        compare(name, offset, size);
        lines++;
    }
    check(feof(list));
    check(lines > 0);
#ifdef TP_LAYOUT_FROZEN
    check_eq(lines, ENTRY_COUNT);
#endif
    fclose(list);
}

/* No hidden padding: the fields of a struct fill it, so that a zeroed struct compares and copies as
 * its fields do, and none is forgotten above. */
TAP_TEST(layout__fields_fill_their_structs)
{
    for (size_t i = 0; i < ENTRY_COUNT; i++) {
        const struct entry *whole = &entries[i];
        size_t length = strlen(whole->name);
        long long sum = 0;
        if (!is_struct(whole))
            continue;
        for (size_t k = 0; k < ENTRY_COUNT; k++)
            if (strncmp(entries[k].name, whole->name, length) == 0 &&
                entries[k].name[length] == '.') {
                check_eq(entries[k].offset, sum);
                sum += entries[k].size;
            }
        if (sum != 0 && sum != whole->size)
            printf("# %s has padding, or a field not listed here\n", whole->name);
        check(sum == 0 || sum == whole->size);
    }
}

static void print_list(void)
{
    for (size_t i = 0; i < ENTRY_COUNT; i++)
        printf("%s %lld %lld\n", entries[i].name, entries[i].offset, entries[i].size);
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--print") == 0) {
        print_list();
        return 0;
    }
    if (argc != 2)
        return 2;
    list_path = argv[1];
    tap_run(layout__agrees_with_the_stored_list);
    tap_run(layout__fields_fill_their_structs);
    return tap_done();
}
