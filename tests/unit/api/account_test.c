/* Accounts, tokens and second factors as requests. */
#include "base/json.h"
#include "check.h"
#include "city/totp.h"
#include "door.h"

static struct city town;

static void check_shape(const struct answer *a, const char *schema)
{
	struct arena *mem = arena_new(0);
	struct err e = ERR_INIT;
	struct doc *d = NULL;

	check_eq_s(a->mime, "application/json");
	if (check_ok(doc_parse_json(mem, str_of(a->body), "answer", &d, &e), &e))
		check_ok(schema_check(d, schema, "answer", &e), &e);
	arena_free(&mem);
}

/* Text of a member at the top of an answer. */
static const char *member(const struct answer *a, const char *name)
{
	struct arena *mem = arena_new(0);
	struct err e = ERR_INIT;
	struct doc *d = NULL;
	const char *out = "";

	if (check_ok(doc_parse_json(mem, str_of(a->body), "answer", &d, &e), &e))
		out = text("%s", doc_str(d, name, ""));
	arena_free(&mem);
	return out;
}

static void add(const char *login, const char *roles, int clearance)
{
	struct account_in in = {.login = login,
	        .name = login,
	        .org = "",
	        .password = town.password,
	        .roles = roles,
	        .clearance = clearance};
	struct err e = ERR_INIT;

	check_ok(account_add(town.site->store, &town.site->accounts, &in, &who_system, NULL, &e), &e);
}

static struct answer sign(const char *login, const char *password, const char *code)
{
	return ask("POST", "/api/v1/session", NULL,
	        text("{\"login\":\"%s\",\"password\":\"%s\",\"code\":\"%s\"}", login, password, code));
}

static const char *bearer(const char *token)
{
	return text("Authorization: Bearer %s\n", token);
}

static const char *code_of(const char *secret)
{
	uint8_t key[TOTP_KEY];

	check_eq_i(base32_decode(str_of(secret), key, sizeof(key)), TOTP_KEY);
	return text("%06u",
	        totp_code(key, sizeof(key), (uint64_t)(clock_now(town.site->clock) / (30 * US_SECOND)), 6));
}

TEST(an_account_from_its_making_to_its_first_password)
{
	struct answer a;
	const char *chief, *first, *li;

	city_open(&town);
	add("chief", "viewer handler desk leader admin", 4);
	chief = sign_in(&town, "chief");
	a = ask("POST", "/api/v1/accounts", chief,
	        "{\"login\":\"li\",\"name\":\"李静\",\"org\":\"o1\",\"roles\":[\"handler\",\"viewer\"],"
	        "\"regions\":[\"3201\"]}");
	check_eq_i(a.status, 201);
	check_shape(&a, "AccountAdded");
	check_has(a.body,
	        "\"roles\":[\"viewer\",\"handler\"],\"regions\":[\"3201\"],\"orgs\":[],\"clearance\":2");
	first = member(&a, "password");
	a = sign("li", first, "");
	check_eq_i(a.status, 200);
	check_has(a.body, "\"must\":\"password\"");
	li = bearer(member(&a, "token"));
	a = ask("GET", "/api/v1/things", li, NULL);
	check_eq_i(a.status, 403);
	check_has(a.body, "\"field\":\"password\"");
	check_eq_i(ask("GET", "/api/v1/session", li, NULL).status, 200);
	a = ask("PUT", "/api/v1/me/password", li,
	        text("{\"old\":\"%s\",\"password\":\"li li li li li\"}", first));
	check_eq_i(a.status, 400);
	a = ask("PUT", "/api/v1/me/password", li,
	        text("{\"old\":\"%s\",\"password\":\"correct horse\"}", "wrong"));
	check_eq_i(a.status, 403);
	check_has(a.body, "\"field\":\"old\"");
	a = ask("PUT", "/api/v1/me/password", li,
	        text("{\"old\":\"%s\",\"password\":\"correct horse\"}", first));
	check_eq_i(a.status, 204);
	check_eq_i(ask("GET", "/api/v1/things", li, NULL).status, 200);
	a = ask("GET", "/api/v1/accounts/li", chief, NULL);
	check_shape(&a, "AccountRow");
	check_has(a.body, "\"must_change\":false");
	a = ask("POST", "/api/v1/accounts/li/password", chief, NULL);
	check_eq_i(a.status, 200);
	check_shape(&a, "PasswordMade");
	check_eq_i(ask("GET", "/api/v1/session", li, NULL).status, 401);
	city_close(&town);
}

