/*
 * codec - up to 2,048 points of one series as a string of bits, lossless.
 *
 * Times: residuals from the mean period or deltas of deltas, whichever is shorter, after division by
 * the largest of 1 s, 1 ms, 1 us that divides all; values: decimals scaled to integers when every
 * v * 10^e round-trips for one e of 0…6, as Rice-coded zigzag deltas with an adaptive parameter (Rice
 * 1979; escape for outliers), a constant run as nothing at all; else XOR with the one before (Pelkonen
 * et al., "Gorilla", VLDB 2015). Pure; any thread.
 */
#ifndef HEMING_SERIES_CODEC_H
#define HEMING_SERIES_CODEC_H

#include "base/time.h"

#define CODEC_POINTS 2048
#define CODEC_MAX_B (CODEC_POINTS * 24 + 64) /* no block is longer */

/* times ascending and unique; 1 <= n <= CODEC_POINTS. Returns bytes written. */
size_t codec_encode(const time_us *t, const double *v, int n, uint8_t out[CODEC_MAX_B]);
/* Returns the number of points, or -1 when the bytes are not a block. Never reads past p + n nor
 * writes past CODEC_POINTS elements. */
int codec_decode(const uint8_t *p, size_t n, time_us *t, double *v);
/* The same of bytes from when there were at most 256, and each count had a byte. */
int codec_decode_short(const uint8_t *p, size_t n, time_us *t, double *v);

#endif
