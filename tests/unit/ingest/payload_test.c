#include "ingest/payload.h"
#include "check.h"

#include <math.h>

static struct readings out;

static bool parse_as(struct arena *a, enum payload_things things, const char *payload, const char *metric)
{
	const struct payload_shape shape = {.things = things, .metric = str_of(metric), .zone = zone_utc()};

	return payload_parse(a, str_of(payload), &shape, &out);
}

static bool parse(struct arena *a, const char *payload, const char *metric)
{
	return parse_as(a, PAYLOAD_ONE, payload, metric);
}

static const struct zone *zone_of(void *ctx, struct str thing)
{
	const struct zone *z = ctx;

	if (str_is(thing, "WEST") && zone_load("-05:00", &z, NULL) < 0)
		check_fail("there is no -05:00");
	return z;
}

/* "thing metric=value@seconds" of each, and "!at:why" of each refusal. */
static const char *said(struct arena *a)
{
	struct sb b = SB_INIT;
	const char *text;

	for (int i = 0; i < out.n; i++) {
		const struct reading *r = &out.r[i];

		sb_printf(&b, "%s" STR_FMT "%s" STR_FMT "=", i > 0 ? " " : "", STR_ARG(r->thing),
		        r->thing.n > 0 ? "." : "", STR_ARG(r->metric));
		if (r->text.p != NULL)
			sb_printf(&b, "'" STR_FMT "'", STR_ARG(r->text));
		else
			sb_printf(&b, "%g", r->v);
		if (r->t != TIME_NONE)
			sb_printf(&b, "@%g", (double)r->t / 1e6);
	}
	for (int i = 0; i < out.bads; i++)
		sb_printf(&b, " !%d:%s", out.bad[i].at, refusal_name(out.bad[i].why));
	text = arena_strndup(a, b.p != NULL ? b.p : "", b.n);
	sb_fini(&b);
	return text;
}

static void says_as(enum payload_things things, const char *payload, const char *metric, const char *expected)
{
	struct arena *a = arena_new(0);
	bool any = parse_as(a, things, payload, metric);

	if (strcmp(said(a), expected) != 0)
		check_fail("%s says %s, not %s", payload, said(a), expected);
	check_eq_i(any, out.n > 0 || out.bads == 0);
	arena_free(&a);
}

static void says(const char *payload, const char *metric, const char *expected)
{
	says_as(PAYLOAD_ONE, payload, metric, expected);
}

TEST(one_value)
{
	says(" 25.5\n", "ch4_lel", "ch4_lel=25.5");
	says("true", "on", "on=1");
	says("FALSE", "on", "on=0");
	says("open", "door", "door='open'");
	says("\"half open\"", "door", "door='half open'");
	says("\"21.5\"", "temp", "temp=21.5");
	says("关", "door", "door='关'");
	says("NaN", "x", " !0:value");
	says("-inf", "x", " !0:value");
	says("", "x", " !0:syntax");
	says("12", NULL, " !0:syntax");
	says("\"x\"", NULL, " !0:syntax");
}

TEST(value_and_time)
{
	says("{\"v\": 2.5, \"t\": \"2026-07-14T08:00:00+08:00\"}", "level", "level=2.5@1.78399e+09");
	says("{\"value\": \"open\", \"ts\": 2000000000123}", "door", "door='open'@2e+09");
	says("{\"value\": 1, \"ts\": null}", "door", "door=1");
}

static time_us at(const char *s)
{
	time_us t = TIME_NONE;

	return time_of_number(str_of(s), &t) ? t : TIME_NONE;
}

TEST(units_of_time_by_size)
{
	check_eq_i(at("1783987200"), INT64_C(1783987200000000));
	check_eq_i(at("1783987200.25"), INT64_C(1783987200250000));
	check_eq_i(at("1783987200123"), INT64_C(1783987200123000));
	check_eq_i(at("1783987200123456"), INT64_C(1783987200123456));
	check_eq_i(at("1783987200123456789"), INT64_C(1783987200123456));
	check_eq_i(at("0"), 0);
	check_eq_i(at("-1"), -1000000);
	check_eq_i(at("-1783987200123456789"), INT64_C(-1783987200123457));
	check_eq_i(at("9223372036854775808"), TIME_NONE);
	check_eq_i(at("1e300"), TIME_NONE);
	check_eq_i(at(""), TIME_NONE);
	check_eq_i(at("yesterday"), TIME_NONE);
}

