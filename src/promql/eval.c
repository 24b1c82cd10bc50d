#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "promql/parse_int.h"

#define STEPS_MAX 11000
#define SAMPLES_DEFAULT 50000000
#define CREW_FROM_DEFAULT 400000
#define SERIES_DEFAULT 1000000

/* ---- failure, memory, annotations ---- */

int ev_fail(struct eval *ev, int code, const char *fmt, ...)
{
	char words[500];
	va_list ap;

	if (ev->rc != 0)
		return ev->rc;
	va_start(ap, fmt);
	vsnprintf(words, sizeof words, fmt, ap);
	va_end(ap);
	ev->rc = err_set(ev->e, code, "%s", words);
	return ev->rc;
}

bool ev_failed(struct eval *ev)
{
	if (ev->rc == 0 && ev->cancel != NULL && __atomic_load_n(ev->cancel, __ATOMIC_RELAXED))
		ev_fail(ev, ERR_CANCELLED, "the query was cancelled");
	return ev->rc != 0;
}

void *ev_array(struct eval *ev, size_t n, size_t size)
{
	void *p = ev->rc != 0 ? NULL : arena_array(ev->a, n, size);

	if (p == NULL)
		ev_fail(ev, ERR_NOMEM,
		        "the query needs more memory than it may take; ask for fewer series or steps");
	return p;
}

double *ev_raw(struct eval *ev, size_t n)
{
	double *v = ev_count(ev, n) ? arena_array_raw(ev->a, n, sizeof *v) : NULL;

	if (v == NULL)
		ev_fail(ev, ERR_NOMEM,
		        "the query needs more memory than it may take; ask for fewer series or steps");
	return v;
}

bool ev_count(struct eval *ev, size_t samples)
{
	ev->samples += samples;
	if (ev->samples > ev->max_samples)
		ev_fail(ev, ERR_UNPROCESSED,
		        "query processing would load too many samples into memory in query execution");
	return !ev_failed(ev);
}

double *ev_column(struct eval *ev, size_t n)
{
	double *v = ev_raw(ev, n);

	if (v != NULL)
		for (size_t i = 0; i < n; i++)
			v[i] = absent();
	return v;
}

struct series *vec_add(struct eval *ev, struct vec *v)
{
	struct series *s;

	if (ev->rc != 0)
		return NULL;
	if (v->n >= ev->max_series) {
		ev_fail(ev, ERR_UNPROCESSED, "the query has more than %zu series in one vector",
		        ev->max_series);
		return NULL;
	}
	s = arena_grow(ev->a, v->s, &v->cap, v->n + 1, sizeof *s);
	if (s == NULL) {
		ev_fail(ev, ERR_NOMEM, "the query needs more memory than it may take; ask for fewer series");
		return NULL;
	}
	v->s = s;
	memset(&s[v->n], 0, sizeof *s);
	return &s[v->n++];
}

/* Those that differ only in their place are one. */
static void note(
        struct eval *ev, struct notes *list, const char *kind, const struct node *at, const char *words)
{
	struct str text, *grown;
	int line, column;
	size_t n;

	if (ev->rc != 0)
		return;
	text = str_of(arena_printf(ev->a, "PromQL %s: %s", kind, words));
	for (size_t i = 0; i < list->n; i++) {
		n = text.n;
		if (list->s[i].n >= n && memcmp(list->s[i].p, text.p, n) == 0 &&
		        (list->s[i].n == n || memcmp(list->s[i].p + n, " (", 2) == 0))
			return;
	}
	/* A query over many odd series says so often enough. */
	if (list->n >= 100 || text.p == NULL)
		return;
	if (at != NULL) {
		text_position(ev->x->text, at->pos, &line, &column);
		text = str_of(arena_printf(ev->a, STR_FMT " (%d:%d)", STR_ARG(text), line, column));
	}
	grown = arena_grow(ev->a, list->s, &list->cap, list->n + 1, sizeof *grown);
	if (grown == NULL)
		return;
	list->s = grown;
	list->s[list->n++] = text;
}

