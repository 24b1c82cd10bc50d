#include "base/scaled.h"

#include "check.h"

#include <math.h>

static const double tens[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6};

/* Held and read again in all ways. */
static bool comes_back(const struct scaling *s, int width, const double *v, size_t n)
{
	double out[300];
	int32_t room[300];
	const struct scaled x = {room, scaling_per(s), width};
	double least = v[0], greatest = v[0];

	scaling_put(s, width, v, n, room);
	scaled_get(&x, n, 1, out);
	if (!check_eq_mem(out, v, n * sizeof(*v)))
		return false;
	for (size_t i = 0; i < n; i++) {
		least = fmin(least, v[i]);
		greatest = fmax(greatest, v[i]);
		if (!check(scaled_at(&x, i) == v[i]))
			return false;
	}
	for (size_t from = 0; from < n; from += 1 + test_below(n)) {
		const struct scaled rest = scaled_from(x, from);
		size_t stride = 1 + test_below(9), k = (n - from - 1) / stride + 1;

		scaled_get(&rest, k, stride, out);
		for (size_t i = 0; i < k; i++)
			if (!check(out[i] == v[from + i * stride]))
				return false;
	}
	return check(scaled_least(&x, n) == least) && check(scaled_greatest(&x, n) == greatest);
}

TEST(decimals_come_back)
{
	for (int round = 0; round < 20000; round++) {
		double v[300];
		size_t n = 1 + test_below(300), first = 1 + test_below(n);
		int places = (int)test_below(SCALED_PLACES + 1);
		int64_t most = (int64_t)1 << (1 + test_below(31));
		struct scaling s = {0};

		for (size_t i = 0; i < n; i++) {
			int fewer = (int)test_below((uint64_t)places + 1);

			v[i] = (double)((int64_t)test_below((uint64_t)most) - most / 2) /
			       tens[i % 3 ? places : fewer];
			v[i] = v[i] == 0 ? 0 : v[i];
		}
		if (!check(most > INT32_MAX / tens[places] || scaling_fit(&s, v, first)) ||
		        !scaling_fit(&s, v + first, n - first))
			continue;
		s = (struct scaling){0};
		if (!scaling_fit(&s, v, n))
			continue;
		if (!check(s.places <= places) || !comes_back(&s, scaling_width(&s), v, n) ||
		        !comes_back(&s, 4, v, n))
			return;
	}
}

TEST(the_narrowest_that_serves)
{
	static const double two[] = {1, 327.67, -327.67, 0}, four[] = {327.68}, finer[] = {0.001};
	struct scaling s = {0};

	check(scaling_fit(&s, two, 4) && s.places == 2 && scaling_width(&s) == 2);
	check(scaling_fit(&s, four, 1) && s.places == 2 && scaling_width(&s) == 4);
	check(scaling_fit(&s, finer, 1) && s.places == 3 && scaling_width(&s) == 4);
	check(scaling_fit(&s, NULL, 0) && s.places == 3);
}

TEST(what_does_not_come_back_is_refused)
{
	static const double odd[] = {-0.0, NAN, -NAN, INFINITY, -INFINITY, 2147483648.0, -2147483648.0,
	        1.0 / 3, 1e-7, 0.1 + 0.2, 5e-324, 1e300, 21474.83648, 214748.3648001};

	for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++)
		for (size_t n = 1; n < 40; n += 6) {
			double v[40] = {0};
			struct scaling s = {.places = 1, .most = 5};

			v[n / 2] = odd[i];
			if (!check(!scaling_fit(&s, v, n) || odd[i] == 21474.83648))
				check_fail("%g", odd[i]);
			check(s.places == 1 || odd[i] == 21474.83648);
		}
}
