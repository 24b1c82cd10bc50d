#include "promql_data.h"

#include <math.h>
#include <stdlib.h>

#include "base/num.h"

/* ---- storage in memory ---- */

struct promql_cursor {
	struct memory *mem;
	const struct matcher *m;
	int n;
	time_us from, to;
	size_t at;
};

int mem_open(void *ctx, const struct matcher *m, int n, time_us from, time_us to, struct arena *a,
        struct promql_cursor **out, struct err *e)
{
	(void)a;
	(void)e;
	*out = xcalloc(1, sizeof **out);
	**out = (struct promql_cursor){ctx, m, n, from, to, 0};
	return 0;
}

int mem_next(struct promql_cursor *c, struct promql_series *out, struct err *e)
{
	(void)e;
	while (c->at < c->mem->n) {
		const struct stored *s = &c->mem->s[c->at++];
		size_t lo = 0, hi = s->n;

		if (!matchers_match(c->m, c->n, &s->labels))
			continue;
		for (size_t i = 0; i < s->n_h; i++)
			c->mem->touched = c->mem->touched || (s->h[i] >= c->from && s->h[i] <= c->to);
		while (lo < hi && s->t[lo] < c->from)
			lo++;
		while (hi > lo && s->t[hi - 1] > c->to)
			hi--;
		*out = (struct promql_series){.labels = s->labels,
		        .t = s->t + lo,
		        .v = s->v + lo,
		        .n = hi - lo,
		        .since = s->starts ? s->since + lo : NULL};
		return 1;
	}
	return 0;
}

void mem_close(struct promql_cursor *c)
{
	free(c);
}

void mem_clear(struct memory *m)
{
	for (size_t i = 0; i < m->n; i++) {
		free(m->s[i].t);
		free(m->s[i].v);
		free(m->s[i].since);
		free(m->s[i].h);
	}
	m->n = 0;
	arena_free(&m->a);
	m->a = arena_new(0);
}

struct stored *mem_series(struct memory *m, const struct labels *ls)
{
	for (size_t i = 0; i < m->n; i++)
		if (labels_equal(&m->s[i].labels, ls))
			return &m->s[i];
	m->s = xgrow(m->s, &m->cap, m->n + 1, sizeof *m->s);
	m->s[m->n] = (struct stored){.labels = labels_copy(m->a, ls, NULL, STR_NULL)};
	return &m->s[m->n++];
}

void mem_put(struct stored *s, time_us t, double v, time_us since)
{
	size_t at = s->n;

	s->starts = s->starts || since != 0;
	while (at > 0 && s->t[at - 1] >= t)
		at--;
	if (at < s->n && s->t[at] == t) {
		s->v[at] = v;
		s->since[at] = since;
		return;
	}
	s->t = xgrow(s->t, &s->cap_t, s->n + 1, sizeof *s->t);
	s->v = xgrow(s->v, &s->cap_v, s->n + 1, sizeof *s->v);
	s->since = xgrow(s->since, &s->cap_since, s->n + 1, sizeof *s->since);
	memmove(s->t + at + 1, s->t + at, (s->n - at) * sizeof *s->t);
	memmove(s->v + at + 1, s->v + at, (s->n - at) * sizeof *s->v);
	memmove(s->since + at + 1, s->since + at, (s->n - at) * sizeof *s->since);
	s->t[at] = t;
	s->v[at] = v;
	s->since[at] = since;
	s->n++;
}

void mem_put_histogram(struct stored *s, time_us t)
{
	mem_put(s, t, absent(), 0);
	s->h = xgrow(s->h, &s->cap_h, s->n_h + 1, sizeof *s->h);
	s->h[s->n_h++] = t;
}

/* ---- series and their points as written ---- */

static void points_add(struct points *p, enum point kind, double v)
{
	p->kind = xgrow(p->kind, &p->cap_k, p->n + 1, sizeof *p->kind);
	p->v = xgrow(p->v, &p->cap_v, p->n + 1, sizeof *p->v);
	p->kind[p->n] = kind;
	p->v[p->n++] = v;
	p->histogram = p->histogram || kind == POINT_HISTOGRAM;
}

