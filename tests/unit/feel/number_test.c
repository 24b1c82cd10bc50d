#include "check.h"
#include "feel/number_int.h"

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

/* Against 90 digits of Python's decimal. */
TEST(raises_to_powers_and_back_exactly)
{
	static const struct {
		const char *a, *b, *want; /* b NULL: exp(a), "": ln(a), else a ** b */
	} g[] = {{"5", NULL, "148.4131591025766034211155800405523"},
	        {"-1", NULL, "0.3678794411714423215955237701614609"},
	        {"1e-30", NULL, "1.000000000000000000000000000001"},
	        {"14149", NULL, "6.80180926097889412553005085189773e+6144"},
	        {"10", "", "2.302585092994045684017991454684364"},
	        {"2.718281828459045235360287471352662", "", "0.9999999999999999999999999999999998"},
	        {"1e6144", "", "14147.08281135541668260653949758073"},
	        {"1e-6176", "", "-14220.76553433122614449511522413063"},
	        {"1.000000000000000000000000000001", "", "9.99999999999999999999999999999500e-31"},
	        {"8", "0.3333333333333333333333333333333333", "2"},
	        {"10", "0.3", "1.995262314968879601352455396739536"},
	        {"1.005", "-360", "0.1660419280383235299160554241562089"},
	        {"1.0000001", "1000000", "1.105170912549793416638382709346716"}, {"10", "-6176", "1e-6176"},
	        {"10", "-7000", "0"}, {"-2", "-3", "-0.125"}};
	struct feel_number n, want;

	for (size_t i = 0; i < ARRAY_LEN(g); i++) {
		bool ok = g[i].b == NULL ? feel_number_exp(num(g[i].a), &n)
		          : *g[i].b == 0 ? feel_number_ln(num(g[i].a), &n)
		                         : feel_number_pow(num(g[i].a), num(g[i].b), &n);

		check(ok);
		check(feel_number_parse(str_of(g[i].want), &want));
		if (ok && feel_number_cmp(n, want) != 0)
			check_fail("%s, %s: %s, not %s", g[i].a, g[i].b != NULL ? g[i].b : "exp", text(n),
			        g[i].want);
	}
	check(!feel_number_exp(num("14150"), &n));
	check(!feel_number_pow(num("1"), num("1000000000"), &n));
	check(!feel_number_pow(num("-8"), num("0.5"), &n));
	check(!feel_number_ln(num("0"), &n));
}
