#include <math.h>
#include <stdlib.h>

#include "promql/promql_int.h"

/* Functions of a window of samples: the …_over_time, regression, smoothing. */

/* The whole runs of the window: those from *first up to *end; their samples are v[*from … *to). */
static bool whole_runs(const struct window *w, size_t *first, size_t *end, size_t *from, size_t *to)
{
	const struct promql_chunks *c = &w->series->chunks;

	*first = (w->base + c->skew + PROMQL_CHUNK - 1) / PROMQL_CHUNK;
	*end = (w->base + w->n + c->skew) / PROMQL_CHUNK;
	if (*end > c->n)
		*end = c->n;
	if (*first >= *end)
		return false;
	*from = *first * PROMQL_CHUNK - c->skew - w->base;
	*to = *end * PROMQL_CHUNK - c->skew - w->base;
	return true;
}

/* Scaled values are too small for anything else than Knuth's sum of two, which finds the same without a
 * branch.
 */
static void add_scaled(const struct scaled *in, size_t n, double *sum, double *c)
{
	double some[PROMQL_CHUNK], all = *sum, lost = *c;

	scaled_get(in, n, 1, some);
	for (size_t i = 0; i < n; i++) {
		double s = all + some[i], part = s - all;

		lost += (all - (s - part)) + (some[i] - part);
		all = s;
	}
	*sum = all;
	*c = lost;
}

/* Samples from … to - 1 of the window. */
static void add_all(const struct window *w, size_t from, size_t to, double *sum, double *c)
{
	for (size_t i = from, n; w->v == NULL && i < to; i += n) {
		const struct scaled s = scaled_from(w->scaled, i);

		n = to - i < PROMQL_CHUNK ? to - i : PROMQL_CHUNK;
		add_scaled(&s, n, sum, c);
	}
	for (size_t i = from; w->v != NULL && i < to; i++)
		kahan_add(w->v[i], sum, c);
}

/* The sum of the window and what was lost of it: of whole runs where they are known, if none is infinite. */
static double window_sum(const struct window *w, double *lost)
{
	size_t first, end, from, to;
	double sum = 0, c = 0;

	if (whole_runs(w, &first, &end, &from, &to)) {
		add_all(w, 0, from, &sum, &c);
		for (size_t i = first; i < end; i++) {
			kahan_add(w->series->chunks.sum[i], &sum, &c);
			c += w->series->chunks.lost[i];
		}
		add_all(w, to, w->n, &sum, &c);
		*lost = c;
		if (isfinite(sum) && isfinite(c))
			return sum;
		sum = c = 0;
	}
	add_all(w, 0, w->n, &sum, &c);
	*lost = c;
	return sum;
}

double w_sum(const struct window *w)
{
	double c, sum = window_sum(w, &c);

	return isinf(sum) ? sum : sum + c;
}

double w_avg(const struct window *w)
{
	double c, sum = window_sum(w, &c), mean = 0;
	bool stepwise = false;

	if (isfinite(sum)) /* as it is of scaled values */
		return sum / (double)w->n + c / (double)w->n;
	sum = w->v[0];
	c = 0;
	for (size_t i = 1; i < w->n; i++) {
		double n = (double)(i + 1), q;

		if (!stepwise) {
			double s = sum, cc = c;

			kahan_add(w->v[i], &s, &cc);
			if (!isinf(s)) {
				sum = s;
				c = cc;
				continue;
			}
			/* The sum left the range of a double; the mean need not. */
			stepwise = true;
			mean = sum / (n - 1);
			c /= n - 1;
		}
		q = (n - 1) / n;
		mean *= q;
		c *= q;
		kahan_add(w->v[i] / n, &mean, &c);
	}
	return stepwise ? mean + c : sum / (double)w->n + c / (double)w->n;
}

/* Four at a time, which do not wait for one another; without NaN the order does not matter. */
static double plain_least(const double *v, size_t n)
{
	double m[4] = {v[0], v[0], v[0], v[0]};
	size_t i = 0;

	for (; i + 4 <= n; i += 4)
		for (int k = 0; k < 4; k++)
			m[k] = v[i + k] < m[k] ? v[i + k] : m[k];
	for (; i < n; i++)
		m[0] = v[i] < m[0] ? v[i] : m[0];
	for (int k = 1; k < 4; k++)
		m[0] = m[k] < m[0] ? m[k] : m[0];
	return m[0];
}

static double plain_greatest(const double *v, size_t n)
{
	double m[4] = {v[0], v[0], v[0], v[0]};
	size_t i = 0;

	for (; i + 4 <= n; i += 4)
		for (int k = 0; k < 4; k++)
			m[k] = v[i + k] > m[k] ? v[i + k] : m[k];
	for (; i < n; i++)
		m[0] = v[i] > m[0] ? v[i] : m[0];
	for (int k = 1; k < 4; k++)
		m[0] = m[k] > m[0] ? m[k] : m[0];
	return m[0];
}

/* The least or the greatest of samples from … to - 1 of the window, without NaN. */
static double extreme(const struct window *w, size_t from, size_t to, bool least)
{
	const struct scaled s = scaled_from(w->scaled, from);
	size_t n = to - from;

	if (w->v == NULL)
		return least ? scaled_least(&s, n) : scaled_greatest(&s, n);
	return least ? plain_least(w->v + from, n) : plain_greatest(w->v + from, n);
}

