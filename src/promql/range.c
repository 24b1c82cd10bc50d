#include <math.h>
#include <stdlib.h>

#include "base/wide.h"
#include "promql/promql_int.h"

/* Functions of a window of samples, and the loop that slides the window over a series. */

static double seconds(dur_us d)
{
	return (double)d / 1e6;
}

/* ---- counters ---- */

/*
 * Whether sample i counts anew by its start timestamp: since after the sample before it. One that begins
 * with that sample is the next of a series of differences, if that one tells its own beginning; otherwise
 * the same counter goes on.
 */
static bool begins_anew(const struct samples *s, size_t i)
{
	time_us since = s->since[i], before = s->since[i - 1], at = s->t[i - 1];

	if (since == 0 || since > s->t[i] || since == before)
		return false;
	return since > at || (since == at && before != 0 && before <= at);
}

/* Whether the counter of the first sample began in the window: there it was zero. */
static bool began_inside(const struct window *w)
{
	time_us since = w->series->since != NULL ? w->series->since[w->base] : 0;

	return since != 0 && since >= w->start && since < w->first;
}

/* What the falls of a counter hid. */
static double reset_sum(const struct window *w)
{
	double sum = 0;

	for (size_t i = 0; i < w->marks; i++)
		sum += window_value(w, w->mark[i] - w->base - 1);
	return sum;
}

/* Whether a distance of microseconds is 1.1 gaps or more; by seconds where rounding decides. */
static bool is_far(double distance, double gap)
{
	double limit = gap * 1.1;

	if (fabs(distance - limit) > 1e-9 * limit)
		return distance > limit;
	return distance / 1e6 >= gap / 1e6 * 1.1;
}

/*
 * The samples are drawn out to the window's ends unless they lie far from them: then by half the mean gap.
 * In microseconds, but where a limit is met to the point: Prometheus reckons in seconds.
 */
static void stretch_fit(struct stretch *s, const struct window *w, bool rate)
{
	double sampled, gap;

	s->n = w->n;
	s->to_start = w->first - w->start;
	s->to_end = w->end - w->last;
	s->sampled = w->last - w->first;
	s->start = (double)s->to_start;
	s->end = (double)s->to_end;
	sampled = (double)s->sampled;
	gap = sampled / (double)(w->n - 1);
	if (is_far(s->start, gap))
		s->start = gap / 2;
	if (is_far(s->end, gap))
		s->end = gap / 2;
	s->factor = (sampled + s->start + s->end) / sampled;
	if (rate)
		s->factor /= seconds(w->range);
}

#define FAR_FROM_ZERO 1.000001

/* The factor of a counter, which is not drawn out below zero. */
static double counter_factor(const struct stretch *s, double first, double diff, bool rate, dur_us range)
{
	double sampled = (double)s->sampled, to_zero, factor;

	/* Mostly it is far from zero, which a division need not show. */
	if (first * sampled > s->start * diff * FAR_FROM_ZERO)
		return s->factor;
	to_zero = sampled * (first / diff);
	if (!(to_zero < s->start))
		return s->factor;
	factor = (sampled + to_zero + s->end) / sampled;
	return rate ? factor / seconds(range) : factor;
}

/* The change of a counter that began in the window: drawn out to its end alone, where a gap is known. */
static double change_since_zero(const struct window *w, bool rate)
{
	double diff = w->v[w->n - 1] + reset_sum(w), to_end = (double)(w->end - w->last), gap;
	double sampled = (double)(w->last - w->series->since[w->base]);

	if (w->n > 1) {
		gap = (double)(w->last - w->first) / (double)(w->n - 1);
		if (is_far(to_end, gap))
			to_end = gap / 2;
		diff *= (sampled + to_end) / sampled;
	}
	return rate ? diff / seconds(w->range) : diff;
}

