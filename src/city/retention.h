/*
 * retention - readings go when they are older than their class allows, once a day; and deletions that were
 * confirmed (removal.h) are carried out. Both on one thread, which the engine's own threads do the work for.
 *
 * Classes come from the packs, in the order of their installation; the first that matches a series is the
 * series' own, and what no class matches is kept as the site's settings say. What was removed is told in the
 * log, the metrics and the journal, class by class. A day that was missed is made up for at the start; a site
 * that never had a run waits for the hour, so that there is time to look first.
 *
 * Threads: one of its own; the functions may be called from any. Failure: is told, and tried again after an
 * hour.
 */
#ifndef HEMING_CITY_RETENTION_H
#define HEMING_CITY_RETENTION_H

#include "city/site.h"

struct retention;
MUST_USE int retention_start(struct site *s, struct retention **out, struct err *e);
/* What is being done stops at the next file, and is gone on with after the next start. */
void retention_stop(struct retention **r);
/* Waits until everything that this instant asks for was done. */
MUST_USE int retention_settle(struct retention *r, struct err *e);
/* There is something to carry out: begun; where nobody serves, done. */
void retention_poke(struct site *s);
/* The same, and waits until it is through, well or not. */
void retention_finish(struct site *s);

struct retention_row {
	const struct retention_class *class; /* NULL: series of no class */
	struct series_class rule;

	struct series_survey found;
	struct series_removed removed;
};
/* The classes of the site, the last being that of all other series; in the arena. */
struct retention_row *retention_classes(const struct site *s, struct arena *a, int *n);
/* What each has, and what the next run would take; reads all of it. */
MUST_USE int retention_look(struct site *s, struct arena *a, struct retention_row **out, int *n,
        const bool *cancel, struct err *e);
/* Does it at once, for `by`. rows (may be NULL) as retention_classes, with what was removed. */
MUST_USE int retention_run(struct site *s, struct arena *a, const char *by, struct retention_row **out,
        int *n, void (*tell)(void *ctx, size_t done, size_t files), void *ctx, const bool *cancel,
        struct err *e);

/* The entry of a snapshot in the folder `dir` that `by` made. */
MUST_USE int retention_journal_snapshot(struct store_tx *tx, const char *dir, const char *by, struct err *e);

struct retention_state {
	time_us last, next; /* TIME_NONE: there was no run yet; nothing is ever removed */
	bool running;       /* retention, or a deletion */
	size_t done, files; /* how far it is */
	struct err why;     /* of the last failure; code 0: it went well */
};
/* r NULL: of a site that nobody serves. */
void retention_look_at(const struct site *s, struct retention_state *out);

#endif
