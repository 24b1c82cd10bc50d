#include "base/num.h"
#include "check.h"

#include <float.h>
#include <inttypes.h>
#include <locale.h>
#include <math.h>

static double from_bits(uint64_t bits)
{
	double v;
	memcpy(&v, &bits, sizeof(v));
	return v;
}

TEST(integers_are_taken_whole_or_not_at_all)
{
	int64_t v = 7;
	check(num_int(STR_LIT("0"), &v) && v == 0);
	check(num_int(STR_LIT("+12"), &v) && v == 12);
	check(num_int(STR_LIT("-007"), &v) && v == -7);
	check(num_int(STR_LIT("9223372036854775807"), &v) && v == INT64_MAX);
	check(num_int(STR_LIT("-9223372036854775808"), &v) && v == INT64_MIN);
	static const char *bad[] = {"", "-", "+", "1 ", " 1", "1.0", "0x1", "--1", "1e3",
	        "9223372036854775808", "-9223372036854775809", "99999999999999999999"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		if (num_int(str_of(bad[i]), &v))
			check_fail("taken: \"%s\"", bad[i]);
	}
	check(!num_int(STR_NULL, &v));
}

TEST(doubles_refuse_what_is_not_a_number)
{
	double v;
	static const char *bad[] = {"", ".", "-", "+", "e5", "1e", "1e+", "1.2.3", " 1", "1 ", "0x10", "1,5",
	        "1e400", "-1e400", "1_0", "infinity", "nan(1)", "-nan", "i", "+-1", "1e5.0"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		if (num_double(str_of(bad[i]), true, &v))
			check_fail("taken: \"%s\"", bad[i]);
	}
	check(!num_double(STR_NULL, true, &v));
	check(!num_double(STR_LIT("NaN"), false, &v));
	check(!num_double(STR_LIT("Inf"), false, &v));
	check(num_double(STR_LIT("NaN"), true, &v) && isnan(v));
	check(num_double(STR_LIT("+inf"), true, &v) && isinf(v) && v > 0);
	check(num_double(STR_LIT("INF"), true, &v) && isinf(v) && v > 0);
	check(num_double(STR_LIT("-Inf"), true, &v) && isinf(v) && v < 0);
	/* The slice ends where it says, not at the first odd character behind it. */
	check(num_double((struct str){"1234", 2}, false, &v) && v == 12);
}

TEST(doubles_at_the_edges)
{
	static const char *texts[] = {"0", "-0", "0.1", ".5", "5.", "1e22", "1e23", "9007199254740993",
	        "9007199254740992.5", "9007199254740993.0000000000000000000000001",
	        "123456789012345678901234567890", "2.2250738585072011e-308", "4.9e-324", "2.4e-324",
	        "1.7976931348623157e308", "0e99999999999", "1e-99999",
	        "0.000000000000000000000000000000000000000000001e45", "00000000000000000000000000000012.5",
	        "1.00000000000000011102230246251565404236316680908203125", "-12.34E+2", "1e-22", "3e-23"};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		double v = 99;
		if (check(num_double(str_of(texts[i]), false, &v)))
			check_eq_d(v, strtod(texts[i], NULL));
	}
	struct sb b = SB_INIT;
	double v;
	sb_printf(&b, "0.%0*d1", 2000, 0);
	check(num_double(sb_str(&b), false, &v) && v == 0);
	sb_reset(&b);
	sb_printf(&b, "1%0*de-2000", 2000, 0);
	check(num_double(sb_str(&b), false, &v) && v == 1);
	sb_fini(&b);
}

TEST(random_texts_read_as_the_system_reads_them)
{
	for (int i = 0; i < 100000; i++) {
		char text[64];
		uint64_t r = test_random(), m = test_random() >> (r & 63);
		int scale = (int)(r >> 8 & 1023) % (i % 2 ? 50 : 700);
		snprintf(text, sizeof(text), "%s%" PRIu64 ".%" PRIu64 "e%d", r >> 63 ? "-" : "", m,
		        test_random() >> (r >> 20 & 63), r >> 62 & 1 ? -scale : scale);
		double v = 0, want = strtod(text, NULL);
		bool ok = num_double(str_of(text), false, &v);
		if (ok != !isinf(want) || (ok && memcmp(&v, &want, sizeof(v)) != 0)) {
			check_fail("%s: %.17g, not %.17g", text, v, want);
			return;
		}
	}
}

