/* ring_test.c - in the simulator: rings, in order and out of it, and what fails a run. */
#include <errno.h>
#include <poll.h>

#include "tests/sim/schedules.h"
#include "tests/support/sanitizer.h"

#define MILLISECOND INT64_C(1000000)

enum { STREAM = 3, DISK = 4, SOCKET = 5 };

static struct tpp_ring *ring;
static struct tpp_poller *poller;
static unsigned char buffer[8][16];
static struct tpp_request requests[8]; /* by key: they stay until the flush */
static struct tpp_outcome outcomes[8]; /* by key */
static uint32_t told[8];               /* how often each was told of */
static uint64_t last;                  /* key told of */

static void open_world(void)
{
    memset(buffer, 0xee, sizeof buffer);
    memset(told, 0, sizeof told);
    last = 0;
    tpps_descriptor_open(STREAM, TPPS_STREAM);
    tpps_descriptor_open(DISK, TPPS_REGULAR);
    tpps_descriptor_open(SOCKET, TPPS_SOCKET);
    tpps_disk_set(DISK, 1000, false, MILLISECOND);
    tpps_check(tpp_ring_open(&ring) == 0 && tpp_poller_open(&poller) == 0);
    tpps_check(tpp_poller_add(poller, tpp_ring_descriptor(ring), POLLIN, 1) == 0);
}

static void close_world(void)
{
    tpp_poller_close(poller);
    tpp_ring_close(ring);
    tpps_check(tpps_requests_queued() + tpps_requests_in_flight(-1) + tpps_requests_landed() == 0);
}

static void prepare(uint64_t key, int number, enum tpp_opcode opcode)
{
    requests[key] = (struct tpp_request){.descriptor = number,
                                         .opcode = (uint8_t)opcode,
                                         .kind = number == STREAM ? TPP_STREAM
                                                 : number == DISK ? TPP_DISK
                                                                  : TPP_SOCKET,
                                         .buffer = buffer[key],
                                         .length = sizeof buffer[key],
                                         .offset = -1};
}

static bool put(uint64_t key, int number, enum tpp_opcode opcode)
{
    prepare(key, number, opcode);
    return tpp_ring_put(ring, &requests[key], key);
}

static void flush(void)
{
    while (!tpp_ring_flush(ring))
        ;
}

static void put_and_flush(uint64_t key, int number, enum tpp_opcode opcode)
{
    tpps_check(put(key, number, opcode));
    flush();
}

/* Waits for the ring's descriptor once and takes what is there. */
static void harvest(void)
{
    struct tpp_poller_event event;
    struct tpp_completion completions[8];
    uint32_t n = 0;
    while (tpp_poller_wait(poller, &event, 1, TPP_FOREVER) == 0)
        ;
    n = tpp_ring_take(ring, completions, 8);
    tpps_check(n != 0);
    for (uint32_t i = 0; i < n; i++) {
        last = completions[i].key;
        outcomes[last] = completions[i].outcome;
        told[last]++;
    }
}

static void wait_for(uint64_t key)
{
    while (told[key] == 0)
        harvest();
}

static bool came_to(uint64_t key, int error, uint64_t bytes)
{
    return told[key] == 1 && outcomes[key].error == error && outcomes[key].bytes == bytes;
}

static bool holds(uint64_t key, uint64_t position, uint64_t bytes)
{
    for (uint64_t i = 0; i < bytes; i++)
        if (buffer[key][i] != tpps_byte(position + i))
            return false;
    return bytes == sizeof buffer[key] || buffer[key][bytes] == 0xee;
}

/* ---- there and back -------------------------------------------------------------------------- */

static void forbids(void *arg)
{
    (void)arg;
    tpps_check(tpp_ring_wish() == 0);
    tpps_wish_ring(2);
    tpps_forbid_rings(true);
    tpps_check(tpp_ring_wish() == 2 && tpp_ring_open(&ring) == ENOSYS && ring == NULL);
    tpps_forbid_rings(false);
    tpps_check(tpp_ring_open(&ring) == 0 && tpps_rings_open() == 1 && tpps_files_kept() == 0);
    tpp_ring_close(ring);
    tpps_check(tpps_rings_open() == 0 && tpps_files_open() == 0);
}

static void opening_fails(void *arg)
{
    int error = tpp_ring_open(&ring);
    (void)arg;
    tpps_check((error == ENOMEM || error == EMFILE) && tpps_rings_open() == 0);
}

TAP_TEST(ring__there_may_be_none)
{
    passes(forbids); /* for that run only */
    passes_with((struct tpps_options){.fail_nth = 1}, opening_fails);
}

