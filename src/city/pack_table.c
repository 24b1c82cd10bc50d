/* The tables of a pack: regions, orgs, categories, records. */
#include "base/file.h"
#include "base/num.h"
#include "city/pack_int.h"

#include <math.h>

/* A CSV file whose first row names the columns; fields are asked for by name. */
struct table {
	struct pack_data *d;
	const char *file;
	struct csv csv;
	struct str *column;
	int columns;
	bool *used;
};

static bool table_open(
        struct table *t, struct pack_data *d, const struct pack_file *f, const char *const *known)
{
	int n;

	*t = (struct table){.d = d, .file = f->path};
	csv_init(&t->csv, f->text, ',');
	n = csv_row(&t->csv, d->a);
	if (n < 0) {
		pack__tell(d, true, f->path, t->csv.line, 0, NULL, "%s", t->csv.bad);
		return false;
	}
	t->column = arena_memdup(d->a, t->csv.field, (size_t)n * sizeof(*t->column));
	t->columns = n;
	for (int i = 0; i < n; i++) {
		bool ok = known == NULL;

		for (const char *const *k = known; !ok && k != NULL && *k != NULL; k++)
			ok = str_is(t->column[i], *k);
		if (!ok)
			pack__tell(d, false, f->path, 1, i + 1,
			        arena_strndup(d->a, t->column[i].p, t->column[i].n),
			        "this column is not known and is not read");
	}
	return n > 0;
}

static bool table_next(struct table *t)
{
	int n = csv_row(&t->csv, t->d->a);

	if (n < 0)
		pack__tell(t->d, true, t->file, t->csv.line, 0, NULL, "%s", t->csv.bad);
	if (n > t->columns)
		pack__tell(t->d, true, t->file, t->csv.line, 0, NULL,
		        "%d fields, but the first row names only %d columns", n, t->columns);
	return n > 0;
}

static struct str table_field(const struct table *t, const char *name)
{
	for (int i = 0; i < t->columns; i++)
		if (str_is(t->column[i], name))
			return i < t->csv.fields ? str_trim(t->csv.field[i]) : STR_LIT("");
	return STR_LIT("");
}

static const char *table_text(const struct table *t, const char *name)
{
	struct str s = table_field(t, name);

	return arena_strndup(t->d->a, s.p, s.n);
}

static void table_bad(const struct table *t, const char *field, const char *words)
{
	struct str s = table_field(t, field);

	pack__tell(t->d, true, t->file, t->csv.line, 0, field, "%s, not \"" STR_FMT "\"", words, STR_ARG(s));
}

/* A code is what others refer to: it must be there, hold no blanks, and be used once. */
static const char *table_code(const struct table *t)
{
	struct str s = table_field(t, "code");

	if (!kind_code_valid(s)) {
		table_bad(t, "code", "a code of 1 to 64 bytes without blanks and / + # % ? , ; is needed");
		return NULL;
	}
	return arena_strndup(t->d->a, s.p, s.n);
}

static double table_number(const struct table *t, const char *name, double low, double high)
{
	struct str s = table_field(t, name);
	double v = NAN;

	if (s.n > 0 && (!num_double(s, false, &v) || v < low || v > high)) {
		char words[80];

		snprintf(words, sizeof(words), "a number from %g to %g is needed", low, high);
		table_bad(t, name, words);
		v = NAN;
	}
	return v;
}

static struct geo_point table_point(const struct table *t)
{
	struct geo_point p = {table_number(t, "lon", -180, 180), table_number(t, "lat", -90, 90)};

	if (isnan(p.lon) != isnan(p.lat))
		table_bad(t, isnan(p.lon) ? "lon" : "lat", "a place needs both lon and lat");
	return p;
}

static bool table_flag(const struct table *t, const char *name)
{
	struct str s = table_field(t, name);

	if (s.n == 0 || str_is(s, "0"))
		return false;
	if (!str_is(s, "1"))
		table_bad(t, name, "1 or 0 or nothing is needed");
	return true;
}

static struct located here(const struct table *t)
{
	return (struct located){.file = t->file, .line = t->csv.line};
}

/* ---- regions ---- */

static struct region *region_of(struct pack_data *d, const char *code)
{
	for (size_t i = 0; i < d->regions; i++)
		if (strcmp(d->region[i].code, code) == 0)
			return &d->region[i];
	return NULL;
}