TEST(texts_without_offset_are_local)
{
	struct arena *a = arena_new(0);
	const struct zone *z = NULL;
	struct payload_shape shape = {.things = PAYLOAD_ONE};

	check_ok(zone_load("Asia/Shanghai", &z, NULL), NULL);
	shape.zone = z;
	check(payload_parse(a, STR_LIT("{\"x\":1,\"time\":\"2026-07-14 08:00:00\"}"), &shape, &out));
	check_eq_i(out.r[0].t, INT64_C(1783987200000000));
	arena_free(&a);
}

TEST(a_flat_object)
{
	says("{\"ch4_lel\":25,\"ok\":false,\"name\":\"x\",\"none\":null,\"gap\":\"\",\"temp\":\"19.5\","
	     "\"ts\":1000}",
	        NULL, "ch4_lel=25@1000 ok=0@1000 name='x'@1000 temp=19.5@1000");
	says("{\"ts\":\"1000\",\"a\":1}", NULL, "a=1@1000");
	says("{\"a\":1e999,\"b\":2,\"c\":[1,{}],\"d\":\"nan\"}", NULL, "b=2 !1:value !1:value !1:value");
	says("{}", NULL, "");
}

TEST(objects_inside_are_joined_by_a_line_below)
{
	says("{\"env\":{\"temp\":1,\"wind\":{\"speed\":2,\"t\":3}},\"ts\":5}", NULL,
	        "env_temp=1@5 env_wind_speed=2@5 env_wind_t=3@5");
}

TEST(thingsboard_and_lists)
{
	says("{\"ts\":1451649600512,\"values\":{\"a\":1,\"b\":\"x\"}}", NULL,
	        "a=1@1.45165e+09 b='x'@1.45165e+09");
	says("[{\"ts\":1,\"values\":{\"a\":1,\"b\":2}},{\"ts\":2,\"values\":{\"a\":3}},{\"c\":4}]", NULL,
	        "a=1@1 b=2@1 a=3@2 c=4");
	says("[{\"a\":1},7,{\"a\":\"inf\"},[],{\"a\":2}]", NULL, "a=1 a=2 !2:syntax !3:value !4:syntax");
	says("[]", NULL, "");
}

TEST(gateways_and_named_things)
{
	says_as(PAYLOAD_GATEWAY,
	        "{\"A 1\":[{\"ts\":1,\"values\":{\"x\":1}},{\"x\":2}],\"B\":{\"y\":\"on\"},\"C\":5}", NULL,
	        "A 1.x=1@1 A 1.x=2 B.y='on' !3:syntax");
	says_as(PAYLOAD_NAMED,
	        "[{\"x\":1,\"thing\":\"A\",\"ts\":7},{\"thing\":\"B\",\"e\":{\"f\":2}},{\"x\":3}]", NULL,
	        "A.x=1@7 B.e_f=2 x=3");
	says_as(PAYLOAD_NAMED, "{\"A\":[{\"ts\":1,\"values\":{\"x\":1}}],\"B\":[{\"x\":2}]}", NULL,
	        "A.x=1@1 B.x=2");
	/* Where the thing is known, `thing` is a member as any other. */
	says("{\"thing\":\"A\",\"x\":1}", NULL, "thing='A' x=1");
}

TEST(nothing_of_a_torn_message)
{
	static const char *const torn[] = {"{\"a\":1", "{\"a\":1}}", "[{\"a\":1},", "{\"a\":1,}", "{\"a\" 1}",
	        "{", "[", "{\"a\":{\"b\":1}", "{\"a\":1} {\"b\":2}", "{\"a\":[1,2}",
	        "{\"a\":1,\"ts\":", "nothing", "{\"values\":{\"a\":1}", "{'a':1}", "{\"a\":+1}",
	        "{\"a\":0x10}", "{\"a\":NaN}"};
	static const enum payload_things shapes[] = {PAYLOAD_ONE, PAYLOAD_NAMED, PAYLOAD_GATEWAY};
	struct arena *a = arena_new(0);

	for (size_t i = 0; i < ARRAY_LEN(torn) * ARRAY_LEN(shapes); i++)
		if (parse_as(a, shapes[i % 3], torn[i / 3], NULL) || out.n != 0 || out.bads != 1 ||
		        out.bad[0].why != REFUSED_SYNTAX)
			check_fail("believed: %s", torn[i / 3]);
	check(!parse(a, "{\"a\":\"\xff\"}", NULL));
	check_eq_i(out.bad[0].why, REFUSED_UTF8);
	check(!parse(a, "{\"a\":1,,}", NULL));
	check_has(out.bad[0].words, "byte");
	arena_free(&a);
}

