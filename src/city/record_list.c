/*
 * Lists of records: filtered, sorted, page by page, in the reader's scope.
 *
 * Each condition is a set of ranges of keys in the index. The narrowest decides the way: when it gives at
 * most limits.gather records, all of them are looked at and sorted; else the index of the order is walked
 * from the cursor on.
 */
#include "base/digest.h"
#include "base/num.h"
#include "base/words.h"
#include "city/record_cursor.h"
#include "city/record_int.h"
#include "store/text.h"

#include <math.h>

#define RELATION_MAX 1000
#define RANGES_MAX 400

/* What conditions, orders and scopes look at of a record; the whole is read of those on the page alone. */
#define LOOK_OF(a, r)                                                                                        \
	((struct record){.id = (r).id,                                                                       \
	        .kind = record__keep(a, (r).kind),                                                           \
	        .code = record__keep(a, (r).code),                                                           \
	        .name = record__keep(a, (r).name),                                                           \
	        .name_en = record__keep(a, (r).name_en),                                                     \
	        .state = record__keep(a, (r).state),                                                         \
	        .org = record__keep(a, (r).org),                                                             \
	        .region = record__keep(a, (r).region),                                                       \
	        .at = {(r).lon, (r).lat},                                                                    \
	        .attrs = record__keep(a, (r).attrs),                                                         \
	        .changed = (r).changed})

/* ---- conditions ---- */

static int bad(struct err *e, const char *field, const char *words)
{
	(void)err__set(e, ERR_INVALID, "%s", words);
	(void)err_at(e, NULL, 0, 0, field);
	return ERR_INVALID;
}

static struct str keep(struct arena *a, struct sb *b)
{
	struct str s = {arena_memdup(a, b->p, b->n), b->n};

	sb_reset(b);
	return s;
}

static int add_range(struct record_cond *c, struct str low, struct str high, struct err *e)
{
	if (c->ranges == RANGES_MAX)
		return bad(
		        e, c->field != NULL ? c->field->key : record_own_names[c->own], "at most 400 values");
	c->range[c->ranges++] = (struct record_range){low, high};
	return 0;
}

/* All codes that begin with it. */
static int add_prefix(struct arena *a, struct record_cond *c, const char *prefix, struct err *e)
{
	struct sb b = SB_INIT;
	struct str low, high;

	kind_key_own(&b, OWN_CODE, str_of(prefix));
	low = keep(a, &b);
	kind_key_own(&b, OWN_CODE, str_of(prefix));
	sb_putc(&b, (char)0xff); /* no UTF-8 has this byte */
	high = keep(a, &b);
	sb_fini(&b);
	return add_range(c, low, high, e);
}

static int add_blank(struct arena *a, struct record_cond *c, struct err *e)
{
	struct sb b = SB_INIT;
	struct str key;

	kind_key_blank(&b);
	key = keep(a, &b);
	sb_fini(&b);
	return add_range(c, key, key, e);
}

/* A region and what lies in it: by the code's beginning, and for a reporting unit made of towns by those. */
static int add_region(
        struct arena *a, struct record_cond *c, const struct snapshot *s, const char *code, struct err *e)
{
	int rc = add_prefix(a, c, code, e);

	for (int i = 0; i < s->parts && rc == 0; i++)
		if (strcmp(s->part[i].unit, code) == 0)
			rc = add_prefix(a, c, s->part[i].code, e);
	return rc;
}

/* The kept form of a value without JSON's quotes. */
static int plain_value(struct arena *a, const struct field *f, const struct zone *zone, struct str text,
        struct str *out, struct err *e)
{
	struct field one = *f;
	const char *doubt = NULL;
	struct doc *doc = NULL;
	int rc;

	one.many = false;
	one.pattern = "";
	one.min = one.max = NAN;
	rc = kind_value(a, &one, zone, text, out, &doubt, e);
	if (rc < 0 || out->p == NULL)
		return rc;
	rc = doc_parse_json(a, *out, f->key, &doc, e);
	if (rc == 0)
		*out = (struct str){doc->text, doc->text_n};
	return rc;
}

