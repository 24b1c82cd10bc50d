/* Prometheus' API, byte for byte where Prometheus would say the same. */
#include "check.h"
#include "door.h"

static struct city town;
static const char *duty;

static void begin(void)
{
	city_open(&town);
	duty = sign_in(&town, "duty");
	for (int i = 0; i <= 10; i++)
		city_reading(&town, "ch4_lel", "G-1", i * 30 - 300, i * 0.5);
	city_reading(&town, "ch4_lel", "G-2", -1.5, 7);
	city_reading(&town, "level", "X", -0, 1e21);
}

static const char *get(const char *target)
{
	return ask("GET", target, duty, NULL).body;
}

#define AT "1783987200" /* CITY_NOW */

TEST(instant_queries)
{
	begin();
	check_eq_s(get("/prometheus/api/v1/query?query=ch4_lel%7Bthing=%22G-1%22%7D&time=" AT),
	        "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[{\"metric\":"
	        "{\"__name__\":\"ch4_lel\",\"kind\":\"gas\",\"org\":\"o1\",\"region\":\"3201\",\"thing\":\"G-"
	        "1\"},"
	        "\"value\":[" AT ",\"5\"]}]}}");
	check_eq_s(get("/prometheus/api/v1/query?query=1%2B1&time=1.5"),
	        "{\"status\":\"success\",\"data\":{\"resultType\":\"scalar\",\"result\":[1.5,\"2\"]}}");
	check_eq_s(get("/prometheus/api/v1/query?query=%22hi%22&time=2026-07-14T08:00:00%2B08:00"),
	        "{\"status\":\"success\",\"data\":{\"resultType\":\"string\",\"result\":[" AT ",\"hi\"]}}");
	check_has(get("/prometheus/api/v1/query?query=level"), "\"1e+21\"");
	check_has(get("/prometheus/api/v1/query?query=1%2F0&time=0"), "[0,\"+Inf\"]");
	check_has(get("/prometheus/api/v1/query?query=ch4_lel%7Bthing=%22G-2%22%7D%5B1m%5D&time=" AT),
	        "\"resultType\":\"matrix\",\"result\":[{\"metric\":{\"__name__\":\"ch4_lel\",\"kind\":"
	        "\"gas\","
	        "\"org\":\"o1\",\"region\":\"3202\",\"thing\":\"G-2\"},\"values\":[[1783987198.500,\"7\"]]}"
	        "]");
	check_has(get("/prometheus/api/v1/query?query=ch4_lel&limit=1"), "results truncated due to limit");
	check_has(get("/prometheus/api/v1/query?query=ch4_lel&stats=all"),
	        "\"stats\":{\"timings\":{\"evalTotalTime\":");
	check_has(get("/prometheus/api/v1/query?query=ch4_lel&stats=all"), "\"totalQueryableSamples\":");
	check_has(get("/prometheus/api/v1/query?query=rate(ch4_lel%5B1m%5D)"),
	        "\"infos\":[\"PromQL info: metric might not be a counter");
	check_has(get("/prometheus/api/v1/query?query=quantile(2,ch4_lel)"),
	        "\"warnings\":[\"PromQL warning: quantile value should be between 0 and 1, got 2 (1:10)\"]");
	check_has(get("/prometheus/api/v1/query?query=ch4_lel&lookback_delta=1s&time=1783987205"),
	        "\"result\":[]");
	check_has(get("/prometheus/api/v1/query?query=ch4_lel&timeout=x"), "\"bad_data\"");
	check_has(get("/prometheus/api/v1/query?query=ch4_lel&limit=-1"), "\"bad_data\"");
	city_close(&town);
}

TEST(a_form_says_the_same_as_a_query)
{
	static const struct {
		const char *path, *form;
	} rows[] = {
	        {"query_range", "query=sum(ch4_lel)&start=1783987140&end=" AT "&step=30"},
	        {"series", "match[]=ch4_lel"},
	        {"labels", "match[]=ch4_lel"},
	        {"format_query", "query=sum(a)"},
	        {"query_exemplars", "query=ch4_lel&start=1783987140&end=" AT},
	};
	struct answer a;

	begin();
	a = ask("POST", "/prometheus/api/v1/query",
	        text("%sContent-Type: application/x-www-form-urlencoded\n", duty),
	        "query=sum(ch4_lel)&time=" AT);
	check_eq_i(a.status, 200);
	check_has(a.body, "\"result\":[{\"metric\":{},\"value\":[" AT ",\"12\"]}]");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		a = ask("POST", text("/prometheus/api/v1/%s", rows[i].path),
		        text("%sContent-Type: application/x-www-form-urlencoded\n", duty), rows[i].form);
		check_eq_i(a.status, 200);
		check_eq_s(a.body, get(text("/prometheus/api/v1/%s?%s", rows[i].path, rows[i].form)));
	}
	city_close(&town);
}

