/*
 * A block's bytes, as they stand in column `data`:
 *
 *   1 byte    4, the format
 *   4 bytes   CRC32C of series id (4), first instant (8) and all that follows here
 *   LEB128    8 * (last instant - first instant, in units) + 4 if windows are kept + unit (0: 1 us,
 *             1: 1 ms, 2: 1 s); 3, which is a span of 2^61 us or more, and 8 bytes
 *   a list    of the 5-minute windows from the first to the last instant, see window.c; where these would
 *             hold few points each, or numbers that are no decimals, of one window with all the points
 *   the rest  the points, see codec.c, with times that count from the first instant (but for unit 3)
 *
 * Format 3 is a roll-up: what is left of points that were taken out for their age.
 *
 *   1 byte    3
 *   4 bytes   CRC32C as above
 *   LEB128    last instant - first instant, us
 *   2 bytes   length of the windows (0: 5 minutes, 1: 1 hour); their number, 1 to 64, none of them empty
 *   a list    of them; the first is the one that the first instant lies in
 *
 * Whoever asks a roll-up for points gets one a window, its last value at its end (the last window's at the
 * last instant): what PromQL sees when it looks at the end of each window.
 *
 * Format 2, which is only read, is format 4 with at most 256 points (see codec.c).
 *
 * Format 1, which is only read, too: last instant - first instant in us; number of values that are not NaN,
 * and if there are any first, last, min, max, sum of them, each LEB128 of 8 * zigzag(integer) + decimal
 * exponent, or 7 and the 8 bytes of the double; the points.
 */
#include "series/block.h"

#include "base/digest.h"
#include "series/bytes.h"
#include "series/decimal.h"

#include <math.h>

enum { FIRST_FORMAT = 1, SHORT_FORMAT, ROLLUP_FORMAT, BLOCK_FORMAT };
#define NUMBER_RAW 7
enum { KEEPS = 4 };

static const int64_t unit_us[] = {1, US_MS, US_SECOND};

static uint32_t block_crc(uint32_t series, time_us t0, const uint8_t *p, size_t n)
{
	uint8_t head[12], *q = head;

	put_u32(&q, series);
	put_u64(&q, (uint64_t)t0);
	return crc32c(crc32c(0, head, sizeof(head)), p, n);
}

/* Differences of times would run over. */
static bool is_far(uint64_t span)
{
	return span >> 61 != 0;
}

/* How many windows of 5 minutes lie between two instants; 0: more than a block keeps. */
static int windows_between(time_us t0, time_us t1)
{
	time_us n;

	if (!window_time(t0) || !window_time(t1))
		return 0;
	n = (window_end(t1, BLOCK_STEP) - window_end(t0, BLOCK_STEP)) / BLOCK_STEP + 1;
	return n <= BLOCK_WINDOWS ? (int)n : 0;
}

static void summarise(const time_us *t, const double *v, int n, int windows, struct series_window *w)
{
	struct window a[BLOCK_WINDOWS + 1] = {0};

	for (int i = 0, j; i < n; i = j) {
		time_us end = windows ? window_end(t[i], BLOCK_STEP) : t[n - 1];
		time_us at = windows ? end - window_end(t[0], BLOCK_STEP) : 0;

		for (j = i + 1; j < n && t[j] <= end;)
			j++;
		window_points(&a[at / BLOCK_STEP], v + i, j - i);
	}
	for (int i = 0; i < (windows ? windows : 1); i++) {
		window_done(&a[i]);
		w[i] = a[i].w;
	}
}

struct block *block_new(uint32_t series, const time_us *t, const double *v, int n, int dense)
{
	uint8_t out[BLOCK_MAX_B], *p = out + 5, *crc = out + 1, *list;
	struct series_window w[BLOCK_WINDOWS + 1];
	uint64_t span = (uint64_t)t[n - 1] - (uint64_t)t[0];
	time_us since[CODEC_POINTS];
	int windows = windows_between(t[0], t[n - 1]), unit = 2;
	bool decimal;
	struct block *b;
	size_t len;

	if (windows * dense > n)
		windows = 0;
	while (span % (uint64_t)unit_us[unit] != 0)
		unit--;
	if (is_far(span))
		unit = 3; /* 8 bytes follow */
	for (;;) {
		list = p;
		if (unit == 3) {
			put_varint(&list, 3);
			put_u64(&list, span);
		} else {
			put_varint(&list,
			        span / (uint64_t)unit_us[unit] << 3 | (windows ? KEEPS : 0) | (uint64_t)unit);
		}
		summarise(t, v, n, windows, w);
		list += windows_put(w, windows ? windows : 1, list, &decimal);
		if (decimal || !windows)
			break;
		windows = 0;
	}
	p = list;
	for (int i = 0; i < n; i++)
		since[i] = is_far(span) ? t[i] : t[i] - t[0];
	p += codec_encode(since, v, n, p);
	out[0] = BLOCK_FORMAT;
	put_u32(&crc, block_crc(series, t[0], out + 5, (size_t)(p - out) - 5));

