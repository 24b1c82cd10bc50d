/* The map of things against a plain sorted array: random changes, old maps read on, nothing lost or leaked.
 */
#include "city/thing_map.h"
#include "check.h"

#define CODES 3000
#define ROUNDS 200

static unsigned any(unsigned n)
{
	return (unsigned)test_below(n);
}

static struct thing *make(unsigned i, unsigned round)
{
	char code[32], name[64];

	snprintf(code, sizeof(code), "S-%u", i);
	snprintf(name, sizeof(name), "%u of round %u", i, round);
	return thing_copy(&(struct thing){.code = code,
	        .name = name,
	        .name_en = "",
	        .kind = "sensor",
	        .state = "",
	        .org = "",
	        .region = "",
	        .unit_region = "",
	        .at = {(double)round, 0}});
}

static int by_code(const void *a, const void *b)
{
	const struct thing_change *x = a, *y = b;

	return strcmp(x->code, y->code);
}

/* round[i]: that made code i last, -1: it is not there */
static void check_map(const struct thing_map *m, const int *round)
{
	struct thing_walk w = thing_map_walk(m, NULL);
	const struct thing *t, *before = NULL;
	size_t there = 0, walked = 0;
	char code[32];

	for (unsigned i = 0; i < CODES; i++) {
		snprintf(code, sizeof(code), "S-%u", i);
		t = thing_map_find(m, str_of(code));
		there += round[i] >= 0;
		if ((t != NULL) != (round[i] >= 0) || (t != NULL && t->at.lon != (double)round[i]))
			check_fail("%s is not as it should be", code);
	}
	while ((t = thing_next(&w)) != NULL) {
		if (before != NULL && strcmp(before->code, t->code) >= 0)
			check_fail("%s comes before %s", before->code, t->code);
		before = t;
		walked++;
	}
	check_eq_i(walked, there);
	check_eq_i(thing_map_count(m), there);
}

TEST(random_changes_as_an_array_has_them)
{
	static int round[CODES], kept[CODES];
	struct thing_map *m = thing_map_new(NULL, 0), *old;
	struct thing_litter l = {0}, old_litter = {0};

	for (size_t i = 0; i < CODES; i++)
		round[i] = -1;
	old = m;
	memcpy(kept, round, sizeof(kept));
	for (unsigned r = 0; r < ROUNDS; r++) {
		struct thing_change change[CODES];
		static char code[CODES][32];
		size_t n = 0;
		unsigned share = r % 10 == 0 ? 2 : 40; /* now and then half of them */
		struct thing_map *next;

		for (unsigned i = 0; i < CODES; i++) {
			if (any(share) != 0)
				continue;
			snprintf(code[n], sizeof(code[n]), "S-%u", i);
			change[n].code = code[n];
			change[n].now = any(3) != 0 ? make(i, r) : NULL;
			round[i] = change[n].now != NULL ? (int)r : -1;
			n++;
		}
		qsort(change, n, sizeof(change[0]), by_code);
		next = thing_map_change(m, change, n, &l);
		if (r % 7 == 6) { /* the map of seven rounds ago is as it was; then nobody reads it */
			check_map(old, kept);
			thing_litter_free(&old_litter);
			old_litter = l;
			l = (struct thing_litter){0};
			thing_litter_free(&old_litter);
			old = next;
			memcpy(kept, round, sizeof(kept));
		}
		m = next;
		if (r % 20 == 0)
			check_map(m, round);
	}
	check_map(m, round);
	thing_litter_free(&l);
	thing_map_free(&m);
}

TEST(walks_on_behind_a_code)
{
	struct thing *t[700];
	struct thing_map *m;
	struct thing_walk w;
	char code[700][32];

	for (unsigned i = 0; i < 700; i++) {
		snprintf(code[i], sizeof(code[i]), "T-%04u", 2 * i);
		t[i] = thing_copy(&(struct thing){.code = code[i], .name = "x", .name_en = ""});
	}
	m = thing_map_new(t, 700);
	w = thing_map_walk(m, "T-0500");
	check_eq_s(thing_next(&w)->code, "T-0502");
	w = thing_map_walk(m, "T-0501"); /* one that is not there */
	check_eq_s(thing_next(&w)->code, "T-0502");
	w = thing_map_walk(m, "");
	check_eq_s(thing_next(&w)->code, "T-0000");
	w = thing_map_walk(m, "T-1398");
	check(thing_next(&w) == NULL);
	w = thing_map_walk(m, "U");
	check(thing_next(&w) == NULL);
	check(thing_map_find(m, STR_LIT("")) == NULL);
	check(thing_map_find(m, STR_NULL) == NULL);
	thing_map_free(&m);
}
