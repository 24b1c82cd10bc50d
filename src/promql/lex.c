#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/num.h"
#include "promql/promql_int.h"

static const char *const op_texts[] = {
        [OP_NONE] = "?",
        [OP_OR] = "or",
        [OP_AND] = "and",
        [OP_UNLESS] = "unless",
        [OP_EQ] = "==",
        [OP_NE] = "!=",
        [OP_LE] = "<=",
        [OP_LT] = "<",
        [OP_GE] = ">=",
        [OP_GT] = ">",
        [OP_ADD] = "+",
        [OP_SUB] = "-",
        [OP_MUL] = "*",
        [OP_DIV] = "/",
        [OP_MOD] = "%",
        [OP_ATAN2] = "atan2",
        [OP_POW] = "^",
        [OP_TRIM_UPPER] = "</",
        [OP_TRIM_LOWER] = ">/",
};

const char *op_text(enum op op)
{
	return op_texts[op];
}

void text_position(struct str text, size_t pos, int *line, int *column)
{
	*line = 1;
	*column = 1;
	for (size_t i = 0; i < pos && i < text.n; i++) {
		if (text.p[i] == '\n') {
			++*line;
			*column = 1;
		} else {
			++*column;
		}
	}
}

int parse_fail(struct err *e, struct str text, size_t pos, const char *fmt, ...)
{
	char words[400];
	int line, column;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(words, sizeof words, fmt, ap);
	va_end(ap);
	text_position(text, pos, &line, &column);
	err_set(e, ERR_INVALID, "%s", words);
	err_at(e, NULL, line, column, NULL);
	return ERR_INVALID;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
	return is_digit(c) || ((c | 32) >= 'a' && (c | 32) <= 'f');
}

static bool is_alpha(char c)
{
	return ((c | 32) >= 'a' && (c | 32) <= 'z') || c == '_';
}

static char peek(const struct lexer *l, size_t ahead)
{
	return l->at + ahead < l->text.n ? l->text.p[l->at + ahead] : '\0';
}

static struct token bad(struct lexer *l, size_t pos, const char *words, struct str what)
{
	struct token t = {.kind = TOK_BAD, .pos = pos, .end = l->at};

	parse_fail(l->e, l->text, pos, "%s" STR_FMT, words, (int)(what.n > 100 ? 100 : what.n), what.p);
	return t;
}

/* With what was read since pos, in quotes. */
static struct token bad_quoted(struct lexer *l, size_t pos, const char *words)
{
	struct token t = {.kind = TOK_BAD, .pos = pos, .end = l->at};
	size_t n = l->at - pos;

	parse_fail(l->e, l->text, pos, "%s\"" STR_FMT "\"", words, (int)(n > 100 ? 100 : n), l->text.p + pos);
	return t;
}

/* With the sign at byte `at`. */
static struct token bad_sign(struct lexer *l, const char *words, size_t at)
{
	struct token t = {.kind = TOK_BAD, .pos = l->at, .end = l->at};
	size_t i = at;

	if (at < l->text.n)
		utf8_next(l->text, &i);
	parse_fail(l->e, l->text, l->at, "%s'" STR_FMT "'", words, (int)(i - at), l->text.p + at);
	return t;
}

static void skip_blank(struct lexer *l)
{
	while (l->at < l->text.n) {
		char c = l->text.p[l->at];

		if (c == '#') {
			while (l->at < l->text.n && l->text.p[l->at] != '\n')
				l->at++;
		} else if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
			l->at++;
		} else {
			return;
		}
	}
}

/* Digits with single underscores between them. */
static void scan_digits(struct lexer *l, bool (*digit)(char))
{
	while (digit(peek(l, 0)) || (peek(l, 0) == '_' && digit(peek(l, 1))))
		l->at++;
}

/* 1h30m5s500ms: units from large to small, each at most once. One that is too long is infinite. */
static bool scan_duration(struct lexer *l, double *seconds)
{
	static const struct {
		const char *unit;
		double seconds;
	} units[] = {{"y", 365 * 86400.0}, {"w", 7 * 86400.0}, {"d", 86400}, {"h", 3600}, {"m", 60}, {"s", 1},
	        {"ms", 0.001}};
	size_t at = l->at, next = 0;
	double sum = 0;
	bool any = false;

	while (at < l->text.n && is_digit(l->text.p[at])) {
		double n = 0;
		size_t u, len;

		for (; at < l->text.n && is_digit(l->text.p[at]); at++)
			n = n * 10 + (l->text.p[at] - '0');
		for (u = next; u < ARRAY_LEN(units); u++) {
			len = strlen(units[u].unit);
			if (at + len <= l->text.n && memcmp(l->text.p + at, units[u].unit, len) == 0 &&
			        !(at + len < l->text.n && is_alpha(l->text.p[at + len])))
				break;
		}
		if (u == ARRAY_LEN(units))
			return false;
		sum += units[u].seconds == 0.001 ? n / 1000 : n * units[u].seconds;
		at += strlen(units[u].unit);
		next = u + 1;
		any = true;
	}
	if (!any)
		return false;
	l->at = at;
	*seconds = sum > 9.2e9 ? INFINITY : sum;
	return true;
}

