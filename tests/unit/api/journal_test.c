/* The journal through the door: who saw what, who changed what; its head; and what packs brought. */
#include "base/doc.h"
#include "check.h"
#include "door.h"

static struct city town;

static int count(const char *body, const char *words)
{
	int n = 0;

	for (const char *p = body; (p = strstr(p, words)) != NULL; p += strlen(words))
		n++;
	return n;
}

static struct answer journal(const char *who, const char *query)
{
	struct answer a = ask("GET", text("/api/v1/journal?%s", query), who, NULL);

	check_eq_i(a.status, 200);
	return a;
}

TEST(the_journal_answers_who_saw_what_and_who_changed_what)
{
	const char *duty, *admin, *boss;
	struct answer a;

	city_open(&town);
	duty = sign_in(&town, "duty");
	admin = sign_in(&town, "admin");
	boss = sign_in(&town, "boss");
	a = ask("POST", "/api/v1/records/firm", admin,
	        "{\"code\":\"F1\",\"name\":\"甲\",\"region\":\"3201\",\"attrs\":{\"phone\":\"13812341234\"}"
	        "}");
	check_eq_i(a.status, 201);
	a = ask("POST", "/api/v1/records/firm/F1/reveal", boss, "{\"reason\":\"call them back\"}");
	check_eq_i(a.status, 200);
	a = ask("POST", "/api/v1/records/firm/F1/reveal", admin, "{\"reason\":\"a complaint\"}");
	check_eq_i(a.status, 200);

	a = journal(boss, "account=boss&kind=record.revealed");
	check_eq_i(count(a.body, "\"seq\":"), 1);
	check_has(a.body, "\"subject_id\":\"firm/F1\"");
	check_has(a.body, "\"reason\":\"call them back\"");
	check_eq_i(count(a.body, "\"name\":\"boss\""), 1);
	a = journal(admin, "kind=record.revealed");
	check_eq_i(count(a.body, "\"seq\":"), 2);
	a = journal(admin, "kind=record.added,record.changed&account=admin");
	check_eq_i(count(a.body, "\"seq\":"), 1);
	a = journal(admin, "kind=record.&subject=record&subject_id=firm/F1&account=boss");
	check_eq_i(count(a.body, "\"seq\":"), 1);
	a = journal(admin, "account=nobody");
	check_eq_i(count(a.body, "\"seq\":"), 0);

	a = journal(admin, "kind=record.revealed&from=2026-07-14T00:00:00Z&to=2026-07-14T00:00:01Z");
	check_eq_i(count(a.body, "\"seq\":"), 2);
	a = journal(admin, "kind=record.&to=2026-07-14T00:00:00Z");
	check_eq_i(count(a.body, "\"seq\":"), 0);
	a = ask("GET", "/api/v1/journal?from=yesterday", admin, NULL);
	check_eq_i(a.status, 400);
	check_has(a.body, "\"field\":\"from\"");
	check_eq_i(ask("GET", "/api/v1/journal?account=duty", duty, NULL).status, 403);

	/* Nothing needs to be known of an account that is gone, or was none. */
	a = journal(admin, "kind=account.signed_in&limit=1");
	check_has(a.body, "\"next\":");
	a = ask("GET", "/api/v1/journal/head", boss, NULL);
	check_eq_i(a.status, 200);
	check_has(a.body, "\"at\":\"2026-07-14T00:00:00Z\"");
	check_eq_i(ask("GET", "/api/v1/journal/head", duty, NULL).status, 403);
	city_close(&town);
}

TEST(packs_tell_what_they_brought)
{
	const char *duty, *admin;
	struct answer a;

	city_open(&town);
	duty = sign_in(&town, "duty");
	admin = sign_in(&town, "admin");
	a = ask("POST", "/api/v1/records/firm", duty,
	        "{\"code\":\"F1\",\"name\":\"甲\",\"region\":\"3201\"}");
	check_eq_i(a.status, 201);
	a = ask("GET", "/api/v1/packs", admin, NULL);
	check_eq_i(a.status, 200);
	check_eq_i(count(a.body, "\"requires\":[]"), 1);
	check_has(a.body, "\"at\":\"2026-07-14T00:00:00Z\"");
	check_has(a.body, "\"code\":\"firm\"");
	check_has(a.body, "\"records\":1,\"more\":false");
	check_has(a.body, "\"conflicts\":[]");
	check_eq_i(ask("GET", "/api/v1/packs", duty, NULL).status, 403);
	city_close(&town);
}