TEST(numbers_at_the_start_of_a_text)
{
	static const struct {
		const char *text;
		size_t n;
		double v;
	} short_ones[] = {{"20.05 x", 5, 20.05}, {"-1", 2, -1}, {"0,", 1, 0},
	        {"123456789012345", 15, 123456789012345}, {"12345678.1234567,", 16, 12345678.1234567},
	        {"1e5", 1, 1}, {"1.e5", 0, 0}, {".5", 0, 0}, {"-", 0, 0}, {"", 0, 0},
	        {"1234567890123456", 0, 0}, {"12345678.12345678", 0, 0}, {"1-2", 1, 1}, {"1.2.3", 3, 1.2},
	        {"+1", 0, 0}, {"\xb5\xb1", 0, 0}};
	uint64_t u;
	double v = 0;

	for (size_t i = 0; i < ARRAY_LEN(short_ones); i++) {
		const char *p = short_ones[i].text;
		size_t n = num_short(p, p + strlen(p), &v);

		if (n != short_ones[i].n || (n > 0 && v != short_ones[i].v))
			check_fail("%s: %zu bytes, %.17g", p, n, v);
	}
	check(num_short("-0", &"-0"[2], &v) == 2 && signbit(v));
	for (int i = 0; i < 20000; i++) {
		char text[32];
		size_t n = (size_t)(test_random() % 22), got;
		uint64_t want = 0;

		/* Any byte but a digit behind n digits; the rest may be anything, so that eight at once are
		 * misled. */
		for (size_t k = 0; k < sizeof(text); k++)
			text[k] = (char)(k < n ? '0' + test_random() % 10 : test_random());
		if (text[n] >= '0' && text[n] <= '9')
			text[n] = ' ';
		for (size_t k = 0; k < n && k < 19; k++)
			want = want * 10 + (uint64_t)(text[k] - '0');
		got = num_digits(text, text + sizeof(text), &u);
		if (got != (n < 19 ? n : 19) || u != want)
			check_fail("%.*s: %zu digits, %" PRIu64, (int)n, text, got, u);
		got = num_digits(text, text + n, &u); /* and nothing behind the end is looked at */
		if (got != (n < 19 ? n : 19) || u != want)
			check_fail("%.*s, cut off: %zu digits, %" PRIu64, (int)n, text, got, u);
	}
}

TEST(formats_as_prometheus_prints)
{
	static const struct {
		double v;
		const char *want;
	} rows[] = {{0, "0"}, {-0.0, "-0"}, {1, "1"}, {-1.5, "-1.5"}, {0.1, "0.1"},
	        {0.1 + 0.2, "0.30000000000000004"}, {1e20, "100000000000000000000"}, {1e21, "1e+21"},
	        {1e22, "1e+22"}, {123456789012345680, "123456789012345680"}, {1e-7, "1e-07"},
	        {9.9e-8, "9.9e-08"}, {1.25e-7, "1.25e-07"}, {5e-324, "5e-324"},
	        {1.7976931348623157e308, "1.7976931348623157e+308"},
	        {2.2250738585072014e-308, "2.2250738585072014e-308"}, {1e100, "1e+100"}, {1e23, "1e+23"},
	        {100, "100"}, {1234.5678, "1234.5678"}, {1752451200.123, "1752451200.123"},
	        {9007199254740992, "9007199254740992"}, {9007199254740993.0, "9007199254740992"},
	        {1.0 / 3, "0.3333333333333333"}, {999999999999999, "999999999999999"},
	        {1e15, "1000000000000000"}, {0.000001, "0.000001"},
	        {9.5367431640625e-07, "9.5367431640625e-07"}};
	char buf[32];
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		check_eq_u(num_format(rows[i].v, buf), strlen(rows[i].want));
		check_eq_s(buf, rows[i].want);
	}
	check_eq_u(num_format((double)NAN, buf), 3);
	check_eq_s(buf, "NaN");
	num_format((double)INFINITY, buf);
	check_eq_s(buf, "+Inf");
	num_format(-(double)INFINITY, buf);
	check_eq_s(buf, "-Inf");
}

