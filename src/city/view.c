#include "city/view.h"
#include "base/num.h"
#include "city/case.h"
#include "city/kind.h"
#include "city/record.h"
#include "store/sql.h"

#include <math.h>
#include <strings.h>

#define PAGE 500

struct filler;
typedef int fill_f(struct filler *f, struct err *e);
struct source { /* where the rows of a view come from */
	fill_f *fill;
	const struct kind *kind; /* of v_KIND */
	int secrecy;
};
struct publication {
	struct view *view; /* one a source */
	struct source *source;
	int n;
};
struct filler {
	const struct view_ask *ask;
	struct store_tx *tx;
	struct site *site;
	const struct snapshot *snapshot;
	struct arena *a; /* emptied after each page */
	struct view_query *q;
	int view; /* that is being filled */
	const struct view *view_def;
	const struct kind *kind;
	const struct doc *where; /* of that view, NULL: all */
	int64_t rows;
};

/* ---- values ---- */

static struct view_value text(const char *s)
{
	if (s == NULL || *s == '\0')
		return (struct view_value){.type = VIEW_NULL};
	return (struct view_value){.type = VIEW_TEXT, .text = str_of(s)};
}

static struct view_value integer(int64_t v)
{
	return (struct view_value){.type = VIEW_INTEGER, .integer = v};
}

static struct view_value real(double v)
{
	return isnan(v) ? (struct view_value){.type = VIEW_NULL}
	                : (struct view_value){.type = VIEW_REAL, .real = v};
}

/* The city's own time, in the form that SQLite's functions of time read: "2026-07-14 08:00:00". */
static struct view_value instant(const struct filler *f, time_us t)
{
	struct civil c;

	if (t == TIME_NONE)
		return (struct view_value){.type = VIEW_NULL};
	zone_civil(f->site->catalog->zone, t, &c);
	return text(arena_printf(
	        f->a, "%04d-%02d-%02d %02d:%02d:%02d", c.year, c.month, c.day, c.hour, c.minute, c.second));
}

static struct view_value json(const struct filler *f, const struct doc *v)
{
	struct sb b = SB_INIT;
	struct view_value out = {.type = VIEW_TEXT};
	struct jw w;

	jw_init(&w, &b);
	doc_write_json(v, &w);
	out.text = (struct str){arena_strndup(f->a, b.p, b.n), b.n};
	sb_fini(&b);
	return out;
}

static struct view_value masked(const struct filler *f, const struct field *field, const struct doc *v)
{
	struct view_value out = {.type = VIEW_NULL};
	struct sb b = SB_INIT;

	if (field_mask(field, v, &b)) {
		out.type = VIEW_TEXT;
		out.text = (struct str){arena_strndup(f->a, b.p != NULL ? b.p : "", b.n), b.n};
	}
	sb_fini(&b);
	return out;
}

static struct view_value value_of(const struct filler *f, const struct field *field, const struct doc *v)
{
	struct view_value out = {.type = VIEW_NULL};
	time_us t;

	if (v == NULL)
		return out;
	if (field_masked(field, f->ask->who->scope.clearance))
		return masked(f, field, v);
	if (v->type == DOC_LIST || v->type == DOC_MAP) /* several values, a place, a file */
		return json(f, v);
	switch (field->type) {
	case FIELD_INTEGER:
		if (num_int((struct str){v->text, v->text_n}, &out.integer))
			out.type = VIEW_INTEGER;
		return out;
	case FIELD_DECIMAL:
		if (num_double((struct str){v->text, v->text_n}, false, &out.real))
			out.type = VIEW_REAL;
		return out;
	case FIELD_BOOL: return integer(strcmp(v->text, "true") == 0);
	case FIELD_INSTANT:
		if (time_parse((struct str){v->text, v->text_n}, zone_utc(), &t))
			return instant(f, t);
		return out;
	default:
		out.type = VIEW_TEXT;
		out.text = (struct str){v->text, v->text_n};
		return out;
	}
}

