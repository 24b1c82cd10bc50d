/*
 * parse_primary - the parts that operators join: literals, names, lists, contexts, ranges, functions; and
 * the types of `instance of` and of parameters.
 */
#include "feel/parse_int.h"

/* Names are compared one by one. */
#define ENTRIES_MAX 5000
#define PARAMETERS_MAX 200

typedef struct feel_node node;

/* ---- literals ---- */

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
		return feel__fail_at(p, from, "this number is too large");
	return feel__constant(p, from, v);
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
		feel__fail_at(p, from, "this text has no closing quote");
		return false;
	}
	buf = arena_alloc(p->a, (size_t)(at - p->p) + 4);
	if (!buf) {
		feel__no_memory(p);
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
				feel__fail_at(
				        p, p->p, "\\%c takes %d hexadecimal digits", c, c == 'u' ? 4 : 6);
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
	return feel__constant(p, at, feel_string(s));
}

static node *at_literal(struct parser *p)
{
	const char *at = p->p++;
	struct feel_value v;
	struct str s;

	if (feel__peek(p) != '"')
		return feel__fail_at(p, p->p, "after @ stands a text in quotes: @\"2026-07-14\"");
	if (!string_text(p, &s))
		return NULL;
	if (!feel_parse_at(s, &v))
		v = FEEL_NULL_VALUE;
	return feel__constant(p, at, v);
}

/* ---- types ---- */

/* Most are words; some hold words that are keywords elsewhere. */
static struct str type_name(struct parser *p)
{
	static const struct {
		const char *word[5], *name;
	} odd[] = {{{"function"}, "function"}, {{"null"}, "null"}, {{"date", "and", "time"}, "date and time"},
	        {{"days", "and", "time", "duration"}, "days and time duration"},
	        {{"years", "and", "months", "duration"}, "years and months duration"}};
	const char *from = p->p;

	for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
		int k = 0;

		while (odd[i].word[k] && feel__take_word(p, odd[i].word[k]))
			k++;
		if (!odd[i].word[k])
			return str_of(odd[i].name);
		p->p = from;
	}
	return feel__words_name(p);
}

struct feel_type_ref *feel__type(struct parser *p)
{
	struct feel_type_ref *t;
	const char *from;
	char buf[40];

	if (!feel__enter(p))
		return NULL;
	t = arena_alloc(p->a, sizeof(*t));
	feel__skip(p);
	from = p->p;
	if (!t) {
		feel__no_memory(p);
		goto out;
	}
	t->name = type_name(p);
	if (!t->name.n) {
		feel__fail_at(p, from, "expected the name of a type, found %s", feel__here(p, buf));
		goto out;
	}
	while (feel__take(p, ".")) { /* a type of an imported model */
		struct str more = feel__words_name(p);

		t->name = str_of(arena_printf(p->a, STR_FMT "." STR_FMT, STR_ARG(t->name), STR_ARG(more)));
	}
	if ((str_is(t->name, "list") || str_is(t->name, "range")) && feel__take(p, "<")) {
		t->arg = feel__type(p);
		t->n = 1;
		(void)feel__expect(p, ">", "after the type");
	} else if ((str_is(t->name, "context") || str_is(t->name, "function")) && feel__take(p, "<")) {
		bool context = str_is(t->name, "context");
		size_t cap = 0, names = 0;

		while (p->rc == 0 && feel__peek(p) != '>') {
			struct feel_type_ref *more =
			        arena_grow(p->a, t->arg, &cap, (size_t)t->n + 1, sizeof(*more));
			struct feel_type_ref *one;

			if (!more) {
				feel__no_memory(p);
				goto out;
			}
			t->arg = more;
			if (context) {
				struct str *m =
				        arena_grow(p->a, t->member, &names, (size_t)t->n + 1, sizeof(*m));

				if (!m) {
					feel__no_memory(p);
					goto out;
				}
				t->member = m;
				m[t->n] = feel__declared_name(p, ":", false);
				(void)feel__expect(p, ":", "after the name");
			}
			one = feel__type(p);
			if (!one)
				goto out;
			t->arg[t->n++] = *one;
			if (!feel__take(p, ","))
				break;
		}
		(void)feel__expect(p, ">", "after the types");
		if (!context && p->rc == 0 && feel__take(p, "->"))
			t->result = feel__type(p);
	}
out:
	p->depth--;
	return p->rc < 0 ? NULL : t;
}

