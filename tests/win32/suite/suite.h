/* suite.h - what the parts of the Windows suite share: one line per observation, gates, times. */
#ifndef TESTS_WIN32_SUITE_SUITE_H
#define TESTS_WIN32_SUITE_SUITE_H

#include <windows.h>

/* How long something is waited for that must come; only a failure takes that long. */
#define PATIENCE 10000
/* The same for what Wine is known not to bring. */
#define SHORTER 1500
/* How long something is waited for that must not come. */
#define GLANCE 40

/* ---- lines: the contract's number, what was asked, a colon, what was observed --------------- */

__attribute__((format(printf, 2, 3))) void say(const char *number, const char *format, ...);
/* "made", or "NULL" and the last error. */
void say_made(const char *number, const char *what, const void *object);
/* "TRUE", or "FALSE" and the last error. */
void say_told(const char *number, const char *what, BOOL answer);
void say_count(const char *number, const char *what, LONG count);
void say_yes(const char *number, const char *what, BOOL fact);

/* ---- waiting -------------------------------------------------------------------------------- */

/* Whether it is signaled at once, soon, or in the end; takes what a wait takes. */
BOOL is_set(HANDLE handle);
BOOL comes(HANDLE handle);
/* Waits until the counter has that value at least, and returns what it has. */
LONG reaches(volatile LONG *counter, LONG wanted);
/* What the counter has when nothing more should come. */
LONG stays(volatile LONG *counter);

HANDLE new_event(void);  /* auto-reset, not signaled */
HANDLE new_manual(void); /* manual-reset, not signaled */
HANDLE new_semaphore(LONG count);
HANDLE start(LPTHREAD_START_ROUTINE routine, void *context);
void join(HANDLE thread);

/* ---- times ---------------------------------------------------------------------------------- */

/* In milliseconds. GetTickCount64 is the time of the last tick, which Wine's server, when it is not
 * given a processor, writes down late. */
ULONGLONG clock_now(void);
FILETIME *after(FILETIME *time, DWORD milliseconds); /* relative */
FILETIME *at(FILETIME *time, LONG milliseconds);     /* absolute, from now */
FILETIME *ticks(FILETIME *time, LONGLONG count);     /* as it is, in 100 ns */

/* ---- callbacks that count, and the letters that others leave -------------------------------- */

void CALLBACK count_simple(PTP_CALLBACK_INSTANCE instance, PVOID counter);
void CALLBACK count_work(PTP_CALLBACK_INSTANCE instance, PVOID counter, PTP_WORK work);
void CALLBACK count_timer(PTP_CALLBACK_INSTANCE instance, PVOID counter, PTP_TIMER timer);
void CALLBACK count_wait(PTP_CALLBACK_INSTANCE instance, PVOID counter, PTP_WAIT wait,
                         TP_WAIT_RESULT result);
void CALLBACK letter_work(PTP_CALLBACK_INSTANCE instance, PVOID letter, PTP_WORK work);

void leave(char letter);
void letters_clear(void);
const char *letters(void);

/* ---- a pool for one part of a test ---------------------------------------------------------- */

struct room {
    PTP_POOL pool;
    TP_CALLBACK_ENVIRON environment; /* names the pool */
};

void room_open(struct room *room, DWORD maximum);
void room_close(struct room *room);

/* A pool of one thread, which a callback holds: what is posted stays queued until it is opened. */
struct gate {
    struct room room;
    HANDLE entered;
    HANDLE open;
    PTP_WORK keeper;
};

void gate_shut(struct gate *gate);
void gate_open(struct gate *gate);  /* returns when the keeper's callback is over */
void gate_close(struct gate *gate); /* of an open one */

/* ---- the parts ------------------------------------------------------------------------------ */

void pool_part(void);
void environment_part(void);
void library_part(const char *plugin);
void simple_part(void);
void work_part(void);
void order_part(void);
void timer_part(void);
void wait_part(void);
void wait_many_part(void);
void io_part(void);
void group_part(void);
void instance_part(void);
void actions_part(const char *plugin);
void legacy_part(void);
void handles_part(void);
void files_part(void);

#endif