/* The reporting unit of a region, "" if it is in none. */
static const char *unit_of(const struct filler *f, const char *region)
{
	const struct region *r = snapshot_unit(f->snapshot, region);

	return r != NULL ? r->code : "";
}

static bool elsewhere(const struct filler *f, const char *unit)
{
	return f->ask->unit != NULL && *f->ask->unit != '\0' && strcmp(f->ask->unit, unit) != 0;
}

static int put(struct filler *f, const struct view_value *row, struct err *e)
{
	f->rows++;
	return view_query_add(f->q, f->view, row, e);
}

/* ---- conditions ---- */

static int bad_condition(const struct filler *f, const char *name, const char *words, struct err *e)
{
	char where[96];

	snprintf(where, sizeof(where), "where.%s.%s", f->view_def->name, name);
	err_set(e, ERR_INVALID, "%s", words);
	(void)err_at(e, NULL, 0, 0, where);
	return ERR_INVALID;
}

static bool is_words(const struct doc *d)
{
	return d->type == DOC_STRING || d->type == DOC_NUMBER || d->type == DOC_BOOL;
}

struct condition {
	const char *name;
	const char **words; /* NULL: none given */
};
/* Takes those of the list; another is refused: passed over, it would show everything. */
static int read_conditions(const struct filler *f, const struct condition *c, size_t n, struct err *e)
{
	DOC_EACH(x, f->where)
	{
		size_t i = 0;

		while (i < n && strcmp(c[i].name, x->key) != 0)
			i++;
		if (i == n)
			return bad_condition(f, x->key, "this view is not narrowed by that", e);
		if (!is_words(x))
			return bad_condition(f, x->key, "a text is needed", e);
		*c[i].words = x->text;
	}
	return 0;
}

/* ---- records ---- */

enum {
	KIND_CODE,
	KIND_NAME,
	KIND_NAME_EN,
	KIND_STATE,
	KIND_ORG,
	KIND_REGION,
	KIND_LON,
	KIND_LAT,
	KIND_CHANGED,
	KIND_DEMO,
	KIND_OWN
};
static const struct view_column kind_columns[KIND_OWN] = {[KIND_CODE] = {"code", VIEW_TEXT},
        [KIND_NAME] = {"name", VIEW_TEXT},
        [KIND_NAME_EN] = {"name_en", VIEW_TEXT},
        [KIND_STATE] = {"state", VIEW_TEXT},
        [KIND_ORG] = {"org", VIEW_TEXT},
        [KIND_REGION] = {"region", VIEW_TEXT},
        [KIND_LON] = {"lon", VIEW_REAL},
        [KIND_LAT] = {"lat", VIEW_REAL},
        [KIND_CHANGED] = {"changed", VIEW_TEXT},
        [KIND_DEMO] = {"demo", VIEW_INTEGER}};

static bool has_column(const struct view *v, const char *name)
{
	for (int i = 0; i < v->columns; i++)
		if (strcasecmp(v->column[i].name, name) == 0)
			return true;
	return false;
}

/* Own columns, then the fields, then the reporting unit: of two names that differ by case alone the first is
 * there. No field has a key of the own columns (kind_is_own). */
static struct view view_of_kind(struct arena *a, const struct kind *k)
{
	struct view_column *column = arena_array(a, (size_t)k->fields + KIND_OWN + 1, sizeof(*column));
	struct view v = {.name = arena_printf(a, "v_%s", k->code), .column = column};

	for (int i = 0; i < KIND_OWN; i++)
		column[v.columns++] = kind_columns[i];
	for (int i = 0; i < k->fields; i++) {
		const struct field *f = &k->field[i];
		bool whole = f->type == FIELD_INTEGER || f->type == FIELD_BOOL;
		enum view_type type = whole ? VIEW_INTEGER : f->type == FIELD_DECIMAL ? VIEW_REAL : VIEW_TEXT;

		if (!has_column(&v, f->key))
			column[v.columns++] = (struct view_column){f->key, f->many ? VIEW_TEXT : type};
	}
	if (!has_column(&v, "unit"))
		column[v.columns++] = (struct view_column){"unit", VIEW_TEXT};
	return v;
}

