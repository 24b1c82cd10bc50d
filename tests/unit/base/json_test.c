#include "check.h"

#include "base/json.h"
#include "base/num.h"
#include "base/time.h"

#include <math.h>

/* One letter for each token, in the order of enum json_type. */
static const char *tokens(const char *text, char *out, size_t n)
{
	static const char letters[] = "$!{}[]ksnTF0";
	struct json j;
	enum json_type t;
	size_t at = 0;

	json_init(&j, str_of(text));
	do {
		t = json_next(&j);
		if (at + 1 < n)
			out[at++] = letters[t];
	} while (t != JSON_END && t != JSON_BAD);
	out[at] = 0;
	check_eq_i(json_next(&j), t); /* both ends stay */
	return out;
}

static bool valid(struct str text)
{
	struct json j;
	enum json_type t;

	json_init(&j, text);
	do
		t = json_next(&j);
	while (t != JSON_END && t != JSON_BAD);
	return t == JSON_END;
}

TEST(gives_tokens_in_order)
{
	char b[64];

	check_eq_s(tokens("{}", b, sizeof(b)), "{}$");
	check_eq_s(tokens(" [ ] ", b, sizeof(b)), "[]$");
	check_eq_s(tokens("{\"a\":1,\"b\":[true,false,null,\"x\"]}", b, sizeof(b)), "{knk[TF0s]}$");
	check_eq_s(tokens("\r\n\t 5 ", b, sizeof(b)), "n$");
	check_eq_s(tokens("\"\"", b, sizeof(b)), "s$");
	check_eq_s(tokens("\xef\xbb\xbf{}", b, sizeof(b)), "{}$");
	check_eq_s(tokens("[[],[[]],{\"\":{}}]", b, sizeof(b)), "[[][[]]{k{}}]$");
}

TEST(refuses_what_is_not_json)
{
	static const char *const texts[] = {
	        "",
	        " ",
	        "{",
	        "[",
	        "}",
	        "]",
	        "[1",
	        "[1,",
	        "[1,]",
	        "[,1]",
	        "[1 2]",
	        "[1}",
	        "{]",
	        "{,}",
	        "{\"a\"}",
	        "{\"a\":}",
	        "{\"a\" 1}",
	        "{\"a\":1,}",
	        "{a:1}",
	        "{'a':1}",
	        "{1:1}",
	        "{\"a\":1 \"b\":2}",
	        "{\"a\":1}}",
	        "1 2",
	        "nul",
	        "nulll",
	        "True",
	        "TRUE",
	        "tru",
	        "fals",
	        "NaN",
	        "Infinity",
	        "-Infinity",
	        "01",
	        "-01",
	        "00",
	        "-",
	        "+1",
	        ".5",
	        "5.",
	        "5.e1",
	        "1e",
	        "1e+",
	        "1E-",
	        "0x10",
	        "1a",
	        "- 1",
	        "1.2.3",
	        "\"",
	        "\"a",
	        "\"\\",
	        "\"\\\"",
	        "\"\\x\"",
	        "\"\\u12\"",
	        "\"\\u12g4\"",
	        "\"\\u\"",
	        "\"\\U1234\"",
	        "\"a\nb\"",
	        "\"a\tb\"",
	        "\"\x1f\"",
	        "'a'",
	        "[\"a\",\n",
	        "// c\n1",
	        "/* c */1",
	        "[1]]",
	        "\xef\xbb",
	        "\"\xff\"",
	        "\"\xc0\x80\"",
	        "\"\xed\xa0\x80\"",
	        "\"\xf4\x90\x80\x80\"",
	        "\"\xe4\xb8\"",
	        "\"\x80\"",
	        "\"\xf0\x80\x80\x80\"",
	        "\"\xe0\x80\x80\"",
	        "\v1",
	        "\f1",
	        "[1,\xc2\xa0 2]",
	};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (valid(str_of(texts[i])))
			check_fail("taken: %s", texts[i]);
	check(!valid((struct str){"1\0", 2}));
	check(!valid((struct str){"\"a\0b\"", 5}));
	check(!valid(STR_NULL));
}

TEST(takes_what_is_json)
{
	static const char *const texts[] = {
	        "0",
	        "-0",
	        "0.0",
	        "-0.5e-10",
	        "1E+2",
	        "123456789012345678901234567890",
	        "1e999",
	        "\"\\u0000\"",
	        "\"\\ud83d\\ude00\"",
	        "\"\\ud800\"",
	        "\"\x7f\"",
	        "\"盐城\"",
	        "\"\xf4\x8f\xbf\xbf\"",
	        "\"\xed\x9f\xbf\"",
	        "\"\\/\\b\\f\\n\\r\\t\\\\\\\"\"",
	        "[[[[]]]]",
	        "{\"a\":1,\"a\":2}",
	        "true",
	        "null",
	};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (!valid(str_of(texts[i])))
			check_fail("refused: %s", texts[i]);
}

