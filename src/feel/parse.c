/*
 * parse - FEEL text to a tree. By recursive descent straight from the characters: what is a name
 * depends on the names in scope, so there can be no lexer that does not know them.
 */
#include "feel/feel_int.h"

#include <stdarg.h>

#define DEPTH_MAX 200
#define TEXT_MAX (1 << 20)

struct scope_name {
	struct str name;
	struct scope_name *next;
};

struct parser {
	struct arena *a;
	const char *start, *p, *end;
	const struct feel_names *names;
	struct scope_name *local;  /* names bound inside the expression, innermost first */
	struct scope_name *member; /* keys of contexts written in the expression */
	int depth;
	int in_filter;
	bool no_filter; /* at the end of a range: [ closes it */
	bool saw_input;
	struct {
		const char *at;
		int line, column;
	} last; /* see position() */
	int rc;
	struct err *e;
};

typedef struct feel_node node;

static node *expression(struct parser *p);
static node *additive(struct parser *p);
static node *unary(struct parser *p);
static node *tests_list(struct parser *p, char close);

static int code_point(const struct parser *p, const char *at, uint32_t *cp)
{
	struct str s = {at, (size_t)(p->end - at)};
	size_t i = 0;

	if (at >= p->end) {
		*cp = 0;
		return 0;
	}
	if ((unsigned char)*at < 0x80) {
		*cp = (unsigned char)*at;
		return 1;
	}
	*cp = utf8_next(s, &i);
	return (int)i;
}

/* Mostly asked with places that move on, so it goes on from the last one. */
static void position(struct parser *p, const char *at, int *line, int *column)
{
	const char *c = p->start;

	*line = 1;
	*column = 1;
	if (p->last.at && at >= p->last.at) {
		c = p->last.at;
		*line = p->last.line;
		*column = p->last.column;
	}
	for (; c < at; c++) {
		if (*c == '\n') {
			++*line;
			*column = 1;
		} else if (((unsigned char)*c & 0xc0) != 0x80) {
			++*column;
		}
	}
	p->last.at = at;
	p->last.line = *line;
	p->last.column = *column;
}

static node *fail_at(struct parser *p, const char *at, const char *fmt, ...) PRINTF_LIKE(3, 4);
static node *fail_at(struct parser *p, const char *at, const char *fmt, ...)
{
	char words[300];
	int line, column;
	va_list ap;

	if (p->rc < 0)
		return NULL;
	va_start(ap, fmt);
	vsnprintf(words, sizeof(words), fmt, ap);
	va_end(ap);
	position(p, at, &line, &column);
	p->rc = err_set(p->e, ERR_INVALID, "%s", words);
	err_at(p->e, NULL, line, column, NULL);
	p->rc = ERR_INVALID;
	return NULL;
}

static node *no_memory(struct parser *p)
{
	if (p->rc == 0) {
		err_set(p->e, ERR_NOMEM, "the expression needs more memory than allowed");
		p->rc = ERR_NOMEM;
	}
	return NULL;
}

static bool is_space(uint32_t c)
{
	return c == ' ' || (c >= 9 && c <= 13) || c == 0x85 || c == 0xa0 || c == 0x1680 || c == 0x180e ||
	       (c >= 0x2000 && c <= 0x200b) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f ||
	       c == 0x3000 || c == 0xfeff;
}

static bool is_name_start(uint32_t c)
{
	if (c < 0x80)
		return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '?';
	return (c >= 0xc0 && c <= 0x2ff && c != 0xd7 && c != 0xf7) ||
	       (c >= 0x370 && c <= 0x1fff && c != 0x37e && c != 0x1680 && c != 0x180e) || c == 0x200c ||
	       c == 0x200d || (c >= 0x2070 && c <= 0x218f) || (c >= 0x2c00 && c <= 0x2fef) ||
	       (c >= 0x3001 && c <= 0xd7ff) || (c >= 0xf900 && c <= 0xfdcf) ||
	       (c >= 0xfdf0 && c <= 0xfffc && c != 0xfeff) || (c >= 0x10000 && c <= 0xeffff);
}

static bool is_name_part(uint32_t c)
{
	return is_name_start(c) || (c >= '0' && c <= '9') || c == 0xb7 || (c >= 0x300 && c <= 0x36f) ||
	       c == 0x203f || c == 0x2040;
}

static void skip(struct parser *p)
{
	uint32_t c;
	int n;

	for (;;) {
		n = code_point(p, p->p, &c);
		if (n && is_space(c)) {
			p->p += n;
		} else if (p->end - p->p >= 2 && p->p[0] == '/' && p->p[1] == '/') {
			while (p->p < p->end && *p->p != '\n')
				p->p++;
		} else if (p->end - p->p >= 2 && p->p[0] == '/' && p->p[1] == '*') {
			const char *at = p->p;

			for (p->p += 2; p->p + 1 < p->end && !(p->p[0] == '*' && p->p[1] == '/'); p->p++)
				;
			if (p->p + 1 >= p->end) {
				fail_at(p, at, "this comment has no end");
				p->p = p->end;
				return;
			}
			p->p += 2;
		} else {
			return;
		}
	}
}

static char peek(struct parser *p)
{
	skip(p);
	return p->p < p->end ? *p->p : 0;
}

static bool looking_at(struct parser *p, const char *op)
{
	size_t n = strlen(op);

	skip(p);
	return (size_t)(p->end - p->p) >= n && memcmp(p->p, op, n) == 0;
}

static bool take(struct parser *p, const char *op)
{
	if (!looking_at(p, op))
		return false;
	p->p += strlen(op);
	return true;
}

