/* Quantiles of sliding windows against sorting each window anew. */
#include "check.h"

#include <math.h>
#include <stdlib.h>

#include "promql/promql_int.h"

#define MOST 3000

/* kind 1: many equal values, zeros of both signs; 2: infinities; 3: NaN. */
static double any_value(int kind)
{
	switch (test_below(20)) {
	case 0: return kind >= 2 ? INFINITY : 0;
	case 1: return kind >= 2 ? -INFINITY : -0.0;
	case 2: return kind >= 3 ? NAN : 1;
	default:
		return kind >= 1 ? (double)test_below(9) - 4
		                 : (double)(int64_t)(test_below(1u << 20) - (1 << 19)) / 1024;
	}
}

static bool same(double a, double b)
{
	return a == b || (isnan(a) && isnan(b));
}

static double mad_anew(const double *v, size_t n)
{
	double copy[MOST], m;

	memcpy(copy, v, n * sizeof *v);
	m = quantile_of(0.5, copy, n);
	for (size_t i = 0; i < n; i++)
		copy[i] = fabs(v[i] - m);
	return quantile_of(0.5, copy, n);
}

TEST(a_window_that_slides_is_as_one_that_stands_alone)
{
	static double v[MOST], copy[MOST];
	struct sorted sorted = {0};

	for (int round = 0; round < 400; round++) {
		struct samples in = {.v = v, .n = 1 + test_below(MOST)};
		size_t length = 1 + test_below(in.n), step = 1 + test_below(test_below(2) ? 4 : length + 9);
		struct window w = {.series = &in, .sorted = &sorted};

		for (size_t i = 0; i < in.n; i++)
			v[i] = any_value(round % 4);
		sorted_begin(&sorted);
		for (size_t end = 1; end <= in.n; end += step * (1 + in.n / 100)) {
			double q = (double)test_below(101) / 100, quantile, mad;

			w.base = end > length ? end - length : 0;
			w.n = end - w.base;
			w.v = v + w.base;
			w.arg[0] = q;
			memcpy(copy, w.v, w.n * sizeof *v);
			quantile = w_quantile(&w);
			mad = w_mad(&w);
			if (!check(same(quantile, quantile_of(q, copy, w.n))) ||
			        !check(same(mad, mad_anew(w.v, w.n)))) {
				check_fail("round %d, %zu values to %zu", round, w.n, end);
				goto out;
			}
		}
	}
out:
	sorted_fini(&sorted);
}

TEST(a_quantile_outside_of_0_and_1_is_infinite)
{
	static const double v[] = {1, 2, 3};
	struct samples in = {.v = v, .n = 3};
	struct sorted sorted = {0};
	struct window w = {.series = &in, .v = v, .n = 3, .sorted = &sorted, .arg = {-0.1}};

	check_eq_d(w_quantile(&w), -INFINITY);
	w.arg[0] = 1.1;
	check_eq_d(w_quantile(&w), INFINITY);
	w.arg[0] = NAN;
	check(isnan(w_quantile(&w)));
	sorted_fini(&sorted);
}
