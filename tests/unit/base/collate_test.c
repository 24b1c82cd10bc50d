#include "base/collate.h"
#include "check.h"

#include <math.h>
#include <pthread.h>
#include <unicode/ucol.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>

static int sign(int v)
{
	return (v > 0) - (v < 0);
}

/* Order of the keys of two texts. */
static int compare(struct str a, struct str b, size_t max)
{
	struct sb ka = SB_INIT, kb = SB_INIT;
	int order;

	collate_text(&ka, a, max);
	collate_text(&kb, b, max);
	check(ka.n <= max && kb.n <= max);
	order = str_cmp(sb_str(&ka), sb_str(&kb));
	sb_fini(&ka);
	sb_fini(&kb);
	return sign(order);
}

TEST(a_reader_finds_names_by_their_sound)
{
	/* Digits; ài, dà, lǐ, pān, shào, wáng, xīn, xú, yán, zhāng; letters. */
	static const char *const sorted[] = {"1号", "2号", "10号", "艾静", "大丰", "李四", "潘伟", "邵阳",
	        "邵云", "王五", "鑫达", "鑫鑫", "徐来", "盐城2号", "盐城10号", "张三", "张三丰", "abc",
	        "ABD"};

	for (size_t i = 0; i < ARRAY_LEN(sorted); i++) {
		for (size_t j = 0; j < ARRAY_LEN(sorted); j++) {
			int want = (i > j) - (i < j);
			if (compare(str_of(sorted[i]), str_of(sorted[j]), 200) != want)
				check_fail("%s against %s", sorted[i], sorted[j]);
		}
	}
}

TEST(keys_are_in_the_order_of_the_library)
{
	static const char *const pieces[] = {"鑫", "邵", "盐", "城", "市", "张", "长", "重", "庆", "镇", "2",
	        "10", "007", "a", "B", "é", "e\xcc\x81", "ａ", " ", "-", "號", "号", "𠀀", "カ", "\xff", ""};
	UErrorCode rc = U_ZERO_ERROR;
	UCollator *c = ucol_open("zh@collation=pinyin", &rc);

	ucol_setAttribute(c, UCOL_NUMERIC_COLLATION, UCOL_ON, &rc);
	check(U_SUCCESS(rc));
	for (int round = 0; round < 5000; round++) {
		struct sb a = SB_INIT, b = SB_INIT;
		int want;

		sb_puts(&a, "");
		sb_puts(&b, "");
		for (int i = 0; i < 4; i++) {
			sb_puts(&a, pieces[test_random() % ARRAY_LEN(pieces)]);
			sb_puts(&b, pieces[test_random() % ARRAY_LEN(pieces)]);
		}
		want = (int)ucol_strcollUTF8(c, a.p, (int32_t)a.n, b.p, (int32_t)b.n, &rc);
		if (compare(sb_str(&a), sb_str(&b), 1000) != want)
			check_fail("%s against %s", a.p, b.p);
		/* A cut key may not tell two apart, but never turns them round. */
		if (compare(sb_str(&a), sb_str(&b), 5) == -want && want != 0)
			check_fail("cut: %s against %s", a.p, b.p);
		sb_fini(&a);
		sb_fini(&b);
	}
	ucol_close(c);
}

TEST(a_key_is_cut)
{
	struct sb whole = SB_INIT, cut = SB_INIT;
	struct sb text = SB_INIT;

	for (int i = 0; i < 1000; i++)
		sb_puts(&text, "盐城");
	collate_text(&whole, sb_str(&text), SIZE_MAX);
	check(whole.n > 3000);
	check(memchr(whole.p, 0, whole.n) == NULL);
	for (size_t max = 0; max <= 1025; max += 41) {
		sb_reset(&cut);
		collate_text(&cut, sb_str(&text), max);
		check_eq_u(cut.n, max);
		if (max > 0)
			check_eq_mem(cut.p, whole.p, max);
	}
	sb_reset(&cut);
	collate_text(&cut, STR_NULL, 10);
	check(cut.n <= 2);
	sb_fini(&whole);
	sb_fini(&cut);
	sb_fini(&text);
}