TEST(range_queries)
{
	begin();
	check_eq_s(get("/prometheus/api/v1/query_range?query=sum(ch4_lel%7Bthing=%22G-1%22%7D)"
	               "&start=1783987140&end=" AT "&step=30s"),
	        "{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":[{\"metric\":{},"
	        "\"values\":["
	        "[1783987140,\"4\"],[1783987170,\"4.5\"],[1783987200,\"5\"]]}]}}");
	check_has(get("/prometheus/api/v1/query_range?query=1&start=2&end=1&step=1"),
	        "{\"status\":\"error\",\"errorType\":\"bad_data\",\"error\":\"invalid parameter \\\"end\\\": "
	        "end "
	        "timestamp must not be before start time\"}");
	check_has(get("/prometheus/api/v1/query_range?query=1&start=1&end=2&step=0"),
	        "zero or negative query resolution step widths are not accepted. Try a positive integer");
	check_has(get("/prometheus/api/v1/query_range?query=1&start=1&end=100000&step=1"),
	        "exceeded maximum resolution of 11,000 points per timeseries.");
	check_has(get("/prometheus/api/v1/query_range?query=1&start=x&end=2&step=1"),
	        "invalid parameter \\\"start\\\": cannot parse \\\"x\\\" to a valid timestamp");
	city_close(&town);
}

/* An hour is a span of which the engine has a roll-up, 61 minutes are not. */
TEST(windows_from_roll_ups_say_what_the_readings_say)
{
	static const char *const rows[][2] = {{"count", "11"}, {"sum", "27.5"}, {"avg", "2.5"}, {"min", "0"},
	        {"max", "5"}, {"first", "0"}, {"last", "5"}, {"present", "1"}};

	begin();
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		for (int minutes = 60; minutes <= 61; minutes++)
			check_has(get(text("/prometheus/api/v1/query?query=%s_over_time(ch4_lel%%7Bthing="
			                   "%%22G-1%%22%%7D%%5B%dm%%5D)&time=" AT,
			                  rows[i][0], minutes)),
			        text("\"value\":[" AT ",\"%s\"]", rows[i][1]));
	city_close(&town);
}

/* As Prometheus writes them: a scalar has no exponent, a sample has one below 1e-6 and from 1e21 on. */
TEST(values_are_written_as_prometheus_writes_them)
{
	static const char *const rows[][2] = {{"1e-7", "\"0.0000001\""}, {"vector(1e-7)", "\"1e-07\""},
	        {"vector(1e-6)", "\"0.000001\""}, {"vector(-1.5e21)", "\"-1.5e+21\""},
	        {"-1.5e21", "\"-1500000000000000000000\""}, {"vector(1)%2F0", "\"+Inf\""},
	        {"-1%2F0", "\"-Inf\""}, {"vector(NaN)", "\"NaN\""}, {"0*-1", "\"-0\""}};

	begin();
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check_has(get(text("/prometheus/api/v1/query?query=%s&time=" AT, rows[i][0])),
		        text("[" AT ",%s]", rows[i][1]));
	city_close(&town);
}

TEST(queries_that_are_wrong)
{
	struct answer a;

	begin();
	a = ask("GET", "/prometheus/api/v1/query?query=sum(", duty, NULL);
	check_eq_i(a.status, 400);
	check_has(a.body, "\"errorType\":\"bad_data\",\"error\":\"invalid parameter \\\"query\\\": 1:");
	check_has(get("/prometheus/api/v1/query?query=1%0A%2B%20foo()"),
	        "invalid parameter \\\"query\\\": 2:3: parse error: unknown function with name \\\"foo\\\"");
	a = ask("GET", "/prometheus/api/v1/query?query=1&timeout=0s", duty, NULL);
	check_eq_i(a.status, 503);
	check_has(a.body, "\"errorType\":\"timeout\",\"error\":\"query timed out in query execution\"");
	a = ask("GET", "/prometheus/api/v1/query?query=ch4_lel%20%2B%20on(region)%20group_left%20ch4_lel",
	        NULL, NULL);
	check_eq_i(a.status, 401);
	check_has(a.body, "\"status\":\"error\"");
	a = ask("GET", "/prometheus/api/v1/query?query=ch4_lel%20%2B%20on(x)%20ch4_lel", duty, NULL);
	check_eq_i(a.status, 422);
	check_has(a.body,
	        "\"errorType\":\"execution\",\"error\":\"found duplicate series for the match group {}");
	city_close(&town);
}

TEST(series_and_labels)
{
	begin();
	check_has(get("/prometheus/api/v1/series?match[]=ch4_lel"),
	        "\"data\":[{\"__name__\":\"ch4_lel\",\"kind\":\"gas\",\"org\":\"o1\",\"region\":\"3201\","
	        "\"thing\":\"G-1\"},{");
	check_has(get("/prometheus/api/v1/series"), "no match[] parameter provided");
	check_has(get("/prometheus/api/v1/series?match[]=sum(x)"),
	        "invalid parameter \\\"match[]\\\": 1:4: parse error: unexpected \\\"(\\\"");
	check_has(
	        get("/prometheus/api/v1/series?match[]=x%5B5m%5D"), "1:2: parse error: unexpected \\\"[\\\"");
	check_has(get("/prometheus/api/v1/series?match[]=x%20offset%205m"),
	        "1:3: parse error: unexpected <offset>");
	check_has(get("/prometheus/api/v1/series?match[]="), "1:1: parse error: unexpected end of input");
	check_has(get("/prometheus/api/v1/series?match[]=%7B%22ch4_lel%22,%22thing%22=%22G-1%22%7D"),
	        "\"thing\":\"G-1\"}]");
	check_has(get("/prometheus/api/v1/labels?start=x"), "Invalid time value for 'start'");
	check_has(get("/prometheus/api/v1/labels?start=1&end=4000000000"), "\"__name__\"");
	check_has(get("/prometheus/api/v1/series?match[]=x%7B"), "\"errorType\":\"bad_data\"");
	check_eq_s(get("/prometheus/api/v1/labels"),
	        "{\"status\":\"success\",\"data\":[\"__name__\",\"kind\",\"org\",\"region\",\"thing\"]}");
	check_eq_s(get("/prometheus/api/v1/label/__name__/values"),
	        "{\"status\":\"success\",\"data\":[\"ch4_lel\",\"level\"]}");
	check_eq_s(get("/prometheus/api/v1/label/region/values?match[]=ch4_lel&limit=1"),
	        "{\"status\":\"success\",\"data\":[\"3201\"],\"warnings\":[\"results truncated due to "
	        "limit\"]}");
	check_has(get("/prometheus/api/v1/label/a-b/values"), "\"data\":[]");
	check_has(get("/prometheus/api/v1/label/U__reg__ion/values"), "\"data\":[]");
	check_has(get("/prometheus/api/v1/label/U__r_65_gion/values"), "\"data\":[\"3201\",\"3202\"]");
	check_has(get("/prometheus/api/v1/metadata"),
	        "{\"ch4_lel\":[{\"type\":\"gauge\",\"help\":\"Methane\",\"unit\":\"%LEL\"}]}");
	check_has(get("/prometheus/api/v1/metadata?limit=-1"), "\"ch4_lel\"");
	check_has(get("/prometheus/api/v1/metadata?limit=x"), "\"error\":\"limit must be a number\"");
	city_close(&town);
}

TEST(series_are_those_with_a_reading_between_start_and_end)
{
	begin();
	/* G-1 has readings every half minute for five minutes, G-2 one, and X one at the very instant. */
	check_has(get("/prometheus/api/v1/"
	              "series?match[]=%7B__name__=~%22.%2B%22%7D&start=1783986000&end=1783986899"),
	        "\"data\":[]");
	check_eq_s(get("/prometheus/api/v1/label/thing/"
	               "values?match[]=%7B__name__=~%22.%2B%22%7D&start=1783986000"
	               "&end=1783987000"),
	        "{\"status\":\"success\",\"data\":[\"G-1\"]}");
	check_eq_s(
	        get("/prometheus/api/v1/label/thing/values?match[]=ch4_lel&start=1783987198&end=1783987199"),
	        "{\"status\":\"success\",\"data\":[\"G-2\"]}");
	check_has(get("/prometheus/api/v1/series?match[]=level&start=1783987201"), "\"data\":[]");
	check_has(get("/prometheus/api/v1/series?match[]=level&start=x"),
	        "Invalid time value for 'start': cannot parse \\\"x\\\" to a valid timestamp");
	check_has(get("/prometheus/api/v1/series?match[]=%7Ba=%22%22%7D"),
	        "match[] must contain at least one non-empty matcher");
	city_close(&town);
}

TEST(a_reader_sees_series_of_the_scope_only)
{
	begin();
	duty = sign_in(&town, "yi");
	check_has(get("/prometheus/api/v1/query?query=count(ch4_lel)&time=" AT), ",\"1\"]");
	check_eq_s(
	        get("/prometheus/api/v1/label/thing/values"), "{\"status\":\"success\",\"data\":[\"G-2\"]}");
	check_has(get("/prometheus/api/v1/query?query=ch4_lel%7Bregion=%223201%22%7D"), "\"result\":[]");
	city_close(&town);
}

TEST(what_grafana_asks_at_first)
{
	begin();
	check_has(get("/prometheus/api/v1/status/buildinfo"), "\"version\":\"3.");
	check_has(get("/prometheus/api/v1/rules"), "\"data\":{\"groups\":[]}");
	check_has(get("/prometheus/api/v1/alerts"), "\"data\":{\"alerts\":[]}");
	check_eq_s(get("/prometheus/api/v1/format_query?query=sum(a)%2Bb"),
	        "{\"status\":\"success\",\"data\":\"sum(a) + b\"}");
	check_eq_s(get("/prometheus/api/v1/query_exemplars?query=up&start=1&end=2"),
	        "{\"status\":\"success\",\"data\":[]}");
	check_has(get("/prometheus/api/v1/query_exemplars?query=up&start=5&end=1"),
	        "\"errorType\":\"bad_data\",\"error\":\"end timestamp must not be before start timestamp\"");
	check_has(get("/prometheus/api/v1/query_exemplars?query=)"),
	        "1:2: parse error: unexpected right parenthesis ')'");
	check_has(get("/prometheus/api/v1/query_exemplars?query=up&start=x"),
	        "invalid parameter \\\"start\\\"");
	city_close(&town);
}

TEST(rules_may_be_picked_out)
{
	city_open_pack(&town, SOURCE "/packs/yancheng");
	duty = sign_in(&town, "duty");
	check_has(get("/prometheus/api/v1/rules"), "\"name\":\"Pm25High\"");
	check_has(get("/prometheus/api/v1/rules"), "\"name\":\"OzoneHigh\"");
	check(strstr(get("/prometheus/api/v1/rules?rule_name[]=Pm25High&rule_name[]=x"),
	              "\"name\":\"OzoneHigh\"") == NULL);
	check_has(get("/prometheus/api/v1/rules?rule_name[]=Pm25High&rule_group[]=air"), "\"alerts\":[]");
	check(strstr(get("/prometheus/api/v1/rules?exclude_alerts=true"), "\"alerts\"") == NULL);
	check_has(get("/prometheus/api/v1/rules?rule_group[]=x"), "\"groups\":[]");
	check_has(get("/prometheus/api/v1/rules?file[]=x"), "\"groups\":[]");
	check_has(get("/prometheus/api/v1/rules?exclude_alerts=x"), "\"bad_data\"");
	check_has(get("/prometheus/api/v1/rules?match[]=%7Bnone=%22x%22%7D"), "\"groups\":[]");
	check_has(
	        get("/prometheus/api/v1/rules?match[]=%7Bnone=%22x%22%7D&match[]=%7Bseverity=~%22.%2B%22%7D"),
	        "\"name\":\"Pm25High\"");
	check_has(get("/prometheus/api/v1/rules?match[]=x%7B"), "\"bad_data\"");
	city_close(&town);
}

/* All pages together have every group once. */
TEST(rules_come_in_pages)
{
	char token[200] = "";
	const char *at, *all;
	int groups = 0, pages = 0;

	city_open_pack(&town, SOURCE "/packs/yancheng");
	duty = sign_in(&town, "duty");
	all = get("/prometheus/api/v1/rules");
	for (at = all; (at = strstr(at, "\"interval\":")) != NULL; at++)
		groups++;
	check(groups > 1);
	do {
		const char *page =
		        get(text("/prometheus/api/v1/rules?group_limit=1&group_next_token=%s", token));

		check_has(page, "\"interval\":");
		pages++;
		at = strstr(page, "\"groupNextToken\":\"");
		if (at != NULL)
			snprintf(token, sizeof token, "%.*s", (int)strcspn(at + 18, "\""), at + 18);
	} while (at != NULL && pages < 100);
	check_eq_i(pages, groups);
	check_has(get("/prometheus/api/v1/rules?group_limit=1&group_next_token=x"),
	        "were rule groups changed?");
	check_has(get("/prometheus/api/v1/rules?group_next_token=x"), "group_limit needs to be set");
	check_has(get("/prometheus/api/v1/rules?group_limit=x"), "\"bad_data\"");
	city_close(&town);
}
