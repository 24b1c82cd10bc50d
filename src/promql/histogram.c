#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/num.h"
#include "promql/promql_int.h"

/* Classic histograms: series that share all labels but `le` are the buckets of one histogram. */

struct bucket {
	double bound, count;
};

struct histogram {
	size_t first, n; /* of `order` */
};
struct histograms {
	struct vec in;
	struct labels *labels; /* by histogram, without le */
	bool *drop_name;
	size_t *order; /* series by histogram */
	double *bound; /* by series */
	struct histogram *h;
	size_t n;
	struct bucket *buf;
};

static bool bound_of(const struct series *s, double *out)
{
	struct str le = labels_get(&s->labels, "le");

	return le.n > 0 && num_double(le, true, out);
}

static bool group_buckets(struct eval *ev, const struct node *x, const struct node *arg, const struct grid *g,
        struct histograms *hs)
{
	static const struct str le = {"le", 2};
	struct label_map map = {0};
	uint32_t *of;
	size_t *fill;

	memset(hs, 0, sizeof *hs);
	(void)x;
	eval_vector(ev, arg, g, &hs->in);
	of = ev_array(ev, hs->in.n, sizeof *of);
	hs->bound = ev_array(ev, hs->in.n, sizeof *hs->bound);
	for (size_t i = 0; i < hs->in.n && ev->rc == 0; i++) {
		struct labels key;
		bool is_new;

		of[i] = UINT32_MAX;
		if (!bound_of(&hs->in.s[i], &hs->bound[i])) {
			struct sb value = SB_INIT;
			struct str name = labels_get(&hs->in.s[i].labels, LABEL_NAME);

			label_quote(&value, labels_get(&hs->in.s[i].labels, "le"));
			if (name.n > 0)
				ev_warn(ev, arg,
				        "bucket label \"le\" is missing or has a malformed value of %s for "
				        "metric name \"" STR_FMT "\"",
				        value.p, STR_ARG(name));
			else
				ev_warn(ev, arg,
				        "bucket label \"le\" is missing or has a malformed value of %s",
				        value.p);
			sb_fini(&value);
			continue;
		}
		key = labels_without(ev, &hs->in.s[i].labels, &le, 1, false);
		of[i] = label_map_get(ev, &map, &key, &is_new);
	}
	hs->n = map.n;
	hs->labels = map.key;
	hs->h = ev_array(ev, hs->n, sizeof *hs->h);
	hs->order = ev_array(ev, hs->in.n, sizeof *hs->order);
	hs->drop_name = ev_array(ev, hs->n, sizeof *hs->drop_name);
	hs->buf = ev_array(ev, hs->in.n, sizeof *hs->buf);
	fill = ev_array(ev, hs->n, sizeof *fill);
	if (ev->rc != 0)
		return false;
	for (size_t i = 0; i < hs->in.n; i++)
		if (of[i] != UINT32_MAX)
			hs->h[of[i]].n++;
	for (size_t i = 1; i < hs->n; i++)
		hs->h[i].first = hs->h[i - 1].first + hs->h[i - 1].n;
	for (size_t i = 0; i < hs->in.n; i++)
		if (of[i] != UINT32_MAX)
			hs->order[hs->h[of[i]].first + fill[of[i]]++] = i;
	return true;
}

static int bucket_cmp(const void *a, const void *b)
{
	double x = ((const struct bucket *)a)->bound, y = ((const struct bucket *)b)->bound;

	return (x > y) - (x < y);
}

/* The buckets of one histogram at one step, sorted, equal bounds added up. 0 if there is none. */
static size_t buckets_at(const struct histograms *hs, size_t h, size_t k)
{
	struct bucket *b = hs->buf;
	size_t n = 0, w = 0;

	for (size_t i = 0; i < hs->h[h].n; i++) {
		size_t s = hs->order[hs->h[h].first + i];
		double v = hs->in.s[s].v[k];

		if (!is_absent(v))
			b[n++] = (struct bucket){hs->bound[s], v};
	}
	qsort(b, n, sizeof *b, bucket_cmp);
	for (size_t i = 0; i < n; i++) {
		if (w > 0 && b[w - 1].bound == b[i].bound)
			b[w - 1].count += b[i].count;
		else
			b[w++] = b[i];
	}
	return w;
}

