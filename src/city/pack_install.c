/* A pack's way into a site and out of it: what must hold first, and the order of what is written. */
#include "base/json.h"
#include "base/log.h"
#include "city/pack_int.h"
#include "store/journal.h"
#include "store/sql.h"

#include <math.h>

#define CHANGES_MAX 1000

const char *const pack_news_names[PACK_NEWS] = {[PACK_CONFLICT] = "conflict",
        [PACK_KEPT] = "kept",
        [PACK_RENAMED] = "renamed",
        [PACK_SPLIT] = "split",
        [PACK_UNCUT] = "uncut",
        [PACK_RETYPED] = "retyped",
        [PACK_UNREADABLE] = "unreadable",
        [PACK_RETIRED] = "retired",
        [PACK_FILLED] = "filled",
        [PACK_LACKING] = "lacking",
        [PACK_UNFIT] = "unfit",
        [PACK_DOUBLE] = "double",
        [PACK_STATELESS] = "stateless"};

/* What a run is made of; the run itself is made anew each time that the store calls. */
struct job {
	const char *code; /* to be removed; else NULL */
	const char *dir;
	const struct pack_options *o;
	struct pack_file *file;
	int n;
	struct arena *a;
	struct pack_report *out;
};

/* ---- telling ---- */

static const char *text_or(const char *s)
{
	return s != NULL ? s : "";
}

void pack__news(struct pack_run *r, struct pack_change c)
{
	struct pack_report *out = r->out;

	if (out->changes == CHANGES_MAX) {
		out->untold++;
		return;
	}
	if (out->change == NULL)
		out->change = arena_array(r->a, CHANGES_MAX, sizeof(*out->change));
	c.part = arena_strdup(r->a, c.part);
	c.code = arena_strdup(r->a, text_or(c.code));
	c.field = arena_strdup(r->a, text_or(c.field));
	c.was = arena_strdup(r->a, text_or(c.was));
	c.site = arena_strdup(r->a, text_or(c.site));
	c.now = arena_strdup(r->a, text_or(c.now));
	c.words = arena_strdup(r->a, text_or(c.words));
	out->change[out->changes++] = c;
}

void pack__tell_progress(const struct pack_run *r, const char *what, int64_t done, int64_t total)
{
	if (r->o->tell != NULL)
		r->o->tell(r->o->ctx, what, done, total);
}

static int write_journal(struct pack_run *r, const char *kind, struct str payload, struct err *e)
{
	return journal_append(r->tx,
	        &(struct journal_entry){.at = TIME_NONE,
	                .kind = str_of(kind),
	                .subject = STR_LIT("pack"),
	                .subject_id = str_of(r->head->code),
	                .region = STR_LIT(""),
	                .org = STR_LIT(""),
	                .secrecy = 1,
	                .account = str_of(r->o->account),
	                .payload = payload},
	        e);
}

/* The first error of the report, as the failure of all. */
static int first_error(const struct job *j, struct err *e)
{
	for (int i = 0; i < j->out->findings; i++)
		if (j->out->finding[i].error) {
			const struct err *f = &j->out->finding[i].e;

			if (e != NULL)
				*e = *f;
			LOG(PACK_BAD, log_s("pack", j->dir != NULL ? j->dir : j->code),
			        log_s("where", f->where), log_i("line", f->line), log_s("field", f->field),
			        log_s("why", f->text));
			return f->code;
		}
	return 0;
}

/* ---- what the site has ---- */

static const char *keep(const struct pack_data *d, struct str s)
{
	return arena_strndup(d->a, s.p, s.n);
}

static int read_others(struct store_tx *tx, struct pack_data *d, const char *code, struct err *e)
{
	struct sql_pack_region_all_row region;
	struct sql_pack_org_all_row org;
	struct store_rows *rows = NULL;
	int rc = sql_pack_region_all_open(tx, &rows, e);

	while (rc == 0 && (rc = sql_pack_region_all_next(rows, &region, e)) > 0) {
		rc = 0;
		if (!str_is(region.pack, code))
			*PACK_PUSH(d, d->other_region, d->other_regions, other_regions_cap,
			        struct pack_other) = (struct pack_other){
			        keep(d, region.code), keep(d, region.parent), keep(d, region.pack)};
	}
	store_rows_close(&rows);
	if (rc == 0)
		rc = sql_pack_org_all_open(tx, &rows, e);
	while (rc == 0 && (rc = sql_pack_org_all_next(rows, &org, e)) > 0) {
		rc = 0;
		if (!str_is(org.pack, code))
			*PACK_PUSH(d, d->other_org, d->other_orgs, other_orgs_cap, struct pack_other) =
			        (struct pack_other){
			                keep(d, org.code), keep(d, org.parent), keep(d, org.pack)};
	}
	store_rows_close(&rows);
	return rc;
}

