/*
 * record_batch - change sets: many changes of records that are looked at before they are made, carried out in
 * parts that let other writers in between, and undone as one.
 *
 *   import   rows of a sheet: ready → running → done; refused rows stay with their reason
 *   merge    a double goes, and what referred to it refers to the other: done at once
 *
 * and each of them done → undoing → undone: a record that was changed since is left as it is and told.
 * A run that was interrupted stays "running" or "undoing" and goes on from where it was when it is asked
 * again; two that run one set at the same time do not do anything twice.
 *
 * Who may look at a change set: those who may write its kind, within their scope: somebody else's sets only
 * without a scope. Results lie in the arena given. Threads: any.
 */
#ifndef HEMING_CITY_RECORD_BATCH_H
#define HEMING_CITY_RECORD_BATCH_H

#include "city/record.h"
#include "city/site.h"

struct record_batch {
	int64_t id;
	const char *kind, *what, *title, *state, *account;
	time_us created, ended;                       /* TIME_NONE while it goes on */
	int64_t total, added, changed, same, refused; /* of the look before */
	int64_t done, failed; /* rows that the run, or the undoing, has passed; that could not be */
};
struct record_batch_row {
	int64_t line; /* of the sheet, 1-based */
	const char *code;
	const char *verdict; /* new, changed, same, refused; failed, removed, left (by the undoing) */
	const char *row;     /* JSON: what the row says */
	int64_t rev;         /* the version that it became */
	const char *field, *words, *words_zh; /* why not; words_zh "" if there is no Chinese for it */
};

MUST_USE int record_batch_get(struct store_tx *tx, struct arena *a, const struct catalog *c,
        const struct who *who, int64_t id, struct record_batch *out, struct err *e);
/* Newest first, id < before (0: from the newest); kind NULL: of all that the reader may write. */
MUST_USE int record_batch_list(struct store_tx *tx, struct arena *a, const struct catalog *c,
        const struct who *who, const char *kind, int64_t before, int limit, struct record_batch **out, int *n,
        struct err *e);
MUST_USE int record_batch_rows(struct store_tx *tx, struct arena *a, const struct record_batch *b,
        const char *verdict, int64_t after, int limit, struct record_batch_row **out, int *n, struct err *e);

/* ready → running, or done → undoing; also takes up an interrupted run. ERR_STATE tells what it is now. */
MUST_USE int record_batch_begin(struct site *s, const struct who *by, int64_t id, bool undo, struct err *e);
/* Runs what has begun to its end, or until stop(ctx) says so (it stays to be taken up). */
MUST_USE int record_batch_run(
        struct site *s, const struct who *by, int64_t id, bool (*stop)(void *ctx), void *ctx, struct err *e);
/* One that is ready, or still read (a crash may have left it so), is forgotten with its rows. */
MUST_USE int record_batch_drop(struct site *s, const struct who *by, int64_t id, struct err *e);

/* What refers to `from` refers to `into` then, and `from` is removed. Up to 1,000 records refer to it. */
MUST_USE int record_merge(struct site *s, const struct who *by, const char *kind, const char *from,
        const char *into, int64_t *id, struct err *e);

#endif
