#include "series/remote_int.h"

#include "base/num.h"

#include <math.h>

struct line {
	struct arena *a;
	struct remote_series *out;
	size_t t_n, v_n, t_cap, v_cap, left;
	bool memory, many;
};

static struct str text_of(const struct json *j, struct arena *a)
{
	char *buf = arena_alloc(a, j->text.n + 1);

	if (buf == NULL)
		return STR_NULL;
	if (j->escaped)
		return json_text(j, buf, j->text.n + 1);
	memcpy(buf, j->text.p, j->text.n);
	return (struct str){buf, j->text.n};
}

int remote_read_labels(struct json *j, struct arena *a, struct labels *out)
{
	size_t cap = 0;
	enum json_type t;

	*out = LABELS_NONE;
	if (json_next(j) != JSON_OBJECT)
		return 0;
	while ((t = json_next(j)) == JSON_KEY) {
		struct label one = {.name = text_of(j, a)};

		if (json_next(j) != JSON_STRING)
			return 0;
		one.value = text_of(j, a);
		out->l = arena_grow(a, out->l, &cap, (size_t)out->n + 1, sizeof(*out->l));
		if (out->l == NULL || one.name.p == NULL || one.value.p == NULL)
			return ERR_NOMEM;
		out->l[out->n++] = one;
	}
	return t == JSON_OBJECT_END;
}

static bool read_metric(struct line *l, struct json *j)
{
	int rc = remote_read_labels(j, l->a, &l->out->labels);

	l->memory = rc < 0;
	return rc == 1;
}

/* null is what the engine writes for a staleness marker, the one NaN that it keeps. */
static bool read_value(const struct json *j, enum json_type t, double *v)
{
	const uint64_t stale = SERIES_STALE;

	if (t == JSON_NULL) {
		memcpy(v, &stale, sizeof(*v));
		return true;
	}
	if (t == JSON_NUMBER)
		return num_double(j->text, false, v);
	if (t != JSON_STRING)
		return false;
	if (str_is(j->text, "Infinity") || str_is(j->text, "-Infinity")) {
		*v = j->text.p[0] == '-' ? -INFINITY : INFINITY;
		return true;
	}
	return num_double(j->text, true, v);
}

static bool read_values(struct line *l, struct json *j)
{
	enum json_type t;

	if (json_next(j) != JSON_ARRAY)
		return false;
	while ((t = json_next(j)) != JSON_ARRAY_END) {
		double v;

		if (!read_value(j, t, &v))
			return false;
		l->many = l->v_n == l->left;
		l->out->v =
		        l->many ? l->out->v : arena_grow(l->a, l->out->v, &l->v_cap, l->v_n + 1, sizeof(v));
		l->memory = l->out->v == NULL;
		if (l->many || l->memory)
			return false;
		l->out->v[l->v_n++] = v;
	}
	return true;
}

static bool read_times(struct line *l, struct json *j)
{
	enum json_type t;
	int64_t ms;

	if (json_next(j) != JSON_ARRAY)
		return false;
	while ((t = json_next(j)) != JSON_ARRAY_END) {
		if (t != JSON_NUMBER || !num_int(j->text, &ms) || ms > INT64_MAX / US_MS ||
		        ms < INT64_MIN / US_MS + 1)
			return false;
		l->many = l->t_n == l->left;
		l->out->t =
		        l->many ? l->out->t : arena_grow(l->a, l->out->t, &l->t_cap, l->t_n + 1, sizeof(ms));
		l->memory = l->out->t == NULL;
		if (l->many || l->memory)
			return false;
		l->out->t[l->t_n++] = ms * US_MS;
	}
	return true;
}

static bool read_line(struct line *l, struct str text)
{
	enum json_type t;
	struct json j;

	json_init(&j, text);
	if (json_next(&j) != JSON_OBJECT)
		return false;
	while ((t = json_next(&j)) == JSON_KEY) {
		bool ok = str_is(j.text, "metric")       ? read_metric(l, &j)
		          : str_is(j.text, "values")     ? read_values(l, &j)
		          : str_is(j.text, "timestamps") ? read_times(l, &j)
		                                         : json_skip(&j);

		if (!ok)
			return false;
	}
	return t == JSON_OBJECT_END && json_next(&j) == JSON_END && l->t_n == l->v_n;
}

struct sorted {
	time_us t;
	double v;
	size_t i;
};

static int by_time(const void *a, const void *b)
{
	const struct sorted *x = a, *y = b;

	return x->t != y->t ? (x->t > y->t) - (x->t < y->t) : (x->i > y->i) - (x->i < y->i);
}

static void sort_points(struct remote_series *s)
{
	struct sorted *p = xcalloc(s->n, sizeof(*p));

	for (size_t i = 0; i < s->n; i++)
		p[i] = (struct sorted){s->t[i], s->v[i], i};
	qsort(p, s->n, sizeof(*p), by_time);
	for (size_t i = 0; i < s->n; i++) {
		s->t[i] = p[i].t;
		s->v[i] = p[i].v;
	}
	free(p);
}

void remote_put_in_order(struct remote_series *s)
{
	bool ordered = true;
	size_t k = 0;

	for (size_t i = 1; i < s->n && ordered; i++)
		ordered = s->t[i - 1] <= s->t[i];
	if (!ordered)
		sort_points(s);
	for (size_t i = 0; i < s->n; i++) {
		if (k > 0 && s->t[k - 1] == s->t[i])
			k--;
		s->t[k] = s->t[i];
		s->v[k++] = s->v[i];
	}
	s->n = k;
}

int remote_export_next(
        struct str *text, struct arena *a, size_t *left, struct remote_series *out, struct err *e)
{
	struct line l = {.a = a, .out = out, .left = *left};
	struct str line = STR_NULL;
	struct err ignored = ERR_INIT;

	while (line.n == 0) {
		if (text->p == NULL)
			return 0;
		line = str_trim(str_cut(text, '\n'));
	}
	*out = (struct remote_series){0};
	if (!read_line(&l, line))
		return l.many ? err_set(e, ERR_TOOBIG, "the query reads more points than one query may")
		       : l.memory
		               ? err_set(e, ERR_NOMEM, "the query needs more memory than one query may use")
		               : err_set(e, ERR_UNAVAILABLE,
		                         "the engine's answer is not what /api/v1/export gives");
	if (labels_sort(&out->labels, &ignored) < 0)
		return err_set(e, ERR_UNAVAILABLE, "the engine has a series with a label twice");
	out->n = l.t_n;
	*left -= out->n;
	return 1;
}
