#include "check.h"
#include "feel/number.h"

static struct feel_number num(const char *s)
{
	struct feel_number n = {0, 0, false};

	if (!feel_number_parse(str_of(s), &n))
		check_fail("%s is no number", s);
	return n;
}

static const char *text(struct feel_number n)
{
	static char buf[80];
	struct sb b = SB_INIT;

	feel_number_write(&b, n);
	snprintf(buf, sizeof(buf), "%s", b.p);
	sb_fini(&b);
	return buf;
}

TEST(reads_and_writes)
{
	check_eq_s(text(num("0")), "0");
	check_eq_s(text(num("-0.00")), "0");
	check_eq_s(text(num("100")), "100");
	check_eq_s(text(num("1.500")), "1.5");
	check_eq_s(text(num("-1e-7")), "-0.0000001");
	check_eq_s(text(num("1e100")), "1e+100");
	check_eq_s(text(num("1.23e-100")), "1.23e-100");
	check_eq_s(text(feel_number_int(INT64_MIN)), "-9223372036854775808");
	check_eq_s(text(feel_number_double(0.1)), "0.1");
	check_eq_s(text(feel_number_double(1e300)), "1e+300");
}

TEST(refuses_what_is_no_number)
{
	static const char *const bad[] = {
	        "", "-", ".", "1.", "1..2", "1e", "e5", "0x1", "1 ", "1e999999999999", "1e7000"};
	struct feel_number n;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (feel_number_parse(str_of(bad[i]), &n))
			check_fail("\"%s\" was read", bad[i]);
}

TEST(rounds_half_to_even)
{
	struct feel_number n;

	check_eq_s(text(num("12345678901234567890123456789012345")), "12345678901234567890123456789012340");
	check_eq_s(text(num("12345678901234567890123456789012355")), "12345678901234567890123456789012360");
	check_eq_s(text(num("123456789012345678901234567890123450000000000000000000000000001")),
	        "1.234567890123456789012345678901235e+62");
	check(feel_number_add(num("1e33"), num("0.05"), &n));
	check_eq_s(text(n), "1000000000000000000000000000000000");
	check(feel_number_add(num("1e33"), num("0.5000000000000000000000000000000001"), &n));
	check_eq_s(text(n), "1000000000000000000000000000000001");
	check(feel_number_sub(num("1e34"), num("0.5000000000000000000000000000000001"), &n));
	check_eq_s(text(n), "9999999999999999999999999999999999");
	check(feel_number_mul(
	        num("9999999999999999999999999999999999"), num("9999999999999999999999999999999999"), &n));
	check_eq_s(text(n), "9.999999999999999999999999999999998e+67");
	check(feel_number_div(num("1"), num("9999999999999999999999999999999999"), &n));
	check_eq_s(text(n), "1e-34");
}

TEST(divides)
{
	struct feel_number n;

	check(feel_number_div(num("1"), num("3"), &n));
	check_eq_s(text(n), "0.3333333333333333333333333333333333");
	check(feel_number_div(num("-7"), num("4"), &n));
	check_eq_s(text(n), "-1.75");
	check(!feel_number_div(num("1"), num("0"), &n));
	check(feel_number_div(num("1e-6000"), num("1e6000"), &n));
	check_eq_s(text(n), "0");
	check(!feel_number_div(num("1e6000"), num("1e-6000"), &n));
}

TEST(compares_across_exponents)
{
	check_eq_i(feel_number_cmp(num("1"), num("1.000")), 0);
	check_eq_i(feel_number_cmp(num("1e30"), num("1000000000000000000000000000001")), -1);
	check_eq_i(feel_number_cmp(num("-2"), num("1")), -1);
	check_eq_i(feel_number_cmp(num("-2"), num("-3")), 1);
	check_eq_i(feel_number_cmp(num("0"), num("-0")), 0);
	check_eq_i(feel_number_cmp(num("1e6000"), num("1e-6000")), 1);
}

TEST(gives_whole_numbers_and_doubles)
{
	int64_t i;

	check(feel_number_to_int(num("42.000"), &i));
	check_eq_i(i, 42);
	check(feel_number_to_int(num("-9223372036854775808"), &i));
	check_eq_i(i, INT64_MIN);
	check(!feel_number_to_int(num("9223372036854775808"), &i));
	check(!feel_number_to_int(num("1.5"), &i));
	check_eq_d(feel_number_to_double(num("0.1")), 0.1);
	check_eq_d(feel_number_to_double(num("-123456789012345678901234567890")),
	        -123456789012345678901234567890.0);
	check_eq_d(feel_number_to_double(num("1e-400")), 0.0);
}
