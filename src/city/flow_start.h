/*
 * flow_start - start events of flows: cases that a message, a signal or the clock begins.
 *
 * Only start events of the newest version of a flow that an installed pack has count. Which case it becomes
 * the start event says (docs/flows.md); what a case needs and is not said is decided as for every other case,
 * and a category that cannot be told is refused. Times are UTC; texts are borrowed for the call. Any thread.
 */
#ifndef HEMING_CITY_FLOW_START_H
#define HEMING_CITY_FLOW_START_H

#include "city/case.h"

struct flow_sent {
	const char *name;     /* of the message or signal */
	const char *key;      /* what the message is about, "" for nothing; a signal has none */
	struct str variables; /* a JSON object, or nothing */
};
struct flow_case {
	int64_t id;
	const char *code;
	bool begun; /* else it was open and got the message */
};
/* A message goes to the oldest open case that began with its key and waits for it; else each flow that starts
 * by it begins a case. ERR_NOTFOUND: nobody takes it; ERR_STATE: the case of the key is open and does not
 * wait for it; ERR_UNPROCESSED: what is missing for a case; ERR_INVALID:
 * what it brings is of no use for one. All or nothing. */
MUST_USE int flow_message(struct site *s, const struct flow_sent *m, const struct who *by, struct arena *a,
        struct flow_case **out, int *n, struct err *e);
/* A signal goes to all cases that wait for it, and begins one of each flow that starts by it, as soon as
 * their turn comes: `waiting` and `starting` are how many that are. ERR_DENIED: somebody who does not see all
 * cases. */
MUST_USE int flow_signal(struct site *s, const struct flow_sent *m, const struct who *by, int *waiting,
        int *starting, struct err *e);

/* For the thread that keeps time. flow_timers_set makes the timers those of the flows, once after each
 * opening; flow_begin begins what is due at `now` or was sent, at most `limit`, and tells how many that were
 * and the instant of the next timer, TIME_NONE if there is none. What cannot be begun is an entry of the
 * journal. */
MUST_USE int flow_timers_set(struct site *s, struct err *e);
MUST_USE int flow_begin(struct site *s, time_us now, int limit, int *begun, time_us *next, struct err *e);

/* Why no case can begin by that start event, in the arena; NULL: one can, as far as the catalog says. */
const char *flow_start_lacks(
        const struct catalog *c, const struct flow_def *f, const struct bpmn_start *start, struct arena *a);

#endif
