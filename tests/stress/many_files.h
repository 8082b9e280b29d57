/* many_files.h - the files, processes and signals of the kernel, for objects of all kinds. */
#ifndef TESTS_STRESS_MANY_FILES_H
#define TESTS_STRESS_MANY_FILES_H

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "tests/stress/many.h"

#define MANY_TOLD_BY SIGUSR2

static struct {
    pthread_mutex_t lock;
    tpp_u32 fd;
    int peer;
} many_places[MANY_PLACES];
static int many_self = -1; /* this process, which does not end */
static int many_null = -1;

/* ---- to operate on --------------------------------------------------------------------------- */

static void many_open(enum many_file kind, int *fd, int *peer)
{
    int ends[2] = {-1, -1};
    if (kind == MANY_DISK)
        ends[0] = (int)syscall(SYS_memfd_create, "many", 1u); /* closed on exec */
    else if (kind == MANY_SOCKET)
        (void)!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends);
    else
        (void)!pipe2(ends, O_CLOEXEC);
    must(poor || ends[0] >= 0);
    must(ends[1] < 0 || fcntl(ends[1], F_SETFL, O_NONBLOCK) == 0);
    *fd = ends[0];
    *peer = ends[1];
}

static void many_close(int fd, int peer)
{
    must(fd < 0 || close(fd) == 0);
    must(peer < 0 || close(peer) == 0);
}

static void many_talk(enum many_file kind, int fd, int peer, uint64_t *dice)
{
    char bytes[64] = {0};
    ssize_t size = 1;
    (void)fd;
    if (kind == MANY_STREAM || (kind == MANY_SOCKET && roll(dice, 2)))
        size = write(peer, bytes, 1 + roll(dice, 63));
    else if (kind == MANY_SOCKET)
        size = read(peer, bytes, sizeof bytes);
    must(size >= 0 || errno == EAGAIN || errno == EPIPE);
}

static void many_hang_up(enum many_file kind, int fd, int peer)
{
    (void)fd;
    if (kind == MANY_SOCKET && peer >= 0)
        must(shutdown(peer, SHUT_RDWR) == 0);
    /* It may be above the limit there is for a moment. */
    while (kind == MANY_STREAM && peer >= 0 && dup3(many_null, peer, O_CLOEXEC) != peer) {
        must(poor);
        usleep(100);
    }
}

/* ---- to wait for ----------------------------------------------------------------------------- */

static int many_place(uint32_t place)
{
    return (int)tpp_load_acquire(&many_places[place].fd);
}

static bool many_open_place(uint32_t place)
{
    int ends[2] = {-1, -1};
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
        return false;
    tpp_store_release(&many_places[place].fd, (uint32_t)ends[0]);
    many_places[place].peer = ends[1];
    return true;
}

static void many_stir(uint32_t place, uint64_t *dice)
{
    char byte = 0;
    int fd, peer;
    pthread_mutex_lock(&many_places[place].lock);
    ssize_t done = 0;
    switch (roll(dice, 3)) {
    case 0:
        done = write(many_places[place].peer, &byte, 1);
        break;
    case 1:
        done = read(many_place(place), &byte, 1);
        break;
    default:
        fd = many_place(place);
        peer = many_places[place].peer;
        if (many_open_place(place))
            many_close(fd, peer);
        break;
    }
    must(done >= 0 || errno == EAGAIN);
    pthread_mutex_unlock(&many_places[place].lock);
}

static tp_waitable_t many_process(void)
{
    return many_self >= 0 ? tp_waitable_process(many_self) : tp_waitable_never();
}

static tp_waitable_t many_signals(void)
{
    return tp_waitable_signal(MANY_TOLD_BY);
}

static void many_signal(void)
{
    must(kill(getpid(), MANY_TOLD_BY) == 0);
}

/* ---- in the beginning and in the end --------------------------------------------------------- */

/* While there is but one thread. */
static void many_open_files(void)
{
    sigset_t told;
    sigemptyset(&told);
    sigaddset(&told, MANY_TOLD_BY);
    pthread_sigmask(SIG_BLOCK, &told, NULL);
    signal(SIGPIPE, SIG_IGN);
    many_null = open("/dev/null", O_RDWR | O_CLOEXEC);
    many_self = (int)syscall(SYS_pidfd_open, getpid(), 0);
    for (uint32_t i = 0; i < MANY_PLACES; i++) {
        pthread_mutex_init(&many_places[i].lock, NULL);
        must(many_open_place(i));
    }
}

static void many_close_files(void)
{
    for (uint32_t i = 0; i < MANY_PLACES; i++)
        many_close(many_place(i), many_places[i].peer);
    many_close(many_self, many_null);
}

#endif
