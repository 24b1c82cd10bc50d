/*
 * decimal - doubles that are short decimals, as integers.
 *
 * Sensors report 21.37; that is no binary fraction, but 2137 / 10^2 rounds to the very same double.
 * A value is decimal at exponent e when its integer is smaller than 2^51 and the division gives all
 * 64 bits back, so that -0, NaN and infinities never are.
 */
#ifndef HEMING_SERIES_DECIMAL_H
#define HEMING_SERIES_DECIMAL_H

#include "series/bytes.h"

#define DECIMAL_EXP_MAX 6
#define DECIMAL_LIMIT 2251799813685248.0 /* 2^51: below it adding 1.5 * 2^52 rounds to an integer */

static const double decimal_pow[DECIMAL_EXP_MAX + 1] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6};

static inline double decimal_value(int64_t x, int e)
{
	return (double)x / decimal_pow[e];
}
static inline bool decimal_at(double v, int e, int64_t *x)
{
	const double round = 6755399441055744.0;
	double y = v * decimal_pow[e];

	if (!(y < DECIMAL_LIMIT && y > -DECIMAL_LIMIT))
		return false;
	*x = (int64_t)((y + round) - round);
	return bits_of((double)*x / decimal_pow[e]) == bits_of(v);
}
/* The smallest exponent from `from` on, or -1. */
static inline int decimal_find(double v, int from, int64_t *x)
{
	for (int e = from; e <= DECIMAL_EXP_MAX; e++)
		if (decimal_at(v, e, x))
			return e;
	return -1;
}

#endif