/* An instant in words, as decimal µs. */
static int changed_value(
        struct arena *a, const struct zone *zone, struct str text, struct str *out, struct err *e)
{
	time_us t;

	if (!time_parse(text, zone, &t))
		return bad(e, "changed", "an instant such as 2026-07-14T08:00:00+08:00 is needed");
	*out = str_of(arena_printf(a, "%lld", (long long)t));
	return 0;
}

static int key_of(struct arena *a, const struct record_cond *c, const struct catalog *cat, struct str text,
        struct str *out, struct err *e)
{
	struct sb b = SB_INIT;
	struct str value = text;
	int rc = 0;

	if (c->field != NULL)
		rc = plain_value(a, c->field, cat->zone, text, &value, e);
	else if (c->own == OWN_CHANGED)
		rc = changed_value(a, cat->zone, text, &value, e);
	if (rc == 0 && c->field != NULL)
		kind_key(&b, c->field, value);
	else if (rc == 0)
		kind_key_own(&b, c->own, value);
	*out = keep(a, &b);
	sb_fini(&b);
	return rc;
}

static bool is_ordered(const struct record_cond *c)
{
	if (c->field == NULL)
		return c->own == OWN_CHANGED;
	return c->field->type == FIELD_INTEGER || c->field->type == FIELD_DECIMAL ||
	       c->field->type == FIELD_DATE || c->field->type == FIELD_INSTANT;
}

/* A date alone where an instant is asked for: its whole day in the city's zone. */
static bool read_day(
        struct arena *a, const struct catalog *cat, struct str text, time_us *first, time_us *last)
{
	const struct field date = {
	        .key = "", .type = FIELD_DATE, .check = "", .pattern = "", .min = NAN, .max = NAN};
	const char *doubt = NULL;
	struct str kept = STR_NULL;
	struct civil c;
	time_us t;

	if (memchr(text.p, ':', text.n) != NULL ||
	        kind_value(a, &date, cat->zone, text, &kept, &doubt, NULL) < 0 || kept.n < 2 ||
	        !time_parse((struct str){kept.p + 1, kept.n - 2}, zone_utc(), &t))
		return false;
	civil_from_utc(t, &c);
	*first = zone_instant(cat->zone, &c);
	c.day++;
	*last = zone_instant(cat->zone, &c) - 1;
	return true;
}

static struct str key_of_instant(struct arena *a, const struct record_cond *c, time_us t)
{
	struct sb b = SB_INIT;
	struct str key;
	char text[48];

	if (c->field != NULL)
		kind_key(&b, c->field, str_of(time_format(t, zone_utc(), text)));
	else
		kind_key_own(&b, c->own, str_of(arena_printf(a, "%lld", (long long)t)));
	key = keep(a, &b);
	sb_fini(&b);
	return key;
}

/* The first and the last key that the words stand for. */
static int keys_of(struct arena *a, const struct record_cond *c, const struct catalog *cat, struct str text,
        struct str *first, struct str *last, struct err *e)
{
	bool instant = c->field != NULL ? c->field->type == FIELD_INSTANT && !field_veiled(c->field)
	                                : c->own == OWN_CHANGED;
	time_us from, to;
	int rc;

	if (instant && read_day(a, cat, text, &from, &to)) {
		*first = key_of_instant(a, c, from);
		*last = key_of_instant(a, c, to);
		return 0;
	}
	rc = key_of(a, c, cat, text, first, e);
	*last = *first;
	return rc;
}

/* "a..b", "a..", "..b" */
static int add_span(struct arena *a, struct record_cond *c, const struct catalog *cat, struct str low,
        struct str high, struct err *e)
{
	struct str from = STR_LIT("\x20"), to = STR_LIT("\x20\xff\xff\xff\xff\xff\xff\xff\xff"), other;
	int rc = 0;

