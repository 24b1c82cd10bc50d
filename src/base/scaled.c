#include "base/scaled.h"

#include "base/wide.h"

#include <math.h>
#include <string.h>

/* Adding and taking it away rounds what is below 2^51 to a whole number. */
#define ROUND 6755399441055744.0

static const double tens[SCALED_PLACES + 1] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6};

static uint64_t bits_of(double v)
{
	uint64_t u;

	memcpy(&u, &v, sizeof(u));
	return u;
}

/* How many of the values, from the first on, come back from that many places; *most grows. In groups, so that
 * nothing waits for the answer to a single one. */
static size_t fitting(const double *v, size_t n, double per, double *most)
{
	enum { GROUP = 16 };

	for (size_t i = 0, end; i < n; i = end) {
		double m = *most;
		uint64_t differ = 0;
		bool within = true;

		end = n - i < GROUP ? n : i + GROUP;
		for (size_t k = i; k < end; k++) {
			double x = (v[k] * per + ROUND) - ROUND, size = fabs(x);

			differ |= bits_of(x / per) ^ bits_of(v[k]);
			within &= size <= INT32_MAX; /* not so of NaN */
			m = size > m ? size : m;
		}
		if (differ != 0 || !within)
			return i;
		*most = m;
	}
	return n;
}

bool scaling_fit(struct scaling *s, const double *v, size_t n)
{
	struct scaling x = *s;

	for (size_t done = 0; (done += fitting(v + done, n - done, tens[x.places], &x.most)) < n;) {
		/* What came back from fewer places does from more: the quotient is the same. */
		x.most *= 10;
		if (x.places++ == SCALED_PLACES || x.most > INT32_MAX)
			return false;
	}
	*s = x;
	return true;
}

int scaling_width(const struct scaling *s)
{
	return s->most <= INT16_MAX ? 2 : 4;
}

double scaling_per(const struct scaling *s)
{
	return tens[s->places];
}

void scaling_put(const struct scaling *s, int width, const double *v, size_t n, void *to)
{
	double per = tens[s->places];
	int16_t *two = to;
	int32_t *four = to;

	for (size_t i = 0; width == 2 && i < n; i++)
		two[i] = (int16_t)((v[i] * per + ROUND) - ROUND);
	for (size_t i = 0; width == 4 && i < n; i++)
		four[i] = (int32_t)((v[i] * per + ROUND) - ROUND);
}

static ALWAYS_INLINE void get(const struct scaled *x, size_t n, size_t stride, double *restrict out)
{
	const int16_t *two = x->p;
	const int32_t *four = x->p;
	double per = x->per;

	for (size_t i = 0; x->width == 2 && i < n; i++)
		out[i] = two[i * stride];
	for (size_t i = 0; x->width == 4 && i < n; i++)
		out[i] = four[i * stride];
	for (size_t i = 0; per != 1 && i < n; i++)
		out[i] /= per;
}

static WIDE void get_wide(const struct scaled *x, size_t n, size_t stride, double *restrict out)
{
	get(x, n, stride, out);
}

void scaled_get(const struct scaled *x, size_t n, size_t stride, double *out)
{
	if (wide_here())
		get_wide(x, n, stride, out);
	else
		get(x, n, stride, out);
}

static ALWAYS_INLINE double find_least(const struct scaled *x, size_t n)
{
	const int16_t *two = x->p;
	const int32_t *four = x->p;
	int16_t least_two = INT16_MAX;
	int32_t least = INT32_MAX;

	for (size_t i = 0; x->width == 2 && i < n; i++)
		least_two = two[i] < least_two ? two[i] : least_two;
	for (size_t i = 0; x->width == 4 && i < n; i++)
		least = four[i] < least ? four[i] : least;
	return (x->width == 2 ? least_two : least) / x->per;
}

static WIDE double find_least_wide(const struct scaled *x, size_t n)
{
	return find_least(x, n);
}

double scaled_least(const struct scaled *x, size_t n)
{
	return wide_here() ? find_least_wide(x, n) : find_least(x, n);
}

static ALWAYS_INLINE double find_greatest(const struct scaled *x, size_t n)
{
	const int16_t *two = x->p;
	const int32_t *four = x->p;
	int16_t greatest_two = INT16_MIN;
	int32_t greatest = INT32_MIN;

	for (size_t i = 0; x->width == 2 && i < n; i++)
		greatest_two = two[i] > greatest_two ? two[i] : greatest_two;
	for (size_t i = 0; x->width == 4 && i < n; i++)
		greatest = four[i] > greatest ? four[i] : greatest;
	return (x->width == 2 ? greatest_two : greatest) / x->per;
}

static WIDE double find_greatest_wide(const struct scaled *x, size_t n)
{
	return find_greatest(x, n);
}

double scaled_greatest(const struct scaled *x, size_t n)
{
	return wide_here() ? find_greatest_wide(x, n) : find_greatest(x, n);
}