TEST(what_is_wrong_with_an_account_is_told)
{
	static const struct {
		const char *body, *field;
		int status;
	} row[] = {
	        {"{\"login\":\"duty\",\"name\":\"x\",\"roles\":[\"viewer\"]}", "already", 409},
	        {"{\"login\":\"a b\",\"name\":\"x\",\"roles\":[\"viewer\"]}", "\"field\":\"login\"", 400},
	        {"{\"login\":\"a/b\",\"name\":\"x\",\"roles\":[\"viewer\"]}", "\"field\":\"login\"", 400},
	        {"{\"login\":\"a\",\"name\":\"x\",\"roles\":[]}", "\"field\":\"roles\"", 400},
	        {"{\"login\":\"a\",\"name\":\"x\",\"roles\":[\"king\"]}", "\"field\":\"roles\"", 400},
	        {"{\"login\":\"a\",\"name\":\"x\",\"roles\":[\"viewer admin\"]}", "\"field\":\"roles\"", 400},
	        {"{\"login\":\"a\",\"name\":\"x\",\"roles\":[\"viewer\"],\"org\":\"o9\"}",
	                "\"field\":\"org\"", 400},
	        {"{\"login\":\"a\",\"name\":\"x\",\"roles\":[\"viewer\"],\"clearance\":5}",
	                "\"field\":\"clearance\"", 400},
	        {"{\"login\":\"a\",\"name\":\"x\",\"roles\":[\"handler\"]}", "\"field\":\"roles\"", 403},
	};
	struct answer a;
	const char *admin;

	city_open(&town);
	admin = sign_in(&town, "admin"); /* a viewer and admin, no handler */
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		a = ask("POST", "/api/v1/accounts", admin, row[i].body);
		check_eq_i(a.status, row[i].status);
		check_has(a.body, row[i].field);
	}
	check_eq_i(ask("PATCH", "/api/v1/accounts/duty", admin, "{\"clearance\":1}").status, 403);
	check_eq_i(ask("PATCH", "/api/v1/accounts/admin", admin, "{\"roles\":[\"viewer\",\"desk\"]}").status,
	        403);
	check_eq_i(ask("PATCH", "/api/v1/accounts/admin", admin, "{\"roles\":[\"viewer\"]}").status, 409);
	check_eq_i(ask("PATCH", "/api/v1/accounts/admin", admin, "{\"disabled\":true}").status, 409);
	check_eq_i(ask("PATCH", "/api/v1/accounts/admin", admin, "{\"clearance\":0}").status, 400);
	check_eq_i(ask("PATCH", "/api/v1/accounts/admin", admin, "{\"password\":\"x\"}").status, 400);
	check_eq_i(ask("PATCH", "/api/v1/accounts/none", admin, "{}").status, 404);
	check_eq_i(ask("GET", "/api/v1/accounts/none", admin, NULL).status, 404);
	a = ask("PATCH", "/api/v1/accounts/admin", admin, "{\"name\":\"管理\"}");
	check_eq_i(a.status, 200);
	check_has(a.body, "管理");
	a = ask("GET", "/api/v1/accounts", admin, NULL);
	check_shape(&a, "Accounts");
	check(strstr(a.body, "argon2") == NULL);
	check_eq_i(ask("GET", "/api/v1/accounts", sign_in(&town, "duty"), NULL).status, 403);
	city_close(&town);
}

