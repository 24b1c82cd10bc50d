/*
 * Records follow their kind: fields that a new version of a pack renamed, cut out of others, retyped, retired
 * or asks for now. The same walk counts (for a look ahead) and writes.
 */
#include "base/json.h"
#include "city/pack_int.h"
#include "store/sql.h"

#include <math.h>

#define PART 500 /* records that are read at once */

/* What is counted of one field. */
struct tally {
	const char *uncut_code; /* the first record of those */
	int64_t renamed, split, uncut, retyped, filled, lacking, unfit;
	uint64_t *value; /* digests, where values must be unique from now on */
	size_t values, values_cap;
};

/* ---- what differs ---- */

static bool same_options(const struct field *a, const struct field *b)
{
	if (a->options != b->options)
		return false;
	for (int i = 0; i < a->options; i++)
		if (strcmp(a->option[i].code, b->option[i].code) != 0)
			return false;
	return true;
}

static bool same_number(double a, double b)
{
	return (isnan(a) && isnan(b)) || a == b;
}

static bool retyped(const struct field *was, const struct field *is)
{
	return was->type != is->type || was->many != is->many;
}

/* The field allows other values than before, though its type is the same. */
static bool other_bounds(const struct field *was, const struct field *is)
{
	return !same_options(was, is) || strcmp(was->pattern, is->pattern) != 0 ||
	       !same_number(was->min, is->min) || !same_number(was->max, is->max);
}

/* Where a field's values come from: the field of the same key, or one whose key it had before. */
static const struct field *source_of(const struct pack_move *m, const struct field *f)
{
	const struct field *same = kind_field(m->was, f->key);

	if (same != NULL)
		return same;
	for (int i = 0; i < m->was->fields; i++)
		if (pack__has_word(f->was, m->was->field[i].key))
			return &m->was->field[i];
	return NULL;
}

/* The values of a field of before find no place in any field. */
static bool retired(const struct pack_move *m, const struct field *old)
{
	for (int i = 0; i < m->is->fields; i++) {
		const struct field *f = &m->is->field[i];

		if (source_of(m, f) == old || strcmp(f->from, old->key) == 0)
			return false;
	}
	return true;
}

static bool has_state(const struct kind *k, const char *state)
{
	for (int i = 0; i < k->states; i++)
		if (strcmp(k->state[i].code, state) == 0)
			return true;
	return *state == '\0';
}

static bool newly_unique(const struct field *was, const struct field *is)
{
	return is->unique && (was == NULL || !was->unique);
}

static bool differs(const struct pack_move *m)
{
	for (int i = 0; i < m->is->fields; i++) {
		const struct field *f = &m->is->field[i], *old = source_of(m, f);

		if (old == NULL ? *f->from != '\0' || *f->dflt != '\0' || f->required
		                : strcmp(old->key, f->key) != 0 || retyped(old, f) || other_bounds(old, f) ||
		                          (f->required && !old->required) || newly_unique(old, f))
			return true;
	}
	for (int i = 0; i < m->was->fields; i++)
		if (retired(m, &m->was->field[i]))
			return true;
	for (int i = 0; i < m->was->states; i++)
		if (!has_state(m->is, m->was->state[i].code))
			return true;
	return false;
}

static bool same_index(struct arena *a, const struct field *was, const struct field *is)
{
	return field_indexed(was) == field_indexed(is) && was->searched == is->searched &&
	       strcmp(kind_key_form(a, was), kind_key_form(a, is)) == 0;
}

static bool other_index(struct arena *a, const struct pack_move *m)
{
	for (int i = 0; i < m->was->fields; i++) {
		const struct field *was = &m->was->field[i], *is = kind_field(m->is, was->key);

		if (is == NULL ? field_indexed(was) || was->searched : !same_index(a, was, is))
			return true;
	}
	return false;
}

void pack__find_moves(struct pack_run *r)
{
	const struct catalog *c = r->d->catalog;

	r->move = arena_array(r->a, (size_t)c->kinds, sizeof(*r->move));
	r->moves = 0;
	for (int i = 0; i < c->kinds; i++) {
		const struct kind *was = catalog_kind(r->was, c->kind[i].code);
		struct pack_move *m = &r->move[r->moves];

		if (was == NULL || strcmp(c->kind[i].pack, r->head->code) != 0)
			continue;
		*m = (struct pack_move){.was = was, .is = &c->kind[i]};
		m->any = differs(m);
		m->indexed = other_index(r->a, m);
		r->moves++;
	}
}

/* ---- one record ---- */

