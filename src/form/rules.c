/* The rules of single values, each as a browser applies it. */
#include "form/form_int.h"

#include "base/num.h"

#include <math.h>

/* ---- texts ---- */

/* White space as ECMAScript has it: WhiteSpace and LineTerminator of its lexical grammar. */
static bool is_space(uint32_t c)
{
	return (c >= 9 && c <= 13) || c == ' ' || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) ||
	       c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000 || c == 0xfeff;
}

static struct str trim(struct str s)
{
	size_t i = 0, first = s.n, end = 0;

	while (i < s.n) {
		size_t at = i;

		if (!is_space(utf8_next(s, &i))) {
			first = at < first ? at : first;
			end = i;
		}
	}
	return end > first ? (struct str){s.p + first, end - first} : (struct str){s.p, 0};
}

int64_t form__trimmed_length(struct str s)
{
	int64_t n = 0;

	s = trim(s);
	for (size_t i = 0; i < s.n;)
		n += utf8_next(s, &i) >= 0x10000 ? 2 : 1;
	return n;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* "Valid e-mail address" of the HTML standard. */
bool form__is_email(struct str s)
{
	size_t at = 0;

	while (at < s.n &&
	        (is_alnum(s.p[at]) || (s.p[at] != '\0' && strchr(".!#$%&'*+/=?^_`{|}~-", s.p[at]) != NULL)))
		at++;
	if (at == 0 || at == s.n || s.p[at] != '@')
		return false;
	s = (struct str){s.p + at + 1, s.n - at - 1};
	do {
		struct str label = str_cut(&s, '.');

		if (label.n == 0 || label.n > 63 || !is_alnum(label.p[0]) || !is_alnum(label.p[label.n - 1]))
			return false;
		for (size_t i = 0; i < label.n; i++)
			if (!is_alnum(label.p[i]) && label.p[i] != '-')
				return false;
	} while (s.p != NULL);
	return true;
}

/* Digits of the country code that a number of ITU-T E.164 begins with; 0 if none does. */
static size_t country_code(struct str s)
{
	static const char *const two[] = {"20", "27", "30", "31", "32", "33", "34", "36", "39", "40", "41",
	        "43", "44", "45", "46", "47", "48", "49", "51", "52", "53", "54", "55", "56", "57", "58",
	        "60", "61", "62", "63", "64", "65", "66", "81", "82", "84", "86", "90", "91", "92", "93",
	        "94", "95", "98"};
	/* Zones whose codes have three digits, and which third ones there are. */
	static const struct {
		const char *zone, *third;
	} three[] = {{"21", "12368"}, {"22", "0123456789"}, {"23", "0123456789"}, {"24", "0123456789"},
	        {"25", "012345678"}, {"26", "0123456789"}, {"29", "01789"}, {"35", "0123456789"},
	        {"37", "012345678"}, {"38", "01235679"}, {"42", "013"}, {"50", "0123456789"},
	        {"59", "0123456789"}, {"67", "02345679"}, {"68", "012356789"}, {"69", "012"}, {"85", "02356"},
	        {"88", "06"}, {"96", "012345678"}, {"97", "01234567"}, {"99", "234568"}};

	if (s.n > 0 && (s.p[0] == '1' || s.p[0] == '7'))
		return 1;
	if (s.n < 3)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(two); i++)
		if (memcmp(s.p, two[i], 2) == 0)
			return 2;
	for (size_t i = 0; i < ARRAY_LEN(three); i++)
		if (memcmp(s.p, three[i].zone, 2) == 0)
			return is_digit(s.p[2]) && strchr(three[i].third, s.p[2]) != NULL ? 3 : 0;
	return 0;
}

/* It ends as an international number does: + or 00, country code, and 5 to 22 digits of which the first is no
 * 0. */
bool form__is_phone(struct str s)
{
	size_t begin = s.n;

	while (begin > 0 && is_digit(s.p[begin - 1]))
		begin--;
	if (begin > 0 && s.p[begin - 1] == '+')
		begin--;
	for (size_t i = begin; i < s.n; i++) {
		size_t from = s.p[i] == '+'                                  ? i + 1
		              : i + 1 < s.n && memcmp(s.p + i, "00", 2) == 0 ? i + 2
		                                                             : 0;
		struct str number = {s.p + from, s.n - from};
		size_t code = from > 0 ? country_code(number) : 0;

		if (code > 0 && number.n >= code + 5 && number.n <= code + 22 && number.p[code] != '0')
			return true;
	}
	return false;
}

/* ---- patterns ---- */

/* What reads otherwise, or not at all, in a browser. */
static const char *foreign(struct str p)
{
	bool set = false;

	for (size_t i = 0; i < p.n; i++) {
		char c = p.p[i], next = i + 1 < p.n ? p.p[i + 1] : '\0';

		if (c == '\\') {
			if (((next >= 'a' && next <= 'z') || (next >= 'A' && next <= 'Z')) &&
			        strchr("bBcdDfknrsStuvwWx", next) == NULL)
				return "a backslash before a letter that means nothing";
			i++;
		} else if (set) {
			if (c == '[' && next == ':')
				return "[: in brackets";
			set = c != ']';
		} else if (c == '[') {
			set = true;
		} else if (c == '(' && next == '*') {
			return "(*";
		} else if (c == '(' && next == '?' && (i + 2 >= p.n || strchr(":=!<", p.p[i + 2]) == NULL)) {
			return "(? before something else than : = ! <";
		} else if (strchr("*+?}", c) != NULL && next == '+') {
			return "a + behind a repetition";
		}
	}
	return NULL;
}

