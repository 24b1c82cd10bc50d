/*
 * Rows of a pack against the site's, three ways: what the pack said last (base), what the site has now, what
 * the pack says now, value by value. Regions, orgs and records are all looked at as flat maps of values.
 */
#include "base/json.h"
#include "city/pack_int.h"
#include "store/sql.h"

#include <math.h>

#define REGION "region"
#define ORG "org"

/* A row as the pack says it now. */
struct said {
	const char *part, *code;
	struct str text; /* a JSON object */
	struct located at;
	size_t no; /* in its table of the pack */
};
/* A row as the site has it. */
struct had {
	const struct doc *values;
	const char *pack;
	int64_t rev; /* of a record; else 1 */
};
struct rows {
	struct pack_run *r;
	struct said *said; /* sorted by part and code once all are there */
	size_t n, cap;
	struct gone *gone;
	size_t gones, gones_cap;
};
/* A row that the pack has no longer. */
struct gone {
	const char *part, *code;
	struct str row; /* what the pack said last */
	bool goes, taken_out;
	const char *why; /* it stays */
};

/* ---- rows as maps ---- */

static struct str take(struct arena *a, struct sb *b)
{
	struct str s = {arena_strndup(a, b->p, b->n), b->n};

	sb_fini(b);
	return s;
}

/* Areas are long; that they are the same is told by their digest. */
static void put_area(struct jw *w, const char *geometry)
{
	uint8_t sum[DIGEST_LEN];
	char hex[2 * DIGEST_LEN + 1];

	digest_once(DIGEST_SHA256, geometry, strlen(geometry), sum);
	hex_encode(sum, sizeof(sum), hex);
	jw_kstr(w, "area", *geometry != '\0' ? hex : "");
}

static struct str region_text(struct arena *a, const struct region *x)
{
	struct sb b = SB_INIT;
	struct jw w;

	jw_init(&w, &b);
	jw_object(&w);
	jw_kstr(&w, "parent", x->parent);
	jw_kint(&w, "level", x->level);
	jw_kstr(&w, "name", x->name);
	jw_kstr(&w, "name_en", x->name_en);
	jw_kbool(&w, "unit", x->unit);
	jw_kdouble(&w, "lon", x->at.lon);
	jw_kdouble(&w, "lat", x->at.lat);
	if (*x->zone_name != '\0')
		jw_kstr(&w, "zone", x->zone_name);
	put_area(&w, x->geometry);
	jw_object_end(&w);
	return take(a, &b);
}

static struct str org_text(struct arena *a, const struct org *x)
{
	struct sb b = SB_INIT;
	struct jw w;

	jw_init(&w, &b);
	jw_object(&w);
	jw_kstr(&w, "parent", x->parent);
	jw_kstr(&w, "kind", x->kind);
	jw_kstr(&w, "region", x->region);
	jw_kstr(&w, "name", x->name);
	jw_kstr(&w, "name_en", x->name_en);
	jw_kstr(&w, "phone", x->phone);
	jw_kstr(&w, "duties", x->duties);
	jw_object_end(&w);
	return take(a, &b);
}

static void put_values(struct jw *w, const struct doc *values)
{
	DOC_EACH(x, values)
	{
		jw_key(w, x->key);
		doc_write_json(x, w);
	}
}

/* Own members first, then the kind's fields: no field has a key of theirs (kind_is_own). */
static struct str record_text(struct arena *a, const struct record *x, const struct doc *values)
{
	struct sb b = SB_INIT;
	struct jw w;

	jw_init(&w, &b);
	jw_object(&w);
	jw_kstr(&w, "name", x->name);
	jw_kstr(&w, "name_en", x->name_en);
	jw_kstr(&w, "state", x->state);
	jw_kstr(&w, "org", x->org);
	jw_kstr(&w, "region", x->region);
	jw_kdouble(&w, "lon", x->at.lon);
	jw_kdouble(&w, "lat", x->at.lat);
	jw_kbool(&w, "demo", x->demo);
	put_values(&w, values);
	jw_object_end(&w);
	return take(a, &b);
}

static int parse(struct arena *a, struct str text, const struct doc **out, struct err *e)
{
	struct doc *doc = NULL;
	int rc = doc_parse_json(a, text, "row", &doc, e);

	*out = doc;
	return rc;
}

/* ---- what the pack says ---- */

