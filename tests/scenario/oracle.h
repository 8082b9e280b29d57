/* oracle.h - watches a run of the engine on the simulator and fails it when a promise is broken.
 *
 * It listens to the engine's probes and looks at everything whenever nobody can run. Its looks are
 * no schedule points and change nothing. What it checks:
 *
 *   at a claim     no task of a higher priority was in the queues since before the worker's look
 *                  began (not with a weak memory: there, seeing needs an order); on a pool that
 *                  never had more than one thread, claims come in the order of publication
 *   in callbacks   no lock of the library is held, nor in the cancel and release functions and the
 *                  misuse hook of scene.h; no more run at once than the maximum allows
 *   locks          one holder each, dropped by who took it
 *   threads        never more than the maximum; at most one worker searches
 *   at an end      an object is freed with nothing queued or running, and only once
 *   when all sleep no published work beside an idle worker or a thread that the policy would add;
 *                  no task that says it is queued and is not; no post without a queue slot although
 *                  there is room; nobody left waiting for an object that is quiet; threads are idle
 *                  or in a callback; a pool with objects has a thread; posts made = callbacks
 *                  begun + posts dropped + posts pending, for each priority; all targets together
 *                  are no more than the processors; as many threads count as blocked as have said
 *                  so; a pool that is watched is on the gate's list; a thread that has left or was
 *                  lost has left nothing behind; a pool counts its armed timers right, none is
 *                  armed that was closed, one worker at most waits for them, and asleep; he, or the
 *                  gate for him, is to wake up in time, and nothing that is due lies there; the
 *                  same of its waits; each of these stands where signals find it, and has as many
 *                  results to tell as posts pending; nobody waits where there is a unit; a mutex
 *                  has one owner or one heir or is free; the sets of groups hold their waits;
 *                  an I/O object's flags, counts and lists agree, and it has as many completions
 *                  to tell as posts pending; each operation in flight is in one place, from where
 *                  something will bring it on; a pool knows what its ring has
 *   at the end     nothing of the library is in use, nobody is idle, nobody searches, and nobody
 *                  holds the place of a pool that has gone */
#ifndef TESTS_SCENARIO_ORACLE_H
#define TESTS_SCENARIO_ORACLE_H

#include "core/mem/slab.h"
#include "core/os/sim/sim.h"

/* At the start of each run: forgets the last one and begins to listen. */
void oracle_begin(void);

/* The scenario has closed all it made: once the threads are gone, nothing may be left but `kept`
 * pools. */
void oracle_over(uint32_t kept);

/* From now on pools may have that many threads whatever their maximum says: a new minimum
 * creates its threads before it raises the maximum. */
void oracle_raising(uint32_t threads);

/* The processors have become fewer, and by now the pools must have noticed. */
void oracle_processors_followed(void);

/* Code of the application that is no callback, such as a cancel function: no lock is held. */
void oracle_outside(void);

/* How often everybody slept so far: nothing happens in an idle process, so it does not grow. */
uint64_t oracle_rests(void);

/* Threads may sleep in hooks or release functions: they need be neither idle nor in a callback. */
void oracle_allow_hooks(void);

#endif
