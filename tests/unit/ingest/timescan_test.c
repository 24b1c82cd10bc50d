#include "ingest/timescan.h"
#include "check.h"

static bool is(const char *text, const char *format, const char *expected)
{
	const struct zone *z = NULL;
	time_us t = TIME_NONE;
	char buf[40];

	check_ok(zone_load("Asia/Shanghai", &z, NULL), NULL);
	if (!time_scan(str_of(text), format, z, &t))
		return check_eq_s("", expected);
	return check_eq_s(time_format(t, z, buf), expected);
}

TEST(as_others_write_times)
{
	is("2026-07-14 08:05:09", "%Y-%m-%d %H:%M:%S", "2026-07-14T08:05:09+08:00");
	is("2026/7/4 8:5", "%Y/%m/%d %H:%M", "2026-07-04T08:05:00+08:00");
	is("2026年7月14日 8时", "%Y年%m月%d日 %H时", "2026-07-14T08:00:00+08:00");
	is("20260714080509.25", "%Y%m%d%H%M%S.%f", "2026-07-14T08:05:09.250+08:00");
	is("14.07.26    08:00", "%d.%m.%y %H:%M", "2026-07-14T08:00:00+08:00");
	is("14.07.99", "%d.%m.%y", "1999-07-14T00:00:00+08:00");
	is("2026-07-14T00:00:00Z", "%Y-%m-%dT%H:%M:%S%z", "2026-07-14T08:00:00+08:00");
	is("2026-07-14T00:00:00+0530", "%Y-%m-%dT%H:%M:%S%z", "2026-07-14T02:30:00+08:00");
	is("2026-07-14T00:00:00-01:00", "%Y-%m-%dT%H:%M:%S%z", "2026-07-14T09:00:00+08:00");
	is("2026-07-14 24:00", "%Y-%m-%d %H:%M", "2026-07-15T00:00:00+08:00");
	is("100% 2026", "100%% %Y", "2026-01-01T00:00:00+08:00");
}

TEST(what_is_no_time)
{
	static const struct {
		const char *text, *format;
	} no[] = {{"2026-02-30", "%Y-%m-%d"}, {"2026-13-01", "%Y-%m-%d"}, {"2026-00-01", "%Y-%m-%d"},
	        {"2026-07-14 25:00", "%Y-%m-%d %H:%M"}, {"2026-07-14 24:01", "%Y-%m-%d %H:%M"},
	        {"2026-07-14 ", "%Y-%m-%d"}, {"2026-07", "%Y-%m-%d"}, {"", "%Y"}, {"x", "%Y"},
	        {"2026x", "%Y"}, {"12:60", "%H:%M"}, {"1+", "%d%z"}, {"1+25:00", "%d%z"}, {"1", "%d%f"},
	        {"%", "%%%%"}};

	for (size_t i = 0; i < ARRAY_LEN(no); i++)
		if (!is(no[i].text, no[i].format, ""))
			check_fail("%s by %s", no[i].text, no[i].format);
	check(time_scan_valid("%Y%%"));
	check(!time_scan_valid("%"));
	check(!time_scan_valid("%Y-%q"));
}
