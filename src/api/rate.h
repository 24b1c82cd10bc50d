/*
 * rate - how much one caller may ask: a bucket of tries for each name, which fills again with time (the
 * generic cell rate algorithm, as ATM Forum TM 4.0 and ITU-T I.371 describe it).
 *
 * The names are not kept: a bucket serves all names with one hash, of which there are 4,096 under a secret
 * seed. Two callers that share one are told "later" sooner, and nobody can choose whose bucket to empty. Any
 * thread.
 */
#ifndef HEMING_API_RATE_H
#define HEMING_API_RATE_H

#include "base/clock.h"

struct rate;

/* `burst` tries at once, then one more each `refill`. */
struct rate *rate_new(int burst, dur_us refill);
void rate_free(struct rate **r);
/* Takes one try of `name` at the monotonic time `now`. 0, or how long to wait for the next. */
dur_us rate_take(struct rate *r, const char *name, dur_us now);

#endif
