/* file.c - open files that exist only here, the numbers that name them, and flags. */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "core/os/sim/internal.h"

#define NUMBERS 1024     /* of the application, from 0; and as many of the library, from OWN_FROM */
#define OWN_FROM 1000000 /* no scenario takes one by chance */
#define ALWAYS ((uint32_t)(POLLERR | POLLHUP))

/* Those of enum tpps_file are the application's; the library makes the others. */
enum kind { PROCESS = TPPS_PROCESS, SOCKET = TPPS_SOCKET, FLAG = TPPS_DIRECT + 1, SIGNAL, RING };

enum use { KEPT, AS_FLAG, AS_RING, ACCEPTED };

struct number {
    uint16_t file;
    uint16_t use; /* enum use */
};

static struct {
    enum kind kind;
    uint32_t references; /* numbers, fibers that poll it, requests, the parent's; 0: gone */
    uint32_t ready;      /* as the scenario says */
    uint32_t traffic;    /* and what transfer.c says */
    int signal;
    bool broken;
} files[TPPS_FILES];
static uint32_t files_high;

static struct number outside[NUMBERS], own[NUMBERS];
static uint32_t own_high; /* so many of the library's have been used */
static uint32_t closed;   /* by the library, of what was accepted */
static bool hidden;

/* ---- files and numbers ----------------------------------------------------------------------- */

static uint32_t make(enum kind kind, uint32_t ready)
{
    uint32_t i = 0;
    while (i < files_high && files[i].references != 0)
        i++;
    if (i == TPPS_FILES)
        tpps_fail("more than %d open files", TPPS_FILES);
    if (i == files_high)
        files_high++;
    files[i].kind = kind;
    files[i].references = 0;
    files[i].ready = ready;
    files[i].traffic = 0;
    files[i].signal = 0;
    files[i].broken = false;
    tpps_transfer_new_(i);
    return i;
}

static void release(uint32_t file)
{
    if (--files[file].references == 0)
        tpps_poller_forget_(file);
}

/* NULL if it is none that can be. */
static struct number *entry(int number)
{
    if (number >= 0 && number < NUMBERS)
        return &outside[number];
    if (number >= OWN_FROM && number < OWN_FROM + NUMBERS)
        return &own[number - OWN_FROM];
    return NULL;
}

uint32_t tpps_file_of_(int number)
{
    const struct number *n = entry(number);
    return n != NULL ? n->file : TPPS_NO_FILE;
}

uint32_t tpps_file_named_(int number, const char *what)
{
    uint32_t file = tpps_file_of_(number);
    if (file == TPPS_NO_FILE && number >= OWN_FROM)
        tpps_fail("%s of descriptor %d, which the library has given back", what, number);
    return file;
}

uint32_t tpps_file_ready_(uint32_t file)
{
    return files[file].ready | files[file].traffic;
}

uint32_t tpps_file_kind_(uint32_t file)
{
    return files[file].kind;
}

void tpps_file_hold_(uint32_t file)
{
    files[file].references++;
}

void tpps_file_let_go_(uint32_t file)
{
    release(file);
}

/* Always ready. */
static bool is_regular(uint32_t kind)
{
    return kind == TPPS_REGULAR || kind == TPPS_DIRECT;
}

int tpps_file_refusal_(uint32_t file, bool modify)
{
    if (files[file].broken)
        return ENOMEM;
    return !modify && is_regular(files[file].kind) ? EPERM : 0;
}

static void name(int number, uint32_t file, enum use use)
{
    files[file].references++;
    *entry(number) = (struct number){(uint16_t)file, (uint16_t)use};
}

static void unname(int number)
{
    uint32_t file = tpps_file_of_(number);
    entry(number)->file = TPPS_NO_FILE;
    release(file);
}

