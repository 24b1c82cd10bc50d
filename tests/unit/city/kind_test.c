#include "city/kind.h"
#include "base/json.h"
#include "mini.h"

#include <math.h>

/* The attributes of a firm as they are kept, or "CODE field" where they are refused. */
static const char *kept(struct mini *m, const char *json, const char **doubts)
{
	const struct kind *k = catalog_kind(m->s->catalog, "firm");
	const char *out = "", *doubt = "";
	struct err e = ERR_INIT;
	struct doc *doc = NULL;

	if (!check_ok(doc_parse_json(m->a, str_of(json), "test", &doc, &e), &e))
		return "";
	if (kind_read(m->a, k, m->s->catalog->zone, doc, NULL, &out, &doubt, &e) < 0)
		return arena_printf(m->a, "%s %s", err_name(e.code), e.field);
	if (doubts != NULL)
		*doubts = doubt;
	return out;
}

struct pair {
	const char *given, *kept;
};

static void expect(const struct pair *p, size_t n)
{
	struct mini m;

	mini_open(&m, false, false);
	for (size_t i = 0; i < n && m.s != NULL; i++)
		if (!check_eq_s(kept(&m, p[i].given, NULL), p[i].kept))
			check_fail("given: %s", p[i].given);
	mini_close(&m);
}
#define EXPECT(...)                                                                                          \
	do {                                                                                                 \
		static const struct pair pairs_[] = {__VA_ARGS__};                                           \
                                                                                                             \
		expect(pairs_, ARRAY_LEN(pairs_));                                                           \
	} while (0)

TEST(reads_texts)
{
	EXPECT({"{\"address\":\"  东街 1 号 \"}", "{\"address\":\"东街 1 号\"}"},
	        {"{\"address\":\"\"}", "{}"}, {"{\"address\":\"  \"}", "{}"}, {"{\"address\":null}", "{}"},
	        {"{\"address\":12.50}", "{\"address\":\"12.50\"}"},
	        {"{\"address\":true}", "{\"address\":\"true\"}"},
	        {"{\"address\":[\"a\"]}", "INVALID address"}, {"{\"address\":{\"a\":1}}", "INVALID address"},
	        {"{\"licence\":\"AB1234\"}", "{\"licence\":\"AB1234\"}"},
	        {"{\"licence\":\"AB12345\"}", "INVALID licence"},
	        {"{\"licence\":\"xAB1234\"}", "INVALID licence"}, {"{\"nothing\":\"1\"}", "INVALID nothing"},
	        {"[1,2]", "INVALID attrs"}, {"\"text\"", "INVALID attrs"}, {"{}", "{}"});
}

TEST(a_text_has_a_longest)
{
	struct mini m;
	char *text, *json;

	mini_open(&m, false, false);
	text = arena_alloc(m.a, 4002);
	memset(text, 'a', 4001);
	json = arena_printf(m.a, "{\"address\":\"%s\"}", text);
	check_eq_s(kept(&m, json, NULL), "INVALID address");
	text[4000] = '\0';
	json = arena_printf(m.a, "{\"address\":\"%s\"}", text);
	check_eq_s(kept(&m, json, NULL), json);
	mini_close(&m);
}