TEST(numbers_keep_their_order)
{
	static const double sorted[] = {
	        -INFINITY, -1e308, -2.5, -1, -1e-300, 0, 5e-324, 1e-300, 1, 1.5, 2, 1e308, INFINITY, NAN};
	static const int64_t ints[] = {INT64_MIN, -1000000, -1, 0, 1, 255, 256, INT64_MAX};
	struct sb a = SB_INIT, b = SB_INIT;

	for (size_t i = 1; i < ARRAY_LEN(sorted); i++) {
		sb_reset(&a);
		sb_reset(&b);
		collate_number(&a, sorted[i - 1]);
		collate_number(&b, sorted[i]);
		check_eq_u(a.n, 8);
		check(memcmp(a.p, b.p, 8) < 0);
	}
	for (size_t i = 1; i < ARRAY_LEN(ints); i++) {
		sb_reset(&a);
		sb_reset(&b);
		collate_int(&a, ints[i - 1]);
		collate_int(&b, ints[i]);
		check_eq_u(a.n, 8);
		check(memcmp(a.p, b.p, 8) < 0);
	}
	sb_reset(&a);
	sb_reset(&b);
	collate_number(&a, -0.0);
	collate_number(&b, 0.0);
	check_eq_mem(a.p, b.p, 8);
	sb_reset(&a);
	sb_reset(&b);
	collate_number(&a, -(double)NAN);
	collate_number(&b, (double)NAN);
	check_eq_mem(a.p, b.p, 8);
	sb_fini(&a);
	sb_fini(&b);
}

TEST(the_version_names_what_keys_depend_on)
{
	check_has(collate_version(), "pinyin");
	check_eq_p(collate_version(), collate_version());
}

static const char *folded(struct sb *b, struct str s)
{
	sb_reset(b);
	sb_puts(b, "");
	fold_text(b, s);
	return b->p;
}

TEST(folds_form_and_case)
{
	static const struct {
		const char *from, *to;
	} cases[] = {
	        {"", ""},
	        {"ABC abc", "abc abc"},
	        {"ＡＢＣ１２３", "abc123"},
	        {"（盐城）　Ａ", "(盐城) a"},
	        {"盐城市，亭湖区。", "盐城市,亭湖区。"},
	        {"Straße", "strasse"},
	        {"E\xcc\x81tE\xcc\x81", "été"},
	        {"É", "é"},
	        {"ﾊﾝｶﾞ", "ハンガ"},
	        {"か\xe3\x82\x99", "が"},
	        {"①㈱㎡", "1(株)m2"},
	        {"\xef\xac\x81n", "fin"},
	        {"so\xc2\xadlid", "solid"},
	        {"e\xc2\xad\xcc\x81", "é"},
	        {"葛\xf3\xa0\x84\x80城", "葛城"},
	        {"\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab", "한"},
	        {"a\xff"
	         "B\xe7\x9b",
	                "a\xef\xbf\xbd"
	                "b\xef\xbf\xbd\xef\xbf\xbd"},
	};
	struct sb b = SB_INIT;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		check_eq_s(folded(&b, str_of(cases[i].from)), cases[i].to);
	sb_fini(&b);
}

