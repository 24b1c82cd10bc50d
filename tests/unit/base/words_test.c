#include "base/words.h"
#include "check.h"

struct list {
	struct sb b;
	bool places;
	int stop_at, n;
};

static int add(void *ctx, const char *w, size_t n, size_t from, size_t to)
{
	struct list *l = ctx;

	if (++l->n == l->stop_at)
		return 42;
	if (l->b.n > 0)
		sb_putc(&l->b, ' ');
	sb_put(&l->b, w, n);
	if (l->places)
		sb_printf(&l->b, "@%zu-%zu", from, to);
	return 0;
}

/* Words, a blank between two. */
static void check_words(int line, const char *text, enum words_mode mode, bool places, const char *want)
{
	struct list l = {.places = places};

	sb_puts(&l.b, "");
	check_eq_i(words_split(str_of(text), mode, add, &l), 0);
	check__eq_s(__FILE__, line, l.b.p, want, text, "the words");
	sb_fini(&l.b);
}
#define QUERY(text, want) check_words(__LINE__, text, WORDS_QUERY, false, want)
#define INDEX(text, want) check_words(__LINE__, text, WORDS_INDEX, false, want)
#define PLACES(text, want) check_words(__LINE__, text, WORDS_INDEX, true, want)

TEST(letters_make_words)
{
	QUERY("", "");
	QUERY(" ,.-", "");
	QUERY("Hello, World", "hello world");
	QUERY("sensor_01 3.14", "sensor 01 3 14");
	QUERY("a1b2", "a1b2");
	QUERY("ＡＢＣ１２３", "abc123");
	QUERY("Страна ΑΒΓ", "страна αβγ");
	QUERY("STRASSE straße", "strasse strasse");
	QUERY("e\xcc\x81t\xc3\x89", "été");
	QUERY("so\xc2\xadlid", "solid");
	QUERY("x\xcc\xb8y", "x\xcc\xb8y");
	INDEX("Hello, World", "hello world");
}

TEST(chinese_makes_pairs)
{
	QUERY("盐城市", "盐城 城市");
	QUERY("盐", "盐");
	QUERY("盐，城", "盐 城");
	QUERY("盐城ABC市", "盐城 abc 市");
	QUERY("第2号", "第 2 号");
	QUERY("𠀀𠀁盐", "𠀀𠀁 𠀁盐");
	QUERY("〇一", "〇一");
	QUERY("ひらカナ", "ひら らカ カナ");
	QUERY("ｶﾞｽ", "ガス");
	QUERY("カ・ナ", "カ ナ");
	QUERY("한국어", "한국 국어");
	QUERY("葛\xf3\xa0\x84\x80城", "葛城");
	QUERY("㍿", "株式 式会 会社");
	QUERY("张\xee\x80\x80", "张\xee\x80\x80");
}

TEST(an_index_has_the_last_character_too)
{
	INDEX("盐城市", "盐城 城市 市");
	INDEX("盐", "盐");
	INDEX("盐城ABC市", "盐城 城 abc 市");
	INDEX("", "");
}

TEST(words_know_their_place)
{
	PLACES("ab 盐城市", "ab@0-2 盐城@3-9 城市@6-12 市@9-12");
	PLACES("Ａb", "ab@0-4");
	PLACES("1㈱2", "1@0-1 株@1-4 2@4-5");
	PLACES("e\xcc\x81!a", "é@0-3 a@4-5");
	PLACES("葛\xf3\xa0\x84\x80城", "葛城@0-10 城@7-10");
	PLACES("a\xff盐\xe7\x9b", "a@0-1 盐@2-5");
}

