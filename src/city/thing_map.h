/*
 * thing_map - things by code: a persistent map. A change makes a new map that shares with the one before all
 * that it does not touch, so that one thing of a million costs some tens of kilobytes to copy, and whoever
 * reads goes on reading what he has.
 *
 * Two ways in: by hash (one look, for readings), and in the order of the codes (for lists).
 *
 * Ownership: a thing is one allocation of the map's; what a change takes out of use goes to its litter, to be
 * freed when nobody reads the older map any more. Texts of kind, state, org and region are not copied: they
 * must outlive all maps.
 * Threads: a map never changes; making one from another is the caller's to serialise.
 * Never fails: memory of the process.
 */
#ifndef HEMING_CITY_THING_MAP_H
#define HEMING_CITY_THING_MAP_H

#include "base/base.h"
#include "base/geometry.h"
#include "base/time.h"

struct thing {
	const char *code, *name, *name_en;
	const char *kind, *state, *org, *region;
	const char *unit_region; /* the reporting unit that holds it, "" if none */
	struct geo_point at;     /* NaN if it has no place */
	const struct zone *zone; /* NULL: it says none of its own */
	int interval_s;          /* 0: so here */
	bool demo;
};
/* A copy of its own; the map frees it. */
struct thing *thing_copy(const struct thing *t);

struct thing_map;
struct thing_litter {
	void **p;
	size_t n, cap;
};
void thing_litter_free(struct thing_litter *l);

/* Takes n things over, sorted by code without doubles. */
struct thing_map *thing_map_new(struct thing *const *t, size_t n);
/* Of the last of a chain of maps: all that it holds. */
void thing_map_free(struct thing_map **m);

struct thing_change {
	const char *code;
	struct thing *now; /* taken over; NULL: it is gone */
};
/* Changes sorted by code without doubles. The litter gets what `m` alone has, `m` itself among it. */
struct thing_map *thing_map_change(
        struct thing_map *m, const struct thing_change *change, size_t n, struct thing_litter *l);

size_t thing_map_count(const struct thing_map *m);
const struct thing *thing_map_find(const struct thing_map *m, struct str code); /* NULL if none */

/* In the order of the codes, bytewise. Changes to the map's successors do not concern it. */
struct thing_walk {
	const struct thing_map *m;
	size_t chunk, at;
};
struct thing_walk thing_map_walk(const struct thing_map *m, const char *after); /* NULL: from the first */
const struct thing *thing_next(struct thing_walk *w);                           /* NULL at the end */
/* Bytes that the map holds, things and their texts among them, as malloc gives them. */
size_t thing_map_bytes(const struct thing_map *m);

#endif