/* Flows of other packs, as far as it is known whose they are; later (owned false) those of nobody, which only
 * fill what is missing. */
static void take_flows(struct pack_data *d, const struct catalog *was, bool owned)
{
	struct catalog *c = d->catalog;

	for (int i = 0; i < was->flows; i++) {
		const struct flow_def *f = &was->flow[i];

		if ((*f->pack != '\0') == owned && strcmp(f->pack, d->pack) != 0 &&
		        catalog_flow(c, f->code, 0) == NULL)
			*PACK_PUSH(d, c->flow, c->flows, flows_cap, struct flow_def) = *f;
	}
}

/* Catalog of all that is installed, with the numbers of its indexes. */
static int read_was(struct pack_run *r, struct err *e)
{
	struct pack_report ignored = {0};
	struct pack_data *d = pack__data_new(r->a, &ignored);
	bool changed;
	int rc = pack__read_installed(r->tx, d, NULL, e);

	if (rc == 0)
		rc = pack__load_flows(r->tx, d->catalog, e);
	if (rc == 0)
		rc = record_index_sync(r->tx, d->catalog, false, &changed, e);
	r->was = d->catalog;
	return rc;
}

/* The pack, read over the others, so that what it refers to can be theirs. */
static int read_new(struct pack_run *r, const struct job *j, const char *code, struct err *e)
{
	struct pack_data *d = pack__data_new(r->a, r->out);
	int rc = pack__read_installed(r->tx, d, code, e);

	if (rc == 0)
		rc = read_others(r->tx, d, code, e);
	if (rc < 0)
		return rc;
	*r->out =
	        (struct pack_report){.code = "", .version = "", .from = ""}; /* others' faults are not its */
	d->pack = code;
	take_flows(d, r->was, true);
	pack__read(d, j->file, j->n);
	take_flows(d, r->was, false);
	r->d = d;
	r->head = d->catalog->packs > 0 ? &d->catalog->pack[d->catalog->packs - 1] : NULL;
	return 0;
}

/* ---- versions ---- */

static const struct pack_info *installed(const struct catalog *c, const char *code)
{
	for (int i = 0; i < c->packs; i++)
		if (strcmp(c->pack[i].code, code) == 0)
			return &c->pack[i];
	return NULL;
}

static void check_needs(struct pack_run *r)
{
	for (int i = 0; i < r->head->needs; i++) {
		const struct pack_need *n = &r->head->need[i];
		const struct pack_info *p = installed(r->was, n->code);

		if (p == NULL)
			pack__tell(r->d, true, "pack.yaml", n->line, 0, "requires",
			        "the pack %s%s%s is needed first, and it is not installed", n->code,
			        *n->version ? " " : "", n->version);
		else if (!pack__range_holds(n->version, p->version))
			pack__tell(r->d, true, "pack.yaml", n->line, 0, "requires",
			        "the pack %s %s is needed, and %s is installed; upgrade that one first",
			        n->code, n->version, p->version);
	}
}

/* From what it requires to what that requires, and so on: never back to the pack itself. */
static bool leads_back(const struct catalog *c, const char *from, const char *to, int depth)
{
	const struct pack_info *p = installed(c, from);

	for (int i = 0; p != NULL && depth <= c->packs && i < p->needs; i++)
		if (strcmp(p->need[i].code, to) == 0 || leads_back(c, p->need[i].code, to, depth + 1))
			return true;
	return false;
}

static void check_cycle(struct pack_run *r)
{
	for (int i = 0; i < r->head->needs; i++)
		if (leads_back(r->was, r->head->need[i].code, r->head->code, 0))
			pack__tell(r->d, true, "pack.yaml", r->head->need[i].line, 0, "requires",
			        "the pack %s requires this one, by itself or by others: packs cannot require "
			        "each other in a circle",
			        r->head->need[i].code);
}

