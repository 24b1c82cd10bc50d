/* Cases over HTTP, in the real city's flow; what a step does is for the tests of src/city. */
#include "base/doc.h"
#include "check.h"
#include "door.h"

#define YANCHENG SOURCE "/packs/yancheng"

static struct city town;
static const char *duty, *worker;

static void check_shape(const struct answer *a, const char *schema)
{
	struct arena *m = arena_new(0);
	struct err e = ERR_INIT;
	struct doc *d = NULL;

	if (check_ok(doc_parse_json(m, str_of(a->body), "answer", &d, &e), &e))
		check_ok(schema_check(d, schema, "answer", &e), &e);
	arena_free(&m);
}

/* Text of a member, from the first place where it stands. */
static const char *member(const struct answer *a, const char *name)
{
	const char *p = strstr(a->body, text("\"%s\":\"", name));

	if (p == NULL)
		return "";
	p += strlen(name) + 4;
	return text("%.*s", (int)strcspn(p, "\""), p);
}

static struct answer open_case(void)
{
	struct answer a;

	city_open_pack(&town, YANCHENG);
	duty = sign_in(&town, "duty");
	worker = sign_in(&town, "worker");
	a = ask("POST", "/api/v1/cases", duty,
	        "{\"category\":\"gas-leak\",\"title\":\"路边有燃气味\",\"detail\":\"井盖旁\",\"region\":"
	        "\"320902\","
	        "\"source\":\"hotline\",\"reporter\":\"王先生\",\"lon\":120.26,\"lat\":33.38}");
	check_eq_i(a.status, 201);
	check_shape(&a, "CaseNow");
	return a;
}

TEST(a_case_is_opened_read_and_listed)
{
	struct answer a = open_case(), b;
	const char *id = member(&a, "id"), *code = member(&a, "code");

	check_eq_s(answer_header(&a, "Location"), text("/api/v1/cases/%s", id));
	check(answer_header(&a, "ETag") != NULL);
	check_eq_s(member(&a, "category_name"), "燃气泄漏");
	check_eq_s(member(&a, "region_name"), "亭湖区");
	b = ask("GET", text("/api/v1/cases/%s", code), duty, NULL);
	check_eq_i(b.status, 200);
	check_eq_s(member(&b, "id"), id);
	a = ask("GET", "/api/v1/cases?state=open&q=燃气味", duty, NULL);
	check_eq_i(a.status, 200);
	check_shape(&a, "Cases");
	check_has(a.body, code);
	a = ask("GET", "/api/v1/cases?state=open&category=road-collapse", duty, NULL);
	check_has(a.body, "\"items\":[],\"next\":null");
	a = ask("GET", text("/api/v1/cases/%s/history", id), duty, NULL);
	check_shape(&a, "CaseHistory");
	check_has(a.body, "\"account\":\"duty\"");
	a = ask("GET", text("/api/v1/cases/%s/flow", id), duty, NULL);
	check_shape(&a, "CaseFlow");
	check(strstr(a.body, "\"open\":[]") == NULL);
	city_close(&town);
}

/* The pack of tests/scenario/c_called.scn. */
TEST(a_message_to_a_case)
{
	const char *const packs[] = {YANCHENG, SOURCE "/tests/data/packs/inspect", NULL};
	const char *id, *path;
	struct answer a;

	city_open_bare(&town, "site", packs, true);
	city_accounts(&town, false);
	duty = sign_in(&town, "duty");
	a = ask("POST", "/api/v1/cases", duty,
	        "{\"category\":\"inspect\",\"title\":\"巡查\",\"region\":\"320902\",\"source\":\"hotline\"}");
	check_eq_i(a.status, 201);
	id = member(&a, "id");
	path = text("/api/v1/cases/%s/message", id);
	check_eq_i(ask("POST", path, duty, "{\"name\":\"nothing\"}").status, 409);
	check_eq_i(ask("POST", path, duty, "{\"variables\":{}}").status, 400);
	a = ask("POST", path, duty, "{\"name\":\"call-off\",\"variables\":{\"why\":\"雨\"}}");
	check_eq_i(a.status, 200);
	check_shape(&a, "CaseNow");
	check_eq_s(member(&a, "state"), "closed");
	city_close(&town);
}

