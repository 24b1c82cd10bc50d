/* Requests through all stages, against a small city. */
#include "base/doc.h"
#include "check.h"
#include "door.h"

static struct city town;

/* The answer is JSON, and of the shape that its row says. */
static void check_shape(const struct answer *a, const char *schema)
{
	struct arena *m = arena_new(0);
	struct err e = ERR_INIT;
	struct doc *d = NULL;

	if (check_ok(doc_parse_json(m, str_of(a->body), "answer", &d, &e), &e))
		check_ok(schema_check(d, schema, "answer", &e), &e);
	arena_free(&m);
}

static const char *problem(const struct answer *a)
{
	check_eq_s(a->mime, "application/problem+json");
	check_shape(a, "Problem");
	return a->body;
}

TEST(signing_in_and_out)
{
	struct answer a;
	const char *bearer;

	city_open(&town);
	a = ask("GET", "/api/v1/session", NULL, NULL);
	check_eq_i(a.status, 401);
	check_has(problem(&a), "\"code\":\"unauth\"");
	check(answer_header(&a, "WWW-Authenticate") != NULL);
	a = ask("POST", "/api/v1/session", NULL, "{\"login\":\"duty\",\"password\":\"wrong password\"}");
	check_eq_i(a.status, 401);
	a = ask("POST", "/api/v1/session", NULL, "{\"login\":\"duty\",\"password\":\"correct horse\"}");
	check_eq_i(a.status, 200);
	check_shape(&a, "Session");
	check_has(answer_header(&a, "Set-Cookie"), "HttpOnly; SameSite=Strict");
	check_has(a.body, "\"roles\":[\"viewer\",\"handler\",\"desk\"]");
	bearer = sign_in(&town, "duty");
	a = ask("GET", "/api/v1/session", bearer, NULL);
	check_eq_i(a.status, 200);
	check_shape(&a, "Here");
	check_has(a.body, "\"city\":{\"name\":\"测试市\",\"name_en\":\"Testville\",\"region\":\"32\","
	                  "\"box\":[119,32,121,34],\"zone\":\"Asia/"
	                  "Shanghai\"},\"map\":{\"tiles\":\"\",\"crs\":\"wgs84\",\"credit\":\"\"},\"demo\":"
	                  "true,\"version\":\"1.2.3\"");
	a = ask("DELETE", "/api/v1/session", bearer, NULL);
	check_eq_i(a.status, 204);
	check_has(answer_header(&a, "Set-Cookie"), "Max-Age=0");
	check_eq_i(ask("GET", "/api/v1/session", bearer, NULL).status, 401);
	city_close(&town);
}

TEST(a_cookie_needs_the_token_of_its_session)
{
	struct answer a;
	const char *csrf, *cookie;
	const char *headers;

	city_open(&town);
	a = ask("POST", "/api/v1/session", NULL, "{\"login\":\"admin\",\"password\":\"correct horse\"}");
	cookie = text("Cookie: a=b; %.79s\n", answer_header(&a, "Set-Cookie"));
	csrf = strstr(a.body, "\"csrf\":\"") + 8;
	check_eq_i(ask("GET", "/api/v1/session", cookie, NULL).status, 200);
	a = ask("PUT", "/api/v1/things/G-9", cookie, "{\"kind\":\"gas\",\"name\":\"九号\"}");
	check_eq_i(a.status, 403);
	check_has(problem(&a), "X-CSRF-Token");
	headers = text("%sX-CSRF-Token: %.31sx\n", cookie, csrf);
	check_eq_i(ask("PUT", "/api/v1/things/G-9", headers, "{\"kind\":\"gas\",\"name\":\"九号\"}").status,
	        403);
	headers = text("%sX-CSRF-Token: %.32s\n", cookie, csrf);
	a = ask("PUT", "/api/v1/things/G-9", headers,
	        "{\"kind\":\"gas\",\"name\":\"九号\",\"lon\":120.5,\"lat\":33.5,\"attrs\":{\"address\":\"x\"}"
	        "}");
	check_eq_i(a.status, 200);
	check_shape(&a, "ThingNow");
	a = ask("PUT", "/api/v1/things/G-9", headers, "{\"kind\":\"none\",\"name\":\"九号\"}");
	check_eq_i(a.status, 400);
	check_has(problem(&a), "\"field\":\"kind\"");
	city_close(&town);
}

