/* What the city is made of: regions, orgs, categories. */
#include "api/api_int.h"
#include "base/num.h"

static void items(struct jw *w)
{
	jw_object(w);
	jw_key(w, "items");
	jw_array(w);
}

static void items_end(struct jw *w)
{
	jw_array_end(w);
	jw_object_end(w);
}

int regions_get(struct call *c, struct err *e)
{
	const struct snapshot *s = call_snapshot(c);
	struct jw *w = &c->w;

	(void)e;
	items(w);
	for (int i = 0; i < s->regions; i++) {
		const struct region *r = &s->region[i];

		jw_object(w);
		jw_kstr(w, "code", r->code);
		jw_kstr(w, "parent", r->parent);
		jw_kint(w, "level", r->level);
		jw_kstr(w, "name", r->name);
		jw_kstr(w, "name_en", r->name_en);
		jw_kbool(w, "unit", r->unit);
		jw_kdouble(w, "lon", r->at.lon);
		jw_kdouble(w, "lat", r->at.lat);
		jw_kstr(w, "zone", r->zone != NULL ? zone_name(r->zone) : zone_name(c->site->catalog->zone));
		jw_object_end(w);
	}
	items_end(w);
	return 0;
}

int regions_geojson(struct call *c, struct err *e)
{
	const struct snapshot *s = call_snapshot(c);
	struct jw *w = &c->w;

	(void)e;
	c->mime = "application/geo+json";
	jw_object(w);
	jw_kstr(w, "type", "FeatureCollection");
	jw_key(w, "features");
	jw_array(w);
	for (int i = 0; i < s->regions; i++) {
		const struct region *r = &s->region[i];

		if (!r->unit || *r->geometry == '\0')
			continue;
		jw_object(w);
		jw_kstr(w, "type", "Feature");
		jw_kstr(w, "id", r->code);
		jw_key(w, "properties");
		jw_object(w);
		jw_kstr(w, "code", r->code);
		jw_kstr(w, "name", r->name);
		jw_kstr(w, "name_en", r->name_en);
		jw_kint(w, "level", r->level);
		jw_object_end(w);
		jw_key(w, "geometry");
		jw_raw(w, str_of(r->geometry));
		jw_object_end(w);
	}
	jw_array_end(w);
	jw_object_end(w);
	return 0;
}

int orgs_get(struct call *c, struct err *e)
{
	const struct snapshot *s = call_snapshot(c);
	struct jw *w = &c->w;

	(void)e;
	items(w);
	for (int i = 0; i < s->orgs; i++) {
		const struct org *o = &s->org[i];

		jw_object(w);
		jw_kstr(w, "code", o->code);
		jw_kstr(w, "parent", o->parent);
		jw_kstr(w, "kind", o->kind);
		jw_kstr(w, "region", o->region);
		jw_kstr(w, "name", o->name);
		jw_kstr(w, "name_en", o->name_en);
		jw_kstr(w, "phone", o->phone);
		jw_kstr(w, "duties", o->duties);
		jw_object_end(w);
	}
	items_end(w);
	return 0;
}

int categories_get(struct call *c, struct err *e)
{
	const struct catalog *k = c->site->catalog;
	struct jw *w = &c->w;

	(void)e;
	items(w);
	for (int i = 0; i < k->categories; i++) {
		const struct category *x = &k->category[i];
		char number[32];

		jw_object(w);
		jw_kstr(w, "code", x->code);
		jw_kstr(w, "parent", x->parent);
		jw_kstr(w, "name", x->name);
		jw_kstr(w, "name_en", x->name_en);
		jw_kstr(w, "flow", x->flow);
		num_format(x->limit, number);
		jw_kstr(w, "limit", arena_printf(c->a, "%s %s", number, limit_unit_name(x->unit)));
		jw_kint(w, "level", x->level);
		jw_object_end(w);
	}
	items_end(w);
	return 0;
}
