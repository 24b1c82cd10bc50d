#include <math.h>

#include "promql/promql_int.h"

/* Series from the storage, laid on the grid or handed on sample by sample. */

static int open_cursor(
        struct eval *ev, const struct node *x, time_us from, time_us to, struct promql_cursor **out)
{
	int rc;

	*out = NULL;
	if (x->n_m < 0)
		return ev_fail(ev, ERR_NOMEM, "out of memory while the query's scope was set");
	if (ev_failed(ev))
		return ev->rc;
	rc = ev->storage->open(ev->storage->ctx, x->m, x->n_m, from, to, ev->a, out, ev->e);
	if (rc < 0)
		ev->rc = rc;
	return ev->rc;
}

static bool next_samples(struct eval *ev, struct promql_cursor *c, struct samples *out)
{
	struct promql_series s = {0};
	int rc;

	if (ev_failed(ev))
		return false;
	rc = ev->storage->next(c, &s, ev->e);
	if (rc < 0) {
		ev->rc = rc;
		return false;
	}
	*out = (struct samples){.labels = s.labels,
	        .t = s.t,
	        .v = s.v,
	        .scaled = s.scaled,
	        .n = s.n,
	        .lasting = s.lasting,
	        .plain = s.plain,
	        .period = s.period,
	        .first = s.first,
	        .chunks = s.chunks,
	        .since = s.since};
	return rc > 0 && ev_count(ev, s.n);
}

bool samples_unscale(struct eval *ev, struct samples *s)
{
	double *v;

	if (s->scaled.p == NULL)
		return true;
	v = ev_raw(ev, s->n);
	if (v == NULL)
		return false;
	scaled_get(&s->scaled, s->n, 1, v);
	s->v = v;
	s->scaled.p = NULL;
	return true;
}

/* ---- instant selectors ---- */

