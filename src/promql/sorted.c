#include <stdlib.h>

#include "promql/promql_int.h"

/*
 * Values in order: quantiles, and the median of distances from the median.
 *
 * A window that stands alone is sorted. One that overlaps with the window before makes that the whole series
 * is ranked, once: then a window is a set of ranks, a bit each, where a sample comes and goes in no time and
 * the k-th value is found by counting bits. A day of quantiles over 8,640 samples would else be a day of
 * sorting.
 */

#define BLOCK 16 /* words of bits that are counted together */

static int double_cmp(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	if (isnan(x) || isnan(y))
		return (int)isnan(y) - (int)isnan(x) > 0 ? 1 : isnan(x) && isnan(y) ? 0 : -1;
	return (x > y) - (x < y);
}

/* Which of n sorted values make up the quantile, and the share of the second; false: it is *odd, whatever
 * they are. */
static bool place_of(double q, size_t n, size_t *lo, size_t *hi, double *share, double *odd)
{
	double rank, lower;

	*odd = n == 0 || isnan(q) ? NAN : q < 0 ? -INFINITY : INFINITY;
	if (n == 0 || !(q >= 0 && q <= 1))
		return false;
	rank = q * ((double)n - 1);
	lower = floor(rank);
	*lo = (size_t)fmax(0, lower);
	*hi = *lo + 1 < n ? *lo + 1 : n - 1;
	*share = rank - lower;
	return true;
}

double quantile_of(double q, double *v, size_t n)
{
	size_t lo = 0, hi = 0;
	double share = 0, odd;

	if (!place_of(q, n, &lo, &hi, &share, &odd))
		return odd;
	qsort(v, n, sizeof *v, double_cmp);
	return v[lo] * (1 - share) + v[hi] * share;
}

/* ---- ranks ---- */

struct ranked {
	uint64_t key;
	uint32_t i;
};

/* Keys in the order of the numbers; NaN comes first. */
static uint64_t key_of(double v)
{
	uint64_t u = double_bits(v);

	if (isnan(v))
		return 0;
	return u >> 63 ? ~u : u | UINT64_C(1) << 63;
}

/* By bytes, least first. Where all have the same byte there is nothing to do. Gives where the sorted ones
 * are. */
static struct ranked *sort_ranked(struct ranked *x, struct ranked *other, size_t n)
{
	size_t count[8][256] = {0};

	for (size_t i = 0; i < n; i++)
		for (int b = 0; b < 8; b++)
			count[b][x[i].key >> 8 * b & 255]++;
	for (int b = 0; b < 8; b++) {
		struct ranked *swap = x;
		size_t at = 0;

		if (count[b][x[0].key >> 8 * b & 255] == n)
			continue;
		for (int k = 0; k < 256; k++) {
			size_t c = count[b][k];

			count[b][k] = at;
			at += c;
		}
		for (size_t i = 0; i < n; i++)
			other[count[b][x[i].key >> 8 * b & 255]++] = x[i];
		x = other;
		other = swap;
	}
	return x;
}

static void rank_series(struct sorted *s, const struct samples *in)
{
	size_t n = in->n, words = n / 64 + 1;
	struct ranked *room = xcalloc(2 * n, sizeof *room), *x;

	s->v = xgrow(s->v, &s->v_cap, n, sizeof *s->v);
	s->rank = xgrow(s->rank, &s->rank_cap, n, sizeof *s->rank);
	s->bit = xgrow(s->bit, &s->bit_cap, words, sizeof *s->bit);
	s->block = xgrow(s->block, &s->block_cap, words / BLOCK + 1, sizeof *s->block);
	memset(s->bit, 0, words * sizeof *s->bit);
	memset(s->block, 0, (words / BLOCK + 1) * sizeof *s->block);
	for (size_t i = 0; i < n; i++)
		room[i] = (struct ranked){key_of(in->v[i]), (uint32_t)i};
	x = sort_ranked(room, room + n, n);
	for (size_t k = 0; k < n; k++) {
		s->v[k] = in->v[x[k].i];
		s->rank[x[k].i] = (uint32_t)k;
	}
	free(room);
	s->ranked = true;
	s->from = s->to = 0;
}

/* Sample i comes into the window, or goes. */
static void flip(struct sorted *s, size_t i, int change)
{
	size_t word = s->rank[i] / 64;

	s->bit[word] ^= UINT64_C(1) << s->rank[i] % 64;
	s->block[word / BLOCK] += (uint32_t)change;
}

