#include "check.h"

#include "base/labels.h"

#include <string.h>

static struct labels make(struct label *l, int n)
{
	struct labels ls = {l, n};
	struct err e = ERR_INIT;

	check_ok(labels_sort(&ls, &e), &e);
	return ls;
}

#define L(name, value)                                                                                       \
	{                                                                                                    \
		STR_LIT(name), STR_LIT(value)                                                                \
	}

static bool re(struct arena *a, enum match_op op, const char *pattern, const char *value)
{
	struct matcher m;
	struct err e = ERR_INIT;

	if (!check_ok(matcher_init(&m, a, op, STR_LIT("x"), str_of(pattern), &e), &e))
		return false;
	return matcher_matches(&m, str_of(value));
}

TEST(sorts_by_name_and_drops_empty_values)
{
	struct label l[] = {L("thing", "GAS-1"), L("b", ""), L("__name__", "ch4"), L("area", "x")};
	struct labels ls = make(l, 4);

	check_eq_i(ls.n, 3);
	check_str(ls.l[0].name, "__name__");
	check_str(ls.l[1].name, "area");
	check_str(ls.l[2].name, "thing");
	check_str(labels_get(&ls, "thing"), "GAS-1");
	check(labels_get(&ls, "b").p == NULL);
}

TEST(sorts_many)
{
	struct label l[200];
	char name[200][8];
	struct labels ls = {l, 200};
	struct err e = ERR_INIT;

	for (int i = 0; i < 200; i++) {
		snprintf(name[i], sizeof name[i], "n%03d", (i * 77) % 200);
		l[i] = (struct label){str_of(name[i]), STR_LIT("v")};
	}
	check_ok(labels_sort(&ls, &e), &e);
	check_str(l[0].name, "n000");
	check_str(l[199].name, "n199");
}

TEST(refuses_a_name_twice)
{
	struct label l[] = {L("a", "1"), L("b", "2"), L("a", "3")};
	struct labels ls = {l, 3};
	struct err e = ERR_INIT;

	check_err(labels_sort(&ls, &e), ERR_INVALID);
	check_has(e.text, "\"a\"");
}

TEST(compares_and_hashes)
{
	struct label l1[] = {L("a", "bc")}, l2[] = {L("ab", "c")}, l3[] = {L("a", "bc"), L("d", "e")};
	struct labels a = make(l1, 1), b = make(l2, 1), c = make(l3, 2);

	check(labels_equal(&a, &a));
	check(!labels_equal(&a, &b));
	check(!labels_equal(&a, &c));
	check(labels_cmp(&a, &b) < 0);
	check(labels_cmp(&c, &a) > 0);
	check_eq_i(labels_cmp(&a, &a), 0);
	check(labels_hash(&a) != labels_hash(&b));
	check(labels_hash(&a) != labels_hash(&c));
	check(labels_hash(&a) == labels_hash(&a));
}

TEST(copies_with_one_label_set)
{
	struct arena *a = arena_new(0);
	struct label l[] = {L("b", "1"), L("d", "2")};
	struct labels ls = make(l, 2), c;

	c = labels_copy(a, &ls, "c", STR_LIT("x"));
	check_eq_i(c.n, 3);
	check_str(c.l[1].name, "c");
	check_str(c.l[1].value, "x");
	c = labels_copy(a, &ls, "b", STR_LIT("9"));
	check_eq_i(c.n, 2);
	check_str(c.l[0].value, "9");
	c = labels_copy(a, &ls, "b", STR_NULL);
	check_eq_i(c.n, 1);
	check_str(c.l[0].name, "d");
	c = labels_copy(a, &ls, "e", STR_LIT("y"));
	check_str(c.l[2].name, "e");
	c = labels_copy(a, &ls, NULL, STR_NULL);
	check(labels_equal(&c, &ls));
	check(c.l[0].name.p != ls.l[0].name.p);
	arena_free(&a);
}

TEST(writes_as_prometheus_does)
{
	struct sb b = SB_INIT;
	struct label l[] = {L("__name__", "ch4_lel"), L("thing", "a\"b\\c\n\x01\xff"), L("zone", "盐城")};
	struct labels ls = make(l, 3);

	labels_write(&b, &ls);
	check_eq_s(b.p, "ch4_lel{thing=\"a\\\"b\\\\c\\n\\x01\\xff\",zone=\"盐城\"}");
	sb_reset(&b);
	ls.n = 1;
	labels_write(&b, &ls);
	check_eq_s(b.p, "ch4_lel");
	sb_reset(&b);
	ls.n = 0;
	labels_write(&b, &ls);
	check_eq_s(b.p, "{}");
	sb_reset(&b);

	struct label odd[] = {L("__name__", "a.b"), L("c d", "e")};

	ls = make(odd, 2);
	labels_write(&b, &ls);
	check_eq_s(b.p, "{\"a.b\",\"c d\"=\"e\"}");
	sb_fini(&b);
}

