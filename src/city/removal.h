/*
 * removal - readings that somebody wants deleted: counted first, confirmed by a second step (by a second
 * administrator where four eyes are asked for), carried out in the background, journalled with the reason.
 *
 * What was asked for stays a row of the store, with what came of it. One that runs is taken up again after a
 * restart: it takes the same time of the same series, so that doing it twice does no harm. The scope of who
 * asks, and of who confirms, is part of the selectors from then on.
 *
 * Threads: any; removal_run one at a time. Failure: ERR_FULL while it is carried out is told, and the engine
 * goes on by itself once there is room.
 */
#ifndef HEMING_CITY_REMOVAL_H
#define HEMING_CITY_REMOVAL_H

#include "city/site.h"

#define REMOVAL_SELECTORS 32

struct removal_in {
	const char *const *selector; /* NULL-ended, at most REMOVAL_SELECTORS */
	time_us since, until;        /* both inclusive; TIME_NONE: open */
	const char *reason;
	bool everything; /* the word without which nothing deletes all series; then without selectors */
};
struct removal {
	int64_t id;
	const char *selectors; /* one a line */
	const char *reason;
	const char *state; /* open running stopping stopped done failed refused */
	const char *asked_by, *decided_by;
	const char *why; /* it failed; of one that is done: what a remote engine still has of it */
	time_us since, until, asked, decided, ended; /* TIME_NONE: open, not yet */
	int64_t series, readings, bytes;             /* as counted */
	int64_t estimate_ms;                         /* about how long it will take */
	int64_t removed, freed;                      /* readings, bytes */
};
/* What it would take; nothing is kept. */
MUST_USE int removal_count(struct site *s, struct arena *a, const struct removal_in *in,
        const struct who *who, const bool *cancel, struct removal *out, struct err *e);
/* The same, and it waits for its confirmation. */
MUST_USE int removal_ask(struct site *s, struct arena *a, const struct removal_in *in, const struct who *who,
        const bool *cancel, struct removal *out, struct err *e);
/* It is to be carried out from now on, which retention_poke begins. ERR_DENIED for who asked where four eyes
 * are needed, ERR_NOTFOUND for who may not see it. */
MUST_USE int removal_confirm(struct site *s, int64_t id, const struct who *by, struct err *e);
/* Also to take it back. */
MUST_USE int removal_refuse(struct site *s, int64_t id, const struct who *by, struct err *e);
/* What waits and runs first, then the newest, at most 100: all of them to who sees all series, else the own.
 */
MUST_USE int removal_list(struct site *s, struct store_tx *tx, struct arena *a, const struct who *who,
        struct removal **out, int *n, struct err *e);
MUST_USE int removal_get(struct site *s, struct store_tx *tx, struct arena *a, const struct who *who,
        int64_t id, struct removal *out, struct err *e);

/* One that runs ends behind the block file that it is at: what is gone is gone, the rest stays, and the row
 * tells how much it was. retention_poke after it, for one whose turn had not come. ERR_STATE if it does not
 * run. */
MUST_USE int removal_stop(struct site *s, int64_t id, const struct who *by, struct err *e);

/* How far it is, as in struct series_care, and whether it is to end, polled between block files. */
struct removal_care {
	void (*tell)(void *ctx, size_t done, size_t files); /* may be NULL */
	void *ctx;
	const bool *cancel; /* may be NULL */
};
/* Carries out the oldest that is to be, well or not, which its row tells; 1, or 0 if there is none. What is
 * cancelled is gone on with the next time (ERR_CANCELLED). */
MUST_USE int removal_run(struct site *s, const struct removal_care *care, struct err *e);
/* For the server's own command line: asked, confirmed and carried out in one. What is cancelled is stopped.
 */
MUST_USE int removal_now(struct site *s, struct arena *a, const struct removal_in *in,
        const struct removal_care *care, struct removal *out, struct err *e);

#endif
