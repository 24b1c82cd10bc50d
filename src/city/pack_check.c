/* What of a pack refers to what: unknown codes, doubled codes, trees that bite their tail. */
#include "city/flow_start.h"
#include "city/indicator.h"
#include "city/pack_int.h"

#define DEPTH_MAX 64 /* of trees, as records have it */

/* Rows of one table by code, sorted, so that ten thousand things are checked in no time. */
struct code_index {
	const char *code, *parent;
	int row;           /* -1: what the site has besides */
	const char *owner; /* of such a one */
};

/* Where the rows that others refer to are looked up. */
struct refer {
	const struct code_index *region, *org, *record;
	size_t regions, orgs;
};

static int by_code(const void *a, const void *b)
{
	const struct code_index *x = a, *y = b;
	int rc = strcmp(x->code, y->code);

	return rc != 0 ? rc : x->row - y->row;
}

static const struct code_index *find(const struct code_index *x, size_t n, const char *code)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(x[mid].code, code) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low < n && strcmp(x[low].code, code) == 0 ? &x[low] : NULL;
}

/* What the site made itself (owner "") is no pack's: an upgrade leaves it as it is and says so. */
static void check_doubles(
        struct pack_data *d, const struct code_index *x, size_t n, const struct located *at, const char *what)
{
	for (size_t i = 1; i < n; i++) {
		const struct code_index *was = &x[i - 1];

		if (strcmp(x[i].code, was->code) != 0)
			continue;
		if (was->row < 0 && *was->owner != '\0')
			(void)pack__taken(
			        d, at[x[i].row].file, at[x[i].row].line, what, x[i].code, was->owner);
		else if (was->row >= 0)
			pack__tell(d, true, at[x[i].row].file, at[x[i].row].line, 0, "code",
			        "\"%s\" is there already, in %s on line %d", x[i].code, at[was->row].file,
			        at[was->row].line);
	}
}

static void unknown(
        struct pack_data *d, struct located at, const char *field, const char *what, const char *code)
{
	pack__tell(d, !d->partial, at.file, at.line, 0, field, "no %s has the code \"%s\"", what, code);
}

static void check_rings(struct pack_data *d, const struct code_index *x, size_t n, const struct located *at,
        const char *field)
{
	for (size_t i = 0; i < n; i++) {
		const struct code_index *up = &x[i];
		size_t steps = 0;

		if (x[i].row < 0)
			continue;
		while (up != NULL && *up->parent != '\0' && steps++ <= DEPTH_MAX)
			up = find(x, n, up->parent);
		if (steps > DEPTH_MAX)
			pack__tell(d, true, at[x[i].row].file, at[x[i].row].line, 0, field,
			        "going from parent to parent comes back to \"%s\" and never ends, or only "
			        "after "
			        "more than %d steps",
			        x[i].code, DEPTH_MAX);
	}
}

static void check_tree(
        struct pack_data *d, const struct code_index *x, size_t n, const struct located *at, const char *what)
{
	for (size_t i = 0; i < n; i++)
		if (x[i].row >= 0 && *x[i].parent != '\0' && find(x, n, x[i].parent) == NULL)
			unknown(d, at[x[i].row], "parent", what, x[i].parent);
	check_rings(d, x, n, at, "parent");
}

static void check_categories(struct pack_data *d)
{
	const struct catalog *c = d->catalog;

	for (int i = 0; i < c->categories; i++) {
		const struct category *k = &c->category[i];

		if (strcmp(k->pack, d->pack) != 0)
			continue;
		if (*k->parent != '\0' && catalog_category(c, k->parent) == NULL)
			unknown(d, d->category_at[i], "parent", "category", k->parent);
		if (*k->flow != '\0' && catalog_flow(c, k->flow, 0) == NULL)
			unknown(d, d->category_at[i], "flow", "flow", k->flow);
		if (*k->calendar != '\0' && catalog_calendar(c, k->calendar) == NULL)
			unknown(d, d->category_at[i], "calendar", "calendar", k->calendar);
	}
}

struct flow_finding {
	struct pack_data *d;
	const char *file;
};

static void tell_flow(void *ctx, bool error, int line, const char *text)
{
	const struct flow_finding *f = ctx;

	pack__tell(f->d, error, f->file, line, 0, NULL, "%s", text);
}

/* Names that an element of a flow refers to. */
static void check_element(struct pack_data *d, const char *file, const struct bpmn_element *x)
{
	const struct catalog *c = d->catalog;
	struct located at = {file, x->line};

	if (x->type == BPMN_BUSINESS_RULE_TASK && catalog_decision(c, x->ref) == NULL)
		unknown(d, at, x->id, "decision", x->ref);
	if (x->type == BPMN_USER_TASK && *x->form != '\0' && catalog_form(c, x->form) == NULL)
		unknown(d, at, x->id, "form", x->form);
	if (x->type == BPMN_CALL_ACTIVITY && catalog_flow(c, x->ref, 0) == NULL)
		unknown(d, at, x->id, "flow", x->ref);
	if (*x->calendar != '\0' && catalog_calendar(c, x->calendar) == NULL)
		unknown(d, at, x->id, "calendar", x->calendar);
}

