#include "series/row.h"

#include "series/bytes.h"

enum { ROW_SAME, ROW_PACKED, ROW_LEVEL, ROW_DELTA, ROW_DELTA2, ROW_TABLE, ROW_RUNS, ROW_FORMS };

#define ESCAPE 24         /* a Rice quotient from here on is written as length and bits */
#define RICE_FIRST_MAX 31 /* what five bits hold */
#define TABLE_BITS 8      /* of the longest code of a table: once in 256 integers is rare enough */
#define LONG_ROW 256      /* of one so long … */
#define LOOK_AT 16        /* … so many … */
#define LOOK_OF 64        /* … of so many are looked at to choose a form */
#define PACKED_MAX 56     /* bits of a packed integer */

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

static void rice_put(struct bit_writer *w, struct rice *s, uint64_t z)
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

static uint64_t rice_get(struct bit_reader *r, struct rice *s)
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

/* ---- the row ---- */

/* Truncated binary: of range + 1 symbols the first ones take one bit less. */
static void packed_width(uint64_t range, int *width, uint64_t *shorter)
{
	*width = bit_length(range);
	*shorter = (UINT64_C(1) << *width) - range - 1;
}

/* What the forms of codes write of the integers, from the first symbol on; returns how many symbols. */
static int row_symbols(const struct row *o, const int64_t *x, int n, uint64_t *z)
{
	switch (o->form == ROW_TABLE ? o->k : o->form) {
	case ROW_LEVEL:
		for (int i = 0; i < n; i++)
			z[i] = zigzag(wrap_sub(x[i], o->base));
		return n;
	case ROW_DELTA:
		for (int i = 1; i < n; i++)
			z[i - 1] = zigzag(wrap_sub(x[i], x[i - 1]));
		return n - 1;
	default:
		z[0] = zigzag(wrap_sub(x[1], x[0]));
		for (int i = 2; i < n; i++)
			z[i - 1] = zigzag(wrap_sub(wrap_sub(x[i], x[i - 1]), wrap_sub(x[i - 1], x[i - 2])));
		return n - 1;
	}
}

/* Code lengths for how often each symbol comes, none above TABLE_BITS. */
static void table_lengths(const int *count, int symbols, uint8_t *len)
{
	int weight[2 * ROW_TABLE_SYMBOLS], parent[2 * ROW_TABLE_SYMBOLS], floor = 1, longest;

	do {
		bool open[2 * ROW_TABLE_SYMBOLS] = {false};
		int nodes = symbols;

		for (int i = 0; i < symbols; i++) {
			weight[i] = count[i] && count[i] < floor ? floor : count[i];
			open[i] = count[i] > 0;
			parent[i] = -1;
		}
		for (;;) {
			int a = -1, b = -1; /* the lightest, and the next */

			for (int i = 0; i < nodes; i++) {
				if (!open[i])
					continue;
				if (a < 0 || weight[i] < weight[a]) {
					b = a;
					a = i;
				} else if (b < 0 || weight[i] < weight[b]) {
					b = i;
				}
			}
			if (b < 0)
				break;
			weight[nodes] = weight[a] + weight[b];
			open[a] = open[b] = false;
			open[nodes] = true;
			parent[nodes] = -1;
			parent[a] = parent[b] = nodes++;
		}
		longest = 0;
		for (int i = 0; i < symbols; i++) {
			int n = 0;

			for (int k = parent[i]; count[i] && k >= 0; k = parent[k])
				n++;
			len[i] = (uint8_t)(count[i] && !n ? 1 : n); /* a single symbol has a code too */
			longest = n > longest ? n : longest;
		}
		floor *= 2;
	} while (longest > TABLE_BITS);
}

/* First codes by length, as canonical codes have them. False: these lengths make no code. */
static bool table_codes(const uint8_t *len, int symbols, uint16_t *code)
{
	unsigned next = 0;

	for (int n = 1; n <= TABLE_BITS; n++) {
		next <<= 1;
		for (int i = 0; i < symbols; i++)
			if (len[i] == n)
				code[i] = (uint16_t)next++;
		if (next > 1u << n)
			return false;
	}
	return true;
}

/* Takes the place of *o, which is a form of Rice codes, if it is shorter. */
static void table_choose(const uint64_t *z, int n, struct row *o)
{
	struct row t = *o;
	int count[ROW_TABLE_SYMBOLS] = {0};

	t.form = ROW_TABLE;
	t.k = o->form;
	t.range = 0;
	for (int i = 0; i < n; i++) {
		if (z[i] >= ROW_TABLE_SYMBOLS)
			return;
		count[z[i]]++;
		t.range = z[i] > t.range ? z[i] : t.range;
	}
	table_lengths(count, (int)t.range + 1, t.len);
	t.bits = 6 + 4 * ((size_t)t.range + 1);
	for (uint64_t s = 0; s <= t.range; s++)
		t.bits += (size_t)count[s] * t.len[s];
	if (t.bits < o->bits)
		*o = t;
}

