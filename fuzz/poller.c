/* poller.c - a fuzz target: bytes open, watch and close real descriptors, beside a model. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "core/os/linux/poller.h"
#include "core/os/os.h"
#include "fuzz/platform.h"
#include "fuzz/steps.h"

/* An input is steps until it ends. A step is one byte, its kind in the lower four bits and a number
 * n from 0 to 15 in the upper four, and a byte: an index i of a descriptor, from 0 to 7, in its
 * lower three bits, and m from 0 to 31 in the upper five. The descriptors have the same numbers in
 * every input, and get them again when they have been closed. What cannot be done now (write where
 * nobody reads ...) is passed over. */
enum kind {
    FLAG,   /* opens one as descriptor i */
    PIPE,   /* opens one: i reads, i + n + 1 modulo 8 writes */
    PLAIN,  /* opens a file that no poller takes, as i */
    COPY,   /* of i, as i + n + 1 modulo 8 */
    CLOSE,  /* i; as do FLAG, PIPE, PLAIN and COPY with what they replace */
    WRITE,  /* raises the flag i, or writes a byte to the pipe */
    READ,   /* clears the flag, or reads a byte */
    ADD,    /* i, for the states of m: see mask_of */
    MODIFY, /* i, to that */
    REMOVE, /* i */
    LOOK,   /* for n + 1 events at most */
    SLEEP,  /* the same, if something must end it */
    KICK,
    PAUSE, /* sleeps for n microseconds at most; twice in an input */
};

#define INDICES 8u
#define NUMBER 100 /* of the first descriptor */
#define FILES 64u
#define INTERESTS 64u
#define PATIENCE 4u /* for expiries and kicks, which have their turn too */

enum file_kind { A_FLAG, A_READER, A_WRITER, A_PLAIN };

struct file {
    enum file_kind kind;
    uint32_t names, other; /* descriptors of it; the other end */
    uint32_t bytes;        /* to be read; of a flag: is it raised? */
};

struct interest {
    uint32_t index, file, events, passed;
    uint64_t key;
    bool armed;
};

static struct world {
    struct steps steps;
    struct tpp_poller *poller;
    struct file files[FILES];
    uint32_t files_count;
    uint32_t named[INDICES]; /* which file; FILES: none */
    struct interest interests[INTERESTS];
    uint32_t interests_count, interests_most, pauses;
    uint64_t keys;
    bool kicked, timer_left; /* an expiry may come, and take an event's place */
} world;

/* No alarm watches these pollers. */
void tpp_alarm_unwatch(struct tpp_poller *poller)
{
    (void)poller;
}

MODEL_BEGIN

/* ---- files ----------------------------------------------------------------------------------- */

static struct file *file_of(uint32_t index)
{
    return world.named[index] == FILES ? NULL : &world.files[world.named[index]];
}

/* Its state, as poll(2) has it. */
static uint32_t ready(uint32_t file)
{
    const struct file *own = &world.files[file];
    bool alone = world.files[own->other].names == 0;
    switch (own->kind) {
    case A_FLAG:
        return POLLOUT | (own->bytes > 0 ? (uint32_t)POLLIN : 0);
    case A_READER:
        return (own->bytes > 0 ? (uint32_t)POLLIN : 0) | (alone ? (uint32_t)POLLHUP : 0);
    case A_WRITER:
        return POLLOUT | (alone ? (uint32_t)POLLERR : 0);
    case A_PLAIN:
        break;
    }
    return 0;
}

/* With a file's last descriptor its interests go. */
static void close_one(uint32_t index)
{
    struct file *file = file_of(index);
    if (file == NULL)
        return;
    EXPECT(&world.steps, close(NUMBER + (int)index) == 0);
    if (--file->names == 0)
        for (uint32_t i = world.interests_count; i-- > 0;)
            if (world.interests[i].file == world.named[index])
                world.interests[i] = world.interests[--world.interests_count];
    world.named[index] = FILES;
}

/* The descriptor gets its number; the file is a new one, unless it is a copy. */
static void name(uint32_t index, int descriptor, uint32_t file)
{
    EXPECT(&world.steps, descriptor >= 0 && dup2(descriptor, NUMBER + (int)index) >= 0);
    world.named[index] = file;
    world.files[file].names++;
}

static uint32_t new_file(enum file_kind kind, uint32_t other)
{
    world.files[world.files_count] = (struct file){kind, 0, other, 0};
    return world.files_count++;
}

static void open_flag(uint32_t index)
{
    int descriptor;
    if (world.files_count == FILES)
        return;
    close_one(index);
    EXPECT(&world.steps, tpp_flag_open(&descriptor) == 0);
    name(index, descriptor, new_file(A_FLAG, 0));
    tpp_flag_close(descriptor);
}