/* The change over the window, extrapolated to its ends. */
static inline __attribute__((always_inline)) double change(const struct window *w, bool counter, bool rate)
{
	struct stretch *s = w->stretch;
	double first, diff;

	if (w->anchored || w->smoothed) {
		diff = window_extended_change(w, counter);
		return is_absent(diff) || !rate ? diff : diff / seconds(w->range);
	}
	if (counter && began_inside(w))
		return change_since_zero(w, rate);
	if (w->n < 2)
		return absent();
	first = window_value(w, 0);
	diff = window_value(w, w->n - 1) - first;
	if (counter)
		diff += reset_sum(w);
	if (s->n != w->n || s->sampled != w->last - w->first || s->to_start != w->first - w->start ||
	        s->to_end != w->end - w->last)
		stretch_fit(s, w, rate);
	if (counter && diff > 0 && first >= 0)
		return diff * counter_factor(s, first, diff, rate, w->range);
	return diff * s->factor;
}

double w_rate(const struct window *w)
{
	return change(w, true, true);
}

double w_increase(const struct window *w)
{
	return change(w, true, false);
}

double w_delta(const struct window *w)
{
	return change(w, false, false);
}

double w_irate(const struct window *w)
{
	double last, prev;
	bool anew;

	if (w->n < 2)
		return absent();
	last = window_value(w, w->n - 1);
	prev = window_value(w, w->n - 2);
	anew = last < prev || (w->series->since != NULL && begins_anew(w->series, w->base + w->n - 1));
	return (anew ? last : last - prev) / seconds(w->t[w->n - 1] - w->t[w->n - 2]);
}

double w_idelta(const struct window *w)
{
	return w->n < 2 ? absent() : window_value(w, w->n - 1) - window_value(w, w->n - 2);
}

/* resets() and changes(): how many marks lie in the window. An anchored one begins with the sample before it.
 */
double w_marks(const struct window *w)
{
	if (w->anchored && w->t[w->n - 1] <= w->start)
		return absent();
	return (double)w->marks;
}

/* ---- the loop ---- */

static const struct node *range_node(const struct node *call)
{
	for (int i = 0; i < call->n_arg; i++)
		if (call->arg[i]->type == PROMQL_MATRIX)
			return node_bare(call->arg[i]);
	wrong("a window function without a range");
}

/* Whether any of v[0 … 7] is less than the one before it. */
static bool falls(const double *v)
{
	typedef double two __attribute__((vector_size(16)));
	typedef long long mask __attribute__((vector_size(16)));
	mask any = {0, 0};

	for (int i = 0; i < 8; i += 2) {
		two now, before;

		memcpy(&now, v + i, sizeof now);
		memcpy(&before, v + i - 1, sizeof before);
		any |= now < before;
	}
	return (any[0] | any[1]) != 0;
}

/* Where a series falls or changes; one for each hand. */
struct marks {
	uint32_t *p;
	size_t n, cap;
};

/* Adds where v[0 … n) falls, of which v[0] is the series' sample `at`; v[-1] is there, too. */
static void mark_falls(struct marks *m, const double *v, size_t n, size_t at)
{
	for (size_t i = 0; i < n;) {
		while (i + 8 <= n && !falls(v + i)) /* as most counters do not */
			i += 8;
		for (size_t end = i + 8 < n ? i + 8 : n; i < end; i++)
			if (v[i] < v[i - 1])
				m->p[m->n++] = (uint32_t)(at + i);
	}
}

/* Run by run, as far as these are not known to have none. */
static void find_falls(struct marks *m, const struct samples *in)
{
	const struct promql_chunks *c = &in->chunks;
	double some[PROMQL_CHUNK + 1];

	for (size_t i = 1, to; i < in->n; i = to) {
		size_t run = (i + c->skew) / PROMQL_CHUNK;

		to = (run + 1) * PROMQL_CHUNK - c->skew;
		to = to < in->n ? to : in->n;
		if (run < c->n ? !c->falls[run] : c->even_end)
			continue;
		if (in->v == NULL) {
			const struct scaled s = scaled_from(in->scaled, i - 1);

			scaled_get(&s, to - i + 1, 1, some);
			mark_falls(m, some + 1, to - i, i);
		} else {
			mark_falls(m, in->v + i, to - i, i);
		}
	}
}

