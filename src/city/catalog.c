#include "city/catalog.h"
#include "city/indicator.h"
#include "city/pack_int.h"
#include "store/sql.h"

#define FIND(array, count, code)                                                                             \
	do {                                                                                                 \
		for (int i = 0; code != NULL && i < (count); i++)                                            \
			if (strcmp((array)[i].code, code) == 0)                                              \
				return &(array)[i];                                                          \
		return NULL;                                                                                 \
	} while (0)

const struct kind *catalog_kind(const struct catalog *c, const char *code)
{
	FIND(c->kind, c->kinds, code);
}

const struct field *kind_field(const struct kind *k, const char *key)
{
	for (int i = 0; i < k->fields; i++)
		if (strcmp(k->field[i].key, key) == 0)
			return &k->field[i];
	return NULL;
}

const struct category *catalog_category(const struct catalog *c, const char *code)
{
	FIND(c->category, c->categories, code);
}

const struct indicator *catalog_indicator(const struct catalog *c, const char *code)
{
	FIND(c->indicator, c->indicators, code);
}

const struct calendar *catalog_calendar(const struct catalog *c, const char *code)
{
	if (code == NULL || *code == '\0')
		return c->calendars > 0 ? c->calendar[0].calendar : NULL;
	for (int i = 0; i < c->calendars; i++)
		if (strcmp(c->calendar[i].code, code) == 0)
			return c->calendar[i].calendar;
	return NULL;
}

const struct flow_def *catalog_flow(const struct catalog *c, const char *code, int version)
{
	for (int i = 0; code != NULL && i < c->flows; i++)
		if (strcmp(c->flow[i].code, code) == 0 && (version == 0 || c->flow[i].version == version))
			return &c->flow[i];
	return NULL;
}

const struct form_def *catalog_form(const struct catalog *c, const char *code)
{
	FIND(c->form, c->forms, code);
}

const struct dmn_model *catalog_decision(const struct catalog *c, const char *ref)
{
	for (int i = 0; ref != NULL && i < c->decisions; i++) {
		const struct dmn_model *m = c->decision[i].model;

		for (int k = 0; k < dmn_decisions(m); k++)
			if (strcmp(dmn_decision_id(m, k), ref) == 0 ||
			        strcmp(dmn_decision_name(m, k), ref) == 0)
				return m;
	}
	return NULL;
}

void catalog_free(struct catalog **c)
{
	struct arena *a;

	if (*c == NULL)
		return;
	a = (*c)->arena;
	*c = NULL;
	arena_free(&a);
}

static void free_flow(void *arg)
{
	struct bpmn_def *d = arg;

	bpmn_free(&d);
}

/* Running cases need the version that they began with, so all are kept; the files of packs gave only the
 * newest, which the store numbered. */
int pack__load_flows(struct store_tx *tx, struct catalog *c, struct err *e)
{
	struct store_rows *rows = NULL;
	struct sql_flow_all_row row;
	size_t cap = 0;
	int rc;

	c->flow = NULL;
	c->flows = 0;
	rc = sql_flow_all_open(tx, &rows, e);
	if (rc < 0)
		return rc;
	while ((rc = sql_flow_all_next(rows, &row, e)) > 0) {
		struct flow_def *f;
		struct bpmn_def *def = NULL;
		char *file = arena_strndup(c->arena, row.file.p, row.file.n);

		rc = bpmn_load(row.xml, file, NULL, &def, e);
		if (rc < 0)
			break;
		arena_cleanup(c->arena, free_flow, def);
		c->flow = arena_grow(c->arena, c->flow, &cap, (size_t)c->flows + 1, sizeof(*f));
		f = &c->flow[c->flows++];
		f->code = arena_strndup(c->arena, row.code.p, row.code.n);
		f->pack = arena_strndup(c->arena, row.pack.p, row.pack.n);
		f->file = file;
		f->version = (int)row.version;
		f->at = row.at;
		f->live = catalog_flow(c, f->code, 0) == f && !row.gone;
		f->xml = arena_strndup(c->arena, row.xml.p, row.xml.n);
		f->def = def;
	}
	store_rows_close(&rows);
	return rc;
}

