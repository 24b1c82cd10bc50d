#include "check.h"

#include "base/time_int.h"

static int64_t random_in(int64_t lo, int64_t hi)
{
	return lo + (int64_t)test_below((uint64_t)(hi - lo + 1));
}

static const struct zone *zone(const char *name)
{
	const struct zone *z = zone_utc();
	struct err e = ERR_INIT;

	check_ok(zone_load(name, &z, &e), &e);
	return z;
}

static time_us at(const char *text)
{
	time_us t = TIME_NONE;

	if (!time_parse(str_of(text), NULL, &t))
		check_fail("not a time: %s", text);
	return t;
}

static const char *shown(const char *text, const struct zone *z)
{
	static char buf[40];

	return time_format(at(text), z, buf);
}

TEST(civil_days_known)
{
	check_eq_i(civil_days(1970, 1, 1), 0);
	check_eq_i(civil_days(1969, 12, 31), -1);
	check_eq_i(civil_days(2000, 3, 1), 11017);
	check_eq_i(civil_days(2026, 7, 14), 20648);
	check_eq_i(civil_days(0, 3, 1), -719468);
	check_eq_i(civil_days(9999, 12, 31), 2932896);
}

/* Every day of 20 000 years, against a calendar that only counts on. */
TEST(civil_days_round_trip)
{
	int64_t day = civil_days(-9999, 1, 1);
	int weekday = -1, bad = 0;

	for (int y = -9999; y <= 9999; y++) {
		int yearday = 0;
		for (int m = 1; m <= 12; m++) {
			for (int d = 1; d <= civil_month_days(y, m); d++, day++) {
				struct civil c;
				yearday++;
				civil_from_days(day, &c);
				weekday = weekday < 0 ? c.weekday : (weekday + 1) % 7;
				bad += c.year != y || c.month != m || c.day != d || c.weekday != weekday ||
				       c.yearday != yearday || civil_days(y, m, d) != day;
			}
		}
	}
	check_eq_i(bad, 0);
	check_eq_i(day, civil_days(9999, 12, 31) + 1);
}

TEST(month_days)
{
	check_eq_i(civil_month_days(2000, 2), 29);
	check_eq_i(civil_month_days(1900, 2), 28);
	check_eq_i(civil_month_days(2024, 2), 29);
	check_eq_i(civil_month_days(2026, 2), 28);
	check_eq_i(civil_month_days(2026, 0), 0);
	check_eq_i(civil_month_days(2026, 13), 0);
}

TEST(civil_fields_carry_over)
{
	struct civil c = {.year = 2025, .month = 14, .day = 30, .hour = 25, .minute = -1, .second = 61};

	check_eq_i(civil_to_utc(&c), at("2026-03-03T01:00:01Z") - US_MINUTE + US_MINUTE);
	c = (struct civil){.year = 2026, .month = 0, .day = 0, .micro = -1};
	check_eq_i(civil_to_utc(&c), at("2025-11-29T23:59:59.999999Z"));
	c = (struct civil){.year = INT32_MAX, .month = INT32_MAX, .day = INT32_MAX, .hour = INT32_MAX};
	check_eq_i(civil_to_utc(&c), INT64_MAX);
	c = (struct civil){.year = INT32_MIN, .month = INT32_MIN, .day = INT32_MIN};
	check_eq_i(civil_to_utc(&c), INT64_MIN + 1);
}

TEST(utc_round_trip)
{
	for (int i = 0; i < 20000; i++) {
		time_us t = random_in(civil_days(-9999, 1, 1) * US_DAY, civil_days(9999, 12, 31) * US_DAY);
		struct civil c;
		civil_from_utc(t, &c);
		check_eq_i(civil_to_utc(&c), t);
		check_eq_i(c.offset_s, 0);
	}
}