/* Where the series falls, or changes, from one sample to the next. */
static void make_marks(struct marks *m, const struct samples *in, uint8_t flags)
{
	const double *v = in->v;

	m->p = xgrow(m->p, &m->cap, in->n, sizeof *m->p);
	m->n = 0;
	if ((flags & FN_NEEDS_RESETS) && in->since != NULL) {
		for (size_t i = 1; i < in->n; i++)
			if (v[i] < v[i - 1] || begins_anew(in, i))
				m->p[m->n++] = (uint32_t)i;
	} else if (flags & FN_NEEDS_RESETS) {
		find_falls(m, in);
	} else if (flags & FN_NEEDS_CHANGES) {
		/* Written always, kept where it is a change: no branch to guess. */
		for (size_t i = 1; i < in->n; i++) {
			m->p[m->n] = (uint32_t)i;
			m->n += v[i] != v[i - 1] && !(isnan(v[i]) && isnan(v[i - 1]));
		}
	}
}

/* Names the function's range modifiers cannot serve. */
static bool modifiers_fit(struct eval *ev, const struct function *f, const struct node *range)
{
	if (range->anchored && !(f->flags & FN_ANCHORED))
		ev_fail(ev, ERR_UNPROCESSED,
		        "anchored modifier can only be used with: changes, delta, increase, rate, resets - "
		        "not with %s",
		        f->name);
	if (range->smoothed && !(f->flags & FN_SMOOTHED))
		ev_fail(ev, ERR_UNPROCESSED,
		        "smoothed modifier can only be used with: delta, increase, rate - not with %s",
		        f->name);
	return ev->rc == 0;
}

static void check_counter(struct eval *ev, const struct node *at, const struct labels *ls)
{
	static const char *const ends[] = {"_total", "_sum", "_count", "_bucket"};
	struct str name = labels_get(ls, LABEL_NAME), type = labels_get(ls, "__type__");

	if (name.n == 0)
		return;
	if (type.n > 0) {
		if (!str_is(type, "counter") && !str_is(type, "histogram"))
			ev_info(ev, at,
			        "metric might not be a counter, __type__ label is not set to \"counter\" or "
			        "\"histogram\", got \"" STR_FMT "\": \"" STR_FMT "\"",
			        STR_ARG(type), STR_ARG(name));
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		size_t n = strlen(ends[i]);

		if (name.n >= n && memcmp(name.p + name.n - n, ends[i], n) == 0)
			return;
	}
	ev_info(ev, at,
	        "metric might not be a counter, name does not end in _total/_sum/_count/_bucket: \"" STR_FMT
	        "\"",
	        STR_ARG(name));
}

#define LONG_WINDOW 1000 /* samples that take longer than a look at the flag */

struct sliding {
	const struct function *f;
	const struct timing *tm;
	const struct grid *g;
	size_t steps;
	dur_us lookback;
	const bool *cancel;
	double *scalar[3];
	int scalars;
	struct window window; /* what all series have in common */
	struct marks marks[CREW_MOST];
	struct sorted sorted[CREW_MOST];
	struct unscaled {
		double *v;
		size_t cap;
	} unscaled[CREW_MOST]; /* the series at hand */
};

/* What one series needs while the window slides over it. */
struct slider {
	const struct sliding *sl;
	const struct marks *m;
	size_t first_mark, end_mark;
	struct window w;
};

/* The window of step k holds samples from … to - 1. False: too long a query was cancelled. */
static inline __attribute__((always_inline)) bool slide_step(
        struct slider *s, struct row *r, size_t k, size_t from, size_t to)
{
	const struct sliding *sl = s->sl;
	const struct marks *m = s->m;
	struct window *w = &s->w;

