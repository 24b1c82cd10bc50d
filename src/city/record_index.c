/* Index and full text of records: what a record is found and sorted by, kept beside it. */
#include "base/json.h"
#include "base/log.h"
#include "base/sorter.h"
#include "city/record_int.h"
#include "store/text.h"

#define FILL_PART 500 /* records that are read at once while a kind is filled */

static const struct record__fill usual = {.sort_b = (size_t)64 << 20, .step_b = (int64_t)128 << 20};

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

static struct record__entries *later_of(struct record__later *l, int no)
{
	struct record__entries *x = NULL;

	for (size_t i = 0; i < l->fields && x == NULL; i++)
		if (l->entries[i].field == no)
			x = &l->entries[i];
	if (x == NULL) {
		l->entries = arena_grow(l->a, l->entries, &l->fields_cap, l->fields + 1, sizeof(*x));
		x = &l->entries[l->fields++];
		*x = (struct record__entries){.field = no};
	}
	return x;
}

static void put_later(struct record__later *l, int no, int64_t id, const struct str *key, int n)
{
	struct record__entries *x = later_of(l, no);

	for (int i = 0; i < n; i++) {
		x->row = arena_grow(l->a, x->row, &x->cap, x->n + 1, sizeof(*x->row));
		x->row[x->n++] = (struct sql_record_entry_put_in){no, key[i], id};
	}
	if (l->first == 0)
		l->first = id;
}

static void drop_later(struct record__later *l, int no, int64_t id, const struct str *key, int n)
{
	struct record__entries *x = later_of(l, no);

	for (int i = 0; i < n; i++) {
		x->gone = arena_grow(l->a, x->gone, &x->gone_cap, x->gone_n + 1, sizeof(*x->gone));
		x->gone[x->gone_n++] = (struct sql_record_entry_drop_in){no, key[i], id};
	}
}

static int entries_now(struct store_tx *tx, struct record__later *l, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; i < l->fields && rc == 0; i++) {
		struct record__entries *x = &l->entries[i];

		rc = sql_record_entry_put_many(tx, x->row, x->n, e);
		if (rc == 0)
			rc = sql_record_entry_drop_many(tx, x->gone, x->gone_n, e);
		x->n = x->gone_n = 0;
	}
	l->first = 0;
	return rc;
}

static int move_words(
        struct store_tx *tx, struct arena *a, int64_t id, bool out, struct str in, struct err *e)
{
	int rc = 0;

	if (out)
		rc = sql_record_text_drop(tx, &(struct sql_record_text_drop_in){id}, NULL, e);
	if (rc == 0 && in.p != NULL)
		rc = sql_record_text_put(
		        tx, &(struct sql_record_text_put_in){id, store_text_words(tx, a, in)}, NULL, e);
	return rc;
}

static int by_record(const void *x, const void *y)
{
	const struct record__words_move *a = x, *b = y;

	return a->id != b->id ? (a->id > b->id) - (a->id < b->id)
	                      : (a->order > b->order) - (a->order < b->order);
}

int record__later_now(struct store_tx *tx, struct record__later *l, struct err *e)
{
	int rc = entries_now(tx, l, e);

	if (l->n > 1)
		qsort(l->move, l->n, sizeof(*l->move), by_record);
	for (size_t i = 0; i < l->n && rc == 0; i++)
		rc = move_words(tx, l->a, l->move[i].id, l->move[i].out, l->move[i].in, e);
	l->n = 0;
	return rc;
}

int record__index(struct store_tx *tx, const struct record_door *d, const struct kind *k,
        const struct record *old, const struct record *now, struct err *e)
{
	struct arena *a = store_arena(tx);
	struct doc *was = NULL, *is = NULL;
	int64_t id = now != NULL ? now->id : old->id;
	struct str w = STR_NULL, v = STR_NULL;
	struct record__later *later = d->later;
	int rc = 0;

	/* What waits of this record would come after what is done with it now. */
	if (later != NULL && old != NULL && later->first != 0 && id >= later->first)
		rc = entries_now(tx, later, e);
	if (old != NULL && rc == 0)
		rc = record__attrs(a, old, &was, e);
	if (rc < 0)
		return rc;
	later = old == NULL || now == NULL ? later : NULL;
	if (now != NULL && (rc = record__attrs(a, now, &is, e)) < 0)
		return rc;
	for (int i = 0; i < OWN_FIELDS && rc == 0; i++) {
		struct str x = old != NULL ? record__key_own(a, (enum record_own)i, old) : STR_NULL;
		struct str y = now != NULL ? record__key_own(a, (enum record_own)i, now) : STR_NULL;

		if (later != NULL && now != NULL)
			put_later(later, k->own_no[i], id, &y, 1);
		else if (later != NULL)
			drop_later(later, k->own_no[i], id, &x, 1);
		else
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
		if (later != NULL && !f->unique && f->type != FIELD_REFERENCE) {
			put_later(later, f->no, id, y, yn);
			drop_later(later, f->no, id, x, xn);
		} else {
			rc = move_keys(tx, f->no, id, x, xn, y, yn, e);
		}
	}
	if (old != NULL)
		w = record__words(a, k, old, was);
	if (now != NULL)
		v = record__words(a, k, now, is);
	if (rc < 0 || (old != NULL && now != NULL && str_eq(w, v)))
		return rc;
	if (d->later == NULL)
		return move_words(tx, a, id, old != NULL, v, e);
	d->later->move = arena_grow(
	        d->later->a, d->later->move, &d->later->cap, d->later->n + 1, sizeof(*d->later->move));
	d->later->move[d->later->n] = (struct record__words_move){id, d->later->n, old != NULL, v};
	d->later->n++;
	return 0;
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
	struct catalog *c;
	struct arena *a;
	struct wanted *want;
	size_t n, cap;
	int64_t last; /* number given */
	/* filling */
	const struct record__fill *bounds;
	int kind;              /* the present one of the catalog */
	struct sorter *sorted; /* its entries and words that are not in yet, NULL: not collected */
	int64_t records;
};