TEST(a_changed_account_is_felt_at_once)
{
	const char *chief, *worker;

	city_open(&town);
	add("chief", "viewer handler desk leader admin", 4);
	chief = sign_in(&town, "chief");
	worker = sign_in(&town, "worker");
	check_eq_i(ask("PATCH", "/api/v1/accounts/worker", chief,
	                   "{\"roles\":[\"viewer\",\"handler\",\"desk\"]}")
	                   .status,
	        200);
	check_eq_i(ask("GET", "/api/v1/session", worker, NULL).status, 200);
	check_eq_i(ask("PATCH", "/api/v1/accounts/worker", chief, "{\"regions\":[\"3202\"]}").status, 200);
	check_eq_i(ask("GET", "/api/v1/session", worker, NULL).status, 401);
	for (int i = 0; i < 5; i++)
		check_eq_i(sign("worker", "wrong password", "").status, 401);
	check_eq_i(sign("worker", town.password, "").status, 429);
	check_has(ask("GET", "/api/v1/accounts/worker", chief, NULL).body, "\"locked\":\"2026");
	check_has(ask("POST", "/api/v1/accounts/worker/unlock", chief, NULL).body, "\"locked\":null");
	worker = sign_in(&town, "worker");
	check_eq_i(ask("DELETE", "/api/v1/accounts/worker/sessions", chief, NULL).status, 204);
	check_eq_i(ask("GET", "/api/v1/session", worker, NULL).status, 401);
	check_eq_i(ask("PATCH", "/api/v1/accounts/worker", chief, "{\"disabled\":true}").status, 200);
	check_eq_i(sign("worker", town.password, "").status, 401);
	city_close(&town);
}

TEST(tokens_do_what_they_may)
{
	struct answer a;
	const char *duty, *token, *reader, *id;

	city_open(&town);
	duty = sign_in(&town, "duty");
	a = ask("POST", "/api/v1/me/tokens", duty,
	        "{\"name\":\"bridge\",\"days\":30,\"roles\":[\"viewer\",\"desk\"]}");
	check_eq_i(a.status, 201);
	check_shape(&a, "ApiTokenAdded");
	id = member(&a, "id");
	token = bearer(member(&a, "token"));
	a = ask("POST", "/api/v1/me/tokens", duty, "{\"name\":\"board\",\"days\":1,\"read_only\":true}");
	reader = bearer(member(&a, "token"));
	a = ask("GET", "/api/v1/me/tokens", duty, NULL);
	check_shape(&a, "ApiTokens");
	check_has(a.body, "\"used\":null");
	check(strstr(a.body, "hmt_") == NULL);

	a = ask("GET", "/api/v1/session", token, NULL);
	check_has(a.body, "\"roles\":[\"viewer\",\"desk\"]");
	check_has(ask("GET", "/api/v1/me/tokens", duty, NULL).body, "\"used\":\"2026");
	/* it gets as far as the body: no CSRF token is asked for */
	check_eq_i(ask("POST", "/api/v1/cases", token, "{}").status, 400);
	a = ask("POST", "/api/v1/cases", reader, "{}");
	check_eq_i(a.status, 403);
	check_has(a.body, "may only read");
	check_eq_i(ask("GET", "/api/v1/cases", reader, NULL).status, 200);
	check_eq_i(ask("POST", "/prometheus/api/v1/query", reader, "query=1").status, 200);
	/* and nothing that is for a person */
	check_eq_i(ask("GET", "/api/v1/me/tokens", token, NULL).status, 403);
	check_eq_i(ask("POST", "/api/v1/me/tokens", token, "{\"name\":\"more\",\"days\":30}").status, 403);
	check_eq_i(
	        ask("PUT", "/api/v1/me/password", token, "{\"old\":\"a\",\"password\":\"b\"}").status, 403);
	check_eq_i(ask("DELETE", "/api/v1/session", token, NULL).status, 403);

	check_eq_i(ask("POST", "/api/v1/me/tokens", duty, "{\"name\":\"x\",\"days\":366}").status, 400);
	check_eq_i(ask("POST", "/api/v1/me/tokens", duty, "{\"name\":\"x\",\"days\":1,\"roles\":[\"admin\"]}")
	                   .status,
	        403);
	check_eq_i(
	        ask("DELETE", text("/api/v1/me/tokens/%s", id), sign_in(&town, "worker"), NULL).status, 404);
	check_eq_i(ask("DELETE", text("/api/v1/me/tokens/%s", id), duty, NULL).status, 204);
	check_eq_i(ask("GET", "/api/v1/session", token, NULL).status, 401);
	check_eq_i(ask("GET", "/api/v1/session", bearer("hmt_0"), NULL).status, 401);
	city_close(&town);
}

