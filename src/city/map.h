/*
 * map - things and their firing alarms by place, for maps of a million of them: vector tiles with clusters,
 * counts and a list of what is in view.
 *
 * Every answer is one reader's: what lies out of the scope, or is of a kind that the clearance does not
 * cover, is in no cluster and no count. An alarm or a case that the reader may not see does not colour the
 * thing that has it.
 *
 * A map may be drawn in GCJ-02 or BD-09, as the base maps of Chinese providers are (map_ask.crs): then boxes,
 * tiles and the places of answers are those of that system, on the same square of web maps, and a thing is in
 * the tile in which its shifted place lies. Each system that was asked for has an index of its own.
 *
 * Things without a place are not on the map. It follows the registry and the journal: an ask first takes in
 * what has changed since the last one, so that nobody is answered from before an own change that the journal
 * shows. Whether a
 * thing is silent, or never spoke, is what health says (health.h).
 *
 * Threads: any. Changes are taken in under a lock that asks share, in steps of one thing.
 * Errors: those of the store, when what has changed cannot be read.
 */
#ifndef HEMING_CITY_MAP_H
#define HEMING_CITY_MAP_H

#include "base/point_index.h"
#include "city/site.h"

#define MAP_ZOOM_MOST 22
#define MAP_ZOOM_ALL 17 /* from here on every point is shown by itself */

enum map_layer { MAP_THINGS, MAP_ALARMS, MAP_LAYERS };
enum map_state {
	MAP_ALARM = 1 << 0,  /* an alarm of it fires */
	MAP_CASE = 1 << 1,   /* it has an open case */
	MAP_SILENT = 1 << 2, /* HEALTH_SILENT */
	MAP_ACKED = 1 << 3,  /* of an alarm: somebody has seen it */
	MAP_NEVER = 1 << 4,  /* HEALTH_NEVER */
};
#define MAP_STATES 5
const char *map_state_name(enum map_state s); /* "alarm" … */

struct city_map;
struct city_map *map_new(struct site *s);
void map_free(struct city_map **m);
/* Takes in by itself what nobody asks about, so that who asks does not wait. After the series are open;
 * map_stop before they close. */
void map_start(struct city_map *m);
void map_stop(struct city_map *m);
/* Takes in what has changed; the first time, everything. Asks do so by themselves. */
MUST_USE int map_update(struct city_map *m, struct err *e);

struct map_ask {
	const struct who *who;
	enum map_layer layer;
	enum geo_crs crs;         /* of boxes, tiles and answers */
	const char *const *kinds; /* NULL-ended, any of them; NULL: all */
	unsigned levels;          /* 1 << level, any of them, 1 << 0 without an alarm; 0: all */
	unsigned states;          /* any of them; 0: all */
};
/* Appends the tile. ERR_INVALID where zoom or place are out of range. */
MUST_USE int map_tile(struct city_map *m, const struct map_ask *ask, int64_t z, int64_t x, int64_t y,
        struct sb *out, struct err *e);

struct map_kind_count {
	const char *kind;
	uint32_t n;
};
struct map_counts {
	uint32_t total, of_level[5], of_state[MAP_STATES];
	struct map_kind_count *kind; /* by code; those that are there */
	int kinds;
};
MUST_USE int map_count(struct city_map *m, const struct map_ask *ask, const struct geo_box *box,
        struct arena *a, struct map_counts *out, struct err *e);

struct map_item {
	int64_t alarm;                            /* 0: a thing */
	const char *code, *kind, *name, *name_en; /* of the thing */
	const char *rule, *summary;               /* of the alarm, "" of a thing */
	int level;                                /* 0 none */
	unsigned states;
	struct geo_point at;
};
/* What lies in the box, the gravest first, at most `limit` of it. */
MUST_USE int map_list(struct city_map *m, const struct map_ask *ask, const struct geo_box *box, int limit,
        struct arena *a, struct map_item **out, int *n, struct err *e);

#endif
