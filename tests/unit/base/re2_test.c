/* Patterns in Go's words, as matchers read them. */
#include "base/labels.h"
#include "check.h"

static struct arena *a;

static int compile(const char *pattern, struct matcher *m, struct err *e)
{
	return matcher_init(m, a, MATCH_RE, STR_LIT("x"), str_of(pattern), e);
}

TEST(what_go_matches_is_matched)
{
	static const struct {
		const char *pattern, *text;
		bool yes;
	} rows[] = {
	        {"a.b", "a\nb", true},
	        {"(?-s)a.b", "a\nb", false},
	        {"(?-s:a.b)", "axb", true},
	        {"a$", "a\n", false},
	        {"a\\z", "a", true},
	        {"\\Aa", "a", true},
	        {"(?i)grün", "GRÜN", true},
	        {"(?i:a)b", "Ab", true},
	        {"(?i:a)b", "AB", false},
	        {"\\s", "\v", false},
	        {"\\S", "\v", true},
	        {"[\\s]", "\v", false},
	        {"[^\\S]", "\v", false},
	        {"\\v", "\v", true},
	        {"\\v", "\n", false},
	        {"[\\v]", "\v", true},
	        {"\\pN+", "12", true},
	        {"\\p{Greek}+", "αβ", true},
	        {"\\p{^Greek}", "α", false},
	        {"\\P{L}", "1", true},
	        {"\\x{41}+", "AAA", true},
	        {"\\x41", "A", true},
	        {"\\101", "A", true},
	        {"\\07", "\a", true},
	        {"\\d+", "٣", false},
	        {"\\w", "ü", false},
	        {"[[:alpha:]]+", "ab", true},
	        {"[[:^alpha:]]", "a", false},
	        {"[]a]+", "a]", true},
	        {"[^]a]", "]", false},
	        {"[a[]+", "[a", true},
	        {"a{,2}", "a{,2}", true},
	        {"a{2,3}", "aaa", true},
	        {"a{2}?", "aa", true},
	        {"x{", "x{", true},
	        {"\\Qa.b\\E", "a.b", true},
	        {"\\Qa.b\\E+", "a.bbb", true},
	        {"\\Qa|b", "a|b", true},
	        {"(?P<n>a)b", "ab", true},
	        {"(?<n>a)b", "ab", true},
	        {"(?U)a+", "aa", true},
	        {"a\\.b", "a.b", true},
	        {"\\_", "_", true},
	        {"(?:ab)*", "abab", true},
	        {"(a|b)*?c", "abc", true},
	        {"", "", true},
	        {"a||b", "", true},
	        {"\\bab\\b", "ab", true},
	        {"(?m)a$\nb", "a\nb", true},
	        {"日+", "日日", true},
	};

	a = arena_new(0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct matcher m;
		struct err e = ERR_INIT;

		if (check_ok(compile(rows[i].pattern, &m, &e), &e) &&
		        !check(matcher_matches(&m, str_of(rows[i].text)) == rows[i].yes))
			check_fail("%s on %s", rows[i].pattern, rows[i].text);
	}
	arena_free(&a);
}

TEST(what_go_does_not_have_is_refused)
{
	static const char *const bad[] = {"(?=a)", "(?!a)", "(?<=a)b", "(?<!a)b", "(?>a)", "(?#a)", "(?P=n)",
	        "(?P>n)", "(?1)", "(?R)", "(?x)a", "(?J)a", "(a)\\1", "(a)\\8", "\\k<n>", "\\g1", "\\C",
	        "\\h", "\\H", "\\R", "\\X", "\\K", "\\G", "\\Z", "\\N", "\\e", "\\cA", "\\u0041", "a++",
	        "a*+", "a?+", "a**", "a+*", "a{2}{3}", "a{2}+", "a{1001}", "a{1,1001}", "(*UTF)a",
	        "(*COMMIT)", "*a", "(a", "a)", "[a", "a\\", "(?i", "(?", "(?)", "[\\b]", "[z-a]",
	        "\\p{Klingon}", "(?P<>a)", "(?P<n>a)(?P<n>b)", "\\日"};

	a = arena_new(0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct matcher m;
		struct err e = ERR_INIT;

		if (!check_eq_i(compile(bad[i], &m, &e), ERR_INVALID))
			check_fail("%s", bad[i]);
		else
			check_has(e.text, "error parsing regexp");
	}
	arena_free(&a);
}
