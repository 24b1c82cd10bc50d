/*
 * series_view - all series that a reader sees, counted by metric: for the page of the readings and for
 * Prometheus' /status/tsdb. And what deletions share between both doors.
 */
#ifndef HEMING_API_SERIES_VIEW_H
#define HEMING_API_SERIES_VIEW_H

#include "api/api_int.h"
#include "city/removal.h"

#define SERIES_COUNT_TIME (60 * US_SECOND)

struct series_metric {
	struct str name;
	size_t n;
	time_us newest; /* TIME_NONE: it has no reading */
};
struct series_view_of_all {
	struct arena *a;
	struct series_latest_row *row; /* virtual labels among theirs */
	size_t rows;
	struct series_metric *metric; /* most series first */
	size_t metrics;
};
/* In an arena of its own, which series_view_close frees, also after a failure. ERR_TOOBIG past a million. */
MUST_USE int series_view_open(struct call *c, struct series_view_of_all *out, struct err *e);
void series_view_close(struct series_view_of_all *v);
/* removal_ask under a deadline. */
MUST_USE int series_ask(struct call *c, const struct removal_in *in, struct removal *out, struct err *e);

#endif