	if (low.n > 0)
		rc = keys_of(a, c, cat, low, &from, &other, e);
	if (rc == 0 && high.n > 0)
		rc = keys_of(a, c, cat, high, &other, &to, e);
	return rc < 0 ? rc : add_range(c, from, to, e);
}

static int add_value(struct arena *a, struct record_cond *c, const struct catalog *cat,
        const struct snapshot *s, struct str word, struct err *e)
{
	const char *dots = memmem(word.p, word.n, "..", 2), *text = arena_strndup(a, word.p, word.n);
	struct str first, last;
	int rc;

	if (str_is(word, "-"))
		return add_blank(a, c, e);
	if (is_ordered(c) && dots != NULL && c->field != NULL && field_veiled(c->field))
		return bad(e, c->field->key,
		        "a field that is masked can be asked for by its whole value only, not by a range");
	if (is_ordered(c) && dots != NULL)
		return add_span(a, c, cat, str_trim((struct str){word.p, (size_t)(dots - word.p)}),
		        str_trim((struct str){dots + 2, word.n - (size_t)(dots - word.p) - 2}), e);
	if ((c->field == NULL && c->own == OWN_REGION) ||
	        (c->field != NULL && c->field->type == FIELD_REFERENCE &&
	                strcmp(c->field->ref, "region") == 0))
		return add_region(a, c, s, text, e);
	if ((c->field == NULL && (c->own == OWN_ORG || c->own == OWN_CODE)) ||
	        (c->field != NULL && c->field->type == FIELD_REFERENCE && strcmp(c->field->ref, "org") == 0))
		return add_prefix(a, c, text, e);
	rc = keys_of(a, c, cat, word, &first, &last, e);
	return rc < 0 ? rc : add_range(c, first, last, e);
}

static const struct field *usable(
        const struct kind *k, const struct who *who, const char *key, bool sorts, struct err *e)
{
	const struct field *f = kind_field(k, key);

	/* Order and count tell what a mask hides. */
	if (f != NULL && f->no != 0 && !field_hidden(f, who->scope.clearance))
		return f;
	if (f != NULL && field_hidden(f, who->scope.clearance))
		(void)err_set(e, ERR_DENIED, "your clearance does not cover this field");
	else
		(void)err_set(e, ERR_INVALID,
		        sorts ? "records of the kind %s cannot be sorted by \"%s\""
		              : "records of the kind %s cannot be narrowed by \"%s\"",
		        k->code, key);
	(void)err_at(e, NULL, 0, 0, key);
	return NULL;
}

static bool own_by_name(const char *name, enum record_own *own)
{
	for (int i = 0; i < OWN_FIELDS; i++)
		if (strcmp(record_own_names[i], name) == 0) {
			*own = (enum record_own)i;
			return true;
		}
	return false;
}

static struct record_cond *push_cond(struct arena *a, struct record_query *q)
{
	struct record_cond *c;

	q->cond = arena_grow(a, q->cond, &q->cap, (size_t)q->conds + 1, sizeof(*q->cond));
	c = &q->cond[q->conds++];
	*c = (struct record_cond){.range = arena_array(a, RANGES_MAX, sizeof(*c->range))};
	return c;
}

int record_query_add(struct arena *a, struct record_query *q, const struct catalog *cat,
        const struct snapshot *s, const struct who *who, const char *name, const char *words, struct err *e)
{
	struct str rest = str_of(words);
	const struct field *f = NULL;
	enum record_own own = OWN_CODE;
	struct record_cond *c;
	int rc = 0;

	if (!own_by_name(name, &own) && (f = usable(q->kind, who, name, false, e)) == NULL)
		return e != NULL ? e->code : ERR_INVALID;
	c = push_cond(a, q);
	c->field = f;
	c->own = own;
	while (rest.p != NULL && rc == 0) {
		struct str word = str_trim(str_cut(&rest, ','));

		if (word.n > 0)
			rc = add_value(a, c, cat, s, word, e);
	}
	if (rc < 0)
		return err_at(e, NULL, 0, 0, name), rc;
	if (c->ranges == 0)
		q->conds--;
	return 0;
}