static double integer_value(const char *s, size_t n, int base)
{
	double v = 0;

	for (size_t i = 0; i < n; i++)
		v = v * base + (is_digit(s[i]) ? s[i] - '0' : (s[i] | 32) - 'a' + 10);
	return v;
}

static bool octal_only(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (s[i] < '0' || s[i] > '7')
			return false;
	return true;
}

static bool is_one_of(char c, const char *signs)
{
	return c != '\0' && strchr(signs, c) != NULL;
}

/* Past what looks like durations, whatever their order; false if it ends in something else. */
static bool skip_durations(struct lexer *l)
{
	const char *units = "smhdwy";

	do {
		while (is_digit(peek(l, 0)))
			l->at++;
		if (!is_one_of(peek(l, 0), units))
			return false;
		l->at += is_one_of(peek(l, 1), "s") ? 2 : 1;
		units = "smhdw";
	} while (is_digit(peek(l, 0)));
	if (!is_alpha(peek(l, 0)))
		return true;
	l->at++;
	return false;
}

/* Of a number that goes on at l->at with what cannot: the words quote it as far as Prometheus reads it. */
static struct token bad_number(struct lexer *l, size_t pos)
{
	char c = peek(l, 0);

	if (c == '.') {
		l->at++;
	} else if (c == '_' || (c | 32) == 'e') {
		l->at++;
		if (c != '_' && is_one_of(peek(l, 0), "+-"))
			l->at++;
		if (is_one_of(peek(l, 0), "._eE"))
			l->at++;
	} else if (is_one_of(c, "smhdwy") && skip_durations(l)) {
		return bad_quoted(l, pos, "not a valid duration string: ");
	}
	return bad_quoted(l, pos, "bad number or duration syntax: ");
}

static struct token lex_number(struct lexer *l)
{
	struct token t = {.kind = TOK_NUMBER, .pos = l->at};
	bool hex = peek(l, 0) == '0' && (peek(l, 1) | 32) == 'x', plain = true;
	char buf[512];
	size_t n = 0;

	if (!hex && is_digit(peek(l, 0)) && scan_duration(l, &t.number)) {
		t.kind = TOK_DURATION;
		t.end = l->at;
		return isfinite(t.number) ? t : bad(l, t.pos, "duration out of range", STR_LIT(""));
	}
	if (hex) {
		l->at += 2;
		scan_digits(l, is_hex);
	} else {
		scan_digits(l, is_digit);
		if (peek(l, 0) == '.') {
			plain = false;
			l->at++;
			scan_digits(l, is_digit);
		}
		if ((peek(l, 0) | 32) == 'e' &&
		        (is_digit(peek(l, 1)) ||
		                ((peek(l, 1) == '+' || peek(l, 1) == '-') && is_digit(peek(l, 2))))) {
			plain = false;
			l->at += 2;
			scan_digits(l, is_digit);
		}
	}
	t.end = l->at;
	if (is_alpha(peek(l, 0)) || is_digit(peek(l, 0)) || peek(l, 0) == '.')
		return bad_number(l, t.pos);
	for (size_t i = t.pos; i < t.end; i++)
		if (l->text.p[i] != '_' && n < sizeof buf - 1)
			buf[n++] = l->text.p[i];
	buf[n] = '\0';
	if (hex) {
		if (n < 3)
			return bad(l, t.pos,
			        "error parsing number: strconv.ParseFloat: parsing \"0x\": invalid syntax",
			        STR_LIT(""));
		t.number = integer_value(buf + 2, n - 2, 16);
	} else if (plain && n > 1 && buf[0] == '0' && octal_only(buf, n)) {
		t.number = integer_value(buf, n, 8);
	} else {
		/* num_double does not take "2." or ".5"; both are made whole here. */
		char whole[520];
		size_t w = 0;

		for (size_t i = 0; i < n; i++) {
			if (buf[i] == '.' && (i == 0 || !is_digit(buf[i - 1])))
				whole[w++] = '0';
			whole[w++] = buf[i];
			if (buf[i] == '.' && (i + 1 == n || !is_digit(buf[i + 1])))
				whole[w++] = '0';
		}
		if (!num_double((struct str){whole, w}, false, &t.number)) {
			/* Past the range of a double: strtod gives the infinity or zero that Go gives. */
			whole[w] = '\0';
			t.number = strtod(whole, NULL);
		}
	}
	return t;
}

