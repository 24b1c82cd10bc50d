#include "check.h"
#include "city/approval.h"
#include "city/delegation.h"
#include "city/session.h"
#include "city/totp.h"
#include "town.h"

/* Set once: the constant of the least cost lives in another file. */
static struct account_policy cheap;

__attribute__((constructor)) static void make_cheap(void)
{
	cheap.cost = password_cost_test;
}

static int sign_in(
        struct town *t, const char *login, const char *password, const char *code, char *token, struct err *e)
{
	return session_open(t->store, &cheap,
	        &(struct sign_in){.login = login, .password = password, .code = code, .remote = "127.0.0.1"},
	        token, e);
}

static struct account_in person(const char *login, const char *roles)
{
	return (struct account_in){.login = login,
	        .name = "某人",
	        .org = "works",
	        .password = "long enough 1",
	        .roles = roles,
	        .regions = "1001 1002",
	        .clearance = 2};
}

static void add(struct town *t, const char *login)
{
	struct account_in in = person(login, "viewer handler");
	struct err e = ERR_INIT;

	check_ok(account_add(t->store, &cheap, &in, &who_system, NULL, &e), &e);
}

TEST(signs_in_and_out)
{
	struct town t;
	struct err e = ERR_INIT;
	struct who w;
	char token[65];

	town_open(&t);
	add(&t, "li");
	check_ok(sign_in(&t, "li", "long enough 1", NULL, token, &e), &e);
	check_eq_i(strlen(token), 64);
	check_ok(session_find(t.store, &cheap, token, t.a, &w, &e), &e);
	check_eq_s(w.login, "li");
	check_eq_i(w.roles, ROLE_VIEWER | ROLE_HANDLER);
	check(who_sees(&w, "1001", "works", 1));
	check(who_sees(&w, "1002001", "works", 2));
	check(!who_sees(&w, "1003", "works", 1));
	check(!who_sees(&w, "1001", "works", 3));
	check_str(who_regions_json(&w, t.a), "[\"1001\",\"1002\"]");
	check(who_orgs_json(&w, t.a).p == NULL);
	check_ok(session_close(t.store, token, &e), &e);
	check_err(session_find(t.store, &cheap, token, t.a, &w, &e), ERR_UNAUTH);
	town_close(&t);
}

TEST(says_the_same_for_every_wrong_sign_in)
{
	struct town t;
	struct err a = ERR_INIT, b = ERR_INIT;
	char token[65];

	town_open(&t);
	add(&t, "li");
	check_err(sign_in(&t, "li", "wrong", NULL, token, &a), ERR_UNAUTH);
	check_err(sign_in(&t, "nobody", "wrong", NULL, token, &b), ERR_UNAUTH);
	check_eq_s(a.text, b.text);
	town_close(&t);
}

TEST(locks_after_five_and_opens_again)
{
	struct town t;
	struct err e = ERR_INIT;
	char token[65];

	town_open(&t);
	add(&t, "li");
	for (int i = 0; i < 5; i++)
		check_err(sign_in(&t, "li", "wrong", NULL, token, &e), ERR_UNAUTH);
	check_err(sign_in(&t, "li", "long enough 1", NULL, token, &e), ERR_BUSY);
	clock_set(t.clock, clock_now(t.clock) + 16 * US_MINUTE);
	e = (struct err)ERR_INIT;
	check_ok(sign_in(&t, "li", "long enough 1", NULL, token, &e), &e);
	town_close(&t);
}

TEST(a_session_ends_by_itself)
{
	struct town t;
	struct err e = ERR_INIT;
	struct who w;
	char token[65];

	town_open(&t);
	add(&t, "li");
	check_ok(sign_in(&t, "li", "long enough 1", NULL, token, &e), &e);
	for (int day = 0; day < 13; day++) { /* used every 11 h it lives, but not past 7 days */
		clock_set(t.clock, clock_now(t.clock) + 11 * US_HOUR);
		check_ok(session_find(t.store, &cheap, token, t.a, &w, &e), &e);
	}
	clock_set(t.clock, clock_now(t.clock) + 13 * US_HOUR);
	check_err(session_find(t.store, &cheap, token, t.a, &w, &e), ERR_UNAUTH);
	check_ok(sign_in(&t, "li", "long enough 1", NULL, token, &(struct err){0}), NULL);
	clock_set(t.clock, clock_now(t.clock) + 12 * US_HOUR + 1);
	check_err(session_find(t.store, &cheap, token, t.a, &w, &e), ERR_UNAUTH);
	town_close(&t);
}