static void feeds(void *arg)
{
    (void)arg;
    tpps_stream_feed(STREAM, 10);
}

static void round_trip(void *arg)
{
    tpps_thread thread;
    (void)arg;
    tpps_calm_io(true);
    open_world();
    put_and_flush(1, STREAM, TPP_READ);
    tpps_check(tpps_requests_in_flight(STREAM) == 1 && tpps_requests_in_flight(DISK) == 0);
    tpps_check(buffer[1][0] == 0xee && tpps_ring_flushes() == 1);
    thread = tpps_spawn(feeds, NULL);
    wait_for(1);
    tpps_check(came_to(1, 0, 10) && holds(1, 0, 10) && tpps_bytes_read(STREAM) == 10);
    tpps_join(thread);
    tpps_check(tpp_poller_wait(poller, &(struct tpp_poller_event){0}, 1, 0) == 0);
    close_world();
}

TAP_TEST(ring__a_request_is_done_when_its_file_is_ready)
{
    passes(round_trip);
}

static void all_opcodes(void *arg)
{
    (void)arg;
    tpps_calm_io(true);
    open_world();
    put_and_flush(1, SOCKET, TPP_CONNECT);
    tpps_socket_answer(SOCKET, 0);
    wait_for(1);
    put_and_flush(2, SOCKET, TPP_SEND);
    tpps_stream_room(SOCKET, 5);
    wait_for(2);
    prepare(3, STREAM, TPP_POLL);
    requests[3].flags = POLLPRI;
    tpps_check(tpp_ring_put(ring, &requests[3], 3) && tpp_ring_flush(ring));
    tpps_descriptor_set_ready(STREAM, POLLPRI | POLLIN);
    wait_for(3);
    tpps_descriptor_open(6, TPPS_SOCKET);
    put_and_flush(4, 6, TPP_ACCEPT);
    wait_for(4);
    tpps_socket_offer(6, 0);
    requests[5] = requests[4];
    requests[5].buffer = NULL;
    tpps_check(tpp_ring_put(ring, &requests[5], 5) && tpp_ring_flush(ring));
    tpps_socket_offer(6, 1);
    wait_for(5);
    requests[6] = requests[4];
    requests[6].descriptor = 99;
    tpps_check(tpp_ring_put(ring, &requests[6], 6) && tpp_ring_flush(ring));
    wait_for(6);
    prepare(7, DISK, TPP_POLL);
    requests[7].flags = POLLIN;
    tpps_check(tpp_ring_put(ring, &requests[7], 7) && tpp_ring_flush(ring));
    wait_for(7);
    tpps_check(came_to(1, 0, 0) && came_to(2, 0, 5) && came_to(3, 0, POLLPRI));
    tpps_check(came_to(4, EINVAL, 0) && came_to(5, 0, 7) && came_to(6, EBADF, 0));
    tpps_check(came_to(7, EINVAL, 0)); /* no disk has a queue of who waits for it */
    tpp_file_close(7);
    close_world();
}

TAP_TEST(ring__it_carries_out_whatever_can_be_done)
{
    passes(all_opcodes);
}

static void begins_to_connect(void *arg)
{
    (void)arg;
    tpps_calm_io(true);
    open_world();
    prepare(1, SOCKET, TPP_CONNECT);
    tpps_check(tpp_operate(&requests[1], false).error == EAGAIN);
    put_and_flush(1, SOCKET, TPP_CONNECT);
    wait_for(1);
    tpps_check(came_to(1, EAGAIN, 0));
    tpps_socket_answer(SOCKET, ETIMEDOUT);
    put_and_flush(2, SOCKET, TPP_CONNECT);
    wait_for(2);
    tpps_check(came_to(2, ETIMEDOUT, 0));
    close_world();
}

TAP_TEST(ring__a_connect_that_was_begun_elsewhere_is_not_waited_for)
{
    passes(begins_to_connect);
}

static void device(void *arg)
{
    int64_t start = tpps_now();
    (void)arg;
    tpps_calm_io(true);
    open_world();
    put_and_flush(1, DISK, TPP_READ);
    put_and_flush(2, DISK, TPP_FSYNC);
    wait_for(1);
    tpps_check(tpps_now() == start + MILLISECOND && holds(1, 0, 16));
    wait_for(2);
    tpps_check(tpps_now() == start + MILLISECOND); /* both at a time */
    tpps_disk_set(DISK, 1000, true, MILLISECOND);
    put_and_flush(3, DISK, TPP_READ);
    wait_for(3);
    tpps_check(tpps_now() == start + MILLISECOND && holds(3, 16, 16));
    put_and_flush(4, DISK, TPP_FSYNC);
    tpps_disk_set(DISK, 1000, true, 3 * MILLISECOND);
    put_and_flush(5, DISK, TPP_FSYNC);
    wait_for(4);
    tpps_check(tpps_now() == start + 2 * MILLISECOND);
    wait_for(5);
    tpps_check(tpps_now() == start + 4 * MILLISECOND);
    close_world();
}