static size_t search(const time_us *t, size_t n, size_t at, time_us x)
{
	size_t jump = 1, lo = at, hi = at;

	while (hi < n && t[hi] <= x) {
		lo = hi + 1;
		hi += jump;
		jump *= 2;
	}
	if (hi > n)
		hi = n;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (t[mid] <= x)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

size_t seek_far(struct seek *k, const struct samples *s, time_us x)
{
	size_t found = 0;

	if (s->period <= 0) {
		found = search(s->t, s->n, k->at, x);
	} else if (s->n > 0 && x >= s->first) {
		uint64_t i = ((uint64_t)x - (uint64_t)s->first) / (uint64_t)s->period;

		found = i < s->n ? (size_t)i + 1 : s->n;
	}
	k->stride = found - k->at;
	return k->at = found;
}

static double interpolate(const struct samples *s, size_t i, time_us t)
{
	double part = (double)(t - s->t[i]) / (double)(s->t[i + 1] - s->t[i]), v = sample_value(s, i);

	return v + (sample_value(s, i + 1) - v) * part;
}

/* The time or the start of sample i - 1, or the value at t drawn between it and the next. */
static double read_odd(const struct samples *s, size_t i, time_us t, dur_us lookback, enum told told)
{
	double v = sample_value(s, i - 1);

	if (is_absent(v))
		return absent();
	if (told == TELL_STARTS)
		return s->since != NULL ? (double)(s->since[i - 1] / US_MS) / 1e3 : 0;
	if (told == TELL_TIMES)
		return (double)(s->t[i - 1] / US_MS) / 1e3;
	if (s->t[i - 1] != t && i < s->n && s->t[i] <= t + lookback)
		return interpolate(s, i - 1, t);
	return v;
}

struct laying {
	const struct grid *g;
	dur_us offset, lookback;
	bool smoothed;
	enum told told;
};

/* Steps from … to - 1, one after the other; whether there is a value. A marker is ABSENT by itself. */
static bool lay_steps(const struct laying *l, const struct row *r, size_t from, size_t to)
{
	const struct samples *s = &r->in;
	struct seek seek = SEEK_START;
	uint64_t all = 0;
	bool odd = l->told != TELL_VALUES || l->smoothed;

	for (size_t k = from; k < to; k++) {
		time_us t = grid_time(l->g, k) - l->offset;
		size_t at = seek_after(&seek, s, t);

		seek_ahead(&seek, s);
		if (at == 0 || sample_time(s, at - 1) <= t - l->lookback)
			r->v[k] = absent();
		else
			r->v[k] = odd ? read_odd(s, at, t, l->lookback, l->told) : sample_value(s, at - 1);
		all |= double_bits(r->v[k]) ^ ABSENT_BITS;
	}
	return all != 0;
}

/* One series on the grid. Where steps are evenly many samples apart, and each has one, nothing is sought. */
static void lay(void *ctx, struct row *r, int hand)
{
	const struct laying *l = ctx;
	const struct samples *s = &r->in;
	const struct grid *g = l->g;
	struct pace p;
	size_t from, to, at;

	(void)hand;
	if (l->told != TELL_VALUES || l->smoothed || !s->plain || s->period > l->lookback ||
	        !pace_of(s, g, g->start - l->offset, &p)) {
		r->any = lay_steps(l, r, 0, g->n);
		return;
	}
	from = pace_from(&p, g, 1);
	to = pace_from(&p, g, (int64_t)s->n + 1);
	at = from < to ? (size_t)pace_at(&p, from) - 1 : 0;
	if (s->v == NULL && from < to) {
		const struct scaled first = scaled_from(s->scaled, at);

		scaled_get(&first, to - from, (size_t)p.stride, r->v + from);
	}
	for (size_t k = from; s->v != NULL && k < to; k++, at += (size_t)p.stride) {
		seek_ahead(&(struct seek){at, (size_t)p.stride}, s);
		r->v[k] = s->v[at];
	}
	r->any = from < to;
	r->any |= lay_steps(l, r, 0, from);
	r->any |= lay_steps(l, r, to, g->n);
}

static void drop_markers(struct eval *ev, struct samples *s)
{
	size_t n = 0, i = 0;

	if (s->plain)
		return;
	while (i < s->n && !is_absent(s->v[i]))
		i++;
	if (i == s->n)
		return;
	if (s->n > ev->buf_cap) {
		ev->buf_t = ev_array(ev, s->n, sizeof *ev->buf_t);
		ev->buf_v = ev_array(ev, s->n, sizeof *ev->buf_v);
		ev->buf_since = ev_array(ev, s->n, sizeof *ev->buf_since);
		ev->buf_cap = ev->rc == 0 ? s->n : 0;
		if (ev->rc != 0) {
			s->n = 0;
			return;
		}
	}
	for (i = 0; i < s->n; i++)
		if (!is_absent(s->v[i])) {
			ev->buf_t[n] = s->t[i];
			ev->buf_since[n] = s->since != NULL ? s->since[i] : 0;
			ev->buf_v[n++] = s->v[i];
		}
	s->t = ev->buf_t;
	s->v = ev->buf_v;
	s->since = s->since != NULL ? ev->buf_since : NULL;
	s->n = n;
	s->lasting = false;
	s->period = 0;
}

void select_instant(struct eval *ev, const struct node *x, const struct grid *g, enum told told,
        struct vec *out, struct fold *fold)
{
	struct timing tm;
	struct promql_cursor *c = NULL;
	struct samples in;
	struct grid pin = {0, 0, 1};
	struct laying l = {.g = g, .lookback = ev->lookback, .smoothed = x->smoothed, .told = told};
	struct rows rows = {.one = lay, .ctx = &l, .steps = g->n, .step = g->step};
	bool taken;
	time_us first, last;

	if (!timing_of(ev, x, &tm))
		return;
	pin.start = first = timing_end(&tm, g->start);
	last = timing_end(&tm, grid_time(g, g->n - 1));
	l.offset = tm.offset;
	if (tm.pinned) {
		l.g = &pin;
		l.offset = 0;
	}
	if (open_cursor(ev, x, first - ev->lookback + 1, x->smoothed ? last + ev->lookback : last, &c) != 0)
		return;
	while (next_samples(ev, c, &in)) {
		if (in.n == 0)
			continue;
		if (x->smoothed || x->anchored)
			drop_markers(ev, &in);
		if (!rows_add(ev, &rows, &in))
			break;
	}
	taken = rows_taken(ev, &rows, tm.pinned ? NULL : fold);
	ev->storage->close(c);
	for (size_t i = 0; !taken && i < rows.n && ev->rc == 0; i++) {
		struct row *r = &rows.row[i];
		struct series *s = r->any ? vec_add(ev, out) : NULL;

		if (s == NULL)
			continue;
		s->labels = r->in.labels;
		s->v = r->v;
		for (size_t k = 1; tm.pinned && k < g->n; k++)
			s->v[k] = s->v[0];
	}
	vec_sort(out);
}

/* ---- range selectors and subqueries ---- */

struct source {
	struct promql_cursor *cursor; /* of a selector */
	const struct promql_storage *storage;
	struct vec vec; /* of a subquery */
	struct grid grid;
	size_t at;
	time_us *t;
	double *v;
};

/* The first multiple of step after t. */
static time_us next_multiple(time_us t, dur_us step)
{
	time_us q = t / step;

	if (t % step < 0)
		q--;
	return (q + 1) * step;
}

static void open_subquery(
        struct eval *ev, const struct node *x, struct source *s, time_us first, time_us last)
{
	dur_us step = x->step != NULL ? dur_value(ev, x->step, true) : DEFAULT_SUBQUERY_STEP;

	if (ev->rc != 0)
		return;
	s->grid = (struct grid){next_multiple(first, step), step, 0};
	if (s->grid.start > last)
		return;
	s->grid.n = (size_t)((last - s->grid.start) / step) + 1;
	if (s->grid.n > ev->max_samples) {
		ev_count(ev, s->grid.n);
		return;
	}
	eval_vector(ev, x->arg[0], &s->grid, &s->vec);
	s->t = ev_array(ev, s->grid.n, sizeof *s->t);
	s->v = ev_array(ev, s->grid.n, sizeof *s->v);
}

struct source *source_open(struct eval *ev, const struct node *x, const struct grid *g, struct timing *tm)
{
	struct source *s;
	time_us first, last;

	if (!timing_of(ev, x, tm))
		return NULL;
	s = ev_array(ev, 1, sizeof *s);
	if (s == NULL)
		return NULL;
	first = timing_end(tm, g->start) - tm->range;
	last = timing_end(tm, grid_time(g, g->n - 1));
	s->storage = ev->storage;
	if (x->kind == N_SUBQUERY) {
		open_subquery(ev, x, s, first, last);
	} else {
		if (x->anchored || x->smoothed)
			first -= ev->lookback;
		if (x->smoothed)
			last += ev->lookback;
		open_cursor(ev, x, first + 1, last, &s->cursor);
	}
	return ev->rc == 0 ? s : NULL;
}

bool source_next(struct eval *ev, struct source *s, struct samples *out)
{
	*out = (struct samples){0};
	if (s->cursor != NULL) {
		do {
			if (!next_samples(ev, s->cursor, out))
				return false;
			drop_markers(ev, out);
		} while (out->n == 0 && ev->rc == 0);
		return ev->rc == 0;
	}
	while (s->at < s->vec.n && !ev_failed(ev)) {
		const struct series *in = &s->vec.s[s->at++];

		for (size_t k = 0; k < s->grid.n; k++)
			if (!is_absent(in->v[k])) {
				s->t[out->n] = grid_time(&s->grid, k);
				s->v[out->n++] = in->v[k];
			}
		if (out->n == 0)
			continue;
		out->labels = in->labels;
		out->drop_name = in->drop_name;
		out->t = s->t;
		out->v = s->v;
		return true;
	}
	return false;
}

void source_close(struct source *s)
{
	if (s != NULL && s->cursor != NULL)
		s->storage->close(s->cursor);
}