/* A value as people would write it, so that another type can read it. */
static struct str text_of(struct arena *a, const struct doc *v)
{
	struct sb b = SB_INIT;
	struct str out;

	if (v->type == DOC_MAP) {
		sb_printf(&b, "%s,%s", doc_str(v, "lon", ""), doc_str(v, "lat", ""));
	} else if (v->type == DOC_LIST) {
		DOC_EACH(x, v)
		{
			sb_printf(&b, "%s%s", b.n > 0 ? "," : "", x->text != NULL ? x->text : "");
		}
	} else if (v->text != NULL) {
		sb_putstr(&b, (struct str){v->text, v->text_n});
	}
	out = (struct str){arena_strndup(a, b.p != NULL ? b.p : "", b.n), b.n};
	sb_fini(&b);
	return out;
}

static struct str json_of(struct arena *a, const struct doc *v)
{
	struct sb b = SB_INIT;
	struct str out;
	struct jw w;

	jw_init(&w, &b);
	doc_write_json(v, &w);
	out = (struct str){arena_strndup(a, b.p, b.n), b.n};
	sb_fini(&b);
	return out;
}

/* The part-th piece between separators. */
static struct str piece(struct str s, const char *separator, int part)
{
	size_t n = strlen(separator);

	for (int i = 1;; i++) {
		const char *end = s.n >= n ? memmem(s.p, s.n, separator, n) : NULL;
		struct str one = {s.p, end != NULL ? (size_t)(end - s.p) : s.n};

		if (i == part)
			return str_trim(one);
		if (end == NULL)
			return STR_NULL;
		s = (struct str){end + n, s.n - one.n - n};
	}
}

static struct str cut_out(const struct field *f, struct str text)
{
	struct str out = STR_NULL;

	if (f->match == NULL)
		return piece(text, f->separator, f->part);
	(void)pattern_cut(f->match, str_trim(text), f->part, &out);
	return str_trim(out);
}

static bool reads(
        struct pack_run *r, struct arena *a, const struct field *f, struct str text, struct str *out)
{
	struct err ignored = ERR_INIT;
	const char *doubt = NULL;

	return kind_value(a, f, r->d->catalog->zone, text, out, &doubt, &ignored) == 0;
}

struct one {
	struct pack_run *r;
	const struct pack_move *m;
	struct arena *a;
	const struct doc *values;
	const char *code;    /* of the record; NULL for a row of the pack, which is not told of */
	struct tally *tally; /* one a field of the new kind; NULL: nothing is counted */
	bool changed;
};

/* The value that a field gets from the record, as JSON; STR_NULL for none. */
static struct str value_of(struct one *o, const struct field *f, struct tally *t)
{
	const struct field *old = source_of(o->m, f);
	const struct doc *v = doc_get(o->values, f->key);
	struct str out = STR_NULL;

	if (v == NULL && old != NULL) {
		v = doc_get(o->values, old->key);
		t->renamed += v != NULL && v->type != DOC_NULL && strcmp(old->key, f->key) != 0;
	}
	if (v != NULL && v->type == DOC_NULL)
		v = NULL;
	if (v != NULL && old != NULL && retyped(old, f)) {
		if (reads(o->r, o->a, f, text_of(o->a, v), &out)) {
			t->retyped++;
		} else if (o->tally != NULL) {
			pack__news(o->r, (struct pack_change){.what = PACK_UNREADABLE,
			                         .part = o->m->is->code,
			                         .code = o->code,
			                         .field = f->key,
			                         .was = json_of(o->a, v).p,
			                         .n = 1});
		}
	} else if (v != NULL) {
		out = json_of(o->a, v);
	} else if (old == NULL && *f->from != '\0' && (v = doc_get(o->values, f->from)) != NULL &&
	           v->type != DOC_NULL) {
		struct str text = cut_out(f, text_of(o->a, v));

		if (text.n > 0 && reads(o->r, o->a, f, text, &out) && out.p != NULL) {
			t->split++;
		} else {
			out = STR_NULL;
			if (t->uncut++ == 0 && o->code != NULL)
				t->uncut_code = arena_strdup(o->r->a, o->code);
		}
	}
	if (out.p == NULL && *f->dflt != '\0' && (old == NULL || (f->required && !old->required)) &&
	        reads(o->r, o->a, f, str_of(f->dflt), &out))
		t->filled++;
	return out;
}

static bool fits(struct one *o, const struct field *f, const struct doc *v)
{
	struct str ignored;

	return v == NULL || v->type == DOC_NULL || reads(o->r, o->a, f, text_of(o->a, v), &ignored);
}

