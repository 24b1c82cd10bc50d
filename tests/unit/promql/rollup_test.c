/* Windows that the storage knows of change no answer. */
#include "check.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "promql/promql_int.h"

#define POINTS 3000
#define SERIES 20
#define UNIT (5 * US_MINUTE)

enum odd { ODD_NONE, ODD_NAN, ODD_FINE }; /* one series has NaN, or values that are no decimals */

struct points {
	enum odd odd;
	bool tells;
	int opened; /* cursors over windows */
	struct label l[SERIES][2];
	char thing[SERIES][8];
	time_us t[SERIES][POINTS];
	double v[SERIES][POINTS];
};
struct promql_cursor {
	struct points *p;
	time_us from, to;
	dur_us step;
	size_t at;
	struct promql_window *w;
	time_us t[POINTS];
	double v[POINTS];
};

static struct points *points_new(enum odd odd)
{
	struct points *p = xcalloc(1, sizeof *p);

	p->odd = odd;
	for (size_t s = 0; s < SERIES; s++) {
		int64_t v = 5000 + (int64_t)test_below(4000);
		time_us t = (time_us)test_below(1000) * US_SECOND;

		snprintf(p->thing[s], sizeof p->thing[s], "T-%02zu", s);
		p->l[s][0] = (struct label){STR_LIT("__name__"), STR_LIT("m")};
		p->l[s][1] = (struct label){STR_LIT("thing"), str_of(p->thing[s])};
		for (size_t i = 0; i < POINTS; i++) {
			/* Often on the edge of a window, now and then with hours of silence. */
			t += test_below(300) == 0 ? (time_us)test_below(20000) * US_SECOND
			                          : (time_us)(1 + test_below(3)) * 60 * US_SECOND;
			v += (int64_t)test_below(41) - 20;
			p->t[s][i] = t;
			p->v[s][i] = (double)v / (s % 2 ? 100 : 1);
			if (test_below(100) == 0)
				p->v[s][i] = absent();
		}
		if (s == 7 && odd == ODD_NAN)
			p->v[s][POINTS / 2] = NAN;
		if (s == 7 && odd == ODD_FINE)
			p->v[s][POINTS / 2] = 1.0 / 3;
	}
	return p;
}

static int open_points(void *ctx, const struct matcher *m, int n, time_us from, time_us to, struct arena *a,
        struct promql_cursor **out, struct err *e)
{
	(void)m;
	(void)n;
	(void)e;
	*out = arena_alloc(a, sizeof **out);
	**out = (struct promql_cursor){.p = ctx, .from = from, .to = to};
	return 0;
}

static size_t cut(struct promql_cursor *c, size_t s)
{
	size_t n = 0;

	for (size_t i = 0; i < POINTS; i++)
		if (c->p->t[s][i] >= c->from && c->p->t[s][i] <= c->to) {
			c->t[n] = c->p->t[s][i];
			c->v[n++] = c->p->v[s][i];
		}
	return n;
}

static int next_points(struct promql_cursor *c, struct promql_series *out, struct err *e)
{
	size_t s = c->at++;

	(void)e;
	if (s == SERIES)
		return 0;
	*out = (struct promql_series){.labels = {c->p->l[s], 2}, .t = c->t, .v = c->v, .n = cut(c, s)};
	return 1;
}

static void close_points(struct promql_cursor *c)
{
	(void)c;
}

static int open_windows(void *ctx, const struct matcher *m, int n, time_us from, time_us to, dur_us step,
        struct arena *a, struct promql_cursor **out, struct err *e)
{
	struct points *p = ctx;

	p->opened++;
	check(step > 0 && step % UNIT == 0 && from % step == 0 && to % step == 0);
	open_points(ctx, m, n, from - step + 1, to, a, out, e);
	(*out)->step = step;
	(*out)->w = arena_array(a, POINTS, sizeof *(*out)->w);
	return 0;
}

/* As the engine of readings has them: a sum is that of hundredths. */
static int next_windows(struct promql_cursor *c, struct promql_windows *out, struct err *e)
{
	size_t s = c->at++, points, n = 0;
	int64_t hundredths = 0;

	(void)e;
	if (s == SERIES)
		return 0;
	points = cut(c, s);
	for (size_t i = 0; i < points; i++) {
		time_us end = (c->t[i] + c->step - 1) / c->step * c->step;
		struct promql_window *w = &c->w[n > 0 ? n - 1 : 0];
		double v = c->v[i];

		if (is_absent(v))
			continue;
		if (n == 0 || w->end != end) {
			w = &c->w[n++];
			*w = (struct promql_window){.end = end, .decimal = true};
			hundredths = 0;
		}
		if (isnan(v)) {
			w->nans++;
			continue;
		}
		if (w->n++ == 0)
			w->first = w->least = w->greatest = v;
		w->last = v;
		w->least = fmin(w->least, v);
		w->greatest = fmax(w->greatest, v);
		w->decimal = w->decimal && v != 1.0 / 3;
		hundredths += llround(v * 100);
		w->sum = (double)hundredths / 100;
	}
	*out = (struct promql_windows){.labels = {c->p->l[s], 2}, .w = c->w, .n = n};
	return 1;
}

