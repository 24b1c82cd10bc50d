/*
 * parse_name - what is a name. FEEL's names hold spaces and marks ("rate in %", "a-b"), so that depends on
 * the names in scope: the longest that stands here wins.
 */
#include "feel/parse_int.h"

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

		if (feel__is_space(want)) {
			const char *before = t;

			i += k;
			while ((n = feel__code_point(p, t, &c)) && feel__is_space(c))
				t += n;
			if (t == before && feel__is_name_part(last)) {
				n = feel__code_point(p, t, &c);
				if (n && feel__is_name_part(c))
					return 0;
			}
			continue;
		}
		if (!feel__is_name_part(want) || !feel__is_name_part(last))
			while ((n = feel__code_point(p, t, &c)) && feel__is_space(c) && last)
				t += n;
		n = feel__code_point(p, t, &c);
		if (!n || c != want)
			return 0;
		t += n;
		i += k;
		last = want;
	}
	n = feel__code_point(p, t, &c);
	if (n && feel__is_name_part(last) && last != '?' && feel__is_name_part(c))
		return 0;
	return (size_t)(t - p->p);
}

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

struct match feel__longest_member(struct parser *p)
{
	struct match best = {0, STR_NULL};

	for (struct scope_name *s = p->member; s; s = s->next)
		consider(p, s->name, &best);
	for (int i = 0; p->names && i < p->names->members; i++)
		consider(p, p->names->member[i], &best);
	return best;
}

struct match feel__longest_name(struct parser *p)
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
struct str feel__kept(struct parser *p, struct str name)
{
	char *copy = arena_strndup(p->a, name.p, name.n);

	if (!copy) {
		feel__no_memory(p);
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
		feel__no_memory(p);
		return STR_NULL;
	}
	while (i < raw.n) {
		size_t at = i;
		uint32_t c = utf8_next(raw, &i);

		if (feel__is_space(c)) {
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
struct str feel__words_name(struct parser *p)
{
	const char *from, *to;
	struct str w = feel__word(p);

	from = p->p;
	to = from;
	while (w.n && (!feel__is_keyword(w) || to == from)) {
		p->p += w.n;
		to = p->p;
		if (w.n == 1 && *w.p == '?')
			break;
		w = feel__word(p);
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
struct str feel__declared_name(struct parser *p, const char *until, bool until_in)
{
	const char *from, *to;
	uint32_t c;
	int n;

	feel__skip(p);
	from = to = p->p;
	n = feel__code_point(p, p->p, &c);
	if (!n || !feel__is_name_start(c) || c == '?') {
		char buf[40];

		feel__fail_at(p, p->p, "expected a name, found %s", feel__here(p, buf));
		return STR_NULL;
	}
	for (;;) {
		if (until_in && to > from && str_is(feel__word(p), "in"))
			break;
		n = feel__code_point(p, p->p, &c);
		if (!n || (c < 0x80 && strchr(until, (int)c)))
			break;
		if (feel__is_space(c)) {
			p->p += n;
			continue;
		}
		if (!feel__is_name_part(c) && !(c < 0x80 && strchr("./-'+*", (int)c))) {
			feel__fail_at(p, p->p, "this character cannot be part of a name");
			return STR_NULL;
		}
		if (feel__is_name_part(c)) {
			while (n && feel__is_name_part(c)) {
				p->p += n;
				n = feel__code_point(p, p->p, &c);
			}
		} else {
			p->p += n;
		}
		to = p->p;
	}
	p->p = to;
	return tidy_name(p, (struct str){from, (size_t)(to - from)});
}

/* Whether a named argument begins here: a name and a colon. */
bool feel__at_named_argument(struct parser *p)
{
	const char *at;
	uint32_t c;
	int n;

	feel__skip(p);
	at = p->p;
	n = feel__code_point(p, at, &c);
	if (!n || !feel__is_name_start(c))
		return false;
	while (n && (feel__is_name_part(c) || feel__is_space(c) || (c < 0x80 && strchr("./-'+*", (int)c)))) {
		at += n;
		n = feel__code_point(p, at, &c);
	}
	return c == ':' && n;
}

void feel__bind(struct parser *p, struct scope_name **list, struct str name)
{
	struct scope_name *s = arena_alloc(p->a, sizeof(*s));

	if (!s) {
		feel__no_memory(p);
		return;
	}
	s->name = name;
	s->next = *list;
	*list = s;
}

bool feel_is_plain_name(struct str name)
{
	struct parser p = {.start = name.p, .p = name.p, .end = name.p + name.n};
	bool any = false;

	if (name.n == 0 || memchr(name.p, '/', name.n)) /* it might begin a comment */
		return false;
	while (p.p < p.end) {
		struct str w = feel__word(&p);

		if (w.n == 0 || *w.p == '?' || feel__is_keyword(w))
			return false;
		p.p = w.p + w.n;
		any = true;
	}
	return any;
}
