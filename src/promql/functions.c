#include <math.h>
#include <stdlib.h>

#include "promql/promql_int.h"

/* The table of functions, and those that work on instant vectors and scalars. */

/* ---- number by number ---- */

static double m_sgn(double v)
{
	return v < 0 ? -1 : v > 0 ? 1 : v;
}

static double m_deg(double v)
{
	return v * 180 / M_PI;
}

static double m_rad(double v)
{
	return v * M_PI / 180;
}

/* Go's Min and Max: NaN wins, unless an infinity already decides. */
static double go_min(double a, double b)
{
	if (a == -INFINITY || b == -INFINITY)
		return -INFINITY;
	if (isnan(a) || isnan(b))
		return NAN;
	return a < b ? a : b;
}

static double go_max(double a, double b)
{
	if (a == INFINITY || b == INFINITY)
		return INFINITY;
	if (isnan(a) || isnan(b))
		return NAN;
	return a > b ? a : b;
}

static bool date_of(double v, struct civil *c)
{
	/* Beyond the years that civil time knows. */
	if (!(fabs(v) < 2e11))
		return false;
	civil_from_utc((time_us)trunc(v) * US_SECOND, c);
	return true;
}

#define DATE(name, field)                                                                                    \
	static double name(double v)                                                                         \
	{                                                                                                    \
		struct civil c;                                                                              \
                                                                                                             \
		return date_of(v, &c) ? (double)(field) : NAN;                                               \
	}
DATE(d_minute, c.minute)
DATE(d_hour, c.hour)
DATE(d_day_of_week, c.weekday)
DATE(d_day_of_month, c.day)
DATE(d_day_of_year, c.yearday)
DATE(d_days_in_month, civil_month_days(c.year, c.month))
DATE(d_month, c.month)
DATE(d_year, c.year)

static void map_vector(struct eval *ev, const struct node *x, const struct grid *g, struct vec *v)
{
	if (x->n_arg == 0) {
		struct series *s = vec_add(ev, v);

		if (s == NULL || (s->v = ev_column(ev, g->n)) == NULL)
			return;
		for (size_t k = 0; k < g->n; k++)
			s->v[k] = (double)(grid_time(g, k) / US_MS) / 1e3;
	} else {
		eval_vector(ev, x->arg[0], g, v);
	}
	for (size_t i = 0; i < v->n && ev->rc == 0; i++) {
		double *d = v->s[i].v;

		v->s[i].drop_name = true;
		for (size_t k = 0; k < g->n; k++)
			if (!is_absent(d[k]))
				d[k] = x->fn->math(d[k]);
	}
	v->ordered = false;
}

/* ---- functions of their own kind ---- */

static FN_RUN(fn_round)
{
	double *to = NULL;

	eval_vector(ev, x->arg[0], g, &out->vec);
	if (x->n_arg > 1)
		to = eval_scalar(ev, x->arg[1], g);
	for (size_t i = 0; i < out->vec.n && ev->rc == 0; i++) {
		double *v = out->vec.s[i].v;

		out->vec.s[i].drop_name = true;
		for (size_t k = 0; k < g->n; k++) {
			/* By the inverse, so that 0.1 does not make 5.300000000000001. */
			double inverse = to != NULL ? 1 / to[k] : 1;

			if (!is_absent(v[k]))
				v[k] = floor(v[k] * inverse + 0.5) / inverse;
		}
	}
	out->vec.ordered = false;
}

static void clamp(struct eval *ev, const struct grid *g, struct vec *v, const double *min, const double *max)
{
	for (size_t i = 0; i < v->n && ev->rc == 0; i++) {
		double *d = v->s[i].v;

		v->s[i].drop_name = true;
		for (size_t k = 0; k < g->n; k++) {
			if (is_absent(d[k]))
				continue;
			if (min != NULL && max != NULL && min[k] > max[k]) {
				d[k] = absent();
				continue;
			}
			if (max != NULL)
				d[k] = go_min(max[k], d[k]);
			if (min != NULL)
				d[k] = go_max(min[k], d[k]);
		}
	}
	v->ordered = false;
}

