#include "feel/number.h"

#include "base/num.h"
#include "feel/number_int.h"

#include <math.h>

/*
 * A result is computed exactly in 256 bits (or with a sticky bit for what lies far below) and rounded
 * once, so that every operation is correctly rounded. 10^77 < 2^256: there is room for the product of
 * two coefficients (68 digits) and for a sum with 36 digits below the last one that counts.
 */
typedef unsigned __int128 u128;

#define DIGITS 34
#define EXP_MIN (-6176)
#define EXP_MAX 6111
#define LOW64 UINT64_C(0xffffffffffffffff)

struct u256 {
	u128 hi, lo;
};

#define E19 UINT64_C(10000000000000000000)
static const uint64_t tens64[] = {UINT64_C(1), UINT64_C(10), UINT64_C(100), UINT64_C(1000), UINT64_C(10000),
        UINT64_C(100000), UINT64_C(1000000), UINT64_C(10000000), UINT64_C(100000000), UINT64_C(1000000000),
        UINT64_C(10000000000), UINT64_C(100000000000), UINT64_C(1000000000000), UINT64_C(10000000000000),
        UINT64_C(100000000000000), UINT64_C(1000000000000000), UINT64_C(10000000000000000),
        UINT64_C(100000000000000000), UINT64_C(1000000000000000000), E19};

/* 10^k for k <= 38. */
static inline u128 ten(int k)
{
	return k <= 19 ? (u128)tens64[k] : (u128)tens64[k - 19] * E19;
}

static int digits128(u128 v)
{
	int bits, n;

	if (v == 0)
		return 1;
	bits = v >> 64 ? 128 - __builtin_clzll((uint64_t)(v >> 64)) : 64 - __builtin_clzll((uint64_t)v);
	n = bits * 1233 / 4096; /* log10 2, from below */
	return n >= 38 ? (v >= ten(38) ? 39 : 38) : n + (v >= ten(n));
}

static struct u256 mul128(u128 a, u128 b)
{
	/* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): it loses a 128 bit value */
	u128 a0 = a & LOW64, a1 = a >> 64, b0 = b & LOW64, b1 = b >> 64;
	u128 low = a0 * b0, mid1 = a1 * b0, mid2 = a0 * b1;
	u128 mid = (low >> 64) + (mid1 & LOW64) + (mid2 & LOW64);

	return (struct u256){
	        a1 * b1 + (mid1 >> 64) + (mid2 >> 64) + (mid >> 64), (mid << 64) | (low & LOW64)};
}

static struct u256 add256(struct u256 a, struct u256 b)
{
	u128 lo = a.lo + b.lo;

	return (struct u256){a.hi + b.hi + (lo < a.lo), lo};
}

static struct u256 sub256(struct u256 a, struct u256 b)
{
	return (struct u256){a.hi - b.hi - (a.lo < b.lo), a.lo - b.lo};
}

static int cmp256(struct u256 a, struct u256 b)
{
	if (a.hi != b.hi)
		return a.hi < b.hi ? -1 : 1;
	return a.lo < b.lo ? -1 : a.lo > b.lo;
}

static bool is_zero256(struct u256 a)
{
	return a.hi == 0 && a.lo == 0;
}

/* Divides in place, gives the remainder. */
static uint64_t div64(struct u256 *a, uint64_t d)
{
	uint64_t limb[4] = {
	        (uint64_t)(a->hi >> 64), (uint64_t)a->hi, (uint64_t)(a->lo >> 64), (uint64_t)a->lo};
	u128 rest = 0;

	for (int i = 0; i < 4; i++) {
		rest = rest << 64 | limb[i];
		limb[i] = (uint64_t)(rest / d);
		rest %= d;
	}
	a->hi = (u128)limb[0] << 64 | limb[1];
	a->lo = (u128)limb[2] << 64 | limb[3];
	return (uint64_t)rest;
}

/* a * 10^k; the caller knows that it fits. */
static struct u256 scale256(struct u256 a, int k)
{
	while (k > 0) {
		int step = k > 19 ? 19 : k;
		struct u256 low = mul128(a.lo, tens64[step]);

		low.hi += a.hi * tens64[step];
		a = low;
		k -= step;
	}
	return a;
}