/* What stands here, for messages. */
static const char *here(struct parser *p, char buf[40])
{
	uint32_t c;
	int n, used = 0;
	const char *at;

	skip(p);
	if (p->p >= p->end)
		return "the end";
	buf[used++] = '"';
	at = p->p;
	while (used < 32 && (n = code_point(p, at, &c)) && (is_name_part(c) || at == p->p)) {
		if (used + n > 36)
			break;
		memcpy(buf + used, at, (size_t)n);
		used += n;
		at += n;
	}
	buf[used++] = '"';
	buf[used] = 0;
	return buf;
}

static bool expect(struct parser *p, const char *op, const char *what)
{
	char buf[40];

	if (p->rc < 0)
		return false;
	if (take(p, op))
		return true;
	fail_at(p, p->p, "expected \"%s\" %s, found %s", op, what, here(p, buf));
	return false;
}

/* The plain word that begins here (name characters only), without taking it. */
static struct str word(struct parser *p)
{
	const char *at;
	uint32_t c;
	int n;

	skip(p);
	at = p->p;
	n = code_point(p, at, &c);
	if (!n || !is_name_start(c))
		return STR_NULL;
	if (c == '?') /* the input stands alone: ?>5 */
		return (struct str){at, 1};
	do {
		at += n;
		n = code_point(p, at, &c);
	} while (n && is_name_part(c));
	return (struct str){p->p, (size_t)(at - p->p)};
}

static bool take_word(struct parser *p, const char *w)
{
	if (!str_is(word(p), w))
		return false;
	p->p += strlen(w);
	return true;
}

static bool is_keyword(struct str w)
{
	static const char *const keywords[] = {"and", "or", "between", "in", "if", "then", "else", "for",
	        "return", "some", "every", "satisfies", "instance", "function", "external", "true", "false",
	        "null"};

	for (size_t i = 0; i < ARRAY_LEN(keywords); i++)
		if (str_is(w, keywords[i]))
			return true;
	return false;
}

/*
 * How many characters of the text here are the name, 0 if it does not stand here. White space in the
 * text counts only where the name has it, except around the marks . / - ' + * where it is free.
 */
static size_t match_name(struct parser *p, struct str name)
{
	const char *t = p->p;
	size_t i = 0;
	uint32_t c, last = 0;
	int n;

	while (i < name.n) {
		struct str rest = {name.p + i, name.n - i};
		size_t k = 0;
		uint32_t want = utf8_next(rest, &k);

		if (is_space(want)) {
			const char *before = t;

			i += k;
			while ((n = code_point(p, t, &c)) && is_space(c))
				t += n;
			if (t == before && is_name_part(last)) {
				n = code_point(p, t, &c);
				if (n && is_name_part(c))
					return 0;
			}
			continue;
		}
		if (!is_name_part(want) || !is_name_part(last))
			while ((n = code_point(p, t, &c)) && is_space(c) && last)
				t += n;
		n = code_point(p, t, &c);
		if (!n || c != want)
			return 0;
		t += n;
		i += k;
		last = want;
	}
	n = code_point(p, t, &c);
	if (n && is_name_part(last) && last != '?' && is_name_part(c))
		return 0;
	return (size_t)(t - p->p);
}

struct match {
	size_t n;
	struct str name;
};

static void consider(struct parser *p, struct str name, struct match *best)
{
	size_t n;

	/* Most names differ in the first byte already. */
	if (name.n == 0 || p->p == p->end || name.p[0] != *p->p)
		return;
	n = match_name(p, name);
	if (n > best->n)
		*best = (struct match){n, name};
}

static struct match longest_member(struct parser *p)
{
	struct match best = {0, STR_NULL};

	for (struct scope_name *s = p->member; s; s = s->next)
		consider(p, s->name, &best);
	for (int i = 0; p->names && i < p->names->members; i++)
		consider(p, p->names->member[i], &best);
	return best;
}

static struct match longest_name(struct parser *p)
{
	struct match best = {0, STR_NULL};
	const struct str *builtin;
	int n;

	for (struct scope_name *s = p->local; s; s = s->next)
		consider(p, s->name, &best);
	for (int i = 0; p->names && i < p->names->n; i++)
		consider(p, p->names->name[i], &best);
	builtin = feel__builtin_names(&n);
	for (int i = 0; i < n; i++)
		consider(p, builtin[i], &best);
	return best;
}

/* The names given for compiling may go before the expression does. */
static struct str kept(struct parser *p, struct str name)
{
	char *copy = arena_strndup(p->a, name.p, name.n);

	if (!copy) {
		no_memory(p);
		return STR_NULL;
	}
	return (struct str){copy, name.n};
}

/* Copies a name with each run of white space made one space. */
static struct str tidy_name(struct parser *p, struct str raw)
{
	char *out = arena_alloc(p->a, raw.n + 1);
	size_t n = 0, i = 0;
	bool gap = false;

	if (!out) {
		no_memory(p);
		return STR_NULL;
	}
	while (i < raw.n) {
		size_t at = i;
		uint32_t c = utf8_next(raw, &i);

		if (is_space(c)) {
			gap = n > 0;
			continue;
		}
		if (gap)
			out[n++] = ' ';
		gap = false;
		memcpy(out + n, raw.p + at, i - at);
		n += i - at;
	}
	return (struct str){out, n};
}

/* Words that stand side by side are one name, until a keyword. */
static struct str words_name(struct parser *p)
{
	const char *from, *to;
	struct str w = word(p);

