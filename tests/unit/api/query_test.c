/* Questions in SQL through the door: what each reader is answered, what is refused, and what the journal
 * keeps. */
#include "check.h"
#include "door.h"

static struct city town;

#define QUERY "/api/v1/query"

static struct answer sql(const char *who, const char *words)
{
	return ask("POST", QUERY, who, text("{\"sql\":\"%s\",\"reason\":\"for the test\"}", words));
}

static const char *rows(const char *who, const char *words)
{
	struct answer a = sql(who, words);
	const char *p = strstr(a.body, "\"rows\":");

	if (a.status != 200 || p == NULL)
		return text("%d %s", a.status, a.body);
	return text("%.*s", (int)(strrchr(a.body, ',') - p - 7), p + 7);
}

static void add(const char *who, const char *code, const char *region, const char *attrs)
{
	struct answer a = ask("POST", "/api/v1/records/firm", who,
	        text("{\"code\":\"%s\",\"name\":\"%s公司\",\"region\":\"%s\",\"attrs\":{%s}}", code, code,
	                region, attrs));

	check_eq_i(a.status, 201);
}

TEST(a_question_is_answered_as_its_asker_sees_the_city)
{
	const char *duty, *yi, *boss, *admin;
	struct answer a;

	city_open(&town);
	duty = sign_in(&town, "duty");
	yi = sign_in(&town, "yi");
	boss = sign_in(&town, "boss");
	admin = sign_in(&town, "admin");
	add(admin, "F1", "3201",
	        "\"staff\":10,\"trade\":\"a\",\"boss\":\"张三丰\",\"phone\":\"13912345678\"");
	add(admin, "F2", "3202", "\"staff\":30,\"trade\":\"b\"");
	add(admin, "F3", "3202", "\"staff\":50,\"trade\":\"b\",\"parent\":\"F2\"");
	a = ask("POST", "/api/v1/records/plan", admin, "{\"code\":\"P1\",\"name\":\"预案\"}");
	check_eq_i(a.status, 201);

	check_eq_s(rows(duty, "SELECT trade, count(*), sum(staff) FROM v_firm GROUP BY trade ORDER BY 1"),
	        "[[\"a\",1,10],[\"b\",2,80]]");
	check_eq_s(rows(yi, "SELECT trade, count(*), sum(staff) FROM v_firm GROUP BY trade ORDER BY 1"),
	        "[[\"b\",2,80]]");
	check_eq_s(
	        rows(duty,
	                "SELECT o.name, u.name, f.changed FROM v_firm f JOIN v_options o ON o.kind = 'firm' "
	                "AND o.field = 'trade' AND o.code = f.trade JOIN v_regions u ON u.code = f.unit "
	                "WHERE f.code = 'F1'"),
	        "[[\"农业\",\"甲区\",\"2026-07-14 08:00:00\"]]");
	/* masks: clearance 2, 3 and 4; a veiled field stays so for everybody */
	check_eq_s(rows(duty, "SELECT boss, phone FROM v_firm WHERE code = 'F1'"),
	        "[[\"张三丰\",\"139****5678\"]]");
	check_eq_s(rows(admin, "SELECT boss, phone FROM v_firm WHERE code = 'F1'"),
	        "[[\"张三丰\",\"139****5678\"]]");
	check_eq_s(rows(duty, "SELECT count(*) FROM v_firm WHERE phone = '13912345678'"), "[[0]]");
	/* a kind above the clearance is as one that there is not */
	check_eq_s(rows(admin, "SELECT code FROM v_plan"), "[[\"P1\"]]");
	a = sql(boss, "SELECT code FROM v_plan");
	check_eq_i(a.status, 400);
	check_has(a.body, "no such table: v_plan");
	check_has(a.body, "\"field\":\"sql\"");
	check_eq_s(rows(yi, "SELECT count(*) FROM v_things"), "[[2]]");
	check_eq_s(rows(duty, "SELECT code, json_array_length(licence) FROM v_firm WHERE code = 'F2'"),
	        "[[\"F2\",null]]");
	check_eq_s(rows(duty, "SELECT :today, :now"), "[[\"2026-07-14\",\"2026-07-14 08:00:00\"]]");
	check_eq_s(rows(duty, "SELECT 1 WHERE 0"), "[]");

	a = ask("GET", "/api/v1/views", boss, NULL);
	check_eq_i(a.status, 200);
	check_has(a.body, "{\"name\":\"v_firm\",\"columns\":[{\"name\":\"code\",\"type\":\"text\"}");
	check_has(a.body, "{\"name\":\"staff\",\"type\":\"integer\"}");
	check(strstr(a.body, "v_plan") == NULL);
	city_close(&town);
}