/*
 * Runs of equal integers: the length of each, and unless it is the last how far away the next one is, less
 * one as that is never 0. Writes them, or with w NULL counts their bits.
 */
static size_t runs_each(const struct row *o, const int64_t *x, int n, struct bit_writer *w)
{
	struct rice length, step;
	size_t bits = 0;

	rice_init(&length, o->k);
	rice_init(&step, 0);
	for (int i = 1; i < n;) {
		uint64_t run = 0;

		for (; i < n && x[i] == x[i - 1]; i++)
			run++;
		if (w)
			rice_put(w, &length, run);
		else
			bits += (size_t)rice_cost(&length, run);
		if (i == n)
			break;
		if (w)
			rice_put(w, &step, zigzag(wrap_sub(x[i], x[i - 1])) - 1);
		else
			bits += (size_t)rice_cost(&step, zigzag(wrap_sub(x[i], x[i - 1])) - 1);
		i++;
	}
	return bits;
}

static void runs_choose(const int64_t *x, int n, struct row *o)
{
	struct row r = {.form = ROW_RUNS, .base = x[0]};
	int runs = 0;

	for (int i = 1; i < n; i++)
		runs += x[i] != x[i - 1];
	if (runs * 2 > n)
		return;
	r.k = bit_length((uint64_t)(n / (runs + 1))) - 1;
	r.bits = runs_each(&r, x, n, NULL);
	if (r.bits < o->bits)
		*o = r;
}

static bool runs_get(struct bit_reader *r, const struct row *o, int64_t *x, int n)
{
	struct rice length, step;

	rice_init(&length, o->k);
	rice_init(&step, 0);
	x[0] = o->base;
	for (int i = 1; i < n;) {
		uint64_t run = rice_get(r, &length);

		if (run > (uint64_t)(n - i) || r->at > r->end)
			return false;
		for (; run > 0; run--, i++)
			x[i] = x[i - 1];
		if (i == n)
			break;
		x[i] = wrap_add(x[i - 1], unzigzag(rice_get(r, &step) + 1));
		i++;
	}
	return r->at <= r->end;
}

static void table_put(struct bit_writer *w, const struct row *o, const uint64_t *z, int n)
{
	uint16_t code[ROW_TABLE_SYMBOLS] = {0};

	must(table_codes(o->len, (int)o->range + 1, code));
	put_bits(w, o->range, 6);
	for (uint64_t s = 0; s <= o->range; s++)
		put_bits(w, o->len[s], 4);
	for (int i = 0; i < n; i++) /* all n are there. NOLINTNEXTLINE(clang-analyzer-core.*) */
		put_bits(w, code[z[i]], o->len[z[i]]);
}

static bool table_get(struct bit_reader *r, const struct row *o, int64_t *x, int n)
{
	uint16_t at[1 << TABLE_BITS] = {
	        0}; /* 256 * symbol + length of its code; 0: no code begins like that */
	uint16_t code[ROW_TABLE_SYMBOLS] = {0};
	uint8_t len[ROW_TABLE_SYMBOLS] = {0};
	int symbols = (int)get_bits(r, 6) + 1;
	int64_t before = o->base;

	for (int i = 0; i < symbols; i++) {
		len[i] = (uint8_t)get_bits(r, 4);
		if (len[i] > TABLE_BITS)
			return false;
	}
	if (r->at > r->end || !table_codes(len, symbols, code))
		return false;
	for (int i = 0; i < symbols; i++) {
		unsigned from = (unsigned)code[i] << (TABLE_BITS - len[i]), all = 1u << (TABLE_BITS - len[i]);

		for (unsigned k = 0; len[i] && k < all; k++)
			at[from + k] = (uint16_t)(i << 8 | len[i]);
	}
	if (o->k == ROW_DELTA)
		x[0] = o->base;
	for (int i = o->k == ROW_LEVEL ? 0 : 1; i < n && r->at <= r->end; i++) {
		uint16_t hit = at[peek(r) >> (64 - TABLE_BITS)];

		if (!hit)
			return false;
		r->at += hit & 0xff;
		x[i] = wrap_add(before, unzigzag(hit >> 8));
		if (o->k == ROW_DELTA)
			before = x[i];
	}
	return r->at <= r->end;
}