/* Every prefix of a good document but the whole is bad, and is never read past its end. */
TEST(refuses_every_prefix)
{
	static const char text[] =
	        "{\"a\\u00e9\":[-1.5e+3,\"\\ud83d\\ude00\",true,false,null,{}],\"市\":\"x\"}";

	for (size_t n = 0; n < sizeof(text) - 1; n++) {
		char *copy = xstrndup(text, n), *exact = xcalloc(1, n + !n);
		memcpy(exact, copy, n);
		if (valid((struct str){exact, n}))
			check_fail("taken at %zu bytes", n);
		free(exact);
		free(copy);
	}
	check(valid(STR_LIT(text)));
}

TEST(gives_texts_as_written)
{
	struct json j;
	char buf[16];

	json_init(&j, STR_LIT("{\"k\\n\":\"\\u76d0\\uD83D\\uDE00\",\"n\" : -1.50e2}"));
	check_eq_i(json_next(&j), JSON_OBJECT);
	check_eq_i(json_next(&j), JSON_KEY);
	check_str(j.text, "k\\n");
	check(j.escaped);
	check_str(json_text(&j, buf, sizeof(buf)), "k\n");
	check_eq_i(json_next(&j), JSON_STRING);
	check_str(json_text(&j, buf, 7), "盐😀");
	check(json_text(&j, buf, 6).p == NULL);
	check(json_text(&j, buf, 0).p == NULL);
	check_eq_i(json_next(&j), JSON_KEY);
	check(!j.escaped);
	check_str(json_text(&j, NULL, 0), "n");
	check_eq_i(json_next(&j), JSON_NUMBER);
	check_str(j.text, "-1.50e2");
}

TEST(unescapes_only_whole_pairs)
{
	static const char *const halves[] = {"\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\ud800\"",
	        "\"\\ud800x\"", "\"\\ud83d\\u0041\"", "\"\\ude00\\ud83d\""};
	struct json j;
	char buf[32];
	struct str s;

	for (size_t i = 0; i < ARRAY_LEN(halves); i++) {
		json_init(&j, str_of(halves[i]));
		check_eq_i(json_next(&j), JSON_STRING);
		check(json_text(&j, buf, sizeof(buf)).p == NULL);
	}
	json_init(&j, STR_LIT("\"a\\u0000b\""));
	check_eq_i(json_next(&j), JSON_STRING);
	s = json_text(&j, buf, sizeof(buf));
	check_eq_u(s.n, 3);
	check_eq_mem(s.p, "a\0b", 3);
}

TEST(unescapes_where_the_text_is)
{
	char text[] = "[\"\\u00e9\\ud83d\\ude00 and plain text \\n\\\"quoted\\\"\",\"next\"]";
	struct json j;
	struct str s;

	json_init(&j, str_of(text));
	check_eq_i(json_next(&j), JSON_ARRAY);
	check_eq_i(json_next(&j), JSON_STRING);
	s = json_text(&j, text + (j.text.p - text), j.text.n);
	check_str(s, "\u00e9\U0001f600 and plain text \n\"quoted\"");
	check(s.p == j.text.p);
	check_eq_i(json_next(&j), JSON_STRING);
	check_str(json_text(&j, NULL, 0), "next");
	check_eq_i(json_next(&j), JSON_ARRAY_END);
	check_eq_i(json_next(&j), JSON_END);
}

TEST(limits_depth_to_64)
{
	char text[200];

	memset(text, '[', 64);
	memset(text + 64, ']', 64);
	check(valid((struct str){text, 128}));
	memset(text, '[', 65);
	memset(text + 65, ']', 65);
	check(!valid((struct str){text, 130}));
}

TEST(skips_whole_values)
{
	struct json j;

	json_init(&j, STR_LIT("{\"a\":{\"b\":[1,{\"c\":2}]},\"d\":[],\"e\":5}"));
	check_eq_i(json_next(&j), JSON_OBJECT);
	check_eq_i(json_next(&j), JSON_KEY);
	check(json_skip(&j));
	check_eq_i(json_next(&j), JSON_KEY);
	check_str(j.text, "d");
	check(json_skip(&j));
	check_eq_i(json_next(&j), JSON_KEY);
	check_str(j.text, "e");
	check(json_skip(&j));
	check(!json_skip(&j)); /* there is only the end of the object */
	check_eq_i(json_next(&j), JSON_END);

	json_init(&j, STR_LIT("[[1,2"));
	check_eq_i(json_next(&j), JSON_ARRAY);
	check(!json_skip(&j));
	check_eq_i(json_next(&j), JSON_BAD);
}

