#include "base/json.h"

#include "base/num.h"
#include "base/time.h"

#include <math.h>

enum {
	WANT_VALUE,        /* at the start, after a key, after a comma in an array */
	WANT_VALUE_OR_END, /* after [ */
	WANT_KEY,          /* after a comma in an object */
	WANT_KEY_OR_END,   /* after { */
	WANT_MORE,         /* after a value: comma, closing bracket, or the end of the document */
	WANT_NOTHING,      /* bad: stays so */
};

/* What a byte is inside a string; everything not named is plain and only skipped. */
enum { PLAIN, QUOTE, ESCAPE, CONTROL, HIGH };
static const uint8_t string_class[256] = {
        [0x00 ... 0x1f] = CONTROL,
        ['"'] = QUOTE,
        ['\\'] = ESCAPE,
        [0x80 ... 0xff] = HIGH,
};

static inline bool is_digit(char c)
{
	return (unsigned char)(c - '0') < 10;
}

static inline int hex_value(char c)
{
	if (is_digit(c))
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Bytes of the well-formed UTF-8 sequence of two to four bytes at p, 0 if it is not one (RFC 3629:
 * no overlong forms, no surrogates, nothing past U+10FFFF). */
static inline size_t utf8_sequence(const char *p, const char *end)
{
	const uint8_t *u = (const uint8_t *)p;
	size_t have = (size_t)(end - p);

	if (u[0] < 0xc2 || u[0] > 0xf4)
		return 0;
	if (have < 2 || (u[1] & 0xc0) != 0x80)
		return 0;
	if (u[0] < 0xe0)
		return 2;
	if (have < 3 || (u[2] & 0xc0) != 0x80)
		return 0;
	if (u[0] < 0xf0) {
		if ((u[0] == 0xe0 && u[1] < 0xa0) || (u[0] == 0xed && u[1] > 0x9f))
			return 0;
		return 3;
	}
	if (have < 4 || (u[3] & 0xc0) != 0x80)
		return 0;
	if ((u[0] == 0xf0 && u[1] < 0x90) || (u[0] == 0xf4 && u[1] > 0x8f))
		return 0;
	return 4;
}

static inline const char *skip_space(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
		p++;
	return p;
}

static enum json_type fail(struct json *j, const char *at, const char *words)
{
	j->p = at;
	j->bad = words;
	j->expect = WANT_NOTHING;
	return JSON_BAD;
}

void json_init(struct json *j, struct str text)
{
	if (!text.p)
		text = STR_LIT("");
	*j = (struct json){.p = text.p, .start = text.p, .end = text.p + text.n, .expect = WANT_VALUE};
	/* RFC 8259 lets a reader pass over a byte order mark; files saved on Windows have one. */
	if (text.n >= 3 && memcmp(text.p, "\xef\xbb\xbf", 3) == 0)
		j->p += 3;
}

/* Over what needs no look in a string. */
static inline const char *skip_plain(const char *p, const char *end)
{
	while (end - p >= 4 && !(string_class[(uint8_t)p[0]] | string_class[(uint8_t)p[1]] |
	                               string_class[(uint8_t)p[2]] | string_class[(uint8_t)p[3]]))
		p += 4;
	while (p < end && string_class[(uint8_t)*p] == PLAIN)
		p++;
	return p;
}

/* p is behind the opening quote. Leaves j->p behind the closing one. */
static inline bool scan_string(struct json *j, const char *p)
{
	const char *end = j->end;

	j->text.p = p;
	j->escaped = false;
	for (;;) {
		p = skip_plain(p, end);
		if (p == end) {
			fail(j, p, "the text ends inside a string");
			return false;
		}
		switch (string_class[(uint8_t)*p]) {
		case QUOTE:
			j->text.n = (size_t)(p - j->text.p);
			j->p = p + 1;
			return true;
		case HIGH: {
			size_t n = utf8_sequence(p, end);
			if (n == 0) {
				fail(j, p, "a string is not valid UTF-8");
				return false;
			}
			p += n;
			break;
		}
		case ESCAPE:
			j->escaped = true;
			if (end - p < 2) {
				fail(j, end, "the text ends inside a string");
				return false;
			}
			switch (p[1]) {
			case '"':
			case '\\':
			case '/':
			case 'b':
			case 'f':
			case 'n':
			case 'r':
			case 't': p += 2; break;
			case 'u':
				if (end - p < 6 || hex_value(p[2]) < 0 || hex_value(p[3]) < 0 ||
				        hex_value(p[4]) < 0 || hex_value(p[5]) < 0) {
					fail(j, p, "\\u needs four hexadecimal digits");
					return false;
				}
				p += 6;
				break;
			default: fail(j, p, "no such escape in a string"); return false;
			}
			break;
		default: fail(j, p, "a control character in a string must be escaped"); return false;
		}
	}
}

static inline enum json_type scan_number(struct json *j, const char *p)
{
	const char *end = j->end;

	j->text.p = p;
	j->escaped = false;
	if (*p == '-')
		p++;
	if (p == end || !is_digit(*p))
		return fail(j, p, "a digit is missing in a number");
	if (*p == '0') {
		p++;
		if (p < end && is_digit(*p))
			return fail(j, p, "a number may not begin with 0");
	} else {
		while (p < end && is_digit(*p))
			p++;
	}
	if (p < end && *p == '.') {
		p++;
		if (p == end || !is_digit(*p))
			return fail(j, p, "a digit is missing after the decimal point");
		while (p < end && is_digit(*p))
			p++;
	}
	if (p < end && (*p == 'e' || *p == 'E')) {
		p++;
		if (p < end && (*p == '+' || *p == '-'))
			p++;
		if (p == end || !is_digit(*p))
			return fail(j, p, "a digit is missing in an exponent");
		while (p < end && is_digit(*p))
			p++;
	}
	j->text.n = (size_t)(p - j->text.p);
	j->p = p;
	j->expect = WANT_MORE;
	return JSON_NUMBER;
}

static inline enum json_type scan_word(
        struct json *j, const char *p, const char *word, size_t n, enum json_type type)
{
	if ((size_t)(j->end - p) < n || memcmp(p, word, n) != 0)
		return fail(j, p, "not a value: only true, false and null are words of JSON");
	j->p = p + n;
	j->expect = WANT_MORE;
	return type;
}

static inline enum json_type open_container(struct json *j, const char *p, char close, uint8_t expect)
{
	if (j->depth == (int)ARRAY_LEN(j->stack))
		return fail(j, p, "nested deeper than 64 levels");
	j->stack[j->depth++] = (uint8_t)close;
	j->p = p + 1;
	j->expect = expect;
	return close == '}' ? JSON_OBJECT : JSON_ARRAY;
}

static inline enum json_type close_container(struct json *j, const char *p)
{
	j->depth--;
	j->p = p + 1;
	j->expect = WANT_MORE;
	return *p == '}' ? JSON_OBJECT_END : JSON_ARRAY_END;
}

enum json_type json_next(struct json *j)
{
	const char *end = j->end, *p = skip_space(j->p, end);
	uint8_t expect = j->expect;

	if (expect == WANT_NOTHING)
		return JSON_BAD;
	if (expect == WANT_MORE) {
		char close;
		if (j->depth == 0) {
			if (p != end)
				return fail(j, p, "there is more text after the end of the document");
			j->p = p;
			return JSON_END;
		}
		close = (char)j->stack[j->depth - 1];
		if (p == end)
			return fail(j, p,
			        close == '}' ? "the text ends inside an object"
			                     : "the text ends inside an array");
		if (*p == close)
			return close_container(j, p);
		if (*p != ',')
			return fail(
			        j, p, close == '}' ? "a comma or } is missing" : "a comma or ] is missing");
		p = skip_space(p + 1, end);
		expect = close == '}' ? WANT_KEY : WANT_VALUE;
	}
	if (p == end)
		return fail(j, p, j->depth == 0 ? "the text is empty" : "the text ends too early");

	if (expect == WANT_KEY || expect == WANT_KEY_OR_END) {
		if (*p == '}' && expect == WANT_KEY_OR_END)
			return close_container(j, p);
		if (*p != '"')
			return fail(
			        j, p, *p == '}' ? "a comma before }" : "a key in double quotes is missing");
		if (!scan_string(j, p + 1))
			return JSON_BAD;
		p = skip_space(j->p, end);
		if (p == end || *p != ':')
			return fail(j, p, "a colon is missing after a key");
		j->p = p + 1;
		j->expect = WANT_VALUE;
		return JSON_KEY;
	}

	switch (*p) {
	case '"':
		if (!scan_string(j, p + 1))
			return JSON_BAD;
		j->expect = WANT_MORE;
		return JSON_STRING;
	case '{': return open_container(j, p, '}', WANT_KEY_OR_END);
	case '[': return open_container(j, p, ']', WANT_VALUE_OR_END);
	case ']':
		if (expect == WANT_VALUE_OR_END)
			return close_container(j, p);
		return fail(j, p, "a value is missing");
	case '-':
	case '0' ... '9': return scan_number(j, p);
	case 't': return scan_word(j, p, "true", 4, JSON_TRUE);
	case 'f': return scan_word(j, p, "false", 5, JSON_FALSE);
	case 'n': return scan_word(j, p, "null", 4, JSON_NULL);
	default: return fail(j, p, "a value is missing");
	}
}

bool json_skip(struct json *j)
{
	enum json_type t = json_next(j);
	int outside;

	switch (t) {
	case JSON_OBJECT:
	case JSON_ARRAY: break;
	case JSON_STRING:
	case JSON_NUMBER:
	case JSON_TRUE:
	case JSON_FALSE:
	case JSON_NULL: return true;
	default: return false;
	}
	outside = j->depth - 1;
	while (j->depth > outside) {
		if (json_next(j) == JSON_BAD)
			return false;
	}
	return true;
}

static unsigned hex4(const char *p)
{
	return (unsigned)hex_value(p[0]) << 12 | (unsigned)hex_value(p[1]) << 8 |
	       (unsigned)hex_value(p[2]) << 4 | (unsigned)hex_value(p[3]);
}

struct str json_text(const struct json *j, char *buf, size_t n)
{
	const char *p = j->text.p, *end = p + j->text.n;
	size_t at = 0;

	if (!j->escaped)
		return j->text;
	/* The grammar of the escapes was checked by the scanner; what is left is the pairing. */
	while (p < end) {
		char out[4];
		size_t len = 1;
		if (*p != '\\') {
			const char *from = p;
			while (p < end && *p != '\\')
				p++;
			len = (size_t)(p - from);
			if (len > n - at)
				return STR_NULL;
			memmove(buf + at, from, len); /* buf may be the text itself */
			at += len;
			continue;
		}
		p += 2;
		switch (p[-1]) {
		case 'b': out[0] = '\b'; break;
		case 'f': out[0] = '\f'; break;
		case 'n': out[0] = '\n'; break;
		case 'r': out[0] = '\r'; break;
		case 't': out[0] = '\t'; break;
		case 'u': {
			uint32_t cp = hex4(p);
			p += 4;
			if (cp >= 0xd800 && cp < 0xdc00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u') {
				uint32_t low = hex4(p + 2);
				if (low < 0xdc00 || low > 0xdfff)
					return STR_NULL;
				cp = 0x10000 + ((cp - 0xd800) << 10) + (low - 0xdc00);
				p += 6;
			}
			len = utf8_encode(cp, out);
			if (len == 0)
				return STR_NULL;
			break;
		}
		default: out[0] = p[-1]; break;
		}
		if (len > n - at)
			return STR_NULL;
		memcpy(buf + at, out, len);
		at += len;
	}
	return (struct str){buf, at};
}

int json_error(const struct json *j, struct err *e)
{
	int line = 1, column = 1;

	for (const char *p = j->start; p < j->p; p++) {
		if (*p == '\n') {
			line++;
			column = 1;
		} else if (((uint8_t)*p & 0xc0) != 0x80) {
			column++;
		}
	}
	err_set(e, ERR_INVALID, "not valid JSON: %s",
	        j->bad ? j->bad : "another kind of value is expected here");
	err_at(e, NULL, line, column, NULL);
	return ERR_INVALID;
}

void jw_init(struct jw *w, struct sb *b)
{
	w->b = b;
	w->depth = 0;
	w->after_key = false;
	w->need_comma[0] = 0;
}

/* Before any value or key: the comma that parts it from its elder sibling. */
static inline void begin(struct jw *w)
{
	if (w->after_key) {
		w->after_key = false;
		return;
	}
	if (w->depth >= (int)ARRAY_LEN(w->need_comma))
		return;
	if (w->need_comma[w->depth])
		sb_putc(w->b, ',');
	w->need_comma[w->depth] = 1;
}

/* Past the deepest level the text is given up, as if it were over its maximum: how deep a document
 * from outside goes is no bug of the writer's caller. */
static void enter(struct jw *w, char c)
{
	begin(w);
	sb_putc(w->b, c);
	w->depth++;
	if (w->depth < (int)ARRAY_LEN(w->need_comma))
		w->need_comma[w->depth] = 0;
	else
		w->b->failed = true;
}

static void leave(struct jw *w, char c)
{
	must(w->depth > 0 && !w->after_key);
	w->depth--;
	sb_putc(w->b, c);
}

void jw_object(struct jw *w)
{
	enter(w, '{');
}

void jw_object_end(struct jw *w)
{
	leave(w, '}');
}

void jw_array(struct jw *w)
{
	enter(w, '[');
}

void jw_array_end(struct jw *w)
{
	leave(w, ']');
}

static void put_escaped(struct sb *b, char c)
{
	static const char hex[] = "0123456789abcdef";
	char out[6] = {'\\', 'u', '0', '0', 0, 0};

	switch (c) {
	case '"':
	case '\\': out[1] = c; break;
	case '\b': out[1] = 'b'; break;
	case '\f': out[1] = 'f'; break;
	case '\n': out[1] = 'n'; break;
	case '\r': out[1] = 'r'; break;
	case '\t': out[1] = 't'; break;
	default:
		out[4] = hex[(uint8_t)c >> 4];
		out[5] = hex[c & 15];
		sb_put(b, out, 6);
		return;
	}
	sb_put(b, out, 2);
}

static void put_quoted(struct sb *b, struct str s)
{
	const char *p = s.p, *end = p ? p + s.n : p, *from = p;
	char *q;

	if (s.n > 0)
		p = skip_plain(p, end);
	if (p == end) { /* as nearly always */
		q = sb_more(b, s.n + 2);
		if (q == NULL)
			return;
		q[0] = q[s.n + 1] = '"';
		if (s.n > 0)
			memcpy(q + 1, s.p, s.n);
		return;
	}
	sb_putc(b, '"');
	while (p < end) {
		p = skip_plain(p, end);
		if (p == end)
			break;
		switch (string_class[(uint8_t)*p]) {
		case HIGH: {
			size_t n = utf8_sequence(p, end);
			if (n > 0) {
				p += n;
				continue;
			}
			sb_put(b, from, (size_t)(p - from));
			sb_puts(b, "\xef\xbf\xbd");
			break;
		}
		default:
			sb_put(b, from, (size_t)(p - from));
			put_escaped(b, *p);
			break;
		}
		from = ++p;
	}
	if (p != from)
		sb_put(b, from, (size_t)(p - from));
	sb_putc(b, '"');
}

void jw_key_str(struct jw *w, struct str key)
{
	must(w->depth > 0 && !w->after_key);
	begin(w);
	put_quoted(w->b, key);
	sb_putc(w->b, ':');
	w->after_key = true;
}

void jw_key(struct jw *w, const char *key)
{
	jw_key_str(w, str_of(key));
}

void jw_str(struct jw *w, struct str s)
{
	begin(w);
	put_quoted(w->b, s);
}

void jw_cstr(struct jw *w, const char *s)
{
	if (!s)
		jw_null(w);
	else
		jw_str(w, str_of(s));
}

/* Decimal digits of v at the end of buf (24 bytes); gives where they begin. */
static char *int_digits(int64_t v, char *buf)
{
	char *p = buf + 24;
	uint64_t u = v < 0 ? -(uint64_t)v : (uint64_t)v;

	do {
		*--p = (char)('0' + u % 10);
		u /= 10;
	} while (u);
	if (v < 0)
		*--p = '-';
	return p;
}

void jw_int(struct jw *w, int64_t v)
{
	char buf[24], *p = int_digits(v, buf);

	begin(w);
	sb_put(w->b, p, (size_t)(buf + sizeof(buf) - p));
}

void jw_id(struct jw *w, int64_t v)
{
	char buf[24], *p = int_digits(v, buf);

	if (v == 0)
		jw_null(w);
	else
		jw_str(w, (struct str){p, (size_t)(buf + sizeof(buf) - p)});
}

void jw_double(struct jw *w, double v)
{
	char buf[32];

	if (!isfinite(v)) {
		jw_null(w);
		return;
	}
	begin(w);
	sb_put(w->b, buf, num_format(v, buf));
}

void jw_bool(struct jw *w, bool v)
{
	begin(w);
	sb_puts(w->b, v ? "true" : "false");
}

void jw_null(struct jw *w)
{
	begin(w);
	sb_put(w->b, "null", 4);
}

void jw_time(struct jw *w, int64_t t)
{
	char buf[40];

	if (t == TIME_NONE)
		jw_null(w);
	else
		jw_cstr(w, time_format(t, zone_utc(), buf));
}

void jw_raw(struct jw *w, struct str json)
{
	begin(w);
	sb_putstr(w->b, json);
}

void jw_kstr(struct jw *w, const char *key, const char *s)
{
	jw_key(w, key);
	jw_cstr(w, s);
}

void jw_kint(struct jw *w, const char *key, int64_t v)
{
	jw_key(w, key);
	jw_int(w, v);
}

void jw_kid(struct jw *w, const char *key, int64_t v)
{
	jw_key(w, key);
	jw_id(w, v);
}

void jw_kdouble(struct jw *w, const char *key, double v)
{
	jw_key(w, key);
	jw_double(w, v);
}

void jw_kbool(struct jw *w, const char *key, bool v)
{
	jw_key(w, key);
	jw_bool(w, v);
}

void jw_ktime(struct jw *w, const char *key, int64_t t)
{
	jw_key(w, key);
	jw_time(w, t);
}