static int by_part_code(const void *a, const void *b)
{
	const struct said *x = a, *y = b;
	int rc = strcmp(x->part, y->part);

	return rc != 0 ? rc : strcmp(x->code, y->code);
}

static void say(struct rows *rs, struct said s)
{
	rs->said = arena_grow(rs->r->a, rs->said, &rs->cap, rs->n + 1, sizeof(*rs->said));
	rs->said[rs->n++] = s;
}

static const struct said *find_said(const struct rows *rs, const char *part, const char *code)
{
	const struct said key = {.part = part, .code = code};

	return rs->n == 0 ? NULL : bsearch(&key, rs->said, rs->n, sizeof(*rs->said), by_part_code);
}

static int say_all(struct rows *rs, struct err *e)
{
	const struct pack_data *d = rs->r->d;
	struct arena *a = rs->r->a;

	for (size_t i = 0; i < d->regions; i++)
		say(rs, (struct said){REGION, d->region[i].code, region_text(a, &d->region[i]),
		                d->region_at[i], i});
	for (size_t i = 0; i < d->orgs; i++)
		say(rs, (struct said){ORG, d->org[i].code, org_text(a, &d->org[i]), d->org_at[i], i});
	for (size_t i = 0; i < d->records; i++) {
		const struct pack_record *x = &d->record[i];
		/* without a state it comes into the first */
		const struct record as = {.name = x->name,
		        .name_en = x->name_en,
		        .state = *x->state == '\0' && x->kind->states > 0 ? x->kind->state[0].code : x->state,
		        .org = x->org,
		        .region = x->region,
		        .at = x->at,
		        .demo = x->demo};
		const struct doc *values = NULL;
		int rc = parse(a, str_of(x->kept), &values, e);

		if (rc < 0)
			return rc;
		say(rs, (struct said){
		                x->kind->code, x->code, record_text(a, &as, values), d->record_at[i], i});
	}
	if (rs->n > 0)
		qsort(rs->said, rs->n, sizeof(*rs->said), by_part_code);
	return 0;
}

/* ---- what the site has ---- */

static bool is_kind(const char *part)
{
	return strcmp(part, REGION) != 0 && strcmp(part, ORG) != 0;
}

static char *keep(struct pack_run *r, struct str s)
{
	return arena_strndup(r->row, s.p, s.n);
}

static int find_region(
        struct pack_run *r, const char *code, struct region *x, const char **pack, struct err *e)
{
	struct sql_pack_region_get_row row;
	int rc = sql_pack_region_get(r->tx, &(struct sql_pack_region_get_in){str_of(code)}, &row, e);

	if (rc <= 0)
		return rc;
	*x = (struct region){.code = code,
	        .parent = keep(r, row.parent),
	        .level = (int)row.level,
	        .name = keep(r, row.name),
	        .name_en = keep(r, row.name_en),
	        .unit = row.unit,
	        .at = {row.lon, row.lat},
	        .geometry = keep(r, row.geometry),
	        .zone_name = keep(r, row.zone)};
	*pack = keep(r, row.pack);
	return 1;
}

static int find_org(struct pack_run *r, const char *code, struct org *x, const char **pack, struct err *e)
{
	struct sql_pack_org_get_row row;
	int rc = sql_pack_org_get(r->tx, &(struct sql_pack_org_get_in){str_of(code)}, &row, e);

	if (rc <= 0)
		return rc;
	*x = (struct org){.code = code,
	        .parent = keep(r, row.parent),
	        .kind = keep(r, row.kind),
	        .region = keep(r, row.region),
	        .name = keep(r, row.name),
	        .name_en = keep(r, row.name_en),
	        .phone = keep(r, row.phone),
	        .duties = keep(r, row.duties)};
	*pack = keep(r, row.pack);
	return 1;
}

/* Records are looked for in the catalog that has their kind: that to be, or for a kind that goes that of
 * before. */
static const struct catalog *catalog_for(const struct pack_run *r, const char *kind)
{
	return r->lenient != NULL && catalog_kind(r->lenient, kind) != NULL ? r->lenient : r->was;
}