static void read_areas(struct pack_data *d, const struct pack_file *f)
{
	struct err e = ERR_INIT;
	struct doc *doc = NULL;

	if (doc_parse_json(d->a, f->text, f->path, &doc, &e) < 0) {
		pack__tell_err(d, &e, f->path, 1);
		return;
	}
	DOC_EACH(x, doc_get(doc, "features"))
	{
		const char *code = doc_str(doc_get(x, "properties"), "code", "");
		const struct doc *g = doc_get(x, "geometry");
		struct region *r = region_of(d, code);
		struct geo_area *area = arena_alloc(d->a, sizeof(*area));
		struct sb b = SB_INIT;
		struct jw w;

		if (r == NULL) {
			pack__tell(d, true, f->path, x->line, 0, "code",
			        "no region of regions.csv has the code \"%s\"", code);
			continue;
		}
		if (g == NULL || geo_area_parse(d->a, g, f->path, area, &e) < 0) {
			if (g == NULL)
				pack__tell(d, true, f->path, x->line, 0, code,
				        "a Polygon or MultiPolygon is needed");
			else
				pack__tell_err(d, &e, f->path, x->line);
			continue;
		}
		jw_init(&w, &b);
		doc_write_json(g, &w);
		r->geometry = arena_strndup(d->a, b.p, b.n);
		r->area = area;
		if (isnan(r->at.lon))
			r->at = geo_area_label(area);
		sb_fini(&b);
	}
}

void pack__read_regions(struct pack_data *d, const struct pack_file *csv, const struct pack_file *areas)
{
	static const char *const known[] = {
	        "code", "parent", "level", "name", "name_en", "lon", "lat", "unit", "zone", NULL};
	const struct zone *zone;
	struct table t;

	if (!table_open(&t, d, csv, known))
		return;
	while (table_next(&t)) {
		const char *code = table_code(&t);
		double level = table_number(&t, "level", 1, 6);
		struct region *r;

		if (code == NULL)
			continue;
		if (region_of(d, code) != NULL) {
			table_bad(&t, "code", "a code that no other region has is needed");
			continue;
		}
		r = PACK_PUSH(d, d->region, d->regions, regions_cap, struct region);
		PACK_AT(d, region_at, d->regions, here(&t));
		*r = (struct region){.code = code,
		        .parent = table_text(&t, "parent"),
		        .level = isnan(level) ? 3 : (int)level,
		        .name = table_text(&t, "name"),
		        .name_en = table_text(&t, "name_en"),
		        .unit = table_flag(&t, "unit"),
		        .at = table_point(&t),
		        .geometry = "",
		        .zone_name = table_text(&t, "zone")};
		if (*r->zone_name != '\0' && zone_load(r->zone_name, &zone, NULL) < 0)
			table_bad(&t, "zone",
			        "the system knows no time zone of this name; say it as Asia/Shanghai or "
			        "+08:00");
		if (*r->name == '\0')
			table_bad(&t, "name", "a name is needed");
	}
	if (areas != NULL)
		read_areas(d, areas);
}

/* ---- orgs ---- */

void pack__read_orgs(struct pack_data *d, const struct pack_file *f)
{
	static const char *const known[] = {
	        "code", "parent", "kind", "region", "name", "name_en", "phone", "duties", NULL};
	struct table t;

	if (!table_open(&t, d, f, known))
		return;
	while (table_next(&t)) {
		const char *code = table_code(&t);
		struct org *o;

		if (code == NULL)
			continue;
		o = PACK_PUSH(d, d->org, d->orgs, orgs_cap, struct org);
		PACK_AT(d, org_at, d->orgs, here(&t));
		*o = (struct org){.code = code,
		        .parent = table_text(&t, "parent"),
		        .kind = table_text(&t, "kind"),
		        .region = table_text(&t, "region"),
		        .name = table_text(&t, "name"),
		        .name_en = table_text(&t, "name_en"),
		        .phone = table_text(&t, "phone"),
		        .duties = table_text(&t, "duties")};
		if (*o->name == '\0')
			table_bad(&t, "name", "a name is needed");
	}
}

/* ---- categories ---- */

