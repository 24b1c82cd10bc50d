/*
 * standby - a second folder that is kept a moment behind the site's: another disk, or one of another machine
 * that is mounted here. It can be made a site of its own when the first is lost.
 *
 * In the folder the file `standby` says what it is; its time is that of the last copy. While it is there no
 * program opens the folder as a site, and without it nothing is copied: neither over a site, nor onto the
 * wrong disk when the right one is not mounted.
 *
 * Records come first, then readings, as in a backup. With PostgreSQL readings alone are copied.
 *
 * Threads: one of its own; the functions may be called from any. Failure: is told (log, journal, state), and
 * tried again after a while that grows to a minute; the site itself never waits for the other disk, but at
 * its end.
 */
#ifndef HEMING_CITY_STANDBY_H
#define HEMING_CITY_STANDBY_H

#include "base/err.h"
#include "base/time.h"

struct site;
struct standby;

/* ERR_INVALID for a folder that can never be one. One that is not there now is waited for. */
MUST_USE int standby_start(
        struct site *s, const char *dir, dur_us every, struct standby **out, struct err *e);
/* Copies what is new once more, unless it failed the last time. */
void standby_stop(struct standby **s);

struct standby_state {
	const char *dir;
	bool ok;
	time_us copied;   /* by the site's clock; TIME_NONE: not yet */
	int64_t behind_b; /* bytes that wait */
	dur_us behind;    /* an upper bound: since the last copy, 0 if nothing waits */
	struct err why;   /* unless ok and before the first copy */
};
void standby_look(struct standby *s, struct standby_state *out);
/* The whole folder, as a site, into the new folder `to`; meanwhile nothing is copied. */
MUST_USE int standby_copy(struct standby *s, const char *to, struct err *e);

/* ---- of a folder whose site is not served ---- */

bool standby_is(const char *dir);
time_us standby_copied(const char *dir); /* TIME_NONE if it is none */
/* An empty folder, made if missing, becomes one. */
MUST_USE int standby_make(const char *dir, struct err *e);
/* As standby_copy; ERR_BUSY while a program copies into it. */
MUST_USE int standby_copy_folder(const char *dir, const char *to, struct err *e);
/* From now on it is a site. */
MUST_USE int standby_promote(const char *dir, struct err *e);

#endif