TEST(roles_are_asked_for_before_a_handler_runs)
{
	struct answer a;
	const char *worker;

	city_open(&town);
	worker = sign_in(&town, "worker");
	a = ask("PUT", "/api/v1/things/G-1", worker, "not even JSON");
	check_eq_i(a.status, 403);
	check_has(problem(&a), "admin");
	check_eq_i(ask("GET", "/api/v1/journal", worker, NULL).status, 403);
	check_eq_i(ask("POST", "/api/v1/cases", worker, "{}").status, 403);
	check_eq_i(ask("GET", "/metrics", NULL, NULL).status, 200);
	check_eq_i(ask("GET", "/metrics", "Test-Remote: 10.1.1.1\n", NULL).status, 401);
	check_eq_i(ask("GET", "/metrics", "X-Forwarded-For: 10.1.1.1\n", NULL).status, 401);
	check_eq_i(ask("GET", "/metrics", "X-Real-IP: 127.0.0.1\n", NULL).status, 401);
	check_eq_i(ask("GET", "/metrics", "Via: 1.1 front\n", NULL).status, 401);
	check_eq_i(ask("GET", "/metrics", "Test-Proxied: 1\n", NULL).status, 401);
	check_eq_i(ask("GET", "/api/v1/test/clock", "Test-Remote: 10.1.1.1\n", NULL).status, 401);
	a = ask("GET", "/api/v1/session", "Authorization: Basic ZHV0eTp4\n", NULL);
	check_eq_i(a.status, 401);
	check_has(problem(&a), "Bearer");
	city_close(&town);
}

TEST(what_is_wrong_with_a_request_is_told)
{
	struct answer a;
	const char *admin;

	city_open(&town);
	admin = sign_in(&town, "admin");
	a = ask("GET", "/api/v1/nothing", NULL, NULL);
	check_eq_i(a.status, 404);
	problem(&a);
	a = ask("PATCH", "/api/v1/session", admin, NULL);
	check_eq_i(a.status, 405);
	check_eq_s(answer_header(&a, "Allow"), "GET, HEAD, POST, DELETE");
	a = ask("OPTIONS", "/api/v1/session", NULL, NULL);
	check_eq_i(a.status, 204);
	a = ask("GET", "/api/v1/things?limit=x", admin, NULL);
	check_eq_i(a.status, 400);
	check_has(problem(&a), "\"field\":\"limit\"");
	a = ask("POST", "/api/v1/session", "Content-Type: text/plain\n", "{}");
	check_eq_i(a.status, 400);
	check_has(problem(&a), "application/json");
	a = ask("POST", "/api/v1/session", NULL, "{\"login\":\"duty\"");
	check_eq_i(a.status, 400);
	a = ask("GET", "/api/v1/things/none", admin, NULL);
	check_eq_i(a.status, 404);
	a = ask("GET", "/some/page", NULL, NULL);
	check_eq_s(answer_header(&a, "X-Content-Type-Options"), "nosniff");
	check_has(answer_header(&a, "Content-Security-Policy"), "script-src 'self';");
	city_close(&town);
}

TEST(another_sites_page_changes_nothing)
{
	static const struct {
		const char *headers;
		bool ours;
	} rows[] = {
	        {"", true}, /* no browser of today */
	        {"Sec-Fetch-Site: same-origin\n", true},
	        {"Sec-Fetch-Site: none\n", true},
	        {"Sec-Fetch-Site: same-site\n", false},
	        {"Sec-Fetch-Site: cross-site\n", false},
	        {"Sec-Fetch-Site: cross-site\nOrigin: http://city.example\n", false},
	        {"Sec-Fetch-Site: same-origin\nOrigin: http://elsewhere.example\n", true},
	        {"Origin: http://city.example\n", true},
	        {"Origin: https://CITY.example\n", true},
	        {"Origin: http://city.example:8081\n", false},
	        {"Origin: http://elsewhere.example\n", false},
	        {"Origin: http://city.example.elsewhere.example\n", false},
	        {"Origin: null\n", false},
	        {"Origin: http://front.example\nX-Forwarded-Host: front.example\n", false},
	        {"Origin: http://front.example\nX-Forwarded-Host: front.example\nTest-Proxied: 1\n", true},
	};
	struct answer a;
	const char *bearer, *token;

	city_open(&town);
	bearer = sign_in(&town, "admin");
	token = text("%.*s", (int)strcspn(bearer + 22, "\n"), bearer + 22);
	a = ask("GET", "/api/v1/session", bearer, NULL);
	const char *csrf = strstr(a.body, "\"csrf\":\"") + 8;
	const char *cookie =
	        text("Host: city.example\nCookie: heming_session=%s\nX-CSRF-Token: %.32s\n", token, csrf);

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		a = ask("PUT", "/api/v1/things/G-1", text("%s%s", cookie, rows[i].headers), "{}");
		if (!check_eq_i(a.status, rows[i].ours ? 400 : 403)) /* 400: {} is no thing */
			check_fail("%s", rows[i].headers);
		/* to sign somebody in as another is a change too */
		a = ask("POST", "/api/v1/session", text("Host: city.example\n%s", rows[i].headers), "{}");
		check_eq_i(a.status, rows[i].ours ? 400 : 403);
		a = ask("GET", "/api/v1/session", text("%s%s", cookie, rows[i].headers), NULL);
		check_eq_i(a.status, 200);
		a = ask("PUT", "/api/v1/things/G-1", text("%s%s", bearer, rows[i].headers), "{}");
		check_eq_i(a.status, 400);
	}
	city_close(&town);
}