void points_free(struct points *p)
{
	free(p->kind);
	free(p->v);
	*p = (struct points){0};
}

bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Where the name and labels end and the points begin. */
size_t metric_end(struct str s)
{
	char quote = 0;
	bool braces = false;
	size_t i;

	for (i = 0; i < s.n; i++) {
		if (quote != 0) {
			if (s.p[i] == '\\' && quote != '`')
				i++;
			else if (s.p[i] == quote)
				quote = 0;
		} else if (braces && strchr("\"'`", s.p[i]) != NULL) {
			quote = s.p[i];
		} else if (s.p[i] == '{') {
			/* {{ begins a histogram, not labels. */
			if (i + 1 < s.n && s.p[i + 1] == '{')
				break;
			braces = true;
		} else if (s.p[i] == '}') {
			braces = false;
			i++;
			break;
		} else if (is_blank(s.p[i]) && !braces) {
			size_t k = i;

			while (k < s.n && is_blank(s.p[k]))
				k++;
			if (k < s.n && s.p[k] == '{' && !(k + 1 < s.n && s.p[k + 1] == '{'))
				i = k - 1;
			else
				break;
		}
	}
	return i < s.n ? i : s.n;
}

bool parse_metric(struct arena *a, struct str text, struct labels *out, struct err *e)
{
	struct promql_expr *x;
	const struct node *sel;
	struct str inner = str_trim(text);

	*out = LABELS_NONE;
	if (str_is(inner, "{}"))
		return true;
	if (promql_parse(a, inner, &x, e) != 0)
		return false;
	sel = node_bare(x->root);
	if (sel->kind != N_SELECTOR) {
		err_set(e, ERR_INVALID, "not a series");
		return false;
	}
	out->l = arena_array(a, (size_t)sel->n_m, sizeof *out->l);
	for (int i = 0; i < sel->n_m; i++)
		out->l[out->n++] = (struct label){sel->m[i].name, sel->m[i].value};
	return labels_sort(out, e) == 0;
}

/* A number without sign lexed from the front of *s: hexadecimal is not taken, so that 0x3 is 0 four times. */
bool take_number(struct str *s, double *out)
{
	size_t i = 0;

	if (i < s->n && (s->p[i] == '+' || s->p[i] == '-'))
		i++;
	if (s->n - i >= 3 && (strncasecmp(s->p + i, "inf", 3) == 0 || strncasecmp(s->p + i, "nan", 3) == 0)) {
		i += 3;
	} else {
		while (i < s->n && ((s->p[i] >= '0' && s->p[i] <= '9') || s->p[i] == '.' || s->p[i] == '_'))
			i++;
		if (i < s->n && (s->p[i] | 32) == 'e') {
			i++;
			if (i < s->n && (s->p[i] == '+' || s->p[i] == '-'))
				i++;
			while (i < s->n && s->p[i] >= '0' && s->p[i] <= '9')
				i++;
		}
	}
	if (i == 0)
		return false;
	char *text = xstrndup(s->p, i), *end;

	*out = strtod(text, &end);
	bool ok = end != text && *end == '\0';

	free(text);
	*s = (struct str){s->p + i, s->n - i};
	return ok;
}

static bool take_count(struct str *s, size_t *n)
{
	int64_t v;

	if (s->n < 2 || s->p[0] != 'x' || !num_int((struct str){s->p + 1, s->n - 1}, &v) || v < 0 ||
	        v > 10000000)
		return false;
	*n = (size_t)v;
	*s = (struct str){s->p + s->n, 0};
	return true;
}