/* a / 10^k in place; true if anything was cut off. */
static bool shrink256(struct u256 *a, int k)
{
	bool sticky = false;

	if (k > 78) {
		sticky = !is_zero256(*a);
		*a = (struct u256){0, 0};
		return sticky;
	}
	while (k > 0) {
		int step = k > 19 ? 19 : k;

		sticky |= div64(a, tens64[step]) != 0;
		k -= step;
	}
	return sticky;
}

static int digits256(struct u256 a)
{
	int n = 0;

	while (a.hi) {
		(void)div64(&a, E19);
		n += 19;
	}
	return n + digits128(a.lo);
}

/* Rounds half to even into 34 digits and the range of exponents. False: too large. */
static bool finish(bool negative, struct u256 c, int64_t exponent, bool sticky, struct feel_number *out)
{
	int cut = c.hi || c.lo >= ten(DIGITS) ? digits256(c) - DIGITS : 0;

	if (exponent + cut < EXP_MIN)
		cut = EXP_MIN - exponent > 80 ? 80 : (int)(EXP_MIN - exponent);
	if (cut > 0) {
		unsigned last;

		sticky |= shrink256(&c, cut - 1);
		last = (unsigned)div64(&c, 10);
		exponent += cut;
		if (last > 5 || (last == 5 && (sticky || (c.lo & 1))))
			c.lo++;
		if (c.lo == ten(DIGITS)) {
			c.lo = ten(DIGITS - 1);
			exponent++;
		}
	} else if (sticky) {
		/* Callers keep more than 34 digits whenever something lies below them. */
		must(digits128(c.lo) >= DIGITS || c.lo == 0);
	}
	if (c.lo == 0) {
		*out = (struct feel_number){0, 0, false};
		return true;
	}
	if (exponent > EXP_MAX) {
		int64_t pad = exponent - EXP_MAX;

		if (pad > DIGITS - digits128(c.lo))
			return false;
		c.lo *= ten((int)pad);
		exponent = EXP_MAX;
	}
	*out = (struct feel_number){c.lo, (int32_t)exponent, negative};
	return true;
}

struct feel_number feel_number_int(int64_t v)
{
	return (struct feel_number){v < 0 ? (u128)(-(__int128)v) : (u128)v, 0, v < 0};
}

struct feel_number feel_number_double(double v)
{
	char buf[32];
	struct feel_number n = {0, 0, false};
	size_t len;

	if (!isfinite(v))
		return n;
	len = num_format(v, buf);
	if (!feel_number_parse((struct str){buf, len}, &n))
		return (struct feel_number){0, 0, false};
	return n;
}

double feel_number_to_double(struct feel_number n)
{
	struct sb b = SB_INIT;
	double v = 0;

	if (n.coefficient < (u128)1 << 53 && n.exponent >= -19 && n.exponent <= 19) {
		v = (double)(uint64_t)n.coefficient;
		v = n.exponent < 0 ? v / (double)tens64[-n.exponent] : v * (double)tens64[n.exponent];
		return n.negative ? -v : v;
	}
	feel_number_write(&b, n);
	if (!num_double(sb_str(&b), false, &v)) /* beyond a double: the far end of its range */
		v = n.exponent < 0 ? 0 : n.negative ? -HUGE_VAL : HUGE_VAL;
	sb_fini(&b);
	return v;
}

/* Without zeros at the end of the coefficient. */
struct feel_number feel__number_stripped(struct feel_number n)
{
	if (n.coefficient == 0)
		return (struct feel_number){0, 0, false};
	while (n.exponent < EXP_MAX && (n.coefficient & 1) == 0) {
		if (n.coefficient >> 64) {
			u128 q = n.coefficient / 10;

			if (q * 10 != n.coefficient)
				break;
			n.coefficient = q;
		} else {
			uint64_t v = (uint64_t)n.coefficient;

			if (v % 10)
				break;
			n.coefficient = v / 10;
		}
		n.exponent++;
	}
	return n;
}

