/*
 * The bytes of a block (numbers: LEB128, signed ones zigzag; then bits, most significant first):
 *
 *   n - 1          1 byte
 *   flags          bits 0-1 unit of time (0: 1 us, 1: 1 ms, 2: 1 s); bits 2-3 form of the values
 *                  (0 decimal, 1 XOR, 2 one constant); bits 4-6 decimal exponent; bit 7 exceptions
 *   first time     in units
 *   period         in units; time i is first + i * period + residual i
 *   form of the residuals, see below
 *   values         decimal: form of the integers, and with bit 7 the number of exceptions (1 byte)
 *                  and for each its position (1 byte) and 8 bytes; constant: 8 bytes
 *   bits           of the residuals, then of the values; zeros up to the byte
 *
 * A row of integers takes one of five forms, whichever is shortest: all the same; packed in the
 * width of its range (uniform jitter, white noise); Rice-coded distances from a level, differences,
 * or differences of differences. Form: 1 byte (bits 0-2 form, bits 3-7 first Rice parameter), the
 * base, and for the packed form the range.
 *
 * All arithmetic wraps, so that any 64-bit times come back, and hostile bytes give garbage or -1,
 * never undefined behaviour.
 */
#include "series/codec.h"

#include "series/bytes.h"
#include "series/decimal.h"

enum { UNIT_US, UNIT_MS, UNIT_S };
enum { VALUES_DECIMAL, VALUES_XOR, VALUES_CONSTANT };
enum { ROW_SAME, ROW_PACKED, ROW_LEVEL, ROW_DELTA, ROW_DELTA2, ROW_FORMS };

#define ESCAPE 24         /* a Rice quotient from here on is written as length and bits */
#define RICE_FIRST_MAX 31 /* what five bits hold */
#define EXCEPTIONS_MAX 16 /* more values that are no decimals: XOR is shorter */
#define PACKED_MAX 56     /* bits of a packed integer */

static const int64_t unit_us[] = {1, US_MS, US_SECOND};

static int bit_length(uint64_t x)
{
	return x ? 64 - __builtin_clzll(x) : 0;
}

/* ---- bits ---- */

struct writer {
	uint8_t *p;
	uint64_t acc; /* its low n bits wait for a whole byte */
	int n;        /* below 8 between calls */
};

/* v has at most `width` bits, width at most 56. Stores 8 bytes: the room behind p is the caller's care. */
static void put_bits(struct writer *w, uint64_t v, int width)
{
	uint64_t out;

	w->acc = w->acc << width | v;
	w->n += width;
	if (!w->n)
		return;
	out = __builtin_bswap64(w->acc << (64 - w->n));
	memcpy(w->p, &out, sizeof(out));
	w->p += w->n >> 3;
	w->n &= 7;
}

static void put_wide(struct writer *w, uint64_t v, int width)
{
	if (width > 32) {
		put_bits(w, v >> 32, width - 32);
		v &= UINT32_MAX;
		width = 32;
	}
	put_bits(w, v, width);
}

struct reader {
	const uint8_t *p; /* at least 32 zero bytes behind its end */
	size_t at, end;   /* in bits */
};

/* At least 57 valid bits at the top. */
static uint64_t peek(const struct reader *r)
{
	uint64_t x;

	memcpy(&x, r->p + (r->at >> 3), sizeof(x));
	return __builtin_bswap64(x) << (r->at & 7);
}

static uint64_t get_bits(struct reader *r, int width)
{
	uint64_t x;

	if (!width)
		return 0;
	x = peek(r) >> (64 - width);
	r->at += (size_t)width;
	return x;
}

static uint64_t get_wide(struct reader *r, int width)
{
	uint64_t hi = 0;

	if (width > 32) {
		hi = get_bits(r, width - 32);
		width = 32;
	}
	return hi << 32 | get_bits(r, width);
}

/* ---- Rice codes whose parameter follows the mean of what went before ---- */

struct rice {
	uint64_t mean16; /* sixteen times the running mean */
};

static void rice_init(struct rice *s, int k)
{
	s->mean16 = UINT64_C(24) << k;
}

static int rice_k(const struct rice *s)
{
	return bit_length((s->mean16 >> 5) + (s->mean16 >> 8));
}

