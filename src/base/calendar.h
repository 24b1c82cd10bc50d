/*
 * calendar - working time: which stretches of which days count.
 *
 * A calendar has working periods for each weekday, and named exceptions: holidays (no work) and
 * make-up days 调休 (work as on a given weekday). It is pure: immutable after building, no clock.
 * Time-limit types are those of GB/T 30428 practice: urgent hours run always, work hours only
 * inside periods, work days count days that have periods, natural days count all.
 */
#ifndef HEMING_CALENDAR_H
#define HEMING_CALENDAR_H

#include "base/time.h"

struct calendar;

struct calendar_period {
	int from_min, to_min; /* minutes after local midnight, from < to <= 1440 */
};

/* The caller owns it. zone is borrowed (zones live for ever). */
struct calendar *calendar_new(const struct zone *z);
void calendar_free(struct calendar **c);
/* weekday 0 Sunday … 6. Periods must be in order and apart. */
MUST_USE int calendar_set_weekday(
        struct calendar *c, int weekday, const struct calendar_period *p, int n, struct err *e);
void calendar_add_holiday(struct calendar *c, int year, int month, int day);
/* That date works with Monday's periods, whatever its weekday. */
void calendar_add_workday(struct calendar *c, int year, int month, int day);

bool calendar_is_workday(const struct calendar *c, int year, int month, int day);
/* The instant at which `work` microseconds of working time have passed since t (work >= 0). A result
 * that falls on a period's end stays there rather than moving to the next start.
 * TIME_NONE if the calendar has no working time at all, or none left before year 10000. */
time_us calendar_add(const struct calendar *c, time_us t, dur_us work);
/* Working time between a and b; negative if b < a. */
dur_us calendar_between(const struct calendar *c, time_us a, time_us b);

enum limit_unit { LIMIT_URGENT_HOUR, LIMIT_WORK_HOUR, LIMIT_WORK_DAY, LIMIT_NATURAL_DAY };
/* Deadline of `n` units from t (n >= 0); TIME_NONE as above. Work days: the end of the n-th working day after
 * the day of t (t itself on a day off counts from the next working day's start); natural days: t + n days on
 * the wall clock. A part of a work day is that part of the working time of the day that follows. */
time_us calendar_deadline(const struct calendar *c, time_us t, enum limit_unit unit, double n);
/* "2 urgent_hour", "4 work_hour", "3 work_day", "1 natural_day"; Chinese forms 2紧急工作时 4工作时
 * 4小时 3工作日 3天 1自然日 1紧急工作日 (a natural day), also with 个. */
MUST_USE bool limit_parse(struct str s, enum limit_unit *unit, double *n);
const char *limit_unit_name(enum limit_unit u); /* "urgent_hour" … */

#endif