static int find_record(struct pack_run *r, const char *kind, const char *code, struct had *out, struct err *e)
{
	const struct doc *values = NULL;
	struct err why = ERR_INIT;
	struct record x;
	int rc = record_get(r->tx, r->row, catalog_for(r, kind), &who_system, kind, code, &x, &why);

	if (rc == ERR_NOTFOUND)
		return 0;
	if (rc < 0) {
		*e = why;
		return rc;
	}
	rc = parse(r->row, str_of(*x.attrs != '\0' ? x.attrs : "{}"), &values, e);
	if (rc == 0)
		rc = pack__moved(r, kind, values, &values, e);
	if (rc == 0)
		rc = parse(r->row, record_text(r->row, &x, values), &out->values, e);
	out->pack = x.pack;
	out->rev = x.rev;
	return rc < 0 ? rc : 1;
}

/* 1 if the site has the row. */
static int find_had(struct pack_run *r, const char *part, const char *code, struct had *out, struct err *e)
{
	const bool is_region = strcmp(part, REGION) == 0;
	struct region region;
	struct org org;
	int rc;

	*out = (struct had){.pack = "", .rev = 1};
	if (is_kind(part))
		return find_record(r, part, code, out, e);
	rc = is_region ? find_region(r, code, &region, &out->pack, e)
	               : find_org(r, code, &org, &out->pack, e);
	if (rc <= 0)
		return rc;
	rc = parse(
	        r->row, is_region ? region_text(r->row, &region) : org_text(r->row, &org), &out->values, e);
	return rc < 0 ? rc : 1;
}

static int find_base(struct pack_run *r, const char *part, const char *code, struct str *out, struct err *e)
{
	struct sql_pack_row_get_row row;
	int rc = sql_pack_row_get(r->tx,
	        &(struct sql_pack_row_get_in){str_of(r->head->code), str_of(part), str_of(code)}, &row, e);

	*out = rc > 0 ? (struct str){keep(r, row.row), row.row.n} : STR_NULL;
	return rc;
}

/* ---- between the three ---- */

/* A value as JSON text, "" for none: so values are compared and told. */
static const char *cell(struct pack_run *r, const struct doc *row, const char *key)
{
	const struct doc *v = doc_get(row, key);
	struct sb b = SB_INIT;
	struct jw w;

	if (v == NULL || v->type == DOC_NULL || (v->type == DOC_STRING && v->text_n == 0))
		return "";
	jw_init(&w, &b);
	doc_write_json(v, &w);
	return take(r->row, &b).p;
}

static bool same_rows(struct pack_run *r, const struct doc *x, const struct doc *y)
{
	DOC_EACH(v, x)
	{
		if (strcmp(cell(r, x, v->key), cell(r, y, v->key)) != 0)
			return false;
	}
	DOC_EACH(v, y)
	{
		if (doc_get(x, v->key) == NULL && *cell(r, y, v->key) != '\0')
			return false;
	}
	return true;
}

static void conflict(struct pack_run *r, const struct said *s, const char *field, const char *was,
        const char *site, const char *now, const char *words)
{
	r->out->conflicts++;
	pack__news(r, (struct pack_change){.what = PACK_CONFLICT,
	                      .part = s->part,
	                      .code = s->code,
	                      .field = field,
	                      .was = was,
	                      .site = site,
	                      .now = now,
	                      .words = words,
	                      .n = 1});
}

struct merge {
	struct pack_run *r;
	const struct said *s;
	const struct doc *base, *site, *now; /* base NULL: not known */
	struct jw w;
	bool changed;
};

/* One value: the pack's where the site left it alone, else the site's. */
static void merge_cell(struct merge *m, const char *key)
{
	const char *was = cell(m->r, m->base, key), *site = cell(m->r, m->site, key),
	           *now = cell(m->r, m->now, key);
	bool pack_changed = m->base == NULL || strcmp(was, now) != 0;
	bool site_changed = m->base == NULL || strcmp(was, site) != 0;
	const char *out = site;

	if (strcmp(site, now) != 0 && pack_changed) {
		if (site_changed) {
			conflict(m->r, m->s, key, was, site, now, "");
		} else {
			out = now;
			m->changed = true;
		}
	}
	/* What is cleared says so: record_put would keep a veiled value that is not spoken of. */
	jw_key(&m->w, key);
	if (*out != '\0')
		jw_raw(&m->w, str_of(out));
	else
		jw_null(&m->w);
}

static int merge_rows(struct merge *m, const struct doc **out, struct err *e)
{
	struct sb b = SB_INIT;

	jw_init(&m->w, &b);
	jw_object(&m->w);
	DOC_EACH(x, m->now)
	{
		merge_cell(m, x->key);
	}
	DOC_EACH(x, m->site)
	{
		if (doc_get(m->now, x->key) == NULL)
			merge_cell(m, x->key);
	}
	jw_object_end(&m->w);
	return parse(m->r->row, take(m->r->row, &b), out, e);
}

