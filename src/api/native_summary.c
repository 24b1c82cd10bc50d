/* The city at a glance: what waits, where, and whether its sensors speak. */
#include "api/api_int.h"
#include "city/case.h"
#include "city/health.h"

#define SEEN_WITHIN (5 * US_MINUTE)

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

static bool should_report(const struct catalog *k, const struct thing *t)
{
	const struct kind *x = catalog_kind(k, t->kind);

	return x != NULL && x->quantities > 0;
}

static void write_sources(struct call *c, time_us now)
{
	struct thing_walk walk = thing_map_walk(call_snapshot(c)->things, NULL);
	int64_t things = 0, heard = 0;

	for (const struct thing *t; (t = thing_next(&walk)) != NULL;) {
		struct thing_health h;

		if (!should_report(c->site->catalog, t) || !thing_seen(c->site->catalog, &c->who, t))
			continue;
		health_of(c->site->health, t, now, &h);
		things++;
		heard += h.seen != TIME_NONE && h.seen >= now - SEEN_WITHIN;
	}
	jw_key(&c->w, "sources");
	jw_object(&c->w);
	jw_kint(&c->w, "things", things);
	jw_kint(&c->w, "seen_5m", heard);
	jw_kint(&c->w, "silent", things - heard);
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
	write_sources(c, now);
	jw_object_end(&c->w);
	return 0;
}