bool feel_number_to_int(struct feel_number n, int64_t *out)
{
	u128 limit = (u128)INT64_MAX + n.negative, v;

	if (n.exponent < 0)
		n = feel__number_stripped(n);
	if (n.exponent < 0 || n.exponent > 18)
		return false;
	if (n.coefficient > limit)
		return false;
	v = n.coefficient * ten(n.exponent);
	if (v > limit)
		return false;
	*out = n.negative ? (int64_t)(-(__int128)v) : (int64_t)v;
	return true;
}

bool feel_number_is_integral(struct feel_number n)
{
	return n.exponent >= 0 || feel__number_stripped(n).exponent >= 0;
}

bool feel_number_parse(struct str s, struct feel_number *out)
{
	u128 c = 0;
	int64_t exponent = 0;
	int kept = 0, seen = 0;
	unsigned guard = 0;
	bool negative = false, sticky = false, point = false;
	struct u256 wide;
	size_t i = 0;

	if (s.n && (s.p[0] == '-' || s.p[0] == '+'))
		negative = s.p[i++] == '-';
	for (; i < s.n; i++) {
		char ch = s.p[i];

		if (ch == '.' && !point) {
			point = true;
			continue;
		}
		if (ch < '0' || ch > '9')
			break;
		seen++;
		if (kept < DIGITS) {
			c = c * 10 + (unsigned)(ch - '0');
			kept += c != 0;
			exponent -= point;
		} else {
			if (kept++ == DIGITS)
				guard = (unsigned)(ch - '0');
			else
				sticky |= ch != '0';
			exponent += !point;
		}
	}
	if (!seen || (point && s.p[i - 1] == '.'))
		return false;
	if (i < s.n && (s.p[i] == 'e' || s.p[i] == 'E')) {
		int64_t x;

		if (!num_int((struct str){s.p + i + 1, s.n - i - 1}, &x) || x > 100000000 || x < -100000000)
			return false;
		exponent += x;
		i = s.n;
	}
	if (i != s.n)
		return false;
	wide = (struct u256){0, c};
	if (kept > DIGITS) {
		wide = add256(scale256(wide, 2), (struct u256){0, (u128)guard * 10 + sticky});
		exponent -= 2;
	}
	return finish(negative, wide, exponent, false, out);
}

void feel_number_write(struct sb *b, struct feel_number n)
{
	char d[40];
	int len = 0, point;

	if (n.exponent > 0) { /* padded against the largest exponent, which does not bind here */
		n.exponent -= EXP_MAX;
		n = feel__number_stripped(n);
		n.exponent += EXP_MAX;
	} else {
		n = feel__number_stripped(n);
	}
	if (n.coefficient == 0) {
		sb_putc(b, '0');
		return;
	}
	if (n.negative)
		sb_putc(b, '-');
	for (; n.coefficient >> 64; n.coefficient /= 10)
		d[len++] = (char)('0' + (int)(n.coefficient % 10));
	for (uint64_t v = (uint64_t)n.coefficient; v; v /= 10)
		d[len++] = (char)('0' + (int)(v % 10));
	for (int i = 0; i < len / 2; i++) {
		char t = d[i];

		d[i] = d[len - 1 - i];
		d[len - 1 - i] = t;
	}
	point = len + n.exponent; /* digits before the point */
	if (point > 50 || point < -30) {
		sb_putc(b, d[0]);
		if (len > 1) {
			sb_putc(b, '.');
			sb_put(b, d + 1, (size_t)len - 1);
		}
		sb_printf(b, "e%+d", point - 1);
		return;
	}
	if (point <= 0) {
		sb_puts(b, "0.");
		for (int i = point; i < 0; i++)
			sb_putc(b, '0');
		sb_put(b, d, (size_t)len);
		return;
	}
	sb_put(b, d, (size_t)(point < len ? point : len));
	for (int i = len; i < point; i++)
		sb_putc(b, '0');
	if (point < len) {
		sb_putc(b, '.');
		sb_put(b, d + point, (size_t)(len - point));
	}
}