TAP_TEST(ring__a_device_takes_its_time_without_a_thread)
{
    passes_once(device);
}

/* ---- order ----------------------------------------------------------------------------------- */

enum { FIRST = 1, SECOND_ONE = 2, SHORT = 4, LEFT = 8, LATE = 16, IN_TIME = 32 };

static void two_reads(void *arg)
{
    (void)arg;
    open_world();
    tpps_check(put(1, DISK, TPP_FSYNC) && put(2, DISK, TPP_FSYNC));
    flush();
    harvest();
    saw(told[1] ? FIRST : 0);
    saw(told[2] ? SECOND_ONE : 0);
    wait_for(1);
    wait_for(2);
    tpps_check(told[1] == 1 && told[2] == 1);
    close_world();
}

/* Both are there: which is first? */
static void two_outcomes(void *arg)
{
    struct tpp_completion first, second;
    (void)arg;
    open_world();
    tpps_ring_hold(true);
    tpps_calm_io(true);
    tpps_check(put(1, DISK, TPP_FSYNC) && put(2, DISK, TPP_FSYNC));
    flush();
    tpps_ring_complete(DISK, 0, 0, 0);
    tpps_ring_complete(DISK, 0, 0, 0);
    tpps_calm_io(false);
    tpps_check(tpp_ring_take(ring, &first, 1) == 1 && tpp_ring_take(ring, &second, 1) == 1);
    tpps_check(first.key + second.key == 3);
    saw(first.key == 1 ? FIRST : SECOND_ONE);
    close_world();
}

/* Some come with a later look. */
static void three_outcomes(void *arg)
{
    struct tpp_completion all[8];
    uint32_t n;
    (void)arg;
    open_world();
    tpps_ring_hold(true);
    for (uint64_t key = 1; key <= 4; key++)
        tpps_check(put(key, DISK, TPP_FSYNC));
    flush();
    for (int i = 0; i < 4; i++)
        tpps_ring_complete(DISK, 0, 0, 0);
    n = tpp_ring_take(ring, all, 8);
    tpps_check(n >= 1 && n <= 3 && tpps_requests_landed() == 4 - n);
    saw(1u << n);
    while (tpps_requests_landed() != 0)
        tpps_check(tpp_ring_take(ring, all, 8) != 0);
    tpps_check(tpp_ring_take(ring, all, 8) == 0);
    close_world();
}

static void calm_reads(void *arg)
{
    (void)arg;
    tpps_calm_io(true);
    open_world();
    tpps_check(put(1, STREAM, TPP_READ) && put(2, STREAM, TPP_READ) && put(3, STREAM, TPP_READ));
    flush();
    tpps_stream_feed(STREAM, 40);
    wait_for(3);
    tpps_check(holds(1, 0, 16) && holds(2, 16, 16) && holds(3, 32, 8) && last == 3);
    close_world();
}

TAP_TEST(ring__outcomes_come_in_any_order_each_once)
{
    passes_seeing(two_reads, FIRST | SECOND_ONE);
    passes_seeing(two_outcomes, FIRST | SECOND_ONE);
    passes_seeing(three_outcomes, 1u << 1 | 1u << 2 | 1u << 3);
    passes(calm_reads);
}

/* What is short, interrupted or forgotten is put again, until all has come. */
static void reads_all(void *arg)
{
    uint64_t got = 0;
    (void)arg;
    open_world();
    tpps_stream_feed(STREAM, 40);
    tpps_stream_end(STREAM);
    for (;;) {
        told[1] = 0;
        put_and_flush(1, STREAM, TPP_READ);
        wait_for(1);
        tpps_check(outcomes[1].error == 0 || outcomes[1].bytes == 0);
        if (outcomes[1].error == 0 && outcomes[1].bytes == 0)
            break;
        tpps_check(got + outcomes[1].bytes <= 40);
        tpps_check(outcomes[1].error != 0 ||
                   memcmp(buffer[1], (unsigned char[]){tpps_byte(got)}, 1) == 0);
        saw(outcomes[1].error == 0 && got + outcomes[1].bytes < 40 && outcomes[1].bytes < 16 ? SHORT
                                                                                             : 0);
        got += outcomes[1].bytes;
    }
    tpps_check(got == 40 && tpps_bytes_read(STREAM) == 40);
    close_world();
}

