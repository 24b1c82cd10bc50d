#include "ingest/seen.h"
#include "check.h"

TEST(finds_what_was_put)
{
	struct seen *s = seen_new(1000);
	series_id id;
	char key[32];

	check(!seen_find(s, STR_LIT("a"), STR_LIT("b"), &id));
	for (uint32_t i = 1; i <= 500; i++) {
		snprintf(key, sizeof(key), "cpu,host=%u", i);
		seen_put(s, str_of(key), STR_LIT("v"), (series_id){i});
	}
	for (uint32_t i = 1; i <= 500; i++) {
		snprintf(key, sizeof(key), "cpu,host=%u", i);
		if (check(seen_find(s, str_of(key), STR_LIT("v"), &id)))
			check_eq_i(id.v, i);
		check(!seen_find(s, str_of(key), STR_LIT("w"), &id));
	}
	seen_free(&s);
}

TEST(the_pair_is_the_key)
{
	struct seen *s = seen_new(100);
	series_id id;

	seen_put(s, STR_LIT("ab"), STR_LIT("c"), (series_id){1});
	check(!seen_find(s, STR_LIT("a"), STR_LIT("bc"), &id));
	seen_put(s, STR_LIT("a"), STR_LIT("bc"), (series_id){2});
	check(seen_find(s, STR_LIT("ab"), STR_LIT("c"), &id));
	check_eq_i(id.v, 1);
	seen_free(&s);
}

TEST(forgets_but_never_lies)
{
	struct seen *s = seen_new(64);
	series_id id;
	char key[32];
	int found = 0;

	for (uint32_t i = 1; i <= 10000; i++) {
		snprintf(key, sizeof(key), "k%u", i);
		seen_put(s, str_of(key), STR_LIT(""), (series_id){i});
	}
	for (uint32_t i = 1; i <= 10000; i++) {
		snprintf(key, sizeof(key), "k%u", i);
		if (seen_find(s, str_of(key), STR_LIT(""), &id)) {
			check_eq_i(id.v, i);
			found++;
		}
	}
	check(found > 0 && found < 200);
	seen_free(&s);
}