/* The values in the new form. A field that has none any more says null: record_put would keep a veiled one.
 */
static int move_values(struct one *o, const struct doc **out, struct err *e)
{
	struct doc *made = NULL;
	struct sb b = SB_INIT;
	struct jw w;
	int rc;

	jw_init(&w, &b);
	jw_object(&w);
	DOC_EACH(x, o->values)
	{
		if (kind_is_own(x->key)) {
			jw_key(&w, x->key);
			doc_write_json(x, &w);
		}
	}
	for (int i = 0; i < o->m->is->fields; i++) {
		const struct field *f = &o->m->is->field[i], *old = source_of(o->m, f);
		const struct doc *was = doc_get(o->values, f->key);
		struct tally none = {0}, *t = o->tally != NULL ? &o->tally[i] : &none;
		struct str value = value_of(o, f, t);

		if (value.p == NULL)
			t->lacking += f->required;
		else if (old != NULL && !retyped(old, f) && other_bounds(old, f))
			t->unfit += !fits(o, f, was != NULL ? was : doc_get(o->values, old->key));
		if (value.p != NULL && o->tally != NULL && newly_unique(old, f)) {
			t->value = arena_grow(
			        o->r->a, t->value, &t->values_cap, t->values + 1, sizeof(*t->value));
			t->value[t->values++] = hash64(value.p, value.n, 0);
		}
		if (value.p != NULL) {
			jw_key(&w, f->key);
			jw_raw(&w, value);
		} else if (was != NULL) {
			jw_key(&w, f->key);
			jw_null(&w);
		}
		o->changed |=
		        value.p == NULL ? was != NULL : was == NULL || !str_eq(json_of(o->a, was), value);
	}
	for (int i = 0; i < o->m->was->fields; i++) {
		const struct field *old = &o->m->was->field[i];

		o->changed |= kind_field(o->m->is, old->key) == NULL && doc_get(o->values, old->key) != NULL;
	}
	jw_object_end(&w);
	rc = doc_parse_json(o->a, (struct str){arena_strndup(o->a, b.p, b.n), b.n}, "row", &made, e);
	sb_fini(&b);
	*out = made;
	return rc;
}

int pack__moved(
        struct pack_run *r, const char *kind, const struct doc *values, const struct doc **out, struct err *e)
{
	struct one o = {.r = r, .a = r->row, .values = values};

	*out = values;
	for (int i = 0; i < r->moves; i++)
		if (r->move[i].any && strcmp(r->move[i].is->code, kind) == 0) {
			o.m = &r->move[i];
			return move_values(&o, out, e);
		}
	return 0;
}

/* ---- all records of a kind ---- */

struct walk {
	struct pack_run *r;
	const struct pack_move *m;
	struct tally *tally; /* by field of the new kind */
	int64_t *retired;    /* by field of the old kind */
	int64_t stateless, done, total;
};

static int move_record(struct walk *w, struct arena *a, const struct sql_record_get_row *row, struct err *e)
{
	const struct kind *k = w->m->is;
	const char *code = arena_strndup(a, row->code.p, row->code.n);
	const char *state = arena_strndup(a, row->state.p, row->state.n);
	const struct record_door door = {.catalog = w->r->lenient, .by = &w->r->by, .pack = ""};
	struct one o = {.r = w->r, .m = w->m, .a = a, .code = code, .tally = w->tally};
	const struct doc *attrs = NULL;
	enum record_verdict verdict;
	struct doc *values = NULL;
	int rc = doc_parse_json(a, row->attrs, code, &values, e);

	if (rc < 0)
		return rc;
	o.values = values;
	w->stateless += !has_state(k, state) && has_state(w->m->was, state);
	for (int i = 0; i < w->m->was->fields; i++)
		w->retired[i] += retired(w->m, &w->m->was->field[i]) &&
		                 doc_get(values, w->m->was->field[i].key) != NULL;
	rc = move_values(&o, &attrs, e);
	if (rc < 0 || !o.changed)
		return rc;
	w->r->out->moved++;
	if (!w->r->write)
		return 0;
	rc = record_put(w->r->tx, &door,
	        &(struct record_in){.kind = k->code,
	                .code = code,
	                .name = arena_strndup(a, row->name.p, row->name.n),
	                .name_en = arena_strndup(a, row->name_en.p, row->name_en.n),
	                .state = state,
	                .org = arena_strndup(a, row->org.p, row->org.n),
	                .region = arena_strndup(a, row->region.p, row->region.n),
	                .at = {row->lon, row->lat},
	                .attrs = attrs,
	                .demo = row->demo},
	        -1, NULL, &verdict, e);
	return rc < 0 ? err_prefix(e, "the record %s of kind %s cannot be brought to the new form", code,
	                        k->code)
	              : 0;
}

