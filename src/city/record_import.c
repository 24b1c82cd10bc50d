#include "city/record_import.h"
#include "base/json.h"
#include "base/num.h"
#include "city/record_file.h"
#include "city/record_int.h"

#include <math.h>

#define ROWS_MAX 500000
#define HEADING_WITHIN 10 /* rows from the top */
#define PART 1000         /* rows of one transaction */

/* ---- columns ---- */

struct record_column *record_columns(struct arena *a, const struct kind *k, int *n)
{
	static const struct record_column own[] = {{"code", "编号", "Code", NULL},
	        {"name", "名称", "Name", NULL}, {"name_en", "英文名称", "English name", NULL},
	        {"state", "状态", "State", NULL}, {"org", "部门", "Department", NULL},
	        {"region", "区划", "Region", NULL}, {"lon", "经度", "Longitude", NULL},
	        {"lat", "纬度", "Latitude", NULL}};
	struct record_column *out = arena_array(a, ARRAY_LEN(own) + (size_t)k->fields, sizeof(*out));

	*n = 0;
	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		if (k->states > 0 || strcmp(own[i].key, "state") != 0)
			out[(*n)++] = own[i];
	for (int i = 0; i < k->fields; i++)
		out[(*n)++] = (struct record_column){
		        k->field[i].key, k->field[i].name, k->field[i].name_en, &k->field[i]};
	return out;
}

/* "面积（km²）" and "面积*" are the field 面积: units and marks behind a name are for people. */
static struct str bare(struct str s)
{
	static const char *const tails[] = {"(", "（", "*", "＊", "["};
	size_t end = s.n;

	for (size_t i = 1; i < s.n; i++)
		for (size_t k = 0; k < ARRAY_LEN(tails) && i < end; k++)
			if (str_starts((struct str){s.p + i, s.n - i}, tails[k]))
				end = i;
	return str_trim((struct str){s.p, end});
}

static const struct record_column *find_column(const struct record_column *c, int n, struct str name)
{
	for (int i = 0; i < n; i++)
		if (str_is(name, c[i].key))
			return &c[i];
	for (int i = 0; i < n; i++)
		if (str_is(name, c[i].name) || (name.n > 0 && str_is(name, c[i].name_en)))
			return &c[i];
	return NULL;
}

static bool is_passed_over(struct str name)
{
	return name.n == 0 || name.p[0] == '#' || str_is(name, "序号") || str_is(name, "No.");
}

struct heading {
	const struct record_column **column; /* NULL: not read */
	int n;
};

/* How many cells of a row name a column. */
static int read_heading(struct arena *a, const struct record_column *all, int all_n, const struct str *cell,
        int n, struct heading *out)
{
	int known = 0;

	out->n = n;
	out->column = arena_array(a, (size_t)n, sizeof(const struct record_column *));
	for (int i = 0; i < n; i++) {
		struct str name = str_trim(cell[i]);

		out->column[i] = find_column(all, all_n, name);
		if (out->column[i] == NULL)
			out->column[i] = find_column(all, all_n, bare(name));
		known += out->column[i] != NULL;
	}
	return known;
}

static int refuse_heading(
        const struct record_column *all, int all_n, int line, struct str name, bool twice, struct err *e)
{
	struct sb names = SB_INIT;
	int n = (int)(name.n < 80 ? name.n : 80);

	for (int i = 0; i < all_n; i++)
		sb_printf(&names, "%s%s", i > 0 ? "、" : "", all[i].name);
	if (twice)
		err_set(e, ERR_INVALID, "the file has a column twice: \"%.*s\"; leave one of them", n,
		        name.p);
	else
		err_set(e, ERR_INVALID,
		        "the file has an unknown column \"%.*s\"; the columns of this kind are: %.300s", n,
		        name.p, names.p);
	sb_fini(&names);
	return err_at(e, NULL, line, 0, NULL), ERR_INVALID;
}

static int check_heading(const struct heading *h, const struct record_column *all, int all_n,
        const struct str *cell, int line, struct err *e)
{
	for (int i = 0; i < h->n; i++) {
		struct str name = str_trim(cell[i]);

		if (h->column[i] == NULL && !is_passed_over(name))
			return refuse_heading(all, all_n, line, name, false, e);
		for (int k = 0; k < i; k++)
			if (h->column[i] != NULL && h->column[k] == h->column[i])
				return refuse_heading(all, all_n, line, name, true, e);
	}
	return 0;
}

