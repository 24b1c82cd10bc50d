/*
 * A block's bytes, as they stand in column `data`:
 *
 *   1 byte    1, the format
 *   4 bytes   CRC32C of series id (4), first instant (8) and all that follows here
 *   LEB128    last instant - first instant, us
 *   LEB128    number of values that are not NaN; if there are any, of them:
 *   5 numbers first, last, min, max, sum: LEB128 of 8 * zigzag(integer) + decimal exponent, or 7 and
 *             the 8 bytes of the double
 *   the rest  the points, see codec.c
 */
#include "series/block.h"

#include "base/digest.h"
#include "series/bytes.h"
#include "series/decimal.h"

#include <math.h>

#define BLOCK_FORMAT 1
#define NUMBER_RAW 7

static void put_number(uint8_t **p, double v)
{
	int64_t x;
	int e = decimal_find(v, 0, &x);

	if (e >= 0) {
		put_varint(p, zigzag(x) << 3 | (uint64_t)e);
	} else {
		put_varint(p, NUMBER_RAW);
		put_u64(p, bits_of(v));
	}
}

static bool get_number(const uint8_t **p, const uint8_t *end, double *v)
{
	uint64_t z, u;

	if (!get_varint(p, end, &z))
		return false;
	if (z == NUMBER_RAW) {
		if (!get_u64(p, end, &u))
			return false;
		*v = double_of(u);
		return true;
	}
	if ((z & 7) > DECIMAL_EXP_MAX)
		return false;
	*v = decimal_value(unzigzag(z >> 3), (int)(z & 7));
	return true;
}

void block_summarise(const time_us *t, const double *v, int n, struct block_summary *s)
{
	*s = (struct block_summary){.t1 = t[n - 1]};
	for (int i = 0; i < n; i++) {
		if (isnan(v[i]))
			continue;
		if (!s->numbers++)
			s->first = s->min = s->max = v[i];
		s->min = v[i] < s->min ? v[i] : s->min;
		s->max = v[i] > s->max ? v[i] : s->max;
		s->sum += v[i];
		s->last = v[i];
	}
}

static uint32_t block_crc(uint32_t series, time_us t0, const uint8_t *p, size_t n)
{
	uint8_t head[12], *q = head;

	put_u32(&q, series);
	put_u64(&q, (uint64_t)t0);
	return crc32c(crc32c(0, head, sizeof(head)), p, n);
}

struct block *block_new(uint32_t series, const time_us *t, const double *v, int n)
{
	uint8_t out[BLOCK_MAX_B], *p = out + 5, *crc = out + 1;
	struct block_summary s;
	struct block *b;
	size_t len;

	block_summarise(t, v, n, &s);
	put_varint(&p, (uint64_t)t[n - 1] - (uint64_t)t[0]);
	put_varint(&p, (uint64_t)s.numbers);
	if (s.numbers) {
		put_number(&p, s.first);
		put_number(&p, s.last);
		put_number(&p, s.min);
		put_number(&p, s.max);
		put_number(&p, s.sum);
	}
	p += codec_encode(t, v, n, p);
	out[0] = BLOCK_FORMAT;
	put_u32(&crc, block_crc(series, t[0], out + 5, (size_t)(p - out) - 5));

	len = (size_t)(p - out);
	b = xrealloc(NULL, sizeof(*b) + len);
	*b = (struct block){.series = series, .len = (uint32_t)len, .n = n, .t0 = t[0], .t1 = t[n - 1]};
	memcpy(b->data, out, len);
	return b;
}

int block_decode(uint32_t series, time_us t0, const uint8_t *p, size_t len, struct block_summary *s,
        time_us *t, double *v)
{
	const uint8_t *end = p + len;
	struct block_summary sum = {0};
	uint64_t span, numbers;
	int n;

	if (len < 8 || p[0] != BLOCK_FORMAT || read_u32(p + 1) != block_crc(series, t0, p + 5, len - 5))
		return -1;
	p += 5;
	if (!get_varint(&p, end, &span) || !get_varint(&p, end, &numbers) || numbers > CODEC_POINTS)
		return -1;
	sum.numbers = (int)numbers;
	if (numbers && (!get_number(&p, end, &sum.first) || !get_number(&p, end, &sum.last) ||
	                       !get_number(&p, end, &sum.min) || !get_number(&p, end, &sum.max) ||
	                       !get_number(&p, end, &sum.sum)))
		return -1;
	n = codec_decode(p, (size_t)(end - p), t, v);
	if (n < 0 || t[0] != t0 || (uint64_t)t[n - 1] - (uint64_t)t0 != span)
		return -1;
	sum.t1 = t[n - 1];
	if (s)
		*s = sum;
	return n;
}

size_t points_merge(const time_us *ta, const double *va, size_t na, const time_us *tb, const double *vb,
        size_t nb, time_us *t, double *v)
{
	size_t i = 0, j = 0, n = 0;

	while (i < na || j < nb) {
		if (j == nb || (i < na && ta[i] < tb[j])) {
			t[n] = ta[i];
			v[n++] = va[i++];
		} else {
			if (i < na && ta[i] == tb[j])
				i++;
			t[n] = tb[j];
			v[n++] = vb[j++];
		}
	}
	return n;
}
