/*
 * number_exp - powers, exponential and logarithm. They are computed with twice the digits, as the sum of a
 * number and of what is left below it, and rounded once: an error of the last digit would grow with each
 * multiplication.
 */
#include "feel/number_int.h"

/* Beyond, the range of numbers ends. */
#define EXP_MOST 14200
#define EXP_LEAST (-14300)
#define TERMS_MAX 80
#define POWER_MAX 999999999 /* of the standard */

struct wide {
	struct feel_number hi, lo; /* hi is the sum, rounded */
};

static const struct feel_number one = {1, 0, false}, half = {5, -1, false};

static struct feel_number negated(struct feel_number n)
{
	n.negative = !n.negative;
	return n;
}

static bool add2(struct feel_number a, struct feel_number b, struct wide *out)
{
	struct feel_number sum, of_b, rest_a, rest_b;

	if (!feel_number_add(a, b, &sum) || !feel_number_sub(sum, a, &of_b) ||
	        !feel_number_sub(sum, of_b, &rest_a) || !feel_number_sub(a, rest_a, &rest_a) ||
	        !feel_number_sub(b, of_b, &rest_b))
		return false;
	out->hi = sum;
	return feel_number_add(rest_a, rest_b, &out->lo);
}

static bool add(struct wide a, struct wide b, struct wide *out)
{
	struct wide s;
	struct feel_number low;

	return add2(a.hi, b.hi, &s) && feel_number_add(a.lo, b.lo, &low) &&
	       feel_number_add(s.lo, low, &low) && add2(s.hi, low, out);
}

static bool mul(struct wide a, struct wide b, struct wide *out)
{
	struct feel_number hi, rest, x, y;

	return feel__number_mul_rest(a.hi, b.hi, &hi, &rest) && feel_number_mul(a.hi, b.lo, &x) &&
	       feel_number_mul(a.lo, b.hi, &y) && feel_number_add(x, y, &x) && feel_number_add(rest, x, &x) &&
	       add2(hi, x, out);
}

static bool divide(struct wide a, struct wide b, struct wide *out)
{
	struct wide back, left;
	struct feel_number q, more;

	if (!feel_number_div(a.hi, b.hi, &q) || !mul((struct wide){.hi = q}, b, &back))
		return false;
	back = (struct wide){negated(back.hi), negated(back.lo)};
	return add(a, back, &left) && feel_number_div(left.hi, b.hi, &more) && add2(q, more, out);
}

static bool amount_below(struct feel_number n, struct feel_number bound)
{
	n.negative = false;
	return feel_number_cmp(n, bound) < 0;
}

static bool exp_wide(struct wide x, struct wide *out)
{
	struct wide sum = {.hi = one}, term = {.hi = one};
	int halvings = 0;

	if (feel_number_cmp(x.hi, feel_number_int(EXP_MOST)) > 0)
		return false;
	if (feel_number_cmp(x.hi, feel_number_int(EXP_LEAST)) < 0) {
		*out = (struct wide){.hi = {0, 0, false}};
		return true;
	}
	/* exp(x) = exp(x / 2^k)^(2^k), with x / 2^k below 1/1000 for a short series. */
	for (; !amount_below(x.hi, (struct feel_number){1, -3, false}); halvings++)
		if (!mul(x, (struct wide){.hi = half}, &x))
			return false;
	for (int i = 1; i < TERMS_MAX && !amount_below(term.hi, (struct feel_number){1, -75, false}); i++)
		if (!mul(term, x, &term) || !divide(term, (struct wide){.hi = feel_number_int(i)}, &term) ||
		        !add(sum, term, &sum))
			return false;
	while (halvings-- > 0)
		if (!mul(sum, sum, &sum))
			return false;
	*out = sum;
	return true;
}

bool feel_number_exp(struct feel_number a, struct feel_number *out)
{
	struct wide x;

	if (!exp_wide((struct wide){.hi = a}, &x))
		return false;
	*out = feel__number_stripped(x.hi);
	return true;
}