static int find_heading(
        struct arena *a, struct record_file *f, const struct kind *k, struct heading *out, struct err *e)
{
	const struct record_column *all;
	int all_n, rc;

	all = record_columns(a, k, &all_n);
	for (int i = 0; i < HEADING_WITHIN; i++) {
		struct str *cell;
		int n, line;

		rc = record_file_next(f, &cell, &n, &line, e);
		if (rc < 0)
			return rc;
		if (rc == 0)
			break;
		/* A title is one text over the whole width; a heading names several columns. */
		if (read_heading(a, all, all_n, cell, n, out) >= (n > 1 ? 2 : 1))
			return check_heading(out, all, all_n, cell, line, e);
	}
	return refuse_heading(
	        all, all_n, 1, STR_LIT("…"), "no row at the top of the file names columns, such as", e);
}

/* ---- rows ---- */

struct import {
	struct site *s;
	const struct who *by;
	const struct record_import *in;
	const struct kind *kind;
	const struct snapshot *snapshot;
	struct record_file *file;
	struct heading heading;
	int64_t id;
	struct record_batch count;
	/* the rows of one part, read before its transaction so that it can be run again */
	struct arena *a;
	struct staged {
		int line;
		const char *patch, *field, *words; /* words: refused before it was tried */
	} * row;
	int n;
	struct record_batch after; /* the count with this part */
	bool first;
};

static bool read_coordinate(struct str s, double *out)
{
	return num_double(str_trim(s), false, out);
}

/* Numbers are written as such; the point is turned into WGS-84. */
static void put_point(
        struct import *m, struct jw *w, struct staged *r, const struct str *lon, const struct str *lat)
{
	struct geo_point p = {NAN, NAN};

	if (lon == NULL && lat == NULL)
		return;
	if (lon == NULL || lat == NULL || !read_coordinate(*lon, &p.lon) || !read_coordinate(*lat, &p.lat)) {
		r->field = lon == NULL || !read_coordinate(*lon, &p.lon) ? "lon" : "lat";
		r->words = "a place needs both longitude and latitude, as numbers of degrees";
		return;
	}
	p = geo_from(m->in->crs, p);
	jw_kdouble(w, "lon", p.lon);
	jw_kdouble(w, "lat", p.lat);
}

/* "120.15,33.35" of a field that is a place, in WGS-84; what is none is the field's to refuse. */
static struct str turned(struct import *m, const struct record_column *c, struct str v)
{
	struct str rest = v, lon;
	struct geo_point p;
	char x[32], y[32];

	if (m->in->crs == CRS_WGS84 || c->field == NULL || c->field->type != FIELD_PLACE || c->field->many)
		return v;
	lon = str_cut(&rest, ',');
	if (!read_coordinate(lon, &p.lon) || rest.p == NULL || !read_coordinate(rest, &p.lat))
		return v;
	p = geo_from(m->in->crs, p);
	num_format(p.lon, x);
	num_format(p.lat, y);
	return str_of(arena_printf(m->a, "%s,%s", x, y));
}

static void read_row(struct import *m, struct staged *r, const struct str *cell, int n)
{
	const struct str *lon = NULL, *lat = NULL;
	struct sb b = SB_INIT;
	struct jw w;

	jw_init(&w, &b);
	jw_object(&w);
	for (int pass = 0; pass < 2; pass++) {
		if (pass == 1) {
			jw_key(&w, "attrs");
			jw_object(&w);
		}
		for (int i = 0; i < m->heading.n; i++) {
			const struct record_column *c = m->heading.column[i];
			struct str v = i < n ? str_trim(cell[i]) : STR_LIT("");

			if (c == NULL || (c->field != NULL) != pass || (v.n == 0 && !m->in->clear))
				continue;
			if (pass == 0 && strcmp(c->key, "lon") == 0 && v.n > 0) {
				lon = &cell[i];
			} else if (pass == 0 && strcmp(c->key, "lat") == 0 && v.n > 0) {
				lat = &cell[i];
			} else {
				jw_key(&w, c->key);
				jw_str(&w, turned(m, c, v));
			}
		}
	}
	jw_object_end(&w);
	put_point(m, &w, r, lon, lat);
	jw_object_end(&w);
	r->patch = arena_strndup(m->a, b.p, b.n);
	sb_fini(&b);
}

