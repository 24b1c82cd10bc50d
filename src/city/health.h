/*
 * health - how the devices of things are: when each was heard last, how full its battery is, how far its
 * clock is off, how many of its readings get lost. Kept up as readings arrive, and the only place that says
 * who is silent: the map, the metric `heming_thing_health` that alarms ask, pages and lists read it here.
 *
 * What is heard is counted by the code in the label `thing`, whether the registry knows it or not: a device
 * that waits in quarantine has its health too. Some 100 bytes a device that sends or should, 4 a series.
 *
 * Who is silent is known at every instant without looking at all: each device stands in a queue by when it
 * will have been silent for too long. Tallies of things by what decides who sees them are kept as flags come
 * and go, so that an answer costs as much as there are such groups, however many things are in them.
 *
 * Loss and skew are moving means over some 30 and 8 messages; they begin anew with each start of the program.
 * So does silence of those who were not silent: it counts from when the program began to listen, or its clock
 * jumped, since what could not be heard says nothing about who spoke. Who was silent before stays so until
 * it is heard. At a start that is who was silent when the newest reading came; of a hundred devices one may
 * have a clock that is ahead without a say in that.
 *
 * Threads: any; observing is the committer's.
 */
#ifndef HEMING_CITY_HEALTH_H
#define HEMING_CITY_HEALTH_H

#include "city/registry.h"

#define HEALTH_SILENT_AFTER (15 * US_MINUTE) /* where nothing says an interval; else three of them */
#define HEALTH_SKEW_S 120.0                  /* a clock that is off by more is wrong */
#define HEALTH_LOSS 0.2                      /* share of readings, more is bad */
#define HEALTH_BATTERY_LOW 20.0              /* where a kind says no limit */

enum health_flag {
	HEALTH_NEVER = 1 << 0,  /* it never sent, and things of its kind do */
	HEALTH_SILENT = 1 << 1, /* it did, and does no more */
	HEALTH_LOW = 1 << 2,    /* battery */
	HEALTH_SKEWED = 1 << 3,
	HEALTH_LOSSY = 1 << 4,
};
#define HEALTH_FLAGS 5
extern const char
        *const health_flag_name[HEALTH_FLAGS]; /* "never", "silent", "low_battery", "skewed", "lossy" */
/* 0 if none has the name. */
unsigned health_flag_of(struct str name);

struct thing_health {
	bool reports;   /* things of its kind measure something, or this one sent */
	time_us seen;   /* time of its newest reading, TIME_NONE */
	double battery; /* NaN: not known */
	double skew_s;  /* its clock is ahead by so much; NaN */
	double loss;    /* 0 … 1; NaN: no message since the start, or no interval is known */
	int interval_s; /* 0: not known */
	unsigned flags;
};

struct health;
struct health *health_new(struct registry *r, const struct catalog *c, const struct clock *clock);
void health_free(struct health **h);
/* The series are open: what they hold is looked through, and listening begins. */
void health_begin(struct health *h, struct series_db *db);
/* As series_observe_f gets them. */
void health_observe(struct health *h, const struct series_point *p, size_t n, bool replay);
/* Now and then, at least each minute: finds jumps of the clock, and follows the registry. */
void health_tick(struct health *h);
/* Since when silence counts. */
time_us health_listening(struct health *h);
/* Of a thing, or of whoever else sends under a code; false: nobody did and no thing that should has it. */
bool health_of(struct health *h, struct str code, struct thing_health *out);

/* ---- of many ---- */

/* Things that report and are alike in what they are listed by. */
struct health_group {
	const char *kind, *state, *org, *region;
	const char *unit; /* the reporting unit of the region, "" if none */
	int64_t things, flag[HEALTH_FLAGS];
};
/* Each that has things, in no order, under a lock: `each` asks nothing of this. */
void health_groups(struct health *h, void (*each)(void *ctx, const struct health_group *g), void *ctx);
/* Each thing that has one of the flags, in no order, under a lock as above; a negative answer ends it. */
MUST_USE int health_each(struct health *h, unsigned flags,
        int (*each)(void *ctx, const char *code, const struct health_group *g, unsigned has), void *ctx);
/* Codes of the things that have one of the flags, sorted. False: they are more than `most`, or than the arena
 * holds. */
bool health_flagged(
        struct health *h, unsigned flags, size_t most, struct arena *a, const char ***code, size_t *n);

/* ---- following ---- */

/* Grows whenever the flags of somebody change; and by the clock alone when somebody falls silent. */
uint64_t health_version(struct health *h);
struct health_change {
	const char *code; /* valid as long as this is */
	unsigned flags;   /* as they are now */
};
/* Whose flags have changed since a version; a code may come twice. False: too much to say, ask for each.
 * *version: to ask with next time. */
bool health_changes(struct health *h, uint64_t since, struct arena *a, struct health_change **out, size_t *n,
        uint64_t *version);

#endif