/* A number for the library: one that was never used, or the lowest that is free again. */
static int take_own(uint32_t file, enum use use)
{
    uint32_t free = 0;
    while (free < own_high && own[free].file != TPPS_NO_FILE)
        free++;
    if (free == NUMBERS)
        tpps_fail("more than %d descriptors of the library", NUMBERS);
    if (own_high < NUMBERS && (free == own_high || tpps_choose_(2) == 0))
        free = own_high++;
    name(OWN_FROM + (int)free, file, use);
    return OWN_FROM + (int)free;
}

/* The file behind a number that must be the library's. */
static uint32_t own_file(int number, const char *what, enum use use)
{
    static const char *const names[] = {"own descriptor", "flag", "ring"};
    uint32_t file = number >= OWN_FROM ? tpps_file_of_(number) : TPPS_NO_FILE;
    if (file == TPPS_NO_FILE || entry(number)->use != use)
        tpps_fail("%s of %s %d, which is not open", what, names[use], number);
    return file;
}

/* ---- their state ----------------------------------------------------------------------------- */

/* Odd, so it is no poller's address. */
void *tpps_poll_key_(uint32_t number, bool signal)
{
    return (void *)((uintptr_t)number << 2 | (signal ? 3u : 1u));
}

void tpps_poll_wake_(const void *key)
{
    for (uint32_t i = 0; i < tpps_sim_.high; i++)
        if (tpps_fibers_[i].state == TPPS_POLL && tpps_fibers_[i].wait == key)
            tpps_make_runnable_(i, false);
}

static void changed(uint32_t file)
{
    tpps_poller_changed_();
    if (tpps_file_ready_(file) != 0)
        tpps_poll_wake_(tpps_poll_key_(file, false));
    if (files[file].kind != RING)
        tpps_ring_changed_();
}

static void set_ready(uint32_t file, uint32_t events)
{
    files[file].ready = events;
    changed(file);
}

void tpps_file_traffic_(uint32_t file, uint32_t events)
{
    files[file].traffic = events;
    changed(file);
}

/* Whoever polls keeps the file, as poll(2) does, whatever becomes of its number. */
static uint32_t poll_file(uint32_t file, uint32_t mask, int64_t deadline_ns)
{
    uint32_t found;
    files[file].references++;
    while ((found = tpps_file_ready_(file) & mask) == 0 && deadline_ns > tpps_sim_.clock)
        tpps_park_(TPPS_POLL, tpps_poll_key_(file, false), deadline_ns);
    release(file);
    return found;
}

/* ---- the contract of os.h -------------------------------------------------------------------- */

int tpp_file_keep(int descriptor, int *own_out)
{
    uint32_t file;
    tpps_point_(TPPS_OP_POLLER, NULL, NULL);
    file = tpps_file_of_(descriptor);
    if (file == TPPS_NO_FILE)
        return EBADF;
    if (tpps_fault_())
        return EMFILE;
    *own_out = take_own(file, KEPT);
    return 0;
}

void tpp_file_drop(int own_number)
{
    tpps_point_(TPPS_OP_POLLER, NULL, NULL);
    (void)own_file(own_number, "drop", KEPT);
    unname(own_number);
}

bool tpp_file_same(int descriptor, int own_number)
{
    uint32_t file;
    tpps_point_(TPPS_OP_POLLER, NULL, NULL);
    file = own_file(own_number, "comparison", KEPT);
    return !hidden && tpps_file_of_(descriptor) == file;
}

int tpp_file_is_process(int descriptor)
{
    uint32_t file;
    tpps_point_(TPPS_OP_POLLER, NULL, NULL);
    file = tpps_file_of_(descriptor);
    return file != TPPS_NO_FILE && files[file].kind == PROCESS ? 0 : EBADF;
}

int tpp_file_wait(int descriptor, uint32_t events, int64_t deadline_ns, uint32_t *found_out)
{
    uint32_t file;
    tpps_point_(TPPS_OP_POLLER, NULL, NULL);
    file = tpps_file_of_(descriptor);
    if (file == TPPS_NO_FILE)
        return EBADF;
    *found_out = poll_file(file, (events & 0xffffu) | ALWAYS, deadline_ns);
    return 0;
}

