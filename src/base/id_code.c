#include "base/id_code.h"

#include "base/time.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool all_digits(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!is_digit(p[i]))
			return false;
	}
	return true;
}

/* All digits. */
static int number(const char *p, size_t n)
{
	int v = 0;

	for (size_t i = 0; i < n; i++)
		v = v * 10 + (p[i] - '0');
	return v;
}

/* The provinces of GB/T 2260, Taiwan, Hong Kong and Macao among them. */
static bool is_province(int code)
{
	static const unsigned char provinces[] = {11, 12, 13, 14, 15, 21, 22, 23, 31, 32, 33, 34, 35, 36, 37,
	        41, 42, 43, 44, 45, 46, 50, 51, 52, 53, 54, 61, 62, 63, 64, 65, 71, 81, 82, 83};

	return memchr(provinces, code, sizeof(provinces)) != NULL;
}

static enum id_check check_citizen(const char *p, size_t n)
{
	static const unsigned char weight[] = {7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2};
	int century, month, day, sum = 0;

	if (n != 18 || !all_digits(p, 17) || (!is_digit(p[17]) && p[17] != 'X'))
		return ID_FORM;
	/* A foreigner with the right to stay has a 9 before the province. */
	if (!is_province(number(p, 2)) && !(p[0] == '9' && is_province(number(p + 1, 2))))
		return ID_FORM;
	century = number(p + 6, 2);
	month = number(p + 10, 2);
	day = number(p + 12, 2);
	if (century < 18 || century > 20 || month < 1 || month > 12 || day < 1 ||
	        day > civil_month_days(number(p + 6, 4), month))
		return ID_DATE;
	for (size_t i = 0; i < ARRAY_LEN(weight); i++)
		sum += (p[i] - '0') * weight[i];
	return "10X98765432"[sum % 11] == p[17] ? ID_OK : ID_DIGIT;
}

/* What kind of body was registered by whom, GB 32100-2015 with amendment 1, and 54, 55 of older registers. */
static bool is_body_kind(const char *p)
{
	static const char kinds[][2] = {"11", "12", "13", "19", "21", "29", "31", "32", "33", "34", "35",
	        "39", "41", "49", "51", "52", "53", "54", "55", "59", "61", "62", "69", "71", "72", "79",
	        "81", "89", "91", "92", "93", "A1", "A9", "N1", "N2", "N3", "N9", "Y1"};

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (memcmp(kinds[i], p, 2) == 0)
			return true;
	}
	return false;
}

static enum id_check check_uscc(const char *p, size_t n)
{
	/* Without I, O, S, V, Z, which look like others. */
	static const char letters[] = "0123456789ABCDEFGHJKLMNPQRTUWXY";
	int sum = 0, power = 1;

	if (n != 18 || !is_body_kind(p) || !all_digits(p + 2, 6))
		return ID_FORM;
	for (size_t i = 0; i < 18; i++) {
		const char *at = memchr(letters, p[i], sizeof(letters) - 1);

		if (!at)
			return ID_FORM;
		/* With the check digit, which has the weight 1, the sum divides by 31. */
		sum += (int)(at - letters) * (i < 17 ? power : 1);
		power = power * 3 % 31;
	}
	return sum % 31 == 0 ? ID_OK : ID_DIGIT;
}

static enum id_check check_org(const char *p, size_t n)
{
	static const unsigned char weight[] = {3, 7, 9, 10, 5, 8, 4, 2};
	int sum = 0;
	char last;

	if (n != 9 && (n != 10 || p[8] != '-'))
		return ID_FORM;
	last = p[n - 1];
	if (!is_digit(last) && last != 'X')
		return ID_FORM;
	for (size_t i = 0; i < ARRAY_LEN(weight); i++) {
		if (!is_digit(p[i]) && (p[i] < 'A' || p[i] > 'Z'))
			return ID_FORM;
		sum += (is_digit(p[i]) ? p[i] - '0' : p[i] - 'A' + 10) * weight[i];
	}
	sum += last == 'X' ? 10 : last - '0';
	return sum % 11 == 0 ? ID_OK : ID_DIGIT;
}

static enum id_check check_division(const char *p, size_t n)
{
	bool city, town;

	if ((n != 6 && n != 9 && n != 12) || !all_digits(p, n) || !is_province(number(p, 2)))
		return ID_FORM;
	/* Zeros stand for "all of it", so that nothing may come behind them. A few cities have no counties.
	 */
	city = number(p + 2, 2) > 0;
	town = n > 6 && number(p + 6, 3) > 0;
	if (!city && (number(p + 4, 2) > 0 || town))
		return ID_FORM;
	if (n == 12 && !town && number(p + 9, 3) > 0)
		return ID_FORM;
	return ID_OK;
}

static const struct {
	const char *name;
	enum id_check (*check)(const char *p, size_t n);
} rules[] = {
        {"uscc", check_uscc},
        {"citizen", check_citizen},
        {"org", check_org},
        {"division", check_division},
};

static int rule_index(const char *rule)
{
	for (size_t i = 0; rule && i < ARRAY_LEN(rules); i++) {
		if (strcmp(rules[i].name, rule) == 0)
			return (int)i;
	}
	return -1;
}

bool id_code_rule(const char *rule)
{
	return rule_index(rule) >= 0;
}

enum id_check id_code_check(const char *rule, struct str code)
{
	int i = rule_index(rule);

	return i < 0 ? ID_FORM : rules[i].check(code.p, code.n);
}

const char *id_check_words(enum id_check c)
{
	switch (c) {
	case ID_OK: return "is right";
	case ID_FORM: return "does not have the form of such a code";
	case ID_DIGIT: return "has a check digit that does not go with the rest";
	case ID_DATE: return "has a date of birth that does not exist";
	}
	wrong("a result of a check");
}

/* Blanks, and hyphens and dashes, also those that are not seen. */
static bool is_filler(uint32_t c)
{
	return c <= ' ' || c == '-' || c == 0xa0 || c == 0xad || (c >= 0x2000 && c <= 0x2015) ||
	       c == 0x202f || c == 0x2060 || c == 0x2212 || c == 0x3000 || c == 0xfe58 || c == 0xfe63 ||
	       c == 0xfeff || c == 0xff0d;
}

int id_code_normalize(struct sb *out, struct str text)
{
	char b[4];

	if (!utf8_valid(text))
		return ERR_INVALID;
	for (size_t i = 0; i < text.n;) {
		uint32_t c = utf8_next(text, &i);

		if (is_filler(c))
			continue;
		if (c >= 0xff01 && c <= 0xff5e)
			c -= 0xff01 - '!';
		if (c >= 'a' && c <= 'z')
			c -= 'a' - 'A';
		sb_put(out, b, utf8_encode(c, b));
	}
	return 0;
}
