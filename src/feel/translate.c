/*
 * translate - a regular expression of XPath in the words of PCRE2. It is read by the grammar of XML Schema
 * (Part 2, appendix F) with the additions of XPath, so that what PCRE2 reads otherwise is written out:
 * \i and \c, \w and \s, names of blocks, and the subtraction of classes, [a-z-[aeiou]], which becomes
 * (?:(?![aeiou])[a-z]).
 */
#include "feel/regex.h"

#define GROUPS_MAX 200
#define CLASS_DEPTH_MAX 20
#define LAST 0x10ffff

struct range {
	uint32_t low, high;
};

struct reader {
	struct str s;
	size_t i;
	struct sb *out;
	const char *wrong;
	int groups, depth;
	int open[GROUPS_MAX]; /* the number of each group that is open; 0 if it is not captured */
	bool closed[GROUPS_MAX + 1];
};

/* XML's NameStartChar, and what NameChar has besides. */
static const struct range name_start[] = {{':', ':'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}, {0xc0, 0xd6},
        {0xd8, 0xf6}, {0xf8, 0x2ff}, {0x370, 0x37d}, {0x37f, 0x1fff}, {0x200c, 0x200d}, {0x2070, 0x218f},
        {0x2c00, 0x2fef}, {0x3001, 0xd7ff}, {0xf900, 0xfdcf}, {0xfdf0, 0xfffd}, {0x10000, 0xeffff}};