void ev_warn(struct eval *ev, const struct node *at, const char *fmt, ...)
{
	char words[500];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(words, sizeof words, fmt, ap);
	va_end(ap);
	note(ev, &ev->warning, "warning", at, words);
}

void ev_info(struct eval *ev, const struct node *at, const char *fmt, ...)
{
	char words[500];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(words, sizeof words, fmt, ap);
	va_end(ap);
	note(ev, &ev->info, "info", at, words);
}

/* ---- durations ---- */

double dur_seconds(struct eval *ev, const struct dur *d)
{
	const char *why = NULL;
	double s = dur_compute(d, (double)ev->step / 1e6, (double)(ev->end - ev->start) / 1e6, &why);

	if (why != NULL)
		ev_fail(ev, ERR_UNPROCESSED, "%s", why);
	else if (!(fabs(s) < 9.2e9))
		ev_fail(ev, ERR_UNPROCESSED, "duration out of range");
	return ev->rc != 0 ? 0 : s;
}

dur_us dur_value(struct eval *ev, const struct dur *d, bool positive)
{
	dur_us us = llround(dur_seconds(ev, d) * 1e3) * US_MS;

	if (positive && us <= 0)
		ev_fail(ev, ERR_UNPROCESSED, "duration must be greater than 0");
	return us;
}

bool timing_of(struct eval *ev, const struct node *x, struct timing *out)
{
	*out = (struct timing){0};
	if (x->offset != NULL)
		out->offset = dur_value(ev, x->offset, false);
	if (x->range != NULL)
		out->range = dur_value(ev, x->range, true);
	out->pinned = x->at != AT_NONE;
	out->at = x->at == AT_START ? ev->start : x->at == AT_END ? ev->end : x->at_time;
	return ev->rc == 0;
}

/* ---- vectors ---- */

static int series_cmp(const void *a, const void *b)
{
	const struct series *x = a, *y = b;
	int c = labels_cmp(&x->labels, &y->labels);

	return c != 0 ? c : (int)x->drop_name - (int)y->drop_name;
}

void vec_sort(struct vec *v)
{
	for (size_t i = 1; i < v->n; i++)
		if (series_cmp(&v->s[i - 1], &v->s[i]) > 0) {
			qsort(v->s, v->n, sizeof *v->s, series_cmp);
			return;
		}
}

void vec_compact(struct vec *v, size_t steps)
{
	size_t n = 0;

	for (size_t i = 0; i < v->n; i++) {
		size_t k = 0;

		while (k < steps && is_absent(v->s[i].v[k]))
			k++;
		if (k < steps)
			v->s[n++] = v->s[i];
	}
	v->n = n;
}

void vec_merge(struct eval *ev, struct vec *v, size_t steps)
{
	struct label_map map = {0};
	size_t n = 0;

	if (ev->rc != 0 || v->n < 2)
		return;
	for (size_t i = 0; i < v->n && !ev_failed(ev); i++) {
		bool is_new;
		uint32_t at = label_map_get(ev, &map, &v->s[i].labels, &is_new);

		if (ev->rc != 0)
			return;
		if (is_new) {
			v->s[n++] = v->s[i];
			continue;
		}
		v->s[at].drop_name = v->s[at].drop_name || v->s[i].drop_name;
		for (size_t k = 0; k < steps; k++) {
			if (is_absent(v->s[i].v[k]))
				continue;
			if (!is_absent(v->s[at].v[k])) {
				ev_fail(ev, ERR_UNPROCESSED,
				        "vector cannot contain metrics with the same labelset");
				return;
			}
			v->s[at].v[k] = v->s[i].v[k];
		}
	}
	v->n = n;
}

/* ---- nodes ---- */