/* ---- files that tell of signals -------------------------------------------------------------- */

int tpps_file_signal_(int signal, bool pending)
{
    uint32_t file = make(SIGNAL, pending ? POLLIN : 0);
    files[file].signal = signal;
    return take_own(file, KEPT);
}

int tpps_file_is_signal_(int own_number)
{
    uint32_t file = own_file(own_number, "taking a signal", KEPT);
    if (files[file].kind != SIGNAL)
        tpps_fail("taking a signal of descriptor %d, which is for none", own_number);
    return files[file].signal;
}

void tpps_file_signals_(int signal, bool pending)
{
    for (uint32_t i = 0; i < files_high; i++)
        if (files[i].references != 0 && files[i].kind == SIGNAL && files[i].signal == signal)
            set_ready(i, pending ? POLLIN : 0);
}

/* ---- flags ----------------------------------------------------------------------------------- */

static uint32_t flag_file(int number, const char *what)
{
    tpps_point_(TPPS_OP_POLLER, NULL, NULL);
    return own_file(number, what, AS_FLAG);
}

int tpp_flag_open(int *descriptor_out)
{
    tpps_point_(TPPS_OP_POLLER, NULL, NULL);
    if (tpps_fault_())
        return EMFILE;
    *descriptor_out = take_own(make(FLAG, 0), AS_FLAG);
    return 0;
}

void tpp_flag_raise(int number)
{
    set_ready(flag_file(number, "raising"), POLLIN);
}

void tpp_flag_clear(int number)
{
    set_ready(flag_file(number, "clearing"), 0);
}

void tpp_flag_close(int number)
{
    (void)flag_file(number, "closing");
    unname(number);
}

bool tpps_flag_raised(int number)
{
    uint32_t file = tpps_file_of_(number);
    return file != TPPS_NO_FILE && files[file].kind == FLAG && (files[file].ready & POLLIN) != 0;
}

/* ---- rings, and what is accepted ------------------------------------------------------------- */

int tpps_file_ring_(void)
{
    return take_own(make(RING, 0), AS_RING);
}

void tpps_file_ring_ready_(int number, bool ready)
{
    uint32_t file = own_file(number, "outcome", AS_RING);
    if (files[file].ready != (ready ? POLLIN : 0))
        set_ready(file, ready ? POLLIN : 0);
}

void tpps_file_ring_close_(int number)
{
    (void)own_file(number, "closing", AS_RING);
    unname(number);
}

/* ---- the world outside ----------------------------------------------------------------------- */

uint32_t tpps_file_outside_(int number, const char *what)
{
    uint32_t file = number < NUMBERS ? tpps_file_of_(number) : TPPS_NO_FILE;
    if (file == TPPS_NO_FILE)
        tpps_fail("%s of descriptor %d, which the application has not open", what, number);
    return file;
}

/* As the system does: the lowest that is free; scenarios know the first three as taken. */
static int choose_number(int wanted, const char *what)
{
    int number = wanted;
    if (wanted < 0)
        for (number = 3; number < NUMBERS && tpps_file_of_(number) != TPPS_NO_FILE; number++)
            ;
    if (number >= NUMBERS)
        tpps_fail("%s of descriptor %d: only 0 to %d are the application's", what, number,
                  NUMBERS - 1);
    return number;
}

int tpps_descriptor_open(int wanted, enum tpps_file kind)
{
    int number;
    tpps_point_(TPPS_OP_POLLER, NULL, NULL);
    number = choose_number(wanted, "opening");
    if (tpps_file_of_(number) != TPPS_NO_FILE)
        tpps_fail("opening of descriptor %d, which is open", number);
    name(number, make((enum kind)kind, is_regular(kind) ? POLLIN | POLLOUT : 0), KEPT);
    return number;
}

int tpps_file_accept_(void)
{
    int number = choose_number(-1, "accepting");
    name(number, make(SOCKET, 0), ACCEPTED);
    return number;
}