	from = p->p;
	to = from;
	while (w.n && (!is_keyword(w) || to == from)) {
		p->p += w.n;
		to = p->p;
		if (w.n == 1 && *w.p == '?')
			break;
		w = word(p);
		/* digits may follow as a word of their own: "line 2" */
		if (!w.n && p->p > to && p->p < p->end && *p->p >= '0' && *p->p <= '9') {
			const char *d = p->p;

			while (d < p->end && *d >= '0' && *d <= '9')
				d++;
			w = (struct str){p->p, (size_t)(d - p->p)};
		}
	}
	p->p = to;
	return tidy_name(p, (struct str){from, (size_t)(to - from)});
}

/* A name being declared (key, parameter, variable): up to one of the characters, or the word `in`. */
static struct str declared_name(struct parser *p, const char *until, bool until_in)
{
	const char *from, *to;
	uint32_t c;
	int n;

	skip(p);
	from = to = p->p;
	n = code_point(p, p->p, &c);
	if (!n || !is_name_start(c) || c == '?') {
		char buf[40];

		fail_at(p, p->p, "expected a name, found %s", here(p, buf));
		return STR_NULL;
	}
	for (;;) {
		if (until_in && to > from && str_is(word(p), "in"))
			break;
		n = code_point(p, p->p, &c);
		if (!n || (c < 0x80 && strchr(until, (int)c)))
			break;
		if (is_space(c)) {
			p->p += n;
			continue;
		}
		if (!is_name_part(c) && !(c < 0x80 && strchr("./-'+*", (int)c))) {
			fail_at(p, p->p, "this character cannot be part of a name");
			return STR_NULL;
		}
		if (is_name_part(c)) {
			while (n && is_name_part(c)) {
				p->p += n;
				n = code_point(p, p->p, &c);
			}
		} else {
			p->p += n;
		}
		to = p->p;
	}
	p->p = to;
	return tidy_name(p, (struct str){from, (size_t)(to - from)});
}

static void bind(struct parser *p, struct scope_name **list, struct str name)
{
	struct scope_name *s = arena_alloc(p->a, sizeof(*s));

	if (!s) {
		no_memory(p);
		return;
	}
	s->name = name;
	s->next = *list;
	*list = s;
}

static node *make(struct parser *p, enum feel_node_kind kind, const char *at)
{
	node *x = arena_alloc(p->a, sizeof(*x));

	if (!x)
		return no_memory(p);
	x->kind = (uint8_t)kind;
	position(p, at, &x->line, &x->column);
	return x;
}

static void add_kid(struct parser *p, node *x, node *kid)
{
	if (!x || !kid || p->rc < 0)
		return;
	/* doubled at powers of two */
	if ((x->n & (x->n - 1)) == 0) {
		node **more = arena_array(p->a, x->n ? (size_t)x->n * 2 : 1, sizeof(*more));

		if (!more) {
			no_memory(p);
			return;
		}
		if (x->n)
			memcpy(more, x->kid, (size_t)x->n * sizeof(*more));
		x->kid = more;
	}
	x->kid[x->n++] = kid;
}

static void add_name(struct parser *p, node *x, struct str name)
{
	if (!x || p->rc < 0)
		return;
	if ((x->names_n & (x->names_n - 1)) == 0) {
		struct str *more = arena_array(p->a, x->names_n ? (size_t)x->names_n * 2 : 1, sizeof(*more));

		if (!more) {
			no_memory(p);
			return;
		}
		if (x->names_n)
			memcpy(more, x->names, (size_t)x->names_n * sizeof(*more));
		x->names = more;
	}
	x->names[x->names_n++] = name;
}

static node *make2(struct parser *p, enum feel_node_kind kind, const char *at, node *a, node *b)
{
	node *x = make(p, kind, at);

	add_kid(p, x, a);
	add_kid(p, x, b);
	return p->rc < 0 ? NULL : x;
}

static bool enter(struct parser *p)
{
	if (p->rc < 0)
		return false;
	if (++p->depth > DEPTH_MAX) {
		fail_at(p, p->p, "nested deeper than %d levels; split the expression", DEPTH_MAX);
		return false;
	}
	return true;
}

static node *leave(struct parser *p, node *x)
{
	p->depth--;
	return p->rc < 0 ? NULL : x;
}

/* ---- literals ---- */

static node *constant(struct parser *p, const char *at, struct feel_value v)
{
	node *x = make(p, N_CONST, at);

	if (x)
		x->value = v;
	return x;
}

static bool is_digit(const struct parser *p, const char *at)
{
	return at < p->end && *at >= '0' && *at <= '9';
}

static node *number(struct parser *p)
{
	const char *from = p->p;
	struct feel_value v = {.type = FEEL_NUMBER};

	while (is_digit(p, p->p))
		p->p++;
	if (p->p < p->end && *p->p == '.' && is_digit(p, p->p + 1)) {
		p->p++;
		while (is_digit(p, p->p))
			p->p++;
	}
	if (p->p < p->end && (*p->p == 'e' || *p->p == 'E')) {
		const char *x = p->p + 1;

		if (x < p->end && (*x == '+' || *x == '-'))
			x++;
		if (is_digit(p, x)) {
			while (is_digit(p, x))
				x++;
			p->p = x;
		}
	}
	if (!feel_number_parse((struct str){from, (size_t)(p->p - from)}, &v.number))
		return fail_at(p, from, "this number is too large");
	return constant(p, from, v);
}

static int hex(const struct parser *p, const char *at, int n, uint32_t *out)
{
	uint32_t v = 0;

	for (int i = 0; i < n; i++) {
		char c = at + i < p->end ? at[i] : 0;

		if (c >= '0' && c <= '9')
			v = v * 16 + (uint32_t)(c - '0');
		else if ((c | 32) >= 'a' && (c | 32) <= 'f')
			v = v * 16 + (uint32_t)((c | 32) - 'a' + 10);
		else
			return -1;
	}
	*out = v;
	return 0;
}

