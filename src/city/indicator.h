/*
 * indicator - numbers against targets, computed by FEEL over measures, or asked in SQL of views.
 *
 * A measure is a counter per day, reporting unit and category, kept in the transaction of the event that it
 * counts: opened, finished, finished_on_time, closed, closed_on_time, overdue, returned, alarms. Days are
 * local dates of the site's zone. An indicator of a period is its formula over the sums.
 *
 * One in SQL asks the views of city/view.h as its reader sees them, or that part of them that lies in the
 * unit asked for, and answers with one number. The first and the last day of the period are its :from and
 * :to; where it uses neither, it tells how things stand, and has no value of another time. What fails by its
 * bounds or by what the views hold is told with the value; the others have theirs.
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
	const char *unit;          /* reporting unit code, "" for the whole scope */
	const char *from, *to;     /* local dates, both inclusive */
	double value;              /* NaN: nothing to compute from yet */
	double previous;           /* of the period of equal length before; NaN */
	const struct err *trouble; /* why there is no value; NULL: nothing failed */
	time_us as_of;
};
/* One value for each indicator that the reader may know of, or of one alone. unit NULL: whole scope. */
MUST_USE int indicator_values(struct store_tx *tx, struct site *s, const struct who *who, const char *code,
        const char *unit, const char *from, const char *to, struct indicator_value **out, int *n,
        struct err *e);
/* One indicator by day, [from, to], and by unit when by_unit. */
MUST_USE int indicator_days(struct store_tx *tx, struct site *s, const struct who *who, const char *code,
        const char *unit, const char *from, const char *to, struct indicator_value **out, int *n,
        struct err *e);

/* Whether one in SQL can be asked; secrecy: as view_check says it. */
MUST_USE int indicator_question(
        const struct catalog *c, const struct indicator *def, int *secrecy, struct err *e);

#endif