void tpps_file_close_(int number)
{
    if (number >= NUMBERS || tpps_file_of_(number) == TPPS_NO_FILE ||
        entry(number)->use != ACCEPTED)
        tpps_fail("close of descriptor %d, which no ACCEPT has brought", number);
    unname(number);
    closed++;
}

uint32_t tpps_files_closed(void)
{
    return closed;
}

int tpps_descriptor_copy(int from, int wanted)
{
    uint32_t file;
    int number;
    tpps_point_(TPPS_OP_POLLER, NULL, NULL);
    file = tpps_file_of_(from);
    if (file == TPPS_NO_FILE)
        tpps_fail("copy of descriptor %d, which is not open", from);
    number = choose_number(wanted, "copying");
    if (number == from)
        return number;
    if (tpps_file_of_(number) != TPPS_NO_FILE)
        unname(number);
    name(number, file, KEPT);
    return number;
}

void tpps_descriptor_close(int number)
{
    tpps_point_(TPPS_OP_POLLER, NULL, NULL);
    (void)tpps_file_outside_(number, "close");
    unname(number);
}

void tpps_descriptor_set_ready(int number, uint32_t events)
{
    uint32_t file;
    tpps_point_(TPPS_OP_POLLER, NULL, NULL);
    file = tpps_file_outside_(number, "setting the state");
    if (files[file].kind >= FLAG)
        tpps_fail("setting the state of descriptor %d, which is the library's", number);
    set_ready(file, events);
}

uint32_t tpps_descriptor_ready(int number)
{
    uint32_t file = tpps_file_of_(number);
    return file != TPPS_NO_FILE ? tpps_file_ready_(file) : 0;
}

void tpps_descriptor_break(int number)
{
    tpps_point_(TPPS_OP_POLLER, NULL, NULL);
    files[tpps_file_outside_(number, "breaking")].broken = true;
}

void tpps_process_end(int number)
{
    uint32_t file;
    tpps_point_(TPPS_OP_POLLER, NULL, NULL);
    file = tpps_file_outside_(number, "end");
    if (files[file].kind != PROCESS)
        tpps_fail("end of descriptor %d, which is no process", number);
    set_ready(file, POLLIN);
}

bool tpps_poll(int number, int64_t deadline_ns)
{
    uint32_t file;
    tpps_point_(TPPS_OP_POLLER, NULL, "tpps_poll");
    file = tpps_file_of_(number);
    if (file == TPPS_NO_FILE)
        tpps_fail("poll of the closed descriptor %d", number);
    return poll_file(file, UINT32_MAX, deadline_ns) != 0;
}

void tpps_hide_files(bool hide)
{
    hidden = hide;
}

uint32_t tpps_files_open(void)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < files_high; i++)
        count += files[i].references != 0;
    return count;
}

uint32_t tpps_files_kept(void)
{
    uint32_t flags, kept;
    tpps_file_end_(&flags, &kept);
    return kept;
}

uint32_t tpps_descriptor_names(int number)
{
    uint32_t file = tpps_file_of_(number), count = 0;
    for (uint32_t i = 0; i < NUMBERS && file != TPPS_NO_FILE; i++)
        count += (uint32_t)(outside[i].file == file) + (own[i].file == file);
    return count;
}

/* ---- a run begins and ends ------------------------------------------------------------------- */

void tpps_file_begin_(void)
{
    files_high = own_high = closed = 0;
    hidden = false;
    memset(outside, 0xff, sizeof outside);
    memset(own, 0xff, sizeof own);
}

void tpps_file_fork_(void)
{
    for (uint32_t i = 0; i < files_high; i++)
        files[i].references += files[i].references != 0;
}

void tpps_file_end_(uint32_t *flags_out, uint32_t *own_out)
{
    *flags_out = *own_out = 0;
    for (uint32_t i = 0; i < own_high; i++) {
        if (own[i].file == TPPS_NO_FILE)
            continue;
        *flags_out += own[i].use == AS_FLAG;
        *own_out += own[i].use == KEPT;
    }
}
