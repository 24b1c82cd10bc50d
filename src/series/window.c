/*
 * The bytes of a list (LEB128, signed ones zigzag):
 *
 *   1 byte   bits 0-2 decimal exponent of all numbers, 7: doubles; bits 3-7: there is a column of NaN
 *            counts, of last - first, of the distances of min and max from the lesser and the greater of
 *            first and last, of sum - n * (first + last) / 2. A column that is not there is all zeros
 *   of one window: each column's number, n first; with doubles 8 bytes for first, last, min, max, sum
 *   of more: n of the first window, its first number, length of the bits in bytes, then bits: for each
 *            column 6 bits Rice parameter and the codes of its symbols, to the end of the byte. Numbers
 *            are there for windows with n > 0 only. n is told as its difference from the one before, first
 *            as its distance from the last of the window before; both and the sum zigzag. Of doubles
 *            8 bytes each follow the columns of n and NaN
 *   a code   quotient by 2^parameter in ones, a zero, the rest in as many bits as the parameter says;
 *            from a quotient of 12 on 12 ones, 6 bits length - 1, the symbol
 */
#include "series/window.h"

#include "series/bits.h"
#include "series/bytes.h"
#include "series/decimal.h"

#include <math.h>

#define RAW 7
#define ESCAPE 12
enum { C_NANS, C_LAST, C_MIN, C_MAX, C_SUM, C_FIRST, COLUMNS }; /* the first five have a bit each */
static const int order[] = {C_NANS, C_FIRST, C_LAST, C_MIN, C_MAX, C_SUM}; /* behind n */

/* ---- filling ---- */

static void sum_float(struct window *a, double v)
{
	double s;

	if (a->e >= 0) {
		a->sum = decimal_value(a->x, a->e);
		a->low = 0;
		a->e = -1;
	}
	s = a->sum + v;
	if (isfinite(s))
		a->low += fabs(a->sum) >= fabs(v) ? (a->sum - s) + v : (v - s) + a->sum;
	a->sum = s;
}

/* v is no decimal at the exponent of the sum, or there is none any more. */
static void sum_odd(struct window *a, double v)
{
	static const int64_t pow10[] = {1, 10, 100, 1000, 10000, 100000, 1000000};
	const int64_t most = (int64_t)DECIMAL_LIMIT - 1;
	int64_t x = 0, sum = a->x;
	int e = a->e;

	if (e >= 0 && !decimal_at(v, e, &x)) {
		int finer = decimal_find(v, e + 1, &x);

		if (finer >= 0 && llabs(sum) <= most / pow10[finer - e])
			sum *= pow10[finer - e];
		else
			finer = -1;
		e = finer;
	}
	if (e < 0 || llabs(sum + x) > most) {
		sum_float(a, v);
		return;
	}
	a->x = sum + x;
	a->e = e;
}

static inline void sum_add(struct window *a, double v)
{
	const int64_t most = (int64_t)DECIMAL_LIMIT - 1;
	int64_t x;

	if (LIKELY(a->e >= 0 && decimal_at(v, a->e, &x) && llabs(a->x + x) <= most))
		a->x += x;
	else
		sum_odd(a, v);
}

static inline void add_point(struct window *a, double v)
{
	struct series_window *w = &a->w;

	if (UNLIKELY(isnan(v))) {
		w->nans += bits_of(v) != SERIES_STALE;
		return;
	}
	if (!w->n++)
		w->first = w->min = w->max = v;
	w->min = v < w->min ? v : w->min;
	w->max = v > w->max ? v : w->max;
	w->last = v;
	sum_add(a, v);
}

void window_point(struct window *a, double v)
{
	add_point(a, v);
}

void window_points(struct window *a, const double *v, int n)
{
	struct window b = *a;

	for (int i = 0; i < n; i++)
		add_point(&b, v[i]);
	*a = b;
}

void window_join(struct window *a, const struct series_window *b)
{
	struct series_window *w = &a->w;

	w->nans += b->nans;
	if (!b->n)
		return;
	if (!w->n) {
		w->first = b->first;
		w->min = b->min;
		w->max = b->max;
	}
	w->n += b->n;
	w->min = b->min < w->min ? b->min : w->min;
	w->max = b->max > w->max ? b->max : w->max;
	w->last = b->last;
	sum_add(a, b->sum);
}