int record_query_box(struct record_query *q, const char *words, struct err *e)
{
	static const double most[] = {180, 90, 180, 90};
	struct str rest = str_of(words);
	double v[4];
	int n = 0;

	while (rest.p != NULL && n < 4) {
		struct str word = str_trim(str_cut(&rest, ','));

		if (!num_double(word, false, &v[n]) || fabs(v[n]) > most[n])
			break;
		n++;
	}
	if (n < 4 || rest.p != NULL || v[0] > v[2] || v[1] > v[3])
		return bad(e, "box", "west,south,east,north in degrees is needed, such as 120,33,120.5,33.5");
	q->box = (struct geo_box){.w = v[0], .s = v[1], .e = v[2], .n = v[3]};
	q->boxed = true;
	return 0;
}

int record_query_sort(struct record_query *q, const struct who *who, const char *words, struct err *e)
{
	q->sort = NULL;
	q->own = OWN_CODE;
	q->down = words != NULL && *words == '-';
	if (words == NULL)
		return 0;
	words += q->down;
	if (own_by_name(words, &q->own))
		return 0;
	q->sort = usable(q->kind, who, words, true, e);
	if (q->sort == NULL)
		return e != NULL ? e->code : ERR_INVALID;
	if (field_veiled(q->sort) || q->sort->many)
		return bad(e, words, "a list cannot be sorted by a field that is masked or has many values");
	return 0;
}

/* The reader's scope as conditions, so that it can be the narrowest one; who_sees decides all the same. */
static int add_scope(struct arena *a, struct record_query *q, const struct who *who, struct err *e)
{
	const char *const *list[] = {who->scope.regions, who->scope.orgs};
	const enum record_own own[] = {OWN_REGION, OWN_ORG};
	int rc = 0;

	for (int i = 0; i < 2 && rc == 0; i++) {
		struct record_cond *c;

		if (list[i] == NULL)
			continue;
		c = push_cond(a, q);
		c->own = own[i];
		rc = add_blank(a, c, e);
		for (const char *const *p = list[i]; *p != NULL && rc == 0; p++)
			rc = add_prefix(a, c, *p, e);
	}
	return rc;
}

/* ---- one record against them ---- */

static bool in_ranges(const struct record_cond *c, const struct str *key, int n)
{
	for (int i = 0; i < n; i++)
		for (int r = 0; r < c->ranges; r++)
			if (str_cmp(key[i], c->range[r].low) >= 0 && str_cmp(key[i], c->range[r].high) <= 0)
				return true;
	return false;
}

/* A record without a place (NaN) is in no box. */
static bool in_box(const struct geo_box *b, struct geo_point p)
{
	return p.lon >= b->w && p.lon <= b->e && p.lat >= b->s && p.lat <= b->n;
}

struct look {
	struct store_tx *tx;
	const struct who *who;
	const struct record_query *q;
	const struct record__limits *limits;
	struct arena *a; /* for one record, reset after each */
	bool needs_attrs;
};

/* 1 if the record is one of the list; *key gets its place in the order, in l->a. */
static int fits(struct look *l, const struct record *r, struct str *key, struct err *e)
{
	const struct record_query *q = l->q;
	struct doc *attrs = NULL;
	int n = 0;

	if (strcmp(r->kind, q->kind->code) != 0 || !record__seen(q->kind, l->who, r))
		return 0;
	if (q->boxed && !in_box(&q->box, r->at))
		return 0;
	if (l->needs_attrs) {
		int rc = record__attrs(l->a, r, &attrs, e);

		if (rc < 0)
			return rc;
	}
	for (int i = 0; i < q->conds; i++) {
		const struct record_cond *c = &q->cond[i];
		struct str own, *keys = &own;

		n = 1;
		if (c->field != NULL)
			keys = record__keys(l->a, c->field, attrs, &n);
		else
			own = record__key_own(l->a, c->own, r);
		if (!in_ranges(c, keys, n))
			return 0;
	}
	if (q->q != NULL && !words_match(str_of(q->q), record__words(l->a, q->kind, r, attrs)))
		return 0;
	*key = q->sort != NULL ? record__keys(l->a, q->sort, attrs, &n)[0] : record__key_own(l->a, q->own, r);
	return 1;
}