TAP_TEST(ring__nothing_is_lost_where_transfers_are_short)
{
    passes_seeing(reads_all, SHORT);
}

static tpp_u32 left_behind;

static void leaves_and_flushes(void *arg)
{
    (void)arg;
    tpp_store_relaxed(&left_behind, 1);
    put_and_flush(1, DISK, TPP_READ);
}

static void sees(void *arg)
{
    tpps_thread thread;
    (void)arg;
    open_world();
    tpp_init(&left_behind, 0);
    tpps_check(tpp_load_relaxed(&left_behind) == 0);
    thread = tpps_spawn(leaves_and_flushes, NULL);
    wait_for(1);
    tpps_check(tpp_load_relaxed(&left_behind) == 1);
    tpps_join(thread);
    close_world();
}

TAP_TEST(ring__whoever_takes_sees_what_was_done_before_the_flush)
{
    passes(sees);
}

/* ---- the queue ------------------------------------------------------------------------------- */

static void fills_up(void *arg)
{
    (void)arg;
    tpps_calm_io(true);
    open_world();
    for (uint64_t key = 1; key <= 4; key++)
        tpps_check(put(key, DISK, TPP_READ));
    tpps_check(!put(5, DISK, TPP_READ) && !tpp_ring_abort(ring, 6));
    tpps_check(tpps_requests_queued() == 4 && tpps_requests_in_flight(-1) == 0);
    tpps_ring_refuse(true);
    tpps_check(!tpp_ring_flush(ring) && tpps_requests_queued() == 4 && tpps_ring_flushes() == 0);
    tpps_ring_refuse(false);
    tpps_check(tpp_ring_flush(ring) && tpps_requests_in_flight(DISK) == 4);
    tpps_check(tpp_ring_flush(ring) && put(5, DISK, TPP_READ)); /* the same key, another time */
    flush();
    for (uint64_t key = 1; key <= 5; key++)
        wait_for(key);
    close_world();
}

static void leaves_some(void *arg)
{
    uint32_t times = 0;
    (void)arg;
    open_world();
    for (uint64_t key = 1; key <= 4; key++)
        tpps_check(put(key, DISK, TPP_READ));
    while (!tpp_ring_flush(ring))
        tpps_check(tpps_requests_queued() != 0 && ++times <= 2);
    tpps_check(tpps_requests_queued() == 0);
    saw(times != 0 ? LEFT : 0);
    for (uint64_t key = 1; key <= 4; key++)
        wait_for(key);
    close_world();
}

TAP_TEST(ring__there_is_room_for_few_and_a_flush_may_leave_some)
{
    passes(fills_up);
    passes_seeing(leaves_some, LEFT);
}

/* ---- the end of requests --------------------------------------------------------------------- */

static void aborts(void *arg)
{
    (void)arg;
    tpps_calm_io(true);
    open_world();
    put_and_flush(1, STREAM, TPP_READ);
    tpps_ring_hold(true); /* time may pass early */
    put_and_flush(2, DISK, TPP_READ);
    tpps_check(tpp_ring_abort(ring, 1) && tpp_ring_abort(ring, 2) && tpp_ring_abort(ring, 6));
    tpps_check(tpp_ring_flush(ring));
    tpps_ring_hold(false);
    wait_for(1);
    wait_for(2);
    tpps_check(came_to(1, ECANCELED, 0) && came_to(2, ECANCELED, 0));
    tpps_check(buffer[1][0] == 0xee && buffer[2][0] == 0xee && tpps_transfers_made(-1) == 0);
    close_world();
}

/* Whoever waits for a peer is reached in any case. */
static void aborts_one_that_waits(void *arg)
{
    (void)arg;
    open_world();
    put_and_flush(1, SOCKET, TPP_ACCEPT);
    tpps_socket_offer(SOCKET, 0);
    tpps_check(tpp_ring_abort(ring, 1));
    flush();
    wait_for(1);
    tpps_check(outcomes[1].error == ECANCELED || outcomes[1].error == EAGAIN ||
               outcomes[1].error == EINTR || outcomes[1].error == EINVAL);
    close_world();
}

static void aborts_one_that_is_on_its_way(void *arg)
{
    (void)arg;
    open_world();
    tpps_ring_hold(true);
    tpps_calm_io(true);
    put_and_flush(1, DISK, TPP_READ);
    tpps_calm_io(false);
    tpps_check(tpp_ring_abort(ring, 1));
    flush();
    tpps_ring_hold(false);
    wait_for(1);
    tpps_check(told[1] == 1);
    saw(outcomes[1].error == ECANCELED ? IN_TIME : LATE);
    close_world();
}