TEST(a_new_password_ends_all_sessions)
{
	struct town t;
	struct err e = ERR_INIT;
	struct who w;
	char token[65];

	town_open(&t);
	add(&t, "li");
	check_ok(sign_in(&t, "li", "long enough 1", NULL, token, &e), &e);
	check_ok(account_set_password(t.store, &cheap, "li", "another long one", false, &who_system, &e), &e);
	check_err(session_find(t.store, &cheap, token, t.a, &w, &e), ERR_UNAUTH);
	check_err(sign_in(&t, "li", "long enough 1", NULL, token, &e), ERR_UNAUTH);
	check_err(account_set_password(t.store, &cheap, "nobody", "another long one", false, &who_system, &e),
	        ERR_NOTFOUND);
	town_close(&t);
}

TEST(refuses_bad_accounts)
{
	struct town t;
	struct err e = ERR_INIT;
	struct account_in in = person("li", "viewer");

	town_open(&t);
	add(&t, "li");
	check_err(account_add(t.store, &cheap, &in, &who_system, NULL, &e), ERR_CONFLICT);
	in = person("a b", "viewer");
	check_err(account_add(t.store, &cheap, &in, &who_system, NULL, &e), ERR_INVALID);
	check_eq_s(e.field, "login");
	in = person("wang", "king");
	check_err(account_add(t.store, &cheap, &in, &who_system, NULL, &e), ERR_INVALID);
	check_eq_s(e.field, "roles");
	in = person("wang", "viewer");
	in.password = "short";
	check_err(account_add(t.store, &cheap, &in, &who_system, NULL, &e), ERR_INVALID);
	check_eq_s(e.field, "password");
	town_close(&t);
}

TEST(devices)
{
	struct town t;
	struct err e = ERR_INIT;
	struct device d;
	char secret[65], again[65];

	town_open(&t);
	check_ok(device_add(t.store, "gw", "GAS- WL-", "test", secret, &e), &e);
	check_ok(device_find(t.store, STR_LIT("gw"), str_of(secret), t.a, &d, &e), &e);
	check(device_may(&d, STR_LIT("GAS-1")));
	check(device_may(&d, STR_LIT("WL-2")));
	check(!device_may(&d, STR_LIT("AIR-1")));
	check_err(device_find(t.store, STR_LIT("gw"), STR_LIT("guess"), t.a, &d, &e), ERR_UNAUTH);
	check_err(device_find(t.store, STR_LIT("other"), str_of(secret), t.a, &d, &e), ERR_UNAUTH);
	check_ok(device_add(t.store, "gw", "", "test", again, &e), &e);
	check_err(device_find(t.store, STR_LIT("gw"), str_of(secret), t.a, &d, &e), ERR_UNAUTH);
	check_ok(device_find(t.store, STR_LIT("gw"), str_of(again), t.a, &d, &(struct err){0}), NULL);
	check(device_may(&d, STR_LIT("AIR-1")));

	/* By its secret alone. */
	check_ok(device_add(t.store, "other", "GAS-", "test", secret, &e), &e);
	check_ok(device_find(t.store, STR_NULL, str_of(secret), t.a, &d, &(struct err){0}), NULL);
	check_eq_s(d.login, "other");
	check(!device_may(&d, STR_LIT("AIR-1")));
	check_err(device_find(t.store, STR_NULL, STR_LIT(""), t.a, &d, &e), ERR_UNAUTH);
	check(d.login == NULL);
	secret[63] = secret[63] == '0' ? '1' : '0';
	check_err(device_find(t.store, STR_NULL, str_of(secret), t.a, &d, &e), ERR_UNAUTH);

	/* By its name alone, for what it left. */
	check_ok(device_named(t.store, STR_LIT("other"), t.a, &d, &(struct err){0}), NULL);
	check(!device_may(&d, STR_LIT("AIR-1")));
	check_err(device_named(t.store, STR_LIT("nobody"), t.a, &d, &e), ERR_NOTFOUND);
	town_close(&t);
}

/* ---- what administrators do ---- */

static void put(struct town *t, const char *login, const char *roles, const char *regions, int clearance)
{
	struct account_in in = person(login, roles);
	struct err e = ERR_INIT;

	in.regions = regions;
	in.clearance = clearance;
	check_ok(account_add(t->store, &cheap, &in, &who_system, NULL, &e), &e);
}

/* As the account is now. */
static struct who as(struct town *t, const char *login, char token[SESSION_TOKEN])
{
	struct err e = ERR_INIT;
	struct who w = {0};

	check_ok(sign_in(t, login, "long enough 1", NULL, token, &e), &e);
	check_ok(session_find(t->store, &cheap, token, t->a, &w, &e), &e);
	return w;
}

static int change(
        struct town *t, const char *login, struct account_change c, const struct who *by, struct err *e)
{
	*e = (struct err)ERR_INIT;
	return account_change(t->store, &cheap, login, &c, by, NULL, e);
}