static void check_dependents(struct pack_run *r)
{
	for (int i = 0; i < r->was->packs; i++) {
		const struct pack_info *p = &r->was->pack[i];

		for (int k = 0; k < p->needs; k++)
			if (strcmp(p->need[k].code, r->head->code) == 0 &&
			        !pack__range_holds(p->need[k].version, r->head->version))
				pack__tell(r->d, true, "pack.yaml", 1, 0, "version",
				        "the installed pack %s requires %s %s, and this is %s", p->code,
				        r->head->code, p->need[k].version, r->head->version);
	}
}

static int check_version(struct pack_run *r, struct err *e)
{
	const struct pack_info *old = installed(r->was, r->head->code);

	r->out->code = r->head->code;
	r->out->version = r->head->version;
	r->out->from = old != NULL ? old->version : "";
	if (old == NULL && r->o->upgrade)
		return err_set(e, ERR_NOTFOUND,
		        "the pack %s is not installed; heming pack install puts it in", r->head->code);
	if (old != NULL && !r->o->downgrade && pack__version_compare(r->head->version, old->version) < 0)
		return err_set(e, ERR_PRECONDITION,
		        "the site has %s %s, which is newer than this %s; --downgrade puts the older one "
		        "over "
		        "it",
		        r->head->code, old->version, r->head->version);
	return 0;
}

/* ---- kinds ---- */

/* Kinds that the pack had and has no longer must be empty but for its own rows; a register with records does
 * not turn into one of things, or back. */
static int check_kinds(struct pack_run *r, struct err *e)
{
	for (int i = 0; i < r->was->kinds; i++) {
		const struct kind *old = &r->was->kind[i], *k = catalog_kind(r->d->catalog, old->code);
		struct sql_pack_kind_count_row n;
		int rc;

		if (strcmp(old->pack, r->head->code) != 0 || (k != NULL && k->thing == old->thing))
			continue;
		rc = sql_pack_kind_count(r->tx,
		        &(struct sql_pack_kind_count_in){str_of(old->code), str_of(r->head->code)}, &n, e);
		if (rc < 0)
			return rc;
		if (k == NULL && n.others > 0)
			pack__tell(r->d, true, "pack.yaml", 1, 0, old->code,
			        "the pack declares the kind %s no longer, but the site has %lld records of "
			        "it; "
			        "export and remove them first, or keep the kind",
			        old->code, (long long)n.others);
		else if (k != NULL && n.n > 0)
			pack__tell(r->d, true, arena_printf(r->a, "kinds/%s.yaml", k->code), 1, 0, "thing",
			        "%lld records of this kind are there, and things and other records cannot "
			        "become each other; a new kind is needed",
			        (long long)n.n);
	}
	return 0;
}

/* What the pack's records refer to and it does not bring itself, the site must have. */
static int check_links(struct pack_run *r, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; i < r->d->links && rc >= 0; i++) {
		const struct pack_link *x = &r->d->link[i];
		struct sql_record_thing_kind_row thing;
		struct sql_record_find_row row;

		rc = strcmp(x->kind, "thing") == 0
		             ? sql_record_thing_kind(
		                       r->tx, &(struct sql_record_thing_kind_in){str_of(x->code)}, &thing, e)
		             : sql_record_find(r->tx,
		                       &(struct sql_record_find_in){str_of(x->kind), str_of(x->code)}, &row,
		                       e);
		if (rc == 0)
			pack__tell(r->d, true, x->at.file, x->at.line, 0, x->field,
			        "no record of the kind %s has the code \"%s\"", x->kind, x->code);
	}
	return rc < 0 ? rc : 0;
}

/* Options of before that are no more: records may hold them. */
static void add_options(struct arena *a, struct field *f, const struct field *old)
{
	struct field_option *all = arena_array(a, (size_t)(f->options + old->options), sizeof(*all));
	int n = f->options;

	memcpy(all, f->option, (size_t)f->options * sizeof(*all));
	for (int i = 0; i < old->options; i++) {
		bool there = false;

		for (int k = 0; k < f->options && !there; k++)
			there = strcmp(f->option[k].code, old->option[i].code) == 0;
		if (!there)
			all[n++] = old->option[i];
	}
	f->option = all;
	f->options = n;
}

/*
 * The catalog to be, but its kinds take whatever records hold already: what the new version asks for beyond
 * that is told, and is the site's to mend; it must not stop an upgrade.
 */