TEST(folding_is_that_of_unicode)
{
	UErrorCode rc = U_ZERO_ERROR;
	const UNormalizer2 *whole = unorm2_getNFKCCasefoldInstance(&rc);
	static const uint32_t odd[] = {'a', 'E', 0xc9, 0xad, 0x300, 0x301, 0x345, 0x1e9e, 0x200d, 0x3099,
	        0x304b, 0xff76, 0xff9e, 0xfe0f, 0x1100, 0x1161, 0x11a8, 0xac00, 0x4e00, 0x2f800, 0xf900,
	        0xfdfa, 0xff21, 0x3000, 0x130, 0x3b1, 0x3001, 0x302a, 0x1d400, 0xe0100, 0x9fff, 0x20000,
	        0x30fc, 0x2026, 0x34f};
	struct sb text = SB_INIT, got = SB_INIT;

	for (int round = 0; round < 20000 && U_SUCCESS(rc); round++) {
		UChar from[64], to[512];
		char want[1600], c[4];
		int32_t from_n, to_n, want_n;

		sb_reset(&text);
		for (int i = 0; i < 6; i++) {
			uint32_t cp = odd[test_random() % ARRAY_LEN(odd)];
			if (test_random() % 4 == 0)
				cp = (uint32_t)(test_random() % 0x3000);
			sb_put(&text, c, utf8_encode(cp, c));
		}
		u_strFromUTF8(from, (int32_t)ARRAY_LEN(from), &from_n, text.p, (int32_t)text.n, &rc);
		to_n = unorm2_normalize(whole, from, from_n, to, (int32_t)ARRAY_LEN(to), &rc);
		u_strToUTF8(want, sizeof(want), &want_n, to, to_n, &rc);
		folded(&got, sb_str(&text));
		if (got.n != (size_t)want_n || memcmp(got.p, want, got.n) != 0) {
			check_fail("round %d: %s gives %s", round, text.p, got.p);
			break;
		}
	}
	check(U_SUCCESS(rc));
	sb_fini(&text);
	sb_fini(&got);
}

/* What is taken for plain is what ICU leaves as it is: one character after the other, all of them. */
TEST(folds_every_character_as_unicode_does)
{
	UErrorCode rc = U_ZERO_ERROR;
	const UNormalizer2 *whole = unorm2_getNFKCCasefoldInstance(&rc);
	struct sb got = SB_INIT;

	for (uint32_t cp = 0; cp <= 0x10ffff; cp++) {
		UChar from[2], to[32];
		char c[4], want[128];
		size_t n = utf8_encode(cp, c);
		int32_t from_n = 0, to_n, want_n;

		if (n == 0)
			continue;
		U16_APPEND_UNSAFE(from, from_n, cp);
		to_n = unorm2_normalize(whole, from, from_n, to, (int32_t)ARRAY_LEN(to), &rc);
		u_strToUTF8(want, sizeof(want), &want_n, to, to_n, &rc);
		folded(&got, (struct str){c, n});
		if (got.n != (size_t)want_n || memcmp(got.p, want, got.n) != 0)
			check_fail("U+%04X", cp);
	}
	check(U_SUCCESS(rc));
	sb_fini(&got);
}

TEST(marks_without_end)
{
	struct sb text = SB_INIT, got = SB_INIT;

	sb_puts(&text, "a");
	for (int i = 0; i < 100000; i++)
		sb_puts(&text, i % 2 ? "\xcc\x81" : "\xcc\xa3");
	folded(&got, sb_str(&text));
	check(utf8_valid(sb_str(&got)));
	check(got.n > 100000);
	sb_fini(&text);
	sb_fini(&got);
}

static void *use(void *arg)
{
	struct sb b = SB_INIT;

	for (int i = 0; i < 200; i++) {
		sb_reset(&b);
		collate_text(&b, STR_LIT("盐城市2号"), 64);
		fold_text(&b, STR_LIT("ＡÉ盐"));
	}
	sb_reset(&b);
	collate_text(&b, STR_LIT("盐城市2号"), 64);
	*(struct sb *)arg = b;
	return NULL;
}

TEST(any_thread_may_ask)
{
	pthread_t t[4];
	struct sb key[4];

	for (int i = 0; i < 4; i++)
		check(pthread_create(&t[i], NULL, use, &key[i]) == 0);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	for (int i = 1; i < 4; i++)
		check(str_eq(sb_str(&key[i]), sb_str(&key[0])));
	for (int i = 0; i < 4; i++)
		sb_fini(&key[i]);
}
