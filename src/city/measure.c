/* Counters per day, unit, org and category: written with the event that they count. */
#include "city/indicator.h"
#include "store/sql.h"

int measure_add(struct store_tx *tx, const char *measure, const char *day, const char *unit, const char *org,
        const char *category, int64_t n, struct err *e)
{
	return sql_measure_add(tx,
	        &(struct sql_measure_add_in){.measure = str_of(measure),
	                .day = str_of(day),
	                .unit = str_of(unit),
	                .org = str_of(org),
	                .category = str_of(category),
	                .n = n},
	        NULL, e);
}

const char *measure_day(const struct catalog *c, time_us t, char *buf)
{
	struct civil v;

	zone_civil(c->zone, t, &v);
	snprintf(buf, 11, "%04u-%02u-%02u", (unsigned)v.year % 10000, (unsigned)v.month % 100,
	        (unsigned)v.day % 100);
	return buf;
}
