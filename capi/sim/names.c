/* names.c - the names that a scenario gives to objects, locks and variables. */
#include <string.h>

#include "capi/sim/internal.h"

#define NAMES 1024
#define NAME_SIZE 32

/* Everything here runs on one thread of the system, so plain data will do. */
static struct {
    const void *subject;
    char name[NAME_SIZE];
} names[NAMES];
static uint32_t count;

void tpi_sim_names_reset(void)
{
    count = 0;
}

static uint32_t find(const void *subject)
{
    uint32_t i = 0;
    while (i < count && names[i].subject != subject)
        i++;
    return i;
}

const char *tpi_sim_name_of(const void *subject)
{
    uint32_t at = find(subject);
    return at < count && names[at].name[0] != 0 ? names[at].name : NULL;
}

/* A name too many is no reason to fail: reports show a number instead. */
void tp_sim_name(const void *subject, const char *name)
{
    uint32_t at = find(subject);
    size_t i = 0;
    if (!tpps_running() || subject == NULL || at == NAMES)
        return;
    if (at == count)
        names[count++].subject = subject;
    for (; name != NULL && name[i] != 0 && i < NAME_SIZE - 1; i++)
        names[at].name[i] = name[i];
    names[at].name[i] = 0;
}