/* Within a trillionth of their sum: a difference that rounding makes. */
static bool almost_equal(double a, double b)
{
	double sum = fabs(a) + fabs(b), diff = fabs(a - b);

	if (a == 0 || b == 0 || sum < 2.2250738585072014e-308)
		return diff < 1e-12 * 2.2250738585072014e-308;
	return diff / fmin(sum, 1.7976931348623157e308) < 1e-12;
}

/* True if counts had to be raised to make them grow. */
static bool make_monotonic(struct bucket *b, size_t n)
{
	bool forced = false;
	double prev = b[0].count;

	for (size_t i = 1; i < n; i++) {
		double c = b[i].count;

		if (c == prev)
			continue;
		if (almost_equal(prev, c)) {
			b[i].count = prev;
		} else if (c < prev) {
			b[i].count = prev;
			forced = true;
		} else {
			prev = c;
		}
	}
	return forced;
}

static double bucket_quantile(double q, struct bucket *b, size_t n, bool *forced)
{
	double rank, start = 0, count;
	size_t i;

	if (isnan(q))
		return NAN;
	if (q < 0)
		return -INFINITY;
	if (q > 1)
		return INFINITY;
	if (!(isinf(b[n - 1].bound) && b[n - 1].bound > 0))
		return NAN;
	*forced = make_monotonic(b, n) || *forced;
	if (n < 2 || b[n - 1].count == 0 || isnan(b[n - 1].count))
		return NAN;
	rank = q * b[n - 1].count;
	for (i = 0; i < n - 1 && !(b[i].count >= rank);)
		i++;
	if (i == n - 1)
		return b[n - 2].bound;
	if (i == 0 && b[0].bound <= 0)
		return b[0].bound;
	count = b[i].count;
	if (i > 0) {
		start = b[i - 1].bound;
		count -= b[i - 1].count;
		rank -= b[i - 1].count;
	}
	return start + (b[i].bound - start) * (rank / count);
}

static void quantile_warning(struct eval *ev, const struct node *at, const double *q, size_t n)
{
	for (size_t k = 0; k < n && ev->rc == 0; k++)
		if (!(q[k] >= 0 && q[k] <= 1)) {
			char text[400];

			format_g(q[k], text);
			ev_warn(ev, at, "quantile value should be between 0 and 1, got %s", text);
		}
}

/* Adds one result series for each histogram; `label` (may be empty) gets the value `text`. */
static void quantiles(struct eval *ev, const struct node *arg, const struct grid *g, struct histograms *hs,
        const double *q, struct str label, struct str text, struct vec *out)
{
	for (size_t h = 0; h < hs->n && !ev_failed(ev); h++) {
		struct series *s = vec_add(ev, out);
		bool forced = false;

		if (s == NULL || (s->v = ev_column(ev, g->n)) == NULL)
			return;
		s->labels = label.n > 0 ? labels_with(ev, &hs->labels[h], label, text) : hs->labels[h];
		s->drop_name = true;
		for (size_t k = 0; k < g->n; k++) {
			size_t n = buckets_at(hs, h, k);

			if (n > 0)
				s->v[k] = bucket_quantile(q[k], hs->buf, n, &forced);
		}
		if (forced) {
			struct str name = labels_get(&hs->labels[h], LABEL_NAME);
			bool named = name.n > 0;

			ev_info(ev, arg,
			        "input to histogram_quantile needed to be fixed for monotonicity (see "
			        "https://prometheus.io/docs/prometheus/latest/querying/functions/"
			        "#histogram_quantile)%s" STR_FMT "%s",
			        named ? " for metric name \"" : "", STR_ARG(name), named ? "\"" : "");
		}
	}
}