/* Without NaN, of the window's ends and of what is known of the runs between them. */
static double window_extreme(const struct window *w, bool least)
{
	const struct promql_chunks *c = &w->series->chunks;
	size_t first, end, from, to;
	double of[3];
	size_t n = 0;

	if (!whole_runs(w, &first, &end, &from, &to))
		return extreme(w, 0, w->n, least);
	of[n++] = least ? plain_least(c->least + first, end - first)
	                : plain_greatest(c->greatest + first, end - first);
	if (from > 0)
		of[n++] = extreme(w, 0, from, least);
	if (to < w->n)
		of[n++] = extreme(w, to, w->n, least);
	return least ? plain_least(of, n) : plain_greatest(of, n);
}

double w_min(const struct window *w)
{
	double m;

	if (w->plain)
		return window_extreme(w, true);
	m = w->v[0];
	for (size_t i = 1; i < w->n; i++)
		if (w->v[i] < m || isnan(m))
			m = w->v[i];
	return m;
}

double w_max(const struct window *w)
{
	double m;

	if (w->plain)
		return window_extreme(w, false);
	m = w->v[0];
	for (size_t i = 1; i < w->n; i++)
		if (w->v[i] > m || isnan(m))
			m = w->v[i];
	return m;
}

static double time_text(time_us t)
{
	return (double)(t / US_MS) / 1e3;
}

double w_ts_min(const struct window *w)
{
	size_t at = 0;

	for (size_t i = 1; i < w->n; i++)
		if (w->v[i] <= w->v[at] || isnan(w->v[at]))
			at = i;
	return time_text(w->t[at]);
}

double w_ts_max(const struct window *w)
{
	size_t at = 0;

	for (size_t i = 1; i < w->n; i++)
		if (w->v[i] >= w->v[at] || isnan(w->v[at]))
			at = i;
	return time_text(w->t[at]);
}

double w_ts_last(const struct window *w)
{
	return time_text(w->t[w->n - 1]);
}

double w_ts_first(const struct window *w)
{
	return time_text(w->t[0]);
}

double w_count(const struct window *w)
{
	return (double)w->n;
}

double w_last(const struct window *w)
{
	return window_value(w, w->n - 1);
}

double w_first(const struct window *w)
{
	return window_value(w, 0);
}

double w_present(const struct window *w)
{
	(void)w;
	return 1;
}

double w_stdvar(const struct window *w)
{
	double mean = 0, mean_c = 0, aux = 0, aux_c = 0;

	for (size_t i = 0; i < w->n; i++) {
		double delta = w->v[i] - (mean + mean_c);

		kahan_add(delta / (double)(i + 1), &mean, &mean_c);
		kahan_add(delta * (w->v[i] - (mean + mean_c)), &aux, &aux_c);
	}
	return (aux + aux_c) / (double)w->n;
}

double w_stddev(const struct window *w)
{
	return sqrt(w_stdvar(w));
}

/* ---- regression, smoothing ---- */

static double seconds(dur_us d)
{
	return (double)d / 1e6;
}

/* Least squares; x counts seconds from `zero`. */
static void regress(const struct window *w, time_us zero, double *slope, double *intercept)
{
	double n = (double)w->n, x = 0, cx = 0, y = 0, cy = 0, xy = 0, cxy = 0, xx = 0, cxx = 0, cov, var;
	bool flat = true;

	for (size_t i = 0; i < w->n; i++) {
		double s = seconds(w->t[i] - zero);

		flat = flat && w->v[i] == w->v[0];
		kahan_add(s, &x, &cx);
		kahan_add(w->v[i], &y, &cy);
		kahan_add(s * w->v[i], &xy, &cxy);
		kahan_add(s * s, &xx, &cxx);
	}
	if (flat) {
		*slope = isinf(w->v[0]) ? NAN : 0;
		*intercept = isinf(w->v[0]) ? NAN : w->v[0];
		return;
	}
	x += cx;
	y += cy;
	xy += cxy;
	xx += cxx;
	cov = xy - x * y / n;
	var = xx - x * x / n;
	*slope = cov / var;
	*intercept = y / n - *slope * x / n;
}

double w_deriv(const struct window *w)
{
	double slope, intercept;

	if (w->n < 2)
		return absent();
	regress(w, w->t[0], &slope, &intercept);
	return slope;
}

double w_predict_linear(const struct window *w)
{
	double slope, intercept;

	if (w->n < 2)
		return absent();
	regress(w, w->at, &slope, &intercept);
	return slope * w->arg[0] + intercept;
}

double w_smoothing(const struct window *w)
{
	double sf = w->arg[0], tf = w->arg[1], s0 = 0, s1, b;

	if (!(sf > 0 && sf < 1)) {
		ev_fail(w->ev, ERR_UNPROCESSED, "invalid smoothing factor. Expected: 0 < sf < 1, got: %f",
		        sf);
		return absent();
	}
	if (!(tf > 0 && tf < 1)) {
		ev_fail(w->ev, ERR_UNPROCESSED, "invalid trend factor. Expected: 0 < tf < 1, got: %f", tf);
		return absent();
	}
	if (w->n < 2)
		return absent();
	s1 = w->v[0];
	b = w->v[1] - w->v[0];
	for (size_t i = 1; i < w->n; i++) {
		double y;

		if (i > 1)
			b = tf * (s1 - s0) + (1 - tf) * b;
		y = sf * w->v[i] + (1 - sf) * (s1 + b);
		s0 = s1;
		s1 = y;
	}
	return s1;
}
