/*
 * row - a row of integers (ROW_MOST at most) in one of seven forms, whichever is shortest.
 *
 * All the same; packed in the width of its range (uniform jitter, white noise); Rice-coded (Rice 1979)
 * distances from a level, differences, or differences of differences, with a parameter that follows the
 * mean and an escape for outliers; differences or distances that take few values by a table of codes
 * (Huffman 1952) which stands before them; runs of equal ones as lengths and steps. The head says which: 1
 * byte (bits 0-2 form, bits 3-7 first Rice parameter), the base, and for the packed form the range. The bits
 * come apart from it, so that several rows share the last byte. Arithmetic wraps: hostile bytes give garbage,
 * never undefined behaviour.
 */
#ifndef HEMING_SERIES_ROW_H
#define HEMING_SERIES_ROW_H

#include "series/bits.h"

#define ROW_TABLE_SYMBOLS 64
#define ROW_MOST 2048

struct row {
	int form, k;
	int64_t base;
	uint64_t range; /* packed: the greatest distance from the base; table: the greatest symbol */
	size_t bits;    /* what row_put will write */
	uint8_t len[ROW_TABLE_SYMBOLS]; /* table: lengths of the codes */
};

void row_choose(const int64_t *x, int n, struct row *o);
void row_head_put(uint8_t **p, const struct row *o);
bool row_head_get(const uint8_t **p, const uint8_t *end, struct row *o);
void row_put(struct bit_writer *w, const struct row *o, const int64_t *x, int n);
/* False past the end of the bits. */
bool row_get(struct bit_reader *r, const struct row *o, int64_t *x, int n);

#endif
