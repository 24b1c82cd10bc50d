#include "city/pack.h"
#include "base/file.h"
#include "city/pack_int.h"

#include <stdarg.h>

#define FILE_MAX_B (64 << 20)
#define FINDINGS_MAX 200

void pack__tell(struct pack_data *d, bool error, const char *file, int line, int column, const char *field,
        const char *fmt, ...)
{
	struct pack_report *r = d->report;
	struct pack_finding *f;
	va_list ap;

	if (error)
		r->errors++;
	if (r->findings == FINDINGS_MAX)
		return;
	if (r->finding == NULL)
		r->finding = arena_array(d->a, FINDINGS_MAX, sizeof(*r->finding));
	f = &r->finding[r->findings++];
	f->error = error;
	f->e.code = ERR_INVALID;
	va_start(ap, fmt);
	vsnprintf(f->e.text, sizeof(f->e.text), fmt, ap);
	va_end(ap);
	err_at(&f->e, file, line, column, field);
}

bool pack__taken(struct pack_data *d, const char *file, int line, const char *what, const char *code,
        const char *owner)
{
	if (owner == NULL || strcmp(owner, d->pack) == 0)
		return false;
	pack__tell(d, true, file, line, 0, "code",
	        "the %s %s belongs to the pack %s; a pack cannot redefine another's", what, code, owner);
	return true;
}

void pack__tell_err(struct pack_data *d, const struct err *e, const char *file, int line)
{
	pack__tell(d, true, *e->where ? e->where : file, e->line > 0 ? e->line : line, e->column,
	        *e->field ? e->field : NULL, "%s", e->text);
}

struct pack_data *pack__data_new(struct arena *a, struct pack_report *r)
{
	struct pack_data *d = arena_alloc(a, sizeof(*d));

	d->a = a;
	d->report = r;
	d->catalog = arena_alloc(a, sizeof(*d->catalog));
	d->catalog->arena = a;
	d->catalog->zone = zone_utc();
	d->catalog->city = d->catalog->city_en = d->catalog->region = "";
	d->pack = "";
	return d;
}

/* ---- files of a folder ---- */

static int add_file(struct arena *a, const char *dir, const char *path, struct pack_file **f, int *n,
        size_t *cap, struct err *e)
{
	struct pack_file file = {.pack = "", .path = path};
	int rc = file_read(a, path_join(a, dir, path), FILE_MAX_B, &file.text, e);

	if (rc < 0)
		return rc;
	*f = arena_grow(a, *f, cap, (size_t)*n + 1, sizeof(**f));
	(*f)[(*n)++] = file;
	return 0;
}

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), k = strlen(end);

	return n > k && strcmp(s + n - k, end) == 0;
}

/* Reads only what a pack is made of, so that a stray file in the folder does no harm. */
int pack__read_folder(struct arena *a, const char *dir, struct pack_file **f, int *n, struct err *e)
{
	static const char *const top[] = {"pack.yaml", "regions.csv", "regions.geojson", "orgs.csv",
	        "categories.csv", "calendars.yaml", "indicators.yaml", "retention.yaml", "demo.yaml"};
	static const struct {
		const char *folder, *end;
	} sub[] = {{"kinds", ".yaml"}, {"things", ".csv"}, {"records", ".csv"}, {"rules", ".yaml"},
	        {"decisions", ".dmn"}, {"flows", ".bpmn"}, {"holidays", ".yaml"}, {"forms", ".form"}};
	size_t cap = 0;
	int rc;

	if (!file_exists(path_join(a, dir, "pack.yaml"))) {
		err_set(e, ERR_NOTFOUND, "there is no pack here: a pack is a folder with a pack.yaml");
		return err_at(e, dir, 0, 0, NULL), ERR_NOTFOUND;
	}
	for (size_t i = 0; i < ARRAY_LEN(top); i++)
		if (file_exists(path_join(a, dir, top[i])) &&
		        (rc = add_file(a, dir, top[i], f, n, &cap, e)) < 0)
			return rc;
	for (size_t i = 0; i < ARRAY_LEN(sub); i++) {
		const char *folder = path_join(a, dir, sub[i].folder);
		char **name = NULL;

		if (!file_exists(folder))
			continue;
		rc = file_list(a, folder, &name, e);
		if (rc < 0)
			return rc;
		for (; *name != NULL; name++)
			if (ends_with(*name, sub[i].end) &&
			        (rc = add_file(a, dir, path_join(a, sub[i].folder, *name), f, n, &cap, e)) <
			                0)
				return rc;
	}
	return 0;
}