TEST(parses_rfc3339)
{
	const struct zone *shanghai = zone("Asia/Shanghai");
	time_us t;

	check_eq_i(at("1970-01-01T00:00:00Z"), 0);
	check_eq_i(at("2026-07-14T08:00:00.25+08:00"), 20648 * US_DAY + 250 * US_MS);
	check_eq_i(at("2026-07-14 08:00:00+08:00"), 20648 * US_DAY);
	check_eq_i(at("2026-07-14t00:00:00z"), 20648 * US_DAY);
	check_eq_i(at("1969-12-31T23:59:59.999999Z"), -1);
	check_eq_i(at("2026-07-13T18:30:00-05:30"), 20648 * US_DAY);
	check_eq_i(at("2016-12-31T23:59:60Z"), at("2017-01-01T00:00:00Z"));
	check_eq_i(at("2026-07-14T00:00:00.1234567899Z"), 20648 * US_DAY + 123456);
	check(time_parse(STR_LIT("2026-07-14"), shanghai, &t));
	check_eq_i(t, at("2026-07-14T00:00:00+08:00"));
	check(time_parse(STR_LIT("2026-07-14T09:30:00"), shanghai, &t));
	check_eq_i(t, at("2026-07-14T09:30:00+08:00"));
	check(time_parse(STR_LIT("2026-07-14T09:30:00Z"), shanghai, &t));
	check_eq_i(t, at("2026-07-14T09:30:00Z"));
}

TEST(refuses_what_is_no_time)
{
	static const char *const texts[] = {"", "2026", "2026-07", "2026-7-14", "2026-13-01T00:00:00Z",
	        "2026-00-01T00:00:00Z", "2026-02-29T00:00:00Z", "2026-01-00T00:00:00Z",
	        "2026-01-32T00:00:00Z", "2026-07-14T24:00:00Z", "2026-07-14T00:60:00Z",
	        "2026-07-14T00:00:61Z", "2026-07-14T00:00Z", "2026-07-14T00:00:00.Z",
	        "2026-07-14T00:00:00+8:00", "2026-07-14T00:00:00+0800", "2026-07-14T00:00:00+24:00",
	        "2026-07-14T00:00:00+08:60", "2026-07-14T00:00:00Zx", "2026-07-14T00:00:00+08:00 ",
	        " 2026-07-14T00:00:00Z", "2026-07-14X00:00:00Z", "2026/07/14", "-026-07-14T00:00:00Z",
	        "20260714T000000Z", "2026-07-14T-1:00:00Z"};
	time_us t = 7;

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (time_parse(str_of(texts[i]), zone_utc(), &t))
			check_fail("taken: %s", texts[i]);
	check(!time_parse(STR_LIT("2026-07-14"), NULL, &t));
	check(!time_parse(STR_LIT("2026-07-14T00:00:00"), NULL, &t));
	check(!time_parse(STR_NULL, zone_utc(), &t));
}

TEST(formats_rfc3339)
{
	char buf[40];

	check_eq_s(shown("2026-07-14T00:00:00Z", zone_utc()), "2026-07-14T00:00:00Z");
	check_eq_s(shown("2026-07-14T00:00:00.25Z", NULL), "2026-07-14T00:00:00.250Z");
	check_eq_s(shown("2026-07-14T00:00:00.000001Z", zone_utc()), "2026-07-14T00:00:00.000001Z");
	check_eq_s(shown("2026-07-14T00:00:00Z", zone("Asia/Shanghai")), "2026-07-14T08:00:00+08:00");
	check_eq_s(shown("2026-07-14T00:00:00Z", zone("America/New_York")), "2026-07-13T20:00:00-04:00");
	check_eq_s(shown("2026-01-14T00:00:00Z", zone("Europe/London")), "2026-01-14T00:00:00+00:00");
	check_eq_s(shown("2026-07-14T00:00:00Z", zone("-03:30")), "2026-07-13T20:30:00-03:30");
	/* Local mean time of Shanghai was +08:05:43. */
	check_eq_s(shown("1890-01-01T00:00:00Z", zone("Asia/Shanghai")), "1890-01-01T08:05:00+08:05");
	check_eq_s(time_format(INT64_MIN + 1, NULL, buf), "-290308-12-21T19:59:05.224193Z");
	check_eq_s(time_format(INT64_MAX, zone("+08:00"), buf), "294247-01-10T04:00:54.775807+08:00");
}

