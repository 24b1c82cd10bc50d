/* The city at a glance: what waits, where, and whether its sensors speak. */
#include "api/api_int.h"
#include "city/case.h"
#include "city/health.h"

static void write_counts(struct jw *w, const struct case_counts *n)
{
	jw_key(w, "counts");
	jw_object(w);
	jw_kint(w, "open", n->open);
	jw_kint(w, "overdue", n->overdue);
	jw_key(w, "by_level");
	jw_array(w);
	for (int i = 0; i < 4; i++)
		jw_int(w, n->by_level[i]);
	jw_array_end(w);
	jw_kint(w, "to_claim", n->to_claim);
	jw_kint(w, "handling", n->handling);
	jw_kint(w, "to_verify", n->to_verify);
	jw_kint(w, "due_soon", n->due_soon);
	jw_kint(w, "opened_today", n->opened_today);
	jw_kint(w, "closed_today", n->closed_today);
	jw_object_end(w);
}

static void write_units(struct call *c, const struct unit_row *u, int n)
{
	const struct snapshot *s = call_snapshot(c);
	struct jw *w = &c->w;

	jw_key(w, "units");
	jw_array(w);
	for (int i = 0; i < n; i++) {
		const struct region *r = snapshot_region(s, u[i].region);

		jw_object(w);
		jw_kstr(w, "region", u[i].region);
		jw_kstr(w, "name", r != NULL ? r->name : u[i].region);
		jw_kstr(w, "name_en", r != NULL ? r->name_en : u[i].region);
		jw_kint(w, "alarms", u[i].alarms);
		jw_kint(w, "open", u[i].open);
		jw_kint(w, "overdue", u[i].overdue);
		jw_kint(w, "closed", u[i].closed);
		jw_kint(w, "closed_on_time", u[i].closed_on_time);
		jw_object_end(w);
	}
	jw_array_end(w);
}

struct sources {
	struct call *c;
	int64_t things, never, silent;
};

static void add_sources(void *ctx, const struct health_group *g)
{
	struct sources *x = ctx;
	const struct thing one = {.kind = g->kind, .org = g->org, .region = g->region};

	if (!thing_seen(x->c->site->catalog, &x->c->who, &one))
		return;
	x->things += g->things;
	for (unsigned i = 0; i < HEALTH_FLAGS; i++) {
		x->never += 1u << i == HEALTH_NEVER ? g->flag[i] : 0;
		x->silent += 1u << i == HEALTH_SILENT ? g->flag[i] : 0;
	}
}

static void write_sources(struct call *c)
{
	struct sources x = {.c = c};

	health_groups(c->site->health, add_sources, &x);
	jw_key(&c->w, "sources");
	jw_object(&c->w);
	jw_kint(&c->w, "things", x.things);
	jw_kint(&c->w, "never", x.never);
	jw_kint(&c->w, "silent", x.silent);
	jw_object_end(&c->w);
}

int summary_get(struct call *c, struct err *e)
{
	time_us now = store_now(c->tx);
	struct case_counts counts;
	struct unit_row *units = NULL;
	int n = 0, rc = case_counts(c->tx, c->site, &c->who, &counts, e);

	if (rc == 0)
		rc = case_units(c->tx, c->site, &c->who, &units, &n, e);
	if (rc < 0)
		return rc;
	jw_object(&c->w);
	jw_ktime(&c->w, "now", now);
	write_counts(&c->w, &counts);
	write_units(c, units, n);
	write_sources(c);
	jw_object_end(&c->w);
	return 0;
}