static FN_RUN(fn_clamp)
{
	double *min, *max;

	eval_vector(ev, x->arg[0], g, &out->vec);
	min = eval_scalar(ev, x->arg[1], g);
	max = eval_scalar(ev, x->arg[2], g);
	if (ev->rc == 0)
		clamp(ev, g, &out->vec, min, max);
}

static FN_RUN(fn_clamp_min)
{
	double *min;

	eval_vector(ev, x->arg[0], g, &out->vec);
	min = eval_scalar(ev, x->arg[1], g);
	if (ev->rc == 0)
		clamp(ev, g, &out->vec, min, NULL);
}

static FN_RUN(fn_clamp_max)
{
	double *max;

	eval_vector(ev, x->arg[0], g, &out->vec);
	max = eval_scalar(ev, x->arg[1], g);
	if (ev->rc == 0)
		clamp(ev, g, &out->vec, NULL, max);
}

/* The labels that an absent series would have had: those that the selector asks for by equality. */
static struct labels absent_labels(struct eval *ev, const struct node *x)
{
	struct labels ls = LABELS_NONE;

	if (x->kind != N_SELECTOR)
		return ls;
	for (int i = 0; i < x->n_own; i++) {
		const struct matcher *m = &x->m[i];
		bool seen = false;

		if (str_is(m->name, LABEL_NAME))
			continue;
		for (int j = 0; j < i; j++)
			seen = seen || (str_eq(x->m[j].name, m->name) && x->m[j].op == MATCH_EQ);
		ls = labels_with(ev, &ls, m->name, m->op == MATCH_EQ && !seen ? m->value : STR_NULL);
	}
	return ls;
}

static void absent_result(
        struct eval *ev, const struct node *arg, const struct grid *g, const bool *present, struct vec *out)
{
	struct series *s = vec_add(ev, out);

	if (s == NULL || (s->v = ev_column(ev, g->n)) == NULL)
		return;
	s->labels = absent_labels(ev, arg);
	for (size_t k = 0; k < g->n; k++)
		if (!present[k])
			s->v[k] = 1;
}

static FN_RUN(fn_absent)
{
	struct vec v = {0};
	bool *present = ev_array(ev, g->n, sizeof *present);

	eval_vector(ev, x->arg[0], g, &v);
	if (ev->rc != 0)
		return;
	for (size_t i = 0; i < v.n; i++)
		for (size_t k = 0; k < g->n; k++)
			present[k] = present[k] || !is_absent(v.s[i].v[k]);
	absent_result(ev, node_bare(x->arg[0]), g, present, &out->vec);
}

static FN_RUN(fn_absent_over_time)
{
	const struct node *range = node_bare(x->arg[0]);
	bool *present = ev_array(ev, g->n, sizeof *present);
	struct timing tm;
	struct source *s = source_open(ev, range, g, &tm);
	struct samples in;

	while (s != NULL && source_next(ev, s, &in)) {
		size_t at = 0;

		for (size_t k = 0; k < g->n; k++) {
			time_us end = timing_end(&tm, grid_time(g, k));

			while (at < in.n && in.t[at] <= end)
				at++;
			present[k] = present[k] || (at > 0 && in.t[at - 1] > end - tm.range);
		}
	}
	source_close(s);
	if (ev->rc == 0)
		absent_result(ev, range, g, present, &out->vec);
}

static FN_RUN(fn_scalar)
{
	struct vec v = {0};
	size_t *count = ev_array(ev, g->n, sizeof *count);

	eval_vector(ev, x->arg[0], g, &v);
	out->scalar = ev_array(ev, g->n, sizeof *out->scalar);
	if (ev->rc != 0)
		return;
	for (size_t i = 0; i < v.n; i++)
		for (size_t k = 0; k < g->n; k++)
			if (!is_absent(v.s[i].v[k])) {
				count[k]++;
				out->scalar[k] = v.s[i].v[k];
			}
	for (size_t k = 0; k < g->n; k++)
		if (count[k] != 1)
			out->scalar[k] = NAN;
}

static FN_RUN(fn_vector)
{
	double *v = eval_scalar(ev, x->arg[0], g);
	struct series *s = vec_add(ev, &out->vec);

	if (s != NULL)
		s->v = v;
}