TAP_TEST(ring__an_abort_ends_a_request_or_comes_too_late)
{
    passes(aborts);
    passes(aborts_one_that_waits);
    passes_seeing(aborts_one_that_is_on_its_way, IN_TIME | LATE);
}

static void surprises(void *arg)
{
    uint32_t times = 0;
    (void)arg;
    open_world();
    for (;;) {
        told[1] = 0;
        put_and_flush(1, STREAM, TPP_READ);
        if (times == 0)
            tpps_stream_feed(STREAM, 5);
        wait_for(1);
        if (outcomes[1].error == 0)
            break;
        tpps_check(outcomes[1].bytes == 0 && buffer[1][0] == 0xee && ++times <= 6);
        tpps_check(tpps_bytes_read(STREAM) == 0);
        saw(outcomes[1].error == EINTR ? 1 : outcomes[1].error == EAGAIN ? 2 : 4);
        tpps_check(outcomes[1].error == EINTR || outcomes[1].error == EAGAIN ||
                   outcomes[1].error == ECANCELED);
    }
    close_world();
}

TAP_TEST(ring__the_system_ends_some_before_they_begin)
{
    passes_seeing(surprises, 1 | 2 | 4);
}

static void nonblocking(void *arg)
{
    (void)arg;
    tpps_calm_io(true);
    open_world();
    tpps_stream_nonblocking(STREAM, true);
    put_and_flush(1, STREAM, TPP_READ);
    wait_for(1);
    tpps_check(came_to(1, EAGAIN, 0));
    prepare(2, STREAM, TPP_POLL);
    requests[2].flags = POLLIN;
    tpps_check(tpp_ring_put(ring, &requests[2], 2) && tpp_ring_flush(ring));
    tpps_check(tpps_requests_in_flight(STREAM) == 1);
    tpps_stream_feed(STREAM, 5);
    wait_for(2);
    put_and_flush(3, STREAM, TPP_READ);
    wait_for(3);
    tpps_check(came_to(2, 0, POLLIN) && came_to(3, 0, 5));
    close_world();
}

TAP_TEST(ring__a_descriptor_that_does_not_block_ends_a_request_at_once)
{
    passes(nonblocking);
}

static void puts_and_ends(void *arg)
{
    (void)arg;
    for (uint64_t key = 1; key <= 4; key++)
        tpps_check(put(key, STREAM, TPP_READ));
    flush();
}

/* More of them than would for no reason. */
static void flusher_ends(void *arg)
{
    uint32_t canceled = 0, done = 0;
    uint64_t bytes = 0;
    (void)arg;
    open_world();
    tpps_join(tpps_spawn(puts_and_ends, NULL));
    tpps_sleep(10 * MILLISECOND);
    tpps_stream_feed(STREAM, 100);
    for (uint64_t key = 1; key <= 4; key++) {
        wait_for(key);
        canceled += outcomes[key].error == ECANCELED;
        done += outcomes[key].error == 0;
        bytes += outcomes[key].bytes;
    }
    saw(done == 4 ? 1 : canceled > 2 ? 2 : 0);
    tpps_check(tpps_bytes_read(STREAM) == bytes);
    close_world();
}

static void flusher_lives(void *arg)
{
    (void)arg;
    open_world();
    tpps_stream_feed(STREAM, 5);
    for (int i = 0; i < 10; i++) {
        told[1] = 0;
        put_and_flush(1, STREAM, TPP_READ);
        wait_for(1);
        if (outcomes[1].error == 0) {
            tpps_check(i <= 4); /* EINTR and ECANCELED come twice at most */
            break;
        }
    }
    tpps_check(outcomes[1].error == 0);
    close_world();
}

TAP_TEST(ring__a_request_may_end_with_the_thread_that_flushed_it)
{
    passes_seeing(flusher_ends, 1 | 2);
    passes(flusher_lives);
}

/* ---- files ----------------------------------------------------------------------------------- */