void window_done(struct window *a)
{
	double s = a->sum + a->low;

	a->w.sum = a->e >= 0 ? decimal_value(a->x, a->e) : isfinite(s) ? s : a->sum;
}

/* ---- columns ---- */

struct columns {
	int64_t n[WINDOW_LIST_MAX];
	int64_t c[COLUMNS][WINDOW_LIST_MAX]; /* NaN counts of all windows, the rest of those with numbers */
	int full;
};

/* The exponent that all numbers of the list have, or RAW: there is none, or there are no numbers. */
static int exponent_of(const struct series_window *w, int n)
{
	bool numbers = false;
	int e = 0;
	int64_t x;

	for (int pass = 0; pass < 2; pass++) { /* what fitted a coarse exponent may not fit the finer one */
		for (int i = 0; i < n; i++) {
			const double v[] = {w[i].first, w[i].last, w[i].min, w[i].max, w[i].sum};

			for (size_t k = 0; w[i].n && k < ARRAY_LEN(v); k++) {
				int f = decimal_at(v[k], e, &x) ? e
				        : pass                  ? -1
				                                : decimal_find(v[k], e + 1, &x);

				if (f < 0)
					return RAW;
				e = f;
				numbers = true;
			}
		}
	}
	return numbers ? e : RAW;
}

static int64_t integer(double v, int e)
{
	int64_t x = 0;

	must(decimal_at(v, e, &x));
	return x;
}

static int64_t guess_sum(int64_t n, int64_t first, int64_t last)
{
	return wrap_mul(n, wrap_add(first, last)) / 2;
}

static void fold(const struct series_window *w, int n, int e, struct columns *c)
{
	int64_t before = 0;

	c->full = 0;
	for (int i = 0; i < n; i++) {
		int k = c->full;
		int64_t first, last;

		c->n[i] = w[i].n;
		c->c[C_NANS][i] = w[i].nans;
		if (!w[i].n)
			continue;
		c->full++;
		if (e == RAW)
			continue;
		first = integer(w[i].first, e);
		last = integer(w[i].last, e);
		c->c[C_FIRST][k] = first - before;
		c->c[C_LAST][k] = last - first;
		c->c[C_MIN][k] = (first < last ? first : last) - integer(w[i].min, e);
		c->c[C_MAX][k] = integer(w[i].max, e) - (first > last ? first : last);
		c->c[C_SUM][k] = wrap_sub(integer(w[i].sum, e), guess_sum(w[i].n, first, last));
		before = last;
	}
}

static bool unfold(const struct columns *c, int n, int e, struct series_window *w)
{
	int64_t before = 0;

	for (int i = 0, k = 0; i < n; i++) {
		int64_t first, last;

		if (c->n[i] < 0 || c->n[i] > UINT32_MAX || c->c[C_NANS][i] < 0 ||
		        c->c[C_NANS][i] > UINT32_MAX)
			return false;
		w[i].n = (uint32_t)c->n[i];
		w[i].nans = (uint32_t)c->c[C_NANS][i];
		if (!w[i].n || e == RAW)
			continue;
		first = wrap_add(before, c->c[C_FIRST][k]);
		last = wrap_add(first, c->c[C_LAST][k]);
		w[i].first = decimal_value(first, e);
		w[i].last = decimal_value(last, e);
		w[i].min = decimal_value(wrap_sub(first < last ? first : last, c->c[C_MIN][k]), e);
		w[i].max = decimal_value(wrap_add(first > last ? first : last, c->c[C_MAX][k]), e);
		w[i].sum = decimal_value(wrap_add(c->c[C_SUM][k], guess_sum(w[i].n, first, last)), e);
		before = last;
		k++;
	}
	return true;
}

static bool any(const int64_t *x, int n)
{
	for (int i = 0; i < n; i++)
		if (x[i])
			return true;
	return false;
}

static void raw_put(uint8_t **p, const struct series_window *w, int n)
{
	for (int i = 0; i < n; i++) {
		const double v[] = {w[i].first, w[i].last, w[i].min, w[i].max, w[i].sum};

		for (size_t k = 0; w[i].n && k < ARRAY_LEN(v); k++)
			put_u64(p, bits_of(v[k]));
	}
}