/* The pack of tests/scenario/c_begun.scn. */
TEST(messages_and_signals_begin_cases)
{
	const char *const packs[] = {YANCHENG, SOURCE "/tests/data/packs/starts", NULL};
	struct answer a;

	city_open_bare(&town, "site", packs, true);
	city_accounts(&town, false);
	duty = sign_in(&town, "duty");
	a = ask("POST", "/api/v1/messages", duty,
	        "{\"name\":\"call\",\"key\":\"T-1\",\"variables\":{\"about\":\"灯\",\"where\":\"320902\"}}");
	check_eq_i(a.status, 200);
	check_shape(&a, "FlowCases");
	check_has(a.body, "\"begun\":true");
	check_eq_i(ask("POST", "/api/v1/messages", duty, "{\"name\":\"call\",\"key\":\"T-1\"}").status, 409);
	check_eq_i(ask("POST", "/api/v1/messages", duty, "{\"name\":\"none\"}").status, 404);
	a = ask("POST", "/api/v1/messages", duty, "{\"name\":\"call\",\"variables\":{\"where\":\"99\"}}");
	check_eq_i(a.status, 400);
	check_shape(&a, "Problem");
	a = ask("POST", "/api/v1/signals", duty, "{\"name\":\"inspect-all\",\"variables\":{\"n\":1}}");
	check_eq_i(a.status, 200);
	check_shape(&a, "FlowSignalled");
	check_eq_i(ask("POST", "/api/v1/signals", duty, "{\"name\":\"\"}").status, 400);
	city_close(&town);
}

/* The pack of tests/scenario/c_form.scn, which looks at what a form takes. */
TEST(the_form_of_a_task)
{
	const char *const packs[] = {YANCHENG, SOURCE "/tests/data/packs/permit", NULL};
	struct answer a;
	const char *id;

	city_open_bare(&town, "site", packs, true);
	city_add_account(&town, "duty", "viewer desk handler", "ycoc", "", 2);
	duty = sign_in(&town, "duty");
	a = ask("POST", "/api/v1/cases", duty,
	        "{\"category\":\"permit\",\"title\":\"占道\",\"region\":\"320902\",\"source\":\"hotline\"}");
	check_eq_i(a.status, 201);
	id = member(&a, "id");
	check_eq_s(member(&a, "form"), "visit");
	a = ask("GET", text("/api/v1/cases/%s/form", id), duty, NULL);
	check_eq_i(a.status, 200);
	check_shape(&a, "CaseForm");
	a = ask("POST", text("/api/v1/cases/%s/complete", id), duty, "{\"outcome\":\"done\"}");
	check_eq_i(a.status, 400);
	check_shape(&a, "Problem");
	check_has(a.body, "\"rule\":\"required\"");
	a = ask("GET", "/api/v1/calendars", duty, NULL);
	check_shape(&a, "Calendars");
	city_close(&town);
}

TEST(pages_of_cases_follow_one_another)
{
	struct answer a;

	(void)open_case();
	for (int i = 0; i < 2; i++)
		check_eq_i(ask("POST", "/api/v1/cases", duty,
		                   "{\"category\":\"gas-leak\",\"title\":\"x\",\"region\":\"320902\"}")
		                   .status,
		        201);
	for (int state = 0; state < 2; state++) {
		const char *next = "", *first = "";
		int pages = 0;

		do {
			a = ask("GET",
			        text("/api/v1/cases?limit=1%s%s%s", state == 0 ? "&state=open" : "",
			                *next != '\0' ? "&cursor=" : "", next),
			        duty, NULL);
			check_eq_i(a.status, 200);
			if (pages == 0)
				first = member(&a, "id");
			else if (*member(&a, "id") != '\0')
				check(strcmp(first, member(&a, "id")) != 0);
			next = member(&a, "next");
		} while (*next != '\0' && ++pages < 10);
		check_eq_i(pages, 3);
	}
	check_eq_i(ask("GET", "/api/v1/cases?cursor=x.y", duty, NULL).status, 400);
	check_eq_i(ask("GET", "/api/v1/cases?state=lost", duty, NULL).status, 400);
	check_eq_i(ask("GET", "/api/v1/cases?level=7", duty, NULL).status, 400);
	city_close(&town);
}