/* Compares the amounts. */
static int cmp_amount(struct feel_number a, struct feel_number b)
{
	int da, db, shift;
	struct u256 x, y;

	if (a.exponent == b.exponent || a.coefficient == 0 || b.coefficient == 0)
		return a.coefficient < b.coefficient ? -1 : a.coefficient > b.coefficient;
	da = digits128(a.coefficient) + a.exponent;
	db = digits128(b.coefficient) + b.exponent;
	if (da != db)
		return da < db ? -1 : 1;
	/* The same magnitude: the exponents are less than 34 apart. */
	x = (struct u256){0, a.coefficient};
	y = (struct u256){0, b.coefficient};
	shift = a.exponent - b.exponent;
	if (shift > 0)
		x = scale256(x, shift);
	else
		y = scale256(y, -shift);
	return cmp256(x, y);
}

int feel_number_cmp(struct feel_number a, struct feel_number b)
{
	int c;

	if (a.coefficient == 0)
		a.negative = false;
	if (b.coefficient == 0)
		b.negative = false;
	if (a.negative != b.negative)
		return a.negative ? -1 : 1;
	c = cmp_amount(a, b);
	return a.negative ? -c : c;
}

bool feel_number_add(struct feel_number a, struct feel_number b, struct feel_number *out)
{
	struct u256 x, y;
	int64_t exponent;
	bool sticky = false;
	int gap, room;

	if (a.coefficient == 0) {
		*out = b;
		return true;
	}
	if (b.coefficient == 0) {
		*out = a;
		return true;
	}
	if (a.exponent < b.exponent) {
		struct feel_number t = a;

		a = b;
		b = t;
	}
	gap = a.exponent - b.exponent;
	if (gap <= 15 && a.coefficient < tens64[18] && b.coefficient < ten(33)) { /* the usual case */
		__int128 s = (__int128)(a.coefficient * tens64[gap]);
		__int128 t = (__int128)b.coefficient;

		s = (a.negative ? -s : s) + (b.negative ? -t : t);
		*out = (struct feel_number){(u128)(s < 0 ? -s : s), s ? b.exponent : 0, s < 0};
		return true;
	}
	room = 70 - digits128(a.coefficient);
	if (gap < room)
		room = gap;
	x = scale256((struct u256){0, a.coefficient}, room);
	y = (struct u256){0, b.coefficient};
	exponent = (int64_t)a.exponent - room;
	if (gap > room)
		sticky = shrink256(&y, gap - room);
	if (a.negative == b.negative)
		return finish(a.negative, add256(x, y), exponent, sticky, out);
	if (cmp256(x, y) >= 0) {
		x = sub256(x, y);
		if (sticky) /* what was cut off y lowers the difference by less than one */
			x = sub256(x, (struct u256){0, 1});
		return finish(a.negative, x, exponent, sticky, out);
	}
	return finish(b.negative, sub256(y, x), exponent, false, out);
}

bool feel_number_sub(struct feel_number a, struct feel_number b, struct feel_number *out)
{
	b.negative = !b.negative;
	return feel_number_add(a, b, out);
}

bool feel_number_mul(struct feel_number a, struct feel_number b, struct feel_number *out)
{
	return finish(a.negative != b.negative, mul128(a.coefficient, b.coefficient),
	        (int64_t)a.exponent + b.exponent, false, out);
}

/* What rounding took off a product; 0 where that lies below all numbers. */
static struct feel_number rest_of(struct u256 whole, int64_t exponent, struct feel_number p)
{
	int64_t cut = p.exponent - exponent;
	struct u256 kept;

	if (p.coefficient == 0 || cut <= 0 || cut > 38 || exponent < EXP_MIN)
		return (struct feel_number){0, 0, false};
	kept = mul128(p.coefficient, ten((int)cut));
	if (cmp256(whole, kept) >= 0)
		return (struct feel_number){sub256(whole, kept).lo, (int32_t)exponent, p.negative};
	return (struct feel_number){sub256(kept, whole).lo, (int32_t)exponent, !p.negative};
}

bool feel__number_mul_rest(
        struct feel_number a, struct feel_number b, struct feel_number *out, struct feel_number *rest)
{
	struct u256 c = mul128(a.coefficient, b.coefficient);
	int64_t exponent = (int64_t)a.exponent + b.exponent;