/* The text of a string literal; the opening quote stands here. */
static bool string_text(struct parser *p, struct str *out)
{
	const char *from = p->p++, *at = p->p;
	char *buf;
	size_t n = 0;

	while (at < p->end && *at != '"')
		at += *at == '\\' && at + 1 < p->end ? 2 : 1;
	if (at >= p->end) {
		fail_at(p, from, "this text has no closing quote");
		return false;
	}
	buf = arena_alloc(p->a, (size_t)(at - p->p) + 4);
	if (!buf) {
		no_memory(p);
		return false;
	}
	while (*p->p != '"') {
		uint32_t cp, low;
		char c = *p->p;

		if (c != '\\') {
			buf[n++] = c;
			p->p++;
			continue;
		}
		c = p->p[1];
		switch (c) {
		case 'n': buf[n++] = '\n'; break;
		case 't': buf[n++] = '\t'; break;
		case 'r': buf[n++] = '\r'; break;
		case '"':
		case '\'':
		case '\\': buf[n++] = c; break;
		case 'u':
		case 'U':
			if (hex(p, p->p + 2, c == 'u' ? 4 : 6, &cp) < 0) {
				fail_at(p, p->p, "\\%c takes %d hexadecimal digits", c, c == 'u' ? 4 : 6);
				return false;
			}
			p->p += c == 'u' ? 4 : 6;
			if (cp >= 0xd800 && cp < 0xdc00 && p->p + 3 < p->end && p->p[2] == '\\' &&
			        p->p[3] == 'u' && hex(p, p->p + 4, 4, &low) == 0 && low >= 0xdc00 &&
			        low < 0xe000) {
				cp = 0x10000 + ((cp - 0xd800) << 10) + (low - 0xdc00);
				p->p += 6;
			}
			n += utf8_encode(cp, buf + n);
			break;
		default: /* a regular expression is full of these: "\d" stays as it is */
			buf[n++] = '\\';
			buf[n++] = c;
		}
		p->p += 2;
	}
	p->p++;
	*out = (struct str){buf, n};
	return true;
}

static node *string(struct parser *p)
{
	const char *at = p->p;
	struct str s;

	if (!string_text(p, &s))
		return NULL;
	return constant(p, at, feel_string(s));
}

static node *at_literal(struct parser *p)
{
	const char *at = p->p++;
	struct feel_value v;
	struct str s;

	if (peek(p) != '"')
		return fail_at(p, p->p, "after @ stands a text in quotes: @\"2026-07-14\"");
	if (!string_text(p, &s))
		return NULL;
	if (!feel__parse_at(s, &v))
		v = FEEL_NULL_VALUE;
	return constant(p, at, v);
}

/* ---- types ---- */

static struct feel_type_ref *type(struct parser *p)
{
	struct feel_type_ref *t;
	const char *from;
	char buf[40];

	if (!enter(p))
		return NULL;
	t = arena_alloc(p->a, sizeof(*t));
	skip(p);
	from = p->p;
	if (!t) {
		no_memory(p);
		goto out;
	}
	if (take_word(p, "function"))
		t->name = STR_LIT("function");
	else if (take_word(p, "null"))
		t->name = STR_LIT("null");
	else
		t->name = words_name(p);
	if (!t->name.n) {
		fail_at(p, from, "expected the name of a type, found %s", here(p, buf));
		goto out;
	}
	while (take(p, ".")) { /* a type of an imported model */
		struct str more = words_name(p);

		t->name = str_of(arena_printf(p->a, STR_FMT "." STR_FMT, STR_ARG(t->name), STR_ARG(more)));
	}
	if ((str_is(t->name, "list") || str_is(t->name, "range")) && take(p, "<")) {
		t->arg = type(p);
		t->n = 1;
		(void)expect(p, ">", "after the type");
	} else if ((str_is(t->name, "context") || str_is(t->name, "function")) && take(p, "<")) {
		bool context = str_is(t->name, "context");
		size_t cap = 0, names = 0;

		while (p->rc == 0 && peek(p) != '>') {
			struct feel_type_ref *more =
			        arena_grow(p->a, t->arg, &cap, (size_t)t->n + 1, sizeof(*more));
			struct feel_type_ref *one;

			if (!more) {
				no_memory(p);
				goto out;
			}
			t->arg = more;
			if (context) {
				struct str *m =
				        arena_grow(p->a, t->member, &names, (size_t)t->n + 1, sizeof(*m));

				if (!m) {
					no_memory(p);
					goto out;
				}
				t->member = m;
				m[t->n] = declared_name(p, ":", false);
				(void)expect(p, ":", "after the name");
			}
			one = type(p);
			if (!one)
				goto out;
			t->arg[t->n++] = *one;
			if (!take(p, ","))
				break;
		}
		(void)expect(p, ">", "after the types");
		if (!context && p->rc == 0 && take(p, "->"))
			t->result = type(p);
	}
out:
	p->depth--;
	return p->rc < 0 ? NULL : t;
}

/* ---- primaries ---- */

static node *range_rest(struct parser *p, const char *at, node *low, bool low_in)
{
	node *x, *high;
	bool saved = p->no_filter;

	p->no_filter = true;
	high = additive(p);
	p->no_filter = saved;
	if (!high)
		return NULL;
	x = make2(p, N_RANGE, at, low, high);
	if (!x)
		return NULL;
	x->op = low_in ? RANGE_LOW_IN : 0;
	if (take(p, "]"))
		x->op |= RANGE_HIGH_IN;
	else if (!take(p, ")") && !take(p, "["))
		return fail_at(p, p->p, "a range ends with ], ) or [");
	return x;
}

static bool at_dots(struct parser *p)
{
	return looking_at(p, "..");
}

