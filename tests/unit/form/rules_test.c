#include "check.h"

#include "form/form_int.h"

static struct feel_number number(const char *s)
{
	struct feel_number n = {0};

	check(feel_number_parse(str_of(s), &n));
	return n;
}

TEST(dates_and_times)
{
	static const char *const good[] = {"2026-10-01", "2024-02-29"}, *const bad[] = {"2026-02-29",
	                                                                        "2026-10-1",
	                                                                        "2026-10-01T00:00", "",
	                                                                        "26-10-01", "2026-00-10",
	                                                                        " 2026-10-01"};
	static const char *const times[] = {"08:30", "00:00", "23:59", "08:30Z", "08:30+08:00",
	        "23:59:30.5-05:30"},
	                         *const no_times[] = {"8:30", "24:00", "08:60", "08:30+8", "08:30.5",
	                                 "08:30:", "08:30:00.", "now", ""};
	static const char *const both[] = {"2026-10-01T08:30", "2026-10-01T08:30Z", "2026-10-01T08:30+08:00"},
	                         *const neither[] = {"2026-10-01 08:30", "2026-10-01T", "2026-10-01",
	                                 "T08:30", "2026-13-01T08:30"};

	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		check(form__is_date(str_of(good[i])));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		check(!form__is_date(str_of(bad[i])));
	for (size_t i = 0; i < ARRAY_LEN(times); i++)
		check(form__is_time(str_of(times[i])));
	for (size_t i = 0; i < ARRAY_LEN(no_times); i++)
		if (form__is_time(str_of(no_times[i])))
			check_fail("%s is no time", no_times[i]);
	for (size_t i = 0; i < ARRAY_LEN(both); i++)
		check(form__is_datetime(str_of(both[i])));
	for (size_t i = 0; i < ARRAY_LEN(neither); i++)
		check(!form__is_datetime(str_of(neither[i])));
}

TEST(multiples)
{
	static const struct {
		const char *n, *step;
		bool is;
	} rows[] = {{"0", "3", true}, {"0.15", "0.05", true}, {"0.16", "0.05", false}, {"1e30", "7", false},
	        {"7e30", "7", true}, {"-10", "2.5", true}, {"1e-20", "1", false}, {"5", "1e30", false},
	        {"3e33", "1e30", true}, {"0.1", "0.3", false}, {"1e300", "0.001", true}};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (form__is_multiple(number(rows[i].n), number(rows[i].step)) != rows[i].is)
			check_fail("%s by %s", rows[i].n, rows[i].step);
}

TEST(decimals)
{
	check_eq_i(form__decimals(number("1.250")), 2);
	check_eq_i(form__decimals(number("100")), 0);
	check_eq_i(form__decimals(number("0")), 0);
	check_eq_i(form__decimals(number("1e-7")), 7);
}

/* A pattern that would go on for ever does not match, and comes back. */
TEST(hostile_patterns)
{
	static const char text[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!";
	pcre2_code *p = NULL;
	struct err e = ERR_INIT;

	check_ok(form__compile_pattern(STR_LIT("^(a+)+$"), &p, &e), &e);
	check(!form__matches(p, STR_LIT(text)));
	check(form__matches(p, STR_LIT("aaa")));
	pcre2_code_free(p);
}

TEST(patterns_of_browsers)
{
	static const char *const bad[] = {
	        "\\Aa", "a\\z", "\\h", "(?>a)", "(?i)a", "(*ACCEPT)", "a?+", "[[:alpha:]]", "\\Qa"};
	static const char *const good[] = {"^[\\w.+-]+$", "(?<year>\\d{4})-\\k<year>", "(?=a)(?!b)",
	        "(?<=a)b", "[^]", "\\u4e00", "[*+]+", "\\++", "a{2,}", "\\/"};
	struct err e = ERR_INIT;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		pcre2_code *p = NULL;

		if (form__compile_pattern(str_of(bad[i]), &p, &e) == 0)
			check_fail("taken: %s", bad[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		pcre2_code *p = NULL;

		check_ok(form__compile_pattern(str_of(good[i]), &p, &e), &e);
		pcre2_code_free(p);
	}
}
