/* The tables: routes, schemas, and what is made of them. */
#include "api/api_int.h"
#include "base/file.h"
#include "check.h"

static struct route_match m;

static bool find(enum http_method method, const char *path)
{
	struct router *r = router_new(true, true);
	bool found = router_find(r, method, path, &m);

	router_free(&r);
	return found;
}

TEST(a_route_is_found_by_segments)
{
	check(find(HTTP_GET, "/api/v1/session"));
	check_eq_s(m.route->name, "session_get");
	check(find(HTTP_GET, "/api/v1/cases/AJ-1/history"));
	check_eq_s(m.route->name, "case_history_get");
	check_str(m.param[0], "AJ-1");
	check(find(HTTP_GET, "/prometheus/api/v1/label/__name__/values"));
	check_str(m.param[0], "__name__");
}

TEST(a_literal_goes_before_a_parameter_and_steps_back)
{
	check(find(HTTP_GET, "/api/v1/alarms/hours"));
	check_eq_s(m.route->name, "alarms_hours");
	check(find(HTTP_POST, "/api/v1/alarms/hours/ack"));
	check_eq_s(m.route->name, "alarm_ack_post");
	check_str(m.param[0], "hours");
}

TEST(what_is_no_route_is_not_found)
{
	check(!find(HTTP_GET, "/"));
	check(!find(HTTP_GET, ""));
	check(!find(HTTP_GET, "/api/v1/session/"));
	check(!find(HTTP_GET, "//api/v1/session"));
	check(!find(HTTP_GET, "/api/v1/cases//history"));
	check(!find(HTTP_GET, "/api/v1/things/a/b"));
	check(!find(HTTP_GET, "/API/v1/session"));
}

TEST(a_known_path_with_another_method_tells_which)
{
	check(find(HTTP_PATCH, "/api/v1/session"));
	check(m.route == NULL);
	check_eq_u(m.methods, 1u << HTTP_GET | 1u << HTTP_HEAD | 1u << HTTP_POST | 1u << HTTP_DELETE);
	check(find(HTTP_HEAD, "/api/v1/session"));
	check_eq_s(m.route->name, "session_get");
}

TEST(rows_for_tests_and_readings_are_there_on_demand)
{
	struct router *r = router_new(false, false);

	check(!router_find(r, HTTP_GET, "/api/v1/test/clock", &m));
	check(!router_find(r, HTTP_POST, "/write", &m));
	router_free(&r);
	check(find(HTTP_GET, "/api/v1/test/clock"));
	check(find(HTTP_POST, "/api/v2/write"));
}

static bool schema_is_there(const char *name)
{
	for (int i = 0; i < api_schemas_n; i++)
		if (api_schemas[i].schema != NULL && strcmp(api_schemas[i].schema, name) == 0)
			return true;
	return false;
}

TEST(every_row_is_found_and_guarded)
{
	for (int i = 0; i < api_routes_n; i++) {
		const struct route *r = &api_routes[i];
		bool unsafe = r->method != HTTP_GET && r->method != HTTP_HEAD;
		bool by_session = r->access != OPEN_TO_ALL && !(r->access & LOOPBACK);

		check(find(r->method, r->path) && m.route == r);
		/* A question is a POST for the length of its words, and reads only. */
		if (unsafe && by_session && r->mode != MODE_READ && !(r->flags & ROUTE_PROM) &&
		        !(r->flags & ROUTE_CSRF))
			check_fail("%s %s changes something and asks for no CSRF token",
			        http_method_name(r->method), r->path);
		if (r->request[0] != '\0' && (!schema_is_there(r->request) || r->body_max == 0))
			check_fail("%s: its body has no schema or no limit", r->path);
		if (r->reply[0] != '\0' && strchr(r->reply, '/') == NULL && !schema_is_there(r->reply))
			check_fail("%s: its answer has no schema", r->path);
		if (r->method == HTTP_GET)
			check_eq_u(r->body_max, 0);
	}
}