static int read_part(struct import *m, struct err *e)
{
	int rc = 1;

	arena_reset(m->a);
	m->row = arena_array(m->a, PART, sizeof(*m->row));
	m->n = 0;
	while (m->n < PART) {
		struct staged *r = &m->row[m->n];
		struct str *cell;
		int n;

		*r = (struct staged){0};
		rc = record_file_next(m->file, &cell, &n, &r->line, e);
		if (rc <= 0)
			break;
		read_row(m, r, cell, n);
		m->n++;
	}
	return rc;
}

static int find_double(
        struct store_tx *tx, const struct import *m, const char *code, struct err *why, struct err *e)
{
	struct sql_record_batch_row_of_row row;
	int rc;

	if (*code == '\0')
		return 0;
	rc = sql_record_batch_row_of(tx, &(struct sql_record_batch_row_of_in){m->id, str_of(code)}, &row, e);
	if (rc <= 0)
		return rc;
	err_set(why, ERR_CONFLICT, "line %lld of the file has this code already", (long long)row.line);
	return err_at(why, NULL, 0, 0, "code"), 1;
}

static int look_at(struct store_tx *tx, struct import *m, const struct staged *r, struct err *e)
{
	const struct record_door d = {
	        .catalog = m->s->catalog, .snapshot = m->snapshot, .by = m->by, .pack = "", .batch = m->id};
	const char *verdict = "refused", *code = "", *patch = r->patch;
	enum record_verdict v = RECORD_SAME;
	struct err why = ERR_INIT;
	struct record_in in = {0};
	struct record out = {0};
	struct doc *doc = NULL;
	int rc = doc_parse_json(store_arena(tx), str_of(r->patch), "row", &doc, e);

	if (rc < 0)
		return rc;
	code = doc_str(doc, "code", "");
	if (r->words != NULL) {
		err_set(&why, ERR_INVALID, "%s", r->words);
		err_at(&why, NULL, 0, 0, r->field);
		rc = ERR_INVALID;
	} else {
		rc = record_patch(tx, &d, m->kind->code, doc, &in, &why);
		if (rc == 0) {
			code = in.code;
			rc = find_double(tx, m, code, &why, e);
			if (rc < 0)
				return rc;
			rc = rc > 0 ? ERR_CONFLICT : record_try(tx, &d, &in, &out, &v, &why);
		}
	}
	if (rc < 0 && !record__rows_own(rc)) {
		if (e != NULL)
			*e = why;
		return rc;
	}
	if (rc == 0)
		verdict = v == RECORD_NEW ? "new" : v == RECORD_CHANGED ? "changed" : "same";
	m->after.total++;
	*(rc < 0                      ? &m->after.refused
	        : v == RECORD_NEW     ? &m->after.added
	        : v == RECORD_CHANGED ? &m->after.changed
	                              : &m->after.same) += 1;
	return sql_record_batch_row_put(tx,
	        &(struct sql_record_batch_row_put_in){.batch = m->id,
	                .line = r->line,
	                .code = str_of(code),
	                .verdict = str_of(verdict),
	                .row = str_of(patch),
	                .rev = 0,
	                .field = str_of(rc < 0 ? why.field : ""),
	                .words = str_of(rc < 0 ? why.text : ""),
	                .words_zh = str_of(rc < 0 ? why.zh : "")},
	        NULL, e);
}

static int look_ahead(struct store_tx *tx, const struct import *m, struct err *e)
{
	const struct record_door d = {.catalog = m->s->catalog, .by = m->by, .pack = ""};
	const char **patch = arena_array(store_arena(tx), (size_t)m->n + 1, sizeof(*patch));

	for (int i = 0; i < m->n; i++)
		patch[i] = m->row[i].patch;
	store_later(tx);
	return record__ahead(tx, &d, m->kind,
	        &(struct record__coming){.patch = patch, .n = (size_t)m->n, .looked = m->id}, e);
}