int form__compile_pattern(struct str pattern, pcre2_code **out, struct err *e)
{
	const char *why = foreign(pattern);
	PCRE2_SIZE at = 0;
	int code = 0;

	if (why != NULL)
		return err_set(e, ERR_INVALID, "the pattern has %s: browsers read it otherwise", why);
	*out = pcre2_compile((PCRE2_SPTR)pattern.p, pattern.n,
	        PCRE2_UTF | PCRE2_ALT_BSUX | PCRE2_DOLLAR_ENDONLY | PCRE2_ALLOW_EMPTY_CLASS |
	                PCRE2_MATCH_UNSET_BACKREF | PCRE2_NEVER_UCP,
	        &code, &at, NULL);
	if (*out == NULL) {
		char text[128];

		pcre2_get_error_message(code, (PCRE2_UCHAR *)text, sizeof(text));
		return err_set(
		        e, ERR_INVALID, "the pattern cannot be read at character %zu: %s", at + 1, text);
	}
	return 0;
}

/* One that takes too long does not match. */
bool form__matches(const pcre2_code *regex, struct str s)
{
	pcre2_match_context *limits = pcre2_match_context_create(NULL);
	pcre2_match_data *m = pcre2_match_data_create_from_pattern(regex, NULL);
	bool ok = false;

	if (limits != NULL && m != NULL) {
		pcre2_set_match_limit(limits, 100000);
		pcre2_set_heap_limit(limits, 4096);
		ok = pcre2_match(regex, (PCRE2_SPTR)(s.p != NULL ? s.p : ""), s.n, 0, 0, m, limits) >= 0;
	}
	pcre2_match_data_free(m);
	pcre2_match_context_free(limits);
	return ok;
}

/* ---- numbers ---- */

bool form__number(struct str s, struct feel_number *out)
{
	double v;

	s = trim(s);
	/* JavaScript takes "5." and ".5"; so does this, but not "." alone. */
	if (s.n > 1 && s.p[s.n - 1] == '.' && is_digit(s.p[s.n - 2]))
		s.n--;
	if (!num_double(s, false, &v) || !isfinite(v))
		return false;
	*out = feel_number_double(v);
	return true;
}

bool form__exact_number(struct str s, struct feel_number *out)
{
	struct feel_number exact;

	if (!form__number(s, out))
		return false;
	if (feel_number_parse(trim(s), &exact))
		*out = exact;
	return true;
}

static struct feel_number stripped(struct feel_number n)
{
	while (n.coefficient != 0 && n.coefficient % 10 == 0) {
		n.coefficient /= 10;
		n.exponent++;
	}
	if (n.coefficient == 0)
		n.exponent = 0;
	return n;
}

int form__decimals(struct feel_number n)
{
	n = stripped(n);
	return n.exponent < 0 ? -n.exponent : 0;
}

bool form__is_multiple(struct feel_number n, struct feel_number step)
{
	unsigned __int128 rest = 1;
	int by;

	n = stripped(n);
	step = stripped(step);
	if (n.coefficient == 0 || step.coefficient == 0)
		return n.coefficient == 0;
	by = n.exponent - step.exponent;
	/* n = a·10^x, step = b·10^y: with x < y, a (whose last digit is no 0) would have to hold 10^(y-x). */
	if (by < 0) {
		unsigned __int128 b = step.coefficient;

		for (; by < 0; by++) {
			if (b > ((unsigned __int128)-1) / 10)
				return false;
			b *= 10;
		}
		return n.coefficient % b == 0;
	}
	/* a·10^by modulo b, without leaving 128 bits: b < 10^34, so ten times a rest fits. */
	rest = n.coefficient % step.coefficient;
	for (; by > 0 && rest != 0; by--)
		rest = rest * 10 % step.coefficient;
	return rest == 0;
}

/* ---- dates ---- */

static bool digits(struct str *s, int n, int *out)
{
	*out = 0;
	if (s->n < (size_t)n)
		return false;
	for (int i = 0; i < n; i++) {
		if (!is_digit(s->p[i]))
			return false;
		*out = *out * 10 + s->p[i] - '0';
	}
	*s = (struct str){s->p + n, s->n - (size_t)n};
	return true;
}

static bool skip(struct str *s, char c)
{
	if (s->n == 0 || s->p[0] != c)
		return false;
	*s = (struct str){s->p + 1, s->n - 1};
	return true;
}

static bool read_date(struct str *s)
{
	int y, m, d;

	return digits(s, 4, &y) && skip(s, '-') && digits(s, 2, &m) && skip(s, '-') && digits(s, 2, &d) &&
	       m >= 1 && m <= 12 && d >= 1 && d <= civil_month_days(y, m);
}

/* 08:30, with seconds if one likes; then nothing, Z, or +08:00. */
static bool read_time(struct str *s)
{
	int h, m, sec;

	if (!digits(s, 2, &h) || !skip(s, ':') || !digits(s, 2, &m) || h > 23 || m > 59)
		return false;
	if (skip(s, ':')) {
		if (!digits(s, 2, &sec) || sec > 59)
			return false;
		if (skip(s, '.')) {
			size_t n = 0;

			while (n < s->n && is_digit(s->p[n]))
				n++;
			if (n == 0)
				return false;
			*s = (struct str){s->p + n, s->n - n};
		}
	}
	if (s->n == 0 || skip(s, 'Z'))
		return true;
	return (skip(s, '+') || skip(s, '-')) && digits(s, 2, &h) && skip(s, ':') && digits(s, 2, &m) &&
	       h <= 23 && m <= 59;
}

bool form__is_date(struct str s)
{
	return read_date(&s) && s.n == 0;
}

bool form__is_time(struct str s)
{
	return read_time(&s) && s.n == 0;
}

bool form__is_datetime(struct str s)
{
	return read_date(&s) && skip(&s, 'T') && read_time(&s) && s.n == 0;
}