static double *scalar_column(struct eval *ev, const struct grid *g, struct value *out, double v)
{
	out->scalar = ev_array(ev, g->n, sizeof *out->scalar);
	for (size_t k = 0; out->scalar != NULL && k < g->n; k++)
		out->scalar[k] = v;
	return out->scalar;
}

static FN_RUN(fn_time)
{
	(void)x;
	if (scalar_column(ev, g, out, 0) != NULL)
		for (size_t k = 0; k < g->n; k++)
			out->scalar[k] = (double)(grid_time(g, k) / US_MS) / 1e3;
}

static FN_RUN(fn_pi)
{
	(void)x;
	scalar_column(ev, g, out, M_PI);
}

static FN_RUN(fn_start)
{
	(void)x;
	scalar_column(ev, g, out, (double)(ev->start / US_MS) / 1e3);
}

static FN_RUN(fn_end)
{
	(void)x;
	scalar_column(ev, g, out, (double)(ev->end / US_MS) / 1e3);
}

static FN_RUN(fn_range)
{
	(void)x;
	scalar_column(ev, g, out, (double)((ev->end - ev->start) / US_MS) / 1e3);
}

static FN_RUN(fn_step)
{
	(void)x;
	scalar_column(ev, g, out, (double)(ev->step / US_MS) / 1e3);
}

static void pick(struct eval *ev, const struct node *x, const struct grid *g, struct value *out,
        double (*f)(double, double))
{
	double *a = eval_scalar(ev, x->arg[0], g), *b = eval_scalar(ev, x->arg[1], g);

	if (ev->rc != 0)
		return;
	out->scalar = a;
	for (size_t k = 0; k < g->n; k++)
		a[k] = f(a[k], b[k]);
}

static FN_RUN(fn_min_of)
{
	pick(ev, x, g, out, go_min);
}

static FN_RUN(fn_max_of)
{
	pick(ev, x, g, out, go_max);
}

/* Of the samples themselves where the argument is a selector; `told`, what of them. */
static void stamp(
        struct eval *ev, const struct node *x, const struct grid *g, enum told told, struct vec *out)
{
	const struct node *arg = node_bare(x->arg[0]);

	if (arg->kind == N_SELECTOR) {
		select_instant(ev, arg, g, told, out, NULL);
	} else {
		eval_vector(ev, arg, g, out);
		for (size_t i = 0; i < out->n && ev->rc == 0; i++)
			for (size_t k = 0; k < g->n; k++)
				if (!is_absent(out->s[i].v[k]))
					out->s[i].v[k] = told == TELL_TIMES
					                         ? (double)(grid_time(g, k) / US_MS) / 1e3
					                         : 0;
	}
	for (size_t i = 0; i < out->n; i++)
		out->s[i].drop_name = true;
	out->ordered = false;
}

/* What is computed is of the time of its step, */
static FN_RUN(fn_timestamp)
{
	stamp(ev, x, g, TELL_TIMES, &out->vec);
}

/* and began at no known time. */
static FN_RUN(fn_start_timestamp)
{
	stamp(ev, x, g, TELL_STARTS, &out->vec);
}

static int value_up(const void *a, const void *b)
{
	double x = ((const struct series *)a)->v[0], y = ((const struct series *)b)->v[0];

	/* NaN goes to the end of either order. */
	if (isnan(x) || isnan(y))
		return (int)(isnan(x) != 0) - (int)(isnan(y) != 0);
	return (x > y) - (x < y);
}

static int value_down(const void *a, const void *b)
{
	double x = ((const struct series *)a)->v[0], y = ((const struct series *)b)->v[0];

	if (isnan(x) || isnan(y))
		return (int)(isnan(x) != 0) - (int)(isnan(y) != 0);
	return (x < y) - (x > y);
}

static void sort_values(struct eval *ev, const struct node *x, const struct grid *g, struct vec *v,
        int (*cmp)(const void *, const void *))
{
	eval_vector(ev, x->arg[0], g, v);
	/* Range results have an order of their own. */
	if (g->n > 1)
		ev_warn(ev, x,
		        "sort is ineffective for range queries since results are always ordered by labels");
	if (ev->rc != 0 || g->n != 1 || ev->step != 0)
		return;
	vec_compact(v, 1);
	if (v->n > 1)
		qsort(v->s, v->n, sizeof *v->s, cmp);
	v->ordered = true;
}

