/* misuse.c - the hook that hears of every detected misuse. */
#include "core/object/misuse.h"

#include "core/os/lock.h"

static struct {
    struct tpi_lock lock;
    tp_misuse_fn hook; /* under lock */
    void *context;     /* under lock */
} misuse;

void tpi_misuse_hook(tp_misuse_fn hook, void *context)
{
    tpi_lock_take(&misuse.lock);
    misuse.hook = hook;
    misuse.context = context;
    tpi_lock_drop(&misuse.lock);
}

void tpi_misuse(const char *function, tp_status_t status, const char *message)
{
    tpi_lock_take(&misuse.lock);
    tp_misuse_fn hook = misuse.hook;
    void *context = misuse.context;
    tpi_lock_drop(&misuse.lock);
    if (hook)
        hook(context, function, status, message);
}

void tpi_misuse_fork(void)
{
    tpp_init(&misuse.lock.word, 0);
}

void tpi_misuse_reset(void)
{
    tpi_misuse_fork();
    misuse.hook = NULL;
}
