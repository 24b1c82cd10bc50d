/* Windows: filling, joining, packing. */
#include "series/hours.h"

#include "check.h"

#include <math.h>

static struct series_window of(const double *v, int n)
{
	struct window a = {0};

	for (int i = 0; i < n; i++)
		window_point(&a, v[i]);
	window_done(&a);
	return a.w;
}

TEST(a_window_counts_numbers_and_nan_apart_and_staleness_not_at_all)
{
	uint64_t stale = SERIES_STALE;
	double v[] = {3, NAN, 1.5, 0, 2.25};
	struct series_window w;

	memcpy(&v[3], &stale, sizeof(stale));
	w = of(v, 5);
	check_eq_u(w.n, 3);
	check_eq_u(w.nans, 1);
	check_eq_d(w.first, 3);
	check_eq_d(w.last, 2.25);
	check_eq_d(w.min, 1.5);
	check_eq_d(w.max, 3);
	check_eq_d(w.sum, 6.75);
	w = of(v + 3, 1);
	check(window_empty(&w));
}

/* 0.1 + 0.2 + … as floats depends on the order; as decimals it does not. */
TEST(sums_of_decimals_do_not_depend_on_how_they_are_cut)
{
	double v[500];

	for (int round = 0; round < 200; round++) {
		int n = 1 + (int)(test_random() % 500), places = (int)(test_random() % 4);
		int64_t exact = 0;
		struct window joined = {0};

		for (int i = 0; i < n; i++) {
			int64_t x = (int64_t)(test_random() % 2000001) - 1000000;

			exact += x;
			v[i] = (double)x / pow(10, places);
		}
		for (int at = 0; at < n;) {
			int k = 1 + (int)(test_random() % 60);
			struct series_window w = of(v + at, k < n - at ? k : n - at);

			window_join(&joined, &w);
			at += k;
		}
		window_done(&joined);
		check_eq_d(joined.w.sum, (double)exact / pow(10, places));
		check_eq_d(of(v, n).sum, joined.w.sum);
	}
}

TEST(sums_of_anything_are_as_good_as_they_can_be)
{
	double v[] = {1e16, 1, -1e16, 1.0 / 3}, inf[] = {1, INFINITY, 2}, both[] = {INFINITY, -INFINITY};

	check(fabs(of(v, 4).sum - 4.0 / 3) < 1e-12);
	check(isinf(of(inf, 3).sum));
	check(isnan(of(both, 2).sum));
	v[1] = -0.0;
	check_eq_d(of(v + 1, 1).sum, 0);
}

static struct series_window any_window(int kind)
{
	struct series_window w = {.n = (uint32_t)(test_random() % 40), .nans = test_random() % 9 == 0};
	double v[40];

	for (uint32_t i = 0; i < w.n; i++)
		v[i] = kind == 0   ? 7
		       : kind == 1 ? (double)(test_random() % 5000) / 100
		       : kind == 2 ? (double)test_random() / 7
		                   : (double)((int64_t)test_random() >> test_random() % 60);
	if (w.n) {
		uint32_t nans = w.nans;

		w = of(v, (int)w.n);
		w.nans = nans;
	}
	return w;
}

TEST(lists_come_back_as_they_were)
{
	uint8_t out[WINDOW_LIST_B];

	for (int round = 0; round < 4000; round++) {
		struct series_window w[WINDOW_LIST_MAX] = {0}, back[WINDOW_LIST_MAX] = {0};
		int n = 1 + (int)(test_random() % WINDOW_LIST_MAX), kind = (int)(test_random() % 4);
		const uint8_t *p = out;
		bool decimal;
		size_t len;

		for (int i = 0; i < n; i++)
			w[i] = any_window(kind);
		len = windows_put(w, n, out, &decimal);
		if (!check(windows_get(&p, out + len, back, n)) || !check_eq_u(p - out, len) ||
		        !check_eq_mem(w, back, (size_t)n * sizeof(*w)))
			return;
		for (int i = 0; i < 20; i++) { /* whatever comes of it, it ends */
			out[test_random() % len] ^= (uint8_t)(1 << test_random() % 8);
			p = out;
			(void)windows_get(
			        &p, out + (test_random() % 2 ? len : test_random() % (len + 1)), back, n);
		}
	}
}

TEST(a_row_of_hours_knows_when_it_is_damaged)
{
	uint8_t out[HOURS_MAX_B];
	struct hours h, back;
	size_t len;

	hours_init(&h, hours_start(1752480000 * US_SECOND));
	check(hours_empty(&h));
	for (int i = 3; i < 40; i++) {
		time_us end = h.w[i].end;

		h.w[i] = any_window(1);
		h.w[i].end = end;
	}
	h.w[3].nans = 1;
	h.last = h.w[39].end - 5;
	len = hours_put(9, &h, out);
	check(hours_get(9, h.start, out, len, &back));
	check_eq_mem(&h, &back, sizeof(h));
	check(!hours_get(8, h.start, out, len, &back));
	check(!hours_get(9, h.start + HOURS_SPAN, out, len, &back));
	for (size_t i = 0; i < len; i++) {
		out[i] ^= 16;
		check(!hours_get(9, h.start, out, len, &back));
		out[i] ^= 16;
		check(!hours_get(9, h.start, out, i, &back));
	}
}

TEST(windows_are_open_on_the_left)
{
	check_eq_i(window_end(0, 300), 0);
	check_eq_i(window_end(1, 300), 300);
	check_eq_i(window_end(300, 300), 300);
	check_eq_i(window_end(-1, 300), 0);
	check_eq_i(window_end(-300, 300), -300);
	check_eq_i(window_end(-301, 300), -300);
}
