/* ring.c - rings over files that exist only here, and the system that carries requests out. */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "core/os/sim/transfer.h"

#define RINGS 16
#define QUEUE 4u      /* requests and wishes before a flush */
#define FLIGHTS 256   /* of all rings together */
#define TAKEN_MOST 3u /* at once */
#define SURPRISES 2   /* of each sort in a run */

enum stage { FREE, QUEUED, FLYING, DONE };

/* A request from put to take. */
struct flight {
    enum stage stage;
    struct tpp_ring *ring;
    uint64_t key, order; /* when it was flushed, then when it was completed */
    const struct tpp_request *given;
    struct tpp_request copy; /* of `given`, when it was put */
    uint32_t file;
    struct tpps_transfer what;
    int64_t not_before;
    tpps_thread flusher;
    bool aborted;
    int32_t surprise; /* an error of the system's own making; 0: none */
    struct tpp_outcome outcome;
};

struct entry {
    struct flight *flight; /* NULL: a wish that the one with `key` ends */
    uint64_t key;
};

struct tpp_ring {
    bool open, inherited;
    bool submitting, taking; /* a thread is in such a call */
    int descriptor;
    tpp_u32 flushes; /* whoever takes sees what was done before the flush */
    char token;      /* TSan: the same */
    uint32_t queued, left_in_a_row;
    struct entry queue[QUEUE];
};

static struct tpp_ring rings[RINGS];
static struct flight flights[FLIGHTS];
static uint32_t flights_high; /* so many have been used */
static uint64_t orders;
static uint32_t flushes;
static uint32_t wish;
static bool forbidden, held, refused;
static uint32_t interrupted, cancelled, would_wait; /* surprises so far */
static bool system_runs;
static uint32_t system_slot;

/* ---- looking after the flights --------------------------------------------------------------- */

static struct flight *find(const struct tpp_ring *ring, uint64_t key)
{
    for (uint32_t i = 0; i < flights_high; i++)
        if (flights[i].stage != FREE && flights[i].ring == ring && flights[i].key == key)
            return &flights[i];
    return NULL;
}

static uint32_t count(const struct tpp_ring *ring, enum stage stage)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < flights_high; i++)
        n += flights[i].stage == stage && (ring == NULL || flights[i].ring == ring);
    return n;
}

static struct flight *new_flight(struct tpp_ring *ring)
{
    uint32_t i = 0;
    while (i < flights_high && flights[i].stage != FREE)
        i++;
    if (i == FLIGHTS)
        tpps_fail("more than %d requests in rings", FLIGHTS);
    if (i == flights_high)
        flights_high++;
    flights[i] = (struct flight){.ring = ring, .file = TPPS_NO_FILE};
    return &flights[i];
}

/* It is told of from now on. What it has lent is the library's again. */
static void land(struct flight *flight, struct tpp_outcome outcome)
{
    flight->stage = DONE;
    flight->outcome = outcome;
    flight->order = ++orders;
    if (flight->file != TPPS_NO_FILE)
        tpps_file_let_go_(flight->file);
    flight->file = TPPS_NO_FILE;
    tpps_file_ring_ready_(flight->ring->descriptor, true);
}

/* ---- the system ------------------------------------------------------------------------------ */

static bool has_ended(tpps_thread thread)
{
    for (uint32_t i = 0; i < tpps_sim_.high; i++)
        if (tpps_fibers_[i].id == thread)
            return tpps_fibers_[i].state == TPPS_DONE;
    return true;
}

/* A request that has nothing to wait for but time. */
static bool due(const struct flight *flight)
{
    if (flight->stage != FLYING || held)
        return false;
    if (flight->aborted || flight->surprise != 0)
        return true;
    return tpps_transfer_due_(flight->file, &flight->what);
}

/* One of those that can be completed now; the one that was flushed first if all is calm. */
static struct flight *choose(int64_t *next_out)
{
    struct flight *ready[FLIGHTS], *first = NULL;
    uint32_t n = 0;
    *next_out = TPP_FOREVER;
    for (uint32_t i = 0; i < flights_high; i++) {
        struct flight *flight = &flights[i];
        if (!due(flight))
            continue;
        if (flight->not_before > tpps_sim_.clock && !flight->aborted) {
            *next_out = flight->not_before < *next_out ? flight->not_before : *next_out;
            continue;
        }
        ready[n++] = flight;
        if (first == NULL || flight->order < first->order)
            first = flight;
    }
    return tpps_calm_ || n < 2 ? first : ready[tpps_choose_(n)];
}