/* ---- writing ---- */

static int write_region(struct pack_run *r, const struct said *s, const struct doc *v, struct err *e)
{
	const char *area = doc_str(v, "area", ""), *pack;
	const struct doc *now = NULL;
	struct region site = {.geometry = "", .zone_name = ""};
	int rc = parse(r->row, s->text, &now, e);

	if (rc == 0)
		rc = find_region(r, s->code, &site, &pack, e);
	if (rc < 0 || !r->write)
		return rc < 0 ? rc : 0;
	return sql_region_put(r->tx,
	        &(struct sql_region_put_in){.code = str_of(s->code),
	                .parent = str_of(doc_str(v, "parent", "")),
	                .level = doc_int(v, "level", 3),
	                .name = str_of(doc_str(v, "name", "")),
	                .name_en = str_of(doc_str(v, "name_en", "")),
	                .unit = doc_bool(v, "unit", false),
	                .lon = doc_double(v, "lon", NAN),
	                .lat = doc_double(v, "lat", NAN),
	                .geometry = str_of(strcmp(area, doc_str(now, "area", "")) == 0
	                                           ? r->d->region[s->no].geometry
	                                           : site.geometry),
	                .zone = str_of(doc_str(v, "zone", "")),
	                .pack = str_of(r->head->code)},
	        NULL, e);
}

static int write_org(struct pack_run *r, const struct said *s, const struct doc *v, struct err *e)
{
	if (!r->write)
		return 0;
	return sql_org_put(r->tx,
	        &(struct sql_org_put_in){.code = str_of(s->code),
	                .parent = str_of(doc_str(v, "parent", "")),
	                .kind = str_of(doc_str(v, "kind", "")),
	                .region = str_of(doc_str(v, "region", "")),
	                .name = str_of(doc_str(v, "name", "")),
	                .name_en = str_of(doc_str(v, "name_en", "")),
	                .phone = str_of(doc_str(v, "phone", "")),
	                .duties = str_of(doc_str(v, "duties", "")),
	                .pack = str_of(r->head->code)},
	        NULL, e);
}

/* The kind's fields out of a flat row. */
static const struct doc *attrs_of(struct arena *a, const struct doc *row)
{
	struct doc *map = arena_alloc(a, sizeof(*map)), **next = &map->child;

	*map = (struct doc){.type = DOC_MAP};
	DOC_EACH(x, row)
	{
		if (kind_is_own(x->key))
			continue;
		*next = arena_memdup(a, x, sizeof(*x));
		(*next)->next = NULL;
		next = &(*next)->next;
		map->count++;
	}
	return map;
}

static int write_record(struct pack_run *r, const struct said *s, const struct doc *v, struct err *e)
{
	const struct record_door door = {.catalog = r->lenient, .by = &r->by, .pack = r->head->code};
	const struct record_in in = {.kind = s->part,
	        .code = s->code,
	        .name = doc_str(v, "name", ""),
	        .name_en = doc_str(v, "name_en", ""),
	        .state = doc_str(v, "state", ""),
	        .org = doc_str(v, "org", ""),
	        .region = doc_str(v, "region", ""),
	        .at = {doc_double(v, "lon", NAN), doc_double(v, "lat", NAN)},
	        .attrs = attrs_of(r->row, v),
	        .demo = doc_bool(v, "demo", false)};
	enum record_verdict verdict;
	struct record out;

	return r->write ? record_put(r->tx, &door, &in, -1, NULL, &verdict, e)
	                : record_try(r->tx, &door, &in, &out, &verdict, e);
}

static int write_row(struct pack_run *r, const struct said *s, const struct doc *v, struct err *e)
{
	int rc = strcmp(s->part, REGION) == 0 ? write_region(r, s, v, e)
	         : strcmp(s->part, ORG) == 0  ? write_org(r, s, v, e)
	                                      : write_record(r, s, v, e);

	return rc < 0 ? err_at(e, s->at.file, s->at.line, 0, NULL) : 0;
}

static int put_base(struct pack_run *r, const struct said *s, struct err *e)
{
	if (!r->write)
		return 0;
	return sql_pack_row_put(r->tx,
	        &(struct sql_pack_row_put_in){
	                str_of(r->head->code), str_of(s->part), str_of(s->code), s->text},
	        NULL, e);
}