TEST(every_answer_has_the_headers_that_browsers_mind)
{
	static const char *const targets[] = {
	        "/", "/api/v1/nothing", "/api/v1/session", "/healthz", "/no.such"};
	struct answer a;

	city_open(&town);
	for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
		a = ask("GET", targets[i], "Test-Secure: 1\n", NULL);
		check_eq_s(answer_header(&a, "X-Content-Type-Options"), "nosniff");
		check_eq_s(answer_header(&a, "X-Frame-Options"), "DENY");
		check_eq_s(answer_header(&a, "Referrer-Policy"), "no-referrer");
		check_eq_s(answer_header(&a, "Cross-Origin-Opener-Policy"), "same-origin");
		check_eq_s(answer_header(&a, "Cross-Origin-Resource-Policy"), "same-origin");
		check_eq_s(answer_header(&a, "Strict-Transport-Security"), "max-age=31536000");
		check_has(answer_header(&a, "Permissions-Policy"), "geolocation=()");
		const char *csp = answer_header(&a, "Content-Security-Policy"),
		           *script = strstr(csp, "script-src ");

		check_has(csp, "default-src 'none';");
		check_has(csp, "frame-ancestors 'none'");
		if (check(script != NULL))
			check(strncmp(script, "script-src 'self';", 18) == 0);
		check(answer_header(&a, "Server") == NULL);
	}
	a = ask("GET", "/", NULL, NULL);
	check(answer_header(&a, "Strict-Transport-Security") == NULL);
	city_close(&town);
}

TEST(too_many_tries_from_one_address_wait)
{
	int busy = 0;

	city_open(&town);
	for (int i = 0; i < 40; i++)
		busy += ask("POST", "/api/v1/session", "Test-Remote: 10.9.9.9\n", "{}").status == 429;
	check(busy >= 9);
	struct answer a = ask("POST", "/api/v1/session", "Test-Remote: 10.9.9.9\n", "{}");
	check_eq_i(a.status, 429);
	check(answer_header(&a, "Retry-After") != NULL);
	check_has(a.body, "from this address");
	check_eq_i(ask("POST", "/api/v1/session", "Test-Remote: 10.9.9.8\n", "{}").status, 400);
	city_close(&town);
}