/* Records past the code `after`, which moves on; codes have 64 bytes at most. */
static int next_ids(struct store_tx *tx, const char *kind, char after[65], int64_t *id, int *n, struct err *e)
{
	struct store_rows *rows = NULL;
	struct sql_record_part_row row;
	int rc = sql_record_part_open(
	        tx, &(struct sql_record_part_in){str_of(kind), str_of(after), PART}, &rows, e);

	*n = 0;
	while (rc == 0 && (rc = sql_record_part_next(rows, &row, e)) > 0) {
		snprintf(after, 65, STR_FMT, STR_ARG(row.code));
		id[(*n)++] = row.id;
		rc = 0;
	}
	store_rows_close(&rows);
	return rc;
}

static int walk_kind(struct walk *w, struct err *e)
{
	struct arena *a = arena_new(0);
	char after[65] = "";
	int64_t id[PART];
	int n = PART, rc = 0;

	while (rc == 0 && n == PART) {
		rc = next_ids(w->r->tx, w->m->is->code, after, id, &n, e);
		for (int i = 0; i < n && rc == 0; i++) {
			struct sql_record_get_row row;

			rc = sql_record_get(w->r->tx, &(struct sql_record_get_in){id[i]}, &row, e);
			if (rc > 0)
				rc = move_record(w, a, &row, e);
		}
		w->done += n;
		pack__tell_progress(w->r, w->m->is->code, w->done, w->total);
		arena_reset(a);
	}
	arena_free(&a);
	return rc;
}

static void tell(struct walk *w, enum pack_news what, const char *field, const char *was, int64_t n)
{
	if (n > 0)
		pack__news(w->r,
		        (struct pack_change){
		                .what = what, .part = w->m->is->code, .field = field, .was = was, .n = n});
}

static int by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int64_t doubles(const struct tally *t)
{
	int64_t n = 0;

	if (t->values > 0)
		qsort(t->value, t->values, sizeof(*t->value), by_value);
	for (size_t i = 0; i < t->values; i++)
		n += (i > 0 && t->value[i] == t->value[i - 1]) ||
		     (i + 1 < t->values && t->value[i] == t->value[i + 1]);
	return n;
}

static void tell_counts(struct walk *w)
{
	for (int i = 0; i < w->m->is->fields; i++) {
		const struct field *f = &w->m->is->field[i], *old = source_of(w->m, f);
		const struct tally *t = &w->tally[i];

		tell(w, PACK_RENAMED, f->key, old != NULL ? old->key : "", t->renamed);
		tell(w, PACK_SPLIT, f->key, f->from, t->split);
		if (t->uncut > 0)
			pack__news(w->r, (struct pack_change){.what = PACK_UNCUT,
			                         .part = w->m->is->code,
			                         .code = t->uncut_code,
			                         .field = f->key,
			                         .was = f->from,
			                         .n = t->uncut});
		tell(w, PACK_RETYPED, f->key, old != NULL ? field_type_name(old->type) : "", t->retyped);
		tell(w, PACK_FILLED, f->key, f->dflt, t->filled);
		tell(w, PACK_LACKING, f->key, "", t->lacking);
		tell(w, PACK_UNFIT, f->key, "", t->unfit);
		tell(w, PACK_DOUBLE, f->key, "", doubles(t));
	}
	for (int i = 0; i < w->m->was->fields; i++)
		tell(w, PACK_RETIRED, w->m->was->field[i].key, "", w->retired[i]);
	tell(w, PACK_STATELESS, "state", "", w->stateless);
}

int pack__move_records(struct pack_run *r, struct err *e)
{
	int rc = 0;

	for (int i = 0; i < r->moves && rc == 0; i++) {
		const struct pack_move *m = &r->move[i];
		struct walk w = {.r = r, .m = m};
		struct sql_pack_kind_count_row count;

		if (!m->any)
			continue;
		rc = sql_pack_kind_count(r->tx,
		        &(struct sql_pack_kind_count_in){str_of(m->is->code), str_of(r->head->code)}, &count,
		        e);
		if (rc < 0)
			return rc;
		w.total = count.n;
		w.tally = arena_array(r->a, (size_t)m->is->fields, sizeof(*w.tally));
		w.retired = arena_array(r->a, (size_t)m->was->fields, sizeof(*w.retired));
		rc = walk_kind(&w, e);
		if (rc == 0)
			tell_counts(&w);
	}
	return rc;
}