static bool raw_get(const uint8_t **p, const uint8_t *end, struct series_window *w, int n)
{
	for (int i = 0; i < n; i++) {
		double *v[] = {&w[i].first, &w[i].last, &w[i].min, &w[i].max, &w[i].sum};

		for (size_t k = 0; w[i].n && k < ARRAY_LEN(v); k++) {
			uint64_t u;

			if (!get_u64(p, end, &u))
				return false;
			*v[k] = double_of(u);
		}
	}
	return true;
}

/* ---- lists ---- */

static bool there(int column, int e, int mask)
{
	return column == C_FIRST ? e != RAW : mask >> column & 1;
}

static int code_bits(uint64_t z, int k)
{
	return z >> k < ESCAPE ? (int)(z >> k) + 1 + k : ESCAPE + 6 + bit_length(z);
}

/* Symbols with the best parameter; the mean tells about where it lies. */
static void codes_put(struct bit_writer *w, const uint64_t *z, int n)
{
	uint64_t sum = 0;
	size_t best_bits = SIZE_MAX;
	int guess, best = 0;

	for (int i = 0; i < n; i++)
		sum += z[i] >> 7; /* of 64 symbols this does not run over */
	guess = bit_length(n ? sum / (uint64_t)n : 0);
	for (int k = guess ? guess + 5 : 0; k <= guess + 7 && k < 56; k++) {
		size_t bits = 0;

		for (int i = 0; i < n; i++)
			bits += (size_t)code_bits(z[i], k);
		if (bits >= best_bits)
			break;
		best_bits = bits;
		best = k;
	}
	put_bits(w, (uint64_t)best, 6);
	for (int i = 0; i < n; i++) {
		uint64_t q = z[i] >> best;

		if (q < ESCAPE) {
			put_bits(w, (UINT64_C(1) << (q + 1)) - 2, (int)q + 1);
			put_wide(w, z[i] & ((UINT64_C(1) << best) - 1), best);
		} else {
			put_bits(w, (UINT64_C(1) << ESCAPE) - 1, ESCAPE);
			put_bits(w, (uint64_t)bit_length(z[i]) - 1, 6);
			put_wide(w, z[i], bit_length(z[i]));
		}
	}
}

static bool codes_get(struct bit_reader *r, uint64_t *z, int n)
{
	int k = (int)get_bits(r, 6);

	for (int i = 0; i < n && r->at <= r->end; i++) {
		int q = __builtin_clzll(~peek(r) | 1);

		if (q < ESCAPE) {
			r->at += (size_t)q + 1;
			z[i] = (uint64_t)q << k | get_wide(r, k);
		} else {
			r->at += ESCAPE;
			z[i] = get_wide(r, (int)get_bits(r, 6) + 1);
		}
	}
	return r->at <= r->end;
}

/* Which numbers of a column there are, and which of them the codes tell: not the very first n and first. */
static void extent(int column, const struct columns *c, int n, int *from, int *to)
{
	*from = column == C_FIRST;
	*to = column == C_NANS ? n : c->full;
}

static void column_put(struct bit_writer *w, int column, const int64_t *x, int from, int to)
{
	uint64_t z[WINDOW_LIST_MAX] = {0};
	bool zig = column == C_FIRST || column == C_LAST || column == C_SUM;

	for (int i = from; i < to; i++)
		z[i - from] = zig ? zigzag(x[i]) : (uint64_t)x[i];
	codes_put(w, z, to - from);
}

static bool column_get(struct bit_reader *r, int column, int64_t *x, int from, int to)
{
	uint64_t z[WINDOW_LIST_MAX] = {0};
	bool zig = column == C_FIRST || column == C_LAST || column == C_SUM;

	if (!codes_get(r, z, to - from))
		return false;
	for (int i = from; i < to; i++)
		x[i] = zig ? unzigzag(z[i - from]) : (int64_t)z[i - from];
	return true;
}