TEST(nobody_gives_what_they_have_not)
{
	struct town t;
	struct err e = ERR_INIT;
	char token[SESSION_TOKEN];
	struct account_in in;
	struct who lin;

	town_open(&t);
	put(&t, "lin", "viewer handler admin", "1001", 3);
	put(&t, "root", "viewer handler desk leader admin", "", 4);
	put(&t, "wang", "viewer", "1001", 1);
	lin = as(&t, "lin", token);
	in = person("new", "viewer desk");
	in.regions = "1001";
	check_err(account_add(t.store, &cheap, &in, &lin, NULL, &e), ERR_DENIED);
	check_eq_s(e.field, "roles");
	in.roles = "viewer";
	in.clearance = 4;
	check_err(account_add(t.store, &cheap, &in, &lin, NULL, &e), ERR_DENIED);
	check_eq_s(e.field, "clearance");
	in.clearance = 3;
	in.regions = "";
	check_err(account_add(t.store, &cheap, &in, &lin, NULL, &e), ERR_DENIED);
	check_eq_s(e.field, "regions");
	in.regions = "1002";
	check_err(account_add(t.store, &cheap, &in, &lin, NULL, &e), ERR_DENIED);
	in.regions = "1001002 10013";
	check_ok(account_add(t.store, &cheap, &in, &lin, NULL, &e), &e);

	check_err(change(&t, "wang", (struct account_change){.clearance = 4, .disabled = -1}, &lin, &e),
	        ERR_DENIED);
	check_err(change(&t, "wang", (struct account_change){.roles = "viewer leader", .disabled = -1}, &lin,
	                  &e),
	        ERR_DENIED);
	check_err(change(&t, "wang", (struct account_change){.regions = "", .disabled = -1}, &lin, &e),
	        ERR_DENIED);
	check_ok(change(&t, "wang", (struct account_change){.clearance = 3, .disabled = -1}, &lin, &e), &e);
	/* nor for themselves */
	check_err(change(&t, "lin", (struct account_change){.clearance = 4, .disabled = -1}, &lin, &e),
	        ERR_DENIED);
	check_err(change(&t, "lin",
	                  (struct account_change){.roles = "viewer handler admin desk", .disabled = -1}, &lin,
	                  &e),
	        ERR_DENIED);
	/* nor do they become somebody who has more */
	check_err(account_set_password(t.store, &cheap, "root", "another long one", true, &lin, &e),
	        ERR_DENIED);
	check_err(change(&t, "root", (struct account_change){.disabled = 1}, &lin, &e), ERR_DENIED);
	check_err(account_drop_factor(t.store, "root", &lin, &e), ERR_DENIED);
	check_err(account_unlock(t.store, "root", &lin, &e), ERR_DENIED);
	check_err(account_sign_out(t.store, "root", &lin, &e), ERR_DENIED);
	check_err(account_unlock(t.store, "nobody", &lin, &e), ERR_NOTFOUND);
	town_close(&t);
}

TEST(sessions_end_where_rights_shrink)
{
	struct town t;
	struct err e = ERR_INIT;
	char token[SESSION_TOKEN];
	struct who w;

	town_open(&t);
	put(&t, "root", "viewer admin", "", 4);
	put(&t, "wang", "viewer handler", "1001", 2);
	(void)as(&t, "wang", token);
	check_ok(change(&t, "wang",
	                 (struct account_change){.name = "王",
	                         .roles = "handler viewer desk",
	                         .regions = "",
	                         .clearance = 3,
	                         .disabled = -1},
	                 &who_system, &e),
	        &e);
	check_ok(session_find(t.store, &cheap, token, t.a, &w, &e), &e);
	check_eq_i(w.roles, ROLE_VIEWER | ROLE_HANDLER | ROLE_DESK);
	check_eq_i(w.scope.clearance, 3);
	check(w.scope.regions == NULL);
	check_ok(change(&t, "wang", (struct account_change){.clearance = 2, .disabled = -1}, &who_system, &e),
	        &e);
	check_err(session_find(t.store, &cheap, token, t.a, &w, &e), ERR_UNAUTH);
	(void)as(&t, "wang", token);
	check_ok(change(&t, "wang", (struct account_change){.regions = "1001", .disabled = -1}, &who_system,
	                 &e),
	        &e);
	check_err(session_find(t.store, &cheap, token, t.a, &w, &e), ERR_UNAUTH);
	(void)as(&t, "wang", token);
	check_ok(change(&t, "wang", (struct account_change){.disabled = 1}, &who_system, &e), &e);
	check_err(session_find(t.store, &cheap, token, t.a, &w, &e), ERR_UNAUTH);
	check_err(sign_in(&t, "wang", "long enough 1", NULL, token, &e), ERR_UNAUTH);
	town_close(&t);
}