static int put_record(struct filler *f, const struct record *r, struct err *e)
{
	const struct view *v = f->view_def;
	struct view_value *row = arena_array(f->a, (size_t)v->columns, sizeof(*row));
	const char *unit = unit_of(f, r->region);
	struct doc *attrs = NULL;
	int rc = 0;

	if (elsewhere(f, unit))
		return 0;
	rc = doc_parse_json(f->a, str_of(*r->attrs != '\0' ? r->attrs : "{}"), r->code, &attrs, e);
	if (rc < 0)
		return rc;
	row[KIND_CODE] = text(r->code);
	row[KIND_NAME] = text(r->name);
	row[KIND_NAME_EN] = text(r->name_en);
	row[KIND_STATE] = text(r->state);
	row[KIND_ORG] = text(r->org);
	row[KIND_REGION] = text(r->region);
	row[KIND_LON] = real(r->at.lon);
	row[KIND_LAT] = real(r->at.lat);
	row[KIND_CHANGED] = instant(f, r->changed);
	row[KIND_DEMO] = integer(r->demo);
	for (int i = KIND_OWN; i < v->columns; i++) {
		const struct field *field = kind_field(f->kind, v->column[i].name);

		row[i] = field != NULL ? value_of(f, field, doc_get(attrs, field->key)) : text(unit);
	}
	return put(f, row, e);
}