static void eval_unary(struct eval *ev, const struct node *x, const struct grid *g, struct value *out)
{
	eval_node(ev, x->arg[0], g, out);
	if (ev->rc != 0 || x->op == OP_ADD)
		return;
	if (out->type == PROMQL_SCALAR) {
		for (size_t k = 0; k < g->n; k++)
			out->scalar[k] = -out->scalar[k];
		return;
	}
	for (size_t i = 0; i < out->vec.n; i++) {
		struct series *s = &out->vec.s[i];

		s->drop_name = true;
		for (size_t k = 0; k < g->n; k++)
			if (!is_absent(s->v[k]))
				s->v[k] = -s->v[k];
	}
	out->vec.ordered = false;
}

void eval_node(struct eval *ev, const struct node *x, const struct grid *g, struct value *out)
{
	*out = (struct value){.type = x->type};
	if (ev_failed(ev))
		return;
	switch (x->kind) {
	case N_NUMBER:
		out->scalar = ev_array(ev, g->n, sizeof *out->scalar);
		for (size_t k = 0; out->scalar != NULL && k < g->n; k++)
			out->scalar[k] = x->number;
		return;
	case N_STRING: out->string = x->string; return;
	case N_PAREN: eval_node(ev, x->arg[0], g, out); return;
	case N_UNARY: eval_unary(ev, x, g, out); return;
	case N_BINARY: binary_eval(ev, x, g, out); return;
	case N_AGGREGATE: aggregate_eval(ev, x, g, out); return;
	case N_CALL: call_eval(ev, x, g, out); return;
	case N_SELECTOR:
		if (x->range == NULL) {
			select_instant(ev, x, g, TELL_VALUES, &out->vec, NULL);
			return;
		}
		break;
	case N_SUBQUERY: break;
	}
	ev_fail(ev, ERR_UNPROCESSED, "a range vector stands where none can be");
}

double *eval_scalar(struct eval *ev, const struct node *x, const struct grid *g)
{
	struct value v;

	eval_node(ev, x, g, &v);
	return ev->rc == 0 ? v.scalar : NULL;
}

void eval_vector(struct eval *ev, const struct node *x, const struct grid *g, struct vec *out)
{
	struct value v;

	eval_node(ev, x, g, &v);
	*out = v.vec;
	if (ev->rc != 0)
		out->n = 0;
}

/* ---- results ---- */

/* Names that were to go go now; series that became one are joined. */
static void finish_labels(struct eval *ev, struct vec *v, size_t steps)
{
	for (size_t i = 0; i < v->n && ev->rc == 0; i++)
		if (v->s[i].drop_name)
			v->s[i].labels = labels_unnamed(ev, &v->s[i].labels);
	vec_merge(ev, v, steps);
}

static void result_line(struct eval *ev, struct promql_line *line, const struct labels *labels,
        const time_us *t, const double *v, size_t n)
{
	time_us *own_t = arena_array_raw(ev->a, n, sizeof *own_t);
	double *own_v = arena_array_raw(ev->a, n, sizeof *own_v);

	*line = (struct promql_line){.labels = *labels};
	if (n == 0 || own_t == NULL || own_v == NULL)
		return; /* eval_done looks whether the arena failed */
	line->t = memcpy(own_t, t, n * sizeof *t);
	line->v = memcpy(own_v, v, n * sizeof *v);
	line->n = n;
}

static int line_cmp(const void *a, const void *b)
{
	const struct promql_line *x = a, *y = b;

	return labels_cmp(&x->labels, &y->labels);
}

