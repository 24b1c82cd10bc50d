#include "ingest/payload.h"
#include "check.h"

#include <math.h>

static struct readings out;

static bool parse(struct arena *a, const char *payload, const char *metric)
{
	return payload_parse(a, str_of(payload), str_of(metric), &out);
}

TEST(a_number)
{
	struct arena *a = arena_new(0);

	check(parse(a, " 25.5\n", "ch4_lel"));
	check_eq_i(out.n, 1);
	check_str(out.r[0].metric, "ch4_lel");
	check_eq_d(out.r[0].v, 25.5);
	check_eq_i(out.r[0].t, TIME_NONE);
	check(parse(a, "true", "on"));
	check_eq_d(out.r[0].v, 1);
	check(!parse(a, "NaN", "x"));
	check(!parse(a, "warm", "x"));
	check_has(out.why, "neither a number nor JSON");
	check(!parse(a, "", "x"));
	check(!parse(a, "12", NULL));
	arena_free(&a);
}

TEST(value_and_time)
{
	struct arena *a = arena_new(0);

	check(parse(a, "{\"v\": 2.5, \"t\": \"2026-07-14T08:00:00+08:00\"}", "level"));
	check_str(out.r[0].metric, "level");
	check_eq_i(out.r[0].t, INT64_C(1783987200000000));
	check(parse(a, "{\"value\": 3, \"ts\": 1783987200123}", "level"));
	check_eq_i(out.r[0].t, INT64_C(1783987200123000));
	arena_free(&a);
}

TEST(flat_object)
{
	struct arena *a = arena_new(0);

	check(parse(a,
	        "{\"ch4_lel\":25,\"ok\":false,\"name\":\"x\",\"deep\":{\"a\":[1,{}]},\"temp\":19.5,\"ts\":"
	        "1000}",
	        NULL));
	check_eq_i(out.n, 3);
	check_eq_i(out.refused, 2);
	check_str(out.r[2].metric, "temp");
	check_eq_i(out.r[0].t, 1000000);
	check_eq_i(out.r[2].t, 1000000);
	arena_free(&a);
}

TEST(thingsboard_and_lists)
{
	struct arena *a = arena_new(0);

	check(parse(a, "[{\"ts\":1,\"values\":{\"a\":1,\"b\":2}},{\"ts\":2,\"values\":{\"a\":3}},{\"c\":4}]",
	        NULL));
	check_eq_i(out.n, 4);
	check_eq_i(out.r[1].t, 1000);
	check_eq_i(out.r[2].t, 2000);
	check_eq_i(out.r[3].t, TIME_NONE);
	arena_free(&a);
}

TEST(nothing_of_a_torn_message)
{
	static const char *const torn[] = {"{\"a\":1", "{\"a\":1}}", "[{\"a\":1},", "{\"a\":1,}", "{\"a\" 1}",
	        "[1,2]", "\"x\"", "{", "[", "{\"a\":{\"b\":1}", "{\"a\":1} {\"b\":2}"};
	struct arena *a = arena_new(0);

	for (size_t i = 0; i < ARRAY_LEN(torn); i++)
		if (parse(a, torn[i], NULL) || out.n != 0 || out.why == NULL)
			check_fail("believed: %s", torn[i]);
	check(!parse(a, "{}", NULL));
	check_has(out.why, "no reading");
	arena_free(&a);
}

TEST(a_time_that_cannot_be_read_is_not_now)
{
	struct arena *a = arena_new(0);

	check(!parse(a, "{\"a\":1,\"ts\":\"yesterday\",\"b\":2}", NULL));
	check_eq_i(out.n, 0);
	check(out.why != NULL);
	arena_free(&a);
}

TEST(escaped_names)
{
	struct arena *a = arena_new(0);

	check(parse(a, "{\"pm2\\u002e5\":7}", NULL));
	check_str(out.r[0].metric, "pm2.5");
	arena_free(&a);
}
