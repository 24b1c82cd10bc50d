/*
 * map_int - what stands on the map: tables that map.c changes one thing at a time, that map_tile.c reads, and
 * that map_feed.c keeps in step with registry, journal and health.
 *
 * Only who holds `changing` changes anything, and takes `lock` for writing as briefly as it takes to do so;
 * who asks shares `lock`. Codes of kinds, regions and orgs, and of things, are numbers here.
 */
#ifndef HEMING_CITY_MAP_INT_H
#define HEMING_CITY_MAP_INT_H

#include "base/intern.h"
#include "city/map.h"

#include <pthread.h>
#include <stdatomic.h>

#define NO_NOTE UINT32_MAX

/* What decides who sees a point and how it is counted. Its bytes are its key: no padding. */
struct map_class {
	uint32_t kind, region, org;       /* of the thing */
	uint32_t alarm_region, alarm_org; /* of the gravest alarm; 0 without one */
	uint32_t case_scope;              /* number of the open case's struct map_case + 1; 0: none */
	uint32_t level;                   /* 0 without an alarm */
	uint32_t mark;                    /* of a thing: MAP_SILENT or MAP_NEVER; an alarm is acknowledged */
};
struct map_case { /* who sees a case */
	uint32_t region, org, owner;
};
struct map_spot {    /* a thing; its number is that of its code */
	char *names; /* name NUL name_en NUL */
	struct geo_cell at;
	uint32_t kind, region, org, case_scope;
	uint32_t note;     /* its first alarm; NO_NOTE */
	uint32_t round;    /* of the registry, when it was last seen there */
	uint8_t mute;      /* MAP_SILENT, MAP_NEVER, or 0 */
	bool here, placed; /* here: the registry has it */
};
struct map_note { /* a firing alarm */
	int64_t id;
	char *words; /* rule NUL summary NUL */
	uint32_t spot, next, region, org;
	uint32_t level;
	bool acked;
};
struct map_points {
	struct point_index
	        *ix[GEO_CRS]; /* ids are numbers of spots, or of notes; NULL: nobody has asked in it */
	struct intern classes;
};
struct city_map {
	struct site *site;
	pthread_rwlock_t lock;
	struct intern codes, things, cases;
	struct map_spot *spot;
	size_t spots_cap;
	struct map_note *note;
	size_t notes, notes_cap;
	uint32_t note_free;
	struct map_points layer[MAP_LAYERS];
	atomic_uint shown; /* 1 << enum geo_crs: those that have an index */

	/* map_feed.c */
	pthread_mutex_t changing;
	bool filled;
	uint32_t round;
	int64_t seq;              /* the journal was read up to here */
	uint64_t version;         /* and the registry */
	_Atomic(uint64_t) seen;   /* that version, for who asks */
	_Atomic(uint64_t) health; /* and that of health */
	struct journal_watch *watch;
	atomic_uint heard, done; /* how often something has changed, and how much of that was taken in */
	pthread_mutex_t hear;
	pthread_cond_t wake;
	pthread_t thread;
	bool running, stopping;
};

struct map_thing {
	const char *code, *kind, *name, *name_en, *region, *org;
	struct geo_point at; /* NaN: it has no place */
	unsigned mute;
};
struct map_alarm {
	int64_t id;
	const char *rule, *summary, *region, *org;
	int level;
	bool acked;
};

/* All of these by who holds `changing`; texts are copied. */
void map__tables_init(struct city_map *m);
void map__tables_fini(struct city_map *m);
/* Into empty tables, n things of different codes: as many map__thing, but faster. */
void map__fill(struct city_map *m, const struct map_thing *t, size_t n);
void map__thing(struct city_map *m, const struct map_thing *t);
void map__thing_gone(struct city_map *m, const char *code);
void map__alarm(struct city_map *m, const char *thing, const struct map_alarm *x);
void map__alarm_gone(struct city_map *m, const char *thing, int64_t id);
/* region NULL: it has no open case. */
void map__case(struct city_map *m, const char *thing, const char *region, const char *org, const char *owner);
void map__mute(struct city_map *m, uint32_t spot, unsigned mute);
/* From here on the map is there in that system too. */
void map__show_in(struct city_map *m, enum geo_crs crs);
uint32_t map__spot_of(const struct city_map *m, const char *code); /* INTERN_NONE if it never was */
size_t map__bytes(const struct city_map *m);

/* map_feed.c: takes in what has changed, and makes the map in that system if there is none yet. */
MUST_USE int map__ready(struct city_map *m, enum geo_crs crs, struct err *e);

/* map_tile.c, for who asks of tables that nobody feeds, in a system that is shown. */
void map__tile(struct city_map *m, const struct map_ask *ask, int z, uint32_t x, uint32_t y, struct sb *out);
void map__count(struct city_map *m, const struct map_ask *ask, const struct geo_box *box, struct arena *a,
        struct map_counts *out);

#endif
