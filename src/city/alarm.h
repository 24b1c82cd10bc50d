/*
 * alarm - an alert of a rule that concerns people: opened, refreshed, acknowledged, resolved.
 *
 * Opening an alarm runs the decision `dispatch` and, unless that says otherwise, opens a case in the same
 * transaction; an alarm of a thing that already has an open case of the same category joins that case.
 */
#ifndef HEMING_CITY_ALARM_H
#define HEMING_CITY_ALARM_H

#include "city/site.h"

enum alarm_state { ALARM_PENDING, ALARM_FIRING, ALARM_RESOLVED };
const char *alarm_state_name(enum alarm_state s); /* "pending" … */

struct alarm {
	int64_t id;
	const char *rule, *thing, *region, *org;
	const char *summary, *labels; /* labels: JSON object */
	enum alarm_state state;
	int level;                            /* 1 red … 4 blue */
	double value;                         /* newest */
	double threshold;                     /* NaN if the rule is no plain comparison */
	time_us since, fired, resolved, seen; /* TIME_NONE where not yet */
	int64_t case_id;                      /* 0 if none */
	int64_t acked_by;
	time_us acked;
};
struct alarm_event {
	const struct alert_rule *rule;
	const struct labels *labels; /* of the alert: result labels + rule labels, without __name__ */
	enum alarm_state state;
	double value;
	time_us since, at;
};
/* Inside a write: takes one change of state. PENDING and RESOLVED touch only the row; FIRING opens or joins a
 * case. *id is the alarm. Idempotent: the same event again changes nothing. */
MUST_USE int alarm_take(
        struct store_tx *tx, struct site *s, const struct alarm_event *ev, int64_t *id, struct err *e);
MUST_USE int alarm_ack(struct site *s, int64_t id, const struct who *by, struct err *e);

struct alarm_filter {
	bool open;          /* pending or firing only; else all */
	const char *region; /* code prefix; NULL: any */
	const char *thing, *rule;
	int64_t before; /* id < before, for the next page; 0: from the newest */
	int limit;      /* 1 … 500 */
};
MUST_USE int alarm_list(struct store_tx *tx, const struct who *who, const struct alarm_filter *f,
        struct alarm **out, int *n, struct err *e);
MUST_USE int alarm_get(
        struct store_tx *tx, const struct who *who, int64_t id, struct alarm *out, struct err *e);
/* Alarms that fired in each of the last `hours` hours, oldest first, by level: count[h * 4 + level - 1]. */
MUST_USE int alarm_hours(struct store_tx *tx, const struct who *who, int hours, int *count, struct err *e);

#endif