static void rice_learn(struct rice *s, uint64_t z)
{
	const uint64_t most = UINT64_C(1) << 52; /* keeps the mean from running over */

	s->mean16 += (z < most ? z : most) - (s->mean16 >> 4);
}

static int rice_cost(struct rice *s, uint64_t z)
{
	int k = rice_k(s);
	uint64_t q = z >> k;

	rice_learn(s, z);
	return q < ESCAPE ? (int)q + 1 + k : ESCAPE + 6 + (z ? bit_length(z) : 1);
}

static void rice_put(struct writer *w, struct rice *s, uint64_t z)
{
	int k = rice_k(s);
	uint64_t q = z >> k;

	if (LIKELY(q < ESCAPE)) {
		uint64_t low = z & ((UINT64_C(1) << k) - 1);

		if ((int)q + 1 + k <= 56) {
			put_bits(w, ((UINT64_C(1) << (q + 1)) - 2) << k | low, (int)q + 1 + k);
		} else {
			put_bits(w, (UINT64_C(1) << (q + 1)) - 2, (int)q + 1);
			put_wide(w, low, k);
		}
	} else {
		int len = bit_length(z);

		put_bits(w, (UINT64_C(1) << ESCAPE) - 1, ESCAPE);
		put_bits(w, (uint64_t)len - 1, 6);
		put_wide(w, z, len);
	}
	rice_learn(s, z);
}

static uint64_t rice_get(struct reader *r, struct rice *s)
{
	int k = rice_k(s);
	uint64_t x = peek(r), z;
	int q = __builtin_clzll(~x | 1);

	if (LIKELY(q < ESCAPE && q + 1 + k <= 56)) {
		z = (uint64_t)q << k;
		if (k)
			z |= x << (q + 1) >> (64 - k);
		r->at += (size_t)(q + 1 + k);
	} else if (q < ESCAPE) {
		r->at += (size_t)q + 1;
		z = (uint64_t)q << k | get_wide(r, k);
	} else {
		r->at += ESCAPE;
		z = get_wide(r, (int)get_bits(r, 6) + 1);
	}
	rice_learn(s, z);
	return z;
}

/* ---- a row of integers ---- */

struct row {
	int form, k;
	int64_t base;
	uint64_t range; /* packed: the greatest distance from the base */
	size_t bits;    /* what row_put will write */
};

/* Truncated binary: of range + 1 symbols the first ones take one bit less. */
static void packed_width(uint64_t range, int *width, uint64_t *shorter)
{
	*width = bit_length(range);
	*shorter = (UINT64_C(1) << *width) - range - 1;
}

static uint64_t row_symbol(const struct row *o, const int64_t *x, int i)
{
	switch (o->form) {
	case ROW_LEVEL: return zigzag(wrap_sub(x[i], o->base));
	case ROW_DELTA: return zigzag(wrap_sub(x[i], x[i - 1]));
	default:
		return zigzag(i == 1 ? wrap_sub(x[1], x[0])
		                     : wrap_sub(wrap_sub(x[i], x[i - 1]), wrap_sub(x[i - 1], x[i - 2])));
	}
}

