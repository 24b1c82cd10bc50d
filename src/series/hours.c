/*
 * A row's bytes, as they stand in column `data` of table `hour`:
 *
 *   1 byte   1, the format
 *   4 bytes  CRC32C of series id (4), start (8) and all that follows here
 *   LEB128   newest point - start, us
 *   2 bytes  number of the first window that is not empty (0…47), number of windows from it to the last one
 *   a list   of these, see window.c
 */
#include "series/hours.h"

#include "base/digest.h"
#include "series/bytes.h"

#define HOURS_FORMAT 1

static uint32_t hours_crc(uint32_t series, time_us start, const uint8_t *p, size_t n)
{
	uint8_t head[12], *q = head;

	put_u32(&q, series);
	put_u64(&q, (uint64_t)start);
	return crc32c(crc32c(0, head, sizeof(head)), p, n);
}

void hours_init(struct hours *h, time_us start)
{
	*h = (struct hours){.start = start, .last = start};
	for (int i = 0; i < HOURS; i++)
		h->w[i].end = start + (i + 1) * US_HOUR;
}

bool hours_empty(const struct hours *h)
{
	for (int i = 0; i < HOURS; i++)
		if (!window_empty(&h->w[i]))
			return false;
	return true;
}

size_t hours_put(uint32_t series, const struct hours *h, uint8_t out[HOURS_MAX_B])
{
	uint8_t *p = out + 5, *crc = out + 1;
	int first = 0, last = HOURS - 1;
	bool decimal;

	while (first < HOURS - 1 && window_empty(&h->w[first]))
		first++;
	while (last > first && window_empty(&h->w[last]))
		last--;
	put_varint(&p, (uint64_t)(h->last - h->start));
	*p++ = (uint8_t)first;
	*p++ = (uint8_t)(last - first + 1);
	p += windows_put(h->w + first, last - first + 1, p, &decimal);
	out[0] = HOURS_FORMAT;
	put_u32(&crc, hours_crc(series, h->start, out + 5, (size_t)(p - out) - 5));
	return (size_t)(p - out);
}

bool hours_get(uint32_t series, time_us start, const uint8_t *p, size_t len, struct hours *out)
{
	const uint8_t *end = p + len;
	uint64_t last;
	int first, n;

	hours_init(out, start);
	if (len < 9 || p[0] != HOURS_FORMAT || read_u32(p + 1) != hours_crc(series, start, p + 5, len - 5))
		return false;
	p += 5;
	if (!get_varint(&p, end, &last) || last > HOURS_SPAN || end - p < 2)
		return false;
	first = *p++;
	n = *p++;
	if (n < 1 || first + n > HOURS)
		return false;
	out->last = start + (time_us)last;
	return windows_get(&p, end, out->w + first, n) && p == end;
}
