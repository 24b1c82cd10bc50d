/*
 * json - values of FEEL out to JSON and in from it.
 */
#include "feel/feel_int.h"

static void write_json(const struct feel_value *v, struct jw *w, int depth)
{
	struct sb b = SB_INIT;

	if (depth > FEEL__VALUE_DEPTH_MAX) {
		jw_null(w);
		return;
	}

	switch (v->type) {
	case FEEL_NULL:
	case FEEL_FUNCTION: jw_null(w); break;
	case FEEL_BOOL: jw_bool(w, v->boolean); break;
	case FEEL_STRING: jw_str(w, v->string); break;
	case FEEL_NUMBER:
		feel_number_write(&b, v->number);
		jw_raw(w, sb_str(&b));
		break;
	case FEEL_LIST:
		jw_array(w);
		for (int i = 0; i < v->list.n; i++)
			write_json(&v->list.item[i], w, depth + 1);
		jw_array_end(w);
		break;
	case FEEL_CONTEXT:
		jw_object(w);
		for (int i = 0; i < v->context.n; i++) {
			jw_key_str(w, v->context.entry[i].key);
			write_json(v->context.entry[i].value, w, depth + 1);
		}
		jw_object_end(w);
		break;
	default: feel_write_text(v, &b); jw_str(w, sb_str(&b));
	}
	sb_fini(&b);
}

void feel_write_json(const struct feel_value *v, struct jw *w)
{
	write_json(v, w, 0);
}

struct reader {
	struct json j;
	struct arena *a;
	struct err *e;
};

static struct str json_copy(struct reader *r)
{
	char *buf = arena_alloc(r->a, r->j.text.n + 1);
	struct str s;

	if (!buf)
		return STR_NULL;
	s = json_text(&r->j, buf, r->j.text.n + 1);
	if (s.p && s.p != buf)
		memcpy(buf, s.p, s.n);
	return s.p ? (struct str){buf, s.n} : STR_NULL;
}

static int no_memory(struct err *e)
{
	return err_set(e, ERR_NOMEM, "the value needs more memory than allowed");
}

static bool append_entry(
        struct arena *a, struct feel_context *c, size_t *cap, struct str key, const struct feel_value *v)
{
	struct feel_value *copy = arena_memdup(a, v, sizeof(*v));
	struct feel_entry *entry = arena_grow(a, c->entry, cap, (size_t)c->n + 1, sizeof(*entry));

	if (!copy || !entry)
		return false;
	c->entry = entry;
	entry[c->n++] = (struct feel_entry){key, copy};
	return true;
}

static int by_key(const void *a, const void *b)
{
	const struct feel_entry *x = *(struct feel_entry *const *)a, *y = *(struct feel_entry *const *)b;
	int order = str_cmp(x->key, y->key);

	return order ? order : x < y ? -1 : x > y;
}

/* Of entries with one key the last stays. */
static bool keep_last(struct arena *a, struct feel_context *c)
{
	struct feel_entry **sorted;
	int kept = 0;

	if (c->n < 2)
		return true;
	sorted = arena_array(a, (size_t)c->n, sizeof(struct feel_entry *));
	if (!sorted)
		return false;
	for (int i = 0; i < c->n; i++)
		sorted[i] = &c->entry[i];
	qsort(sorted, (size_t)c->n, sizeof(struct feel_entry *), by_key);
	for (int i = 0; i + 1 < c->n; i++)
		if (str_eq(sorted[i]->key, sorted[i + 1]->key))
			sorted[i]->value = NULL;
	for (int i = 0; i < c->n; i++)
		if (c->entry[i].value)
			c->entry[kept++] = c->entry[i];
	c->n = kept;
	return true;
}

static int read_value(struct reader *r, enum json_type t, struct feel_value *out)
{
	size_t cap = 0;
	int rc;

	*out = FEEL_NULL_VALUE;
	switch (t) {
	case JSON_NULL: return 0;
	case JSON_TRUE:
	case JSON_FALSE: *out = feel_bool(t == JSON_TRUE); return 0;
	case JSON_NUMBER:
		out->type = FEEL_NUMBER;
		if (!feel_number_parse(r->j.text, &out->number))
			return err_set(
			        r->e, ERR_INVALID, "the number " STR_FMT " is too large", STR_ARG(r->j.text));
		return 0;
	case JSON_STRING:
		*out = feel_string(json_copy(r));
		return out->string.p ? 0 : arena_failed(r->a) ? no_memory(r->e) : json_error(&r->j, r->e);
	case JSON_ARRAY:
		out->type = FEEL_LIST;
		out->list = (struct feel_list){NULL, 0};
		while ((t = json_next(&r->j)) != JSON_ARRAY_END) {
			out->list.item = arena_grow(r->a, out->list.item, &cap, (size_t)out->list.n + 1,
			        sizeof(struct feel_value));
			if (!out->list.item)
				return no_memory(r->e);
			rc = read_value(r, t, &out->list.item[out->list.n]);
			if (rc < 0)
				return rc;
			out->list.n++;
		}
		return 0;
	case JSON_OBJECT:
		out->type = FEEL_CONTEXT;
		out->context = (struct feel_context){NULL, 0};
		while ((t = json_next(&r->j)) != JSON_OBJECT_END) {
			struct feel_value v;
			struct str key;

			if (t != JSON_KEY)
				return json_error(&r->j, r->e);
			key = json_copy(r);
			if (!key.p)
				return arena_failed(r->a) ? no_memory(r->e) : json_error(&r->j, r->e);
			rc = read_value(r, json_next(&r->j), &v);
			if (rc < 0)
				return rc;
			if (!append_entry(r->a, &out->context, &cap, key, &v))
				return no_memory(r->e);
		}
		return keep_last(r->a, &out->context) ? 0 : no_memory(r->e);
	default: return json_error(&r->j, r->e);
	}
}

int feel_read_json(struct arena *a, struct str json, struct feel_value *out, struct err *e)
{
	struct reader r = {.a = a, .e = e};
	struct feel_value v;
	int rc;

	json_init(&r.j, json);
	rc = read_value(&r, json_next(&r.j), &v);
	if (rc == 0 && json_next(&r.j) != JSON_END)
		rc = json_error(&r.j, e);
	if (rc == 0)
		*out = v;
	return rc;
}