/* ---- reading ---- */

static const struct pack_file *find_file(const struct pack_file *f, int n, const char *path)
{
	for (int i = 0; i < n; i++)
		if (strcmp(f[i].path, path) == 0)
			return &f[i];
	return NULL;
}

bool pack__in_folder(const struct pack_file *f, const char *folder)
{
	size_t n = strlen(folder);

	return strncmp(f->path, folder, n) == 0 && f->path[n] == '/';
}

static int line_of(const struct doc *map, const char *key)
{
	const struct doc *x = doc_get(map, key);

	return x != NULL ? x->line : 1;
}

/* The packs that this one builds on. */
static void read_needs(
        struct pack_data *d, const struct pack_file *f, const struct doc *list, struct pack_info *p)
{
	static const char *const keys[] = {"code", "version", NULL};
	struct err e = ERR_INIT;

	p->need = arena_array(d->a, list != NULL ? (size_t)list->count : 0, sizeof(*p->need));
	if (list != NULL && list->type != DOC_LIST)
		pack__tell(d, true, f->path, list->line, 0, "requires",
		        "a list is needed, such as [{code: base, version: \">=1.2 <2\"}]");
	DOC_EACH(x, list != NULL && list->type == DOC_LIST ? list : NULL)
	{
		struct pack_need *need = &p->need[p->needs];

		if (doc_only_keys(x, f->path, keys, &e) < 0) {
			pack__tell_err(d, &e, f->path, x->line);
			continue;
		}
		*need = (struct pack_need){doc_str(x, "code", ""), doc_str(x, "version", ""), x->line};
		if (*need->code == '\0' || strcmp(need->code, p->code) == 0)
			pack__tell(d, true, f->path, x->line, 0, "requires",
			        "the code of another pack is needed");
		else if (!pack__range_valid(need->version))
			pack__tell(d, true, f->path, x->line, 0, "requires",
			        "\"%s\" is no range of versions such as \">=1.2 <2\"", need->version);
		else
			p->needs++;
	}
}