static node *bracket(struct parser *p)
{
	const char *at = p->p++;
	node *x, *first;
	bool saved = p->no_filter;

	p->no_filter = false;
	if (peek(p) == ']') {
		p->p++;
		p->no_filter = saved;
		return make(p, N_LIST, at);
	}
	first = expression(p);
	if (first && take(p, "..")) {
		x = range_rest(p, at, first, true);
		p->no_filter = saved;
		return x;
	}
	x = make(p, N_LIST, at);
	add_kid(p, x, first);
	while (p->rc == 0 && take(p, ","))
		add_kid(p, x, expression(p));
	(void)expect(p, "]", "after the elements of a list");
	p->no_filter = saved;
	return p->rc < 0 ? NULL : x;
}

static node *paren(struct parser *p)
{
	const char *at = p->p++;
	node *x;
	bool saved = p->no_filter;

	p->no_filter = false;
	x = expression(p);
	if (x && take(p, ".."))
		x = range_rest(p, at, x, false);
	else
		(void)expect(p, ")", "after the expression");
	p->no_filter = saved;
	return p->rc < 0 ? NULL : x;
}

static node *context(struct parser *p)
{
	const char *at = p->p++;
	node *x = make(p, N_CONTEXT, at);
	struct scope_name *saved = p->local;
	bool saved_filter = p->no_filter;

	p->no_filter = false;
	while (p->rc == 0 && peek(p) != '}') {
		struct str key;

		if (peek(p) == '"') {
			if (!string_text(p, &key))
				return NULL;
		} else {
			key = declared_name(p, ":", false);
		}
		if (!expect(p, ":", "after the key"))
			return NULL;
		for (int i = 0; i < x->names_n; i++)
			if (str_eq(x->names[i], key))
				return fail_at(p, p->p, "the key \"" STR_FMT "\" stands twice", STR_ARG(key));
		/* The entry may call itself, if it is a function. */
		bind(p, &p->local, key);
		bind(p, &p->member, key);
		add_kid(p, x, expression(p));
		add_name(p, x, key);
		if (!take(p, ","))
			break;
	}
	(void)expect(p, "}", "after the entries of a context");
	p->local = saved;
	p->no_filter = saved_filter;
	return p->rc < 0 ? NULL : x;
}

static node *function_definition(struct parser *p, const char *at)
{
	node *x = make(p, N_FUNCTION, at);
	struct scope_name *saved = p->local;
	size_t cap = 0;

	if (!x || !expect(p, "(", "after function"))
		return NULL;
	while (p->rc == 0 && peek(p) != ')') {
		struct str name = declared_name(p, ",:)", false);
		struct feel_type_ref **more, *t = NULL;

		more = arena_grow(
		        p->a, x->types, &cap, (size_t)x->names_n + 1, sizeof(struct feel_type_ref *));
		if (!more)
			return no_memory(p);
		x->types = more;
		if (p->rc == 0 && take(p, ":"))
			t = type(p);
		x->types[x->names_n] = t;
		add_name(p, x, name);
		bind(p, &p->local, name);
		if (!take(p, ","))
			break;
	}
	if (!expect(p, ")", "after the parameters"))
		return NULL;
	if (take_word(p, "external"))
		x->kind = N_EXTERNAL;
	add_kid(p, x, expression(p));
	p->local = saved;
	return p->rc < 0 ? NULL : x;
}

static node *name(struct parser *p)
{
	const char *at = p->p;
	struct match best = longest_name(p);
	struct str w = word(p);
	node *x;

	if (best.n <= w.n && !str_is(best.name, "?")) {
		if (str_is(w, "true") || str_is(w, "false")) {
			p->p += w.n;
			return constant(p, at, feel_bool(*w.p == 't'));
		}
		if (str_is(w, "null")) {
			p->p += w.n;
			return constant(p, at, FEEL_NULL_VALUE);
		}
		if (str_is(w, "function")) {
			p->p += w.n;
			return function_definition(p, at);
		}
		if (is_keyword(w))
			return fail_at(p, at, "\"" STR_FMT "\" cannot stand here", STR_ARG(w));
	}
	/* A component's name with more than words in it: in a filter it may be meant, elsewhere only where
	 * the plain reading ends in nonsense. */
	if (p->in_filter || !best.n) {
		struct match m = longest_member(p);

		if (m.n > best.n && m.n > w.n)
			best = m;
	}
	x = make(p, N_NAME, at);
	if (!x)
		return NULL;
	if (best.n >= w.n && best.n) {
		p->p += best.n;
		x->name = kept(p, best.name);
	} else {
		x->name = words_name(p);
	}
	if (best.n) { /* a longer name of words, when the known one is followed by another word */
		struct str next = word(p);

		if (next.n && !is_keyword(next) && *next.p != '?') {
			p->p = at;
			x->name = words_name(p);
		}
	}
	if (str_is(x->name, "?"))
		p->saw_input = true;
	return x;
}

static node *unary_range(struct parser *p)
{
	const char *at = p->p;
	node *x, *end, *none = constant(p, at, FEEL_NULL_VALUE);
	bool less = false, in = false, equal = false;

	if (take(p, "<="))
		less = in = true;
	else if (take(p, ">="))
		in = true;
	else if (take(p, "<"))
		less = true;
	else if (take(p, "="))
		equal = in = true;
	else if (!take(p, ">"))
		wrong("the caller has seen it");
	end = additive(p);
	if (!end || !none)
		return NULL;
	x = make2(p, N_RANGE, at, equal || !less ? end : none, equal || less ? end : none);
	if (x) {
		x->op = RANGE_HALF;
		if (in)
			x->op |= equal ? RANGE_LOW_IN | RANGE_HIGH_IN : less ? RANGE_HIGH_IN : RANGE_LOW_IN;
	}
	return x;
}

