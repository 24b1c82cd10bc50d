/*
 * number_int - what the built-in functions of FEEL ask of numbers beyond number.h.
 */
#ifndef HEMING_FEEL_NUMBER_INT_H
#define HEMING_FEEL_NUMBER_INT_H

#include "feel/number.h"

enum feel_round {
	FEEL_ROUND_DOWN,
	FEEL_ROUND_UP,
	FEEL_ROUND_FLOOR,
	FEEL_ROUND_CEILING,
	FEEL_ROUND_HALF_UP,
	FEEL_ROUND_HALF_DOWN,
	FEEL_ROUND_HALF_EVEN,
};

bool feel_number_is_integral(struct feel_number n);
/* To `scale` digits after the point (before it, if negative). False: too large. */
MUST_USE bool feel_number_round(
        struct feel_number n, int scale, enum feel_round mode, struct feel_number *out);
/* Correctly rounded. False if negative. */
MUST_USE bool feel_number_sqrt(struct feel_number a, struct feel_number *out);
/* Natural logarithm and its inverse, rounded once. */
MUST_USE bool feel_number_ln(struct feel_number a, struct feel_number *out);
MUST_USE bool feel_number_exp(struct feel_number a, struct feel_number *out);
/* A product, and exactly what rounding took off it. */
MUST_USE bool feel__number_mul_rest(
        struct feel_number a, struct feel_number b, struct feel_number *out, struct feel_number *rest);
struct feel_number feel__number_stripped(struct feel_number n); /* without zeros at its end */

#endif
