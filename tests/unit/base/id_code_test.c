#include "base/id_code.h"
#include "check.h"

static void check_code(int line, const char *rule, const char *code, enum id_check want)
{
	enum id_check got = id_code_check(rule, str_of(code));

	if (got != want)
		check__fail(__FILE__, line, "%s %s %s, not: %s", rule, code, id_check_words(got),
		        id_check_words(want));
}
#define CODE(rule, code, want) check_code(__LINE__, rule, code, want)

TEST(persons)
{
	CODE("citizen", "11010519491231002X", ID_OK);
	CODE("citizen", "440524188001010014", ID_OK);
	CODE("citizen", "320902190001010005", ID_OK);
	CODE("citizen", "320925200002290011", ID_OK);
	CODE("citizen", "830000198001010018", ID_OK);
	CODE("citizen", "110105194912310021", ID_DIGIT);
	CODE("citizen", "320981199902290004", ID_DATE);
	CODE("citizen", "320902190013010005", ID_DATE);
	CODE("citizen", "320902190000010005", ID_DATE);
	CODE("citizen", "320902190001000005", ID_DATE);
	CODE("citizen", "320902179901010005", ID_DATE);
	CODE("citizen", "320902210001010005", ID_DATE);
	CODE("citizen", "160105194912310021", ID_FORM);
	CODE("citizen", "11010519491231002x", ID_FORM);
	CODE("citizen", "11010519491231002", ID_FORM);
	CODE("citizen", "11010519491231002X0", ID_FORM);
	CODE("citizen", "1101051949123100XX", ID_FORM);
	CODE("citizen", "110105491231002", ID_FORM);
	CODE("citizen", "", ID_FORM);
}

/* One digit wrong, or two neighbours changed about, is always seen. */
TEST(slips_of_the_pen_are_seen)
{
	static const char code[] = "320925200002290011";

	for (int i = 0; i < 18; i++) {
		for (int c = '0'; c <= '9'; c++) {
			char other[19];
			memcpy(other, code, 19);
			other[i] = (char)c;
			check((id_code_check("citizen", str_of(other)) == ID_OK) == (c == code[i]));
		}
	}
	for (int i = 0; i < 17; i++) {
		char other[19];
		memcpy(other, code, 19);
		other[i] = code[i + 1];
		other[i + 1] = code[i];
		check((id_code_check("citizen", str_of(other)) == ID_OK) == (code[i] == code[i + 1]));
	}
}

TEST(bodies)
{
	static const char *const right[] = {"91350100M000100Y43", "91110000101623741K", "911101066976941872",
	        "91320902000000000B", "91320902MA00000074", "91320902MA1A2B3C6D", "91320902M00000019N"};

	for (size_t i = 0; i < ARRAY_LEN(right); i++)
		CODE("uscc", right[i], ID_OK);
	CODE("uscc", "91350211M0000XUF46", ID_DIGIT);
	CODE("uscc", "91350211M0000XUF4R", ID_OK);
	CODE("uscc", "91310115MA1H8R7C6D", ID_DIGIT);
	CODE("uscc", "91310115MA1H8R7C67", ID_OK);
	CODE("uscc", "99310115MA1H8R7C67", ID_FORM);
	CODE("uscc", "91350100M000100I43", ID_FORM);
	CODE("uscc", "91350100M000100Y4S", ID_FORM);
	CODE("uscc", "9135010AM000100Y43", ID_FORM);
	CODE("uscc", "91350100m000100y43", ID_FORM);
	CODE("uscc", "91350100M000100Y4", ID_FORM);
	CODE("uscc", "", ID_FORM);
	CODE("org", "D2143569-X", ID_OK);
	CODE("org", "D2143569X", ID_OK);
	CODE("org", "10162374-1", ID_OK);
	CODE("org", "MA000000-7", ID_OK);
	CODE("org", "00000000-0", ID_OK);
	CODE("org", "D2143569-1", ID_DIGIT);
	CODE("org", "D2143569-Y", ID_FORM);
	CODE("org", "D214356-9X", ID_FORM);
	CODE("org", "d2143569X", ID_FORM);
	CODE("org", "D21435691X", ID_FORM);
	CODE("org", "", ID_FORM);
}

TEST(places)
{
	static const char *const right[] = {"320000", "320900", "320902", "110101", "429004", "441900",
	        "830000", "320902000", "320902001", "441900003", "320902001000", "320902001001",
	        "320902000000", "320000000000"};
	static const char *const wrong_form[] = {"", "32", "3209", "32090", "3209020", "32090200100",
	        "3209020010010", "000000", "100000", "990000", "320002", "32090A", "320000001",
	        "320902000001", "320000000001"};

	for (size_t i = 0; i < ARRAY_LEN(right); i++)
		CODE("division", right[i], ID_OK);
	for (size_t i = 0; i < ARRAY_LEN(wrong_form); i++)
		CODE("division", wrong_form[i], ID_FORM);
}

TEST(rules_have_names)
{
	check(id_code_rule("uscc") && id_code_rule("citizen") && id_code_rule("division") &&
	        id_code_rule("org"));
	check(!id_code_rule("") && !id_code_rule("USCC") && !id_code_rule(NULL));
	CODE("none", "320902", ID_FORM);
	check_eq_i(id_code_check(NULL, STR_LIT("320902")), ID_FORM);
	check_eq_i(id_code_check("org", STR_NULL), ID_FORM);
	for (int c = ID_OK; c <= ID_DATE; c++)
		check(strlen(id_check_words((enum id_check)c)) > 5);
}

TEST(what_people_type)
{
	static const struct {
		const char *typed, *stored;
	} cases[] = {
	        {"", ""},
	        {" 91350100 M000100Y43\n", "91350100M000100Y43"},
	        {"９１３５０１００ｍ０００１００ｙ４３", "91350100M000100Y43"},
	        {"d2143569-x", "D2143569X"},
	        {"d2143569－Ｘ", "D2143569X"},
	        {"10162374—1", "101623741"},
	        {"110105　19491231\xc2\xa0"
	         "002x",
	                "11010519491231002X"},
	        {"\xef\xbb\xbf"
	         "320\xe2\x80\x8b"
	         "902",
	                "320902"},
	        {"编号1", "编号1"},
	};
	struct sb b = SB_INIT;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		sb_reset(&b);
		sb_puts(&b, "");
		check_eq_i(id_code_normalize(&b, str_of(cases[i].typed)), 0);
		check_eq_s(b.p, cases[i].stored);
	}
	sb_reset(&b);
	check_err(id_code_normalize(&b, STR_LIT("32\xff")), ERR_INVALID);
	check_eq_u(b.n, 0);
	check_eq_i(id_code_normalize(&b, STR_NULL), 0);
	sb_fini(&b);
}

TEST(any_bytes_may_come)
{
	static const char *const rules[] = {"uscc", "citizen", "org", "division"};
	uint64_t x = 11;

	for (int round = 0; round < 40000; round++) {
		char text[20];
		size_t n = (size_t)(round % 20);
		char *exact;

		for (size_t i = 0; i < n; i++) {
			x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
			text[i] = (char)(x >> 40);
			if (round % 3)
				text[i] = "0123456789AX-"[(x >> 40) % 13];
		}
		exact = xcalloc(n ? n : 1, 1);
		memcpy(exact, text, n);
		(void)id_code_check(rules[round / 20 % 4], (struct str){exact, n});
		free(exact);
	}
}