static void row_choose(const int64_t *x, int n, struct row *o)
{
	int64_t min = x[0], max = x[0], level;
	uint64_t range, sum = 0;
	size_t score[ROW_FORMS] = {0}, packed = SIZE_MAX;
	uint64_t first[ROW_FORMS] = {0};
	struct rice s;

	*o = (struct row){.form = ROW_SAME, .base = x[0]};
	for (int i = 1; i < n; i++) {
		min = x[i] < min ? x[i] : min;
		max = x[i] > max ? x[i] : max;
	}
	range = (uint64_t)max - (uint64_t)min;
	if (!range)
		return;

	for (int i = 0; i < n; i++)
		sum += (uint64_t)x[i] - (uint64_t)min; /* may wrap: then the level is merely a poor one */
	level = wrap_add(min, (int64_t)((sum + (uint64_t)n / 2) / (uint64_t)n));

	/* Bit lengths tell the forms apart and are not misled by a few outliers, as sums would be. */
	for (int i = 1; i < n; i++) {
		int64_t d = wrap_sub(x[i], x[i - 1]);
		int64_t before = i > 1 ? wrap_sub(x[i - 1], x[i - 2]) : 0;

		score[ROW_LEVEL] += (size_t)bit_length(zigzag(wrap_sub(x[i], level)));
		score[ROW_DELTA] += (size_t)bit_length(zigzag(d));
		score[ROW_DELTA2] += (size_t)bit_length(zigzag(wrap_sub(d, before)));
	}
	first[ROW_LEVEL] = (uint64_t)bit_length(zigzag(wrap_sub(x[0], level)));
	o->form = ROW_DELTA;
	if (score[ROW_LEVEL] + first[ROW_LEVEL] <= score[ROW_DELTA])
		o->form = ROW_LEVEL;
	if (score[ROW_DELTA2] < score[o->form])
		o->form = ROW_DELTA2;
	o->base = o->form == ROW_LEVEL ? level : x[0];
	o->k = (int)(score[o->form] / (size_t)(n - 1));
	o->k = o->k > 0 ? o->k - 1 : 0;
	if (o->k > RICE_FIRST_MAX)
		o->k = RICE_FIRST_MAX;
	rice_init(&s, o->k);
	for (int i = o->form == ROW_LEVEL ? 0 : 1; i < n; i++)
		o->bits += (size_t)rice_cost(&s, row_symbol(o, x, i));

	if (bit_length(range) <= PACKED_MAX) {
		uint64_t shorter;
		int width;

		packed_width(range, &width, &shorter);
		packed = (size_t)n * (size_t)width;
		if (packed - (size_t)n < o->bits)
			for (int i = 0; i < n; i++)
				packed -= (uint64_t)x[i] - (uint64_t)min < shorter;
	}
	if (packed < o->bits)
		*o = (struct row){.form = ROW_PACKED, .base = min, .range = range, .bits = packed};
}

static void row_head_put(uint8_t **p, const struct row *o)
{
	*(*p)++ = (uint8_t)(o->form | o->k << 3);
	put_zigzag(p, o->base);
	if (o->form == ROW_PACKED)
		put_varint(p, o->range);
}

static bool row_head_get(const uint8_t **p, const uint8_t *end, struct row *o)
{
	if (*p == end)
		return false;
	*o = (struct row){.form = **p & 7, .k = **p >> 3};
	++*p;
	if (o->form >= ROW_FORMS || !get_zigzag(p, end, &o->base))
		return false;
	return o->form != ROW_PACKED ||
	       (get_varint(p, end, &o->range) && o->range > 0 && bit_length(o->range) <= PACKED_MAX);
}

static void row_put(struct writer *w, const struct row *o, const int64_t *x, int n)
{
	struct rice s;
	uint64_t shorter;
	int width;

	if (o->form == ROW_SAME)
		return;
	if (o->form == ROW_PACKED) {
		packed_width(o->range, &width, &shorter);
		for (int i = 0; i < n; i++) {
			uint64_t z = (uint64_t)x[i] - (uint64_t)o->base;

			if (z < shorter)
				put_bits(w, z, width - 1);
			else
				put_bits(w, z + shorter, width);
		}
		return;
	}
	rice_init(&s, o->k);
	for (int i = o->form == ROW_LEVEL ? 0 : 1; i < n; i++)
		rice_put(w, &s, row_symbol(o, x, i));
}

/* False past the end of the bits. A symbol is at most ESCAPE + 6 + 64 bits, and so lies in the padding. */
static bool row_get(struct reader *r, const struct row *o, int64_t *x, int n)
{
	struct rice s;
	uint64_t shorter;
	int64_t d = 0;
	int width;

	switch (o->form) {
	case ROW_SAME:
		for (int i = 0; i < n; i++)
			x[i] = o->base;
		return true;
	case ROW_PACKED:
		packed_width(o->range, &width, &shorter);
		for (int i = 0; i < n && r->at <= r->end; i++) {
			uint64_t z = get_bits(r, width - 1);

			if (z >= shorter)
				z = (z << 1 | get_bits(r, 1)) - shorter;
			x[i] = wrap_add(o->base, (int64_t)z);
		}
		return r->at <= r->end;
	case ROW_LEVEL:
		rice_init(&s, o->k);
		for (int i = 0; i < n && r->at <= r->end; i++)
			x[i] = wrap_add(o->base, unzigzag(rice_get(r, &s)));
		return r->at <= r->end;
	case ROW_DELTA:
		rice_init(&s, o->k);
		x[0] = o->base;
		for (int i = 1; i < n && r->at <= r->end; i++)
			x[i] = wrap_add(x[i - 1], unzigzag(rice_get(r, &s)));
		return r->at <= r->end;
	default:
		rice_init(&s, o->k);
		x[0] = o->base;
		for (int i = 1; i < n && r->at <= r->end; i++) {
			d = wrap_add(d, unzigzag(rice_get(r, &s)));
			x[i] = wrap_add(x[i - 1], d);
		}
		return r->at <= r->end;
	}
}

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
		uint64_t range = line_range(t, n, p);

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
	uint8_t at[EXCEPTIONS_MAX];
	uint64_t bits[EXCEPTIONS_MAX];
};