/* The k-th value of the window. */
static double value_at(const struct sorted *s, size_t k)
{
	size_t word = 0, n;
	uint64_t bits;

	if (!s->ranked)
		return s->v[k];
	for (size_t b = 0; k >= s->block[b]; b++) {
		k -= s->block[b];
		word += BLOCK;
	}
	while (k >= (n = (size_t)__builtin_popcountll(s->bit[word]))) {
		k -= n;
		word++;
	}
	for (bits = s->bit[word]; k > 0; k--)
		bits &= bits - 1;
	return s->v[word * 64 + (size_t)__builtin_ctzll(bits)];
}

void sorted_begin(struct sorted *s)
{
	s->n = s->from = s->to = 0;
	s->ranked = false;
}

void sorted_fini(struct sorted *s)
{
	free(s->v);
	free(s->rank);
	free(s->bit);
	free(s->block);
}

/* A window of a few samples out of very many is sorted sooner than its bits are found. */
static bool ranks_pay(const struct sorted *s, const struct window *w)
{
	size_t overlap = w->base < s->to ? s->to - w->base : 0;

	return overlap > w->n / 2 && w->series->n / (64 * BLOCK) <= 4 * w->n;
}

static const struct sorted *sort_window(const struct window *w)
{
	struct sorted *s = w->sorted;
	size_t from = w->base, to = w->base + w->n;

	if (!s->ranked && ranks_pay(s, w))
		rank_series(s, w->series);
	if (s->ranked) {
		for (size_t i = s->from; i < from && i < s->to; i++)
			flip(s, i, -1);
		for (size_t i = s->to > from ? s->to : from; i < to; i++)
			flip(s, i, 1);
	} else {
		s->v = xgrow(s->v, &s->v_cap, w->n, sizeof *s->v);
		memcpy(s->v, w->v, w->n * sizeof *s->v);
		qsort(s->v, w->n, sizeof *s->v, double_cmp);
	}
	s->n = w->n;
	s->from = from;
	s->to = to;
	return s;
}

double w_quantile(const struct window *w)
{
	const struct sorted *s;
	size_t lo = 0, hi = 0;
	double share = 0, odd;

	if (!place_of(w->arg[0], w->n, &lo, &hi, &share, &odd))
		return odd;
	s = sort_window(w);
	return value_at(s, lo) * (1 - share) + value_at(s, hi) * share;
}

/* ---- the median of the distances from the median ---- */

/* How many values of the window are less than m. */
static size_t count_below(const struct sorted *s, double m)
{
	size_t lo = 0, hi = s->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (value_at(s, mid) < m)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/*
 * The k-th distance from m. From m on they grow upwards and downwards: of the k + 1 nearest values some
 * number i lies below, and it is the least for which the next one below is not nearer than the last one
 * above.
 */
static double distance_at(const struct sorted *s, double m, size_t below, size_t k)
{
	size_t above = s->n - below, lo = k + 1 > above ? k + 1 - above : 0,
	       hi = k + 1 < below ? k + 1 : below;
	double up, down;

	while (lo < hi) {
		size_t i = lo + (hi - lo) / 2;

		if (fabs(value_at(s, below - 1 - i) - m) < fabs(value_at(s, below + k - i) - m))
			lo = i + 1;
		else
			hi = i;
	}
	down = lo > 0 ? fabs(value_at(s, below - lo) - m) : 0;
	up = lo <= k ? fabs(value_at(s, below + k - lo) - m) : 0;
	return down > up ? down : up;
}

double w_mad(const struct window *w)
{
	const struct sorted *s = sort_window(w);
	size_t lo = 0, hi = 0, below;
	double share = 0, odd, m;

	place_of(0.5, s->n, &lo, &hi, &share, &odd);
	m = value_at(s, lo) * (1 - share) + value_at(s, hi) * share;
	if (isfinite(m) && !isnan(value_at(s, 0))) {
		below = count_below(s, m);
		return distance_at(s, m, below, lo) * (1 - share) + distance_at(s, m, below, hi) * share;
	}
	double *v = xcalloc(w->n, sizeof *v);

	for (size_t i = 0; i < w->n; i++)
		v[i] = fabs(w->v[i] - m);
	m = quantile_of(0.5, v, w->n);
	free(v);
	return m;
}
