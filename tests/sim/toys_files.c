/* toys_files.c - toys that misunderstand pollers, files and signals. */
#include <errno.h>
#include <poll.h>

#include "tests/sim/toys.h"

static struct tpp_poller *poller;
static tpp_u32 claimed, handled;

static void begin(void)
{
    tpp_init(&claimed, 0);
    tpp_init(&handled, 0);
    tpps_check(tpp_poller_open(&poller) == 0);
}

/* ---- two who wait take an event that lasts for one that comes once --------------------------- */

static void handle(void)
{
    if (toy_bug != 0 || tpp_exchange_acq_rel(&claimed, 1) == 0)
        tpp_add_relaxed(&handled, 1);
}

static void driver(void *arg)
{
    struct tpp_poller_event event;
    (void)arg;
    while (tpp_poller_wait(poller, &event, 1, TPP_FOREVER) == 0)
        ;
    handle();
}

static void passer_by(void *arg)
{
    struct tpp_poller_event event;
    (void)arg;
    if (tpp_poller_wait(poller, &event, 1, 0) != 0)
        handle();
}

static void relies_on_once(void *arg)
{
    tpps_thread a, b;
    (void)arg;
    begin();
    tpps_descriptor_open(3, TPPS_STREAM);
    tpps_check(tpp_poller_add(poller, 3, POLLIN, 1) == 0);
    a = tpps_spawn(driver, NULL);
    b = tpps_spawn(passer_by, NULL);
    tpps_descriptor_set_ready(3, POLLIN);
    tpps_join(a);
    tpps_join(b);
    if (tpp_peek(&handled) != 1)
        tpps_fail("handled twice");
    tpp_poller_close(poller);
}

/* ---- a number is taken for the file it named once -------------------------------------------- */

static void reopens(void *arg)
{
    (void)arg;
    tpps_descriptor_close(3);
    tpps_descriptor_open(3, TPPS_STREAM);
}

/* It may be between the two. */
static int keep_3(uint64_t key)
{
    int own;
    while (tpp_file_keep(3, &own) == EBADF)
        tpps_point();
    tpps_check(tpp_poller_add(poller, own, POLLIN | TPP_POLL_ONCE, key) == 0);
    return own;
}

static void await_key(uint64_t key)
{
    struct tpp_poller_event event;
    while (tpp_poller_wait(poller, &event, 1, TPP_FOREVER) == 0 || event.key != key)
        ;
}

static void trusts_number(void *arg)
{
    tpps_thread other;
    int own[2];
    bool same;
    (void)arg;
    begin();
    tpps_descriptor_open(3, TPPS_STREAM);
    other = tpps_spawn(reopens, NULL);
    own[0] = keep_3(1);
    tpps_join(other);
    same = toy_bug != 0 || tpp_file_same(3, own[0]);
    if (!same)
        own[1] = keep_3(2);
    tpps_descriptor_set_ready(3, POLLIN);
    await_key(same ? 1 : 2);
    tpp_file_drop(own[0]);
    if (!same)
        tpp_file_drop(own[1]);
    tpp_poller_close(poller);
}

/* ---- a number is given back before its interest ---------------------------------------------- */

static void becomes_ready(void *arg)
{
    (void)arg;
    tpps_descriptor_set_ready(3, POLLIN);
}

static void drops_first(void *arg)
{
    struct tpp_poller_event event;
    tpps_thread other;
    uint32_t late = 0;
    int own;
    (void)arg;
    begin();
    tpps_descriptor_open(3, TPPS_STREAM); /* the application keeps it open */
    own = keep_3(1);
    tpps_check(tpp_poller_modify(poller, own, POLLIN, 1) == 0);
    other = tpps_spawn(becomes_ready, NULL);
    if (toy_bug == 0)
        tpps_check(tpp_poller_remove(poller, own) == 0);
    tpp_file_drop(own);
    tpps_join(other);
    for (int i = 0; i < 4; i++)
        late += tpp_poller_wait(poller, &event, 1, 0);
    if (late > 1)
        tpps_fail("events for nobody");
    tpp_poller_close(poller);
}

/* ---- who comes too late for a signal has had one all the same -------------------------------- */

static void reads_signal(void *arg)
{
    int own = (int)(uintptr_t)arg;
    bool taken;
    while (tpps_descriptor_ready(own) == 0)
        if (tpp_load_acquire(&handled) != 0)
            return;
        else
            tpp_cpu_relax();
    taken = tpp_signal_take(own);
    if (taken || toy_bug != 0)
        tpp_add_acq_rel(&handled, 1);
}

static void signal_of_the_loser(void *arg)
{
    tpps_thread a, b;
    int own;
    (void)arg;
    begin();
    tpps_check(tpp_signal_open(10, &own) == 0);
    a = tpps_spawn(reads_signal, (void *)(uintptr_t)(unsigned)own);
    b = tpps_spawn(reads_signal, (void *)(uintptr_t)(unsigned)own);
    tpps_signal_raise(10);
    tpps_join(a);
    tpps_join(b);
    if (tpp_peek(&handled) != 1)
        tpps_fail("one signal, handled twice");
    tpp_file_drop(own);
    tpp_poller_close(poller);
}

/* ---- a poller is taken to be watched for ever ------------------------------------------------ */

static void watcher(void *arg)
{
    struct tpp_poller_event event;
    (void)arg;
    for (;;) {
        if (tpp_alarm_wait() != TPP_ALARM_READY)
            continue;
        if (toy_bug == 0)
            tpps_check(tpp_alarm_watch(poller));
        if (tpp_poller_wait(poller, &event, 1, 0) == 0)
            continue;
        tpp_add_acq_rel(&handled, 1);
        tpp_wake(&handled, 1);
    }
}

static void await_handled(uint32_t least)
{
    uint32_t now;
    while ((now = tpp_load_acquire(&handled)) < least)
        tpp_wait(&handled, now, TPP_FOREVER);
}

static void watch_lasts(void *arg)
{
    (void)arg;
    begin();
    tpps_descriptor_open(3, TPPS_STREAM);
    tpps_check(tpp_poller_add(poller, 3, POLLIN | TPP_POLL_ONCE, 1) == 0);
    tpps_check(tpp_alarm_watch(poller));
    tpps_check(tpp_thread_start(watcher, NULL, NULL) == 0);
    tpps_descriptor_set_ready(3, POLLIN);
    await_handled(1);
    tpps_check(tpp_poller_modify(poller, 3, POLLIN | TPP_POLL_ONCE, 1) == 0);
    await_handled(2);
    tpp_alarm_unwatch(poller);
    tpps_exit();
}

const struct toy toys_files[] = {
    {"event that lasts is taken for one that comes once", relies_on_once, 1, TOY_PLAIN,
     "handled twice", 100, 0, 0},
    {"number is taken for the file it named", trusts_number, 1, TOY_PLAIN, "deadlock", 100, 0, 0},
    {"number is given back before its interest", drops_first, 1, TOY_PLAIN, "events for nobody",
     100, 0, 0},
    {"loser of a signal posts", signal_of_the_loser, 1, TOY_PLAIN, "handled twice", 500, 0, 0},
    {"one watch is taken to last", watch_lasts, 1, TOY_PLAIN, "deadlock", 100, 0, 0},
};
const size_t toys_files_count = sizeof toys_files / sizeof *toys_files;