TEST(cases_and_alarms_are_views_too)
{
	const char *duty, *yi;
	struct answer a;

	city_open_pack(&town, SOURCE "/packs/yancheng");
	duty = sign_in(&town, "duty");
	yi = sign_in(&town, "yi");
	for (int i = 0; i < 3; i++) {
		a = ask("POST", "/api/v1/cases", duty,
		        text("{\"category\":\"gas-leak\",\"title\":\"t%d\",\"region\":\"%s\"}", i,
		                i < 2 ? "320902" : "320903"));
		check_eq_i(a.status, 201);
	}
	check_eq_s(rows(duty, "SELECT unit, state, count(*) FROM v_cases GROUP BY 1, 2 ORDER BY 1"),
	        "[[\"320902\",\"open\",2],[\"320903\",\"open\",1]]");
	check_eq_s(rows(yi, "SELECT count(*) FROM v_cases WHERE unit = '320902'"), "[[0]]");
	check_eq_s(rows(duty, "SELECT date(opened), sum(opened < deadline) FROM v_cases GROUP BY 1"),
	        "[[\"2026-07-14\",3]]");
	check_eq_s(rows(duty, "SELECT measure, sum(n) FROM v_measures GROUP BY 1"), "[[\"opened\",3]]");
	check_eq_s(rows(duty, "SELECT count(*) FROM v_alarms"), "[[0]]");
	check_eq_s(
	        rows(duty, "SELECT c.name FROM v_categories c JOIN v_cases x ON x.category = c.code LIMIT 1"),
	        "[[\"燃气泄漏\"]]");
	a = ask("POST", QUERY, duty,
	        "{\"sql\":\"SELECT count(*) FROM "
	        "v_cases\",\"reason\":\"test\",\"where\":{\"v_cases\":{\"region\":"
	        "\"320902\"}}}");
	check_has(a.body, "\"rows\":[[2]]");
	city_close(&town);
}

TEST(a_view_is_narrowed_before_it_is_asked)
{
	static const char *const bad[] = {"{\"v_firm\":{\"colour\":\"red\"}}", "{\"v_firm\":{\"staff\":[1]}}",
	        "{\"v_firm\":\"open\"}", "{\"v_plan\":{\"code\":\"x\"}}", "{\"v_cases\":{\"q\":\"x\"}}",
	        "{\"v_cases\":{\"state\":\"odd\"}}", "{\"v_alarms\":{\"state\":\"closed\"}}",
	        "{\"v_regions\":{\"code\":\"x\"}}", "{\"v_firm\":{\"phone\":\"13912345678\"}}",
	        "{\"v_firm\":{\"box\":\"here\"}}"};
	const char *duty;
	struct answer a;

	city_open(&town);
	duty = sign_in(&town, "duty");
	for (int i = 0; i < 20; i++)
		add(duty, text("F%02d", i), "3201", text("\"staff\":%d", i));
	a = ask("POST", QUERY, duty,
	        "{\"sql\":\"SELECT min(staff), count(*) FROM "
	        "V_Firm\",\"reason\":\"test\",\"where\":{\"v_firm\":{"
	        "\"staff\":\"15..\",\"state\":\"open\",\"q\":\"公司\"}}}");
	check_has(a.body, "\"rows\":[[15,5]]");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		a = ask("POST", QUERY, duty,
		        text("{\"sql\":\"SELECT (SELECT count(*) FROM v_firm), (SELECT count(*) FROM "
		             "v_cases), "
		             "(SELECT count(*) FROM v_alarms), (SELECT count(*) FROM "
		             "v_regions)\",\"reason\":\"test\","
		             "\"where\":%s}",
		                bad[i]));
		if (a.status != (strstr(bad[i], "phone") != NULL ? 403 : 400))
			check_fail("%s: %d %s", bad[i], a.status, a.body);
	}
	city_close(&town);
}