/* ---- one row ---- */

static int put_over(
        struct pack_run *r, const struct said *s, struct str base, const struct had *had, struct err *e)
{
	struct merge m = {.r = r, .s = s, .site = had->values};
	const struct doc *merged = NULL, *was = NULL;
	int64_t before = r->out->conflicts;
	int rc = parse(r->row, s->text, &m.now, e);

	if (rc == 0 && base.p != NULL)
		rc = parse(r->row, base, &was, e);
	if (rc == 0 && is_kind(s->part) && was != NULL)
		rc = pack__moved(r, s->part, was, &was, e);
	if (rc < 0)
		return rc;
	/* Without a last word of the pack, from before it was noted, a row that nobody changed is as it came.
	 */
	m.base = was != NULL || had->rev > 1 ? was : had->values;
	rc = merge_rows(&m, &merged, e);
	if (rc < 0)
		return rc;
	if (m.changed)
		r->out->changed++;
	else
		r->out->same += r->out->conflicts == before;
	return m.changed ? write_row(r, s, merged, e) : 0;
}

static int put_row(struct pack_run *r, const struct said *s, struct err *e)
{
	const struct doc *now = NULL;
	struct str base;
	struct had had;
	int rc = find_base(r, s->part, s->code, &base, e);

	if (rc < 0)
		return rc;
	if (base.p != NULL && str_eq(base, s->text)) { /* the pack says what it said: the site's is right */
		r->out->same++;
		return 0;
	}
	rc = find_had(r, s->part, s->code, &had, e);
	if (rc < 0)
		return rc;
	if (rc == 0 && base.p != NULL) {
		conflict(r, s, "", "", "", "", "the site removed it, the pack changed it; it stays removed");
	} else if (rc == 0) {
		rc = parse(r->row, s->text, &now, e);
		r->out->added++;
		if (rc == 0)
			rc = write_row(r, s, now, e);
	} else if (*had.pack == '\0') {
		rc = 0;
		if (base.p == NULL)
			conflict(r, s, "", "", "", "",
			        "the site has one of its own with this code, which stays as it is");
	} else if (strcmp(had.pack, r->head->code) != 0) {
		err_set(e, ERR_CONFLICT, "the %s %s belongs to the pack %s; a pack cannot redefine another's",
		        s->part, s->code, had.pack);
		return err_at(e, s->at.file, s->at.line, 0, "code");
	} else {
		rc = put_over(r, s, base, &had, e);
	}
	return rc < 0 ? rc : put_base(r, s, e);
}

/* ---- rows that the pack has no longer ---- */

static int by_gone(const void *a, const void *b)
{
	const struct gone *x = a, *y = b;
	int rc = strcmp(x->part, y->part);

	return rc != 0 ? rc : strcmp(x->code, y->code);
}

static bool goes_too(const void *ctx, const char *part, const char *code)
{
	const struct gone key = {.part = part, .code = code}, *found;
	const struct rows *rs = ctx;

	found = bsearch(&key, rs->gone, rs->gones, sizeof(key), by_gone); /* as the store sorted them */
	return found != NULL && found->goes;
}

