/*
 * time - instants, durations, civil time, zones.
 *
 * An instant is microseconds since 1970-01-01T00:00:00Z without leap seconds (POSIX); a duration is
 * microseconds. Both are int64. Civil time is the proleptic Gregorian calendar. Zones come from the
 * system's tz database (TZif, RFC 8536), read once and kept. Nothing here reads a clock.
 */
#ifndef HEMING_TIME_H
#define HEMING_TIME_H

#include "base/err.h"
#include "base/sb.h"

typedef int64_t time_us; /* an instant */
typedef int64_t dur_us;  /* a duration */

#define US_MS INT64_C(1000)
#define US_SECOND INT64_C(1000000)
#define US_MINUTE (60 * US_SECOND)
#define US_HOUR (60 * US_MINUTE)
#define US_DAY (24 * US_HOUR)
#define TIME_NONE INT64_MIN /* "no instant" */

struct civil {
	int year, month, day; /* month 1-12, day 1-31 */
	int hour, minute, second;
	int micro;
	int weekday;  /* 0 Sunday; output only */
	int yearday;  /* 1-366; output only */
	int offset_s; /* seconds east of UTC of the local time; output of zone_civil */
};

/* Days since 1970-01-01 of a civil date, and back. Any year -9999…9999. */
int64_t civil_days(int year, int month, int day);
void civil_from_days(int64_t days, struct civil *c);
int civil_month_days(int year, int month);
/* The instant of a civil time at UTC; fields past their range carry over (mktime-like). */
time_us civil_to_utc(const struct civil *c);
void civil_from_utc(time_us t, struct civil *c);

struct zone; /* immutable after load; shared by all threads; lives until the process ends */

/* "Asia/Shanghai", "UTC", or a fixed "+08:00". ERR_NOTFOUND names the missing file. */
MUST_USE int zone_load(const char *name, const struct zone **out, struct err *e);
const struct zone *zone_utc(void);
const char *zone_name(const struct zone *z);
int zone_offset_s(const struct zone *z, time_us t); /* seconds east of UTC at t */
void zone_civil(const struct zone *z, time_us t, struct civil *c);
/* The instant of a local civil time. In a gap: shifted forward by the gap; in an overlap: the first. */
time_us zone_instant(const struct zone *z, const struct civil *c);
/* The first instant after t at which the zone's offset changes; TIME_NONE if there is none, or only beyond
 * the year 9999. */
time_us zone_next_change(const struct zone *z, time_us t);

/* RFC 3339: "2026-07-14T08:00:00.25+08:00", "…Z"; a space for T is taken. Needs an offset unless
 * `z` is given, which then is the zone of a text without one; a bare date is midnight in z. */
MUST_USE bool time_parse(struct str s, const struct zone *z, time_us *out);
/* RFC 3339 in zone z (UTC: "Z"), with milli- or microseconds only when they are not zero.
 * buf of at least 40 bytes. Returns buf. */
const char *time_format(time_us t, const struct zone *z, char *buf);

/* Units as Prometheus writes them: "1h30m", "15s", "500ms", "2d", "1w", "1y"; a bare "0". */
MUST_USE bool dur_parse(struct str s, dur_us *out);
const char *dur_format(dur_us d, char *buf); /* "1h30m"; buf of at least 32 bytes */
/* ISO 8601 durations: "PT15M", "P1DT12H", "-P2W", "P1Y2M" ; months and the rest apart. */
MUST_USE bool dur_parse_iso(struct str s, int *months, dur_us *rest);
/* t plus calendar months in zone z (day clamped to the month's end) plus rest. */
time_us time_add(const struct zone *z, time_us t, int months, dur_us rest);

#endif