/* ln of a number near 1 by the series of artanh: ln m = 2 artanh((m-1)/(m+1)). */
static bool ln_near_one(struct feel_number m, struct feel_number *out)
{
	struct feel_number p, q, y, y2, term, sum = {0, 0, false}, part;

	if (!feel_number_sub(m, one, &p) || !feel_number_add(m, one, &q) || !feel_number_div(p, q, &y) ||
	        !feel_number_mul(y, y, &y2))
		return false;
	term = y;
	for (int i = 1; i < TERMS_MAX && term.coefficient; i += 2)
		if (!feel_number_div(term, feel_number_int(i), &part) || !feel_number_add(sum, part, &sum) ||
		        !feel_number_mul(term, y2, &term))
			return false;
	return feel_number_add(sum, sum, out);
}

/* ln m for m in [0.3, 3): nearly, by roots that bring m near 1; then ln m = y + ln(m exp(-y)), where what is
 * left lies so near 1 that two terms of its series are enough. */
static bool ln_wide(struct feel_number m, struct wide *out)
{
	struct feel_number root = m, y, square;
	struct wide rest;
	int roots = 0;

	for (;; roots++) { /* a root nearer to 1 would cost the digits that tell it from 1 */
		struct feel_number away;

		if (!feel_number_sub(root, one, &away))
			return false;
		if (amount_below(away, (struct feel_number){1, -1, false}))
			break;
		if (!feel_number_sqrt(root, &root))
			return false;
	}
	if (!ln_near_one(root, &y) || !feel_number_mul(y, feel_number_int(1 << roots), &y) ||
	        !exp_wide((struct wide){.hi = negated(y)}, &rest) ||
	        !mul(rest, (struct wide){.hi = m}, &rest) ||
	        !add(rest, (struct wide){.hi = negated(one)}, &rest) ||
	        !feel_number_mul(rest.hi, rest.hi, &square) || !feel_number_mul(square, half, &square))
		return false;
	return add((struct wide){.hi = y}, rest, &rest) &&
	       add(rest, (struct wide){.hi = negated(square)}, out);
}

static bool ln_of(struct feel_number a, struct wide *out)
{
	static const struct str hi = {"2.302585092994045684017991454684364", 35},
	                        lo = {"2.076011014886287729760333279009676e-34", 39};
	struct wide ln10, of_m;
	struct feel_number m = a;
	int digits = 1;

	if (a.negative || a.coefficient == 0)
		return false;
	/* a = m * 10^k with m in [0.3, 3) */
	for (unsigned __int128 c = a.coefficient; c >= 10; c /= 10)
		digits++;
	m.exponent = -digits;
	if (feel_number_cmp(m, (struct feel_number){3, -1, false}) < 0)
		m.exponent++;
	return ln_wide(m, &of_m) && feel_number_parse(hi, &ln10.hi) && feel_number_parse(lo, &ln10.lo) &&
	       mul(ln10, (struct wide){.hi = feel_number_int((int64_t)a.exponent - m.exponent)}, &ln10) &&
	       add(ln10, of_m, out);
}

bool feel_number_ln(struct feel_number a, struct feel_number *out)
{
	struct wide x;

	if (!ln_of(a, &x))
		return false;
	*out = feel__number_stripped(x.hi);
	return true;
}

static bool whole_power(struct feel_number a, int64_t n, struct feel_number *out)
{
	struct wide result = {.hi = one}, base = {.hi = a};

	/* first: the power itself may be too large to be turned over */
	if (n < 0 && !divide(result, base, &base))
		return false;
	for (uint64_t k = (uint64_t)(n < 0 ? -n : n); k; k >>= 1) {
		if ((k & 1) && !mul(result, base, &result))
			return false;
		if (result.hi.coefficient == 0)
			break;
		if (k > 1 && !mul(base, base, &base))
			return false;
	}
	*out = feel__number_stripped(result.hi);
	return true;
}

bool feel_number_pow(struct feel_number a, struct feel_number b, struct feel_number *out)
{
	struct wide ln;
	int64_t n;

	if (!amount_below(b, feel_number_int(POWER_MAX + 1)))
		return false;
	if (b.coefficient == 0) {
		*out = one;
		return true;
	}
	if (a.coefficient == 0) {
		*out = (struct feel_number){0, 0, false};
		return !b.negative;
	}
	if (feel_number_to_int(b, &n))
		return whole_power(a, n, out);
	if (feel_number_cmp(b, half) == 0)
		return feel_number_sqrt(a, out);
	if (!ln_of(a, &ln) || !mul(ln, (struct wide){.hi = b}, &ln) || !exp_wide(ln, &ln))
		return false;
	*out = feel__number_stripped(ln.hi);
	return true;
}