/* Notes the first user that does not go as well. */
#define USERS(name)                                                                                          \
	do {                                                                                                 \
		struct store_rows *rows_ = NULL;                                                             \
		struct sql_##name##_row row_;                                                                \
                                                                                                             \
		rc = sql_##name##_open(r->tx, &(struct sql_##name##_in){str_of(code)}, &rows_, e);           \
		while (rc == 0 && *out == NULL && (rc = sql_##name##_next(rows_, &row_, e)) > 0) {           \
			const char *p_ = keep(r, row_.part), *c_ = keep(r, row_.code);                       \
                                                                                                             \
			rc = 0;                                                                              \
			if (!gone(ctx, p_, c_))                                                              \
				*out = arena_printf(r->a, "%s %s", p_, c_);                                  \
		}                                                                                            \
		store_rows_close(&rows_);                                                                    \
	} while (0)

/* Records that refer to it by a field. */
static int user_by_field(struct pack_run *r, const struct field *f, const char *code,
        bool (*gone)(const void *, const char *, const char *), const void *ctx, const char **out,
        struct err *e)
{
	struct sql_record_entry_range_row row;
	struct store_rows *rows = NULL;
	struct sb key = SB_INIT;
	int rc;

	kind_key(&key, f, str_of(code));
	rc = sql_record_entry_range_open(r->tx,
	        &(struct sql_record_entry_range_in){
	                .field = f->no, .low = sb_str(&key), .high = sb_str(&key), .limit_ = 10000},
	        &rows, e);
	while (rc == 0 && *out == NULL && (rc = sql_record_entry_range_next(rows, &row, e)) > 0) {
		const char *kind = keep(r, row.kind), *of = keep(r, row.code);

		rc = 0;
		if (!gone(ctx, kind, of))
			*out = arena_printf(r->a, "%s %s", kind, of);
	}
	store_rows_close(&rows);
	sb_fini(&key);
	return rc;
}

/* What else refers to a row, as "kind code"; NULL if nothing does. gone(ctx, part, code): that goes, too. */
static int user_of(struct pack_run *r, const char *part, const char *code,
        bool (*gone)(const void *ctx, const char *part, const char *code), const void *ctx, const char **out,
        struct err *e)
{
	/* While one only looks, references are indexed as they were. */
	const struct catalog *c = r->write && r->lenient != NULL ? r->lenient : r->was;
	bool of_thing = catalog_kind(c, part) != NULL && catalog_kind(c, part)->thing;
	int rc = 0;

	*out = NULL;
	if (strcmp(part, REGION) == 0)
		USERS(pack_region_users);
	else if (strcmp(part, ORG) == 0)
		USERS(pack_org_users);
	else if (of_thing)
		USERS(pack_thing_users);
	for (int i = 0; i < c->kinds; i++)
		for (int n = 0; n < c->kind[i].fields && rc == 0 && *out == NULL; n++) {
			const struct field *f = &c->kind[i].field[n];

			if (f->type == FIELD_REFERENCE && f->no != 0 &&
			        (strcmp(f->ref, part) == 0 || (of_thing && field_of_things(f))))
				rc = user_by_field(r, f, code, gone, ctx, out, e);
		}
	return rc;
}

static int take_out(struct pack_run *r, const struct gone *g, struct err *e)
{
	const struct record_door door = {
	        .catalog = catalog_for(r, g->part), .by = &r->by, .pack = r->head->code};
	int rc;

	if (strcmp(g->part, REGION) == 0)
		rc = sql_pack_region_drop(r->tx, &(struct sql_pack_region_drop_in){str_of(g->code)}, NULL, e);
	else if (strcmp(g->part, ORG) == 0)
		rc = sql_pack_org_drop(r->tx, &(struct sql_pack_org_drop_in){str_of(g->code)}, NULL, e);
	else
		rc = record_remove(r->tx, &door, g->part, g->code, -1, e);
	return rc;
}

static int drop_base(struct pack_run *r, const struct gone *g, struct err *e)
{
	return sql_pack_row_drop(r->tx,
	        &(struct sql_pack_row_drop_in){str_of(r->head->code), str_of(g->part), str_of(g->code)}, NULL,
	        e);
}

/* All that the pack said last and says no longer; those that the site has not got either are forgotten. */
static int find_gone(struct rows *rs, struct err *e)
{
	struct pack_run *r = rs->r;
	struct sql_pack_row_all_row row;
	struct store_rows *rows = NULL;
	int rc = sql_pack_row_all_open(r->tx, &(struct sql_pack_row_all_in){str_of(r->head->code)}, &rows, e);

	while (rc == 0 && (rc = sql_pack_row_all_next(rows, &row, e)) > 0) {
		struct gone g = {.part = keep(r, row.part), .code = keep(r, row.code)};

		rc = 0;
		if (find_said(rs, g.part, g.code) == NULL) {
			g = (struct gone){.part = arena_strdup(r->a, g.part),
			        .code = arena_strdup(r->a, g.code),
			        .row = {arena_strndup(r->a, row.row.p, row.row.n), row.row.n}};
			rs->gone = arena_grow(r->a, rs->gone, &rs->gones_cap, rs->gones + 1, sizeof(g));
			rs->gone[rs->gones++] = g;
		}
		arena_reset(r->row);
	}
	store_rows_close(&rows);
	return rc;
}

/* Which of them the site has left as they came. */
static int find_untouched(struct rows *rs, struct err *e)
{
	struct pack_run *r = rs->r;

	for (size_t i = 0; i < rs->gones; i++) {
		struct gone *g = &rs->gone[i];
		const struct doc *base = NULL;
		struct had had;
		int rc = find_had(r, g->part, g->code, &had, e);

		if (rc == 0) {
			g->taken_out = true;
			continue;
		}
		if (rc > 0)
			rc = parse(r->row, g->row, &base, e);
		if (rc == 0 && is_kind(g->part))
			rc = pack__moved(r, g->part, base, &base, e);
		if (rc < 0)
			return rc;
		if (strcmp(had.pack, r->head->code) != 0)
			g->taken_out = true;
		else if (!same_rows(r, base, had.values))
			g->why = "the site changed it";
		else
			g->goes = true;
		arena_reset(r->row);
	}
	return 0;
}

/* Those that something refers to stay; so do those that they refer to, until nothing changes any more. */
static int find_used(struct rows *rs, struct err *e)
{
	struct pack_run *r = rs->r;
	bool again = true;

	while (again) {
		again = false;
		for (size_t i = 0; i < rs->gones; i++) {
			struct gone *g = &rs->gone[i];
			const char *user = NULL;
			int rc = g->goes ? user_of(r, g->part, g->code, goes_too, rs, &user, e) : 0;

			arena_reset(r->row);
			if (rc < 0)
				return rc;
			if (user == NULL)
				continue;
			g->goes = false;
			g->why = arena_printf(r->a, "%s refers to it", user);
			again = true;
		}
	}
	return 0;
}

/* Records before the regions and orgs that they name; record_remove refuses one that others refer to, which
 * then goes in a later round. */
static int take_out_all(struct rows *rs, struct err *e)
{
	struct pack_run *r = rs->r;

	for (int records = 1; records >= 0; records--) {
		for (bool again = true; again;) {
			again = false;
			for (size_t i = 0; i < rs->gones; i++) {
				struct gone *g = &rs->gone[i];
				struct err why = ERR_INIT;
				int rc;

				if (!g->goes || g->taken_out || is_kind(g->part) != (records == 1))
					continue;
				rc = take_out(r, g, &why);
				if (rc == ERR_CONFLICT && records == 1)
					continue;
				if (rc < 0) {
					*e = why;
					return rc;
				}
				g->taken_out = again = true;
			}
		}
	}
	return 0;
}

static int put_gone(struct rows *rs, struct err *e)
{
	struct pack_run *r = rs->r;
	int rc = find_gone(rs, e);

	if (rc == 0)
		rc = find_untouched(rs, e);
	if (rc == 0)
		rc = find_used(rs, e);
	for (size_t i = 0; i < rs->gones && rc == 0; i++) {
		const struct gone *g = &rs->gone[i];

		r->out->removed += g->goes;
		if (g->why != NULL) {
			r->out->kept++;
			pack__news(r, (struct pack_change){.what = PACK_KEPT,
			                      .part = g->part,
			                      .code = g->code,
			                      .field = "",
			                      .words = g->why,
			                      .n = 1});
		}
	}
	if (rc == 0 && r->write)
		rc = take_out_all(rs, e);
	for (size_t i = 0; i < rs->gones && rc == 0 && r->write; i++)
		if (rs->gone[i].taken_out)
			rc = drop_base(r, &rs->gone[i], e);
	return rc;
}

/* Regions and orgs come before the records that name them. */
int pack__put_rows(struct pack_run *r, struct err *e)
{
	struct rows rs = {.r = r};
	int rc = say_all(&rs, e);

	for (int records = 0; records <= 1; records++)
		for (size_t i = 0; i < rs.n && rc == 0; i++)
			if (is_kind(rs.said[i].part) == (records == 1)) {
				rc = put_row(r, &rs.said[i], e);
				arena_reset(r->row);
				pack__tell_progress(r, "rows", (int64_t)i + 1, (int64_t)rs.n);
			}
	return rc < 0 ? rc : put_gone(&rs, e);
}

int pack__take_rows(struct pack_run *r, struct err *e)
{
	struct rows rs = {.r = r};
	int rc = put_gone(&rs, e);

	for (size_t i = 0; i < rs.gones && rc == 0; i++)
		if (rs.gone[i].why != NULL)
			pack__tell(r->d, true, "", 0, 0, NULL, "the %s %s cannot go: %s", rs.gone[i].part,
			        rs.gone[i].code, rs.gone[i].why);
	return rc;
}
