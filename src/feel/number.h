/*
 * number - decimal floating point of 34 significant digits, as DMN's FEEL asks (IEEE 754-2008
 * decimal128, rounding half even). Pure values.
 */
#ifndef HEMING_FEEL_NUMBER_H
#define HEMING_FEEL_NUMBER_H

#include "base/sb.h"

/* sign * coefficient * 10^exponent; coefficient < 10^34; always finite. */
struct feel_number {
	unsigned __int128 coefficient;
	int32_t exponent; /* -6176 … 6111 */
	bool negative;
};

struct feel_number feel_number_int(int64_t v);
struct feel_number feel_number_double(
        double v); /* the shortest decimal that reads back as v; 0 if not finite */
double feel_number_to_double(struct feel_number n);
MUST_USE bool feel_number_to_int(struct feel_number n, int64_t *out); /* false unless integral and in range */
MUST_USE bool feel_number_parse(struct str s, struct feel_number *out);
void feel_number_write(
        struct sb *b, struct feel_number n); /* plain, no exponent for usual sizes, no trailing zeros */
int feel_number_cmp(struct feel_number a, struct feel_number b);
/* False: overflow, division by zero, or a result that has no real value. */
MUST_USE bool feel_number_add(struct feel_number a, struct feel_number b, struct feel_number *out);
MUST_USE bool feel_number_sub(struct feel_number a, struct feel_number b, struct feel_number *out);
MUST_USE bool feel_number_mul(struct feel_number a, struct feel_number b, struct feel_number *out);
MUST_USE bool feel_number_div(struct feel_number a, struct feel_number b, struct feel_number *out);
MUST_USE bool feel_number_pow(struct feel_number a, struct feel_number b, struct feel_number *out);

#endif