static void make_lenient(struct pack_run *r)
{
	struct catalog *c = arena_memdup(r->a, r->d->catalog, sizeof(*c));

	c->kind = arena_array(r->a, (size_t)c->kinds, sizeof(*c->kind));
	for (int i = 0; i < c->kinds; i++) {
		const struct kind *k = &r->d->catalog->kind[i], *old = catalog_kind(r->was, k->code);

		c->kind[i] = *k;
		c->kind[i].field = arena_array(r->a, (size_t)k->fields, sizeof(*k->field));
		for (int n = 0; n < k->fields; n++) {
			struct field *f = &c->kind[i].field[n];
			const struct field *was = old != NULL ? kind_field(old, k->field[n].key) : NULL;

			*f = k->field[n];
			f->required = f->unique = false;
			f->pattern = "";
			f->min = f->max = NAN;
			if (was != NULL && f->type == FIELD_CODE && was->type == FIELD_CODE)
				add_options(r->a, f, was);
		}
	}
	r->lenient = c;
}

/* ---- writing ---- */

static void hash_text(struct str s, char out[2 * DIGEST_LEN + 1])
{
	uint8_t h[DIGEST_LEN];

	digest_once(DIGEST_SHA256, s.p, s.n, h);
	hex_encode(h, sizeof(h), out);
}

static int put_flow(struct pack_run *r, const struct flow_def *f, const char *file, struct err *e)
{
	char hash[2 * DIGEST_LEN + 1];
	struct sql_flow_newest_row row = {0};
	int rc = sql_flow_own(
	        r->tx, &(struct sql_flow_own_in){str_of(f->code), str_of(r->head->code)}, NULL, e);

	hash_text(str_of(f->xml), hash);
	if (rc == 0)
		rc = sql_flow_here(r->tx, &(struct sql_flow_here_in){str_of(f->code)}, NULL, e);
	if (rc == 0)
		rc = sql_flow_newest(r->tx, &(struct sql_flow_newest_in){str_of(f->code)}, &row, e);
	if (rc < 0 || (rc > 0 && str_is(row.hash, hash)))
		return rc < 0 ? rc : 0;
	return sql_flow_put(r->tx,
	        &(struct sql_flow_put_in){.code = str_of(f->code),
	                .version = (rc > 0 ? row.version : 0) + 1,
	                .file = str_of(file),
	                .xml = str_of(f->xml),
	                .hash = str_of(hash),
	                .at = store_now(r->tx),
	                .pack = str_of(r->head->code)},
	        NULL, e);
}

static int put_flows(struct pack_run *r, const struct job *j, struct err *e)
{
	const struct catalog *c = r->d->catalog;
	int rc = sql_flow_gone(r->tx, &(struct sql_flow_gone_in){str_of(r->head->code)}, NULL, e);

	for (int i = 0; rc == 0 && i < j->n; i++)
		for (int k = 0; pack__in_folder(&j->file[i], "flows") && rc == 0 && k < c->flows; k++)
			if (c->flow[k].xml == j->file[i].text.p)
				rc = put_flow(r, &c->flow[k], j->file[i].path, e);
	return rc;
}

static int put_files(struct pack_run *r, const struct job *j, struct err *e)
{
	const struct pack_info *p = r->head;
	struct digest_ctx *h = digest_begin(DIGEST_SHA256);
	struct sql_pack_next_place_row place;
	uint8_t sum[DIGEST_LEN];
	char hash[2 * DIGEST_LEN + 1];
	int rc;

	for (int i = 0; i < j->n; i++) {
		digest_add_field(h, j->file[i].path, strlen(j->file[i].path));
		digest_add_field(h, j->file[i].text.p, j->file[i].text.n);
	}
	digest_end(&h, sum);
	hex_encode(sum, sizeof(sum), hash);
	rc = sql_pack_next_place(r->tx, &place, e);
	if (rc < 0)
		return rc;
	rc = sql_pack_put(r->tx,
	        &(struct sql_pack_put_in){.code = str_of(p->code),
	                .place = place.place,
	                .version = str_of(p->version),
	                .name = str_of(p->name),
	                .name_en = str_of(p->name_en),
	                .hash = str_of(hash),
	                .at = store_now(r->tx)},
	        NULL, e);
	if (rc == 0)
		rc = sql_pack_file_drop(r->tx, &(struct sql_pack_file_drop_in){str_of(p->code)}, NULL, e);
	for (int i = 0; rc == 0 && i < j->n; i++) {
		const char *path = j->file[i].path;

		/* Rows of their own hold these; areas and registers are not kept twice. */
		if (strcmp(path, "regions.csv") == 0 || strcmp(path, "regions.geojson") == 0 ||
		        strcmp(path, "orgs.csv") == 0 || pack__in_folder(&j->file[i], "things") ||
		        pack__in_folder(&j->file[i], "records") || pack__in_folder(&j->file[i], "flows"))
			continue;
		rc = sql_pack_file_put(r->tx,
		        &(struct sql_pack_file_put_in){
		                .pack = str_of(p->code), .path = str_of(path), .text = j->file[i].text},
		        NULL, e);
	}
	return rc;
}

