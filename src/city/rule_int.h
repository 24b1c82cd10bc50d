/*
 * rule_int - between the rules thread (rule.c), the state machine of alerts (rule_eval.c) and the checks of
 * arriving readings (rule_push.c).
 *
 * Threads: struct push belongs to the committer of series, all else to the rules thread; `lock` guards what
 * rules_view and rules_settle look at. The queue is the only way from one to the other.
 */
#ifndef HEMING_CITY_RULE_INT_H
#define HEMING_CITY_RULE_INT_H

#include "city/case_int.h"
#include "city/rule.h"

#include <pthread.h>

/* ---- from the committer to the rules thread ---- */

struct push_message {
	struct queue_node node; /* first */
	int rule;               /* index in the catalog */
	series_id id;
	time_us t;
	double v;
	bool hit, replay;
};

struct push; /* rule_push.c */
struct push *push__new(struct rules *r);
void push__free(struct push **p);
/* What was replayed before the series could be asked for labels. After series_open, before the thread runs.
 */
void push__replay(struct push *p);
/* Labels of an alert of the series, or false if the rule does not match it (any more). Rules thread. */
bool push__labels(struct rules *r, int rule, series_id id, struct arena *a, struct labels *out);

/* ---- rule_eval.c ---- */

enum alert_is { ALERT_INACTIVE, ALERT_PENDING, ALERT_FIRING };
struct alert {              /* one rule and label set */
	struct alert *next; /* in its bucket */
	int rule;           /* -1: the catalog has no such rule now */
	const char *name;
	struct labels labels;
	uint64_t hash;
	struct arena *a;
	enum alert_is is;
	time_us since, missed, told; /* missed: since when it only keeps firing; told: last refresh */
	double value;
	int unwritten;  /* events of it that wait */
	uint64_t round; /* of the last evaluation that saw it */
};
struct alert_change { /* waits to be written */
	struct alert *alert;
	enum alarm_state state;
	bool turn; /* it begins or ends to fire */
	time_us since, at;
	double value;
};
#define ALERT_BUCKETS 4096
struct alerts {
	struct alert *bucket[ALERT_BUCKETS];
	struct alert_change *change; /* in order */
	size_t changes, cap;
	uint64_t round;
	int pending, firing;
};

struct rule_state { /* under the lock */
	time_us next, last_eval;
	dur_us took;
	char error[256];
	int pending, firing;
};
struct rules {
	struct site *s;
	struct queue *q;
	struct push *push;
	struct alerts alerts;
	struct rule_state *state;
	pthread_t thread;
	bool started, stop; /* stop under the lock */
	pthread_mutex_t lock;
	pthread_cond_t settled;
	uint64_t wanted, done; /* settle tickets, under the lock */
	struct err trouble;    /* of the last round, under the lock; code 0: none */
	dur_us lease_asked;
	bool leads;
	bool starts_set; /* the timers of start events are those of the flows */
};

/* Reads the open alarms back. */
MUST_USE int alerts__load(struct rules *r, struct err *e);
void alerts__free(struct alerts *x);
/* One rule at its interval. */
void alerts__evaluate(struct rules *r, int rule, time_us now);
void alerts__push(struct rules *r, const struct push_message *m, time_us now);
/* Writes the waiting changes, in order. What could not be written stays. */
MUST_USE int alerts__flush(struct rules *r, struct err *e);
/* Result labels without the name, with the rule's. */
struct labels alert__labels(
        struct arena *a, const struct alert_rule *rule, const struct labels *result, double value, bool *ok);

#endif