static int sort_no(const struct record_query *q)
{
	return q->sort != NULL ? q->sort->no : q->kind->own_no[q->own];
}

static int compare(const struct record_place *x, const struct record_place *y)
{
	int rc = str_cmp(x->key, y->key);

	return rc != 0 ? rc : (x->id > y->id) - (x->id < y->id);
}

/* ---- gathering ---- */

struct found {
	struct record_place *at;
	size_t n, cap;
};

static int compare_up(const void *x, const void *y)
{
	return compare(x, y);
}

static int compare_down(const void *x, const void *y)
{
	return compare(y, x);
}

static int gather_one(struct look *l, struct arena *a, struct found *f, const struct record *r, struct err *e)
{
	struct str key = STR_NULL;
	int rc = fits(l, r, &key, e);

	if (rc > 0) {
		f->at = arena_grow(a, f->at, &f->cap, f->n + 1, sizeof(*f->at));
		f->at[f->n++] = (struct record_place){{arena_memdup(a, key.p, key.n), key.n}, r->id};
	}
	arena_reset(l->a);
	return rc < 0 ? rc : 0;
}

static int gather_range(struct look *l, struct arena *a, struct found *f, int no,
        const struct record_range *range, struct err *e)
{
	struct sql_record_entry_look_row row;
	struct store_rows *rows = NULL;
	int rc = sql_record_entry_look_open(l->tx,
	        &(struct sql_record_entry_look_in){
	                .field = no, .low = range->low, .high = range->high, .limit_ = 2 * l->limits->gather},
	        &rows, e);

	while (rc == 0 && (rc = sql_record_entry_look_next(rows, &row, e)) > 0) {
		struct record r = LOOK_OF(l->a, row);

		rc = gather_one(l, a, f, &r, e);
	}
	store_rows_close(&rows);
	return rc;
}

static int gather_words(struct look *l, struct arena *a, struct found *f, struct str words, struct err *e)
{
	struct sql_record_text_range_row row;
	struct store_rows *rows = NULL;
	int rc = sql_record_text_range_open(l->tx,
	        &(struct sql_record_text_range_in){.words = words, .limit_ = 2 * l->limits->gather}, &rows,
	        e);

	while (rc == 0 && (rc = sql_record_text_range_next(rows, &row, e)) > 0) {
		struct record r = LOOK_OF(l->a, row);

		rc = gather_one(l, a, f, &r, e);
	}
	store_rows_close(&rows);
	return rc;
}

/* A record with several values may have come several times. */
static void drop_doubles(struct found *f)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n; i++)
		if (n == 0 || f->at[n - 1].id != f->at[i].id)
			f->at[n++] = f->at[i];
	f->n = n;
}

/* The record of that id, whole, behind those of the page. */
static int add_row(struct look *l, struct arena *a, int64_t id, struct record_page *out, struct err *e)
{
	struct sql_record_get_row row;
	int rc = sql_record_get(l->tx, &(struct sql_record_get_in){id}, &row, e);

	if (rc > 0)
		out->row[out->n++] = RECORD_OF(a, row);
	return rc < 0 ? rc : 0;
}

static int fill_page(struct look *l, struct arena *a, struct found *f, const struct record_place *after,
        struct record_page *out, struct err *e)
{
	const struct record_query *q = l->q;
	size_t i = 0;
	int rc = 0;