TEST(reads_numbers_as_people_write_them)
{
	EXPECT({"{\"capital\":12.50}", "{\"capital\":12.5}"},
	        {"{\"capital\":\"12.50\"}", "{\"capital\":12.5}"},
	        {"{\"capital\":\" 1,234.5 万元\"}", "{\"capital\":1234.5}"},
	        {"{\"capital\":\"１，２３４．５\"}", "{\"capital\":1234.5}"},
	        {"{\"capital\":\"1e3\"}", "{\"capital\":1000}"},
	        {"{\"capital\":\"1E3\"}", "{\"capital\":1000}"}, {"{\"capital\":\"-0\"}", "{\"capital\":0}"},
	        {"{\"capital\":-0.0}", "{\"capital\":0}"}, {"{\"capital\":\"1,23\"}", "INVALID capital"},
	        {"{\"capital\":\"1234,567\"}", "INVALID capital"},
	        {"{\"capital\":\"1,234,56\"}", "INVALID capital"},
	        {"{\"capital\":\",5\"}", "INVALID capital"}, {"{\"capital\":\"5,\"}", "INVALID capital"},
	        {"{\"capital\":\"1.5,000\"}", "INVALID capital"}, {"{\"capital\":-1}", "INVALID capital"},
	        {"{\"capital\":1000001}", "INVALID capital"}, {"{\"capital\":\"NaN\"}", "INVALID capital"},
	        {"{\"capital\":\"inf\"}", "INVALID capital"}, {"{\"capital\":\"1e999\"}", "INVALID capital"},
	        {"{\"capital\":\"many\"}", "INVALID capital"}, {"{\"capital\":true}", "INVALID capital"},
	        {"{\"capital\":[1]}", "INVALID capital"}, {"{\"capital\":\"\"}", "{}"});
	EXPECT({"{\"staff\":12}", "{\"staff\":12}"}, {"{\"staff\":\"12.0\"}", "{\"staff\":12}"},
	        {"{\"staff\":\"1,200\"}", "{\"staff\":1200}"}, {"{\"staff\":\"+7\"}", "{\"staff\":7}"},
	        {"{\"staff\":\"007\"}", "{\"staff\":7}"}, {"{\"staff\":-3}", "{\"staff\":-3}"},
	        {"{\"staff\":\"-0\"}", "{\"staff\":0}"}, {"{\"staff\":\"1e3\"}", "{\"staff\":1000}"},
	        {"{\"staff\":9007199254740993}", "{\"staff\":9007199254740993}"},
	        {"{\"staff\":12.5}", "INVALID staff"}, {"{\"staff\":\"2e18\"}", "INVALID staff"},
	        {"{\"staff\":\"12 人\"}", "INVALID staff"});
}

TEST(reads_yes_and_no)
{
	EXPECT({"{\"listed\":true}", "{\"listed\":true}"}, {"{\"listed\":\"是\"}", "{\"listed\":true}"},
	        {"{\"listed\":\"有\"}", "{\"listed\":true}"}, {"{\"listed\":\"１\"}", "{\"listed\":true}"},
	        {"{\"listed\":1}", "{\"listed\":true}"}, {"{\"listed\":\"TRUE\"}", "{\"listed\":true}"},
	        {"{\"listed\":\"Yes\"}", "{\"listed\":true}"}, {"{\"listed\":\"√\"}", "{\"listed\":true}"},
	        {"{\"listed\":false}", "{\"listed\":false}"}, {"{\"listed\":\"否\"}", "{\"listed\":false}"},
	        {"{\"listed\":\"FALSE\"}", "{\"listed\":false}"},
	        {"{\"listed\":\"N\"}", "{\"listed\":false}"}, {"{\"listed\":0}", "{\"listed\":false}"},
	        {"{\"listed\":\"\"}", "{}"}, {"{\"listed\":\"maybe\"}", "INVALID listed"},
	        {"{\"listed\":2}", "INVALID listed"});
}