TEST(a_time_that_cannot_be_read_is_not_now)
{
	says("{\"a\":1,\"ts\":\"yesterday\",\"b\":2}", NULL, " !1:value");
	says("[{\"a\":1,\"ts\":true},{\"a\":2}]", NULL, "a=2 !1:value");
}

TEST(escaped_names)
{
	says("{\"pm2\\u002e5\":7}", NULL, "pm2.5=7");
}

TEST(a_payload_has_an_end)
{
	struct arena *a = arena_new(0);
	struct sb b = SB_INIT;

	sb_putc(&b, '[');
	for (int i = 0; i < PAYLOAD_BADS + 10; i++)
		sb_puts(&b, "1,");
	sb_puts(&b, "{\"a\":1}]");
	check(!parse(a, b.p, NULL));
	check_eq_i(out.bads, PAYLOAD_BADS);
	check_has(out.bad[PAYLOAD_BADS - 1].words, "not looked at");
	arena_free(&a);
	/* Nor more memory than it may have. */
	a = arena_new(1 << 16);
	sb_reset(&b);
	sb_puts(&b, "{\"x\":1");
	for (int i = 0; i < 20000; i++)
		sb_printf(&b, ",\"x%d\":1", i);
	sb_puts(&b, "}");
	check(parse(a, b.p, NULL));
	check(out.n > 0 && out.n < 20000);
	sb_fini(&b);
	arena_free(&a);
}

static const char *in_zones(
        struct arena *a, enum payload_things things, const char *thing, const char *payload)
{
	const struct payload_shape shape = {.things = things,
	        .metric = STR_NULL,
	        .zone = zone_utc(),
	        .zone_of = zone_of,
	        .ctx = (void *)(uintptr_t)zone_utc(),
	        .thing = thing != NULL ? str_of(thing) : STR_NULL};

	check(payload_parse(a, str_of(payload), &shape, &out));
	return said(a);
}

TEST(a_time_without_a_zone_is_in_that_of_its_thing)
{
	struct arena *a = arena_new(0);

	check_eq_s(in_zones(a, PAYLOAD_ONE, "WEST", "{\"ts\":\"1970-01-01 00:00:00\",\"v\":1}"), "v=1@18000");
	check_eq_s(in_zones(a, PAYLOAD_ONE, "EAST", "{\"ts\":\"1970-01-01 00:00:00\",\"v\":1}"), "v=1@0");
	check_eq_s(in_zones(a, PAYLOAD_ONE, "WEST", "{\"ts\":\"1970-01-01T00:00:00Z\",\"v\":1}"), "v=1@0");
	check_eq_s(in_zones(a, PAYLOAD_ONE, "WEST", "{\"ts\":7,\"v\":1}"), "v=1@7");
	/* What says of which thing it is comes behind the time. */
	check_eq_s(in_zones(a, PAYLOAD_NAMED, NULL,
	                   "[{\"ts\":\"1970-01-01 00:00:00\",\"v\":1,\"thing\":\"WEST\"},"
	                   "{\"v\":2,\"ts\":\"1970-01-01 00:00:00\",\"thing\":\"EAST\"}]"),
	        "WEST.v=1@18000 EAST.v=2@0");
	check_eq_s(in_zones(a, PAYLOAD_GATEWAY, NULL,
	                   "{\"WEST\":[{\"ts\":\"1970-01-01 00:00:00\",\"values\":{\"v\":1}}],"
	                   "\"EAST\":[{\"ts\":\"1970-01-01 00:00:00\",\"values\":{\"v\":2}}]}"),
	        "WEST.v=1@18000 EAST.v=2@0");
	check_eq_s(in_zones(a, PAYLOAD_ONE, "WEST", "[{\"ts\":\"soon\",\"v\":1},{\"v\":2}]"), "v=2 !1:value");
	arena_free(&a);
}