static bool code_valid(const char *s)
{
	size_t n = strlen(s);

	return n > 0 && n <= 64 && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

static void read_head(struct pack_data *d, const struct pack_file *f)
{
	static const char *const keys[] = {"code", "version", "name", "name_en", "zone", "region", "box",
	        "city", "city_en", "description", "requires", NULL};
	struct catalog *c = d->catalog;
	struct err e = ERR_INIT;
	struct doc *doc = NULL;
	struct pack_info *p;
	const struct doc *box;

	if (doc_parse_yaml(d->a, f->text, f->path, &doc, &e) < 0 ||
	        doc_only_keys(doc, f->path, keys, &e) < 0) {
		pack__tell_err(d, &e, f->path, 1);
		return;
	}
	p = PACK_PUSH(d, c->pack, c->packs, packs_cap, struct pack_info);
	*p = (struct pack_info){.code = doc_str(doc, "code", ""),
	        .version = doc_str(doc, "version", ""),
	        .name = doc_str(doc, "name", ""),
	        .name_en = doc_str(doc, "name_en", ""),
	        .hash = "",
	        .at = TIME_NONE};
	d->pack = p->code;
	read_needs(d, f, doc_get(doc, "requires"), p);
	d->partial = d->alone && p->needs > 0;
	if (!code_valid(p->code))
		pack__tell(d, true, f->path, line_of(doc, "code"), 0, "code",
		        "a pack needs a code: small letters, digits and -");
	if (!pack__version_valid(p->version))
		pack__tell(d, true, f->path, line_of(doc, "version"), 0, "version",
		        "a pack needs a version of three numbers, such as 1.0.0");
	if (doc_get(doc, "zone") == NULL)
		return;
	/* the pack of a city */
	if (zone_load(doc_str(doc, "zone", ""), &c->zone, &e) < 0)
		pack__tell_err(d, &e, f->path, doc_get(doc, "zone")->line);
	c->city = doc_str(doc, "city", p->name);
	c->city_en = doc_str(doc, "city_en", p->name_en);
	c->region = doc_str(doc, "region", "");
	box = doc_get(doc, "box");
	if (box != NULL) {
		double v[4] = {0};
		int i = 0;

		DOC_EACH(x, box)
		{
			if (i < 4 && x->text != NULL)
				v[i] = strtod(x->text, NULL);
			i++;
		}
		if (i != 4 || !(v[0] < v[2]) || !(v[1] < v[3]))
			pack__tell(
			        d, true, f->path, box->line, 0, "box", "a box is [west, south, east, north]");
		c->box = (struct geo_box){.w = v[0], .s = v[1], .e = v[2], .n = v[3]};
	}
}

static void free_model(void *arg)
{
	struct dmn_model *m = arg;

	dmn_free(&m);
}

static void free_def(void *arg)
{
	struct bpmn_def *b = arg;

	bpmn_free(&b);
}

static const char *owner_of_decision(const struct catalog *c, const char *id)
{
	const struct dmn_model *m = catalog_decision(c, id);

	for (int i = 0; i < c->decisions; i++)
		if (c->decision[i].model == m)
			return c->decision[i].pack;
	return NULL;
}

/* The pack's decision models, each of which may import the others. */
static struct dmn_options models_of(struct pack_data *d, const struct pack_file *f, int n)
{
	struct dmn_source *source = arena_array(d->a, (size_t)n, sizeof(*source));
	struct dmn_options options = {.source = source};

	for (int i = 0; i < n; i++)
		if (pack__in_folder(&f[i], "decisions"))
			source[options.sources++] = (struct dmn_source){f[i].text, f[i].path};
	return options;
}

struct table_check {
	struct pack_data *d;
	const char *file;
};

static void warn_of_table(void *ctx, int line, const char *text)
{
	const struct table_check *c = ctx;

	pack__tell(c->d, false, c->file, line, 0, NULL, "%s", text);
}

static void read_decision(struct pack_data *d, const struct pack_file *f, const struct dmn_options *models)
{
	struct catalog *c = d->catalog;
	struct dmn_model *m = NULL;
	struct err e = ERR_INIT;
	struct decision_model *x;

	if (dmn_load(f->text, f->path, models, &m, &e) < 0) {
		pack__tell_err(d, &e, f->path, 0);
		return;
	}
	arena_cleanup(d->a, free_model, m);
	if (d->alone) /* for its author; a site that loads it has nobody to tell */
		(void)dmn_check(m, warn_of_table, &(struct table_check){d, f->path});
	for (int i = 0; i < dmn_decisions(m); i++) {
		const char *id = dmn_decision_id(m, i);

		if (!pack__taken(d, f->path, 1, "decision", id, owner_of_decision(c, id)) &&
		        catalog_decision(c, id) != NULL)
			pack__tell(
			        d, true, f->path, 0, 0, id, "another file has a decision of that id already");
	}
	x = PACK_PUSH(d, c->decision, c->decisions, decisions_cap, struct decision_model);
	*x = (struct decision_model){.file = f->path, .pack = d->pack, .model = m};
}

static void read_flow(struct pack_data *d, const struct pack_file *f)
{
	struct catalog *c = d->catalog;
	struct bpmn_def *def = NULL;
	const struct flow_def *old;
	struct err e = ERR_INIT;
	struct flow_def *x;

	if (bpmn_load(f->text, f->path, NULL, &def, &e) < 0) {
		pack__tell_err(d, &e, f->path, 0);
		return;
	}
	arena_cleanup(d->a, free_def, def);
	old = catalog_flow(c, bpmn_process_id(def), 0);
	if (old != NULL && pack__taken(d, f->path, 1, "flow", old->code, old->pack))
		return;
	if (old != NULL) {
		pack__tell(d, true, f->path, 0, 0, bpmn_process_id(def),
		        "another file has a process of that id already");
		return;
	}
	x = PACK_PUSH(d, c->flow, c->flows, flows_cap, struct flow_def);
	*x = (struct flow_def){.code = bpmn_process_id(def),
	        .pack = d->pack,
	        .file = f->path,
	        .version = 0,
	        .xml = f->text.p,
	        .def = def};
}

struct form_reading {
	struct pack_data *d;
	const struct pack_file *f;
};

static void tell_form(void *ctx, bool error, const struct err *e)
{
	const struct form_reading *r = ctx;

	pack__tell(r->d, error, r->f->path, e->line, e->column, *e->field != '\0' ? e->field : NULL, "%s",
	        e->text);
}

static void read_form(struct pack_data *d, const struct pack_file *f)
{
	struct form_reading r = {d, f};
	struct catalog *c = d->catalog;
	struct form_model *form = NULL;
	const struct form_def *old;

	if (form_load(d->a, f->text, f->path, tell_form, &r, &form, NULL) < 0)
		return;
	old = catalog_form(c, form_id(form));
	if (old != NULL && !pack__taken(d, f->path, 1, "form", old->code, old->pack))
		pack__tell(d, true, f->path, 1, 0, "id", "%s has a form of that id already", old->file);
	if (old != NULL)
		return;
	*PACK_PUSH(d, c->form, c->forms, forms_cap, struct form_def) = (struct form_def){
	        .code = form_id(form), .pack = d->pack, .file = f->path, .json = f->text.p, .form = form};
}

/* A record's kind is the name of its file; kinds are read before things, and regions before what lies in
 * them.
 */
void pack__read(struct pack_data *d, const struct pack_file *f, int n)
{
	const struct dmn_options models = models_of(d, f, n);
	const struct pack_file *x;

	if ((x = find_file(f, n, "pack.yaml")) != NULL)
		read_head(d, x);
	if ((x = find_file(f, n, "regions.csv")) != NULL)
		pack__read_regions(d, x, find_file(f, n, "regions.geojson"));
	if ((x = find_file(f, n, "orgs.csv")) != NULL)
		pack__read_orgs(d, x);
	if ((x = find_file(f, n, "calendars.yaml")) != NULL)
		pack__read_calendars(d, x);
	if ((x = find_file(f, n, "categories.csv")) != NULL)
		pack__read_categories(d, x);
	if ((x = find_file(f, n, "indicators.yaml")) != NULL)
		pack__read_indicators(d, x);
	if ((x = find_file(f, n, "retention.yaml")) != NULL)
		pack__read_retention(d, x);
	for (int i = 0; i < n; i++) {
		if (pack__in_folder(&f[i], "kinds"))
			pack__read_kind(d, &f[i]);
		else if (pack__in_folder(&f[i], "rules"))
			pack__read_rules(d, &f[i]);
		else if (pack__in_folder(&f[i], "decisions"))
			read_decision(d, &f[i], &models);
		else if (pack__in_folder(&f[i], "flows"))
			read_flow(d, &f[i]);
		else if (pack__in_folder(&f[i], "forms"))
			read_form(d, &f[i]);
		else if (pack__in_folder(&f[i], "holidays"))
			pack__read_holidays(d, &f[i]);
	}
	pack__join_calendars(d);
	for (int i = 0; i < n; i++)
		if (pack__in_folder(&f[i], "things") || pack__in_folder(&f[i], "records")) {
			const char *name = strchr(f[i].path, '/') + 1;

			pack__read_records(d, &f[i], arena_strndup(d->a, name, strcspn(name, ".")));
		}
}

static int own(const struct pack_data *d, const char *pack)
{
	return strcmp(pack, d->pack) == 0;
}

void pack__count(const struct pack_data *d)
{
	struct pack_report *r = d->report;
	const struct catalog *c = d->catalog;

	r->regions = (int)d->regions;
	r->orgs = (int)d->orgs;
	for (size_t i = 0; i < d->records; i++)
		*(d->record[i].kind->thing ? &r->things : &r->records) += 1;
	for (int i = 0; i < c->categories; i++)
		r->categories += own(d, c->category[i].pack);
	for (int i = 0; i < c->kinds; i++)
		r->kinds += own(d, c->kind[i].pack);
	for (int i = 0; i < c->rules; i++)
		r->rules += own(d, c->rule[i].pack);
	for (int i = 0; i < c->decisions; i++)
		r->decisions += own(d, c->decision[i].pack);
	for (int i = 0; i < c->flows; i++)
		r->flows += own(d, c->flow[i].pack);
	for (int i = 0; i < c->indicators; i++)
		r->indicators += own(d, c->indicator[i].pack);
}

int pack_check(const char *dir, struct arena *a, struct pack_report *out, struct err *e)
{
	struct pack_file *file = NULL;
	struct pack_data *d;
	int n = 0, rc;

	*out = (struct pack_report){0};
	rc = pack__read_folder(a, dir, &file, &n, e);
	if (rc < 0)
		return rc;
	d = pack__data_new(a, out);
	d->alone = true;
	pack__read(d, file, n);
	pack__check_references(d);
	pack__count(d);
	return 0;
}
