#include "series/index.h"

#include "check.h"

struct thing {
	long before;
	struct index_entry index;
};

static uint32_t add(struct index *x, const char *name, const char *thing, const char *site)
{
	struct label l[3];
	struct labels ls = {l, 0};

	l[ls.n++] = (struct label){STR_LIT("__name__"), str_of(name)};
	if (site)
		l[ls.n++] = (struct label){STR_LIT("site"), str_of(site)};
	l[ls.n++] = (struct label){STR_LIT("thing"), str_of(thing)};
	return index_find(x, &ls) ? 0 : index_add(x, &ls, 0);
}

static size_t count(struct index *x, enum match_op op, const char *name, const char *value, enum match_op op2,
        const char *name2, const char *value2)
{
	struct arena *a = arena_new(0);
	struct matcher m[2];
	struct ids ids = {0};
	size_t n;

	check_ok(matcher_init(&m[0], a, op, str_of(name), str_of(value), NULL), NULL);
	check_ok(matcher_init(&m[1], a, op2, str_of(name2), str_of(value2), NULL), NULL);
	index_match(x, m, 2, NULL, &ids);
	for (size_t i = 1; i < ids.n; i++)
		check(ids.p[i - 1] < ids.p[i]);
	n = ids.n;
	ids_fini(&ids);
	arena_free(&a);
	return n;
}

TEST(finds_what_matches_and_forgets_what_is_removed)
{
	struct index x;
	char thing[16];

	index_init(&x, sizeof(struct thing), offsetof(struct thing, index));
	for (int i = 0; i < 3000; i++) {
		snprintf(thing, sizeof(thing), "T-%d", i);
		check_eq_u(add(&x, "temp", thing, i % 3 ? NULL : "north"), 2 * (uint32_t)i + 1);
		check_eq_u(add(&x, "hum", thing, i % 3 ? NULL : "south"), 2 * (uint32_t)i + 2);
	}
	check_eq_u(add(&x, "temp", "T-7", NULL), 0);
	check_eq_u(count(&x, MATCH_EQ, "__name__", "temp", MATCH_EQ, "thing", "T-12"), 1);
	check_eq_u(count(&x, MATCH_EQ, "__name__", "temp", MATCH_EQ, "site", ""), 2000);
	check_eq_u(count(&x, MATCH_EQ, "__name__", "temp", MATCH_NE, "site", ""), 1000);
	check_eq_u(count(&x, MATCH_RE, "thing", "T-1.", MATCH_NE, "__name__", "hum"), 10);
	check_eq_u(count(&x, MATCH_RE, "site", "north|south", MATCH_NRE, "__name__", "t.*"), 1000);
	check_eq_u(count(&x, MATCH_EQ, "nothing", "x", MATCH_EQ, "thing", "T-1"), 0);
	check_eq_u(count(&x, MATCH_EQ, "nothing", "", MATCH_EQ, "thing", "T-1"), 2);
	check_eq_u(count(&x, MATCH_NE, "nothing", "x", MATCH_RE, "site", ".*"), 6000);
	for (uint32_t id = 1; id <= 5990; id++)
		index_remove(&x, id);
	check_eq_u(count(&x, MATCH_EQ, "nothing", "", MATCH_RE, "thing", ".+"), 10);
	check_eq_u(count(&x, MATCH_EQ, "thing", "T-1", MATCH_RE, "thing", ".+"), 0);
	check_eq_u(add(&x, "temp", "T-7", NULL), 6001);
	check_eq_u(x.alive, 11);
	index_fini(&x);
}