TEST(tells_line_and_column)
{
	struct json j;
	struct err e = ERR_INIT;

	json_init(&j, STR_LIT("{\n  \"市\": tru\n}"));
	while (json_next(&j) != JSON_BAD)
		;
	check_err(json_error(&j, &e), ERR_INVALID);
	check_eq_i(e.line, 2);
	check_eq_i(e.column, 8);
	check_has(e.text, "not valid JSON");
	check_err(json_error(&j, NULL), ERR_INVALID);
}

TEST(writes_values)
{
	struct sb b = SB_INIT;
	struct jw w;

	jw_init(&w, &b);
	jw_object(&w);
	jw_kstr(&w, "s", "a\"\\\n\t\x01/\x7f市");
	jw_kstr(&w, "none", NULL);
	jw_kint(&w, "min", INT64_MIN);
	jw_kint(&w, "max", INT64_MAX);
	jw_kint(&w, "zero", 0);
	jw_kid(&w, "id", 12345678901234567);
	jw_kid(&w, "noid", 0);
	jw_kdouble(&w, "d", 0.1);
	jw_kdouble(&w, "nan", (double)NAN);
	jw_kdouble(&w, "inf", -(double)INFINITY);
	jw_kbool(&w, "yes", true);
	jw_key_str(&w, (struct str){"k\"ey and more", 4});
	jw_str(&w, (struct str){"", 0});
	jw_ktime(&w, "t", 1500 * US_MS);
	jw_ktime(&w, "never", TIME_NONE);
	jw_key(&w, "list");
	jw_array(&w);
	jw_array(&w);
	jw_array_end(&w);
	jw_object(&w);
	jw_object_end(&w);
	jw_raw(&w, STR_LIT("[1]"));
	jw_null(&w);
	jw_bool(&w, false);
	jw_array_end(&w);
	jw_object_end(&w);
	check(!b.failed);
	check_eq_s(b.p,
	        "{\"s\":\"a\\\"\\\\\\n\\t\\u0001/\x7f市\",\"none\":null,\"min\":-9223372036854775808,"
	        "\"max\":9223372036854775807,\"zero\":0,\"id\":\"12345678901234567\",\"noid\":null,\"d\":0.1,"
	        "\"nan\":null,\"inf\":null,\"yes\":true,\"k\\\"ey\":\"\",\"t\":\"1970-01-01T00:00:01.500Z\","
	        "\"never\":null,"
	        "\"list\":[[],{},[1],null,false]}");
	check(valid(sb_str(&b)));
	sb_fini(&b);
}

TEST(writes_bad_utf8_as_replacement)
{
	struct sb b = SB_INIT;
	struct jw w;

	jw_init(&w, &b);
	jw_array(&w);
	jw_str(&w, (struct str){"a\xff\x62\xe4\xb8", 5});
	jw_str(&w, STR_NULL);
	jw_array_end(&w);
	check_eq_s(b.p, "[\"a\xef\xbf\xbd"
	                "b\xef\xbf\xbd\xef\xbf\xbd\",\"\"]");
	check(valid(sb_str(&b)));
	sb_fini(&b);
}

/* Any bytes at all survive writing and reading, if they are UTF-8. */
TEST(round_trip_of_strings)
{
	uint64_t seed = 1;

	for (int round = 0; round < 2000; round++) {
		char text[64], back[64];
		size_t n = 0, len;
		struct sb b = SB_INIT;
		struct jw w;
		struct json j;
		struct str s;
		len = (size_t)(round % 12);
		for (size_t i = 0; i < len; i++) {
			uint32_t cp;
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			cp = (uint32_t)(seed >> 33) % (round % 3 == 0          ? 0x80
			                                      : round % 3 == 1 ? 0x3000
			                                                       : 0x110000);
			n += utf8_encode(cp, text + n);
		}
		jw_init(&w, &b);
		jw_str(&w, (struct str){text, n});
		json_init(&j, sb_str(&b));
		check_eq_i(json_next(&j), JSON_STRING);
		s = json_text(&j, back, sizeof(back));
		check(str_eq(s, (struct str){text, n}));
		check_eq_i(json_next(&j), JSON_END);
		sb_fini(&b);
	}
}

TEST(too_deep_writing_fails_the_builder)
{
	struct sb b = SB_INIT;
	struct jw w;

	jw_init(&w, &b);
	for (int i = 0; i < 127; i++)
		jw_array(&w);
	check(!b.failed);
	for (int i = 0; i < 100; i++)
		jw_array(&w);
	jw_int(&w, 1);
	for (int i = 0; i < 227; i++)
		jw_array_end(&w);
	check(b.failed);
	sb_fini(&b);
}