TEST(every_reference_of_a_schema_is_there)
{
	for (int i = 0; i < api_schemas_n; i++) {
		const struct schema_row *f = &api_schemas[i];

		if (f->schema == NULL && (f->type == SCHEMA_REF || f->type == SCHEMA_LIST))
			check(schema_is_there(f->ref));
	}
}

/* ---- bodies ---- */

static struct err failure;

static int held_against(const char *schema, const char *text)
{
	struct arena *a = arena_new(0);
	struct doc *d = NULL;
	int rc;

	failure = (struct err)ERR_INIT;
	rc = doc_parse_json(a, str_of(text), "", &d, &failure);
	if (rc == 0)
		rc = schema_check(d, schema, "", &failure);
	arena_free(&a);
	return rc;
}

static int approval_with(const char *state)
{
	char body[256];

	snprintf(body, sizeof(body),
	        "{\"id\":\"1\",\"login\":\"a\",\"change\":{},\"asked_by\":\"b\",\"asked\":\"2026-07-14T00:00:"
	        "00Z\","
	        "\"decided_by\":\"\",\"decided\":null,\"state\":\"%s\"}",
	        state);
	return held_against("Approval", body);
}

static int account_with(const char *must_word)
{
	char body[256];

	snprintf(body, sizeof(body),
	        "{\"login\":\"a\",\"name\":\"\",\"org\":\"\",\"roles\":[],\"clearance\":1,\"raised\":null,"
	        "\"may_raise\":false,\"must\":\"%s\"}",
	        must_word);
	return held_against("Account", body);
}

TEST(a_member_is_one_of_the_words_it_may_be)
{
	check_ok(approval_with("refused"), &failure);
	check_err(approval_with("refuse"), ERR_INVALID);
	check_eq_s(failure.field, "state");
	check_has(failure.text, "open done refused");
	check_err(approval_with(""), ERR_INVALID);
	check_ok(account_with(""), &failure); /* the empty word is one of them */
	check_err(account_with("second"), ERR_INVALID);
}

TEST(a_body_is_held_against_its_schema)
{
	check_ok(held_against("SignIn", "{\"login\":\"a\",\"password\":\"b\"}"), &failure);
	check_err(held_against("SignIn", "{\"login\":\"a\"}"), ERR_INVALID);
	check_eq_s(failure.field, "password");
	check_has(failure.text, "missing");
	check_err(held_against("SignIn", "{\"login\":1,\"password\":\"b\"}"), ERR_INVALID);
	check_eq_s(failure.field, "login");
	check_err(held_against("SignIn", "{\"login\":\"a\",\n\"password\":\"b\",\n \"x\":1}"), ERR_INVALID);
	check_eq_s(failure.field, "x");
	check_eq_i(failure.line, 3);
	check_err(held_against("SignIn", "[]"), ERR_INVALID);
	check_err(held_against("SignIn", "{"), ERR_INVALID);
	check_err(held_against("SignIn",
	                  "{\"login\":"
	                  "\"0123456789012345678901234567890123456789012345678901234567890123456789\","
	                  "\"password\":\"b\"}"),
	        ERR_INVALID);
	check_has(failure.text, "too long");
}

TEST(null_stands_only_where_it_may)
{
	check_ok(held_against("CaseHandover", "{\"login\":null,\"org\":\"o1\"}"), &failure);
	check_err(held_against("CaseHandover", "{\"note\":null}"), ERR_INVALID);
	check_eq_s(failure.field, "note");
	check_ok(held_against("CaseComplete", "{\"outcome\":\"done\",\"variables\":{\"a\":1}}"), &failure);
	check_err(held_against("CaseComplete", "{\"outcome\":\"done\",\"variables\":[1]}"), ERR_INVALID);
	check_err(held_against("CaseIn", "{\"category\":\"a\",\"title\":\"b\",\"level\":1.5}"), ERR_INVALID);
	check_eq_s(failure.field, "level");
}