/* Somebody may have dropped it meanwhile. */
static int still_read(struct store_tx *tx, const struct import *m, struct err *e)
{
	struct sql_record_batch_get_row row = {0};
	int rc = sql_record_batch_get(tx, &(struct sql_record_batch_get_in){m->id}, &row, e);

	if (rc < 0)
		return rc;
	return rc > 0 && str_is(row.state, "reading")
	               ? 0
	               : err_set(e, ERR_STATE, "the change set was dropped while its file was read");
}

static int write_part(struct store_tx *tx, void *arg, struct err *e)
{
	struct import *m = arg;
	int rc = 0;

	m->after = m->count;
	if (m->first)
		rc = sql_record_batch_add(tx,
		        &(struct sql_record_batch_add_in){.id = m->id,
		                .kind = str_of(m->kind->code),
		                .what = STR_LIT("import"),
		                .title = str_of(m->in->title),
		                .state = STR_LIT("reading"),
		                .account = str_of(m->by->login),
		                .created = store_now(tx)},
		        NULL, e);
	else
		rc = still_read(tx, m, e);
	if (rc == 0)
		rc = look_ahead(tx, m, e);
	for (int i = 0; i < m->n && rc == 0; i++)
		rc = look_at(tx, m, &m->row[i], e);
	if (rc == 0)
		rc = sql_record_batch_count(tx,
		        &(struct sql_record_batch_count_in){.id = m->id,
		                .state = m->n < PART ? STR_LIT("ready") : STR_LIT("reading"),
		                .total = m->after.total,
		                .added = m->after.added,
		                .changed = m->after.changed,
		                .same = m->after.same,
		                .refused = m->after.refused},
		        NULL, e);
	return rc;
}

static int forget(struct store_tx *tx, void *arg, struct err *e)
{
	const struct import *m = arg;
	int rc = sql_record_batch_forget(tx, &(struct sql_record_batch_forget_in){m->id}, NULL, e);

	return rc < 0 ? rc
	              : sql_record_batch_state(tx,
	                        &(struct sql_record_batch_state_in){
	                                m->id, STR_LIT("reading"), STR_LIT("dropped"), store_now(tx), 0, 0},
	                        NULL, e);
}

static int read_all(struct import *m, struct err *e)
{
	int rc = 1;

	while (rc > 0) {
		rc = read_part(m, e);
		if (rc < 0)
			return rc;
		if (m->count.total + m->n > ROWS_MAX)
			return err_set(
			        e, ERR_TOOBIG, "the file has more than 500,000 rows; send it in parts");
		m->snapshot = registry_hold(m->s->registry);
		rc = store_write(m->s->store, "look at rows to import", write_part, m, e);
		registry_release(m->s->registry, m->snapshot);
		if (rc < 0)
			return rc;
		m->count = m->after;
		m->first = false;
		rc = m->n == PART;
	}
	return 0;
}

int record_import(
        struct site *s, const struct who *by, const struct record_import *in, int64_t *id, struct err *e)
{
	struct import m = {.s = s, .by = by, .in = in, .first = true};
	struct arena *a;
	int rc;

	m.kind = catalog_kind(s->catalog, in->kind);
	if (m.kind == NULL || m.kind->secrecy > by->scope.clearance)
		return err_set(e, ERR_NOTFOUND, "no kind has this code");
	if (!record_may_write(m.kind, by))
		return err_set(e, ERR_DENIED, "your roles may not change records of this kind");
	a = arena_new(0);
	m.a = arena_new(0);
	rc = record_file_open(in->bytes, in->sheet, &m.file, e);
	if (rc == 0)
		rc = find_heading(a, m.file, m.kind, &m.heading, e);
	if (rc == 0) {
		m.id = *id = store_new_id(s->store);
		rc = read_all(&m, e);
		/* A set that was read in part would pass for the whole. */
		if (rc < 0 && !m.first)
			(void)!store_write(s->store, "drop an import", forget, &m, NULL);
	}
	record_file_close(&m.file);
	arena_free(&m.a);
	arena_free(&a);
	return rc;
}