/* ---- primaries ---- */

node *feel__range_rest(struct parser *p, const char *at, node *low, bool low_in)
{
	node *x, *high;
	bool saved = p->no_filter;

	p->no_filter = true;
	high = feel__additive(p);
	p->no_filter = saved;
	if (!high)
		return NULL;
	x = feel__make2(p, N_RANGE, at, low, high);
	if (!x)
		return NULL;
	x->op = low_in ? RANGE_LOW_IN : 0;
	if (feel__take(p, "]"))
		x->op |= RANGE_HIGH_IN;
	else if (!feel__take(p, ")") && !feel__take(p, "["))
		return feel__fail_at(p, p->p, "a range ends with ], ) or [");
	return x;
}

static node *bracket(struct parser *p)
{
	const char *at = p->p++;
	node *x, *first;
	bool saved = p->no_filter;

	p->no_filter = false;
	if (feel__peek(p) == ']') {
		p->p++;
		p->no_filter = saved;
		return feel__make(p, N_LIST, at);
	}
	first = feel__expression(p);
	if (first && feel__take(p, "..")) {
		x = feel__range_rest(p, at, first, true);
		p->no_filter = saved;
		return x;
	}
	x = feel__make(p, N_LIST, at);
	feel__add_kid(p, x, first);
	while (p->rc == 0 && feel__take(p, ","))
		feel__add_kid(p, x, feel__expression(p));
	(void)feel__expect(p, "]", "after the elements of a list");
	p->no_filter = saved;
	return p->rc < 0 ? NULL : x;
}

static node *paren(struct parser *p)
{
	const char *at = p->p++;
	node *x;
	bool saved = p->no_filter;

	p->no_filter = false;
	x = feel__expression(p);
	if (x && feel__take(p, ".."))
		x = feel__range_rest(p, at, x, false);
	else
		(void)feel__expect(p, ")", "after the expression");
	p->no_filter = saved;
	return p->rc < 0 ? NULL : x;
}

static node *context(struct parser *p)
{
	const char *at = p->p++;
	node *x = feel__make(p, N_CONTEXT, at);
	struct scope_name *saved = p->local;
	bool saved_filter = p->no_filter;

	p->no_filter = false;
	while (p->rc == 0 && feel__peek(p) != '}') {
		struct str key;

		if (feel__peek(p) == '"') {
			if (!string_text(p, &key))
				return NULL;
		} else {
			key = feel__declared_name(p, ":", false);
		}
		if (!feel__expect(p, ":", "after the key"))
			return NULL;
		if (x->names_n == ENTRIES_MAX)
			return feel__fail_at(p, p->p, "a context has at most %d entries", ENTRIES_MAX);
		for (int i = 0; i < x->names_n; i++)
			if (str_eq(x->names[i], key))
				return feel__fail_at(
				        p, p->p, "the key \"" STR_FMT "\" stands twice", STR_ARG(key));
		/* The entry may call itself, if it is a function. */
		feel__bind(p, &p->local, key);
		feel__bind(p, &p->member, key);
		feel__add_kid(p, x, feel__expression(p));
		feel__add_name(p, x, key);
		if (!feel__take(p, ","))
			break;
		if (feel__peek(p) == '}')
			return feel__fail_at(p, p->p, "after the comma another entry is expected");
	}
	(void)feel__expect(p, "}", "after the entries of a context");
	p->local = saved;
	p->no_filter = saved_filter;
	return p->rc < 0 ? NULL : x;
}

