/*
 * clock - the one source of "now".
 *
 * A real clock follows the system. A manual clock stands still until somebody sets it: a test of
 * a 72-hour deadline takes milliseconds. Code that waits for an instant waits here, so that a
 * manual clock can wake it. Any thread.
 */
#ifndef HEMING_CLOCK_H
#define HEMING_CLOCK_H

#include "base/time.h"

struct clock;

struct clock *clock_new_real(void);
struct clock *clock_new_manual(time_us start);
void clock_free(struct clock **c);

time_us clock_now(const struct clock *c);
bool clock_is_manual(const struct clock *c);
/* Manual only; never goes back (an earlier t is ignored). Wakes all waiters. */
void clock_set(struct clock *c, time_us t);
/* Waits until clock_now() >= t, or clock_poke(), or max_real_us of real time passed. A poke that came
 * since this thread's last wait ends it at once, so that none is lost; callers look again and loop. */
void clock_wait(struct clock *c, time_us t, dur_us max_real_us);
void clock_poke(struct clock *c);

/* Monotonic real time for measuring how long something took; not affected by a manual clock. */
dur_us clock_monotonic(void);

#endif
