/*
 * The bytes of a block (numbers: LEB128, signed ones zigzag; then bits, most significant first):
 *
 *   n - 1          (in blocks of formats 1 and 2 a byte)
 *   flags          bits 0-1 unit of time (0: 1 us, 1: 1 ms, 2: 1 s); bits 2-3 form of the values
 *                  (0 decimal, 1 XOR, 2 one constant); bits 4-6 decimal exponent; bit 7 exceptions
 *   first time     in units
 *   period         in units; time i is first + i * period + residual i
 *   form of the residuals
 *   values         decimal: form of the integers, and with bit 7 the number of exceptions (1 byte)
 *                  and for each its position (there a byte) and 8 bytes; constant: 8 bytes
 *   bits           of the residuals, then of the values; zeros up to the byte
 *
 * The form and the bits of a row of integers: see row.h.
 *
 * All arithmetic wraps, so that any 64-bit times come back, and hostile bytes give garbage or -1,
 * never undefined behaviour.
 */
#include "series/codec.h"

#include "series/bytes.h"
#include "series/decimal.h"
#include "series/row.h"

enum { UNIT_US, UNIT_MS, UNIT_S };
enum { VALUES_DECIMAL, VALUES_XOR, VALUES_CONSTANT };

/* Of n values; more that are no decimals: XOR is shorter. */
#define EXCEPTIONS_MAX (CODEC_POINTS / 16)
static int exceptions_most(int n)
{
	return n > 256 ? n / 16 : 16;
}

static const int64_t unit_us[] = {1, US_MS, US_SECOND};

/* ---- times ---- */

static uint64_t line_range(const int64_t *t, int n, int64_t period)
{
	int64_t min = 0, max = 0, x = 0;

	for (int i = 1; i < n; i++) {
		x = wrap_sub(wrap_sub(t[i], t[0]), wrap_mul(i, period));
		min = x < min ? x : min;
		max = x > max ? x : max;
	}
	return (uint64_t)max - (uint64_t)min;
}

static int64_t round_to(int64_t x, int64_t to)
{
	return (x + to / 2) / to * to;
}

/* Median of five differences taken over the row: what the period is between gaps. */
static int64_t period_usual(const int64_t *t, int n)
{
	int64_t d[5];

	for (int i = 0; i < 5; i++) {
		int at = 1 + i * (n - 2) / 4, j = i;
		int64_t x = wrap_sub(t[at], t[at - 1]);

		for (; j > 0 && d[j - 1] > x; j--)
			d[j] = d[j - 1];
		d[j] = x;
	}
	return d[2];
}

static void residuals(const int64_t *t, int n, int64_t period, int64_t *x)
{
	for (int i = 0; i < n; i++)
		x[i] = wrap_sub(wrap_sub(t[i], t[0]), wrap_mul(i, period));
}

/* x holds n residuals for the period that is returned. */
static int64_t times_choose(const int64_t *t, int n, int64_t *x, struct row *o)
{
	static const int64_t grain[] = {1000, 100, 10, 1};
	uint64_t span = (uint64_t)t[n - 1] - (uint64_t)t[0], best = UINT64_MAX;
	int64_t mean, period = 0, usual;

	if (n == 1 || span > INT64_MAX / 2) {
		residuals(t, n, 0, x);
		row_choose(x, n, o);
		return 0;
	}
	/* A device's period is a round number, whatever jitter makes of the mean. */
	mean = (int64_t)(span / (uint64_t)(n - 1));
	for (size_t i = 0; i < ARRAY_LEN(grain); i++) {
		int64_t p = round_to(mean, grain[i]);
		uint64_t range = i && p == period ? best : line_range(t, n, p);

		if (range < best) {
			best = range;
			period = p;
		}
	}
	residuals(t, n, period, x);
	row_choose(x, n, o);
	if (best > (uint64_t)mean) { /* gaps: measure from the period that holds between them */
		struct row other;
		int64_t y[CODEC_POINTS];

		usual = period_usual(t, n);
		residuals(t, n, usual, y);
		row_choose(y, n, &other);
		if (other.bits < o->bits) {
			*o = other;
			memcpy(x, y, (size_t)n * sizeof(*x));
			period = usual;
		}
	}
	return period;
}

/* ---- values ---- */

struct exceptions {
	int n;
	uint16_t at[EXCEPTIONS_MAX];
	uint64_t bits[EXCEPTIONS_MAX];
};