static const struct range name_char[] = {{'-', '.'}, {'0', ':'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'},
        {0xb7, 0xb7}, {0xc0, 0xd6}, {0xd8, 0xf6}, {0xf8, 0x37d}, {0x37f, 0x1fff}, {0x200c, 0x200d},
        {0x203f, 0x2040}, {0x2070, 0x218f}, {0x2c00, 0x2fef}, {0x3001, 0xd7ff}, {0xf900, 0xfdcf},
        {0xfdf0, 0xfffd}, {0x10000, 0xeffff}};
static const struct range space[] = {{'\t', '\n'}, {'\r', '\r'}, {' ', ' '}};

/* \p{IsHebrew}: the blocks that XML Schema names. */
static const struct block {
	const char *name;
	struct range range;
} blocks[] = {{"BasicLatin", {0, 0x7f}}, {"Latin-1Supplement", {0x80, 0xff}},
        {"LatinExtended-A", {0x100, 0x17f}}, {"LatinExtended-B", {0x180, 0x24f}},
        {"IPAExtensions", {0x250, 0x2af}}, {"SpacingModifierLetters", {0x2b0, 0x2ff}},
        {"CombiningDiacriticalMarks", {0x300, 0x36f}}, {"Greek", {0x370, 0x3ff}},
        {"GreekandCoptic", {0x370, 0x3ff}}, {"Cyrillic", {0x400, 0x4ff}}, {"Armenian", {0x530, 0x58f}},
        {"Hebrew", {0x590, 0x5ff}}, {"Arabic", {0x600, 0x6ff}}, {"Syriac", {0x700, 0x74f}},
        {"Thaana", {0x780, 0x7bf}}, {"Devanagari", {0x900, 0x97f}}, {"Bengali", {0x980, 0x9ff}},
        {"Gurmukhi", {0xa00, 0xa7f}}, {"Gujarati", {0xa80, 0xaff}}, {"Oriya", {0xb00, 0xb7f}},
        {"Tamil", {0xb80, 0xbff}}, {"Telugu", {0xc00, 0xc7f}}, {"Kannada", {0xc80, 0xcff}},
        {"Malayalam", {0xd00, 0xd7f}}, {"Sinhala", {0xd80, 0xdff}}, {"Thai", {0xe00, 0xe7f}},
        {"Lao", {0xe80, 0xeff}}, {"Tibetan", {0xf00, 0xfff}}, {"Myanmar", {0x1000, 0x109f}},
        {"Georgian", {0x10a0, 0x10ff}}, {"HangulJamo", {0x1100, 0x11ff}}, {"Ethiopic", {0x1200, 0x137f}},
        {"Cherokee", {0x13a0, 0x13ff}}, {"UnifiedCanadianAboriginalSyllabics", {0x1400, 0x167f}},
        {"Ogham", {0x1680, 0x169f}}, {"Runic", {0x16a0, 0x16ff}}, {"Khmer", {0x1780, 0x17ff}},
        {"Mongolian", {0x1800, 0x18af}}, {"LatinExtendedAdditional", {0x1e00, 0x1eff}},
        {"GreekExtended", {0x1f00, 0x1fff}}, {"GeneralPunctuation", {0x2000, 0x206f}},
        {"SuperscriptsandSubscripts", {0x2070, 0x209f}}, {"CurrencySymbols", {0x20a0, 0x20cf}},
        {"CombiningMarksforSymbols", {0x20d0, 0x20ff}}, {"LetterlikeSymbols", {0x2100, 0x214f}},
        {"NumberForms", {0x2150, 0x218f}}, {"Arrows", {0x2190, 0x21ff}},
        {"MathematicalOperators", {0x2200, 0x22ff}}, {"MiscellaneousTechnical", {0x2300, 0x23ff}},
        {"ControlPictures", {0x2400, 0x243f}}, {"OpticalCharacterRecognition", {0x2440, 0x245f}},
        {"EnclosedAlphanumerics", {0x2460, 0x24ff}}, {"BoxDrawing", {0x2500, 0x257f}},
        {"BlockElements", {0x2580, 0x259f}}, {"GeometricShapes", {0x25a0, 0x25ff}},
        {"MiscellaneousSymbols", {0x2600, 0x26ff}}, {"Dingbats", {0x2700, 0x27bf}},
        {"BraillePatterns", {0x2800, 0x28ff}}, {"CJKRadicalsSupplement", {0x2e80, 0x2eff}},
        {"KangxiRadicals", {0x2f00, 0x2fdf}}, {"IdeographicDescriptionCharacters", {0x2ff0, 0x2fff}},
        {"CJKSymbolsandPunctuation", {0x3000, 0x303f}}, {"Hiragana", {0x3040, 0x309f}},
        {"Katakana", {0x30a0, 0x30ff}}, {"Bopomofo", {0x3100, 0x312f}},
        {"HangulCompatibilityJamo", {0x3130, 0x318f}}, {"Kanbun", {0x3190, 0x319f}},
        {"BopomofoExtended", {0x31a0, 0x31bf}}, {"EnclosedCJKLettersandMonths", {0x3200, 0x32ff}},
        {"CJKCompatibility", {0x3300, 0x33ff}}, {"CJKUnifiedIdeographsExtensionA", {0x3400, 0x4dbf}},
        {"CJKUnifiedIdeographs", {0x4e00, 0x9fff}}, {"YiSyllables", {0xa000, 0xa48f}},
        {"YiRadicals", {0xa490, 0xa4cf}}, {"HangulSyllables", {0xac00, 0xd7a3}},
        {"PrivateUse", {0xe000, 0xf8ff}}, {"CJKCompatibilityIdeographs", {0xf900, 0xfaff}},
        {"AlphabeticPresentationForms", {0xfb00, 0xfb4f}}, {"ArabicPresentationForms-A", {0xfb50, 0xfdff}},
        {"CombiningHalfMarks", {0xfe20, 0xfe2f}}, {"CJKCompatibilityForms", {0xfe30, 0xfe4f}},
        {"SmallFormVariants", {0xfe50, 0xfe6f}}, {"ArabicPresentationForms-B", {0xfe70, 0xfefe}},
        {"HalfwidthandFullwidthForms", {0xff00, 0xffef}}, {"Specials", {0xfff0, 0xfffd}}};

static bool fail(struct reader *r, const char *words)
{
	if (!r->wrong)
		r->wrong = words;
	return false;
}

static bool at(const struct reader *r, char c)
{
	return r->i < r->s.n && r->s.p[r->i] == c;
}

static bool take(struct reader *r, char c)
{
	if (!at(r, c))
		return false;
	r->i++;
	return true;
}

static bool at_digit(const struct reader *r)
{
	return r->i < r->s.n && r->s.p[r->i] >= '0' && r->s.p[r->i] <= '9';
}

/* ---- sets, as they stand inside of a class of PCRE2 ---- */

static void put_range(struct sb *out, uint32_t low, uint32_t high)
{
	/* no set may begin or end among the surrogates */
	if (low >= 0xd800 && low < 0xe000)
		low = 0xe000;
	if (high >= 0xd800 && high < 0xe000)
		high = 0xd7ff;
	if (low > high)
		return;
	sb_printf(out, "\\x{%x}", low);
	if (high > low)
		sb_printf(out, "-\\x{%x}", high);
}

/* Sorted ranges, or all that lies between them. */
static void put_ranges(struct sb *out, const struct range *range, size_t n, bool negated)
{
	uint32_t next = 0;

	for (size_t i = 0; i < n; i++) {
		if (!negated)
			put_range(out, range[i].low, range[i].high);
		else if (range[i].low > next)
			put_range(out, next, range[i].low - 1);
		next = range[i].high + 1;
	}
	if (negated && next <= LAST)
		put_range(out, next, LAST);
}

/* {Lu} or {IsHebrew}, after \p or \P */
static bool property(struct reader *r, struct sb *out, bool negated)
{
	static const char *const categories =
	        " L Lu Ll Lt Lm Lo M Mn Mc Me N Nd Nl No P Pc Pd Ps Pe Pi Pf Po Z Zs "
	        "Zl Zp S Sm Sc Sk So C Cc Cf Co Cn ";
	struct str name;
	char word[8];
	const char *end;

	if (!take(r, '{'))
		return fail(r, "after \\p stands a category, like {Lu}");
	end = memchr(r->s.p + r->i, '}', r->s.n - r->i);
	if (!end)
		return fail(r, "after \\p stands a category, like {Lu}");
	name = (struct str){r->s.p + r->i, (size_t)(end - r->s.p) - r->i};
	r->i += name.n + 1;
	if (name.n > 2 && name.p[0] == 'I' && name.p[1] == 's') {
		name = (struct str){name.p + 2, name.n - 2};
		for (size_t k = 0; k < ARRAY_LEN(blocks); k++)
			if (str_is(name, blocks[k].name)) {
				put_ranges(out, &blocks[k].range, 1, negated);
				return true;
			}
		return fail(r, "there is no such block of characters");
	}
	if (name.n < 1 || name.n > 2 || memchr(name.p, ' ', name.n))
		return fail(r, "there is no such category of characters");
	snprintf(word, sizeof(word), " " STR_FMT " ", STR_ARG(name));
	if (!strstr(categories, word))
		return fail(r, "there is no such category of characters");
	sb_printf(out, "\\%c{" STR_FMT "}", negated ? 'P' : 'p', STR_ARG(name));
	return true;
}

/* The escape of a set of characters whose letter was taken; 0: it is none, 1: written, -1: wrong. */
static int set_escape(struct reader *r, char c, struct sb *out)
{
	switch (c) {
	case 'p':
	case 'P': return property(r, out, c == 'P') ? 1 : -1;
	case 'd': sb_puts(out, "\\p{Nd}"); return 1;
	case 'D': sb_puts(out, "\\P{Nd}"); return 1;
	/* all but punctuation, separators and others: what is left of the categories */
	case 'w': sb_puts(out, "\\p{L}\\p{M}\\p{N}\\p{S}"); return 1;
	case 'W': sb_puts(out, "\\p{P}\\p{Z}\\p{C}"); return 1;
	case 's':
	case 'S': put_ranges(out, space, ARRAY_LEN(space), c == 'S'); return 1;
	case 'i':
	case 'I': put_ranges(out, name_start, ARRAY_LEN(name_start), c == 'I'); return 1;
	case 'c':
	case 'C': put_ranges(out, name_char, ARRAY_LEN(name_char), c == 'C'); return 1;
	default: return 0;
	}
}

static bool single_escape(struct reader *r, char c, uint32_t *cp)
{
	switch (c) {
	case 'n': *cp = '\n'; return true;
	case 'r': *cp = '\r'; return true;
	case 't': *cp = '\t'; return true;
	default:
		if (c == 0 || !strchr("\\|.-^?*+{}()[]$", c))
			return fail(r, "XPath has no such escape");
		*cp = (uint32_t)c;
		return true;
	}
}

/* One character of a class, or a set (*is_set, written). */
static bool class_atom(struct reader *r, struct sb *out, bool *is_set, uint32_t *cp)
{
	char c;
	int set;

	*is_set = false;
	if (!take(r, '\\')) {
		if (at(r, '['))
			return fail(r, "[ in a class needs a backslash");
		*cp = utf8_next(r->s, &r->i);
		return true;
	}
	c = r->i < r->s.n ? r->s.p[r->i++] : 0;
	set = set_escape(r, c, out);
	*is_set = set == 1;
	return set == 0 ? single_escape(r, c, cp) : set > 0;
}

static bool class(struct reader *r, struct sb *out, int depth);

/* "-[aeiou]" at the end of a class, whose bracket was not written yet. */
static bool subtraction(struct reader *r, struct sb *out, struct sb *kept, int depth)
{
	bool ok;

	r->i += 2;
	sb_puts(out, "(?:(?!");
	ok = class(r, out, depth + 1);
	sb_putc(out, ')');
	sb_putstr(out, sb_str(kept));
	sb_puts(out, "])");
	return ok && (take(r, ']') || fail(r, "a class ends after what is subtracted"));
}

static bool class_items(struct reader *r, struct sb *out, struct sb *b, int depth)
{
	bool any = false, is_set, ends;
	uint32_t low = 0, high = 0;

	sb_puts(b, take(r, '^') ? "[^" : "[");
	while (r->i < r->s.n) {
		if (any && take(r, ']')) {
			sb_putc(b, ']');
			sb_putstr(out, sb_str(b));
			return true;
		}
		if (any && at(r, '-') && r->i + 1 < r->s.n && r->s.p[r->i + 1] == '[')
			return subtraction(r, out, b, depth);
		if (at(r, ']'))
			return fail(r, "a class holds at least one character");
		/* a bare - stands for itself at the begin and at the end */
		ends = r->i + 1 < r->s.n &&
		       (r->s.p[r->i + 1] == ']' ||
		               (r->s.p[r->i + 1] == '-' && r->i + 2 < r->s.n && r->s.p[r->i + 2] == '['));
		if (any && at(r, '-') && !ends)
			return fail(r, "- in a class stands at its begin or end, or has a backslash");
		if (!class_atom(r, b, &is_set, &low))
			return false;
		any = true;
		if (is_set)
			continue;
		high = low;
		if (at(r, '-') && r->i + 1 < r->s.n && r->s.p[r->i + 1] != ']' && r->s.p[r->i + 1] != '[') {
			r->i++;
			if (!class_atom(r, b, &is_set, &high))
				return false;
			if (is_set || high < low)
				return fail(r, "a range of characters goes from a lower to a higher one");
		}
		put_range(b, low, high);
	}
	return fail(r, "a class has no end");
}

/* The opening bracket was taken. */
static bool class(struct reader *r, struct sb *out, int depth)
{
	struct sb b = SB_INIT;
	bool ok =
	        depth < CLASS_DEPTH_MAX ? class_items(r, out, &b, depth) : fail(r, "classes nest too deeply");

	sb_fini(&b);
	return ok;
}

/* ---- outside of classes ---- */

/* As many digits as name a group. */
static bool back_reference(struct reader *r)
{
	int n = r->s.p[r->i++] - '0';

	while (at_digit(r) && n * 10 + (r->s.p[r->i] - '0') <= r->groups)
		n = n * 10 + (r->s.p[r->i++] - '0');
	if (n == 0 || n > r->groups || !r->closed[n])
		return fail(r, "a back reference names a group that was closed before it");
	sb_printf(r->out, "\\g{%d}", n);
	return true;
}

static bool escape(struct reader *r)
{
	uint32_t cp = 0;
	char c;
	int set;

	if (at_digit(r))
		return back_reference(r);
	c = r->i < r->s.n ? r->s.p[r->i++] : 0;
	sb_putc(r->out, '[');
	set = set_escape(r, c, r->out);
	if (set < 0 || (set == 0 && !single_escape(r, c, &cp)))
		return false;
	if (set == 0)
		put_range(r->out, cp, cp);
	sb_putc(r->out, ']');
	return true;
}

static bool number(struct reader *r, int *n)
{
	if (!at_digit(r))
		return false;
	for (*n = 0; at_digit(r); r->i++)
		if (*n < 100000)
			*n = *n * 10 + (r->s.p[r->i] - '0');
	sb_printf(r->out, "%d", *n);
	return true;
}

/* ?, *, + or a count in braces, whose first character was taken; then ? for as few as possible */
static bool quantifier(struct reader *r, char c)
{
	int least = 0, most = 0;

	sb_putc(r->out, c);
	if (c == '{') {
		if (!number(r, &least))
			return fail(r, "a quantifier in braces is {n}, {n,} or {n,m}");
		if (take(r, ',')) {
			sb_putc(r->out, ',');
			if (number(r, &most) && most < least)
				return fail(r, "the numbers of a quantifier stand in order");
		}
		if (!take(r, '}'))
			return fail(r, "a quantifier in braces is {n}, {n,} or {n,m}");
		sb_putc(r->out, '}');
	}
	if (take(r, '?'))
		sb_putc(r->out, '?');
	return true;
}

static bool open_group(struct reader *r)
{
	bool captured = !take(r, '?');

	if (!captured && !take(r, ':'))
		return fail(r, "after ( and ? only : may stand");
	if (r->depth == GROUPS_MAX || r->groups == GROUPS_MAX)
		return fail(r, "too many groups");
	r->open[r->depth++] = captured ? ++r->groups : 0;
	sb_puts(r->out, captured ? "(" : "(?:");
	return true;
}

static bool close_group(struct reader *r)
{
	if (r->depth == 0)
		return fail(r, "a ) without its (");
	r->closed[r->open[--r->depth]] = true;
	sb_putc(r->out, ')');
	return true;
}

const char *feel__regex_translate(struct str pattern, struct sb *out, size_t *where)
{
	struct reader r = {.s = pattern, .out = out};
	bool atom = false; /* that a quantifier may follow */

	while (r.i < pattern.n && !r.wrong) {
		size_t from = r.i;
		char c = pattern.p[r.i++];

		switch (c) {
		case '\\': atom = escape(&r); break;
		case '[': atom = class(&r, out, 0); break;
		case '(':
			(void)open_group(&r);
			atom = false;
			break;
		case ')': atom = close_group(&r); break;
		case '|':
			sb_putc(out, c);
			atom = false;
			break;
		case '?':
		case '*':
		case '+':
		case '{':
			if (!atom)
				fail(&r, "a quantifier with nothing before it");
			else
				(void)quantifier(&r, c);
			atom = false;
			break;
		case ']':
		case '}': fail(&r, "] and } outside of classes need a backslash"); break;
		default: sb_putc(out, c); atom = true;
		}
		*where = from;
	}
	if (!r.wrong && r.depth > 0) {
		fail(&r, "a ( without its )");
		*where = pattern.n;
	}
	return r.wrong;
}
