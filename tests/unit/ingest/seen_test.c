#include "ingest/seen.h"
#include "check.h"

#include <pthread.h>

static bool found(struct seen_reader *r, enum seen_form form, struct str a, struct str b, series_id *id)
{
	struct seen_name *x = seen_find(r, form, a, b);

	return x != NULL && seen_answer(r, x, id);
}

static void put_as(struct seen_reader *r, enum seen_form form, struct str a, struct str b, struct str thing,
        series_id id, bool lasting)
{
	struct seen_ask x = {.a = a, .b = b, .thing = thing, .id = id, .lasting = lasting};

	seen_find_many(r, form, &x, 1);
	if (!x.known)
		x.id = id;
	seen_put_many(r, form, &x, 1);
}

static void put(struct seen_reader *r, const char *a, const char *b, uint32_t id)
{
	put_as(r, SEEN_LINE, str_of(a), str_of(b), STR_NULL, (series_id){id}, true);
}

TEST(finds_what_was_put)
{
	struct seen *s = seen_new(1000);
	struct seen_reader r;
	series_id id = {0};
	char key[32];

	seen_begin(s, 1, &r);
	check(!found(&r, SEEN_LINE, STR_LIT("a"), STR_LIT("b"), &id));
	for (uint32_t i = 1; i <= 900; i++) {
		snprintf(key, sizeof(key), "cpu,host=%u", i);
		put(&r, key, "v", i);
	}
	for (uint32_t i = 1; i <= 900; i++) {
		snprintf(key, sizeof(key), "cpu,host=%u", i);
		if (check(found(&r, SEEN_LINE, str_of(key), STR_LIT("v"), &id)))
			check_eq_i(id.v, i);
		check(!found(&r, SEEN_LINE, str_of(key), STR_LIT("w"), &id));
	}
	seen_end(&r);
	seen_free(&s);
}

TEST(many_are_looked_for_and_put_together)
{
	enum { N = 50 };
	struct seen *s = seen_new(1000);
	struct seen_reader r;
	struct seen_ask x[N];
	char text[N][32];

	seen_begin(s, 1, &r);
	for (uint32_t i = 0; i < N; i += 3) {
		snprintf(text[i], sizeof(text[i]), "cpu,host=%u", i % 40);
		put(&r, text[i], "v", 1000 + i % 40);
	}
	for (uint32_t i = 0; i < N; i++) { /* the last ten are as the first ten */
		snprintf(text[i], sizeof(text[i]), "cpu,host=%u", i % 40);
		x[i] = (struct seen_ask){.a = str_of(text[i]), .b = STR_LIT("v"), .lasting = true};
	}
	seen_find_many(&r, SEEN_LINE, x, N);
	for (uint32_t i = 0; i < N; i++) {
		bool was_put = i % 40 % 3 == 0 || (i % 40 < 10 && (i % 40 + 40) % 3 == 0);

		check_eq_i(x[i].known, was_put);
		if (was_put)
			check_eq_u(x[i].id.v, 1000 + i % 40);
		x[i].id.v = 1000 + i % 40;
	}
	seen_put_many(&r, SEEN_LINE, x, N);
	check(seen_expected(&r) != NULL &&
	        str_eq((struct str){seen_expected(&r)->text, 11}, STR_LIT("cpu,host=10")));
	seen_end(&r);
	seen_begin(s, 1, &r);
	for (uint32_t i = 0; i < N; i++) {
		series_id id = {0};

		check(found(&r, SEEN_LINE, str_of(text[i]), STR_LIT("v"), &id) && id.v == 1000 + i % 40);
	}
	seen_end(&r);
	seen_free(&s);
}

TEST(pair_and_form_are_the_key)
{
	struct seen *s = seen_new(100);
	struct seen_reader r;
	series_id id = {0};

	seen_begin(s, 1, &r);
	put(&r, "ab", "c", 1);
	check(!found(&r, SEEN_LINE, STR_LIT("a"), STR_LIT("bc"), &id));
	put(&r, "a", "bc", 2);
	check(found(&r, SEEN_LINE, STR_LIT("ab"), STR_LIT("c"), &id));
	check_eq_i(id.v, 1);
	/* A measurement without tags and a thing may have one name. */
	check(!found(&r, SEEN_JSON, STR_LIT("ab"), STR_LIT("c"), &id));
	put_as(&r, SEEN_JSON, STR_LIT("ab"), STR_LIT("c"), STR_NULL, (series_id){3}, true);
	check(found(&r, SEEN_LINE, STR_LIT("ab"), STR_LIT("c"), &id));
	check_eq_i(id.v, 1);
	seen_end(&r);
	seen_free(&s);
}

TEST(expects_what_followed)
{
	static const char *const names[] = {"a", "b", "c"};
	struct seen *s = seen_new(100);
	struct seen_reader r;
	struct seen_name *x;

	seen_begin(s, 1, &r);
	for (uint32_t i = 0; i < 3; i++)
		put(&r, names[i], "v", i + 1);
	seen_end(&r);
	seen_begin(s, 1, &r);
	check(seen_expected(&r) == NULL);
	check(seen_find(&r, SEEN_LINE, STR_LIT("a"), STR_LIT("v")) != NULL);
	x = seen_expected(&r);
	if (check(x != NULL)) {
		check_str(((struct str){x->text, x->a_n + x->b_n + 2u}), "b v=");
		seen_take(&r, x);
	}
	/* The last one is followed by the first, once it was. */
	check(seen_find(&r, SEEN_LINE, STR_LIT("c"), STR_LIT("v")) != NULL);
	check(seen_expected(&r) == NULL);
	check(seen_find(&r, SEEN_LINE, STR_LIT("a"), STR_LIT("v")) != NULL);
	check(seen_find(&r, SEEN_LINE, STR_LIT("c"), STR_LIT("v")) != NULL);
	x = seen_expected(&r);
	if (check(x != NULL))
		check_eq_i(x->text[0], 'a');
	seen_end(&r);
	seen_free(&s);
}

