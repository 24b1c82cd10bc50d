#include "check.h"
#include "city/account.h"
#include "town.h"

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

	check_ok(account_add(t->store, &in, "test", NULL, &e), &e);
}

TEST(signs_in_and_out)
{
	struct town t;
	struct err e = ERR_INIT;
	struct who w;
	char token[65];

	town_open(&t);
	add(&t, "li");
	check_ok(session_open(t.store, "li", "long enough 1", "127.0.0.1", token, &e), &e);
	check_eq_i(strlen(token), 64);
	check_ok(session_find(t.store, token, t.a, &w, &e), &e);
	check_eq_s(w.login, "li");
	check_eq_i(w.roles, ROLE_VIEWER | ROLE_HANDLER);
	check(who_sees(&w, "1001", "works", 1));
	check(who_sees(&w, "1002001", "works", 2));
	check(!who_sees(&w, "1003", "works", 1));
	check(!who_sees(&w, "1001", "works", 3));
	check_str(who_regions_json(&w, t.a), "[\"1001\",\"1002\"]");
	check(who_orgs_json(&w, t.a).p == NULL);
	check_ok(session_close(t.store, token, &e), &e);
	check_err(session_find(t.store, token, t.a, &w, &e), ERR_UNAUTH);
	town_close(&t);
}

TEST(says_the_same_for_every_wrong_sign_in)
{
	struct town t;
	struct err a = ERR_INIT, b = ERR_INIT;
	char token[65];

	town_open(&t);
	add(&t, "li");
	check_err(session_open(t.store, "li", "wrong", "x", token, &a), ERR_UNAUTH);
	check_err(session_open(t.store, "nobody", "wrong", "x", token, &b), ERR_UNAUTH);
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
		check_err(session_open(t.store, "li", "wrong", "x", token, &e), ERR_UNAUTH);
	check_err(session_open(t.store, "li", "long enough 1", "x", token, &e), ERR_BUSY);
	clock_set(t.clock, clock_now(t.clock) + 16 * US_MINUTE);
	e = (struct err)ERR_INIT;
	check_ok(session_open(t.store, "li", "long enough 1", "x", token, &e), &e);
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
	check_ok(session_open(t.store, "li", "long enough 1", "x", token, &e), &e);
	for (int day = 0; day < 13; day++) { /* used every 11 h it lives, but not past 7 days */
		clock_set(t.clock, clock_now(t.clock) + 11 * US_HOUR);
		check_ok(session_find(t.store, token, t.a, &w, &e), &e);
	}
	clock_set(t.clock, clock_now(t.clock) + 13 * US_HOUR);
	check_err(session_find(t.store, token, t.a, &w, &e), ERR_UNAUTH);
	check_ok(session_open(t.store, "li", "long enough 1", "x", token, &(struct err){0}), NULL);
	clock_set(t.clock, clock_now(t.clock) + 12 * US_HOUR + 1);
	check_err(session_find(t.store, token, t.a, &w, &e), ERR_UNAUTH);
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
	check_ok(session_open(t.store, "li", "long enough 1", "x", token, &e), &e);
	check_ok(account_set_password(t.store, "li", "another long one", "test", &e), &e);
	check_err(session_find(t.store, token, t.a, &w, &e), ERR_UNAUTH);
	check_err(session_open(t.store, "li", "long enough 1", "x", token, &e), ERR_UNAUTH);
	check_err(account_set_password(t.store, "nobody", "another long one", "test", &e), ERR_NOTFOUND);
	town_close(&t);
}

TEST(refuses_bad_accounts)
{
	struct town t;
	struct err e = ERR_INIT;
	struct account_in in = person("li", "viewer");

	town_open(&t);
	add(&t, "li");
	check_err(account_add(t.store, &in, "test", NULL, &e), ERR_CONFLICT);
	in = person("a b", "viewer");
	check_err(account_add(t.store, &in, "test", NULL, &e), ERR_INVALID);
	check_eq_s(e.field, "login");
	in = person("wang", "king");
	check_err(account_add(t.store, &in, "test", NULL, &e), ERR_INVALID);
	check_eq_s(e.field, "roles");
	in = person("wang", "viewer");
	in.password = "short";
	check_err(account_add(t.store, &in, "test", NULL, &e), ERR_INVALID);
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
	town_close(&t);
}
