#include "base/csv.h"

#include "base/num.h"

void csv_init(struct csv *c, struct str text, char sep)
{
	if (!text.p)
		text = STR_LIT("");
	if (text.n >= 3 && memcmp(text.p, "\xef\xbb\xbf", 3) == 0) {
		text.p += 3;
		text.n -= 3;
	}
	*c = (struct csv){.rest = text, .sep = sep, .next_line = 1};
}

static int bad(struct csv *c, const char *words)
{
	c->bad = words;
	return -1;
}

/* Past one end of line: LF, CRLF, or the CR alone of very old spreadsheets. */
static const char *skip_newline(const char *p, const char *end)
{
	if (*p == '\r' && p + 1 < end && p[1] == '\n')
		return p + 2;
	return p + 1;
}

static bool is_newline(char c)
{
	return c == '\n' || c == '\r';
}

static bool add_field(struct csv *c, struct arena *a, struct str s)
{
	struct str *grown = arena_grow(a, c->field, &c->cap, (size_t)c->fields + 1, sizeof(*c->field));

	if (!grown)
		return false;
	c->field = grown;
	c->field[c->fields++] = s;
	return true;
}

/* p is behind the opening quote; *out is the text between the quotes, doubled ones made one. */
static const char *quoted_field(struct csv *c, struct arena *a, const char *p, struct str *out)
{
	const char *end = c->rest.p + c->rest.n, *from = p;
	size_t doubled = 0, n = 0;
	char *copy;

	for (;; p++) {
		if (p == end) {
			bad(c, "a quoted field has no closing quote");
			return NULL;
		}
		if (*p == '"') {
			if (p + 1 == end || p[1] != '"')
				break;
			doubled++;
			p++;
		} else if (*p == '\n' || (*p == '\r' && (p + 1 == end || p[1] != '\n'))) {
			c->next_line++;
		}
	}
	*out = (struct str){from, (size_t)(p - from)};
	if (doubled) {
		copy = arena_alloc(a, out->n);
		if (!copy) {
			bad(c, "the row is larger than the memory allowed for it");
			return NULL;
		}
		for (const char *s = from; s < p; s++) {
			copy[n++] = *s;
			s += *s == '"';
		}
		*out = (struct str){copy, n};
	}
	return p + 1;
}

int csv_row(struct csv *c, struct arena *a)
{
	const char *p = c->rest.p, *end = p + c->rest.n, *start;

	if (c->bad)
		return -1;
	/* The array of the row before lives in the arena, which its owner may have reset meanwhile. */
	c->field = NULL;
	c->fields = 0;
	c->cap = 0;
	while (p < end && is_newline(*p)) {
		p = skip_newline(p, end);
		c->next_line++;
	}
	c->line = c->next_line;
	c->rest = (struct str){p, (size_t)(end - p)};
	start = p;
	if (p == end)
		return 0;
	for (;;) {
		struct str field;
		if (p < end && *p == '"') {
			p = quoted_field(c, a, p + 1, &field);
			if (!p)
				return -1;
			if (p < end && *p != c->sep && !is_newline(*p))
				return bad(c, "there is text behind a closing quote; a quote inside a quoted "
				              "field is "
				              "written twice");
		} else {
			const char *from = p;
			while (p < end && *p != c->sep && !is_newline(*p) && *p != '"')
				p++;
			if (p < end && *p == '"')
				return bad(c, "a quote inside a field without quotes; quote the field and "
				              "double the "
				              "quote");
			field = (struct str){from, (size_t)(p - from)};
		}
		if (!add_field(c, a, field))
			return bad(c, "the row is larger than the memory allowed for it");
		if (p == end || *p != c->sep)
			break;
		p++;
	}
	if (!utf8_valid((struct str){start, (size_t)(p - start)}))
		return bad(c, "not UTF-8 text; save the file as CSV UTF-8 (it may be GBK now)");
	if (p < end) {
		p = skip_newline(p, end);
		c->next_line++;
	}
	c->rest = (struct str){p, (size_t)(end - p)};
	return c->fields;
}

/* What a spreadsheet takes for the begin of a formula; East Asian ones take the wide forms too. */
static bool looks_like_formula(struct str s)
{
	static const char *const starts[] = {"=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠"};
	double number;

	for (size_t i = 0; i < ARRAY_LEN(starts); i++) {
		if (str_starts(s, starts[i]))
			return !num_double(s, false, &number);
	}
	return false;
}

void csv_put(struct sb *b, struct str field, bool first, bool guard_formula)
{
	bool guard = guard_formula && looks_like_formula(field), quote = false;

	if (!first)
		sb_putc(b, ',');
	for (size_t i = 0; i < field.n && !quote; i++)
		quote = field.p[i] == ',' || field.p[i] == '"' || is_newline(field.p[i]);
	/* Some readers trim what is not quoted. */
	if (field.n > 0 && (field.p[0] == ' ' || field.p[field.n - 1] == ' '))
		quote = true;
	if (quote)
		sb_putc(b, '"');
	if (guard)
		sb_putc(b, '\'');
	if (!quote) {
		sb_putstr(b, field);
		return;
	}
	for (size_t i = 0; i < field.n; i++) {
		if (field.p[i] == '"')
			sb_putc(b, '"');
		sb_putc(b, field.p[i]);
	}
	sb_putc(b, '"');
}

void csv_end(struct sb *b)
{
	sb_put(b, "\r\n", 2);
}