TEST(reads_dates_and_instants)
{
	EXPECT({"{\"founded\":\"2026-07-14\"}", "{\"founded\":\"2026-07-14\"}"},
	        {"{\"founded\":\"2026/7/4\"}", "{\"founded\":\"2026-07-04\"}"},
	        {"{\"founded\":\"2026.7.4\"}", "{\"founded\":\"2026-07-04\"}"},
	        {"{\"founded\":\"2026年7月4日\"}", "{\"founded\":\"2026-07-04\"}"},
	        {"{\"founded\":\"２０２６年７月４日\"}", "{\"founded\":\"2026-07-04\"}"},
	        {"{\"founded\":20260704}", "{\"founded\":\"2026-07-04\"}"},
	        {"{\"founded\":\"2026-07-14 00:00:00\"}", "{\"founded\":\"2026-07-14\"}"},
	        {"{\"founded\":\"2026-07-14T00:00:00\"}", "{\"founded\":\"2026-07-14\"}"},
	        {"{\"founded\":\"2024-02-29\"}", "{\"founded\":\"2024-02-29\"}"},
	        {"{\"founded\":\"2026-02-29\"}", "INVALID founded"},
	        {"{\"founded\":\"2026-13-01\"}", "INVALID founded"},
	        {"{\"founded\":\"2026-07-00\"}", "INVALID founded"},
	        {"{\"founded\":\"2026-07-14 08:00\"}", "INVALID founded"},
	        {"{\"founded\":\"2026-07-14x\"}", "INVALID founded"},
	        {"{\"founded\":\"26-7-14\"}", "INVALID founded"},
	        {"{\"founded\":\"14/7/2026\"}", "INVALID founded"},
	        {"{\"founded\":\"2026-07\"}", "INVALID founded"}, {"{\"founded\":45123}", "INVALID founded"},
	        {"{\"founded\":\"\"}", "{}"});
	EXPECT({"{\"inspected\":\"2026-07-14T08:00:00+08:00\"}", "{\"inspected\":\"2026-07-14T00:00:00Z\"}"},
	        {"{\"inspected\":\"2026-07-14T00:00:00Z\"}", "{\"inspected\":\"2026-07-14T00:00:00Z\"}"},
	        {"{\"inspected\":\"2026-07-14 08:00\"}", "{\"inspected\":\"2026-07-14T00:00:00Z\"}"},
	        {"{\"inspected\":\"2026/7/14 8:00:00\"}", "{\"inspected\":\"2026-07-14T00:00:00Z\"}"},
	        {"{\"inspected\":\"2026年7月14日 8:00\"}", "{\"inspected\":\"2026-07-14T00:00:00Z\"}"},
	        {"{\"inspected\":\"２０２６－０７－１４　０８：００\"}",
	                "{\"inspected\":\"2026-07-14T00:00:00Z\"}"},
	        {"{\"inspected\":\"2026-07-14\"}", "{\"inspected\":\"2026-07-13T16:00:00Z\"}"},
	        {"{\"inspected\":\"2026-07-14T08:00:00.250+08:00\"}",
	                "{\"inspected\":\"2026-07-14T00:00:00.250Z\"}"},
	        {"{\"inspected\":\"2026-07-14 24:00\"}", "INVALID inspected"},
	        {"{\"inspected\":\"2026-07-14 08:60\"}", "INVALID inspected"},
	        {"{\"inspected\":\"yesterday\"}", "INVALID inspected"});
}

TEST(reads_options_references_places)
{
	EXPECT({"{\"size\":\"l\"}", "{\"size\":\"l\"}"}, {"{\"size\":\"大型\"}", "{\"size\":\"l\"}"},
	        {"{\"size\":\" Small \"}", "{\"size\":\"s\"}"}, {"{\"size\":\"巨型\"}", "INVALID size"},
	        {"{\"size\":\"\"}", "{}"}, {"{\"grade\":\"\"}", "{}"});
	EXPECT({"{\"park\":\" P-1 \"}", "{\"park\":\"P-1\"}"}, {"{\"park\":17}", "{\"park\":\"17\"}"},
	        {"{\"park\":[\"P-1\"]}", "INVALID park"},
	        {"{\"park\":\"12345678901234567890123456789012345678901234567890123456789012345\"}",
	                "INVALID park"});
	EXPECT({"{\"gate\":{\"lon\":120.50,\"lat\":33}}", "{\"gate\":{\"lon\":120.5,\"lat\":33}}"},
	        {"{\"gate\":\"120.5, 33\"}", "{\"gate\":{\"lon\":120.5,\"lat\":33}}"},
	        {"{\"gate\":\"１２０．５，３３\"}", "{\"gate\":{\"lon\":120.5,\"lat\":33}}"},
	        {"{\"gate\":\"120.5\"}", "INVALID gate"}, {"{\"gate\":\"33,120.5,7\"}", "INVALID gate"},
	        {"{\"gate\":{\"lon\":181,\"lat\":0}}", "INVALID gate"},
	        {"{\"gate\":{\"lon\":0}}", "INVALID gate"}, {"{\"gate\":[1,2]}", "INVALID gate"});
}

