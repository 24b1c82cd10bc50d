/*
 * select_int - what select.c (which series match) and cursor.c (their points and windows) share.
 */
#ifndef HEMING_SERIES_SELECT_INT_H
#define HEMING_SERIES_SELECT_INT_H

#include "series/series_int.h"

struct found {
	uint32_t *id;
	struct labels *labels; /* in the caller's arena; with virtual ones */
	size_t n;
};

struct matching {
	struct series_db *db;
	const struct series_virtual *virt;
	int names;
	const struct matcher *m;
	int n;
	bool *on_virtual; /* of each matcher */
	bool any_virtual;
	struct arena *temp;
};

/* The matchers are borrowed. g->temp is the caller's to free. */
void select__init(struct matching *g, struct series_db *db, const struct matcher *m, int n);
/* Matching series in the order of their labels. `limit` 0: none; more than it: the first are given, and
 * *more is set. */
MUST_USE int select__find(
        struct matching *g, size_t limit, struct arena *a, struct found *out, bool *more, struct err *e);

/* How one series is read: what it has in memory, copied, and what is known of its column. */
struct layer {
	struct column *column; /* has all points before `from` that are wanted */
	struct series *series;
	size_t n;    /* points of the column that are the reader's … */
	bool plain;  /* … among which there is no NaN, */
	size_t even; /* … and which lie `period` apart from this one on */
	dur_us period;
	time_us from, to, last; /* what to read, if `read`; the newest point */
	uint32_t settled;
	bool read, keep;     /* keep: what is read becomes a column */
	struct block *block; /* copies, oldest first */
	struct head head;
	struct late *late;
};

struct series_cursor {
	struct series_db *db;
	struct found found;
	struct layer *layer;
	struct files_view view;
	time_us from, to;
	size_t next, points, max_points; /* points given so far; of windows their number */
	const bool *cancel;
	bool broken; /* a block of the series at hand could not be read */
	struct points all, other;
	bool aside;              /* columns are neither looked at nor made */
	struct windows *windows; /* of a cursor over windows */
	struct grid *rollups;    /* where roll-ups go instead of their points; NULL: they give points */
};

/* cursor.c */
MUST_USE int cursor__open(struct series_db *db, const struct series_query *q, bool aside, struct arena *a,
        struct series_cursor **out, struct err *e);
/* Points of one series between l->from and l->to, into c->all, over what is there already. */
void cursor__add(struct series_cursor *c, const struct layer *l, const time_us *t, const double *v, size_t n);
MUST_USE int cursor__read_files(struct series_cursor *c, const struct layer *l, uint32_t id, struct err *e);
void cursor__read_memory(struct series_cursor *c, const struct layer *l, uint32_t id);
bool cursor__cancelled(const struct series_cursor *c);
void cursor__report_broken(struct series_db *db, const char *file, uint32_t series, time_us t0);
/* windows.c */
void windows__free(struct windows *w);

#endif