	len = (size_t)(p - out);
	b = xrealloc(NULL, sizeof(*b) + len);
	*b = (struct block){.series = series, .len = (uint32_t)len, .n = n, .t0 = t[0], .t1 = t[n - 1]};
	memcpy(b->data, out, len);
	return b;
}

struct block *block_of_head(uint32_t series, const struct head *h)
{
	struct block *b = xrealloc(NULL, sizeof(*b) + h->used);

	*b = (struct block){.series = series,
	        .len = h->used,
	        .n = h->n,
	        .raw = true,
	        .unit = h->unit,
	        .exp = h->exp,
	        .t0 = h->first,
	        .t1 = h->last};
	memcpy(b->data, h->p, h->used);
	return b;
}

void block_points(const struct block *b, time_us *t, double *v)
{
	if (b->raw) {
		const struct head h = {.p = (uint8_t *)b->data,
		        .used = (uint16_t)b->len,
		        .n = (uint16_t)b->n,
		        .unit = b->unit,
		        .exp = b->exp,
		        .first = b->t0,
		        .last = b->t1};

		must(head_decode(&h, t, v));
	} else {
		must(block_decode(b->series, b->t0, b->data, b->len, t, v) == b->n);
	}
}

struct block *block_encoded(const struct block *raw)
{
	time_us t[HEAD_POINTS];
	double v[HEAD_POINTS];

	must(raw->raw);
	block_points(raw, t, v);
	return block_new(raw->series, t, v, raw->n, BLOCK_DENSE);
}

/* Skips what format 1 says of its points. */
static bool skip_summary(const uint8_t **p, const uint8_t *end)
{
	uint64_t numbers, z;

	if (!get_varint(p, end, &numbers) || numbers > CODEC_POINTS)
		return false;
	for (int i = 0; numbers && i < 5; i++)
		if (!get_varint(p, end, &z) || (z == NUMBER_RAW && !get_u64(p, end, &z)))
			return false;
	return true;
}

/* ---- roll-ups ---- */

bool block_is_rollup(const uint8_t *p, size_t len)
{
	return len && p[0] == ROLLUP_FORMAT;
}

struct block *rollup_new(uint32_t series, dur_us step, const struct series_window *w, int n, time_us t1)
{
	uint8_t out[BLOCK_MAX_B], *p = out + 5, *crc = out + 1;
	time_us t0 = w[0].end < t1 ? w[0].end : t1;
	struct block *b;
	bool decimal;
	size_t len;

	put_varint(&p, (uint64_t)(t1 - t0));
	*p++ = step == US_HOUR;
	*p++ = (uint8_t)n;
	p += windows_put(w, n, p, &decimal);
	out[0] = ROLLUP_FORMAT;
	put_u32(&crc, block_crc(series, t0, out + 5, (size_t)(p - out) - 5));
	len = (size_t)(p - out);
	b = xrealloc(NULL, sizeof(*b) + len);
	*b = (struct block){.series = series, .len = (uint32_t)len, .n = n, .t0 = t0, .t1 = t1};
	memcpy(b->data, out, len);
	return b;
}

bool rollup_in_vain(dur_us step, const time_us *t, int n)
{
	for (int i = 1; i < n; i++)
		if (window_end(t[i - 1], step) == window_end(t[i], step))
			return false;
	return true;
}

int rollup_windows(uint32_t series, time_us t0, const uint8_t *p, size_t len, dur_us *step, time_us *t1,
        struct series_window w[WINDOW_LIST_MAX])
{
	const uint8_t *q = p + 5, *end = p + len;
	uint64_t span;
	int n;

	if (len < 9 || !block_is_rollup(p, len) || read_u32(p + 1) != block_crc(series, t0, p + 5, len - 5) ||
	        !get_varint(&q, end, &span) || span > WINDOW_TIME_MAX || end - q < 2 || q[0] > 1 ||
	        !window_time(t0) || !window_time(t0 + (time_us)span))
		return -1;
	*step = q[0] ? US_HOUR : BLOCK_STEP;
	*t1 = t0 + (time_us)span;
	n = q[1];
	q += 2;
	if (n < 1 || n > WINDOW_LIST_MAX || !windows_get(&q, end, w, n) || q != end ||
	        window_end(*t1, *step) != window_end(t0, *step) + (n - 1) * *step)
		return -1;
	for (int i = 0; i < n; i++) {
		w[i].end = window_end(t0, *step) + i * *step;
		if (window_empty(&w[i]))
			return -1;
	}
	return n;
}

static int rollup_points(uint32_t series, time_us t0, const uint8_t *p, size_t len, time_us *t, double *v)
{
	struct series_window w[WINDOW_LIST_MAX];
	dur_us step;
	time_us t1;
	int n = rollup_windows(series, t0, p, len, &step, &t1, w);

	for (int i = 0; i < n; i++) {
		t[i] = w[i].end < t1 ? w[i].end : t1;
		v[i] = w[i].n ? w[i].last : NAN;
	}
	return n;
}

/* ---- reading ---- */

/* Up to the points: the span, and the windows or the one summary (none: -1 of a damaged block, 0 of format
 * 1). */
