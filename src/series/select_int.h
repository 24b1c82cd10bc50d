/*
 * select_int - what select.c (which series match) and cursor.c (their points and windows) share.
 */
#ifndef HEMING_SERIES_SELECT_INT_H
#define HEMING_SERIES_SELECT_INT_H

#include "series/series_int.h"

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
/* Matching series in the order of their labels, virtual ones among these, in the arena; `hidden`: also those
 * that are not shown. `limit` 0: none; more than it: the first are given, and *more is set. */
MUST_USE int select__find(struct matching *g, bool hidden, size_t limit, struct arena *a, struct found *out,
        bool *more, struct err *e);
/* The same for a query, hidden ones too, as remembered where that is good. ERR_TOOBIG past q->max_series. */
MUST_USE int select__kept(struct series_db *db, const struct series_query *q, struct arena *a,
        struct found *out, struct err *e);

/* What is to be read of a series: points of [from, to], in files or in memory. */
struct reading {
	time_us from, to;
	uint32_t settled;
	bool keep;           /* it becomes a column */
	struct block *block; /* copies, oldest first */
	struct head head;
	struct late *late;
};
/* How one series is read: by its column, and whatever else there is. One line of the cache. */
struct layer {
	struct column *column;   /* has all points before reading->from that are wanted */
	struct reading *reading; /* NULL: nothing else */
	size_t n;                /* points of the column that are the reader's … */
	size_t even;             /* … and which lie `period` apart from this one on, at even_t */
	time_us even_t;
	dur_us period;
	time_us last; /* the newest point */
	bool plain;   /* there is no NaN among the column's */
	bool falls;   /* in the column's last run, which is not whole */
	bool hidden;
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
	bool scaled;             /* values may be given so */
	bool aside;              /* columns are neither looked at nor made */
	struct windows *windows; /* of a cursor over windows */
	struct grid *rollups;    /* where roll-ups go instead of their points; NULL: they give points */
};

/* cursor.c */
MUST_USE int cursor__open(struct series_db *db, const struct series_query *q, bool aside, struct arena *a,
        struct series_cursor **out, struct err *e);
/* Points of one series between r->from and r->to, into c->all, over what is there already. */
void cursor__add(
        struct series_cursor *c, const struct reading *r, const time_us *t, const double *v, size_t n);
MUST_USE int cursor__read_files(struct series_cursor *c, const struct reading *r, uint32_t id, struct err *e);
void cursor__read_memory(struct series_cursor *c, const struct reading *r, uint32_t id);
/* The next series that is shown, with its id and layer; false at the end. */
bool cursor__step(struct series_cursor *c, uint32_t *id, struct layer **l);
bool cursor__cancelled(const struct series_cursor *c);
void cursor__report_broken(struct series_db *db, const char *file, uint32_t series, time_us t0);
/* windows.c */
void windows__free(struct windows *w);

#endif