TEST(format_and_parse_agree)
{
	const struct zone *zones[] = {
	        zone_utc(), zone("Asia/Shanghai"), zone("America/New_York"), zone("+05:45")};
	char buf[40];

	for (int i = 0; i < 20000; i++) {
		time_us t = random_in(civil_days(1, 1, 2) * US_DAY, civil_days(9999, 12, 30) * US_DAY),
		        back = 0;
		check(time_parse(str_of(time_format(t, zones[i % 4], buf)), NULL, &back));
		check_eq_i(back, t);
	}
}

TEST(shanghai_offsets)
{
	const struct zone *z = zone("Asia/Shanghai");

	check_eq_s(zone_name(z), "Asia/Shanghai");
	check_eq_i(zone_offset_s(z, at("2026-07-14T00:00:00Z")), 28800);
	check_eq_i(zone_offset_s(z, at("2500-07-14T00:00:00Z")), 28800);
	/* Summer time of 1986 to 1991. */
	check_eq_i(zone_offset_s(z, at("1988-07-01T00:00:00Z")), 32400);
	check_eq_i(zone_offset_s(z, at("1988-12-01T00:00:00Z")), 28800);
	check_eq_i(zone_offset_s(z, at("1986-05-03T17:59:59Z")), 28800);
	check_eq_i(zone_offset_s(z, at("1986-05-03T18:00:00Z")), 32400);
	check_eq_i(zone_offset_s(z, at("1850-01-01T00:00:00Z")), 29143);
}

TEST(new_york_changes)
{
	const struct zone *z = zone("America/New_York");
	static const char *const years[] = {"2026-03-08", "2026-11-01", "2044-03-13", "2044-11-06"};

	for (int i = 0; i < 4; i++) {
		char text[40];
		time_us t;
		snprintf(text, sizeof(text), "%sT%s:00:00Z", years[i], i % 2 ? "06" : "07");
		t = at(text);
		check_eq_i(zone_offset_s(z, t - 1), i % 2 ? -14400 : -18000);
		check_eq_i(zone_offset_s(z, t), i % 2 ? -18000 : -14400);
	}
}

TEST(gap_moves_on_and_overlap_takes_the_first)
{
	const struct zone *z = zone("America/New_York");
	struct civil gap = {.year = 2026, .month = 3, .day = 8, .hour = 2, .minute = 30};
	struct civil twice = {.year = 2026, .month = 11, .day = 1, .hour = 1, .minute = 30};

	check_eq_i(zone_instant(z, &gap), at("2026-03-08T03:30:00-04:00"));
	check_eq_i(zone_instant(z, &twice), at("2026-11-01T01:30:00-04:00"));
	twice.hour = 2;
	check_eq_i(zone_instant(z, &twice), at("2026-11-01T02:30:00-05:00"));
	/* The hour carries over. */
	twice.hour = 24 * 30;
	check_eq_i(zone_instant(z, &twice), at("2026-12-01T00:30:00-05:00"));
}

TEST(southern_summer_spans_the_new_year)
{
	const struct zone *z = zone("Australia/Sydney");

	check_eq_i(zone_offset_s(z, at("2050-01-01T00:00:00Z")), 39600);
	check_eq_i(zone_offset_s(z, at("2050-12-31T23:59:59Z")), 39600);
	check_eq_i(zone_offset_s(z, at("2050-07-01T00:00:00Z")), 36000);
	check_eq_i(zone_offset_s(zone("Australia/Lord_Howe"), at("2050-01-01T00:00:00Z")), 39600);
	check_eq_i(zone_offset_s(zone("Australia/Lord_Howe"), at("2050-07-01T00:00:00Z")), 37800);
	/* Negative summer time: the winter is the exception. */
	check_eq_i(zone_offset_s(zone("Europe/Dublin"), at("2050-07-01T00:00:00Z")), 3600);
	check_eq_i(zone_offset_s(zone("Europe/Dublin"), at("2050-01-01T00:00:00Z")), 0);
}