size_t windows_put(const struct series_window *w, int n, uint8_t out[WINDOW_LIST_B], bool *decimal)
{
	uint8_t body[WINDOW_LIST_B], *p = out + 1;
	struct bit_writer bits = {.p = body};
	uint64_t z[WINDOW_LIST_MAX] = {0};
	struct columns c;
	int e = exponent_of(w, n), mask = 0, from, to;

	fold(w, n, e, &c);
	*decimal = e != RAW;
	for (int i = 0; i < C_FIRST; i++)
		if ((i == C_NANS || e != RAW) && any(c.c[i], i == C_NANS ? n : c.full))
			mask |= 1 << i;
	out[0] = (uint8_t)(e | mask << 3);
	put_varint(&p, w->n);
	if (n == 1) {
		for (size_t i = 0; i < ARRAY_LEN(order); i++)
			if (there(order[i], e, mask))
				put_zigzag(&p, c.c[order[i]][0]);
	} else {
		if (e != RAW)
			put_zigzag(&p, c.c[C_FIRST][0]);
		for (int i = 1; i < n; i++)
			z[i - 1] = zigzag(c.n[i] - c.n[i - 1]);
		codes_put(&bits, z, n - 1);
		for (size_t i = 0; i < ARRAY_LEN(order); i++) {
			extent(order[i], &c, n, &from, &to);
			if (there(order[i], e, mask))
				column_put(&bits, order[i], c.c[order[i]], from, to);
		}
		bits.p += bits.n > 0;
		put_varint(&p, (uint64_t)(bits.p - body));
		memcpy(p, body, (size_t)(bits.p - body));
		p += bits.p - body;
	}
	if (e == RAW)
		raw_put(&p, w, n);
	must(p <= out + WINDOW_LIST_B - 8);
	return (size_t)(p - out);
}

static bool one_get(
        const uint8_t **p, const uint8_t *end, int e, int mask, int64_t n, struct series_window *w)
{
	struct columns c = {.n = {n}};

	for (size_t i = 0; i < ARRAY_LEN(order); i++)
		if (there(order[i], e, mask) && !get_zigzag(p, end, &c.c[order[i]][0]))
			return false;
	return unfold(&c, 1, e, w) && (e != RAW || raw_get(p, end, w, 1));
}

static bool bits_get(struct bit_reader *r, int e, int mask, int n, struct columns *c)
{
	uint64_t z[WINDOW_LIST_MAX] = {0};
	int from, to;

	if (!codes_get(r, z, n - 1))
		return false;
	c->full = c->n[0] != 0;
	for (int i = 1; i < n; i++) {
		c->n[i] = wrap_add(c->n[i - 1], unzigzag(z[i - 1]));
		c->full += c->n[i] != 0;
	}
	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		int k = order[i];

		extent(k, c, n, &from, &to);
		if (!there(k, e, mask))
			memset(c->c[k], 0, (size_t)n * sizeof(c->c[k][0]));
		else if (to < from || !column_get(r, k, c->c[k], from, to))
			return false;
	}
	return true;
}

bool windows_get(const uint8_t **p, const uint8_t *end, struct series_window *w, int n)
{
	uint8_t padded[WINDOW_LIST_B + 32];
	struct series_window one = {0};
	struct bit_reader bits;
	struct columns c;
	uint64_t length, first_n;
	int64_t first = 0;
	int e, mask;

	for (int i = 0; w && i < n; i++)
		w[i] = (struct series_window){.end = w[i].end};
	if (*p == end)
		return false;
	e = **p & 7;
	mask = *(*p)++ >> 3;
	if ((e > DECIMAL_EXP_MAX && e != RAW) || !get_varint(p, end, &first_n) || first_n > UINT32_MAX)
		return false;
	if (n == 1)
		return one_get(p, end, e, mask, (int64_t)first_n, w ? w : &one);
	if ((e != RAW && !get_zigzag(p, end, &first)) || !get_varint(p, end, &length) ||
	        length > (size_t)(end - *p) || length > WINDOW_LIST_B)
		return false;
	if (!w) {
		*p += length;
		return e != RAW;
	}
	memcpy(padded, *p, length);
	memset(padded + length, 0, 32);
	*p += length;
	bits = (struct bit_reader){.p = padded, .end = length * 8};
	c.n[0] = (int64_t)first_n;
	c.c[C_FIRST][0] = first;
	return bits_get(&bits, e, mask, n, &c) && unfold(&c, n, e, w) && (e != RAW || raw_get(p, end, w, n));
}
