/*
 * head - the newest points of one series in a buffer that grows, about 3 bytes a point.
 *
 * Numbers are LEB128: time as difference of differences in the head's unit; value as 1 + zigzag
 * difference of its decimal integer, or 0 and the 8 bytes of a double that is no decimal. A point
 * that needs a finer unit or exponent re-codes the head, at most a handful of times in its life.
 */
#ifndef HEMING_SERIES_HEAD_H
#define HEMING_SERIES_HEAD_H

#include "series/codec.h"
#include "base/base.h"

#define HEAD_MAX_B 1024 /* full at so many bytes, … */
#define HEAD_POINTS 512 /* … or points */
#define HEAD_ROOM_B 32  /* free behind them, so that the next point finds room */

struct point {
	time_us t;
	double v;
};

struct head {
	uint8_t *p;
	uint16_t used, cap, n;
	uint8_t unit; /* 0: 1 us, 1: 1 ms, 2: 1 s */
	uint8_t exp;
	time_us first, last;
	int64_t delta; /* last difference of times, in units */
	int64_t x;     /* last decimal integer */
};

/* t is after head.last, or the head is empty. */
void head_append(struct head *h, time_us t, double v);
static inline bool head_full(const struct head *h)
{
	return h->n >= HEAD_POINTS || h->used >= HEAD_MAX_B;
}
/* Points into t and v (HEAD_POINTS each); false when the bytes are no head (they may come from a file). */
bool head_decode(const struct head *h, time_us *t, double *v);
void head_clear(struct head *h); /* frees */

#endif