static void want(struct sync *s, const char *kind, const char *field, const char *form, int *no)
{
	s->want = arena_grow(s->a, s->want, &s->cap, s->n + 1, sizeof(*s->want));
	s->want[s->n++] = (struct wanted){.kind = kind, .field = field, .form = form, .no = no};
}

static void want_all(struct sync *s)
{
	for (int i = 0; i < s->c->kinds; i++) {
		struct kind *k = &s->c->kind[i];
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
static int compare(struct store_tx *tx, struct sync *s, bool write, bool *changed, struct err *e)
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
		} else if (r.form.n > 0 && catalog_kind(s->c, record__keep(s->a, r.kind)) != NULL) {
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

/* Until a field is filled its form is "", so that what is cut off begins anew. */
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
				                *w->no, str_of(w->kind), str_of(w->field), STR_LIT("")},
				        NULL, e);
		} else if (w->fill && write) {
			rc = sql_record_entry_clear(tx, &(struct sql_record_entry_clear_in){*w->no}, NULL, e);
			if (rc == 0)
				rc = sql_record_field_form(
				        tx, &(struct sql_record_field_form_in){*w->no, STR_LIT("")}, NULL, e);
		}
	}
	return rc;
}

/* ---- filling ---- */

/*
 * A register is larger than memory, and entries that come in any order write a page of the index each. So the
 * entries of a kind are sorted first, by number, key and record, and go in from the first to the last; the
 * words of each record lie between them by number and record.
 */

static void put_big(char *p, uint64_t v, int bytes)
{
	for (int i = bytes; i-- > 0; v >>= 8)
		p[i] = (char)(v & 0xff);
}

static uint64_t get_big(const char *p, int bytes)
{
	uint64_t v = 0;

	for (int i = 0; i < bytes; i++)
		v = v << 8 | (unsigned char)p[i];
	return v;
}

#define NO_B 4
#define ID_B 8

static int collect_one(
        struct sync *s, struct arena *a, int no, struct str key, int64_t id, struct str words, struct err *e)
{
	struct str all = {arena_alloc(a, NO_B + key.n + ID_B), NO_B + key.n + ID_B};
	char *p = (char *)(uintptr_t)all.p;

	put_big(p, (uint64_t)no, NO_B);
	if (key.n > 0)
		memcpy(p + NO_B, key.p, key.n);
	put_big(p + NO_B + key.n, (uint64_t)id, ID_B);
	return sorter_add(s->sorted, all, words, e);
}

static int collect(
        struct sync *s, struct arena *a, const struct kind *k, const struct record *r, struct err *e)
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
			rc = collect_one(s, a, *w->no, STR_LIT(""), r->id, record__words(a, k, r, attrs), e);
		} else if (w->no >= &k->own_no[0] && w->no < &k->own_no[OWN_FIELDS]) {
			own = record__key_own(a, (enum record_own)(w->no - &k->own_no[0]), r);
			keys = &own;
			n = 1;
		} else if ((f = kind_field(k, w->field)) != NULL) {
			keys = record__keys(a, f, attrs, &n);
		}
		for (int j = 0; j < n && rc == 0; j++)
			rc = collect_one(s, a, *w->no, keys[j], r->id, STR_LIT(""), e);
	}
	return rc;
}

/* Some records of a kind at a time, each part in memory of its own. */
static int collect_kind(struct store_tx *tx, struct sync *s, const struct kind *k, struct err *e)
{
	struct arena *a = arena_new(0);
	struct record part[FILL_PART];
	char after[CODE_MAX + 1] = "";
	int n = FILL_PART, rc = 0;

	s->sorted = sorter_new(s->bounds->sort_b);
	s->records = 0;
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
			rc = collect(s, a, k, &part[i], e);
		if (n > 0)
			snprintf(after, sizeof(after), "%s", part[n - 1].code);
		s->records += n;
		arena_reset(a);
	}
	arena_free(&a);
	return rc;
}