TEST(a_failure_as_a_problem)
{
	struct sb b = SB_INIT;
	struct err e = ERR_INIT;

	err_set(&e, ERR_INVALID, "a number is needed");
	err_at(&e, NULL, 2, 5, "limit");
	problem_write(&b, &e, false, "0123456789abcdef", STR_NULL);
	check_eq_s(b.p, "{\"type\":\"urn:heming:problem:invalid\",\"title\":\"the input is not valid\","
	                "\"status\":400,\"detail\":\"a number is needed\",\"code\":\"invalid\","
	                "\"field\":\"limit\",\"line\":2,\"column\":5,\"request\":\"0123456789abcdef\"}");
	check_ok(held_against("Problem", b.p), &failure);
	sb_fini(&b);

	/* Of the house, nobody outside is told. */
	e = (struct err)ERR_INIT;
	err_set(&e, ERR_CORRUPT, "page 7 of the table account is torn");
	err_at(&e, "/srv/city/records.db", 7, 0, "account");
	problem_write(&b, &e, false, "0123456789abcdef", STR_NULL);
	check_has(b.p, "\"status\":500,\"detail\":\"stored data is damaged: the server's log says more");
	check(strstr(b.p, "account") == NULL && strstr(b.p, "/srv") == NULL && strstr(b.p, "line") == NULL);
	sb_fini(&b);
	e = (struct err)ERR_INIT;
	err_set(&e, ERR_INVALID, "no such row");
	err_at(&e, "/srv/city/records.db", 0, 0, "thing");
	problem_write(&b, &e, false, "0123456789abcdef", STR_NULL);
	check_has(b.p, "\"detail\":\"no such row\",\"code\":\"invalid\",\"field\":\"thing\",\"request\"");
	sb_fini(&b);
}

TEST(a_failure_as_prometheus_says_it)
{
	static const struct {
		int code, status;
		const char *type;
	} table[] = {{ERR_INVALID, 400, "bad_data"}, {ERR_UNPROCESSED, 422, "execution"},
	        {ERR_TOOBIG, 422, "execution"}, {ERR_TIMEOUT, 503, "timeout"},
	        {ERR_CANCELLED, 503, "canceled"}, {ERR_UNAUTH, 401, "unauthorized"},
	        {ERR_BUG, 500, "internal"}};

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct sb b = SB_INIT;
		struct err e = ERR_INIT;
		int status = 0;

		err_set(&e, table[i].code, "x");
		prometheus_error(&b, &e, &status);
		check_eq_i(status, table[i].status);
		check_has(b.p, table[i].type);
		sb_fini(&b);
	}
}

TEST(a_form_is_decoded)
{
	struct arena *a = arena_new(0);
	struct form *f = NULL;
	const char **all;

	form_parse(a,
	        STR_LIT("query=up%7Bjob%3D%22a%22%7D+%2B+1&match[]=a&match%5B%5D=b&&empty=&bare&bad=%zz%4"),
	        &f);
	check_eq_s(form_get(f, "query"), "up{job=\"a\"} + 1");
	check_eq_s(form_get(f, "empty"), "");
	check_eq_s(form_get(f, "bare"), "");
	check_eq_s(form_get(f, "bad"), "%zz%4");
	check(form_get(f, "none") == NULL);
	all = form_all(f, a, "match[]");
	check_eq_s(all[0], "a");
	check_eq_s(all[1], "b");
	check(all[2] == NULL);
	arena_free(&a);
}