/* Local time and back is the same instant, except in the second pass of an hour that comes twice. */
TEST(zone_round_trip)
{
	static const char *const names[] = {"Asia/Shanghai", "America/New_York", "Australia/Lord_Howe",
	        "Europe/Dublin", "Pacific/Apia", "Asia/Kathmandu", "America/Sao_Paulo", "+08:00"};

	for (size_t n = 0; n < ARRAY_LEN(names); n++) {
		const struct zone *z = zone(names[n]);
		for (int i = 0; i < 20000; i++) {
			time_us t = random_in(at("1900-01-01T00:00:00Z"), at("2100-01-01T00:00:00Z")), back;
			struct civil c;
			zone_civil(z, t, &c);
			check_eq_i(c.offset_s, zone_offset_s(z, t));
			back = zone_instant(z, &c);
			if (back == t)
				continue;
			/* An overlap: the same wall clock, earlier, at another offset. */
			check(back < t && t - back == (zone_offset_s(z, back) - c.offset_s) * US_SECOND);
		}
	}
}

TEST(zones_are_loaded_once)
{
	check_eq_p(zone("Asia/Shanghai"), zone("Asia/Shanghai"));
	check_eq_p(zone("+08:00"), zone("+08:00"));
	check_eq_p(zone("UTC"), zone_utc());
}

TEST(bad_zone_names)
{
	static const char *const names[] = {"", "Asia", "Asia/Nowhere", "../etc/passwd", "/etc/localtime",
	        "+8:00", "+24:00", "+08:60", "+08-00", "Asia/../UTC", "a\nb", "%s%s",
	        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
	const struct zone *z = NULL;
	struct err e = ERR_INIT;

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		check_err(zone_load(names[i], &z, &e), ERR_NOTFOUND);
	check(z == NULL);
	check_err(zone_load("Asia/Nowhere", &z, &e), ERR_NOTFOUND);
	check_has(e.text, "/usr/share/zoneinfo/Asia/Nowhere");
}

/* A TZif file of version 2 without transitions, and with this footer. */
static struct str tzif(const char *footer, char *buf)
{
	static const uint8_t head[44] = {
	        'T', 'Z', 'i', 'f', '2', [39] = 1, [43] = 4}; /* one type, four characters */
	static const uint8_t body[10] = {0, 0, 0, 0, 0, 0, 'L', 'M', 'T', 0};
	size_t n = 0;

	for (int i = 0; i < 2; i++) {
		memcpy(buf + n, head, 44);
		memcpy(buf + n + 44, body, 10);
		n += 54;
	}
	n += (size_t)snprintf(buf + n, 100, "\n%s\n", footer);
	return (struct str){buf, n};
}

TEST(posix_rules)
{
	static const struct {
		const char *footer, *at;
		int offset;
	} rows[] = {
	        {"CST-8", "2026-01-01T00:00:00Z", 28800},
	        {"<+0545>-5:45", "2026-01-01T00:00:00Z", 20700},
	        {"EST5EDT", "2026-07-01T00:00:00Z", -14400},
	        {"EST5EDT,M3.2.0,M11.1.0", "2026-03-08T06:59:59Z", -18000},
	        {"EST5EDT,M3.2.0,M11.1.0", "2026-03-08T07:00:00Z", -14400},
	        {"EST5EDT,M3.2.0/4:30,M11.1.0", "2026-03-08T09:29:59Z", -18000},
	        {"EST5EDT,M3.2.0/4:30,M11.1.0", "2026-03-08T09:30:00Z", -14400},
	        {"X0Y,J60/0,J300/0", "2024-02-29T23:59:59Z", 0},
	        {"X0Y,J60/0,J300/0", "2024-03-01T00:00:00Z", 3600},
	        {"X0Y,59/0,300/0", "2024-02-28T23:59:59Z", 0},
	        {"X0Y,59/0,300/0", "2024-02-29T00:00:00Z", 3600},
	        {"X0Y,0/0,J365/25", "2026-12-31T23:59:59Z", 3600},
	        {"X0Y,M10.5.0/-1,M3.4.4/50", "2026-10-24T22:59:59Z", 0},
	        {"X0Y,M10.5.0/-1,M3.4.4/50", "2026-10-24T23:00:00Z", 3600},
	};
	char buf[256];
	struct err e = ERR_INIT;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct zone *z = NULL;
		if (!check_ok(zone__from_tzif("x", tzif(rows[i].footer, buf), &z, &e), &e))
			continue;
		if (zone_offset_s(z, at(rows[i].at)) != rows[i].offset)
			check_fail(
			        "%s at %s: %d", rows[i].footer, rows[i].at, zone_offset_s(z, at(rows[i].at)));
		zone__free(&z);
	}
}

