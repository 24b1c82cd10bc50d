/*
 * fn_string - built-in functions of strings. Positions count code points.
 */
#include "feel/builtin.h"

#include "feel/regex.h"

#include <locale.h>
#include <pthread.h>
#include <wctype.h>

#define STRING_MAX (16 << 20) /* of string(); a list may hold another a thousand times */

typedef struct feel_value value;

static bool text(struct feel_run *r, const value *arg, struct str *out)
{
	const value *v = feel__arg(r, arg, FEEL_STRING);

	if (v)
		*out = v->string;
	return v != NULL;
}

/* The byte at which code point i (0-based) begins; s.n past the end. */
static size_t byte_of(struct str s, int64_t i)
{
	size_t at = 0;

	while (i-- > 0 && at < s.n)
		(void)utf8_next(s, &at);
	return at;
}

static value fn_substring(struct feel_run *r, const value *arg, int n)
{
	struct str s;
	int start, length = INT32_MAX, total;
	size_t from, to;

	if (!text(r, &arg[0], &s) || !feel__arg_int(r, &arg[1], &start))
		return NONE;
	if (n > 2 && arg[2].type != FEEL_NULL) {
		const value *v = feel__arg(r, &arg[2], FEEL_NUMBER);
		struct feel_number whole;
		int64_t i;

		if (!v || !feel_number_round(v->number, 0, FEEL_ROUND_DOWN, &whole) ||
		        !feel_number_to_int(whole, &i))
			return NONE;
		if (i < 1)
			return feel__fail(r, "a substring has at least one character");
		length = i > INT32_MAX ? INT32_MAX : (int)i;
	}
	total = (int)utf8_length(s);
	if (start == 0 || start > total || start < -total)
		return feel__fail(r, "substring: the text has no character %d", start);
	if (start < 0)
		start += total + 1;
	from = byte_of(s, start - 1);
	s.p += from;
	s.n -= from;
	to = byte_of(s, length);
	return feel_string((struct str){s.p, to});
}

static value fn_length(struct feel_run *r, const value *arg, int n)
{
	struct str s;

	(void)n;
	return text(r, &arg[0], &s) ? feel_int((int64_t)utf8_length(s)) : NONE;
}

static locale_t unicode;
static pthread_once_t unicode_once = PTHREAD_ONCE_INIT;

static void make_unicode(void)
{
	unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	if (unicode == (locale_t)0)
		unicode = newlocale(LC_CTYPE_MASK, "C", (locale_t)0);
	must(unicode != (locale_t)0);
}

static value change_case(struct feel_run *r, const value *arg, bool upper)
{
	struct str s;
	char *p;
	size_t n = 0;

	pthread_once(&unicode_once, make_unicode);
	if (!text(r, &arg[0], &s))
		return NONE;
	p = arena_array(r->arena, s.n + 1, 4);
	if (!p) {
		feel__nomem(r);
		return NONE;
	}
	for (size_t i = 0; i < s.n;) {
		uint32_t c = utf8_next(s, &i);

		if (upper && c == 0xdf) { /* ß */
			p[n++] = 'S';
			p[n++] = 'S';
			continue;
		}
		c = upper ? (uint32_t)towupper_l((wint_t)c, unicode)
		          : (uint32_t)towlower_l((wint_t)c, unicode);
		n += utf8_encode(c, p + n);
	}
	return feel_string((struct str){p, n});
}

static value fn_upper(struct feel_run *r, const value *arg, int n)
{
	(void)n;
	return change_case(r, arg, true);
}

static value fn_lower(struct feel_run *r, const value *arg, int n)
{
	(void)n;
	return change_case(r, arg, false);
}

/* Where `what` begins in s, -1 if nowhere. */
static int64_t find(struct str s, struct str what)
{
	const char *at;

	if (what.n == 0)
		return 0;
	at = s.n ? memmem(s.p, s.n, what.p, what.n) : NULL;
	return at ? at - s.p : -1;
}

static value fn_substring_before(struct feel_run *r, const value *arg, int n)
{
	struct str s, m;
	int64_t at;

	(void)n;
	if (!text(r, &arg[0], &s) || !text(r, &arg[1], &m))
		return NONE;
	at = find(s, m);
	return feel_string(at < 0 ? STR_LIT("") : (struct str){s.p, (size_t)at});
}

static value fn_substring_after(struct feel_run *r, const value *arg, int n)
{
	struct str s, m;
	int64_t at;

	(void)n;
	if (!text(r, &arg[0], &s) || !text(r, &arg[1], &m))
		return NONE;
	at = find(s, m);
	return feel_string(at < 0 ? STR_LIT("") : (struct str){s.p + at + m.n, s.n - (size_t)at - m.n});
}