FN_RUN(fn_histogram_quantile)
{
	double *q = eval_scalar(ev, x->arg[0], g);
	struct histograms hs;

	if (!group_buckets(ev, x, x->arg[1], g, &hs))
		return;
	quantile_warning(ev, x->arg[0], q, g->n);
	quantiles(ev, x->arg[1], g, &hs, q, STR_NULL, STR_NULL, &out->vec);
	vec_compact(&out->vec, g->n);
}

FN_RUN(fn_histogram_quantiles)
{
	struct str label = node_bare(x->arg[1])->string;
	struct histograms hs;

	if (x->n_arg > 12) {
		ev_fail(ev, ERR_UNPROCESSED, "histogram_quantiles() takes at most 10 quantiles");
		return;
	}
	if (label.n == 0 || !utf8_valid(label)) {
		ev_fail(ev, ERR_UNPROCESSED, "invalid label name in histogram_quantiles()");
		return;
	}
	if (!group_buckets(ev, x, x->arg[0], g, &hs))
		return;
	for (int i = 2; i < x->n_arg && ev->rc == 0; i++) {
		double *q = eval_scalar(ev, x->arg[i], g);
		char text[400];
		struct str value;

		if (q == NULL)
			return;
		quantile_warning(ev, x->arg[i], q, g->n);
		/* As OpenMetrics writes a number: 1 is "1.0". */
		value.n = format_g(q[0], text);
		if (isfinite(q[0]) && strpbrk(text, ".e") == NULL) {
			memcpy(text + value.n, ".0", 3);
			value.n += 2;
		}
		value.p = arena_strndup(ev->a, text, value.n);
		if (value.p != NULL)
			quantiles(ev, x->arg[1], g, &hs, q, label, value, &out->vec);
	}
	vec_compact(&out->vec, g->n);
}

static double bucket_fraction(double lower, double upper, const struct bucket *b, size_t n)
{
	double count = b[n - 1].count, rank = 0, at[2] = {0, 0}, want[2] = {lower, upper};
	bool set[2] = {false, false};

	if (!(isinf(b[n - 1].bound) && b[n - 1].bound > 0) || count == 0 || isnan(lower) || isnan(upper))
		return NAN;
	if (lower >= upper)
		return 0;
	for (size_t i = 0; i < n; i++) {
		double from = i > 0 ? b[i - 1].bound : b[0].bound > 0 ? 0 : -INFINITY;

		for (int e = 0; e < 2; e++) {
			if (set[e])
				continue;
			if (from >= want[e]) {
				at[e] = rank;
				set[e] = true;
			} else if (b[i].bound > want[e]) {
				/* All that lies below a bound of zero or less is taken to be there. */
				at[e] = isinf(from)         ? b[i].count
				        : isinf(b[i].bound) ? rank
				                            : rank + (b[i].count - rank) * (want[e] - from) /
				                                              (b[i].bound - from);
				set[e] = true;
			}
		}
		rank = b[i].count;
	}
	for (int e = 0; e < 2; e++)
		if (!set[e] || at[e] > count)
			at[e] = count;
	return (at[1] - at[0]) / count;
}

FN_RUN(fn_histogram_fraction)
{
	double *lower = eval_scalar(ev, x->arg[0], g), *upper = eval_scalar(ev, x->arg[1], g);
	struct histograms hs;

	if (!group_buckets(ev, x, x->arg[2], g, &hs))
		return;
	for (size_t h = 0; h < hs.n && !ev_failed(ev); h++) {
		struct series *s = vec_add(ev, &out->vec);

		if (s == NULL || (s->v = ev_column(ev, g->n)) == NULL)
			return;
		s->labels = hs.labels[h];
		s->drop_name = true;
		for (size_t k = 0; k < g->n; k++) {
			size_t n = buckets_at(&hs, h, k);

			if (n > 0)
				s->v[k] = bucket_fraction(lower[k], upper[k], hs.buf, n);
		}
	}
	vec_compact(&out->vec, g->n);
}

/* histogram_count() and others that know native histograms only: floats are passed over. */
FN_RUN(fn_histogram_only)
{
	eval_vector(ev, x->arg[0], g, &out->vec);
	out->vec.n = 0;
}