static bool parse_point(struct str item, struct points *p)
{
	double a, b = 0;
	size_t n = 0;
	struct str s = item;

	if (str_starts(s, "_")) {
		s = (struct str){s.p + 1, s.n - 1};
		n = 1;
		if (s.n > 0 && !take_count(&s, &n))
			return false;
		while (n-- > 0)
			points_add(p, POINT_NONE, 0);
		return true;
	}
	if (str_starts(s, "stale")) {
		s = (struct str){s.p + 5, s.n - 5};
		if (s.n > 0 && !take_count(&s, &n))
			return false;
		for (size_t i = 0; i <= n; i++)
			points_add(p, POINT_VALUE, absent());
		return true;
	}
	if (!take_number(&s, &a))
		return false;
	if (s.n > 0 && (s.p[0] == '+' || s.p[0] == '-') && !take_number(&s, &b))
		return false;
	if (s.n > 0 && !take_count(&s, &n))
		return false;
	if (s.n > 0)
		return false;
	/* As Prometheus builds them: by repeated addition. */
	for (size_t i = 0; i <= n; i++, a += b)
		points_add(p, POINT_VALUE, a);
	return true;
}

bool parse_points(struct str s, struct points *p)
{
	size_t i = 0;

	for (;;) {
		size_t from;

		while (i < s.n && is_blank(s.p[i]))
			i++;
		if (i >= s.n)
			return true;
		from = i;
		if (i + 1 < s.n && s.p[i] == '{' && s.p[i + 1] == '{') {
			size_t more = 0;

			/* {{…}}, {{…}}x3 or {{…}}+{{…}}x3, with blanks inside the braces. */
			while (i < s.n && !is_blank(s.p[i])) {
				if (s.p[i] == '{')
					while (i + 1 < s.n && !(s.p[i] == '}' && s.p[i + 1] == '}'))
						i++;
				if (s.p[i] == 'x')
					from = i;
				i++;
			}
			if (s.p[from] == 'x') {
				struct str count = {s.p + from, i - from};

				if (!take_count(&count, &more))
					return false;
			}
			for (size_t k = 0; k <= more; k++)
				points_add(p, POINT_HISTOGRAM, 0);
			continue;
		}
		while (i < s.n && !is_blank(s.p[i]))
			i++;
		if (!parse_point((struct str){s.p + from, i - from}, p))
			return false;
	}
}

/* A signed duration from the front of *s. */
static bool take_offset(struct str *s, dur_us *out)
{
	size_t n = 0, from = s->n > 0 && (s->p[0] == '-' || s->p[0] == '+');
	bool ok;

	for (n = from; n < s->n && s->p[n] != 'x' && s->p[n] != '+' && s->p[n] != '-';)
		n++;
	ok = n > from && (dur_parse((struct str){s->p + from, n - from}, out) ||
	                         str_is((struct str){s->p + from, n - from}, "0"));
	if (ok && s->p[0] == '-')
		*out = -*out;
	*s = (struct str){s->p + n, s->n - n};
	return ok;
}

bool parse_starts(struct str s, struct starts *out)
{
	while ((s = str_trim(s)).n > 0) {
		struct str item = {s.p, 0};
		dur_us at = 0, step = 0;
		size_t more = 0;
		bool none = s.p[0] == '_', ok;

		while (item.n < s.n && !is_blank(s.p[item.n]))
			item.n++;
		s = (struct str){s.p + item.n, s.n - item.n};
		if (none)
			item = (struct str){item.p + 1, item.n - 1};
		ok = none || take_offset(&item, &at);
		if (ok && !none && item.n > 0 && (item.p[0] == '+' || item.p[0] == '-'))
			ok = take_offset(&item, &step);
		if (ok && item.n > 0)
			ok = take_count(&item, &more);
		else
			more = none; /* `_` is one, `_x3` is three */
		if (!ok || item.n > 0)
			return false;
		for (size_t i = none; i <= more; i++, at += step) {
			out->at = xgrow(out->at, &out->cap, out->n + 1, sizeof *out->at);
			out->at[out->n++] = none ? NO_START : at;
		}
	}
	return true;
}
