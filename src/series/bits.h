/*
 * bits - numbers of any width in a string of bits, most significant first.
 *
 * A writer stores eight bytes at a time: the room behind its place is the caller's care. A reader may
 * look 32 bytes past its end, which must be zeros or at least memory; who reads compares `at` with `end`.
 */
#ifndef HEMING_SERIES_BITS_H
#define HEMING_SERIES_BITS_H

#include "base/base.h"

static inline int bit_length(uint64_t x)
{
	return 64 - __builtin_clzll(x | 1) - !x; /* without a branch: zeros come as chance has it */
}

struct bit_writer {
	uint8_t *p;
	uint64_t acc; /* its low n bits wait for a whole byte */
	int n;        /* below 8 between calls */
};

/* v has at most `width` bits, width at most 56. Stores 8 bytes: the room behind p is the caller's care. */
static inline void put_bits(struct bit_writer *w, uint64_t v, int width)
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

static inline void put_wide(struct bit_writer *w, uint64_t v, int width)
{
	if (width > 32) {
		put_bits(w, v >> 32, width - 32);
		v &= UINT32_MAX;
		width = 32;
	}
	put_bits(w, v, width);
}

struct bit_reader {
	const uint8_t *p; /* at least 32 zero bytes behind its end */
	size_t at, end;   /* in bits */
};

/* At least 57 valid bits at the top. */
static inline uint64_t peek(const struct bit_reader *r)
{
	uint64_t x;

	memcpy(&x, r->p + (r->at >> 3), sizeof(x));
	return __builtin_bswap64(x) << (r->at & 7);
}

static inline uint64_t get_bits(struct bit_reader *r, int width)
{
	uint64_t x;

	if (!width)
		return 0;
	x = peek(r) >> (64 - width);
	r->at += (size_t)width;
	return x;
}

static inline uint64_t get_wide(struct bit_reader *r, int width)
{
	uint64_t hi = 0;

	if (width > 32) {
		hi = get_bits(r, width - 32);
		width = 32;
	}
	return hi << 32 | get_bits(r, width);
}

#endif