/* Where the site went its own way; values stay out of the journal, since it has readers of its own. */
static int journal_conflicts(struct pack_run *r, struct err *e)
{
	int rc = 0;

	for (int i = 0; i < r->out->changes && rc == 0; i++) {
		const struct pack_change *c = &r->out->change[i];
		struct sb b = SB_INIT;
		struct jw w;

		if (c->what != PACK_CONFLICT)
			continue;
		jw_init(&w, &b);
		jw_object(&w);
		jw_kstr(&w, "version", r->head->version);
		jw_kstr(&w, "part", c->part);
		jw_kstr(&w, "row", c->code);
		jw_kstr(&w, "field", c->field);
		jw_object_end(&w);
		rc = write_journal(r, "pack.conflict", sb_str(&b), e);
		sb_fini(&b);
	}
	return rc;
}

static int journal_installed(struct pack_run *r, struct err *e)
{
	const struct pack_report *o = r->out;
	struct sb b = SB_INIT;
	struct jw w;
	int rc;

	jw_init(&w, &b);
	jw_object(&w);
	jw_kstr(&w, "code", r->head->code);
	jw_kstr(&w, "version", r->head->version);
	jw_kstr(&w, "from", o->from);
	jw_kint(&w, "records", (int64_t)r->d->records);
	jw_kint(&w, "added", o->added);
	jw_kint(&w, "changed", o->changed);
	jw_kint(&w, "removed", o->removed);
	jw_kint(&w, "kept", o->kept);
	jw_kint(&w, "conflicts", o->conflicts);
	jw_kint(&w, "moved", o->moved);
	jw_object_end(&w);
	rc = write_journal(r, "pack.installed", sb_str(&b), e);
	sb_fini(&b);
	return rc;
}

/* ---- applying ---- */

static void free_row(void *arg)
{
	struct arena *a = arg;

	arena_free(&a);
}

static struct pack_run run_new(const struct job *j, struct store_tx *tx, bool write)
{
	struct pack_run r = {.tx = tx,
	        .a = j->a,
	        .row = arena_new(0),
	        .o = j->o,
	        .out = j->out,
	        .write = write,
	        .by = who_system};

	*j->out = (struct pack_report){.code = "", .version = "", .from = ""};
	r.by.login = j->o->account;
	arena_cleanup(j->a, free_row, r.row);
	return r;
}

/* The code alone, so that what is installed of the pack can be left aside. */
static const char *code_of(const struct job *j)
{
	struct pack_report ignored = {0};
	struct pack_data *d = pack__data_new(j->a, &ignored);

	pack__read(d, j->file, 1);
	return d->pack;
}

/* The serving process goes on with the catalog it began with: it would write records in the old form and into
 * indexes that are no more. New kinds and fields do not harm it. */
static int check_served(const struct pack_run *r, struct err *e)
{
	bool indexed = false;

	for (int i = 0; i < r->moves; i++)
		indexed |= r->move[i].indexed;
	if (r->out->moved > 0)
		return err_set(e, ERR_STATE,
		        "%lld records would change their form, and what serves the site would not know; stop "
		        "it, upgrade, and start it again",
		        (long long)r->out->moved);
	if (indexed)
		return err_set(e, ERR_STATE,
		        "records would be indexed by other fields, and what serves the site would not know; "
		        "stop it, upgrade, and start it again");
	return 0;
}