TEST(damaged_zone_files)
{
	static const char *const footers[] = {"CST", "-8", "CST-99999999999", "CST-8:60", "CST-100", "<+08-8",
	        "EST5EDT,", "EST5EDT,M3.2.0", "EST5EDT,M13.2.0,M11.1.0", "EST5EDT,M3.6.0,M11.1.0",
	        "EST5EDT,M3.2.7,M11.1.0", "EST5EDT,M3.2.0,M11.1.0,", "EST5EDT,J0,J5", "EST5EDT,366,1",
	        "EST5EDT,M3.2.0/168,M11.1.0", "EST5EDT,M3", "EST5EDT,M3.", "EST5EDT,M"};
	char buf[256];
	struct zone *z = NULL;
	struct err e = ERR_INIT;
	struct str whole;

	for (size_t i = 0; i < ARRAY_LEN(footers); i++)
		check_err(zone__from_tzif("x", tzif(footers[i], buf), &z, &e), ERR_CORRUPT);
	whole = tzif("CST-8", buf);
	for (size_t n = 0; n < whole.n; n++) {
		char *exact = xcalloc(1, n + 1);
		memcpy(exact, whole.p, n);
		check_err(zone__from_tzif("x", (struct str){exact, n}, &z, &e), ERR_CORRUPT);
		free(exact);
	}
	check(z == NULL);
}

/* Any byte of a real file changed: refused or read, never more. */
TEST(bent_zone_files)
{
	static char file[8192], bent[8192];
	FILE *f = fopen("/usr/share/zoneinfo/America/New_York", "re");
	size_t n;

	if (!check(f != NULL))
		return;
	n = fread(file, 1, sizeof(file), f);
	fclose(f);
	for (size_t i = 0; i < n; i++) {
		struct zone *z = NULL;
		memcpy(bent, file, n);
		bent[i] = (char)(bent[i] ^ (1 << i % 8));
		if (zone__from_tzif("x", (struct str){bent, n}, &z, NULL) == 0) {
			struct civil c;
			for (int y = -400; y < 400; y += 7)
				zone_civil(z, y * 365 * US_DAY, &c);
			zone_civil(z, INT64_MAX, &c);
			zone_civil(z, INT64_MIN, &c);
			zone_instant(z, &c);
		}
		zone__free(&z);
	}
}

TEST(durations_as_prometheus)
{
	static const struct {
		const char *text, *back;
		dur_us us;
	} rows[] = {
	        {"0", "0s", 0},
	        {"0s", "0s", 0},
	        {"15s", "15s", 15 * US_SECOND},
	        {"500ms", "500ms", 500 * US_MS},
	        {"1h30m", "1h30m", 90 * US_MINUTE},
	        {"90m", "1h30m", 90 * US_MINUTE},
	        {"2d", "2d", 2 * US_DAY},
	        {"1w", "1w", 7 * US_DAY},
	        {"1y", "1y", 365 * US_DAY},
	        {"8d", "8d", 8 * US_DAY},
	        {"90d", "90d", 90 * US_DAY},
	        {"1y2w3d4h5m6s7ms", "382d4h5m6s7ms",
	                382 * US_DAY + 4 * US_HOUR + 5 * US_MINUTE + 6007 * US_MS},
	};
	static const char *const wrongs[] = {"", "1", "s", "-1s", "1.5h", "1h 30m", "1m1h", "1h1h", "1x",
	        "1us", "1S", "9223372036854775807y", "99999999999999999999s", "1h30", "01", "0 "};
	char buf[32];
	dur_us d;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		check(dur_parse(str_of(rows[i].text), &d));
		check_eq_i(d, rows[i].us);
		check_eq_s(dur_format(d, buf), rows[i].back);
	}
	for (size_t i = 0; i < ARRAY_LEN(wrongs); i++)
		if (dur_parse(str_of(wrongs[i]), &d))
			check_fail("taken: %s", wrongs[i]);
	check_eq_s(dur_format(-90 * US_MINUTE, buf), "-1h30m");
	check_eq_s(dur_format(999, buf), "0s");
	check_eq_s(dur_format(INT64_MIN, buf), "-106751991d4h54s775ms");
}

