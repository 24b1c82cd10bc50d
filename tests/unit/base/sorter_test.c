#include "check.h"

#include "base/sorter.h"

/* So many pairs of random keys, long ones and prefixes of each other among them, with their number as value:
 * out in order, each once. */
static void round_trip(size_t memory_b, unsigned pairs)
{
	struct sorter *s = sorter_new(memory_b);
	bool *seen = xcalloc(pairs + 1, sizeof(*seen));
	struct sb last = SB_INIT;
	struct err e = ERR_INIT;
	struct str key, value;
	unsigned n = 0;
	int rc;

	test_seed(pairs);
	for (unsigned i = 0; i < pairs; i++) {
		struct sb k = SB_INIT;

		for (unsigned j = (unsigned)test_below((unsigned)test_below(20) == 0 ? 6000 : 12); j > 0; j--)
			sb_putc(&k, (char)(unsigned)test_below(3));
		check_ok(sorter_add(s, sb_str(&k), (struct str){(const char *)&i, sizeof(i)}, &e), &e);
		sb_fini(&k);
	}
	while ((rc = sorter_next(s, &key, &value, &e)) > 0) {
		unsigned i;

		check_eq_u(value.n, sizeof(i));
		memcpy(&i, value.p, sizeof(i));
		check(i < pairs && !seen[i]);
		seen[i] = true;
		check(str_cmp(sb_str(&last), key) <= 0);
		sb_reset(&last);
		sb_putstr(&last, key);
		n++;
	}
	check_ok(rc, &e);
	check_eq_u(n, pairs);
	check_eq_i(sorter_next(s, &key, &value, &e), 0);
	sb_fini(&last);
	free(seen);
	sorter_free(&s);
	check_eq_p(s, NULL);
}

TEST(gives_nothing_of_nothing)
{
	round_trip(1000, 0);
}

TEST(sorts_in_memory)
{
	round_trip((size_t)1 << 26, 5000);
}

TEST(merges_runs_from_a_file)
{
	round_trip(30000, 5000);
	round_trip(1, 100); /* each pair a run */
}

TEST(says_where_it_cannot_write)
{
	struct sorter *s = sorter_new(1);
	struct err e = ERR_INIT;

	check(setenv("TMPDIR", "/nowhere/at/all", 1) == 0);
	check_ok(sorter_add(s, STR_LIT("a"), STR_LIT(""), &e), &e);
	check_err(sorter_add(s, STR_LIT("b"), STR_LIT(""), &e), ERR_NOTFOUND);
	check_has(e.text, "TMPDIR");
	check_has(e.where, "/nowhere/at/all");
	sorter_free(&s);
}
