#include "ingest/sheet.h"
#include "check.h"

static struct arena *a;
static struct err e;

static struct mapping *mapping(const char *yaml)
{
	struct mapping *m = NULL;

	e = (struct err)ERR_INIT;
	return mapping_read(a, str_of(yaml), "m.yaml", &m, &e) == 0 ? m : NULL;
}

static struct str serial(void *ctx, struct str word)
{
	(void)ctx;
	return str_is(word, "SN1") ? STR_LIT("A-1") : STR_NULL;
}

static const struct zone *zone_of(void *ctx, struct str thing)
{
	const struct zone *z = zone_utc();

	(void)ctx;
	if (str_is(thing, "WEST") && zone_load("-05:00", &z, NULL) < 0)
		check_fail("there is no -05:00");
	return z;
}

/* Each row's "line thing.metric=value@time" and "line!why" of refusals; NULL when the sheet cannot be opened.
 */
static const char *rows(const struct mapping *m, const char *text)
{
	const struct sheet_things things = {NULL, serial, zone_of};
	struct arena *row = arena_new(0);
	struct sheet *s = NULL;
	struct readings read;
	struct sb b = SB_INIT;
	const char *out = NULL;

	e = (struct err)ERR_INIT;
	if (sheet_open(a, m, str_of(text), zone_utc(), &things, &s, &e) == 0) {
		while (sheet_next(s, row, &read) > 0) {
			for (int i = 0; i < read.n; i++) {
				const struct reading *r = &read.r[i];

				sb_printf(&b, "%d " STR_FMT "." STR_FMT "=", r->at, STR_ARG(r->thing),
				        STR_ARG(r->metric));
				if (r->text.p != NULL)
					sb_printf(&b, "'" STR_FMT "'", STR_ARG(r->text));
				else
					sb_printf(&b, "%g", r->v);
				sb_printf(&b, "@%lld\n", (long long)(r->t / US_SECOND));
			}
			for (int i = 0; i < read.bads; i++)
				sb_printf(&b, "%d!%s %s\n", read.bad[i].at, refusal_name(read.bad[i].why),
				        read.bad[i].words);
			arena_reset(row);
		}
		sb_printf(&b, "%d gaps", (int)sheet_gaps(s));
		out = arena_strndup(a, b.p, b.n);
	}
	sb_fini(&b);
	arena_free(&row);
	return out;
}

TEST(a_wide_sheet)
{
	const struct mapping *m;

	a = arena_new(0);
	m = mapping("time: {columns: [日期, 时刻], format: \"%Y/%m/%d %H:%M\", zone: \"+08:00\"}\n"
	            "thing: {column: 站点, codes: {奥体中心: AQ-01}}\n"
	            "none: [NA, \"-\"]\n"
	            "readings:\n"
	            "  - {column: PM2.5, metric: pm25, factor: 1000, offset: 0.5}\n"
	            "  - {column: 风向, metric: wind, states: true}\n");
	check(m != NULL);
	check_eq_s(rows(m, "日期,时刻,站点,PM2.5,风向,备注\r\n"
	                   "2026/7/14,8:00,奥体中心,0.012,NNW,x\r\n"
	                   "\r\n"
	                   "2026/7/14,9:00,奥体中心,NA,-,\r\n"
	                   "2026/7/14,10:00,别处,1,W\r\n"
	                   "2026/7/14,later,奥体中心,1,W\r\n"
	                   "2026/7/14,11:00,奥体中心,high,W\r\n"
	                   "2026/7/14,12:00,奥体中心\r\n"
	                   "2026/7/14,12:00,奥体中心,1,2,3,4\r\n"
	                   "2026/7/14,13:00,奥体中心,\"1\r\n"
	                   "2026/7/14,14:00,奥体中心,nan,7\r\n"),
	        "2 AQ-01.pm25=12.5@1783987200\n"
	        "2 AQ-01.wind='NNW'@1783987200\n"
	        "5!name 站点: the mapping's codes do not have this thing\n"
	        "6!value 日期: the time cannot be read\n"
	        "7 AQ-01.wind='W'@1783998000\n"
	        "7!value PM2.5: this is no number, and no word that stands for none\n"
	        "9!syntax the row has more fields than there are names\n"
	        "10!syntax a quoted field has no closing quote\n"
	        "11 AQ-01.wind=7@1784008800\n"
	        "11!value PM2.5: NaN and infinity are no readings\n"
	        "4 gaps");
	check(rows(m, "日期,时刻,站点,PM2.5\n") == NULL);
	check_has(e.text, "风向");
	check(rows(m, "") == NULL);
	check_has(e.text, "no row with the names");
	arena_free(&a);
}

TEST(a_long_sheet_without_names)
{
	const struct mapping *m;

	a = arena_new(0);
	m = mapping("header: false\nskip: 2\nseparator: \";\"\ndecimal: \",\"\n"
	            "time: {column: 1}\n"
	            "thing: {column: 2, attribute: serial}\n"
	            "metric: {column: 3, names: {T: temp}}\n"
	            "value: {column: 4}\n");
	check_eq_s(rows(m, "Logger "
	                   "7\n\n1783987200;SN1;T;1.021,5\n1783987200000;SN1;H;1\n2026-07-14T00:00:00Z;SN2;T;"
	                   "1\n"),
	        "3 A-1.temp=1021.5@1783987200\n"
	        "4!name 3: the mapping's names do not have this metric\n"
	        "5!name 2: no thing has this attribute\n"
	        "0 gaps");
	m = mapping("separator: tab\nthousands: \",\"\ntime: {column: t}\nthing: {code: A-2}\n"
	            "metric: {column: m}\nvalue: {column: v, factor: 2}\n");
	check_eq_s(rows(m, "t\tm\tv\n0\tx y\t12,000.5\n"), "2 A-2.x y=24001@0\n0 gaps");
	arena_free(&a);
}