TEST(knows_names)
{
	check(label_name_valid(STR_LIT("_a9")));
	check(!label_name_valid(STR_LIT("9a")));
	check(!label_name_valid(STR_LIT("a:b")));
	check(!label_name_valid(STR_LIT("")));
	check(metric_name_valid(STR_LIT("a:b")));
	check(!metric_name_valid(STR_LIT("a-b")));
}

TEST(matches_equality)
{
	struct arena *a = arena_new(0);

	check(re(a, MATCH_EQ, "x", "x"));
	check(!re(a, MATCH_EQ, "x", "xy"));
	check(re(a, MATCH_EQ, "", NULL));
	check(re(a, MATCH_NE, "x", NULL));
	check(!re(a, MATCH_NE, "", NULL));
	arena_free(&a);
}

TEST(matches_patterns_at_both_ends)
{
	struct arena *a = arena_new(0);

	check(re(a, MATCH_RE, "a|b|", "b"));
	check(re(a, MATCH_RE, "a|b|", ""));
	check(!re(a, MATCH_RE, "a|b", "ab"));
	check(re(a, MATCH_RE, "a|ab", "ab"));
	check(re(a, MATCH_RE, "(a|ab)c?", "abc"));
	check(!re(a, MATCH_RE, "pro.*x", "produce"));
	check(re(a, MATCH_RE, "pro.*", "produce"));
	check(!re(a, MATCH_RE, "pro.*", "a produce"));
	check(re(a, MATCH_RE, ".*", NULL));
	check(!re(a, MATCH_RE, ".+", NULL));
	check(re(a, MATCH_RE, "((?i)PRO).*", "produce"));
	check(re(a, MATCH_RE, "a.c", "a\nc"));
	check(!re(a, MATCH_RE, "a$", "a\n"));
	check(re(a, MATCH_RE, "盐.", "盐城"));
	check(re(a, MATCH_NRE, "a.?", "b"));
	check(!re(a, MATCH_NRE, "a.?", "ab"));
	check(re(a, MATCH_RE, "", NULL));
	check(!re(a, MATCH_RE, "a.*b", "a\xff"));
	arena_free(&a);
}

TEST(refuses_bad_patterns)
{
	struct arena *a = arena_new(0);
	struct matcher m;
	struct err e = ERR_INIT;

	check_err(matcher_init(&m, a, MATCH_RE, STR_LIT("x"), STR_LIT("a("), &e), ERR_INVALID);
	check_has(e.text, "error parsing regexp");
	check_err(matcher_init(&m, a, MATCH_RE, STR_LIT("x"), STR_LIT("a)|(b"), NULL), ERR_INVALID);
	check_err(matcher_init(&m, a, MATCH_RE, STR_LIT("x"), STR_LIT("(*ACCEPT)a"), NULL), ERR_INVALID);
	check_err(matcher_init(&m, a, MATCH_RE, STR_LIT("x"), STR_LIT("\xff("), NULL), ERR_INVALID);
	arena_free(&a);
}

TEST(a_hostile_pattern_ends_and_selects_nothing)
{
	struct arena *a = arena_new(0);

	check(!re(a, MATCH_RE, "(a+a+)+b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac"));
	check(!re(a, MATCH_NRE, "(x+x+)+y[a-b]", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxyc"));
	arena_free(&a);
}

TEST(all_matchers_must_hold)
{
	struct arena *a = arena_new(0);
	struct label l[] = {L("__name__", "up"), L("job", "a")};
	struct labels ls = make(l, 2);
	struct matcher m[2];

	check_ok(matcher_init(&m[0], a, MATCH_EQ, STR_LIT("job"), STR_LIT("a"), NULL), NULL);
	check_ok(matcher_init(&m[1], a, MATCH_NE, STR_LIT("gone"), STR_LIT(""), NULL), NULL);
	check(matchers_match(m, 1, &ls));
	check(!matchers_match(m, 2, &ls));
	arena_free(&a);
}

TEST(a_small_budget_is_an_error)
{
	struct arena *a = arena_new(16);
	struct matcher m;
	int rc = 0;

	for (int i = 0; i < 10000 && rc == 0; i++)
		rc = matcher_init(&m, a, MATCH_RE, STR_LIT("x"), STR_LIT("abcdef|g"), NULL);
	check_err(rc, ERR_NOMEM);
	arena_free(&a);
}