TEST(one_administrator_remains)
{
	struct town t;
	struct err e = ERR_INIT;

	town_open(&t);
	put(&t, "one", "viewer admin", "", 4);
	put(&t, "two", "viewer admin", "", 4);
	check_ok(change(&t, "two", (struct account_change){.disabled = 1}, &who_system, &e), &e);
	check_err(change(&t, "one", (struct account_change){.disabled = 1}, &who_system, &e), ERR_STATE);
	check_err(change(&t, "one", (struct account_change){.roles = "viewer", .disabled = -1}, &who_system,
	                  &e),
	        ERR_STATE);
	check_ok(change(&t, "two", (struct account_change){.disabled = 0}, &who_system, &e), &e);
	check_ok(change(&t, "one", (struct account_change){.roles = "viewer", .disabled = -1}, &who_system,
	                 &e),
	        &e);
	town_close(&t);
}

TEST(the_journal_tells_what_changed)
{
	struct town t;
	struct err e = ERR_INIT;
	struct store_tx *tx = NULL;
	struct journal_entry *j = NULL;
	int n = 0;

	town_open(&t);
	put(&t, "root", "viewer admin", "", 4);
	put(&t, "wang", "viewer", "1001", 1);
	check_ok(change(&t, "wang",
	                 (struct account_change){.roles = "viewer handler", .clearance = 2, .disabled = -1},
	                 &who_system, &e),
	        &e);
	check_ok(store_read_begin(t.store, "look", &tx, &e), &e);
	check_ok(journal_page(tx, 0, 1, NULL, &j, &n, &e), &e);
	if (check_eq_i(n, 1)) {
		check_str(j[0].kind, "account.changed");
		check_str(j[0].subject_id, "wang");
		check_str(j[0].payload, "{\"roles\":[\"viewer\",\"viewer handler\"],\"clearance\":[1,2]}");
	}
	store_read_end(&tx);
	town_close(&t);
}

TEST(a_password_that_must_be_changed)
{
	struct town t;
	struct err e = ERR_INIT;
	char token[SESSION_TOKEN], other[SESSION_TOKEN];
	struct account_policy aging = cheap;
	struct who w;

	town_open(&t);
	add(&t, "li");
	check_ok(account_set_password(t.store, &cheap, "li", "one time only", true, &who_system, &e), &e);
	check_ok(sign_in(&t, "li", "one time only", NULL, token, &e), &e);
	check_ok(sign_in(&t, "li", "one time only", NULL, other, &e), &e);
	check_ok(session_find(t.store, &cheap, token, t.a, &w, &e), &e);
	check_eq_i(w.must, MUST_PASSWORD);
	check_err(session_new_password(t.store, &cheap, &w, token, "wrong", "of my own choice", "x", &e),
	        ERR_DENIED);
	check_eq_s(e.field, "old");
	check_err(session_new_password(t.store, &cheap, &w, token, "one time only", "one time only", "x", &e),
	        ERR_INVALID);
	check_err(session_new_password(t.store, &cheap, &w, token, "one time only", "password123", "x", &e),
	        ERR_INVALID);
	check_eq_s(e.field, "password");
	check_ok(session_new_password(
	                 t.store, &cheap, &w, token, "one time only", "of my own choice", "x", &e),
	        &e);
	check_ok(session_find(t.store, &cheap, token, t.a, &w, &e), &e);
	check_eq_i(w.must, MUST_NOTHING);
	check_err(session_find(t.store, &cheap, other, t.a, &w, &e), ERR_UNAUTH);
	/* where passwords age */
	aging.password_max_days = 3;
	for (int i = 0; i < 7; i++) {
		clock_set(t.clock, clock_now(t.clock) + 11 * US_HOUR);
		check_ok(session_find(t.store, &aging, token, t.a, &w, &e), &e);
		check_eq_i(w.must, i < 6 ? MUST_NOTHING : MUST_PASSWORD);
	}
	town_close(&t);
}

TEST(wrong_old_passwords_lock_too)
{
	struct town t;
	struct err e = ERR_INIT;
	char token[SESSION_TOKEN];
	struct who w;

	town_open(&t);
	add(&t, "li");
	w = as(&t, "li", token);
	for (int i = 0; i < 5; i++)
		check_err(session_new_password(
		                  t.store, &cheap, &w, token, "guess", "of my own choice", "x", &e),
		        ERR_DENIED);
	check_err(session_new_password(
	                  t.store, &cheap, &w, token, "long enough 1", "of my own choice", "x", &e),
	        ERR_BUSY);
	check_ok(account_unlock(t.store, "li", &who_system, &e), &e);
	check_ok(sign_in(&t, "li", "long enough 1", NULL, token, &(struct err){0}), NULL);
	town_close(&t);
}

