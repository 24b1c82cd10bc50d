#include "city/pack.h"
#include "base/file.h"
#include "base/log.h"
#include "city/pack_int.h"
#include "store/journal.h"
#include "store/sql.h"

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
static int read_folder(struct arena *a, const char *dir, struct pack_file **f, int *n, struct err *e)
{
	static const char *const top[] = {"pack.yaml", "regions.csv", "regions.geojson", "orgs.csv",
	        "categories.csv", "calendars.yaml", "indicators.yaml", "demo.yaml"};
	static const struct {
		const char *folder, *end;
	} sub[] = {{"kinds", ".yaml"}, {"things", ".csv"}, {"records", ".csv"}, {"rules", ".yaml"},
	        {"decisions", ".dmn"}, {"flows", ".bpmn"}};
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

static bool in_folder(const struct pack_file *f, const char *folder)
{
	size_t n = strlen(folder);

	return strncmp(f->path, folder, n) == 0 && f->path[n] == '/';
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
	        .hash = ""};
	d->pack = p->code;
	d->requires = doc_get(doc, "requires") != NULL && doc_get(doc, "requires")->count > 0;
	if (*p->code == '\0')
		pack__tell(
		        d, true, f->path, 1, 0, "code", "a pack needs a code: small letters, digits and -");
	if (*p->version == '\0')
		pack__tell(d, true, f->path, 1, 0, "version", "a pack needs a version, such as 1.0.0");
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

static void read_decision(struct pack_data *d, const struct pack_file *f)
{
	struct catalog *c = d->catalog;
	struct dmn_model *m = NULL;
	struct err e = ERR_INIT;
	struct decision_model *x;

	if (dmn_load(f->text, f->path, &m, &e) < 0) {
		pack__tell_err(d, &e, f->path, 0);
		return;
	}
	arena_cleanup(d->a, free_model, m);
	for (int i = 0; i < dmn_decisions(m); i++)
		if (catalog_decision(c, dmn_decision_id(m, i)) != NULL)
			pack__tell(d, true, f->path, 0, 0, dmn_decision_id(m, i),
			        "another file has a decision of that id already");
	x = PACK_PUSH(d, c->decision, c->decisions, decisions_cap, struct decision_model);
	x->file = f->path;
	x->model = m;
}

static void read_flow(struct pack_data *d, const struct pack_file *f)
{
	struct catalog *c = d->catalog;
	struct bpmn_def *def = NULL;
	struct err e = ERR_INIT;
	struct flow_def *x;

	if (bpmn_load(f->text, f->path, NULL, &def, &e) < 0) {
		pack__tell_err(d, &e, f->path, 0);
		return;
	}
	arena_cleanup(d->a, free_def, def);
	if (catalog_flow(c, bpmn_process_id(def), 0) != NULL) {
		pack__tell(d, true, f->path, 0, 0, bpmn_process_id(def),
		        "another file has a process of that id already");
		return;
	}
	x = PACK_PUSH(d, c->flow, c->flows, flows_cap, struct flow_def);
	*x = (struct flow_def){.code = bpmn_process_id(def), .version = 0, .xml = f->text.p, .def = def};
}

/* A record's kind is the name of its file; kinds are read before things, and regions before what lies in
 * them.
 */
void pack__read(struct pack_data *d, const struct pack_file *f, int n)
{
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
	for (int i = 0; i < n; i++) {
		if (in_folder(&f[i], "kinds"))
			pack__read_kind(d, &f[i]);
		else if (in_folder(&f[i], "rules"))
			pack__read_rules(d, &f[i]);
		else if (in_folder(&f[i], "decisions"))
			read_decision(d, &f[i]);
		else if (in_folder(&f[i], "flows"))
			read_flow(d, &f[i]);
	}
	for (int i = 0; i < n; i++)
		if (in_folder(&f[i], "things") || in_folder(&f[i], "records")) {
			const char *name = strchr(f[i].path, '/') + 1;

			pack__read_records(d, &f[i], arena_strndup(d->a, name, strcspn(name, ".")));
		}
}

static void count(struct pack_report *r, const struct pack_data *d)
{
	r->regions = (int)d->regions;
	r->orgs = (int)d->orgs;
	for (size_t i = 0; i < d->records; i++)
		*(d->record[i].kind->thing ? &r->things : &r->records) += 1;
	r->categories = d->catalog->categories;
	r->kinds = d->catalog->kinds;
	r->rules = d->catalog->rules;
	r->decisions = d->catalog->decisions;
	r->flows = d->catalog->flows;
	r->indicators = d->catalog->indicators;
}

static int check_folder(const char *dir, struct arena *a, struct pack_report *out, struct pack_data **data,
        struct pack_file **file, int *n, struct err *e)
{
	struct pack_data *d;
	int rc;

	*out = (struct pack_report){0};
	rc = read_folder(a, dir, file, n, e);
	if (rc < 0)
		return rc;
	d = pack__data_new(a, out);
	pack__read(d, *file, *n);
	pack__check_references(d);
	count(out, d);
	*data = d;
	return 0;
}

int pack_check(const char *dir, struct arena *a, struct pack_report *out, struct err *e)
{
	struct pack_data *d = NULL;
	struct pack_file *file = NULL;
	int n = 0;

	return check_folder(dir, a, out, &d, &file, &n, e);
}

/* ---- installing ---- */

struct install {
	const struct pack_data *d;
	const struct pack_file *file;
	int n;
	const char *account;
};

static void hash_text(struct str s, char out[2 * DIGEST_LEN + 1])
{
	uint8_t h[DIGEST_LEN];

	digest_once(DIGEST_SHA256, s.p, s.n, h);
	hex_encode(h, sizeof(h), out);
}

static int refuse_foreign(
        struct str owner, const char *pack, const char *what, const char *code, struct err *e)
{
	if (owner.n == 0 || str_is(owner, pack))
		return 0;
	err_set(e, ERR_CONFLICT, "%s %s belongs to the pack " STR_FMT "; a pack cannot redefine another's",
	        what, code, STR_ARG(owner));
	return err_at(e, pack, 0, 0, code);
}

static int put_regions(struct store_tx *tx, const struct install *in, struct err *e)
{
	for (size_t i = 0; i < in->d->regions; i++) {
		const struct region *r = &in->d->region[i];
		struct sql_region_owner_row owner;
		int rc = sql_region_owner(tx, &(struct sql_region_owner_in){str_of(r->code)}, &owner, e);

		if (rc > 0)
			rc = refuse_foreign(owner.pack, in->d->pack, "region", r->code, e);
		if (rc == 0)
			rc = sql_region_put(tx,
			        &(struct sql_region_put_in){.code = str_of(r->code),
			                .parent = str_of(r->parent),
			                .level = r->level,
			                .name = str_of(r->name),
			                .name_en = str_of(r->name_en),
			                .unit = r->unit,
			                .lon = r->at.lon,
			                .lat = r->at.lat,
			                .geometry = str_of(r->geometry),
			                .pack = str_of(in->d->pack)},
			        NULL, e);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int put_orgs(struct store_tx *tx, const struct install *in, struct err *e)
{
	for (size_t i = 0; i < in->d->orgs; i++) {
		const struct org *o = &in->d->org[i];
		struct sql_org_owner_row owner;
		int rc = sql_org_owner(tx, &(struct sql_org_owner_in){str_of(o->code)}, &owner, e);

		if (rc > 0)
			rc = refuse_foreign(owner.pack, in->d->pack, "org", o->code, e);
		if (rc == 0)
			rc = sql_org_put(tx,
			        &(struct sql_org_put_in){.code = str_of(o->code),
			                .parent = str_of(o->parent),
			                .kind = str_of(o->kind),
			                .region = str_of(o->region),
			                .name = str_of(o->name),
			                .name_en = str_of(o->name_en),
			                .phone = str_of(o->phone),
			                .duties = str_of(o->duties),
			                .pack = str_of(in->d->pack)},
			        NULL, e);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int put_records(struct store_tx *tx, const struct install *in, struct err *e)
{
	const struct record_door door = {
	        .catalog = in->d->catalog, .by = &who_system, .pack = in->d->pack, .batch = 0};

	for (size_t i = 0; i < in->d->records; i++) {
		const struct pack_record *r = &in->d->record[i];
		enum record_verdict verdict;
		int rc = record_put(tx, &door,
		        &(struct record_in){.kind = r->kind->code,
		                .code = r->code,
		                .name = r->name,
		                .name_en = r->name_en,
		                .state = r->state,
		                .org = r->org,
		                .region = r->region,
		                .at = r->at,
		                .attrs = r->attrs,
		                .demo = r->demo},
		        -1, NULL, &verdict, e);

		if (rc < 0)
			return err_at(e, in->d->record_at[i].file, in->d->record_at[i].line, 0, NULL), rc;
	}
	return 0;
}

static int put_flow(struct store_tx *tx, const struct flow_def *f, const char *file, struct err *e)
{
	char hash[2 * DIGEST_LEN + 1];
	struct sql_flow_newest_row row = {0};
	int rc;

	hash_text(str_of(f->xml), hash);
	rc = sql_flow_newest(tx, &(struct sql_flow_newest_in){str_of(f->code)}, &row, e);
	if (rc < 0 || (rc > 0 && str_is(row.hash, hash)))
		return rc < 0 ? rc : 0;
	return sql_flow_put(tx,
	        &(struct sql_flow_put_in){.code = str_of(f->code),
	                .version = (rc > 0 ? row.version : 0) + 1,
	                .file = str_of(file),
	                .xml = str_of(f->xml),
	                .hash = str_of(hash),
	                .at = store_now(tx)},
	        NULL, e);
}

static int put_files(struct store_tx *tx, const struct install *in, struct err *e)
{
	const struct pack_info *p = &in->d->catalog->pack[0];
	struct digest_ctx *h = digest_begin(DIGEST_SHA256);
	struct sql_pack_next_place_row place;
	uint8_t sum[DIGEST_LEN];
	char hash[2 * DIGEST_LEN + 1];
	int rc;

	for (int i = 0; i < in->n; i++) {
		digest_add_field(h, in->file[i].path, strlen(in->file[i].path));
		digest_add_field(h, in->file[i].text.p, in->file[i].text.n);
	}
	digest_end(&h, sum);
	hex_encode(sum, sizeof(sum), hash);
	rc = sql_pack_next_place(tx, &place, e);
	if (rc < 0)
		return rc;
	rc = sql_pack_put(tx,
	        &(struct sql_pack_put_in){.code = str_of(p->code),
	                .place = place.place,
	                .version = str_of(p->version),
	                .name = str_of(p->name),
	                .name_en = str_of(p->name_en),
	                .hash = str_of(hash),
	                .at = store_now(tx)},
	        NULL, e);
	if (rc == 0)
		rc = sql_pack_file_drop(tx, &(struct sql_pack_file_drop_in){str_of(p->code)}, NULL, e);
	for (int i = 0; rc == 0 && i < in->n; i++) {
		const char *path = in->file[i].path;

		/* Rows of their own hold these; areas and registers are not kept twice. */
		if (strcmp(path, "regions.csv") == 0 || strcmp(path, "regions.geojson") == 0 ||
		        strcmp(path, "orgs.csv") == 0 || in_folder(&in->file[i], "things") ||
		        in_folder(&in->file[i], "records") || in_folder(&in->file[i], "flows"))
			continue;
		rc = sql_pack_file_put(tx,
		        &(struct sql_pack_file_put_in){
		                .pack = str_of(p->code), .path = str_of(path), .text = in->file[i].text},
		        NULL, e);
	}
	return rc;
}

static int install(struct store_tx *tx, void *arg, struct err *e)
{
	const struct install *in = arg;
	const struct catalog *c = in->d->catalog;
	struct sb payload = SB_INIT;
	bool changed;
	struct jw w;
	int rc;

	rc = put_files(tx, in, e);
	for (int i = 0; rc == 0 && i < in->n; i++)
		for (int k = 0; in_folder(&in->file[i], "flows") && rc == 0 && k < c->flows; k++)
			if (c->flow[k].xml == in->file[i].text.p)
				rc = put_flow(tx, &c->flow[k], in->file[i].path, e);
	if (rc == 0)
		rc = put_regions(tx, in, e);
	if (rc == 0)
		rc = put_orgs(tx, in, e);
	if (rc == 0)
		rc = record_index_sync(tx, in->d->catalog, true, &changed, e);
	if (rc == 0)
		rc = put_records(tx, in, e);
	if (rc < 0)
		goto out;
	jw_init(&w, &payload);
	jw_object(&w);
	jw_kstr(&w, "code", c->pack[0].code);
	jw_kstr(&w, "version", c->pack[0].version);
	jw_kint(&w, "records", (int64_t)in->d->records);
	jw_object_end(&w);
	rc = journal_append(tx,
	        &(struct journal_entry){.at = TIME_NONE,
	                .kind = STR_LIT("pack.installed"),
	                .subject = STR_LIT("pack"),
	                .subject_id = str_of(c->pack[0].code),
	                .region = STR_LIT(""),
	                .org = STR_LIT(""),
	                .secrecy = 1,
	                .account = str_of(in->account),
	                .payload = sb_str(&payload)},
	        e);
out:
	sb_fini(&payload);
	return rc;
}

int pack_install(struct store *st, const char *dir, const char *account, struct arena *a,
        struct pack_report *out, struct err *e)
{
	struct install in = {.account = account};
	struct pack_data *d = NULL;
	struct pack_file *file = NULL;
	int rc;

	rc = check_folder(dir, a, out, &d, &file, &in.n, e);
	if (rc < 0)
		return rc;
	for (int i = 0; i < out->findings; i++)
		if (out->finding[i].error) {
			if (e != NULL)
				*e = out->finding[i].e;
			LOG(PACK_BAD, log_s("pack", dir), log_s("where", out->finding[i].e.where),
			        log_i("line", out->finding[i].e.line),
			        log_s("field", out->finding[i].e.field),
			        log_s("why", out->finding[i].e.text));
			return ERR_INVALID;
		}
	in.d = d;
	in.file = file;
	rc = store_write(st, "install a pack", install, &in, e);
	if (rc == 0)
		LOG(PACK_LOAD, log_s("pack", d->catalog->pack[0].code),
		        log_s("version", d->catalog->pack[0].version), log_i("things", out->things),
		        log_i("rules", out->rules), log_i("flows", out->flows));
	return rc;
}
