#include "promql/promql_int.h"

/*
 * Window functions of long times, from what the storage knows of whole spans: a year of highs of a day need
 * not read a year of samples.
 *
 * It serves where the ends of all windows fall between spans. Count, least, greatest, first and last are then
 * those of the samples. A sum or mean is taken where the samples are decimals: it is that of the decimals,
 * rounded once, where the samples give that of the doubles nearest to them; the two are at most 2^-51 of the
 * sum of the absolute values apart. Whatever else there is (NaN among the samples, sums of other numbers)
 * sends the whole query to the samples.
 *
 * Spans of whole hours are the quickest; of shorter ones only a query over SHORT_WORTH makes use, whose
 * samples would not stay in memory.
 */
#define SHORT_WORTH (2 * US_DAY)

static dur_us divisor(dur_us a, dur_us b)
{
	while (b != 0) {
		dur_us r = a % b;

		a = b;
		b = r;
	}
	return a < 0 ? -a : a;
}

static bool serves(const struct function *f)
{
	return f->window == w_count || f->window == w_present || f->window == w_first ||
	       f->window == w_last || f->window == w_min || f->window == w_max || f->window == w_sum ||
	       f->window == w_avg;
}

struct plan {
	time_us end; /* of the first window */
	dur_us step, range, span;
	size_t steps;
	bool sums;
	double (*window)(const struct window *w);
};

/* How the windows fall on spans; false: they do not. */
static bool plan_of(struct eval *ev, const struct node *range, const struct grid *g, struct plan *p)
{
	struct timing tm;
	time_us last;

	if (!timing_of(ev, range, &tm))
		return false;
	p->steps = tm.pinned ? 1 : g->n;
	p->step = p->steps > 1 ? g->step : 0;
	p->range = tm.range;
	p->end = timing_end(&tm, g->start);
	last = p->end + (time_us)(p->steps - 1) * p->step;
	p->span = divisor(divisor(p->range, p->step), p->end);
	if (p->span == 0 || p->span % ev->storage->window_step != 0)
		return false;
	return p->span % US_HOUR == 0 || last - p->end + p->range >= SHORT_WORTH;
}

/*
 * Sum (or mean) of spans whose sums are decimals of at most six places: added as whole millionths, and
 * rounded once, so that a mean reads as one would write it down.
 */
static double join_sums(const struct promql_window *w, size_t n, bool mean)
{
	double sum = 0, lost = 0, millionths = 0, count = 0;
	bool whole = true;

	for (size_t i = 0; i < n; i++) {
		double m = w[i].sum * 1e6;

		kahan_add(w[i].sum, &sum, &lost);
		millionths += nearbyint(m);
		count += w[i].n;
		whole = whole && fabs(m) < 0x1p50 && fabs(millionths) < 0x1p53;
	}
	if (whole)
		return millionths / (mean ? 1e6 * count : 1e6);
	return mean ? sum / count + lost / count : sum + lost;
}

/* One window, of the spans w[0 … n): there is at least one. */
static double join(const struct plan *p, const struct promql_window *w, size_t n)
{
	double least = w[0].least, greatest = w[0].greatest, count = 0;

	if (p->sums)
		return join_sums(w, n, p->window == w_avg);
	if (p->window == w_first)
		return w[0].first;
	if (p->window == w_last)
		return w[n - 1].last;
	for (size_t i = 0; i < n; i++) {
		count += w[i].n;
		least = w[i].least < least ? w[i].least : least;
		greatest = w[i].greatest > greatest ? w[i].greatest : greatest;
	}
	if (p->window == w_min)
		return least;
	if (p->window == w_max)
		return greatest;
	return p->window == w_count ? count : 1;
}

/* The series at all steps, *any if there is a value; false: its samples have to tell. */
static bool lay_spans(const struct plan *p, const struct promql_windows *in, double *v, bool *any)
{
	size_t lo = 0, hi = 0;

	*any = false;
	for (size_t i = 0; i < in->n; i++)
		if (in->w[i].nans > 0 || (p->sums && !in->w[i].decimal))
			return false;
	for (size_t k = 0; k < p->steps; k++) {
		time_us end = p->end + (time_us)k * p->step;

		while (lo < in->n && in->w[lo].end <= end - p->range)
			lo++;
		hi = hi < lo ? lo : hi;
		while (hi < in->n && in->w[hi].end <= end)
			hi++;
		v[k] = hi > lo ? join(p, in->w + lo, hi - lo) : absent();
		*any = *any || hi > lo;
	}
	return true;
}

static bool join_all(struct eval *ev, const struct node *x, const struct plan *p, const struct grid *g,
        struct promql_cursor *c, struct vec *out)
{
	struct promql_windows in = {0};
	struct series *s;
	double *v = NULL;
	bool any;
	int rc;

	while ((rc = ev->storage->next_windows(c, &in, ev->e)) > 0 && ev_count(ev, in.n)) {
		if (v == NULL && (v = ev_column(ev, g->n)) == NULL)
			break;
		if (!lay_spans(p, &in, v, &any))
			return false;
		s = any ? vec_add(ev, out) : NULL;
		if (s == NULL)
			continue;
		for (size_t k = p->steps; k < g->n; k++)
			v[k] = v[0];
		*s = (struct series){
		        .labels = in.labels, .drop_name = !(x->fn->flags & FN_KEEPS_NAME), .v = v};
		v = NULL;
	}
	if (rc < 0)
		ev->rc = rc;
	return true;
}

bool call_rollup(struct eval *ev, const struct node *x, const struct node *range, const struct grid *g,
        struct value *out)
{
	struct plan p = {.window = x->fn->window, .sums = x->fn->window == w_sum || x->fn->window == w_avg};
	struct promql_cursor *c = NULL;
	struct vec vec = {0};
	size_t samples = ev->samples;
	bool done;
	int rc;

	if (ev->storage->open_windows == NULL || range->kind != N_SELECTOR || range->n_m < 0 ||
	        !serves(x->fn) || !plan_of(ev, range, g, &p))
		return false;
	rc = ev->storage->open_windows(ev->storage->ctx, range->m, range->n_m, p.end - p.range + p.span,
	        p.end + (time_us)(p.steps - 1) * p.step, p.span, ev->a, &c, ev->e);
	if (rc < 0) {
		ev->rc = rc;
		return true;
	}
	done = join_all(ev, x, &p, g, c, &vec);
	ev->storage->close(c);
	if (!done) {
		ev->samples = samples;
		return false;
	}
	vec_sort(&vec);
	out->vec = vec;
	return true;
}
