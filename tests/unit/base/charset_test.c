#include "check.h"

#include "base/charset.h"

/* "NAME:text", or "!line:words". */
static const char *read(struct str bytes)
{
	static struct sb b;
	struct sb out = SB_INIT;
	struct err e = ERR_INIT;
	const char *name = NULL;

	sb_fini(&b);
	sb_puts(&out, "before");
	if (charset_to_utf8(bytes, &out, &name, &e) == 0) {
		check(utf8_valid(sb_str(&out)));
		sb_printf(&b, "%s:%s", name, out.p + strlen("before"));
	} else {
		check_eq_i(e.code, ERR_INVALID);
		check_str(sb_str(&out), "before");
		check_eq_s(out.p, "before");
		check(name == NULL);
		sb_printf(&b, "!%d:%s", e.line, e.text);
	}
	sb_fini(&out);
	return b.p;
}

#define READ(s) read(STR_LIT(s))

TEST(finds_the_charset)
{
	check_eq_s(READ(""), "UTF-8:");
	check_eq_s(read(STR_NULL), "UTF-8:");
	check_eq_s(READ("a,b\r\n"), "UTF-8:a,b\r\n");
	check_eq_s(READ("名称,桥"), "UTF-8:名称,桥");
	check_eq_s(READ("\xef\xbb\xbf名称"), "UTF-8:名称");
	check_eq_s(READ("\xef\xbb\xbf"), "UTF-8:");
	check_eq_s(READ("\xc3\xfb\xb3\xc6,\xc7\xc5\n"), "GB18030:名称,桥\n");
	/* What only GBK has, and only GB18030. */
	check_eq_s(READ("\x8c\xa7"), "GB18030:導");
	check_eq_s(READ("\xc3\xfb\x95\x32\x82\x36"), "GB18030:名𠀀");
	check_eq_s(READ("\xff\xfe"
	                "a\0\x0d\x54\n\0"),
	        "UTF-16:a名\n");
	check_eq_s(READ("\xfe\xff"
	                "\0a\x54\x0d\xd8\x40\xdc\x00"),
	        "UTF-16:a名𠀀");
	check_eq_s(READ("\xff\xfe"), "UTF-16:");
}

TEST(tells_where_text_is_bad)
{
	check_has(READ("a\nb\0c"), "!2:byte 4 (line 2) is a zero");
	check_has(READ("\0"), "!1:byte 1 (line 1)");
	check_has(READ("\xc3\xfb\r\n\xb3\xc6\rx\xff\n"), "!3:byte 9 (line 3) is neither UTF-8 nor GB18030");
	check_has(READ("\xc3\xfb\n\xb3"), "!2:byte 4 (line 2) is neither");
	check_has(READ("\xef\xbb\xbf\n\xc3\xfb"), "!2:byte 5 (line 2) is damaged");
	check_has(READ("\xff\xfe"
	               "a\0\n\0\0\0"),
	        "!2:byte 7 (line 2) is a zero");
	check_has(READ("\xfe\xff"
	               "\0\r\0\n\xd8\x40\0a"),
	        "!2:byte 7 (line 2) is half of a UTF-16 pair");
	check_has(READ("\xff\xfe\x00\xdc"), "!1:byte 3 (line 1) is half of a UTF-16 pair");
	check_has(READ("\xff\xfe"
	               "a\0b"),
	        "!1:byte 5 (line 1) is half a character");
}

/* Cut within a character, most UTF-8 text would pass for GB18030. */
TEST(damaged_utf8_is_not_taken_for_gb18030)
{
	static const char text[] = "名称,位置\n新河桥,水利站东侧二十米\n";
	const char *words;

	words = read((struct str){text, sizeof(text) - 3});
	check_has(words, "!2:");
	check_has(words, "damaged");
}

TEST(long_text_is_converted_whole)
{
	struct sb in = SB_INIT, out = SB_INIT;
	struct err e = ERR_INIT;
	const char *name = NULL;

	for (int i = 0; i < 50000; i++)
		sb_puts(&in, i % 7 ? "\xc3\xfb" : "x");
	check_ok(charset_to_utf8(sb_str(&in), &out, &name, &e), &e);
	check_eq_s(name, "GB18030");
	check_eq_u(utf8_length(sb_str(&out)), 50000);
	sb_fini(&out);
	out.max = 1000;
	check_err(charset_to_utf8(sb_str(&in), &out, NULL, &e), ERR_TOOBIG);
	check_eq_u(out.n, 0);
	check_ok(charset_to_utf8(STR_LIT("a"), &out, NULL, &e), &e);
	check_str(sb_str(&out), "a");
	sb_fini(&in);
	sb_fini(&out);
}