static void check_calendars(struct pack_data *d)
{
	const struct catalog *c = d->catalog;

	for (int i = 0; i < c->calendars; i++) {
		const struct named_calendar *k = &c->calendar[i];
		bool found = *k->table == '\0';

		for (int t = 0; t < c->tables; t++)
			found = found || strcmp(c->table[t].code, k->table) == 0;
		if (!found && strcmp(k->pack, d->pack) == 0)
			unknown(d, (struct located){"calendars.yaml", k->line}, "table", "table of holidays",
			        k->table);
	}
}

/* A start event that something outside triggers, and that could begin no case. */
static void check_start(struct pack_data *d, const struct flow_def *f, int element)
{
	struct bpmn_start start;
	const char *lacks;

	if (!bpmn_start_at(f->def, element, &start) || start.by == BPMN_BY_NOBODY ||
	        start.by == BPMN_BY_CONDITION)
		return;
	lacks = flow_start_lacks(d->catalog, f, &start, d->a);
	if (lacks != NULL)
		pack__tell(d, false, f->file, start.element->line, 0, start.element->id,
		        "no case begins by this start event: %s", lacks);
}

static void check_flows(struct pack_data *d)
{
	const struct catalog *c = d->catalog;

	for (int i = 0; i < c->flows; i++) {
		const struct flow_def *f = &c->flow[i];
		struct flow_finding finding = {d, f->file};

		if (strcmp(f->pack, d->pack) != 0)
			continue;
		bpmn_check(f->def, tell_flow, &finding);
		for (int k = 0; k < bpmn_elements(f->def); k++) {
			check_element(d, f->file, bpmn_element_at(f->def, k));
			check_start(d, f, k);
		}
	}
}

/* Its own must be right. Those of packs that build on it are told: they go on, without a value. */
static void check_questions(struct pack_data *d)
{
	const struct catalog *c = d->catalog;

	for (int i = 0; i < c->indicators; i++) {
		const struct indicator *def = &c->indicator[i];
		bool own = strcmp(def->pack, d->pack) == 0;
		struct err e = ERR_INIT;
		int secrecy;

		if (def->expr != NULL || indicator_question(c, def, &secrecy, &e) == 0)
			continue;
		if (own)
			pack__tell(d, !d->partial, "indicators.yaml", def->line, 0, def->code,
			        "the sql cannot be asked: %s (its line %d, column %d)", e.text, e.line,
			        e.column);
		else
			pack__tell(d, false, "indicators.yaml", 0, 0, def->code,
			        "this indicator of the pack %s cannot be asked then: %s", def->pack, e.text);
	}
}

/* Codes of things are unique over all their kinds, those of other records within one. */
static const char *record_key(struct arena *a, const struct kind *k, const char *code)
{
	return k->thing ? code : arena_printf(a, "%s of kind %s", code, k->code);
}

/* Kinds that a field refers to are this pack's or those of a pack that it builds on. */
static void check_kinds(struct pack_data *d)
{
	const struct catalog *c = d->catalog;

	for (int i = 0; i < c->kinds; i++)
		for (int n = 0; strcmp(c->kind[i].pack, d->pack) == 0 && n < c->kind[i].fields; n++) {
			const struct field *f = &c->kind[i].field[n];

			if (f->type == FIELD_REFERENCE && !field_of_things(f) &&
			        strcmp(f->ref, "region") != 0 && strcmp(f->ref, "org") != 0 &&
			        catalog_kind(c, f->ref) == NULL)
				unknown(d,
				        (struct located){
				                arena_printf(d->a, "kinds/%s.yaml", c->kind[i].code), 0},
				        f->key, "kind", f->ref);
		}
}

static bool brings(struct pack_data *d, const struct refer *r, const struct field *f, const char *code)
{
	bool found = false;

	for (int i = 0; i < d->catalog->kinds && !found; i++) {
		const struct kind *k = &d->catalog->kind[i];

		if (strcmp(k->code, f->ref) == 0 || (k->thing && field_of_things(f)))
			found = find(r->record, d->records, record_key(d->a, k, code)) != NULL;
	}
	return found;
}

/* One reference of a record: to a row of this pack, of the site, or (noted for later) to a record of the
 * site's. */
static void check_link(struct pack_data *d, const struct refer *r, const struct field *f, struct located at,
        const char *code)
{
	const struct kind *to = catalog_kind(d->catalog, f->ref);

	if (strcmp(f->ref, "region") == 0 || strcmp(f->ref, "org") == 0) {
		bool org = strcmp(f->ref, "org") == 0;

		if (find(org ? r->org : r->region, org ? r->orgs : r->regions, code) == NULL)
			unknown(d, at, f->key, f->ref, code);
	} else if ((to != NULL || field_of_things(f)) && !brings(d, r, f, code)) {
		if (d->alone && !d->partial)
			unknown(d, at, f->key, f->ref, code);
		else if (!d->alone)
			*PACK_PUSH(d, d->link, d->links, links_cap, struct pack_link) =
			        (struct pack_link){at, f->key, f->ref, code};
	}
}

