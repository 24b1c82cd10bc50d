/* Index and full text of records: what a record is found and sorted by, kept beside it. */
#include "base/json.h"
#include "base/log.h"
#include "city/record_int.h"
#include "store/text.h"

#define FILL_PART 500 /* records that are read at once while a field is filled */

int record__attrs(struct arena *a, const struct record *r, struct doc **out, struct err *e)
{
	int rc = doc_parse_json(a, str_of(*r->attrs != '\0' ? r->attrs : "{}"), r->code, out, e);

	return rc < 0 ? err_prefix(e, "the stored attributes of a record") : 0;
}

/* ---- keys ---- */

static struct str take(struct arena *a, struct sb *b)
{
	struct str s = {arena_memdup(a, b->p, b->n), b->n};

	sb_reset(b);
	return s;
}

struct str *record__keys(struct arena *a, const struct field *f, const struct doc *attrs, int *n)
{
	const struct doc *v = doc_get(attrs, f->key);
	struct str *out = arena_array(a, f->many && v != NULL ? (size_t)v->count + 1 : 1, sizeof(*out));
	struct sb b = SB_INIT;

	*n = 0;
	DOC_EACH(x, f->many ? v : NULL)
	{
		kind_key(&b, f, (struct str){x->text, x->text_n});
		out[(*n)++] = take(a, &b);
	}
	if (*n == 0) {
		if (v != NULL && !f->many)
			kind_key(&b, f, (struct str){v->text, v->text_n});
		else
			kind_key_blank(&b);
		out[(*n)++] = take(a, &b);
	}
	sb_fini(&b);
	return out;
}

struct str record__key_own(struct arena *a, enum record_own own, const struct record *r)
{
	struct sb b = SB_INIT;
	struct str out;
	char text[24];

	switch (own) {
	case OWN_CODE: kind_key_own(&b, own, str_of(r->code)); break;
	case OWN_NAME: kind_key_own(&b, own, str_of(r->name)); break;
	case OWN_STATE: kind_key_own(&b, own, str_of(r->state)); break;
	case OWN_ORG: kind_key_own(&b, own, str_of(r->org)); break;
	case OWN_REGION: kind_key_own(&b, own, str_of(r->region)); break;
	case OWN_CHANGED:
		snprintf(text, sizeof(text), "%lld", (long long)r->changed);
		kind_key_own(&b, own, str_of(text));
		break;
	case OWN_FIELDS: wrong("no own field");
	}
	out = take(a, &b);
	sb_fini(&b);
	return out;
}

struct str record__words(
        struct arena *a, const struct kind *k, const struct record *r, const struct doc *attrs)
{
	struct sb b = SB_INIT;
	struct str out;

	sb_printf(&b, "%s\n%s\n%s", r->name, r->name_en, r->code);
	for (int i = 0; i < k->fields; i++) {
		const struct doc *v = k->field[i].searched ? doc_get(attrs, k->field[i].key) : NULL;

		if (v != NULL && v->text != NULL)
			sb_printf(&b, "\n%s", v->text);
		DOC_EACH(x, v != NULL && v->type == DOC_LIST ? v : NULL)
		{
			sb_printf(&b, "\n%s", x->text != NULL ? x->text : "");
		}
	}
	out = take(a, &b);
	sb_fini(&b);
	return out;
}

/* ---- one record ---- */

static bool holds(const struct str *list, int n, struct str key)
{
	for (int i = 0; i < n; i++)
		if (str_eq(list[i], key))
			return true;
	return false;
}

/* What is new goes in, what is no longer so goes out. */
static int move_keys(struct store_tx *tx, int no, int64_t id, const struct str *was, int was_n,
        const struct str *is, int is_n, struct err *e)
{
	int rc = 0;

	for (int i = 0; i < was_n && rc == 0; i++)
		if (!holds(is, is_n, was[i]))
			rc = sql_record_entry_drop(
			        tx, &(struct sql_record_entry_drop_in){no, was[i], id}, NULL, e);
	for (int i = 0; i < is_n && rc == 0; i++)
		if (!holds(was, was_n, is[i]))
			rc = sql_record_entry_put(
			        tx, &(struct sql_record_entry_put_in){no, is[i], id}, NULL, e);
	return rc;
}

static int move_words(
        struct store_tx *tx, struct arena *a, int64_t id, struct str was, struct str is, struct err *e)
{
	int rc = 0;

	if (was.p != NULL && is.p != NULL && str_eq(was, is))
		return 0;
	if (was.p != NULL)
		rc = sql_record_text_drop(tx, &(struct sql_record_text_drop_in){id}, NULL, e);
	if (rc == 0 && is.p != NULL)
		rc = sql_record_text_put(
		        tx, &(struct sql_record_text_put_in){id, store_text_words(tx, a, is)}, NULL, e);
	return rc;
}

