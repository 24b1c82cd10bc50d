#include "base/re2.h"

#define REPEAT_MOST 1000

struct re2 {
	const char *p, *end; /* what is left */
	struct sb *b;
	struct err *e;
};

static int refuse(struct re2 *r, const char *what, const char *from, const char *to)
{
	return err_set(
	        r->e, ERR_INVALID, "error parsing regexp: %s: `" STR_FMT "`", what, (int)(to - from), from);
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_octal(char c)
{
	return c >= '0' && c <= '7';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* \123. One digit alone would be a reference back. */
static int put_octal(struct re2 *r)
{
	const char *from = r->p - 1;
	unsigned v = 0;
	int n = 0;

	if (*r->p != '0' && (r->p + 1 == r->end || !is_octal(r->p[1])))
		return refuse(r, "invalid escape sequence", from, r->p + 1);
	for (; n < 3 && r->p < r->end && is_octal(*r->p); n++)
		v = v * 8 + (unsigned)(*r->p++ - '0');
	sb_printf(r->b, "\\x{%x}", v);
	return 0;
}

/* Up to \E, or to the end. */
static void put_quoted(struct re2 *r)
{
	sb_puts(r->b, "\\Q");
	for (r->p++; r->p < r->end; r->p++) {
		if (*r->p == '\\' && r->p + 1 < r->end && r->p[1] == 'E') {
			r->p += 2;
			break;
		}
		sb_putc(r->b, *r->p);
	}
	sb_puts(r->b, "\\E");
}

/* r->p is behind the backslash. */
static int put_escape(struct re2 *r, bool in_class)
{
	const char *from = r->p - 1;
	char c;

	if (r->p == r->end)
		return err_set(r->e, ERR_INVALID,
		        "error parsing regexp: trailing backslash at end of expression: ``");
	c = *r->p;
	if (is_octal(c))
		return put_octal(r);
	if (c == 'Q' && !in_class) {
		put_quoted(r);
		return 0;
	}
	r->p++;
	switch (c) {
	case 's': /* without the vertical tab, which PCRE2 counts */
		sb_puts(r->b, in_class ? "\\t\\n\\f\\r " : "[\\t\\n\\f\\r ]");
		return 0;
	case 'S': sb_puts(r->b, in_class ? "\\S\\x0b" : "[^\\t\\n\\f\\r ]"); return 0;
	case 'v': sb_puts(r->b, "\\x0b"); return 0;
	case 'A':
	case 'z':
	case 'b':
	case 'B':
		if (in_class)
			return refuse(r, "invalid escape sequence", from, r->p);
		break;
	case 'a':
	case 'd':
	case 'D':
	case 'f':
	case 'n':
	case 'p':
	case 'P':
	case 'r':
	case 't':
	case 'w':
	case 'W':
	case 'x': break;
	default:
		if (is_letter(c) || is_digit(c) || (unsigned char)c >= 0x80)
			return refuse(r, "invalid escape sequence", from, r->p);
		break;
	}
	/* \x{41}, \p{Greek}: no repetition. */
	if ((c == 'x' || c == 'p' || c == 'P') && r->p < r->end && *r->p == '{') {
		const char *close = memchr(r->p, '}', (size_t)(r->end - r->p));

		r->p = close != NULL ? close + 1 : r->end;
	}
	sb_put(r->b, from, (size_t)(r->p - from));
	return 0;
}

/* r->p is at the bracket. */
static int put_class(struct re2 *r)
{
	const char *from = r->p;
	int rc = 0;

	sb_putc(r->b, *r->p++);
	if (r->p < r->end && *r->p == '^')
		sb_putc(r->b, *r->p++);
	if (r->p < r->end && *r->p == ']') {
		sb_puts(r->b, "\\]");
		r->p++;
	}
	while (rc == 0 && r->p < r->end && *r->p != ']') {
		const char *name = NULL;

		if (*r->p == '[' && r->p + 1 < r->end && r->p[1] == ':')
			name = memmem(r->p + 2, (size_t)(r->end - r->p - 2), ":]", 2);
		if (name != NULL) {
			sb_put(r->b, r->p, (size_t)(name + 2 - r->p));
			r->p = name + 2;
		} else if (*r->p == '\\') {
			r->p++;
			rc = put_escape(r, true);
		} else {
			if (*r->p == '[')
				sb_putc(r->b, '\\');
			sb_putc(r->b, *r->p++);
		}
	}
	if (rc < 0)
		return rc;
	if (r->p == r->end)
		return refuse(r, "missing closing ]", from, r->end);
	sb_putc(r->b, *r->p++);
	return 0;
}

/* A bracket, and what may stand behind it: (?P<name>, (?<name>, (?flags) and (?flags: with the flags imsU. */
static int put_group(struct re2 *r)
{
	const char *from = r->p, *p = from + 1;

	if (p < r->end && *p == '*')
		return refuse(r, "missing argument to repetition operator", p, p + 1);
	if (p == r->end || *p != '?') {
		sb_putc(r->b, *r->p++);
		return 0;
	}
	p++;
	if (p < r->end && *p == 'P')
		p++;
	if (p < r->end && *p == '<') {
		p++;
		if (p == r->end || (!is_letter(*p) && !is_digit(*p) && *p != '_'))
			return refuse(r,
			        p < r->end && (*p == '=' || *p == '!') ? "invalid or unsupported Perl syntax"
			                                               : "invalid named capture",
			        from, p < r->end ? p + 1 : p);
	} else {
		while (p < r->end && *p != '\0' && strchr("imsU-", *p) != NULL)
			p++;
		if (p == r->end)
			return refuse(r, "missing closing )", from, p);
		if (from[2] == 'P' || (*p != ':' && (*p != ')' || p == from + 2)))
			return refuse(r, "invalid or unsupported Perl syntax", from, p + 1);
		p++;
	}
	sb_put(r->b, from, (size_t)(p - from));
	r->p = p;
	return 0;
}

/* The length of *, +, ?, {n}, {n,} or {n,m} at r->p, 0 if there is none. *bad: too many, or m below n. */
static size_t repeat_length(const struct re2 *r, bool *bad)
{
	const char *p = r->p;
	long count = 0, least = 0;

	*bad = false;
	if (p == r->end)
		return 0;
	if (*p == '*' || *p == '+' || *p == '?')
		return 1;
	if (*p++ != '{' || p == r->end || !is_digit(*p))
		return 0;
	for (; p < r->end && (is_digit(*p) || *p == ','); p++) {
		if (*p == ',' && memchr(r->p, ',', (size_t)(p - r->p)) != NULL)
			return 0;
		if (*p == ',') {
			least = p + 1 < r->end && is_digit(p[1]) ? count : 0;
			count = 0;
		} else if (count < 100000) {
			count = count * 10 + (*p - '0');
		}
		*bad = *bad || count > REPEAT_MOST;
	}
	*bad = *bad || count < least;
	return p < r->end && *p == '}' ? (size_t)(p + 1 - r->p) : 0;
}

/* Repetitions may be lazy, but do not stack: PCRE2 would take the second one for possessive. */
static int put_repeats(struct re2 *r)
{
	const char *from = r->p;
	bool bad;
	size_t n = repeat_length(r, &bad);

	if (n == 0)
		return 0;
	if (bad)
		return refuse(r, "invalid repeat count", from, from + n);
	r->p += n;
	if (r->p < r->end && *r->p == '?')
		r->p++;
	sb_put(r->b, from, (size_t)(r->p - from));
	n = repeat_length(r, &bad);
	return n > 0 ? refuse(r, "invalid nested repetition operator", from, r->p + n) : 0;
}

int re2_to_pcre(struct str pattern, struct sb *b, struct err *e)
{
	struct re2 r = {.p = pattern.p, .b = b, .e = e};
	int rc = 0;

	if (pattern.n == 0)
		return 0;
	r.end = pattern.p + pattern.n;
	while (rc == 0 && r.p < r.end) {
		bool opens = *r.p == '(' || *r.p == '|', bad; /* nothing to be repeated */
		size_t n = repeat_length(&r, &bad);

		if (*r.p == '\\') {
			r.p++;
			rc = put_escape(&r, false);
		} else if (*r.p == '[') {
			rc = put_class(&r);
		} else if (*r.p == '(') {
			rc = put_group(&r);
		} else if (n > 0) {
			rc = refuse(&r, "missing argument to repetition operator", r.p, r.p + n);
		} else {
			sb_putc(b, *r.p++);
		}
		if (rc == 0 && !opens)
			rc = put_repeats(&r);
	}
	return rc;
}