	if (f->n > 1)
		qsort(f->at, f->n, sizeof(*f->at), q->down ? compare_down : compare_up);
	drop_doubles(f);
	out->count = (int64_t)f->n;
	while (after != NULL && i < f->n &&
	        (q->down ? compare(&f->at[i], after) >= 0 : compare(&f->at[i], after) <= 0))
		i++;
	out->row = arena_array(a, (size_t)q->limit, sizeof(*out->row));
	for (; i < f->n && out->n < q->limit && rc == 0; i++)
		rc = add_row(l, a, f->at[i].id, out, e);
	if (rc == 0 && i < f->n)
		rc = record_cursor_write(l->tx, a, l->who, q, &f->at[i - 1], &out->next, e);
	return rc;
}

/* ---- walking ---- */

struct walk {
	struct record_place at;  /* the last that was looked at */
	struct record_place fit; /* the last of the page */
	int64_t looked;
	bool end;
};

static int walk_one(struct look *l, struct arena *a, struct walk *w, struct str key, const struct record *r,
        struct record_page *out, struct err *e)
{
	struct str unused;
	int rc = fits(l, r, &unused, e);

	if (rc < 0)
		return rc;
	if (rc > 0 && out->n == l->q->limit)
		return 1; /* one more than the page: there is a next one */
	if (w->at.key.p == NULL || !str_eq(w->at.key, key))
		w->at.key = (struct str){arena_memdup(a, key.p, key.n), key.n};
	w->at.id = r->id;
	if (rc == 0)
		return 0;
	w->fit = w->at;
	return add_row(l, a, r->id, out, e);
}

/* The next `limit` records in the order; 1 when the page is full and another record follows. */
static int walk_part(struct look *l, struct arena *a, struct walk *w, int64_t limit, struct record_page *out,
        struct err *e)
{
	const struct record_query *q = l->q;
	struct sql_record_entry_up_row up;
	struct sql_record_entry_down_row down;
	struct store_rows *rows = NULL;
	struct str low = STR_LIT(""), high = STR_LIT("\xff\xff");
	struct record_place from = w->at;
	int64_t looked = 0;
	int rc;

	if (q->down)
		rc = sql_record_entry_down_open(l->tx,
		        &(struct sql_record_entry_down_in){.field = sort_no(q),
		                .key = from.key.p != NULL ? from.key : high,
		                .record = from.key.p != NULL ? from.id : INT64_MAX,
		                .low = low,
		                .limit_ = limit},
		        &rows, e);
	else
		rc = sql_record_entry_up_open(l->tx,
		        &(struct sql_record_entry_up_in){.field = sort_no(q),
		                .key = from.key.p != NULL ? from.key : low,
		                .record = from.key.p != NULL ? from.id : 0,
		                .high = high,
		                .limit_ = limit},
		        &rows, e);
	while (rc == 0) {
		struct record r;
		struct str key;

		rc = q->down ? sql_record_entry_down_next(rows, &down, e)
		             : sql_record_entry_up_next(rows, &up, e);
		if (rc <= 0)
			break;
		looked++;
		if (q->down)
			r = LOOK_OF(l->a, down);
		else
			r = LOOK_OF(l->a, up);
		key = q->down ? down.key : up.key;
		key = (struct str){arena_memdup(l->a, key.p, key.n), key.n};
		rc = walk_one(l, a, w, key, &r, out, e);
		arena_reset(l->a);
	}
	store_rows_close(&rows);
	w->looked += looked;
	w->end = rc == 0 && looked < limit;
	return rc;
}

static int walk(struct look *l, struct arena *a, const struct record_place *after, struct record_page *out,
        struct err *e)
{
	const struct record_query *q = l->q;
	const int64_t most = l->limits->walk;
	struct walk w = {.at = after != NULL ? *after : (struct record_place){STR_NULL, 0}};
	int64_t limit = q->limit + 1 > l->limits->first ? q->limit + 1 : l->limits->first;
	int rc = 0;

	out->row = arena_array(a, (size_t)q->limit, sizeof(*out->row));
	while (rc == 0 && !w.end && w.looked < most) {
		rc = walk_part(l, a, &w, limit, out, e);
		limit *= 4;
		if (limit > most - w.looked)
			limit = most - w.looked;
	}
	if (rc < 0)
		return rc;
	if (rc > 0 || !w.end)
		return record_cursor_write(l->tx, a, l->who, q, rc > 0 ? &w.fit : &w.at, &out->next, e);
	return 0;
}