static void check_links(struct pack_data *d, const struct refer *r)
{
	for (size_t i = 0; i < d->records; i++) {
		const struct kind *k = d->record[i].kind;
		struct doc *values = NULL;

		if (d->record[i].kept == NULL ||
		        doc_parse_json(d->a, str_of(d->record[i].kept), "", &values, NULL) < 0)
			continue; /* told already */
		for (int n = 0; n < k->fields; n++) {
			const struct doc *v = doc_get(values, k->field[n].key);

			if (k->field[n].type != FIELD_REFERENCE || v == NULL)
				continue;
			if (v->type != DOC_LIST)
				check_link(d, r, &k->field[n], d->record_at[i], v->text);
			DOC_EACH(x, v->type == DOC_LIST ? v : NULL)
			{
				check_link(d, r, &k->field[n], d->record_at[i], x->text);
			}
		}
	}
}

/* Registers that are trees: by each tree field, from entry to parent, never back. */
static void check_record_trees(struct pack_data *d, const struct kind *k, const struct field *f)
{
	struct code_index *x = arena_array(d->a, d->records, sizeof(*x));
	size_t n = 0;

	for (size_t i = 0; i < d->records; i++) {
		struct doc *values = NULL;

		if (d->record[i].kind != k || d->record[i].kept == NULL ||
		        doc_parse_json(d->a, str_of(d->record[i].kept), "", &values, NULL) < 0)
			continue;
		x[n++] = (struct code_index){d->record[i].code, doc_str(values, f->key, ""), (int)i, ""};
	}
	qsort(x, n, sizeof(*x), by_code);
	check_rings(d, x, n, d->record_at, f->key);
}

static void add_others(struct code_index *x, const struct pack_other *other, size_t n)
{
	for (size_t i = 0; i < n; i++)
		x[i] = (struct code_index){other[i].code, other[i].parent, -1, other[i].pack};
}

void pack__check_references(struct pack_data *d)
{
	size_t regions = d->regions + d->other_regions, orgs = d->orgs + d->other_orgs;
	struct code_index *region = arena_array(d->a, regions, sizeof(*region));
	struct code_index *org = arena_array(d->a, orgs, sizeof(*org));
	struct code_index *record = arena_array(d->a, d->records, sizeof(*record));

	for (size_t i = 0; i < d->regions; i++)
		region[i] = (struct code_index){d->region[i].code, d->region[i].parent, (int)i, ""};
	add_others(region + d->regions, d->other_region, d->other_regions);
	for (size_t i = 0; i < d->orgs; i++)
		org[i] = (struct code_index){d->org[i].code, d->org[i].parent, (int)i, ""};
	add_others(org + d->orgs, d->other_org, d->other_orgs);
	for (size_t i = 0; i < d->records; i++)
		record[i] = (struct code_index){
		        record_key(d->a, d->record[i].kind, d->record[i].code), "", (int)i, ""};
	qsort(region, regions, sizeof(*region), by_code);
	qsort(org, orgs, sizeof(*org), by_code);
	qsort(record, d->records, sizeof(*record), by_code);

	check_doubles(d, region, regions, d->region_at, "region");
	check_doubles(d, org, orgs, d->org_at, "org");
	check_doubles(d, record, d->records, d->record_at, "record");
	check_tree(d, region, regions, d->region_at, "region");
	check_tree(d, org, orgs, d->org_at, "org");
	for (size_t i = 0; i < d->orgs; i++)
		if (*d->org[i].region != '\0' && find(region, regions, d->org[i].region) == NULL)
			unknown(d, d->org_at[i], "region", "region", d->org[i].region);
	for (size_t i = 0; i < d->records; i++) {
		if (*d->record[i].region != '\0' && find(region, regions, d->record[i].region) == NULL)
			unknown(d, d->record_at[i], "region", "region", d->record[i].region);
		if (*d->record[i].org != '\0' && find(org, orgs, d->record[i].org) == NULL)
			unknown(d, d->record_at[i], "org", "org", d->record[i].org);
	}
	if (*d->catalog->region != '\0' && find(region, regions, d->catalog->region) == NULL)
		unknown(d, (struct located){"pack.yaml", 1}, "region", "region", d->catalog->region);
	check_links(d, &(struct refer){region, org, record, regions, orgs});
	for (int i = 0; i < d->catalog->kinds; i++)
		for (int n = 0; n < d->catalog->kind[i].fields; n++)
			if (d->catalog->kind[i].field[n].tree)
				check_record_trees(d, &d->catalog->kind[i], &d->catalog->kind[i].field[n]);
	check_kinds(d);
	check_categories(d);
	check_calendars(d);
	check_flows(d);
	check_questions(d);
}