TEST(an_answer_may_end_with_a_decision)
{
	struct seen *s = seen_new(100);
	struct seen_reader r;
	series_id id = {0};

	seen_begin(s, 7, &r);
	put_as(&r, SEEN_LINE, STR_LIT("a,thing=X"), STR_LIT("v"), STR_NULL, (series_id){1}, false);
	put(&r, "b", "v", 2);
	check(found(&r, SEEN_LINE, STR_LIT("a,thing=X"), STR_LIT("v"), &id));
	seen_end(&r);
	seen_begin(s, 8, &r);
	check(!found(&r, SEEN_LINE, STR_LIT("a,thing=X"), STR_LIT("v"), &id));
	check(found(&r, SEEN_LINE, STR_LIT("b"), STR_LIT("v"), &id));
	check(seen_find(&r, SEEN_LINE, STR_LIT("a,thing=X"), STR_LIT("v")) != NULL);
	put_as(&r, SEEN_LINE, STR_LIT("a,thing=X"), STR_LIT("v"), STR_NULL, (series_id){3}, false);
	check(seen_expected(&r) != NULL && seen_expected(&r)->text[0] == 'b'); /* it follows not itself */
	check(found(&r, SEEN_LINE, STR_LIT("a,thing=X"), STR_LIT("v"), &id));
	check_eq_i(id.v, 3);
	seen_end(&r);
	seen_free(&s);
}

TEST(forgets_but_never_lies)
{
	struct seen *s = seen_new(64);
	struct seen_reader r;
	series_id id = {0};
	char key[32];
	int got = 0;

	for (uint32_t i = 1; i <= 10000; i++) {
		snprintf(key, sizeof(key), "k%u", i);
		seen_begin(s, 1, &r);
		put(&r, key, "", i);
		seen_end(&r);
	}
	seen_begin(s, 1, &r);
	for (uint32_t i = 1; i <= 10000; i++) {
		snprintf(key, sizeof(key), "k%u", i);
		if (found(&r, SEEN_LINE, str_of(key), STR_LIT(""), &id)) {
			check_eq_i(id.v, i);
			got++;
		}
	}
	check(got > 0 && got <= 64);
	seen_end(&r);
	seen_forget(s);
	seen_begin(s, 1, &r);
	check(!found(&r, SEEN_LINE, STR_LIT("k10000"), STR_LIT(""), &id));
	seen_end(&r);
	seen_free(&s);
}

TEST(long_names_fill_it_too)
{
	static char longest[UINT16_MAX + 1];
	struct seen *s = seen_new(100000);
	struct seen_reader r;
	series_id id = {0};
	uint32_t kept = 0;

	memset(longest, 'x', sizeof(longest));
	seen_begin(s, 1, &r);
	for (uint32_t i = 1; i <= 1000; i++) {
		memcpy(longest, &i, sizeof(i));
		put_as(&r, SEEN_WRITE, (struct str){longest, UINT16_MAX}, STR_LIT(""), STR_NULL,
		        (series_id){i}, true);
		if (found(&r, SEEN_WRITE, (struct str){longest, UINT16_MAX}, STR_LIT(""), &id)) {
			check_eq_i(id.v, i);
			kept++;
		}
	}
	check(kept > 100 && kept < 1000);
	put_as(&r, SEEN_WRITE, (struct str){longest, sizeof(longest)}, STR_LIT(""), STR_NULL, (series_id){1},
	        true);
	check(!found(&r, SEEN_WRITE, (struct str){longest, sizeof(longest)}, STR_LIT(""), &id));
	seen_end(&r);
	seen_free(&s);
}

#define READERS 3
#define NAMES 400
static struct seen *shared;

/* Each reads all names again and again, each in its own order; ids never lie. */
static void *read_all(void *arg)
{
	uint32_t step = *(uint32_t *)arg, wrong_ones = 0;
	char key[32];

	for (uint32_t round = 0; round < 30; round++) {
		struct seen_reader r;

		if (round % 10 == 9)
			seen_forget(shared);
		seen_begin(shared, 1, &r);
		for (uint32_t k = 0, i = 0; k < NAMES; k++, i = (i + step) % NAMES) {
			struct seen_name *x = seen_expected(&r);
			struct str a = {key, (size_t)snprintf(key, sizeof(key), "m,n=%u", i)};
			series_id id;

			if (x != NULL && seen_is(x, SEEN_LINE, a, STR_LIT("v"))) {
				seen_take(&r, x);
				wrong_ones += !seen_answer(&r, x, &id) || id.v != i + 1;
			} else if (found(&r, SEEN_LINE, a, STR_LIT("v"), &id)) {
				wrong_ones += id.v != i + 1;
			} else {
				put_as(&r, SEEN_LINE, a, STR_LIT("v"), STR_NULL, (series_id){i + 1}, true);
			}
		}
		seen_end(&r);
	}
	return wrong_ones > 0 ? arg : NULL;
}

TEST(many_read_at_once)
{
	uint32_t step[READERS] = {1, 7, 399};
	pthread_t t[READERS];
	void *wrong_one;

	shared = seen_new(NAMES * 2);
	for (int i = 0; i < READERS; i++)
		must(pthread_create(&t[i], NULL, read_all, &step[i]) == 0);
	for (int i = 0; i < READERS; i++) {
		pthread_join(t[i], &wrong_one);
		check(wrong_one == NULL);
	}
	seen_free(&shared);
}