/* ---- choosing the way ---- */

static int count_range(struct store_tx *tx, int no, const struct record_range *range, int64_t limit,
        int64_t *n, struct err *e)
{
	struct sql_record_entry_count_row row = {0};
	int rc = sql_record_entry_count(tx,
	        &(struct sql_record_entry_count_in){
	                .field = no, .low = range->low, .high = range->high, .limit_ = limit},
	        &row, e);

	*n += row.n;
	return rc < 0 ? rc : 0;
}

static int cond_no(const struct record_query *q, const struct record_cond *c)
{
	return c->field != NULL ? c->field->no : q->kind->own_no[c->own];
}

static int count_cond(struct look *l, const struct record_cond *c, int64_t *n, struct err *e)
{
	const int64_t gather = l->limits->gather;
	int rc = 0;

	*n = 0;
	for (int i = 0; i < c->ranges && rc == 0 && *n <= gather; i++)
		rc = count_range(l->tx, cond_no(l->q, c), &c->range[i], gather + 1 - *n, n, e);
	return rc;
}

/* All records of the kind, by its index of codes. */
static const struct record_range everything = {{"", 0}, {"\xff\xff", 2}};

static int choose(struct look *l, struct arena *a, struct str words, const struct record_place *after,
        struct record_page *out, struct err *e)
{
	const struct record_query *q = l->q;
	const int64_t gather = l->limits->gather,
	              most = l->limits->count > gather ? l->limits->count : gather;
	const struct record_cond *best = NULL;
	struct found f = {0};
	int64_t least = 0, n = 0, all = 0;
	bool by_words = false, bare;
	int rc = count_range(l->tx, q->kind->own_no[OWN_CODE], &everything, most + 1, &all, e);

	least = all;
	for (int i = 0; i < q->conds && rc == 0; i++) {
		rc = count_cond(l, &q->cond[i], &n, e);
		if (n < least) {
			least = n;
			best = &q->cond[i];
		}
	}
	if (rc == 0 && words.p != NULL && least > 100) {
		struct sql_record_text_count_row row = {0};

		rc = sql_record_text_count(
		        l->tx, &(struct sql_record_text_count_in){words, gather + 1}, &row, e);
		rc = rc < 0 ? rc : 0;
		by_words = row.n < least;
		least = by_words ? row.n : least;
	}
	if (rc < 0)
		return rc;
	bare = q->conds == 0 && q->q == NULL && !q->boxed;
	if (least > gather || bare) {
		/* One value of one field, and nothing else: the index knows how many there are. */
		bool one = q->conds == 1 && q->cond[0].ranges == 1 && q->q == NULL && !q->boxed &&
		           !(q->cond[0].field != NULL && q->cond[0].field->many);

		n = all;
		if (one) {
			n = 0;
			rc = count_range(
			        l->tx, cond_no(q, &q->cond[0]), &q->cond[0].range[0], most + 1, &n, e);
		}
		out->count = !bare && !one ? -1 : n > most ? most : n;
		out->more = (bare || one) && n > most;
		return rc < 0 ? rc : walk(l, a, after, out, e);
	}
	if (by_words)
		rc = gather_words(l, a, &f, words, e);
	else if (best == NULL)
		rc = gather_range(l, a, &f, q->kind->own_no[OWN_CODE], &everything, e);
	for (int i = 0; !by_words && best != NULL && i < best->ranges && rc == 0; i++)
		rc = gather_range(l, a, &f, cond_no(q, best), &best->range[i], e);
	return rc < 0 ? rc : fill_page(l, a, &f, after, out, e);
}

int record_list(struct store_tx *tx, struct arena *a, const struct who *who, const struct record_query *q,
        struct record_page *out, struct err *e)
{
	static const struct record__limits limits = {
	        .gather = 4000, .walk = 4000, .first = 200, .count = 10000};