/* The exponent, or -1. An exception takes its neighbour's integer, so that it costs no bits there. */
static int values_decimal(const double *v, int n, int64_t *x, struct exceptions *ex)
{
	int e = 0, leading = 0, finer;

	ex->n = 0;
	for (int i = 0; i < n; i++) {
		if (LIKELY(decimal_at(v[i], e, &x[i])))
			continue;
		finer = decimal_find(v[i], e + 1, &x[i]);
		if (finer >=
		        0) { /* from the beginning; those before fit the finer exponent, too, if not all */
			e = finer;
			ex->n = 0;
			i = -1;
			continue;
		}
		if (ex->n == exceptions_most(n))
			return -1;
		ex->at[ex->n] = (uint16_t)i;
		ex->bits[ex->n++] = bits_of(v[i]);
		x[i] = i ? x[i - 1] : 0;
	}
	if (ex->n == n)
		return -1;
	while (leading < ex->n && ex->at[leading] == leading)
		leading++;
	for (int i = 0; i < leading; i++)
		x[i] = x[leading];
	return e;
}

/* Leading zeros in 5 bits, length in 6, kept while the next difference fits into the same window. */
static void xor_put(struct bit_writer *w, const double *v, int n)
{
	int lead = 64, width = 0;

	put_wide(w, bits_of(v[0]), 64);
	for (int i = 1; i < n; i++) {
		uint64_t x = bits_of(v[i]) ^ bits_of(v[i - 1]);
		int l, t;

		if (!x) {
			put_bits(w, 0, 1);
			continue;
		}
		l = __builtin_clzll(x);
		t = __builtin_ctzll(x);
		if (l > 31)
			l = 31;
		if (width && l >= lead && t >= 64 - lead - width) {
			put_bits(w, 2, 2);
		} else {
			lead = l;
			width = 64 - l - t;
			put_bits(w, 3, 2);
			put_bits(w, (uint64_t)lead << 6 | (uint64_t)(width - 1), 11);
		}
		put_wide(w, x >> (64 - lead - width), width);
	}
}

static bool xor_get(struct bit_reader *r, double *v, int n)
{
	int lead = 0, width = 0;
	uint64_t u = get_wide(r, 64);

	v[0] = double_of(u);
	for (int i = 1; i < n && r->at <= r->end; i++) {
		if (get_bits(r, 1)) {
			if (get_bits(r, 1)) {
				lead = (int)get_bits(r, 5);
				width = (int)get_bits(r, 6) + 1;
			}
			if (!width || lead + width > 64)
				return false;
			u ^= get_wide(r, width) << (64 - lead - width);
		}
		v[i] = double_of(u);
	}
	return r->at <= r->end;
}

static bool values_constant(const double *v, int n)
{
	for (int i = 1; i < n; i++)
		if (bits_of(v[i]) != bits_of(v[0]))
			return false;
	return true;
}

/* ---- blocks ---- */

static int times_unit(const time_us *t, int n)
{
	int unit = UNIT_S;

	for (int i = 0; i < n; i++)
		while (t[i] % unit_us[unit] != 0)
			unit--;
	return unit;
}

size_t codec_encode(const time_us *t, const double *v, int n, uint8_t out[CODEC_MAX_B])
{
	int64_t scaled[CODEC_POINTS], x[CODEC_POINTS], y[CODEC_POINTS];
	struct row times, values = {0};
	struct exceptions ex = {0};
	uint8_t *p = out;
	struct bit_writer w = {0};
	int unit, form, e = 0;
	int64_t period;

	must(n >= 1 && n <= CODEC_POINTS);
	unit = times_unit(t, n);
	for (int i = 0; i < n; i++)
		scaled[i] = unit == UNIT_S ? t[i] / US_SECOND : unit == UNIT_MS ? t[i] / US_MS : t[i];
	period = times_choose(scaled, n, x, &times);

	e = values_decimal(v, n, y, &ex);
	form = e >= 0 ? VALUES_DECIMAL : values_constant(v, n) ? VALUES_CONSTANT : VALUES_XOR;
	e = e >= 0 ? e : 0;
	if (form == VALUES_DECIMAL)
		row_choose(y, n, &values);
	else
		ex.n = 0;

	put_varint(&p, (uint64_t)n - 1);
	*p++ = (uint8_t)(unit | form << 2 | e << 4 | (ex.n ? 0x80 : 0));
	put_zigzag(&p, scaled[0]);
	put_zigzag(&p, period);
	row_head_put(&p, &times);
	if (form == VALUES_DECIMAL) {
		row_head_put(&p, &values);
		if (ex.n) {
			*p++ = (uint8_t)ex.n;
			for (int i = 0; i < ex.n; i++) {
				put_varint(&p, ex.at[i]);
				put_u64(&p, ex.bits[i]);
			}
		}
	} else if (form == VALUES_CONSTANT) {
		put_u64(&p, bits_of(v[0]));
	}

	w.p = p;
	row_put(&w, &times, x, n);
	if (form == VALUES_DECIMAL)
		row_put(&w, &values, y, n);
	else if (form == VALUES_XOR)
		xor_put(&w, v, n);
	if (w.n)
		w.p++;
	must(w.p <= out + CODEC_MAX_B - 8);
	return (size_t)(w.p - out);
}