struct asked {
	const char *query;
	time_us from;
	dur_us step;
	size_t steps;
};

static void ask(
        struct points *p, bool tells, const struct asked *q, struct arena *a, struct promql_result *out)
{
	struct promql_storage storage = {
	        .ctx = p, .open = open_points, .next = next_points, .close = close_points};
	struct promql_options o = {.storage = &storage};
	struct promql_expr *x;
	struct err e = ERR_INIT;

	if (tells) {
		storage.open_windows = open_windows;
		storage.next_windows = next_windows;
		storage.window_step = UNIT;
	}
	if (!check_ok(promql_parse(a, str_of(q->query), &x, &e), &e))
		return;
	check_ok(promql_range(
	                 x, &o, q->from, q->from + (time_us)(q->steps - 1) * q->step, q->step, a, out, &e),
	        &e);
}

/* Of positive values. */
static bool alike(double a, double b, bool sums)
{
	return double_bits(a) == double_bits(b) || (sums && fabs(a - b) <= 0x1p-51 * fabs(a));
}

static bool compare(const struct promql_result *a, const struct promql_result *b, bool sums)
{
	if (!check_eq_u(a->n, b->n))
		return false;
	for (size_t i = 0; i < a->n; i++) {
		const struct promql_line *x = &a->line[i], *y = &b->line[i];

		if (!check(labels_equal(&x->labels, &y->labels)) || !check_eq_u(x->n, y->n) ||
		        !check_eq_mem(x->t, y->t, x->n * sizeof *x->t))
			return false;
		for (size_t k = 0; k < x->n; k++)
			if (!check(alike(x->v[k], y->v[k], sums)))
				return false;
	}
	return true;
}

TEST(windows_of_the_storage_change_no_answer)
{
	/* The range in minutes goes between the two. */
	static const char *const queries[][2] = {{"max_over_time(m[", "m])"}, {"min_over_time(m[", "m])"},
	        {"count_over_time(m[", "m])"}, {"present_over_time(m[", "m])"}, {"last_over_time(m[", "m])"},
	        {"first_over_time(m[", "m] offset 10m)"}, {"max_over_time(m[", "m] offset -7m)"},
	        {"min_over_time(m[", "m] @ 172800)"}, {"max_over_time(m[", "m] @ end())"},
	        {"sum by (thing) (count_over_time(m[", "m]))"}, {"rate(m[", "m])"},
	        {"max_over_time(max_over_time(m[", "m])[20m:5m])"}, {"sum_over_time(m[", "m])"},
	        {"avg_over_time(m[", "m])"}};
	int opened[3] = {0};

	for (int round = 0; round < 60; round++) {
		struct points *p = points_new(round % 3 == 1   ? ODD_NAN
		                              : round % 3 == 2 ? ODD_FINE
		                                               : ODD_NONE);

		for (size_t q = 0; q < ARRAY_LEN(queries); q++) {
			struct arena *a = arena_new(0);
			struct promql_result plain = {0}, knowing = {0};
			dur_us unit = test_below(3) == 0 ? US_HOUR : test_below(6) == 0 ? US_MINUTE : UNIT;
			int minutes = (int)((1 + (time_us)test_below(30)) * unit / US_MINUTE);
			struct asked ask_for = {
			        .query = arena_printf(a, "%s%d%s", queries[q][0], minutes, queries[q][1]),
			        .from = (time_us)test_below(3 * US_DAY / unit) * unit - UNIT,
			        .step = (1 + (time_us)test_below(20)) * unit,
			        .steps = 1 + test_below(80)};

			if (unit == US_HOUR)
				ask_for.from += UNIT;
			ask(p, false, &ask_for, a, &plain);
			ask(p, true, &ask_for, a, &knowing);
			if (!compare(&plain, &knowing,
			            strstr(ask_for.query, "sum_") || strstr(ask_for.query, "avg_")))
				check_fail("%s from %" PRId64 " step %" PRId64, ask_for.query, ask_for.from,
				        ask_for.step);
			arena_free(&a);
		}
		opened[p->odd] += p->opened;
		free(p);
	}
	/* They were asked for what they can tell. */
	check(opened[ODD_NONE] > 50 && opened[ODD_NAN] > 50 && opened[ODD_FINE] > 50);
}
