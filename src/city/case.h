/*
 * case - one instance of a flow, with a deadline, worked on by people of an org.
 *
 * A case keeps the flow version it began with. A step loads the flow state, asks the engine, applies its
 * events, writes tasks, timers, history, counters and journal entries, all in one transaction. Two people who
 * act on one task at once: the second gets ERR_STATE with who was faster.
 *
 * The deadline is for handling: category limit in working time from opening. A case is on time if it is
 * finished (its last `handle` task done) by then.
 */
#ifndef HEMING_CITY_CASE_H
#define HEMING_CITY_CASE_H

#include "city/alarm.h"

struct city_case {
	int64_t id;
	const char *code;                               /* AJ-20260714-0001 */
	const char *category, *title, *detail, *source; /* source: alarm hotline patrol manual import flow */
	const char *state;                              /* "open", "closed", "void" */
	const char *stage; /* stage of the open task: "handle" … ; "" when closed */
	int level;
	const char *region, *unit, *org, *thing;     /* org: whose turn it is */
	int64_t alarm, task;                         /* 0 if none; task: key of the open task */
	const char *task_name, *outcomes, *assignee; /* assignee: login or "" */
	time_us opened, deadline, finished, closed;
	bool overdue;
	int merged;      /* alarms in it */
	int64_t version; /* grows with every step; for ETag */
	const char *flow;
	int flow_version;
	double lon, lat; /* NaN if none */
	bool demo;
};
struct case_event { /* of a flow's start event */
	const struct flow_def *flow;
	const char *element;
	const struct feel_value *variables; /* what it brings, a context */
	const char *key;                    /* what later messages about the case say, "" none */
	int depth;                          /* of cases that began one another */
	const char *note;                   /* for the history */
};
struct case_open {
	const char *category, *title, *detail, *source, *region, *thing;
	const char *reporter;                   /* who told it, "" */
	int level;                              /* 0: the category's */
	struct geo_point at;                    /* NaN: the thing's */
	int64_t alarm;                          /* 0 if none */
	const struct feel_value *alarm_context; /* NULL if none */
	const char *org;                        /* "": the decision table's */
	time_us opened, deadline;               /* TIME_NONE: now, by the category */
	const struct case_event *event;         /* that begins it; NULL: the category says the flow */
};
/* Inside a write. Region of the thing or the place decides the reporting unit. */
MUST_USE int case_open_in(struct store_tx *tx, struct site *s, const struct case_open *in,
        const struct who *by, int64_t *id, struct err *e);
MUST_USE int case_open(
        struct site *s, const struct case_open *in, const struct who *by, int64_t *id, struct err *e);

/* ---- actions on the open task; version 0: do not compare, else ERR_CONFLICT if the case moved on ---- */

struct case_act {
	int64_t id, version;
	uint32_t task; /* 0: the one open task */
	const char *note;
	struct sb *faults; /* of completing: all that the task's form does not take, as JSON; NULL at will */
	bool chinese;      /* the language of its words */
};
MUST_USE int case_claim(struct site *s, const struct case_act *a, const struct who *by, struct err *e);
MUST_USE int case_release(struct site *s, const struct case_act *a, const struct who *by, struct err *e);
/* To another person (login) or org of the same duty; either may be NULL. */
MUST_USE int case_hand_over(struct site *s, const struct case_act *a, const char *login, const char *org,
        const struct who *by, struct err *e);
/* Completes the task with one of its outcomes ("done", "returned", "pass", "reject", "close", …). variables:
 * JSON object or NULL; where the task has a form, what was filled in, and ERR_INVALID for what the form does
 * not take. A handler must have claimed first; a claim is taken implicitly when nobody has it. */
MUST_USE int case_complete(struct site *s, const struct case_act *a, const char *outcome,
        struct str variables, const struct who *by, struct err *e);
/* A message that the flow waits for, by its name; ERR_STATE if it does not. variables: as of case_complete.
 */
MUST_USE int case_message(struct site *s, const struct case_act *a, const char *name, struct str variables,
        const struct who *by, struct err *e);
/* What the open task's form is drawn from. Texts are JSON, in the arena of the transaction. */
struct case_form {
	const char *id; /* "" if the task has none */
	const char *schema, *variables;
};
MUST_USE int case_form(struct store_tx *tx, struct site *s, const struct who *who, int64_t id,
        struct case_form *out, struct err *e);
