/*
 * registry - regions, orgs and things as now, in memory: an immutable snapshot that readers hold while
 * they look and a change replaces.
 *
 * Also what gives readings their virtual labels: region, org, kind of a thing.
 *
 * A million things take some 190 bytes each (docs/things.md); their attributes stay in the store, but
 * for the interval of their messages and their zone. A change
 * of things makes a new snapshot that shares with the one before what did not change (thing_map.h), in time
 * that does not depend on how many there are. Regions and orgs come with packs, which are installed while
 * nothing runs, and are loaded whole.
 *
 * Threads: holding and releasing never wait, for nobody; both are one atomic addition. Changes wait for each
 * other. What a snapshot alone has is freed when it and all before it are released: hold one for a request,
 * not for ever.
 */
#ifndef HEMING_CITY_REGISTRY_H
#define HEMING_CITY_REGISTRY_H

#include "city/account.h"
#include "city/catalog.h"
#include "city/thing_map.h"
#include "series/series.h"

struct region {
	const char *code, *parent, *name, *name_en;
	int level;                   /* 1 province 2 city 3 county 4 town 5 village */
	bool unit;                   /* a reporting unit 报送单元 */
	struct geo_point at;         /* NaN if not known */
	const struct geo_area *area; /* NULL if none */
	const char *geometry;        /* its GeoJSON text, "" if none */
	const char *zone_name;       /* as it says itself, "" if it does not */
	const struct zone
	        *zone; /* in the registry: its own, or that of the nearest it lies in; NULL if none */
};
struct org {
	const char *code, *parent, *kind, *region, *name, *name_en, *phone, *duties;
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
	const struct thing_map *things;
	uint64_t version; /* grows with each change */
};
struct registry;

/* The catalog says by which attributes things tell their own interval and zone; it outlives the registry.
 * NULL: they tell none. */
MUST_USE int registry_new(struct store *st, const struct catalog *c, struct registry **out, struct err *e);
void registry_free(struct registry **r);
/* Everything anew. */
MUST_USE int registry_reload(struct registry *r, struct store *st, struct err *e);
/* After a write that may have touched things: those of these codes as the store has them now. Codes that no
 * thing has, or ever had, do no harm. What fails is made good by the next call. */
MUST_USE int registry_follow(
        struct registry *r, struct store *st, const char *const *code, size_t n, struct err *e);
/* What has changed since a version: codes of things, added and removed ones among them; a code may come
 * twice. False: too much, or too long ago, to say: look at everything again. */
uint64_t registry_version(struct registry *r);
struct registry_changes {
	uint64_t version; /* to ask with next time */
	const char **code;
	int n;
};
bool registry_changes(struct registry *r, uint64_t since, struct arena *a, struct registry_changes *out);
/* The snapshot stays valid until the matching release. */
const struct snapshot *registry_hold(struct registry *r);
void registry_release(struct registry *r, const struct snapshot *s);
const struct region *snapshot_region(const struct snapshot *s, const char *code); /* NULL if none */
const struct org *snapshot_org(const struct snapshot *s, const char *code);
const struct thing *snapshot_thing(const struct snapshot *s, struct str code);
/* In the reader's scope, and of a kind that the clearance covers. */
bool thing_seen(const struct catalog *c, const struct who *who, const struct thing *t);
/* Its own, or its kind's; 0: nobody says. */
int thing_interval_s(const struct catalog *c, const struct thing *t);
/* Its own, its kind's, its region's, or the site's; t NULL: the site's. */
const struct zone *thing_zone(const struct catalog *c, const struct thing *t);
/* The reporting unit that a region belongs to (itself or an ancestor), NULL if none. */
const struct region *snapshot_unit(const struct snapshot *s, const char *code);
/* The scope of somebody who sees a reporting unit holds the towns it is made of: adds them to w, in the
 * arena. */
void who_widen(const struct snapshot *s, struct arena *a, struct who *w);
/* The smallest region whose area holds the point, NULL if none. */
const struct region *snapshot_locate(const struct snapshot *s, struct geo_point p);
/* Codes that stand for things which have others (merged devices): their series have the labels of the thing
 * that `target` names, or NULL. Before the registry is shared. */
void registry_set_alias(struct registry *r, const char *(*target)(void *ctx, struct str code), void *ctx);
/* names "kind", "org", "region"; ctx is the registry. */
struct series_virtual registry_virtual(struct registry *r);

/* The attributes of all things, which the snapshot does not hold, one after the other: a JSON object each;
 * the texts are valid during the call. A negative answer ends it. */
MUST_USE int things_attrs(struct store *st, int (*each)(void *ctx, const char *code, const char *attrs),
        void *ctx, struct err *e);

struct thing_in {
	const char *code, *kind, *name, *name_en, *org, *region;
	struct geo_point at;  /* NaN: none */
	const char *attrs;    /* JSON object or NULL */
	bool demo, keep_demo; /* as in struct record_in */
};
/* Adds or replaces things in one transaction, each checked against its kind; region "" is found from the
 * place. The registry follows. ERR_INVALID names the first bad one by its index in `line`. */
MUST_USE int thing_put(struct registry *r, struct store *st, const struct catalog *c,
        const struct thing_in *in, int n, const struct who *by, struct err *e);

#endif
