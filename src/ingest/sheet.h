/*
 * sheet - the rows of a CSV become readings, as a mapping says (ingest/mapping.h). Pure.
 *
 * A row that cannot be read is told by its line and costs no other one, also where a quote is not closed.
 */
#ifndef HEMING_INGEST_SHEET_H
#define HEMING_INGEST_SHEET_H

#include "ingest/mapping.h"
#include "ingest/payload.h"

struct sheet;
struct sheet_things { /* finds a thing by the attribute's text */
	void *ctx;
	struct str (*code)(void *ctx, struct str word); /* STR_NULL: there is none */
	/* In which its times are that say none; NULL: in the sheet's. */
	const struct zone *(*zone)(void *ctx, struct str thing);
};
/* m NULL: by the names. text: UTF-8, lives as long; zone: the site's, where neither the mapping nor a thing
 * says another. ERR_INVALID names the column that is missing. */
MUST_USE int sheet_open(struct arena *a, const struct mapping *m, struct str text, const struct zone *zone,
        const struct sheet_things *things, struct sheet **out, struct err *e);
/* The readings of the next row, and why some of them are none; `at` is their line. 1, or 0 at the end. Texts
 * lie in `row` or in the sheet. */
int sheet_next(struct sheet *s, struct arena *row, struct readings *out);
int64_t sheet_gaps(const struct sheet *s); /* values so far that were one of `none` */

#endif
