/* The installed packs: what each brought, and where its last upgrade met changes of the site. */
#include "api/api_int.h"
#include "city/record.h"

#include <string.h>

#define CONFLICTS_MAX 1000 /* as many as an upgrade tells */

static bool is_of(const char *pack, const struct pack_info *p)
{
	return strcmp(pack, p->code) == 0;
}

#define COUNT_OF(c, array, n, p)                                                                             \
	do {                                                                                                 \
		for (int i_ = 0; i_ < (c)->n; i_++)                                                          \
			count += is_of((c)->array[i_].pack, p);                                              \
	} while (0)

static int categories_of(const struct catalog *c, const struct pack_info *p)
{
	int count = 0;

	COUNT_OF(c, category, categories, p);
	return count;
}

static int rules_of(const struct catalog *c, const struct pack_info *p)
{
	int count = 0;

	COUNT_OF(c, rule, rules, p);
	return count;
}

static int indicators_of(const struct catalog *c, const struct pack_info *p)
{
	int count = 0;

	COUNT_OF(c, indicator, indicators, p);
	return count;
}

/* Older versions, which running cases keep, are no further flows. */
static int flows_of(const struct catalog *c, const struct pack_info *p)
{
	int count = 0;

	for (int i = 0; i < c->flows; i++)
		count += is_of(c->flow[i].pack, p) && catalog_flow(c, c->flow[i].code, 0) == &c->flow[i];
	return count;
}

static int write_kind(struct call *c, const struct kind *k, struct err *e)
{
	const struct record_query q = {.kind = k, .limit = 1};
	struct record_page page;
	struct jw *w = &c->w;
	int rc = record_list(c->tx, c->a, &c->who, &q, &page, e);

	if (rc < 0)
		return rc;
	jw_object(w);
	jw_kstr(w, "code", k->code);
	jw_kstr(w, "name", k->name);
	jw_kstr(w, "name_en", k->name_en);
	jw_kbool(w, "thing", k->thing);
	jw_key(w, "records");
	if (page.count >= 0)
		jw_int(w, page.count);
	else
		jw_null(w);
	jw_kbool(w, "more", page.more);
	jw_object_end(w);
	return 0;
}

static int write_kinds(struct call *c, const struct pack_info *p, struct err *e)
{
	const struct catalog *cat = c->site->catalog;
	int rc = 0;

	jw_key(&c->w, "kinds");
	jw_array(&c->w);
	for (int i = 0; i < cat->kinds && rc == 0; i++)
		if (is_of(cat->kind[i].pack, p) && cat->kind[i].secrecy <= c->who.scope.clearance)
			rc = write_kind(c, &cat->kind[i], e);
	jw_array_end(&c->w);
	return rc;
}

/* The journal has an entry for each conflict, and after them the one of the upgrade. */
static int write_conflicts(struct call *c, const struct pack_info *p, struct err *e)
{
	static const char *const kinds[] = {"pack.installed", "pack.conflict", NULL};
	const struct journal_filter f = {
	        .scope = &c->who.scope, .subject = "pack", .subject_id = p->code, .kinds = kinds};
	struct journal_entry *list = NULL;
	struct jw *w = &c->w;
	int n = 0, rc = journal_page(c->tx, 0, CONFLICTS_MAX + 1, &f, &list, &n, e);

	if (rc < 0)
		return rc;
	jw_key(w, "conflicts");
	jw_array(w);
	for (int i = 1; i < n && str_is(list[i].kind, "pack.conflict"); i++) {
		struct doc *payload = NULL;

		if (list[i].payload.n == 0 ||
		        doc_parse_json(c->a, list[i].payload, "payload", &payload, NULL) < 0)
			continue; /* erased */
		jw_object(w);
		jw_kstr(w, "part", doc_str(payload, "part", ""));
		jw_kstr(w, "row", doc_str(payload, "row", ""));
		jw_kstr(w, "field", doc_str(payload, "field", ""));
		jw_object_end(w);
	}
	jw_array_end(w);
	return 0;
}

static int write_pack(struct call *c, const struct pack_info *p, struct err *e)
{
	const struct catalog *cat = c->site->catalog;
	struct jw *w = &c->w;
	int rc;

	jw_object(w);
	jw_kstr(w, "code", p->code);
	jw_kstr(w, "version", p->version);
	jw_kstr(w, "name", p->name);
	jw_kstr(w, "name_en", p->name_en);
	jw_ktime(w, "at", p->at);
	jw_key(w, "requires");
	jw_array(w);
	for (int i = 0; i < p->needs; i++) {
		jw_object(w);
		jw_kstr(w, "code", p->need[i].code);
		jw_kstr(w, "version", p->need[i].version);
		jw_object_end(w);
	}
	jw_array_end(w);
	jw_kint(w, "categories", categories_of(cat, p));
	jw_kint(w, "rules", rules_of(cat, p));
	jw_kint(w, "flows", flows_of(cat, p));
	jw_kint(w, "indicators", indicators_of(cat, p));
	rc = write_kinds(c, p, e);
	if (rc == 0)
		rc = write_conflicts(c, p, e);
	jw_object_end(w);
	return rc;
}

int packs_get(struct call *c, struct err *e)
{
	const struct catalog *cat = c->site->catalog;
	int rc = 0;

	jw_object(&c->w);
	jw_key(&c->w, "items");
	jw_array(&c->w);
	for (int i = 0; i < cat->packs && rc == 0; i++)
		rc = write_pack(c, &cat->pack[i], e);
	jw_array_end(&c->w);
	jw_object_end(&c->w);
	return rc;
}
