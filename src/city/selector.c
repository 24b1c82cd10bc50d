#include "city/selector.h"
#include "base/arena.h"
#include "city/rule.h"

static int take_inside(struct series_selector *s, struct err *e)
{
	promql_matchers(s->x, &s->m, &s->n);
	return s->n >= 0 ? 0 : err_set(e, ERR_NOMEM, "the selection is too long");
}

int selector_parse(struct arena *a, struct str text, struct series_selector *out, struct err *e)
{
	int rc;

	*out = (struct series_selector){0};
	rc = promql_parse_selector(a, text, &out->x, e);
	return rc < 0 ? rc : take_inside(out, e);
}

int selector_scope(
        struct site *s, struct arena *a, struct series_selector *x, const struct who *who, struct err *e)
{
	int rc = site_promql_scope(s, a, x->x, who, e);

	return rc < 0 ? rc : take_inside(x, e);
}

static void write_text(struct sb *b, struct str s)
{
	sb_putc(b, '"');
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c == '"' || c == '\\')
			sb_printf(b, "\\%c", c);
		else if (c < ' ' || c == 127)
			sb_printf(b, "\\x%02x", c);
		else
			sb_putc(b, (char)c);
	}
	sb_putc(b, '"');
}

void selector_write(struct sb *b, const struct series_selector *x)
{
	static const char *const ops[] = {
	        [MATCH_EQ] = "=", [MATCH_NE] = "!=", [MATCH_RE] = "=~", [MATCH_NRE] = "!~"};

	sb_putc(b, '{');
	for (int i = 0; i < x->n; i++) {
		if (i > 0)
			sb_putc(b, ',');
		if (label_name_valid(x->m[i].name))
			sb_printf(b, STR_FMT, STR_ARG(x->m[i].name));
		else
			write_text(b, x->m[i].name);
		sb_printf(b, "%s", ops[x->m[i].op]);
		write_text(b, x->m[i].value);
	}
	sb_putc(b, '}');
}

static bool has(const struct series_selector *x, const struct matcher *m)
{
	for (int i = 0; i < x->n; i++)
		if (str_eq(x->m[i].name, m->name) &&
		        ((x->m[i].op == m->op && str_eq(x->m[i].value, m->value)) ||
		                (x->m[i].op == MATCH_EQ && matcher_matches(m, x->m[i].value))))
			return true;
	return false;
}

bool selector_within(const struct series_selector *a, const struct series_selector *b)
{
	for (int i = 0; i < b->n; i++)
		if (!has(a, &b->m[i]))
			return false;
	return true;
}