/* *most: bytes that may still go in. 1 while more are left. */
static int put_sorted(struct store_tx *tx, struct sync *s, const struct kind *k, int64_t *most, struct err *e)
{
	struct arena *a = arena_new(0);
	struct str all, words;
	int rc = 0;

	while (rc == 0 && (rc = sorter_next(s->sorted, &all, &words, e)) > 0) {
		int no = (int)get_big(all.p, NO_B);
		int64_t id = (int64_t)get_big(all.p + all.n - ID_B, ID_B);
		struct str key = {all.p + NO_B, all.n - NO_B - ID_B};

		*most -= (int64_t)(all.n + words.n);
		if (no == k->text_no) {
			rc = move_words(tx, a, id, true, words, e);
			arena_reset(a);
		} else {
			rc = sql_record_entry_put(
			        tx, &(struct sql_record_entry_put_in){no, key, id}, NULL, e);
		}
		if (rc == 0 && *most <= 0) {
			rc = 1;
			break;
		}
	}
	arena_free(&a);
	return rc;
}

static bool is_wanted(const struct sync *s, const struct kind *k)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->want[i].fill && strcmp(s->want[i].kind, k->code) == 0)
			return true;
	return false;
}

static int set_forms(struct store_tx *tx, const struct sync *s, const struct kind *k, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; i < s->n && rc == 0; i++)
		if (s->want[i].fill && strcmp(s->want[i].kind, k->code) == 0)
			rc = sql_record_field_form(tx,
			        &(struct sql_record_field_form_in){*s->want[i].no, str_of(s->want[i].form)},
			        NULL, e);
	return rc;
}

/* Goes on filling, about so many bytes of it. 1 while more is left. */
static int fill(struct store_tx *tx, struct sync *s, int64_t most, struct err *e)
{
	int rc = 0;

	for (; s->kind < s->c->kinds && rc == 0; s->kind++) {
		const struct kind *k = &s->c->kind[s->kind];

		if (!is_wanted(s, k))
			continue;
		if (s->sorted == NULL)
			rc = collect_kind(tx, s, k, e);
		if (rc == 0)
			rc = put_sorted(tx, s, k, &most, e);
		if (rc > 0)
			return rc;
		if (rc == 0)
			rc = set_forms(tx, s, k, e);
		if (rc == 0 && s->records > 0)
			LOG(RECORD_INDEXED, log_s("kind", k->code), log_i("records", s->records));
		sorter_free(&s->sorted);
	}
	return rc;
}

static int begin(struct store_tx *tx, struct sync *s, bool write, bool *changed, struct err *e)
{
	int rc;

	*changed = false;
	want_all(s);
	rc = compare(tx, s, write, changed, e);
	return rc < 0 ? rc : number(tx, s, write, changed, e);
}

int record_index_sync(struct store_tx *tx, struct catalog *c, bool write, bool *changed, struct err *e)
{
	struct sync s = {.c = c, .a = arena_new(0), .bounds = &usual};
	int rc = begin(tx, &s, write, changed, e);

	if (rc == 0 && write)
		rc = fill(tx, &s, INT64_MAX, e);
	sorter_free(&s.sorted);
	arena_free(&s.a);
	return rc;
}

/* ---- of a whole store ---- */

static int sync_whole(struct store_tx *tx, void *arg, struct err *e)
{
	bool changed;

	return record_index_sync(tx, arg, true, &changed, e);
}

/* Goes on from one transaction to the next: only where nothing is ever run again, as in SQLite. */
struct steps {
	struct sync s;
	bool begun, more;
};

static int sync_step(struct store_tx *tx, void *arg, struct err *e)
{
	struct steps *x = arg;
	bool changed;
	int rc = x->begun ? 0 : begin(tx, &x->s, true, &changed, e);

	x->begun = true;
	if (rc == 0)
		rc = fill(tx, &x->s, x->s.bounds->step_b, e);
	x->more = rc > 0;
	return rc;
}

int record__index_fill(struct store *st, struct catalog *c, const struct record__fill *bounds, struct err *e)
{
	struct steps x = {.s = {.c = c, .bounds = bounds}, .more = true};
	int rc = 0;

	if (strcmp(store_backend(st), "sqlite") != 0)
		return store_write_bulk(st, "index records", sync_whole, c, e);
	x.s.a = arena_new(0);
	while (rc == 0 && x.more)
		rc = store_write_bulk(st, "index records", sync_step, &x, e);
	sorter_free(&x.s.sorted);
	arena_free(&x.s.a);
	return rc;
}

int record_index_fill(struct store *st, struct catalog *c, struct err *e)
{
	return record__index_fill(st, c, &usual, e);
}