int record__index(struct store_tx *tx, const struct kind *k, const struct record *old,
        const struct record *now, struct err *e)
{
	struct arena *a = store_arena(tx);
	struct doc *was = NULL, *is = NULL;
	int64_t id = now != NULL ? now->id : old->id;
	struct str w = STR_NULL, v = STR_NULL;
	int rc = 0;

	if (old != NULL && (rc = record__attrs(a, old, &was, e)) < 0)
		return rc;
	if (now != NULL && (rc = record__attrs(a, now, &is, e)) < 0)
		return rc;
	for (int i = 0; i < OWN_FIELDS && rc == 0; i++) {
		struct str x = old != NULL ? record__key_own(a, (enum record_own)i, old) : STR_NULL;
		struct str y = now != NULL ? record__key_own(a, (enum record_own)i, now) : STR_NULL;

		rc = move_keys(tx, k->own_no[i], id, &x, old != NULL, &y, now != NULL, e);
	}
	for (int i = 0; i < k->fields && rc == 0; i++) {
		const struct field *f = &k->field[i];
		struct str *x = NULL, *y = NULL;
		int xn = 0, yn = 0;

		if (f->no == 0)
			continue;
		if (old != NULL)
			x = record__keys(a, f, was, &xn);
		if (now != NULL)
			y = record__keys(a, f, is, &yn);
		rc = move_keys(tx, f->no, id, x, xn, y, yn, e);
	}
	if (old != NULL)
		w = record__words(a, k, old, was);
	if (now != NULL)
		v = record__words(a, k, now, is);
	return rc < 0 ? rc : move_words(tx, a, id, w, v, e);
}

/* ---- which fields are indexed ---- */

#define TEXT_FIELD "*"

struct wanted {
	const char *kind, *field, *form;
	int *no;
	bool fill; /* its numbers or words are to be made */
	bool there;
};
struct sync {
	struct arena *a;
	struct wanted *want;
	size_t n, cap;
	int64_t last; /* number given */
};

static void want(struct sync *s, const char *kind, const char *field, const char *form, int *no)
{
	s->want = arena_grow(s->a, s->want, &s->cap, s->n + 1, sizeof(*s->want));
	s->want[s->n++] = (struct wanted){.kind = kind, .field = field, .form = form, .no = no};
}

static void want_all(struct sync *s, struct catalog *c)
{
	for (int i = 0; i < c->kinds; i++) {
		struct kind *k = &c->kind[i];
		struct sb words = SB_INIT;

		for (int own = 0; own < OWN_FIELDS; own++)
			want(s, k->code, record_own_names[own], kind_key_form_own(s->a, (enum record_own)own),
			        &k->own_no[own]);
		for (int n = 0; n < k->fields; n++) {
			k->field[n].no = 0;
			if (field_indexed(&k->field[n]))
				want(s, k->code, k->field[n].key, kind_key_form(s->a, &k->field[n]),
				        &k->field[n].no);
			if (k->field[n].searched)
				sb_printf(&words, " %s", k->field[n].key);
		}
		want(s, k->code, TEXT_FIELD, arena_printf(s->a, "words%s", words.p != NULL ? words.p : ""),
		        &k->text_no);
		sb_fini(&words);
	}
}

static struct wanted *find_wanted(struct sync *s, struct str kind, struct str field)
{
	for (size_t i = 0; i < s->n; i++)
		if (str_is(kind, s->want[i].kind) && str_is(field, s->want[i].field))
			return &s->want[i];
	return NULL;
}

/* A catalog may be that of one pack that is being installed: only fields of its own kinds are dropped. Their
 * numbers stay taken, without a form: another copy may write under them until it has read the kinds anew. */
static int compare(struct store_tx *tx, struct sync *s, const struct catalog *c, bool write, bool *changed,
        struct err *e)
{
	int64_t *drop = NULL;
	size_t drops = 0, cap = 0;
	struct sql_record_field_all_row r;
	struct store_rows *rows = NULL;
	int rc = sql_record_field_all_open(tx, &rows, e);

	while (rc == 0 && (rc = sql_record_field_all_next(rows, &r, e)) > 0) {
		struct wanted *w = find_wanted(s, r.kind, r.field);

		rc = 0;
		s->last = r.no > s->last ? r.no : s->last;
		if (w != NULL) {
			w->there = true;
			*w->no = (int)r.no;
			w->fill = !str_is(r.form, w->form);
			*changed |= w->fill;
		} else if (r.form.n > 0 && catalog_kind(c, record__keep(s->a, r.kind)) != NULL) {
			drop = arena_grow(s->a, drop, &cap, drops + 1, sizeof(*drop));
			drop[drops++] = r.no;
		}
	}
	store_rows_close(&rows);
	*changed |= drops > 0;
	for (size_t i = 0; i < drops && rc == 0 && write; i++) {
		rc = sql_record_entry_clear(tx, &(struct sql_record_entry_clear_in){drop[i]}, NULL, e);
		if (rc == 0)
			rc = sql_record_field_form(
			        tx, &(struct sql_record_field_form_in){drop[i], STR_LIT("")}, NULL, e);
	}
	return rc;
}