static node *primary(struct parser *p)
{
	uint32_t c;
	char buf[40];
	char ch = peek(p);

	if (p->rc < 0)
		return NULL;
	switch (ch) {
	case '(': return paren(p);
	case '[': return bracket(p);
	case ']': {
		const char *at = p->p++;
		node *low = expression(p);

		if (!low || !expect(p, "..", "in a range"))
			return NULL;
		return range_rest(p, at, low, false);
	}
	case '{': return context(p);
	case '"': return string(p);
	case '@': return at_literal(p);
	case '<':
	case '>':
	case '=': return unary_range(p);
	default: break;
	}
	if (is_digit(p, p->p) || (ch == '.' && is_digit(p, p->p + 1)))
		return number(p);
	if (code_point(p, p->p, &c) && is_name_start(c))
		return name(p);
	return fail_at(p, p->p, "expected an expression, found %s", here(p, buf));
}

/* Whether a named argument begins here: a name and a colon. */
static bool at_named_argument(struct parser *p)
{
	const char *at;
	uint32_t c;
	int n;

	skip(p);
	at = p->p;
	n = code_point(p, at, &c);
	if (!n || !is_name_start(c))
		return false;
	while (n && (is_name_part(c) || is_space(c) || (c < 0x80 && strchr("./-'+*", (int)c)))) {
		at += n;
		n = code_point(p, at, &c);
	}
	return c == ':' && n;
}

static node *arguments(struct parser *p, node *function, const char *at)
{
	node *x = make2(p, N_CALL, at, function, NULL);
	bool saved = p->no_filter;

	p->no_filter = false;
	if (x && peek(p) != ')') {
		bool named = at_named_argument(p);

		if (named)
			x->kind = N_CALL_NAMED;
		do {
			if (named) {
				add_name(p, x, declared_name(p, ":", false));
				if (!expect(p, ":", "after the name of an argument"))
					return NULL;
			}
			add_kid(p, x, expression(p));
		} while (p->rc == 0 && take(p, ","));
	}
	(void)expect(p, ")", "after the arguments");
	p->no_filter = saved;
	return p->rc < 0 ? NULL : x;
}

static node *filter(struct parser *p, node *list, const char *at)
{
	struct scope_name *saved = p->local;
	bool saved_filter = p->no_filter;
	node *condition;

	p->no_filter = false;
	p->in_filter++;
	bind(p, &p->local, STR_LIT("item"));
	condition = expression(p);
	p->in_filter--;
	p->local = saved;
	p->no_filter = saved_filter;
	(void)expect(p, "]", "after the filter");
	return p->rc < 0 ? NULL : make2(p, N_FILTER, at, list, condition);
}

static node *path(struct parser *p, node *of, const char *at)
{
	node *x = make2(p, N_PATH, at, of, NULL);
	struct match m;
	char buf[40];

	if (!x)
		return NULL;
	skip(p);
	m = longest_member(p);
	x->name = STR_NULL;
	if (m.n > word(p).n) {
		const char *start = p->p;
		struct str next;

		p->p += m.n;
		x->name = kept(p, m.name);
		next = word(p);
		if (next.n && !is_keyword(next)) { /* only the begin of a longer name */
			p->p = start;
			x->name = STR_NULL;
		}
	}
	if (!x->name.p)
		x->name = words_name(p);
	if (!x->name.n)
		return fail_at(p, p->p, "expected a name after the point, found %s", here(p, buf));
	return x;
}

static node *postfix(struct parser *p)
{
	node *x = primary(p);
	int steps = 0;

	while (x && p->rc == 0) {
		char c = peek(p);
		const char *at = p->p;

		if (++steps > DEPTH_MAX)
			return fail_at(
			        p, at, "nested deeper than %d levels; split the expression", DEPTH_MAX);
		if (c == '(') {
			/* only after what can be a function: 5 (3) is no call */
			if (x->kind == N_CONST)
				break;
			p->p++;
			x = arguments(p, x, at);
		} else if (c == '[' && !p->no_filter) {
			p->p++;
			x = filter(p, x, at);
		} else if (c == '.' && !at_dots(p)) {
			p->p++;
			x = path(p, x, at);
		} else {
			break;
		}
	}
	return x;
}

static node *instance_of(struct parser *p)
{
	node *x = postfix(p);

	while (x && str_is(word(p), "instance")) {
		const char *at = p->p;
		node *y;

		p->p += 8;
		if (!take_word(p, "of"))
			return fail_at(p, p->p, "expected \"of\" after \"instance\"");
		y = make2(p, N_INSTANCE, at, x, NULL);
		if (!y)
			return NULL;
		y->types = arena_alloc(p->a, sizeof(struct feel_type_ref *));
		if (!y->types)
			return no_memory(p);
		y->types[0] = type(p);
		x = p->rc < 0 ? NULL : y;
	}
	return x;
}

static node *unary(struct parser *p)
{
	const char *at;
	node *x, *y;

	if (peek(p) != '-')
		return instance_of(p);
	at = p->p++;
	if (!enter(p))
		return NULL;
	x = unary(p);
	if (x && x->kind == N_CONST && x->value.type == FEEL_NUMBER) {
		if (x->value.number.coefficient)
			x->value.number.negative = !x->value.number.negative;
		return leave(p, x);
	}
	y = x ? make2(p, N_NEG, at, x, NULL) : NULL;
	return leave(p, y);
}

static node *power(struct parser *p)
{
	node *x = unary(p);
	int steps = 0;

	while (x && looking_at(p, "**")) {
		const char *at = p->p;
		node *y;

		p->p += 2;
		y = unary(p);
		if (++steps > DEPTH_MAX)
			return fail_at(
			        p, at, "nested deeper than %d levels; split the expression", DEPTH_MAX);
		x = y ? make2(p, N_ARITH, at, x, y) : NULL;
		if (x)
			x->op = '^';
	}
	return x;
}