static int hex_value(char c)
{
	return is_digit(c) ? c - '0' : (c | 32) - 'a' + 10;
}

/* Sets *e as Go's scanner words it: `what U+0067 'g'…`. */
static void escape_fail(struct lexer *l, size_t start, const char *what, const char *where)
{
	size_t i = l->at;
	uint32_t c = 0;

	if (l->at >= l->text.n) {
		parse_fail(l->e, l->text, start, "escape sequence not terminated");
		return;
	}
	c = utf8_next(l->text, &i);
	parse_fail(l->e, l->text, start, "%s U+%04X '" STR_FMT "'%s", what, (unsigned)c, (int)(i - l->at),
	        l->text.p + l->at, where);
}

/* Reads an escape after its backslash; -1 with l->e set if it is none. *byte: a byte, not a code point. */
static int64_t scan_escape(struct lexer *l, size_t start, char quote, bool *byte)
{
	static const char from[] = "abfnrtv\\", to[] = "\a\b\f\n\r\t\v\\";
	char c = peek(l, 0);
	const char *at = c ? strchr(from, c) : NULL;
	int64_t v = 0;
	int digits, base = 16;

	*byte = false;
	if (at != NULL || (c == quote && c)) {
		l->at++;
		return at != NULL ? to[at - from] : quote;
	}
	if (c >= '0' && c <= '7') {
		digits = 3;
		base = 8;
		*byte = true;
	} else if (c == 'x') {
		digits = 2;
		*byte = true;
	} else if (c == 'u') {
		digits = 4;
	} else if (c == 'U') {
		digits = 8;
	} else {
		escape_fail(l, start, "unknown escape sequence", "");
		return -1;
	}
	if (base == 16)
		l->at++;
	for (int i = 0; i < digits; i++) {
		c = peek(l, 0);
		if (base == 8 ? c < '0' || c > '7' : !is_hex(c)) {
			escape_fail(l, start, "illegal character", " in escape sequence");
			return -1;
		}
		v = v * base + hex_value(c);
		l->at++;
	}
	if (*byte ? v > 255 : (v > 0x10ffff || (v >= 0xd800 && v < 0xe000))) {
		parse_fail(l->e, l->text, start, "escape sequence is an invalid Unicode code point");
		return -1;
	}
	return v;
}

static struct token lex_string(struct lexer *l)
{
	struct token t = {.kind = TOK_STRING, .pos = l->at};
	char quote = l->text.p[l->at++], *out;
	size_t n = 0;

	out = arena_alloc(l->a, l->text.n - l->at + 1);
	if (out == NULL) {
		err_set(l->e, ERR_NOMEM, "out of memory for a query");
		t.kind = TOK_BAD;
		return t;
	}
	for (;;) {
		char c = peek(l, 0);

		if (l->at >= l->text.n || (c == '\n' && quote != '`'))
			return bad(l, t.pos,
			        quote == '`' ? "unterminated raw string" : "unterminated quoted string",
			        STR_LIT(""));
		l->at++;
		if (c == quote)
			break;
		if (c == '\\' && quote != '`') {
			bool byte;
			int64_t v = scan_escape(l, t.pos, quote, &byte);

			if (v < 0)
				return (struct token){.kind = TOK_BAD, .pos = t.pos, .end = l->at};
			/* An escape is never shorter than what it stands for. */
			if (byte)
				out[n++] = (char)v;
			else
				n += utf8_encode((uint32_t)v, out + n);
			continue;
		}
		out[n++] = c;
	}
	t.end = l->at;
	t.text = (struct str){out, n};
	return t;
}

static struct token punct(struct lexer *l, enum tok kind, enum op op, size_t len)
{
	struct token t = {.kind = kind, .op = op, .pos = l->at, .end = l->at + len};

	l->at += len;
	t.text = (struct str){l->text.p + t.pos, len};
	return t;
}

struct token lex_next(struct lexer *l)
{
	struct token t = {.kind = TOK_END};
	char c, d;

