#include "ingest/pattern_topic.h"

#define LEVELS_MOST 32

struct level {
	struct str before, name, after; /* name.p NULL: plain text, in `before` */
	bool any;                       /* + */
};
struct topic_pattern {
	struct level level[LEVELS_MOST];
	int n, names;
	bool rest; /* # */
};

static bool word(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!((s.p[i] >= 'a' && s.p[i] <= 'z') || s.p[i] == '_' || (s.p[i] >= '0' && s.p[i] <= '9')))
			return false;
	return s.n > 0;
}

/* Cuts "before{name}after"; false when the braces are not in order. name is STR_NULL without any. */
static bool cut_name(struct str s, struct level *l)
{
	const char *open = s.n > 0 ? memchr(s.p, '{', s.n) : NULL;
	const char *end = s.n > 0 ? memchr(s.p, '}', s.n) : NULL;
	*l = (struct level){.before = s};
	if (open == NULL || end == NULL || end < open)
		return open == NULL && end == NULL;
	l->before.n = (size_t)(open - s.p);
	l->name = (struct str){open + 1, (size_t)(end - open - 1)};
	l->after = (struct str){end + 1, s.n - (size_t)(end + 1 - s.p)};
	return word(l->name);
}

static bool has_any(struct str s, const char *set)
{
	for (size_t i = 0; i < s.n; i++)
		if (strchr(set, s.p[i]) != NULL)
			return true;
	return false;
}

static bool add_level(struct topic_pattern *p, struct str text)
{
	struct level *l = &p->level[p->n];
	if (p->n == LEVELS_MOST || p->rest)
		return false;
	if (str_is(text, "#")) {
		p->rest = true;
		return true;
	}
	p->n++;
	*l = (struct level){.before = STR_LIT(""), .any = str_is(text, "+")};
	if (l->any)
		return true;
	if (!cut_name(text, l) || has_any(l->before, "+#") || has_any(l->after, "+#{}"))
		return false;
	return l->name.p == NULL || ++p->names <= PATTERN_NAMES;
}

int topic_pattern_read(struct arena *a, const char *text, const struct topic_pattern **out, struct err *e)
{
	struct topic_pattern *p = arena_alloc(a, sizeof(*p));
	struct str rest = str_of(text);
	*p = (struct topic_pattern){.n = 0};
	while (rest.p != NULL) {
		struct str level = str_cut(&rest, '/');
		if (!add_level(p, level))
			return err_set(e, ERR_INVALID,
			        "\"" STR_FMT "\" in the topic %s is no level: a level is text with at most "
			        "one {name} in small "
			        "letters, + for any, or # at the end",
			        STR_ARG(level), text);
	}
	*out = p;
	return 0;
}

static bool match_level(const struct level *l, struct str s, struct topic_taken *out)
{
	if (l->any)
		return true;
	if (l->name.p == NULL)
		return str_eq(l->before, s);
	size_t fixed = l->before.n + l->after.n;
	if (s.n <= fixed || memcmp(s.p, l->before.p, l->before.n) != 0 ||
	        memcmp(s.p + s.n - l->after.n, l->after.p, l->after.n) != 0)
		return false;
	out->name[out->n] = l->name;
	out->text[out->n++] = (struct str){s.p + l->before.n, s.n - fixed};
	return true;
}

bool topic_pattern_match(const struct topic_pattern *p, struct str topic, struct topic_taken *out)
{
	out->n = 0;
	for (int i = 0; i < p->n; i++)
		if (topic.p == NULL || !match_level(&p->level[i], str_cut(&topic, '/'), out))
			return false;
	return p->rest || topic.p == NULL;
}

bool topic_pattern_has(const struct topic_pattern *p, const char *name)
{
	for (int i = 0; i < p->n; i++)
		if (p->level[i].name.p != NULL && str_is(p->level[i].name, name))
			return true;
	return false;
}

void topic_pattern_filter(const struct topic_pattern *p, struct sb *to)
{
	for (int i = 0; i < p->n; i++) {
		const struct level *l = &p->level[i];
		if (i > 0)
			sb_putc(to, '/');
		if (l->any || l->name.p != NULL)
			sb_putc(to, '+');
		else
			sb_putstr(to, l->before);
	}
	if (p->rest)
		sb_puts(to, p->n > 0 ? "/#" : "#");
}

void topic_taken_put(const struct topic_taken *t, const char *text, struct sb *to)
{
	struct str rest = str_of(text);
	struct level l;
	while (rest.n > 0 && cut_name(rest, &l)) {
		sb_putstr(to, l.before);
		for (int i = 0; i < t->n && l.name.p != NULL; i++)
			if (str_eq(t->name[i], l.name)) {
				sb_putstr(to, t->text[i]);
				break;
			}
		rest = l.after;
	}
}

int topic_pattern_check(const struct topic_pattern *p, const char *text, struct err *e)
{
	struct str rest = str_of(text);
	struct level l;
	char name[64];
	while (rest.n > 0) {
		if (!cut_name(rest, &l))
			return err_set(
			        e, ERR_INVALID, "\"%s\" has braces without a name in small letters", text);
		snprintf(name, sizeof(name), STR_FMT, STR_ARG(l.name));
		if (l.name.p != NULL && !topic_pattern_has(p, name))
			return err_set(e, ERR_INVALID, "the topic has no {%s}", name);
		rest = l.after;
	}
	return 0;
}