/* ---- API tokens ---- */

TEST(a_token_is_the_account_at_the_time_of_use)
{
	struct town t;
	struct err e = ERR_INIT;
	char session[SESSION_TOKEN], token[API_TOKEN];
	struct api_token_in in = {.name = "import", .roles = "viewer handler", .days = 30};
	struct api_token_row *row = NULL;
	struct store_tx *tx = NULL;
	struct who w, by;
	int64_t id = 0;
	int n = 0;

	town_open(&t);
	put(&t, "root", "viewer admin", "", 4);
	put(&t, "li", "viewer handler desk", "1001", 2);
	by = as(&t, "li", session);
	check_ok(api_token_add(t.store, &by, &in, &id, token, &e), &e);
	check_eq_u(strlen(token), API_TOKEN - 1);
	check(strncmp(token, "hmt_", 4) == 0);
	check_ok(api_token_find(t.store, token, t.a, &w, &e), &e);
	check_eq_s(w.login, "li");
	check_eq_i(w.roles, ROLE_VIEWER | ROLE_HANDLER);
	check(w.by_token && !w.read_only);
	check_ok(change(&t, "li",
	                 (struct account_change){.roles = "viewer desk", .regions = "1002", .disabled = -1},
	                 &who_system, &e),
	        &e);
	check_ok(api_token_find(t.store, token, t.a, &w, &e), &e);
	check_eq_i(w.roles, ROLE_VIEWER);
	check_eq_s(w.scope.regions[0], "1002");

	check_ok(store_read_begin(t.store, "look", &tx, &e), &e);
	check_ok(api_token_list(tx, t.a, &by, &row, &n, &e), &e);
	store_read_end(&tx);
	if (check_eq_i(n, 1))
		check(row[0].id == id && row[0].used == clock_now(t.clock));
	clock_set(t.clock, clock_now(t.clock) + 30 * US_DAY);
	check_err(api_token_find(t.store, token, t.a, &w, &e), ERR_UNAUTH);
	town_close(&t);
}

TEST(tokens_die_with_their_account)
{
	struct town t;
	struct err e = ERR_INIT;
	char session[SESSION_TOKEN], token[API_TOKEN], second[API_TOKEN];
	struct api_token_in in = {.name = "import", .days = 365, .read_only = true};
	struct who w, by;
	int64_t id = 0;

	town_open(&t);
	put(&t, "root", "viewer admin", "", 4);
	add(&t, "li");
	by = as(&t, "li", session);
	check_ok(api_token_add(t.store, &by, &in, &id, token, &e), &e);
	check_ok(api_token_find(t.store, token, t.a, &w, &e), &e);
	check_eq_i(w.roles, ROLE_VIEWER | ROLE_HANDLER);
	check(w.read_only);
	check_ok(change(&t, "li", (struct account_change){.disabled = 1}, &who_system, &e), &e);
	check_err(api_token_find(t.store, token, t.a, &w, &e), ERR_UNAUTH);
	check_ok(change(&t, "li", (struct account_change){.disabled = 0}, &who_system, &e), &e);
	check_err(api_token_find(t.store, token, t.a, &w, &e), ERR_UNAUTH);

	check_ok(api_token_add(t.store, &by, &in, &id, token, &e), &e);
	check_ok(api_token_add(t.store, &by, &in, &id, second, &e), &e);
	check_ok(api_token_drop(t.store, &by, id, &e), &e);
	check_err(api_token_drop(t.store, &by, id, &e), ERR_NOTFOUND);
	check_err(api_token_find(t.store, second, t.a, &w, &e), ERR_UNAUTH);
	check_ok(api_token_find(t.store, token, t.a, &w, &(struct err){0}), NULL);
	check_ok(account_sign_out(t.store, "li", &who_system, &e), &e);
	check_err(api_token_find(t.store, token, t.a, &w, &e), ERR_UNAUTH);
	town_close(&t);
}

TEST(refuses_bad_tokens)
{
	struct town t;
	struct err e = ERR_INIT;
	char session[SESSION_TOKEN], token[API_TOKEN];
	struct who by;
	int64_t id;

	town_open(&t);
	add(&t, "li");
	by = as(&t, "li", session);
	check_err(api_token_add(t.store, &by, &(struct api_token_in){.name = "", .days = 1}, &id, token, &e),
	        ERR_INVALID);
	check_err(api_token_add(t.store, &by, &(struct api_token_in){.name = "x", .days = 0}, &id, token, &e),
	        ERR_INVALID);
	check_err(
	        api_token_add(t.store, &by, &(struct api_token_in){.name = "x", .days = 366}, &id, token, &e),
	        ERR_INVALID);
	check_err(api_token_add(t.store, &by, &(struct api_token_in){.name = "x", .days = 1, .roles = "king"},
	                  &id, token, &e),
	        ERR_INVALID);
	check_err(api_token_add(t.store, &by,
	                  &(struct api_token_in){.name = "x", .days = 1, .roles = "admin"}, &id, token, &e),
	        ERR_DENIED);
	town_close(&t);
}