TEST(long_words_are_cut)
{
	char text[201], want[65];

	memset(text, 'x', 200);
	text[200] = '\0';
	memset(want, 'x', 64);
	want[64] = '\0';
	QUERY(text, want);
	/* Not inside a character. */
	for (int i = 0; i < 99; i++)
		memcpy(text + 1 + 2 * i, "é", 2);
	text[199] = '\0';
	for (int i = 0; i < 31; i++)
		memcpy(want + 1 + 2 * i, "é", 2);
	want[63] = '\0';
	QUERY(text, want);
	/* What would fit behind the cut does not belong to it. */
	text[199] = 'z';
	QUERY(text, want);
	check(words_match(str_of(text), str_of(text)));
}

TEST(a_listener_may_end_it)
{
	struct list l = {.stop_at = 2};

	check_eq_i(words_split(STR_LIT("盐城市 abc"), WORDS_INDEX, add, &l), 42);
	check_eq_i(l.n, 2);
	sb_fini(&l.b);
	l = (struct list){.stop_at = 1};
	check_eq_i(words_split(STR_LIT("abc"), WORDS_INDEX, add, &l), 42);
	check_eq_i(words_split(STR_NULL, WORDS_INDEX, add, &l), 0);
	sb_fini(&l.b);
}

TEST(runs_are_found_whole)
{
	static const struct {
		const char *query, *text;
		bool found;
	} cases[] = {
	        {"", "", true},
	        {"", "x", true},
	        {" ,", "x", true},
	        {"x", "", false},
	        {"abc", "xyz ABC.", true},
	        {"abc", "abcd", false},
	        {"abc", "ab c", false},
	        {"ＡＢＣ", "abc", true},
	        {"城市", "盐城市", true},
	        {"盐市", "盐城市", false},
	        {"盐城市", "盐城 城市", false},
	        {"盐城市", "江苏省盐城市亭湖区", true},
	        {"市", "盐城市", true},
	        {"城", "盐城市", true},
	        {"盐", "盐城市", true},
	        {"区", "盐城市", false},
	        {"abc 城市", "城市ABC", true},
	        {"abc 城市", "城市ABCD", false},
	        {"城，盐", "盐城", true},
	        {"盐城abc", "盐城x abc", true},
	        {"e\xcc\x81", "É", true},
	        {"一\x01二", "一\x02二", true},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (words_match(str_of(cases[i].query), str_of(cases[i].text)) != cases[i].found)
			check_fail("%s in %s", cases[i].query, cases[i].text);
	}
}

struct seen {
	size_t n, from, to, words;
	bool bad;
};

static int look(void *ctx, const char *w, size_t n, size_t from, size_t to)
{
	struct seen *s = ctx;

	s->bad = s->bad || n == 0 || n > WORD_MAX || !utf8_valid((struct str){w, n}) || from >= to ||
	         to > s->n || from < s->from || to < s->to;
	s->from = from;
	s->to = to;
	s->words++;
	return 0;
}

TEST(any_bytes_may_come)
{
	static const char *const pieces[] = {"盐", "城", "abc", "É", "\xcc\x81", "Ａ", " ", "ｶ", "ﾞ",
	        "\xe1\x86\xab", "가", "\xf3\xa0\x84\x80", "\xef\xb7\xba", "\xf0\xa0", "9", "。"};

	for (int round = 0; round < 20000; round++) {
		struct sb b = SB_INIT;
		struct seen s = {0};
		struct str text;
		char *exact;

		for (uint64_t i = test_random() % 24; i > 0; i--) {
			if (test_random() % 3 == 0)
				sb_putc(&b, (char)test_random());
			else
				sb_puts(&b, pieces[test_random() % ARRAY_LEN(pieces)]);
		}
		/* In memory of its exact size, so that a read past the end is seen. */
		exact = xcalloc(b.n ? b.n : 1, 1);
		if (b.n > 0)
			memcpy(exact, b.p, b.n);
		text = (struct str){exact, b.n};
		s.n = b.n;
		words_split(text, round % 2 ? WORDS_INDEX : WORDS_QUERY, look, &s);
		if (s.bad || !words_match(text, text)) {
			check_fail("round %d", round);
			round = 1000000;
		}
		free(exact);
		sb_fini(&b);
	}
}