	return record__list(tx, a, who, q, &limits, out, e);
}

int record__list(struct store_tx *tx, struct arena *a, const struct who *who,
        const struct record_query *given, const struct record__limits *limits, struct record_page *out,
        struct err *e)
{
	struct record_query q = *given;
	struct look l = {.tx = tx, .who = who, .q = &q, .limits = limits, .needs_attrs = q.sort != NULL};
	struct record_place after = {STR_NULL, 0};
	struct str words = STR_NULL;
	int rc = 0;

	*out = (struct record_page){.count = 0};
	must(q.limit > 0);
	if (q.kind->secrecy > who->scope.clearance)
		return err_set(e, ERR_NOTFOUND, "no kind has this code");
	if (q.cursor != NULL)
		rc = record_cursor_read(tx, a, who, &q, &after, e);
	/* The conditions grow by the scope; those of the caller stay as they are. */
	q.cond = arena_memdup(a, q.cond, (size_t)q.conds * sizeof(*q.cond));
	q.cap = (size_t)q.conds;
	if (rc == 0)
		rc = add_scope(a, &q, who, e);
	for (int i = 0; i < q.conds; i++)
		l.needs_attrs |= q.cond[i].field != NULL;
	if (q.q != NULL) {
		l.needs_attrs = true;
		words = store_text_query(tx, a, str_of(q.q));
		if (words.p == NULL) /* nothing in it that could be found: no restriction */
			q.q = NULL;
	}
	l.a = arena_new(0);
	if (rc == 0)
		rc = choose(&l, a, words, q.cursor != NULL ? &after : NULL, out, e);
	arena_free(&l.a);
	return rc;
}

/* ---- relations ---- */

static int count_relation(struct look *l, const struct kind *k, const struct field *f, const char *code,
        struct record_relation *out, struct err *e)
{
	struct sql_record_entry_range_row row;
	struct store_rows *rows = NULL;
	struct sb key = SB_INIT;
	int64_t looked = 0;
	int rc;

	*out = (struct record_relation){.kind = k, .field = f};
	kind_key(&key, f, str_of(code));
	rc = sql_record_entry_range_open(l->tx,
	        &(struct sql_record_entry_range_in){.field = f->no,
	                .low = sb_str(&key),
	                .high = sb_str(&key),
	                .limit_ = RELATION_MAX + 1},
	        &rows, e);
	while (rc == 0 && (rc = sql_record_entry_range_next(rows, &row, e)) > 0) {
		struct record r = RECORD_OF(l->a, row);

		rc = 0;
		out->more = ++looked > RELATION_MAX;
		if (!out->more && record__seen(k, l->who, &r))
			out->count++;
		arena_reset(l->a);
	}
	store_rows_close(&rows);
	sb_fini(&key);
	return rc;
}

int record_relations(struct store_tx *tx, struct arena *a, const struct catalog *c, const struct who *who,
        const char *kind, const char *code, struct record_relation **out, int *n, struct err *e)
{
	const struct kind *to = catalog_kind(c, kind);
	struct look l = {.tx = tx, .who = who, .a = arena_new(0)};
	struct record_relation one;
	struct record r;
	size_t cap = 0;
	int rc = record_get(tx, a, c, who, kind, code, &r, e);

	*n = 0;
	*out = NULL;
	for (int i = 0; i < c->kinds && rc == 0; i++) {
		const struct kind *k = &c->kind[i];

		for (int j = 0; j < k->fields && rc == 0; j++) {
			const struct field *f = &k->field[j];

			if (!field_refers(f, to) || field_hidden(f, who->scope.clearance) ||
			        k->secrecy > who->scope.clearance)
				continue;
			rc = count_relation(&l, k, f, code, &one, e);
			if (rc < 0 || one.count == 0)
				continue;
			*out = arena_grow(a, *out, &cap, (size_t)*n + 1, sizeof(**out));
			(*out)[(*n)++] = one;
		}
	}
	arena_free(&l.a);
	return rc;
}
