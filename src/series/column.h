/*
 * column - points of a series as they were decoded, kept for whoever reads next.
 *
 * A column holds every point of a series from some instant up to the newest one at the time it was
 * read, so that a query that is asked again decodes only what is new. Points that are appended leave it
 * good; whatever else changes a series (a late point, an expiry, a broken block) counts the series'
 * `settled` up, and its column is good no more.
 *
 * Values that are short decimals are held as whole numbers (scaled.h), at a half or a quarter of the bytes:
 * those that come are held like those before them, or the column is made anew.
 *
 * Points do not change and do not move while anybody has the column: it grows behind what its readers
 * know of, or is copied into a larger one, without what nobody has asked for since. Past their size those go
 * that were kept for longest; one that was read meanwhile stays for another round. So whoever reads one does
 * not touch its neighbours.
 *
 * Ownership: the cache and each reader have one count of a column. Threads: any, under columns.lock,
 * but for columns_init and _fini. No errors; what is too large is not kept.
 */
#ifndef HEMING_SERIES_COLUMN_H
#define HEMING_SERIES_COLUMN_H

#include "base/scaled.h"
#include "series/series.h"

#include <pthread.h>

struct column {
	/* What every reader looks at comes first. */
	uint32_t readers, settled;
	time_us from, last; /* it holds all points of [from, last] */
	time_us asked;      /* earliest instant asked for since it was made; INT64_MAX: by nobody */
	time_us *t;
	double *v;   /* NULL: the values are scaled … */
	void *whole; /* … and these of `width` bytes */
	struct scaling scaling;
	int width;
	size_t n, even; /* from this point on, which is at even_t, each is `period` after the one before */
	time_us even_t;
	dur_us period;
	bool plain;                            /* no NaN among v */
	bool end_falls;                        /* as falls, of the run that is not whole yet */
	bool wanted;                           /* read since it was kept, or since it was the oldest */
	double *least, *greatest, *sum, *lost; /* of each SERIES_CHUNK points, as struct series_chunks */
	bool *falls;
	size_t cap;
	struct column **slot; /* where the cache is asked for it; NULL: no longer in the cache */
	struct column *newer, *older;
};
struct columns {
	pthread_mutex_t lock;
	struct column *newest, *oldest;
	size_t bytes, most;
	uint64_t hits, misses; /* takes that found a good column, or none */
};

void columns_init(struct columns *c, size_t most_b);
void columns_fini(struct columns *c); /* nobody reads any more */

/* Its values from one point on, where they are scaled; else .p is NULL. */
struct scaled column_scaled(const struct column *x, size_t from);
/* Values of any column, as doubles. */
void column_get(const struct column *x, size_t from, size_t n, double *out);

/* The column at *slot for one more reader, if it is good and begins early enough; else NULL. */
struct column *columns_take(struct columns *c, struct column **slot, uint32_t settled, time_us from);
/* A new one in place of what is at *slot, with a reader. The points are copied; NULL: not kept. */
struct column *columns_put(struct columns *c, struct column **slot, uint32_t settled, time_us from,
        time_us last, const time_us *t, const double *v, size_t n);
/* Adds points after x->last, which then is `last`; at most once for each take or put: what comes of it may
 * forget what was asked for before. What it gives takes x's place with its reader; NULL: it would be too
 * large, and x is as it was. */
struct column *columns_extend(
        struct columns *c, struct column *x, time_us last, const time_us *t, const double *v, size_t n);
void columns_leave(struct column *x); /* one reader less */
/* The series goes. */
void columns_drop(struct columns *c, struct column **slot);

#endif
