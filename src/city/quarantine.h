/*
 * quarantine - devices that send under a code no thing has: kept until somebody says whose they are.
 *
 * Their readings are stored as all readings are, under the label `thing` that they came with. No thing has
 * that code, so they have no region, org or kind, and nobody sees them but who sees the whole city. A device
 * is adopted: its code becomes a thing, and its series are that thing's from the first reading on, since
 * region, org and kind are asked for and never stored. Or it is merged into a thing that is there: from then
 * on its readings are stored as that thing's, and what it sent before keeps its code and is seen by those who
 * see the thing. Or it is ignored (kept, not listed as waiting) or blocked (refused at the door). Each
 * decision can be undone.
 *
 * A kind may declare which codes become things of it by themselves (`adopt` of the pack).
 *
 * Bounded: QUARANTINE_MOST devices wait at once; the readings of further ones are refused, and counted.
 * What was decided is in the store and in the journal; when a device was heard, and what it said, are asked
 * of its series. Threads: any; one of its own writes down who is new.
 */
#ifndef HEMING_CITY_QUARANTINE_H
#define HEMING_CITY_QUARANTINE_H

#include "city/record.h"
#include "city/site.h"

#define QUARANTINE_MOST 10000

struct quarantine;
/* Reads what was decided before. */
MUST_USE int quarantine_open(struct site *s, struct quarantine **out, struct err *e);
/* Who is new is written down from now on. */
void quarantine_start(struct quarantine *q);
void quarantine_close(struct quarantine **q);
/* Waits until those who came before the call are written down, or could not be. */
void quarantine_settle(struct quarantine *q);

enum admitted {
	ADMIT_KNOWN,   /* a thing has the code */
	ADMIT_NEW,     /* none has, and it is to be written down: ask again with the next reading */
	ADMIT_UNKNOWN, /* none has; ask again once something was decided */
	ADMIT_AS,      /* its readings are those of *target; the same */
	ADMIT_BLOCKED,
	ADMIT_FULL, /* too many wait */
};
/* Whether readings under a code are kept, and as whose. protocol and source (the device's login) are
 * remembered of a new one. *target lives as long as the quarantine. */
enum admitted quarantine_admit(
        struct quarantine *q, struct str code, const char *protocol, const char *source, const char **target);
/* How many decisions were taken, from 1 on: while it is the same, the answers of before are good. */
uint32_t quarantine_decisions(const struct quarantine *q);
/* The thing that a code was merged into, NULL if none. */
const char *quarantine_target(struct quarantine *q, struct str code);

struct quarantined {
	const char *code, *state; /* waiting, ignored, blocked, adopted, merged */
	const char *kind;         /* adopted: of the thing */
	const char *target;       /* merged: the thing */
	int64_t rev;              /* adopted: of the record that was made */
	const char *protocol, *source;
	time_us first;   /* when it came first */
	time_us decided; /* TIME_NONE: not yet */
	const char *account;
	const char *note; /* why it was not adopted by itself */
};
MUST_USE int quarantine_list(struct store_tx *tx, struct arena *a, const char *state, const char *after,
        int limit, struct quarantined **out, int *n, struct err *e);
MUST_USE int quarantine_get(
        struct store_tx *tx, struct arena *a, const char *code, struct quarantined *out, struct err *e);

bool quarantine_may(const struct who *by); /* an administrator of the whole city */
int quarantine_waiting(struct quarantine *q);
/* Administrators of the whole city. ERR_STATE when the device is not where the decision can be taken. */
/* in: the thing to be; its code is the device's. */
MUST_USE int quarantine_adopt(
        struct site *s, const struct who *by, const struct record_in *in, struct err *e);
MUST_USE int quarantine_merge(
        struct site *s, const struct who *by, const char *code, const char *target, struct err *e);
MUST_USE int quarantine_ignore(struct site *s, const struct who *by, const char *code, struct err *e);
MUST_USE int quarantine_block(struct site *s, const struct who *by, const char *code, struct err *e);
/* Back to waiting. An adopted thing is removed, unless somebody has changed it since (ERR_CONFLICT). */
MUST_USE int quarantine_undo(struct site *s, const struct who *by, const char *code, struct err *e);

#endif
