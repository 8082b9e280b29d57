/* flag.c - a flag that poll can wait for: an eventfd that holds zero or not. */
#define _GNU_SOURCE
#include "core/os/os.h"
#include "core/os/linux/quiet.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

int tpp_flag_open(int *descriptor_out)
{
    int saved = errno;
    int descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int result = descriptor >= 0 ? 0 : errno;

    *descriptor_out = descriptor;
    errno = saved;
    return result;
}

/* EAGAIN says that the flag already is what it shall be: when raising, that its counter is full;
 * when clearing, that it is zero. */
static void check_done(ssize_t done)
{
    if (done < 0 && errno != EAGAIN)
        tpp_abort("BUG IN CLIENT OF TP: a descriptor that belongs to tp was closed (eventfd)");
}

void tpp_flag_raise(int descriptor)
{
    static const uint64_t one = 1;
    struct tpl_quiet quiet = tpl_quiet_begin();

    check_done(write(descriptor, &one, sizeof one));
    tpl_quiet_end(quiet);
}

void tpp_flag_clear(int descriptor)
{
    struct tpl_quiet quiet = tpl_quiet_begin();
    uint64_t ignored;

    check_done(read(descriptor, &ignored, sizeof ignored));
    tpl_quiet_end(quiet);
}

void tpp_flag_close(int descriptor)
{
    struct tpl_quiet quiet = tpl_quiet_begin();

    (void)close(descriptor);
    tpl_quiet_end(quiet);
}