static int apply(struct store_tx *tx, const struct job *j, bool write, struct err *e)
{
	struct pack_run r = run_new(j, tx, write);
	bool changed;
	int rc = read_was(&r, e);

	if (rc == 0)
		rc = read_new(&r, j, code_of(j), e);
	if (rc < 0)
		return rc;
	if (j->out->errors == 0 && r.head != NULL) {
		rc = check_version(&r, e);
		check_needs(&r);
		check_cycle(&r);
		check_dependents(&r);
	}
	if (rc == 0 && j->out->errors == 0) {
		pack__check_references(r.d);
		rc = check_kinds(&r, e);
	}
	if (rc == 0)
		rc = check_links(&r, e);
	pack__count(r.d);
	if (rc == 0)
		rc = first_error(j, e);
	if (rc == 0 && write)
		rc = put_files(&r, j, e);
	if (rc == 0 && write)
		rc = put_flows(&r, j, e);
	if (rc == 0)
		rc = record_index_sync(tx, r.d->catalog, write, &changed, e);
	if (rc < 0)
		return rc;
	make_lenient(&r);
	pack__find_moves(&r);
	rc = pack__move_records(&r, e);
	if (rc == 0 && write && j->o->served)
		rc = check_served(&r, e);
	if (rc == 0)
		rc = pack__put_rows(&r, e);
	if (rc == 0 && write)
		rc = journal_conflicts(&r, e);
	return rc < 0 || !write ? rc : journal_installed(&r, e);
}

static int apply_write(struct store_tx *tx, void *arg, struct err *e)
{
	return apply(tx, arg, true, e);
}

int pack_apply(struct store *st, const char *dir, const struct pack_options *o, struct arena *a,
        struct pack_report *out, struct err *e)
{
	struct job j = {.dir = dir, .o = o, .a = a, .out = out};
	struct store_tx *tx = NULL;
	int rc;

	*out = (struct pack_report){.code = "", .version = "", .from = ""};
	rc = pack__read_folder(a, dir, &j.file, &j.n, e);
	if (rc < 0)
		return rc;
	if (!o->look) {
		rc = store_write(st, "install a pack", apply_write, &j, e);
	} else {
		rc = store_read_begin(st, "look at a pack", &tx, e);
		if (rc == 0)
			rc = apply(tx, &j, false, e);
		store_read_end(&tx);
	}
	if (rc == 0 && !o->look)
		LOG(PACK_LOAD, log_s("pack", out->code), log_s("version", out->version),
		        log_i("things", out->things), log_i("rules", out->rules), log_i("flows", out->flows));
	return rc;
}

int pack_install(struct store *st, const char *dir, const char *account, struct arena *a,
        struct pack_report *out, struct err *e)
{
	return pack_apply(st, dir, &(struct pack_options){.account = account}, a, out, e);
}

/* ---- removing ---- */

static void check_required(struct pack_run *r)
{
	for (int i = 0; i < r->was->packs; i++)
		for (int k = 0; k < r->was->pack[i].needs; k++)
			if (strcmp(r->was->pack[i].need[k].code, r->head->code) == 0)
				pack__tell(r->d, true, "", 0, 0, NULL,
				        "the pack %s requires it; remove that one first",
				        r->was->pack[i].code);
}

static int check_records(struct pack_run *r, struct err *e)
{
	for (int i = 0; i < r->was->kinds; i++) {
		const struct kind *k = &r->was->kind[i];
		struct sql_pack_kind_count_row n;
		int rc;

		if (strcmp(k->pack, r->head->code) != 0)
			continue;
		rc = sql_pack_kind_count(
		        r->tx, &(struct sql_pack_kind_count_in){str_of(k->code), str_of(k->pack)}, &n, e);
		if (rc < 0)
			return rc;
		if (n.others > 0)
			pack__tell(r->d, true, "", 0, 0, k->code,
			        "the site has %lld records of the kind %s (%s); export them, then remove "
			        "them",
			        (long long)n.others, k->code, k->name);
	}
	return 0;
}

static int check_cases(struct pack_run *r, struct err *e)
{
	for (int i = 0; i < r->was->categories; i++) {
		const struct category *k = &r->was->category[i];
		struct sql_pack_category_cases_row n;
		int rc;

		if (strcmp(k->pack, r->head->code) != 0)
			continue;
		rc = sql_pack_category_cases(
		        r->tx, &(struct sql_pack_category_cases_in){str_of(k->code)}, &n, e);
		if (rc < 0)
			return rc;
		if (n.n > 0)
			pack__tell(r->d, true, "", 0, 0, k->code,
			        "%lld cases are of the category %s (%s); cases stay, and so must what they "
			        "are "
			        "read with",
			        (long long)n.n, k->code, k->name);
	}
	return 0;
}