static FN_RUN(fn_sort)
{
	sort_values(ev, x, g, &out->vec, value_up);
}

static FN_RUN(fn_sort_desc)
{
	sort_values(ev, x, g, &out->vec, value_down);
}

/* ---- the table ---- */

#define S PROMQL_SCALAR
#define T PROMQL_STRING
#define V PROMQL_VECTOR
#define M PROMQL_MATRIX
#define MATH(name, f)                                                                                        \
	{                                                                                                    \
		name, V, {V}, 1, 0, FN_MATH, f, NULL, NULL, 0                                                \
	}
#define DAY(name, f)                                                                                         \
	{                                                                                                    \
		name, V, {V}, 1, 1, FN_DATE, f, NULL, NULL, 0                                                \
	}
#define WINDOW(name, f, flags)                                                                               \
	{                                                                                                    \
		name, V, {M}, 1, 0, FN_WINDOW, NULL, f, NULL, flags                                          \
	}
#define OTHER(name, result, run, n, variadic, ...)                                                           \
	{                                                                                                    \
		name, result, {__VA_ARGS__}, n, variadic, FN_OTHER, NULL, NULL, run, 0                       \
	}
#define EXTENDED (FN_ANCHORED | FN_SMOOTHED)

/* In the order of names: function_find searches by halves. */
static const struct function table[] = {
        MATH("abs", fabs),
        OTHER("absent", V, fn_absent, 1, 0, V),
        OTHER("absent_over_time", V, fn_absent_over_time, 1, 0, M),
        MATH("acos", acos),
        MATH("acosh", acosh),
        MATH("asin", asin),
        MATH("asinh", asinh),
        MATH("atan", atan),
        MATH("atanh", atanh),
        WINDOW("avg_over_time", w_avg, FN_SCALED),
        MATH("ceil", ceil),
        WINDOW("changes", w_marks, FN_NEEDS_CHANGES | FN_ANCHORED),
        OTHER("clamp", V, fn_clamp, 3, 0, V, S, S),
        OTHER("clamp_max", V, fn_clamp_max, 2, 0, V, S),
        OTHER("clamp_min", V, fn_clamp_min, 2, 0, V, S),
        MATH("cos", cos),
        MATH("cosh", cosh),
        WINDOW("count_over_time", w_count, FN_SCALED),
        DAY("day_of_month", d_day_of_month),
        DAY("day_of_week", d_day_of_week),
        DAY("day_of_year", d_day_of_year),
        DAY("days_in_month", d_days_in_month),
        MATH("deg", m_deg),
        WINDOW("delta", w_delta, EXTENDED | FN_SCALED),
        WINDOW("deriv", w_deriv, 0),
        {"double_exponential_smoothing", V, {M, S, S}, 3, 0, FN_WINDOW, NULL, w_smoothing, NULL, FN_FAILS},
        OTHER("end", S, fn_end, 0, 0, S),
        MATH("exp", exp),
        WINDOW("first_over_time", w_first, FN_KEEPS_NAME | FN_SCALED),
        MATH("floor", floor),
        OTHER("histogram_avg", V, fn_histogram_only, 1, 0, V),
        OTHER("histogram_count", V, fn_histogram_only, 1, 0, V),
        OTHER("histogram_fraction", V, fn_histogram_fraction, 3, 0, S, S, V),
        OTHER("histogram_quantile", V, fn_histogram_quantile, 2, 0, S, V),
        OTHER("histogram_quantiles", V, fn_histogram_quantiles, 4, -1, V, T, S, S),
        OTHER("histogram_stddev", V, fn_histogram_only, 1, 0, V),
        OTHER("histogram_stdvar", V, fn_histogram_only, 1, 0, V),
        OTHER("histogram_sum", V, fn_histogram_only, 1, 0, V),
        DAY("hour", d_hour),
        WINDOW("idelta", w_idelta, FN_SCALED),
        WINDOW("increase", w_increase, FN_COUNTER | FN_NEEDS_RESETS | EXTENDED | FN_SCALED),
        OTHER("info", V, fn_info, 2, 1, V, V),
        WINDOW("irate", w_irate, FN_SCALED),
        OTHER("label_join", V, fn_label_join, 4, -1, V, T, T, T),
        OTHER("label_replace", V, fn_label_replace, 5, 0, V, T, T, T, T),
        WINDOW("last_over_time", w_last, FN_KEEPS_NAME | FN_SCALED),
        MATH("ln", log),
        MATH("log10", log10),
        MATH("log2", log2),
        WINDOW("mad_over_time", w_mad, 0),
        OTHER("max_of", S, fn_max_of, 2, 0, S, S),
        WINDOW("max_over_time", w_max, FN_SCALED),
        OTHER("min_of", S, fn_min_of, 2, 0, S, S),
        WINDOW("min_over_time", w_min, FN_SCALED),
        DAY("minute", d_minute),
        DAY("month", d_month),
        OTHER("pi", S, fn_pi, 0, 0, S),
        {"predict_linear", V, {M, S}, 2, 0, FN_WINDOW, NULL, w_predict_linear, NULL, 0},
        WINDOW("present_over_time", w_present, FN_SCALED),
        {"quantile_over_time", V, {S, M}, 2, 0, FN_WINDOW, NULL, w_quantile, NULL, 0},
        MATH("rad", m_rad),
        OTHER("range", S, fn_range, 0, 0, S),
        WINDOW("rate", w_rate, FN_COUNTER | FN_NEEDS_RESETS | EXTENDED | FN_SCALED),
        WINDOW("resets", w_marks, FN_NEEDS_RESETS | FN_ANCHORED | FN_SCALED),
        OTHER("round", V, fn_round, 2, 1, V, S),
        OTHER("scalar", S, fn_scalar, 1, 0, V),
        MATH("sgn", m_sgn),
        MATH("sin", sin),
        MATH("sinh", sinh),
        OTHER("sort", V, fn_sort, 1, 0, V),
        OTHER("sort_by_label", V, fn_sort_by_label, 2, -1, V, T),
        OTHER("sort_by_label_desc", V, fn_sort_by_label, 2, -1, V, T),
        OTHER("sort_desc", V, fn_sort_desc, 1, 0, V),
        MATH("sqrt", sqrt),
        OTHER("start", S, fn_start, 0, 0, S),
        OTHER("start_timestamp", V, fn_start_timestamp, 1, 0, V),
        WINDOW("stddev_over_time", w_stddev, 0),
        WINDOW("stdvar_over_time", w_stdvar, 0),
        OTHER("step", S, fn_step, 0, 0, S),
        WINDOW("sum_over_time", w_sum, FN_SCALED),
        MATH("tan", tan),
        MATH("tanh", tanh),
        OTHER("time", S, fn_time, 0, 0, S),
        OTHER("timestamp", V, fn_timestamp, 1, 0, V),
        WINDOW("ts_of_first_over_time", w_ts_first, 0),
        WINDOW("ts_of_last_over_time", w_ts_last, 0),
        WINDOW("ts_of_max_over_time", w_ts_max, 0),
        WINDOW("ts_of_min_over_time", w_ts_min, 0),
        OTHER("vector", V, fn_vector, 1, 0, S),
        DAY("year", d_year),
};
#undef S
#undef T
#undef V
#undef M

const struct function *function_find(struct str name)
{
	size_t lo = 0, hi = ARRAY_LEN(table);

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int c = str_cmp(name, str_of(table[mid].name));

		if (c == 0)
			return &table[mid];
		if (c < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return NULL;
}

void call_eval(struct eval *ev, const struct node *x, const struct grid *g, struct value *out)
{
	switch (x->fn->kind) {
	case FN_MATH:
	case FN_DATE: map_vector(ev, x, g, &out->vec); break;
	case FN_WINDOW: call_window(ev, x, g, out, NULL); break;
	case FN_OTHER: x->fn->run(ev, x, g, out); break;
	}
}