/* What lies in the window, at *t and *v. */
static size_t matrix_samples(struct eval *ev, const struct node *x, const struct samples *in,
        const struct timing *tm, time_us end, const time_us **t, const double **v)
{
	time_us start = end - tm->range, *own_t;
	size_t from = 0, to = in->n;
	double *own_v;

	if (x->anchored || x->smoothed) {
		*t = own_t = ev_array(ev, in->n + 2, sizeof *own_t);
		*v = own_v = ev_array(ev, in->n + 2, sizeof *own_v);
		return ev->rc == 0 ? window_extended(x, in, start, end, ev->lookback, own_t, own_v) : 0;
	}
	while (from < to && in->t[from] <= start)
		from++;
	while (to > from && in->t[to - 1] > end)
		to--;
	*t = in->t + from;
	*v = in->v + from;
	return to - from;
}

static void matrix_result(
        struct eval *ev, const struct node *x, const struct grid *g, struct promql_result *out)
{
	struct timing tm;
	struct source *s = source_open(ev, x, g, &tm);
	struct samples in;
	size_t cap = 0;
	time_us end = timing_end(&tm, g->start);

	while (s != NULL && source_next(ev, s, &in)) {
		const time_us *t = NULL;
		const double *v = NULL;
		size_t n = samples_unscale(ev, &in) ? matrix_samples(ev, x, &in, &tm, end, &t, &v) : 0;

		if (n == 0)
			continue;
		if (!ev_count(ev, n))
			break;
		out->line = arena_grow(ev->a, out->line, &cap, out->n + 1, sizeof *out->line);
		if (out->line == NULL) {
			ev_fail(ev, ERR_NOMEM, "the query needs more memory than it may take");
			break;
		}
		if (in.drop_name)
			in.labels = labels_unnamed(ev, &in.labels);
		result_line(ev, &out->line[out->n++], &in.labels, t, v, n);
	}
	source_close(s);
	if (ev->rc != 0)
		return;
	if (out->n > 1)
		qsort(out->line, out->n, sizeof *out->line, line_cmp);
	for (size_t i = 1; i < out->n; i++)
		if (labels_equal(&out->line[i - 1].labels, &out->line[i].labels))
			ev_fail(ev, ERR_UNPROCESSED, "vector cannot contain metrics with the same labelset");
}

static void vector_result(struct eval *ev, struct vec *v, time_us t, struct promql_result *out)
{
	finish_labels(ev, v, 1);
	if (ev->rc != 0)
		return;
	vec_compact(v, 1);
	out->sample = ev_array(ev, v->n, sizeof *out->sample);
	if (out->sample == NULL)
		return;
	for (size_t i = 0; i < v->n; i++)
		out->sample[i] = (struct promql_sample){.labels = v->s[i].labels, .t = t, .v = v->s[i].v[0]};
	out->n = v->n;
}

/* Lines that have a value at every step share their times, and have the column as it is. */
static void range_result(struct eval *ev, struct vec *v, const struct grid *g, struct promql_result *out)
{
	time_us *all = ev_array(ev, g->n, sizeof *all), *t = ev_array(ev, g->n, sizeof *t);
	double *d = ev_array(ev, g->n, sizeof *d);

	finish_labels(ev, v, g->n);
	if (ev->rc != 0)
		return;
	for (size_t k = 0; k < g->n; k++)
		all[k] = grid_time(g, k);
	vec_compact(v, g->n);
	vec_sort(v);
	out->line = ev_array(ev, v->n, sizeof *out->line);
	for (size_t i = 0; i < v->n && !ev_failed(ev); i++) {
		const struct series *s = &v->s[i];
		size_t n = 0, full = 0;

		while (full < g->n && !is_absent(s->v[full]))
			full++;
		if (full == g->n) {
			out->line[out->n++] = (struct promql_line){s->labels, all, s->v, g->n};
			continue;
		}
		for (size_t k = 0; k < g->n; k++)
			if (!is_absent(s->v[k])) {
				t[n] = all[k];
				d[n++] = s->v[k];
			}
		result_line(ev, &out->line[out->n++], &s->labels, t, d, n);
	}
}