TEST(lists_of_what_the_city_is_made_of)
{
	static const struct {
		const char *target, *schema, *words;
	} table[] = {
	        {"/api/v1/regions", "Regions", "\"name_en\":\"Jia\",\"unit\":true"},
	        {"/api/v1/orgs", "Orgs", "\"code\":\"o1\""},
	        {"/api/v1/kinds", "Kinds", "\"metric\":\"ch4_lel\""},
	        {"/api/v1/categories", "Categories", "\"items\":["},
	        {"/api/v1/flows", "Flows", "\"items\":["},
	        {"/api/v1/things", "Things", "\"code\":\"G-3\""},
	        {"/healthz", "Health", "\"status\":\"ok\""},
	};
	const char *duty;
	struct answer a;

	city_open(&town);
	duty = sign_in(&town, "duty");
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		a = ask("GET", table[i].target, duty, NULL);
		check_eq_i(a.status, 200);
		check_shape(&a, table[i].schema);
		check_has(a.body, table[i].words);
		check_eq_s(answer_header(&a, "Cache-Control"), i < 5 ? "private, no-cache" : "no-store");
		if (i >= 5)
			continue;
		const char *etag = answer_header(&a, "ETag");

		a = ask("GET", table[i].target, text("%sIf-None-Match: \"x\", %s\n", duty, etag), NULL);
		check_eq_i(a.status, 304);
		check_eq_s(a.body, "");
		check_eq_s(answer_header(&a, "ETag"), etag);
		a = ask("GET", table[i].target, text("%sIf-None-Match: %s\n", duty, etag + 2), NULL);
		check_eq_i(a.status, 304); /* 13.1.2: compared weakly */
		a = ask("GET", table[i].target, text("%sIf-None-Match: \"x\"\n", duty), NULL);
		check_eq_i(a.status, 200);
		/* who may not read it does not learn whether it changed */
		check_eq_i(ask("GET", table[i].target, "If-None-Match: *\n", NULL).status, 401);
	}
	a = ask("GET", "/api/v1/regions.geojson", duty, NULL);
	check_eq_i(a.status, 200);
	check_has(a.body, "\"FeatureCollection\"");
	a = ask("GET", "/api/openapi.json", NULL, NULL);
	check_eq_i(a.status, 200);
	check_has(a.body, "\"openapi\":\"3.1.0\"");
	city_close(&town);
}

TEST(things_come_in_pages_and_in_scope)
{
	const char *duty, *yi, *admin;
	struct answer a;

	city_open(&town);
	duty = sign_in(&town, "duty");
	yi = sign_in(&town, "yi");
	admin = sign_in(&town, "admin");
	a = ask("GET", "/api/v1/things?limit=2", duty, NULL);
	check_has(a.body, "\"next\":\"G-2\"");
	a = ask("GET", "/api/v1/things?limit=2&after=G-2", duty, NULL);
	check_has(a.body, "\"code\":\"G-3\"");
	check_has(a.body, "\"next\":null");
	a = ask("GET", "/api/v1/things?q=two", duty, NULL);
	check_has(a.body, "\"code\":\"G-2\"");
	check(strstr(a.body, "G-1") == NULL);
	a = ask("GET", "/api/v1/things", yi, NULL);
	check(strstr(a.body, "G-1") == NULL);
	check_has(a.body, "G-2");
	check_eq_i(ask("GET", "/api/v1/things/G-1", yi, NULL).status, 404);
	/* A telephone number is secrecy 3: the duty officer has 2, and others must say why. */
	a = ask("GET", "/api/v1/things/G-1", duty, NULL);
	check_has(a.body, "\"phone\":\"139****5678\"");
	check_eq_i(
	        ask("POST", "/api/v1/records/gas/G-1/reveal", duty, "{\"reason\":\"call him\"}").status, 400);
	a = ask("GET", "/api/v1/things/G-1", admin, NULL);
	check_has(a.body, "\"phone\":\"139****5678\"");
	a = ask("POST", "/api/v1/records/gas/G-1/reveal", admin, "{\"reason\":\"call him\"}");
	check_has(a.body, "\"phone\":\"13912345678\"");
	city_close(&town);
}

TEST(a_thing_has_its_newest_readings)
{
	const char *duty;
	struct answer a;

	city_open(&town);
	duty = sign_in(&town, "duty");
	city_reading(&town, "ch4_lel", "G-1", -60, 1.5);
	city_reading(&town, "ch4_lel", "G-1", -30, 2.5);
	a = ask("GET", "/api/v1/things/G-1", duty, NULL);
	check_shape(&a, "ThingNow");
	check_has(a.body, "\"readings\":[{\"metric\":\"ch4_lel\",\"name\":\"甲烷\",\"name_en\":\"Methane\","
	                  "\"unit\":\"%LEL\",\"t\":\"2026-07-13T23:59:30Z\",\"v\":2.5}]");
	city_close(&town);
}

/* ---- live streams ---- */

