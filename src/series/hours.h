/*
 * hours - roll-ups of one hour, 48 windows of one series to a row of a block file.
 *
 * A row speaks of all points in the blocks of its file whose hours end in (start, start + 48 h]. Where
 * there is no row, nothing is said: the points tell. So a row may always be left out, which is done for
 * series with few points an hour, and must never be out of step.
 */
#ifndef HEMING_SERIES_HOURS_H
#define HEMING_SERIES_HOURS_H

#include "series/window.h"

#define HOURS 48
#define HOURS_SPAN (HOURS * US_HOUR)
#define HOURS_MAX_B (WINDOW_LIST_B + 32)
#define HOURS_APART (450 * US_SECOND) /* points further apart than that are as quickly read themselves */

struct hours {
	time_us start;
	time_us last; /* instant of the newest point; start: there is none */
	struct series_window w[HOURS];
};

/* The start of the row that t belongs to; window_time(t). */
static inline time_us hours_start(time_us t)
{
	return window_end(t, HOURS_SPAN) - HOURS_SPAN;
}
void hours_init(struct hours *h, time_us start);
bool hours_empty(const struct hours *h);
size_t hours_put(uint32_t series, const struct hours *h, uint8_t out[HOURS_MAX_B]);
/* False: damaged. */
bool hours_get(uint32_t series, time_us start, const uint8_t *p, size_t len, struct hours *out);

#endif