static void number_goes(void *arg)
{
    int own;
    (void)arg;
    tpps_calm_io(true);
    open_world();
    tpps_check(tpp_file_keep(STREAM, &own) == 0);
    prepare(1, STREAM, TPP_READ);
    requests[1].descriptor = own;
    tpps_check(tpp_ring_put(ring, &requests[1], 1) && tpp_ring_flush(ring));
    tpp_file_drop(own);
    tpps_check(tpps_descriptor_copy(STREAM, 9) == 9);
    tpps_descriptor_close(STREAM);
    tpps_descriptor_open(STREAM, TPPS_STREAM); /* a stranger */
    tpps_check(tpps_requests_in_flight(9) == 1 && tpps_requests_in_flight(STREAM) == 0);
    tpps_stream_feed(STREAM, 3);
    tpps_check(tpps_requests_in_flight(9) == 1);
    tpps_stream_feed(9, 4);
    tpps_descriptor_close(9);
    wait_for(1);
    tpps_check(came_to(1, 0, 4) && tpps_files_open() == 4); /* the three, and the ring's */
    close_world();
}

TAP_TEST(ring__a_request_in_flight_keeps_the_file)
{
    passes(number_goes);
}

/* ---- as the scenario has it ------------------------------------------------------------------ */

static void by_hand(void *arg)
{
    (void)arg;
    open_world();
    tpps_calm_io(true);
    tpps_ring_hold(true);
    tpps_check(put(1, STREAM, TPP_READ) && put(2, DISK, TPP_READ) && put(3, STREAM, TPP_READ));
    flush();
    tpps_stream_feed(STREAM, 40);
    tpps_sleep(SECOND);
    tpps_check(tpps_requests_in_flight(-1) == 3 && tpps_requests_landed() == 0);
    tpps_ring_complete(STREAM, 1, 0, 7);
    tpps_check(tpps_requests_landed() == 1);
    wait_for(3);
    tpps_check(came_to(3, 0, 7) && tpps_bytes_read(STREAM) == 0);
    tpps_ring_complete(-1, 1, EIO, 0);
    wait_for(2);
    tpps_check(came_to(2, EIO, 0));
    tpps_ring_hold(false);
    wait_for(1);
    tpps_check(came_to(1, 0, 16) && holds(1, 0, 16));
    close_world();
}

TAP_TEST(ring__a_scenario_completes_requests_as_it_likes)
{
    passes(by_hand);
}

static void completes_nothing(void *arg)
{
    (void)arg;
    open_world();
    tpps_ring_complete(-1, 0, 0, 0);
}

static void completes_too_much(void *arg)
{
    (void)arg;
    open_world();
    put_and_flush(1, SOCKET, TPP_READ);
    tpps_ring_hold(true);
    if (tpps_requests_in_flight(-1) == 0) /* it has ended before */
        put_and_flush(2, SOCKET, TPP_READ);
    tpps_ring_complete(SOCKET, 0, 0, 17);
}

TAP_TEST(ring__a_scenario_completes_only_what_is_there)
{
    fails(completes_nothing, "completion of a request for descriptor -1 that is not in flight");
    fails(completes_too_much, "completion with more bytes than were asked for");
}

static void waits_for_ever(void *arg)
{
    (void)arg;
    tpps_calm_io(true);
    open_world();
    put_and_flush(1, STREAM, TPP_READ);
    wait_for(1);
}

TAP_TEST(ring__what_never_comes_is_a_deadlock)
{
    fails(waits_for_ever, "deadlock");
}

/* The system is no thread: nobody counts it. */
static void counts(void *arg)
{
    (void)arg;
    open_world();
    tpps_check(tpps_service_fibers() == 0 && tpps_service_fibers_but("") == 0);
    tpps_sleep(1);
    tpps_check(tpps_fibers_parked() == 0);
    close_world();
}

TAP_TEST(ring__the_system_counts_as_no_thread)
{
    passes_with((struct tpps_options){.no_fibers_left = true}, counts);
    check_eq(result.fibers_left, 0);
    check_eq(result.fibers_made, 1);
}

/* ---- what fails the run ---------------------------------------------------------------------- */

static void leaves_it_open(void *arg)
{
    (void)arg;
    tpps_check(tpp_ring_open(&ring) == 0);
}

static void closes_with_one_in_flight(void *arg)
{
    (void)arg;
    open_world();
    put_and_flush(1, STREAM, TPP_READ);
    tpp_ring_close(ring);
}

static void closes_with_one_queued(void *arg)
{
    (void)arg;
    open_world();
    tpps_check(put(1, STREAM, TPP_READ));
    tpp_ring_close(ring);
}

static void closes_twice(void *arg)
{
    (void)arg;
    open_world();
    tpp_ring_close(ring);
    tpp_ring_close(ring);
}

static void uses_closed(void *arg)
{
    (void)arg;
    open_world();
    tpp_ring_close(ring);
    put(1, STREAM, TPP_READ);
}