/* As a sheet's cell may hold them: what is kept must be text that can be read again. */
TEST(no_value_holds_a_zero_byte)
{
	static const struct str wrong[] = {
	        STR_LIT("1\0001"), STR_LIT("\0001"), STR_LIT("\xff\xfe"), STR_LIT("1\0")};
	struct mini m;

	mini_open(&m, false, false);
	for (int i = 0; m.s != NULL && i < catalog_kind(m.s->catalog, "firm")->fields; i++)
		for (size_t w = 0; w < ARRAY_LEN(wrong); w++) {
			const struct field *f = &catalog_kind(m.s->catalog, "firm")->field[i];
			const char *doubt = NULL;
			struct err e = ERR_INIT;
			struct str out;

			check_err(kind_value(m.a, f, m.s->catalog->zone, wrong[w], &out, &doubt, &e),
			        ERR_INVALID);
		}
	mini_close(&m);
}

TEST(reads_lists_of_values)
{
	EXPECT({"{\"tags\":[\"a\",\"b\"]}", "{\"tags\":[\"a\",\"b\"]}"},
	        {"{\"tags\":\"化工、危化；重点,化工\"}", "{\"tags\":[\"化工\",\"危化\",\"重点\"]}"},
	        {"{\"tags\":\"a，b;c\\nd\"}", "{\"tags\":[\"a\",\"b\",\"c\",\"d\"]}"},
	        {"{\"tags\":[\"a\",null,\"\",\"a\"]}", "{\"tags\":[\"a\"]}"}, {"{\"tags\":\",,\"}", "{}"},
	        {"{\"tags\":[]}", "{}"}, {"{\"tags\":null}", "{}"}, {"{\"tags\":[[\"a\"]]}", "INVALID tags"},
	        {"{\"tags\":{\"a\":1}}", "INVALID tags"},
	        {"{\"seats\":\"1001,1002\"}", "{\"seats\":[\"1001\",\"1002\"]}"});
}

TEST(a_list_has_a_hundred_values)
{
	struct mini m;
	struct sb b = SB_INIT;

	mini_open(&m, false, false);
	sb_puts(&b, "{\"tags\":\"");
	for (int i = 0; i < 100; i++)
		sb_printf(&b, "t%d,", i);
	check_has(kept(&m, arena_printf(m.a, "%s\"}", b.p), NULL), "\"t99\"]}");
	check_eq_s(kept(&m, arena_printf(m.a, "%st100\"}", b.p), NULL), "INVALID tags");
	sb_fini(&b);
	mini_close(&m);
}

/* What says the same is the same text: order of keys, spelling of numbers and dates do not count. */
TEST(the_kept_form_is_canonical)
{
	static const char *const same[] = {
	        "{\"capital\":1200,\"founded\":\"2026-07-04\",\"size\":\"l\",\"tags\":[\"a\",\"b\"]}",
	        "{\"tags\":\"a、b\",\"size\":\"大型\",\"founded\":\"2026年7月4日\",\"capital\":\"1,200.00 "
	        "万元\"}",
	        "{\"size\":\"Large\",\"staff\":\"\",\"founded\":\"2026/7/"
	        "4\",\"capital\":1.2e3,\"tags\":\"a;b;a\"}"};
	struct mini m;

	mini_open(&m, false, false);
	for (size_t i = 0; i < ARRAY_LEN(same); i++)
		check_eq_s(kept(&m, same[i], NULL), same[0]);
	/* Reading what is kept changes nothing. */
	check_eq_s(kept(&m, kept(&m, same[1], NULL), NULL), same[0]);
	mini_close(&m);
}

TEST(a_code_of_signs_alone_is_none)
{
	EXPECT({"{\"uscc\":\"-\"}", "{}"}, {"{\"uscc\":\"　\"}", "{}"}, {"{\"uscc\":\" -- \"}", "{}"});
}