/* What is found on the way out of a thread that ends, or by an interruption, has not been begun. */
static void complete(struct flight *flight)
{
    struct tpp_outcome outcome = {.error = flight->surprise};
    if (flight->aborted)
        outcome.error = ECANCELED;
    if (outcome.error == 0 && !tpps_calm_ && has_ended(flight->flusher) && tpps_choose_(2) != 0)
        outcome.error = ECANCELED;
    if (outcome.error == 0)
        outcome = tpps_transfer_make_(flight->file, &flight->what);
    else
        tpps_transfer_check_(&flight->what);
    land(flight, outcome);
}

/* A fiber of its own, so that completions may come between any two steps of the others. */
static void serve(void *arg)
{
    (void)arg;
    for (;;) {
        int64_t next;
        struct flight *flight = choose(&next);
        if (flight != NULL)
            complete(flight);
        if (flight != NULL)
            tpps_point_(TPPS_OP_POLLER, NULL, "the system");
        else
            tpps_park_(TPPS_REST, NULL, next);
    }
}

void tpps_ring_changed_(void)
{
    if (system_runs && tpps_fibers_[system_slot].state == TPPS_REST)
        tpps_make_runnable_(system_slot, false);
}

/* ---- opening and closing --------------------------------------------------------------------- */

static void start_system(void)
{
    if (system_runs)
        return;
    system_runs = true;
    system_slot = tpps_start_system_(serve);
}

int tpp_ring_open(struct tpp_ring **ring_out)
{
    tpps_point_(TPPS_OP_POLLER, NULL, NULL);
    *ring_out = NULL;
    if (forbidden)
        return ENOSYS;
    if (tpps_fault_())
        return tpps_choose_(2) == 0 ? ENOMEM : EMFILE;
    for (uint32_t i = 0; i < RINGS; i++) {
        struct tpp_ring *ring = &rings[i];
        if (ring->open)
            continue;
        *ring = (struct tpp_ring){.open = true, .descriptor = tpps_file_ring_()};
        tpp_init(&ring->flushes, 0);
        start_system();
        *ring_out = ring;
        return 0;
    }
    return EMFILE;
}

static void check_open(const struct tpp_ring *ring)
{
    if (!ring->open)
        tpps_fail("use of a closed ring");
    if (ring->inherited)
        tpps_fail("use of a ring that the parent of this process uses too");
}

static void forget(const struct tpp_ring *ring)
{
    for (uint32_t i = 0; i < flights_high; i++)
        if (flights[i].ring == ring)
            flights[i].stage = FREE;
}

void tpp_ring_close(struct tpp_ring *ring)
{
    uint32_t n;
    tpps_point_(TPPS_OP_POLLER, NULL, NULL);
    if (!ring->open)
        tpps_fail("use of a closed ring");
    n = count(ring, QUEUED) + count(ring, FLYING) + count(ring, DONE);
    if (n != 0 && !ring->inherited)
        tpps_fail("a ring is closed with %u requests that it has not told of", n);
    if (ring->submitting || ring->taking)
        tpps_fail("a ring is closed while a thread uses it");
    forget(ring);
    tpps_file_ring_close_(ring->descriptor);
    ring->open = false;
}

int tpp_ring_descriptor(struct tpp_ring *ring)
{
    tpps_point_(TPPS_OP_POLLER, NULL, NULL);
    check_open(ring);
    return ring->descriptor;
}

uint32_t tpp_ring_wish(void)
{
    return wish;
}

/* ---- submitting ------------------------------------------------------------------------------ */

/* Others may go first while the caller is inside, so that two at once meet. */
static void enter(struct tpp_ring *ring, bool *inside, const char *what)
{
    check_open(ring);
    if (*inside)
        tpps_fail("two threads %s one ring at once", what);
    *inside = true;
    tpps_point_(TPPS_OP_POLLER, NULL, NULL);
    check_open(ring);
}

static void check_key(uint64_t key)
{
    if (key == 0 || key == UINT64_MAX)
        tpps_fail("a request with key %lld", (long long)key);
}

static bool enqueue(struct tpp_ring *ring, struct entry entry)
{
    ring->queue[ring->queued++] = entry;
    ring->submitting = false;
    return true;
}

bool tpp_ring_put(struct tpp_ring *ring, const struct tpp_request *request, uint64_t key)
{
    struct flight *flight;
    enter(ring, &ring->submitting, "put into");
    check_key(key);
    if (find(ring, key) != NULL)
        tpps_fail("a request is put whose key %llu is in flight", (unsigned long long)key);
    if (ring->queued == QUEUE)
        return ring->submitting = false;
    flight = new_flight(ring);
    flight->stage = QUEUED;
    flight->key = key;
    flight->given = request;
    flight->copy = *request;
    (void)tpps_transfer_file_(request);
    return enqueue(ring, (struct entry){flight, key});
}