MUST_USE int case_note(struct site *s, const struct case_act *a, const struct who *by, struct err *e);
/* Fires the timers that are due at `now`, at most `limit`; *next is the instant of the next one or TIME_NONE.
 * Called by the rules thread. */
MUST_USE int case_timers(struct site *s, time_us now, int limit, int *fired, time_us *next, struct err *e);

/* ---- taking over from elsewhere ---- */

struct case_import {
	struct case_open open; /* opened and deadline as the source says */
	const char *key;       /* the source's own number: a second import of it changes nothing */
	time_us closed;        /* TIME_NONE: still open */
};
/* In one transaction; `known` counts those that were there already. A closed one is taken through its flow by
 * the first outcome of each task, at the time of its closing. */
MUST_USE int case_import(
        struct site *s, const struct case_import *in, int n, const struct who *by, int *known, struct err *e);

/* ---- another version of the flow ---- */

struct case_migration {
	const char *flow;
	int from, to;                     /* versions; from 0: any other than `to`, to 0: the newest */
	const struct feel_value *renamed; /* ids of the old version -> ids of the new, a context, or NULL */
	bool look;                        /* only tell what would be */
};
struct case_move {
	int64_t id;
	const char *code;
	int from;
	bool moved;
	const char *why; /* it cannot: "element: reason; …"; "" if it can, or is closed by now */
};
/* Open cases of the flow that `by` sees, one transaction each; tells each of them. Texts of a move live in
 * the arena. ERR_NOTFOUND: there is no such flow or version. */
MUST_USE int case_migrate(struct site *s, const struct case_migration *m, const struct who *by,
        struct arena *a, void (*told)(void *ctx, const struct case_move *move), void *ctx, struct err *e);

/* ---- reading ---- */

struct case_filter {
	const char *state; /* "open", "closed", NULL: any */
	const char *stage, *region, *org, *category, *thing, *assignee,
	        *q;   /* NULL: any; q: in code and title */
	int level;    /* 0: any */
	bool overdue; /* only those */
	/* order: open cases by deadline, all others newest first; a cursor from the last row of the page
	 * before */
	time_us after_deadline;
	int64_t after_id;
	int limit; /* 1 … 500 */
};
MUST_USE int case_list(struct store_tx *tx, struct site *s, const struct who *who,
        const struct case_filter *f, struct city_case **out, int *n, struct err *e);
MUST_USE int case_get(struct store_tx *tx, struct site *s, const struct who *who, int64_t id,
        struct city_case *out, struct err *e);
/* id from its code or from digits; 0 if none. */
MUST_USE int case_find(struct store_tx *tx, const char *code, int64_t *id, struct err *e);
/* What `who` may do now with the open task: outcomes of it, and "claim", "release", "hand_over", "note". By
 * blanks. */
const char *case_actions(struct arena *a, struct site *s, const struct city_case *c, const struct who *who);

struct case_step { /* history */
	int64_t id;
	time_us at;
	const char *action, *account, *name, *org, *task, *outcome, *note, *element;
	const char *for_account, *for_name; /* whom somebody acted for, "" if nobody */
};
MUST_USE int case_history(struct store_tx *tx, const struct who *who, int64_t id, struct case_step **out,
        int *n, struct err *e);
/* Elements with an open token, and flows taken, for a drawing. NULL-ended lists of ids. */
MUST_USE int case_picture(struct store_tx *tx, struct site *s, const struct who *who, int64_t id,
        const char ***open, const char ***taken, const char **xml, struct err *e);

struct case_counts { /* of open cases in the scope; the hot counters */
	int64_t open, overdue, by_level[4];
	int64_t to_claim, handling, to_verify, due_soon; /* due_soon: within 1 h */
	int64_t opened_today, closed_today;
};
MUST_USE int case_counts(
        struct store_tx *tx, struct site *s, const struct who *who, struct case_counts *out, struct err *e);
struct unit_row { /* one reporting unit */
	const char *region;
	int64_t alarms, open, overdue, closed, closed_on_time; /* closed: in the present month */
};
MUST_USE int case_units(struct store_tx *tx, struct site *s, const struct who *who, struct unit_row **out,
        int *n, struct err *e);

#endif