TEST(own_sessions_are_told_and_ended)
{
	struct answer a;
	const char *here, *there;

	city_open(&town);
	there = sign_in(&town, "duty");
	here = sign_in(&town, "duty");
	a = ask("GET", "/api/v1/me/sessions", here, NULL);
	check_shape(&a, "MySessions");
	check_has(a.body, "\"current\":true");
	check_has(a.body, "\"current\":false");
	check_eq_i(ask("DELETE", "/api/v1/me/sessions", here, NULL).status, 204);
	check_eq_i(ask("GET", "/api/v1/session", there, NULL).status, 401);
	check_eq_i(ask("GET", "/api/v1/session", here, NULL).status, 200);
	city_close(&town);
}

TEST(a_second_factor_by_requests)
{
	struct answer a;
	const char *duty, *secret;

	city_open(&town);
	add("chief", "viewer handler desk leader admin", 4);
	town.site->accounts.totp_roles = ROLE_DESK;
	duty = sign_in(&town, "duty");
	a = ask("GET", "/api/v1/cases", duty, NULL);
	check_eq_i(a.status, 403);
	check_has(a.body, "\"field\":\"second_factor\"");
	a = ask("GET", "/api/v1/me/second-factor", duty, NULL);
	check_shape(&a, "SecondFactor");
	check_eq_s(a.body, "{\"on\":false,\"required\":true,\"recovery_left\":0}");
	check_eq_i(ask("POST", "/api/v1/me/second-factor", duty, "{\"password\":\"wrong\"}").status, 403);
	a = ask("POST", "/api/v1/me/second-factor", duty, text("{\"password\":\"%s\"}", town.password));
	check_shape(&a, "SecondFactorSecret");
	secret = member(&a, "secret");
	check_eq_s(member(&a, "uri"),
	        text("otpauth://totp/"
	             "Heming%%20Testville:duty?secret=%s&issuer=Heming%%20Testville&algorithm=SHA1&"
	             "digits=6&period=30",
	                secret));
	check_eq_i(ask("POST", "/api/v1/me/second-factor/confirm", duty, "{\"code\":\"12345\"}").status, 400);
	check_eq_i(sign("duty", town.password, "").status, 200); /* it does not count yet */
	a = ask("POST", "/api/v1/me/second-factor/confirm", duty, text("{\"code\":\"%s\"}", code_of(secret)));
	check_eq_i(a.status, 200);
	check_shape(&a, "RecoveryCodes");
	check_eq_i(ask("GET", "/api/v1/cases", duty, NULL).status, 200);
	check_eq_s(ask("GET", "/api/v1/me/second-factor", duty, NULL).body,
	        "{\"on\":true,\"required\":true,\"recovery_left\":10}");

	a = sign("duty", town.password, "");
	check_eq_i(a.status, 401);
	check_has(a.body, "\"code\":\"second_factor\"");
	check_eq_i(sign("duty", "wrong password", "123456").status, 401);
	clock_set(town.site->clock, clock_now(town.site->clock) + 30 * US_SECOND);
	check_eq_i(sign("duty", town.password, code_of(secret)).status, 200);
	a = sign("duty", town.password, code_of(secret));
	check_eq_i(a.status, 401);
	check_has(a.body, "\"code\":\"second_factor\"");
	check_eq_i(ask("DELETE", "/api/v1/accounts/duty/second-factor", sign_in(&town, "chief"), NULL).status,
	        403);
	town.site->accounts.totp_roles = 0;
	check_eq_i(ask("DELETE", "/api/v1/accounts/duty/second-factor", sign_in(&town, "chief"), NULL).status,
	        204);
	check_eq_i(sign("duty", town.password, "").status, 200);
	duty = sign_in(&town, "duty");
	check_eq_i(ask("POST", "/api/v1/me/second-factor/remove", duty,
	                   text("{\"password\":\"%s\"}", town.password))
	                   .status,
	        409);
	a = ask("POST", "/api/v1/me/second-factor", duty, text("{\"password\":\"%s\"}", town.password));
	secret = member(&a, "secret");
	clock_set(town.site->clock, clock_now(town.site->clock) + US_MINUTE);
	check_eq_i(ask("POST", "/api/v1/me/second-factor/confirm", duty,
	                   text("{\"code\":\"%s\"}", code_of(secret)))
	                   .status,
	        200);
	check_eq_i(
	        ask("POST", "/api/v1/me/second-factor/remove", duty, "{\"password\":\"wrong\"}").status, 403);
	check_eq_i(ask("POST", "/api/v1/me/second-factor/remove", duty,
	                   text("{\"password\":\"%s\"}", town.password))
	                   .status,
	        204);
	check_eq_s(ask("GET", "/api/v1/oidc", NULL, NULL).body, "{\"on\":false}");
	city_close(&town);
}

