/* user_access.h - accesses to memory by code that was compiled with -fsanitize=thread. */
#ifndef TP_CAPI_SIM_USER_ACCESS_H
#define TP_CAPI_SIM_USER_ACCESS_H

#include "capi/sim/user.h"

/* Weak, so that the real ThreadSanitizer wins where it is linked. */
#define TPI_OF_TSAN __attribute__((visibility("default"), weak))

enum tpi_user_access {
    TPI_USER_READ = 0,
    TPI_USER_WRITE = 1,
    TPI_USER_ATOMIC = 2,
    TPI_USER_FREE = 4
};

/* Has any of the program's code been compiled so? Known before main. */
extern bool tpi_user_instrumented;

/* The fiber that is about to make this access, after others may have run; NULL where nobody else
 * can see it, or nobody should look. */
struct tpps_fiber *tpi_user_access(const volatile void *memory, size_t size,
                                   enum tpi_user_access kind, const void *pc);

void tpi_user_access_begin(void);
void tpi_user_access_start(struct tpps_fiber *fiber); /* its stack is new */

/* The functions that a fiber is in, as the instrumented code tells of them. */
#define TPI_USER_DEPTH 64u
struct tpi_user_calls {
    uint32_t depth; /* may be more than is kept */
    const void *pcs[TPI_USER_DEPTH];
};
extern struct tpi_user_calls tpi_user_calls[TPPS_FIBERS];

/* user_races.c: two accesses of which neither comes before the other, and one is a plain write. */
void tpi_user_races_begin(void);
void tpi_user_races_access(const volatile void *memory, size_t size, enum tpi_user_access kind,
                           const void *pc);
void tpi_user_races_forget(const void *memory, size_t size); /* it is something new now */
void tpi_user_races_forget_stack(const struct tpps_fiber *fiber);
/* Does this on behalf of the system, if races are looked for. */
void tpi_user_races_of_system(const void *memory, size_t size, bool write);

#endif