static void eval_init(struct eval *ev, const struct promql_expr *x, const struct promql_options *o,
        struct arena *a, struct err *e)
{
	*ev = (struct eval){.a = a,
	        .x = x,
	        .storage = o->storage,
	        .lookback = o->lookback > 0 ? o->lookback : 5 * US_MINUTE,
	        .max_samples = o->limits.max_samples ? o->limits.max_samples : SAMPLES_DEFAULT,
	        .max_series = o->limits.max_series ? o->limits.max_series : SERIES_DEFAULT,
	        .cancel = o->limits.cancel,
	        .crew = o->limits.crew,
	        .crew_from = o->limits.crew_from ? o->limits.crew_from : CREW_FROM_DEFAULT,
	        .e = e};
	if (x->n_scope < 0)
		ev_fail(ev, ERR_NOMEM, "out of memory while the query's scope was set");
}

static int eval_done(struct eval *ev, struct promql_result *out)
{
	if (ev->rc == 0 && arena_failed(ev->a))
		ev_fail(ev, ERR_NOMEM,
		        "the query needs more memory than it may take; ask for fewer series or steps");
	if (ev->rc != 0) {
		*out = (struct promql_result){0};
		return ev->rc;
	}
	out->warning = ev->warning.s;
	out->warnings = ev->warning.n;
	out->info = ev->info.s;
	out->infos = ev->info.n;
	out->samples = ev->samples;
	return 0;
}

int promql_instant(const struct promql_expr *x, const struct promql_options *o, time_us t, struct arena *a,
        struct promql_result *out, struct err *e)
{
	struct grid g = {t, 0, 1};
	struct eval ev;
	struct value v;

	*out = (struct promql_result){.type = x->root->type, .t = t};
	eval_init(&ev, x, o, a, e);
	ev.start = ev.end = t;
	if (x->root->type == PROMQL_MATRIX) {
		matrix_result(&ev, node_bare(x->root), &g, out);
		return eval_done(&ev, out);
	}
	eval_node(&ev, x->root, &g, &v);
	if (ev.rc == 0) {
		switch (x->root->type) {
		case PROMQL_SCALAR: out->scalar = v.scalar[0]; break;
		case PROMQL_STRING: out->string = v.string; break;
		case PROMQL_VECTOR: vector_result(&ev, &v.vec, t, out); break;
		case PROMQL_MATRIX: break;
		}
	}
	return eval_done(&ev, out);
}

int promql_range(const struct promql_expr *x, const struct promql_options *o, time_us from, time_us to,
        dur_us step, struct arena *a, struct promql_result *out, struct err *e)
{
	struct grid g;
	struct eval ev;
	struct value v;

	*out = (struct promql_result){.type = PROMQL_MATRIX};
	if (step <= 0)
		return err_set(
		        e, ERR_INVALID, "zero or negative query resolution step widths are not accepted");
	if (to < from)
		return err_set(e, ERR_INVALID, "end timestamp must not be before start time");
	if ((to - from) / step > STEPS_MAX)
		return err_set(e, ERR_INVALID,
		        "exceeded maximum resolution of 11,000 points per timeseries; use a larger step");
	if (x->root->type != PROMQL_SCALAR && x->root->type != PROMQL_VECTOR)
		return err_set(e, ERR_INVALID,
		        "invalid expression type %s for range query, must be Scalar or instant Vector",
		        quoted_type(x->root->type));
	g = (struct grid){from, step, (size_t)((to - from) / step) + 1};
	eval_init(&ev, x, o, a, e);
	ev.start = from;
	ev.end = to;
	ev.step = step;
	eval_node(&ev, x->root, &g, &v);
	if (ev.rc == 0 && v.type == PROMQL_SCALAR) {
		struct series *s = vec_add(&ev, &v.vec);

		if (s != NULL)
			s->v = v.scalar;
	}
	if (ev.rc == 0)
		range_result(&ev, &v.vec, &g, out);
	return eval_done(&ev, out);
}