static node *function_definition(struct parser *p, const char *at)
{
	node *x = feel__make(p, N_FUNCTION, at);
	struct scope_name *saved = p->local;
	size_t cap = 0;

	if (!x || !feel__expect(p, "(", "after function"))
		return NULL;
	while (p->rc == 0 && feel__peek(p) != ')') {
		struct str name = feel__declared_name(p, ",:)", false);
		struct feel_type_ref **more, *t = NULL;

		if (x->names_n == PARAMETERS_MAX)
			return feel__fail_at(p, p->p, "a function has at most %d parameters", PARAMETERS_MAX);
		for (int i = 0; i < x->names_n; i++)
			if (str_eq(x->names[i], name))
				return feel__fail_at(
				        p, p->p, "two parameters are named \"" STR_FMT "\"", STR_ARG(name));
		more = arena_grow(
		        p->a, x->types, &cap, (size_t)x->names_n + 1, sizeof(struct feel_type_ref *));
		if (!more)
			return feel__no_memory(p);
		x->types = more;
		if (p->rc == 0 && feel__take(p, ":"))
			t = feel__type(p);
		x->types[x->names_n] = t;
		feel__add_name(p, x, name);
		feel__bind(p, &p->local, name);
		if (!feel__take(p, ","))
			break;
	}
	if (!feel__expect(p, ")", "after the parameters"))
		return NULL;
	if (feel__take_word(p, "external"))
		x->kind = N_EXTERNAL;
	feel__add_kid(p, x, feel__expression(p));
	p->local = saved;
	return p->rc < 0 ? NULL : x;
}

static node *name(struct parser *p)
{
	const char *at = p->p;
	struct match best = feel__longest_name(p);
	struct str w = feel__word(p);
	node *x;

	if (best.n <= w.n && !str_is(best.name, "?")) {
		if (str_is(w, "true") || str_is(w, "false")) {
			p->p += w.n;
			return feel__constant(p, at, feel_bool(*w.p == 't'));
		}
		if (str_is(w, "null")) {
			p->p += w.n;
			return feel__constant(p, at, FEEL_NULL_VALUE);
		}
		if (str_is(w, "function")) {
			p->p += w.n;
			return function_definition(p, at);
		}
		if (feel__is_keyword(w))
			return feel__fail_at(p, at, "\"" STR_FMT "\" cannot stand here", STR_ARG(w));
	}
	/* A component's name with more than words in it: in a filter it may be meant, elsewhere only where
	 * the plain reading ends in nonsense. */
	if (p->in_filter || !best.n) {
		struct match m = feel__longest_member(p);

		if (m.n > best.n && m.n > w.n)
			best = m;
	}
	x = feel__make(p, N_NAME, at);
	if (!x)
		return NULL;
	if (best.n >= w.n && best.n) {
		p->p += best.n;
		x->name = feel__kept(p, best.name);
	} else {
		x->name = feel__words_name(p);
		x->unknown = !p->in_filter; /* in a filter it may be a component */
	}
	if (best.n) { /* a longer name of words, when the known one is followed by another word */
		struct str next = feel__word(p);

		if (next.n && !feel__is_keyword(next) && *next.p != '?') {
			p->p = at;
			x->name = feel__words_name(p);
			x->unknown = !p->in_filter;
		}
	}
	if (str_is(x->name, "?"))
		p->saw_input = true;
	return x;
}

static node *unary_range(struct parser *p)
{
	const char *at = p->p;
	node *x, *end, *none = feel__constant(p, at, FEEL_NULL_VALUE);
	bool less = false, in = false, equal = false;

	if (feel__take(p, "<="))
		less = in = true;
	else if (feel__take(p, ">="))
		in = true;
	else if (feel__take(p, "<"))
		less = true;
	else if (feel__take(p, "="))
		equal = in = true;
	else if (!feel__take(p, ">"))
		wrong("the caller has seen it");
	end = feel__additive(p);
	if (!end || !none)
		return NULL;
	x = feel__make2(p, N_RANGE, at, less ? none : end, equal ? NULL : less ? end : none);
	if (x) {
		x->op = RANGE_HALF;
		if (in)
			x->op |= equal ? RANGE_LOW_IN | RANGE_HIGH_IN : less ? RANGE_HIGH_IN : RANGE_LOW_IN;
	}
	return x;
}

node *feel__primary(struct parser *p)
{
	uint32_t c;
	char buf[40];
	char ch = feel__peek(p);

	if (p->rc < 0)
		return NULL;
	switch (ch) {
	case '(': return paren(p);
	case '[': return bracket(p);
	case ']': {
		const char *at = p->p++;
		node *low = feel__expression(p);

		if (!low || !feel__expect(p, "..", "in a range"))
			return NULL;
		return feel__range_rest(p, at, low, false);
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
	if (feel__code_point(p, p->p, &c) && feel__is_name_start(c))
		return name(p);
	return feel__fail_at(p, p->p, "expected an expression, found %s", feel__here(p, buf));
}