static value fn_contains(struct feel_run *r, const value *arg, int n)
{
	struct str s, m;

	(void)n;
	if (!text(r, &arg[0], &s) || !text(r, &arg[1], &m))
		return NONE;
	return feel_bool(find(s, m) >= 0);
}

static value fn_starts_with(struct feel_run *r, const value *arg, int n)
{
	struct str s, m;

	(void)n;
	if (!text(r, &arg[0], &s) || !text(r, &arg[1], &m))
		return NONE;
	return feel_bool(m.n <= s.n && (m.n == 0 || memcmp(s.p, m.p, m.n) == 0));
}

static value fn_ends_with(struct feel_run *r, const value *arg, int n)
{
	struct str s, m;

	(void)n;
	if (!text(r, &arg[0], &s) || !text(r, &arg[1], &m))
		return NONE;
	return feel_bool(m.n <= s.n && (m.n == 0 || memcmp(s.p + s.n - m.n, m.p, m.n) == 0));
}

static value fn_string(struct feel_run *r, const value *arg, int n)
{
	struct sb b = SB_INIT;
	value v;

	(void)n;
	if (arg[0].type == FEEL_NULL || arg[0].type == FEEL_STRING)
		return arg[0];
	b.max = STRING_MAX;
	feel_write_text(&arg[0], &b);
	v = b.failed ? feel__fail(r, "string: the text would be too long, or the value nests too deeply")
	             : feel__text(r, b.p, b.n);
	sb_fini(&b);
	return v;
}

/* ---- regular expressions ---- */

static bool flags_of(struct feel_run *r, const value *arg, struct str *out)
{
	*out = STR_NULL;
	return arg->type == FEEL_NULL || text(r, arg, out);
}

static value fn_matches(struct feel_run *r, const value *arg, int n)
{
	struct str s, pattern, flags = STR_NULL;
	struct feel__regex x;
	int found = -1;

	if (!text(r, &arg[0], &s) || !text(r, &arg[1], &pattern) || (n > 2 && !flags_of(r, &arg[2], &flags)))
		return NONE;
	if (feel__regex_init(r, &x, pattern, flags))
		found = feel__regex_match(r, &x, s, 0, 0);
	feel__regex_fini(&x);
	return found < 0 ? NONE : feel_bool(found);
}

/* $1 … of XPath, \$ and \\ in the replacement. False if it is not well formed. */
static bool put_replacement(
        struct sb *b, struct str with, struct str s, const struct feel__regex *x, bool literal)
{
	const PCRE2_SIZE *at = pcre2_get_ovector_pointer(x->data);
	uint32_t groups = pcre2_get_ovector_count(x->data);

	if (literal) {
		sb_putstr(b, with);
		return true;
	}
	for (size_t i = 0; i < with.n; i++) {
		char c = with.p[i];

		if (c == '\\') {
			if (i + 1 >= with.n || (with.p[i + 1] != '\\' && with.p[i + 1] != '$'))
				return false;
			sb_putc(b, with.p[++i]);
		} else if (c == '$') {
			uint32_t g = 0;
			size_t first = i + 1;

			/* as many digits as name a group */
			while (i + 1 < with.n && with.p[i + 1] >= '0' && with.p[i + 1] <= '9') {
				uint32_t more = g * 10 + (uint32_t)(with.p[i + 1] - '0');

				if (i + 1 > first && more >= groups)
					break;
				g = more;
				i++;
			}
			if (i + 1 == first)
				return false;
			if (g < groups && at[2 * g] != PCRE2_UNSET)
				sb_put(b, s.p + at[2 * g], at[2 * g + 1] - at[2 * g]);
		} else {
			sb_putc(b, c);
		}
	}
	return true;
}

