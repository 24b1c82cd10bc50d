/*
 * fresh - series that a body names for the first time, looked for and made some at a time, which takes a
 * fraction of the time of one by one. Their points stand in their places already, and get their ids later.
 *
 * Ownership: labels and texts are borrowed until fresh_end; what it needs itself lies in the arena of the
 * body, little as long as there are few. Threads: one.
 */
#ifndef HEMING_INGEST_FRESH_H
#define HEMING_INGEST_FRESH_H

#include "ingest/ingest_int.h"

struct fresh {
	struct series_db *db;
	struct seen_reader *names;
	enum seen_form form;
	struct arena *a;
	struct points *out;
	/* Those that wait. */
	size_t n, name_cap, place_cap, labels, label_cap;
	struct seen_ask *name;
	struct fresh_place {
		size_t at, n; /* of its points */
		size_t label; /* the first one */
		int labels;
	} * place;
	struct label *label; /* of all */
};
/* Whether one more would find others waiting, so that it need not be looked for by itself. */
static inline bool fresh_some(const struct fresh *f)
{
	return f->n > 0;
}
/* Of the name a, b, thing and lasting are read; sorted labels; its points are n from out->p[at] on. Negative
 * when nothing more can be taken. */
MUST_USE int fresh_add(struct fresh *f, const struct seen_ask *name, const struct labels *ls, size_t at,
        size_t n, struct err *e);
/* Those whose points stand from `at` on are left out. */
void fresh_back(struct fresh *f, size_t at);
/* All points have their ids when it returns 0. */
MUST_USE int fresh_end(struct fresh *f, struct err *e);

#endif
