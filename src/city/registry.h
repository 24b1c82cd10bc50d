/*
 * registry - regions, orgs and things as now, in memory: an immutable snapshot that readers hold while
 * they look and a change replaces.
 *
 * Also what gives readings their virtual labels: region, org, kind of a thing.
 */
#ifndef HEMING_CITY_REGISTRY_H
#define HEMING_CITY_REGISTRY_H

#include "city/account.h"
#include "city/catalog.h"
#include "series/series.h"

struct region {
	const char *code, *parent, *name, *name_en;
	int level;                   /* 1 province 2 city 3 county 4 town 5 village */
	bool unit;                   /* a reporting unit 报送单元 */
	struct geo_point at;         /* NaN if not known */
	const struct geo_area *area; /* NULL if none */
	const char *geometry;        /* its GeoJSON text, "" if none */
};
struct org {
	const char *code, *parent, *kind, *region, *name, *name_en, *phone, *duties;
};
struct thing {
	const char *code, *kind, *name, *name_en, *org, *region;
	const char *unit_region; /* the reporting unit that holds it, "" if none */
	struct geo_point at;
	const char *attrs; /* JSON object text of the kind's fields */
	bool demo;
};
struct unit_part { /* a region that belongs to a reporting unit and does not begin as its code does */
	const char *unit, *code;
};
struct snapshot {
	const struct region *region; /* sorted by code; so the others */
	int regions;
	const struct unit_part *part; /* without those that lie in another one of the same unit */
	int parts;
	const struct org *org;
	int orgs;
	const struct thing *thing;
	int things;
};
struct registry;

MUST_USE int registry_new(struct store *st, struct registry **out, struct err *e);
void registry_free(struct registry **r);
MUST_USE int registry_reload(struct registry *r, struct store *st, struct err *e);
/* Calls f(ctx, code) after a change can be seen: of the thing of that code, or NULL where any may have
 * changed. On the thread that changed it: f takes note of it and returns. One listener; f NULL: none. */
void registry_listen(struct registry *r, void (*f)(void *ctx, const char *code), void *ctx);
/* The snapshot stays valid until the matching release. */
const struct snapshot *registry_hold(struct registry *r);
void registry_release(struct registry *r, const struct snapshot *s);
const struct region *snapshot_region(const struct snapshot *s, const char *code); /* NULL if none */
const struct org *snapshot_org(const struct snapshot *s, const char *code);
const struct thing *snapshot_thing(const struct snapshot *s, struct str code);
/* In the reader's scope, and of a kind that the clearance covers. */
bool thing_seen(const struct catalog *c, const struct who *who, const struct thing *t);
/* The reporting unit that a region belongs to (itself or an ancestor), NULL if none. */
const struct region *snapshot_unit(const struct snapshot *s, const char *code);
/* The scope of somebody who sees a reporting unit holds the towns it is made of: adds them to w, in the
 * arena. */
void who_widen(const struct snapshot *s, struct arena *a, struct who *w);
/* The smallest region whose area holds the point, NULL if none. */
const struct region *snapshot_locate(const struct snapshot *s, struct geo_point p);
/* names "kind", "org", "region"; ctx is the registry. */
struct series_virtual registry_virtual(struct registry *r);

struct thing_in {
	const char *code, *kind, *name, *name_en, *org, *region;
	struct geo_point at; /* NaN: none */
	const char *attrs;   /* JSON object or NULL */
	bool demo;
};
/* Adds or replaces things in one transaction, each checked against its kind; region "" is found from the
 * place. Reloads the registry. ERR_INVALID names the first bad one by its index in `line`. */
MUST_USE int thing_put(struct registry *r, struct store *st, const struct catalog *c,
        const struct thing_in *in, int n, const struct who *by, struct err *e);

#endif