TEST(durations_as_iso)
{
	static const struct {
		const char *text;
		int months;
		dur_us rest;
	} rows[] = {
	        {"PT15M", 0, 15 * US_MINUTE},
	        {"P1DT12H", 0, 36 * US_HOUR},
	        {"-P2W", 0, -14 * US_DAY},
	        {"P1Y2M", 14, 0},
	        {"-P1Y2M3DT4H5M6.25S", -14, -(3 * US_DAY + 4 * US_HOUR + 5 * US_MINUTE + 6250 * US_MS)},
	        {"P1M", 1, 0},
	        {"PT1M", 0, US_MINUTE},
	        {"PT0S", 0, 0},
	        {"PT36H", 0, 36 * US_HOUR},
	};
	static const char *const wrongs[] = {"", "P", "PT", "P1", "P1DT", "1D", "P1H", "PT1D", "P1.5D",
	        "PT1.S", "PT1S1H", "P1D1D", "+P1D", "P-1D", "P1S", "PT1S ", "P99999999999Y",
	        "P99999999999999D", "T1H", "PT1HT1M"};
	int months;
	dur_us rest;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		check(dur_parse_iso(str_of(rows[i].text), &months, &rest));
		check_eq_i(months, rows[i].months);
		check_eq_i(rest, rows[i].rest);
	}
	for (size_t i = 0; i < ARRAY_LEN(wrongs); i++)
		if (dur_parse_iso(str_of(wrongs[i]), &months, &rest))
			check_fail("taken: %s", wrongs[i]);
}

TEST(adds_calendar_months)
{
	const struct zone *z = zone("Asia/Shanghai"), *ny = zone("America/New_York");

	check_eq_i(time_add(z, at("2026-01-31T10:00:00+08:00"), 1, 0), at("2026-02-28T10:00:00+08:00"));
	check_eq_i(time_add(z, at("2024-02-29T10:00:00+08:00"), 12, 0), at("2025-02-28T10:00:00+08:00"));
	check_eq_i(
	        time_add(z, at("2026-01-15T10:00:00+08:00"), -13, US_HOUR), at("2024-12-15T11:00:00+08:00"));
	/* 01-31 23:00 local is the next day in UTC. */
	check_eq_i(time_add(ny, at("2026-01-31T23:00:00-05:00"), 2, 0), at("2026-03-31T23:00:00-04:00"));
	check_eq_i(time_add(z, 0, INT32_MAX, 0), INT64_MAX);
	check_eq_i(time_add(z, 0, INT32_MIN, 0), INT64_MIN + 1);
	check_eq_i(time_add(z, INT64_MAX - 5, 0, 10), INT64_MAX);
}

static void check_changes(const char *name, const char *from, const char *const *want, int n)
{
	const struct zone *z = zone(name);
	time_us t = at(from);

	for (int i = 0; i < n; i++) {
		time_us next = zone_next_change(z, t);

		check_eq_i(next, want[i] != NULL ? at(want[i]) : TIME_NONE);
		if (want[i] == NULL || next == TIME_NONE)
			return;
		check(zone_offset_s(z, next - 1) != zone_offset_s(z, next));
		check_eq_i(zone_next_change(z, next - 1), next);
		t = next;
	}
}

TEST(next_changes_of_zones)
{
	static const char *const york[] = {
	        "2026-03-08T07:00:00Z", "2026-11-01T06:00:00Z", "2027-03-14T07:00:00Z"};
	static const char *const later[] = {"2300-03-11T07:00:00Z", "2300-11-04T06:00:00Z"};
	static const char *const china[] = {"1991-09-14T17:00:00Z", NULL};
	static const char *const none[] = {NULL};

	check_changes("America/New_York", "2026-01-01T00:00:00Z", york, 3);
	check_changes("America/New_York", "2300-01-01T00:00:00Z", later, 2);
	check_changes("Asia/Shanghai", "1991-06-01T00:00:00Z", china, 2);
	check_changes("UTC", "2026-01-01T00:00:00Z", none, 1);
	check_changes("+08:00", "2026-01-01T00:00:00Z", none, 1);
	check_eq_i(zone_next_change(zone("America/New_York"), INT64_MAX), TIME_NONE);
}