TAP_TEST(ring__closing_one_that_is_used_fails_the_run)
{
    fails(leaves_it_open, "1 rings");
    passes_with((struct tpps_options){.leaks_allowed = true}, leaves_it_open);
    fails(closes_with_one_in_flight, "closed with 1 requests that it has not told of");
    fails(closes_with_one_queued, "closed with 1 requests that it has not told of");
    fails(closes_twice, "use of a closed ring");
    fails(uses_closed, "use of a closed ring");
}

static void key_zero(void *arg)
{
    (void)arg;
    open_world();
    prepare(1, STREAM, TPP_READ);
    tpp_ring_put(ring, &requests[1], 0);
}

static void key_of_ones(void *arg)
{
    (void)arg;
    open_world();
    prepare(1, STREAM, TPP_READ);
    tpp_ring_put(ring, &requests[1], UINT64_MAX);
}

static void same_key(void *arg)
{
    (void)arg;
    open_world();
    put_and_flush(1, STREAM, TPP_READ);
    put(1, STREAM, TPP_READ);
}

static void same_key_before_it_is_taken(void *arg)
{
    (void)arg;
    tpps_calm_io(true);
    open_world();
    tpps_stream_feed(STREAM, 1);
    put_and_flush(1, STREAM, TPP_READ);
    tpps_sleep(1);
    tpps_check(tpps_requests_landed() == 1);
    put(1, STREAM, TPP_READ);
}

static void aborts_unflushed(void *arg)
{
    (void)arg;
    open_world();
    put(1, STREAM, TPP_READ);
    tpp_ring_abort(ring, 1);
}

static void changes_it(void *arg)
{
    (void)arg;
    open_world();
    put(1, STREAM, TPP_READ);
    requests[1].length--;
    flush();
}

static void drops_its_number(void *arg)
{
    int own;
    (void)arg;
    open_world();
    tpps_check(tpp_file_keep(STREAM, &own) == 0);
    prepare(1, STREAM, TPP_READ);
    requests[1].descriptor = own;
    tpp_ring_put(ring, &requests[1], 1);
    tpp_file_drop(own);
    flush();
}

TAP_TEST(ring__misuse_of_keys_and_requests_fails_the_run)
{
    fails(key_zero, "a request with key 0");
    fails(key_of_ones, "a request with key -1");
    fails(same_key, "whose key 1 is in flight");
    fails(same_key_before_it_is_taken, "whose key 1 is in flight");
    fails(aborts_unflushed, "aborted that was not flushed");
    fails(changes_it, "changed before it was flushed");
    fails(drops_its_number, "operation of descriptor 1000001, which the library has given back");
}

static void frees_the_request(void *arg)
{
    struct tpp_request *r = tpp_alloc(sizeof *r, 8);
    (void)arg;
    open_world();
    prepare(1, STREAM, TPP_READ);
    *r = requests[1];
    tpp_ring_put(ring, r, 1);
    tpp_free(r, sizeof *r);
    flush();
}

static void frees_buffer_before(void (*event)(void))
{
    void *memory = tpp_alloc(16, 8);
    tpps_calm_io(true);
    open_world();
    prepare(1, STREAM, TPP_READ);
    requests[1].buffer = memory;
    tpp_ring_put(ring, &requests[1], 1);
    flush();
    tpp_free(memory, 16);
    event();
    wait_for(1);
}

static void bytes_come(void)
{
    tpps_stream_feed(STREAM, 1);
}

static void end_comes(void)
{
    tpps_stream_end(STREAM);
}

static void abort_comes(void)
{
    tpp_ring_abort(ring, 1);
    flush();
}

static void scenario_says_so(void)
{
    tpps_ring_complete(STREAM, 0, EIO, 0);
}

static void frees_before_bytes(void *arg)
{
    (void)arg;
    frees_buffer_before(bytes_come);
}

static void frees_before_end(void *arg)
{
    (void)arg;
    frees_buffer_before(end_comes);
}

static void frees_before_abort(void *arg)
{
    (void)arg;
    frees_buffer_before(abort_comes);
}

static void frees_before_it_is_said(void *arg)
{
    (void)arg;
    frees_buffer_before(scenario_says_so);
}

TAP_TEST(ring__memory_that_goes_too_early_fails_the_run)
{
    if (UNDER_ASAN)
        tap_skip("the sanitizer sees it first, and ends the program");
    fails(frees_the_request, "access to a block of 56 bytes after it was freed");
    fails(frees_before_bytes, "access to a block of 16 bytes after it was freed");
    fails(frees_before_end, "access to a block of 16 bytes after it was freed");
    fails(frees_before_abort, "access to a block of 16 bytes after it was freed");
    fails(frees_before_it_is_said, "access to a block of 16 bytes after it was freed");
}