/* ---- the second factor ---- */

static const char *code_at(const char *secret, time_us at, char out[8])
{
	uint8_t key[TOTP_KEY];

	check_eq_i(base32_decode(str_of(secret), key, sizeof(key)), TOTP_KEY);
	snprintf(out, 8, "%06u", totp_code(key, sizeof(key), (uint64_t)(at / (30 * US_SECOND)), 6));
	return out;
}

static void enrol(
        struct town *t, const struct who *w, char secret[40], char codes[RECOVERY_CODES][PASSWORD_MADE])
{
	struct err e = ERR_INIT;
	char code[8];

	check_ok(factor_begin(t->store, &cheap, w, "long enough 1", "x", secret, &e), &e);
	check_ok(factor_confirm(t->store, &cheap, w, code_at(secret, clock_now(t->clock), code), codes, &e),
	        &e);
}

TEST(a_second_factor_is_asked_for)
{
	struct town t;
	struct err e = ERR_INIT;
	char token[SESSION_TOKEN], secret[40], codes[RECOVERY_CODES][PASSWORD_MADE], code[8], spaced[32];
	struct who w;

	town_open(&t);
	add(&t, "li");
	w = as(&t, "li", token);
	check_err(factor_begin(t.store, &cheap, &w, "wrong", "x", secret, &e), ERR_DENIED);
	check_err(factor_confirm(t.store, &cheap, &w, "123456", codes, &e), ERR_STATE);
	enrol(&t, &w, secret, codes);
	check_err(factor_begin(t.store, &cheap, &w, "long enough 1", "x", secret, &e), ERR_STATE);

	check_err(sign_in(&t, "li", "long enough 1", NULL, token, &e), ERR_SECOND_FACTOR);
	check_eq_s(e.field, "code");
	check_err(sign_in(&t, "li", "wrong", NULL, token, &e), ERR_UNAUTH);
	check_err(sign_in(&t, "li", "long enough 1", "000000", token, &e), ERR_SECOND_FACTOR);
	/* the code of the enrolment is used up */
	check_err(sign_in(&t, "li", "long enough 1", code_at(secret, clock_now(t.clock), code), token, &e),
	        ERR_SECOND_FACTOR);
	clock_set(t.clock, clock_now(t.clock) + 30 * US_SECOND);
	check_ok(sign_in(&t, "li", "long enough 1", code_at(secret, clock_now(t.clock), code), token, &e),
	        NULL);
	check_err(sign_in(&t, "li", "long enough 1", code, token, &e), ERR_SECOND_FACTOR);
	/* a recovery code, however it is written, once */
	snprintf(spaced, sizeof(spaced), "%.4s-%.4s %.4s-%.4s", codes[3], codes[3] + 4, codes[3] + 8,
	        codes[3] + 12);
	check_ok(sign_in(&t, "li", "long enough 1", spaced, token, &e), NULL);
	check_err(sign_in(&t, "li", "long enough 1", codes[3], token, &e), ERR_SECOND_FACTOR);
	check_ok(factor_remove(t.store, &cheap, &w, "long enough 1", "x", &e), NULL);
	check_ok(sign_in(&t, "li", "long enough 1", NULL, token, &e), NULL);
	town_close(&t);
}

TEST(wrong_codes_lock)
{
	struct town t;
	struct err e = ERR_INIT;
	char token[SESSION_TOKEN], secret[40], codes[RECOVERY_CODES][PASSWORD_MADE];
	struct who w;

	town_open(&t);
	add(&t, "li");
	w = as(&t, "li", token);
	enrol(&t, &w, secret, codes);
	for (int i = 0; i < 5; i++)
		check_err(sign_in(&t, "li", "long enough 1", "000000", token, &e), ERR_SECOND_FACTOR);
	check_err(sign_in(&t, "li", "long enough 1", codes[0], token, &e), ERR_BUSY);
	town_close(&t);
}

