/*
 * bytes - little-endian words, LEB128 numbers and zigzag, as all files of this folder write them.
 *
 * Writers advance *p, the caller has made room (VARINT_MAX_B a number). Readers never pass `end`;
 * they give false at a torn or overlong number and leave *p where it is.
 */
#ifndef HEMING_SERIES_BYTES_H
#define HEMING_SERIES_BYTES_H

#include "base/base.h"

#define VARINT_MAX_B 10

static inline uint64_t zigzag(int64_t x)
{
	return ((uint64_t)x << 1) ^ (uint64_t)(x >> 63);
}
static inline int64_t unzigzag(uint64_t z)
{
	return (int64_t)((z >> 1) ^ (0 - (z & 1)));
}

static inline void put_u32(uint8_t **p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		*(*p)++ = (uint8_t)(v >> 8 * i);
}
static inline void put_u64(uint8_t **p, uint64_t v)
{
	for (int i = 0; i < 8; i++)
		*(*p)++ = (uint8_t)(v >> 8 * i);
}
static inline uint32_t read_u32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}
static inline uint64_t read_u64(const uint8_t *p)
{
	return (uint64_t)read_u32(p) | (uint64_t)read_u32(p + 4) << 32;
}
static inline bool get_u64(const uint8_t **p, const uint8_t *end, uint64_t *v)
{
	if (end - *p < 8)
		return false;
	*v = read_u64(*p);
	*p += 8;
	return true;
}

static inline void put_varint(uint8_t **p, uint64_t v)
{
	while (v >= 0x80) {
		*(*p)++ = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	*(*p)++ = (uint8_t)v;
}
static inline bool get_varint(const uint8_t **p, const uint8_t *end, uint64_t *v)
{
	const uint8_t *q = *p;
	uint64_t x = 0;

	/* Numbers of up to 8 bytes without a loop, whose end could not be guessed: the seven bits of each are
	 * moved together in pairs, then fours, then eights. */
	if (end - q >= 8) {
		uint64_t w = read_u64(q), last = ~w & UINT64_C(0x8080808080808080);

		if (last) {
			x = w & (last ^ (last - 1)) & UINT64_C(0x7f7f7f7f7f7f7f7f);
			x = (x & UINT64_C(0x007f007f007f007f)) | (x & UINT64_C(0x7f007f007f007f00)) >> 1;
			x = (x & UINT64_C(0x00003fff00003fff)) | (x & UINT64_C(0x3fff00003fff0000)) >> 2;
			x = (x & UINT64_C(0x000000000fffffff)) | (x & UINT64_C(0x0fffffff00000000)) >> 4;
			*p = q + __builtin_ctzll(last) / 8 + 1;
			*v = x;
			return true;
		}
	}
	for (int shift = 0; shift < 64 && q < end; shift += 7) {
		uint8_t b = *q++;

		if (shift == 63 && b > 1)
			return false;
		x |= (uint64_t)(b & 0x7f) << shift;
		if (!(b & 0x80)) {
			*p = q;
			*v = x;
			return true;
		}
	}
	return false;
}
static inline void put_zigzag(uint8_t **p, int64_t v)
{
	put_varint(p, zigzag(v));
}
static inline bool get_zigzag(const uint8_t **p, const uint8_t *end, int64_t *v)
{
	uint64_t z;

	if (!get_varint(p, end, &z))
		return false;
	*v = unzigzag(z);
	return true;
}

static inline uint64_t bits_of(double v)
{
	uint64_t u;

	memcpy(&u, &v, sizeof(u));
	return u;
}
static inline double double_of(uint64_t u)
{
	double v;

	memcpy(&v, &u, sizeof(v));
	return v;
}

/* Sums and differences of numbers from files, which may be anything: they wrap. */
static inline int64_t wrap_add(int64_t a, int64_t b)
{
	return (int64_t)((uint64_t)a + (uint64_t)b);
}
static inline int64_t wrap_sub(int64_t a, int64_t b)
{
	return (int64_t)((uint64_t)a - (uint64_t)b);
}
static inline int64_t wrap_mul(int64_t a, int64_t b)
{
	return (int64_t)((uint64_t)a * (uint64_t)b);
}

#endif