static node *multiplicative(struct parser *p)
{
	node *x = power(p);
	int steps = 0;

	while (x) {
		char c = peek(p);
		const char *at = p->p;
		node *y;

		if (c != '*' && c != '/')
			break;
		p->p++;
		y = power(p);
		if (++steps > DEPTH_MAX)
			return fail_at(
			        p, at, "a chain of more than %d operators; split the expression", DEPTH_MAX);
		x = y ? make2(p, N_ARITH, at, x, y) : NULL;
		if (x)
			x->op = (uint8_t)c;
	}
	return x;
}

static node *additive(struct parser *p)
{
	node *x;
	int steps = 0;

	if (!enter(p))
		return NULL;
	x = multiplicative(p);
	while (x) {
		char c = peek(p);
		const char *at = p->p;
		node *y;

		if (c != '+' && c != '-')
			break;
		p->p++;
		y = multiplicative(p);
		if (++steps > DEPTH_MAX)
			return fail_at(
			        p, at, "a chain of more than %d operators; split the expression", DEPTH_MAX);
		x = y ? make2(p, N_ARITH, at, x, y) : NULL;
		if (x)
			x->op = (uint8_t)c;
	}
	return leave(p, x);
}

static int compare_operator(struct parser *p)
{
	static const struct {
		const char *text;
		enum feel_compare op;
	} table[] = {
	        {"<=", CMP_LE}, {">=", CMP_GE}, {"!=", CMP_NE}, {"<", CMP_LT}, {">", CMP_GT}, {"=", CMP_EQ}};

	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (take(p, table[i].text))
			return (int)table[i].op;
	return -1;
}

static node *in_tests(struct parser *p)
{
	node *list;

	if (peek(p) == '(') {
		const char *at = p->p++;
		bool saved = p->no_filter;

		p->no_filter = false;
		list = tests_list(p, ')');
		if (list && list->n == 1 && at_dots(p) &&
		        list->kid[0]->kind == T_EXPR) { /* (1..5) is a range */
			node *range;

			p->p += 2;
			range = range_rest(p, at, list->kid[0]->kid[0], false);
			if (range)
				list->kid[0]->kid[0] = range;
		} else {
			(void)expect(p, ")", "after the tests");
		}
		p->no_filter = saved;
		return p->rc < 0 ? NULL : list;
	}
	list = make(p, T_LIST, p->p);
	{
		const char *at = p->p;
		bool saved = p->saw_input;
		node *test, *x;
		int op;

		p->saw_input = false;
		op = compare_operator(p);
		x = additive(p);
		test = x ? make2(p, op >= 0 ? T_COMPARE : T_EXPR, at, x, NULL) : NULL;
		if (test) {
			test->op = (uint8_t)(op >= 0 ? op : 0);
			test->has_input = p->saw_input;
		}
		p->saw_input |= saved;
		add_kid(p, list, test);
	}
	return p->rc < 0 ? NULL : list;
}

static node *comparison(struct parser *p)
{
	node *x = additive(p);
	int steps = 0;

	while (x && p->rc == 0) {
		const char *at = (skip(p), p->p);
		struct str w = word(p);
		int op;

		if (++steps > DEPTH_MAX)
			return fail_at(
			        p, at, "a chain of more than %d operators; split the expression", DEPTH_MAX);
		if (str_is(w, "between")) {
			node *low, *high, *y;

			p->p += w.n;
			low = additive(p);
			if (!low)
				return NULL;
			if (!take_word(p, "and"))
				return fail_at(
				        p, p->p, "expected \"and\" after \"between\" and the lower bound");
			high = additive(p);
			y = high ? make2(p, N_BETWEEN, at, x, low) : NULL;
			add_kid(p, y, high);
			x = y;
		} else if (str_is(w, "in")) {
			node *tests;

			p->p += w.n;
			tests = in_tests(p);
			x = tests ? make2(p, N_IN, at, x, tests) : NULL;
		} else if ((op = compare_operator(p)) >= 0) {
			node *y = additive(p);

			x = y ? make2(p, N_COMPARE, at, x, y) : NULL;
			if (x)
				x->op = (uint8_t)op;
		} else {
			break;
		}
	}
	return p->rc < 0 ? NULL : x;
}

static node *logic(
        struct parser *p, const char *op, enum feel_node_kind kind, node *(*inner)(struct parser *))
{
	node *x = inner(p), *all = NULL;

	while (x && p->rc == 0 && str_is(word(p), op)) {
		const char *at = p->p;
		node *y;

		p->p += strlen(op);
		y = inner(p);
		if (!all) {
			all = make2(p, kind, at, x, y);
			x = all;
		} else {
			add_kid(p, all, y);
		}
	}
	return p->rc < 0 ? NULL : x;
}

static node *conjunction(struct parser *p)
{
	return logic(p, "and", N_AND, comparison);
}

static node *if_expression(struct parser *p, const char *at)
{
	node *x = make(p, N_IF, at);

	add_kid(p, x, expression(p));
	if (p->rc == 0 && !take_word(p, "then"))
		return fail_at(p, p->p, "expected \"then\"");
	add_kid(p, x, expression(p));
	if (p->rc == 0 && !take_word(p, "else"))
		return fail_at(p, p->p, "expected \"else\"");
	add_kid(p, x, expression(p));
	return p->rc < 0 ? NULL : x;
}

