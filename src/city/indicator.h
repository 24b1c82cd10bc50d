/*
 * indicator - numbers against targets, computed by FEEL over measures.
 *
 * A measure is a counter per day, reporting unit and category, kept in the transaction of the event that it
 * counts: opened, finished, finished_on_time, closed, closed_on_time, overdue, returned, alarms. Days are
 * local dates of the site's zone. An indicator of a period is its formula over the sums.
 */
#ifndef HEMING_CITY_INDICATOR_H
#define HEMING_CITY_INDICATOR_H

#include "city/site.h"

/* Inside a write: adds n to a measure. */
MUST_USE int measure_add(struct store_tx *tx, const char *measure, const char *day, const char *unit,
        const char *org, const char *category, int64_t n, struct err *e);
/* Local date of an instant, "2026-07-14"; buf of at least 11. */
const char *measure_day(const struct catalog *c, time_us t, char *buf);

struct indicator_value {
	const struct indicator *def;
	const char *unit;      /* reporting unit code, "" for the whole scope */
	const char *from, *to; /* local dates, both inclusive */
	double value;          /* NaN: nothing to compute from yet */
	double previous;       /* of the period of equal length before; NaN */
	time_us as_of;
};
/* One value for each indicator. unit NULL: whole scope. */
MUST_USE int indicator_values(struct store_tx *tx, struct site *s, const struct who *who, const char *unit,
        const char *from, const char *to, struct indicator_value **out, int *n, struct err *e);
/* One indicator by day, [from, to], and by unit when by_unit. */
MUST_USE int indicator_days(struct store_tx *tx, struct site *s, const struct who *who, const char *code,
        const char *unit, const char *from, const char *to, struct indicator_value **out, int *n,
        struct err *e);

#endif