void pack__read_categories(struct pack_data *d, const struct pack_file *f)
{
	static const char *const known[] = {
	        "code", "parent", "name", "name_en", "flow", "calendar", "limit", "level", "basis", NULL};
	struct catalog *c = d->catalog;
	struct table t;

	if (!table_open(&t, d, f, known))
		return;
	while (table_next(&t)) {
		const char *code = table_code(&t);
		double level = table_number(&t, "level", 1, 4);
		const struct category *old = catalog_category(c, code);
		struct category *k;

		if (code == NULL ||
		        pack__taken(d, f->path, t.csv.line, "category", code, old != NULL ? old->pack : NULL))
			continue;
		if (old != NULL) {
			table_bad(&t, "code", "a code that no other category has is needed");
			continue;
		}
		k = PACK_PUSH(d, c->category, c->categories, categories_cap, struct category);
		PACK_AT(d, category_at, c->categories, here(&t));
		*k = (struct category){.code = code,
		        .pack = d->pack,
		        .parent = table_text(&t, "parent"),
		        .name = table_text(&t, "name"),
		        .name_en = table_text(&t, "name_en"),
		        .flow = table_text(&t, "flow"),
		        .calendar = table_text(&t, "calendar"),
		        .level = isnan(level) ? 4 : (int)level,
		        .limit = 0};
		if (*k->name == '\0')
			table_bad(&t, "name", "a name is needed");
		/* A heading of the tree has no limit, and opens no case. */
		if (*k->flow != '\0' && !limit_parse(table_field(&t, "limit"), &k->unit, &k->limit))
			table_bad(&t, "limit",
			        "a limit such as \"4 work_hour\", \"2 urgent_hour\" or \"3 work_day\" is "
			        "needed");
	}
}

/* ---- records ---- */

static bool is_own_column(struct str s)
{
	static const char *const own[] = {
	        "code", "name", "name_en", "state", "org", "region", "lon", "lat", "demo", NULL};

	for (const char *const *p = own; *p != NULL; p++)
		if (str_is(s, *p))
			return true;
	return false;
}

static const struct field *column_field(struct pack_data *d, const struct kind *k, struct str column)
{
	return is_own_column(column) ? NULL : kind_field(k, arena_strndup(d->a, column.p, column.n));
}

static void check_state(const struct table *t, const struct kind *k, const char *state)
{
	for (int i = 0; i < k->states; i++)
		if (strcmp(k->state[i].code, state) == 0)
			return;
	if (*state != '\0')
		table_bad(t, "state", "one of the kind's states is needed");
}

static const struct doc *attrs_of(const struct table *t, const struct field *const *field)
{
	struct doc *map = arena_alloc(t->d->a, sizeof(*map)), **next = &map->child;

	*map = (struct doc){.type = DOC_MAP, .line = t->csv.line};
	for (int i = 0; i < t->columns && i < t->csv.fields; i++) {
		struct str v = str_trim(t->csv.field[i]);
		struct doc *x;

		if (field[i] == NULL || v.n == 0)
			continue;
		x = *next = arena_alloc(t->d->a, sizeof(*x));
		*x = (struct doc){.type = DOC_STRING,
		        .line = t->csv.line,
		        .key = field[i]->key,
		        .text = arena_strndup(t->d->a, v.p, v.n),
		        .text_n = v.n};
		next = &x->next;
		map->count++;
	}
	return map;
}

void pack__read_records(struct pack_data *d, const struct pack_file *f, const char *kind)
{
	const struct kind *k = catalog_kind(d->catalog, kind);
	const struct field **field;
	struct table t;

	if (k == NULL) {
		pack__tell(d, !d->partial, f->path, 1, 0, NULL,
		        "no kind has the code \"%s\": a file of records is named after their kind", kind);
		return;
	}
	if (!table_open(&t, d, f, NULL))
		return;
	field = arena_array(d->a, (size_t)t.columns, sizeof(*field));
	for (int i = 0; i < t.columns; i++) {
		field[i] = column_field(d, k, t.column[i]);
		if (field[i] == NULL && !is_own_column(t.column[i]))
			pack__tell(d, true, f->path, 1, i + 1,
			        arena_strndup(d->a, t.column[i].p, t.column[i].n),
			        "the kind %s has no such field", kind);
	}
	while (table_next(&t)) {
		const char *code = table_code(&t), *doubts;
		struct err e = ERR_INIT;
		struct pack_record *x;

		if (code == NULL)
			continue;
		x = PACK_PUSH(d, d->record, d->records, records_cap, struct pack_record);
		PACK_AT(d, record_at, d->records, here(&t));
		*x = (struct pack_record){.kind = k,
		        .code = code,
		        .name = table_text(&t, "name"),
		        .name_en = table_text(&t, "name_en"),
		        .state = table_text(&t, "state"),
		        .org = table_text(&t, "org"),
		        .region = table_text(&t, "region"),
		        .at = table_point(&t),
		        .attrs = attrs_of(&t, field),
		        .demo = table_flag(&t, "demo")};
		if (*x->name == '\0')
			table_bad(&t, "name", "a name is needed");
		check_state(&t, k, x->state);
		if (kind_read(d->a, k, d->catalog->zone, x->attrs, NULL, &x->kept, &doubts, &e) < 0)
			pack__tell_err(d, &e, f->path, t.csv.line);
	}
}