static int read_record_conditions(struct filler *f, struct arena *a, struct record_query *q, struct err *e)
{
	int rc = 0;

	DOC_EACH(x, f->where)
	{
		if (!is_words(x))
			rc = bad_condition(f, x->key, "a text is needed", e);
		else if (strcmp(x->key, "q") == 0)
			q->q = x->text;
		else if (strcmp(x->key, "box") == 0)
			rc = record_query_box(q, x->text, e);
		else
			rc = record_query_add(
			        a, q, f->site->catalog, f->snapshot, f->ask->who, x->key, x->text, e);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int fill_records(struct filler *f, struct err *e)
{
	struct record_query q = {.kind = f->kind, .limit = PAGE};
	struct arena *kept = arena_new(0); /* of the conditions */
	struct record_page page = {0};
	struct sb cursor = SB_INIT;
	int rc = read_record_conditions(f, kept, &q, e);

	while (rc == 0) {
		q.cursor = cursor.n > 0 ? cursor.p : NULL;
		rc = record_list(f->tx, f->a, f->ask->who, &q, &page, e);
		for (int i = 0; i < page.n && rc == 0; i++)
			rc = put_record(f, &page.row[i], e);
		if (rc < 0 || page.next == NULL)
			break;
		sb_reset(&cursor);
		sb_puts(&cursor, page.next);
		sb_putc(&cursor, '\0');
		arena_reset(f->a);
		rc = view_query_on_time(f->q, e);
	}
	sb_fini(&cursor);
	arena_free(&kept);
	return rc;
}

static const struct view_column thing_columns[] = {{"code", VIEW_TEXT}, {"kind", VIEW_TEXT},
        {"name", VIEW_TEXT}, {"name_en", VIEW_TEXT}, {"org", VIEW_TEXT}, {"region", VIEW_TEXT},
        {"unit", VIEW_TEXT}, {"lon", VIEW_REAL}, {"lat", VIEW_REAL}, {"demo", VIEW_INTEGER}};

static int fill_things(struct filler *f, struct err *e)
{
	struct thing_walk walk = thing_map_walk(f->snapshot->things, NULL);
	int rc = read_conditions(f, NULL, 0, e);

	for (const struct thing *t; rc == 0 && (t = thing_next(&walk)) != NULL;) {
		const struct view_value row[ARRAY_LEN(thing_columns)] = {text(t->code), text(t->kind),
		        text(t->name), text(t->name_en), text(t->org), text(t->region), text(t->unit_region),
		        real(t->at.lon), real(t->at.lat), integer(t->demo)};

		if (thing_seen(f->site->catalog, f->ask->who, t) && !elsewhere(f, t->unit_region))
			rc = put(f, row, e);
	}
	return rc;
}

/* ---- what happens ---- */

static const struct view_column case_columns[] = {{"code", VIEW_TEXT}, {"category", VIEW_TEXT},
        {"title", VIEW_TEXT}, {"source", VIEW_TEXT}, {"state", VIEW_TEXT}, {"stage", VIEW_TEXT},
        {"level", VIEW_INTEGER}, {"region", VIEW_TEXT}, {"unit", VIEW_TEXT}, {"org", VIEW_TEXT},
        {"thing", VIEW_TEXT}, {"opened", VIEW_TEXT}, {"deadline", VIEW_TEXT}, {"finished", VIEW_TEXT},
        {"closed", VIEW_TEXT}, {"overdue", VIEW_INTEGER}, {"merged", VIEW_INTEGER}, {"lon", VIEW_REAL},
        {"lat", VIEW_REAL}, {"demo", VIEW_INTEGER}};

static int put_case(struct filler *f, const struct city_case *x, struct err *e)
{
	const struct view_value row[ARRAY_LEN(case_columns)] = {text(x->code), text(x->category),
	        text(x->title), text(x->source), text(x->state), text(x->stage), integer(x->level),
	        text(x->region), text(x->unit), text(x->org), text(x->thing), instant(f, x->opened),
	        instant(f, x->deadline), instant(f, x->finished), instant(f, x->closed), integer(x->overdue),
	        integer(x->merged), real(x->lon), real(x->lat), integer(x->demo)};

	return elsewhere(f, x->unit) ? 0 : put(f, row, e);
}

static int fill_cases(struct filler *f, struct err *e)
{
	struct case_filter by = {.limit = PAGE, .after_deadline = TIME_NONE};
	const struct condition conditions[] = {{"state", &by.state}, {"stage", &by.stage},
	        {"region", &by.region}, {"org", &by.org}, {"category", &by.category}, {"thing", &by.thing}};
	struct city_case *list = NULL;
	int n = PAGE, rc = read_conditions(f, conditions, ARRAY_LEN(conditions), e);

	while (rc == 0 && n == PAGE) {
		rc = case_list(f->tx, f->site, f->ask->who, &by, &list, &n, e);
		for (int i = 0; i < n && rc == 0; i++)
			rc = put_case(f, &list[i], e);
		if (rc == 0 && n > 0) {
			by.after_deadline = list[n - 1].deadline;
			by.after_id = list[n - 1].id;
			rc = view_query_on_time(f->q, e);
		}
		arena_reset(f->a);
	}
	return rc;
}

static const struct view_column alarm_columns[] = {{"id", VIEW_INTEGER}, {"rule", VIEW_TEXT},
        {"thing", VIEW_TEXT}, {"region", VIEW_TEXT}, {"unit", VIEW_TEXT}, {"org", VIEW_TEXT},
        {"summary", VIEW_TEXT}, {"state", VIEW_TEXT}, {"level", VIEW_INTEGER}, {"value", VIEW_REAL},
        {"threshold", VIEW_REAL}, {"since", VIEW_TEXT}, {"fired", VIEW_TEXT}, {"resolved", VIEW_TEXT}};

static int put_alarm(struct filler *f, const struct alarm *x, struct err *e)
{
	const char *unit = unit_of(f, x->region);
	const struct view_value row[ARRAY_LEN(alarm_columns)] = {integer(x->id), text(x->rule),
	        text(x->thing), text(x->region), text(unit), text(x->org), text(x->summary),
	        text(alarm_state_name(x->state)), integer(x->level), real(x->value), real(x->threshold),
	        instant(f, x->since), instant(f, x->fired), instant(f, x->resolved)};

	return elsewhere(f, unit) ? 0 : put(f, row, e);
}

static int fill_alarms(struct filler *f, struct err *e)
{
	struct alarm_filter by = {.limit = PAGE};
	const char *state = NULL;
	const struct condition conditions[] = {
	        {"state", &state}, {"region", &by.region}, {"thing", &by.thing}, {"rule", &by.rule}};
	struct alarm *list = NULL;
	int n = PAGE, rc = read_conditions(f, conditions, ARRAY_LEN(conditions), e);

	by.open = state != NULL;
	if (rc == 0 && state != NULL && strcmp(state, "open") != 0)
		rc = bad_condition(f, "state", "open is all it may be: pending or firing", e);
	while (rc == 0 && n == PAGE) {
		rc = alarm_list(f->tx, f->ask->who, &by, &list, &n, e);
		for (int i = 0; i < n && rc == 0; i++)
			rc = put_alarm(f, &list[i], e);
		if (rc == 0 && n > 0) {
			by.before = list[n - 1].id;
			rc = view_query_on_time(f->q, e);
		}
		arena_reset(f->a);
	}
	return rc;
}

static const struct view_column measure_columns[] = {{"day", VIEW_TEXT}, {"measure", VIEW_TEXT},
        {"unit", VIEW_TEXT}, {"org", VIEW_TEXT}, {"category", VIEW_TEXT}, {"n", VIEW_INTEGER}};

static struct view_value text_of(struct str s)
{
	return (struct view_value){.type = s.n > 0 ? VIEW_TEXT : VIEW_NULL, .text = s};
}

static int fill_measures(struct filler *f, struct err *e)
{
	const char *from = "0000-01-01", *to = "9999-12-31";
	const struct condition conditions[] = {{"from", &from}, {"to", &to}};
	struct store_rows *rows = NULL;
	struct sql_measure_rows_row r;
	int rc = read_conditions(f, conditions, ARRAY_LEN(conditions), e);

	if (rc == 0)
		rc = sql_measure_rows_open(f->tx,
		        &(struct sql_measure_rows_in){.from_ = str_of(from),
		                .to_ = str_of(to),
		                .unit = f->ask->unit != NULL && *f->ask->unit != '\0' ? str_of(f->ask->unit)
		                                                                      : STR_NULL,
		                .regions = who_regions_json(f->ask->who, f->a),
		                .orgs = who_orgs_json(f->ask->who, f->a)},
		        &rows, e);
	while (rc == 0 && (rc = sql_measure_rows_next(rows, &r, e)) > 0) {
		const struct view_value row[ARRAY_LEN(measure_columns)] = {text_of(r.day), text_of(r.measure),
		        text_of(r.unit), text_of(r.org), text_of(r.category), integer(r.n)};

		rc = put(f, row, e);
	}
	store_rows_close(&rows);
	return rc;
}

/* ---- what codes stand for ---- */

static const struct view_column region_columns[] = {{"code", VIEW_TEXT}, {"parent", VIEW_TEXT},
        {"name", VIEW_TEXT}, {"name_en", VIEW_TEXT}, {"level", VIEW_INTEGER}, {"is_unit", VIEW_INTEGER}};

static int fill_regions(struct filler *f, struct err *e)
{
	int rc = read_conditions(f, NULL, 0, e);

	for (int i = 0; i < f->snapshot->regions && rc == 0; i++) {
		const struct region *r = &f->snapshot->region[i];
		const struct view_value row[ARRAY_LEN(region_columns)] = {text(r->code), text(r->parent),
		        text(r->name), text(r->name_en), integer(r->level), integer(r->unit)};

		rc = put(f, row, e);
	}
	return rc;
}

static const struct view_column org_columns[] = {{"code", VIEW_TEXT}, {"parent", VIEW_TEXT},
        {"kind", VIEW_TEXT}, {"region", VIEW_TEXT}, {"name", VIEW_TEXT}, {"name_en", VIEW_TEXT}};

static int fill_orgs(struct filler *f, struct err *e)
{
	int rc = read_conditions(f, NULL, 0, e);

	for (int i = 0; i < f->snapshot->orgs && rc == 0; i++) {
		const struct org *o = &f->snapshot->org[i];
		const struct view_value row[ARRAY_LEN(org_columns)] = {text(o->code), text(o->parent),
		        text(o->kind), text(o->region), text(o->name), text(o->name_en)};

		rc = put(f, row, e);
	}
	return rc;
}

static const struct view_column category_columns[] = {{"code", VIEW_TEXT}, {"parent", VIEW_TEXT},
        {"name", VIEW_TEXT}, {"name_en", VIEW_TEXT}, {"level", VIEW_INTEGER}};

static int fill_categories(struct filler *f, struct err *e)
{
	int rc = read_conditions(f, NULL, 0, e);

	for (int i = 0; i < f->site->catalog->categories && rc == 0; i++) {
		const struct category *c = &f->site->catalog->category[i];
		const struct view_value row[ARRAY_LEN(category_columns)] = {
		        text(c->code), text(c->parent), text(c->name), text(c->name_en), integer(c->level)};

		rc = put(f, row, e);
	}
	return rc;
}

static const struct view_column option_columns[] = {{"kind", VIEW_TEXT}, {"field", VIEW_TEXT},
        {"code", VIEW_TEXT}, {"name", VIEW_TEXT}, {"name_en", VIEW_TEXT}};

static int put_options(struct filler *f, const char *kind, const char *field, const struct field_option *o,
        int n, struct err *e)
{
	int rc = 0;

	for (int i = 0; i < n && rc == 0; i++) {
		const struct view_value row[ARRAY_LEN(option_columns)] = {
		        text(kind), text(field), text(o[i].code), text(o[i].name), text(o[i].name_en)};

		rc = put(f, row, e);
	}
	return rc;
}

static int fill_options(struct filler *f, struct err *e)
{
	int rc = read_conditions(f, NULL, 0, e);

	for (int i = 0; i < f->site->catalog->kinds && rc == 0; i++) {
		const struct kind *k = &f->site->catalog->kind[i];

		if (k->secrecy > f->ask->who->scope.clearance)
			continue;
		rc = put_options(f, k->code, "state", k->state, k->states, e);
		for (int n = 0; n < k->fields && rc == 0; n++)
			rc = put_options(
			        f, k->code, k->field[n].key, k->field[n].option, k->field[n].options, e);
	}
	return rc;
}

/* ---- what is published ---- */

#define VIEW(name, columns)                                                                                  \
	{                                                                                                    \
		(name), (columns), (int)ARRAY_LEN(columns)                                                   \
	}
static const struct {
	struct view view;
	fill_f *fill;
} own[] = {{VIEW("v_things", thing_columns), fill_things}, {VIEW("v_cases", case_columns), fill_cases},
        {VIEW("v_alarms", alarm_columns), fill_alarms}, {VIEW("v_measures", measure_columns), fill_measures},
        {VIEW("v_regions", region_columns), fill_regions}, {VIEW("v_orgs", org_columns), fill_orgs},
        {VIEW("v_categories", category_columns), fill_categories},
        {VIEW("v_options", option_columns), fill_options}};

static bool is_there(const struct publication *p, const char *name)
{
	for (int i = 0; i < p->n; i++)
		if (strcasecmp(p->view[i].name, name) == 0)
			return true;
	return false;
}

bool view_is_taken(const char *kind)
{
	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		if (strcasecmp(own[i].view.name + 2, kind) == 0)
			return true;
	return false;
}

/* The platform's own first: a kind whose view would have the name of one has none. */
static struct publication publish(struct arena *a, const struct catalog *c, int64_t clearance)
{
	size_t most = ARRAY_LEN(own) + (size_t)c->kinds;
	struct publication p = {.view = arena_array(a, most, sizeof(*p.view)),
	        .source = arena_array(a, most, sizeof(*p.source))};

	for (size_t i = 0; i < ARRAY_LEN(own); i++) {
		p.view[p.n] = own[i].view;
		p.source[p.n++] = (struct source){.fill = own[i].fill, .secrecy = 1};
	}
	for (int i = 0; i < c->kinds; i++) {
		const struct kind *k = &c->kind[i];
		struct view v = view_of_kind(a, k);

		if (k->secrecy > clearance || is_there(&p, v.name))
			continue;
		p.view[p.n] = v;
		p.source[p.n++] = (struct source){.fill = fill_records, .kind = k, .secrecy = k->secrecy};
	}
	return p;
}

const struct view *views_published(struct arena *a, const struct catalog *c, int64_t clearance, int *n)
{
	struct publication p = publish(a, c, clearance);

	*n = p.n;
	return p.view;
}

int view_check(
        const struct catalog *c, struct str sql, const char *const *params, int *secrecy, struct err *e)
{
	struct arena *a = arena_new(0);
	struct publication p = publish(a, c, INT64_MAX);
	struct view_query *q = NULL;
	int rc = view_query_open(p.view, p.n, sql, params, &view_limits_usual, &q, e);

	*secrecy = 1;
	for (int i = 0; i < p.n && rc == 0; i++)
		if (view_query_mentions(q, i) && p.source[i].secrecy > *secrecy)
			*secrecy = p.source[i].secrecy;
	view_query_free(&q);
	arena_free(&a);
	return rc;
}

static int check_where(const struct publication *p, const struct view_ask *ask, struct err *e)
{
	char where[96];

	DOC_EACH(x, ask->where)
	{
		if (is_there(p, x->key) && x->type == DOC_MAP)
			continue;
		snprintf(where, sizeof(where), "where.%s", x->key);
		if (is_there(p, x->key))
			err_set(e, ERR_INVALID, "the conditions of a view are an object of names and texts");
		else
			err_set(e, ERR_INVALID, "no published view has this name");
		(void)err_at(e, NULL, 0, 0, where);
		return ERR_INVALID;
	}
	return 0;
}

static const struct doc *where_of(const struct view_ask *ask, const struct view *v)
{
	DOC_EACH(x, ask->where)
	{
		if (strcasecmp(x->key, v->name) == 0)
			return x;
	}
	return NULL;
}

static int fill_all(struct filler *f, const struct publication *p, struct err *e)
{
	int rc = 0;

	for (int i = 0; i < p->n && rc == 0; i++) {
		if (!view_query_mentions(f->q, i))
			continue;
		f->view = i;
		f->view_def = &p->view[i];
		f->kind = p->source[i].kind;
		f->where = where_of(f->ask, &p->view[i]);
		rc = p->source[i].fill(f, e);
		arena_reset(f->a);
	}
	return rc;
}

int view_ask(struct store_tx *tx, struct site *s, const struct view_ask *ask, struct arena *a,
        struct view_query **out, int64_t *rows, struct err *e)
{
	const struct view_limits *limits = ask->limits != NULL ? ask->limits : &view_limits_usual;
	struct publication p = publish(a, s->catalog, ask->who->scope.clearance);
	struct filler f = {.ask = ask, .tx = tx, .site = s};
	int rc = check_where(&p, ask, e);

	*out = NULL;
	if (rc == 0)
		rc = view_query_open(p.view, p.n, ask->sql, ask->params, limits, &f.q, e);
	if (rc < 0)
		return rc;
	f.a = arena_new(0);
	f.snapshot = registry_hold(s->registry);
	rc = fill_all(&f, &p, e);
	registry_release(s->registry, f.snapshot);
	arena_free(&f.a);
	if (rc < 0)
		view_query_free(&f.q);
	if (rows != NULL)
		*rows = f.rows;
	*out = f.q;
	return rc;
}