	while (s->first_mark < m->n && m->p[s->first_mark] <= from)
		s->first_mark++;
	while (s->end_mark < m->n && m->p[s->end_mark] < to)
		s->end_mark++;
	w->t = r->in.t + from;
	w->v = r->in.v != NULL ? r->in.v + from : NULL;
	w->scaled = scaled_from(r->in.scaled, from);
	w->n = to - from;
	w->first = sample_time(&r->in, from);
	w->last = sample_time(&r->in, to - 1);
	w->mark = m->p + s->first_mark;
	w->marks = s->end_mark > s->first_mark ? s->end_mark - s->first_mark : 0;
	w->base = from;
	for (int i = 0; i < sl->scalars; i++)
		w->arg[i] = sl->scalar[i][k];
	/* A long window at many steps is work for minutes. */
	if (w->n > LONG_WINDOW && sl->cancel != NULL && __atomic_load_n(sl->cancel, __ATOMIC_RELAXED))
		return false;
	r->v[k] = sl->f->window(w);
	return true;
}

static inline void slide_time(struct slider *s, size_t k)
{
	s->w.at = grid_time(s->sl->g, k);
	s->w.end = timing_end(s->sl->tm, s->w.at);
	s->w.start = s->w.end - s->sl->tm->range;
}

/* Steps first … end - 1, whose windows are sought. */
static bool slide_seek(struct slider *s, struct row *r, size_t first, size_t end)
{
	const struct samples *in = &r->in;
	const struct window *w = &s->w;
	struct seek lo = SEEK_START, hi = SEEK_START;

	for (size_t k = first; k < end; k++) {
		size_t from, to;

		slide_time(s, k);
		from = seek_after(&lo, in, w->start);
		to = seek_after(&hi, in, w->end);
		seek_ahead(&hi, in);
		if (w->anchored || w->smoothed)
			window_widen(in, w, s->sl->lookback, &from, &to);
		if (from >= to)
			r->v[k] = absent();
		else if (!slide_step(s, r, k, from, to))
			return false;
	}
	return true;
}

/* Steps first … end - 1 of an even series, whose windows all lie alike over so many samples, all among those
 * there are: that of the first holds samples from … to - 1. */
struct paced {
	size_t first, end, from, to, stride;
};

/* n samples from the i-th on, a stride apart. */
static void take_apart(const struct samples *in, size_t i, size_t n, size_t stride, double *out)
{
	if (in->v == NULL) {
		const struct scaled s = scaled_from(in->scaled, i);

		scaled_get(&s, n, stride, out);
		return;
	}
	for (size_t k = 0; k < n; k++)
		out[k] = in->v[i + k * stride];
}

/* Whether a fall lies in the window from … to - 1; windows are asked about in order. */
static bool meets_mark(struct slider *s, size_t from, size_t to)
{
	while (s->first_mark < s->m->n && s->m->p[s->first_mark] <= from)
		s->first_mark++;
	return s->first_mark < s->m->n && s->m->p[s->first_mark] < to;
}

#define SOME_STEPS 64

/* From the two ends of windows to their change, which goes into `high`, and the answer for a counter that is
 * far from zero; whether some is not. */
static ALWAYS_INLINE bool changes(const struct stretch *st, const double *restrict low, double *restrict high,
        double *restrict v, size_t n)
{
	double sampled = (double)st->sampled, start = st->start, factor = st->factor;
	uint64_t near_zero = 0;

	for (size_t i = 0; i < n; i++) {
		double diff = high[i] - low[i] + 0.0;

		v[i] = diff * factor;
		near_zero |= (uint64_t)((diff > 0) & (low[i] >= 0) &
		                        !(low[i] * sampled > start * diff * FAR_FROM_ZERO));
		high[i] = diff;
	}
	return near_zero != 0;
}

static WIDE bool changes_wide(const struct stretch *st, const double *restrict low, double *restrict high,
        double *restrict v, size_t n)
{
	return changes(st, low, high, v, n);
}