static bool count_get(const uint8_t **p, const uint8_t *end, bool bytes, uint64_t *x)
{
	if (!bytes)
		return get_varint(p, end, x);
	if (*p == end)
		return false;
	*x = *(*p)++;
	return true;
}

static bool exceptions_get(const uint8_t **p, const uint8_t *end, bool bytes, int n, struct exceptions *ex)
{
	if (*p == end || **p == 0 || **p > exceptions_most(n))
		return false;
	ex->n = *(*p)++;
	for (int i = 0; i < ex->n; i++) {
		uint64_t at;

		if (!count_get(p, end, bytes, &at) || at >= (uint64_t)n || !get_u64(p, end, &ex->bits[i]))
			return false;
		ex->at[i] = (uint16_t)at;
	}
	return true;
}

static int decode(const uint8_t *data, size_t len, bool bytes, time_us *t, double *v)
{
	uint8_t padded[CODEC_MAX_B + 32];
	int64_t x[CODEC_POINTS], first, period;
	struct row times, values = {0};
	struct exceptions ex = {0};
	struct bit_reader r;
	const uint8_t *p = padded, *end = padded + len;
	int n, unit, form, e;
	uint64_t last;

	if (len < 4 || len > CODEC_MAX_B)
		return -1;
	memcpy(padded, data, len);
	memset(padded + len, 0, 32);

	if (!count_get(&p, end, bytes, &last) || last >= CODEC_POINTS || p == end)
		return -1;
	n = (int)last + 1;
	unit = *p & 3;
	form = *p >> 2 & 3;
	e = *p >> 4 & 7;
	ex.n = *p++ >> 7;
	if (unit > UNIT_S || form > VALUES_CONSTANT || e > DECIMAL_EXP_MAX)
		return -1;
	if (!get_zigzag(&p, end, &first) || !get_zigzag(&p, end, &period) || !row_head_get(&p, end, &times))
		return -1;
	if (form == VALUES_DECIMAL) {
		if (!row_head_get(&p, end, &values) || (ex.n && !exceptions_get(&p, end, bytes, n, &ex)))
			return -1;
	} else if (ex.n || e) {
		return -1;
	} else if (form == VALUES_CONSTANT) {
		uint64_t u;

		if (!get_u64(&p, end, &u))
			return -1;
		for (int i = 0; i < n; i++)
			v[i] = double_of(u);
	}

	r = (struct bit_reader){.p = p, .end = (size_t)(end - p) * 8};
	if (!row_get(&r, &times, x, n))
		return -1;
	for (int i = 0; i < n; i++) {
		/* row_get has filled all n. NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage) */
		t[i] = wrap_mul(wrap_add(wrap_add(first, wrap_mul(i, period)), x[i]), unit_us[unit]);
		if (i && t[i] <= t[i - 1])
			return -1;
	}
	if (form == VALUES_DECIMAL) {
		if (!row_get(&r, &values, x, n))
			return -1;
		for (int i = 0; i < n; i++)
			v[i] = decimal_value(x[i], e);
		for (int i = 0; i < ex.n; i++)
			v[ex.at[i]] = double_of(ex.bits[i]);
	} else if (form == VALUES_XOR && !xor_get(&r, v, n)) {
		return -1;
	}
	/* Exactly these bytes, with zeros up to the end of the last. */
	if (r.end - r.at >= 8 || get_bits(&r, (int)(r.end - r.at)) != 0)
		return -1;
	return n;
}

int codec_decode(const uint8_t *p, size_t n, time_us *t, double *v)
{
	return decode(p, n, false, t, v);
}

int codec_decode_short(const uint8_t *p, size_t n, time_us *t, double *v)
{
	return decode(p, n, true, t, v);
}
