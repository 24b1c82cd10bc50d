/*
 * calendar - working time: which stretches of which days count.
 *
 * A calendar has shifts for each weekday, and named exceptions: holidays (no work) and make-up days 调休
 * (work as on a given weekday). A shift may run past midnight; it belongs to the day on which it begins,
 * and what it brings into the next day counts once, also where that day's own shifts begin meanwhile.
 *
 * Where clocks are put back, a shift that began in the hour that comes twice goes on through its second pass;
 * where they are put forward, it is as much shorter.
 *
 * It is built, then calendar_ready() once, then only asked: immutable, any thread, no clock. Answers take
 * microseconds over any number of years. Working time is exact both ways:
 *
 *   calendar_between(c, t, calendar_add(c, t, w)) == w
 *   calendar_between(c, calendar_sub(c, t, w), t) == w
 *
 * Where the answer falls into a gap there is a choice: adding gives the end of the work before the gap,
 * subtracting the beginning of the work after it. So neither way ever names an instant inside a gap.
 *
 * Time-limit types are those of GB/T 30428 practice: urgent hours run always, work hours only
 * inside periods, work days count days that have periods, natural days count all.
 */
#ifndef HEMING_CALENDAR_H
#define HEMING_CALENDAR_H

#include "base/time.h"

struct calendar;

/* Minutes after local midnight, from < to. A shift ends at most a day after it began (to <= from + 1440), and
 * begins on its day (from < 1440). */
struct calendar_period {
	int from_min, to_min;
};
#define CALENDAR_PERIODS_MAX 12 /* of one weekday */

/* The caller owns it. zone is borrowed (zones live for ever). */
struct calendar *calendar_new(const struct zone *z);
void calendar_free(struct calendar **c);
/* weekday 0 Sunday … 6. Periods must be in order and apart; only the last may run past midnight. */
MUST_USE int calendar_set_weekday(
        struct calendar *c, int weekday, const struct calendar_period *p, int n, struct err *e);
/* name: of the holiday, "" if none; copied. A later word about the same day replaces the earlier one. */
void calendar_add_holiday(struct calendar *c, int year, int month, int day, const char *name);
/* That date works with the shifts of weekday `as`, whatever its own. */
void calendar_add_workday(struct calendar *c, int year, int month, int day, int as, const char *name);
/* Every holiday of that year is in. A calendar with one such year lacks all others, see calendar_lacks(). */
void calendar_add_year(struct calendar *c, int year);
/* After the last change and before the first question. */
void calendar_ready(struct calendar *c);

bool calendar_is_workday(const struct calendar *c, int year, int month, int day);
/* The instant at which `work` microseconds of working time have passed since t (work >= 0); t itself for 0.
 * TIME_NONE if the calendar has no working time at all, or none left before year 10000. */
time_us calendar_add(const struct calendar *c, time_us t, dur_us work);
/* The latest instant from which `work` of working time passes until t; t itself for 0. TIME_NONE as above, or
 * if none is left after year -6060. */
time_us calendar_sub(const struct calendar *c, time_us t, dur_us work);
/* Working time between a and b; negative if b < a. */
dur_us calendar_between(const struct calendar *c, time_us a, time_us b);

enum limit_unit { LIMIT_URGENT_HOUR, LIMIT_WORK_HOUR, LIMIT_WORK_DAY, LIMIT_NATURAL_DAY };
/* Deadline of `n` units from t (n >= 0); TIME_NONE as above. Work days: the end of the n-th working day after
 * the day of t (t itself on a day off counts from the next working day's start); natural days: t + n days on
 * the wall clock. A part of a work day is that part of what is worked until the end of the day that follows.
 */
time_us calendar_deadline(const struct calendar *c, time_us t, enum limit_unit unit, double n);
/* "2 urgent_hour", "4 work_hour", "3 work_day", "1 natural_day"; Chinese forms 2紧急工作时 4工作时
 * 4小时 3工作日 3天 1自然日 1紧急工作日 (a natural day), also with 个. */
MUST_USE bool limit_parse(struct str s, enum limit_unit *unit, double *n);
const char *limit_unit_name(enum limit_unit u); /* "urgent_hour" … */

/* ---- looking at a calendar: to show it, and to explain what came out ---- */

struct calendar_day {
	int weekday; /* 0 Sunday … 6 */
	int as;      /* the weekday whose shifts it has; -1: none, it is a holiday */
	bool make_up;
	const char *name; /* of the holiday or make-up day, "" if none; the calendar's */
	bool work_day;    /* shifts begin on it */
	bool known;       /* its year's holidays are in, or the calendar does not go by years */
	/* What is worked of the date itself, in order and apart, within 00:00 to 24:00: with the rest of a
	 * shift of the day before, without what comes after midnight. The calendar's. */
	const struct calendar_period *period;
	int periods;
};
/* day: days since 1970 of a local date. */
void calendar_look(const struct calendar *c, int64_t day, struct calendar_day *out);
int64_t calendar_day_of(const struct calendar *c, time_us t); /* the local date of t */
time_us calendar_day_begin(const struct calendar *c, int64_t day);
const struct zone *calendar_zone(const struct calendar *c);
/* The shifts of a weekday as they were set. */
int calendar_weekday(const struct calendar *c, int weekday, const struct calendar_period **p);
/* The years whose holidays are in, rising. */
int calendar_years(const struct calendar *c, const int **year);
/* The first year between two instants whose holidays are not in; 0: none, or the calendar does not go by
 * years. What was computed across it may change when they are announced. */
int calendar_lacks(const struct calendar *c, time_us a, time_us b);

#endif
