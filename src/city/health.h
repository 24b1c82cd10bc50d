/*
 * health - how the devices of things are: when each was heard last, how full its battery is, how far its
 * clock is off, how many of its readings get lost. Kept up as readings arrive.
 *
 * What is heard is counted by the code in the label `thing`, whether the registry knows it or not: a device
 * that waits in quarantine has its health too. Some 90 bytes a device that ever sent, 4 a series.
 *
 * Loss and skew are moving means over some 30 and 8 messages; they begin anew with each start of the program.
 * So does silence: it counts from when the program began to listen, or its clock jumped, since what could not
 * be heard says nothing about who spoke.
 *
 * Threads: any; observing is the committer's.
 */
#ifndef HEMING_CITY_HEALTH_H
#define HEMING_CITY_HEALTH_H

#include "city/registry.h"

#define HEALTH_SILENT_AFTER (15 * US_MINUTE) /* where a kind says no interval; else three of them */
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

struct thing_health {
	bool reports;   /* things of its kind measure something, or this one sent */
	time_us seen;   /* time of its newest reading, TIME_NONE */
	double battery; /* NaN: not known */
	double skew_s;  /* its clock is ahead by so much; NaN */
	double loss;    /* 0 … 1; NaN: no message since the start, or the kind has no interval */
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
/* Now and then, at least each minute: finds jumps of the clock. */
void health_tick(struct health *h);
/* Since when silence counts. */
time_us health_listening(struct health *h);
void health_of(struct health *h, const struct thing *t, time_us now, struct thing_health *out);
/* Of whoever sends under a code; false: nobody did. `flags` know no kind. */
bool health_of_code(struct health *h, struct str code, struct thing_health *out);

#endif