static int get_front(uint32_t series, time_us t0, const uint8_t **p, size_t len, uint64_t *span,
        bool *windows, struct series_window *w)
{
	const uint8_t *start = *p, *end = start + len;
	uint64_t z;
	int n = 1;

	*windows = false;
	if (len < 8 || start[0] < FIRST_FORMAT || start[0] > BLOCK_FORMAT || block_is_rollup(start, len) ||
	        read_u32(start + 1) != block_crc(series, t0, start + 5, len - 5))
		return -1;
	*p += 5;
	if (!get_varint(p, end, &z))
		return -1;
	if (start[0] == FIRST_FORMAT) {
		*span = z;
		return skip_summary(p, end) ? 0 : -1;
	}
	if ((z & 3) == 3) {
		if (!get_u64(p, end, span))
			return -1;
	} else {
		*span = (z >> 3) * (uint64_t)unit_us[z & 3];
	}
	*windows = (z & KEEPS) != 0;
	if (*windows)
		n = *span > INT64_MAX / 2 ? 0 : windows_between(t0, wrap_add(t0, (int64_t)*span));
	return n && windows_get(p, end, w, n) ? n : -1;
}

int block_decode(uint32_t series, time_us t0, const uint8_t *p, size_t len, time_us *t, double *v)
{
	const uint8_t *start = p, *end = p + len;
	uint64_t span;
	bool windows;
	int n;

	if (block_is_rollup(p, len))
		return rollup_points(series, t0, p, len, t, v);
	if (get_front(series, t0, &p, len, &span, &windows, NULL) < 0)
		return -1;
	n = start[0] == BLOCK_FORMAT ? codec_decode(p, (size_t)(end - p), t, v)
	                             : codec_decode_short(p, (size_t)(end - p), t, v);
	for (int i = 0; i < n && start[0] != FIRST_FORMAT && !is_far(span); i++)
		t[i] = wrap_add(t[i], t0);
	if (n < 0 || t[0] != t0 || (uint64_t)t[n - 1] - (uint64_t)t0 != span)
		return -1;
	return n;
}

int block_windows(uint32_t series, time_us t0, const uint8_t *p, size_t len, time_us *t1,
        struct series_window w[BLOCK_WINDOWS])
{
	uint64_t span = 0;
	bool windows;
	int n = get_front(series, t0, &p, len, &span, &windows, w);

	if (n < 0)
		return -1;
	*t1 = wrap_add(t0, (int64_t)span);
	if (!windows)
		return 0;
	for (int i = 0; i < n; i++)
		w[i].end = window_end(t0, BLOCK_STEP) + i * BLOCK_STEP;
	return n;
}

static bool window_same(const struct series_window *a, const struct series_window *b)
{
	return a->n == b->n && a->nans == b->nans &&
	       (!a->n || (a->first == b->first && a->last == b->last && a->min == b->min &&
	                         a->max == b->max && bits_of(a->sum) == bits_of(b->sum)));
}

bool block_summary_true(uint32_t series, time_us t0, const uint8_t *p, size_t len)
{
	struct series_window said[BLOCK_WINDOWS], is[BLOCK_WINDOWS + 1];
	time_us t[CODEC_POINTS];
	double v[CODEC_POINTS];
	uint64_t span;
	bool windows;
	const uint8_t *q = p;
	int n = get_front(series, t0, &q, len, &span, &windows, said);
	int points = block_decode(series, t0, p, len, t, v);

	if (block_is_rollup(p, len))
		return points > 0;
	if (n < 0 || points < 0)
		return false;
	summarise(t, v, points, windows ? n : 0, is);
	for (int i = 0; i < n; i++)
		if (!window_same(&said[i], &is[i]))
			return false;
	return true;
}

static void grid_add(struct grid *g, time_us t, double v)
{
	time_us end = window_end(t, g->step);

	if (end >= g->first && (size_t)((end - g->first) / g->step) < g->n)
		window_point(&g->w[(end - g->first) / g->step], v);
}

void grid_points(struct grid *g, const time_us *t, const double *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (window_time(t[i]))
			grid_add(g, t[i], v[i]);
}

bool grid_block(struct grid *g, uint32_t series, time_us t0, const uint8_t *p, size_t len, time_us *t1)
{
	struct series_window w[WINDOW_LIST_MAX];
	time_us t[CODEC_POINTS];
	double v[CODEC_POINTS];
	bool rollup = block_is_rollup(p, len);
	dur_us step;
	int n = rollup ? rollup_windows(series, t0, p, len, &step, t1, w)
	               : block_windows(series, t0, p, len, t1, w);

	if (n > 0) {
		for (int i = 0; i < n; i++) {
			time_us end = window_end(w[i].end, g->step);

			if (end >= g->first && (size_t)((end - g->first) / g->step) < g->n)
				window_join(&g->w[(end - g->first) / g->step], &w[i]);
		}
		return true;
	}
	if (n == 0)
		n = block_decode(series, t0, p, len, t, v);
	if (n < 0)
		return false;
	grid_points(g, t, v, (size_t)n);
	return true;
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