static int read_times(struct store_tx *tx, struct catalog *c, struct err *e)
{
	struct store_rows *rows = NULL;
	struct sql_pack_times_row row;
	int rc = sql_pack_times_open(tx, &rows, e);

	while (rc >= 0 && (rc = sql_pack_times_next(rows, &row, e)) > 0)
		for (int i = 0; i < c->packs; i++)
			if (str_is(row.code, c->pack[i].code))
				c->pack[i].at = row.at;
	store_rows_close(&rows);
	return rc;
}

int pack__read_installed(struct store_tx *tx, struct pack_data *d, const char *but, struct err *e)
{
	struct arena *a = d->catalog->arena;
	struct store_rows *rows = NULL;
	struct sql_pack_file_all_row row;
	struct pack_file *file = NULL;
	size_t n = 0, cap = 0;
	int rc;

	rc = sql_pack_file_all_open(tx, &rows, e);
	if (rc < 0)
		return rc;
	while ((rc = sql_pack_file_all_next(rows, &row, e)) > 0) {
		file = arena_grow(a, file, &cap, n + 1, sizeof(*file));
		file[n++] = (struct pack_file){
		        .pack = arena_strndup(a, row.pack.p, row.pack.n),
		        .path = arena_strndup(a, row.path.p, row.path.n),
		        .text = {arena_strndup(a, row.text.p, row.text.n), row.text.n},
		};
	}
	store_rows_close(&rows);
	if (rc < 0)
		return rc;
	for (size_t i = 0, k; i < n; i = k) {
		for (k = i; k < n && strcmp(file[k].pack, file[i].pack) == 0; k++)
			;
		if (but != NULL && strcmp(file[i].pack, but) == 0)
			continue;
		d->pack = file[i].pack;
		pack__read(d, file + i, (int)(k - i));
	}
	return read_times(tx, d->catalog, e);
}

static void free_calendar(void *arg)
{
	struct calendar *c = arg;

	calendar_free(&c);
}

/* A site without packs still runs: every hour of every day counts. */
static void add_default_calendar(struct catalog *c)
{
	struct calendar *k = calendar_new(c->zone);
	const struct calendar_period day = {0, 1440};

	for (int wd = 0; wd < 7; wd++)
		if (calendar_set_weekday(k, wd, &day, 1, NULL) < 0)
			wrong("a whole day is a period");
	calendar_ready(k);
	arena_cleanup(c->arena, free_calendar, k);
	c->calendar = arena_array(c->arena, 1, sizeof(*c->calendar));
	c->calendar[0] = (struct named_calendar){.code = "always",
	        .name = "全时",
	        .name_en = "Always",
	        .pack = "",
	        .table = "",
	        .calendar = k};
	c->calendars = 1;
}

int catalog_load(struct store *st, struct catalog **out, struct err *e)
{
	struct arena *a = arena_new(0);
	struct pack_report report = {0};
	struct pack_data *d = pack__data_new(a, &report);
	struct store_tx *tx = NULL;
	int rc;

	rc = store_read_begin(st, "load the catalog", &tx, e);
	if (rc < 0)
		goto out;
	rc = pack__read_installed(tx, d, NULL, e);
	if (rc == 0)
		rc = pack__load_flows(tx, d->catalog, e);
	if (rc == 0)
		rc = record_index_sync(tx, d->catalog, false, &d->catalog->index_stale, e);
	if (rc < 0)
		goto out;
	for (int i = 0; i < report.findings; i++)
		if (report.finding[i].error) {
			if (e != NULL)
				*e = report.finding[i].e;
			rc = ERR_INVALID;
			goto out;
		}
	if (d->catalog->calendars == 0)
		add_default_calendar(d->catalog);
	/* One that cannot be asked has no value, and says why to those who may know of all kinds. */
	for (int i = 0; i < d->catalog->indicators; i++) {
		struct indicator *def = &d->catalog->indicator[i];

		if (def->expr == NULL && indicator_question(d->catalog, def, &def->secrecy, NULL) < 0)
			def->secrecy = 4;
	}
	*out = d->catalog;
	rc = 0;
out:
	store_read_end(&tx);
	if (rc < 0)
		arena_free(&a);
	return rc;
}
