#include "base/sb.h"
#include "check.h"

TEST(slices_compare_by_bytes)
{
	check(str_of(NULL).p == NULL);
	check(str_eq(STR_NULL, STR_LIT("")));
	check(str_is(STR_LIT("abc"), "abc"));
	check(!str_is(STR_LIT("abc"), "abcd"));
	check(str_cmp(STR_LIT("ab"), STR_LIT("abc")) < 0);
	check(str_cmp(STR_LIT("b"), STR_LIT("abc")) > 0);
	check(str_cmp(STR_LIT("\xe4"), STR_LIT("z")) > 0);
	check_eq_i(str_cmp(STR_NULL, STR_LIT("")), 0);
	check(str_starts(STR_LIT("abc"), "ab"));
	check(str_starts(STR_LIT("abc"), ""));
	check(!str_starts(STR_LIT("a"), "ab"));
	check_str(str_trim(STR_LIT(" \t a b\r\n")), "a b");
	check_str(str_trim(STR_LIT("   ")), "");
}

TEST(cut_gives_every_part_and_ends)
{
	struct str rest = STR_LIT("a,,b,");
	const char *want[] = {"a", "", "b", ""};
	size_t n = 0;
	while (rest.p) {
		struct str part = str_cut(&rest, ',');
		if (n < ARRAY_LEN(want))
			check_str(part, want[n]);
		n++;
	}
	check_eq_u(n, ARRAY_LEN(want));
	rest = STR_LIT("");
	check_str(str_cut(&rest, ','), "");
	check(rest.p == NULL);
}

TEST(utf8_takes_only_well_formed_text)
{
	static const char *bad[] = {"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xe0\x9f\xbf",
	        "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe4\xb8",
	        "abcdefgh\xff", "\xff"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		if (!check(!utf8_valid(str_of(bad[i]))))
			check_fail("taken: number %zu", i);
	}
	check(utf8_valid(STR_LIT("")));
	check(utf8_valid(STR_LIT("abcdefgh鹤鸣 \xf4\x8f\xbf\xbf")));
	check_eq_u(utf8_length(STR_LIT("鹤鸣ab")), 4);

	size_t i = 0;
	struct str s = STR_LIT("a\xe4\xb8z");
	check_eq_u(utf8_next(s, &i), 'a');
	check_eq_u(utf8_next(s, &i), 0xfffd);
	check_eq_u(i, 2);
	check_eq_u(utf8_next(s, &i), 0xfffd);
	check_eq_u(utf8_next(s, &i), 'z');
}

TEST(utf8_every_scalar_value_reads_back)
{
	for (uint32_t cp = 0; cp < 0x110800; cp++) {
		char buf[4];
		size_t n = utf8_encode(cp, buf), i = 0;
		bool scalar = cp <= 0x10ffff && (cp < 0xd800 || cp > 0xdfff);
		if ((n > 0) != scalar || (n > 0 && (utf8_next((struct str){buf, n}, &i) != cp || i != n))) {
			check_fail("U+%04X", cp);
			return;
		}
	}
}

/* Random appends of every sort against a plain array. */
TEST(builder_agrees_with_a_plain_array)
{
	static char model[1 << 16];
	size_t n = 0;
	uint32_t x = 7;
	struct sb b = SB_INIT;
	for (int step = 0; step < 20000; step++) {
		x = x * 1664525u + 1013904223u;
		size_t len = x >> 27;
		char text[40];
		if (n + 64 > sizeof(model)) {
			sb_reset(&b);
			n = 0;
		}
		memset(text, 'a' + (int)(x >> 8 & 15), len);
		text[len] = '\0';
		switch (x >> 16 & 3) {
		case 0: sb_put(&b, text, len); break;
		case 1: sb_puts(&b, text); break;
		case 2: sb_printf(&b, "%s", text); break;
		case 3:
			sb_putc(&b, text[0]);
			len = 1;
			break;
		}
		memcpy(model + n, text, len);
		n += len;
		if (b.n != n || b.failed || b.p[n] != '\0') {
			check_fail("after step %d: %zu bytes, not %zu", step, b.n, n);
			break;
		}
	}
	check_eq_mem(b.p, model, n);
	check_eq_u(sb_str(&b).n, n);
	sb_fini(&b);
	check(b.p == NULL);
}

TEST(builder_stops_at_its_maximum_for_good)
{
	struct sb b = {.max = 10};
	sb_puts(&b, "0123456789");
	check(!b.failed);
	check_eq_s(b.p, "0123456789");
	sb_putc(&b, 'x');
	check(b.failed);
	sb_reset(&b);
	check(!b.failed);
	sb_puts(&b, "01234567");
	sb_printf(&b, "%d", 12345);
	check(b.failed);
	check_eq_s(b.p, "01234567");
	sb_puts(&b, "8"); /* would fit, but the text has a hole already */
	check_eq_s(b.p, "01234567");
	sb_put(&b, "", 0);
	size_t n = 99;
	check(sb_detach(&b, &n) == NULL);
	check_eq_u(n, 0);
	check(!b.failed);
	sb_put(&b, "x", SIZE_MAX - 1);
	check(b.failed);
	sb_fini(&b);
}

TEST(more_room_is_for_the_caller_to_fill)
{
	struct sb b = {.max = 100};
	char *p = sb_more(&b, 3);

	memcpy(p, "abc", 3);
	sb_putc(&b, 'd');
	check_eq_s(b.p, "abcd");
	p = sb_more(&b, 96);
	memset(p, 'x', 96);
	check_eq_u(b.n, 100);
	check_eq_i(b.p[100], 0);
	check(sb_more(&b, 1) == NULL);
	check(b.failed);
	sb_putc(&b, 'y');
	check_eq_u(b.n, 100);
	sb_fini(&b);
}

TEST(detach_hands_the_text_over)
{
	struct sb b = SB_INIT;
	char *s = sb_detach(&b, NULL);
	check_eq_s(s, "");
	free(s);
	sb_puts(&b, "abc");
	size_t n;
	s = sb_detach(&b, &n);
	check_eq_s(s, "abc");
	check_eq_u(n, 3);
	check_eq_u(b.n, 0);
	check(b.p == NULL);
	free(s);
	sb_printf(&b, "%0*d", 3000, 1);
	check_eq_u(b.n, 3000);
	sb_fini(&b);
}