/*
 * So many steps from the k-th on of a counter without start timestamps, whose first window holds samples from
 * … to - 1. All are taken to be two ends and one factor; those that are not are done again.
 */
static bool slide_counter(
        struct slider *s, struct row *r, size_t k, size_t n, size_t from, size_t to, size_t stride)
{
	const struct stretch *st = s->w.stretch;
	bool rate = s->sl->f->window == w_rate, marked = meets_mark(s, from, to + (n - 1) * stride),
	     near_zero;
	double low[SOME_STEPS], high[SOME_STEPS], *v = r->v + k;

	take_apart(&r->in, from, n, stride, low);
	take_apart(&r->in, to - 1, n, stride, high);
	near_zero = wide_here() ? changes_wide(st, low, high, v, n) : changes(st, low, high, v, n);
	for (size_t i = 0; i < n && near_zero; i++)
		if (high[i] > 0 && low[i] >= 0)
			v[i] = high[i] * counter_factor(st, low[i], high[i], rate, s->sl->tm->range);
	for (size_t i = 0; i < n && marked; i++, from += stride, to += stride) {
		if (!meets_mark(s, from, to))
			continue;
		slide_time(s, k + i);
		if (!slide_step(s, r, k + i, from, to))
			return false;
	}
	return true;
}

static bool slide_paced(struct slider *s, struct row *r, const struct paced *p)
{
	bool counter = (s->sl->f->window == w_rate || s->sl->f->window == w_increase) && r->in.since == NULL;
	size_t from = p->from, to = p->to;

	for (size_t k = p->first, n; k < p->end; k += n, from += n * p->stride, to += n * p->stride) {
		n = 1;
		/* The first one fits the stretch, which is the same for all. */
		if (counter && k > p->first && to - from > 1) {
			n = p->end - k < SOME_STEPS ? p->end - k : SOME_STEPS;
			if (!slide_counter(s, r, k, n, from, to, p->stride))
				return false;
			continue;
		}
		sample_ahead(&r->in, to + SEEK_AHEAD * p->stride);
		slide_time(s, k);
		if (!slide_step(s, r, k, from, to))
			return false;
	}
	return true;
}

/* Whether the function, or a range that is drawn out, does not take scaled values as they are. */
static bool needs_doubles(const struct sliding *sl, const struct samples *in)
{
	return in->scaled.p != NULL && (!(sl->f->flags & FN_SCALED) || in->since != NULL ||
	                                       sl->window.anchored || sl->window.smoothed);
}

static void slide_row(struct sliding *sl, struct row *r, int hand)
{
	const struct samples *in = &r->in;
	struct stretch stretch = {0};
	struct slider s = {.sl = sl, .m = &sl->marks[hand], .w = sl->window};
	struct pace lo, hi;
	size_t first = 0, end = 0, k = 0;
	uint64_t all = 0;

	s.w.plain = in->plain;
	s.w.series = in;
	s.w.stretch = &stretch;
	s.w.sorted = &sl->sorted[hand];
	sorted_begin(s.w.sorted);
	if (sl->f->flags & (FN_NEEDS_RESETS | FN_NEEDS_CHANGES))
		make_marks(&sl->marks[hand], in, sl->f->flags);
	slide_time(&s, 0);
	if (!sl->tm->pinned && !s.w.anchored && !s.w.smoothed && pace_of(in, sl->g, s.w.start, &lo) &&
	        pace_of(in, sl->g, s.w.end, &hi) && lo.at < hi.at) {
		first = pace_from(&lo, sl->g, 0);
		end = pace_from(&hi, sl->g, (int64_t)in->n + 1);
	}
	if (first < end) {
		const struct paced p = {first, end, (size_t)pace_at(&lo, first), (size_t)pace_at(&hi, first),
		        (size_t)lo.stride};

		if (!slide_seek(&s, r, 0, first) || !slide_paced(&s, r, &p))
			return;
		k = end;
	}
	if (!slide_seek(&s, r, k, sl->steps))
		return;
	for (k = 0; k < sl->steps; k++)
		all |= double_bits(r->v[k]) ^ ABSENT_BITS;
	r->any = all != 0;
}

