/* user.h - what stands in for the C library while the user's own code runs in a simulation.
 *
 * The files user_*.c define functions of the C library. On a fiber of a run each is a schedule
 * point and acts on a state kept here; anywhere else it calls the real one. What is locked, waited
 * for and counted is known by its address, so that static initialisers will do. */
#ifndef TP_CAPI_SIM_USER_H
#define TP_CAPI_SIM_USER_H

#include <time.h>

#include "core/os/sim/user.h"

/* They are found before those of the C library because they are public, and have no version so that
 * other libraries find them too. */
#define TPI_STANDS_IN __attribute__((visibility("default")))

/* The real function of this name: the next one in the order of the program's libraries. */
#define TPI_REAL(name) TPI_REAL_OF(name, NULL)
#define TPI_REAL_OF(name, version) \
    ({ \
        static __typeof__(&name) found_; \
        if (found_ == NULL) \
            found_ = (__typeof__(&name))tpi_user_real(#name, version); \
        found_; \
    })
typedef void (*tpi_user_function)(void);
tpi_user_function tpi_user_real(const char *name, const char *version);

/* Before the first run of a program. */
void tpi_user_install(void);

/* The fiber that calls, NULL if none does: no run, or a thread that is no part of it. */
static inline struct tpps_fiber *tpi_user_here(void)
{
    struct tpps_fiber *fiber = tpps_sim_.current;
    return fiber != NULL && tpps_on_stack_(fiber, __builtin_frame_address(0)) ? fiber : NULL;
}

/* ---- names ----------------------------------------------------------------------------------- */

/* The name given with tp_sim_name, or the variable's, or else "?". */
void tpi_user_describe(const void *subject, char *text, size_t size);
void tpi_user_thread(uint32_t slot, char *text, size_t size);
/* The function that a return address lies in. */
void tpi_user_place(const void *pc, char *text, size_t size);

/* ---- things ---------------------------------------------------------------------------------- */

enum tpi_user_kind {
    TPI_USER_MUTEX,
    TPI_USER_COND,
    TPI_USER_RWLOCK,
    TPI_USER_SEM,
    TPI_USER_BARRIER,
    TPI_USER_ONCE,
};

#define TPI_USER_NOBODY TPPS_FIBERS

struct tpi_user_thing {
    const void *address;
    enum tpi_user_kind kind;
    uint32_t run, number; /* in order of first use */
    bool gone;            /* destroyed, and not made again */
    uint32_t owner;       /* slot of the fiber that has it, alone; TPI_USER_NOBODY */
    uint32_t count;       /* times the owner has it; of a barrier, those that have come */
    uint32_t want, round; /* of a barrier */
    uint64_t readers;     /* slots that share it */
    uint8_t times[TPPS_FIBERS];
    const struct tpi_user_thing *mutex; /* of a condition that is waited for */
};

/* The thing at this address, made if it is new; a schedule point. */
struct tpi_user_thing *tpi_user_thing(enum tpi_user_kind kind, const void *address,
                                      const char *call);
/* As it is made and ended by the program: a thing in use must not be. */
void tpi_user_made(enum tpi_user_kind kind, const void *address, const char *call);
void tpi_user_ended(enum tpi_user_kind kind, const void *address, const char *call);
uint32_t tpi_user_waiters(const struct tpi_user_thing *thing);
/* Sleeps until it is woken, and is false if the deadline came first. Fails the run where everybody
 * who could wake it waits for something that it has. */
bool tpi_user_sleep(const struct tpi_user_thing *thing, int64_t deadline);
void tpi_user_wake(const struct tpi_user_thing *thing, bool all); /* any one of its sleepers */
void tpi_user_tell(const void *thing, char *text, size_t size); /* mutex "cache" of "tp-worker-1" */
/* mutex "cache" */
void tpi_user_thing_name(const struct tpi_user_thing *thing, char *text, size_t size);
void tpi_user_acquire(const struct tpi_user_thing *thing); /* what was done before a release */
void tpi_user_release(const struct tpi_user_thing *thing); /* is seen after an acquire */

/* For condition variables. */
int tpi_user_mutex_lock(struct tpi_user_thing *mutex, int64_t deadline, const char *call);
int tpi_user_mutex_unlock(struct tpi_user_thing *mutex, const char *call);

/* ---- time ------------------------------------------------------------------------------------ */

/* As a time of the monotonic clock. False if it is none (EINVAL). */
bool tpi_user_deadline(clockid_t clock, const struct timespec *time, int64_t *deadline_out);

/* ---- threads --------------------------------------------------------------------------------- */

void tpi_user_threads_begin(void);

#endif
