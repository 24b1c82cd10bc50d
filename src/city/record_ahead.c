/*
 * What the rows of a sheet will ask the store about, asked for a whole part at once. An answer is kept only
 * where no other row of the part can change it: codes and unique values that come once in it, as codes or as
 * what is referred to, and records of other kinds. Where rows lead to one another, as up a tree, nothing is
 * asked ahead.
 */
#include "base/intern.h"
#include "city/record_int.h"

/* Texts with how often each came. */
struct tally {
	struct intern seen;
	uint32_t *times;
	size_t cap;
};

static void add(struct tally *t, struct str s)
{
	uint32_t had = t->seen.n, no = intern(&t->seen, s);

	t->times = xgrow(t->times, &t->cap, (size_t)no + 1, sizeof(*t->times));
	t->times[no] = no == had ? 1 : t->times[no] + 1;
}

static void tally_end(struct tally *t)
{
	intern_fini(&t->seen);
	free(t->times);
	*t = (struct tally){0};
}

/* Of the kind's own records, of any things, or up a tree: what one row says may decide about another. */
static bool leads(const struct field *f, const struct kind *k)
{
	return f->type == FIELD_REFERENCE &&
	       (f->tree || strcmp(f->ref, k->code) == 0 || (field_of_things(f) && f->many));
}

static bool says(const struct doc *v)
{
	return v != NULL && ((v->text != NULL && *v->text != '\0') || v->child != NULL);
}

static bool rows_lead(const struct kind *k, struct doc *const *patch, size_t n)
{
	for (int f = 0; f < k->fields; f++)
		for (size_t i = 0; i < n && leads(&k->field[f], k); i++)
			if (says(doc_get(doc_get(patch[i], "attrs"), k->field[f].key)))
				return true;
	return false;
}

static bool refers_to_own(const struct kind *k)
{
	for (int i = 0; i < k->fields; i++)
		if (leads(&k->field[i], k) || field_of_things(&k->field[i]))
			return true;
	return false;
}

/* ---- codes ---- */

static int ask_codes(struct store_tx *tx, const struct kind *k, const struct tally *t,
        const struct record__coming *of, struct err *e)
{
	struct arena *a = store_arena(tx);
	struct sql_record_find_in *find = arena_array(a, t->seen.n + 1, sizeof(*find));
	struct sql_record_rev_last_in *last = arena_array(a, t->seen.n + 1, sizeof(*last));
	struct sql_record_thing_kind_in *thing = arena_array(a, t->seen.n + 1, sizeof(*thing));
	struct sql_record_batch_row_of_in *row = arena_array(a, t->seen.n + 1, sizeof(*row));
	size_t n = 0;
	int rc;

	for (uint32_t i = 0; i < t->seen.n; i++) {
		struct str code = intern_str(&t->seen, i);

		if (t->times[i] > 1 || code.n == 0)
			continue;
		find[n] = (struct sql_record_find_in){str_of(k->code), code};
		last[n] = (struct sql_record_rev_last_in){str_of(k->code), code};
		row[n] = (struct sql_record_batch_row_of_in){of->looked, code};
		thing[n++] = (struct sql_record_thing_kind_in){code};
	}
	rc = sql_record_find_ahead(tx, find, n, e);
	if (rc == 0 && k->thing)
		rc = sql_record_thing_kind_ahead(tx, thing, n, e);
	if (rc == 0 && of->looked != 0)
		rc = sql_record_batch_row_of_ahead(tx, row, n, e);
	if (rc == 0 && of->looked == 0)
		rc = sql_record_rev_last_ahead(tx, last, n, e);
	return rc;
}

/* ---- values ---- */

/* As the record will keep it; NULL where it is none. */
static const char *value_of(
        struct arena *a, const struct record_door *d, const struct field *f, const struct doc *attrs)
{
	const char *text = doc_str(attrs, f->key, ""), *doubt = NULL;
	struct str value = STR_NULL;
	struct doc *doc = NULL;

	if (*text == '\0' || f->many ||
	        kind_value(a, f, d->catalog->zone, str_of(text), &value, &doubt, NULL) < 0 ||
	        value.p == NULL || doc_parse_json(a, value, f->key, &doc, NULL) < 0)
		return NULL;
	return doc->text;
}

static int ask_unique(struct store_tx *tx, const struct field *f, const struct tally *t, struct err *e)
{
	struct sql_record_entry_other_in *in = arena_array(store_arena(tx), t->seen.n + 1, sizeof(*in));
	size_t n = 0;

	for (uint32_t i = 0; i < t->seen.n; i++)
		if (t->times[i] == 1)
			in[n++] = (struct sql_record_entry_other_in){f->no, intern_str(&t->seen, i), 0};
	return sql_record_entry_other_ahead(tx, in, n, e);
}