	skip_blank(l);
	t.pos = t.end = l->at;
	if (l->at >= l->text.n) {
		if (l->braces)
			return bad(l, l->at, "unexpected end of input inside braces", STR_LIT(""));
		if (l->parens > 0)
			return bad(l, l->at, "unclosed left parenthesis", STR_LIT(""));
		if (l->brackets > 0)
			return bad(l, l->at, "unclosed left bracket", STR_LIT(""));
		return t;
	}
	c = peek(l, 0);
	d = peek(l, 1);
	if (l->braces && !is_alpha(c) && strchr("{},=!\"'`", c) == NULL)
		return bad_sign(l, "unexpected character inside braces: ", l->at);
	if (is_alpha(c) || (c == ':' && l->brackets == 0)) {
		while (is_alpha(peek(l, 0)) || is_digit(peek(l, 0)) ||
		        (peek(l, 0) == ':' && l->brackets == 0 && !l->braces))
			l->at++;
		t.kind = TOK_IDENT;
		t.end = l->at;
		t.text = (struct str){l->text.p + t.pos, t.end - t.pos};
		return t;
	}
	if (is_digit(c) || (c == '.' && is_digit(d)))
		return lex_number(l);
	switch (c) {
	case '"':
	case '\'':
	case '`': return lex_string(l);
	case '(': l->parens++; return punct(l, TOK_LPAREN, OP_NONE, 1);
	case ')':
		if (l->parens == 0)
			return bad(l, l->at + 1, "unexpected right parenthesis ')'", STR_LIT(""));
		l->parens--;
		return punct(l, TOK_RPAREN, OP_NONE, 1);
	case '{':
		if (l->braces)
			return bad(l, l->at, "unexpected left brace '{'", STR_LIT(""));
		l->braces = true;
		return punct(l, TOK_LBRACE, OP_NONE, 1);
	case '}':
		if (!l->braces)
			return bad(l, l->at, "unexpected character: '}'", STR_LIT(""));
		l->braces = false;
		return punct(l, TOK_RBRACE, OP_NONE, 1);
	case '[':
		if (l->brackets > 0)
			return bad(l, l->at, "unexpected left bracket '['", STR_LIT(""));
		l->brackets++;
		l->colon = false;
		return punct(l, TOK_LBRACKET, OP_NONE, 1);
	case ']':
		if (l->brackets == 0)
			return bad(l, l->at, "unexpected right bracket ']'", STR_LIT(""));
		l->brackets--;
		return punct(l, TOK_RBRACKET, OP_NONE, 1);
	case ',': return punct(l, TOK_COMMA, OP_NONE, 1);
	case ':':
		if (l->colon)
			return bad(l, l->at, "unexpected colon ':'", STR_LIT(""));
		l->colon = true;
		return punct(l, TOK_COLON, OP_NONE, 1);
	case '@': return punct(l, TOK_AT, OP_NONE, 1);
	case '+': return punct(l, TOK_OP, OP_ADD, 1);
	case '-': return punct(l, TOK_OP, OP_SUB, 1);
	case '*': return punct(l, TOK_OP, OP_MUL, 1);
	case '/': return punct(l, TOK_OP, OP_DIV, 1);
	case '%': return punct(l, TOK_OP, OP_MOD, 1);
	case '^': return punct(l, TOK_OP, OP_POW, 1);
	case '=':
		if (d == '~')
			return l->braces ? punct(l, TOK_MATCH_RE, OP_NONE, 2)
			                 : bad_sign(l, "unexpected character after '=': ", l->at + 1);
		return d == '=' && !l->braces ? punct(l, TOK_OP, OP_EQ, 2) : punct(l, TOK_ASSIGN, OP_NONE, 1);
	case '!':
		if (d == '=')
			return punct(l, TOK_OP, OP_NE, 2);
		if (d == '~' && l->braces)
			return punct(l, TOK_MATCH_NRE, OP_NONE, 2);
		return bad_sign(l,
		        l->braces ? "unexpected character after '!' inside braces: "
		                  : "unexpected character after '!': ",
		        l->at + 1);
	case '<':
		if (d == '/')
			return punct(l, TOK_OP, OP_TRIM_UPPER, 2);
		return d == '=' ? punct(l, TOK_OP, OP_LE, 2) : punct(l, TOK_OP, OP_LT, 1);
	case '>':
		if (d == '/')
			return punct(l, TOK_OP, OP_TRIM_LOWER, 2);
		return d == '=' ? punct(l, TOK_OP, OP_GE, 2) : punct(l, TOK_OP, OP_GT, 1);
	default: break;
	}
	return bad_sign(l, "unexpected character: ", l->at);
}
