/*
 * scaled - doubles that are short decimals, held as whole numbers of two or four bytes.
 *
 * Sensors report 21.37, and counters count: 2137 / 10^2 rounds to the very same double, and takes a quarter
 * of its memory, which is what a long query waits for. Only where all 64 bits of every value come back: -0,
 * NaN, infinities and numbers of many digits are never held so.
 *
 * Borrows what it is given. Pure; any thread. No errors.
 */
#ifndef HEMING_SCALED_H
#define HEMING_SCALED_H

#include "base/base.h"

#define SCALED_PLACES 6 /* at most, behind the point */

struct scaled {
	const void *p; /* int16_t or int32_t; NULL: there are none */
	double per;    /* value i is p[i] / per */
	int width;     /* bytes of one */
};

/* How values are held; {0} for none so far. */
struct scaling {
	int places;  /* digits behind the point */
	double most; /* the largest whole number, without its sign */
};

/* Makes s serve these values, too; it only grows. False: nothing does, and s is as it was. */
MUST_USE bool scaling_fit(struct scaling *s, const double *v, size_t n);
int scaling_width(const struct scaling *s);
double scaling_per(const struct scaling *s);
/* Values that s serves, at `width` bytes, which may be more than its own. */
void scaling_put(const struct scaling *s, int width, const double *v, size_t n, void *to);

static inline double scaled_whole(const struct scaled *x, size_t i)
{
	return x->width == 2 ? ((const int16_t *)x->p)[i] : ((const int32_t *)x->p)[i];
}
static inline double scaled_at(const struct scaled *x, size_t i)
{
	double whole = scaled_whole(x, i);

	return x->per == 1 ? whole : whole / x->per; /* counters need not wait for a division */
}
static inline struct scaled scaled_from(struct scaled x, size_t i)
{
	x.p = x.p != NULL ? (const char *)x.p + i * (size_t)x.width : NULL;
	return x;
}
/* n values, `stride` apart: x[0], x[stride], … */
void scaled_get(const struct scaled *x, size_t n, size_t stride, double *out);
/* Of n > 0 values that lie side by side. */
double scaled_least(const struct scaled *x, size_t n);
double scaled_greatest(const struct scaled *x, size_t n);

#endif