static void open_plain(uint32_t index)
{
    if (world.files_count == FILES)
        return;
    close_one(index);
    int descriptor = open("/dev/null", O_RDWR | O_CLOEXEC);
    name(index, descriptor, new_file(A_PLAIN, 0));
    close(descriptor);
}

static void open_pipe(uint32_t reader, uint32_t writer)
{
    int descriptors[2];
    if (reader == writer || world.files_count + 2 > FILES)
        return;
    close_one(reader);
    close_one(writer);
    EXPECT(&world.steps, pipe2(descriptors, O_CLOEXEC | O_NONBLOCK) == 0);
    uint32_t file = new_file(A_READER, world.files_count + 1);
    name(reader, descriptors[0], file);
    name(writer, descriptors[1], new_file(A_WRITER, file));
    close(descriptors[0]);
    close(descriptors[1]);
}

static void copy(uint32_t from, uint32_t index)
{
    if (from == index || file_of(from) == NULL)
        return;
    close_one(index);
    name(index, NUMBER + (int)from, world.named[from]);
}

static void write_one(uint32_t index)
{
    struct file *file = file_of(index);
    if (file != NULL && file->kind == A_FLAG) {
        tpp_flag_raise(NUMBER + (int)index);
        file->bytes = 1;
    } else if (file != NULL && file->kind == A_WRITER && world.files[file->other].names > 0) {
        EXPECT(&world.steps, write(NUMBER + (int)index, "x", 1) == 1);
        world.files[file->other].bytes++;
    }
}

static void read_one(uint32_t index)
{
    struct file *file = file_of(index);
    char byte;
    if (file != NULL && file->kind == A_FLAG) {
        tpp_flag_clear(NUMBER + (int)index);
        file->bytes = 0;
    } else if (file != NULL && file->kind == A_READER && file->bytes > 0) {
        EXPECT(&world.steps, read(NUMBER + (int)index, &byte, 1) == 1);
        file->bytes--;
    }
}

/* ---- interests ------------------------------------------------------------------------------- */

/* By number and file together: who has the number now may be another. */
static struct interest *find(uint32_t index)
{
    for (uint32_t i = 0; i < world.interests_count; i++)
        if (world.interests[i].index == index && world.interests[i].file == world.named[index])
            return &world.interests[i];
    return NULL;
}

static uint32_t pending(const struct interest *interest)
{
    uint32_t always = POLLERR | POLLHUP;
    return interest->armed ? ready(interest->file) & (interest->events | always) : 0;
}

static uint32_t count_pending(void)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < world.interests_count; i++)
        count += pending(&world.interests[i]) != 0;
    return count;
}

static uint32_t mask_of(uint32_t m)
{
    return (m & 1 ? (uint32_t)POLLIN : 0) | (m & 2 ? (uint32_t)POLLOUT : 0) |
           (m & 4 ? TPP_POLL_ONCE : 0) | (m & 8 ? (uint32_t)(POLLPRI | POLLRDHUP) : 0);
}

static void set(struct interest *interest, uint32_t index, uint32_t mask)
{
    *interest = (struct interest){.index = index,
                                  .file = world.named[index],
                                  .events = mask,
                                  .key = world.keys,
                                  .armed = true};
}

static void add(uint32_t index, uint32_t m)
{
    uint64_t key = m & 16 ? UINT64_MAX - (m & 1) : ++world.keys;
    int result = tpp_poller_add(world.poller, NUMBER + (int)index, mask_of(m), key);
    if (m & 16)
        EXPECT(&world.steps, result == EINVAL);
    else if (file_of(index) == NULL)
        EXPECT(&world.steps, result == EBADF);
    else if (file_of(index)->kind == A_PLAIN)
        EXPECT(&world.steps, result == EPERM);
    else if (find(index) != NULL)
        EXPECT(&world.steps, result == EEXIST);
    else {
        EXPECT(&world.steps, result == 0);
        set(&world.interests[world.interests_count++], index, mask_of(m));
        if (world.interests_most < world.interests_count)
            world.interests_most = world.interests_count;
    }
}

static int not_found(uint32_t index)
{
    if (file_of(index) == NULL)
        return EBADF;
    if (file_of(index)->kind == A_PLAIN)
        return EPERM;
    return find(index) == NULL ? ENOENT : 0;
}

static void modify(uint32_t index, uint32_t m)
{
    uint64_t key = m & 16 ? UINT64_MAX - (m & 1) : ++world.keys;
    int result = tpp_poller_modify(world.poller, NUMBER + (int)index, mask_of(m), key);
    EXPECT(&world.steps, result == (m & 16 ? EINVAL : not_found(index)));
    if (result == 0)
        set(find(index), index, mask_of(m));
}

static void remove_one(uint32_t index)
{
    struct interest *interest = find(index);
    int result = tpp_poller_remove(world.poller, NUMBER + (int)index);
    EXPECT(&world.steps, result == not_found(index));
    if (result == 0)
        *interest = world.interests[--world.interests_count];
}