/* What other packs declare and would look for in vain. */
static void check_declared(struct pack_run *r)
{
	const struct catalog *c = r->was;
	const char *code = r->head->code;

	for (int i = 0; i < c->kinds; i++)
		for (int n = 0; strcmp(c->kind[i].pack, code) != 0 && n < c->kind[i].fields; n++) {
			const struct kind *to = catalog_kind(c, c->kind[i].field[n].ref);

			if (to != NULL && strcmp(to->pack, code) == 0)
				pack__tell(r->d, true, "", 0, 0, NULL,
				        "the kind %s of the pack %s refers to its kind %s by %s",
				        c->kind[i].code, c->kind[i].pack, to->code, c->kind[i].field[n].key);
		}
	for (int i = 0; i < c->categories; i++) {
		const struct category *k = &c->category[i];
		const struct flow_def *f = catalog_flow(c, k->flow, 0);

		if (strcmp(k->pack, code) != 0 && f != NULL && strcmp(f->pack, code) == 0)
			pack__tell(r->d, true, "", 0, 0, NULL,
			        "cases of the category %s of the pack %s take its flow %s", k->code, k->pack,
			        f->code);
	}
}

static int drop_pack(struct pack_run *r, struct err *e)
{
	struct sb b = SB_INIT;
	struct jw w;
	int rc = sql_pack_file_drop(r->tx, &(struct sql_pack_file_drop_in){str_of(r->head->code)}, NULL, e);

	if (rc == 0)
		rc = sql_flow_gone(r->tx, &(struct sql_flow_gone_in){str_of(r->head->code)}, NULL, e);
	if (rc == 0)
		rc = sql_pack_drop(r->tx, &(struct sql_pack_drop_in){str_of(r->head->code)}, NULL, e);
	if (rc < 0)
		return rc;
	jw_init(&w, &b);
	jw_object(&w);
	jw_kstr(&w, "version", r->head->version);
	jw_kint(&w, "removed", r->out->removed);
	jw_object_end(&w);
	rc = write_journal(r, "pack.removed", sb_str(&b), e);
	sb_fini(&b);
	return rc;
}

static int remove_write(struct store_tx *tx, void *arg, struct err *e)
{
	const struct job *j = arg;
	struct pack_run r = run_new(j, tx, true);
	int rc = read_was(&r, e);

	if (rc < 0)
		return rc;
	r.head = installed(r.was, j->code);
	if (r.head == NULL)
		return err_set(e, ERR_NOTFOUND, "no pack %s is installed; heming pack list tells which are",
		        j->code);
	j->out->code = r.head->code;
	j->out->version = r.head->version;
	r.d = pack__data_new(r.a, r.out);
	check_required(&r);
	check_declared(&r);
	rc = check_records(&r, e);
	if (rc == 0)
		rc = check_cases(&r, e);
	if (rc == 0)
		rc = pack__take_rows(&r, e);
	if (rc == 0 && j->out->errors > 0)
		rc = err_set(e, ERR_CONFLICT, "the pack %s stays: %d reasons are above; nothing was changed",
		        j->code, j->out->errors);
	return rc < 0 ? rc : drop_pack(&r, e);
}

int pack_remove(struct store *st, const char *code, const char *account, struct arena *a,
        struct pack_report *out, struct err *e)
{
	const struct pack_options o = {.account = account};
	struct job j = {.code = code, .o = &o, .a = a, .out = out};

	return store_write(st, "remove a pack", remove_write, &j, e);
}

int pack_list(struct store *st, struct arena *a, struct pack_info **out, int *n, struct err *e)
{
	struct pack_report ignored = {0};
	struct pack_data *d = pack__data_new(a, &ignored);
	struct store_tx *tx = NULL;
	int rc = store_read_begin(st, "list packs", &tx, e);

	if (rc == 0)
		rc = pack__read_installed(tx, d, NULL, e);
	store_read_end(&tx);
	*out = d->catalog->pack;
	*n = d->catalog->packs;
	return rc;
}