TEST(acting_for_one_another_by_requests)
{
	struct answer a;
	const char *worker, *yi, *id;

	city_open(&town);
	town.site->accounts.break_glass_roles = ROLE_HANDLER;
	worker = sign_in(&town, "worker");
	yi = sign_in(&town, "yi");
	a = ask("POST", "/api/v1/me/delegations", worker,
	        "{\"to\":\"yi\",\"from\":\"2026-07-14T08:00:00+08:00\",\"until\":\"2026-07-15T08:00:00+08:"
	        "00\","
	        "\"reason\":\"调休\"}");
	check_eq_i(a.status, 201);
	check_shape(&a, "DelegationAdded");
	id = member(&a, "id");
	a = ask("GET", "/api/v1/me/delegations", yi, NULL);
	check_shape(&a, "Delegations");
	check_has(a.body, "\"from_login\":\"worker\"");
	check_eq_i(ask("POST", "/api/v1/me/delegations", worker,
	                   "{\"to\":\"yi\",\"until\":\"x\",\"reason\":\"y\"}")
	                   .status,
	        400);
	check_eq_i(ask("DELETE", text("/api/v1/me/delegations/%s", id), sign_in(&town, "duty"), NULL).status,
	        404);
	check_eq_i(ask("DELETE", text("/api/v1/me/delegations/%s", id), yi, NULL).status, 204);

	a = ask("POST", "/api/v1/me/break-glass", yi, "{\"reason\":\"夜间泄漏\",\"minutes\":5}");
	check_eq_i(a.status, 200);
	check_shape(&a, "BreakGlassUntil");
	a = ask("GET", "/api/v1/session", yi, NULL);
	check_shape(&a, "Here");
	check_has(a.body, "\"clearance\":3,\"raised\":\"2026-07-14T00:05:00Z\"");
	check_eq_i(ask("DELETE", "/api/v1/me/break-glass", yi, NULL).status, 204);
	check_eq_i(ask("DELETE", "/api/v1/me/break-glass", yi, NULL).status, 409);
	check_has(ask("GET", "/api/v1/session", yi, NULL).body, "\"clearance\":2,\"raised\":null");
	city_close(&town);
}

TEST(four_eyes_by_requests)
{
	struct answer a;
	const char *chief, *second, *id;

	city_open(&town);
	town.site->accounts.four_eyes = true;
	add("chief", "viewer handler desk leader admin", 4);
	add("second", "viewer handler desk leader admin", 4);
	chief = sign_in(&town, "chief");
	second = sign_in(&town, "second");
	a = ask("PATCH", "/api/v1/accounts/duty", chief, "{\"clearance\":4}");
	check_eq_i(a.status, 202);
	check_shape(&a, "AccountChanged");
	check_has(a.body, "\"clearance\":2");
	id = member(&a, "approval");
	a = ask("GET", "/api/v1/approvals", second, NULL);
	check_shape(&a, "Approvals");
	check_has(a.body, "\"change\":{\"clearance\":4}");
	check_eq_i(ask("POST", text("/api/v1/approvals/%s/confirm", id), chief, NULL).status, 403);
	check_eq_i(ask("POST", text("/api/v1/approvals/%s/confirm", id), second, NULL).status, 204);
	check_eq_i(ask("POST", text("/api/v1/approvals/%s/refuse", id), second, NULL).status, 409);
	check_has(ask("GET", "/api/v1/accounts/duty", chief, NULL).body, "\"clearance\":4");
	a = ask("POST", "/api/v1/accounts", chief,
	        "{\"login\":\"n\",\"name\":\"N\",\"roles\":[\"admin\"],\"clearance\":4}");
	check_eq_i(a.status, 201);
	check_shape(&a, "AccountAdded");
	check_has(a.body, "\"roles\":[\"viewer\"]");
	id = member(&a, "approval");
	check_eq_i(ask("POST", text("/api/v1/approvals/%s/refuse", id), chief, NULL).status, 204);
	check_eq_i(ask("POST", "/api/v1/approvals/x/refuse", chief, NULL).status, 404);
	city_close(&town);
}