static node *iteration(struct parser *p, const char *at, enum feel_node_kind kind, const char *last)
{
	node *x = make(p, kind, at);
	struct scope_name *saved = p->local;

	do {
		struct str variable = declared_name(p, ",()[]", true);
		node *domain;
		const char *from;

		if (p->rc == 0 && !take_word(p, "in"))
			return fail_at(p, p->p, "expected \"in\" after the variable");
		skip(p);
		from = p->p;
		domain = expression(p);
		if (domain && at_dots(p)) {
			p->p += 2;
			domain = make2(p, N_DOMAIN, from, domain, expression(p));
		}
		add_kid(p, x, domain);
		add_name(p, x, variable);
		bind(p, &p->local, variable);
	} while (p->rc == 0 && take(p, ","));
	if (p->rc == 0 && !take_word(p, last))
		return fail_at(p, p->p, "expected \"%s\"", last);
	if (kind == N_FOR)
		bind(p, &p->local, STR_LIT("partial"));
	add_kid(p, x, expression(p));
	p->local = saved;
	return p->rc < 0 ? NULL : x;
}

static node *expression(struct parser *p)
{
	const char *at;
	struct str w;
	node *x;
	bool known;

	if (!enter(p))
		return NULL;
	w = word(p);
	at = p->p;
	known = is_keyword(w) && longest_name(p).n > w.n; /* a variable called "for rent" */
	if (known)
		w = STR_NULL;
	if (str_is(w, "if")) {
		p->p += w.n;
		x = if_expression(p, at);
	} else if (str_is(w, "for")) {
		p->p += w.n;
		x = iteration(p, at, N_FOR, "return");
	} else if (str_is(w, "some") || str_is(w, "every")) {
		p->p += w.n;
		x = iteration(p, at, *w.p == 's' ? N_SOME : N_EVERY, "satisfies");
	} else {
		x = logic(p, "or", N_OR, conjunction);
	}
	return leave(p, x);
}

/* ---- unary tests ---- */

static node *one_test(struct parser *p)
{
	const char *at;
	bool saved = p->saw_input;
	node *x, *test;
	int op;

	skip(p);
	at = p->p;
	p->saw_input = false;
	op = compare_operator(p);
	if (op >= 0) {
		x = additive(p);
		test = x ? make2(p, T_COMPARE, at, x, NULL) : NULL;
	} else {
		x = expression(p);
		test = x ? make2(p, T_EXPR, at, x, NULL) : NULL;
	}
	if (test) {
		test->op = (uint8_t)(op >= 0 ? op : 0);
		test->has_input = p->saw_input;
	}
	p->saw_input |= saved;
	return test;
}

static node *tests_list(struct parser *p, char close)
{
	node *list = make(p, T_LIST, p->p);

	if (close && peek(p) == close)
		return list;
	do
		add_kid(p, list, one_test(p));
	while (p->rc == 0 && take(p, ","));
	return p->rc < 0 ? NULL : list;
}

static node *unary_tests(struct parser *p)
{
	const char *from = (skip(p), p->p);
	node *x;

	if (peek(p) == '-' && (p->p++, peek(p) == 0))
		return make(p, T_ANY, from);
	p->p = from;
	if (str_is(word(p), "not")) {
		p->p += 3;
		if (take(p, "(")) {
			struct err *e = p->e;
			struct scope_name *local = p->local, *member = p->member;
			node *list;

			p->e = NULL;
			list = tests_list(p, 0);
			p->e = e;
			if (list && take(p, ")") && peek(p) == 0) {
				x = make2(p, T_NOT, from, list, NULL);
				return x;
			}
			if (p->rc == ERR_NOMEM)
				return NULL;
			/* not(a) and b, or an error that the second reading tells better */
			p->rc = 0;
			p->depth = 0;
			p->in_filter = 0;
			p->no_filter = false;
			p->local = local;
			p->member = member;
		}
		p->p = from;
	}
	return tests_list(p, 0);
}

static int compile(struct arena *a, struct str text, const struct feel_names *names, bool tests,
        struct feel_expr **out, struct err *e)
{
	struct parser p = {
	        .a = a, .start = text.p, .p = text.p, .end = text.p + text.n, .names = names, .e = e};
	struct feel_expr *x;
	struct err none = ERR_INIT;
	node *root;
	char buf[40];

	if (text.n == 0) /* a NULL slice has no pointer to stand on */
		p.start = p.p = p.end = "";
	if (text.n > TEXT_MAX)
		return err_set(e, ERR_TOOBIG, "an expression of %zu bytes; at most %d", text.n, TEXT_MAX);
	if (!e)
		p.e = &none;
	if (!utf8_valid(text)) {
		return err_set(e, ERR_INVALID, "the expression is not UTF-8");
	}
	if (tests)
		bind(&p, &p.local, STR_LIT("?"));
	if (peek(&p) == 0 && p.rc == 0)
		fail_at(&p, p.p, "an expression is missing");
	root = p.rc < 0 ? NULL : tests ? unary_tests(&p) : expression(&p);
	if (root && p.rc == 0 && peek(&p) != 0)
		fail_at(&p, p.p, "expected the end, found %s", here(&p, buf));
	if (p.rc < 0)
		return p.rc;
	x = arena_alloc(a, sizeof(*x));
	if (!x || !root)
		return err_set(e, ERR_NOMEM, "the expression needs more memory than allowed");
	x->root = root;
	x->tests = tests;
	*out = x;
	return 0;
}

int feel_compile(struct arena *a, struct str text, const struct feel_names *names, struct feel_expr **out,
        struct err *e)
{
	return compile(a, text, names, false, out, e);
}

int feel_compile_tests(struct arena *a, struct str text, const struct feel_names *names,
        struct feel_expr **out, struct err *e)
{
	return compile(a, text, names, true, out, e);
}