	if (!finish(a.negative != b.negative, c, exponent, false, out))
		return false;
	*rest = rest_of(c, exponent, *out);
	return true;
}

/* a / d by shift and subtract; the quotient fits 128 bits. */
static u128 div128(struct u256 a, u128 d, bool *rest)
{
	u128 r = a.hi % d, q = 0; /* a.hi < d by the caller's scaling, else the quotient would not fit */

	for (int i = 127; i >= 0; i--) {
		bool carry = r >> 127;

		r = r << 1 | (a.lo >> i & 1);
		q <<= 1;
		if (carry || r >= d) {
			r -= d;
			q |= 1;
		}
	}
	*rest = r != 0;
	return q;
}

bool feel_number_div(struct feel_number a, struct feel_number b, struct feel_number *out)
{
	bool negative = a.negative != b.negative, rest;
	int shift;
	u128 q;

	if (b.coefficient == 0)
		return false;
	if (a.coefficient == 0) {
		*out = (struct feel_number){0, 0, false};
		return true;
	}
	if (a.coefficient % b.coefficient == 0)
		return finish(negative, (struct u256){0, a.coefficient / b.coefficient},
		        (int64_t)a.exponent - b.exponent, false, out);
	/* 36 or 37 digits of quotient, then the sticky bit. */
	shift = 36 + digits128(b.coefficient) - digits128(a.coefficient);
	q = div128(scale256((struct u256){0, a.coefficient}, shift), b.coefficient, &rest);
	if (!finish(negative, (struct u256){0, q}, (int64_t)a.exponent - b.exponent - shift, rest, out))
		return false;
	*out = feel__number_stripped(*out);
	return true;
}

/* floor(sqrt(a)) by Newton from above. */
static u128 isqrt256(struct u256 a)
{
	u128 lo = 0, hi = ((u128)1 << 118);

	while (lo < hi) {
		u128 mid = lo + (hi - lo + 1) / 2;

		if (cmp256(mul128(mid, mid), a) <= 0)
			lo = mid;
		else
			hi = mid - 1;
	}
	return lo;
}

bool feel_number_sqrt(struct feel_number a, struct feel_number *out)
{
	int shift;
	struct u256 c;
	u128 r;

	if (a.coefficient == 0) {
		*out = (struct feel_number){0, 0, false};
		return true;
	}
	if (a.negative)
		return false;
	/* 70 or 71 digits give a root of 35 or 36, and the exponent must be even. */
	shift = 70 - digits128(a.coefficient);
	if ((a.exponent - shift) & 1)
		shift++;
	c = scale256((struct u256){0, a.coefficient}, shift);
	r = isqrt256(c);
	if (!finish(false, (struct u256){0, r}, (a.exponent - shift) / 2, cmp256(mul128(r, r), c) != 0, out))
		return false;
	*out = feel__number_stripped(*out);
	return true;
}

/* A unit in the last place of the rounded amount is added where `mode` asks for it. */
bool feel_number_round(struct feel_number n, int scale, enum feel_round mode, struct feel_number *out)
{
	int64_t cut = -(int64_t)scale - n.exponent; /* digits to take off */
	struct u256 c = {0, n.coefficient};
	unsigned last;
	bool sticky, up = false;

	if (cut <= 0 || n.coefficient == 0) {
		*out = n;
		return true;
	}
	sticky = shrink256(&c, cut > 80 ? 79 : (int)cut - 1);
	last = (unsigned)div64(&c, 10);
	switch (mode) {
	case FEEL_ROUND_DOWN: break;
	case FEEL_ROUND_UP: up = last || sticky; break;
	case FEEL_ROUND_FLOOR: up = n.negative && (last || sticky); break;
	case FEEL_ROUND_CEILING: up = !n.negative && (last || sticky); break;
	case FEEL_ROUND_HALF_UP: up = last >= 5; break;
	case FEEL_ROUND_HALF_DOWN: up = last > 5 || (last == 5 && sticky); break;
	case FEEL_ROUND_HALF_EVEN: up = last > 5 || (last == 5 && (sticky || (c.lo & 1))); break;
	}
	c.lo += up;
	return finish(n.negative, c, -(int64_t)scale, false, out);
}