TEST(roles_that_must_have_a_second_factor)
{
	struct town t;
	struct err e = ERR_INIT;
	char token[SESSION_TOKEN], secret[40], codes[RECOVERY_CODES][PASSWORD_MADE];
	struct account_policy strict = cheap;
	struct who w;

	town_open(&t);
	add(&t, "li");
	strict.totp_roles = ROLE_HANDLER;
	w = as(&t, "li", token);
	check_ok(session_find(t.store, &strict, token, t.a, &w, &e), &e);
	check_eq_i(w.must, MUST_SECOND_FACTOR);
	enrol(&t, &w, secret, codes);
	check_ok(session_find(t.store, &strict, token, t.a, &w, &e), &e);
	check_eq_i(w.must, MUST_NOTHING);
	check_ok(account_drop_factor(t.store, "li", &who_system, &e), &e);
	check_err(session_find(t.store, &strict, token, t.a, &w, &e), ERR_UNAUTH);
	town_close(&t);
}

/* ---- break-glass, delegation, four eyes ---- */

TEST(breaking_the_glass_raises_one_session_for_a_while)
{
	struct town t;
	struct err e = ERR_INIT;
	char token[SESSION_TOKEN], other[SESSION_TOKEN];
	struct account_policy p = cheap;
	time_us until = 0;
	struct who w;

	town_open(&t);
	put(&t, "li", "viewer handler", "1001", 2);
	put(&t, "top", "viewer handler", "", 4);
	w = as(&t, "li", token);
	(void)as(&t, "li", other);
	check_err(session_raise(t.store, &p, &w, token, "a leak at night", 30, &until, &e), ERR_DENIED);
	p.break_glass_roles = ROLE_HANDLER;
	check_err(session_raise(t.store, &p, &w, token, "", 30, &until, &e), ERR_INVALID);
	check_eq_s(e.field, "reason");
	check_err(session_raise(t.store, &p, &w, token, "a leak at night", 61, &until, &e), ERR_INVALID);
	check_err(session_lower(t.store, &w, token, &e), ERR_STATE);
	check_ok(session_raise(t.store, &p, &w, token, "a leak at night", 30, &until, &e), NULL);
	check(until == clock_now(t.clock) + 30 * US_MINUTE);
	check_ok(session_find(t.store, &p, token, t.a, &w, &e), NULL);
	check_eq_i(w.scope.clearance, 3);
	check_eq_i(w.own.clearance, 2);
	check(w.raised == until);
	check_ok(session_find(t.store, &p, other, t.a, &w, &e), NULL);
	check_eq_i(w.scope.clearance, 2);
	clock_set(t.clock, until);
	check_ok(session_find(t.store, &p, token, t.a, &w, &e), NULL);
	check_eq_i(w.scope.clearance, 2);
	w = as(&t, "top", other);
	check_err(session_raise(t.store, &p, &w, other, "a leak at night", 30, &until, &e), ERR_STATE);
	town_close(&t);
}

TEST(a_delegation_lends_orgs_and_nothing_else)
{
	struct town t;
	struct err e = ERR_INIT;
	char token[SESSION_TOKEN], second[SESSION_TOKEN];
	struct account_in in = person("giver", "viewer handler");
	struct delegation_in d = {.to = "taker", .reason = "on leave", .from = TIME_NONE};
	struct delegation *row = NULL;
	struct store_tx *tx = NULL;
	struct who giver, taker;
	int64_t id = 0;
	int n = 0;

	town_open(&t);
	in.orgs = "works";
	in.clearance = 3;
	in.regions = "1002";
	check_ok(account_add(t.store, &cheap, &in, &who_system, NULL, &e), &e);
	in = person("taker", "viewer handler");
	in.orgs = in.org = "water";
	in.regions = "1001";
	check_ok(account_add(t.store, &cheap, &in, &who_system, NULL, &e), &e);
	put(&t, "looker", "viewer", "1001", 2);
	giver = as(&t, "giver", token);
	d.until = clock_now(t.clock) + 8 * US_HOUR;

	d.to = "looker";
	check_err(delegation_add(t.store, &giver, &d, &id, &e), ERR_INVALID);
	check_eq_s(e.field, "to");
	d.to = "giver";
	check_err(delegation_add(t.store, &giver, &d, &id, &e), ERR_INVALID);
	d.to = "nobody";
	check_err(delegation_add(t.store, &giver, &d, &id, &e), ERR_INVALID);
	d.to = "taker";
	d.until = clock_now(t.clock);
	check_err(delegation_add(t.store, &giver, &d, &id, &e), ERR_INVALID);
	check_eq_s(e.field, "until");
	d.until = clock_now(t.clock) + 91 * US_DAY;
	check_err(delegation_add(t.store, &giver, &d, &id, &e), ERR_INVALID);
	d.from = clock_now(t.clock) - 1;
	d.until = clock_now(t.clock) + 8 * US_HOUR;
	check_err(delegation_add(t.store, &giver, &d, &id, &e), ERR_INVALID);
	check_eq_s(e.field, "from");
	d.from = clock_now(t.clock) + US_HOUR;
	check_ok(delegation_add(t.store, &giver, &d, &id, &e), NULL);

	taker = as(&t, "taker", second);
	check_eq_i(taker.givers, 0);
	check(!who_sees(&taker, "1001", "works", 1));
	clock_set(t.clock, d.from);
	check_ok(session_find(t.store, &cheap, second, t.a, &taker, &e), NULL);
	if (check_eq_i(taker.givers, 1))
		check_eq_s(taker.giver[0].login, "giver");
	check(who_sees(&taker, "1001", "works", 2));
	check(who_sees(&taker, "1001", "water", 2));
	check(!who_sees(&taker, "1002", "works", 1));
	check(!who_sees(&taker, "1001", "works", 3));

	check_ok(store_read_begin(t.store, "look", &tx, &e), NULL);
	check_ok(delegation_list(tx, t.a, &taker, &row, &n, &e), NULL);
	store_read_end(&tx);
	if (check_eq_i(n, 1))
		check(!row[0].given && strcmp(row[0].from_login, "giver") == 0);
	check_ok(delegation_end(t.store, &taker, id, &e), NULL);
	check_err(delegation_end(t.store, &giver, id, &e), ERR_NOTFOUND);
	check_ok(session_find(t.store, &cheap, second, t.a, &taker, &e), NULL);
	check_eq_i(taker.givers, 0);
	town_close(&t);
}