/* Two threads in the ring at once, in some schedule. */
static void flushes(void *arg)
{
    (void)arg;
    tpp_ring_flush(ring);
}

static void takes(void *arg)
{
    struct tpp_completion completion;
    (void)arg;
    tpp_ring_take(ring, &completion, 1);
}

static void both(void (*first)(void *), void (*second)(void *))
{
    tpps_thread one, two;
    open_world();
    one = tpps_spawn(first, NULL);
    two = tpps_spawn(second, NULL);
    tpps_join(one);
    tpps_join(two);
    close_world();
}

static void two_flush(void *arg)
{
    (void)arg;
    both(flushes, flushes);
}

static void two_take(void *arg)
{
    (void)arg;
    both(takes, takes);
}

static void one_flushes_one_takes(void *arg)
{
    (void)arg;
    both(flushes, takes);
}

static bool fails_in_some(void (*entry)(void *), const char *message)
{
    for (uint64_t seed = 1; seed <= SCHEDULES; seed++) {
        struct tpps_options options = schedule((struct tpps_options){0}, seed);
        if (!tpps_run(&options, entry, NULL, &result))
            return strstr(result.message, message) != NULL;
    }
    return false;
}

TAP_TEST(ring__two_threads_at_once_fail_the_run)
{
    check(fails_in_some(two_flush, "two threads put into one ring at once"));
    check(fails_in_some(two_take, "two threads take from one ring at once"));
    passes(one_flushes_one_takes);
}

/* ---- fork ------------------------------------------------------------------------------------ */

static void forks(void *arg)
{
    (void)arg;
    tpps_calm_io(true);
    open_world();
    put_and_flush(1, STREAM, TPP_READ);
    tpps_check(put(2, STREAM, TPP_READ));
    tpps_fork();
    tpps_check(tpps_requests_in_flight(-1) == 0 && tpps_requests_queued() == 0);
    tpp_ring_close(ring);
    tpp_poller_close(poller);
    tpps_check(tpps_rings_open() == 0);
    memset(told, 0, sizeof told);
    tpps_check(tpp_ring_open(&ring) == 0 && tpp_poller_open(&poller) == 0);
    tpps_check(tpp_poller_add(poller, tpp_ring_descriptor(ring), POLLIN, 1) == 0);
    put_and_flush(1, STREAM, TPP_READ);
    tpps_stream_feed(STREAM, 5);
    wait_for(1);
    tpps_check(came_to(1, 0, 5));
    close_world();
}

static void child_uses_it(void *arg)
{
    (void)arg;
    open_world();
    tpps_fork();
    tpp_ring_flush(ring);
}

TAP_TEST(fork__a_ring_is_the_parents)
{
    passes(forks);
    fails(child_uses_it, "use of a ring that the parent of this process uses too");
}

int main(void)
{
    tap_run(ring__there_may_be_none);
    tap_run(ring__a_request_is_done_when_its_file_is_ready);
    tap_run(ring__it_carries_out_whatever_can_be_done);
    tap_run(ring__a_connect_that_was_begun_elsewhere_is_not_waited_for);
    tap_run(ring__a_device_takes_its_time_without_a_thread);
    tap_run(ring__outcomes_come_in_any_order_each_once);
    tap_run(ring__nothing_is_lost_where_transfers_are_short);
    tap_run(ring__whoever_takes_sees_what_was_done_before_the_flush);
    tap_run(ring__there_is_room_for_few_and_a_flush_may_leave_some);
    tap_run(ring__an_abort_ends_a_request_or_comes_too_late);
    tap_run(ring__the_system_ends_some_before_they_begin);
    tap_run(ring__a_descriptor_that_does_not_block_ends_a_request_at_once);
    tap_run(ring__a_request_may_end_with_the_thread_that_flushed_it);
    tap_run(ring__a_request_in_flight_keeps_the_file);
    tap_run(ring__a_scenario_completes_requests_as_it_likes);
    tap_run(ring__a_scenario_completes_only_what_is_there);
    tap_run(ring__what_never_comes_is_a_deadlock);
    tap_run(ring__the_system_counts_as_no_thread);
    tap_run(ring__closing_one_that_is_used_fails_the_run);
    tap_run(ring__misuse_of_keys_and_requests_fails_the_run);
    tap_run(ring__memory_that_goes_too_early_fails_the_run);
    tap_run(ring__two_threads_at_once_fail_the_run);
    tap_run(fork__a_ring_is_the_parents);
    return tap_done();
}