bool tpp_ring_abort(struct tpp_ring *ring, uint64_t key)
{
    struct flight *flight;
    enter(ring, &ring->submitting, "put into");
    check_key(key);
    flight = find(ring, key);
    if (flight != NULL && flight->stage == QUEUED)
        tpps_fail("a request is aborted that was not flushed");
    if (ring->queued == QUEUE)
        return ring->submitting = false;
    return enqueue(ring, (struct entry){NULL, key});
}

static bool surprise(uint32_t *so_far, uint32_t odds)
{
    if (tpps_calm_ || *so_far == SURPRISES || !tpps_rarely_(odds))
        return false;
    ++*so_far;
    return true;
}

static int32_t choose_surprise(const struct flight *flight)
{
    const struct tpp_request *request = &flight->what.request;
    bool waits = !tpps_transfer_due_(flight->file, &flight->what);
    if (request->opcode == TPP_POLL && request->kind <= TPP_DIRECT)
        return EINVAL; /* a disk has no queue of who waits for it */
    if (waits && tpps_transfer_nonblocking_(flight->file, &flight->what))
        return EAGAIN;
    if (waits && request->opcode <= TPP_ACCEPT && surprise(&would_wait, 8))
        return EAGAIN;
    if (surprise(&interrupted, 12))
        return EINTR;
    return surprise(&cancelled, 12) ? ECANCELED : 0;
}

static bool same(const struct tpp_request *a, const struct tpp_request *b)
{
    return a->descriptor == b->descriptor && a->opcode == b->opcode && a->kind == b->kind &&
           a->flags == b->flags && a->buffer == b->buffer && a->length == b->length &&
           a->offset == b->offset && a->address == b->address &&
           a->address_length == b->address_length;
}

/* The system reads the request now, and the file is its own from now on, whatever becomes of the
 * number. */
static void take_off(struct flight *flight)
{
    static const int64_t delays[] = {0, 0, 1000, 2000000};
    int64_t delay;
    tpps_touch_(flight->given, sizeof *flight->given);
    if (!same(flight->given, &flight->copy))
        tpps_fail("a request was changed before it was flushed");
    flight->stage = FLYING;
    flight->order = ++orders;
    flight->flusher = tpps_sim_.current->id;
    flight->file = tpps_transfer_file_(flight->given);
    tpps_transfer_take_(&flight->what, flight->given);
    if (flight->file == TPPS_NO_FILE) {
        land(flight, (struct tpp_outcome){.error = EBADF});
        return;
    }
    tpps_file_hold_(flight->file);
    delay = tpps_transfer_latency_(flight->file, &flight->what);
    if (delay == 0 && !tpps_calm_)
        delay = delays[tpps_choose_(4)];
    flight->not_before = tpps_add_time_(tpps_sim_.clock, delay);
    flight->surprise = choose_surprise(flight);
    if (flight->what.request.opcode == TPP_CONNECT && flight->surprise == 0 &&
        !tpps_transfer_connect_(flight->file))
        flight->surprise = EAGAIN;
}

/* What will end by itself may be beyond reach. */
static void try_abort(const struct tpp_ring *ring, uint64_t key)
{
    struct flight *flight = find(ring, key);
    if (flight == NULL || flight->stage != FLYING)
        return;
    if (!tpps_calm_ && tpps_transfer_due_(flight->file, &flight->what) && tpps_choose_(2) != 0)
        return;
    flight->aborted = true;
}

/* How much of the queue the system takes now. */
static uint32_t choose_share(struct tpp_ring *ring)
{
    if (refused)
        return 0;
    if (ring->queued != 0 && !tpps_calm_ && ring->left_in_a_row < 2 && tpps_rarely_(6)) {
        ring->left_in_a_row++;
        return tpps_choose_(ring->queued);
    }
    ring->left_in_a_row = 0;
    return ring->queued;
}

bool tpp_ring_flush(struct tpp_ring *ring)
{
    uint32_t share;
    enter(ring, &ring->submitting, "put into");
    (void)tpp_add_acq_rel(&ring->flushes, 1);
    tpps_tsan_release_(&ring->token);
    share = choose_share(ring);
    flushes += share != 0;
    for (uint32_t i = 0; i < share; i++)
        if (ring->queue[i].flight != NULL)
            take_off(ring->queue[i].flight);
        else
            try_abort(ring, ring->queue[i].key);
    ring->queued -= share;
    memmove(ring->queue, ring->queue + share, ring->queued * sizeof *ring->queue);
    ring->submitting = false;
    tpps_ring_changed_();
    return ring->queued == 0;
}