static int number(struct store_tx *tx, struct sync *s, bool write, bool *changed, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; i < s->n && rc == 0; i++) {
		struct wanted *w = &s->want[i];

		if (!w->there) {
			*changed = w->fill = true;
			*w->no = (int)++s->last;
			if (write)
				rc = sql_record_field_put(tx,
				        &(struct sql_record_field_put_in){
				                *w->no, str_of(w->kind), str_of(w->field), str_of(w->form)},
				        NULL, e);
		} else if (w->fill && write) {
			rc = sql_record_entry_clear(tx, &(struct sql_record_entry_clear_in){*w->no}, NULL, e);
			if (rc == 0)
				rc = sql_record_field_form(tx,
				        &(struct sql_record_field_form_in){*w->no, str_of(w->form)}, NULL, e);
		}
	}
	return rc;
}

static int fill_one(struct store_tx *tx, struct arena *a, const struct sync *s, const struct kind *k,
        const struct record *r, struct err *e)
{
	struct doc *attrs = NULL;
	int rc = record__attrs(a, r, &attrs, e);

	for (size_t i = 0; i < s->n && rc == 0; i++) {
		const struct wanted *w = &s->want[i];
		struct str *keys = NULL, own;
		const struct field *f;
		int n = 0;

		if (!w->fill || strcmp(w->kind, k->code) != 0)
			continue;
		if (w->no == &k->text_no) {
			rc = sql_record_text_drop(tx, &(struct sql_record_text_drop_in){r->id}, NULL, e);
			if (rc == 0)
				rc = move_words(tx, a, r->id, STR_NULL, record__words(a, k, r, attrs), e);
			continue;
		}
		if (w->no >= &k->own_no[0] && w->no < &k->own_no[OWN_FIELDS]) {
			own = record__key_own(a, (enum record_own)(w->no - &k->own_no[0]), r);
			keys = &own;
			n = 1;
		} else if ((f = kind_field(k, w->field)) != NULL) {
			keys = record__keys(a, f, attrs, &n);
		}
		rc = move_keys(tx, *w->no, r->id, NULL, 0, keys, n, e);
	}
	return rc;
}

/* Some records of a kind at a time, each part in memory of its own: registers are larger than that. */
static int fill_kind(struct store_tx *tx, const struct sync *s, const struct kind *k, struct err *e)
{
	struct arena *a = arena_new(0);
	struct record part[FILL_PART];
	char after[CODE_MAX + 1] = "";
	int64_t total = 0;
	int n = FILL_PART, rc = 0;

	while (n == FILL_PART && rc == 0) {
		struct sql_record_part_row r;
		struct store_rows *rows = NULL;

		n = 0;
		rc = sql_record_part_open(tx,
		        &(struct sql_record_part_in){str_of(k->code), str_of(after), FILL_PART}, &rows, e);
		while (rc == 0 && (rc = sql_record_part_next(rows, &r, e)) > 0) {
			part[n++] = RECORD_OF(a, r);
			rc = 0;
		}
		store_rows_close(&rows);
		for (int i = 0; i < n && rc == 0; i++)
			rc = fill_one(tx, a, s, k, &part[i], e);
		if (n > 0)
			snprintf(after, sizeof(after), "%s", part[n - 1].code);
		total += n;
		arena_reset(a);
	}
	if (rc == 0 && total > 0)
		LOG(RECORD_INDEXED, log_s("kind", k->code), log_i("records", total));
	arena_free(&a);
	return rc;
}

int record_index_sync(struct store_tx *tx, struct catalog *c, bool write, bool *changed, struct err *e)
{
	struct sync s = {.a = arena_new(0)};
	int rc;

	*changed = false;
	want_all(&s, c);
	rc = compare(tx, &s, c, write, changed, e);
	if (rc == 0)
		rc = number(tx, &s, write, changed, e);
	for (int i = 0; i < c->kinds && rc == 0 && write; i++) {
		bool fill = false;

		for (size_t n = 0; n < s.n; n++)
			fill |= s.want[n].fill && strcmp(s.want[n].kind, c->kind[i].code) == 0;
		if (fill)
			rc = fill_kind(tx, &s, &c->kind[i], e);
	}
	arena_free(&s.a);
	return rc;
}
