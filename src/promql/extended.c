#include "promql/promql_int.h"

/* Ranges that are `anchored` or `smoothed`: their ends are read from the samples there or around them. */

/* The value at t on the line from sample i to the next. A fall of a counter is taken as a start from 0. */
static double edge(const struct window *w, size_t i, time_us t, bool counter, bool left)
{
	double y1 = w->v[i], y2 = w->v[i + 1];

	if (counter && y2 < y1) {
		if (left)
			y1 = 0;
		else
			y2 += y1;
	}
	return y1 + (y2 - y1) * ((double)(t - w->t[i]) / (double)(w->t[i + 1] - w->t[i]));
}

/* Of a window that holds the outer samples: which of them lie at its ends or around them, and what is read
 * there. */
struct ends {
	size_t first, last;
	double left, right;
};

/* False if no sample is after the start. */
static bool find_ends(const struct window *w, bool counter, struct ends *e)
{
	*e = (struct ends){.last = w->n - 1};
	while (e->first + 1 < w->n && w->t[e->first + 1] <= w->start)
		e->first++;
	if (w->smoothed)
		for (e->last = e->first; e->last < w->n - 1 && w->t[e->last] < w->end;)
			e->last++;
	if (w->t[e->last] <= w->start)
		return false;
	e->left = w->smoothed && w->t[e->first] < w->start && e->first < e->last
	                  ? edge(w, e->first, w->start, counter, true)
	                  : w->v[e->first];
	e->right = w->smoothed && e->last > 0 && w->t[e->last] > w->end
	                   ? edge(w, e->last - 1, w->end, counter, false)
	                   : w->v[e->last];
	return true;
}

/*
 * `anchored` and `smoothed`: the change between the window's two ends, read from the samples there
 * or drawn between those around them; nothing is extrapolated.
 */
double window_extended_change(const struct window *w, bool counter)
{
	struct ends e;
	double sum, prev;

	if (!find_ends(w, counter, &e))
		return absent();
	sum = e.right - e.left;
	if (!counter)
		return sum;
	prev = e.left;
	for (size_t i = e.first; i <= e.last; i++) {
		if (w->t[i] <= w->start || w->t[i] >= w->end)
			continue;
		if (w->v[i] < prev)
			sum += prev;
		prev = w->v[i];
	}
	if (e.right < prev)
		sum += prev;
	return sum;
}

void window_widen(const struct samples *in, const struct window *w, dur_us lookback, size_t *from, size_t *to)
{
	if (*from > 0 && in->t[*from - 1] > w->start - lookback)
		--*from;
	if (w->smoothed && *to < in->n && in->t[*to] <= w->end + lookback)
		++*to;
}

size_t window_extended(const struct node *x, const struct samples *in, time_us start, time_us end,
        dur_us lookback, time_us *t, double *v)
{
	struct window w = {.start = start, .end = end, .anchored = x->anchored, .smoothed = x->smoothed};
	size_t from = 0, to, n = 0;
	struct ends e;

	while (from < in->n && in->t[from] <= start)
		from++;
	for (to = from; to < in->n && in->t[to] <= end;)
		to++;
	window_widen(in, &w, lookback, &from, &to);
	if (from == to)
		return 0;
	w.t = in->t + from;
	w.v = in->v + from;
	w.n = to - from;
	if (!find_ends(&w, false, &e))
		return 0;
	t[n] = start;
	v[n++] = e.left;
	for (size_t i = e.first; i <= e.last; i++)
		if (w.t[i] > start && w.t[i] < end) {
			t[n] = w.t[i];
			v[n++] = w.v[i];
		}
	t[n] = end;
	v[n++] = e.right;
	return n;
}
