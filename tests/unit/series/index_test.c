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

	index_init(&x, sizeof(struct thing), offsetof(struct thing, index), NULL, 0);
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

/* ---- against a list that is searched from end to end ---- */

enum { IDS = 4000, NAMES = 5, VALUES = 30 };

struct naive {
	char value[NAMES][8]; /* "": the label is missing */
	bool there;
};

static const char *const label_names[NAMES] = {"__name__", "kind", "place", "site", "thing"};

static struct labels labels_of(const struct naive *n, struct label l[NAMES])
{
	struct labels ls = {l, 0};

	for (int i = 0; i < NAMES; i++)
		if (n->value[i][0])
			l[ls.n++] = (struct label){str_of(label_names[i]), str_of(n->value[i])};
	return ls;
}

static uint32_t naive_find(const struct naive *all, uint32_t n, const struct labels *ls)
{
	struct label l[NAMES];

	for (uint32_t id = 1; id <= n; id++) {
		struct labels have = labels_of(&all[id], l);

		if (all[id].there && labels_equal(&have, ls))
			return id;
	}
	return 0;
}

static void check_matching(
        const struct index *x, const struct naive *all, uint32_t n, const struct matcher *m, int ms)
{
	struct ids got = {0};
	size_t want = 0;

	index_match(x, m, ms, NULL, &got);
	for (uint32_t id = 1; id <= n; id++) {
		struct label l[NAMES];
		struct labels have = labels_of(&all[id], l);

		if (!all[id].there || !matchers_match(m, ms, &have))
			continue;
		check(want < got.n && got.p[want] == id);
		want++;
	}
	check_eq_u(got.n, want);
	ids_fini(&got);
}

TEST(answers_as_a_list_that_is_searched_from_end_to_end)
{
	static const char *const pattern[] = {"v1.*", "v[0-4]|v2.", ".*", "", "v7", "nothing"};
	struct naive *all = calloc(IDS + 1, sizeof(*all));
	struct arena *a = arena_new(0);
	struct index x;
	uint64_t state = 7;
	uint32_t n = 0, alive = 0;

	index_init(&x, sizeof(struct thing), offsetof(struct thing, index), &(long){-1}, sizeof(long));
	index_expect(&x, 100);
	for (int step = 0; n < IDS; step++) {
		struct naive fresh = {.there = true};
		struct label l[NAMES];
		struct labels ls;
		uint32_t id, known;

		for (int i = 0; i < NAMES; i++) {
			state = state * 6364136223846793005u + 1442695040888963407u;
			if (i == 0 || state >> 62)
				snprintf(fresh.value[i], sizeof(fresh.value[i]), "v%d",
				        (int)(state >> 33) % (i == 4 ? 30 * VALUES : VALUES));
		}
		ls = labels_of(&fresh, l);
		known = index_find(&x, &ls);
		if (step % 16 == 0)
			check_eq_u(known, naive_find(all, n, &ls));
		id = index_add(&x, &ls, 0);
		check_eq_u(id, known ? 0 : n + 1);
		if (id) {
			all[++n] = fresh;
			alive++;
			check_eq_i(*(long *)index_beside(&x, id), -1);
			*(long *)index_beside(&x, id) = (long)id;
		}
		for (id = (uint32_t)(state >> 40) % (n + 1); step % 3 == 0 && id; id = 0) {
			if (!all[id].there)
				continue;
			index_remove(&x, id);
			all[id].there = false;
			alive--;
		}
		check_eq_u(x.alive, alive);
		check_eq_u(x.sets.n, alive);
		if (step % 64 == 0) {
			struct matcher m[2];

			for (int i = 0; i < 2; i++)
				check_ok(
				        matcher_init(&m[i], a, (enum match_op)((state >> (20 + 2 * i)) & 3),
				                str_of(label_names[(state >> (30 + 4 * i)) % NAMES]),
				                str_of(pattern[(state >> (40 + 4 * i)) % ARRAY_LEN(pattern)]),
				                NULL),
				        NULL);
			check_matching(&x, all, n, m, 2);
		}
	}
	for (uint32_t id = 1; id <= n; id++) {
		struct label l[NAMES], got[LABELS_MAX];
		struct labels want = labels_of(&all[id], l), have = {got, 0};

		check_eq_u(index_has(&x, id), all[id].there);
		check_eq_i(*(long *)index_beside(&x, id), (long)id);
		if (!all[id].there)
			continue;
		have.n = index_labels(&x, id, got);
		check(labels_equal(&have, &want));
		check_eq_u(index_find(&x, &want), id);
		index_remove(&x, id);
	}
	check_eq_u(x.sets.n, 0);
	check_eq_u(x.pair_table.n, 0);
	index_fini(&x);
	arena_free(&a);
	free(all);
}

/* Ids far apart lie in chunks of their own, and long texts in memory of their own. */
TEST(keeps_many_and_long_ones)
{
	static const uint32_t at[] = {
	        1, INDEX_CHUNK - 1, INDEX_CHUNK, 2 * INDEX_CHUNK, 7 * INDEX_CHUNK + 7, 100 * INDEX_CHUNK};
	char text[4000];
	struct index x;

	memset(text, 'x', sizeof(text));
	index_init(&x, sizeof(struct thing), offsetof(struct thing, index), &(long){-1}, sizeof(long));
	for (size_t i = 0; i < ARRAY_LEN(at); i++) {
		struct label l[2] = {
		        {STR_LIT("__name__"), STR_LIT("m")}, {STR_LIT("thing"), {text, 250 + i * 100}}};
		struct labels ls = {l, 2};

		check_eq_u(index_add(&x, &ls, at[i]), at[i]);
		check_eq_u(index_add(&x, &ls, 0), 0);
		check_eq_i(*(long *)index_beside(&x, at[i]), -1);
	}
	for (size_t i = 0; i < ARRAY_LEN(at); i++) {
		struct label l[LABELS_MAX];
		struct labels ls = {l, index_labels(&x, at[i], l)};

		check_eq_u(ls.l[1].value.n, 250 + i * 100);
		check_eq_u(index_find(&x, &ls), at[i]);
		check(str_is(index_value(&x, at[i], STR_LIT("__name__")), "m"));
		check(index_value(&x, at[i], STR_LIT("site")).p == NULL);
		if (i % 2)
			index_remove(&x, at[i]);
	}
	check_eq_u(x.alive, 3);
	check_eq_u(count(&x, MATCH_EQ, "__name__", "m", MATCH_RE, "thing", "x+"), 3);
	index_fini(&x);
}