TEST(four_eyes_make_an_administrator)
{
	static const char all[] = "viewer handler desk leader admin";
	struct town t;
	struct err e = ERR_INIT;
	struct account_policy p = cheap;
	char a_token[SESSION_TOKEN], b_token[SESSION_TOKEN], c_token[SESSION_TOKEN];
	struct account_change up = {.roles = "viewer admin", .disabled = -1};
	struct account_in in = person("new", "admin");
	int64_t id = 0, second = 0;
	struct who a, b;

	town_open(&t);
	p.four_eyes = true;
	put(&t, "one", all, "", 4);
	put(&t, "two", all, "", 4);
	put(&t, "wang", "viewer", "1001", 2);
	a = as(&t, "one", a_token);
	b = as(&t, "two", b_token);
	check_ok(account_change(t.store, &p, "wang", &(struct account_change){.clearance = 3, .disabled = -1},
	                 &a, &id, &e),
	        &e);
	check_eq_i(id, 0);
	check_ok(account_change(t.store, &p, "wang", &up, &a, &id, &e), &e);
	check(id != 0);
	check_eq_i(as(&t, "wang", c_token).roles, ROLE_VIEWER);
	check_err(approval_confirm(t.store, id, &a, &e), ERR_DENIED);
	check_ok(approval_confirm(t.store, id, &b, &e), NULL);
	check_err(approval_confirm(t.store, id, &b, &e), ERR_STATE);
	check_eq_i(as(&t, "wang", c_token).roles, ROLE_VIEWER | ROLE_ADMIN);
	/* nobody confirms what is about themselves, nor more than they have */
	check_ok(account_change(t.store, &p, "wang", &(struct account_change){.clearance = 4, .disabled = -1},
	                 &a, &id, &e),
	        NULL);
	check(id != 0);
	b = as(&t, "wang", c_token);
	check_err(approval_confirm(t.store, id, &b, &e), ERR_DENIED);
	check_ok(approval_refuse(t.store, id, &a, &e), NULL);
	check_err(approval_confirm(t.store, id, &b, &e), ERR_STATE);
	check_err(approval_refuse(t.store, 1, &b, &e), ERR_NOTFOUND);
	/* a new administrator is a viewer until then */
	in.clearance = 4;
	in.regions = "";
	check_ok(account_add(t.store, &p, &in, &a, &second, &e), NULL);
	check(second != 0);
	b = as(&t, "new", c_token);
	check_eq_i(b.roles, ROLE_VIEWER);
	check_eq_i(b.scope.clearance, 3);
	b = as(&t, "two", b_token);
	check_ok(approval_confirm(t.store, second, &b, &e), NULL);
	b = as(&t, "new", c_token);
	check_eq_i(b.roles, ROLE_ADMIN);
	check_eq_i(b.scope.clearance, 4);
	/* who asked must still be an administrator */
	check_ok(account_change(t.store, &p, "wang", &(struct account_change){.clearance = 4, .disabled = -1},
	                 &a, &id, &e),
	        NULL);
	check_ok(change(&t, "one", (struct account_change){.disabled = 1}, &who_system, &e), NULL);
	b = as(&t, "two", b_token);
	check_err(approval_confirm(t.store, id, &b, &e), ERR_STATE);
	town_close(&t);
}