static void slide(void *ctx, struct row *r, int hand)
{
	struct sliding *sl = ctx;
	struct unscaled *u = &sl->unscaled[hand];
	struct row own; /* others look at where the row's samples are */

	if (!needs_doubles(sl, &r->in)) {
		slide_row(sl, r, hand);
		return;
	}
	own = *r;
	u->v = xgrow(u->v, &u->cap, own.in.n, sizeof *u->v);
	scaled_get(&own.in.scaled, own.in.n, 1, u->v);
	own.in.v = u->v;
	own.in.scaled.p = NULL;
	slide_row(sl, &own, hand);
	r->any = own.any;
}

static void check_quantile(struct eval *ev, const struct node *at, const double *q, size_t n)
{
	for (size_t k = 0; k < n; k++)
		if (!(q[k] >= 0 && q[k] <= 1)) {
			char text[400];

			format_g(q[k], text);
			ev_warn(ev, at, "quantile value should be between 0 and 1, got %s", text);
		}
}

void call_window(
        struct eval *ev, const struct node *x, const struct grid *g, struct value *out, struct fold *fold)
{
	const struct function *f = x->fn;
	const struct node *range = range_node(x), *range_arg = range;
	struct timing tm;
	struct source *s;
	struct samples in;
	struct sliding sl = {
	        .f = f, .tm = &tm, .g = g, .steps = g->n, .lookback = ev->lookback, .cancel = ev->cancel};
	struct rows rows = {.one = slide,
	        .ctx = &sl,
	        .steps = g->n,
	        .step = g->step,
	        .drop_name = !(f->flags & FN_KEEPS_NAME),
	        .serial = f->flags & FN_FAILS};
	bool taken;

	if (!modifiers_fit(ev, f, range) || call_rollup(ev, x, range, g, out))
		return;
	for (int i = 0; i < x->n_arg; i++) {
		if (x->arg[i]->type == PROMQL_SCALAR)
			sl.scalar[sl.scalars++] = eval_scalar(ev, x->arg[i], g);
		else
			range_arg = x->arg[i];
	}
	if (ev->rc == 0 && f->window == w_quantile)
		check_quantile(ev, x->arg[0], sl.scalar[0], g->n);
	s = source_open(ev, range, g, &tm);
	sl.window = (struct window){.call = x,
	        .ev = ev,
	        .range = tm.range,
	        .anchored = range->anchored,
	        .smoothed = range->smoothed};
	/* A pinned window is the same at every step, and so is what is made of it. */
	if (tm.pinned && sl.scalars == 0)
		sl.steps = 1;
	while (s != NULL && source_next(ev, s, &in) && in.n <= UINT32_MAX / 2)
		if (!rows_add(ev, &rows, &in))
			break;
	taken = rows_taken(ev, &rows, tm.pinned ? NULL : fold);
	source_close(s);
	for (int i = 0; i < CREW_MOST; i++) {
		free(sl.marks[i].p);
		free(sl.unscaled[i].v);
		sorted_fini(&sl.sorted[i]);
	}
	for (size_t i = 0; i < rows.n && ev->rc == 0; i++) {
		struct row *r = &rows.row[i];
		struct series *o = r->any && !taken ? vec_add(ev, &out->vec) : NULL;

		if (r->any && (f->flags & FN_COUNTER))
			check_counter(ev, range_arg, &r->in.labels);
		if (o == NULL)
			continue;
		o->labels = r->in.labels;
		o->drop_name = r->in.drop_name || rows.drop_name;
		o->v = r->v;
		for (size_t k = sl.steps; k < g->n; k++)
			o->v[k] = o->v[0];
	}
	vec_sort(&out->vec);
}