void row_choose(const int64_t *x, int n, struct row *o)
{
	int64_t min = x[0], max = x[0], level;
	uint64_t range, sum = 0;
	size_t score[ROW_FORMS] = {0}, packed = SIZE_MAX, looked = 0;
	uint64_t first[ROW_FORMS] = {0}, z[ROW_MOST];
	int symbols;
	struct rice s;

	must(n >= 1 && n <= ROW_MOST);
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

	/* Bit lengths tell the forms apart and are not misled by a few outliers, as sums would be; some of a
	 * long row do it. */
	for (int i = 1; i < n; i += n >= LONG_ROW && i % LOOK_OF == LOOK_AT ? LOOK_OF - LOOK_AT + 1 : 1) {
		int64_t d = wrap_sub(x[i], x[i - 1]);
		int64_t before = i > 1 ? wrap_sub(x[i - 1], x[i - 2]) : 0;

		score[ROW_LEVEL] += (size_t)bit_length(zigzag(wrap_sub(x[i], level)));
		score[ROW_DELTA] += (size_t)bit_length(zigzag(d));
		score[ROW_DELTA2] += (size_t)bit_length(zigzag(wrap_sub(d, before)));
		looked++;
	}
	first[ROW_LEVEL] = (uint64_t)bit_length(zigzag(wrap_sub(x[0], level)));
	o->form = ROW_DELTA;
	if (score[ROW_LEVEL] + first[ROW_LEVEL] <= score[ROW_DELTA])
		o->form = ROW_LEVEL;
	if (score[ROW_DELTA2] < score[o->form])
		o->form = ROW_DELTA2;
	o->base = o->form == ROW_LEVEL ? level : x[0];
	o->k = (int)(score[o->form] / looked);
	o->k = o->k > 0 ? o->k - 1 : 0;
	if (o->k > RICE_FIRST_MAX)
		o->k = RICE_FIRST_MAX;
	rice_init(&s, o->k);
	symbols = row_symbols(o, x, n, z);
	for (int i = 0; i < symbols; i++)
		o->bits += (size_t)rice_cost(&s, z[i]);

	if (bit_length(range) <= PACKED_MAX) {
		uint64_t shorter;
		int width;

		packed_width(range, &width, &shorter);
		packed = (size_t)n * (size_t)width;
		if (packed - (size_t)n < o->bits)
			for (int i = 0; i < n; i++)
				packed -= (uint64_t)x[i] - (uint64_t)min < shorter;
	}
	if (o->form != ROW_DELTA2)
		table_choose(z, symbols, o);
	runs_choose(x, n, o);
	if (packed < o->bits)
		*o = (struct row){.form = ROW_PACKED, .base = min, .range = range, .bits = packed};
}

void row_head_put(uint8_t **p, const struct row *o)
{
	*(*p)++ = (uint8_t)(o->form | o->k << 3);
	put_zigzag(p, o->base);
	if (o->form == ROW_PACKED)
		put_varint(p, o->range);
}

bool row_head_get(const uint8_t **p, const uint8_t *end, struct row *o)
{
	if (*p == end)
		return false;
	*o = (struct row){.form = **p & 7, .k = **p >> 3};
	++*p;
	if (o->form >= ROW_FORMS || !get_zigzag(p, end, &o->base))
		return false;
	if (o->form == ROW_TABLE)
		return o->k == ROW_LEVEL || o->k == ROW_DELTA;
	return o->form != ROW_PACKED ||
	       (get_varint(p, end, &o->range) && o->range > 0 && bit_length(o->range) <= PACKED_MAX);
}

void row_put(struct bit_writer *w, const struct row *o, const int64_t *x, int n)
{
	uint64_t shorter, z[ROW_MOST];
	struct rice s;
	int width, symbols;

	if (o->form == ROW_SAME)
		return;
	if (o->form == ROW_PACKED) {
		packed_width(o->range, &width, &shorter);
		for (int i = 0; i < n; i++) {
			uint64_t d = (uint64_t)x[i] - (uint64_t)o->base;

			bool longer = d >= shorter;

			put_bits(w, d + (longer ? shorter : 0), width - 1 + longer);
		}
		return;
	}
	if (o->form == ROW_RUNS) {
		(void)runs_each(o, x, n, w);
		return;
	}
	symbols = row_symbols(o, x, n, z);
	if (o->form == ROW_TABLE) {
		table_put(w, o, z, symbols);
		return;
	}
	rice_init(&s, o->k);
	for (int i = 0; i < symbols; i++) /* all of them are there. NOLINTNEXTLINE(clang-analyzer-core.*) */
		rice_put(w, &s, z[i]);
}

/* False past the end of the bits. A symbol is at most ESCAPE + 6 + 64 bits, and so lies in the padding. */
bool row_get(struct bit_reader *r, const struct row *o, int64_t *x, int n)
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
	case ROW_TABLE: return table_get(r, o, x, n);
	case ROW_RUNS: return runs_get(r, o, x, n);
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
