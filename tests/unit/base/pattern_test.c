/* Pieces cut out of texts by regular expressions, and what is no such expression. */
#include "base/pattern.h"
#include "check.h"

static struct arena *a;

static struct str cut(const char *pattern, const char *text, int group)
{
	struct pattern *p = NULL;
	struct err e = ERR_INIT;
	struct str out = STR_NULL;

	if (a == NULL)
		a = arena_new(0);
	if (check_ok(pattern_compile(a, str_of(pattern), &p, &e), &e))
		check(pattern_cut(p, str_of(text), group, &out) == (out.p != NULL));
	return out;
}

TEST(groups_are_cut_out)
{
	check_str(cut("(\\d+)-(\\d+)", "12-34", 2), "34");
	check_str(cut("(\\d+)-(\\d+)", "12-34", 0), "12-34");
	check_str(cut("(.*?)路(.+号)", "解放路12号", 1), "解放");
	check_str(cut("(a)?(b*)", "", 2), "");
	check_str(cut("(?<x>.).*", "é…", 1), "é");
}

TEST(the_whole_text_must_match)
{
	check_eq_p(cut("\\d+", "12-34", 0).p, NULL);
	check_eq_p(cut("(\\d+)", " 12", 1).p, NULL);
	check_eq_p(cut("(\\d+)", "12\n", 1).p, NULL);
	check_eq_p(cut("a|ab", "abc", 0).p, NULL);
	check_str(cut("a|ab", "ab", 0), "ab");
	check_eq_p(cut("(a)?(b)", "b", 1).p, NULL); /* it matches, but that group took nothing */
	check_eq_p(cut("(a)(b)?", "a", 2).p, NULL);
}

TEST(a_bad_pattern_is_told_with_its_place)
{
	static const char *const bad[] = {
	        "(", "a)", "[", "*", "\\", "(?<n", "(*LIMIT_MATCH=999999999)a", "\\C", "\\p{Nothing}"};
	struct arena *own = arena_new(0);
	struct pattern *p = NULL;
	struct err e = ERR_INIT;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (pattern_compile(own, str_of(bad[i]), &p, NULL) != ERR_INVALID || p != NULL)
			check_fail("%s", bad[i]);
	check_err(pattern_compile(own, STR_LIT("ab(c"), &p, &e), ERR_INVALID);
	check_eq_i(e.column, 5);
	check_err(pattern_compile(own, (struct str){arena_alloc(own, 2000), 2000}, &p, &e), ERR_TOOBIG);
	check_ok(pattern_compile(own, STR_LIT("(a)(?:b)(c)"), &p, &e), &e);
	check_eq_i(pattern_groups(p), 2);
	arena_free(&own);
}

TEST(a_hostile_pattern_ends)
{
	check_eq_p(
	        cut("(a+)+b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac", 1).p, NULL);
	check_eq_p(
	        cut("(x+x+)+y", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", 1).p,
	        NULL);
	check_eq_p(cut("(.)", "\xff", 1).p, NULL); /* no UTF-8 */
}
