/* The same request twice. */
#include "check.h"
#include "door.h"
#include "store/sql.h"

#define YANCHENG SOURCE "/packs/yancheng"

static struct city town;
static const char *duty, *worker;

static void open_town(void)
{
	city_open_pack(&town, YANCHENG);
	duty = sign_in(&town, "duty");
	worker = sign_in(&town, "worker");
}

#define CASE "{\"category\":\"gas-leak\",\"title\":\"路边有燃气味\",\"region\":\"320902\"}"
#define OTHER "{\"category\":\"gas-leak\",\"title\":\"又有燃气味\",\"region\":\"320902\"}"

static const char *keyed(const char *who, const char *key)
{
	return text("%sIdempotency-Key: %s\n", who, key);
}

static int cases(void)
{
	struct answer a = ask("GET", "/api/v1/cases?state=open", duty, NULL);
	int n = 0;

	for (const char *p = a.body; (p = strstr(p, "\"code\":\"AJ-")) != NULL; p++)
		n++;
	return n;
}

static void advance(dur_us d)
{
	clock_set(town.site->clock, clock_now(town.site->clock) + d);
}

TEST(a_repeat_gets_the_first_answer_and_changes_nothing)
{
	struct answer a, b;

	open_town();
	a = ask("POST", "/api/v1/cases", keyed(duty, "\"8e03978e-40d5\""), CASE);
	check_eq_i(a.status, 201);
	check(answer_header(&a, "Idempotency-Replayed") == NULL);
	b = ask("POST", "/api/v1/cases", keyed(duty, "8e03978e-40d5"), CASE);
	check_eq_i(b.status, 201);
	check_eq_s(b.body, a.body);
	check_eq_s(b.mime, a.mime);
	check_eq_s(answer_header(&b, "Idempotency-Replayed"), "true");
	check_eq_s(answer_header(&b, "Location"), answer_header(&a, "Location"));
	check_eq_s(answer_header(&b, "ETag"), answer_header(&a, "ETag"));
	check_eq_i(cases(), 1);
	/* without a key, with another, of another account: other requests */
	check_eq_i(ask("POST", "/api/v1/cases", duty, CASE).status, 201);
	check_eq_i(ask("POST", "/api/v1/cases", keyed(duty, "another"), CASE).status, 201);
	check_eq_i(cases(), 3);
	check_eq_i(ask("POST", "/api/v1/cases", keyed(worker, "8e03978e-40d5"), CASE).status, 403);
	city_close(&town);
}

TEST(a_key_belongs_to_one_request)
{
	struct answer a;

	open_town();
	check_eq_i(ask("POST", "/api/v1/cases", keyed(duty, "k"), CASE).status, 201);
	a = ask("POST", "/api/v1/cases", keyed(duty, "k"), OTHER);
	check_eq_i(a.status, 422);
	check_has(a.body, "\"field\":\"Idempotency-Key\"");
	check_eq_i(ask("POST", "/api/v1/cases/1/note", keyed(duty, "k"), "{\"note\":\"x\"}").status, 422);
	check_eq_i(ask("POST", "/api/v1/cases", keyed(duty, ""), CASE).status, 400);
	check_eq_i(ask("POST", "/api/v1/cases", keyed(duty, "a b"), CASE).status, 400);
	check_eq_i(ask("POST", "/api/v1/cases", keyed(duty, "\"a\"b\""), CASE).status, 400);
	check_eq_i(ask("POST", "/api/v1/cases", keyed(duty, text("%0300d", 1)), CASE).status, 400);
	/* who reads needs none */
	check_eq_i(ask("GET", "/api/v1/cases", keyed(duty, "a b"), NULL).status, 200);
	city_close(&town);
}

TEST(a_day_later_the_key_is_free)
{
	open_town();
	check_eq_i(ask("POST", "/api/v1/cases", keyed(duty, "k"), CASE).status, 201);
	for (int i = 0; i < 5; i++) { /* a session ends without use */
		advance(5 * US_HOUR);
		check_eq_i(ask("GET", "/api/v1/session", duty, NULL).status, 200);
	}
	check_eq_i(ask("POST", "/api/v1/cases", keyed(duty, "k"), OTHER).status, 201);
	check_eq_i(cases(), 2);
	city_close(&town);
}

TEST(what_failed_may_be_tried_again)
{
	const char *missing = "/api/v1/cases/12/note", *id;
	struct answer a;

	open_town();
	check_eq_i(ask("POST", missing, keyed(duty, "k"), "{\"note\":\"x\"}").status, 404);
	a = ask("POST", "/api/v1/cases", keyed(duty, "k"), CASE);
	check_eq_i(a.status, 201);
	id = answer_header(&a, "Location");
	/* a body that its schema does not take never reaches the key */
	check_eq_i(ask("POST", text("%s/note", id), keyed(duty, "n"), "{\"not\":1}").status, 400);
	check_eq_i(ask("POST", text("%s/note", id), keyed(duty, "n"), "{\"note\":\"x\"}").status, 200);
	city_close(&town);
}

/* ---- the key in the store ---- */

static int64_t take(struct store_tx *tx, const char *body, int64_t holder, time_us at, time_us lapsed)
{
	struct sql_idempotency_begin_in in = {
	        1, STR_LIT("k"), STR_LIT("POST /x"), str_of(body), holder, at, lapsed};
	struct err e = ERR_INIT;
	int64_t changed = -1;

	check_ok(sql_idempotency_begin(tx, &in, &changed, &e), &e);
	return changed;
}

static int64_t mark(struct store_tx *tx, int64_t holder)
{
	struct sql_idempotency_done_in in = {1, STR_LIT("k"), holder};
	struct err e = ERR_INIT;
	int64_t changed = -1;

	check_ok(sql_idempotency_done(tx, &in, &changed, &e), &e);
	return changed;
}

static int take_over(struct store_tx *tx, void *arg, struct err *e)
{
	int64_t changed = -1;

	(void)arg;
	check_eq_i(take(tx, "a", 1, 100, 40), 1);
	check_eq_i(take(tx, "a", 2, 150, 90), 0);  /* it has not lapsed */
	check_eq_i(take(tx, "b", 2, 170, 110), 0); /* it has, but this is another request */
	check_eq_i(take(tx, "a", 2, 170, 110), 1);
	/* The slow first attempt can change nothing any more, nor give the key back. */
	check_eq_i(mark(tx, 1), 0);
	check_ok(sql_idempotency_drop(tx, &(struct sql_idempotency_drop_in){1, STR_LIT("k"), 1}, &changed, e),
	        e);
	check_eq_i(changed, 0);
	check_eq_i(mark(tx, 2), 1);
	check_eq_i(mark(tx, 2), 1); /* a second change of the same attempt */
	/* What was changed stays known, and nobody takes it over. */
	check_ok(sql_idempotency_drop(tx, &(struct sql_idempotency_drop_in){1, STR_LIT("k"), 2}, &changed, e),
	        e);
	check_eq_i(changed, 0);
	check_eq_i(take(tx, "a", 3, 900, 840), 0);
	return 0;
}

TEST(an_attempt_that_was_taken_over_changes_nothing)
{
	struct err e = ERR_INIT;

	open_town();
	check_ok(store_write(town.site->store, "keys", take_over, NULL, &e), &e);
	city_close(&town);
}