TEST(by_the_names)
{
	a = arena_new(0);
	check_eq_s(
	        rows(NULL, "Time,thing,pm25,door\n1783987200,A-1,12,—\n1783987200,A-1,true,open\n1,,1,1\n"),
	        "2 A-1.pm25=12@1783987200\n"
	        "3 A-1.pm25=1@1783987200\n"
	        "3!value door: this is no number, and no word that stands for none\n"
	        "4!name thing: no thing is named\n"
	        "1 gaps");
	check_eq_s(rows(NULL, "时间,编号,x\n2026/7/14 8:00,A,1\n2026-07-14 08:00,A,2\n2026年7月14日 8时,A,3\n"
	                      "14/7/2026 8:00,A,4\n"),
	        "2 A.x=1@1784016000\n3 A.x=2@1784016000\n4 A.x=3@1784016000\n"
	        "5!value 时间: the time cannot be read\n0 gaps");
	check_eq_s(rows(NULL, "\xef\xbb\xbf时间,设备编号,指标,数值\n1783987200,A-1,x,1\n"),
	        "2 A-1.x=1@1783987200\n0 gaps");
	check(rows(NULL, "a,b\n") == NULL);
	check_has(e.text, "no time");
	check(rows(NULL, "time,thing,metric\n") == NULL);
	check_has(e.text, "no value");
	arena_free(&a);
}

TEST(a_mapping_that_is_none)
{
	static const struct {
		const char *yaml, *words;
		int line;
	} no[] = {
	        {"time: {column: t}\nthing: {code: A}\nreading: []\n", "reading", 3},
	        {"thing: {code: A}\nreadings: [{column: x}]\n", "which column is the time", 1},
	        {"time: {column: t}\nreadings: [{column: x}]\n", "of which thing", 1},
	        {"time: {column: t}\nthing: {code: A}\n", "metric and value", 1},
	        {"time: {column: t}\nthing: {code: A}\nreadings: []\n", "a list of columns", 3},
	        {"time: {column: t}\nthing: {code: A}\nmetric: {column: m}\nvalue: {column: v}\nreadings: "
	         "[{column: x}]\n",
	                "metric and value", 1},
	        {"time: {format: \"%Y\"}\nthing: {code: A}\nreadings: [{column: x}]\n", "column: NAME", 1},
	        {"time: {column: t, format: \"%Q\"}\nthing: {code: A}\nreadings: [{column: x}]\n", "%Y %y",
	                1},
	        {"time: {column: t, zone: Mars/Base}\nthing: {code: A}\nreadings: [{column: x}]\n", "Mars",
	                1},
	        {"time: t\nthing: {code: A}\nreadings: [{column: x}]\n", "group", 1},
	        {"time: {column: t}\nthing: {code: A, column: x}\nreadings: [{column: x}]\n", "not by both",
	                2},
	        {"separator: \"::\"\ntime: {column: t}\nthing: {code: A}\nreadings: [{column: x}]\n",
	                "one character", 1},
	        {"skip: -1\ntime: {column: t}\nthing: {code: A}\nreadings: [{column: x}]\n", "0 to 10,000",
	                1},
	        {"none: NA\ntime: {column: t}\nthing: {code: A}\nreadings: [{column: x}]\n",
	                "a list is needed", 1},
	        {"[1]", "group", 1},
	        {"time: {column: t}\nthing: {code: A, codes: [1]}\nreadings: [{column: x}]\n", "pairs", 2},
	};

	a = arena_new(0);
	for (size_t i = 0; i < ARRAY_LEN(no); i++) {
		if (mapping(no[i].yaml) != NULL)
			check_fail("taken: %s", no[i].yaml);
		check_has(e.text, no[i].words);
		check_eq_i(e.line, no[i].line);
		check_eq_s(e.where, "m.yaml");
	}
	arena_free(&a);
}

TEST(a_time_is_in_the_zone_of_its_thing_unless_the_mapping_says_one)
{
	a = arena_new(0);
	check_eq_s(rows(NULL, "time,thing,v\n1970-01-01 00:00,WEST,1\n1970-01-01 00:00,EAST,2\n"
	                      "1970-01-01T00:00:00Z,WEST,3\n60,WEST,4\n"),
	        "2 WEST.v=1@18000\n3 EAST.v=2@0\n4 WEST.v=3@0\n5 WEST.v=4@60\n0 gaps");
	check_eq_s(rows(mapping("time: {column: time, zone: \"+01:00\"}\nthing: {column: thing}\n"
	                        "readings:\n  - {column: v, metric: v}\n"),
	                   "time,thing,v\n1970-01-01 01:00,WEST,1\n"),
	        "2 WEST.v=1@0\n0 gaps");
	arena_free(&a);
}
