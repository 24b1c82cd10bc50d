/*
 * window - what a span of time holds of a series: count, least, greatest, sum, first, last.
 *
 * Windows are open on the left and closed on the right, (end - step, end], with ends at multiples of
 * the step from 1970 on, as a range selector of PromQL looks back from an evaluation at `end`.
 *
 * Sums of decimals are sums of integers and rounded once: the order of adding does not matter and the
 * bits come out the same however points were cut into blocks. Other sums are compensated (Neumaier 1974).
 *
 * Lists of windows are packed by column, as differences that are mostly zero. Pure; any thread.
 */
#ifndef HEMING_SERIES_WINDOW_H
#define HEMING_SERIES_WINDOW_H

#include "series/codec.h"
#include "series/series.h"

#define WINDOW_LIST_MAX 64                             /* windows of one packed list */
#define WINDOW_LIST_B (64 + 96 * WINDOW_LIST_MAX)      /* and room for it */
#define WINDOW_TIME_MAX (INT64_C(4611686018427387904)) /* windows lie between the negative of it and it */

/* A window that is being filled, in order of time. Zeros: an empty one. */
struct window {
	struct series_window w;
	int64_t x;       /* the sum as an integer at exponent e … */
	int e;           /* … -1: no decimal, then it is */
	double sum, low; /* sum + low */
};

static inline bool window_empty(const struct series_window *w)
{
	return !w->n && !w->nans;
}
static inline bool window_time(time_us t)
{
	return t > -WINDOW_TIME_MAX && t < WINDOW_TIME_MAX;
}
/* The end of the window that t lies in; window_time(t). */
static inline time_us window_end(time_us t, dur_us step)
{
	time_us r = t % step;

	return r > 0 ? t - r + step : t - r;
}

void window_point(struct window *a, double v);
void window_points(struct window *a, const double *v, int n);
/* Everything of b is later than what a has. */
void window_join(struct window *a, const struct series_window *b);
/* Brings w.sum up to date. */
void window_done(struct window *a);

/* Counts, sums and so on of n contiguous windows, 1 <= n <= WINDOW_LIST_MAX; not where they lie. Returns
 * the length. `decimal`: whether all numbers were; if not the list is long. */
size_t windows_put(const struct series_window *w, int n, uint8_t out[WINDOW_LIST_B], bool *decimal);
/* Ends are left alone. False where the bytes are no list; *p is then anywhere before end. w NULL: steps
 * over a list of one window, or of several with decimals. */
bool windows_get(const uint8_t **p, const uint8_t *end, struct series_window *w, int n);

#endif