/* ---- taking ---------------------------------------------------------------------------------- */

/* The nth of those that have landed, in that order. */
static struct flight *nth_landed(const struct tpp_ring *ring, uint32_t n)
{
    uint64_t after = 0;
    struct flight *found;
    do {
        found = NULL;
        for (uint32_t i = 0; i < flights_high; i++) {
            struct flight *f = &flights[i];
            if (f->stage == DONE && f->ring == ring && f->order > after &&
                (found == NULL || f->order < found->order))
                found = f;
        }
        after = found->order;
    } while (n-- > 0);
    return found;
}

/* Not all of them at once: what does not fit into the system's queue comes later. */
uint32_t tpp_ring_take(struct tpp_ring *ring, struct tpp_completion *completions, uint32_t capacity)
{
    uint32_t none = UINT32_MAX, landed, taken = 0,
             most = capacity < TAKEN_MOST ? capacity : TAKEN_MOST;
    enter(ring, &ring->taking, "take from");
    (void)tpp_cas_acquire(&ring->flushes, &none, 0); /* fails: reads the newest */
    tpps_tsan_acquire_(&ring->token);
    while (taken < most && (landed = count(ring, DONE)) != 0) {
        struct flight *flight;
        if (taken != 0 && !tpps_calm_ && tpps_rarely_(4))
            break;
        flight = nth_landed(ring, tpps_calm_ ? 0 : tpps_choose_(landed));
        completions[taken++] = (struct tpp_completion){flight->key, flight->outcome};
        tpps_transfer_show_(&flight->what, flight->outcome);
        flight->stage = FREE;
    }
    if (count(ring, DONE) == 0)
        tpps_file_ring_ready_(ring->descriptor, false);
    ring->taking = false;
    return taken;
}

/* ---- for scenarios --------------------------------------------------------------------------- */

void tpps_wish_ring(uint32_t backend)
{
    wish = backend;
}

void tpps_forbid_rings(bool forbid)
{
    forbidden = forbid;
}

void tpps_ring_hold(bool hold)
{
    held = hold;
    tpps_ring_changed_();
}

void tpps_ring_refuse(bool refuse)
{
    refused = refuse;
}

static bool is_about(const struct flight *flight, int number)
{
    return flight->stage == FLYING && (number < 0 || flight->file == tpps_file_of_(number));
}

void tpps_ring_complete(int number, uint32_t nth, int32_t error, uint64_t bytes)
{
    struct flight *found = NULL;
    uint64_t after = 0;
    tpps_point_(TPPS_OP_POLLER, NULL, NULL);
    do {
        found = NULL;
        for (uint32_t i = 0; i < flights_high; i++)
            if (is_about(&flights[i], number) && flights[i].order > after &&
                (found == NULL || flights[i].order < found->order))
                found = &flights[i];
        if (found == NULL)
            tpps_fail("completion of a request for descriptor %d that is not in flight", number);
        after = found->order;
    } while (nth-- > 0);
    if (error == 0)
        tpps_transfer_pretend_(found->file, &found->what, bytes);
    else
        tpps_transfer_check_(&found->what);
    land(found, (struct tpp_outcome){error, error != 0 ? 0 : bytes});
}

uint32_t tpps_requests_in_flight(int number)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < flights_high; i++)
        n += is_about(&flights[i], number);
    return n;
}

uint32_t tpps_requests_queued(void)
{
    return count(NULL, QUEUED);
}

uint32_t tpps_requests_landed(void)
{
    return count(NULL, DONE);
}

uint32_t tpps_ring_flushes(void)
{
    return flushes;
}

uint32_t tpps_rings_open(void)
{
    return tpps_ring_end_();
}

/* ---- a run begins and ends ------------------------------------------------------------------- */

void tpps_ring_begin_(void)
{
    memset(rings, 0, sizeof rings);
    orders = 0;
    flights_high = flushes = wish = interrupted = cancelled = would_wait = 0;
    forbidden = held = refused = system_runs = false;
}

/* What is in flight is the parent's. */
void tpps_ring_fork_(void)
{
    system_runs = false;
    for (uint32_t i = 0; i < RINGS; i++) {
        rings[i].inherited = rings[i].open;
        rings[i].submitting = rings[i].taking = false;
        forget(&rings[i]);
    }
}

uint32_t tpps_ring_end_(void)
{
    uint32_t open = 0;
    for (uint32_t i = 0; i < RINGS; i++)
        open += rings[i].open;
    return open;
}