TEST(an_answer_is_a_sheet_too)
{
	const char *duty;
	struct answer a;

	city_open(&town);
	duty = sign_in(&town, "duty");
	add(duty, "F1", "3201", "\"staff\":10,\"scope\":\"=1+1\"");
	a = ask("POST", "/api/v1/query.csv", duty,
	        "{\"sql\":\"SELECT code, staff, staff / 4.0 AS share, scope, NULL AS gap FROM "
	        "v_firm\",\"reason\":"
	        "\"for the test\"}");
	check_eq_i(a.status, 200);
	check_eq_s(a.body, "\xef\xbb\xbf"
	                   "code,staff,share,scope,gap\r\nF1,10,2.5,'=1+1,\r\n");
	check_eq_s(answer_header(&a, "Content-Disposition"), "attachment; filename=\"query.csv\"");
	city_close(&town);
}

TEST(who_asked_what_is_noted)
{
	const char *duty, *admin;
	struct answer a;

	city_open(&town);
	duty = sign_in(&town, "duty");
	admin = sign_in(&town, "admin");
	check_eq_i(ask("POST", QUERY, duty, "{\"sql\":\"SELECT 1\"}").status, 400);
	check_eq_i(ask("POST", QUERY, duty, "{\"sql\":\"SELECT 1\",\"reason\":\"ab\"}").status, 400);
	check_eq_i(ask("POST", QUERY, duty, "{\"reason\":\"for the test\"}").status, 400);
	check_eq_i(
	        ask("POST", QUERY, NULL, "{\"sql\":\"SELECT 1\",\"reason\":\"for the test\"}").status, 401);
	check_eq_s(rows(duty, "SELECT code FROM v_things"), "[[\"G-1\"],[\"G-2\"],[\"G-3\"]]");
	check_eq_i(sql(duty, "DROP TABLE v_things").status, 400);
	a = ask("GET", "/api/v1/journal?kind=query.asked", admin, NULL);
	check_has(a.body, "\"sql\":\"SELECT code FROM v_things\"");
	check_has(a.body, "\"reason\":\"for the test\"");
	check_has(a.body, "\"rows\":3");
	check(strstr(a.body, "DROP") == NULL);
	city_close(&town);
}

TEST(a_token_that_only_reads_may_ask)
{
	const char *duty, *token;
	struct answer a;

	city_open(&town);
	duty = sign_in(&town, "duty");
	a = ask("POST", "/api/v1/me/tokens", duty, "{\"name\":\"sheets\",\"days\":1,\"read_only\":true}");
	check_eq_i(a.status, 201);
	token = strstr(a.body, "\"token\":\"") + 9;
	check_eq_s(rows(text("Authorization: Bearer %.*s\n", (int)strcspn(token, "\""), token), "SELECT 1"),
	        "[[1]]");
	city_close(&town);
}

TEST(what_is_no_question_is_refused_and_what_is_too_much_is_told)
{
	static const struct {
		const char *words;
		int status;
	} asked[] = {{"PRAGMA journal_mode", 400}, {"ATTACH 'x' AS y", 400},
	        {"WITH v_firm AS (SELECT * FROM sqlite_schema) SELECT * FROM v_firm", 400},
	        {"SELECT * FROM account", 400}, {"SELECT * FROM main.session", 400},
	        {"SELECT writefile('x', 'y')", 400}, {"SELECT load_extension('x')", 400},
	        {"SELECT 1; SELECT 2", 400}, {"SELECT zeroblob(1000000000)", 400}, {"SELECT :from", 400},
	        {"", 400}, {"SELECT json('{')", 400}, {"SELECT json_extract('{', '$')", 422},
	        {"WITH RECURSIVE c(s) AS (VALUES('x') UNION ALL SELECT s || s FROM c) SELECT s FROM c", 413},
	        {"WITH RECURSIVE c(n) AS (VALUES(1) UNION ALL SELECT n + 1 FROM c WHERE n < 400) SELECT n, "
	         "printf('%.*c', 200000, 'x') FROM c",
	                413}};
	const char *duty;

	city_open(&town);
	duty = sign_in(&town, "duty");
	for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
		struct answer a = sql(duty, asked[i].words);

		if (a.status != asked[i].status)
			check_fail("%s: %d %.300s", asked[i].words, a.status, a.body);
	}
	city_close(&town);
}