TEST(what_a_case_may_not_be)
{
	struct answer a;

	(void)open_case();
	a = ask("POST", "/api/v1/cases", duty,
	        "{\"category\":\"none\",\"title\":\"x\",\"region\":\"320902\"}");
	check_eq_i(a.status, 400);
	check_shape(&a, "Problem");
	a = ask("POST", "/api/v1/cases", duty, "{\"category\":\"gas-leak\",\"title\":\"x\",\"level\":9}");
	check_has(a.body, "\"field\":\"level\"");
	a = ask("POST", "/api/v1/cases", duty,
	        "{\"category\":\"gas-leak\",\"title\":\"x\",\"source\":\"alarm\"}");
	check_has(a.body, "\"field\":\"source\"");
	check_eq_i(ask("GET", "/api/v1/cases/AJ-19990101-0001", duty, NULL).status, 404);
	check_eq_i(ask("GET", "/api/v1/cases/12", duty, NULL).status, 404);
	city_close(&town);
}

TEST(steps_of_a_case)
{
	struct answer a = open_case(), b;
	const char *path = text("/api/v1/cases/%s", member(&a, "id")), *old = answer_header(&a, "ETag"),
	           *first;

	a = ask("POST", text("%s/note", path), duty, "{\"note\":\"已通知\"}");
	check_eq_i(a.status, 200);
	check_shape(&a, "CaseNow");
	check_eq_i(ask("POST", text("%s/note", path), duty, "{}").status, 400);
	a = ask("POST", text("%s/claim", path), duty, NULL);
	check_eq_i(a.status, 200);
	check_eq_s(member(&a, "assignee"), "duty");
	/* Whoever read it before that sees that it moved on. */
	b = ask("POST", text("%s/release", path), text("%sIf-Match: %s\n", duty, old), NULL);
	check_eq_i(b.status, 409);
	check_shape(&b, "Problem");
	check_eq_i(
	        ask("POST", text("%s/release", path), text("%sIf-Match: \"x\"\n", duty), NULL).status, 400);
	check(ask("POST", text("%s/claim", path), worker, NULL).status >= 403);
	check_eq_i(ask("POST", text("%s/release", path), duty, NULL).status, 200);
	check_eq_i(
	        ask("POST", text("%s/handover", path), duty, "{\"login\":\"duty\",\"note\":\"给我\"}").status,
	        200);
	a = ask("GET", path, duty, NULL);
	check_eq_i(a.status, 200);
	b = ask("POST", text("%s/complete", path), duty, "{\"outcome\":\"nonsense\"}");
	check(b.status == 400 || b.status == 409);
	first = text("%.*s", (int)strcspn(strstr(a.body, "\"outcomes\":[\"") + 13, "\""),
	        strstr(a.body, "\"outcomes\":[\"") + 13);
	b = ask("POST", text("%s/complete", path), text("%sIf-Match: %s\n", duty, answer_header(&a, "ETag")),
	        text("{\"outcome\":\"%s\",\"note\":\"好\"}", first));
	check_eq_i(b.status, 200);
	check(strcmp(answer_header(&b, "ETag"), answer_header(&a, "ETag")) != 0);
	check_eq_i(ask("POST", text("%s/handover", path), duty, "{}").status, 400);
	city_close(&town);
}

TEST(nobody_acts_on_a_case_that_is_out_of_sight)
{
	struct answer a = open_case();
	const char *path = text("/api/v1/cases/%s", member(&a, "id")), *far = sign_in(&town, "yi");

	check_eq_i(ask("GET", path, far, NULL).status, 404);
	check_eq_i(ask("POST", text("%s/claim", path), far, NULL).status, 404);
	check_eq_i(ask("GET", text("%s/history", path), far, NULL).status, 404);
	check_eq_i(ask("GET", text("%s/flow", path), far, NULL).status, 404);
	city_close(&town);
}