TEST(formats_without_exponents)
{
	char buf[NUM_PLAIN_MAX];
	check_eq_u(num_format_plain(1e-7, buf), 9);
	check_eq_s(buf, "0.0000001");
	num_format_plain(-1.5e22, buf);
	check_eq_s(buf, "-15000000000000000000000");
	check_eq_u(num_format_plain(-5e-324, buf), 327);
	check_eq_u(num_format_plain(-1.7976931348623157e308, buf), 310);
	num_format_plain(0.25, buf);
	check_eq_s(buf, "0.25");
	num_format_plain((double)INFINITY, buf);
	check_eq_s(buf, "+Inf");
}

static int significant(const char *s)
{
	int n = 0, zeros = 0;
	for (; *s && *s != 'e'; s++) {
		if (*s < '0' || *s > '9' || (n == 0 && *s == '0'))
			continue;
		n++;
		zeros = *s == '0' ? zeros + 1 : 0;
	}
	return n - zeros;
}

/* Reads back, fits the buffer, and no shorter %g does. */
static bool round_trips(double v)
{
	char buf[64], g[40];
	memset(buf, '#', sizeof(buf));
	size_t n = num_format(v, buf);
	double back = 0;
	if (n >= 32 || buf[n] != '\0' || buf[32] != '#')
		return check_fail("%a: %zu bytes", v, n);
	if (!num_double((struct str){buf, n}, false, &back) || memcmp(&back, &v, sizeof(v)) != 0)
		return check_fail("%a gives %s", v, buf);
	int digits = significant(buf);
	if (digits > 1 && fabs(v) >= DBL_MIN) {
		snprintf(g, sizeof(g), "%.*e", digits - 2, v);
		if (strtod(g, NULL) == v)
			return check_fail("%a: %s is longer than %s", v, buf, g);
	}
	return true;
}

TEST(random_doubles_round_trip_shortest)
{
	for (int i = 0; i < 30000; i++) {
		double v = from_bits(test_random());
		if (!isfinite(v))
			continue;
		if (!round_trips(v))
			return;
		/* Decimals as devices send them. */
		v = (double)(int64_t)(test_random() >> 30) / (i % 3 == 0 ? 1e3 : i % 3 == 1 ? 1e6 : 1e1);
		if (!round_trips(i % 2 ? v : -v))
			return;
		/* Around a power of two, where the gaps on both sides differ, and below the normal range. */
		v = ldexp(1, i % 2098 - 1074);
		if (!round_trips(v) || !round_trips(nextafter(v, 0)) || !round_trips(nextafter(v, INFINITY)))
			return;
	}
}

TEST(another_locale_changes_nothing)
{
	static const char *names[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "ru_RU.UTF-8"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (setlocale(LC_ALL, names[i]))
			break;
	}
	double v;
	char buf[32];
	check(num_double(STR_LIT("3.14159265358979323846"), false, &v) && v > 3.14 && v < 3.15);
	num_format(1.0 / 3, buf);
	check_eq_s(buf, "0.3333333333333333");
	num_format(1.5e300, buf);
	check_eq_s(buf, "1.5e+300");
	setlocale(LC_ALL, "C");
}

TEST(sizes_have_units)
{
	int64_t v;
	check(num_size(STR_LIT("512"), &v) && v == 512);
	check(num_size(STR_LIT("64MiB"), &v) && v == 64 << 20);
	check(num_size(STR_LIT("10kB"), &v) && v == 10000);
	check(num_size(STR_LIT("7B"), &v) && v == 7);
	check(num_size(STR_LIT("8388607TiB"), &v) && v == INT64_C(8388607) << 40);
	static const char *bad[] = {
	        "", "MiB", "-1", "1.5GB", "1 MB", "1mb", "1MiBs", "8388608TiB", "99999999999999999999"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		if (num_size(str_of(bad[i]), &v))
			check_fail("taken: \"%s\"", bad[i]);
	}
}
