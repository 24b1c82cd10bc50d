/* The same request twice. */
#include "check.h"
#include "door.h"

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