TEST(tries_run_out_and_come_back)
{
	struct rate *r = rate_new(30, 2 * US_SECOND);
	int ok = 0;

	for (int i = 0; i < 100; i++)
		ok += rate_take(r, "10.0.0.1", US_HOUR) == 0;
	check_eq_i(ok, 30);
	check_eq_i(rate_take(r, "10.0.0.2", US_HOUR), 0);
	check_eq_i(rate_take(r, "10.0.0.1", US_HOUR + US_SECOND), US_SECOND);
	check_eq_i(rate_take(r, "10.0.0.1", US_HOUR + 2 * US_SECOND), 0);
	check_eq_i(rate_take(r, "10.0.0.1", US_HOUR + 2 * US_SECOND), 2 * US_SECOND);
	/* A long rest gives a full bucket and no more. */
	ok = 0;
	for (int i = 0; i < 100; i++)
		ok += rate_take(r, "10.0.0.1", 5 * US_HOUR) == 0;
	check_eq_i(ok, 30);
	rate_free(&r);
	check(r == NULL);
}

TEST(an_entry_as_an_event)
{
	struct journal_entry j = {.seq = 7,
	        .at = 0,
	        .kind = STR_LIT("case.opened"),
	        .subject = STR_LIT("case"),
	        .subject_id = STR_LIT("12"),
	        .region = STR_LIT("3201"),
	        .org = STR_LIT(""),
	        .account = STR_LIT("system"),
	        .payload = STR_LIT("{\"id\":\"12\"}")};
	struct sb b = SB_INIT;

	sse_write(&b, &j);
	check_eq_s(b.p,
	        "id: 7\nevent: case.opened\ndata: {\"seq\":7,\"at\":\"1970-01-01T00:00:00Z\","
	        "\"kind\":\"case.opened\",\"subject\":\"case\",\"subject_id\":\"12\",\"region\":\"3201\","
	        "\"org\":\"\",\"account\":\"system\",\"payload\":{\"id\":\"12\"}}\n\n");
	sb_fini(&b);
}

/* ---- OpenAPI ---- */

/* One line for each value, so that a change is one line of a diff. */
static void spread(struct sb *out, struct str json)
{
	int depth = 0;
	bool quoted = false;

	for (size_t i = 0; i < json.n; i++) {
		char ch = json.p[i];

		if (quoted) {
			sb_putc(out, ch);
			if (ch == '\\')
				sb_putc(out, json.p[++i]);
			quoted = ch != '"';
			continue;
		}
		quoted = ch == '"';
		if (ch == '}' || ch == ']') {
			depth--;
			sb_putc(out, '\n');
			for (int d = 0; d < depth; d++)
				sb_putc(out, '\t');
		}
		sb_putc(out, ch);
		if (ch == '{' || ch == '[' || ch == ',') {
			depth += ch != ',';
			sb_putc(out, '\n');
			for (int d = 0; d < depth; d++)
				sb_putc(out, '\t');
		}
	}
	sb_putc(out, '\n');
}

/* HEMING_GOLDEN=write makes the file anew. */
TEST(the_description_is_as_it_was_agreed)
{
	static const char path[] = SOURCE "/docs/openapi.json";
	struct arena *a = arena_new(0);
	struct sb b = SB_INIT, text = SB_INIT;
	struct err e = ERR_INIT;
	struct str golden = STR_NULL;
	struct doc *d = NULL;
	const char *mode = getenv("HEMING_GOLDEN");

	openapi_write(&b, "0.1.0");
	check_ok(doc_parse_json(a, sb_str(&b), "openapi", &d, &e), &e);
	spread(&text, sb_str(&b));
	if (mode != NULL && strcmp(mode, "write") == 0)
		check_ok(file_write(path, text.p, text.n, 0644, &e), &e);
	check_ok(file_read(a, path, 8 << 20, &golden, &e), &e);
	if (!str_eq(golden, sb_str(&text)))
		check_fail("docs/openapi.json is no more what the tables say; if that is meant, run "
		           "this test with HEMING_GOLDEN=write and look at the difference");
	sb_fini(&b);
	sb_fini(&text);
	arena_free(&a);
}
