#include "base/num.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

bool num_int(struct str s, int64_t *out)
{
	size_t i = 0;
	bool negative = false;
	if (s.n > 0 && (s.p[0] == '-' || s.p[0] == '+')) {
		negative = s.p[0] == '-';
		i = 1;
	}
	if (i == s.n)
		return false;
	int64_t v = 0;
	if (s.n <= 18) { /* nothing can run over */
		for (; i < s.n; i++) {
			if (!is_digit(s.p[i]))
				return false;
			v = v * 10 + (s.p[i] - '0');
		}
		*out = negative ? -v : v;
		return true;
	}
	/* Counted downwards: only the negative side holds INT64_MIN. */
	for (; i < s.n; i++) {
		if (!is_digit(s.p[i]) || __builtin_mul_overflow(v, 10, &v) ||
		        __builtin_sub_overflow(v, s.p[i] - '0', &v))
			return false;
	}
	if (!negative && v == INT64_MIN)
		return false;
	*out = negative ? v : -v;
	return true;
}

/* The powers of ten that a double holds exactly. */
static const double tens[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14,
        1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
#define MANTISSA_EXACT (UINT64_C(1) << 53)

static locale_t c_locale;
static pthread_once_t c_locale_once = PTHREAD_ONCE_INIT;

static void make_c_locale(void)
{
	c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	must(c_locale != (locale_t)0);
}

/* strtod of a text whose form has been checked, whatever the process's locale. */
static double read_slowly(struct str s)
{
	char small[128];
	char *text = s.n < sizeof(small) ? small : xcalloc(s.n + 1, 1);
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	pthread_once(&c_locale_once, make_c_locale);
	double v = strtod_l(text, NULL, c_locale);
	if (text != small)
		free(text);
	return v;
}

static bool is_word(struct str s, const char *lower)
{
	size_t n = strlen(lower);
	if (s.n != n)
		return false;
	for (size_t i = 0; i < n; i++) {
		if ((s.p[i] | 0x20) != lower[i])
			return false;
	}
	return true;
}

static bool read_special(struct str s, double *out)
{
	bool sign = s.n > 0 && (s.p[0] == '-' || s.p[0] == '+');
	if (!sign && is_word(s, "nan")) {
		*out = (double)NAN;
		return true;
	}
	struct str word = sign ? (struct str){s.p + 1, s.n - 1} : s;
	if (!is_word(word, "inf"))
		return false;
	*out = s.p[0] == '-' ? -(double)INFINITY : (double)INFINITY;
	return true;
}

/* Eight bytes, the first in the lowest place. */
static uint64_t load8(const char *p)
{
	uint64_t w;
	memcpy(&w, p, sizeof(w));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	w = __builtin_bswap64(w);
#endif
	return w;
}

/* How many of eight bytes, from the first on, are digits; *value is what these say. */
static size_t digits8(uint64_t w, uint64_t *value)
{
	static const uint64_t high = UINT64_C(0x8080808080808080);
	/* A digit less '0' is below 10. What an addition carries goes into later bytes, behind the first that
	 * is none. */
	uint64_t d = w ^ UINT64_C(0x3030303030303030), none = (d | (d + UINT64_C(0x7676767676767676))) & high;
	size_t n = none != 0 ? (size_t)__builtin_ctzll(none) / 8 : 8;
	if (n == 0)
		return 0;
	d <<= 8 * (8 - n); /* zeros in front */
	/* Neighbours become one number: of bytes, of pairs, of fours. */
	d = (d * 10 + (d >> 8)) & UINT64_C(0x00ff00ff00ff00ff);
	d = (d * 100 + (d >> 16)) & UINT64_C(0x0000ffff0000ffff);
	*value = (d * 10000 + (d >> 32)) & UINT64_C(0xffffffff);
	return n;
}

static const uint64_t whole_tens[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000};

size_t num_digits(const char *p, const char *end, uint64_t *out)
{
	size_t n = 0, got = 8;
	uint64_t v = 0, part = 0;
	while (got == 8 && n < 16 && end - p >= 8) {
		got = digits8(load8(p), &part);
		if (got == 0)
			break;
		v = v * whole_tens[got] + part;
		p += got;
		n += got;
	}
	if (got == 8)
		for (; n < 19 && p < end && is_digit(*p); p++, n++)
			v = v * 10 + (uint64_t)(*p - '0');
	*out = v;
	return n;
}

size_t num_short(const char *p, const char *end, double *out)
{
	const char *from = p;
	bool negative = p < end && *p == '-';
	uint64_t whole, part = 0;
	size_t n, places = 0;
	p += negative;
	n = num_digits(p, end, &whole);
	p += n;
	if (n > 0 && p < end && *p == '.') {
		places = num_digits(p + 1, end, &part);
		p += 1 + places;
		if (places == 0)
			return 0;
	}
	if (n == 0 || n > 15 || places > 15 - n || FLT_EVAL_METHOD != 0)
		return 0;
	double v = (double)whole;
	if (places > 0) {
		must(places < ARRAY_LEN(tens));
		/* Both factors are exact, see num_double(). */
		for (size_t left = places; left > 0; left -= left < 8 ? left : 8)
			whole *= whole_tens[left < 8 ? left : 8];
		v = (double)(whole + part) / tens[places];
	}
	*out = negative ? -v : v;
	return (size_t)(p - from);
}

bool num_double(struct str s, bool special, double *out)
{
	if (num_short(s.p, s.p + s.n, out) == s.n && s.n > 0)
		return true;
	const char *p = s.p, *end = s.p + s.n;
	bool negative = false;
	if (p < end && (*p == '-' || *p == '+'))
		negative = *p++ == '-';

	/* Up to 19 digits fit into 64 bits; more make the fast path impossible, not the number. */
	uint64_t mantissa = 0;
	int digits = 0, scale = 0;
	bool any = false, long_one = false;
	for (; p < end && is_digit(*p); p++) {
		any = true;
		if (digits < 19) {
			mantissa = mantissa * 10 + (uint64_t)(*p - '0');
			digits += mantissa > 0;
		} else {
			long_one = true;
		}
	}
	if (p < end && *p == '.') {
		for (p++; p < end && is_digit(*p); p++) {
			any = true;
			if (digits < 19) {
				mantissa = mantissa * 10 + (uint64_t)(*p - '0');
				digits += mantissa > 0;
				scale--;
			} else {
				long_one = true;
			}
		}
	}
	if (!any)
		return special && read_special(s, out);
	if (p < end && (*p == 'e' || *p == 'E')) {
		bool down = false;
		int exponent = 0;
		p++;
		if (p < end && (*p == '-' || *p == '+'))
			down = *p++ == '-';
		if (p == end)
			return false;
		for (; p < end && is_digit(*p); p++) {
			if (exponent < 100000)
				exponent = exponent * 10 + (*p - '0');
		}
		scale += down ? -exponent : exponent;
	}
	if (p != end)
		return false;

	/*
	 * Clinger's fast path: both factors are exact, so that one IEEE operation rounds once, which
	 * is the correct rounding. Not where the compiler computes in wider registers.
	 */
	if (FLT_EVAL_METHOD == 0 && !long_one && mantissa <= MANTISSA_EXACT && scale >= -22 && scale <= 22) {
		double v = (double)mantissa;
		v = scale < 0 ? v / tens[-scale] : v * tens[scale];
		*out = negative ? -v : v;
		return true;
	}
	double v = read_slowly(s);
	if (isinf(v))
		return false; /* out of range; an infinity is written as one */
	*out = v;
	return true;
}

/* The digits of a positive finite number, value = 0.d1d2d3… * 10^point. */
struct digits {
	char d[20];
	int n, point;
};

static void set_digits(struct digits *g, uint64_t m, int exp10)
{
	char back[20];
	int n = 0;
	/* A reading of five digits comes with a dozen zeros behind them. */
	while (m % 10000 == 0) {
		m /= 10000;
		exp10 += 4;
	}
	while (m % 10 == 0) {
		m /= 10;
		exp10++;
	}
	for (; m > 0; m /= 10)
		back[n++] = (char)('0' + m % 10);
	for (int i = 0; i < n; i++)
		g->d[i] = back[n - 1 - i];
	g->n = n;
	g->point = n + exp10;
}

/*
 * The powers of ten that doubles need, each scaled by a power of two to 128 significant bits and
 * rounded up. Made at first use, exactly, which takes less than a page of constants would.
 */
#define POWER_MIN (-292)
#define POWER_MAX 324
static struct power {
	uint64_t high, low;
} powers[POWER_MAX - POWER_MIN + 1];
static pthread_once_t powers_once = PTHREAD_ONCE_INIT;

/* 1152 bits, least first: room for 10^324, and for 2^1151 / 10^292 to keep more than 128 bits. */
#define LIMBS 36

/* The leading 128 bits, plus one when bits are cut off or the number itself was. */
static struct power leading(const uint32_t x[LIMBS], bool cut)
{
	int top = LIMBS - 1;
	while (x[top] == 0)
		top--;
	uint32_t w[5];
	for (int i = 0; i < 5; i++)
		w[i] = top - i >= 0 ? x[top - i] : 0;
	for (int i = top - 5; i >= 0; i--)
		cut |= x[i] != 0;
	int shift = __builtin_clz(w[0]);
	for (int i = 0; i < 4; i++)
		w[i] = (uint32_t)(((uint64_t)w[i] << 32 | w[i + 1]) >> (32 - shift));
	cut |= (uint32_t)((uint64_t)w[4] << shift) != 0;
	struct power g = {(uint64_t)w[0] << 32 | w[1], (uint64_t)w[2] << 32 | w[3]};
	if (cut && ++g.low == 0)
		g.high++;
	return g;
}

static void make_powers(void)
{
	uint32_t x[LIMBS] = {1};
	for (int k = 0; k <= POWER_MAX; k++) {
		powers[k - POWER_MIN] = leading(x, false);
		uint64_t carry = 0;
		for (int i = 0; i < LIMBS; i++) {
			carry += (uint64_t)x[i] * 10;
			x[i] = (uint32_t)carry;
			carry >>= 32;
		}
	}
	/* Dividing a rounded-down quotient again and rounding down gives the rounded-down whole. */
	memset(x, 0, sizeof(x));
	x[LIMBS - 1] = UINT32_C(1) << 31;
	for (int k = -1; k >= POWER_MIN; k--) {
		uint64_t rest = 0;
		for (int i = LIMBS - 1; i >= 0; i--) {
			rest = rest << 32 | x[i];
			x[i] = (uint32_t)(rest / 10);
			rest %= 10;
		}
		powers[k - POWER_MIN] = leading(x, true);
	}
}

/* The high 64 bits of g * c / 2^64, with the last bit set if anything was cut off ("round to odd"). */
static uint64_t scale_odd(struct power g, uint64_t c)
{
	__extension__ typedef unsigned __int128 u128;
	u128 low = (u128)g.low * c, all = (u128)g.high * c + (uint64_t)(low >> 64);
	return (uint64_t)(all >> 64) | ((uint64_t)all > 1);
}

/*
 * The shortest decimal within the rounding interval of v, and of those the nearest to v: Schubfach
 * (R. Giulietti, "The Schubfach way to render doubles", 2020). v is positive and finite.
 */
static void shortest_digits(double v, struct digits *g)
{
	uint64_t bits;
	memcpy(&bits, &v, sizeof(bits));
	uint64_t fraction = bits & (MANTISSA_EXACT / 2 - 1);
	int biased = (int)(bits >> 52);
	uint64_t c = biased > 0 ? fraction | MANTISSA_EXACT / 2 : fraction;
	int q = biased > 0 ? biased - 1075 : -1074; /* v = c * 2^q */
	if (q <= 0 && q > -53 && (c & ((UINT64_C(1) << -q) - 1)) == 0) {
		set_digits(g, c >> -q, 0); /* a whole number below 2^53 */
		return;
	}
	/* The gap below a power of two is half the gap above it. */
	bool narrow = fraction == 0 && biased > 1;
	/* Fixed point for floor(log10(2^q)), or of 3/4 * 2^q; shifts of negative numbers round down. */
	int k = (q * 1262611 - (narrow ? 524031 : 0)) >> 22;
	int h = q + (-k * 1741647 >> 19) + 1;
	pthread_once(&powers_once, make_powers);
	struct power p = powers[-k - POWER_MIN];

	/* v and the ends of its interval, in quarters of 10^k; the ends count only for an even c. */
	uint64_t low = scale_odd(p, (4 * c - 2 + narrow) << h) + (c & 1);
	uint64_t at = scale_odd(p, 4 * c << h);
	uint64_t high = scale_odd(p, (4 * c + 2) << h) - (c & 1);
	uint64_t s = at / 4;
	if (s >= 10) {
		uint64_t tenth = s / 10;
		bool down = low <= 40 * tenth, up = 40 * tenth + 40 <= high;
		if (down != up) {
			set_digits(g, tenth + up, k + 1);
			return;
		}
	}
	bool down = low <= 4 * s, up = 4 * s + 4 <= high;
	if (down == up)
		up = at > 4 * s + 2 || (at == 4 * s + 2 && (s & 1));
	set_digits(g, s + up, k);
}

/*
 * Most readings have few digits: a decimal of at most 15 that reads as v is the only one so short, and is
 * looked for first. 0: v is none with three places below 10^9.
 */
static size_t put_short(double v, char *to)
{
	char *at = to, *p;
	if (!(v >= 0.001 && v < 1e9))
		return 0;
	int64_t thousandths = (int64_t)(v * 1000 + 0.5);
	if ((double)thousandths / 1000 != v)
		return 0;
	uint32_t whole = (uint32_t)(thousandths / 1000), rest = (uint32_t)(thousandths % 1000);
	at++;
	for (size_t n = 1; n < ARRAY_LEN(whole_tens) && whole >= whole_tens[n]; n++)
		at++;
	p = at;
	for (; whole >= 10; whole /= 10)
		*--p = (char)('0' + whole % 10);
	*--p = (char)('0' + whole);
	if (rest > 0) {
		*at++ = '.';
		*at++ = (char)('0' + rest / 100);
		rest %= 100;
		if (rest > 0)
			*at++ = (char)('0' + rest / 10);
		if (rest % 10 > 0)
			*at++ = (char)('0' + rest % 10);
	}
	return (size_t)(at - to);
}

static char *put_plain(const struct digits *g, char *p)
{
	if (g->point <= 0) {
		*p++ = '0';
		*p++ = '.';
		for (int i = g->point; i < 0; i++)
			*p++ = '0';
		return mempcpy(p, g->d, (size_t)g->n);
	}
	for (int i = 0; i < g->point || i < g->n; i++) {
		if (i == g->point)
			*p++ = '.';
		*p++ = i < g->n ? g->d[i] : '0';
	}
	return p;
}

/* As Go writes it: at least two digits of exponent, always with a sign. */
static char *put_exponent(const struct digits *g, char *p)
{
	int exponent = g->point - 1;
	*p++ = g->d[0];
	if (g->n > 1) {
		*p++ = '.';
		p = mempcpy(p, g->d + 1, (size_t)g->n - 1);
	}
	*p++ = 'e';
	*p++ = exponent < 0 ? '-' : '+';
	exponent = exponent < 0 ? -exponent : exponent;
	if (exponent >= 100)
		*p++ = (char)('0' + exponent / 100);
	*p++ = (char)('0' + exponent / 10 % 10);
	*p++ = (char)('0' + exponent % 10);
	return p;
}

static size_t format(double v, char *buf, bool plain)
{
	char *p = buf;
	if (isnan(v))
		p = mempcpy(p, "NaN", 3);
	else if (isinf(v))
		p = mempcpy(p, v < 0 ? "-Inf" : "+Inf", 4);
	if (p > buf) {
		*p = '\0';
		return (size_t)(p - buf);
	}
	if (signbit(v)) {
		*p++ = '-';
		v = -v;
	}
	if (v == 0) {
		*p++ = '0';
		*p = '\0';
		return (size_t)(p - buf);
	}
	size_t n = put_short(v, p);
	if (n > 0) {
		p[n] = '\0';
		return (size_t)(p - buf) + n;
	}
	struct digits g = {0};
	shortest_digits(v, &g);
	p = plain || (v >= 1e-6 && v < 1e21) ? put_plain(&g, p) : put_exponent(&g, p);
	*p = '\0';
	return (size_t)(p - buf);
}

size_t num_format(double v, char *buf)
{
	return format(v, buf, false);
}

size_t num_format_plain(double v, char *buf)
{
	return format(v, buf, true);
}

bool num_size(struct str s, int64_t *bytes)
{
	static const struct {
		const char *name;
		int64_t factor;
	} units[] = {
	        {"", 1},
	        {"B", 1},
	        {"kB", 1000},
	        {"KB", 1000},
	        {"MB", 1000 * 1000},
	        {"GB", 1000 * 1000 * 1000},
	        {"TB", INT64_C(1000) * 1000 * 1000 * 1000},
	        {"KiB", INT64_C(1) << 10},
	        {"MiB", INT64_C(1) << 20},
	        {"GiB", INT64_C(1) << 30},
	        {"TiB", INT64_C(1) << 40},
	};
	size_t n = 0;
	int64_t v;
	while (n < s.n && is_digit(s.p[n]))
		n++;
	if (!num_int((struct str){s.p, n}, &v))
		return false;
	struct str unit = {s.p + n, s.n - n};
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		if (str_is(unit, units[i].name))
			return !__builtin_mul_overflow(v, units[i].factor, bytes);
	}
	return false;
}