TEST(a_wrong_check_digit_is_a_doubt)
{
	const char *doubts = NULL;
	struct mini m;

	mini_open(&m, false, false);
	check_eq_s(kept(&m, "{\"uscc\":\"９１３２０９０２ｍａ１Ａ２Ｂ３ Ｃ６－Ｄ\"}", &doubts),
	        "{\"uscc\":\"91320902MA1A2B3C6D\"}");
	check_eq_s(doubts, "");
	check_eq_s(kept(&m, "{\"uscc\":\"91350211M000100Y44\",\"staff\":3}", &doubts),
	        "{\"uscc\":\"91350211M000100Y44\",\"staff\":3}");
	check_has(doubts, "{\"uscc\":\"");
	check_eq_s(kept(&m, "{\"uscc\":\"123\"}", &doubts), "{\"uscc\":\"123\"}");
	check_has(doubts, "uscc");
	mini_close(&m);
}

TEST(codes_of_records)
{
	static const char *const good[] = {"a", "A-1", "91350211M000100Y43", "东-1", "a.b", "(1)"};
	static const char *const wrong[] = {".", "..", "", " ", "a b", "a/b", "a+b", "a#b", "a%b", "a?b",
	        "a,b", "a;b", "a\tb", "a\x7f", "\xff", "a\n",
	        "12345678901234567890123456789012345678901234567890123456789012345"};

	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		check(kind_code_valid(str_of(good[i])));
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		check(!kind_code_valid(str_of(wrong[i])));
	check(!kind_code_valid(STR_LIT("a\0b")));
}

static struct str key_of(struct mini *m, const char *field, const char *value)
{
	struct sb b = SB_INIT;
	struct str out;

	kind_key(&b, kind_field(catalog_kind(m->s->catalog, "firm"), field), str_of(value));
	out = (struct str){arena_memdup(m->a, b.p, b.n), b.n};
	sb_fini(&b);
	return out;
}

/* Each column is in the order that its keys must have; the blank comes last. */
TEST(keys_have_the_order_of_the_values)
{
	static const char *const column[][7] = {{"capital", "-2", "-1.5", "0", "1", "10", ""},
	        {"staff", "-10", "-9", "0", "9", "10", ""},
	        {"founded", "1899-12-31", "1970-01-01", "2026-07-04", "2026-07-14", "2026-10-01", ""},
	        {"inspected", "1969-12-31T23:59:59Z", "1970-01-01T00:00:00Z", "2026-07-14T00:00:00Z",
	                "2026-07-14T00:00:00.25Z", "2026-07-14T00:00:01Z", ""},
	        {"address", "2号", "10号", "安丰", "城南", "盐城", ""},
	        {"uscc", "1", "10", "2", "9A", "9B", ""}, {"size", "l", "m", "s", "t", "u", ""},
	        {"park", "P-1", "P-10", "P-2", "p", "東", ""}};
	struct mini m;

	mini_open(&m, false, false);
	for (size_t i = 0; i < ARRAY_LEN(column) && m.s != NULL; i++)
		for (size_t n = 2; n < 7; n++)
			if (!check(str_cmp(key_of(&m, column[i][0], column[i][n - 1]),
			                   key_of(&m, column[i][0], column[i][n])) < 0))
				check_fail("%s: %s, %s", column[i][0], column[i][n - 1], column[i][n]);
	mini_close(&m);
}

TEST(what_a_clearance_covers)
{
	const struct kind *k;
	struct mini m;

	mini_open(&m, false, false);
	k = catalog_kind(m.s->catalog, "firm");
	for (int clearance = 1; clearance <= 4; clearance++) {
		check_eq_i(field_hidden(kind_field(k, "staff"), clearance), false);
		check_eq_i(field_hidden(kind_field(k, "boss"), clearance), clearance < 2);
		check_eq_i(field_hidden(kind_field(k, "phone"), clearance), clearance < 3);
		check_eq_i(field_hidden(kind_field(k, "grade"), clearance), clearance < 4);
	}
	check(field_veiled(kind_field(k, "phone")));
	check(!field_veiled(kind_field(k, "boss")));
	check(!field_veiled(kind_field(k, "grade")));
	check(!field_indexed(kind_field(k, "gate")));
	check(!field_indexed(kind_field(k, "licence")));
	check(field_indexed(kind_field(k, "park")));
	mini_close(&m);
}