TEST(numbers_of_the_city)
{
	struct answer a;

	(void)open_case();
	a = ask("GET", "/api/v1/summary", duty, NULL);
	check_eq_i(a.status, 200);
	check_shape(&a, "Summary");
	check_has(a.body, "\"counts\":{\"open\":1,\"overdue\":0");
	a = ask("GET", "/api/v1/indicators", duty, NULL);
	check_eq_i(a.status, 200);
	check_shape(&a, "Indicators");
	check_has(a.body, "\"from\":\"2026-07-01\",\"to\":\"2026-07-14\"");
	a = ask("GET", text("/api/v1/indicators/%s?by=day&from=2026-07-13&to=2026-07-14", member(&a, "code")),
	        duty, NULL);
	check_eq_i(a.status, 200);
	check_shape(&a, "IndicatorDays");
	check_eq_i(ask("GET", "/api/v1/indicators?from=2026-07-15", duty, NULL).status, 400);
	check_eq_i(ask("GET", "/api/v1/indicators?to=14.7.2026", duty, NULL).status, 400);
	check_eq_i(ask("GET", "/api/v1/indicators/none", duty, NULL).status, 404);
	a = ask("GET", "/api/v1/alarms?open=1", duty, NULL);
	check_shape(&a, "Alarms");
	a = ask("GET", "/api/v1/alarms/hours?hours=3", duty, NULL);
	check_shape(&a, "AlarmHours");
	a = ask("GET", "/api/v1/flows/city-case", duty, NULL);
	check_eq_i(a.status, 200);
	check_has(a.mime, "application/xml");
	check_eq_i(ask("GET", "/api/v1/flows/city-case?version=9", duty, NULL).status, 404);
	a = ask("GET", "/api/v1/journal?limit=3", sign_in(&town, "admin"), NULL);
	check_shape(&a, "Journal");
	city_close(&town);
}

TEST(a_reading_becomes_an_alarm_and_a_case)
{
	struct answer a;
	const char *id;

	city_open_pack(&town, YANCHENG);
	duty = sign_in(&town, "duty");
	(void)ask("GET", "/api/v1/events", duty, NULL);
	check(stream_waits_for("event: hello"));
	city_reading(&town, "ch4_lel", "YC-GAS-0001", 0, 25.5);
	check_eq_i(ask("POST", "/api/v1/test/settle", NULL, NULL).status, 200);
	check(stream_waits_for("event: alarm.firing"));
	check(stream_waits_for("event: case.opened"));
	a = ask("GET", "/api/v1/alarms?open=1&thing=YC-GAS-0001&rule=GasLeak", duty, NULL);
	check_shape(&a, "Alarms");
	check_has(a.body, "\"rule\":\"GasLeak\"");
	check_has(a.body, "\"value\":25.5,\"threshold\":20");
	id = member(&a, "id");
	a = ask("POST", text("/api/v1/alarms/%s/ack", id), duty, NULL);
	check_eq_i(a.status, 200);
	check_shape(&a, "Alarm");
	check_eq_s(member(&a, "acked"), CITY_NOW);
	a = ask("GET", text("/api/v1/alarms/%s", id), duty, NULL);
	check_eq_i(a.status, 200);
	check_eq_s(member(&a, "id"), id);
	a = ask("GET", text("/api/v1/cases/%s", member(&a, "case")), duty, NULL);
	check_shape(&a, "CaseNow");
	check_has(
	        a.body, "\"alarm_view\":{\"rule\":\"GasLeak\",\"value\":25.5,\"threshold\":20,\"op\":\">\"");
	check_has(a.body, "\"unit\":\"%LEL\",\"metric\":\"ch4_lel\"");
	a = ask("GET", "/prometheus/api/v1/alerts", duty, NULL);
	check_has(a.body, "\"state\":\"firing\",\"activeAt\":\"" CITY_NOW "\",\"value\":\"2.55e+01\"");
	a = ask("GET", "/prometheus/api/v1/rules?type=alert", duty, NULL);
	check_has(a.body, "{\"state\":\"firing\",\"name\":\"GasLeak\"");
	check_eq_i(ask("GET", "/prometheus/api/v1/rules?type=x", duty, NULL).status, 400);
	a = ask("GET", "/api/v1/summary", duty, NULL);
	check_shape(&a, "Summary");
	check_has(a.body, "\"never\":499,\"silent\":0}");
	check_eq_i(ask("GET", "/api/v1/alarms/77", duty, NULL).status, 404);
	city_close(&town);
}