static int ask_referred(struct store_tx *tx, const struct field *f, const struct tally *t, struct err *e)
{
	struct sql_record_find_in *in = arena_array(store_arena(tx), t->seen.n + 1, sizeof(*in));

	for (uint32_t i = 0; i < t->seen.n; i++)
		in[i] = (struct sql_record_find_in){str_of(f->ref), intern_str(&t->seen, i)};
	return sql_record_find_ahead(tx, in, t->seen.n, e);
}

static int ask_field(struct store_tx *tx, struct arena *a, const struct record_door *d, const struct field *f,
        struct doc *const *patch, size_t n, struct err *e)
{
	const bool unique = f->unique && f->no != 0,
	           referred = f->type == FIELD_REFERENCE && catalog_kind(d->catalog, f->ref) != NULL;
	struct tally t = {0};
	struct sb key = SB_INIT;
	int rc = 0;

	for (size_t i = 0; i < n && (unique || referred); i++) {
		const char *v = value_of(a, d, f, doc_get(patch[i], "attrs"));

		if (v == NULL)
			continue;
		sb_reset(&key);
		if (unique)
			kind_key(&key, f, str_of(v));
		else
			sb_puts(&key, v);
		add(&t, sb_str(&key));
	}
	if (t.seen.n > 0)
		rc = unique ? ask_unique(tx, f, &t, e) : ask_referred(tx, f, &t, e);
	sb_fini(&key);
	tally_end(&t);
	return rc;
}

int record__ahead(struct store_tx *tx, const struct record_door *d, const struct kind *k,
        const struct record__coming *of, struct err *e)
{
	struct arena *a;
	struct doc **patch;
	struct tally codes = {0};
	int rc = 0;

	if (!store_is_far(tx) || of->n == 0)
		return 0;
	a = arena_new(0);
	patch = arena_array(a, of->n, sizeof(*patch));
	for (size_t i = 0; i < of->n && rc == 0; i++) {
		const char *code = "";

		rc = doc_parse_json(a, str_of(of->patch[i]), "row", &patch[i], e);
		/* What has no code that can be read is the row's own affair. */
		if (rc == 0 && record__code(a, d, k, doc_str(patch[i], "code", ""),
		                       doc_get(patch[i], "attrs"), &code, NULL) == 0)
			add(&codes, str_of(code));
	}
	if (rc == 0 && rows_lead(k, patch, of->n))
		goto out;
	/* A thing that a row refers to may be another row's. */
	for (int f = 0; f < k->fields && rc == 0; f++)
		for (size_t i = 0; i < of->n && field_of_things(&k->field[f]); i++) {
			const char *code = doc_str(doc_get(patch[i], "attrs"), k->field[f].key, "");

			if (*code != '\0')
				add(&codes, str_trim(str_of(code)));
		}
	if (rc == 0)
		rc = ask_codes(tx, k, &codes, of, e);
	for (int i = 0; i < k->fields && rc == 0; i++)
		rc = ask_field(tx, a, d, &k->field[i], patch, of->n, e);
out:
	tally_end(&codes);
	arena_free(&a);
	return rc;
}

/* ---- undoing ---- */

int record__ahead_undo(
        struct store_tx *tx, const struct kind *k, const struct record__goner *g, size_t n, struct err *e)
{
	struct arena *a = store_arena(tx);
	struct sql_record_find_in *find = arena_array(a, n + 1, sizeof(*find));
	struct sql_record_rev_last_in *last = arena_array(a, n + 1, sizeof(*last));
	struct sql_record_rev_get_in *before = arena_array(a, n + 1, sizeof(*before));
	struct tally t = {0};
	size_t once = 0, had = 0;
	bool back = false; /* some become what they were, which may refer to others */
	int rc = 0;

	for (size_t i = 0; i < n; i++)
		back = back || g[i].rev > 1;
	if (!store_is_far(tx) || (back && refers_to_own(k)))
		return 0;
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < n; i++) {
			struct str kind = str_of(k->code), code = str_of(g[i].code);

			if (pass == 0) {
				add(&t, code);
			} else if (t.times[intern_find(&t.seen, code)] == 1) {
				find[once] = (struct sql_record_find_in){kind, code};
				last[once++] = (struct sql_record_rev_last_in){kind, code};
				if (g[i].rev > 1)
					before[had++] =
					        (struct sql_record_rev_get_in){kind, code, g[i].rev - 1};
			}
		}
	rc = sql_record_find_ahead(tx, find, once, e);
	if (rc == 0)
		rc = sql_record_rev_last_ahead(tx, last, once, e);
	if (rc == 0)
		rc = sql_record_rev_get_ahead(tx, before, had, e);
	tally_end(&t);
	return rc;
}