/* The exponent, or -1. An exception takes its neighbour's integer, so that it costs no bits there. */
static int values_decimal(const double *v, int n, int64_t *x, struct exceptions *ex)
{
	int e = 0, leading = 0;
	int64_t any;

	ex->n = 0;
	for (int i = 0; i < n; i++) {
		int f;

		if (decimal_at(v[i], e, &any))
			continue;
		f = decimal_find(v[i], e + 1, &any);
		if (f >= 0)
			e = f;
		else if (++ex->n > EXCEPTIONS_MAX)
			return -1;
	}
	ex->n = 0;
	for (int i = 0; i < n; i++) {
		if (LIKELY(decimal_at(v[i], e, &x[i])))
			continue;
		if (ex->n == EXCEPTIONS_MAX)
			return -1; /* integers that fitted a smaller exponent do not fit this one */
		ex->at[ex->n] = (uint8_t)i;
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
static void xor_put(struct writer *w, const double *v, int n)
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

static bool xor_get(struct reader *r, double *v, int n)
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
	struct writer w = {0};
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

	*p++ = (uint8_t)(n - 1);
	*p++ = (uint8_t)(unit | form << 2 | e << 4 | (ex.n ? 0x80 : 0));
	put_zigzag(&p, scaled[0]);
	put_zigzag(&p, period);
	row_head_put(&p, &times);
	if (form == VALUES_DECIMAL) {
		row_head_put(&p, &values);
		if (ex.n) {
			*p++ = (uint8_t)ex.n;
			for (int i = 0; i < ex.n; i++) {
				*p++ = ex.at[i];
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

static bool exceptions_get(const uint8_t **p, const uint8_t *end, int n, struct exceptions *ex)
{
	if (*p == end || **p == 0 || **p > EXCEPTIONS_MAX)
		return false;
	ex->n = *(*p)++;
	for (int i = 0; i < ex->n; i++) {
		if (*p == end)
			return false;
		ex->at[i] = *(*p)++;
		if (ex->at[i] >= n || !get_u64(p, end, &ex->bits[i]))
			return false;
	}
	return true;
}

int codec_decode(const uint8_t *data, size_t len, time_us *t, double *v)
{
	uint8_t padded[CODEC_MAX_B + 32];
	int64_t x[CODEC_POINTS], first, period;
	struct row times, values = {0};
	struct exceptions ex = {0};
	struct reader r;
	const uint8_t *p = padded, *end = padded + len;
	int n, unit, form, e;

	if (len < 4 || len > CODEC_MAX_B)
		return -1;
	memcpy(padded, data, len);
	memset(padded + len, 0, 32);

	n = *p++ + 1;
	unit = *p & 3;
	form = *p >> 2 & 3;
	e = *p >> 4 & 7;
	ex.n = *p++ >> 7;
	if (unit > UNIT_S || form > VALUES_CONSTANT || e > DECIMAL_EXP_MAX)
		return -1;
	if (!get_zigzag(&p, end, &first) || !get_zigzag(&p, end, &period) || !row_head_get(&p, end, &times))
		return -1;
	if (form == VALUES_DECIMAL) {
		if (!row_head_get(&p, end, &values) || (ex.n && !exceptions_get(&p, end, n, &ex)))
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

	r = (struct reader){.p = p, .end = (size_t)(end - p) * 8};
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