TEST(a_stream_tells_what_comes_and_resumes)
{
	const char *duty, *from, *resumed;
	struct answer a;
	int64_t seq;

	city_open(&town);
	duty = sign_in(&town, "duty");
	a = ask("GET", "/api/v1/events", duty, NULL);
	check_eq_i(a.status, 200);
	check_eq_s(a.mime, "text/event-stream");
	check(stream_waits_for("event: hello\ndata: {\"seq\":"));
	(void)sign_in(&town, "worker");
	check(stream_waits_for("event: account.signed_in"));
	from = strstr(stream_text(), "event: hello\ndata: {\"seq\":");
	seq = strtoll(from + strlen("event: hello\ndata: {\"seq\":"), NULL, 10);
	stream_leave();
	/* The same entry again, for one who saw nothing after the hello. */
	a = ask("GET", "/api/v1/events", text("%sLast-Event-ID: %lld\n", duty, (long long)seq), NULL);
	check_eq_i(a.status, 200);
	check(stream_waits_for("event: account.signed_in"));
	resumed = text("id: %lld\nevent: account.signed_in", (long long)seq + 1);
	check_has(stream_text(), resumed);
	check_eq_i(ask("GET", "/api/v1/events", text("%sLast-Event-ID: x\n", duty), NULL).status, 400);
	check_eq_i(ask("GET", "/api/v1/events", NULL, NULL).status, 401);
	city_close(&town);
}

TEST(a_stream_ends_with_its_session)
{
	const char *duty;

	city_open(&town);
	duty = sign_in(&town, "duty");
	(void)ask("GET", "/api/v1/events", duty, NULL);
	check(stream_waits_for("event: hello"));
	check_eq_i(ask("DELETE", "/api/v1/session", duty, NULL).status, 204);
	check(stream_ended());
	city_close(&town);
}

TEST(a_reader_that_does_not_read_is_ended)
{
	const char *duty;

	city_open(&town);
	duty = sign_in(&town, "duty");
	(void)ask("GET", "/api/v1/events", duty, NULL);
	check(stream_waits_for("event: hello"));
	stream_deaf(true);
	(void)sign_in(&town, "worker");
	check(stream_ended());
	stream_deaf(false);
	city_close(&town);
}

TEST(a_stream_keeps_to_its_readers_scope)
{
	const char *yi, *admin;

	city_open(&town);
	yi = sign_in(&town, "yi");
	admin = sign_in(&town, "admin");
	(void)ask("GET", "/api/v1/events", yi, NULL);
	check(stream_waits_for("event: hello"));
	check_eq_i(ask("PUT", "/api/v1/things/J-1", admin,
	                   "{\"kind\":\"gas\",\"name\":\"a\",\"region\":\"3201\"}")
	                   .status,
	        200);
	check_eq_i(ask("PUT", "/api/v1/things/Y-1", admin,
	                   "{\"kind\":\"gas\",\"name\":\"b\",\"region\":\"3202\"}")
	                   .status,
	        200);
	check(stream_waits_for("\"subject_id\":\"gas/Y-1\""));
	check(strstr(stream_text(), "J-1") == NULL);
	city_close(&town);
}

/* ---- the clock ---- */

TEST(a_tester_moves_the_clock)
{
	struct answer a;

	city_open(&town);
	a = ask("GET", "/api/v1/test/clock", NULL, NULL);
	check_eq_s(a.body, "{\"now\":\"2026-07-14T00:00:00Z\"}");
	a = ask("POST", "/api/v1/test/clock", NULL, "{\"advance\":\"90s\",\"step\":\"15s\"}");
	check_eq_s(a.body, "{\"now\":\"2026-07-14T00:01:30Z\"}");
	a = ask("POST", "/api/v1/test/clock", NULL, "{\"set\":\"2026-07-14T09:00:00+08:00\"}");
	check_eq_s(a.body, "{\"now\":\"2026-07-14T01:00:00Z\"}");
	a = ask("POST", "/api/v1/test/clock", NULL, "{\"set\":\"2026-07-14T08:00:00+08:00\"}");
	check_eq_i(a.status, 400);
	check_has(problem(&a), "never goes back");
	check_eq_i(ask("POST", "/api/v1/test/clock", NULL, "{}").status, 400);
	check_eq_i(
	        ask("POST", "/api/v1/test/clock", NULL, "{\"advance\":\"1h\",\"step\":\"0s\"}").status, 400);
	check_eq_i(ask("POST", "/api/v1/test/fault", NULL, "{\"arm\":\"NOTHING:1\"}").status, 400);
	check_eq_i(ask("POST", "/api/v1/test/fault", NULL, "{\"arm\":\"SERIES_FSYNC:off\"}").status, 204);
	city_close(&town);
}