static value fn_replace(struct feel_run *r, const value *arg, int n)
{
	struct str s, pattern, with, flags = STR_NULL;
	struct sb b = SB_INIT;
	struct feel__regex x;
	value v = NONE;
	size_t from = 0;
	int found = 0;
	bool literal;

	if (!text(r, &arg[0], &s) || !text(r, &arg[1], &pattern) || !text(r, &arg[2], &with) ||
	        (n > 3 && !flags_of(r, &arg[3], &flags)))
		return NONE;
	literal = flags.n && memchr(flags.p, 'q', flags.n);
	if (!feel__regex_init(r, &x, pattern, flags))
		goto out;
	/* XPath: a pattern that matches nothing at all would match everywhere */
	if (feel__regex_match(r, &x, STR_LIT(""), 0, 0) != 0) {
		feel_note(r, "replace: the pattern matches the empty text");
		goto out;
	}
	while (from <= s.n && (found = feel__regex_match(r, &x, s, from, PCRE2_NOTEMPTY)) == 1) {
		const PCRE2_SIZE *at = pcre2_get_ovector_pointer(x.data);
		size_t to = at[1];

		if (at[0] < from || to <= from) /* \K may move the begin */
			break;
		sb_put(&b, s.p + from, at[0] - from);
		if (!put_replacement(&b, with, s, &x, literal)) {
			feel_note(r, "replace: in the replacement $ stands before the number of a group, \\ "
			             "before $ or \\");
			goto out;
		}
		from = to;
	}
	if (found < 0)
		goto out;
	sb_put(&b, s.p + from, s.n - from);
	if (b.failed)
		feel__nomem(r);
	else
		v = feel__text(r, b.p, b.n);
out:
	sb_fini(&b);
	feel__regex_fini(&x);
	return v;
}

static bool push(struct feel_run *r, struct feel_list *list, size_t *cap, value v)
{
	value *item = arena_grow(r->arena, list->item, cap, (size_t)list->n + 1, sizeof(*item));

	if (!item) {
		feel__nomem(r);
		return false;
	}
	list->item = item;
	item[list->n++] = v;
	return true;
}

static value fn_split(struct feel_run *r, const value *arg, int n)
{
	struct str s, pattern;
	struct feel_list list = {NULL, 0};
	struct feel__regex x;
	size_t from = 0, cap = 0;
	int found = 0;
	value v = NONE;

	(void)n;
	if (!text(r, &arg[0], &s) || !text(r, &arg[1], &pattern))
		return NONE;
	if (!feel__regex_init(r, &x, pattern, STR_NULL))
		goto out;
	if (feel__regex_match(r, &x, STR_LIT(""), 0, 0) != 0) {
		feel_note(r, "split: the delimiter matches the empty text");
		goto out;
	}
	while (from < s.n && (found = feel__regex_match(r, &x, s, from, PCRE2_NOTEMPTY)) == 1) {
		const PCRE2_SIZE *at = pcre2_get_ovector_pointer(x.data);

		if (at[0] < from || at[1] <= from)
			break;
		if (!push(r, &list, &cap, feel_string((struct str){s.p + from, at[0] - from})))
			goto out;
		from = at[1];
	}
	if (found >= 0 && push(r, &list, &cap, feel_string((struct str){s.p + from, s.n - from})))
		v = feel__list(list.item, list.n);
out:
	feel__regex_fini(&x);
	return v;
}

static value fn_join(struct feel_run *r, const value *arg, int n)
{
	struct feel_list list;
	struct str delimiter = STR_NULL;
	struct sb b = SB_INIT;
	bool first = true;
	value v = NONE;

	if (!feel__arg_list(r, &arg[0], &list) ||
	        (n > 1 && arg[1].type != FEEL_NULL && !text(r, &arg[1], &delimiter)))
		return NONE;
	for (int i = 0; i < list.n; i++) {
		const value *item = &list.item[i];

		if (item->type == FEEL_NULL)
			continue;
		if (item->type != FEEL_STRING) {
			feel_note(r, "string join: a %s in the list", feel__type_name(item->type));
			goto out;
		}
		if (!first)
			sb_putstr(&b, delimiter);
		first = false;
		sb_putstr(&b, item->string);
	}
	if (b.failed)
		feel__nomem(r);
	else
		v = feel__text(r, b.p, b.n);
out:
	sb_fini(&b);
	return v;
}

const struct feel_builtin feel__strings[] = {
        {"substring", "string,start position,length", 2, 3, fn_substring},
        {"string length", "string", 1, 1, fn_length},
        {"upper case", "string", 1, 1, fn_upper},
        {"lower case", "string", 1, 1, fn_lower},
        {"substring before", "string,match", 2, 2, fn_substring_before},
        {"substring after", "string,match", 2, 2, fn_substring_after},
        {"replace", "input,pattern,replacement,flags", 3, 4, fn_replace},
        {"contains", "string,match", 2, 2, fn_contains},
        {"starts with", "string,match", 2, 2, fn_starts_with},
        {"ends with", "string,match", 2, 2, fn_ends_with},
        {"matches", "input,pattern,flags", 2, 3, fn_matches},
        {"split", "string,delimiter", 2, 2, fn_split},
        {"string join", "list,delimiter", 1, 2, fn_join},
        {"string", "from", 1, 1, fn_string},
        {0},
};