/* ---- waiting --------------------------------------------------------------------------------- */

static void tell(const struct tpp_poller_event *event)
{
    uint32_t i = 0;
    while (i < world.interests_count && world.interests[i].key != event->key)
        i++;
    EXPECT(&world.steps, i < world.interests_count);
    struct interest *interest = &world.interests[i];
    EXPECT(&world.steps, event->events != 0 && event->events == pending(interest));
    interest->passed = 0;
    interest->armed = !(interest->events & TPP_POLL_ONCE);
}

/* Nothing is told of twice in one wait, or passed over for longer than all the others take. */
static void wait(uint32_t capacity, int64_t deadline_ns)
{
    struct tpp_poller_event events[17] = {{0, 0}};
    uint32_t there = count_pending(), most = there < capacity ? there : capacity;
    events[capacity].key = 99;
    errno = 77;
    uint32_t count = tpp_poller_wait(world.poller, events, capacity, deadline_ns);
    EXPECT(&world.steps, errno == 77 && events[capacity].key == 99);
    EXPECT(&world.steps, count <= most && count + world.timer_left >= most);
    for (uint32_t i = 0; i < count; i++) {
        tell(&events[i]);
        for (uint32_t k = 0; k < i; k++)
            EXPECT(&world.steps, events[k].key != events[i].key);
    }
    for (uint32_t i = 0; i < world.interests_count; i++)
        if (pending(&world.interests[i]) != 0)
            EXPECT(&world.steps, ++world.interests[i].passed <= world.interests_most + PATIENCE);
}

static void sleep_once(uint32_t capacity)
{
    if (!world.kicked && count_pending() == 0)
        return;
    wait(capacity, TPP_FOREVER);
    world.kicked = false;
}

static void pause_once(uint32_t capacity, uint32_t microseconds)
{
    bool nothing = !world.kicked && count_pending() == 0;
    if (world.pauses++ >= 2)
        return;
    int64_t deadline = tpp_now(TPP_CLOCK_MONOTONIC) + 1000 * (int64_t)microseconds;
    world.timer_left = true;
    wait(capacity, deadline);
    if (nothing)
        EXPECT(&world.steps, tpp_now(TPP_CLOCK_MONOTONIC) >= deadline);
    /* A deadline that passes before the sleep begins makes it a look, which takes no kick. */
    if (world.kicked && tpp_now(TPP_CLOCK_MONOTONIC) >= deadline)
        tpp_poller_kick(world.poller);
    else
        world.kicked = false;
}

/* ---- an input -------------------------------------------------------------------------------- */

static void begin(void)
{
    platform_begin();
    world.files_count = world.interests_count = world.interests_most = world.pauses = 0;
    world.keys = 0;
    world.kicked = world.timer_left = false;
    for (uint32_t index = 0; index < INDICES; index++)
        world.named[index] = FILES;
    EXPECT(&world.steps, tpp_poller_open(&world.poller) == 0);
}

/* What is ready is readable from outside. */
static void end(void)
{
    struct pollfd outside = {.fd = tpl_poller_descriptor(world.poller), .events = POLLIN};
    bool there = count_pending() > 0;
    EXPECT(&world.steps, poll(&outside, 1, 0) >= there);
    for (uint32_t i = 0; i < 3; i++)
        wait(16, 0);
    for (uint32_t index = 0; index < INDICES; index++)
        close_one(index);
    wait(16, 0);
    tpp_poller_close(world.poller);
    platform_end();
}

MODEL_END

static void step(void)
{
    uint8_t first = take(&world.steps), second = take(&world.steps);
    uint32_t n = first >> 4, m = second >> 3, index = second % INDICES;
    uint32_t other = (index + n + 1) % INDICES;
    switch ((enum kind)(first & 15)) {
    case FLAG:
        open_flag(index);
        break;
    case PIPE:
        open_pipe(index, other);
        break;
    case PLAIN:
        open_plain(index);
        break;
    case COPY:
        copy(index, other);
        break;
    case CLOSE:
        close_one(index);
        break;
    case WRITE:
        write_one(index);
        break;
    case READ:
        read_one(index);
        break;
    case ADD:
        add(index, m);
        break;
    case MODIFY:
        modify(index, m);
        break;
    case REMOVE:
        remove_one(index);
        break;
    case LOOK:
        wait(n + 1, m & 1 ? 0 : 1);
        break;
    case SLEEP:
        sleep_once(n + 1);
        break;
    case KICK:
        tpp_poller_kick(world.poller);
        world.kicked = true;
        break;
    case PAUSE:
        pause_once(m % 16 + 1, n);
        break;
    }
    world.steps.count++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    world.steps = (struct steps){"poller", data, size, 0};
    begin();
    while (world.steps.left > 0)
        step();
    end();
    return 0;
}
